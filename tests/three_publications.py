"""One made-up list of 10,000 persons, published three times with different masks.

What can be put together is known from how the list is made, not from counting it afterwards:

* ``web`` shows the first six and the last four characters of an ID number, ``board`` the first 14,
  ``leaflet`` the first three and the last four, or nothing;
* so web with board, and board with leaflet, give the whole number; web with leaflet does not;
* namesakes of one village come in pairs: of the ``resolved``, only the right pairing has a right check
  digit; of the ``ambiguous``, both pairings have;
* a masked name is either the only one in its village that it can be, or one of two.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
GROUPS = {
    "web+board": 3000,
    "all three": 1500,
    "board+leaflet": 500,
    "web+leaflet": 1700,
    "web+leaflet without a number": 300,
    "web only": 1000,
    "board only": 1000,
    "leaflet only": 480,
    "resolved": 200,
    "ambiguous": 100,
    "masked": 200,
    "masked ambiguous": 20,
}
PERSONS = sum(GROUPS.values())
UNIQUE = sum(
    GROUPS[name] for name in ("web+board", "all three", "board+leaflet", "resolved", "masked")
)
ALIGNED = UNIQUE + GROUPS["web+leaflet"] + GROUPS["web+leaflet without a number"]
AMBIGUOUS_ROWS = 2 * GROUPS["ambiguous"] + 2 * GROUPS["masked ambiguous"]
TWICE = 25
"""Persons of ``web only`` who stand in the list twice."""

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国文辉鹏宇浩志海峰斌波莉燕玲云龙飞"
    "春雪晶莹佳欣怡琴凤洁美琳素珍贞荣爱香月瑞凡娥婷雁蓓纨荷仁亮政谦亨奇固之轮翰朗伯宏言若鸣朋梁栋维启克"
)
_VILLAGES = [
    a + b for a in ("红星", "东风", "石桥", "大冲", "花塘") for b in "前后左右里外坪岭湾塘"
]


@dataclass
class One:
    """A person, and what each publication calls them."""

    name: str
    village: str
    number: str
    amount: int
    groups: str
    shown: str = ""


@dataclass
class Lists:
    """The rows of each publication: (name, village, masked number, amount)."""

    web: list[tuple[str, str, str, int]] = field(default_factory=list)
    board: list[tuple[str, str, str, int]] = field(default_factory=list)
    leaflet: list[tuple[str, str, str, int]] = field(default_factory=list)


def check(digits: str) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


def number(dice: random.Random) -> str:
    digits = (
        f"431025{dice.randint(1940, 1990)}{dice.randint(1, 12):02d}{dice.randint(1, 28):02d}"
        f"{dice.randint(1, 999):03d}"
    )
    return digits + check(digits)


def crossed(one: str, other: str) -> bool:
    """Whether the first 14 of one and the last four of the other make a number that could be."""
    return check(one[:14] + other[14:17]) == other[17]


def pair(dice: random.Random, *, alike: bool) -> tuple[str, str]:
    """Two numbers that differ in date and tail; ``alike``: either tail fits either date."""
    while True:
        one, other = number(dice), number(dice)
        both = crossed(one, other), crossed(other, one)
        apart = one[6:14] != other[6:14] and one[14:] != other[14:]
        if apart and (all(both) if alike else not any(both)):
            return one, other


def names(dice: random.Random) -> Iterator[str]:
    """Names that all differ."""
    pairs = [a + b for a in _GIVEN for b in _GIVEN if a != b]
    dice.shuffle(pairs)
    for shift in range(18):
        for at, given in enumerate(pairs):
            yield _SURNAMES[(at + shift) % 18] + given


def population(seed: int = 1) -> list[One]:
    dice = random.Random(seed)
    fresh = names(dice)
    people: list[One] = []
    for group, count in GROUPS.items():
        if group in ("resolved", "ambiguous", "masked ambiguous"):
            for at in range(count // 2):
                people += _pair(dice, group, fresh, at)
            continue
        for at in range(count):
            name, village = next(fresh), _VILLAGES[at % len(_VILLAGES)]
            one = One(name, f"{village}村", number(dice), dice.randint(100, 9999), group)
            if group == "masked":  # a family name that nobody else in that village has
                one.name, one.village = "林" + name[1:], f"松柏{at}村"
                one.shown = f"林*{name[2]}"
            people.append(one)
    dice.shuffle(people)
    return people


def _pair(dice: random.Random, group: str, fresh: Iterator[str], at: int) -> list[One]:
    numbers = pair(dice, alike=group != "resolved")
    name, village = next(fresh), f"{_VILLAGES[at % len(_VILLAGES)]}村"
    called = [name, name]
    if group == "masked ambiguous":
        called = ["罗大" + name[2], "罗小" + name[2]]
        village = f"竹园{at}村"
    shown = f"罗*{name[2]}" if group == "masked ambiguous" else ""
    return [
        One(own, village, own_number, 500, group, shown)
        for own, own_number in zip(called, numbers, strict=True)
    ]


def publish(people: list[One], seed: int = 2) -> Lists:
    dice = random.Random(seed)
    lists = Lists()
    everywhere = ("all three",)
    both = ("web+board", "resolved", "ambiguous", "masked", "masked ambiguous", *everywhere)
    twice = 0
    for one in people:
        group, digits = one.groups, one.number
        if group in both or group.startswith("web"):
            row = (one.name, one.village, digits[:6] + "*" * 8 + digits[-4:], one.amount)
            lists.web.append(row)
            if group == "web only" and twice < TWICE:
                lists.web.append(row)
                twice += 1
        if group in both or group.startswith("board"):
            row = (one.shown or one.name, one.village, digits[:14] + "××××", one.amount)
            lists.board.append(row)
        if group in everywhere or "leaflet" in group:
            bare = group.endswith("without a number")
            masked = "●" * 18 if bare else digits[:3] + "●" * 11 + digits[-4:]
            lists.leaflet.append((one.name, one.village, masked, one.amount))
    for rows in (lists.web, lists.board, lists.leaflet):
        dice.shuffle(rows)
    return lists


def write(lists: Lists, folder: Path) -> tuple[Path, Path, Path]:
    """Three files: csv, csv in GB18030 with other columns, html."""
    web, board, leaflet = folder / "web.csv", folder / "board.csv", folder / "leaflet.html"
    lines = ["临武县2026年3月低保公示名单,,,,", "序号,姓名,村,身份证号,金额"]
    lines += [f"{at},{a},{b},{c},{d}" for at, (a, b, c, d) in enumerate(lists.web, 1)]
    web.write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["公民身份号码,金额,姓名,村（社区）"]
    lines += [f"{c},{d},{a},{b.removesuffix('村')}村民委员会" for a, b, c, d in lists.board]
    board.write_text("\r\n".join(lines) + "\r\n", encoding="gb18030")
    rows = "".join(
        f"<tr><td>{b}</td><td>{a}</td><td>{c}</td></tr>\n" for a, b, c, _ in lists.leaflet
    )
    leaflet.write_text(
        "<html><head><meta charset='utf-8'><title>临武县低保名单</title></head><body><table>"
        f"<tr><th>村</th><th>户主姓名</th><th>身份证号码</th></tr>\n{rows}</table></body></html>",
        encoding="utf-8",
    )
    return web, board, leaflet
