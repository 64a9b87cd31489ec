"""What the server says, as dataclasses.

Reading is lenient: a field that this version does not know is kept in `raw`, one that is missing
has its default, and words such as a status are text, so that a newer server is no error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, List, Mapping, Optional, TypeVar

from .errors import ServerFault

Json = Any
Raw = Mapping[str, Any]
_T = TypeVar("_T")

TERMINAL = frozenset({"completed", "failed", "cancelled"})
"""The statuses, and the kinds of event, with which a task has ended."""


@dataclass(frozen=True)
class Progress:
    """How far a task is."""

    fuel_used: int = 0
    fuel_limit: Optional[int] = None
    done: Optional[int] = None
    total: Optional[int] = None
    message: Optional[str] = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Raw) -> Progress:
        """Reads one from JSON."""
        return cls(
            fuel_used=_number(raw.get("fuel_used")) or 0,
            fuel_limit=_number(raw.get("fuel_limit")),
            done=_number(raw.get("done")),
            total=_number(raw.get("total")),
            message=raw.get("message"),
            raw=raw,
        )


@dataclass(frozen=True)
class Failure:
    """How a task failed, or that it was cancelled."""

    code: str
    message: str = ""
    detail: Json = None
    attempt: int = 0
    retryable: bool = False
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Raw) -> Failure:
        """Reads one from JSON."""
        return cls(
            code=str(raw.get("code", "internal")),
            message=str(raw.get("message", "")),
            detail=raw.get("detail"),
            attempt=_number(raw.get("attempt")) or 0,
            retryable=bool(raw.get("retryable", False)),
            raw=raw,
        )


@dataclass(frozen=True)
class Task:
    """A task: one durable unit of work."""

    id: str
    status: str
    """`queued`, `running`, `waiting`, `completed`, `failed` or `cancelled`."""
    namespace: str = ""
    executor: str = ""
    """Pinned: `name@digest`."""
    function: Optional[str] = None
    waiting_for: Optional[str] = None
    """`approval`, `children`, `timer` or `signal`, while `waiting`."""
    attempt: int = 0
    priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    parent_id: Optional[str] = None
    context_id: Optional[str] = None
    progress: Progress = field(default_factory=Progress)
    output: Json = None
    error: Optional[Failure] = None
    created_at: Optional[datetime] = None
    started_at: Optional[datetime] = None
    finished_at: Optional[datetime] = None
    links: Mapping[str, str] = field(default_factory=dict)
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended."""
        return self.status in TERMINAL

    @classmethod
    def read(cls, raw: Raw) -> Task:
        """Reads one from JSON."""
        error = raw.get("error")
        return cls(
            id=_text(raw, "id"),
            status=_text(raw, "status"),
            namespace=str(raw.get("namespace", "")),
            executor=str(raw.get("executor", "")),
            function=raw.get("function"),
            waiting_for=raw.get("waiting_for"),
            attempt=_number(raw.get("attempt")) or 0,
            priority=_number(raw.get("priority")) or 0,
            labels=_object(raw.get("labels")),
            parent_id=raw.get("parent_id"),
            context_id=raw.get("context_id"),
            progress=Progress.read(_object(raw.get("progress"))),
            output=raw.get("output"),
            error=Failure.read(error) if isinstance(error, dict) else None,
            created_at=moment(raw.get("created_at")),
            started_at=moment(raw.get("started_at")),
            finished_at=moment(raw.get("finished_at")),
            links=_object(raw.get("links")),
            raw=raw,
        )


@dataclass(frozen=True)
class Tree:
    """A task and its descendants."""

    items: List[Task]
    """The task first, then its children, then theirs; `parent_id` says whose."""
    truncated: bool = False

    @classmethod
    def read(cls, raw: Raw) -> Tree:
        """Reads one from JSON."""
        return cls(items(raw, Task.read), bool(raw.get("truncated", False)))


@dataclass(frozen=True)
class Event:
    """One entry of a task's log. Numbered from 1 without holes."""

    seq: int
    kind: str
    """`submitted`, `started`, `log`, …, `completed`, `failed`, `cancelled`."""
    data: Mapping[str, Any] = field(default_factory=dict)
    at: Optional[datetime] = None
    by: str = ""
    attempt: int = 0
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_terminal(self) -> bool:
        """Whether the task has ended with it."""
        return self.kind in TERMINAL

    @classmethod
    def read(cls, raw: Raw) -> Event:
        """Reads one from JSON."""
        seq = _number(raw.get("seq"))
        if seq is None:
            raise not_understood("an event has no `seq`")
        return cls(
            seq=seq,
            kind=_text(raw, "kind"),
            data=_object(raw.get("data")),
            at=moment(raw.get("at")),
            by=str(raw.get("by", "")),
            attempt=_number(raw.get("attempt")) or 0,
            raw=raw,
        )


@dataclass(frozen=True)
class ContextEvent:
    """An event of one of a conversation's tasks."""

    task_id: str
    event: Event
    cursor: Optional[str] = None
    """What `after` is for what comes next, where the server says it with this event."""


@dataclass(frozen=True)
class Artifact:
    """A file that a task left behind."""

    path: str
    size_bytes: int = 0
    blake3: str = ""
    media_type: str = "application/octet-stream"
    description: Optional[str] = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Raw) -> Artifact:
        """Reads one from JSON."""
        return cls(
            path=_text(raw, "path"),
            size_bytes=_number(raw.get("size_bytes")) or 0,
            blake3=str(raw.get("blake3", "")),
            media_type=str(raw.get("media_type", "application/octet-stream")),
            description=raw.get("description"),
            raw=raw,
        )


@dataclass(frozen=True)
class Blob:
    """Bytes that were uploaded. `{"from": "tar", "blob": blob.blake3}` is a workspace of them."""

    blake3: str
    size_bytes: int = 0

    @classmethod
    def read(cls, raw: Raw) -> Blob:
        """Reads one from JSON."""
        return cls(_text(raw, "blake3"), _number(raw.get("size_bytes")) or 0)


@dataclass(frozen=True)
class Change:
    """A path that a task added, modified or deleted."""

    path: str
    mode: str = ""
    """As git writes it: `100644` for a file, `100755` for a program, `120000` for a link."""
    size_bytes: Optional[int] = None
    blake3: Optional[str] = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Raw) -> Change:
        """Reads one from JSON."""
        size_bytes = _number(raw.get("size_bytes"))
        return cls(_text(raw, "path"), str(raw.get("mode", "")), size_bytes, raw.get("blake3"), raw)


@dataclass(frozen=True)
class Diff:
    """What a task changed in its workspace."""

    added: List[Change]
    modified: List[Change]
    deleted: List[Change]

    @classmethod
    def read(cls, raw: Raw) -> Diff:
        """Reads one from JSON."""
        added, modified, deleted = (
            items(raw, Change.read, key) for key in ("added", "modified", "deleted")
        )
        return cls(added, modified, deleted)


@dataclass(frozen=True)
class Function:
    """What of an executor can be called."""

    name: str
    description: Optional[str] = None
    input_schema: Json = None
    output_schema: Json = None

    @classmethod
    def read(cls, raw: Raw) -> Function:
        """Reads one from JSON."""
        schemas = raw.get("input_schema"), raw.get("output_schema")
        return cls(_text(raw, "name"), raw.get("description"), *schemas)


@dataclass(frozen=True)
class Executor:
    """A wasm that runs tasks."""

    name: str
    digest: str = ""
    kind: str = ""
    """`native`, `functions` or `command`."""
    description: Optional[str] = None
    functions: List[Function] = field(default_factory=list)
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Raw) -> Executor:
        """Reads one from JSON."""
        return cls(
            name=_text(raw, "name"),
            digest=str(raw.get("digest", "")),
            kind=str(raw.get("kind", "")),
            description=raw.get("description"),
            functions=items(raw, Function.read, "functions"),
            raw=raw,
        )


@dataclass(frozen=True)
class Decided:
    """How an approval was closed."""

    by: str
    at: Optional[datetime] = None
    via: Optional[str] = None
    comment: Optional[str] = None
    values: Json = None

    @classmethod
    def read(cls, raw: Raw) -> Decided:
        """Reads one from JSON."""
        said = raw.get("via"), raw.get("comment"), raw.get("values")
        return cls(str(raw.get("by", "")), moment(raw.get("at")), *said)


@dataclass(frozen=True)
class Approval:
    """A question of a task to a person, and the answer once there is one."""

    id: str
    task_id: str
    status: str
    """`pending`, `approved`, `denied`, `expired` or `cancelled`; only `approved` is a yes."""
    title: str = ""
    detail: str = ""
    digest: str = ""
    """Of all that is shown; a decision may name it, and is refused where it is another."""
    schema: Json = None
    expires_at: Optional[datetime] = None
    decided: Optional[Decided] = None
    links: Mapping[str, str] = field(default_factory=dict)
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Raw) -> Approval:
        """Reads one from JSON."""
        decided = raw.get("decided")
        return cls(
            id=_text(raw, "id"),
            task_id=_text(raw, "task_id"),
            status=_text(raw, "status"),
            title=str(raw.get("title", "")),
            detail=str(raw.get("detail", "")),
            digest=str(raw.get("digest", "")),
            schema=raw.get("schema"),
            expires_at=moment(raw.get("expires_at")),
            decided=Decided.read(decided) if isinstance(decided, dict) else None,
            links=_object(raw.get("links")),
            raw=raw,
        )


@dataclass(frozen=True)
class ContextState:
    """A version of a conversation's state."""

    state: Json
    version: str
    """Changes with each write; what `if_match` takes."""

    @classmethod
    def read(cls, raw: Raw) -> ContextState:
        """Reads one from JSON."""
        return cls(raw.get("state"), _text(raw, "version"))


@dataclass(frozen=True)
class Context:
    """A conversation: its state, its tasks, and what waits for a decision."""

    id: str
    state: Json
    version: str
    tasks: List[Task]
    truncated: bool
    """Whether there are more tasks."""
    approvals: List[Approval]
    cursor: Optional[str]
    """What `after` is for what happens from now on."""
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Raw) -> Context:
        """Reads one from JSON."""
        return cls(
            id=_text(raw, "id"),
            state=raw.get("state"),
            version=_text(raw, "version"),
            tasks=items(raw, Task.read, "tasks"),
            truncated=bool(raw.get("truncated", False)),
            approvals=items(raw, Approval.read, "approvals"),
            cursor=raw.get("cursor"),
            raw=raw,
        )


def items(raw: Raw, read: Callable[[Raw], _T], key: str = "items") -> List[_T]:
    """Reads a list of an object's; nothing where it has none."""
    found = raw.get(key)
    return [read(one) for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def not_understood(what: str) -> ServerFault:
    """Makes the error for an answer that can't be read."""
    return ServerFault(f"the server's answer is not understood: {what}", code="not_understood")


_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))"
)


def moment(text: Any) -> Optional[datetime]:
    """Reads an RFC 3339 time; nothing where it is none. Digits beyond microseconds are dropped."""
    found = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    day, time, fraction, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        whole = datetime.strptime(f"{day} {time}+0000", "%Y-%m-%d %H:%M:%S%z")
        whole = whole.replace(microsecond=int((fraction or "0").ljust(6, "0")[:6]))
        return (whole + offset if sign == "-" else whole - offset).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _text(raw: Raw, key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str):
        raise not_understood(f"there is no `{key}`")
    return value


def _number(value: Any) -> Optional[int]:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _object(value: Any) -> Dict[str, Any]:
    return value if isinstance(value, dict) else {}
