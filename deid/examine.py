"""Parts of a document -> what is to be done with them: findings, edits, columns, grades of rows."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from deid.columns import NO_BLOCK, Block, Profile, View
from deid.fields import NO_LABEL
from deid.mask import apply_edits, edits_for
from deid.minors import adult_names, features_of
from deid.model import Column, Edit, Finding, Item, Row, Table, Text
from deid.policy import Policy, Thresholds
from deid.prose import Known, TextFindings, merge, scan_texts
from deid.scan import scan
from deid.tables import CellFindings, adults_of_table, cells_of, date_of_texts, scan_rows
from deid.text import STAR_LIKE, fold
from deid.verify import Residue

if TYPE_CHECKING:
    from deid.actions import Reshaping
    from deid.formats import Document
    from deid.grading import Verdict


MINOR_HIDDEN = "未成年人，姓名已遮盖"
NUMBERS = frozenset(("CN_RESIDENT_ID", "CN_DISABILITY_CERT", "CN_STUDENT_NO"))
"""Entities that are, or hold, an ID number."""


_MOST_SHOWN = 6
"""Digits that a mask may leave and be strong whatever stands beside it."""


TITLES = 40


@dataclass
class Numbers:
    """The rows that show a masked number. Those whose mask is strong are counted, the others kept:
    what may be read off them is a longer calculation."""

    strong: Counter[str] = field(default_factory=Counter)
    rows: dict[str, dict[int, Block]] = field(default_factory=dict)
    several: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    """What was found in the cells, by place, that may hold more than one number."""
    lines: list[TextFindings] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    _last: tuple[str, int] = ("", -1)
    _block: Block = NO_BLOCK
    _columns: frozenset[int] = frozenset()
    _grade: str = ""

    def row(
        self,
        table: Table,
        view: View,
        found: Mapping[int, tuple[Finding, ...]],
        edits: Mapping[str, Sequence[Edit]],
        *,
        count: bool,
    ) -> None:
        """Note the cells of a row of a table; ``found``: what they hold, by column."""
        row, block = view.row, view.block
        if view.zone == "note" and len(self.titles) < TITLES:
            self.titles += list(row.cells.values())[: TITLES - len(self.titles)]
        if view.zone != "data":
            return
        if block is not self._block:
            self._block, self._columns, self._grade = block, _number_columns(block), ""
        for column in row.cells if len(self._columns) > 1 else self._columns:
            if column in self._columns and column in row.cells:
                place = table.place(row.index, column)
                shown = apply_edits(row.cells[column], edits.get(place, ()))
                close = self._is_close(table.name, row.index, shown, block, count=count)
                if close and len(found.get(column, ())) > 1:
                    self.several[place] = found[column]

    def cell(self, name: str, cell: CellFindings, edits: Sequence[Edit], *, count: bool) -> bool:
        """Note a cell of a table; whether it has to be looked at closely. ``count``: all have."""
        profile = cell.profile
        if cell.zone == "note" and len(self.titles) < TITLES:
            self.titles.append(cell.text)
        if profile is None or profile.label.entity not in NUMBERS or cell.zone != "data":
            return False
        shown = apply_edits(cell.text, edits)
        close = self._is_close(name, cell.row, shown, cell.block, count=count)
        if close and len(cell.findings) > 1:
            self.several[cell.place] = cell.findings
        return close

    def _is_close(self, name: str, row: int, shown: str, block: Block, *, count: bool) -> bool:
        """Note what a cell shows of a number; whether it has to be looked at closely."""
        if not STAR_LIKE.search(shown):
            return False
        if count or sum(map(str.isdigit, shown)) > _MOST_SHOWN:
            self.rows.setdefault(name, {})[row] = block
            return True
        if (name, row) != self._last and row not in self.rows.get(name, ()):
            self._last = name, row
            if block is not self._block or not self._grade:
                self._block, self._columns = block, _number_columns(block)
                self._grade = _strong_grade(block)
            self.strong[self._grade] += 1
        return False


def _number_columns(block: Block) -> frozenset[int]:
    return frozenset(i for i, one in block.profiles.items() if one.label.entity in NUMBERS)


def _strong_grade(block: Block) -> str:
    """The grade of a row whose mask is strong: a birth date beside it tells some."""
    births = (item.label.entity == "BIRTH_DATE" for item in block.profiles.values())
    return "B" if any(births) else "A"


@dataclass
class Work:
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
    numbers: Numbers = field(default_factory=Numbers)
    grades: Counter[str] = field(default_factory=Counter)
    reference: datetime.date | None = None
    """The day on which ages count, where the document names one outside its tables."""
    again: bool = False
    """A pass over an output: only what would still be edited or left out is kept."""
    namesakes: Counter[str] = field(default_factory=Counter)
    """Names of minors that adults keep who have the same: how often."""


def examine(
    document: Document,
    parts: Sequence[Table | Text],
    policy: Policy,
    known: Known,
    *,
    keep_findings: bool = False,
    again: bool = False,
) -> Work:
    """Findings and edits of every part. ``again``: of an output, of which nothing is asked but what
    would still be edited or left out."""
    work = Work(again=again)
    shaping = None if keep_findings else reshaping(policy)
    closely = policy.reshapes or policy.thresholds != Thresholds()
    tables = [part for part in parts if isinstance(part, Table)]
    texts = [part for part in parts if isinstance(part, Text)]
    reference = date_of_texts(texts)
    work.reference = reference
    for table in tables:
        tally = _Tally(work, table, policy)
        for view, found in scan_rows(table, reference):
            if shaping:
                _shape_row(work, table, view, found, policy, shaping)
            else:
                for column, findings in found.items():
                    place, text = table.place(view.row.index, column), view.row.cells[column]
                    take(work, place, text, findings, policy, "*", keep_findings)
            if not again:
                tally.row(view, found)
                work.numbers.row(table, view, found, work.edits, count=closely)
        tally.close()
    for line in scan_texts(texts, reference, known):
        part = line.text
        if line.findings:
            take(work, part.place, part.text, line.findings, policy, part.star, keep_findings)
        if shaping:
            reshape(work, part.place, shaping.line(line, work.edits.get(part.place, ())))
        if not again:
            _note_line(work, line, closely)
    if shaping:
        _finish(work, document, shaping)
    work.items += empty_identifier_columns(work)
    return work


def _shape_row(
    work: Work,
    table: Table,
    view: View,
    found: Mapping[int, tuple[Finding, ...]],
    policy: Policy,
    shaping: Reshaping,
) -> None:
    """The edits of a row under a policy whose field rules have a say in every cell."""
    for cell in cells_of(table, view, found):
        take(work, cell.place, cell.text, cell.findings, policy, "*", keep_findings=False)
        reshape(work, cell.place, shaping.cell(table, cell, work.edits.get(cell.place, ())))


def _note_line(work: Work, found: TextFindings, closely: bool) -> None:
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
    if not found.fields and len(work.numbers.titles) < TITLES:
        work.numbers.titles.append(found.text.text)


def take(
    work: Work,
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
    findings = merge(list(findings)) if len(findings) > 1 else findings
    edits = edits_for(text, findings, policy, place=place, star=star)
    if edits:
        work.edits[place] = edits
    if work.again:
        return
    if policy.elements and any(edits) and any(item.entity == "PERSON" for item in findings):
        work.items.append(Item(place, MINOR_HIDDEN))
    for item in findings:
        work.found[item.entity] += 1
        if policy.hides(item.entity):
            alone = edits and item.start == 0 and item.end == len(text)
            work.hidden.add(text[item.start : item.end], item.entity, alone=bool(alone))
        if keep_findings:
            work.findings.append(replace(item, place=place))


class _Tally:
    """Counts the cells of a table for the report's table of columns, block by block."""

    def __init__(self, work: Work, table: Table, policy: Policy) -> None:
        self._columns, self._table = work.columns, table.name
        self._hidden = frozenset(filter(policy.hides, policy.specs))
        self._block = NO_BLOCK
        self._hits: dict[int, int] = {}

    def row(self, view: View, found: Mapping[int, tuple[Finding, ...]]) -> None:
        """Count the cells of a row of data that hold something hidden, now or before."""
        if view.zone != "data":
            return
        if view.block is not self._block:
            self.close()
            self._block = view.block
        hits, hidden, cells = self._hits, self._hidden, view.row.cells
        if not cells.keys() <= hits.keys():
            hits.update((column, 0) for column in cells if column not in hits)
        seen = {column for column, text in cells.items() if "**" in text}
        for column, findings in found.items():
            for item in findings:
                if item.entity in hidden:
                    seen.add(column)
        for column in seen:
            hits[column] += 1

    def close(self) -> None:
        """Bring what was counted in the block to the report."""
        for column, hits in self._hits.items():
            profile = self._block.profiles.get(column)
            if profile is None or profile.label is NO_LABEL:
                continue
            key = (self._table, column, profile.header)
            old = self._columns.get(key)
            judged = profile.label.field, profile.label.entity
            if old is None or hits or (old.field, old.entity) != judged:
                rows = (old.rows if old else 0) + hits
                self._columns[key] = column_of(self._table, column, profile, rows)
        self._hits = {}


def column_of(table: str, index: int, profile: Profile, rows: int) -> Column:
    """A line of the report's table of columns."""
    return Column(
        table=table,
        index=index,
        header=header_shown(profile.header),
        field=profile.label.field,
        entity=profile.label.entity,
        why=profile.why if profile.by_hand or not profile.header else "表头",
        rows=rows,
    )


@lru_cache(maxsize=1 << 12)  # whatever stands in a title
def header_shown(header: str) -> str:
    """A header as the report may show it: a header that holds an identifier is no header."""
    return "" if scan(header) or any(char.isdigit() for char in fold(header)[:40]) else header[:40]


def empty_identifier_columns(work: Work) -> Iterator[Item]:
    for column in work.columns.values():
        if column.entity == "CN_RESIDENT_ID" and column.rows == 0:
            yield Item(
                f"{column.table}第{column.index + 1}列", "表头是证件号，但没有找到证件号，请核对"
            )


def effective(policy: Policy) -> Policy:
    """The policy, its field rules also hiding what is found outside their columns."""
    if not policy.reshapes:
        return policy
    # Only matters need it: small lists must start fast.
    from deid.actions import effective as also_elsewhere

    return also_elsewhere(policy)


def reshaping(policy: Policy) -> Reshaping | None:
    if not policy.reshapes:
        return None
    from deid.actions import Reshaping

    return Reshaping(policy)


def reshape(work: Work, place: str, edits: list[Edit]) -> None:
    """Put the edits that the field rules ask for in the place of the others."""
    if edits:
        work.edits[place] = edits
    else:
        work.edits.pop(place, None)


def _finish(work: Work, document: Document, shaping: Reshaping) -> None:
    """Settle what becomes of whole columns."""
    removable = getattr(document, "removable", lambda table, columns: False)
    # In a PDF the layout tells the columns: without a trace of one the others would move. Tabs and
    # line ends of Word and web pages are no text that could be cut.
    blank = "***" if document.format == "pdf" else ""
    result = shaping.finish(removable, work.edits, blank, cut=document.format == "txt")
    work.drops, work.notes = result.drops, result.notes
    work.dropped = headers_shown(result.dropped)
    work.generalised = headers_shown(result.generalised)
    work.items += result.items


def headers_shown(headers: Iterable[str]) -> tuple[str, ...]:
    """Headers for the report, without the levels that it does not show (a row of column numbers)."""
    levels = (" / ".join(filter(None, map(header_shown, h.split(" / ")))) for h in headers)
    return tuple(dict.fromkeys(filter(None, levels)))


def worked(
    document: Document, parts: list[Table | Text], policy: Policy, known: Known, source: Path
) -> tuple[Work, Policy, list[Item]]:
    """What is to be done with the document, so that no row tells too much; by which policy; and the
    rows of which nothing but a person can make something that may be published."""
    work = examine(document, parts, policy, known)
    propagate(parts, work, policy)
    weak = policy.hides("CN_RESIDENT_ID") and (work.numbers.rows or work.numbers.lines)
    if not weak:
        work.grades = work.numbers.strong
        return work, policy, []
    from deid.grading import with_rules

    verdict = _grade(parts, work, policy, source)
    if verdict.fields:
        policy = with_rules(policy, verdict.fields)
        work = examine(document, parts, policy, known)
        propagate(parts, work, policy)
        verdict = _grade(parts, work, policy, source)
    work.edits.update(verdict.edits)
    work.grades = verdict.grades
    work.items += verdict.namesakes
    return work, policy, verdict.blocked


def _grade(parts: Sequence[Table | Text], work: Work, policy: Policy, source: Path) -> Verdict:
    """The grade of every row that shows a masked number."""
    from deid.grading import grade_list, row_of_line, rows_of_table  # see effective

    numbers = work.numbers
    rows = (
        row
        for part in parts
        if isinstance(part, Table) and part.name in numbers.rows
        for row in rows_of_table(
            part,
            numbers.rows[part.name],
            work.drops.get(part.name, frozenset()),
            numbers.several,
        )
    )
    lines = filter(None, map(row_of_line, numbers.lines))
    verdict = grade_list(chain(rows, lines), work.edits, policy, numbers.titles, source.name)
    verdict.grades.update(numbers.strong)
    return verdict


def propagate(parts: Sequence[Table | Text], work: Work, policy: Policy) -> None:
    """Hide everywhere what is hidden somewhere: one person, one value, one mask. Only an adult whose
    row tells the age keeps a name that a minor elsewhere has too."""
    if not len(work.hidden):
        return
    adults: Mapping[str, Collection[tuple[int, int]]] | None = None
    alone = work.hidden.alone
    for place, text, star in texts_to_search(parts, work.hidden):
        edits = work.edits.get(place, [])
        if edits and text in alone and edits[0].start < edits[0].end:
            continue  # whatever stands there overlaps what is hidden already
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


def texts_to_search(
    parts: Sequence[Table | Text], hidden: Residue
) -> Iterator[tuple[str, str, str]]:
    """(place, text, star) of every cell and text that is not known to hold nothing hidden."""
    clean = hidden.clean
    for part in parts:
        if isinstance(part, Text):
            if part.text not in clean:
                yield part.place, part.text, part.star
        else:
            for row in part.rows():
                for column, text in row.cells.items():
                    if text not in clean:
                        yield part.place(row.index, column), text, "*"
