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


def mask_csv(
    source: Path, target: Path, policy: Policy, *, least: int | None = None
) -> Streamed | None:
    """``source`` masked into ``target`` and verified, or None when the exact path has to do it.
    ``least``: bytes from which on it is tried, where they are not LEAST."""
    if policy.reshapes or source.stat().st_size < (LEAST if least is None else least):
        return None
    from deid.stream import run  # loads numpy

    return run.masked(source, target, policy)


def mask_rows(
    source: Path, target: Path, policy: Policy, delimiter: str, titles: int
) -> Streamed | None:
    """The same for records of known form, whatever their size (see ``deid.stream.run.masked_rows``)."""
    if policy.reshapes:
        return None
    from deid.stream import run  # loads numpy

    return run.masked_rows(source, target, policy, delimiter, titles)
