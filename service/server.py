"""The server process: uvicorn around the application."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable

import uvicorn

from .app import create_app
from .settings import Settings


def serve(settings: Settings, talk: Callable[[str], None]) -> int:
    """Serve until a signal; the exit status: 0, or 2 where the address cannot be had."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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
    host, port = listener.getsockname()[:2]
    talk(f"请在浏览器打开 http://{host}:{port}/　（Ctrl-C 停止）")
    config = uvicorn.Config(
        create_app(settings),
        access_log=False,  # the gate writes a line without the path
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        h11_max_incomplete_event_size=64 * 1024,
        limit_concurrency=1_000,
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0
