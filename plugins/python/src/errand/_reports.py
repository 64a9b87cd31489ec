"""What a program tells those who watch: progress, log lines, events, artifacts."""

from __future__ import annotations

import os
from typing import Any

from wit_world.imports import artifacts, progress as host
from wit_world.imports.errand_task_types import Level

from . import _values
from ._errors import call

_LEVELS = {
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "warn": Level.WARN,
    "warning": Level.WARN,
    "error": Level.ERROR,
}


def progress(done: float, total: "float | None" = None, message: "str | None" = None) -> None:
    """Reports how far the task is: `done` of `total` of whatever it counts, and one line for a person."""
    host.report(
        _values.count("progress", "done", done),
        None if total is None else _values.count("progress", "total", total),
        _values.optional_text("progress", "message", message),
    )


def log(message: Any, level: str = "info") -> None:
    """Adds a line to the task's log. Levels are `debug`, `info`, `warn` and `error`."""
    if level not in _LEVELS:
        raise ValueError(f"errand.log: level must be debug, info, warn or error, not {level!r}")
    host.log(_LEVELS[level], _values.text("log", "message", str(message)))


def emit(kind: str, data: Any) -> None:
    """Adds an event with a kind (1 to 64 of `a-z 0-9 . _ -`) and JSON data of the program's own."""
    call("emit", host.emit, _values.text("emit", "kind", kind), _values.encode("emit", "data", data))


def publish(
    path: "str | os.PathLike[str]", media_type: "str | None" = None, description: "str | None" = None
) -> None:
    """Keeps a file of the workspace, as it is now, beyond the task's end."""
    path = os.fspath(path)
    given = _values.text("publish", "path", path)
    relative = os.path.relpath(os.path.abspath(given), "/workspace")
    if relative == os.curdir or relative.split(os.sep, 1)[0] == os.pardir:
        raise ValueError(f"errand.publish: path must be of a file in the workspace: {path!r}")
    call(
        "publish",
        artifacts.publish,
        relative,
        artifacts.Description(
            _values.optional_text("publish", "media_type", media_type),
            _values.optional_text("publish", "description", description),
        ),
    )
