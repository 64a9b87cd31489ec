"""Durable waits, and state for the task's own next run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Iterable, NoReturn

from wit_world.imports import checkpoint as host, signals, timers, waiting

from . import _values
from ._errors import call, refusal
from ._files import flush_files


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


def poll_signal(name: str, default: Any = None) -> Any:
    """Takes a signal of this name and returns its payload, or `default` where none is there."""
    payload = call("poll_signal", signals.poll, _values.text("poll_signal", "name", name))
    return default if payload is None else json.loads(payload)


@dataclass(frozen=True)
class Ready:
    """What of several things is there. False when the time is up and nothing is."""

    children: "list[str]" = field(default_factory=list)
    """Children that have ended."""
    signals: "list[str]" = field(default_factory=list)
    """Names of signals that came; `poll_signal` takes them."""
    approvals: "list[str]" = field(default_factory=list)
    """Questions that are answered; `decision` says how."""
    timed_out: bool = False
    """Whether the time is up."""

    def __bool__(self) -> bool:
        return bool(self.children or self.signals or self.approvals)


def wait_first(
    children: Iterable[str] = (),
    signals: Iterable[str] = (),
    approvals: Iterable[str] = (),
    timeout_s: "float | None" = None,
) -> Ready:
    """Waits until one of several things is there, and says which are: children that ended, signals by
    name, answered approvals. The wait holds no worker."""
    wanted = [
        (waiting.Awaitable_Child, "children", _values.names("wait_first", "children", children)),
        (waiting.Awaitable_Signal, "signals", _values.names("wait_first", "signals", signals)),
        (waiting.Awaitable_Approval, "approvals", _values.names("wait_first", "approvals", approvals)),
    ]
    items = [(kind(value), name, value) for kind, name, values in wanted for value in values]
    if timeout_s is not None:
        timeout_ms = _values.milliseconds("wait_first", "timeout_s", timeout_s)
        items.append((waiting.Awaitable_Timer(timeout_ms), "timed_out", None))
    ready: "dict[str, Any]" = {"children": [], "signals": [], "approvals": [], "timed_out": False}
    for index in call("wait_first", waiting.wait_any, [item for item, _, _ in items]):
        _, name, value = items[index]
        if name == "timed_out":
            ready[name] = True
        else:
            ready[name].append(value)
    return Ready(**ready)


def checkpoint(data: "bytes | bytearray | memoryview") -> NoReturn:
    """Commits `data` and the workspace, and ends this run.

    It never returns: the task goes on in a fresh run, whose `restored` gives `data`. What lies in the
    buffers of open files is written to them before.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"errand.checkpoint: data must be bytes, not {type(data).__name__}")
    flush_files()
    raise refusal("checkpoint", host.save(bytes(data)))


def restored() -> "bytes | None":
    """Returns what the last checkpoint saved, or None at the first start."""
    return host.restored()
