"""Columns give what single rows give."""

from __future__ import annotations

import datetime
import random

import pytest

from deid.policy import Thresholds
from deid.strength import Context, known_areas, measure
from deid.strength.columns import grade_columns
from deid.strength.context import row_context

DAY = datetime.date(2026, 11, 21)
BASE = Context(on=DAY, areas=frozenset(["431026", "432828"]))
FIELDS = {0: "birth_date", 1: "age", 2: "sex"}


def masked_rows(seed: int, rows: int) -> list[tuple[str, str, str, str]]:
    rng = random.Random(seed)
    found = []
    for _ in range(rows):
        birth = datetime.date(1930, 1, 1) + datetime.timedelta(days=rng.randrange(34000))
        area = rng.choice(["431026", "999999", rng.choice(known_areas())])
        number = f"{area}{birth:%Y%m%d}{rng.randrange(1000):03d}{rng.choice('0123456789X')}"
        marks = rng.choice(["*", "×", "x", " ", "某", "*●?"])
        masked = "".join(char if rng.random() < 0.6 else rng.choice(marks) for char in number)
        shapes = (masked, number, number[:6] + "****" + number[14:], number[:15] + "000", "")
        told = rng.choice(
            ["", birth.isoformat(), f"{birth.year}年{birth.month}月", str(birth.year)]
        )
        age = rng.choice(["", str(2026 - birth.year), "80岁以上"])
        found.append(
            (rng.choice(shapes[: rng.choice([1, 5])]), told, age, rng.choice(["", "男", "女"]))
        )
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("base", [Context(on=DAY), BASE])
def test_columns_give_what_rows_give(seed: int, base: Context) -> None:
    rows = masked_rows(seed, 200)
    masked, births, ages, sexes = (list(column) for column in zip(*rows, strict=True))
    found = grade_columns(masked, base, births=births, ages=ages, sexes=sexes)
    for at, (number, *cells) in enumerate(rows):
        one = measure(number, row_context(base, FIELDS, dict(enumerate(cells))))
        assert (found.t0[at], found.t1[at], found.grades[at]) == (one.t0, one.t1, one.grade)
    assert sum(found.histogram().values()) == len(rows)


def test_columns_may_be_missing() -> None:
    found = grade_columns(["431026************", "431026********1234"], Context(on=DAY))
    assert found.t0.tolist() == [40868 * 999, 3715]
    assert found.histogram() == {"A": 1, "B": 1, "C": 0, "D": 0}
    assert "3715" not in repr(found)


def test_thresholds_of_a_policy() -> None:
    strict = Thresholds(good=10**9, good_known=400, fair=10**6, block=10**4)
    found = grade_columns(
        ["431026************", "431026********1234"], Context(on=DAY), thresholds=strict
    )
    assert found.grades.tolist() == ["B", "D"]


def test_no_rows_and_no_usual_row() -> None:
    assert grade_columns([]).histogram() == dict.fromkeys("ABCD", 0)
    assert grade_columns(["4310**1234"], Context(on=DAY)).t0.tolist() == [
        measure("4310**1234", Context(on=DAY)).t0
    ]
