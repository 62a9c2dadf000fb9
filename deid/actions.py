"""What a policy does beyond masking: columns taken out, values made coarser (field rules).

A rule speaks of a field (``patterns/fields.yaml``); a column, a box of a form and a labelled value
in running text are judged to be of a field by the same words. More protective always wins: a rule
never shows what an entity's operator hides.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import zip_longest

from deid.columns import NO_BLOCK, Block, Profile
from deid.entities import load_entities
from deid.errors import UnsafeEdit
from deid.fields import (
    NO_LABEL,
    Label,
    exact_label,
    field_of,
    field_of_entity,
    header_label,
    header_parts,
    raw_fields,
)
from deid.mask import apply_edits, edits_for
from deid.model import READING, Edit, Finding, Item, Row, Table, Text
from deid.operators import CLOSED, REST, Operator, visible_length
from deid.policy import FieldRule, Policy
from deid.prose import Field, TextFindings, labelled
from deid.tables import CellFindings
from deid.text import fold

_SEVERITY = {"keep": 0, "mask": 1, "generalise": 2, "replace": 3, "drop": 4}
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to the values of one column, box or labelled text."""

    action: str = "keep"
    operator: Operator | None = None
    coarse: bool = False
    """The operator writes one of a few words, whatever the value: nothing of it can be left."""
    unknown: bool = False
    """A whitelist takes the column out because nobody knows what it holds."""

    @property
    def drops(self) -> bool:
        """Whether the value goes altogether."""
        return self.action == "drop"


KEEP = Verdict()


# ------------------------------------------------------------------------------------- fields


@lru_cache(maxsize=1 << 12)  # whatever stands in a title
def _fields(label: Label, header: str) -> frozenset[str]:
    """Every field that a column holds: 身份证号/出生年月 holds two."""
    last = header.rpartition(" / ")[2]
    found = {field_of(label)}
    if last and exact_label(last) is NO_LABEL:
        parts = header_parts(last)
        if len(parts) > 1:
            found |= {field_of(header_label(part)) for part in parts}
    return frozenset(found - {""})


class Rules:
    """The field rules of one policy, asked by label and header."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._known: dict[tuple[Label, str], Verdict] = {}
        self.drops_any = any(rule.action == "drop" for rule in policy.fields.values())

    def of_column(self, profile: Profile | None) -> Verdict:
        """What happens to a column. Under a whitelist what is not on it goes."""
        if profile is None:
            return Verdict("drop", unknown=True) if self._policy.only else KEEP
        key = (profile.label, "" if profile.by_hand else profile.header)
        verdict = self._known.get(key)
        if verdict is None:
            verdict = self._known[key] = self._judge(_fields(*key), whitelist=True)
        return verdict

    def of_header(self, header: str) -> Verdict:
        """What happens to a value under a column title, asked alone."""
        return self._judge(_fields(header_label(header), header), whitelist=True)

    def of_label(self, label: Label) -> Verdict:
        """What happens to a value beside its label, in a form or in running text."""
        return KEEP if label is NO_LABEL else self._judge(_fields(label, ""), whitelist=True)

    def of_field(self, key: str) -> Verdict:
        """What the rule of one field says."""
        return self._judge(frozenset([key]), whitelist=False)

    def _judge(self, fields: frozenset[str], *, whitelist: bool) -> Verdict:
        only = self._policy.only
        if whitelist and only and (not fields or not fields <= only):
            return Verdict("drop", unknown=not fields)
        rules = [self._policy.fields[key] for key in sorted(fields) if key in self._policy.fields]
        if not rules:
            return KEEP
        return _verdict(max(rules, key=lambda rule: _SEVERITY[rule.action]))


def _verdict(rule: FieldRule) -> Verdict:
    if rule.action == "keep":
        return KEEP
    if rule.action == "drop":
        return Verdict("drop")
    return Verdict(rule.action, rule.operator, bool(CLOSED & set(rule.spec)))


# ------------------------------------------------------------------------- one value, one policy


def coarser(text: str, edits: Sequence[Edit], verdict: Verdict, place: str) -> list[Edit]:
    """The edits of a cell under its rule; those of its findings where they hide more."""
    if verdict.drops:
        new = REST
    elif verdict.operator is None:
        return list(edits)
    else:
        new = verdict.operator(text)
    by_findings = apply_edits(text, edits)
    opens = not verdict.drops and not verdict.coarse
    if edits and opens and visible_length(by_findings) <= visible_length(new):
        return list(edits)
    return whole(place, text, new)


def whole(place: str, text: str, new: str) -> list[Edit]:
    """The edit that makes ``text`` into ``new``; none where nothing changes."""
    return [] if text == new else [Edit(place, 0, len(text), new)]


def effective(policy: Policy) -> Policy:
    """The policy whose operators hide what its field rules hide, wherever an entity is found."""
    operators, specs = dict(policy.operators), dict(policy.specs)
    rules = Rules(policy)
    for entity in load_entities():
        verdict = rules.of_field(field_of_entity(entity))
        if not policy.hides(entity) or (verdict.operator is None and not verdict.drops):
            continue
        operators[entity] = _stricter(operators[entity], verdict)
    if policy.minors == "keep":
        operators.pop("PERSON", None)
        specs.pop("PERSON", None)
    return replace(policy, operators=operators, specs=specs)


def reshaped(text: str, header: str, findings: Sequence[Finding], policy: Policy) -> str:
    """One value under its column title, or without one a piece of running text, by all the rules."""
    if not text.strip():
        return text
    policy = effective(policy)
    edits = edits_for(text, findings, policy)
    verdict = Rules(policy).of_header(header) if header else KEEP
    if verdict is KEEP:
        edits = Reshaping(policy).text("", text, edits)
    else:
        edits = coarser(text, edits, verdict, "")
    return apply_edits(text, edits)


def _stricter(operator: Operator, verdict: Verdict) -> Operator:
    def stricter(value: str) -> str:
        if verdict.drops or verdict.operator is None:
            return REST
        return min(operator(value), verdict.operator(value), key=visible_length)

    return stricter


# ----------------------------------------------------------------------------------- one document


@dataclass(slots=True)
class _Stray:
    """A text outside the data that stands in a column which may go."""

    row: int
    column: int
    place: str
    length: int
    stays: bool


class _Grid:
    """What is known of one table: which columns go where, and what stands in them."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.keeps: set[int] = set()
        self.spans: dict[int, list[list[int]]] = {}
        self.strays: list[_Stray] = []
        self.headers: dict[int, str] = {}
        self.unknown: set[int] = set()
        self.headless: set[int] = set()
        self.overflow: dict[int, None] = {}
        self.height = 0
        self.listed = 0
        """Rows with several texts that belong to no list that was recognised."""
        self.gone: list[str] = []
        self.kept: set[str] = set()
        self.free: list[tuple[str, str, Sequence[Edit]]] = []
        self.starred: dict[str, list[Edit]] = {}
        self._row = -1
        self._texts = 0

    def enter(self, row: int) -> None:
        """Begin a row, having done with the one before."""
        if row == self._row:
            return
        self.listed += self._texts > 2
        self.height += 1
        if self.gone and self.free:
            self.gone = [value for value in self.gone if value not in self.kept]
            for place, text, edits in self.free:
                more = _told_again(place, text, edits, self.gone)
                if more:
                    self.starred[place] = more
        self._row, self._texts, self.gone, self.free, self.kept = row, 0, [], [], set()

    def stray(self, cell: CellFindings, *, stays: bool) -> None:
        """Remember a text that is no value of the list."""
        self._texts += cell.zone in ("note", "title")
        self.strays.append(_Stray(cell.row, cell.column, cell.place, len(cell.text), stays))

    def span(self, column: int, row: int) -> None:
        """Remember that the column goes in this row."""
        spans = self.spans.setdefault(column, [])
        if spans and row - spans[-1][1] <= 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])

    def covers(self, column: int, row: int) -> bool:
        """Whether the column goes in this row."""
        spans = self.spans[column]
        at = bisect_right(spans, row, key=lambda span: span[0]) - 1
        return at >= 0 and row <= spans[at][1]


def _told_again(place: str, text: str, edits: Sequence[Edit], values: Sequence[str]) -> list[Edit]:
    """The edits of a free text, and of what it tells again of the row's values that go."""
    found = list(edits)
    for value in values:
        at = text.find(value)
        while at >= 0:
            end = at + len(value)
            if all(edit.end <= at or end <= edit.start for edit in found):
                found.append(Edit(place, at, end, REST))
            at = text.find(value, end)
    return sorted(found, key=lambda edit: edit.start) if len(found) > len(edits) else []


@dataclass
class Reshaped:
    """What the rules make of one document, beside the edits of its cells."""

    drops: dict[str, frozenset[int]] = field(default_factory=dict)
    notes: dict[str, frozenset[int]] = field(default_factory=dict)
    dropped: dict[str, None] = field(default_factory=dict)
    generalised: dict[str, None] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)


class Reshaping:
    """Takes the cells of a document in order; tells what becomes of them, then of their columns."""

    def __init__(self, policy: Policy) -> None:
        self._whitelist = bool(policy.only)
        self._rules = Rules(policy)
        self._labels = _LabelledValues(self._rules, policy)
        self._grids: dict[str, _Grid] = {}
        self._lasts: dict[int, tuple[Block, int]] = {}
        self._lines: list[TextFindings] = []
        self._between: list[tuple[Text, int]] = []
        self._above = NO_LABEL
        self.result = Reshaped()

    # one cell

    def cell(self, table: Table, cell: CellFindings, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a cell, given those that its findings ask for."""
        grid = self._grids.get(table.name) or self._grids.setdefault(table.name, _Grid(table))
        grid.enter(cell.row)
        if cell.zone == "form":
            grid.stray(cell, stays=True)
            verdict = self._rules.of_label(cell.label)
            if verdict is not KEEP:
                return coarser(cell.text, edits, verdict, cell.place)
            return self.text(cell.place, cell.text, edits)
        if cell.zone in ("note", "title") or cell.block is NO_BLOCK:
            grid.stray(cell, stays=True)
            return self.text(cell.place, cell.text, edits)
        if cell.block.agency or cell.block.aggregate:
            grid.keeps.add(cell.column)
            return list(edits)
        return self._listed(grid, cell, edits)

    def _listed(self, grid: _Grid, cell: CellFindings, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a cell that belongs to a list: its header, its data, its totals."""
        verdict = self._rules.of_column(cell.profile)
        if cell.column > self._last(cell.block) and cell.zone == "data":
            grid.overflow.setdefault(cell.row)
            if not verdict.drops:
                return self.text(cell.place, cell.text, edits)
        if verdict.drops:
            self._leave(grid, cell, verdict)
            return list(edits)
        grid.keeps.add(cell.column)
        if cell.zone != "data":
            return list(edits)
        grid.kept.add(cell.text.strip())
        if verdict.operator is not None:
            edits = coarser(cell.text, edits, verdict, cell.place)
            if edits and cell.profile and verdict.action == "generalise":
                self.result.generalised.setdefault(cell.profile.header)
            return list(edits)
        if _is_nameless(cell):
            grid.headless.add(cell.column)
        if _is_free(cell.profile):
            edits = self.text(cell.place, cell.text, edits)
            grid.free.append((cell.place, cell.text, edits))
        return list(edits)

    def _leave(self, grid: _Grid, cell: CellFindings, verdict: Verdict) -> None:
        """Remember a cell of a column that goes."""
        grid.span(cell.column, cell.row)
        header = cell.profile.header if cell.profile else ""
        if header:
            grid.headers.setdefault(cell.column, header)
        if verdict.unknown:
            grid.unknown.add(cell.column)
        if cell.zone == "header":
            grid.stray(cell, stays=self._is_group(cell))
        elif cell.zone == "total":
            grid.stray(cell, stays=not any(char.isdigit() for char in cell.text))
        elif _tells(cell.profile, cell.text):
            grid.gone += [part for part in _PARTS.split(cell.text) if len(part) > 1]

    def _is_group(self, cell: CellFindings) -> bool:
        """Whether a header cell is the title of a group that reaches over a column that stays."""
        text, column = cell.text.strip(), cell.column + 1
        while (right := cell.block.profiles.get(column)) and text in right.header.split(" / ")[:-1]:
            if not self._rules.of_column(right).drops:
                return True
            column += 1
        return False

    def _last(self, block: Block) -> int:
        """The last column that has a header."""
        known = self._lasts.get(id(block))
        if known is None or known[0] is not block:
            named = [index for index, profile in block.profiles.items() if profile.header]
            known = self._lasts[id(block)] = (block, max(named, default=_NO_END))
        return known[1]

    def text(self, place: str, text: str, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a text outside the ruled columns: its labelled values under their rules."""
        return self._labels.edits(place, text, edits)

    def line(self, found: TextFindings, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a text; where it is a line of a list, those of its fields."""
        text = found.text
        if not found.fields:
            edits = self._beside_label(text, edits)
            if self._lines and text.text.strip():
                self._between.append((text, len(self._lines)))
            return self.text(text.place, text.text, edits)
        self._lines.append(found)
        for one in found.fields:
            if one.cell is None:
                continue
            inside = [
                replace(edit, start=edit.start - one.start, end=edit.end - one.start)
                for edit in edits
                if one.start <= edit.start and edit.end <= one.end
            ]
            cell = one.cell._replace(place=text.place)
            own = [
                replace(edit, start=edit.start + one.start, end=edit.end + one.start)
                for edit in self.cell(_LINES, cell, inside)
            ]
            rest = [edit for edit in edits if edit.end <= one.start or one.end <= edit.start]
            across = [edit for edit in edits if edit not in rest and not _within(edit, one)]
            if not across:
                edits = sorted([*rest, *own], key=lambda edit: edit.start)
        return list(edits)

    def _beside_label(self, text: Text, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a line that is the value of the label that was the line above, or that
        begins with a label and a blank."""
        above, self._above = self._above, NO_LABEL
        if not text.text.strip() or len(text.text) > _LONG_LINE:
            self._above = above if not text.text.strip() else NO_LABEL
            return list(edits)
        label, start = labelled(text.text)
        own = exact_label(text.text) if len(text.text) < _LABEL_LENGTH else NO_LABEL
        if own is not NO_LABEL:
            self._above = own
            return list(edits)
        label, start = (above, 0) if above is not NO_LABEL else (label, start)
        verdict = self._rules.of_field(field_of(label)) if label is not NO_LABEL else KEEP
        if verdict is KEEP or field_entity(field_of(label)) in _FOUND or ":" in fold(text.text):
            return list(edits)
        inside = [edit for edit in edits if edit.start >= start]
        own_edits = coarser(
            text.text[start:],
            [replace(edit, start=edit.start - start, end=edit.end - start) for edit in inside],
            verdict,
            text.place,
        )
        moved = [replace(e, start=e.start + start, end=e.end + start) for e in own_edits]
        return [*(edit for edit in edits if edit.end <= start), *moved]

    # one table

    def finish(
        self,
        removable: Callable[[str, frozenset[int]], bool],
        edits: dict[str, list[Edit]],
        blank: str = "",
        *,
        cut: bool = True,
    ) -> Reshaped:
        """What becomes of the columns. Where they cannot be taken out, ``edits`` make the cells
        ``blank``. ``cut``: fields can be cut out of lines with their delimiter, else they are starred.

        Raises UnsafeEdit where nothing would be left, or a whitelist cannot be kept.
        """
        for name, grid in self._grids.items():
            grid.enter(-1)
            edits.update(grid.starred)
            self._check(grid)
            if grid.table is _LINES:
                self._cut_lines(grid, edits, cut)
                self._tell(grid)
                continue
            alone = frozenset(grid.spans.keys() - grid.keeps)
            base, reading, _ = name.partition(READING)
            if reading:
                rest = grid.spans.keys() - self.result.drops.get(base, frozenset())
            elif going := _removable_part(removable, name, alone):
                self._take_out(grid, going, edits)
                rest = grid.spans.keys() - going
            else:
                rest = set(grid.spans)
            overflow = grid.overflow if len(grid.overflow) * 5 <= max(5, grid.height) else {}
            if rest or (grid.spans and overflow):
                self._blank(grid, dict.fromkeys(rest, blank), overflow, edits)
            self._tell(grid)
        return self.result

    def _check(self, grid: _Grid) -> None:
        if grid.spans and not grid.keeps:
            raise UnsafeEdit("这项公示规则要删去名单的每一列，没有可以公开的内容，未写出")
        if self._whitelist and not grid.spans and not grid.keeps and grid.listed > 1:
            raise UnsafeEdit("这项公示规则只许公开指定的列，但有一张表认不出表头，未写出")

    def _cut_lines(self, grid: _Grid, edits: dict[str, list[Edit]], cut: bool) -> None:
        """Cut the fields of columns that go out of the lines, each with one delimiter."""
        staying = {(stray.row, stray.column) for stray in grid.strays if stray.stays}
        going = [(found, _going(found.fields, grid, staying)) for found in self._lines]
        # Lines of several lists would have different numbers of fields, and read as no list at all.
        cut = cut and len({frozenset(gone) for found, gone in going if len(found.fields) > 1}) <= 1
        for found, gone in going:
            place, alone = found.text.place, cut or len(found.fields) == 1
            for start, end in _cuts(found.fields, gone) if alone else _spans(found.fields, gone):
                kept = [e for e in edits.get(place, ()) if e.end <= start or end <= e.start]
                new = Edit(place, start, end, "" if alone else REST)
                if found.text.text[start:end] != new.replacement:
                    edits[place] = sorted([*kept, new], key=lambda e: e.start)
        if grid.spans:
            self._star_between(min(grid.spans), edits)

    def _star_between(self, first: int, edits: dict[str, list[Edit]]) -> None:
        """Hide what stands in lines between those of the list that have more or fewer fields."""
        starred = 0
        for text, before in self._between:
            fields = [match.span() for match in _FIELD.finditer(text.text)]
            if before == len(self._lines) or len(fields) <= max(first, 2):
                continue
            start = fields[first][0]
            kept = [edit for edit in edits.get(text.place, ()) if edit.end <= start]
            edits[text.place] = [*kept, Edit(text.place, start, len(text.text.rstrip()), REST)]
            starred += 1
            if starred <= _MOST_LISTED:
                message = "这一行的格数与名单不同，无法对齐，后面各格已遮盖"
                self.result.items.append(Item(text.place, message))

    def _take_out(self, grid: _Grid, gone: frozenset[int], edits: dict[str, list[Edit]]) -> None:
        """Let the columns go; a row with a text that stays becomes a note, the rest of it blank."""
        name = grid.table.name
        notes = {
            stray.row
            for stray in grid.strays
            if stray.stays
            and stray.column in gone
            and not reaches_beyond(grid.table, stray.row, stray.column, gone)
        }
        for stray in grid.strays:
            if not stray.stays and stray.row in notes and stray.column in gone:
                edits[stray.place] = [Edit(stray.place, 0, stray.length, "")]
        self.result.drops[name] = gone
        self.result.notes[name] = frozenset(notes)

    def _blank(
        self,
        grid: _Grid,
        blank: Mapping[int, str],
        overflow: Mapping[int, None],
        edits: dict[str, list[Edit]],
    ) -> None:
        """Blank the cells of columns that cannot go, and what a stray delimiter pushed aside."""
        staying = {(stray.row, stray.column) for stray in grid.strays if stray.stays}
        first = min(grid.spans)
        for row in grid.table.rows():
            for column, text in row.cells.items():
                place = grid.table.place(row.index, column)
                if (row.index, column) in staying:
                    continue
                if row.index in overflow and column >= first:
                    edits[place] = whole(place, text, REST)
                elif column in blank and grid.covers(column, row.index):
                    edits[place] = whole(place, text, blank[column])
        for at in list(overflow)[:_MOST_LISTED]:
            self.result.items.append(
                Item(grid.table.place(at, first), "这一行的格数比表头多，错了列，后面各格已遮盖")
            )

    def _tell(self, grid: _Grid) -> None:
        if grid.headless and self._rules.drops_any:
            for column in sorted(grid.headless)[:_MOST_LISTED]:
                message = "这一列没有表头，认不出是什么；规则要求删去一些列，请核对这一列能不能公开"
                self.result.items.append(Item(f"{grid.table.name}第{column + 1}列", message))
        for column in sorted(grid.spans):
            header = grid.headers.get(column, "")
            if header:
                self.result.dropped.setdefault(header)
            if column in grid.unknown:
                message = "规则只许公开指定的列，这一列认不出是什么，已删去，请核对"
                self.result.items.append(Item(f"{grid.table.name}第{column + 1}列", message))


_NO_END = 1 << 40
_LONG_LINE = 60
_LABEL_LENGTH = 30
_LINES = Table("正文名单", lambda: iter(()), lambda row, column: "")
"""Stands for the list that the lines of a text make."""
_FIELD = re.compile(r"[^\s,，;；|｜、]+")


def _within(edit: Edit, field: Field) -> bool:
    return field.start <= edit.start and edit.end <= field.end


def _going(fields: Sequence[Field], grid: _Grid, staying: Collection[tuple[int, int]]) -> set[int]:
    """The columns of the fields of a line that go."""
    return {
        one.column
        for one in fields
        if one.column in grid.spans
        and (
            one.cell is None
            or (grid.covers(one.column, one.cell.row) and (one.cell.row, one.column) not in staying)
        )
    }


def _spans(fields: Sequence[Field], gone: Collection[int]) -> Iterator[tuple[int, int]]:
    """Where the fields of these columns stand, but empty ones."""
    for one in fields:
        if one.column in gone and one.start < one.end:
            yield one.start, one.end


def _cuts(fields: Sequence[Field], gone: Collection[int]) -> Iterator[tuple[int, int]]:
    """What goes of a line with the fields of these columns."""
    at = 0
    while at < len(fields):
        end = at
        while end < len(fields) and fields[end].column in gone:
            end += 1
        if end > at:
            if end < len(fields):
                yield fields[at].start, fields[end].start
            else:
                yield fields[at - 1].end if at else fields[at].start, fields[end - 1].end
        at = end + 1


def _is_nameless(cell: CellFindings) -> bool:
    """Whether a cell of words stands in a column of which nothing tells what it holds."""
    profile = cell.profile
    if profile is None or profile.header or field_of(profile.label):
        return False
    return bool(_HAN.search(cell.text))


def _is_free(profile: Profile | None) -> bool:
    """Whether a column holds free text, in which a value of another column may be told again."""
    return profile is None or profile.label.field in ("", "remark")


def _tells(profile: Profile | None, text: str) -> bool:
    """Whether a value that goes would harm if it were told again in the same row."""
    if profile is None or not 2 <= len(text.strip()) <= 40 or not _HAN.search(text):
        return False
    spec = raw_fields()["fields"].get(field_of(profile.label), {})
    return spec.get("role") in _PERSONAL


_PARTS = re.compile(r"[\s,，、;；。()（）]+")
_HAN = re.compile("[\u4e00-\u9fff]")


def _removable_part(
    removable: Callable[[str, frozenset[int]], bool], table: str, columns: frozenset[int]
) -> frozenset[int]:
    """The columns that can be taken out together: all of them, or those of which each can go alone."""
    if not columns or removable(table, columns):
        return columns
    some = frozenset(c for c in columns if removable(table, frozenset({c})))
    return some if some and removable(table, some) else frozenset()


def reaches_beyond(table: Table, row: int, column: int, gone: frozenset[int]) -> bool:
    """Whether a cell is the first of a merged area of which some columns stay."""
    return any(
        top == row and left == column and not gone.issuperset(range(left, right + 1))
        for top, left, _, right in table.merges
    )


# --------------------------------------------------------------------------------- labelled values


class _LabelledValues:
    """``病种：肺癌``, wherever it stands: the value under the rule of its label."""

    def __init__(self, rules: Rules, policy: Policy) -> None:
        self._verdicts: dict[str, Verdict] = {}
        for key, spec in raw_fields()["fields"].items():
            verdict = rules.of_field(key)
            if policy.only and key not in policy.only and spec["role"] in _PERSONAL:
                verdict = Verdict("drop")
            told = spec["role"] in _PERSONAL and key not in _PUBLISHERS
            if verdict is KEEP or not told or field_entity(key) in _FOUND:
                continue
            for word in spec["synonyms"].upper().split():
                if len(word) > 1 and word not in _GENERIC:
                    self._verdicts.setdefault(word, verdict)

    def edits(self, place: str, text: str, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of the text with those of its labelled values in the place of what they cover."""
        if not self._verdicts or not (":" in text or "：" in text):
            return list(edits)
        folded = fold(text)
        found, done = list(edits), 0
        for colon in _COLON.finditer(folded):
            value = _VALUE.match(folded, colon.end()) if colon.start() >= done else None
            verdict = self._before(folded[max(0, colon.start() - _WINDOW) : colon.start()])
            if value and verdict:
                done = value.end()
                found = self._with(found, place, text, value.span(), verdict)
        return found

    def _before(self, window: str) -> Verdict | None:
        """The verdict of the label that ends a text; blanks may stand in it, and in front of it."""
        words = _LABEL_STOP.split(_NOTE.sub("", window))[-1].upper().split()
        for at in range(len(words)):
            if verdict := self._verdicts.get("".join(words[at:])):
                return verdict
        return None

    @staticmethod
    def _with(
        edits: list[Edit], place: str, text: str, span: tuple[int, int], verdict: Verdict
    ) -> list[Edit]:
        start, end = span
        value = text[start:end]
        new = REST if verdict.operator is None else verdict.operator(value)
        if new == value or any(e.start < start < e.end or e.start < end < e.end for e in edits):
            return edits
        rest = [edit for edit in edits if edit.end <= start or end <= edit.start]
        return sorted([*rest, Edit(place, start, end, new)], key=lambda edit: edit.start)


_FOUND = frozenset(
    ["PERSON", "CN_RESIDENT_ID", "CN_MOBILE", "CN_BANK_CARD", "CN_ADDRESS", "EMAIL_ADDRESS"]
)
"""Entities that are found by what they look like: an agency's telephone has the same label."""


_PUBLISHERS = frozenset(
    ("employer", "school", "education", "study", "college", "grade_year", "major", "class_name")
)
"""Fields whose labels stand as often before what is the publisher's: 单位：元, 学校：第一中学."""
_GENERIC = frozenset(
    [
        "情况",
        "原因",
        "理由",
        "事由",
        "救助",
        "级别",
        "健康",
        "支出",
        "收入",
        "保险",
        "参保",
        "医院",
        "车辆",
        "住房",
        "房产",
        "基金",
        "部队",
        "贷款",
        "负债",
        "存款",
        "视频",
        "图片",
        "签字",
        "签名",
        "签收",
        "盖章",
        "签章",
        "印章",
        "工作",
        "关系",
        "城乡",
        "成员",
        "类别",
        "类型",
        "用户名",
        "证书",
        "证书号",
        "SR",
        "MZ",
        "XL",
        "WH",
        "PIC",
    ]
)
"""Words that stand before much else in a notice: a column of that name is meant, no label."""
_PERSONAL = frozenset(("identifier", "quasi", "sensitive"))
"""Roles of fields that a whitelist hides in running text too; what is public there may stay."""


def field_entity(key: str) -> str:
    """The entity whose values stand under a field, if any."""
    return next((name for name, e in load_entities().items() if key in e.headers), "")


_WINDOW = 60
_COLON = re.compile(r"\s*:\s*")
_NOTE = re.compile(r"\s*\([^()]{1,8}\)\s*$")
_LABEL_STOP = re.compile(r"[,;。、:()\[\]|\n\t]")
_VALUE = re.compile(
    r"[^\s,;。|()](?:[^,;。|\n\t()]*?[^\s,;。|()])?"
    r"(?=\s{2,}|\s*$|\s*[,;。|\n\t()]|\s+[^\s:]{2,10}:)",
    re.MULTILINE,
)


# ------------------------------------------------------------------------------------ verification


def changed_rows(
    source: Table,
    output: Table,
    edits: Mapping[str, Sequence[Edit]],
    gone: frozenset[int],
    notes: frozenset[int],
) -> Iterator[Item]:
    """Rows of a table without the columns that went which are not what is expected of them.

    A row of which nothing is left may be missing; the texts of a note may have moved aside.
    """
    expected = (
        (row.index, left)
        for row in source.rows()
        if (left := _left_of(source, row, edits, gone, notes))
    )
    found = (row for row in output.rows() if any(row.cells.values()))
    for want, row in zip_longest(expected, found):
        if want is None or row is None:
            yield Item(source.name, "行数变了")
            return
        cells = {column: text for column, text in row.cells.items() if text}
        index, left = want
        same = list(cells.values()) == list(left.values()) if index in notes else cells == left
        if not same:
            yield Item(source.place(index, 0), "未要求修改的单元格变了")


def _left_of(
    table: Table,
    row: Row,
    edits: Mapping[str, Sequence[Edit]],
    gone: frozenset[int],
    notes: frozenset[int],
) -> dict[int, str]:
    """What must be left of a row, under the columns as they are counted afterwards."""
    left: dict[int, str] = {}
    for column in sorted(row.cells):
        place = table.place(row.index, column)
        text = row.cells[column]
        text = apply_edits(text, edits[place]) if place in edits else text
        stays = column
        if row.index in notes:
            left |= {column: text} if text else {}
            continue
        if column in gone:
            if not reaches_beyond(table, row.index, column, gone):
                continue
            while stays in gone:
                stays += 1
        if text:
            left[stays - sum(other < stays for other in gone)] = text
    return left


_CELL = r"\$?[A-Z]{1,3}\$?[0-9]{1,7}(?![0-9])"
_CELLS = re.compile(rf"{_CELL}(?::{_CELL})?|\$?[A-Z]{{1,3}}:\$?[A-Z]{{1,3}}(?![A-Za-z])")
_SHEET = r"(?:'(?:[^']|'')*'!|[^\s'!,]+!)?"
_REFERENCES_ONLY = re.compile(
    rf"{_SHEET}(?:{_CELLS.pattern}|\$?[0-9]+:\$?[0-9]+)"
    rf"(?:[, ]{_SHEET}(?:{_CELLS.pattern}|\$?[0-9]+:\$?[0-9]+))*"
)


def lost_texts(
    source: Iterable[Text],
    output: Iterable[Text],
    edits: Mapping[str, Sequence[Edit]],
    same: Callable[[str, str], bool],
) -> Iterator[Item]:
    """Texts outside tables that are not what is expected, in order: with a column, texts go too
    that hang on its cells (notes, attributes), but none may change or be added. References to cells
    (in a formula, a name, a link) follow the columns."""
    expected = (
        _CELLS.sub(
            "#",
            apply_edits(part.text, edits[part.place]) if part.place in edits else part.text,
        )
        for part in source
        if READING not in part.place
    )
    for part in output:
        if READING in part.place or _REFERENCES_ONLY.fullmatch(part.text):
            continue
        shown = _CELLS.sub("#", part.text)
        if not any(same(shown, text) for text in expected):
            yield Item(part.place, "未要求修改的内容变了")
            return
