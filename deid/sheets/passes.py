"""One pass over all sheets of a workbook: rows told plain or not, every cell given its verdict.

Rows that might not be plain data are judged by the exact path one by one, windows with a header in
them as a whole.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from deid import tables
from deid.columns import (
    _SAMPLE,
    NO_BLOCK,
    Block,
    Profile,
    View,
    main_block,
    profile_rows,
)
from deid.fields import NO_LABEL
from deid.formats.xlsx import Workbook
from deid.minors import features_of, minor_names, minors_in_forms
from deid.model import Finding, Row, Table
from deid.policy import Policy
from deid.rows import is_form, strong_labels
from deid.scan import Setting
from deid.sheets.cells import OTHER, SHARED, Window
from deid.sheets.hidden import Hidden
from deid.sheets.judging import (
    BLANK,
    DIGITS,
    EMPTY,
    HITS,
    KEY,
    LONG,
    MARKED,
    SIGNED,
    STRONG,
    TOTALS,
    VOTE,
    YOUNG,
    Judge,
)
from deid.sheets.markup import Odd, distinct, words_at
from deid.sheets.namesakes import Namesakes, adults_in
from deid.sheets.reading import QuickSheet, strings_of
from deid.sheets.spelled import Texts, texts_of
from deid.sheets.splitids import split_ids
from deid.tables import date_told
from deid.vector import Flags, Places

_MAX_WIDTH = 512
_HEAD = _SAMPLE + 112
"""Rows at the top of a table that are judged one by one; what a column holds, more than enough tell."""

_Judged = tuple[Places, Block, dict[int, View]]
"""Verdicts as of plain rows, the block of these, and the rows that are not plain."""


@dataclass(slots=True)
class Tally:
    """What the passes over a workbook found."""

    found: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    columns: dict[tuple[str, int, Profile], int] = field(default_factory=dict)


@dataclass(slots=True)
class Own:
    """The verdict of each cell of one window; ``told``: as of a plain row, by these settings of the
    columns and on that day."""

    verdict: Places
    shared: Places
    told: Places
    settings: Mapping[int, Setting]
    day: datetime.date


class Pass:
    """One pass over all sheets of a workbook."""

    def __init__(
        self, book: Workbook, policy: Policy, reference: datetime.date | None,
        before: Hidden | None = None, watch: set[bytes] | None = None,
    ) -> None:  # fmt: skip
        self.book, self.policy, self.reference = book, policy, reference
        self.judge = Judge(policy, self._first_day, before)
        self.judge.watch = watch or set()
        self.scanner = tables._CellScanner()
        self.tally = Tally()
        self.spared: Counter[str] = Counter()
        """Names of minors that adults keep who have the same: how often."""
        self.strings = strings_of(book)
        self.size = len(self.strings.found_all)
        self.key = np.full(self.size, -1, np.int32)
        self.verdict = np.zeros(self.size, np.int32)
        self.differs = np.zeros(self.size, bool)
        self.own: dict[str, list[Own]] = {}
        self._tables: dict[tuple[datetime.date, Setting], Places] = {}
        self._counts = np.zeros(0, np.int64)
        self.former: Mapping[str, Sequence[Own]] = {}
        self.changed = np.zeros(0, bool)
        """Shared strings that are not what they were when ``former`` was told."""

    @property
    def _first_day(self) -> datetime.date:
        return self.reference or datetime.date.today()

    def follow(self, done: Pass, hidden: Hidden, changed: Flags) -> None:
        """Look at a workbook that was written after another pass: what did not change needs not be
        judged again. ``changed``: of each shared string whether it did."""
        self.judge, self.former, self.changed = done.judge, done.own, changed
        self.judge.begin(hidden)
        self.judge.turn_to(self._first_day)
        self._tables = done._tables
        for table in self._tables.values():
            table[changed] = -1

    def run(self) -> None:
        """Judge every cell of every sheet."""
        for sheet in self.book.sheets:
            assert isinstance(sheet, QuickSheet)
            SheetPass(self, sheet).run()
        self._count()

    def count(self, verdicts: Places) -> None:
        """Count cells by their verdict."""
        fresh = np.bincount(verdicts, minlength=len(self._counts))
        fresh[: len(self._counts)] += self._counts
        self._counts = fresh

    def _count(self) -> None:
        for number in self.used():
            verdict, times = self.judge.used(number), int(self._counts[number])
            for entity in verdict.entities:
                self.tally.found[entity] += times
            self.tally.changed += len(verdict.edits) * times
            for start, end in verdict.spared:
                self.spared[verdict.text[start:end]] += times

    def used(self) -> list[int]:
        """The verdicts that some cell has."""
        return list(np.flatnonzero(self._counts).tolist())

    def holds(self, watch: Collection[bytes]) -> bool:
        """Whether a clean number of some cell is one of these."""
        if not watch:
            return False
        heads = np.sort([int.from_bytes(one[:8], "little") for one in watch]).astype(np.uint64)
        clean = self.judge.is_clean()
        those = self.strings.found_all
        for sheet in self.book.sheets:
            assert isinstance(sheet, QuickSheet)
            for window, own in zip(sheet.windows(), self.own[sheet.label], strict=True):
                cells = np.flatnonzero(clean[own.verdict])
                shared = window.stored[cells] == SHARED
                local = cells[~shared]
                starts, ends = those.spans(window.shared[cells[shared]])
                for source, data, first, last in (
                    (those.bytes, those.data, starts, ends),
                    (window.bytes, window.data, window.first[local], window.last[local]),
                ):
                    words = words_at(source, first)
                    near = heads[np.minimum(np.searchsorted(heads, words), len(heads) - 1)]
                    for at in np.flatnonzero(near == words).tolist():
                        if data[first[at] : last[at]].upper() in watch:
                            return True
        return False

    def shared(self, numbers: Places, setting: Setting) -> Places:
        """The verdicts of shared strings under a header."""
        key = (self.judge.day, setting)
        if key not in self._tables:
            if self.size * (len(self._tables) + 1) > 60_000_000:
                raise Odd
            self._tables[key] = np.full(self.size, -1, np.int32)
        table = self._tables[key]
        found = table[numbers]
        if (found < 0).any():
            fresh = numbers[found < 0]
            if not (fresh[1:] > fresh[:-1]).all():
                fresh = distinct(fresh)
            those = self.strings.found_all
            table[fresh] = self.judge.tell(
                those.bytes, those.data, those.spans(fresh), setting,
                those.plain[fresh], lambda at: self.strings.text(int(fresh[at])),
            )  # fmt: skip
            found = table[numbers]
        return found


def _short(places: Places) -> Places:
    """The numbers in half the space."""
    found: Any = places.astype(np.int32)
    return cast(Places, found)


def _special(views: Mapping[int, View], block: Block) -> dict[int, View]:
    """The rows that are no plain data of the block."""
    return {
        at: view
        for at, view in views.items()
        if view.zone != "data" or view.block is not block or tables.split_ids(view.row)
    }


class SheetPass:
    """One pass over one sheet: its rows judged, its cells told."""

    def __init__(self, whole: Pass, sheet: QuickSheet) -> None:
        self.whole, self.sheet, self.judge = whole, sheet, whole.judge
        self.block = NO_BLOCK
        self.texts: Texts | None = None
        """Those of the window, once somebody asks for them."""
        self.stale = False
        self.reference = whole.reference
        self.in_forms: Mapping[tuple[int, int], list[Finding]] = {}
        self.wide = {
            top for top, left, bottom, right in sheet.merges
            if right - left >= 3 and left <= 1 and top == bottom
        }  # fmt: skip

    def run(self) -> None:
        out = self.whole.own.setdefault(self.sheet.label, [])
        self.judge.turn_to(self.reference or datetime.date.today())
        former = self.whole.former.get(self.sheet.label, ())
        for at, window in enumerate(self.sheet.windows()):
            if len(window.row) and int(window.column.max()) >= _MAX_WIDTH:
                raise Odd
            self.former = former[at] if former and self.sheet.is_aligned(at) else None
            out.append(self._window(window))

    def _window(self, window: Window) -> Own:
        self.window, self.texts = window, None
        columns = np.flatnonzero(np.bincount(window.column)).tolist()
        self.columns = {column: np.flatnonzero(window.column == column) for column in columns}
        if not columns:
            none = _short(np.zeros(0, np.int64))
            return Own(none, none, none, {}, self.judge.day)
        bounds = np.searchsorted(window.row, np.arange(len(window.numbers) + 1))
        self.bounds = bounds.tolist()
        self.full = np.flatnonzero(np.diff(bounds) > 0).tolist()
        judged = self._carried() or self._sampled() or self._judge_all()
        told, block, special = judged
        verdicts = self._finish(told, block, special)
        return self._account(window, verdicts)

    def _carried(self) -> _Judged | None:
        """By the block of the rows above; None where the rows here may change it."""
        block = self.block
        if block is NO_BLOCK or not self._knows_columns():
            return None
        told = self._told(self.window, block)
        if self._may_widen(told):
            return None
        rows = self._doubtful(told, block)
        if len(rows) * 4 > len(self.full) or (
            len(rows) > 60 and self._may_widen(told, all_of=True)
        ):
            return None
        views = self._views(rows, block)
        if views is None:
            return None
        self._date(list(views.values()))
        return told, block, views

    def _sampled(self) -> _Judged | None:
        """As ``_judge_all``, from the rows by which the columns are judged and those in doubt."""
        if self.block is not NO_BLOCK or len(self.full) < 4 * _HEAD:
            return None
        chosen = self._sample_rows()
        if len(chosen) * 2 > len(self.full):
            return None
        rows = [self.row(at) for at in chosen]
        if any(not row.cells for row in rows):
            return None
        judged, block = profile_rows(rows, self.sheet.merges)
        views = dict(zip(chosen, judged, strict=True))
        if not self._says_enough(views, block):
            return None
        told = self._told(self.window, block)
        others = [at for at in self._doubtful(told, block) if at not in views]
        more = self._views(others, block) if len(others) * 4 <= len(self.full) else None
        if more is None:
            return None
        self.block = block
        views = dict(sorted((views | more).items()))
        self._date(list(views.values()))
        return told, block, _special(views, block)

    def _sample_rows(self) -> list[int]:
        """The first rows, and in each column those of the first cells."""
        window, chosen = self.window, {*self.full[:_HEAD]}
        for cells in self.columns.values():
            chosen.update(window.row[cells[:_HEAD]].tolist())
        return sorted(chosen)

    def _says_enough(self, views: Mapping[int, View], block: Block) -> bool:
        """Whether the block is the one that all rows would give, if the others are plain data."""
        end = self.full[_HEAD - 1]
        head = [view for at, view in views.items() if at < end and view.block is block]
        rest = [view for at, view in views.items() if at >= end]
        if not any(view.zone == "header" for view in head):
            return False
        if sum(view.zone == "data" for view in head) < _HEAD // 2:
            return False
        # Whether a row is a header may depend on the rows beside it, which are not here.
        if any(
            view.zone in ("header", "form") or is_form(view.row, strong_labels(view.row))
            for view in rest
        ):
            return False
        data = [view for view in (*head, *rest) if view.zone == "data"]
        return all(
            (profile.why.startswith("表头") and (profile.label.entity or profile.label.agency))
            or self._sampled_enough(column, views, data)
            for column, profile in block.profiles.items()
        )

    def _sampled_enough(self, column: int, views: Mapping[int, View], data: list[View]) -> bool:
        """Whether more values of the column than vote are among the sample, or all there are."""
        values = sum(bool(view.row.cells.get(column, "").strip()) for view in data)
        if values >= _SAMPLE:
            return True
        rows = self.window.row[self.columns[column]] if column in self.columns else ()
        return set(map(int, rows)) <= views.keys()

    def _knows_columns(self) -> bool:
        return all(column in self.block.profiles for column in self.columns)

    def row(self, at: int) -> Row:
        """One row of the window as the exact reader gives it."""
        return self.sheet.row(self.window, range(self.bounds[at], self.bounds[at + 1]))

    def _told(self, window: Window, block: Block) -> Places:
        """The verdict of every cell as one of a plain row."""
        out = np.zeros(len(window.row), np.int64)
        self.settings = {
            column: tables._setting(View(Row(0, {}), "data", block), column)
            for column in self.columns
        }
        changed = self._changed()
        for column, setting in self.settings.items():
            here = self.columns[column]
            former = self.former
            if former and changed is not None and former.settings.get(column) == setting:
                out[here] = former.told[here]
                here = here[changed[here]]
            stored = window.stored[here] == SHARED
            if stored.any():
                out[here[stored]] = self.whole.shared(window.shared[here[stored]], setting)
            local = here[~stored]
            if len(local):
                out[local] = self._tell(window, local, setting)
        self._check_rows(window, out)
        return out

    def _tell(self, window: Window, local: Places, setting: Setting) -> Places:
        """The verdicts of cells whose texts stand in the sheet."""
        if self.texts is None:
            self.texts = texts_of(window)
        data, source, first, last, fine = self.texts
        plain = fine[local] & (window.stored[local] != OTHER)
        spans = first[local], last[local]

        def text(at: int) -> str:
            return self.sheet.text(window, int(local[at]))

        return self.judge.tell(source, data, spans, setting, plain, text)

    def _changed(self) -> Flags | None:
        """The cells that were changed since they were told; None where none were told on this day."""
        former, window = self.former, self.window
        if former is None or former.day != self.judge.day:
            return None
        changed: Flags = self.judge.table()[KEY][former.verdict] > 0
        shared = np.flatnonzero(window.stored == SHARED)
        changed[shared] = self.whole.changed[window.shared[shared]]
        return changed

    def _check_rows(self, window: Window, told: Places) -> None:
        """Every row that has cells must show something: windows are counted by that."""
        shown = np.bincount(window.row, told != EMPTY, minlength=len(window.numbers))
        if (shown[self.full] == 0).any():
            raise Odd

    # ---------------------------------------------------------------------------------- the rows

    def _may_widen(self, told: Places, *, all_of: bool = False) -> bool:
        """Whether a column that nothing is known of could be told by its values here."""
        votes = self.judge.table()[VOTE]
        for column, profile in self.block.profiles.items():
            label = profile.label
            if label.entity or label.agency or label.public:
                continue
            if column not in self.columns:
                continue
            those = told[self.columns[column]]
            those = those[those != EMPTY]
            those = those if all_of else those[:480]
            if len(those) and votes[those].sum() >= 0.2 * min(len(those), 480):
                return True
        return False

    def _doubtful(self, told: Places, block: Block) -> list[int]:
        """The rows that might not be plain data."""
        window, count = self.window, len(self.window.numbers)
        table = self.judge.table()
        met = set(np.flatnonzero(table[:, np.flatnonzero(np.bincount(told))].any(axis=1)).tolist())
        those: Flags = np.not_equal(told, EMPTY)

        def per_row(name: int) -> Places:
            if name not in met:
                return np.zeros(count, np.int64)
            chosen = (table[name][told] > 0) & those
            return np.bincount(window.row[chosen], minlength=count).astype(np.int64)

        filled = np.bincount(window.row[those], minlength=count).astype(np.int64)
        strong, signed = per_row(STRONG), per_row(SIGNED)
        doubtful = (per_row(TOTALS) > 0) | (per_row(BLANK) > 0) | (filled <= 1)
        doubtful |= (signed * 2 >= filled) & (signed > 0)
        marked = per_row(MARKED) > 0
        doubtful |= marked & (filled * 3 <= block.width + 2)
        doubtful |= (per_row(LONG) == 0) & (strong >= 2) & (strong >= 0.4 * filled)
        doubtful |= (strong > 0) & (strong * 2 >= filled - 1)
        doubtful |= split_ids(window, self.whole.strings.found_all, table[DIGITS][told], count)
        if block.width <= 2:
            doubtful |= strong > 0
        if self.wide:
            doubtful |= np.isin(window.numbers, list(self.wide))
        return list(np.flatnonzero(doubtful & (filled > 0)).tolist())

    def _views(self, rows: list[int], block: Block) -> dict[int, View] | None:
        """Those rows that are not plain data, as the exact path judges them; None: judge all."""
        views = {}
        for at in rows:
            row = self.row(at)
            (view,), _ = profile_rows([row], self.sheet.merges, block)
            if view.zone == "header":
                return None
            if view.zone != "data" or tables.split_ids(row):
                views[at] = View(view.row, view.zone, block, view.labels)
        return views

    def _judge_all(self) -> _Judged:
        """By the exact path, row for row."""
        rows = [self.row(at) for at in self.full]
        if any(not row.cells for row in rows):
            raise Odd
        views, self.block = profile_rows(rows, self.sheet.merges, self.block)
        self._date(views)
        block = main_block(views)
        special = _special(dict(zip(self.full, views, strict=True)), block)
        if len(special) == len(self.full):
            # No row is told as plain data: prose, forms. Each cell is told with its row.
            self.settings, self.stale = {}, False
            return np.zeros(len(self.window.row), np.int64), block, special
        return self._told(self.window, block), block, special

    def _date(self, views: Sequence[View]) -> None:
        self.reference = self.reference or date_told(views)
        day = self.reference or datetime.date.today()
        if day != self.judge.day:
            self.judge.turn_to(day)
            self.stale = True
        self.in_forms = minors_in_forms(views, day)

    # --------------------------------------------------------------------------------- the cells

    def _finish(self, told: Places, block: Block, special: dict[int, View]) -> Places:
        """The verdicts with those of rows that are not plain, and of minors' names."""
        if self.stale:
            self.stale = False
            told = self._told(self.window, block)
        self.raw = _short(told)
        plain = np.ones(len(self.window.numbers), bool)
        plain[list(special)] = False
        self._minors(told, block, plain)
        if self.judge.namesakes:
            asked = Namesakes(self.judge, self.whole.scanner, self.window, self.row)
            asked.spare(told, block, plain)
        self._note(told, block, plain)
        for at, view in special.items():
            self._special_row(told, at, view)
        return told

    def _minors(self, told: Places, block: Block, plain: Flags) -> None:
        window = self.window
        young = self.judge.table()[YOUNG]
        suspects: set[int] = set()
        owned = features_of(block)
        for features in owned.values():
            for profile in features:
                setting = tables._setting(View(Row(0, {}), "data", block), profile.index)
                those = window.column == profile.index
                if setting.label.entity == profile.label.entity and setting.label.entity:
                    those &= young[told] > 0
                suspects.update(window.row[those].tolist())
        for at in sorted(suspects):
            if not plain[at]:
                continue
            view = View(self.row(at), "data", block)
            for column, more in minor_names(view, self.judge.day).items():
                text = view.row.cells[column]
                setting = tables._setting(view, column)
                found = [*self.whole.scanner(text, setting), *more]
                self._set(told, at, column, self.judge.special(text, found, setting))

    def _set(self, told: Places, at: int, column: int, verdict: int) -> None:
        first, last = self.bounds[at], self.bounds[at + 1]
        told[first + int(np.searchsorted(self.window.column[first:last], column))] = verdict

    def _special_row(self, told: Places, at: int, view: View) -> None:
        table = Table("", lambda: iter(()), lambda row, column: "")
        whole = self.whole
        found = tables._scan_row(table, view, whole.scanner, self.judge.day, self.in_forms)
        adults = adults_in(self.judge, view)
        for cell in found:
            own = tuple(adults.get(cell.column, ()))
            verdict = self.judge.special(cell.text, cell.findings, Setting(), own)
            self._set(told, at, cell.column, verdict)
            if cell.zone == "data" and cell.profile and cell.profile.label is not NO_LABEL:
                hits = self.judge.table()[HITS, verdict]
                self._add_hits(cell.column, cell.profile, int(hits))

    def _add_hits(self, column: int, profile: Profile, hits: int) -> None:
        key = (self.sheet.label, column, profile)
        columns = self.whole.tally.columns
        columns[key] = columns.get(key, 0) + hits

    def _note(self, told: Places, block: Block, plain: Flags) -> None:
        window = self.window
        hits = self.judge.table()[HITS]
        fine = plain[window.row] & (told != EMPTY)
        for column, here in self.columns.items():
            profile = block.profiles.get(column)
            if profile is None or profile.label is NO_LABEL:
                continue
            those = told[here[fine[here]]]
            if len(those):
                self._add_hits(column, profile, int(hits[those].sum()))

    def _account(self, window: Window, told: Places) -> Own:
        """Count the cells, and what is wanted of each shared string."""
        whole = self.whole
        whole.count(told)
        keys = self.judge.table()[KEY][told]
        if window.formulas and (keys[window.formulas.cells] > 0).any():
            raise Odd  # the formula goes, and with it what other cells have of it
        those = window.stored == SHARED
        numbers, wanted = window.shared[those], keys[those]
        before = whole.key[numbers]
        whole.differs[numbers[(before >= 0) & (before != wanted)]] = True
        whole.key[numbers] = wanted
        whole.verdict[numbers] = told[those]
        whole.differs[numbers[whole.key[numbers] != wanted]] = True
        verdicts = _short(told)
        return Own(verdicts, window.shared, self.raw, self.settings, self.judge.day)
