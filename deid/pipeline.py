"""The one path from file to file: read, scan, mask, splice, verify, rename; a report either way."""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import islice, zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from deid.by_hand import Kinds, moved, overrides, with_kinds
from deid.columns import Block, Profile
from deid.errors import DeidError, LeftOver, UnreadableFile, UnsafeEdit
from deid.fields import NO_LABEL
from deid.formats import Document, open_document
from deid.mask import apply_edits, edits_for
from deid.model import (
    READING,
    Column,
    Edit,
    FileReport,
    Finding,
    Item,
    Override,
    Remark,
    Row,
    Table,
    Text,
)
from deid.policy import Policy, Thresholds
from deid.prose import Known, TextFindings, merge, scan_texts
from deid.scan import scan
from deid.stream import LEAST, mask_csv
from deid.tables import (
    CellFindings,
    adult_names,
    adults_of_table,
    date_of_texts,
    features_of,
    own_date,
    scan_table,
)
from deid.text import fold, is_star
from deid.verify import Residue

if TYPE_CHECKING:
    from deid.actions import Reshaping
    from deid.grading import Verdict

_NAME_STAR = "x"
"""Stands for a hidden character in a file name: Windows allows no ``*`` there."""


_NUMBERS = frozenset(("CN_RESIDENT_ID", "CN_DISABILITY_CERT", "CN_STUDENT_NO"))
"""Entities that are, or hold, an ID number."""
_MOST_SHOWN = 6
"""Digits that a mask may leave and be strong whatever stands beside it."""


@dataclass
class _Numbers:
    """The rows that show a masked number. Those whose mask is strong are counted, the others kept:
    what may be read off them is a longer calculation."""

    strong: Counter[str] = field(default_factory=Counter)
    rows: dict[str, dict[int, Block]] = field(default_factory=dict)
    several: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    """What was found in the cells, by place, that may hold more than one number."""
    lines: list[TextFindings] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    _last: tuple[str, int] = ("", -1)

    def cell(self, name: str, cell: CellFindings, edits: Sequence[Edit], *, count: bool) -> bool:
        """Note a cell of a table; whether it has to be looked at closely. ``count``: all have."""
        profile = cell.profile
        if cell.zone == "note" and len(self.titles) < _TITLES:
            self.titles.append(cell.text)
        if profile is None or profile.label.entity not in _NUMBERS or cell.zone != "data":
            return False
        shown = apply_edits(cell.text, edits)
        if not any(map(is_star, shown)):
            return False
        if count or sum(map(str.isdigit, shown)) > _MOST_SHOWN:
            self.rows.setdefault(name, {})[cell.row] = cell.block
            if len(cell.findings) > 1:
                self.several[cell.place] = cell.findings
            return True
        if (name, cell.row) != self._last and cell.row not in self.rows.get(name, ()):
            self._last = name, cell.row
            births = (item.label.entity == "BIRTH_DATE" for item in cell.block.profiles.values())
            self.strong["B" if any(births) else "A"] += 1
        return False


_TITLES = 40


@dataclass
class _Work:
    """What one pass over a document found."""

    edits: dict[str, list[Edit]] = field(default_factory=dict)
    found: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    columns: dict[tuple[str, int, str], Column] = field(default_factory=dict)
    hidden: Residue = field(default_factory=Residue)
    items: list[Item] = field(default_factory=list)
    drops: Mapping[str, frozenset[int]] = field(default_factory=dict)
    notes: Mapping[str, frozenset[int]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    generalised: tuple[str, ...] = ()
    numbers: _Numbers = field(default_factory=_Numbers)
    grades: Counter[str] = field(default_factory=Counter)
    reference: datetime.date | None = None
    """The day on which ages count, where the document names one outside its tables."""
    namesakes: Counter[str] = field(default_factory=Counter)
    """Names of minors that adults keep who have the same: how often."""


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
            work = _examine(document, parts, policy, Known(), keep_findings=True)
            report = _report(source, None, document, policy, work, started)
            report = _overridden(report, overrides(document.parts, kinds, policy))
    except (DeidError, OSError) as error:
        return _failed(source, policy, error, started, status="unreadable"), []
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
            return _refused(source, policy, bool(override), started)
        made = _mask_anyway(order, policy)
        return _overridden(made, [Override(policy.refused, " ".join(override.split()))])
    return _mask_anyway(order, policy)


@dataclass(frozen=True, slots=True)
class _Order:
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
        return _refused(source, policy, bool(override), started)
    try:
        with contextlib.closing(open_document(source)) as document:
            policy = _effective(policy)
            by_hand = overrides(document.parts, kinds, policy, rows=most)
            parts = list(_glanced(with_kinds(document.parts, kinds), most))
            named = Path(called) if called else source
            work, policy, blocked = _worked(document, parts, policy, Known(), named)
            watch(parts, work.edits, work.drops)
            report = _report(source, None, document, policy, work, started)
            return _overridden(replace(report, left=tuple(blocked[:1000])), by_hand)
    except (DeidError, OSError) as error:
        return _failed(source, policy, error, started, status="unreadable")


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


def is_reason(text: str) -> bool:
    """Whether somebody wrote a reason: at least four letters or characters, not all the same."""
    letters = [char for char in text if char.isalpha()]
    return len(letters) >= 4 and len(set(letters)) >= 3


def _overridden(made: FileReport, overrides: Sequence[Override]) -> FileReport:
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


def _refused(source: Path, policy: Policy, tried: bool, started: float) -> FileReport:
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
        return _failed(source, policy, error, started, status="unreadable")
    with contextlib.closing(document):
        try:
            if target.exists() and not order.overwrite and not order.dry_run:
                raise UnsafeEdit("输出文件已经存在；如要覆盖请加 --overwrite")
            return _mask_document(document, order, policy, started)
        except LeftOver as error:
            return replace(error.report, status="refused", message=str(error), output="")
        except UnreadableFile as error:
            return _failed(source, policy, error, started, status="unreadable")
        except (DeidError, OSError) as error:
            return _failed(source, policy, error, started, status="refused")


def _mask_large(order: _Order, policy: Policy, started: float) -> FileReport | None:
    """A large csv file or workbook; None when it is none or only the exact path can do it."""
    source, target, dry_run = order.source, order.target, order.dry_run
    if order.kinds or order.watch or policy.reshapes:
        return None
    if not source.is_file() or (target.exists() and not order.overwrite):
        return None
    masker = _masker_of_large(source, order.least)
    if masker is None:
        return None
    with _temporary(target, dry_run) as path:
        done = masker(source, path, policy)
        if done is None:
            return None
        if not dry_run:
            _rename(path, target)
    work = _Work(found=done.found)
    for (*sheet, index, profile), rows in done.columns.items():
        key = ("".join(sheet), index, profile.header)
        rows += work.columns[key].rows if key in work.columns else 0
        work.columns[key] = _column(key[0], index, profile, rows)
    items = [*_empty_identifier_columns(work), *_look_at(done.remarks)]
    return FileReport(
        source=str(source),
        output="" if dry_run else str(target),
        status="look" if items else "publish",
        message="；".join(note.message for note in done.remarks if not note.look),
        format=done.format,
        policy=policy.name,
        found=dict(sorted(work.found.items())),
        changed=done.changed,
        columns=tuple(work.columns.values()),
        items=tuple(items),
        source_sha256=done.source_sha256,
        output_sha256=done.output_sha256,
        seconds=time.perf_counter() - started,
        strength=_strength_of_large(work),
    )


def _strength_of_large(work: _Work) -> dict[str, int]:
    """The grades of a large list, by a glance: its masks leave six digits of an ID number. What was
    masked before, and shows more, is not counted here."""
    grades: Counter[str] = Counter()
    for table in {column.table for column in work.columns.values()}:
        own = [column for column in work.columns.values() if column.table == table]
        births = any(column.entity == "BIRTH_DATE" for column in own)
        rows = max((column.rows for column in own if column.entity in _NUMBERS), default=0)
        grades["B" if births else "A"] += rows
    return _histogram(grades)


def _histogram(grades: Counter[str]) -> dict[str, int]:
    return {grade: grades[grade] for grade in "ABCD"} if grades.total() else {}


def _masker_of_large(source: Path, least: int | None) -> Callable[[Path, Path, Policy], Any] | None:
    """What masks a file of that kind and size by the column."""
    kind = source.suffix.lower()
    if kind in (".csv", ".tsv"):
        wanted = LEAST if least is None else least
        return partial(mask_csv, least=least) if source.stat().st_size >= wanted else None
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
    known = Known()
    parts = with_kinds(document.parts, order.kinds)
    policy = _effective(policy)
    by_hand = overrides(document.parts, order.kinds, policy)
    work, policy, blocked = _worked(document, parts, policy, known, order.named)
    if order.watch:
        order.watch(parts, work.edits, work.drops)
    if blocked:
        report = _report(source, target, document, policy, work, started)
        message = f"有 {len(blocked)} 行遮盖后仍能推出证件号，未写出"
        raise LeftOver(message, replace(report, left=tuple(blocked[:1000])))
    del parts
    with _temporary(target, order.dry_run) as path:
        _save(document, path, work)
        left = _left_over(document, path, work, policy, known, order.kinds)
        report = _report(source, target, document, policy, work, started)
        report = _about(report, policy, work, order.named)
        if left:
            message = "处理后仍有应当隐藏的内容，未写出"
            raise LeftOver(message, replace(report, left=tuple(left)))
        digest = _sha256(path)
        if not order.dry_run:
            _rename(path, target)
    report = _overridden(report, by_hand)
    return replace(report, output_sha256=digest, output="" if order.dry_run else str(target))


def _worked(
    document: Document, parts: list[Table | Text], policy: Policy, known: Known, source: Path
) -> tuple[_Work, Policy, list[Item]]:
    """What is to be done with the document, so that no row tells too much; by which policy; and the
    rows of which nothing but a person can make something that may be published."""
    work = _examine(document, parts, policy, known)
    _propagate(parts, work, policy)
    weak = policy.hides("CN_RESIDENT_ID") and (work.numbers.rows or work.numbers.lines)
    if not weak:
        work.grades = work.numbers.strong
        return work, policy, []
    from deid.grading import with_rules

    verdict = _grade(parts, work, policy, source)
    if verdict.fields:
        policy = with_rules(policy, verdict.fields)
        work = _examine(document, parts, policy, known)
        _propagate(parts, work, policy)
        verdict = _grade(parts, work, policy, source)
    work.edits.update(verdict.edits)
    work.grades = verdict.grades
    work.items += verdict.namesakes
    return work, policy, verdict.blocked


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
        raise LeftOver(policy.refused, _refused(source, policy, False, started))
    known = Known()
    parts = list(document.parts)
    policy = _effective(policy)
    work, policy, blocked = _worked(document, parts, policy, known, source)
    if not blocked:
        output = write(work.edits, work.drops)
        blocked = _left_in(output, document, work, policy, known)
    report = _report(source, None, document, policy, work, started)
    if blocked:
        raise LeftOver("处理后仍有应当隐藏的内容", replace(report, left=tuple(blocked)))
    return output, report


def scan_opened(document: Document, policy: Policy) -> list[Finding]:
    """What a document in memory holds that the policy speaks of."""
    work = _examine(document, list(document.parts), policy, Known(), keep_findings=True)
    return work.findings


def mask_stream(text: str, *, policy: Policy) -> str:
    """Lines of text, each masked as a line of a txt file."""
    texts = [Text(f"L{at}", line) for at, line in enumerate(text.splitlines(keepends=True))]
    work, policy = _Work(), _effective(policy)
    shaping = _reshaping(policy)
    for found in scan_texts(texts):
        part = found.text
        _take(work, part.place, part.text, found.findings, policy, "*", keep_findings=False)
        if shaping:
            _shape(work, part.place, shaping.line(found, work.edits.get(part.place, ())))
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


# ------------------------------------------------------------------------------------- examining


def _effective(policy: Policy) -> Policy:
    """The policy, its field rules also hiding what is found outside their columns."""
    if not policy.reshapes:
        return policy
    from deid.actions import effective  # only matters need it: small lists must start fast

    return effective(policy)


def _reshaping(policy: Policy) -> Reshaping | None:
    if not policy.reshapes:
        return None
    from deid.actions import Reshaping

    return Reshaping(policy)


def _examine(
    document: Document,
    parts: Sequence[Table | Text],
    policy: Policy,
    known: Known,
    *,
    keep_findings: bool = False,
) -> _Work:
    """Findings and edits of every part."""
    work = _Work()
    shaping = None if keep_findings else _reshaping(policy)
    closely = policy.reshapes or policy.thresholds != Thresholds()
    tables = [part for part in parts if isinstance(part, Table)]
    texts = [part for part in parts if isinstance(part, Text)]
    reference = date_of_texts(texts)
    work.reference = reference
    for table in tables:
        for cell in scan_table(table, reference):
            _note_column(work, table, cell, policy)
            _take(work, cell.place, cell.text, cell.findings, policy, "*", keep_findings)
            edits = work.edits.get(cell.place, ())
            if shaping:
                edits = shaping.cell(table, cell, edits)
                _shape(work, cell.place, edits)
            work.numbers.cell(table.name, cell, edits, count=closely)
    for found in scan_texts(texts, reference, known):
        part = found.text
        if found.findings:
            _take(work, part.place, part.text, found.findings, policy, part.star, keep_findings)
        if shaping:
            _shape(work, part.place, shaping.line(found, work.edits.get(part.place, ())))
        _note_line(work, found, closely)
    if shaping:
        _finish(work, document, shaping)
    work.items += _empty_identifier_columns(work)
    return work


def _note_line(work: _Work, found: TextFindings, closely: bool) -> None:
    """Note the numbers in the fields of a line of a list."""
    edits = work.edits.get(found.text.place, ())
    close = False
    for one in found.fields:
        if one.cell is not None:
            inside = [
                replace(edit, start=edit.start - one.start, end=edit.end - one.start)
                for edit in edits
                if one.start <= edit.start and edit.end <= one.end
            ]
            close |= work.numbers.cell("", one.cell, inside, count=closely)
    if close:
        work.numbers.lines.append(found)
    if not found.fields and len(work.numbers.titles) < _TITLES:
        work.numbers.titles.append(found.text.text)


def _grade(parts: Sequence[Table | Text], work: _Work, policy: Policy, source: Path) -> Verdict:
    """The grade of every row that shows a masked number."""
    from deid.grading import grade_list, row_of_line, rows_of_table  # see _effective

    numbers = work.numbers
    rows = [
        row
        for part in parts
        if isinstance(part, Table) and part.name in numbers.rows
        for row in rows_of_table(
            part,
            numbers.rows[part.name],
            work.drops.get(part.name, frozenset()),
            numbers.several,
        )
    ]
    rows += filter(None, map(row_of_line, numbers.lines))
    verdict = grade_list(rows, work.edits, policy, numbers.titles, source.name)
    verdict.grades.update(numbers.strong)
    return verdict


def _shape(work: _Work, place: str, edits: list[Edit]) -> None:
    """Put the edits that the field rules ask for in the place of the others."""
    if edits:
        work.edits[place] = edits
    else:
        work.edits.pop(place, None)


def _headers_shown(headers: Iterable[str]) -> tuple[str, ...]:
    """Headers for the report, without the levels that it does not show (a row of column numbers)."""
    levels = (" / ".join(filter(None, map(_header_shown, h.split(" / ")))) for h in headers)
    return tuple(dict.fromkeys(filter(None, levels)))


def _finish(work: _Work, document: Document, shaping: Reshaping) -> None:
    """Settle what becomes of whole columns."""
    removable = getattr(document, "removable", lambda table, columns: False)
    # In a PDF the layout tells the columns: without a trace of one the others would move. Tabs and
    # line ends of Word and web pages are no text that could be cut.
    blank = "***" if document.format == "pdf" else ""
    result = shaping.finish(removable, work.edits, blank, cut=document.format == "txt")
    work.drops, work.notes = result.drops, result.notes
    work.dropped = _headers_shown(result.dropped)
    work.generalised = _headers_shown(result.generalised)
    work.items += result.items


def _take(
    work: _Work,
    place: str,
    text: str,
    findings: Sequence[Finding],
    policy: Policy,
    star: str,
    keep_findings: bool,
) -> None:
    """Remember the findings of one cell or text, and the edits that follow."""
    if not findings:
        return
    findings = merge(list(findings))
    edits = edits_for(text, findings, policy, place=place, star=star)
    if edits:
        work.edits[place] = edits
    if policy.elements and any(edits) and any(item.entity == "PERSON" for item in findings):
        work.items.append(Item(place, "未成年人，姓名已遮盖"))
    for item in findings:
        work.found[item.entity] += 1
        if policy.hides(item.entity):
            work.hidden.add(text[item.start : item.end], item.entity)
        if keep_findings:
            work.findings.append(replace(item, place=place))


def _note_column(work: _Work, table: Table, cell: CellFindings, policy: Policy) -> None:
    """Count a cell for the report's table of columns."""
    profile = cell.profile
    if cell.zone != "data" or profile is None or profile.label is NO_LABEL:
        return
    key = (table.name, cell.column, profile.header)
    hits = "**" in cell.text or any(policy.hides(item.entity) for item in cell.findings)
    old = work.columns.get(key)
    if old and not hits and (old.field, old.entity) == (profile.label.field, profile.label.entity):
        return
    rows = (old.rows if old else 0) + hits
    work.columns[key] = _column(table.name, cell.column, profile, rows)


def _column(table: str, index: int, profile: Profile, rows: int) -> Column:
    """A line of the report's table of columns."""
    return Column(
        table=table,
        index=index,
        header=_header_shown(profile.header),
        field=profile.label.field,
        entity=profile.label.entity,
        why=profile.why if profile.by_hand or not profile.header else "表头",
        rows=rows,
    )


@lru_cache(maxsize=1 << 12)  # whatever stands in a title
def _header_shown(header: str) -> str:
    """A header as the report may show it: a header that holds an identifier is no header."""
    return "" if scan(header) or any(char.isdigit() for char in fold(header)[:40]) else header[:40]


def _empty_identifier_columns(work: _Work) -> Iterator[Item]:
    for column in work.columns.values():
        if column.entity == "CN_RESIDENT_ID" and column.rows == 0:
            yield Item(
                f"{column.table}第{column.index + 1}列", "表头是证件号，但没有找到证件号，请核对"
            )


def _propagate(parts: Sequence[Table | Text], work: _Work, policy: Policy) -> None:
    """Hide everywhere what is hidden somewhere: one person, one value, one mask. Only an adult whose
    row tells the age keeps a name that a minor elsewhere has too."""
    if not len(work.hidden):
        return
    adults: Mapping[str, Collection[tuple[int, int]]] | None = None
    for place, text, star in _all_texts(parts):
        edits = work.edits.get(place, [])
        fresh = []
        for start, end, entity in work.hidden.find(text):
            if any(edit.start < end and start < edit.end for edit in edits):
                continue
            if entity == "PERSON":
                adults = _adults(parts, work.reference) if adults is None else adults
                if any(a <= start and end <= b for a, b in adults.get(place, ())):
                    work.namesakes[text[start:end]] += 1
                    continue
            fresh.append(Finding(start, end, entity, 0.9, "同一文件别处已隐藏"))
        if fresh:
            more = edits_for(text, fresh, policy, place=place, star=star)
            work.edits[place] = sorted([*edits, *more], key=lambda edit: edit.start)
            work.found.update(item.entity for item in fresh)


def _adults(
    parts: Sequence[Table | Text], reference: datetime.date | None
) -> Mapping[str, list[tuple[int, int]]]:
    """Place -> where names of adults stand, told by the ID number, birth date or age beside them."""
    found: dict[str, list[tuple[int, int]]] = {}
    for part in parts:
        if isinstance(part, Table):
            found.update(adults_of_table(part, reference))
    day = reference or datetime.date.today()
    for line in scan_texts([part for part in parts if isinstance(part, Text)], reference):
        cells = {one.column: one.cell for one in line.fields if one.cell}
        for cell in islice(cells.values(), 1):
            row = Row(cell.row, {column: other.text for column, other in cells.items()})
            starts = {one.column: one.start for one in line.fields}
            adults = adult_names(row, features_of(cell.block), day)
            found[line.text.place] = [
                (starts[column] + a, starts[column] + b)
                for column, spans in adults.items()
                for a, b in spans
            ]
    return found


def _all_texts(parts: Sequence[Table | Text]) -> Iterator[tuple[str, str, str]]:
    """(place, text, star) of every cell and text."""
    for part in parts:
        if isinstance(part, Text):
            yield part.place, part.text, part.star
        else:
            for row in part.rows():
                for column, text in row.cells.items():
                    yield part.place(row.index, column), text, "*"


# --------------------------------------------------------------------------------------- writing


_TEMPORARY = ".deid-"
_STALE = 3600
"""Seconds after which a temporary file is what a killed run left behind, and is removed."""


@contextlib.contextmanager
def _temporary(target: Path, dry_run: bool) -> Iterator[Path]:
    """A private file beside the target that is gone afterwards, whatever happens."""
    folder = None if dry_run else target.parent
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
    prefix = f"{_TEMPORARY}{os.getpid()}-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=target.suffix, dir=folder)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed (not interrupted) left in the output folder."""
    for path in folder.glob(f"{_TEMPORARY}*-*"):
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


def _save(document: Document, path: Path, work: _Work) -> None:
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


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# ------------------------------------------------------------------------------------- verifying


def _left_over(
    document: Document, path: Path, work: _Work, policy: Policy, known: Known, kinds: Kinds
) -> list[Item]:
    """What the written file, opened afresh, still holds or has lost."""
    with contextlib.closing(open_document(path)) as output:
        return _left_in(output, document, work, policy, known, kinds)


def _left_in(
    output: Document,
    document: Document,
    work: _Work,
    policy: Policy,
    known: Known,
    kinds: Kinds = _NO_KINDS,
) -> list[Item]:
    """What an output still holds or has lost."""
    parts = with_kinds(output.parts, moved(kinds, work.drops))
    again = _examine(output, parts, policy, known)
    left = [Item(place, "复查仍发现应隐藏的内容") for place in again.edits]
    left += [Item(name, "应删去的列仍在") for name in again.drops]
    namesakes = work.namesakes.copy()
    for place, text, _ in _all_texts(parts):
        for start, end, entity in work.hidden.find(text):
            if entity == "PERSON" and namesakes[text[start:end]] > 0:
                namesakes[text[start:end]] -= 1
            else:
                left.append(Item(place, "别处隐藏的值仍在此处"))
                break
    for name, data in output.raw():
        if work.hidden.in_bytes(data):
            left.append(Item(name, "文件内部仍有隐藏的值"))
    left += _changed_elsewhere(list(document.parts), parts, work)
    return left[:1000]


def _changed_elsewhere(
    source: Sequence[Table | Text], output: Sequence[Table | Text], work: _Work
) -> Iterator[Item]:
    """Cells and texts that are not what the edits make of them.

    What has several readings is not compared: an edit of one shows in all. A fresh scan covers it.
    """
    edits = work.edits
    read_twice = {base for place in edits for base in place.split(READING)[:-1]}
    before = [part for part in source if isinstance(part, Table)]
    after = [part for part in output if isinstance(part, Table)]
    for old, new in zip_longest(before, after):
        if old is None or new is None:
            yield Item("", "表的数目变了")
        elif gone := work.drops.get(old.name.partition(READING)[0]):
            yield from _changed_narrowed(old, new, work, gone)
        else:
            for a, b in _paired(old, new, edits):
                yield from _changed_cells(old, a, b, edits, read_twice)
    yield from _changed_texts(
        [part for part in source if isinstance(part, Text)],
        [part for part in output if isinstance(part, Text)],
        work,
        read_twice,
    )


def _changed_narrowed(old: Table, new: Table, work: _Work, gone: frozenset[int]) -> Iterator[Item]:
    """Rows that are not what the edits make of them, in a table without some of its columns."""
    if READING in old.name:
        return
    from deid.actions import changed_rows

    yield from changed_rows(old, new, work.edits, gone, work.notes.get(old.name, frozenset()))


def _changed_texts(
    source: Sequence[Text], output: Sequence[Text], work: _Work, read_twice: set[str]
) -> Iterator[Item]:
    edits = work.edits
    if work.drops:  # places move with what stands before them
        from deid.actions import lost_texts

        yield from lost_texts(source, output, edits, _same)
        return
    texts = {part.place: part.text for part in output}
    for part in source:
        if part.place in texts and not _in(part.place, read_twice):
            expected = part.text
            if part.place in edits:
                expected = apply_edits(part.text, edits[part.place])
            if not _same(texts[part.place], expected):
                yield Item(part.place, "未要求修改的内容变了")


def _in(place: str, read_twice: set[str]) -> bool:
    """Whether a place, in any reading, was edited in another reading; or is itself another one."""
    return READING in place or place in read_twice


_OTHER_STARS = frozenset("●_x0")


def _same(text: str, expected: str) -> bool:
    """Whether a text is as expected; a format may write a star of its own where ``*`` is illegal."""
    return text == expected or (
        len(text) == len(expected)
        and all(
            a == b or (b == "*" and a in _OTHER_STARS) for a, b in zip(text, expected, strict=True)
        )
    )


def _paired(
    old: Table, new: Table, edits: Mapping[str, Sequence[Edit]]
) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows before and after; one of which the edits leave nothing may be missing."""
    found = new.rows()
    after = next(found, None)
    for row in old.rows():
        missing = after is None or after.index != row.index
        if missing and all(
            place in edits and not apply_edits(text, edits[place])
            for place, text in ((old.place(row.index, c), t) for c, t in row.cells.items())
        ):
            continue
        yield row, after
        after = next(found, None)
    while after is not None:
        yield None, after
        after = next(found, None)


def _changed_cells(
    table: Table,
    old: Row | None,
    new: Row | None,
    edits: Mapping[str, Sequence[Edit]],
    read_twice: set[str],
) -> Iterator[Item]:
    if old is None or new is None:
        yield Item(table.name, "行数变了")
        return
    for column in {*old.cells, *new.cells}:
        place = table.place(old.index, column)
        if _in(place, read_twice):
            continue
        text = old.cells.get(column, "")
        expected = apply_edits(text, edits[place]) if place in edits else text
        if new.cells.get(column, "") != expected:
            yield Item(place, "未要求修改的单元格变了")


# ------------------------------------------------------------------------------------- reporting


def _report(
    source: Path,
    target: Path | None,
    document: Document,
    policy: Policy,
    work: _Work,
    started: float,
) -> FileReport:
    items = [*work.items, *_look_at(document.remarks)]
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
        source_sha256=_sha256(source) if source.name else "",
        seconds=time.perf_counter() - started,
        dropped=work.dropped,
        generalised=work.generalised,
        strength=_histogram(work.grades),
    )


_NEVER_LISTED = re.compile(
    "孤儿|无人抚养|精神|艾滋|[HＨ][IＩ][VＶ]|感染者|肇事肇祸|以奖代补|工伤|伤残鉴定|劳动能力|失业",
    re.IGNORECASE,
)
"""Words of lists that are never published. Under the general rules nothing else is asked, so that
the files of all matters are read for these few only."""
_HEADLINES = 3


def _about(report: FileReport, policy: Policy, work: _Work, named: Path) -> FileReport:
    """The report with what the matter tells: what a person should ask of the title, and the days."""
    titles = [*work.numbers.titles[:_HEADLINES], named.stem]
    if not policy.elements and not _NEVER_LISTED.search("".join(titles)):
        return report
    from deid.calendar import due_sentence, retention_sentence
    from deid.matters import matter_remarks

    headers = [column.header for column in report.columns]
    remarks = matter_remarks(policy, "\n".join(titles), headers)
    items = (*report.items, *_look_at(remarks))
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


def _look_at(remarks: Sequence[Remark]) -> list[Item]:
    return [Item(note.place, note.message) for note in remarks if note.look]


_OS_FAULTS = {
    errno.ENOENT: "找不到这个文件",
    errno.EISDIR: "这是文件夹，不是文件",
    errno.EACCES: "没有权限读写",
    errno.EPERM: "没有权限读写",
    errno.EROFS: "输出位置是只读的",
    errno.ENOSPC: "磁盘空间不足，未写出",
    errno.EDQUOT: "磁盘配额不足，未写出",
    errno.ENAMETOOLONG: "文件名太长",
}


def _failed(
    source: Path, policy: Policy, error: DeidError | OSError, started: float, *, status: str
) -> FileReport:
    """The report of a file that came to nothing. The message of an OSError may name a path: left out."""
    if isinstance(error, OSError):
        message = _OS_FAULTS.get(error.errno or 0, "读写文件时出错")
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
