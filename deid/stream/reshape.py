"""What a policy that reshapes asks of one pass over a file, beside the masking of its cells.

Before a window is masked: what its columns are under the rules, and which rows only the exact path
can tell. Behind it: the grades of its rows, and the columns that go taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deid.actions.grids import PARTS, is_free, tells
from deid.columns import Block, View
from deid.mask import edits_for
from deid.model import Edit, Finding, Row
from deid.policy import Policy
from deid.prose import merge
from deid.stream.columns import Marks, Told
from deid.stream.grades import Grades
from deid.stream.grids import Grid
from deid.stream.narrow import Narrower
from deid.stream.reader import Kind
from deid.stream.ruling import Rule, Ruling, place_of
from deid.stream.verdicts import ID_ENTITIES, Unstreamable
from deid.tables import CellFindings
from deid.vector import Flags, Places


class Reshape:
    """The state of the rules, the grades and the columns that go, over one pass. ``grades``: None
    where the rows need not be graded."""

    def __init__(self, kind: Kind, policy: Policy, *, graded: bool) -> None:
        self._kind = kind
        self._policy = policy
        self.ruling = Ruling(policy)
        self.grades = Grades(policy, kind.codec) if graded else None
        self.narrower: Narrower | None = None
        self._base = 0
        self._notes: dict[int, bool] = {}
        self._parts: dict[bytes, list[str]] = {}

    def rule(self, block: Block, column: int) -> Rule | None:
        """The rule of a column in rows of plain data."""
        return self.ruling.rule(block, column)

    # ---------------------------------------------------------------------------- before a window

    def enter(
        self,
        grid: Grid,
        marks: Marks,
        special: dict[int, View],
        base: int,
        row_of: Callable[[Grid, int], Row],
    ) -> None:
        """Tell what the columns of a window are, and add to the ``special`` rows those of which the
        rules ask more than what stands in each cell. ``base``: its first row in the file."""
        block = marks.block
        if block is None:
            raise Unstreamable
        self._base = base
        self._notes = {}
        plain = grid.regular.copy()
        plain[list(special)] = False
        self.ruling.height += int((grid.lengths[:, plain] > 0).any(axis=0).sum())
        self.ruling.height += sum(bool(view.row.cells) for view in special.values())
        for row in sorted(self._odd(grid, marks, block, plain)):
            special[row] = View(row_of(grid, row), "data", block)
            plain[row] = False
        seen = self.ruling.represented(block)
        fresh = [
            (column, int(rows[0]))
            for column in range(len(grid.starts))
            if column not in seen
            and len(rows := np.flatnonzero(plain & (grid.lengths[column] > 0)))
        ]
        cells = [(column, row, self._text(grid, row, column)) for column, row in fresh]
        self.ruling.foresee(
            [view for _, view in sorted(special.items())],
            [(block, column, text) for column, _, text in cells],
        )
        for column, row, text in cells:
            self.ruling.represent(block, column, base + row, text)
        for column in range(len(grid.starts)):
            if self.ruling.seeks_words(block, column):
                self._seek_words(grid, block, column, plain)
        self.ruling.check()

    def _odd(self, grid: Grid, marks: Marks, block: Block, plain: Flags) -> set[int]:
        """The rows of plain data that have more cells than the header, several values where one
        number stands, or a text that may tell again what goes."""
        odd = set(self._telling(grid, block, plain))
        for column in range(self.ruling.last(block) + 1, len(grid.starts)):
            odd.update(np.flatnonzero(plain & (grid.lengths[column] > 0)).tolist())
        for told in marks.told.values():
            if told.setting.label.entity in ID_ENTITIES:
                odd.update(row for row in told.asked if plain[row])
        return odd

    def _text(self, grid: Grid, row: int, column: int) -> str:
        return grid.cell(row, column).decode(self._kind.codec)

    def _seek_words(self, grid: Grid, block: Block, column: int, plain: Flags) -> None:
        """Have a cell of words represent a column of which nothing tells what it holds."""
        beyond = grid.bytes[grid.starts[column]] >= 0x80
        rows = np.flatnonzero(plain & (grid.lengths[column] > 0))
        rows = np.concatenate([rows[beyond[rows]], rows[~beyond[rows]]])
        for row in rows.tolist():
            if not self.ruling.seeks_words(block, column):
                return
            text = self._text(grid, row, column)
            if not text.isascii():
                self.ruling.represent(block, column, self._base + row, text)

    def _telling(self, grid: Grid, block: Block, plain: Flags) -> list[int]:
        """The rows of plain data in which a free text may tell again what a column that goes holds."""
        going, free = [], []
        for column in range(len(grid.starts)):
            rule = self.rule(block, column)
            if rule is None:
                continue
            if rule.drops and tells(rule.profile, "字字"):
                going.append(column)
            elif not rule.drops and not rule.changes and is_free(rule.profile):
                free.append(column)
        if not going or not free:
            return []
        found = []
        for column in free:
            for row in np.flatnonzero(plain & (grid.lengths[column] > 0)).tolist():
                values = [part for other in going for part in self._told(grid, row, other)]
                if values and any(map(self._text(grid, row, column).__contains__, values)):
                    found.append(row)
        return found

    def _told(self, grid: Grid, row: int, column: int) -> list[str]:
        raw = grid.cell(row, column)
        parts = self._parts.get(raw)
        if parts is None:
            if len(self._parts) > _MOST_KNOWN:
                self._parts.clear()
            parts = [part for part in PARTS.split(raw.decode(self._kind.codec)) if len(part) > 1]
            self._parts[raw] = parts
        return parts

    # ----------------------------------------------------------------------------- inside a window

    def edited(self, told: Told, column: int, rows: Places) -> None:
        """Note that a rule changed cells of a column, in those rows of the window."""
        rule = told.rule
        if isinstance(rule, Rule) and len(rows) and rule.verdict.action == "generalise":
            header = rule.profile.header if rule.profile else None
            if header is not None:
                self.ruling.generalise(header, self._base + int(rows.min()), column)

    def row(self, at: int, cells: Iterable[CellFindings]) -> tuple[list[CellFindings], Shapes]:
        """The cells of an odd row by their places in the file, and column -> their edits."""
        row = self._base + at
        told = [
            cell._replace(row=row, place=place_of(row, cell.column), findings=_merged(cell))
            for cell in cells
        ]
        own = {
            cell.column: edits_for(cell.text, cell.findings, self._policy)
            for cell in told
            if cell.findings
        }
        if not told:
            self._notes[at] = False
            return told, {}
        shaped = self.ruling.row(told, own)
        self._notes[at] = self.ruling.settle_row(
            row, shaped, {cell.column: cell.text for cell in told}
        )
        return told, shaped

    def graded(
        self, cells: Sequence[CellFindings], shaped: Shapes, edits: Mapping[int, Sequence[Edit]]
    ) -> None:
        """Note an odd row for its grade. ``edits``: those that its cells get in the end."""
        if self.grades and cells:
            places = {cell.place: edits[cell.column] for cell in cells if cell.column in edits}
            self.grades.odd(cells, shaped, places, self.ruling.gone)

    # ----------------------------------------------------------------------------- behind a window

    def leave(
        self, grid: Grid, data: bytes, marks: Marks, block: Block, special: Mapping[int, View]
    ) -> Reshaped:
        """The masked window ``data`` as it is written. Raises Unstreamable."""
        back = Grid(data, self._kind.mark[0], len(grid.starts))
        if not np.array_equal(back.widths, grid.widths):
            raise Unstreamable
        plain = grid.regular.copy()
        plain[list(special)] = False
        if not back.regular[plain].all():
            raise Unstreamable
        gone = self.ruling.gone
        if self.grades:
            self.grades.plain(grid, back, marks, block, plain, gone, self._base)
        self.ruling.check()
        if not gone:
            return Reshaped(data, back)
        if self.narrower is None:
            self.narrower = Narrower(self._kind, len(grid.starts), gone)
        narrow = self.narrower.narrowed(back, self._notes, first=not self._base)
        written = self.narrower.is_right(back, self._notes, narrow)
        if written is None:
            raise Unstreamable
        return Reshaped(narrow, written)


@dataclass(frozen=True, slots=True, repr=False)
class Reshaped:
    """A window as it is written, and where its cells stand."""

    data: bytes
    grid: Grid


Shapes = Mapping[int, Sequence[Edit]]
_MOST_KNOWN = 100_000


def _merged(cell: CellFindings) -> tuple[Finding, ...]:
    return tuple(merge(list(cell.findings)))
