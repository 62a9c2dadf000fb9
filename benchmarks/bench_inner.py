"""Where do the seconds go? The inner loops alone: ``pytest benchmarks/bench_inner.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from benchmarks.measure import ROOT, Result, Scale, generate
from deid import load_policy, mask_text, stream
from deid.columns import profile_rows
from deid.model import Row
from deid.scan import scan
from deid.text import fold

TITLE = "inner loops, one call"
CELLS = {
    "ID": ("431026198412034196", "身份证号"),
    "full-width ID": ("４３１０２６１９８４１２０３４１９６", "身份证号"),
    "phone": ("189-1318-5500", "联系电话"),
    "address": ("湖南省郴州市永兴县青山乡大冲村10组137号", "家庭住址"),
    "name": ("张国庆", "姓名"),
    "prose": (
        "经审核，张国庆（身份证号431026198412034196，住湖南省郴州市永兴县青山乡大冲村10组137号，"
        "电话18913185500）符合条件，拟给予救助。公示期为2024年9月20日至2024年9月26日。",
        "备注",
    ),
}
HEADER = ("序号", "姓名", "身份证号", "联系电话", "家庭住址", "金额")
Benchmark = Callable[..., Any]
"""The fixture of pytest-benchmark."""

_CALIBRATION = {
    "tiny": ("--benchmark-disable",),
    "quick": ("--benchmark-max-time=0.02", "--benchmark-min-rounds=1"),
    "full": ("--benchmark-max-time=1", "--benchmark-min-rounds=20"),
}


def bench(scale: Scale, folder: Path) -> list[Result]:
    """pytest-benchmark in a process of its own; the median of each."""
    with TemporaryDirectory(dir=folder) as name:
        told = Path(name) / "inner.json"
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path(__file__))),
            *(f"--benchmark-json={told}", *_CALIBRATION[scale.name]),
        ]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if run.returncode:
            last = (run.stdout.strip() or run.stderr.strip()).splitlines()[-1:]
            return [Result(TITLE, "pytest-benchmark", 0, "calls", note=" ".join(last)[:120])]
        measured = json.loads(told.read_text())["benchmarks"] if told.exists() else []
    return [_result(entry) for entry in measured]


def _result(entry: dict[str, Any]) -> Result:
    median = entry["stats"]["median"]
    name = entry["name"].removeprefix("test_").replace("_", " ", 1)
    rounds = entry["stats"]["rounds"]
    return Result(TITLE, name, 1, "calls", median, 1 / median, rounds=rounds)


@pytest.mark.parametrize("kind", CELLS)
def test_fold(benchmark: Benchmark, kind: str) -> None:
    text, _ = CELLS[kind]
    assert len(benchmark(fold, text)) == len(text)


@pytest.mark.parametrize("kind", CELLS)
def test_scan(benchmark: Benchmark, kind: str) -> None:
    text, _ = CELLS[kind]
    assert all(found.end <= len(text) for found in benchmark(scan, text))


@pytest.mark.parametrize("kind", CELLS)
def test_mask(benchmark: Benchmark, kind: str) -> None:
    """Under its header, with the policy looked up, as a library's user calls it."""
    text, header = CELLS[kind]
    masked = benchmark(mask_text, text, header=header)
    assert (masked == text) == (kind == "name")


def test_fast_path_20000_rows(benchmark: Benchmark, tmp_path: Path) -> None:
    """The fast path alone: read, masked, written, verified."""
    pytest.importorskip("numpy")
    source, target = tmp_path / "list.csv", tmp_path / "out.csv"
    generate("csv", 20_000, source)
    done = benchmark(stream.mask_csv, source, target, load_policy("general"))
    assert done is not None  # else verification did not clear it
    assert done.changed


def test_profile_400_rows(benchmark: Benchmark) -> None:
    texts = [CELLS[kind][0] for kind in ("name", "ID", "phone", "address")]
    rows = [Row(0, dict(enumerate(HEADER)))]
    for at in range(1, 401):
        rows.append(Row(at, dict(enumerate((str(at), *texts, "1200")))))
    views, block = benchmark(profile_rows, rows)
    assert len(views) == 401
    assert len(block.profiles) == len(HEADER)
