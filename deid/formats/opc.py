"""Everything in an OOXML package but its main content: relationships, properties, pictures, names.

``Parts`` shows each text of every part that the format module does not read itself, and turns the
edits of those texts into a ``Change``. What cannot be searched and is not needed (thumbnail,
signature, Power Query) is dropped and told; what cannot be searched and is needed is refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

from deid.errors import UnreadableFile
from deid.formats.media import (
    ByteText,
    byte_texts,
    is_picture,
    with_byte_edits,
    without_metadata,
)
from deid.formats.ooxml import (
    Change,
    Member,
    Package,
    Rules,
    Slot,
    Splice,
    attributes,
    decode_xml,
    escape,
    part_key,
    scan_texts,
    spliced,
    splices,
    worth_showing,
)
from deid.later import later
from deid.model import Edit, Remark, Table, Text

if TYPE_CHECKING:
    from deid.formats import Document

MAX_DEPTH = 3
"""Packages inside packages: deeper than this is refused."""

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RELATION = later(
    r"<((?:[\w.-]+:)?)Relationship(?=[\s/>])((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)"
    r"(?:/>|>\s*</\1Relationship\s*>)"
)
_OVERRIDE = later(
    r"<((?:[\w.-]+:)?)Override(?=[\s/>])((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)"
    r"(?:/>|>\s*</\1Override\s*>)"
)
_TARGET = later(r"(?<=\s)Target\s*=\s*([\"'])(.*?)\1")
_PART_NAME = later(r"(?<=\s)PartName\s*=\s*([\"'])(.*?)\1")
_TYPES = "[content_types].xml"
_DROPPED = {
    "thumbnail": "文件缩略图保存时去掉",
    "origin": "数字签名在屏蔽后失效，保存时去掉",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """One relationship: ``target`` is the key of a member, or None when it points outside."""

    id: str
    type: str
    target: str | None
    span: tuple[int, int]
    target_span: tuple[int, int]


def rels_of(key: str) -> str:
    """The key of the part that holds the relationships of ``key`` ("" for the package)."""
    folder, name = posixpath.split(key)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def source_of(rels_key: str) -> str:
    """The key of the part whose relationships ``rels_key`` holds."""
    folder, name = posixpath.split(rels_key)
    return posixpath.join(posixpath.dirname(folder), name.removesuffix(".rels"))


class Relations:
    """All relationships of a package, by the part they start from."""

    def __init__(self, package: Package) -> None:
        self.of: dict[str, list[Relation]] = {}
        for member in package.members:
            if member.key.endswith(".rels") and "_rels/" in member.key:
                source = source_of(member.key)
                xml, _ = decode_xml(package.read(member))
                self.of[source] = [
                    _relation(hit, source, package) for hit in _RELATION.finditer(xml)
                ]

    def by_type(self, source: str, kind: str) -> list[Relation]:
        """The relationships of a part whose type ends in ``kind``: both dialects, any version."""
        return [relation for relation in self.of.get(source, ()) if relation.type == kind]

    def sources_of(self, target: str) -> list[tuple[str, Relation]]:
        """Who points to ``target``."""
        return [(s, r) for s, found in self.of.items() for r in found if r.target == target]


def _relation(hit: re.Match[str], source: str, package: Package) -> Relation:
    attrs = attributes(hit[2])
    place = _TARGET.search(hit[0])
    span = place.span(2) if place else (0, 0)
    target: str | None = None
    if attrs.get("TargetMode", "").lower() != "external":
        path = unquote(attrs.get("Target", "")).replace("\\", "/")
        if not path.startswith("/"):
            path = posixpath.join("/", posixpath.dirname(source), path)
        found = package.find(posixpath.normpath(path))
        target = found.key if found else None
    base = hit.start()
    kind = attrs.get("Type", "").rpartition("/")[2]
    where = (base + span[0], base + span[1])
    return Relation(attrs.get("Id", ""), kind, target, hit.span(), where)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a text stands: in an XML slot, in bytes, in a plain text file or in the zip itself."""

    key: str
    kind: str
    slot: Slot | None = None
    bytes: ByteText | None = None
    codec: str = ""
    star: str = "*"


class Parts:
    """The texts of all members but ``own``, and what saving does to them."""

    def __init__(
        self,
        package: Package,
        relations: Relations,
        rules: Rules,
        *,
        own: frozenset[str] = frozenset(),
        prefix: Callable[[Member], str] | None = None,
        inner: Callable[[BinaryIO], Document] | None = None,
        is_inner: Callable[[Member, bytes], bool] | None = None,
    ) -> None:
        self.package, self.relations, self.rules = package, relations, rules
        self.prefix = prefix or self.label
        self.remarks: list[Remark] = []
        self.texts: list[Text] = []
        self.tables: list[Table] = []
        self.roles: dict[str, list[tuple[str, Slot]]] = {}
        self.dropped: set[str] = set()
        self._open_inner = inner
        self._is_inner = is_inner or (lambda member, data: data.startswith(b"PK\x03\x04"))
        self._inner: dict[str, tuple[str, Document]] = {}
        self._spots: dict[str, _Spot] = {}
        self._cleaned: set[str] = set()
        self._pieces: dict[str, str] = {}
        self._droppable()
        for number, member in enumerate(package.members):
            self._zip_texts(number, member)
            if member.key not in own and member.key not in self.dropped:
                self._read(member)
        self._show("压缩包#注释", _zip_text(package.comment)[0], _Spot("", "comment"))

    # --- reading

    def label(self, member: Member) -> str:
        """How places name a member."""
        return member_label(self.package, member)

    def _droppable(self) -> None:
        for relations in self.relations.of.values():
            for relation in relations:
                if relation.target and relation.type in _DROPPED:
                    self._drop(relation.target, _DROPPED[relation.type])
        for member in self.package.members:
            if member.key.startswith("_xmlsignatures/"):
                self.dropped.add(member.key)

    def _drop(self, key: str, message: str) -> None:
        if key not in self.dropped:
            member = self.package.find(key)
            self.dropped.update((key, rels_of(key)))
            self.remarks.append(Remark(self.label(member) if member else key, message, look=False))

    def _show(self, place: str, text: str, spot: _Spot, star: str = "*") -> None:
        if spot.kind not in ("xml", "bytes", "plain") and not worth_showing(text):
            return
        self._add(place, text, replace(spot, star=star))

    def _add(self, place: str, text: str, spot: _Spot) -> None:
        unique, number = place, 1
        while unique in self._spots:
            number += 1
            unique = f"{place}({number})"
        if spot.slot is not None and spot.slot.role:
            self.roles.setdefault(spot.slot.role, []).append((spot.key, spot.slot))
            if not worth_showing(text):
                return
        self._spots[unique] = spot
        self.texts.append(Text(unique, text, spot.star))

    def _zip_texts(self, number: int, member: Member) -> None:
        if re.search(r"(?:\d\D?){7}|@", member.name):
            spot = _Spot(member.key, "name")
            self._show(f"压缩包#文件名{number + 1}", member.name, spot, "x")
        text, _ = _zip_text(member.info.comment)
        self._show(f"压缩包#文件注释{number + 1}", text, _Spot(member.key, "note"))

    def _read(self, member: Member) -> None:
        name = member.key
        if "vbaproject" in name or "macrosheets/" in name or "/activex" in name:
            raise UnreadableFile("文件里有宏或控件，请另存为不含宏的格式后再试")
        if name.endswith("/") and not member.size:
            return
        data = self.package.read(member)
        if self._is_inner(member, data):
            self._read_inner(member, data)
        elif name.endswith((".xml", ".rels", ".vml", ".svg")) or _looks_like_xml(data):
            self._read_xml(member, data)
        elif is_picture(data) or "/media/" in name:
            self._read_picture(member, data)
        else:
            self._read_bytes(member, data)

    def _read_xml(self, member: Member, data: bytes) -> None:
        xml, _ = decode_xml(data, strict=not member.key.endswith(".vml"))
        if "DataMashup" in xml and member.key.startswith("customxml/"):
            self._drop(member.key, "Power Query 查询无法逐项检查，保存时去掉")
            return
        if member.key == _TYPES:
            return
        self.show_xml(member.key, xml, self.prefix(member))

    def show_piece(self, key: str, xml: str, prefix: str) -> None:
        """Show the texts of a piece of a part that the caller keeps and splices itself."""
        self._pieces[key] = xml
        self.show_xml(key, xml, prefix)

    def show_slot(self, key: str, slot: Slot, text: str) -> None:
        """Show one text that the caller found in an XML part."""
        self._add(slot.place, text, _Spot(key, "xml", slot=slot, star=slot.star))

    def show_xml(self, key: str, xml: str, prefix: str) -> None:
        """Show the texts of an XML part."""
        inside = {r.target_span for r in self.relations.of.get(source_of(key), ()) if r.target}
        for slot, text in scan_texts(xml, prefix, self.rules):
            first = slot.segments[0]
            if key.endswith(".rels") and (first.start, first.end) in inside:
                continue
            self.show_slot(key, slot, text)

    def _read_inner(self, member: Member, data: bytes) -> None:
        label = self.label(member)
        if self._open_inner is None:
            raise UnreadableFile("文件里嵌套的文件层数太多，请先取出嵌入的文件再试")
        try:
            inner = self._open_inner(BytesIO(data))
        except UnreadableFile as error:
            raise UnreadableFile(f"嵌入的文件 {label}：{error}") from None
        self._inner[member.key] = (label, inner)
        self.remarks += [replace(r, place=f"{label}/{r.place}") for r in inner.remarks]
        for part in inner.parts:
            if isinstance(part, Text):
                self.texts.append(replace(part, place=f"{label}/{part.place}"))
            else:
                self.tables.append(_inner_table(part, label))

    def _read_picture(self, member: Member, data: bytes) -> None:
        label = self.label(member)
        self.remarks.append(Remark(label, "图片需人工查看"))
        clean = without_metadata(data)
        if clean != data:
            self._cleaned.add(member.key)
            self.remarks.append(
                Remark(label, "图片的附加信息（拍摄信息、说明）保存时去掉", look=False)
            )
        else:
            self._byte_texts(member, data)

    def _read_bytes(self, member: Member, data: bytes) -> None:
        if data.startswith(_OLE2) and data[28:30] == b"\xfe\xff":
            raise UnreadableFile("文件里嵌有无法检查的对象（OLE），请删除嵌入的对象后再试")
        if b"PK\x03\x04" in data or b"%PDF-" in data:
            raise UnreadableFile("文件里嵌有无法检查的附件，请删除附件后再试")
        plain = _plain_text(data)
        if plain is not None:
            text, codec = plain
            if worth_showing(text):
                self._add(self.label(member), text, _Spot(member.key, "plain", codec=codec))
            return
        self._byte_texts(member, data)
        if "/printersettings/" not in f"/{member.key}" and data:
            self.remarks.append(Remark(self.label(member), "嵌入的对象需人工查看"))

    def _byte_texts(self, member: Member, data: bytes) -> None:
        for spot, text in byte_texts(data):
            place = f"{self.label(member)}#字节{spot.start}"
            self._add(place, text, _Spot(member.key, "bytes", bytes=spot))

    # --- saving

    def owns(self, place: str) -> bool:
        """Whether that place is one of these texts or lies in an embedded file."""
        return place in self._spots or (
            bool(self._inner)
            and any(place.startswith(f"{label}/") for label, _ in self._inner.values())
        )

    def in_piece(self, place: str) -> bool:
        """Whether a text stands in a piece of a part that the caller splices itself."""
        spot = self._spots.get(place)
        return spot is not None and spot.key in self._pieces

    def change(
        self,
        edits: Mapping[str, Sequence[Edit]],
        extra: Mapping[str, Sequence[Splice]] | None = None,
        dropped: frozenset[str] = frozenset(),
    ) -> tuple[Change, dict[str, list[Splice]]]:
        """The change for all of ``edits`` that these parts own, and its splices by XML part.

        ``extra`` splices win over edits they overlap: they carry a consistent renaming.
        """
        change = Change(dropped={*self.dropped, *dropped})
        fixed = extra or {}
        changes: dict[str, list[Splice]] = {k: list(v) for k, v in fixed.items()}
        byte_edits: dict[str, list[tuple[ByteText, Sequence[Edit]]]] = {}
        texts: dict[str, tuple[str, Sequence[Edit]]] = {}
        xmls: dict[str, str] = {}
        for place, wanted in edits.items():
            spot = self._spots.get(place)
            if spot is None:
                continue
            if spot.slot is not None:
                xml = xmls.get(spot.key) or xmls.setdefault(spot.key, self.xml(spot.key))
                free = _free(splices(xml, spot.slot, wanted), fixed.get(spot.key, ()))
                changes.setdefault(spot.key, []).extend(free)
            elif spot.bytes is not None:
                byte_edits.setdefault(spot.key, []).append((spot.bytes, wanted))
            elif spot.kind == "plain":
                texts[spot.key] = (spot.codec, wanted)
            else:
                self._zip_change(change, spot, wanted)
        self._reference_changes(change, changes)
        for key, spots in byte_edits.items():
            change.content[key] = [with_byte_edits(self._data(key), spots)]
        for key, (codec, wanted) in texts.items():
            text = self._data(key).decode(codec)
            change.content[key] = [_edited(text, wanted).encode(codec, "replace")]
        for key in self._cleaned:
            change.content[key] = [without_metadata(self._data(key))]
        self._inner_changes(change, edits)
        return change, changes

    def finish(self, change: Change, changes: Mapping[str, Sequence[Splice]]) -> None:
        """Turn splices into the content of their parts."""
        for key, wanted in changes.items():
            if wanted and key not in change.dropped:
                member = self._member(key)
                xml, codec = decode_xml(self.package.read(member), strict=False)
                change.content[key] = [spliced(xml, wanted).encode(codec)]

    def xml(self, key: str) -> str:
        """The decoded text of an XML part, or of a piece shown on its own."""
        if key in self._pieces:
            return self._pieces[key]
        return decode_xml(self.package.read(self._member(key)), strict=False)[0]

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """Name and unpacked bytes of every member, of embedded packages too, and the zip's notes."""
        for member in self.package.members:
            yield member.name, self.package.read(member)
            yield f"{member.name}#文件名", member.stored_name
            if member.info.comment:
                yield f"{member.name}#注释", member.info.comment
            if member.key in self._inner:
                for name, data in self._inner[member.key][1].raw():
                    yield f"{member.name}/{name}", data
        if self.package.comment:
            yield "#注释", self.package.comment

    def _data(self, key: str) -> bytes:
        return self.package.read(self._member(key))

    def _member(self, key: str) -> Member:
        member = self.package.find(key)
        if member is None:
            raise KeyError(key)
        return member

    def _zip_change(self, change: Change, spot: _Spot, wanted: Sequence[Edit]) -> None:
        if spot.kind == "comment":
            text, codec = _zip_text(self.package.comment)
            change.comment = _edited(text, wanted).encode(codec, "replace")
        elif spot.kind == "note":
            text, codec = _zip_text(self._member(spot.key).info.comment)
            change.notes[spot.key] = _edited(text, wanted).encode(codec, "replace")
        else:
            self._rename(change, self._member(spot.key), wanted)

    def _rename(self, change: Change, member: Member, wanted: Sequence[Edit]) -> None:
        safe = [
            replace(e, replacement=re.sub(r"[*?:\"<>|\\/]", "x", e.replacement)) for e in wanted
        ]
        new = _edited(member.name, safe)
        codec = "utf-8" if member.info.flag_bits & 0x800 else "cp437"
        taken = {part_key(name.decode(codec, "replace")) for name in change.names.values()}
        taken |= {other.key for other in self.package.members}
        number = 1
        stem, dot, suffix = new.rpartition(".")
        while part_key(new) in taken:
            number += 1
            new = f"{stem}_{number}{dot}{suffix}" if dot else f"{new}_{number}"
        change.names[member.key] = new.encode(codec, "replace")
        rels = self.package.find(rels_of(member.key))
        if rels is not None:
            folder, name = posixpath.split(new)
            change.names[rels.key] = f"{folder}/_rels/{name}.rels".encode(codec, "replace")

    def _reference_changes(self, change: Change, changes: dict[str, list[Splice]]) -> None:
        """Drop or rename what points to a part that is dropped or renamed."""
        for source, relations in self.relations.of.items():
            key = rels_of(source)
            for relation in relations:
                if relation.target in change.dropped:
                    changes.setdefault(key, []).append((*relation.span, ""))
                elif relation.target in change.names:
                    name = change.names[relation.target].decode("utf-8", "replace")
                    new = escape(f"/{name}", "xml", attribute=True)
                    changes.setdefault(key, []).append((*relation.target_span, new))
        if change.dropped or change.names:
            self._type_changes(change, changes)

    def _type_changes(self, change: Change, changes: dict[str, list[Splice]]) -> None:
        if self.package.find(_TYPES) is None:
            return
        for hit in _OVERRIDE.finditer(self.xml(_TYPES)):
            name = _PART_NAME.search(hit[0])
            key = part_key(unquote(attributes(hit[2]).get("PartName", "")))
            if key in change.dropped:
                changes.setdefault(_TYPES, []).append((*hit.span(), ""))
            elif key in change.names and name:
                new = escape("/" + change.names[key].decode("utf-8", "replace"), attribute=True)
                first, last = hit.start() + name.start(2), hit.start() + name.end(2)
                changes.setdefault(_TYPES, []).append((first, last, new))

    def _inner_changes(self, change: Change, edits: Mapping[str, Sequence[Edit]]) -> None:
        for key, (label, inner) in self._inner.items():
            start = f"{label}/"
            own = {p.removeprefix(start): e for p, e in edits.items() if p.startswith(start)}
            if own or inner.remarks:
                target = BytesIO()
                inner.save(target, own)
                change.content[key] = [target.getvalue()]


def member_label(package: Package, member: Member) -> str:
    """How places name a member: its name, unless that may hold an identifier, or held one."""
    if re.search(r"\d{6}|\dx{3}", member.name):
        return f"文件{package.members.index(member) + 1}"
    return member.name


def _free(new: Sequence[Splice], fixed: Sequence[Splice]) -> list[Splice]:
    return [s for s in new if not any(s[0] < end and start < s[1] for start, end, _ in fixed)]


def _inner_table(table: Table, label: str) -> Table:
    inside = table.place
    return replace(
        table, name=f"{label}/{table.name}", place=lambda row, col: f"{label}/{inside(row, col)}"
    )


def _edited(text: str, edits: Sequence[Edit]) -> str:
    return spliced(text, [(edit.start, edit.end, edit.replacement) for edit in edits])


def _looks_like_xml(data: bytes) -> bool:
    head = data[:64].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip(b"\xff\xfe \r\n\t")
    return head.startswith((b"<?xml", b"<xml", b"<svg"))


def _zip_text(data: bytes) -> tuple[str, str]:
    for codec in ("utf-8", "gb18030"):
        try:
            return data.decode(codec), codec
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"


def _plain_text(data: bytes) -> tuple[str, str] | None:
    """Text and codec of a member that is nothing but text."""
    codecs = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "gb18030")
    for codec in codecs:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if not re.search("[\x00-\x08\x0e-\x1f]", text) and text.encode(codec) == data:
            return text, codec
    return None
