"""Large workbooks, masked and verified by the column: what the exact path makes, a hundred times as fast.

Cells are told as numbers of verdicts: one for all clean ID numbers, one for each distinct text that
the exact path was asked about. Rows that might not be plain data are judged by the exact path one by
one, windows with a header in them as a whole. Where two passes are needed (a hidden value that stands
elsewhere too), the second one knows what the first one hid. Whatever is out of the ordinary (blanks or
comments between the tags, edits of a formula or of a sheet's header) makes ``mask_xlsx`` return None.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deid.columns import Profile
from deid.errors import DeidError
from deid.mask import apply_edits, edits_for
from deid.model import Edit, Remark, Text
from deid.policy import Policy
from deid.prose import merge, scan_texts
from deid.sheets.checking import Check
from deid.sheets.hidden import Hidden, clashes, long_runs, stands
from deid.sheets.judging import FIRST
from deid.sheets.markup import Odd
from deid.sheets.passes import Pass
from deid.sheets.reading import open_workbook, texts_outside
from deid.sheets.writing import Saving
from deid.tables import date_of_texts


@dataclass(frozen=True, slots=True)
class Masked:
    """A workbook that was masked and verified: counts for the report."""

    format: str
    found: Counter[str]
    changed: int
    columns: dict[tuple[str, int, Profile], int]
    remarks: Sequence[Remark]
    source_sha256: str
    output_sha256: str


def mask_xlsx(source: Path, target: Path, policy: Policy) -> Masked | None:
    """``source`` masked into ``target`` and verified, or None when the exact path has to do it."""
    if policy.reshapes:
        return None
    try:
        with source.open("rb") as stream:
            return _Masking(stream, policy).run(target)
    except (Odd, DeidError, OSError, ValueError):
        return None


class _Masking:
    """One workbook on its way from source to target."""

    def __init__(self, stream: BinaryIO, policy: Policy) -> None:
        self.stream, self.policy = stream, policy
        self.book = open_workbook(stream)
        self.edits: dict[str, list[Edit]] = {}

    def run(self, target: Path) -> Masked:
        """Mask, save, verify. Raises Odd."""
        texts = texts_outside(self.book)
        reference = date_of_texts(texts)
        self.text_hidden = Hidden()
        found = self._scan_texts(texts, reference)
        done = self._passes(texts, reference, found)
        with target.open("w+b") as writer:
            saving = Saving(self.book, done, self.edits)
            saving.write(writer)
            writer.flush()
            os.fsync(writer.fileno())
            Check(saving, self.policy, reference, texts, self.hidden, self.kept).run(writer)
            digests = _digest(self.stream), _digest(writer)
        for entity, times in found.items():
            done.tally.found[entity] += times
        changed = done.tally.changed + sum(map(len, self.edits.values()))
        found, columns = +done.tally.found, done.tally.columns
        remarks, kind = self.book.remarks, self.book.format
        return Masked(kind, found, changed, columns, remarks, *digests)

    def _scan_texts(self, texts: Sequence[Text], reference: datetime.date | None) -> Counter[str]:
        found: Counter[str] = Counter()
        for item in scan_texts(texts, reference):
            text = item.text
            findings = merge(list(item.findings))
            edits = edits_for(text.text, findings, self.policy, place=text.place, star=text.star)
            if edits:
                self.edits[text.place] = edits
            found.update(finding.entity for finding in findings)
            for finding in findings:
                if self.policy.hides(finding.entity):
                    value = text.text[finding.start : finding.end]
                    self.text_hidden.add(value, finding.entity, alike=False)
        return found

    def _passes(
        self, texts: Sequence[Text], reference: datetime.date | None, found: Counter[str]
    ) -> Pass:
        first = Pass(self.book, self.policy, reference)
        first.judge.hidden = self.text_hidden
        first.run()
        hidden = first.judge.hidden
        self.hidden = hidden
        for text in texts:
            if clashes(hidden, text.text, self.edits.get(text.place, ())):
                raise Odd
            first.judge.kept.update(
                long_runs(apply_edits(text.text, self.edits.get(text.place, ())))
            )
        self.kept = set(first.judge.kept)
        watch = _numbers_in(first.judge.kept)
        if first.holds(watch):
            raise Odd
        if not self._needs_more(first):
            return first
        again = Pass(self.book, self.policy, reference, hidden, watch)
        again.run()
        return again

    def _needs_more(self, first: Pass) -> bool:
        """Whether a second pass has to look for hidden values in what stays. Raises Odd."""
        judge, hidden = first.judge, first.judge.hidden
        # Addresses are looked for by their form, which does not tell a pass what to hide.
        if any(stands(hidden.forms, text) for text in judge.quiet_texts):
            raise Odd
        if judge.forgot or hidden.numbers:
            return True
        if hidden.words:
            joined = "\n".join(judge.quiet_texts)
            if any(word in joined for word in hidden.words):
                return True
        if any(True for text in judge.quiet_texts for _ in hidden.values.find(text)):
            return True
        return any(
            clashes(hidden, verdict.text, verdict.edits)
            for verdict in judge.verdicts[FIRST:]
            if verdict.text
        )


_MAX_WATCHED = 2_000_000
_CLEAN = re.compile(r"(?=([0-9]{17}[0-9X]))|(?=(1[0-9]{10}))")
_CARDS = re.compile(r"(?=([0-9]{19}))|(?=([0-9]{17}))|(?=([0-9]{16}))")


def _numbers_in(runs: Collection[str]) -> set[bytes]:
    """All that might be one of the clean numbers within longer ones. Raises Odd."""
    found: set[bytes] = set()
    for run in runs:
        for hit in _CLEAN.finditer(run):
            found.update(run[hit.start() :][:size].encode() for size in (11, 18))
        for hit in _CARDS.finditer(run):
            found.update(run[hit.start() :][:size].encode() for size in (16, 17, 19))
        if len(found) > _MAX_WATCHED:
            raise Odd
    return found


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while data := stream.read(1 << 20):
        digest.update(data)
    return digest.hexdigest()
