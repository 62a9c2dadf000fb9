"""What the page is shown of a file: as it will be written, bounded, told why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deid import preview
from deid.pipeline import mask_file
from deid.policy import load_policy
from deid.preview import Bounds, known_kinds, preview_file

ID = "11010519491231002X"
LIST = f"""2025年低保公示名单
姓名,身份证号,联系电话,备用,住址
张伟,{ID},13800138000,88123456,红新村8组
李娜,110105194912310038,13800138001,88123457,红新村9组
"""


def shown(
    folder: Path, text: str = LIST, policy: str = "general", **options: Any
) -> dict[str, Any]:
    source = folder / "名单.csv"
    source.write_text(text, encoding="utf-8")
    return preview_file(source, policy=load_policy(policy), **options)


def grid(told: dict[str, Any], key: str = "text") -> list[list[str]]:
    return [[cell.get(key, "") for cell in row["cells"]] for row in told["tables"][0]["rows"]]


def test_it_is_what_is_written(tmp_path: Path) -> None:
    told = shown(tmp_path)
    mask_file(tmp_path / "名单.csv", tmp_path / "out.csv", policy=load_policy("general"))
    written = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert [",".join(row) for row in grid(told)] == written
    assert grid(told, "before")[2] == ["", ID, "13800138000", "", "红新村8组"]
    cell = told["tables"][0]["rows"][2]["cells"][1]
    assert "居民身份证号" in cell["why"][0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "名单.csv"]


def test_columns_tell_what_they_were_taken_for(tmp_path: Path) -> None:
    columns = shown(tmp_path, kinds={("", 3): "phone"})["tables"][0]["columns"]
    assert [column["label"] for column in columns] == [
        "姓名", "身份证号", "联系电话", "联系电话", "家庭住址",
    ]  # fmt: skip
    assert [column["by_hand"] for column in columns] == [False, False, False, True, False]
    assert columns[1]["rule"] == "留前 6 位，其余遮盖"


def test_columns_that_go_are_told_and_not_shown(tmp_path: Path) -> None:
    told = shown(tmp_path, policy="dibao_review")
    gone = [column["column"] for column in told["tables"][0]["columns"] if column["dropped"]]
    assert 2 in gone
    assert not any(
        cell["column"] in gone for row in told["tables"][0]["rows"] for cell in row["cells"]
    )


def test_what_must_not_be_published_is_not_shown(tmp_path: Path) -> None:
    told = shown(tmp_path, policy="orphan")
    assert (told["report"]["status"], told["tables"]) == ("refused", [])
    told = shown(tmp_path, policy="orphan", override="经局长办公会研究同意")
    assert told["tables"]


def test_bounds(tmp_path: Path) -> None:
    rows = "\n".join(f"{at},李娜,110105194912310038" for at in range(90))
    told = shown(tmp_path, f"序号,姓名,身份证号\n{rows}\n", bounds=Bounds(rows=30, columns=2))
    (table,) = told["tables"]
    assert (len(table["rows"]), table["more"], table["more_columns"]) == (30, True, 1)
    assert {cell["column"] for row in table["rows"] for cell in row["cells"]} == {0, 1}


def test_texts(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text(f"公示如下。\n\n张伟，身份证{ID}。\n", encoding="utf-8")
    told = preview_file(source, policy=load_policy("general"))
    (changed,) = [text for text in told["texts"] if "before" in text]
    assert ID not in changed["text"]
    assert ID in changed["before"]


def test_items_know_their_cell(tmp_path: Path) -> None:
    told = shown(tmp_path, LIST + "王芳,110105194912310038,,,,多一列,再多一列\n")
    spots = [item["at"] for item in told["report"]["items"] if "at" in item]
    assert {"table": 0, "row": 4, "column": 0} in spots


@pytest.mark.parametrize("name", ["a.xlsx", "a.jpg"])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no")
    told = preview_file(tmp_path / name, policy=load_policy("general"))
    assert (told["report"]["status"], told["tables"], told["texts"]) == ("unreadable", [], [])


def test_of_a_large_file_the_first_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "_USUAL", 100)
    monkeypatch.setattr(preview, "_GLANCE", 3)
    told = shown(tmp_path, kinds={("", 2): "skip"})
    assert told["rows_read"] == 3
    assert len(grid(told)) == 3
    assert grid(told)[2][1:3] == ["110105************", "13800138000"]
    assert told["report"]["status"] == "look"
    assert shown(tmp_path, policy="orphan")["report"]["status"] == "refused"
    assert shown(tmp_path, kinds={("x", 1): "skip"})["report"]["status"] == "unreadable"


def test_known_kinds() -> None:
    kinds = {each["kind"]: each for each in known_kinds()}
    assert kinds["id_number"] == {
        "kind": "id_number", "label": "身份证号", "group": "直接标识个人",
    }  # fmt: skip
    assert "skip" in kinds
