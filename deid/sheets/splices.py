"""Stretches of bytes replaced by the hundred thousand, and the proof that nothing else changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deid.vector import Bytes, Places

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
            new = np.frombuffer(splices.news[number], np.uint8)
            at = starts[which == number]
            buffer[at[:, None] + np.arange(len(new))] = new
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
        starts, ends, sizes = self.starts, self.ends, self.sizes
        grown = sizes - (ends - starts)
        moved = starts + np.cumsum(grown) - grown
        even = grown == 0
        before = _blanked(old, starts[even], sizes[even])
        after = _blanked(new, moved[even], sizes[even])
        odd = ~even
        return _outside(before, starts[odd], ends[odd]) == _outside(
            after, moved[odd], (moved + sizes)[odd]
        )


def joined(some: Sequence[Spans]) -> Spans:
    """Spans of stretches one behind the other, all counted from the first one's start."""
    if not some:
        return Spans()
    return Spans(
        np.concatenate([part.starts for part in some]),
        np.concatenate([part.ends for part in some]),
        np.concatenate([part.sizes for part in some]),
    )


def _blanked(data: bytes, starts: Places, sizes: Places) -> bytes:
    """The bytes with zeros in these stretches."""
    if not len(starts):
        return data
    buffer: Bytes = np.frombuffer(data, np.uint8).copy()
    for size in np.flatnonzero(np.bincount(sizes)).tolist():
        buffer[starts[sizes == size][:, None] + np.arange(size)] = 0
    return buffer.tobytes()


def _outside(data: bytes, starts: Places, ends: Places) -> bytes:
    """The bytes outside these stretches, joined."""
    if not len(starts):
        return data
    cuts = zip([0, *ends.tolist()], [*starts.tolist(), len(data)], strict=True)
    return b"".join([data[a:b] for a, b in cuts])
