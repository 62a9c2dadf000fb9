"""deid catalog check: which elements of a catalogue of publication are missing."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

from deid import cli
from deid.catalog import check_catalog
from deid.errors import DeidError

HEAD = (
    "序号,公开事项,公开内容,公开依据,公开时限,公开主体,公开渠道和载体,公开对象,公开方式,公开层级\n"
)
GOOD = {
    "name": "低保对象名单",
    "content": "低保对象名单、监督电话号码",
    "basis": "《社会救助暂行办法》（国务院令第649号）",
    "time_limit": "信息形成或变更之日起10个工作日内",
    "publisher": "县民政局",
    "channels": "■政府网站 □公示栏",
    "audience": "全社会",
    "method": "主动公开",
    "levels": "县级",
}


def check(tmp_path: Path, limit: int | None = None, **changed: str) -> list[str]:
    path = tmp_path / "目录.csv"
    row = ",".join(["1", *{**GOOD, **changed}.values()])
    path.write_text(f"社会救助领域公开目录\n{HEAD}{row}\n注：本表每年更新\n", encoding="utf-8")
    found = check_catalog(path, limit=limit)
    assert all(item.place.startswith("R2C") for item in found)
    return [item.message for item in found]


def test_a_complete_catalogue_has_no_fault(tmp_path: Path) -> None:
    assert check(tmp_path) == []


@pytest.mark.parametrize("element", [key for key in GOOD if key != "name"])
def test_an_empty_element_is_told(tmp_path: Path, element: str) -> None:
    (message,) = check(tmp_path, **{element: ""})
    assert message.startswith("没有写")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"basis": "有关规定"}, "写的是“有关规定”"),
        ({"basis": "民发2021年57号文"}, "没有文件全称"),
        ({"basis": "《最低生活保障审核确认办法》"}, "第 1 件依据没有文号"),
        ({"basis": "《中华人民共和国残疾人保障法》；《某办法》"}, "第 2 件依据没有文号"),
        ({"basis": "《某办法》（民发[2021]57号）"}, "六角括号"),
        ({"time_limit": "30个工作日内"}, "超过 10 个工作日"),
        ({"time_limit": "形成之日起二十日内"}, "超过 10 个工作日"),
        ({"time_limit": "一个月内"}, "超过 10 个工作日"),
        ({"time_limit": "按规定公开"}, "写的是“按规定”"),
        ({"time_limit": "公示7个工作日"}, ""),
        ({"time_limit": "待定"}, "没有写明"),
        ({"time_limit": "每季度"}, ""),
        ({"time_limit": "及时"}, ""),
        ({"time_limit": "14日内"}, ""),
        ({"name": "城乡规划", "time_limit": "20个工作日内"}, ""),
        ({"name": "城乡规划", "time_limit": "21个工作日内"}, "超过 20 个工作日"),
        ({"publisher": "有关部门"}, "写的是“有关部门”"),
        ({"channels": "□政府网站 □公示栏"}, "一项也没有勾选"),
        ({"channels": "政府网站"}, ""),
        ({"content": "姓名、身份证号、金额"}, "列出了“身份证号”"),
        ({"content": "服务机构联系电话号码"}, ""),
        ({"basis": "《中华人民共和国政府信息公开条例》（国务院令第711号）"}, ""),
        ({"basis": "《关于某事的通知》（国办发〔2019〕54号）"}, ""),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, changed: dict[str, str], told: str) -> None:
    messages = check(tmp_path, **changed)
    assert (told in messages[0]) if told else not messages, messages


@pytest.mark.parametrize(("limit", "faults"), [(3, 1), (10, 0), (20, 0)])
def test_the_local_limit(tmp_path: Path, limit: int, faults: int) -> None:
    assert len(check(tmp_path, limit=limit)) == faults


def test_two_header_rows_with_ticks_and_merges(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["某县社会救助目录"])
    top = ["序号", "公开事项", None, *list(GOOD)[1:6]]
    labels = ["公开内容（要素）", "公开依据", "公开时限", "公开主体", "公开渠道和载体"]
    top[3:] = [*labels, "公开对象", None, "公开方式", None, "公开层级", None]
    sheet.append(top)
    parts = ["全社会", "特定群体", "主动", "依申请", "县级", "乡级"]
    sheet.append([None, "一级事项", "二级事项", *[None] * 5, *parts])
    told = [GOOD[key] for key in ("content", "basis", "time_limit", "publisher", "channels")]
    sheet.append([1, "最低生活保障", "审核信息", *told, "√", None, "√", None, None, "√"])
    sheet.append([2, None, "审批信息", *told, None, None, None, "√", "√", None])
    for span in ("B2:C2", "I2:J2", "K2:L2", "M2:N2", "A1:N1", "B4:B5"):
        sheet.merge_cells(span)
    path = tmp_path / "目录.xlsx"
    book.save(path)
    assert [(i.place, i.message) for i in check_catalog(path)] == [("Sheet!I5", "没有写“公开对象”")]


def test_a_missing_column_is_told(tmp_path: Path) -> None:
    path = tmp_path / "目录.csv"
    path.write_text("公开事项,公开内容,公开依据\n甲,乙,《中华人民共和国宪法》\n", encoding="utf-8")
    messages = [item.message for item in check_catalog(path)]
    assert len(messages) == 6
    assert "缺少“公开时限”这一列" in messages


@pytest.mark.parametrize("text", ["", "姓名,金额\n张三,100\n"])
def test_what_is_no_catalogue_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "名单.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DeidError):
        check_catalog(path)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "目录.csv"
    bad = ",".join(["1", *{**GOOD, "basis": ""}.values()]) + "\n"
    path.write_text(HEAD + bad * 25, encoding="utf-8")
    assert cli.run(["catalog", "check", str(path)]) == 1
    assert "其余 5 处" in capsys.readouterr().out
    assert cli.run(["catalog", "check", str(path), "--format", "json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["items"]) == 25
    path.write_text(HEAD + ",".join(["1", *GOOD.values()]), encoding="utf-8")
    assert cli.run(["catalog", "check", str(path)]) == 0
    assert cli.run(["catalog", "check", str(tmp_path / "没有.xlsx")]) == 2
    assert cli.run(["catalog", "check", str(path), "--limit", "0"]) == 2
