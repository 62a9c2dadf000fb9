"""An address -> its levels: province … village, then road or estate, then what must go.

The division part of an address may stay on a published list; group, natural village, lane number,
house, building, unit and room may not. So the one decision that counts is where the village,
community or street ends. What stands behind it and is not understood counts as finer: it goes.
The vocabulary is ``patterns/address.yaml``, division names come from ``deid.divisions``, and what
no rule gets right from ``patterns/tables/address_exceptions.csv``.

Measured by ``patterns/update/address_exceptions.py`` on all villages of the country, and in prose by
the tests. Every pattern is bounded or a single repeat, so time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from deid.data import load_rows, load_yaml, patterns_dir
from deid.divisions import RANK, full_at, short_at
from deid.errors import PatternError
from deid.later import later

LEVELS = ("province", "city", "county", "town", "village", "road", "fine")

_BLANK = later(r"[\s\u200b]")
_NAME = r"[^\s\u200b,，。;；:：、()（）\[\]【】*＊]"
# A village code, a postcode, a list number or an opening bracket in front of the whole cell.
_FRONT = later(
    r"(?:\d{9,12}[-_:：]?|\d{6}(?=[*＊\u4e00-\u9fff])|\d{1,3}[、.．](?=[*＊\u4e00-\u9fff]))?[(（\[【\"“']*"
)
_BACK = "。，,.;；、)）]】\"”'"
_NOTE = later(r"[(（][^()（）\d]{1,20}[)）]")
_SEPARATOR = later(r"[;；、/\n|]+|[,，](?!\d{3}(?!\d))")
_STOP = later(r"[\s\u200b,，。;；:：、()（）\[\]【】*＊\"'“”‘’<>《》〔〕!?！？|/=]")
_VALUE_STOP = later(r"[\s,，、。;；!?！？|<>《》*＊]")
# Villages named for a place in the village (村头村, 村东社区); other names hardly begin with 村.
_STARTS_SO = later("村[头前后东西南北口尾沟王里中心](?:村|社区)")
_WINDOW = 60
"""How many characters before a house number an address may begin (the longest division chain, 36)."""


class Part(NamedTuple):
    """One level of an address: ``text[start:end]``."""

    level: str
    start: int
    end: int


class Address(NamedTuple):
    """Where an address stands and what it is made of; parts are in order and do not overlap."""

    start: int
    end: int
    parts: tuple[Part, ...]


class _Words(NamedTuple):
    """The vocabulary, compiled."""

    label: re.Pattern[str]
    village: re.Pattern[str]
    soft: re.Pattern[str]
    community: re.Pattern[str]
    committee: re.Pattern[str]
    town: re.Pattern[str]
    inner: re.Pattern[str]
    zone: re.Pattern[str]
    road: re.Pattern[str]
    any_road: re.Pattern[str]
    proof: re.Pattern[str]
    fine: re.Pattern[str]
    group: re.Pattern[str]
    digit: re.Pattern[str]
    scan: re.Pattern[str]
    anchor: re.Pattern[str]
    chain: re.Pattern[str]
    building: re.Pattern[str]
    joint: re.Pattern[str]
    lead: re.Pattern[str]
    not_house: re.Pattern[str]
    office: re.Pattern[str]


_LISTS = (
    *("label", "village", "village_soft", "community", "committee", "town", "zone", "road"),
    *("road_weak", "group", "numeral_unit", "spot", "lead", "not_house", "office"),
)
_UNITS = ("unit", "unit_weak")
_STRINGS = ("digits", "numerals", "hamlet")


@cache
def _words() -> _Words:
    path = patterns_dir() / "address.yaml"
    raw = load_yaml(path)
    keys = {*_LISTS, *_UNITS, *_STRINGS}
    if not isinstance(raw, dict) or set(raw) != keys:
        raise PatternError(f"{path.name} 的键应为 {'、'.join(sorted(keys))}")
    try:
        either = {key: "|".join(raw[key]) for key in _LISTS}
        for key in _UNITS:
            either[key] = "|".join(
                f"{unit}(?![{no}])" if no else unit for unit, no in raw[key].items()
            )
        either["any_unit"] = "|".join([*raw["unit"], *raw["unit_weak"]]).replace("社", "社(?!区)")
        return _compile(either, *(raw[key] for key in _STRINGS))
    except (TypeError, AttributeError):
        raise PatternError(f"{path.name} 里有不合法的值") from None


def _compile(either: dict[str, str], digit: str, numeral: str, hamlets: str) -> _Words:
    """The patterns from the vocabulary; ``either`` holds the alternations."""
    unit, weak = either["unit"], either["unit_weak"]
    number = f"第?(?:[{digit}]{{1,5}}[A-Za-z]?|[{numeral}]{{1,5}}|[A-Z甲乙丙丁])"
    hard, any_unit = f"{number}(?:{unit})", f"(?:{either['any_unit']})"
    spelled = f"(?:{either['group']}|{either['numeral_unit']})"
    dashes = f"[-－][{digit}]{{1,4}}(?:[-－][{digit}]{{1,4}})?(?![{digit}年月日.\\-－])"
    dashed = f"(?<![{digit}.\\-－])[{digit}]{{1,3}}{dashes}"
    breaks = ",，。;；:：、()（）*＊"
    # A number and a unit that the village suffix follows at once belong to the name: 五社村.
    apart = f"(?!{either['village']})"
    # One class in front lets the search skip, five times as fast as an alternation.
    fine = (
        f"[第{digit}{numeral}A-Z甲乙丙丁{breaks}](?:(?<=[{breaks}])|(?:"
        f"(?<=第)(?:[{digit}{numeral}]{{1,5}}){any_unit}"
        f"|(?<=[{digit}])[{digit}]{{0,4}}[A-Za-z]?{any_unit}"
        f"|(?<=[{numeral}])[{numeral}]{{0,4}}{spelled}"
        f"|(?<=[A-Z甲乙丙丁]){any_unit}){apart}"
        f"|(?<=[{digit}])(?<![{digit}.\\-－].)[{digit}]{{0,2}}{dashes})"
    )
    free = "[\\s,，。;；、)）]|$"
    hamlet = _hamlet(hamlets, free)
    spot = f"[东西南北]侧?约?[{digit}]{{1,4}}米"
    return _Words(
        label=later(f"(?:{either['label']})[:：为是在于 ]{{0,3}}"),
        village=later(either["village"]),
        soft=later(either["village_soft"]),
        community=later(either["community"]),
        committee=later(either["committee"]),
        town=later(f"(?![城乡集本该我外同全各][镇乡]){_NAME}{{1,12}}?(?:{either['town']})"),
        inner=later(f"{_NAME}{{1,8}}?村{_NAME}{{0,4}}?(?:{either['town']}|{either['zone']})"),
        zone=later(f"{_NAME}{{0,14}}?(?:{either['zone']})"),
        road=later(either["road"]),
        any_road=later(f"{either['road']}|{either['road_weak']}"),
        proof=later(fine.replace(breaks, "*＊")),
        fine=later(fine),
        group=later(f"{number}(?:{either['group']})|[*＊]{{2}}"),
        digit=later(f"[第{digit}{numeral}A-Z甲乙丙丁东西南北侧约]"),
        scan=later(
            f"[{digit}{numeral}A-Za-z甲乙丙丁村区](?:(?<=[村区])(?:{hamlet})"
            f"|(?<=[^村区])(?:{unit}|米){apart}|[-－][{digit}])"
        ),
        anchor=later(f"{hard}{apart}|{dashed}|{spot}|{hamlet}"),
        chain=later(
            f" ?{hard}|{number}(?:{weak})|{dashed}|{either['spot']}|附|之[{numeral}]|[-－]"
            f"|(?<=[元栋幢楼座层室号-]) ?[{digit}]{{1,4}}(?![{digit}:：元人岁年月日户名个]|[.,][{digit}])"
            f"|[\u4e00-\u9fff]{{0,6}}?(?:{either['office']})(?={number})"
            f"|[、和及与至/~)）]{{1,2}}(?={hard})"
        ),
        building=later(f"{number}(?:栋|幢|号楼|单元|室)"),
        joint=later(f"[村区镇乡道路街巷县市号楼组栋元弄里园{hamlets}]"),
        lead=later(either["lead"]),
        not_house=later(either["not_house"]),
        office=later(
            f"(?:{either['office']})[{digit}{numeral}A-Za-z第楼层室号窗口厅栋幢座办公东南西北侧区院内-]*$"
        ),
    )


# 该村清理水沟 is what a village did, and no name in it.
_OTHER_VILLAGE = "[该全本我各每农同外邻此两]"
_DID = "清理|修建|新建|疏通|维修|整治|硬化|加固|改造|种植|开挖|修复|治理|建设|流转|承包|发生|开展"


def _hamlet(endings: str, free: str) -> str:
    """A natural village without a number, right behind the village that it belongs to."""
    return (
        f"(?<=[村区])(?<!{_OTHER_VILLAGE}[村区])(?!{_DID})[\u4e00-\u9fff]{{1,4}}"
        f"(?:[{endings}]|屋场|[老新大下上]屋|(?<![小党作])组)(?={free})"
    )


@cache
def _exceptions() -> tuple[frozenset[str], dict[str, tuple[int, ...]]]:
    """Village names that no rule can tell from something finer (大村中村, 三号地村).

    With them, by first two characters, the lengths to try, longest first.
    """
    names = frozenset(row[0] for row in load_rows("address_exceptions"))
    lengths: dict[str, set[int]] = {}
    for name in names:
        lengths.setdefault(name[:2], set()).add(len(name))
    return names, {head: tuple(sorted(some, reverse=True)) for head, some in lengths.items()}


@cache
def _numbered_names() -> tuple[str, ...]:
    """What stands behind the number in the village names that hold one (永定路26号院社区)."""
    names = (re.split(r"[0-9]", name) for name in _exceptions()[0])
    return tuple({parts[-1] for parts in names if len(parts) > 1})


def _exception_end(text: str, start: int) -> int | None:
    names, lengths = _exceptions()
    for length in lengths.get(text[start : start + 2], ()):
        name = text[start : start + length]
        if name in names:
            return start + len(name)
    return None


def parse_address(text: str) -> Address | None:
    """The address that fills ``text``; None where nothing in it looks like one.

    Blanks around and inside are skipped. Whatever follows the first fine part belongs to it, so of
    several addresses in one cell only the first keeps its divisions: see ``parse_addresses``.

    >>> address = parse_address("玉麦镇红新村8组")
    >>> [part.level for part in address.parts], cut(address)
    (['town', 'village', 'fine'], 6)
    """
    if len(text) <= _REMEMBERED and not named_by_number(text):
        return _parse_alike(any_digit(text))
    return _parse_spaced(text)


_REMEMBERED = 100
"""Longer texts are no cells of a list, whose addresses differ in their numbers above all."""
_ANY_DIGIT = str.maketrans("123456789", "000000000")


def any_digit(text: str) -> str:
    """``text`` with one digit for all: no rule for addresses in a cell tells them apart."""
    return text.translate(_ANY_DIGIT)


def named_by_number(text: str) -> bool:
    """Whether a village stands there whose name may hold a number."""
    return any(name in text for name in _numbered_names())


@lru_cache(maxsize=1 << 14)
def _parse_alike(text: str) -> Address | None:
    """``parse_address`` of every text that is this one but for its digits: no rule tells them apart."""
    return _parse_spaced(text)


def _parse_spaced(text: str) -> Address | None:
    text = _unbracketed(text)
    if not _BLANK.search(text):
        return _parse_cell(text)
    kept = [at for at, char in enumerate(text) if not _BLANK.match(char)]
    address = _parse_cell("".join(text[at] for at in kept))
    return address and _moved(address, kept)


# A zone whose town stands in brackets: 庐阳工业区(林店街道). The ministry's own names are like that.
_BRACKETED = later(r"(?<=区)[(（]([^()（）]{2,8}?)(街道|[镇乡])[)）]")


def _unbracketed(text: str) -> str:
    """``text`` with such brackets turned into letters of the town's name, at the same length."""
    return _BRACKETED.sub(r"的\1的\2", text) if "区" in text else text


def parse_addresses(text: str) -> list[Address]:
    """The addresses of a cell that may list several (between 、；/ or line breaks), in order.

    What is fine all through (5组、6组) goes with the address before it.
    """
    bounds = [0]
    for match in _SEPARATOR.finditer(text):
        bounds += [match.start(), match.end()]
    bounds.append(len(text))
    found: list[Address] = []
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        address = parse_address(text[start:end])
        if address is None:
            continue
        address = _shifted(address, start)
        if found and address.parts[0].level == "fine":
            found[-1] = _stretched(found[-1], address)
        else:
            found.append(address)
    return found


def cut(address: Address, level: str = "village") -> int:
    """The offset from which everything up to ``address.end`` must go to show no more than ``level``.

    For ``village`` a road or estate name stays where the address has neither town nor village: it
    then says no more than they would.
    """
    limit = LEVELS.index(level)
    if level == "village" and not any(part.level in ("town", "village") for part in address.parts):
        limit += 1
    for part in address.parts:
        if LEVELS.index(part.level) > limit:
            return part.start
    return address.end


_NUMBERED = later("([\u4e00-\u9fff]+)([0-9]{1,4})((?:(?![0-9]{5})[\u4e00-\u9fff0-9])*)")


def skeleton(text: str) -> str:
    """The text with each number written 0, if all such texts are cut at one place; else "".

    That is so where the first number begins the fine part: what stands before it decides alone. How
    long that number is may count too, because a village without 村 is proved by the group near it.
    It is for names of divisions without digits in them; the caller has to see to that.
    """
    hit = _NUMBERED.fullmatch(text)
    at = hit.start(2) if hit else 0
    words = _words()
    if not hit or not words.fine.match(text, at):
        return ""
    ends = [words.village.match(text, start) for start in (at - 1, at - 2) if start > 0]
    named = any(end and end.end() == at for end in ends)
    return hit[1] + ("0" if named else "0" * len(hit[2])) + re.sub("[0-9]+", "0", hit[3])


def is_agency_place(text: str, address: Address) -> bool:
    """Whether the finest part is an office or institution (政府大院4楼261室), not a home."""
    return bool(_words().office.search(text, max(address.start, address.end - 40), address.end))


def may_hold_address(text: str) -> bool:
    """Whether ``find_addresses`` can find anything: the cheap question first."""
    words = _words()
    if words.scan.search(text):
        return True
    return any(text[label.end() - 1] in ":： " for label in words.label.finditer(text))


def seeds() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What ``find_addresses`` looks for first: a number with its unit or a natural village; a label."""
    words = _words()
    return words.scan, words.label


def find_addresses(text: str) -> list[Address]:
    """The addresses inside prose that hold something finer than a village, in order.

    Found from the house number, group or natural village leftwards, so a text without any costs one
    pass of one pattern. A start that takes in a word too much does no harm: only what is finer goes.
    """
    words = _words()
    text = _unbracketed(text)
    found: list[Address] = []
    done = 0
    for hit in words.scan.finditer(text):
        if hit.start() < done:
            continue
        anchor = _anchor(text, done, hit.start())
        if not anchor:
            continue
        end = _chain_end(text, anchor.end())
        for start, lead in _prose_starts(text, done, anchor.start()):
            address = parse_address(text[start:end])
            if address:
                address = _shifted(address, start)
                if _proved(text, address, anchor.start(), lead=lead):
                    found.append(address)
                    break
        done = end
    return _with_labelled(text, found)


_DIVISION_ENDINGS = frozenset("省市县区镇乡")


def _with_labelled(text: str, found: list[Address]) -> list[Address]:
    """``found`` and the villages behind 住址： that carry a finer name without a number."""
    more: list[Address] = []
    at = done = 0
    for label in _words().label.finditer(text):
        start = label.end()
        if start < done or text[start - 1] not in ":： 住":
            continue
        stop = _VALUE_STOP.search(text, start, start + _WINDOW)
        address = parse_address(text[start : stop.start() if stop else start + _WINDOW])
        levels = [part.level for part in address.parts] if address else []
        if not address or levels[-1] != "fine" or "village" not in levels:
            continue
        address = _shifted(address, start)
        fine = address.parts[-1]
        if full_at(text, fine.start) or text[fine.start : fine.end] in _DIVISION_ENDINGS:
            continue  # another address begins there
        while at < len(found) and found[at].end <= address.start:
            at += 1
        if at == len(found) or found[at].start >= address.end:
            more.append(address)
            done = address.end
    return sorted(found + more, key=lambda one: one.start) if more else found


def _moved(address: Address, places: list[int]) -> Address:
    """``address`` with offsets into a squeezed text put back to the full one."""
    parts = tuple(
        Part(part.level, places[part.start], places[part.end - 1] + 1) for part in address.parts
    )
    return Address(places[address.start], places[address.end - 1] + 1, parts)


def _shifted(address: Address, by: int) -> Address:
    parts = tuple(Part(part.level, part.start + by, part.end + by) for part in address.parts)
    return Address(address.start + by, address.end + by, parts)


def _stretched(address: Address, by: Address) -> Address:
    """``address`` with a fine part that reaches to the end of ``by``."""
    last = address.parts[-1]
    start = last.start if last.level == "fine" else by.start
    before = address.parts[:-1] if last.level == "fine" else address.parts
    return Address(address.start, by.end, (*before, Part("fine", start, by.end)))


def _parse_cell(text: str) -> Address | None:
    """The address in a cell without blanks, less what stands around it."""
    front = _FRONT.match(text)
    start, end = front.end() if front else 0, len(text.rstrip(_BACK))
    label = _words().label.match(text, start, end)
    return _parse(text, label.end() if label else start, end)


def _parse(text: str, start: int, end: int) -> Address | None:
    """The address in ``text[start:end]``, which holds no blanks."""
    parts = _divisions(text, start, end)
    at = parts[-1].end if parts else start
    village = (
        _village_end(text, at, end) or _soft_end(text, at, end) or _bare_end(text, parts, at, end)
    )
    if village:
        parts.append(Part("village", at, village))
        at = village
    road = _road_end(text, at, end, bare=not parts)
    if road:
        parts.append(Part("road", at, road))
        at = road
    if at < end:
        if not parts and not _words().proof.search(text, at, end):
            return None
        parts.append(Part("fine", at, end))
    return Address(start, end, tuple(parts)) if parts else None


def _divisions(text: str, start: int, end: int) -> list[Part]:
    """Province to town: by the gazetteer, then by their suffixes where it does not know them."""
    words = _words()
    parts = _known_divisions(text, start, end)
    at = parts[-1].end if parts else start
    if not (parts and parts[-1].level == "town"):
        unknown = _unknown_town(text, at, end)
        if unknown:
            parts.append(Part("town", at, unknown))
            at = unknown
    if not parts:
        return parts
    note = _NOTE.match(text, at, end)
    if note and _village_end(text, note.end(), end):
        parts[-1] = Part(parts[-1].level, parts[-1].start, note.end())
    elif (
        words.village.match(text, at, end)
        and not _STARTS_SO.match(text, at, end)
        and not _exception_end(text, at)
    ):
        # 长安镇社区 read as 长安镇 + 社区: the name belongs to the village.
        parts.pop()
    return parts


def _known_divisions(text: str, start: int, end: int) -> list[Part]:
    """Divisions that the gazetteer knows, and zones such as 高新区 among them."""
    words = _words()
    parts: list[Part] = []
    rank = 0
    while start < end:
        place = full_at(text, start, rank) or short_at(text, start, rank)
        if place and place.end <= end:
            parts.append(Part(place.level, start, place.end))
            if place.level == "town":
                break
            start, rank = place.end, RANK[place.level] + 1
            continue
        zone = words.zone.match(text, start, end)
        if not zone or words.fine.search(text, start, zone.end()):
            break
        parts.append(Part("county", start, zone.end()))
        start, rank = zone.end(), RANK["town"]
        if not full_at(text, start, rank):
            break
    return parts


def _unknown_town(text: str, start: int, end: int) -> int | None:
    """The end of a town name that the gazetteer lacks, where a village follows or none comes at all."""
    words = _words()
    limit = _limit(text, start, end)
    inner = words.inner.match(text, start, limit)
    if inner and _village_end(text, inner.end(), end):
        return inner.end()  # 村 stands inside the town's name: 时村营乡上陈村.
    town = words.town.match(text, start, limit)
    if town and (_exception_end(text, town.end()) or not _village_end(text, start, end)):
        return town.end()
    return None


def _village_end(text: str, start: int, end: int) -> int | None:
    """Where the village or community name that begins at ``start`` ends."""
    words = _words()
    limit = _limit(text, start, end)
    found = _exception_end(text, start)
    for match in words.village.finditer(text, start, end):
        if match.start() > limit:
            break
        if match.start() == start or (found and match.end() <= found):
            continue
        if found in (None, match.start()) or words.community.match(match.group()):
            found = match.end()
    committee = found and words.committee.match(text, found, end)
    return committee.end() if committee else found


def _limit(text: str, start: int, end: int) -> int:
    """Where the first part stands that cannot belong to a name."""
    broken = _words().fine.search(text, start, end)
    return broken.start() if broken else end


def _soft_end(text: str, start: int, end: int) -> int | None:
    """The end of a farm, a managed area or a company of a farm (…农场三连)."""
    limit = _limit(text, start, end)
    found = None
    for match in _words().soft.finditer(text, start, end):
        if start < match.start() <= limit:
            found = match.end()
    return found


def _bare_end(text: str, parts: list[Part], start: int, end: int) -> int | None:
    """The end of a village name without 村, proved by the town before and the group behind.

    Or by stars behind: what was masked once (玉麦镇红新***) reads the same again.
    """
    words = _words()
    group = words.group.search(text, start, min(end, start + 12)) if parts else None
    if not group or group.start() - start < 2 or group.start() != _limit(text, start, end):
        return None
    return None if words.any_road.search(text, start, group.start()) else group.start()


def _road_end(text: str, start: int, end: int, *, bare: bool) -> int | None:
    """The end of the last road or estate name before the first number that belongs to a house."""
    limit = _limit(text, start, end)
    words = _words()
    found = None
    for match in (words.road if bare else words.any_road).finditer(text, start, limit):
        if match.start() > start:
            found = match.end()
    return found


def _anchor(text: str, floor: int, at: int) -> re.Match[str] | None:
    """The number with its unit, or the natural village, whose scan hit stands at ``at``."""
    words = _words()
    if text[at] in "村区":
        return words.anchor.match(text, at + 1)
    start = at
    while start > max(floor, at - 7) and words.digit.match(text, start - 1):
        start -= 1
    for begin in range(start, at + 1):
        if match := words.anchor.match(text, begin):
            return match
    return None


def _chain_end(text: str, at: int) -> int:
    """Where the run of numbers and units that goes on at ``at`` ends."""
    chain = _words().chain
    while match := chain.match(text, at) or _TAIL.match(text, at):
        at = match.end()
    return at


# What the chain of numbers and units does not know: 楼 behind #, and an estate between two numbers.
_TAIL = later(
    r"(?<=门)[0-9０-９]{3,4}|(?<=[0-9０-９])(?:号楼?|[室房])|[东西南北中左右]{1,2}[户手]|#?楼(?=[0-9０-９一二三四五六七八九十]{1,3}(?:单元|层|门|楼))|#?楼[0-9０-９]{1,4}[室号房]?"
    r"|(?<=号)门|[A-Z][0-9０-９]{1,3}(?:栋|幢|号楼|楼|#|座)"
    r"|(?<=[号#院栋期])[\u4e00-\u9fffA-Za-z]{2,10}(?<![A-Z一二三四五六七八九十])"
    r"(?=[A-Z]?[0-9０-９一二三四五六七八九十]{0,3}(?:期|栋|幢|号楼|号门|#|座|塔|单元)"
    r"|[A-Z]?[1-9][0-9]?[层楼F](?![盘上下市])|[1-9][0-9]{2,3}[房室]"
    r"|[A-Z]?[1-9][0-9]{0,2}[-－][0-9]{1,4}(?![0-9年月日.]))"
    r"|(?<=[\u4e00-\u9fff])[0-9一二三四五六七八九十]{1,2}期(?=[A-Z]?[0-9０-９])"
    r"|(?<=[#塔])[0-9０-９]{3,4}(?![0-9０-９])|之[0-9０-９]{1,4}(?![0-9０-９])|[0-9０-９]{1,4}支弄"
    r"|[东西南北中]单元|[A-Z][0-9０-９]?[-－][0-9０-９]{1,4}(?:[-－][0-9０-９]{1,4})?(?![0-9０-９])|(?:[A-Z]?塔|座)(?=[0-9])"
    r"|[甲乙丙丁副](?=[0-9]{1,4}[号室门])|[0-9]{1,2}F[0-9]{0,4}(?![0-9A-Za-z])"
)


def _prose_starts(text: str, floor: int, anchor: int) -> Iterator[tuple[int, bool]]:
    """Where the address that leads to the number at ``anchor`` may begin; whether a word says so.

    First at a division or behind a word such as 家住, then, as that may be part of a name (于家村),
    at the last stop.
    """
    words = _words()
    floor = max(floor, anchor - _WINDOW)
    start = anchor
    while start > floor and (not _STOP.match(text, start - 1) or _bridged(text, floor, start - 1)):
        start -= 1
    labels = words.label.finditer(text, max(0, start - 8), anchor)
    label = any(match.end() >= start for match in labels)
    for at in range(start, anchor):
        if full_at(text, at) or short_at(text, at):
            yield at, label
            break
    else:
        at = start
        for lead in words.lead.finditer(text, start, anchor):
            label = label or "住" in lead.group()
            at = lead.end()
        if at > start:
            yield at, label
    yield start, label


def _bridged(text: str, floor: int, at: int) -> bool:
    """Whether the blank or bracket at ``at`` stands inside an address: 王寺街道 王寺村(5组)."""
    return text[at] in " (（" and at > floor and bool(_words().joint.match(text, at - 1))


def _proved(text: str, address: Address, anchor: int, *, lead: bool) -> bool:
    """Whether the parts speak for an address and not for a file number or a head count."""
    words = _words()
    levels = {part.level for part in address.parts}
    fine = address.parts[-1]
    if fine.level != "fine" or words.not_house.search(text, fine.start, anchor):
        return False
    if levels & {"town", "village", "road"} or lead:
        return True
    return len(words.building.findall(text, fine.start, address.end)) > 1
