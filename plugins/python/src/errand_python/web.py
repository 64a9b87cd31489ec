"""`http.client` over the host's HTTP, and with it `urllib.request` and what else is built on it; and
`requests`, where a program brought it.

A sandbox has no sockets. What `http.client` writes to its socket is taken apart here and sent by the
host; what it reads is the answer, written as HTTP again. TLS is the host's too: `ssl` is not there, and
a `context` is not looked at.
"""

from __future__ import annotations

import http.client
import importlib.machinery
import io
import sys
import types
from typing import Any

_HOP_BY_HOP = {
    "connection", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}


def install() -> None:
    """Replaces how `http.client` connects. Called at build, before `urllib.request` is imported."""
    http.client.HTTPConnection.connect = _connect
    http.client.HTTPSConnection = HTTPSConnection
    http.client._create_https_context = lambda version: None
    http.client.__all__.append("HTTPSConnection")
    sys.meta_path.insert(0, _Patched())


def _connect(connection: http.client.HTTPConnection) -> None:
    if connection._tunnel_host:
        raise OSError("a sandbox has no proxies: the host connects")
    scheme = "https" if isinstance(connection, HTTPSConnection) else "http"
    host = f"[{connection.host}]" if ":" in connection.host else connection.host
    port = "" if connection.port == connection.default_port else f":{connection.port}"
    timeout = connection.timeout
    wait_s = timeout if isinstance(timeout, (int, float)) else None
    connection.sock = _Socket(f"{scheme}://{host}{port}", wait_s)


class HTTPSConnection(http.client.HTTPConnection):
    """A connection over TLS, which the host makes and checks."""

    default_port = http.client.HTTPS_PORT

    def __init__(self, host, port=None, *, timeout=http.client.socket._GLOBAL_DEFAULT_TIMEOUT,
                 source_address=None, context=None, blocksize=8192):
        super().__init__(host, port, timeout, source_address, blocksize=blocksize)


class _Socket:
    """What `http.client` takes for a connection."""

    def __init__(self, origin: str, timeout_s: "float | None"):
        self._origin = origin
        self._timeout_s = timeout_s
        self._request = _Request()
        self._answer: "_Answer | None" = None

    def sendall(self, data: Any) -> None:
        self._request.write(data)
        # At once, as a connection fails where the request is made, and not where its answer is read.
        if self._answer is None and self._request.is_whole():
            self._answer = self._send()

    def settimeout(self, timeout: "float | None") -> None:
        self._timeout_s = timeout

    def setsockopt(self, *_: Any) -> None:
        pass

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        self._request = _Request()

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        """Returns the answer to read."""
        answer, self._answer = self._answer or self._send(), None
        return io.BufferedReader(answer)

    def _send(self) -> "_Answer":
        from errand import _http

        request, self._request = self._request, _Request()
        method, target, fields, body = request.parts()
        url = target if "://" in target else self._origin + target
        try:
            sent = _http._request(method, url, _end_to_end(fields), body or None)
            exchange = _http.exchange(url, sent, body or None, self._timeout_s)
        except _http.Error as error:
            failure = _as_os_error(error)
        else:
            return _Answer(exchange, _head(exchange))
        raise failure


class _Request:
    """What is written of a request, until it is whole."""

    def __init__(self):
        self._head = bytearray()
        self._body: "bytearray | None" = None  # Nothing until the head has ended.
        self._line = ""
        self._fields: "list[tuple[str, str]]" = []
        self._chunks: "_Chunks | None" = None  # Where the body comes in chunks.
        self._length = 0

    def write(self, data: Any) -> None:
        if self._body is None:
            self._head += data
            head, found, data = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._line, *lines = head.decode("latin-1").split("\r\n")
            self._fields = [tuple(map(str.strip, one.split(":", 1))) for one in lines if ":" in one]
            given = {name.lower(): value for name, value in self._fields}
            self._length = int(given.get("content-length") or 0)
            self._body = bytearray()
            if given.get("transfer-encoding", "").lower() == "chunked":
                self._chunks = _Chunks(self._body)
        if self._chunks is None:
            self._body += data
        else:
            self._chunks.write(data)

    def is_whole(self) -> bool:
        if self._body is None:
            return False
        return len(self._body) >= self._length if self._chunks is None else self._chunks.has_ended

    def parts(self) -> "tuple[str, str, list[tuple[str, str]], bytes]":
        """Returns method, target, fields and body."""
        method, target, _ = self._line.split(" ", 2)
        fields = self._fields
        if self._chunks is not None:
            fields = [(name, value) for name, value in fields if name.lower() != "content-length"]
        return method, target, fields, bytes(self._body or b"")


class _Chunks:
    """Takes chunks apart as they come. Only their sizes tell where they end: any bytes can be in them."""

    def __init__(self, body: bytearray):
        self._body = body
        self._rest = bytearray()  # Of a chunk that is not whole.
        self.has_ended = False

    def write(self, data: Any) -> None:
        self._rest += data
        while not self.has_ended:
            line = self._rest.find(b"\r\n")
            if line < 0:
                return
            size = int(bytes(self._rest[:line]).split(b";")[0], 16)
            begin = line + 2
            if size == 0:
                # Lines may follow; an empty one is the last.
                self.has_ended = self._rest.find(b"\r\n\r\n", line) >= 0
                return
            if len(self._rest) < begin + size + 2:
                return
            self._body += self._rest[begin : begin + size]
            del self._rest[: begin + size + 2]


def _end_to_end(fields: Any) -> "list[tuple[str, bytes]]":
    """Returns the fields that are not about a connection, as the host takes them."""
    return [
        (name.lower(), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in fields
        if name.lower() not in _HOP_BY_HOP
    ]


def _head(exchange: Any) -> bytes:
    """Writes a response's head as HTTP does."""
    reason = http.client.responses.get(exchange.status, "")
    lines = [f"HTTP/1.1 {exchange.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in exchange.fields if name not in _HOP_BY_HOP]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Answer(io.RawIOBase):
    """A response, read from the host as it is wanted, after what is put before it."""

    def __init__(self, exchange: Any, before: bytes = b""):
        self._exchange = exchange
        self._before = before

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._before[: len(buffer)]
        if data:
            self._before = self._before[len(data) :]
        else:
            data = self._exchange.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._exchange.close()
        super().close()


def _as_os_error(error: Exception) -> Exception:
    """Returns what a socket would have raised, so that those who handle that handle this."""
    from errand import Denied, TimedOut

    text = str(error).removeprefix("errand.http: ")
    if isinstance(error, Denied):
        return PermissionError(text)
    if isinstance(error, TimedOut):
        return TimeoutError(text)
    return ConnectionRefusedError(text) if "refused" in text else OSError(text)


class _Patched:
    """Finds `requests.adapters`, for programs that brought `requests`, and has it send by the host.

    Everything above it (sessions, redirects, cookies, hooks) stays as it is.
    """

    def find_spec(self, name, path=None, target=None):
        """Answers the import system."""
        if name != "requests.adapters":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                module.HTTPAdapter.send = _send_of_requests

            spec.loader.exec_module = exec_module
        return spec


def _send_of_requests(adapter, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
    from errand import _http
    from requests import exceptions
    from urllib3 import HTTPHeaderDict, HTTPResponse

    body = request.body
    if hasattr(body, "read"):
        body = body.read()
    elif body is not None and not isinstance(body, (bytes, str)):
        body = b"".join(body)
    if isinstance(body, str):
        body = body.encode()
    fields = _end_to_end(request.headers.items())
    waits = [wait for wait in (timeout if isinstance(timeout, tuple) else (timeout,)) if wait is not None]
    try:
        sent = _http._request(request.method, request.url, fields, body or None)
        answer = _http.exchange(request.url, sent, body or None, max(waits, default=None))
    except _http.TimedOut as error:
        failure = exceptions.ReadTimeout(str(error), request=request)
    except (_http.Error, ValueError) as error:
        failure = exceptions.ConnectionError(str(error), request=request)
    else:
        failure = None
    if failure is not None:
        raise failure
    message = http.client.HTTPMessage()
    headers = HTTPHeaderDict()
    for name, value in answer.fields:
        headers.add(name, value)
        message.add_header(name, value)
    response = HTTPResponse(
        body=_Answer(answer),
        headers=headers,
        status=answer.status,
        reason=http.client.responses.get(answer.status),
        preload_content=False,
        request_method=request.method,
        # Where `requests` looks for cookies.
        original_response=types.SimpleNamespace(msg=message, close=answer.close, isclosed=lambda: True),
    )
    response = adapter.build_response(request, response)
    if not stream:
        response.content  # Read now, as it does with a connection that goes back to its pool.
    return response
