"""How many of the planted values survive: ``python -m benchmarks.leaks FILE ROWS [--odd SHARE]``.

A value has survived when it can be read off the output whole: full width, blanks and dashes do not
hide it. Only counts are printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import ROOT, Contender, Result, generate, run

ODD = 0.1
"""The share of rows in a leak list that are written as people write them."""
_FEWEST, _MOST = 2_000, 20_000
_BLANKS = re.compile(r"[\s\-]")
_LONG = re.compile(r"\d{11,}X?")
_TAIL = re.compile(r"\d+组\d+号")


def survivors(path: Path, rows: int, *, odd: float = ODD) -> dict[str, int]:
    """Kind -> how many of the planted values of a list of ``rows`` rows stand in ``path``."""
    from benchmarks.generate import planted

    numbers: set[str] = set()
    tails = 0
    for line in _lines(path):
        plain = _BLANKS.sub("", unicodedata.normalize("NFKC", line)).upper()
        numbers.update(_LONG.findall(plain))
        tails += bool(_TAIL.search(plain))
    found = dict.fromkeys(("id", "phone", "card"), 0)
    for person in planted(rows, odd=odd):
        for kind in found:
            found[kind] += person[kind] in numbers
    return {**found, "address": tails}


def _lines(path: Path) -> Iterator[str]:
    """The rows of a list, cells kept apart."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as lines:
            yield from ("|".join(row) for row in csv.reader(lines))
        return
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    for row in book.active.iter_rows(values_only=True):
        yield "|".join(str(cell) for cell in row if cell is not None)
    book.close()


def with_leaks(
    contender: Contender,
    result: Result,
    folder: Path,
    suffix: str = "csv",
    rows: int = 0,
    *,
    odd: float = ODD,
    options: Sequence[object] = (),
    secrets: int = 4,
) -> Result:
    """``result`` with the leaks of its contender, counted on a list with odd rows.

    ``options`` are the generator's, ``secrets`` how many planted values a row of that kind has.
    """
    if result.note or not contender.masks:
        return result
    rows = rows or min(max(result.size, _FEWEST), _MOST)
    mark = "".join(str(option).strip("-") for option in options).replace(".", "")
    source = folder / f"leaks{mark}-{rows}.{suffix}"
    if not source.exists():
        generate(suffix, rows, source, "--odd", odd, *options)
    target = folder / "out" / source.name
    target.unlink(missing_ok=True)
    fault = run(contender.command(source, target)).fault
    if fault:
        return replace(result, note=fault)
    asked = (str(target), str(rows), "--odd", str(odd))
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.leaks", *asked]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return replace(result, leaks=json.loads(told.stdout), planted=secrets * rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("--odd", type=float, default=ODD)
    said = parser.parse_args()
    print(json.dumps(survivors(said.file, said.rows, odd=said.odd)))
