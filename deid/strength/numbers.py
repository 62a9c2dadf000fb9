"""How many mobile numbers and bank cards fit a masked one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from deid.data import load_rows
from deid.strength.masks import visible

_HEAD = 3
_BLOCK = 7
"""Digits of a block: 10,000 numbers that are given to one prefecture."""


@cache
def _blocks() -> Mapping[str, Mapping[str, int]]:
    """Prefecture without suffix -> first three digits -> how many blocks it has."""
    found: dict[str, Mapping[str, int]] = {}
    for name, blocks in load_rows("mobile_segments"):
        pairs = (item.split(":") for item in blocks.split())
        found[name] = {head: int(count) for head, count in pairs}
    return found


@cache
def _heads() -> Mapping[str, int]:
    """First three digits in service -> the blocks that there can be."""
    return dict.fromkeys((row[0][:_HEAD] for row in load_rows("mobile_prefixes")), 10_000)


@lru_cache(maxsize=1 << 12)
def prefecture_name(prefecture: str) -> str:
    """The name under which the table has a prefecture; a division code or its name is given.

    >>> prefecture_name("411726"), prefecture_name("驻马店市"), prefecture_name("500101")
    ('驻马店', '驻马店', '重庆')
    """
    if prefecture.isdigit():
        codes = {code: name for code, name, _, end in load_rows("area_codes") if not end}
        parents = (f"{prefecture[:4]}00", f"{prefecture[:2]}0000")
        prefecture = next((codes[code] for code in parents if code in codes), "")
    if prefecture.endswith("省"):  # 海南省 and 吉林省 have namesakes among the prefectures
        return ""
    named = _SHORT.get(prefecture, prefecture)
    return max((name for name in _blocks() if named.startswith(name)), key=len, default="")


_SHORT = {
    "博尔塔拉蒙古自治州": "博州",
    "巴音郭楞蒙古自治州": "巴州",
    "克孜勒苏柯尔克孜自治州": "克州",
}


def mobile_candidates(pattern: str, *, prefecture: str | None = None) -> int:
    """How many mobile numbers fit a masked one; at least 1.

    ``prefecture``: name or division code. Its blocks are counted by the first three digits, so with
    digits four to seven shown in part the count is the mean over all blocks of that head.

    >>> mobile_candidates("138****1234"), mobile_candidates("138****1234", prefecture="驻马店市")
    (10000, 20)
    """
    shown = visible(pattern, "CN_MOBILE")
    inner, tail = shown[_HEAD:_BLOCK].count("?"), shown[_BLOCK:].count("?")
    fits = re.compile(shown[:_HEAD].replace("?", "[0-9]")).fullmatch
    own = _blocks().get(prefecture_name(prefecture)) if prefecture else None
    blocks = sum(count for head, count in (own or _heads()).items() if fits(head))
    fitting = blocks * 10**inner // 10**4
    return int(max(1, fitting) * 10**tail)


def card_candidates(pattern: str) -> int:
    """How many card numbers fit a masked one (Luhn, ISO/IEC 7812-1 annex B).

    Each hidden digit can make up for all others, so the check digit leaves exactly one in ten.

    >>> card_candidates("6217 **** **** 1234")
    10000000
    """
    hidden = visible(pattern, "CN_BANK_CARD").count("?")
    return int(10 ** max(hidden - 1, 0))
