"""A caller's own recognizers beside ours: anything with Presidio's ``analyze`` and what it returns.

Presidio itself is not imported here. A recognizer that fails, or points outside the text, stops the
call: a text that was half examined must not come out as masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

from deid.errors import RecognizerFault
from deid.model import Finding
from deid.operators import build
from deid.policy import Policy


class Result(Protocol):
    """What Presidio calls a RecognizerResult."""

    entity_type: str
    start: int
    end: int
    score: float


class Recognizer(Protocol):
    """What Presidio calls an EntityRecognizer."""

    supported_entities: list[str]

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> Sequence[Result]: ...


def found_by(text: str, recognizers: Iterable[Recognizer]) -> list[Finding]:
    """What the recognizers find in the text. Raises RecognizerFault that names the one at fault."""
    found: list[Finding] = []
    for recognizer in recognizers:
        name = str(getattr(recognizer, "name", type(recognizer).__name__))
        try:
            results = recognizer.analyze(text, list(recognizer.supported_entities), None)
        except Exception as error:
            # Without its cause: the message of somebody else's error may hold the text.
            raise RecognizerFault(f"识别器 {name} 出错（{type(error).__name__}）") from None
        found += findings_of(text, results or (), name)
    return found


def findings_of(text: str, results: Iterable[Result], name: str = "presidio") -> list[Finding]:
    """Presidio's results as findings. Raises RecognizerFault for a place outside the text."""
    found = []
    for result in results:
        try:
            start, end, score = int(result.start), int(result.end), float(result.score)
            entity = str(result.entity_type)
        except (AttributeError, TypeError, ValueError):
            raise RecognizerFault(f"识别器 {name} 给出的结果不是 RecognizerResult") from None
        if not 0 <= start < end <= len(text):
            raise RecognizerFault(f"识别器 {name} 给出的位置超出文字范围（{start}–{end}）")
        found.append(Finding(start, end, entity, score, f"识别器 {name}"))
    return found


OVERLAPPING = "OVERLAPPING"
"""The entity of a stretch that several recognizers claim for different entities: masked whole."""


def hidden_together(found: Iterable[Finding], policy: Policy) -> tuple[list[Finding], Policy]:
    """What is to be hidden, in order and never overlapping, and the policy that knows all of it.

    An entity that the policy does not know is masked whole, since somebody looked for it. A kept
    finding protects nothing that lies inside it. Where hidden findings overlap, the whole stretch is
    one finding: of their entity if one of them spans it and all agree, otherwise masked whole, since
    what one operator would show the other may hide.
    """
    found = list(found)
    rules = _knowing(policy, {item.entity for item in found} | {OVERLAPPING})
    settled: list[Finding] = []
    for item in sorted(found, key=lambda item: (item.start, -item.end)):
        if not rules.hides(item.entity):
            continue
        last = settled[-1] if settled else None
        if last is None or last.end <= item.start:
            settled.append(item)
        elif item.end > last.end or item.entity != last.entity:
            end = max(last.end, item.end)
            why = f"{last.why}；{item.why}"
            settled[-1] = replace(last, end=end, entity=OVERLAPPING, why=why)
    return settled, rules


def _knowing(policy: Policy, entities: Iterable[str]) -> Policy:
    """The policy with an operator for every entity."""
    unknown = set(entities) - set(policy.specs)
    whole: Mapping[str, Mapping[str, object]] = MappingProxyType({"mask": MappingProxyType({})})
    operator = build("mask", {}, "recognizers")
    return replace(
        policy,
        specs=MappingProxyType({**policy.specs, **dict.fromkeys(unknown, whole)}),
        operators=MappingProxyType({**policy.operators, **dict.fromkeys(unknown, operator)}),
    )
