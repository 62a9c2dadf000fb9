"""Published files -> what is still left in them, and what several of them reveal together.

``audit_file`` looks at one file: what stands in plain, how numbers are masked, how many numbers fit
each row, example names left from a template, and whether its time is over. ``audit_files`` does so for
many and lays publications over each other (``deid.union``).
"""

from __future__ import annotations

import contextlib
import datetime
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from deid import published as reading
from deid.address import parse_address
from deid.calendar import publication_dates
from deid.columns import View
from deid.data import load_yaml, patterns_dir
from deid.dates import own_date
from deid.errors import DeidError, UnsupportedFormat
from deid.formats import Document, open_document
from deid.inputs import Task
from deid.mask import edits_for
from deid.matters import matter_remarks, suggest_matter
from deid.minors import minors_in_forms
from deid.model import Finding, Item, Table, Text
from deid.outcome import OS_FAULTS, sha256_of
from deid.pipeline import mask_name
from deid.policy import Policy, load_policy
from deid.prose import Known, _list_rows, _rows, merge, scan_texts
from deid.published import Person, Publication, RowReader, date_in_name, style
from deid.scan import scan
from deid.stream import LEAST, mask_csv
from deid.strength.context import areas_in
from deid.tables import _CellScanner, _scan_row
from deid.text import STAR_LIKE, fold
from deid.union import UnionAudit, Unit, strength_of, unite

SCHEMA = "deid-audit/1"
AUTO = "auto"
"""In place of a policy's name: each file by the matter that its title speaks of."""
MOST_ITEMS = 1000
"""Places of one kind that a report of one file names; the counts are of all."""
_EXAMPLES_TOLD = 20


@dataclass(frozen=True, slots=True)
class MaskStyle:
    """One way in which a column's numbers are masked: how many rows, and the first of them."""

    column: str
    entity: str
    style: str
    rows: int
    place: str


@dataclass(frozen=True, slots=True)
class FileAudit:
    """What one published file still tells, as counts and places, never as content.

    ``status``: ``clean``, ``found`` (something must be mended or taken down), ``unreadable``,
    ``unsupported`` (of a kind that deid does not read).
    ``left``: values in plain that the policy hides; ``weak``: numbers of which it hides more;
    ``grades``: rows by strength; ``examples``: rows with names used in samples. ``until``: the day
    by which it must be taken down, where the policy sets one.
    """

    source: str
    status: str
    message: str = ""
    format: str = ""
    policy: str = ""
    matter: str = ""
    rows: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    weak: int = 0
    masks: tuple[MaskStyle, ...] = ()
    grades: Mapping[str, int] = field(default_factory=dict)
    examples: int = 0
    published: str = ""
    until: str = ""
    overdue: bool = False
    items: tuple[Item, ...] = ()
    items_total: int = 0
    hints: tuple[Item, ...] = ()
    sha256: str = ""
    size: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AuditReport:
    """One run of the audit. ``union`` is there when publications were laid over each other."""

    files: tuple[FileAudit, ...]
    union: UnionAudit | None = None
    policy: str = "general"
    created: str = ""

    @property
    def status(self) -> str:
        """``found`` when anything is, ``unreadable`` when a file could not be read, or ``clean``."""
        if any(file.status == "unreadable" for file in self.files) or not self.audited:
            return "unreadable"
        found = any(file.status == "found" for file in self.files)
        return "found" if found or (self.union and is_dangerous(self.union)) else "clean"

    @property
    def audited(self) -> int:
        """How many files could be looked at."""
        return sum(file.status in ("clean", "found") for file in self.files)

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything that a person has to look at, the publications' first, with the file's name."""
        own = (
            Item(f"{file.source} {item.place}".strip(), item.message)
            for file in self.files
            for item in file.items
        )
        return (*(self.union.items if self.union else ()), *own)

    @property
    def items_total(self) -> int:
        """How many there are, also those that ``items`` leaves out."""
        files = sum(file.items_total for file in self.files)
        return files + (self.union.items_total if self.union else 0)


def is_dangerous(union: UnionAudit) -> bool:
    """Whether laying the publications over each other revealed anything that must be mended."""
    return bool(
        union.unique
        or union.downgraded
        or union.inconsistent
        or union.conflicts
        or union.numbers
        or union.grades_after.get("C", 0)
        or union.grades_after.get("D", 0)
    )


def report_as_dict(report: AuditReport, version: str = "") -> dict[str, Any]:
    """The report as JSON holds it; the shape is described in deid/docs/audit.md."""
    return {
        "schema": SCHEMA,
        "version": version,
        "policy": report.policy,
        "created": report.created,
        "status": report.status,
        "files": [file_as_dict(file) for file in report.files],
        "union": asdict(report.union) if report.union else None,
        "items_total": report.items_total,
    }


def file_as_dict(file: FileAudit) -> dict[str, Any]:
    """One file's part of the report."""
    return asdict(file)


def file_from_dict(raw: Mapping[str, Any]) -> FileAudit:
    """What ``file_as_dict`` wrote. Raises TypeError, KeyError or ValueError for anything else."""
    values = dict(raw)
    values["masks"] = tuple(MaskStyle(**one) for one in values["masks"])
    for key in ("items", "hints"):
        values[key] = tuple(Item(**one) for one in values[key])
    return FileAudit(**values)


# -------------------------------------------------------------------------------------- one file


@dataclass
class _Found:
    """What one pass over a file finds in plain or masked too little."""

    left: Counter[str] = field(default_factory=Counter)
    weak: int = 0
    items: list[Item] = field(default_factory=list)
    weak_of: Counter[str] = field(default_factory=Counter)
    first_weak: dict[str, str] = field(default_factory=dict)

    def add(self, place: str, entity: str, weak: bool) -> None:
        """One place; only the first MOST_ITEMS are named."""
        if weak:
            self.weak += 1
            self.first_weak.setdefault(entity, place)
            self.weak_of[entity] += 1
            return
        self.left[entity] += 1
        if len(self.items) < MOST_ITEMS:
            self.items.append(Item(place, f"{_label(entity)}没有遮盖"))

    def listed(self) -> list[Item]:
        """Each value in plain, and one item for each kind that is masked too little."""
        weak = (
            Item(self.first_weak[entity], f"{_label(entity)}遮得不够，露出太多位；共 {count:,} 处")
            for entity, count in self.weak_of.items()
        )
        return [*self.items, *weak]


def _label(entity: str) -> str:
    from deid.entities import load_entities

    known = load_entities().get(entity)
    return known.label if known else entity


def audit_file(
    source: Path,
    *,
    policy: Policy | None,
    shown: str = "",
    called: str = "",
    published: datetime.date | None = None,
    today: datetime.date | None = None,
) -> tuple[FileAudit, Publication | None]:
    """What one published file still tells, and its persons (for ``unite``; never written anywhere).

    A file that cannot be read gives status ``unreadable`` and no persons. ``shown`` is what the
    file is called in reports, ``called`` the name by which its owner knows it where its own is none,
    ``published`` the day of publication where the file itself is wrong.
    Without a policy, that of the one matter that the title speaks of, or else ``general``.
    """
    started = time.perf_counter()
    rules = policy or load_policy()
    name = shown or mask_name(source.name, rules)
    try:
        size = source.stat().st_size
        with contextlib.closing(open_document(source)) as document:
            named = Path(called) if called else source
            rules = policy or policy_of(document, named)
            pass_ = _FilePass(document, source, name, rules, published)
            pass_.named = named
            pass_.run()
            audit = pass_.report()
        audit = replace(audit, size=size, sha256=sha256_of(source))
    except (DeidError, OSError) as error:
        told = OS_FAULTS.get(error.errno or 0, "读文件时出错") if isinstance(error, OSError) else ""
        status = "unsupported" if isinstance(error, UnsupportedFormat) else "unreadable"
        audit = FileAudit(name, status, told or str(error), policy=rules.name)
        return replace(audit, seconds=_since(started)), None
    audit = replace(audit, seconds=_since(started))
    return with_deadline(audit, rules.label, today), pass_.publication


_HEAD = 12
"""Rows and lines at the top that may be a title."""


def policy_of(document: Document, source: Path) -> Policy:
    """The policy of the one matter that a title, a sheet's name or the file's name speaks of."""
    titles = [source.stem]
    for part in islice(document.parts, _HEAD):
        if isinstance(part, Text):
            titles.append(part.text[:200])
        else:
            titles += [part.name, *_top(part)]
    found = suggest_matter("\n".join(titles))
    return load_policy(found[0] if len(found) == 1 else "general")


def _top(table: Table) -> Iterator[str]:
    """The cells at the top of a table that stand alone in their row."""
    for row in islice(table.rows(), _HEAD):
        if len(row.cells) == 1:
            yield from (text[:200] for text in row.cells.values())


def with_deadline(audit: FileAudit, label: str, today: datetime.date | None = None) -> FileAudit:
    """The audit as of today: a list that was fit yesterday may have to be taken down today."""
    until = _day(audit.until)
    if until is None or (today or datetime.date.today()) <= until:
        return audit
    told = f"已过公示期：{until.isoformat()} 期满，应当撤下（{label}）"
    return replace(
        audit,
        status="found",
        overdue=True,
        items=(Item("", told), *audit.items),
        items_total=audit.items_total + 1,
    )


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)


class _FilePass:
    """One pass over an opened file."""

    def __init__(
        self,
        document: Document,
        source: Path,
        shown: str,
        policy: Policy,
        published: datetime.date | None,
    ) -> None:
        self._document = document
        self._source = self.named = source
        self._policy = policy
        self._parts = list(document.parts)
        self._texts = [part for part in self._parts if isinstance(part, Text)]
        self.publication = Publication(shown)
        self.found = _Found()
        lines = [text.text for text in self._texts[:5000]]
        self._own_date = own_date(lines)
        self._asked = published
        self._areas = areas_in(shown)
        self._titles: list[str] = []

    @property
    def date(self) -> datetime.date | None:
        """The day of publication: as asked for, as the file says, as its name says."""
        return self._asked or self._own_date or date_in_name(self.named.name)

    @property
    def posted(self) -> datetime.date | None:
        """The day of publication as far as it is known: of a year alone no term can be counted."""
        lines = [*(text.text for text in self._texts[:5000]), *self._titles]
        told = own_date(lines, year_only=False)
        return self._asked or told or date_in_name(self.named.name)

    def run(self) -> None:
        """Read every part once."""
        streamed = self._left_in_large()
        for number, part in enumerate(part for part in self._parts if isinstance(part, Table)):
            self._table(number, part, scanning=not streamed)
        self._running_text(len(self.publication.places))
        publication = self.publication
        publication.titles = self._titles

    # ------------------------------------------------------------------------------------- tables

    def _table(self, number: int, table: Table, *, scanning: bool) -> None:
        publication = self.publication
        publication.places.append(table.place)
        reader = RowReader(publication, number, self._areas)
        scanner = _CellScanner()
        first, before, titles = True, len(publication.people), len(self._titles)
        for views in reading.table_views(table):
            if first:
                self._titled(views, reader)
                first = False
            day = self.date or datetime.date.today()
            minors = minors_in_forms(views, day) if scanning else {}
            for view in views:
                if view.zone == "data":
                    publication.rows += 1
                    reader.take(view)
                if scanning:
                    for cell in _scan_row(table, view, scanner, day, minors):
                        if cell.findings:
                            self._take(cell.place, cell.text, merge(list(cell.findings)))
            self._form(number, views)
        self._fill_locality(before, [*self._titles[titles:], table.name])

    def _titled(self, views: Sequence[View], reader: RowReader) -> None:
        """What the lines above the first header say: date, county, matter."""
        texts = [
            text
            for view in views
            if view.zone in ("note", "title", "header")
            for text in view.row.cells.values()
            if len(text) < 200
        ]
        self._own_date = self._own_date or own_date(texts)
        self._titles += texts[:20]
        areas = frozenset[str]().union(*map(areas_in, texts[:20]))
        if areas:
            reader.set_areas(areas)

    def _form(self, number: int, views: Sequence[View]) -> None:
        values: list[tuple[Any, str, int]] = []
        for view in views:
            if view.zone != "form":
                continue
            for column, label in sorted(view.labels.items()):
                if label.field in ("name", "head_name") and values:
                    self._add_form(number, values)
                    values = []
                values.append((label, view.row.cells[column], view.row.index << 16 | column))
        self._add_form(number, values)

    def _add_form(self, number: int, values: list[tuple[Any, str, int]]) -> None:
        person = reading.form_person(values)
        if person:
            self.publication.people.append(person._replace(table=number))

    # -------------------------------------------------------------------------------------- texts

    def _running_text(self, number: int) -> None:
        """Lines outside tables: those that make a list are one table more."""
        if not self._texts:
            return
        for found in scan_texts(self._texts, self.date, Known()):
            if found.findings:
                self._take(found.text.place, found.text.text, merge(list(found.findings)))
        self._titles += [text.text for text in self._texts[:10] if len(text.text) < 200]
        areas = frozenset[str]().union(*map(areas_in, self._titles[:20]))
        grid = _list_rows(self._texts)
        texts = self._texts
        self.publication.places.append(lambda row, column: texts[row].place)
        before = len(self.publication.people)
        self._lines(number, grid, areas)
        self._fill_locality(before, self._titles)

    def _lines(self, number: int, grid: Any, areas: frozenset[str]) -> None:
        texts = self._texts
        if grid:
            rows = list(_rows(texts, grid))
            lines = [pieces[0][0] for pieces in grid]
            self.publication.places[number] = lambda row, column: texts[lines[row]].place
            table = Table("", lambda: iter(rows), self.publication.places[number])
            reader = RowReader(self.publication, number, areas or self._areas)
            for views in reading.table_views(table):
                for view in views:
                    if view.zone == "data":
                        self.publication.rows += 1
                        reader.take(view)
            return
        for at, text in enumerate(texts):
            for name, shown in reading.line_people(text):
                self.publication.rows += 1
                self.publication.people.append(Person(number, at, 0, name=name, id=shown))

    def _take(self, place: str, text: str, findings: Sequence[Finding]) -> None:
        for item in findings:
            if self._policy.hides(item.entity) and self._would_change(text, item):
                weak = bool(STAR_LIKE.search(text[item.start : item.end]))
                self.found.add(place, item.entity, weak)

    def _would_change(self, text: str, item: Finding) -> bool:
        """Whether masking it once more makes any difference: a name may be masked as it is to be."""
        edits = edits_for(text, [item], self._policy)
        return any(edit.replacement != text[edit.start : edit.end] for edit in edits)

    # ------------------------------------------------------------------------------ large csv files

    def _left_in_large(self) -> bool:
        """Whether a large csv file was masked once more to see what that still changes.

        That is the definition of what is left, at the speed of the fast path; the masked copy is a
        temporary file without anything to hide in it, gone at the end.
        """
        if self._source.suffix.lower() not in (".csv", ".tsv"):
            return False
        if self._source.stat().st_size < LEAST:
            return False
        with tempfile.TemporaryDirectory(prefix="deid-") as folder:
            target = Path(folder, "masked" + self._source.suffix.lower())
            # Columns that the policy drops are told as columns: here every cell has to stay in place.
            cells_only = replace(self._policy, fields={}, only=frozenset())
            done = mask_csv(self._source, target, cells_only)
            if done is None:
                return False
            if done.changed:
                entities = {index: profile.label.entity for index, profile in done.columns}
                with contextlib.closing(open_document(target)) as masked:
                    self._differences(masked, entities)
        return True

    def _differences(self, masked: Document, entities: Mapping[int, str]) -> None:
        table, other = self._parts[0], masked.parts[0]
        assert isinstance(table, Table)
        assert isinstance(other, Table)
        for old, new in zip_longest(table.rows(), other.rows()):
            if old.cells == new.cells:
                continue
            for column, text in old.cells.items():
                if new.cells.get(column) != text:
                    entity = entities.get(column) or _entity_of(text)
                    weak = bool(STAR_LIKE.search(fold(text)))
                    self.found.add(table.place(old.index, column), entity, weak)

    # ----------------------------------------------------------------------------------- the verdict

    def _fill_locality(self, first: int, titles: Sequence[str]) -> None:
        """Where no column of a table names the village, its title, the file or its folder may."""
        people = self.publication.people[first:]
        if not people or any(person.village for person in people):
            return
        for text in [*titles, self.named.stem, self.named.parent.name]:
            if parse_address(fold(text)) is None:
                continue
            town, village = reading.locality_of(text)
            if village:
                self.publication.people[first:] = [
                    one._replace(town=one.town or town, village=village) for one in people
                ]
                return

    def report(self) -> FileAudit:
        """The file's audit, but for what depends on today's date."""
        grades, weak_rows = self._graded()
        examples = list(self._examples())
        posted = self.posted
        until = retention_end(self._policy, posted)
        never, hints = self._of_the_matter()
        items = [*never, *weak_rows, *self.found.listed(), *self._forbidden()]
        hints += [Item(place, "名字是常见的示例姓名，请核对是不是真实名单") for place in examples]
        return FileAudit(
            source=self.publication.source,
            status="found" if items else "clean",
            format=self._document.format,
            policy=self._policy.name,
            matter="、".join(suggest_matter(self._title())),
            rows=self.publication.rows,
            left=dict(sorted(self.found.left.items())),
            weak=self.found.weak,
            masks=tuple(self._styles()),
            grades=grades,
            examples=len(examples),
            published=posted.isoformat() if posted else "",
            until=until.isoformat() if until else "",
            items=tuple(items),
            items_total=len(items) - len(self.found.items) + self.found.left.total(),
            hints=tuple(hints[:_EXAMPLES_TOLD]),
        )

    def _graded(self) -> tuple[dict[str, int], list[Item]]:
        """Rows of each grade, one item for each column and way of masking that is too weak."""
        grades = dict.fromkeys("ABCD", 0)
        groups: dict[tuple[int, int, str, str, bool], tuple[int, str, int]] = {}
        limits = self._policy.thresholds
        for person in self.publication.people:
            if not person.id:
                continue
            strength = strength_of(person.id, person.facts, self.date, limits)
            grades[strength.grade] += 1
            how = style(person.id)
            if strength.grade in "CD" and how != "未遮盖":
                key = (person.table, person.column, how, strength.grade, _is_narrowed(person))
                rows, place, least = groups.get(key, (0, "", strength.t0))
                place = place or self.publication.place(person)
                groups[key] = rows + 1, place, min(least, strength.t0)
        items = []
        for (table, column, how, letter, narrowed), (rows, place, least) in groups.items():
            header = self._header(table, column)
            beside = "，同行的年龄、出生、性别等又缩小了范围" if narrowed else ""
            told = f"{header}{how}：{letter} 级，最少只剩 {least:,} 个号码{beside}；共 {rows:,} 行"
            items.append(Item(place, told))
        return grades, items

    def _title(self) -> str:
        return "\n".join([self.named.stem, *self._titles[:_HEAD]])

    def _of_the_matter(self) -> tuple[list[Item], list[Item]]:
        """What is wrong with publishing a list of that matter at all, and what is worth a look."""
        if not self.publication.rows:
            return [], []
        refused = self._policy.refused
        never = [Item("", f"这类名单不应公示：{refused}")] if refused else []
        told = matter_remarks(self._policy, self._title())
        blamed = not self._policy.titles
        never += [Item("", one.message) for one in told if one.look and blamed]
        return never, [Item("", one.message) for one in told if not (one.look and blamed)]

    def _header(self, table: int, column: int) -> str:
        header = self.publication.headers.get((table, column), "").rpartition(" / ")[2]
        return f"“{header[:20]}”列" if header and not any(map(str.isdigit, header)) else ""

    def _styles(self) -> Iterator[MaskStyle]:
        """How the numbers of each column are masked, the usual way first."""
        counts: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], str] = {}
        headers: dict[tuple[int, int], str] = {}
        for person in self.publication.people:
            if person.id:
                at = person.table, person.column
                if at not in headers:
                    headers[at] = self._header(*at).strip("“”列")
                key = headers[at], style(person.id)
                if key not in first:
                    first[key] = self.publication.place(person)
                counts[key] += 1
        for key, rows in counts.most_common():
            yield MaskStyle(key[0], "CN_RESIDENT_ID", key[1], rows, first[key])

    def _examples(self) -> Iterator[str]:
        """Places of rows whose name is one that samples use."""
        names = example_names()
        for person in self.publication.people:
            if person.name in names:
                yield self.publication.place(person)

    def _forbidden(self) -> Iterator[Item]:
        """Columns that the policy does not allow in a publication at all."""
        only, rules = self._policy.only, self._policy.fields
        for (_, index), (header, name) in self.publication.columns.items():
            dropped = name in rules and rules[name].action == "drop"
            if dropped or (only and name and name not in only):
                told = f"“{header[:20]}”列按这项规则不得公开"
                yield Item(f"第{index + 1}列", told)


def _is_narrowed(person: Person) -> bool:
    facts = person.facts
    return bool(facts.ages or facts.sex) or facts.birth != reading.NO_FACTS.birth


def _entity_of(text: str) -> str:
    found = scan(text)
    return found[0].entity if found else "CN_RESIDENT_ID"


@cache
def example_names() -> frozenset[str]:
    """Names that stand in samples and templates, not in real lists."""
    examples = load_yaml(patterns_dir() / "audit.yaml")["examples"]
    return frozenset(name for names in examples.values() for name in names.split())


# -------------------------------------------------------------------------------------- retention


def retention_end(policy: Policy, published: datetime.date | None) -> datetime.date | None:
    """The last day on which a list published that day may be shown; None without a fixed end."""
    if published is None or policy.retention.until not in ("period", "days"):
        return None
    down = publication_dates(policy.due, policy.retention, published, published).take_down
    return down - datetime.timedelta(days=1) if down else None


# -------------------------------------------------------------------------------------- many files


def audit_files(
    paths: Iterable[str | Path],
    against: Iterable[str | Path] = (),
    *,
    policy: Policy | str | Path | None = "general",
    published: datetime.date | None = None,
    today: datetime.date | None = None,
) -> AuditReport:
    """What published files still tell; with ``against``, what all of them reveal together.

    Nothing is changed or written. Faults of a file come back in its part of the report. ``policy``
    None: each file by the matter that its title speaks of.
    """
    rules = policy if isinstance(policy, Policy | None) else load_policy(policy)
    usual = rules or load_policy()
    others = list(against)
    files: list[FileAudit] = []
    tasks = [Task(path, mask_name(path.name, usual)) for path in _distinct([*paths, *others])]
    if others:
        union = audit_publications(tasks, rules, published, files.append, today=today)
        return AuditReport(tuple(files), union, rules.name if rules else AUTO)
    for task in tasks:
        audit, _ = audit_file(task.source, policy=rules, published=published, today=today)
        files.append(audit)
    return AuditReport(tuple(files), None, rules.name if rules else AUTO)


def audit_publications(
    tasks: Sequence[Task],
    policy: Policy | None,
    published: datetime.date | None,
    done: Callable[[FileAudit], object],
    *,
    today: datetime.date | None = None,
) -> UnionAudit:
    """The files laid over each other; ``done`` gets the audit of each as soon as it is there."""
    files: list[FileAudit] = []
    publications: list[Publication] = []
    for task in _named_apart(tasks):
        if task.fault:
            audit, publication = FileAudit(task.shown, "unreadable", task.fault), None
        else:
            audit, publication = audit_file(
                task.source,
                policy=policy,
                shown=task.shown,
                called=task.called,
                published=published,
                today=today,
            )
        files.append(audit)
        done(audit)
        if publication:
            publications.append(publication)
    return union_of(publications, files, policy or load_policy())


def _named_apart(tasks: Sequence[Task]) -> Iterator[Task]:
    """Each file once, and no two of one name: a.csv of the website and a.csv of the board."""
    seen: set[Path] = set()
    names: Counter[str] = Counter()
    for task in tasks:
        path = task.source.resolve()
        if path not in seen:
            seen.add(path)
            names[task.shown] += 1
            number = names[task.shown]
            yield replace(task, shown=f"{task.shown}({number})") if number > 1 else task


def union_of(
    publications: Sequence[Publication], files: Sequence[FileAudit], policy: Policy
) -> UnionAudit:
    """The publications laid over each other, table by table."""
    dates = {file.source: file.published for file in files if file.published}
    units = [
        Unit(one, table, _day(dates.get(one.source, "")))
        for one in publications
        for table in range(len(one.places))
    ]
    return unite(units, thresholds=policy.thresholds)


def _day(text: str) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None


def _distinct(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Each file once, however often and by whatever name it is given."""
    seen: set[Path] = set()
    for path in map(Path, paths):
        if path.resolve() not in seen:
            seen.add(path.resolve())
            yield path
