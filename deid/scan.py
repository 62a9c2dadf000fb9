"""Text -> findings: the exact path, which defines what is right.

Candidates come from the entities' patterns in one pass over the folded text; each is weighed by its
checks, by the label before it, the unit behind it and the kind of text it stands in; overlaps are
settled in favour of what protects more.
"""

from __future__ import annotations

import datetime
import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from deid.address import (
    Address,
    any_digit,
    cut,
    find_addresses,
    may_hold_address,
    named_by_number,
    parse_address,
    parse_addresses,
)
from deid.checks import (
    ADULT,
    CHECKS,
    age_on,
    bank_card,
    credit_code,
    disability_cert,
    id_birth_date,
    known_area,
    luhn,
    mobile,
    resident_id,
)
from deid.entities import Entity, Pattern, load_entities
from deid.evidence import is_agency_account, is_agency_contact, is_amount, is_home
from deid.fields import NO_LABEL, Label, label_before, simplified
from deid.later import later
from deid.model import Finding
from deid.names import may_name_minor, may_tell_age, minor_spans, name_before
from deid.text import INVISIBLE, STAR_LIKE, fold, is_star, squeeze

CERTAIN = 0.95
"""From this score on a value is what it looks like, whatever the words around it say."""
_LABELLED = 0.01
"""What a label adds: of two readings of one number, the one that is named wins."""
_SURE = 0.65
"""Below this a form alone is no reason to hide a number in a title, a legend or a footer."""


class Setting(NamedTuple):
    """What is known of the place that a text stands in.

    ``label``: what the column header says of every value in the cell. ``people``: the text belongs
    to a listed person (a row of the list), so a contact in it is that person's. ``public``: it
    belongs to the publisher (title, footer, directory of agencies), so a contact is the agency's.
    ``record``: it is one person's row without any header, so a long number can only be theirs.
    """

    label: Label = NO_LABEL
    people: bool = False
    public: bool = False
    record: bool = False


PROSE = Setting()

_SEPARATORS = later("[^0-9A-Za-z\u4e00-\u9fff]")
_URL = later(
    r"(?:(?:https?|ftp)://|www[.])[^\s\u4e00-\u9fff,;()<>\"'、。]+"
    r"|[A-Za-z0-9-]+(?:[.][A-Za-z0-9-]+)*[.](?:cn|com|net|org|gov)/[^\s\u4e00-\u9fff,;()<>\"'、。]+"
    r"|[A-Za-z_]*\d+[A-Za-z0-9_]*[.](?:docx?|xlsx?|pdf|zip|rar|jpe?g|png|s?html?|ofd|wps|et)\b"
)
_PERSONAL_KEY = later(r"(?i)(?:phone|mobile|tel|sfz\w*|id_?card|id_?no|sjh\w*|lxdh|cert_?no)[=:/]$")
_MASKED = later(
    f"(?:[0-9Xx()+][ .·_{INVISIBLE}-]{{0,3}}){{0,24}}[*](?:[ .·_{INVISIBLE}-]{{0,3}}[0-9Xx*()]){{1,40}}"
    r"|\d+[xX]{4,}\d*"
)
_DIGIT = later(r"\d")
_LONG_RUN = later(r"(?<![\dXx])(?=\d)[\dXx]{19,}")
_TWO_MOBILES = later(
    r"(?<!\d)1[3-9](?:[ -]?\d){9}(?:[ -]?(?:00)?86)?[ -]?1[3-9](?:[ -]?\d){9}(?!\d)"
)
_GROUPED_ID = later(r"(?<!\d)\d{6}[ \-.·]\d{8}[ \-.·]\d{3}[\dXx](?=\d)")
_GATE = later(
    r"\d|@|wxid|[A-Za-z]{4}|岁|未成年|孤儿|儿童|学生|婴|幼儿|生儿|遗孤|[就在]读|读[小初]|年级|小学|初[一二三]|[中大小]班|[村镇乡路街巷社组队号院栋幢楼室屯弄嘎苏场连]|[\u4e00-\u9fff][A-Z]"
)


class _Candidate(NamedTuple):
    start: int
    end: int
    entity: str
    score: float
    why: str
    checked: bool = True


def bare(folded: str) -> str:
    """A folded value without its separators, in capitals: what checks and comparisons work on."""
    if folded.isascii() and folded.isalnum():
        return folded.upper()
    return _SEPARATORS.sub("", folded).upper()


def scan(text: str, setting: Setting = PROSE, place: str = "") -> list[Finding]:
    """Every finding in one text, in order, never overlapping.

    It does not depend on a policy: what a policy keeps is found too (and an agency's contact, which
    no policy hides, is not).
    """
    folded = fold(text)
    if len(folded) <= _CELL and not place:
        found = _scan_cell(folded, setting)
        if found is not None:
            return list(found)
    return _scan_rest(folded, setting, place)


def _scan_rest(folded: str, setting: Setting, place: str) -> list[Finding]:
    """Every finding in a text about which no cell like it tells anything."""
    label = setting.label
    if label.field not in _FINER:
        if not _GATE.search(folded):
            return []
        if label.entity != "CN_ADDRESS" and not (
            (label.entity and _DIGIT.search(folded)) or _may_hold(folded)
        ):
            return []
    return _scan_folded(folded, setting, place)


def _scan_folded(folded: str, setting: Setting, place: str) -> list[Finding]:
    numbers = _settle(_all_numbers(folded, setting))
    if numbers and not setting.people:
        setting = setting._replace(people=True)
    found = [*numbers, *_addresses(folded, setting, numbers)]
    found += [
        _Candidate(start, end, "PERSON", 0.8, "备注里写明年龄未满18岁")
        for start, end in minor_spans(folded)
    ]
    found += _minors_by_number(folded, numbers)
    if len(found) > len(numbers):
        found = _settle(found)
    return [
        Finding(item.start, item.end, item.entity, item.score, item.why, place)
        for item in sorted(found, key=lambda item: item.start)
    ]


def _minors_by_number(folded: str, numbers: Sequence[_Candidate]) -> Iterator[_Candidate]:
    """The names in front of ID numbers of people under 18: 儿子覃浩（4310…）."""
    for item in numbers:
        if item.entity == "CN_RESIDENT_ID" and item.start:
            born = id_birth_date(bare(folded[item.start : item.end]))
            name = name_before(folded, item.start) if born and _is_young(born) else None
            if name:
                yield _Candidate(*name, "PERSON", 0.8, "证件号表明未成年")


def _is_young(born: datetime.date) -> bool:
    return age_on(born, datetime.date.today()) < ADULT


# ------------------------------------------------------------------------------------ cells alike

_CELL = 100
"""Longer texts are no cells of a list, which differ in their numbers above all."""
_FEW_DIGITS = later(r"(?:[^0-9A-Za-z@*]*[0-9]){0,9}[^0-9A-Za-z@*]*")
"""An amount, a date, a serial number (in ASCII): no form without a header has so few digits."""


def _scan_cell(folded: str, setting: Setting) -> Sequence[Finding] | None:
    """What a cell holds by what others like it hold; None where that does not tell."""
    if folded.isascii():
        kind = _plain_number(folded)
        if kind:
            return _scan_plain(kind, setting, folded)
        by_header = setting.label.entity or setting.label.field in _FINER or setting.record
        return () if not by_header and _FEW_DIGITS.fullmatch(folded) else None
    if setting.label.entity == "CN_ADDRESS" and not _told_by_digits(folded):
        return _scan_alike(any_digit(folded), setting)
    return None


def _plain_number(folded: str) -> str:
    """Which kind of number an ASCII text is from end to end; most cells that hold any are.

    Two texts of one kind hold the same: a form tells them apart by nothing but these checks.
    """
    length = len(folded)
    if 11 <= length <= 19 and folded[:-1].isdecimal():
        if length == 18 and resident_id(folded.upper()):
            return "id"
        if folded[-1].isdecimal():
            if length == 11 and mobile(folded):
                return "mobile"
            if length in (16, 19) and bank_card(folded):
                return f"card of {length}"
    return ""


_known_plain: dict[tuple[str, Setting], tuple[Finding, ...]] = {}


def _scan_plain(kind: str, setting: Setting, folded: str) -> tuple[Finding, ...]:
    found = _known_plain.get((kind, setting))
    if found is None:
        found = _known_plain[kind, setting] = tuple(_scan_rest(folded, setting, ""))
    return found


def _told_by_digits(folded: str) -> bool:
    """Whether a rule for addresses or minors may ask which digits these are."""
    return may_tell_age(folded) or named_by_number(folded)


@lru_cache(maxsize=1 << 14)
def _scan_alike(text: str, setting: Setting) -> tuple[Finding, ...] | None:
    """What an address holds whose digits are those of ``text`` or others; None for a number."""
    return None if _is_numberish(text) else tuple(_scan_rest(text, setting, ""))


# ------------------------------------------------------------------------------------- whole texts


def _may_hold(folded: str) -> bool:
    """Whether a text that no header vouches for can hold a finding: a look at each character.

    What is masked already counts, because an address may end at a mask.
    """
    return bool(
        _is_numberish(folded)
        or STAR_LIKE.search(folded)
        or _CROSSES.search(folded)
        or may_hold_address(folded)
        or may_name_minor(folded)
    )


def _all_numbers(folded: str, setting: Setting) -> list[_Candidate]:
    """Candidates of every kind but addresses and names."""
    numberish = _is_numberish(folded)
    glued = list(_glued(folded)) if numberish else []
    rest = _blank(folded, map(_span, glued)) if glued else folded
    found = [*glued, *(_numbers(rest, setting) if numberish else ()), *_weak_masks(rest)]
    if setting.label.entity:
        found += _column_values(rest, setting, found)
    if setting.record:
        found += _record_values(rest, found)
    hidden = _masked_spans(folded) if found else ()
    return [item for item in found if item.checked or not _inside(item, hidden)]


def _inside(item: _Candidate, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start < item.end and item.start < end for start, end in spans)


# ---------------------------------------------------------------------------- values masked already


def _masked_spans(folded: str) -> list[tuple[int, int]]:
    """Values that somebody masked before: they stay as they are."""
    if not STAR_LIKE.search(folded) and not _CROSSES.search(folded):
        return []
    plain = _plain_stars(folded)
    spans = (match.span() for match in _MASKED.finditer(plain))
    return [(a, b) for a, b in spans if "*" not in plain[a:b] or "**" in _joined(plain[a:b])]


def _joined(token: str) -> str:
    return token.translate(_NO_SEPARATORS)


_CROSSES = later("[xX]{4}")
_NO_SEPARATORS = dict.fromkeys(map(ord, f" .·_{INVISIBLE}-"))


def _plain_stars(folded: str) -> str:
    return STAR_LIKE.sub("*", folded)


_WEAK_MASK = later(r"(?<![\dA-Za-z*])\d[\d*]{13,16}[\dXx*](?![\dA-Za-z*])")


def _weak_masks(folded: str) -> Iterator[_Candidate]:
    """ID numbers of which fewer than six characters are hidden: raised to the policy's mask."""
    if not STAR_LIKE.search(folded):
        return
    plain = _plain_stars(folded)
    for match in _WEAK_MASK.finditer(plain):
        value = match.group()
        if len(value) in (15, 18) and 0 < value.count("*") < 6:
            yield _Candidate(*match.span(), "CN_RESIDENT_ID", 0.9, "屏蔽不足6位")


# ---------------------------------------------------------------------------------------- numbers


class _Form(NamedTuple):
    """One form of an entity, ready to search. ``group``: what of a match is the value."""

    entity: Entity
    pattern: Pattern
    search: Callable[[str, int], re.Match[str] | None]
    group: int
    checks: tuple[Callable[[str], bool], ...]


@cache
def _forms_of(wanted: frozenset[str], unmet: frozenset[re.Pattern[str]]) -> tuple[_Form, ...]:
    """The forms that speak for themselves, less those that need what the text lacks, and those that
    need a label, of the entities that a label speaks of."""
    entities = load_entities()
    alone = [
        (entity, pattern)
        for entity in entities.values()
        for pattern in entity.find
        if not pattern.needs_label and _NEEDS.get(entity.name) not in unmet
    ]
    named = [entities[name] for name in sorted(wanted & entities.keys())]
    labelled = [
        (entity, pattern) for entity in named for pattern in entity.find if pattern.needs_label
    ]
    return tuple(_form(entity, pattern) for entity, pattern in alone + labelled)


def _form(entity: Entity, pattern: Pattern) -> _Form:
    regex = pattern.regex
    checks = tuple(CHECKS[check] for check in pattern.checks)
    return _Form(entity, pattern, regex.search, regex.groupindex.get("v", 0), checks)


def _forms(folded: str, entity: str) -> tuple[_Form, ...]:
    """The forms that the text gives cause to try."""
    wanted = {entity, *_labels_in(folded)}
    if wanted & _TELEPHONES:
        wanted |= _TELEPHONES
    unmet = frozenset(need for need in set(_NEEDS.values()) if not need.search(folded))
    return _forms_of(frozenset(wanted), unmet)


_NUMBERISH = later(
    r"(?:\d[\W_]{0,3}){6}\d|[A-Za-z]\d{5}|[\dOoIlBSZ]{15}|@|wxid_|QQ|qq|微信|扣扣|抖音|快手|陌陌|钉钉|飞书|支付宝|(?i:wechat|vx|wx)"
    r"|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]\s{0,3}[A-Za-z]"
)
"""What every number has at least: seven digits, or the beginning of an account or a plate."""
_MAYBE_NUMBERISH = later(r"[\dA-Za-z@微扣](?:(?<=\D)|(?:[\W_]{0,3}\d){6})")
"""The same made coarser: with one class in front the search skips from one such character to the next."""


def _is_numberish(folded: str) -> bool:
    match = _MAYBE_NUMBERISH.search(folded)
    return bool(match and (len(match.group()) > 1 or _NUMBERISH.search(folded)))


_GAP = r"[\W_]"
_TEN_DIGITS = later(rf"\d(?:{_GAP}{{0,12}}\d){{9}}")
_FIFTEEN_DIGITS = later(rf"\d(?:{_GAP}{{0,12}}\d){{14}}")
_LETTER_AND_DIGITS = later(rf"[A-Za-z]{_GAP}{{0,3}}\d{{7}}")
_NEEDS = {
    "CN_RESIDENT_ID": _FIFTEEN_DIGITS,
    "CN_DISABILITY_CERT": _FIFTEEN_DIGITS,
    "CN_STUDENT_NO": _FIFTEEN_DIGITS,
    "CN_BANK_CARD": _FIFTEEN_DIGITS,
    "CN_MOBILE": _TEN_DIGITS,
    "CN_LANDLINE": _TEN_DIGITS,
    "CN_PASSPORT": _LETTER_AND_DIGITS,
    "CN_TRAVEL_PERMIT": _LETTER_AND_DIGITS,
    "CN_PLATE": later("[A-Za-z]"),
    "CN_WECHAT": later("wxid_"),
    "EMAIL_ADDRESS": later("@"),
}
"""What a text has that a form without a label of the entity can match; such a form is a slow search."""


def _numbers(folded: str, setting: Setting) -> Iterator[_Candidate]:
    urls = _urls(folded) if "." in folded else ()
    for form, match, start, end, label in _matched(folded, setting.label.entity):
        entity, pattern = form.entity, form.pattern
        why = _weigh(entity, pattern, match, folded, label, setting, urls)
        if why:
            score = pattern.score + _LABELLED * (pattern.needs_label or why.startswith("标签"))
            yield _Candidate(start, end, entity.name, score, why, bool(pattern.checks))


@lru_cache(maxsize=1 << 12)
def _urls(folded: str) -> tuple[tuple[int, int], ...]:
    return tuple(match.span() for match in _URL.finditer(folded))


class _Matched(NamedTuple):
    """A form found: where its value stands, and the label before it."""

    form: _Form
    match: re.Match[str]
    start: int
    end: int
    label: Label


@lru_cache(maxsize=1 << 14)
def _matched(folded: str, entity: str) -> tuple[_Matched, ...]:
    """What the forms find in a text under a header of ``entity``.

    A line is read as prose first, then as what its neighbours make of it: the forms find the same.
    """
    labels: dict[int, Label] = {}
    found = []
    for form in _forms(folded, entity):
        for match, start, end in _matches(form, folded):
            if start not in labels:
                labels[start] = label_before(folded, start)
            found.append(_Matched(form, match, start, end, labels[start]))
    return tuple(found)


def _matches(form: _Form, folded: str) -> Iterator[tuple[re.Match[str], int, int]]:
    """All matches whose value stands its checks, and where the value is.

    Overlapping ones too: one number may be swallowed by a longer that is none.
    """
    match = form.search(folded, 0)
    while match:
        start, end = match.span(form.group)
        value = bare(folded[start:end]) if form.checks else ""
        for check in form.checks:
            if not check(value):
                break
        else:
            yield match, start, end
        match = form.search(folded, match.start() + 1)


@cache
def _cues() -> tuple[re.Pattern[str], dict[str, list[tuple[str, str]]]]:
    """First character -> every word with it that announces an entity, and which; any of the first."""
    words: dict[str, list[tuple[str, str]]] = {}
    for entity in load_entities().values():
        for word in entity.context:
            words.setdefault(word[0], []).append((word, entity.name))
    return later(f"[{''.join(map(re.escape, words))}]"), words


def _labels_in(folded: str) -> set[str]:
    """Entities that some word of the text speaks of: only their label-bound forms are tried."""
    first, words = _cues()
    capitals = squeeze(folded).upper().translate(simplified())
    return {
        name
        for match in first.finditer(capitals)
        for word, name in words[match.group()]
        if capitals.startswith(word, match.start())
    }


def _weigh(
    entity: Entity,
    form: Pattern,
    match: re.Match[str],
    folded: str,
    label: Label,
    setting: Setting,
    urls: Sequence[tuple[int, int]],
) -> str:
    """Why the match is a finding; empty when it is none."""
    start, end = match.span()
    named = label if label is not NO_LABEL else setting.label
    if form.needs_label and not _names(named, entity):
        return ""
    if form.score >= CERTAIN:
        return "校验位正确"
    if any(a <= start and end <= b for a, b in urls):
        return "网址参数" if _PERSONAL_KEY.search(folded, 0, start) else ""
    if setting.public and not form.needs_label and form.score < _SURE and not _names(named, entity):
        return ""
    if named.public or (named.entity == "" and is_amount(folded, end)):
        return ""
    if label.agency or setting.label.agency:
        return "" if entity.public else entity.label
    listed = setting.people or setting.record or setting.label.entity
    if entity.name == "CN_BANK_CARD" and not listed and is_agency_account(folded, start, end):
        return ""
    if entity.public and is_agency_contact(
        entity.name, folded, start, people=setting.people, public=setting.public
    ):
        return ""
    if not _names(named, entity) and credit_code(_token(folded, start, end)):
        return ""
    return f"标签：{entity.label}" if _names(named, entity) else "号码形式"


def _names(label: Label, entity: Entity) -> bool:
    """Whether a label speaks of that entity; a word for telephone speaks of both kinds."""
    return label.entity == entity.name or {label.entity, entity.name} == _TELEPHONES


_TELEPHONES = {"CN_MOBILE", "CN_LANDLINE"}


def _token(folded: str, start: int, end: int) -> str:
    """The whole run of letters and digits that a match is part of."""
    before = _ALNUM_END.search(folded[max(0, start - 18) : start])
    after = _ALNUM_START.match(folded, end)
    return (before.group() if before else "") + folded[start:end] + (after.group() if after else "")


_ALNUM_END = later(r"[0-9A-Za-z]{1,18}$")
_ALNUM_START = later(r"[0-9A-Za-z]{1,18}")


_DATE_LIKE = later(
    r"(?:1[89]|20)\d\d[-./年]\d{1,2}(?:[-./月]\d{1,2}日?)?|(?:1[89]|20)\d\d年?|\d{1,2}:\d\d"
)
_SERVICE = later(r"(?:400|800)-?\d{3}-?\d{4}|9[56]\d{3,4}|1(?:0\d{3}|1[0-9]|2[0-9]|2[0-9]{3})")


def _column_values(folded: str, setting: Setting, found: list[_Candidate]) -> Iterator[_Candidate]:
    """What a column's header vouches for, however broken: mistyped, cut short, rounded."""
    entity = load_entities().get(setting.label.entity)
    if entity is None or entity.column is None:
        return
    rest = folded
    for item in found:
        rest = rest[: item.start] + "\0" * (item.end - item.start) + rest[item.end :]
    for match in entity.column.finditer(rest):
        value = match.group()
        if not _DIGIT.search(value) or _DATE_LIKE.fullmatch(value.strip()):
            continue
        if entity.public and _SERVICE.fullmatch(value.replace(" ", "").replace("-", "")):
            continue
        yield _Candidate(*match.span(), entity.name, 0.5, f"列：{entity.label}", False)


def _record_values(folded: str, found: list[_Candidate]) -> Iterator[_Candidate]:
    """Numbers in a person's row that no pattern knows: a mistyped ID, a passbook, a local number."""
    taken = [(item.start, item.end) for item in found]
    for match in re.finditer(
        r"(?<![\dA-Za-z.-])(?:\d{15,21}[Xx]?|[2-9]\d{6,7})(?![\dA-Za-z.-])", folded
    ):
        start, end = match.span()
        if any(a < end and start < b for a, b in taken):
            continue
        if label_before(folded, start).public or is_amount(folded, end):
            continue
        if end - start < 15:
            entity = "CN_LANDLINE"
        else:
            entity = "CN_RESIDENT_ID" if known_area(match.group()) else "CN_BANK_CARD"
        yield _Candidate(start, end, entity, 0.5, "名单行中的长号码", False)


def _glued(folded: str) -> Iterator[_Candidate]:
    """Numbers written into one another: a window with the right check character slides over them."""
    if not _TEN_DIGITS.search(folded):
        return
    for match in _GROUPED_ID.finditer(folded):
        if resident_id(bare(match.group())):
            yield _Candidate(*match.span(), "CN_RESIDENT_ID", 0.97, "连写中校验位正确")
    for match in _TWO_MOBILES.finditer(folded):
        yield from _two_mobiles(match)
    for run in _LONG_RUN.finditer(folded):
        digits = run.group()
        if resident_id(digits[:18]) and disability_cert(digits[:20]) and len(digits) == 20:
            continue
        spans = _id_windows(digits)
        if spans and not bank_card(digits):
            yield from _rest_of_glued(run.start(), digits, spans)


def _two_mobiles(match: re.Match[str]) -> Iterator[_Candidate]:
    digits = bare(match.group())
    if mobile(digits[:11]) and mobile(digits[-11:]):
        places = [match.start() + digit.start() for digit in _DIGIT.finditer(match.group())]
        for first in (0, len(digits) - 11):
            span = places[first], places[first + 10] + 1
            yield _Candidate(*span, "CN_MOBILE", 0.8, "两个号码连写")


def _id_windows(digits: str) -> list[tuple[int, int]]:
    """Where in a long run ID numbers stand that do not overlap."""
    at, spans = 0, []
    while at + 18 <= len(digits):
        if resident_id(digits[at : at + 18]):
            spans.append((at, at + 18))
            at += 18
        else:
            at += 1
    return spans


def _rest_of_glued(offset: int, digits: str, spans: list[tuple[int, int]]) -> Iterator[_Candidate]:
    """The ID numbers in a run of digits, and what stands between them."""
    edges = [0, *(edge for span in spans for edge in span), len(digits)]
    for start, end in spans:
        yield _Candidate(offset + start, offset + end, "CN_RESIDENT_ID", 0.97, "连写中校验位正确")
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        rest = digits[start:end]
        if len(rest) >= 7:
            card = 16 <= len(rest) <= 19 and luhn(rest)
            entity = "CN_BANK_CARD" if card or not mobile(rest) else "CN_MOBILE"
            yield _Candidate(offset + start, offset + end, entity, 0.9, "与证件号连写")


def _settle(found: list[_Candidate]) -> list[_Candidate]:
    """Of candidates that overlap, the certain one, then the longer one; the rest is cut away."""
    kept: list[_Candidate] = []
    order: list[tuple[int, int]] = []  # (start, number) of those kept, by start
    for item in sorted(found, key=_rank):
        piece = _trim(item, _touching(item, kept, order))
        if piece:
            insort(order, (piece.start, len(kept)))
            kept.append(piece)
    return kept


def _touching(
    item: _Candidate, kept: list[_Candidate], order: list[tuple[int, int]]
) -> list[_Candidate]:
    """Those of ``kept``, in their order, that overlap with a candidate; they never overlap themselves."""
    first = max(0, bisect_left(order, (item.start,)) - 1)
    last = bisect_left(order, (item.end,))
    return [kept[number] for number in sorted(number for _, number in order[first:last])]


def _rank(item: _Candidate) -> tuple[bool, bool, int, float, int]:
    number = item.entity not in ("CN_ADDRESS", "PERSON")
    return (not number, item.score < CERTAIN, item.start - item.end, -item.score, item.start)


def _trim(item: _Candidate, kept: list[_Candidate]) -> _Candidate | None:
    """What of a candidate lies outside those kept; None when too little to mean anything."""
    start, end = item.start, item.end
    for other in kept:
        if other.start < end and start < other.end:
            if other.start <= start and end <= other.end:
                return None
            if start < other.start:
                end = other.start
            else:
                start = other.end
    if (start, end) == (item.start, item.end):
        return item
    least = 2 if item.entity == "CN_ADDRESS" else 7
    return item._replace(start=start, end=end) if end - start >= least else None


# -------------------------------------------------------------------------------------- addresses


def _addresses(folded: str, setting: Setting, numbers: list[_Candidate]) -> Iterator[_Candidate]:
    label = setting.label
    if label.agency or label.public:
        return
    whole = label.entity == "CN_ADDRESS"
    if label.field in _FINER and _is_finer(folded, label.field):
        start = len(folded) - len(folded.lstrip())
        yield _Candidate(
            start, len(folded.rstrip()), "CN_VILLAGE_GROUP", 0.7, "列：组、自然村或位置"
        )
        return
    masked = (span for span in _masked_spans(folded) if span[1] - span[0] >= _MASKED_NUMBER)
    blanked = _blank(folded, [*map(_span, numbers), *masked])
    for address in parse_addresses(blanked) if whole else _prose_addresses(blanked):
        if cut(address) >= address.end or _only_stars(folded[cut(address) : address.end]):
            continue
        if whole or is_home(
            folded,
            address,
            people=setting.people,
            public=setting.public,
            record=setting.record,
        ):
            yield _Candidate(address.start, address.end, "CN_ADDRESS", 0.8, "地址细于村（社区）")


@lru_cache(maxsize=1 << 14)
def _prose_addresses(blanked: str) -> tuple[Address, ...]:
    return tuple(find_addresses(blanked))


_FINER = frozenset(("village_group", "gps"))
"""Fields whose values are finer than a village by what their header says."""
_NOT_FINER = later(
    r"[无否同未暂]|.*(?:村|社区|居委会|委员会|路|街|大道|小区|花园|公寓|家园|[苑园城府]|网格|街道|镇|乡|所|站|局)$"
)


def _is_finer(folded: str, field: str) -> bool:
    """Whether a value under such a header is a bare name or number (王湾, 西屯, 2), which no address
    form can tell from a village's."""
    value = folded.strip()
    if not any(char.isalnum() for char in value) or STAR_LIKE.search(value):
        return False
    if field == "gps":
        return bool(_DIGIT.search(value))
    address = parse_address(value)
    told = address is not None and (len(address.parts) > 1 or cut(address) < address.end)
    return len(value) <= 6 and not told and not _NOT_FINER.match(value)


def _only_stars(rest: str) -> bool:
    return not any(char.isalnum() and not is_star(char) for char in rest)


_MASKED_NUMBER = 11
"""A mask this long hides a number, not the end of an address: it ends one as the number did."""


def _span(item: _Candidate) -> tuple[int, int]:
    return item.start, item.end


def _blank(folded: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with the numbers found taken out, so that no address runs into one."""
    pieces, done = [], 0
    for start, end in sorted(spans):
        if end > done:
            start = max(start, done)
            pieces += [folded[done:start], ";" * (end - start)]
            done = end
    return "".join([*pieces, folded[done:]])
