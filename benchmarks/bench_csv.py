"""How far from reading and writing alone is masking a csv list of a million rows?"""

from __future__ import annotations

from pathlib import Path

from benchmarks.inputs import inputs
from benchmarks.leaks import with_leaks
from benchmarks.measure import Contender, Result, Scale, baseline, deid, race

SIZES = {
    "tiny": (200,),
    "quick": (1_000,),
    "full": (1_000, 10_000, 100_000, 1_000_000),
}
OURS = Contender("deid mask", deid(), masks=True)
POLARS = Contender("polars read + write, nothing masked", baseline("polars"), ("polars",))
PANDAS = Contender("pandas + re, every cell", baseline("pandas_cells"), ("pandas",), True)
PRESIDIO = tuple(
    Contender(f"Presidio, same patterns, {nlp}", baseline(name), ("presidio_analyzer",), True, True)
    for nlp, name in (("no NLP", "presidio"), ("jieba engine", "presidio_jieba"))
)
CONTENDERS = (
    POLARS,
    OURS,
    Contender("copy of the file", baseline("copy")),
    Contender("polars expressions per column", baseline("polars_masked"), ("polars",), True),
    Contender("pandas read + write, nothing masked", baseline("pandas"), ("pandas",)),
    Contender("pandas + re, by column", baseline("pandas_columns"), ("pandas",), True),
    PANDAS,
    *PRESIDIO,
)
_VARIANTS = (
    (
        "csv, GB18030",
        ("--encoding", "gb18030"),
        Contender("polars read + write in GB18030", baseline("polars_gb18030"), ("polars",)),
    ),
    ("csv, every cell quoted", ("--quoted",), POLARS),
    ("csv, 1 row in 100 written oddly", ("--odd", 0.01), POLARS),
)


def bench(scale: Scale, folder: Path) -> list[Result]:
    """UTF-8 against everything, with leaks; then the variants against their floor."""
    sizes = SIZES[scale.name]
    plain = race("csv, 10 columns, UTF-8", CONTENDERS, sizes, inputs(folder, "csv"), scale)
    by_name = {contender.name: contender for contender in CONTENDERS}
    rows = 0 if scale.name == "full" else sizes[0]
    counted = (OURS.name,) if scale.name == "quick" else by_name
    results = [
        with_leaks(by_name[row.name], row, folder, rows=rows) if row.name in counted else row
        for row in plain
    ]
    for title, options, floor in _VARIANTS[: scale.variants]:
        results += race(title, (floor, OURS), sizes, inputs(folder, "csv", *options), scale)
    return results
