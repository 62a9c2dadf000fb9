"""Pure operators: how a value is changed. The words are GB/T 37964-2019's: mask 屏蔽, redact 抑制,
generalize 泛化; keep leaves it. Each takes the raw value and returns what stands in its place.

Every operator is idempotent on what it wrote, and what it leaves visible does not depend on what it
hides: the length of a hidden tail of an address, for one, is not shown.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise

from deid.address import cut, parse_address
from deid.checks import area_code_length
from deid.data import load_yaml, patterns_dir
from deid.errors import PatternError
from deid.later import later
from deid.names import family_name_length
from deid.text import fold, is_star

Operator = Callable[[str], str]

_LEAST_HIDDEN = 6
"""A mask that would hide fewer characters than this hides the value whole."""

REST = "***"
"""What stands for the hidden rest of an address: always the same, so its length tells nothing."""


def _visible(value: str) -> Sequence[int]:
    """Offsets of the characters that carry the value: letters and digits, not separators."""
    return [at for at, char in enumerate(fold(value)) if char.isalnum() or is_star(char)]


def keep(value: str) -> str:
    """The value itself."""
    return value


def mask(value: str, *, first: int = 0, last: int = 0, star: str = "*") -> str:
    """The value with every letter and digit but the first and last few replaced; length kept.

    >>> mask("11010519491231002X", first=6)
    '110105************'
    """
    bare = value.isascii() and value.isalnum()
    places = range(len(value)) if bare else _visible(value)
    if len(places) - first - last < min(_LEAST_HIDDEN, len(places)):
        first = last = 0
    if bare:
        return value[:first] + star * (len(value) - first - last) + value[len(value) - last :]
    hidden = set(places[first : len(places) - last])
    return "".join(star if at in hidden else char for at, char in enumerate(value))


def mask_landline(value: str) -> str:
    """The area code, the rest hidden; a number without a known area code is hidden whole."""
    digits = "".join(char for char in fold(value) if char.isdigit())
    return mask(value, first=area_code_length(digits) if digits.startswith("0") else 0)


def mask_email(value: str) -> str:
    """The domain, the part before ``@`` hidden.

    >>> mask_email("zhang@example.com")
    '*****@example.com'
    """
    at = fold(value).rfind("@")
    return "*" * len(value[:at].strip()) + value[at:] if at > 0 else mask(value)


def mask_name(value: str) -> str:
    """The family name and ``*`` for each character after it.

    >>> mask_name("于皓汐")
    '于**'
    """
    return mask_from(value, family_name_length(fold(value)))


def mask_from(value: str, start: int) -> str:
    """The value with every character from ``start`` on that is not blank replaced by ``*``."""
    return value[:start] + "".join(char if char.isspace() else "*" for char in value[start:])


def redact(value: str) -> str:
    """Nothing."""
    return ""


def replace(value: str, *, text: str = "***") -> str:
    """A fixed text."""
    return text


def generalize_address(value: str, *, level: str = "village") -> str:
    """The address down to ``level``; what is finer becomes ``***`` (levels: deid.address.LEVELS)."""
    address = parse_address(fold(value))
    start = cut(address, level) if address else 0
    end = address.end if address else len(value)
    return value if start >= end else value[:start] + REST + value[end:]


# --------------------------------------------------------------------------------------- coarser

_OLDEST = 130
_DIGIT = {"零": 0, "〇": 0, "○": 0, "两": 2, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5} | {
    char: value for value, char in enumerate("一二三四五六七八九", 1)
}
_DIGIT |= {"陆": 6, "柒": 7, "捌": 8, "玖": 9}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_HAN_NUMBER = later(f"[{''.join(_DIGIT)}{''.join(_TENS)}廿卅]+")


def _with_digits(value: str) -> str:
    """The value folded, without blanks, its Chinese numerals written as digits."""
    return _HAN_NUMBER.sub(lambda match: _arabic(match.group()), "".join(fold(value).split()))


def _arabic(word: str) -> str:
    """A Chinese number in digits: 一九五〇 -> 1950, 七十二 -> 72, 一百零二 -> 102."""
    word = word.replace("廿", "二十").replace("卅", "三十")
    if not any(char in _TENS for char in word):
        return "".join(str(_DIGIT[char]) for char in word)
    total, digit = 0, 0
    for char in word:
        if char in _TENS:
            total, digit = total + (digit or 1) * _TENS[char], 0
        else:
            digit = _DIGIT[char]
    return str(total + digit)


_AGE = later(r"(?:现年|年龄|约|虚岁|周岁)?:?(\d{1,3})(?:[.]\d{1,2})?(?:周岁|虚岁|岁)?(半|多|余)?")
_MONTHS = later(r"\d{1,2}(?:[.]\d)?(?:个月|月龄|个月龄|月|天|周)大?")
_SPAN = later(r"(\d{1,3})(?:岁)?[-~—–至到](\d{1,3})(?:周岁|岁)?")


def age_band(value: str, *, width: int = 10, bands: Sequence[int] = ()) -> str:
    """The age as a span of years: of ``width``, or between the given lower ends.

    >>> age_band("72岁"), age_band("86", bands=[80, 90, 100])
    ('70-79岁', '80-89岁')
    """
    if not value.strip():
        return value
    text = _with_digits(value)
    if _MONTHS.fullmatch(text):
        return _band(0, width, bands)
    age = _AGE.fullmatch(text)
    if age and int(age[1]) <= _OLDEST:
        return _band(int(age[1]), width, bands)
    if text in _all_bands(width, tuple(bands)):
        return text
    span = _SPAN.fullmatch(text)
    if span and int(span[1]) <= int(span[2]) <= _OLDEST:
        low, high = (_band(int(end), width, bands) for end in span.groups())
        return low if low == high else REST
    return REST


@cache
def _all_bands(width: int, bands: tuple[int, ...]) -> frozenset[str]:
    return frozenset(_band(at, width, bands) for at in range(_OLDEST + 1))


def _band(age: int, width: int, bands: Sequence[int]) -> str:
    ends = sorted(bands) if bands else range(0, 101, width)
    below = [end for end in ends if end <= age]
    above = [end for end in ends if end > age]
    if not below:
        return f"{above[0]}岁以下"
    return f"{below[-1]}-{above[0] - 1}岁" if above else f"{below[-1]}岁以上"


_BIRTH = later(
    r"(?:公历|农历|阴历|阳历|生于|出生于)?(?:"
    r"(?P<a>\d{4})(?:年|[-./,、])(?P<b>\d{1,2})(?:(?:月|[-./,、])(?:(?P<c>\d{1,2})日?)?)?(?:T?\d\d?:\d\d(?::\d\d)?(?:[.]0*)?)?"
    r"|(?P<d>\d{4})(?P<e>\d\d)(?P<f>\d\d)?|(?P<g>\d{4})年?|(?P<h>\d{1,2})[-./](?P<i>\d{1,2})[-./](?P<j>\d{4})"
    r")(?:[.]0)?(?:出生|生)?"
)
_SERIAL = later(r"(\d{5})(?:[.]\d+)?")
_FIRST_YEAR = 1890
_EPOCH = datetime.date(1899, 12, 30)
"""Day 0 of the serial dates of spreadsheets (ECMA-376 part 1, 18.17.4.1)."""


def birth_year(value: str) -> str:
    """The year of a birth date, in whatever way it is written.

    >>> birth_year("1950.03"), birth_year("一九五〇年三月"), birth_year("18327")
    ('1950年', '1950年', '1950年')
    """
    if not value.strip():
        return value
    text = _with_digits(value)
    serial = _SERIAL.fullmatch(text)
    if serial:
        year = (_EPOCH + datetime.timedelta(int(serial[1]))).year
        return f"{year}年" if _is_year(year) else REST
    match = _BIRTH.fullmatch(text)
    if not match:
        return REST
    year = int(match["a"] or match["d"] or match["g"] or match["j"])
    month, day = match["b"] or match["e"], match["c"] or match["f"]
    if match["j"]:
        month, day = sorted((match["h"], match["i"]), key=int)
    fits = (not month or 1 <= int(month) <= 12) and (not day or 1 <= int(day) <= 31)
    return f"{year}年" if fits and _is_year(year) else REST


def _is_year(year: int) -> bool:
    return _FIRST_YEAR <= year <= datetime.date.today().year


@cache
def _causes() -> tuple[re.Pattern[str], re.Pattern[str], Mapping[str, str], str]:
    """What is taken out first, the words that name a cause, word -> cause, and the last resort."""
    raw = load_yaml(patterns_dir() / "causes.yaml")
    words = {word: cause for cause, line in raw["categories"].items() for word in line.split()}
    return _any_of(raw["none"].split()), _any_of(words), words, raw["other"]


def _any_of(words: Sequence[str] | Mapping[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))


def cause_category(value: str) -> str:
    """Why somebody is in need, as 因病, 因灾, 因学, 意外 or 其他 (``patterns/causes.yaml``).

    >>> cause_category("患肺癌住院，孩子上大学")
    '因病、因学'
    """
    if not value.strip():
        return value
    if value.strip() == REST:
        return value
    none, named, words, other = _causes()
    found = {words[match.group()] for match in named.finditer(none.sub(" ", fold(value)))}
    order = dict.fromkeys(words.values())
    return "、".join(cause for cause in order if cause in found) or other


_AMOUNT = later(r"(?:人民币|约|年|月)?[¥￥]?(\d+(?:[.]\d+)?)(万|千|百)?(?:元|块)?(?:整|/[年月])?")
_INCOMES = (1000, 3000, 5000, 10000, 30000, 50000, 100000)


def income_band(value: str, *, bands: Sequence[int] = _INCOMES) -> str:
    """An amount as a span between the given lower ends.

    >>> income_band("3,650元"), income_band("1.2万元")
    ('3000-5000元', '10000-30000元')
    """
    if not value.strip():
        return value
    text = _with_digits(value).replace(",", "")
    ends = sorted(bands)
    spans = [
        f"{ends[0]}元以下",
        *(f"{a}-{b}元" for a, b in pairwise(ends)),
        f"{ends[-1]}元以上",
    ]
    if text in spans:
        return text
    match = _AMOUNT.fullmatch(text)
    if not match:
        return REST
    amount = float(match[1]) * {"万": 10000, "千": 1000, "百": 100}.get(match[2], 1)
    return spans[sum(end <= amount for end in ends)]


_HEADS = frozenset(("户主", "本人", "户主本人", "本人或户主", "申请人", "之本人"))


def relation_category(value: str) -> str:
    """Whether a person is the head of the household or another member of it.

    >>> relation_category("户主"), relation_category("长女")
    ('户主', '家庭成员')
    """
    text = "".join(fold(value).split())
    if not text:
        return value
    return text if text in _HEADS else "家庭成员"


CLOSED = frozenset(
    (
        "age_band",
        "birth_year",
        "cause_category",
        "income_band",
        "relation_category",
        "replace",
        "redact",
    )
)
"""Operators that write one of a few words, whatever they are given: nothing of it can be left."""


def visible_length(text: str) -> int:
    """How many letters and digits a text shows."""
    return sum(char.isalnum() and not is_star(char) for char in fold(text))


OPERATORS: Mapping[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        keep,
        mask,
        mask_landline,
        mask_email,
        mask_name,
        redact,
        replace,
        generalize_address,
        age_band,
        birth_year,
        cause_category,
        income_band,
        relation_category,
    )
}
"""The operators that a policy may name."""


def build(name: str, options: Mapping[str, object], where: str) -> Operator:
    """The operator ``name`` with its options bound. Raises PatternError that names the place."""
    function = OPERATORS.get(name)
    if function is None:
        raise PatternError(f"{where}: 没有名为 {name} 的处理方式（有：{'、'.join(OPERATORS)}）")
    try:
        function("", **options)
    except TypeError:
        raise PatternError(f"{where}: {name} 不认识选项 {sorted(options)}") from None
    return partial(function, **options) if options else function
