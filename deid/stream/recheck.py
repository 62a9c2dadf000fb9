"""A masked window, read back from the file: whether it is, byte for byte, what it should be.

What is expected is made anew from the source and the verdicts: the stars of clean numbers, the
edits of the rest, and every byte outside them as it was. Then it is asked whether a fresh scan would
find something to hide in what is left; a window of which that is not sure is judged once more from
the beginning.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from deid import vector
from deid.columns import Block
from deid.scan import Setting
from deid.stream import grids, memories
from deid.stream.columns import Marks, Told
from deid.stream.grids import Grid
from deid.stream.verdicts import Unstreamable
from deid.stream.windows import Masked, Pass
from deid.vector import PAD, Bytes, Flags, Places


class _Back:
    """A window as it was read back; its cells are looked for where somebody asks for them."""

    def __init__(self, data: bytes, delimiter: int, width: int) -> None:
        self._data, self._delimiter, self._width = data, delimiter, width
        self.bytes = np.zeros(len(data) + PAD, np.uint8)
        self.bytes[: len(data)] = np.frombuffer(data, np.uint8)

    @cached_property
    def grid(self) -> Grid:
        """Its records and cells."""
        return grids.Grid(self._data, self._delimiter, self._width)


class _Stretches:
    """The stretches of a window that are written anew, and what each becomes."""

    def __init__(self) -> None:
        self._many: list[tuple[Places, Places, bytes]] = []
        self._single: list[tuple[int, int, bytes]] = []

    def add(self, starts: Places, ends: Places, new: bytes) -> None:
        """All these become ``new``."""
        if len(starts):
            self._many.append((starts, ends, new))

    def add_single(self, pieces: list[tuple[int, int, bytes]]) -> None:
        """Start, end and new bytes of some."""
        self._single += pieces

    def are_right(self, expected: Bytes, size: int, back: Bytes, written: int) -> bool:
        """Whether ``back`` is ``expected`` with these stretches written anew, and nothing else."""
        lines = sorted(self._single)
        single = np.array([line[:2] for line in lines], np.int64).reshape(-1, 2)
        lengths = [np.full(len(starts), len(new)) for starts, _, new in self._many]
        starts = np.concatenate([single[:, 0], *(starts for starts, _, _ in self._many)])
        ends = np.concatenate([single[:, 1], *(ends for _, ends, _ in self._many)])
        new = np.concatenate([np.array([len(line[2]) for line in lines], np.int64), *lengths])
        order = np.argsort(starts, kind="stable")
        grown = np.empty_like(new)
        grown[order] = np.cumsum((new - ends + starts)[order])  # by how much it moves what follows
        places = starts + grown - (new - ends + starts)
        gaps = np.append(0, ends[order]), np.append(starts[order], size)
        moved = np.append(0, grown[order])
        if size + moved[-1] != written or (gaps[0] > gaps[1]).any():
            return False
        if not vector.same_stretches(expected, gaps[0], back, gaps[0] + moved, gaps[1] - gaps[0]):
            return False
        return self._are_written(back, places)

    def _are_written(self, back: Bytes, places: Places) -> bool:
        """Whether the new bytes stand at those places, single stretches first."""
        for (_, _, new), at in zip(sorted(self._single), places.tolist(), strict=False):
            if back[at : at + len(new)].tobytes() != new:
                return False
        done = len(self._single)
        for starts, _, new in self._many:
            here = places[done : done + len(starts)]
            if any((back[here + at] != byte).any() for at, byte in enumerate(new)):
                return False
            done += len(starts)
        return True


class Recheck:
    """What a pass knows of the masks that it wrote."""

    def __init__(self, first: Pass) -> None:
        self._pass = first
        self._seen: dict[tuple[Setting, int], Flags] = {}

    def is_settled(self, masked: Masked, written: bytes) -> bool:
        """Whether nothing in the window has to be judged once more. Raises Unstreamable where it is
        not what it must be."""
        grid, width = masked.grid, self._pass.width
        back = _Back(written, self._pass.kind.mark[0], width)
        plain = grid.regular
        if masked.special:
            plain = plain.copy()
            plain[list(masked.special)] = False
        if not self._is_right(masked, back, plain, len(written)):
            raise Unstreamable
        # the edits of cells write no delimiter, quote or break; those of whole rows may
        if not plain.all() and not np.array_equal(back.grid.widths, grid.widths):
            raise Unstreamable
        if masked.reshaped:
            return False
        return (
            plain.all()
            and not masked.unsettled
            and not masked.marks.doubtful(masked.block, masked=True).any()
            and self._no_long_numbers(masked.marks, back)
            and not self._may_widen(masked, back)
        )

    def _is_right(self, masked: Masked, back: _Back, plain: Flags, size: int) -> bool:
        """Whether every byte is the source's or what the verdicts make of it."""
        expected = masked.grid.bytes.copy()
        stretches = _Stretches()
        stretches.add_single(masked.spliced)
        for column, told in masked.marks.told.items():
            by_column = plain
            if masked.alone.get(column):
                by_column = plain.copy()
                by_column[masked.alone[column]] = False
            if told.clean is not None:
                self._expect_stars(masked, told, told.clean & by_column, expected)
            if len(told.places):
                self._expect_edits(told, by_column, stretches)
        return stretches.are_right(expected, len(masked.grid.data), back.bytes, size)

    def _expect_stars(self, masked: Masked, told: Told, clean: Flags, expected: Bytes) -> None:
        """Put the stars of clean numbers; those that do not end in stars, or whose digits in front
        are not known to tell nothing, are judged once more."""
        entity = told.setting.label.entity
        if not self._pass.judge.policy.hides(entity):
            return
        for length, first, last in self._pass.columns.stars(entity, told.rule):
            starts = told.starts[clean & (told.lengths == length)]
            if not len(starts):
                continue
            vector.put_stars(expected, starts + first, last - first)
            if told.rule and told.rule.drops:
                continue
            if (
                last - first < 8
                or last < length
                or not self._are_seen(told, masked.grid.bytes, starts, first, length)
            ):
                masked.unsettled = True

    @staticmethod
    def _expect_edits(told: Told, by_column: Flags, stretches: _Stretches) -> None:
        """Note what is cut out of cells whose fates are known, and what stands there instead."""
        chosen = by_column[told.places] & (told.kinds == memories.ONE_EDIT)
        for first, last, new in told.replaced(chosen):
            stretches.add(first, last, new)

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

    def _no_long_numbers(self, marks: Marks, back: _Back) -> bool:
        """Whether ten digits in a row stand only in cells that the exact path judged."""
        runs = vector.digit_runs(back.bytes)
        if not len(runs):
            return True
        rows = grids.rows_at(back.grid, runs)
        for at, row in zip(runs.tolist(), rows.tolist(), strict=True):
            column = int((back.grid.starts[:, row] <= at).sum()) - 1
            told = marks.told[column]
            if told.quiet is not None and told.quiet[row]:
                return False
            if told.clean is not None and told.clean[row]:
                hidden = self._pass.judge.policy.hides(told.setting.label.entity)
                if hidden:
                    return False
        return True

    def _may_widen(self, masked: Masked, back: _Back) -> bool:
        """Whether the values of a column vote otherwise than before they were masked."""
        block: Block = masked.block
        loose = (
            column
            for column, told in masked.marks.told.items()
            if not told.setting.label.entity
            and (masked.alone.get(column) or (told.kinds == memories.ONE_EDIT).any())
        )
        return any(True for _ in loose) and self._pass.columns.may_widen(back.grid, block)
