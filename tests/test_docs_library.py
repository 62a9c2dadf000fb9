"""The pages for programmers: every example runs, the reference is current, types hold in a user's code."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import deid
import deid.accessors
import deid.presidio
from tests import reference
from tests.readme import blocks

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "deid" / "docs"


def run_examples(page: str, names: dict[str, object]) -> int:
    """Run the page's Python blocks in order, in one namespace; how many examples there are."""
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    text = (DOCS / page).read_text(encoding="utf-8")
    for number, (language, content) in enumerate(blocks(text)):
        if language == "python":
            test = parser.get_doctest(content, names, f"{page}, block {number}", page, 0)
            runner.run(test, clear_globs=False)
            names.update(test.globs)
    assert not runner.failures, page
    return runner.tries


@pytest.mark.parametrize("page", ["dataframes.md", "presidio.md"])
def test_the_examples_run(page: str) -> None:
    assert run_examples(page, {}) >= 8


def test_an_example_is_short() -> None:
    """Five lines are enough to use it."""
    for page in ("dataframes.md", "presidio.md", "spark.md"):
        (first, *_) = (b for language, b in blocks((DOCS / page).read_text("utf-8")) if language)
        assert first.count(">>>") <= 5, page


def test_the_reference_is_current() -> None:
    assert reference.TARGET.read_text(encoding="utf-8") == reference.text(), (
        "python tests/reference.py writes it anew"
    )


def test_every_public_name_is_told() -> None:
    told = set(re.findall(r"^### ([\w.]+)$", reference.text(), re.MULTILINE))
    assert {f"deid.{name}" for name in deid.__all__ if name != "__version__"} <= told
    assert all(getattr(deid, name).__doc__ for name in deid.__all__ if name != "__version__")


def test_the_readme_links_the_pages() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(
        f"deid/docs/{page}.md" in readme for page in ("library", "dataframes", "presidio", "spark")
    )


def test_public_names_are_pinned() -> None:
    """Taking one away, or adding one by accident, breaks somebody's code."""
    assert deid.__all__ == [
        "Column", "DeidError", "Edit", "Entity", "FileReport", "Finding", "FrameFault", "Item",
        "LeftOver", "PatternError", "Policy", "RecognizerFault", "UnknownPolicy", "UnreadableFile",
        "UnsafeEdit", "UnsupportedFormat", "__version__", "audit_files", "grade", "id_candidates",
        "load_entities", "load_policy", "mask_batches", "mask_file", "mask_table", "mask_text",
        "policy_names", "scan_file", "scan_table", "scan_text",
    ]  # fmt: skip
    assert deid.presidio.__all__ == [
        "DeidAnalyzer", "DeidRecognizer", "JiebaNlpEngine", "create_analyzer", "deid_operators",
        "hidden_results", "mask_results", "recognizers",
    ]  # fmt: skip
    assert deid.accessors.__all__ == ["DeidAccessor"]
    assert all(hasattr(module, name) for module in (deid, deid.presidio) for name in module.__all__)


SCRIPT = """
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import assert_type

import pyarrow as pa

from deid import (
    FileReport, Finding, LeftOver, Policy, load_policy, mask_batches, mask_file, mask_table,
    mask_text, scan_file, scan_table, scan_text,
)


class Frame: ...


def use(frame: Frame, columns: dict[str, list[str]]) -> list[Finding]:
    policy = load_policy("general")
    assert_type(policy, Policy)
    assert_type(mask_text("x", header="电话", policy=policy), str)
    assert_type(mask_table(frame, policy=Path("own.yaml")), Frame)
    assert_type(mask_table(columns, title="名单"), dict[str, list[str]])
    assert_type(mask_file("a.csv", Path("b.csv")), FileReport)
    report, found = scan_file("a.csv")
    assert_type(report, FileReport)
    assert_type(found, list[Finding])
    assert_type(report.found, Mapping[str, int])
    assert_type(scan_table(frame), list[Finding])
    try:
        return scan_text("x")
    except LeftOver as error:
        assert_type(error.report, FileReport)
        return []
"""


def test_types_hold_in_a_users_code(tmp_path: Path) -> None:
    script = tmp_path / "portal.py"
    script.write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\ndisallow_any_expr = true\n"
        "[mypy-pyarrow.*]\nignore_missing_imports = true\n"
        "[mypy-deid.*]\nfollow_imports = silent\ndisallow_any_expr = false\n",
        encoding="utf-8",
    )
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", script.name],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": "", "MYPY_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_types_are_shipped() -> None:
    assert (ROOT / "deid" / "py.typed").is_file()
