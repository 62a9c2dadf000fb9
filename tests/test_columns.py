"""What a value looks like, and how columns are judged by header and by vote."""

from __future__ import annotations

import pytest

from deid.columns import name_columns, profile_rows, shape
from deid.fields import NO_LABEL, exact_label, normal
from deid.model import Row
from deid.rows import TELLS, footers, marks_of_text

CARD = "11010519491231002X"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (CARD, "id"),
        ("110105 19491231 002x", "id"),
        ("110105491231002", "id"),
        ("110105194912310021", "idlike"),
        ("13800138000", "mobile"),
        ("138-0013-8000", "mobile"),
        ("6222020200112233446", "card"),
        ("0934-3538966", "landline"),
        ("张三", "name"),
        ("阿米娜·库尔班", "name"),
    ],
)
def test_shape(value: str, kind: str) -> None:
    assert shape(value) == kind


@pytest.mark.parametrize("value", ["", "350", "2023-05-01", "一般农户", "12345", "0000-1", "A12"])
def test_shape_noop(value: str) -> None:
    assert shape(value) in ("", "name")
    assert shape(value) == "" or not any(char.isdigit() for char in value)


def rows(*lines: tuple[str, ...]) -> list[Row]:
    return [
        Row(at, {n: cell for n, cell in enumerate(line) if cell}) for at, line in enumerate(lines)
    ]


def entities(*lines: tuple[str, ...]) -> dict[int, str]:
    _, block = profile_rows(rows(*lines))
    return {at: profile.label.entity for at, profile in block.profiles.items()}


def test_by_header() -> None:
    assert entities(("姓名", "身份证号", "金额"), ("张三", "", "1")) == {
        0: "",
        1: "CN_RESIDENT_ID",
        2: "",
    }


def test_by_vote_below_a_header_that_says_nothing() -> None:
    lines = [("姓名", "金额", "其他情况说明"), *[("张三", "1", "13800138000")] * 4]
    assert entities(*lines)[2] == "CN_MOBILE"


def test_a_vote_never_narrows_what_the_header_says() -> None:
    lines = [("姓名", "身份证号"), *[("张三", "13800138000")] * 4]
    assert entities(*lines)[1] == "CN_RESIDENT_ID"


def test_an_order_number_stays_one_unless_it_is_an_id_number() -> None:
    assert entities(("姓名", "订单号"), *[("张三", "13800138000")] * 4)[1] == ""
    assert entities(("姓名", "订单号"), *[("张三", CARD)] * 4)[1] == "CN_RESIDENT_ID"


def test_name_columns_by_header_and_by_look() -> None:
    _, block = profile_rows(rows(("姓名", "金额"), ("张三", "1")))
    assert [profile.index for profile in name_columns(block)] == [0]
    _, block = profile_rows(rows(*[("1", "张三", CARD), ("2", "李四", CARD), ("3", "王五", CARD)]))
    views, _ = profile_rows(rows(("1", "张三", CARD), ("2", "李四", CARD), ("3", "王五", CARD)))
    assert [profile.index for profile in name_columns(views[0].block)] == [1]


def test_agencies_are_known_by_their_names() -> None:
    views, _ = profile_rows(
        rows(
            ("单位名称", "联系电话"),
            ("石桥镇民政办公室", "0934-3538966"),
            ("青山镇民政办公室", "0934-3538967"),
        )
    )
    assert views[-1].block.agency


def test_statistics_are_known_by_their_title() -> None:
    views, _ = profile_rows(
        rows(("2023年各镇低保发放统计表",), ("乡镇", "户数", "金额"), ("石桥镇", "12", "350"))
    )
    assert views[-1].zone == "data"
    assert views[-1].block.aggregate


@pytest.mark.parametrize("lines", [[], [()], [("",)], [("姓名",)], [("甲", "乙"), ("丙", "丁")]])
def test_next_to_nothing(lines: list[tuple[str, ...]]) -> None:
    views, _ = profile_rows(rows(*lines))
    assert len(views) == len(lines)


@pytest.mark.parametrize("before", ["", "一、", "（2）", "和", "张", "*", "\u3000", "⼀", "[注]"])
@pytest.mark.parametrize("behind", ["", "（元）", "：", " ", "12", "和姓名"])
def test_a_glance_at_a_text_misses_no_label(before: str, behind: str) -> None:
    """What the first character rules out is, looked at as a whole, no label and no footer."""
    for word in (
        "姓名",
        "身份证号",
        "帐号",
        "銀行帳號",
        "電話",
        "备注",
        "合计",
        "说明",
        "家庭住址",
        "监督电话",
    ):
        text = before + word + behind
        label = exact_label(text) is not NO_LABEL
        footer = normal(text).startswith(footers())
        told = footer or any(char in text for char in ":：计")
        assert marks_of_text(text) == label + (TELLS if told else 0), text
