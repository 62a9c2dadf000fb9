"""Jobs: a bounded queue of uploads, the workers that mask or audit them, and what becomes of the
results: bound to the key that brought the files, fetched once, gone when their time is up.

Everything here happens on the event loop, but for the talk with the workers, which has threads of
its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from deid import load_policy
from deid.model import FileReport

from .folders import FULL, Folder, open_folder, remove
from .metrics import Metrics
from .problems import Problem
from .settings import Settings
from .workers import DONE, LATE, Call, Source, Worker, shown

STATES = ("queued", "running", "done", "failed", "cancelled")
OVER = ("done", "failed", "cancelled")
HEARTBEAT = 15.0
"""Seconds of silence after which a watcher is told that the server is still there."""
_KEPT = 16
"""Times the queue: jobs that may wait to be fetched before no more are taken."""
_FRESH = 60
"""Seconds for which a result that nobody fetched holds up the end of the server."""
_PARTS = 20_000
"""Reports of files that are held in memory before no more jobs are taken."""
_DEATHS = 3
"""Deaths of a worker in one job after which the rest of its files is not tried."""

DIED_TOLD = "处理它的进程意外终止，可能内存不足，没有写出；请拆成几份再试"
LATE_TOLD = "处理超过时限，已停止，没有写出；请拆成几份再试"


@dataclass(slots=True)
class Result:
    """One output: ``ready``, ``sending`` or ``gone``."""

    path: Path
    name: str
    state: str = "ready"


@dataclass(slots=True, eq=False)
class Job:
    """One upload on its way."""

    id: str
    owner: str
    folder: Path
    keep: bool = False
    call: Call | None = None
    state: str = "queued"
    error: str = ""
    parts: list[Any] = field(default_factory=list)
    """The answer so far: a FileReport a file, or a FileAudit, and a UnionAudit after these."""
    results: dict[int, Result] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now().astimezone())
    ended: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    reports: dict[str, bytes] = field(default_factory=dict)
    """The finished reports by kind; what the routes make of the parts."""

    @property
    def total(self) -> int:
        return len(self.call.sources) if self.call else 0

    @property
    def over(self) -> bool:
        return self.state in OVER

    def tell(self) -> None:
        """Wake those who watch."""
        event, self.changed = self.changed, asyncio.Event()
        event.set()


class Jobs:
    """The jobs of one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.metrics = settings, Metrics()
        self.stopping = self.closed = False
        self._folder: Folder | None = None
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._uploading: Counter[str] = Counter()
        self._served: Counter[str] = Counter()
        self._workers = [Worker() for _ in range(settings.workers)]
        self._running: dict[str, Worker] = {}
        # Somebody sits before the screen: previews do not wait behind jobs.
        self.viewer, self.viewing, self.looking = Worker("deid-preview"), asyncio.Lock(), 0
        self._wake = asyncio.Event()
        self._expiring: set[asyncio.Task[None]] = set()
        self._slots: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(settings.workers, "deid-worker")

    # --- beginning and end ------------------------------------------------------------------------

    def open(self) -> None:
        """Make the private folder, and sweep those of dead servers. Raises OSError."""
        if self._folder is None:
            self._folder = open_folder(self.settings.folder)

    @property
    def scratch(self) -> Path:
        """Where calls that are no jobs may make folders; what they leave goes with this one."""
        self.open()
        assert self._folder
        return self._folder.path

    def start(self) -> None:
        """Begin to take jobs; in the event loop."""
        self.open()
        self._slots = [asyncio.create_task(self._serve(worker)) for worker in self._workers]
        self._slots.append(asyncio.create_task(self._look_after()))

    def hang_up(self) -> None:
        """Take nothing more, and let those who watch go."""
        self.stopping = self.closed = True
        for job in self._jobs.values():
            job.tell()

    def close(self) -> None:
        """End everything and leave nothing behind; may be called from anywhere, and again."""
        self.stopping = self.closed = True
        for slot in self._slots:
            with contextlib.suppress(RuntimeError):  # the loop is gone already
                slot.cancel()
        for worker in (*self._workers, self.viewer):
            worker.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._folder:
            self._folder.close()

    @property
    def is_busy(self) -> bool:
        """Whether stopping now would lose anything: a job under way, or a result that somebody
        is fetching or, since it is fresh, about to."""
        if self._uploading.total() or self._waiting or self._running:
            return True
        fresh = time.monotonic() - _FRESH
        return any(
            result.state == "sending" or (result.state == "ready" and job.ended > fresh)
            for job in self._jobs.values()
            if not job.keep
            for result in job.results.values()
        )

    async def _look_after(self) -> None:
        while True:
            if self._folder:
                self._folder.touch()
            await asyncio.sleep(3600)

    # --- taking jobs ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def taking(self, owner: str) -> Iterator[Job]:
        """A job to be filled and given to ``submit``; without a trace where that does not happen.

        Raises Problem before anything is read: while the server stops, or too much is waiting."""
        if self.stopping:
            raise Problem("stopping", headers={"Retry-After": "30"})
        most = self.settings.queue
        kept = len(self._jobs) - len(self._waiting) - len(self._running)
        parts = sum(len(job.parts) for job in self._jobs.values())
        waiting = self._uploading.total() + len(self._waiting)
        full = waiting >= most or kept >= most * _KEPT or parts >= _PARTS
        if full and not self._is_new(owner):
            raise Problem("too-many", headers={"Retry-After": "10"})
        assert self._folder
        try:
            folder = self._folder.new()
        except OSError as error:
            raise (Problem("no-space") if error.errno in FULL else error) from None
        job = Job(secrets.token_hex(16), owner, folder)
        self._uploading[owner] += 1
        try:
            yield job
        finally:
            self._uploading[owner] -= 1
            if job.id not in self._jobs:
                remove(job.folder)

    def _is_new(self, owner: str) -> bool:
        """Whether a key has nothing here: then another's jobs, of which all is full, do not keep it
        out."""
        busy = self._uploading[owner] or any(job.owner == owner for job in self._jobs.values())
        return bool(owner) and not busy

    def warm(self) -> None:
        """Start a process, so that it loads while an upload comes in."""
        for worker in self._workers:
            if not worker.pid:
                worker.warm()
                return

    def submit(self, job: Job, call: Call) -> None:
        """Put a job at the end of the queue. Raises Problem."""
        if self.stopping:
            raise Problem("stopping", headers={"Retry-After": "30"})
        job.call = call
        self._jobs[job.id] = job
        self._waiting.append(job)
        self._wake.set()
        self._count()

    def find(self, number: str, owner: str) -> Job:
        """The job of that number. Raises Problem, the same whether it is another's or nobody's."""
        job = self._jobs.get(number)
        if job is None or not hmac.compare_digest(job.owner, owner):
            raise Problem("no-job")
        return job

    def position(self, job: Job) -> int:
        """1 is next; 0: not waiting."""
        if job not in self._waiting:
            return 0
        waiting, served = list(self._waiting), self._served.copy()
        place = 1
        while (following := _following(waiting, served)) is not job:
            waiting.remove(following)
            served[following.owner] = max(served.values(), default=0) + 1
            place += 1
        return place

    async def forget(self, job: Job) -> None:
        """Stop a job, remove its files and let go of it."""
        if self._jobs.pop(job.id, None) is None:
            return
        if not job.over:
            job.state = "cancelled"
        if job in self._waiting:
            self._waiting.remove(job)
        if worker := self._running.get(job.id):
            await asyncio.to_thread(worker.kill)  # its slot removes the files when it is gone
        else:
            await asyncio.to_thread(remove, job.folder)
        self._tell_all(job)

    # --- watching and fetching --------------------------------------------------------------------

    async def watch(self, job: Job) -> AsyncIterator[bool]:
        """True at once and at each change, False where there was none for a while; ends with the
        job or with the server."""
        while True:
            changed = job.changed
            yield True
            if job.over or self.closed:
                return
            while True:
                try:
                    await asyncio.wait_for(changed.wait(), HEARTBEAT)
                    break
                except TimeoutError:
                    yield False

    @contextlib.asynccontextmanager
    async def fetching(self, job: Job, numbers: list[int]) -> AsyncIterator[list[Result]]:
        """Results to be sent; gone afterwards, but for those whose sending broke off."""
        results = [job.results[number] for number in numbers]
        for result in results:
            result.state = "sending"
        sent = job.keep
        try:
            yield results
            sent = True
        finally:
            gone = sent and not job.keep
            for result in results:
                result.state = "gone" if gone else "ready"
            if gone:
                for result in results:
                    result.path.unlink(missing_ok=True)

    # --- working ----------------------------------------------------------------------------------

    async def _serve(self, worker: Worker) -> None:
        """One slot: takes the next job, for ever."""
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            job = _following(self._waiting, self._served)
            self._waiting.remove(job)
            self._served[job.owner] = max(self._served.values(), default=0) + 1
            job.state = "running"
            self._running[job.id] = worker
            self._tell_all(job)
            try:
                await self._work(job, worker)
            finally:
                del self._running[job.id]
                if job.id not in self._jobs:
                    remove(job.folder)
            self._tell_all(job)

    async def _work(self, job: Job, worker: Worker) -> None:
        loop = asyncio.get_running_loop()
        error = await loop.run_in_executor(self._threads, self._talk, job, worker, loop)
        # What the worker told last is on the loop already, ahead of this.
        if job.state == "cancelled":
            return
        job.error = error
        job.state = "failed" if error else "done"
        job.ended = time.monotonic()
        loop.call_later(self.settings.keep, self._expire, job)

    def _expire(self, job: Job) -> None:
        task = asyncio.ensure_future(self.forget(job))
        self._expiring.add(task)
        task.add_done_callback(self._expiring.discard)

    def _talk(self, job: Job, worker: Worker, loop: asyncio.AbstractEventLoop) -> str:
        """In a thread: have all files done, whatever becomes of one of them; why that failed."""
        deadline = time.monotonic() + self.settings.job_seconds
        assert job.call
        call, error, deaths, done = job.call, "", 0, 0

        def tell(part: Any) -> None:
            nonlocal done
            if done < job.total:
                job.call.sources[done].path.unlink(missing_ok=True)  # type: ignore[union-attr]
            done += 1
            loop.call_soon_threadsafe(self._note, job, part)

        while done < job.total and job.state == "running" and not self.closed:
            rest = replace(call, sources=call.sources[done:])
            outcome = worker.do(rest, deadline, tell)
            if outcome == DONE or job.state != "running":
                break
            deaths += 1
            error = LATE_TOLD if outcome == LATE else DIED_TOLD
            _tidy(job.folder)
            if call.kind == "audit":
                break
            tell(_lost(call.sources[done], error))
            if outcome == LATE or deaths == _DEATHS:
                while done < job.total:
                    tell(_lost(call.sources[done], error))
        return error

    def _note(self, job: Job, part: Any) -> None:
        """A part of the answer has come."""
        if job.state != "running":
            return
        number = len(job.parts)
        if isinstance(part, FileReport):
            self.metrics_of(part)
            if part.output:
                assert job.call
                name = self._unique(job, part.output)
                job.results[number] = Result(job.call.sources[number].target, name)
        job.parts.append(part)
        job.tell()

    @staticmethod
    def _unique(job: Job, name: str) -> str:
        """The name, with a number where another result has it already."""
        taken = {result.name.casefold() for result in job.results.values()}
        stem, dot, suffix = name.rpartition(".")
        unique, number = name, 1
        while unique.casefold() in taken:
            number += 1
            unique = f"{stem}({number}){dot}{suffix}" if dot else f"{name}({number})"
        return unique

    def metrics_of(self, report: FileReport) -> None:
        """Count what was found; kinds and numbers only."""
        for entity, count in report.found.items():
            self.metrics.findings.labels(entity).inc(count)

    def _tell_all(self, changed: Job) -> None:
        """The queue has moved: everybody in it has another place."""
        for job in (changed, *self._waiting):
            job.tell()
        self._count()

    def _count(self) -> None:
        counts = Counter(job.state for job in self._jobs.values())
        for state in STATES:
            self.metrics.jobs.labels(state).set(counts[state])


def _following(waiting: Iterable[Job], served: Mapping[str, int]) -> Job:
    """The job whose turn it is: the first of the key that was served longest ago."""
    return min(waiting, key=lambda job: served.get(job.owner, 0))


def _lost(source: Source, why: str) -> FileReport:
    """The report of a file whose worker was lost."""
    return FileReport(shown(source.name, load_policy())[0], "", "refused", why)


def _tidy(folder: Path) -> None:
    """Remove what a worker that was killed had begun to write."""
    for path in [*(folder / "tmp").iterdir(), *(folder / "out").glob(".*")]:
        if path.is_dir():
            remove(path)
        else:
            path.unlink(missing_ok=True)
