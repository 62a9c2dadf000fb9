"""The administrative divisions down to towns, looked up by name at a place in a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import count
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
    """Codes and names, in the order of the names. Not by ``load_rows``, which is slow for so many."""
    fields = _table().decode("utf-8").rstrip("\n").replace("\n", ",").split(",")
    return fields[::2], fields[1::2]


@cache
def _table() -> bytes:
    """The lines ``code,name``, in the order of the names."""
    path = patterns_dir() / "tables" / "divisions.csv"
    try:
        content = path.read_bytes().replace(b"\r\n", b"\n")
    except OSError:
        raise PatternError(f"缺少登记表 {path.name}") from None
    return content.partition(b"code,name\n")[2].rstrip(b"\n") + b"\n"


def _named(text: str, start: int) -> Iterator[tuple[str, str]]:
    """Names that stand at ``start``, in order, and their codes."""
    rows = _with_head(text[start : start + 2])
    return (row for row in rows if text.startswith(row[0], start))


_FEW = 200
"""So many heads are looked up in the bytes of the table; after them, cutting it up pays."""
_looked_up = count()


@lru_cache(maxsize=1 << 13)
def _with_head(head: str) -> tuple[tuple[str, str], ...]:
    """The names that begin with these two characters, and their codes."""
    if len(head) < 2:
        return ()
    if next(_looked_up) < _FEW:
        return tuple(_in_table(head))
    codes, names = _rows()
    first = bisect_left(names, head)
    last = bisect_left(names, head + "\U0010ffff", first)
    return tuple(zip(names[first:last], codes[first:last], strict=True))


def _in_table(head: str) -> Iterator[tuple[str, str]]:
    """``_with_head`` by halving the table, whose bytes stand in the same order as the names."""
    table, wanted = _table(), head.encode("utf-8", "surrogatepass")
    low, high = 0, len(table)
    while low < high:
        start = table.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = table.index(b"\n", start)
        if table[table.index(b",", start) + 1 : end] < wanted:
            low = end + 1
        else:
            high = start
    while table.startswith(wanted, table.find(b",", low) + 1) and low < len(table):
        end = table.index(b"\n", low)
        code, _, name = table[low:end].decode("utf-8").partition(",")
        yield name, code
        low = end + 1


def town_endings() -> frozenset[str]:
    """The characters with which the names of towns end."""
    codes, names = _rows()
    return frozenset(name[-1] for code, name in zip(codes, names, strict=True) if len(code) == 9)


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
    for name, code in _with_head(head):
        stem = _stem(name) if len(code) < 9 else name
        if len(stem) > 1 and stem != name:
            found[stem] = (*found.get(stem, ()), code)
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _short_named(text: str, start: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The short names that stand at ``start``, longest first, with their codes."""
    for name, codes in _short_with_head(text[start : start + 2]).items():
        if text.startswith(name, start):
            yield name, codes


def full_at(text: str, start: int, rank: int = 0) -> Place | None:
    """The longest full division name at ``start`` of at least ``rank`` (0 province … 3 town)."""
    best: tuple[int, int] | None = None
    for name, code in _with_head(text[start : start + 2]):
        if not text.startswith(name, start):
            continue
        own = _RANK_OF_LENGTH[len(code)]
        fit = (len(name), -own)
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
    inner = {code for _, code in _named(text, start)}
    for _, own in _short_named(text, start):
        inner.update(own)
    return [
        _RANK_OF_LENGTH[len(outer)] for outer in codes if any(_inside(one, outer) for one in inner)
    ]


def _inside(code: str, outer: str) -> bool:
    return len(code) > len(outer) and code.startswith(outer)
