"""Bytes of a text file: which encoding, where its lines start, how a stretch is replaced in place.

UTF-8 and GB18030 never use the bytes of ``"`` ``,`` ``;``, tab, CR or LF inside a longer character
(``|`` they do: 0x7C ends 126 Han characters of GB18030), so lines are found without decoding.
Python's ``gb18030`` maps every code it accepts to one character and back to the same bytes.
"""

from __future__ import annotations

import re
from array import array
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from deid.errors import UnreadableFile, UnsafeEdit
from deid.later import later
from deid.model import Remark

_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_WIDE_LINE_END = {
    "utf-16-le": re.compile(rb"\r\0(?:\n\0)?|\n\0"),
    "utf-16-be": re.compile(rb"\0\r(?:\0\n)?|\0\n"),
}
_ESCAPED = re.compile("[\udc80-\udcff]")
# Three bytes: how UTF-8 writes Han. Two alone prove nothing: 联通 in GBK is well-formed UTF-8.
_HAN_LEAD = re.compile(rb"[\xe3-\xe9\xef][\x80-\xbf]{2}")
_USUAL = later(r"[\t\n\r -~\u00b7\u2014-\u2026\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
_NARROW = re.compile(rb"[0-9\t\r\n,]{3}")


class Codec(NamedTuple):
    """What ``str.encode`` wants: a broken byte (8 bit) or lone surrogate (16 bit) comes back whole."""

    name: str
    errors: str


class Encoding(NamedTuple):
    """How a file's bytes are read. ``odd`` lines, ``first_odd`` the first, are in another encoding
    or hold broken bytes; they are read as far as they go, and their bytes are kept."""

    name: str
    mark: bytes = b""
    odd: int = 0
    first_odd: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether a text that is decoded and encoded again comes back byte for byte, each character
        by itself: all lines are in the one encoding, of bytes."""
        return not self.odd and self.name in ("utf-8", "gb18030")

    @property
    def width(self) -> int:
        """Bytes in the smallest unit of the encoding."""
        return 2 if self.name.startswith("utf-16") else 1

    def decode(self, raw: bytes) -> tuple[str, Codec]:
        """The text of whole lines, and what turns it back into the same bytes."""
        if self.odd:
            return _decode_odd(raw, self.name)
        codec = Codec(self.name, "surrogatepass" if self.width == 2 else "surrogateescape")
        return raw.decode(*codec), codec

    def remarks(self) -> list[Remark]:
        """What a person should know about the encoding."""
        if not self.odd:
            return []
        message = (
            f"从第 {self.first_odd + 1} 行起，有 {self.odd} 行的文字编码与其他行不同，或有残缺的字符；"
            "已按原样保留，请核对这些行。"
        )
        return [Remark("", message)]


def read_bytes(path: Path) -> bytes:
    """The bytes of a file."""
    try:
        return path.read_bytes()
    except OSError:
        raise UnreadableFile("文件打不开：不存在、没有权限，或正被其他软件占用。") from None


def detect(data: bytes) -> Encoding:
    """The encoding: a byte order mark, else UTF-8, else GB18030, else UTF-16 by its zeros.

    A NUL is refused: some programs end the text there, some drop it, some show it, so what is
    checked here would not be what a reader sees. Files cut off by a power failure end in NULs.
    """
    mark, name = next((pair for pair in _MARKS if data.startswith(pair[0])), (b"", ""))
    if not mark and b"\0" in data:
        name = _wide_without_mark(data)
    if name.startswith("utf-16"):
        return _detect_wide(data, Encoding(name, mark))
    if b"\0" in data:
        raise UnreadableFile("文件里有空字符（NUL），可能已损坏或没有保存完整，请重新导出。")
    if name != "gb18030" and _decodes(data, Codec("utf-8", "strict")):
        return Encoding("utf-8", mark)
    return _detect_by_lines(data, mark, name)


def line_starts(data: bytes, encoding: Encoding) -> array[int]:
    """Where each line starts; the last may be empty. Lines end in CRLF, LF or a lone CR."""
    starts = offsets(data)
    starts.append(len(encoding.mark))
    if encoding.width == 2:
        starts.extend(_wide_line_ends(data, encoding))
    else:
        starts.extend(_line_ends(data, len(encoding.mark)))
    return starts


def _line_ends(data: bytes, at: int) -> Iterator[int]:
    if data.count(b"\r") == data.count(b"\r\n"):  # no lone CR: six times as fast as the pattern
        while at := data.find(b"\n", at) + 1:
            yield at
    else:
        yield from (match.end() for match in re.compile(rb"\r\n?|\n").finditer(data, at))


def _wide_line_ends(data: bytes, encoding: Encoding) -> Iterator[int]:
    search = _WIDE_LINE_END[encoding.name].search
    at = len(encoding.mark)
    while match := search(data, at):
        if match.start() % 2:  # halves of two neighbouring characters
            at = match.start() + 1
        else:
            at = match.end()
            yield at


def offsets(data: bytes) -> array[int]:
    """An empty array that can hold any offset into ``data``: 4 bytes each while that is enough."""
    return array("I" if len(data) < 1 << 32 else "Q")


def splice(
    raw: bytes, text: str, codec: Codec, changes: Iterable[tuple[int, int, str]]
) -> Iterator[bytes]:
    """The bytes of ``raw`` with the stretches ``text[start:end]`` replaced; the rest is copied."""
    done = at = 0
    for start, end, new in changes:
        if not done <= start <= end <= len(text):
            raise UnsafeEdit("要修改的位置超出了原文或互相重叠，文件没有改动。")
        kept = len(text[done:start].encode(*codec))
        yield raw[at : at + kept]
        yield encode(new, codec)
        at += kept + len(text[start:end].encode(*codec))
        done = end
    yield raw[at:]


def encode(text: str, codec: Codec) -> bytes:
    """The bytes of a replacement. Raises UnsafeEdit if the encoding cannot hold it."""
    try:
        return text.encode(*codec)
    except UnicodeEncodeError:
        raise UnsafeEdit("替换后的文字无法用文件的编码保存。") from None


def _decodes(data: bytes, codec: Codec) -> bool:
    """Whether all of the data is well formed; looks at a piece at a time to spare memory."""
    view = memoryview(data)
    try:
        if len(data) <= _CHUNK:
            return data.decode(*codec) is not None
        decoder = getincrementaldecoder(codec.name)(codec.errors)
        for at in range(0, len(data), _CHUNK):
            decoder.decode(view[at : at + _CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _detect_wide(data: bytes, encoding: Encoding) -> Encoding:
    if data.startswith(b"\xff\xfe\0\0"):
        raise UnreadableFile("文件是 UTF-32 编码，请另存为 UTF-8，再处理。")
    if len(data) % 2 or not _decodes(data, Codec(encoding.name, "surrogatepass")):
        raise UnreadableFile("文件是 UTF-16 编码，但不完整，可能已损坏，请重新导出。")
    at = data.find(b"\0\0")
    while at >= 0 and at % 2:
        at = data.find(b"\0\0", at + 1)
    if at >= 0:
        raise UnreadableFile("文件里有空字符（NUL），可能已损坏或没有保存完整，请重新导出。")
    return encoding


def _wide_without_mark(data: bytes) -> str:
    """The UTF-16 that data with zeros in it is, or nothing: nearly all must be usual characters,
    and digits or separators must not stand byte by byte, as in 8-bit text that holds a zero."""
    sample = data[:_SAMPLE]
    if len(data) % 2 or _NARROW.search(sample):
        return ""
    usual = {
        name: len(_USUAL.findall(sample.decode(name, "replace")))
        for name in ("utf-16-le", "utf-16-be")
    }
    name = max(usual, key=usual.__getitem__)
    return name if usual[name] >= 0.95 * (len(sample) // 2) else ""


def _detect_by_lines(data: bytes, mark: bytes, name: str) -> Encoding:
    """GB18030, or the encoding of most lines where single lines differ or are broken."""
    han = narrow = 0
    for raw in _lines_beyond_ascii(data, mark):
        if _is_utf8_han(raw):
            han += 1
        else:
            narrow += 1
    if not han and _decodes(data[len(mark) :], Codec("gb18030", "strict")):
        return Encoding("gb18030", mark)
    return _detect_odd(data, mark, name or ("utf-8" if han > narrow else "gb18030"))


def _detect_odd(data: bytes, mark: bytes, name: str) -> Encoding:
    odd = broken = first = 0
    starts = line_starts(data, Encoding(name, mark))
    for number, start in enumerate(starts):
        raw = data[start : starts[number + 1] if number + 1 < len(starts) else len(data)]
        if raw.isascii():
            continue
        text, codec = _decode_odd(raw, name)
        escaped = len(_ESCAPED.findall(text))
        if escaped or codec.name != name:
            first = first if odd else number
            odd += 1
            broken += escaped
    if broken > max(8, len(data) // 200):
        raise UnreadableFile(
            "认不出文件的文字编码：既不是 UTF-8，也不是 GBK/GB18030，或已损坏。"
            "请用原来的软件另存为 UTF-8，再处理。"
        )
    return Encoding(name, mark, max(odd, 1), first)


def _decode_odd(raw: bytes, name: str) -> tuple[str, Codec]:
    """Text of bytes in UTF-8 or GB18030, ``name`` by preference, broken bytes as surrogates."""
    other = "gb18030" if name == "utf-8" else "utf-8"
    first, second = ("utf-8", "gb18030") if _is_utf8_han(raw) else (name, other)
    for codec in (first, second):
        try:
            return raw.decode(codec), Codec(codec, "surrogateescape")
        except UnicodeDecodeError:
            continue
    return raw.decode(name, "surrogateescape"), Codec(name, "surrogateescape")


def _lines_beyond_ascii(data: bytes, mark: bytes) -> Iterator[bytes]:
    at = len(mark)
    for end in chain(_line_ends(data, at), [len(data)]):
        raw = data[at:end]
        at = end
        if not raw.isascii():
            yield raw


def _is_utf8_han(raw: bytes) -> bool:
    """Whether a line is Chinese in UTF-8. About one in a thousand GBK lines is well-formed too, but
    only one of the two readings then keeps to the 6,763 usual characters of GB 2312."""
    if not _HAN_LEAD.search(raw):
        return False
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return _is_gb2312(text) or not _is_gb2312(raw.decode("gb18030", "replace"))


def _is_gb2312(text: str) -> bool:
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
