"""Connections that break, and servers that die and come back."""

from __future__ import annotations

import json
import socket as sockets
import threading
from typing import Any, Dict, List, Optional, Union

import pytest
from harness import DEADLINE_S, Server, Socket, answer, face

from errand_client import Errand, Event, Progress, Unreachable

TASK = json.dumps({"id": "t1", "status": "queued"}).encode()
HOLD = """
import errand
print("before")
first = errand.wait_signal("go")
print("between")
result = [first, errand.wait_signal("go")]
"""


def broken(_: bytes) -> Optional[bytes]:
    return None


def body_of(request: bytes) -> Dict[str, Any]:
    body = json.loads(request.partition(b"\r\n\r\n")[2])
    assert isinstance(body, dict)
    return body


def test_a_submit_is_repeated_with_the_same_key(kind: str) -> None:
    accepted = answer("202 Accepted", TASK)
    half = accepted[: len(accepted) // 2]
    scripts = (broken, lambda _: half, lambda _: accepted)
    with Socket(*scripts) as socket, face(kind)(socket.url, "t") as errand:
        assert errand.submit("python", {"code": "1"}).id == "t1"
        bodies = [body_of(request) for request in socket.requests]
    assert len(bodies) == 3
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(bodies[0]["idempotency_key"]) >= 32


def test_a_batch_is_repeated_with_the_same_keys(kind: str) -> None:
    accepted = answer("202 Accepted", b'{"items":[%s,%s]}' % (TASK, TASK))
    with Socket(broken, lambda _: accepted) as socket, face(kind)(socket.url, "t") as errand:
        errand.submit_batch([{"executor": "a"}, {"executor": "a", "idempotency_key": "mine"}])
        first, second = (body_of(request) for request in socket.requests)
    assert first == second
    keys = [task["idempotency_key"] for task in first["tasks"]]
    assert keys[1] == "mine"
    assert keys[0] != "mine"


@pytest.mark.parametrize("call", ["retry", "signal", "delete", "decide", "put_context"])
def test_what_may_have_arrived_is_not_done_twice(kind: str, call: str) -> None:
    arguments: Dict[str, List[Any]] = {
        "signal": ["go"],
        "decide": ["approve"],
        "put_context": [{}],
    }
    more = arguments.get(call, [])
    accepted = answer("200 OK", TASK)
    with Socket(broken, lambda _: accepted) as socket, face(kind)(socket.url, "t") as errand:
        with pytest.raises(Unreachable):
            getattr(errand, call)("x", *more)
        assert len(socket.requests) == 1


def test_a_stopping_server_is_asked_again(kind: str) -> None:
    problem = b'{"status":503,"code":"unavailable","detail":"it is stopping"}'
    stopping = answer("503 Service Unavailable", problem)
    scripts = (lambda _: stopping, lambda _: answer("200 OK", TASK))
    with Socket(*scripts) as socket, face(kind)(socket.url, "t") as errand:
        assert errand.get("t1").status == "queued"


def test_no_server_is_unreachable(kind: str) -> None:
    with sockets.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with face(kind)(url, "t", patience_s=0.3) as errand:
        for call in (errand.get, errand.wait, errand.retry):
            with pytest.raises(Unreachable):
                call("x")
        with pytest.raises(Unreachable):
            list(errand.events("x"))


def test_a_half_artifact_leaves_no_file(kind: str, tmp_path: Any) -> None:
    half = answer("200 OK", b"0123456789")[:-5]
    with Socket(lambda _: half) as socket, face(kind)(socket.url, "t") as errand:
        with pytest.raises(Unreachable):
            errand.save_artifact("t", "a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def sse(*seqs: int, end: str = "log") -> bytes:
    """Writes events without an end of the answer, so that it breaks off after them."""
    text = (
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for seq in seqs:
        data = json.dumps({"seq": seq, "kind": end if seq == seqs[-1] else "log", "data": {}})
        message = f"id: {seq}\nevent: log\ndata: {data}\n\n"
        text += f"{len(message):x}\r\n{message}\r\n"
    return text.encode()


def test_a_stream_goes_on_after_the_last_event_it_had(kind: str) -> None:
    scripts = (
        lambda _: sse(1, 2),
        broken,
        # Some are sent again, and a message of a kind that nobody knows yet.
        lambda _: sse(2, 3) + b'2b\r\nevent: later\ndata: {"what": "of a new kind"}\n\n\r\n',
        lambda _: sse(4, 5, end="completed") + b"0\r\n\r\n",
    )
    with Socket(*scripts) as socket, face(kind)(socket.url, "t") as errand:
        seqs = [said.seq for said in errand.events("t1") if isinstance(said, Event)]
        assert seqs == [1, 2, 3, 4, 5]
        assert [last_event_id(request) for request in socket.requests] == ["0", "2", "2", "3"]


def last_event_id(request: bytes) -> str:
    lines = request.decode().split("\r\n")
    (said,) = (line for line in lines if line.lower().startswith("last-event-id:"))
    return said.partition(":")[2].strip()


def test_events_go_on_after_the_server_was_killed(mortal: Server, kind: str) -> None:
    with face(kind)(mortal.url, mortal.agent_token) as errand:
        task = errand.submit("python", {"code": HOLD})
        said: List[Union[Event, Progress]] = []
        waits = 0
        for one in errand.events(task.id):
            said.append(one)
            if isinstance(one, Event) and one.kind == "waiting":
                waits += 1
                mortal.kill()
                mortal.start()
                errand.signal(task.id, "go", waits)
        events = [one for one in said if isinstance(one, Event)]
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert events[-1].kind == "completed"
        assert errand.result(task.id)["result"] == [1, 2]
        logged = "".join(event.data["text"] for event in events if event.kind == "log")
        assert logged == "before\nbetween\n"


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_wait_goes_on_after_the_server_went_away(mortal: Server, kind: str, how: str) -> None:
    make = face(kind)
    with (
        make(mortal.url, mortal.agent_token) as errand,
        Errand(mortal.url, mortal.agent_token) as other,
    ):
        busy = other.submit("python", {"code": "import errand\nwhile True: pass"})
        held = other.submit("python", {"code": HOLD})
        outputs: List[Any] = []
        waiting = [
            threading.Thread(target=lambda: outputs.append(errand.wait(busy.id).status)),
            threading.Thread(target=lambda: outputs.append(errand.result(held.id)["result"])),
        ]
        for thread in waiting:
            thread.start()
        other.wait(held.id, stop_at={"signal"})
        next(e for e in other.events(busy.id) if isinstance(e, Event) and e.kind == "started")
        getattr(mortal, how)()
        mortal.start()
        other.signal(held.id, "go", "a")
        other.signal(held.id, "go", "b")
        other.cancel(busy.id)
        for thread in waiting:
            thread.join(DEADLINE_S)
        assert len(outputs) == 2
        assert "cancelled" in outputs
        assert ["a", "b"] in outputs
