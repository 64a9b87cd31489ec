"""The flows without a network, a clock or chance."""

from __future__ import annotations

import json
from typing import Any, List, Optional

import pytest

from errand_client import Task, Unreachable
from errand_client.flows import (
    Broken,
    Flow,
    Patience,
    Pause,
    Send,
    TaskFollower,
    Watch,
    exchange,
    wait,
)
from errand_client.requests import Reply, event_stream, get


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def reply(**said: Any) -> Reply:
    return Reply(200, {}, json.dumps({"id": "t", **said}).encode())


def test_pauses_grow_to_a_bound_and_end() -> None:
    clock = Clock()
    flow = exchange(get("t"), Patience(60, clock, lambda: 1.0))
    pauses: List[float] = []
    with pytest.raises(Unreachable):
        effect = flow.send(None)
        while True:
            if isinstance(effect, Pause):
                pauses.append(effect.seconds)
                clock.now += effect.seconds
                effect = flow.send(None)
            else:
                effect = flow.send(Broken("refused", was_sent=False))
    assert pauses[:7] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert max(pauses) == 5.0
    assert 55 <= sum(pauses) <= 60


def test_chance_halves_a_pause_at_most() -> None:
    tries = Patience(60, Clock(), lambda: 0.0).begin()
    assert tries.pause(Unreachable("x")).seconds == 0.05


def test_a_server_that_says_when_is_believed() -> None:
    flow = exchange(get("t"), Patience(60, Clock(), lambda: 0.0))
    assert isinstance(flow.send(None), Send)
    busy = Reply(503, {"retry-after": "3"}, b'{"code":"unavailable"}')
    assert flow.send(busy) == Pause(3.0)


def test_a_waiting_task_is_watched_and_not_asked_in_a_circle() -> None:
    clock = Clock()
    flow = wait("t", None, (), Patience(60, clock))
    waiting = reply(status="waiting", waiting_for="children")
    assert flow.send(None) == Send(get("t", 30_000).request)
    asked = flow.send(waiting)
    assert isinstance(asked, Send)
    assert "/events?after=0" in asked.request.target
    # The state is looked at once more after the last event is known, so that none is missed.
    events = Reply(200, {}, b'{"items":[{"seq":1,"kind":"submitted"},{"seq":4,"kind":"waiting"}]}')
    assert flow.send(events) == Send(get("t", 30_000).request)
    watch = flow.send(waiting)
    assert isinstance(watch, Watch)
    assert watch.request == event_stream("t", 4)
    assert isinstance(flow.send(None), Send)
    assert returned(flow, reply(status="completed")).status == "completed"


def test_a_server_that_answers_too_early_is_not_asked_in_a_circle() -> None:
    flow = wait("t", None, (), Patience(60, Clock()))
    flow.send(None)
    assert isinstance(flow.send(reply(status="running")), Pause)


def test_a_wait_asks_for_no_longer_than_it_has() -> None:
    clock = Clock()
    flow = wait("t", 1.5, (), Patience(60, clock))
    assert flow.send(None) == Send(get("t", 1500).request)
    clock.now = 1.25
    assert flow.send(reply(status="running")) == Send(get("t", 250).request)
    clock.now = 1.6
    assert flow.send(reply(status="running")) == Send(get("t").request)
    assert returned(flow, reply(status="running")).status == "running"


def test_a_task_that_was_retried_is_followed_past_its_first_end() -> None:
    follower = TaskFollower("t", 0, Patience(60, Clock()))
    for seq, kind in enumerate(("submitted", "failed", "retry_requested"), 1):
        follower.received(kind, str(seq), json.dumps({"seq": seq, "kind": kind}))
    assert isinstance(follower.go_on(None).send(None), Pause)
    follower.received("failed", "4", json.dumps({"seq": 4, "kind": "failed"}))
    assert returned(follower.go_on(None), None) is False


def returned(flow: Flow[Any], outcome: Optional[Reply]) -> Any:
    with pytest.raises(StopIteration) as end:
        flow.send(outcome)
    value = end.value.value
    assert isinstance(value, (Task, bool))
    return value
