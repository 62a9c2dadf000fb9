"""The bytes of a masked workbook: edits spliced into windows and shared strings, and what was replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from deid.cells import INLINE, NUMBER, Odd, Window
from deid.formats.ooxml import (
    spliced,
)
from deid.formats.xlsx import Workbook, item_splices
from deid.formats.xlsx_sheet import (
    EditKey,
    Plan,
    _retyped,
)
from deid.model import Edit
from deid.sheet_judging import KEY, Verdict
from deid.sheet_passes import Own, Pass
from deid.sheet_reading import QuickSheet
from deid.vector import Bytes, Flags, Places


class Spans:
    """What was replaced in a stretch of bytes: from, to, and the size of what is there now."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._news: list[int] = []

    def extend(self, starts: list[int], ends: list[int], news: list[bytes]) -> None:
        """Note some, in order."""
        self._starts += starts
        self._ends += ends
        self._news += map(len, news)

    def same(self, old: Bytes, new: Bytes) -> bool:
        """Whether the two are equal but for what was replaced."""
        if not self._starts:
            return np.array_equal(old, new)
        starts, ends = np.array(self._starts, np.int64), np.array(self._ends, np.int64)
        news = np.array(self._news, np.int64)
        moved = starts + np.cumsum(news - (ends - starts)) - (news - (ends - starts))
        if len(new) - len(old) != int((news - (ends - starts)).sum()):
            return False
        return np.array_equal(
            old[_outside(starts, ends, len(old))], new[_outside(moved, moved + news, len(new))]
        )


def _outside(starts: Places, ends: Places, size: int) -> Flags:
    steps = np.zeros(size + 1, np.int8)
    full = ends > starts
    steps[starts[full]] += 1
    steps[ends[full]] -= 1
    found: Flags = np.cumsum(steps[:-1], dtype=np.int8) == 0
    return found


def joined(data: bytes, at: int, starts: list[int], ends: list[int], news: list[bytes]) -> bytes:
    """The bytes from ``at`` to the last end, with the stretches replaced."""
    kept = [data[a:b] for a, b in zip([at, *ends[:-1]], starts, strict=True)]
    return b"".join([part for pair in zip(kept, news, strict=True) for part in pair])


class SheetSaving:
    """The bytes of one sheet with the edits of its own cells."""

    def __init__(
        self, whole: Saving, done: Pass, sheet: QuickSheet, in_place: Places,
        items: dict[int, str],
    ) -> None:  # fmt: skip
        self.done, self.sheet, self.in_place, self.items = done, sheet, in_place, items
        self.keys = done.judge.key_edits()
        self.table = done.judge.table()
        self.spans = whole.spans.setdefault(sheet.label, [])
        self.plan = Plan(items=items)
        self._retyped: dict[int, bytes] = {}

    def has_work(self) -> bool:
        """Whether any cell changes in the sheet itself."""
        return any(len(self._places(own)) for own in self.done.own[self.sheet.label])

    def _places(self, own: Own) -> Places:
        """The cells that change in the sheet itself."""
        changed = self.table[own.verdict, KEY] > 0
        local = changed & (own.shared < 0)
        if not self.items:
            return np.flatnonzero(local)
        shared = np.flatnonzero(changed & (own.shared >= 0))
        shared = shared[self.done.differs[own.shared[shared]]]
        wanted = self.table[own.verdict[shared], KEY].tolist()
        those = [
            at
            for at, key, number in zip(
                shared.tolist(), wanted, own.shared[shared].tolist(), strict=True
            )
            if self.in_place[number] != key
        ]
        return np.sort(np.concatenate([np.flatnonzero(local), np.array(those, np.int64)]))

    def pieces(self) -> Iterator[bytes]:
        """The sheet's bytes, piece by piece."""
        yield self.sheet.head.encode()
        owns = iter(self.done.own[self.sheet.label])
        for window in self.sheet.windows():
            spans = Spans(window.size)
            self.spans.append(spans)
            if not len(window.row):
                yield window.data[: window.size]
                continue
            own = next(owns)
            yield self._changed(window, own, self._places(own), spans)
        yield self.sheet.tail.encode()

    def _changed(self, window: Window, own: Own, places: Places, spans: Spans) -> bytes:
        data = window.data
        starts: list[int] = []
        stops: list[int] = []
        news: list[bytes] = []
        firsts, lasts = window.first[places].tolist(), window.last[places].tolist()
        rests, ends = window.rest[places].tolist(), window.end[places].tolist()
        stored, kinds = window.stored[places].tolist(), window.kinds[places].tolist()
        verdicts = own.verdict[places].tolist()
        quick = (window.plain & ((window.first - window.tag == 8) | (window.stored == NUMBER)))[
            places
        ]
        for index, cell in enumerate(places.tolist()):
            verdict = self.done.judge.verdicts[verdicts[index]]
            first, last = firsts[index], lasts[index]
            start = end = -1
            if verdict.single and quick[index]:
                if stored[index] == INLINE:
                    raw = data[first : first + verdict.start], data[first + verdict.end : last]
                    text = b"".join((raw[0], verdict.new, raw[1]))
                    if _same_edges(text):
                        start, end, new = first, last, text
                elif stored[index] == NUMBER:
                    text = data[first : first + verdict.start] + verdict.new
                    text += data[first + verdict.end : last]
                    start, end = rests[index], ends[index]
                    new = b"%s><is><t>%s</t></is></c>" % (self._rest(kinds[index]), text)
            if start < 0:
                start, end = int(window.start[cell]), ends[index]
                new = self._exactly(window, cell, verdict)
            starts.append(start)
            stops.append(end)
            news.append(new)
        spans.extend(starts, stops, news)
        changed = joined(data, 0, starts, stops, news)
        return changed + data[stops[-1] if stops else 0 : window.size]

    def _rest(self, kind: int) -> bytes:
        if kind not in self._retyped:
            self._retyped[kind] = _retyped(self.sheet.cells.kinds[kind].rest.decode()).encode()
        return self._retyped[kind]

    def _exactly(self, window: Window, cell: int, verdict: Verdict) -> bytes:
        return self.sheet.rewritten_cell(window, cell, verdict.edits, self.plan).encode()


def _same_edges(text: bytes) -> bool:
    """Whether no blank, of whatever kind, stands at an end of the text."""
    return (
        text[:1] > b" "
        and text[-1:] > b" "
        and text[0] not in b"\xc2\xe1\xe2\xe3\x7f"
        and (text[-1] < 0x80 or not text[-3:].decode("utf-8", "ignore")[-1:].isspace())
    )


class Saving:
    """A workbook being written with its edits; what was replaced stays known for the check."""

    def __init__(self, book: Workbook, done: Pass, edits: dict[str, list[Edit]]) -> None:
        self.book, self.done, self.edits = book, done, edits
        self.spans: dict[str, list[Spans]] = {}
        self.string_spans: list[Spans] = []
        self.changed: set[str] = set()

    def write(self, writer: BinaryIO) -> None:
        """Write the masked workbook. Raises Odd."""
        done = self.done
        for place in self.edits:
            if not self.book.is_inside(place):
                raise Odd
        in_place, items = self._strings_wanted(done)
        content: dict[str, Any] = {}
        for sheet in self.book.sheets:
            assert isinstance(sheet, QuickSheet)
            saving = SheetSaving(self, done, sheet, in_place, items)
            if saving.has_work():
                content[sheet.member.key] = saving.pieces()
        key = self.book.strings_key
        if key and (in_place > 0).any():
            content[key] = self._new_strings(done, in_place)
        self.changed = set(content)
        self.book.save_with(writer, self.edits, content)

    def _strings_wanted(self, done: Pass) -> tuple[Places, dict[int, str]]:
        """The key of the edit in place of each string, 0 for none; and the items of those that differ by use."""
        keys = np.where(done.differs, 0, done.key)
        in_place = np.maximum(keys, 0)
        items: dict[int, str] = {}
        differing = np.flatnonzero(done.differs)
        if not len(differing):
            return in_place, items
        wanted: dict[int, Counter[int]] = {int(number): Counter() for number in differing}
        table = done.judge.table()[:, KEY]
        for owns in done.own.values():
            for own in owns:
                those = np.flatnonzero((own.shared >= 0) & done.differs[own.shared])
                for number, verdict in zip(
                    own.shared[those].tolist(), own.verdict[those].tolist(), strict=True
                ):
                    if table[verdict]:
                        wanted[number][int(table[verdict])] += 1
        for number, counts in wanted.items():
            items[number] = done.strings.found_all.item(number)
            if counts and sum(counts.values()) == done.uses[number]:
                in_place[number] = counts.most_common(1)[0][0]
        return in_place, items

    def _new_strings(self, done: Pass, in_place: Places) -> Iterator[bytes]:
        """The shared strings with all edits in place."""
        those, verdicts = done.strings.found_all, done.judge.verdicts
        starts, plain = those.starts, those.plain
        keys = done.judge.key_edits()
        used = done.verdict
        spans = Spans(0)
        self.string_spans = [spans]
        numbers = np.flatnonzero(in_place)
        single = np.array([verdict.single for verdict in verdicts], bool)
        begin = np.array([verdict.start for verdict in verdicts], np.int64)
        finish = np.array([verdict.end for verdict in verdicts], np.int64)
        at = 0
        for block in range(0, len(numbers), 32_768):
            here = numbers[block : block + 32_768]
            mine = used[here]
            quick = plain[here] & ~done.differs[here] & single[mine]
            first = np.where(quick, starts[here] + begin[mine], those.open[here]).tolist()
            last = np.where(quick, starts[here] + finish[mine], those.close[here]).tolist()
            news = [verdicts[number].new for number in mine.tolist()]
            for odd in np.flatnonzero(~quick).tolist():
                number = int(here[odd])
                news[odd] = self._edited_string(done, number, keys[int(in_place[number])])
            spans.extend(first, last, news)
            yield joined(those.data, at, first, last, news)
            at = last[-1]
        yield those.data[at : those.size]

    @staticmethod
    def _edited_string(done: Pass, number: int, key: EditKey) -> bytes:
        item = done.strings.found_all.item(number)
        hit = done.strings.regex.match(item)
        assert hit
        return spliced(item, item_splices(item, hit, key)).encode()
