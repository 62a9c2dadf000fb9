"""Masked rows -> their grades, and what is done about those that still tell too much (DESIGN §4).

A number of which no more is left than the first six digits is strong whatever stands beside it, so
most lists are graded by a glance. ``deid.strength`` counts where more is shown, or where the policy
takes columns out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from deid.columns import Block
from deid.fields import field_of
from deid.later import later
from deid.mask import apply_edits
from deid.model import Edit, Finding, Item, Table
from deid.operators import build, mask
from deid.policy import FieldRule, Policy, Thresholds
from deid.prose import TextFindings, merge
from deid.scan import bare
from deid.strength import Context, Strength, measure
from deid.strength.context import (
    ID_FIELDS,
    TELLING,
    Shown,
    shown_in_row,
    title_context,
    whole_numbers,
)
from deid.strength.remedy import Remedy, remedies
from deid.text import fold, is_star

_NUMBERS = frozenset(("CN_RESIDENT_ID", "CN_DISABILITY_CERT", "CN_STUDENT_NO"))
"""Entities that are, or hold, an ID number."""
_SHOWN = 6
"""Digits of an ID number that every mask may leave: those of the division."""
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Spot:
    """One value of a row: where it stands, in a text of its own or among others."""

    place: str
    text: str = field(repr=False)
    start: int = 0
    numbers: tuple[tuple[int, int], ...] = ()
    """Where in the text numbers were found."""

    @property
    def end(self) -> int:
        """Where it ends in the text at its place."""
        return self.start + len(self.text)

    def after(self, edits: Sequence[Edit]) -> str:
        """The value after the edits of its place; one that reaches beyond it counts for its part."""
        return apply_edits(self.text, self._own(edits))

    def _own(self, edits: Sequence[Edit]) -> list[Edit]:
        if not self.start and edits and edits[-1].end <= len(self.text):  # a cell of its own
            return [edit for edit in edits if edit.end and edit.start < self.end]
        return [
            replace(
                edit,
                start=max(edit.start, self.start) - self.start,
                end=min(edit.end, self.end) - self.start,
            )
            for edit in edits
            if edit.start < self.end and self.start < edit.end
        ]

    def shown(self, edits: Sequence[Edit]) -> str:
        """The masked numbers in the value after the edits, divided by 、. What was found as a number
        is one, however it stands beside the next; the rest is read as it stands."""
        own = self._own(edits)
        inside = all(
            any(a <= edit.start and edit.end <= b for a, b in self.numbers) for edit in own
        )
        if len(self.numbers) < 2 or not inside:
            return masked_numbers(apply_edits(self.text, own))
        found, at = [], 0
        for start, end in (*self.numbers, (len(self.text), len(self.text))):
            found += _runs(self.text[at:start])
            found.append(Spot("", self.text[start:end], start).after(own))
            at = end
        return "、".join(one for one in found if len(one) >= _SHORTEST)


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row that shows a masked number: its block, and its values by column."""

    block: Block
    spots: Mapping[int, Spot]
    source: Mapping[int, str] = field(default_factory=dict, repr=False)
    """Every value as it came, those of columns that go too."""


@dataclass
class Verdict:
    """The grades of a list, the edits that make weak rows strong, and what is left to do."""

    grades: Counter[str] = field(default_factory=Counter)
    edits: dict[str, list[Edit]] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    """Field -> ``generalise`` or ``drop``: what the columns of weak rows need as a whole."""
    blocked: list[Item] = field(default_factory=list)
    namesakes: list[Item] = field(default_factory=list)


Spans = tuple[tuple[int, int], ...]


def rows_of_table(
    table: Table,
    blocks: Mapping[int, Block],
    gone: frozenset[int],
    several: Mapping[str, Sequence[Finding]],
) -> Iterator[ListedRow]:
    """The rows of a table that were noted, without the columns that go. ``blocks``: by row;
    ``several``: what was found in cells, by place, that may hold several numbers."""
    for row in table.rows():
        block = blocks.get(row.index)
        if block is not None:
            yield ListedRow(
                block,
                {
                    column: Spot(place, text, numbers=_spans(several.get(place, ())))
                    for column, text in row.cells.items()
                    if column not in gone and (place := table.place(row.index, column))
                },
                row.cells,
            )


def row_of_line(found: TextFindings) -> ListedRow | None:
    """The row that a line of text is."""
    spots, block = {}, None
    for one in found.fields:
        if one.cell is not None:
            block = one.cell.block
            spots[one.column] = Spot(
                found.text.place, one.cell.text, one.start, _spans(one.cell.findings)
            )
    source = {column: spot.text for column, spot in spots.items()}
    return ListedRow(block, spots, source) if block else None


def _spans(findings: Sequence[Finding]) -> Spans:
    """Where the numbers stand in a cell that holds several."""
    if len(findings) < 2:
        return ()
    found = (one for one in merge(list(findings)) if one.entity in _NUMBERS)
    spans = tuple((one.start, one.end) for one in found)
    return spans if len(spans) > 1 else ()


def grade_list(
    rows: Iterable[ListedRow],
    edits: Mapping[str, Sequence[Edit]],
    policy: Policy,
    titles: Sequence[str],
    name: str,
) -> Verdict:
    """The grade of every row, as masked, and what is to be done about the weak ones."""
    verdict, namesakes = Verdict(), list[Item]()
    grader = Grader(policy, list_context(titles, name))
    known: dict[int, tuple[Block, dict[int, str]]] = {}
    alike: dict[tuple[str, ...], tuple[str, str]] = {}
    for row in rows:
        fields = known.get(id(row.block))
        if fields is None:
            fields = known[id(row.block)] = row.block, fields_of(row.block)
        cells = cells_shown(row, fields[1], edits)
        if policy.reshapes:
            namesakes += _namesake(row, fields[1], cells, alike)
        shown = grader(fields[1], numbers_shown(row, fields[1], cells, edits))
        if shown:
            _grade_row(verdict, row, shown, cells, edits, policy.thresholds)
    verdict.namesakes = namesakes_listed(namesakes)
    return verdict


def list_context(titles: Sequence[str], name: str) -> Context:
    """What the texts around a list and the name of its file tell of everybody in it."""
    return title_context(islice(titles, TITLES), name)


TITLES = 40
"""Texts around a list that are asked for county and day."""


def cells_shown(
    row: ListedRow, fields: Mapping[int, str], edits: Mapping[str, Sequence[Edit]]
) -> dict[int, str]:
    """Column -> what a row shows there, after the edits."""
    return {
        column: spot.after(found) if (found := edits.get(spot.place)) else spot.text
        for column, spot in row.spots.items()
        if column in fields
    }


def numbers_shown(
    row: ListedRow,
    fields: Mapping[int, str],
    cells: Mapping[int, str],
    edits: Mapping[str, Sequence[Edit]],
) -> dict[int, str]:
    """The same with the masked numbers alone where a column holds numbers; only what tells."""
    return {
        column: row.spots[column].shown(edits.get(row.spots[column].place, ()))
        if fields[column] in ID_FIELDS
        else text
        for column, text in cells.items()
        if fields[column] in TELLING
    }


@dataclass(frozen=True, slots=True)
class Graded:
    """A number that a row shows, how strong its mask is, and what makes it strong if it is weak."""

    shown: Shown
    strength: Strength
    remedy: Remedy | None = None


class Grader:
    """Grades rows; those that tell the same are graded once."""

    def __init__(self, policy: Policy, base: Context) -> None:
        self._policy = policy
        self._base = base
        self._known: dict[tuple[tuple[int, str, str], ...], tuple[Graded, ...]] = {}

    def __call__(self, fields: Mapping[int, str], told: Mapping[int, str]) -> tuple[Graded, ...]:
        """The numbers of a row. ``told``: what it tells, by column."""
        key = tuple((column, fields[column], text) for column, text in told.items())
        found = self._known.get(key)
        if found is None:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            shown = shown_in_row(self._base, fields, told)
            found = self._known[key] = tuple(map(self._graded, shown))
        return found

    def _graded(self, one: Shown) -> Graded:
        limits = self._policy.thresholds
        strength = measure(one.pattern, one.context, thresholds=limits)
        if strength.grade != "C":
            return Graded(one, strength)
        order = self._policy.remedy
        found = remedies(one.pattern, one.context, order=order, thresholds=limits)
        return Graded(one, strength, found[0] if found else None)


_MOST_KNOWN = 100_000


_NAMES = ("name", "head_name")
_OWN_NUMBERS = ("id_number", "head_id")
_VARIES = frozenset(("seq_no", "amount", "period", "quantity", "remark"))


def namesake_columns(fields: Mapping[int, str]) -> tuple[int, int] | None:
    """The columns of the name and of the number by which persons are told apart."""
    name = next((column for column, key in fields.items() if key in _NAMES), None)
    number = next((column for column, key in fields.items() if key in _OWN_NUMBERS), None)
    return None if name is None or number is None else (name, number)


def varies(key: str) -> bool:
    """Whether a field tells nobody apart: it changes from list to list."""
    return key in _VARIES


def namesake(place: str, first: str) -> Item:
    """What is told of a row that reads like that of somebody else, ``first``."""
    return Item(
        place,
        f"与 {first} 同名，遮盖后两人分不清；可按村民小组、年龄段区分，仍分不清时再多留一位",
    )


MOST_NAMESAKES = 1000
"""Rows that read alike of which each is told: nobody reads more."""


def namesakes_listed(found: Iterable[Item]) -> list[Item]:
    """The first rows that read like somebody else's, and how many more there are."""
    items = iter(found)
    listed = list(islice(items, MOST_NAMESAKES))
    more = sum(1 for _ in items)
    return (
        [*listed, Item("", f"另有 {more} 行同名，遮盖后分不清，没有一一列出")] if more else listed
    )


def _namesake(
    row: ListedRow,
    fields: Mapping[int, str],
    cells: Mapping[int, str],
    alike: dict[tuple[str, ...], tuple[str, str]],
) -> Iterator[Item]:
    """A row that reads, as masked, like that of somebody else. ``alike``: how the rows so far read,
    with the number and the place of the first that reads so."""
    columns = namesake_columns(fields)
    if columns is None or columns[0] not in row.spots or not cells.get(columns[0], "").strip():
        return
    name, number = columns
    reads = (cells[name].strip(), *(cells[c] for c in sorted(cells) if not varies(fields[c])))
    own, place = own_number(row.source.get(number, "")), row.spots[name].place
    other, first = alike.setdefault(reads, (own, place))
    if own and other and own != other:
        yield namesake(place, first)


def own_number(text: str) -> str:
    """A number as persons are told apart by it."""
    return bare(fold(text))


_NOTE = later(r"[(（\[【][^()（）\[\]【】]*[)）\]】]")
_MASKED = later(r"[A-Z]?[\d*X]+(?:[ .·-][\d*X]+)*")
_RUN = later(r"[\dXx*＊×●■□]{8,}")
_SHORTEST = 8
"""Characters of what may be a masked number."""


def masked_numbers(text: str) -> str:
    """The masked numbers of a cell without what is written beside them (有效期至2035.01.01)."""
    return "、".join(_runs(text)) or text


def _runs(text: str) -> list[str]:
    """The masked numbers in a text of which nobody knows where they stand."""
    plain = _NOTE.sub(" ", "".join("*" if is_star(char) else char for char in fold(text)).upper())
    runs = (match.group() for match in _MASKED.finditer(plain))
    masked = (one for run in runs for one in whole_numbers(run) if "*" in one)
    return [one for one in masked if len(one) >= _SHORTEST]


def fields_of(block: Block) -> dict[int, str]:
    """Column -> field, of the columns that tell something of a person."""
    found = {index: field_of(profile.label) for index, profile in block.profiles.items()}
    return {index: key for index, key in found.items() if key}


def _grade_row(
    verdict: Verdict,
    row: ListedRow,
    graded: Sequence[Graded],
    cells: Mapping[int, str],
    edits: Mapping[str, Sequence[Edit]],
    limits: Thresholds,
) -> None:
    """Count the row; where it is weak, note what makes it strong."""
    worst = "A"
    for one in graded:
        strength = one.strength
        if strength.grade in "CD":
            if one.remedy is None:
                place = row.spots[one.shown.columns[0]].place
                verdict.blocked.append(Item(place, _sentence(strength, limits)))
            else:
                strength = one.remedy.strength
                _apply(verdict, row, one.shown, cells, edits, one.remedy)
        worst = max(worst, strength.grade)
    verdict.grades[worst] += 1


def _apply(
    verdict: Verdict,
    row: ListedRow,
    one: Shown,
    cells: Mapping[int, str],
    edits: Mapping[str, Sequence[Edit]],
    remedy: Remedy,
) -> None:
    """Note the stronger mask of this row, or what has to be done with the columns."""
    if "mask" in remedy.steps:
        for column in one.columns:
            spot = row.spots[column]
            rest = [
                edit
                for edit in verdict.edits.get(spot.place, edits.get(spot.place, ()))
                if edit.end <= spot.start or spot.end <= edit.start
            ]
            new = Edit(spot.place, spot.start, spot.end, _divisions_only(cells[column]))
            verdict.edits[spot.place] = sorted([*rest, new], key=lambda edit: edit.start)
    verdict.fields.update(coarser_fields(remedy))


def coarser_fields(remedy: Remedy) -> dict[str, str]:
    """Field -> what a remedy does to its columns as a whole."""
    return {
        key: step
        for step in remedy.steps
        if step != "mask"
        for kind in remedy.fields
        for key in _COLUMNS.get(kind, ())
    }


def _divisions_only(text: str) -> str:
    """The cell with six digits at most of each number in it."""
    if len(_runs(text)) < 2:
        return mask(text, first=_SHOWN)
    return _RUN.sub(
        lambda match: "".join(mask(one, first=_SHOWN) for one in whole_numbers(match[0])), text
    )


_COLUMNS = {"birth": ("birth_date", "birth_month"), "age": ("age",)}
_COARSER = {"birth_date": "birth_year", "birth_month": "birth_year", "age": "age_band"}


def with_rules(policy: Policy, steps: Mapping[str, str]) -> Policy:
    """The policy that also generalises or drops these fields."""
    rules = {
        key: FieldRule("drop")
        if step == "drop"
        else FieldRule("generalise", build(_COARSER[key], {}, key), {_COARSER[key]: {}})
        for key, step in steps.items()
    }
    return replace(policy, fields={**policy.fields, **rules})


def _sentence(strength: Strength, limits: Thresholds) -> str:
    few = limits.block if strength.grade == "D" else limits.fair
    return f"这一行还能推出证件号：符合的号码不到 {few} 个；请删去或概括出生日期、年龄，或把证件号只留前 6 位"
