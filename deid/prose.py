"""Texts outside tables -> findings: which lines are about a person, which are the publisher's.

A txt file is read line by line; a line that holds a person's number, or that looks like its
neighbours that do, is a record; the rest (title, footer, notice) is the publisher's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deid.fields import NO_LABEL, Label, exact_label
from deid.model import Finding, Text
from deid.names import is_name
from deid.scan import PROSE, Setting, scan
from deid.text import fold

_PERSONAL = frozenset(
    ("CN_RESIDENT_ID", "CN_BANK_CARD", "CN_DISABILITY_CERT", "CN_STUDENT_NO", "CN_MOBILE")
)
_NUMBERING = re.compile(r"^\s*(?:[(]?\d{1,5}[).、:\s]|[一二三四五六七八九十]{1,3}、|[-•*])?\s*")
_BREAK = re.compile(r"[\t,、;|]|\s{1,}|[:(]")
_PUBLIC = Setting(public=True)
_RECORD = Setting(people=True, record=True)
_DELIMITERS = ("\t", "|", ",", "，", "、", ";", "；", "  ", " ", "\u3000")


@dataclass(frozen=True, slots=True)
class TextFindings:
    """One text and what it holds."""

    text: Text
    findings: tuple[Finding, ...]


def scan_texts(texts: Sequence[Text]) -> Iterator[TextFindings]:
    """Each text with its findings, in order."""
    headers = _HeaderLine()
    records = [_is_record(text.text) for text in texts]
    near = [any(records[max(0, at - 2) : at + 3]) for at in range(len(texts))]
    for at, text in enumerate(texts):
        columns = headers.columns(text.text)
        setting = _RECORD if records[at] else PROSE if near[at] and len(texts) > 1 and _listed(text.text) else _PUBLIC
        if len(texts) == 1 and not records[at]:
            setting = PROSE
        found = scan(text.text, setting)
        for start, end, label in columns:
            found += [
                Finding(start + item.start, start + item.end, item.entity, item.score, item.why)
                for item in scan(text.text[start:end], Setting(label=label, people=True))
            ]
        yield TextFindings(text, tuple(merge(found)))


def merge(found: Sequence[Finding]) -> list[Finding]:
    """Findings of several passes over one text: of those that overlap, the longer one."""
    kept: list[Finding] = []
    for item in sorted(found, key=lambda item: (item.start - item.end, -item.score)):
        if all(item.end <= other.start or other.end <= item.start for other in kept):
            kept.append(item)
    return sorted(kept, key=lambda item: item.start)


def _is_record(text: str) -> bool:
    """Whether a line tells of a person: it holds a personal number that is no agency's."""
    return any(finding.entity in _PERSONAL for finding in scan(text, PROSE))


def _listed(text: str) -> bool:
    """Whether a line reads like a row of a list: a name first, then more fields."""
    folded = fold(text)
    start = _NUMBERING.match(folded)
    pieces = _BREAK.split(folded[start.end() if start else 0 :])
    return len(pieces) >= 2 and is_name(pieces[0].strip())


class _HeaderLine:
    """Remembers the last line of column titles, to tell what the fields of the lines below are."""

    def __init__(self) -> None:
        self._labels: list[Label] = []
        self._delimiter = ""

    def columns(self, line: str) -> list[tuple[int, int, Label]]:
        """(start, end, label) of the fields of a line below a header line."""
        folded = fold(line)
        if self._learn(folded) or not self._labels:
            return []
        fields = _fields(folded, self._delimiter)
        if len(fields) != len(self._labels):
            return []
        return [
            (start, end, label)
            for (start, end), label in zip(fields, self._labels, strict=True)
            if label.entity
        ]

    def _learn(self, folded: str) -> bool:
        if not folded.strip() or len(folded) > 400:
            return False
        for delimiter in _DELIMITERS:
            fields = _fields(folded, delimiter)
            labels = [exact_label(folded[start:end]) for start, end in fields]
            known = Counter(label is not NO_LABEL for label in labels)[True]
            if len(fields) >= 2 and known >= 2 and known * 2 > len(fields):
                self._labels, self._delimiter = labels, delimiter
                return True
        return False


def _fields(folded: str, delimiter: str) -> list[tuple[int, int]]:
    """Where the fields of a line stand; blanks as delimiters count once however many there are."""
    pattern = r"\s+" if delimiter.isspace() and delimiter != "\t" else re.escape(delimiter)
    spans, start = [], 0
    for match in re.finditer(pattern, folded):
        spans.append((start, match.start()))
        start = match.end()
    spans.append((start, len(folded)))
    return [(a, b) for a, b in spans if b > a or not delimiter.isspace()]

