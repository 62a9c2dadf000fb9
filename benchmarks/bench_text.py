"""How does free text compare with one combined regular expression per line?"""

from __future__ import annotations

from pathlib import Path

from benchmarks.inputs import inputs
from benchmarks.measure import Contender, Result, Scale, baseline, deid, race

SIZES = {
    "tiny": (20_000,),
    "quick": (200_000,),
    "full": (100_000, 1_000_000, 10_000_000),
}
CONTENDERS = (
    Contender("one combined re per line", baseline("re_lines")),
    Contender("deid mask", deid()),
)
_VARIANTS = (
    ("free text, a person in 1 paragraph of 10", 0.1),
    ("free text, nothing to find", 0.0),
)


def bench(scale: Scale, folder: Path) -> list[Result]:
    """A notice with persons in it, and one without."""
    results = []
    for title, hits in _VARIANTS[: scale.variants]:
        make = inputs(folder, "text", "--hits", hits, suffix=".txt")
        sizes = SIZES[scale.name]
        results += race(title, CONTENDERS, sizes, make, scale, unit="MB", step=1e-6)
    return results
