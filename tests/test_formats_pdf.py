"""deid/formats/pdf.py: every place where a value stands in a PDF is read, changed, and nothing else is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from deid.formats import open_document
from deid.model import Edit, Table, Text

FIXTURES = Path(__file__).parent / "fixtures"
ID = "110105194912310023"  # the number of GB 11643-1999, annex A, with another sex
HELVETICA = {
    "Type": "/Font",
    "Subtype": "/Type1",
    "BaseFont": "/Helvetica",
    "Encoding": "/WinAnsiEncoding",
}


def test_planted_values_are_exposed_or_gone(tmp_path: Path) -> None:
    manifest = json.loads((FIXTURES / "planted.pdf.json").read_text(encoding="utf-8"))
    values = {one["value"]: one["note"] for one in manifest}
    document = open_document(FIXTURES / "planted.pdf")
    edits: dict[str, list[Edit]] = {}
    for place, text in cells(document.parts):
        found = [match for match in re.finditer(r"\d{17}[\dX]|1\d{10}", text) if match[0] in values]
        if found:
            edits[place] = [
                Edit(place, m.start() + 3, m.end(), "*" * (len(m[0]) - 3)) for m in found
            ]
    target = tmp_path / "out.pdf"
    with target.open("wb") as stream:
        document.save(stream, edits)
    output = open_document(target)
    held = [data for _, data in output.raw()]
    held += [data.decode(codec, "ignore").encode() for data in held for codec in ("utf-16-be",)]
    left = [value for value in values if any(value.encode() in data for data in held)]
    assert left == []
    assert any("图片" in remark.message and remark.look for remark in output.remarks)


def cells(parts: Sequence[Table | Text]) -> Iterator[tuple[str, str]]:
    """(place, text) of every cell and text."""
    for part in parts:
        if isinstance(part, Text):
            yield part.place, part.text
        else:
            for row in part.rows():
                for column, text in row.cells.items():
                    yield part.place(row.index, column), text
