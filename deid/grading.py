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
from deid.strength import Strength, measure
from deid.strength.context import ID_FIELDS, Shown, shown_in_row, title_context, whole_numbers
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
            return _numbers(apply_edits(self.text, own))
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
    verdict = Verdict()
    base = title_context(islice(titles, 40), name)
    known: dict[int, tuple[Block, dict[int, str]]] = {}
    alike: dict[tuple[str, ...], tuple[str, str]] = {}
    for row in rows:
        fields = known.get(id(row.block))
        if fields is None:
            fields = known[id(row.block)] = row.block, _fields(row.block)
        cells = {
            column: spot.after(edits.get(spot.place, ()))
            for column, spot in row.spots.items()
            if column in fields[1]
        }
        if policy.reshapes:
            verdict.namesakes += _namesake(row, fields[1], cells, alike)
        told = {
            c: row.spots[c].shown(edits.get(row.spots[c].place, ()))
            if fields[1][c] in ID_FIELDS
            else text
            for c, text in cells.items()
        }
        shown = shown_in_row(base, fields[1], told)
        if shown:
            _grade_row(verdict, row, shown, cells, edits, policy)
    return verdict


_NAMES = ("name", "head_name")
_VARIES = frozenset(("seq_no", "amount", "period", "quantity", "remark"))
"""Fields that tell nobody apart: they change from list to list."""


def _namesake(
    row: ListedRow,
    fields: Mapping[int, str],
    cells: Mapping[int, str],
    alike: dict[tuple[str, ...], tuple[str, str]],
) -> Iterator[Item]:
    """A row that reads, as masked, like that of somebody else. ``alike``: how the rows so far read,
    with the number and the place of the first that reads so."""
    name = next((column for column, key in fields.items() if key in _NAMES), None)
    number = next(
        (column for column, key in fields.items() if key in ("id_number", "head_id")), None
    )
    if name is None or number is None or name not in row.spots or not cells.get(name, "").strip():
        return
    reads = (cells[name].strip(), *(cells[c] for c in sorted(cells) if fields[c] not in _VARIES))
    own, place = bare(fold(row.source.get(number, ""))), row.spots[name].place
    other, first = alike.setdefault(reads, (own, place))
    if own and other and own != other:
        yield Item(
            place,
            f"与 {first} 同名，遮盖后两人分不清；可按村民小组、年龄段区分，仍分不清时再多留一位",
        )


_NOTE = later(r"[(（\[【][^()（）\[\]【】]*[)）\]】]")
_MASKED = later(r"[A-Z]?[\d*X]+(?:[ .·-][\d*X]+)*")
_RUN = later(r"[\dXx*＊×●■□]{8,}")
_SHORTEST = 8
"""Characters of what may be a masked number."""


def _numbers(text: str) -> str:
    """The masked numbers of a cell without what is written beside them (有效期至2035.01.01)."""
    return "、".join(_runs(text)) or text


def _runs(text: str) -> list[str]:
    """The masked numbers in a text of which nobody knows where they stand."""
    plain = _NOTE.sub(" ", "".join("*" if is_star(char) else char for char in fold(text)).upper())
    runs = (match.group() for match in _MASKED.finditer(plain))
    masked = (one for run in runs for one in whole_numbers(run) if "*" in one)
    return [one for one in masked if len(one) >= _SHORTEST]


def _fields(block: Block) -> dict[int, str]:
    """Column -> field, of the columns that tell something of a person."""
    found = {index: field_of(profile.label) for index, profile in block.profiles.items()}
    return {index: key for index, key in found.items() if key}


def _grade_row(
    verdict: Verdict,
    row: ListedRow,
    shown: Sequence[Shown],
    cells: Mapping[int, str],
    edits: Mapping[str, Sequence[Edit]],
    policy: Policy,
) -> None:
    """Count the row; where it is weak, note what makes it strong."""
    worst = "A"
    for one in shown:
        strength = measure(one.pattern, one.context, thresholds=policy.thresholds)
        place = row.spots[one.columns[0]].place
        if strength.grade == "C":
            remedy = _remedy(one, policy)
            if remedy is None:
                verdict.blocked.append(Item(place, _sentence(strength, policy.thresholds)))
            else:
                strength = remedy.strength
                _apply(verdict, row, one, cells, edits, remedy)
        elif strength.grade == "D":
            verdict.blocked.append(Item(place, _sentence(strength, policy.thresholds)))
        worst = max(worst, strength.grade)
    verdict.grades[worst] += 1


def _remedy(one: Shown, policy: Policy) -> Remedy | None:
    found = remedies(one.pattern, one.context, order=policy.remedy, thresholds=policy.thresholds)
    return found[0] if found else None


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
    for step in remedy.steps:
        if step != "mask":
            for kind in remedy.fields:
                for key in _COLUMNS.get(kind, ()):
                    verdict.fields[key] = step


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
