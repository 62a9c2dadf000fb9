"""Formulas in the cells of a worksheet: taken out of its tags, so that what they gave last is left.

A cell with a formula is one like any other as long as nothing in it changes. Where something does,
the exact path has to keep the other cells of the formula right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deid.formats.ooxml import unescape
from deid.formats.xlsx_sheet import FORMULA_WORTH
from deid.formats.xlsx_values import column_letters
from deid.sheets.markup import Odd
from deid.vector import Bytes, Flags, Places

FORMULA, FORMULA_END = 13, 14
"""Kinds of tags beside those of ``cells``, behind all others."""

_XML = re.compile(
    rb"<f((?: [a-zA-Z0-9:]{1,9}=\"[A-Za-z0-9$:]{0,24}\")*+) ?(?:/>|>([^<>]*)</f>)(?:<v ?/>)?"
)
_ATTRIBUTE = re.compile(rb" ([a-zA-Z0-9:]+)=\"([^\"]*)\"")
_NAMES = frozenset((b"t", b"ref", b"si", b"ca", b"aca", b"bx", b"xml:space"))


class Tags(NamedTuple):
    """Tags in order: where each starts, its kind, and where the one behind it starts."""

    starts: Places
    kinds: Bytes
    ends: Places


@dataclass(frozen=True, slots=True)
class Formulas:
    """The formulas of a window: in which cells they are, and the texts (row, column, text) of those
    that may hold an identifier."""

    cells: Flags
    worth: list[tuple[int, int, str]]

    def of(self, chosen: Flags) -> Formulas:
        """Those of some of the cells."""
        return Formulas(self.cells[chosen], self.worth)


class Found:
    """The formulas among the tags of a window, and the tags without them. Raises Odd."""

    def __init__(self, data: bytes, tags: Tags, cell: int) -> None:
        opened = np.flatnonzero(tags.kinds == FORMULA)
        kept = tags.kinds < FORMULA
        rest = np.flatnonzero(kept)
        if not len(opened) or not opened[0] or (tags.kinds[opened - 1] != cell).any():
            raise Odd
        behind = np.searchsorted(rest, opened)
        if behind[-1] >= len(rest):
            raise Odd
        after = rest[behind]
        if int((after - opened).sum()) != len(kept) - len(rest):
            raise Odd  # one that no formula begins
        spans = zip(tags.starts[opened].tolist(), tags.starts[after].tolist(), strict=True)
        self._hits = [_XML.fullmatch(data, start, end) for start, end in spans]
        self.tags = Tags(tags.starts[:-1][kept], tags.kinds[kept], tags.ends[kept])
        self._owners = behind - 1
        """The tags, of those that are left, of the cells with a formula."""

    def of(self, cells: Places, rows: Places, columns: Places) -> Formulas:
        """The formulas of these cells, which stand in these rows and columns. Raises Odd."""
        places = np.searchsorted(cells, self._owners)
        flags = np.zeros(len(cells), bool)
        flags[places] = True
        worth = []
        for at, hit in zip(places.tolist(), self._hits, strict=True):
            if hit is None:
                raise Odd
            if hit[1]:
                _check(hit[1], int(rows[at]), int(columns[at]))
            text = unescape((hit[2] or b"").decode())
            if FORMULA_WORTH.search(text):
                worth.append((int(rows[at]), int(columns[at]), text))
        return Formulas(flags, worth)


def _check(attributes: bytes, row: int, column: int) -> None:
    """Raises Odd where the formula fills other cells, too, which edits might tear."""
    found = _ATTRIBUTE.findall(attributes)
    names = dict(found)
    if len(names) != len(found) or not names.keys() <= _NAMES:
        raise Odd
    if names.get(b"t") == b"shared" or b"t" not in names:
        return
    place = f"{column_letters(column)}{row + 1}"
    if names[b"t"] not in (b"normal", b"array") or names.get(b"ref") != place.encode():
        raise Odd
