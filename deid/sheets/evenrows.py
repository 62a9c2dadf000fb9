"""Rows that a program wrote: cells found by one byte of each, instead of by all their tags.

Each cell begins with ``<c r=`` and ends where the next one begins, or its row ends; what its tag and
the one of its value say is the same for thousands. That no tag is left out is told by their number.
Where rows are of another make, ``None`` says so, and every tag is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deid.sheets.markup import BLOCK, positions, starts_with, words_at
from deid.vector import Bytes, Places

_R = 114
_CELL, _ROW = (int.from_bytes(name, "little") for name in (b"<c r", b"<row"))
_CLOSED = b"</row>"

BARE, EMPTY, VALUE, INLINE = range(4)
"""How a cell goes on behind its attributes: ``></c>``, ``/>``, ``><v>``, ``><is><t>``."""
_TAGS = np.array([2, 1, 4, 6])
"""Tags that such a cell has."""
_OPENING = re.compile(
    rb"((?: [st]=\"[A-Za-z0-9]{1,10}\")*+)(?:(></c>)|( ?/>)|(><v>)"
    rb"|(><is><t(?: xml:space=\"preserve\")?>))"
)
_MOST = 60
"""Ways in which cells of one window may begin."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with their cells: where each row starts and its tag ends; where each cell starts and ends,
    and in which of the rows it is."""

    size: int
    rows: Places
    row_tags: Places
    cells: Places
    ends: Places
    row: Places


class Marks:
    """Where rows and cells begin in some bytes."""

    def __init__(self, data: bytes) -> None:
        source: Bytes = np.frombuffer(data, np.uint8)
        hits = positions(source, _R)
        hits = hits[(hits > 2) & (hits < len(data) - 4)] if len(hits) else hits
        four: Any = np.ndarray((max(len(data) - 3, 0),), "<u4", source, strides=(1,))
        self._size = len(data)
        self._cells: Places = hits[four[hits - 3] == _CELL] - 3
        rows = hits[four[hits - 1] == _ROW] - 1
        self._rows: Places = np.append(np.zeros(int(data.startswith(b"<row")), np.int64), rows)

    def __len__(self) -> int:
        return len(self._rows)

    def first(self, count: int) -> Rows | None:
        """The first ``count`` rows, or all there are; None where there is a row without a cell."""
        rows = self._rows
        size = int(rows[count]) if len(rows) > count else self._size
        rows = rows[:count]
        if not len(rows) or rows[0] or size > BLOCK * 64:
            return None
        cells = self._cells[: int(np.searchsorted(self._cells, size))]
        each = np.diff(np.searchsorted(cells, rows), append=len(cells))
        if (each == 0).any():
            return None
        firsts = np.cumsum(each) - each
        ends = np.append(cells[1:], 0)
        ends[firsts + each - 1] = np.append(rows[1:], size) - len(_CLOSED)
        row = np.repeat(np.arange(len(rows)), each)
        return Rows(size, rows, cells[firsts] - 1, cells, ends, row)


@dataclass(frozen=True, slots=True)
class Openings:
    """Of each cell: its kind, how it goes on, where its attributes and its value begin and end."""

    kinds: Places
    forms: Places
    tag: Places
    first: Places
    last: Places


class Ways:
    """The ways in which the cells of a sheet begin; ``kind`` tells which kind such attributes make."""

    def __init__(self, kind: Callable[[bytes], int]) -> None:
        self._kind = kind

    def openings(self, data: bytes, source: Bytes, here: Rows, rest: Places) -> Openings | None:
        """How each cell goes on behind its place; None unless every byte of it is accounted for."""
        number = np.zeros(len(rest), np.int64)
        known: list[tuple[int, int, int, int]] = []
        left = np.arange(len(rest))
        while len(left):
            hit = _OPENING.match(data, int(rest[left[0]]))
            if hit is None or len(known) > _MOST:
                return None
            same = _begins(source, rest[left], hit[0])
            number[left[same]] = len(known)
            left = left[~same]
            form = next(at for at in range(4) if hit[at + 2] is not None)
            known.append((self._kind(hit[1]), form, len(hit[1]), len(hit[0])))
        table = np.array(known, np.int64).T
        kinds, forms, tags, sizes = table[:, number]
        first = rest + sizes
        last = here.ends - _BEHIND[forms]
        if (first > last).any() or (first != last)[forms <= EMPTY].any():
            return None
        if not _closed(source, here, forms):
            return None
        tag = rest + tags
        nothing = forms <= EMPTY
        first[nothing] = last[nothing] = tag[nothing]
        wanted = int(_TAGS[forms].sum()) + 2 * len(here.rows)
        if not _has_tags(source[: here.size], wanted):
            return None
        return Openings(kinds, forms, tag, first, last)


_BEHIND = np.array([0, 0, len(b"</v></c>"), len(b"</t></is></c>")])


def _begins(source: Bytes, places: Places, expected: bytes) -> Any:
    """Which places begin with these bytes."""
    found: Any = np.ones(len(places), bool)
    for at in range(0, len(expected), 8):
        part = expected[at : at + 8]
        words = words_at(source, places + at)
        if len(part) < 8:
            words &= np.uint64((1 << 8 * len(part)) - 1)
        found &= words == int.from_bytes(part, "little")
    return found


def _closed(source: Bytes, here: Rows, forms: Places) -> bool:
    """Whether rows begin and end with their tags, and values with theirs."""
    if (source[here.row_tags] != 62).any() or (here.row_tags <= here.rows).any():
        return False
    last = np.append(here.rows[1:], here.size) - len(_CLOSED)
    if not starts_with(source, last, _CLOSED):
        return False
    ends = here.ends[forms == VALUE]
    if not starts_with(source, ends - 8, b"</v></c>"):
        return False
    ends = here.ends[forms == INLINE]
    return starts_with(source, ends - 13, b"</t></is") and starts_with(
        source, ends - 8, b"/is></c>"
    )


def _has_tags(text: Bytes, count: int) -> bool:
    """Whether so many tags begin there, and as many end."""
    return all(
        sum(np.count_nonzero(text[at : at + BLOCK] == code) for at in range(0, len(text), BLOCK))
        == count
        for code in (60, 62)
    )
