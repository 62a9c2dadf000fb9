"""An output without some of its columns, compared with what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from deid.actions.drops import reaches_beyond
from deid.later import later
from deid.mask import apply_edits
from deid.model import READING, Edit, Item, Row, Table, Text


def changed_rows(
    source: Table,
    output: Table,
    edits: Mapping[str, Sequence[Edit]],
    gone: frozenset[int],
    notes: frozenset[int],
) -> Iterator[Item]:
    """Rows of a table without the columns that went which are not what is expected of them.

    A row of which nothing is left may be missing; the texts of a note may have moved aside.
    """
    expected = (
        (row.index, left)
        for row in source.rows()
        if (left := _left_of(source, row, edits, gone, notes))
    )
    found = (row for row in output.rows() if any(row.cells.values()))
    for want, row in zip_longest(expected, found):
        if want is None or row is None:
            yield Item(source.name, "行数变了")
            return
        cells = {column: text for column, text in row.cells.items() if text}
        index, left = want
        same = _texts(cells) == _texts(left) if index in notes else cells == left
        if not same:
            yield Item(source.place(index, 0), "未要求修改的单元格变了")


def _texts(cells: Mapping[int, str]) -> list[str]:
    """The texts of a note: cells of blanks may go in their place."""
    return [text for text in cells.values() if text.strip('" ')]


def _left_of(
    table: Table,
    row: Row,
    edits: Mapping[str, Sequence[Edit]],
    gone: frozenset[int],
    notes: frozenset[int],
) -> dict[int, str]:
    """What must be left of a row, under the columns as they are counted afterwards."""
    left: dict[int, str] = {}
    for column in sorted(row.cells):
        place = table.place(row.index, column)
        text = row.cells[column]
        text = apply_edits(text, edits[place]) if place in edits else text
        stays = column
        if row.index in notes:
            left |= {column: text} if text else {}
            continue
        if column in gone:
            if not reaches_beyond(table, row.index, column, gone):
                continue
            while stays in gone:
                stays += 1
        if text:
            left[stays - sum(other < stays for other in gone)] = text
    return left


_CELL = r"\$?[A-Z]{1,3}\$?[0-9]{1,7}(?![0-9])"
_CELLS = later(rf"{_CELL}(?::{_CELL})?|\$?[A-Z]{{1,3}}:\$?[A-Z]{{1,3}}(?![A-Za-z])")
_SHEET = r"(?:'(?:[^']|'')*'!|[^\s'!,]+!)?"
_REFERENCES_ONLY = later(
    rf"{_SHEET}(?:{_CELLS.pattern}|\$?[0-9]+:\$?[0-9]+)"
    rf"(?:[, ]{_SHEET}(?:{_CELLS.pattern}|\$?[0-9]+:\$?[0-9]+))*"
)


def lost_texts(
    source: Iterable[Text],
    output: Iterable[Text],
    edits: Mapping[str, Sequence[Edit]],
    same: Callable[[str, str], bool],
) -> Iterator[Item]:
    """Texts outside tables that are not what is expected, in order: with a column, texts go too
    that hang on its cells (notes, attributes), but none may change or be added. References to cells
    (in a formula, a name, a link) follow the columns."""
    expected = (
        _CELLS.sub(
            "#",
            apply_edits(part.text, edits[part.place]) if part.place in edits else part.text,
        )
        for part in source
        if READING not in part.place
    )
    for part in output:
        if READING in part.place or _REFERENCES_ONLY.fullmatch(part.text):
            continue
        shown = _CELLS.sub("#", part.text)
        if not any(same(shown, text) for text in expected):
            yield Item(part.place, "未要求修改的内容变了")
            return
