"""The cells and lines of a document in order, made what the field rules of a policy make of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from deid.actions import drops
from deid.actions.grids import MOST_LISTED, PARTS, Grid, is_free, is_nameless, tells
from deid.actions.labels import FOUND, LabelledValues, field_entity
from deid.actions.rules import KEEP, Rules, Verdict, coarser, effective
from deid.columns import NO_BLOCK, Block, Profile
from deid.errors import UnsafeEdit
from deid.fields import NO_LABEL, exact_label, field_of
from deid.mask import apply_edits, edits_for
from deid.model import READING, Edit, Finding, Item, Table, Text
from deid.policy import Policy
from deid.prose import Field, TextFindings, labelled
from deid.tables import CellFindings
from deid.text import fold

_NO_END = 1 << 40
_LONG_LINE = 60
_LABEL_LENGTH = 30
_LINES = Table("正文名单", lambda: iter(()), lambda row, column: "")


@dataclass
class Reshaped:
    """What the rules make of one document, beside the edits of its cells."""

    drops: dict[str, frozenset[int]] = field(default_factory=dict)
    notes: dict[str, frozenset[int]] = field(default_factory=dict)
    dropped: dict[str, None] = field(default_factory=dict)
    generalised: dict[str, None] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)


class Reshaping:
    """Takes the cells of a document in order; tells what becomes of them, then of their columns."""

    def __init__(self, policy: Policy) -> None:
        self._whitelist = bool(policy.only)
        self.rules = Rules(policy)
        self._labels = LabelledValues(self.rules, policy)
        self.grids: dict[str, Grid] = {}
        self._lasts: dict[int, tuple[Block, int]] = {}
        self._lines: list[TextFindings] = []
        self._between: list[tuple[Text, int]] = []
        self._above = NO_LABEL
        self.result = Reshaped()

    # one cell

    def cell(self, table: Table, cell: CellFindings, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a cell, given those that its findings ask for."""
        grid = self.grids.get(table.name) or self.grids.setdefault(table.name, Grid(table))
        grid.enter(cell.row)
        if cell.zone == "form":
            grid.stray(cell, stays=True)
            verdict = self.rules.of_label(cell.label)
            if verdict is not KEEP:
                return coarser(cell.text, edits, verdict, cell.place)
            return self.text(cell.place, cell.text, edits)
        if cell.zone in ("note", "title") or cell.block is NO_BLOCK:
            grid.stray(cell, stays=True)
            return self.text(cell.place, cell.text, edits)
        if cell.block.agency or cell.block.aggregate:
            grid.keeps.add(cell.column)
            return list(edits)
        return self._listed(grid, cell, edits)

    def _listed(self, grid: Grid, cell: CellFindings, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a cell that belongs to a list: its header, its data, its totals."""
        verdict = self.rules.of_column(cell.profile)
        if cell.column > self.last(cell.block) and cell.zone == "data":
            grid.overflow.setdefault(cell.row)
            if not verdict.drops:
                return self.text(cell.place, cell.text, edits)
        if verdict.drops:
            self._leave(grid, cell, verdict)
            return list(edits)
        grid.keeps.add(cell.column)
        if cell.zone != "data":
            return list(edits)
        grid.kept.add(cell.text.strip())
        edits = self._value(cell.text, edits, verdict, cell.profile, cell.place)
        if verdict.operator is not None:
            if edits and cell.profile and verdict.action == "generalise":
                self.result.generalised.setdefault(cell.profile.header)
            return edits
        if is_nameless(cell):
            grid.headless.add(cell.column)
        if is_free(cell.profile):
            grid.free.append((cell.place, cell.text, edits))
        return edits

    def value(
        self, text: str, edits: Sequence[Edit], profile: Profile | None, place: str
    ) -> list[Edit]:
        """The edits of one value of a column of a list, whatever else stands in its row."""
        verdict = self.rules.of_column(profile)
        if verdict.drops:
            return list(edits)
        return self._value(text, edits, verdict, profile, place)

    def _value(
        self,
        text: str,
        edits: Sequence[Edit],
        verdict: Verdict,
        profile: Profile | None,
        place: str,
    ) -> list[Edit]:
        if verdict.operator is not None:
            return coarser(text, edits, verdict, place)
        return self.text(place, text, edits) if is_free(profile) else list(edits)

    def _leave(self, grid: Grid, cell: CellFindings, verdict: Verdict) -> None:
        """Remember a cell of a column that goes."""
        grid.span(cell.column, cell.row)
        header = cell.profile.header if cell.profile else ""
        if header:
            grid.headers.setdefault(cell.column, header)
        if verdict.unknown:
            grid.unknown.add(cell.column)
        if cell.zone == "header":
            grid.stray(cell, stays=self._is_group(cell))
        elif cell.zone == "total":
            grid.stray(cell, stays=not any(char.isdigit() for char in cell.text))
        elif tells(cell.profile, cell.text):
            grid.gone += [part for part in PARTS.split(cell.text) if len(part) > 1]

    def _is_group(self, cell: CellFindings) -> bool:
        """Whether a header cell is the title of a group that reaches over a column that stays."""
        text, column = cell.text.strip(), cell.column + 1
        while (right := cell.block.profiles.get(column)) and text in right.header.split(" / ")[:-1]:
            if not self.rules.of_column(right).drops:
                return True
            column += 1
        return False

    def last(self, block: Block) -> int:
        """The last column that has a header."""
        known = self._lasts.get(id(block))
        if known is None or known[0] is not block:
            named = [index for index, profile in block.profiles.items() if profile.header]
            known = self._lasts[id(block)] = (block, max(named, default=_NO_END))
        return known[1]

    def text(self, place: str, text: str, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a text outside the ruled columns: its labelled values under their rules."""
        return self._labels.edits(place, text, edits)

    def line(self, found: TextFindings, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a text; where it is a line of a list, those of its fields."""
        text = found.text
        if not found.fields:
            edits = self._beside_label(text, edits)
            if self._lines and text.text.strip():
                self._between.append((text, len(self._lines)))
            return self.text(text.place, text.text, edits)
        self._lines.append(found)
        for one in found.fields:
            if one.cell is None:
                continue
            inside = [
                replace(edit, start=edit.start - one.start, end=edit.end - one.start)
                for edit in edits
                if one.start <= edit.start and edit.end <= one.end
            ]
            cell = one.cell._replace(place=text.place)
            own = [
                replace(edit, start=edit.start + one.start, end=edit.end + one.start)
                for edit in self.cell(_LINES, cell, inside)
            ]
            rest = [edit for edit in edits if edit.end <= one.start or one.end <= edit.start]
            across = [edit for edit in edits if edit not in rest and not _within(edit, one)]
            if not across:
                edits = sorted([*rest, *own], key=lambda edit: edit.start)
        return list(edits)

    def _beside_label(self, text: Text, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a line that is the value of the label that was the line above, or that
        begins with a label and a blank."""
        above, self._above = self._above, NO_LABEL
        if not text.text.strip() or len(text.text) > _LONG_LINE:
            self._above = above if not text.text.strip() else NO_LABEL
            return list(edits)
        label, start = labelled(text.text)
        own = exact_label(text.text) if len(text.text) < _LABEL_LENGTH else NO_LABEL
        if own is not NO_LABEL:
            self._above = own
            return list(edits)
        label, start = (above, 0) if above is not NO_LABEL else (label, start)
        verdict = self.rules.of_field(field_of(label)) if label is not NO_LABEL else KEEP
        if verdict is KEEP or field_entity(field_of(label)) in FOUND or ":" in fold(text.text):
            return list(edits)
        inside = [edit for edit in edits if edit.start >= start]
        own_edits = coarser(
            text.text[start:],
            [replace(edit, start=edit.start - start, end=edit.end - start) for edit in inside],
            verdict,
            text.place,
        )
        moved = [replace(e, start=e.start + start, end=e.end + start) for e in own_edits]
        return [*(edit for edit in edits if edit.end <= start), *moved]

    # one table

    def finish(
        self,
        removable: Callable[[str, frozenset[int]], bool],
        edits: dict[str, list[Edit]],
        blank: str = "",
        *,
        cut: bool = True,
    ) -> Reshaped:
        """What becomes of the columns. Where they cannot be taken out, ``edits`` make the cells
        ``blank``. ``cut``: fields can be cut out of lines with their delimiter, else they are starred.

        Raises UnsafeEdit where nothing would be left, or a whitelist cannot be kept.
        """
        for name, grid in self.grids.items():
            grid.enter(-1)
            edits.update(grid.starred)
            self._check(grid)
            if grid.table is _LINES:
                self._cut_out(grid, edits, cut)
                self._tell(grid)
                continue
            alone = frozenset(grid.spans.keys() - grid.keeps)
            base, reading, _ = name.partition(READING)
            if reading:
                rest = grid.spans.keys() - self.result.drops.get(base, frozenset())
            elif going := drops.removable_part(removable, name, alone):
                self.result.drops[name] = going
                self.result.notes[name] = drops.take_out(grid, going, edits)
                rest = grid.spans.keys() - going
            else:
                rest = set(grid.spans)
            overflow = grid.overflow if len(grid.overflow) * 5 <= max(5, grid.height) else {}
            if rest or (grid.spans and overflow):
                wanted = dict.fromkeys(rest, blank)
                self.result.items += drops.blank_cells(grid, wanted, overflow, edits)
            self._tell(grid)
        return self.result

    def _check(self, grid: Grid) -> None:
        if grid.spans and not grid.keeps:
            raise UnsafeEdit("这项公示规则要删去名单的每一列，没有可以公开的内容，未写出")
        if self._whitelist and not grid.spans and not grid.keeps and grid.listed > 1:
            raise UnsafeEdit("这项公示规则只许公开指定的列，但有一张表认不出表头，未写出")

    def _cut_out(self, grid: Grid, edits: dict[str, list[Edit]], cut: bool) -> None:
        """Cut the columns that go out of the lines; hide what cannot be cut."""
        drops.cut_lines(grid, self._lines, edits, cut=cut)
        if grid.spans:
            first, count = min(grid.spans), len(self._lines)
            self.result.items += drops.star_between(first, self._between, count, edits)

    def _tell(self, grid: Grid) -> None:
        if grid.headless and self.rules.drops_any:
            for column in sorted(grid.headless)[:MOST_LISTED]:
                message = "这一列没有表头，认不出是什么；规则要求删去一些列，请核对这一列能不能公开"
                self.result.items.append(Item(f"{grid.table.name}第{column + 1}列", message))
        for column in sorted(grid.spans):
            header = grid.headers.get(column, "")
            if header:
                self.result.dropped.setdefault(header)
            if column in grid.unknown:
                message = "规则只许公开指定的列，这一列认不出是什么，已删去，请核对"
                self.result.items.append(Item(f"{grid.table.name}第{column + 1}列", message))


def _within(edit: Edit, field: Field) -> bool:
    return field.start <= edit.start and edit.end <= field.end


def reshaped(text: str, header: str, findings: Sequence[Finding], policy: Policy) -> str:
    """One value under its column title, or without one a piece of running text, by all the rules."""
    if not text.strip():
        return text
    policy = effective(policy)
    edits = edits_for(text, findings, policy)
    verdict = Rules(policy).of_header(header) if header else KEEP
    if verdict is KEEP:
        edits = Reshaping(policy).text("", text, edits)
    else:
        edits = coarser(text, edits, verdict, "")
    return apply_edits(text, edits)
