"""Whole folders of published files -> one audit each, in several processes, to be taken up again.

The state file has one JSON line per file, appended as soon as that file is done: counts and places,
never content. A file that has not changed since is not read again; a line that was torn when the
machine went down is skipped, and its file done anew.
"""

from __future__ import annotations

import datetime
import json
import os
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid.audit import AUTO, FileAudit, audit_file, file_as_dict, file_from_dict, with_deadline
from deid.batch import _stop_workers, _stopping, _unforeseen, catch_stop_signals
from deid.inputs import Task
from deid.outcome import sha256_of
from deid.policy import Policy, load_policy, policy_names

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

STATE_SCHEMA = "deid-audit-state/1"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of each file. The policy is named: a spawned process has to load its own."""

    policy: str
    published: datetime.date | None = None

    def names(self) -> list[str]:
        """The policies that may be used."""
        return policy_names() if self.policy == AUTO else [self.policy]

    def rules(self) -> Policy | None:
        """The policy; None where each file's title tells."""
        return None if self.policy == AUTO else load_policy(self.policy)


class State:
    """What earlier runs found, kept in a file that only grows."""

    def __init__(self, path: Path | None, order: Order, version: str = "") -> None:
        self._path = path
        self._known: dict[tuple[str, str], tuple[int, int, FileAudit]] = {}
        self._stamp = {
            "schema": STATE_SCHEMA,
            "version": version,
            "rules": "/".join(map(_rules, map(load_policy, order.names()))),
            "published": order.published.isoformat() if order.published else "",
        }
        if path and path.exists():
            for line in path.read_bytes().splitlines():
                self._remember(line)

    def _remember(self, line: bytes) -> None:
        try:
            raw = json.loads(line)
            if {key: raw.get(key) for key in self._stamp} != self._stamp:
                return
            audit = file_from_dict(raw["file"])
            key = raw["key"], audit.sha256
            self._known[key] = raw["mtime_ns"], audit.size, audit
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # torn, or not ours

    def find(self, task: Task) -> FileAudit | None:
        """What is known of a file that is as it was: path, size, time and digest."""
        if not self._known or task.fault:
            return None
        try:
            stat = task.source.stat()
            alike = [
                audit
                for (key, _), (mtime, size, audit) in self._known.items()
                if key == _key(task) and (mtime, size) == (stat.st_mtime_ns, stat.st_size)
            ]
            digest = sha256_of(task.source) if alike else ""
        except OSError:
            return None
        return next((replace(a, source=task.shown) for a in alike if a.sha256 == digest), None)

    def add(self, task: Task, audit: FileAudit) -> None:
        """Write one line and have it reach the file."""
        if self._path is None or audit.status not in ("clean", "found"):
            return
        try:
            mtime = task.source.stat().st_mtime_ns
        except OSError:
            return
        line = {**self._stamp, "key": _key(task), "mtime_ns": mtime, "file": file_as_dict(audit)}
        with self._path.open("ab+") as stream:
            size = stream.seek(0, os.SEEK_END)
            if size:
                stream.seek(size - 1)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")
            stream.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())


def _key(task: Task) -> str:
    """A file's place as it may be shown; where its folder is on this machine is nobody's business."""
    return task.shown


def _rules(policy: Policy) -> str:
    """The policy and a checksum of what it says, so that other rules are another audit."""
    said = repr(
        (
            sorted((key, repr(value)) for key, value in policy.specs.items()),
            sorted((key, rule.action) for key, rule in policy.fields.items()),
            sorted(policy.only),
            policy.thresholds,
            policy.mode,
            policy.channel,
            policy.level,
            policy.due,
            policy.retention,
        )
    )
    return f"{policy.name}/{zlib.crc32(said.encode()):08x}"


def audit_tasks(
    tasks: Sequence[Task],
    order: Order,
    *,
    jobs: int = 1,
    state: Path | None = None,
    version: str = "",
) -> Iterator[FileAudit]:
    """The audit of each file, in the order given; ``state`` keeps what is done across runs.

    Interrupted, it keeps what is done: the next run goes on with the rest.
    """
    kept = State(state, order, version)
    known = {number: found for number, task in enumerate(tasks) if (found := kept.find(task))}
    fresh = [task for number, task in enumerate(tasks) if number not in known]
    done = (
        _in_processes(fresh, order, min(jobs, len(fresh)))
        if jobs > 1
        else _one_by_one(fresh, order)
    )
    rules = order.rules()
    for number, task in enumerate(tasks):
        audit = known.get(number)
        if audit is None:
            audit = next(done)
            kept.add(task, audit)
        label = rules.label if rules else load_policy(audit.policy).label if audit.until else ""
        yield with_deadline(audit, label)


def _one_by_one(tasks: Sequence[Task], order: Order) -> Iterator[FileAudit]:
    for task in tasks:
        yield _audit(task, order)


def _audit(task: Task, order: Order) -> FileAudit:
    """Never raises for a fault of the file; KeyboardInterrupt passes. Today's date is left out."""
    if task.fault:
        return FileAudit(task.shown, "unreadable", task.fault, policy=order.policy)
    try:
        audit, _ = audit_file(
            task.source,
            policy=order.rules(),
            shown=task.shown,
            called=task.called,
            published=order.published,
            today=datetime.date.min,
        )
    except MemoryError:
        return FileAudit(task.shown, "unreadable", "内存不足，没有检查", policy=order.policy)
    except Exception as error:
        told = _unforeseen(error).replace("没有写出", "没有检查")
        return FileAudit(task.shown, "unreadable", told, policy=order.policy)
    return audit


# --- several processes ----------------------------------------------------------------------------


def _in_processes(tasks: Sequence[Task], order: Order, jobs: int) -> Iterator[FileAudit]:
    from concurrent.futures.process import BrokenProcessPool

    if jobs < 2:
        yield from _one_by_one(tasks, order)
        return
    pool = _pool(jobs)
    try:
        futures: deque[Future[FileAudit]] = deque(
            pool.submit(_audit_in_worker, one, order) for one in tasks
        )
        for task in tasks:
            try:
                yield futures.popleft().result()
            except BrokenProcessPool:
                # One file took its process down, and with it the pool: only that one is lost.
                yield _alone(task, order)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        _stop_workers()
        raise
    pool.shutdown()


def _alone(task: Task, order: Order) -> FileAudit:
    from concurrent.futures.process import BrokenProcessPool

    with _pool(1) as pool:
        try:
            return pool.submit(_audit_in_worker, task, order).result()
        except BrokenProcessPool:
            told = "检查它的进程意外终止，可能内存不足；请用 --jobs 1 单独检查"
            return FileAudit(task.shown, "unreadable", told, policy=order.policy)


def _pool(jobs: int) -> ProcessPoolExecutor:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start_worker)


def _start_worker() -> None:
    catch_stop_signals(_stop)


# Whether a file is open in this worker process.
_worker = {"busy": False}


def _stop(number: int, frame: object) -> None:
    catch_stop_signals(_stopping)
    if _worker["busy"]:
        raise KeyboardInterrupt
    os._exit(128 + number)


def _audit_in_worker(task: Task, order: Order) -> FileAudit:
    _worker["busy"] = True
    try:
        return _audit(task, order)
    except KeyboardInterrupt:
        # The masked copy of a large file is gone by now. Not raised on: the pool would go on.
        os._exit(130)
    finally:
        _worker["busy"] = False


def summary(audits: Sequence[FileAudit]) -> Mapping[str, Any]:
    """The counts of a whole run."""
    grades = {letter: sum(one.grades.get(letter, 0) for one in audits) for letter in "ABCD"}
    left: dict[str, int] = {}
    for one in audits:
        for entity, count in one.left.items():
            left[entity] = left.get(entity, 0) + count
    return {
        "files": len(audits),
        **{
            status: sum(one.status == status for one in audits)
            for status in ("clean", "found", "unreadable", "unsupported")
        },
        "rows": sum(one.rows for one in audits),
        "left": dict(sorted(left.items())),
        "weak": sum(one.weak for one in audits),
        "grades": grades,
        "examples": sum(one.examples for one in audits),
        "overdue": sum(one.overdue for one in audits),
    }
