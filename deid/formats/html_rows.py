"""Lists that a page draws without a table: rows of ``div`` or ``li`` with as many elements in each.

The elements of a page are noted with the texts in them while it is read; at its end ``rows`` tells
which of them look like rows of cells. What is in the rows is not asked: others judge whether it is a
list, and the texts are shown as lines all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from deid.formats.htmltokens import BLOCK, Read, gap

_LONG = re.compile(r"[\d*]{7}")
"""A star counts as a digit: a page reads the same once it is masked."""
_BETWEEN = re.compile(r"[\s|/,、，;；·•:：>＞-]*")
_LONGEST_CELL = 120
_LONGEST_TITLE = 40
_MOST_CELLS = 600
_LEAST_STRUNG = 6
"""Cells of one container, none of them a block, that are rows only when they are counted off."""
_NEVER = frozenset({"dl", "tr", "table", "tbody", "thead", "select", "script", "style", "nav"})


@dataclass(slots=True)
class Element:
    """An element, and the elements and texts in it."""

    name: str
    inside: list[Element | Read] = field(default_factory=list)
    shows: bool = False
    """Whether there is any text in it."""

    def elements(self) -> list[Element]:
        """The elements right inside it that show something."""
        return [one for one in self.inside if isinstance(one, Element) and one.shows]

    def own(self) -> str:
        """The text that stands right inside it."""
        return "".join(one.text for one in self.inside if isinstance(one, Read))

    def reads(self) -> Iterator[Read]:
        """All texts in it, in order."""
        waiting: list[Element | Read] = [self]
        while waiting:
            one = waiting.pop()
            if isinstance(one, Element):
                waiting += reversed(one.inside)
            else:
                yield one

    def text(self) -> str:
        """All text in it, as far as a cell's may go."""
        text = ""
        for read in self.reads():
            text += read.text
            if len(text) > _LONGEST_CELL:
                break
        return text


class Shape:
    """The elements of a page as far as they are open, or may hold rows."""

    def __init__(self) -> None:
        self.root = Element("")
        self._open = [self.root]

    def opened(self, name: str) -> None:
        """An element begins."""
        element = Element(name)
        self._open[-1].inside.append(element)
        self._open.append(element)

    def closed(self, *, forget: bool) -> None:
        """The innermost element ends; ``forget``: what is in it stands in a table."""
        if len(self._open) > 1:
            element = self._open.pop()
            self._open[-1].shows |= element.shows
            if forget:
                element.inside.clear()

    def text(self, read: Read) -> None:
        """A text right inside the innermost element."""
        self._open[-1].inside.append(read)
        self._open[-1].shows |= not read.text.isspace() and read.text != ""


Cells = list[list[Read]]


def rows(shape: Shape) -> Iterator[Cells]:
    """The rows that follow one with as many cells, where any of these has a long number."""
    for _, group in groupby(_rows(shape.root), key=len):
        run = list(group)
        if len(run) > 1 and any(_LONG.search(_text(cell)) for cells in run for cell in cells):
            yield from run
        for cells in run if len(run) == 1 else ():
            if len(cells) >= _LEAST_STRUNG and sum(bool(_LONG.search(_text(c))) for c in cells) > 1:
                yield from ([cell] for cell in cells)


def _text(cell: Sequence[Read]) -> str:
    return "".join(read.text for read in cell)


def _rows(root: Element) -> Iterator[Cells]:
    """Every element that looks like a row, in order, none inside another; an empty one for
    each long text between them."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        cells = _cells(element)
        if cells:
            yield [list(cell.reads()) for cell in cells]
        elif len(element.own()) > _LONGEST_TITLE:
            yield []
        else:
            waiting += reversed([one for one in element.inside if isinstance(one, Element)])


def _cells(element: Element) -> list[Element]:
    """The cells of an element that looks like a row; nothing for one that does not.

    Empty cells count: they keep the columns in their places.
    """
    if element.name in _NEVER or not _BETWEEN.fullmatch(element.own()):
        return []
    cells = [one for one in element.inside if isinstance(one, Element) and one.name not in _EMPTY]
    filled = [cell for cell in cells if cell.shows]
    if len(filled) < 2 or len(cells) > _MOST_CELLS:
        return []
    return cells if all(_is_cell(cell) for cell in filled) else []


_EMPTY = frozenset({"br", "img", "input", "wbr", "hr", "script", "style"})


def _is_cell(element: Element) -> bool:
    """Whether an element is one cell: short, and no row itself."""
    if element.name in ("table", "ul", "ol", "dl", "p") and len(element.elements()) > 1:
        return False
    while len(inner := element.elements()) == 1 and _BETWEEN.fullmatch(element.own()):
        element = inner[0]
    if len(element.text()) > _LONGEST_CELL or element.name in _NEVER:
        return False
    return len(inner) < 2 or not _BETWEEN.fullmatch(element.own()) or _is_one_number(inner)


def _is_one_number(parts: Sequence[Element]) -> bool:
    """Whether inline elements side by side are pieces of one number."""
    return all(
        part.name not in BLOCK and re.fullmatch(r"[\dXx*\s-]+", part.text()) for part in parts
    )


def line_of(cells: Cells) -> list[Read]:
    """The cells of a row as one line, a tab between them."""
    out: list[Read] = []
    for number, cell in enumerate(cells):
        if number:
            out.append(gap("\t"))
        out += cell
    return out
