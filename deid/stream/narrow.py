"""Columns taken out of a masked window: with each cell one delimiter goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deid import vector
from deid.formats.delimited import SEP_LINE, Delimited
from deid.formats.encoding import Encoding
from deid.stream.grids import Grid
from deid.stream.reader import Kind
from deid.stream.verdicts import Unstreamable
from deid.vector import Flags, Places


class Narrower:
    """Takes the columns that go out of one window after the other."""

    def __init__(self, kind: Kind, width: int, gone: frozenset[int]) -> None:
        self._kind = kind
        self._gone = gone
        self._stays = [column for column in range(width) if column not in gone]
        self._document = Delimited(b"", Encoding(kind.codec, b""), kind.delimiter, kind.name)

    def narrowed(self, grid: Grid, odd: Mapping[int, bool], *, first: bool) -> bytes:
        """The window of ``grid`` without the columns; ``odd``: the rows that are no plain data, and
        whether they are notes, whose texts stay. ``first``: it is the beginning of the file."""
        plain = np.ones(len(grid), bool)
        plain[list(odd)] = False
        drops = np.zeros(len(grid.data) + 1, np.int32)
        for starts, ends in self._stretches(grid, plain):
            drops[starts] += 1
            drops[ends] -= 1
        kept = np.cumsum(drops[:-1]) == 0
        source = grid.bytes[: len(grid.data)]
        parts, done = [], 0
        for row in sorted(odd):
            start, end = int(grid.row_starts[row]), int(grid.row_ends[row])
            new = self._row(grid.data[start:end], odd[row], first=first and not row)
            parts += [source[done:start][kept[done:start]].tobytes(), new]
            done = end
        return b"".join([*parts, source[done:][kept[done:]].tobytes()])

    def _stretches(self, grid: Grid, plain: Flags) -> list[tuple[Places, Places]]:
        """Where the cells that go of plain rows start and end, delimiters included."""
        starts, ends = (side[:, plain] for side in _outside(grid))
        if len(self._stays) == 1 and (grid.lengths[self._stays[0], plain] == 0).any():
            raise Unstreamable  # nothing would be left of a row
        found = []
        before = -1
        for column in [*self._stays, len(starts)]:
            if column > before + 1:
                if before < 0:
                    found.append((starts[0], starts[column]))
                else:
                    found.append((ends[before], ends[column - 1]))
            before = column
        return found

    def _row(self, raw: bytes, note: bool, *, first: bool) -> bytes:
        text = raw.decode(self._kind.codec)
        if first and SEP_LINE.fullmatch(text):
            return raw
        return self._document.narrowed(text, {}, self._gone, note).encode(self._kind.codec)

    def is_right(self, grid: Grid, odd: Mapping[int, bool], written: bytes) -> Grid | None:
        """The window as it was written, if its plain cells are those of ``grid`` that stay."""
        back = Grid(written, self._kind.mark[0], len(self._stays))
        if len(back) != len(grid):
            return None
        plain = np.ones(len(grid), bool)
        plain[list(odd)] = False
        if not back.regular[plain].all():
            return None
        for at, column in enumerate(self._stays):
            lengths = grid.lengths[column, plain]
            if not np.array_equal(back.lengths[at, plain], lengths):
                return None
            ours, theirs = grid.starts[column, plain], back.starts[at, plain]
            if not vector.same_stretches(grid.bytes, ours, back.bytes, theirs, lengths):
                return None
        return back

    def settings(self, all_of_them: Sequence[object]) -> list[object]:
        """Of what is known of each column, what is known of those that stay."""
        return [all_of_them[column] for column in self._stays]


def _outside(grid: Grid) -> tuple[Places, Places]:
    """Where the cells of regular rows start and end, with their quotes."""
    ends = grid.ends + (grid.quoted & (grid.bytes[grid.ends] == 34))
    starts = grid.starts - (grid.quoted & (grid.bytes[grid.starts - 1] == 34))
    starts[0] = np.where(grid.regular, grid.row_starts, starts[0])
    return starts, ends
