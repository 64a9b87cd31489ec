"""One run: from the input's JSON to the output's, or to a failure.

The order is CPython's own at the end of a program: an uncaught exception is printed, then exit
handlers run, then what the program held is let go, so that files left open are written out.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import io
import json
import logging
import os
import sys
from json.encoder import encode_basestring as encode_text

import errand

from . import inputs, packages, snapshot, streams, tracebacks
from .failures import Failed
from .fresh import wake

_stdout = streams.Tee(1, "<stdout>")
_stderr = streams.Tee(2, "<stderr>")
_main = sys.modules["__main__"]
_stdin = streams.inherited()
_HANDLERS_IN_SNAPSHOT = len(logging._handlerList)
_BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
# Made once: `json.dumps` with options makes an encoder at each call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


_streams = streams.writer(_stdout, "surrogateescape"), streams.writer(_stderr, "backslashreplace")


def install() -> None:
    """Puts streams and exits in place. Called at build."""
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = _streams
    sys.stdin = sys.__stdin__ = _stdin
    # The real one ends the instance, and with it all that the task had to say.
    os._exit = sys.exit


def rehearse() -> None:
    """Runs small programs at build: caches are in the snapshot then, and each run finds them warm.

    CPython notes at first use where it finds names and attributes, and which form of an instruction fits.
    """
    for _ in range(16):
        run(json.dumps({"code": "import sys\nprint(1)\nresult = {'a': [1]}"}))
    for tee in (_stdout, _stderr):
        tee.forget()
    errand.input = None
    _main.__dict__.clear()


def run(text: str) -> str:
    """Runs one task and returns its output as JSON text."""
    wake()
    program = inputs.parse(text)
    _set_scene(program)
    result, failed = _execute(program)
    _run_exit_handlers()
    _let_go()
    return _conclude(result, failed)


def _set_scene(program: inputs.Program) -> None:
    errand.input = program.everything
    sys.argv = program.argv
    if program.stdin is not None:
        sys.stdin = sys.__stdin__ = streams.reader(program.stdin)
    try:
        os.chdir(inputs.WORKSPACE)
    except OSError:
        pass  # A host that gave no workspace; whatever needs one will say so.
    sys.path[:] = packages.search_path(program.directory)
    namespace = _main.__dict__
    namespace.clear()
    namespace.update(__name__="__main__", __builtins__=builtins, __doc__=None, __package__=None,
                     __loader__=None, __spec__=None)
    if program.path is None:
        tracebacks.remember(program.filename, program.source)
    else:
        namespace.update(__file__=program.path, __cached__=None)


def _execute(program: inputs.Program) -> "tuple[str, Failed | None]":
    """Runs the program; returns the JSON of its `result`, and how it failed if it did."""
    try:
        try:
            code = compile(program.source, program.filename, "exec", dont_inherit=True)
            exec(code, _main.__dict__)
        except SystemExit as leaving:
            status = _status(leaving)
            if status:
                return "null", Failed("exit", f"exit status {status}", {"exit_code": status})
        return _result(), None
    except Failed as failed:
        return "null", failed
    except BaseException as error:
        return "null", _uncaught(error)


def _status(leaving: SystemExit) -> int:
    """Returns the exit status as a shell would see it; a text is printed, as Python does."""
    code = leaving.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(2**31) <= code < 2**31 else 255
    print(code, file=sys.stderr)
    return 1


def _result() -> str:
    value = _main.__dict__.get("result")
    if value is None:
        return "null"
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        notes = ", ".join(getattr(error, "__notes__", ()))
        raise Failed(
            "result_not_json",
            f"the variable `result` ({type(value).__name__}) is not a JSON value: {error}"
            + (f" ({notes})" if notes else ""),
            {"type": type(value).__name__},
        ) from None
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Failed(
                "result_not_json",
                "the variable `result` is not a JSON value: it has a text with half a surrogate pair",
                {"type": type(value).__name__},
            ) from None
    return text


def _uncaught(error: BaseException) -> Failed:
    try:
        text = tracebacks.show(error)
        message = tracebacks.summary(error)
    except MemoryError:
        # The frames hold what filled the memory.
        error.__traceback__ = error.__context__ = None
        _main.__dict__.clear()
        text = message = tracebacks.summary(error)
    detail = {"type": tracebacks.name_of(type(error)), "traceback": text, "exit_code": 1}
    if isinstance(error, errand.Retry):
        return Failed("retry", message, detail, transient=True)
    return Failed("exception", message, detail)


def _run_exit_handlers() -> None:
    if atexit._ncallbacks():
        atexit._run_exitfuncs()
    if len(logging._handlerList) > _HANDLERS_IN_SNAPSHOT:
        logging.shutdown()


def _let_go() -> None:
    """Drops the program's objects, as the interpreter does at its end: open files are flushed."""
    _main.__dict__.clear()
    for name in snapshot.modules_since():
        module = sys.modules[name]
        if (getattr(module, "__file__", None) or "").startswith(inputs.WORKSPACE):
            module.__dict__.clear()
    # What is left is in cycles. A collection finalizes files in any order, which loses what is
    # buffered above a descriptor that is already closed.
    for survivor in gc.get_objects():
        if isinstance(survivor, _BUFFERED):
            streams.flush(survivor)
    gc.collect()
    for stream in (*_streams, getattr(sys, "stdout", None), getattr(sys, "stderr", None)):
        streams.flush(stream)


def _conclude(result: str, failed: "Failed | None") -> str:
    out, err = _stdout.text(), _stderr.text()
    if failed is not None:
        failed.detail.update(stdout=out, stderr=err)
        raise failed
    return f'{{"result":{result},"stdout":{encode_text(out)},"stderr":{encode_text(err)}}}'
