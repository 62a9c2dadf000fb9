"""Operators: what each leaves, that each is idempotent, and that none shows what it hides."""

from __future__ import annotations

import pytest

from deid.errors import PatternError
from deid.operators import OPERATORS, build

# fmt: off
CASES = [
    ("keep", {}, "张三 138", "张三 138"),
    ("mask", {"first": 6}, "11010519491231002X", "110105" + "*" * 12),
    ("mask", {"first": 6}, "１１０１０５１９４９１２３１００２Ｘ", "１１０１０５" + "*" * 12),
    ("mask", {"first": 6}, "110105 19491231 002X", "110105 ******** ****"),
    ("mask", {"first": 3, "last": 4}, "13800138000", "*" * 11),  # would hide four only
    ("mask", {"first": 3, "last": 2}, "13800138000", "138******00"),
    ("mask", {"first": 3}, "138-0013-8000", "138-****-****"),
    ("mask", {"first": 3, "star": "x"}, "13800138000", "138xxxxxxxx"),
    ("mask", {}, "60491-0438", "*****-****"),
    ("mask", {"first": 6}, "1101051", "*******"),
    ("mask", {"first": 6}, "12", "**"),
    ("mask_landline", {}, "0934-3538966", "0934-*******"),
    ("mask_landline", {}, "(010)88886666", "(010)********"),
    ("mask_landline", {}, "01088886666转801", "010*************"[:11] + "****"),
    ("mask_landline", {}, "3538966", "*******"),
    ("mask_landline", {}, "0000-3538966", "****-*******"),
    ("mask_email", {}, "zhang@example.com", "*****@example.com"),
    ("mask_email", {}, "ｚｈ＠example.com", "**＠example.com"),
    ("mask_email", {}, "@example", "@*******"),
    ("mask_name", {}, "于皓汐", "于**"),
    ("mask_name", {}, "欧阳娜娜", "欧阳**"),
    ("mask_name", {}, "欧阳", "欧*"),
    ("mask_name", {}, "阿米娜·库尔班", "阿******"),
    ("mask_name", {}, " 王 五", " 王 *"),
    ("mask_name", {}, "王", "王"),
    ("redact", {}, "任何内容", ""),
    ("replace", {}, "任何内容", "***"),
    ("replace", {"text": "〔略〕"}, "任何内容", "〔略〕"),
    ("generalize_address", {}, "玉麦镇红新村8组", "玉麦镇红新村***"),
    ("generalize_address", {"level": "town"}, "玉麦镇红新村8组", "玉麦镇***"),
    ("generalize_address", {}, "玉麦镇红新村", "玉麦镇红新村"),
    ("generalize_address", {}, "玉麦镇红新村***", "玉麦镇红新村***"),
    ("generalize_address", {}, "不是地址", "***"),
    *(("age_band", {}, value, shown) for value, shown in [
        ("72", "70-79岁"), ("７２岁", "70-79岁"), ("七十二", "70-79岁"), ("72.0", "70-79岁"),
        ("8个月", "0-9岁"), ("一百零二岁", "100岁以上"), ("71-75", "70-79岁"), ("68-75", "***"),
        ("200", "***"), ("男72", "***"), ("", ""), (" ", " "),
    ]),
    ("age_band", {"bands": [80, 90, 100]}, "86", "80-89岁"),
    ("age_band", {"bands": [80, 90, 100]}, "101", "100岁以上"),
    ("age_band", {"bands": [80, 90, 100]}, "79", "80岁以下"),
    ("age_band", {"width": 5}, "72", "70-74岁"),
    *(("birth_year", {}, value, shown) for value, shown in [
        ("1950.03", "1950年"), ("1950年3月5日", "1950年"), ("19500305", "1950年"),
        ("195003", "1950年"), ("1950", "1950年"), ("18327", "1950年"), ("18327.0", "1950年"),
        ("一九五〇年三月五日", "1950年"), ("１９５０－０３", "1950年"), ("1950-03-05", "1950年"),
        ("1950-03-05 00:00:00", "1950年"), ("3/5/1950", "1950年"), ("1950.3.5生", "1950年"),
        ("1950.13", "***"), ("50.3", "***"), ("不详", "***"), ("110105194912310021", "***"),
    ]),
    *(("cause_category", {}, value, shown) for value, shown in [
        ("患肺癌", "因病"), ("房屋火灾", "因灾"), ("孩子上大学", "因学"), ("车祸", "意外"),
        ("缺劳力", "其他"), ("无病", "其他"), ("患肺癌，孩子上大学", "因病、因学"), ("***", "***"),
    ]),
    *(("income_band", {}, value, shown) for value, shown in [
        ("3,650元", "3000-5000元"), ("1.2万元", "10000-30000元"), ("800", "1000元以下"),
        ("三千六百", "3000-5000元"), ("50万", "100000元以上"), ("不详", "***"),
    ]),
    ("income_band", {"bands": [500, 900]}, "700", "500-900元"),
    *(("relation_category", {}, value, shown) for value, shown in [
        ("户主", "户主"), (" 本 人", "本人"), ("长女", "家庭成员"), ("之妻", "家庭成员"),
        ("王五", "家庭成员"), ("家庭成员", "家庭成员"), ("", ""), (" ", " "),
    ]),
]
# fmt: on


@pytest.mark.parametrize(("name", "options", "value", "shown"), CASES)
def test_operator(name: str, options: dict[str, object], value: str, shown: str) -> None:
    assert build(name, options, "here")(value) == shown


@pytest.mark.parametrize(("name", "options", "value", "shown"), CASES)
def test_twice_is_once(name: str, options: dict[str, object], value: str, shown: str) -> None:
    assert build(name, options, "here")(shown) == shown


def test_every_operator_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(OPERATORS)


@pytest.mark.parametrize("name", [name for name in OPERATORS if name not in ("keep", "replace")])
def test_nothing_comes_of_nothing(name: str) -> None:
    assert build(name, {}, "here")("") == ""


def test_the_hidden_tail_of_an_address_does_not_show_its_length() -> None:
    shorten = build("generalize_address", {}, "here")
    assert shorten("红新村8组") == shorten("红新村8组12号3单元501室")


def test_an_unknown_operator_is_refused_by_name_and_place() -> None:
    with pytest.raises(PatternError, match=r"x\.yaml operators\.CN_QQ.*blur.*generalize_address"):
        build("blur", {}, "x.yaml operators.CN_QQ")


def test_an_unknown_option_is_refused_by_name_and_place() -> None:
    with pytest.raises(PatternError, match=r"here.*mask.*frist"):
        build("mask", {"frist": 6}, "here")
