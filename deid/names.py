"""Person names: the family name, the shape of a name, and minors named in a remark."""

from __future__ import annotations

import datetime
import re
from functools import cache

from deid.checks import ADULT
from deid.data import load_keys
from deid.later import later
from deid.tagger import is_cue, minor_names

_SHAPE = later(
    "[\u4e00-\u9fff\u3400-\u4dbf]{2,4}|[\u4e00-\u9fff]{1,8}(?:[·•.][\u4e00-\u9fff]{1,8}){1,4}"
)


@cache
def _surnames() -> tuple[frozenset[str], frozenset[str]]:
    known = load_keys("surnames")
    single = frozenset(name for name in known if len(name) == 1)
    return single, known - single


def family_name_length(name: str) -> int:
    """How many characters at the front of a name are the family name.

    A compound surname counts when a given name follows it; a name written with a dot (阿米娜·库尔班)
    has no Han family name, so its first character stands for it.
    """
    lead = len(name) - len(name.lstrip())
    bare = name[lead:]
    _, compound = _surnames()
    if len(bare.rstrip()) > 2 and bare[:2] in compound:
        return lead + 2
    return lead + 1


_FIRST_HAN = "\u3400"


def _is_plain(bare: str) -> bool:
    """Two to four common Han characters, as most names are."""
    return 2 <= len(bare) <= 4 and min(bare) >= "\u4e00" and max(bare) <= "\u9fff"


def is_name(text: str) -> bool:
    """Whether a folded text has the shape of one person's name with a known surname (or a dot)."""
    bare = text.replace(" ", "")
    if bare < _FIRST_HAN or not (_is_plain(bare) or _SHAPE.fullmatch(bare)):
        return False
    single, compound = _surnames()
    return bare[0] in single or bare[:2] in compound or "·" in bare


# A minor in prose: a name beside an age below 18, a late birth year, or a word for a child.
_KIN = (
    "(?:其|之|长|次|三|四|大|二|小|孙|外孙|养|继|侄|外甥)(?:子|女|儿|孙子|孙女|孙|甥|侄)|儿子|女儿|孙子|孙女|外孙女?|"
    "(?<![\u4e00-\u9fff])[子女](?=[:为])|侄子|侄女|小孩|孩子|学生|儿童|孤儿|女孩|男孩|婴儿|幼儿|未成年人|未成年子女|子女|孤残儿童|困境儿童|留守儿童|弟弟|妹妹"
)
_NAME = "(?P<name>[\u4e00-\u9fff]{2,6}?(?:[·][\u4e00-\u9fff]{1,8})?)"
_AGE = r"(?:现?年(?:龄|仅|满|方)?:?|(?:今年|现在|现)?(?:刚满|才满|刚刚?|才|仅|已满|满)?)\s*(?P<age>\d{1,2})\s*周?岁"
_BORN = r"(?P<year>(?:19|20)\d\d)\s*(?:年|[.\-/])(?:\s*\d{1,2}\s*(?:月|[.\-/])?(?:\s*\d{1,2}\s*日?)?)?\s*(?:出?生|$|[,)])"
_SEX = r"(?:(?:[男女]|[长次三四]?[儿子女孙]|孙子|孙女|儿子|女儿)[,\s]*)?(?:均|都)?"
_MORE = "(?P<more>(?:[、和与及,]\\s?[\u4e00-\u9fff]{2,4}){0,4})"
_AFTER = f"[,\\s]*[(]?[,\\s]*{_SEX}(?:{_AGE}|{_BORN})"
_CHILD = (
    "(?:未成年人|未成年(?:子女|儿子|女儿|孙子|孙女)|孤儿|困境儿童|留守儿童|事实无人抚养儿童|孤残儿童|"
    "婴儿|幼儿|(?:小|初中|高中)学生)"
)
_READS = "(?:现?就?读于?|上|念)"
CLASS_WORDS = ("幼儿园", "小学", "初一", "初二", "初三", "年级", "中班", "大班", "小班")
"""What a class or school of children is told by: one of them stands where nothing else says so."""
_CHILD_OF = "(?:长|次|三|小|独|养|继)?(?:子|女|儿子|女儿|孙子|孙女|孙|外孙女?|侄子|侄女)"
_CLASS = "(?:幼儿园|小学|初[一二三]|[一二三四五六七八九]年级|[中大小]班)"
# Where a child learns; whoever works there is none.
_GRADE = "(?:初[一二三]|[一二三四五六七八九]年级)"
_WORKS = "(?![\u4e00-\u9fff]{0,6}(?:教师|老师|主任|校长|职工|保安|退休|任教))"
_AT_SCHOOL = (
    f"(?:{_READS}[\u4e00-\u9fff]{{0,14}}{_CLASS}|现?在[\u4e00-\u9fff]{{0,14}}{_GRADE}){_WORKS}"
)
_AT_GRADE = f"[\u4e00-\u9fff]{{0,14}}{_GRADE}{_WORKS}"
_PUPIL = "(?:[(][0-9一二三四五六七八九十]{1,3}[)])?班?(?:在读|在校)?学生"


@cache
def _behind_kin() -> re.Pattern[str]:
    return later(f"(?:{_KIN})(?:姓名)?[:为叫是]?\\s*{_NAME}{_MORE}{_AFTER}")


@cache
def _alone() -> tuple[re.Pattern[str], ...]:
    """Forms without a word of kinship; compiled, like the others, when a remark gives cause."""
    return (
        later(rf"(?<![\u4e00-\u9fff]){_NAME}\s*[(,]\s*{_SEX}(?:{_AGE}|{_BORN})"),
        later(
            rf"(?<![\u4e00-\u9fff]){_NAME}(?:系|是|为)[\u4e00-\u9fff·]{{2,8}}?(?:之|的)(?:{_CHILD_OF})"
            rf"[,\s(]*(?:{_AGE}|{_BORN})"
        ),
        later(
            rf"(?<![\u4e00-\u9fff]){_NAME}\((?:父|母|监护人|爷|奶|祖|外)[^()]{{2,40}}\)[,\s]*{_SEX}"
            rf"(?:{_AGE}|{_BORN})"
        ),
        later(rf"{_AGE}的(?:{_KIN})?{_NAME}(?![\u4e00-\u9fff]?[局办所中])"),
        later(rf"{_CHILD}(?:姓名)?[:为叫是]?\s*{_NAME}(?=[由在就随和与的因系,。;、(\s]|$)"),
        later(
            rf"学生{_NAME}\s*[(,]?\s*(?:就读于?[\u4e00-\u9fff]{{0,12}})?(?=[\u4e00-\u9fff]{{0,12}}{_CLASS})"
        ),
        later(
            rf"(?<![\u4e00-\u9fff]){_NAME}(?=\s*(?:[(,]\s*)?(?:[男女],|系[^,;。()]{{0,14}},)?{_AT_SCHOOL}"
            rf"|\s*[(,]\s*(?:(?:[男女],)?学生,{_AT_GRADE}|(?:[男女],)?{_AT_GRADE}{_PUPIL}))"
        ),
        later(rf"(?:{_KIN})(?:姓名)?[:为叫是]?\s*{_NAME}(?=,?{_AT_SCHOOL})"),
    )


def minor_spans(folded: str) -> list[tuple[int, int]]:
    """Where a folded remark names somebody who, by what stands beside the name, is under 18."""
    if not may_name_minor(folded):
        return []
    spans = minor_names(folded)
    for pattern in (_behind_kin(), *_alone()):
        for match in pattern.finditer(folded):
            if _under_age(match):
                kin = pattern is _behind_kin()
                spans += [
                    span for span in _named(folded, match, kin) if _is_new(folded, span, spans)
                ]
    return spans


# What may stand between a name and the ID number of who bears it.
_BETWEEN = (
    r"(?:[\s(),:;/、|\-]|[男女]|[\u4e00-\u9fff]{1,3}族|本人|户主|(?<![\u4e00-\u9fff])[长次三养继]?[子女儿孙媳婿]{1,2}(?=[\s(,:;/、|])|"
    r"姓名|(?:居民|公民)?身份(?:证件?)?(?:号码|号)?|证件(?:号码|号)?|证号|号码|编号|ID|SFZ|\d{1,3}周?岁)"
)


@cache
def _owner() -> re.Pattern[str]:
    return later(
        rf"(?P<name>[\u4e00-\u9fff]{{2,8}}?(?:·[\u4e00-\u9fff]{{1,8}})?){_BETWEEN}{{0,10}}$"
    )


def name_before(folded: str, start: int) -> tuple[int, int] | None:
    """Where the name stands whose bearer the ID number at ``start`` belongs to, if one does.

    ``儿子覃浩（``, ``黎小东/子/``, ``其子覃浩，身份证号``: of the characters in front of the number, past
    what says whose number it is, the longest end that has the shape of a name.
    """
    window = folded[max(0, start - 48) : start]
    match = _owner().search(window)
    if not match:
        return None
    end = start - len(window) + match.end("name")
    begin = start - len(window) + match.start("name")
    if "·" in match["name"]:
        return begin, end
    kin = _up_to_kin().match(match["name"])
    begin += kin.end() if kin else 0
    if folded[begin:end] and folded[end - 1] in _NO_GIVEN_NAME:
        return None
    for length in (4, 3, 2):
        start = end - length
        compound = length < 4 or folded[start : start + 2] in _surnames()[1]
        if begin <= start and compound and is_name(folded[start:end]):
            return start, end
    return (begin, end) if kin and end - begin in (2, 3) else None


@cache
def _up_to_kin() -> re.Pattern[str]:
    return later(f".*(?:{_KIN})(?=..)")


_NO_GIVEN_NAME = frozenset("局办所会委厅院校村镇乡县市省组部科站队处号证码")
"""They end the names of offices and the words for numbers."""


def _is_new(folded: str, span: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    """Whether a form found a name that nothing before it did."""
    taken = any(start < span[1] and span[0] < end for start, end in spans)
    return not taken and not is_cue(folded[span[0] : span[1]])


def _named(folded: str, match: re.Match[str], kin: bool) -> list[tuple[int, int]]:
    """Where the name stands, and those told in the same breath (王梓涵、王梓萱均8岁).

    Behind a word of kinship any name will do; elsewhere it has to begin with a known surname.
    """
    found = [match.span("name")]
    if match.groupdict().get("more"):
        start = match.start("more")
        found += [
            (start + more.start(), start + more.end())
            for more in re.finditer("[\u4e00-\u9fff]{2,4}", match["more"])
        ]
    return [(a, b) for a, b in found if kin or is_name(folded[a:b])]


def may_name_minor(folded: str) -> bool:
    """Whether ``minor_spans`` can find anything: the cheap question first.

    Its forms have a word of kinship or for a child, or an age or a birth year behind a bracket or
    a comma; every date has the year.
    """
    if not may_tell_age(folded):
        return False
    return bool(
        _KIN_CUE.search(folded) or _born_apart().search(folded) or _CLASS_CUE.search(folded)
    )


def may_tell_age(folded: str) -> bool:
    """Whether an age, a birth year, a class or a word for a child stands there."""
    return bool(_MINOR_CUE.search(folded))


_KIN_CUE = later("[子女儿孙甥侄孩弟妹岁婴孤生人](?:(?<=[^生人])|(?<=学生)|(?<=未成年人))")
"""A character that each word of ``_KIN`` and ``_CHILD`` has, or the unit of an age."""


_CLASS_CUE = later(_CLASS)


@cache
def _born_apart() -> re.Pattern[str]:
    return later(rf"[(),]\s*{_SEX}{_BORN}")


_MINOR_CUE = later(
    r"岁|(?:19|20)\d\d\s*[年.\-/]|未成年|孤儿|儿童|婴|幼儿|生儿|遗孤|小学|年级|初中生|初[一二三]|幼儿园|[中大小]班|[就在]读|读[小初]"
)


def _under_age(match: re.Match[str]) -> bool:
    """Whether the age or the birth year that was matched is a minor's; a word for a child is."""
    told = match.groupdict()
    if told.get("age"):
        return int(told["age"]) < ADULT
    if told.get("year"):
        return datetime.date.today().year - int(told["year"]) < ADULT
    return True
