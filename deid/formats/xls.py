"""Excel 97-2003 workbooks (BIFF8, [MS-XLS]) and WPS .et files, changed record by record.

A file without edits is copied. Otherwise only the records that hold an edit are written anew, what
counts bytes is put right, and the container is laid out afresh, so nothing survives between streams.
A string that several cells share is edited in place if all of them are; else the cell gets its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from struct import error as StructError
from struct import unpack_from
from typing import BinaryIO

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats import magic
from deid.formats.biff import (
    CONTINUE,
    TORN,
    Cursor,
    Strings,
    decoded,
    read_string,
    records,
    segments,
)
from deid.formats.bifftexts import (
    NO_TEXT,
    Slot,
    cell_formula_slots,
    record_slots,
    run_slots,
)
from deid.formats.ole2 import Container, Entry
from deid.formats.oleprops import PropertySet
from deid.formats.xls_cells import (
    ARRAY,
    BOF,
    BOUNDSHEET,
    CELLS,
    DATEMODE,
    EOF,
    EXTSST,
    FILEPASS,
    FORMAT,
    FORMULA,
    LABELSST,
    MERGED,
    MULRK,
    NOTE,
    OBJ,
    SHARED,
    SST,
    TABLE,
    TXO,
    XF,
    Book,
    Sheet,
    Spot,
    after,
    cut,
    first_place,
    is_sound,
    last_place,
    read_box,
    sorted_cells,
)
from deid.formats.xls_save import Saver
from deid.formats.xlsx_values import (
    DATE_FORMATS,
    cell_place,
    is_date_format,
)
from deid.model import Edit, Remark, Table, Text

EXTENSIONS = (".xls", ".et")
LABEL = "Excel 97-2003 工作簿"
KEEPS = (
    "单元格样式、合并、列宽、隐藏、数据有效性、公式、批注",
    "没有遮盖的记录一字不变",
    "图片（列出，请人工查看）",
)
DROPS = ("流之间和空闲区里的残留内容",)
REFUSES = (
    "密码",
    "宏、宏表",
    "嵌入的对象",
    "共享工作簿（有修订记录）",
    "Excel 95 及更早的格式",
    "损坏或不完整的文件",
)

_MAX_SIZE = 512 << 20


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


# --- the workbook ------------------------------------------------------------------------------------


class Workbook:
    """An opened workbook."""

    def __init__(self, data: bytes) -> None:
        self.format = "xls"
        self._file = data
        container = Container(data)
        main = _main_stream(container)
        self._book = Book(container, main, container.read(main))
        self.remarks: list[Remark] = []
        self.parts: list[Table | Text] = []
        try:
            self._read_all()
        except (StructError, IndexError, UnicodeDecodeError):
            raise UnreadableFile(TORN) from None

    # --- reading

    def _read_all(self) -> None:
        self._book.globals = cut(self._book.data, 0)
        self._others: list[int] = []
        before = -1
        for at, kind, _ in records(self._book.data, 0, self._book.globals.end):
            follows = bool(self._others) and self._others[-1] == before
            if follows if kind == CONTINUE else kind not in NO_TEXT:
                self._others.append(at)
            before = at
            if kind in (BOUNDSHEET, FILEPASS, SST, EXTSST, XF, FORMAT, DATEMODE, 0xEB):
                self._book.kinds.setdefault(kind, []).append(at)
        if FILEPASS in self._book.kinds:
            raise UnreadableFile("文件有密码，请先用 Excel 或 WPS 取消密码再处理")
        self._book.strings = Strings(self._book.data, self._book.kinds.get(SST, [-1])[-1])
        self._book.dates, self._book.since_1904 = self._date_styles()
        self._book.sheets = self._read_sheets()
        if len({sheet.name.lower() for sheet in self._book.sheets}) < len(self._book.sheets):
            raise UnreadableFile("有两张同名的工作表，请用 Excel 打开后另存一份再试")
        self._book.used = [self._book.globals]
        for sheet in self._book.sheets:
            self._read_sheet(sheet)
        self._check_overlap()
        self._show_records([(at, False) for at in self._others], "工作簿")
        self._show_strings()
        self._pictures()
        self._show_streams()
        self._show_gaps()

    def _date_styles(self) -> tuple[frozenset[int], bool]:
        dates = set(DATE_FORMATS)
        for at in self._book.kinds.get(FORMAT, ()):
            number = unpack_from("<H", self._book.data, at + 4)[0]
            code = read_string(Cursor(self._book.data, after(self._book.data, at, 2)))[0]
            (dates.add if is_date_format(code) else dates.discard)(number)
        styles = {
            style
            for style, at in enumerate(self._book.kinds.get(XF, ()))
            if unpack_from("<H", self._book.data, at + 6)[0] in dates
        }
        modes = self._book.kinds.get(DATEMODE, ())
        return frozenset(styles), any(self._book.data[at + 4] == 1 for at in modes)

    def _read_sheets(self) -> list[Sheet]:
        sheets = []
        for at in self._book.kinds.get(BOUNDSHEET, ()):
            bof, state, kind, count, flags = unpack_from("<IBBBB", self._book.data, at + 4)
            name = decoded(self._book.data[at + 12 : at + 12 + (count << (flags & 1))], flags & 1)
            if kind == 1:
                raise UnreadableFile("文件含有宏表（Excel 4.0 宏），请删去宏表后另存再处理")
            if kind not in (0, 2):
                raise UnreadableFile("文件含有宏，请另存为不带宏的文件再处理")
            sheets.append(Sheet(name, bof, bool(state & 3), kind == 2))
        if not sheets:
            raise UnreadableFile(TORN)
        return sheets

    def _read_sheet(self, sheet: Sheet) -> None:
        part = cut(self._book.data, sheet.bof)
        self._book.used.append(part)
        last = -1
        in_order = True
        depth = int(sheet.is_chart)
        data, cells = self._book.data, sheet.cells
        others: list[tuple[int, bool]] = []
        before = -1
        for at, kind, length in records(data, part.start, part.end):
            if kind == BOF:
                depth += 1
            elif kind == EOF:
                depth -= 1
            elif kind in CELLS and depth == 1:
                if not is_sound(data, at, kind, length):
                    raise UnreadableFile(TORN)
                here = first_place(data, at)
                in_order = in_order and here > last
                last = last_place(data, at) if kind == MULRK else here
                cells.append(at)
                if kind == LABELSST:
                    self._book.strings.uses[unpack_from("<I", data, at + 10)[0]] += 1
            elif kind == MERGED:
                sheet.merges += _merges(data, at)
            elif kind in (SHARED, ARRAY, TABLE) and cells:
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
            sheet.cells = sorted_cells(data, cells)
        place = partial(cell_place, sheet.name)
        rows = partial(self._book.cells.rows, sheet.cells)
        self.parts.append(Table(sheet.name, rows, place, tuple(sheet.merges), sheet.hidden))
        self._show_records(others, sheet.name)
        self._show_formulas(sheet)

    def _check_overlap(self) -> None:
        self._book.used.sort(key=lambda part: part.start)
        if any(second.start < first.end for first, second in pairwise(self._book.used)):
            raise UnreadableFile(TORN)

    # --- texts

    def _show(self, place: str, text: str, spot: Spot, star: str = "*") -> None:
        name, number = place, 1
        while name in self._book.spots:
            number += 1
            name = f"{place}#{number}"
        self._book.spots[name] = spot
        self._book.texts[name] = text
        self.parts.append(Text(name, text, star))

    def _show_records(self, found: Sequence[tuple[int, bool]], label: str) -> None:
        """Texts of records that are not cells."""
        data, stream = self._book.data, self._book.main.index
        notes = _notes(data, [at for at, _ in found])
        counts: Counter[str] = Counter()
        drawn = done = owner = 0
        for at, in_chart in found:
            kind, length = unpack_from("<HH", data, at)
            end = at + 4 + length
            if at < done:
                continue
            owner = kind = owner if kind == CONTINUE else kind
            if kind == OBJ and length >= 8 and unpack_from("<H", data, at + 4)[0] == 0x15:
                drawn = unpack_from("<H", data, at + 10)[0]
            if kind == TXO and length >= 14:
                done = self._show_box(at, label, notes.pop(drawn, None), counts)
                owner = 0xEC  # a drawing that was cut goes on behind the box inside it
                continue
            counts[f"{kind}"] += 1
            if kind in (0xE9, 0x7F):
                self.remarks.append(Remark(label, "工作表有背景图片，请人工查看"))
            alone = data[end : end + 2] != b"\x3c\0"
            for slot in record_slots(kind, data[at + 4 : end], alone=alone, in_chart=in_chart):
                place = _text_place(data, at, kind, label, slot, counts)
                self._show(place, slot.text, Spot(stream, at, slot), slot.star)

    def _show_box(
        self, at: int, label: str, cell: tuple[int, int] | None, counts: Counter[str]
    ) -> int:
        """Show a text box or a comment; where its records end."""
        text, _, end, _ = read_box(self._book.data, at)
        if cell is None:
            counts["文本框"] += 1
            place = f"{label}#文本框{counts['文本框']}"
        else:
            place = f"{cell_place(label, *cell)}#comment"
        if text:
            self._show(place, text, Spot(self._book.main.index, at))
        return end

    def _show_formulas(self, sheet: Sheet) -> None:
        for at in sheet.cells:
            kind, length = unpack_from("<HH", self._book.data, at)
            if kind != FORMULA:
                continue
            payload = self._book.data[at + 4 : at + 4 + length]
            if len(payload) < 26:
                continue
            row, column = unpack_from("<HH", payload)
            for number, slot in cell_formula_slots(payload):
                place = f"{cell_place(sheet.name, row, column)}#formula{number or ''}"
                self._show(place, slot.text, Spot(self._book.main.index, at, slot))

    def _show_strings(self) -> None:
        """Shared strings that no cell shows, and how strings are pronounced."""
        texts, uses = self._book.strings.texts, self._book.strings.uses
        for number, text in enumerate(texts):
            if not uses[number] and text:
                self._show(f"字符串表#{number}", text, Spot(-1, -1, string=number))
        for number, text in self._book.strings.phonetics():
            if text:
                self._show(f"字符串表#{number}#拼音", text, Spot(-1, -1, key="拼音", string=number))

    def _pictures(self) -> None:
        for at in self._book.kinds.get(0xEB, ()):
            whole = b"".join(self._book.data[a:b] for a, b in segments(self._book.data, at))
            count = sum(_blips(whole))
            if count:
                self.remarks.append(Remark("工作簿", f"工作簿里有 {count} 张图片，请人工查看"))

    def _show_streams(self) -> None:
        for entry in self._book.container.entries:
            if not entry.is_stream or entry.index == self._book.main.index:
                continue
            data = self._book.container.read(entry)
            label = "/".join(part.strip("\0\1\2\3\4\5\6") for part in entry.path)
            if entry.path[-1].startswith("\5") and self._show_properties(entry, data, label):
                continue
            if entry.path[0] == "_SX_DB_CUR":
                self._show_pivot(entry, data, label)
                continue
            for slot in run_slots(label, data):
                self._show(f"{label}#{slot.start}", slot.text, Spot(entry.index, -1, slot))
            if data.find(b"PK\x03\x04") >= 0:
                self.remarks.append(Remark(label, "文件里还藏着一个压缩包，请人工查看"))

    def _show_properties(self, entry: Entry, data: bytes, label: str) -> bool:
        try:
            properties = PropertySet(data)
        except ValueError:
            return False
        self._book.properties[entry.index] = properties
        for key, text in properties.texts():
            if text:
                self._show(f"{label}#{key}", text, Spot(entry.index, -1, key=key))
        if properties.has_thumbnail:
            self.remarks.append(Remark(label, "文件属性里有首页的缩略图，请人工查看"))
        return True

    def _show_pivot(self, entry: Entry, data: bytes, label: str) -> None:
        """The values that a pivot table remembers."""
        counts: Counter[str] = Counter()
        end = 0
        for at, kind, length in records(data, 0, len(data)):
            counts[f"{kind}"] += 1
            end = at + 4 + length
            for slot in record_slots(kind, data[at + 4 : end], alone=True, in_chart=False):
                place = _text_place(data, at, kind, label, slot, counts)
                self._show(place, slot.text, Spot(entry.index, at, slot), slot.star)
        for number, slot in enumerate(run_slots(label, data, end)):
            self._show(f"{label}#尾{number}", slot.text, Spot(-1, -1, key="空闲"))

    def _show_gaps(self) -> None:
        """Remains of older versions, where nothing reads: writing the file anew wipes them."""
        pieces = [
            *self._book.container.slack(),
            *(self._book.data[a:b] for a, b in self._book.gaps()),
        ]
        number = 0
        for piece in pieces:
            for slot in run_slots("空闲区", piece):
                number += 1
                self._show(f"空闲区#{number}", slot.text, Spot(-1, -1, key="空闲"))

    # --- the protocol

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """The whole file, and every stream in one piece."""
        yield "文件", self._file
        for entry in self._book.container.entries:
            name = "/".join(part.strip("\0\1\2\3\4\5\6") for part in entry.path)
            yield name, "/".join(entry.path).encode("utf-8", "replace")
            if entry.is_stream:
                yield name, self._book.container.read(entry)
        yield "字符串表", "\n".join(self._book.strings.texts).encode("utf-8", "replace")

    def close(self) -> None:
        """Nothing to let go of: the file was read whole."""

    def save(self, target: BinaryIO, edits: Mapping[str, Sequence[Edit]]) -> None:
        """Write the workbook with ``edits`` carried out. Raises UnsafeEdit."""
        edits = {place: list(changes) for place, changes in edits.items() if changes}
        if not edits:
            target.write(self._file)
            return
        try:
            target.write(Saver(self._book).written(edits))
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
    if unpack_from("<HHH", data)[::2] != (BOF, 0x0600):
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


def _text_place(
    data: bytes, at: int, kind: int, label: str, slot: Slot, counts: Counter[str]
) -> str:
    """A place that a clerk can find: the cell for what belongs to one, else a number.

    It must not depend on how many texts before it are worth showing: hidden ones no longer are.
    """
    if kind in (NOTE, 0x1B8, 0x800):
        where = {NOTE: ("<HH", 4), 0x1B8: ("<H2xH", 4), 0x800: ("<H2xH", 6)}[kind]
        row, column = unpack_from(where[0], data, at + where[1])
        return f"{cell_place(label, row, column)}#{slot.kind}"
    if slot.kind.startswith("记录"):
        return f"{label}#{slot.kind}.{counts[f'{kind}']}.{slot.start}"
    counts[slot.kind] += 1
    return f"{label}#{slot.kind}{counts[slot.kind]}"


def _merges(data: bytes, at: int) -> Iterator[tuple[int, int, int, int]]:
    for number in range(unpack_from("<H", data, at + 4)[0]):
        top, bottom, left, right = unpack_from("<HHHH", data, at + 6 + 8 * number)
        yield top, left, bottom, right


def _notes(data: bytes, found: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Number of the drawing object -> the cell that it is the comment of."""
    notes = {}
    for at in found:
        kind, length = unpack_from("<HH", data, at)
        if kind == NOTE and length >= 8:
            row, column, _, number = unpack_from("<HHHH", data, at + 4)
            notes[number] = (row, column)
    return notes


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
