"""Questions to a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Iterable

from wit_world.imports import approval as host, waiting

from . import _values
from ._errors import call
from ._files import flush_files


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
    title: str,
    detail: str = "",
    schema: Any = None,
    timeout_s: "float | None" = None,
    show_diff: bool = False,
    attachments: Iterable[str] = (),
    approvers: Iterable[str] = (),
) -> Decision:
    """Asks a person, and waits for the answer, which may take days and costs nothing.

    `title` is one line, `detail` Markdown, `schema` a JSON Schema of values for the person to fill in.
    `show_diff` shows what was changed in the workspace so far, `attachments` files of it or of children
    (`/children/NAME/artifacts/…`). `approvers` are names of tokens that alone may answer. When nobody
    answers in time, that is a no.
    """
    approvers = list(approvers)
    question = _question("approve", title, detail, schema, timeout_s, show_diff, attachments)
    if not approvers:
        return _decision(call("approve", host.ask, question))
    id = _request("approve", question, approvers)
    call("approve", waiting.wait_any, [waiting.Awaitable_Approval(id)])
    return _decision(call("approve", host.decision_of, id))


def request_approval(
    title: str,
    detail: str = "",
    schema: Any = None,
    timeout_s: "float | None" = None,
    show_diff: bool = False,
    attachments: Iterable[str] = (),
    approvers: Iterable[str] = (),
) -> str:
    """Asks like `approve` and goes on. Returns an id for `wait_first` and `decision`."""
    name = "request_approval"
    question = _question(name, title, detail, schema, timeout_s, show_diff, attachments)
    return _request(name, question, list(approvers))


def decision(id: str) -> Decision:
    """Returns the answer to a question that `wait_first` said is answered."""
    return _decision(call("decision", host.decision_of, _values.text("decision", "id", id)))


def _question(
    name: str,
    title: str,
    detail: str,
    schema: Any,
    timeout_s: "float | None",
    show_diff: bool,
    attachments: Iterable[str],
) -> host.Question:
    if show_diff:
        flush_files()
    return host.Question(
        title=_values.text(name, "title", title),
        detail=_values.text(name, "detail", detail),
        schema=None if schema is None else _values.encode(name, "schema", schema),
        timeout_ms=_values.optional_milliseconds(name, "timeout_s", timeout_s),
        show_diff=bool(show_diff),
        attachments=_values.names(name, "attachments", attachments),
    )


def _request(name: str, question: host.Question, approvers: "list[str]") -> str:
    if not approvers:
        return call(name, host.request, question)
    return call(name, host.request_from, question, _values.names(name, "approvers", approvers))


def _decision(decision: host.Decision) -> Decision:
    return Decision(
        approved=decision.verdict is host.Verdict.APPROVED,
        by=decision.by,
        comment=decision.comment,
        values=None if decision.values is None else json.loads(decision.values),
        verdict=decision.verdict.name.lower(),
    )
