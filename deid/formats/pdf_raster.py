"""A page rebuilt as an image, with its text under it; nothing else of the page is kept.

The image is drawn from the page after its content was changed: a glyph that was taken out is not in
it. The text is read off the same changed page, glyph by glyph, so that whoever searches the text has
searched what the image shows.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from deid.formats.pdf_objects import numbers
from deid.formats.pdf_text import Box, Drawing, Glyph
from deid.formats.pdf_tokens import decimal

_DPI = 200
_MOST_PIXELS = 40_000_000
_KEPT = frozenset({"/Type", "/Parent", "/MediaBox", "/CropBox", "/Rotate"})
"""Of a page's entries; annotations are in the image, all else could hold text."""
_GREY = b"0.75 g"


class Picture(NamedTuple):
    """A rendered page: where it stands, and its pixels."""

    box: Box
    width: int
    height: int
    channels: int
    pixels: bytes


def pictured(data: bytes, number: int) -> tuple[Picture, str]:
    """Page ``number`` of a file as pdfium draws it, not turned, and the text it reads there."""
    import pypdfium2  # type: ignore[import-untyped, unused-ignore]

    document = pypdfium2.PdfDocument(data)
    document.init_forms()
    page = document[number - 1]
    page.set_rotation(0)
    text = page.get_textpage()
    read = str(text.get_text_range())
    text.close()
    width, height = page.get_size()
    scale = min(_DPI / 72, math.sqrt(_MOST_PIXELS / max(width * height, 1.0)))
    bitmap = page.render(scale=scale, rev_byteorder=True)
    size = bitmap.width, bitmap.height
    raw, stride, channels = bytes(bitmap.buffer), bitmap.stride, bitmap.n_channels
    box = _shown(page)
    bitmap.close()
    page.close()
    document.close()
    rows = (raw[at : at + size[0] * channels] for at in range(0, stride * size[1], stride))
    pixels = b"".join(rows)
    red, green, blue = (pixels[at::channels] for at in range(3))
    if red == green == blue:
        return Picture(box, *size, 1, red), read
    colours = bytearray(3 * len(red))
    colours[0::3], colours[1::3], colours[2::3] = red, green, blue
    return Picture(box, *size, 3, bytes(colours)), read


def _shown(page: Any) -> Box:
    """The part of the page that is drawn: CropBox within MediaBox."""
    media, crop = page.get_mediabox(), page.get_cropbox()
    left, low = max(media[0], crop[0]), max(media[1], crop[1])
    return left, low, min(media[2], crop[2]), min(media[3], crop[3])


def rebuild(pdf: Any, page: Any, drawing: Drawing, picture: Picture, blanks: Sequence[Box]) -> None:
    """Replace a page by ``picture`` with the text of ``drawing`` under it, ``blanks`` painted over."""
    import pikepdf

    letters = _Letters()
    body = b"\n".join((*_rules(drawing), *_shows(drawing, letters), *_over(picture, blanks)))
    box = numbers(page.mediabox, 4, (0.0, 0.0, 595.0, 842.0))
    for key in set(page.obj.keys()) - _KEPT:
        del page.obj[key]
    page.obj.MediaBox = pikepdf.Array(list(box))
    page.obj.Resources = pikepdf.Dictionary(
        Font=letters.fonts(pdf),
        XObject=pikepdf.Dictionary(DeidPage=_image(pdf, picture)),
    )
    page.obj.Contents = pdf.make_stream(body)


def _image(pdf: Any, picture: Picture) -> Any:
    import pikepdf

    return pikepdf.Stream(
        pdf,
        zlib.compress(picture.pixels, 6),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=picture.width,
        Height=picture.height,
        BitsPerComponent=8,
        ColorSpace=pikepdf.Name.DeviceGray if picture.channels == 1 else pikepdf.Name.DeviceRGB,
        Filter=pikepdf.Name.FlateDecode,
    )


def _over(picture: Picture, blanks: Sequence[Box]) -> Iterator[bytes]:
    left, low, right, high = picture.box
    place = b" ".join(map(decimal, (right - left, 0.0, 0.0, high - low, left, low)))
    yield b"q %s cm /DeidPage Do Q" % place
    for x0, y0, x1, y1 in blanks:
        yield b"q %s %s re f Q" % (_GREY, b" ".join(map(decimal, (x0, y0, x1 - x0, y1 - y0))))


def _rules(drawing: Drawing) -> Iterator[bytes]:
    """The rules of tables, under the image: by them a reader tells cells apart."""
    for rule in drawing.rules:
        yield b"%s %s m %s %s l S" % tuple(map(decimal, rule))


# ------------------------------------------------------------------------------------- the text


Letter = tuple[str, float]
"""What one glyph shows, and how wide it is in thousandths of its size."""


class _Letters:
    """Fonts whose glyphs are empty: one code for each letter, at most 255 codes in a font."""

    def __init__(self) -> None:
        self._fonts: list[dict[Letter, int]] = []

    def font(self, letters: Sequence[Letter]) -> tuple[bytes, dict[Letter, int]]:
        """Name and codes of one font for all of ``letters``, of which there are at most 255."""
        wanted = dict.fromkeys(letters)
        fits = (at for at, one in enumerate(self._fonts) if len({**one, **wanted}) <= _CODES)
        number = next(fits, len(self._fonts))
        if number == len(self._fonts):
            self._fonts.append({})
        codes = self._fonts[number]
        for letter in wanted:
            codes.setdefault(letter, len(codes) + 1)
        return b"/DeidText%d" % number, codes

    def fonts(self, pdf: Any) -> Any:
        """The font resources of the page."""
        import pikepdf

        named = {f"/DeidText{at}": _font(pdf, codes) for at, codes in enumerate(self._fonts)}
        return pikepdf.Dictionary(named)


_CODES = 255


def _font(pdf: Any, codes: Mapping[Letter, int]) -> Any:
    """A Type 3 font (9.6.5): widths and characters, and nothing to see."""
    import pikepdf

    # Nothing is drawn; but pdfium passes over neighbours that are alike and take no room.
    drawn = {
        f"/g{code}": pdf.make_stream(b"%s 0 0 -200 %s 800 d1" % (decimal(width), decimal(width)))
        for (_, width), code in codes.items()
    }
    return pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type3,
        FontBBox=pikepdf.Array([0, -200, 1000, 800]),
        FontMatrix=pikepdf.Array([Decimal("0.001"), 0, 0, Decimal("0.001"), 0, 0]),
        CharProcs=pikepdf.Dictionary(drawn),
        Encoding=pikepdf.Dictionary(
            Type=pikepdf.Name.Encoding,
            Differences=pikepdf.Array([1, *(pikepdf.Name(f"/g{code}") for code in codes.values())]),
        ),
        FirstChar=0,
        LastChar=len(codes),
        # Readers tell from the widest glyph how large the letters of such a font look.
        Widths=pikepdf.Array([1000, *(width for _, width in codes)]),
        ToUnicode=pdf.make_stream(b"\n".join(_unicode(codes))),
    )


def _unicode(codes: Mapping[Letter, int]) -> Iterator[bytes]:
    yield b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap"
    yield b"/CMapName /DeidText def /CMapType 2 def"
    yield b"1 begincodespacerange <00> <FF> endcodespacerange"
    pairs = [(code, char) for (char, _), code in codes.items()]
    for at in range(0, len(pairs), 100):
        part = pairs[at : at + 100]
        yield b"%d beginbfchar" % len(part)
        for code, char in part:
            yield b"<%02X> <%s>" % (code, char.encode("utf-16-be", "replace").hex().encode())
        yield b"endbfchar"
    yield b"endcmap end end"


def _shows(drawing: Drawing, letters: _Letters) -> Iterator[bytes]:
    """Each text operator again: same glyphs, same places, same widths."""
    for _, group in groupby(drawing.glyphs, key=lambda glyph: (glyph.stream, glyph.show)):
        glyphs = list(group)
        for at in range(0, len(glyphs), _CODES):
            yield _shown_again(glyphs[at : at + _CODES], letters)


def _shown_again(glyphs: Sequence[Glyph], letters: _Letters) -> bytes:
    first = glyphs[0]
    wide = next((glyph for glyph in glyphs if glyph.dx or glyph.dy), first)
    far = math.hypot(wide.dx, wide.dy)
    cos, sin = (wide.dx / far, wide.dy / far) if far else (1.0, 0.0)
    size = first.size or 1.0
    shown = [_letter(glyph, size) for glyph in glyphs]
    name, codes = letters.font(shown)
    array, pen = [], 0.0
    for glyph, letter in zip(glyphs, shown, strict=True):
        at = (glyph.x - first.x) * cos + (glyph.y - first.y) * sin
        if abs(at - pen) > 1e-4 * size:
            array.append(decimal((pen - at) * 1000 / size))
            pen = at
        array.append(b"<%02X>" % codes[letter])
        pen += letter[1] / 1000 * size
    turn = (cos * size, sin * size, -sin * size, cos * size, first.x, first.y)
    place = b" ".join(map(decimal, turn))
    text = b"BT %s 1 Tf %s Tm [%s] TJ ET" % (name, place, b" ".join(array))
    return _clipped(text, first.clip)


def _letter(glyph: Glyph, size: float) -> Letter:
    return glyph.char, round(math.hypot(glyph.dx, glyph.dy) * 1000 / size, 1)


def _clipped(text: bytes, clip: Box | None) -> bytes:
    if clip is None:
        return text
    x0, y0, x1, y1 = clip
    box = b" ".join(map(decimal, (x0, y0, max(x1 - x0, 0.0), max(y1 - y0, 0.0))))
    return b"q %s re W n %s Q" % (box, text)
