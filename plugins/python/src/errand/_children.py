"""Tasks that this task starts."""

from __future__ import annotations

import json
from typing import Any, Iterable

from componentize_py_types import Err
from wit_world.imports import children as host

from . import _values
from ._errors import ChildFailed, call
from ._files import flush_files

_WORKSPACES = {
    "empty": host.Workspace.EMPTY,
    "start": host.Workspace.START,
    "fork": host.Workspace.FORK,
}
_ON_FAILURE = {
    "raise": host.OnFailure.FAIL_FAST,
    "collect": host.OnFailure.COLLECT,
    "ignore": host.OnFailure.IGNORE,
}
_LIMITS = ("fuel", "memory_bytes", "timeout_ms", "workspace_bytes", "output_bytes")


def spawn(
    executor: str,
    input: Any,
    function: "str | None" = None,
    workspace: str = "empty",
    limits: "dict[str, Any] | None" = None,
    name: "str | None" = None,
    max_attempts: "int | None" = None,
) -> str:
    """Starts a child and returns its task id at once.

    `workspace` is what it starts from: `empty`, `start` (what this task's own started from) or `fork`
    (this task's as it is now). `limits` are named as in a task request, and `fuel_from_parent` says
    whether its fuel is taken out of this task's. What it made lies under `/children/NAME/` once a wait
    has said how it ended; without a name, under its number among the children, from 1.
    """
    if workspace not in _WORKSPACES:
        raise ValueError(f"errand.spawn: workspace must be empty, start or fork, not {workspace!r}")
    if workspace == "fork":
        flush_files()
    child = host.Child(
        executor=_values.text("spawn", "executor", executor),
        function=_values.optional_text("spawn", "function", function),
        input=_values.encode("spawn", "input", input),
        workspace=_WORKSPACES[workspace],
        limits=None if limits is None else _limits(limits),
        name=_values.optional_text("spawn", "name", name),
        max_attempts=None if max_attempts is None else _values.count("spawn", "max_attempts", max_attempts),
    )
    return call("spawn", host.spawn, child)


def gather(ids: Iterable[str], on_failure: str = "raise") -> "list[Any]":
    """Waits for children and returns their outputs, in the order of `ids`.

    With `raise`, the first that fails raises `ChildFailed`, and the others are cancelled; with
    `collect`, a `ChildFailed` stands in a failed one's place; with `ignore`, failed ones are left out.
    """
    if on_failure not in _ON_FAILURE:
        raise ValueError(f"errand.gather: on_failure must be raise, collect or ignore, not {on_failure!r}")
    ids = _values.names("gather", "ids", ids)
    outputs = [_output(outcome) for outcome in call("gather", host.wait_all, ids, _ON_FAILURE[on_failure])]
    failures = [output for output in outputs if isinstance(output, ChildFailed)]
    if on_failure == "raise" and failures:
        # Those that were cancelled for it are not why.
        raise next((failure for failure in failures if failure.code != "cancelled"), failures[0])
    return outputs


def wait_any(ids: Iterable[str]) -> "tuple[str, Any]":
    """Waits until one of these children ended, and returns its id and output.

    Raises `ChildFailed` when it failed; the exception has the `id`.
    """
    outcome = call("wait_any", host.wait_any, _values.names("wait_any", "ids", ids))
    output = _output(outcome)
    if isinstance(output, ChildFailed):
        raise output
    return outcome.id, output


def outcome(id: str) -> "Any | None":
    """Returns a child's output, a `ChildFailed` that is not raised, or None while it is at work.

    A child whose output is null gives None too.
    """
    ended = call("outcome", host.outcome_of, _values.text("outcome", "id", id))
    return None if ended is None else _output(ended)


def cancel(id: str) -> None:
    """Cancels a child and its descendants."""
    call("cancel", host.cancel, _values.text("cancel", "id", id))


def _limits(given: "dict[str, Any]") -> host.Limits:
    unknown = set(given) - {*_LIMITS, "fuel_from_parent"}
    if unknown:
        raise TypeError(f"errand.spawn: limits has no {', '.join(sorted(map(str, unknown)))}")
    bounds = {
        key: _values.count("spawn", f"limits[{key!r}]", given[key])
        if given.get(key) is not None
        else None
        for key in _LIMITS
    }
    return host.Limits(**bounds, fuel_from_parent=bool(given.get("fuel_from_parent", False)))


def _output(outcome: host.Outcome) -> Any:
    """Returns a child's output, or its failure as an exception that is not raised."""
    if not isinstance(outcome.output, Err):
        return json.loads(outcome.output.value)
    error = outcome.output.value
    detail = None if error.detail is None else json.loads(error.detail)
    return ChildFailed(outcome.id, error.code, error.message, detail)
