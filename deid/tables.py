"""Table -> findings: each cell under its column, minors by the age, birth date or ID in their row."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from deid.checks import id_birth_date, resident_id
from deid.columns import (
    NO_BLOCK,
    Block,
    Profile,
    View,
    name_columns,
    profile_rows,
    told_by_hand,
)
from deid.fields import NO_LABEL, SKIP, Label, kind_label
from deid.later import later
from deid.model import Finding, Row, Table, Text
from deid.names import ADULT, age_on, is_name
from deid.rows import NAME_FIELDS
from deid.scan import CERTAIN, PROSE, Setting, bare, scan
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


def minors_in_forms(
    views: Iterable[View], day: datetime.date
) -> Mapping[tuple[int, int], list[Finding]]:
    """(Row, column) -> the names of minors that forms among the rows show."""
    return form_minors(_form_values(views), day)


def _form_values(views: Iterable[View]) -> Iterator[Labelled]:
    """The values of forms, person by person: along the rows, or down where the list lies sideways."""
    aside: list[Labelled] = []
    for view in views:
        if view.zone != "form" and not aside:
            continue
        values = [
            Labelled((view.row.index, column), view.row.cells[column], label)
            for column, label in (view.labels.items() if view.zone == "form" else ())
        ]
        if len(values) > 1 and len({id(value.label) for value in values}) == 1:
            aside += values
            continue
        yield from sorted(aside, key=_column_of)
        yield from values
        aside = []
    yield from sorted(aside, key=_column_of)


def _column_of(value: Labelled) -> int:
    return value.key[1]


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
            self._marks = [(one.index, _TellsMinor(_tells(one), day)) for one in self._telling]
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
        folded = fold(text)
        values = {folded, *map(fold, _NAME_BREAK.split(folded))}
        found = [value for value in values if _is_minor(value, self._entity, self._day)]
        self[text] = bool(found)
        return bool(found)


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


# --------------------------------------------------------------------------------------- minors


_DATE = later(r"((?:19|20)\d\d)\s*[年.\-/]\s*(\d{1,2})(?:\s*[月.\-/]\s*(\d{1,2}))?")
_YEAR = later(r"(20\d\d)\s*年")
_OWN_DATE = later(r"公示|填报|填表|制表|日期|时间|发布|截至|截止|审核")
_TITLE = later(r"名单|公示|[花名清]册|明细|一览|统计|汇总|[表单]$|年度|季度|[办局府会站]\s*\d")


def own_date(texts: Iterable[str], *, year_only: bool = True) -> datetime.date | None:
    """The day that a list gives itself: of publication or drawing up, or else of its title's year.

    The first day where only a month or a year is given, so that nobody counts as of age too early.
    ``year_only``: a year will do; it tells ages, but not when something was made. Lines that hold a
    long number are rows, not titles; a day to come is no day of publication.
    """
    best: tuple[int, datetime.date] | None = None
    for text in texts:
        folded = fold(text)
        if len(folded) > 400 or _LONG_NUMBER.search(folded):
            continue
        ranked = _dated(folded)
        if ranked and (best is None or ranked[0] > best[0]) and (ranked[0] or year_only):
            best = ranked
    return best[1] if best else None


_LONG_NUMBER = later(r"\d{11}|\d{6} ?\d{8}")


def _dated(folded: str) -> tuple[int, datetime.date] | None:
    """How good a date this line gives (3: the day of publication), and the date."""
    cue, title = _OWN_DATE.search(folded), _TITLE.search(folded)
    match = _DATE.search(folded)
    if match and (cue or title):
        rank = 3 if cue and match[3] else 2 if match[3] else 1
        date = _date(int(match[1]), int(match[2]), int(match[3] or 1))
    else:
        year = _YEAR.search(folded) if title else None
        rank, date = 0, _date(int(year[1]), 1, 1) if year else None
    if date is None or date.year < 2000 or date > datetime.date.today():
        return None
    return rank, date


def _date(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


_FEATURES = frozenset(
    [
        "CN_RESIDENT_ID",
        "AGE",
        "BIRTH_DATE",
        "CN_STUDENT_NO",
        "CN_DISABILITY_CERT",
        "CN_SOCIAL_SECURITY_NO",
    ]
)


def features_of(block: Block) -> Mapping[int, list[Profile]]:
    """Name column -> the columns that tell that person's age: those right of it, up to the next."""
    names = sorted(profile.index for profile in name_columns(block))
    owned: dict[int, list[Profile]] = {index: [] for index in names}
    for profile in block.profiles.values():
        if profile.label.entity in _FEATURES and names:
            owner = _owner(profile, names, block)
            owned[owner].append(profile)
    for owner, profile in _of_pupils(block, names):
        owned[owner].append(profile)
    return owned


def _of_pupils(block: Block, names: Sequence[int]) -> Iterator[tuple[int, Profile]]:
    """(name column, what tells without a number that its names are children's): a column of school
    classes, or its own header (幼儿姓名)."""
    headers = "/".join(profile.header for profile in block.profiles.values())
    own = [index for index in names if block.profiles[index].label.field not in _OTHERS_NAME]
    for index in own:
        if _CHILDREN.search(block.profiles[index].header):
            yield index, block.profiles[index]
    if own and not _GROWN_UP.search(headers):
        for profile in block.profiles.values():
            if profile.label.field in _CLASS_FIELDS:
                before = [index for index in own if index < profile.index]
                yield (before or own[:1])[-1], profile


_CLASS_FIELDS = frozenset(("class_name", "grade_year"))
_OTHERS_NAME = frozenset(("guardian_name", "payee_name", "spouse_name", "head_name"))
_CHILDREN = later(
    r"(?:幼儿|儿童|婴儿|婴幼儿|宝宝|孤儿|新生儿|患儿|小孩|未成年人)(?:的?姓名|名字|名)$"
)
_GROWN_UP = later("任教|教师|职称|班主任姓名|聘用|院系|学院|专业")
"""Headers of lists that name classes, but whose people teach them, or are students."""
_PUPIL = later(
    r"小学|幼儿园|托儿所|初级中学|[一二三四五六七八九1-9]年级|初[一二三中]|高[一二]|[中小]班|大[一二三四五六]?班|托班"
    r"|^\s*[一二三四五六七八九]\s*\(?\d{1,2}\)?\s*班"
)
_STUDENT = later("大学|学院|本科|专科|大专|研究生|硕士|博士|高职|中专|技师|级")
_CLASS, _CHILD = "class", "child"


def _tells(profile: Profile) -> str:
    """In which way the values of a column tell an age: an entity, or one of the two above."""
    if profile.label.entity in _FEATURES:
        return profile.label.entity
    return _CLASS if profile.label.field in _CLASS_FIELDS else _CHILD


_OWN_FIELD = {"head_id": "head_name", "member_ids": "member_names", "guardian_id": "guardian_name"}


def _owner(profile: Profile, names: Sequence[int], block: Block) -> int:
    wanted = _OWN_FIELD.get(profile.label.field)
    for index in names:
        if wanted and block.profiles[index].label.field == wanted:
            return index
    before = [index for index in names if index < profile.index]
    return before[-1] if before else names[0]


def minor_names(
    view: View, reference: datetime.date, features: Mapping[int, list[Profile]] | None = None
) -> dict[int, list[Finding]]:
    """Name column -> the names in it whose row shows that they are under age on that day.

    ``features``: what ``features_of`` says of the view's block, from a caller who has it.
    """
    found: dict[int, list[Finding]] = {}
    owned = features_of(view.block) if features is None else features
    for column, telling in owned.items():
        text = view.row.cells.get(column, "")
        names = _names_in(text) if telling and text else ()
        if not names:
            continue
        marked = _positions(view.row, telling, len(names), reference, of_age=False)
        spans = [
            Finding(*names[at], "PERSON", 0.9, "同行年龄、证件号或班级表明未成年") for at in marked
        ]
        if spans:
            found[column] = spans
    return found


def adult_names(
    row: Row, features: Mapping[int, list[Profile]], reference: datetime.date
) -> dict[int, list[tuple[int, int]]]:
    """Name column -> where names stand whose row shows that they are of full age on that day."""
    found: dict[int, list[tuple[int, int]]] = {}
    for column, telling in features.items():
        text = row.cells.get(column, "")
        names = _names_in(text) if telling and text else ()
        told = _positions(row, telling, len(names), reference, of_age=True) if names else ()
        under = _positions(row, telling, len(names), reference, of_age=False) if told else ()
        if spans := [names[at] for at in told if at not in under]:
            found[column] = spans
    return found


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


_ONE_NAME = later("[\u4e00-\u9fff]{2,4}")
_NOTE_BEFORE = later(r"\s*(?:[(][^()]{1,6}[)]|[子女妻夫父母孙媳婿弟妹兄姐]{1,2}:)?\s*")
_NAME_BREAK = later(r"[、,;/\n]|\s{3,}")


def _names_in(text: str) -> list[tuple[int, int]]:
    """Where the names in a name cell stand; notes in brackets are no part of a name."""
    if _ONE_NAME.fullmatch(text):
        return [(0, len(text))]
    folded = fold(text)
    spans, start = [], 0
    for end in [*(match.start() for match in _NAME_BREAK.finditer(folded)), len(folded)]:
        piece = folded[start:end]
        note = _NOTE_BEFORE.match(piece)
        lead = note.end() if note else 0
        piece = piece[: lead + len(piece[lead:].split("(")[0])]
        if piece[lead:].strip() and start + lead < start + len(piece.rstrip()):
            spans.append((start + lead, start + len(piece.rstrip())))
        start = end + 1
    single = len(spans) == 1
    return [
        (a, b)
        for a, b in spans
        if is_name(folded[a:b]) or (single and any(map(str.isalpha, folded[a:b])))
    ]


class Labelled(NamedTuple):
    """One value of a form, what its label says, and a key by which the caller knows it."""

    key: tuple[int, int]
    text: str
    label: Label


def form_minors(
    values: Iterable[Labelled], reference: datetime.date
) -> Mapping[tuple[int, int], list[Finding]]:
    """In a form, the names of persons whose other fields show that they are under age.

    A person begins with a name and goes on to the next name.
    """
    found: dict[tuple[int, int], list[Finding]] = {}
    name: Labelled | None = None
    for value in values:
        if value.label.field in NAME_FIELDS:
            name = value
        elif name and _shows_minor(value, reference):
            why = "同一表格中的年龄或证件号表明未成年"
            spans = _names_in(name.text)[:1]
            found[name.key] = [Finding(a, b, "PERSON", 0.9, why) for a, b in spans]
    return found


def _shows_minor(value: Labelled, reference: datetime.date) -> bool:
    entity = value.label.entity
    return entity in _FEATURES and _is_minor(fold(value.text), entity, reference)


def _positions(
    row: Row, features: Sequence[Profile], count: int, reference: datetime.date, *, of_age: bool
) -> list[int]:
    """Which of the ``count`` names belong to minors, or to adults, told by any of the row's features."""
    marked: set[int] = set()
    for profile in features:
        text = row.cells.get(profile.index, "")
        values = (
            [text]
            if count == 1
            else [part for part in _NAME_BREAK.split(fold(text)) if part.strip()]
        )
        for at, value in enumerate(values[:count]):
            if _is_of_age(fold(value), _tells(profile), reference) is of_age:
                marked.add(at)
    return sorted(marked)


def _is_minor(value: str, entity: str, reference: datetime.date) -> bool:
    return _is_of_age(value, entity, reference) is False


@lru_cache(maxsize=1 << 14)
def _is_of_age(value: str, entity: str, reference: datetime.date) -> bool | None:
    """Whether a value tells an adult; None where it tells no age. ``entity``: see ``_tells``."""
    if entity == _CLASS:
        pupil = _PUPIL.search(value) and not _STUDENT.search(value.replace("年级", ""))
        return False if pupil else None
    if entity == _CHILD:
        return False if value.strip() else None
    if entity == "AGE":
        age = re.fullmatch(r"\s*(\d{1,3})(?:\.0)?\s*(?:周?岁|个?月)?\s*", value)
        return None if age is None else int(age[1]) >= ADULT and "月" not in value
    birth = _birth(value, entity)
    return None if birth is None or birth > reference else age_on(birth, reference) >= ADULT


_ID_INSIDE = later(r"(?<!\d)(?:\d{17}[\dX]|\d{15})")


def _birth(value: str, entity: str) -> datetime.date | None:
    digits = bare(value)
    number = _ID_INSIDE.search(digits)
    if number and entity != "BIRTH_DATE":
        return id_birth_date(number.group())
    match = _DATE.search(value)
    if match:
        return _date(int(match[1]), int(match[2]), int(match[3] or 1))
    if len(digits) == 8 and digits.isdigit():
        return _date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    return None
