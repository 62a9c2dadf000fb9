"""Table -> findings: each cell under its column, minors by the age, birth date or ID in their row."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from deid.checks import resident_id
from deid.columns import (
    NO_BLOCK,
    Block,
    Profile,
    View,
    profile_rows,
    told_by_hand,
)
from deid.dates import own_date
from deid.fields import NO_LABEL, SKIP, Label, kind_label
from deid.later import later
from deid.minors import (
    adult_names,
    features_of,
    may_be_young,
    minor_names,
    minors_in_forms,
    tells_age,
)
from deid.model import Finding, Row, Table, Text
from deid.scan import CERTAIN, PROSE, Setting, scan
from deid.text import fold

WINDOW = 4096
"""Rows that are judged together; a header is carried over from one window to the next."""

_TOTAL = Setting(label=Label(public=True))
_PUBLIC = Setting(public=True)
_AGENCY = Setting(label=Label(agency=True), public=True)
_RECORD = Setting(people=True, record=True)
_CACHE = 200_000


class CellFindings(NamedTuple):
    """What one cell holds; ``zone`` and ``profile`` say where it stands."""

    place: str
    text: str
    findings: tuple[Finding, ...]
    zone: str
    profile: Profile | None
    row: int
    column: int
    label: Label = NO_LABEL
    """In a form, what the label beside the cell says of it."""
    block: Block = NO_BLOCK


def windows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in runs of at most WINDOW."""
    stream = iter(rows)
    while window := list(islice(stream, WINDOW)):
        yield window


def scan_table(table: Table, reference: datetime.date | None = None) -> Iterator[CellFindings]:
    """Every cell that is not empty, with its findings, in row order.

    ``reference`` is the day on which ages count; without it, the day that the table's own title or
    footer names, or else today.
    """
    for view, found in scan_rows(table, reference):
        yield from cells_of(table, view, found)


def scan_rows(
    table: Table, reference: datetime.date | None = None
) -> Iterator[tuple[View, dict[int, tuple[Finding, ...]]]]:
    """Every row as it was judged and, by column, what those of its cells hold that hold anything."""
    for views, day in _judged(table, reference):
        minors = minors_in_forms(views, day)
        for view in views:
            yield view, _found_in(view, _shared, day, minors)


def _judged(
    table: Table, reference: datetime.date | None
) -> Iterator[tuple[Sequence[View], datetime.date]]:
    """The rows of each window as they were judged, and the day on which ages count there."""
    block = NO_BLOCK
    by_hand = {column: kind_label(kind) for column, kind in table.kinds}
    for window in windows(table.rows()):
        views, block = profile_rows(window, table.merges, block)
        if by_hand:
            views, block = told_by_hand(views, block, by_hand)
        reference = reference or date_told(views)
        yield views, reference or datetime.date.today()


def date_told(views: Iterable[View]) -> datetime.date | None:
    """The day that the titles and notes among the rows name."""
    return own_date(
        text for view in views if view.zone in ("note", "title") for text in view.row.cells.values()
    )


MOST_TEXTS = 5_000


def date_of_texts(texts: Sequence[Text]) -> datetime.date | None:
    """The day that the texts around the tables name; a long document has no day of its own."""
    return own_date(text.text for text in texts) if len(texts) < MOST_TEXTS else None


class _Found(dict[str, tuple[Finding, ...]]):
    """Text -> what it holds under one setting; fills itself."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def __missing__(self, text: str) -> tuple[Finding, ...]:
        found = self[text] = tuple(scan(text, self._setting))
        return found


class _Known(dict[Setting, _Found]):
    """Setting -> what texts hold under it; fills itself."""

    def __missing__(self, setting: Setting) -> _Found:
        found = self[setting] = _Found(setting)
        return found


class _CellScanner:
    """Scans a cell once for each text and setting: lists repeat themselves."""

    def __init__(self) -> None:
        self._known = _Known()
        self._last: _Columns | None = None
        self._rows = 0

    def __call__(self, text: str, setting: Setting) -> tuple[Finding, ...]:
        return self._known[setting][text]

    def columns(self, view: View) -> _Columns:
        """What is known of the columns of a row of data: of the last block seen."""
        last = self._last  # one reference: lists of other threads come between
        if last is None or view.block is not last.block:
            last = self._last = _Columns(view.block, self._known)
        return last

    def make_room(self) -> None:
        """To be called with each row: let go of all texts when they are too many."""
        self._rows += 1
        if self._rows % WINDOW == 0 and sum(map(len, self._known.values())) > _CACHE:
            self.forget()

    def forget(self) -> None:
        """Let go of all texts."""
        self._known = _Known()
        self._last = None


class _Columns(dict[int, _Found]):
    """Column of a block -> what texts hold there, in a row of data; fills itself."""

    def __init__(self, block: Block, known: _Known) -> None:
        self.block = block
        self.features = features_of(block)
        self._known = known
        self._telling = list(
            {id(one): one for own in self.features.values() for one in own}.values()
        )
        self._on: datetime.date | None = None
        self._marks: list[tuple[int, _TellsMinor]] = []

    def __missing__(self, column: int) -> _Found:
        profile = self.block.profiles.get(column)
        if profile and profile.label.field == SKIP:
            found: _Found = _Unseen(PROSE)
        else:
            found = self._known[_setting_of_data(self.block, column)]
        self[column] = found
        return found

    def tell_minor(self, cells: Mapping[int, str], day: datetime.date) -> bool:
        """Whether any cell of a row may tell that somebody in it is under age."""
        if not self._telling:
            return False
        if self._on != day:
            self._marks = [(one.index, _TellsMinor(tells_age(one), day)) for one in self._telling]
            self._on = day
        told = False
        for index, tells in self._marks:
            told = told or tells[cells.get(index, "")]
        return told


class _Unseen(_Found):
    """What nobody looks at."""

    def __missing__(self, text: str) -> tuple[Finding, ...]:
        return ()


class _TellsMinor(dict[str, bool]):
    """Text of a column of ID numbers, ages or birth dates -> whether it may tell a minor."""

    def __init__(self, entity: str, day: datetime.date) -> None:
        self._entity, self._day = entity, day

    def __missing__(self, text: str) -> bool:
        self[text] = told = may_be_young(text, self._entity, self._day)
        return told


_shared = _CellScanner()
"""Small lists of one folder repeat each other, and what is verified repeats what was masked."""


def forget_cells() -> None:
    """Let go of the cells that are remembered from list to list: for processes that live long."""
    _shared.forget()


def _scan_row(
    table: Table,
    view: View,
    scanner: _CellScanner,
    reference: datetime.date,
    in_forms: Mapping[tuple[int, int], list[Finding]],
) -> Iterator[CellFindings]:
    found = _found_in(view, scanner, reference, in_forms)
    return cells_of(table, view, found)


def cells_of(
    table: Table, view: View, found: Mapping[int, tuple[Finding, ...]]
) -> Iterator[CellFindings]:
    """Every cell of a row; ``found``: what they hold, by column."""
    row, zone, block = view.row, view.zone, view.block
    for column, text in row.cells.items():
        profile = block.profiles.get(column)
        place = table.place(row.index, column)
        label = view.labels.get(column, NO_LABEL) if view.labels else NO_LABEL
        held = found.get(column, ())
        yield CellFindings(place, text, held, zone, profile, row.index, column, label, block)


def _found_in(
    view: View,
    scanner: _CellScanner,
    reference: datetime.date,
    in_forms: Mapping[tuple[int, int], list[Finding]],
) -> dict[int, tuple[Finding, ...]]:
    """Column -> what the cell holds, of the cells of a row that hold anything, in their order."""
    cells, columns = view.row.cells, None
    scanner.make_room()
    if view.zone == "data":
        columns = scanner.columns(view)
        found = {c: held for c, text in cells.items() if (held := columns[c][text])}
    else:
        personal = view.zone == "note" and _names_a_person(view.row, scanner)
        settings = ((c, _RECORD if personal else _setting(view, c)) for c in cells)
        found = {c: held for c, setting in settings if (held := scanner(cells[c], setting))}
    more = _more_findings(view, columns, reference, in_forms)
    if not more:
        return found
    return {
        column: (*found.get(column, ()), *more.get(column, ()))
        for column in cells
        if column in found or column in more
    }


def _more_findings(
    view: View,
    columns: _Columns | None,
    reference: datetime.date,
    in_forms: Mapping[tuple[int, int], list[Finding]],
) -> dict[int, list[Finding]]:
    """Column -> what the row as a whole tells of it: minors, and ID numbers spread over cells.

    ``columns``: what is known of the columns of a row of data.
    """
    row, more = view.row, {}
    if columns is not None and columns.tell_minor(row.cells, reference):
        more = minor_names(view, reference, columns.features)
    if in_forms:
        own = {column: in_forms.get((row.index, column)) for column in row.cells}
        more |= {column: found for column, found in own.items() if found}
    if view.zone != "total" and not view.block.aggregate:
        for column, found in split_ids(row).items():
            more[column] = [*more.get(column, ()), *found]
    if more and columns is not None:
        more = {c: held for c, held in more.items() if not isinstance(columns[c], _Unseen)}
    return more


_DIGIT_CELL = later(r"\s*\d{1,17}[Xx]?\s*|\s*[Xx]\s*")
_LONG_CELL = 60
_SHOWN = 6
"""How many digits of an ID number that is spread over cells stay: those of the division."""


def split_ids(row: Row) -> Mapping[int, list[Finding]]:
    """Column -> what of an ID number stands there that is written over several cells.

    One digit to a box (18 boxes), or division, birth date and tail in three columns. Only whole
    cells side by side, and only with the right check character.
    """
    found: dict[int, list[Finding]] = {}
    if not _SIDE_BY_SIDE.search("\0".join(row.cells.values())) and _in_order(row.cells):
        return found
    for run in _digit_runs(row):
        for first in range(len(run)):
            text = ""
            for last in range(first, len(run)):
                text += run[last][1].strip()
                if len(text) >= 18:
                    break
            if last > first and resident_id(text.upper()):
                _mark(found, run[first : last + 1], 0)
    return found


_NO_WORDS = (
    r"(?!\s*\d{18})(?:[^\0!-/:-WYZ\[-wyz{-~"
    "\u4e00-\u9fff]|[零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺]){1,59}"
)
_SIDE_BY_SIDE = later(rf"(?:^|\0){_NO_WORDS}\0{_NO_WORDS}(?:\0|$)")
"""Two neighbouring cells that may hold nothing but a few digits: a glance at a whole row."""


def _in_order(cells: Mapping[int, str]) -> bool:
    columns = list(cells)
    return columns == sorted(columns)


def _digit_runs(row: Row) -> Iterator[list[tuple[int, str]]]:
    """Runs of neighbouring cells that hold nothing but a few digits, 18 characters at least."""
    some = [(column, fold(text)) for column, text in row.cells.items() if len(text) < _LONG_CELL]
    some = [piece for piece in some if _DIGIT_CELL.fullmatch(piece[1])]
    if sum(len(text.strip()) for _, text in some) < 18:
        return
    run: list[tuple[int, str]] = []
    for column, folded in [*sorted(some), (-1, "")]:
        if not run or column == run[-1][0] + 1:
            run.append((column, folded))
            continue
        if len(run) >= 2 and sum(len(piece.strip()) for _, piece in run) >= 18:
            yield run
        run = [(column, folded)]


def _mark(found: dict[int, list[Finding]], run: Sequence[tuple[int, str]], start: int) -> None:
    """Mark what lies behind the first six of the 18 characters from ``start`` on."""
    at = 0
    for column, piece in run:
        value = piece.strip()
        lead = piece.index(value)
        first, last = max(at, start + _SHOWN), min(at + len(value), start + 18)
        if first < last:
            span = lead + first - at, lead + last - at
            found.setdefault(column, []).append(
                Finding(*span, "CN_RESIDENT_ID", 0.97, "分写在相邻各格，校验位正确")
            )
        at += len(value)


def _names_a_person(row: Row, scanner: _CellScanner) -> bool:
    """Whether a row outside the data area is about a person all the same: it holds an ID number."""
    return any(
        finding.entity == "CN_RESIDENT_ID" and finding.score >= CERTAIN
        for text in row.cells.values()
        for finding in scanner(text, PROSE)
    )


def _setting(view: View, column: int) -> Setting:
    if view.zone in ("note", "title", "header"):
        return _PUBLIC
    if view.zone == "total" or view.block.aggregate:
        return _TOTAL
    if view.zone == "form":
        label = view.labels.get(column)
        return Setting(label=label, people=True) if label else _PUBLIC
    return _setting_of_data(view.block, column)


def _setting_of_data(block: Block, column: int) -> Setting:
    if block.aggregate:
        return _TOTAL
    profile = block.profiles.get(column)
    if block.agency:
        return _AGENCY
    if profile is None or (not profile.header and not profile.label.entity):
        return _RECORD
    if profile.label.field in _OFFICE_FIELDS:
        return Setting(label=Label(profile.label.field, agency=True), people=True)
    return Setting(label=profile.label, people=True)


# Columns whose values are names and places of offices, never of the listed person.
_OFFICE_FIELDS = frozenset(("bank_name", "unit_or_post", "agency_contact", "agency_address"))


def adults_of_table(
    table: Table, reference: datetime.date | None = None
) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Places of cells, and where names of adults stand in them, told by their rows."""
    scanner = _CellScanner()
    for views, day in _judged(table, reference):
        for view in views:
            if view.zone == "data":
                features = scanner.columns(view).features
                for column, spans in adult_names(view.row, features, day).items():
                    yield table.place(view.row.index, column), spans
