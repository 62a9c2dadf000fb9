"""The records of an xls workbook that hold cells ([MS-XLS] 2.4), read one row at a time."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from struct import pack, unpack, unpack_from

from deid.errors import UnreadableFile
from deid.formats.biff import CONTINUE, TORN, Cursor, Strings, read_string, records, segments
from deid.formats.bifftexts import Slot
from deid.formats.ole2 import Container, Entry
from deid.formats.oleprops import PropertySet
from deid.formats.xlsx_values import date_text, plain_number
from deid.model import Row

BOF, EOF, BOUNDSHEET, FILEPASS, SST, EXTSST = 0x809, 0x0A, 0x85, 0x2F, 0xFC, 0xFF
FORMULA, STRING, SHARED, ARRAY, TABLE = 0x06, 0x207, 0x4BC, 0x221, 0x236
LABELSST, LABEL_CELL, RSTRING, NUMBER, RK, MULRK = 0xFD, 0x204, 0xD6, 0x203, 0x27E, 0xBD
BOOLERR, BLANK, INDEX, DBCELL, MERGED = 0x205, 0x201, 0x20B, 0xD7, 0xE5
XF, FORMAT, DATEMODE, TXO, NOTE, OBJ = 0xE0, 0x41E, 0x22, 0x1B6, 0x1C, 0x5D
CELLS = frozenset({FORMULA, LABELSST, LABEL_CELL, RSTRING, NUMBER, RK, MULRK, BOOLERR})

_ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?",
           0x24: "#NUM!", 0x2A: "#N/A"}  # fmt: skip
# --- one stream of records ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """A run of records from a BOF to its EOF."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a text stands: a stream, a record in it, and a string in that."""

    stream: int
    record: int
    slot: Slot | None = None
    key: str = ""
    string: int = -1


@dataclass(slots=True)
class Sheet:
    """What is known of a sheet: its name, and where its cells stand."""

    name: str
    bof: int
    hidden: bool
    is_chart: bool
    cells: array[int] = field(default_factory=lambda: array("I"))
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    groups: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """Formulas that cells share: first cell -> kind and place of the record."""


def cut(data: bytes, start: int) -> Part:
    """The records from the BOF at ``start`` to its EOF, charts inside included."""
    depth = 0
    at = start
    for at, kind, length in records(data, start, len(data)):
        depth += (kind == BOF) - (kind == EOF)
        if not depth:
            return Part(start, at + 4 + length)
        if at == start and kind != BOF:
            raise UnreadableFile(TORN)
    raise UnreadableFile("表格不完整（可能没有下载或复制完），请重新取得原件")


# --- cells -------------------------------------------------------------------------------------------


def _rk(value: int) -> float:
    """A number in its short form ([MS-XLS] 2.5.217)."""
    if value & 2:
        signed = value - (1 << 32) if value & 0x80000000 else value
        number = float(signed >> 2)
    else:
        number = float(unpack("<d", pack("<Q", (value & 0xFFFFFFFC) << 32))[0])
    return number / 100 if value & 1 else number


def _number_text(value: float) -> str:
    if value == (whole := int(value) if abs(value) < 1e15 else None):
        return str(whole)
    return plain_number(repr(value))


class Cells:
    """Reads the cells of a stream."""

    def __init__(
        self, data: bytes, strings: Strings, dates: frozenset[int], since_1904: bool
    ) -> None:
        self.data = data
        self.strings = strings
        self._dates = dates
        self._since_1904 = since_1904

    def rows(self, cells: array[int]) -> Iterator[Row]:
        """The rows that hold something."""
        current, found = -1, _Found({}, [], [])
        for at in cells:
            row = unpack_from("<H", self.data, at + 4)[0]
            if row != current:
                if found.texts:
                    yield found.row(current)
                current, found = row, _Found({}, [], [])
            self._read(at, found)
        if found.texts:
            yield found.row(current)

    def _read(self, at: int, found: _Found) -> None:
        kind, length, _, column, style = unpack_from("<HHHHH", self.data, at)
        if kind == LABELSST:
            found.put(column, self.strings.texts[unpack_from("<I", self.data, at + 10)[0]])
        elif kind == RK:
            self._number(found, column, style, _rk(unpack_from("<I", self.data, at + 10)[0]))
        elif kind == NUMBER:
            self._number(found, column, style, unpack_from("<d", self.data, at + 10)[0])
        elif kind == MULRK:
            for place in range(at + 8, at + length - 2, 6):
                style, value = unpack_from("<HI", self.data, place)
                self._number(found, column, style, _rk(value))
                column += 1
        elif kind == BOOLERR:
            found.put(column, _truth(*unpack_from("<BB", self.data, at + 10)))
        elif kind == FORMULA:
            self._formula(found, at, column, style)
        else:
            found.put(column, read_string(Cursor(self.data, after(self.data, at, 6)))[0])

    def _number(self, found: _Found, column: int, style: int, value: float) -> None:
        date = None
        if style in self._dates:
            date = date_text(repr(value), since_1904=self._since_1904)
        (found.numbers if date is None else found.dates).append(column)
        found.put(column, _number_text(value) if date is None else date)

    def _formula(self, found: _Found, at: int, column: int, style: int) -> None:
        result = self.data[at + 10 : at + 18]
        if result[6:] != b"\xff\xff":
            self._number(found, column, style, unpack("<d", result)[0])
        elif result[0] == 0:
            place = self.string_of(at)
            if place >= 0:
                found.put(column, read_string(Cursor(self.data, segments(self.data, place)))[0])
        elif result[0] in (1, 2):
            found.put(column, _truth(result[2], result[0] - 1))

    def string_of(self, at: int) -> int:
        """Where the STRING record of the formula at ``at`` stands, or -1."""
        for place, kind, _ in records(self.data, at, len(self.data)):
            if kind == STRING:
                return place
            if kind not in (SHARED, ARRAY, TABLE, CONTINUE) and place != at:
                return -1
        return -1

    def end_of(self, at: int) -> tuple[int, int]:
        """Where a cell ends: its own record, and what belongs to it."""
        kind, length = unpack_from("<HH", self.data, at)
        end = at + 4 + length
        if kind == FORMULA and self.data[at + 16 : at + 18] == b"\xff\xff":
            place = self.string_of(at) if self.data[at + 10] == 0 else -1
            return end, segments(self.data, place)[-1][1] if place >= 0 else end
        return end, segments(self.data, at)[-1][1] if kind in (LABEL_CELL, RSTRING) else end


@dataclass(slots=True)
class _Found:
    """The cells of a row being read."""

    texts: dict[int, str]
    numbers: list[int]
    dates: list[int]

    def put(self, column: int, text: str) -> None:
        if text:
            self.texts[column] = text

    def row(self, index: int) -> Row:
        return Row(index, self.texts, frozenset(self.numbers), frozenset(self.dates))


def _truth(value: int, is_error: int) -> str:
    return _ERRORS.get(value, "#N/A") if is_error else "TRUE" if value else "FALSE"


def after(data: bytes, at: int, skip: int) -> list[tuple[int, int]]:
    """The payloads of a record, without the first bytes of it."""
    parts = segments(data, at)
    return [(parts[0][0] + skip, parts[0][1]), *parts[1:]]


def first_place(data: bytes, at: int) -> int:
    """Row and column of a cell, as one number."""
    row, column = unpack_from("<HH", data, at + 4)
    return int(row) << 16 | int(column)


def last_place(data: bytes, at: int) -> int:
    kind, length = unpack_from("<HH", data, at)
    if kind != MULRK:
        return first_place(data, at)
    return first_place(data, at) & ~0xFFFF | int(unpack_from("<H", data, at + 2 + length)[0])


_LEAST = {
    FORMULA: 22,
    LABELSST: 10,
    LABEL_CELL: 9,
    RSTRING: 9,
    NUMBER: 14,
    RK: 10,
    MULRK: 12,
    BOOLERR: 8,
}


def is_sound(data: bytes, at: int, kind: int, length: int) -> bool:
    """Whether a cell is as long as it must be and stands on the sheet."""
    if length < _LEAST[kind]:
        return False
    column = unpack_from("<H", data, at + 6)[0]
    if kind == MULRK:
        last = unpack_from("<H", data, at + 2 + length)[0]
        return bool(column < last < 256 and length == 6 + 6 * (last - column + 1))
    return bool(column < 256)


def sorted_cells(data: bytes, cells: array[int]) -> array[int]:
    """Cells in reading order. Raises if two claim one place: only one of them would be seen."""
    ordered = sorted(cells, key=lambda at: first_place(data, at))
    for one, two in pairwise(ordered):
        if last_place(data, one) >= first_place(data, two):
            raise UnreadableFile("同一个单元格在文件里出现两次，请用 Excel 打开后另存一份再试")
    return array("I", ordered)


def read_box(data: bytes, at: int) -> tuple[str, bytes, int, bool]:
    """Text of a TXO record (2.4.329), its runs, where it ends, whether it is stored wide."""
    count, runs = unpack_from("<HH", data, at + 14)
    parts = segments(data, at)
    if not count:
        return "", b"", parts[0][1], False
    cursor = Cursor(data, parts[1:])
    text, wide = cursor.chars(count, cursor.take(1)[0] & 1)
    formatting = cursor.take(runs) if runs else b""
    if cursor.at < cursor.end and cursor.end != parts[-1][1]:
        raise UnreadableFile(TORN)
    return text, formatting, cursor.end, wide


@dataclass(slots=True)
class Book:
    """What was read of a workbook, as saving needs it.

    ``globals``: the part in front of the sheets; ``used``: all parts in order; ``kinds``: where the
    global records of each kind are; ``texts`` and ``spots``: by place, what a text is and where.
    """

    container: Container
    main: Entry
    data: bytes
    globals: Part = Part(0, 0)
    kinds: dict[int, list[int]] = field(default_factory=dict)
    used: list[Part] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    strings: Strings = field(default_factory=Strings)
    dates: frozenset[int] = frozenset()
    since_1904: bool = False
    texts: dict[str, str] = field(default_factory=dict)
    spots: dict[str, Spot] = field(default_factory=dict)
    properties: dict[int, PropertySet] = field(default_factory=dict)

    @property
    def cells(self) -> Cells:
        """A reader of cells."""
        return Cells(self.data, self.strings, self.dates, self.since_1904)

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Bytes of the stream between and behind its parts."""
        done = 0
        for part in self.used:
            if part.start > done:
                yield done, part.start
            done = part.end
        if done < len(self.data):
            yield done, len(self.data)
