"""The cells of a worksheet, found by the thousand in the bytes of their XML.

The way of writing is the one that every spreadsheet program uses: nothing between the tags, no
comments. Each byte is accounted for by that grammar, so what passes is well formed. Everything else
raises Odd, and the exact reader takes the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deid.sheets import evenrows
from deid.sheets.evenrows import Marks, Rows, Ways
from deid.sheets.formulas import FORMULA, FORMULA_END, Formulas, Found, Tags
from deid.sheets.markup import (
    Odd,
    aligned,
    behind_texts,
    check_bytes,
    halves_at,
    padded,
    positions,
    starts_with,
    unplain,
    whole_numbers,
    words_at,
)
from deid.vector import Bytes, Flags, Places, Words

MAX_TAGS = 64 << 20
"""Bytes of rows that may have to be looked at together before enough of them hold something."""

# ------------------------------------------------------------------------------------------- tags

_ROW, _EMPTY_ROW, _ROW_END, _CELL, _EMPTY_CELL, _CELL_END = range(1, 7)
_VALUE, _VALUE_END, _IS, _IS_END, _TEXT, _TEXT_END = range(7, 13)

_NAMES = {
    b"ro": _ROW, b"/r": _ROW_END, b"c ": _CELL, b"/c": _CELL_END, b"v>": _VALUE, b"/v": _VALUE_END,
    b"is": _IS, b"/i": _IS_END, b"t>": _TEXT, b"t ": _TEXT, b"/t": _TEXT_END,
    b"f>": FORMULA, b"f ": FORMULA, b"f/": FORMULA, b"/f": FORMULA_END, b"v/": FORMULA_END, b"v ": FORMULA_END,
}  # fmt: skip
_KINDS = np.zeros(65536, np.uint8)
for _name, _kind in _NAMES.items():
    _KINDS[int.from_bytes(_name, "little")] = _kind

_SIZES = np.zeros(16, np.int64)
"""Bytes of a tag, less one; 0 where it has attributes."""
_SIZES[[_ROW_END, _CELL_END, _VALUE, _VALUE_END, _IS, _IS_END, _TEXT_END]] = 5, 3, 2, 3, 3, 4, 3
_FOLLOWS = {
    0: (_ROW, _EMPTY_ROW),
    _ROW: (_CELL, _EMPTY_CELL, _ROW_END),
    _EMPTY_ROW: (_ROW, _EMPTY_ROW),
    _ROW_END: (_ROW, _EMPTY_ROW),
    _CELL: (_VALUE, _IS, _CELL_END),
    _EMPTY_CELL: (_CELL, _EMPTY_CELL, _ROW_END),
    _VALUE: (_VALUE_END,),
    _VALUE_END: (_CELL_END,),
    _IS: (_TEXT,),
    _TEXT: (_TEXT_END,),
    _TEXT_END: (_IS_END,),
    _IS_END: (_CELL_END,),
    _CELL_END: (_CELL, _EMPTY_CELL, _ROW_END),
}
_MAY_FOLLOW = np.zeros((16, 16), bool)
for _first, _those in _FOLLOWS.items():
    _MAY_FOLLOW[_first, list(_those)] = True
_ENDS_WHERE_NEXT_STARTS = np.zeros(16, bool)
"""Tags of any size with a tag right behind them; their ends need no search."""
_ENDS_WHERE_NEXT_STARTS[[_ROW, _EMPTY_ROW, _CELL, _EMPTY_CELL]] = True
_TEXT_BEHIND = np.zeros(16, bool)
_TEXT_BEHIND[[_VALUE, _TEXT]] = True
_LOOSE = _ENDS_WHERE_NEXT_STARTS | _TEXT_BEHIND
_PAIRS = _MAY_FOLLOW.ravel()

_SIX_BYTES = np.uint64((1 << 48) - 1)
_ROW_REST = re.compile(rb"(?: [A-Za-z0-9:]{1,20}=\"[A-Za-z0-9.:-]{0,10}\")*+ ?/?")
_CELL_REST = re.compile(rb"(?: ([st])=\"([A-Za-z0-9]{1,10})\")*+ ?")
_ATTRIBUTE = re.compile(rb" ([A-Za-z0-9:]+)=")


# ------------------------------------------------------------------------------------- worksheets

NOTHING, SHARED, NUMBER, INLINE, OTHER = range(5)


@dataclass(frozen=True, slots=True)
class Kind:
    """What the attributes of a cell but its place say."""

    rest: bytes
    kind: str
    style: int


@dataclass(slots=True)
class Window:
    """Some rows of a sheet, and their cells as arrays.

    ``row``: which of ``numbers`` (the row numbers, from 0); ``kinds``: which of ``Cells.kinds``;
    ``value``: from ``first`` to ``last``; ``start``, ``rest``, ``tag``, ``end``: of the cell element,
    of its attributes behind the place, of the end of its tag, of its end.
    """

    data: bytes
    size: int
    numbers: Places
    row: Places
    column: Places
    stored: Places
    kinds: Places
    first: Places
    last: Places
    start: Places
    rest: Places
    tag: Places
    end: Places
    shared: Places
    plain: Flags
    formulas: Formulas | None = None

    @property
    def bytes(self) -> Bytes:
        """The window's XML, with zeros behind it."""
        return np.frombuffer(self.data, np.uint8)


def _as_shown(source: Bytes, starts: Places, ends: Places) -> Flags:
    """Which stored numbers read as they are written: no exponent, no superfluous zero."""
    size = ends - starts
    short = size <= 16
    view = np.ndarray((len(source) - 16,), "V16", source, strides=(1,))
    matrix = np.frombuffer(view[starts].tobytes(), np.uint8).reshape(-1, 16)
    inside = np.arange(16) < size[:, None]
    digits = ((matrix >= 48) & (matrix < 58) & inside).sum(axis=1)
    points = ((matrix == 46) & inside).sum(axis=1)
    first, second, last = matrix[:, 0], matrix[:, 1], source[ends - 1]
    fine = short & (digits + points == size) & (digits <= 15)
    whole = (points == 0) & ((first != 48) | (size == 1))
    broken = (points == 1) & (first != 46) & (last != 48) & (last != 46)
    broken &= (first != 48) | (second == 46)
    found: Flags = fine & (whole | broken)
    return found


class Spots(NamedTuple):
    """Where cells start, their other attributes start and end, their values start and end; their ends."""

    start: Places
    rest: Places
    tag: Places
    first: Places
    last: Places
    end: Places


_TRIES = 3
"""How often rows may turn out not to be even before every tag is looked at."""


class Cells:
    """Cuts the rows of one sheet into windows. ``dates``: cell styles that show dates."""

    def __init__(self, dates: frozenset[int]) -> None:
        self.kinds: list[Kind] = []
        self._dates = dates
        self._known: dict[bytes, int] = {}
        self._rests: set[bytes] = set()
        self._ways = Ways(self.kind_of)
        self._uneven = 0
        """How often rows turned out not to be even."""

    def windows(self, pieces: Iterator[bytes], count: int) -> Iterator[Window]:
        """Windows of ``count`` rows that hold something (the last one of fewer)."""
        rest, final, want = b"", False, 1 << 18
        last, used = -1, 0
        while True:
            more, size = [rest], len(rest)
            while size < want and not final:
                piece = next(pieces, None)
                final = piece is None
                more.append(piece or b"")
                size += len(more[-1])
            rest = b"".join(more)
            if not rest:
                return
            window = None
            # How many bytes so many rows have is not known before the first window.
            if final or used or rest.count(b"</row>") >= count:
                window, used = self._window(rest, count, final=final)
            if window is None:
                # Fewer rows than wanted: read more.
                used, want = 0, len(rest) * 2
                if want > MAX_TAGS:
                    raise Odd
                continue
            if len(window.numbers):
                if window.numbers[0] <= last:
                    raise Odd
                last = int(window.numbers[-1])
                yield window
            rest = rest[used:]
            want = used + used // 16

    def window(self, data: bytes) -> Window:
        """The rows in these bytes as one window."""
        window, used = self._window(data, 1 << 20, final=True)
        if window is None or used != len(data):
            raise Odd
        return window

    def _window(self, data: bytes, count: int, *, final: bool) -> tuple[Window | None, int]:
        """The first ``count`` rows that hold something and their size; None: there are too few."""
        if self._uneven < _TRIES:
            marks = Marks(data)
            if marks and len(marks) <= count and not final:
                return None, 0
            even = self._even_window(data, marks, count, final=final)
            if even:
                return even, even.size
            self._uneven += 1
        if not final:
            data = data[: data.rfind(b"</row>") + 6] if b"</row>" in data else b""
        if not data:
            return None, 0
        starts, kinds = self._tags(padded(data)[1], len(data))
        rows = np.flatnonzero((kinds == _ROW_END) | (kinds == _EMPTY_ROW))
        wanted = count
        while True:
            if wanted > len(rows) and not final:
                return None, 0
            last = int(rows[wanted - 1]) + 1 if wanted <= len(rows) else len(kinds)
            cut = int(starts[last])
            longer, source = padded(data[:cut])
            window = self._cells(longer, source, (starts[: last + 1], kinds[:last]))
            full = int((np.bincount(window.row, minlength=1) > 0).sum()) if len(window.row) else 0
            if full >= count or last == len(kinds):
                return window, cut
            wanted += count - full

    def _even_window(self, data: bytes, marks: Marks, count: int, *, final: bool) -> Window | None:
        """The same where the rows are even; None where they are not."""
        wanted = count
        while here := marks.first(wanted) if final or len(marks) > wanted else None:
            window = self._even_cells(data, here)
            if window is None:
                return None
            full = int((np.bincount(window.row, minlength=1) > 0).sum()) if len(window.row) else 0
            if full >= count or (final and here.size == len(data)):
                return window
            wanted += count - full
        return None

    def _even_cells(self, data: bytes, here: Rows) -> Window | None:
        """The cells of even rows."""
        longer, source = padded(data[: here.size])
        if not starts_with(source, here.rows, b"<row"):
            return None
        numbers, sizes, digits = self._rows(longer, source, here.rows, here.row_tags)
        row = here.row
        column, rest = self._places(source, here.cells, sizes[row], digits[row])
        if ((row[1:] == row[:-1]) & (column[1:] <= column[:-1])).any():
            raise Odd
        found = self._ways.openings(longer, source, here, rest)
        if found is None:
            return None
        check_bytes(data[: here.size])
        spots = Spots(here.cells, rest, found.tag, found.first, found.last, here.ends)
        value, inline = found.forms == evenrows.VALUE, found.forms == evenrows.INLINE
        self._check_kinds(self._stored(found.kinds), value, inline)
        return self._finished(
            (longer, source), here.size, (numbers, row, column), found.kinds, spots
        )

    @staticmethod
    def _tags(source: Bytes, size: int) -> tuple[Places, Bytes]:
        """Where the tags start, with the end of all at the end, and of which kind they are."""
        text = source[:size]
        starts = positions(text, 60)
        if not len(starts) or starts[0] or np.count_nonzero(text == 62) != len(starts):
            raise Odd
        kinds = _KINDS[halves_at(source, starts + 1)]
        starts = np.append(starts, size)
        those = np.flatnonzero((kinds == _CELL) | (kinds == _ROW))
        kinds[those] += source[starts[those + 1] - 2] == 47
        return starts, kinds

    def _cells(self, data: bytes, source: Bytes, tags: tuple[Places, Bytes]) -> Window:
        check_bytes(data[: tags[0][-1]])
        all_tags = Tags(tags[0], tags[1], tags[0][1:])
        found = Found(data, all_tags, _CELL) if (all_tags.kinds >= FORMULA).any() else None
        starts, kinds, ends = of_cells = found.tags if found else all_tags
        self._check_grammar(source, of_cells)
        rows = np.flatnonzero((kinds == _ROW) | (kinds == _EMPTY_ROW))
        row_ends = ends[rows] - 1 - (kinds[rows] == _EMPTY_ROW)
        numbers, sizes, digits = self._rows(data, source, starts[rows], row_ends)
        cells = np.flatnonzero((kinds == _CELL) | (kinds == _EMPTY_CELL))
        row = np.repeat(
            np.arange(len(rows)), np.diff(np.searchsorted(cells, rows), append=len(cells))
        )
        column, rest = self._places(source, starts[cells], sizes[row], digits[row])
        if ((row[1:] == row[:-1]) & (column[1:] <= column[:-1])).any():
            raise Odd
        formulas = found.of(cells, numbers[row], column) if found else None
        where = (numbers, row, column, rest)
        return self._values((data, source), of_cells, cells, where, formulas)

    def _check_grammar(self, source: Bytes, tags: Tags) -> None:
        """Raises Odd unless every byte is accounted for: each tag ends where its kind says it does.

        There are as many ``>`` as tags, and one at each of these ends, so none stands elsewhere.
        """
        starts, kinds, ends = tags
        starts = starts[: len(kinds)]
        pairs = np.concatenate([np.zeros(1, np.uint8), kinds[:-1]]) * np.uint8(16) + kinds
        if not _PAIRS[pairs].all() or kinds[-1] not in (_ROW_END, _EMPTY_ROW):
            raise Odd
        behind = starts + _SIZES[kinds] + 1
        loose = _LOOSE[kinds]
        if ((behind != ends) & ~loose).any():
            raise Odd
        those = kinds == _TEXT
        if those.any():
            behind[those] = behind_texts(source, starts[those])
        np.copyto(behind, ends, where=_ENDS_WHERE_NEXT_STARTS[kinds])
        if (behind > ends).any() or (source[behind - 1] != 62).any():
            raise Odd
        for kind, name in ((_ROW_END, b"</row>"), (_IS_END, b"</is>"), (_IS, b"<is>")):
            if not starts_with(source, starts[kinds == kind], name):
                raise Odd

    def _rows(
        self, data: bytes, source: Bytes, starts: Places, ends: Places
    ) -> tuple[Places, Places, Words]:
        """Number, how many digits it has, and these, of each row."""
        if not starts_with(source, starts + 3, b'w r="') or not starts_with(
            source, starts, b"<row"
        ):
            raise Odd
        places = starts + 8
        eight = words_at(source, places).view(np.uint8).reshape(-1, 8)
        sizes = np.argmax(eight == 34, axis=1).astype(np.int64)
        fine, numbers = whole_numbers(source, places, sizes)
        if not fine.all() or (np.diff(numbers) <= 0).any():
            raise Odd
        if len(numbers) and (numbers[-1] > 1_048_576 or numbers[0] < 1):
            raise Odd
        more = places + sizes + 1
        spans = zip(more.tolist(), ends.tolist(), strict=True) if (more != ends).any() else ()
        rests = {data[a:b] for a, b in spans}
        for rest in rests - self._rests:
            names = _ATTRIBUTE.findall(rest)
            if not _ROW_REST.fullmatch(rest) or len(set(names)) != len(names) or b"r" in names:
                raise Odd
            if b"_x" in rest or len(self._rests) > 10_000:
                raise Odd
            self._rests.add(rest)
        return numbers - 1, sizes, aligned(words_at(source, places), sizes)

    def _places(
        self, source: Bytes, starts: Places, sizes: Places, digits: Words
    ) -> tuple[Places, Places]:
        """Column of each cell, and where its other attributes begin."""
        words = words_at(source, starts)
        if ((words & _SIX_BYTES) != int.from_bytes(b'<c r="', "little")).any():
            raise Odd
        letters = (words >> np.uint64(48)).astype(np.int64)
        column, second = (letters & 255) - 64, (letters >> 8) - 64
        fine = (column > 0) & (column < 27)
        more = (second > 0) & (second < 27)
        at = starts + 7 + more
        if more.any():
            column = np.where(more, column * 26 + second, column)
            third = source[starts + 8].astype(np.int64) - 64
            most = more & (third > 0) & (third < 27)
            column = np.where(most, column * 26 + third, column)
            at += most
            fine &= column <= 16_384
        fine &= aligned(words_at(source, at), sizes) == digits
        fine &= source[at + sizes] == 34
        if not fine.all():
            raise Odd
        return column - 1, at + sizes + 1

    def _kinds_of(self, data: bytes, source: Bytes, rest: Places, tag: Places) -> Places:
        """Which of ``kinds`` each cell is of: by its attributes."""
        sizes = tag - rest
        if len(sizes) and int(sizes.max()) > 24:
            raise Odd
        spans = np.arange(25)
        masks = [
            (~np.uint64(0)) >> np.clip(64 - (spans - 8 * n) * 8, 0, 63).astype(np.uint64)
            for n in range(3)
        ]
        for n in range(3):
            masks[n][spans <= 8 * n] = 0
        parts = 1 + max(0, int(sizes.max(initial=0)) - 1) // 8
        words = [words_at(source, rest + 8 * n) & masks[n][sizes] for n in range(parts)]
        out = np.empty(len(rest), np.int64)
        left = np.arange(len(rest))
        while len(left):
            first = left[0]
            same = sizes == sizes[first]
            for part in words:
                same &= part == part[first]
            out[same] = self.kind_of(data[rest[first] : tag[first]])
            left = left[~same[left]]
        return out

    def kind_of(self, rest: bytes) -> int:
        """Which of ``kinds`` has these attributes. Raises Odd."""
        if rest not in self._known:
            attrs = re.findall(rb" ([st])=\"([A-Za-z0-9]{1,10})\"", rest)
            if not _CELL_REST.fullmatch(rest) or len(dict(attrs)) != len(attrs):
                raise Odd
            if len(self.kinds) > 300:
                raise Odd
            found: Mapping[bytes, bytes] = dict(attrs)
            style = found.get(b"s", b"")
            number = int(style) if style.isdigit() else -1
            self._known[rest] = len(self.kinds)
            self.kinds.append(Kind(rest, found.get(b"t", b"n").decode(), number))
        return self._known[rest]

    def _values(
        self,
        text: tuple[bytes, Bytes],
        tags: Tags,
        cells: Places,
        where: tuple[Places, Places, Places, Places],
        formulas: Formulas | None,
    ) -> Window:
        data, source = text
        starts, marks, ends = tags
        size = int(ends[-1])
        numbers, row, column, rest = where
        tag = ends[cells] - 1 - (marks[cells] == _EMPTY_CELL)
        kinds = self._kinds_of(data, source, rest, tag)
        after = marks[np.minimum(cells + 1, len(marks) - 1)]
        after[marks[cells] != _CELL] = 0
        value, inline = after == _VALUE, after == _IS
        # Up to the tag that closes the cell: <v> and </v>; or <is>, <t>, </t>, and </is>.
        close = cells + value * 3 + inline * 5 + ((after > 0) & ~value & ~inline)
        end = ends[close]
        first, last = tag.copy(), tag.copy()
        first[value] = starts[cells[value] + 1] + 3
        last[value] = starts[cells[value] + 2]
        if inline.any():
            texts = cells[inline] + 2
            first[inline], last[inline] = behind_texts(source, starts[texts]), starts[texts + 1]
        self._check_kinds(self._stored(kinds), value, inline)
        spots = Spots(starts[cells], rest, tag, first, last, end)
        return self._finished(text, size, (numbers, row, column), kinds, spots, formulas)

    def _stored(self, kinds: Places) -> Places:
        """In which way cells of these kinds store what they hold."""
        ways = [_STORED.get(kind.kind, OTHER) for kind in self.kinds]
        for at, kind in enumerate(self.kinds):
            if ways[at] == NUMBER and kind.style in self._dates:
                ways[at] = OTHER
        found: Places = np.array(ways, np.int64)[kinds]
        return found

    def _finished(
        self,
        text: tuple[bytes, Bytes],
        size: int,
        where: tuple[Places, Places, Places],
        kinds: Places,
        spots: Spots,
        formulas: Formulas | None = None,
    ) -> Window:
        """The window of these cells, without those that hold nothing."""
        data, source = text
        numbers, row, column = where
        start, rest, tag, first, last, end = spots
        stored = self._stored(kinds)
        stored[first == last] = NOTHING
        shared = np.full(len(first), -1, np.int64)
        those = stored == SHARED
        fine, shared[those] = whole_numbers(source, first[those], (last - first)[those])
        if not fine.all():
            raise Odd
        plain = ~unplain(data, source, first, last)
        those = stored == NUMBER
        plain[those] &= _as_shown(source, first[those], last[those])
        full = stored != NOTHING
        all_full = bool(full.all())

        def kept(part: Places) -> Places:
            short: Places = (part if all_full else part[full]).astype(np.int32)
            return short

        return Window(
            data, size, numbers, kept(row), kept(column), kept(stored), kept(kinds), kept(first),
            kept(last), kept(start), kept(rest), kept(tag), kept(end), kept(shared),
            plain[full], formulas.of(full) if formulas else None,
        )  # fmt: skip

    @staticmethod
    def _check_kinds(stored: Places, value: Flags, inline: Flags) -> None:
        """Inline strings have ``is``, all others ``v``."""
        wrong = ((stored == INLINE) & value) | ((stored != INLINE) & inline)
        wrong |= (stored == SHARED) & ~value
        if wrong.any():
            raise Odd


_STORED = {"s": SHARED, "n": NUMBER, "inlineStr": INLINE}
