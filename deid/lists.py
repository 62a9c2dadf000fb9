"""Lists inside texts: which lines make rows, and where their fields stand.

A page, a notice or a message may hold a short list among much else, or several with titles of their
own. ``prose`` asks for these where the texts as a whole are no list, and judges what is found.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from deid.fields import NO_LABEL, exact_label
from deid.later import later
from deid.names import is_name
from deid.rows import LONG_DIGITS, NAME_FIELDS
from deid.text import fold

Piece = tuple[int, int, int]
"""One field of a list: the number of its text, and where in it the field starts and ends."""

Grid = list[list[Piece]]
"""The rows of one list."""

_CUE = later(
    r"[姓户]\s*[名主]|名\s*字|证|身\s*份|電|[电]\s*话|手\s*机|联系|方式|[住地]\s*址|[账帐卡]\s*号"
)
_DIGITS = later(r"\d{7}")
_NUMBER = later(r"[\d*]{7}")
"""Stars count as digits all along: a list reads the same once it is masked."""
_RULE_LINE = later(r"[\s|│┃║+:\-=_*—─━═┄┈├┼┤┌┬┐└┴┘┏┳┓┣╋┫┗┻┛╔╦╗╠╬╣╚╩╝┠┨┯┷╟╢╤╧]+")
_LEAD = later(r"[^:(]*[:(]\s*(.*?)\s*(?:[):。]|如下)*$")
"""What a line may say before its titles: 名单如下：姓名、电话; 名单（姓名，电话）."""
_SMALL_NUMBER = later(r"[(]?\d{1,4}[).、]?")
_NO_DIGIT = later(r"[xX\s-]")
_SAYS_ITSELF = later(r"[\u4e00-\u9fff]{2,8}:\s*[^\s:]")
"""A label and its value: where a line has several, they are not those of the titles."""
_NUMBERS = later(r"[\dXx*\s()（）/、,，;；+－—-]+")
_HAN = later("[\u4e00-\u9fff]")
_QUOTED = later(r'"(?:[^"]|"")*"(?=\s*(?:[,;\t]|$))')
VISIBLE = ("\t", "|", "│", "┃", "║", ";", ",", "、", "/")
BARS = ("|", "│", "┃", "║")
_BLANKS = ("   ", "  ", " ")
_LONGEST_TITLES = 200
_MOST_FIELDS = 200
_MOST_MISSES = 4
"""So many lines that are no row, one below the other, are a page's foot or a remark."""
_LONGEST_GAP = 40
"""After more of them a line must have numbers where the row above has them; after that many the list
is at its end."""
SHARE = 0.6
"""Of the words in a line of titles, how many must be known as such; and of the lines that stand
together, how many must have as many fields to be a list without titles."""
LEAST_ROWS = 4
"""Of a list without titles."""
_LEAST_SIDEWAYS = 3


class _Titles(NamedTuple):
    """A line of titles: its number, by what its fields are parted, where and how far from the left
    they stand."""

    at: int
    delimiter: str
    spans: Sequence[tuple[int, int]]
    starts: Sequence[int]
    labels: int


def titled_lists(lines: Mapping[int, str]) -> list[Grid]:
    """Every list with a line of titles, or with a title in front of each line; of lines by number."""
    numbers = list(lines)
    grids: list[Grid] = []
    place = 0
    while place < len(numbers):
        best: Grid = []
        end = place + 1
        if _CUE.search(lines[numbers[place]], 0, _LONGEST_TITLES):
            for titles in _titles(numbers[place], lines[numbers[place]]):
                grid, after = _below(titles, numbers, place, lines)
                if _weight(grid) > _weight(best):
                    best, end = grid, after
            if not best:
                best, end = _sideways(numbers, place, lines)
        if best:
            grids.append(best)
        place = end
    return grids


def may_begin(line: str) -> bool:
    """Whether a list with titles may begin with this line: the cheap question first."""
    if not _CUE.search(line, 0, _LONGEST_TITLES):
        return False
    return any(True for _ in _titles(0, line)) or _begins_sideways(line)


def _begins_sideways(line: str) -> bool:
    folded = fold(line)
    for delimiter in ("\t", *BARS, *_BLANKS):
        spans = split(folded, delimiter) if delimiter[0] in folded else []
        if len(spans) >= 3 and exact_label(line[slice(*spans[0])]).field in NAME_FIELDS:
            return True
    return False


def _weight(grid: Grid) -> int:
    """How many fields are filled in rows that leave none out."""
    whole = max((_filled(row) for row in grid), default=0)
    return sum(whole for row in grid if _filled(row) == whole)


def runs(lines: Mapping[int, str]) -> Iterator[Grid]:
    """Lines with long numbers that stand together and have as many fields: what may be a list
    without titles."""
    near: list[int] = []
    last = -_MOST_MISSES
    for order, (at, line) in enumerate(lines.items()):
        if not _DIGITS.search(line):
            continue
        if order - last > 2:
            yield from _alike(near, lines)
            near = []
        near.append(at)
        last = order
    yield from _alike(near, lines)


def _alike(near: Sequence[int], lines: Mapping[int, str]) -> Iterator[Grid]:
    """The lines that have the commonest number of fields, if most have it."""
    if len(near) < LEAST_ROWS:
        return
    best: Grid = []
    folded = {at: fold(lines[at]) for at in near}
    for delimiter in (*VISIBLE, *_BLANKS):
        cut = {at: split(line, delimiter) for at, line in folded.items()}
        widths = Counter(len(spans) for spans in cut.values() if 3 <= len(spans) <= _MOST_FIELDS)
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        if count >= max(LEAST_ROWS, SHARE * len(near), len(best) + 1):
            best = [
                [(at, a, b) for a, b in spans] for at, spans in cut.items() if len(spans) == width
            ]
    if best:
        yield best


# -------------------------------------------------------------------------------- lines of titles


def _titles(at: int, line: str) -> Iterator[_Titles]:
    """The ways in which a line may be one of titles, the likeliest first."""
    folded = fold(line)
    if len(line) > _LONGEST_TITLES or LONG_DIGITS.search(folded):
        return
    found = []
    lead = _LEAD.match(folded)
    start, end = lead.span(1) if lead else (0, len(folded))
    for delimiter in (*VISIBLE, *_BLANKS):
        spans = split(folded[start:end], delimiter) if delimiter[0] in folded else []
        spans = [(start + a, start + b) for a, b in spans]
        if len(spans) < 2:
            continue
        labels = [exact_label(line[a:b]) for a, b in spans if b > a]
        known = sum(label is not NO_LABEL for label in labels)
        named = any(label.field in NAME_FIELDS for label in labels)
        # What a notice asks people to bring is told so too, but with no name among it.
        if known >= max(2, SHARE * len(labels)) and (named or delimiter not in "、,;/"):
            found.append(_Titles(at, delimiter, spans, _starts(folded, spans), known))
    # Tabs that only set things below one another leave fields empty that are none.
    yield from sorted(found, key=lambda titles: (-titles.labels, _gaps(titles)))


def _gaps(titles: _Titles) -> int:
    return sum(a == b for a, b in titles.spans)


def split(folded: str, delimiter: str) -> list[tuple[int, int]]:
    """Where the fields of a line stand, without the blanks and quotes around them. Blanks that part
    fields count once however many there are; a bar at both ends of a line is its frame."""
    blank = delimiter in _BLANKS
    pattern = rf"\s{{{len(delimiter)},}}" if blank else re.escape(delimiter)
    quoted = [] if blank or '"' not in folded else [hit.span() for hit in _QUOTED.finditer(folded)]
    spans, start = [], 0
    for match in re.finditer(pattern, folded):
        if not any(a < match.start() < b for a, b in quoted):
            spans.append(_stripped(folded, start, match.start()))
            start = match.end()
    spans.append(_stripped(folded, start, len(folded)))
    if blank:
        return [(a, b) for a, b in spans if b > a]
    if delimiter in BARS and len(spans) > 2:
        spans = spans[spans[0][0] == spans[0][1] :]
        return spans[:-1] if spans[-1][0] == spans[-1][1] else spans
    return [(a + 1, b - 1) if (a, b) in quoted else (a, b) for a, b in spans]


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    lead = len(piece) - len(piece.lstrip())
    return (start + lead, start + len(piece.rstrip())) if piece.strip() else (start, start)


# ------------------------------------------------------------------------------ the rows below them


def _below(
    titles: _Titles, numbers: Sequence[int], place: int, lines: Mapping[int, str]
) -> tuple[Grid, int]:
    """The titles and the rows below them, and where the list ends; nothing without a row."""
    rows: Grid = [[(titles.at, a, b) for a, b in titles.spans]]
    end = after = place + 1
    misses = 0
    while after < len(numbers) and misses <= _LONGEST_GAP:
        at = numbers[after]
        folded = fold(lines[at])
        row, used = _row(titles, at, folded), 1
        if misses > _MOST_MISSES and not _is_like(row, rows, lines):
            row = []
        if len(rows) > 1 and 0 < _filled(row) < len(titles.spans) and not _fits(row, rows, lines):
            row = []
        if len(row) < len(titles.spans) and after + 1 < len(numbers) and misses <= _MOST_MISSES:
            wrapped = _wrapped(titles, (at, numbers[after + 1]), lines)
            row, used = (wrapped, 2) if wrapped else (row, 1)
        if not row and len(rows) > 1 and not misses:
            row = _going_on(titles, at, folded, (rows[-1], lines[rows[-1][0][0]]))
        after += used
        if row:
            rows.append(row)
            end, misses = after, 0
        elif not _RULE_LINE.fullmatch(folded):
            misses += 1
            if _CUE.search(lines[at]) and any(True for _ in _titles(at, lines[at])):
                break
    return (rows, end) if len(rows) > 1 else ([], 0)


def _row(titles: _Titles, at: int, folded: str) -> list[Piece]:
    """The fields of a line under the titles; nothing for a line that is no row of theirs."""
    if _RULE_LINE.fullmatch(folded) or len(_SAYS_ITSELF.findall(folded)) > 1:
        return []
    width = len(titles.spans)
    spans = split(folded, titles.delimiter)
    filled = sum(b > a for a, b in spans)
    if len(spans) == width + 1 and _SMALL_NUMBER.fullmatch(folded[slice(*spans[0])]):
        spans = spans[1:]  # rows are numbered, but no title says so
    elif 2 <= filled < width and len(spans) < width and titles.delimiter in _BLANKS:
        spans = [] if "\t" in folded else _under(titles, folded, spans)
    elif len(spans) != width:
        short = filled >= 2 and 3 <= len(spans) < width < 2 * len(spans)
        labelled = exact_label(folded[slice(*spans[0])]) is not NO_LABEL
        if titles.delimiter not in "\t|│┃║" or not short or labelled:
            return []
    return [(at, a, b) for a, b in spans]


def _is_like(row: Sequence[Piece], rows: Grid, lines: Mapping[int, str]) -> bool:
    """Whether a row has numbers of about the same length in the same fields as the last one."""
    if len(rows) < 2 or len(row) != len(rows[-1]):
        return False
    shapes = [
        [len(_plain(lines[at][a:b])) * is_number(lines[at][a:b]) for at, a, b in one]
        for one in (row, rows[-1])
    ]
    return max(shapes[0]) > 6 and all(
        abs(here - there) < 3 or not (here > 6 or there > 6)
        for here, there in zip(*shapes, strict=True)
    )


def _filled(row: Sequence[Piece]) -> int:
    return sum(b > a for _, a, b in row)


def _fits(row: Sequence[Piece], rows: Grid, lines: Mapping[int, str]) -> bool:
    """Whether a row that leaves fields out has a name in front, or a number where the last one has."""
    values = [lines[at][a:b] for at, a, b in row]
    above = [lines[at][a:b] for at, a, b in rows[-1]]
    return any(is_name(fold(value).strip()) for value in values[:2]) or any(
        is_number(value) and is_number(other) for value, other in zip(values, above, strict=False)
    )


def is_number(value: str) -> bool:
    """Whether a field is a long number, or several, and nothing else."""
    return bool(_NUMBERS.fullmatch(value)) and bool(_NUMBER.search(_plain(value)))


def _plain(value: str) -> str:
    return _NO_DIGIT.sub("", fold(value))


def _wrapped(titles: _Titles, both: tuple[int, int], lines: Mapping[int, str]) -> list[Piece]:
    """A row whose last fields stand in the next line; nothing where the two lines make none."""
    cut = [split(fold(lines[at]), titles.delimiter) for at in both]
    whole = len(cut[0]) + len(cut[1]) == len(titles.spans)
    if (
        any("\t" in lines[at] for at in both)
        or len(cut[0]) < 2
        or not whole
        or not _NUMBER.search(lines[both[0]])
    ):
        return []
    return [(at, a, b) for at, spans in zip(both, cut, strict=True) for a, b in spans]


def _going_on(
    titles: _Titles, at: int, folded: str, above: tuple[Sequence[Piece], str]
) -> list[Piece]:
    """A line that holds the rest of one field of the row above, as that row."""
    row, line = above
    spans = split(folded, titles.delimiter)
    if titles.delimiter not in _BLANKS or len(spans) != 1 or not folded[:1].isspace():
        return []
    starts = _starts(line, [(a, b) for _, a, b in row])
    place = _starts(folded, spans)[0]
    written = bool(_HAN.search(folded))
    alike = [
        column
        for column, (_, a, b) in enumerate(row)
        if column and bool(_HAN.search(line, a, b)) is written
    ]
    if not alike or place < starts[1] - 2:
        return []
    column = min(alike, key=lambda column: abs(starts[column] - place))
    return [(at, *spans[0]) if n == column else piece for n, piece in enumerate(row)]


def _under(titles: _Titles, folded: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The fields of a line that leaves some out, each under the title that it stands below."""
    places = _starts(folded, spans)
    columns = [max(0, bisect_right(titles.starts, place + 2) - 1) for place in places]
    if len(set(columns)) < len(columns):
        return []
    at = dict(zip(columns, spans, strict=True))
    return [at.get(column, (0, 0)) for column in range(max(columns) + 1)]


def _starts(text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """How far from the left the fields start, a Chinese character being two wide."""
    wide = [0]
    for char in text:
        wide.append(wide[-1] + 1 + (unicodedata.east_asian_width(char) in "WF"))
    return [wide[start] for start, _ in spans]


# ------------------------------------------------------------------------- lists that lie on their side


def _sideways(numbers: Sequence[int], place: int, lines: Mapping[int, str]) -> tuple[Grid, int]:
    """Lines with a title in front of several values each, from one on that names persons."""
    best: Grid = []
    end = place + 1
    for delimiter in ("\t", *BARS, *_BLANKS):
        rows: Grid = []
        seen: set[str] = set()
        for after in range(place, len(numbers)):
            line = lines[numbers[after]]
            folded = fold(line)
            if _RULE_LINE.fullmatch(folded):
                continue
            spans = split(folded, delimiter) if delimiter[0] in folded else []
            field = exact_label(line[slice(*spans[0])]).field if len(spans) >= 3 else ""
            if not field or field in seen or (not rows and field not in NAME_FIELDS):
                break
            seen.add(field)
            rows.append([(numbers[after], a, b) for a, b in spans])
            if len(rows) >= max(_LEAST_SIDEWAYS, len(best) + 1):
                best, end = rows, after + 1
    return best, end
