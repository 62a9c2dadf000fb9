"""What a written document, opened afresh, still holds or has lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import TYPE_CHECKING

from deid.by_hand import Kinds, moved, with_kinds
from deid.examine import Work, examine, texts_to_search
from deid.kept import Kept
from deid.mask import apply_edits
from deid.model import READING, Edit, Item, Row, Table, Text
from deid.policy import Policy
from deid.prose import Known

if TYPE_CHECKING:
    from deid.formats import Document

_NO_KINDS: Kinds = MappingProxyType({})


def left_in(
    output: Document,
    source: Kept,
    work: Work,
    policy: Policy,
    known: Known,
    kinds: Kinds = _NO_KINDS,
) -> list[Item]:
    """What an output still holds or has lost."""
    parts = with_kinds(Kept(output).parts, moved(kinds, work.drops))
    again = examine(output, parts, policy, known, again=True)
    left = [Item(place, "复查仍发现应隐藏的内容") for place in again.edits]
    left += [Item(name, "应删去的列仍在") for name in again.drops]
    namesakes = work.namesakes.copy()
    for place, text, _ in texts_to_search(parts, work.hidden):
        for start, end, entity in work.hidden.find(text):
            if entity == "PERSON" and namesakes[text[start:end]] > 0:
                namesakes[text[start:end]] -= 1
            else:
                left.append(Item(place, "别处隐藏的值仍在此处"))
                break
    for name, data in output.raw():
        if work.hidden.in_bytes(data):
            left.append(Item(name, "文件内部仍有隐藏的值"))
    if not _as_edited(source.parts, parts, work):
        left += _changed_elsewhere(source.parts, parts, work)
    return left[:1000]


def _as_edited(source: Sequence[Table | Text], output: Sequence[Table | Text], work: Work) -> bool:
    """Whether each cell and text plainly is what the edits make of it, and each edit shows: the
    usual case, told at a glance. ``_changed_elsewhere`` looks into the others."""
    edits = work.edits
    if work.drops or any(READING in place for place in edits):
        return False
    before = [part for part in source if isinstance(part, Table)]
    after = [part for part in output if isinstance(part, Table)]
    texts = {part.place: part.text for part in output if isinstance(part, Text)}
    if len(before) != len(after):
        return False
    changed: set[str] = set()
    for old, new in zip(before, after, strict=True):
        # The places of one table differ; of several parts, two might have the same.
        if not _cells_as_edited(old, new, edits, changed, every=len(source) > 1):
            return False
    for part in source:
        if isinstance(part, Text) and part.place in texts:
            text = texts[part.place]
            if part.place in edits:
                changed.add(part.place)
                if not _same(text, apply_edits(part.text, edits[part.place])):
                    return False
            elif text != part.text:
                return False
    return len(changed) == len(edits)


def _side_by_side(old: Mapping[int, str], new: Mapping[int, str]) -> Iterable[tuple[int, str, str]]:
    """Column and what stands there before and after; nothing where there is no cell."""
    if list(old) == list(new):
        return zip(old, old.values(), new.values(), strict=True)
    return [(column, old.get(column, ""), new.get(column, "")) for column in {*old, *new}]


def _cells_as_edited(
    old: Table, new: Table, edits: Mapping[str, Sequence[Edit]], changed: set[str], *, every: bool
) -> bool:
    """Whether a table is what the edits make of it. ``changed`` takes up the places that differ;
    ``every``: the places of cells that do not differ are looked up as well."""
    for a, b in zip_longest(old.rows(), new.rows()):
        if a is None or b is None or a.index != b.index:
            return False
        if not every and a.cells == b.cells:
            continue
        for column, text, shown in _side_by_side(a.cells, b.cells):
            if not every and text == shown:
                continue
            place = old.place(a.index, column)
            if place in edits:
                changed.add(place)
                text = apply_edits(text, edits[place])
            if text != shown:
                return False
    return True


def _changed_elsewhere(
    source: Sequence[Table | Text], output: Sequence[Table | Text], work: Work
) -> Iterator[Item]:
    """Cells and texts that are not what the edits make of them.

    What has several readings is not compared: an edit of one shows in all. A fresh scan covers it.
    """
    edits = work.edits
    read_twice = {base for place in edits for base in place.split(READING)[:-1]}
    before = [part for part in source if isinstance(part, Table)]
    after = [part for part in output if isinstance(part, Table)]
    for old, new in zip_longest(before, after):
        if old is None or new is None:
            yield Item("", "表的数目变了")
        elif gone := work.drops.get(old.name.partition(READING)[0]):
            yield from _changed_narrowed(old, new, work, gone)
        else:
            for a, b in _paired(old, new, edits):
                yield from _changed_cells(old, a, b, edits, read_twice)
    yield from _changed_texts(
        [part for part in source if isinstance(part, Text)],
        [part for part in output if isinstance(part, Text)],
        work,
        read_twice,
    )


def _changed_narrowed(old: Table, new: Table, work: Work, gone: frozenset[int]) -> Iterator[Item]:
    """Rows that are not what the edits make of them, in a table without some of its columns."""
    if READING in old.name:
        return
    from deid.actions import changed_rows

    yield from changed_rows(old, new, work.edits, gone, work.notes.get(old.name, frozenset()))


def _changed_texts(
    source: Sequence[Text], output: Sequence[Text], work: Work, read_twice: set[str]
) -> Iterator[Item]:
    edits = work.edits
    if work.drops:  # places move with what stands before them
        from deid.actions import lost_texts

        yield from lost_texts(source, output, edits, _same)
        return
    texts = {part.place: part.text for part in output}
    for part in source:
        if part.place in texts and not _in(part.place, read_twice):
            expected = part.text
            if part.place in edits:
                expected = apply_edits(part.text, edits[part.place])
            if not _same(texts[part.place], expected):
                yield Item(part.place, "未要求修改的内容变了")


def _in(place: str, read_twice: set[str]) -> bool:
    """Whether a place, in any reading, was edited in another reading; or is itself another one."""
    return READING in place or place in read_twice


_OTHER_STARS = frozenset("●_x0")


def _same(text: str, expected: str) -> bool:
    """Whether a text is as expected; a format may write a star of its own where ``*`` is illegal."""
    return text == expected or (
        len(text) == len(expected)
        and all(
            a == b or (b == "*" and a in _OTHER_STARS) for a, b in zip(text, expected, strict=True)
        )
    )


def _paired(
    old: Table, new: Table, edits: Mapping[str, Sequence[Edit]]
) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows before and after; one of which the edits leave nothing may be missing."""
    found = new.rows()
    after = next(found, None)
    for row in old.rows():
        missing = after is None or after.index != row.index
        if missing and all(
            place in edits and not apply_edits(text, edits[place])
            for place, text in ((old.place(row.index, c), t) for c, t in row.cells.items())
        ):
            continue
        yield row, after
        after = next(found, None)
    while after is not None:
        yield None, after
        after = next(found, None)


def _changed_cells(
    table: Table,
    old: Row | None,
    new: Row | None,
    edits: Mapping[str, Sequence[Edit]],
    read_twice: set[str],
) -> Iterator[Item]:
    if old is None or new is None:
        yield Item(table.name, "行数变了")
        return
    for column in {*old.cells, *new.cells}:
        place = table.place(old.index, column)
        if _in(place, read_twice):
            continue
        text = old.cells.get(column, "")
        expected = apply_edits(text, edits[place]) if place in edits else text
        if new.cells.get(column, "") != expected:
            yield Item(place, "未要求修改的单元格变了")
