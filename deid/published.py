"""A published file -> the persons it lists: who, where, and what of their numbers is still shown.

Every way in which clerks hide a character counts (``*`` and its look-alikes, x, 某, stars that stand
for more characters than there are). What is shown becomes a pattern in which ``?`` is hidden.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from deid.address import parse_address
from deid.columns import NO_BLOCK, Block, Profile, View, profile_rows
from deid.fields import Label
from deid.later import later
from deid.minors import features_of
from deid.model import Row, Table, Text
from deid.names import is_name
from deid.strength.context import ages_of, areas_of_row, birth_of, sex_of
from deid.strength.masks import embedded, readings
from deid.tables import WINDOW, windows
from deid.text import STAR_LIKE, fold

HIDDEN = "?"
_ID = 18
_MOBILE = 11


class Facts(NamedTuple):
    """What stands beside a number and narrows it down. ``birth`` is a pattern of YYYYMMDD."""

    birth: str = "????????"
    ages: tuple[int, int] | None = None
    sex: str = ""
    areas: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "Facts()"


NO_FACTS = Facts()


class Person(NamedTuple):
    """One listed person: where the row is, and what it shows. Never leaves this process."""

    table: int
    row: int
    column: int
    name: str = ""
    town: str = ""
    village: str = ""
    id: str = ""
    phone: str = ""
    card: str = ""
    facts: Facts = NO_FACTS
    amount: str = ""

    def __repr__(self) -> str:
        return f"Person(table={self.table}, row={self.row}, column={self.column})"


@dataclass
class Publication:
    """A published file as it was read: its persons and what its title says."""

    source: str
    places: list[Callable[[int, int], str]] = field(default_factory=list)
    people: list[Person] = field(default_factory=list, repr=False)
    headers: dict[tuple[int, int], str] = field(default_factory=dict)
    columns: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    titles: list[str] = field(default_factory=list, repr=False)
    rows: int = 0

    def place(self, person: Person) -> str:
        """Where a person's number (or else the name) stands, as reports write it."""
        return self.places[person.table](person.row, person.column)


# ---------------------------------------------------------------------------------- what is shown


_SEPARATORS = later(r"[\s\u200b\-_.·'\"=]")
_CROSSES = later(r"[xX]{2,}")
_TOKEN = later(r"[\dX*]+")


def _starred(text: str) -> str:
    """A folded number with every kind of mask as ``*`` and without separators.

    A last X stays when it is set apart from the crosses before it: it is a check digit.

    >>> _starred("431026××××××××1234"), _starred("431026xxxxxxxxxxxX")
    ('431026********1234', '431026***********X')
    """
    plain = STAR_LIKE.sub("*", fold(text))
    plain = _SEPARATORS.sub("", plain).replace("?", "*").replace("某", "*")
    return _CROSSES.sub(_crosses, plain).upper()


def _crosses(match: re.Match[str]) -> str:
    run = match.group()
    own = match.end() == len(match.string) and len(set(run[:-1])) == 1 and run[-1] != run[-2]
    return "*" * (len(run) - 1) + "X" if own else "*" * len(run)


def _token(text: str) -> str:
    """The longest piece of a cell that is a number, masked or not."""
    return max(_TOKEN.findall(_starred(text)), key=len, default="")


def _stretched(token: str, length: int) -> str:
    """A pattern of ``length``: stars in the middle stand for as many characters as it takes."""
    first, last = token.find("*"), token.rfind("*")
    head, tail = token[:first], token[last + 1 :]
    if "*" not in token or len(head) + len(tail) >= length:
        return ""
    if len(token) == length:
        return token.replace("*", HIDDEN)
    return head + HIDDEN * (length - len(head) - len(tail)) + tail


_NUMBER = later(r"\d{15}|[*×●■○□◆★☆#?？某…]|[xX]{2}|\d[Ee][+]?\d\d")


@lru_cache(maxsize=1 << 16)
def id_pattern(text: str, entity: str = "CN_RESIDENT_ID") -> str:
    """What of an ID number a cell shows for sure, in 18 characters; empty when it shows none.

    A disability certificate and a student number hold the ID number: so do their masks. Where a mask
    can be read in several ways, only what all of them show counts.

    >>> id_pattern("431026**********1234"), id_pattern("431025*****1234")
    ('431026????????1234', '431025????????????')
    """
    if not _NUMBER.search(text) and not _NUMBER.search(fold(text)):
        return ""
    text = _without_notes(text)
    token = _token(text)
    if entity == "CN_DISABILITY_CERT" and "*" in token and len(token) not in (15, _ID, 20):
        return _fit(_stretched(token, 20)[:_ID])
    if entity == "CN_RESIDENT_ID" and len(token) > _ID and len(token) - token.rfind("*") <= 5:
        return _fit(_stretched(token, _ID))  # a few stars too many, as people type them
    shown = {embedded(reading) for reading in readings(text, entity)}
    if len(shown) == 1:
        return shown.pop()
    return "".join(
        column[0] if len(set(column)) == 1 else HIDDEN for column in zip(*shown, strict=True)
    )


def _without_notes(text: str) -> str:
    """A cell without what brackets add to its number (有效期至2035.01.01), unless it all stands in them."""
    bare = _NOTE.sub("", fold(text))
    return bare if _NUMBER.search(bare) else text


_FITS = later(r"[\d?]{17}[\dX?]")


def _fit(pattern: str) -> str:
    return pattern if _FITS.fullmatch(pattern) else ""


@lru_cache(maxsize=1 << 16)
def phone_pattern(text: str) -> str:
    """What of the first mobile number in a cell is shown, in 11 characters; empty when none is."""
    for piece in re.split(r"[、,;/]|\s{2,}", STAR_LIKE.sub("*", fold(text))):
        token = _token(piece)
        if len(token) == _MOBILE and "X" not in token:
            return token.replace("*", HIDDEN)
        if token[:1] == "1" and "*" in token:
            return _stretched(token, _MOBILE)
    return ""


def card_pattern(text: str) -> str:
    """What of an account number is shown; only its own length tells which digit is which."""
    token = _token(text)
    return token.replace("*", HIDDEN) if 12 <= len(token) <= 21 and "X" not in token else ""


_NOTE = later(r"[(\[][^()\[\]]*[)\]]?")
_HIDDEN_NAME = later(r"某+|[xX]{1,3}$")


@lru_cache(maxsize=1 << 17)
def name_pattern(text: str) -> str:
    """A name without blanks and notes, ``?`` for each hidden character, ``~`` for 某 (any length).

    >>> name_pattern("张＊三"), name_pattern("李某某（户主）")
    ('张?三', '李~')
    """
    plain = _NOTE.sub("", fold(text))
    plain = STAR_LIKE.sub(HIDDEN, "".join(plain.split()).replace("\u200b", ""))
    return _HIDDEN_NAME.sub(lambda match: "~" if "某" in match[0] else "?" * len(match[0]), plain)


def is_masked_name(name: str) -> bool:
    """Whether some characters of a name pattern are hidden."""
    return HIDDEN in name or "~" in name


@lru_cache(maxsize=1 << 14)  # whatever stands in a list
def name_form(name: str) -> re.Pattern[str]:
    """What a masked name can be the mask of."""
    return re.compile(
        "".join(
            "[^?~]" if char == HIDDEN else "[^?~]{1,3}" if char == "~" else re.escape(char)
            for char in name
        )
    )


def style(pattern: str) -> str:
    """How a number is masked, as clerks say it.

    >>> style("431026????????1234"), style("?" * 18)
    ('前6后4', '全部遮盖')
    """
    return _style(pattern.translate(_SHOWN))


_SHOWN = str.maketrans("0123456789X", "0" * 11)


@lru_cache(maxsize=1 << 12)
def _style(shape: str) -> str:
    """The style of all numbers that show the same places."""
    if HIDDEN not in shape:
        return "未遮盖"
    first = shape.index(HIDDEN)
    last = len(shape) - 1 - shape.rindex(HIDDEN)
    if first == last == 0:
        return "全部遮盖" if set(shape) == {HIDDEN} else "露中间"
    inside = shape[first : len(shape) - last]
    ends = f"前{first}" * bool(first) + f"后{last}" * bool(last)
    return ends + ("及中间" if set(inside) != {HIDDEN} else "")


# ------------------------------------------------------------------------------- dates, ages, places


@lru_cache(maxsize=1 << 16)
def birth_pattern(text: str) -> str:
    """What a cell says of a birth date, as YYYYMMDD with ``?``.

    >>> birth_pattern("1949年12月"), birth_pattern("1949-12-31")
    ('194912??', '19491231')
    """
    told = birth_of(STAR_LIKE.sub("*", text))
    if told.birth:
        return told.birth.strftime("%Y%m%d")
    if told.month:
        return f"{told.month[0]}{told.month[1]:02d}??"
    return f"{told.year}????" if told.year else NO_FACTS.birth


_CODE = later(r"^\s*\d{3,}\s*-?|[\s*]")
"""The division code in front of a name (431025101-红星村), and blanks."""
_UP_TO_TOWN = later(r".*(?:镇|乡|街道|办事处|苏木)(?=.{2})")
_VILLAGE_END = later(r"(?:村民委员会|居民委员会|村委会|居委会|行政村|村|社区|嘎查)+$")
_TOWN_END = later(r"(?:人民政府|街道办事处|街道办|办事处|街道|镇|乡|苏木)+$")


@lru_cache(maxsize=1 << 16)
def village_key(text: str) -> str:
    """A village's name without what lists write or leave out around it.

    >>> village_key("武水镇红星村民委员会"), village_key("红星村")
    ('红星', '红星')
    """
    plain = _CODE.sub("", fold(text))
    short = _UP_TO_TOWN.sub("", plain)
    return _VILLAGE_END.sub("", short) or short


@lru_cache(maxsize=1 << 12)
def town_key(text: str) -> str:
    """A town's name without its kind and what stands above it."""
    plain = _CODE.sub("", fold(text))
    plain = re.sub(r"^.*[省市县区旗](?=.{2})", "", plain)
    return _TOWN_END.sub("", plain) or plain


@lru_cache(maxsize=1 << 16)
def locality_of(address: str) -> tuple[str, str]:
    """(town, village) that an address names, as keys; empty where it names none."""
    parsed = parse_address(fold(address))
    if parsed is None:
        return "", ""
    folded, at = fold(address), parsed.start
    found = {"town": "", "village": ""}
    for part in parsed.parts:
        if part.level in found:
            found[part.level] = folded[at : part.end]
        at = part.end
    return town_key(found["town"]), village_key(found["village"])


# ------------------------------------------------------------------------------------- the layout


_IDS = {
    "CN_RESIDENT_ID": "CN_RESIDENT_ID",
    "CN_STUDENT_NO": "CN_STUDENT_NO",
    "CN_DISABILITY_CERT": "CN_DISABILITY_CERT",
    "CN_SOCIAL_SECURITY_NO": "CN_RESIDENT_ID",
}
_OTHERS_ID = frozenset(("guardian_id", "other_person_id"))


@dataclass
class _Seat:
    """One person of a row: the columns of the name and of what belongs to it."""

    name: int
    ids: list[tuple[int, str]] = field(default_factory=list)
    births: list[int] = field(default_factory=list)
    ages: list[int] = field(default_factory=list)
    sexes: list[int] = field(default_factory=list)


@dataclass
class Layout:
    """The columns of a block that tell persons apart; the first seat has the row's own things."""

    seats: list[_Seat] = field(default_factory=list)
    village: list[int] = field(default_factory=list)
    town: list[int] = field(default_factory=list)
    county: list[int] = field(default_factory=list)
    address: list[int] = field(default_factory=list)
    phones: list[int] = field(default_factory=list)
    cards: list[int] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    untold: list[int] = field(default_factory=list)


def layout_of(block: Block) -> Layout:
    """Which column of a block says what of whom."""
    layout = Layout()
    if block is NO_BLOCK or block.agency or block.aggregate:
        return layout
    profiles = [block.profiles[index] for index in sorted(block.profiles)]
    for profile in profiles:
        _seat_of_row(layout, profile)
    layout.seats = _seats(block, profiles)
    return layout


def _seat_of_row(layout: Layout, profile: Profile) -> None:
    columns: dict[str, list[int]] = {
        "village": layout.village,
        "town": layout.town,
        "county": layout.county,
        "city": layout.county,
        "address": layout.address,
        "hukou_address": layout.address,
        "amount": layout.amounts,
    }
    if profile.label.field in columns:
        columns[profile.label.field].append(profile.index)
    elif profile.label.entity == "CN_ADDRESS":
        layout.address.append(profile.index)
    elif profile.label.entity == "CN_MOBILE":
        layout.phones.append(profile.index)
    elif profile.label.entity == "CN_BANK_CARD":
        layout.cards.append(profile.index)
    elif not profile.label.entity and not profile.label.public:
        layout.untold.append(profile.index)


def _seats(block: Block, profiles: Sequence[Profile]) -> list[_Seat]:
    owned: dict[int, list[Profile]] = dict(features_of(block))
    if not owned:
        seats = [_Seat(-1)]
        owned = {-1: list(profiles)}
    else:
        seats = [_Seat(name) for name in sorted(owned)]
    for seat in seats:
        for profile in owned[seat.name]:
            _give(seat, profile)
    for profile in profiles:
        if profile.label.entity == "SEX" or profile.label.field == "sex":
            before = [seat for seat in seats if seat.name < profile.index]
            (before or seats)[-1 if before else 0].sexes.append(profile.index)
    numbered = [seat for seat in seats if seat.ids]
    own = [s for s in seats if s.name >= 0 and block.profiles[s.name].label.field == "name"]
    return numbered or (own or seats)[:1]


def _give(seat: _Seat, profile: Profile) -> None:
    entity = profile.label.entity
    if entity in _IDS and profile.label.field not in _OTHERS_ID:
        seat.ids.append((profile.index, _IDS[entity]))
    elif entity == "BIRTH_DATE":
        seat.births.append(profile.index)
    elif entity == "AGE":
        seat.ages.append(profile.index)


# --------------------------------------------------------------------------------------- the rows


def united(first: str, second: str) -> str | None:
    """Two patterns of one value laid over each other; None where they contradict.

    >>> united("431026????????1234", "43102619491231????")
    '431026194912311234'
    """
    if len(first) != len(second):
        return None if first and second else first or second
    if first == second:
        return first
    merged = [b if a == HIDDEN else a for a, b in zip(first, second, strict=True)]
    other = [a if b == HIDDEN else b for a, b in zip(first, second, strict=True)]
    return "".join(merged) if merged == other else None


class RowReader:
    """Rows of one table -> persons; what repeats itself is made once."""

    def __init__(self, publication: Publication, table: int, areas: frozenset[str]) -> None:
        self._publication = publication
        self._table = table
        self._areas = areas
        self._layouts: dict[int, tuple[Block, Layout]] = {}
        self._known: dict[object, object] = {}

    def set_areas(self, areas: frozenset[str]) -> None:
        """The counties that the title names: those of rows that name none themselves."""
        self._areas = areas

    def layout(self, block: Block) -> Layout:
        """The layout of a block, told once."""
        known = self._layouts.get(id(block))
        if known is None or known[0] is not block:
            known = self._layouts[id(block)] = block, layout_of(block)
            for index, profile in block.profiles.items():
                self._publication.headers.setdefault((self._table, index), profile.header)
                leaf = profile.header.rpartition(" / ")[2]
                column = leaf, profile.label.field
                self._publication.columns.setdefault((self._table, index), column)
        return known[1]

    def take(self, view: View) -> None:
        """Add the persons of one row of data."""
        layout = self.layout(view.block)
        cells = view.row.cells
        town, village = self._locality(layout, cells)
        people = self._publication.people
        for number, seat in enumerate(layout.seats):
            for name, texts in _members(seat, cells):
                shown, column = _shown_id(seat, texts), -1
                if not shown and number == 0:
                    shown, column = _untold_id(layout.untold, cells)
                if not name and not shown:
                    continue
                # Whoever knows the first six characters has no use for the county.
                areas = frozenset[str]() if "?" not in shown[:6] else self._areas_of(layout, cells)
                facts = self._facts(seat, texts, areas)
                first = number == 0
                if column < 0:
                    column = next((at for at, _ in seat.ids if at in cells), max(seat.name, 0))
                people.append(
                    Person(
                        self._table,
                        view.row.index,
                        column,
                        self._same(name),
                        town,
                        village,
                        shown,
                        self._pattern(layout.phones, cells, phone_pattern) if first else "",
                        self._pattern(layout.cards, cells, card_pattern) if first else "",
                        facts,
                        self._same(_first(layout.amounts, cells)) if first else "",
                    )
                )

    def _same(self, value: str) -> str:
        return self._known.setdefault(value, value)  # type: ignore[return-value]

    def _pattern(
        self, columns: Sequence[int], cells: Mapping[int, str], shown: Callable[[str], str]
    ) -> str:
        text = _first(columns, cells)
        return self._same(shown(text)) if text else ""

    def _locality(self, layout: Layout, cells: Mapping[int, str]) -> tuple[str, str]:
        town = town_key(_first(layout.town, cells))
        village = village_key(_first(layout.village, cells))
        if not (town and village) and layout.address:
            more = locality_of(_first(layout.address, cells))
            town, village = town or more[0], village or more[1]
        return self._same(town), self._same(village)

    def _areas_of(self, layout: Layout, cells: Mapping[int, str]) -> frozenset[str]:
        columns = (*layout.county, *layout.town, *layout.address[:1])
        texts = [cells[column][:40] for column in columns if column in cells]
        return areas_of_row(texts, self._areas) or frozenset()

    def _facts(self, seat: _Seat, cells: Mapping[int, str], areas: frozenset[str]) -> Facts:
        birth, ages, sex = NO_FACTS.birth, None, ""
        for column in (*seat.births, *(at for at, _ in seat.ids)):  # 身份证号/出生年月
            if birth == NO_FACTS.birth and len(cells.get(column, "")) < _ID - 3:
                birth = birth_pattern(cells.get(column, ""))
        if seat.ages:
            ages = ages_of(_first(seat.ages, cells))
        if seat.sexes:
            sex = sex_of(_first(seat.sexes, cells))
        facts = Facts(birth, ages, sex, areas)
        return self._known.setdefault(facts, facts)  # type: ignore[return-value]


def _first(columns: Sequence[int], cells: Mapping[int, str]) -> str:
    """The first of the columns that is filled in this row."""
    for column in columns:
        if column in cells:
            return cells[column]
    return ""


def _members(seat: _Seat, cells: Mapping[int, str]) -> Iterator[tuple[str, Mapping[int, str]]]:
    """(name, cells) of each person of a seat: several may stand in one cell, one below the other."""
    text = cells.get(seat.name, "")
    names = _pieces(text)
    if len(names) < 2:
        yield name_pattern(text), cells
        return
    columns = [*(at for at, _ in seat.ids), *seat.births, *seat.ages, *seat.sexes]
    split = {at: _pieces(cells[at]) for at in columns if at in cells}
    for number, name in enumerate(names):
        own = {at: parts[number] for at, parts in split.items() if len(parts) == len(names)}
        yield name_pattern(name), own


_BREAKS = later(r"[、,;/\n\r]+")


def _pieces(text: str) -> list[str]:
    if len(text) < 5 or not _BREAKS.search(fold(text)):
        return [text]
    return [piece.strip() for piece in _BREAKS.split(fold(text)) if piece.strip()]


def _shown_id(seat: _Seat, cells: Mapping[int, str]) -> str:
    """What all ID columns of a person show together; one that contradicts is another person's."""
    shown = ""
    for column, entity in seat.ids:
        if column in cells:
            more = id_pattern(cells[column], entity)
            shown = united(shown, more) or shown
    return shown


def _untold_id(columns: Sequence[int], cells: Mapping[int, str]) -> tuple[str, int]:
    """A masked ID number in a column that no header tells, and the column."""
    for column in columns:
        text = cells.get(column, "")
        match = _IN_LINE.search(STAR_LIKE.sub("*", fold(text))) if len(text) >= _ID else None
        if match and len(match[0]) == _ID:
            return id_pattern(match[0]), column
    return "", -1


# --------------------------------------------------------------------------------- forms and lines


def form_person(values: Sequence[tuple[Label, str, int]]) -> Person | None:
    """The person that the labelled values of a form speak of: (label, text, row * 2**16 + column)."""
    name = shown = phone = ""
    birth, ages, sex = NO_FACTS.birth, None, ""
    town = village = ""
    at = -1
    for label, text, place in values:
        if label.entity in _IDS and label.field not in _OTHERS_ID:
            shown = shown or id_pattern(text, _IDS[label.entity])
            at = place
        elif label.field in ("name", "head_name"):
            name = name or name_pattern(text)
            at = place if at < 0 else at
        elif label.entity == "CN_MOBILE":
            phone = phone or phone_pattern(text)
        elif label.entity == "BIRTH_DATE":
            birth = birth_pattern(text)
        elif label.entity == "AGE":
            ages = ages_of(text)
        elif label.field == "sex":
            sex = sex_of(text)
        elif label.entity == "CN_ADDRESS" or label.field == "village":
            town, village = locality_of(text)
            village = village or (village_key(text) if label.field == "village" else "")
    if at < 0:
        return None
    facts = Facts(birth, ages, sex, frozenset())
    return Person(0, at >> 16, at & 0xFFFF, name, town, village, shown, phone, "", facts)


# Masked numbers only: what stands in plain is found by ``scan``, which knows an order number from an ID.
_IN_LINE = later(r"(?<![\dA-Za-z*])\d{1,17}(?:\*{2,}|[xX]{2,})[\dXx*]{0,16}")
_HAN_RUN = later(r"[\u4e00-\u9fff][\u4e00-\u9fff*?]{1,3}(?![\u4e00-\u9fff])")


def line_people(text: Text) -> Iterator[tuple[str, str]]:
    """(name, ID pattern) of each number that a line of prose shows after a name."""
    plain = STAR_LIKE.sub("*", fold(text.text))
    end = 0
    for match in _IN_LINE.finditer(plain):
        shown = id_pattern(match.group())
        before = plain[end : match.start()]
        end = match.end()
        names = [name_pattern(run) for run in _HAN_RUN.findall(before)]
        likely = [name for name in names if is_masked_name(name) or is_name(name)]
        if shown and likely:
            yield likely[0], shown


# ------------------------------------------------------------------------------------ whole tables


def table_views(table: Table) -> Iterator[list[View]]:
    """Every row as it is judged, a window at a time; rows that are plain data beyond doubt are not
    judged again once the block above them is known."""
    block = NO_BLOCK
    for window in windows(table.rows()):
        plain = _Plain(block)
        if block is not NO_BLOCK and len(window) == WINDOW and all(map(plain, window)):
            yield [View(row, "data", block) for row in window]
            continue
        views, block = profile_rows(window, table.merges, block)
        yield views


class _Plain:
    """Whether a row is data for sure: as wide as the block, a name and numbers where they belong."""

    def __init__(self, block: Block) -> None:
        layout = layout_of(block)
        self._least = max(3, block.width - 2)
        self._names = [seat.name for seat in layout.seats if seat.name >= 0]
        self._ids = [column for seat in layout.seats for column, _ in seat.ids]

    def __call__(self, row: Row) -> bool:
        cells = row.cells
        return (
            bool(self._names and self._ids)
            and len(cells) >= self._least
            and all(_NAME_CELL.fullmatch(cells.get(column, "")) for column in self._names)
            and all(_ID_CELL.fullmatch(cells.get(column, "")) for column in self._ids)
        )


_NAME_CELL = later(r"[\u4e00-\u9fff][\u4e00-\u9fff*×＊●○某]{1,3}")
_ID_CELL = later(r"[\d*×＊●■xX]{10,20}")


_IN_NAME = later(
    r"(?<!\d)(20\d\d)(?:\s*[年.\-_]\s*(\d{1,2})(?:\s*[月.\-_]\s*(\d{1,2}))?|(\d\d)(\d\d)?(?!\d))?(?!\d)"
)


def date_in_name(name: str) -> datetime.date | None:
    """The day that a file name gives; the first of the month where it gives only a month.

    >>> date_in_name("2026年3月低保名单.xlsx"), date_in_name("名单20260315.csv")
    (datetime.date(2026, 3, 1), datetime.date(2026, 3, 15))
    """
    for match in _IN_NAME.finditer(fold(name)):
        month, day = match[2] or match[4], match[3] or match[5]
        if month:
            try:
                return datetime.date(int(match[1]), int(month), int(day or 1))
            except ValueError:
                continue
    return None
