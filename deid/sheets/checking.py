"""The written workbook, opened afresh: nothing left to hide in it, nothing else changed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import BinaryIO

from deid.formats.xlsx import Workbook
from deid.formats.xlsx_sheet import (
    Sheet,
)
from deid.mask import apply_edits, edits_for
from deid.model import Text
from deid.policy import Policy
from deid.prose import scan_texts
from deid.sheets.hidden import Hidden, clashes
from deid.sheets.judging import FIRST
from deid.sheets.markup import Odd
from deid.sheets.passes import Pass
from deid.sheets.reading import QuickSheet, open_workbook, strings_of, texts_outside
from deid.sheets.splices import Spans, joined
from deid.sheets.strings import SharedStrings
from deid.sheets.writing import Saving


class Check:
    """The written workbook, opened afresh: nothing left to hide, nothing else changed. Raises Odd."""

    def __init__(
        self, saving: Saving, policy: Policy, reference: datetime.date | None,
        texts: Sequence[Text], hidden: Hidden, kept: set[str],
    ) -> None:  # fmt: skip
        self.saving, self.policy, self.reference = saving, policy, reference
        self.texts, self.hidden, self.kept = texts, hidden, kept

    def run(self, stream: BinaryIO) -> None:
        """Check everything."""
        book, written = self.saving.book, self.saving.written
        by_key = {sheet.member.key: written.get(sheet.label, []) for sheet in book.sheets}
        changed = {key: by_key[key] for key in self.saving.changed & by_key.keys()}
        output = open_workbook(stream, book, self._read_strings, changed)
        self._members(output)
        self._texts(output)
        for old, new in zip(self.saving.book.sheets, output.sheets, strict=True):
            self._sheet(old, new)
        self._judge(output)

    def _judge(self, output: Workbook) -> None:
        """Every cell that changed is judged afresh, and every row."""
        done = self.saving.done
        again = Pass(output, self.policy, self.reference, self.hidden)
        if done.spared:
            again.judge.begin(self.hidden, done.spared.keys())
        else:
            again.follow(done, self.hidden, self.saving.new_strings)
        again.run()
        if any(times > done.spared[name] for name, times in again.spared.items()):
            raise Odd
        if again.tally.changed or not again.judge.kept <= self.kept:
            raise Odd
        left = [again.judge.verdicts[number] for number in again.used() if number >= FIRST]
        if any(clashes(self.hidden, one.text, one.edits, one.spared) for one in left if one.text):
            raise Odd

    def _members(self, output: Workbook) -> None:
        """Parts that hold no cells: searched for hidden values; the same bytes unless edited."""
        book, hidden = self.saving.book, self.hidden
        cells_of = {sheet.member.key for sheet in book.sheets} | {book.strings_key}
        before = {member.key: member for member in book.package.members}
        for member in output.package.members:
            if member.key in cells_of:
                continue
            data = output.package.read(member)
            if hidden.values.in_bytes(data):
                raise Odd
            if not self.saving.edits and not self.saving.book.remarks:
                old = before.get(member.key)
                if old is None or book.package.read(old) != data:
                    raise Odd

    def _texts(self, output: Workbook) -> None:
        """Texts outside the cells: masked as wanted, else as they were."""
        fresh = texts_outside(output)
        after = {text.place: text.text for text in fresh}
        edits = self.saving.edits
        for text in self.texts:
            expected = apply_edits(text.text, edits.get(text.place, ()))
            if after.get(text.place) != expected and text.place in after:
                raise Odd
        found = scan_texts(fresh, self.reference)
        for item in found:
            text = item.text
            if edits_for(text.text, item.findings, self.policy, star=text.star):
                raise Odd
            if any(True for _ in self.hidden.values.find(text.text)):
                raise Odd

    def _sheet(self, old: Sheet, new: Sheet) -> None:
        """The rows as they were but for the cells that were edited."""
        assert isinstance(old, QuickSheet)
        assert isinstance(new, QuickSheet)
        if (old.head, old.tail) != (new.head, new.tail):
            raise Odd
        if new.shares(old) or new.follows(old):
            return
        written = self.saving.written.get(old.label) or []
        windows = zip(old.windows(), new.windows(), strict=True)
        for at, (before, after) in enumerate(windows):
            spans = written[at].spans if at < len(written) else Spans()
            if not spans.same(before.data[: before.size], after.data[: after.size]):
                raise Odd

    def _read_strings(self, data: bytes) -> SharedStrings:
        """The strings as they were but for the texts that were edited."""
        saving, old = self.saving, strings_of(self.saving.book).found_all
        if not joined(saving.string_spans).same(old.data[: old.size], data):
            raise Odd
        if saving.texts_only:
            return old.changed(data, saving.grown)
        new = SharedStrings(data)
        if len(old) != len(new):
            raise Odd
        return new
