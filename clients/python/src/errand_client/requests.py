"""What can be asked of a server: each call as a request and a way to read its answer.

Nothing here sends anything; both clients are made of it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from typing import (
    Any,
    Callable,
    Dict,
    Generic,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypedDict,
    TypeVar,
    Union,
    cast,
)
from urllib.parse import quote, urlencode

from .errors import NotFound
from .models import (
    Approval,
    Artifact,
    Blob,
    Context,
    ContextEvent,
    ContextState,
    Diff,
    Event,
    Executor,
    Json,
    Raw,
    Task,
    Tree,
    items,
    not_understood,
)

T = TypeVar("T")

MAX_WAIT_MS = 30_000
"""How long one request waits: half of what the server offers, as proxies cut off at 60 s."""
WAIT_GRACE_S = 15.0
"""How much later than the end of its wait an answer may come."""
PAGE = 500
"""Items of a page; the most that the server gives at once."""


class Limits(TypedDict, total=False):
    """The bounds of a task."""

    fuel: int
    memory_bytes: int
    timeout_ms: int
    workspace_bytes: int
    output_bytes: int


class Retry(TypedDict, total=False):
    """When a failed attempt is followed by another."""

    max_attempts: int
    backoff_ms: int
    backoff_factor: float
    backoff_max_ms: int


class _Executor(TypedDict):
    executor: str


class TaskRequest(_Executor, total=False):
    """A request for a task, as `submit_batch` takes them. Only `executor` is needed."""

    function: Optional[str]
    input: Json
    workspace: Mapping[str, Any]
    mounts: Sequence[Mapping[str, str]]
    namespace: str
    labels: Mapping[str, str]
    priority: int
    idempotency_key: str
    delay_ms: int
    parent_id: Optional[str]
    context_id: Optional[str]
    limits: Limits
    retry: Retry
    artifacts: Sequence[str]


@dataclass(frozen=True)
class Request:
    """A request, before it has a server and a token."""

    method: str
    target: str
    """The path and the query, encoded."""
    body: Optional[bytes] = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = False
    """Whether it may be sent again when nobody knows whether it arrived."""
    read_timeout_s: Optional[float] = None
    """How long the server may be silent, where that is not the client's own bound."""


@dataclass(frozen=True)
class Reply:
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    """By lower-case names."""
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and what its answer means."""

    request: Request
    read: Callable[[Reply], T]


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list, and the call for the next one."""

    items: List[T]
    next: Optional[Call[Page[T]]]


# Tasks


def new_idempotency_key() -> str:
    """Makes a key that nobody else has."""
    return secrets.token_hex(16)


def submit(wish: TaskRequest) -> Call[Task]:
    """Submits a task. Safe to repeat: it has a key, the caller's or one of its own."""
    return Call(_post("/v1/tasks", _keyed(wish), is_repeatable=True), _reader(Task.read))


def submit_batch(wishes: Iterable[TaskRequest]) -> Call[List[Task]]:
    """Submits many tasks, all or none."""
    body = {"tasks": [_keyed(wish) for wish in wishes]}
    request = _post("/v1/tasks/batch", body, is_repeatable=True)
    return Call(request, _reader(lambda raw: items(raw, Task.read)))


def wish(*, executor: str, **said: Any) -> TaskRequest:
    """Makes a request of what is said."""
    is_said = {name: value for name, value in said.items() if value is not None}
    return cast(TaskRequest, {"executor": executor, **is_said})


def _keyed(wish: TaskRequest) -> Dict[str, Any]:
    said = {name: value for name, value in wish.items() if value is not None}
    said.setdefault("idempotency_key", new_idempotency_key())
    return said


def get(task_id: str, wait_ms: int = 0) -> Call[Task]:
    """Shows a task, at once or when it has ended or waits."""
    if wait_ms == 0:
        return Call(_get(_task(task_id)), _reader(Task.read))
    timeout_s = wait_ms / 1000 + WAIT_GRACE_S
    request = _get(_task(task_id), {"wait_ms": wait_ms}, read_timeout_s=timeout_s)
    return Call(request, _reader(Task.read))


def list_tasks(
    *,
    status: Optional[str],
    executor: Optional[str],
    namespace: Optional[str],
    parent_id: Optional[str],
    context_id: Optional[str],
    label: Optional[str],
    limit: Optional[int],
) -> Call[Page[Task]]:
    """Lists tasks, newest first; `limit` at most in one page."""
    query = {
        "status": status,
        "executor": executor,
        "namespace": namespace,
        "parent_id": parent_id,
        "context_id": context_id,
        "label": label,
        "limit": PAGE if limit is None else max(1, min(limit, PAGE)),
    }
    return _page("/v1/tasks", query, Task.read)


def tree(task_id: str) -> Call[Tree]:
    """Shows a task and its descendants."""
    return Call(_get(_task(task_id, "tree")), _reader(Tree.read))


def cancel(task_id: str, reason: Optional[str]) -> Call[Task]:
    """Cancels a task; one that was cancelled before stays so, which makes it safe to repeat."""
    body = {} if reason is None else {"reason": reason}
    return Call(_post(_task(task_id, "cancel"), body, is_repeatable=True), _reader(Task.read))


def retry(task_id: str) -> Call[Task]:
    """Tries a task again. Not repeated: it may have failed once more in between."""
    return Call(Request("POST", _task(task_id, "retry")), _reader(Task.read))


def delete(task_id: str) -> Call[None]:
    """Deletes a task that has ended."""
    return Call(Request("DELETE", _task(task_id)), lambda _: None)


def signal(task_id: str, name: str, payload: Json) -> Call[Task]:
    """Sends a signal. Not repeated: each one counts."""
    request = _post(_task(task_id, "signals"), {"name": name, "payload": payload})
    return Call(request, _reader(Task.read))


def last_seq(task_id: str, after: int) -> Call[int]:
    """Finds the number of the last event."""

    def last(raw: Raw) -> int:
        return max((event.seq for event in items(raw, Event.read)), default=after)

    return Call(_get(_task(task_id, "events"), {"after": after}), _reader(last))


def recorded_events(task_id: str, after: int) -> Call[List[Event]]:
    """Reads the events that are recorded by now."""
    request = _get(_task(task_id, "events"), {"after": after})
    return Call(request, _reader(lambda raw: items(raw, Event.read)))


def event_stream(task_id: str, after: int) -> Request:
    """Follows a task's events."""
    return _stream(_task(task_id, "events"), str(after))


# What tasks leave


def artifacts(task_id: str) -> Call[List[Artifact]]:
    """Lists what a task left behind."""
    request = _get(_task(task_id, "artifacts"))
    return Call(request, _reader(lambda raw: items(raw, Artifact.read)))


def read_artifact(task_id: str, path: str, offset: int, length: Optional[int]) -> Call[bytes]:
    """Fetches a file, or a part of it."""
    if offset < 0 or (length is not None and length < 1):
        raise ValueError("a part of a file starts at 0 or later and has a byte or more")
    headers = {"accept": "*/*"}
    if offset or length is not None:
        headers["range"] = f"bytes={offset}-{'' if length is None else offset + length - 1}"
    target = _task(task_id, "artifacts", *path.split("/"))
    return Call(Request("GET", target, headers=headers, is_repeatable=True), lambda r: r.body)


def diff(task_id: str) -> Call[Diff]:
    """Shows what a task changed in its workspace."""
    return Call(_get(_task(task_id, "diff")), _reader(Diff.read))


def patch(task_id: str) -> Call[str]:
    """Shows the same as a patch."""
    headers = {"accept": "text/x-diff"}
    request = Request("GET", _task(task_id, "diff"), headers=headers, is_repeatable=True)
    return Call(request, lambda reply: reply.body.decode("utf-8", "surrogateescape"))


def upload_blob(data: bytes, namespace: Optional[str]) -> Call[Blob]:
    """Uploads bytes. Safe to repeat: they are named by their content."""
    return Call(replace(upload(namespace), body=data, is_repeatable=True), read_blob)


def upload(namespace: Optional[str]) -> Request:
    """Uploads what is sent as it is read, once."""
    target = _target("/v1/blobs", {"namespace": namespace})
    headers = {"content-type": "application/octet-stream", "accept": "application/json"}
    return Request("POST", target, None, headers, read_timeout_s=_UPLOAD_SILENCE_S)


def read_blob(reply: Reply) -> Blob:
    """Reads what an upload answers."""
    return _reader(Blob.read)(reply)


# Executors, approvals, conversations


def executors() -> Call[Page[Executor]]:
    """Lists the executors."""
    return _page("/v1/executors", {}, Executor.read)


def approvals(status: Optional[str], task_id: Optional[str]) -> Call[Page[Approval]]:
    """Lists approvals, the oldest task's first."""
    return _page("/v1/approvals", {"status": status, "task_id": task_id}, Approval.read)


def approval(approval_id: str) -> Call[Approval]:
    """Shows an approval."""
    return Call(_get(_path("approvals", approval_id)), _reader(Approval.read))


def decide(
    approval_id: str,
    decision: str,
    *,
    digest: Optional[str],
    comment: Optional[str],
    values: Json,
) -> Call[Approval]:
    """Decides an approval. Not repeated: the second decision is refused, be it the same."""
    said = {"decision": decision, "digest": digest, "comment": comment, "values": values}
    body = {name: value for name, value in said.items() if value is not None}
    return Call(_post(_path("approvals", approval_id), body), _reader(Approval.read))


def context(context_id: str) -> Call[Context]:
    """Shows a conversation."""
    return Call(_get(_path("contexts", context_id)), _reader(Context.read))


def put_context(context_id: str, state: Json, if_match: Optional[str]) -> Call[ContextState]:
    """Replaces a conversation's state. Not repeated: somebody else may have written in between."""
    headers = dict(_JSON)
    if if_match is not None:
        headers["if-match"] = f'"{if_match}"'
    request = Request("PUT", _path("contexts", context_id, "state"), _json(state), headers)
    return Call(request, _reader(ContextState.read))


def context_events(context_id: str, after: Optional[str]) -> Call[Page[ContextEvent]]:
    """Reads what happened in a conversation."""

    def read(raw: Raw) -> Page[ContextEvent]:
        found = items(raw, read_context_event)
        cursor = raw.get("cursor")
        if found and isinstance(cursor, str):
            last = found[-1]
            found[-1] = ContextEvent(last.task_id, last.event, cursor)
        is_last = raw.get("more") is not True or not isinstance(cursor, str)
        return Page(found, None if is_last else context_events(context_id, cursor))

    target = _path("contexts", context_id, "events")
    return Call(_get(target, {"after": after}), _reader(read))


def context_stream(context_id: str, after: Optional[str]) -> Request:
    """Follows a conversation."""
    return _stream(_path("contexts", context_id, "events"), after)


def read_context_event(raw: Raw) -> ContextEvent:
    """Reads an event of a conversation."""
    return ContextEvent(str(raw.get("task_id", "")), Event.read(raw))


# How requests are written and answers are read

_JSON = {"content-type": "application/json", "accept": "application/json"}
_UPLOAD_SILENCE_S = 300.0
"""An upload may wait, unread, until others have ended."""
_STREAM_SILENCE_S = 60.0
"""The server says something every 15 s; a connection that is silent for so long is dead."""


def _page(target: str, query: Mapping[str, Any], read: Callable[[Raw], T]) -> Call[Page[T]]:
    def read_page(raw: Raw) -> Page[T]:
        cursor, found = raw.get("next_cursor"), items(raw, read)
        is_last = not found or not isinstance(cursor, str)
        return Page(found, None if is_last else _page(target, {**query, "cursor": cursor}, read))

    return Call(_get(target, {"limit": PAGE, **query}), _reader(read_page))


def _get(
    target: str,
    query: Optional[Mapping[str, Any]] = None,
    *,
    read_timeout_s: Optional[float] = None,
) -> Request:
    headers = {"accept": "application/json"}
    target = _target(target, query or {})
    return Request("GET", target, None, headers, True, read_timeout_s)


def _post(target: str, body: Json, *, is_repeatable: bool = False) -> Request:
    return Request("POST", target, _json(body), _JSON, is_repeatable)


def _stream(target: str, after: Optional[str]) -> Request:
    headers = {"accept": "text/event-stream", "cache-control": "no-store"}
    if after is not None:
        headers["last-event-id"] = after
    return Request("GET", target, None, headers, True, _STREAM_SILENCE_S)


def _json(value: Json) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _reader(read: Callable[[Raw], T]) -> Callable[[Reply], T]:
    def read_reply(reply: Reply) -> T:
        return read(read_object(reply.body))

    return read_reply


def read_object(text: Union[bytes, str]) -> Raw:
    """Reads a JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise not_understood(str(error)) from None
    if not isinstance(value, dict):
        raise not_understood("it is no JSON object")
    return value


def _task(task_id: str, *more: str) -> str:
    return _path("tasks", task_id, *more)


def _path(*segments: str) -> str:
    for segment in segments:
        # Such a segment would name something else than what was asked for.
        if segment in ("", ".", ".."):
            raise NotFound(f"there is nothing that is named {segment!r}", code="not_found")
    return "/v1/" + "/".join(quote(segment, safe="") for segment in segments)


def _target(target: str, query: Mapping[str, Any]) -> str:
    pairs: List[Tuple[str, Any]] = [(k, v) for k, v in query.items() if v is not None]
    return f"{target}?{urlencode(pairs)}" if pairs else target
