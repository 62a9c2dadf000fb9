"""What a row still shows -> how many numbers fit (DESIGN §4).

An ID number has three parts that vary on their own (division, birth date, sequence) and a check
character that ties them together (GB 11643-1999, 4.3: a weighted sum modulo 11). So the numbers that
fit a mask are counted, not listed: each part becomes eleven counts, one for each residue, and the
three are convolved. The result is exact.

What contradicts the visible digits is left out of the count: a division that no table knows, a birth
column that belongs to another member of the household. A count is never below 1.
"""

from __future__ import annotations

import datetime
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from operator import mul
from typing import Protocol

from deid.data import load_rows
from deid.policy import Thresholds
from deid.strength.masks import embedded, readings, visible
from deid.strength.numbers import card_candidates, mobile_candidates

__all__ = [
    "Context",
    "Strength",
    "card_candidates",
    "grade",
    "grade_rows",
    "histogram",
    "id_candidates",
    "measure",
    "mobile_candidates",
    "readings",
    "visible",
]

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
"""GB 11643-1999, 4.3: of the first 17 characters."""
CHECKS = "10X98765432"
"""The check character for each residue of the weighted sum."""
OLDEST = 111
"""In years: who is listed was born after 1 January of the year so many before the list."""
_ANY_BIRTH = (datetime.date(1800, 1, 1), datetime.date(2099, 12, 31))

Vector = tuple[int, ...]
"""How many values of a part have each residue modulo 11."""
Part = tuple[Vector, int]
"""A vector, and a residue to be added: a part that is known is ``UNIT`` and its residue."""
UNIT: Vector = (1, *([0] * 10))
Span = tuple[datetime.date, datetime.date]


class Limits(Protocol):
    """Where the grades end (the thresholds of a policy)."""

    @property
    def good(self) -> int: ...
    @property
    def good_known(self) -> int: ...
    @property
    def fair(self) -> int: ...
    @property
    def block(self) -> int: ...


@dataclass(frozen=True, slots=True, repr=False)
class Context:
    """What stands beside a number: in its row, in the title, in the name of the file.

    ``areas``: the division codes of the county. ``ages``: full years on the day ``on`` (today where
    none is given), first and last inclusive. ``sex``: 男, 女 or nothing.
    """

    areas: frozenset[str] | None = None
    birth: datetime.date | None = None
    year: int | None = None
    month: tuple[int, int] | None = None
    ages: tuple[int, int] | None = None
    on: datetime.date | None = None
    sex: str = ""


NOTHING = Context()


@dataclass(frozen=True, slots=True)
class Strength:
    """How many numbers fit (``t0``), how many once birth date and sex are known (``t1``), the grade."""

    t0: int
    t1: int
    grade: str


# --------------------------------------------------------------------------- the three parts


@cache
def known_areas() -> tuple[str, ...]:
    """Division codes that ID numbers carry, abolished ones included, in order.

    Counties, and cities without counties (441900); provinces and prefectures are never in a number,
    but for the residence permits of Hong Kong, Macao and Taiwan (81, 82, 83).
    """
    codes = {row[0] for row in load_rows("area_codes")}
    filled = {code[:4] for code in codes if not code.endswith("00")}
    return tuple(
        sorted(
            code
            for code in codes
            if not code.endswith("00")
            or (code[:4] not in filled and not code.endswith("0000"))
            or code[:2] in ("71", "81", "82", "83")
        )
    )


def _residue(digits: str, start: int) -> int:
    weighted: int = sum(map(mul, map(int, digits), WEIGHTS[start:]))
    return weighted % 11


def _part(residues: Collection[int]) -> Part:
    """The vector of the residues of some values."""
    counts = [0] * 11
    for residue in residues:
        counts[residue] += 1
    return (UNIT, counts.index(1)) if len(residues) == 1 else (tuple(counts), 0)


def _unknown(pattern: str, start: int) -> tuple[Part, ...]:
    """One value that no table knows: for each residue that it may have, a part of its own."""
    reached = {0}
    for at, char in enumerate(pattern):
        digits = range(10) if char == "?" else (int(char),)
        reached = {
            (sum_ + digit * WEIGHTS[start + at]) % 11 for sum_ in reached for digit in digits
        }
    return tuple((UNIT, residue) for residue in sorted(reached))


@lru_cache(maxsize=1 << 14)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("?", "[0-9]"))


@lru_cache(maxsize=1 << 14)
def area_parts(
    pattern: str, areas: frozenset[str] | None, known: tuple[str, ...] | None = None
) -> tuple[Part, ...]:
    """The divisions that fit: those of the county, else all known ones, else one that none knows."""
    if "?" not in pattern:
        return ((UNIT, _residue(pattern, 0)),)
    fits = _regex(pattern).fullmatch
    for codes in (sorted(areas or ()), _starting(pattern, known or known_areas())):
        residues = [_residue(code, 0) for code in codes if fits(code)]
        if residues:
            return (_part(residues),)
    return _unknown(pattern, 0)


def _starting(pattern: str, codes: tuple[str, ...]) -> tuple[str, ...]:
    """The codes, in order, that begin as the pattern does."""
    prefix = pattern.partition("?")[0]
    return codes[bisect_left(codes, prefix) : bisect_left(codes, prefix + "~")]


@lru_cache(maxsize=1 << 17)
def date_parts(pattern: str, span: Span, wider: Span) -> tuple[Part, ...]:
    """The birth dates that fit: those of the row, else of anybody listed, else of anybody."""
    if "?" not in pattern:
        return ((UNIT, _residue(pattern, 6)),)
    for within in (span, wider, _ANY_BIRTH):
        residues = list(_date_residues(pattern, within))
        if residues:
            return (_part(residues),)
    return _unknown(pattern, 6)


def _date_residues(pattern: str, span: Span) -> Iterator[int]:
    if span[0] == span[1]:
        text = f"{span[0]:%Y%m%d}"
        if all(shown in ("?", char) for shown, char in zip(pattern, text, strict=True)):
            yield _residue(text, 6)
        return
    months, days = _two_digits(pattern[4:6], 12, 10), _two_digits(pattern[6:], 31, 12)
    fits_year = _regex(pattern[:4]).fullmatch
    for year in range(span[0].year, span[1].year + 1):
        if fits_year(str(year)):
            base = _residue(str(year), 6)
            for month, other in months:
                first, last = _days(year, month, span)
                yield from ((base + other + own) % 11 for day, own in days if first <= day <= last)


@lru_cache(maxsize=1 << 12)
def _two_digits(pattern: str, highest: int, start: int) -> tuple[tuple[int, int], ...]:
    """The months or days that fit two characters, each with its residue at that place."""
    texts = ((number, f"{number:02d}") for number in range(1, highest + 1))
    fits = _regex(pattern).fullmatch
    return tuple((number, _residue(text, start)) for number, text in texts if fits(text))


def _days(year: int, month: int, span: Span) -> tuple[int, int]:
    """The first and the last day of a month that lie within the span."""
    at = (year, month)
    first = span[0].day if at == (span[0].year, span[0].month) else 1
    last = span[1].day if at == (span[1].year, span[1].month) else _month_end(year, month).day
    if at < (span[0].year, span[0].month) or at > (span[1].year, span[1].month):
        return 1, 0
    return first, last


def _month_end(year: int, month: int) -> datetime.date:
    following = datetime.date(year + month // 12, month % 12 + 1, 1)
    return following - datetime.timedelta(days=1)


@lru_cache(maxsize=1 << 14)
def seq_parts(pattern: str, sex: str) -> tuple[Part, ...]:
    """The sequence numbers 001 to 999 that fit; odd ones are men's (GB 11643-1999, 4.2.3)."""
    if "?" not in pattern:
        return ((UNIT, _residue(pattern, 14)),)
    fits, parity = _regex(pattern).fullmatch, _PARITY.get(sex)
    fitting = [number for number in range(1, 1000) if fits(f"{number:03d}")]
    own = [number for number in fitting if number % 2 == parity]
    return (_part([_residue(f"{number:03d}", 14) for number in own or fitting]),)


_PARITY = {"男": 1, "女": 0}


# ------------------------------------------------------------------------------- the birth date


def listed_span(on: datetime.date | None) -> Span:
    """The birth dates of whoever may stand on a list of that day."""
    last = on or datetime.date.today()
    return datetime.date(last.year - OLDEST, 1, 1), last


def birth_span(context: Context) -> Span:
    """The birth dates that fit the row; what contradicts what came before is left out."""
    return _birth_span(context, listed_span(context.on))


@lru_cache(maxsize=1 << 16)
def _birth_span(context: Context, span: Span) -> Span:
    for first, last in _birth_claims(context, span[1]):
        low, high = max(span[0], first), min(span[1], last)
        if low <= high:
            span = low, high
    return span


def _birth_claims(context: Context, on: datetime.date) -> Iterator[Span]:
    if context.birth:
        yield context.birth, context.birth
    if context.month:
        year, month = context.month
        yield datetime.date(year, month, 1), _month_end(year, month)
    if context.year:
        yield datetime.date(context.year, 1, 1), datetime.date(context.year, 12, 31)
    if context.ages:
        low, high = context.ages
        oldest = _years_before(on, min(high, OLDEST + 20) + 1) + datetime.timedelta(days=1)
        yield oldest, _years_before(on, low)


def _years_before(day: datetime.date, years: int) -> datetime.date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)


# ------------------------------------------------------------------------------------- counting


@lru_cache(maxsize=1 << 16)
def combined(area: Vector, date: Vector, seq: Vector, target: int | None) -> int:
    """How many triples there are, of those whose residues add up to ``target`` (None: of all)."""
    if target is None:
        return sum(area) * sum(date) * sum(seq)
    pairs = [sum(area[at] * date[(total - at) % 11] for at in range(11)) for total in range(11)]
    return sum(pairs[at] * seq[(target - at) % 11] for at in range(11))


def _target(check: str, shift: int) -> int | None:
    """The residue that the hidden parts must add up to, for the check character to be right."""
    return None if check == "?" else (CHECKS.index(check) - shift) % 11


Parts = tuple[tuple[Part, ...], tuple[Part, ...], tuple[Part, ...]]


def total(parts: Parts, check: str) -> int:
    """How many numbers fit; of readings of an unknown part the one that fits most; at least 1."""
    return max(
        1,
        *(
            combined(area[0], date[0], seq[0], _target(check, area[1] + date[1] + seq[1]))
            for area, date, seq in product(*parts)
        ),
    )


@lru_cache(maxsize=1 << 16)
def least_known(area: Vector, birth: Vector, seq: Vector, target: int | None) -> int:
    """How many fit once the birth date is known too, for whom the fewest do; 0 where nothing fits."""
    known = (
        combined(area, UNIT, seq, None if target is None else (target - residue) % 11)
        for residue in range(11)
        if birth[residue]
    )
    return min((fitting for fitting in known if fitting), default=0)


def known_seqs(pattern: str, sex: str) -> tuple[tuple[Part, ...], ...]:
    """The sequence numbers that fit for each sex that the person may be of."""
    sexes = (sex,) if sex in _PARITY else tuple(_PARITY)
    return tuple(dict.fromkeys(seq_parts(pattern, each) for each in sexes))


def _least(parts: Parts, check: str, seqs: Iterable[tuple[Part, ...]]) -> int:
    """How many numbers fit once birth date and sex are known, for whom the fewest do; at least 1."""
    areas, dates, _ = parts
    found = (
        least_known(area[0], date[0], seq[0], _target(check, area[1] + date[1] + seq[1]))
        for each in seqs
        for area, date, seq in product(areas, dates, each)
    )
    return min((fitting for fitting in found if fitting), default=1)


def parts_of(pattern: str, context: Context, known: tuple[str, ...] | None = None) -> Parts:
    """The three parts of a pattern of 18 characters, each with what fits it."""
    return (
        area_parts(pattern[:6], context.areas, known),
        date_parts(pattern[6:14], birth_span(context), listed_span(context.on)),
        seq_parts(pattern[14:17], context.sex),
    )


def count(pattern: str, context: Context = NOTHING, known: tuple[str, ...] | None = None) -> int:
    """How many valid ID numbers fit a pattern and what stands beside it."""
    pattern = embedded(pattern)
    return total(parts_of(pattern, context, known), pattern[17].upper())


def id_candidates(
    pattern: str,
    *,
    areas: Collection[str] | None = None,
    birth: datetime.date | None = None,
    year: int | None = None,
    month: tuple[int, int] | None = None,
    age: int | None = None,
    age_range: tuple[int, int] | None = None,
    on: datetime.date | None = None,
    sex: str | None = None,
    known: Collection[str] | None = None,
) -> int:
    """How many valid ID numbers fit a masked number and what is known beside it; exact.

    ``pattern``: what ``visible`` gives, or the masked number itself. ``areas``: division codes of
    the county. ``age`` and ``age_range`` count on the day ``on`` (today). ``sex``: 男 or 女.
    ``known``: other division codes than those of our table. The least over all readings.

    >>> import datetime
    >>> id_candidates("431026????????????", birth=datetime.date(1990, 3, 7))
    999
    """
    ages = age_range if age is None else (age, age)
    context = Context(
        areas=frozenset(areas) if areas else None,
        birth=birth,
        year=year,
        month=month,
        ages=ages,
        on=on,
        sex=sex or "",
    )
    table = tuple(sorted(known)) if known else None
    return min(count(reading, context, table) for reading in readings(pattern))


# --------------------------------------------------------------------------------------- grades


def grade(t0: int, t1: int, thresholds: Limits | None = None) -> str:
    """A: fit; B: fit where local rules allow it; C: to be mended; D: blocked (DESIGN §4).

    >>> grade(40_827_132, 499), grade(3_715, 1), grade(33, 1), grade(1, 1)
    ('A', 'B', 'C', 'D')
    """
    limits = thresholds or DEFAULT
    if t0 >= limits.good and t1 >= limits.good_known:
        return "A"
    if t0 >= limits.fair:
        return "B"
    return "C" if t0 >= limits.block else "D"


DEFAULT: Limits = Thresholds()
"""DESIGN §4. An online check of ID numbers is tried one by one: a few dozen are as good as one."""


def measure(
    masked: str,
    context: Context = NOTHING,
    *,
    thresholds: Limits | None = None,
    entity: str = "CN_RESIDENT_ID",
) -> Strength:
    """T0, T1 and the grade of one masked ID number and what stands beside it."""
    limits = thresholds or DEFAULT
    on = context.on or datetime.date.today()
    t0, t1 = _measured(masked, entity, context, on)
    return Strength(t0, t1, grade(t0, t1, limits))


@lru_cache(maxsize=1 << 16)
def _measured(masked: str, entity: str, context: Context, on: datetime.date) -> tuple[int, int]:
    """The least T0 and T1 over all readings; ``on`` keeps a result of yesterday from being used."""
    del on
    counts = [_both(embedded(reading), context) for reading in readings(masked, entity)]
    return min(t0 for t0, _ in counts), min(t1 for _, t1 in counts)


def _both(pattern: str, context: Context) -> tuple[int, int]:
    parts, check = parts_of(pattern, context), pattern[17].upper()
    fewest = total(parts, check)
    return fewest, min(fewest, _least(parts, check, known_seqs(pattern[14:17], context.sex)))


def grade_rows(
    rows: Iterable[tuple[str, Context]],
    *,
    thresholds: Limits | None = None,
    entity: str = "CN_RESIDENT_ID",
) -> Iterator[Strength]:
    """The strength of each masked number and its context, in order; each distinct one counts once."""
    limits, on = thresholds or DEFAULT, datetime.date.today()
    for masked, context in rows:
        t0, t1 = _measured(masked, entity, context, on)
        yield Strength(t0, t1, grade(t0, t1, limits))


def histogram(strengths: Iterable[Strength]) -> Mapping[str, int]:
    """How many rows have each grade."""
    counts = dict.fromkeys("ABCD", 0)
    for strength in strengths:
        counts[strength.grade] += 1
    return counts
