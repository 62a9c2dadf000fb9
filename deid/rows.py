"""What kind of row a row of a table is, by the labels in it: header, form, note, total, or data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise

from deid.fields import NO_LABEL, Label, _headers, exact_label, markers, normal, simplified
from deid.later import later
from deid.model import Row
from deid.text import fold

Merge = tuple[int, int, int, int]
"""Top row, left column, bottom row, right column."""

HEADER_LENGTH = 24
LONG_DIGITS = later(r"\d{5}")
_SMALL_NUMBER = later(r"\(?\d{1,2}\)?|[甲乙丙丁]|[一二三四五六七八九十]{1,2}")
TOTAL = later(r"(?:本页|全[镇乡县村]|.{0,6})?(?:合计|总计|小计|共计)[:：]?")
NAME_FIELDS = frozenset(
    ("name", "head_name", "member_names", "spouse_name", "guardian_name", "payee_name")
)


def strong_labels(row: Row) -> dict[int, Label]:
    """The cells that are, word for word, a header or a label."""
    return {
        column: label
        for column, text in row.cells.items()
        if (label := label_of(text)) is not NO_LABEL and column not in row.numbers
    }


@lru_cache(maxsize=1 << 14)
def label_of(text: str) -> Label:
    """What a text says that is, word for word, a header or a label; a long one is none."""
    return NO_LABEL if len(text) > HEADER_LENGTH + 16 else exact_label(text)


TELLS = 2
"""Of a text in whose row other cells have to be looked at to tell that it is one of data."""


@lru_cache(maxsize=1 << 14)
def marks_of_text(text: str) -> int:
    """1 for a label, ``TELLS`` for a blank, a footer, a sum, a signature, both or neither.

    A row of several texts with no marks, in a block, is one of data.
    """
    if _PLAIN_NUMBER.fullmatch(text):
        return 0
    if not text or text.isspace():
        return TELLS
    told = ":" in text or "：" in text or "计" in text
    if "\u4e00" <= text[0] <= "\u9fff" and text[0] not in _first_characters():
        return TELLS if told else 0  # what is not a plain character may be spelled out otherwise
    told = told or normal(text).startswith(footers())
    return (label_of(text) is not NO_LABEL) + (TELLS if told else 0)


@cache
def _first_characters() -> frozenset[str]:
    """The characters with which a label or a footer begins, its numbering and what joins labels
    included."""
    first = {word[0] for word in (*_headers(), *footers()) if word}
    other = {chr(code) for code, plain in simplified().items() if plain in first}
    return frozenset(first | other | set("一二三四五六七八九十和及或"))


_PLAIN_NUMBER = later(r"[0-9*.,+\-/]+")
"""No label begins or ends with these, but for its numbering; no footer begins so."""
_NO_LABELS: Mapping[int, Label] = {}


def labels_of(rows: Sequence[Row]) -> tuple[dict[int, Mapping[int, Label]], frozenset[str]]:
    """The labels in each row, by its number, and the texts that tell what a row is."""
    texts: set[str] = set()
    for row in rows:
        texts.update(row.cells.values())
    marked = [
        (text, marks) for text, marks in zip(texts, map(marks_of_text, texts), strict=True) if marks
    ]
    telling = frozenset(text for text, marks in marked if marks & TELLS)
    plain = frozenset(text for text, marks in marked if marks & 1).isdisjoint
    return {
        row.index: _NO_LABELS if plain(row.cells.values()) else strong_labels(row) for row in rows
    }, telling


def texts_of(row: Row) -> list[str]:
    return [text for text in row.cells.values() if text.strip()]


def is_header(row: Row, strong: Mapping[int, Label]) -> bool:
    """A row most of whose cells are header words, and none a long number; or that is known as one."""
    if row.header:
        return True
    texts = texts_of(row) if strong else []
    if len(strong) == 1 and len(texts) > 1:
        return False
    if not texts or any(LONG_DIGITS.search(fold(text)) for text in texts):
        return False
    if len(texts) == 1:
        return len(strong) == 1 and next(iter(strong.values())).entity != ""
    short = sum(len(normal(text)) <= HEADER_LENGTH for text in texts)
    words = {normal(row.cells[column]) for column in strong}
    return len(words) >= 2 and len(strong) >= 0.4 * len(texts) and short >= 0.8 * len(texts)


def form_labels(row: Row, strong: Mapping[int, Label]) -> dict[int, Label]:
    """In a form row, value cells -> the label on their left."""
    columns = sorted(column for column, text in row.cells.items() if text.strip())
    values, last = {}, NO_LABEL
    for column in columns:
        if column in strong:
            last = strong[column]
        elif last is not NO_LABEL:
            values[column] = last
    return values


def is_form(row: Row, strong: Mapping[int, Label]) -> bool:
    """Labels and values in turn: 姓名 | 张三 | 性别 | 男."""
    columns = sorted(column for column, text in row.cells.items() if text.strip())
    if row.header or not strong or len(columns) < 2 or columns[0] not in strong:
        return False
    pairs = sum(a in strong and b not in strong for a, b in pairwise(columns))
    side = sum(a in strong and b in strong for a, b in pairwise(columns))
    return pairs > side and pairs * 2 >= len(columns) - 1


def sideways_rows(rows: Sequence[Row], strong: Mapping[int, Mapping[int, Label]]) -> frozenset[int]:
    """Rows of a list that lies on its side: 姓名 | 张三 | 李四, 身份证号 | … | …, a person a column.

    At least three rows with a label of another kind in front of several values each; one names
    persons, one holds a number or address of theirs.
    """
    found: set[int] = set()
    run: list[Row] = []
    for row in [*rows, _NO_ROW]:
        if not run and not strong.get(row.index):
            continue
        if not row.cells or (run and not _goes_on_sideways(run, row, strong)):
            labels = [_front_label(other, strong) for other in run]
            named = any(label.field in NAME_FIELDS for label in labels)
            if len(run) >= 3 and named and any(label.entity in _DIRECT for label in labels):
                found |= {other.index for other in run}
            run = []
        if _front_label(row, strong) is not NO_LABEL:
            run.append(row)
    return frozenset(found)


def _front_label(row: Row, strong: Mapping[int, Mapping[int, Label]]) -> Label:
    """The label in front of at least two values, none of which is a label of a number or name."""
    columns = sorted(column for column, text in row.cells.items() if text.strip())
    columns = columns[columns.index(_front(row, strong)) :] if columns else columns
    if len(columns) < 3 or row.header or columns[0] not in strong[row.index]:
        return NO_LABEL
    others = [strong[row.index][column] for column in columns[1:] if column in strong[row.index]]
    if any(label.entity or label.field in NAME_FIELDS for label in others):
        return NO_LABEL
    return strong[row.index][columns[0]]


def _goes_on_sideways(
    run: Sequence[Row], row: Row, strong: Mapping[int, Mapping[int, Label]]
) -> bool:
    """Whether a row lies under the last of the run, its label in the same column and a new one."""
    label = _front_label(row, strong)
    known = [_front_label(other, strong) for other in run]
    return (
        label is not NO_LABEL
        and label not in known
        and _front(row, strong) == _front(run[-1], strong)
    )


def _front(row: Row, strong: Mapping[int, Mapping[int, Label]]) -> int:
    """The column of the label in front: the second where the first names a group of rows."""
    columns = sorted(column for column, text in row.cells.items() if text.strip())
    labels = strong[row.index]
    grouped = len(columns) > 3 and columns[0] not in labels and columns[1] in labels
    return columns[grouped]


_NO_ROW = Row(-1, {})
_DIRECT = frozenset(("CN_RESIDENT_ID", "CN_MOBILE", "CN_LANDLINE", "CN_BANK_CARD", "CN_ADDRESS"))


def is_note(row: Row, width: int, wide: frozenset[int]) -> bool:
    """A row that is not data: a remark, a sign-off line, a legend, a footer."""
    if row.index in wide:
        return True
    texts = texts_of(row)
    first = normal(texts[0]) if texts else ""
    marked = first.startswith(footers()) and not TOTAL.fullmatch(first)
    if len(texts) == 1 and width == 1:
        return marked  # a list of one column: every row of it has one cell
    if len(texts) == 1:
        return len(first) > 12 or marked or (width > 3 and not first.isdigit())
    signed = sum(text.rstrip().endswith((":", "：")) or is_signed(text) for text in texts)
    return signed * 2 >= len(texts) or (marked and len(texts) * 3 <= width + 2)


def is_signed(text: str) -> bool:
    """A cell such as 审核人：李四 or 单位：元."""
    if ":" not in text and "：" not in text:
        return False
    return normal(fold(text).partition(":")[0]).endswith(footers())


@cache
def footers() -> tuple[str, ...]:
    return tuple(markers("footers"))


def is_total(row: Row) -> bool:
    if "计" not in "".join(row.cells.values()):
        return False
    cells = sorted(row.cells)[:4]
    texts = [row.cells[column] for column in cells]
    return any("计" in text and TOTAL.fullmatch(normal(text)) for text in texts)


def is_numbering(row: Row) -> bool:
    """The row of column numbers that some tables have below their header."""
    texts = texts_of(row)
    return len(texts) >= 3 and all(_SMALL_NUMBER.fullmatch(text.strip()) for text in texts)


def wide_rows(merges: Sequence[Merge]) -> frozenset[int]:
    """Rows whose first cell is merged over at least four columns: titles and notes."""
    return frozenset(
        top
        for top, left, bottom, right in merges
        if right - left >= 3 and left <= 1 and top == bottom
    )
