"""The shared strings of a workbook, found by the thousand in the bytes of their part."""

from __future__ import annotations

import re

import numpy as np

from deid.sheets.markup import (
    BLOCK,
    Odd,
    behind_texts,
    check_bytes,
    halves_at,
    padded,
    positions,
    starts_with,
    unplain,
)
from deid.vector import Bytes, Flags, Places

_TEXT, _TEXT_END, _ITEM, _ITEM_END, _OTHER = range(1, 6)
_KINDS = np.full(65536, _OTHER, np.uint8)
"""Kinds of tags, by the two bytes behind their ``<``."""
for _name, _kind in (
    (b"t>", _TEXT), (b"t ", _TEXT), (b"/t", _TEXT_END), (b"si", _ITEM), (b"/s", _ITEM_END),
):  # fmt: skip
    _KINDS[int.from_bytes(_name, "little")] = _kind


def _tags(text: Bytes) -> tuple[Places, Places]:
    """Where tags start and end; every ``<`` has its ``>``, and no other stands anywhere."""
    starts, ends = positions(text, 60), positions(text, 62)
    if len(starts) != len(ends) or not len(starts):
        raise Odd
    if (ends <= starts).any() or (starts[1:] <= ends[:-1]).any():
        raise Odd
    return starts, ends


def _even_block(source: Bytes, size: int) -> Places | None:
    """Of items of one plain text each: where they, their texts start and end; None where any is not.

    Every tag is followed by the next one at once, but for the text, so each byte is accounted for.
    """
    text = source[:size]
    tags = np.flatnonzero(text == 60)
    count = len(tags) // 4
    if not count or len(tags) != count * 4 or np.count_nonzero(text == 62) != len(tags):
        return None
    starts = np.ascontiguousarray(tags.reshape(count, 4).T)
    kinds = _KINDS[halves_at(source, starts + 1)]
    if (kinds != np.array([[_ITEM], [_TEXT], [_TEXT_END], [_ITEM_END]], np.uint8)).any():
        return None
    opened, texts, behind, closed = starts
    if (texts != opened + 4).any() or (closed != behind + 4).any():
        return None
    if opened[0] or (opened[1:] != closed[:-1] + 5).any() or closed[-1] + 5 != size:
        return None
    fine = (source[opened + 3] == 62).all() and (source[behind + 3] == 62).all()
    if not fine or not starts_with(source, closed, b"</si>"):
        return None
    first = behind_texts(source, texts)
    if (first > behind).any() or (source[first - 1] != 62).any():
        return None
    return np.stack([opened, first, behind, closed + 5])


class SharedStrings:
    """The shared strings, as bytes of their part; the odd ones (``plain`` false) as texts."""

    open: Places
    close: Places
    starts: Places
    ends: Places
    simple: Flags

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        start = re.match(
            rb"(?:\xef\xbb\xbf)?(?:<\?xml [^<>]*\?>\s*)?<sst( [^<>]*[^<>/])?>", data[:4096]
        )
        end = data.rfind(b"</sst>")
        if start is None or data[end + 6 :].strip():
            raise Odd
        check_bytes(data[start.end() :])
        self.data, self.bytes = padded(data)
        self._items(start.end(), end)

    def _items(self, first: int, last: int) -> None:
        if not self._even_items(first, last):
            self._any_items(first, last)
        odd = unplain(self.data[: self.size], self.bytes, self.starts, self.ends)
        self.plain: Flags = self.simple & ~odd

    def _even_items(self, first: int, last: int) -> bool:
        """Where all items are ``<si><t>…</t></si>``: found by the thousand, block by block."""
        found: list[Places] = []
        while first < last:
            end = self.data.find(b"<si>", first + BLOCK) if last - first > 2 * BLOCK else last
            if end < 0:
                end = last
            places = _even_block(self.bytes[first : end + 32], end - first)
            if places is None:
                return False
            found.append((places + first).astype(np.int32))
            first = end
        places = np.concatenate(found, axis=1) if found else np.zeros((4, 0), np.int32)
        self.open, self.starts, self.ends, self.close = places
        self.simple = np.ones(len(self.open), bool)
        return True

    def _any_items(self, first: int, last: int) -> None:
        text = self.bytes[first:last]
        if first == last:
            starts = ends = np.zeros(0, np.int64)
        else:
            starts, ends = _tags(text)
        starts, ends = starts + first, ends + first
        kinds = _KINDS[halves_at(self.bytes, starts + 1)]
        opened, closed = np.flatnonzero(kinds == _ITEM), np.flatnonzero(kinds == _ITEM_END)
        self.open, self.close = starts[opened], ends[closed] + 1
        self._check(starts, ends, opened, closed, (first, last))
        plain = closed - opened == 3
        at = opened[plain]
        plain[plain] = (kinds[at + 1] == _TEXT) & (kinds[at + 2] == _TEXT_END)
        at = opened[plain]
        fine = (starts[at + 1] == ends[at] + 1) & (starts[at + 3] == ends[at + 2] + 1)
        fine &= ends[at + 2] - starts[at + 2] == 3
        if not fine.all():
            raise Odd
        if (behind_texts(self.bytes, starts[at + 1]) != ends[at + 1] + 1).any():
            raise Odd
        self.starts, self.ends = self.open.copy(), self.open.copy()
        self.starts[plain], self.ends[plain] = ends[at + 1] + 1, starts[at + 2]
        self.starts, self.ends = self.starts.astype(np.int32), self.ends.astype(np.int32)
        self.open, self.close = self.open.astype(np.int32), self.close.astype(np.int32)
        self.simple = plain

    def _check(
        self, starts: Places, ends: Places, opened: Places, closed: Places, span: tuple[int, int]
    ) -> None:
        if len(opened) != len(closed) or (closed <= opened).any():
            raise Odd
        if (opened[1:] != closed[:-1] + 1).any() or (self.open[1:] != self.close[:-1]).any():
            raise Odd
        if len(opened) and (self.open[0] != span[0] or self.close[-1] != span[1]):
            raise Odd
        if not len(opened) and len(starts):
            raise Odd
        if (ends[opened] - starts[opened] != 3).any() or (ends[closed] - starts[closed] != 4).any():
            raise Odd
        if len(closed) and not starts_with(self.bytes, starts[closed], b"</si>"):
            raise Odd

    def changed(self, data: bytes, grown: Places) -> SharedStrings:
        """The strings of ``data``: these, but that texts have ``grown`` by so much and have no markup."""
        new = object.__new__(SharedStrings)
        new.size = len(data)
        new.data, new.bytes = padded(data)
        behind = np.cumsum(grown, dtype=np.int32)
        before = behind - grown.astype(np.int32)
        new.open, new.starts = self.open + before, self.starts + before
        new.ends, new.close = self.ends + behind, self.close + behind
        new.plain, new.simple = self.plain, self.simple
        return new

    def __len__(self) -> int:
        return len(self.starts)

    def spans(self, numbers: Places) -> tuple[Places, Places]:
        """Where the texts of these strings start and end."""
        return self.starts[numbers].astype(np.int64), self.ends[numbers].astype(np.int64)

    def item(self, number: int) -> str:
        """One ``si`` element."""
        return self.data[self.open[number] : self.close[number]].decode()
