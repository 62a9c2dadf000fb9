"""The one path from file to file: read, scan, mask, splice, verify, rename; a report either way."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from deid.by_hand import Kinds, overrides, with_kinds
from deid.errors import DeidError, LeftOver, UnreadableFile, UnsafeEdit
from deid.examine import (
    MINOR_HIDDEN,
    NUMBERS,
    Work,
    column_of,
    effective,
    empty_identifier_columns,
    examine,
    headers_shown,
    reshape,
    reshaping,
    take,
    worked,
)
from deid.formats import Document, open_document
from deid.kept import Kept
from deid.leftover import left_in
from deid.mask import apply_edits, edits_for
from deid.model import Edit, FileReport, Finding, Item, Override, Row, Table, Text
from deid.notices import LEAST as LEAST_TEXT
from deid.notices import mask_txt
from deid.outcome import (
    about,
    failed,
    histogram,
    is_reason,
    look_at,
    overridden,
    refused,
    report_of,
    sha256_of,
)
from deid.policy import Policy
from deid.prose import Known, scan_texts
from deid.scan import scan
from deid.stream import LEAST, mask_csv

_NAME_STAR = "x"
"""Stands for a hidden character in a file name: Windows allows no ``*`` there."""


Watch = Callable[
    [Sequence[Table | Text], Mapping[str, Sequence[Edit]], Mapping[str, frozenset[int]]], None
]
"""Is shown what is to be done: the parts, the edits by place, the columns that go by table."""
_NO_KINDS: Kinds = MappingProxyType({})


def scan_file(
    source: Path, *, policy: Policy, kinds: Kinds = _NO_KINDS
) -> tuple[FileReport, list[Finding]]:
    """What a file holds that the policy speaks of; ``Finding.place`` says where.

    A file that cannot be read gives status ``unreadable`` and no findings. ``kinds``: as for
    ``mask_file``.
    """
    started = time.perf_counter()
    try:
        with contextlib.closing(open_document(source)) as document:
            parts = with_kinds(document.parts, kinds)
            work = examine(document, parts, policy, Known(), keep_findings=True)
            report = report_of(source, None, document, policy, work, started)
            report = overridden(report, overrides(document.parts, kinds, policy))
    except (DeidError, OSError) as error:
        return failed(source, policy, error, started, status="unreadable"), []
    hidden = [item for item in work.findings if policy.hides(item.entity)]
    return replace(report, status="refused" if hidden else report.status), work.findings


def mask_file(
    source: Path,
    target: Path,
    *,
    policy: Policy,
    overwrite: bool = False,
    dry_run: bool = False,
    raster: bool = False,
    override: str = "",
    kinds: Kinds = _NO_KINDS,
    watch: Watch | None = None,
    least: int | None = None,
    called: str = "",
) -> FileReport:
    """Writes ``source``, masked as the policy says, to ``target``, or nothing at all.

    The output is written under a temporary name, opened afresh and verified, then renamed. Faults of
    the file come back in the report (``unreadable``, ``refused``), never as an exception.
    ``raster``: a PDF page that cannot be edited safely becomes an image with a text layer.
    ``override``: why a list is made all the same that the policy says is never made; it is told in
    the report. ``kinds``: what a person says that columns hold, by name of table and column; where
    it hides less than the judgement would, the report tells so. ``least``: from how many bytes on a
    csv file goes by the column; a process that has numpy loaded gains from it early. The bytes that
    come out are the same. ``called``: the name by which its owner knows the file, where its own is
    none: county and matter may stand in it.
    """
    started = time.perf_counter()
    order = _Order(source, target, overwrite, dry_run, raster, kinds, watch, least, called)
    if policy.refused:
        if not is_reason(override):
            return refused(source, policy, bool(override), started)
        made = _mask_anyway(order, policy)
        return overridden(made, [Override(policy.refused, " ".join(override.split()))])
    return _mask_anyway(order, policy)


class _Order(NamedTuple):
    """What ``mask_file`` was asked for, but for the policy."""

    source: Path
    target: Path
    overwrite: bool
    dry_run: bool
    raster: bool
    kinds: Kinds
    watch: Watch | None
    least: int | None = None
    called: str = ""

    @property
    def named(self) -> Path:
        """What may tell of the list besides its content."""
        return Path(self.called) if self.called else self.source


def glance_file(
    source: Path,
    *,
    policy: Policy,
    kinds: Kinds = _NO_KINDS,
    override: str = "",
    called: str = "",
    most: int,
    watch: Watch,
) -> FileReport:
    """``mask_file`` of the first rows of each table and the first texts; nothing is written, and so
    nothing verified: the report is of these only, and no conclusion."""
    started = time.perf_counter()
    if policy.refused and not is_reason(override):
        return refused(source, policy, bool(override), started)
    try:
        with contextlib.closing(open_document(source)) as document:
            policy = effective(policy)
            by_hand = overrides(document.parts, kinds, policy, rows=most)
            parts = list(_glanced(with_kinds(document.parts, kinds), most))
            named = Path(called) if called else source
            work, policy, blocked = worked(document, parts, policy, Known(), named)
            watch(parts, work.edits, work.drops)
            report = report_of(source, None, document, policy, work, started)
            return overridden(replace(report, left=tuple(blocked[:1000])), by_hand)
    except (DeidError, OSError) as error:
        return failed(source, policy, error, started, status="unreadable")


def _glanced(parts: Iterable[Table | Text], most: int) -> Iterator[Table | Text]:
    texts = 0
    for part in parts:
        if isinstance(part, Table):
            yield replace(part, rows=partial(_first, part.rows, most))
        elif texts < most:
            texts += 1
            yield part


def _first(rows: Callable[[], Iterator[Row]], most: int) -> Iterator[Row]:
    return islice(rows(), most)


def _mask_anyway(order: _Order, policy: Policy) -> FileReport:
    """``mask_file`` of a list that may be made."""
    started = time.perf_counter()
    source, target = order.source, order.target
    try:
        report = _mask_large(order, policy, started)
        if report:
            return report
        document = open_document(source, raster=order.raster)
    except (DeidError, OSError) as error:
        return failed(source, policy, error, started, status="unreadable")
    with contextlib.closing(document):
        try:
            if target.exists() and not order.overwrite and not order.dry_run:
                raise UnsafeEdit("输出文件已经存在；如要覆盖请加 --overwrite")
            return _mask_document(document, order, policy, started)
        except LeftOver as error:
            return replace(error.report, status="refused", message=str(error), output="")
        except UnreadableFile as error:
            return failed(source, policy, error, started, status="unreadable")
        except (DeidError, OSError) as error:
            return failed(source, policy, error, started, status="refused")


def _mask_large(order: _Order, policy: Policy, started: float) -> FileReport | None:
    """A large csv file or workbook; None when it is none or only the exact path can do it."""
    source, target, dry_run = order.source, order.target, order.dry_run
    if order.kinds or order.watch:
        return None
    if not source.is_file() or (target.exists() and not order.overwrite):
        return None
    masker = _masker_of_large(order)
    if masker is None:
        return None
    with _temporary(target, dry_run) as path:
        done = masker(source, path, policy)
        if done is None:
            return None
        if not dry_run:
            _rename(path, target)
    output = "" if dry_run else str(target)
    work = _work_of_large(done)
    report = report_of_large(done, work, policy, str(source), output, started)
    # What the title of a workbook tells is not noted: there the columns alone are asked.
    return about(report, policy, work, order.named) if done.format != "xlsx" else report


def report_of_large(
    done: Any, work: Work, policy: Policy, source: str, output: str, started: float
) -> FileReport:
    """The report of a file that was masked by the column; ``work`` is what was noted of it."""
    return FileReport(
        source=source,
        output=output,
        status="look" if work.items else "publish",
        message="；".join(note.message for note in done.remarks if not note.look),
        format=done.format,
        policy=policy.name,
        found=dict(sorted(work.found.items())),
        changed=done.changed,
        columns=tuple(work.columns.values()),
        items=tuple(work.items),
        source_sha256=done.source_sha256,
        output_sha256=done.output_sha256,
        seconds=time.perf_counter() - started,
        dropped=work.dropped,
        generalised=work.generalised,
        strength=histogram(work.grades),
    )


def mask_csv_bytes(content: bytes, policy: Policy) -> tuple[bytes, FileReport] | None:
    """The bytes of a csv file masked by the column, whatever their size, in memory where the system
    has files there; None where only ``mask_file`` can do it, or say what is wrong."""
    if policy.refused or policy.elements:  # what the name of a list tells is asked of a file
        return None
    from deid.frames_large import masked_csv  # loads numpy

    started = time.perf_counter()
    masked = masked_csv(content, policy)
    if masked is None:
        return None
    made, done = masked
    work = _work_of_large(done)
    report = report_of_large(done, work, policy, "", "", started)
    return made, about(report, policy, work, Path())


def _work_of_large(done: Any) -> Work:
    """What was done with a large list, as the exact path would have noted it."""
    work: Work = done.work if done.format == "txt" else Work(found=done.found)
    for (*sheet, index, profile), rows in done.columns.items():
        key = ("".join(sheet), index, profile.header)
        rows += work.columns[key].rows if key in work.columns else 0
        work.columns[key] = column_of(key[0], index, profile, rows)
    work.numbers.titles += getattr(done, "notes", ())
    work.items += (Item(place, MINOR_HIDDEN) for place in getattr(done, "minors", ()))
    made = getattr(done, "reshaped", None)
    if made:
        work.grades = made.grades
        work.dropped = headers_shown(made.shaped.dropped)
        work.generalised = headers_shown(made.shaped.generalised)
        work.items += made.shaped.items
    else:
        work.grades = _strength_of_large(work)
    work.items += empty_identifier_columns(work)
    work.items += made.namesakes if made else ()
    work.items += look_at(done.remarks)
    return work


def _strength_of_large(work: Work) -> Counter[str]:
    """The grades of a large list, by a glance: its masks leave six digits of an ID number. What was
    masked before, and shows more, is not counted here."""
    grades: Counter[str] = Counter()
    for table in {column.table for column in work.columns.values()}:
        own = [column for column in work.columns.values() if column.table == table]
        births = any(column.entity == "BIRTH_DATE" for column in own)
        rows = max((column.rows for column in own if column.entity in NUMBERS), default=0)
        grades["B" if births else "A"] += rows
    return grades


def _masker_of_large(order: _Order) -> Callable[[Path, Path, Policy], Any] | None:
    """What masks a file of that kind and size by the column."""
    source, least = order.source, order.least
    kind = source.suffix.lower()
    if kind == ".txt":
        return mask_txt if source.stat().st_size >= LEAST_TEXT else None
    if kind in (".csv", ".tsv"):
        wanted = LEAST if least is None else least
        by_column = partial(mask_csv, least=least, named=order.named.name)
        return by_column if source.stat().st_size >= wanted else None
    if kind != ".xlsx" or source.stat().st_size < LEAST // 100:
        return None
    from deid.formats.xlsx import cells_size

    if cells_size(source) < LEAST:
        return None
    from deid.sheets.run import mask_xlsx  # loads numpy

    return mask_xlsx


def _mask_document(document: Document, order: _Order, policy: Policy, started: float) -> FileReport:
    """Mask, splice, verify, rename. Raises LeftOver, UnsafeEdit, UnreadableFile, OSError."""
    source, target = order.source, order.target
    known, kept = Known(), Kept(document)
    parts = with_kinds(kept.parts, order.kinds)
    policy = effective(policy)
    by_hand = overrides(kept.parts, order.kinds, policy) if order.kinds else []
    work, policy, blocked = worked(document, parts, policy, known, order.named)
    if order.watch:
        order.watch(parts, work.edits, work.drops)
    if blocked:
        report = report_of(source, target, document, policy, work, started)
        message = f"有 {len(blocked)} 行遮盖后仍能推出证件号，未写出"
        raise LeftOver(message, replace(report, left=tuple(blocked[:1000])))
    del parts
    with _temporary(target, order.dry_run) as path:
        _save(document, path, work)
        left = _left_over(kept, path, work, policy, known, order.kinds)
        report = report_of(source, target, document, policy, work, started)
        report = about(report, policy, work, order.named)
        if left:
            message = "处理后仍有应当隐藏的内容，未写出"
            raise LeftOver(message, replace(report, left=tuple(left)))
        digest = sha256_of(path)
        if not order.dry_run:
            _rename(path, target)
    report = overridden(report, by_hand)
    return replace(report, output_sha256=digest, output="" if order.dry_run else str(target))


Written = TypeVar("Written", bound=Document)


def mask_opened(
    document: Written,
    policy: Policy,
    write: Callable[[Mapping[str, Sequence[Edit]], Mapping[str, frozenset[int]]], Written],
) -> tuple[Written, FileReport]:
    """What ``write`` makes of a document in memory with the edits and without the columns given to
    it, verified, and the report. Raises LeftOver, with the report, and nothing comes out."""
    started = time.perf_counter()
    source = Path()
    if policy.refused:
        raise LeftOver(policy.refused, refused(source, policy, False, started))
    known, kept = Known(), Kept(document)
    policy = effective(policy)
    work, policy, blocked = worked(document, kept.parts, policy, known, source)
    if not blocked:
        output = write(work.edits, work.drops)
        blocked = left_in(output, kept, work, policy, known)
    report = report_of(source, None, document, policy, work, started)
    if blocked:
        raise LeftOver("处理后仍有应当隐藏的内容", replace(report, left=tuple(blocked)))
    return output, report


def scan_opened(document: Document, policy: Policy) -> list[Finding]:
    """What a document in memory holds that the policy speaks of."""
    work = examine(document, list(document.parts), policy, Known(), keep_findings=True)
    return work.findings


def mask_stream(text: str, *, policy: Policy) -> str:
    """Lines of text, each masked as a line of a txt file."""
    texts = [Text(f"L{at}", line) for at, line in enumerate(text.splitlines(keepends=True))]
    work, policy = Work(), effective(policy)
    shaping = reshaping(policy)
    for found in scan_texts(texts):
        part = found.text
        take(work, part.place, part.text, found.findings, policy, "*", keep_findings=False)
        if shaping:
            reshape(work, part.place, shaping.line(found, work.edits.get(part.place, ())))
    if shaping:
        shaping.finish(lambda table, columns: False, work.edits)
    return "".join(apply_edits(part.text, work.edits.get(part.place, ())) for part in texts)


def scan_stream(text: str) -> list[Finding]:
    """The findings of lines of text; places are ``L0``, ``L1``, …"""
    texts = [Text(f"L{at}", line) for at, line in enumerate(text.splitlines())]
    return [
        replace(item, place=found.text.place)
        for found in scan_texts(texts)
        for item in found.findings
    ]


def mask_name(name: str, policy: Policy) -> str:
    """A file name in which no identifier is left; ``x`` stands for what is hidden."""
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, dot + suffix) if dot and stem else (name, "")
    edits = edits_for(stem, scan(stem), policy, star=_NAME_STAR)
    return apply_edits(stem, edits) + suffix


# --------------------------------------------------------------------------------------- writing


_TEMPORARY = ".deid-"
_STALE = 3600
"""Seconds after which a temporary file is what a killed run left behind, and is removed."""


@contextlib.contextmanager
def _temporary(target: Path, dry_run: bool) -> Iterator[Path]:
    """A private file beside the target that is gone afterwards, whatever happens."""
    path = _elsewhere(target.suffix) if dry_run else _beside(target)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    """A new file that only its owner may read. Not by tempfile, which loads what packs and shuffles."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent.resolve(), int(time.monotonic() // 60))
    name = f"{_TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}{target.suffix}"
    path = target.with_name(name)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return path


def _elsewhere(suffix: str) -> Path:
    import tempfile

    handle, name = tempfile.mkstemp(prefix=f"{_TEMPORARY}{os.getpid()}-", suffix=suffix)
    os.close(handle)
    return Path(name)


@lru_cache(maxsize=64)
def _sweep(folder: Path, minute: int) -> None:
    """Remove what a run that was killed (not interrupted) left in the output folder. ``minute``: a
    folder of thousands is looked through once in each, not again for every file."""
    del minute
    with os.scandir(folder) as entries:
        left = [Path(entry) for entry in entries if entry.name.startswith(_TEMPORARY)]
    for path in left:
        with contextlib.suppress(OSError, ValueError):
            owner = int(path.name[len(_TEMPORARY) :].split("-")[0])
            if time.time() - path.stat().st_mtime > _STALE or _is_gone(owner):
                path.unlink()


def _is_gone(process: int) -> bool:
    """Whether no such process runs. On Windows asking would end it, so nobody asks."""
    if os.name != "posix":
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _save(document: Document, path: Path, work: Work) -> None:
    with path.open("wb") as stream:
        if work.drops:
            document.save(stream, work.edits, work.drops, work.notes)
        else:
            document.save(stream, work.edits)
        stream.flush()
        os.fsync(stream.fileno())


def _rename(path: Path, target: Path) -> None:
    """Give the verified file its name, with the permissions that a new file would have."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
    path.replace(target)


# ------------------------------------------------------------------------------------- verifying


def _left_over(
    source: Kept, path: Path, work: Work, policy: Policy, known: Known, kinds: Kinds
) -> list[Item]:
    """What the written file, opened afresh, still holds or has lost."""
    with contextlib.closing(open_document(path)) as output:
        return left_in(output, source, work, policy, known, kinds)
