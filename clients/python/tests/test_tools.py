"""The tools, as an agent's framework sees and calls them."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import typing
from typing import Any, Dict, Iterator

import pytest
from harness import Server, Socket, answer

from errand_client import Errand, Progress, tools


@pytest.fixture
def client(server: Server) -> Iterator[Errand]:
    with Errand(server.url, server.agent_token) as client:
        yield client


@pytest.fixture
def agent(client: Errand) -> tools.AgentTools:
    return tools.AgentTools(client)


def submit(agent: tools.AgentTools, code: str, **said: Any) -> str:
    task = agent.submit_task("python", json.dumps({"code": code}), **said)
    assert "error" not in task, task
    assert isinstance(task["task_id"], str)
    return task["task_id"]


def ended(agent: tools.AgentTools, task_id: str) -> Dict[str, Any]:
    task = agent.wait_for_task(task_id, timeout_s=60)
    assert task["status"] in ("completed", "failed", "cancelled")
    return task


def test_the_tools_are_functions_of_the_module_too() -> None:
    for tool in tools.for_agents():
        ours: Any = tool
        assert ours.__func__ is getattr(tools, ours.__name__).__func__


@pytest.mark.parametrize(
    "tool", [*tools.for_agents(), *tools.for_async_agents()], ids=lambda tool: tool.__name__
)
def test_a_tool_says_all_that_a_framework_reads(tool: Any) -> None:
    signature, hints = inspect.signature(tool), typing.get_type_hints(tool)
    for parameter in signature.parameters.values():
        assert parameter.annotation in (str, int, float)
        assert hints[parameter.name] is parameter.annotation
    assert hints["return"] == Dict[str, Any]
    doc = inspect.getdoc(tool)
    assert doc is not None
    summary, _, rest = doc.partition("\n\n")
    assert summary.endswith(".")
    assert "Returns:\n    " in rest
    described = re.findall(r"^    (\w+): \w", rest.partition("Returns:")[0], re.MULTILINE)
    assert described == list(signature.parameters)


def test_no_tool_approves() -> None:
    names = " ".join(tool.__name__ for tool in tools.for_agents())
    assert not re.search("approv|decide|deny", names)


def test_a_task_is_handed_over_and_its_files_read(agent: tools.AgentTools) -> None:
    code = "open('a.txt', 'w').write('grün')\nopen('b.bin', 'wb').write(b'\\xff\\x00')\nresult = 42"
    task_id = submit(agent, code, artifacts="a.txt, *.bin", idempotency_key="of-the-tools-test")
    assert (
        submit(agent, code, artifacts="a.txt, *.bin", idempotency_key="of-the-tools-test")
        == task_id
    )
    task = ended(agent, task_id)
    assert (task["status"], task["output"]["result"], task["executor"]) == (
        "completed",
        42,
        "python",
    )
    files = agent.list_artifacts(task_id)["artifacts"]
    assert [file["path"] for file in files] == ["a.txt", "b.bin"]
    assert agent.read_artifact(task_id, "a.txt")["text"] == "grün"
    assert agent.read_artifact(task_id, "b.bin")["base64"] == "/wA="
    # A part never ends within a character.
    part = agent.read_artifact(task_id, "a.txt", max_bytes=3)
    assert (part["text"], part["next_offset"], part["size_bytes"]) == ("gr", 2, 5)
    rest = agent.read_artifact(task_id, "a.txt", offset=part["next_offset"])
    assert (rest["text"], "next_offset" in rest) == ("ün", False)
    assert agent.read_artifact(task_id, "a.txt", offset=9)["text"] == ""
    events = agent.get_task_events(task_id, limit=2)
    assert [event["seq"] for event in events["events"]] == [1, 2]
    assert events["more"] is True
    assert task_id in {task["task_id"] for task in agent.list_tasks("completed")["tasks"]}
    assert "python" in {one["name"] for one in agent.list_executors()["executors"]}


def test_a_wait_tells_how_far_a_task_is(agent: tools.AgentTools, client: Errand) -> None:
    task_id = submit(agent, 'import errand\nerrand.progress(1, 2, "half")\nwhile True: pass')
    said = client.events(task_id)
    next(one for one in said if isinstance(one, Progress) and one.message == "half")
    said.close()
    task = agent.wait_for_task(task_id, timeout_s=1)
    assert task["status"] == "running"
    assert (task["progress"]["done"], task["progress"]["message"]) == (1, "half")
    agent.cancel_task(task_id, "enough")
    assert ended(agent, task_id)["error"]["code"] == "cancelled"


@pytest.mark.parametrize(
    ("said", "least_ms", "most_ms"),
    [({}, 3000, 3500), ({"timeout_s": 20}, 19_000, 19_500), ({"timeout_s": 1e9}, 30_000, 30_000)],
)
def test_a_wait_asks_for_less_than_four_seconds_unless_told(
    said: Dict[str, float], least_ms: int, most_ms: int
) -> None:
    done = answer("200 OK", b'{"id": "t", "status": "completed", "output": 7}')
    with Socket(lambda _: done) as socket, Errand(socket.url, "t") as client:
        assert tools.AgentTools(client).wait_for_task("t", **said)["output"] == 7
        (asked,) = re.findall(r"wait_ms=(\d+)", socket.requests[0].decode())
    assert least_ms <= int(asked) <= most_ms


def test_a_wait_tells_at_once_that_a_person_is_needed(
    agent: tools.AgentTools, client: Errand
) -> None:
    task_id = submit(agent, 'import errand\nresult = errand.approve("Go?").verdict')
    task = agent.wait_for_task(task_id, timeout_s=60)
    assert (task["status"], task["waiting_for"]) == ("waiting", "approval")
    (approval,) = task["approvals"]
    assert (approval["id"], approval["title"]) == (f"{task_id}.1", "Go?")
    assert approval["url"] == f"{client.url}/approvals/{task_id}.1"
    assert approval["command"] == f"errand approve {task_id}.1"
    agent.cancel_task(task_id)
    assert "approvals" not in agent.get_task(task_id)


def test_what_a_person_has_to_decide_below_a_task_is_told_with_it(
    agent: tools.AgentTools, client: Errand
) -> None:
    asks = "import errand; errand.approve(str(errand.input['n']))"
    spawns = f"errand.spawn('python', {{'code': {asks!r}, 'n': n}}) for n in range(2)"
    task_id = submit(agent, f"import errand\nerrand.gather([{spawns}])")
    assert client.wait(task_id, stop_at="children").waiting_for == "children"
    for child in client.tree(task_id).items[1:]:
        client.wait(child.id, stop_at="approval")
    task = agent.get_task(task_id)
    assert sorted(approval["title"] for approval in task["approvals"]) == ["0", "1"]
    agent.cancel_task(task_id)


def test_a_signal_and_a_retry_reach_a_task(agent: tools.AgentTools, client: Errand) -> None:
    task_id = submit(agent, 'import errand\nresult = errand.wait_signal("go")')
    agent.send_signal(task_id, "go", '{"n": 1}')
    client.wait(task_id)
    assert ended(agent, task_id)["output"]["result"] == {"n": 1}
    assert agent.retry_task(task_id)["error"]["code"] == "conflict"


def test_errors_are_answers(agent: tools.AgentTools, server: Server) -> None:
    assert agent.get_task("no-such")["error"]["code"] == "not_found"
    assert agent.read_artifact("no-such", "x")["error"]["code"] == "not_found"
    assert agent.submit_task("python", "{not json")["error"]["code"] == "invalid"
    wrong = agent.submit_task("python", '{"code": 1}')["error"]
    assert wrong["code"] == "invalid"
    assert [fault["pointer"] for fault in wrong["faults"]] == ["/input/code"]
    with Errand(server.url, "wrong") as stranger:
        refused = tools.AgentTools(stranger).list_tasks()
    assert refused["error"]["code"] == "unauthenticated"


def test_coroutine_tools_leave_the_loop_alone(client: Errand) -> None:
    async def talk() -> Dict[str, Any]:
        made = {tool.__name__: tool for tool in tools.for_async_agents(client)}
        code = 'import errand\nresult = errand.wait_signal("go")'
        held = await made["submit_task"]("python", json.dumps({"code": code}))
        task_id = held["task_id"]
        # The wait would last if it kept the loop from sending the signal.
        output = asyncio.create_task(asyncio.to_thread(client.result, task_id))
        waiting = asyncio.create_task(made["wait_for_task"](task_id, 60))
        await made["send_signal"](task_id, "go", "7")
        assert (await waiting)["task_id"] == task_id
        said = await output
        assert isinstance(said, dict)
        return said

    assert asyncio.run(talk())["result"] == 7


def test_module_functions_use_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ERRAND_TOKEN", raising=False)
    made = tools.AgentTools()
    assert "tasks" in made.list_tasks()
    made._client().close()
