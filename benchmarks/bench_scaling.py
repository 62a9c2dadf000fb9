"""Does the cost grow with the list, or faster; does the memory stay?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.bench_csv import OURS, PANDAS, POLARS, PRESIDIO
from benchmarks.inputs import inputs
from benchmarks.measure import Contender, Result, Scale, Step, expected, run

SIZES = {
    "tiny": (100, 200),
    "quick": (200, 1_000),
    "full": (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
}
TITLE = "scaling, csv UTF-8"
CONTENDERS = (POLARS, OURS, PANDAS)


def bench(scale: Scale, folder: Path) -> list[Result]:
    """One run at each size, as far as each contender gets in time. This is what the plot shows."""
    contenders = CONTENDERS + (PRESIDIO[:1] if scale.name == "full" else ())
    going = [contender for contender in contenders[: scale.contenders] if not contender.missing]
    make = inputs(folder, "csv")
    results: list[Result] = []
    sizes = SIZES[scale.name]
    below: dict[str, Step] = {}
    for at, size in enumerate(sizes):
        rows = {contender.name: _once(contender, make(size), size) for contender in going}
        floor = rows.get(POLARS.name)
        for name, row in rows.items():
            if floor and floor.seconds:
                ratio, cpu = row.seconds / floor.seconds, row.cpu_ratio / (floor.cpu_ratio or 1.0)
                rows[name] = replace(row, ratio=ratio, cpu_ratio=cpu)
        results += rows.values()
        if at + 1 < len(sizes):
            steps = {it.name: Step(size, rows[it.name].seconds) for it in going}
            going = [
                it
                for it in going
                if not rows[it.name].note
                and expected(below.get(it.name, Step(0, 0.0)), steps[it.name], sizes[at + 1])
                < 3 * scale.cap
            ]
            below = steps
        for path in make(size):
            path.unlink(missing_ok=True)
    return sorted(results, key=lambda row: (row.name, row.size))


def _once(contender: Contender, files: tuple[Path, Path], size: int) -> Result:
    sample = run(contender.command(*files))
    return Result(
        TITLE, contender.name, size, "rows", sample.seconds, size / sample.seconds, sample.peak_mb,
        rounds=1, note=sample.fault, cpu_ratio=sample.cpu,
    )  # fmt: skip
