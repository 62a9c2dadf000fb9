"""Content streams of a PDF with glyphs taken out, and in the gap what stands for the hidden text.

The stream's own bytes are kept: only an operator that shows a glyph to be removed is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from deid.formats.pdf_text import Content, Show, advance
from deid.formats.pdf_tokens import decimal, literal


class Star(NamedTuple):
    """What is drawn in a removed glyph's place: characters and how far the pen goes for all.

    ``tail``: how much farther it goes for the last one, which so fills a gap.
    """

    text: str
    far: float
    tail: float = 0.0


Fallback = Callable[[str, bool], tuple[bytes, bytes, float]]
"""(character, whether the pen goes down) -> name of a font of ours, code, width."""


def rewritten(
    content: Content,
    changes: Mapping[int, Mapping[int, Star | None]],
    fallback: Fallback,
    others: Mapping[tuple[int, int], bytes],
) -> bytes:
    """The stream without some glyphs: show -> glyph -> what is drawn there, or nothing.

    ``others``: (start, end) in the stream -> bytes to stand there.
    """
    spans = dict(others)
    for index in changes:
        show = content.shows[index]
        spans[show.start, show.end] = _shown(show, changes[index], fallback)
    pieces, done = [], 0
    for (start, end), new in sorted(spans.items()):
        pieces += [content.data[done:start], new]
        done = end
    return b"".join([*pieces, content.data[done:]])


def _shown(show: Show, changes: Mapping[int, Star | None], fallback: Fallback) -> bytes:
    """One text operator, written anew."""
    out: list[bytes] = [show.lead]
    array: list[bytes] = []
    at = 0
    owed = 0.0  # how far the pen still has to go, in text space
    carried = 0.0  # the same, of stars as wide as one another in place of glyphs that are not
    for piece in show.pieces:
        if isinstance(piece, float):
            owed += -piece / 1000 * show.size
            continue
        for code, width, _ in show.font.codes(piece):
            far = advance(width, show.size, show.spacing, show.words if code == b" " else 0.0)
            if at not in changes:
                array += [*_gap(owed + carried, show), literal(code)]
                owed = carried = 0.0
            elif (star := changes[at]) is None:
                owed += far
            else:
                if owed:
                    array += _gap(owed + carried, show)
                    owed = carried = 0.0
                out += [*_flushed(array), *_drawn(star, show, fallback)]
                array = []
                carried += far - star.far - star.tail
            at += 1
    array += _gap(owed + carried, show)
    return b" ".join([*out, *_flushed(array)]).strip() or b" "


def _gap(far: float, show: Show) -> list[bytes]:
    return [decimal(-far * 1000 / show.size)] if abs(far) > 1e-6 and show.size else []


def _flushed(array: list[bytes]) -> list[bytes]:
    return [b"[" + b"".join(_joined(array)) + b"] TJ"] if array else []


def _joined(array: list[bytes]) -> Iterator[bytes]:
    """Neighbouring codes as one string."""
    held = b""
    for item in array:
        if item.startswith(b"<"):
            held += item[1:-1]
        else:
            if held:
                yield b"<" + held + b">"
            yield b" " + item + b" "
            held = b""
    if held:
        yield b"<" + held + b">"


def _drawn(star: Star, show: Show, fallback: Fallback) -> list[bytes]:
    """The characters, evenly spaced, each as wide as its share by character spacing."""
    out: list[bytes] = []
    each = star.far / len(star.text)
    name, size = show.name, show.size
    for at, char in enumerate(star.text, 1):
        own = show.font.encode(char) if show.name else None
        if own:
            code, width, font, points = own[0], own[1], show.name, show.size
        else:
            font, code, width = fallback(char, show.font.vertical)
            points = _points(show, each, width)
        if (font, points) != (name, size):
            out.append(b"%s %s Tf" % (font, decimal(points)))
            name, size = font, points
        words = show.words if code == b" " else 0.0
        extra = each - width / 1000 * points - words + (star.tail if at == len(star.text) else 0.0)
        out.append(b"%s Tc %s Tj" % (decimal(extra), literal(code)))
    if (name, size) != (show.name, show.size):
        out.append(b"%s %s Tf" % (show.name, decimal(show.size)))
    out.append(b"%s Tc" % decimal(show.spacing))
    return out


def _points(show: Show, each: float, width: float) -> float:
    """The size of a stand-in; a Type 3 font's own size says nothing of how large it looks."""
    if show.font.type3 and width:
        return min(show.size * show.font.em, 1300 * abs(each) / width)
    return show.size
