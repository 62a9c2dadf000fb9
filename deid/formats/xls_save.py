"""Carries out edits of an xls workbook: texts, cells, then whatever points to what has moved."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from struct import pack, pack_into, unpack_from

from deid.errors import UnsafeEdit
from deid.formats.biff import (
    CONTINUE,
    Splices,
    applied,
    encoded,
    moved_runs,
    record,
    records,
    segments,
    units,
)
from deid.formats.bifftexts import Slot, changed_payload, string_bytes
from deid.formats.xls_cells import (
    BLANK,
    BOOLERR,
    BOUNDSHEET,
    DBCELL,
    EXTSST,
    FORMULA,
    INDEX,
    LABEL_CELL,
    LABELSST,
    MULRK,
    NUMBER,
    RK,
    SHARED,
    SST,
    TABLE,
    TXO,
    Book,
    Part,
    Sheet,
    Spot,
    first_place,
    last_place,
    read_box,
)
from deid.formats.xlsx_values import column_index
from deid.model import Edit

_PLACE = re.compile(r"(.*)!([A-Z]{1,2})([1-9][0-9]{0,4})", re.S)
_NO_CELL = "要改的单元格不在这个文件里"


# --- saving ------------------------------------------------------------------------------------------


class Saver:
    """Carries out edits: texts, cells, then whatever points to what has moved."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._data = book.data
        self._strings = book.strings.copy()
        self._splices = Splices()
        self._in_place: dict[int, tuple[tuple[int, int, str], ...]] = {}
        self._added_uses = 0
        self._touched = False
        self._cells = book.cells
        self._by_name = {sheet.name: sheet for sheet in book.sheets}

    def written(self, edits: Mapping[str, Sequence[Edit]]) -> bytes:
        """The bytes of the new file."""
        cells: dict[str, dict[tuple[int, int], Sequence[Edit]]] = {}
        slots: dict[tuple[int, int], list[tuple[Slot, str]]] = {}
        keys: dict[int, dict[str, str]] = {}
        texts = self._book.texts
        for place, changes in edits.items():
            spot = self._book.spots.get(place)
            if spot is None:
                name, cell = self._cell(place)
                cells.setdefault(name, {})[cell] = changes
            elif spot.string >= 0 or spot.key == "空闲":
                self._edit_string(spot, changes)
            elif spot.key:
                keys.setdefault(spot.stream, {})[spot.key] = applied(texts[place], changes)
            elif spot.slot is None:
                self._edit_box(spot, changes)
            else:
                new = applied(texts[place], changes)
                slots.setdefault((spot.stream, spot.record), []).append((spot.slot, new))
        self._edit_cells(cells)
        streams = self._edit_slots(slots)
        for entry, properties in self._book.properties.items():
            streams[entry] = properties.written(keys.get(entry, {}))
        streams[self._book.main.index] = self._main()
        return self._book.container.written(streams)

    def _cell(self, place: str) -> tuple[str, tuple[int, int]]:
        match = _PLACE.fullmatch(place)
        if match is None or match[1] not in self._by_name:
            raise UnsafeEdit(_NO_CELL)
        return match[1], (int(match[3]) - 1, column_index(match[2]))

    # texts

    def _edit_string(self, spot: Spot, changes: Sequence[Edit]) -> None:
        if spot.string < 0:
            return
        self._touched = True
        if spot.key:
            self._strings.plain(spot.string)
        else:
            self._strings.change(spot.string, changes)

    def _edit_box(self, spot: Spot, changes: Sequence[Edit]) -> None:
        if spot.stream != self._book.main.index:
            raise UnsafeEdit(_NO_CELL)
        at = spot.record
        text, runs, end, wide = read_box(self._data, at)
        new = applied(text, changes)
        runs = moved_runs(runs, text, changes, 8)
        data, wide = encoded(new, wide=wide)
        if units(new) > 0x7FFF:
            raise UnsafeEdit("改动后的内容太长，一个文本框放不下")
        length = unpack_from("<H", self._data, at + 2)[0]
        head = bytearray(self._data[at + 4 : at + 4 + length])
        pack_into("<HH", head, 10, units(new), len(runs) if new else 0)
        out = [record(TXO, bytes(head))]
        room = 8222
        for start in range(0, len(data), room):
            out.append(record(CONTINUE, bytes([wide]) + data[start : start + room]))
        if new and runs:
            out.append(record(CONTINUE, runs))
        self._splices.add(at, end, b"".join(out))

    def _edit_slots(
        self, slots: Mapping[tuple[int, int], list[tuple[Slot, str]]]
    ) -> dict[int, bytes]:
        """Streams other than the main one that have changed."""
        others: dict[int, Splices] = {}
        streams: dict[int, bytes] = {}
        main = self._book.main.index
        entries = {entry.index: entry for entry in self._book.container.entries}
        for (stream, at), changes in slots.items():
            data = self._data if stream == main else self._book.container.read(entries[stream])
            if at < 0:
                streams[stream] = changed_payload(0, data, changes)
                continue
            kind, length = unpack_from("<HH", data, at)
            splices = self._splices if stream == main else others.setdefault(stream, Splices())
            if kind == FORMULA and at in splices:
                continue  # the cell itself was edited, and its formula is gone
            payload = data[at + 4 : at + 4 + length]
            if kind == NUMBER:  # what a chart remembers; texts may stand there too
                label = payload[:6] + string_bytes(changes[0][1])
                splices.add(at, at + 4 + length, record(LABEL_CELL, label))
                continue
            try:
                new = record(kind, changed_payload(kind, payload, changes))
            except UnsafeEdit:
                if kind != FORMULA:
                    raise
                self._freeze(at)
                continue
            splices.add(at, at + 4 + length, new)
        for stream, splices in others.items():
            data = self._book.container.read(entries[stream])
            streams[stream] = bytes(splices.carried_out(data))
        return streams

    # cells

    def _edit_cells(self, cells: Mapping[str, Mapping[tuple[int, int], Sequence[Edit]]]) -> None:
        found: list[tuple[Sheet, int, list[tuple[int, Sequence[Edit]]]]] = []
        for name, wanted in cells.items():
            sheet = self._by_name[name]
            count = 0
            rows = {row for row, _ in wanted}
            for at in sheet.cells:
                row, column = unpack_from("<HH", self._data, at + 4)
                if row not in rows:
                    continue
                if self._data[at] == MULRK & 0xFF and self._data[at + 1] == 0:
                    columns = range(column, (last_place(self._data, at) & 0xFFFF) + 1)
                    here = [(c, wanted[row, c]) for c in columns if (row, c) in wanted]
                else:
                    changes = wanted.get((row, column))
                    here = [(column, changes)] if changes else []
                if here:
                    count += len(here)
                    found.append((sheet, at, here))
            if count < len(wanted):
                raise UnsafeEdit(_NO_CELL)
        self._plan_strings([(at, here[0][1]) for _, at, here in found])
        freed: dict[str, set[tuple[int, int]]] = {}
        for sheet, at, here in found:
            self._edit_cell(sheet, at, here)
            if unpack_from("<H", self._data, at)[0] == FORMULA:
                freed.setdefault(sheet.name, set()).add(divmod(first_place(self._data, at), 65536))
        for name, masters in freed.items():
            self._unbind(self._by_name[name], masters)

    def _plan_strings(self, found: Sequence[tuple[int, Sequence[Edit]]]) -> None:
        """Strings all of whose users are edited are edited themselves; the most common edit wins."""
        wanted: dict[int, Counter[tuple[tuple[int, int, str], ...]]] = {}
        for at, changes in found:
            if unpack_from("<H", self._data, at)[0] == LABELSST:
                number = unpack_from("<I", self._data, at + 10)[0]
                wanted.setdefault(number, Counter())[_key(changes)] += 1
        self._sources = self._strings.copy() if wanted else self._strings
        for number, counts in wanted.items():
            if sum(counts.values()) == self._strings.uses[number]:
                key = counts.most_common(1)[0][0]
                self._in_place[number] = key
                self._strings.change(number, [Edit("", *change) for change in key])
        self._touched = self._touched or bool(wanted)

    def _edit_cell(self, sheet: Sheet, at: int, here: Sequence[tuple[int, Sequence[Edit]]]) -> None:
        kind, length, row, column, style = unpack_from("<HHHHH", self._data, at)
        changes = here[0][1]
        own, end = self._cells.end_of(at)
        if kind == LABELSST:
            number = unpack_from("<I", self._data, at + 10)[0]
            if self._in_place.get(number) != _key(changes):
                self._splices.add(at, own, self._label(row, column, style, number, changes))
            return
        texts = self._texts(at)
        if kind == MULRK:
            self._splices.add(at, own, self._split(at, length, texts, dict(here)))
            return
        new = applied(texts[column], changes)
        if kind == FORMULA and end > own:  # keep what stands between: the formula of a group
            string = self._cells.string_of(at)
            self._splices.add(at, own, self._text_cell(row, column, style, new))
            self._splices.add(string, end, b"")
        else:
            self._splices.add(at, end, self._text_cell(row, column, style, new))

    def _texts(self, at: int) -> Mapping[int, str]:
        rows = self._cells.rows(array("I", [at]))
        return next(rows).cells

    def _label(
        self, row: int, column: int, style: int, number: int, changes: Sequence[Edit]
    ) -> bytes:
        new = self._sources.texts[number]
        if not applied(new, changes):
            return record(BLANK, pack("<HHH", row, column, style))
        added = self._strings.add_copy(self._sources, number, changes)
        return record(LABELSST, pack("<HHHI", row, column, style, added))

    def _text_cell(self, row: int, column: int, style: int, text: str) -> bytes:
        """A cell that holds a text."""
        if not text:
            return record(BLANK, pack("<HHH", row, column, style))
        self._touched = True
        self._added_uses += 1
        number = self._strings.add(text)
        return record(LABELSST, pack("<HHHI", row, column, style, number))

    def _split(
        self, at: int, length: int, texts: Mapping[int, str], wanted: Mapping[int, Sequence[Edit]]
    ) -> bytes:
        """A run of numbers of which some become texts."""
        row, column = unpack_from("<HH", self._data, at + 4)
        out: list[bytes] = []
        kept: list[bytes] = []
        for place in range(at + 8, at + length - 2, 6):
            if column in wanted:
                out.append(_numbers(row, column - len(kept), kept))
                kept = []
                style = unpack_from("<H", self._data, place)[0]
                new = applied(texts[column], wanted[column])
                out.append(self._text_cell(row, column, style, new))
            else:
                kept.append(self._data[place : place + 6])
            column += 1
        out.append(_numbers(row, column - len(kept), kept))
        return b"".join(out)

    def _unbind(self, sheet: Sheet, edited: set[tuple[int, int]]) -> None:
        """When a formula that cells share loses its first cell, the others keep their values only."""
        members: dict[tuple[int, int], list[int]] = {}
        for at in sheet.cells:
            kind, length = unpack_from("<HH", self._data, at)
            if kind == FORMULA and length >= 27 and self._data[at + 26] in (1, 2):
                row, column = unpack_from("<HH", self._data, at + 27)
                members.setdefault((row, column), []).append(at)
        for first, (kind, at) in sheet.groups.items():
            cells = members.get(first, [])
            places = {divmod(first_place(self._data, cell), 65536) for cell in cells} | {first}
            if not places & edited:
                continue
            if kind == TABLE:
                raise UnsafeEdit("模拟运算表里的单元格无法单独改写，请先把它粘贴为数值")
            if kind == SHARED and first not in edited:
                continue
            end = segments(self._data, at)[-1][1]
            self._splices.add(at, end, b"")
            for cell in cells:
                if cell not in self._splices:
                    self._freeze(cell)

    def _freeze(self, at: int) -> None:
        """A formula cell becomes the value that it shows."""
        row, column, style = unpack_from("<HHH", self._data, at + 4)
        result = self._data[at + 10 : at + 18]
        own, end = self._cells.end_of(at)
        if result[6:] != b"\xff\xff":
            new = record(NUMBER, pack("<HHH", row, column, style) + result)
        elif result[0] in (1, 2):
            new = record(BOOLERR, pack("<HHHBB", row, column, style, result[2], result[0] - 1))
        else:
            texts = self._texts(at) if end > own else {}
            new = self._text_cell(row, column, style, texts.get(column, ""))
        self._splices.add(at, own, new)
        if end > own:
            self._splices.add(self._cells.string_of(at), end, b"")

    # what points to what has moved

    def _main(self) -> bytes:
        data, splices = self._data, self._splices
        book = self._book
        starts: list[tuple[int, int]] = []
        sst = book.kinds.get(SST, [-1])[-1]
        ext = book.kinds.get(EXTSST, [-1])[-1]
        if self._touched:
            new, starts = self._strings.written(self._added_uses)
            if sst >= 0:
                splices.add(sst, segments(data, sst)[-1][1], new)
            else:
                sst = book.globals.end - 4
                splices.add(sst, sst, new)
            if ext >= 0:
                size = 2 + 8 * len(starts)
                splices.add(ext, segments(data, ext)[-1][1], record(EXTSST, bytes(size)))
        for start, end in book.gaps():
            splices.add(start, end, b"")
        out = splices.carried_out(data)
        for sheet, at in zip(book.sheets, book.kinds[BOUNDSHEET], strict=True):
            pack_into("<I", out, splices.place(at) + 4, splices.place(sheet.bof))
        self._index_strings(out, sst, ext, starts)
        for part in book.used:
            self._index_rows(out, part)
        return bytes(out).ljust(4096, b"\0")

    def _index_strings(
        self, out: bytearray, sst: int, ext: int, starts: Sequence[tuple[int, int]]
    ) -> None:
        """EXTSST (2.4.107), where each bucket of strings starts in the stream."""
        if ext < 0:
            return
        at, base = self._splices.place(ext), self._splices.place(sst)
        if self._touched:
            pack_into("<H", out, at + 4, self._strings.bucket_size)
            for number, (offset, inner) in enumerate(starts):
                pack_into("<IHH", out, at + 6 + 8 * number, base + offset, inner, 0)
            return
        length = unpack_from("<H", out, at + 2)[0]
        for place in range(at + 6, at + 4 + length - 7, 8):
            old = unpack_from("<I", out, place)[0]
            if old <= len(self._data):
                pack_into("<I", out, place, self._splices.place(old))

    def _index_rows(self, out: bytearray, part: Part) -> None:
        """INDEX (2.4.144) and DBCELL (2.4.78), the shortcuts to the rows of a sheet."""
        for at, kind, length in records(self._data, part.start, part.end):
            if kind == INDEX:
                self._move_pointers(out, at, length)
            elif kind == DBCELL and length >= 4:
                self._move_block(out, at, length)

    def _move_pointers(self, out: bytearray, at: int, length: int) -> None:
        now = self._splices.place(at)
        for place in range(12, length - 3, 4):
            old = unpack_from("<I", self._data, at + 4 + place)[0]
            if old <= len(self._data):
                pack_into("<I", out, now + 4 + place, self._splices.place(old))

    def _move_block(self, out: bytearray, at: int, length: int) -> None:
        splices, now = self._splices, self._splices.place(at)
        back = unpack_from("<I", self._data, at + 4)[0]
        first = at - back
        if not 0 <= first < at:
            return
        pack_into("<I", out, now + 4, now - splices.place(first))
        old = first + 20
        for place in range(4, length - 1, 2):
            step = unpack_from("<H", self._data, at + 4 + place)[0]
            before, old = old, old + step
            if old > at:
                return
            new = splices.place(old) - splices.place(before)
            pack_into("<H", out, now + 4 + place, new if 0 <= new < 65536 else 0)


def _key(changes: Sequence[Edit]) -> tuple[tuple[int, int, str], ...]:
    return tuple((edit.start, edit.end, edit.replacement) for edit in changes)


def _numbers(row: int, column: int, kept: Sequence[bytes]) -> bytes:
    """Numbers side by side: MULRK, or RK for one."""
    if not kept:
        return b""
    if len(kept) == 1:
        return record(RK, pack("<HH", row, column) + kept[0])
    last = column + len(kept) - 1
    return record(MULRK, pack("<HH", row, column) + b"".join(kept) + pack("<H", last))
