"""What is read from ``patterns/expressions.json`` is what ``re`` compiles."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deid import later as module
from deid.data import patterns_dir
from deid.errors import PatternError
from deid.later import compiled, later

FILE = patterns_dir() / module.EXPRESSIONS
KNOWN = json.loads(FILE.read_text("utf-8"))
ENGINES = KNOWN.pop("engines")


@pytest.fixture
def other_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder of patterns with a file of expressions that a test may damage."""
    monkeypatch.setattr(module, "patterns_dir", lambda: tmp_path)
    module._known.cache_clear()
    target = tmp_path / module.EXPRESSIONS
    target.write_bytes(FILE.read_bytes())
    yield target
    module._known.cache_clear()


def test_every_expression_is_what_the_engine_of_this_python_compiles() -> None:
    if sys.modules["_sre"].MAGIC not in ENGINES:
        pytest.skip("this Python compiles all of them")
    for source in KNOWN:
        ours, own = compiled(source), re.compile(source)
        assert ours == own, source  # the same words, flags and source
        assert (ours.groups, ours.groupindex) == (own.groups, own.groupindex), source


def test_the_file_is_as_the_script_writes_it() -> None:
    path = patterns_dir() / "update" / "expressions.py"
    spec = importlib.util.spec_from_file_location("expressions", path)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.text(ENGINES, KNOWN) == FILE.read_text("utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"",
        lambda text: text.replace(b"[20", b"[10", 1).replace(b", 20", b", 10", 2),
        lambda text: text.replace(b'"eJ', b'"eK'),
        lambda text: text.replace(b'"eJ', b'"e'),
        lambda text: text.replace(b", {", b", [{"),
        lambda text: text.replace(b": [", b": [1, "),
    ],
    ids=["empty", "engine", "words", "base64", "json", "too many"],
)
def test_a_damaged_file_costs_time_and_nothing_else(other_file: Path, change: object) -> None:
    other_file.write_bytes(change(other_file.read_bytes()))  # type: ignore[operator]
    for source in sorted(KNOWN)[::20]:
        assert compiled(source) == re.compile(source)


def test_no_file(other_file: Path) -> None:
    other_file.unlink()
    assert compiled("[a-f]+").search("xyzabc").group() == "abc"  # type: ignore[union-attr]


def test_an_expression_that_is_not_there_compiles() -> None:
    assert later("unheard of [0-9]{3}").fullmatch("unheard of 123")


def test_an_expression_that_is_wrong_is_told() -> None:
    with pytest.raises(PatternError, match="不合法的表达式"):
        later("(").search("")
