"""Tracebacks as Python prints them, without this executor's own frames."""

from __future__ import annotations

import linecache
import os.path
import sys
import traceback

_PREFIXES: "tuple[str, ...]" = ()
_TRACEBACK_CHARACTERS = 64 * 1024


def hide(*files: str) -> None:
    """Names files and directories whose frames are never shown."""
    global _PREFIXES
    _PREFIXES += files


def remember(filename: str, source: str) -> None:
    """Keeps source lines for tracebacks through code that is in no file."""
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)


def name_of(kind: type) -> str:
    """Returns an exception type's name as a traceback writes it."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def summary(error: BaseException) -> str:
    """Returns `Type: message`."""
    try:
        text = str(error)
    except Exception:
        text = "<exception str() failed>"
    name = name_of(type(error))
    return f"{name}: {text}" if text else name


def render(error: BaseException) -> str:
    """Returns the traceback's text. A very long one loses its middle."""
    exception = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
    _prune(exception)
    text = "".join(exception.format())
    if len(text) > _TRACEBACK_CHARACTERS:
        half = _TRACEBACK_CHARACTERS // 2
        text = f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
    return text


def show(error: BaseException) -> str:
    """Prints an uncaught exception, through the program's own `sys.excepthook` if it set one."""
    text = render(error)
    hook = sys.excepthook
    try:
        if hook is sys.__excepthook__:
            stream = getattr(sys, "stderr", None)
            if stream is not None:
                stream.write(text)
        else:
            hook(type(error), error, error.__traceback__)
    except Exception as second:
        broken = f"Error in sys.excepthook:\n{render(second)}\nOriginal exception was:\n{text}"
        if sys.__stderr__ is not None and not sys.__stderr__.closed:
            sys.__stderr__.write(broken)
    return text


def _prune(exception) -> None:
    """Takes our frames out of an exception and all that it is chained to."""
    pending = [exception]
    while pending:
        one = pending.pop()
        if one is None:
            continue
        if one.stack is not None:
            shown = [frame for frame in one.stack if not frame.filename.startswith(_PREFIXES)]
            # None, not an empty list: an empty traceback still has a heading.
            one.stack[:] = shown
            if not shown:
                one.stack = None
        pending += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]


hide(os.path.dirname(__file__) + "/")
