"""Texts outside tables -> findings: lines that make a list are read as a table, labelled lines as a
form, lines that hold a person's number as that person's; the rest is the publisher's.
"""

from __future__ import annotations

import datetime
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, islice
from typing import NamedTuple

from deid.columns import profile_rows
from deid.fields import NO_LABEL, Label, exact_label, markers
from deid.later import later
from deid.lists import runs, titled_lists
from deid.minors import Labelled, form_minors
from deid.model import Finding, Row, Table, Text
from deid.names import is_name
from deid.rows import NAME_FIELDS
from deid.scan import CERTAIN, PROSE, Setting, scan
from deid.tables import CellFindings, scan_table
from deid.text import fold
from deid.wrapped import wrapped_numbers

_PERSONAL = frozenset(
    ("CN_RESIDENT_ID", "CN_BANK_CARD", "CN_DISABILITY_CERT", "CN_STUDENT_NO", "CN_MOBILE")
)
_NUMBERING = later(r"^\s*(?:[(]?\d{1,5}[).、:\s]|[一二三四五六七八九十]{1,3}、|[-•*])?\s*")
_BREAK = later(r"[\t,、;|]|\s{1,}|[:(]")
_PUBLIC = Setting(public=True)
_RECORD = Setting(people=True, record=True)
DELIMITERS = ("\t", "|", "｜", ";", "；", ",", "，", "、", "\u3000", "   ", "  ", " ")
SHARE = 0.5
"""Of the lines that are not empty, how many must have the same number of fields to be a list."""
_MOST_FIELDS = 200
_SENTENCE = 100
"""A longer line is no value of a table pasted one cell a line."""
_VALUE = 60
"""A line below a label that is longer, or has a colon, is not the value of that label."""
_HEAD = 400
_LEAST_ROWS = 4
"""Of a list without titles; two lines with a telephone number each are a notice."""


class TextFindings(NamedTuple):
    """One text and what it holds. ``fields``: where it is a line of a list, its fields in order."""

    text: Text
    findings: tuple[Finding, ...]
    fields: tuple[Field, ...] = ()


class Field(NamedTuple):
    """One field of a line of a list: its column, where it stands, and how it was judged."""

    column: int
    start: int
    end: int
    cell: CellFindings | None = None
    """None where the field is empty."""


class Known:
    """What texts hold as prose: most lines are read again when the output is verified.

    So many characters are kept and no more; what comes later is scanned each time.
    """

    def __init__(self, *, listless: bool = False) -> None:
        self.listless = listless
        """Whether it is known of these texts that they make no list."""
        self._found: dict[str, list[Finding]] = {}
        self._room = _ROOM

    def scan(self, text: str) -> list[Finding]:
        """``scan(text, PROSE)``."""
        found = self._found.get(text)
        if found is None:
            found = scan(text, PROSE) or _NOTHING
            self._room -= len(text)
            if self._room >= 0:
                self._found[text] = found
        return found

    def pass_over(self, text: str) -> None:
        """Keep in mind that a text holds nothing: somebody has made sure of it."""
        self._room -= len(text)
        if self._room >= 0:
            self._found.setdefault(text, _NOTHING)


_ROOM = 1 << 24
_NOTHING: list[Finding] = []


def scan_texts(
    texts: Sequence[Text], reference: datetime.date | None = None, known: Known | None = None
) -> Iterator[TextFindings]:
    """Each text with its findings, in order; ``reference`` is the day on which ages count."""
    known = known or Known()
    grids = [] if known.listless else _grids(texts)
    listed, fields = _scan_lists(texts, grids, reference)
    wrapped: dict[int, list[Finding]] = {}
    plain = [[] if at in listed else known.scan(text.text) for at, text in enumerate(texts)]
    for at, pieces in wrapped_numbers(texts, listed):
        plain[at] = merge([*plain[at], *pieces])
        wrapped.setdefault(at, []).extend(pieces)
    settings = _settings(texts, listed, [bool(found) and _is_personal(found) for found in plain])
    minors = _minors(texts, settings, reference or datetime.date.today())
    for at, text in enumerate(texts):
        if settings[at] is _PUBLIC and not plain[at] and at not in listed and at not in minors:
            yield TextFindings(text, ())
            continue
        if at in listed:
            found = [*listed[at], *_across_fields(text.text)]
            found += known.scan(text.text) if "\n" in text.text else []
        else:
            found = _scan_again(text.text, settings[at], plain[at])
            found = [*found, *minors.get(at, []), *wrapped.get(at, [])]
            found += _own_address(text.text) if settings[at].people else []
        yield TextFindings(text, tuple(merge(found)) if found else (), fields.get(at, ()))


def _scan_again(text: str, setting: Setting, plain: list[Finding]) -> list[Finding]:
    """The findings under a setting. What is the publisher's holds nothing that prose does not."""
    if setting is PROSE or (setting is _PUBLIC and not plain):
        return plain
    return scan(text, setting)


def merge(found: Sequence[Finding]) -> list[Finding]:
    """Findings of several passes over one text: of those that overlap, the longer one."""
    if len(found) < 2:
        return list(found)
    kept: list[Finding] = []
    for item in sorted(found, key=lambda item: (item.start - item.end, -item.score)):
        at = bisect_left(kept, item.start, key=lambda other: other.start)
        if all(
            item.end <= near.start or near.end <= item.start
            for near in kept[max(0, at - 1) : at + 1]
        ):
            kept.insert(at, item)
    return kept


# ---------------------------------------------------------------------------- lines that are a list


def _grids(texts: Sequence[Text]) -> list[list[list[_Piece]]]:
    """The lists that the texts are or hold.

    First the one that most of the lines make, then those with titles of their own, then lines that
    stand together and whose fields tell what they are.
    """
    rest = {at: text.text for at, text in enumerate(texts) if text.text.strip()}
    found = [_as_list(texts, _list_rows(texts))]
    _leave_out(rest, found)
    found += titled_lists(rest)
    _leave_out(rest, found)
    found += [_as_list(texts, grid) for grid in runs(rest)]
    found += [grid for at, text in rest.items() if "\n" in text for grid in _inside(at, text)]
    _leave_out(rest, found)
    while pasted := _pasted_rows(texts, rest):
        found.append(pasted)
        last = max(line for row in pasted for line, _, _ in row)
        rest = {at: line for at, line in rest.items() if at > last}
    return list(filter(None, found))


def _inside(at: int, text: str) -> list[list[list[_Piece]]]:
    """The lists that the lines of one text hold (a paragraph with line breaks in it)."""
    lines = [Text("", line) for line in text.split("\n")]
    starts = [0, *accumulate(len(line.text) + 1 for line in lines)]
    filled = {number: line.text for number, line in enumerate(lines) if line.text.strip()}
    found = titled_lists(filled) or [_as_list(lines, grid) for grid in runs(filled)]
    return [
        [[(at, starts[line] + a, starts[line] + b) for line, a, b in row] for row in grid]
        for grid in found
    ]


def holds_lists(texts: Sequence[Text]) -> bool:
    """Whether some lines among the texts make a list of their own."""
    rest = {at: text.text for at, text in enumerate(texts) if text.text.strip()}
    return bool(titled_lists(rest)) or any(_as_list(texts, grid) for grid in runs(rest))


def _leave_out(rest: dict[int, str], grids: Sequence[Sequence[Sequence[_Piece]]]) -> None:
    """Take the lines of lists out of the rest."""
    for line in {line for grid in grids for row in grid for line, _, _ in row}:
        rest.pop(line, None)


_Piece = tuple[int, int, int]
"""One field of a list: the number of its text, and where in it the field starts and ends."""


def _list_rows(texts: Sequence[Text]) -> list[list[_Piece]]:
    """The rows of a list of delimited lines; empty when the texts are no such list."""
    lines = {at: text.text for at, text in enumerate(texts) if text.text.strip()}
    if len(lines) < 3:
        return []
    best: list[list[_Piece]] = []
    for delimiter in _present(lines.values()):
        least = max(3, SHARE * len(lines), len(best) + 1)
        if not _often_enough(delimiter, lines.values(), least):
            continue
        rows = _rows_by(delimiter, lines)
        if len(rows) >= least:
            best = rows
            if len(rows) >= 0.8 * len(lines):
                break
    return best


def _as_list(texts: Sequence[Text], grid: list[list[_Piece]]) -> list[list[_Piece]]:
    """The rows, unless they are sentences that happen to have as many commas as one another.

    A list has a line of titles, or a field that is an identifier in line after line.
    """
    views, _ = profile_rows(list(_rows(texts, grid[:_HEAD])))
    if any(view.zone == "header" for view in views):
        return grid
    blocks = {id(view.block): view.block for view in views}.values()
    voted = any(
        profile.label.entity not in ("", "CN_ADDRESS")
        for block in blocks
        for profile in block.profiles.values()
    )
    return grid if voted and len(grid) >= _LEAST_ROWS else []


def _rows(texts: Sequence[Text], grid: Sequence[Sequence[_Piece]], first: int = 0) -> Iterator[Row]:
    for at, pieces in enumerate(grid, first):
        cells = {n: texts[line].text[a:b] for n, (line, a, b) in enumerate(pieces)}
        yield Row(at, {n: cell for n, cell in cells.items() if cell.strip()})


def _present(lines: Iterable[str]) -> list[str]:
    """The delimiters that stand in any line."""
    missing = set(DELIMITERS)
    rest = iter(lines)
    while missing and (block := "\n".join(islice(rest, _BLOCK))):
        missing -= {delimiter for delimiter in missing if delimiter in block}
    return [delimiter for delimiter in DELIMITERS if delimiter not in missing]


_BLOCK = 1000


def _often_enough(delimiter: str, lines: Iterable[str], least: float) -> bool:
    """Whether ``least`` lines can have the same number of fields, at least three."""
    widths: Counter[int] = Counter()
    if not delimiter.isspace() or delimiter == "\t":
        for line in lines:
            widths[line.count(delimiter)] += 1
        return max((many for between, many in widths.items() if between >= 2), default=0) >= least
    # Blanks: at least three words. Their number may differ from that of the fields.
    return sum(len(line.split(None, 2)) == 3 for line in lines) >= least


def _rows_by(delimiter: str, lines: Mapping[int, str]) -> list[list[_Piece]]:
    """The lines that have the commonest number of fields, at least three."""
    fields = {at: _fields(line, delimiter) for at, line in lines.items()}
    counts = Counter(len(spans) for spans in fields.values() if 3 <= len(spans) <= _MOST_FIELDS)
    if not counts:
        return []
    width = counts.most_common(1)[0][0]
    return [
        [(at, start, end) for start, end in spans]
        for at, spans in fields.items()
        if len(spans) == width
    ]


def _fields(line: str, delimiter: str) -> list[tuple[int, int]]:
    """Where the fields of a line stand; blanks as delimiters count once however many there are."""
    blank = delimiter.isspace() and delimiter != "\t"
    pattern = f"\\s{{{len(delimiter)},}}" if blank else re.escape(delimiter)
    spans, start = [], 0
    for match in re.finditer(pattern, line):
        spans.append((start, match.start()))
        start = match.end()
    spans.append((start, len(line)))
    return [(a, b) for a, b in spans if b > a or not blank]


def _pasted_rows(texts: Sequence[Text], among: Container[int] | None = None) -> list[list[_Piece]]:
    """The rows of a table pasted one cell a line: some labels in a row, then values in turn."""
    lines = [
        at for at, text in enumerate(texts) if text.text.strip() and (among is None or at in among)
    ]
    flags = [len(texts[at].text) < 30 and is_label(texts[at].text) for at in lines]
    if not any(flags):
        return []
    start = 0
    while start < len(lines):
        width = 0
        while start + width < len(lines) and flags[start + width]:
            width += 1
        if width >= 3:
            return _in_turn(texts, lines[start:], width)
        start += width + 1
    return []


def is_label(text: str) -> bool:
    """Whether a text is a column's title and nothing else."""
    return len(text) < 30 and exact_label(text) is not NO_LABEL


def is_list(texts: Sequence[Text]) -> bool:
    """Whether the texts are the lines of a list."""
    return bool(_as_list(texts, _list_rows(texts)))


def is_pasted(texts: Sequence[Text]) -> bool:
    """Whether a table was pasted into the texts one cell a line."""
    return bool(_pasted_rows(texts))


def _in_turn(texts: Sequence[Text], lines: Sequence[int], width: int) -> list[list[_Piece]]:
    """Rows of ``width`` lines each, as long as they look like rows: a serial number in front."""
    rows: list[list[_Piece]] = []
    above: list[str] = []
    for start in range(0, len(lines) - width + 1, width):
        chunk = lines[start : start + width]
        first = texts[chunk[0]].text.strip()
        if start and width > 3 and rows and not first.isdigit() and _serial(texts, rows):
            break
        values = [texts[at].text for at in chunk]
        if start and (any(map(_is_no_cell, values)) or not _is_alike(values, above)):
            break  # below the table: 联系电话 is a title above it, and the publisher's there
        above = values
        if 3 <= sum(is_label(texts[at].text) for at in chunk) < width and start:
            break  # the titles of another table
        rows.append([(at, 0, len(texts[at].text)) for at in chunk])
    return rows


def _is_alike(values: Sequence[str], above: Sequence[str]) -> bool:
    """Whether there is a long number where one stands above; any text will do where none does."""
    numbers = [_has_number(value) for value in above]
    return not any(numbers) or any(
        _has_number(value) for value, number in zip(values, numbers, strict=True) if number
    )


def _has_number(value: str) -> bool:
    """Whether a value has the digits of a number, however they are set apart."""
    wordy = len(_HAN.findall(value)) > _FEW_WORDS
    return not wordy and len(_ANY_DIGIT.findall(fold(value))) >= _DIGITS


_ANY_DIGIT, _DIGITS = later(r"[\d*]"), 7
_HAN, _FEW_WORDS = later("[\u4e00-\u9fff]"), 3
"""More of them, and it is a sentence or the number of a document."""


def _is_no_cell(text: str) -> bool:
    return len(text) > _SENTENCE or "\t" in text or _is_own(text)


def _serial(texts: Sequence[Text], rows: Sequence[Sequence[_Piece]]) -> bool:
    """Whether the rows so far begin with a number."""
    return len(rows) > 1 and texts[rows[1][0][0]].text.strip().isdigit()


def _scan_lists(
    texts: Sequence[Text],
    grids: Sequence[Sequence[Sequence[_Piece]]],
    reference: datetime.date | None,
) -> tuple[dict[int, list[Finding]], dict[int, tuple[Field, ...]]]:
    """Text -> findings of lists, read as the tables that they are; and text -> the fields in it."""
    found: dict[int, list[Finding]] = {
        line: [] for grid in grids for row in grid for line, _, _ in row
    }
    fields: dict[int, tuple[Field, ...]] = {}
    first = 0
    for grid in grids:
        cells: dict[tuple[int, int], CellFindings] = {}
        table = Table("", partial(_rows, texts, grid, first), lambda row, column: "")
        for cell in scan_table(table, reference):
            line, start, _ = grid[cell.row - first][cell.column]
            cells[cell.row - first, cell.column] = cell
            found[line] += [
                replace(item, start=start + item.start, end=start + item.end)
                for item in cell.findings
            ]
        if all("\n" not in texts[row[0][0]].text for row in grid):
            _note_fields(fields, grid, cells)
        first += len(grid)
    return found, fields


def _note_fields(
    fields: dict[int, tuple[Field, ...]],
    grid: Sequence[Sequence[_Piece]],
    cells: Mapping[tuple[int, int], CellFindings],
) -> None:
    """Note the fields of each line; one that several rows show, the row above being wrapped, once."""
    for number, row in enumerate(grid):
        for column, (line, start, end) in enumerate(row):
            known = fields.get(line, ())
            if all((start, end) != (other.start, other.end) for other in known):
                one = Field(column, start, end, cells.get((number, column)))
                fields[line] = (*known, one)


def _across_fields(text: str) -> list[Finding]:
    """What is certain in a line of a list even where a delimiter stands inside it."""
    return [item for item in scan(text) if item.score >= CERTAIN]


# --------------------------------------------------------------------------------- the other lines


def _settings(
    texts: Sequence[Text], listed: Mapping[int, object], records: Sequence[bool]
) -> list[Setting]:
    """What each line that is not of a list stands in; ``records`` are those about a person."""
    if len(texts) == 1:
        return [_RECORD if records[0] else PROSE]
    settings = [_RECORD if record else _PUBLIC for record in records]
    for at in _beside(records):
        if _listed(texts[at].text):
            settings[at] = PROSE
        if _goes_on(texts[at].text):
            settings[at] = _RECORD
    for start, end in _forms(texts):
        if any(_tells_of_a_person(texts[at].text) for at in range(start, end)):
            settings[start:end] = [Setting(people=True)] * (end - start)
    for at, label in _labelled_above(texts):
        settings[at] = Setting(label=label, people=True)
    return settings


def _beside(records: Sequence[bool]) -> Iterator[int]:
    """Lines about no person that stand at most two lines from one that is."""
    near = {at + by for at, record in enumerate(records) if record for by in (-2, -1, 1, 2)}
    return (at for at in near if 0 <= at < len(records) and not records[at])


def _tells_of_a_person(text: str) -> bool:
    """Whether a labelled line is one that only a form about a person has."""
    label, _ = labelled(text)
    return label.entity == "CN_RESIDENT_ID" or label.field in NAME_FIELDS


def _minors(
    texts: Sequence[Text], settings: Sequence[Setting], reference: datetime.date
) -> dict[int, list[Finding]]:
    """Names in labelled lines whose neighbours show that the person is under age."""
    values = []
    for at, text in enumerate(texts):
        if settings[at].people:
            label, start = labelled(text.text)
            label = settings[at].label if settings[at].label is not NO_LABEL else label
            values.append(Labelled((at, start), text.text[start:], label))
    found = form_minors(values, reference)
    return {
        at: [replace(item, start=start + item.start, end=start + item.end) for item in items]
        for (at, start), items in found.items()
    }


def labelled(text: str) -> tuple[Label, int]:
    """The label that begins a line, and where its value starts."""
    match = _LABELLED.match(text)
    if not match:
        return NO_LABEL, 0
    return exact_label(match[1]), match.end()


def _own_address(text: str) -> list[Finding]:
    """What stands behind the label of an address, in a line that says nothing else."""
    label, start = labelled(text)
    value = text[start:]
    if label.entity != "CN_ADDRESS" or len(value) > _VALUE or _MORE_LABELS.search(value):
        return []
    return [
        replace(item, start=start + item.start, end=start + item.end)
        for item in scan(value, Setting(label=label, people=True))
    ]


_MORE_LABELS = later(r"[:：]|电话|手机|联系|证|[账帐卡]号")
_LABELLED = later(r"\s*([^\s:：]{1,20})[\s:：]+(?=\S)")


def _is_personal(found: Sequence[Finding]) -> bool:
    """Whether a line tells of a person: it holds a personal number that is no agency's."""
    return any(finding.entity in _PERSONAL for finding in found)


def _listed(text: str) -> bool:
    """Whether a line reads like a row of a list: a name first, then more fields."""
    folded = fold(text)
    start = _NUMBERING.match(folded)
    pieces = _BREAK.split(folded[start.end() if start else 0 :])
    return len(pieces) >= 2 and is_name(pieces[0].strip())


_MORE = later(
    r"(?:\s+|[-•*]\s*)(?:[现家]?居?住|(?:家庭|联系)?(?:地址|电话|手机|方式)|[账帐卡]号|开户)"
    r"|\s*[现家]?居?住(?![房建保宿院])"
)

_OFFICE = later(r"政府|民政|办公室|[办局站所科][）)\s]|[办局站所科]$|中心|监督|举报|咨询|值班")


def _goes_on(text: str) -> bool:
    """Whether a line beside one about a person goes on about the same: where the person lives; set
    in from the left, how to reach the person."""
    return bool(_MORE.match(text)) and not _is_own(text) and not _OFFICE.search(text)


def _forms(texts: Sequence[Text]) -> Iterator[tuple[int, int]]:
    """Runs of at least three lines that each begin with a label: 姓名 张三 / 联系电话 8344913."""
    start = 0
    flags = [
        _LABELLED.match(text.text) is not None
        and _begins_with_label(text.text)
        and not _is_own(text.text)
        for text in texts
    ]
    flags = [
        flag or (flags[at - 1] and bool(_RULE.fullmatch(texts[at].text))) if at else flag
        for at, flag in enumerate(flags)
    ]
    for at, flag in enumerate([*flags, False]):
        if not flag:
            if at - start >= 3:
                yield start, at
            start = at + 1


_RULE = later(r"\s*[-=*—─_]{3,}\s*")
"""Parts one person's lines from the next one's."""


def _is_own(text: str) -> bool:
    """Whether a labelled line is the publisher's: a footer in the way of 监督电话：…"""
    label, _ = labelled(text)
    folded = fold(text).strip()
    return not label.entity and (label.agency or _is_footer(folded))


def _is_footer(folded: str) -> bool:
    return any(folded.startswith(word) for word in markers("footers") if len(word) > 3)


def _begins_with_label(text: str) -> bool:
    return labelled(text)[0] is not NO_LABEL


def _labelled_above(texts: Sequence[Text]) -> Iterator[tuple[int, Label]]:
    """Lines that hold the value of the label that is the whole line above (a pasted web table)."""
    above = NO_LABEL
    for at, text in enumerate(texts):
        if len(text.text) >= _VALUE and not text.text.isspace():
            above = NO_LABEL
            continue
        if not text.text.strip():
            continue
        label = exact_label(text.text) if len(text.text) < 30 else NO_LABEL
        if (
            label is NO_LABEL
            and above.entity
            and len(text.text) < _VALUE
            and ":" not in fold(text.text)
        ):
            yield at, above
        above = label
