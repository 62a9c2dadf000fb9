"""The text of a large csv file, in windows of whole records, and how the file writes them."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deid.formats import delimited, magic
from deid.formats.encoding import _MARKS, Encoding, _is_utf8_han, _wide_without_mark
from deid.stream import grids
from deid.stream.verdicts import Unstreamable
from deid.tables import WINDOW
from deid.vector import Places

Digest = Callable[[bytes], object]
"""Takes in the bytes that a digest is made of."""

_READ = 1 << 20
_WIDEST = 1 << 25
"""Bytes that a window may have: lines that long are not what is streamed here."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How the file writes its rows. ``titles``: how many at its head are column titles beyond doubt."""

    encoding: Encoding
    delimiter: str
    name: str
    titles: int = 0

    @property
    def mark(self) -> bytes:
        """The delimiter's byte."""
        return self.delimiter.encode()

    @property
    def codec(self) -> str:
        """In which encoding the windows are: GB18030 stays where no part of a character can be taken
        for the delimiter (its second bytes begin at ``@``, but for digits)."""
        narrow = self.encoding.name == "gb18030"
        return "gb18030" if narrow and self.delimiter in "\t,;" else "utf-8"

    def written(self, text: bytes) -> bytes:
        """A window as the file has it."""
        if self.codec == self.encoding.name:
            return text
        return text.decode().encode(self.encoding.name)

    def read(self, raw: bytes) -> bytes:
        """What was ``written``, as a window."""
        if self.codec == self.encoding.name:
            return raw
        return raw.decode(self.encoding.name).encode()


def encodings(source: Path) -> list[tuple[str, bytes]]:
    """The encodings that the file may be in, in the order in which ``detect`` tries them."""
    magic.require(source, "text", "empty")
    with source.open("rb") as stream:
        head = stream.read(delimited._SAMPLE)
    for mark, name in _MARKS:
        if head.startswith(mark) and not head.startswith(b"\xff\xfe\0\0"):
            return [(name, mark)]
    if b"\0" in head:
        name = "" if source.stat().st_size % 2 else _wide_without_mark(head)
        return [(name, b"")] if name else []
    return [("utf-8", b""), ("gb18030", b"")]


def kind_of(source: Path, encoding: Encoding) -> Kind:
    """The delimiter, as the format module tells it. Raises Unstreamable, UnicodeDecodeError."""
    with source.open("rb") as stream:
        head = stream.read(delimited._SAMPLE + 64)
    if encoding.name == "utf-8":  # else only tried
        codecs.getincrementaldecoder("utf-8")().decode(head)
    kind = source.suffix.lower().removeprefix(".") or "csv"
    sample = delimited._sample(head, encoding)
    delimiter = delimited._sniff(sample, encoding, "\t" if kind == "tsv" else ",")
    if not delimiter.isascii():
        raise Unstreamable
    return Kind(encoding, delimiter, kind)


class Reader:
    """The file as UTF-8 or GB18030, whatever it is written in, and the digest of its own bytes.

    Raises ValueError or Unstreamable where ``detect`` would not settle on that encoding; but bytes
    that are no text are left to whoever reads the cells.
    """

    def __init__(self, stream: BinaryIO, kind: Kind, digest: Digest | None = None) -> None:
        self._stream = stream
        self._kind = kind
        self._encoding = kind.encoding
        self._digest = digest
        self._decoder = codecs.getincrementaldecoder(self._encoding.name)()
        self._rest = b""
        self._proved = self._encoding.name != "gb18030" or bool(self._encoding.mark)
        self._take(len(self._encoding.mark))

    def windows(self) -> Iterator[tuple[bytes, Places]]:
        """Whole records, WINDOW of them at a time, and where their delimiters and breaks stand."""
        rest, final, want = b"", False, _READ
        mark = self._kind.mark[0]
        while True:
            end, cuts = grids.records(rest, mark, WINDOW, final=final)
            if end:
                yield rest[:end], cuts
                want = max(_READ // 4, end - len(rest) + end + 4096)
                rest = rest[end:]
                if len(rest) >= want:
                    continue
            elif final:
                return
            elif len(rest) > _WIDEST:
                raise Unstreamable
            if not final:
                more = self._read(want)
                final = not more
                rest += more

    def _read(self, size: int) -> bytes:
        """Some more of the text, nothing at its end."""
        if self._encoding.name == "utf-8":
            return self._take(size)
        text = b""
        while not text:
            raw = self._take(size)
            if self._encoding.name == "gb18030":
                text = self._narrow(raw)
            else:
                text = self._decoder.decode(raw, final=not raw).encode()
            if not raw:
                break
        if not text and not self._proved:  # well-formed UTF-8 from end to end
            raise Unstreamable
        return text

    def _take(self, size: int) -> bytes:
        raw = self._stream.read(size)
        if self._digest:
            self._digest(raw)
        return raw

    def _narrow(self, raw: bytes) -> bytes:
        """Whole lines of GB18030: each must be no Chinese in UTF-8, as ``detect`` demands."""
        cut = raw.rfind(b"\n") + 1 if raw else 0
        if raw and not cut:
            self._rest += raw
            return b""
        lines = self._rest + raw[:cut]
        self._rest = raw[cut:]
        if b"\0" in lines:
            raise Unstreamable
        for start, end in grids.maybe_utf8(lines):
            if _is_utf8_han(lines[start:end]):
                raise Unstreamable
        if not self._proved:
            try:
                lines.decode()
            except UnicodeDecodeError:
                self._proved = True
        return lines if self._kind.codec == "gb18030" else lines.decode("gb18030").encode()
