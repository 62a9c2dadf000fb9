"""What is read once, and what a glance at the output must not pass over."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from deid import kept
from deid.examine import Work
from deid.kept import Kept
from deid.leftover import _as_edited
from deid.model import Edit, Row, Table, Text
from deid.pipeline import mask_file
from deid.policy import load_policy


def table(lines: list[list[str]], reads: list[int] | None = None) -> Table:
    def rows() -> Iterator[Row]:
        if reads is not None:
            reads.append(1)
        for at, line in enumerate(lines):
            yield Row(at, dict(enumerate(line)))

    return Table("", rows, lambda row, column: f"R{row}C{column}")


@pytest.mark.parametrize(("most", "times"), [(50_000, 1), (3, 3)])
def test_rows_of_small_tables_are_read_once(
    monkeypatch: pytest.MonkeyPatch, most: int, times: int
) -> None:
    monkeypatch.setattr(kept, "_MOST", most)
    reads: list[int] = []
    held = Kept(SimpleNamespace(parts=[table([["a", "b"], ["c", "d"]], reads)]))
    seen = [[row.cells[0] for part in held.parts for row in part.rows()] for _ in range(3)]
    assert seen == [["a", "c"]] * 3
    assert len(reads) == times


def test_a_reading_that_was_broken_off_is_not_kept() -> None:
    held = Kept(SimpleNamespace(parts=[table([["a"], ["b"]])]))
    (part,) = held.parts
    next(part.rows())
    assert [row.cells[0] for row in part.rows()] == ["a", "b"]


BEFORE = [["张三", "13800138000"], ["李四", "13900139000"]]
EDITS = {f"R{row}C1": [Edit(f"R{row}C1", 3, 7, "****")] for row in (0, 1)}


@pytest.mark.parametrize(
    ("after", "fine"),
    [
        ([["张三", "138****8000"], ["李四", "139****9000"]], True),
        ([["张三", "138****8000"], ["李四", "13900139000"]], False),  # one edit is missing
        ([["张三", "138****8000"], ["李四", "139****9001"]], False),
        ([["张二", "138****8000"], ["李四", "139****9000"]], False),  # nobody asked
        ([["张三", "138****8000"]], False),
        ([["张三", "138****8000"], ["李四", "139****9000", "新"]], False),
    ],
)
@pytest.mark.parametrize("beside", [[], [Text("t", "公示")]])
def test_only_what_plainly_is_as_edited_passes(
    after: list[list[str]], fine: bool, beside: list[Text]
) -> None:
    work = Work(edits=EDITS)
    assert _as_edited([table(BEFORE), *beside], [table(after), *beside], work) is fine


def test_a_text_of_the_place_of_a_cell_does_not_hide_a_missing_edit() -> None:
    work = Work(edits={"R0C1": EDITS["R0C1"]})
    before = [table(BEFORE), Text("R0C1", "13800138000")]
    after = [table(BEFORE), Text("R0C1", "138****8000")]
    assert not _as_edited(before, after, work)


def test_a_cell_costs_few_calls(tmp_path: Path) -> None:
    """A small list, the second time: a count of function calls, which no busy machine changes."""
    lines = [f"{n},张国庆,男,{13800138000 + n},无,{n}.50" for n in range(1, 101)]
    source = tmp_path / "list.csv"
    source.write_text("序号,姓名,性别,联系电话,备注,金额\n" + "\n".join(lines), encoding="utf-8")
    policy = load_policy("general")
    target = tmp_path / "out.csv"
    assert mask_file(source, target, policy=policy, overwrite=True).changed == 100
    profile = cProfile.Profile()
    profile.runcall(mask_file, source, target, policy=policy, overwrite=True)
    assert pstats.Stats(profile).total_calls / 600 < 80  # type: ignore[attr-defined]
