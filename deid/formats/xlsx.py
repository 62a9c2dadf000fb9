"""Excel workbooks (ECMA-376 part 1, clause 18), transitional and strict, changed by splicing.

Sheets are streamed: pieces of whole rows, cut from the unpacked XML, scanned by one pattern. No
grid, no tree: a sheet whose only cells are A1 and XFD1048576 costs two cells. What is not a cell
(everything before and after ``sheetData``, every other part) is shown by ``opc.Parts``.
"""

from __future__ import annotations

import codecs
import re
from array import array
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats.magic import kind_of, require
from deid.formats.ooxml import (
    TOKEN,
    Element,
    Member,
    Package,
    Rules,
    Segment,
    Slot,
    Splice,
    XmlCheck,
    attributes,
    decode_xml,
    escape,
    legal,
    local,
    open_aside,
    quick_edit,
    segments_text,
    shadow,
    slot_text,
    spliced,
    splices,
    unescape,
    worth_showing,
    xml_codec,
)
from deid.formats.opc import MAX_DEPTH, Parts, Relations, member_label
from deid.model import Edit, Remark, Row, Table, Text

EXTENSIONS = (".xlsx", ".xlsm")
LABEL = "Excel 工作簿"

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
_STAR = "●"

# --- places ------------------------------------------------------------------------------------------

_PLACE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})(#formula|#phonetic)?")


@lru_cache(maxsize=MAX_COLUMNS)
def column_index(letters: str) -> int:
    """The column a name like ``AA`` stands for, from 0."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


class _Columns(dict[str, int]):
    """Column letters -> index, for the loop over all cells."""

    def __missing__(self, letters: str) -> int:
        self[letters] = column_index(letters)
        return self[letters]


_COLUMNS = _Columns()


@lru_cache(maxsize=MAX_COLUMNS)
def column_letters(index: int) -> str:
    """The name of a column counted from 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _cell_place(label: str, row: int, column: int) -> str:
    return f"{label}!{column_letters(column)}{row + 1}"


# --- numbers and dates -------------------------------------------------------------------------------

_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in number formats that show a date or a time (clause 18.8.30, with the East Asian ones)."""
_FORMAT_NOISE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.I)
_DIGITS = re.compile(r"0|-?[1-9][0-9]{0,14}")


def is_date_format(code: str) -> bool:
    """Whether a number format shows a date or a time of day."""
    plain = _FORMAT_NOISE.sub("", code.partition(";")[0])
    return "[" not in plain and bool(re.search(r"[ymdhs]", plain, re.I)) and "General" not in plain


def plain_number(raw: str) -> str:
    """A stored number as plain decimal text with the 15 digits that Excel keeps.

    >>> plain_number("5.10104198304209E+17")
    '510104198304209000'
    """
    if _DIGITS.fullmatch(raw):
        return raw
    try:
        number = Decimal(raw.strip())
    except InvalidOperation:
        return raw
    if not number.is_finite() or abs(number.adjusted()) > 30 or len(number.as_tuple().digits) > 25:
        return raw
    if number == number.to_integral_value():
        return f"{number:.0f}" if number else "0"
    if len(number.as_tuple().digits) > 17:  # no number that a spreadsheet wrote: hide nothing of it
        return f"{number:f}"
    text = f"{Decimal(f'{float(number):.15g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def date_text(raw: str, *, since_1904: bool) -> str | None:
    """A stored serial number as ISO 8601, or None if there is no such date."""
    try:
        serial = float(raw)
    except ValueError:
        return None
    if not 0 <= serial < 2_958_466:
        return None
    if not since_1904 and serial < 60:
        serial += serial >= 1
    start = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)
    try:
        moment = start + timedelta(seconds=round(serial * 86_400))
    except OverflowError:
        return None
    if serial < 1:
        return moment.time().isoformat()
    if moment.hour or moment.minute or moment.second:
        return moment.isoformat(" ")
    return moment.date().isoformat()


# --- pieces of XML -----------------------------------------------------------------------------------


def string_segments(xml: str, name: str) -> tuple[list[Segment], list[list[Segment]]]:
    """The raw ranges of the text in elements called ``name``; those in phonetic runs apart."""
    plain: list[Segment] = []
    spoken: list[list[Segment]] = []
    current: list[Segment] | None = None
    in_phonetic = False
    done = 0
    for token in TOKEN.finditer(xml):
        _take(xml, current, done, token.start())
        done = token.end()
        tag = local(token["tag"] or "")
        if token["cdata"] is not None and current is not None:
            current.append(Segment(*token.span("cdata"), "cdata"))
        elif tag == "rPh":
            in_phonetic = not token["end"]
            if in_phonetic:
                spoken.append([])
        elif tag == name:
            closed = token["end"] or token["attrs"].endswith("/")
            current = None if closed else (spoken[-1] if in_phonetic else plain)
    _take(xml, current, done, len(xml))
    return plain, spoken


def _take(xml: str, current: list[Segment] | None, start: int, end: int) -> None:
    if start < end and current is not None:
        current.append(Segment(start, end))
    elif start < end and xml[start:end].strip():
        raise UnreadableFile("工作表里有不该有的内容，请用 Excel 打开后另存一份再试")


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The patterns of one sheet; they differ by the namespace prefix that its elements have."""

    prefix: str
    cell: re.Pattern[str]
    usual: re.Pattern[str]
    bad: re.Pattern[str]
    numbered: re.Pattern[str]
    start: re.Pattern[str]
    end: re.Pattern[str]


_ATTRS = r"(?:\s+[\w.:-]+\s*=\s*(?:\"[^\"<>&]*\"|'[^'<>&]*'))*\s*"
_PLAIN_ATTRS = _ATTRS.replace("<>&]", "<>&\\x80-\\U0010ffff]")
_OTHERS = (
    "r|rPr|rPh|phoneticPr|b|i|strike|condense|extend|outline|shadow|u|vertAlign|sz|color"
    "|rFont|name|family|charset|scheme"
)
_SHARED_USE = re.compile(r" t=\"s\"(?: [a-z]{1,2}=\"\w{1,10}\")*+><v>([0-9]+)</v></c>")
_DIGITS_IN_QUOTES = re.compile(r"\d{11}[^\"'<>]*[\"']")
_LONG_ATTRIBUTE = re.compile(r"<[^<>]*=\s*[\"'](?=[^\"'<>.]*\d{11})")


@lru_cache(maxsize=16)
def _patterns(p: str) -> _Patterns:
    raw, p = p, re.escape(p)
    gap = r"[\s\0]*(?:<|\Z)"
    return _Patterns(
        prefix=raw,
        cell=re.compile(
            rf"<{p}(?:row(?=[\s/>])([^>]*)"
            rf"|c(?=[\s/>])(?: r=\"([A-Z]{{1,3}})([0-9]{{1,7}})\")?([^>]*?)"
            rf"(?:/>|>(?:<{p}v>([^<]*)</{p}v></{p}c>|<{p}is><{p}t>([^<]*)</{p}t></{p}is></{p}c>"
            rf"|(.*?)</{p}c\s*>)))",
            re.S,
        ),
        usual=re.compile(
            rf"(?:<{p}row(?: [A-Za-z0-9:]{{1,20}}=\"[A-Za-z0-9.:-]{{0,10}}\")*+/?>|</{p}row>"
            rf"|<{p}c(?: [rst]=\"[A-Za-z0-9]{{1,10}}\")*+(?:/>|>(?:<{p}v>[^<]*</{p}v>"
            rf"|<{p}is><{p}t(?: xml:space=\"preserve\")?>[^<]*</{p}t></{p}is>)</{p}c>))++"
        ),
        bad=re.compile(
            rf"<(?!{p}(?:v|f|t){_PLAIN_ATTRS}(?:>|/>{gap})|{p}(?:row|c|is){_PLAIN_ATTRS}/?>{gap}"
            rf"|{p}(?:{_OTHERS}){_ATTRS}/?>{gap}|/{p}(?:v|f|t|row|c|is|{_OTHERS})\s*>{gap})"
        ),
        numbered=re.compile(rf"<{p}row(?:\s[^>]*?)?\sr\s*=\s*[\"'][0-9]"),
        start=re.compile(rf"<{p}sheetData(?:\s[^<>]*?)?(/?)>"),
        end=re.compile(rf"</{p}sheetData\s*>"),
    )


_ROOT = re.compile(r"<((?:[\w.-]+:)?)(\w+)[\s/>]")


def _root(xml: str) -> tuple[str, str]:
    hit = _ROOT.search(shadow(xml))
    return (hit[1], hit[2]) if hit else ("", "")


# --- shared strings ----------------------------------------------------------------------------------


class _Strings:
    """The shared strings: their texts, how often cells use each, and edits of them."""

    def __init__(self, parts_xml: str | None) -> None:
        self.texts: list[str] = []
        self.special: list[int] = []
        self.regex = re.compile("")
        if parts_xml is not None:
            self._load(parts_xml)
        self.uses = array("L", bytes(len(self.texts) * array("L").itemsize))

    def _load(self, xml: str) -> None:
        p = re.escape(_root(xml)[0])
        self.regex = re.compile(
            rf"<{p}si(?:\s[^>]*)?(?:/>|>(?:<{p}t(?: xml:space=\"preserve\")?>([^<]*)</{p}t>"
            rf"|(.*?))</{p}si\s*>)",
            re.S,
        )
        hidden = shadow(xml)
        if re.search(rf"</{p}si\s*>[\s\0]*[^\s\0<]", hidden):
            raise UnreadableFile("共享字符串表里有不该有的内容，请用 Excel 另存一份再试")
        for hit in self.regex.finditer(hidden):
            plain = hit[1]
            if plain is not None and "\0" not in plain and "\1" not in plain:
                self.texts.append(unescape(plain) if "&" in plain or "_x" in plain else plain)
                continue
            segments, spoken = string_segments(xml[hit.start() : hit.end()], "t")
            self.texts.append(segments_text(xml[hit.start() : hit.end()], segments))
            if spoken:
                self.special.append(len(self.texts) - 1)

    def found(self, xml: str, wanted: Container[int]) -> Iterator[tuple[int, re.Match[str]]]:
        """Number and match of the wanted items."""
        for number, hit in enumerate(self.regex.finditer(shadow(xml))):
            if number in wanted:
                yield number, hit

    def show(self, xml: str, key: str, label: str, parts: Parts) -> None:
        """Show what no cell shows: phonetic runs and strings that no cell uses."""
        orphans = {n for n, used in enumerate(self.uses) if not used}
        wanted = {n for n in orphans if worth_showing(self.texts[n])} | set(self.special)
        if not wanted:
            return
        for number, hit in self.found(xml, wanted):
            start = hit.start()
            segments, spoken = string_segments(xml[start : hit.end()], "t")
            groups = [(f"#si{number}", segments)] if number in orphans else []
            groups += [(f"#si{number}.rPh", group) for group in spoken]
            for suffix, group in groups:
                slot = Slot(label + suffix, _moved(group, start))
                text = slot_text(xml, slot)
                if worth_showing(text):
                    parts.show_slot(key, slot, text)


def _moved(segments: Sequence[Segment], by: int) -> tuple[Segment, ...]:
    return tuple(Segment(s.start + by, s.end + by, s.kind, s.fill) for s in segments)


# --- one sheet ---------------------------------------------------------------------------------------

_EditKey = tuple[tuple[int, int, str], ...]
_CellEdits = dict[int, dict[int, Sequence[Edit]]]
_NO_EDITS: dict[int, Sequence[Edit]] = {}
_ROW_NUMBER = re.compile(r"(?<=\s)r\s*=\s*[\"']([0-9]{1,8})[\"']")


@dataclass(frozen=True, slots=True)
class _Book:
    """What the cells of all sheets share."""

    strings: _Strings
    dates: frozenset[int]
    since_1904: bool


@dataclass(frozen=True, slots=True)
class _Info:
    """What the attributes of a cell say."""

    kind: str
    is_date: bool
    ref: str


@dataclass(frozen=True, slots=True)
class _Formula:
    """A formula that spans cells: shared, array or data table."""

    row: int
    column: int
    kind: str
    group: str
    ref: str
    text: str


@dataclass(slots=True)
class _Plan:
    """What saving does to one sheet."""

    cells: _CellEdits = field(default_factory=dict)
    formulas: _CellEdits = field(default_factory=dict)
    spoken: _CellEdits = field(default_factory=dict)
    wanted: set[tuple[int, _EditKey]] = field(default_factory=set)
    own_cells: bool = False
    seen: int = 0
    in_place: dict[int, _EditKey] = field(default_factory=dict)
    items: dict[int, str] = field(default_factory=dict)
    replaced_formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    unbound: set[tuple[int, int]] = field(default_factory=set)
    renames: dict[str, str] = field(default_factory=dict)
    head: str | None = None
    tail: str | None = None


class _Sheet:
    """One worksheet: streams its cells, shows what else it holds, and writes itself changed."""

    def __init__(self, package: Package, member: Member, label: str, book: _Book) -> None:
        self.package, self.member, self.label, self.book = package, member, label, book
        self.merges: tuple[tuple[int, int, int, int], ...] = ()
        self.head = self.tail = ""
        self.has_formulas = self.has_shared = False
        self.spanning: list[_Formula] = []
        self.codec = "utf-8"
        self._infos: dict[str, _Info] = {}
        self._patterns = _patterns("")

    @property
    def prefix(self) -> str:
        """The namespace prefix of the sheet's elements, with its colon."""
        return self._patterns.prefix

    # reading

    def _decoded(self, *, check: bool) -> Iterator[str]:
        decoder: codecs.IncrementalDecoder | None = None
        checker = XmlCheck() if check else None
        for data in self.package.chunks(self.member):
            if decoder is None:
                self.codec = xml_codec(data)
                decoder = codecs.getincrementaldecoder(self.codec)()
            try:
                text = decoder.decode(data)
            except UnicodeDecodeError:
                raise UnreadableFile("工作表的编码有错误，请用 Excel 另存一份再试") from None
            if checker:
                checker.feed(text.removeprefix("\ufeff").encode())
            yield text
        if checker:
            checker.feed(b"", last=True)

    def _pieces(self, *, check: bool = False) -> Iterator[tuple[str, str]]:
        """("head" | "rows" | "tail", XML); joined they are the part."""
        buffer = ""
        state = "head"
        tail: list[str] = []
        for text in self._decoded(check=check):
            if state == "tail":
                tail.append(text)
                continue
            buffer += text
            hidden = shadow(buffer)
            if state == "head":
                cut, state = self._head_end(hidden)
                if not cut:
                    continue
                yield "head", buffer[:cut]
                buffer, hidden = buffer[cut:], hidden[cut:]
            if state == "rows":
                cut, state = self._rows_end(hidden)
                if cut:
                    yield "rows", buffer[:cut]
                    buffer = buffer[cut:]
            if state == "tail":
                tail.append(buffer)
                buffer = ""
        if state != "tail":
            raise UnreadableFile("工作表不完整，请用 Excel 打开后另存一份再试")
        yield "tail", "".join(tail)

    def _head_end(self, hidden: str) -> tuple[int, str]:
        prefix, root = _root(hidden)
        if root and root != "worksheet":
            raise UnreadableFile("工作表的内容无法识别，请用 Excel 打开后另存一份再试")
        self._patterns = _patterns(prefix)
        hit = self._patterns.start.search(hidden)
        if hit is None:
            return 0, "head"
        return hit.end(), "tail" if hit[1] else "rows"

    def _rows_end(self, hidden: str) -> tuple[int, str]:
        hit = self._patterns.end.search(hidden)
        if hit:
            return hit.start(), "tail"
        last = open_aside(hidden) if "<!" in hidden or "<?" in hidden else len(hidden)
        return max(hidden.rfind(f"<{self.prefix}row", 0, last), 0), "rows"

    def _cells(self, piece: str, state: list[int]) -> Iterator[tuple[_Info, re.Match[str]]]:
        """The cells of a piece; ``state`` is the row and the column of the one just given."""
        infos, columns = self._infos, _COLUMNS
        row, column, expected, counted = state[0], state[1], str(state[0] + 1), False
        for hit in self._patterns.cell.finditer(shadow(piece)):
            row_attrs, letters, digits, rest = hit.group(1, 2, 3, 4)
            if row_attrs is not None:
                number = _ROW_NUMBER.search(row_attrs)
                counted = number is None
                before, row = row, int(number[1]) - 1 if number else row + 1
                if not before < row < MAX_ROWS:
                    raise UnreadableFile("工作表的行号有错乱，请用 Excel 打开后另存一份再试")
                column, expected = -1, str(row + 1)
                state[:] = row, column
                continue
            info = infos.get(rest) or self._info(rest)
            if letters is None and info.ref:
                letters = info.ref.rstrip("0123456789")
                letters, digits = letters.upper(), info.ref[len(letters) :]
            if digits != expected and digits is not None:
                if not (counted and column < 0 and row < int(digits) <= MAX_ROWS):
                    raise UnreadableFile("工作表的单元格位置有错乱，请用 Excel 打开后另存一份再试")
                row, expected = int(digits) - 1, digits
                state[0] = row
            before, column = column, column + 1 if letters is None else columns[letters]
            if not before < column < MAX_COLUMNS or row < 0:
                raise UnreadableFile("工作表的单元格次序有错乱，请用 Excel 打开后另存一份再试")
            state[1] = column
            yield info, hit

    def _info(self, rest: str) -> _Info:
        attrs = attributes(rest)
        style = attrs.get("s", "")
        kind = attrs.get("t", "n")
        is_date = kind == "n" and style.isdigit() and int(style) in self.book.dates
        info = _Info(kind, is_date, attrs.get("r", "").strip())
        if not info.ref and len(self._infos) < 10_000:
            self._infos[rest] = info
        return info

    def _shown(self, info: _Info, hit: re.Match[str], piece: str) -> str:
        """What a cell shows: a number spelled out, a date as ISO 8601, a string in full."""
        value, plain = hit.group(5, 6)
        if value is not None and "\0" not in value:
            if info.kind == "s" and value.isdigit():
                return self._shared(value)
            if info.kind == "n" and not info.is_date and _DIGITS.fullmatch(value):
                return value
            return self._value(info, unescape(value, "xml"))
        if plain is not None and info.kind == "inlineStr" and "\0" not in plain:
            return unescape(plain) if "&" in plain or "_x" in plain or "\r" in plain else plain
        return self._text(info, _inner(hit, piece))

    def _text(self, info: _Info, inner: str) -> str:
        """What a cell with that content shows."""
        if info.kind == "inlineStr":
            return segments_text(inner, string_segments(inner, "t")[0])
        return self._value(info, self._raw_value(inner))

    def _value(self, info: _Info, raw: str) -> str:
        if info.kind == "s":
            return self._shared(raw) if raw.strip() else ""
        if info.kind == "n":
            return self._number(info, raw)
        if info.kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(raw.strip(), raw)
        return unescape(raw, "excel") if "_x" in raw else raw

    @staticmethod
    def _raw_value(inner: str) -> str:
        return segments_text(inner, _named_segments(inner, "v"), "xml")

    def _stored(self, hit: re.Match[str], piece: str) -> str:
        """What stands in the ``v`` element of a cell."""
        value: str | None = hit[5]
        if value is not None and "\0" not in value and "&" not in value:
            return value
        return self._raw_value(_inner(hit, piece))

    def _shared(self, raw: str) -> str:
        try:
            return self.book.strings.texts[self._shared_number(raw)]
        except IndexError:
            raise UnreadableFile("单元格指向不存在的字符串，请用 Excel 另存一份再试") from None

    @staticmethod
    def _shared_number(raw: str) -> int:
        if not raw.strip():
            raise UnreadableFile("单元格指向不存在的字符串，请用 Excel 另存一份再试")
        try:
            return int(raw)
        except ValueError:
            raise UnreadableFile("单元格指向不存在的字符串，请用 Excel 另存一份再试") from None

    def _number(self, info: _Info, raw: str) -> str:
        if info.is_date and raw:
            text = date_text(raw, since_1904=self.book.since_1904)
            if text is not None:
                return text
        return plain_number(raw)

    def rows(self) -> Iterator[Row]:
        """The rows that hold something, streamed."""
        state = [-1, -1]
        current = -1
        cells: dict[int, str] = {}
        numbers: list[int] = []
        dates: list[int] = []
        for kind, piece in self._pieces():
            if kind != "rows":
                continue
            for info, hit in self._cells(piece, state):
                if state[0] != current:
                    if cells:
                        yield Row(current, cells, frozenset(numbers), frozenset(dates))
                    current, cells, numbers, dates = state[0], {}, [], []
                text = self._shown(info, hit, piece)
                if text:
                    cells[state[1]] = text
                    if info.kind == "n":
                        (
                            dates
                            if info.is_date and text[:1].isdigit() and not _plain(text)
                            else numbers
                        ).append(state[1])
                    elif info.kind == "d":
                        dates.append(state[1])
        if cells:
            yield Row(current, cells, frozenset(numbers), frozenset(dates))

    def index(self, parts: Parts) -> None:
        """Check the whole sheet once and show what is not the value of a cell."""
        state = [-1, -1]
        for kind, piece in self._pieces(check=True):
            if kind == "rows":
                self._check(piece)
                self._count_strings(piece)
                self._index_piece(piece, state, parts)
            else:
                setattr(self, kind, piece)
                parts.show_piece(f"{self.member.key}#{kind}", piece, self.label)
        self.merges = tuple(_merges(self.tail))

    def _check(self, piece: str) -> None:
        """Refuse what the cell pattern would not see."""
        hidden = shadow(piece)
        odd = self._patterns.usual.sub("", hidden)
        stray = odd.strip("\0 \t\r\n")[:1] not in ("", "<")
        bad = stray or bool(self._patterns.bad.search(odd))
        bad = bad or bool(_DIGITS_IN_QUOTES.search(odd) and _LONG_ATTRIBUTE.search(odd))
        if not bad and hidden is not piece:
            bad = any(_aside_holds(hit) for hit in TOKEN.finditer(piece))
        if bad:
            raise UnreadableFile("工作表里有无法识别的内容，请用 Excel 打开后另存一份再试")

    def _count_strings(self, piece: str) -> None:
        unusual = "'s'" in piece or " =" in piece or "= " in piece or self.prefix
        sure = -1 if unusual else piece.count('"s"')
        found = _SHARED_USE.findall(piece)
        if sure != len(found):
            state = [-1, -1]
            found = []
            for info, hit in self._cells(piece, state):
                stored = self._stored(hit, piece) if info.kind == "s" else ""
                if stored.strip():
                    found.append(stored)
        self.has_shared = self.has_shared or bool(found)
        uses = self.book.strings.uses
        for number, count in Counter(found).items():
            index = self._shared_number(number)
            if not 0 <= index < len(uses):
                self._shared(str(len(uses)))
            uses[index] += count

    def _index_piece(self, piece: str, state: list[int], parts: Parts) -> None:
        p = self.prefix
        formula, phonetic = f"<{p}f", f"<{p}rPh"
        if formula not in piece and phonetic not in piece and not self._unnumbered(piece):
            last = _ROW_NUMBER.search(piece, max(piece.rfind(f"<{p}row"), 0))
            state[:] = int(last[1]) - 1 if last else state[0], -1
            return
        for info, hit in self._cells(piece, state):
            inner = _inner(hit, piece)
            if formula in inner:
                self._index_formula(inner, state, parts)
            if info.kind == "inlineStr" and phonetic in inner:
                for group in string_segments(inner, "t")[1]:
                    text = segments_text(inner, group)
                    parts.texts.append(Text(f"{_cell_place(self.label, *state)}#phonetic", text))

    def _unnumbered(self, piece: str) -> bool:
        """Whether a row does not say its number, so that only counting from the start tells it."""
        rows = piece.count(f"<{self.prefix}row")
        if rows == piece.count(f'<{self.prefix}row r="'):
            return False
        return len(self._patterns.numbered.findall(shadow(piece))) != rows

    def _index_formula(self, inner: str, state: list[int], parts: Parts) -> None:
        self.has_formulas = True
        text = segments_text(inner, _named_segments(inner, "f"))
        attrs = _formula_attrs(inner)
        kind = attrs.get("t", "")
        if kind in ("shared", "array", "dataTable"):
            ref, group = attrs.get("ref", ""), attrs.get("si", "")
            self.spanning.append(_Formula(state[0], state[1], kind, group, ref, text))
        if _FORMULA_WORTH.search(text):
            place = f"{_cell_place(self.label, *state)}#formula"
            parts.texts.append(Text(place, text, _STAR))

    # saving

    def shared_uses(self, wanted: _CellEdits) -> Iterator[tuple[int, int, int | None, bool]]:
        """(row, column, number of the shared string or None, has a formula) of the edited cells."""
        state = [-1, -1]
        formula = f"<{self.prefix}f"
        for kind, piece in self._pieces():
            if kind != "rows":
                continue
            for info, hit in self._cells(piece, state):
                row = wanted.get(state[0])
                if row is None or state[1] not in row:
                    continue
                number = None
                if info.kind == "s":
                    stored = self._stored(hit, piece)
                    number = self._shared_number(stored) if stored.strip() else None
                yield state[0], state[1], number, bool(hit[7]) and formula in _inner(hit, piece)

    def rewritten(self, plan: _Plan) -> Iterator[bytes]:
        """The sheet's bytes with the plan carried out."""
        state = [-1, -1]
        for kind, piece in self._pieces():
            if kind == "head":
                piece = piece if plan.head is None else plan.head
            elif kind == "tail":
                piece = piece if plan.tail is None else plan.tail
            else:
                piece = self._rewritten_rows(piece, state, plan)
            yield piece.encode(self.codec)
        if plan.seen != sum(map(len, plan.cells.values())):
            raise UnsafeEdit("要改的单元格不在这个文件里")

    def _rewritten_rows(self, piece: str, state: list[int], plan: _Plan) -> str:
        changes: list[Splice] = []
        row, columns = -1, _NO_EDITS
        for info, hit in self._cells(piece, state):
            if state[0] != row:
                row = state[0]
                columns = plan.cells.get(row, _NO_EDITS)
            edits = columns.get(state[1])
            new = None
            if edits:
                plan.seen += 1
                new = self._edited_cell(piece, info, hit, edits, plan)
            if new is not None:
                changes.append((hit.start(), hit.end(), new))
            elif hit[7] is not None:
                inner = hit[7] if "\0" not in hit[7] else _inner(hit, piece)
                changed = self._changed_inner(inner, (row, state[1]), plan)
                if changed != inner:
                    changes.append((*_inner_span(hit, piece), changed))
        return spliced(piece, changes) if changes else piece

    def _changed_inner(self, inner: str, here: tuple[int, int], plan: _Plan) -> str:
        """The content of a cell that is not edited itself: its formula, its readings."""
        changed = self._changed_formula(inner, here, plan)
        spoken = plan.spoken.get(here[0], _NO_EDITS).get(here[1])
        return _with_spoken_edits(changed, spoken) if spoken else changed

    def _edited_cell(
        self,
        piece: str,
        info: _Info,
        hit: re.Match[str],
        edits: Sequence[Edit],
        plan: _Plan,
    ) -> str | None:
        """The whole cell element, changed; None when its shared string is changed instead."""
        p = self.prefix
        if info.kind == "inlineStr":
            plain = hit[6]
            quick = quick_edit(plain, edits) if plain and "\0" not in plain else None
            if quick is not None and quick == quick.strip():
                return f"{piece[hit.start() : hit.start(6)]}{quick}{piece[hit.end(6) : hit.end()]}"
        number = self._shared_number(self._stored(hit, piece)) if info.kind == "s" else -1
        in_place = plan.in_place.get(number) == edit_key(edits)
        if in_place and (not hit[7] or f"<{p}f" not in hit[7]):
            return None
        if number in plan.items:
            content = _edited_item(plan.items[number], edits, p)
        elif info.kind == "inlineStr":
            content = _edited_item(_inner(hit, piece), edits, p)
        else:
            text = edited(self._shown(info, hit, piece), edits)
            content = f"<{p}is>{_t(p, text)}</{p}is>"
        start = piece[hit.start() : hit.start(4)]
        return f"{start}{_retyped(hit[4])}>{content}</{p}c>"

    def _changed_formula(self, inner: str, here: tuple[int, int], plan: _Plan) -> str:
        hit = _FORMULA.search(inner)
        if hit is None:
            return inner
        if here in plan.unbound:
            return inner[: hit.start()] + inner[hit.end() :]
        if here in plan.replaced_formulas:
            inner = inner[: hit.start()] + plan.replaced_formulas[here] + inner[hit.end() :]
        wanted = list(plan.formulas.get(here[0], {}).get(here[1], ()))
        slot = Slot("", tuple(_named_segments(inner, "f")), _STAR)
        if plan.renames:
            renamed = rename_edits(slot_text(inner, slot), plan.renames)
            wanted = merged_edits(renamed, wanted)
        return spliced(inner, splices(inner, slot, wanted)) if wanted else inner


def _inner_span(hit: re.Match[str], piece: str) -> tuple[int, int]:
    """Where the content of a matched cell stands: from its tag to its end tag."""
    start = hit.end(4) + 1
    if hit[5] is None and hit[6] is None and hit[7] is None:
        return start, start
    return start, piece.rfind("</", start, hit.end())


def _inner(hit: re.Match[str], piece: str) -> str:
    return piece[slice(*_inner_span(hit, piece))]


def _plain(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


_FORMULA = re.compile(
    r"<((?:[\w.-]+:)?)f(?=[\s/>])((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(?:/>|>.*?</\1f\s*>)", re.S
)
_FORMULA_WORTH = re.compile(r"(?:\d\D?){5}|@|[\u2e80-\U0010ffff]{4}")


def _formula_attrs(inner: str) -> dict[str, str]:
    hit = _FORMULA.search(inner)
    return attributes(hit[2]) if hit else {}


def _named_segments(inner: str, name: str) -> list[Segment]:
    """The text ranges of one element of a cell, whatever stands beside it."""
    out: list[Segment] = []
    inside = False
    done = 0
    for token in TOKEN.finditer(inner):
        if inside and done < token.start():
            out.append(Segment(done, token.start()))
        done = token.end()
        if token["cdata"] is not None and inside:
            out.append(Segment(*token.span("cdata"), "cdata"))
        elif local(token["tag"] or "") == name:
            inside = not token["end"] and not token["attrs"].endswith("/")
    return out


def _aside_holds(token: re.Match[str]) -> bool:
    aside = token["comment"] if token["comment"] is not None else token["pi"]
    return aside is not None and worth_showing(aside)


def _merges(tail: str) -> Iterator[tuple[int, int, int, int]]:
    for hit in re.finditer(
        r"<(?:[\w.-]+:)?mergeCell\s[^>]*?ref\s*=\s*[\"']\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})[\"']",
        shadow(tail),
    ):
        left, top, right, bottom = hit.groups()
        yield int(top) - 1, column_index(left), int(bottom) - 1, column_index(right)


def edit_key(edits: Sequence[Edit]) -> _EditKey:
    """What the edits of a cell do, apart from where the cell is."""
    return tuple((edit.start, edit.end, edit.replacement) for edit in edits)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """``text`` with the edits carried out."""
    if any(not 0 <= edit.start <= edit.end <= len(text) for edit in edits):
        raise UnsafeEdit("要改的位置超出了单元格内容")
    return spliced(text, edit_key(edits))


def _t(p: str, text: str) -> str:
    space = ' xml:space="preserve"' if text != text.strip() or "\n" in text else ""
    return f"<{p}t{space}>{escape(text)}</{p}t>"


@lru_cache(maxsize=10_000)
def _retyped(attrs: str) -> str:
    """The attributes of a cell that becomes an inline string."""
    attrs = re.sub(r"\s(?:t|cm|vm)\s*=\s*(?:\"[^\"]*\"|'[^']*')", "", attrs)
    return f'{attrs.rstrip()} t="inlineStr"'


_PHONETIC = re.compile(
    r"<((?:[\w.-]+:)?)(rPh|phoneticPr)(?=[\s/>])(?:[^>\"']|\"[^\"]*\"|'[^']*')*?(?:/>|>.*?</\1\2\s*>)",
    re.S,
)
_ITEM = re.compile(
    r"<(?:[\w.-]+:)?(?:si|is)(?:\s[^>]*?)?(?:/>|>(.*)</(?:[\w.-]+:)?(?:si|is)\s*>)", re.S
)


def _edited_item(item: str, edits: Sequence[Edit], p: str) -> str:
    """A ``si`` or ``is`` element as an edited ``is``: rich runs stay, readings go."""
    whole = _ITEM.search(item)
    inner = _PHONETIC.sub("", (whole[1] or "") if whole else "")
    slot = Slot("", tuple(string_segments(inner, "t")[0]))
    return f"<{p}is>{_keep_spaces(spliced(inner, splices(inner, slot, edits)))}</{p}is>"


_BARE_T = re.compile(r"<((?:[\w.-]+:)?)t>(?=\s|[^<]*\s</)")


def _keep_spaces(xml: str) -> str:
    return _BARE_T.sub(r'<\1t xml:space="preserve">', xml)


def _with_spoken_edits(inner: str, edits: Sequence[Edit]) -> str:
    groups = string_segments(inner, "t")[1]
    slot = Slot("", tuple(segment for group in groups for segment in group))
    return spliced(inner, splices(inner, slot, edits))


# --- formulas ----------------------------------------------------------------------------------------

_REFERENCE = re.compile(
    r"\"(?:[^\"]|\"\")*\"|'((?:[^']|'')*)'!|([^\s'!\"(),;+\-*/^&=<>:{}\[\]@#%]+)!"
)
_A1 = re.compile(
    r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\[[^\]]*\]|(?<![\w.$])(\$?)([A-Z]{1,3})(\$?)([1-9][0-9]{0,6})(?![\w.(!])"
)


def rename_edits(text: str, renames: Mapping[str, str]) -> list[Edit]:
    """The edits that make a formula, or a text that is a sheet name, follow a renaming."""
    if text in renames:
        return [Edit("", 0, len(text), renames[text])]
    out: list[Edit] = []
    for hit in _REFERENCE.finditer(text):
        name = hit[1].replace("''", "'") if hit[1] is not None else hit[2]
        if name is None:
            continue
        start, close, last = "", "", name
        if "]" in name:
            start, close, last = name.rpartition("]")
        new = ":".join(renames.get(part, part) for part in last.split(":"))
        if new != last and not start:
            quoted = new.replace("'", "''")
            out.append(Edit("", hit.start(), hit.end(), f"{start}{close}'{quoted}'!"))
    return out


def merged_edits(first: Sequence[Edit], second: Sequence[Edit]) -> list[Edit]:
    """Both, without those of ``second`` that overlap one of ``first``."""
    free = [e for e in second if not any(e.start < f.end and f.start < e.end for f in first)]
    return sorted([*first, *free], key=lambda edit: (edit.start, edit.end))


def moved_formula(text: str, rows: int, columns: int) -> str:
    """A formula as it reads that many cells further down and to the right."""

    def move(hit: re.Match[str]) -> str:
        if hit[2] is None:
            return hit[0]
        column = column_index(hit[2]) + (0 if hit[1] else columns)
        row = int(hit[4]) + (0 if hit[3] else rows)
        if not (0 <= column < MAX_COLUMNS and 1 <= row <= MAX_ROWS):
            raise UnsafeEdit("共享公式无法拆开，请先把公式列粘贴为数值再试")
        return f"{hit[1]}{column_letters(column)}{hit[3]}{row}"

    return _A1.sub(move, text)


# --- what the other parts mean -------------------------------------------------------------------------

_FORMULAS = frozenset(
    {"f", "formula", "formula1", "formula2", "definedName", "oldFormula"}
    | {"calculatedColumnFormula", "totalsRowFormula"}
)
_REFERS = frozenset({"f", "formula", "formula1", "formula2", "definedName", "lpstr"}) | {
    "calculatedColumnFormula",
    "totalsRowFormula",
}
_ATTRIBUTE_STARS = {
    ("definedName", "name"): "_",
    ("protectedRange", "name"): "_",
    ("table", "name"): "_",
    ("table", "displayName"): "_",
    ("pivotTableDefinition", "name"): "_",
    ("tableColumn", "name"): _STAR,
    ("cacheField", "name"): _STAR,
    ("numFmt", "formatCode"): _STAR,
    ("filter", "val"): _STAR,
    ("customFilter", "val"): _STAR,
    ("hyperlink", "location"): _STAR,
    ("n", "v"): "0",
    ("Relationship", "Target"): "x",
    ("Relationship", "Id"): "",
    ("Relationship", "Type"): "",
}
_NEVER = frozenset({"typeface", "panose", "lang", "altLang", "ContentType", "PartName", "spans"})


def _star(path: Sequence[Element], attr: str) -> str:
    name = path[-1].name if path else ""
    if attr:
        if attr in _NEVER:
            return ""
        if attr == "name" and _is_sheet(path):
            return _STAR
        return _ATTRIBUTE_STARS.get((name, attr), "*")
    if name in _FORMULAS:
        return _STAR
    if name == "v" and any(element.name in ("numCache", "numLit") for element in path):
        return "0"
    if name == "v" and len(path) > 1 and path[-2].name == "cell":
        return "*" if "t=" in path[-2].attrs else "0"
    return "*"


def _is_sheet(path: Sequence[Element]) -> bool:
    return len(path) > 1 and path[-1].name == "sheet" and path[-2].name == "sheets"


def _role(path: Sequence[Element], attr: str) -> str:
    if attr == "name" and _is_sheet(path):
        return "sheet"
    if attr in ("sheet", "location") or (not attr and path and path[-1].name in _REFERS):
        return "refers"
    return ""


RULES = Rules(
    groups=frozenset({"si", "is", "p", "text", "textbox", "rPh"}),
    breaks={"br": "\n", "tab": "\t", "cr": "\n"},
    star=_star,
    role=_role,
    coding="excel",
)


# --- the workbook ------------------------------------------------------------------------------------


_TELLING = re.compile(rf"\d{{9}}|\d[*{_STAR}]{{3}}|^[*{_STAR}]*$")
"""A sheet name that may hold an identifier, or held one: so places stay the same after masking."""


class Workbook:
    """An opened xlsx file (see ``deid.formats.Document``)."""

    format = "xlsx"

    def __init__(self, source: BinaryIO, depth: int = 0) -> None:
        self._source = source
        self._package = Package(source)
        self._relations = Relations(self._package)
        self._book_key = self._find_workbook()
        xml, _ = decode_xml(self._package.read(self._member(self._book_key)))
        self._strings_key = self._related("sharedStrings")
        strings_xml = self._xml(self._strings_key)
        dates = _date_styles(self._xml(self._related("styles")) or "")
        since_1904 = bool(re.search(r"date1904\s*=\s*[\"'](?:1|true|on)[\"']", xml))
        self._book = _Book(_Strings(strings_xml), dates, since_1904)
        self._sheets: dict[str, _Sheet] = {}
        self._names: dict[str, str] = {}
        tables = self._read_sheets(xml)
        own = {sheet.member.key for sheet in self._sheets.values()} | {self._strings_key or ""}
        inner = partial(Workbook, depth=depth + 1) if depth < MAX_DEPTH else None
        self._parts = Parts(
            self._package,
            self._relations,
            RULES,
            own=frozenset(own),
            prefix=self._prefix,
            inner=inner,
        )
        for sheet in self._sheets.values():
            sheet.index(self._parts)
        if strings_xml is not None and self._strings_key:
            label = self._parts.label(self._member(self._strings_key))
            self._book.strings.show(strings_xml, self._strings_key, label, self._parts)
        listed = [self._table(table) for table in tables]
        self.parts: Sequence[Table | Text] = [*listed, *self._parts.tables, *self._parts.texts]
        self.remarks: Sequence[Remark] = self._parts.remarks

    def _member(self, key: str) -> Member:
        member = self._package.find(key)
        if member is None:
            raise UnreadableFile("工作簿缺少必需的部分，请用 Excel 打开后另存一份再试")
        return member

    def _xml(self, key: str | None) -> str | None:
        return decode_xml(self._package.read(self._member(key)))[0] if key else None

    def _find_workbook(self) -> str:
        found = [r.target for r in self._relations.by_type("", "officeDocument") if r.target]
        if not found:
            raise UnreadableFile("文件里没有工作簿，不是有效的 Excel 文件")
        key = found[0]
        if key.endswith(".bin"):
            raise UnreadableFile("这是二进制工作簿（xlsb），请用 Excel 另存为 xlsx 再试")
        if _root(decode_xml(self._package.read(self._member(key)))[0])[1] != "workbook":
            raise UnreadableFile("文件里没有工作簿（可能是 Word 或 PowerPoint 文件改了扩展名）")
        return key

    def _related(self, kind: str) -> str | None:
        found = self._relations.by_type(self._book_key, kind)
        return next((relation.target for relation in found if relation.target), None)

    def _read_sheets(self, xml: str) -> list[tuple[_Sheet, bool]]:
        """The worksheets in their order, with whether they are hidden."""
        targets = {r.id: r for r in self._relations.of.get(self._book_key, ())}
        tables: list[tuple[_Sheet, bool]] = []
        pattern = r"<(?:[\w.-]+:)?sheet\s((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>"
        for number, hit in enumerate(re.finditer(pattern, shadow(xml)), 1):
            attrs = attributes(hit[1])
            relation = next((targets.get(v) for k, v in attrs.items() if k.endswith(":id")), None)
            name = unescape(attrs.get("name", ""), "excel")
            label = self._label(name, number)
            if relation is None or relation.target is None:
                raise UnreadableFile("工作簿缺少一张工作表，请用 Excel 打开后另存一份再试")
            if "acrosheet" in relation.type:
                raise UnreadableFile("文件里有宏表，请另存为不含宏的格式后再试")
            self._names[label] = name
            if relation.type != "worksheet":
                continue
            if any(sheet.member.key == relation.target for sheet in self._sheets.values()):
                raise UnreadableFile("两张工作表指向同一内容，不予处理")
            sheet = _Sheet(self._package, self._member(relation.target), label, self._book)
            self._sheets[label] = sheet
            tables.append((sheet, attrs.get("state", "visible") != "visible"))
        return tables

    def _label(self, name: str, number: int) -> str:
        """How places name a sheet: its name, unless that could itself hold an identifier."""
        label = f"工作表{number}" if _TELLING.search(name) or not name else name
        while label in self._names:
            label += "_"
        return label

    def _table(self, listed: tuple[_Sheet, bool]) -> Table:
        sheet, hidden = listed
        place = partial(_cell_place, sheet.label)
        return Table(sheet.label, sheet.rows, place, sheet.merges, hidden)

    def _prefix(self, member: Member) -> str:
        """Comments are named for their sheet, all else for its part."""
        for source, relation in self._relations.sources_of(member.key):
            if relation.type.lower() in ("comments", "threadedcomment"):
                for sheet in self._sheets.values():
                    if sheet.member.key == source:
                        return sheet.label
        return member_label(self._package, member)

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """Name and unpacked bytes of every member of the package."""
        return self._parts.raw()

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    # saving

    def save(self, target: BinaryIO, edits: Mapping[str, Sequence[Edit]]) -> None:
        """Write the workbook with ``edits`` spliced in; members not edited stay as they are."""
        edits = {place: wanted for place, wanted in edits.items() if wanted}
        plans = {label: _Plan() for label in self._sheets}
        for place, wanted in edits.items():
            self._sort_edit(place, wanted, plans)
        renames, extra = self._renames(edits)
        dropped: set[str] = set()
        shared = self._resolve(plans, dropped)
        change, changes = self._parts.change(edits, extra, frozenset(dropped))
        self._string_changes(shared, plans, changes)
        for label, sheet in self._sheets.items():
            plan = plans[label]
            plan.renames = renames if sheet.has_formulas else {}
            for kind in ("head", "tail"):
                wanted_here = changes.pop(f"{sheet.member.key}#{kind}", None)
                if wanted_here:
                    setattr(plan, kind, spliced(getattr(sheet, kind), wanted_here))
            if _has_work(plan):
                change.content[sheet.member.key] = sheet.rewritten(plan)
        self._parts.finish(change, changes)
        self._package.write(target, change)

    def _sort_edit(self, place: str, wanted: Sequence[Edit], plans: dict[str, _Plan]) -> None:
        if self._parts.owns(place):
            return
        label, _, where = place.rpartition("!")
        hit = _PLACE.fullmatch(where)
        if hit is None or label not in plans:
            raise UnsafeEdit("要改的位置不在这个文件里")
        plan = plans[label]
        letters, digits, kind = hit.groups()
        edits = plan.cells
        if kind:
            edits = plan.formulas if kind == "#formula" else plan.spoken
        edits.setdefault(int(digits) - 1, {})[_COLUMNS[letters]] = wanted

    def _resolve(self, plans: dict[str, _Plan], dropped: set[str]) -> dict[int, Counter[_EditKey]]:
        """How often each edit is wanted of each shared string; formulas that lose their cell."""
        shared: dict[int, Counter[_EditKey]] = {}
        lost = False
        for label, plan in plans.items():
            sheet = self._sheets[label]
            if not plan.cells:
                continue
            if not (sheet.has_formulas or sheet.has_shared):
                plan.own_cells = True
                continue
            seen = 0
            removed: set[tuple[int, int]] = set()
            for row, column, number, formula in sheet.shared_uses(plan.cells):
                seen += 1
                if number is not None:
                    key = edit_key(plan.cells[row][column])
                    shared.setdefault(number, Counter())[key] += 1
                    plan.wanted.add((number, key))
                else:
                    plan.own_cells = True
                if formula:
                    plan.own_cells = True
                    removed.add((row, column))
            if seen != sum(map(len, plan.cells.values())):
                raise UnsafeEdit("要改的单元格不在这个文件里")
            _unbind(sheet, plan, removed)
            lost = lost or bool(removed or plan.unbound)
        chain = self._related("calcChain")
        if lost and chain:
            dropped.add(chain)
        return shared

    def _string_changes(
        self,
        shared: dict[int, Counter[_EditKey]],
        plans: dict[str, _Plan],
        changes: dict[str, list[Splice]],
    ) -> None:
        """Edit a string in place when no use of it stays as it was; other uses get their own."""
        if not shared or self._strings_key is None:
            return
        uses = self._book.strings.uses
        in_place: dict[int, _EditKey] = {}
        items: dict[int, str] = {}
        for number, wanted in shared.items():
            if sum(wanted.values()) == uses[number]:
                in_place[number] = wanted.most_common(1)[0][0]
        xml = self._xml(self._strings_key) or ""
        out = changes.setdefault(self._strings_key, [])
        for number, hit in self._book.strings.found(xml, shared):
            if number not in in_place or len(shared[number]) > 1:
                items[number] = xml[hit.start() : hit.end()]
            if number in in_place:
                out += _item_splices(xml, hit, in_place[number])
        for plan in plans.values():
            plan.in_place, plan.items = in_place, items

    def _renames(
        self, edits: Mapping[str, Sequence[Edit]]
    ) -> tuple[dict[str, str], dict[str, list[Splice]]]:
        """Old sheet name -> new one, and the splices that make every reference follow."""
        renames: dict[str, str] = {}
        extra: dict[str, list[Splice]] = {}
        taken = {name.lower() for name in self._names.values()}
        for key, slot in self._parts.roles.get("sheet", ()):
            wanted = edits.get(slot.place)
            if not wanted:
                continue
            xml = self._parts.xml(key)
            old = slot_text(xml, slot)
            new = _sheet_name(edited(old, wanted), taken)
            renames[old] = new
            whole = [Edit("", 0, len(old), new)]
            extra.setdefault(key, []).extend(splices(xml, slot, whole))
        if renames:
            xmls = {key: self._parts.xml(key) for key, _ in self._parts.roles.get("refers", ())}
            for key, slot in self._parts.roles.get("refers", ()):
                xml = xmls[key]
                found = rename_edits(slot_text(xml, slot), renames)
                extra.setdefault(key, []).extend(splices(xml, slot, found))
        return renames, extra


def _item_splices(xml: str, hit: re.Match[str], key: _EditKey) -> list[Splice]:
    edits = [Edit("", *change) for change in key]
    if hit[1] is not None and "\0" not in hit[1]:
        quick = quick_edit(hit[1], edits)
        if quick is not None:
            return [(hit.start(1), hit.end(1), quick)]
    segments, _ = string_segments(xml[hit.start() : hit.end()], "t")
    return splices(xml, Slot("", _moved(segments, hit.start())), edits)


def _has_work(plan: _Plan) -> bool:
    if plan.head is not None or plan.tail is not None or plan.formulas or plan.spoken:
        return True
    if plan.replaced_formulas or plan.unbound or plan.renames:
        return True
    return plan.own_cells or any(plan.in_place.get(n) != key for n, key in plan.wanted)


def _unbind(sheet: _Sheet, plan: _Plan, removed: set[tuple[int, int]]) -> None:
    """Keep the other cells of a formula right when one of its cells becomes plain text."""
    edited_cells = {(row, column) for row, columns in plan.cells.items() for column in columns}
    groups: dict[str, list[_Formula]] = {}
    for formula in sheet.spanning:
        if formula.kind == "shared":
            groups.setdefault(formula.group, []).append(formula)
        elif _touches(formula.ref, edited_cells):
            plan.unbound.add((formula.row, formula.column))
    for cells in groups.values():
        master = next((f for f in cells if f.text), None)
        if master is None or (master.row, master.column) not in removed:
            continue
        left = [f for f in cells if f is not master and (f.row, f.column) not in removed]
        if left:
            plan.replaced_formulas[left[0].row, left[0].column] = _new_master(master, left, sheet)


def _new_master(master: _Formula, left: Sequence[_Formula], sheet: _Sheet) -> str:
    first = left[0]
    text = moved_formula(master.text, first.row - master.row, first.column - master.column)
    rows, columns = [f.row for f in left], [f.column for f in left]
    ref = ":".join(
        _cell_place("", corner[0], corner[1])[1:]
        for corner in ((min(rows), min(columns)), (max(rows), max(columns)))
    )
    p = sheet.prefix
    return f'<{p}f t="shared" ref="{ref}" si="{first.group}">{escape(text)}</{p}f>'


def _touches(ref: str, cells: set[tuple[int, int]]) -> bool:
    corners = re.findall(r"([A-Z]{1,3})([0-9]{1,7})", ref)
    if not corners:
        return True
    (left, top), (right, bottom) = corners[0], corners[-1]
    rows = range(int(top) - 1, int(bottom))
    columns = range(column_index(left), column_index(right) + 1)
    return any(row in rows and column in columns for row, column in cells)


def _sheet_name(name: str, taken: set[str]) -> str:
    """A legal sheet name that no other sheet has."""
    name = re.sub(r"[\[\]:?/\\]", "_", legal(name, _STAR)).strip("'")[:31] or _STAR
    stem, number = name, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem[: 30 - len(str(number))]}_{number}"
    taken.add(name.lower())
    return name


def _date_styles(xml: str) -> frozenset[int]:
    """The cell styles that show a number as a date."""
    hidden = shadow(xml)
    codes = {
        attrs.get("numFmtId", ""): attrs.get("formatCode", "")
        for attrs in (
            attributes(hit[1])
            for hit in re.finditer(
                r"<(?:[\w.-]+:)?numFmt\s((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", hidden
            )
        )
    }
    section = re.search(r"<((?:[\w.-]+:)?)cellXfs[\s>].*?</\1cellXfs", hidden, re.S)
    styles = re.findall(r"<(?:[\w.-]+:)?xf(?=[\s/>])([^>]*)>", section[0] if section else "")
    out = set()
    for number, raw in enumerate(styles):
        code = attributes(raw).get("numFmtId", "0")
        shown = is_date_format(codes[code]) if code in codes else None
        if shown or (shown is None and code.isdigit() and int(code) in _DATE_FORMATS):
            out.add(number)
    return frozenset(out)


def read(path: Path) -> Workbook:
    """The workbook at ``path``. Raises UnreadableFile that names the fault."""
    try:
        kind = kind_of(path)
        if not kind.startswith("zip"):
            require(path, "zip-xlsx", "zip-xlsm")
        source = path.open("rb")
    except OSError:
        raise UnreadableFile("打不开文件") from None
    try:
        return Workbook(source)
    except BaseException:
        source.close()
        raise
