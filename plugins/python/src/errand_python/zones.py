"""Time zones: `zoneinfo` looks for them in files that a sandbox doesn't have, so they are kept here."""

from __future__ import annotations

import io
import os
import zlib
import zoneinfo
from zoneinfo import _common

_zones: "dict[str, bytes]" = {}


def install() -> None:
    """Keeps the `tzdata` package's zones. Called at build."""
    import tzdata

    root = os.path.join(os.path.dirname(tzdata.__file__), "zoneinfo")
    for directory, _, files in os.walk(root):
        for file in files:
            path = os.path.join(directory, file)
            with open(path, "rb") as stream:
                data = stream.read()
            if data.startswith(b"TZif"):
                _zones[os.path.relpath(path, root)] = zlib.compress(data, 9)
    _common.load_tzdata = load
    zoneinfo.available_timezones = available


def load(key: str) -> io.BytesIO:
    """Returns a zone's data."""
    try:
        return io.BytesIO(zlib.decompress(_zones[key]))
    except KeyError:
        raise _common.ZoneInfoNotFoundError(f"No time zone found with key {key}") from None


def available() -> "set[str]":
    """Returns the names of all zones."""
    return set(_zones)
