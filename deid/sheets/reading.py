"""Workbooks opened for the fast path: sheets cut into windows of arrays, strings decoded when asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from deid.formats.ooxml import (
    Member,
    Package,
    XmlCheck,
    segments_text,
    unescape,
    worth_showing,
    xml_codec,
)
from deid.formats.opc import Parts, member_label
from deid.formats.xlsx import Quick, Workbook
from deid.formats.xlsx_sheet import (
    Book,
    Plan,
    Sheet,
    Strings,
    _merges,
    _plain,
    string_segments,
)
from deid.formats.xlsx_values import STAR, cell_place
from deid.model import READING, Edit, Row, Text
from deid.sheets.cells import SHARED, Cells, Window
from deid.sheets.formulas import Formulas
from deid.sheets.markup import Odd
from deid.sheets.strings import SharedStrings
from deid.sheets.written import Written
from deid.tables import WINDOW
from deid.vector import Flags

_CACHED = 128 << 20
"""Bytes of a sheet up to which its windows are kept for the next pass."""
_MAX_ORPHANS = 20_000
_MAX_FORMULAS = 400_000
"""Texts of formulas that are judged like any text around the table; of more than that the exact path
makes less."""


ReadStrings = Callable[[bytes], SharedStrings]


class QuickStrings(Strings):
    """The shared strings as ``SharedStrings`` has them; texts are decoded when asked for."""

    def __init__(self, data: bytes | None, read: ReadStrings = SharedStrings) -> None:
        super().__init__(None)
        if data is not None and xml_codec(data) != "utf-8":
            raise Odd
        self.found_all = read(data if data is not None else b"<sst></sst>")
        regex = r"<si>(?:<t(?: xml:space=\"preserve\")?>([^<]*)</t>|(.*?))</si>"
        self.regex = re.compile(regex, re.S)
        self.odd: dict[int, str] = {}
        those = np.flatnonzero(~self.found_all.plain)
        if len(those) > 50_000:
            raise Odd
        for number in those.tolist():
            item = self.found_all.item(number)
            if not self.found_all.simple[number]:
                XmlCheck().feed(item.encode(), last=True)
            segments, spoken = string_segments(item, "t")
            if spoken or "<!" in item or "<?" in item:
                raise Odd
            self.odd[number] = segments_text(item, segments)

    def text(self, number: int) -> str:
        """The text of one string."""
        if number in self.odd:
            return self.odd[number]
        those = self.found_all
        return those.data[those.starts[number] : those.ends[number]].decode()

    def show(self, xml: str, key: str, label: str, parts: Parts) -> None:
        """Nothing: strings that no cell uses are refused."""


class QuickSheet(Sheet):
    """A worksheet whose rows are cut into windows of arrays."""

    def __init__(self, package: Package, member: Member, label: str, book: Book) -> None:
        super().__init__(package, member, label, book)
        self.cells = Cells(book.dates)
        self._by_kind: list[Any] = []
        self._kept: list[Window] | None = [] if member.size <= _CACHED else None
        self._taken = False
        self.formulas: list[tuple[int, int, str]] = []
        self._former: QuickSheet | None = None
        self._written: Sequence[Written] = ()
        self.aligned: list[bool] = []
        """Of a sheet that follows another: whether a window has a cell for each of the other's."""
        strings = book.strings
        assert isinstance(strings, QuickStrings)
        self.used: Flags = np.zeros(len(strings.found_all), bool)

    def take(self, other: QuickSheet) -> None:
        """Use what was read of a sheet with the same bytes."""
        self._kept, self.cells, self._taken = other._kept, other.cells, True
        self.head, self.tail = other.head, other.tail
        self.used = other.used
        self.formulas, self.has_formulas = other.formulas, other.has_formulas

    def follow(self, other: QuickSheet, written: Sequence[Written]) -> None:
        """Read a sheet that was written from the windows of another; Raises Odd where it is not what
        was written."""
        self._former, self._written = other, written

    def is_aligned(self, at: int) -> bool:
        """Whether a window has the cells of that window of the sheet that this one was made from."""
        return self._taken or (at < len(self.aligned) and self.aligned[at])

    def let_go(self) -> Iterator[Window]:
        """The windows, none of which is kept any longer."""
        kept, self._kept = self._kept, []
        while kept:
            yield kept.pop(0)

    @property
    def keeps(self) -> bool:
        """Whether the windows are kept, so that another sheet may follow them."""
        return self._kept is not None

    def shares(self, other: QuickSheet) -> bool:
        """Whether the bytes are those of the other sheet."""
        return self._taken and self.used is other.used

    def follows(self, other: QuickSheet) -> bool:
        """Whether it was held against the windows of the other sheet as it was read."""
        return self._former is other and self._kept is not None

    def index(self, parts: Parts) -> None:
        """Show what stands around the rows. Nothing is said of the rows here."""
        if self._taken:
            pass
        else:
            for window in self._fresh():
                self._mark(window)
                if window.formulas:
                    self._note(window.formulas)
                if self._kept is not None:
                    self._kept.append(window)
        if "<!--" in self.head + self.tail or "<![" in self.head + self.tail:
            raise Odd
        check = XmlCheck()
        check.feed((self.head + self.tail).removeprefix("\ufeff").encode(), last=True)
        parts.show_piece(f"{self.member.key}#head", self.head, self.label)
        for row, column, text in self.formulas:
            place = f"{cell_place(self.label, row, column)}#formula"
            parts.texts.append(Text(place, text, STAR))
        parts.show_piece(f"{self.member.key}#tail", self.tail, self.label)
        self.merges = tuple(_merges(self.tail))

    def _note(self, formulas: Formulas) -> None:
        """Keep the texts of formulas to show them."""
        self.has_formulas = True
        self.formulas += formulas.worth
        if len(self.formulas) > _MAX_FORMULAS:
            raise Odd

    def _mark(self, window: Window) -> None:
        """Note the shared strings that the rows use."""
        numbers = window.shared[window.stored == SHARED]
        if len(numbers) and int(numbers.max()) >= len(self.used):
            raise Odd
        self.used[numbers] = True

    def _fresh(self) -> Iterator[Window]:
        """The windows as they are read from the package."""
        if self._former is None or self._kept is None:
            yield from self.cells.windows(self._body(), WINDOW)
            return
        yield from self._followed(self._former)

    def _followed(self, former: QuickSheet) -> Iterator[Window]:
        """The windows of a sheet that was written, by those of the other one, which are let go."""
        self.cells = former.cells
        body, rest, olds = self._body(), b"", former.let_go()
        for written in self._written:
            old = next(olds)
            size = old.size + written.spans.growth()
            while len(rest) < size and (piece := next(body, None)) is not None:
                rest += piece
            data, rest = rest[:size], rest[size:]
            if not written.spans.same(old.data[: old.size], data):
                raise Odd
            moved = written.window(old, data, self.cells.kind_of)
            self.aligned.append(moved is not None)
            yield moved or self.cells.window(data)
        if rest or any(body) or any(True for _ in olds):
            raise Odd

    def windows(self) -> Iterator[Window]:
        """The rows, 4,096 that hold something at a time."""
        if self._kept is not None:
            yield from self._kept
        else:
            yield from self.cells.windows(self._body(), WINDOW)

    def _body(self) -> Iterator[bytes]:
        """The bytes between ``<sheetData>`` and its end; sets head and tail on the way."""
        pieces = self.package.chunks(self.member)
        buffer = b""
        for piece in pieces:
            buffer += piece
            hit = re.search(rb"<sheetData ?/?>", buffer)
            if hit:
                break
            if len(buffer) > 1 << 20:
                raise Odd
        else:
            raise Odd
        self._set_head(buffer[: hit.end()])
        buffer = buffer[hit.end() :]
        if hit[0].endswith(b"/>"):
            self.tail = (buffer + b"".join(pieces)).decode()
            return
        while True:
            end = buffer.find(b"</sheetData>")
            if end >= 0:
                break
            yield buffer[:-16]
            piece = next(pieces, b"")
            if not piece:
                raise Odd
            buffer = buffer[-16:] + piece
        if end:
            yield buffer[:end]
        tail = buffer[end:] + b"".join(pieces)
        self.tail = tail.decode()

    def _set_head(self, head: bytes) -> None:
        if not re.match(rb"(?:\xef\xbb\xbf)?(?:<\?xml [^<>]*\?>\s*)?<worksheet[ >]", head):
            raise Odd
        if xml_codec(head) != "utf-8":
            raise Odd
        self.head = head.decode()

    def text(self, window: Window, at: int) -> str:
        """What a cell shows."""
        if window.stored[at] == SHARED:
            strings = self.book.strings
            assert isinstance(strings, QuickStrings)
            return strings.text(int(window.shared[at]))
        raw = window.data[window.first[at] : window.last[at]].decode()
        info = self._infos_of(int(window.kinds[at]))
        if info.kind == "inlineStr":
            return unescape(raw)
        return self._value(info, unescape(raw, "xml"))

    def _infos_of(self, number: int) -> Any:
        while number >= len(self._by_kind):
            rest = self.cells.kinds[len(self._by_kind)].rest
            self._by_kind.append(self._info(rest.decode()))
        return self._by_kind[number]

    def row(self, window: Window, cells_here: range) -> Row:
        """One row as the exact reader gives it."""
        out: dict[int, str] = {}
        numbers: list[int] = []
        dates: list[int] = []
        for at in cells_here:
            text = self.text(window, at)
            if not text:
                continue
            column = int(window.column[at])
            out[column] = text
            info = self._infos_of(int(window.kinds[at]))
            if info.kind == "n":
                dated = info.is_date and text[:1].isdigit() and not _plain(text)
                (dates if dated else numbers).append(column)
            elif info.kind == "d":
                dates.append(column)
        index = int(window.numbers[window.row[cells_here[0]]])
        return Row(index, out, frozenset(numbers), frozenset(dates))

    def rewritten_cell(self, window: Window, at: int, edits: Sequence[Edit], plan: Plan) -> str:
        """A cell element as the exact path writes it."""
        xml = window.data[window.start[at] : window.end[at]].decode()
        hit = self._patterns.cell.match(xml)
        assert hit
        new = self._edited_cell(xml, self._info(hit[4]), hit, edits, plan)
        assert new is not None
        return new


def open_workbook(
    stream: BinaryIO,
    like: Workbook | None = None,
    read: ReadStrings = SharedStrings,
    written: Mapping[str, Sequence[Written]] = MappingProxyType({}),
) -> Workbook:
    """A workbook. Sheets whose packed bytes are those of a sheet of ``like`` are not cut again, nor
    those that were ``written`` from it."""
    known = {} if like is None else {sheet.member.key: sheet for sheet in like.sheets}

    def sheet(package: Package, member: Member, label: str, book: Book) -> Sheet:
        fresh, old = QuickSheet(package, member, label, book), known.get(member.key)
        if isinstance(old, QuickSheet) and _same_packed(old, fresh):
            fresh.take(old)
        elif isinstance(old, QuickSheet) and old.member.key in written and old.keeps:
            fresh.follow(old, written[old.member.key])
        return fresh

    return Workbook(stream, quick=Quick(partial(QuickStrings, read=read), sheet))


def _same_packed(old: QuickSheet, new: QuickSheet) -> bool:
    """Whether the two lie in their files byte for byte alike, to be unpacked alike."""
    a, b = old.member, new.member
    if (a.packed, a.size, a.crc) != (b.packed, b.size, b.crc):
        return False
    if a.info.compress_type != b.info.compress_type or old.book.dates != new.book.dates:
        return False
    pairs = zip(old.package.packed(a), new.package.packed(b), strict=True)
    return all(one == other for one, other in pairs)


def strings_of(book: Workbook) -> QuickStrings:
    strings = book.book.strings
    assert isinstance(strings, QuickStrings)
    return strings


def texts_outside(book: Workbook) -> list[Text]:
    """The texts outside the cells. Raises Odd where workbooks lie inside the workbook."""
    texts = [part for part in book.parts if isinstance(part, Text)]
    if len(book.parts) - len(texts) != len(book.sheets):
        raise Odd
    if any(READING in text.place for text in texts):
        raise Odd
    return [*texts, *_orphans(book)]


def _orphans(book: Workbook) -> Iterator[Text]:
    """Shared strings that no cell uses."""
    strings, key = strings_of(book), book.strings_key
    if key is None:
        return
    used = np.zeros(len(strings.found_all), bool)
    for sheet in book.sheets:
        assert isinstance(sheet, QuickSheet)
        if len(sheet.used) != len(used):
            raise Odd
        used |= sheet.used
    left = np.flatnonzero(~used)
    if len(left) > _MAX_ORPHANS:
        raise Odd
    member = book.package.find(key)
    assert member
    for number in left.tolist():
        text = strings.text(number)
        if worth_showing(text):
            yield Text(f"{member_label(book.package, member)}#si{number}", text)
