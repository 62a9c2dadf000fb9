"""Stretches of bytes replaced by the hundred thousand, and the proof that nothing else changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deid.vector import PAD, Bytes, Places

_CHUNK = 16_384
"""Replacements that are compared together: what is larger than the cache costs twice as much."""


def _none() -> Places:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Splices:
    """Replacements in a stretch of bytes, in order: from, to, and which of ``news`` goes there."""

    starts: Places
    ends: Places
    which: Places
    news: Sequence[bytes]

    def sizes(self) -> Places:
        """How long each replacement is."""
        return np.array([len(new) for new in self.news], np.int64)[self.which]

    def spans(self) -> Spans:
        """What is replaced, without what by."""
        return Spans(self.starts, self.ends, self.sizes())


def merged(some: Sequence[Splices]) -> Splices:
    """All of them in order of their places."""
    news = [new for part in some for new in part.news]
    before = np.cumsum([0, *(len(part.news) for part in some)])
    which = [part.which + base for part, base in zip(some, before.tolist(), strict=False)]
    starts = np.concatenate([part.starts for part in some])
    order = np.argsort(starts, kind="stable")
    ends = np.concatenate([part.ends for part in some])
    return Splices(starts[order], ends[order], np.concatenate(which)[order], news)


def splice(data: bytes, splices: Splices) -> bytes:
    """``data`` with the stretches replaced; those of equal size in place, which is much quicker."""
    sizes = splices.sizes()
    even = sizes == splices.ends - splices.starts
    if even.any():
        buffer = np.frombuffer(data, np.uint8).copy()
        starts, which = splices.starts[even], splices.which[even]
        for number in np.flatnonzero(np.bincount(which)).tolist():
            _put(buffer, starts[which == number], splices.news[number])
        data = buffer.tobytes()
    odd = ~even
    if not odd.any():
        return data
    starts, ends = splices.starts[odd].tolist(), splices.ends[odd].tolist()
    news = [splices.news[number] for number in splices.which[odd].tolist()]
    kept = [data[a:b] for a, b in zip([0, *ends[:-1]], starts, strict=True)]
    pieces = [part for pair in zip(kept, news, strict=True) for part in pair]
    return b"".join([*pieces, data[ends[-1] :]])


@dataclass(frozen=True, slots=True)
class Spans:
    """What was replaced in a stretch of bytes: from, to, and the size of what is there now."""

    starts: Places = field(default_factory=_none)
    ends: Places = field(default_factory=_none)
    sizes: Places = field(default_factory=_none)

    def growth(self) -> int:
        """By how much all of it is longer now."""
        return int(self.sizes.sum() - (self.ends - self.starts).sum())

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether the two are equal but for what was replaced."""
        starts, ends, sizes = self.starts, self.ends, self.sizes
        if not len(starts):
            return old == new
        if starts[0] < 0 or (ends < starts).any() or (starts[1:] < ends[:-1]).any():
            return False
        grown = sizes - (ends - starts)
        if len(new) - len(old) != int(grown.sum()) or int(ends[-1]) > len(old):
            return False
        done = gone = 0
        for first in range(0, len(starts), _CHUNK):
            here = slice(first, first + _CHUNK)
            spans = Spans(starts[here] - done, ends[here] - done, sizes[here])
            end = int(ends[here][-1])
            far = end - done + gone + int(grown[here].sum())
            if not spans._same(old[done:end], new[gone:far]):
                return False
            done, gone = end, far
        return old[done:] == new[gone:]

    def _same(self, old: bytes, new: bytes) -> bool:
        grown = self.sizes - (self.ends - self.starts)
        behind = np.cumsum(grown)
        moved = self.starts + behind - grown
        even = grown == 0
        before = _blanked(old, self.starts[even], self.sizes[even])
        after = _blanked(new, moved[even], self.sizes[even])
        odd = ~even
        if not odd.any():
            return bool(np.array_equal(before, after))
        firsts, lasts = np.append(0, self.ends[odd]), np.append(self.starts[odd], len(old))
        shifts = np.append(0, behind[odd])
        one, other = before.tobytes(), after.tobytes()
        cuts = zip(firsts.tolist(), lasts.tolist(), shifts.tolist(), strict=True)
        return all(one[a:b] == other[a + by : b + by] for a, b, by in cuts)


def joined(some: Sequence[Spans]) -> Spans:
    """Spans of stretches one behind the other, all counted from the first one's start."""
    if not some:
        return Spans()
    return Spans(
        np.concatenate([part.starts for part in some]),
        np.concatenate([part.ends for part in some]),
        np.concatenate([part.sizes for part in some]),
    )


def _blanked(data: bytes, starts: Places, sizes: Places) -> Bytes:
    """The bytes with zeros in these stretches, and behind them all."""
    buffer = np.zeros(len(data) + PAD, np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    if len(starts):
        for size in np.flatnonzero(np.bincount(sizes)).tolist():
            _put(buffer, starts[sizes == size], bytes(size))
    return buffer


def _put(buffer: Bytes, places: Places, new: bytes) -> None:
    """Write the same bytes at each place."""
    if new and len(places):
        kind = f"V{len(new)}"
        view: Any = np.ndarray((len(buffer) - len(new) + 1,), kind, buffer, strides=(1,))
        view[places] = np.void(new)
