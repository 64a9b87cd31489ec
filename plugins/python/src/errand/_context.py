"""The task itself, and the conversation that it belongs to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable

from wit_world.imports import context as host

from . import _values
from ._errors import Invalid, call


@dataclass(frozen=True)
class State:
    """A version of the conversation's state."""

    value: Any
    """The state; None at first."""
    version: str
    """Changes with each write."""


class Context:
    """The conversation that this task belongs to, with a durable state of its own."""

    @property
    def id(self) -> "str | None":
        """Its id, or None where the task belongs to none."""
        return host.this_task().context_id

    @property
    def task_id(self) -> str:
        """The id of this task."""
        return host.this_task().task_id

    def get(self) -> State:
        """Returns the state."""
        return _state(call("context.get", host.get_state))

    def set(self, value: Any, version: str) -> State:
        """Replaces the state if it is still at `version`; raises `Invalid` where somebody wrote in between."""
        value = _values.encode("context.set", "value", value)
        version = _values.text("context.set", "version", version)
        return _state(call("context.set", host.set_state, value, version))

    def update(self, change: "Callable[[Any], Any]") -> State:
        """Replaces the state by what `change` makes of it, again and again until nobody writes in between."""
        while True:
            state = self.get()
            changed = change(state.value)
            try:
                return self.set(changed, state.version)
            except Invalid:
                if self.get().version == state.version:
                    raise  # It was not for somebody else's write.


def _state(state: host.State) -> State:
    return State(json.loads(state.value), state.version)


context = Context()
