"""A client of Errand: durable tasks for AI agents in a WebAssembly sandbox.

    from errand_client import Errand

    with Errand() as errand:
        task = errand.submit("python", {"code": "result = 6 * 7"})
        print(errand.result(task.id)["result"])

`Errand` blocks, `AsyncErrand` is for asyncio; `errand_client.tools` gives an agent tools.
"""

from .async_client import AsyncErrand
from .client import Errand
from .errors import (
    Conflict,
    ErrandError,
    Fault,
    Invalid,
    NotAllowed,
    NotFinished,
    NotFound,
    ServerFault,
    TaskFailed,
    TooBusy,
    Unreachable,
    Unsupported,
)
from .models import (
    TERMINAL,
    Approval,
    Artifact,
    Blob,
    Change,
    Context,
    ContextEvent,
    ContextState,
    Decided,
    Diff,
    Event,
    Executor,
    Failure,
    Function,
    Progress,
    Task,
    Tree,
)
from .requests import Limits, Retry, TaskRequest
from .transport import VERSION

__version__ = VERSION

__all__ = [
    "TERMINAL",
    "Approval",
    "Artifact",
    "AsyncErrand",
    "Blob",
    "Change",
    "Conflict",
    "Context",
    "ContextEvent",
    "ContextState",
    "Decided",
    "Diff",
    "Errand",
    "ErrandError",
    "Event",
    "Executor",
    "Failure",
    "Fault",
    "Function",
    "Invalid",
    "Limits",
    "NotAllowed",
    "NotFinished",
    "NotFound",
    "Progress",
    "Retry",
    "ServerFault",
    "Task",
    "TaskFailed",
    "TaskRequest",
    "TooBusy",
    "Tree",
    "Unreachable",
    "Unsupported",
    "__version__",
]
