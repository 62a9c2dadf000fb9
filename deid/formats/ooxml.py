"""OOXML packages (xlsx, docx): a zip read under limits, and the texts inside its XML parts.

Two layers, neither of which builds a tree. ``Package`` reads members under limits and writes the
package again: what is not changed is copied compressed, byte for byte. ``scan_texts`` finds every
text and attribute of an XML part that could hold an identifier, as a ``Slot``: the raw ranges whose
decoded contents, joined, are what a reader sees. ``splices`` turns edits of that text into raw
replacements, so that nothing else in the part moves.
"""

from __future__ import annotations

import importlib
import itertools
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, BinaryIO
from urllib.parse import quote, unquote
from xml.parsers import expat

from deid.errors import UnreadableFile
from deid.later import later
from deid.model import Edit

MAX_MEMBERS = 10_000
MAX_UNPACKED = 2 << 30
"""Bytes of all members together, unpacked. A sheet of a million rows and 20 columns has about 1 GB."""
MAX_RATIO = 250
"""Unpacked to packed size of one member; deflate reaches 1,032, real sheets stay below 60."""
RATIO_FREE = 8 << 20
"""Members smaller than this may be packed as tightly as they like."""
CHUNK = 1 << 18
_LARGE = 1 << 20
"""Bytes of a member from which on a faster library pays."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_MAX_32 = 0xFFFFFFFE
_DAMAGED = "文件已损坏（压缩包内容不完整），请重新下载或用 Office 打开后另存一份再试"


def _stop(message: str) -> UnreadableFile:
    return UnreadableFile(message)


# --- the zip layer -------------------------------------------------------------------------------


@cache
def _fast_zlib() -> Any:
    """isal where it is installed (it packs 30 times as fast, a fifth larger), else None."""
    try:
        return importlib.import_module("isal.isal_zlib")
    except ImportError:
        return None


def _zlib_for(size: int) -> Any:
    """The library that unpacks a member of that size."""
    return (_fast_zlib() if size >= _LARGE else None) or zlib


def _deflater(size: int) -> Any:
    """What packs a member of that size."""
    fast = _fast_zlib() if size >= _LARGE else None
    return fast.compressobj(2, zlib.DEFLATED, -15) if fast else zlib.compressobj(6, 8, -15)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the package, as the central directory tells it."""

    name: str
    stored_name: bytes
    data_start: int
    packed: int
    size: int
    crc: int
    info: zipfile.ZipInfo

    @property
    def key(self) -> str:
        """The name as OPC compares it: case does not count."""
        return part_key(self.name)


def part_key(name: str) -> str:
    """The name under which a part is looked up: slashes one way, no leading slash, lower case."""
    return name.replace("\\", "/").lstrip("/").lower()


class Package:
    """A zip package opened for reading; ``write`` makes the changed copy."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        source.seek(0)
        head = source.read(4)
        if not head:
            raise _stop("文件是空的")
        if head[:2] != b"PK":
            raise _stop("文件不是 Office 文档，或者已损坏")
        try:
            with zipfile.ZipFile(source) as archive:
                infos, self.comment = archive.infolist(), archive.comment
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            ValueError,
            EOFError,
            OSError,
            struct.error,
        ):
            raise _stop(_DAMAGED) from None
        self._end = source.seek(0, 2)
        self.members = self._checked(infos)
        self._by_key = {member.key: member for member in self.members}

    def _checked(self, infos: Sequence[zipfile.ZipInfo]) -> list[Member]:
        if len(infos) > MAX_MEMBERS:
            raise _stop(f"压缩包里的文件超过 {MAX_MEMBERS} 个，不予处理")
        if sum(info.file_size for info in infos) > MAX_UNPACKED:
            raise _stop("文件解压后太大（疑似压缩炸弹），不予处理")
        members = [self._member(info) for info in infos]
        if len({member.key for member in members}) != len(members):
            raise _stop("压缩包里有重名的文件，不予处理")
        spans = sorted((m.info.header_offset, m.data_start + m.packed) for m in members)
        if any(left[1] > right[0] for left, right in itertools.pairwise(spans)):
            raise _stop("压缩包里的文件互相重叠（疑似压缩炸弹），不予处理")
        return members

    def _member(self, info: zipfile.ZipInfo) -> Member:
        name = info.orig_filename
        _check_name(name)
        if info.flag_bits & 0x2041:
            raise _stop("压缩包里的文件有密码，请先取消密码再试")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _stop("压缩包用了 Office 不用的压缩方法，请用 Office 另存后再试")
        if info.file_size > RATIO_FREE and info.file_size > MAX_RATIO * info.compress_size:
            raise _stop("文件压缩得不合常理（疑似压缩炸弹），不予处理")
        self._source.seek(info.header_offset)
        local = self._source.read(_LOCAL.size)
        if len(local) < _LOCAL.size or local[:4] != b"PK\x03\x04":
            raise _stop(_DAMAGED)
        fields = _LOCAL.unpack(local)
        stored = self._source.read(fields[9])
        if stored != name.encode("utf-8" if info.flag_bits & 0x800 else "cp437"):
            raise _stop("压缩包的目录与内容不一致，不予处理")
        start = info.header_offset + _LOCAL.size + fields[9] + fields[10]
        if start + info.compress_size > self._end or fields[2] & 0x1:
            raise _stop(_DAMAGED)
        return Member(name, stored, start, info.compress_size, info.file_size, info.CRC, info)

    def find(self, name: str) -> Member | None:
        """The member of that name, or None."""
        return self._by_key.get(part_key(name))

    def packed(self, member: Member) -> Iterator[bytes]:
        """The member's bytes as they lie in the file."""
        left, place = member.packed, member.data_start
        while left:
            self._source.seek(place)
            data = self._source.read(min(CHUNK, left))
            if not data:
                raise _stop(_DAMAGED)
            left -= len(data)
            place += len(data)
            yield data

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The member's bytes unpacked: no more than its directory entry promised, CRC checked."""
        crc = done = 0
        library = _zlib_for(member.size)
        try:
            for data in self._inflated(member):
                crc = library.crc32(data, crc)
                done += len(data)
                if done > member.size:
                    raise _stop("文件解压后比它声明的大（疑似压缩炸弹），不予处理")
                yield data
        except (zlib.error, library.error):
            raise _stop(_DAMAGED) from None
        if done != member.size or crc != member.crc:
            raise _stop(_DAMAGED)

    def _inflated(self, member: Member) -> Iterator[bytes]:
        if member.info.compress_type == zipfile.ZIP_STORED:
            yield from self.packed(member)
            return
        inflate = _zlib_for(member.size).decompressobj(-15)
        for data in self.packed(member):
            while data and not inflate.eof:
                yield inflate.decompress(data, CHUNK * 4)
                data = inflate.unconsumed_tail
        if not inflate.eof or inflate.unused_data:
            raise _stop(_DAMAGED)

    def read(self, member: Member) -> bytes:
        """The whole member, unpacked."""
        return b"".join(self.chunks(member))

    def write(self, target: BinaryIO, change: Change) -> None:
        """Write the package with ``change`` applied; members keep order, name and date."""
        directory: list[bytes] = []
        place = 0
        for member in self.members:
            if member.key in change.dropped:
                continue
            header, body = self._packed_again(member, change)
            name = change.names.get(member.key, member.stored_name)
            local, central = _headers(member, name, header, place, change)
            directory.append(central)
            target.write(local)
            place += len(local) + header[1]
            for data in body:
                target.write(data)
        index = b"".join(directory)
        target.write(index)
        count = len(directory)
        if place + len(index) > _MAX_32:
            raise _stop("文件超过 4 GB，不予处理")
        comment = self.comment if change.comment is None else change.comment
        end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(index), place, len(comment))
        target.write(end + comment)

    def _packed_again(
        self, member: Member, change: Change
    ) -> tuple[tuple[int, int, int, int], Iterable[bytes]]:
        """(method, packed size, size, CRC) and the packed bytes."""
        if member.key not in change.content:
            info = member.info
            return (info.compress_type, member.packed, member.size, member.crc), self.packed(member)
        deflate = _deflater(member.size)
        library = _zlib_for(member.size)
        crc = size = 0
        body: list[bytes] = []
        for data in change.content[member.key]:
            crc = library.crc32(data, crc)
            size += len(data)
            body.append(deflate.compress(data))
        body.append(deflate.flush())
        return (zipfile.ZIP_DEFLATED, sum(map(len, body)), size, crc), body


@dataclass(slots=True)
class Change:
    """What ``Package.write`` does differently, by member key."""

    content: dict[str, Iterable[bytes]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    names: dict[str, bytes] = field(default_factory=dict)
    notes: dict[str, bytes] = field(default_factory=dict)
    comment: bytes | None = None


def _check_name(name: str) -> None:
    plain = name.replace("\\", "/")
    if not plain or plain.startswith("/") or "\x00" in plain or re.match(r"[A-Za-z]:", plain):
        raise _stop("压缩包里有不合法的文件名，不予处理")
    if ".." in plain.split("/"):
        raise _stop("压缩包里有指向外面的文件名，不予处理")


def _headers(
    member: Member, name: bytes, header: tuple[int, int, int, int], place: int, change: Change
) -> tuple[bytes, bytes]:
    """Local and central header. Extra fields go: they may hold the name or a user once more."""
    method, packed, size, crc = header
    if max(packed, size, place) > _MAX_32:
        raise _stop("文件超过 4 GB，不予处理")
    info = member.info
    year, month, day, hour, minute, second = info.date_time
    date = (year - 1980) << 9 | month << 5 | day
    time = hour << 11 | minute << 5 | second // 2
    flags = info.flag_bits & 0x800
    note = change.notes.get(member.key, info.comment)
    local = _LOCAL.pack(
        b"PK\x03\x04", 20, flags, method, time, date, crc, packed, size, len(name), 0
    )
    made = info.create_system << 8 | 20
    central = _CENTRAL.pack(
        *(b"PK\x01\x02", made, 20, flags, method, time, date, crc, packed, size),
        *(len(name), 0, len(note), 0, info.internal_attr & 0xFFFF, info.external_attr, place),
    )
    return local + name, central + name + note


# --- XML: encoding and well-formedness -------------------------------------------------------------


def xml_codec(head: bytes) -> str:
    """The codec of an XML part from its first bytes; only what Office reads is let in."""
    if head[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        raise _stop("文件里的 XML 用了不支持的编码（UTF-32），请用 Office 另存后再试")
    if head[:2] == b"\xff\xfe" or head[:2] == b"<\x00":
        return "utf-16-le"
    if head[:2] == b"\xfe\xff" or head[:2] == b"\x00<":
        return "utf-16-be"
    declared = re.match(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)", head[:300])
    if declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii"):
        raise _stop("文件里的 XML 用了不支持的编码，请用 Office 另存后再试")
    return "utf-8"


class XmlCheck:
    """Feeds expat: raises UnreadableFile for a part that is not well formed or has a DOCTYPE."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartDoctypeDeclHandler = self._doctype

    @staticmethod
    def _doctype(*_: object) -> None:
        raise _stop("文件里的 XML 带有 DOCTYPE 定义（可能被人动过手脚），不予处理")

    def feed(self, data: bytes, *, last: bool = False) -> None:
        """The next bytes, in UTF-8."""
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError:
            raise _stop("文件里的 XML 有错误，请用 Office 打开后另存一份再试") from None


def decode_xml(data: bytes, *, strict: bool = True) -> tuple[str, str]:
    """The text of an XML part and its codec; encoding it again gives the same bytes."""
    codec = xml_codec(data)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        raise _stop("文件里的 XML 编码有错误，请用 Office 打开后另存一份再试") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        XmlCheck._doctype()
    if strict:
        XmlCheck().feed(text.lstrip("\ufeff").encode(), last=True)
    return text, codec


# --- XML: text and where each character of it stands -----------------------------------------------

_ENTITY = later(r"&(?:#[xX]([0-9A-Fa-f]{1,8})|#([0-9]{1,8})|(amp|lt|gt|quot|apos));|\r\n?")
_EXCEL = later(r"_x([0-9A-Fa-f]{4})_")
_PERCENT = later(
    r"%[0-7][0-9A-Fa-f]|%[CDcd][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f])"
    r"|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}|%[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){3}"
)
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def _entity(hit: re.Match[str]) -> str | None:
    if hit[3]:
        return _NAMED[hit[3]]
    if hit[1] or hit[2]:
        code = int(hit[1], 16) if hit[1] else int(hit[2])
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else None
    return "\n"


def _excel(hit: re.Match[str]) -> str | None:
    code = int(hit[1], 16)
    return None if 0xD800 <= code < 0xE000 else chr(code)


def _percent(hit: re.Match[str]) -> str | None:
    text = unquote(hit[0], errors="ignore")
    return text if len(text) == 1 else None


_Decoder = Callable[[re.Match[str]], str | None]
_XML_LAYER: tuple[re.Pattern[str], _Decoder] = (_ENTITY, _entity)
_LAYERS: dict[str, tuple[tuple[re.Pattern[str], _Decoder], ...]] = {
    "xml": (_XML_LAYER,),
    "excel": (_XML_LAYER, (_EXCEL, _excel)),
    "url": (_XML_LAYER, (_PERCENT, _percent)),
}


class _Decoded(dict[str, str]):
    """Escapes already met -> what they stand for; the few hundred of a file recur for ever."""

    def __init__(self, regex: re.Pattern[str], decode: _Decoder) -> None:
        self._regex, self._decode = regex, decode

    def __missing__(self, raw: str) -> str:
        hit = self._regex.fullmatch(raw)
        new = self._decode(hit) if hit else None
        value = raw if new is None else new
        if len(self) < 100_000:
            self[raw] = value
        return value

    def sub(self, raw: str) -> str:
        return self._regex.sub(lambda hit: self[hit[0]], raw)


_SUBS = {coding: [_Decoded(*layer) for layer in layers] for coding, layers in _LAYERS.items()}
_MARKS = {"xml": "", "excel": "_x", "url": "%"}


def unescape(raw: str, coding: str = "excel") -> str:
    """Character data as a reader sees it. ``coding``: xml, excel (``_x0031_``) or url (``%31``)."""
    subs = _SUBS[coding]
    if "&" in raw or "\r" in raw:
        raw = subs[0].sub(raw)
    if len(subs) > 1 and _MARKS[coding] in raw:
        raw = subs[1].sub(raw)
    return raw


_UNIT = later(r"(?s)&[^;]*;|\r\n?|.")


def quick_edit(raw: str, edits: Sequence[Edit]) -> str | None:
    """Character data with edits of its decoded text; None where the exact way must be taken."""
    if "_x" in raw or "&#95;" in raw or "&#x5" in raw or "<" in raw:
        return None
    units = _UNIT.findall(raw) if "&" in raw or "\r" in raw else raw
    out: list[str] = []
    done = 0
    for edit in edits:
        new = edit.replacement
        if not done <= edit.start <= edit.end <= len(units) or not _PLAIN.fullmatch(new):
            return None
        out += (
            (*units[done : edit.start], new) if units is not raw else (raw[done : edit.start], new)
        )
        done = edit.end
    rest = units[done:]
    return "".join((*out, *rest)) if units is not raw else "".join((*out, raw[done:]))


_PLAIN = later(r"[^&<>_\x00-\x1f\ud800-\udfff\ufffe\uffff]*")


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A decoded text; character i came from the raw range starts[i]:ends[i]."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def layer(self, regex: re.Pattern[str], decode: _Decoder) -> _Mapped:
        out: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for hit in regex.finditer(self.text):
            new = decode(hit)
            if new is None:
                continue
            first, last = hit.span()
            out += (self.text[done:first], new)
            starts += (*self.starts[done:first], *([self.starts[first]] * len(new)))
            ends += (*self.ends[done:first], *([self.ends[last - 1]] * len(new)))
            done = last
        if not done:
            return self
        out.append(self.text[done:])
        return _Mapped("".join(out), (*starts, *self.starts[done:]), (*ends, *self.ends[done:]))


@dataclass(frozen=True, slots=True)
class Segment:
    """A raw range of a part. ``kind``: text, cdata, attr, or gap (no range, it reads as ``fill``)."""

    start: int
    end: int
    kind: str = "text"
    fill: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One text of a part: what its segments decode to, joined."""

    place: str
    segments: tuple[Segment, ...]
    star: str = "*"
    coding: str = "excel"
    role: str = ""


def _mapped(xml: str, segment: Segment, coding: str) -> _Mapped:
    if segment.kind == "gap":
        spots = (segment.start,) * len(segment.fill)
        return _Mapped(segment.fill, spots, spots)
    raw = xml[segment.start : segment.end]
    here = range(segment.start, segment.end)
    mapped = _Mapped(raw, here, range(segment.start + 1, segment.end + 1))
    layers = _LAYERS[coding][1:] if segment.kind == "cdata" else _LAYERS[coding]
    for regex, decode in layers:
        mapped = mapped.layer(regex, decode)
    return mapped


def slot_text(xml: str, slot: Slot) -> str:
    """What a reader sees at that slot."""
    return segments_text(xml, slot.segments, slot.coding)


def segments_text(xml: str, segments: Iterable[Segment], coding: str = "excel") -> str:
    """The decoded contents of the segments, joined."""
    return "".join(
        segment.fill if segment.kind == "gap" else _segment_text(xml, segment, coding)
        for segment in segments
    )


def _segment_text(xml: str, segment: Segment, coding: str) -> str:
    raw = xml[segment.start : segment.end]
    if segment.kind == "cdata":
        return _mapped(xml, segment, coding).text
    return unescape(raw, coding)


Splice = tuple[int, int, str]


def splices(xml: str, slot: Slot, edits: Sequence[Edit]) -> list[Splice]:
    """The edits of a slot's text as replacements of raw ranges of its part.

    An edit over several runs is shared out: each run gets as many characters of the replacement as
    it loses, the last one the rest, so that formatting stays where it was.
    """
    out: list[Splice] = []
    base = 0
    parts = [(segment, _mapped(xml, segment, slot.coding)) for segment in slot.segments]
    waiting = [(e.start, e.end, legal(e.replacement, slot.star)) for e in edits]
    total = sum(len(mapped.text) for _, mapped in parts)
    if any(not 0 <= a <= b <= total for a, b, _ in waiting):
        raise ValueError("edit outside its text")
    for number, (segment, mapped) in enumerate(parts):
        length = len(mapped.text)
        rest: list[tuple[int, int, str]] = []
        for start, end, new in waiting:
            if start >= base + length and (number + 1 < len(parts) or start > base + length):
                rest.append((start, end, new))
                continue
            here = min(end, base + length)
            share, later = new, ""
            if end > here:
                share, later = new[: here - start], new[here - start :]
                rest.append((here, end, later))
            if segment.kind != "gap":
                out.append(_splice(segment, mapped, start - base, here - base, share, slot))
        waiting = rest
        base += length
    return out


def _splice(segment: Segment, mapped: _Mapped, a: int, b: int, new: str, slot: Slot) -> Splice:
    first = mapped.starts[a] if a < len(mapped.starts) else segment.end
    last = mapped.ends[b - 1] if b > a else first
    raw = escape(new, slot.coding, attribute=segment.kind == "attr")
    if segment.kind == "cdata" and raw != new:
        raw = f"]]>{raw}<![CDATA["
    elif segment.kind == "cdata":
        raw = raw.replace("]", "]]><![CDATA[]") if "]" in raw else raw
    return first, last, raw


def legal(new: str, star: str) -> str:
    """The replacement with the mask character that is allowed at that place."""
    if star == "*":
        return new
    return re.sub(r"\D", "0", new) if star == "0" else new.replace("*", star)


_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escape(text: str, coding: str = "excel", *, attribute: bool = False) -> str:
    """``text`` as character data or attribute value that reads back as the same text."""
    if coding == "url":
        text = quote(text, safe="*'()!$&+,;=:@/?#~-._%")
    if coding == "excel":
        text = _EXCEL.sub(lambda hit: f"_x005F_{hit[0][1:]}", text)
        text = _ILLEGAL.sub(lambda hit: f"_x{ord(hit[0]):04X}_", text)
    text = _ILLEGAL.sub("\ufffd", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("\r", "&#13;")
    if attribute:
        text = text.replace('"', "&quot;").replace("'", "&apos;")
        text = text.replace("\n", "&#10;").replace("\t", "&#9;")
    return text


def merged_splices(found: Sequence[Splice]) -> list[Splice]:
    """Splices without those that repeat others; of two that overlap, the later loses its overlap."""
    out: list[Splice] = []
    for start, end, new in sorted(set(found), key=lambda splice: (splice[0], -splice[1])):
        if out and start < out[-1][1]:
            done = out[-1][1]
            if end <= done:
                continue
            start, new = done, new[-(end - done) :]
        out.append((start, end, new))
    return out


def spliced(xml: str, changes: Iterable[Splice]) -> str:
    """``xml`` with the raw ranges replaced."""
    out: list[str] = []
    done = 0
    for start, end, new in sorted(changes, key=lambda change: change[:2]):
        out += (xml[done:start], new)
        done = end
    out.append(xml[done:])
    return "".join(out)


# --- XML: tokens -----------------------------------------------------------------------------------

TOKEN = later(
    r"(?s)<!--(?P<comment>.*?)-->|<!\[CDATA\[(?P<cdata>.*?)\]\]>|<\?(?P<pi>.*?)\?>"
    r"|<(?P<end>/?)(?P<tag>[^\s/>!?\"'<]+)(?P<attrs>(?:[^>\"']|\"[^\"]*\"|'[^']*')*+)>",
)
_ATTRIBUTE = later(r"([^\s=\"'/]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ASIDE = later(r"(?s)<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>")
_ASIDE_START = later(r"<!--|<!\[CDATA\[|<\?|<!?\[?[CDAT]{0,5}\Z|<!-?\Z")


def attributes(raw: str) -> dict[str, str]:
    """The attributes of a tag, decoded, by qualified name."""
    return {
        hit[1]: unescape(hit[2] if hit[2] is not None else hit[3], "xml")
        for hit in _ATTRIBUTE.finditer(raw)
    }


def local(tag: str) -> str:
    """The name without its namespace prefix."""
    return tag.rpartition(":")[2]


def shadow(xml: str) -> str:
    """``xml`` in which comments, CDATA and instructions are fillers of the same length.

    Patterns run over the shadow are not misled by tags inside those; offsets are the same. The
    filler is NUL, and \\1 after the first character of CDATA, which is text and counts as such.
    """
    if "<!" not in xml and "<?" not in xml:
        return xml
    return _ASIDE.sub(_filler, xml)


def _filler(hit: re.Match[str]) -> str:
    return "\0" + ("\1" if hit[0].startswith("<![") else "\0") * (len(hit[0]) - 1)


def open_aside(shadowed: str) -> int:
    """Where a comment or the like starts that the text breaks off in, else its length."""
    hit = _ASIDE_START.search(shadowed)
    return hit.start() if hit else len(shadowed)


# --- XML: which texts are worth showing ------------------------------------------------------------

_MANY_DIGITS = later(r"(?:\d\D*){5}")
_WIDE = later(r"[\u2e80-\U0010ffff]")
_DULL = later(
    r"[-+]?[\d.]{1,10}|-?\d{1,3}\.\d+(?:E-?\d+)?|#?[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}"
    r"|\{?[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}?"
    r"|\$?[A-Z]{1,3}\$?\d{1,7}(?:[: ]\$?[A-Z]{1,3}\$?\d{1,7})*"
    r"|\d{4}-\d\d-\d\dT[\d:.]{5,12}Z?"
    r"|(?:https?://(?:schemas\.(?:openxmlformats|microsoft)|purl|www\.w3|www\.wps)\.[a-z]{2,3}[a-z.]*"
    r"|urn:schemas-)(?:(?!\d{7})[\w/.:-]){0,120}"
)


def worth_showing(text: str) -> bool:
    """Whether a text outside the cells could hold an identifier: Han, an at sign or five digits."""
    if len(text) < 2:
        return False
    if _WIDE.search(text):
        return True
    return len(text) >= 5 and ("@" in text or bool(_MANY_DIGITS.search(text)))


@dataclass(frozen=True, slots=True)
class Element:
    """An open element: its local name, its attributes as written, and which one of the part it is."""

    name: str
    attrs: str
    number: int


@dataclass(frozen=True, slots=True)
class Rules:
    """How ``scan_texts`` reads one kind of document.

    ``groups``: elements whose whole text is one text. ``breaks``: empty elements that read as a
    character. ``star``: open elements and attribute name ("" for text) -> the mask character, or ""
    for what is never shown. ``role``: the same -> a name the caller gives such slots.
    """

    groups: frozenset[str]
    breaks: Mapping[str, str]
    star: Callable[[Sequence[Element], str], str]
    role: Callable[[Sequence[Element], str], str] = lambda path, attr: ""
    coding: str = "xml"


def scan_texts(xml: str, prefix: str, rules: Rules) -> Iterator[tuple[Slot, str]]:
    """Every text of an XML part that could hold an identifier, with where it stands."""
    return _TextScan(xml, prefix, rules).run()


class _TextScan:
    """One pass over the tokens of a part; open elements are a list, text collects per group."""

    def __init__(self, xml: str, prefix: str, rules: Rules) -> None:
        self.xml, self.prefix, self.rules = xml, prefix, rules
        self.path: list[Element] = []
        self.tags: list[str] = []
        self.owners: list[tuple[int, list[Segment]]] = [(0, [])]
        self.count = 0

    def run(self) -> Iterator[tuple[Slot, str]]:
        done = 0
        for token in TOKEN.finditer(self.xml):
            self._text(done, token.start())
            done = token.end()
            if token["tag"] is not None:
                yield from self._tag(token)
            elif token["cdata"] is not None:
                self.owners[-1][1].append(Segment(*token.span("cdata"), "cdata"))
            else:
                yield from self._aside(token)
        self._text(done, len(self.xml))
        while self.owners:
            yield from self._flush(len(self.owners) - 1)

    def _text(self, start: int, end: int) -> None:
        if start < end:
            self.owners[-1][1].append(Segment(start, end))

    def _aside(self, token: re.Match[str]) -> Iterator[tuple[Slot, str]]:
        group = "comment" if token["comment"] is not None else "pi"
        if group == "pi" and token["pi"].startswith("xml "):
            return
        self.count += 1
        place = f"{self.prefix}#{'注释' if group == 'comment' else '指令'}{self.count}"
        yield from self._shown(place, (Segment(*token.span(group), "cdata"),), "_", "xml", "")

    def _tag(self, token: re.Match[str]) -> Iterator[tuple[Slot, str]]:
        tag = token["tag"]
        if token["end"]:
            yield from self._close(tag)
            return
        self.count += 1
        name, attrs = local(tag), token["attrs"]
        self.path.append(Element(name, attrs, self.count))
        self.tags.append(tag)
        if len(attrs) > 5:
            yield from self._attributes(token)
        if attrs.endswith("/"):
            if name in self.rules.breaks:
                spot = token.end()
                self.owners[-1][1].append(Segment(spot, spot, "gap", self.rules.breaks[name]))
            self.path.pop()
            self.tags.pop()
        elif name in self.rules.groups or not self._in_group():
            self.owners.append((len(self.path), []))

    def _in_group(self) -> bool:
        depth = self.owners[-1][0]
        return depth > 0 and self.path[depth - 1].name in self.rules.groups

    def _close(self, tag: str) -> Iterator[tuple[Slot, str]]:
        if not self.tags or (self.tags[-1] != tag and tag not in self.tags):
            return
        while self.tags:
            if self.owners[-1][0] == len(self.path):
                yield from self._flush(len(self.owners) - 1)
            closed = self.tags.pop()
            self.path.pop()
            if closed == tag:
                return

    def _flush(self, index: int) -> Iterator[tuple[Slot, str]]:
        depth, segments = self.owners.pop(index)
        if not segments:
            return
        path = self.path[:depth]
        star = self.rules.star(path, "")
        if star:
            place = self._place(path, "")
            role = self.rules.role(path, "")
            coding = "url" if star == "x" else self.rules.coding
            yield from self._shown(place, tuple(segments), star, coding, role)

    def _place(self, path: Sequence[Element], attr: str) -> str:
        last = path[-1] if path else Element("", "", 0)
        end = f"@{attr}" if attr else ""
        for element in path[-8:]:
            if element.name in ("comment", "threadedComment", "hyperlink"):
                ref = attributes(element.attrs).get("ref", "")
                if re.fullmatch(r"[A-Z]{1,3}[0-9]{1,7}", ref):
                    kind = "link" if element.name == "hyperlink" else "comment"
                    return f"{self.prefix}!{ref}#{kind}{end}"
        return f"{self.prefix}#{last.name}{last.number}{end}"

    def _attributes(self, token: re.Match[str]) -> Iterator[tuple[Slot, str]]:
        base = token.start("attrs")
        for hit in _ATTRIBUTE.finditer(token["attrs"]):
            group = 2 if hit[2] is not None else 3
            if len(hit[group]) < 2:
                continue
            attr = local(hit[1])
            star = self.rules.star(self.path, attr)
            if star:
                segment = Segment(base + hit.start(group), base + hit.end(group), "attr")
                coding = "url" if star == "x" else self.rules.coding
                role = self.rules.role(self.path, attr)
                place = self._place(self.path, attr)
                yield from self._shown(place, (segment,), star, coding, role)

    def _shown(
        self, place: str, segments: tuple[Segment, ...], star: str, coding: str, role: str
    ) -> Iterator[tuple[Slot, str]]:
        text = segments_text(self.xml, segments, coding)
        if role or (worth_showing(text) and not _DULL.fullmatch(text)):
            yield Slot(place, segments, star, coding, role), text
