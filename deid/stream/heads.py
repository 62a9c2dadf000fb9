"""The first window of a list: the rows of it that tell what its columns hold.

A column is told by its header and by its first values, so that the first few hundred rows, and for
columns that are mostly empty some later ones, make the same block as the whole window. Where that is
not certain the whole window is judged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deid import columns
from deid.columns import NO_BLOCK, Block, View
from deid.stream import grids
from deid.stream.grids import Grid
from deid.vector import Places

HEAD = 480
"""Rows from the top that are judged in any case: titles, headers, and the values that vote."""
_SPARE = 40
"""More values of each column than vote: those of totals and titles do not."""
_OFFICES = 60
"""Rows of data by which agencies are told."""


def sample(grid: Grid) -> Places | None:
    """Those rows in order; None where they are most of the window."""
    count = len(grid)
    chosen = ~grid.regular
    chosen[:HEAD] = True
    for column in range(len(grid.starts)):
        chosen[grids.first_full(grid, column, _voters())] = True
    rows = np.flatnonzero(chosen)
    return rows if len(rows) * 2 <= count else None


def _voters() -> int:
    return columns._SAMPLE + _SPARE


def tell_all(grid: Grid, views: Sequence[View], block: Block) -> bool:
    """Whether ``block``, told by the sample's views, is certainly that of the whole window."""
    if block is NO_BLOCK:
        return False
    below = [view for view in views if view.block is not NO_BLOCK]
    above = views[: len(views) - len(below)]
    if any(view.block is not NO_BLOCK or view.zone != "note" for view in above):
        return False
    titles = [view for view in below if view.zone == "header"]
    if any(view.zone == "form" or view.block is not block for view in below):
        return False
    if [view.zone for view in below[: len(titles)]] != ["header"] * len(titles):
        return False
    if any(view.row.index >= HEAD // 4 for view in (*above, *titles)):
        return False
    data = [view for view in below if view.zone == "data" and len(view.row.cells) > 1]
    if sum(view.row.index < HEAD for view in data) < max(_OFFICES, columns._SAMPLE):
        return False
    return all(_has_voted(grid, data, column) for column in range(len(grid.starts)))


def _has_voted(grid: Grid, data: Sequence[View], column: int) -> bool:
    """Whether all values of the column that vote, or all that it has, are in the sample."""
    if int((grid.lengths[column] > 0).sum()) <= _voters():
        return True
    values = sum(bool(view.row.cells.get(column, "").strip()) for view in data)
    return values >= columns._SAMPLE
