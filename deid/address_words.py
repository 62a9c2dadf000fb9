"""The vocabulary of addresses, compiled: ``patterns/address.yaml`` and the names no rule gets right."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from deid.data import load_rows, load_yaml, patterns_dir
from deid.errors import PatternError

_NAME = r"[^\s\u200b,，。;；:：、()（）\[\]【】*＊]"


class Words(NamedTuple):
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
def load_words() -> Words:
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
    except (re.error, TypeError, AttributeError):
        raise PatternError(f"{path.name} 里有不合法的表达式") from None


def _compile(either: dict[str, str], digit: str, numeral: str, hamlets: str) -> Words:
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
    hamlet = f"(?<=[村区])[\u4e00-\u9fff]{{1,4}}(?:[{hamlets}]|(?<![小党作])组)(?={free})"
    spot = f"[东西南北]侧?约?[{digit}]{{1,4}}米"
    return Words(
        label=re.compile(f"(?:{either['label']})[:：为是在于 ]{{0,3}}"),
        village=re.compile(either["village"]),
        soft=re.compile(either["village_soft"]),
        community=re.compile(either["community"]),
        committee=re.compile(either["committee"]),
        town=re.compile(f"(?![城乡集本该我外同全各][镇乡]){_NAME}{{1,12}}?(?:{either['town']})"),
        inner=re.compile(f"{_NAME}{{1,8}}?村{_NAME}{{0,4}}?(?:{either['town']}|{either['zone']})"),
        zone=re.compile(f"{_NAME}{{0,14}}?(?:{either['zone']})"),
        road=re.compile(either["road"]),
        any_road=re.compile(f"{either['road']}|{either['road_weak']}"),
        proof=re.compile(fine.replace(breaks, "*＊")),
        fine=re.compile(fine),
        group=re.compile(f"{number}(?:{either['group']})|[*＊]{{2}}"),
        digit=re.compile(f"[第{digit}{numeral}A-Z甲乙丙丁东西南北侧约]"),
        scan=re.compile(
            f"[{digit}{numeral}A-Za-z甲乙丙丁村区](?:(?<=[村区])(?:{hamlet})"
            f"|(?<=[^村区])(?:{unit}|米){apart}|[-－][{digit}])"
        ),
        anchor=re.compile(f"{hard}{apart}|{dashed}|{spot}|{hamlet}"),
        chain=re.compile(
            f" ?{hard}|{number}(?:{weak})|{dashed}|{either['spot']}|附|之[{numeral}]|[-－]"
            f"|(?<=[元栋幢楼座层室号-]) ?[{digit}]{{1,4}}(?![{digit}.,:：元人岁年月日户名个])"
            f"|[\u4e00-\u9fff]{{0,6}}?(?:{either['office']})(?={number})"
            f"|[、和及与至/~)）]{{1,2}}(?={hard})"
        ),
        building=re.compile(f"{number}(?:栋|幢|号楼|单元|室)"),
        joint=re.compile(f"[村区镇乡道路街巷县市号楼组栋元弄里园{hamlets}]"),
        lead=re.compile(either["lead"]),
        not_house=re.compile(either["not_house"]),
        office=re.compile(
            f"(?:{either['office']})[{digit}{numeral}A-Za-z第楼层室号窗口厅栋幢座办公东南西北侧区院内-]*$"
        ),
    )


@cache
def exceptions() -> tuple[frozenset[str], dict[str, tuple[int, ...]]]:
    """Village names that no rule can tell from something finer (大村中村, 三号地村).

    With them, by first two characters, the lengths to try, longest first.
    """
    names = frozenset(row[0] for row in load_rows("address_exceptions"))
    lengths: dict[str, set[int]] = {}
    for name in names:
        lengths.setdefault(name[:2], set()).add(len(name))
    return names, {head: tuple(sorted(some, reverse=True)) for head, some in lengths.items()}
