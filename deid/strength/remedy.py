"""A row too weak to publish -> the changes that make it strong enough (DESIGN §4).

``mask``: the number shows its first six digits at most; ``generalise``: the birth date becomes the year,
the age a band of ten years; ``drop``: birth and age columns go. Which is preferred says the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from deid.strength import NOTHING, Context, Limits, Strength, measure, readings
from deid.strength.masks import embedded

STEPS = ("mask", "generalise", "drop")
BAND = 10
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Remedy:
    """Steps that are taken together, the kinds of columns they change, and what they lead to.

    ``fields``: ``id`` (the number itself), ``birth`` (date, month or year), ``age``.
    """

    steps: tuple[str, ...]
    fields: tuple[str, ...]
    strength: Strength


def remedies(
    masked: str,
    context: Context = NOTHING,
    *,
    order: Sequence[str] = STEPS,
    thresholds: Limits | None = None,
    entity: str = "CN_RESIDENT_ID",
) -> list[Remedy]:
    """What lifts a row to B or better, the preferred first; empty when it is already, or nothing does.

    Of steps that are enough alone, no combination is offered.
    """
    if measure(masked, context, thresholds=thresholds, entity=entity).grade in "AB":
        return []
    found: list[Remedy] = []
    for steps in _plans([step for step in order if step in STEPS]):
        if not any(set(known.steps) <= set(steps) for known in found):
            remedy = _tried(masked, context, steps, thresholds, entity)
            if remedy.fields and remedy.strength.grade in "AB":
                found.append(remedy)
    return found


def _plans(order: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Each step alone, then together with others; what is dropped is not generalised."""
    for size in range(1, len(order) + 1):
        for steps in combinations(order, size):
            if not {"generalise", "drop"} <= set(steps):
                yield steps


def _tried(
    masked: str,
    context: Context,
    steps: tuple[str, ...],
    thresholds: Limits | None,
    entity: str,
) -> Remedy:
    pattern, changed, fields = masked, context, []
    for step in steps:
        if step == "mask":
            pattern = stronger(pattern, entity)
            fields += ["id"]
        else:
            changed = coarser(context) if step == "generalise" else without_birth(context)
            fields += _fields(context)
    kind = entity if pattern is masked else "CN_RESIDENT_ID"
    strength = measure(pattern, changed, thresholds=thresholds, entity=kind)
    return Remedy(steps, tuple(fields), strength)


def _fields(context: Context) -> Iterable[str]:
    if context.birth or context.month or context.year:
        yield "birth"
    if context.ages:
        yield "age"


def stronger(masked: str, entity: str = "CN_RESIDENT_ID") -> str:
    """The number with nothing shown behind the division."""
    pattern = min(map(embedded, readings(masked, entity)), key=lambda one: one[:_SHOWN].count("?"))
    return pattern[:_SHOWN] + "?" * (len(pattern) - _SHOWN)


def coarser(context: Context) -> Context:
    """The row with the birth year for the birth date and a band of ten years for the age."""
    date = context.birth.year if context.birth else context.month[0] if context.month else None
    ages = context.ages
    if ages and ages[1] - ages[0] < BAND - 1:
        low = ages[0] - ages[0] % BAND
        ages = low, low + BAND - 1
    return replace(context, birth=None, month=None, year=context.year or date, ages=ages)


def without_birth(context: Context) -> Context:
    """The row without birth and age columns."""
    return replace(context, birth=None, month=None, year=None, ages=None)
