"""What a program can ask of the task that it runs in.

`errand.input` is the task's whole input: `code` or `file`, and whatever further keys the caller gave.

Values that cross over (emitted data, children's inputs, signals' payloads) are JSON. A call that the
server doesn't offer raises `Unsupported`, one that the operator hasn't granted `Denied`; both say in
plain words what is missing. A program that raises `Retry` is tried again later; any other uncaught
exception fails the task for good.
"""

from __future__ import annotations

from typing import Any

from ._approvals import Decision, approve, decision, request_approval
from ._children import cancel, gather, outcome, spawn, wait_any
from ._context import Context, State, context
from ._errors import (
    ChildFailed, Denied, Error, Invalid, Limit, NotFound, Retry, TimedOut, UnknownOutcome, Unsupported,
)
from ._http import Response, http
from ._reports import emit, log, progress, publish
from ._waiting import Ready, checkpoint, poll_signal, restored, sleep, wait_first, wait_signal

input: "dict[str, Any]" = {}
"""The task's whole input."""

__all__ = [
    "ChildFailed", "Context", "Decision", "Denied", "Error", "Invalid", "Limit", "NotFound", "Ready", "Response",
    "Retry", "State", "TimedOut", "UnknownOutcome", "Unsupported", "approve", "cancel", "checkpoint", "context",
    "decision", "emit", "gather", "http", "input", "log", "outcome", "poll_signal", "progress", "publish",
    "request_approval", "restored", "sleep", "spawn", "wait_any", "wait_first", "wait_signal",
]

# Tracebacks and the task's error then name what a program can import.
for _public in (Context, Decision, Ready, Response, State, Error, *Error.__subclasses__()):
    _public.__module__ = __name__
del _public
