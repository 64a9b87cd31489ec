"""The standard library, inside the component.

A component has no file system of its own. What most programs import is imported at build and is in the
snapshot; the source of all of it is kept compressed, so that the rest can be imported too (compiled
then, some milliseconds each), and so that tracebacks and `inspect` show the library's lines.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
import zlib

# Not of use in a sandbox, or of none without what it lacks; `pydoc_data` is text for `help("topic")`.
_LEFT_OUT = {
    "__hello__", "__phello__", "antigravity", "config-3.14-wasm32-wasi", "ctypes", "curses",
    "ensurepip", "idlelib", "pydoc_data", "pty", "site-packages", "test", "this", "tkinter", "tty",
    "turtle", "turtledemo", "venv", "_aix_support", "_android_support", "_apple_support",
    "_ios_support", "_osx_support", "_sysconfigdata__wasi_wasm32-wasi", "__pycache__",
}

IMPORTED = """
abc annotationlib argparse array ast asyncio base64 binascii bisect calendar codecs cmath collections
collections.abc colorsys concurrent.futures concurrent.futures.thread configparser contextlib
contextvars copy copyreg csv dataclasses datetime decimal difflib dis doctest email
email.header email.message email.mime.multipart email.mime.text email.parser email.policy email.utils
encodings.ascii encodings.cp1252 encodings.idna encodings.latin_1 encodings.utf_16 encodings.utf_8_sig
enum errno filecmp fnmatch fractions functools gc getopt getpass gettext glob graphlib gzip hashlib
heapq hmac html html.entities html.parser http http.client http.cookies importlib.metadata
importlib.resources importlib.util inspect io ipaddress itertools json keyword linecache locale logging
logging.handlers math mimetypes numbers operator optparse os os.path pathlib pickle pkgutil platform
posixpath pprint queue quopri random re reprlib runpy sched secrets selectors shelve shlex shutil signal
socket sqlite3 stat statistics string string.templatelib stringprep struct subprocess sysconfig tarfile
tempfile textwrap threading time timeit tokenize tomllib traceback types typing unicodedata unittest
unittest.mock urllib.error urllib.parse urllib.request uuid warnings weakref xml.dom.minidom
xml.etree.ElementTree xml.sax.saxutils zipfile zlib zoneinfo
""".split()
"""What is in the snapshot, ready to use."""


class Archive:
    """Finder and loader of the modules whose source was kept at build."""

    def __init__(self):
        self._sources: dict[str, tuple[str, bytes]] = {}

    def add_directory(self, root: str, prefix: str = "") -> None:
        """Keeps the source of each module under a directory."""
        for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
            name, extension = os.path.splitext(entry.name)
            if not prefix and name in _LEFT_OUT or name == "__pycache__":
                continue
            if entry.is_dir():
                self.add_directory(entry.path, f"{prefix}{entry.name}.")
            elif extension == ".py":
                full = prefix + name if name != "__init__" else prefix[:-1]
                with open(entry.path, "rb") as stream:
                    self._sources[full] = (entry.path, zlib.compress(stream.read(), 9))

    def find_spec(self, name, path=None, target=None):
        """Answers the import system."""
        kept = self._sources.get(name)
        if kept is None:
            return None
        filename = kept[0]
        is_package = filename.endswith("/__init__.py")
        spec = importlib.machinery.ModuleSpec(name, self, origin=filename, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations.append(os.path.dirname(filename))
        return spec

    def create_module(self, spec):
        """Leaves it to the import system."""

    def exec_module(self, module):
        """Runs a module's code in it."""
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name):
        """Compiles a module, for `runpy` too."""
        filename, data = self._sources[name]
        return compile(zlib.decompress(data), filename, "exec", dont_inherit=True)

    def get_source(self, name):
        """Returns a module's source, for tracebacks and `inspect`."""
        return importlib._bootstrap_external.decode_source(zlib.decompress(self._sources[name][1]))

    def is_package(self, name):
        """Says whether a module is a package."""
        return self._sources[name][0].endswith("/__init__.py")


archive = Archive()
ROOT = sys.prefix
"""Where the library lay at build, and where tracebacks say that it lies."""


def install() -> None:
    """Keeps the library's source, and imports through it what the snapshot shall hold."""
    archive.add_directory(ROOT)
    # First for the build, so that modules of the snapshot know where their source is.
    sys.meta_path.insert(0, archive)
    from . import web

    web.install()
    for name in IMPORTED:
        importlib.import_module(name)
    sys.meta_path.remove(archive)
    # Last in a run: a module beside the program wins, as it does where Python has a directory.
    sys.meta_path.append(archive)
