"""What the snapshot holds, and what must not stay as it was when it was taken.

CPython seeds some things once. In a snapshot that once was at build, the same for every task. What was
found frozen, and what became of it:

- `random`: the generated runtime calls `random.seed()` before the first call of an instance; `seal`
  refuses a build with a second generator in it.
- `random.SystemRandom`, `secrets`, `uuid.uuid4`, `os.urandom`: ask the host each time.
- `tempfile`: makes its own generator at first use, so it must not have been used at build.
- `uuid.getnode`: cached at first use, likewise.
- `logging`: remembers when it was imported; `fresh.wake` sets it.
- `os.environ`, `sys.argv`: emptied by the generated runtime, then filled from the host.
- The hash secret of `str` and `bytes` stays: every dictionary in the snapshot depends on it.
"""

from __future__ import annotations

import itertools
import sys

_SLACK_BYTES = 2 * 1024 * 1024
_modules_in_snapshot = 0


def prepare() -> None:
    """Imports what programs use. The first thing that a build does."""
    from . import stdlib

    # A workspace must not fill with `__pycache__`.
    sys.dont_write_bytecode = True
    stdlib.install()

    from . import loop, zones

    loop.install()
    zones.install()


def seal() -> None:
    """Leaves nothing in the snapshot that belongs to the build. The last thing that a build does."""
    global _modules_in_snapshot
    import atexit
    import gc
    import linecache
    import os
    import random
    import tempfile
    import uuid

    from . import executor, inputs, tracebacks

    executor.install()
    _import_bindings()
    executor.rehearse()
    tracebacks.hide(sys.modules["app"].__file__, sys.modules["errand"].__path__[0] + "/")

    # There is no /tmp. Set, it need not be searched for.
    tempfile.tempdir = inputs.WORKSPACE
    # Of what the library registered, `logging.shutdown` alone has something to do in a sandbox, and
    # the executor calls it where a program made a handler.
    atexit._clear()
    os.environ.clear()
    linecache.clearcache()
    sys.path_importer_cache.clear()

    assert tempfile._name_sequence is None and uuid._node is None, "used at build"
    gc.collect()
    generators = [o for o in gc.get_objects() if type(o) is random.Random]
    assert generators in ([], [random._inst]), "a generator of random numbers was made at build"
    # Collections need not look at the library's objects, nor touch their memory.
    gc.freeze()
    # Room to allocate in, so that a short run does not have to grow its memory. It stays zero, and
    # so takes no room in the component.
    bytearray(_SLACK_BYTES)
    # Without the entry's own, which a run takes out.
    _modules_in_snapshot = len(sys.modules) - 1


def _import_bindings() -> None:
    """Imports all generated modules, as the runtime is about to: after it, they are not frozen."""
    import importlib
    import pkgutil

    import wit_world.imports

    for found in pkgutil.iter_modules(wit_world.imports.__path__):
        importlib.import_module(f"wit_world.imports.{found.name}")


def modules_since() -> "list[str]":
    """Returns the names of the modules that were imported after the snapshot was taken."""
    # From the end: to go over all would touch the memory of each name, and a first touch is slow.
    return list(itertools.islice(reversed(sys.modules), len(sys.modules) - _modules_in_snapshot))

