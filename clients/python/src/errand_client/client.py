"""The blocking client."""

from __future__ import annotations

import os
import ssl
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    BinaryIO,
    Collection,
    Generator,
    Iterable,
    Iterator,
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


class Errand:
    """A client of an Errand server. Threads may share one.

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
        self._http = httpx.Client(
            headers=transport.headers(location),
            timeout=transport.timeouts(timeout_s),
            verify=verify,
            trust_env=not location.is_loopback,
        )

    def __enter__(self) -> Errand:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    # Tasks

    def submit(
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
        """Submits a task, and returns it as soon as it is durable.

        What is left out has the server's default. Without an `idempotency_key` it gets a random
        one, so that it is safe to send it again after a broken connection.

        Raises:
            Invalid: With the JSON pointer of each fault.
            Conflict: When the key was used with another request.
            TooBusy: When the queue is full.
        """
        return self._call(
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

    def submit_batch(self, tasks: Iterable[TaskRequest]) -> List[Task]:
        """Submits at most 1,000 tasks, all or none; returns them in order."""
        return self._call(requests.submit_batch(tasks))

    def get(self, task_id: str) -> Task:
        """Returns a task as it is now."""
        return self._call(requests.get(task_id))

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
    ) -> Iterator[Task]:
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

    def wait(
        self,
        task_id: str,
        timeout_s: Optional[float] = None,
        *,
        stop_at: Collection[str] = (),
    ) -> Task:
        """Waits until a task has ended, and returns it; as it is, when the time is up.

        Args:
            task_id: The task.
            timeout_s: How long at most; without it as long as it takes.
            stop_at: What else to return at: a task that waits for one of `approval`, `signal`,
                `children`, `timer`.
        """
        return self._run(flows.wait(task_id, timeout_s, stop_at, self._patience))

    def result(self, task_id: str, timeout_s: Optional[float] = None) -> Json:
        """Waits until a task has ended, and returns its output.

        Raises:
            TaskFailed: When it failed or was cancelled.
            NotFinished: When the time is up.
        """
        return self._run(flows.result(task_id, timeout_s, self._patience))

    def events(self, task_id: str, after: int = 0) -> Generator[Union[Event, Progress], None, None]:
        """Iterates over a task's events as they come, to the one with which it ends.

        Live progress comes in between. After a broken connection it goes on where it was; no event
        comes twice, and none is left out.

        Args:
            task_id: The task.
            after: The `seq` of the last event that is not wanted.
        """
        return self._follow(flows.TaskFollower(task_id, after, self._patience))

    def recorded_events(self, task_id: str, after: int = 0) -> List[Event]:
        """Returns the events that are recorded by now."""
        return self._call(requests.recorded_events(task_id, after))

    def cancel(self, task_id: str, reason: Optional[str] = None) -> Task:
        """Cancels a task and its descendants. One that has ended stays as it is."""
        return self._call(requests.cancel(task_id, reason))

    def retry(self, task_id: str) -> Task:
        """Tries a failed or cancelled task again."""
        return self._call(requests.retry(task_id))

    def delete(self, task_id: str) -> None:
        """Deletes a task that has ended, with its log and its files."""
        self._call(requests.delete(task_id))

    def signal(self, task_id: str, name: str, payload: Json = None) -> Task:
        """Sends a signal to a task, whether it waits for it yet or not."""
        return self._call(requests.signal(task_id, name, payload))

    def tree(self, task_id: str) -> Tree:
        """Returns a task and its descendants."""
        return self._call(requests.tree(task_id))

    # What tasks leave

    def artifacts(self, task_id: str) -> List[Artifact]:
        """Returns what a task left behind."""
        return self._call(requests.artifacts(task_id))

    def read_artifact(
        self, task_id: str, path: str, *, offset: int = 0, length: Optional[int] = None
    ) -> bytes:
        """Returns the bytes of a file that a task left behind, or a part of them."""
        return self._call(requests.read_artifact(task_id, path, offset, length))

    def save_artifact(self, task_id: str, path: str, to: Union[str, Path]) -> int:
        """Writes a file that a task left behind to a path; returns how many bytes it has.

        It is not in memory as a whole, and is in its place only once it is complete.
        """
        call = requests.read_artifact(task_id, path, 0, None)
        with transport.Saved(to) as saved, self._opened(call.request) as response:
            for piece in response.iter_bytes():
                saved.write(piece)
            return saved.finish()

    def diff(self, task_id: str) -> Diff:
        """Returns what a task that has ended changed in its workspace."""
        return self._call(requests.diff(task_id))

    def patch(self, task_id: str) -> str:
        """Returns the same as a patch that `git apply` takes."""
        return self._call(requests.patch(task_id))

    def upload_blob(self, data: transport.Source, *, namespace: Optional[str] = None) -> Blob:
        """Uploads bytes, a file's by its path, or an open file's: a tar that workspaces start from.

        A file is sent as it is read, and not again after a broken connection.
        """
        if isinstance(data, (bytes, bytearray, memoryview)):
            return self._call(requests.upload_blob(bytes(data), namespace))
        if isinstance(data, (str, os.PathLike)):
            with Path(data).open("rb") as file:
                return self.upload_blob(file, namespace=namespace)
        call = Call(requests.upload(namespace), requests.read_blob)
        return flows.understand(call, self._upload(call.request, data))

    # Executors, approvals, conversations

    def executors(self) -> Iterator[Executor]:
        """Iterates over the executors."""
        return self._pages(requests.executors())

    def approvals(
        self, status: Optional[str] = None, task_id: Optional[str] = None
    ) -> Iterator[Approval]:
        """Iterates over approvals, the oldest task's first.

        Args:
            status: `pending`, those to decide, `approved`, `denied`, `expired` or `cancelled`;
                without one, all.
            task_id: Those of this task alone.
        """
        return self._pages(requests.approvals(status, task_id))

    def approval(self, approval_id: str) -> Approval:
        """Returns an approval."""
        return self._call(requests.approval(approval_id))

    def decide(
        self,
        approval_id: str,
        decision: Literal["approve", "deny"],
        *,
        digest: Optional[str] = None,
        comment: Optional[str] = None,
        values: Json = None,
    ) -> Approval:
        """Decides an approval, for a person. Needs a token with the right `approve`.

        Args:
            approval_id: The approval.
            decision: `approve` or `deny`.
            digest: Of what was shown; where it is another by now, the decision is refused.
            comment: Why.
            values: What was filled in, by the approval's schema.

        Raises:
            NotAllowed: When the token lacks the right.
            Conflict: When it is closed, or the digest is another.
        """
        return self._call(
            requests.decide(approval_id, decision, digest=digest, comment=comment, values=values)
        )

    def context(self, context_id: str) -> Context:
        """Returns a conversation: its state, its tasks, and what waits for a decision."""
        return self._call(requests.context(context_id))

    def put_context(
        self, context_id: str, state: Json, *, if_match: Optional[str] = None
    ) -> ContextState:
        """Replaces a conversation's state.

        Args:
            context_id: The conversation.
            state: Any JSON.
            if_match: The `version` that is replaced; `"0"` where there is none yet. Without it
                whatever is there is replaced.

        Raises:
            Conflict: When somebody else has written in between.
        """
        return self._call(requests.put_context(context_id, state, if_match))

    def context_events(
        self, context_id: str, after: Optional[str] = None, *, follow: bool = False
    ) -> Generator[ContextEvent, None, None]:
        """Iterates over what happened in a conversation.

        Args:
            context_id: The conversation.
            after: A `cursor` of a context or of an event; without it from the beginning.
            follow: Whether to go on with what happens from now on, without an end.
        """
        if follow:
            return self._follow(flows.ContextFollower(context_id, after, self._patience))
        return self._pages(requests.context_events(context_id, after))

    # How flows are run

    def _call(self, call: Call[T]) -> T:
        return self._run(flows.exchange(call, self._brief))

    def _run(self, flow: Flow[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                effect = flow.send(outcome)
            except StopIteration as end:
                value: T = end.value
                return value
            outcome = self._perform(effect)

    def _perform(self, effect: Effect) -> Outcome:
        if isinstance(effect, Pause):
            time.sleep(effect.seconds)
            return None
        try:
            if isinstance(effect, Watch):
                return self._watch(effect.request, effect.seconds)
            return self._send(effect.request)
        except httpx.TransportError as error:
            return transport.broken(error)

    def _send(self, request: Request) -> Outcome:
        response = self._http.request(
            request.method,
            self.url + request.target,
            headers=request.headers,
            content=request.body,
            timeout=transport.timeouts(self._timeout_s, request.read_timeout_s),
        )
        return transport.reply(response)

    def _upload(self, request: Request, file: BinaryIO) -> Outcome:
        try:
            response = self._http.post(
                self.url + request.target,
                headers=transport.content_headers(request, file),
                content=transport.pieces(file),
                timeout=transport.timeouts(self._timeout_s, request.read_timeout_s),
            )
        except httpx.TransportError as error:
            return transport.broken(error)
        return transport.reply(response)

    def _watch(self, request: Request, seconds: float) -> Outcome:
        until = time.monotonic() + seconds
        try:
            with self._stream(request, max(seconds, 0.001)) as response:
                if not response.is_success:
                    response.read()
                    return transport.reply(response)
                for line in response.iter_lines():
                    is_comment = line == "" or line.startswith(":")
                    if not is_comment or time.monotonic() >= until:
                        return None
        except httpx.ReadTimeout:
            return None
        return flows.Broken("the server ended the stream")

    def _follow(self, follower: Follower[T]) -> Generator[T, None, None]:
        going_on = True
        while going_on:
            outcome: Outcome = None
            request = follower.request()
            try:
                with self._stream(request, request.read_timeout_s) as response:
                    if response.is_success:
                        for message in EventSource(response).iter_sse():
                            item = follower.received(message.event, message.id, message.data)
                            if item is not None:
                                yield item
                    else:
                        response.read()
                        outcome = transport.reply(response)
            except httpx.TransportError as error:
                outcome = transport.broken(error)
            going_on = self._run(follower.go_on(outcome))

    def _pages(self, first: Call[Page[T]], limit: Optional[int] = None) -> Generator[T, None, None]:
        call: Optional[Call[Page[T]]] = first
        left = sys.maxsize if limit is None else limit
        while call is not None and left > 0:
            page = self._call(call)
            yield from page.items[:left]
            call, left = page.next, left - len(page.items)

    @contextmanager
    def _stream(self, request: Request, read_s: Optional[float]) -> Iterator[httpx.Response]:
        with self._http.stream(
            request.method,
            self.url + request.target,
            headers=request.headers,
            timeout=transport.timeouts(self._timeout_s, read_s),
        ) as response:
            yield response

    @contextmanager
    def _opened(self, request: Request) -> Iterator[httpx.Response]:
        """Opens an answer that is read as it comes, and is not asked for again."""
        try:
            with self._stream(request, None) as response:
                if not response.is_success:
                    response.read()
                    raise flows.judge(transport.reply(response), request)[0]
                yield response
        except httpx.TransportError as error:
            raise flows.judge(transport.broken(error), request)[0] from error
