"""Many files -> many reports, in order, in one process or several; faults become plain sentences.

A fault of one file never stops the others and never shows what the file holds: an exception that
nobody foresaw is told by its type and the place in the code, not by its message, which may quote
a cell.
"""

from __future__ import annotations

import errno
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deid.errors import DeidError
from deid.inputs import Task
from deid.model import FileReport, Finding

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

Result = tuple[FileReport, list[Finding]]

_SENTENCES = {
    errno.ENOSPC: "磁盘已满，没有写出；请腾出空间后重做",
    errno.EDQUOT: "磁盘配额已用完，没有写出；请腾出空间后重做",
    errno.EROFS: "输出文件夹是只读的，没有写出；请用 -o 换一个文件夹",
    errno.ENAMETOOLONG: "文件名太长，没有写出；请缩短后重做",
    errno.EMFILE: "同时打开的文件太多，没有写出；请减小 --jobs 后重做",
    errno.ENOENT: "文件或文件夹不见了，可能被移走或改名",
    errno.EIO: "磁盘读写出错；请检查磁盘或网络盘",
}
_DENIED_READ = "没有权限读这份文件，或它正被别的程序（WPS、Excel）占用"
_DENIED_WRITE = "没有权限写到输出文件夹，或旧的输出正被别的程序占用；请关闭它或用 -o 换一个文件夹"
_DIED = "处理它的进程意外终止，可能内存不足，没有写出；请用 --jobs 1 单独处理"


class _Work(NamedTuple):
    """What to do with each task. The policy is named: a spawned process has to load its own."""

    policy: str
    scan_only: bool = False
    overwrite: bool = False
    dry_run: bool = False
    raster: bool = False
    channel: str | None = None
    level: str | None = None
    override: str = ""


def mask_files(
    tasks: Sequence[Task],
    *,
    policy: str,
    overwrite: bool = False,
    dry_run: bool = False,
    jobs: int = 1,
    raster: bool = False,
    channel: str | None = None,
    level: str | None = None,
    override: str = "",
) -> Iterator[FileReport]:
    """The report of each task, in the order given. Outputs are the same whatever ``jobs`` is."""
    work = _Work(
        policy,
        overwrite=overwrite,
        dry_run=dry_run,
        raster=raster,
        channel=channel,
        level=level,
        override=override,
    )
    for report, _ in _results(work, tasks, jobs):
        yield report


def scan_files(tasks: Sequence[Task], *, policy: str, jobs: int = 1) -> Iterator[Result]:
    """The report and the findings of each task, in the order given."""
    return _results(_Work(policy, scan_only=True), tasks, jobs)


def sentence(error: OSError, source: Path | None = None) -> str:
    """What a clerk is told about a fault of the file system.

    >>> sentence(OSError(errno.ENOSPC, "No space left on device"))
    '磁盘已满，没有写出；请腾出空间后重做'
    """
    if isinstance(error, PermissionError):
        return _DENIED_READ if _is_about(error, source) else _DENIED_WRITE
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return _SENTENCES.get(error.errno or 0, f"文件系统出错（{name}），没有写出")


def _is_about(error: OSError, path: Path | None) -> bool:
    return path is not None and error.filename is not None and Path(error.filename) == path


def catch_stop_signals(handler: Callable[[int, object], None]) -> None:
    """Call ``handler`` when a person or the system asks this process to stop."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if number := getattr(signal, name, None):
            signal.signal(number, handler)


def interrupt(number: int, frame: object) -> None:
    """Raise KeyboardInterrupt once; further signals wait for the cleaning up."""
    catch_stop_signals(_stopping)
    raise KeyboardInterrupt


def _stopping(number: int, frame: object) -> None:
    # Not SIG_IGN: Python prints a traceback for a signal that is pending when it becomes ignored.
    return


def _results(work: _Work, tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    if min(jobs, len(tasks)) > 1:
        yield from _in_processes(work, tasks, min(jobs, len(tasks)))
    else:
        for task in tasks:
            yield _do(work, task)


def _do(work: _Work, task: Task) -> Result:
    """Never raises for a fault of the file; KeyboardInterrupt passes."""
    if task.fault:
        return _failed(task, task.status, task.fault)
    try:
        report, findings = _call(work, task)
    except DeidError as error:
        return _failed(task, "refused", str(error))
    except OSError as error:
        status = "unreadable" if _is_about(error, task.source) else "refused"
        return _failed(task, status, sentence(error, task.source))
    except MemoryError:
        return _failed(task, "refused", "内存不足，没有写出；请关闭其他程序或分拆文件后重做")
    except Exception as error:
        return _failed(task, "refused", _unforeseen(error))
    message = report.message.replace(task.source.name, Path(task.shown).name)
    return replace(
        report,
        source=task.shown,
        output=task.shown if report.output else "",
        message="；".join(filter(None, (message, task.note))),
    ), findings


def _call(work: _Work, task: Task) -> Result:
    from deid.pipeline import mask_file, scan_file
    from deid.policy import load_policy

    policy = load_policy(work.policy, channel=work.channel, level=work.level)
    if work.scan_only:
        return scan_file(task.source, policy=policy)
    report = mask_file(
        task.source,
        task.target,
        policy=policy,
        overwrite=work.overwrite,
        dry_run=work.dry_run,
        raster=work.raster,
        override=work.override,
        kinds=task.kinds,
        called=task.called,
    )
    return report, []


def _failed(task: Task, status: str, message: str) -> Result:
    return FileReport(source=task.shown, output="", status=status, message=message), []


def _unforeseen(error: Exception) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-4:]))
    return f"程序内部错误（{type(error).__name__}，{where}），没有写出；请把这一行告诉维护者"


# --- several processes ----------------------------------------------------------------------------


def _in_processes(work: _Work, tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    from concurrent.futures.process import BrokenProcessPool

    pool = _pool(work, jobs)
    try:
        futures: deque[Future[Result]] = deque(pool.submit(_do_in_worker, task) for task in tasks)
        for task in tasks:
            try:
                yield futures.popleft().result()
            except BrokenProcessPool:
                # One file took its process down, and with it the pool: the others are done one by
                # one, so that only the culprit is lost.
                yield _do_alone(work, task)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        _stop_workers()
        raise
    pool.shutdown()


def _pool(work: _Work, jobs: int) -> ProcessPoolExecutor:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    context = get_context("spawn")
    return ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(work,))


def _do_alone(work: _Work, task: Task) -> Result:
    from concurrent.futures.process import BrokenProcessPool

    with _pool(work, 1) as pool:
        try:
            return pool.submit(_do_in_worker, task).result()
        except BrokenProcessPool:
            return _failed(task, "refused", _DIED)


def _stop_workers() -> None:
    """Ask every worker to stop, and wait: each removes its unfinished file first."""
    from multiprocessing import active_children

    workers = active_children()
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(10)


# The state of a worker process: what it was started for, and whether a file is open in it.
_worker: dict[str, Any] = {"work": None, "busy": False}


def _start_worker(work: _Work) -> None:
    _worker["work"] = work
    catch_stop_signals(_stop)


def _stop(number: int, frame: object) -> None:
    catch_stop_signals(_stopping)
    if _worker["busy"]:
        raise KeyboardInterrupt
    os._exit(128 + number)


def _do_in_worker(task: Task) -> Result:
    _worker["busy"] = True
    try:
        return _do(_worker["work"], task)
    except KeyboardInterrupt:
        # Not raised on: the pool would hand this process the next file.
        os._exit(130)
    finally:
        _worker["busy"] = False
