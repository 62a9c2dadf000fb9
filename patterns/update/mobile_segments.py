"""Rebuild ``patterns/tables/mobile_segments.csv``: how many blocks of numbers each prefecture has.

Source: PyPI phone (BSD), some 500,000 blocks (the first seven digits of a mobile number) with the
prefecture they were given to, under the numbering plan of the Ministry of Industry and Information
Technology. A block holds 10,000 numbers.

    pip download --no-deps --no-binary :all: phone==0.4.5
    python patterns/update/mobile_segments.py phone-0.4.5.tar.gz

A row is a prefecture, by the name without suffix that the source uses, and its blocks by the first
three digits: ``138:20 139:22``. Prefectures whose blocks share an area code and a name are one.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path

from telephone_areas import records

TABLE = Path(__file__).resolve().parents[1] / "tables" / "mobile_segments.csv"


def main(archive: Path) -> None:
    """Write the table."""
    blocks: dict[str, Counter[str]] = defaultdict(Counter)
    for prefix, city, _, _ in records(archive):
        blocks[city][prefix[:3]] += 1
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        table.write(
            "# source: numbering plan of the Ministry of Industry and Information Technology;"
            f" from PyPI {archive.name.removesuffix('.tar.gz')} (BSD)\n# edition: 2023-12\n"
        )
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("prefecture", "blocks"))
        for city, counts in sorted(blocks.items()):
            writer.writerow((city, " ".join(f"{head}:{n}" for head, n in sorted(counts.items()))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
