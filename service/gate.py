"""What every request passes: an id, the host and origin check, the key, size and time limits, the
headers that keep a browser from keeping or leaking anything, one log line and the counters.

Plain ASGI: a middleware class of the framework costs more than masking a record does.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect

from .metrics import METHODS, Metrics
from .problems import Problem, told_at
from .settings import MEGABYTE, Settings, key_digest
from .workers import seen

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

log = logging.getLogger("deid.service")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SAFE = ("GET", "HEAD", "OPTIONS")
OPEN_PATHS = ("/", "/health", "/docs", "/openapi.json")
OPEN_FOLDERS = ("/static/",)
"""Reached without a key: they hold nothing. The page asks for the key and keeps it in memory."""
UPLOADS = ("/v1/files", "/v1/audit")
"""Paths whose bodies may be as large as a file, and that are asked for once only."""
_HEADERS = 32 * 1024
_TARGET = 8 * 1024
"""Bytes of all headers together, and of the address."""
_BODIES = 32
"""Bodies of the largest size that may be in memory, those that are still coming in among them."""
_DRAIN = 64 * MEGABYTE
_DRAIN_SECONDS = 10
"""How much of a body that is not wanted is read all the same: a client that is still sending would
lose the answer with the connection."""

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
        self.held = 0
        """Bytes of the bodies that are in memory."""

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
        self.method: str = scope["method"]
        self._receive, self._send = receive, send
        self.headers = dict(scope["headers"])
        given = self.headers.get(b"x-request-id", b"").decode("latin-1")
        self.id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self.status = 0
        self.received = 0
        self.held = 0
        self.unread = True
        self.late = False
        self.large = scope["path"].startswith(UPLOADS)
        settings = gate.settings
        self.most = (settings.file_mb if self.large else settings.body_mb) * MEGABYTE
        self.deadline = time.monotonic() + settings.upload_seconds
        scope.setdefault("state", {})["request_id"] = self.id

    async def run(self) -> None:
        started = time.perf_counter()
        self.gate.metrics.in_flight.inc()
        try:
            await self._pass()
        except ClientDisconnect:
            self.status = self.status or 499  # nobody is there to be answered
        except Exception as error:
            # Nothing goes on to the server, which would print the message with all that it quotes.
            self._tell(error)
            if not self.status:
                await self._answer(Problem("internal"))
        finally:
            self.gate.held -= self.held
            self.gate.metrics.in_flight.dec()
            self._note(time.perf_counter() - started)

    async def _pass(self) -> None:
        if self.method == "HEAD" and not self.large:  # the server leaves the body out
            self.scope = {**self.scope, "method": "GET"}
        try:
            self._admit()
            await self.gate.app(self.scope, self.receive, self.send)
        except Problem as problem:
            if self.status:  # the answer has begun: only closing the connection tells
                raise
            await self._answer(problem)

    async def _answer(self, problem: Problem) -> None:
        response = told_at(self.scope["path"], problem).response(self.id)
        await response(self.scope, self.receive, self.send)

    def _tell(self, error: Exception) -> None:
        """The kind of an error that nobody foresaw, and where; not its message, which may hold what
        was being masked."""
        kind, places = seen(error)
        told = {"event": "error", "id": self.id, "kind": kind, "at": places}
        log.error(json.dumps(told))

    def _admit(self) -> None:
        """Raises Problem for a request that goes no further."""
        if sum(len(name) + len(value) for name, value in self.scope["headers"]) > _HEADERS:
            raise Problem("headers-too-large")
        if len(self.scope["raw_path"]) + len(self.scope["query_string"]) > _TARGET:
            raise Problem("address-too-long")
        host = self.headers.get(b"host", b"").decode("latin-1").lower()
        if self.gate.hosts and _name_of(host) not in self.gate.hosts:
            raise Problem("forbidden", "请求的主机名不在允许之列", "The host is not allowed")
        path, method = self.scope["path"], self.method
        if method not in _SAFE:
            self._same_origin(host)
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)
        if self.gate.keys and not (is_open and method in _SAFE):
            self._key()
        length = self.headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > self.most:
            raise Problem("too-large", f"最多 {self.most // MEGABYTE} MB")

    def _same_origin(self, host: str) -> None:
        """A page of another site, open in the same browser, may not post here."""
        origin = self.headers.get(b"origin")
        if origin is not None and _place_of(origin) != host:
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
            self.late = True
            raise Problem("too-slow") from None
        self._count(message)
        if self.received > self.most:
            raise Problem("too-large", f"最多 {self.most // MEGABYTE} MB")
        if not self.large:  # those go to the disk as they come
            self._hold(len(message.get("body", b"")))
        return message

    def _hold(self, size: int) -> None:
        """Note bytes that stay in memory until the answer. Raises Problem where there are too many."""
        self.held += size
        self.gate.held += size
        if self.gate.held > _BODIES * self.gate.settings.body_mb * MEGABYTE:
            raise Problem("too-many", headers={"Retry-After": "1"})

    def _count(self, message: Message) -> None:
        self.received += len(message.get("body", b""))
        self.unread = bool(message.get("more_body"))

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            status: int = message["status"]
            if status >= 400:
                await self._drain()
            self.status = status
            given = {name.lower() for name, _ in message["headers"]}
            added = [header for header in HEADERS if header[0] not in given]
            if self.unread and status >= 400:
                added.append((b"connection", b"close"))
            message["headers"] = [
                *message["headers"],
                *added,
                (b"x-request-id", self.id.encode()),
            ]
        await self._send(message)

    async def _drain(self) -> None:
        """Read what a client that is refused still sends, within reason."""
        body = (
            b"transfer-encoding" in self.headers
            or self.headers.get(b"content-length", b"0") != b"0"
        )
        if not body:
            self.unread = False
        if self.late or (b"expect" in self.headers and not self.received):
            return
        most = self.received + _DRAIN
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self.unread and self.received < most:
                    self._count(await self._receive())

    def _note(self, seconds: float) -> None:
        """One log line, without the path's own parts: a job's number or a name may stand there."""
        route = getattr(self.scope.get("route"), "path", "-")
        method = self.method if self.method in METHODS else "OTHER"
        self.gate.metrics.count(method, route, self.status, seconds, self.received)
        if log.isEnabledFor(logging.INFO):
            told = {
                "event": "request",
                "id": self.id,
                "method": method,
                "route": route,
                "status": self.status,
                "ms": round(seconds * 1000, 1),
                "bytes": self.received,
            }
            log.info(json.dumps(told))


def _place_of(origin: bytes) -> str:
    """Host and port of an origin; empty for ``null`` and for what is none."""
    try:
        return urlsplit(origin.decode("latin-1").lower()).netloc
    except ValueError:
        return ""


def _name_of(host: str) -> str:
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host


def _hosts(settings: Settings) -> frozenset[str]:
    """Names by which the service may be called; on loopback only these, since any site can point a
    name of its own at 127.0.0.1. Empty: any."""
    allowed: Iterable[str] = settings.allowed_hosts.replace(",", " ").lower().split()
    if settings.is_loopback:
        return frozenset((*allowed, "localhost", "127.0.0.1", "[::1]", settings.host.lower()))
    return frozenset(allowed)
