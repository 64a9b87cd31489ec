"""What a program can ask of the task that it runs in.

`errand.input` is the task's whole input: `code` or `file`, and whatever further keys the caller gave.

Values that cross over (emitted data, children's inputs, signals' payloads) are JSON. A call that the
server doesn't offer raises `Unsupported`, one that the operator hasn't granted `Denied`; both say in
plain words what is missing. A program that raises `Retry` is tried again later; any other uncaught
exception fails the task for good.
"""

from __future__ import annotations

from typing import Any

from ._approvals import Decision, approve
from ._children import gather, spawn, wait_any
from ._errors import (
    ChildFailed, Denied, Error, Invalid, Limit, NotFound, Retry, TimedOut, UnknownOutcome, Unsupported,
)
from ._http import Response, http
from ._reports import emit, log, progress, publish
from ._waiting import checkpoint, restored, sleep, wait_signal

input: "dict[str, Any]" = {}
"""The task's whole input."""

__all__ = [
    "ChildFailed", "Decision", "Denied", "Error", "Invalid", "Limit", "NotFound", "Response", "Retry",
    "TimedOut", "UnknownOutcome", "Unsupported", "approve", "checkpoint", "emit", "gather", "http", "input",
    "log", "progress", "publish", "restored", "sleep", "spawn", "wait_any", "wait_signal",
]

# Tracebacks and the task's error then name what a program can import.
for _public in (Decision, Response, Error, *Error.__subclasses__()):
    _public.__module__ = __name__
del _public
