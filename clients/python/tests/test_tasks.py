"""What the clients do, against the real server; each test for both of them."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import uuid
from pathlib import Path

import pytest
from harness import Server, face

from errand_client import (
    Conflict,
    ContextEvent,
    Errand,
    Event,
    Invalid,
    NotAllowed,
    NotFinished,
    NotFound,
    Progress,
    Task,
    TaskFailed,
)

ASK = 'import errand\nanswer = errand.approve("Go?", "**really**")\nresult = answer.verdict'
HOLD = 'import errand\nresult = errand.wait_signal("go")'


def python(errand: Errand, code: str, **said: object) -> Task:
    return errand.submit("python", {"code": code, **said})


def test_a_task_is_submitted_and_its_output_fetched(errand: Errand) -> None:
    task = errand.submit("python", {"code": "result = 6 * 7"}, labels={"of": "a-test"}, priority=3)
    assert task.status in ("queued", "running", "completed")
    assert errand.result(task.id)["result"] == 42
    done = errand.get(task.id)
    assert done.is_terminal
    assert (done.status, done.labels, done.priority) == ("completed", {"of": "a-test"}, 3)
    assert done.executor.startswith("python@")
    assert done.progress.fuel_used > 0
    assert done.created_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.finished_at


def test_a_function_is_called_by_its_name(errand: Errand) -> None:
    found = {one.name: one for one in errand.executors()}
    functions = [function.name for function in found["wordcount"].functions]
    assert found["python"].kind == "native"
    assert found["wordcount"].kind == "functions"
    with pytest.raises(Invalid) as refused:
        errand.submit("wordcount", {}, function="no-such")
    assert refused.value.pointers == ("/function",)
    assert functions


def test_a_failure_says_what_failed(errand: Errand) -> None:
    task = errand.submit("python", {"code": "raise ValueError('no')"}, retry={"max_attempts": 1})
    with pytest.raises(TaskFailed) as failed:
        errand.result(task.id)
    assert failed.value.code == "executor_failed"
    assert "ValueError" in failed.value.message + str(failed.value.detail)
    assert failed.value.task.status == "failed"
    assert errand.retry(task.id).id == task.id
    assert errand.wait(task.id).attempt == 2


def test_a_limit_ends_a_task(errand: Errand) -> None:
    task = errand.submit("python", {"code": "while True: pass"}, limits={"fuel": 1_000_000_000})
    with pytest.raises(TaskFailed) as failed:
        errand.result(task.id)
    assert failed.value.code == "fuel_exhausted"
    assert failed.value.detail["limit"] == "fuel"


def test_a_cancelled_task_has_failed(errand: Errand) -> None:
    task = python(errand, "while True: pass")
    errand.cancel(task.id, "a test")
    with pytest.raises(TaskFailed) as failed:
        errand.result(task.id)
    assert failed.value.code == "cancelled"
    assert errand.cancel(task.id).status == "cancelled"
    errand.delete(task.id)
    with pytest.raises(NotFound):
        errand.get(task.id)


def test_wait_gives_the_task_back_when_the_time_is_up(errand: Errand) -> None:
    task = python(errand, HOLD)
    assert errand.wait(task.id, 60, stop_at="signal").waiting_for == "signal"
    assert errand.wait(task.id, 0).status == "waiting"
    assert errand.wait(task.id, 0.3).status == "waiting"
    with pytest.raises(NotFinished) as late:
        errand.result(task.id, 0.2)
    assert late.value.task.id == task.id
    errand.signal(task.id, "go", {"n": 1})
    assert errand.result(task.id)["result"] == {"n": 1}
    with pytest.raises(Conflict):
        errand.signal(task.id, "go")


def test_result_outlives_what_a_task_waits_for(errand: Errand, server: Server) -> None:
    task = python(errand, HOLD + '\nresult = [result, errand.wait_signal("go")]')
    errand.wait(task.id, stop_at={"signal"})
    # Of another client: the second wait starts while the first one is under way.
    with Errand(server.url, server.agent_token) as other:
        steps = iter(other.events(task.id))

        def act() -> None:
            next(e for e in steps if isinstance(e, Event) and e.kind == "waiting")
            other.signal(task.id, "go", 1)
            next(e for e in steps if isinstance(e, Event) and e.kind == "waiting")
            other.signal(task.id, "go", 2)

        acting = threading.Thread(target=act)
        acting.start()
        assert errand.result(task.id)["result"] == [1, 2]
        acting.join()


def test_events_come_in_order_with_progress_and_end(errand: Errand) -> None:
    code = """
import errand
for done in range(3):
    errand.progress(done, 3, f"step {done}")
    print("line", done, "with a separator \\u2028 in it")
errand.emit("milestone", {"x": 1})
for _ in range(3_000_000): pass
errand.progress(3, 3, "done")
"""
    task = python(errand, code)
    said = list(errand.events(task.id))
    events = [one for one in said if isinstance(one, Event)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[0].kind == "submitted"
    assert events[-1].kind == "completed"
    assert events[-1].is_terminal
    text = "".join(event.data["text"] for event in events if event.kind == "log")
    assert "line 2 with a separator \u2028 in it" in text
    assert any(event.kind == "emitted" for event in events)
    # The same again from the middle, and after the end.
    assert [e.seq for e in errand.events(task.id, 2) if isinstance(e, Event)] == list(
        range(3, len(events) + 1)
    )
    assert list(errand.events(task.id, len(events))) == []


def test_live_progress_comes_between_events(errand: Errand) -> None:
    task = python(errand, 'import errand\nerrand.progress(1, 2, "half")\nwhile True: pass')
    for said in errand.events(task.id):
        if isinstance(said, Progress) and said.message == "half":
            assert (said.done, said.total) == (1, 2)
            assert said.fuel_limit == 10_000_000_000_000
            errand.cancel(task.id)
            break
    assert errand.wait(task.id).status == "cancelled"


def test_the_same_key_is_the_same_task(errand: Errand) -> None:
    key = uuid.uuid4().hex
    first = errand.submit("python", {"code": "result = 1"}, idempotency_key=key)
    assert errand.submit("python", {"code": "result = 1"}, idempotency_key=key).id == first.id
    with pytest.raises(Conflict):
        errand.submit("python", {"code": "result = 2"}, idempotency_key=key)


def test_a_batch_is_all_or_none(errand: Errand) -> None:
    label = uuid.uuid4().hex
    with pytest.raises(Invalid) as refused:
        errand.submit_batch(
            [{"executor": "python", "input": {"code": "1"}}, {"executor": "no-such"}]
        )
    assert refused.value.pointers[0].startswith("/tasks/1")
    tasks = errand.submit_batch(
        {"executor": "python", "input": {"code": f"result = {n}"}, "labels": {"batch": label}}
        for n in range(3)
    )
    assert [errand.result(task.id)["result"] for task in tasks] == [0, 1, 2]
    listed = [task.id for task in errand.list(label=f"batch:{label}")]
    assert listed == [task.id for task in reversed(tasks)]
    assert list(errand.list(label=f"batch:{label}", status="failed")) == []


def test_lists_go_on_over_pages(errand: Errand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errand_client.requests.PAGE", 2)
    label = uuid.uuid4().hex
    tasks = errand.submit_batch(
        {"executor": "python", "input": {"code": "1"}, "labels": {"page": label}} for _ in range(5)
    )
    newest_first = [task.id for task in reversed(tasks)]
    assert [task.id for task in errand.list(label=f"page:{label}")] == newest_first
    for limit in (0, 1, 3, 9):
        some = [task.id for task in errand.list(label=f"page:{label}", limit=limit)]
        assert some == newest_first[:limit]


def test_children_are_in_the_tree(errand: Errand) -> None:
    code = """
import errand
ids = [errand.spawn("python", {"code": f"result = {n}"}) for n in (1, 2)]
result = [output["result"] for output in errand.gather(ids)]
"""
    task = python(errand, code)
    assert errand.result(task.id)["result"] == [1, 2]
    tree = errand.tree(task.id)
    assert [one.parent_id for one in tree.items] == [None, task.id, task.id]
    assert not tree.truncated


def test_artifacts_are_listed_read_and_saved(errand: Errand, tmp_path: Path) -> None:
    code = "import os\nos.mkdir('out')\nopen('out/a b.txt', 'w').write('0123456789')"
    task = errand.submit("python", {"code": code}, artifacts=["out/**"])
    errand.result(task.id)
    (artifact,) = errand.artifacts(task.id)
    assert (artifact.path, artifact.size_bytes) == ("out/a b.txt", 10)
    assert artifact.media_type.startswith("text/plain")
    assert errand.read_artifact(task.id, "out/a b.txt") == b"0123456789"
    assert errand.read_artifact(task.id, "out/a b.txt", offset=3, length=4) == b"3456"
    assert errand.read_artifact(task.id, "out/a b.txt", offset=8) == b"89"
    with pytest.raises(Invalid) as refused:
        errand.read_artifact(task.id, "out/a b.txt", offset=10)
    assert refused.value.status == 416
    assert errand.save_artifact(task.id, "out/a b.txt", tmp_path / "a.txt") == 10
    assert (tmp_path / "a.txt").read_bytes() == b"0123456789"
    with pytest.raises(NotFound):
        errand.save_artifact(task.id, "no-such", tmp_path / "b.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    for path in ("../artifacts", "", "out/../../../tokens"):
        with pytest.raises(NotFound):
            errand.read_artifact(task.id, path)


def test_a_workspace_is_uploaded_and_its_changes_shown(errand: Errand, tmp_path: Path) -> None:
    archive = tmp_path / "files.tar"
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("note.txt")
        entry.size = 6
        tar.addfile(entry, io.BytesIO(b"before"))
    blob = errand.upload_blob(archive.read_bytes())
    assert errand.upload_blob(archive) == blob
    with archive.open("rb") as file:
        assert errand.upload_blob(file) == blob
    assert errand.upload_blob(io.BytesIO(archive.read_bytes())) == blob
    source, sink = os.pipe()

    def feed() -> None:
        with os.fdopen(sink, "wb") as end:
            end.write(archive.read_bytes())

    feeding = threading.Thread(target=feed)
    feeding.start()
    with os.fdopen(source, "rb") as pipe:
        assert errand.upload_blob(pipe) == blob
    feeding.join()
    assert blob.size_bytes == archive.stat().st_size
    task = errand.submit(
        "python",
        {"code": "open('note.txt', 'w').write('after')\nopen('new', 'w').write('x')"},
        workspace={"from": "tar", "blob": blob.blake3},
    )
    errand.result(task.id)
    diff = errand.diff(task.id)
    assert [change.path for change in diff.added] == ["new"]
    assert [(change.path, change.size_bytes) for change in diff.modified] == [("note.txt", 5)]
    assert diff.deleted == []
    assert "-before" in errand.patch(task.id)


def test_a_person_decides_and_an_agent_does_not(errand: Errand, server: Server, kind: str) -> None:
    task = python(errand, ASK)
    assert errand.wait(task.id, stop_at={"approval"}).waiting_for == "approval"
    (approval,) = errand.approvals("pending", task.id)
    assert (approval.title, approval.detail, approval.decided) == ("Go?", "**really**", None)
    with pytest.raises(NotAllowed) as refused:
        errand.decide(approval.id, "approve")
    assert (refused.value.status, refused.value.code) == (403, "forbidden")
    with face(kind)(server.url, server.token("person", ["read", "approve"])) as person:
        with pytest.raises(Conflict):
            person.decide(approval.id, "approve", digest="0" * 64)
        decided = person.decide(approval.id, "approve", digest=approval.digest, comment="yes")
        assert decided.decided is not None
        assert (decided.status, decided.decided.comment) == ("approved", "yes")
        with pytest.raises(Conflict):
            person.decide(approval.id, "approve")
    assert errand.approval(approval.id).status == "approved"
    assert errand.result(task.id)["result"] == "approved"


def test_a_conversation_has_state_and_events(errand: Errand) -> None:
    thread = uuid.uuid4().hex
    first = errand.put_context(thread, {"n": 1}, if_match="0")
    second = errand.put_context(thread, {"n": 2}, if_match=first.version)
    with pytest.raises(Conflict) as refused:
        errand.put_context(thread, {"n": 3}, if_match=first.version)
    assert refused.value.status == 412
    tasks = [errand.submit("python", {"code": "result = 1"}, context_id=thread) for _ in range(2)]
    for task in tasks:
        errand.result(task.id)
    context = errand.context(thread)
    assert (context.state, context.version) == ({"n": 2}, second.version)
    assert {task.id for task in context.tasks} == {task.id for task in tasks}
    said = list(errand.context_events(thread))
    for task in tasks:
        seqs = [one.event.seq for one in said if one.task_id == task.id]
        assert seqs == list(range(1, len(seqs) + 1))
    assert said[-1].cursor is not None
    assert list(errand.context_events(thread, said[-1].cursor)) == []
    # A stream goes on without an end: it says the same, and then what comes.
    stream = errand.context_events(thread, follow=True)
    live = [next(stream) for _ in said]
    assert [(e.task_id, e.event.seq) for e in live] == [(e.task_id, e.event.seq) for e in said]
    more = errand.submit("python", {"code": "result = 1"}, context_id=thread)
    came = next(stream)
    assert isinstance(came, ContextEvent)
    assert (came.task_id, came.event.kind) == (more.id, "submitted")
    stream.close()
