"""Runs the examples of the README and compares what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import DEADLINE_S, Server

HOME = Path(__file__).resolve().parent.parent
EXAMPLE = re.compile(
    r"^## ([^\n]*)\n(?:(?!^## ).)*?^```python\n(.*?)^```\n```text\n(.*?)^```", re.M | re.S
)
EXAMPLES = EXAMPLE.findall((HOME / "README.md").read_text())


def test_every_example_is_found() -> None:
    assert len(EXAMPLES) == (HOME / "README.md").read_text().count("```python\n") == 5


@pytest.mark.parametrize(
    ("code", "printed"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES]
)
def test_an_example_prints_what_the_readme_says(server: Server, code: str, printed: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ERRAND_")}
    environment.update(server.environment(), PYTHONPATH=str(HOME / "src"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed
