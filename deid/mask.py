"""Findings + policy -> edits, and edits -> text."""

from __future__ import annotations

from collections.abc import Sequence

from deid.model import Edit, Finding
from deid.policy import Policy


def edits_for(
    text: str, findings: Sequence[Finding], policy: Policy, *, place: str = "", star: str = "*"
) -> list[Edit]:
    """What has to change in ``text``, in order. ``star`` stands for a hidden character here."""
    edits = []
    for finding in sorted(findings, key=_start) if len(findings) > 1 else findings:
        if not policy.hides(finding.entity):
            continue
        value = text[finding.start : finding.end]
        masked = policy.operators[finding.entity](value)
        if star == "0":  # a number has to stay there; what is left of it must not look like one
            masked = "0" if masked != value else value
        elif star != "*":
            masked = masked.replace("*", star)
        if masked != value:
            edits.append(shortest(place, finding.start, value, masked))
    return edits


def _start(finding: Finding) -> int:
    return finding.start


def shortest(place: str, start: int, value: str, new: str) -> Edit:
    """The edit that makes ``new`` of a value, without the characters at its ends that stay."""
    most = min(len(value), len(new))
    head = 0
    while head < most and value[head] == new[head]:
        head += 1
    tail = 0
    while tail < most - head and value[-1 - tail] == new[-1 - tail]:
        tail += 1
    return Edit(place, start + head, start + len(value) - tail, new[head : len(new) - tail])


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """``text`` with edits (sorted, not overlapping) applied."""
    if len(edits) < 2:
        return (
            text[: edits[0].start] + edits[0].replacement + text[edits[0].end :] if edits else text
        )
    pieces, at = [], 0
    for edit in edits:
        pieces += [text[at : edit.start], edit.replacement]
        at = edit.end
    return "".join([*pieces, text[at:]])


def mask_spans(text: str, findings: Sequence[Finding], policy: Policy) -> str:
    """``text`` with every finding that the policy hides changed as it says."""
    return apply_edits(text, edits_for(text, findings, policy))
