"""``python -m benchmarks``: run the benches, print the table, draw the plot.

Results go to stdout as Markdown, talk to stderr. ``--json`` keeps them; ``--from`` shows kept ones
again without running anything.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import table
from benchmarks.measure import ROOT, SCALES, Result, Scale

BENCHES = (
    "csv",
    "xlsx",
    "text",
    "formats",
    "small",
    "worst",
    "scaling",
    "inner",
    "strength",
    "names",
)
PLOT = ROOT / "benchmarks" / "plots" / "scaling.png"


def run_benches(names: Sequence[str], scale: Scale, folder: Path) -> Iterator[list[Result]]:
    """The results of each bench in turn; its inputs are gone before the next one."""
    for name in names:
        started = time.perf_counter()
        bench = importlib.import_module(f"benchmarks.bench_{name}")
        with tempfile.TemporaryDirectory(dir=folder, prefix=f"{name}-") as inputs:
            found: list[Result] = bench.bench(scale, Path(inputs))
        for line in table.progress(found):
            print(line, file=sys.stderr, flush=True)
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        yield found


def save(path: Path, results: Sequence[Result], facts: dict[str, str], scale: str) -> None:
    told = {"scale": scale, "machine": facts, "results": [asdict(row) for row in results]}
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> tuple[list[Result], dict[str, str], str]:
    told = json.loads(path.read_text(encoding="utf-8"))
    return [Result(**row) for row in told["results"]], told["machine"], told["scale"]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("bench", nargs="*", help=f"which: {', '.join(BENCHES)}; default all")
    parser.add_argument("--quick", action="store_true", help="small inputs, one round, a minute")
    parser.add_argument("--tiny", action="store_true", help="only to see that every bench runs")
    parser.add_argument("--rounds", type=int, help="how often each contender runs")
    parser.add_argument("--cap", type=float, help="about the most seconds for one child")
    parser.add_argument("--markdown", action="store_true", help="print Markdown (the default)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="kept", help="show kept results")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw cost against size")
    parser.add_argument(
        "--update-readme", action="store_true",
        help="put the table into README.md and draw its plot",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, help="where inputs are made, and deleted after")
    said = parser.parse_args(arguments)
    if unknown := set(said.bench) - set(BENCHES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    return said


def _stop(number: int, frame: object) -> None:
    sys.exit(128 + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a bench of ours failed: a benchmark that does not run proves nothing."""
    said = parse(arguments)
    if said.kept:
        results, facts, name = load(said.kept)
    else:
        scale = SCALES["tiny" if said.tiny else "quick" if said.quick else "full"]
        scale = replace(scale, rounds=said.rounds or scale.rounds, cap=said.cap or scale.cap)
        facts, name = table.machine(), scale.name
        with tempfile.TemporaryDirectory(dir=said.folder, prefix="deid-bench-") as folder:
            results = []
            for found in run_benches(said.bench or BENCHES, scale, Path(folder)):
                results += found
                if said.json:  # after each bench: a long run that is stopped keeps what it has
                    save(said.json, results, facts, name)
    shown = table.markdown(results, facts, name)
    print(shown)
    if said.update_readme:
        table.into_readme(shown)
    if plot := said.plot or (PLOT if said.update_readme else None):
        from benchmarks.plot import draw

        draw(results, facts, plot)
    return int(any(row.note and row.name.startswith("deid") for row in results))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # so that gigabytes of inputs go, as with Ctrl-C
    sys.exit(main())
