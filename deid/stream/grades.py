"""The grades of a streamed list's rows, and the rows that read, as masked, like somebody else's.

Of each window the distinct rows are taken, as far as they tell something of an ID number, and
counted; they are graded when the whole file is read, for a note at its end may name the county. Of
each row two hashes under random keys are kept until then, of what it shows and of its number.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from deid.columns import Block
from deid.grading import (
    Grader,
    Verdict,
    cells_shown,
    coarser_fields,
    fields_of,
    list_context,
    masked_numbers,
    namesake,
    namesake_columns,
    numbers_shown,
    own_number,
    rows_of_table,
    varies,
)
from deid.mask import apply_edits
from deid.model import Edit, Item, Row, Table
from deid.policy import Policy
from deid.stream.columns import Marks, Told
from deid.stream.grids import Grid
from deid.stream.ruling import place_of
from deid.stream.verdicts import ID_ENTITIES, Unstreamable
from deid.strength.context import ID_FIELDS, TELLING
from deid.tables import CellFindings
from deid.text import is_star
from deid.vector import PAD, Bytes, Flags, Places, Words, inside, overlapping

_MOST = 200_000
"""Distinct rows that are kept to be graded."""
_COLUMNS = 1 << 16
"""More than a row has columns."""
_BLANKS = np.zeros(256, bool)
"""Bytes with which a blank may begin, in UTF-8 or GB18030."""
_BLANKS[[*range(0x21), *range(0x80, 0x85), 0xA1, 0xC2, 0xE1, 0xE2, 0xE3]] = True
Key = tuple[tuple[int, str, str], ...]
"""What a row tells: column, field and text."""


class Weak(Unstreamable):
    """Rows tell too much: ``fields`` have to be made coarser, or dropped, in the whole list."""

    fields: Mapping[str, str]


class Grades:
    """What one pass saw of rows that show a masked number."""

    def __init__(self, policy: Policy, codec: str) -> None:
        self._policy = policy
        self._codec = codec
        self._hashes = _Hashes()
        self._counts: Counter[int] = Counter()
        self._keys: dict[int, Key] = {}
        self._odd: Counter[Key] = Counter()
        self._reads: list[Words] = []
        self._owns: list[Words] = []
        self._places: list[Places] = []

    # ------------------------------------------------------------------------------- plain rows

    def plain(
        self,
        source: Grid,
        masked: Grid,
        marks: Marks,
        block: Block,
        plain: Flags,
        gone: frozenset[int],
        base: int,
    ) -> None:
        """Note a window's rows of plain data. ``base``: its first row."""
        rows = np.flatnonzero(self._noted(masked, marks, block, plain))
        if not len(rows):
            return
        fields = {c: key for c, key in fields_of(block).items() if c < len(masked.starts)}
        shown = {column: key for column, key in fields.items() if column not in gone}
        cells = {column: self._cells(masked, column, rows) for column in shown}
        self._count(masked, rows, shown, cells)
        self._compare(source, masked, marks, rows, fields, cells, base)

    def _noted(self, masked: Grid, marks: Marks, block: Block, plain: Flags) -> Flags:
        """The plain rows in which a masked number stands."""
        noted = np.zeros(len(plain), bool)
        for column, told in marks.told.items():
            profile = block.profiles.get(column)
            if profile is None or profile.label.entity not in ID_ENTITIES:
                continue
            others = plain & (masked.lengths[column] > 0)
            if told.clean is not None:
                if self._policy.hides(profile.label.entity):
                    noted |= told.clean & plain
                others &= ~told.clean
            for row in np.flatnonzero(others).tolist():
                noted[row] |= any(map(is_star, masked.cell(row, column).decode(self._codec)))
        return noted

    def _cells(self, grid: Grid, column: int, rows: Places) -> Words:
        return self._hashes.of(grid.bytes, grid.starts[column, rows], grid.lengths[column, rows])

    def _count(
        self, masked: Grid, rows: Places, shown: Mapping[int, str], cells: Mapping[int, Words]
    ) -> None:
        """Count the distinct rows, as far as they tell something."""
        telling = [column for column, key in shown.items() if key in TELLING]
        total = np.zeros(len(rows), np.uint64)
        for column in telling:
            total += self._hashes.at(cells[column], np.full(len(rows), column))
        hashes, first, counts = np.unique(total, return_index=True, return_counts=True)
        for code, at, count in zip(hashes.tolist(), first.tolist(), counts.tolist(), strict=True):
            self._counts[code] += count
            if code not in self._keys:
                self._keys[code] = self._key(masked, int(rows[at]), telling, shown)
        if len(self._keys) > _MOST:
            raise Unstreamable

    def _key(
        self, masked: Grid, row: int, telling: Sequence[int], fields: Mapping[int, str]
    ) -> Key:
        texts = ((column, masked.cell(row, column).decode(self._codec)) for column in telling)
        return tuple(
            (column, fields[column], masked_numbers(text) if fields[column] in ID_FIELDS else text)
            for column, text in texts
            if text
        )

    def _compare(
        self,
        source: Grid,
        masked: Grid,
        marks: Marks,
        rows: Places,
        fields: Mapping[int, str],
        cells: Mapping[int, Words],
        base: int,
    ) -> None:
        """Keep what each row reads like, and whose it is."""
        columns = namesake_columns(fields)
        if columns is None or columns[0] not in cells:
            return
        name, number = columns
        named = np.flatnonzero(self._named(masked, name, rows))
        owns = self._own(source, marks.told[number], number, rows[named])
        reads, rank = np.zeros(len(named), np.uint64), np.zeros(len(named), np.int64)
        for column in sorted(cells):
            if not varies(fields[column]):
                some = cells[column][named]
                reads += self._hashes.at(some, rank)
                rank += some != 0
        self._keep(reads, owns, (rows[named] + base) * _COLUMNS + name)

    def _keep(self, reads: Words, owns: Words, places: Places) -> None:
        self._reads.append(reads)
        self._owns.append(owns)
        self._places.append(places)

    def _named(self, masked: Grid, name: int, rows: Places) -> Flags:
        """Rows with a name: more than blanks."""
        named: Flags = masked.lengths[name, rows] > 0
        maybe = _BLANKS[masked.bytes[masked.starts[name, rows]]]
        for at in np.flatnonzero(named & maybe).tolist():
            named[at] = bool(masked.cell(int(rows[at]), name).decode(self._codec).strip())
        return named

    def _own(self, source: Grid, told: Told, column: int, rows: Places) -> Words:
        """The hash of the number of each row, as persons are told apart by it; 0 for none."""
        lengths = source.lengths[column, rows]
        owns = self._hashes.of(source.bytes, source.starts[column, rows], lengths)
        others = lengths > 0
        if told.clean is not None:
            others &= ~(told.clean[rows] & (source.bytes[source.ends[column, rows] - 1] != 0x78))
        places = np.flatnonzero(others)
        texts = (source.cell(int(row), column).decode(self._codec) for row in rows[places])
        owns[places] = self._hashes.of_texts([own_number(text) for text in texts], self._codec)
        return owns

    # --------------------------------------------------------------------------------- odd rows

    def odd(
        self,
        cells: Sequence[CellFindings],
        shaped: Mapping[int, Sequence[Edit]],
        edits: Mapping[str, Sequence[Edit]],
        gone: frozenset[int],
    ) -> None:
        """Note a row of data that is not plain. ``shaped``: its edits by findings and rules, by
        column; ``edits``: those that it gets in the end, by place."""
        numbers = [
            cell
            for cell in cells
            if cell.zone == "data"
            and cell.profile
            and cell.profile.label.entity in ID_ENTITIES
            and any(map(is_star, apply_edits(cell.text, shaped.get(cell.column, ()))))
        ]
        if not numbers:
            return
        last = numbers[-1]
        several = {cell.place: cell.findings for cell in numbers if len(cell.findings) > 1}
        line = Row(last.row, {cell.column: cell.text for cell in cells})
        table = Table("", lambda: iter((line,)), place_of)
        (row,) = rows_of_table(table, {last.row: last.block}, gone, several)
        fields = fields_of(last.block)
        shown = cells_shown(row, fields, edits)
        told = numbers_shown(row, fields, shown, edits)
        self._odd[tuple((column, fields[column], text) for column, text in told.items())] += 1
        columns = namesake_columns(fields)
        if columns is None or columns[0] not in row.spots or not shown[columns[0]].strip():
            return
        reads = [shown[column] for column in sorted(shown) if not varies(fields[column])]
        reads = [text for text in reads if text]
        hashes = self._hashes.of_texts(reads, self._codec)
        total = self._hashes.at(hashes, np.arange(len(reads)))
        own = own_number(row.source.get(columns[1], ""))
        self._keep(
            np.array([total.sum()], np.uint64),
            self._hashes.of_texts([own], self._codec),
            np.array([last.row * _COLUMNS + columns[0]]),
        )

    # ---------------------------------------------------------------------------------- the whole

    def counted(self, titles: Sequence[str], name: str) -> Counter[str]:
        """The grades. Raises Unstreamable where rows have to be changed or are not to be written,
        Weak where columns have to be."""
        grader = Grader(self._policy, list_context(titles, name))
        verdict = Verdict()
        rows = [(self._keys[code], count) for code, count in self._counts.items()]
        for key, count in [*rows, *self._odd.items()]:
            fields = {column: field for column, field, _ in key}
            graded = grader(fields, {column: text for column, _, text in key})
            worst = "A"
            for one in graded:
                if one.strength.grade == "D" or (one.strength.grade == "C" and not one.remedy):
                    raise Unstreamable
                if one.remedy:
                    if "mask" in one.remedy.steps:
                        raise Unstreamable
                    verdict.fields.update(coarser_fields(one.remedy))
                worst = max(worst, one.strength.grade)
            if graded:
                verdict.grades[worst] += count
        if verdict.fields:
            error = Weak()
            error.fields = verdict.fields
            raise error
        return verdict.grades

    def namesakes(self) -> Iterator[Item]:
        """The rows that read like an earlier one of somebody else."""
        if not self._reads:
            return
        reads, owns = np.concatenate(self._reads), np.concatenate(self._owns)
        places = np.concatenate(self._places)
        order = np.lexsort((places, reads))
        reads, owns, places = reads[order], owns[order], places[order]
        leads = np.ones(len(reads), bool)
        leads[1:] = reads[1:] != reads[:-1]
        first = np.maximum.accumulate(np.where(leads, np.arange(len(reads)), 0))
        alike = (owns != 0) & (owns[first] != 0) & (owns != owns[first])
        at = np.flatnonzero(alike)
        at = at[np.argsort(places[at])]
        for place, other in zip(places[at].tolist(), places[first[at]].tolist(), strict=True):
            yield namesake(place_of(*divmod(place, _COLUMNS)), place_of(*divmod(other, _COLUMNS)))


class _Hashes:
    """Hashes of cells under random keys: nothing can be told from them outside this run."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.uint64)

    def _key(self, at: int) -> np.uint64:
        while at >= len(self._keys):
            more = np.frombuffer(secrets.token_bytes(8 * 64), np.uint64) | np.uint64(1)
            self._keys = np.append(self._keys, more)
        key: np.uint64 = self._keys[at]
        return key

    def of(self, source: Bytes, starts: Places, lengths: Places) -> Words:
        """Of some cells; 0 for empty ones."""
        view = overlapping(source, 8)
        total = np.zeros(len(starts), np.uint64)
        for at in range(-(-int(lengths.max(initial=0)) // 8)):
            here = np.flatnonzero(lengths > 8 * at)
            words = view[starts[here] + 8 * at] & inside(lengths[here] - 8 * at)
            words *= self._key(2 * at + 2)
            words ^= words >> np.uint64(29)
            total[here] += words * self._key(2 * at + 3)
        return total

    def of_texts(self, texts: Sequence[str], codec: str) -> Words:
        """Of some texts, the same as of cells that hold them."""
        raw = [text.encode(codec) for text in texts]
        lengths = np.array([len(one) for one in raw], np.int64)
        source = np.frombuffer(b"".join(raw) + bytes(PAD), np.uint8)
        return self.of(source, np.cumsum(lengths) - lengths, lengths)

    def at(self, hashes: Words, ranks: Places) -> Words:
        """Of cells with their places in a row; 0 for empty ones."""
        if len(ranks):
            self._key(2 * int(ranks.max()) + 1)
        mixed = hashes ^ (hashes >> np.uint64(32))
        mixed *= self._keys[2 * ranks] if len(ranks) else np.uint64(1)
        mixed ^= mixed >> np.uint64(31)
        mixed *= self._keys[2 * ranks + 1] if len(ranks) else np.uint64(1)
        return mixed
