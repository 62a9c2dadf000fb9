"""Pictures and other binary parts: metadata taken off pictures, texts found inside other bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deid.later import later
from deid.model import Edit

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_JPEG_KEEP = frozenset({0xE0, 0xEE})
"""JFIF and Adobe; APP2 is kept when it is a colour profile. All others hold EXIF, XMP, IPTC."""


def is_picture(data: bytes) -> bool:
    """Whether the bytes are a picture that a person has to look at."""
    starts = (_PNG, b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II\xbc\x01")
    return (
        data.startswith(starts)
        or data[:4] in (b"\x01\x00\x00\x00", b"\xd7\xcd\xc6\x9a", b"\x01\x00\x09\x00")
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    )


def without_metadata(data: bytes) -> bytes:
    """A JPEG or PNG without EXIF, XMP, comments and whatever follows its end; others as they are."""
    try:
        if data.startswith(_PNG):
            return _png(data)
        return _jpeg(data) if data.startswith(b"\xff\xd8\xff") else data
    except (struct.error, IndexError):
        return data


def _png(data: bytes) -> bytes:
    out = [_PNG]
    place = len(_PNG)
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            raise IndexError
        if kind not in _PNG_TEXT:
            out.append(data[place:end])
        place = end
        if kind == b"IEND":
            break
    return b"".join(out)


def _jpeg(data: bytes) -> bytes:
    out = [data[:2]]
    place = 2
    while True:
        if data[place] != 0xFF:
            raise IndexError
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == 0xD9:
            return b"".join([*out, b"\xff\xd9"])
        end = place + 2 + struct.unpack_from(">H", data, place + 2)[0]
        if marker == 0xDA:
            end = _scan_end(data, end)
        if _jpeg_kept(marker, data[place + 4 : place + 16]):
            out.append(data[place:end])
        place = end


def _jpeg_kept(marker: int, head: bytes) -> bool:
    if marker == 0xE0:
        return head.startswith(b"JFIF\0")
    if marker == 0xE2:
        return head.startswith(b"ICC_PROFILE")
    return marker in _JPEG_KEEP or not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _scan_end(data: bytes, place: int) -> int:
    """Where the picture data of a scan stops: at the next marker that is not part of it."""
    while True:
        place = data.index(b"\xff", place) if b"\xff" in data[place:] else len(data)
        following = data[place + 1]
        if following and not 0xD0 <= following <= 0xD7 and following != 0xFF:
            return place
        place += 2 if following != 0xFF else 1


@dataclass(frozen=True, slots=True)
class ByteText:
    """A text inside binary data. It keeps its length: what follows it is found by its place."""

    start: int
    end: int
    codec: str


_RUNS = (
    (re.compile(rb"[\x20-\x7e]{5,}"), "latin-1"),
    (re.compile(rb"(?:[\x20-\x7e]\x00){5,}"), "utf-16-le"),
    (re.compile(rb"(?:\x00[\x20-\x7e]){5,}"), "utf-16-be"),
)
_DIGITS = later(r"(?:\d[^\dA-Za-z]{0,2}){7}|@")


def byte_texts(data: bytes) -> Iterator[tuple[ByteText, str]]:
    """Runs of plain characters, 8 or 16 bits wide, that hold seven digits or an at sign."""
    found = [
        ByteText(hit.start(), hit.end(), codec)
        for regex, codec in _RUNS
        for hit in regex.finditer(data)
        if _DIGITS.search(hit[0].decode(codec))
    ]
    # 16-bit text read one byte off has the same digits but for one: the longer reading is right
    taken: list[ByteText] = []
    for spot in sorted(found, key=lambda spot: spot.start - spot.end):
        if not any(spot.start < other.end and other.start < spot.end for other in taken):
            taken.append(spot)
    for spot in sorted(taken, key=lambda spot: spot.start):
        yield spot, data[spot.start : spot.end].decode(spot.codec)


def with_byte_edits(data: bytes, edits: Sequence[tuple[ByteText, Sequence[Edit]]]) -> bytes:
    """``data`` with texts overwritten in place; a replacement is cut or filled to the old length."""
    out = bytearray(data)
    for spot, changes in edits:
        width = 1 if spot.codec == "latin-1" else 2
        for edit in changes:
            length = edit.end - edit.start
            new = edit.replacement.encode("ascii", "replace").decode().replace("?", "*")
            new = new[:length].ljust(length, "*")
            first = spot.start + edit.start * width
            out[first : first + length * width] = new.encode(spot.codec)
    return bytes(out)
