"""Servers of the tests' own: the real one, as a user starts it, and sockets that break."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Iterator, List, Mapping, Optional, Type

import httpx

from errand_client import AsyncErrand, Errand

TARGET = Path(__file__).resolve().parents[3] / "target"
BINARY = Path(os.environ.get("ERRAND_TEST_BINARY", TARGET / "release" / "errand"))
PLUGINS = Path(os.environ.get("ERRAND_TEST_PLUGINS", TARGET / "plugins"))
DEADLINE_S = 120.0
"""When a test that waits in vain fails."""


class Server:
    """A running server on a data directory."""

    def __init__(self, data: Path) -> None:
        assert BINARY.exists(), f"there is no {BINARY}: `make build plugins` of the repository"
        self.data = data
        self.url = ""
        self._listen = "127.0.0.1:0"
        self._process: Optional[subprocess.Popen[str]] = None
        self.start()

    def start(self) -> None:
        """Starts it, again at the same address."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ERRAND_")}
        command = [
            str(BINARY),
            "serve",
            "--data",
            str(self.data),
            "--listen",
            self._listen,
            "--drain",
            "0",
        ]
        with (self.data.parent / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), f"it said {line!r} instead of its address"
        self.url = line[len("listening on ") :].strip()
        self._listen = self.url[len("http://") :]

    def kill(self) -> None:
        """Ends it without a warning."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Asks it to end."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(DEADLINE_S)
            assert process.stdout is not None
            process.stdout.close()

    @property
    def agent_token(self) -> str:
        return (self.data / "agent.token").read_text().strip()

    @property
    def operator_token(self) -> str:
        return (self.data / "operator.token").read_text().strip()

    def token(self, name: str, rights: List[str], namespace: Optional[str] = None) -> str:
        """Makes a token."""
        body = {"name": name, "rights": rights}
        answer = self._admin(
            "/v1/tokens", json=body if namespace is None else {**body, "namespace": namespace}
        )
        token = answer.json()["token"]
        assert isinstance(token, str)
        return token

    def upload(self, name: str) -> None:
        """Uploads one of the executors that come with Errand."""
        self._admin(f"/v1/executors?name={name}", content=(PLUGINS / f"{name}.wasm").read_bytes())

    def _admin(self, target: str, **body: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.operator_token}"}
        if "content" in body:
            headers["content-type"] = "application/wasm"
        answer = httpx.post(
            self.url + target, headers=headers, timeout=DEADLINE_S, trust_env=False, **body
        )
        assert answer.is_success, answer.text
        return answer

    def environment(self) -> Mapping[str, str]:
        """What a client on this machine finds it by."""
        return {"ERRAND_SERVER": self.url, "ERRAND_DATA": str(self.data)}


class Blocking:
    """An `AsyncErrand` behind the face of `Errand`, so that one test is for both."""

    def __init__(self, url: str, token: Optional[str] = None, **said: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._client = AsyncErrand(url, token, **said)

    def __enter__(self) -> Blocking:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._run(self._client.close())
        self._run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*args: Any, **said: Any) -> Any:
            answer = method(*args, **said)
            return self._iterate(answer) if inspect.isasyncgen(answer) else self._run(answer)

        return call

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    def _iterate(self, generator: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._run(generator.__anext__())
                except StopAsyncIteration:
                    return
        finally:
            self._run(generator.aclose())


def face(kind: str) -> Callable[..., Errand]:
    """Returns what makes a client, of either kind, that is used as `Errand` is."""
    return Errand if kind == "blocking" else Blocking  # type: ignore[return-value]


class Socket:
    """A server of a few bytes: hands each connection's request to a script, one after the other.

    What a script returns is sent, and the connection closed; nothing: it is closed at once.
    """

    def __init__(self, *scripts: Callable[[bytes], Optional[bytes]]) -> None:
        self.requests: List[bytes] = []
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Socket:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = _read(connection)
                self.requests.append(request)
                answer = script(request)
                if answer is not None:
                    connection.sendall(answer)


def _read(connection: socket.socket) -> bytes:
    said = b""
    while b"\r\n\r\n" not in said:
        said += connection.recv(1 << 16)
    head, _, body = said.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += connection.recv(1 << 16)
    return head + b"\r\n\r\n" + body


def answer(status: str, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """Writes an answer."""
    head = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*head, "connection: close", "", ""]).encode() + body
