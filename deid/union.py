"""Several publications -> what they reveal together about each person (DESIGN §4).

Rows are the same person's when name and village agree, nothing they show contradicts, and no other
row could be meant: what is ambiguous is counted and left apart. A person's visible digits are then
laid over each other, and the union is graded like a row of one list.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deid.checks import mod11_2
from deid.model import Item
from deid.published import (
    HIDDEN,
    NO_FACTS,
    Facts,
    Person,
    Publication,
    is_masked_name,
    name_form,
    style,
    united,
)
from deid.strength import Context, Limits, Strength, measure

_TELLING = 3
"""Visible characters of an ID number behind the division from which two rows of one list that agree
in all of them are one person listed twice, and not two of the same name."""
_FEW = 20
_MOST_PAIRS = 20_000
"""Rows of one name and place that are compared with each other; of more, none can be told apart."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One table of one publication: within it, a person stands in one row."""

    publication: Publication
    table: int
    date: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class UnionAudit:
    """What several publications reveal together, as counts and places, never as content.

    ``aligned``: persons found in at least two of them; ``unique``: of those, whose ID number the union
    determines, ``unique_alone`` of which one publication alone does. ``downgraded``: whose grade
    the union lowers. ``ambiguous``: rows left apart because more than one row could be meant;
    ``resolved``: persons of a shared name told apart by digits or amount. ``conflicts``: rows of one
    name and village whose digits contradict. ``numbers``: phones and accounts that become whole.
    """

    publications: tuple[str, ...] = ()
    rows: int = 0
    persons: int = 0
    aligned: int = 0
    unique: int = 0
    unique_alone: int = 0
    downgraded: int = 0
    inconsistent: int = 0
    conflicts: int = 0
    ambiguous: int = 0
    resolved: int = 0
    listed_twice: int = 0
    masked_names: int = 0
    numbers: Mapping[str, int] = field(default_factory=dict)
    grades_before: Mapping[str, int] = field(default_factory=dict)
    grades_after: Mapping[str, int] = field(default_factory=dict)
    items: tuple[Item, ...] = ()
    items_total: int = 0


class _Cluster:
    """Rows taken for one person's: (unit, row) of each, and what they show together."""

    __slots__ = ("ambiguous", "card", "facts", "id", "members", "name", "phone", "units")

    def __init__(self, unit: int, person: Person) -> None:
        self.members = [(unit, person)]
        self.units = 1 << unit
        self.name = person.name
        self.id = person.id
        self.phone = person.phone
        self.card = person.card
        self.facts = person.facts
        self.ambiguous = False

    @property
    def village(self) -> str:
        return next((row.village for _, row in self.members if row.village), "")

    @property
    def town(self) -> str:
        return next((row.town for _, row in self.members if row.town), "")

    @property
    def amounts(self) -> set[str]:
        return {row.amount for _, row in self.members if row.amount}

    def absorb(self, other: _Cluster) -> None:
        """Take in the rows of another cluster that is compatible."""
        self.members += other.members
        self.units |= other.units
        self.id = united(self.id, other.id) or self.id
        # A person may have two telephones and two cards: what contradicts stays apart.
        self.phone = united(self.phone, other.phone) or self.phone
        self.card = united(self.card, other.card) or self.card
        self.facts = _joined(self.facts, other.facts)
        if is_masked_name(self.name):
            self.name = other.name


def _joined(one: Facts, other: Facts) -> Facts:
    if one is other or one == other or other == NO_FACTS:
        return one
    return Facts(
        united(one.birth, other.birth) or one.birth,
        one.ages or other.ages,
        one.sex or other.sex,
        one.areas or other.areas,
    )


# ------------------------------------------------------------------------------------ which fit


def _fits(pattern: str | None) -> bool:
    """Whether some ID number can have these visible characters; a whole one has a check digit."""
    if pattern is None:
        return False
    return not pattern or HIDDEN in pattern or mod11_2(pattern)


def _compatible(one: _Cluster, other: _Cluster) -> bool:
    """Whether nothing speaks against the two being one person."""
    if one.units & other.units or not _fits(united(one.id, other.id)):
        return False
    first, second = one.facts, other.facts
    if first != second:
        if first.sex and second.sex and first.sex != second.sex:
            return False
        if united(first.birth, second.birth) is None:
            return False
    town, village = one.town, one.village
    return not (
        (village and other.village and village != other.village)
        or (town and other.town and town != other.town)
    )


def _names_fit(one: _Cluster, other: _Cluster) -> bool:
    return bool(name_form(other.name).fullmatch(one.name)) and _compatible(one, other)


# -------------------------------------------------------------------------------------- aligning


class Alignment:
    """The rows of several tables, sorted into persons."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units
        self.counts: Counter[str] = Counter()
        self.clusters: list[_Cluster] = []
        self.conflicts: list[tuple[_Cluster, _Cluster]] = []
        groups: dict[str, list[tuple[int, Person]]] = {}
        for number, unit in enumerate(units):
            for person in unit.publication.people:
                if person.table == unit.table:
                    self.counts["rows"] += 1
                    if person.name:
                        groups.setdefault(person.name, []).append((number, person))
        for group in groups.values():
            self.clusters += self._group(group)
        self._masked_names()

    def _group(self, group: list[tuple[int, Person]]) -> list[_Cluster]:
        """The persons among all rows of one name: village by village, then those without one."""
        if len(group) == 1:
            return [_Cluster(*group[0])]
        cells: dict[str, list[tuple[int, Person]]] = {}
        for member in group:
            cells.setdefault(member[1].village, []).append(member)
        loose = cells.pop("", [])
        found: list[_Cluster] = []
        for rows in cells.values():
            found += self._settled([], rows)
        return self._settled(found, loose) if loose else found

    def _settled(self, known: list[_Cluster], rows: list[tuple[int, Person]]) -> list[_Cluster]:
        by_unit: dict[int, list[_Cluster]] = {}
        for number, person in rows:
            by_unit.setdefault(number, []).append(_Cluster(number, person))
        for fresh in by_unit.values():
            known = self._matched(known, self._without_repeats(fresh))
        return known

    def _without_repeats(self, fresh: list[_Cluster]) -> list[_Cluster]:
        """Rows of one table that show the same person twice count once."""
        if len(fresh) == 1:
            return fresh
        kept: dict[object, _Cluster] = {}
        for number, cluster in enumerate(fresh):
            telling = len(cluster.id) - 6 - cluster.id[6:].count(HIDDEN) >= _TELLING
            key = (cluster.id, cluster.town, cluster.facts) if telling else number
            if key in kept:
                kept[key].members += cluster.members
                self.counts["listed_twice"] += 1
            else:
                kept[key] = cluster
        return self._masked_twice(list(kept.values()))

    def _masked_twice(self, fresh: list[_Cluster]) -> list[_Cluster]:
        """One person in two rows of a table that mask in different ways: told by the check digit."""
        if not 1 < len(fresh) <= _FEW or len({style(one.id) for one in fresh if one.id}) < 2:
            return fresh
        for one in fresh:
            wholes = [
                other
                for other in fresh
                if other is not one
                and style(one.id) != style(other.id)
                and HIDDEN not in (union := united(one.id, other.id) or HIDDEN)
                and mod11_2(union)
            ]
            if len(wholes) == 1 and one.id and wholes[0].id:
                wholes[0].units = 0
                one.units, units = 0, one.units
                one.absorb(wholes[0])
                one.units = units
                self.counts["listed_twice"] += 1
                return self._masked_twice([other for other in fresh if other is not wholes[0]])
        return fresh

    def _matched(
        self, known: list[_Cluster], fresh: list[_Cluster], fit: object = None
    ) -> list[_Cluster]:
        """``known`` and ``fresh`` made one where only one of each can be meant."""
        # Of masked names most do not fit at the first look.
        if len(known) * len(fresh) > _MOST_PAIRS * (50 if fit else 1):
            for cluster in (*known, *fresh):
                cluster.ambiguous = True
            return [*known, *fresh]
        test = _names_fit if fit else _compatible
        open_known = list(known)
        edges = {id(new): [old for old in open_known if test(old, new)] for new in fresh}
        alone = not fit and len(known) == len(fresh) == 1
        if alone and not edges[id(fresh[0])] and not known[0].units & fresh[0].units:
            self.conflicts.append((known[0], fresh[0]))
        shared = len(known) > 1 or len(fresh) > 1
        left = [new for new in fresh if edges[id(new)]]
        result = [*known, *(new for new in fresh if not edges[id(new)])]
        for by_amount in (False, True):
            while pair := _only(left, edges, by_amount=by_amount):
                old, new = pair
                old.absorb(new)
                self.counts["resolved"] += shared and not fit
                self.counts["masked_names"] += bool(fit)
                left.remove(new)
                for others in edges.values():
                    if old in others:
                        others.remove(old)
        for new in left:
            if not edges[id(new)]:  # the only row that could be meant turned out another person's
                result.append(new)
                continue
            for cluster in (new, *edges[id(new)]):
                cluster.ambiguous = True
            result.append(new)
        return result

    def _masked_names(self) -> None:
        """Persons whose name is masked, joined to the one they can only be: by name and village."""
        masked = [cluster for cluster in self.clusters if is_masked_name(cluster.name)]
        if not masked:
            return
        plain: dict[tuple[str, str], list[_Cluster]] = {}
        rest: list[_Cluster] = []
        for cluster in self.clusters:
            if not is_masked_name(cluster.name):
                if cluster.village:
                    plain.setdefault((cluster.village, cluster.name[0]), []).append(cluster)
                else:
                    rest.append(cluster)
        asked: dict[tuple[str, str], dict[int, list[_Cluster]]] = {}
        for cluster in masked:
            key = cluster.village, cluster.name[0]
            first = cluster.members[0][0]
            asked.setdefault(key, {}).setdefault(first, []).append(cluster)
        unmatched: list[_Cluster] = []
        by_village: dict[str, list[_Cluster]] = {}
        for (village, _), clusters in plain.items():
            by_village.setdefault(village, []).extend(clusters)
        for key, by_unit in asked.items():
            # A family name that is hidden may be anybody's of that village.
            found = plain.get(key, []) if key[1] != HIDDEN else by_village.get(key[0], [])
            size = len(found)
            for fresh in by_unit.values():
                found = self._matched(found, fresh, fit=True)
            unmatched += found[size:]
        self.clusters = [*rest, *(one for found in plain.values() for one in found), *unmatched]


def _only(
    fresh: Iterable[_Cluster], edges: Mapping[int, list[_Cluster]], *, by_amount: bool
) -> tuple[_Cluster, _Cluster] | None:
    """A pair of which each can be nobody but the other; ``by_amount``: among those paid alike."""
    for new in fresh:
        olds = _alike(new, edges[id(new)]) if by_amount else edges[id(new)]
        if len(olds) != 1:
            continue
        rivals = [one for one in fresh if olds[0] in edges[id(one)]]
        if by_amount:
            rivals = [one for one in rivals if one.amounts & olds[0].amounts]
        if len(rivals) == 1:
            return olds[0], new
    return None


def _alike(new: _Cluster, olds: Sequence[_Cluster]) -> list[_Cluster]:
    return [old for old in olds if old.amounts & new.amounts]


# ------------------------------------------------------------------------------------- measuring


def context_of(facts: Facts, on: datetime.date | None) -> Context:
    """What stands beside a number, as ``strength`` takes it."""
    birth = month = year = None
    if facts.birth != NO_FACTS.birth:
        year = int(facts.birth[:4]) if facts.birth[:4].isdigit() else None
        if year and facts.birth[4:6].isdigit() and 1 <= int(facts.birth[4:6]) <= 12:
            month = year, int(facts.birth[4:6])
            birth = _day(facts.birth)
    return Context(facts.areas or None, birth, year, month, facts.ages, on, facts.sex)


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def strength_of(
    pattern: str, facts: Facts, on: datetime.date | None, limits: Limits | None
) -> Strength:
    """How many ID numbers fit a pattern and what stands beside it."""
    if HIDDEN not in pattern:
        return Strength(1, 1, "D")
    return measure(pattern, context_of(facts, on), thresholds=limits)


class _Tally:
    """Counts and places of what the union reveals."""

    def __init__(self, units: Sequence[Unit], limits: Limits | None, most: int) -> None:
        self._units = units
        self._limits = limits
        self._most = most
        self.counts: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()
        self.before = Counter(dict.fromkeys("ABCD", 0))
        self.after = Counter(dict.fromkeys("ABCD", 0))
        self.items: dict[str, list[Item]] = {}
        self.total = 0
        self._styles: dict[tuple[tuple[int, str], ...], tuple[int, str]] = {}

    def take(self, cluster: _Cluster) -> None:
        """Measure one person who stands in several publications."""
        self.counts["aligned"] += 1
        self._whole("CN_MOBILE", cluster.phone, cluster)
        self._whole("CN_BANK_CARD", cluster.card, cluster)
        shown = [(unit, row) for unit, row in cluster.members if row.id]
        if not shown:
            return
        self._compare(cluster, shown)
        singles = [self._strength(row.id, row.facts, unit) for unit, row in shown]
        worst = min(singles, key=lambda one: (-ord(one.grade), one.t0))
        aged = next((unit for unit, row in shown if row.facts.ages), shown[0][0])
        union = self._strength(cluster.id, cluster.facts, aged)
        self.before[worst.grade] += 1
        self.after[union.grade] += 1
        alone = min(one.t0 for one in singles) == 1
        if union.t0 == 1:
            self.counts["unique"] += 1
            self.counts["unique_alone"] += alone
            if alone:
                self._item("alone", cluster, "单看其中一份就能确定证件号")
            else:
                self._item("unique", cluster, "各份拼在一起能确定证件号，只有 1 个号码符合")
        if union.grade > worst.grade:
            self.counts["downgraded"] += 1
            if union.t0 > 1:
                message = f"拼在一起由 {worst.grade} 级降为 {union.grade} 级，剩 {union.t0} 个号码"
                self._item("downgraded", cluster, message)

    def _strength(self, pattern: str, facts: Facts, unit: int) -> Strength:
        return strength_of(pattern, facts, self._units[unit].date, self._limits)

    def _whole(self, kind: str, union: str, cluster: _Cluster) -> None:
        """Count a telephone or an account that no publication shows, but all of them do together."""
        if not union or HIDDEN in union:
            return
        rows = [row for _, row in cluster.members]
        shown = [row.phone if kind == "CN_MOBILE" else row.card for row in rows]
        if all(HIDDEN in one for one in shown if one):
            self.numbers[kind] += 1
            name = "电话号码" if kind == "CN_MOBILE" else "账号"
            self._item("unique", cluster, f"各份拼在一起能得到完整的{name}")

    def _compare(self, cluster: _Cluster, shown: list[tuple[int, Person]]) -> None:
        """Note where the same person's number is masked in different ways."""
        styles = {unit: style(row.id) for unit, row in shown}
        if len(set(styles.values())) > 1:
            self.counts["inconsistent"] += 1
            key = tuple(sorted(styles.items()))
            count, first = self._styles.get(key, (0, ""))
            self._styles[key] = count + 1, first or self._places(cluster)

    def conflict(self, one: _Cluster, other: _Cluster) -> None:
        """Note two rows of one name and village that cannot be one person."""
        self.counts["conflicts"] += 1
        place = f"{self._places(one)}；{self._places(other)}"
        self._put(
            "conflict",
            Item(place, "姓名和村相同，但露出的内容互相矛盾，不是同一人或有一份登记有误"),
        )

    def _places(self, cluster: _Cluster) -> str:
        return "；".join(
            f"{self._units[unit].publication.source} {self._units[unit].publication.place(row)}"
            for unit, row in cluster.members[:4]
        )

    def _item(self, kind: str, cluster: _Cluster, message: str) -> None:
        self.total += 1
        found = self.items.setdefault(kind, [])
        if len(found) < self._most:
            found.append(Item(self._places(cluster), message))

    def _put(self, kind: str, item: Item) -> None:
        self.total += 1
        found = self.items.setdefault(kind, [])
        if len(found) < self._most:
            found.append(item)

    def sorted_items(self) -> Iterator[Item]:
        """The worst first; different masks of one person are told once for each way they differ."""
        for kind in ("unique", "alone", "downgraded"):
            yield from self.items.get(kind, ())
        for key, (count, place) in sorted(self._styles.items(), key=lambda pair: -pair[1][0]):
            told = "、".join(f"{self._units[unit].publication.source} {how}" for unit, how in key)
            yield Item(place, f"同一人遮法不一致（{told}），共 {count} 人，这里是第一处")
        yield from self.items.get("conflict", ())

    @property
    def shown_total(self) -> int:
        return self.total + len(self._styles)


def _first_row(cluster: _Cluster) -> tuple[int, int, int]:
    unit, row = cluster.members[0]
    return unit, row.row, row.column


def unite(
    units: Sequence[Unit], *, thresholds: Limits | None = None, most_items: int = 10_000
) -> UnionAudit:
    """What the tables reveal together; ``most_items`` of each kind are located, all are counted."""
    alignment = Alignment(units)
    tally = _Tally(units, thresholds, most_items)
    for cluster in sorted(alignment.clusters, key=_first_row):
        several = cluster.units & (cluster.units - 1)
        if several or len({row.id for _, row in cluster.members}) > 1:
            tally.take(cluster)
    for pair in alignment.conflicts:
        tally.conflict(*pair)
    counts = tally.counts
    return UnionAudit(
        publications=tuple(dict.fromkeys(unit.publication.source for unit in units)),
        rows=alignment.counts["rows"],
        persons=len(alignment.clusters),
        aligned=counts["aligned"],
        unique=counts["unique"],
        unique_alone=counts["unique_alone"],
        downgraded=counts["downgraded"],
        inconsistent=counts["inconsistent"],
        conflicts=counts["conflicts"],
        ambiguous=sum(len(one.members) for one in alignment.clusters if one.ambiguous),
        resolved=alignment.counts["resolved"],
        listed_twice=alignment.counts["listed_twice"],
        masked_names=alignment.counts["masked_names"],
        numbers=dict(sorted(tally.numbers.items())),
        grades_before=dict(tally.before),
        grades_after=dict(tally.after),
        items=tuple(tally.sorted_items()),
        items_total=tally.shown_total,
    )
