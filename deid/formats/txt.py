"""Plain text: one Text per line that is not empty, replaced in the file's own bytes.

``L{n}`` counts from 0 over the lines that CRLF, LF and a lone CR end; the parts are in line order, so
that what a line end cuts in two can be found in two neighbouring parts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, overload

from deid.errors import UnsafeEdit
from deid.formats import magic
from deid.formats.encoding import Encoding, detect, line_starts, offsets, read_bytes, splice
from deid.later import later
from deid.model import Edit, Remark, Text

EXTENSIONS = (".txt",)
LABEL = "文本文件"
KEEPS = ("没有遮盖的每个字节", "编码、换行、行数")
DROPS = ()
REFUSES = ("认不出文字编码", "UTF-32 编码", "空字符（没有保存完整）")

_BLOCK = 1024
_PLACE = later(r"L(0|[1-9][0-9]*)")


def read(path: Path) -> PlainText:
    """The text file at ``path``. Markup in a .txt is shown as it stands, so it is text here too."""
    magic.require(path, "text", "empty", "html", "xml")
    data = read_bytes(path)
    return PlainText(data, detect(data))


class PlainText:
    """An opened text file. Lines are decoded when asked for: four to eight bytes are kept for each."""

    format = "txt"

    def __init__(self, data: bytes, encoding: Encoding) -> None:
        self._lines = _Lines(data, encoding)
        self.parts: Sequence[Text] = self._lines
        self.remarks: Sequence[Remark] = encoding.remarks()

    def save(self, target: BinaryIO, edits: Mapping[str, Sequence[Edit]]) -> None:
        """Write the file with ``edits`` spliced in. Raises UnsafeEdit for a line that is not there."""
        view = memoryview(self._lines.data)
        done = 0
        for number in sorted(self._lines.number_of(place) for place in edits):
            raw = self._lines.raw(number)
            start = self._lines.starts[number]
            target.write(view[done:start])
            for piece in self._changed(raw, edits[f"L{number}"]):
                target.write(piece)
            done = start + len(raw)
        target.write(view[done:])

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """The bytes of the file."""
        yield "", self._lines.data

    def close(self) -> None:
        """Let go of the bytes."""
        self._lines = _Lines(b"", Encoding("utf-8"))
        self.parts = ()

    def _changed(self, raw: bytes, edits: Sequence[Edit]) -> Iterator[bytes]:
        if any("\n" in edit.replacement or "\r" in edit.replacement for edit in edits):
            raise UnsafeEdit("替换后的文字不能换行，否则行号会变。")
        text, codec = self._lines.encoding.decode(raw)
        length = len(text.rstrip("\r\n"))
        if any(edit.end > length for edit in edits):
            raise UnsafeEdit("要修改的位置超出了这一行，文件没有改动。")
        return splice(
            raw, text, codec, ((edit.start, edit.end, edit.replacement) for edit in edits)
        )


class _Lines(Sequence[Text]):
    """The lines that are not empty, read from the bytes each time."""

    def __init__(self, data: bytes, encoding: Encoding) -> None:
        self.data = data
        self.encoding = encoding
        self.starts = line_starts(data, encoding)
        self._filled = self._find_filled()

    def _find_filled(self) -> array[int]:
        """Numbers of the lines longer than their line end, by length alone where it tells."""
        filled = offsets(self.data)
        longest_end = 2 * self.encoding.width
        last = len(self.starts) - 1
        for number, start in enumerate(self.starts):
            end = self.starts[number + 1] if number < last else len(self.data)
            if end - start > longest_end or (end > start and self._is_filled(start, end)):
                filled.append(number)
        return filled

    def _is_filled(self, start: int, end: int) -> bool:
        text, _ = self.encoding.decode(self.data[start:end])
        return text not in ("\r\n", "\n", "\r")

    def raw(self, number: int) -> bytes:
        """The bytes of a line, its line end included."""
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.data)
        return self.data[self.starts[number] : end]

    def number_of(self, place: str) -> int:
        """The line that a place names. Raises UnsafeEdit if there is none."""
        match = _PLACE.fullmatch(place)
        if not match or int(match[1]) >= len(self.starts):
            raise UnsafeEdit("要修改的行不在文件里。")
        return int(match[1])

    def _text(self, number: int) -> Text:
        text, _ = self.encoding.decode(self.raw(number))
        return Text(f"L{number}", text.rstrip("\r\n"))

    def __len__(self) -> int:
        return len(self._filled)

    def __iter__(self) -> Iterator[Text]:
        if self.encoding.odd:
            return map(self._text, self._filled)
        return self._plain_texts()

    def _plain_texts(self) -> Iterator[Text]:
        """The same where every line is in one encoding."""
        numbers = iter(self._filled)
        for first in range(0, len(self.starts), _BLOCK):
            lines = self._block(first)
            last = first + len(lines)
            for number in numbers:
                if number >= last:
                    numbers = chain((number,), numbers)
                    break
                yield Text(f"L{number}", lines[number - first])

    def _block(self, first: int) -> list[str]:
        """The lines from ``first`` on, without their line ends: one call decodes them all."""
        starts = self.starts[first : first + _BLOCK + 1]
        end = starts[_BLOCK] if len(starts) > _BLOCK else len(self.data)
        text, _ = self.encoding.decode(self.data[starts[0] : end])
        plain = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        lines = plain.split("\n")
        if end < len(self.data):
            lines.pop()
        count = min(len(starts), _BLOCK)
        if len(lines) == count:
            return lines
        return [self._text(number).text for number in range(first, first + count)]

    @overload
    def __getitem__(self, index: int) -> Text: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Text]: ...
    def __getitem__(self, index: int | slice) -> Text | Sequence[Text]:
        if isinstance(index, slice):
            return [self._text(number) for number in self._filled[index]]
        return self._text(self._filled[index])
