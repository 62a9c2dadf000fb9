"""Columns taken out, values made coarser: what is written, what is left, what is told."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from deid.model import FileReport
from deid.pipeline import is_reason, mask_file, mask_stream
from deid.policy import Policy, load_policy
from deid.stream import LEAST

CARD, OTHER = "11010519491231002X", "110105194912310011"
RULES = """\
fields:
  disease: drop
  phone: drop
  age: age_band
  birth_date: birth_year
  birth_month: birth_year
  poverty_cause: cause_category
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return _policy(tmp_path, RULES)


def _policy(folder: Path, rules: str) -> Policy:
    path = folder / "试.yaml"
    path.write_text(f"policy: test\nlabel: 试\nextends: general\n{rules}", "utf-8")
    return load_policy(path)


def _masked(
    folder: Path, text: str, policy: Policy, name: str = "名单.csv"
) -> tuple[FileReport, str]:
    source, target = folder / name, folder / "out" / name
    source.write_bytes(text.encode())
    report = mask_file(source, target, policy=policy, overwrite=True)
    return report, target.read_bytes().decode() if report.output else ""


LIST = f"""某镇低保名单,,,,,,,,
填报单位：某镇民政办,,,,,单位：元,,,
序号,姓名,身份证号,年龄,出生年月,病种,致贫原因,联系电话,备注
1,张三丰,{CARD},72,1949.12,"肺癌,
晚期",患肺癌,13800138000,肺癌患者
2,李四,{OTHER},７３岁,1949年12月31日,高血压,上大学,13800138001,年龄：73
3,王五
合计,3人,,,,,,,
监督电话：0371-12345678,,,,,,,,
"""


def test_columns_go_and_values_get_coarser(tmp_path: Path, policy: Policy) -> None:
    report, text = _masked(tmp_path, LIST, policy)
    assert (
        text
        == """某镇低保名单,,,,,,
填报单位：某镇民政办,,,,,单位：元,
序号,姓名,身份证号,年龄,出生年月,致贫原因,备注
1,张三丰,110105************,70-79岁,1949年,因病,***患者
2,李四,110105************,70-79岁,1949年,因学,年龄：70-79岁
3,王五
合计,3人,,,,,
监督电话：0371-12345678,,,,,,
"""
    )
    assert report.status == "publish"
    assert report.dropped == ("病种", "联系电话")
    assert report.generalised == ("年龄", "出生年月", "致贫原因")


def test_twice_is_once(tmp_path: Path, policy: Policy) -> None:
    _, once = _masked(tmp_path, LIST, policy)
    report, twice = _masked(tmp_path, once, policy)
    assert (report.status, report.changed, twice) == ("publish", 0, once)


def test_a_phone_that_is_dropped_is_hidden_wherever_it_stands(
    tmp_path: Path, policy: Policy
) -> None:
    text = "姓名,联系电话,备注\n张三,13800138000,见13800138000\n李四,13800138001,电话13900139000\n"
    assert _masked(tmp_path, text, policy)[1] == "姓名,备注\n张三,见***\n李四,电话***\n"


def test_two_blocks_with_other_headers_in_one_column(tmp_path: Path, policy: Policy) -> None:
    text = (
        f"姓名,身份证号,病种,金额\n张三,{CARD},肺癌,300\n李四,{OTHER},高血压,200\n\n"
        f"姓名,身份证号,金额,村\n王五,{CARD},500,红星村\n赵六,{OTHER},600,红旗村\n"
    )
    report, out = _masked(tmp_path, text, policy)
    assert report.status == "publish"
    assert out.splitlines()[:2] == ["姓名,身份证号,,金额", "张三,110105************,,300"]
    assert out.splitlines()[4:6] == ["姓名,身份证号,金额,村", "王五,110105************,500,红星村"]


def test_a_column_named_twice_goes_twice(tmp_path: Path, policy: Policy) -> None:
    text = "姓名,病种,金额,病种\n张三,肺癌,300,高血压\n"
    assert _masked(tmp_path, text, policy)[1] == "姓名,金额\n张三,300\n"


def test_a_group_title_over_a_column_that_goes(tmp_path: Path, policy: Policy) -> None:
    text = f"户主信息,,家庭情况,,\n姓名,身份证号,病种,年龄,金额\n张三,{CARD},肺癌,72,300\n"
    out = _masked(tmp_path, text, policy)[1]
    assert out.splitlines() == [
        "户主信息,,家庭情况,",
        "姓名,身份证号,年龄,金额",
        "张三,110105************,70-79岁,300",
    ]


def test_a_row_with_a_stray_delimiter_shows_nothing_of_the_column(
    tmp_path: Path, policy: Policy
) -> None:
    rows = [f"张{n},南街{n}号,肺癌,30{n}" for n in range(1, 8)]
    rows[3] = "张四,南街4号,后院,肺癌,304"
    text = "\n".join(["姓名,学校,病种,金额", *rows, ""])
    report, out = _masked(tmp_path, text, policy)
    assert "肺癌" not in out
    assert report.status == "look"


def test_a_list_of_dropped_columns_only_is_refused(tmp_path: Path, policy: Policy) -> None:
    report, out = _masked(tmp_path, "病种,联系电话\n肺癌,13800138000\n", policy)
    assert (report.status, out) == ("refused", "")
    assert "每一列" in report.message


def test_an_empty_list_loses_its_column_all_the_same(tmp_path: Path, policy: Policy) -> None:
    assert _masked(tmp_path, "姓名,身份证号,病种\n", policy)[1] == "姓名,身份证号\n"


def test_a_contact_table_of_offices_keeps_its_telephones(tmp_path: Path, policy: Policy) -> None:
    text = "单位,联系电话\n某县民政局,0371-12345678\n某镇人民政府,0371-12345679\n"
    assert _masked(tmp_path, text, policy)[1] == text


def test_a_whitelist_keeps_what_it_names(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "only: [name, school, amount]\n")
    text = f"姓名,学校,身份证号,奇怪的列,金额\n张三,一中,{CARD},甲,300\n李四,二中,{OTHER},乙,200\n"
    report, out = _masked(tmp_path, text, policy)
    assert out == "姓名,学校,金额\n张三,一中,300\n李四,二中,200\n"
    assert report.status == "look"
    assert any("认不出" in item.message for item in report.items)


def test_a_whitelist_without_a_header_is_refused(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "only: [name]\n")
    report, _ = _masked(tmp_path, "甲子,a1,b\n乙丑,a2,c\n丙寅,a3,d\n", policy)
    assert report.status == "refused"


FORM = "姓名：张三\n年龄：72\n病  种：肺癌、高血压\n致困原因：患病住院\n联系电话：13800138000\n"


def test_labelled_lines_get_the_rule_of_their_label(tmp_path: Path, policy: Policy) -> None:
    out = _masked(tmp_path, FORM, policy, "表.txt")[1]
    assert out == "姓名：张三\n年龄：70-79岁\n病  种：***\n致困原因：因病\n联系电话：***\n"
    assert mask_stream(FORM, policy=policy) == out


@pytest.mark.parametrize("delimiter", ["\t", "  ", "|", ","])
def test_columns_of_lines_go(tmp_path: Path, policy: Policy, delimiter: str) -> None:
    rows = [
        ("姓名", "病种", "年龄", "金额"),
        ("张三", "肺癌", "72", "300"),
        ("李四", "高血压", "65", "200"),
    ]
    text = "低保名单\n" + "".join(
        delimiter.join(row) + "\n" for row in [*rows, ("王五", "胃癌", "80", "100")]
    )
    report, out = _masked(tmp_path, text, policy, "表.txt")
    assert report.status == "publish"
    kept = [("姓名", "年龄", "金额"), ("张三", "70-79岁", "300"), ("李四", "60-69岁", "200")]
    assert out == "低保名单\n" + "".join(
        delimiter.join(row) + "\n" for row in [*kept, ("王五", "80-89岁", "100")]
    )


def test_a_refused_matter_needs_a_reason(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "mode: refuse\nrefusal: 孤儿名单不公示\n")
    source, target = tmp_path / "a.csv", tmp_path / "out.csv"
    source.write_text(f"姓名,身份证号\n张三,{CARD}\n", "utf-8")
    for reason in ("", "   ", "。。。。", "啊啊啊啊", "同意"):
        report = mask_file(source, target, policy=policy, override=reason)
        assert report.status == "refused"
        assert "孤儿名单不公示" in report.message
        assert not target.exists()
    report = mask_file(source, target, policy=policy, override="县政府会议纪要")
    assert target.exists()
    assert [(item.rule, item.reason) for item in report.overrides] == [
        ("孤儿名单不公示", "县政府会议纪要")
    ]


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("县政府会议", True),
        ("a b", False),
        ("1234567", False),
        ("依法公开", True),
        ("。" * 9, False),
    ],
)
def test_a_reason_is_words(text: str, real: bool) -> None:
    assert is_reason(text) == real


def test_a_large_list_takes_the_exact_path(tmp_path: Path, policy: Policy) -> None:
    note = "情况属实。" * 50
    rows = [f"村民{n},{CARD},肺癌,{20 + n % 60},{note}" for n in range(2_000)]
    text = "\n".join(["姓名,身份证号,病种,年龄,备注", *rows, ""])
    assert len(text.encode()) > LEAST
    report, out = _masked(tmp_path, text, policy)
    assert report.status == "publish"
    read = list(csv.reader(out.splitlines()))
    assert read[0] == ["姓名", "身份证号", "年龄", "备注"]
    assert len(read) == 2_001
    assert read[1] == ["村民0", "110105************", "20-29岁", note]
