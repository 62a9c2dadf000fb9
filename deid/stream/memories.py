"""Cells of a csv file that were seen before, and what became of them, looked up by the thousand."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from deid.vector import HIGH, LOW7, OVER9, WIDEST, ZEROS, Bytes, Places, Words, inside, lines_at


class Fate(NamedTuple):
    """What becomes of every cell with the same key: bytes ``start`` to ``end`` are replaced.

    ``digits``: how many characters it has, if it is digits. ``settled``: what is left of it was
    looked at, and holds nothing to hide. ``vote``: what such values make of a column that nothing is
    known of.
    """

    kind: int
    start: int = 0
    end: int = 0
    replacement: bytes = b""
    marks: int = 0
    young: bool = False
    hits: bool = False
    digits: int = 0
    settled: bool = False
    vote: int = 0


NOTHING, ONE_EDIT, ASK = 0, 1, 2
LONG, STILL_LONG, ODD = 1, 2, 4
"""Marks: five digits in a row; that when it is masked, too; a row that might be no data."""
_FIELDS = {name: at for at, name in enumerate(Fate._fields)}


def _zero_digits(words: Words) -> None:
    """Make all digits ``0``; words of Han alone are told at once."""
    if np.bitwise_and.reduce(words) & HIGH == HIGH:
        return
    bare = words ^ ZEROS
    other = bare & LOW7
    other += OVER9
    other |= bare
    other &= HIGH
    other ^= HIGH
    other >>= np.uint64(7)
    other *= np.uint64(15)
    np.invert(other, out=other)
    words &= other


def alike(numbers: Places) -> Iterator[tuple[int, Places | slice]]:
    """Each number that there is, and in order where it is."""
    if not len(numbers):
        return
    if (numbers == numbers[0]).all():
        yield int(numbers[0]), slice(None)
        return
    order = np.argsort(numbers, kind="stable")
    bounds = np.flatnonzero(np.diff(numbers[order])) + 1
    for places in np.split(order, bounds):
        yield int(numbers[places[0]]), places


class Cells(NamedTuple):
    """Some cells' words, zero behind their ends, one line for each word; and their hashes."""

    words: list[Words]
    hashes: Words

    def some(self, chosen: Places) -> Cells:
        """Those of them."""
        return Cells([words[chosen] for words in self.words], self.hashes[chosen])


class Memory:
    """Cells seen before and what became of them, looked up by the thousand.

    Two cells are the same when their bytes are, or with ``alike`` when they are but for the values
    of their digits. Words and fates stand in columns, so that each step reads what it needs only.
    """

    def __init__(self, *, alike: bool) -> None:
        self._alike = alike
        self._count = 0
        self._hashes = np.zeros(1024, np.uint64)
        self._words = np.zeros((WIDEST // 8, 1024), np.uint64)
        self._fates = np.zeros((len(Fate._fields), 1024), np.int64)
        self._slots = np.full(4096, -1, np.int64)
        self._replacements: dict[bytes, int] = {}
        self.used = np.zeros(0, np.int64)
        seed = np.frombuffer(secrets.token_bytes(WIDEST + 8), np.uint64)
        self._keys = seed | np.uint64(1)

    def __len__(self) -> int:
        return self._count

    def key(self, source: Bytes, starts: Places, lengths: Places) -> Cells:
        """The words of each cell (at most WIDEST bytes)."""
        count = max(1, -(-int(lengths.max(initial=1)) // 8))
        least = int(lengths.min(initial=WIDEST))
        total = np.zeros(len(starts), np.uint64)
        lines = lines_at(source, starts, count)
        for at, words in enumerate(lines):
            if least < 8 * at + 8:
                words &= inside(lengths - 8 * at)
            if self._alike:
                _zero_digits(words)
            mixed = words * self._keys[at]
            mixed ^= mixed >> np.uint64(29)
            mixed *= self._keys[-1]
            total += mixed
        return Cells(list(lines), total)

    def find(self, cells: Cells) -> Places:
        """The number of the fate of each cell, -1 where it is not known."""
        slots = self._slot(cells.hashes)
        numbers = self._slots[slots]
        same = self._hashes[numbers] == cells.hashes
        others = np.flatnonzero(~same & (numbers >= 0))
        while len(others):
            slots[others] = (slots[others] + 1) % len(self._slots)
            numbers[others] = self._slots[slots[others]]
            same[others] = self._hashes[numbers[others]] == cells.hashes[others]
            others = others[~same[others] & (numbers[others] >= 0)]
        same &= numbers >= 0
        for at, words in enumerate(cells.words):
            same &= self._words[at][numbers] == words
        for behind in self._words[len(cells.words) :]:
            if behind.any():
                same &= behind[numbers] == 0
        numbers[~same] = -1
        return numbers

    def _slot(self, hashes: Words) -> Places:
        return (hashes >> np.uint64(65 - len(self._slots).bit_length())).astype(np.int64)

    def learn(self, cells: Cells, judge: Callable[[int], Fate]) -> None:
        """The fates of cells that ``find`` did not know; ``judge`` is asked once for each key."""
        order = np.argsort(cells.hashes, kind="stable")  # np.unique would load numpy.ma
        found = cells.hashes[order]
        first = order[np.append(True, found[1:] != found[:-1])]
        fates = [judge(int(at)) for at in first]
        base = self._count
        self._count += len(fates)
        while self._count >= len(self._hashes):  # the last place stays free: -1 is read there
            self._grow()
        behind = slice(base, self._count)
        self._hashes[behind] = cells.hashes[first]
        for line, words in zip(self._words, cells.words, strict=False):
            line[behind] = words[first]
        ids = self._replacements
        for at, fate in enumerate(fates, base):
            number = ids.setdefault(fate.replacement, len(ids))
            self._fates[:, at] = [*fate[:3], number, *fate[4:]]
            self._seat(at)
        self.used = np.append(self.used, np.zeros(len(fates), np.int64))

    def _grow(self) -> None:
        old = len(self._hashes)
        self._hashes = np.concatenate([self._hashes, np.zeros(old, np.uint64)])
        self._words = np.concatenate([self._words, np.zeros_like(self._words)], axis=1)
        self._fates = np.concatenate([self._fates, np.zeros_like(self._fates)], axis=1)
        self._slots = np.full(old * 8, -1, np.int64)
        for at in range(len(self.used)):
            self._seat(at)

    def _seat(self, at: int) -> None:
        slot = int(self._slot(self._hashes[at : at + 1])[0])
        while self._slots[slot] >= 0:
            slot = (slot + 1) % len(self._slots)
        self._slots[slot] = at

    def fate(self, name: str, numbers: Places) -> Places:
        """One field of the fates of those numbers; -1 for a replacement's bytes stands its number."""
        found: Places = self._fates[_FIELDS[name]][numbers]
        return found

    def use(self, numbers: Places) -> list[int]:
        """Count fates that come true; those that never did before."""
        counted = np.bincount(numbers, minlength=len(self.used))
        fresh = np.flatnonzero((counted > 0) & (self.used == 0))
        self.used += counted
        return list(fresh.tolist())

    def sizes(self) -> Places:
        """How long each replacement is."""
        return np.array([len(new) for new in self._replacements], np.int64)

    def replacements(self) -> list[bytes]:
        """What edits write, in the order in which ``fate`` numbers it."""
        return list(self._replacements)
