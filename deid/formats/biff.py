"""Records of a BIFF8 stream ([MS-XLS] 2.1.4), their strings, and the shared string table.

A record longer than 8,224 bytes goes on in CONTINUE records. Characters are stored one byte each (the
upper byte left out) or two; where they cross into a CONTINUE, a flag byte says anew which.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from struct import error as StructError
from struct import pack, unpack_from

from deid.errors import UnreadableFile, UnsafeEdit
from deid.model import Edit

CONTINUE = 0x3C
LIMIT = 8224
_MAX_TEXT = 32_767
_WIDE, _PHONETIC, _RICH = 1, 4, 8

TORN = "表格内部的记录已损坏，请用 Excel 或 WPS 打开后另存一份再试"


def records(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(offset, kind, payload length) of the records from ``at`` on. Raises if one is cut off."""
    while at + 4 <= end:
        kind, length = unpack_from("<HH", data, at)
        if at + 4 + length > end:
            raise UnreadableFile(TORN)
        yield at, kind, length
        at += 4 + length


def record(kind: int, payload: bytes) -> bytes:
    """One record."""
    if len(payload) > LIMIT:
        raise UnsafeEdit("改动后的内容太长，这种文件放不下")
    return pack("<HH", kind, len(payload)) + payload


def segments(data: bytes, at: int) -> list[tuple[int, int]]:
    """Where the payloads of a record and of its CONTINUE records stand."""
    length = unpack_from("<H", data, at + 2)[0]
    found = [(at + 4, at + 4 + length)]
    at += 4 + length
    while at + 4 <= len(data) and unpack_from("<H", data, at)[0] == CONTINUE:
        length = unpack_from("<H", data, at + 2)[0]
        if at + 4 + length > len(data):
            raise UnreadableFile(TORN)
        found.append((at + 4, at + 4 + length))
        at += 4 + length
    return found


def units(text: str) -> int:
    """The length of a text as the file counts it, in 16-bit units."""
    return len(text) + sum(char > "\uffff" for char in text) if not text.isascii() else len(text)


def decoded(data: bytes, wide: bool | int) -> str:
    """Stored characters as text."""
    return data.decode("utf-16-le", "surrogatepass") if wide else data.decode("latin-1")


def encoded(text: str, *, wide: bool) -> tuple[bytes, bool]:
    """Text as stored characters, and whether they take two bytes: always if ``wide`` asks for it."""
    if not wide:
        try:
            return text.encode("latin-1"), False
        except UnicodeEncodeError:
            pass
    return text.encode("utf-16-le", "surrogatepass"), True


def applied(text: str, edits: Sequence[Edit]) -> str:
    """``text`` with the edits carried out. Raises UnsafeEdit for one outside it."""
    pieces, done = [], 0
    for edit in edits:
        if not done <= edit.start <= edit.end <= len(text):
            raise UnsafeEdit("要改的位置超出了单元格内容")
        pieces += [text[done : edit.start], edit.replacement]
        done = edit.end
    return "".join(pieces) + text[done:]


def moved(text: str, edits: Sequence[Edit], places: Iterable[int]) -> list[int]:
    """Where places in a text (in 16-bit units) stand after the edits."""
    changes = []
    for edit in edits:
        start = units(text[: edit.start])
        changes.append((start, start + units(text[edit.start : edit.end]), units(edit.replacement)))
    found = []
    for place in places:
        by = 0
        for start, end, length in changes:
            if place >= end:
                by += length - (end - start)
            elif place > start:
                by += min(length, place - start) - (place - start)
        found.append(place + by)
    return found


class Cursor:
    """Reads on through the payloads of a record and its CONTINUE records."""

    def __init__(self, data: bytes, parts: Sequence[tuple[int, int]]) -> None:
        self._data = data
        self._parts = parts
        self._part = 0
        self.at, self.end = parts[0]

    def _following(self) -> None:
        self._part += 1
        if self._part >= len(self._parts):
            raise UnreadableFile(TORN)
        self.at, self.end = self._parts[self._part]

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= self.end and self._part == len(self._parts) - 1

    def settle(self) -> None:
        """Go on to the following record if this one is used up."""
        while self.at >= self.end:
            self._following()

    def take(self, count: int) -> bytes:
        """Bytes, wherever the records are cut."""
        pieces = []
        while count:
            self.settle()
            size = min(count, self.end - self.at)
            pieces.append(self._data[self.at : self.at + size])
            self.at += size
            count -= size
        return b"".join(pieces)

    def chars(self, count: int, wide: int) -> tuple[str, bool]:
        """That many characters, and whether any took two bytes."""
        pieces = []
        any_wide = bool(wide)
        while True:
            size = min(count, (self.end - self.at) >> wide)
            piece = self._data[self.at : self.at + (size << wide)]
            pieces.append(piece if wide else decoded(piece, 0).encode("utf-16-le"))
            self.at += size << wide
            count -= size
            if not count:
                return decoded(b"".join(pieces), 1), any_wide
            self._following()
            wide = self.take(1)[0] & _WIDE
            any_wide = any_wide or bool(wide)


class _Output:
    """Writes one record, and CONTINUE records when it is full."""

    def __init__(self, kind: int) -> None:
        self._kind = kind
        self._done: list[bytes] = []
        self._size = 0
        self._current = bytearray()

    def _break(self) -> None:
        piece = pack("<HH", CONTINUE if self._done else self._kind, len(self._current))
        self._done += [piece, bytes(self._current)]
        self._size += 4 + len(self._current)
        self._current = bytearray()

    def place(self) -> tuple[int, int]:
        """Offset of what comes next, from the start of the first record and of the current one."""
        return self._size + 4 + len(self._current), 4 + len(self._current)

    def whole(self, data: bytes, room: int = 0) -> None:
        """Bytes that must not be cut, with room left behind them."""
        if len(self._current) + len(data) + room > LIMIT:
            self._break()
        self._current += data

    def chars(self, data: bytes, wide: bool) -> None:
        """Characters; each record that they run into starts with their flag byte."""
        at = 0
        while at < len(data):
            room = LIMIT - len(self._current)
            if room < 1 + wide:
                self._break()
                self._current.append(int(wide))
                room = LIMIT - 1
            size = min(room & ~1 if wide else room, len(data) - at)
            self._current += data[at : at + size]
            at += size

    def items(self, data: bytes, size: int) -> None:
        """Items of one size, none of them cut."""
        for at in range(0, len(data), size):
            self.whole(data[at : at + size])

    def finish(self) -> bytes:
        self._break()
        return b"".join(self._done)


def read_string(cursor: Cursor) -> tuple[str, bytes, bytes, bool]:
    """A string with a 16-bit length: text, formatting runs, phonetic block, stored wide."""
    cursor.settle()
    count, flags = unpack_from("<HB", cursor.take(3))
    runs = unpack_from("<H", cursor.take(2))[0] if flags & _RICH else 0
    extra = unpack_from("<I", cursor.take(4))[0] if flags & _PHONETIC else 0
    text, wide = cursor.chars(count, flags & _WIDE) if count else ("", bool(flags & _WIDE))
    if extra > 1 << 24:
        raise UnreadableFile(TORN)
    return text, cursor.take(runs * 4), cursor.take(extra), wide


class Strings:
    """The shared strings: their texts, formatting and phonetic blocks, and how often cells use each."""

    def __init__(self, data: bytes = b"", at: int = -1) -> None:
        self.texts: list[str] = []
        self._wide = bytearray()
        self._runs: dict[int, bytes] = {}
        self._extra: dict[int, bytes] = {}
        self._total = 0
        if at >= 0:
            try:
                self._load(data, segments(data, at))
            except (StructError, IndexError):
                raise UnreadableFile(TORN) from None
        self.uses = array("L", bytes(len(self.texts) * array("L").itemsize))
        self._source = len(self.texts)
        self._by_text: dict[str, int] = {}

    def _load(self, data: bytes, parts: Sequence[tuple[int, int]]) -> None:
        cursor = Cursor(data, parts)
        self._total, unique = unpack_from("<II", cursor.take(8))
        texts, wides = self.texts, self._wide
        while len(texts) < unique and not cursor.at_end():
            at = cursor.at
            if at + 3 <= cursor.end:  # the usual case: plain, whole, in one record
                count, flags = unpack_from("<HB", data, at)
                end = at + 3 + (count << (flags & _WIDE))
                if flags < 2 and end <= cursor.end:
                    texts.append(decoded(data[at + 3 : end], flags))
                    wides.append(flags)
                    cursor.at = end
                    continue
            text, runs, extra, wide = read_string(cursor)
            if runs:
                self._runs[len(texts)] = runs
            if extra:
                self._extra[len(texts)] = extra
            texts.append(text)
            wides.append(wide)

    def phonetics(self) -> Iterator[tuple[int, str]]:
        """Number and text of the pronunciations that strings carry ([MS-XLS] 2.5.86)."""
        for number, extra in self._extra.items():
            if len(extra) >= 14:
                count = unpack_from("<H", extra, 12)[0]
                yield number, decoded(extra[14 : 14 + 2 * count], 1)

    def plain(self, number: int) -> None:
        """Take the pronunciation off a string."""
        self._extra.pop(number, None)

    def change(self, number: int, edits: Sequence[Edit]) -> None:
        """Edit a string for all its users."""
        text = self.texts[number]
        runs = self._runs.pop(number, b"")
        self._extra.pop(number, None)
        self.texts[number] = _checked(applied(text, edits))
        self._keep_runs(number, moved_runs(runs, text, edits))

    def add_copy(self, source: Strings, number: int, edits: Sequence[Edit]) -> int:
        """A new string: an edited copy of one in ``source``, with its formatting."""
        text = source.texts[number]
        runs = moved_runs(source._runs.get(number, b""), text, edits)
        if not runs:
            return self.add(applied(text, edits), wide=bool(source._wide[number]))
        new = self._append(applied(text, edits), wide=bool(source._wide[number]))
        self._keep_runs(new, runs)
        return new

    def add(self, text: str, *, wide: bool = False) -> int:
        """The number of a new string; the same text is added once."""
        if text not in self._by_text:
            self._by_text[text] = self._append(text, wide=wide)
        return self._by_text[text]

    def _append(self, text: str, *, wide: bool) -> int:
        self.texts.append(_checked(text))
        self._wide.append(wide)
        return len(self.texts) - 1

    def _keep_runs(self, number: int, runs: bytes) -> None:
        end = units(self.texts[number])
        kept = b"".join(
            runs[at : at + 4]
            for at in range(0, len(runs), 4)
            if unpack_from("<H", runs, at)[0] < end
        )
        if kept:
            self._runs[number] = kept

    def copy(self) -> Strings:
        """The same strings, to be edited."""
        twin = Strings()
        twin.texts, twin._wide = [*self.texts], bytearray(self._wide)
        twin._runs, twin._extra = dict(self._runs), dict(self._extra)
        twin._total, twin.uses, twin._source = self._total, self.uses, self._source
        return twin

    def written(self, more_uses: int) -> tuple[bytes, list[tuple[int, int]]]:
        """The SST record, and where each bucket of ``bucket_size`` strings starts."""
        out = _Output(0xFC)
        total = max(self._total + more_uses, 0)
        out.whole(pack("<II", total & 0xFFFFFFFF, len(self.texts)))
        starts = []
        bucket = self.bucket_size
        for number, text in enumerate(self.texts):
            data, wide = encoded(text, wide=bool(self._wide[number]))
            runs, extra = self._runs.get(number, b""), self._extra.get(number, b"")
            flags = wide | _RICH * bool(runs) | _PHONETIC * bool(extra)
            head = pack("<HB", units(text), flags)
            head += pack("<H", len(runs) // 4) if runs else b""
            head += pack("<I", len(extra)) if extra else b""
            out.whole(b"", len(head) + 2)
            if number % bucket == 0:
                starts.append(out.place())
            out.whole(head)
            out.chars(data, wide)
            out.items(runs, 4)
            out.items(extra, 2)
        return out.finish(), starts

    @property
    def bucket_size(self) -> int:
        """Strings per entry of EXTSST ([MS-XLS] 2.4.107)."""
        return max(8, len(self.texts) // 128 + 1)


def _checked(text: str) -> str:
    if units(text) > _MAX_TEXT:
        raise UnsafeEdit("改动后的内容太长，一个单元格放不下")
    return text


def moved_runs(runs: bytes, text: str, edits: Sequence[Edit], size: int = 4) -> bytes:
    """Formatting runs, each at the place where its character now stands; the last of a place wins."""
    found: dict[int, bytes] = {}
    old = [unpack_from("<H", runs, at)[0] for at in range(0, len(runs) - size + 1, size)]
    for number, place in enumerate(moved(text, edits, old)):
        found[place] = pack("<H", place) + runs[number * size + 2 : (number + 1) * size]
    return b"".join(found.values())


class Splices:
    """Changes of a stream by place, and where what was not changed then stands."""

    def __init__(self) -> None:
        self._changes: dict[int, tuple[int, bytes]] = {}
        self._starts: list[int] = []
        self._shifts: list[int] = []

    def add(self, start: int, end: int, new: bytes) -> None:
        """Replace ``start:end``."""
        self._changes[start] = (end, new)

    def __contains__(self, start: int) -> bool:
        return start in self._changes

    def __len__(self) -> int:
        return len(self._changes)

    def carried_out(self, data: bytes) -> bytearray:
        """``data`` with all changes."""
        ordered = sorted((start, *change) for start, change in self._changes.items())
        for (_, end, _), (start, _, _) in pairwise(ordered):
            if end > start:
                raise UnsafeEdit("这处改动会破坏文件，未写出")
        pieces, done, shift = [], 0, 0
        self._starts, self._shifts = [-1], [0]
        for start, end, new in ordered:
            pieces += [data[done:start], new]
            done = end
            shift += len(new) - (end - start)
            self._starts.append(start)
            self._shifts.append(shift)
        return bytearray(b"".join([*pieces, data[done:]]))

    def place(self, old: int) -> int:
        """Where the byte that stood at ``old`` stands now (the start of a change: of the new bytes)."""
        return old + self._shifts[bisect_left(self._starts, old) - 1]
