"""The administrative divisions down to towns, looked up by name at a place in a text."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from deid.data import load_rows

LEVEL_OF_CODE = {2: "province", 4: "city", 6: "county", 9: "town"}
LEVELS = ("province", "city", "county", "town")
RANK = {level: rank for rank, level in enumerate(LEVELS)}

_ETHNIC = (
    "壮族|回族|维吾尔|藏族|羌族|彝族|苗族|侗族|布依族|土家族|傣族|景颇族|白族|傈僳族|哈尼族|哈萨克|蒙古族?"
    "|柯尔克孜|朝鲜族|满族|瑶族|土族|撒拉族|达斡尔族|鄂温克族|黎族|畲族|仡佬族|佤族|拉祜族|纳西族|毛南族|仫佬族"
    "|水族|保安族|东乡族|裕固族|锡伯|塔吉克|独龙族|怒族|普米族|布朗族|各族"
)
_SUFFIX = re.compile(f"(?:(?:{_ETHNIC})*自治[区州县旗]|特别行政区|地区|[省市县区旗盟])$")


class Place(NamedTuple):
    """A division name found in a text: where it ends, its level, the codes that bear the name."""

    end: int
    level: str
    codes: tuple[str, ...]


class _Names(NamedTuple):
    full: dict[str, tuple[str, ...]]
    short: dict[str, tuple[str, ...]]
    heads: dict[str, tuple[int, ...]]
    short_heads: dict[str, tuple[int, ...]]


def _by_head(names: dict[str, tuple[str, ...]]) -> dict[str, tuple[int, ...]]:
    """First two characters -> the lengths of the names that begin so, longest first."""
    lengths: dict[str, set[int]] = {}
    for name in names:
        lengths.setdefault(name[:2], set()).add(len(name))
    return {head: tuple(sorted(found, reverse=True)) for head, found in lengths.items()}


@cache
def _names() -> _Names:
    full: dict[str, tuple[str, ...]] = {}
    short: dict[str, tuple[str, ...]] = {}
    for code, name in load_rows("divisions"):
        full[name] = (*full.get(name, ()), code)
        if len(code) < 9:
            stem = _SUFFIX.sub("", name)
            if len(stem) > 1 and stem != name:
                short[stem] = (*short.get(stem, ()), code)
    return _Names(full, short, _by_head(full), _by_head(short))


def full_at(text: str, start: int, rank: int = 0) -> Place | None:
    """The longest full division name at ``start`` of at least ``rank`` (0 province … 3 town)."""
    names = _names()
    for length in names.heads.get(text[start : start + 2], ()):
        name = text[start : start + length]
        codes = names.full.get(name)
        level = _level(codes, rank) if codes else None
        if codes and level:
            return Place(start + len(name), level, codes)
    return None


def short_at(text: str, start: int, rank: int = 0) -> Place | None:
    """A name without its suffix (陕西, 长安) that the next division, lying inside it, confirms."""
    names = _names()
    for length in names.short_heads.get(text[start : start + 2], ()):
        name = text[start : start + length]
        codes = _confirmed(text, start + len(name), names.short.get(name, ()))
        level = _level(codes, rank)
        if level:
            return Place(start + len(name), level, codes)
    return None


def _confirmed(text: str, start: int, codes: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``codes`` inside which the division named at ``start`` lies."""
    names = _names()
    head = text[start : start + 2]
    inner: set[str] = set()
    for table, heads in ((names.full, names.heads), (names.short, names.short_heads)):
        for length in heads.get(head, ()):
            inner.update(table.get(text[start : start + length], ()))
    return tuple(outer for outer in codes if any(_inside(code, outer) for code in inner))


def _inside(code: str, outer: str) -> bool:
    return len(code) > len(outer) and code.startswith(outer)


def _level(codes: tuple[str, ...], rank: int) -> str | None:
    """The coarsest level of ``codes`` that is not coarser than ``rank``."""
    ranks = [RANK[LEVEL_OF_CODE[len(code)]] for code in codes]
    return LEVELS[min(fit)] if (fit := [own for own in ranks if own >= rank]) else None
