"""What is known of one table while its cells go by: which columns go where, what stands in them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from deid.columns import Profile
from deid.fields import field_of, raw_fields
from deid.later import later
from deid.model import Edit, Table
from deid.operators import REST
from deid.tables import CellFindings

MOST_LISTED = 20


@dataclass(slots=True)
class Stray:
    """A text outside the data that stands in a column which may go."""

    row: int
    column: int
    place: str
    length: int
    stays: bool


class Grid:
    """What is known of one table: which columns go where, and what stands in them."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.keeps: set[int] = set()
        self.spans: dict[int, list[list[int]]] = {}
        self.strays: list[Stray] = []
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
                more = told_again(place, text, edits, self.gone)
                if more:
                    self.starred[place] = more
        self._row, self._texts, self.gone, self.free, self.kept = row, 0, [], [], set()

    def stray(self, cell: CellFindings, *, stays: bool) -> None:
        """Remember a text that is no value of the list."""
        self._texts += cell.zone in ("note", "title")
        self.strays.append(Stray(cell.row, cell.column, cell.place, len(cell.text), stays))

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


def told_again(place: str, text: str, edits: Sequence[Edit], values: Sequence[str]) -> list[Edit]:
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


def is_nameless(cell: CellFindings) -> bool:
    """Whether a cell of words stands in a column of which nothing tells what it holds."""
    profile = cell.profile
    if profile is None or profile.header or field_of(profile.label):
        return False
    return bool(_HAN.search(cell.text))


def is_free(profile: Profile | None) -> bool:
    """Whether a column holds free text, in which a value of another column may be told again."""
    return profile is None or profile.label.field in ("", "remark")


def tells(profile: Profile | None, text: str) -> bool:
    """Whether a value that goes would harm if it were told again in the same row."""
    if profile is None or not 2 <= len(text.strip()) <= 40 or not _HAN.search(text):
        return False
    spec = raw_fields()["fields"].get(field_of(profile.label), {})
    return spec.get("role") in PERSONAL


PARTS = later(r"[\s,，、;；。()（）]+")
_HAN = later("[\u4e00-\u9fff]")
PERSONAL = frozenset(("identifier", "quasi", "sensitive"))
"""Roles of fields that a whitelist hides in running text too; what is public there may stay."""
