"""Tables and help that line up, and a progress bar that appears on a terminal only."""

from __future__ import annotations

import io
import sys

import pytest

from deid.terminal import progress, table, width, wrap


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("遮盖名单写到", ["遮盖", "名单", "写到"]),
        ("遮盖，名单", ["遮", "盖，", "名单"]),  # no line starts with a comma
        ("a policies b", ["a ", "policies", "b"]),  # a word is not broken
    ],
)
def test_wrap(text: str, lines: list[str]) -> None:
    assert wrap(text, 4) == lines


def test_table_lines_up() -> None:
    lines = table(("列", "处数"), [("身份证号", 3), ("QQ", "")]).splitlines()
    assert {width(line[: line.index(mark)]) for line, mark in zip(lines, "处3", strict=False)} == {
        10
    }
    assert lines[2] == "QQ"


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress(2, show=True) as advance:
        advance()
    assert "1/2" in sys.stderr.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("stream", "show"), [(io.StringIO(), True), (Terminal(), False)])
def test_no_progress_in_a_pipe_or_when_quiet(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, show: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress(2, show=show) as advance:
        advance()
    assert stream.getvalue() == ""
