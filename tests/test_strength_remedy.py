"""What lifts a weak row."""

from __future__ import annotations

import datetime

import pytest

from deid.policy import Thresholds
from deid.strength import Context, measure
from deid.strength.remedy import coarser, remedies, stronger

DAY = datetime.date(2026, 11, 21)
AGE = Context(ages=(36, 36), on=DAY)
MONTH = Context(month=(1990, 3), on=DAY)
BIRTH = Context(birth=datetime.date(1990, 3, 7), sex="女", on=DAY)


def steps(masked: str, context: Context, *order: str) -> list[tuple[str, ...]]:
    order = order or ("mask", "generalise", "drop")
    return [remedy.steps for remedy in remedies(masked, context, order=order)]


@pytest.mark.parametrize(
    ("masked", "context", "expected"),
    [
        ("431026********1234", AGE, [("mask",), ("drop",)]),  # a band of ten years leaves 340
        ("431026********1234", MONTH, [("mask",), ("drop",)]),
        ("431026************", BIRTH, []),  # 499 women of one day: as fair as 500 men
        ("4310261990****0*2*", BIRTH, [("mask",), ("generalise",), ("drop",)]),
        ("43102619900307**34", AGE, [("mask",)]),
        ("431026**********12", AGE, []),  # 3,320 fit: nothing to mend
        ("431026************", AGE, []),
    ],
)
def test_what_helps(masked: str, context: Context, expected: list[tuple[str, ...]]) -> None:
    assert steps(masked, context) == expected


def test_the_policy_says_what_is_preferred() -> None:
    assert steps("431026********1234", AGE, "drop", "mask") == [("drop",), ("mask",)]
    assert steps("431026********1234", AGE, "generalise") == []


def test_steps_are_joined_where_none_is_enough() -> None:
    strict = Thresholds(fair=500)
    found = remedies("4310261990********", BIRTH, thresholds=strict)
    assert [remedy.steps for remedy in found] == [("generalise",), ("drop",)]
    found = remedies("431026********1234", BIRTH, thresholds=strict)
    assert [remedy.steps for remedy in found] == [("drop",), ("mask", "generalise")]
    assert found[1].fields == ("id", "birth")
    assert found[1].strength.grade == "A"


def test_a_remedy_does_what_it_says() -> None:
    (mask, drop) = remedies("431026********1234", AGE)
    assert (mask.fields, drop.fields) == (("id",), ("age",))
    assert mask.strength == measure("431026************", AGE)
    assert drop.strength == measure("431026********1234", Context(on=DAY))


def test_numbers_around_an_id_are_masked_whole() -> None:
    assert stronger("G43102619900307****") == "431026????????????"
    assert remedies("43102619900307123*43", AGE, entity="CN_DISABILITY_CERT")[0].steps == ("mask",)


def test_coarser() -> None:
    assert coarser(Context(birth=datetime.date(1990, 3, 7), ages=(36, 36))) == Context(
        year=1990, ages=(30, 39)
    )
    assert coarser(Context(month=(1990, 3))) == Context(year=1990)
    assert coarser(Context(ages=(80, 89))) == Context(ages=(80, 89))
