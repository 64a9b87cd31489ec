"""Packages that came with the task, in a directory that it can read and not write.

Whoever submits a task may mount one at `/packages`, made of wheels: what CPython calls `site-packages`.
"""

from __future__ import annotations

import os
import sys

from . import stdlib

PACKAGES = "/packages"


def search_path(directory: str) -> "list[str]":
    """Returns where imports are looked for, after the program's own directory as CPython has it."""
    # Where nothing is mounted, WASI's C library knows that without asking the host. An exception that says
    # so, as of `os.stat`, would cost a short run a fifth of its time.
    if not os.access(PACKAGES, os.F_OK):
        return [directory]
    # The library is searched last of all otherwise, which costs nothing. Here, no package may stand in
    # for one of its modules.
    sys.path_importer_cache[stdlib.ROOT] = stdlib.archive
    return [directory, stdlib.ROOT, PACKAGES]
