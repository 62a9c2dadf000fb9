"""Whole processes, measured from outside: wall clock, peak memory, in interleaved rounds.

The machine is never quiet, so contenders take turns, the ratio is the median of the rounds' own
ratios, and the spread stands beside it. Only the standard library is loaded here: on Linux a child
begins with its parent's peak memory, so a heavy runner would be measured instead of the child.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
_ONE_THREAD = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS")
_WRITTEN = (0, 3)
"""Exit statuses of ``deid mask`` with every file written."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work. ``command(source, target)`` is the child's argument list.

    ``masks``: it hides something, so its leaks are counted. ``needs``: packages without which it is left out. ``start_up``: it takes so long to start that
    the part it reports itself (``work_seconds`` on stdout) is what its rate is made of.
    """

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    needs: tuple[str, ...] = ()
    masks: bool = False
    start_up: bool = False

    @property
    def missing(self) -> str:
        """The first package that is not installed."""
        return next((name for name in self.needs if importlib.util.find_spec(name) is None), "")


@dataclass(frozen=True)
class Sample:
    """One run of one child."""

    seconds: float
    cpu: float
    peak_mb: float
    work_seconds: float
    fault: str = ""


@dataclass(frozen=True)
class Result:
    """What one contender did with one input: a row of the table.

    ``ratio``: seconds per unit of size over the floor's, median over rounds; ``cpu_ratio``: the same
    of processor time, which other programs on the machine do not stretch. ``leaks``: planted
    values that survived, by kind, of ``planted`` in a list of its own.
    """

    bench: str
    name: str
    size: int
    unit: str
    seconds: float = 0.0
    rate: float = 0.0
    peak_mb: float = 0.0
    ratio: float = 0.0
    spread: float = 0.0
    rounds: int = 0
    note: str = ""
    leaks: Mapping[str, int] = field(default_factory=dict)
    planted: int = 0
    cpu_ratio: float = 0.0


def deid(*options: str) -> Callable[[Path, Path], Sequence[str]]:
    """The command line as people use it: ``deid mask`` into a folder, verification included."""

    def command(source: Path, target: Path) -> Sequence[str]:
        folder = target if source.is_dir() else target.parent
        said = ("mask", str(source), "-o", str(folder), "--overwrite", "--quiet", *options)
        return (sys.executable, "-m", "deid", *said)

    return command


def baseline(name: str) -> Callable[[Path, Path], Sequence[str]]:
    """One of ``benchmarks/baselines.py``."""

    def command(source: Path, target: Path) -> Sequence[str]:
        return (sys.executable, "-m", "benchmarks.baselines", name, str(source), str(target))

    return command


def generate(*arguments: object) -> None:
    """Run the generator in a process of its own, so that this one stays small."""
    command = [sys.executable, "-m", "benchmarks.generate", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True)


def run(command: Sequence[str]) -> Sample:
    """One child from start to end. Its peak is that of its largest process, as the kernel kept it."""
    environment = os.environ | dict.fromkeys(_ONE_THREAD, "1")
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stderr
        told, talk = child.stdout.read(), child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 << (20 if sys.platform == "darwin" else 10)
    fault = "" if child.returncode in _WRITTEN else f"exit {child.returncode}: {_last_line(talk)}"
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(seconds, cpu, usage.ru_maxrss / unit, _work_seconds(told) or seconds, fault)


def _last_line(talk: bytes) -> str:
    lines = talk.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:120] if lines else ""


def _work_seconds(told: bytes) -> float:
    """What a baseline says of itself."""
    try:
        return float(json.loads(told)["work_seconds"])
    except (ValueError, TypeError, KeyError):
        return 0.0


Make = Callable[[int], tuple[Path, Path]]
"""Size -> an input of that size, made once, and where the output goes."""


@dataclass(frozen=True)
class Scale:
    """How thorough a run is. ``cap``: about the most seconds that one child may take.

    ``contenders`` and ``variants``: how many of each bench are tried.
    """

    name: str
    rounds: int
    cap: float
    contenders: int = 99
    variants: int = 99


SCALES = {
    "tiny": Scale("tiny", 1, 5.0, contenders=2, variants=1),
    "quick": Scale("quick", 1, 2.0, contenders=8, variants=1),
    "full": Scale("full", 3, 45.0),
}


def largest(contender: Contender, sizes: Sequence[int], cap: float, make: Make) -> tuple[int, str]:
    """The largest of ``sizes`` that the contender does within about ``cap`` seconds.

    It climbs, so a slow one is stopped early; what it did on the way warms the caches.
    """
    below = Step(0, 0.0)
    for size, above in itertools.pairwise(sizes):
        sample = run(contender.command(*make(size)))
        step = Step(size, sample.seconds)
        if sample.fault or expected(below, step, above) > cap:
            return size, sample.fault
        below = step
    return sizes[-1], ""


class Step(NamedTuple):
    """A size and how long it took."""

    size: int
    seconds: float


def expected(below: Step, step: Step, above: int) -> float:
    """Seconds that ``above`` will take, by what a row cost between the two steps before it.

    The first step is mostly start-up and says little of the next one.
    """
    a_row = (step.seconds - below.seconds) / (step.size - below.size) if below.size else 0.0
    return step.seconds + max(a_row, 0.0) * (above - step.size)


def race(
    bench: str,
    contenders: Sequence[Contender],
    sizes: Sequence[int],
    make: Make,
    scale: Scale,
    *,
    unit: str = "rows",
    step: float = 1.0,
) -> list[Result]:
    """Every contender on the largest input it can do in time; the first one is the floor.

    ``step``: what one step of size is in ``unit`` (a byte is 1e-6 MB).
    """
    rows: dict[str, Result] = {}
    runners: list[tuple[Contender, int]] = []
    for contender in contenders[: scale.contenders]:
        note = f"{contender.missing} not installed" if contender.missing else ""
        size = 0
        if not note:
            size, note = largest(contender, sizes, scale.cap, make)
        rows[contender.name] = Result(bench, contender.name, size, unit, note=note)
        if not note:
            runners.append((contender, size))
    samples: dict[str, list[Sample]] = {contender.name: [] for contender, _ in runners}
    for _ in range(scale.rounds):
        for contender, size in runners:
            samples[contender.name].append(run(contender.command(*make(size))))
    costs = {
        contender.name: [_cost(contender, sample, size) for sample in samples[contender.name]]
        for contender, size in runners
    }
    floor = costs.get(contenders[0].name, [])
    for name, cost in costs.items():
        rows[name] = _row(rows[name], samples[name], cost, floor, step)
    return list(rows.values())


class Cost(NamedTuple):
    """Seconds for one step of size."""

    wall: float
    cpu: float


def _cost(contender: Contender, sample: Sample, size: int) -> Cost:
    share = sample.work_seconds / sample.seconds if contender.start_up else 1.0
    return Cost(sample.seconds * share / size, sample.cpu * share / size)


def _row(
    row: Result,
    samples: Sequence[Sample],
    costs: Sequence[Cost],
    floor: Sequence[Cost],
    step: float,
) -> Result:
    ratios = [mine.wall / least.wall for mine, least in zip(costs, floor, strict=False)] or [0.0]
    cpu = [mine.cpu / least.cpu for mine, least in zip(costs, floor, strict=False) if least.cpu]
    return replace(
        row,
        seconds=statistics.median(sample.seconds for sample in samples),
        rate=step / statistics.median(cost.wall for cost in costs),
        peak_mb=max(sample.peak_mb for sample in samples),
        ratio=statistics.median(ratios),
        spread=max(ratios) - min(ratios),
        cpu_ratio=statistics.median(cpu or [0.0]),
        rounds=len(samples),
        note=next((sample.fault for sample in samples if sample.fault), ""),
    )
