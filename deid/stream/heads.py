"""The first window of a list: the rows of it that tell what its columns hold.

A column is told by its header and by its first values, so that the first few hundred rows, and for
columns that are mostly empty some later ones, make the same block as the whole window; what kind of
row each is has to be judged of the topmost only, where the header stands. Where that is not certain
the whole window is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np

from deid import columns
from deid.columns import NO_BLOCK, Block, View, profile_rows
from deid.model import Row
from deid.stream import grids
from deid.stream.grids import Grid
from deid.vector import Places

TOP = 64
"""Rows that are judged in any case: titles and headers stand among them."""
HEAD = 480
"""Rows whose values vote."""
_SPARE = 40
"""More values of each column than vote: those of totals and titles do not."""
_OFFICES = 60
"""Rows of data by which agencies are told."""


def sample(grid: Grid) -> Places | None:
    """Those rows in order; None where the window is as soon judged whole."""
    count = len(grid)
    if count < 4 * TOP:
        return None
    chosen = ~grid.regular
    chosen[:HEAD] = True
    for column in range(len(grid.starts)):
        chosen[grids.first_full(grid, column, _voters())] = True
    return np.flatnonzero(chosen)


def _voters() -> int:
    return columns._SAMPLE + _SPARE


def judged(grid: Grid, rows: Sequence[Row]) -> tuple[Sequence[View], Block]:
    """The topmost of the sample's rows as they are judged, and the block that is certainly that of
    the whole window; NO_BLOCK where none is."""
    views, block = profile_rows(rows[:TOP], (), NO_BLOCK)
    if not any(view.zone == "header" for view in views):  # told by all values, if at all
        views, block = profile_rows(rows, (), NO_BLOCK)
    above = list(takewhile(lambda view: view.block is NO_BLOCK, views))
    titles = list(takewhile(lambda view: view.zone == "header", views[len(above) :]))
    below = views[len(above) + len(titles) :]
    if block is NO_BLOCK or any(view.zone != "note" for view in above):
        return (), NO_BLOCK
    if any(view.zone in ("header", "form") or view.block is not block for view in below):
        return (), NO_BLOCK
    if len(above) + len(titles) > TOP // 4:
        return (), NO_BLOCK
    body = rows[len(above) + len(titles) :]
    data = columns._body(body, frozenset())
    if len(rows) < len(grid):
        upper = sum(row.index < HEAD and len(row.cells) > 1 for row in data)
        if upper < max(_OFFICES, columns._SAMPLE):
            return (), NO_BLOCK
        if not all(_has_voted(grid, data, column) for column in range(len(grid.starts))):
            return (), NO_BLOCK
    if titles:
        block = columns._block([view.row for view in titles], body, (), frozenset())
        notes = [view.row for view in above[-8:]]
        block = replace(block, aggregate=columns._is_aggregate(notes, block))
        views = [*above, *(replace(view, block=block) for view in (*titles, *below))]
    return views, block


def _has_voted(grid: Grid, data: Sequence[Row], column: int) -> bool:
    """Whether all values of the column that vote, or all that it has, are in the sample."""
    if int((grid.lengths[column] > 0).sum()) <= _voters():
        return True
    texts = [row.cells.get(column, "") for row in data]
    return len(list(filter(None, map(str.strip, texts)))) >= columns._SAMPLE
