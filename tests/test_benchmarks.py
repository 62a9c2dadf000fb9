"""The generator makes the same lists each time, and every bench runs. Nothing here looks at a clock."""

from __future__ import annotations

import csv
import importlib
import zipfile
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import generate, table
from benchmarks.baselines import BASELINES
from benchmarks.leaks import survivors
from benchmarks.measure import SCALES, Result, Step, expected, largest, race
from benchmarks.measure import Contender as C
from deid.checks import bank_card, mobile, resident_id

FACTS = dict.fromkeys(("date", "deid", "cpu", "cores", "memory", "system", "python", "load"), "x")


def made(tmp_path: Path, *arguments: object, suffix: str = ".csv") -> bytes:
    """The file that the generator makes of its command line."""
    target = tmp_path / f"made{suffix}"
    generate.main([str(argument) for argument in (*arguments[:2], target, *arguments[2:])])
    return target.read_bytes()


VARIANTS = [
    ("csv", 50),
    ("csv", 50, "--encoding", "gb18030", "--odd", "1"),
    ("csv", 50, "--quoted"),
    ("csv", 50, "--kind", "free"),
    ("csv", 50, "--kind", "homes"),
    ("csv", 50, "--kind", "harmless"),
    ("text", 20_000),
    ("text", 20_000, "--hits", "0"),
    ("xlsx", 50),
    ("xlsx", 50, "--cells", "inline"),
    ("xlsx", 50, "--cells", "numeric", "--odd", "0.5"),
]


@pytest.mark.parametrize("arguments", VARIANTS, ids=lambda said: "-".join(map(str, said)))
def test_the_seed_decides(arguments: tuple[object, ...], tmp_path: Path) -> None:
    suffix = f".{arguments[0]}"
    first = made(tmp_path, *arguments, suffix=suffix)
    assert made(tmp_path, *arguments, suffix=suffix) == first
    assert made(tmp_path, *arguments, "--seed", 7, suffix=suffix) != first


def test_a_longer_list_begins_with_the_shorter_one(tmp_path: Path) -> None:
    short, long = made(tmp_path, "csv", 30), made(tmp_path, "csv", generate.BATCH + 5)
    assert long.startswith(short)
    assert long.count(b"\n") == generate.BATCH + 6


@pytest.mark.parametrize("options", [(), ("--quoted",)])
def test_numbers_are_right_and_stand_where_they_should(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    text = made(tmp_path, "csv", 200, *options).decode()
    header, *rows = csv.reader(text.splitlines())
    assert tuple(header) == generate.HEADER
    for row, person in zip(rows, generate.planted(200), strict=True):
        assert (row[3], row[4], row[6]) == (person["id"], person["phone"], person["card"])
        assert row[5].endswith(person["address"])
        assert resident_id(row[3])
        assert mobile(row[4])
        assert bank_card(row[6])
        assert (row[2] == "男") == (int(row[3][16]) % 2 == 1)


def test_a_million_rows_would_weigh_what_a_real_list_weighs(tmp_path: Path) -> None:
    assert 155 <= len(made(tmp_path, "csv", 5_000)) / 5_000 <= 170


@pytest.mark.parametrize("cells", ["shared", "inline", "numeric"])
def test_workbooks_hold_the_same_list(cells: str, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    data = made(tmp_path, "xlsx", 40, "--cells", cells, suffix=".xlsx")
    book = openpyxl.load_workbook(tmp_path / "made.xlsx", read_only=True)
    header, *rows = book.active.iter_rows(values_only=True)
    assert header == generate.HEADER
    for row, person in zip(rows, generate.planted(40), strict=True):
        assert (row[3], str(row[4]), row[6]) == (person["id"], person["phone"], person["card"])
        assert isinstance(row[4], int) == (cells == "numeric")
    book.close()
    assert zipfile.is_zipfile(tmp_path / "made.xlsx")
    assert data.startswith(b"PK")


def test_leaks_are_counted_however_they_are_written(tmp_path: Path) -> None:
    made(tmp_path, "csv", 300, "--odd", "0.5")
    path = tmp_path / "made.csv"
    assert survivors(path, 300, odd=0.5) == dict.fromkeys(generate.SECRETS, 300)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:101]), encoding="utf-8")
    assert survivors(path, 300, odd=0.5) == dict.fromkeys(generate.SECRETS, 100)


def options_of(name: str) -> tuple[str, list[object], str]:
    """(package, arguments of the generator, suffix) of one baseline."""
    package = {"inflate": "isal", "copy": "deid", "re": "deid", "scan": "deid", "deid": "deid"}.get(
        name.split("_")[0], name.split("_")[0]
    )
    if "openpyxl" in name or "flate" in name:
        return ("zlib" if name.endswith("zlib") else package), ["xlsx", 20], ".xlsx"
    if name == "re_lines":
        return package, ["text", 3000], ".text"
    return package, ["csv", 20, *(["--encoding", "gb18030"] if "gb18030" in name else [])], ".csv"


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", sorted(BASELINES))
def test_every_baseline_runs(name: str, tmp_path: Path) -> None:
    package, arguments, suffix = options_of(name)
    pytest.importorskip({"presidio": "presidio_analyzer"}.get(package, package))
    made(tmp_path, *arguments, suffix=suffix)
    source, target = tmp_path / f"made{suffix}", tmp_path / f"out{suffix}"
    if name.endswith("folder"):
        source, target = tmp_path, tmp_path / "out"
    BASELINES[name](source, target)
    assert target.stat().st_size > 0


@pytest.mark.parametrize("name", ["presidio", "pandas_cells", "polars_masked"])
@pytest.mark.filterwarnings("default")
def test_what_masks_a_plain_list_leaves_no_number(name: str, tmp_path: Path) -> None:
    package = options_of(name)[0]
    pytest.importorskip({"presidio": "presidio_analyzer"}.get(package, package))
    made(tmp_path, "csv", 20)
    BASELINES[name](tmp_path / "made.csv", tmp_path / "out.csv")
    assert survivors(tmp_path / "out.csv", 20) == dict.fromkeys(generate.SECRETS, 0)


@pytest.mark.parametrize("name", command.BENCHES)
def test_every_bench_runs(name: str, tmp_path: Path) -> None:
    bench = importlib.import_module(f"benchmarks.bench_{name}")
    results = bench.bench(SCALES["tiny"], tmp_path)
    ours = [row for row in results if row.name.startswith("deid")]
    assert all(not row.note for row in ours)
    assert ours or name == "inner"
    assert all(not sum(row.leaks.values()) for row in ours)
    assert table.markdown(results, FACTS, "tiny")


def test_a_slow_contender_stays_with_what_it_can_do(tmp_path: Path) -> None:
    asked: list[int] = []

    def make(size: int) -> tuple[Path, Path]:
        asked.append(size)
        return tmp_path, tmp_path

    quiet = C("nothing", lambda source, target: ("true",))
    assert largest(quiet, (1, 10, 100), 3600, make) == (100, "")
    assert largest(quiet, (1, 10, 100), 0, make) == (1, "")
    assert expected(Step(0, 0.0), Step(1_000, 4.0), 10_000) == 4.0
    assert expected(Step(1_000, 4.0), Step(10_000, 13.0), 100_000) == 103.0
    assert expected(Step(1_000, 4.0), Step(10_000, 2.0), 100_000) == 2.0
    assert asked == [1, 10, 1]


def test_a_failing_or_missing_contender_is_told_not_hidden(tmp_path: Path) -> None:
    broken = C("deid mask", lambda source, target: ("false",))
    absent = C("other", lambda source, target: ("true",), needs=("no_such_package",))
    results = race("x", (broken, absent), (1,), lambda size: (tmp_path, tmp_path), SCALES["tiny"])
    assert [row.note for row in results] == ["exit 1: ", "no_such_package not installed"]
    assert "no_such_package not installed" in table.markdown(results, FACTS, "tiny")


def test_kept_results_can_be_shown_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Result(
        "a", "deid mask", 10, "rows", 2.0, 5.0, 30, 1.5, 0.2, 3, leaks={"id": 0}, planted=16
    )
    command.save(tmp_path / "kept.json", [row], FACTS, "full")
    assert command.main(["--from", str(tmp_path / "kept.json")]) == 0
    shown = capsys.readouterr().out
    assert "| **deid mask** | 10 | 1.5 | ± 0.1 |  | 5 rows/s | 2 | 30 | 0 of 16 |" in shown


def test_the_table_goes_between_the_marks_of_the_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"a\n{table.BEGIN}\nold\n{table.END}\nb\n", encoding="utf-8")
    table.into_readme("new\n", readme)
    assert readme.read_text(encoding="utf-8") == f"a\n{table.BEGIN}\n\nnew\n\n{table.END}\nb\n"
    readme.write_text("no marks", encoding="utf-8")
    with pytest.raises(SystemExit):
        table.into_readme("new\n", readme)


def test_the_readme_has_the_marks() -> None:
    text = (command.ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count(table.BEGIN) == text.count(table.END) == 1


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from benchmarks.bench_scaling import TITLE
    from benchmarks.plot import draw

    rows = [Result(TITLE, "deid mask", size, "rows", size / 1e6, 1e6, 40) for size in (10, 100)]
    draw(rows, FACTS, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
