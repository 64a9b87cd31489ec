"""Durable waits, and state for the task's own next run."""

from __future__ import annotations

import gc
import io
import json
import sys
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

    It never returns: the task goes on in a fresh run, whose `restored` gives `data`. What lies in the
    buffers of open files is written to them before.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"errand.checkpoint: data must be bytes, not {type(data).__name__}")
    _flush_files()
    raise refusal("checkpoint", host.save(bytes(data)))


def _flush_files() -> None:
    """Writes what is buffered, text before bytes: no file is closed where the interpreter just ends."""
    # What the interpreter was built with is on no list of the collector's.
    files = [sys.stdout, sys.stderr]
    for kind in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
        files += [thing for thing in gc.get_objects() if type(thing) is kind]
        while files:
            file = files.pop()
            try:
                if not file.closed:
                    file.flush()
            except (AttributeError, ValueError):
                pass  # It is no file, or was detached: then its buffer is on the list by itself.


def restored() -> "bytes | None":
    """Returns what the last checkpoint saved, or None at the first start."""
    return host.restored()
