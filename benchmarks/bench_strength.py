"""How many rows a second are graded by what could still be worked out? ``deid.strength``, in a child.

Every number is another person's; nothing repeats but what lists repeat: ages, dates, divisions.
"""

from __future__ import annotations

import datetime
import json
import random
import sys
import time
from pathlib import Path

from benchmarks.measure import Result, Scale, run

ROWS = {"tiny": 500, "quick": 50_000, "full": 1_000_000}
PLAIN = {"tiny": 200, "quick": 10_000, "full": 100_000}
TITLE = "strength of masked ID numbers"
MASKS = {
    "first 6": (6, 0),
    "first 6, last 4": (6, 4),
    "first 14": (14, 0),
    "first 3, last 4": (3, 4),
}
BESIDE = ("nothing", "age and sex", "birth date")
DAY = datetime.date(2026, 11, 21)


def bench(scale: Scale, folder: Path) -> list[Result]:
    """Columns with numpy for each mask and what stands beside it; row by row for the usual two."""
    del folder
    cases = [("columns", mask, beside) for mask in MASKS for beside in BESIDE]
    cases += [("rows", mask, "age and sex") for mask in ("first 6", "first 6, last 4")]
    return [_measured(*case, scale) for case in cases[: scale.contenders]]


def _measured(how: str, mask: str, beside: str, scale: Scale) -> Result:
    size = (ROWS if how == "columns" else PLAIN)[scale.name]
    name = f"deid, {how}: {mask} shown, beside it {beside}"
    command = [sys.executable, "-m", "benchmarks.bench_strength", how, mask, beside, str(size)]
    samples = [run(command) for _ in range(scale.rounds)]
    best = min(samples, key=lambda sample: sample.work_seconds)
    rate = size / best.work_seconds
    return Result(
        TITLE, name, size, "rows", best.work_seconds, rate, best.peak_mb, rounds=len(samples),
        note=best.fault,
    )  # fmt: skip


def people(rows: int) -> list[tuple[str, datetime.date]]:
    """Numbers with a right check character, and the birth date of each."""
    from deid.strength import CHECKS, WEIGHTS, known_areas

    rng, areas, found = random.Random(1), known_areas(), []
    for _ in range(rows):
        birth = datetime.date(1930, 1, 1) + datetime.timedelta(days=rng.randrange(34_000))
        head = f"{rng.choice(areas)}{birth:%Y%m%d}{rng.randrange(1, 1000):03d}"
        total = sum(int(digit) * weight for digit, weight in zip(head, WEIGHTS, strict=True))
        found.append((head + CHECKS[total % 11], birth))
    return found


def columns(mask: str, beside: str, rows: int) -> tuple[list[str], dict[str, list[str]]]:
    """The masked numbers and the columns beside them."""
    first, last = MASKS[mask]
    listed = people(rows)
    masked = [no[:first] + "*" * (18 - first - last) + no[18 - last :] for no, _ in listed]
    if beside == "nothing":
        return masked, {}
    if beside == "birth date":
        return masked, {"births": [birth.isoformat() for _, birth in listed]}
    ages = [str(DAY.year - birth.year) for _, birth in listed]
    return masked, {"ages": ages, "sexes": ["女男"[int(no[16]) % 2] for no, _ in listed]}


def work(how: str, mask: str, beside: str, rows: int) -> float:
    """Seconds that the grading takes, without making the input."""
    from deid.strength import Context, grade_rows
    from deid.strength.columns import grade_columns
    from deid.strength.context import row_context

    masked, told = columns(mask, beside, rows)
    base = Context(on=DAY)
    fields = {0: "age", 1: "sex"}
    started = time.perf_counter()
    if how == "columns":
        grade_columns(
            masked,
            base,
            births=told.get("births"),
            ages=told.get("ages"),
            sexes=told.get("sexes"),
        )
    else:
        beside_each = zip(told["ages"], told["sexes"], strict=True)
        contexts = (row_context(base, fields, dict(enumerate(cells))) for cells in beside_each)
        assert sum(1 for _ in grade_rows(zip(masked, contexts, strict=True))) == rows
    return time.perf_counter() - started


if __name__ == "__main__":
    print(
        json.dumps({"work_seconds": work(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))})
    )
