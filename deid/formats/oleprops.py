"""Property sets ([MS-OLEPS]): title, author, company, sheet names and the like of an OLE file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import error as StructError
from struct import pack, pack_into, unpack_from

from deid.formats.bifftexts import Slot, changed_payload, run_slots

_STRING, _WIDE_STRING, _VARIANT, _VECTOR, _CLIPBOARD = 0x1E, 0x1F, 0x0C, 0x1000, 0x47
_DICTIONARY, _CODE_PAGE, _THUMBNAIL = 0, 1, 17
_MAX_PROPERTIES = 10_000


@dataclass(frozen=True, slots=True)
class _Item:
    """A string in a value: where its length and its bytes stand, with its zero and its padding."""

    size_at: int
    start: int
    end: int
    text: str
    codec: str
    pad: int
    in_chars: bool = False


@dataclass(frozen=True, slots=True)
class _Property:
    section: int
    number: int
    raw: bytes
    items: Sequence[_Item]
    runs: Sequence[Slot]

    @property
    def key(self) -> str:
        """What its texts are called by: it must be the same when another property is dropped."""
        return f"{self.section}.{self.number}"


class PropertySet:
    """The properties of one stream. Raises ValueError if the stream is no property set."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        try:
            self._properties = list(_properties(data))
        except (StructError, IndexError):
            raise ValueError("not a property set") from None

    @property
    def has_thumbnail(self) -> bool:
        """Whether there is a small picture of the first page."""
        return any(_is_thumbnail(item) for item in self._properties)

    def texts(self) -> Iterator[tuple[str, str]]:
        """(key, text) of every string."""
        for item in self._properties:
            for number, string in enumerate(item.items):
                yield f"{item.key}.{number}", string.text
            for run in item.runs:
                yield f"{item.key}.r{run.start}", run.text

    def written(self, changes: Mapping[str, str]) -> bytes:
        """The stream with strings (by key) replaced, and without a thumbnail."""
        sections: list[list[tuple[int, bytes]]] = [[] for _ in range(self._data[24])]
        for item in self._properties:
            if not _is_thumbnail(item):
                sections[item.section].append((item.number, _changed(item, changes)))
        out = bytearray(self._data[: 28 + 20 * len(sections)])
        for at, values in enumerate(sections):
            pack_into("<I", out, 28 + 20 * at + 16, len(out))
            out += _section(values)
        return bytes(out).ljust(len(self._data), b"\0")


def _is_thumbnail(item: _Property) -> bool:
    kind = unpack_from("<H", item.raw)[0] if len(item.raw) >= 2 else 0
    return item.number == _THUMBNAIL and kind == _CLIPBOARD


def _section(values: Sequence[tuple[int, bytes]]) -> bytes:
    at = 8 + 8 * len(values)
    table, body = b"", b""
    for number, raw in values:
        table += pack("<II", number, at + len(body))
        body += raw.ljust(-(-len(raw) // 4) * 4, b"\0")
    return pack("<II", at + len(body), len(values)) + table + body


def _changed(item: _Property, changes: Mapping[str, str]) -> bytes:
    raw = item.raw
    runs = [
        (run, changes[f"{item.key}.r{run.start}"])
        for run in item.runs
        if f"{item.key}.r{run.start}" in changes
    ]
    if runs:
        raw = changed_payload(0, raw, runs)
    out = bytearray(raw)
    for number in reversed(range(len(item.items))):
        key = f"{item.key}.{number}"
        if key in changes:
            _change(out, item.items[number], changes[key])
    return bytes(out)


def _change(out: bytearray, item: _Item, new: str) -> None:
    data = (new + "\0").encode(item.codec, "replace")
    padded = data.ljust(-(-len(data) // item.pad) * item.pad, b"\0")
    out[item.start : item.end] = padded
    pack_into("<I", out, item.size_at, len(data) // 2 if item.in_chars else len(data))


def _properties(data: bytes) -> Iterator[_Property]:
    mark, count = unpack_from("<H22xI", data)
    if mark != 0xFFFE or not 1 <= count <= 8:
        raise IndexError
    for section in range(count):
        start = unpack_from("<I", data, 28 + 20 * section + 16)[0]
        size, number = unpack_from("<II", data, start)
        if number > _MAX_PROPERTIES or start + size > len(data):
            raise IndexError
        table = [unpack_from("<II", data, start + 8 + 8 * at) for at in range(number)]
        ends = sorted({offset for _, offset in table} | {size})
        raws = []
        for number, offset in table:
            end = next((end for end in ends if end > offset), size)
            raws.append((number, data[start + offset : start + end]))
        codec = _codec(raws)
        for number, raw in raws:
            end, items, runs = _read(number, raw, codec)
            yield _Property(section, number, raw[:end], items, runs)


def _codec(raws: Sequence[tuple[int, bytes]]) -> str:
    page = next(
        (unpack_from("<H", raw, 4)[0] for number, raw in raws if number == _CODE_PAGE), 1252
    )
    if page in (936, 54936):
        return "gb18030"
    codec = {1200: "utf-16-le", 65001: "utf-8"}.get(page, f"cp{page}")
    try:
        "".encode(codec)
    except LookupError:
        return "latin-1"
    return codec


def _read(number: int, raw: bytes, codec: str) -> tuple[int, Sequence[_Item], Sequence[Slot]]:
    """Where a value ends, its strings, or the runs of characters in one of unknown shape."""
    is_picture = number == _THUMBNAIL and raw[:2] == b"\x47\0"
    if number == _CODE_PAGE or is_picture or len(raw) < 4:
        return len(raw), (), ()
    for pad in (1, 4):
        try:
            reader = _names if number == _DICTIONARY else _strings
            items, end = reader(raw, codec, pad)
        except (StructError, IndexError, UnicodeDecodeError):
            continue
        if end <= len(raw) < end + 4:
            return end, items, ()
    return len(raw), (), tuple(run_slots("属性", raw))


def _strings(raw: bytes, codec: str, pad: int) -> tuple[list[_Item], int]:
    """The strings of a value, and where it ends."""
    kind = unpack_from("<I", raw)[0]
    if kind & _VECTOR:
        count = unpack_from("<I", raw, 4)[0]
        kind &= ~_VECTOR
        at = 8
    else:
        count, at = 1, 4
    items: list[_Item] = []
    if count > len(raw):
        raise IndexError
    for _ in range(count):
        inner = kind
        if kind == _VARIANT:
            inner = unpack_from("<I", raw, at)[0]
            at += 4
        if inner in (_STRING, _WIDE_STRING):
            item = _item(raw, at, codec if inner == _STRING else "", pad)
            items.append(item)
            at = item.end
        else:
            at += _fixed_size(inner)
    return items, at


def _fixed_size(kind: int) -> int:
    sizes = {0: 0, 1: 0, 2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 0x14: 8, 0x15: 8}
    sizes.update({0x10: 4, 0x11: 4, 0x12: 4, 0x13: 4, 0x16: 4, 0x17: 4, 0x40: 8})
    if kind not in sizes:
        raise IndexError
    return sizes[kind]


def _item(raw: bytes, at: int, codec: str, pad: int) -> _Item:
    size = unpack_from("<I", raw, at)[0]
    in_chars = not codec
    length = size * 2 if in_chars else size
    start = at + 4
    if start + length > len(raw):
        raise IndexError
    end = min(start + -(-length // pad) * pad, len(raw))
    text = _decoded(raw[start : start + length], codec or "utf-16-le")
    return _Item(at, start, end, *text, pad, in_chars)


def _decoded(data: bytes, codec: str) -> tuple[str, str]:
    """Text up to its zeros, and the codec that it is really in."""
    try:
        return data.decode(codec).rstrip("\0"), codec
    except UnicodeDecodeError:
        return data.decode("latin-1").rstrip("\0"), "latin-1"


def _names(raw: bytes, codec: str, pad: int) -> tuple[list[_Item], int]:
    """The names that the writer gave to properties of its own (2.17)."""
    count = unpack_from("<I", raw)[0]
    if count > len(raw):
        raise IndexError
    items: list[_Item] = []
    at = 4
    wide = codec == "utf-16-le"
    for _ in range(count):
        item = _item(raw, at + 4, "" if wide else codec, 4 if wide else pad)
        items.append(item)
        at = item.end
    return items, at
