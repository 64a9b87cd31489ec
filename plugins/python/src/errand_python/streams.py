"""Standard streams: seen live through the host, and kept (bounded) for the task's output.

A line goes to the host when it is complete, and so do 8 KiB without a line's end: nobody who watches
waits for a buffer, and small writes don't each become a host call.
"""

from __future__ import annotations

import io
import json
import os

KEPT_BYTES = 256 * 1024
"""How much of each stream the output holds. The default limit of a whole output is 1 MiB."""

_ENCODED_CHARACTERS = 320 * 1024
"""A stream's share of the output's JSON, where escapes could make 256 KiB several times as long."""


class Tee(io.RawIOBase):
    """Writes to a file descriptor and keeps the beginning of what was written."""

    def __init__(self, descriptor: int, name: str):
        super().__init__()
        self.name = name
        self.mode = "wb"
        self._descriptor = descriptor
        self.forget()

    def forget(self) -> None:
        """Starts anew: nothing has been written."""
        self._kept: list[bytes] = []
        self._room = KEPT_BYTES
        self._written = 0

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data) -> int:
        size = len(data)
        written = os.write(self._descriptor, data)
        while written < size:
            written += os.write(self._descriptor, data[written:])
        self._written += size
        if self._room:
            piece = bytes(data[: self._room])
            self._kept.append(piece)
            self._room -= len(piece)
        return size

    def text(self) -> str:
        """Returns what was kept, as text that is safe to put into JSON, saying so if it isn't all."""
        if not self._written:
            return ""
        cut = self._written > KEPT_BYTES
        kept = b"".join(self._kept)
        if cut:
            kept = _without_broken_end(kept)
        text = kept.decode("utf-8", "replace")
        if self._written > _ENCODED_CHARACTERS // 6:
            while len(json.dumps(text, ensure_ascii=False).encode()) > _ENCODED_CHARACTERS:
                text = text[: len(text) // 2]
                cut = True
        if cut:
            text += f"\n[truncated: {self._written} bytes were written]\n"
        return text


def _without_broken_end(data: bytes) -> bytes:
    """Drops the first bytes of a character whose rest was cut off."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            needed = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if needed > back else data
    return data


def writer(tee: Tee, errors: str) -> io.TextIOWrapper:
    """Returns a text stream over a tee, as `sys.stdout` and `sys.stderr` are made."""
    # A text stream hands over at 8 KiB; a buffer below that passes it on at once.
    return io.TextIOWrapper(
        io.BufferedWriter(tee, 4096), encoding="utf-8", errors=errors, line_buffering=True
    )


def reader(text: str) -> io.TextIOWrapper:
    """Returns a text stream over a string, with a `.buffer` as `sys.stdin` has one."""
    data = io.BytesIO(text.encode("utf-8", "surrogatepass"))
    stream = io.TextIOWrapper(io.BufferedReader(data), encoding="utf-8", errors="surrogateescape")
    stream.mode = "r"
    return stream


def flush(stream) -> None:
    """Flushes a stream that the program may have closed or replaced by anything."""
    try:
        if not stream.closed:
            stream.flush()
    except Exception:
        pass  # Nobody is left to tell.


class _Inherited(io.RawIOBase):
    """Standard input as the host gives it, read when it is asked for.

    A file object on descriptor 0 would ask the host about it at each start.
    """

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def readinto(self, buffer) -> int:
        data = os.read(0, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def inherited() -> io.TextIOWrapper:
    """Returns a text stream over the program's own standard input."""
    return io.TextIOWrapper(io.BufferedReader(_Inherited()), "utf-8", "surrogateescape")
