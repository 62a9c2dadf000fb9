"""How many rows or pages a second does each office format take, and how much memory?

Run as ``python -m benchmarks.bench_formats docx 1000 list.docx`` it makes such an input: the rows of
the csv list in another format, a page of PDF holding as many as a printed one does.
"""

from __future__ import annotations

import csv
import html
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measure import ROOT, Contender, Make, Result, Scale, baseline, deid, generate, race

OURS = Contender("deid mask", deid(), masks=True)
COPY = Contender("copy of the file", baseline("copy"))
REPACK = Contender("inflate + deflate, zlib level 6", baseline("inflate_deflate_zlib"))
RESAVE = Contender(
    "pikepdf load + save, nothing masked",
    lambda source, target: (
        sys.executable,
        "-c",
        "import pikepdf, sys; pikepdf.open(sys.argv[1]).save(sys.argv[2])",
        str(source),
        str(target),
    ),
    ("pikepdf",),
)
ROWS = {"tiny": (50,), "quick": (300,), "full": (1_000, 10_000, 50_000)}
PAGES = {"tiny": (2,), "quick": (4,), "full": (10, 100, 500)}
PER_PAGE = 25
FORMATS = (
    ("html", "html, one table of 10 columns", COPY, ROWS, "rows"),
    ("xls", "xls (BIFF8), 10 columns", COPY, ROWS, "rows"),
    ("docx", "docx, one table of 10 columns", REPACK, ROWS, "rows"),
    ("pdf", f"pdf, {PER_PAGE} rows of 10 columns a page", RESAVE, PAGES, "pages"),
)


def bench(scale: Scale, folder: Path) -> list[Result]:
    """Each format against the least that any program does with such a file."""
    results = []
    for suffix, title, floor, sizes, unit in FORMATS[: scale.contenders]:
        make = made(folder, suffix)
        results += race(title, (floor, OURS), sizes[scale.name], make, scale, unit=unit)
    return results


def made(folder: Path, suffix: str) -> Make:
    """Size -> (input, output), each input made once, in a process of its own."""

    def make(size: int) -> tuple[Path, Path]:
        source = folder / f"{suffix}-{size}.{suffix}"
        if not source.exists():
            command = [
                sys.executable,
                "-m",
                "benchmarks.bench_formats",
                suffix,
                str(size),
                str(source),
            ]
            subprocess.run(command, cwd=ROOT, check=True)
        out = folder / "out"
        out.mkdir(exist_ok=True)
        return source, out / source.name

    return make


# --- making the inputs ----------------------------------------------------------------------------


def rows(count: int) -> list[list[str]]:
    """The header and ``count`` rows of the csv list."""
    with tempfile.TemporaryDirectory(prefix="deid-bench-") as folder:
        path = Path(folder) / "list.csv"
        generate("csv", count, path)
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.reader(stream))


def make_html(target: Path, size: int) -> None:
    lines = (
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n"
        for row in rows(size)
    )
    head = '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>公示</title></head><body><table>\n'
    target.write_text(head + "".join(lines) + "</table></body></html>\n", encoding="utf-8")


def make_xls(target: Path, size: int) -> None:
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("公示")
    for at, row in enumerate(rows(size)):
        for column, cell in enumerate(row):
            sheet.write(at, column, cell)
    book.save(str(target))


_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_DOCX = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_MAIN}"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="rId1" Type="{_OFFICE}" Target="word/document.xml"/></Relationships>'
    ),
}


def make_docx(target: Path, size: int) -> None:
    def cell(text: str) -> str:
        return (
            '<w:tc><w:tcPr><w:tcW w:w="900" w:type="dxa"/></w:tcPr><w:p><w:r>'
            f"<w:t>{html.escape(text)}</w:t></w:r></w:p></w:tc>"
        )

    lines = "".join(f"<w:tr>{''.join(map(cell, row))}</w:tr>" for row in rows(size))
    grid = "<w:tblGrid>" + '<w:gridCol w:w="900"/>' * 10 + "</w:tblGrid>"
    body = f"<w:tbl><w:tblPr/>{grid}{lines}</w:tbl><w:p/><w:sectPr/>"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, xml in _DOCX.items():
            package.writestr(name, xml)
        package.writestr(
            "word/document.xml", f'<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>'
        )


_EDGES = (20, 45, 95, 120, 225, 290, 430, 540, 600, 665, 822)
_HIGH = 21


def make_pdf(target: Path, size: int) -> None:
    import pikepdf

    header, *people = rows(size * PER_PAGE)
    inner = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.CIDFontType0,
        BaseFont=pikepdf.Name("/STSong-Light"),
        CIDSystemInfo=pikepdf.Dictionary(Registry="Adobe", Ordering="GB1", Supplement=4),
        DW=1000,
        W=pikepdf.Array([1, 95, 500]),
        FontDescriptor=pikepdf.Dictionary(
            Type=pikepdf.Name.FontDescriptor, FontName=pikepdf.Name("/STSong-Light"), Flags=6,
            FontBBox=pikepdf.Array([-25, -254, 1000, 880]), ItalicAngle=0, Ascent=880, Descent=-120,
            CapHeight=880, StemV=93,
        ),
    )  # fmt: skip
    with pikepdf.new() as pdf:
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type0,
            BaseFont=pikepdf.Name("/STSong-Light"),
            Encoding=pikepdf.Name("/UniGB-UCS2-H"),
            DescendantFonts=pikepdf.Array([inner]),
        )
        resources = pdf.make_indirect(pikepdf.Dictionary(Font=pikepdf.Dictionary(H=font)))
        for at in range(size):
            page = pdf.add_blank_page(page_size=(842, 595))
            page.obj.Resources = resources
            part = [header, *people[at * PER_PAGE : (at + 1) * PER_PAGE]]
            page.obj.Contents = pdf.make_stream("".join(_drawn(part)).encode())
        pdf.save(target)


def _drawn(part: Sequence[Sequence[str]]) -> Iterator[str]:
    for at, row in enumerate(part):
        low = 570 - (at + 1) * _HIGH
        for left, right, cell in zip(_EDGES, _EDGES[1:], row, strict=False):
            yield f"{left} {low} {right - left} {_HIGH} re S\n"
            # half-width letters take half the room, as in the font's table
            room = int(2 * (right - left - 4) / 7.5)
            lines = _wrapped(cell, room)[:2]
            for number, line in enumerate(lines):
                code = line.encode("utf-16-be").hex()
                yield f"BT /H 7.5 Tf {left + 2} {low + 12 - 9 * number} Td <{code}> Tj ET\n"


def _wrapped(text: str, room: int) -> list[str]:
    lines, used = [""], 0
    for char in text:
        wide = 1 if char.isascii() else 2
        if used + wide > room:
            lines.append("")
            used = 0
        lines[-1] += char
        used += wide
    return lines


MAKERS = {"html": make_html, "xls": make_xls, "docx": make_docx, "pdf": make_pdf}

if __name__ == "__main__":
    suffix, size, target = sys.argv[1:]
    MAKERS[suffix](Path(target), int(size))
