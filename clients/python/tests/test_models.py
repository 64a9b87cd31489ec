"""What a newer server says, and what a broken one says."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from errand_client import Approval, Event, Executor, ServerFault, Task
from errand_client.models import moment


def test_unknown_fields_and_words_are_kept() -> None:
    raw = {
        "id": "t",
        "status": "dreaming",
        "waiting_for": "moonlight",
        "mood": {"of": "a newer server"},
        "progress": {"fuel_used": 7, "phase": "rem"},
        "error": {"code": "woken", "message": "too early", "by": "a cat"},
    }
    task = Task.read(raw)
    assert (task.status, task.waiting_for, task.is_terminal) == ("dreaming", "moonlight", False)
    assert task.raw["mood"] == {"of": "a newer server"}
    assert task.progress.raw["phase"] == "rem"
    assert task.error is not None
    assert (task.error.code, task.error.raw["by"]) == ("woken", "a cat")
    assert Event.read({"seq": 1, "kind": "sung", "data": [1]}).data == {}


def test_missing_fields_have_defaults() -> None:
    task = Task.read({"id": "t", "status": "queued", "labels": None, "progress": None})
    assert (task.labels, task.progress.fuel_used, task.created_at) == ({}, 0, None)
    assert Executor.read({"name": "e", "functions": None}).functions == []


@pytest.mark.parametrize("raw", [{}, {"id": 7, "status": "queued"}, {"id": "t"}])
def test_what_has_no_id_is_not_understood(raw: dict[str, object]) -> None:
    for read in (Task.read, Approval.read, Event.read):
        with pytest.raises(ServerFault):
            read(raw)


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:00:00.250Z", "2026-01-31t12:00:00.250000999z", "2026-01-31T13:30:00.25+01:30"],
)
def test_moments_are_read_in_any_precision_and_zone(text: str) -> None:
    assert moment(text) == datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", [None, 7, "", "yesterday", "2026-02-31T12:00:00Z"])
def test_what_is_no_moment_is_nothing(text: object) -> None:
    assert moment(text) is None
