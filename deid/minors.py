"""Who in a table is under age: told by the ID number, age, birth date, class or header of a row."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from deid.checks import ADULT, age_on, id_birth_date
from deid.columns import Block, Profile, View, name_columns
from deid.dates import DATE, date_of
from deid.fields import Label
from deid.later import later
from deid.model import Finding, Row
from deid.names import is_name
from deid.rows import NAME_FIELDS
from deid.scan import bare
from deid.text import fold

FEATURES = frozenset(
    [
        "CN_RESIDENT_ID",
        "AGE",
        "BIRTH_DATE",
        "CN_STUDENT_NO",
        "CN_DISABILITY_CERT",
        "CN_SOCIAL_SECURITY_NO",
    ]
)


def features_of(block: Block) -> Mapping[int, list[Profile]]:
    """Name column -> the columns that tell that person's age: those right of it, up to the next."""
    names = sorted(profile.index for profile in name_columns(block))
    owned: dict[int, list[Profile]] = {index: [] for index in names}
    for profile in block.profiles.values():
        if profile.label.entity in FEATURES and names:
            owner = _owner(profile, names, block)
            owned[owner].append(profile)
    for owner, profile in _of_pupils(block, names):
        owned[owner].append(profile)
    return owned


def _of_pupils(block: Block, names: Sequence[int]) -> Iterator[tuple[int, Profile]]:
    """(name column, what tells without a number that its names are children's): a column of school
    classes, or its own header (幼儿姓名)."""
    headers = "/".join(profile.header for profile in block.profiles.values())
    own = [index for index in names if block.profiles[index].label.field not in _OTHERS_NAME]
    for index in own:
        if _CHILDREN.search(block.profiles[index].header):
            yield index, block.profiles[index]
    if own and not _GROWN_UP.search(headers):
        for profile in block.profiles.values():
            if profile.label.field in CLASS_FIELDS:
                before = [index for index in own if index < profile.index]
                yield (before or own[:1])[-1], profile


CLASS_FIELDS = frozenset(("class_name", "grade_year"))
_OTHERS_NAME = frozenset(("guardian_name", "payee_name", "spouse_name", "head_name"))
_CHILDREN = later(
    r"(?:幼儿|儿童|婴儿|婴幼儿|宝宝|孤儿|新生儿|患儿|小孩|未成年人)(?:的?姓名|名字|名)$"
)
_GROWN_UP = later("任教|教师|职称|班主任姓名|聘用|院系|学院|专业")
"""Headers of lists that name classes, but whose people teach them, or are students."""
_PUPIL = later(
    r"小学|幼儿园|托儿所|初级中学|[一二三四五六七八九1-9]年级|初[一二三中]|高[一二]|[中小]班|大[一二三四五六]?班|托班"
    r"|^\s*[一二三四五六七八九]\s*\(?\d{1,2}\)?\s*班"
)
_STUDENT = later("大学|学院|本科|专科|大专|研究生|硕士|博士|高职|中专|技师|级")
CLASS, CHILD = "class", "child"


def tells_age(profile: Profile) -> str:
    """In which way the values of a column that does tell an age: ``CHILD`` by its own header."""
    return way_of_telling(profile.label) or CHILD


_OWN_FIELD = {"head_id": "head_name", "member_ids": "member_names", "guardian_id": "guardian_name"}


def _owner(profile: Profile, names: Sequence[int], block: Block) -> int:
    wanted = _OWN_FIELD.get(profile.label.field)
    for index in names:
        if wanted and block.profiles[index].label.field == wanted:
            return index
    before = [index for index in names if index < profile.index]
    return before[-1] if before else names[0]


def minor_names(
    view: View, reference: datetime.date, features: Mapping[int, list[Profile]] | None = None
) -> dict[int, list[Finding]]:
    """Name column -> the names in it whose row shows that they are under age on that day.

    ``features``: what ``features_of`` says of the view's block, from a caller who has it.
    """
    found: dict[int, list[Finding]] = {}
    owned = features_of(view.block) if features is None else features
    for column, telling in owned.items():
        text = view.row.cells.get(column, "")
        names = names_in(text) if telling and text else ()
        if not names:
            continue
        marked = _positions(view.row, telling, len(names), reference, of_age=False)
        spans = [
            Finding(*names[at], "PERSON", 0.9, "同行年龄、证件号或班级表明未成年") for at in marked
        ]
        if spans:
            found[column] = spans
    return found


def adult_names(
    row: Row, features: Mapping[int, list[Profile]], reference: datetime.date
) -> dict[int, list[tuple[int, int]]]:
    """Name column -> where names stand whose row shows that they are of full age on that day."""
    found: dict[int, list[tuple[int, int]]] = {}
    for column, telling in features.items():
        text = row.cells.get(column, "")
        names = names_in(text) if telling and text else ()
        told = _positions(row, telling, len(names), reference, of_age=True) if names else ()
        under = _positions(row, telling, len(names), reference, of_age=False) if told else ()
        if spans := [names[at] for at in told if at not in under]:
            found[column] = spans
    return found


_ONE_NAME = later("[\u4e00-\u9fff]{2,4}")
_NOTE_BEFORE = later(r"\s*(?:[(][^()]{1,6}[)]|[子女妻夫父母孙媳婿弟妹兄姐]{1,2}:)?\s*")
NAME_BREAK = later(r"[、,;/\n]|\s{3,}")


def names_in(text: str) -> list[tuple[int, int]]:
    """Where the names in a name cell stand; notes in brackets are no part of a name."""
    if _ONE_NAME.fullmatch(text):
        return [(0, len(text))]
    folded = fold(text)
    spans, start = [], 0
    for end in [*(match.start() for match in NAME_BREAK.finditer(folded)), len(folded)]:
        piece = folded[start:end]
        note = _NOTE_BEFORE.match(piece)
        lead = note.end() if note else 0
        piece = piece[: lead + len(piece[lead:].split("(")[0])]
        if piece[lead:].strip() and start + lead < start + len(piece.rstrip()):
            spans.append((start + lead, start + len(piece.rstrip())))
        start = end + 1
    single = len(spans) == 1
    return [
        (a, b)
        for a, b in spans
        if is_name(folded[a:b]) or (single and any(map(str.isalpha, folded[a:b])))
    ]


class Labelled(NamedTuple):
    """One value of a form, what its label says, and a key by which the caller knows it."""

    key: tuple[int, int]
    text: str
    label: Label


def form_minors(
    values: Iterable[Labelled], reference: datetime.date
) -> Mapping[tuple[int, int], list[Finding]]:
    """In a form, the names of persons whose other fields show that they are under age.

    A person begins with a name and goes on to the next name.
    """
    found: dict[tuple[int, int], list[Finding]] = {}
    name: Labelled | None = None
    for value in values:
        if value.label.field in NAME_FIELDS:
            name = value
        elif name and _shows_minor(value, reference):
            why = "同一表格中的年龄或证件号表明未成年"
            spans = names_in(name.text)[:1]
            found[name.key] = [Finding(a, b, "PERSON", 0.9, why) for a, b in spans]
    return found


def _shows_minor(value: Labelled, reference: datetime.date) -> bool:
    entity = value.label.entity
    return entity in FEATURES and is_minor(fold(value.text), entity, reference)


def _positions(
    row: Row, features: Sequence[Profile], count: int, reference: datetime.date, *, of_age: bool
) -> list[int]:
    """Which of the ``count`` names belong to minors, or to adults, told by any of the row's features."""
    marked: set[int] = set()
    for profile in features:
        text = row.cells.get(profile.index, "")
        values = (
            [text]
            if count == 1
            else [part for part in NAME_BREAK.split(fold(text)) if part.strip()]
        )
        for at, value in enumerate(values[:count]):
            if _is_of_age(fold(value), tells_age(profile), reference) is of_age:
                marked.add(at)
    return sorted(marked)


def way_of_telling(label: Label) -> str:
    """In which way the values under a label tell an age: by an entity, as a school class, or not."""
    if label.entity in FEATURES:
        return label.entity
    return CLASS if label.field in CLASS_FIELDS else ""


def may_be_young(text: str, way: str, reference: datetime.date) -> bool:
    """Whether a cell that tells ages, or one of several values in it, tells that of a minor."""
    folded = fold(text)
    values = {folded, *map(fold, NAME_BREAK.split(folded))}
    return any(is_minor(value, way, reference) for value in values)


def is_minor(value: str, entity: str, reference: datetime.date) -> bool:
    return _is_of_age(value, entity, reference) is False


@lru_cache(maxsize=1 << 14)
def _is_of_age(value: str, entity: str, reference: datetime.date) -> bool | None:
    """Whether a value tells an adult; None where it tells no age. ``entity``: see ``tells_age``."""
    if entity == CLASS:
        pupil = _PUPIL.search(value) and not _STUDENT.search(value.replace("年级", ""))
        return False if pupil else None
    if entity == CHILD:
        return False if value.strip() else None
    if entity == "AGE":
        age = re.fullmatch(r"\s*(\d{1,3})(?:\.0)?\s*(?:周?岁|个?月)?\s*", value)
        return None if age is None else int(age[1]) >= ADULT and "月" not in value
    birth = _birth(value, entity)
    return None if birth is None or birth > reference else age_on(birth, reference) >= ADULT


_ID_INSIDE = later(r"(?<!\d)(?:\d{17}[\dX]|\d{15})")


def _birth(value: str, entity: str) -> datetime.date | None:
    digits = bare(value)
    number = _ID_INSIDE.search(digits)
    if number and entity != "BIRTH_DATE":
        return id_birth_date(number.group())
    match = DATE.search(value)
    if match:
        return date_of(int(match[1]), int(match[2]), int(match[3] or 1))
    if len(digits) == 8 and digits.isdigit():
        return date_of(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    return None


def minors_in_forms(
    views: Iterable[View], day: datetime.date
) -> Mapping[tuple[int, int], list[Finding]]:
    """(Row, column) -> the names of minors that forms among the rows show."""
    return form_minors(_form_values(views), day)


def _form_values(views: Iterable[View]) -> Iterator[Labelled]:
    """The values of forms, person by person: along the rows, or down where the list lies sideways."""
    aside: list[Labelled] = []
    for view in views:
        if view.zone != "form" and not aside:
            continue
        values = [
            Labelled((view.row.index, column), view.row.cells[column], label)
            for column, label in (view.labels.items() if view.zone == "form" else ())
        ]
        if len(values) > 1 and len({id(value.label) for value in values}) == 1:
            aside += values
            continue
        yield from sorted(aside, key=_column_of)
        yield from values
        aside = []
    yield from sorted(aside, key=_column_of)


def _column_of(value: Labelled) -> int:
    return value.key[1]
