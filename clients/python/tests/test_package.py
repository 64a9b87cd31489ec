"""That the package says of itself what the repository does."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path

import errand_client
from errand_client import AsyncErrand, Errand

HOME = Path(__file__).resolve().parent.parent


def test_the_version_is_the_workspaces() -> None:
    said = {
        re.search(r'^version = "(.*)"', (HOME / path).read_text(), re.MULTILINE)[1]  # type: ignore[index]
        for path in ("pyproject.toml", "../../Cargo.toml")
    }
    assert said == {errand_client.__version__}


def test_both_clients_have_the_same_methods() -> None:
    for name, method in inspect.getmembers(Errand, inspect.isfunction):
        if name.startswith("_"):
            continue
        other = getattr(AsyncErrand, name)
        ours, theirs = inspect.signature(method), inspect.signature(other)
        assert ours.parameters == theirs.parameters, name
        iterates = re.match("(Iterator|Generator)", str(ours.return_annotation)) is not None
        assert asyncio.iscoroutinefunction(other) != iterates, name
        assert method.__doc__, name
