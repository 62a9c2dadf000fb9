"""What stands beside a number -> ``Context``: county, birth date, age, sex, the day of the list.

County: named in the title, the file name, a column or an address; its abolished codes are included,
for old numbers carry them. Birth, age and sex: columns of that person. A value that cannot be read
narrows nothing down.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

from deid.data import load_rows, patterns_dir
from deid.strength import OLDEST, Context, known_areas
from deid.strength_masks import embedded, readings
from deid.tables import own_date
from deid.text import fold

# ----------------------------------------------------------------------------------------- places

_SUFFIX = re.compile(
    "(?:(?:[\u4e00-\u9fff]{2,6}族)?自治[县州区旗]|特别行政区|地区|新区|[省市县区旗盟州])$"
)
_MERGED_FROM = {"50": ("51",), "46": ("44",)}
"""Provinces and the province that they were part of: numbers given out before still say so."""
_SEPARATES = re.compile(r"[\s\u200b_\-—()\[\]【】<>《》]+")


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


_TOWN_END = re.compile("镇|乡|街道|苏木")
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


# ----------------------------------------------------------------------------- birth, age, sex

_DATE = re.compile(
    r"((?:18|19|20)\d\d)(?:\s*[年.\-/]\s*(\d{1,2})(?!\d)(?:\s*[月.\-/]\s*(\d{1,2})(?!\d))?)?"
)
_DIGITS = re.compile(r"((?:18|19|20)\d\d)(0[1-9]|1[0-2])?(0[1-9]|[12]\d|3[01])?")
_SHORT = re.compile(r"(\d\d)[年.\-/]?(\d{1,2})(?:[月.\-/]?(\d{1,2})?日?)?")
_NO_CENTURY = 30
"""Of a year of two digits: 26.3 may be 1926 or 2026, 54.3 is 1954."""
_SERIAL = re.compile("[1-4][0-9]{4}|[5-9][0-9]{3}")
_FIRST_DAY = datetime.date(1899, 12, 30)
"""What spreadsheets count days from; 5000 is 1913, 49999 is 2036."""
_AGE = re.compile(r"(\d{1,3})(?:\.\d+)?\s*(周岁|岁|个?月)?")
_BAND = re.compile(r"(\d{1,3})\s*(?:周?岁)?\s*[-~至到]+\s*(\d{1,3})\s*(?:周?岁)?")
_OPEN = re.compile(r"(\d{1,3})\s*(?:周?岁)?\s*(?:\(?含?\)?及?以上|[+＋])")
_UNDER = re.compile(r"(\d{1,3})\s*(?:周?岁)?\s*(?:及?以下)")
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
_ENTITY = {
    "disability_cert_no": "CN_DISABILITY_CERT",
    "student_reg_no": "CN_STUDENT_NO",
    "student_no": "CN_STUDENT_NO",
}
_SPLIT = re.compile(r"[、,，;；/\n|]|\s{3,}")
_NUMBER = re.compile(r"\d|[*×●■□某]{3}")


def title_context(
    texts: Iterable[str] = (), file_name: str = "", on: datetime.date | None = None
) -> Context:
    """What the titles of a list and the name of its file tell: the county and the day of the list."""
    titles = [*texts, file_name]
    found = (areas_in(title) for title in titles if len(title) <= 400)
    areas = min((areas for areas in found if areas), key=len, default=None)
    return Context(areas=areas, ages=_ages_in(titles), on=on or own_date(titles))


_TITLE_LENGTH = 60
_AGES_IN_TITLE = re.compile(
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
    return parts if len(parts) > 1 and min(map(len, parts)) >= 8 else [text.strip()]


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
