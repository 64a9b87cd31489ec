"""A host for the built component, on PyPI's `wasmtime`: every `errand:task` call is refused, and noted.

It stands in for the server's engine where that isn't built, and knows nothing of limits or replay.
"""

from __future__ import annotations

import json
from pathlib import Path

from wasmtime import Config, Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Variant

COMPONENT = Path(__file__).resolve().parents[3] / "target" / "plugins" / "python.wasm"
WASM_STACK_BYTES = 1900 * 1024

# Functions that answer `result<…, error>`, by interface.
_REFUSED = {
    "approval": ["ask", "request", "decision-of"],
    "artifacts": ["publish"],
    "children": ["spawn", "wait-all", "wait-any", "outcome-of", "cancel"],
    "context": ["get-state", "set-state"],
    "progress": ["emit"],
    "signals": ["wait", "poll"],
    "timers": ["sleep"],
    "waiting": ["wait-any"],
}


class Host:
    """A compiled component, run in a fresh instance each time."""

    def __init__(self, component: Path = COMPONENT):
        config = Config()
        config.max_wasm_stack = WASM_STACK_BYTES
        self._engine = Engine(config)
        self._component = Component.from_file(self._engine, str(component))
        self._linker = Linker(self._engine)
        self._linker.add_wasip2()
        self._linker.add_wasi_http()
        self.calls: list[tuple] = []
        self.stdout: list[bytes] = []
        with self._linker.root() as root:
            for interface in ("types", "checkpoint", *_REFUSED):
                with root.add_instance(f"errand:task/{interface}@0.1.0") as instance:
                    for function in _REFUSED.get(interface, ()):
                        instance.add_func(function, self._refuse(f"{interface}.{function}"))
                    if interface == "progress":
                        instance.add_func("report", self._note("report"))
                        instance.add_func("log", self._note("log"))
                    if interface == "context":
                        instance.add_func("this-task", self._note("this-task"))
                    if interface == "checkpoint":
                        instance.add_func("restored", self._note("restored"))
                        instance.add_func("save", self._refuse("checkpoint.save"))

    def describe(self):
        """Returns the executor's description."""
        return self._call("describe", WasiConfig())

    def run(self, given, workspace: str) -> dict:
        """Runs a task; returns its output, or its failure as a dict with `code`."""
        wasi = WasiConfig()
        wasi.preopen_dir(workspace, "/workspace")
        self.calls, self.stdout = [], []
        wasi.stdout_custom = lambda data: self.stdout.append(bytes(data))
        wasi.stderr_custom = lambda data: None
        answer = self._call("run", wasi, given if isinstance(given, str) else json.dumps(given))
        if isinstance(answer, str):
            return json.loads(answer)
        return {
            "code": answer.code,
            "message": answer.message,
            "detail": None if answer.detail is None else json.loads(answer.detail),
            "persistence": answer.persistence,
        }

    def _call(self, name: str, wasi: WasiConfig, *args):
        store = Store(self._engine)
        store.set_wasi(wasi)
        store.set_wasi_http()
        instance = self._linker.instantiate(store, self._component)
        function = instance.get_func(store, name)
        answer = function(store, *args)
        function.post_return(store)
        return answer

    def _refuse(self, name: str):
        def function(store, *args):
            self.calls.append((name, args))
            return Variant("unsupported", f"this server does not offer {name}")

        return function

    def _note(self, name: str):
        def function(store, *args):
            self.calls.append((name, args))

        return function
