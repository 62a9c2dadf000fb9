"""What a small run may load and compile: its start is most of it, on Windows above all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import Workbook

from deid import formats
from deid.data import patterns_dir
from deid.later import EXPRESSIONS

LIST = (
    "姓名,身份证号,联系电话,家庭住址,银行账号\n"
    "张国庆,431026198412034196,18913185500,湖南省郴州市永兴县青山乡大冲村10组137号,6228483175267369087\n"
) + "陈娜,431081200206158352,13531481453,湖南省郴州市永兴县香花镇白石村20组75号,无\n" * 200

# Runs the command line and tells what it loaded, and how many expressions were compiled for deid.
SCRIPT = """
import json, sys
import re._compiler as compiler
made, own = [], compiler.compile
compiler.compile = lambda *given: made.append(given[0]) or own(*given)
try:
    from deid.cli import main
    before = len(made)
    main(sys.argv[1:])
except SystemExit as end:
    status = end.code
print(json.dumps([status, sorted(sys.modules), len(made) - before]), file=sys.stderr)
"""

# Loaded for other work: other formats, large files, several processes, other commands, faults.
NEVER = {
    "bz2", "csv", "difflib", "glob", "lzma", "random", "shutil", "tempfile", "html", "html.entities", "importlib.metadata",
    "importlib.resources", "logging", "multiprocessing", "concurrent.futures", "numpy", "pandas",
    "jieba", "rich", "yaml", "textwrap", "traceback", "zipfile", "xml", "email", "socket", "ssl",
    "asyncio", "locale", "subprocess", "decimal", "fractions", "statistics",
    "deid.audit", "deid.batches", "deid.catalog", "deid.frames", "deid.grading", "deid.published",
    "deid.review", "deid.sample", "deid.spark", "deid.strength.columns", "deid.stream.run",
    "deid.sweep", "deid.union", "deid.vector", "deid.formats.docx", "deid.formats.pdf",
    "deid.formats.xls", "deid.formats.xlsx", "deid.formats.html",
}  # fmt: skip
FOR_WORKBOOKS = {
    "bz2",
    "decimal",
    "deid.formats.xlsx",
    "lzma",
    "random",
    "shutil",
    "xml",
    "zipfile",
}
ENGINES = json.loads((patterns_dir() / EXPRESSIONS).read_text("utf-8"))["engines"]
CLICKS_OWN = {"bz2", "difflib", "locale", "lzma", "shutil", "textwrap"}
"""What click loads to write help and complaints."""
MOST_COMPILED = 25
"""What is compiled after the first import: of the standard library, of this list's content, and
expressions that ``patterns/update/expressions.py`` has not written down yet. All in all: 300."""


def run(*arguments: str) -> tuple[int, set[str], int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, encoding="utf-8"
    )
    status, modules, compiled = json.loads(done.stderr.splitlines()[-1])
    return status, set(modules), compiled


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, set[str], int]:
    folder = tmp_path_factory.mktemp("small")
    source = folder / "list.csv"
    source.write_text(LIST, encoding="utf-8")
    return run("mask", str(source), "-o", str(folder / "out"), "-q")


def test_a_small_list_loads_nothing_that_it_does_not_need(
    small: tuple[int, set[str], int],
) -> None:
    status, modules, _ = small
    assert status == 0
    assert not modules & NEVER


def test_a_small_list_compiles_few_expressions(small: tuple[int, set[str], int]) -> None:
    if sys.modules["_sre"].MAGIC not in ENGINES:
        pytest.skip("this Python compiles them all")
    assert small[2] <= MOST_COMPILED


def test_a_small_workbook_loads_what_reads_workbooks_only(tmp_path: Path) -> None:
    book = Workbook()
    for line in LIST.splitlines():
        book.active.append(line.split(","))
    book.save(tmp_path / "list.xlsx")
    status, modules, compiled = run("mask", str(tmp_path), "-o", f"{tmp_path}-out", "-q")
    assert status == 0
    assert not modules & NEVER - FOR_WORKBOOKS
    if sys.modules["_sre"].MAGIC in ENGINES:
        assert compiled <= 2 * MOST_COMPILED


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_help_loads_no_rules(argument: str) -> None:
    status, modules, _ = run(argument)
    rules = {f"deid.{name}" for name in ("pipeline", "policy", "scan", "columns", "report")}
    assert status == 0
    assert not modules & (NEVER | rules) - CLICKS_OWN


def test_importing_deid_loads_no_module_of_it() -> None:
    script = "import sys, deid; print([name for name in sys.modules if name.startswith('deid.')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_every_name_of_the_package_is_there() -> None:
    script = (
        "import deid; from deid import *; assert set(deid.__all__) <= set(dir(deid));"
        "print(all(getattr(deid, name) is globals()[name] for name in deid.__all__))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True)
    assert done.stdout.split() == [b"True"]


def test_a_name_that_is_not_there() -> None:
    import deid

    with pytest.raises(AttributeError, match="no attribute 'mask_everything'"):
        _ = deid.mask_everything  # type: ignore[attr-defined]


def test_every_format_is_found_by_the_head_of_its_source() -> None:
    folder = Path(formats.__file__).parent
    declaring = {p.stem for p in folder.glob("*.py") if "\nEXTENSIONS = (" in p.read_text("utf-8")}
    found = {module.__name__.rpartition(".")[2] for module in formats.formats().values()}
    assert found == declaring
