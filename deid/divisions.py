"""The administrative divisions down to towns, looked up by name at a place in a text."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from deid.data import patterns_dir
from deid.errors import PatternError

LEVELS = ("province", "city", "county", "town")
RANK = {level: rank for rank, level in enumerate(LEVELS)}
_RANK_OF_LENGTH = {2: 0, 4: 1, 6: 2, 9: 3}

_ETHNIC = (
    "壮族|回族|维吾尔|藏族|羌族|彝族|苗族|侗族|布依族|土家族|傣族|景颇族|白族|傈僳族|哈尼族|哈萨克|蒙古族?"
    "|柯尔克孜|朝鲜族|满族|瑶族|土族|撒拉族|达斡尔族|鄂温克族|黎族|畲族|仡佬族|佤族|拉祜族|纳西族|毛南族|仫佬族"
    "|水族|保安族|东乡族|裕固族|锡伯|塔吉克|独龙族|怒族|普米族|布朗族|各族"
)
_SUFFIX = re.compile(f"(?:(?:{_ETHNIC})*自治[区州县旗]|特别行政区|地区|[省市县区旗盟])$")


class Place(NamedTuple):
    """A division name found in a text: where it ends and its level."""

    end: int
    level: str


@cache
def _rows() -> tuple[list[str], list[str]]:
    """Codes and names. Not by ``load_rows``: the csv module takes four times as long here."""
    path = patterns_dir() / "tables" / "divisions.csv"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise PatternError(f"缺少登记表 {path.name}") from None
    fields = text.partition("code,name\n")[2].rstrip("\n").replace("\n", ",").split(",")
    return fields[::2], fields[1::2]


@cache
def _by_rank() -> tuple[frozenset[str], ...]:
    """The names of each level."""
    codes, names = _rows()
    ranks: tuple[list[str], ...] = ([], [], [], [])
    for code, name in zip(codes, names, strict=True):
        ranks[_RANK_OF_LENGTH[len(code)]].append(name)
    return tuple(map(frozenset, ranks))


@cache
def _heads() -> dict[str, int]:
    """First two characters -> the lengths of the names that begin so, as bits."""
    heads: dict[str, int] = {}
    for name in {*_rows()[1]}:
        heads[name[:2]] = heads.get(name[:2], 0) | 1 << len(name)
    return heads


@cache
def _lengths(bits: int) -> tuple[int, ...]:
    """The lengths that ``bits`` stands for, longest first."""
    return tuple(length for length in range(bits.bit_length(), 1, -1) if bits >> length & 1)


@cache
def _codes() -> dict[str, tuple[str, ...]]:
    """Full name -> the codes that bear it. Needed for short names only, so built apart."""
    found: dict[str, tuple[str, ...]] = {}
    for code, name in zip(*_rows(), strict=True):
        found[name] = (*found.get(name, ()), code)
    return found


@cache
def _short() -> dict[str, tuple[str, ...]]:
    """Name of a province, city or county without its suffix -> codes."""
    found: dict[str, tuple[str, ...]] = {}
    for code, name in zip(*_rows(), strict=True):
        if len(code) < 9:
            stem = _SUFFIX.sub("", name)
            if len(stem) > 1 and stem != name:
                found[stem] = (*found.get(stem, ()), code)
    return found


@cache
def _short_heads() -> dict[str, int]:
    heads: dict[str, int] = {}
    for name in _short():
        heads[name[:2]] = heads.get(name[:2], 0) | 1 << len(name)
    return heads


def full_at(text: str, start: int, rank: int = 0) -> Place | None:
    """The longest full division name at ``start`` of at least ``rank`` (0 province … 3 town)."""
    bits = _heads().get(text[start : start + 2])
    if not bits:
        return None
    by_rank = _by_rank()
    for length in _lengths(bits):
        name = text[start : start + length]
        for own in range(rank, 4):
            if name in by_rank[own]:
                return Place(start + len(name), LEVELS[own])
    return None


def short_at(text: str, start: int, rank: int = 0) -> Place | None:
    """A name without its suffix (陕西, 长安) that the next division, lying inside it, confirms."""
    bits = _short_heads().get(text[start : start + 2])
    if not bits:
        return None
    for length in _lengths(bits):
        name = text[start : start + length]
        codes = _short().get(name)
        ranks = _confirmed(text, start + len(name), codes) if codes else ()
        fit = [own for own in ranks if own >= rank]
        if fit:
            return Place(start + len(name), LEVELS[min(fit)])
    return None


def _confirmed(text: str, start: int, codes: tuple[str, ...]) -> list[int]:
    """The ranks of those ``codes`` inside which a division named at ``start`` lies."""
    head = text[start : start + 2]
    inner: set[str] = set()
    for table, bits in ((_codes, _heads().get(head)), (_short, _short_heads().get(head))):
        for length in _lengths(bits or 0):
            inner.update(table().get(text[start : start + length], ()))
    return [
        _RANK_OF_LENGTH[len(outer)] for outer in codes if any(_inside(one, outer) for one in inner)
    ]


def _inside(code: str, outer: str) -> bool:
    return len(code) > len(outer) and code.startswith(outer)
