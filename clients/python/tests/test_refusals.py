"""What the server refuses, as the errors that callers see."""

from __future__ import annotations

import pytest
from harness import Server, Socket, answer, face

from errand_client import (
    ErrandError,
    Invalid,
    NotAllowed,
    NotFound,
    ServerFault,
    TooBusy,
    Unsupported,
)
from errand_client.errors import refusal


@pytest.mark.parametrize("token", ["wrong", "errand_0000"])
def test_a_bad_token_is_not_allowed(server: Server, kind: str, token: str) -> None:
    with face(kind)(server.url, token) as errand:
        for call in (errand.list, errand.executors, lambda: errand.events("x")):
            with pytest.raises(NotAllowed) as refused:
                next(iter(call()))
            assert (refused.value.status, refused.value.code) == (401, "unauthenticated")
            assert token not in repr(refused.value)


def test_a_token_without_the_right_is_not_allowed(server: Server, kind: str) -> None:
    with face(kind)(server.url, server.token("reader", ["read"])) as errand:
        with pytest.raises(NotAllowed) as refused:
            errand.submit("python", {"code": "1"})
        assert (refused.value.status, refused.value.code) == (403, "forbidden")


def test_an_unknown_task_is_not_found(server: Server, kind: str) -> None:
    with face(kind)(server.url, server.agent_token) as errand:
        for task_id in ("0" * 26, "no such/thing?", "..", ""):
            for call in (errand.get, errand.wait, errand.result, errand.cancel, errand.retry):
                with pytest.raises(NotFound):
                    call(task_id)
            with pytest.raises(NotFound):
                list(errand.events(task_id))


def test_another_namespaces_task_is_not_found(server: Server, kind: str) -> None:
    make = face(kind)
    stranger = server.token("stranger", ["read", "submit"], "elsewhere")
    with make(server.url, server.agent_token) as errand, make(server.url, stranger) as other:
        task = errand.submit("python", {"code": "result = 1"})
        for call in (other.get, other.result, other.cancel, other.artifacts, other.tree):
            with pytest.raises(NotFound):
                call(task.id)
        with pytest.raises(NotFound):
            list(other.events(task.id))
        assert task.id not in {one.id for one in other.list()}
        with pytest.raises(ErrandError):
            other.submit("python", {"code": "1"}, namespace="default")
        assert errand.result(task.id)["result"] == 1


def test_what_is_wrong_is_pointed_at(server: Server, kind: str) -> None:
    with face(kind)(server.url, server.agent_token) as errand:
        with pytest.raises(Invalid) as refused:
            errand.submit("python", {"code": 1, "args": "no list"})
        assert set(refused.value.pointers) == {"/input/code", "/input/args"}
        assert all(fault.message for fault in refused.value.faults)
        with pytest.raises(Invalid) as refused:
            errand.submit("python", {"code": "1"}, limits={"fuel": -1})
        assert refused.value.pointers == ("/limits/fuel",)
        with pytest.raises(Invalid) as refused:
            errand.submit("no-such-executor", {})
        assert refused.value.pointers == ("/executor",)
        with pytest.raises(Invalid) as refused:
            next(iter(errand.list(status="lost")))
        assert [fault.parameter for fault in refused.value.faults] == ["status"]


def test_what_is_not_json_is_not_sent(server: Server, kind: str) -> None:
    with face(kind)(server.url, server.agent_token) as errand:
        with pytest.raises(ValueError, match="JSON"):
            errand.submit("python", {"code": float("nan")})
        with pytest.raises(TypeError):
            errand.submit("python", {"code": object()})


def test_a_full_queue_says_when_to_come_back(kind: str) -> None:
    problem = b'{"status":429,"code":"queue_full","detail":"the queue is full"}'
    full = answer("429 Too Many Requests", problem, "retry-after: 7")
    with Socket(lambda _: full) as socket, face(kind)(socket.url, "t") as errand:
        with pytest.raises(TooBusy) as refused:
            errand.submit("python", {})
        assert (refused.value.code, refused.value.retry_after) == ("queue_full", 7.0)


def test_an_answer_that_is_no_json_is_the_servers_fault(kind: str) -> None:
    odd = answer("200 OK", b"<html>", kind="text/html")
    with Socket(lambda _: odd) as socket, face(kind)(socket.url, "t") as errand:
        with pytest.raises(ServerFault) as refused:
            errand.get("x")
        assert refused.value.code == "not_understood"


def test_codes_go_before_statuses_and_new_ones_count_as_their_status() -> None:
    said = refusal(422, {}, b'{"code":"unsupported","detail":"schedules are not supported"}')
    assert isinstance(said, Unsupported)
    assert isinstance(refusal(422, {}, b'{"code":"new_kind_of_wrong"}'), Invalid)
    assert isinstance(refusal(404, {}, b"<html>"), NotFound)
    assert isinstance(refusal(502, {}, b"<html>"), ServerFault)
    assert isinstance(refusal(503, {"retry-after": "soon"}, b"[]"), TooBusy)
    odd = refusal(418, {}, b'{"code":"teapot","errors":7}')
    assert type(odd) is ErrandError
    assert (odd.code, odd.status) == ("teapot", 418)
