"""The values that pass between the modules: frozen, without behaviour.

Offsets count characters of the text they belong to, as Python does. Rows and columns count from 0.
No value here is ever logged or written to a report as it is: texts hold cell content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

READING = "¦"
"""Divides one or more places from the name of another reading of the characters that stand there,
such as a paragraph before its tracked changes: an edit of one reading shows in all of them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in one text that holds an entity. It holds no content: slice the text to see it."""

    start: int
    end: int
    entity: str
    score: float
    why: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace ``text[start:end]`` of the cell or text at ``place`` by ``replacement``."""

    place: str
    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: the cells that are not empty, as a reader sees them.

    ``numbers`` names the columns whose cell is stored as a number (text then is its plain decimal
    form, ``4.12E+17`` spelled out); ``dates`` those stored as a date (text then is ISO 8601).
    ``header``: the source itself says that these are column titles (a DataFrame's).
    """

    index: int
    cells: Mapping[int, str]
    numbers: frozenset[int] = frozenset()
    dates: frozenset[int] = frozenset()
    header: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Cells in rows and columns.

    ``rows()`` starts a new pass each time it is called and streams in row order. ``merges`` are
    (first row, first column, last row, last column), all inclusive. ``place(row, column)`` names a
    cell as reports do (``Sheet1!C5``, ``R3C2``).
    """

    name: str
    rows: Callable[[], Iterator[Row]]
    place: Callable[[int, int], str]
    merges: tuple[tuple[int, int, int, int], ...] = ()
    hidden: bool = False
    kinds: tuple[tuple[int, str], ...] = ()
    """Column and what a person said it holds: a field, an entity, or ``skip``."""


@dataclass(frozen=True, slots=True)
class Text:
    """A run of text outside every table: a paragraph, a comment, a property, an attribute.

    ``column`` points to the cell that a note belongs to, when there is one. ``star`` is the
    character that stands for a hidden one here, where ``*`` would be illegal or have a meaning.
    """

    place: str
    text: str
    star: str = "*"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the file that a person must know. ``look``: a person has to look before it
    is published (a picture, a macro-free chart); otherwise it is told only."""

    place: str
    message: str
    look: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    """What a table column was judged to hold, and why."""

    table: str
    index: int
    header: str
    field: str
    entity: str
    why: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the list that a person has to look at."""

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class Override:
    """A rule that a person set aside, and the reason that this person wrote."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was found, changed and left in one file, as counts and places, never as content.

    ``status``: ``publish`` (可发布), ``look`` (需人工查看: written), ``refused`` (不可发布: not
    written), ``unreadable`` (not written).
    """

    source: str
    output: str
    status: str
    message: str = ""
    format: str = ""
    policy: str = ""
    found: Mapping[str, int] = field(default_factory=dict)
    changed: int = 0
    columns: tuple[Column, ...] = ()
    items: tuple[Item, ...] = ()
    left: tuple[Item, ...] = ()
    source_sha256: str = ""
    output_sha256: str = ""
    seconds: float = 0.0
    dropped: tuple[str, ...] = ()
    """Headers of the columns that were taken out."""
    generalised: tuple[str, ...] = ()
    """Headers of the columns whose values were made coarser."""
    strength: Mapping[str, int] = field(default_factory=dict)
    """Grade (A to D) -> rows that show a masked number."""
    overrides: tuple[Override, ...] = ()
    due: str = ""
    retention: str = ""
