"""Durable waits, and state for the task's own next run."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from wit_world.imports import checkpoint as host, signals, timers

from . import _values
from ._errors import call, refusal


def sleep(seconds: float) -> None:
    """Sleeps. A long sleep holds no worker and survives a restart of the server."""
    call("sleep", timers.sleep, _values.milliseconds("sleep", "seconds", seconds))


def wait_signal(name: str, timeout_s: "float | None" = None) -> Any:
    """Waits for a signal of this name and returns its payload; one that came before counts.

    Returns None when the time is up, and for a signal without a payload.
    """
    payload = call(
        "wait_signal",
        signals.wait,
        _values.text("wait_signal", "name", name),
        _values.optional_milliseconds("wait_signal", "timeout_s", timeout_s),
    )
    return None if payload is None else json.loads(payload)


def checkpoint(data: "bytes | bytearray | memoryview") -> NoReturn:
    """Commits `data` and the workspace, and ends this run.

    It never returns: the task goes on in a fresh run, whose `restored` gives `data`.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"errand.checkpoint: data must be bytes, not {type(data).__name__}")
    raise refusal("checkpoint", host.save(bytes(data)))


def restored() -> "bytes | None":
    """Returns what the last checkpoint saved, or None at the first start."""
    return host.restored()
