"""Is there a list on which masking becomes slow?"""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_csv import OURS, PANDAS, POLARS
from benchmarks.inputs import inputs
from benchmarks.measure import Result, Scale, race

SIZES = {"tiny": (100,), "quick": (200,), "full": (1_000, 10_000, 100_000)}
_CASES = (
    ("worst case: every cell prose", ("--kind", "free")),
    ("worst case: every cell an address", ("--kind", "homes")),
    ("worst case: every row written oddly", ("--odd", 1)),
    ("worst case: nothing to find", ("--kind", "harmless")),
)


def bench(scale: Scale, folder: Path) -> list[Result]:
    """Ten columns each, against reading and writing alone."""
    results = []
    contenders = (POLARS, OURS, PANDAS) if scale.name == "full" else (POLARS, OURS)
    for title, options in _CASES[: 1 if scale.name == "tiny" else len(_CASES)]:
        make = inputs(folder, "csv", *options)
        results += race(title, contenders, SIZES[scale.name], make, scale)
    return results
