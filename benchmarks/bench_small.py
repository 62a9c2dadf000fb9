"""What does a clerk wait for: one list of 200 rows, or a folder of a thousand small ones?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench_csv import OURS, PANDAS, POLARS, PRESIDIO
from benchmarks.inputs import inputs, small_files
from benchmarks.measure import Contender, Result, Scale, baseline, deid, race

FILES = {"tiny": (3,), "quick": (10,), "full": (100, 1_000)}
ROWS = {"tiny": (20,), "quick": (200,), "full": (200,)}


def start(source: Path, target: Path) -> Sequence[str]:
    """What any command line built on click has to wait for before it does anything."""
    return (sys.executable, "-c", "import click")


ONE_CSV = (
    Contender("copy of the file (interpreter start)", baseline("copy")),
    Contender("start of Python and click, nothing done", start),
    OURS,
    POLARS,
    PANDAS,
)
ONE_XLSX = (
    Contender("inflate + deflate, zlib level 6", baseline("inflate_deflate_zlib")),
    OURS,
    Contender("openpyxl + re, every cell", baseline("openpyxl_masked"), ("openpyxl",)),
)
MANY = (
    Contender("copy of the files", baseline("copy_folder")),
    OURS,
    Contender("deid mask --jobs 2", deid("--jobs", "2")),
    Contender("pandas + re, every cell", baseline("pandas_folder"), ("pandas",)),
)


def bench(scale: Scale, folder: Path) -> list[Result]:
    """Whole processes, start-up included: that is most of what is waited for."""
    rows, files = ROWS[scale.name], FILES[scale.name]
    slow = tuple(
        Contender(item.name, item.command, item.needs) for item in PRESIDIO if scale.name == "full"
    )
    csv = race(f"one csv of {rows[0]} rows", (*ONE_CSV, *slow), rows, inputs(folder, "csv"), scale)
    xlsx = race(f"one xlsx of {rows[0]} rows", ONE_XLSX, rows, inputs(folder, "xlsx"), scale)
    many = race("csv files of 30 rows", MANY, files, small_files(folder), scale, unit="files")
    return csv + xlsx + many
