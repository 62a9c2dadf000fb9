"""A window as it was written: where its cells stand now, told by where they stood and what changed.

Nothing here is taken on trust: that all bytes but those replaced are the source's is held against
the file (``Spans.same``), and the texts that changed are read from it and judged afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from deid.sheets.cells import INLINE, NUMBER, Window
from deid.sheets.markup import padded
from deid.sheets.splices import Spans
from deid.vector import Places

OPENED, CLOSED = b"><is><t>", b"</t></is></c>"
"""What stands before and behind the text of a number that became a text."""


def _none() -> Places:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Written:
    """What was replaced in a window: the stretches, the cells that changed, and by how much their
    texts grew. ``retyped``: what the attributes of numbers became, by their kind; None where cells
    were written in another way, so that only reading them tells where they are."""

    spans: Spans
    cells: Places
    retyped: Mapping[int, bytes] | None
    grown: Places = field(default_factory=_none)

    def window(self, old: Window, data: bytes, kind: Callable[[bytes], int]) -> Window | None:
        """The window as it stands in ``data``; ``kind``: which kind of cell has such attributes.
        None where only reading it again tells."""
        cells, grown = self.cells, self.grown
        if self.retyped is None or (b"_" in data and b"_x" in data):
            return None  # what reads as it is written might not any more
        if (old.last[cells] - old.first[cells] + grown <= 0).any():
            return None  # cells that show nothing do not count as cells
        numbers = old.stored[cells] == NUMBER
        tags, first, end = self._numbers(old, cells[numbers], kind)
        text = np.zeros(len(old.row), np.int64)
        text[cells] = grown
        opened = np.zeros_like(text)
        opened[cells[numbers]] = first
        closed = np.zeros_like(text)
        closed[cells[numbers]] = end
        whole = text + opened + closed
        before = np.cumsum(whole) - whole
        kinds, stored = old.kinds.copy(), old.stored.copy()
        tag = old.tag + before
        if len(tags):
            kinds[cells[numbers]], stored[cells[numbers]] = tags[:, 0], INLINE
            tag[cells[numbers]] += tags[:, 1]
        here = before + opened

        def short(places: Places) -> Places:
            found: Places = places.astype(np.int32)
            return found

        return Window(
            padded(data)[0], len(data), old.numbers, old.row, old.column, stored, kinds,
            short(old.first + here), short(old.last + here + text), short(old.start + before),
            short(old.rest + before), short(tag), short(old.end + before + whole), old.shared,
            old.plain, old.formulas,
        )  # fmt: skip

    def _numbers(
        self, old: Window, cells: Places, kind: Callable[[bytes], int]
    ) -> tuple[Places, Places, Places]:
        """Of numbers that became texts: kind and growth of the tag; growth before and behind the text."""
        assert self.retyped is not None
        tags = np.zeros((len(cells), 2), np.int64)
        first = np.zeros(len(cells), np.int64)
        for number, rest in self.retyped.items():
            those = old.kinds[cells] == number
            places = cells[those]
            tags[those, 0] = kind(rest)
            tags[those, 1] = len(rest) - (old.tag[places] - old.rest[places])
            first[those] = len(rest) + len(OPENED) - (old.first[places] - old.rest[places])
        end = len(CLOSED) - (old.end[cells] - old.last[cells])
        return tags, first, end.astype(np.int64)
