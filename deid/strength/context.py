"""What stands beside a number -> ``Context``: county, birth date, age, sex, the day of the list.

County: named in the title, the file name, a column or an address; its abolished codes are included,
for old numbers carry them. Birth, age and sex: columns of that person. A value that cannot be read
narrows nothing down.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from deid.dates import own_date
from deid.later import later
from deid.strength import OLDEST, Context
from deid.strength.masks import ID_LENGTH, embedded, readings
from deid.strength.places import areas_in, areas_of_row
from deid.text import fold

__all__ = [
    "ID_FIELDS",
    "TELLING",
    "Shown",
    "ages_of",
    "areas_in",
    "areas_of_row",
    "birth_of",
    "context_of",
    "narrower",
    "row_context",
    "sex_of",
    "shown_in_row",
    "title_context",
    "union",
    "weakest",
    "whole_numbers",
    "with_birth",
]

# ----------------------------------------------------------------------------- birth, age, sex

_DATE = later(
    r"((?:18|19|20)\d\d)(?:\s*[年.\-/]\s*(\d{1,2})(?!\d)(?:\s*[月.\-/]\s*(\d{1,2})(?!\d))?)?"
)
_DIGITS = later(r"((?:18|19|20)\d\d)(0[1-9]|1[0-2])?(0[1-9]|[12]\d|3[01])?")
_SHORT = later(r"(\d\d)[年.\-/]?(\d{1,2})(?:[月.\-/]?(\d{1,2})?日?)?")
_NO_CENTURY = 30
"""Of a year of two digits: 26.3 may be 1926 or 2026, 54.3 is 1954."""
_SERIAL = later("[1-4][0-9]{4}|[5-9][0-9]{3}")
_FIRST_DAY = datetime.date(1899, 12, 30)
"""What spreadsheets count days from; 5000 is 1913, 49999 is 2036."""
_AGE = later(r"(\d{1,3})(?:\.\d+)?\s*(周岁|岁|个?月)?")
_BAND = later(r"(\d{1,3})\s*(?:周?岁)?\s*[-~至到]+\s*(\d{1,3})\s*(?:周?岁)?")
_OPEN = later(r"(\d{1,3})\s*(?:周?岁)?\s*(?:\(?含?\)?及?以上|[+＋])")
_UNDER = later(r"(\d{1,3})\s*(?:周?岁)?\s*(?:及?以下)")
_SEXES = {
    "男": "男",
    "女": "女",
    "男性": "男",
    "女性": "女",
    "M": "男",
    "F": "女",
    "1": "男",
    "2": "女",
}
"""1 and 2: GB/T 2261.1."""


@lru_cache(maxsize=1 << 16)
def birth_of(text: str) -> Context:
    """What a birth date, birth month or birth year tells: day, month or year, whatever is shown."""
    plain = fold(text).strip()
    if _SERIAL.fullmatch(plain):
        return Context(birth=_FIRST_DAY + datetime.timedelta(days=int(plain)))
    match = _DATE.match(plain) if not re.match(r"\d{5}", plain) else _DIGITS.match(plain)
    if match is None:
        match = _SHORT.fullmatch(plain)
        if match is None or int(match[1]) < _NO_CENTURY:
            return Context()
        plain_year = 1900 + int(match[1])
    else:
        plain_year = int(match[1])
    year, month, day = plain_year, int(match[2] or 0), int(match[3] or 0)
    if not 1 <= month <= 12:
        return Context(year=year)
    try:
        return (
            Context(birth=datetime.date(year, month, day)) if day else Context(month=(year, month))
        )
    except ValueError:
        return Context(month=(year, month))


@lru_cache(maxsize=1 << 12)
def ages_of(text: str) -> tuple[int, int] | None:
    """The full years that an age or an age band tells, first and last.

    >>> ages_of("72周岁"), ages_of("80-89岁"), ages_of("90岁以上"), ages_of("九十")
    ((72, 72), (80, 89), (90, 111), None)
    """
    plain = fold(text).strip().replace("—", "-")
    band, above, under = _BAND.fullmatch(plain), _OPEN.fullmatch(plain), _UNDER.fullmatch(plain)
    if band:
        return min(int(band[1]), int(band[2])), max(int(band[1]), int(band[2]))
    if above or under:
        return (int(above[1]), OLDEST) if above else (0, int(under[1])) if under else None
    match = _AGE.fullmatch(plain)
    if match is None or int(match[1]) > OLDEST:
        return None
    age = int(match[1])
    return (age // 12, age // 12) if (match[2] or "").endswith("月") else (age, age)


def sex_of(text: str) -> str:
    """男, 女 or nothing."""
    return _SEXES.get(fold(text).strip().upper(), "")


# ------------------------------------------------------------------------------------ whole rows

_PLACES = frozenset(("province", "city", "county", "town", "village", "address"))
_REGISTERED = "hukou_address"
"""Where a person is registered: what the number's first six digits are about."""
_BIRTHS = ("birth_date", "birth_month")
_OWN_IDS = ("id_number", "disability_cert_no", "student_reg_no", "student_no", "social_security_no")
_OTHER_IDS = ("head_id", "member_ids", "guardian_id", "other_person_id")
ID_FIELDS = frozenset(_OWN_IDS + _OTHER_IDS)
"""Fields of numbers that are, or hold, an ID number."""
TELLING = ID_FIELDS | _PLACES | {_REGISTERED, *_BIRTHS, "age", "sex"}
"""Fields of which a row's grade depends; no other is asked."""
_ENTITY = {
    "disability_cert_no": "CN_DISABILITY_CERT",
    "student_reg_no": "CN_STUDENT_NO",
    "student_no": "CN_STUDENT_NO",
}
_SPLIT = later(r"[、,，;；/\n|]|\s{3,}")
_NUMBER = later(r"\d|[*×●■□某]{3}")
_SHORTEST = 15
"""Characters of an ID number of the first generation: what is shorter is part of one."""
_MASKED_NUMBER = later(r"[1-8]\d{5}[\d*×●■□]{11}[\d*×●■□Xx]")


def title_context(
    texts: Iterable[str] = (), file_name: str = "", on: datetime.date | None = None
) -> Context:
    """What the titles of a list and the name of its file tell: the county and the day of the list."""
    titles = [*texts, file_name]
    found = (areas_in(title) for title in titles if len(title) <= 400)
    areas = min((areas for areas in found if areas), key=len, default=None)
    return Context(areas=areas, ages=_ages_in(titles), on=on or own_date(titles))


_TITLE_LENGTH = 60
_AGES_IN_TITLE = later(
    r"\d{2,3}(?:周?岁)?[-~至到]\d{2,3}周?岁|\d{2,3}(?:周?岁)(?:\(?含?\)?及?以上)"
)


def _ages_in(titles: Iterable[str]) -> tuple[int, int] | None:
    """The ages that a list is about (80周岁以上高龄老人), where its titles tell one span only."""
    found = {
        ages_of(match)
        for title in titles
        if len(title) <= _TITLE_LENGTH
        for match in _AGES_IN_TITLE.findall(fold(title).replace("—", "-"))
    }
    return found.pop() if len(found) == 1 else None


def row_context(base: Context, fields: Mapping[int, str], cells: Mapping[int, str]) -> Context:
    """The context of the person that a row is about. ``fields``: column -> key of fields.yaml."""
    context, places, registered = base, [], ""
    for column, key in fields.items():
        text = cells.get(column, "")
        if not text:
            continue
        if key in _PLACES:
            places.append(text[:40])
        elif key == _REGISTERED:
            registered = text[:40]
        elif key in _BIRTHS or key == "age":
            context = with_birth(context, text)
        elif key == "sex":
            context = replace(context, sex=sex_of(text) or context.sex)
    if registered and areas_in(registered):
        places = [registered]
    return replace(context, areas=areas_of_row(places, base.areas)) if places else context


def with_birth(context: Context, text: str) -> Context:
    """What a birth or an age column adds; under a header of two things either may stand."""
    ages = ages_of(text)
    if ages:
        return replace(context, ages=narrower(context.ages, ages))
    told = birth_of(text)
    return replace(
        context,
        birth=context.birth or told.birth,
        month=context.month or told.month,
        year=context.year or told.year,
    )


def narrower(one: tuple[int, int] | None, other: tuple[int, int]) -> tuple[int, int]:
    """The ages that both allow; the second where they contradict."""
    if one is None:
        return other
    both = max(one[0], other[0]), min(one[1], other[1])
    return both if both[0] <= both[1] else other


def context_of(
    title: str = "",
    file_name: str = "",
    fields: Mapping[int, str] | None = None,
    row: Mapping[int, str] | None = None,
    *,
    on: datetime.date | None = None,
) -> Context:
    """What title, file name and the other columns of a row tell about the person in it."""
    return row_context(title_context([title], file_name, on), fields or {}, row or {})


@dataclass(frozen=True, slots=True)
class Shown:
    """One person's ID number as a row still shows it, in the columns where it stands."""

    columns: tuple[int, ...]
    pattern: str = field(repr=False)
    context: Context = field(repr=False)


def shown_in_row(base: Context, fields: Mapping[int, str], cells: Mapping[int, str]) -> list[Shown]:
    """The ID numbers in a row, masked or not, each with what the row tells about that person.

    The listed person's own numbers (ID, disability certificate, student number) are laid over each
    other. Birth, age and sex are the listed person's; where the row has no number of that person,
    they are the head's. For others only the place counts.
    """
    context = row_context(base, fields, cells)
    place = replace(base, areas=context.areas, ages=None)
    found: list[Shown] = []
    own: list[Shown] = []
    for column, key in fields.items():
        text = cells.get(column, "")
        if key not in ID_FIELDS or not _NUMBER.search(fold(text)):
            continue
        numbers = _numbers(text)
        for number in numbers:
            mine = key in _OWN_IDS and len(numbers) == 1
            pattern = weakest(number, _ENTITY.get(key, "CN_RESIDENT_ID"))
            (own if mine else found).append(Shown((column,), pattern, context if mine else place))
    if not own and len(found) == 1:
        return [replace(found[0], context=context)]
    return [*_united(own), *found]


def _numbers(text: str) -> list[str]:
    """The numbers of one cell; blanks inside a number divide nothing."""
    parts = [part.strip() for part in _SPLIT.split(text) if _NUMBER.search(fold(part))]
    parts = [one for part in parts for one in whole_numbers(part)]
    return parts if len(parts) > 1 and min(map(len, parts)) >= 8 else [text.strip()]


def whole_numbers(text: str) -> list[str]:
    """A run of digits and marks as the numbers that stand in it, divided by blanks or by nothing.

    >>> whole_numbers("431026************ 431026***********X"), whole_numbers("431026 1990**** ****")
    (['431026************', '431026***********X'], ['431026 1990**** ****'])
    """
    parts = [one for word in text.split() for one in _unglued(word)]
    return parts if len(parts) > 1 and all(len(part) >= _SHORTEST for part in parts) else [text]


def _unglued(word: str) -> list[str]:
    """Numbers of 18 characters that stand one behind the other."""
    parts = [word[at : at + ID_LENGTH] for at in range(0, len(word), ID_LENGTH)]
    return parts if all(map(_MASKED_NUMBER.fullmatch, parts)) else [word]


def weakest(masked: str, entity: str = "CN_RESIDENT_ID") -> str:
    """The reading of a mask that shows most, as the 18 characters of the ID number."""
    return min((embedded(one) for one in readings(masked, entity)), key=lambda one: one.count("?"))


def _united(shown: Sequence[Shown]) -> list[Shown]:
    """Numbers of one person laid over each other; what contradicts stays apart."""
    merged: list[Shown] = []
    for one in shown:
        for at, other in enumerate(merged):
            both = union(one.pattern, other.pattern)
            if both:
                merged[at] = Shown(other.columns + one.columns, both, other.context)
                break
        else:
            merged.append(one)
    return merged


def union(one: str, other: str) -> str:
    """What two masks of one number show together; empty where they contradict.

    >>> union("431026????????1234", "43102619900307????")
    '431026199003071234'
    """
    pairs = list(zip(one, other, strict=True))
    if any("?" not in pair and pair[0] != pair[1] for pair in pairs):
        return ""
    return "".join(b if a == "?" else a for a, b in pairs)
