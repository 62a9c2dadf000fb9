"""Texts whose characters are spelled as numbers (``&#26576;``), as openpyxl writes them: spelled out
by the thousand, so that they are judged like all others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deid.sheets.cells import INLINE, Window
from deid.sheets.markup import padded, words_at
from deid.vector import Bytes, Flags, Places

_LEAST, _SIZE = 10_000, len(b"&#10000;")
"""Code points of five digits: all Han characters, all full-width ones."""
_MASK = int.from_bytes(b"\xff\xff\0\0\0\0\0\xff", "little")
_FORM = int.from_bytes(b"&#\0\0\0\0\0;", "little")


class Texts(NamedTuple):
    """Bytes with texts in them: where each of a window's cells has its own, and whether it is plain."""

    data: bytes
    bytes: Bytes
    first: Places
    last: Places
    plain: Flags


def texts_of(window: Window) -> Texts:
    """The texts of a window, with characters spelled as numbers spelled out."""
    first, last = window.first.astype(np.int64), window.last.astype(np.int64)
    source = window.bytes
    as_is = Texts(window.data, source, first, last, window.plain)
    if window.plain.all():
        return as_is
    marks = np.flatnonzero(source[: window.size] == 38)
    words = words_at(source, marks)
    spelled = (words & np.uint64(_MASK)) == np.uint64(_FORM)
    codes = np.zeros(len(marks), np.int64)
    for at in range(2, 7):
        digits = source[marks + at].astype(np.int64) - 48
        spelled &= (digits >= 0) & (digits < 10)
        codes = codes * 10 + digits
    spelled &= (codes >= _LEAST) & ((codes < 0xD800) | (codes > 0xDFFF)) & (codes < 0xFFFE)
    # a text that has any other entity, or is no text of the sheet's own, is left as it is
    inside = np.searchsorted(first, marks, "right") - 1
    own = (inside >= 0) & (marks < last[inside])
    odd = np.zeros(len(first), bool)
    odd[inside[own & ~spelled]] = True
    odd |= (window.stored != INLINE) | (b"_" in window.data and b"_x" in window.data)
    spelled &= own & ~odd[inside]
    if not spelled.any():
        return as_is
    some = marks[spelled]
    data = _spelled_out(source[: window.size], some, codes[spelled])
    longer, view = padded(data)
    before = np.searchsorted(some, first) * (_SIZE - 3)
    behind = np.searchsorted(some, last) * (_SIZE - 3)
    plain = window.plain.copy()
    plain[inside[spelled]] = True
    return Texts(longer, view, first - before, last - behind, plain)


def _spelled_out(source: Bytes, places: Places, codes: Places) -> bytes:
    """The bytes with three bytes of UTF-8 for each number."""
    data = source.copy()
    data[places] = 0xE0 | (codes >> 12)
    data[places + 1] = 0x80 | ((codes >> 6) & 63)
    data[places + 2] = 0x80 | (codes & 63)
    kept = np.ones(len(data), bool)
    for at in range(3, _SIZE):
        kept[places + at] = False
    return bytes(data[kept].tobytes())
