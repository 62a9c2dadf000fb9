"""Numbers that a line end cuts in two: each piece is too short to be seen in its own line."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from deid.later import later
from deid.model import Finding, Text
from deid.scan import CERTAIN, scan
from deid.text import fold

_TAIL, _HEAD = later(r"\d[\d -]*\s*$"), later(r"\s*[\d -]*[\dXx]")
_BEFORE, _AFTER = 60, 40
"""How much of the two lines is read for labels."""
_LEAST = 4
"""Digits in the next line; fewer are a serial number as a rule, and tell nobody anything."""
_PIECE = 5
"""What is left of a number is hidden in pieces so short that no operator shows a part of them."""
_WRAPPED = frozenset(("CN_RESIDENT_ID", "CN_MOBILE", "CN_BANK_CARD", "CN_DISABILITY_CERT"))


def wrapped_numbers(
    texts: Sequence[Text], listed: Container[int]
) -> Iterator[tuple[int, list[Finding]]]:
    """(number of a text, findings) of every number that goes on in the next text.

    It has to be certain by its check digit, or its label has to say what it is.
    """
    for at, (above, below) in enumerate(pairwise(texts)):
        if may_go_on(above.text, below.text) and at not in listed and at + 1 not in listed:
            found = _across(fold(above.text), fold(below.text))
            if found:
                tail, head = found
                yield at, [tail]
                yield at + 1, head


def may_go_on(above: str, below: str) -> bool:
    """Whether one text ends, and the next begins, with a digit: the cheap question first."""
    return above.rstrip()[-1:].isdecimal() and below.lstrip()[:1].isdecimal()


def _across(above: str, below: str) -> tuple[Finding, list[Finding]] | None:
    """The two parts of a number that begins in one line and ends in the next."""
    tail, head = _TAIL.search(above), _HEAD.match(below)
    if not tail or not head or sum(map(str.isdecimal, head.group())) < _LEAST:
        return None
    before = above[max(0, len(above) - _BEFORE) :].rstrip()
    lead = len(below) - len(below.lstrip())
    cut, shift = len(before), len(above.rstrip()) - len(before)
    for item in scan(before + below[lead : lead + _AFTER]):
        told = item.score >= CERTAIN or item.why.startswith("标签")
        if item.start < cut < item.end and item.entity in _WRAPPED and told:
            end = item.end - cut + lead
            pieces = [
                replace(item, start=start, end=min(start + _PIECE, end))
                for start in range(lead, end, _PIECE)
            ]
            return replace(item, start=item.start + shift, end=cut + shift), pieces
    return None
