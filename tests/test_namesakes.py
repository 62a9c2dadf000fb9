"""A minor's name hides no adult of the same name whose row tells the age; prose hides it still."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid.pipeline import mask_file
from deid.policy import load_policy

ADULT_ID, CHILD_ID = "110105194912310011", "11010520150307001X"


def masked(folder: Path, text: str, name: str, policy: str = "general") -> str:
    source, target = folder / name, folder / "out" / name
    source.write_bytes(text.encode())
    report = mask_file(source, target, policy=load_policy(policy), overwrite=True)
    assert report.output, (report.message, report.left)
    return target.read_bytes().decode()


@pytest.mark.parametrize(
    ("column", "child", "adult"),
    [
        ("身份证号", CHILD_ID, ADULT_ID),
        ("年龄", "11", "72"),
        ("出生日期", "2015-03-07", "1949-12-31"),
    ],
)
@pytest.mark.parametrize("name", ["名单.csv", "名单.txt"])
def test_an_adult_keeps_the_name(
    tmp_path: Path, column: str, child: str, adult: str, name: str
) -> None:
    lines = [
        f"序号,姓名,{column},金额",
        f"1,赵小海,{child},100",
        f"2,赵小海,{adult},200",
        f"3,钱大江,{adult},200",
        f"4,孙立军,{adult},200",
        f"5,李红旗,{adult},200",
    ]
    out = masked(tmp_path, "\n".join([*lines, ""]), name).splitlines()
    assert out[1].startswith("1,赵**,")
    assert out[2].startswith("2,赵小海,")
    assert out[3].startswith("3,钱大江,")


def test_without_an_age_in_the_row_the_name_goes(tmp_path: Path) -> None:
    text = f"序号,姓名,身份证号,备注\n1,赵小海,{CHILD_ID},\n2,赵小海,,\n3,钱大江,{ADULT_ID},照顾赵小海\n"
    out = masked(tmp_path, text, "名单.csv").splitlines()
    assert out[1].startswith("1,赵**,")
    assert out[2].startswith("2,赵**,")
    assert out[3].endswith(",照顾赵**")


def test_prose_hides_it_still(tmp_path: Path) -> None:
    text = f"关于赵小海的说明\n序号,姓名,身份证号\n1,赵小海,{CHILD_ID}\n2,赵小海,{ADULT_ID}\n"
    out = masked(tmp_path, text, "名单.csv").splitlines()
    assert out[0] == "关于赵**的说明"
    assert out[2:] == ["1,赵**,110105************", "2,赵小海,110105************"]


def test_also_where_columns_go(tmp_path: Path) -> None:
    rules = tmp_path / "试.yaml"
    rules.write_text("policy: t\nlabel: 试\nextends: general\nfields: {disease: drop}\n", "utf-8")
    text = f"序号,病种,姓名,身份证号\n1,肺癌,赵小海,{CHILD_ID}\n2,肺癌,赵小海,{ADULT_ID}\n"
    out = masked(tmp_path, text, "名单.csv", str(rules)).splitlines()
    assert [line.split(",")[1] for line in out] == ["姓名", "赵**", "赵小海"]
