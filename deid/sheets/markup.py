"""Bytes of XML looked at by the thousand: where its tags are, whether it is well formed, its numbers.

Everything that only the exact reader understands raises Odd.
"""

from __future__ import annotations

import re

import numpy as np

from deid.vector import PAD, Bytes, Flags, Places, Words


class Odd(Exception):
    """XML that only the exact reader understands."""


def padded(data: bytes) -> tuple[bytes, Bytes]:
    """The bytes with zeros behind them, so that a fixed-width view never leaves the buffer."""
    longer = data + bytes(PAD)
    return longer, np.frombuffer(longer, np.uint8)


def words_at(source: Bytes, places: Places) -> Words:
    """The eight bytes at each place, the first one lowest."""
    view: Words = np.ndarray((len(source) - 8,), "<u8", source, strides=(1,))
    return view[places]


def halves_at(source: Bytes, places: Places) -> Places:
    view: Places = np.ndarray((len(source) - 2,), "<u2", source, strides=(1,))
    return view[places]


_HIGH_FIRST = ((8 - np.arange(9)) * 8).astype(np.uint64)
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_SIXES = np.uint64(0x0606060606060606)
_UPPER = np.uint64(0xF0F0F0F0F0F0F0F0)


def aligned(words: Words, sizes: Places) -> Words:
    """The first ``sizes`` bytes of each word, moved to its upper end."""
    return np.where(sizes > 0, words << _HIGH_FIRST[sizes], np.uint64(0))


def whole_numbers(source: Bytes, starts: Places, sizes: Places) -> tuple[Flags, Places]:
    """Which places hold 1 to 8 digits of that size, and the numbers they make."""
    fine = (sizes > 0) & (sizes <= 8)
    sizes = np.where(fine, sizes, 1)
    moved = aligned(words_at(source, starts), sizes)
    expected = ~np.uint64(0) << _HIGH_FIRST[sizes]
    bare = moved ^ (np.uint64(0x3030303030303030) & expected)
    fine &= ((bare + _SIXES) | bare) & _UPPER == 0
    x = bare & _NIBBLES
    x = (x * np.uint64(10) + (x >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    x = (x * np.uint64(100) + (x >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    low, high = x & np.uint64(0xFFFF), x >> np.uint64(32)
    return fine, (low * np.uint64(10000) + high).astype(np.int64)


# ------------------------------------------------------------------------------- tags and texts

_PRESERVE = b'<t xml:space="preserve">'
_ENTITY = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos);)(?:#([0-9]{1,7}|x[0-9A-Fa-f]{1,6});)?")
BLOCK = 1 << 20
"""Bytes that are looked at together: what is larger than the cache costs twice as much."""


def positions(text: Bytes, code: int) -> Places:
    blocks = range(0, len(text), BLOCK)
    return np.concatenate([np.flatnonzero(text[at : at + BLOCK] == code) + at for at in blocks])


def check_bytes(data: bytes) -> None:
    """UTF-8 with nothing in it that XML forbids, and only the entities that it knows."""
    at = 0
    while len(data) - at > 2 * BLOCK:
        end = data.find(b"<", at + BLOCK)
        if end < 0:
            break
        _check_block(data[at:end])
        at = end
    _check_block(data[at:] if at else data)


def _check_block(data: bytes) -> None:
    if not data.isascii():
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Odd from None
        if "\ufffe" in text or "\uffff" in text:
            raise Odd
    if b"&" in data and not all(map(_is_character, set(_ENTITY.findall(data)))):
        raise Odd
    low = np.count_nonzero(np.frombuffer(data, np.uint8) < 32)
    if low and low != data.count(b"\n") + data.count(b"\t"):
        raise Odd


def _is_character(number: bytes) -> bool:
    """Whether a character reference names a character that XML allows."""
    if not number:
        return False
    code = int(number[1:], 16) if number[:1] == b"x" else int(number)
    if code in (9, 10, 13):
        return True
    return 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000


def distinct(numbers: Places) -> Places:
    """Each number once, in order; ``np.unique`` would load ``numpy.ma``, a fiftieth of a second."""
    found = np.sort(numbers)
    return found[np.append(True, found[1:] != found[:-1])] if len(found) else found


def behind_texts(source: Bytes, starts: Places) -> Places:
    """Where tags ``<t>`` end; the only attribute they may have is the one that keeps blanks."""
    short = source[starts + 2] == 62
    long = starts[~short]
    for at in range(0, len(_PRESERVE), 8):
        if (words_at(source, long + at) != int.from_bytes(_PRESERVE[at : at + 8], "little")).any():
            raise Odd
    return starts + np.where(short, 3, len(_PRESERVE))


def starts_with(source: Bytes, places: Places, expected: bytes) -> bool:
    mask = np.uint64((1 << 8 * len(expected)) - 1)
    return bool(((words_at(source, places) & mask) == int.from_bytes(expected, "little")).all())


def unplain(data: bytes, source: Bytes, starts: Places, ends: Places) -> Flags:
    """Texts that do not read as they are written: entities, ``_x0041_``."""
    found = np.zeros(len(starts), bool)
    places = [np.flatnonzero(source[: len(data)] == 38)] if b"&" in data else []
    if b"_" in data and b"_x" in data:
        places.append(np.array([hit.start() for hit in re.finditer(rb"_x", data)], np.int64))
    for those in places:
        at = np.searchsorted(starts, those, "right") - 1
        found[at[(at >= 0) & (those < ends[at])]] = True
    return found
