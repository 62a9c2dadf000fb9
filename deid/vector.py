"""The fast path: cells of a profiled column are checked and masked by the thousand, in the file's bytes.

It only ever takes what it is sure of. A cell that does not have its column's clean shape, or a row
that might not be plain data, is left to the exact path (``scan``, ``columns``), whose verdict this
module has to repeat byte for byte. Cells are gathered as fixed-width words, eight bytes to a number,
so that digits are told, added up and compared a word at a time.
"""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

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

ZEROS = np.uint64(0x3030303030303030)
HIGH = np.uint64(0x8080808080808080)
LOW7 = np.uint64(0x7F7F7F7F7F7F7F7F)
OVER9 = np.uint64(0x7676767676767676)
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
STAR = 0x2A
STARS = np.uint64(0x2A2A2A2A2A2A2A2A)


# ------------------------------------------------------------------------------- words of the cells


def words_at(source: Bytes, starts: Places) -> Words:
    """The eight bytes at each place, the first one lowest."""
    view: Words = np.ndarray((len(source) - 8,), "<u8", source, strides=(1,))
    return view[starts]


def lines_at(source: Bytes, starts: Places, count: int) -> Any:
    """``count`` words from each place on, a line for each word. numpy takes as long to pick sixty-four
    bytes from a place that is not aligned as it takes to pick eight."""
    cells = overlapping(source, 8 * count, "V")[starts]
    return np.ascontiguousarray(cells.view("<u8").reshape(-1, count).T)


def _piece(lines: Sequence[Words], at: int) -> Words:
    """The eight bytes from byte ``at`` of each cell on; what is behind the last line is zero."""
    line, bits = at // 8, np.uint64(at % 8 * 8)
    piece: Words = lines[line]
    if not bits:
        return piece
    piece = piece >> bits
    if line + 1 < len(lines):
        piece |= lines[line + 1] << (np.uint64(64) - bits)
    return piece


def _digits(*lines: Words) -> Flags:
    """Whether all bytes of the words that stand side by side in the lines are ASCII digits."""
    total: Words = np.zeros((), np.uint64)[()]
    for words in lines:
        bare = words ^ ZEROS
        # a byte that carries into the next is no digit itself, and tells
        bare |= bare + OVER9
        total = total | bare
    total &= HIGH
    high: Flags = total == 0
    return high


def _fours(words: Words) -> tuple[Places, Places]:
    """Eight digits -> the numbers that the first four and the last four make."""
    x = words & _NIBBLES
    y = x >> np.uint64(8)
    x *= np.uint64(10)
    x += y
    x &= np.uint64(0x00FF00FF00FF00FF)
    np.right_shift(x, np.uint64(16), out=y)
    x *= np.uint64(100)
    x += y
    np.bitwise_and(x, np.uint64(0xFFFF), out=y)
    x >>= np.uint64(32)
    x &= np.uint64(0xFFFF)
    return y.view(np.int64), x.view(np.int64)


_FOUR_NIBBLES = 1 << 16
"""More than four bytes that are no digits may come to: a table that long needs no bounds."""


@cache
def _weighted(weights: tuple[int, int, int, int]) -> npt.NDArray[np.int16]:
    """For each four digits, their sum under ``weights``."""
    values = np.arange(_FOUR_NIBBLES)
    digits = (values // 1000 % 10, values // 100 % 10, values // 10 % 10, values % 10)
    total = sum(digit * weight for digit, weight in zip(digits, weights, strict=True))
    return np.asarray(total, np.int16)


@cache
def _luhn_sums(*, first: bool) -> npt.NDArray[np.int16]:
    """For each four digits, their Luhn sum; ``first``: the first and third are doubled."""
    values = np.arange(_FOUR_NIBBLES)
    total = np.zeros(_FOUR_NIBBLES, np.int16)
    for place, power in enumerate((1000, 100, 10, 1)):
        digit = values // power % 10
        if (place % 2 == 0) == first:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit.astype(np.int16)
    return total


# ------------------------------------------------------------------------------------- the checks

_ID_WEIGHTS = ((7, 9, 10, 5), (8, 4, 2, 1), (6, 3, 7, 9), (10, 5, 8, 4), 2)
_CAPITALS = np.frombuffer(bytes(range(256)).upper(), np.uint8)
_ID_CHECKS = np.resize(np.frombuffer(b"10X98765432", np.uint8), 1024)
"""The check character by the weighted sum of the other seventeen."""


@cache
def _provinces() -> Flags:
    """The two digits that may begin an ID number: asked of the exact check."""
    allowed = np.zeros(100, bool)
    for code in range(100):
        body = f"{code:02d}000019490101000"
        allowed[code] = any(resident_id(body + end) for end in "0123456789X" if mod11_2(body + end))
    return _by_four(allowed, 100)


def _by_four(allowed: Flags, rest: int) -> Flags:
    """What is allowed, by the first four digits."""
    fours = np.zeros(_FOUR_NIBBLES, bool)
    fours[:10000] = np.repeat(allowed, rest)
    return fours


@cache
def _mobiles() -> Flags:
    return _by_four(np.array([mobile(f"{prefix:03d}00000000") for prefix in range(1000)]), 10)


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
    kinds = np.zeros(_FOUR_NIBBLES, np.int8)
    for at in range(366):
        day = datetime.date(2000, 1, 1) + datetime.timedelta(days=at)
        kinds[day.month * 100 + day.day] = 1
    kinds[229] = 2
    return kinds


def births(source: Bytes, starts: Places) -> tuple[Flags, Places]:
    """Whether eight digits at each place are a date that somebody living can be born on; the date
    as the number YYYYMMDD."""
    words = words_at(source, starts)
    fine, date = _births(words)
    fine &= _digits(words)
    return fine, date


def _births(words: Words) -> tuple[Flags, Places]:
    """The same of words that are known to be digits."""
    year, day = _fours(words)
    kind = _days()[day]
    date = year * 10000
    date += day
    today = int(datetime.date.today().strftime("%Y%m%d"))
    fine: Flags = (date >= 18800000) & (date <= today)
    fine &= kind > 0
    for at in np.flatnonzero(kind == 2).tolist():
        fine[at] &= calendar.isleap(int(year[at]))
    return fine, date


def resident_ids(source: Bytes, starts: Places, ends: Places) -> Flags:
    """Which cells are an ID number of 18 characters with the right check character."""
    return dated_ids(source, starts, ends)[0]


def dated_ids(source: Bytes, starts: Places, ends: Places) -> tuple[Flags, Places]:
    """The same, and the dates of birth."""
    lines = lines_at(source, starts, 3)
    first, second, tail = lines
    fine: Flags = ends - starts == 18
    seventeenth = tail & np.uint64(255)
    seventeenth ^= np.uint64(48)
    fine &= seventeenth < 10
    fine &= _digits(first, second)
    a, b = _fours(first)
    c, d = _fours(second)
    sums = [_weighted(weights) for weights in _ID_WEIGHTS[:4] if isinstance(weights, tuple)]
    total = sums[0][a]
    for table, part in zip(sums[1:], (b, c, d), strict=True):
        total += table[part]
    total += (seventeenth & np.uint64(15)).astype(np.int16) * np.int16(2)
    tail >>= np.uint64(8)
    born, date = _births(_piece(lines, 6))
    fine &= _ID_CHECKS[total] == _CAPITALS[tail.astype(np.uint8)]
    fine &= born
    fine &= _provinces()[a]
    return fine, date


def mobiles(source: Bytes, starts: Places, ends: Places) -> Flags:
    """Which cells are eleven digits with a mobile prefix in service."""
    lines = lines_at(source, starts, 2)
    a, _ = _fours(lines[0])
    fine: Flags = ends - starts == 11
    fine &= _digits(lines[0], _piece(lines, 3))
    fine &= _mobiles()[a]
    return fine


def cards(source: Bytes, starts: Places, ends: Places) -> Flags:
    """Which cells are 16, 17 or 19 digits that pass as a bank card, and so as nothing else."""
    length = ends - starts
    fine: Flags = (length == 16) | (length == 17) | (length == 19)
    first, second, rest = lines_at(source, starts, 3)
    rest ^= ZEROS
    rest &= inside(length - 16)
    rest ^= ZEROS  # what is behind the cell: no digits, but zeros
    fine &= _digits(first, second, rest)
    a, b = _fours(first)
    c, d = _fours(second)
    e, _ = _fours(rest)
    even, odd = _luhn_sums(first=True), _luhn_sums(first=False)
    total = odd[e]
    uneven = (length & 1).astype(bool)
    if uneven.all():
        for part in (a, b, c, d):
            total += odd[part]
    else:
        for part in (a, b, c, d):
            total += np.where(uneven, odd[part], even[part])
    b //= 100
    prefix = a * 100
    prefix += b
    np.minimum(prefix, 999_999, out=prefix)
    fine &= _TENS[total]
    fine &= _cards()[prefix]
    fine &= a >= 1000
    return fine


_TENS = np.arange(1024) % 10 == 0


def numbers(source: Bytes, starts: Places, ends: Places) -> tuple[Flags, Places]:
    """Which cells are at most nine digits, between them only ``. - / :``; how many digits.

    Most columns of numbers have their separators in the same places, counted from the end: cells
    that are like one of them are told by that, the others byte for byte.
    """
    if len(starts) < _FEW_CELLS:
        return _any_numbers(source, starts, ends)
    size = np.minimum(ends - starts, 17)
    middle = int(ends[len(ends) // 2])
    pattern, over, by_size = _pattern(source[max(middle - 8, 0) : middle].tobytes())
    bare = words_at(source, ends - 8)  # one that begins in front of the first byte reads zeros
    bare ^= pattern
    bare &= _BEHIND[size]
    odd = _beyond(bare, over)
    if size.max() > 8:
        bare = words_at(source, starts)
        bare ^= ZEROS
        bare &= inside(size - 8)
        odd |= _beyond(bare, OVER9)
    digits = by_size[size]
    fine = odd == 0
    others = np.flatnonzero(~fine)
    if len(others):
        fine[others], digits[others] = _any_numbers(source, starts[others], ends[others])
    fine &= (digits <= 9) & (size > 0) & (size < 17)
    return fine, digits


def _beyond(bare: Words, over: np.uint64) -> Words:
    """The high bits of bytes that ``over`` makes too large; others may be set in any case."""
    marks = bare & LOW7
    marks += over
    marks |= bare
    marks &= HIGH
    return marks


@lru_cache(maxsize=64)  # of cells as they stand in a list
def _pattern(cell: bytes) -> tuple[np.uint64, np.uint64, Places]:
    """The last eight bytes of cells like this one, separators among zeros; what to add to the
    difference of each byte so that it is too large; how many digits a cell has, by its size."""
    cell = cell.rjust(8, b"0")
    likes = bytes(byte if byte in b".-/:" else 0x30 for byte in cell)
    over = bytes(0x76 if byte == 0x30 else 0x7F for byte in likes)
    digits = [size - sum(byte != 0x30 for byte in likes[8 - min(size, 8) :]) for size in range(18)]
    pattern, beyond = (np.uint64(int.from_bytes(part, "little")) for part in (likes, over))
    return pattern, beyond, np.array(digits, np.int64)


_FEW_CELLS = 64


def _any_numbers(source: Bytes, starts: Places, ends: Places) -> tuple[Flags, Places]:
    """The same, byte for byte."""
    size = np.minimum(ends - starts, 17)
    fine, digits = _number(words_at(source, starts), _FIRST_HIGH[size])
    if size.max(initial=0) > 8:
        rest, more = _number(words_at(source, starts + 8), _SECOND_HIGH[size])
        fine &= rest & (size <= 16)
        digits += more
    fine &= (digits <= 9) & (size > 0)
    return fine, digits


def _number(words: Words, high: Words) -> tuple[Flags, Places]:
    """Whether the bytes that ``high`` marks are all of a number; how many of them are digits."""
    low = words & LOW7
    high_of_plain = ~words & high
    digit = (low + _FROM_0) & ~(low + _BEYOND_9) & high_of_plain
    fine: Flags = (low + _FROM_DASH) & ~(low + _BEYOND_COLON) & high_of_plain == high
    return fine, (((digit >> np.uint64(7)) * _ONES) >> np.uint64(56)).astype(np.int64)


_ONES = np.uint64(0x0101010101010101)
_FROM_0, _BEYOND_9 = _ONES * np.uint64(0x50), _ONES * np.uint64(0x46)
_FROM_DASH, _BEYOND_COLON = _ONES * np.uint64(0x53), _ONES * np.uint64(0x45)


def _highs(first: int) -> Words:
    """For each length up to 17, the high bits of its bytes ``first`` to ``first`` + 7."""
    inside = np.arange(first, first + 8) < np.arange(18)[:, None]
    return (inside * np.uint8(0x80)).astype(np.uint8).view("<u8").reshape(-1)


_FIRST_HIGH, _SECOND_HIGH = _highs(0), _highs(8)


class Script:
    """How the Han characters are written in an encoding, and which of them are quiet."""

    def __init__(self, encoding: str, loud: str) -> None:
        self._wide = encoding == "utf-8"
        self.size = 3 if self._wide else 2
        self._encoding = encoding
        self._quiet = np.zeros(65536, bool)
        self._quiet[0x4E00:0xA000] = self._wide
        if not self._wide:  # those up to U+9FA5 have two bytes
            text = "".join(map(chr, range(0x4E00, 0x9FA6)))
            self._quiet[np.frombuffer(text.encode(encoding), "<u2")] = True
        self._quiet[[max(self._code(char), 0) for char in loud]] = False
        self._named: Flags | None = None
        longest = _MOST_HAN * self.size
        sizes = np.arange(longest + 2)
        self._counts = np.where(
            (sizes % self.size == 0) & (sizes <= longest), sizes // self.size, 0
        )

    def _code(self, char: str) -> int:
        if self._wide:
            return ord(char) if ord(char) < 65536 else -1
        raw = char.encode(self._encoding, "replace")
        return raw[0] | raw[1] << 8 if len(raw) == 2 else -1

    def name(self, names: Iterable[str]) -> None:
        """From now on no cell is quiet that holds two characters with which a hidden name begins."""
        both = [(self._code(name[0]), self._code(name[1])) for name in names if len(name) == 2]
        known = np.array([pair for pair in both if min(pair) >= 0], np.int64).reshape(-1, 2)
        self._named = np.zeros(1 << 20, bool)
        self._named[_pair(known[:, 0], known[:, 1])] = True

    def quiet(self, source: Bytes, starts: Places, lengths: Places) -> Flags:
        """Which cells are one to nine Han characters, each of them quiet."""
        count = self._counts[np.minimum(lengths, len(self._counts) - 1)]
        fine = count > 0
        at = np.flatnonzero(fine)
        if not len(at):
            return fine
        if len(at) < len(fine):
            starts, count = starts[at], count[at]
        most = int(count.max())
        lines: Sequence[Words] = list(lines_at(source, starts, -(-most * self.size // 8)))
        before: Any = None
        for step in range(most):
            if step >= 1 and count.min() <= step:
                more = np.flatnonzero(count > step)
                at, count, before = at[more], count[more], before[more]
                lines = [line[more] for line in lines]
            codes, quiet = self._read(_piece(lines, self.size * step))
            if self._named is not None and step:
                quiet &= ~self._named[_pair(before, codes)]
            if len(at) < len(fine):
                fine[at] &= quiet
            else:
                fine &= quiet
            before = codes
        return fine

    def _read(self, words: Words) -> tuple[Any, Flags]:
        """The character at the beginning of each word by its code, and whether it is quiet Han."""
        if not self._wide:
            narrow = words.astype(np.uint16)
            return narrow, self._quiet[narrow]
        raw = words.astype(np.uint32)
        fine = (raw & np.uint32(0xC0C0F0)) == np.uint32(0x8080E0)
        codes = raw & np.uint32(15)
        codes <<= np.uint32(12)
        last = raw >> np.uint32(16)
        last &= np.uint32(63)
        raw >>= np.uint32(2)
        raw &= np.uint32(0xFC0)
        codes |= raw
        codes |= last
        fine &= self._quiet[codes]
        return codes, fine


_MOST_HAN = 9
"""Ten Han digits in a row are a number."""


def _pair(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Any:
    return (first.astype(np.uint32) * np.uint32(40503) + second) & np.uint32((1 << 20) - 1)


def overlapping(source: Bytes, size: int, kind: str = "<u") -> Any:
    """The bytes as overlapping numbers of that size, or pieces (``V``)."""
    return np.ndarray((len(source) - size,), f"{kind}{size}", source, strides=(1,))


# ------------------------------------------------------------------------------------- the output


def leading(source: Bytes, starts: Places, count: int) -> Places:
    """The number that the first ``count`` digits make, six at most."""
    if not count:
        return np.zeros(len(starts), np.int64)
    behind = np.uint64(64 - 8 * count)
    words = (words_at(source, starts) << behind) | (
        ZEROS & ((np.uint64(1) << behind) - np.uint64(1))
    )
    first, second = _fours(words)
    return first * 10000 + second


def inside(lengths: Places) -> Words:
    """The bytes of a word that belong to a cell with that many more."""
    return _INSIDE[np.minimum(np.maximum(lengths, 0), 8)]


def _insides() -> Words:
    """For each length up to 8, the bytes of a word that belong to the cell."""
    known = np.arange(8) < np.arange(9)[:, None]
    return (known * np.uint8(255)).astype(np.uint8).view("<u8").reshape(-1)


_INSIDE = _insides()
_BEHIND = ~_INSIDE[8 - np.minimum(np.arange(18), 8)]
"""For each length up to 17, the bytes of the word at the cell's end that belong to it."""


def put_stars(source: Bytes, starts: Places, count: int) -> None:
    """Write ``count`` stars at each place; another way than the masks', which are held against it."""
    if count >= 8:
        words = overlapping(source, 8)
        for at in (*range(0, count - 8, 8), count - 8):
            words[starts + at] = STARS
    else:
        for at in range(count):
            source[starts + at] = STAR


_BLOCKS = (128, 64)
"""Bytes of each stretch that are compared at once: the more the better, if it is that long."""


def same_stretches(one: Bytes, ones: Places, other: Bytes, others: Places, lengths: Places) -> bool:
    """Whether all bytes of the stretches are the same: of each ``lengths`` bytes, in ``one`` from
    ``ones`` on and in ``other`` from ``others`` on."""
    for block in _BLOCKS:
        long = lengths >= block
        if not long.all():
            here = np.flatnonzero(long)
            if not _same_long(one, ones[here], other, others[here], lengths[here], block):
                return False
            rest = np.flatnonzero(~long)
            ones, others, lengths = ones[rest], others[rest], lengths[rest]
        else:
            return _same_long(one, ones, other, others, lengths, block)
    return _same_short(one, ones, other, others, lengths)


def _same_long(
    one: Bytes, ones: Places, other: Bytes, others: Places, lengths: Places, block: int
) -> bool:
    """The same of stretches of at least a block: the last one, and those in front of it."""
    last = lengths - block
    if not _same_blocks(one, ones + last, other, others + last, block):
        return False
    at = 0
    while len(more := np.flatnonzero(last > at)):
        if len(more) < len(last):
            ones, others, last = ones[more], others[more], last[more]
        if not _same_blocks(one, ones + at, other, others + at, block):
            return False
        at += block
    return True


def _same_blocks(one: Bytes, ones: Places, other: Bytes, others: Places, block: int) -> bool:
    mine = overlapping(one, block, "V")[ones].view(np.uint64)
    return bool((mine == overlapping(other, block, "V")[others].view(np.uint64)).all())


def _same_short(one: Bytes, ones: Places, other: Bytes, others: Places, lengths: Places) -> bool:
    for at in range(0, int(lengths.max(initial=0)), 8):
        wrong = words_at(one, ones + at) ^ words_at(other, others + at)
        if (wrong & inside(lengths - at)).any():
            return False
    return True


def digit_runs(source: Bytes) -> Places:
    """Where ten digits in a row begin."""
    digits = source - np.uint8(48) < 10
    two = digits[:-1] & digits[1:]
    four = two[:-2] & two[2:]
    eight = four[:-4] & four[4:]
    return np.flatnonzero(eight[:-2] & two[8:])


def texts(source: Bytes, starts: Places, ends: Places) -> list[str]:
    """Cells of ASCII as texts."""
    data = source.tobytes()
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return [data[start:end].decode("ascii") for start, end in pairs]


def values(source: Bytes, starts: Places, ends: Places) -> list[int]:
    """The numbers that the digits of each cell make, separators left out."""
    return [int("".join(filter(str.isdigit, text))) for text in texts(source, starts, ends)]
