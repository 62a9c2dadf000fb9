"""Processes that mask and audit files: one file's fault, or its end by the system, stops no other.

Not a pool of the standard library: there the death of one process fails everything that waits, and
a file that takes too long cannot be stopped.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path, PurePosixPath
from typing import Any

from deid.errors import DeidError

from .forgetting import forget
from .problems import Problem, of_deid

MOST_CALLS = 200
"""Calls about files after which a process is replaced: what libraries do not give back goes with
it."""


@dataclass(frozen=True, slots=True)
class Source:
    """An uploaded file: where it lies, where its output goes, what its owner calls it."""

    path: Path
    target: Path
    name: str
    against: bool = False
    kinds: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """What a person says that columns hold: by name of table and column."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a process. The policy is named: each process loads its own."""

    kind: str
    sources: tuple[Source, ...]
    temporary: Path
    policy: str = "general"
    channel: str | None = None
    level: str | None = None
    override: str = ""
    raster: bool = False
    published: date | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a piece of work: its result, or the problem that it came to, or where an error
    occurred and of which kind."""

    result: Any = None
    problem: Problem | None = None
    error: tuple[str, list[str]] | None = None

    def value(self) -> Any:
        """The result. Raises Problem, Unforeseen."""
        if self.problem is not None:
            raise self.problem
        if self.error is not None:
            raise Unforeseen(*self.error)
        return self.result


class Unforeseen(Exception):
    """An error in a process: its kind and places. The message, which may quote what was masked, has
    stayed there."""


def seen(error: Exception) -> tuple[str, list[str]]:
    """The kind of an error and where it occurred."""
    if isinstance(error, Unforeseen):
        kind, places = error.args
        return kind, places
    calls = traceback.extract_tb(error.__traceback__)[-3:]
    return type(error).__name__, [f"{call.filename}:{call.lineno}" for call in calls]


DIED, LATE, DONE = "died", "late", ""
Tell = Callable[[Any], None]
Work = Callable[[], Any]
"""A function of a module with its arguments (``functools.partial``): what can be sent to a process."""


class Worker:
    """One process, started when it is needed and replaced when it is gone."""

    def __init__(self, name: str = "deid-files", most: int = MOST_CALLS) -> None:
        self._name = name
        self._process: Any = None
        self._pipe: Connection | None = None
        self._most, self._calls = most, 0
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The number of the process; 0 while there is none."""
        return (self._process.pid or 0) if self._process else 0

    def warm(self) -> None:
        """Start the process, so that it loads while the upload comes in."""
        with self._lock:
            if self._process is None or not self._process.is_alive():
                self._start()

    def _start(self) -> None:
        self._clear()
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve_calls, args=(theirs, self._name), daemon=True)
        self._process.start()
        theirs.close()  # so that its end, too, is the end of the pipe
        self._calls = 0

    def do(self, call: Call | Work, deadline: float, tell: Tell) -> str:
        """Has the call done; ``tell`` gets each part of the answer. DONE, DIED or LATE."""
        self.warm()
        pipe, process = self._pipe, self._process
        assert pipe is not None
        try:
            pipe.send(call)
            while True:
                if not wait([pipe, process.sentinel], max(deadline - time.monotonic(), 0)):
                    self.kill()
                    return LATE
                part = pipe.recv()
                if part is None:
                    break
                tell(part)
        except (EOFError, OSError, pickle.UnpicklingError):
            self.kill()
            return DIED
        self._calls += 1
        if self._calls >= self._most:
            self.kill()
        return DONE

    def kill(self) -> None:
        """End the process at once."""
        process = self._process
        if process is not None and process.pid:
            with self._lock, contextlib.suppress(OSError, ValueError):
                process.kill()
                process.join(10)

    def close(self) -> None:
        """End the process and let go of everything."""
        self.kill()
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        self._pipe = self._process = None


# --- inside the process ---------------------------------------------------------------------------


def serve_calls(pipe: Connection, name: str) -> None:
    """Answer one call after the other, until the server hangs up or is gone."""
    _settle(name)
    with contextlib.suppress(EOFError, OSError):
        while True:
            asked: Call | Work = pipe.recv()
            if not isinstance(asked, Call):
                pipe.send(worked(asked))
                pipe.send(None)
                del asked
                forget()
                continue
            tempfile.tempdir = str(asked.temporary)
            for part in answer(asked, pipe.send):
                pipe.send(part)
            pipe.send(None)
    os._exit(0)


def _settle(called: str) -> None:
    """Private files, no dump of memory, nothing said: what a library complains of may be content."""
    # A terminal, and systemd, ask all processes to stop; the server decides when these do.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # who asks whether the server lives is answered first
            os.nice(5)
    with contextlib.suppress(OSError):  # where memory runs out, this goes before the server does
        Path("/proc/self/oom_score_adj").write_text("1000")
        Path("/proc/self/comm").write_text(called)  # what ``top`` shows
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    threading.Thread(target=_end_with_server, daemon=True).start()
    import deid.pipeline  # noqa: F401 - what the first call would otherwise wait for


def _end_with_server() -> None:
    """No process outlives a server that was killed."""
    if server := parent_process():
        server.join()
    os._exit(1)


def worked(work: Work) -> Outcome:
    """What comes of it."""
    try:
        return Outcome(work())
    except Problem as problem:
        return Outcome(problem=problem)
    except DeidError as error:
        return Outcome(problem=of_deid(error))
    except Exception as error:
        return Outcome(error=seen(error))


def answer(call: Call, tell: Tell) -> Iterator[Any]:
    """A report for each file; for an audit also what they reveal together, the files' own told as
    they are done."""
    if call.kind == "audit":
        return _audited(call, tell)
    return _previewed(call) if call.kind == "preview" else _masked(call)


def _masked(call: Call) -> Iterator[Any]:
    from deid.batch import mask_files
    from deid.inputs import Task
    from deid.policy import load_policy

    policy = load_policy(call.policy, channel=call.channel, level=call.level)
    tasks = []
    for source in call.sources:
        name, note = shown(source.name, policy)
        tasks.append(
            Task(source.path, name, source.target, note, kinds=source.kinds, called=source.name)
        )
    yield from mask_files(
        tasks,
        policy=call.policy,
        overwrite=True,
        raster=call.raster,
        channel=call.channel,
        level=call.level,
        override=call.override,
    )


def _previewed(call: Call) -> Iterator[Any]:
    from deid.policy import load_policy
    from deid.preview import preview_file

    policy = load_policy(call.policy, channel=call.channel, level=call.level)
    for source in call.sources:
        told = preview_file(
            source.path,
            policy=policy,
            kinds=source.kinds,
            override=call.override,
            called=source.name,
        )
        name, note = shown(source.name, policy)
        report = told["report"]
        message = report["message"].replace(source.path.name, Path(name).name)
        message = "；".join(filter(None, (message, note)))
        yield {**told, "report": {**report, "source": name, "message": message}}


def _audited(call: Call, tell: Tell) -> Iterator[Any]:
    from deid.audit import AUTO, audit_publications
    from deid.inputs import Task
    from deid.policy import load_policy
    from deid.sweep import Order, audit_tasks

    chosen = None if call.policy == AUTO else load_policy(call.policy)
    usual = chosen or load_policy()
    tasks = [
        Task(source.path, shown(source.name, usual)[0], called=source.name)
        for source in call.sources
    ]
    if any(source.against for source in call.sources):
        yield audit_publications(tasks, chosen, call.published, tell)
    else:
        yield from audit_tasks(tasks, Order(call.policy, call.published))


def shown(name: str, policy: Any) -> tuple[str, str]:
    """The name without identifiers, and what to say where there was one."""
    from deid.pipeline import mask_name

    masked = "/".join(mask_name(part, policy) for part in PurePosixPath(name).parts)
    return masked, "" if masked == name else "名称含有身份信息，已遮盖"
