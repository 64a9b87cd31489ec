"""The asyncio client: as the blocking one, with `await`."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    AsyncGenerator,
    BinaryIO,
    Collection,
    Iterable,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Type,
    TypeVar,
    Union,
)

import httpx
from httpx_sse import EventSource

from . import flows, requests, transport
from .flows import Effect, Flow, Follower, Outcome, Pause, Watch
from .location import locate
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
    Progress,
    Task,
    Tree,
)
from .requests import Call, Limits, Page, Request, Retry, TaskRequest

T = TypeVar("T")


class AsyncErrand:
    """A client of an Errand server, for asyncio; as `Errand`, whose methods say more.

    Args:
        url: The server. Without it ERRAND_SERVER; without that the local server's, as its data
            directory says, or `http://127.0.0.1:7420`.
        token: The access token. Without it ERRAND_TOKEN; without that `agent.token` of the data
            directory, for a server of this machine.
        timeout_s: How long the server may be silent in an answer.
        patience_s: How long `wait`, `result` and streams of events go on trying to reach a server.
            Other calls are repeated for 10 s of it at most, where that is safe. 0 tries once.
        verify: How the certificate of an `https` server is checked, where that is not as usual.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        token: Optional[str] = None,
        *,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        verify: Union[bool, ssl.SSLContext] = True,
    ) -> None:
        location = locate(url, token)
        self.url = location.url
        self._timeout_s = timeout_s
        self._patience = flows.Patience(patience_s)
        self._brief = flows.Patience(min(patience_s, flows.BRIEF_S))
        self._http = httpx.AsyncClient(
            headers=transport.headers(location),
            timeout=transport.timeouts(timeout_s),
            verify=verify,
            trust_env=not location.is_loopback,
        )

    async def __aenter__(self) -> AsyncErrand:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()

    # Tasks

    async def submit(
        self,
        executor: str,
        input: Json = None,  # noqa: A002 - the contract's word
        *,
        function: Optional[str] = None,
        workspace: Optional[Mapping[str, Any]] = None,
        mounts: Optional[Sequence[Mapping[str, str]]] = None,
        namespace: Optional[str] = None,
        labels: Optional[Mapping[str, str]] = None,
        priority: Optional[int] = None,
        idempotency_key: Optional[str] = None,
        delay_ms: Optional[int] = None,
        parent_id: Optional[str] = None,
        context_id: Optional[str] = None,
        limits: Optional[Limits] = None,
        retry: Optional[Retry] = None,
        artifacts: Optional[Sequence[str]] = None,
    ) -> Task:
        """Submits a task, and returns it as soon as it is durable."""
        return await self._call(
            requests.submit(
                requests.wish(
                    executor=executor,
                    input=input,
                    function=function,
                    workspace=workspace,
                    mounts=mounts,
                    namespace=namespace,
                    labels=labels,
                    priority=priority,
                    idempotency_key=idempotency_key,
                    delay_ms=delay_ms,
                    parent_id=parent_id,
                    context_id=context_id,
                    limits=limits,
                    retry=retry,
                    artifacts=artifacts,
                )
            )
        )

    async def submit_batch(self, tasks: Iterable[TaskRequest]) -> List[Task]:
        """Submits at most 1,000 tasks, all or none; returns them in order."""
        return await self._call(requests.submit_batch(tasks))

    async def get(self, task_id: str) -> Task:
        """Returns a task as it is now."""
        return await self._call(requests.get(task_id))

    def list(
        self,
        *,
        status: Optional[str] = None,
        executor: Optional[str] = None,
        namespace: Optional[str] = None,
        parent_id: Optional[str] = None,
        context_id: Optional[str] = None,
        label: Optional[str] = None,
        limit: Optional[int] = None,
    ) -> AsyncGenerator[Task, None]:
        """Iterates over tasks, newest first; all conditions must hold.

        `label` is `key:value`, `limit` how many there are at most.
        """
        return self._pages(
            requests.list_tasks(
                status=status,
                executor=executor,
                namespace=namespace,
                parent_id=parent_id,
                context_id=context_id,
                label=label,
                limit=limit,
            ),
            limit,
        )

    async def wait(
        self,
        task_id: str,
        timeout_s: Optional[float] = None,
        *,
        stop_at: Collection[str] = (),
    ) -> Task:
        """Waits until a task has ended, and returns it; as it is, when the time is up."""
        return await self._run(flows.wait(task_id, timeout_s, stop_at, self._patience))

    async def result(self, task_id: str, timeout_s: Optional[float] = None) -> Json:
        """Waits until a task has ended, and returns its output."""
        return await self._run(flows.result(task_id, timeout_s, self._patience))

    def events(self, task_id: str, after: int = 0) -> AsyncGenerator[Union[Event, Progress], None]:
        """Iterates over a task's events as they come, to the one with which it ends."""
        return self._follow(flows.TaskFollower(task_id, after, self._patience))

    async def recorded_events(self, task_id: str, after: int = 0) -> List[Event]:
        """Returns the events that are recorded by now."""
        return await self._call(requests.recorded_events(task_id, after))

    async def cancel(self, task_id: str, reason: Optional[str] = None) -> Task:
        """Cancels a task and its descendants. One that has ended stays as it is."""
        return await self._call(requests.cancel(task_id, reason))

    async def retry(self, task_id: str) -> Task:
        """Tries a failed or cancelled task again."""
        return await self._call(requests.retry(task_id))

    async def delete(self, task_id: str) -> None:
        """Deletes a task that has ended, with its log and its files."""
        await self._call(requests.delete(task_id))

    async def signal(self, task_id: str, name: str, payload: Json = None) -> Task:
        """Sends a signal to a task, whether it waits for it yet or not."""
        return await self._call(requests.signal(task_id, name, payload))

    async def tree(self, task_id: str) -> Tree:
        """Returns a task and its descendants."""
        return await self._call(requests.tree(task_id))

    # What tasks leave

    async def artifacts(self, task_id: str) -> List[Artifact]:
        """Returns what a task left behind."""
        return await self._call(requests.artifacts(task_id))

    async def read_artifact(
        self, task_id: str, path: str, *, offset: int = 0, length: Optional[int] = None
    ) -> bytes:
        """Returns the bytes of a file that a task left behind, or a part of them."""
        return await self._call(requests.read_artifact(task_id, path, offset, length))

    async def save_artifact(self, task_id: str, path: str, to: Union[str, Path]) -> int:
        """Writes a file that a task left behind to a path; returns how many bytes it has."""
        call = requests.read_artifact(task_id, path, 0, None)
        with transport.Saved(to) as saved:
            async with self._opened(call.request) as response:
                async for piece in response.aiter_bytes():
                    saved.write(piece)
            return saved.finish()

    async def diff(self, task_id: str) -> Diff:
        """Returns what a task that has ended changed in its workspace."""
        return await self._call(requests.diff(task_id))

    async def patch(self, task_id: str) -> str:
        """Returns the same as a patch that `git apply` takes."""
        return await self._call(requests.patch(task_id))

    async def upload_blob(self, data: transport.Source, *, namespace: Optional[str] = None) -> Blob:
        """Uploads bytes, a file's by its path, or an open file's: a tar for workspaces."""
        if isinstance(data, (bytes, bytearray, memoryview)):
            return await self._call(requests.upload_blob(bytes(data), namespace))
        if isinstance(data, (str, os.PathLike)):
            with Path(data).open("rb") as file:
                return await self.upload_blob(file, namespace=namespace)
        call = Call(requests.upload(namespace), requests.read_blob)
        return flows.understand(call, await self._upload(call.request, data))

    # Executors, approvals, conversations

    def executors(self) -> AsyncGenerator[Executor, None]:
        """Iterates over the executors."""
        return self._pages(requests.executors())

    def approvals(
        self, status: Optional[str] = None, task_id: Optional[str] = None
    ) -> AsyncGenerator[Approval, None]:
        """Iterates over approvals, the oldest task's first.

        Args:
            status: `pending`, those to decide, `approved`, `denied`, `expired` or `cancelled`;
                without one, all.
            task_id: Those of this task alone.
        """
        return self._pages(requests.approvals(status, task_id))

    async def approval(self, approval_id: str) -> Approval:
        """Returns an approval."""
        return await self._call(requests.approval(approval_id))

    async def decide(
        self,
        approval_id: str,
        decision: Literal["approve", "deny"],
        *,
        digest: Optional[str] = None,
        comment: Optional[str] = None,
        values: Json = None,
    ) -> Approval:
        """Decides an approval, for a person. Needs a token with the right `approve`."""
        return await self._call(
            requests.decide(approval_id, decision, digest=digest, comment=comment, values=values)
        )

    async def context(self, context_id: str) -> Context:
        """Returns a conversation: its state, its tasks, and what waits for a decision."""
        return await self._call(requests.context(context_id))

    async def put_context(
        self, context_id: str, state: Json, *, if_match: Optional[str] = None
    ) -> ContextState:
        """Replaces a conversation's state."""
        return await self._call(requests.put_context(context_id, state, if_match))

    def context_events(
        self, context_id: str, after: Optional[str] = None, *, follow: bool = False
    ) -> AsyncGenerator[ContextEvent, None]:
        """Iterates over what happened in a conversation."""
        if follow:
            return self._follow(flows.ContextFollower(context_id, after, self._patience))
        return self._pages(requests.context_events(context_id, after))

    # How flows are run

    async def _call(self, call: Call[T]) -> T:
        return await self._run(flows.exchange(call, self._brief))

    async def _run(self, flow: Flow[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                effect = flow.send(outcome)
            except StopIteration as end:
                value: T = end.value
                return value
            outcome = await self._perform(effect)

    async def _perform(self, effect: Effect) -> Outcome:
        if isinstance(effect, Pause):
            await asyncio.sleep(effect.seconds)
            return None
        try:
            if isinstance(effect, Watch):
                return await self._watch(effect.request, effect.seconds)
            return await self._send(effect.request)
        except httpx.TransportError as error:
            return transport.broken(error)

    async def _send(self, request: Request) -> Outcome:
        response = await self._http.request(
            request.method,
            self.url + request.target,
            headers=request.headers,
            content=request.body,
            timeout=transport.timeouts(self._timeout_s, request.read_timeout_s),
        )
        return transport.reply(response)

    async def _upload(self, request: Request, file: BinaryIO) -> Outcome:
        try:
            response = await self._http.post(
                self.url + request.target,
                headers=transport.content_headers(request, file),
                content=_pieces(file),
                timeout=transport.timeouts(self._timeout_s, request.read_timeout_s),
            )
        except httpx.TransportError as error:
            return transport.broken(error)
        return transport.reply(response)

    async def _watch(self, request: Request, seconds: float) -> Outcome:
        until = time.monotonic() + seconds
        try:
            async with self._stream(request, max(seconds, 0.001)) as response:
                if not response.is_success:
                    await response.aread()
                    return transport.reply(response)
                async for line in response.aiter_lines():
                    is_comment = line == "" or line.startswith(":")
                    if not is_comment or time.monotonic() >= until:
                        return None
        except httpx.ReadTimeout:
            return None
        return flows.Broken("the server ended the stream")

    async def _follow(self, follower: Follower[T]) -> AsyncGenerator[T, None]:
        going_on = True
        while going_on:
            outcome: Outcome = None
            request = follower.request()
            try:
                async with self._stream(request, request.read_timeout_s) as response:
                    if response.is_success:
                        async for message in EventSource(response).aiter_sse():
                            item = follower.received(message.event, message.id, message.data)
                            if item is not None:
                                yield item
                    else:
                        await response.aread()
                        outcome = transport.reply(response)
            except httpx.TransportError as error:
                outcome = transport.broken(error)
            going_on = await self._run(follower.go_on(outcome))

    async def _pages(
        self, first: Call[Page[T]], limit: Optional[int] = None
    ) -> AsyncGenerator[T, None]:
        call: Optional[Call[Page[T]]] = first
        left = sys.maxsize if limit is None else limit
        while call is not None and left > 0:
            page = await self._call(call)
            for item in page.items[:left]:
                yield item
            call, left = page.next, left - len(page.items)

    @asynccontextmanager
    async def _stream(
        self, request: Request, read_s: Optional[float]
    ) -> AsyncGenerator[httpx.Response, None]:
        async with self._http.stream(
            request.method,
            self.url + request.target,
            headers=request.headers,
            timeout=transport.timeouts(self._timeout_s, read_s),
        ) as response:
            yield response

    @asynccontextmanager
    async def _opened(self, request: Request) -> AsyncGenerator[httpx.Response, None]:
        """Opens an answer that is read as it comes, and is not asked for again."""
        try:
            async with self._stream(request, None) as response:
                if not response.is_success:
                    await response.aread()
                    raise flows.judge(transport.reply(response), request)[0]
                yield response
        except httpx.TransportError as error:
            raise flows.judge(transport.broken(error), request)[0] from error


async def _pieces(file: BinaryIO) -> AsyncGenerator[bytes, None]:
    for piece in transport.pieces(file):
        yield piece
