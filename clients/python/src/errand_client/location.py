"""Where the server is, and which token it is shown: as the `errand` command finds them.

The operator's token is never read: who has it can approve.
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Optional
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:7420"


@dataclass(frozen=True)
class Location:
    """A server and a token for it."""

    url: str
    """Without a slash at its end."""
    token: Optional[str] = field(repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine's own address, which no proxy can reach."""
        return _is_loopback(self.url)


def locate(
    url: Optional[str], token: Optional[str], environment: Optional[Mapping[str, str]] = None
) -> Location:
    """Finds the server and the token.

    What is given goes before ERRAND_SERVER and ERRAND_TOKEN, these before what the data directory
    (ERRAND_DATA) says of the local server. Its token goes to this machine alone, unless the
    directory was named.
    """
    environment = os.environ if environment is None else environment
    data = data_directory(environment)
    url = url or _said(environment, "ERRAND_SERVER")
    is_found = url is None
    if url is None:
        url = (_note(data) if data is not None else None) or DEFAULT_URL
    url = _checked(url)
    token = (token or "").strip() or _said(environment, "ERRAND_TOKEN")
    is_named = _said(environment, "ERRAND_DATA") is not None
    if token is None and data is not None and (is_found or is_named or _is_loopback(url)):
        token = _line(data / "agent.token")
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("the token has a character that none has")
    return Location(url, token)


def data_directory(environment: Mapping[str, str]) -> Optional[Path]:
    """Returns the data directory; nothing where there is no home."""
    named = _said(environment, "ERRAND_DATA")
    if named is not None:
        return Path(named)
    base = _said(environment, "XDG_DATA_HOME")
    if base is not None and Path(base).is_absolute():
        return Path(base) / "errand"
    home = _said(environment, "HOME")
    if home is None:
        return None
    share = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    return Path(home) / share / "errand"


def _said(environment: Mapping[str, str], name: str) -> Optional[str]:
    return environment.get(name, "").strip() or None


def _note(data: Path) -> Optional[str]:
    try:
        url = json.loads((data / "server.json").read_text("utf-8")).get("url")
    except (OSError, ValueError, AttributeError):
        return None
    return url if isinstance(url, str) else None


def _line(path: Path) -> Optional[str]:
    try:
        return path.read_text("utf-8").strip() or None
    except (OSError, ValueError):
        # A server without a token refuses what follows, and says so.
        return None


def _checked(text: str) -> str:
    url = text.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not a server's address, such as {DEFAULT_URL}")
    return url


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
