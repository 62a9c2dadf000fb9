"""Turns at the processor: short work at once, longer work in a thread, so that the event loop can
answer others; a bounded number waits, the rest is told to come back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import Request

from .problems import Problem

Value = TypeVar("Value")

INLINE = 4_000
"""Characters or bytes that are worked on at once: some milliseconds."""
_AT_ONCE = 2
"""Threads at work: more only wait for the interpreter, and the event loop waits with them."""

_REMEMBERED = 32 << 20
"""Bytes of requests after which the library forgets the texts it remembers: its memories are bounded
by their number, and one client's texts may be long."""


def forget() -> None:
    """Clear what the library remembers of texts. What it remembers of its own data has no bound, and
    stays."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "deid":
            for each in list(vars(module).values()):
                told = getattr(each, "cache_parameters", None)
                if told is not None and told()["maxsize"]:
                    each.cache_clear()


class Turns:
    """Who works and who waits, of one application."""

    def __init__(self, waiting: int) -> None:
        self.most = waiting + _AT_ONCE
        self.taken = 0
        self._bytes = 0
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, work: Callable[[], Value]) -> Value:
        """The result of ``work``, done in a thread when it is its turn. Raises Problem."""
        if self.taken >= self.most:
            raise Problem("too-many", headers={"Retry-After": "1"})
        if self._limiter is None:  # belongs to the event loop that is running
            self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        self.taken += 1
        try:
            return await run_sync(work, limiter=self._limiter)
        finally:
            self.taken -= 1

    def note(self, size: int) -> None:
        """Count what was worked on, and forget it in time."""
        self._bytes += size
        if self._bytes > _REMEMBERED:
            self._bytes = 0
            forget()


async def take(request: Request, size: int, work: Callable[[], Value]) -> Value:
    """The result of work on that many characters, at once or in a thread."""
    turns: Turns = request.app.state.turns
    turns.note(size)
    return work() if size <= INLINE else await turns.run(work)
