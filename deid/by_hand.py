"""What a person says that columns hold: it goes before header and values, and is told in the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from deid.columns import Profile, profile_rows
from deid.entities import load_entities
from deid.errors import UnknownKind
from deid.fields import NO_LABEL, SKIP, Label, field_of, kind_label, raw_fields
from deid.model import READING, Override, Row, Table, Text
from deid.policy import Policy
from deid.tables import WINDOW, scan_table

Kinds = Mapping[tuple[str, int], str]
"""(name of the table, column from 0) -> a field, an entity, or ``skip``."""

_SEVERITY = {"keep": 0, "generalise": 1, "mask": 2, "replace": 2, "drop": 3}
_HIDDEN = 2


def with_kinds(parts: Iterable[Table | Text], kinds: Kinds) -> list[Table | Text]:
    """The parts, each table with what was said of its columns, in all its readings."""
    return [
        replace(part, kinds=own)
        if isinstance(part, Table) and (own := _own(part, kinds))
        else part
        for part in parts
    ]  # fmt: skip


def _own(table: Table, kinds: Kinds) -> tuple[tuple[int, str], ...]:
    base = table.name.partition(READING)[0]
    return tuple(sorted((column, kind) for (name, column), kind in kinds.items() if name == base))


def moved(kinds: Kinds, drops: Mapping[str, frozenset[int]]) -> Kinds:
    """What holds in the output, in which columns are gone and the others moved up.

    >>> moved({("", 1): "skip", ("", 3): "phone"}, {"": frozenset({1, 2})})
    {('', 1): 'phone'}
    """
    return {
        (name, column - sum(gone < column for gone in drops.get(name, ()))): kind
        for (name, column), kind in kinds.items()
        if column not in drops.get(name, ())
    }


def overrides(
    parts: Sequence[Table | Text], kinds: Kinds, policy: Policy, rows: int | None = None
) -> list[Override]:
    """The columns that a person said to hold less than they were judged to hold; ``rows``: how many
    are looked at to count what is not hidden for that, all without.

    Raises UnknownKind for a kind, a table or a column that there is not.
    """
    tables = {part.name: part for part in reversed(parts) if isinstance(part, Table)}
    found = []
    for (name, column), kind in sorted(kinds.items()):
        after = kind_label(kind)
        judged = next(_profiles(tables[name], column), None) if name in tables else None
        if judged is None:
            raise UnknownKind(f"改判的第 {column + 1} 列在文件里没有，或不在名单之内，未处理")
        if kind == SKIP or _weight(after, policy) < _weight(judged.label, policy):
            table = replace(tables[name], rows=partial(_first, tables[name].rows, rows))
            found.append(_override(table, judged, after, kinds, policy))
    return found


def _first(rows: Callable[[], Iterator[Row]], most: int | None) -> Iterator[Row]:
    return islice(rows(), most)


def _profiles(table: Table, column: int) -> Iterator[Profile]:
    """What the column was judged to hold, in each block of the first rows."""
    views, _ = profile_rows(list(islice(table.rows(), WINDOW)), table.merges)
    for view in views:
        if view.zone == "data" and column in view.block.profiles:
            yield view.block.profiles[column]


def _weight(label: Label, policy: Policy) -> int:
    """How much the policy does to a column of that label."""
    field = field_of(label)
    rule = policy.fields.get(field)
    if policy.only and field not in policy.only:
        return _SEVERITY["drop"]
    by_rule = _SEVERITY[rule.action] if rule else 0
    return max(by_rule, _HIDDEN if label.entity and policy.hides(label.entity) else 0)


def _override(
    table: Table, judged: Profile, after: Label, kinds: Kinds, policy: Policy
) -> Override:
    where = f"{table.name}第 {judged.index + 1} 列"
    rule = f"人工改判：{where}由“{label_name(judged.label)}”改为“{label_name(after)}”"
    (told,) = with_kinds([replace(table, kinds=())], kinds)
    assert isinstance(told, Table)
    left = _hidden(table, judged.index, policy) - _hidden(told, judged.index, policy)
    if left > 0:
        return Override(rule, f"经办人改判；按原判应遮盖的 {left} 格因此不遮盖")
    return Override(rule, "经办人改判")


def _hidden(table: Table, column: int, policy: Policy) -> int:
    """Cells of the column that hold what the policy hides."""
    return sum(
        cell.column == column and any(policy.hides(item.entity) for item in cell.findings)
        for cell in scan_table(table)
    )


def label_name(label: Label) -> str:
    """What a person calls what a column holds.

    >>> label_name(kind_label("id_number"))
    '身份证号'
    """
    if label.field == SKIP:
        return "不处理"
    key = field_of(label)
    if key:
        return str(raw_fields()["fields"][key]["label"])
    if label.entity:
        return load_entities()[label.entity].label
    return "未识别" if label is NO_LABEL or not label.agency else "发布单位的联系方式"
