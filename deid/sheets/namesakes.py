"""Names that minors have in other rows: whose they are here, the row says.

A row is asked by arrays where a clean ID number alone tells the age; the others one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deid import minors, tables
from deid.columns import Block, Profile, View
from deid.model import Row
from deid.scan import Setting
from deid.sheets.cells import Window
from deid.sheets.judging import ADULT, EMPTY, Judge
from deid.sheets.markup import distinct
from deid.vector import Flags, Places


def adults_in(judge: Judge, view: View) -> dict[int, list[tuple[int, int]]]:
    """Name column -> where names of adults stand in a row."""
    if view.zone != "data" or not judge.before:
        return {}
    return minors.adult_names(view.row, minors.features_of(view.block), judge.day)


@dataclass(frozen=True, slots=True)
class Namesakes:
    """The cells of a window with such names; ``row`` gives a row as the exact reader does."""

    judge: Judge
    scanner: tables._CellScanner
    window: Window
    row: Callable[[int], Row]

    def spare(self, told: Places, block: Block, plain: Flags) -> None:
        """Let adults in plain rows keep their names: change the verdicts of these cells."""
        judge, window = self.judge, self.window
        cells = np.flatnonzero(np.isin(told, sorted(judge.namesakes)))
        cells = cells[plain[window.row[cells]]]
        for column, telling in minors.features_of(block).items() if len(cells) else ():
            those = cells[window.column[cells] == column]
            if not len(those) or not telling:
                continue
            setting = tables._setting(View(Row(0, {}), "data", block), column)
            alone = self._told_by_number(told, telling)[window.row[those]]
            alone &= self._single(told[those])
            for number in distinct(told[those[alone]]).tolist():
                text = judge.verdicts[number].text
                found = self.scanner(text, setting)
                names = tuple(minors.names_in(text))
                chosen = those[alone & (told[those] == number)]
                told[chosen] = judge.special(text, found, setting, names)
            for at in those[~alone].tolist():
                told[at] = self._by_its_row(at, block, setting, int(told[at]))

    def _told_by_number(self, told: Places, telling: list[Profile]) -> Flags:
        """Rows in which a clean ID number of an adult is all that tells an age."""
        window, adult = self.window, self.judge.table()[ADULT]
        found = np.zeros(len(window.numbers), bool)
        other = np.zeros(len(window.numbers), bool)
        for profile in telling:
            those = window.column == profile.index
            rows, verdicts = window.row[those], told[those]
            found[rows] |= adult[verdicts] > 0
            other[rows] |= (verdicts != EMPTY) & (adult[verdicts] == 0)
        return found & ~other

    def _single(self, verdicts: Places) -> Flags:
        """Which of the verdicts are of a text with one name."""
        numbers = distinct(verdicts)
        texts = [self.judge.verdicts[number].text for number in numbers.tolist()]
        single = np.array([len(minors.names_in(text)) == 1 for text in texts], bool)
        found: Flags = single[np.searchsorted(numbers, verdicts)]
        return found

    def _by_its_row(self, at: int, block: Block, setting: Setting, verdict: int) -> int:
        """The verdict of a cell as the exact path finds it, from the whole row."""
        row, column = int(self.window.row[at]), int(self.window.column[at])
        view = View(self.row(row), "data", block)
        adults = adults_in(self.judge, view).get(column, [])
        if not adults:
            return verdict
        text, day = view.row.cells[column], self.judge.day
        found = self.scanner(text, setting)
        more = minors.minor_names(view, day).get(column, [])
        return self.judge.special(text, [*found, *more], setting, tuple(adults))
