"""The exceptions of `errand`, and how the host's refusals become them."""

from __future__ import annotations

from typing import Any, Callable

from componentize_py_types import Err
from wit_world.imports import errand_task_types as host


class Error(Exception):
    """What every exception of `errand` is."""


class Unsupported(Error):
    """This server does not offer the call."""


class Denied(Error):
    """The operator has not granted the call."""


class Invalid(Error, ValueError):
    """The host found an argument malformed."""


class Limit(Error):
    """A bound of the task would be exceeded: `name` of `value`."""

    def __init__(self, name: str, value: int):
        super().__init__(f"the limit {name} of {value} would be exceeded")
        self.name = name
        self.value = value


class NotFound(Error):
    """What the call names does not exist."""


class TimedOut(Error, TimeoutError):
    """A request took too long."""


class UnknownOutcome(Error):
    """Nobody knows whether a request was made: it was on its way when its worker ended."""


class Retry(Error):
    """Raise it to have the task tried again later: what failed may pass next time."""


class ChildFailed(Error):
    """A child did not complete: `id`, and the `code`, `message` and `detail` of its error."""

    def __init__(self, id: str, code: str, message: str, detail: Any = None):
        super().__init__(f"child {id}: {code}: {message}")
        self.id = id
        self.code = code
        self.message = message
        self.detail = detail


_KINDS = {
    host.Error_Unsupported: Unsupported,
    host.Error_Denied: Denied,
    host.Error_Invalid: Invalid,
    host.Error_NotFound: NotFound,
}


def refusal(name: str, error: Any) -> Error:
    """Returns the exception for a refusal of the call `name`."""
    if isinstance(error, host.Error_Limit):
        return Limit(error.value.name, error.value.value)
    return _KINDS[type(error)](f"errand.{name}: {error.value}")


def call(name: str, function: Callable, *args: Any) -> Any:
    """Calls the host, and raises what it refuses as an exception of `errand`."""
    try:
        return function(*args)
    except Err as error:
        refused = refusal(name, error.value)
    raise refused
