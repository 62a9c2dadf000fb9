"""Edits of a text that was read off a page -> changes of the glyphs that show it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from deid.formats.pdf_layout import Piece, turned
from deid.formats.pdf_rewrite import Star
from deid.formats.pdf_text import Drawing, Glyph
from deid.model import Edit

Changes = dict[int, dict[int, dict[int, Star | None]]]
"""Content stream -> show operator -> glyph -> what is drawn in its place, or nothing."""


_NARROW = 0.5
"""How wide a star is at most, as a share of the size, where fewer stars than glyphs are drawn."""


def changes_for(piece: Piece, edits: Sequence[Edit], drawing: Drawing, into: Changes) -> None:
    """Add to ``into`` what carries out the edits of one text."""
    for edit in edits:
        start, end, text = _whole(piece, edit)
        for place in piece.glyphs[start:end]:
            for shadow in piece.shadows.get(place, ()):
                glyph = drawing.glyphs[shadow]
                into.setdefault(glyph.stream, {}).setdefault(glyph.show, {})[glyph.at] = None
        for line, part in _by_line(piece, start, end, text, drawing.glyphs):
            _set(drawing, into, line, part)


def _whole(piece: Piece, edit: Edit) -> tuple[int, int, str]:
    """An edit widened to whole glyphs: one glyph may show several characters."""
    start, end, text = edit.start, edit.end, edit.replacement
    while 0 < start < len(piece.glyphs) and piece.glyphs[start] == piece.glyphs[start - 1] >= 0:
        start -= 1
        text = piece.text[start] + text
    while 0 < end < len(piece.glyphs) and piece.glyphs[end] == piece.glyphs[end - 1] >= 0:
        text += piece.text[end]
        end += 1
    if start == end:  # a mere insertion is drawn with the glyph before it
        start = max(start - 1, 0)
        text = piece.text[start:end] + text
    return start, end, text


def _by_line(
    piece: Piece, start: int, end: int, new: str, glyphs: Sequence[Glyph]
) -> Iterator[tuple[list[int], str]]:
    """(glyphs of one line in a row, what stands there then)."""
    old, places = piece.text[start:end], piece.glyphs[start:end]
    if len(old) == len(new) and all(
        (place < 0) == char.isspace() for place, char in zip(places, new, strict=True)
    ):
        pairs = zip(places, new, strict=True)
        for blank, run in groupby(pairs, key=lambda pair: pair[0] < 0):
            if not blank:
                members = list(run)
                yield [place for place, _ in members], "".join(char for _, char in members)
        return
    lines = _lines(old, places, glyphs)
    soft = "\n" not in old and not (piece.walled and lines and len(new) <= len(lines[0]))
    for at, line in enumerate(lines):
        after = len(lines) - at - 1
        take = len(new)
        if soft and after:
            take = max(min(len(line), len(new) - after), min(1, len(new)))
        elif not soft and "\n" in new:
            take = new.index("\n") if after and "\n" in new else len(new)
        yield line, new[:take].strip("\n")
        new = new[take:].lstrip("\n")


def _lines(old: str, places: Sequence[int], glyphs: Sequence[Glyph]) -> list[list[int]]:
    """The glyphs of a range, line by line, blanks left out."""
    lines: list[list[int]] = [[]]
    last: Glyph | None = None
    for char, place in zip(old, places, strict=True):
        if place < 0:
            if char == "\n" and lines[-1]:
                lines.append([])
                last = None
            continue
        glyph = glyphs[place]
        if last is not None and _below(last, glyph) and lines[-1]:
            lines.append([])
        if not lines[-1] or lines[-1][-1] != place:
            lines[-1].append(place)
        last = glyph
    return [line for line in lines if line]


def _below(last: Glyph, glyph: Glyph) -> bool:
    angle = round(math.degrees(math.atan2(last.dy, last.dx))) % 360
    y0, y1 = turned(last.x, last.y, angle)[1], turned(glyph.x, glyph.y, angle)[1]
    return abs(y0 - y1) > 0.5 * max(last.size, glyph.size)


def _set(drawing: Drawing, into: Changes, line: Sequence[int], text: str) -> None:
    """Remove the glyphs of one line and put ``text`` in their place, from the left."""
    line = list(dict.fromkeys(line))
    shares = _shares(text, len(line))
    for at, place in enumerate(line):
        glyph = drawing.glyphs[place]
        star = Star(shares[at], glyph.far) if shares[at] else None
        into.setdefault(glyph.stream, {}).setdefault(glyph.show, {})[glyph.at] = star
    if len(text) == len(line):
        _evened(drawing, into, line)
    elif text and len(text) < len(line):
        first, last = drawing.glyphs[line[0]], drawing.glyphs[line[-1]]
        into[first.stream][first.show][first.at] = _packed(first, last, text)


def _packed(first: Glyph, last: Glyph, text: str) -> Star:
    """Fewer characters than glyphs: side by side from the left, the last one as wide as the rest."""
    ratio = _ratio(first)
    if not ratio:
        return Star(text, first.far)
    whole = math.copysign(_reach(first, last) / ratio, first.far)
    each = min(_NARROW * first.size / ratio, abs(whole) / len(text))
    each = -each if whole < 0 else each
    return Star(text, each * len(text), whole - each * len(text))


def _shares(text: str, count: int) -> list[str]:
    """What each of ``count`` glyphs shows of ``text``."""
    if len(text) < count:
        return [""] * count
    each, more = divmod(len(text), count)
    shares, at = [], 0
    for place in range(count):
        take = each + (place >= count - more)
        shares.append(text[at : at + take])
        at += take
    return shares


def _ratio(glyph: Glyph) -> float:
    """Points on the page for each unit of the text's own space."""
    return math.hypot(glyph.dx, glyph.dy) / abs(glyph.far) if glyph.far else 0.0


def _reach(first: Glyph, last: Glyph) -> float:
    """From where one glyph starts to where another ends, along the line."""
    far = math.hypot(first.dx, first.dy)
    if not far:
        return 0.0
    x, y = last.x + last.dx - first.x, last.y + last.dy - first.y
    return (x * first.dx + y * first.dy) / far


def _evened(drawing: Drawing, into: Changes, line: Sequence[int]) -> None:
    """Stars of one operator in equal steps: single widths would tell digits from letters."""
    glyphs = [drawing.glyphs[place] for place in line]
    for (stream, show), run in groupby(glyphs, key=lambda glyph: (glyph.stream, glyph.show)):
        members = [glyph.at for glyph in run]
        shows = into[stream][show]
        stars = [star for at in members if (star := shows[at]) is not None]
        mean = sum(star.far for star in stars) / len(stars)
        for at, star in zip(members, stars, strict=True):
            shows[at] = Star(star.text, mean)


class Stars:
    """Fonts of ours that draw what a page's own font cannot, added to its resources when used."""

    def __init__(self, pdf: Any, resources: Any) -> None:
        self._pdf, self._resources = pdf, resources
        self._used: set[str] = set()

    def font(self, char: str, vertical: bool) -> tuple[bytes, bytes, float]:
        """Resource name, code and width for a character: Helvetica, else a Chinese font."""
        if not vertical and " " <= char <= "~":
            self._used.add("DeidLatin")
            width = 389.0 if char == "*" else 278.0 if char in " .,:;/" else 556.0
            return b"/DeidLatin", char.encode("latin-1"), width
        name = "DeidDown" if vertical else "DeidHan"
        self._used.add(name)
        return b"/" + name.encode(), char.encode("utf-16-be"), -1000.0 if vertical else 1000.0

    def install(self) -> None:
        """Name the fonts that were used in the resources."""
        import pikepdf

        if not self._used:
            return
        if "/Font" not in self._resources:
            self._resources["/Font"] = pikepdf.Dictionary()
        for name in sorted(self._used):
            if f"/{name}" not in self._resources.Font:
                self._resources.Font[f"/{name}"] = self._pdf.make_indirect(_SPECS[name]())


def _latin() -> Any:
    import pikepdf

    return pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type1,
        BaseFont=pikepdf.Name.Helvetica,
        Encoding=pikepdf.Name.WinAnsiEncoding,
    )


def _han(direction: str) -> Any:
    import pikepdf

    return pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type0,
        BaseFont=pikepdf.Name("/STSong-Light"),
        Encoding=pikepdf.Name(f"/UniGB-UCS2-{direction}"),
        DescendantFonts=pikepdf.Array([_han_inner()]),
    )


def _han_inner() -> Any:
    import pikepdf

    return pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.CIDFontType0,
        BaseFont=pikepdf.Name("/STSong-Light"),
        CIDSystemInfo=pikepdf.Dictionary(Registry="Adobe", Ordering="GB1", Supplement=4),
        DW=1000,
        FontDescriptor=pikepdf.Dictionary(
            Type=pikepdf.Name.FontDescriptor,
            FontName=pikepdf.Name("/STSong-Light"),
            Flags=6,
            FontBBox=pikepdf.Array([-25, -254, 1000, 880]),
            ItalicAngle=0,
            Ascent=880,
            Descent=-120,
            CapHeight=880,
            StemV=93,
        ),
    )


_SPECS: dict[str, Callable[[], Any]] = {
    "DeidLatin": _latin,
    "DeidHan": lambda: _han("H"),
    "DeidDown": lambda: _han("V"),
}
