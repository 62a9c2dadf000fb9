"""The real server in a process of its own, on a free port, with a private folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"http://[^/\s]+")
_PATIENCE = 60
"""Seconds after which a server that does not answer is a failure; nothing ever waits that long."""


@dataclass
class Server:
    """A running server: where it listens, its process, its folder, what it has logged so far."""

    url: str
    process: subprocess.Popen[str]
    folder: Path
    lines: list[str]
    client: httpx.Client
    _reader: threading.Thread = field(repr=False)

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def kill(self) -> None:
        """As the kernel does when memory runs out: no time to tidy up."""
        self.process.kill()
        self.process.wait(_PATIENCE)

    def stop(self) -> int:
        """Ask it to stop, as systemd does; the exit status."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        try:
            return self.process.wait(_PATIENCE)
        finally:
            self.process.kill()
            self.client.close()
            self._reader.join(_PATIENCE)
            # Somebody else's end of the pipe may still be open: then closing ours would wait for it.
            if self.process.stderr and not self._reader.is_alive():
                self.process.stderr.close()


def start(folder: Path, **settings: object) -> Server:
    """A server with these settings that answers already."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {"folder": folder, "port": 0, "shutdown_seconds": 2, **settings}
    environment = {name: text for name, text in os.environ.items() if not name.startswith("DEID_")}
    environment |= {f"DEID_{name.upper()}": str(value) for name, value in given.items()}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "deid", "serve"],
        cwd=folder.parent,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    told = threading.Event()

    def read() -> None:
        assert process.stderr
        for line in process.stderr:
            lines.append(line)
            if _ADDRESS.search(line):
                told.set()
        told.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    told.wait(_PATIENCE)
    address = _ADDRESS.search("".join(lines))
    if address is None:
        process.kill()
        process.wait(_PATIENCE)
        reader.join(_PATIENCE)
        assert process.stderr
        process.stderr.close()
        pytest.fail(f"the server did not start: {lines}")
    # The port listens before it is told, so that this waits in the line and never is turned away.
    client = httpx.Client(base_url=address[0], trust_env=False, timeout=_PATIENCE)
    assert client.get("/health").status_code == 200
    return Server(address[0], process, folder, lines, client, reader)


Start = Callable[..., Server]
