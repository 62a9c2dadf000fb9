"""Compound files ([MS-CFB]): the container of xls, doc and et. Read with care, written anew.

Reading never trusts a number: a sector that is claimed twice (a loop, or two streams crossed) or that
lies outside the file ends it. What no stream claims is told as slack. Writing lays every stream out
afresh, so nothing that stood between the streams survives, nor in the tail of a sector.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from struct import pack, pack_into, unpack_from

from deid.errors import UnreadableFile

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END, _FREE, _FAT, _DIFAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFC
_CUTOFF = 4096
_MINI = 64
_ENTRY = 128
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_MAX_ENTRIES = 100_000

_CUT = "文件不完整（可能没有下载或复制完），请重新取得原件"
_TORN = "文件内部结构已损坏，请用 Excel 或 WPS 打开后另存一份再试"


@dataclass(frozen=True, slots=True)
class Entry:
    """A storage or a stream: its place in the directory, its path, and where its bytes start."""

    index: int
    path: tuple[str, ...]
    is_stream: bool
    start: int
    size: int


class Container:
    """An opened compound file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        if len(data) < 1536 or not data.startswith(SIGNATURE):
            raise UnreadableFile(_CUT)
        shift, mini_shift = unpack_from("<HH", data, 30)
        if shift not in (9, 12) or mini_shift != 6 or unpack_from("<I", data, 56)[0] != _CUTOFF:
            raise UnreadableFile(_TORN)
        self._size = 1 << shift
        self._total = -(-(len(data) - self._size) // self._size)
        self._claimed = bytearray(max(self._total, 0))
        self._fat = self._read_fat()
        self._directory = self._chain_bytes(unpack_from("<I", data, 48)[0])
        if len(self._directory) < _ENTRY or len(self._directory) // _ENTRY > _MAX_ENTRIES:
            raise UnreadableFile(_TORN)
        self._mini_fat = _words(self._chain_bytes(unpack_from("<I", data, 60)[0]))
        start, size = unpack_from("<II", self._directory, 116)
        self._mini = self._stream_bytes(start, size)
        self._mini_claimed = bytearray(-(-len(self._mini) // _MINI))
        self.entries: Sequence[Entry] = tuple(self._walk())
        self._streams = {entry.index: self._load(entry) for entry in self.entries}

    def read(self, entry: Entry) -> bytes:
        """The bytes of a stream."""
        return self._streams[entry.index]

    # --- reading

    def _sector(self, number: int) -> bytes:
        if number >= self._total:
            raise UnreadableFile(_CUT if number < _DIFAT else _TORN)
        if self._claimed[number]:
            raise UnreadableFile(_TORN)
        self._claimed[number] = 1
        at = (number + 1) * self._size
        return self._data[at : at + self._size]

    def _read_fat(self) -> array[int]:
        """The sector table, whose own sectors are listed in the header and in a chain."""
        numbers = list(unpack_from("<109I", self._data, 76))
        following = unpack_from("<I", self._data, 68)[0]
        while following < _DIFAT:
            words = _words(self._sector(following))
            if len(words) * 4 < self._size:
                raise UnreadableFile(_CUT)
            numbers += words[:-1]
            following = words[-1]
        table = array("I")
        for number in numbers:
            if number < _DIFAT:
                table.extend(_words(self._sector(number)))
        return table

    def _next(self, number: int) -> int:
        if number >= len(self._fat):
            raise UnreadableFile(_TORN)
        return self._fat[number]

    def _chain_bytes(self, number: int) -> bytes:
        """Every sector of a chain; none for a chain that is not there."""
        pieces = []
        while number < _DIFAT:
            pieces.append(self._sector(number))
            number = self._next(number)
        return b"".join(pieces)

    def _stream_bytes(self, number: int, size: int) -> bytes:
        if size > len(self._data):
            raise UnreadableFile(_CUT)
        pieces = []
        for _ in range(-(-size // self._size)):
            if number >= _DIFAT:
                raise UnreadableFile(_TORN)
            pieces.append(self._sector(number))
            number = self._next(number)
        data = b"".join(pieces)[:size]
        if len(data) < size:
            raise UnreadableFile(_CUT)
        return data

    def _mini_bytes(self, number: int, size: int) -> bytes:
        pieces = []
        for _ in range(-(-size // _MINI)):
            if number >= len(self._mini_claimed) or self._mini_claimed[number]:
                raise UnreadableFile(_TORN)
            self._mini_claimed[number] = 1
            pieces.append(self._mini[number * _MINI : (number + 1) * _MINI])
            if number >= len(self._mini_fat):
                raise UnreadableFile(_TORN)
            number = self._mini_fat[number]
        data = b"".join(pieces)[:size]
        if len(data) < size:
            raise UnreadableFile(_TORN)
        return data

    def _load(self, entry: Entry) -> bytes:
        if not entry.is_stream or not entry.size:
            return b""
        if entry.size < _CUTOFF:
            return self._mini_bytes(entry.start, entry.size)
        return self._stream_bytes(entry.start, entry.size)

    def _walk(self) -> Iterator[Entry]:
        """Every entry that hangs in the tree, parents first."""
        count = len(self._directory) // _ENTRY
        seen = {0}
        todo: list[tuple[int, tuple[str, ...]]] = [(self._links(0)[2], ())]
        while todo:
            index, above = todo.pop()
            if index == _FREE:
                continue
            if index >= count or index in seen:
                raise UnreadableFile(_TORN)
            seen.add(index)
            entry = self._entry(index, above)
            yield entry
            left, right, child = self._links(index)
            todo += [(right, above), (left, above)]
            if not entry.is_stream:
                todo.append((child, entry.path))

    def _links(self, index: int) -> tuple[int, int, int]:
        left, right, child = unpack_from("<III", self._directory, index * _ENTRY + 68)
        return left, right, child

    def _entry(self, index: int, above: tuple[str, ...]) -> Entry:
        at = index * _ENTRY
        length, kind = unpack_from("<HB", self._directory, at + 64)
        if kind not in (_STORAGE, _STREAM) or length > 64:
            raise UnreadableFile(_TORN)
        name = self._directory[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
        start, size, more = unpack_from("<III", self._directory, at + 116)
        if self._size > 512 and more:  # with small sectors the upper half may be anything
            raise UnreadableFile(_TORN)
        return Entry(index, (*above, name), kind == _STREAM, start, size)

    # --- what no stream claims

    def slack(self) -> Iterator[bytes]:
        """Bytes that belong to nothing: free sectors, tails, entries that were taken out."""
        yield self._data[512 : self._size]
        for free, run in groupby(range(self._total), key=lambda at: not self._claimed[at]):
            if free:
                numbers = list(run)
                yield self._data[(numbers[0] + 1) * self._size : (numbers[-1] + 2) * self._size]
        for entry in self.entries:
            yield self._tail(entry)
        for at, claimed in enumerate(self._mini_claimed):
            if not claimed:
                yield self._mini[at * _MINI : (at + 1) * _MINI]
        used = {0, *(entry.index for entry in self.entries)}
        for index in range(len(self._directory) // _ENTRY):
            if index not in used:
                yield self._directory[index * _ENTRY : index * _ENTRY + 64]

    def _tail(self, entry: Entry) -> bytes:
        """What stands behind the end of a stream in its last sector."""
        if not entry.is_stream or not entry.size:
            return b""
        mini = entry.size < _CUTOFF
        unit, table = (_MINI, self._mini_fat) if mini else (self._size, self._fat)
        number = entry.start
        for _ in range(-(-entry.size // unit) - 1):
            number = table[number]
        rest = entry.size % unit
        if not rest:
            return b""
        if mini:
            return self._mini[number * _MINI + rest : (number + 1) * _MINI]
        at = (number + 1) * self._size
        return self._data[at + rest : at + self._size]

    # --- writing

    def written(self, changes: Mapping[int, bytes]) -> bytes:
        """The file with the streams in ``changes`` (by directory index) replaced, laid out anew."""
        body = _Body(self._size)
        directory = bytearray(self._directory)
        mini = bytearray()
        mini_fat = array("I")
        for entry in self.entries:
            if not entry.is_stream:
                continue
            data = changes.get(entry.index, self._streams[entry.index])
            if len(data) >= _CUTOFF:
                start = body.add(data)
            elif data:
                start = len(mini_fat)
                _extend(mini_fat, -(-len(data) // _MINI))
                mini += data.ljust(-(-len(data) // _MINI) * _MINI, b"\0")
            else:
                start = _END
            pack_into("<IQ", directory, entry.index * _ENTRY + 116, start, len(data))
        pack_into("<IQ", directory, 116, body.add(bytes(mini)), len(mini))
        self._clean(directory)
        mini_start = body.add(_bytes(mini_fat), b"\xff")
        mini_count = -(-len(mini_fat) * 4 // self._size)
        return self._assembled(body, bytes(directory), mini_start, mini_count)

    def _clean(self, directory: bytearray) -> None:
        """Blank the entries that are not in use, and what stands behind the names of the others."""
        used = {0, *(entry.index for entry in self.entries)}
        for index in range(len(directory) // _ENTRY):
            at = index * _ENTRY
            if index not in used:
                directory[at : at + _ENTRY] = bytes(68) + b"\xff" * 12 + bytes(48)
            else:
                length = min(unpack_from("<H", directory, at + 64)[0], 64)
                directory[at + length : at + 64] = bytes(64 - length)

    def _assembled(self, body: _Body, directory: bytes, mini_start: int, mini_count: int) -> bytes:
        directory_start = body.add(directory)
        per = self._size // 4
        tables = extra = 0
        while True:  # the table has to hold its own sectors too
            need = -(-(len(body.fat) + tables + extra) // per)
            need_extra = -(-max(need - 109, 0) // (per - 1))
            if (need, need_extra) == (tables, extra):
                break
            tables, extra = need, need_extra
        first = len(body.fat)
        body.fat.extend([_FAT] * tables + [_DIFAT] * extra)
        body.fat.extend([_FREE] * (tables * per - len(body.fat)))
        numbers = [*range(first, first + tables)]
        header = bytearray(self._data[:76])
        header[8:24] = bytes(16)
        is_large = self._size > 512
        pack_into("<I", header, 40, len(directory) // self._size if is_large else 0)
        pack_into("<II", header, 44, tables, directory_start)
        pack_into("<II", header, 60, mini_start, mini_count)
        pack_into("<II", header, 68, first + tables if extra else _END, extra)
        header += _bytes(array("I", (numbers + [_FREE] * 109)[:109]))
        pieces = [bytes(header).ljust(self._size, b"\0"), *body.pieces, _bytes(body.fat)]
        rest = numbers[109:]
        for at in range(extra):
            block = rest[at * (per - 1) : (at + 1) * (per - 1)]
            block += [_FREE] * (per - 1 - len(block))
            block.append(first + tables + at + 1 if at + 1 < extra else _END)
            pieces.append(_bytes(array("I", block)))
        return b"".join(pieces)


class _Body:
    """The sectors of a file being written, and their table."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.fat = array("I")
        self.pieces: list[bytes] = []

    def add(self, data: bytes, fill: bytes = b"\0") -> int:
        """Append a stream; the number of its first sector."""
        if not data:
            return _END
        start, count = len(self.fat), -(-len(data) // self._size)
        _extend(self.fat, count)
        self.pieces.append(data.ljust(count * self._size, fill))
        return start


def _extend(table: array[int], count: int) -> None:
    """Append a chain of ``count`` sectors in a row."""
    start = len(table)
    table.extend(range(start + 1, start + count))
    table.append(_END)


def _words(data: bytes) -> array[int]:
    words = array("I", data[: len(data) & ~3])
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _bytes(words: array[int]) -> bytes:
    return words.tobytes() if sys.byteorder == "little" else pack(f"<{len(words)}I", *words)
