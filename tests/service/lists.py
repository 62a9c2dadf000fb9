"""Lists that are made up, and what the tests of uploads do with them again and again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

ID, MOBILE, NAME = "11010519491231002X", "13800138000", "慕容测试"
CSV = f"姓名,身份证号,联系电话\n{NAME},{ID},{MOBILE}\n".encode()
MASKED = f"姓名,身份证号,联系电话\n{NAME},110105{'*' * 12},138{'*' * 8}\n".encode()

Upload = tuple[str, bytes]


def post(client: httpx.Client, *files: Upload, **fields: str) -> httpx.Response:
    """The answer to an upload of (name, content)."""
    parts = [("files", file) for file in files] or [("none", ("", b""))]
    return client.post("/v1/files", files=parts, data=fields)


def begin(client: httpx.Client, *files: Upload, **fields: str) -> str:
    """The address of a new job."""
    answer = post(client, *(files or (("名单.csv", CSV),)), **fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["links"]["self"])


def finish(client: httpx.Client, job: str) -> dict[str, Any]:
    """The state of a job when it is over."""
    with client.stream("GET", f"{job}/events") as events:
        for _ in events.iter_lines():
            pass
    state: dict[str, Any] = client.get(job).json()
    return state


def masked(client: httpx.Client, *files: Upload, **fields: str) -> dict[str, Any]:
    """The state of a job that did these files."""
    return finish(client, begin(client, *files, **fields))


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and kind of an answer that is a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["title_en"]
    return answer.status_code, document["type"].removeprefix("urn:deid:problem:")


def folders(base: Path) -> list[str]:
    """The folders of jobs in the folders of all servers."""
    return sorted(path.name for path in base.glob("deid-serve-*/*") if path.name != "lock")


def workers(server: int, name: str = "deid-files") -> list[int]:
    """Process numbers of a server's workers: of those that mask files, or of others."""
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to find the worker")
    found = []
    for task in Path(f"/proc/{server}/task").iterdir():
        for child in (task / "children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text() == f"{name}\n":
                found.append(int(child))
    return found


class Held:
    """A worker that is held still, so that its job is under way for as long as a test needs."""

    def __init__(self, client: httpx.Client, server: int) -> None:
        found: list[int] = []
        for _ in range(5):  # on a busy machine a worker may run out of time while it loads
            client.delete(masked(client, keep="1")["links"]["self"])
            if found := workers(server):
                break
        (self.pid,) = found
        os.kill(self.pid, signal.SIGSTOP)
        self._client = client

    def kill(self) -> None:
        """End it, when the server has had time to tell it of its job."""
        for _ in range(50):
            self._client.get("/health")
        os.kill(self.pid, signal.SIGKILL)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
