"""What is found in one text, and what is not: labels, agencies, overlaps, masks, addresses."""

from __future__ import annotations

import pytest

from deid import mask_text, scan_text
from deid.fields import header_label
from deid.scan import PROSE, Setting, scan

CARD = "11010519491231002X"
RECORD = Setting(people=True, record=True)
PUBLIC = Setting(public=True)

CHANGED = [
    (f"张三{CARD}等2人", f"张三{CARD[:6]}************等2人"),
    (f"{CARD}13800138000", "110105************138********"),
    ("1380013800013900139000", "138********139********"),
    (f"{CARD}{CARD}", "110105************" * 2),
    (f"{CARD}43", "110105**************"),
    ("电话13800138000、13900139000", "电话138********、139********"),
    ("户主张三，住址：红新村8组12号", "户主张三，住址：红新村***"),
    ("http://a.gov.cn/q?phone=13800138000", "http://a.gov.cn/q?phone=138********"),
    ("110105194912**002X", "110105************"),  # four hidden: raised to the default
    ("张三，男，家住玉麦镇红新村8组", "张三，男，家住玉麦镇红新村***"),
    (f"统一社会信用代码{CARD}", f"统一社会信用代码{CARD[:6]}************"),
]
SAME = [
    "",
    "没有号码的一句话",
    "监督电话：0934-7844658，举报电话：12345",
    "县民政局办公地址：胜利路130号，邮编737100",
    "（国务院令第649号）",
    "豫民文〔2019〕230号",
    "资金13800138000元",
    "订单号：20210514131005194912",
    "统一社会信用代码：91350100M000100Y43",
    "http://a.gov.cn/art/2023/13800138000.html",
    "身份证号110105************，电话138********",
    "110105********002X",
    "电子邮箱：shjz116@example.gov.cn",
    "2023年12月31日9:30",
    "审核人：李四　联系电话：13800138000",
    "红新村、青山村和石桥镇",
    "ABCDEF",
]


@pytest.mark.parametrize(("text", "masked"), CHANGED)
def test_prose(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize("text", SAME)
def test_prose_noop(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("header", "text", "masked"),
    [
        ("身份证号", "1101051949123", "110105*******"),  # cut short
        ("身份证号", "110105 1949 1231 0021", "110105 **** **** ****"),
        ("身份证号", "4.11726E+17", "*.*****E+**"),
        ("联系电话", "83538966", "********"),
        ("联系电话", "13800138000/3538966", "138********/*******"),
        ("银行账号", "12345-678901", "*****-******"),
        ("家庭住址", "3组12号", "***"),
        ("备注", "联系13800138000", "联系138********"),
        ("姓名", "张三13800138000", "张三138********"),
    ],
)
def test_cells(header: str, text: str, masked: str) -> None:
    output = mask_text(text, header=header)
    if "E+" in text:
        assert "11726" not in output
    else:
        assert output == masked


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("金额", "13800138000"),
        ("订单号", "13800138000"),
        ("序号", "12"),
        ("身份证号", "无"),
        ("身份证号", "110105************"),
        ("联系电话", "无"),
        ("联系电话", "138********"),
        ("联系电话", "12345"),
        ("监督电话", "13800138000"),
        ("办公地址", "胜利路130号"),
        ("家庭住址", "玉麦镇红新村"),
        ("家庭住址", "红新村***"),
        ("出生年月", "1949年12月"),
    ],
)
def test_cells_noop(header: str, text: str) -> None:
    assert mask_text(text, header=header) == text


@pytest.mark.parametrize(
    ("setting", "text", "entities"),
    [
        (RECORD, "110105194912310021", ["CN_RESIDENT_ID"]),  # mistyped, in somebody's row
        (RECORD, "1234567890123456", ["CN_BANK_CARD"]),
        (RECORD, "订单号1234567890123456", []),
        (RECORD, "1234567890123456元", []),
        (RECORD, "13800138000", ["CN_MOBILE"]),
        (PUBLIC, "咨询0934-3538966", []),
        (PUBLIC, f"公示人{CARD}", ["CN_RESIDENT_ID"]),
        (PROSE, "流水号110105194912310021", []),
        (Setting(label=header_label("监督电话"), people=True), "0934-3538966", []),
        (Setting(label=header_label("监督电话"), people=True), CARD, ["CN_RESIDENT_ID"]),
        (Setting(label=header_label("金额"), people=True), CARD, ["CN_RESIDENT_ID"]),
    ],
)
def test_settings(setting: Setting, text: str, entities: list[str]) -> None:
    assert [finding.entity for finding in scan(text, setting)] == entities


def test_a_finding_says_where_and_why() -> None:
    (finding,) = scan(f"身份证号{CARD}", place="R1C2")
    assert (finding.start, finding.end, finding.place) == (4, 22, "R1C2")
    assert finding.why
    assert 0 < finding.score <= 1
    assert CARD not in repr(finding)


def test_the_policy_decides_what_is_told_not_what_is_found() -> None:
    text = "其女于皓汐（8岁）"
    assert [finding.entity for finding in scan_text(text)] == ["PERSON"]


def test_an_address_of_the_grassland_has_none_of_the_usual_words() -> None:
    label = header_label("家庭住址")
    text = "镶黄旗翁贡乌拉苏木阿日舒特嘎查西吕畈"
    assert [item.entity for item in scan(text, Setting(label=label, people=True))] == ["CN_ADDRESS"]
