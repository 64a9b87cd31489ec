"""How both clients speak HTTP: what they have in common of `httpx`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Iterator, Mapping, Union

import httpx

from .errors import Invalid
from .flows import Broken
from .location import Location
from .requests import Reply, Request

VERSION = "0.1.0"
PIECE_BYTES = 1 << 18
Source = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", BinaryIO]
"""What can be uploaded: bytes, the path of a file, or an open one."""

_CONNECT_S = 10.0


def headers(location: Location) -> Mapping[str, str]:
    """Returns what every request carries."""
    agent = {"user-agent": f"errand-client-python/{VERSION}"}
    if location.token is None:
        return agent
    return {**agent, "authorization": f"Bearer {location.token}"}


def timeouts(timeout_s: float, read_s: Union[float, None] = None) -> httpx.Timeout:
    """Returns how long a server may be silent."""
    return httpx.Timeout(
        timeout_s if read_s is None else read_s, connect=min(_CONNECT_S, timeout_s), pool=timeout_s
    )


def broken(error: httpx.HTTPError) -> Broken:
    """Says what an error of the transport means.

    Raises:
        Invalid: When it is of our own making, such as a header that can't be written.
    """
    if isinstance(error, (httpx.LocalProtocolError, httpx.UnsupportedProtocol)):
        raise Invalid(str(error)) from error
    was_sent = not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    return Broken(f"{error}" or type(error).__name__, was_sent)


def reply(response: httpx.Response) -> Reply:
    """Takes an answer whose body has been read."""
    return Reply(response.status_code, response.headers, response.content)


def content_headers(request: Request, file: BinaryIO) -> Mapping[str, str]:
    """Returns the headers of an upload; with its length, where the file has one."""
    try:
        start = file.tell()
        length = file.seek(0, os.SEEK_END) - start
        file.seek(start)
    except (OSError, ValueError):
        # A pipe, say: it is sent in pieces, without a length.
        return request.headers
    return {**request.headers, "content-length": str(length)}


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Reads a file piece by piece."""
    while True:
        piece = file.read(PIECE_BYTES)
        if not piece:
            return
        yield piece


class Saved:
    """A file that is there once it is complete, and not before."""

    def __init__(self, path: Union[str, os.PathLike[str]]) -> None:
        self._path = Path(path)
        self._unfinished = self._path.with_name(f".{self._path.name}.unfinished-{os.getpid()}")
        self._size = 0

    def __enter__(self) -> Saved:
        self._file = self._unfinished.open("wb")
        return self

    def write(self, piece: bytes) -> None:
        """Appends a piece."""
        self._size += self._file.write(piece)

    def finish(self) -> int:
        """Puts the file in its place, and returns its size."""
        self._file.close()
        self._unfinished.replace(self._path)
        return self._size

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._unfinished.unlink(missing_ok=True)
