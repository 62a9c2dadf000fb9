"""Rebuild ``patterns/tables/telephone_areas.csv``: area codes of Chinese landline telephones.

Sources: PyPI phone (BSD), whose records of mobile numbers carry the area code of their city; from
memory and not verified against a document: the codes that were merged into others (``into`` names
them; lists still print them), and which areas have subscriber numbers of eight digits, both after
the numbering plan of the Ministry of Industry and Information Technology.

    pip download --no-deps --no-binary :all: phone==0.4.5
    python patterns/update/telephone_areas.py phone-0.4.5.tar.gz
"""

from __future__ import annotations

import csv
import struct
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "tables" / "telephone_areas.csv"

EIGHT_DIGITS = (
    "010 020 021 022 023 024 025 027 028 029 0311 0371 0377 0379 0411 0431 0432 0451 0510 0511"
    " 0512 0513 0514 0515 0516 0517 0518 0519 0523 0527 0531 0532 0551 0571 0573 0574 0575 0576"
    " 0577 0579 0591 0595 0731 0754 0755 0757 0760 0769 0791 0851 0871 0898"
)
MERGED = {
    "0378": ("开封", "0371"),
    "0397": ("潢川", "0376"),
    "0410": ("铁岭", "024"),
    "0413": ("抚顺", "024"),
    "0414": ("本溪", "024"),
    "0440": ("珲春", "0433"),
    "0448": ("梅河口", "0435"),
    "0450": ("阿城", "0451"),
    "0565": ("巢湖", "0551"),
    "0661": ("潮阳", "0754"),
    "0732": ("湘潭", "0731"),
    "0733": ("株洲", "0731"),
    "0765": ("顺德", "0757"),
    "0852": ("遵义", "0851"),
    "0853": ("安顺", "0851"),
    "0881": ("东川", "0871"),
    "0890": ("儋州", "0898"),
    "0899": ("三亚", "0898"),
    "0910": ("咸阳", "029"),
}


def records(archive: Path) -> Iterator[tuple[str, str, str, int]]:
    """Prefix of seven digits, city, area code and operator of every record of phone.dat."""
    with tarfile.open(archive) as package:
        name = next(n for n in package.getnames() if n.endswith("/phone.dat"))
        member = package.extractfile(name)
        assert member is not None
        data = member.read()
    (first,) = struct.unpack_from("<i", data, 4)
    for prefix, offset, operator in struct.iter_unpack("<iiB", data[first:]):
        text = data[offset : data.index(b"\0", offset)].decode()
        _, city, _, area = text.split("|")
        yield str(prefix), city, area, operator


def area_names(archive: Path) -> dict[str, str]:
    """The cities of each area code, the one with most numbers first."""
    cities: dict[str, Counter[str]] = defaultdict(Counter)
    for _, city, area, _ in records(archive):
        if area.startswith("0") and not area.startswith("00"):
            cities[area][city] += 1
    return {
        area: " ".join(name for name, _ in count.most_common()) for area, count in cities.items()
    }


def main(archive: Path) -> None:
    """Write the table."""
    names = {area: (name, "") for area, name in area_names(archive).items()} | MERGED
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        table.write(
            "# source: numbering plan of the Ministry of Industry and Information Technology;"
            f" codes and cities from PyPI {archive.name.removesuffix('.tar.gz')} (BSD)\n"
            "# edition: 2023-12; merged codes and the number of digits from memory, not verified\n"
        )
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("code", "names", "digits", "into"))
        for code, (name, into) in sorted(names.items()):
            writer.writerow((code, name, 8 if (into or code) in EIGHT_DIGITS.split() else 7, into))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
