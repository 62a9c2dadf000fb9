"""References in formulas: found with their places, told what they reach, and shifted when columns go.

A formula is cut into tokens (strings, sheet prefixes, areas, structured references, names), so that
``"A1"`` in quotes, a function called ``LOG10`` and a sheet called ``C2`` are not taken for cells.
Pure functions: no package and no XML.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from deid.formats.xlsx_values import MAX_COLUMNS, MAX_ROWS, column_index, column_letters
from deid.later import later

# --- columns that go ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gone:
    """The columns of one sheet that are taken out, and where the others are afterwards."""

    columns: tuple[int, ...]

    def at(self, column: int) -> int | None:
        """Where a column is afterwards; None when it goes."""
        before = bisect_left(self.columns, column)
        gone = before < len(self.columns) and self.columns[before] == column
        return None if gone else column - before

    def within(self, first: int, last: int) -> tuple[int, ...]:
        """The columns between these two that go."""
        return self.columns[bisect_left(self.columns, first) : bisect_left(self.columns, last + 1)]

    def span(self, first: int, last: int) -> tuple[int, int] | None:
        """What is left of a range of columns, where it is afterwards."""
        left = last - first + 1 - len(self.within(first, last))
        start = first - bisect_left(self.columns, first)
        return (start, start + left - 1) if left else None

    def near(self, column: int) -> int:
        """Where a column is afterwards, or the next one that stays."""
        start = column - bisect_left(self.columns, column)
        return start if start < MAX_COLUMNS - len(self.columns) else max(start - 1, 0)

    def first_left(self, column: int) -> int:
        """The column as it is counted before, or the next one that stays."""
        while column in self.columns:
            column += 1
        return column


def gone(columns: Iterable[int]) -> Gone:
    """The columns in order."""
    return Gone(tuple(sorted(set(columns))))


# --- ranges ------------------------------------------------------------------------------------------

Box = tuple[int, int, int, int]
"""First row, first column, last row, last column, from 0 and inclusive."""

_RANGE = later(
    r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})(?::\$?([A-Za-z]{1,3})\$?([0-9]{1,7}))?"
    r"|\$?([A-Za-z]{1,3}):\$?([A-Za-z]{1,3})|\$?([0-9]{1,7}):\$?([0-9]{1,7})"
)


def parse_range(text: str) -> Box | None:
    """A range such as ``B2``, ``B2:C9``, ``B:C`` or ``2:9``; None for anything else."""
    hit = _RANGE.fullmatch(text.strip())
    if hit is None:
        return None
    left, top, right, bottom, first, last, row, until = hit.groups()
    if row:
        box = (int(row) - 1, 0, int(until) - 1, MAX_COLUMNS - 1)
    elif first:
        box = (0, column_index(first.upper()), MAX_ROWS - 1, column_index(last.upper()))
    else:
        right, bottom = right or left, bottom or top
        here = column_index(left.upper()), column_index(right.upper())
        box = (int(top) - 1, min(here), int(bottom) - 1, max(here))
        box = (min(box[0], box[2]), box[1], max(box[0], box[2]), box[3])
    fits = 0 <= box[0] <= box[2] < MAX_ROWS and 0 <= box[1] <= box[3] < MAX_COLUMNS
    return box if fits else None


def range_text(box: Box, *, single: bool = True) -> str:
    """A range as it is written; one cell as ``B2`` when ``single``."""
    first = f"{column_letters(box[1])}{box[0] + 1}"
    last = f"{column_letters(box[3])}{box[2] + 1}"
    return first if single and first == last else f"{first}:{last}"


def parse_ranges(text: str) -> list[Box] | None:
    """The ranges of a ``sqref``; None where one is not understood."""
    found = [parse_range(part) for part in text.split()]
    return None if any(box is None for box in found) else [box for box in found if box]


def left_of(box: Box, going: Gone) -> Box | None:
    """What is left of a range, where it is afterwards."""
    span = going.span(box[1], box[3])
    return (box[0], span[0], box[2], span[1]) if span else None


def without(boxes: Iterable[Box], columns: Sequence[int]) -> list[Box]:
    """The ranges less some columns, which stay where they are: ranges are split around them."""
    out: list[Box] = []
    for top, first, bottom, last in boxes:
        start = first
        for column in sorted(columns):
            if start <= column <= last:
                if start < column:
                    out.append((top, start, bottom, column - 1))
                start = column + 1
        if start <= last:
            out.append((top, start, bottom, last))
    return out


# --- tokens ------------------------------------------------------------------------------------------

_NAME = r"[^\W\d][\w.\\?]*|\\[\w.\\?]*"
_BARE = r"[^\s'\"!()\[\]{},;+\-*/^&=<>:%#@$|]+"
_CELL = r"\$?[A-Za-z]{1,3}\$?[0-9]{1,7}"
_STOP = r"(?![\w.(\[!\\?$])"
_TOKEN = later(
    rf"(?s)(?P<string>\"(?:[^\"]|\"\")*\")"
    rf"|(?P<error>\#(?:REF!|N/A|[A-Z_]+[!?]|DIV/0!))"
    rf"|(?P<prefix>(?:'(?:[^']|'')*'|\[[0-9]+\](?:{_BARE}(?::{_BARE})?)?|{_BARE}(?::{_BARE})?)!)"
    rf"|(?P<area>{_CELL}:{_CELL}{_STOP}|\$?[A-Za-z]{{1,3}}:\$?[A-Za-z]{{1,3}}{_STOP}"
    rf"|\$?[0-9]{{1,7}}:\$?[0-9]{{1,7}}{_STOP}|{_CELL}{_STOP})"
    rf"|(?P<call>(?:{_NAME})(?=\s*\())|(?P<name>{_NAME})|(?P<bracket>\[)"
    rf"|(?P<number>[0-9]+(?:\.[0-9]*)?(?:[Ee][+-]?[0-9]+)?|\.[0-9]+)|(?P<other>.)",
)
_UNSURE = frozenset({"INDIRECT", "EVALUATE", "RTD", "CALL", "FORMULATEXT", "GETPIVOTDATA"})
_POSITIONS = frozenset({"OFFSET", "COLUMN", "COLUMNS", "ADDRESS", "CELL", "AREAS", "INDEX"})


@dataclass(frozen=True, slots=True)
class Area:
    """One reference to cells: where it stands, the sheet as written (None: the formula's own)."""

    start: int
    end: int
    box: Box
    sheet: str | None
    fixed: tuple[bool, bool]
    """Whether its first and its last column have a dollar sign."""


@dataclass(slots=True)
class Formula:
    """What a formula refers to."""

    text: str
    areas: list[Area] = field(default_factory=list)
    names: list[tuple[str | None, str]] = field(default_factory=list)
    """Sheet prefix and name, lower case."""
    brackets: list[tuple[str, str]] = field(default_factory=list)
    """Table name ("" for the one it stands in), and what its brackets hold."""
    unsure: bool = False
    """It refers by text, to several sheets at once, or in a way that is not understood."""
    by_position: bool = False
    """Its value depends on where columns are, as those of OFFSET and COLUMN do."""
    literal: bool = False
    """A text in it may name a cell."""


def _sheet_of(prefix: str) -> str:
    name = prefix[:-1]
    if name.startswith("'"):
        name = name[1:-1].replace("''", "'")
    return name


@lru_cache(maxsize=4096)
def parse_formula(text: str) -> Formula:
    """The references of a formula. The result is shared: treat it as frozen."""
    out = Formula(text)
    sheet: str | None = None
    at = 1 if text.startswith("=") else 0
    before = ""
    while at < len(text):
        hit = _TOKEN.match(text, at)
        assert hit is not None  # the last alternative takes any character
        kind, at = hit.lastgroup or "other", hit.end()
        if kind == "prefix":
            sheet = _sheet_of(hit[0])
            continue
        if kind == "area":
            kind = _take_area(out, hit, sheet)
        if kind == "name":
            at = _take_name(out, hit, sheet)
        elif kind == "call":
            _take_call(out, hit[0])
        elif kind == "bracket":
            at = _take_bracket(out, "", text, at - 1)
        elif kind == "string" and re.search(r"[!#]|[A-Z]\d", hit[0]):
            out.literal = True
        elif kind == "other" and hit[0] == ":":
            out.unsure = True
        elif kind == "other" and hit[0] in "{'":
            at = _take_constant(out, text, hit)
        if sheet is not None and kind not in ("area", "name", "error"):
            out.unsure = True
        before, sheet = kind, None
    if before == "" and sheet is not None:
        out.unsure = True
    return out


def _take_constant(out: Formula, text: str, hit: re.Match[str]) -> int:
    """The end of an array constant; a stray quote makes the formula one not understood."""
    if hit[0] == "'":
        out.unsure = True
        return hit.end()
    end = re.compile(r"(?:[^\"{}]|\"(?:[^\"]|\"\")*\")*\}").match(text, hit.end())
    return end.end() if end else hit.end()


def _take_area(out: Formula, hit: re.Match[str], sheet: str | None) -> str:
    box = parse_range(hit[0])
    if box is None:
        return "name"
    if sheet is not None and (":" in sheet or "[" in sheet):
        # several sheets at once, or another file; a path such as '[1]Sheet1' is another file
        out.unsure = out.unsure or "[" not in sheet
        return "area"
    parts = hit[0].split(":")
    fixed = (parts[0].startswith("$"), parts[-1].startswith("$"))
    if parts[0].lstrip("$").isdigit():
        fixed = (True, True)
    out.areas.append(Area(*hit.span(), box, sheet, fixed))
    return "area"


def _take_name(out: Formula, hit: re.Match[str], sheet: str | None) -> int:
    text, at = hit.string, hit.end()
    if text[at : at + 1] == "[":
        return _take_bracket(out, hit[0], text, at)
    if sheet is None or "[" not in sheet:
        out.names.append((sheet.lower() if sheet else None, hit[0].lower()))
    return at


def _take_call(out: Formula, name: str) -> None:
    name = name.upper().removeprefix("_XLFN.").removeprefix("_XLWS.")
    if name in _UNSURE:
        out.unsure = True
    elif name in _POSITIONS and name != "INDEX":
        out.by_position = True


def _take_bracket(out: Formula, table: str, text: str, at: int) -> int:
    """A structured reference: its brackets nest, and an apostrophe takes the next one literally."""
    depth, end = 0, at
    while end < len(text):
        if text[end] == "'":
            end += 1
        elif text[end] == "[":
            depth += 1
        elif text[end] == "]":
            depth -= 1
            if not depth:
                break
        end += 1
    if depth:
        out.unsure = True
    out.brackets.append((table.lower(), text[at + 1 : end]))
    return end + 1


def bracket_columns(inner: str) -> tuple[list[str], bool] | None:
    """The column names in the brackets of a structured reference, and whether they are the two ends
    of a range; no names: the whole table. None where it is not understood."""
    inner = inner.strip()
    if not inner or (inner.startswith("#") and "[" not in inner):
        return [], False
    if "[" not in re.sub(r"'.", "", inner):
        return [_column_name(inner.removeprefix("@"))], False
    parts = re.findall(r"\[((?:[^\[\]']|'.)*)\]", inner.removeprefix("@"))
    rest = re.sub(r"\[((?:[^\[\]']|'.)*)\]", "", inner.removeprefix("@")).replace(" ", "")
    if not re.fullmatch(r"[,:]*", rest) or rest.count(":") > 1:
        return None
    return [_column_name(p) for p in parts if not p.startswith("#")], ":" in rest


def _column_name(raw: str) -> str:
    return re.sub(r"'(.)", r"\1", raw).strip().lower()


# --- rewriting ---------------------------------------------------------------------------------------

_COLUMN_PART = later(r"(\$?)([A-Za-z]{1,3})(?=\$?[0-9]|:|$)")


def rewritten(text: str, going: Callable[[str | None], Gone | None]) -> str:
    """The formula after columns went; what referred to one of them keeps what stays of the range.

    ``going`` tells for a sheet as written in the formula what goes there.
    """
    out: list[str] = []
    done = 0
    for area in parse_formula(text).areas:
        here = going(area.sheet)
        if here is None:
            continue
        new = _moved_area(text[area.start : area.end], area.box, here)
        out += (text[done : area.start], new)
        done = area.end
    return "".join((*out, text[done:])) if done else text


def _moved_area(raw: str, box: Box, here: Gone) -> str:
    span = here.span(box[1], box[3])
    if span is None:
        return "#REF!"
    first, colon, last = raw.partition(":")
    if first.lstrip("$").isdigit():
        return raw
    if box[3] == MAX_COLUMNS - 1 and box[1] == 0:
        return raw
    ends = (column_letters(span[0]), column_letters(span[1]))
    if colon and column_index(_letters(first)) > column_index(_letters(last)):
        ends = (ends[1], ends[0])
    first = _COLUMN_PART.sub(lambda hit: hit[1] + ends[0], first, count=1)
    last = _COLUMN_PART.sub(lambda hit: hit[1] + ends[1], last, count=1) if colon else ""
    return f"{first}{colon}{last}"


def _letters(cell: str) -> str:
    return re.sub(r"[^A-Za-z]", "", cell).upper()


_PART = later(r"(\$?)([A-Za-z]{1,3})?(\$?)([0-9]{1,7})?")


def shifted(text: str, rows: int, columns: int) -> str | None:
    """The formula as it reads that many cells further down and to the right; None where a reference
    would leave the sheet."""
    out: list[str] = []
    done = 0
    if not rows and not columns:
        return text
    for area in parse_formula(text).areas:
        parts = [_shifted_part(p, rows, columns) for p in text[area.start : area.end].split(":")]
        if any(part is None for part in parts):
            return None
        out += (text[done : area.start], ":".join(part or "" for part in parts))
        done = area.end
    return "".join((*out, text[done:]))


def _shifted_part(part: str, rows: int, columns: int) -> str | None:
    hit = _PART.fullmatch(part)
    if hit is None:
        return None
    dollar, letters, mark, digits = hit.groups()
    if letters is None and mark == "" and dollar:
        mark, dollar = dollar, ""
    if letters is not None and not dollar:
        column = column_index(letters.upper()) + columns
        if not 0 <= column < MAX_COLUMNS:
            return None
        letters = column_letters(column)
    if digits is not None and not mark:
        row = int(digits) + rows
        if not 1 <= row <= MAX_ROWS:
            return None
        digits = str(row)
    return f"{dollar}{letters or ''}{mark}{digits or ''}"


# --- what a formula reaches --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A table of a sheet: the sheet's name in lower case, its first column, its column names."""

    sheet: str
    first: int
    columns: tuple[str, ...]
    box: Box


@dataclass(frozen=True, slots=True)
class World:
    """What formulas can refer to: sheets with columns that go, names, tables. Keys are lower case."""

    going: Mapping[str, Gone]
    names: Mapping[tuple[str | None, str], str]
    tables: Mapping[str, NamedTable]

    def on(self, home: str) -> Callable[[str | None], Gone | None]:
        """What goes, by the sheet as a formula on sheet ``home`` writes it."""
        return lambda sheet: self.going.get(home if sheet is None else sheet.lower())

    def with_going(self, going: Mapping[str, Gone]) -> World:
        """The same with other columns that go."""
        return replace(self, going=going)


Reached = dict[str, dict[int, str]]
"""Sheet -> column that goes -> why it had better stay."""

READS = "有公式用到这一列"
UNCLEAR = "有公式的引用方式不能确定"
BY_POSITION = "有公式按列的位置取数"


def reached(
    text: str, home: str, world: World, *, lenient: bool = False, direct: bool = True
) -> Reached:
    """The columns that go and that a formula on sheet ``home`` needs, with the reason.

    ``lenient``: a formula whose value nobody sees, a validation, may refer by text. ``direct``:
    whether to count what the formula itself names by column and row.
    """
    out: Reached = {}
    _reach(text, home, world, out, None if direct else set(), lenient=lenient)
    return out


def _areas(text: str, home: str, world: World) -> Iterator[tuple[str, Gone, Area]]:
    """The references by column and row to sheets where columns go."""
    for area in parse_formula(text).areas:
        sheet = home if area.sheet is None else area.sheet.lower()
        if sheet in world.going:
            yield sheet, world.going[sheet], area


def _add(out: Reached, sheet: str, columns: Iterable[int], why: str) -> None:
    for column in columns:
        out.setdefault(sheet, {}).setdefault(column, why)


def _reach(
    text: str,
    home: str,
    world: World,
    out: Reached,
    seen: set[tuple[str | None, str]] | None,
    *,
    lenient: bool,
) -> None:
    """``seen``: the names met so far; an empty set at the start leaves the formula's own areas out."""
    formula = parse_formula(text)
    direct = seen is None or bool(seen)
    seen = set() if seen is None else seen
    touched = {home} if formula.by_position else set()
    for sheet, going, area in _areas(text, home, world):
        touched.add(sheet)
        if direct:
            _add(out, sheet, going.within(area.box[1], area.box[3]), READS)
    for table, inner in formula.brackets:
        touched.update(_reach_table(table, inner, home, world, out))
    for name in formula.names:
        key = next((k for k in (name, (home, name[1]), (None, name[1])) if k in world.names), None)
        if key is not None and key not in seen:
            seen.add(key)
            _reach(world.names[key], key[0] or home, world, out, seen, lenient=lenient)
        elif name[1] in world.tables:
            touched.update(_reach_table(name[1], "", home, world, out))
    if formula.by_position and not lenient:
        for sheet in touched & set(world.going):
            _add(out, sheet, world.going[sheet].columns, BY_POSITION)
    text_link = formula.literal and re.search(r"(?i)\bHYPERLINK\s*\(", text)
    if (formula.unsure or text_link) and not lenient:
        for sheet, going in world.going.items():
            _add(out, sheet, going.columns, UNCLEAR)


def _reach_table(table: str, inner: str, home: str, world: World, out: Reached) -> Iterator[str]:
    """The sheets of the tables that a structured reference may mean; what it needs goes to ``out``."""
    known = world.tables.get(table)
    meant = [known] if known else [t for t in world.tables.values() if t.sheet == home]
    for one in meant:
        yield one.sheet
        if one.sheet not in world.going:
            continue
        first, last = one.first, one.first + len(one.columns) - 1
        found = bracket_columns(inner)
        places = [one.columns.index(n) for n in found[0] if n in one.columns] if found else []
        if found is None or len(places) != len(found[0]) or not places:
            spans = [(first, last)]
        elif found[1]:
            spans = [(first + min(places), first + max(places))]
        else:
            spans = [(first + place, first + place) for place in places]
        for span in spans:
            _add(out, one.sheet, world.going[one.sheet].within(*span), READS)
