"""Outgoing HTTP, by the host: it connects, and only to where the operator has granted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Iterable, Mapping
from urllib.parse import quote, urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler, wasi_http_types as wire
from wit_world.imports.streams import StreamError_Closed

from ._errors import Denied, Error, Invalid, TimedOut, UnknownOutcome, Unsupported
from ._values import encode, text

_WRITE_BYTES = 4096  # What a WASI output stream takes in one blocking write.
_READ_BYTES = 64 * 1024
_METHODS = {
    "GET": wire.Method_Get,
    "HEAD": wire.Method_Head,
    "POST": wire.Method_Post,
    "PUT": wire.Method_Put,
    "DELETE": wire.Method_Delete,
    "CONNECT": wire.Method_Connect,
    "OPTIONS": wire.Method_Options,
    "TRACE": wire.Method_Trace,
    "PATCH": wire.Method_Patch,
}


@dataclass(frozen=True)
class Response:
    """An HTTP response of any status."""

    status: int
    headers: "dict[str, str]"
    """By lower-case name; repeated ones are joined with `, `."""
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8 text; what isn't is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Returns the body's JSON value."""
        return json.loads(self.body)


def http(
    method: str,
    url: str,
    headers: "Mapping[str, str] | Iterable[tuple[str, str]] | None" = None,
    body: "bytes | str | dict | list | None" = None,
    *,
    idempotent: bool = False,
    timeout_s: "float | None" = None,
) -> Response:
    """Makes an HTTP request and returns the response, whatever its status.

    A `str` body is sent as UTF-8, a dict or list as JSON. Redirects are not followed.

    A request is made once, whatever crashes: what was answered is answered again. If nobody knows
    whether it was made, it is sent again where its method is idempotent, or where you say that it is
    with `idempotent` (it has an `Idempotency-Key` of its own then, the same each time); else this
    raises `UnknownOutcome`.
    """
    fields, data = _fields_and_body(headers, body)
    if idempotent and all(name != "idempotency-key" for name, _ in fields):
        fields.append(("idempotency-key", b""))
    request = _request(text("http", "method", method), text("http", "url", url), fields, data)
    with exchange(url, request, data, timeout_s) as answer:
        return Response(answer.status, _joined(answer.fields), answer.rest())


class Exchange:
    """A response that is read as it is wanted."""

    def __init__(self, url: str, response: wire.IncomingResponse):
        self._url = url
        self._response = response
        self.status = response.status()
        with response.headers() as fields:
            self.fields = [(name.lower(), value.decode("latin-1")) for name, value in fields.entries()]
        self._body = response.consume()
        self._stream = self._body.stream()

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the response."""
        for held in (self._stream, self._body, self._response):
            if held is not None:
                held.__exit__(None, None, None)
        self._stream = self._body = self._response = None

    def read(self, size: int) -> bytes:
        """Returns up to so many bytes; none at the end."""
        try:
            return self._stream.blocking_read(size) if self._stream is not None else b""
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                return b""
            failure = _failure(self._url, error.value)
        raise failure

    def rest(self) -> bytes:
        """Returns all that is left."""
        pieces = []
        while piece := self.read(_READ_BYTES):
            pieces.append(piece)
        return b"".join(pieces)


def exchange(
    url: str, request: wire.OutgoingRequest, data: "bytes | None", timeout_s: "float | None" = None
) -> Exchange:
    """Sends a request."""
    options = None
    if timeout_s is not None:
        options = wire.RequestOptions()
        wait_ns = max(1, int(timeout_s * 1e9))
        options.set_connect_timeout(wait_ns)
        options.set_first_byte_timeout(wait_ns)
        options.set_between_bytes_timeout(wait_ns)
    try:
        return Exchange(url, _send(request, data, options))
    except Err as error:
        failure = _failure(url, error.value)
    raise failure


def _fields_and_body(headers: Any, body: Any) -> "tuple[list[tuple[str, bytes]], bytes | None]":
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    fields = [
        (text("http", "header name", name).lower(), text("http", "header value", value).encode())
        for name, value in pairs
    ]
    if body is None or isinstance(body, bytes):
        return fields, body
    if isinstance(body, str):
        return fields, text("http", "body", body).encode()
    if isinstance(body, (bytearray, memoryview)):
        return fields, bytes(body)
    if isinstance(body, (dict, list)):
        if all(name != "content-type" for name, _ in fields):
            fields.append(("content-type", b"application/json"))
        return fields, encode("http", "body", body).encode()
    raise TypeError(f"errand.http: body must be bytes, str, dict or list, not {type(body).__name__}")


def _request(
    method: str, url: str, fields: "list[tuple[str, bytes]]", data: "bytes | None"
) -> wire.OutgoingRequest:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"errand.http: url must start with http:// or https:// and a host: {url!r}")
    if parts.username is not None:
        raise ValueError("errand.http: put credentials into a header, not into the url")
    if data is not None and all(name != "content-length" for name, _ in fields):
        fields.append(("content-length", str(len(data)).encode()))
    try:
        request = wire.OutgoingRequest(wire.Fields.from_list(fields))
        kind = _METHODS.get(method.upper())
        request.set_method(kind() if kind else wire.Method_Other(method))
        request.set_scheme(wire.Scheme_Https() if parts.scheme == "https" else wire.Scheme_Http())
        request.set_authority(parts.netloc)
        query = f"?{parts.query}" if parts.query else ""
        request.set_path_with_query(quote((parts.path or "/") + query, safe="/?&=%:@!$'()*+,;~-._"))
    except Err as error:
        reason = type(error.value).__name__.rpartition("_")[2]
        raise ValueError(f"errand.http: the host takes no such request: {reason}") from None
    return request


def _send(request: wire.OutgoingRequest, data: "bytes | None", options: Any) -> wire.IncomingResponse:
    body = request.body()
    future = outgoing_handler.handle(request, options)
    try:
        if data:
            with body.write() as stream:
                for start in range(0, len(data), _WRITE_BYTES):
                    stream.blocking_write_and_flush(data[start : start + _WRITE_BYTES])
        wire.OutgoingBody.finish(body, None)
    except Err:
        pass  # Nobody reads any more; the answer says why, or came early.
    with future:
        with future.subscribe() as ready:
            ready.block()
        answer = future.get()
        # Ready, taken once, and then what the request came to.
        outcome = answer.value
        if isinstance(outcome, Ok):
            return outcome.value
        raise outcome


def _joined(fields: "list[tuple[str, str]]") -> "dict[str, str]":
    headers: dict[str, str] = {}
    for name, value in fields:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _failure(url: str, error: Any) -> Error:
    """Returns the exception for a request that got no response."""
    host = urlsplit(url).netloc
    if isinstance(error, (wire.ErrorCode_HttpRequestDenied, wire.ErrorCode_DestinationIpProhibited)):
        return Denied(f"errand.http: the operator has not granted requests to {host}")
    value = getattr(error, "value", None)
    if isinstance(error, wire.ErrorCode_InternalError) and value:
        # The host's own words: a code, and what happened.
        code, _, message = value.partition(": ")
        kind = _FAILURES.get(code)
        if kind is not None:
            return kind(f"errand.http: {message}")
        return Error(f"errand.http: {host}: {value}")
    name = type(error).__name__.rpartition("_")[2]
    words = "".join(" " + letter.lower() if letter.isupper() else letter for letter in name).strip()
    value = getattr(value, "rcode", value)
    more = f": {value}" if isinstance(value, str) else ""
    kind = TimedOut if "imeout" in name else Error
    return kind(f"errand.http: {host}: {words or 'failed'}{more}")


_FAILURES = {
    "denied": Denied,
    "invalid": Invalid,
    "unknown": UnknownOutcome,
    "unsupported": Unsupported,
}
