"""A masked window, read back from the file: whether it is beyond doubt what it should be.

It has the records and cells that it had; what was not masked begins as it did, what was masked is
as long as it has to be and has its stars; no ten digits in a row stand anywhere but where the exact
path let them stand; what is left of each cell was scanned afresh. A window of which one of these is
not sure is judged once more from the beginning.
"""

from __future__ import annotations

import numpy as np

from deid import csv_grid, csv_memory, vector
from deid.columns import Block
from deid.csv_columns import Marks, Told
from deid.csv_grid import Grid
from deid.csv_verdicts import Unstreamable
from deid.csv_window import Masked, Pass
from deid.scan import Setting
from deid.vector import Bytes, Flags, Places


class Recheck:
    """What a pass knows of the masks that it wrote."""

    def __init__(self, first: Pass) -> None:
        self._pass = first
        self._turn = 0
        self._seen: dict[tuple[Setting, int], Flags] = {}

    def is_settled(self, masked: Masked, written: bytes) -> bool:
        """Whether nothing in the window has to be judged once more. Raises Unstreamable where it is
        not what it must be."""
        grid, width = masked.grid, self._pass.width
        back = csv_grid.Grid(written, self._pass.kind.mark[0], width)
        if len(back) != len(grid) or (back.widths != grid.widths).any():
            raise Unstreamable
        plain = grid.regular
        if masked.special:
            plain = plain.copy()
            plain[list(masked.special)] = False
        self._turn = (self._turn + 1) % width
        for column in range(width):
            if not self._is_right(masked, back, column, plain):
                raise Unstreamable
        return (
            plain.all()
            and not masked.unsettled
            and not masked.marks.doubtful(masked.block, masked=True).any()
            and self._no_long_numbers(masked.marks, back)
            and not self._may_widen(masked, back)
        )

    def _is_right(self, masked: Masked, back: Grid, column: int, plain: Flags) -> bool:
        """Whether the cells of a column are as long as they must be, and begin as they did."""
        told, grid = masked.marks.told[column], masked.grid
        lengths = grid.lengths[column]
        heads, expected = lengths, lengths
        if len(told.places):
            heads, expected = lengths.copy(), lengths.copy()
            memory, places = told.memory, told.places
            edited = told.kinds == csv_memory.ONE_EDIT
            numbers, places = told.numbers[edited], places[edited]
            start, end = memory.fate("start", numbers), memory.fate("end", numbers)
            sizes = memory.sizes()
            expected[places] += sizes[memory.fate("replacement", numbers)] - (end - start)
            heads[places] = start
        for row, grown in masked.grown.get(column, {}).items():
            if heads is lengths:
                heads, expected = lengths.copy(), lengths.copy()
            expected[row], heads[row] = lengths[row] + grown, 0
        if ((back.lengths[column] != expected) & plain).any():
            return False
        if told.clean is not None:
            if heads is lengths:
                heads = lengths.copy()
            if not self._are_masked(told, masked, back, column, heads, plain):
                return False
        if heads is lengths and column != self._turn:
            return True  # nothing was written here: one such column a window is looked into
        return bool(
            vector.same_heads(
                grid.bytes, grid.starts[column], back.bytes, back.starts[column], heads * plain
            )
        )

    def _are_masked(
        self, told: Told, masked: Masked, back: Grid, column: int, heads: Places, plain: Flags
    ) -> bool:
        """Whether clean numbers have their stars; those that do not end in stars, or whose digits in
        front are not known to tell nothing, are judged once more."""
        assert told.clean is not None
        clean = told.clean & plain
        clean[list(masked.grown.get(column, {}))] = False  # a minor's cell is masked by itself
        lengths = masked.grid.lengths[column]
        entity = told.setting.label.entity
        if not self._pass.judge.policy.hides(entity):
            return True
        for length, first, last in self._pass.columns.stars(entity):
            here = clean & (lengths == length)
            starts = back.starts[column][here]
            if not len(starts):
                continue
            heads[here] = first
            if last - first < 8:
                masked.unsettled = True
            elif not vector.are_stars(back.bytes, starts + first, last - first).all():
                return False
            elif last < length or not self._are_seen(told, back.bytes, starts, first, length):
                masked.unsettled = True
        return True

    def _are_seen(self, told: Told, source: Bytes, starts: Places, first: int, length: int) -> bool:
        """Whether a fresh scan of the masked numbers, one for each beginning, finds nothing."""
        key = (told.setting, length)
        if key not in self._seen:
            self._seen[key] = np.zeros(10**first, bool)
        seen = self._seen[key]
        values = vector.leading(source, starts, first)
        fresh = values[~seen[values]]
        if len(fresh):
            for value in set(fresh.tolist()):
                text = f"{value:0{first}d}"[:first] + "*" * (length - first)
                if not self._pass.judge.holds_nothing(text, told.setting):
                    return False
                self._pass.tally.left.add(text)
            seen[fresh] = True
        return True

    def _no_long_numbers(self, marks: Marks, back: Grid) -> bool:
        """Whether ten digits in a row stand only in cells that the exact path judged."""
        runs = vector.digit_runs(back.bytes)
        if not len(runs):
            return True
        rows = csv_grid.rows_at(back, runs)
        for at, row in zip(runs.tolist(), rows.tolist(), strict=True):
            column = int((back.starts[:, row] <= at).sum()) - 1
            told = marks.told[column]
            if told.quiet is not None and told.quiet[row]:
                return False
            if told.clean is not None and told.clean[row]:
                hidden = self._pass.judge.policy.hides(told.setting.label.entity)
                if hidden:
                    return False
        return True

    def _may_widen(self, masked: Masked, back: Grid) -> bool:
        """Whether the values of a column vote otherwise than before they were masked."""
        block: Block = masked.block
        loose = (
            column
            for column, told in masked.marks.told.items()
            if not told.setting.label.entity
            and (masked.grown.get(column) or (told.kinds == csv_memory.ONE_EDIT).any())
        )
        return any(True for _ in loose) and self._pass.columns.may_widen(back, block)
