"""What was done with a file -> its report; a fault -> the sentence that a clerk reads."""

from __future__ import annotations

import datetime
import errno
import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deid.dates import own_date
from deid.errors import DeidError
from deid.examine import Work
from deid.later import later
from deid.model import FileReport, Item, Override, Remark
from deid.policy import Policy

if TYPE_CHECKING:
    from deid.formats import Document


def report_of(
    source: Path,
    target: Path | None,
    document: Document,
    policy: Policy,
    work: Work,
    started: float,
) -> FileReport:
    items = [*work.items, *look_at(document.remarks)]
    return FileReport(
        source=str(source),
        output=str(target or ""),
        status="look" if items else "publish",
        message="；".join(note.message for note in document.remarks if not note.look),
        format=document.format,
        policy=policy.name,
        found=dict(sorted(work.found.items())),
        changed=sum(map(len, work.edits.values())),
        columns=tuple(work.columns.values()),
        items=tuple(items),
        source_sha256=sha256_of(source) if source.name else "",
        seconds=time.perf_counter() - started,
        dropped=work.dropped,
        generalised=work.generalised,
        strength=histogram(work.grades),
    )


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(_SMALL)
        digest = hashlib.sha256(head)
        if len(head) == _SMALL:  # its buffer costs more than a small file
            hashlib.file_digest(stream, lambda: digest)
        return digest.hexdigest()


_SMALL = 1 << 16


def histogram(grades: Counter[str]) -> dict[str, int]:
    return {grade: grades[grade] for grade in "ABCD"} if grades.total() else {}


_NEVER_LISTED = later(
    "(?i)孤儿|无人抚养|精神|艾滋|[HＨ][IＩ][VＶ]|感染者|肇事肇祸|以奖代补|工伤|伤残鉴定|劳动能力|失业",
)
"""Words of lists that are never published. Under the general rules nothing else is asked, so that
the files of all matters are read for these few only."""


_HEADLINES = 3


def about(report: FileReport, policy: Policy, work: Work, named: Path) -> FileReport:
    """The report with what the matter tells: what a person should ask of the title, and the days."""
    titles = [*work.numbers.titles[:_HEADLINES], named.stem]
    if not policy.elements and not _NEVER_LISTED.search("".join(titles)):
        return report
    from deid.calendar import due_sentence, retention_sentence
    from deid.matters import matter_remarks

    headers = [column.header for column in report.columns]
    remarks = matter_remarks(policy, "\n".join(titles), headers)
    items = (*report.items, *look_at(remarks))
    report = replace(report, items=items, status="look" if items else report.status)
    if not policy.elements:
        return report
    told = [report.message, *(note.message for note in remarks if not note.look)]
    formed = own_date(titles, year_only=False) or datetime.date.today()
    return replace(
        report,
        message="；".join(filter(None, told)),
        due=due_sentence(policy, formed),
        retention=retention_sentence(policy, formed),
    )


def look_at(remarks: Sequence[Remark]) -> list[Item]:
    return [Item(note.place, note.message) for note in remarks if note.look]


def is_reason(text: str) -> bool:
    """Whether somebody wrote a reason: at least four letters or characters, not all the same."""
    letters = [char for char in text if char.isalpha()]
    return len(letters) >= 4 and len(set(letters)) >= 3


def overridden(made: FileReport, overrides: Sequence[Override]) -> FileReport:
    """The report of a list that a person let pass: it says so, and somebody has to look."""
    if not overrides:
        return made
    items = [Item("", _told(override)) for override in overrides]
    status = "look" if made.status == "publish" else made.status
    return replace(
        made,
        status=status,
        items=(*items, *made.items),
        overrides=(*overrides, *made.overrides),
    )


def _told(override: Override) -> str:
    if override.rule.startswith("人工改判"):
        return f"{override.rule}；{override.reason}"
    return f"{override.rule}；经书面理由放开：{override.reason}"


def refused(source: Path, policy: Policy, tried: bool, started: float) -> FileReport:
    """The report of a list that is not to be made."""
    why = "；不公示规则只能以书面理由放开（--override 后至少写四个字的理由）" if tried else ""
    return FileReport(
        source=str(source),
        output="",
        status="refused",
        message=policy.refused + why,
        policy=policy.name,
        seconds=time.perf_counter() - started,
    )


OS_FAULTS = {
    errno.ENOENT: "找不到这个文件",
    errno.EISDIR: "这是文件夹，不是文件",
    errno.EACCES: "没有权限读写",
    errno.EPERM: "没有权限读写",
    errno.EROFS: "输出位置是只读的",
    errno.ENOSPC: "磁盘空间不足，未写出",
    errno.EDQUOT: "磁盘配额不足，未写出",
    errno.ENAMETOOLONG: "文件名太长",
}


def failed(
    source: Path, policy: Policy, error: DeidError | OSError, started: float, *, status: str
) -> FileReport:
    """The report of a file that came to nothing. The message of an OSError may name a path: left out."""
    if isinstance(error, OSError):
        message = OS_FAULTS.get(error.errno or 0, "读写文件时出错")
    else:
        message = str(error)
    return FileReport(
        source=str(source),
        output="",
        status=status,
        message=message,
        policy=policy.name,
        seconds=time.perf_counter() - started,
    )
