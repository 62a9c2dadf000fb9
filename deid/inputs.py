"""What the command line names -> the files to read, and where each one's output goes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import NamedTuple

from deid.errors import DeidError

_WILD = frozenset("*?[")
# Written by Office and file managers beside real files, and by deid itself: never a list.
_LITTER_STARTS = (".", "~$", "deid-report")
_LITTER_NAMES = frozenset({"Thumbs.db", "desktop.ini"})
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class BadTarget(DeidError, ValueError):
    """The output would land on an input, or the output folder is no folder."""


@dataclass(frozen=True, slots=True)
class Task:
    """One file: where it is, what it may be called in talk and reports, where its output goes.

    ``shown`` never holds an identifier; ``note`` tells what became of one in the name; ``fault``
    says why nothing can be done with this input, ``status`` what its report says then.
    """

    source: Path
    shown: str
    target: Path = Path()
    note: str = ""
    fault: str = ""
    status: str = "unreadable"
    kinds: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """What a person says that columns hold; see ``deid.by_hand``."""
    called: str = ""
    """The name by which its owner knows the file, where its own name is none."""


class _Found(NamedTuple):
    source: Path
    relative: PurePath
    fault: str = ""


def find_tasks(
    arguments: Sequence[str], rename: Callable[[str], str], outdir: Path | None = None
) -> list[Task]:
    """One task for every file that the arguments name: files, folders (recursive), globs.

    A file named twice is taken once; the tree of a folder is kept under ``outdir``, which no walk
    enters. Raises BadTarget when any output would be an input: the original would be lost.
    """
    if outdir:
        _check_outdir(arguments, outdir)
    tasks: dict[str, Task] = {}
    taken: set[str] = set()
    for argument in arguments:
        for found in _find(argument, outdir):
            if (key := _identity(found.source)) in tasks:
                continue
            task = _placed(found, rename, outdir)
            if outdir and not task.fault:
                if (spot := os.path.normcase(task.target)) in taken:
                    fault = "输出会与前面一份文件同名，请分别处理或改名"
                    task = replace(task, fault=fault, status="refused")
                taken.add(spot)
            tasks[key] = task
    if outdir and any(_identity(task.target) in tasks for task in tasks.values() if not task.fault):
        raise BadTarget("输出文件就是输入文件，原件会被覆盖；请用 -o 指定另一个文件夹")
    return list(tasks.values())


def printable(name: str) -> str:
    """The name without characters that a terminal or a page would act on (ESC, newline, bidi).

    >>> printable("名单" + chr(27) + "[2J.csv")
    '名单�[2J.csv'
    """
    return "".join("\ufffd" if unicodedata.category(c) in _UNPRINTABLE else c for c in name)


def _check_outdir(arguments: Sequence[str], outdir: Path) -> None:
    if outdir.exists() and not outdir.is_dir():
        raise BadTarget("输出位置 -o 是一个文件，请换成文件夹")
    for argument in arguments:
        if Path(argument).is_dir() and _identity(Path(argument)) == _identity(outdir):
            raise BadTarget("输出文件夹就是输入文件夹，原件会被覆盖；请用 -o 指定另一个文件夹")


def _placed(found: _Found, rename: Callable[[str], str], outdir: Path | None) -> Task:
    parts = tuple(rename(part) for part in found.relative.parts)
    return Task(
        source=found.source,
        shown=printable("/".join(parts)),
        target=outdir.joinpath(*parts) if outdir else Path(),
        note="" if parts == found.relative.parts else "名称含有身份信息，已遮盖",
        fault=found.fault,
    )


def _find(argument: str, leave_out: Path | None) -> Iterator[_Found]:
    path = Path(argument)
    if not argument:  # an empty shell variable, which Path would take for the current folder
        yield _Found(path, PurePath("?"), "文件名是空的")
    elif path.is_dir():
        yield from _walk(path, path, leave_out)
    elif path.exists():
        yield _file(path, path.parent)
    elif names := _matches(argument):
        base = _before_wild(path)
        for match in map(Path, names):
            if match.is_dir():
                yield from _walk(match, base, leave_out)
            elif not _is_litter(match.name):
                yield _file(match, base)
    else:
        yield _Found(path, PurePath(path.name or argument), "没有这个文件或文件夹")


def _matches(pattern: str) -> list[str]:
    import glob

    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (may be absolute)


def _walk(folder: Path, base: Path, leave_out: Path | None) -> Iterator[_Found]:
    """Files below ``folder`` in a fixed order. Links to folders are not followed: they may loop."""
    skip = _identity(leave_out) if leave_out else ""
    closed: list[Path] = []
    for here, folders, files in os.walk(folder, onerror=lambda e: closed.append(Path(e.filename))):
        kept = (name for name in folders if not _is_litter(name))
        folders[:] = sorted(name for name in kept if _identity(Path(here, name)) != skip)
        for name in sorted(files):
            if not _is_litter(name):
                yield _file(Path(here, name), base)
    for path in closed:
        yield _Found(path, PurePath(path.name), "没有权限读这个文件夹")


def _file(path: Path, base: Path) -> _Found:
    # A pipe or a device may never end, and cannot be read a second time to verify.
    fault = "" if path.is_file() else "不是普通文件"
    return _Found(path, path.relative_to(base), fault)


def _before_wild(pattern: Path) -> Path:
    """The part of a glob before its first wildcard: the tree below it is kept in the output."""
    fixed: list[str] = []
    for part in pattern.parts:
        if _WILD.intersection(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _is_litter(name: str) -> bool:
    return name.startswith(_LITTER_STARTS) or name in _LITTER_NAMES


def _identity(path: Path) -> str:
    return os.path.normcase(path.resolve())
