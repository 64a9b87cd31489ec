"""How a task fails: one exception with a code, a sentence and details.

It does not decide what counts as a failure; `executor` does.
"""

from __future__ import annotations

import json

from wit_world.imports import execution

_MESSAGE_CHARACTERS = 2_000


class Failed(Exception):
    """The task failed, and this is all there is to say about it."""

    def __init__(self, code: str, message: str, detail: dict | None = None, *, transient: bool = False):
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.transient = transient

    def to_wit(self) -> execution.Failure:
        """Returns the failure as the host takes it."""
        detail = None if self.detail is None else json.dumps(self.detail, ensure_ascii=False)
        return execution.Failure(
            self.code,
            printable(self.message[:_MESSAGE_CHARACTERS]),
            None if detail is None else printable(detail),
            execution.Persistence.TRANSIENT if self.transient else execution.Persistence.PERMANENT,
        )


def invalid_input(message: str) -> Failed:
    """Returns the failure for an input that isn't what `describe` says."""
    return Failed("invalid_input", message)


def printable(text: str) -> str:
    """Returns the text with lone surrogates replaced: a WIT string is Unicode scalar values alone."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
