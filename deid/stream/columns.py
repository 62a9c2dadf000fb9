"""The columns of one window, told: which cells are clean, which quiet, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from deid import tables, vector
from deid.columns import Block, View, shape
from deid.mask import apply_edits
from deid.model import Edit, Row
from deid.scan import Setting
from deid.stream import grids, memories
from deid.stream.grids import Grid
from deid.stream.memories import LONG, ODD, STILL_LONG
from deid.stream.verdicts import KNOWN, Judge, Ruled, Verdict, digit_cell, is_long, marks_of, votes
from deid.vector import Flags, Places

_LENGTHS = {
    "CN_RESIDENT_ID": (18,),
    "CN_MOBILE": (11,),
    "CN_BANK_CARD": (16, 17, 19),
}
_QUIET = frozenset(("", "SEX", "HEALTH", "DISABILITY", "POVERTY_CAUSE", "PERSON"))
_VOTERS = 420
"""First values of a column that are asked whether they might vote: 400 do."""
_FEW = 20
_NONE = np.zeros(0, np.int64)


@dataclass(repr=False)
class Told:
    """One column of a window, told.

    ``clean``: cells whose check says all of them. ``places``: cells whose fates are known, under
    ``numbers`` in ``memory``. ``asked``: cells to be judged one by one. ``learnt``: how many fates
    were made for this window. ``births``: of clean ID numbers.
    """

    starts: Places
    ends: Places
    lengths: Places
    setting: Setting
    memory: memories.Memory
    verdicts: list[Verdict]
    rule: Ruled | None = None
    alike: bool = False
    clean: Flags | None = None
    births: Places | None = None
    quiet: Flags | None = None
    places: Places = field(default_factory=lambda: _NONE)
    numbers: Places = field(default_factory=lambda: _NONE)
    kinds: Places = field(default_factory=lambda: _NONE)
    asked: list[int] = field(default_factory=list)
    learnt: int = 0

    def replaced(self, chosen: Flags) -> Iterator[tuple[Places, Places, bytes]]:
        """(first bytes, last bytes, what stands there instead) of the cells of known fates that are
        chosen, those with the same replacement together."""
        numbers, starts = self.numbers[chosen], self.starts[self.places[chosen]]
        first = starts + self.memory.fate("start", numbers)
        last = starts + self.memory.fate("end", numbers)
        news = self.memory.replacements()
        for number, here in memories.alike(self.memory.fate("replacement", numbers)):
            yield first[here], last[here], news[number]


class Marks:
    """What is known of the rows of a window before they are judged."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        count = len(grid)
        self.told: dict[int, Told] = {}
        self.block: Block | None = None
        self.flags = np.zeros(count, np.uint8)
        self.serial = np.zeros(count, bool)
        self.filled, self.numeric, self.masked = (
            np.zeros(count, np.int64),
            np.zeros(count, np.int64),
            np.zeros(count, np.int64),
        )
        self._sums = np.zeros(count, np.int64)
        self.split = np.zeros(count, bool)

    def add_run(self, digits: Places) -> None:
        """Note how many characters the cells of a few digits have, 0 for others: cells side by side
        of 18 in all may be an ID number written over them."""
        sums = self._sums
        if not digits.any():
            sums[:] = 0
            return
        sums |= 1
        sums <<= digits
        sums &= (1 << 19) - 1
        sums *= digits > 0
        self.split |= sums >= 1 << 18

    def doubtful(self, block: Block, *, masked: bool = False) -> Flags:
        """Rows that might be a header, a total, a note or a form; or that might when masked."""
        long = (self.flags & (STILL_LONG if masked else LONG)) > 0
        numeric = self.numeric - self.masked if masked else self.numeric
        doubtful: Flags = ~self.grid.regular | ~long | (self.filled <= 2) | (self.flags >= ODD)
        doubtful |= self.filled * 3 <= block.width + 2
        doubtful |= ~self.serial & (2 * (self.filled - numeric) >= self.filled - 1)
        doubtful |= self.split
        return doubtful


class Columns:
    """Tells the columns of one window after the other."""

    def __init__(
        self,
        judge: Judge,
        quiet: vector.Script,
        rules: Callable[[Block, int], Ruled | None] | None = None,
    ) -> None:
        self._judge = judge
        self._rules = rules
        self._quiet = quiet
        self._memories: dict[
            tuple[Setting, bool, Ruled | None], tuple[memories.Memory, list[Verdict]]
        ] = {}
        self._block: Block | None = None
        self._settings: list[Setting] = []
        self._shapes: dict[str, str] = {}
        self._han_first: dict[int, bool] = {}
        self._parts: dict[tuple[str, int, Ruled | None], tuple[int, int] | None] = {}
        earlier = judge.hidden or judge.spread
        self._numbers = earlier.numbers if earlier else set()
        if earlier and earlier.names:
            quiet.name(earlier.names)

    def look(self, grid: Grid, marks: Marks, block: Block) -> None:
        """Have every column of the plain rows told, before anything is changed."""
        if self._block is not block or len(self._settings) != len(grid.starts):
            self._settings = [setting_of(block, column) for column in range(len(grid.starts))]
            self._block = block
        for column, setting in enumerate(self._settings):
            rule = self._rules(block, column) if self._rules else None
            marks.told[column] = self._tell(grid, marks, column, setting, rule)
        marks.block = block

    def _tell(
        self, grid: Grid, marks: Marks, column: int, setting: Setting, rule: Ruled | None
    ) -> Told:
        """Of each cell of a column: clean, quiet, or the number of its verdict in the memory."""
        alike = self._judge.addresses_alike(setting, rule)
        key = (setting, alike, rule)
        if key not in self._memories:
            self._memories[key] = (memories.Memory(alike=alike), [])
        memory, verdicts = self._memories[key]
        starts, ends, lengths = grid.starts[column], grid.ends[column], grid.lengths[column]
        told = Told(starts, ends, lengths, setting, memory, verdicts, rule, alike)
        left = told.lengths > 0
        marks.filled += left
        digits = marks.filled & 0
        if self._has_check(setting, rule):
            told.clean = self._clean(grid, told)
            stars = self.stars(setting.label.entity, rule)
            stays = all(first >= 5 or not last for _, first, last in stars)
            marks.flags |= told.clean * np.uint8(LONG | STILL_LONG if stays else LONG)
            marks.numeric += told.clean
            marks.masked += told.clean
            left &= ~told.clean
            digits = told.lengths * (told.clean & (told.lengths < 18))
        elif setting.label.entity in _QUIET or setting.label.agency:
            told.quiet = self._quiet_cells(grid, marks, told, left, digits, column)
            if rule and rule.changes:
                told.quiet = None
            else:
                left &= ~told.quiet
        self._recall(grid, marks, told, np.flatnonzero(left), digits)
        marks.add_run(digits)
        return told

    def _quiet_cells(
        self,
        grid: Grid,
        marks: Marks,
        told: Told,
        full: Flags,
        digits: Places,
        column: int,
    ) -> Flags:
        """The cells that are a short number or a few Han characters. Most columns have nearly
        always one of the two: what the last window had is tried first, on the rest the other."""
        quiet = np.zeros(len(full), bool)
        rest: Places | slice = slice(None)
        han_first, done = self._han_first.get(column, False), 0
        for han in (han_first, not han_first):
            if not han and isinstance(rest, np.ndarray):  # numbers begin with one of 0-9 . - / :
                rest = rest[grid.bytes[told.starts[rest]] - np.uint8(0x2D) < 14]
            starts, ends = told.starts[rest], told.ends[rest]
            if han:
                quiet[rest] = self._quiet.quiet(grid.bytes, starts, told.lengths[rest])
            else:
                plain, count = vector.numbers(grid.bytes, starts, ends)
                self._loud_numbers(grid, told.setting, (starts, ends), plain, count)
                marks.numeric[rest] += plain
                count *= plain & (count == told.lengths[rest])
                digits[rest] = count
                marks.flags[rest] |= (count >= 5) * np.uint8(LONG | STILL_LONG)
                if column == 0:
                    marks.serial = digits > 0
                quiet[rest] = plain
            before, done = done, int(np.count_nonzero(quiet))
            rest = np.flatnonzero(full ^ quiet)
            if not len(rest):
                break
        if done > 2 * before:  # the second found more than the first, or all came at once
            self._han_first[column] = han
        return quiet

    def _loud_numbers(
        self,
        grid: Grid,
        setting: Setting,
        cells: tuple[Places, Places],
        plain: Flags,
        count: Places,
    ) -> None:
        """Leave out of the plain numbers what may be a local telephone number, or ends in a colon."""
        starts, ends = cells
        if setting.record:
            plain &= count < 7
        elif self._numbers:
            places = np.flatnonzero(plain & (count >= 7))
            values = vector.values(grid.bytes, starts[places], ends[places])
            hidden = [value in self._numbers for value in values]
            plain[places[hidden]] = False
        if b":" in grid.data:
            plain &= grid.bytes[ends - 1] != 0x3A

    def _has_check(self, setting: Setting, rule: Ruled | None) -> bool:
        """Whether a column's entity has a vectorised check, and a mask that depends on no value."""
        entity = setting.label.entity
        if not setting.people or setting.label.agency or entity not in _LENGTHS:
            return False
        lengths = _LENGTHS[entity]
        return all(self.hidden_part(entity, length, rule) is not None for length in lengths)

    def _clean(self, grid: Grid, told: Told) -> Flags:
        """The cells that are a number of the column's entity beyond doubt."""
        cells = grid.bytes, told.starts, told.ends
        if told.setting.label.entity == "CN_RESIDENT_ID":
            clean, told.births = vector.dated_ids(*cells)
            return clean
        check = vector.mobiles if told.setting.label.entity == "CN_MOBILE" else vector.cards
        return check(*cells)

    def stars(self, entity: str, rule: Ruled | None = None) -> list[tuple[int, int, int]]:
        """Length, first and last hidden character of each clean number of that entity."""
        parts = ((length, self.hidden_part(entity, length, rule)) for length in _LENGTHS[entity])
        return [(length, *part) for length, part in parts if part]

    def hidden_part(
        self, entity: str, length: int, rule: Ruled | None = None
    ) -> tuple[int, int] | None:
        """Which characters of ``length`` digits the policy's mask hides, where it depends on no value."""
        key = entity, length, rule
        if key not in self._parts:
            self._parts[key] = self._part_hidden(entity, length, rule)
        return self._parts[key]

    def _part_hidden(self, entity: str, length: int, rule: Ruled | None) -> tuple[int, int] | None:
        policy = self._judge.policy
        if not policy.hides(entity):
            return None if rule and rule.changes else (0, 0)
        if "mask" not in policy.specs[entity]:
            return None
        if rule and rule.drops:
            return 0, length  # nobody will see it
        ones = "1" * length
        masked = policy.operators[entity](ones)
        if rule and rule.changes:
            if not rule.masks:
                return None
            masked = apply_edits(ones, rule.edits(ones, [Edit("", 0, length, masked)]))
        first, last = masked.find("*"), masked.rfind("*") + 1
        plain = set(masked[first:last]) == {"*"} and first < 7 and len(masked) == length
        return (first, last) if plain else None

    def _recall(self, grid: Grid, marks: Marks, told: Told, left: Places, digits: Places) -> None:
        """Look up what is left; have the exact path judge what was never seen."""
        if not len(left):
            return
        lengths = told.lengths[left]
        fits = left[lengths <= vector.WIDEST] if lengths.max() > vector.WIDEST else left
        numbers = self._find(grid, told, fits)
        known = numbers >= 0
        if not known.all():
            told.asked = fits[~known].tolist()
            fits, numbers = fits[known], numbers[known]
        if len(fits) + len(told.asked) < len(left):
            told.asked += left[lengths > vector.WIDEST].tolist()
        self._mark_asked(grid, marks, told, digits)
        kinds = told.memory.fate("kind", numbers)
        told.places, told.numbers, told.kinds = fits, numbers, kinds
        marks.flags[fits] |= told.memory.fate("marks", numbers).astype(np.uint8)
        some = told.memory.fate("digits", numbers)
        if some.any():
            digits[fits] = some
        told.asked += fits[kinds == memories.ASK].tolist()

    def _find(self, grid: Grid, told: Told, fits: Places) -> Places:
        """The numbers of the fates of those cells, learnt where they are new."""
        memory = told.memory
        cells = memory.key(grid.bytes, told.starts[fits], told.lengths[fits])
        numbers = memory.find(cells)
        unknown = np.flatnonzero(numbers < 0)
        if not len(unknown) or len(memory) >= KNOWN:
            return numbers

        def judge(at: int) -> memories.Fate:
            place = int(fits[unknown[at]])
            text = grid.data[told.starts[place] : told.ends[place]].decode(self._judge.codec)
            fate, verdict = self._judge.fate(text, told.setting, alike=told.alike, rule=told.rule)
            told.verdicts.append(verdict)
            return fate

        before = len(memory)
        memory.learn(cells.some(unknown), judge)
        told.learnt = len(memory) - before
        numbers[unknown] = memory.find(cells.some(unknown))
        return numbers

    def _mark_asked(self, grid: Grid, marks: Marks, told: Told, digits: Places) -> None:
        """Tell of the cells that no memory holds what their rows must be known by."""
        for at in told.asked:
            text = grid.data[told.starts[at] : told.ends[at]].decode(self._judge.codec)
            marks.flags[at] |= marks_of(text) | STILL_LONG * is_long(text)
            digits[at] = digit_cell(text)

    def settle(self) -> None:
        """Add up what the memories' verdicts came to, and forget them."""
        for memory, verdicts in self._memories.values():
            for verdict, count in zip(verdicts, memory.used.tolist(), strict=True):
                self._judge.count(verdict, count)
        self._memories.clear()

    # ----------------------------------------------------------------------------------- the votes

    def may_widen(self, grid: Grid, block: Block, told: Mapping[int, Told] | None = None) -> bool:
        """Whether a column that nothing is known of could be told by its values in this window."""
        for column in range(len(grid.starts)):
            profile = block.profiles.get(column)
            if profile is None:
                return True
            if not votes(profile.label):
                continue
            voters = grids.first_full(grid, column, _VOTERS)
            if told and not self._might_vote(told[column], voters):
                continue
            if len(voters) and self._may_vote(grid, column, voters):
                return True
        return False

    def _might_vote(self, told: Told, voters: Places) -> bool:
        """Whether enough of those values are told to be like one another, or not told enough."""
        if len(voters) < _FEW or told.quiet is None:
            return True
        last = int(voters[-1])
        open_ = int(
            (told.quiet[: last + 1] & (told.lengths[: last + 1] >= self._quiet.size * 5)).sum()
        )
        open_ += sum(at <= last for at in told.asked)
        kinds = told.memory.fate("vote", told.numbers[told.places <= last])
        counts = np.bincount(kinds, minlength=5)
        counts[0] = 0
        return bool((int(counts.max()) + open_) * 4 >= len(voters))

    def _may_vote(self, grid: Grid, column: int, voters: Places) -> bool:
        """Whether those values are nearly enough alike to make the column one of an entity."""
        if len(voters) < _FEW:
            return True
        counts: dict[str, int] = {}
        for at in voters.tolist():
            kind = self._shape(grid.cell(at, column).decode(self._judge.codec))
            counts[kind] = counts.get(kind, 0) + 1
        ids = counts.get("id", 0) + counts.get("idlike", 0)
        phones = counts.get("mobile", 0) + counts.get("landline", 0)
        most = max(ids, phones, counts.get("card", 0), counts.get("address", 0) * 2)
        return most * 2 >= len(voters)

    def _shape(self, text: str) -> str:
        kind = self._shapes.get(text)
        if kind is None:
            if len(self._shapes) > KNOWN:
                self._shapes.clear()
            self._shapes[text] = kind = shape(text)
        return kind


def setting_of(block: Block, column: int) -> Setting:
    """Under what the cells of a column are scanned, in the rows of a block."""
    return tables._setting(View(Row(0, {}), "data", block), column)
