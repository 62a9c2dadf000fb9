"""Places, numbers, dates and formulas of spreadsheets: pure functions, no package and no XML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from deid.errors import UnsafeEdit
from deid.later import later
from deid.model import Edit

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
STAR = "●"
"""Hides a character where an asterisk is illegal or a wildcard."""

# --- places ------------------------------------------------------------------------------------------

PLACE = later(r"([A-Z]{1,3})([1-9][0-9]{0,6})(#formula|#phonetic)?")


@lru_cache(maxsize=MAX_COLUMNS)
def column_index(letters: str) -> int:
    """The column a name like ``AA`` stands for, from 0."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


class _Columns(dict[str, int]):
    """Column letters -> index, for the loop over all cells."""

    def __missing__(self, letters: str) -> int:
        self[letters] = column_index(letters)
        return self[letters]


COLUMNS = _Columns()


@lru_cache(maxsize=MAX_COLUMNS)
def column_letters(index: int) -> str:
    """The name of a column counted from 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_place(label: str, row: int, column: int) -> str:
    return f"{label}!{column_letters(column)}{row + 1}"


# --- numbers and dates -------------------------------------------------------------------------------

DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in number formats that show a date or a time (clause 18.8.30, with the East Asian ones)."""
_FORMAT_NOISE = later(r'(?i)"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')
PLAIN_INTEGER = later(r"0|-?[1-9][0-9]{0,14}")


def is_date_format(code: str) -> bool:
    """Whether a number format shows a date or a time of day."""
    plain = _FORMAT_NOISE.sub("", code.partition(";")[0])
    return "[" not in plain and bool(re.search(r"[ymdhs]", plain, re.I)) and "General" not in plain


def plain_number(raw: str) -> str:
    """A stored number as plain decimal text with the 15 digits that Excel keeps.

    >>> plain_number("5.10104198304209E+17")
    '510104198304209000'
    """
    if PLAIN_INTEGER.fullmatch(raw):
        return raw
    try:
        number = Decimal(raw.strip())
    except InvalidOperation:
        return raw
    if not number.is_finite() or abs(number.adjusted()) > 30 or len(number.as_tuple().digits) > 25:
        return raw
    if number == number.to_integral_value():
        return f"{number:.0f}" if number else "0"
    if len(number.as_tuple().digits) > 17:  # no number that a spreadsheet wrote: hide nothing of it
        return f"{number:f}"
    text = f"{Decimal(f'{float(number):.15g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def date_text(raw: str, *, since_1904: bool) -> str | None:
    """A stored serial number as ISO 8601, or None if there is no such date."""
    try:
        serial = float(raw)
    except ValueError:
        return None
    if not 0 <= serial < 2_958_466:
        return None
    if not since_1904 and serial < 60:
        serial += serial >= 1
    start = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)
    try:
        moment = start + timedelta(seconds=round(serial * 86_400))
    except OverflowError:
        return None
    if serial < 1:
        return moment.time().isoformat()
    if moment.hour or moment.minute or moment.second:
        return moment.isoformat(" ")
    return moment.date().isoformat()


# --- formulas ----------------------------------------------------------------------------------------

_REFERENCE = later(r"\"(?:[^\"]|\"\")*\"|'((?:[^']|'')*)'!|([^\s'!\"(),;+\-*/^&=<>:{}\[\]@#%]+)!")
_A1 = later(
    r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\[[^\]]*\]|(?<![\w.$])(\$?)([A-Z]{1,3})(\$?)([1-9][0-9]{0,6})(?![\w.(!])"
)


def rename_edits(text: str, renames: Mapping[str, str]) -> list[Edit]:
    """The edits that make a formula, or a text that is a sheet name, follow a renaming."""
    if text in renames:
        return [Edit("", 0, len(text), renames[text])]
    out: list[Edit] = []
    for hit in _REFERENCE.finditer(text):
        name = hit[1].replace("''", "'") if hit[1] is not None else hit[2]
        if name is None:
            continue
        start, close, last = "", "", name
        if "]" in name:
            start, close, last = name.rpartition("]")
        new = ":".join(renames.get(part, part) for part in last.split(":"))
        if new != last and not start:
            quoted = new.replace("'", "''")
            out.append(Edit("", hit.start(), hit.end(), f"{start}{close}'{quoted}'!"))
    return out


def merged_edits(first: Sequence[Edit], second: Sequence[Edit]) -> list[Edit]:
    """Both, without those of ``second`` that overlap one of ``first``."""
    free = [e for e in second if not any(e.start < f.end and f.start < e.end for f in first)]
    return sorted([*first, *free], key=lambda edit: (edit.start, edit.end))


def moved_formula(text: str, rows: int, columns: int) -> str:
    """A formula as it reads that many cells further down and to the right."""

    def move(hit: re.Match[str]) -> str:
        if hit[2] is None:
            return hit[0]
        column = column_index(hit[2]) + (0 if hit[1] else columns)
        row = int(hit[4]) + (0 if hit[3] else rows)
        if not (0 <= column < MAX_COLUMNS and 1 <= row <= MAX_ROWS):
            raise UnsafeEdit("共享公式无法拆开，请先把公式列粘贴为数值再试")
        return f"{hit[1]}{column_letters(column)}{hit[3]}{row}"

    return _A1.sub(move, text)
