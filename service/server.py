"""The server process: uvicorn around the application."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from . import logs
from .app import create_app
from .connections import Connection
from .jobs import Jobs
from .settings import Settings


def serve(settings: Settings, talk: Callable[[str], None]) -> int:
    """Serve until a signal; the exit status: 0, or 2 where the address cannot be had."""
    logs.set_up()
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sends at once; else each answer waits 40 ms for company.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Not SO_REUSEADDR on Windows: there it lets two servers share the port.
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # Now, not when all is loaded: two servers can bind one port, only one can listen on it.
        listener.listen(2048)
    except OSError:
        listener.close()
        talk(f"不能监听 {settings.host}:{settings.port}：端口被占用，或地址不是本机的")
        return 2
    jobs = Jobs(settings)
    try:
        jobs.open()
    except OSError:
        listener.close()
        talk("不能在存放临时文件的文件夹里建立文件：请检查 DEID_FOLDER 的权限和磁盘空间")
        return 2
    host, port = listener.getsockname()[:2]
    talk(f"请在浏览器打开 http://{host}:{port}/　（Ctrl-C 停止）")
    # Of the time to stop, most is for the jobs and the rest for connections that are open.
    last = max(settings.shutdown_seconds // 5, 1)
    config = uvicorn.Config(
        create_app(settings, jobs),
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,  # the gate writes a line without the path
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=last,
        h11_max_incomplete_event_size=64 * 1024,
        timeout_keep_alive=65,  # more than proxies keep theirs: who closes first loses no request
        limit_concurrency=1_000,
    )
    try:
        _Server(config, jobs, settings.shutdown_seconds - last).run(sockets=[listener])
    except KeyboardInterrupt:  # the signal that ended it, raised again
        pass
    finally:
        jobs.close()
    return 0


class _Server(uvicorn.Server):
    """A server that, asked to stop, takes no more jobs, but answers until those it has are done."""

    def __init__(self, config: uvicorn.Config, jobs: Jobs, patience: float) -> None:
        super().__init__(config)
        self._jobs, self._patience = jobs, patience
        self._until = 0.0
        for name in ("SIGHUP", "SIGBREAK"):  # a closed terminal
            if number := getattr(signal, name, None):
                signal.signal(number, self.handle_exit)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks, a second one insists."""
        again = self._until > 0
        super().handle_exit(sig, frame)
        if not again:
            self.should_exit = False
            self._jobs.stopping = True
            self._until = time.monotonic() + self._patience

    async def on_tick(self, counter: int) -> bool:
        if self._until and (not self._jobs.is_busy or time.monotonic() > self._until):
            self.should_exit = True
        if self.should_exit:
            self._jobs.hang_up()
        return await super().on_tick(counter)
