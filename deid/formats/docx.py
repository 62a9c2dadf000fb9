"""Word documents (ECMA-376 part 1, clause 17), transitional and strict, changed by splicing.

Each part that holds WordprocessingML is read in one pass over its tokens: paragraphs, tables (nested
ones apart), and whatever other text stands between. Attributes and all other parts are shown by
``opc.Parts``. A paragraph with tracked changes has several readings: as it reads now, as it read
before, as an older program shows it; each is shown, and an edit of any is made in the same runs.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats import NOTHING, html, magic, xlsx
from deid.formats.ooxml import (
    TOKEN,
    Element,
    Member,
    Package,
    Rules,
    Segment,
    Slot,
    Splice,
    attributes,
    decode_xml,
    local,
    merged_splices,
    scan_texts,
    slot_text,
    splices,
    worth_showing,
)
from deid.formats.opc import MAX_DEPTH, Parts, Relations
from deid.model import READING, Edit, Remark, Row, Table, Text

if TYPE_CHECKING:
    from deid.formats import Document

EXTENSIONS = (".docx", ".docm")
LABEL = "Word 文档"
KEEPS = (
    "段落、表格、文本框、页眉页脚、脚注、批注、修订、域、样式",
    "没有遮盖的部件一字不变",
    "嵌入的 Word、Excel、网页（逐层处理）",
    "图片（列出，请人工查看）",
)
DROPS = ("缩略图", "数字签名", "图形的备份数据", "图片的拍摄信息和说明")
REFUSES = (
    "密码",
    "宏、控件",
    "嵌入的其他对象（OLE）、RTF、MHT 和附件",
    "压缩炸弹、DOCTYPE、损坏或不完整的包",
)

MAX_NESTING = 2_000
MAX_COLUMNS = 4_096
"""Word allows 63; what claims more is an attack on whoever counts."""

_MAIN = re.compile(
    r"\sxmlns(?::([\w.-]+))?\s*=\s*[\"']"
    r"(?:http://schemas\.openxmlformats\.org/wordprocessingml/2006/main"
    r"|http://purl\.oclc\.org/ooxml/wordprocessingml/main)[\"']"
)

# --- what a part is made of --------------------------------------------------------------------------

_KINDS = {
    **dict.fromkeys(("t", "delText"), "text"),
    **dict.fromkeys(("instrText", "delInstrText"), "code"),
    **dict.fromkeys(("del", "moveFrom"), "deleted"),
    **dict.fromkeys(("ins", "moveTo"), "inserted"),
}
_MARKS = ("deleted", "inserted", "choice", "fallback")
_GAPS = {"br": "\n", "cr": "\n", "tab": "\t", "ptab": "\t"} | {
    "noBreakHyphen": "\u2011",
    "softHyphen": "\u00ad",
}
_DINGBATS = re.compile(r"Wingdings|Webdings|Symbol", re.I)

_OUT_OF_LINE = frozenset({"vanish", "webHidden", "specVanish", "strike", "dstrike", "vertAlign"})
"""Run properties of text that is not read as part of the line: hidden, struck out, raised."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read a paragraph. ``suffix`` of its place; it is worth showing where runs have one
    of the marks ``when``; it leaves out runs marked ``without`` and keeps to those marked ``only``."""

    suffix: str
    when: frozenset[str]
    without: frozenset[str]
    only: str = ""


_MAIN_READING = _Reading("", frozenset(), frozenset({"deleted", "fallback", "aside"}))
_READINGS = (
    _MAIN_READING,
    _Reading(
        f"{READING}修订前",
        frozenset({"deleted", "inserted"}),
        frozenset({"inserted", "fallback", "aside"}),
    ),
    _Reading(
        f"{READING}兼容显示", frozenset({"fallback"}), frozenset({"deleted", "choice", "aside"})
    ),
    _Reading(f"{READING}连读", frozenset({"aside"}), frozenset({"deleted", "fallback"})),
    _Reading(f"{READING}行外", frozenset({"aside"}), frozenset(), "aside"),
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of text, and what marks it: deleted, inserted, choice, fallback, aside."""

    segment: Segment
    marks: frozenset[str]


@dataclass(slots=True)
class _Paragraph:
    """One ``w:p``: its number in the part, its text, its field codes."""

    number: int
    pieces: list[_Piece] = field(default_factory=list)
    codes: list[Segment] = field(default_factory=list)
    goes_on: bool = False
    """Its end is deleted in a tracked change: it reads on in the next paragraph."""

    def marks(self) -> set[str]:
        return {mark for piece in self.pieces for mark in piece.marks}

    def segments(self, reading: _Reading) -> list[Segment]:
        return [
            piece.segment
            for piece in self.pieces
            if not piece.marks & reading.without
            and (not reading.only or reading.only in piece.marks)
        ]


@dataclass(slots=True)
class _Cell:
    """One ``w:tc``: ``start`` and ``end`` of its element, ``attribute`` the value of its gridSpan,
    ``odd`` where it stands in something else than a row (a content control)."""

    column: int
    span: int = 1
    merged: str = ""
    paragraphs: list[_Paragraph] = field(default_factory=list)
    start: int = -1
    end: int = -1
    attribute: tuple[int, int] | None = None
    nests: bool = False
    odd: bool = False

    def is_in(self, columns: frozenset[int]) -> bool:
        """Whether it covers nothing but these columns."""
        return columns.issuperset(range(self.column, self.column + self.span))

    def segments(self, reading: _Reading) -> list[Segment]:
        """The paragraphs' text, each on a line of its own."""
        out: list[Segment] = []
        for number, paragraph in enumerate(self.paragraphs):
            if number:
                out.append(Segment(0, 0, "gap", "\n"))
            out += paragraph.segments(reading)
        return out


@dataclass(slots=True)
class _Grid:
    """One ``w:tbl``."""

    rows: list[list[_Cell]] = field(default_factory=list)
    next_column: int = 0
    columns: list[tuple[int, int]] = field(default_factory=list)
    """Where its ``w:gridCol`` elements stand."""
    indented: bool = False
    """A row begins further right than the others."""


@dataclass(frozen=True, slots=True)
class _Aside:
    """Text that is in no paragraph's line: ruby, formulas, drawings, foreign elements."""

    name: str
    segments: list[Segment]


_Item = _Paragraph | _Grid | _Aside


class _Story:
    """One pass over a part: paragraphs outside tables, tables and other texts in document order."""

    def __init__(self, xml: str) -> None:
        self.xml = xml
        self.items: list[_Item] = []
        self._prefixes = {f"{hit[1]}:" if hit[1] else "" for hit in _MAIN.finditer(xml)}
        self._open: list[tuple[str, object]] = []
        self._count = 0
        self._token: re.Match[str] | None = None
        self._run()

    def _run(self) -> None:
        done = 0
        for token in TOKEN.finditer(self.xml):
            self._take(Segment(done, token.start()))
            done = token.end()
            if token["tag"] is not None:
                self._token = token
                self._tag(token)
            elif token["cdata"] is not None:
                self._take(Segment(*token.span("cdata"), "cdata"))
        self._take(Segment(done, len(self.xml)))

    # what is open: (name, value); the value is a paragraph, table or cell, the segments of an aside,
    # or what the name says of the text inside: a mark, a kind of text

    def _tag(self, token: re.Match[str]) -> None:
        tag, attrs = token["tag"], token["attrs"]
        prefix, _, name = tag.rpartition(":")
        ours = (f"{prefix}:" if prefix else "") in self._prefixes
        if token["end"]:
            if self._open:
                _, value = self._open.pop()
                if isinstance(value, _Cell):
                    value.end = token.end()
        elif attrs.endswith("/"):
            if ours:
                self._start(name, attrs.rstrip("/"), token.end())
        else:
            if len(self._open) >= MAX_NESTING:
                raise UnreadableFile("文档里的内容嵌套得太深，不予处理")
            value = self._start(name, attrs, token.end()) if ours else self._start_foreign(name)
            self._open.append((name, value))

    def _start(self, name: str, attrs: str, place: int) -> object:
        if name == "p":
            return self._paragraph()
        if name == "tbl":
            for _, value in self._open:
                if isinstance(value, _Cell):
                    value.nests = True
            self.items.append(table := _Grid())
            return table
        if name in ("tr", "tc"):
            grid = self._inner(_Grid)
            if not isinstance(grid, _Grid):
                return None
            if name == "tc":
                return self._cell(grid)
            grid.rows.append([])
            grid.next_column = 0
            return None
        if name == "rt":
            return self._aside(name)
        if name == "r":
            return set()
        if name in _GAPS:
            self._gap(_GAPS[name], place)
        elif name == "sym":
            self._gap(_symbol(attributes(attrs)), place)
        else:
            self._property(name, attrs)
        return _KINDS.get(name)

    def _start_foreign(self, name: str) -> object:
        if name in ("oMath", "p"):
            return self._aside(name)
        return name.lower() if name in ("Choice", "Fallback") else None

    def _inner(self, *kinds: type) -> object:
        """The innermost open value of one of these kinds."""
        return next((value for _, value in reversed(self._open) if isinstance(value, kinds)), None)

    def _paragraph(self) -> _Paragraph:
        paragraph = _Paragraph(self._count)
        self._count += 1
        owner = self._inner(_Paragraph, _Cell)
        if isinstance(owner, _Cell):
            owner.paragraphs.append(paragraph)
        else:
            self.items.append(paragraph)
        return paragraph

    def _cell(self, grid: _Grid) -> _Cell:
        cell = _Cell(grid.next_column)
        if self._token is not None:
            cell.start = self._token.start()
        cell.odd = not self._open or self._open[-1][0] != "tr"
        grid.next_column += 1
        if not grid.rows:
            grid.rows.append([])
        grid.rows[-1].append(cell)
        return cell

    def _aside(self, name: str) -> list[Segment]:
        segments: list[Segment] = []
        self.items.append(_Aside(name, segments))
        return segments

    def _property(self, name: str, attrs: str) -> None:
        """What the properties of a run say of its text, and those of a cell or row of the grid."""
        if name == "del" and [n for n, _ in self._open[-2:]] == ["pPr", "rPr"]:
            paragraph = self._inner(_Paragraph)
            if isinstance(paragraph, _Paragraph):
                paragraph.goes_on = True
        if name in _OUT_OF_LINE and [n for n, _ in self._open[-2:]] == ["r", "rPr"]:
            marks = self._open[-2][1]
            off = re.search(r"val\s*=\s*[\"'](?:0|false|off|none|baseline)[\"']", attrs)
            if isinstance(marks, set) and not off:
                marks.add("aside")
        if name == "gridCol":
            self._grid_column()
        if name not in ("gridSpan", "vMerge", "hMerge", "gridBefore"):
            return
        value = next((v for k, v in attributes(attrs).items() if local(k) == "val"), "")
        grid = self._inner(_Grid)
        if not isinstance(grid, _Grid) or not grid.rows:
            return
        if name == "gridBefore" and not grid.rows[-1]:
            grid.next_column = _number(value)
            grid.indented = True
        elif grid.rows[-1]:
            cell = grid.rows[-1][-1]
            if name == "gridSpan":
                cell.span = max(1, _number(value))
                cell.attribute = self._value()
                grid.next_column = cell.column + cell.span
            elif name == "vMerge":
                cell.merged = value or "continue"

    def _grid_column(self) -> None:
        """Remember where a column of the grid stands; not those of a tracked change."""
        grid, token = self._inner(_Grid), self._token
        if token is None or not token["attrs"].endswith("/") or self._open[-1][0] != "tblGrid":
            return
        if isinstance(grid, _Grid):
            grid.columns.append(token.span())

    def _value(self) -> tuple[int, int] | None:
        """Where the value of the ``val`` attribute of this element stands."""
        if self._token is None:
            return None
        at = self._token.start("attrs")
        hit = re.search(r"(?:^|[\s:])val\s*=\s*[\"']([^\"']*)", self._token["attrs"])
        return (at + hit.start(1), at + hit.end(1)) if hit else None

    # text

    def _take(self, segment: Segment) -> None:
        if segment.start >= segment.end or not self._open:
            return
        name, kind = self._open[-1]
        holder = self._inner(_Paragraph, list)
        if isinstance(holder, list):
            holder.append(segment)
        elif isinstance(holder, _Paragraph) and kind == "text":
            holder.pieces.append(_Piece(segment, self._marks()))
        elif isinstance(holder, _Paragraph) and kind == "code":
            holder.codes.append(segment)
        elif self.xml[segment.start : segment.end].strip():
            self.items.append(_Aside(name, [segment]))

    def _gap(self, fill: str, place: int) -> None:
        holder = self._inner(_Paragraph, list)
        segment = Segment(place, place, "gap", fill)
        if isinstance(holder, list):
            holder.append(segment)
        # w:tab is also a tab stop among the properties, where it reads as nothing
        elif isinstance(holder, _Paragraph) and all(name != "pPr" for name, _ in self._open[-3:]):
            holder.pieces.append(_Piece(segment, self._marks()))

    def _marks(self) -> frozenset[str]:
        """What marks the text that follows, seen from its paragraph."""
        marks: set[str] = set()
        for _, value in reversed(self._open):
            if isinstance(value, _Paragraph):
                break
            if isinstance(value, set):
                marks |= value
            elif isinstance(value, str) and value in _MARKS:
                marks.add(value)
        return frozenset(marks)


def _number(value: str) -> int:
    return min(int(value), MAX_COLUMNS) if re.fullmatch(r"[0-9]{1,9}", value) else 0


def _symbol(attrs: Mapping[str, str]) -> str:
    """What ``w:sym`` shows, where that is a character of a text font."""
    values = {local(name): value for name, value in attrs.items()}
    code = values.get("char", "")
    if _DINGBATS.search(values.get("font", "")) or not re.fullmatch("[0-9A-Fa-f]{4}", code):
        return ""
    number = int(code, 16)
    return chr(number - 0xF000 if 0xF020 <= number < 0xF100 else number).replace("\0", "")


# --- tables ------------------------------------------------------------------------------------------


def merges_of(grid: _Grid) -> tuple[tuple[int, int, int, int], ...]:
    """The areas that one cell covers, from ``gridSpan`` and ``vMerge``."""
    out: list[tuple[int, int, int, int]] = []
    running: dict[tuple[int, int], int] = {}
    for number, row in enumerate(grid.rows):
        still: dict[tuple[int, int], int] = {}
        for cell in row:
            last = cell.column + cell.span - 1
            key = (cell.column, last)
            if cell.merged == "continue" and key in running:
                still[key] = index = running[key]
                top, left, _, right = out[index]
                out[index] = (top, left, number, right)
                continue
            out.append((number, cell.column, number, last))
            if cell.merged:
                still[key] = len(out) - 1
        running = still
    return tuple(area for area in out if area[0] != area[2] or area[1] != area[3])


# --- what the attributes and the other parts mean ------------------------------------------------------

_NAMES = {
    ("bookmarkStart", "name"),
    ("bookmarkEnd", "name"),
    ("hyperlink", "anchor"),
    ("fldSimple", "instr"),
    ("dataBinding", "xpath"),
    ("dataBinding", "prefixMappings"),
}
_SILENT = frozenset(
    {"typeface", "panose", "lang", "altLang", "ContentType", "PartName", "gfxdata"}
) | {
    "Ignorable",
    "Requires",
}
_FONTS = frozenset({"rFonts", "font", "altName", "eastAsianFont", "latin", "ea", "cs"})
_STYLES = frozenset(
    {"name", "aliases", "rStyle", "pStyle", "tblStyle", "lvlText", "lsdException"}
) | {
    "noLineBreaksAfter",
    "noLineBreaksBefore",
}
_PANOSE = re.compile(r"[\"']0[0-9A-Fa-f]{19}[\"']")
"""The looks of a font in ten bytes, which would pass for a long number."""
_LONG = re.compile(r"(?:\d\D{0,2}){7}|@")


def _star(path: Sequence[Element], attr: str) -> str:
    name = path[-1].name if path else ""
    if not attr:
        return "0" if name == "v" and any(e.name in ("numCache", "numLit") for e in path) else "*"
    if attr in _SILENT or (name == "Relationship" and attr in ("Id", "Type")):
        return ""
    if name == "Relationship" and attr == "Target":
        return "x"
    if name == "panose1" and _PANOSE.search(path[-1].attrs):
        return ""
    if (name, attr) in _NAMES or (name == "name" and len(path) > 1 and path[-2].name == "ffData"):
        return "_"
    if (name in _FONTS or name in _STYLES) and not _LONG.search(path[-1].attrs):
        return ""
    return "*"


RULES = Rules(
    groups=frozenset({"p", "text", "textbox"}), breaks={"br": "\n", "tab": "\t"}, star=_star
)
_ATTRIBUTES = Rules(
    groups=frozenset(), breaks={}, star=lambda path, attr: _star(path, attr) if attr else ""
)


# --- the document ------------------------------------------------------------------------------------


class WordFile:
    """An opened docx file (see ``deid.formats.Document``)."""

    format = "docx"

    def __init__(self, source: BinaryIO, depth: int = 0) -> None:
        self._source = source
        self._package = Package(source)
        self._relations = Relations(self._package)
        main = self._find_main()
        stories = self._find_stories(main)
        self._chunks = {
            relation.target
            for relations in self._relations.of.values()
            for relation in relations
            if relation.type == "aFChunk" and relation.target
        }
        self._parts = Parts(
            self._package,
            self._relations,
            RULES,
            own=frozenset(stories),
            inner=partial(_open_inner, depth=depth + 1) if depth < MAX_DEPTH else None,
            is_inner=self._is_inner,
        )
        self._slots: dict[str, tuple[str, Slot]] = {}
        self._dropped: dict[str, list[Splice]] = {}
        self._grids: dict[str, tuple[str, _Grid]] = {}
        self._tables = 0
        shown = [part for key in stories for part in self._show_story(key)]
        self.parts: Sequence[Table | Text] = [*shown, *self._parts.tables, *self._parts.texts]
        self.remarks: Sequence[Remark] = self._parts.remarks

    def _find_main(self) -> str:
        found = [r.target for r in self._relations.by_type("", "officeDocument") if r.target]
        if not found:
            raise UnreadableFile("文件里没有正文，不是有效的 Word 文档")
        member = self._member(found[0])
        xml, _ = decode_xml(self._package.read(member))
        root = re.search(r"<((?:[\w.-]+:)?)(\w+)[\s/>]", xml)
        if root is None or root[2] != "document" or not _MAIN.search(xml):
            raise UnreadableFile("文件里没有正文（可能是 Excel 或 PowerPoint 文件改了扩展名）")
        return member.key

    def _find_stories(self, main: str) -> dict[str, None]:
        """The parts with paragraphs in them, the main one first."""
        found = {main: None}
        for member in self._package.members:
            if member.key.endswith(".xml") and member.key not in found:
                head = self._package.read(member)
                if b"wordprocessingml" in head or b"w\0o\0r\0d\0p\0r\0o\0c" in head:
                    xml, _ = decode_xml(head)
                    if _MAIN.search(xml):
                        found[member.key] = None
        return found

    def _is_inner(self, member: Member, data: bytes) -> bool:
        """Whether a member is a document of its own: a package, or a chunk but for plain text."""
        chunk = member.key in self._chunks and not member.key.endswith(".txt")
        return chunk or data.startswith(b"PK\x03\x04")

    def _member(self, key: str) -> Member:
        member = self._package.find(key)
        if member is None:
            raise UnreadableFile("文档缺少必需的部分，请用 Word 打开后另存一份再试")
        return member

    # showing

    def _show_story(self, key: str) -> Iterator[Table | Text]:
        xml = self._parts.xml(key)
        label = self._parts.label(self._member(key))
        before: _Item | None = None
        for item in _Story(xml).items:
            if isinstance(before, _Paragraph) and isinstance(item, _Paragraph) and before.goes_on:
                self._show_joined(key, xml, label, before, item)
            before = item
            if isinstance(item, _Grid):
                yield from self._show_table(key, xml, label, item)
            elif isinstance(item, _Paragraph):
                yield from self._show_paragraph(key, xml, label, item)
            else:
                self._show_aside(key, xml, f"{label}#{item.name}", item.segments)
        self._drop_drawings(key, xml, label)
        for slot, text in scan_texts(xml, label, _ATTRIBUTES):
            self._parts.show_slot(key, slot, text)

    def _show_paragraph(
        self, key: str, xml: str, label: str, paragraph: _Paragraph
    ) -> Iterator[Text]:
        place = f"{label}#p{paragraph.number}"
        shown = ""  # the main reading comes first: the others show only what differs from it
        for reading in _readings(paragraph.marks()):
            text = self._keep(key, xml, place + reading.suffix, paragraph.segments(reading))
            if text and text != shown:
                yield Text(place + reading.suffix, text)
            shown = shown if reading.suffix else text
        self._show_codes(key, xml, label, paragraph)

    def _show_joined(
        self, key: str, xml: str, label: str, first: _Paragraph, second: _Paragraph
    ) -> None:
        """Two paragraphs as they read when the end of the first is gone."""
        place = READING.join((f"{label}#p{first.number}", f"{label}#p{second.number}", "合段"))
        segments = [*first.segments(_MAIN_READING), *second.segments(_MAIN_READING)]
        self._show_aside(key, xml, place, segments)

    def _drop_drawings(self, key: str, xml: str, label: str) -> None:
        """Find packed copies of drawings with text in them: Word makes them again by itself."""
        for hit in _PACKED.finditer(xml):
            if _packed_text(hit[2]):
                self._dropped.setdefault(key, []).append((*hit.span(2), ""))
                message = "图形的备份数据无法逐项检查，保存时去掉"
                self._parts.remarks.append(Remark(f"{label}#gfxdata", message, look=False))

    def _show_codes(self, key: str, xml: str, label: str, paragraph: _Paragraph) -> None:
        place = f"{label}#p{paragraph.number}.域代码"
        self._show_aside(key, xml, place, paragraph.codes, star="_")

    def _show_aside(
        self, key: str, xml: str, place: str, segments: list[Segment], star: str = "*"
    ) -> None:
        slot = Slot(place, tuple(segments), star, "xml")
        text = slot_text(xml, slot)
        if worth_showing(text):
            self._parts.show_slot(key, slot, text)

    def _keep(self, key: str, xml: str, place: str, segments: list[Segment]) -> str:
        slot = Slot(place, tuple(segments), "*", "xml")
        self._slots[place] = (key, slot)
        return slot_text(xml, slot)

    def _show_table(self, key: str, xml: str, label: str, grid: _Grid) -> Iterator[Table | Text]:
        self._tables += 1
        apart = _laid_out(xml, grid)
        for cell in apart:
            for paragraph in cell.paragraphs:
                yield from self._show_paragraph(key, xml, label, paragraph)
        name = f"表{self._tables}"
        self._grids[name] = key, grid
        marks = {
            mark
            for row in grid.rows
            for cell in row
            for paragraph in cell.paragraphs
            for mark in paragraph.marks()
        }
        for row in grid.rows:
            for cell in row:
                for paragraph in cell.paragraphs if cell not in apart else ():
                    self._show_codes(key, xml, label, paragraph)
        for reading in _readings(marks):
            suffix = reading.suffix
            texts: dict[int, dict[int, str]] = {}
            places: dict[tuple[int, int], str] = {}
            for number, row in enumerate(grid.rows):
                if suffix and number >= _HEADER and not _has_readings(row):
                    continue
                texts[number] = {}
                for cell in row:
                    if not cell.paragraphs or cell in apart:
                        continue
                    place = f"{label}#p{cell.paragraphs[0].number}{suffix}"
                    places[number, cell.column] = place
                    text = self._keep(key, xml, place, cell.segments(reading))
                    if text:
                        texts[number][cell.column] = text
            where = partial(_place, places, f"{label}#{name}")
            yield Table(name + suffix, partial(_rows, texts), where, merges_of(grid))

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """Name and unpacked bytes of every member of the package."""
        return self._parts.raw()

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    # saving

    def _cuts(
        self, drops: Mapping[str, frozenset[int]], notes: Mapping[str, frozenset[int]]
    ) -> dict[str, list[Splice]]:
        """What goes of each part with the columns that go."""
        cuts: dict[str, list[Splice]] = {}
        for name, gone in drops.items():
            key, grid = self._grids[name]
            rows = notes.get(name, frozenset())
            cuts.setdefault(key, []).extend(_cut_grid(self._parts.xml(key), grid, gone, rows))
        return cuts

    def removable(self, table: str, columns: frozenset[int]) -> bool:
        """Whether these columns can be taken out: every row has its cells where the grid has them.
        A table inside a cell that would go with it is not what was judged."""
        _, grid = self._grids.get(table, ("", None))
        if grid is None:
            return False
        cells = [cell for row in grid.rows for cell in row]
        if any(cell.nests and cell.is_in(columns) for cell in cells):
            raise UnsafeEdit("要删去的列里还有表格，请先拆开再试")
        return not grid.indented and not any(cell.odd or cell.end < 0 for cell in cells)

    def save(
        self,
        target: BinaryIO,
        edits: Mapping[str, Sequence[Edit]],
        drops: Mapping[str, frozenset[int]] = NOTHING,
        notes: Mapping[str, frozenset[int]] = NOTHING,
    ) -> None:
        """Write the document with ``edits`` spliced in; members not edited stay as they are."""
        own: dict[str, list[Splice]] = {key: list(found) for key, found in self._dropped.items()}
        xmls: dict[str, str] = {}
        for place, wanted in edits.items():
            if place in self._slots and wanted:
                key, slot = self._slots[place]
                xml = xmls.get(key) or xmls.setdefault(key, self._parts.xml(key))
                try:
                    own.setdefault(key, []).extend(splices(xml, slot, wanted))
                except ValueError:
                    raise UnsafeEdit("要改的位置超出了原文") from None
            elif wanted and not self._parts.owns(place):
                raise UnsafeEdit("要改的位置不在这个文件里")
        cuts = self._cuts(drops, notes)
        for key, gone in cuts.items():
            spans = sorted((start, end) for start, end, _ in gone)
            own[key] = [one for one in own.get(key, ()) if not _covered(one, spans)] + gone
        extra = {key: merged_splices(found) for key, found in own.items()}
        change, changes = self._parts.change(edits, extra)
        self._parts.finish(change, changes)
        self._package.write(target, change)


def _covered(one: Splice, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a change lies in what is cut out."""
    at = bisect_right(spans, (one[0], math.inf)) - 1
    return at >= 0 and one[1] <= spans[at][1]


def _cut_grid(xml: str, grid: _Grid, gone: frozenset[int], notes: frozenset[int]) -> list[Splice]:
    """What has to be cut out of a part, and the spans that get smaller, for columns to go."""
    cuts: list[Splice] = []
    for number, row in enumerate(grid.rows):
        leaving = [cell for cell in row if cell.is_in(gone)]
        if number in notes:
            leaving = _leaving(xml, row, leaving)
        cuts += [(cell.start, cell.end, "") for cell in leaving]
        if leaving and len(leaving) == len(row):  # a row must have a cell
            start, end, _ = cuts[-1]
            cuts[-1] = (start, end, _empty_cell(xml, start))
        for cell in row:
            less = len(gone.intersection(range(cell.column, cell.column + cell.span)))
            if 0 < less < cell.span and cell.attribute and cell not in leaving:
                cuts.append((*cell.attribute, str(cell.span - less)))
    width = max((cell.column + cell.span for row in grid.rows for cell in row), default=0)
    if len(grid.columns) == width:
        cuts += [(*grid.columns[column], "") for column in gone if column < width]
    return cuts


def _leaving(xml: str, row: Sequence[_Cell], gone: Sequence[_Cell]) -> list[_Cell]:
    """The cells that a row of notes does without: empty ones, for none of its texts goes."""
    empty = [cell for cell in row if not _shows(xml, cell)]
    leaving = [cell for cell in gone if cell in empty]
    for cell in gone:
        free = [other for other in empty if other not in leaving and other.span == cell.span]
        if cell not in empty and free:
            leaving.append(min(free, key=lambda other: (other.column < cell.column, other.column)))
    return leaving


def _shows(xml: str, cell: _Cell) -> bool:
    return any(
        xml[piece.segment.start : piece.segment.end].strip()
        for paragraph in cell.paragraphs
        for piece in paragraph.pieces
    )


def _empty_cell(xml: str, start: int) -> str:
    hit = re.match(r"<((?:[\w.-]+:)?)tc", xml[start : start + 80])
    prefix = hit[1] if hit else ""
    return f"<{prefix}tc><{prefix}p/></{prefix}tc>"


def _readings(marks: set[str]) -> Iterator[_Reading]:
    """The readings that differ, for text with these marks."""
    for reading in _READINGS:
        if reading is _MAIN_READING or marks & reading.when:
            yield reading


_MOST_ROWS = 8
"""Of a table that lays out a page; a list that is longer is not looked at as one."""
_LEAST_LINES = 6
_LEAST_TEXT = 200
_LONGEST_TITLE = 20


def _laid_out(xml: str, grid: _Grid) -> list[_Cell]:
    """The cells of a table that hold the page's content: many lines, most of what the table shows;
    not those of a list with titles above."""
    if len(grid.rows) > _MOST_ROWS:
        return []
    rows = []
    for row in grid.rows:
        texts = [
            slot_text(xml, Slot("", tuple(c.segments(_MAIN_READING)), "*", "xml")) for c in row
        ]
        rows.append([(c, text) for c, text in zip(row, texts, strict=True) if text.strip()])
    least = max(_LEAST_TEXT, 0.6 * sum(len(text) for row in rows for _, text in row))
    titled = {len(row) for row in rows if all(len(text) < _LONGEST_TITLE for _, text in row)}
    return [
        cell
        for row in rows
        for cell, text in row
        if len(text) >= least
        and text.count("\n") + 1 >= _LEAST_LINES
        and len(row) not in titled - {1}
    ]


_HEADER = 3
"""Rows that another reading of a table shows even if nothing in them differs: they name the columns."""


def _has_readings(row: Sequence[_Cell]) -> bool:
    return any(paragraph.marks() for cell in row for paragraph in cell.paragraphs)


def _rows(texts: Mapping[int, Mapping[int, str]]) -> Iterator[Row]:
    for number, cells in texts.items():
        yield Row(number, cells)


def _place(places: Mapping[tuple[int, int], str], name: str, row: int, column: int) -> str:
    return places.get((row, column), f"{name}R{row}C{column}")


_PACKED = re.compile(r"(?<=[\s:])gfxdata\s*=\s*([\"'])([^\"'<]+)\1")
_TELLING = re.compile(r"\d{11}|@|[\u2e80-\U0010ffff]")


def _packed_text(value: str) -> bool:
    """Whether a packed drawing could hold an identifier; what cannot be unpacked could."""
    try:
        package = Package(BytesIO(b64decode(re.sub(r"&#[^;]*;|\s", "", value))))
        texts = [package.read(member).decode("utf-8", "replace") for member in package.members]
    except (ValueError, UnreadableFile):
        return True
    return any(_TELLING.search(text) for text in texts)


def _open_inner(source: BinaryIO, depth: int) -> Document:
    """An embedded file, opened as the document that it is."""
    data = source.read()
    if data.startswith(b"PK\x03\x04"):
        folders = {member.key.partition("/")[0] for member in Package(source).members}
        if "word" in folders:
            return WordFile(source, depth)
        if "xl" in folders:
            return xlsx.Workbook(source, depth)
        raise UnreadableFile("这种压缩包无法检查，请取出后再试")
    if data.startswith(b"{\\rtf"):
        raise UnreadableFile("RTF 内容无法检查，请用 Word 打开后另存一份再试")
    if re.match(rb"\s*(?:MIME-Version|From|Content-Type)\s*:", data, re.I):
        raise UnreadableFile("MHT 网页内容无法检查，请用 Word 打开后另存一份再试")
    return html.page(data)


def read(path: Path) -> WordFile:
    """The document at ``path``. Raises UnreadableFile that names the fault."""
    try:
        kind = magic.kind_of(path)
        if not kind.startswith("zip"):
            magic.require(path, "zip-docx", "zip-docm")
        source = path.open("rb")
    except OSError:
        raise UnreadableFile("打不开文件") from None
    try:
        return WordFile(source)
    except BaseException:
        source.close()
        raise
