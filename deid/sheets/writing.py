"""The bytes of a masked workbook: edits spliced into windows and shared strings, and what was replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

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
from deid.sheets.cells import INLINE, NUMBER, Window
from deid.sheets.judging import KEY, Verdict
from deid.sheets.markup import Odd, distinct
from deid.sheets.passes import Own, Pass
from deid.sheets.reading import QuickSheet
from deid.sheets.splices import Spans, Splices, merged, splice
from deid.sheets.written import CLOSED, OPENED, Written
from deid.vector import Flags, Places


class _Changes:
    """What the verdicts of a pass write, as arrays."""

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        ids: dict[bytes, int] = {}
        which = [ids.setdefault(verdict.new, len(ids)) for verdict in verdicts]
        self.which = np.array(which, np.int64)
        self.news = list(ids)
        self.sizes = np.array([len(new) for new in self.news], np.int64)
        self.single = np.array([verdict.single for verdict in verdicts], bool)
        self.begin = np.array([verdict.start for verdict in verdicts], np.int64)
        self.finish = np.array([verdict.end for verdict in verdicts], np.int64)

    def of(self, verdicts: Places, starts: Places) -> Splices:
        """The edits of texts that start at these places and have single edits."""
        first, last = starts + self.begin[verdicts], starts + self.finish[verdicts]
        return Splices(first, last, self.which[verdicts], self.news)

    def grown(self, verdicts: Places) -> Places:
        """By how much the single edits change the size of texts."""
        grown: Places = self.sizes[self.which[verdicts]] - (self.finish - self.begin)[verdicts]
        return grown


class SheetSaving:
    """The bytes of one sheet with the edits of its own cells."""

    def __init__(
        self, whole: Saving, done: Pass, sheet: QuickSheet, in_place: Places,
        items: dict[int, str],
    ) -> None:  # fmt: skip
        self.done, self.sheet, self.in_place, self.items = done, sheet, in_place, items
        self.keys = done.judge.key_edits()
        self.table = done.judge.table()[KEY]
        self.written = whole.written.setdefault(sheet.label, [])
        self.changes = whole.changes
        self.plan = Plan(items=items)
        self._retyped: dict[int, bytes] = {}

    def has_work(self) -> bool:
        """Whether any cell changes in the sheet itself."""
        return any(len(self._places(own)) for own in self.done.own[self.sheet.label])

    def _places(self, own: Own) -> Places:
        """The cells that change in the sheet itself."""
        changed = self.table[own.verdict] > 0
        local = changed & (own.shared < 0)
        if not self.items:
            return np.flatnonzero(local)
        shared = np.flatnonzero(changed & (own.shared >= 0))
        shared = shared[self.done.differs[own.shared[shared]]]
        wanted = self.table[own.verdict[shared]].tolist()
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
            data = window.data[: window.size]
            own = next(owns)
            if not len(window.row):
                self.written.append(Written(Spans(), np.zeros(0, np.int64), retyped={}))
                yield data
                continue
            splices = self._splices(window, own)
            yield splice(data, splices)
        yield self.sheet.tail.encode()

    def _splices(self, window: Window, own: Own) -> Splices:
        """What changes in a window."""
        places = self._places(own)
        verdicts = own.verdict[places]
        quick = self.changes.single[verdicts] & window.plain[places]
        inline = quick & (window.stored[places] == INLINE)
        inline[inline] = self._same_edges(window, places[inline], verdicts[inline])
        number = quick & (window.stored[places] == NUMBER)
        left = ~inline & ~number
        found = merged(
            [
                self.changes.of(verdicts[inline], window.first[places[inline]]),
                *self._numbers(window, places[number], verdicts[number]),
                self._exactly(window, places[left], verdicts[left]),
            ]
        )
        retyped = None if left.any() else self._retyped_kinds(window, places[number])
        self.written.append(Written(found.spans(), places, retyped, self.changes.grown(verdicts)))
        return found

    def _same_edges(self, window: Window, places: Places, verdicts: Places) -> Flags:
        """Whether no blank will stand at an end of the text, nor a character that might be one."""
        source, changes = window.bytes, self.changes
        first, last = window.first[places], window.last[places]
        edges = np.array([_edges(new) for new in changes.news], np.uint8).reshape(-1, 2)
        new = edges[changes.which[verdicts]]
        ends_new = changes.finish[verdicts] == last - first
        head = np.where(changes.begin[verdicts] == 0, new[:, 0], source[first])
        tail = np.where(ends_new, new[:, 1], source[last - 1])
        wide = (tail >= 128) & (ends_new | _UNSURE[source[last - 3]] | _UNSURE[source[last - 2]])
        fine: Flags = (window.first[places] - window.tag[places] == 8) & (last - first >= 3)
        fine &= (head > 32) & ~_UNSURE[head] & (tail > 32) & ~wide
        return fine

    def _numbers(self, window: Window, places: Places, verdicts: Places) -> Iterator[Splices]:
        """Numbers that become texts: another type in front, the edit, and what closes a text."""
        if not len(places):
            return
        yield self.changes.of(verdicts, window.first[places])
        kinds = distinct(window.kinds[places]).tolist()
        heads = [self._rest(kind) + OPENED for kind in kinds]
        which = np.searchsorted(np.array(kinds), window.kinds[places])
        yield Splices(window.rest[places], window.first[places], which, heads)
        none = np.zeros(len(places), np.int64)
        yield Splices(window.last[places], window.end[places], none, [CLOSED])

    def _exactly(self, window: Window, places: Places, verdicts: Places) -> Splices:
        """The others, written by the exact path."""
        known = self.done.judge.verdicts
        news = [
            self.sheet.rewritten_cell(window, cell, known[verdict].edits, self.plan).encode()
            for cell, verdict in zip(places.tolist(), verdicts.tolist(), strict=True)
        ]
        return Splices(window.start[places], window.end[places], np.arange(len(places)), news)

    def _retyped_kinds(self, window: Window, places: Places) -> dict[int, bytes]:
        """What the attributes of numbers become that become texts, by their kind."""
        kinds = distinct(window.kinds[places]).tolist()
        return {kind: self._rest(kind) for kind in kinds}

    def _rest(self, kind: int) -> bytes:
        if kind not in self._retyped:
            self._retyped[kind] = _retyped(self.sheet.cells.kinds[kind].rest.decode()).encode()
        return self._retyped[kind]


_UNSURE = np.zeros(256, bool)
"""First bytes of characters among which there are blanks."""
_UNSURE[[0x7F, 0xC2, 0xE1, 0xE2, 0xE3]] = True


def _edges(new: bytes) -> tuple[int, int]:
    return (new[0], new[-1]) if new else (0, 0)


class Saving:
    """A workbook being written with its edits; what was replaced stays known for the check."""

    def __init__(self, book: Workbook, done: Pass, edits: dict[str, list[Edit]]) -> None:
        self.book, self.done, self.edits = book, done, edits
        self.changes = _Changes(done.judge.verdicts)
        self.written: dict[str, list[Written]] = {}
        self.string_spans: list[Spans] = []
        self.grown = np.zeros(len(done.strings.found_all), np.int64)
        self.texts_only = True
        """Whether shared strings change inside their texts only, and get no markup; ``grown`` by how much."""
        self.changed: set[str] = set()

    def write(self, writer: BinaryIO) -> None:
        """Write the masked workbook. Raises Odd."""
        done = self.done
        for place in self.edits:
            if not self.book.is_inside(place):
                raise Odd
        in_place, items = self._strings_wanted(done)
        self.new_strings = in_place > 0
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
        table = done.judge.table()[KEY]
        uses: Counter[int] = Counter()
        for owns in done.own.values():
            for own in owns:
                those = np.flatnonzero((own.shared >= 0) & done.differs[own.shared])
                for number, verdict in zip(
                    own.shared[those].tolist(), own.verdict[those].tolist(), strict=True
                ):
                    uses[number] += 1
                    if table[verdict]:
                        wanted[number][int(table[verdict])] += 1
        for number, counts in wanted.items():
            items[number] = done.strings.found_all.item(number)
            if counts and sum(counts.values()) == uses[number]:
                in_place[number] = counts.most_common(1)[0][0]
        return in_place, items

    def _new_strings(self, done: Pass, in_place: Places) -> Iterator[bytes]:
        """The shared strings with all edits in place."""
        those = done.strings.found_all
        self.string_spans = []
        numbers = np.flatnonzero(in_place)
        at = 0
        for block in range(0, len(numbers), 32_768):
            here = numbers[block : block + 32_768]
            end = int(those.close[here[-1]])
            splices = self._string_splices(done, here, in_place)
            self.string_spans.append(splices.spans())
            moved = Splices(splices.starts - at, splices.ends - at, splices.which, splices.news)
            yield splice(those.data[at:end], moved)
            at = end
        yield those.data[at : those.size]

    def _string_splices(self, done: Pass, numbers: Places, in_place: Places) -> Splices:
        those, keys = done.strings.found_all, done.judge.key_edits()
        mine = done.verdict[numbers]
        quick = those.plain[numbers] & ~done.differs[numbers] & self.changes.single[mine]
        starts = those.starts[numbers].astype(np.int64)
        left = numbers[~quick]
        news = [
            self._edited_string(done, number, keys[int(in_place[number])])
            for number in left.tolist()
        ]
        exact = Splices(
            those.open[left].astype(np.int64), those.close[left].astype(np.int64),
            np.arange(len(left)), news,
        )  # fmt: skip
        edits = self.changes.of(mine[quick], starts[quick])
        self.grown[numbers[quick]] = edits.sizes() - (edits.ends - edits.starts)
        self.texts_only &= not len(left) and bool(edits.sizes().all())
        return merged([edits, exact])

    @staticmethod
    def _edited_string(done: Pass, number: int, key: EditKey) -> bytes:
        item = done.strings.found_all.item(number)
        hit = done.strings.regex.match(item)
        assert hit
        return spliced(item, item_splices(item, hit, key)).encode()
