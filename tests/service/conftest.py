"""Fixtures of the service's tests: the real server and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from real_server import Server, Start, start


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Start]:
    """Starts servers with settings of the test's own: ``start_server(queue=1)``; stops them."""
    started: list[Server] = []

    def one(folder: Path | None = None, **settings: object) -> Server:
        server = start(folder or tmp_path / "service", **settings)
        started.append(server)
        return server

    yield one
    for server in started:
        if server.process.poll() is None:
            server.kill()
        server.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with the usual settings for all tests that do not hurt it."""
    running = start(tmp_path_factory.mktemp("server") / "service")
    yield running
    assert running.process.poll() is None, "the server died"
    running.stop()


@pytest.fixture
def client(server: Server) -> httpx.Client:
    """A client of the shared server."""
    return server.client
