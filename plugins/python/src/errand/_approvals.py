"""Questions to a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wit_world.imports import approval as host

from . import _values
from ._errors import call


@dataclass(frozen=True)
class Decision:
    """The answer. True when it is a yes."""

    approved: bool
    """Whether someone with the `approve` right said yes."""
    by: "str | None"
    """Who decided, where somebody did."""
    comment: "str | None"
    """What they wrote."""
    values: Any
    """What they filled in, by the question's schema."""
    verdict: str
    """`approved`, `denied`, `expired` or `cancelled`."""

    def __bool__(self) -> bool:
        return self.approved


def approve(
    title: str, detail: str = "", schema: Any = None, timeout_s: "float | None" = None
) -> Decision:
    """Asks a person, and waits for the answer, which may take days and costs nothing.

    `title` is one line, `detail` Markdown, `schema` a JSON Schema of values for the person to fill in.
    When nobody answers in time, that is a no.
    """
    question = host.Question(
        title=_values.text("approve", "title", title),
        detail=_values.text("approve", "detail", detail),
        schema=None if schema is None else _values.encode("approve", "schema", schema),
        timeout_ms=_values.optional_milliseconds("approve", "timeout_s", timeout_s),
        show_diff=False,
        attachments=[],
    )
    decision = call("approve", host.ask, question)
    return Decision(
        approved=decision.verdict is host.Verdict.APPROVED,
        by=decision.by,
        comment=decision.comment,
        values=None if decision.values is None else json.loads(decision.values),
        verdict=decision.verdict.name.lower(),
    )
