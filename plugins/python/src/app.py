"""The component's entry: what world `errand:task/executor` exports, and what its snapshot holds.

`componentize-py` imports this module once, when the component is built, and keeps the interpreter's
memory as it is then. So everything at module level here costs a run nothing, and everything in `run`
costs each run.
"""

from __future__ import annotations

import sys

from errand_python import snapshot

# Before anything else is imported: the standard library comes through the archive.
snapshot.prepare()

import wit_world  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world.imports import execution  # noqa: E402

from errand_python import description, executor, failures  # noqa: E402


class WitWorld(wit_world.WitWorld):
    """The executor, as the generated bindings expect it."""

    def describe(self) -> execution.Descriptor:
        """Says what this executor does."""
        return execution.Descriptor(
            description.TEXT, description.INPUT_SCHEMA, description.OUTPUT_SCHEMA
        )

    def run(self, input: str) -> str:
        """Runs one task."""
        # A program may have an `app.py` of its own, and import it.
        sys.modules.pop(__name__, None)
        try:
            return executor.run(input)
        except failures.Failed as failed:
            failure = failed.to_wit()
        except BaseException as error:
            # A program can break anything that it shares with us, such as `sys` or `builtins`.
            failure = failures.Failed("exception", f"the program left no way to go on: {error!r}").to_wit()
        raise Err(failure)


snapshot.seal()
