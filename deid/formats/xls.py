"""Excel 97-2003 workbooks (BIFF8, [MS-XLS]) and WPS .et files, changed record by record.

A file without edits is copied. Otherwise only the records that hold an edit are written anew, what
counts bytes is put right, and the container is laid out afresh, so nothing survives between streams.
A string that several cells share is edited in place if all of them are; else the cell gets its own.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from struct import error as StructError
from struct import pack, pack_into, unpack, unpack_from
from typing import BinaryIO

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats import magic
from deid.formats.biff import (
    CONTINUE,
    TORN,
    Cursor,
    Splices,
    Strings,
    applied,
    decoded,
    encoded,
    moved_runs,
    read_string,
    record,
    records,
    segments,
    units,
)
from deid.formats.bifftexts import (
    NO_TEXT,
    Slot,
    cell_formula_slots,
    changed_payload,
    record_slots,
    run_slots,
)
from deid.formats.ole2 import Container, Entry
from deid.formats.oleprops import PropertySet
from deid.formats.xlsx_values import (
    column_index,
    column_letters,
    date_text,
    is_date_format,
    plain_number,
)
from deid.model import Edit, Remark, Row, Table, Text

EXTENSIONS = (".xls", ".et")
LABEL = "Excel 97-2003 工作簿"

_MAX_SIZE = 512 << 20

_BOF, _EOF, _BOUNDSHEET, _FILEPASS, _SST, _EXTSST = 0x809, 0x0A, 0x85, 0x2F, 0xFC, 0xFF
_FORMULA, _STRING, _SHARED, _ARRAY, _TABLE = 0x06, 0x207, 0x4BC, 0x221, 0x236
_LABELSST, _LABEL, _RSTRING, _NUMBER, _RK, _MULRK = 0xFD, 0x204, 0xD6, 0x203, 0x27E, 0xBD
_BOOLERR, _BLANK, _INDEX, _DBCELL, _MERGED = 0x205, 0x201, 0x20B, 0xD7, 0xE5
_XF, _FORMAT, _DATEMODE, _TXO, _NOTE, _OBJ = 0xE0, 0x41E, 0x22, 0x1B6, 0x1C, 0x5D
_CELLS = frozenset({_FORMULA, _LABELSST, _LABEL, _RSTRING, _NUMBER, _RK, _MULRK, _BOOLERR})

_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in number formats that show a date or a time (ECMA-376 part 1, 18.8.30)."""
_ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?",
           0x24: "#NUM!", 0x2A: "#N/A"}  # fmt: skip
_PLACE = re.compile(r"(.*)!([A-Z]{1,2})([1-9][0-9]{0,4})", re.S)
_NO_CELL = "要改的单元格不在这个文件里"


def read(path: Path) -> Workbook:
    """The workbook at ``path``. Raises UnreadableFile that names the fault."""
    magic.require(path, "ole2-xls")
    try:
        with path.open("rb") as source:
            data = source.read(_MAX_SIZE + 1)
    except OSError:
        raise UnreadableFile("打不开文件") from None
    if len(data) > _MAX_SIZE:
        raise UnreadableFile("文件太大（超过 512 MB），请拆分后再处理")
    return Workbook(data)


# --- one stream of records ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of records from a BOF to its EOF."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a text stands: a stream, a record in it, and a string in that."""

    stream: int
    record: int
    slot: Slot | None = None
    key: str = ""
    string: int = -1


@dataclass(slots=True)
class _Sheet:
    """What is known of a sheet: its name, and where its cells stand."""

    name: str
    bof: int
    hidden: bool
    is_chart: bool
    cells: array[int] = field(default_factory=lambda: array("I"))
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    groups: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """Formulas that cells share: first cell -> kind and place of the record."""


def _cut(data: bytes, start: int) -> _Part:
    """The records from the BOF at ``start`` to its EOF, charts inside included."""
    depth = 0
    at = start
    for at, kind, length in records(data, start, len(data)):
        depth += (kind == _BOF) - (kind == _EOF)
        if not depth:
            return _Part(start, at + 4 + length)
        if at == start and kind != _BOF:
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


class _Cells:
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
        if kind == _LABELSST:
            found.put(column, self.strings.texts[unpack_from("<I", self.data, at + 10)[0]])
        elif kind == _RK:
            self._number(found, column, style, _rk(unpack_from("<I", self.data, at + 10)[0]))
        elif kind == _NUMBER:
            self._number(found, column, style, unpack_from("<d", self.data, at + 10)[0])
        elif kind == _MULRK:
            for place in range(at + 8, at + length - 2, 6):
                style, value = unpack_from("<HI", self.data, place)
                self._number(found, column, style, _rk(value))
                column += 1
        elif kind == _BOOLERR:
            found.put(column, _truth(*unpack_from("<BB", self.data, at + 10)))
        elif kind == _FORMULA:
            self._formula(found, at, column, style)
        else:
            found.put(column, read_string(Cursor(self.data, _after(self.data, at, 6)))[0])

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
            if kind == _STRING:
                return place
            if kind not in (_SHARED, _ARRAY, _TABLE, CONTINUE) and place != at:
                return -1
        return -1

    def end_of(self, at: int) -> tuple[int, int]:
        """Where a cell ends: its own record, and what belongs to it."""
        kind, length = unpack_from("<HH", self.data, at)
        end = at + 4 + length
        if kind == _FORMULA and self.data[at + 16 : at + 18] == b"\xff\xff":
            place = self.string_of(at) if self.data[at + 10] == 0 else -1
            return end, segments(self.data, place)[-1][1] if place >= 0 else end
        return end, segments(self.data, at)[-1][1] if kind in (_LABEL, _RSTRING) else end


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


def _after(data: bytes, at: int, skip: int) -> list[tuple[int, int]]:
    """The payloads of a record, without the first bytes of it."""
    parts = segments(data, at)
    return [(parts[0][0] + skip, parts[0][1]), *parts[1:]]


def _first(data: bytes, at: int) -> int:
    """Row and column of a cell, as one number."""
    row, column = unpack_from("<HH", data, at + 4)
    return int(row) << 16 | int(column)


def _last(data: bytes, at: int) -> int:
    kind, length = unpack_from("<HH", data, at)
    if kind != _MULRK:
        return _first(data, at)
    return _first(data, at) & ~0xFFFF | int(unpack_from("<H", data, at + 2 + length)[0])


_LEAST = {_FORMULA: 22, _LABELSST: 10, _LABEL: 9, _RSTRING: 9, _NUMBER: 14, _RK: 10, _MULRK: 12,
          _BOOLERR: 8}  # fmt: skip


# --- the workbook ------------------------------------------------------------------------------------


class Workbook:
    """An opened workbook."""

    def __init__(self, data: bytes) -> None:
        self.format = "xls"
        self._file = data
        self._container = Container(data)
        self._main = _main_stream(self._container)
        self._data = self._container.read(self._main)
        self.remarks: list[Remark] = []
        self.parts: list[Table | Text] = []
        self._spots: dict[str, _Spot] = {}
        self._properties: dict[int, PropertySet] = {}
        self._formulas: dict[tuple[str, int, int], int] = {}
        try:
            self._read_all()
        except (StructError, IndexError, UnicodeDecodeError):
            raise UnreadableFile(TORN) from None

    # --- reading

    def _read_all(self) -> None:
        self._globals = _cut(self._data, 0)
        self._kinds: dict[int, list[int]] = {}
        self._others: list[int] = []
        before = -1
        for at, kind, _ in records(self._data, 0, self._globals.end):
            follows = bool(self._others) and self._others[-1] == before
            if follows if kind == CONTINUE else kind not in NO_TEXT:
                self._others.append(at)
            before = at
            if kind in (_BOUNDSHEET, _FILEPASS, _SST, _EXTSST, _XF, _FORMAT, _DATEMODE, 0xEB):
                self._kinds.setdefault(kind, []).append(at)
        if _FILEPASS in self._kinds:
            raise UnreadableFile("文件有密码，请先用 Excel 或 WPS 取消密码再处理")
        self._strings = Strings(self._data, self._kinds.get(_SST, [-1])[-1])
        self._cells = _Cells(self._data, self._strings, *self._date_styles())
        self._sheets = self._read_sheets()
        self._by_name = {sheet.name: sheet for sheet in self._sheets}
        if len({name.lower() for name in self._by_name}) < len(self._sheets):
            raise UnreadableFile("有两张同名的工作表，请用 Excel 打开后另存一份再试")
        self._used = [self._globals]
        for sheet in self._sheets:
            self._read_sheet(sheet)
        self._check_overlap()
        self._show_records([(at, False) for at in self._others], "工作簿")
        self._show_strings()
        self._pictures()
        self._show_streams()
        self._show_gaps()

    def _date_styles(self) -> tuple[frozenset[int], bool]:
        dates = set(_DATE_FORMATS)
        for at in self._kinds.get(_FORMAT, ()):
            number = unpack_from("<H", self._data, at + 4)[0]
            code = read_string(Cursor(self._data, _after(self._data, at, 2)))[0]
            (dates.add if is_date_format(code) else dates.discard)(number)
        styles = {
            style
            for style, at in enumerate(self._kinds.get(_XF, ()))
            if unpack_from("<H", self._data, at + 6)[0] in dates
        }
        modes = self._kinds.get(_DATEMODE, ())
        return frozenset(styles), any(self._data[at + 4] == 1 for at in modes)

    def _read_sheets(self) -> list[_Sheet]:
        sheets = []
        for at in self._kinds.get(_BOUNDSHEET, ()):
            bof, state, kind, count, flags = unpack_from("<IBBBB", self._data, at + 4)
            name = decoded(self._data[at + 12 : at + 12 + (count << (flags & 1))], flags & 1)
            if kind == 1:
                raise UnreadableFile("文件含有宏表（Excel 4.0 宏），请删去宏表后另存再处理")
            if kind not in (0, 2):
                raise UnreadableFile("文件含有宏，请另存为不带宏的文件再处理")
            sheets.append(_Sheet(name, bof, bool(state & 3), kind == 2))
        if not sheets:
            raise UnreadableFile(TORN)
        return sheets

    def _read_sheet(self, sheet: _Sheet) -> None:
        part = _cut(self._data, sheet.bof)
        self._used.append(part)
        last = -1
        in_order = True
        depth = int(sheet.is_chart)
        data, cells = self._data, sheet.cells
        others: list[tuple[int, bool]] = []
        before = -1
        for at, kind, length in records(data, part.start, part.end):
            if kind == _BOF:
                depth += 1
            elif kind == _EOF:
                depth -= 1
            elif kind in _CELLS and depth == 1:
                if length < _LEAST[kind]:
                    raise UnreadableFile(TORN)
                here = _first(data, at)
                in_order = in_order and here > last
                last = _last(data, at) if kind == _MULRK else here
                cells.append(at)
                if kind == _LABELSST:
                    self._strings.uses[unpack_from("<I", data, at + 10)[0]] += 1
            elif kind == _MERGED:
                sheet.merges += _merges(data, at)
            elif kind in (_SHARED, _ARRAY, _TABLE) and cells:
                row, column = unpack_from("<HH", data, cells[-1] + 4)
                sheet.groups[row, column] = (kind, at)
                others.append((at, False))
            elif kind == CONTINUE:
                if others and others[-1][0] == before:
                    others.append((at, depth > 1))
            elif kind not in NO_TEXT or depth > 1:
                others.append((at, depth > 1))
            before = at
        if not in_order:
            sheet.cells = _sorted_cells(data, cells)
        place = partial(_cell_place, sheet.name)
        rows = partial(self._cells.rows, sheet.cells)
        self.parts.append(Table(sheet.name, rows, place, tuple(sheet.merges), sheet.hidden))
        self._show_records(others, sheet.name)
        self._show_formulas(sheet)

    def _check_overlap(self) -> None:
        self._used.sort(key=lambda part: part.start)
        if any(second.start < first.end for first, second in pairwise(self._used)):
            raise UnreadableFile(TORN)

    # --- texts

    def _show(self, place: str, text: str, spot: _Spot, star: str = "*") -> None:
        name, number = place, 1
        while name in self._spots:
            number += 1
            name = f"{place}#{number}"
        self._spots[name] = spot
        self.parts.append(Text(name, text, star))

    def _show_records(self, found: Sequence[tuple[int, bool]], label: str) -> None:
        """Texts of records that are not cells."""
        data, stream = self._data, self._main.index
        notes = _notes(data, [at for at, _ in found])
        counts: Counter[str] = Counter()
        drawn = done = owner = 0
        for at, in_chart in found:
            kind, length = unpack_from("<HH", data, at)
            end = at + 4 + length
            if at < done:
                continue
            owner = kind = owner if kind == CONTINUE else kind
            if kind == _OBJ and length >= 8 and unpack_from("<H", data, at + 4)[0] == 0x15:
                drawn = unpack_from("<H", data, at + 10)[0]
            if kind == _TXO and length >= 14:
                done = self._show_box(at, label, notes.pop(drawn, None), counts)
                continue
            if kind in (0xE9, 0x7F):
                self.remarks.append(Remark(label, "工作表有背景图片，请人工查看"))
            alone = data[end : end + 2] != b"\x3c\0"
            for slot in record_slots(kind, data[at + 4 : end], alone=alone, in_chart=in_chart):
                place = _text_place(data, at, kind, label, slot, counts)
                self._show(place, slot.text, _Spot(stream, at, slot), slot.star)

    def _show_box(
        self, at: int, label: str, cell: tuple[int, int] | None, counts: Counter[str]
    ) -> int:
        """Show a text box or a comment; where its records end."""
        text, _, end, _ = _box(self._data, at)
        if cell is None:
            counts["文本框"] += 1
            place = f"{label}#文本框{counts['文本框']}"
        else:
            place = f"{_cell_place(label, *cell)}#comment"
        if text:
            self._show(place, text, _Spot(self._main.index, at))
        return end

    def _show_formulas(self, sheet: _Sheet) -> None:
        for at in sheet.cells:
            kind, length = unpack_from("<HH", self._data, at)
            if kind != _FORMULA:
                continue
            payload = self._data[at + 4 : at + 4 + length]
            if len(payload) < 26:
                continue
            for slot in cell_formula_slots(payload):
                row, column = unpack_from("<HH", payload)
                place = f"{_cell_place(sheet.name, row, column)}#formula"
                self._show(place, slot.text, _Spot(self._main.index, at, slot))

    def _show_strings(self) -> None:
        """Shared strings that no cell shows, and how strings are pronounced."""
        texts, uses = self._strings.texts, self._strings.uses
        for number, text in enumerate(texts):
            if not uses[number] and text:
                self._show(f"字符串表#{number}", text, _Spot(-1, -1, string=number))
        for number, text in self._strings.phonetics():
            if text:
                self._show(
                    f"字符串表#{number}#拼音", text, _Spot(-1, -1, key="拼音", string=number)
                )

    def _pictures(self) -> None:
        for at in self._kinds.get(0xEB, ()):
            whole = b"".join(self._data[a:b] for a, b in segments(self._data, at))
            count = sum(_blips(whole))
            if count:
                self.remarks.append(Remark("工作簿", f"工作簿里有 {count} 张图片，请人工查看"))

    def _show_streams(self) -> None:
        for entry in self._container.entries:
            if not entry.is_stream or entry.index == self._main.index:
                continue
            data = self._container.read(entry)
            label = "/".join(part.strip("\0\1\2\3\4\5\6") for part in entry.path)
            if entry.path[-1].startswith("\5") and self._show_properties(entry, data, label):
                continue
            if entry.path[0] == "_SX_DB_CUR":
                self._show_pivot(entry, data, label)
                continue
            for number, slot in enumerate(run_slots(label, data)):
                self._show(f"{label}#{number}", slot.text, _Spot(entry.index, -1, slot))
            if data.find(b"PK\x03\x04") >= 0:
                self.remarks.append(Remark(label, "文件里还藏着一个压缩包，请人工查看"))

    def _show_properties(self, entry: Entry, data: bytes, label: str) -> bool:
        try:
            properties = PropertySet(data)
        except ValueError:
            return False
        self._properties[entry.index] = properties
        for key, text in properties.texts():
            if text:
                self._show(f"{label}#{key}", text, _Spot(entry.index, -1, key=key))
        if properties.has_thumbnail:
            self.remarks.append(Remark(label, "文件属性里有首页的缩略图，请人工查看"))
        return True

    def _show_pivot(self, entry: Entry, data: bytes, label: str) -> None:
        """The values that a pivot table remembers."""
        counts: Counter[str] = Counter()
        end = 0
        for at, kind, length in records(data, 0, len(data)):
            end = at + 4 + length
            for slot in record_slots(kind, data[at + 4 : end], alone=True, in_chart=False):
                place = _text_place(data, at, kind, label, slot, counts)
                self._show(place, slot.text, _Spot(entry.index, at, slot), slot.star)
        for number, slot in enumerate(run_slots(label, data, end)):
            self._show(f"{label}#尾{number}", slot.text, _Spot(-1, -1, key="空闲"))

    def _show_gaps(self) -> None:
        """Remains of older versions, where nothing reads: writing the file anew wipes them."""
        pieces = [*self._container.slack(), *(self._data[a:b] for a, b in self._gaps())]
        number = 0
        for piece in pieces:
            for slot in run_slots("空闲区", piece):
                number += 1
                self._show(f"空闲区#{number}", slot.text, _Spot(-1, -1, key="空闲"))

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """Bytes of the main stream between and behind its parts."""
        done = 0
        for part in self._used:
            if part.start > done:
                yield done, part.start
            done = part.end
        if done < len(self._data):
            yield done, len(self._data)

    # --- the protocol

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """The whole file, and every stream in one piece."""
        yield "文件", self._file
        for entry in self._container.entries:
            name = "/".join(part.strip("\0\1\2\3\4\5\6") for part in entry.path)
            yield name, "/".join(entry.path).encode("utf-8", "replace")
            if entry.is_stream:
                yield name, self._container.read(entry)
        yield "字符串表", "\n".join(self._strings.texts).encode("utf-8", "replace")

    def close(self) -> None:
        """Nothing to let go of: the file was read whole."""

    def save(self, target: BinaryIO, edits: Mapping[str, Sequence[Edit]]) -> None:
        """Write the workbook with ``edits`` carried out. Raises UnsafeEdit."""
        edits = {place: list(changes) for place, changes in edits.items() if changes}
        if not edits:
            target.write(self._file)
            return
        try:
            target.write(_Saver(self).written(edits))
        except (StructError, IndexError):
            raise UnsafeEdit("这处改动会破坏文件，未写出") from None


def _main_stream(container: Container) -> Entry:
    """The stream that holds the sheets. Raises for what cannot be masked safely."""
    streams = {entry.path[0].lower(): entry for entry in container.entries if len(entry.path) == 1}
    names = {entry.path[0].lower() for entry in container.entries}
    if "encryptedpackage" in names:
        raise UnreadableFile("文件有密码，请先用 Excel 或 WPS 取消密码再处理")
    if names & {"_vba_project_cur", "_vba_project", "macros", "vba"}:
        raise UnreadableFile("文件含有宏，请另存为不带宏的文件再处理")
    entry = streams.get("workbook") or streams.get("book")
    if entry is None or not entry.is_stream:
        raise UnreadableFile(TORN)
    data = container.read(entry)
    if len(data) < 20 or unpack_from("<H", data)[0] & 0xFF != 9:
        raise UnreadableFile(TORN)
    if unpack_from("<HHH", data)[::2] != (_BOF, 0x0600):
        raise UnreadableFile("这是 Excel 95 或更早的文件，请用 Excel 或 WPS 另存为 .xlsx 再处理")
    if {"workbook", "book"} <= streams.keys():
        raise UnreadableFile("文件里另有一份 Excel 95 格式的副本，请用 Excel 另存为 .xlsx 再处理")
    if "revision log" in names:
        raise UnreadableFile("这是共享工作簿，存有修订记录，请取消共享后另存再处理")
    for inner in container.entries:
        top = inner.path[0].upper()
        own = inner.path[-1].lower() in ("\x01ole", "\x01compobj", "\x03objinfo")
        if top.startswith(("MBD", "LNK")) and inner.is_stream and inner.size and not own:
            raise UnreadableFile("工作表里嵌有其他文件（对象），请删去或转成图片后再处理")
    return entry


def _cell_place(label: str, row: int, column: int) -> str:
    return f"{label}!{column_letters(column)}{row + 1}"


def _text_place(
    data: bytes, at: int, kind: int, label: str, slot: Slot, counts: Counter[str]
) -> str:
    """A place that a clerk can find: the cell for what belongs to one, else a number."""
    if kind in (_NOTE, 0x1B8, 0x800):
        row, column = unpack_from(
            "<HH" if kind == _NOTE else "<H2xH", data, at + (4 if kind != 0x800 else 6)
        )
        return f"{_cell_place(label, row, column)}#{slot.kind}"
    counts[slot.kind] += 1
    return f"{label}#{slot.kind}{counts[slot.kind]}"


def _merges(data: bytes, at: int) -> Iterator[tuple[int, int, int, int]]:
    for number in range(unpack_from("<H", data, at + 4)[0]):
        top, bottom, left, right = unpack_from("<HHHH", data, at + 6 + 8 * number)
        yield top, left, bottom, right


def _sorted_cells(data: bytes, cells: array[int]) -> array[int]:
    """Cells in reading order. Raises if two claim one place: only one of them would be seen."""
    ordered = sorted(cells, key=lambda at: _first(data, at))
    for one, two in pairwise(ordered):
        if _last(data, one) >= _first(data, two):
            raise UnreadableFile("同一个单元格在文件里出现两次，请用 Excel 打开后另存一份再试")
    return array("I", ordered)


def _notes(data: bytes, found: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Number of the drawing object -> the cell that it is the comment of."""
    notes = {}
    for at in found:
        kind, length = unpack_from("<HH", data, at)
        if kind == _NOTE and length >= 8:
            row, column, _, number = unpack_from("<HHHH", data, at + 4)
            notes[number] = (row, column)
    return notes


def _box(data: bytes, at: int) -> tuple[str, bytes, int, bool]:
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


def _blips(data: bytes) -> Iterator[int]:
    """How many pictures each picture store in the drawings of a workbook holds."""
    todo = [(0, len(data))]
    while todo:
        at, end = todo.pop()
        while at + 8 <= end:
            head, kind, size = unpack_from("<HHI", data, at)
            if kind == 0xF000:
                todo.append((at + 8, min(at + 8 + size, end)))
            if kind == 0xF001:
                yield head >> 4
            at += 8 + size


# --- saving ------------------------------------------------------------------------------------------


class _Saver:
    """Carries out edits: texts, cells, then whatever points to what has moved."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._data = book._data
        self._strings = book._strings.copy()
        self._splices = Splices()
        self._in_place: dict[int, tuple[tuple[int, int, str], ...]] = {}
        self._added_uses = 0
        self._touched = False

    def written(self, edits: Mapping[str, Sequence[Edit]]) -> bytes:
        """The bytes of the new file."""
        cells: dict[str, dict[tuple[int, int], Sequence[Edit]]] = {}
        slots: dict[tuple[int, int], list[tuple[Slot, str]]] = {}
        keys: dict[int, dict[str, str]] = {}
        texts = {part.place: part.text for part in self._book.parts if isinstance(part, Text)}
        for place, changes in edits.items():
            spot = self._book._spots.get(place)
            if spot is None:
                name, cell = self._cell(place)
                cells.setdefault(name, {})[cell] = changes
            elif spot.string >= 0 or spot.key == "空闲":
                self._edit_string(spot, changes)
            elif spot.key:
                keys.setdefault(spot.stream, {})[spot.key] = applied(texts[place], changes)
            elif spot.slot is None:
                self._edit_box(spot, changes)
            else:
                new = applied(texts[place], changes)
                slots.setdefault((spot.stream, spot.record), []).append((spot.slot, new))
        self._edit_cells(cells)
        streams = self._edit_slots(slots)
        for entry, properties in self._book._properties.items():
            streams[entry] = properties.written(keys.get(entry, {}))
        streams[self._book._main.index] = self._main()
        return self._book._container.written(streams)

    def _cell(self, place: str) -> tuple[str, tuple[int, int]]:
        match = _PLACE.fullmatch(place)
        if match is None or match[1] not in self._book._by_name:
            raise UnsafeEdit(_NO_CELL)
        return match[1], (int(match[3]) - 1, column_index(match[2]))

    # texts

    def _edit_string(self, spot: _Spot, changes: Sequence[Edit]) -> None:
        if spot.string < 0:
            return
        self._touched = True
        if spot.key:
            self._strings.plain(spot.string)
        else:
            self._strings.change(spot.string, changes)

    def _edit_box(self, spot: _Spot, changes: Sequence[Edit]) -> None:
        if spot.stream != self._book._main.index:
            raise UnsafeEdit(_NO_CELL)
        at = spot.record
        text, runs, end, wide = _box(self._data, at)
        new = applied(text, changes)
        runs = moved_runs(runs, text, changes, 8)
        data, wide = encoded(new, wide=wide)
        if units(new) > 0x7FFF:
            raise UnsafeEdit("改动后的内容太长，一个文本框放不下")
        length = unpack_from("<H", self._data, at + 2)[0]
        head = bytearray(self._data[at + 4 : at + 4 + length])
        pack_into("<HH", head, 10, units(new), len(runs) if new else 0)
        out = [record(_TXO, bytes(head))]
        room = 8222
        for start in range(0, len(data), room):
            out.append(record(CONTINUE, bytes([wide]) + data[start : start + room]))
        if new and runs:
            out.append(record(CONTINUE, runs))
        self._splices.add(at, end, b"".join(out))

    def _edit_slots(
        self, slots: Mapping[tuple[int, int], list[tuple[Slot, str]]]
    ) -> dict[int, bytes]:
        """Streams other than the main one that have changed."""
        others: dict[int, Splices] = {}
        streams: dict[int, bytes] = {}
        main = self._book._main.index
        entries = {entry.index: entry for entry in self._book._container.entries}
        for (stream, at), changes in slots.items():
            data = self._data if stream == main else self._book._container.read(entries[stream])
            if at < 0:
                streams[stream] = changed_payload(0, data, changes)
                continue
            kind, length = unpack_from("<HH", data, at)
            splices = self._splices if stream == main else others.setdefault(stream, Splices())
            if kind == _FORMULA and at in splices:
                continue  # the cell itself was edited, and its formula is gone
            payload = data[at + 4 : at + 4 + length]
            try:
                new = record(kind, changed_payload(kind, payload, changes))
            except UnsafeEdit:
                if kind != _FORMULA:
                    raise
                self._freeze(at)
                continue
            splices.add(at, at + 4 + length, new)
        for stream, splices in others.items():
            data = self._book._container.read(entries[stream])
            streams[stream] = bytes(splices.carried_out(data))
        return streams

    # cells

    def _edit_cells(self, cells: Mapping[str, Mapping[tuple[int, int], Sequence[Edit]]]) -> None:
        found: list[tuple[_Sheet, int, list[tuple[int, Sequence[Edit]]]]] = []
        for name, wanted in cells.items():
            sheet = self._book._by_name[name]
            count = 0
            rows = {row for row, _ in wanted}
            for at in sheet.cells:
                row, column = unpack_from("<HH", self._data, at + 4)
                if row not in rows:
                    continue
                last = _last(self._data, at) & 0xFFFF
                here = [(c, wanted[row, c]) for c in range(column, last + 1) if (row, c) in wanted]
                if here:
                    count += len(here)
                    found.append((sheet, at, here))
            if count < len(wanted):
                raise UnsafeEdit(_NO_CELL)
        self._plan_strings([(at, here[0][1]) for _, at, here in found])
        freed: dict[str, set[tuple[int, int]]] = {}
        for sheet, at, here in found:
            self._edit_cell(sheet, at, here)
            if unpack_from("<H", self._data, at)[0] == _FORMULA:
                freed.setdefault(sheet.name, set()).add(divmod(_first(self._data, at), 65536))
        for name, masters in freed.items():
            self._unbind(self._book._by_name[name], masters)

    def _plan_strings(self, found: Sequence[tuple[int, Sequence[Edit]]]) -> None:
        """Strings all of whose users are edited are edited themselves; the most common edit wins."""
        wanted: dict[int, Counter[tuple[tuple[int, int, str], ...]]] = {}
        for at, changes in found:
            if unpack_from("<H", self._data, at)[0] == _LABELSST:
                number = unpack_from("<I", self._data, at + 10)[0]
                wanted.setdefault(number, Counter())[_key(changes)] += 1
        self._sources = self._strings.copy() if wanted else self._strings
        for number, counts in wanted.items():
            if sum(counts.values()) == self._strings.uses[number]:
                key = counts.most_common(1)[0][0]
                self._in_place[number] = key
                self._strings.change(number, [Edit("", *change) for change in key])
        self._touched = self._touched or bool(wanted)

    def _edit_cell(
        self, sheet: _Sheet, at: int, here: Sequence[tuple[int, Sequence[Edit]]]
    ) -> None:
        kind, length, row, column, style = unpack_from("<HHHHH", self._data, at)
        changes = here[0][1]
        own, end = self._book._cells.end_of(at)
        if kind == _LABELSST:
            number = unpack_from("<I", self._data, at + 10)[0]
            if self._in_place.get(number) != _key(changes):
                self._splices.add(at, own, self._label(row, column, style, number, changes))
            return
        texts = self._texts(at)
        if kind == _MULRK:
            self._splices.add(at, own, self._split(at, length, texts, dict(here)))
            return
        new = applied(texts[column], changes)
        if kind == _FORMULA and end > own:  # keep what stands between: the formula of a group
            string = self._book._cells.string_of(at)
            self._splices.add(at, own, self._text_cell(row, column, style, new))
            self._splices.add(string, end, b"")
        else:
            self._splices.add(at, end, self._text_cell(row, column, style, new))

    def _texts(self, at: int) -> Mapping[int, str]:
        rows = self._book._cells.rows(array("I", [at]))
        return next(rows).cells

    def _label(
        self, row: int, column: int, style: int, number: int, changes: Sequence[Edit]
    ) -> bytes:
        new = self._sources.texts[number]
        if not applied(new, changes):
            return record(_BLANK, pack("<HHH", row, column, style))
        added = self._strings.add_copy(self._sources, number, changes)
        return record(_LABELSST, pack("<HHHI", row, column, style, added))

    def _text_cell(self, row: int, column: int, style: int, text: str) -> bytes:
        """A cell that holds a text."""
        if not text:
            return record(_BLANK, pack("<HHH", row, column, style))
        self._touched = True
        self._added_uses += 1
        number = self._strings.add(text)
        return record(_LABELSST, pack("<HHHI", row, column, style, number))

    def _split(
        self, at: int, length: int, texts: Mapping[int, str], wanted: Mapping[int, Sequence[Edit]]
    ) -> bytes:
        """A run of numbers of which some become texts."""
        row, column = unpack_from("<HH", self._data, at + 4)
        out: list[bytes] = []
        kept: list[bytes] = []
        for place in range(at + 8, at + length - 2, 6):
            if column in wanted:
                out.append(_numbers(row, column - len(kept), kept))
                kept = []
                style = unpack_from("<H", self._data, place)[0]
                new = applied(texts[column], wanted[column])
                out.append(self._text_cell(row, column, style, new))
            else:
                kept.append(self._data[place : place + 6])
            column += 1
        out.append(_numbers(row, column - len(kept), kept))
        return b"".join(out)

    def _unbind(self, sheet: _Sheet, edited: set[tuple[int, int]]) -> None:
        """When a formula that cells share loses its first cell, the others keep their values only."""
        members: dict[tuple[int, int], list[int]] = {}
        for at in sheet.cells:
            kind, length = unpack_from("<HH", self._data, at)
            if kind == _FORMULA and length >= 27 and self._data[at + 26] in (1, 2):
                row, column = unpack_from("<HH", self._data, at + 27)
                members.setdefault((row, column), []).append(at)
        for first, (kind, at) in sheet.groups.items():
            cells = members.get(first, [])
            places = {divmod(_first(self._data, cell), 65536) for cell in cells} | {first}
            if not places & edited:
                continue
            if kind == _TABLE:
                raise UnsafeEdit("模拟运算表里的单元格无法单独改写，请先把它粘贴为数值")
            if kind == _SHARED and first not in edited:
                continue
            end = segments(self._data, at)[-1][1]
            self._splices.add(at, end, b"")
            for cell in cells:
                if cell not in self._splices:
                    self._freeze(cell)

    def _freeze(self, at: int) -> None:
        """A formula cell becomes the value that it shows."""
        row, column, style = unpack_from("<HHH", self._data, at + 4)
        result = self._data[at + 10 : at + 18]
        own, end = self._book._cells.end_of(at)
        if result[6:] != b"\xff\xff":
            new = record(_NUMBER, pack("<HHH", row, column, style) + result)
        elif result[0] in (1, 2):
            new = record(_BOOLERR, pack("<HHHBB", row, column, style, result[2], result[0] - 1))
        else:
            texts = self._texts(at) if end > own else {}
            new = self._text_cell(row, column, style, texts.get(column, ""))
        self._splices.add(at, own, new)
        if end > own:
            self._splices.add(self._book._cells.string_of(at), end, b"")

    # what points to what has moved

    def _main(self) -> bytes:
        data, splices = self._data, self._splices
        book = self._book
        starts: list[tuple[int, int]] = []
        sst = book._kinds.get(_SST, [-1])[-1]
        ext = book._kinds.get(_EXTSST, [-1])[-1]
        if self._touched:
            new, starts = self._strings.written(self._added_uses)
            if sst >= 0:
                splices.add(sst, segments(data, sst)[-1][1], new)
            else:
                sst = book._globals.end - 4
                splices.add(sst, sst, new)
            if ext >= 0:
                size = 2 + 8 * len(starts)
                splices.add(ext, segments(data, ext)[-1][1], record(_EXTSST, bytes(size)))
        for start, end in book._gaps():
            splices.add(start, end, b"")
        out = splices.carried_out(data)
        for sheet, at in zip(book._sheets, book._kinds[_BOUNDSHEET], strict=True):
            pack_into("<I", out, splices.place(at) + 4, splices.place(sheet.bof))
        self._index_strings(out, sst, ext, starts)
        for part in book._used:
            self._index_rows(out, part)
        return bytes(out).ljust(4096, b"\0")

    def _index_strings(
        self, out: bytearray, sst: int, ext: int, starts: Sequence[tuple[int, int]]
    ) -> None:
        """EXTSST (2.4.107), where each bucket of strings starts in the stream."""
        if ext < 0:
            return
        at, base = self._splices.place(ext), self._splices.place(sst)
        if self._touched:
            pack_into("<H", out, at + 4, self._strings.bucket_size)
            for number, (offset, inner) in enumerate(starts):
                pack_into("<IHH", out, at + 6 + 8 * number, base + offset, inner, 0)
            return
        length = unpack_from("<H", out, at + 2)[0]
        for place in range(at + 6, at + 4 + length - 7, 8):
            old = unpack_from("<I", out, place)[0]
            if old <= len(self._data):
                pack_into("<I", out, place, self._splices.place(old))

    def _index_rows(self, out: bytearray, part: _Part) -> None:
        """INDEX (2.4.144) and DBCELL (2.4.78), the shortcuts to the rows of a sheet."""
        for at, kind, length in records(self._data, part.start, part.end):
            if kind == _INDEX:
                self._move_pointers(out, at, length)
            elif kind == _DBCELL and length >= 4:
                self._move_block(out, at, length)

    def _move_pointers(self, out: bytearray, at: int, length: int) -> None:
        now = self._splices.place(at)
        for place in range(12, length - 3, 4):
            old = unpack_from("<I", self._data, at + 4 + place)[0]
            if old <= len(self._data):
                pack_into("<I", out, now + 4 + place, self._splices.place(old))

    def _move_block(self, out: bytearray, at: int, length: int) -> None:
        splices, now = self._splices, self._splices.place(at)
        back = unpack_from("<I", self._data, at + 4)[0]
        first = at - back
        if not 0 <= first < at:
            return
        pack_into("<I", out, now + 4, now - splices.place(first))
        old = first + 20
        for place in range(4, length - 1, 2):
            step = unpack_from("<H", self._data, at + 4 + place)[0]
            before, old = old, old + step
            if old > at:
                return
            new = splices.place(old) - splices.place(before)
            pack_into("<H", out, now + 4 + place, new if 0 <= new < 65536 else 0)


def _key(changes: Sequence[Edit]) -> tuple[tuple[int, int, str], ...]:
    return tuple((edit.start, edit.end, edit.replacement) for edit in changes)


def _numbers(row: int, column: int, kept: Sequence[bytes]) -> bytes:
    """Numbers side by side: MULRK, or RK for one."""
    if not kept:
        return b""
    if len(kept) == 1:
        return record(_RK, pack("<HH", row, column) + kept[0])
    last = column + len(kept) - 1
    return record(_MULRK, pack("<HH", row, column) + b"".join(kept) + pack("<H", last))
