"""What each run renews, because the snapshot could only freeze it. `snapshot` lists what that may be."""

from __future__ import annotations

import logging
import time


def wake() -> None:
    """Gives a fresh instance its own start. The first thing that a run does."""
    logging._startTime = time.time_ns()
