"""Is there a list on which masking becomes slow?"""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_csv import OURS, PANDAS, POLARS
from benchmarks.inputs import inputs
from benchmarks.leaks import with_leaks
from benchmarks.measure import Contender, Result, Scale, baseline, race

SIZES = {"tiny": (100,), "quick": (200,), "full": (1_000, 10_000, 100_000)}
EXACT = Contender("deid, exact path only", baseline("deid_exact"), masks=True)
_CASES = (
    ("worst case: every cell an address", ("--kind", "homes"), 0.0, 1),
    ("worst case: every cell prose", ("--kind", "free"), 0.0, 1),
    ("worst case: every row written oddly", (), 1.0, 4),
    ("worst case: nothing to find", ("--kind", "harmless"), 0.0, 0),
)
"""Title, options of the generator, share of odd rows, planted values in a row."""


def bench(scale: Scale, folder: Path) -> list[Result]:
    """Ten columns each, against reading and writing alone."""
    results = []
    contenders = (POLARS, OURS, EXACT, PANDAS) if scale.name == "full" else (POLARS, OURS)
    for title, options, odd, secrets in _CASES[: 1 if scale.name == "tiny" else len(_CASES)]:
        make = inputs(folder, "csv", *options, "--odd", odd)
        for row in race(title, contenders, SIZES[scale.name], make, scale):
            contender = next(it for it in contenders if it.name == row.name)
            counted = with_leaks(
                contender, row, folder, rows=SIZES[scale.name][0], odd=odd, options=options,
                secrets=secrets,
            )  # fmt: skip
            results.append(counted)
    return results
