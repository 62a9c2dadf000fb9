"""Positioned glyphs -> the lines, cells and tables that a reader sees.

Only places and widths decide, never what is written, so that a page reads the same in structure once
some of its characters were masked: a mask fills the width of what it hides.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from deid.formats.pdf_text import Box, Drawing, Glyph, Rule

_SNAP = 2.0
"""Rules nearer than this (points) are one."""
_SPACE = 0.3
"""A gap of this share of the size is a blank; justified Chinese text stretches by less."""
_BREAK = 0.9
"""A gap of this share of the size parts two fields of a line."""
_LOOSE = 0.4
"""The same, where a new text operator starts as well."""
_ALONE = re.compile(r"(?:1[\d*]{10}|0[\d*]{2,3}-?[\d*]{7,8})$")


class Spot(NamedTuple):
    """One glyph in a frame whose lines run from left to right."""

    x0: float
    x1: float
    y: float
    size: float
    char: str
    glyph: int
    show: tuple[int, int]
    clip: Box | None

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the glyph, or what is nearest to it in its clip: there it belongs."""
        x, y = (self.x0 + self.x1) / 2, self.y + 0.3 * self.size
        if self.clip is None:
            return x, y
        left, low, right, high = self.clip
        return min(max(x, left + 0.1), right - 0.1), min(max(y, low + 0.1), high - 0.1)


@dataclass(slots=True)
class Piece:
    """A text as it was put together: for each character its glyph, or -1 for a blank between.

    ``walled``: it stands between rules, so that lines may vanish from it without a trace.
    ``shadows``: glyphs drawn again on the same spot, to look bold or shaded.
    """

    text: str = ""
    glyphs: list[int] = field(default_factory=list)
    walled: bool = False
    shadows: dict[int, list[int]] = field(default_factory=dict)

    def add(self, text: str, glyph: int) -> None:
        """Append what one glyph shows."""
        self.text += text
        self.glyphs += [glyph] * len(text)

    def join(self, other: Piece, between: str) -> None:
        """Append another piece."""
        self.text += between + other.text
        self.glyphs += [-1] * len(between) + other.glyphs
        self.shadows |= other.shadows


Bounds = tuple[tuple[float, float], ...]
"""(left, right) of each column of a table without rules."""


@dataclass(slots=True)
class Grid:
    """A table on one page: (row, column) -> text; ``edges``: where its columns stand.

    ``carried``: its columns are those of the page before. ``tangled``: cells whose lines overlap.
    """

    rows: int
    edges: tuple[float, ...]
    ruled: bool
    angle: int
    top: float
    bounds: Bounds = ()
    carried: bool = False
    tangled: list[tuple[int, int]] = field(default_factory=list)
    cells: dict[tuple[int, int], Piece] = field(default_factory=dict)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Page:
    """What stands on a page: tables, and lines outside them from top to bottom.

    ``over``: how many lines stand on other ones; ``tangled``: in how many cells they do.
    """

    grids: list[Grid] = field(default_factory=list)
    lines: list[Piece] = field(default_factory=list)
    over: int = 0
    tangled: int = 0


def laid_out(drawing: Drawing, width: float, carried: Bounds = ()) -> Page:
    """The glyphs of a drawing as tables and lines; every glyph that is not blank stands in one.

    ``carried``: the columns of a table without rules that the page before ended with.
    """
    page = Page()
    for angle, spots in sorted(_frames(drawing.glyphs).items(), key=lambda item: -len(item[1])):
        rules = _turned(drawing.rules, angle)
        rest = spots
        for grid, inside in _ruled(rules, spots, angle):
            page.grids.append(grid)
            page.tangled += len(grid.tangled)
            taken = set(inside)
            rest = [spot for spot in rest if spot.glyph not in taken]
        for grid, inside in _ruled(_clips(rest), rest, angle):
            if _is_list(grid):
                page.grids.append(grid)
                page.tangled += len(grid.tangled)
                taken = set(inside)
                rest = [spot for spot in rest if spot.glyph not in taken]
        lines = _lines(rest)
        for aligned, taken_lines in _aligned(lines, angle, carried):
            page.grids.append(aligned)
            page.tangled += len(aligned.tangled)
            taken = {id(line) for line in taken_lines}
            lines = [line for line in lines if id(line) not in taken]
        page.over += _overlaps([spot for line in lines for spot in line])
        page.lines += _paragraphs(lines, width if angle % 180 == 0 else 0.0)
    return page


# ----------------------------------------------------------------------------------------- frames


def _frames(glyphs: Sequence[Glyph]) -> dict[int, list[Spot]]:
    """Direction of writing in degrees -> the glyphs that are written so, in turned coordinates."""
    frames: dict[int, list[Spot]] = defaultdict(list)
    angle = 0
    for at, glyph in enumerate(glyphs):
        far = math.hypot(glyph.dx, glyph.dy)
        if glyph.dy == 0 and glyph.dx > 0:
            angle = 0
        elif far > 1e-9:
            angle = round(math.degrees(math.atan2(glyph.dy, glyph.dx))) % 360
        if not glyph.char.strip():
            continue
        x, y = turned(glyph.x, glyph.y, angle)
        clip = _clip(glyph.clip, angle) if glyph.clip else None
        size = glyph.size or far or 1.0
        spot = Spot(x, x + far, y, size, glyph.char, at, (glyph.stream, glyph.show), clip)
        frames[angle].append(spot)
    return frames


def _clip(clip: Box, angle: int) -> Box | None:
    """A clip in the frame; nothing for one that shows nothing or cannot be turned."""
    if angle % 90 or clip[0] >= clip[2] or clip[1] >= clip[3]:
        return None
    a, b = turned(clip[0], clip[1], angle), turned(clip[2], clip[3], angle)
    return min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])


def turned(x: float, y: float, angle: int) -> tuple[float, float]:
    """A point in the frame whose lines run at ``angle``."""
    if angle == 0:
        return x, y
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return x * cos + y * sin, y * cos - x * sin


def _turned(rules: Sequence[Rule], angle: int) -> list[Rule]:
    if angle == 0:
        return list(rules)
    if angle % 90:
        return []
    out = []
    for rule in rules:
        a, b = turned(rule.x0, rule.y0, angle), turned(rule.x1, rule.y1, angle)
        out.append(Rule(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])))
    return out


# ------------------------------------------------------------------------------------------ lines


def _lines(spots: Iterable[Spot]) -> list[list[Spot]]:
    """Glyphs on one base line, lines from top to bottom, glyphs from left to right."""
    lines: list[list[Spot]] = []
    reach = 0.0
    for spot in sorted(spots, key=lambda spot: (-spot.y, spot.x0, spot.glyph)):
        if lines and abs(lines[-1][0].y - spot.y) <= reach:
            lines[-1].append(spot)
        else:
            lines.append([spot])
            reach = 0.35 * spot.size
    for line in lines:
        line.sort(key=lambda spot: (spot.x0, spot.glyph))
    return lines


def _segments(line: Sequence[Spot]) -> list[list[Spot]]:
    """A line, cut at gaps that part fields."""
    out = [[line[0]]]
    for left, right in pairwise(line):
        gap, size = right.x0 - left.x1, min(left.size, right.size)
        wide = gap > _BREAK * size or (gap > _LOOSE * size and left.show != right.show)
        if wide:
            out.append([])
        out[-1].append(right)
    return out


def _text(line: Sequence[Spot]) -> Piece:
    """A line as text; a gap becomes a blank, a wide one two."""
    piece = Piece()
    last: Spot | None = None
    for spot in line:
        if last is not None:
            if _is_shadow(last, spot):
                piece.shadows.setdefault(last.glyph, []).append(spot.glyph)
                continue
            gap = (spot.x0 - last.x1) / min(spot.size, last.size)
            if gap > _SPACE:
                piece.add(" " if gap < 1.5 else "  ", -1)
        piece.add(spot.char, spot.glyph)
        last = spot
    return piece


def _is_shadow(one: Spot, other: Spot) -> bool:
    """Whether a glyph is drawn over the same one before it."""
    return (
        one.char == other.char
        and abs(one.y - other.y) < 0.15 * one.size
        and other.x0 - one.x0 < 0.3 * (one.x1 - one.x0)
        and abs(one.size - other.size) < 0.1 * one.size
    )


def _overlaps(spots: Sequence[Spot]) -> int:
    """How many lines are written over other ones, so that nobody can read them in order."""
    lines = _lines(spots)
    count = sum(any(_covers(*pair) for pair in pairwise(line)) for line in lines)
    for above, below in pairwise(lines):
        small, large = sorted((above[0].size, below[0].size))
        if above[0].y - below[0].y < 0.6 * small and large < 1.5 * small and _dense(above):
            count += any(above[0].x0 < spot.x0 < above[-1].x1 for spot in below)
    return count


def _covers(left: Spot, right: Spot) -> bool:
    return (
        right.x0 - left.x0 < 0.4 * (left.x1 - left.x0)
        and max(left.size, right.size) < 1.5 * min(left.size, right.size)
        and not _is_shadow(left, right)
    )


def _dense(line: Sequence[Spot]) -> bool:
    """Whether a line has no wide gaps that the text of another could stand in."""
    return all(right.x0 - left.x1 < 2 * left.size for left, right in pairwise(line))


def _stacked(spots: Iterable[Spot], right: float) -> Piece:
    """The lines of a cell as one text: nothing between them where the line was full."""
    piece = Piece()
    last: list[Spot] = []
    for line in _lines(spots):
        if last:
            full = right - last[-1].x1 < 1.7 * max(last[-1].size, line[0].size)
            piece.join(_text(line), "" if full and not _two(piece.text, _text(line).text) else "\n")
        else:
            piece = _text(line)
        last = line
    return piece


def _two(left: str, right: str) -> bool:
    """Whether two whole telephone numbers meet at a line's end."""
    tail = re.search(r"[\d*\-]+$", left)
    head = re.match(r"[\d*\-]+", right)
    return bool(tail and head and _ALONE.match(tail[0]) and _ALONE.match(head[0]))


def _paragraphs(lines: Sequence[Sequence[Spot]], width: float) -> Iterator[Piece]:
    """Lines outside tables; those that run on from a full line are one text with it."""
    left = min((line[0].x0 for line in lines), default=0.0)
    piece: Piece | None = None
    last: Sequence[Spot] = ()
    for line in lines:
        if piece is not None and last and _runs_on(last, line, left, width):
            piece.join(_text(line), "")
        else:
            if piece is not None:
                yield piece
            piece = _text(line)
        last = line
    if piece is not None:
        yield piece


def _runs_on(last: Sequence[Spot], line: Sequence[Spot], left: float, width: float) -> bool:
    size = last[-1].size
    return (
        width > 0
        and _dense(last)
        and last[-1].x1 > width - left - 2.2 * size
        and line[0].x0 < left + 1.5 * size
        and abs(line[0].size - size) < 0.2 * size
        and last[0].y - line[0].y < 2.6 * size
    )


# ------------------------------------------------------------------------------------ ruled tables


@dataclass(slots=True)
class _Bar:
    """A rule after snapping: at ``at`` across, from ``low`` to ``high`` along."""

    at: float
    low: float
    high: float


def _bars(rules: Iterable[tuple[float, float, float]]) -> list[_Bar]:
    """Collinear strokes that touch, as one."""
    bars: list[_Bar] = []
    groups: list[list[tuple[float, float, float]]] = []
    for rule in sorted(rules):
        if groups and rule[0] - groups[-1][0][0] <= _SNAP:
            groups[-1].append(rule)
        else:
            groups.append([rule])
    for group in groups:
        at = group[0][0]
        for _, low, high in sorted(group, key=lambda rule: rule[1]):
            if bars and bars[-1].at == at and low <= bars[-1].high + 1.5 * _SNAP:
                bars[-1].high = max(bars[-1].high, high)
            else:
                bars.append(_Bar(at, low, high))
    return [bar for bar in bars if bar.high - bar.low > 4]


def _ruled(
    rules: Sequence[Rule], spots: Sequence[Spot], angle: int
) -> Iterator[tuple[Grid, list[int]]]:
    """Tables drawn with rules, and the glyphs in each."""
    flat = _bars((rule.y0, rule.x0, rule.x1) for rule in rules if rule.y1 - rule.y0 < 1)
    tall = _bars((rule.x0, rule.y0, rule.y1) for rule in rules if rule.x1 - rule.x0 < 1)
    found = []
    for group_flat, group_tall in _joined(flat, tall):
        if len(group_flat) >= 2 and len(group_tall) >= 2:
            found.append(_Frame(group_flat, group_tall))
    runs = _runs(spots)
    # the smallest first: a frame around the page must not swallow the tables in it
    for frame in sorted(found, key=lambda frame: frame.area):
        inside = [run for run in runs if frame.holds(run)]
        grid = frame.grid(inside, angle)
        if len(grid.cells) < 2:
            continue
        taken = {id(run) for run in inside}
        runs = [run for run in runs if id(run) not in taken]
        yield grid, [spot.glyph for run in inside for spot in run]


def _joined(flat: list[_Bar], tall: list[_Bar]) -> Iterator[tuple[list[_Bar], list[_Bar]]]:
    """Rules that cross or touch one another, group by group."""
    parent = list(range(len(flat) + len(tall)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    near = 1.5 * _SNAP
    for i, row in enumerate(flat):
        for j, column in enumerate(tall):
            if (
                row.low - near <= column.at <= row.high + near
                and column.low - near <= row.at <= column.high + near
            ):
                parent[root(i)] = root(len(flat) + j)
    groups: dict[int, tuple[list[_Bar], list[_Bar]]] = {}
    for at in range(len(parent)):
        group = groups.setdefault(root(at), ([], []))
        group[at >= len(flat)].append(flat[at] if at < len(flat) else tall[at - len(flat)])
    yield from groups.values()


def _clips(spots: Sequence[Spot]) -> list[Rule]:
    """The sides of the boxes that texts were clipped to: print-outs of sheets clip each cell."""
    rules = []
    for clip in {spot.clip for spot in spots if spot.clip}:
        left, low, right, high = clip
        if right - left < 1e6 and high - low < 1e6:
            rules += [Rule(left, y, right, y) for y in (low, high)]
            rules += [Rule(x, low, x, high) for x in (left, right)]
    return rules


def _is_list(grid: Grid) -> bool:
    """Whether boxes that are not drawn make rows and columns."""
    columns = {column for _, column in grid.cells}
    rows = {row for row, _ in grid.cells}
    return len(columns) >= 3 and len(rows) >= 2 and len(grid.cells) >= 2 * len(rows)


class _Frame:
    """The rules of one table, as columns, rows and the walls between cells."""

    def __init__(self, flat: list[_Bar], tall: list[_Bar]) -> None:
        xs = {bar.at for bar in tall} | {
            min(bar.low for bar in flat),
            max(bar.high for bar in flat),
        }
        ys = {bar.at for bar in flat} | {
            min(bar.low for bar in tall),
            max(bar.high for bar in tall),
        }
        self.xs = _spread(sorted(xs))
        self.ys = _spread(sorted(ys, reverse=True))
        self.flat, self.tall = _by_place(flat), _by_place(tall)

    @property
    def area(self) -> float:
        return (self.xs[-1] - self.xs[0]) * (self.ys[0] - self.ys[-1])

    def holds(self, run: Sequence[Spot]) -> bool:
        """Whether a run of glyphs stands in the table: its middle does."""
        x, y = run[len(run) // 2].middle
        return self.xs[0] - 1 <= x <= self.xs[-1] + 1 and self.ys[-1] - 1 <= y <= self.ys[0] + 1

    def grid(self, runs: Sequence[Sequence[Spot]], angle: int) -> Grid:
        """The cells, those without a wall between them as one."""
        grid = Grid(len(self.ys) - 1, tuple(self.xs), True, angle, self.ys[0])
        held: dict[tuple[int, int], list[Spot]] = defaultdict(list)
        spans = self._spans()
        below = [-y for y in self.ys]
        for run in runs:
            votes: dict[tuple[int, int], int] = defaultdict(int)
            for spot in run:
                x, y = spot.middle
                row, column = _slot(below, -y), _slot(self.xs, x)
                votes[spans[row, column][:2]] += 1
            held[max(votes, key=lambda cell: votes[cell])] += run
        for cell, spots in sorted(held.items()):
            grid.cells[cell] = _stacked(spots, self.xs[spans[cell][3] + 1])
            grid.cells[cell].walled = True
            if _overlaps(spots):
                grid.tangled.append(cell)
        grid.merges = sorted(
            {span for span in spans.values() if span[:2] != span[2:] and span[:2] in grid.cells}
        )
        return grid

    def _spans(self) -> dict[tuple[int, int], tuple[int, int, int, int]]:
        """Atom -> the (top, left, bottom, right) of the cell that it is part of."""
        rows, columns = len(self.ys) - 1, len(self.xs) - 1
        owner: dict[tuple[int, int], tuple[int, int]] = {}
        for row in range(rows):
            for column in range(columns):
                if column and not self._wall(
                    self.tall, self.xs[column], self.ys[row + 1], self.ys[row]
                ):
                    owner[row, column] = owner[row, column - 1]
                elif row and not self._wall(
                    self.flat, self.ys[row], self.xs[column], self.xs[column + 1]
                ):
                    owner[row, column] = owner[row - 1, column]
                else:
                    owner[row, column] = (row, column)
        spans: dict[tuple[int, int], tuple[int, int, int, int]] = {}
        for (row, column), (top, left) in owner.items():
            old = spans.get((top, left), (top, left, top, left))
            spans[top, left] = (top, left, max(old[2], row), max(old[3], column))
        return {atom: spans[first] for atom, first in owner.items()}

    @staticmethod
    def _wall(bars: dict[float, list[_Bar]], at: float, low: float, high: float) -> bool:
        middle = (low + high) / 2
        return any(
            bar.low <= middle <= bar.high
            for place, group in bars.items()
            if abs(place - at) <= _SNAP
            for bar in group
        )


def _by_place(bars: Iterable[_Bar]) -> dict[float, list[_Bar]]:
    out: dict[float, list[_Bar]] = defaultdict(list)
    for bar in bars:
        out[bar.at].append(bar)
    return out


def _spread(values: Sequence[float]) -> list[float]:
    """The values, of those nearer than the snap only the first."""
    out: list[float] = []
    for value in values:
        if not out or abs(value - out[-1]) > 1.5 * _SNAP:
            out.append(value)
    return out


def _slot(edges: Sequence[float], value: float) -> int:
    """Which interval of rising edges a value falls into; the nearest for one outside."""
    for at in range(1, len(edges) - 1):
        if value < edges[at]:
            return at - 1
    return max(len(edges) - 2, 0)


def _runs(spots: Sequence[Spot]) -> list[list[Spot]]:
    """Glyphs that were written together: they stay together though they cross a rule.

    Operators that show one or two glyphs each may be one word; longer ones are fields of their own.
    """
    chunks: list[list[Spot]] = []
    for spot in sorted(spots, key=lambda spot: spot.glyph):
        if chunks and chunks[-1][-1].show == spot.show and _touches(chunks[-1][-1], spot, 0.5):
            chunks[-1].append(spot)
        else:
            chunks.append([spot])
    runs: list[list[Spot]] = []
    size = 0
    for chunk in chunks:
        if runs and max(size, len(chunk)) <= 2 and _touches(runs[-1][-1], chunk[0], 0.1):
            runs[-1] += chunk
        else:
            runs.append(chunk)
        size = len(chunk)
    return runs


def _touches(last: Spot, spot: Spot, near: float) -> bool:
    return (
        last.clip == spot.clip
        and abs(last.y - spot.y) < 0.1 * spot.size
        and -0.2 * spot.size < spot.x0 - last.x1 < near * spot.size
    )


# ---------------------------------------------------------------------------------- aligned tables


def _aligned(
    lines: Sequence[list[Spot]], angle: int, carried: Bounds
) -> Iterator[tuple[Grid, list[list[Spot]]]]:
    """Tables without rules: lines whose fields stand below one another."""
    cut = [_segments(line) for line in lines]
    blocks: list[tuple[int, int, Bounds]] = [(*block, ()) for block in _blocks(lines, cut)]
    if carried and angle == 0 and len(blocks) < 2:
        blocks = list(_carried(lines, cut, carried)) or blocks
    for start, end, known in blocks:
        bounds = known or _columns([fields for fields in cut[start:end] if len(fields) >= 3])
        if len(bounds) < 3:
            continue
        rows = _rows(lines[start:end], cut[start:end], bounds)
        edges = tuple(low for low, _ in bounds)
        grid = Grid(len(rows), edges, False, angle, lines[start][0].y, bounds, bool(known))
        taken: list[list[Spot]] = []
        for number, members in enumerate(rows):
            held: dict[int, list[Spot]] = defaultdict(list)
            for at in members:
                taken.append(lines[start + at])
                for segment in cut[start + at]:
                    for column, spots in _placed(segment, bounds):
                        held[column] += spots
            for column, spots in held.items():
                grid.cells[number, column] = _stacked(spots, bounds[column][1])
                if _overlaps(spots):
                    grid.tangled.append((number, column))
        yield grid, taken


def _carried(
    lines: Sequence[list[Spot]], cut: Sequence[Sequence[Sequence[Spot]]], carried: Bounds
) -> Iterator[tuple[int, int, Bounds]]:
    """Where the table of the page before goes on: every full line fits its columns."""
    full = [at for at, fields in enumerate(cut) if len(fields) >= 3]
    if not full or any(_crosses(segment, carried) for at in full for segment in cut[at]):
        return
    if any(len(cut[at]) * 2 < len(carried) for at in full):
        return
    start, end = _grown(lines, full[0], full[-1] + 1)
    bounds = [list(bound) for bound in carried]
    for at in full:
        for segment in cut[at]:
            bound = bounds[_column(segment[len(segment) // 2], carried)]
            bound[:] = min(bound[0], segment[0].x0), max(bound[1], segment[-1].x1)
    yield start, end, tuple((low, high) for low, high in bounds)


def _blocks(
    lines: Sequence[list[Spot]], cut: Sequence[Sequence[Sequence[Spot]]]
) -> Iterator[tuple[int, int]]:
    """(first, one past the last) of runs of lines that hold at least three lines of three fields."""
    dense = [at for at, fields in enumerate(cut) if len(fields) >= 3]
    start = 0
    for at, number in enumerate(dense):
        following = dense[at + 1] if at + 1 < len(dense) else None
        if following is not None and following - number <= 4:
            gap = lines[number][0].y - lines[following][0].y
            if gap < 8 * lines[number][0].size:
                continue
        if at + 1 - start >= 3:
            yield _grown(lines, dense[start], number + 1)
        start = at + 1


def _grown(lines: Sequence[list[Spot]], start: int, end: int) -> tuple[int, int]:
    """The block, with the lines close above and below it: its first and last row may be wrapped."""
    while start and lines[start - 1][0].y - lines[start][0].y < 1.3 * lines[start][0].size:
        start -= 1
    while end < len(lines) and lines[end - 1][0].y - lines[end][0].y < 1.3 * lines[end - 1][0].size:
        end += 1
    return start, end


def _columns(dense: Sequence[Sequence[Sequence[Spot]]]) -> Bounds:
    """(left, right) of the columns: strips that hardly any line leaves empty ground between."""
    edges: list[tuple[float, int]] = []
    for fields in dense:
        for segment in fields:
            edges += [(segment[0].x0, 1), (segment[-1].x1, -1)]
    edges.sort(key=lambda edge: (edge[0], edge[1]))
    allowed = len(dense) // 25
    bounds: list[tuple[float, float]] = []
    depth, left = 0, 0.0
    for place, step in edges:
        before, depth = depth, depth + step
        if before <= allowed < depth:
            left = place
        elif depth <= allowed < before and place - left > 0.5:
            bounds.append((left, place))
    return tuple(bounds)


def _rows(
    lines: Sequence[list[Spot]],
    cut: Sequence[Sequence[Sequence[Spot]]],
    bounds: Bounds,
) -> list[list[int]]:
    """Lines that make one row each; a line with few fields belongs to the full line next to it."""
    full = [
        at for at, fields in enumerate(cut) if len(fields) * 2 >= len(bounds) or len(fields) >= 3
    ]
    rows = {at: [at] for at in full}
    for at, fields in enumerate(cut):
        if at in rows:
            continue
        if any(_crosses(segment, bounds) for segment in fields):
            continue
        size = lines[at][0].size
        near = min(
            full, key=lambda other: (round(abs(lines[other][0].y - lines[at][0].y), 1), other)
        )
        if abs(lines[near][0].y - lines[at][0].y) < 2.2 * size:
            rows[near].append(at)
        else:
            rows[at] = [at]
    return [sorted(rows[at]) for at in sorted(rows)]


def _crosses(segment: Sequence[Spot], bounds: Bounds) -> bool:
    """Whether a field spans two columns and is no field of the table."""
    touched = [low for low, high in bounds if segment[0].x0 < high - 1 and segment[-1].x1 > low + 1]
    return len(touched) > 1


def _placed(segment: Sequence[Spot], bounds: Bounds) -> Iterator[tuple[int, list[Spot]]]:
    """A field under its column; one over several is cut where a new text operator starts."""
    pieces: list[list[Spot]] = [[segment[0]]]
    for left, right in pairwise(segment):
        if left.show != right.show and _column(left, bounds) != _column(right, bounds):
            pieces.append([])
        pieces[-1].append(right)
    for piece in pieces:
        yield _column(piece[0], bounds), piece


def _column(spot: Spot, bounds: Bounds) -> int:
    middle = (spot.x0 + spot.x1) / 2
    return min(
        range(len(bounds)),
        key=lambda at: max(bounds[at][0] - middle, middle - bounds[at][1], 0.0),
    )
