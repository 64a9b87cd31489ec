"""Arguments on their way to the host: checked here, so that a mistake names itself."""

from __future__ import annotations

import json
from typing import Any


def text(call: str, name: str, value: Any) -> str:
    """Returns a string argument."""
    if not isinstance(value, str):
        raise TypeError(f"errand.{call}: {name} must be a string, not {type(value).__name__}")
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def optional_text(call: str, name: str, value: Any) -> "str | None":
    """Returns a string argument that may be absent."""
    return None if value is None else text(call, name, value)


def count(call: str, name: str, value: Any) -> int:
    """Returns a number that counts something; a float loses its fraction."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"errand.{call}: {name} must be a number, not {type(value).__name__}")
    if not 0 <= value < 2**64:
        raise ValueError(f"errand.{call}: {name} must be 0 or more and fit into 64 bits: {value}")
    return int(value)


def milliseconds(call: str, name: str, value: Any) -> int:
    """Returns seconds as whole milliseconds, rounded up."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"errand.{call}: {name} must be seconds, not {type(value).__name__}")
    if not 0 <= value < 2**53:
        raise ValueError(f"errand.{call}: {name} must be 0 or more: {value}")
    return -int(-value * 1000 // 1)


def optional_milliseconds(call: str, name: str, value: Any) -> "int | None":
    """Returns seconds that may be absent as whole milliseconds."""
    return None if value is None else milliseconds(call, name, value)


def encode(call: str, name: str, value: Any) -> str:
    """Returns a value as JSON text."""
    try:
        encoded = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        encoded.isascii() or encoded.encode()
    except (TypeError, ValueError) as error:
        reason = "half a surrogate pair" if isinstance(error, UnicodeError) else error
        raise TypeError(f"errand.{call}: {name} is not a JSON value: {reason}") from None
    return encoded


def names(call: str, name: str, value: Any) -> "list[str]":
    """Returns a list of strings. A single string is more likely a mistake than a list of letters."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise TypeError(f"errand.{call}: {name} must be a list of strings, not {type(value).__name__}")
    return [text(call, name, item) for item in value]
