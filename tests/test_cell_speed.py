"""What makes cells fast changes nothing: what is remembered of a cell is what a fresh look finds."""

from __future__ import annotations

import datetime
import importlib
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from deid import address, checks, fields
from deid.scan import PROSE, Setting

scan = importlib.import_module("deid.scan")
LABELS = sorted({*fields._headers().values()})
SETTINGS = [
    *(Setting(label=label, people=True) for label in LABELS),
    *(PROSE, Setting(public=True), Setting(people=True), Setting(people=True, record=True)),
    Setting(label=fields.Label(agency=True), public=True),
]
DIGITS = st.text("0123456789", min_size=1, max_size=20)
DATES = st.dates(datetime.date(1900, 1, 1), datetime.date(2020, 1, 1))


def with_check(first: str) -> str:
    """An ID number of its first 17 digits."""
    return next(first + char for char in "0123456789X" if checks.mod11_2(first + char))


def with_luhn(first: str) -> str:
    return next(first + str(digit) for digit in range(10) if checks.luhn(first + str(digit)))


AREAS = st.sampled_from(["110105", "622301", "431026", "810000", "999999"])
IDS = st.builds(
    lambda area, day, order: with_check(f"{area}{day:%Y%m%d}{order:03}"),
    AREAS, DATES, st.integers(0, 999),
)  # fmt: skip
CARDS = st.builds(
    lambda prefix, rest, length: with_luhn((prefix + rest)[: length - 1]),
    st.sampled_from([*sorted(checks._card_prefixes()[0])[::40], "622301", "622202"]),
    st.text("0123456789", min_size=19, max_size=19),
    st.integers(16, 19),
)
MOBILES = st.builds(
    str.__add__,
    st.sampled_from(sorted(checks._mobile_prefixes())),
    st.text("0123456789", min_size=8, max_size=8),
)
NUMBERS = st.one_of(IDS, IDS.map(str.lower), CARDS, MOBILES, DIGITS)


@settings(max_examples=400)
@given(NUMBERS, st.sampled_from(SETTINGS))
def test_a_plain_number_holds_what_a_fresh_look_finds(number: str, setting: Setting) -> None:
    with patch.object(scan, "_plain_number", lambda folded: ""):
        fresh = scan.scan(number, setting)
    assert scan.scan(number, setting) == fresh


def test_every_kind_of_plain_number_is_known() -> None:
    numbers = ("11010519491231002X", "13800138000", with_luhn("622202020011223344"), "123456", "一")
    kinds = [scan._plain_number(number) for number in numbers]
    assert kinds == ["id", "mobile", "card of 19", "", ""]


_PLACES = (
    "湖南省 永兴县 青山乡 玉麦镇 大冲村 永定路 号院社区 和平路 1 26 137 2024 １２ 组 号 号楼 单元 室 - （ ） 、 院 社区 第 栋 # 。 "
    "附 米 东 100000 一 十二 甲 A ** 岁 :"
)
PLACES = st.lists(st.sampled_from(_PLACES.split(" ")), max_size=12).map("".join)


@settings(max_examples=400)
@given(PLACES)
def test_addresses_alike_but_for_their_digits_have_the_same_parts(text: str) -> None:
    assert address.parse_address(text) == address._parse_spaced(text)


def test_villages_named_by_a_number_are_not_told_by_another_number() -> None:
    names = [name for name in address._exceptions()[0] if any(map(str.isdecimal, name))]
    for text in (f"{name}{more}" for name in names for more in ("", "3号楼", "5组")):
        for other in (text, text.translate(address._ANY_DIGIT)):
            assert address.parse_address(other) == address._parse_spaced(other)


def test_no_header_is_a_number() -> None:
    assert not any(fields._NUMBER.fullmatch(word) for word in fields._headers())


def test_labels_that_end_a_text_are_found_by_their_last_character() -> None:
    for word, label in fields._labels().items():
        if 1 < len(word) <= fields._LONGEST:
            longer = (word[at:] for at in range(len(word) - 1))
            expected = next(fields._labels()[one] for one in longer if one in fields._labels())
            assert fields._label_ending(f"，{word}") in (label, expected)
