"""What takes more than one request: repeating, waiting, and going on after a broken connection.

A flow is a generator: it yields what is to be done (`Send`, `Pause`, `Watch`), is sent what came of
it, and returns its result. The two clients do these three things, each in its way, and decide
nothing. Time and chance are given to a flow, so that it can be tested without either.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from typing import Callable, Collection, Dict, Generator, Generic, Optional, TypeVar, Union

from . import requests
from .errors import ErrandError, NotFinished, ServerFault, TaskFailed, Unreachable, refusal
from .models import ContextEvent, Event, Failure, Json, Progress, Task, not_understood
from .requests import Call, Reply, Request

T = TypeVar("T")

BRIEF_S = 10.0
"""How long a call that waits for nothing is repeated."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_WATCH_S = 20.0
"""How long a silent stream is watched before the task is looked at again."""
_PASSING = frozenset({502, 503, 504})
"""Statuses of a server that is stopping, and of proxies whose server is gone."""


@dataclass(frozen=True)
class Send:
    """Send a request. Answered with a `Reply` or a `Broken`."""

    request: Request


@dataclass(frozen=True)
class Pause:
    """Do nothing for a while. Answered with nothing."""

    seconds: float


@dataclass(frozen=True)
class Watch:
    """Open a stream until it says something, ends or breaks; at most for a while.

    Answered with nothing when it said something or the time is up, and else with what is wrong.
    """

    request: Request
    seconds: float


@dataclass(frozen=True)
class Broken:
    """The connection broke."""

    reason: str
    was_sent: bool = True
    """Whether the server may have got the request."""


Effect = Union[Send, Pause, Watch]
Outcome = Union[Reply, Broken, None]
Flow = Generator[Effect, Outcome, T]


@dataclass(frozen=True)
class Patience:
    """How long, and in which steps, what is broken is tried again."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def begin(self, deadline: Optional[float] = None) -> Tries:
        """Starts anew, with no more time than up to the deadline."""
        return Tries(self, deadline)


@dataclass
class Tries:
    """The tries of one request or stream."""

    patience: Patience
    deadline: Optional[float]
    failures: int = 0
    until: float = field(default=0.0)

    def succeeded(self) -> None:
        """Notes that something came."""
        self.failures = 0

    def step_s(self) -> float:
        """Returns how long to wait before the next try: longer each time, with some chance."""
        longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return longest_s * (0.5 + 0.5 * self.patience.chance())

    def pause(self, error: ErrandError, at_least_s: float = 0.0) -> Pause:
        """Returns the wait before the next try.

        Raises:
            ErrandError: The error that is given, when there is no time left.
        """
        now = self.patience.clock()
        if self.failures == 0:
            self.until = now + self.patience.seconds
        seconds = max(self.step_s(), at_least_s)
        until = self.until if self.deadline is None else min(self.until, self.deadline)
        if now + seconds > until:
            raise error
        return Pause(seconds)


def exchange(
    call: Call[T], patience: Patience, deadline: Optional[float] = None
) -> Generator[Effect, Outcome, T]:
    """Makes a call. Sends it again after a broken connection, where that is safe."""
    tries, request = patience.begin(deadline), call.request
    while True:
        outcome = yield Send(request)
        if isinstance(outcome, Reply) and outcome.is_success:
            return call.read(outcome)
        error, may_pass = judge(outcome, request)
        if not may_pass:
            raise error
        yield tries.pause(error, getattr(error, "retry_after", None) or 0.0)


def understand(call: Call[T], outcome: Outcome) -> T:
    """Reads an answer to a request that is sent once."""
    if isinstance(outcome, Reply) and outcome.is_success:
        return call.read(outcome)
    raise judge(outcome, call.request)[0]


def judge(outcome: Outcome, request: Request) -> tuple[ErrandError, bool]:
    """Says what is wrong, and whether the same request may be sent again."""
    if isinstance(outcome, Reply):
        if outcome.is_success or outcome.status < 400:
            what = f"it answered {outcome.status}"
            return ServerFault(what, code="not_understood", status=outcome.status), False
        error = refusal(outcome.status, outcome.headers, outcome.body)
        return error, outcome.status in _PASSING and request.is_repeatable
    reason = outcome.reason if isinstance(outcome, Broken) else "nothing came"
    was_sent = not isinstance(outcome, Broken) or outcome.was_sent
    if not was_sent or request.is_repeatable:
        return Unreachable(f"no server answers: {reason}"), True
    return Unreachable(f"the connection broke, and the request may have arrived: {reason}"), False


def wait(
    task_id: str,
    timeout_s: Optional[float],
    stop_at: Collection[str],
    patience: Patience,
) -> Flow[Task]:
    """Waits until a task has ended; returns it as it is when the time is up.

    The server answers a long poll when a task has ended or waits. While it waits, its stream of
    events is watched from the last one on, so that nothing is asked in a circle.
    """
    stop_at = {stop_at} if isinstance(stop_at, str) else stop_at
    clock = patience.clock
    deadline = None if timeout_s is None else clock() + timeout_s

    def left_s() -> float:
        return math.inf if deadline is None else max(0.0, deadline - clock())

    # The last event that is known to lie before the state that is looked at next.
    seen, is_known = 0, False
    early, watching = patience.begin(), patience.begin(deadline)
    while True:
        asked_at = clock()
        wait_ms = math.ceil(min(left_s() * 1000, requests.MAX_WAIT_MS))
        task = yield from exchange(requests.get(task_id, wait_ms), patience, deadline)
        if task.is_terminal or wait_ms == 0 or task.waiting_for in stop_at:
            return task
        if task.status != "waiting":
            is_known = False
            if (clock() - asked_at) * 2000 >= wait_ms:
                early.succeeded()
            else:
                # A server that is stopping answers at once: asking it in a circle would not help.
                yield Pause(min(early.step_s(), left_s()))
        elif not is_known:
            seen = yield from exchange(requests.last_seq(task_id, seen), patience, deadline)
            is_known = True
        else:
            watch = requests.event_stream(task_id, seen)
            outcome = yield Watch(watch, min(left_s(), _WATCH_S))
            is_known = False
            if outcome is None:
                watching.succeeded()
                continue
            error, may_pass = judge(outcome, watch)
            if not may_pass:
                raise error
            if left_s() > 0:
                yield watching.pause(error)


def result(task_id: str, timeout_s: Optional[float], patience: Patience) -> Flow[Json]:
    """Waits until a task has completed, and returns its output."""
    task = yield from wait(task_id, timeout_s, (), patience)
    if not task.is_terminal:
        raise NotFinished(task)
    if task.status == "completed":
        return task.output
    raise TaskFailed(task, task.error or Failure(code=task.status, message=f"it is {task.status}"))


class Follower(Generic[T]):
    """What goes on over the connections of one stream."""

    def __init__(self, patience: Patience) -> None:
        self._tries = patience.begin()
        self._patience = patience
        self._came = 0

    def request(self) -> Request:
        """Returns the request of the next connection."""
        raise NotImplementedError

    def received(self, kind: str, message_id: str, data: str) -> Optional[T]:
        """Takes a message; returns what it says that is new."""
        self._came += 1
        self._tries.succeeded()
        return self._take(kind, message_id, data)

    def go_on(self, outcome: Outcome) -> Flow[bool]:
        """Says, after a connection has ended, whether there is to be another one.

        The outcome is what ended it; nothing where the server ended it itself.
        """
        came, self._came = self._came, 0
        if outcome is not None:
            error, may_pass = judge(outcome, self.request())
            if not may_pass:
                raise error
            yield self._tries.pause(error, getattr(error, "retry_after", None) or 0.0)
            return True
        is_done = self._is_done(came > 0)
        if isinstance(is_done, Call):
            is_done = yield from exchange(is_done, self._patience)
        if is_done:
            return False
        yield self._tries.pause(Unreachable("the server ends the stream again and again"))
        return True

    def _take(self, kind: str, message_id: str, data: str) -> Optional[T]:
        raise NotImplementedError

    def _is_done(self, has_come: bool) -> Union[bool, Call[bool]]:
        raise NotImplementedError


class TaskFollower(Follower[Union[Event, Progress]]):
    """Follows a task's events to the one with which it ends."""

    def __init__(self, task_id: str, after: int, patience: Patience) -> None:
        super().__init__(patience)
        self._task_id = task_id
        self._seq = after
        self._has_ended = False

    def request(self) -> Request:
        """Returns the request of the next connection."""
        return requests.event_stream(self._task_id, self._seq)

    def _take(self, kind: str, message_id: str, data: str) -> Union[Event, Progress, None]:
        raw = requests.read_object(data)
        if kind == "progress":
            return Progress.read(raw)
        if "seq" not in raw:
            # A newer server's, and no event.
            return None
        event = Event.read(raw)
        if event.seq <= self._seq:
            return None
        if event.seq != self._seq + 1:
            raise not_understood(f"event {event.seq} follows on {self._seq}")
        # One that ended may have been retried: what counts is the last.
        self._seq, self._has_ended = event.seq, event.is_terminal
        return event

    def _is_done(self, has_come: bool) -> Union[bool, Call[bool]]:
        if self._has_ended or has_come:
            return self._has_ended
        # There was nothing after the event that the caller named, or the server is stopping.
        get = requests.get(self._task_id)
        return Call(get.request, lambda reply: get.read(reply).is_terminal)


class ContextFollower(Follower[ContextEvent]):
    """Follows a conversation, without an end."""

    def __init__(self, context_id: str, after: Optional[str], patience: Patience) -> None:
        super().__init__(patience)
        self._context_id = context_id
        self._cursor = after
        # The last event of each task: who breaks off within a page is sent it again.
        self._seqs: Dict[str, int] = {}

    def request(self) -> Request:
        """Returns the request of the next connection."""
        return requests.context_stream(self._context_id, self._cursor)

    def _take(self, kind: str, message_id: str, data: str) -> Optional[ContextEvent]:
        raw = requests.read_object(data)
        if "seq" not in raw:
            return None
        said = requests.read_context_event(raw)
        is_new_cursor = message_id not in ("", self._cursor)
        self._cursor = message_id or self._cursor
        if said.event.seq <= self._seqs.get(said.task_id, 0):
            return None
        self._seqs[said.task_id] = said.event.seq
        return ContextEvent(said.task_id, said.event, message_id if is_new_cursor else None)

    def _is_done(self, has_come: bool) -> bool:
        return False
