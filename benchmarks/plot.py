"""Cost against size, ours and the others, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bench_scaling import TITLE
from benchmarks.measure import Result

_OURS = {"color": "#c0392b", "linewidth": 2.4, "zorder": 3}
_OTHERS = ("#2c3e50", "#2980b9", "#8e44ad", "#7f8c8d", "#16a085")


def draw(results: Sequence[Result], facts: Mapping[str, str], target: Path) -> None:
    """Seconds and peak memory of the scaling bench, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in results if row.bench == TITLE and not row.note]
    names = list(dict.fromkeys(row.name for row in rows))
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for at, name in enumerate(names):
        mine = sorted((row for row in rows if row.name == name), key=lambda row: row.size)
        style = _OURS if name.startswith("deid") else {"color": _OTHERS[at % len(_OTHERS)]}
        sizes = [row.size for row in mine]
        left.loglog(sizes, [row.seconds for row in mine], "o-", markersize=4, label=name, **style)
        right.loglog(sizes, [row.peak_mb for row in mine], "o-", markersize=4, label=name, **style)
    for axes, title in ((left, "seconds, whole process"), (right, "peak memory, MB")):
        axes.set_xlabel("rows of 10 columns (csv, UTF-8)")
        axes.set_title(title, fontsize=11)
        axes.grid(True, which="major", alpha=0.3)
    right.legend(fontsize=8, loc="upper left")
    where = f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}, {facts['date']}"
    figure.suptitle(where, fontsize=9, color="#555555")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
