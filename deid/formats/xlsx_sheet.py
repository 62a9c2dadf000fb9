"""One worksheet and the shared strings: streamed, checked, and written with cells spliced.

Sheets are cut into pieces of whole rows from the unpacked XML, and one pattern scans each piece. No
grid, no tree: a sheet whose only cells are A1 and XFD1048576 costs two cells.
"""

from __future__ import annotations

import codecs
import re
from array import array
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats.ooxml import (
    TOKEN,
    Member,
    Package,
    Segment,
    Slot,
    Splice,
    XmlCheck,
    attributes,
    escape,
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
from deid.formats.opc import Parts
from deid.formats.xlsx_values import (
    COLUMNS,
    MAX_COLUMNS,
    MAX_ROWS,
    PLAIN_INTEGER,
    STAR,
    cell_place,
    column_index,
    date_text,
    merged_edits,
    plain_number,
    rename_edits,
)
from deid.later import compiled, later
from deid.model import Edit, Row, Text

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
_SHARED_USE = later(r" t=\"s\"(?: [a-z]{1,2}=\"\w{1,10}\")*+><v>([0-9]+)</v></c>")
_DIGITS_IN_QUOTES = later(r"\d{11}[^\"'<>]*[\"']")
_LONG_ATTRIBUTE = later(r"<[^<>]*=\s*[\"'](?=[^\"'<>.]*\d{11})")


@lru_cache(maxsize=16)
def _patterns(p: str) -> _Patterns:
    raw, p = p, re.escape(p)
    gap = r"[\s\0]*(?:<|\Z)"
    return _Patterns(
        prefix=raw,
        cell=compiled(
            rf"(?s)<{p}(?:row(?=[\s/>])([^>]*)"
            rf"|c(?=[\s/>])(?: r=\"([A-Z]{{1,3}})([0-9]{{1,7}})\")?([^>]*?)"
            rf"(?:/>|>(?:<{p}v>([^<]*)</{p}v></{p}c>|<{p}is><{p}t>([^<]*)</{p}t></{p}is></{p}c>"
            rf"|(.*?)</{p}c\s*>)))"
        ),
        usual=compiled(
            rf"(?:<{p}row(?: [A-Za-z0-9:]{{1,20}}=\"[A-Za-z0-9.:-]{{0,10}}\")*+/?>|</{p}row>"
            rf"|<{p}c(?: [rst]=\"[A-Za-z0-9]{{1,10}}\")*+(?:/>|>(?:<{p}v>[^<]*</{p}v>"
            rf"|<{p}is><{p}t(?: xml:space=\"preserve\")?>[^<]*</{p}t></{p}is>)</{p}c>))++"
        ),
        bad=compiled(
            rf"<(?!{p}(?:v|f|t){_PLAIN_ATTRS}(?:>|/>{gap})|{p}(?:row|c|is){_PLAIN_ATTRS}/?>{gap}"
            rf"|{p}(?:{_OTHERS}){_ATTRS}/?>{gap}|/{p}(?:v|f|t|row|c|is|{_OTHERS})\s*>{gap})"
        ),
        numbered=compiled(rf"<{p}row(?:\s[^>]*?)?\sr\s*=\s*[\"'][0-9]"),
        start=compiled(rf"<{p}sheetData(?:\s[^<>]*?)?(/?)>"),
        end=compiled(rf"</{p}sheetData\s*>"),
    )


_ROOT = later(r"<((?:[\w.-]+:)?)(\w+)[\s/>]")


def xml_root(xml: str) -> tuple[str, str]:
    hit = _ROOT.search(shadow(xml))
    return (hit[1], hit[2]) if hit else ("", "")


# --- shared strings ----------------------------------------------------------------------------------


class Strings:
    """The shared strings: their texts, how often cells use each, and edits of them."""

    def __init__(self, parts_xml: str | None) -> None:
        self.texts: list[str] = []
        self.special: list[int] = []
        self.regex = compiled("")
        if parts_xml is not None:
            self._load(parts_xml)
        self.uses = array("L", bytes(len(self.texts) * array("L").itemsize))

    def _load(self, xml: str) -> None:
        p = re.escape(xml_root(xml)[0])
        self.regex = compiled(
            rf"(?s)<{p}si(?:\s[^>]*)?(?:/>|>(?:<{p}t(?: xml:space=\"preserve\")?>([^<]*)</{p}t>"
            rf"|(.*?))</{p}si\s*>)"
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
                slot = Slot(label + suffix, moved(group, start))
                text = slot_text(xml, slot)
                if worth_showing(text):
                    parts.show_slot(key, slot, text)


def moved(segments: Sequence[Segment], by: int) -> tuple[Segment, ...]:
    return tuple(Segment(s.start + by, s.end + by, s.kind, s.fill) for s in segments)


# --- one sheet ---------------------------------------------------------------------------------------

EditKey = tuple[tuple[int, int, str], ...]
CellEdits = dict[int, dict[int, Sequence[Edit]]]
_NO_EDITS: dict[int, Sequence[Edit]] = {}
_ROW_NUMBER = later(r"(?<=\s)r\s*=\s*[\"']([0-9]{1,8})[\"']")


@dataclass(frozen=True, slots=True)
class Book:
    """What the cells of all sheets share."""

    strings: Strings
    dates: frozenset[int]
    since_1904: bool


@dataclass(frozen=True, slots=True)
class _Info:
    """What the attributes of a cell say."""

    kind: str
    is_date: bool
    ref: str


@dataclass(frozen=True, slots=True)
class SpanningFormula:
    """A formula that spans cells: shared, array or data table."""

    row: int
    column: int
    kind: str
    group: str
    ref: str
    text: str


@dataclass(slots=True)
class Plan:
    """What saving does to one sheet."""

    cells: CellEdits = field(default_factory=dict)
    formulas: CellEdits = field(default_factory=dict)
    spoken: CellEdits = field(default_factory=dict)
    wanted: set[tuple[int, EditKey]] = field(default_factory=set)
    own_cells: bool = False
    seen: int = 0
    in_place: dict[int, EditKey] = field(default_factory=dict)
    items: dict[int, str] = field(default_factory=dict)
    replaced_formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    unbound: set[tuple[int, int]] = field(default_factory=set)
    renames: dict[str, str] = field(default_factory=dict)
    head: str | None = None
    tail: str | None = None


class Sheet:
    """One worksheet: streams its cells, shows what else it holds, and writes itself changed."""

    def __init__(self, package: Package, member: Member, label: str, book: Book) -> None:
        self.package, self.member, self.label, self.book = package, member, label, book
        self.merges: tuple[tuple[int, int, int, int], ...] = ()
        self.head = self.tail = ""
        self.has_formulas = self.has_shared = False
        self.spanning: list[SpanningFormula] = []
        self.codec = "utf-8"
        self._infos: dict[str, _Info] = {}
        self._patterns = _patterns("")

    @property
    def prefix(self) -> str:
        """The namespace prefix of the sheet's elements, with its colon."""
        return self._patterns.prefix

    # for whoever writes the sheet in another shape

    def pieces(self) -> Iterator[tuple[str, str]]:
        """("head" | "rows" | "tail", XML); joined they are the part."""
        return self._pieces()

    def typed_cells(self, piece: str, state: list[int]) -> Iterator[tuple[str, re.Match[str]]]:
        """Type and match of each cell of a piece of rows; ``state``: its row and column."""
        return ((info.kind, hit) for info, hit in self._cells(piece, state))

    def shown(self, hit: re.Match[str], piece: str) -> str:
        """What a cell shows."""
        return self._shown(self._info(hit[4]), hit, piece)

    def shared_string(self, hit: re.Match[str], piece: str) -> int | None:
        """The number of the shared string of a cell of type ``s``."""
        stored = self._stored(hit, piece)
        return self._shared_number(stored) if stored.strip() else None

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
        prefix, root = xml_root(hidden)
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
        infos, columns = self._infos, COLUMNS
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
            if info.kind == "n" and not info.is_date and PLAIN_INTEGER.fullmatch(value):
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
                    parts.texts.append(Text(f"{cell_place(self.label, *state)}#phonetic", text))

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
            self.spanning.append(SpanningFormula(state[0], state[1], kind, group, ref, text))
        if FORMULA_WORTH.search(text):
            place = f"{cell_place(self.label, *state)}#formula"
            parts.texts.append(Text(place, text, STAR))

    # saving

    def shared_uses(self, wanted: CellEdits) -> Iterator[tuple[int, int, int | None, bool]]:
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

    def rewritten(self, plan: Plan) -> Iterator[bytes]:
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

    def _rewritten_rows(self, piece: str, state: list[int], plan: Plan) -> str:
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

    def _changed_inner(self, inner: str, here: tuple[int, int], plan: Plan) -> str:
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
        plan: Plan,
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

    def _changed_formula(self, inner: str, here: tuple[int, int], plan: Plan) -> str:
        hit = _FORMULA.search(inner)
        if hit is None:
            return inner
        if here in plan.unbound:
            return inner[: hit.start()] + inner[hit.end() :]
        if here in plan.replaced_formulas:
            inner = inner[: hit.start()] + plan.replaced_formulas[here] + inner[hit.end() :]
        wanted = list(plan.formulas.get(here[0], {}).get(here[1], ()))
        slot = Slot("", tuple(_named_segments(inner, "f")), STAR)
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


_FORMULA = later(
    r"(?s)<((?:[\w.-]+:)?)f(?=[\s/>])((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(?:/>|>.*?</\1f\s*>)"
)
FORMULA_WORTH = later(r"(?:\d\D?){5}|@|[\u2e80-\U0010ffff]{4}")


def _formula_attrs(inner: str) -> dict[str, str]:
    hit = _FORMULA.search(inner)
    return attributes(hit[2]) if hit else {}


@dataclass(frozen=True, slots=True)
class CellFormula:
    """The formula in the content of a cell: where its element stands, its attributes, its text."""

    span: tuple[int, int]
    attrs: dict[str, str]
    text: str


def cell_formula(inner: str) -> CellFormula | None:
    """The formula in the content of a cell."""
    hit = _FORMULA.search(inner)
    if hit is None:
        return None
    text = segments_text(hit[0], _named_segments(hit[0], "f"))
    return CellFormula(hit.span(), attributes(hit[2]), text)


def inner_span(hit: re.Match[str], piece: str) -> tuple[int, int]:
    """Where the content of a matched cell stands: from its tag to its end tag."""
    return _inner_span(hit, piece)


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


def edit_key(edits: Sequence[Edit]) -> EditKey:
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


_PHONETIC = later(
    r"(?s)<((?:[\w.-]+:)?)(rPh|phoneticPr)(?=[\s/>])(?:[^>\"']|\"[^\"]*\"|'[^']*')*?(?:/>|>.*?</\1\2\s*>)",
)
_ITEM = later(r"(?s)<(?:[\w.-]+:)?(?:si|is)(?:\s[^>]*?)?(?:/>|>(.*)</(?:[\w.-]+:)?(?:si|is)\s*>)")


def _edited_item(item: str, edits: Sequence[Edit], p: str) -> str:
    """A ``si`` or ``is`` element as an edited ``is``: rich runs stay, readings go."""
    whole = _ITEM.search(item)
    inner = _PHONETIC.sub("", (whole[1] or "") if whole else "")
    slot = Slot("", tuple(string_segments(inner, "t")[0]))
    return f"<{p}is>{_keep_spaces(spliced(inner, splices(inner, slot, edits)))}</{p}is>"


_BARE_T = later(r"<((?:[\w.-]+:)?)t>(?=\s|[^<]*\s</)")


def _keep_spaces(xml: str) -> str:
    return _BARE_T.sub(r'<\1t xml:space="preserve">', xml)


def _with_spoken_edits(inner: str, edits: Sequence[Edit]) -> str:
    groups = string_segments(inner, "t")[1]
    slot = Slot("", tuple(segment for group in groups for segment in group))
    return spliced(inner, splices(inner, slot, edits))
