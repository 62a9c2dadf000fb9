"""An address -> its levels: province … village, then road or estate, then what must go.

The division part of an address may stay on a published list; group, natural village, lane number,
house, building, unit and room may not. So the one decision that counts is where the village,
community or street ends. What stands behind it and is not understood counts as finer: it goes.
The vocabulary is ``patterns/address.yaml``; division names come from ``deid.divisions``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from deid.data import load_rows, load_yaml, patterns_dir
from deid.divisions import RANK, full_at, short_at
from deid.errors import PatternError

LEVELS = ("province", "city", "county", "town", "village", "road", "fine")

_BLANK = re.compile(r"[\s\u200b]")
_NAME = r"[^\s,，。;；:：、()（）\[\]【】*＊]"
_NOTE = re.compile(r"[(（][^()（）\d]{1,20}[)）]")
# Villages named for a place in the village (村头村, 村东社区); other names never begin with 村.
_STARTS_SO = re.compile("村[头前后东西南北口尾沟王里中心](?:村|社区)")
_SEPARATORS = re.compile(r"[;；、/\n|]+|[,，](?!\d{3}(?!\d))")


@dataclass(frozen=True, slots=True)
class Part:
    """One level of an address: ``text[start:end]``."""

    level: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Address:
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
    zone: re.Pattern[str]
    road: re.Pattern[str]
    fine: re.Pattern[str]
    group: re.Pattern[str]
    inner: re.Pattern[str]
    anchor: re.Pattern[str]
    chain: re.Pattern[str]
    lead: re.Pattern[str]
    office: re.Pattern[str]


_KEYS = frozenset(
    (
        "label",
        "digits",
        "numerals",
        "village",
        "village_soft",
        "community",
        "committee",
        "town",
        "zone",
    )
    + ("road", "estate", "unit", "weak_unit", "group", "numeral_unit", "lead", "office")
)


@cache
def _words() -> _Words:
    path = patterns_dir() / "address.yaml"
    raw = load_yaml(path)
    if not isinstance(raw, dict) or set(raw) != _KEYS:
        raise PatternError(f"{path.name} 的键应为 {'、'.join(sorted(_KEYS))}")
    either = {key: "|".join(raw[key]) for key in _KEYS - {"digits", "numerals"}}
    digit, numeral = raw["digits"], raw["numerals"]
    number = f"第?(?:[{digit}]{{1,5}}[A-Za-z]?|[{numeral}]{{1,5}}|[A-Z甲乙丙丁])"
    hard, weak = f"{number}(?:{either['unit']})", f"{number}(?:{either['weak_unit']})"
    # Villages are called 四门闸, 五座桥, 十六号院, never 4门闸: with a Chinese numeral these units
    # do not end the search for a village.
    counted = f"(?:[{digit}]{{1,5}}[A-Za-z]?|第[{numeral}]{{1,5}}|[A-Z甲乙丙丁])"
    counted = f"(?:{counted}(?:{either['unit']}|{either['weak_unit']})"
    counted += f"|[{numeral}]{{1,5}}(?:{either['group']}|{either['numeral_unit']}))"
    dashed = f"[{digit}]{{1,4}}[栋幢号]?[-－][{digit}A-Za-z]{{1,5}}"
    # A number and a unit that the village suffix follows at once belong to the name: 五社村.
    free = f"(?!{either['village']})"
    return _Words(
        label=re.compile(f"(?:{either['label']})[:：为是在]*"),
        village=re.compile(either["village"]),
        soft=re.compile(either["village_soft"]),
        community=re.compile(either["community"]),
        committee=re.compile(either["committee"]),
        town=re.compile(f"{_NAME}{{1,12}}?(?:{either['town']})"),
        zone=re.compile(f"{_NAME}{{0,14}}?(?:{either['zone']})"),
        road=re.compile(f"{either['road']}|{either['estate']}"),
        fine=re.compile(f"{counted}{free}|{dashed}|[,，。;；:：、()（）*＊]"),
        group=re.compile(f"{number}(?:{either['group']})"),
        inner=re.compile(f"{_NAME}{{1,8}}?村{_NAME}{{0,4}}?(?:{either['town']}|{either['zone']})"),
        anchor=re.compile(f"{hard}|{dashed}"),
        chain=re.compile(
            f"{hard}|{weak}|{dashed}|[-－附#]"
            f"|(?<=[单元栋幢楼座层-])[{digit}]{{1,4}}(?![{digit}.,元人岁年月日])"
        ),
        lead=re.compile(either["lead"]),
        office=re.compile(
            f"(?:{either['office']})(?:{number}|[楼层室号窗口厅大门栋幢座办公东南西北侧区-])*$"
        ),
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


def _exception_end(text: str, start: int) -> int | None:
    names, lengths = _exceptions()
    for length in lengths.get(text[start : start + 2], ()):
        if text[start : start + length] in names:
            return start + length
    return None


def parse_address(text: str) -> Address | None:
    """The address that fills ``text``; None where nothing in it looks like one.

    Blanks around and inside are skipped. Whatever follows the first fine part belongs to it, so of
    several addresses in one cell only the first keeps its divisions: see ``parse_addresses``.

    >>> address = parse_address("玉麦镇红新村8组")
    >>> [part.level for part in address.parts], cut(address)
    (['town', 'village', 'fine'], 6)
    """
    if not _BLANK.search(text):
        return _parse(text, 0, len(text))
    kept = [at for at, char in enumerate(text) if not _BLANK.match(char)]
    address = _parse("".join(text[at] for at in kept), 0, len(kept))
    return address and _moved(address, kept)


def parse_addresses(text: str) -> list[Address]:
    """The addresses of a cell that may list several (between 、；/ or line breaks), in order."""
    bounds = [0]
    for match in _SEPARATORS.finditer(text):
        bounds += [match.start(), match.end()]
    bounds.append(len(text))
    found: list[Address] = []
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        address = parse_address(text[start:end])
        if address is None:
            continue
        address = _shifted(address, start)
        if found and address.parts[0].level == "fine":
            # 5组、6组: the second goes with the first.
            before = found.pop()
            parts = before.parts + address.parts
            address = Address(before.start, address.end, parts)
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


def is_agency_place(text: str, address: Address) -> bool:
    """Whether the finest part is a room in an office or institution (政府大院4楼261室)."""
    return bool(_words().office.search(text, address.start, address.end))


def _moved(address: Address, places: list[int]) -> Address:
    """``address`` with offsets into a squeezed text put back to the full one."""
    parts = tuple(
        Part(part.level, places[part.start], places[part.end - 1] + 1) for part in address.parts
    )
    return Address(places[address.start], places[address.end - 1] + 1, parts)


def _shifted(address: Address, by: int) -> Address:
    parts = tuple(Part(part.level, part.start + by, part.end + by) for part in address.parts)
    return Address(address.start + by, address.end + by, parts)


def _parse(text: str, start: int, end: int) -> Address | None:
    """The address in ``text[start:end]``, which holds no blanks."""
    words = _words()
    label = words.label.match(text, start, end)
    if label:
        start = label.end()
    parts = _divisions(text, start, end)
    at = parts[-1].end if parts else start
    if not (parts and parts[-1].level == "town"):
        inner = words.inner.match(text, at, end)
        if inner and _village_end(text, inner.end(), end):
            # A town that the gazetteer does not know and that has 村 inside: 时村营乡上陈村.
            parts.append(Part("town", at, inner.end()))
            at = inner.end()
        town = words.town.match(text, at, end)
        if town and _exception_end(text, town.end()):
            parts.append(Part("town", at, town.end()))
            at = town.end()
    at = _note_end(text, at, end) if parts else at
    if (
        parts
        and words.village.match(text, at, end)
        and not _STARTS_SO.match(text, at, end)
        and not _exception_end(text, at)
    ):
        # 长安镇社区 read as 长安镇 + 社区: the name belongs to the village.
        at = parts.pop().start
    village = _village_end(text, at, end)
    if village is None:
        town = words.town.match(text, at, end)
        if town and not words.fine.search(text, at, town.end()):
            parts.append(Part("town", at, town.end()))
            at = town.end()
            village = _village_end(text, at, end)
    if village is None:
        village = _soft_end(text, at, end) or _bare_end(text, at, end, parts)
    if village is not None:
        parts.append(Part("village", at, village))
        at = village
    road = _road_end(text, at, end)
    if road:
        parts.append(Part("road", at, road))
        at = road
    if at < end:
        if not parts and not words.fine.search(text, at, end):
            return None
        parts.append(Part("fine", at, end))
    return Address(start, end, tuple(parts)) if parts else None


def _note_end(text: str, start: int, end: int) -> int:
    """Behind a note on a division (王寺街道(原王寺镇)), if a village follows it."""
    note = _NOTE.match(text, start, end)
    if note and _village_end(text, note.end(), end):
        return note.end()
    return start


def _divisions(text: str, start: int, end: int) -> list[Part]:
    """Province to town as far as the gazetteer knows them, and zones such as 高新区 between."""
    parts: list[Part] = []
    rank = 0
    while start < end:
        place = full_at(text, start, rank) or short_at(text, start, rank)
        if place and place.end <= end:
            parts.append(Part(place.level, start, place.end))
            start, rank = place.end, min(RANK[place.level] + 1, 3)
            if place.level == "town":
                break
            continue
        zone = _words().zone.match(text, start, end)
        if not zone:
            break
        parts.append(Part("county", start, zone.end()))
        start, rank = zone.end(), 3
        place = full_at(text, start, rank)
        if not place:
            break
    return parts


def _village_end(text: str, start: int, end: int) -> int | None:
    """Where the village or community name that begins at ``start`` ends."""
    words = _words()
    broken = words.fine.search(text, start, end)
    limit = broken.start() if broken else end
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


def _soft_end(text: str, start: int, end: int) -> int | None:
    """The end of a farm, a managed area or a company of a farm (…农场三连)."""
    words = _words()
    broken = words.fine.search(text, start, end)
    limit = broken.start() if broken else end
    found = None
    for match in words.soft.finditer(text, start, end):
        if start < match.start() <= limit:
            found = match.end()
    return found


def _bare_end(text: str, start: int, end: int, parts: list[Part]) -> int | None:
    """The end of a village name written without 村, proved by the town before and the group behind."""
    if not parts:
        return None
    words = _words()
    group = words.group.search(text, start, min(end, start + 12))
    if not group or group.start() - start < 2:
        return None
    first = words.fine.search(text, start, end)
    if (
        first
        and first.start() == group.start()
        and not words.road.search(text, start, group.start())
    ):
        return group.start()
    return None


def _road_end(text: str, start: int, end: int) -> int | None:
    """The end of the last road or estate name before the first number that belongs to a house."""
    words = _words()
    broken = words.fine.search(text, start, end)
    limit = broken.start() if broken else end
    found = None
    for match in words.road.finditer(text, start, end):
        if start < match.start() < limit and match.end() <= limit:
            found = match.end()
    return found


def find_addresses(text: str) -> list[Address]:
    """The addresses inside prose that hold something finer than a village, in order."""
    found: list[Address] = []
    done = 0
    for anchor in _words().anchor.finditer(text):
        if anchor.start() < done:
            continue
        end = _chain_end(text, anchor.end())
        start = _prose_start(text, done, anchor.start())
        address = _parse(text, start, end)
        if address and _proved(text, address):
            found.append(address)
        done = end
    return found


def _chain_end(text: str, at: int) -> int:
    """Where the run of numbers and units that goes on at ``at`` ends."""
    chain = _words().chain
    while match := chain.match(text, at):
        at = match.end()
    return at


_STOP = re.compile(r"[\s,，。;；:：、()（）\[\]【】*＊\"'“”‘’<>《》!?！？|/]")


def _prose_start(text: str, floor: int, anchor: int) -> int:
    """Where the address that leads to the number at ``anchor`` begins."""
    floor = max(floor, anchor - 60)
    start = anchor
    while start > floor and not _STOP.match(text, start - 1):
        start -= 1
    for at in range(start, anchor):
        if full_at(text, at) or short_at(text, at):
            return at
    for match in _words().lead.finditer(text, start, anchor):
        start = match.end()
    return start


def _proved(text: str, address: Address) -> bool:
    """Whether the parts speak for an address: a town, village or road with a number behind it."""
    levels = {part.level for part in address.parts}
    return "fine" in levels and bool(levels & {"town", "village", "road"})
