"""Web pages, changed by splicing: bytes, tags, encoding and character references stay as they are.

Texts are joined over inline tags, as a page shows them; tables are read as tables. Attributes,
comments, scripts and styles are shown too, in whatever they are encoded. Where two neighbouring
elements may be one number or two (``<b>138</b>00138000``, ``<span>138…</span><span>500</span>``) or
part of a text is out of line (superscript, struck out, hidden), it is shown in both readings.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats import NOTHING, magic
from deid.formats.encoding import Encoding, detect, line_starts, read_bytes, splice
from deid.formats.html_keys import meaning, title
from deid.formats.html_rows import Cells, Shape, line_of, rows
from deid.formats.htmltokens import (
    BLOCK,
    VOID,
    Attribute,
    Node,
    Read,
    Token,
    Tree,
    as_attribute,
    as_script,
    as_style,
    as_text,
    as_url,
    collapsed,
    escaped,
    gap,
    tokens,
    whole,
    words,
)
from deid.formats.ooxml import Splice, legal, merged_splices, worth_showing
from deid.model import READING, Edit, Remark, Row, Table, Text

EXTENSIONS = (".html", ".htm")
LABEL = "网页"
KEEPS = ("没有遮盖的每个字节", "标记、编码、字符实体、脚本、样式", "图片（列出，请人工查看）")
DROPS = ()
REFUSES = ("UTF-8、GBK 以外的编码声明", "ISO-2022 编码", "链接里嵌有编码过的内容")

MAX_DEPTH = 6
"""Pages inside pages (``srcdoc``, templates, comments): what lies deeper is shown as one text."""

# --- where a text stands -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slot:
    """The pieces of the source that one shown text is made of. ``number``: the last piece is a
    number of a script, which becomes a string when it is changed."""

    pieces: tuple[Read, ...]
    star: str = "*"
    number: bool = False

    @property
    def text(self) -> str:
        """What a reader sees."""
        return "".join(piece.text for piece in self.pieces)


def splices(slot: Slot, edits: Sequence[Edit]) -> Iterator[Splice]:
    """The edits of a slot's text as replacements of ranges of the source.

    An edit over several pieces is shared out: each gets as many characters as it loses, the last
    one the rest, so that tags stay where they are.
    """
    text = slot.text
    if any(not 0 <= edit.start <= edit.end <= len(text) for edit in edits):
        raise UnsafeEdit("要改的位置超出了原文")
    waiting = [
        change
        for edit in edits
        for change in _differing(text, edit.start, edit.end, legal(edit.replacement, slot.star))
    ]
    base = 0
    for number, piece in enumerate(slot.pieces):
        last = number + 1 == len(slot.pieces)
        here, waiting = _shares(waiting, base, base + len(piece.text), last)
        if slot.number and last and here:
            yield _quoted(piece, [(a - base, b - base, new) for a, b, new in here])
        elif piece.codes:
            for start, end, new in here:
                yield _splice(piece, start - base, end - base, new)
        base += len(piece.text)


def _differing(text: str, start: int, end: int, new: str) -> Iterator[Splice]:
    """An edit without the characters that stay: a kept ``&nbsp;`` or line break is not rewritten."""
    if len(new) != end - start:
        yield start, end, new
        return
    at = 0
    for same, run in itertools.groupby(range(len(new)), lambda i: text[start + i] == new[i]):
        size = len(list(run))
        if not same:
            yield start + at, start + at + size, new[at : at + size]
        at += size


def _shares(
    waiting: Sequence[Splice], start: int, end: int, last: bool
) -> tuple[list[Splice], list[Splice]]:
    """What of the edits falls to the piece at ``start:end``, and what to later ones."""
    here: list[Splice] = []
    later: list[Splice] = []
    for first, stop, new in waiting:
        if first > end or (first == end and not last and (stop > first or first > start)):
            later.append((first, stop, new))
        elif stop <= end:
            here.append((first, stop, new))
        else:
            here.append((first, end, new[: end - first]))
            later.append((end, stop, new[end - first :]))
    return here, later


def _splice(piece: Read, start: int, end: int, new: str) -> Splice:
    size = len(piece.text)
    first = piece.starts[start] if start < size else piece.ends[size - 1]
    return first, piece.ends[end - 1] if end > start else first, escaped(new, piece.codes)


def _quoted(piece: Read, edits: Sequence[Splice]) -> Splice:
    """A number of a script as the string that it becomes."""
    text = piece.text
    for start, end, new in reversed(edits):
        text = text[:start] + new + text[end:]
    quote = escaped('"', piece.codes)
    return piece.starts[0], piece.ends[-1], quote + escaped(text, (*piece.codes, "js")) + quote


# --- one page, or a page inside it ---------------------------------------------------------------------

_OUT_OF_LINE = frozenset({"sup", "sub", "rt", "rp", "del", "s", "strike"})
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0", re.I)
_BOXED = re.compile(r"display\s*:\s*(?!inline\s*(?:;|$)|none|contents|ruby)[a-z]", re.I)
_URLS = words(
    "href src action formaction data cite poster background longdesc ping srcset xlink:href"
)
_NAMES = words("id class name for headers form list usemap aria-labelledby aria-describedby")
_DULL = words("style class face lang id accept-charset charset http-equiv coordsize")
_LONG = re.compile(r"(?:\d\D{0,3}){7}|@|\\[0-9a-fA-F]|url\(")
_LONG_NAME = re.compile(r"\d\D?\d\D?\d\D?\d\D?\d\D?\d\D?\d")
_WHOLE = re.compile(r"[\d*]{7}")
_DATA_URL = re.compile(r"\s*data:([^,;]*)((?:;[^,;]*)*),(.*)", re.S | re.I)
_MARKED_UP = re.compile(r"<[a-zA-Z!/]")
_PAGE_TYPES = re.compile(r"html|template|x-|svg|xml", re.I)


@dataclass(slots=True)
class _Group:
    """Text of one block that is read together: the line itself, or what is out of line in it."""

    number: int
    place: str
    pieces: list[Read] = field(default_factory=list)


@dataclass(slots=True)
class _Cell:
    """One cell, from ``<td`` to the end of its content; ``attribute``: where its colspan stands."""

    row: int
    column: int
    place: str
    lines: list[tuple[Read, ...]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    span: int = 1
    start: int = -1
    end: int = -1
    attribute: tuple[int, int] | None = None
    nests: bool = False

    def is_in(self, columns: frozenset[int]) -> bool:
        """Whether it covers nothing but these columns."""
        return columns.issuperset(range(self.column, self.column + self.span))


@dataclass(slots=True)
class _Grid:
    """One table: cells, merges, and columns that cells from above still cover."""

    cells: list[_Cell] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    row: int = -1
    column: int = 0
    covered: dict[int, int] = field(default_factory=dict)
    columns: list[_Cell] = field(default_factory=list)
    """Its ``col`` elements, and a ``colgroup`` without any, as cells of a row of their own."""

    def add_columns(self, start: int, span: int, attribute: tuple[int, int] | None) -> _Cell:
        """A ``col`` element."""
        before = self.columns[-1] if self.columns else None
        at = before.column + before.span if before else 0
        self.columns.append(_Cell(-1, at, "", span=span, start=start, attribute=attribute))
        return self.columns[-1]

    def next_row(self) -> None:
        self.row += 1
        self.column = 0

    def add(self, place: str, rows: int, columns: int) -> _Cell:
        """A cell in the next free column of the row."""
        if self.row < 0:
            self.row = 0
        while self.covered.get(self.column, -1) >= self.row:
            self.column += 1
        cell = _Cell(self.row, self.column, place, span=columns)
        self.cells.append(cell)
        bottom, right = self.row + rows - 1, self.column + columns - 1
        if rows > 1:
            self.covered.update(dict.fromkeys(range(self.column, right + 1), bottom))
        if rows > 1 or columns > 1:
            self.merges.append((self.row, self.column, bottom, right))
        self.column = right + 1
        return cell


def _value_of(token: Token, name: str) -> tuple[int, int] | None:
    """Where the value of an attribute stands; the first counts, as browsers have it."""
    return next(((a.start, a.end) for a in token.attributes if a.name == name), None)


_Here = tuple[str, str, Attribute, Mapping[str, str]]
_REPEATS = re.compile(r"title|alt|href|data-.*")
_MOST_TEXTS = 40
_AS_ABOVE = "咨询电话、办公地址："
"""Stands before an attribute that repeats what its element shows. Only the shown text has a header,
a line, a table to be judged by: read alone, an agency's number would pass for a person's."""


_CALLS = re.compile(r"\s*(?:tel|sms|callto|mailto):", re.I)
_LABEL = re.compile(
    r"[^\d@]{0,20}(?:电话|热线|手机|邮箱|信箱|监督|举报|投诉|咨询|服务|值班)[^\d@]{0,10}"
)


def _in_context(read: Read, inside: str) -> tuple[Read, ...]:
    """An attribute with what tells whose number it is: it repeats its element, or is labelled by it;
    nothing where neither holds."""
    scheme = _CALLS.match(read.text)
    value = as_url(read.cut(scheme.end(), len(read.text), "url")) if scheme else read
    plain, shown = value.text.strip(), inside.strip()
    if len(plain) > 1 and shown == plain:
        return gap(_AS_ABOVE), value
    if scheme and _LABEL.fullmatch(shown):
        return gap(f"{shown}："), value
    return ()


class _Page:
    """One pass over a page: shows its texts and tables into ``show``."""

    def __init__(self, source: Read, prefix: str, show: _Shown, depth: int) -> None:
        self.source, self.prefix, self.show, self.depth = source, prefix, show, depth
        self._tree = Tree(self._opened, self._closed)
        self._grids: list[tuple[_Grid, list[_Cell]]] = []
        self._line: list[tuple[int, Read]] = []
        self._groups: list[_Group] = []
        self._out: list[int] = []
        self._before: tuple[str, tuple[Read, ...]] | None = None
        self._preformatted = 0
        self._raw: tuple[str, str] = ("", "")
        self._waiting: dict[int, tuple[int, list[_Here]]] = {}
        self._texts: list[str] = []
        self._attributes: tuple[Token, bool, bool] | None = None
        self._token: Token | None = None
        self._shape = Shape()
        self._shown: list[tuple[int, str]] = []
        self._run()

    def _run(self) -> None:
        for token in tokens(self.source.text):
            self._token = token
            if token.kind == "start":
                self._start(token)
            elif token.kind == "end":
                self._end(token)
            elif token.kind == "text":
                self._text(token)
            elif token.kind == "raw":
                self._content(token)
            else:
                self._aside(token)
        self._token = None
        self._tree.finish()
        self._flush()
        self._shown.sort()
        for cells in rows(self._shape):
            self._show_row(cells)

    def _show_row(self, cells: Cells) -> None:
        """Show elements side by side as the fields of a line; they are shown as texts as well."""
        reads = [read for cell in cells for read in cell if read.codes and read.text.strip()]
        if not reads:
            return
        first = bisect_right(self._shown, (reads[0].starts[0], _LAST)) - 1
        last = bisect_right(self._shown, (reads[-1].ends[-1], _LAST))
        places = [place for _, place in self._shown[max(0, first) : last]]
        if places:
            self.show.row(places, line_of(cells))

    # elements

    def _here(self, node: Node) -> int:
        """Where an element ends that is closed by the tag that was just read."""
        if self._token is None:
            return len(self.source.text)
        start, end = self._token.start, self._token.end
        if self._token.kind == "end" and self._token.name == node.name:
            return self.source.text.find(">", end) + 1 or len(self.source.text)
        return self.source.text.rfind("<", 0, start + 1)

    def _start(self, token: Token) -> None:
        values = {a.name: self.source.text[a.start : a.end] for a in reversed(token.attributes)}
        style = values.get("style", "")
        hidden = "hidden" in values or bool(_HIDING.search(style))
        self._attributes = (token, hidden, bool(_BOXED.search(style)))
        place = self._tree.count
        node = self._tree.start(token.name)
        if node is not None:
            place = node.number
            if token.name == "br":
                self._break()
            elif token.name == "wbr" and self._line:
                self._add(gap(""))
        self._attributes = None
        self._name(token)
        self._raw = (token.name, values.get("type", "") or values.get("language", ""))
        for attribute in token.attributes:
            here = (token.name, f"{self.prefix}e{place}", attribute, values)
            if node is None or token.name in VOID or not _REPEATS.fullmatch(attribute.name):
                self._attribute(*here)
            else:
                waiting = self._waiting.setdefault(node.number, (len(self._texts), []))
                waiting[1].append(here)

    def _end(self, token: Token) -> None:
        self._name(token)
        if token.name == "br":
            self._break()
        elif token.name == "p":
            self._flush()
        self._tree.end(token.name)

    def _opened(self, node: Node) -> None:
        self._shape.opened(node.name)
        token, hidden, boxed = self._attributes or (None, False, False)
        own = token is not None and token.name == node.name
        if node.name in BLOCK or (own and boxed):
            self._flush()
        elif own and (hidden or node.name in _OUT_OF_LINE) and node.name not in VOID:
            self._out.append(node.number)
        if node.name in ("pre", "listing", "textarea", "plaintext"):
            self._preformatted += 1
        if node.name == "table":
            for _, cells in self._grids:
                for cell in cells:
                    cell.nests = True
            self._grids.append((_Grid(), []))
        elif self._grids and node.name == "tr":
            self._grids[-1][0].next_row()
        elif self._grids and node.name in ("td", "th"):
            spans = self._spans(token) if token and own else (1, 1)
            cell = self._grids[-1][0].add(f"{self.prefix}e{node.number}.text", *spans)
            if token and own:
                cell.start, cell.attribute = token.start - 1, _value_of(token, "colspan")
            self._grids[-1][1].append(cell)
        elif self._grids and node.name == "col" and token and own:
            self._show_col(token)

    def _show_col(self, token: Token) -> None:
        """Remember which columns a ``col`` is about."""
        attribute = _value_of(token, "span")
        hit = re.match(r"\s*(\d{1,4})", self.source.text[slice(*attribute)]) if attribute else None
        col = self._grids[-1][0].add_columns(
            token.start - 1, max(int(hit[1]), 1) if hit else 1, attribute
        )
        col.end = self.source.text.find(">", token.end) + 1

    def _spans(self, token: Token) -> tuple[int, int]:
        """(rows, columns) that a cell spans, within the limits of the standard."""
        values = {a.name: self.source.text[a.start : a.end].strip() for a in token.attributes}
        rows, columns = (
            int(hit[0]) if (hit := re.match(r"\d{1,5}", values.get(name, ""))) else 1
            for name in ("rowspan", "colspan")
        )
        return min(max(rows, 1), 65_534), min(max(columns, 1), 1_000)

    def _closed(self, node: Node) -> None:
        if node.name in BLOCK:
            self._flush()
        if self._out and self._out[-1] == node.number:
            self._out.pop()
        start, waiting = self._waiting.pop(node.number, (0, []))
        for here in waiting:
            self._attribute(*here, inside="".join(self._texts[start : start + _MOST_TEXTS]))
        if node.name in ("pre", "listing", "textarea", "plaintext"):
            self._preformatted -= 1
        if node.name in ("td", "th") and self._grids and self._grids[-1][1]:
            self._grids[-1][1].pop().end = self._here(node)
        grid = self._grids[-1][0] if self._grids else None
        self._shape.closed(forget=_is_of_list(node.name, grid))
        if node.name == "table" and grid is not None:
            self._grids.pop()
            for cell in _laid_out(grid):
                self._show_apart(cell)
            self.show.table(grid, removable=not self.prefix)

    def _show_apart(self, cell: _Cell) -> None:
        """Show what stands in a cell that is part of the page's layout as lines of the page."""
        for place, line in zip(cell.places, cell.lines, strict=True):
            for part in _parted(line):
                known = self.show.text(place, Slot(part))
                self._shown.append((part[0].starts[0], known))
        cell.lines.clear()

    def _name(self, token: Token) -> None:
        """Names that hold a number: of the tag or an attribute."""
        spans = [(token.start, token.end)]
        spans += [(a.name_start, a.name_start + len(a.name)) for a in token.attributes]
        for start, end in spans:
            if _LONG_NAME.search(self.source.text, start, end):
                piece = self.source.cut(start, end)
                self.show.extra(f"{self.prefix}标记名", Slot((piece,), "_"))

    def _attribute(
        self,
        tag: str,
        place: str,
        attribute: Attribute,
        values: Mapping[str, str],
        inside: str = "",
    ) -> None:
        name = attribute.name
        if attribute.end - attribute.start < 2:
            return
        raw = self.source.text[attribute.start : attribute.end]
        if name in _DULL and not _LONG.search(raw) and "&" not in raw:
            return
        read = as_attribute(self.source.cut(attribute.start, attribute.end, attribute.code))
        if "\\u" in read.text and not name.startswith("on"):
            read = as_script(_coded(read, "js"))
        place = f"{place}.@{name}"
        known = _in_context(read, inside)
        if known:
            self.show.extra(place, Slot(known))
            return
        if name == "srcdoc" and self.depth < MAX_DEPTH:
            _Page(read, f"{place}#", self.show, self.depth + 1)
        elif name.startswith("on") or _SCRIPT.match(read.text) or _DATA.match(read.text):
            _show_script(read, place, self.show)
        elif told := _told_by_name(name, values):
            self.show.extra(place, Slot((gap(f"{told}："), read), "_" if name in _NAMES else "*"))
        elif name == "style":
            self.show.extra(place, Slot((as_style(_coded(read, "css")),)))
        elif name in _URLS or (tag == "meta" and values.get("http-equiv", "").lower() == "refresh"):
            self._url(read, place)
        else:
            self.show.extra(place, Slot((read,), "_" if name in _NAMES else "*"))

    def _url(self, read: Read, place: str) -> None:
        data = _DATA_URL.match(read.text)
        if data is None:
            self.show.extra(place, Slot((as_url(_coded(read, "url")),)))
        elif data[1].lower().startswith(("image/", "font/", "audio/", "video/")):
            if data[1].lower().startswith("image/"):
                self.show.remark(place, "图片需人工查看")
            if "base64" not in data[2].lower():
                self.show.extra(place, Slot((as_url(_coded(read, "url")),)))
        elif "base64" in data[2].lower():
            if _hides_text(data[3]):
                raise UnreadableFile("网页的链接里嵌有编码过的内容，无法检查，请删除后再试")
        elif "html" in data[1].lower() and self.depth < MAX_DEPTH:
            inner = as_url(read.cut(data.start(3), data.end(3), "url"))
            _Page(inner, f"{place}#", self.show, self.depth + 1)
        else:
            self.show.extra(place, Slot((as_url(_coded(read, "url")),)))

    # texts

    def _text(self, token: Token) -> None:
        raw = self.source.text[token.start : token.end]
        if raw.isspace():
            if self._line and not self._line[-1][1].text.endswith(" "):
                self._add(gap(" "))
            return
        self._tree.text()
        read = as_text(self.source.cut(token.start, token.end, "text"))
        if not self._preformatted:
            self._add(collapsed(read))
            return
        start = 0
        for hit in re.finditer(r"\r\n?|\n", read.text):
            self._add(read.cut(start, hit.start()))
            self._flush()
            start = hit.end()
        self._add(read.cut(start, len(read.text)))

    def _add(self, read: Read) -> None:
        group = self._out[-1] if self._out else -1
        if all(known.number != group for known in self._groups):
            self._groups.append(_Group(group, self.prefix + self._tree.place()))
        self._line.append((group, read))
        if group == -1:
            self._shape.text(read)
        if self._waiting:
            self._texts.append(read.text)

    def _break(self) -> None:
        """A line break: in a cell it is part of the text, elsewhere it begins a new one."""
        if self._cell() is not None:
            if self._line:
                self._add(gap("\n"))
        else:
            self._flush(at_break=True)

    def _cell(self) -> _Cell | None:
        return self._grids[-1][1][-1] if self._grids and self._grids[-1][1] else None

    def _flush(self, *, at_break: bool = False) -> None:
        """End a block: show its line, what is out of line, and its other readings."""
        if not self._line:
            self._before = None
            return
        line, groups, before = self._line, self._groups, self._before
        self._line, self._groups, self._before = [], [], None
        own = _trimmed([read for group, read in line if group == -1])
        place = next((g.place for g in groups if g.number == -1), "")
        cell = self._cell()
        if own and cell is not None:
            if not cell.lines:
                cell.place = place
            cell.lines.append(own)
            cell.places.append(place)
            place = cell.place
        elif own:
            place = self.show.text(place, Slot(own))
            self._shown.append((own[0].starts[0], place))
        places = [place] if own else []
        for group in groups:
            if group.number != -1:
                found = _trimmed([read for number, read in line if number == group.number])
                places.append(self.show.extra(group.place, Slot(found)))
        if len(groups) > 1:
            self.show.reading("连读", places, [read for _, read in line])
        apart = _separated(own)
        if len(apart) > len(own) and _WHOLE.search("".join(read.text for read in apart)):
            self.show.reading("分读", [place], apart)
        if before and own and before[1][-1].text[-1].isdigit() and own[0].text[0].isdigit():
            self.show.reading("连读", [before[0], place], [*before[1], gap("\n"), *own])
        if at_break and own:
            self._before = (place, own)

    # what is neither element nor text

    def _content(self, token: Token) -> None:
        """The content of a script, a style or an element that only old programs show."""
        tag, kind = self._raw
        place = self.prefix + self._tree.place()
        read = self.source.cut(token.start, token.end)
        if tag == "style":
            _show_style(read, place, self.show)
        elif tag != "script" or (_PAGE_TYPES.search(kind) and "javascript" not in kind.lower()):
            self._inside(read, place)
        else:
            _show_script(read, place, self.show)

    def _aside(self, token: Token) -> None:
        keyword = len("doctype") if token.name == "doctype" else 0
        read = self.source.cut(token.start + keyword, token.end)
        if token.kind == "comment":
            place = f"{self.prefix}e{self._tree.aside()}.text"
            if self._line:
                self._add(gap(""))
            self._inside(read, place)
            return
        if token.name not in ("doctype", "unclosed"):
            self._tree.aside()
        self.show.extra(f"{self.prefix}声明", Slot((read,)))

    def _inside(self, read: Read, place: str) -> None:
        """A comment or template: markup inside it is read as markup."""
        if _MARKED_UP.search(read.text) and self.depth < MAX_DEPTH:
            _Page(read, f"{place}#", self.show, self.depth + 1)
        else:
            self.show.extra(place, Slot((read,)))


_SCRIPT = re.compile(r"\s*javascript:", re.I)
_DATA = re.compile(r"\s*[\[{]\s*[\[{]*\s*[\"'].*[\]}]\s*$", re.S)


def _told_by_name(name: str, values: Mapping[str, str]) -> str:
    """What an attribute holds by its own name, or by that of the field that has it as its value."""
    if name.startswith("data-"):
        return meaning(name[5:])
    if name != "value":
        return ""
    return meaning(values.get("name", "")) or meaning(values.get("id", ""))


def _coded(read: Read, code: str) -> Read:
    return read.cut(0, len(read.text), code)


def _trimmed(pieces: Sequence[Read]) -> tuple[Read, ...]:
    """The pieces without the blanks at both ends."""
    left = [piece for piece in pieces if piece.text or not piece.codes]
    while left:
        text = left[0].text.lstrip(" \t\r\n\f")
        if text:
            left[0] = left[0].cut(len(left[0].text) - len(text), len(left[0].text))
            break
        left.pop(0)
    while left:
        text = left[-1].text.rstrip(" \t\r\n\f")
        if text:
            left[-1] = left[-1].cut(0, len(text))
            break
        left.pop()
    return tuple(left)


_LAST = "\U0010ffff"
_MOST_ROWS = 8
"""Of a table that lays out a page; a list that is longer is not looked at as one."""
_LEAST_LINES = 6
_LEAST_TEXT = 200
_LONGEST_TITLE = 20


def _is_of_list(name: str, grid: _Grid | None) -> bool:
    """Whether an element that ends belongs to a table of a list: no rows are looked for in it."""
    if grid is None:
        return False
    if name == "table":
        return not _laid_out(grid)
    return name == "tr" and grid.row >= _MOST_ROWS


def _laid_out(grid: _Grid) -> list[_Cell]:
    """The cells of a table that hold the page's content: many lines, most of what the table shows."""
    if grid.row >= _MOST_ROWS:
        return []
    widths: dict[int, list[_Cell]] = {}
    for cell in filter(_shows, grid.cells):
        widths.setdefault(cell.row, []).append(cell)
    titled = {len(cells) for cells in widths.values() if all(map(_is_short, cells))}
    sizes = {id(cell): sum(len(r.text) for line in cell.lines for r in line) for cell in grid.cells}
    least = max(_LEAST_TEXT, 0.6 * sum(sizes.values()))
    return [
        cell
        for cell in grid.cells
        if sizes[id(cell)] >= least
        and sum(map(_count, cell.lines)) >= _LEAST_LINES
        and len(widths[cell.row]) not in titled - {1}
    ]


def _is_short(cell: _Cell) -> bool:
    """Whether a cell may be a title of a column."""
    return len(cell.lines) == 1 and sum(len(read.text) for read in cell.lines[0]) < _LONGEST_TITLE


def _count(line: Sequence[Read]) -> int:
    """How many lines a text has with line breaks in it."""
    return 1 + sum(_breaks(piece) for piece in line)


def _breaks(piece: Read) -> bool:
    return not piece.codes and piece.text == "\n"


def _parted(line: Sequence[Read]) -> Iterator[tuple[Read, ...]]:
    """The lines of a text with line breaks in it."""
    part: list[Read] = []
    for piece in [*line, gap("\n")]:
        if not _breaks(piece):
            part.append(piece)
        elif trimmed := _trimmed(part):
            yield trimmed
            part = []


def _separated(pieces: Sequence[Read]) -> list[Read]:
    """The pieces with a space wherever two elements touch that may be two numbers or one."""
    out: list[Read] = []
    for piece in pieces:
        if out and out[-1].codes and piece.codes:
            before, after = out[-1].text[-1:], piece.text[:1]
            if before.isalnum() and after.isalnum() and (before + after).isascii():
                out.append(gap(" "))
        out.append(piece)
    return out


def _hides_text(data: str) -> bool:
    """Whether Base64 data could hold an identifier."""
    try:
        plain = base64.b64decode(re.sub(r"\s", "", data) + "==")
    except (binascii.Error, ValueError):
        return True
    return not plain.isascii() or bool(re.search(rb"(?:\d\D?){7}|@", plain))


# --- scripts and styles ----------------------------------------------------------------------------------

# What is not closed ends with its line or the script: nothing is searched twice.
_LITERAL = re.compile(
    r"(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n\r]*|<!--[^\n\r]*)"
    r"|\"(?P<dq>(?:[^\"\\\n\r]|\\.)*)(?:\"|\\?\Z|(?=[\n\r]))"
    r"|'(?P<sq>(?:[^'\\\n\r]|\\.)*)(?:'|\\?\Z|(?=[\n\r]))"
    r"|`(?P<tpl>(?:[^`\\]|\\.)*)(?:`|\\?\Z)"
    r"|(?<=[(,=:\[!&|?{};])/(?![*/])(?:[^\\/\[\n\r]|\\.|\[(?:[^\]\\\n\r]|\\.){0,200}\]){1,500}/[a-z]*"
    r"|(?<![\w.$])(?P<num>\d{7,})(?![\w.])",
    re.S,
)
_KEY = re.compile(r"(?:([A-Za-z_$\u0080-\uffff][\w$]{0,60})|[\"'])\s*:\s*$")
_ELEMENTS = re.compile(r"<(?:td|th|li|dd|p|div|span|b)\b[^<>]*>[^<>]*\d{7}", re.I)
_LINE_END = re.compile(r"[\r\n]+")


def _show_script(read: Read, place: str, show: _Shown) -> None:
    """The strings, long numbers and comments of a script, a string under its key."""
    done = count = 0
    key: tuple[Read, int] | None = None
    row: list[tuple[str, Read]] = []
    for hit in _LITERAL.finditer(read.text):
        between = read.text[done : hit.start()]
        _show_rest(read.cut(done, hit.start()), f"{place}#{count}后", show)
        done = hit.end()
        kind = hit.lastgroup
        if kind is None:
            _show_rest(read.cut(*hit.span()), f"{place}#{count}后", show)
            continue
        count += 1
        here = f"{place}#{count}"
        if kind == "comment":
            show.extra(here, Slot((read.cut(*hit.span()),), "x"))
            continue
        value = read.cut(*hit.span(kind))
        if kind != "num":
            value = as_script(_coded(value, "js"))
        pieces = _with_key(read, hit.start(), done - len(hit[0]), between, key, value)
        is_key = kind != "num" and re.match(r"\s*:", read.text[done : done + 20])
        key = (value, done) if is_key else None
        if not _COMMA.fullmatch(between):
            _show_side_by_side(row, show)
            row = []
        if is_key:
            if _LONG_NAME.search(value.text):
                show.extra(here, Slot((value,)))
        elif kind == "num" or len(pieces) > 1:
            show.extra(here, Slot(pieces, number=kind == "num"))
        else:
            _show_string(value, here, show)
            row.append((here, value))
    _show_side_by_side(row, show)
    _show_rest(read.cut(done, len(read.text)), f"{place}#{count}后", show)


_COMMA = re.compile(r"\s*,\s*")
_MOST_STRINGS = 30


def _show_string(value: Read, place: str, show: _Shown) -> None:
    """A string without a key: markup that is written into the page, the title of a column, or text."""
    if _ELEMENTS.search(value.text):
        _Page(value, f"{place}#", show, MAX_DEPTH)
        return
    told = title(value.text)
    show.extra(place, Slot((gap(told) if told else value,)))


def _show_side_by_side(row: Sequence[tuple[str, Read]], show: _Shown) -> None:
    """Show strings with nothing but commas between them, titles or data of a row, as a line too."""
    if not 3 <= len(row) <= _MOST_STRINGS:
        return
    titled = [gap(title(value.text)) if title(value.text) else value for _, value in row]
    data = any(_WHOLE.search(value.text) for _, value in row)
    if data or all(0 < len(one.text) <= _LONGEST_TITLE for one in titled):
        show.row(
            [place for place, _ in row], [piece for one in titled for piece in (gap("\t"), one)][1:]
        )


def _with_key(
    read: Read,
    start: int,
    _: int,
    between: str,
    key: tuple[Read, int] | None,
    value: Read,
) -> tuple[Read, ...]:
    """A value with its key before it, as a label: ``{"身份证号": "…"}``."""
    if key is not None and re.fullmatch(r"\s*:\s*", between) and not _LONG_NAME.search(key[0].text):
        name = Read(key[0].text, key[0].starts, key[0].ends)
        told = meaning(name.text)
        return (gap(told) if told else name, gap(":"), value)
    bare = _KEY.search(read.text, max(0, start - 80), start)
    if bare and bare[1]:
        return (gap(meaning(bare[1]) or bare[1]), gap(":"), value)
    return (value,)


def _show_rest(read: Read, place: str, show: _Shown) -> None:
    """Code between the literals, where numbers stand in it."""
    if _LONG.search(read.text):
        for number, line in enumerate(_lines(read)):
            if _LONG.search(line.text):
                show.extra(f"{place}{number}", Slot((line,), "x"))


def _lines(read: Read) -> Iterator[Read]:
    start = 0
    for hit in _LINE_END.finditer(read.text):
        yield read.cut(start, hit.start())
        start = hit.end()
    yield read.cut(start, len(read.text))


_STYLE_LITERAL = re.compile(
    r"/\*(?P<comment>.*?)(?:\*/|\Z)"
    r"|\"(?P<dq>(?:[^\"\\\n]|\\.)*)(?:\"|\\?\Z|(?=\n))|'(?P<sq>(?:[^'\\\n]|\\.)*)(?:'|\\?\Z|(?=\n))",
    re.S,
)


def _show_style(read: Read, place: str, show: _Shown) -> None:
    """The strings and comments of a style sheet, and rules with long numbers in them."""
    done = 0
    for count, hit in enumerate(_STYLE_LITERAL.finditer(read.text), 1):
        _show_rest(read.cut(done, hit.start()), f"{place}#{count}前", show)
        done = hit.end()
        part = read.cut(*hit.span(hit.lastgroup or 0))
        if hit.lastgroup == "comment":
            show.extra(f"{place}#{count}", Slot((part,), "x"))
        else:
            show.extra(f"{place}#{count}", Slot((as_style(_coded(part, "css")),)))
    _show_rest(read.cut(done, len(read.text)), f"{place}#末", show)


# --- the document ----------------------------------------------------------------------------------------


class _Shown:
    """What a page shows: lines and tables in their order, then everything else."""

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self.parts: list[Table | Text] = []
        self.rows: list[Text] = []
        self.extras: list[Text] = []
        self.remarks: list[Remark] = []
        self.grids: dict[str, _Grid] = {}
        self._tables = 0

    def remark(self, place: str, message: str) -> None:
        self.remarks.append(Remark(place, message))

    def text(self, place: str, slot: Slot) -> str:
        """Show a line of the page; how its place is called."""
        place = self._keep(place, slot)
        self.parts.append(Text(place, slot.text, slot.star))
        return place

    def extra(self, place: str, slot: Slot) -> str:
        """Show a text that is no line of the page, if it could hold an identifier."""
        if worth_showing(slot.text):
            place = self._keep(place, slot)
            self.extras.append(Text(place, slot.text, slot.star))
        return place

    def reading(self, name: str, places: Sequence[str], pieces: Sequence[Read]) -> None:
        """Show what stands at these places in another reading."""
        self.extra(READING.join((*places, name)), Slot(tuple(pieces)))

    def row(self, places: Sequence[str], pieces: Sequence[Read]) -> None:
        """Show elements side by side, which stand at these places, as a line with tabs."""
        slot = Slot(tuple(pieces))
        place = self._keep(READING.join((*places, "分列")), slot)
        self.rows.append(Text(place, slot.text, slot.star))

    def table(self, grid: _Grid, *, removable: bool) -> None:
        """A table that has text in it."""
        self._tables += 1
        texts: dict[int, dict[int, str]] = {}
        places: dict[tuple[int, int], str] = {}
        for cell in grid.cells:
            places[cell.row, cell.column] = cell.place
            pieces = _joined(cell.lines)
            if pieces:
                slot = Slot(pieces)
                places[cell.row, cell.column] = self._keep(cell.place, slot)
                texts.setdefault(cell.row, {})[cell.column] = slot.text
        if texts:
            name = f"表{self._tables}"
            if removable:
                self.grids[name] = grid
            where = partial(_place, places, name)
            self.parts.append(Table(name, partial(_rows, texts), where, tuple(grid.merges)))

    def _keep(self, place: str, slot: Slot) -> str:
        unique, number = place, 1
        while unique in self.slots:
            number += 1
            unique = f"{place}({number})"
        self.slots[unique] = slot
        return unique


def _joined(lines: Sequence[tuple[Read, ...]]) -> tuple[Read, ...]:
    """The blocks of a cell, each on a line of its own."""
    out: list[Read] = []
    for line in lines:
        if out:
            out.append(gap("\n"))
        out += line
    return tuple(out)


def _rows(texts: Mapping[int, Mapping[int, str]]) -> Iterator[Row]:
    for number in sorted(texts):
        yield Row(number, texts[number])


def _place(places: Mapping[tuple[int, int], str], name: str, row: int, column: int) -> str:
    return places.get((row, column), f"{name}R{row}C{column}")


class WebPage:
    """An opened page (see ``deid.formats.Document``)."""

    format = "html"

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._encoding = detect(data)
        _check_charset(data)
        self._pieces = list(_decoded(data, self._encoding))
        shown = _Shown()
        _Page(whole("".join(text for text, _ in self._pieces)), "", shown, 0)
        self._slots, self._grids = shown.slots, shown.grids
        self.parts: Sequence[Table | Text] = [*shown.parts, *shown.rows, *shown.extras]
        self.remarks: Sequence[Remark] = [*self._encoding.remarks(), *shown.remarks]

    def removable(self, table: str, columns: frozenset[int]) -> bool:
        """Whether these columns can be taken out: of a table of the page itself. A table inside a
        cell that would go with it is not what was judged."""
        grid = self._grids.get(table)
        if grid and any(cell.nests and cell.is_in(columns) for cell in grid.cells):
            raise UnsafeEdit("要删去的列里还有表格，请先拆开再试")
        return grid is not None and all(cell.start >= 0 for cell in grid.cells)

    def save(
        self,
        target: BinaryIO,
        edits: Mapping[str, Sequence[Edit]],
        drops: Mapping[str, frozenset[int]] = NOTHING,
        notes: Mapping[str, frozenset[int]] = NOTHING,
    ) -> None:
        """Write the page with ``edits`` spliced in; every other byte stays as it is."""
        found: list[Splice] = []
        for place, wanted in edits.items():
            if wanted and place not in self._slots:
                raise UnsafeEdit("要改的位置不在这个文件里")
            found += splices(self._slots[place], wanted) if wanted else ()
        cuts = [
            cut
            for name, gone in drops.items()
            for cut in _cuts(self._grids[name], gone, notes.get(name, frozenset()))
        ]
        spans = sorted((start, end) for start, end, _ in cuts)
        found = [one for one in found if not _covered(one, spans)]
        changes = merged_splices([*found, *cuts])
        at = base = 0
        for text, raw in self._pieces:
            _, codec = self._encoding.decode(raw)
            here: list[Splice] = []
            end = base + len(text)
            while at < len(changes) and changes[at][0] < end:
                start, stop, new = changes[at]
                here.append((start - base, min(stop, end) - base, new))
                if stop > end:
                    changes[at] = (end, stop, "")
                    break
                at += 1
            mark = len(self._encoding.mark) if base == 0 else 0
            target.write(raw[:mark] if base == 0 else b"")
            for piece in splice(raw[mark:], text, codec, here):
                target.write(piece)
            base = end

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """The bytes of the file."""
        yield "", self._data

    def close(self) -> None:
        """Let go of the bytes."""
        self._data, self._pieces, self._slots, self._grids = b"", [], {}, {}
        self.parts = ()


def _cuts(grid: _Grid, gone: frozenset[int], notes: frozenset[int]) -> Iterator[Splice]:
    """What has to be cut out of the page, and the spans that get smaller, for columns to go."""
    rows: dict[int, list[_Cell]] = {}
    for cell in grid.cells:
        rows.setdefault(cell.row, []).append(cell)
    for row, cells in rows.items():
        leaving = [cell for cell in cells if cell.is_in(gone)]
        if row in notes:
            leaving = _leaving(cells, leaving)
        yield from ((cell.start, cell.end, "") for cell in leaving)
        yield from _narrowed((cell for cell in cells if cell not in leaving), gone)
    going = [col for col in grid.columns if col.is_in(gone)]
    yield from ((col.start, col.end, "") for col in going)
    yield from _narrowed((col for col in grid.columns if col not in going), gone)


def _leaving(cells: Sequence[_Cell], gone: Sequence[_Cell]) -> list[_Cell]:
    """The cells that a row of notes does without: empty ones, for none of its texts goes."""
    leaving = [cell for cell in gone if not _shows(cell)]
    for cell in gone:
        free = [other for other in cells if not _shows(other) and other not in leaving]
        free = [other for other in free if other.span == cell.span]
        if _shows(cell) and free:
            leaving.append(min(free, key=lambda other: (other.column < cell.column, other.column)))
    return leaving


def _shows(cell: _Cell) -> bool:
    return any(piece.text.strip() for line in cell.lines for piece in line)


def _narrowed(cells: Iterable[_Cell], gone: frozenset[int]) -> Iterator[Splice]:
    for cell in cells:
        less = len(gone.intersection(range(cell.column, cell.column + cell.span)))
        if less and cell.attribute and less < cell.span:
            yield *cell.attribute, str(cell.span - less)


def _covered(one: Splice, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a change lies in what is cut out."""
    at = bisect_right(spans, (one[0], math.inf)) - 1
    return at >= 0 and one[1] <= spans[at][1]


def _decoded(data: bytes, encoding: Encoding) -> Iterator[tuple[str, bytes]]:
    """Text and bytes of the page: in one piece, or by lines where their encodings differ."""
    mark = encoding.mark
    if not encoding.odd:
        yield encoding.decode(data[len(mark) :])[0], data
        return
    starts = [0, *list(line_starts(data, encoding))[1:], len(data)]
    for start, end in itertools.pairwise(starts):
        raw = data[start:end]
        yield encoding.decode(raw.removeprefix(mark) if not start else raw)[0], raw


_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_KNOWN_CHARSETS = re.compile(
    r"utf-?8|utf-?16(?:le|be)?|unicode|gb(?:k|2312|18030|_2312-80)|x-gbk|chinese|us-ascii|ascii"
    r"|iso-?8859-\d+|latin-?1|windows-\d+|cp\d+|ansi",
    re.I,
)


def _check_charset(data: bytes) -> None:
    """Refuse a page that says it is in an encoding in which other bytes than ours are digits."""
    declared = _CHARSET.search(data[:4096])
    if declared and not _KNOWN_CHARSETS.fullmatch(declared[1].decode("ascii", "replace")):
        raise UnreadableFile("网页声明的文字编码不是 UTF-8 或 GBK，请用浏览器另存为 UTF-8 再试")
    if b"\x1b$" in data or b"\x1b(" in data:
        raise UnreadableFile("网页用了无法检查的文字编码（ISO-2022），请用浏览器另存为 UTF-8 再试")


def page(data: bytes) -> WebPage:
    """The page that the bytes are. Raises UnreadableFile that names the fault."""
    return WebPage(data)


def read(path: Path) -> WebPage:
    """The page at ``path``. Raises UnreadableFile that names the fault."""
    magic.require(path, "html", "text", "xml")
    return page(read_bytes(path))
