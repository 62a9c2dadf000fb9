"""Whether the glyphs of embedded fonts look like what the file says they are.

A table that names other characters than the page shows hides a number from every reader of text,
this one included. Glyphs are drawn by pdfium, brought to one size and compared with the digits of
common fonts. 0 and 1 are left out: letters and strokes look like them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from unicodedata import normalize

from deid.formats.pdf_fonts import Font

_CELL = 40
_EM = 24
_ACROSS, _DOWN = 10, 14
"""The grid that glyphs are brought to, for comparison."""
_PER_ROW = 40
_PER_PAGE = 1600
_LIKE = 24
"""Of 140 squares, how many may differ between two drawings of a digit (letters: 27 and more)."""
_LEAST = 3
"""So many different digits under false names, and more than under their own, make a font that is not
to be trusted."""
_ALIKE = {
    "2": "Zz乙?", "3": "ЗзƷJBSs", "4": "JdđAa", "5": "Ss", "6": "bбGoOcCeESsδ", "7": "Zz?TtiIlrYフ¬",
    "8": "BSsRoOaegβ&", "9": "gqoOaSs",
}  # fmt: skip
"""Letters that come near a digit in one of 13 fonts; all Chinese characters are farther off."""
_REFERENCES = ("Helvetica", "Helvetica-Bold", "Times-Roman", "Times-Bold", "Courier")


class Used(NamedTuple):
    """A font, its object and the page where it was met first."""

    font: Font
    spec: Any
    page: int


class Glance(NamedTuple):
    """One glyph to look at: which font, which code, and what it is said to be."""

    number: int
    code: bytes
    char: str


def lying(pdf: Any, fonts: Sequence[Used]) -> int:
    """The first page whose font shows digits under other names; 0 when there is none."""
    glances = [
        Glance(number, code, char)
        for number, used in enumerate(fonts)
        for code, char in used.font.seen()
        if used.font.embedded
    ]
    if not glances:
        return 0
    wrong: dict[tuple[int, bool], set[str]] = defaultdict(set)
    references = [*_references()]
    for at in range(0, len(glances), _PER_PAGE):
        part = glances[at : at + _PER_PAGE]
        for glance, shape in zip(part, _drawn(pdf, fonts, part), strict=True):
            digit = _digit(shape, references) if shape else ""
            char = normalize("NFKD", glance.char)[:1]
            if digit and char not in _ALIKE[digit]:
                wrong[_group(fonts, glance.number), char == digit].add(digit)
    pages = [
        fonts[number].page
        for (number, honest), digits in wrong.items()
        if not honest and len(digits) >= _LEAST and len(digits) > len(wrong.get((number, True), ()))
    ]
    return min(pages, default=0)


def _group(fonts: Sequence[Used], number: int) -> int:
    """The font that answers for a glyph: the Type 3 fonts of a page hold a few glyphs each."""
    used = fonts[number]
    if not used.font.type3:
        return number
    return next(at for at, one in enumerate(fonts) if one.font.type3 and one.page == used.page)


def _digit(shape: int, references: Sequence[tuple[str, int]]) -> str:
    """The digit from 2 to 9 that a shape is, or nothing."""
    distance, digit = min((bin(shape ^ other).count("1"), name) for name, other in references)
    return digit if distance <= _LIKE else ""


def _references() -> Iterator[tuple[str, int]]:
    import pikepdf

    with pikepdf.new() as pdf:
        fonts = []
        for name in _REFERENCES:
            spec = pikepdf.Dictionary(
                Type=pikepdf.Name.Font,
                Subtype=pikepdf.Name.Type1,
                BaseFont=pikepdf.Name(f"/{name}"),
                Encoding=pikepdf.Name.WinAnsiEncoding,
            )
            spec = pdf.make_indirect(spec)
            fonts.append(Used(Font(spec), spec, 1))
        glances = [
            Glance(number, digit.encode(), digit)
            for number in range(len(fonts))
            for digit in _ALIKE
        ]
        for glance, shape in zip(glances, _drawn(pdf, fonts, glances), strict=True):
            if shape:
                yield glance.char, shape


def _drawn(pdf: Any, fonts: Sequence[Used], glances: Sequence[Glance]) -> Iterator[int | None]:
    """The shape of each glyph; nothing for one that is empty or not as slim as a digit."""
    import io

    import pikepdf
    import pypdfium2  # type: ignore[import-untyped, unused-ignore]

    rows = -(-len(glances) // _PER_ROW)
    with pikepdf.new() as sheet:
        page = sheet.add_blank_page(page_size=(_PER_ROW * _CELL, rows * _CELL))
        named = pikepdf.Dictionary()
        for number in sorted({glance.number for glance in glances}):
            spec = fonts[number].spec
            spec = spec if spec.is_indirect else pdf.make_indirect(spec)
            named[f"/F{number}"] = sheet.copy_foreign(spec)
        page.obj.Resources = pikepdf.Dictionary(Font=named)
        page.obj.Contents = sheet.make_stream(b"\n".join(_shows(fonts, glances, rows)))
        held = io.BytesIO()
        sheet.save(held)
    drawn = pypdfium2.PdfDocument(held.getvalue())
    bitmap = drawn[0].render(scale=1, grayscale=True)
    data, stride = bytes(bitmap.buffer), bitmap.stride
    bitmap.close()
    drawn.close()
    for at in range(len(glances)):
        top, left = at // _PER_ROW * _CELL, at % _PER_ROW * _CELL
        yield _shape(
            [data[y * stride + left : y * stride + left + _CELL] for y in range(top, top + _CELL)]
        )


def _shows(fonts: Sequence[Used], glances: Sequence[Glance], rows: int) -> Iterator[bytes]:
    for at, glance in enumerate(glances):
        font = fonts[glance.number].font
        x, y = at % _PER_ROW * _CELL + 8, (rows - 1 - at // _PER_ROW) * _CELL + 10
        if font.vertical:
            x, y = x + _EM // 2, y + _EM
        # each glyph within its own square: a wide one must not touch its neighbour
        yield b"q %d %d %d %d re W n BT /F%d %.5f Tf 1 0 0 1 %d %d Tm <%s> Tj ET Q" % (
            at % _PER_ROW * _CELL, (rows - 1 - at // _PER_ROW) * _CELL, _CELL, _CELL,
            glance.number, _EM / font.em, x, y, glance.code.hex().encode(),
        )  # fmt: skip


def _shape(rows: Sequence[bytes]) -> int | None:
    """The ink of one square, stretched to the grid, as bits."""
    inked = [at for at, row in enumerate(rows) if min(row) < 128]
    if not inked:
        return None
    top, bottom = inked[0], inked[-1] + 1
    columns = [x for x in range(_CELL) if min(row[x] for row in rows[top:bottom]) < 128]
    left, right = columns[0], columns[-1] + 1
    if not (bottom - top >= 0.5 * _EM and 1.15 < (bottom - top) / (right - left) < 2.8):
        return None
    shape = 0
    for y in range(_DOWN):
        row = rows[top + (2 * y + 1) * (bottom - top) // (2 * _DOWN)]
        for x in range(_ACROSS):
            dark = row[left + (2 * x + 1) * (right - left) // (2 * _ACROSS)] < 140
            shape = shape << 1 | dark
    return shape
