"""One pass over a large csv file: each window's rows judged, its cells masked.

The windows are those of the exact path, and so is every verdict: a window's rows are judged by
``profile_rows`` unless all of them are plain data beyond doubt; a cell that ``vector`` is not sure of
is scanned.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO

import numpy as np

from deid import minors, tables, vector
from deid.columns import NO_BLOCK, Block, Profile, View, main_block, profile_rows
from deid.fields import NO_LABEL
from deid.formats import delimited
from deid.formats.encoding import Encoding
from deid.grading import TITLES
from deid.minors import adult_names, features_of, minor_names, minors_in_forms
from deid.model import Edit, Finding, Remark, Row, Table
from deid.policy import Policy
from deid.scan import Setting
from deid.stream import grids, heads, memories
from deid.stream.columns import Columns, Marks, Told, setting_of
from deid.stream.grids import Grid, Patch
from deid.stream.reader import Kind
from deid.stream.reshape import Reshape, Reshaped, Shapes
from deid.stream.verdicts import Judge, Minors, Spans, Tally, Unstreamable
from deid.tables import WINDOW, CellFindings, date_told
from deid.vector import Flags, Places

_LONG_ROW = 50
_MANY = 1000
"""Rows of a window that tell what the rest of the file is like."""
_GLANCE = 128
"""Of them, those that tell it at once."""
_QUOTED = re.compile(rb'"[^"]*"?')


@dataclass(repr=False)
class Masked:
    """A window as it was judged and masked. ``alone``: column -> rows whose cells were masked by
    themselves; ``spliced``: start, end and new bytes of what was changed in those and in rows that
    are not plainly data; ``unsettled``: something in it has to be looked at again."""

    grid: Grid
    marks: Marks
    block: Block
    special: Mapping[int, View]
    data: bytes = b""
    alone: dict[int, list[int]] = field(default_factory=dict)
    spliced: list[tuple[int, int, bytes]] = field(default_factory=list)
    unsettled: bool = False
    reshaped: Reshaped | None = None


class Pass:
    """The state that one pass carries from window to window.

    ``seek``: numbers that must not stand among those that are hidden. ``graded``: under a policy
    that reshapes, the rows are graded.
    """

    def __init__(
        self,
        kind: Kind,
        policy: Policy,
        hidden: Tally | None = None,
        *,
        spread: Tally | None = None,
        seek: frozenset[str] = frozenset(),
        graded: bool = False,
    ) -> None:
        self.kind = kind
        self._mark, self._codec = kind.mark, kind.codec
        self.judge = Judge(policy, self._codec, self._mark, hidden, spread)
        self.tally = self.judge.tally
        self.shape = Reshape(kind, policy, graded=graded) if policy.reshapes else None
        quiet = vector.Script(self._codec, _loud())
        self.columns = Columns(self.judge, quiet, self.shape.rule if self.shape else None)
        self.notes: list[str] = []
        self.minors: dict[tuple[int, int], None] = {}
        self.block = NO_BLOCK
        self.width = 0
        self.titles = kind.titles
        self._reference: datetime.date | None = None
        self._in_forms: Mapping[tuple[int, int], list[Finding]] = {}
        self._seek = seek
        self._rows = self._size = 0
        self._alone = 0
        self._judged_all = False
        self._wide: Counter[int] = Counter()
        self._beyond: dict[int, tuple[int, int]] = {}

    def window(self, data: bytes, cuts: Places | None = None) -> Masked:
        """The window judged and masked. Raises Unstreamable, ValueError."""
        if b"\0" in data or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")):
            raise Unstreamable
        if not self.width:
            self.width = _usual_width(data, self._mark)
        grid = grids.Grid(data, self._mark[0], self.width, cuts)
        self._judged_all = False
        self._count_widths(grid)
        marks = Marks(grid)
        block, special = self._judge(grid, marks)
        return self._mask(grid, marks, block, special)

    def again(self) -> Pass:
        """A pass over what this one has written, which knows what was hidden, and what a scan found
        in texts that were masked: the same text holds the same."""
        other = Pass(self.kind, self.judge.policy, self.tally)
        other.judge.scanner = self.judge.scanner
        return other

    # ------------------------------------------------------------------------------------ the rows

    def _judge(self, grid: Grid, marks: Marks) -> tuple[Block, dict[int, View]]:
        """The block that the window's rows stand in, and the rows that are not plainly its data."""
        before = self.block, self.titles
        known = self._judge_head(grid) if self.block is NO_BLOCK else {}
        if self.block is not NO_BLOCK:
            special = self._judge_doubtful(grid, marks, known)
            if special is not None:
                return self.block, special
        self.block, self.titles = before
        return self._judge_all(grid)

    def _judge_doubtful(
        self, grid: Grid, marks: Marks, known: Mapping[int, View]
    ) -> dict[int, View] | None:
        """The rows that are not plainly data of the block so far, ``known`` ones among them; None
        where all have to be judged together."""
        if known:
            self._glance(grid)
        self.columns.look(grid, marks, self.block)
        if not known and self.columns.may_widen(grid, self.block, marks.told):
            return None
        doubtful = marks.doubtful(self.block)
        if doubtful.sum() * 4 > len(grid):
            return None
        doubtful[list(known)] = False
        special: dict[int, View] = {}
        for start, end in _clusters(np.flatnonzero(doubtful).tolist(), len(grid)):
            rows = [self._row(grid, at) for at in range(start, end)]
            views, _ = profile_rows(rows, (), self.block)
            if any(view.zone in ("header", "form") for view in views):
                return None
            for at, view in enumerate(views, start):
                if at not in known and (view.zone != "data" or not grid.regular[at]):
                    special[at] = replace(view, block=self.block)
        for at, view in known.items():
            if view.zone != "data" or not grid.regular[at]:
                special[at] = view
        for at in np.flatnonzero(~grid.regular).tolist():
            if at not in special:
                return None
            cells = special[at].row.cells
            if cells and max(cells) not in self.block.profiles:
                return None
        before = self.judge.day
        self._date([special[at] for at in sorted(special)])
        if self.judge.day != before:
            marks.block = None
        return special

    def _judge_head(self, grid: Grid) -> dict[int, View]:
        """The first window's block by some of its rows, and how these were judged; nothing where
        they do not tell."""
        sample = heads.sample(grid)
        if sample is None or self.titles > heads.TOP // 4:
            return {}
        rows = [self._row(grid, at) for at in sample.tolist()]
        rows[: self.titles] = [replace(row, header=True) for row in rows[: self.titles]]
        views, block = heads.judged(grid, rows)
        if block is NO_BLOCK:
            return {}
        self._judged_all, self.titles, self.block = True, 0, block
        return {view.row.index: view for view in views if view.row.index < heads.TOP - 1}

    def _judge_all(self, grid: Grid) -> tuple[Block, dict[int, View]]:
        self._judged_all = True
        rows = [self._row(grid, at) for at in range(len(grid))]
        rows[: self.titles] = [replace(row, header=True) for row in rows[: self.titles]]
        self.titles = 0
        views, self.block = profile_rows(rows, (), self.block)
        self._date(views)
        block = main_block(views)
        if self._rows == len(grid):
            self._glance(grid)
        special = {
            at: view
            for at, view in enumerate(views)
            if view.zone != "data" or view.block is not block or not grid.regular[at]
        }
        return block, special

    def _date(self, views: Sequence[View]) -> None:
        self._reference = self._reference or date_told(views)
        day = self._reference or datetime.date.today()
        if day != self.judge.day:
            self.columns.settle()
            self.judge.day = day
        self._in_forms = minors_in_forms(views, day)

    def _row(self, grid: Grid, at: int) -> Row:
        raw = grid.data[grid.row_starts[at] : grid.row_ends[at]]
        if grid.quoted[at]:
            columns = range(self.width)
            texts = ((column, grid.cell(at, column).decode(self._codec)) for column in columns)
            return Row(at, {column: cell for column, cell in texts if cell})
        if b'"' in raw:
            (row,) = self._document(raw).parts[0].rows()
            return replace(row, index=at)
        cells = raw.decode(self._codec).rstrip("\r\n").split(self.kind.delimiter)
        return Row(at, {column: cell for column, cell in enumerate(cells) if cell})

    def _document(self, raw: bytes) -> delimited.Delimited:
        encoding = Encoding(self._codec, b"")
        return delimited.Delimited(raw, encoding, self.kind.delimiter, self.kind.name)

    def _count_widths(self, grid: Grid) -> None:
        """For the remark on rows that are wider than the rest."""
        regular = int((grid.regular & ~grid.quoted).sum())  # as for the format module
        self._wide[self.width - 1] += regular
        for at in np.flatnonzero(~grid.regular).tolist():
            raw = grid.data[grid.row_starts[at] : grid.row_ends[at]]
            if b'"' in raw:
                if raw.count(b"\n") >= _LONG_ROW:
                    raise Unstreamable
                continue
            self._wide[raw.count(self._mark)] += 1
            cells = raw.decode(self._codec).rstrip("\r\n").split(self.kind.delimiter)
            beyond = max((n for n, cell in enumerate(cells) if cell), default=0)
            if beyond >= self.width:
                count, first = self._beyond.get(beyond, (0, self._rows + at))
                self._beyond[beyond] = (count + 1, first)
        self._rows += len(grid)
        self._size = len(grid)

    def remarks(self) -> list[Remark]:
        """What the format module would say of rows that are wider than the rest."""
        counts = +self._wide
        usual = max(counts, key=lambda cells: (counts[cells], cells), default=0)
        if not usual or max(counts) == usual:
            return []
        if usual != self.width - 1:
            raise Unstreamable
        if not self._beyond:
            return []
        rows = sum(count for count, _ in self._beyond.values())
        first = min(first for _, first in self._beyond.values())
        return [delimited.wide_remark(first, rows)]

    # --------------------------------------------------------------------------------- the masking

    def _mask(self, grid: Grid, marks: Marks, block: Block, special: dict[int, View]) -> Masked:
        if marks.block is not block:
            marks = Marks(grid)
            self.columns.look(grid, marks, block)
        for row in np.flatnonzero(marks.split).tolist():
            if row not in special:  # an ID number may be written over its cells
                special[row] = View(self._row(grid, row), "data", block)
        if self.shape:
            self.shape.enter(grid, marks, special, self._first_row, self._row)
        self._bail_out(grid, marks, special)
        masked = Masked(grid, marks, block, special, unsettled=self._judged_all)
        patch = grids.Patch(grid.bytes, len(grid.data))
        plain = grid.regular.copy()
        plain[list(special)] = False
        minors = self._minors(grid, marks, block, plain)
        for column in range(self.width):
            told = marks.told[column]
            hits = self._mask_column(masked, told, column, plain, minors.get(column, {}), patch)
            self._note(grid, block, column, told, plain, hits)
        for at, view in sorted(special.items()):
            self._mask_row(masked, at, view, patch)
        masked.data = patch.result()
        if self.shape:
            masked.reshaped = self.shape.leave(grid, masked.data, marks, block, special)
        return masked

    def _glance(self, grid: Grid) -> None:
        """The same before anything is done, where hardly a cell of the topmost rows is told by its
        form. Addresses are not counted: a few tell of all."""
        if len(grid) < max(_MANY, _GLANCE) or self.judge.hidden is not None:
            return
        top = grid.data[: grid.row_ends[_GLANCE - 1]]
        marks = Marks(Grid(top, self._mark[0], self.width))
        self.columns.look(marks.grid, marks, self.block)
        told = marks.told.values()
        alone = sum(len(item.asked) + item.learnt for item in told if not item.alike)
        if alone * 2 > _GLANCE * self.width:
            raise Unstreamable

    def _bail_out(self, grid: Grid, marks: Marks, special: dict[int, View]) -> None:
        """Leave a file of cells to judge one by one to the exact path, which is faster at those.

        Judged while little is done: what comes late costs less than a second start. Raises
        Unstreamable.
        """
        if len(grid) < _MANY or self._rows > 8 * WINDOW:
            return
        told = marks.told.values()
        alone = sum(len(item.asked) + item.learnt // 2 for item in told)
        self._alone += len(special) * self.width + alone
        if self._alone * 5 > self._rows * self.width:
            raise Unstreamable

    def _mask_column(
        self,
        masked: Masked,
        told: Told,
        column: int,
        plain: Flags,
        minors: Mapping[int, list[Finding]],
        patch: Patch,
    ) -> int:
        """Mask the plain rows' cells of one column; how many of them held something to hide."""
        hits = 0
        alone = plain
        if minors:
            alone = plain.copy()
            alone[list(minors)] = False
        if told.clean is not None:
            hits += self._star(told, alone, patch)
        if len(told.places):
            edited = alone[told.places] & (told.kinds != memories.ASK)
            numbers = told.numbers[edited]
            for number in told.memory.use(numbers):
                self.judge.carry_out(told.verdicts[number], alike=told.alike)
            hits += int((told.memory.fate("hits", numbers) > 0).sum())
            masked.unsettled |= not (told.memory.fate("settled", numbers) > 0).all()
            edited &= told.kinds == memories.ONE_EDIT
            self._cut(told, edited, patch)
            if self.shape:
                self.shape.edited(told, column, told.places[edited])
        for at in told.asked:
            if alone[at]:
                hits += self._splice(masked, at, column, told, (), patch)
        for row, more in minors.items():
            hits += self._splice(masked, row, column, told, more, patch)
        return hits

    def _star(self, told: Told, here: Flags, patch: Patch) -> int:
        """Put the stars of clean numbers; all lengths that the check lets pass."""
        entity = told.setting.label.entity
        chosen = here if told.clean is None else told.clean & here
        starts, lengths = told.starts[chosen], told.lengths[chosen]
        for length, first, last in self.columns.stars(entity, told.rule):
            patch.star(starts[lengths == length], first, last)
        if self._seek:
            for value in vector.texts(patch.source, starts, told.ends[chosen]):
                if value in self._seek:
                    raise Unstreamable
        count = len(starts)
        if count:
            self.tally.found[entity] += count
        hides = self.judge.policy.hides(entity)
        self.tally.changed += count * hides
        return count * hides

    def _cut(self, told: Told, edited: Flags, patch: Patch) -> None:
        for first, last, new in told.replaced(edited):
            patch.replace(first, last, new)

    def _splice(
        self,
        masked: Masked,
        row: int,
        column: int,
        told: Told,
        more: Sequence[Finding],
        patch: Patch,
    ) -> int:
        """Mask one cell as the exact path does."""
        grid = masked.grid
        text = grid.cell(row, column).decode(self._codec)
        found = [*self.judge.scanner(text, told.setting), *more]
        adults: Spans = ()
        if self.judge.depends_on_row(text):
            adults = self._adults(self._row(grid, row), masked.block).get(column, ())
        verdict = self.judge.verdict(text, found, told.setting, adults, rule=told.rule)
        if verdict.minor:
            self.minors[self._first_row + row, column] = None
        if self.shape and verdict.edits:
            self.shape.edited(told, column, np.array([row]))
        self.judge.carry_out(verdict)
        self.judge.count(verdict)
        masked.unsettled |= not verdict.settled or bool(more)
        at = int(grid.starts[column, row])
        for edit in verdict.edits:
            new = self.judge.encoded(edit)
            if new is None:
                raise Unstreamable
            before = at + len(text[: edit.start].encode(self._codec))
            behind = before + len(text[edit.start : edit.end].encode(self._codec))
            patch.splice(before, behind, new)
            masked.spliced.append((before, behind, new))
        masked.alone.setdefault(column, []).append(row)
        return verdict.hits

    def _mask_row(self, masked: Masked, at: int, view: View, patch: Patch) -> None:
        """Mask one row as the exact path does, by the format module."""
        grid = masked.grid
        table = Table("", lambda: iter(()), lambda row, column: f"R0C{column}")
        edits: dict[int, list[Edit]] = {}
        cells = list(
            tables._scan_row(table, view, self.judge.scanner, self.judge.day, self._in_forms)
        )
        self._remember(cells)
        shaped: Shapes = {}
        if self.shape:
            cells, shaped = self.shape.row(at, cells)
        spared = self.judge.spread is not None and view.zone == "data"
        adults = self._adults(view.row, view.block) if spared else {}
        for cell in cells:
            own = adults.get(cell.column, ())
            new = shaped.get(cell.column, ()) if self.shape else None
            verdict = self.judge.verdict(cell.text, list(cell.findings), None, own, shaped=new)
            if verdict.minor:
                self.minors[self._first_row + at, cell.column] = None
            self.judge.carry_out(verdict)
            self.judge.count(verdict)
            if verdict.edits:
                edits[cell.column] = list(verdict.edits)
            if cell.zone == "data" and cell.profile and cell.profile.label is not NO_LABEL:
                self._count(cell.column, cell.profile, self._first_row + at, verdict.hits)
        if self.shape:
            self.shape.graded(cells, shaped, edits)
        if edits:
            start, end = int(grid.row_starts[at]), int(grid.row_ends[at])
            out = BytesIO()
            places = {table.place(0, column): found for column, found in edits.items()}
            self._document(grid.data[start:end]).save(out, places)
            patch.splice(start, end, out.getvalue())
            masked.spliced.append((start, end, out.getvalue()))

    def _remember(self, cells: Sequence[CellFindings]) -> None:
        """Keep the first texts around the list: they tell the matter, the county, the day."""
        if len(self.notes) < TITLES:
            self.notes += [cell.text for cell in cells if cell.zone == "note"]

    def _adults(self, row: Row, block: Block) -> Mapping[int, Spans]:
        return adult_names(row, features_of(block), self.judge.day)

    def _note(
        self, grid: Grid, block: Block, column: int, told: Told, plain: Flags, hits: int
    ) -> None:
        profile = block.profiles.get(column)
        if profile is None or profile.label is NO_LABEL:
            return
        full = plain & (told.lengths > 0)
        if (column, profile) in self.tally.columns or full.any():
            self._count(column, profile, self._first_row + int(full.argmax()), hits)

    def _count(self, column: int, profile: Profile, row: int, hits: int) -> None:
        """Count the cells of a column that hold something to hide, and where its first one stands."""
        key = (column, profile)
        self.tally.columns[key] = self.tally.columns.get(key, 0) + hits
        self.tally.first[key] = min(self.tally.first.get(key, (row, column)), (row, column))

    @property
    def _first_row(self) -> int:
        """Of the window."""
        return self._rows - self._size

    # ----------------------------------------------------------------------------------- the minors

    def _minors(
        self, grid: Grid, marks: Marks, block: Block, plain: Flags
    ) -> dict[int, dict[int, list[Finding]]]:
        """Name column -> row -> the names in it that belong to minors."""
        suspects = plain & False
        for name, features in features_of(block).items():
            if name >= self.width:
                raise Unstreamable
            for profile in features:
                if profile.index < self.width:
                    suspects |= self._young(marks.told[profile.index], profile)
        found: dict[int, dict[int, list[Finding]]] = {}
        for row in np.flatnonzero(suspects & plain).tolist():
            view = View(self._row(grid, row), "data", block)
            by_column: Minors = minor_names(view, self.judge.day)
            for column, spans in by_column.items():
                found.setdefault(column, {})[row] = spans
        return found

    def _young(self, told: Told, profile: Profile) -> Flags:
        """Rows in which a feature does not surely belong to an adult."""
        day = self.judge.day
        young = told.lengths > 0
        if minors.tells_age(profile) == minors.CHILD:  # the header says it of every name
            return young
        if told.births is not None and told.clean is not None:
            limit = day.year * 10000 + day.month * 100 + day.day - 180000
            young &= ~(told.births <= limit) | ~told.clean
        if len(told.places):
            young[told.places] = told.memory.fate("young", told.numbers) > 0
        return young

    def settings(self, block: Block) -> list[Setting]:
        """Under what each column's cells are scanned."""
        return [setting_of(block, column) for column in range(self.width)]


def _loud() -> str:
    """Every character that the gate of the exact path names, and that of a total."""
    from deid.scan import _GATE

    return _GATE.pattern + "计"


def _usual_width(data: bytes, mark: bytes) -> int:
    lines = data.split(b"\n")[: WINDOW // 2]
    counts = Counter(_QUOTED.sub(b"", line).count(mark) for line in lines)
    return max(counts, key=counts.__getitem__, default=0) + 1


def _clusters(rows: list[int], count: int) -> Iterator[tuple[int, int]]:
    """Runs of rows with their neighbours, by which they are judged."""
    start, end = 0, -9
    for row in rows:
        if row - 4 > end:
            if end > 0:
                yield start, end
            start = max(0, row - 4)
        end = min(count, row + 5)
    if end > 0:
        yield start, end
