"""Texts of a PDF outside its content streams: strings in objects, XMP; and what is dropped unread.

Strings are numbered in the order of a walk that depends on structure only, so that a changed string
keeps its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any, NamedTuple

from deid.formats.media import without_metadata
from deid.formats.pdf_objects import fields, items, kind, number
from deid.model import Edit, Remark

_MOST_OBJECTS = 8_000_000
_NOT_TEXT = {
    "/ID", "/CharSet", "/Panose", "/Registry", "/Ordering", "/Lookup", "/DA", "/Lang", "/CIDSet",
    "/ByteRange", "/CheckSum",
}  # fmt: skip
"""Keys whose strings are codes for a program. /ID also names structure elements: see ``_is_text``."""
_CLOSED = {
    "/Font",
    "/FontDescriptor",
    "/ExtGState",
    "/Encoding",
    "/Halftone",
    "/ColorSpace",
    "/Shading",
    "/Function",
}
_DATE = re.compile(r"D:\d{4,14}(?:[Zz+\-].{0,8})?$")
_DIGITS = re.compile(r"(?:\d[^\dA-Za-z]?){7}")
_FILE_KEYS = ("/F", "/UF", "/DOS", "/Mac", "/Unix")


class Spot(NamedTuple):
    """A string, in the object that holds it."""

    place: str
    holder: Any
    key: Any
    text: str
    star: str


class Stream(NamedTuple):
    """A content stream that no page draws by itself: an appearance, a pattern, a glyph procedure."""

    place: str
    stream: Any
    resources: Any
    page: int


# ------------------------------------------------------------------------------------ what is dropped


def dropped(pdf: Any) -> list[Remark]:
    """Take out of an opened file what is not for readers: attachments, scripts, private data."""
    root = pdf.Root
    notes = []
    files = _without_files(pdf)
    if files:
        notes.append(f"文件带有 {files} 个附件，输出文件不含附件")
    names = fields(root.get("/Names"))
    scripts = _cut(names, "/JavaScript") + _cut(root, "/AA")
    action = fields(root.get("/OpenAction"))
    if "/JS" in action:
        scripts += _cut(root, "/OpenAction")
    form = fields(root.get("/AcroForm"))
    if _cut(form, "/XFA"):
        notes.append("XFA 表单数据已删除，保留页面上的表单")
    _cut(root, "/Collection", "/PieceInfo", "/SpiderInfo", "/Perms", "/DSS", "/AF", "/LastModified")
    signed = _without_signatures(pdf)
    scripts += _clean_objects(pdf)
    _clean_info(pdf)
    if scripts:
        notes.append("文件带有脚本，输出文件不含脚本")
    remarks = [Remark("", note, look=False) for note in notes]
    if signed:
        remarks.append(
            Remark("", "文件有数字签名或电子签章，内容一改即失效，签名数据已删除；请核对后重新签章")
        )
    return remarks


def _cut(holder: Any, *keys: str) -> int:
    """Delete keys; how many there were."""
    count = 0
    for key in keys:
        if kind(holder) in ("dict", "stream") and key in holder:
            del holder[key]
            count += 1
    return count


def _without_files(pdf: Any) -> int:
    import pikepdf

    names = fields(pdf.Root.get("/Names"))
    tree = fields(names.get("/EmbeddedFiles"))
    count = sum(1 for _ in _leaves(tree)) if tree else 0
    _cut(names, "/EmbeddedFiles")
    for page in pdf.pages:
        annotations = items(page.obj.get("/Annots"))
        kept = [
            note
            for note in annotations
            if str(fields(note).get("/Subtype", "")) != "/FileAttachment"
        ]
        if len(kept) < len(annotations):
            count += len(annotations) - len(kept)
            page.obj.Annots = pikepdf.Array(kept)
    return count


def _leaves(node: Any, depth: int = 0) -> Iterator[Any]:
    """Pairs of a name tree (7.9.6); a tree that turns back on itself ends."""
    names = items(node.get("/Names"))
    yield from names[1::2]
    if depth < 16:
        for child in items(node.get("/Kids"))[:10_000]:
            yield from _leaves(fields(child), depth + 1)


def _without_signatures(pdf: Any) -> bool:
    found = False
    for spec in pdf.objects:
        if kind(spec) == "dict" and "/ByteRange" in spec and "/Contents" in spec:
            for key in list(spec.keys()):
                if key not in ("/Type", "/Filter"):
                    del spec[key]
            found = True
    return found


_PRIVATE = ("/PieceInfo", "/Thumb", "/LastModified", "/AA", "/RC", "/RV", "/AF", "/JS")


def _clean_objects(pdf: Any) -> int:
    """Private data, thumbnails, rich copies of texts, picture metadata; counts the scripts."""
    scripts = 0
    for top in pdf.objects:
        stack = [top]
        while stack:
            value = stack.pop()
            which = kind(value)
            if which in ("dict", "stream"):
                scripts += "/JS" in value
                _clean(value, which)
                inner = list(value.values()) if which == "dict" else []
            else:
                inner = items(value)
            stack += [
                one for one in inner if kind(one) in ("dict", "array") and not one.is_indirect
            ]
    return scripts


def _clean(spec: Any, which: str) -> None:
    _cut(spec, *_PRIVATE)
    if str(spec.get("/Type", "")) != "/Catalog" and kind(spec.get("/Metadata")) == "stream":
        del spec["/Metadata"]
    if "/EF" in spec:
        _cut(spec, "/EF", "/RF", "/Desc", *_FILE_KEYS)
    if which == "stream" and str(spec.get("/Subtype", "")) == "/Image":
        _clean_picture(spec)


def _clean_picture(image: Any) -> None:
    """A JPEG without EXIF and the small picture in it."""
    import pikepdf

    if str(image.get("/Filter", "")) != "/DCTDecode":
        return
    data = bytes(image.read_raw_bytes())
    clean = without_metadata(data)
    if clean != data:
        image.write(clean, filter=pikepdf.Name("/DCTDecode"))


def _clean_info(pdf: Any) -> None:
    """Drop entries whose very name holds a number."""
    info = fields(pdf.trailer.get("/Info"))
    for key in list(info.keys()):
        if _DIGITS.search(key) or kind(info[key]) not in ("string", "name"):
            del info[key]


# ------------------------------------------------------------------------------------------ strings


class Walk:
    """A walk over every object that can be reached, pages in their order.

    ``drawn``: tells of a form whether a page drew it. Streams that none drew are in ``streams``.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()
        self.streams: list[Stream] = []
        self._count: dict[str, int] = {}

    def pages(self, pdf: Any) -> None:
        """Note the page objects: each is walked on its own turn."""
        self._seen.update(page.obj.objgen for page in pdf.pages)

    def page(self, page: Any, number: int, resources: Any) -> Iterator[Spot]:
        """The strings of one page and its annotations."""
        for key in sorted(page.keys()):
            if key not in ("/Parent", "/Contents"):
                yield from self._from(page, key, f"page{number}#", number, resources)

    def document(self, pdf: Any) -> Iterator[Spot]:
        """The strings of the document: Info, outline, names, forms, structure."""
        info = fields(pdf.trailer.get("/Info"))
        self._seen.add(info.objgen if kind(info) == "dict" else (0, 0))
        for key in sorted(info.keys()):
            if kind(info[key]) == "string" and not _DATE.match(str(info[key])):
                yield Spot(f"Info{key}", info, key, str(info[key]), "*")
        for key in sorted(pdf.Root.keys()):
            if key not in ("/Pages", "/Metadata"):
                yield from self._from(pdf.Root, key, _PREFIX.get(key, "object"), 0, {})

    def _from(
        self, holder: Any, key: Any, prefix: str, page: int, resources: Any
    ) -> Iterator[Spot]:
        """The strings below one entry, depth first, without recursion: chains may be long."""
        stack: list[tuple[Any, Any, str]] = [(holder, key, key)]
        while stack:
            at, entry, label = stack.pop()
            value = at[entry]
            which = kind(value)
            if which == "plain" or which == "name":
                continue
            if which == "string":
                yield from self._string(at, entry, label, prefix, value)
                continue
            if value.is_indirect:
                if value.objgen in self._seen or len(self._seen) > _MOST_OBJECTS:
                    continue
                self._seen.add(value.objgen)
            if which == "array":
                if len(value) and str(value[0]) == "/Indexed":
                    continue
                stack += [(value, place, label) for place in reversed(range(len(value)))]
                continue
            if which == "stream":
                self._stream(value, prefix, page, resources)
            elif label in _CLOSED or str(value.get("/Type", "")) == "/Font":
                self._glyphs(value, prefix, page, resources)
                if str(value.get("/Type", "")) == "/Font" or label not in ("/Font", "/ExtGState"):
                    continue
            stack += [
                (value, name, name)
                for name in sorted(value.keys(), reverse=True)
                if name not in ("/Length", "/DecodeParms")
            ]

    def _string(self, holder: Any, key: Any, label: str, prefix: str, value: Any) -> Iterator[Spot]:
        text = str(value)
        if label in _NOT_TEXT and not _DIGITS.search(text):
            return
        if _DATE.match(text) or not _is_text(text):
            return
        number = self._count[prefix] = self._count.get(prefix, 0) + 1
        if text.strip():
            star = "x" if label in _FILE_KEYS else "*"
            yield Spot(f"{prefix}{label.strip('/')}{number}", holder, key, text, star)

    def _stream(self, stream: Any, prefix: str, page: int, resources: Any) -> None:
        form = str(stream.get("/Subtype", "")) == "/Form"
        if form or str(stream.get("/PatternType", "")) == "1":
            own = stream.get("/Resources")
            self._add(prefix, stream, own if own is not None else resources, page)

    def _glyphs(self, spec: Any, prefix: str, page: int, resources: Any) -> None:
        """Glyphs of a Type 3 font are content streams, and may show text."""
        own = spec.get("/Resources") if kind(spec) == "dict" else None
        for procedure in fields(fields(spec).get("/CharProcs")).values():
            if kind(procedure) == "stream":
                self._add(prefix, procedure, own if own is not None else resources, page)

    def _add(self, prefix: str, stream: Any, resources: Any, page: int) -> None:
        number = self._count["stream"] = self._count.get("stream", 0) + 1
        self.streams.append(Stream(f"{prefix}f{number}", stream, resources, page))


_PREFIX = {
    "/Outlines": "outline#", "/Names": "names#", "/Dests": "names#", "/AcroForm": "form#",
    "/StructTreeRoot": "structure#", "/OCProperties": "layers#", "/PageLabels": "labels#",
}  # fmt: skip


def _is_text(text: str) -> bool:
    """Whether a string reads like text and not like bytes."""
    odd = sum(char < " " and char not in "\t\r\n" for char in text)
    return odd * 8 <= len(text)


# ---------------------------------------------------------------------------------------------- XMP

_MARKUP = re.compile(
    r"<!\[CDATA\[(.*?)\]\]>|<\?.*?\?>|<!--.*?-->|<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.S
)
_ATTRIBUTE = re.compile(r"=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9A-Fa-f]+|\w+);|[\s\S]")
_QUIET = re.compile(r"(?:https?|adobe|uuid|xmp\.)[:.]|[\d\-]+T[\d:+\-Z.]+$|\d{1,6}(?:\.\d+)*$")


class Xml:
    """The texts of an XMP packet, each at its offsets in the source."""

    def __init__(self, data: bytes) -> None:
        self.codec = "utf-16" if data[:2] in (b"\xfe\xff", b"\xff\xfe") else "utf-8"
        self.source = data.decode(self.codec)
        self.texts: list[tuple[int, list[str]]] = []
        at = 0
        for match in _MARKUP.finditer(self.source):
            self._add(at, match.start())
            if match[1] is not None:
                self._add(match.start(1), match.end(1))
            elif not match[0].startswith(("<?", "</")):
                for value in _ATTRIBUTE.finditer(self.source, match.start(), match.end()):
                    group = 1 if value[1] is not None else 2
                    self._add(*value.span(group))
            at = match.end()
        self._add(at, len(self.source))

    def _add(self, start: int, end: int) -> None:
        source = self.source[start:end]
        if source.strip() and not _QUIET.match(source):
            self.texts.append((start, _ENTITY.findall(source)))

    def read(self) -> Iterator[tuple[int, str]]:
        """(number, text) of each text; an entity counts as the one character it stands for."""
        for index, (_, chars) in enumerate(self.texts):
            yield index, "".join(unescape(char)[:1] or " " for char in chars)

    def written(self, edits: dict[int, Sequence[Edit]]) -> bytes:
        """The packet with edits, by number of text."""
        out, done = [], 0
        for index, (start, chars) in enumerate(self.texts):
            place = [start]
            for char in chars:
                place.append(place[-1] + len(char))
            for edit in edits.get(index, ()):
                new = (
                    edit.replacement.replace("&", "&amp;")
                    .replace("<", "&lt;")
                    .replace('"', "&quot;")
                )
                out += [self.source[done : place[edit.start]], new]
                done = place[edit.end]
        return "".join([*out, self.source[done:]]).encode(self.codec)


__all__ = ["Spot", "Stream", "Walk", "Xml", "dropped", "items", "number"]
