"""What every request passes: an id, the host and origin check, the key, size and time limits, the
headers that keep a browser from keeping or leaking anything, one log line and the counters.

Plain ASGI: a middleware class of the framework costs more than masking a record does.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from .metrics import Metrics
from .problems import Problem
from .settings import MEGABYTE, Settings, key_digest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

log = logging.getLogger("deid.service")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SAFE = ("GET", "HEAD", "OPTIONS")
OPEN_PATHS = ("/", "/health")
OPEN_FOLDERS = ("/static/",)
"""Reached without a key: they hold nothing. The page asks for the key and keeps it in memory."""
UPLOADS = ("/v1/files", "/v1/audit")
"""Paths whose bodies may be as large as a file."""

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)


class Gate:
    """The ASGI application around the application."""

    def __init__(self, app: App, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.settings = settings
        self.metrics = metrics
        self.keys = settings.key_digests()
        self.hosts = _hosts(settings)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        await _Request(self, scope, receive, send).run()


class _Request:
    """One request on its way through the gate."""

    def __init__(
        self, gate: Gate, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        self.gate, self.scope = gate, scope
        self._receive, self._send = receive, send
        self.headers = dict(scope["headers"])
        given = self.headers.get(b"x-request-id", b"").decode("latin-1")
        self.id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self.status = 0
        self.received = 0
        self.large = scope["path"].startswith(UPLOADS)
        settings = gate.settings
        self.most = (settings.file_mb if self.large else settings.body_mb) * MEGABYTE
        self.deadline = time.monotonic() + settings.upload_seconds
        scope.setdefault("state", {})["request_id"] = self.id

    async def run(self) -> None:
        started = time.perf_counter()
        self.gate.metrics.in_flight.inc()
        try:
            self._admit()
            await self.gate.app(self.scope, self.receive, self.send)
        except Problem as problem:
            if self.status:  # the answer has begun: only closing the connection tells
                raise
            await problem.response(self.id)(self.scope, self.receive, self.send)
        finally:
            self.gate.metrics.in_flight.dec()
            self._note(time.perf_counter() - started)

    def _admit(self) -> None:
        """Raises Problem for a request that goes no further."""
        host = self.headers.get(b"host", b"").decode("latin-1").lower()
        if self.gate.hosts and _name_of(host) not in self.gate.hosts:
            raise Problem("forbidden", "请求的主机名不在允许之列", "The host is not allowed")
        path, method = self.scope["path"], self.scope["method"]
        if method not in _SAFE:
            self._same_origin(host)
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)
        if self.gate.keys and not (is_open and method in _SAFE):
            self._key()
        length = self.headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.most:
            raise Problem("too-large", f"最多 {self.most // MEGABYTE} MB")

    def _same_origin(self, host: str) -> None:
        """A page of another site, open in the same browser, may not post here."""
        origin = self.headers.get(b"origin", b"").decode("latin-1").lower()
        if origin and urlsplit(origin).netloc != host:
            raise Problem("forbidden")
        if self.headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
            raise Problem("forbidden")

    def _key(self) -> None:
        given = self.headers.get(b"x-api-key", b"").decode("latin-1")
        bearer = self.headers.get(b"authorization", b"").decode("latin-1")
        if not given and bearer[:7].lower() == "bearer ":
            given = bearer[7:].strip()
        digest = key_digest(given)
        # Every digest is compared, in constant time each: time tells nothing of which is near.
        matches = [hmac.compare_digest(digest, known) for known in self.gate.keys]
        if not given or not any(matches):
            raise Problem("no-key", headers={"WWW-Authenticate": 'Bearer realm="deid"'})
        self.scope["state"]["key"] = digest  # whose jobs this request may see

    async def receive(self) -> Message:
        """The next piece of the body, counted and timed."""
        if self.status:  # waiting for a client to hang up has no limit
            return await self._receive()
        try:
            async with asyncio.timeout(max(self.deadline - time.monotonic(), 0)):
                message = await self._receive()
        except TimeoutError:
            raise Problem("too-slow") from None
        self.received += len(message.get("body", b""))
        if self.received > self.most:
            raise Problem("too-large", f"最多 {self.most // MEGABYTE} MB")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name.lower() for name, _ in message["headers"]}
            added = [header for header in HEADERS if header[0] not in given]
            message["headers"] = [
                *message["headers"],
                *added,
                (b"x-request-id", self.id.encode()),
            ]
        await self._send(message)

    def _note(self, seconds: float) -> None:
        """One log line, without the path's own parts: a job's number or a name may stand there."""
        route = getattr(self.scope.get("route"), "path", "-")
        self.gate.metrics.count(self.scope["method"], route, self.status, seconds, self.received)
        if log.isEnabledFor(logging.INFO):
            told = {
                "event": "request",
                "id": self.id,
                "method": self.scope["method"],
                "route": route,
                "status": self.status,
                "ms": round(seconds * 1000, 1),
                "bytes": self.received,
            }
            log.info(json.dumps(told))


def _name_of(host: str) -> str:
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host


def _hosts(settings: Settings) -> frozenset[str]:
    """Names by which the service may be called; on loopback only these, since any site can point a
    name of its own at 127.0.0.1. Empty: any."""
    allowed: Iterable[str] = settings.allowed_hosts.replace(",", " ").lower().split()
    if settings.is_loopback:
        return frozenset((*allowed, "localhost", "127.0.0.1", "[::1]", settings.host.lower()))
    return frozenset(allowed)
