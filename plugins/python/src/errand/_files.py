"""Files that the program has open, before their workspace is looked at from outside."""

from __future__ import annotations

import gc
import io
import sys


def flush_files() -> None:
    """Writes what is buffered, text before bytes: no file is closed where the interpreter just ends."""
    # What the interpreter was built with is on no list of the collector's.
    files = [sys.stdout, sys.stderr]
    for kind in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
        files += [thing for thing in gc.get_objects() if type(thing) is kind]
        while files:
            file = files.pop()
            try:
                if not file.closed:
                    file.flush()
            except (AttributeError, ValueError):
                pass  # It is no file, or was detached: then its buffer is on the list by itself.
