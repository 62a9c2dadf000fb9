"""PDF with a text layer: what is hidden is taken out of the content, not covered.

The glyphs of an edited text leave the content stream; in the gap, as wide as they were, stands what
the edit puts there, in the page's own font or one that every reader has. Earlier revisions, objects
that nothing refers to, attachments, scripts, thumbnails and private data do not reach the output.
Places: ``page2#r3c1`` (a table's row and column on that page), ``page2#l7`` (a line),
``page2#f1l0`` (a line of an appearance or pattern), ``Info/Title``, ``outline#Title4``, ``XMP#2``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO
from unicodedata import normalize

from deid.errors import UnreadableFile, UnsafeEdit, UnsupportedFormat
from deid.formats import magic
from deid.formats.pdf_edit import Changes, Stars, changes_for
from deid.formats.pdf_layout import Bounds, Grid, Page, Piece, laid_out
from deid.formats.pdf_objects import fields, items, kind, numbers
from deid.formats.pdf_raster import pictured, rebuild
from deid.formats.pdf_rewrite import rewritten
from deid.formats.pdf_shapes import Used, lying
from deid.formats.pdf_strings import Spot, Stream, Walk, Xml, dropped
from deid.formats.pdf_text import Box, Content, Drawing, Reader, digits_in
from deid.formats.pdf_tokens import literal, shows_text, stream_bytes, tokens
from deid.model import Edit, Remark, Row, Table, Text

EXTENSIONS = (".pdf",)
LABEL = "PDF 文件"
KEEPS = (
    "版面、字体、图形、书签、表单、批注、页码",
    "没有遮盖的文字仍可查找和复制",
    "图片（列出，请人工查看）",
)
DROPS = (
    "附件、脚本、XFA 数据",
    "旧版本和无人引用的对象",
    "缩略图、私有数据",
    "数字签名和电子签章的签名数据（请重新签章）",
    "编辑和打印限制",
)
REFUSES = (
    "密码",
    "扫描件（整页图片、没有文字层）",
    "字体编码表不可信或缺少",
    "表格里文字重叠在一起（可改用 --pdf raster）",
    "各软件读法不一",
    "超过 1,000 页（请拆成几份）",
    "损坏的文件",
)

_MOST_BYTES = 1 << 30
_MOST_PAGES = 1_000
"""100 dense pages took 800 MB, verification included: more than this would exhaust an office machine."""
_SCAN = 0.4
"""A picture over this share of a page without visible text makes it a scanned page."""
_FEW = 20
"""Fewer visible characters than this beside a large picture are no text layer."""
_NEAR = 4.0
"""Column rules of one table stand at the same place on each page, but for rounding (points)."""
_SLACK = 5
"""Digits that another reader may see in excess: it spells out fractions and ligatures."""
_CONTENT = re.compile(r"page(\d+)#(?:f\d+l\d+|l\d+|u\d+_\d+|(?:t\d+)?r\d+c\d+)")


def read(path: Path, *, raster: bool = False) -> Pdf:
    """The PDF at ``path``. Raises UnreadableFile or UnsupportedFormat that name page and fault.

    ``raster``: a page with text over text in its cells is not refused. Those cells are taken out
    whole, and the page is saved as an image with its other text under it.
    """
    magic.require(path, "pdf")
    return Pdf(path, raster=raster)


@dataclass(slots=True)
class _Sheet:
    """One table, on one page or several."""

    name: str
    edges: tuple[float, ...]
    ruled: bool
    angle: int
    page: int
    rows: list[dict[int, str]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)

    def follows(self, grid: Grid, page: int) -> bool:
        """Whether a page's first table goes on with this one, the last of the page before."""
        if grid.carried:
            return page == self.page + 1 and len(grid.edges) == len(self.edges)
        return (
            page == self.page + 1
            and (grid.ruled, grid.angle, len(grid.edges))
            == (self.ruled, self.angle, len(self.edges))
            and all(abs(a - b) < _NEAR for a, b in zip(grid.edges, self.edges, strict=True))
        )

    def add(self, grid: Grid, prefix: str, page: int) -> None:
        """Append a page's rows."""
        first = len(self.rows)
        for row in range(grid.rows):
            self.places.append(f"{prefix}r{row}")
            self.rows.append({})
        for (row, column), piece in grid.cells.items():
            self.rows[first + row][column] = piece.text
        self.merges += [(first + a, b, first + c, d) for a, b, c, d in grid.merges]
        self.page = page

    def table(self) -> Table:
        """The table as the scanning core reads it."""

        def rows() -> Iterator[Row]:
            for index, cells in enumerate(self.rows):
                yield Row(index, cells)

        def place(row: int, column: int) -> str:
            return f"{self.places[row]}c{column}"

        return Table(self.name, rows, place, tuple(self.merges))


class Pdf:
    """An opened PDF. Texts are kept; glyphs are read again for the pages that change."""

    format = "pdf"

    def __init__(self, path: Path, *, raster: bool = False) -> None:
        self._path = path
        self._raster = raster
        self._saved = False
        self._load()

    def _load(self) -> None:
        self._pdf = _opened(self._path)
        self._reader = Reader()
        self._spots: dict[str, Spot] = {}
        self._streams: dict[str, Stream] = {}
        self._lying: dict[tuple[int, int], Any] = {}
        self._carried: dict[int, Bounds] = {}
        self._rebuilt: dict[int, list[Box]] = {}
        self._xml: Xml | None = None
        self.remarks: Sequence[Remark] = ()
        self.parts: Sequence[Table | Text] = ()
        try:
            self._read()
        except BaseException:
            self._pdf.close()
            raise

    # --- reading

    def _read(self) -> None:
        import pikepdf

        try:
            notes = [*_opening_notes(self._pdf), *dropped(self._pdf)]
            sheets: list[_Sheet] = []
            texts: list[Text] = []
            walk = Walk()
            walk.pages(self._pdf)
            other = _Other(self._path)
            shown = 0
            for number, page in enumerate(self._pdf.pages, 1):
                drawing = self._drawn(page, number)
                over = self._layout(drawing, page, number, sheets, texts)
                shown += len(drawing.glyphs)
                notes += _page_notes(drawing, *over, page, number)
                notes += self._rebuilt_notes(number)
                other.compare(number, drawing.digits)
                texts += self._strings(walk.page(page.obj, number, page.obj.get("/Resources", {})))
            other.close()
            self._check_shapes()
            _require_text(shown, notes)
            texts += self._strings(walk.document(self._pdf))
            texts += self._xmp()
            texts += self._inner(walk.streams)
        except (pikepdf.PdfError, RecursionError, ValueError, KeyError, AttributeError) as error:
            if isinstance(error, UnreadableFile | UnsupportedFormat):
                raise
            raise UnreadableFile("PDF 的内部结构已损坏，无法可靠读取，请重新导出。") from None
        self.parts = [*(sheet.table() for sheet in sheets), *texts]
        self.remarks = notes

    def _check_shapes(self) -> None:
        page = lying(self._pdf, [Used(*one) for one in self._reader.fonts])
        if page:
            raise UnreadableFile(
                f"第{page}页看到的数字和文字层里的不一样（字体编码表不可信），不能安全处理；"
                "请用原电子文件重新导出。"
            )

    def _drawn(self, page: Any, number: int) -> Drawing:
        self._reader.page = number
        data = _content(page.obj.get("/Contents"), number)
        drawing = self._reader.draw(data, _resources(page), None, key=f"page{number}")
        for spec in drawing.lies:
            self._lying[spec.objgen] = spec
        return drawing

    def _layout(
        self,
        drawing: Drawing,
        page: Any,
        number: int,
        sheets: list[_Sheet],
        texts: list[Text],
    ) -> tuple[int, int]:
        """Add a page's tables and lines; how many lines stand on others, outside cells and inside."""
        layout = laid_out(drawing, _width(page), self._carried.get(number, ()))
        if layout.tangled and self._raster:
            self._rebuilt[number] = [_around(piece, drawing) for piece in _taken_out(layout)]
            layout.tangled = 0
        if layout.grids and layout.grids[-1].bounds:
            self._carried[number + 1] = layout.grids[-1].bounds
        for at, grid in enumerate(layout.grids):
            prefix = _prefix(number, at)
            last = sheets[-1] if sheets else None
            if at or last is None or not last.follows(grid, number):
                last = _Sheet(prefix.removesuffix("#"), grid.edges, grid.ruled, grid.angle, number)
                sheets.append(last)
            last.add(grid, prefix, number)
        for at, piece in enumerate(layout.lines):
            texts.append(Text(f"page{number}#l{at}", piece.text))
        texts += _actual(drawing, number)
        return layout.over, layout.tangled

    def _rebuilt_notes(self, number: int) -> Iterator[Remark]:
        if number in self._rebuilt:
            yield Remark(
                f"page{number}",
                f"第{number}页有 {len(self._rebuilt[number])} 格文字重叠在一起，已整格遮盖，"
                "这一页改成了图片（附文字层），请与原件核对",
            )

    def _strings(self, spots: Iterator[Spot]) -> Iterator[Text]:
        for spot in spots:
            self._spots[spot.place] = spot
            yield Text(spot.place, spot.text, spot.star)

    def _xmp(self) -> Iterator[Text]:
        metadata = self._pdf.Root.get("/Metadata")
        if kind(metadata) != "stream":
            return
        try:
            self._xml = Xml(stream_bytes(metadata, 0))
        except (UnicodeDecodeError, UnreadableFile):
            del self._pdf.Root["/Metadata"]
            return
        for number, text in self._xml.read():
            yield Text(f"XMP#{number}", text)

    def _inner(self, streams: Sequence[Stream]) -> Iterator[Text]:
        """Texts of the streams that no page drew."""
        for stream in streams:
            if stream.stream.objgen in self._reader.forms:
                continue
            if not shows_text(stream_bytes(stream.stream, stream.page)):
                continue
            self._streams[stream.place] = stream
            for number, piece in enumerate(_pieces(self._drawn_stream(stream))):
                yield Text(f"{stream.place}l{number}", piece.text)

    def _drawn_stream(self, stream: Stream) -> Drawing:
        self._reader.page = stream.page
        self._reader.forms.setdefault(stream.stream.objgen, -1)
        data = stream_bytes(stream.stream, stream.page)
        drawing = self._reader.draw(data, stream.resources, stream.stream.objgen, key=stream.place)
        for spec in drawing.lies:
            self._lying[spec.objgen] = spec
        return drawing

    # --- writing

    def save(self, target: BinaryIO, edits: Mapping[str, Sequence[Edit]]) -> None:
        """Write the file anew, with ``edits`` carried out in its content. Raises UnsafeEdit."""
        if self._saved:
            self._load()
        self._saved = True
        pages: dict[int, dict[str, Sequence[Edit]]] = defaultdict(dict)
        inner: dict[str, dict[str, Sequence[Edit]]] = defaultdict(dict)
        xmp: dict[int, Sequence[Edit]] = {}
        for place, changes in edits.items():
            content = _CONTENT.fullmatch(place)
            if place in self._spots:
                self._set_string(self._spots[place], changes)
            elif place.startswith("XMP#") and self._xml is not None:
                xmp[int(place[4:])] = changes
            elif place.rpartition("l")[0] in self._streams:
                inner[place.rpartition("l")[0]][place] = changes
            elif content:
                pages[int(content[1])][place] = changes
            else:
                raise UnsafeEdit("要修改的位置不在文件里。")
        for number in sorted({*pages, *self._rebuilt}):
            self._edit_page(number, pages[number])
        for name in sorted(inner):
            self._edit_stream(self._streams[name], inner[name])
        if xmp and self._xml is not None:
            self._pdf.Root.Metadata.write(self._xml.written(xmp))
        self._rebuild_pages()
        self._write(target)

    def _write(self, target: BinaryIO) -> None:
        import pikepdf

        for spec in self._lying.values():
            if "/ToUnicode" in spec:
                del spec["/ToUnicode"]
        if "/ID" in self._pdf.trailer:
            del self._pdf.trailer["/ID"]
        self._pdf.remove_unreferenced_resources()
        try:
            self._pdf.save(
                target,
                deterministic_id=True,
                fix_metadata_version=False,  # it would write the XMP anew
                object_stream_mode=pikepdf.ObjectStreamMode.preserve,
                min_version=self._pdf.pdf_version,
            )
        except (pikepdf.PdfError, RuntimeError):
            raise UnsafeEdit("PDF 的内部结构已损坏，无法重新写出，请重新导出。") from None

    @staticmethod
    def _set_string(spot: Spot, changes: Sequence[Edit]) -> None:
        import pikepdf

        spot.holder[spot.key] = pikepdf.String(_applied(spot.text, changes))

    def _edit_page(self, number: int, edits: Mapping[str, Sequence[Edit]]) -> None:
        if number > len(self._pdf.pages):
            raise UnsafeEdit("要修改的位置不在文件里。")
        page = self._pdf.pages[number - 1]
        drawing = self._drawn(page, number)
        pieces: dict[str, Piece] = {}
        layout = laid_out(drawing, _width(page), self._carried.get(number, ()))
        removed = _taken_out(layout) if number in self._rebuilt else []
        for at, grid in enumerate(layout.grids):
            for (row, column), piece in grid.cells.items():
                pieces[f"{_prefix(number, at)}r{row}c{column}"] = piece
        for at, piece in enumerate(layout.lines):
            pieces[f"page{number}#l{at}"] = piece
        changes = _collected(pieces, edits, drawing, number)
        for piece in removed:
            for place in {*piece.glyphs, *chain.from_iterable(piece.shadows.values())} - {-1}:
                glyph = drawing.glyphs[place]
                changes.setdefault(glyph.stream, {}).setdefault(glyph.show, {})[glyph.at] = None

        def replace(data: bytes) -> None:
            page.obj.Contents = self._pdf.make_stream(data)

        self._apply(drawing, changes, edits, number, replace)
        self._blank_structure(page, drawing, changes)

    def _rebuild_pages(self) -> None:
        """Replace the pages that have to be images, all edits made."""
        if not self._rebuilt:
            return
        held = BytesIO()
        self._pdf.save(held, fix_metadata_version=False)
        for number, blanks in self._rebuilt.items():
            page = self._pdf.pages[number - 1]
            drawing = self._drawn(page, number)
            if sum(bool(glyph.char.strip()) for glyph in drawing.glyphs) < _FEW:
                raise UnsafeEdit(f"第{number}页剩下的文字太少，改成图片后无法复查，请重新导出。")
            picture, text = pictured(held.getvalue(), number)
            if digits_in(text) > drawing.digits + _SLACK:
                raise UnsafeEdit(f"第{number}页的内容各软件读法不一，不能改成图片，请重新导出。")
            rebuild(self._pdf, page, drawing, picture, blanks)

    def _edit_stream(self, stream: Stream, edits: Mapping[str, Sequence[Edit]]) -> None:
        drawing = self._drawn_stream(stream)
        pieces = {f"{stream.place}l{at}": piece for at, piece in enumerate(_pieces(drawing))}
        changes = _collected(pieces, edits, drawing, stream.page)
        self._apply(drawing, changes, {}, stream.page, stream.stream.write)

    def _apply(
        self,
        drawing: Drawing,
        changes: Changes,
        edits: Mapping[str, Sequence[Edit]],
        number: int,
        replace: Callable[[bytes], None],
    ) -> None:
        """Rewrite the streams of a drawing that change."""
        for index, content in enumerate(drawing.contents):
            actual = _actual_changes(content, index, changes.get(index, {}), edits, number)
            if index not in changes and not actual:
                continue
            stars = Stars(self._pdf, content.resources)
            data = rewritten(content, changes.get(index, {}), stars.font, actual)
            stars.install()
            if index == 0:
                replace(data)
            else:
                self._pdf.get_object(content.holder).write(data)

    def _blank_structure(self, page: Any, drawing: Drawing, changes: Changes) -> None:
        """Replacement texts of structure elements whose content was changed say nothing any more."""
        marks = {
            mark.mcid
            for index, shows in changes.items()
            for show in shows
            for mark in drawing.contents[index].shows[show].marks
            if mark.mcid >= 0
        }
        tree = fields(fields(self._pdf.Root.get("/StructTreeRoot")).get("/ParentTree"))
        key = page.obj.get("/StructParents")
        if not marks or not tree or key is None:
            return
        elements = items(_tree_value(tree, int(key), 0))
        for mark in marks:
            if mark < len(elements):
                _blank(elements[mark])

    # --- searching

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """The file's bytes, each object's strings and unpacked stream, and what pdfium reads."""
        yield "", self._path.read_bytes()
        with _opened(self._path) as pdf:
            for spec in pdf.objects:
                name = f"对象{spec.objgen[0]}" if kind(spec) != "plain" else "对象"
                yield name, "\n".join(_all_strings(spec)).encode("utf-8", "replace")
                if kind(spec) != "stream":
                    continue
                try:
                    data = stream_bytes(spec, 0)
                except UnreadableFile:  # a picture: its filter is no one's business here
                    data = bytes(spec.read_raw_bytes())
                yield name, data
                if str(spec.get("/Subtype", "")) != "/Image" and _CONTENT_LIKE.search(data):
                    yield name, b"".join(v for which, v, _, _ in tokens(data) if which == "string")
        other = _Other(self._path)
        for number in range(1, other.count + 1):
            yield f"page{number}", other.text(number).encode("utf-8", "replace")
        other.close()

    def close(self) -> None:
        """Let go of the file."""
        self._pdf.close()
        self.parts = ()


# ------------------------------------------------------------------------------------------ opening

_CONTENT_LIKE = re.compile(rb"T[jJ]\b|\bBT\b")


def _opened(path: Path) -> Any:
    import pikepdf

    try:
        pdf = pikepdf.open(path, suppress_warnings=True)
    except pikepdf.PasswordError:
        raise UnreadableFile("文件有密码，请先解除密码，再处理。") from None
    except (pikepdf.PdfError, RuntimeError, ValueError):
        raise UnreadableFile("PDF 已损坏，打不开，请重新导出。") from None
    try:
        count = len(pdf.pages)
    except (pikepdf.PdfError, RuntimeError, ValueError, RecursionError):
        pdf.close()
        raise UnreadableFile("PDF 的页面目录已损坏，无法可靠读取，请重新导出。") from None
    if not 0 < count <= _MOST_PAGES or path.stat().st_size > _MOST_BYTES:
        pdf.close()
        raise UnreadableFile(
            f"PDF 没有页面，或超过 {_MOST_PAGES} 页、1 GB 的上限，请拆分后再处理。"
        )
    return pdf


def _opening_notes(pdf: Any) -> Iterator[Remark]:
    if pdf.is_encrypted:
        yield Remark("", "原文件限制了编辑或打印（打开不需密码），输出文件不再有此限制", look=False)


def _content(contents: Any, number: int) -> bytes:
    """The content of a page, its streams joined (7.8.2)."""
    if kind(contents) == "stream":
        return stream_bytes(contents, number)
    streams = [one for one in items(contents) if kind(one) == "stream"]
    return b"\n".join(stream_bytes(one, number) for one in streams)


def _resources(page: Any) -> Any:
    """A page's resources, its own or those above it; made when there are none."""
    import pikepdf

    node, depth = page.obj, 0
    while kind(node) == "dict" and depth < 64:
        if kind(node.get("/Resources")) == "dict":
            return node.Resources
        node, depth = node.get("/Parent"), depth + 1
    page.obj.Resources = pikepdf.Dictionary()
    return page.obj.Resources


def _width(page: Any) -> float:
    box = numbers(page.mediabox, 4, (0.0, 0.0, 595.0, 842.0))
    return abs(box[2] - box[0])


def _area(page: Any) -> float:
    box = numbers(page.mediabox, 4, (0.0, 0.0, 595.0, 842.0))
    return abs((box[2] - box[0]) * (box[3] - box[1])) or 1.0


def _taken_out(layout: Page) -> list[Piece]:
    """The cells whose lines overlap, which the layout then no longer has."""
    return [grid.cells.pop(cell) for grid in layout.grids for cell in grid.tangled]


def _around(piece: Piece, drawing: Drawing) -> Box:
    """The box around the glyphs of a text."""
    glyphs = [drawing.glyphs[place] for place in piece.glyphs if place >= 0]
    xs = [x for glyph in glyphs for x in (glyph.x, glyph.x + glyph.dx)]
    ys = [y for glyph in glyphs for y in (glyph.y, glyph.y + glyph.dy)]
    size = max(glyph.size for glyph in glyphs)
    return min(xs), min(ys) - 0.25 * size, max(xs), max(ys) + size


def _prefix(number: int, table: int) -> str:
    return f"page{number}#t{table + 1}" if table else f"page{number}#"


def _page_notes(
    drawing: Drawing, over: int, tangled: int, page: Any, number: int
) -> Iterator[Remark]:
    """What a person must know of a page. Raises UnsupportedFormat for a scanned one."""
    visible = sum(glyph.shown and bool(glyph.char.strip()) for glyph in drawing.glyphs)
    covered = max(drawing.pictures, default=0.0) / _area(page)
    if covered > _SCAN and visible < _FEW:
        raise UnsupportedFormat(
            f"第{number}页是扫描件（整页图片），扫描件暂不支持；请用原电子文件导出 PDF。"
        )
    unknown = sum("\ufffd" in glyph.char for glyph in drawing.glyphs)
    if unknown > 3 and unknown * 10 > len(drawing.glyphs):
        raise UnreadableFile(
            f"第{number}页的文字无法还原（字体缺少编码表），不能安全处理，请重新导出。"
        )
    if unknown:
        yield Remark(f"page{number}", f"第{number}页有 {unknown} 个字符无法识别，请人工查看")
    if tangled:
        raise UnreadableFile(
            f"第{number}页有文字重叠在一起，无法按顺序读出；"
            "请调整版面后重新导出，或改用 --pdf raster（重叠的格整格遮盖，这一页改成图片）。"
        )
    if over:
        yield Remark(f"page{number}", f"第{number}页有文字重叠在一起，可能读错，请人工核对")
    if drawing.pictures or drawing.inline:
        yield Remark(f"page{number}", f"第{number}页有图片，图片里的文字没有检查，请人工查看")
    if not drawing.glyphs and drawing.painted:
        yield Remark(f"page{number}", f"第{number}页有图形但没有文字层，请人工查看")


def _require_text(shown: int, notes: Sequence[Remark]) -> None:
    if not shown and notes and any(note.look for note in notes):
        raise UnsupportedFormat(
            "PDF 没有文字层（扫描件或图形），扫描件暂不支持；请用原电子文件导出 PDF。"
        )


def _actual(drawing: Drawing, number: int) -> Iterator[Text]:
    """Replacement texts in the content that say something else than the glyphs they stand for."""
    shown: dict[tuple[int, int], str] = defaultdict(str)
    if any(content.actual for content in drawing.contents):
        for glyph in drawing.glyphs:
            for mark in drawing.contents[glyph.stream].shows[glyph.show].marks:
                shown[glyph.stream, mark.number] += glyph.char
    for index, content in enumerate(drawing.contents):
        for actual in content.actual:
            if actual.text.strip() and not _same(actual.text, shown[index, actual.number]):
                yield Text(f"page{number}#u{index}_{actual.number}", actual.text)


def _same(one: str, other: str) -> bool:
    """Whether two texts read alike: compatibility forms and blanks aside."""
    plain = ("".join(normalize("NFKC", text).split()) for text in (one, other))
    return next(plain) == next(plain)


def _pieces(drawing: Drawing) -> list[Piece]:
    """The lines of an appearance; it is too small to hold a table."""
    drawing.rules = []
    layout = laid_out(drawing, 0.0)
    cells = [grid.cells[key] for grid in layout.grids for key in sorted(grid.cells)]
    return [*cells, *layout.lines]


class _Other:
    """A second reader, pdfium, that must not see more than we do."""

    def __init__(self, path: Path) -> None:
        import pypdfium2  # type: ignore[import-untyped, unused-ignore]

        try:
            self._pdf: Any = pypdfium2.PdfDocument(path)
            self.count = len(self._pdf)
        except pypdfium2.PdfiumError:
            self._pdf, self.count = None, 0

    def text(self, number: int) -> str:
        """What pdfium reads on a page."""
        page = self._pdf[number - 1]
        text = page.get_textpage()
        read = str(text.get_text_range())
        text.close()
        page.close()
        return read

    def compare(self, number: int, digits: int) -> None:
        """Raises UnreadableFile when pdfium sees digits that we do not."""
        if number > self.count:
            raise UnreadableFile(f"第{number}页的内容各软件读法不一，不能安全处理，请重新导出。")
        if digits_in(self.text(number)) > digits + _SLACK:
            raise UnreadableFile(f"第{number}页的内容各软件读法不一，不能安全处理，请重新导出。")

    def close(self) -> None:
        if self._pdf is not None:
            self._pdf.close()


# ------------------------------------------------------------------------------------------ editing


def _applied(text: str, edits: Sequence[Edit]) -> str:
    out, at = [], 0
    for edit in edits:
        out += [text[at : edit.start], edit.replacement]
        at = edit.end
    return "".join([*out, text[at:]])


def _collected(
    pieces: Mapping[str, Piece],
    edits: Mapping[str, Sequence[Edit]],
    drawing: Drawing,
    number: int,
) -> Changes:
    """The changes of all edits of a page, by stream, operator and glyph."""
    changes: Changes = {}
    for place, wanted in edits.items():
        if "#u" in place:
            continue
        if place not in pieces:
            raise UnsafeEdit(f"第{number}页要修改的位置不在文件里。")
        changes_for(pieces[place], wanted, drawing, changes)
    return changes


def _actual_changes(
    content: Content,
    index: int,
    shows: Mapping[int, Any],
    edits: Mapping[str, Sequence[Edit]],
    number: int,
) -> dict[tuple[int, int], bytes]:
    """(start, end) in the stream -> what replaces an ActualText there."""
    touched = {mark.number for show in shows for mark in content.shows[show].marks}
    out = {}
    for actual in content.actual:
        wanted = edits.get(f"page{number}#u{index}_{actual.number}")
        if wanted:
            text = _applied(actual.text, wanted)
            string = literal(b"\xfe\xff" + text.encode("utf-16-be"))
            out[actual.start, actual.end] = b"/ActualText " + string
        elif actual.number in touched:
            out[actual.start, actual.end] = b""
    return out


def _tree_value(node: Any, key: int, depth: int) -> Any:
    """The value under a number in a number tree (7.9.7)."""
    pairs = items(node.get("/Nums"))
    for at in range(0, len(pairs) - 1, 2):
        if int(pairs[at]) == key:
            return pairs[at + 1]
    for child in items(node.get("/Kids")) if depth < 16 else ():
        limits = items(fields(child).get("/Limits"))
        if len(limits) == 2 and int(limits[0]) <= key <= int(limits[1]):
            return _tree_value(child, key, depth + 1)
    return None


def _blank(element: Any) -> None:
    import pikepdf

    for _ in range(3):
        if kind(element) != "dict":
            return
        for key in ("/ActualText", "/Alt", "/E"):
            if key in element:
                element[key] = pikepdf.String("")
        element = element.get("/P")


def _all_strings(spec: Any) -> Iterator[str]:
    """Every string and name in one object, those of objects it refers to left out."""
    stack = [spec]
    first = True
    while stack:
        value = stack.pop()
        which = kind(value)
        if which in ("string", "name"):
            yield str(value)
        elif which in ("array", "dict", "stream") and (first or not value.is_indirect):
            if which == "array":
                stack += list(value)
            else:
                keys = list(value.keys())
                yield from keys
                stack += [value[key] for key in keys]
        first = False
