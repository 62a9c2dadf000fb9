"""The administrative divisions down to towns, looked up by name at a place in a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from deid.data import patterns_dir
from deid.errors import PatternError
from deid.later import later

LEVELS = ("province", "city", "county", "town")
RANK = {level: rank for rank, level in enumerate(LEVELS)}
_RANK_OF_LENGTH = {2: 0, 4: 1, 6: 2, 9: 3}

_ETHNIC = (
    "壮族|回族|维吾尔|藏族|羌族|彝族|苗族|侗族|布依族|土家族|傣族|景颇族|白族|傈僳族|哈尼族|哈萨克|蒙古族?"
    "|柯尔克孜|朝鲜族|满族|瑶族|土族|撒拉族|达斡尔族|鄂温克族|黎族|畲族|仡佬族|佤族|拉祜族|纳西族|毛南族|仫佬族"
    "|水族|保安族|东乡族|裕固族|锡伯|塔吉克|独龙族|怒族|普米族|布朗族|各族"
)
_SUFFIX = later(f"(?:(?:{_ETHNIC})*自治[区州县旗]|特别行政区|地区|[省市县区旗盟])$")


class Place(NamedTuple):
    """A division name found in a text: where it ends and its level."""

    end: int
    level: str


@cache
def _rows() -> tuple[list[str], list[str]]:
    """Codes and names, in the order of the names. Not by ``load_rows``: the csv module takes four times as long here."""
    path = patterns_dir() / "tables" / "divisions.csv"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise PatternError(f"缺少登记表 {path.name}") from None
    fields = text.partition("code,name\n")[2].rstrip("\n").replace("\n", ",").split(",")
    return fields[::2], fields[1::2]


def _named(text: str, start: int) -> Iterator[int]:
    """Row numbers of the names that stand at ``start``; the rows are in the order of their names."""
    return (at for name, at in _with_head(text[start : start + 2]) if text.startswith(name, start))


@lru_cache(maxsize=1 << 13)
def _with_head(head: str) -> tuple[tuple[str, int], ...]:
    """The names that begin with these two characters, and their row numbers."""
    if len(head) < 2:
        return ()
    names = _rows()[1]
    first = bisect_left(names, head)
    last = bisect_left(names, head + "\U0010ffff", first)
    return tuple((names[at], at) for at in range(first, last))


def _stem(name: str) -> str:
    """A name without what says of which kind the division is."""
    if "自治" in name or name.endswith(("地区", "特别行政区")):
        return _SUFFIX.sub("", name)
    return name[:-1] if name[-1] in "省市县区旗盟" else name


@lru_cache(maxsize=1 << 13)
def _short_with_head(head: str) -> dict[str, tuple[str, ...]]:
    """Names of provinces, cities and counties without their suffix that begin with these two
    characters, the longest first -> codes."""
    found: dict[str, tuple[str, ...]] = {}
    codes = _rows()[0]
    for name, at in _with_head(head):
        stem = _stem(name) if len(codes[at]) < 9 else name
        if len(stem) > 1 and stem != name:
            found[stem] = (*found.get(stem, ()), codes[at])
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _short_named(text: str, start: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The short names that stand at ``start``, longest first, with their codes."""
    for name, codes in _short_with_head(text[start : start + 2]).items():
        if text.startswith(name, start):
            yield name, codes


def full_at(text: str, start: int, rank: int = 0) -> Place | None:
    """The longest full division name at ``start`` of at least ``rank`` (0 province … 3 town)."""
    if not _with_head(text[start : start + 2]):
        return None
    codes, names = _rows()
    best: tuple[int, int] | None = None
    for at in _named(text, start):
        own = _RANK_OF_LENGTH[len(codes[at])]
        fit = (len(names[at]), -own)
        if own >= rank and (best is None or fit > best):
            best = fit
    return Place(start + best[0], LEVELS[-best[1]]) if best else None


def short_at(text: str, start: int, rank: int = 0) -> Place | None:
    """A name without its suffix (陕西, 长安) that the next division, lying inside it, confirms."""
    for name, codes in _short_named(text, start):
        ranks = _confirmed(text, start + len(name), codes)
        fit = [own for own in ranks if own >= rank]
        if fit:
            return Place(start + len(name), LEVELS[min(fit)])
    return None


def _confirmed(text: str, start: int, codes: tuple[str, ...]) -> list[int]:
    """The ranks of those ``codes`` inside which a division named at ``start`` lies."""
    inner = {_rows()[0][at] for at in _named(text, start)}
    for _, own in _short_named(text, start):
        inner.update(own)
    return [
        _RANK_OF_LENGTH[len(outer)] for outer in codes if any(_inside(one, outer) for one in inner)
    ]


def _inside(code: str, outer: str) -> bool:
    return len(code) > len(outer) and code.startswith(outer)
