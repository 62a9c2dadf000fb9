"""What the field rules of a policy make of a streamed list, its plain columns and its odd rows.

Odd rows (titles, headers, totals, forms, ragged lines) go through ``Reshaping`` cell by cell, as on
the exact path. Of a plain column one cell goes through it for all: its rule says what becomes of the
others. Which columns go is told by the first window; a later one that says otherwise is left to the
exact path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deid.actions import Reshaping
from deid.actions.grids import Grid as Known
from deid.actions.grids import is_free, is_nameless
from deid.actions.rules import Verdict as FieldVerdict
from deid.actions.rules import whole
from deid.columns import NO_BLOCK, Block, Profile, View
from deid.errors import UnsafeEdit
from deid.fields import NO_LABEL
from deid.mask import shortest
from deid.model import Edit, Item, Table
from deid.operators import REST
from deid.policy import Policy
from deid.stream.verdicts import Unstreamable
from deid.tables import CellFindings


@dataclass(frozen=True)
class Rule:
    """What becomes of the cells of one column of data."""

    verdict: FieldVerdict
    free: bool
    """Free text: labelled values are looked for in it."""
    profile: Profile | None = field(compare=False)
    _shaping: Reshaping = field(compare=False, repr=False)

    @property
    def drops(self) -> bool:
        """Whether the column goes."""
        return self.verdict.drops

    @property
    def changes(self) -> bool:
        """Whether a cell may change in which nothing is found."""
        return self.verdict.operator is not None

    @property
    def masks(self) -> bool:
        """Whether its operator, if it has one, hides characters of a number by their places."""
        return self.verdict.action == "mask"

    @property
    def name(self) -> str:
        """What its operator is called."""
        return self.verdict.name

    def edits(self, text: str, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a cell, given those of its findings: no longer than they must be."""
        found = self._shaping.value(text, edits, self.profile, "")
        return [
            shortest("", edit.start, text[edit.start : edit.end], edit.replacement)
            for edit in found
        ]


def place_of(row: int, column: int) -> str:
    """A cell of a csv file, as its format module calls it."""
    return f"R{row}C{column}"


@dataclass(repr=False)
class Shaped:
    """What the rules came to, for the report."""

    dropped: Sequence[str] = ()
    generalised: Sequence[str] = ()
    items: Sequence[Item] = ()


class Ruling:
    """The state of the field rules over one pass."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._table = Table("", lambda: iter(()), place_of)
        self._shaping = Reshaping(policy)
        self._rules: dict[Profile | None, Rule | None] = {}
        self._block = NO_BLOCK
        self._represented: set[int] = set()
        self._generalised: dict[str, tuple[int, int]] = {}
        self._drops: set[int] | None = None
        self.height = 0
        """Rows of the file in which anything stands."""

    # ------------------------------------------------------------------------------------ columns

    def rule(self, block: Block, column: int) -> Rule | None:
        """The rule of a column in rows of plain data; None where it is as the findings say."""
        if block is NO_BLOCK:
            raise Unstreamable
        if block.agency or block.aggregate:
            return None
        profile = block.profiles.get(column)
        if profile not in self._rules:
            self._rules[profile] = self._rule(profile)
        return self._rules[profile]

    def _rule(self, profile: Profile | None) -> Rule | None:
        verdict = self._shaping.rules.of_column(profile)
        free = is_free(profile)
        if not free and verdict.operator is None and not verdict.drops:
            return None
        return Rule(verdict, free, profile, self._shaping)

    @property
    def gone(self) -> frozenset[int]:
        """The columns that go."""
        return frozenset(self._drops or ())

    def foresee(self, views: Sequence[View], cells: Sequence[tuple[Block, int, str]]) -> None:
        """Tell which columns go, by the odd rows of the first window and a cell of each column."""
        if self._drops is not None:
            return
        ahead = Ruling(self._policy)
        for block, column, text in cells:
            ahead.represent(block, column, 0, text)
        for view in views:
            ahead.row(_without_findings(view), {})
        ahead.check()
        if ahead._grid.spans and not ahead._grid.keeps:
            raise Unstreamable  # nothing would be left
        self._drops = set(ahead._grid.spans)

    def check(self) -> None:
        """Raises Unstreamable where only the exact path can say what becomes of a column, or it is
        not what the first window told."""
        grid = self._grid
        if grid.keeps & grid.spans.keys():
            raise Unstreamable
        if self._drops is not None and (
            grid.keeps & self._drops or not self._drops >= set(grid.spans)
        ):
            raise Unstreamable

    @property
    def _grid(self) -> Known:
        grids = self._shaping.grids
        return grids.get("") or grids.setdefault("", Known(self._table))

    # -------------------------------------------------------------------------------------- cells

    def last(self, block: Block) -> int:
        """The last column that has a header."""
        return self._shaping.last(block)

    def represent(self, block: Block, column: int, row: int, text: str) -> None:
        """Note what a column of plain data is, by one of its cells."""
        self._represented.add(column)
        self._shaping.cell(self._table, self._cell(block, column, row, text), ())
        self._leave()
        self._shaping.result.generalised.clear()

    def represented(self, block: Block) -> set[int]:
        """The columns of a block of which a cell was seen."""
        if block is not self._block:
            self._block, self._represented = block, set()
        return self._represented

    def seeks_words(self, block: Block, column: int) -> bool:
        """Whether a cell of words, where the column has one, has to be told of."""
        if block.agency or block.aggregate or column in self._grid.headless:
            return False
        rule = self._shaping.rules.of_column(block.profiles.get(column))
        if rule.drops or rule.operator is not None:
            return False
        return is_nameless(self._cell(block, column, 0, "字"))

    def _cell(self, block: Block, column: int, row: int, text: str) -> CellFindings:
        profile = block.profiles.get(column)
        place = place_of(row, column)
        return CellFindings(place, text, (), "data", profile, row, column, NO_LABEL, block)

    def generalise(self, header: str, row: int, column: int) -> None:
        """Note that a cell under a header was made coarser; the report names the first one first."""
        at = self._generalised.get(header)
        if at is None or (row, column) < at:
            self._generalised[header] = row, column

    # ---------------------------------------------------------------------------------------- rows

    def row(
        self, cells: Sequence[CellFindings], edits: Mapping[int, Sequence[Edit]]
    ) -> dict[int, list[Edit]]:
        """Column -> the edits of an odd row's cells, given those of their findings."""
        shaping, grid = self._shaping, self._grid
        before = shaping.result.generalised
        shaping.result.generalised = {}
        shaped = {
            cell.column: shaping.cell(self._table, cell, edits.get(cell.column, ()))
            for cell in cells
        }
        for at, header in enumerate(shaping.result.generalised):
            self.generalise(header, cells[0].row, at)
        shaping.result.generalised = before
        self._leave()
        places = {cell.place: cell.column for cell in cells}
        shaped |= {places[place]: found for place, found in grid.starred.items()}
        grid.starred.clear()
        return shaped

    def _leave(self) -> None:
        """Have done with a row."""
        self._grid.enter(-1)

    def settle_row(self, row: int, shaped: dict[int, list[Edit]], texts: Mapping[int, str]) -> bool:
        """Whether the row just seen becomes a note, for a text in a column that goes stays; what of
        it does not stay is made blank. A row with more cells than the header is hidden from the first
        column that goes on."""
        grid, gone = self._grid, self.gone
        if gone and row in grid.overflow:
            for column in texts:
                if column >= min(gone):
                    shaped[column] = whole("", texts[column], REST)
        strays = [stray for stray in grid.strays if stray.column in gone]
        note = any(stray.stays for stray in strays)
        for stray in strays if note else ():
            if not stray.stays:
                shaped[stray.column] = [Edit("", 0, len(texts[stray.column]), "")]
        grid.strays.clear()
        return note

    # --------------------------------------------------------------------------------- the whole

    def result(self) -> Shaped:
        """What it all came to. Raises Unstreamable where the exact path refuses the list."""
        self.check()
        grid = self._grid
        grid.height = self.height + 1  # as where it is counted row by row, to beyond the last
        if self.gone and len(grid.overflow) * 5 > max(5, grid.height):
            raise Unstreamable  # so many that the header is taken to be short
        try:
            result = self._shaping.finish(lambda table, columns: True, {})
        except UnsafeEdit:
            raise Unstreamable from None
        if result.drops.get("", frozenset()) != self.gone:
            raise Unstreamable
        first = sorted(self._generalised, key=self._generalised.__getitem__)
        return Shaped(tuple(result.dropped), first, result.items)


def _without_findings(view: View) -> list[CellFindings]:
    """The cells of a row, as if nothing were found in them."""
    block = view.block
    return [
        CellFindings(
            place_of(view.row.index, column),
            text,
            (),
            view.zone,
            block.profiles.get(column),
            view.row.index,
            column,
            view.labels.get(column, NO_LABEL),
            block,
        )
        for column, text in view.row.cells.items()
    ]
