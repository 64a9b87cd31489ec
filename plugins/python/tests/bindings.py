"""Stands in for the bindings that `componentize-py` generates, so that the sources import natively.

Records keep their fields, enums and variants are told apart, and each host function takes its next
answer from `answers` and notes the call in `calls`.
"""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, make_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

calls: "list[tuple]" = []
answers: "dict[str, Any]" = {}


@dataclass(frozen=True)
class Err(Exception):
    value: Any


@dataclass
class Ok:
    value: Any


def _function(interface: str, name: str):
    def function(*args):
        calls.append((f"{interface}.{name}", *args))
        answer = answers.get(f"{interface}.{name}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return function


def _module(name: str, functions: str = "", **members) -> types.ModuleType:
    module = types.ModuleType(f"wit_world.imports.{name}")
    for function in functions.split():
        setattr(module, function, _function(name, function))
    module.__dict__.update(members)
    sys.modules[module.__name__] = module
    setattr(sys.modules["wit_world.imports"], name, module)
    return module


def _record(name: str, fields: str):
    return make_dataclass(name, fields.split())


def _enum(name: str, cases: str):
    return Enum(name, cases.split(), start=0)


def install() -> None:
    """Makes the bindings importable, and the sources beside them."""
    if "wit_world" in sys.modules:
        return
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    sys.modules["componentize_py_types"] = types.ModuleType("componentize_py_types")
    sys.modules["componentize_py_types"].__dict__.update(Err=Err, Ok=Ok)
    sys.modules["wit_world"] = types.ModuleType("wit_world")
    sys.modules["wit_world.imports"] = types.ModuleType("wit_world.imports")
    sys.modules["wit_world"].imports = sys.modules["wit_world.imports"]

    errors = {f"Error_{kind}": _record(f"Error_{kind}", "value")
              for kind in ("Unsupported", "Denied", "Invalid", "Limit", "NotFound")}
    _module("errand_task_types", Bound=_record("Bound", "name value"),
            TaskError=_record("TaskError", "code message detail"),
            Level=_enum("Level", "DEBUG INFO WARN ERROR"), **errors)
    _module("execution", Failure=_record("Failure", "code message detail persistence"),
            Persistence=_enum("Persistence", "PERMANENT TRANSIENT"))
    _module("progress", "report log emit")
    _module("artifacts", "publish", Description=_record("Description", "media_type text"))
    _module("timers", "sleep")
    _module("signals", "wait poll")
    _module("checkpoint", "save restored")
    _module("approval", "ask request request_from decision_of",
            Question=_record("Question", "title detail schema timeout_ms show_diff attachments"),
            Decision=_record("Decision", "verdict by comment values"),
            Verdict=_enum("Verdict", "APPROVED DENIED EXPIRED CANCELLED"))
    _module("children", "spawn wait_all wait_any outcome_of cancel",
            Child=_record("Child", "executor function input workspace limits name max_attempts"),
            Limits=_record("Limits", "fuel memory_bytes timeout_ms workspace_bytes output_bytes "
                                     "fuel_from_parent"),
            Outcome=_record("Outcome", "id output"),
            Workspace=_enum("Workspace", "EMPTY START FORK"),
            OnFailure=_enum("OnFailure", "FAIL_FAST COLLECT IGNORE"))
    _module("waiting", "wait_any",
            **{f"Awaitable_{kind}": _record(f"Awaitable_{kind}", "value")
               for kind in ("Child", "Signal", "Timer", "Approval")})
    _module("context", "this_task get_state set_state",
            Identity=_record("Identity", "task_id attempt namespace context_id parent_id"),
            State=_record("State", "value version"))
    _module("outgoing_handler", "handle")
    _module("streams", StreamError_Closed=_record("StreamError_Closed", ""))
    kinds = "Get Head Post Put Delete Connect Options Trace Patch Other"
    _module("wasi_http_types",
            **{f"Method_{kind}": _record(f"Method_{kind}", "") for kind in kinds.split()},
            **{f"ErrorCode_{kind}": _record(f"ErrorCode_{kind}", "value")
               for kind in ("InternalError", "HttpRequestDenied", "DestinationIpProhibited")},
            ErrorCode_ConnectionRefused=_record("ErrorCode_ConnectionRefused", ""),
            OutgoingRequest=object, IncomingResponse=object)


def reset() -> None:
    """Forgets calls and answers."""
    calls.clear()
    answers.clear()
