"""The field rules of a policy, asked by label and header, and what one does with one value.

More protective always wins: a rule never shows what an entity's operator hides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from deid.columns import Profile
from deid.entities import load_entities
from deid.fields import (
    NO_LABEL,
    Label,
    exact_label,
    field_of,
    field_of_entity,
    header_label,
    header_parts,
)
from deid.mask import apply_edits
from deid.model import Edit
from deid.operators import CLOSED, REST, Operator, visible_length
from deid.policy import FieldRule, Policy

_SEVERITY = {"keep": 0, "mask": 1, "generalise": 2, "replace": 3, "drop": 4}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to the values of one column, box or labelled text."""

    action: str = "keep"
    operator: Operator | None = None
    coarse: bool = False
    """The operator writes one of a few words, whatever the value: nothing of it can be left."""
    unknown: bool = False
    """A whitelist takes the column out because nobody knows what it holds."""
    name: str = ""
    """What the operator is called, if there is one."""

    @property
    def drops(self) -> bool:
        """Whether the value goes altogether."""
        return self.action == "drop"


KEEP = Verdict()


# ------------------------------------------------------------------------------------- fields


@lru_cache(maxsize=1 << 12)  # whatever stands in a title
def _fields(label: Label, header: str) -> frozenset[str]:
    """Every field that a column holds: 身份证号/出生年月 holds two."""
    last = header.rpartition(" / ")[2]
    found = {field_of(label)}
    if last and exact_label(last) is NO_LABEL:
        parts = header_parts(last)
        if len(parts) > 1:
            found |= {field_of(header_label(part)) for part in parts}
    return frozenset(found - {""})


class Rules:
    """The field rules of one policy, asked by label and header."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._known: dict[tuple[Label, str], Verdict] = {}
        self.drops_any = any(rule.action == "drop" for rule in policy.fields.values())

    def of_column(self, profile: Profile | None) -> Verdict:
        """What happens to a column. Under a whitelist what is not on it goes."""
        if profile is None:
            return Verdict("drop", unknown=True) if self._policy.only else KEEP
        key = (profile.label, "" if profile.by_hand else profile.header)
        verdict = self._known.get(key)
        if verdict is None:
            verdict = self._known[key] = self._judge(_fields(*key), whitelist=True)
        return verdict

    def of_header(self, header: str) -> Verdict:
        """What happens to a value under a column title, asked alone."""
        return self._judge(_fields(header_label(header), header), whitelist=True)

    def of_label(self, label: Label) -> Verdict:
        """What happens to a value beside its label, in a form or in running text."""
        return KEEP if label is NO_LABEL else self._judge(_fields(label, ""), whitelist=True)

    def of_field(self, key: str) -> Verdict:
        """What the rule of one field says."""
        return self._judge(frozenset([key]), whitelist=False)

    def _judge(self, fields: frozenset[str], *, whitelist: bool) -> Verdict:
        only = self._policy.only
        if whitelist and only and (not fields or not fields <= only):
            return Verdict("drop", unknown=not fields)
        rules = [self._policy.fields[key] for key in sorted(fields) if key in self._policy.fields]
        if not rules:
            return KEEP
        return _verdict(max(rules, key=lambda rule: _SEVERITY[rule.action]))


def _verdict(rule: FieldRule) -> Verdict:
    if rule.action == "keep":
        return KEEP
    if rule.action == "drop":
        return Verdict("drop")
    closed = bool(CLOSED & set(rule.spec))
    return Verdict(rule.action, rule.operator, closed, name=next(iter(rule.spec), ""))


# ------------------------------------------------------------------------- one value, one policy


def coarser(text: str, edits: Sequence[Edit], verdict: Verdict, place: str) -> list[Edit]:
    """The edits of a cell under its rule; those of its findings where they hide more."""
    if verdict.drops:
        new = REST
    elif verdict.operator is None:
        return list(edits)
    else:
        new = verdict.operator(text)
    by_findings = apply_edits(text, edits)
    opens = not verdict.drops and not verdict.coarse
    if edits and opens and visible_length(by_findings) <= visible_length(new):
        return list(edits)
    return whole(place, text, new)


def whole(place: str, text: str, new: str) -> list[Edit]:
    """The edit that makes ``text`` into ``new``; none where nothing changes."""
    return [] if text == new else [Edit(place, 0, len(text), new)]


def effective(policy: Policy) -> Policy:
    """The policy whose operators hide what its field rules hide, wherever an entity is found."""
    operators, specs = dict(policy.operators), dict(policy.specs)
    rules = Rules(policy)
    for entity in load_entities():
        verdict = rules.of_field(field_of_entity(entity))
        if not policy.hides(entity) or (verdict.operator is None and not verdict.drops):
            continue
        operators[entity] = _stricter(operators[entity], verdict)
    if policy.minors == "keep":
        operators.pop("PERSON", None)
        specs.pop("PERSON", None)
    return replace(policy, operators=operators, specs=specs)


def _stricter(operator: Operator, verdict: Verdict) -> Operator:
    def stricter(value: str) -> str:
        if verdict.drops or verdict.operator is None:
            return REST
        return min(operator(value), verdict.operator(value), key=visible_length)

    return stricter
