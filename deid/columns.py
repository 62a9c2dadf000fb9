"""Table -> header rows, data area, column profiles.

Rows are judged one by one (title, header, data, total, note), columns by header and by a vote of
their values. A profile may only widen what is masked: every cell is scanned all the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from deid.address import LEVELS, cut, is_agency_place, parse_address
from deid.checks import bank_card, landline, mobile, resident_id, resident_id_15, resident_id_shape
from deid.fields import NO_LABEL, Label, exact_label, header_label, markers, normal
from deid.later import later
from deid.model import Row
from deid.names import is_name
from deid.rows import (
    LONG_DIGITS,
    NAME_FIELDS,
    Merge,
    form_labels,
    is_form,
    is_header,
    is_note,
    is_numbering,
    is_total,
    labels_of,
    sideways_rows,
    texts_of,
    wide_rows,
)
from deid.scan import bare
from deid.text import fold

_SAMPLE = 400
"""Values of a column that vote. Measured on the samples: 40 give the same verdicts."""
_SHARE = 0.6
"""Of the values that vote, how many must look alike before a column without a header is one."""
_ADDRESSES = 0.3
"""The same for addresses: many a row ends at the village and has nothing to hide."""
_ORG_NAME = later(
    r".{2,}(?:局|办|办公室|中心|服务站|工作站|站|所|委员会|居委会|村委会|政府|公司|医院|卫生院|学校|幼儿园|中学|小学|银行|支行|厅|"
    r"窗口|大厅|协会|联合会|残联|法院|检察院|敬老院|养老院|福利院|救助站|超市|药店|社区|街道|乡|镇|科|股)"
)
_ORG_FIELDS = frozenset(("unit_or_post", "employer", "agency_name"))
_PLACES = frozenset(("", "province", "city", "county", "town", "village"))
"""Fields under which addresses may stand: a school or a bank is an office all the same."""
_PERSON_FIELDS = frozenset(
    ("name", "head_name", "member_names", "age", "sex", "relation", "birth_date")
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one column of a block was judged to hold, and why."""

    index: int
    header: str
    label: Label
    why: str
    by_hand: bool = False
    """A person said so: neither the header nor the values are asked any more."""


@dataclass(frozen=True, slots=True)
class Block:
    """One header and the rows under it. ``agency``: its rows are agencies, not persons;
    ``aggregate``: they are sums, so no number in them is anybody's.
    """

    profiles: Mapping[int, Profile] = field(default_factory=dict)
    agency: bool = False
    aggregate: bool = False
    width: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """One row as it was judged. ``zone``: title, header, data, total, note or form.

    ``labels``: in a form, what the label beside a cell says of it.
    """

    row: Row
    zone: str
    block: Block
    labels: Mapping[int, Label] = field(default_factory=dict)


NO_BLOCK = Block()


# ----------------------------------------------------------------------------------- header paths


def _spread(row: Row, merges: Sequence[Merge], columns: Sequence[int]) -> dict[int, str]:
    """The header text over each column, merged cells spread over what they span."""
    spread = {column: text.strip() for column, text in row.cells.items() if text.strip()}
    for top, left, bottom, right in merges:
        if top <= row.index <= bottom and row.cells.get(left, "").strip() and top == row.index:
            for column in columns:
                if left <= column <= right:
                    spread.setdefault(column, row.cells[left].strip())
    return spread


def _paths(rows: Sequence[Row], merges: Sequence[Merge]) -> dict[int, list[str]]:
    """Header texts of each column from top to bottom."""
    columns = sorted({column for row in rows for column in row.cells})
    paths: dict[int, list[str]] = {column: [] for column in columns}
    for depth, row in enumerate(rows):
        spread = _spread(row, merges, columns)
        if depth + 1 < len(rows):
            spread = _fill_right(spread, rows[depth + 1 :], columns)
        for column, text in spread.items():
            if text not in paths[column]:
                paths[column].append(text)
    return paths


def _fill_right(
    spread: dict[int, str], below: Sequence[Row], columns: Sequence[int]
) -> dict[int, str]:
    """Without merges (csv) a group stands over its first column only."""
    filled, last = dict(spread), ""
    for column in columns:
        if column in spread:
            last = spread[column]
        elif last and any(row.cells.get(column, "").strip() for row in below):
            filled[column] = last
    return filled


def _path_label(path: Sequence[str]) -> Label:
    """What a header path says: the last level first, then with the one above, then the one above."""
    if not path:
        return NO_LABEL
    leaf = header_label(path[-1])
    if len(path) == 1:
        return leaf
    joined = exact_label(path[-2] + path[-1])
    if joined.entity or (leaf is NO_LABEL and joined is not NO_LABEL):
        return joined
    if leaf is NO_LABEL:
        above = _path_label(path[:-1])
        return above if above.entity else NO_LABEL
    return leaf


# ------------------------------------------------------------------------------------- the votes


def shape(value: str) -> str:
    """What one value looks like on its own: id, idlike, mobile, landline, card, name or nothing."""
    folded = fold(value)
    digits = bare(folded)
    number = _number_shape(digits) if len(digits) >= _LEAST_DIGITS else ""
    if number:
        return number
    if is_name(folded.strip()):
        return "name"
    return "address" if _is_fine_address(folded.strip()) else ""


_shape = lru_cache(maxsize=1 << 14)(shape)


_LEAST_DIGITS = 10
"""Of the shortest number that is told without a header: a landline's with its area code."""


def _number_shape(digits: str) -> str:
    if resident_id(digits) or resident_id_15(digits):
        return "id"
    if resident_id_shape(digits):
        return "idlike"
    if mobile(digits):
        return "mobile"
    if bank_card(digits):
        return "card"
    return "landline" if digits.startswith("0") and landline(digits) else ""


def _is_fine_address(folded: str) -> bool:
    """A division of some level and something finer behind it, and nothing else."""
    if not 5 <= len(folded) <= 60 or not _DIVISION.search(folded) or set(folded) & set("*,;。"):
        return False
    address = parse_address(folded)
    if address is None or not address.parts or cut(address) >= address.end:
        return False
    if is_agency_place(folded, address) or _ORG_NAME.fullmatch(folded):
        return False
    return address.parts[0].level in LEVELS[:5] and address.end - address.start == len(folded)


_DIVISION = later(r"[省市县区旗镇乡村]|街道|社区|苏木|嘎查")


_LIKE_A_NAME = "like_a_name"
"""The field of a column without a known header whose values look like names."""


def _vote(values: Sequence[str]) -> tuple[str, str]:
    """The entity that at least three in five of the values look like, and the count as a reason."""
    if len(values) < 2:
        return "", ""
    counts = Counter(map(_shape, values))
    ids = counts["id"] + (counts["idlike"] if counts["id"] >= counts["idlike"] else 0)
    phones = counts["mobile"] + counts["landline"]
    for entity, count in (
        ("CN_RESIDENT_ID", ids),
        ("CN_MOBILE", phones),
        ("CN_BANK_CARD", counts["card"]),
    ):
        if count >= _SHARE * len(values):
            return entity, f"{len(values)} 个值中 {count} 个像{entity}"
    if counts["address"] >= _ADDRESSES * len(values):
        return "CN_ADDRESS", f"{len(values)} 个值中 {counts['address']} 个是细于村的地址"
    if counts["name"] >= _SHARE * len(values):
        return "name", ""
    return "", ""


def _are_proved(values: Sequence[str]) -> bool:
    """Whether most values have a check character: codes of villages look like numbers of 15 digits."""
    return sum(len(bare(fold(value))) == 18 for value in values) >= _SHARE * len(values)


def _profile(index: int, path: Sequence[str], rows: Sequence[Row]) -> Profile:
    label = _path_label(path)
    header = " / ".join(path)
    if label.entity or label.agency:
        return Profile(index, header, label, f"表头：{path[-1] if path else ''}")
    values = _values(rows, index)
    entity, why = _vote(values)
    if label.public and entity == "CN_RESIDENT_ID" and not _are_proved(values):
        entity = ""
    if entity == "name":
        known = Label(field=_LIKE_A_NAME) if label is NO_LABEL else label
        return Profile(index, header, known, "值形：姓名")
    if entity == "CN_ADDRESS" and label.field not in _PLACES:
        return Profile(index, header, label, f"表头：{path[-1]}" if path else "")
    if entity and not (label.public and entity != "CN_RESIDENT_ID"):
        return Profile(index, header, Label(field=label.field, entity=entity), why)
    return Profile(index, header, label, f"表头：{path[-1]}" if label is not NO_LABEL else "")


def _is_agency_block(profiles: Mapping[int, Profile], rows: Sequence[Row]) -> bool:
    """Whether the rows are agencies: a column of names of offices, and nothing of persons."""
    fields = {profile.label.field for profile in profiles.values()}
    entities = {profile.label.entity for profile in profiles.values()}
    if fields & _PERSON_FIELDS or entities & {"CN_RESIDENT_ID", "CN_BANK_CARD"}:
        return False
    for index in profiles:
        values = [row.cells[index] for row in rows[:60] if row.cells.get(index, "").strip()]
        named = sum(bool(_ORG_NAME.fullmatch(fold(value).strip())) for value in values)
        if values and named >= _SHARE * len(values):
            divisions = profiles[index].label.field in (
                "town",
                "village",
                "county",
                "city",
                "province",
            )
            return not divisions or bool(fields & _ORG_FIELDS) or _only_contacts(profiles)
    return False


_DIRECTORY_FIELDS = frozenset(
    [
        "town",
        "village",
        "county",
        "seq_no",
        "phone",
        "agency_contact",
        "agency_address",
        "contact_person",
        "officer_name",
        "address",
        "CN_LANDLINE",
        "remark",
        "email",
        "period",
    ]
) | {"", _LIKE_A_NAME}


def _only_contacts(profiles: Mapping[int, Profile]) -> bool:
    """Nothing but places, offices and how to reach them."""
    return all(profile.label.field in _DIRECTORY_FIELDS for profile in profiles.values())


# ------------------------------------------------------------------------------------- the rows


def profile_rows(
    rows: Sequence[Row], merges: Sequence[Merge] = (), carried: Block = NO_BLOCK
) -> tuple[list[View], Block]:
    """Each row as it was judged, and the block that goes on below the last one.

    ``rows`` is a window of a table in order; ``carried`` the block that the rows above it left.
    """
    strong, telling = labels_of(rows)
    wide = wide_rows(merges)
    sideways = sideways_rows(rows, strong)
    views: list[View] = []
    for header, body in _sections(rows, strong, wide, merges):
        if not header and carried is not NO_BLOCK:
            block = _widened(carried, body, merges, wide)
        elif header or _looks_tabular(body):
            block = _block(header, body, merges, wide)
            above = [view.row for view in views[-8:] if view.zone == "note"]
            block = replace(block, aggregate=_is_aggregate(above, block))
        else:
            block = NO_BLOCK
        views += [View(row, "header", block) for row in header]
        views += _views(body, block, strong, telling, wide, sideways)
        if header or (block is not NO_BLOCK and carried is not NO_BLOCK):
            carried = block
    return views, carried


def _views(
    rows: Iterable[Row],
    block: Block,
    strong: Mapping[int, Mapping[int, Label]],
    telling: frozenset[str],
    wide: frozenset[int],
    sideways: frozenset[int],
) -> Iterator[View]:
    """The rows below a header as they are judged; most are data, and told so at a glance."""
    plain = telling.isdisjoint
    for row in rows:
        if row.index in sideways:
            yield View(row, "form", block, form_labels(row, strong[row.index]))
        elif (
            block is not NO_BLOCK
            and len(row.cells) > 1
            and plain(row.cells.values())
            and row.index not in wide
            and not (strong[row.index] and min(row.cells) in strong[row.index])
        ):
            yield View(row, "data", block)
        else:
            yield _view(row, block, strong[row.index], wide)


def main_block(views: Sequence[View]) -> Block:
    """The block that most data rows among the views belong to."""
    blocks = Counter(id(view.block) for view in views if view.zone == "data")
    main = max(blocks, key=blocks.__getitem__, default=0)
    return next((view.block for view in views if id(view.block) == main), NO_BLOCK)


def _sections(
    rows: Sequence[Row],
    strong: Mapping[int, Mapping[int, Label]],
    wide: frozenset[int],
    merges: Sequence[Merge],
) -> Iterator[tuple[list[Row], list[Row]]]:
    """(header rows, rows below them), the rows above the first header with an empty header."""
    header: list[Row] = []
    body: list[Row] = []
    at = 0
    while at < len(rows):
        row = rows[at]
        if (
            (strong[row.index] or row.header)
            and row.index not in wide
            and is_header(row, strong[row.index])
            and not _in_form(rows, at, strong)
        ):
            above = [body.pop()] if body and _is_group_row(body[-1], row, wide, merges) else []
            if header or body:
                yield header, body
            header, body = [*above, row], []
            at += 1
            while at < len(rows) and _continues(header, rows[at], strong, merges):
                header.append(rows[at])
                at += 1
            continue
        body.append(row)
        at += 1
    yield header, body


def _in_form(rows: Sequence[Row], at: int, strong: Mapping[int, Mapping[int, Label]]) -> bool:
    """Whether a row that could be a header is one row of a form: its neighbours are forms too."""
    row = rows[at]
    if not is_form(row, strong[row.index]):
        return False
    near = [rows[other] for other in (at - 1, at + 1) if 0 <= other < len(rows)]
    values = [text for column, text in row.cells.items() if column not in strong[row.index]]
    return any(is_form(other, strong[other.index]) for other in near) or any(
        is_name(fold(value).strip()) or shape(value) for value in values
    )


def _is_group_row(row: Row, below: Row, wide: frozenset[int], merges: Sequence[Merge]) -> bool:
    """A row of group titles (户主信息 | 救助情况) right above the header."""
    texts = texts_of(row)
    if row.index + 1 != below.index or row.index in wide or len(texts) < 2:
        return False
    if any(len(text) > 16 or re.search(r"[\d:：]", fold(text)) for text in texts):
        return False
    spans = any(top == row.index and right > left for top, left, _, right in merges)
    return spans or any(normal(text) in markers("groups") for text in texts)


def _continues(
    header: Sequence[Row],
    row: Row,
    strong: Mapping[int, Mapping[int, Label]],
    merges: Sequence[Merge],
) -> bool:
    """Whether a row right below a header row belongs to the header."""
    last = header[-1]
    if row.index != last.index + 1 or not row.cells or (last.header and not row.header):
        return False
    if is_numbering(row) and len(texts_of(row)) * 2 > len(last.cells):
        return not {0, 1} & set(row.numbers) or len(texts_of(row)) >= len(header[0].cells)
    if is_header(row, strong[row.index]) and not is_form(row, strong[row.index]):
        return True
    spans = [
        (left, right)
        for top, left, bottom, right in merges
        if top <= last.index <= bottom and right > left
    ]
    return (
        bool(spans)
        and all(
            any(left <= column <= right for left, right in spans)
            and not LONG_DIGITS.search(text)
            and len(text) <= 16
            for column, text in row.cells.items()
            if text.strip()
        )
        and not any(column in row.numbers for column in row.cells)
    )


def _looks_tabular(rows: Sequence[Row]) -> bool:
    """Rows without a header that are a list all the same: alike in width, with values that vote."""
    if sum(len(row.cells) > 1 for row in rows) < 2:
        return False
    columns = dict.fromkeys(column for row in rows for column in row.cells)
    return any(
        _vote([row.cells[column] for row in rows[:_SAMPLE] if row.cells.get(column, "").strip()])[0]
        for column in columns
    )


def _body(rows: Sequence[Row], wide: frozenset[int]) -> list[Row]:
    return [
        row for row in rows if row.index not in wide and not is_total(row) and len(row.cells) > 1
    ] or [row for row in rows if row.index not in wide and row.cells]


def _block(
    header: Sequence[Row], body: Sequence[Row], merges: Sequence[Merge], wide: frozenset[int]
) -> Block:
    data = _body(body, wide)
    paths = _paths(header, merges)
    columns = sorted({*paths}.union(*(row.cells for row in data)))
    profiles = {column: _profile(column, paths.get(column, []), data) for column in columns}
    agency = _is_agency_block(profiles, data)
    return Block(profiles, agency, aggregate=False, width=len(paths) or len(columns))


def _is_aggregate(above: Sequence[Row], block: Block) -> bool:
    """Whether a title above says that the table holds sums, and no header names a person's value."""
    words = markers("aggregates")
    titled = any(word in normal(text) for row in above for text in texts_of(row) for word in words)
    personal = any(
        (profile.label.entity and profile.why.startswith("表头"))
        or profile.label.field in _PERSON_FIELDS
        for profile in block.profiles.values()
    )
    return titled and not personal


def _values(rows: Sequence[Row], column: int) -> list[str]:
    values: list[str] = []
    for first in range(0, len(rows), _SAMPLE):
        values += [
            text
            for row in rows[first : first + _SAMPLE]
            if (text := row.cells.get(column, "")) and not text.isspace()
        ]
        if len(values) >= _SAMPLE:
            break
    return values[:_SAMPLE]


def _widened(
    block: Block, body: Sequence[Row], merges: Sequence[Merge], wide: frozenset[int]
) -> Block:
    """The block of the rows above, widened by what the values here vote for."""
    data = _body(body, wide)
    profiles = dict(block.profiles)
    for column in {column for row in data for column in row.cells}:
        old = profiles.get(column)
        if old and (old.label.entity or old.label.agency or old.label.public):
            continue
        fresh = _profile(column, [], data)
        if old is None or fresh.label.entity:
            profiles[column] = replace(fresh, header=old.header if old else "")
    return replace(block, profiles=profiles)


def _view(row: Row, block: Block, strong: Mapping[int, Label], wide: frozenset[int]) -> View:
    if block is NO_BLOCK or block.width <= 2:
        if is_form(row, strong):
            return View(row, "form", block, form_labels(row, strong))
        if block is NO_BLOCK:
            return View(row, "note", block)
    if is_total(row):
        return View(row, "total", block)
    if is_note(row, block.width, wide):
        return View(row, "note", block)
    if is_form(row, strong) and _foreign(row, block, strong):
        return View(row, "form", block, form_labels(row, strong))
    return View(row, "data", block)


def _foreign(row: Row, block: Block, strong: Mapping[int, Label]) -> bool:
    """Labels that do not stand in a column where such a word is a value (户主 under 与户主关系)."""
    return len(strong) >= 2 and not any(
        block.profiles[column].label.field in ("relation", "benefit_type")
        for column in strong
        if column in block.profiles
    )


def told_by_hand(
    views: Sequence[View], carried: Block, labels: Mapping[int, Label]
) -> tuple[list[View], Block]:
    """The rows and the block that goes on, their columns being what a person said they hold."""
    told = {id(NO_BLOCK): NO_BLOCK}
    for block in (*(view.block for view in views), carried):
        if id(block) not in told:
            told[id(block)] = _told(block, labels)
    return [replace(view, block=told[id(view.block)]) for view in views], told[id(carried)]


def _told(block: Block, labels: Mapping[int, Label]) -> Block:
    profiles = dict(block.profiles)
    for column, label in labels.items():
        header = profiles[column].header if column in profiles else ""
        profiles[column] = Profile(column, header, label, "人工改判", by_hand=True)
    # Somebody's number makes them rows of persons, whatever they looked like.
    personal = any(label.entity for label in labels.values())
    agency, aggregate = block.agency and not personal, block.aggregate and not personal
    return replace(block, profiles=profiles, agency=agency, aggregate=aggregate)


def name_columns(block: Block) -> list[Profile]:
    """The columns that name listed persons."""
    known = [item for item in block.profiles.values() if item.label.field in NAME_FIELDS]
    return known or [item for item in block.profiles.values() if item.label.field == _LIKE_A_NAME]
