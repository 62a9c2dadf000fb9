"""How far from unpacking and packing alone is masking a workbook of 100,000 rows?"""

from __future__ import annotations

from pathlib import Path

from benchmarks.inputs import inputs
from benchmarks.leaks import with_leaks
from benchmarks.measure import Contender, Result, Scale, baseline, deid, race

SIZES = {"tiny": (200,), "quick": (500,), "full": (1_000, 10_000, 100_000)}
OURS = Contender("deid mask", deid(), masks=True)
FLOOR = Contender("inflate + deflate, isal", baseline("inflate_deflate_isal"), ("isal",))
CONTENDERS = (
    FLOOR,
    OURS,
    Contender("inflate + deflate, zlib level 6", baseline("inflate_deflate_zlib")),
    Contender("openpyxl load + save, nothing masked", baseline("openpyxl"), ("openpyxl",)),
    Contender("openpyxl + re, every cell", baseline("openpyxl_masked"), ("openpyxl",), True),
)
_VARIANTS = (
    ("xlsx, inline strings", "inline"),
    ("xlsx, telephone numbers stored as numbers", "numeric"),
)


def bench(scale: Scale, folder: Path) -> list[Result]:
    """Shared strings against everything, with leaks; then the other ways to store a cell."""
    sizes = SIZES[scale.name]
    make = inputs(folder, "xlsx")
    shared = race("xlsx, 10 columns, shared strings", CONTENDERS, sizes, make, scale)
    by_name = {contender.name: contender for contender in CONTENDERS}
    results = [with_leaks(by_name[row.name], row, folder, "xlsx", sizes[0]) for row in shared]
    for title, cells in _VARIANTS[: scale.variants]:
        make = inputs(folder, "xlsx", "--cells", cells)
        results += race(title, (FLOOR, OURS), sizes, make, scale)
    return results
