"""What goes wrong: one base, and a class for each thing that a caller does about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Tuple, Type

if TYPE_CHECKING:
    from .models import Failure, Task


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request."""

    message: str
    pointer: Optional[str] = None
    """Where in the body, as a JSON pointer; empty for the whole."""
    parameter: Optional[str] = None
    """Which query parameter, header or path segment, where it is not in the body."""


class ErrandError(Exception):
    """The base of all that this package raises for what a server said, or did not say.

    Attributes:
        code: What happened, for programs; the server's own word where it said one.
        message: What happened, for a person.
        status: The HTTP status, where a server answered.
    """

    def __init__(self, message: str, *, code: str, status: Optional[int] = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class NotFound(ErrandError):
    """There is no such thing, or it belongs to another namespace."""


class Conflict(ErrandError):
    """The state of the thing forbids it, or somebody else wrote in between."""


class Invalid(ErrandError):
    """The request is wrong.

    Attributes:
        faults: Every fault, with the JSON pointer of its place in the request.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid",
        status: Optional[int] = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.faults: Tuple[Fault, ...] = tuple(faults)

    @property
    def pointers(self) -> Tuple[str, ...]:
        """The JSON pointers of the faults that have one."""
        return tuple(fault.pointer for fault in self.faults if fault.pointer is not None)


class NotAllowed(ErrandError):
    """The token is missing, unknown or expired (401), or lacks the right (403)."""


class Unsupported(ErrandError):
    """The contract names it, and this version of the server does not do it yet."""


class TooBusy(ErrandError):
    """The queue is full, a quota is used up, or the server is stopping: later may do.

    Attributes:
        retry_after: After how many seconds to come back, where the server says so.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: Optional[int] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.retry_after = retry_after


class ServerFault(ErrandError):
    """Something is wrong on the server's side, or its answer is not understood."""


class Unreachable(ErrandError):
    """No server answers, or the connection broke and the request may not be repeated blindly."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="unreachable")


class NotFinished(ErrandError):
    """The task did not end in the time that was given.

    Attributes:
        task: The task as it was then.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(f"task {task.id} is {task.status}", code="not_finished")
        self.task = task


class TaskFailed(ErrandError):
    """The task failed or was cancelled.

    Attributes:
        code: The failure's code, such as `executor_failed`, `timeout`, `cancelled`.
        detail: What the executor or the limit says of it.
        task: The task.
    """

    def __init__(self, task: Task, failure: Failure) -> None:
        super().__init__(failure.message, code=failure.code)
        self.task = task
        self.failure = failure
        self.detail: Any = failure.detail


_OF_CODE: Mapping[str, Type[ErrandError]] = {
    "unauthenticated": NotAllowed,
    "forbidden": NotAllowed,
    "foreign_host": NotAllowed,
    "foreign_origin": NotAllowed,
    "not_found": NotFound,
    "conflict": Conflict,
    "malformed": Invalid,
    "invalid": Invalid,
    "too_large": Invalid,
    "range_not_satisfiable": Invalid,
    "unsupported": Unsupported,
    "queue_full": TooBusy,
    "over_quota": TooBusy,
    "busy": TooBusy,
    "unavailable": TooBusy,
    "internal": ServerFault,
    "no_space": ServerFault,
}

_OF_STATUS: Mapping[int, Type[ErrandError]] = {
    400: Invalid,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: Invalid,
    416: Invalid,
    422: Invalid,
    429: TooBusy,
    503: TooBusy,
}


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> ErrandError:
    """Makes the error for an answer that is no success.

    A code that this version does not know counts as its status does; so does a body that is no
    problem of Errand's, as a proxy writes them.
    """
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    problem: Mapping[str, Any] = said if isinstance(said, dict) else {}
    code = str(problem.get("code") or f"http_{status}")
    message = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    kind = _OF_CODE.get(code) or _OF_STATUS.get(status)
    if kind is None:
        kind = ServerFault if status >= 500 else ErrandError
    if kind is Invalid:
        return Invalid(message, code=code, status=status, faults=_faults(problem.get("errors")))
    if kind is TooBusy:
        retry_after = _seconds(headers.get("retry-after"))
        return TooBusy(message, code=code, status=status, retry_after=retry_after)
    return kind(message, code=code, status=status)


def _faults(errors: Any) -> Sequence[Fault]:
    if not isinstance(errors, list):
        return ()
    return [
        Fault(str(one.get("message", "")), one.get("pointer"), one.get("parameter"))
        for one in errors
        if isinstance(one, dict)
    ]


def _seconds(text: Optional[str]) -> Optional[float]:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
