"""One window of a csv file: where its records and cells stand in its bytes, and those bytes changed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from deid.vector import PAD, STAR, Bytes, Flags, Places, inside, overlapping, words_at


class Grid:
    """The records of one window and where their cells stand.

    ``starts`` and ``ends`` have a line for every column, a cell's quotes left out; the cells of a
    record that is not ``regular`` (another width, a quote or a line break inside a cell) are empty.
    ``quoted``: the regular records that have cells in quotes. ``cuts``: as ``records`` gives them.
    """

    def __init__(self, data: bytes, delimiter: int, width: int, cuts: Places | None = None) -> None:
        self.data = data
        self.bytes = np.zeros(len(data) + PAD, np.uint8)
        self.bytes[: len(data)] = np.frombuffer(data, np.uint8)
        text = self.bytes[: len(data)]
        quoted = quotes(text, delimiter) if b'"' in data else None
        if cuts is None:
            cuts = _cuts(text, delimiter, quoted)
        if not len(data) or text[-1] != 10 or (quoted is not None and quoted[-1]):
            cuts = np.append(cuts, len(data))
        ends = self.bytes[cuts] == 10
        ends[-1] = True
        last = np.flatnonzero(ends)
        self.row_ends = np.minimum(cuts[last] + 1, len(data))
        self.row_starts = np.concatenate([np.zeros(1, np.int64), self.row_ends[:-1]])
        self.widths = np.diff(last, prepend=-1)
        self.regular = self.widths == width
        self._alike = bool(self.regular.all())
        self.quoted = np.zeros(len(last), bool)
        if quoted is not None:
            broken = np.flatnonzero(quoted & (text == 10))
            self.regular[np.searchsorted(self.row_ends, broken, "right")] = False
        self._fill(cuts, last, width)
        if quoted is not None:
            self._strip(text == 34)
        self.lengths = self.ends - self.starts

    def _fill(self, cuts: Places, last: Places, width: int) -> None:
        if self.regular.all():  # not _alike: a line break may stand in a cell
            ends = np.ascontiguousarray(cuts.reshape(-1, width).T)
            starts = np.empty_like(ends)
            starts[0] = self.row_starts
            starts[1:] = ends[:-1] + 1
        else:
            ends = np.zeros((width, len(last)), np.int64)
            starts = np.zeros_like(ends)
            rows = np.flatnonzero(self.regular)
            ends[:, rows] = cuts[(last[rows] - width + 1) + np.arange(width)[:, None]]
            starts[0, rows] = self.row_starts[rows]
            starts[1:, rows] = ends[:-1, rows] + 1
        final = ends[-1]
        if b"\r" in self.data:
            final -= (self.bytes[final - 1] == 13) & (final > starts[-1])
        self.starts, self.ends = starts, ends

    def _strip(self, marks: Flags) -> None:
        """Leave out the quotes around cells; a record that has others is not regular."""
        count = np.add.reduceat(marks, self.row_starts, dtype=np.int64)
        starts, ends = self.starts, self.ends
        around = (self.bytes[starts] == 34) & (self.bytes[ends - 1] == 34) & (ends - starts >= 2)
        self.quoted = self.regular & (count > 0)
        odd = self.regular & (count != 2 * around.sum(axis=0))
        starts += around
        ends -= around
        starts[:, odd] = ends[:, odd] = 0
        self.regular &= ~odd
        self.quoted &= ~odd

    def outline(self, before: int = 0) -> int:
        """A checksum of how many cells each record has, and of those ``before``."""
        alike = self._alike and len(self)
        widths = f"{alike} x {self.widths[0]}".encode() if alike else self.widths.tobytes()
        return zlib.crc32(widths, before)

    def __len__(self) -> int:
        return len(self.row_ends)

    def cell(self, row: int, column: int) -> bytes:
        """The bytes of one cell."""
        return self.data[self.starts[column, row] : self.ends[column, row]]


def quotes(text: Bytes, delimiter: int) -> Flags:
    """Which bytes stand inside quotes (the opening quote included).

    Raises ValueError where a quote stands that ``csv.reader`` would take for a plain character.
    """
    marks = text == 34
    places = np.flatnonzero(marks)
    if len(places) % 2:
        raise ValueError("a quote is left open")
    opening, closing = places[0::2], places[1::2]
    before = np.where(opening > 0, text[np.maximum(opening - 1, 0)], 10)
    fine = (before == delimiter) | (before == 10) | (before == 34)
    behind = np.append(text, [10])[closing + 1]
    fine &= (behind == delimiter) | (behind == 10) | (behind == 13) | (behind == 34)
    doubled = np.append(opening[1:] == closing[:-1] + 1, [False])
    fine &= (behind != 34) | doubled
    fine[1:] &= (before[1:] != 34) | doubled[:-1]
    fine[:1] &= before[:1] != 34
    if not fine.all():
        raise ValueError("a stray quote")
    return (np.cumsum(marks) & 1).astype(bool)


def _cuts(text: Bytes, delimiter: int, inside: Flags | None) -> Places:
    """Where the delimiters and line breaks stand that are not ``inside`` quotes."""
    marks = (text == 10) | (text == delimiter)
    if inside is not None:
        marks &= ~inside
    return np.flatnonzero(marks)


def records(data: bytes, delimiter: int, count: int, *, final: bool) -> tuple[int, Places]:
    """Where the first ``count`` records of ``data`` end, and their delimiters and line breaks; 0
    when the records are not all there yet.

    A quoted cell may hold line breaks. Raises ValueError for quotes that need the exact reader.
    """
    text = np.frombuffer(data, np.uint8)
    inside = (np.cumsum(text == 34) & 1).astype(bool) if b'"' in data else None
    cuts = _cuts(text, delimiter, inside)
    ends = np.flatnonzero(text[cuts] == 10)
    if len(ends) >= count:
        last = int(ends[count - 1])
        return int(cuts[last]) + 1, cuts[: last + 1]
    return (len(data), cuts) if final else (0, cuts)


def maybe_utf8(data: bytes) -> Sequence[tuple[int, int]]:
    """The lines, beyond ASCII, in which no byte tells at once that they are not UTF-8.

    Most lines tell in their first few bytes, so that only the others are read on.
    """
    if data.isascii():
        return []
    text = np.zeros(len(data) + PAD, np.int8)
    text[: len(data)] = np.frombuffer(data, np.int8)
    lead = text.view(np.uint8) >= 0xC0
    # a lead byte, and none that continues it behind
    alone = (lead[:-1] & (text[1:] >= -64)).view(np.uint8)
    ends = np.flatnonzero(text[: len(data)] == 10) + 1
    if not len(ends) or ends[-1] < len(data):
        ends = np.append(ends, len(data))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    maybe, at = np.arange(len(ends)), starts
    told = maybe[:0]
    while len(maybe):
        left = ends[maybe] - at
        wrong = words_at(alone, at) & inside(left)
        for step in range(8, _AT_ONCE, 8):
            wrong |= words_at(alone, at + step) & inside(left - step)
        told = np.append(told, maybe[(wrong == 0) & (left <= _AT_ONCE)])
        further = (wrong == 0) & (left > _AT_ONCE)
        maybe, at = maybe[further], at[further] + _AT_ONCE
    pairs = zip(starts[told].tolist(), ends[told].tolist(), strict=True)
    return sorted(pair for pair in pairs if not data[slice(*pair)].isascii())


_AT_ONCE = 64
"""Bytes of each line that are looked at before the lines that told are left out."""


def first_full(grid: Grid, column: int, count: int) -> Places:
    """The first ``count`` records with a value in the column."""
    lengths = grid.lengths[column]
    full = np.flatnonzero(lengths[: 2 * count] > 0)
    if len(full) < count:
        full = np.flatnonzero(lengths > 0)
    return full[:count]


def rows_at(grid: Grid, places: Places) -> Places:
    """The records in which those bytes stand."""
    return np.searchsorted(grid.row_ends, places, "right")


class Patch:
    """A copy of a window's bytes in which cells are changed."""

    def __init__(self, source: Bytes, size: int) -> None:
        self.source = source
        self._out = source.copy()
        self._size = size
        self._drops: list[tuple[Places, Places]] = []
        self._pieces: list[tuple[int, int, bytes]] = []

    def star(self, starts: Places, first: int, last: int) -> None:
        """Bytes ``first`` to ``last`` of each cell become stars."""
        if last > first and len(starts):
            stars = np.void(bytes([STAR]) * (last - first))
            overlapping(self._out, last - first, "V")[starts + first] = stars

    def replace(self, starts: Places, ends: Places, new: bytes) -> None:
        """Each stretch becomes ``new``."""
        short = ends - starts < len(new)
        for start, end in zip(starts[short].tolist(), ends[short].tolist(), strict=True):
            self.splice(start, end, new)
        starts, ends = starts[~short], ends[~short]
        for at, byte in enumerate(new):
            self._out[starts + at] = byte
        self._drops.append((starts + len(new), ends))

    def splice(self, start: int, end: int, new: bytes) -> None:
        """One stretch becomes ``new``."""
        self._pieces.append((start, end, new))

    def result(self) -> bytes:
        """The bytes of the window as changed."""
        keep = self._kept()
        if not self._pieces:
            return self._part(keep, 0, self._size)
        done, parts = 0, []
        for start, end, new in sorted(self._pieces):
            parts += [self._part(keep, done, start), new]
            done = end
        return b"".join([*parts, self._part(keep, done, self._size)])

    def _kept(self) -> Flags | None:
        """Which bytes stay; none is NUL but those that are dropped."""
        dropped = False
        for starts, ends in self._drops:
            length = ends - starts
            most = int(length.max(initial=0))
            dropped |= most > 0
            if 0 < most <= 16 and (starts[1:] - starts[:-1] >= 16).all():
                self._drop(starts, length)
                continue
            for step in range(most):
                self._out[starts[length > step] + step] = 0
        return self._out[: self._size] != 0 if dropped else None

    def _drop(self, starts: Places, length: Places) -> None:
        """The same for stretches in order, sixteen bytes apart, and no longer than that."""
        view = overlapping(self._out, 16, "V")
        words = view[starts].view("<u8").reshape(-1, 2)
        words[:, 0] &= ~inside(length)
        words[:, 1] &= ~inside(length - 8)
        view[starts] = words.view("V16").reshape(-1)

    def _part(self, keep: Flags | None, start: int, end: int) -> bytes:
        part = self._out[start:end]
        return (part if keep is None else part[keep[start:end]]).tobytes()
