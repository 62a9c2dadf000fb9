"""The page in a real Chromium against the real server; skipped where there is no Chromium."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.service.real_server import Server, start

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 30_000
"""Milliseconds after which something that does not come is a failure; nothing waits that long."""


@dataclass
class Visit:
    """One profile of the browser with one page open, and what it has said and asked for."""

    page: Any
    server: Server
    profile: Path
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _context: Any = None

    def close(self) -> None:
        """Close the browser, so that its profile is all on disk."""
        if self._context:
            self._context.close()
            self._context = None

    def open(self) -> None:
        """Open the page, and wait until it knows the matters."""
        self.page.goto(self.server.url)
        self.page.wait_for_selector("#policy option", state="attached")
        # What is told of the matter moves the buttons below it: a click on its way would miss them.
        self.page.wait_for_selector("#about p", state="attached")

    def put(self, *files: tuple[str, bytes]) -> None:
        """Choose files and wait for the conclusion and the preview."""
        given = [{"name": n, "mimeType": "text/plain", "buffer": content} for n, content in files]
        self.page.set_input_files("#file", given)
        self.wait()

    def wait(self) -> None:
        self.page.wait_for_selector("#verdict:not([hidden])")
        self.page.wait_for_selector("#view:not([aria-busy]) #view-verdict:not([hidden])")

    def saved(self, selector: str) -> tuple[str, bytes]:
        """Name and bytes of what a click downloads."""
        with self.page.expect_download() as download:
            self.page.click(selector)
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with api.sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("server") / "service")
    yield running
    assert running.process.poll() is None, "the server died"
    running.stop()


@pytest.fixture(scope="module")
def browser(playwright: Any) -> Iterator[Any]:
    """One browser; each visit is a private window of it."""
    running = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
    yield running
    running.close()


def _settings(width: int, height: int) -> dict[str, Any]:
    return {
        "viewport": {"width": width, "height": height},
        "locale": "zh-CN",
        "reduced_motion": "reduce",
    }


@contextlib.contextmanager
def visiting(browser: Any, server: Server, width: int = 1366, height: int = 900) -> Iterator[Visit]:
    """A private window."""
    with _visit(browser.new_context(**_settings(width, height)), server, Path()) as visit:
        yield visit


@contextlib.contextmanager
def living(playwright: Any, server: Server, profile: Path) -> Iterator[Visit]:
    """A browser with a profile of its own on disk."""
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=CHROMIUM,
        headless=True,
        args=list(FLAGS),
        **_settings(1366, 900),
    )
    with _visit(context, server, profile) as visit:
        yield visit


@contextlib.contextmanager
def _visit(context: Any, server: Server, profile: Path) -> Iterator[Visit]:
    context.set_default_timeout(SECONDS)
    page = context.pages[0] if context.pages else context.new_page()
    visit = Visit(page, server, profile, _context=context)
    visit.page.on("console", lambda message: visit.said.append(message.text))
    visit.page.on("pageerror", lambda error: visit.said.append(str(error)))
    visit.page.on("request", lambda request: visit.asked.append(request.url))
    try:
        yield visit
    finally:
        visit.close()


@pytest.fixture
def visit(browser: Any, server: Server) -> Iterator[Visit]:
    with visiting(browser, server) as one:
        one.open()
        yield one
        assert one.said == [], "the console is not empty"
