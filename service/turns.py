"""Turns at the processors: short work at once, longer work in a process of its own, so that the event
loop only talks; a bounded number waits, each key in a line of its own, the rest is told to come back.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from fastapi import Request

from .forgetting import forget
from .problems import Problem
from .settings import Settings
from .workers import DIED, LATE, Outcome, Worker

Value = TypeVar("Value")

INLINE = 4_000
"""Characters or bytes that are worked on at once: some milliseconds."""
_REMEMBERED = 1 << 20
"""Bytes of requests worked on at once after which the library forgets the texts it remembers."""
_SECONDS = 5.0
"""After this time it does so anyway."""
_CALLS = 5_000
"""Calls after which a process is replaced."""
_TRIES = 2
"""A process may die of another's work, or of the system's; not twice of the same."""


class Line:
    """Places at work, and who waits for one: the keys in turns, those of one key in order."""

    def __init__(self, places: int, waiting: int) -> None:
        self.most = waiting
        self.waiting = 0
        self._free = places
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """A place for one of that key, when it is its turn. Raises Problem."""
        await self._wait(owner)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, owner: str) -> None:
        if self._free:
            self._free -= 1
            return
        # A key that has nobody in line is let in all the same: another's calls may fill it.
        if self.waiting >= self.most and (not owner or owner in self._lines):
            raise Problem("too-many", headers={"Retry-After": "1"})
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(owner, deque()).append(turn)
        self.waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            else:
                turn.cancel()
            raise

    def _pass_on(self) -> None:
        """Give the place to the first of the next key in turn."""
        while self._lines:
            owner = next(iter(self._lines))
            line = self._lines.pop(owner)
            turn = line.popleft()
            self.waiting -= 1
            if line:
                self._lines[owner] = line  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class Turns:
    """Who works and who waits, of one application."""

    def __init__(self, settings: Settings, *, processes: int = 0) -> None:
        places = processes or settings.processes
        self.line = Line(places, settings.waiting)
        self._seconds = settings.call_seconds
        self._workers = [Worker("deid-calls", _CALLS) for _ in range(places)]
        self._idle = list(self._workers)
        self._threads = ThreadPoolExecutor(places, "deid-call")
        self._warming: asyncio.Future[object] | None = None
        self._closed = False
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, owner: str, work: Callable[[], Value]) -> Value:
        """The result of ``work`` (which has to be such that another process can be told of it), when
        it is the turn of that key. Raises Problem."""
        async with self.line.place(owner):
            worker = self._idle.pop()
            done = asyncio.get_running_loop().run_in_executor(
                self._threads, self._done, worker, work
            )
            try:
                return cast(Value, (await asyncio.shield(done)).value())
            except asyncio.CancelledError:
                await asyncio.wait([done])  # the process is at it all the same
                raise
            finally:
                self._idle.append(worker)

    def _done(self, worker: Worker, work: Callable[[], Any]) -> Outcome:
        """In a thread: what the process says. Raises Problem."""
        deadline = time.monotonic() + self._seconds
        for _ in range(_TRIES):
            parts: list[Outcome] = []
            ended = worker.do(work, deadline, parts.append)
            if ended == LATE:
                raise Problem("failed", "处理超过时限，已停止；请分几次再试", "It took too long")
            if ended != DIED and parts:
                return parts[0]
            if self._closed:
                raise Problem("stopping", headers={"Retry-After": "30"})
        raise Problem("lost", headers={"Retry-After": "1"})

    def begin(self, work: Callable[[], object]) -> None:
        """Have one process do this, so that the first call need not wait for it to load."""
        self._warming = asyncio.ensure_future(self.run("", work))
        self._warming.add_done_callback(lambda task: task.cancelled() or task.exception())

    def close(self) -> None:
        """End the processes."""
        self._closed = True
        for worker in self._workers:
            worker.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def note(self, size: int) -> None:
        """Count what was worked on here, and have it forgotten in time."""
        self._bytes += size
        if self._bytes > _REMEMBERED:
            self._forget()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SECONDS, self._forget)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._bytes = 0
        forget()


def owner_of(request: Request) -> str:
    """Whose request it is: the digest of its key; none where no key is asked for."""
    return str(request.scope.get("state", {}).get("key", ""))


async def take(request: Request, size: int, work: Callable[[], Value]) -> Value:
    """The result of work on that many characters, at once or in another process."""
    turns: Turns = request.app.state.turns
    if size <= INLINE:
        turns.note(size)
        return work()
    return await turns.run(owner_of(request), work)
