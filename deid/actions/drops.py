"""Columns that go: taken out of a table, cut out of lines, or blanked where they cannot go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from deid.actions.grids import MOST_LISTED, Grid
from deid.actions.rules import whole
from deid.later import later
from deid.model import Edit, Item, Table, Text
from deid.operators import REST
from deid.prose import Field, TextFindings

_FIELD = later(r"[^\s,，;；|｜、]+")


def cut_lines(
    grid: Grid, lines: Sequence[TextFindings], edits: dict[str, list[Edit]], *, cut: bool
) -> None:
    """Cut the fields of columns that go out of the lines, each with one delimiter."""
    staying = {(stray.row, stray.column) for stray in grid.strays if stray.stays}
    going = [(found, _going(found.fields, grid, staying)) for found in lines]
    # Lines of several lists would have different numbers of fields, and read as no list at all.
    cut = cut and len({frozenset(gone) for found, gone in going if len(found.fields) > 1}) <= 1
    for found, gone in going:
        place, alone = found.text.place, cut or len(found.fields) == 1
        for start, end in _cuts(found.fields, gone) if alone else _spans(found.fields, gone):
            kept = [e for e in edits.get(place, ()) if e.end <= start or end <= e.start]
            new = Edit(place, start, end, "" if alone else REST)
            if found.text.text[start:end] != new.replacement:
                edits[place] = sorted([*kept, new], key=lambda e: e.start)


def star_between(
    first: int, between: Sequence[tuple[Text, int]], count: int, edits: dict[str, list[Edit]]
) -> Iterator[Item]:
    """Hide what stands in lines between the ``count`` lines of the list, with more or fewer fields.

    ``between``: each such text, and how many lines of the list stand before it.
    """
    starred = 0
    for text, before in between:
        fields = [match.span() for match in _FIELD.finditer(text.text)]
        if before == count or len(fields) <= max(first, 2):
            continue
        start = fields[first][0]
        kept = [edit for edit in edits.get(text.place, ()) if edit.end <= start]
        edits[text.place] = [*kept, Edit(text.place, start, len(text.text.rstrip()), REST)]
        starred += 1
        if starred <= MOST_LISTED:
            message = "这一行的格数与名单不同，无法对齐，后面各格已遮盖"
            yield Item(text.place, message)


def take_out(grid: Grid, gone: frozenset[int], edits: dict[str, list[Edit]]) -> frozenset[int]:
    """The rows of texts that stay, once the columns go: notes, the rest of them made blank."""
    notes = {
        stray.row
        for stray in grid.strays
        if stray.stays
        and stray.column in gone
        and not reaches_beyond(grid.table, stray.row, stray.column, gone)
    }
    for stray in grid.strays:
        if not stray.stays and stray.row in notes and stray.column in gone:
            edits[stray.place] = [Edit(stray.place, 0, stray.length, "")]
    return frozenset(notes)


def blank_cells(
    grid: Grid,
    blank: Mapping[int, str],
    overflow: Mapping[int, None],
    edits: dict[str, list[Edit]],
) -> Iterator[Item]:
    """Blank the cells of columns that cannot go, and what a stray delimiter pushed aside."""
    staying = {(stray.row, stray.column) for stray in grid.strays if stray.stays}
    first = min(grid.spans)
    for row in grid.table.rows():
        for column, text in row.cells.items():
            place = grid.table.place(row.index, column)
            if (row.index, column) in staying:
                continue
            if row.index in overflow and column >= first:
                edits[place] = whole(place, text, REST)
            elif column in blank and grid.covers(column, row.index):
                edits[place] = whole(place, text, blank[column])
    for at in list(overflow)[:MOST_LISTED]:
        yield Item(grid.table.place(at, first), "这一行的格数比表头多，错了列，后面各格已遮盖")


def _going(fields: Sequence[Field], grid: Grid, staying: Collection[tuple[int, int]]) -> set[int]:
    """The columns of the fields of a line that go."""
    return {
        one.column
        for one in fields
        if one.column in grid.spans
        and (
            one.cell is None
            or (grid.covers(one.column, one.cell.row) and (one.cell.row, one.column) not in staying)
        )
    }


def _spans(fields: Sequence[Field], gone: Collection[int]) -> Iterator[tuple[int, int]]:
    """Where the fields of these columns stand, but empty ones."""
    for one in fields:
        if one.column in gone and one.start < one.end:
            yield one.start, one.end


def _cuts(fields: Sequence[Field], gone: Collection[int]) -> Iterator[tuple[int, int]]:
    """What goes of a line with the fields of these columns."""
    at = 0
    while at < len(fields):
        end = at
        while end < len(fields) and fields[end].column in gone:
            end += 1
        if end > at:
            if end < len(fields):
                yield fields[at].start, fields[end].start
            else:
                yield fields[at - 1].end if at else fields[at].start, fields[end - 1].end
        at = end + 1


def removable_part(
    removable: Callable[[str, frozenset[int]], bool], table: str, columns: frozenset[int]
) -> frozenset[int]:
    """The columns that can be taken out together: all of them, or those of which each can go alone."""
    if not columns or removable(table, columns):
        return columns
    some = frozenset(c for c in columns if removable(table, frozenset({c})))
    return some if some and removable(table, some) else frozenset()


def reaches_beyond(table: Table, row: int, column: int, gone: frozenset[int]) -> bool:
    """Whether a cell is the first of a merged area of which some columns stay."""
    return any(
        top == row and left == column and not gone.issuperset(range(left, right + 1))
        for top, left, _, right in table.merges
    )
