"""Results as Markdown, with the machine they come from."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

from benchmarks.measure import ROOT, Result

BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
_PACKAGES = ("numpy", "polars", "pandas", "openpyxl", "isal", "presidio-analyzer", "jieba")
_HEAD = (
    "| | size | × floor | spread | × floor, CPU | rate | seconds | peak MB | leaks |",
    "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
)
_INNER = ("| | per second | microseconds |", "| --- | --: | --: |")


def machine() -> dict[str, str]:
    """What the figures depend on, and nothing that names the computer or its user."""
    facts = {
        "date": datetime.date.today().isoformat(),
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "deid": _commit(),
        "load": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
    }
    return facts | {name: found for name in _PACKAGES if (found := _version(name))}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")


def _memory() -> str:
    pages: int = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 2**30:.0f} GB"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--tags"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return run.stdout.strip() or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def markdown(results: Sequence[Result], facts: Mapping[str, str], scale: str) -> str:
    """Every bench as one table."""
    lines = [_told(facts, scale), ""]
    for bench, group in groupby(results, key=lambda row: row.bench):
        rows = list(group)
        inner = all(row.unit == "calls" for row in rows)
        lines += [f"**{bench}**", "", *(_INNER if inner else _HEAD)]
        lines += [_inner_row(row) if inner else _row(row) for row in rows]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _told(facts: Mapping[str, str], scale: str) -> str:
    versions = ", ".join(f"{name} {facts[name]}" for name in _PACKAGES if name in facts)
    return (
        f"Run `{scale}` of {facts['date']}, deid {facts['deid']}: {facts['cpu']}, {facts['cores']} cores, "
        f"{facts['memory']}, {facts['system']}, Python {facts['python']}, {versions}. "
        f"Load of the machine when the run began (1, 5, 15 minutes): {facts['load']}."
    )


def _row(row: Result) -> str:
    name = f"**{row.name}**" if row.name.startswith("deid") else row.name
    if row.note:
        return f"| {name} | {_size(row)} | | | | {row.note.replace('|', '/')} | | | |"
    cells = (
        name,
        _size(row),
        _short(row.ratio),
        f"± {_short(row.spread / 2)}" if row.rounds > 1 else "",
        _short(row.cpu_ratio) if row.cpu_ratio else "",
        f"{_short(row.rate)} {row.unit}/s",
        _short(row.seconds),
        f"{row.peak_mb:,.0f}",
        f"{sum(row.leaks.values()):,} of {row.planted:,}" if row.planted else "",
    )
    return f"| {' | '.join(cells)} |"


def _inner_row(row: Result) -> str:
    if row.note:
        return f"| {row.name} | {row.note} | |"
    return f"| {row.name} | {_short(row.rate)} | {_short(row.seconds * 1e6)} |"


def _size(row: Result) -> str:
    return f"{row.size / 1e6:g} MB" if row.unit == "MB" else f"{row.size:,}"


def _short(value: float) -> str:
    """Three significant digits, thousands apart."""
    if value >= 100:
        return f"{round(value, 2 - len(str(int(value))) + 1):,.0f}"
    return f"{value:.2g}" if value < 1 else f"{value:.3g}"


def into_readme(table: str, readme: Path = ROOT / "README.md") -> None:
    """Put the table between the two marks of the README's section on speed."""
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{readme.name} has no {BEGIN} … {END}")
    readme.write_text(f"{before}{begin}\n\n{table}\n{end}{after}", encoding="utf-8")


def progress(results: Sequence[Result]) -> Iterator[str]:
    """One line a result, for the terminal."""
    for row in results:
        told = row.note or f"{_short(row.seconds)} s, {_short(row.rate)} {row.unit}/s"
        yield f"{row.bench}: {row.name}: {_size(row)}: {told}"
