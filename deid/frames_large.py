"""The columns of a large frame, masked and verified by the streamed path of csv files.

The rows are written as records that nobody else reads, in memory where the system has such files and
else in a private folder, and read back. What the streamed path leaves to the exact one is left here
too: then the answer is None.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from deid.policy import Policy
from deid.stream import mask_csv, mask_rows

if TYPE_CHECKING:
    from deid.stream.run import Streamed

_MARK = "\x1f"
"""Between cells: the control character that Unicode has for this, which lists do not hold."""
_NEEDS_QUOTES = re.compile(rf'["\n{_MARK}]')
_SLICE = 50_000
"""Rows that are put together at once."""


@dataclass(frozen=True, slots=True)
class MaskedColumns:
    """What changed: by column, row -> new text; (level, column) -> new title; findings by entity."""

    cells: Mapping[int, Mapping[int, str]]
    titles: Mapping[tuple[int, int], str]
    found: Mapping[str, int]


def masked_columns(
    header: Sequence[Sequence[str]], columns: Sequence[Sequence[str]], policy: Policy
) -> MaskedColumns | None:
    """The columns (of one length, cells without content being ``""``) below their header rows,
    masked; None when the exact path has to do it."""
    titles = [[text if text.strip() else "" for text in row] for row in header]
    with ExitStack() as stack:
        source, target = stack.enter_context(_private()), stack.enter_context(_private())
        try:
            _write(source, titles, columns)
            done = mask_rows(source, target, policy, _MARK, len(titles))
            if done is None:
                return None
            new_titles, cells = _changed(target, titles, columns)
        except (UnicodeEncodeError, _NotOurs, csv.Error, OSError):
            return None
    return MaskedColumns(cells, new_titles, done.found)


def masked_csv(content: bytes, policy: Policy) -> tuple[bytes, Streamed] | None:
    """The bytes of a csv file, masked and verified; None when the exact path has to do it."""
    with ExitStack() as stack:
        source, target = stack.enter_context(_private()), stack.enter_context(_private())
        try:
            source.write_bytes(content)
            done = mask_csv(source, target, policy, least=0)
            return (target.read_bytes(), done) if done else None
        except OSError:
            return None


class _NotOurs(Exception):
    """Cells that no csv reader gives back as they were."""


@contextmanager
def _private() -> Iterator[Path]:
    """A file that nobody else can read, and that is gone afterwards whatever happens."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("deid")
        path = Path(f"/proc/self/fd/{handle}")
        try:
            if path.exists():
                yield path
                return
        finally:
            os.close(handle)
    with tempfile.TemporaryDirectory(prefix="deid-") as folder:
        yield Path(folder) / "rows.csv"


# ----------------------------------------------------------------------------------- the records


def _write(path: Path, titles: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]) -> None:
    with path.open("wb") as stream:
        stream.write(_records(list(zip(*titles, strict=True))))
        for start in range(0, len(columns[0]), _SLICE):
            stream.write(_records([column[start : start + _SLICE] for column in columns]))


def _records(columns: Sequence[Sequence[str]]) -> bytes:
    """Rows of those columns, each with its line break."""
    text = _joined(columns)
    if "\r" in text or "\0" in text:
        raise _NotOurs
    rows = len(columns[0])
    marks = text.count("\n"), text.count(_MARK)
    if '"' in text or marks != (rows, rows * (len(columns) - 1)):
        text = _joined([_quoted(column) for column in columns])
    return text.encode()


def _joined(columns: Sequence[Sequence[str]]) -> str:
    lines = map(_MARK.join, zip(*columns, strict=True))
    return "\n".join(chain(lines, ("",)))


def _quoted(column: Sequence[str]) -> list[str]:
    return [
        '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
        for text in column
    ]


def _changed(
    path: Path, titles: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]
) -> tuple[dict[tuple[int, int], str], dict[int, dict[int, str]]]:
    """What is not as it was: the titles by (level, column), the cells by column and row."""
    rows = _Back(path, len(columns))
    head = rows.next(len(titles))
    new = {
        (level, at): column[level]
        for at, column in enumerate(head)
        for level in range(len(titles))
        if column[level] != titles[level][at]
    }
    cells: dict[int, dict[int, str]] = {}
    for start in range(0, len(columns[0]), _SLICE):
        size = min(_SLICE, len(columns[0]) - start)
        for at, after in enumerate(rows.next(size)):
            before = columns[at][start : start + size]
            if before != after:
                pairs = enumerate(zip(before, after, strict=True), start)
                cells.setdefault(at, {}).update((row, b) for row, (a, b) in pairs if a != b)
    if not rows.done():
        raise _NotOurs
    return new, cells


class _Back:
    """The records of a file, as columns of some rows at a time."""

    def __init__(self, path: Path, width: int) -> None:
        text = path.read_bytes().decode()
        self._width = width
        self._at = 0
        self._lines: list[str] = []
        self._rows: Iterator[list[str]] | None = None
        if '"' in text:
            self._rows = csv.reader(io.StringIO(text, newline=""), delimiter=_MARK)
        else:
            self._lines = text.split("\n")[:-1]

    def next(self, count: int) -> list[list[str]]:
        """The next rows. Raises _NotOurs where there are fewer, or some of another width."""
        if self._rows is None:
            lines = self._lines[self._at : self._at + count]
            self._at += count
            # The widths of all rows were compared when they were verified: it is enough to count.
            flat = _MARK.join(lines).split(_MARK)
        else:
            rows = [row or [""] for row in islice(self._rows, count)]
            flat = list(chain.from_iterable(rows))
            if any(len(row) != self._width for row in rows):
                raise _NotOurs
        if len(flat) != count * self._width:
            raise _NotOurs
        return [flat[at :: self._width] for at in range(self._width)]

    def done(self) -> bool:
        """Whether nothing is left."""
        if self._rows is None:
            return self._at == len(self._lines)
        return next(self._rows, None) is None
