"""Columns that a person says hold something else: honoured from end to end, told where less is hid."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid.by_hand import label_name, moved
from deid.errors import UnknownKind
from deid.fields import NO_LABEL, SKIP, kind_label
from deid.model import FileReport
from deid.pipeline import mask_file, scan_file
from deid.policy import load_policy

GENERAL = load_policy("general")
LIST = """姓名,身份证号,联系电话,备用,住址
张伟,11010519491231002X,13800138000,88123456,红新村8组
李娜,110105194912310038,13800138001,88123457,红新村9组
"""


def masked(
    folder: Path, kinds: dict[tuple[str, int], str], text: str = LIST, policy: str = "general"
) -> tuple[FileReport, str]:
    source, target = folder / "in.csv", folder / "out.csv"
    source.write_text(text, encoding="utf-8")
    report = mask_file(source, target, policy=load_policy(policy), kinds=kinds, overwrite=True)
    return report, target.read_text(encoding="utf-8") if report.output else ""


def test_what_was_not_seen_is_masked(tmp_path: Path) -> None:
    assert "88123456" in masked(tmp_path, {})[1]
    report, text = masked(tmp_path, {("", 3): "phone"})
    assert "88123456" not in text
    assert "13800138000" not in text
    assert (report.status, report.overrides) == ("publish", ())
    assert [c.why for c in report.columns if c.index == 3] == ["人工改判"]


def test_a_column_left_alone_is_told(tmp_path: Path) -> None:
    report, text = masked(tmp_path, {("", 2): SKIP})
    assert "13800138000" in text
    assert "11010519491231002X" not in text
    assert report.status == "look"
    (override,) = report.overrides
    assert override.rule == "人工改判：第 3 列由“联系电话”改为“不处理”"
    assert "2 格" in override.reason
    assert override.rule in report.items[0].message


def test_less_protective_is_told_and_certain_numbers_stay_masked(tmp_path: Path) -> None:
    report, text = masked(tmp_path, {("", 1): "seq_no"})
    assert report.status == "look"
    assert "由“身份证号”改为“序号”" in report.overrides[0].rule
    assert "11010519491231002X" not in text


def test_skip_is_skip_under_a_header_of_two_things(tmp_path: Path) -> None:
    text = LIST.replace("联系电话", "身份证号/出生年月")
    assert "13800138000" in masked(tmp_path, {("", 2): SKIP}, text)[1]


@pytest.mark.parametrize("key", [("", 9), ("表", 3)])
def test_a_column_that_there_is_not(tmp_path: Path, key: tuple[str, int]) -> None:
    report, text = masked(tmp_path, {key: "phone"})
    assert (report.status, text) == ("refused", "")
    assert "列在文件里没有" in report.message


def test_no_such_kind(tmp_path: Path) -> None:
    report, _ = masked(tmp_path, {("", 1): "<b>11010519491231002X"})
    assert report.status == "refused"
    assert "1101" not in report.message
    with pytest.raises(UnknownKind):
        kind_label("zzz")


def test_columns_that_move_when_others_go(tmp_path: Path) -> None:
    """Under a matter's rules the ID column goes; what was said of the one behind it still counts."""
    assert moved({("", 1): SKIP, ("", 3): "phone"}, {"": frozenset({1, 2})}) == {("", 1): "phone"}
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(LIST, encoding="utf-8")
    for policy in ("dibao_review", "general"):
        report = mask_file(
            source, target, policy=load_policy(policy), kinds={("", 3): "phone"}, overwrite=True
        )
        assert report.status in ("publish", "look"), report.left
        assert "88123456" not in target.read_text(encoding="utf-8")


def test_a_directory_of_offices_may_be_said_to_be_of_persons(tmp_path: Path) -> None:
    text = (
        "单位名称,办公电话\n县民政局,0571-88123456\n镇敬老院,0571-88123457\n村委会,0571-88123458\n"
    )
    assert "88123456" in masked(tmp_path, {}, text)[1]
    assert "88123456" not in masked(tmp_path, {("", 1): "phone"}, text)[1]


def test_scan_knows_kinds_too(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(LIST, encoding="utf-8")
    phones = []
    for kinds in ({}, {("", 3): "phone"}):
        _, found = scan_file(source, policy=GENERAL, kinds=kinds)
        phones.append(sum(item.entity in ("CN_MOBILE", "CN_LANDLINE") for item in found))
    assert phones == [2, 4]


def test_names() -> None:
    assert [label_name(kind_label(k)) for k in (SKIP, "phone", "CN_MOBILE")] == [
        "不处理",
        "联系电话",
        "联系电话",
    ]
    assert label_name(NO_LABEL) == "未识别"
