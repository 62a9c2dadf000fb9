"""Names of places in a text -> the division codes that ID numbers from there carry.

Abolished codes are included: numbers given out before a county became a district, or a prefecture a
city, still begin with the old ones.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from deid.data import load_rows, patterns_dir
from deid.later import later
from deid.strength import known_areas
from deid.text import fold

_SUFFIX = later(
    "(?:(?:[\u4e00-\u9fff]{2,6}族)?自治[县州区旗]|特别行政区|地区|新区|[省市县区旗盟州])$"
)
_MERGED_FROM = {"50": ("51",), "46": ("44",)}
"""Provinces and the province that they were part of: numbers given out before still say so."""
_SEPARATES = later(r"[\s\u200b_\-—()\[\]【】<>《》]+")


def _stem(name: str) -> str:
    stem = _SUFFIX.sub("", name)
    return stem if len(stem) > 1 else name


@cache
def _names() -> Mapping[str, tuple[str, ...]]:
    """Name of a province, prefecture or county, in force or abolished -> its codes."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for code, name, *_ in load_rows("area_codes"):
        names[name].add(code)
    return {name: tuple(sorted(codes)) for name, codes in names.items()}


@cache
def _in_force() -> frozenset[str]:
    return frozenset(name for _, name, _, end in load_rows("area_codes") if not end)


@cache
def _by_stem() -> Mapping[tuple[str, str], frozenset[str]]:
    """(province, name without suffix) -> the county codes that ever had it."""
    stems: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for name, codes in _names().items():
        for code in codes:
            stems[code[:2], _stem(name)].add(code)
    return {key: frozenset(codes) for key, codes in stems.items()}


@cache
def _heads() -> Mapping[str, tuple[str, ...]]:
    """First two characters -> the names that begin so, longest first."""
    heads: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(_names(), key=len, reverse=True):
        heads[name[:2]].append(name)
    return {head: tuple(names) for head, names in heads.items()}


@dataclass(frozen=True, slots=True)
class _Named:
    codes: tuple[str, ...]
    start: int
    end: int


def _names_in(text: str) -> Iterator[_Named]:
    """The divisions that a text names in full, from left to right, not overlapping.

    A name of two characters (和县, 全县) only where a name stands: at the start, behind another one.
    """
    at, last = 0, 0
    while at < len(text) - 1:
        name = next(
            (name for name in _heads().get(text[at : at + 2], ()) if text.startswith(name, at)), ""
        )
        bound = at == last or not ("\u4e00" <= text[at - 1] <= "\u9fff")
        if name and (len(name) > 2 or (bound and name in _in_force())):
            yield _Named(_names()[name], at, at + len(name))
            at = last = at + len(name)
        else:
            at += 1


@lru_cache(maxsize=1 << 16)
def areas_in(text: str) -> frozenset[str]:
    """The codes of the counties that a text names; empty where it names no place.

    Counties named together count together; a prefecture or province means all its counties.

    >>> sorted(areas_in("湖南省汝城县2026年低保名单"))
    ['431026', '432828']
    """
    named = list(_names_in(_SEPARATES.sub(" ", fold(text)).strip()))
    outer = _outer(named)
    counties: set[str] = set()
    for place in named:
        if not _is_outer(place):
            counties |= _counties(place.codes, outer)
    if counties:
        return frozenset(counties)
    towns = _towns_in(_SEPARATES.sub(" ", fold(text)).strip(), outer)
    return towns or _inside(named, outer)


def _is_outer(place: _Named) -> bool:
    """Whether it is the name of a province or prefecture (郴州市: once a county, too)."""
    return any(code.endswith("00") and code in _current() for code in place.codes) or all(
        code.endswith("00") for code in place.codes
    )


def _inside(named: Sequence[_Named], outer: frozenset[str]) -> frozenset[str]:
    """All counties of the finest of the provinces and prefectures, and what bore their names."""
    finest = max((len(prefix) for prefix in outer), default=0)
    narrow = tuple(prefix for prefix in outer if len(prefix) == finest)
    if not narrow:
        return frozenset()
    found = {code for code in known_areas() if code.startswith(narrow)}
    if finest == 4:
        for place in named:
            for code in place.codes:
                found |= _by_stem().get((code[:2], _stem(_name_of(code))), frozenset())
    return frozenset(found & set(known_areas()))


def _outer(named: Sequence[_Named]) -> frozenset[str]:
    """The prefixes of the provinces and prefectures among the names, abolished prefectures too."""
    found: set[str] = set()
    for place in named:
        for code in place.codes if _is_outer(place) else ():
            if code.endswith("0000"):
                found.add(code[:2])
            elif code.endswith("00"):
                own = _by_stem().get((code[:2], _stem(_name_of(code))), frozenset([code]))
                found |= {other[:4] for other in own if other.endswith("00")}
    return frozenset(found)


@cache
def _name_by_code() -> Mapping[str, str]:
    return {code: name for name, codes in _names().items() for code in codes}


def _name_of(code: str) -> str:
    return _name_by_code()[code]


def _counties(codes: Iterable[str], outer: frozenset[str]) -> frozenset[str]:
    """The county codes of a name, those inside the places named with it where there are any."""
    own = {code for code in codes if not code.endswith("00")}
    inside = {code for code in own if code.startswith(tuple(outer))} if outer else own
    chosen = inside or own
    found: set[str] = set()
    for code in chosen:
        stem = _stem(_name_of(code))
        for province in (code[:2], *_MERGED_FROM.get(code[:2], ())):
            found |= _by_stem().get((province, stem), frozenset())
    same = {code for code in found if not code.endswith("00")}
    # 桥西区 of three cities: only those that lie where the text says.
    near = {code for code in same if code.startswith(tuple(outer))} if outer else set()
    twins = len({code[:4] for code in same if code in _current()}) > 1
    return frozenset(near | chosen if near and twins else same | chosen)


@cache
def _current() -> frozenset[str]:
    return frozenset(row[0] for row in load_rows("area_codes") if not row[3])


_TOWN_END = later("镇|乡|街道|苏木")
_LONGEST_TOWN = 10


@cache
def _towns() -> str:
    """The registry of towns as text: searching it for a few names is faster than reading it in."""
    return (patterns_dir() / "tables" / "divisions.csv").read_text(encoding="utf-8")


@lru_cache(maxsize=1 << 12)
def _town_counties(name: str) -> frozenset[str]:
    """The codes of the counties that have a town of that name."""
    return frozenset(code[:6] for code in re.findall(f"\n(\\d{{9}}),{re.escape(name)}\n", _towns()))


def _towns_in(text: str, outer: frozenset[str]) -> frozenset[str]:
    """The counties that have the first town that a text names (the longest name that is one)."""
    for match in _TOWN_END.finditer(text):
        for start in range(max(0, match.end() - _LONGEST_TOWN), match.start()):
            codes = _town_counties(text[start : match.end()])
            inside = {code for code in codes if not outer or code.startswith(tuple(outer))}
            if inside:
                return frozenset().union(*(_counties((code,), outer) for code in inside))
    return frozenset()


def areas_of_row(cells: Iterable[str], title: frozenset[str] | None) -> frozenset[str] | None:
    """The counties that the place columns of a row name, inside those of the title; else the title's."""
    own = areas_in(" ".join(cells))
    if own and title and own & title:
        return own & title
    return own or title
