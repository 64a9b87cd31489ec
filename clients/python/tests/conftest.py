"""The servers and clients that tests ask for."""

from __future__ import annotations

from typing import Iterator, cast

import pytest
from harness import Server, face

from errand_client import Errand


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server") / "data")
    try:
        running.upload("python")
        running.upload("wordcount")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may be killed."""
    running = Server(tmp_path_factory.mktemp("mortal") / "data")
    try:
        running.upload("python")
        yield running
    finally:
        running.kill()


@pytest.fixture(params=["blocking", "asyncio"])
def kind(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture
def errand(server: Server, kind: str) -> Iterator[Errand]:
    """A client with the agent's token."""
    with face(kind)(server.url, server.agent_token) as client:
        yield client
