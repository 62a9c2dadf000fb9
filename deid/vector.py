"""The fast path: cells of a profiled column are checked and masked by the thousand, in the file's bytes.

It only ever takes what it is sure of. A cell that does not have its column's clean shape, or a row
that might not be plain data, is left to the exact path (``scan``, ``columns``), whose verdict this
module has to repeat byte for byte. Cells are gathered as fixed-width words, eight bytes to a number,
so that digits are told, added up and compared a word at a time.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deid.checks import mobile, mod11_2, resident_id
from deid.data import load_rows

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PAD = 160
"""Zero bytes behind a window, so that a fixed-width view never leaves the buffer."""
WIDEST = 128
"""Bytes of the longest cell that is told by its words; what is longer goes to the exact path."""

_ZEROS = np.uint64(0x3030303030303030)
_HIGH = np.uint64(0x8080808080808080)
_LOW7 = np.uint64(0x7F7F7F7F7F7F7F7F)
_OVER9 = np.uint64(0x7676767676767676)
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_STAR = 0x2A


class Grid:
    """The records of one window and where their cells stand.

    ``starts`` and ``ends`` have a line for every column, a cell's quotes left out; the cells of a
    record that is not ``regular`` (another width, a quote or a line break inside a cell) are empty.
    ``quoted``: the regular records that have cells in quotes.
    """

    def __init__(self, data: bytes, delimiter: int, width: int) -> None:
        self.data = data
        self.bytes = np.zeros(len(data) + PAD, np.uint8)
        self.bytes[: len(data)] = np.frombuffer(data, np.uint8)
        text = self.bytes[: len(data)]
        marks = (text == 10) | (text == delimiter)
        quoted = quotes(text, delimiter) if b'"' in data else None
        if quoted is not None:
            marks &= ~quoted
        cuts = np.flatnonzero(marks)
        if not len(data) or text[-1] != 10 or (quoted is not None and quoted[-1]):
            cuts = np.append(cuts, len(data))
        ends = np.append(text, 10)[cuts] == 10
        ends[-1] = True
        last = np.flatnonzero(ends)
        self.row_ends = np.minimum(cuts[last] + 1, len(data))
        self.row_starts = np.concatenate([np.zeros(1, np.int64), self.row_ends[:-1]])
        self.widths = np.diff(last, prepend=-1)
        self.regular = self.widths == width
        self.quoted = np.zeros(len(last), bool)
        if quoted is not None:
            broken = np.flatnonzero(quoted & (text == 10))
            self.regular[np.searchsorted(self.row_ends, broken, "right")] = False
        self._fill(cuts, last, width)
        if quoted is not None:
            self._strip(text == 34)

    def _fill(self, cuts: Places, last: Places, width: int) -> None:
        if self.regular.all():
            ends = np.ascontiguousarray(cuts.reshape(-1, width).T)
            starts = np.empty_like(ends)
            starts[0] = self.row_starts
            starts[1:] = ends[:-1] + 1
        else:
            ends = np.zeros((width, len(last)), np.int64)
            starts = np.zeros_like(ends)
            rows = np.flatnonzero(self.regular)
            ends[:, rows] = cuts[(last[rows] - width + 1) + np.arange(width)[:, None]]
            starts[0, rows] = self.row_starts[rows]
            starts[1:, rows] = ends[:-1, rows] + 1
        final = ends[-1]
        final -= (self.bytes[final - 1] == 13) & (final > starts[-1])
        self.starts, self.ends = starts, ends

    def _strip(self, marks: Flags) -> None:
        """Leave out the quotes around cells; a record that has others is not regular."""
        count = np.add.reduceat(marks, self.row_starts, dtype=np.int64)
        starts, ends = self.starts, self.ends
        around = (self.bytes[starts] == 34) & (self.bytes[ends - 1] == 34) & (ends - starts >= 2)
        self.quoted = self.regular & (count > 0)
        odd = self.regular & (count != 2 * around.sum(axis=0))
        starts += around
        ends -= around
        starts[:, odd] = ends[:, odd] = 0
        self.regular &= ~odd
        self.quoted &= ~odd

    def __len__(self) -> int:
        return len(self.row_ends)

    def cell(self, row: int, column: int) -> bytes:
        """The bytes of one cell."""
        return self.data[self.starts[column, row] : self.ends[column, row]]


def quotes(text: Bytes, delimiter: int) -> Flags:
    """Which bytes stand inside quotes (the opening quote included).

    Raises ValueError where a quote stands that ``csv.reader`` would take for a plain character.
    """
    marks = text == 34
    places = np.flatnonzero(marks)
    if len(places) % 2:
        raise ValueError("a quote is left open")
    opening, closing = places[0::2], places[1::2]
    before = np.where(opening > 0, text[np.maximum(opening - 1, 0)], 10)
    fine = (before == delimiter) | (before == 10) | (before == 34)
    behind = np.append(text, [10])[closing + 1]
    fine &= (behind == delimiter) | (behind == 10) | (behind == 13) | (behind == 34)
    doubled = np.append(opening[1:] == closing[:-1] + 1, [False])
    fine &= (behind != 34) | doubled
    fine[1:] &= (before[1:] != 34) | doubled[:-1]
    fine[:1] &= before[:1] != 34
    if not fine.all():
        raise ValueError("a stray quote")
    return (np.cumsum(marks) & 1).astype(bool)


def records(data: bytes, delimiter: int, count: int, *, final: bool) -> int:
    """Where the first ``count`` records of ``data`` end; 0 when they are not all there yet.

    A quoted cell may hold line breaks. Raises ValueError for quotes that need the exact reader.
    """
    text = np.frombuffer(data, np.uint8)
    breaks = text == 10
    if b'"' in data:
        marks = text == 34
        inside = (np.cumsum(marks) & 1).astype(bool)
        breaks &= ~inside
    ends = np.flatnonzero(breaks)
    if len(ends) >= count:
        return int(ends[count - 1]) + 1
    return len(data) if final else 0


def maybe_utf8(data: bytes) -> Sequence[tuple[int, int]]:
    """The lines, beyond ASCII, in which no byte tells at once that they are not UTF-8."""
    if data.isascii():
        return []
    text = np.frombuffer(data + b"\n", np.int8)
    breaks = np.flatnonzero(text[:-1] == 10) + 1
    starts = np.concatenate([np.zeros(1, np.int64), breaks])
    lead = (text < 0) & (text >= -64)
    alone = lead[:-1] & (text[1:] >= -64)  # a lead byte, and none that continues it behind
    wrong = np.logical_or.reduceat(np.append(alone, [False]), starts)
    beyond = np.logical_or.reduceat(text < 0, starts)
    maybe = np.flatnonzero(beyond & ~wrong)
    ends = np.append(starts[1:], len(data))
    return list(zip(starts[maybe].tolist(), ends[maybe].tolist(), strict=True))


# ------------------------------------------------------------------------------- words of the cells


def _at(source: Bytes, starts: Places) -> Words:
    """The eight bytes at each place, the first one lowest."""
    view: Words = np.ndarray((len(source) - 8,), "<u8", source, strides=(1,))
    return view[starts]


def _matrix(source: Bytes, starts: Places, width: int) -> Bytes:
    """``width`` bytes at each place, one line each."""
    view: Any = np.ndarray((len(source) - width,), f"V{width}", source, strides=(1,))
    return np.frombuffer(view[starts].tobytes(), np.uint8).reshape(-1, width)


def _digits(words: Words) -> Flags:
    """Whether all eight bytes of each word are ASCII digits."""
    bare = words ^ _ZEROS
    high: Flags = (((bare & _LOW7) + _OVER9) | bare) & _HIGH == 0
    return high


def _fours(words: Words) -> tuple[Places, Places]:
    """Eight digits -> the numbers that the first four and the last four make."""
    x = words & _NIBBLES
    x = (x * np.uint64(10) + (x >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    x = (x * np.uint64(100) + (x >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (x & np.uint64(0xFFFF)).astype(np.int64), (x >> np.uint64(32)).astype(np.int64)


@cache
def _weighted(weights: tuple[int, int, int, int]) -> npt.NDArray[np.int16]:
    """For each four digits, their sum under ``weights``."""
    values = np.arange(10000)
    digits = (values // 1000, values // 100 % 10, values // 10 % 10, values % 10)
    total = sum(digit * weight for digit, weight in zip(digits, weights, strict=True))
    return np.asarray(total, np.int16)


@cache
def _luhn_sums(*, first: bool) -> npt.NDArray[np.int16]:
    """For each four digits, their Luhn sum; ``first``: the first and third are doubled."""
    values = np.arange(10000)
    total = np.zeros(10000, np.int16)
    for place, power in enumerate((1000, 100, 10, 1)):
        digit = values // power % 10
        if (place % 2 == 0) == first:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit.astype(np.int16)
    return total


# ------------------------------------------------------------------------------------- the checks

_ID_WEIGHTS = ((7, 9, 10, 5), (8, 4, 2, 1), (6, 3, 7, 9), (10, 5, 8, 4), 2)
_ID_CHECK = np.frombuffer(b"10X98765432", np.uint8)


@cache
def _provinces() -> Flags:
    """The two digits that may begin an ID number: asked of the exact check."""
    allowed = np.zeros(100, bool)
    for code in range(100):
        body = f"{code:02d}000019490101000"
        allowed[code] = any(resident_id(body + end) for end in "0123456789X" if mod11_2(body + end))
    return allowed


@cache
def _mobiles() -> Flags:
    return np.array([mobile(f"{prefix:03d}00000000") for prefix in range(1000)])


@cache
def _cards() -> Flags:
    """Which first six digits make a card prefix; of a longer prefix only the exact path knows."""
    allowed = np.zeros(1_000_000, bool)
    for prefix, *_ in load_rows("bank_prefixes"):
        if len(prefix) <= 6:
            width = 10 ** (6 - len(prefix))
            allowed[int(prefix) * width : (int(prefix) + 1) * width] = True
    return allowed


@cache
def _days() -> npt.NDArray[np.int8]:
    """Four digits of month and day: 0 no date, 1 a date in any year, 2 in a leap year only."""
    kinds = np.zeros(10000, np.int8)
    for at in range(366):
        day = datetime.date(2000, 1, 1) + datetime.timedelta(days=at)
        kinds[day.month * 100 + day.day] = 1
    kinds[229] = 2
    return kinds


def births(source: Bytes, starts: Places) -> tuple[Flags, Places]:
    """Whether eight digits at each place are a date that somebody living can be born on; the date
    as the number YYYYMMDD."""
    words = _at(source, starts)
    year, day = _fours(words)
    kind = _days()[np.minimum(day, 9999)]
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    date = year * 10000 + day
    today = int(datetime.date.today().strftime("%Y%m%d"))
    fine = _digits(words) & ((kind == 1) | ((kind == 2) & leap)) & (year >= 1880) & (date <= today)
    return fine, date


def resident_ids(source: Bytes, starts: Places, ends: Places) -> Flags:
    """Which cells are an ID number of 18 characters with the right check character."""
    first, second = _at(source, starts), _at(source, starts + 8)
    seventeenth = source[starts + 16] - np.uint8(48)
    fine: Flags = (ends - starts == 18) & _digits(first) & _digits(second) & (seventeenth < 10)
    a, b = _fours(first)
    c, d = _fours(second)
    sums = [_weighted(weights) for weights in _ID_WEIGHTS[:4] if isinstance(weights, tuple)]
    fours = (np.minimum(part, 9999) for part in (a, b, c, d))
    total = sum(table[part] for table, part in zip(sums, fours, strict=True))
    total = total + seventeenth.astype(np.int16) * 2
    last = source[starts + 17]
    last = np.where(last == 0x78, np.uint8(0x58), last)
    born, _ = births(source, starts + 6)
    fine &= (_ID_CHECK[total % 11] == last) & born
    fine &= _provinces()[np.minimum(a // 100, 99)]
    return fine


def mobiles(source: Bytes, starts: Places, ends: Places) -> Flags:
    """Which cells are eleven digits with a mobile prefix in service."""
    first, last = _at(source, starts), _at(source, starts + 3)
    a, _ = _fours(first)
    fine: Flags = (ends - starts == 11) & _digits(first) & _digits(last)
    fine &= _mobiles()[np.minimum(a // 10, 999)]
    return fine


def cards(source: Bytes, starts: Places, ends: Places) -> Flags:
    """Which cells are 16, 17 or 19 digits that pass as a bank card, and so as nothing else."""
    length = ends - starts
    right = (length == 16) | (length == 17) | (length == 19)
    safe = np.where(right, starts, 0)
    size = np.where(right, length, 16)
    first, second, last = _at(source, safe), _at(source, safe + 8), _at(source, safe + size - 8)
    fine: Flags = right & _digits(first) & _digits(second) & _digits(last)
    a, b = _fours(first)
    c, d = _fours(second)
    # the last word without what the second one holds already
    fresh = (np.uint64(0x3030303030303030), np.uint64(0))
    shift = ((24 - size) * 8).astype(np.uint64)
    mask = np.where(size == 16, fresh[1], ~np.uint64(0) << np.minimum(shift, np.uint64(63)))
    e, f = _fours(np.where(size == 16, _ZEROS, (last & mask) | (_ZEROS & ~mask)))
    parts = [np.minimum(part, 9999) for part in (a, b, c, d)]
    even, odd = _luhn_sums(first=True), _luhn_sums(first=False)
    doubled = sum(even[part] for part in parts)
    other = sum(odd[part] for part in parts)
    total = np.where(size % 2 == 0, doubled, other) + even[np.minimum(e, 9999)]
    total = total + even[np.minimum(f, 9999)]
    prefix = np.minimum(a * 100 + b // 100, 999_999)
    fine &= (total % 10 == 0) & _cards()[prefix] & (a >= 1000)
    return fine


def numbers(source: Bytes, starts: Places, ends: Places) -> tuple[Flags, Places]:
    """Which cells are at most nine digits, between them only ``. - / :``; how many digits."""
    length = ends - starts
    short = length <= 16
    matrix = _matrix(source, np.where(short, starts, 0), 16)
    kinds = _NUMBER_KINDS[matrix]
    kinds = kinds * (np.arange(16) < length[:, None])
    total = kinds.sum(axis=1, dtype=np.uint16)
    digits = (total & 31).astype(np.int64)
    return short & (total < 32 * 32) & (digits <= 9) & (length > 0), digits


_NUMBER_KINDS = np.full(256, 1024, np.uint16)
_NUMBER_KINDS[48:58] = 1
_NUMBER_KINDS[[0x2E, 0x2D, 0x2F, 0x3A]] = 32


def han(
    source: Bytes, starts: Places, ends: Places, quiet: Flags, named: Flags | None = None
) -> Flags:
    """Which cells are one to nine Han characters, each of them ``quiet`` (by code point), and hold
    no two that may begin a hidden name (``named``, see ``pairs``)."""
    length = ends - starts
    short: Flags = (length > 0) & (length <= 27) & (length % 3 == 0)
    longest = int(length[short].max(initial=3))
    matrix = _matrix(source, np.where(short, starts, 0), longest)
    lead, middle, tail = (matrix[:, at::3].astype(np.uint16) for at in range(3))
    codes = ((lead & 15) << 12) | ((middle & 63) << 6) | (tail & 63)
    fine = quiet[codes] & (lead >= 0xE4) & (lead <= 0xE9)
    fine |= np.arange(longest // 3) * 3 >= length[:, None]
    if named is not None:
        inside = np.arange(3, longest, 3) < length[:, None]
        fine[:, 1:] &= ~(named[_pair(codes[:, :-1], codes[:, 1:])] & inside)
    short &= fine.all(axis=1)
    return short


def _pair(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Any:
    return (first.astype(np.uint32) * np.uint32(40503) + second) & np.uint32((1 << 20) - 1)


def pairs(names: Iterable[str]) -> Flags:
    """The first two characters of names, told by a number that a few other pairs share."""
    both = [name for name in names if len(name) == 2 and max(name) < "\uffff"]
    found = np.zeros(1 << 20, bool)
    first, second = (np.array([ord(name[at]) for name in both], np.uint16) for at in (0, 1))
    found[_pair(first, second)] = True
    return found


def quiet_han(loud: str) -> Flags:
    """The Han characters U+4E00 to U+9FFF but those in ``loud``, by code point."""
    quiet = np.zeros(65536, bool)
    quiet[0x4E00:0xA000] = True
    quiet[[ord(char) for char in loud if ord(char) < 65536]] = False
    return quiet


# ------------------------------------------------------------------------------------- the memory


class Fate(NamedTuple):
    """What becomes of every cell with the same key: bytes ``start`` to ``end`` are replaced."""

    kind: int
    start: int = 0
    end: int = 0
    replacement: bytes = b""
    is_long: bool = False
    young: bool = False
    hits: bool = False


NOTHING, ONE_EDIT, ASK = 0, 1, 2


class Memory:
    """Cells seen before and what became of them, looked up by the thousand.

    Two cells are the same when their bytes are, or with ``alike`` when they are but for the values
    of their digits.
    """

    def __init__(self, *, alike: bool) -> None:
        self._alike = alike
        self._hashes = np.zeros(0, np.uint64)
        self._words = np.zeros((0, WIDEST // 8), np.uint64)
        self._lengths = np.zeros(0, np.int64)
        self._fates: list[Fate] = []
        self._order = np.zeros(0, np.int64)
        self._table = np.zeros((0, 7), np.int64)
        self._replacements: dict[bytes, int] = {}
        self.used = np.zeros(0, np.int64)
        seed = [secrets.randbits(64) | 1 for _ in range(WIDEST // 8)]
        self._keys = np.array(seed, np.uint64)

    def __len__(self) -> int:
        return len(self._fates)

    def key(self, source: Bytes, starts: Places, ends: Places) -> Words:
        """The words of each cell (at most WIDEST bytes), zero behind its end."""
        length = ends - starts
        count = max(1, -(-int(length.max(initial=1)) // 8))
        words = _matrix(source, starts, count * 8).view("<u8").reshape(-1, count)
        words = words & _MASKS[length, :count]
        if self._alike:
            bare = words ^ _ZEROS
            other = (((bare & _LOW7) + _OVER9) | bare) & _HIGH
            digit = other ^ _HIGH
            words &= ~((digit >> np.uint64(7)) * np.uint64(15))
        return words

    def find(self, words: Words) -> Places:
        """The number of the fate of each cell, -1 where it is not known."""
        if not len(self._fates):
            return np.full(len(words), -1, np.int64)
        hashes = self._hash(words)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        hit = self._hashes[at] == hashes
        count = words.shape[1]
        fate = self._order[at]
        hit &= (self._words[fate, :count] == words).all(axis=1)
        hit &= self._lengths[fate] <= count
        return np.where(hit, fate, -1)

    def learn(self, words: Words, judge: Callable[[int], Fate]) -> Places:
        """The fates of cells that ``find`` did not know; ``judge`` is asked once for each key."""
        hashes = self._hash(words)
        _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        fates = [judge(int(at)) for at in first]
        base = len(self._fates)
        self._fates += fates
        full = np.zeros((len(first), WIDEST // 8), np.uint64)
        full[:, : words.shape[1]] = words[first]
        self._words = np.concatenate([self._words, full])
        used = np.where(
            self._words.any(axis=1), 16 - np.argmax(self._words[:, ::-1] != 0, axis=1), 0
        )
        self._lengths = used
        ids = self._replacements
        lines = [
            (*fate[:3], *fate[4:], ids.setdefault(fate.replacement, len(ids))) for fate in fates
        ]
        self._table = np.concatenate([self._table, np.array(lines, np.int64).reshape(-1, 7)])
        self.used = np.append(self.used, np.zeros(len(fates), np.int64))
        joined = np.concatenate([self._hashes, hashes[first]])
        order = np.concatenate([self._order, np.arange(base, base + len(first))])
        by = np.argsort(joined, kind="stable")
        self._hashes, self._order = joined[by], order[by]
        found = base + inverse.reshape(-1)
        same = (words == words[first][inverse.reshape(-1)]).all(axis=1)
        return np.where(same, found, -1)

    def fates(self, numbers: Places) -> npt.NDArray[np.int64]:
        """Kind, start, end, ``is_long``, ``young``, ``hits`` and which replacement, a line for each."""
        return self._table[numbers]

    def use(self, numbers: Places) -> list[int]:
        """Count fates that come true; those that never did before."""
        counted = np.bincount(numbers, minlength=len(self.used))
        fresh = np.flatnonzero((counted > 0) & (self.used == 0))
        self.used += counted
        return list(fresh.tolist())

    def replacements(self) -> list[tuple[bytes, int]]:
        """What edits write, and the number by which ``fates`` names it."""
        return list(self._replacements.items())

    def _hash(self, words: Words) -> Words:
        mixed = words * self._keys[: words.shape[1]]
        mixed ^= mixed >> np.uint64(29)
        total: Words = (mixed * self._keys[0]).sum(axis=1, dtype=np.uint64)
        return total


def _masks() -> Words:
    """For each length up to WIDEST, the bytes of its words that belong to the cell."""
    inside = np.arange(WIDEST) < np.arange(WIDEST + 1)[:, None]
    return (inside * np.uint8(255)).astype(np.uint8).view("<u8")


_MASKS = _masks()


# ------------------------------------------------------------------------------------- the output


class Patch:
    """A copy of a window's bytes in which cells are changed."""

    def __init__(self, source: Bytes, size: int) -> None:
        self.source = source
        self._out = source.copy()
        self._size = size
        self._drops: list[tuple[Places, Places]] = []
        self._pieces: list[tuple[int, int, bytes]] = []

    def star(self, starts: Places, first: int, last: int) -> None:
        """Bytes ``first`` to ``last`` of each cell become stars."""
        if last > first and len(starts):
            width = last - first
            shape = (len(self._out) - width,)
            view: Any = np.ndarray(shape, f"V{width}", self._out, strides=(1,))
            view[starts + first] = np.void(bytes([_STAR]) * width)

    def replace(self, starts: Places, ends: Places, new: bytes) -> None:
        """Each stretch becomes ``new``."""
        short = ends - starts < len(new)
        for start, end in zip(starts[short].tolist(), ends[short].tolist(), strict=True):
            self.splice(start, end, new)
        starts, ends = starts[~short], ends[~short]
        for at, byte in enumerate(new):
            self._out[starts + at] = byte
        self._drops.append((starts + len(new), ends))

    def splice(self, start: int, end: int, new: bytes) -> None:
        """One stretch becomes ``new``."""
        self._pieces.append((start, end, new))

    def result(self) -> bytes:
        """The bytes of the window as changed."""
        keep = self._kept()
        if not self._pieces:
            return self._part(keep, 0, self._size)
        done, parts = 0, []
        for start, end, new in sorted(self._pieces):
            parts += [self._part(keep, done, start), new]
            done = end
        return b"".join([*parts, self._part(keep, done, self._size)])

    def _kept(self) -> Flags | None:
        drops = [(a[b > a], b[b > a]) for a, b in self._drops]
        if not any(len(a) for a, _ in drops):
            return None
        keep = np.ones(self._size, bool)
        for starts, ends in drops:
            if not len(starts):
                continue
            steps = np.arange(int((ends - starts).max()))
            places = starts[:, None] + steps
            keep[places[steps < (ends - starts)[:, None]]] = False
        return keep

    def _part(self, keep: Flags | None, start: int, end: int) -> bytes:
        part = self._out[start:end]
        return (part if keep is None else part[keep[start:end]]).tobytes()


def first_bytes(source: Bytes, starts: Places, ends: Places) -> Bytes:
    """The first byte of each cell, 0 for an empty one."""
    return np.where(ends > starts, source[starts], np.uint8(0))


def where(flags: Flags) -> Places:
    """The numbers of those that are true."""
    return np.flatnonzero(flags)


def rows_with(grid: Grid, needle: bytes) -> Sequence[int]:
    """The records that hold ``needle``."""
    found: list[int] = []
    if needle[:1] not in grid.data:  # one byte is found ten times as fast as three
        return found
    at = grid.data.find(needle)
    while at >= 0:
        row = int(np.searchsorted(grid.row_ends, at, "right"))
        found.append(row)
        at = grid.data.find(needle, int(grid.row_ends[row]))
    return found


def may_vote(grid: Grid, column: int) -> bool:
    """Whether half of a column's first values are long enough to be told for numbers of persons."""
    starts, ends = grid.starts[column, :512], grid.ends[column, :512]
    length = ends - starts
    full = length > 0
    if not full.any():
        return False
    matrix = _matrix(grid.bytes, starts, 32)
    inside = np.arange(32) < length[:, None]
    digits = ((matrix >= 48) & (matrix < 58) & inside).sum(axis=1)
    lead = matrix[:, :32] >= 0xC0
    odd = (lead & inside & ((matrix < 0xE4) | (matrix > 0xE9))).any(axis=1)
    maybe = (length >= 10) & ((digits >= 10) | (length > 32) | odd)
    return bool(maybe.sum() * 2 >= full.sum())


def starts_blank(grid: Grid) -> Flags:
    """Records with a cell that begins with a blank, and may be nothing else."""
    first = grid.bytes[grid.starts]
    second = grid.bytes[grid.starts + 1]
    blank = _BLANKS[first] | ((first == 0xE3) & (second == 0x80))
    found: Flags = (blank & (grid.ends > grid.starts)).any(axis=0)
    return found


_BLANKS = np.zeros(256, bool)
_BLANKS[[0x09, 0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0xC2, 0xE1, 0xE2]] = True


def none(size: int) -> Flags:
    """Nothing marked."""
    return np.zeros(size, bool)


def zeros(size: int) -> Places:
    """Nothing counted."""
    return np.zeros(size, np.int64)


def asked(size: int) -> Places:
    """Fates of cells that nothing is known of."""
    return np.full((size, 7), ASK, np.int64)


def may_be_digits(first: Bytes) -> Flags:
    """Cells that, by their first byte, may be a few digits, X, or blanks before them."""
    return _DIGIT_FIRST[first]


_DIGIT_FIRST = _BLANKS.copy()
_DIGIT_FIRST[48:58] = True
_DIGIT_FIRST[[0x58, 0x78, 0xE3, 0xEF]] = True


def texts(source: Bytes, starts: Places, ends: Places) -> list[str]:
    """The cells as texts."""
    data = source.tobytes()
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return [data[start:end].decode() for start, end in pairs]


def values(source: Bytes, starts: Places, ends: Places) -> list[int]:
    """The numbers that the digits of each cell make, separators left out."""
    return [int("".join(filter(str.isdigit, text))) for text in texts(source, starts, ends)]
