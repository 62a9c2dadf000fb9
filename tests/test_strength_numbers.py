"""Mobile numbers by the blocks of a prefecture; cards by their check digit, against listing them."""

from __future__ import annotations

from itertools import product

import pytest

from deid.checks import luhn
from deid.strength import card_candidates, mobile_candidates
from deid.strength.numbers import prefecture_name


@pytest.mark.parametrize(
    ("pattern", "prefecture", "expected"),
    [
        ("138****5678", None, 10_000),
        ("138********", None, 10**8),
        ("13812345678", None, 1),
        ("138****5678", "驻马店", 20),
        ("139****5678", "驻马店市", 22),
        ("138****5678", "411726", 20),
        ("138****5678", "411700", 20),
        ("138********", "驻马店", 200_000),
        ("1388***5678", "驻马店", 2),
        ("138812*5678", "驻马店", 1),
        ("1388123****", "驻马店", 10_000),
        ("138xxxx5678", "郑州市", 84),
        ("138****5678", "没有这样的市", 10_000),
        ("199****5678", "巢湖", 1),
        ("138**5678", "宣城", 28),
    ],
)
def test_mobile_numbers(pattern: str, prefecture: str | None, expected: int) -> None:
    assert mobile_candidates(pattern, prefecture=prefecture) == expected


def test_mobile_numbers_whose_head_is_hidden() -> None:
    assert mobile_candidates("1**********", prefecture="驻马店") > 10**6
    assert mobile_candidates("***********") > 3 * 10**9


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("郴州市", "郴州"),
        ("湘西土家族苗族自治州", "湘西"),
        ("恩施土家族苗族自治州", "恩施"),
        ("巴音郭楞蒙古自治州", "巴州"),
        ("伊犁哈萨克自治州", "伊犁"),
        ("大兴安岭地区", "大兴安岭"),
        ("锡林郭勒盟", "锡林郭勒盟"),
        ("110105", "北京"),
        ("441900", "东莞"),
        ("460000", ""),
        ("海南省", ""),
        ("海南藏族自治州", "海南"),
        ("999999", ""),
    ],
)
def test_names_of_prefectures(given: str, name: str) -> None:
    assert prefecture_name(given) == name


@pytest.mark.parametrize(
    "pattern",
    ["62170000100123456??", "6217000010?12?45678", "????000010012345678", "6217000????2345678"],
)
def test_cards_equal_listing_every_number(pattern: str) -> None:
    digits = product("0123456789", repeat=pattern.count("?"))
    listed = 0
    for choice in digits:
        hidden = iter(choice)
        listed += luhn("".join(next(hidden) if char == "?" else char for char in pattern))
    assert card_candidates(pattern) == listed


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("6217*********1234", 10**8), ("6217 **** **** 1234", 10**7), ("6217000010012345678", 1)],
)
def test_cards(pattern: str, expected: int) -> None:
    assert card_candidates(pattern) == expected
