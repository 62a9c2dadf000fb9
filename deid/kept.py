"""Rows of small tables, read once: the exact path goes over each table several times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from deid.model import Row, Table, Text

_MOST = 50_000
"""Cells of a table that are kept; what is larger is read afresh each time."""


class _Holder(Protocol):
    @property
    def parts(self) -> Sequence[Table | Text]: ...


class Kept:
    """The parts of a document, of which the rows of small tables are read once."""

    def __init__(self, document: _Holder) -> None:
        self._document = document
        self._rows: dict[int, Callable[[], Iterator[Row]]] = {}

    @property
    def parts(self) -> list[Table | Text]:
        """All parts, in order; texts are the document's own and not held here."""
        return [
            replace(part, rows=self._rows.get(at) or self._rows.setdefault(at, _Once(part.rows)))
            if isinstance(part, Table)
            else part
            for at, part in enumerate(self._document.parts)
        ]


class _Once:
    """Rows that are kept when they were all read and are few."""

    def __init__(self, rows: Callable[[], Iterator[Row]]) -> None:
        self._rows = rows
        self._kept: list[Row] | None = None

    def __call__(self) -> Iterator[Row]:
        return self._read() if self._kept is None else iter(self._kept)

    def _read(self) -> Iterator[Row]:
        kept: list[Row] = []
        cells = 0
        for row in self._rows():
            yield row
            cells += len(row.cells) + 1
            if cells <= _MOST:
                kept.append(row)
            elif kept:
                kept.clear()
        if cells <= _MOST:
            self._kept = kept
