"""What a header or a label says."""

from __future__ import annotations

import pytest

from deid.fields import (
    NO_LABEL,
    Label,
    exact_label,
    header_label,
    label_before,
    markers,
    normal,
    raw_fields,
)
from deid.text import fold


@pytest.mark.parametrize(
    ("header", "plain"),
    [
        ("身 份\n证 号", "身份证号"),
        ("*身份证号：", "身份证号"),
        ("银行帐号", "银行账号"),
        ("１、姓名", "姓名"),
        ("（一）姓名", "姓名"),
        ("一、姓名", "姓名"),
        ("id_card", "ID_CARD"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_normal(header: str, plain: str) -> None:
    assert normal(header) == plain


@pytest.mark.parametrize(
    ("header", "entity"),
    [
        ("身份证号", "CN_RESIDENT_ID"),
        ("身份证号码（18位）", "CN_RESIDENT_ID"),
        ("身 份 证 号", "CN_RESIDENT_ID"),
        ("户主身份证号码", "CN_RESIDENT_ID"),
        ("身份证号/出生年月", "CN_RESIDENT_ID"),
        ("*公民身份号码", "CN_RESIDENT_ID"),
        ("联系电话", "CN_MOBILE"),
        ("联系电话2", "CN_MOBILE"),
        ("银行帐号", "CN_BANK_CARD"),
        ("銀行帳號", "CN_BANK_CARD"),
        ("身份證號碼", "CN_RESIDENT_ID"),
        ("監護人聯絡電話", "CN_MOBILE"),
        ("家庭住址", "CN_ADDRESS"),
        ("年龄", "AGE"),
        ("出生日期", "BIRTH_DATE"),
        ("残疾证号", "CN_DISABILITY_CERT"),
        ("学籍号", "CN_STUDENT_NO"),
    ],
)
def test_headers_of_identifiers(header: str, entity: str) -> None:
    assert header_label(header).entity == entity


@pytest.mark.parametrize(
    "header",
    ["姓名", "金额", "补助金额（元）", "序号", "文号", "备注", "订单号", "项目编号", "村", "性质"],
)
def test_headers_of_no_identifier(header: str) -> None:
    assert header_label(header).entity == ""


@pytest.mark.parametrize("header", ["订单号", "项目编号", "文号", "流水号", "序号", "补助金额"])
def test_public_headers(header: str) -> None:
    assert header_label(header).public


@pytest.mark.parametrize("header", ["监督电话", "举报电话", "办公地址", "咨询电话"])
def test_headers_of_agencies(header: str) -> None:
    label = header_label(header)
    assert label.agency
    assert not label.entity


@pytest.mark.parametrize("header", ["", " ", "：", "天气晴朗", "甲" * 41, "身份证号" * 20])
def test_headers_noop(header: str) -> None:
    assert header_label(header) == NO_LABEL


@pytest.mark.parametrize(("text", "is_header"), [("姓名", True), ("身份证号（必填）", True),
                                                  ("张三", False), ("电话：***", False),
                                                  ("联系电话139", False), ("", False),
                                                  ("开户名及账号", True), ("领款人姓名、卡号", True),
                                                  ("和平村", False), ("姓名及天气", False)])  # fmt: skip
def test_exact_label(text: str, is_header: bool) -> None:
    assert (exact_label(text) != NO_LABEL) is is_header


@pytest.mark.parametrize(
    ("before", "entity"),
    [
        ("身份证号", "CN_RESIDENT_ID"),
        ("身份证号：", "CN_RESIDENT_ID"),
        ("身份证号码为", "CN_RESIDENT_ID"),
        ("身份证（", "CN_RESIDENT_ID"),
        ("身 份 证 号 ： ", "CN_RESIDENT_ID"),
        ("联系电话：13900139000、", "CN_MOBILE"),
        ("卡号 ", "CN_BANK_CARD"),
        ("银行帐号：", "CN_BANK_CARD"),
        ("微信号：", "CN_WECHAT"),
    ],
)
def test_label_before(before: str, entity: str) -> None:
    folded = fold(before)
    assert label_before(folded + "1", len(folded)).entity == entity


@pytest.mark.parametrize(
    "before", ["", "共发放", "电话。金额", "身份证号110105194912310021。补助", "   "]
)
def test_label_before_noop(before: str) -> None:
    folded = fold(before)
    assert label_before(folded + "1", len(folded)).entity == ""


@pytest.mark.parametrize("before", ["订单号：", "流水号", "统一社会信用代码：", "项目编号 "])
def test_public_label_before(before: str) -> None:
    folded = fold(before)
    assert label_before(folded + "1", len(folded)).public


@pytest.mark.parametrize("before", ["监督电话：", "举报电话：县民政局 ", "咨询电话 "])
def test_agency_label_before(before: str) -> None:
    folded = fold(before)
    assert label_before(folded + "1", len(folded)).agency


@pytest.mark.parametrize("kind", ["titles", "footers", "aggregates", "groups"])
def test_markers(kind: str) -> None:
    assert markers(kind)
    assert all(word == normal(word) for word in markers(kind))


def test_every_synonym_names_its_own_field_or_a_stricter_one() -> None:
    """A synonym that no header lookup knows would be dead."""
    for spec in raw_fields()["fields"].values():
        for word in spec["synonyms"].split():
            if normal(word):  # "#" and "号" alone may be trimmed to nothing
                assert header_label(word) != Label() or spec["entity"] is None
