"""Numbers that a line end cuts in two."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid.pipeline import mask_file
from deid.policy import load_policy


def _masked(content: str, folder: Path) -> str:
    source, target = folder / "a.txt", folder / "b.txt"
    source.write_text(content, "utf-8")
    assert mask_file(source, target, policy=load_policy("general")).status == "publish"
    return target.read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "公示\n何超的身份证号为4310211994\n09266220，住香花镇高塘村14组。\n特此公示。",
            "公示\n何超的身份证号为**********\n********，住香花镇高塘村***。\n特此公示。",
        ),
        (
            "公示\n何超，身份证号码：431021199409\n  266220；已核对\n完",
            "公示\n何超，身份证号码：431021******\n  ******；已核对\n完",
        ),
        ("公示\n电话150365\n33804。\n完", "公示\n电话******\n*****。\n完"),
        ("公示\n身份证号43102119940926\n622ｘ止\n完", None),
    ],
    ids=["ID", "ID with blanks", "mobile", "broken check digit"],
)
def test_both_pieces_go(content: str, expected: str | None, tmp_path: Path) -> None:
    masked = _masked(content, tmp_path)
    assert masked == expected if expected else "19940926" not in masked


@pytest.mark.parametrize(
    "content",
    [
        "公示\n共发放补助资金135\n2316户受益\n完",
        "公示\n发布日期2024\n0918号文件已废止\n完",
        "项目编号20240918\n00010002已归档\n完\n",
        "一、补助标准每户150\n3653380元为总额\n完",
    ],
)
def test_other_numbers_stay(content: str, tmp_path: Path) -> None:
    assert _masked(content, tmp_path) == content
