"""The door to the fast path for large csv files: nothing heavy is loaded for a small one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deid.policy import Policy

if TYPE_CHECKING:
    from deid.stream.run import Streamed

LEAST = 500_000
"""Bytes (of a csv file, of the cells of a workbook) from which on numpy pays, its loading included:
1,000 rows of csv take as long either way, 3,000 half as long by the column."""


_PROSE = 24
"""Characters of a cell on average where nearly every one is prose, which only the exact path reads."""


def _is_prose(source: Path) -> bool:
    """Whether most cells at the head of the file are as long as sentences."""
    import csv

    with source.open("rb") as stream:
        head = stream.read(1 << 16)
    text = head.decode("latin-1")  # bytes as they are: no delimiter or quote is part of a character
    first = text.partition("\n")[0]
    delimiter = max(",\t;|", key=first.count)
    try:
        sizes = [
            len(cell) for row in csv.reader(text.split("\n"), delimiter=delimiter) for cell in row
        ]
    except csv.Error:
        return False
    han = 3 if head.count(b"\xe4") + head.count(b"\xe5") > len(head) // 24 else 2
    return sum(sizes) > _PROSE * han * len(sizes)


def mask_csv(
    source: Path, target: Path, policy: Policy, *, least: int | None = None, named: str = ""
) -> Streamed | None:
    """``source`` masked into ``target`` and verified, or None when the exact path has to do it.
    ``least``: bytes from which on it is tried, where they are not LEAST; 0 to try whatever it is.
    ``named``: the name of the list, where it is not the file's."""
    least = LEAST if least is None else least
    size = source.stat().st_size
    if size < least or (least and _is_prose(source)):
        return None
    from deid.stream import run  # loads numpy

    return run.masked(source, target, policy, named)


def mask_rows(
    source: Path, target: Path, policy: Policy, delimiter: str, titles: int
) -> Streamed | None:
    """The same for records of known form, whatever their size (see ``deid.stream.run.masked_rows``)."""
    if policy.reshapes:
        return None
    from deid.stream import run  # loads numpy

    return run.masked_rows(source, target, policy, delimiter, titles)
