"""Tools for an agent: functions that frameworks take as they are.

Google ADK's `LongRunningFunctionTool`, LangChain's `tool` and the OpenAI Agents SDK's
`function_tool` read their names, parameters and docstrings. They answer with a dict, and with
`{"error": {"code", "message"}}` instead of an exception. None of them approves anything.

The functions of this module use a client that is made of the environment when the first of them is
called; `for_agents` makes them for another client, `for_async_agents` as coroutine functions.
"""

# Hints stay as they are, for frameworks that read them without resolving text.

import asyncio
import base64
import functools
import json
import threading
from typing import Any, Callable, Coroutine, Dict, List, Optional

from .client import Errand
from .errors import ErrandError, Invalid, TooBusy
from .models import Task
from .requests import Limits

Answer = Dict[str, Any]

MAX_WAIT_S = 600.0
"""The longest that an agent may wait in one call."""
LIST_ITEMS = 20
_TEXT_BYTES = 20_000
_MAX_TEXT_BYTES = 200_000
_MAX_ASKING = 10
"""Tasks below one whose questions are told in one answer."""
_ROUND_TRIP_S = 0.5
"""What is kept of the time of a wait for the way there and back."""


class AgentTools:
    """The tools, for one client.

    Args:
        client: Whose token and server they use; without one, a client of the environment.
    """

    def __init__(self, client: Optional[Errand] = None) -> None:
        self._given = client
        self._lock = threading.Lock()

    def all(self) -> List[Callable[..., Answer]]:
        """Returns the tools."""
        return [
            self.submit_task,
            self.get_task,
            self.wait_for_task,
            self.get_task_events,
            self.list_tasks,
            self.cancel_task,
            self.retry_task,
            self.send_signal,
            self.list_executors,
            self.list_artifacts,
            self.read_artifact,
        ]

    def submit_task(
        self,
        executor: str,
        input: str = "{}",  # noqa: A002 - the contract's word
        function: str = "",
        artifacts: str = "",
        context_id: str = "",
        idempotency_key: str = "",
        timeout_s: int = 600,
    ) -> Answer:
        """Hands over a background task that runs in a sandbox, and returns its id at once.

        The task goes on by itself. Call wait_for_task or get_task with the id to see how it is.

        Args:
            executor: What runs the task, such as `python`; list_executors names them.
            input: The input as JSON text, such as `{"code": "result = 6 * 7"}`; the executor's
                input schema says what fits.
            function: Which function of the executor, where it has several.
            artifacts: Files of the task's working directory to keep when it ends, as globs with
                commas between them, such as `report.md, out/**`.
            context_id: The conversation that the task belongs to, if any.
            idempotency_key: A name of your own for this request. The same name and request give
                the same task, however often they are sent.
            timeout_s: How many seconds the task may run at most.

        Returns:
            The task's `task_id` and `status`; or `error`.
        """
        return self._answer(
            lambda errand: _task(
                errand.submit(
                    executor,
                    _json(input),
                    function=function or None,
                    artifacts=[glob.strip() for glob in artifacts.split(",") if glob.strip()],
                    context_id=context_id or None,
                    idempotency_key=idempotency_key or None,
                    limits=Limits(timeout_ms=timeout_s * 1000),
                )
            )
        )

    def get_task(self, task_id: str) -> Answer:
        """Says how a task is now, without waiting.

        Args:
            task_id: The id that submit_task returned.

        Returns:
            `status` (queued, running, waiting, completed, failed or cancelled), `progress`,
            `output` when it has completed or `error` when it has failed; and `approvals`, what a
            person has to decide before it goes on, each with `title`, `url` and `command`: tell
            them.
        """
        return self._answer(lambda errand: _standing(errand, errand.get(task_id)))

    def wait_for_task(self, task_id: str, timeout_s: float = 4) -> Answer:
        """Waits a few seconds for a task to end, and says how it is then.

        A task that is still at work has the status `running` or `queued` and its progress: call
        again later, or go on with something else. One that waits for a person's approval or for a
        signal is returned at once, with `waiting_for`.

        Args:
            task_id: The id that submit_task returned.
            timeout_s: How many seconds to wait at most.

        Returns:
            The same as get_task.
        """

        def wait(errand: Errand) -> Answer:
            wait_s = max(0.0, min(timeout_s, MAX_WAIT_S) - _ROUND_TRIP_S)
            task = errand.wait(task_id, wait_s, stop_at=("approval", "signal"))
            return _standing(errand, task)

        return self._answer(wait)

    def get_task_events(self, task_id: str, after: int = 0, limit: int = 50) -> Answer:
        """Reads what has happened in a task so far: its log, its waits, its tries.

        Args:
            task_id: The id that submit_task returned.
            after: The `seq` of the last event that you have; 0 for all.
            limit: How many events at most.

        Returns:
            `events`, each with `seq`, `at`, `kind` and `data`; and `more`, whether there are more.
        """

        def read(errand: Errand) -> Answer:
            events = errand.recorded_events(task_id, after)
            shown = [
                {key: event.raw.get(key) for key in ("seq", "at", "kind", "data")}
                for event in events[: max(1, limit)]
            ]
            return {"task_id": task_id, "events": shown, "more": len(shown) < len(events)}

        return self._answer(read)

    def list_tasks(self, status: str = "", context_id: str = "") -> Answer:
        """Lists the newest tasks.

        Args:
            status: Only those that are queued, running, waiting, completed, failed or cancelled.
            context_id: Only those of this conversation.

        Returns:
            `tasks`, at most 20, each with `task_id`, `status` and `executor`.
        """

        def read(errand: Errand) -> Answer:
            tasks = errand.list(
                status=status or None, context_id=context_id or None, limit=LIST_ITEMS
            )
            shown = [
                {"task_id": task.id, "status": task.status, "executor": _name(task)}
                for task in tasks
            ]
            return {"tasks": shown}

        return self._answer(read)

    def cancel_task(self, task_id: str, reason: str = "") -> Answer:
        """Stops a task and all that it has started.

        Args:
            task_id: The id that submit_task returned.
            reason: Why, for the record.

        Returns:
            The same as get_task. A task that has ended before stays as it is.
        """
        return self._answer(lambda errand: _task(errand.cancel(task_id, reason or None)))

    def retry_task(self, task_id: str) -> Answer:
        """Tries a task again that has failed or was cancelled.

        Args:
            task_id: The id that submit_task returned.

        Returns:
            The same as get_task.
        """
        return self._answer(lambda errand: _task(errand.retry(task_id)))

    def send_signal(self, task_id: str, name: str, payload: str = "null") -> Answer:
        """Sends a message to a task that waits for one, or will.

        Args:
            task_id: The id that submit_task returned.
            name: What the task waits for.
            payload: What to tell it, as JSON text.

        Returns:
            The same as get_task.
        """
        return self._answer(lambda errand: _task(errand.signal(task_id, name, _json(payload))))

    def list_executors(self) -> Answer:
        """Lists what can run tasks, and which input each takes.

        Returns:
            `executors`, each with `name`, `description` and `functions` with their `input_schema`.
        """

        def read(errand: Errand) -> Answer:
            executors = [
                {
                    "name": executor.name,
                    "description": executor.description,
                    "functions": [
                        {
                            "name": function.name,
                            "description": function.description,
                            "input_schema": function.input_schema,
                        }
                        for function in executor.functions
                    ],
                }
                for executor in errand.executors()
            ]
            return {"executors": executors}

        return self._answer(read)

    def list_artifacts(self, task_id: str) -> Answer:
        """Lists the files that a task left behind.

        Args:
            task_id: The id that submit_task returned.

        Returns:
            `artifacts`, each with `path`, `size_bytes` and `media_type`.
        """

        def read(errand: Errand) -> Answer:
            files = [
                {
                    "path": file.path,
                    "size_bytes": file.size_bytes,
                    "media_type": file.media_type,
                    "description": file.description,
                }
                for file in errand.artifacts(task_id)
            ]
            return {"task_id": task_id, "artifacts": files}

        return self._answer(read)

    def read_artifact(
        self, task_id: str, path: str, offset: int = 0, max_bytes: int = _TEXT_BYTES
    ) -> Answer:
        """Reads a file that a task left behind, or a part of a long one.

        Args:
            task_id: The id that submit_task returned.
            path: Which file, as list_artifacts names it.
            offset: From which byte on.
            max_bytes: How many bytes at most.

        Returns:
            `text`, or `base64` where the bytes are no text; `size_bytes` of the whole file, and
            `next_offset` where there is more of it.
        """

        def read(errand: Errand) -> Answer:
            found = [file for file in errand.artifacts(task_id) if file.path == path]
            if not found:
                return _error("not_found", f"task {task_id} left no file {path!r} behind")
            size_bytes, start = found[0].size_bytes, max(0, offset)
            answer: Answer = {"path": path, "size_bytes": size_bytes}
            if start >= size_bytes:
                return {**answer, "text": ""}
            length = max(1, min(max_bytes, _MAX_TEXT_BYTES))
            content = errand.read_artifact(task_id, path, offset=start, length=length)
            shown, answer = _shown(content, start + len(content) < size_bytes)
            answer = {"path": path, "size_bytes": size_bytes, **answer}
            if start + shown < size_bytes:
                answer["next_offset"] = start + shown
            return answer

        return self._answer(read)

    def _answer(self, read: Callable[[Errand], Answer]) -> Answer:
        try:
            return read(self._client())
        except ErrandError as error:
            answer = _error(error.code, error.message)
            if isinstance(error, Invalid) and error.faults:
                answer["error"]["faults"] = [
                    {"pointer": fault.pointer, "message": fault.message} for fault in error.faults
                ]
            if isinstance(error, TooBusy) and error.retry_after is not None:
                answer["error"]["retry_after_s"] = error.retry_after
            return answer
        except (ValueError, TypeError) as error:
            return _error("invalid", str(error))

    def _client(self) -> Errand:
        with self._lock:
            if self._given is None:
                # An agent that waits is told soon that there is no server.
                self._given = Errand(patience_s=2.0)
            return self._given


def for_agents(client: Optional[Errand] = None) -> List[Callable[..., Answer]]:
    """Returns the tools for a client, to hand to a framework.

    Args:
        client: Whose token and server they use; without one, a client of the environment.
    """
    return AgentTools(client).all()


def for_async_agents(
    client: Optional[Errand] = None,
) -> List[Callable[..., Coroutine[Any, Any, Answer]]]:
    """Returns the same tools as coroutine functions, for a framework that runs in an event loop.

    Each call runs in a thread, so that the loop goes on.

    Args:
        client: Whose token and server they use; without one, a client of the environment.
    """
    return [_in_thread(tool) for tool in for_agents(client)]


def _in_thread(tool: Callable[..., Answer]) -> Callable[..., Coroutine[Any, Any, Answer]]:
    @functools.wraps(tool)
    async def call(*args: Any, **said: Any) -> Answer:
        return await asyncio.to_thread(tool, *args, **said)

    return call


_of_environment = AgentTools()
submit_task = _of_environment.submit_task
get_task = _of_environment.get_task
wait_for_task = _of_environment.wait_for_task
get_task_events = _of_environment.get_task_events
list_tasks = _of_environment.list_tasks
cancel_task = _of_environment.cancel_task
retry_task = _of_environment.retry_task
send_signal = _of_environment.send_signal
list_executors = _of_environment.list_executors
list_artifacts = _of_environment.list_artifacts
read_artifact = _of_environment.read_artifact


def _task(task: Task) -> Answer:
    answer: Answer = {"task_id": task.id, "status": task.status, "executor": _name(task)}
    if not task.is_terminal:
        progress = task.progress
        answer["waiting_for"] = task.waiting_for
        answer["progress"] = {
            "fuel_used": progress.fuel_used,
            "done": progress.done,
            "total": progress.total,
            "message": progress.message,
        }
    elif task.error is not None:
        error = task.error
        answer["error"] = {"code": error.code, "message": error.message, "detail": error.detail}
    else:
        answer["output"] = task.output
    return answer


def _standing(errand: Errand, task: Task) -> Answer:
    """Says how a task is, and what a person has to decide in it or below it."""
    answer = _task(task)
    asking = [task] if task.status == "waiting" else []
    if task.waiting_for == "children":
        below = errand.tree(task.id).items
        asking = [one for one in below if one.waiting_for == "approval"]
    approvals = [
        {
            "id": approval.id,
            "title": approval.title,
            "url": approval.links.get("page"),
            "command": f"errand approve {approval.id}",
        }
        for one in asking[:_MAX_ASKING]
        for approval in errand.approvals("pending", one.id)
    ]
    return {**answer, "approvals": approvals} if approvals else answer


def _name(task: Task) -> str:
    return task.executor.partition("@")[0]


def _error(code: str, message: str) -> Answer:
    return {"error": {"code": code, "message": message}}


def _json(text: Any) -> Any:
    # Some frameworks hand on what a model wrote as an object.
    return json.loads(text) if isinstance(text, str) else text


def _shown(content: bytes, is_cut: bool) -> "tuple[int, Answer]":
    """Returns how many of the bytes are shown, and as what."""
    try:
        return len(content), {"text": content.decode()}
    except UnicodeDecodeError as error:
        # A character that the end of the part cuts through comes with the next one.
        if is_cut and error.start > 0 and len(content) - error.start < 4:
            return error.start, {"text": content[: error.start].decode()}
        return len(content), {"base64": base64.b64encode(content).decode()}
