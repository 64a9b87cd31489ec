"""The task's input, checked by hand: a schema validator would cost each run more than the rest of it."""

from __future__ import annotations

import json
import os.path
from typing import Any, NamedTuple

from .failures import invalid_input

WORKSPACE = "/workspace"


class Program(NamedTuple):
    """What to run and with what."""

    source: "str | bytes"
    """The program's text; bytes of a file keep its own encoding declaration."""
    filename: str
    """What tracebacks call it."""
    path: "str | None"
    """`__file__`, where the program is a file."""
    directory: str
    """Where its imports are looked for first."""
    argv: "list[str]"
    stdin: "str | None"
    """What `sys.stdin` reads; nothing given: what the host gives."""
    everything: "dict[str, Any]"
    """The whole input, further keys included."""


def parse(text: str) -> Program:
    """Reads the input and, where it names a file, the program from the workspace."""
    try:
        given = _decode(text)
    except (ValueError, RecursionError) as error:
        raise invalid_input(f"the input is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise invalid_input("the input must be an object with `code` or `file`")
    if ("code" in given) == ("file" in given):
        raise invalid_input("the input needs exactly one of `code` and `file`")

    args = given.get("args", [])
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        raise invalid_input("`args` must be an array of strings")
    stdin = _string(given, "stdin") if "stdin" in given else None

    if "code" in given:
        source = _string(given, "code")
        return Program(source, "<code>", None, WORKSPACE, ["-c", *args], stdin, given)
    file = _string(given, "file")
    path = os.path.normpath(os.path.join(WORKSPACE, file))
    return Program(
        _read(file, path), path, path, os.path.dirname(path), [file, *args], stdin, given
    )


def _decode(text: str):
    try:
        value, end = json._default_decoder.raw_decode(text)
    except json.JSONDecodeError:
        end = -1
    # `loads` looks for white space around the value, with regular expressions; hosts send none.
    return value if end == len(text) else json.loads(text)


def _string(given: dict, key: str) -> str:
    value = given[key]
    if not isinstance(value, str):
        raise invalid_input(f"`{key}` must be a string, not {type(value).__name__}")
    return value


def _read(file: str, path: str) -> bytes:
    if not path.startswith(WORKSPACE + "/"):
        raise invalid_input(f"`file` must be a path in the workspace: {file!r}")
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        raise invalid_input(f"`file` names a file that the workspace doesn't have: {file!r}") from None
    except (OSError, ValueError) as error:
        raise invalid_input(f"`file` can't be read: {file!r}: {error}") from None
