"""Whole columns of masked ID numbers -> T0, T1 and grade of each row, vectorised.

As ``deid.strength``, which says what is counted: each distinct part is counted once there, and the
rows only look their counts up. What is not written as 18 digits and marks goes there row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid.strength import (
    CHECKS,
    DEFAULT,
    Context,
    Limits,
    Part,
    Vector,
    area_parts,
    birth_span,
    combined,
    known_seqs,
    least_known,
    listed_span,
    measure,
    seq_parts,
)
from deid.strength import date_parts as parts_of_date
from deid.strength.context import sex_of, with_birth

Ints = NDArray[np.int64]
_HIDDEN = 10
_ODD = 99
_LENGTH = 18
_MARKS = "*×●■＊○□?？#"
_NONE = np.iinfo(np.int64).max
_FREE = 11
"""In place of a residue: the check character is hidden."""


@dataclass(frozen=True, slots=True)
class Graded:
    """T0, T1 and the grade (``A`` to ``D``) of each row."""

    t0: Ints = field(repr=False)
    t1: Ints = field(repr=False)
    grades: NDArray[np.str_] = field(repr=False)

    def histogram(self) -> Mapping[str, int]:
        """How many rows have each grade."""
        return {letter: int((self.grades == letter).sum()) for letter in "ABCD"}


def grade_columns(
    masked: Sequence[str],
    base: Context | None = None,
    *,
    births: Sequence[str] | None = None,
    ages: Sequence[str] | None = None,
    sexes: Sequence[str] | None = None,
    thresholds: Limits | None = None,
) -> Graded:
    """The strength of each row. ``births``, ``ages`` and ``sexes`` are columns as the list has them."""
    context = base or Context()
    told = _Told(len(masked), context, births, ages, sexes)
    digits, usual = _digits(masked)
    t0, t1 = np.ones((2, len(masked)), np.int64)
    _count(digits, usual, told, t0, t1)
    for at in np.flatnonzero(~usual).tolist():
        found = measure(masked[at], told.of_row(at))
        t0[at], t1[at] = found.t0, found.t1
    return Graded(t0, t1, _grades(t0, t1, thresholds or DEFAULT))


def _grades(t0: Ints, t1: Ints, limits: Limits) -> NDArray[np.str_]:
    good = (t0 >= limits.good) & (t1 >= limits.good_known)
    conditions = [good, t0 >= limits.fair, t0 >= limits.block]
    return np.select(conditions, ["A", "B", "C"], "D")


# ------------------------------------------------------------------------------------- digits


def _table() -> NDArray[np.uint8]:
    table = np.full(1 << 16, _ODD, np.uint8)
    table[ord("0") : ord("9") + 1] = range(10)
    table[[ord(mark) for mark in _MARKS]] = _HIDDEN
    return table


def _digits(masked: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A row of 18 digits each (10: hidden; X as last: 11), and which rows can be read so."""
    texts = np.array(masked, dtype=np.str_) if len(masked) else np.empty(0, "<U18")
    right = np.char.str_len(texts) == _LENGTH
    codes = texts.astype(f"<U{_LENGTH}").view(np.uint32).reshape(-1, _LENGTH)
    digits = _table()[np.minimum(codes, (1 << 16) - 1)]
    last = digits[:, -1]
    last[codes[:, -1] == ord("X")] = _HIDDEN + 1
    shown = digits == _HIDDEN
    usual = right & (digits != _ODD).all(axis=1) & shown.any(axis=1)
    return digits, usual


def _codes(digits: NDArray[np.uint8], first: int, last: int) -> Ints:
    """The digits of a part as one number to the base 11."""
    code = np.zeros(len(digits), np.int64)
    for at in range(first, last):
        code = code * 11 + digits[:, at]
    return code


def _pattern(code: int, length: int) -> str:
    """What ``_codes`` made a number of."""
    chars = []
    for _ in range(length):
        code, digit = divmod(code, 11)
        chars.append("?" if digit == _HIDDEN else str(digit))
    return "".join(reversed(chars))


# ------------------------------------------------------------------------------- other columns


class _Told:
    """What the other columns say: for each row the number of a context, each made once."""

    def __init__(
        self,
        rows: int,
        base: Context,
        births: Sequence[str] | None,
        ages: Sequence[str] | None,
        sexes: Sequence[str] | None,
    ) -> None:
        self.births: list[Context] = [base]
        self.birth = np.zeros(rows, np.int64)
        for column in (births, ages):
            if column is not None:
                self._add(column)
        self.sexes = [base.sex]
        self.sex = np.zeros(rows, np.int64)
        if sexes is not None:
            known: dict[Hashable, int] = {}
            self.sex = _numbered(sexes, known)
            self.sexes = [sex_of(str(text)) or base.sex for text in known]

    def _add(self, column: Sequence[str]) -> None:
        texts: dict[Hashable, int] = {}
        own = _numbered(column, texts)
        pairs, self.birth = np.unique(self.birth * len(texts) + own, return_inverse=True)
        said = [str(text) for text in texts]
        self.births = [
            with_birth(self.births[pair // len(said)], said[pair % len(said)])
            for pair in pairs.tolist()
        ]

    def of_row(self, at: int) -> Context:
        """All that is told of one row."""
        return replace(self.births[int(self.birth[at])], sex=self.sexes[int(self.sex[at])])


def _numbered(values: Iterable[Hashable], known: dict[Hashable, int]) -> Ints:
    """Each value as the number of its first appearance; ``known`` holds them afterwards."""
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


# ------------------------------------------------------------------------------------- counting


class _Parts:
    """For each row the vector of one part, by number, and its residue."""

    def __init__(self, keys: Ints, choices: Callable[[int], tuple[Part, ...]]) -> None:
        distinct, inverse = np.unique(keys, return_inverse=True)
        numbers: dict[Hashable, int] = {}
        own, shifts, single = [], [], []
        for key in distinct.tolist():
            parts = choices(key)
            own.append(numbers.setdefault(parts[0][0], len(numbers)))
            shifts.append(parts[0][1])
            single.append(len(parts) == 1)
        self.vectors: list[Any] = list(numbers)
        self.number: Ints = np.array(own, np.int64)[inverse]
        self.shift: Ints = np.array(shifts, np.int64)[inverse]
        self.single: NDArray[np.bool_] = np.array(single, bool)[inverse]


def _count(
    digits: NDArray[np.uint8], usual: NDArray[np.bool_], told: _Told, t0: Ints, t1: Ints
) -> None:
    """Fill in T0 and T1 of the usual rows; rows with a part that nobody knows are no longer usual."""
    rows = np.flatnonzero(usual)
    if not len(rows):
        return
    digits, births, sexes = digits[rows], told.birth[rows], told.sex[rows]
    areas, dates = told.births[0].areas, len(told.births)
    area = _Parts(_codes(digits, 0, 6), lambda key: area_parts(_pattern(key, 6), areas))
    spans = [(birth_span(context), listed_span(context.on)) for context in told.births]
    date = _Parts(
        _codes(digits, 6, 14) * dates + births,
        lambda key: parts_of_date(_pattern(key // dates, 8), *spans[key % dates]),
    )
    own = _codes(digits, 14, 17) * len(told.sexes) + sexes
    seqs = [_Parts(own, choice) for choice in _sequences(told.sexes)]
    checks = _residues(digits[:, 17])
    single = area.single & date.single & np.logical_and.reduce([seq.single for seq in seqs])
    most = _looked_up(area, date, seqs[0], checks, combined)
    known = [_looked_up(area, date, seq, checks, least_known) for seq in seqs[1:]]
    fitting = np.array([np.where(found > 0, found, _NONE) for found in known]).min(axis=0)
    t0[rows] = np.maximum(most, 1)
    t1[rows] = np.where(fitting == _NONE, 1, np.minimum(fitting, t0[rows]))
    usual[rows[~single]] = False


def _sequences(sexes: Sequence[str]) -> Sequence[Callable[[int], tuple[Part, ...]]]:
    """The sequence numbers as the row tells them, and for each sex that the person may be of."""

    def told(key: int) -> tuple[Part, ...]:
        return seq_parts(_pattern(key // len(sexes), 3), sexes[key % len(sexes)])

    def known(at: int, key: int) -> tuple[Part, ...]:
        return known_seqs(_pattern(key // len(sexes), 3), sexes[key % len(sexes)])[at]

    return told, partial(known, 0), partial(known, -1)


def _residues(checks: NDArray[np.uint8]) -> Ints:
    """The residue that each check character stands for."""
    shown = [CHECKS.index(char) for char in "0123456789"]
    table = np.array([*shown, _FREE, CHECKS.index("X")], np.int64)
    return table[checks]


def _looked_up(
    area: _Parts,
    date: _Parts,
    seq: _Parts,
    checks: Ints,
    counted: Callable[[Vector, Vector, Vector, int | None], int],
) -> Ints:
    """For each row the count of its vectors and its residue; each combination is counted once."""
    target = (checks - area.shift - date.shift - seq.shift) % 11
    target = np.where(checks == _FREE, _FREE, target)
    sizes = (len(area.vectors), len(date.vectors), len(seq.vectors), _FREE + 1)
    keys = np.ravel_multi_index((area.number, date.number, seq.number, target), sizes)
    distinct, inverse = np.unique(keys, return_inverse=True)
    found = [
        counted(
            area.vectors[a], date.vectors[d], seq.vectors[s], None if residue == _FREE else residue
        )
        for a, d, s, residue in zip(
            *(axis.tolist() for axis in np.unravel_index(distinct, sizes)), strict=True
        )
    ]
    return np.array(found, np.int64)[inverse]
