"""Strength: exact counts, against listing every number; masks of every style; the published table."""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid.checks import mod11_2
from deid.strength import (
    Context,
    Strength,
    card_candidates,
    count,
    grade,
    grade_rows,
    histogram,
    id_candidates,
    known_areas,
    measure,
    mobile_candidates,
    readings,
    visible,
)

DAY = datetime.date(2026, 11, 21)
COUNTY = "431026"
AREAS: tuple[str, ...] = ("431026", "431027", "431081", "432828", "440305", "110101")


def check_character(head: str) -> str:
    return next(char for char in "0123456789X" if mod11_2(head + char))


def make_id(area: str, birth: datetime.date, seq: int) -> str:
    head = f"{area}{birth:%Y%m%d}{seq:03d}"
    return head + check_character(head)


def mask(number: str, first: int, last: int) -> str:
    hidden = len(number) - first - last
    return number[:first] + "?" * hidden + number[len(number) - last :] if hidden > 0 else number


# ---------------------------------------------------------------------------- every number listed


def days(first: datetime.date, last: datetime.date) -> Iterator[datetime.date]:
    while first <= last:
        yield first
        first += datetime.timedelta(days=1)


def age_on(birth: datetime.date, day: datetime.date) -> int:
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def listed(pattern: str, births: list[datetime.date], areas: tuple[str, ...], sex: str) -> int:
    """Write down every number and keep those that are valid and fit."""
    head_fits = re.compile(pattern[:14].replace("?", ".")).fullmatch
    body_fits = re.compile(pattern[:17].replace("?", ".")).fullmatch
    found = 0
    for area in areas:
        for birth in births:
            head = f"{area}{birth:%Y%m%d}"
            if head_fits(head):
                for seq in range(1, 1000):
                    if not sex or (seq % 2 == 1) == (sex == "男"):
                        number = f"{head}{seq:03d}"
                        if body_fits(number):
                            found += pattern[17] in ("?", last_character(number))
    return found


def last_character(head: str) -> str:
    """As the standard words it: powers of two from the right, and the table of remainders."""
    value = sum(int(digit) * 2 ** (17 - at) for at, digit in enumerate(head))
    return "10X98765432"[value % 11]


SPANS = {
    "birth": (Context(birth=datetime.date(1954, 3, 12)), "1954-03-12", "1954-03-12"),
    "month": (Context(month=(1954, 2)), "1954-02-01", "1954-02-28"),
    "leap month": (Context(month=(1956, 2)), "1956-02-01", "1956-02-29"),
    "age": (Context(ages=(2, 2), on=datetime.date(2026, 3, 1)), "2023-03-02", "2024-03-01"),
    "leap age": (Context(ages=(1, 1), on=datetime.date(2024, 2, 29)), "2022-03-01", "2023-02-28"),
    "year and age": (
        Context(year=1954, ages=(72, 72), on=datetime.date(2026, 2, 10)),
        "1954-01-01",
        "1954-02-10",
    ),
}


@pytest.mark.parametrize("sex", ["", "女"])
@pytest.mark.parametrize("shown", [(6, 4), (3, 4), (0, 6), (2, 3), (6, 2), (1, 1), (10, 0)])
@pytest.mark.parametrize("name", [name for name in SPANS if name != "age"])
def test_counts_equal_listing_every_number(name: str, shown: tuple[int, int], sex: str) -> None:
    context, first, last = SPANS[name]
    births = list(days(datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)))
    number = make_id(COUNTY, births[len(births) // 2], 122)
    pattern = mask(number, *shown)
    areas: tuple[str, ...] = AREAS
    if len(births) > 31:  # fewer numbers to write down
        pattern = pattern[:14] + number[14] + pattern[15:]
        areas = AREAS[:2]
    expected = max(1, listed(pattern, births, areas, sex))
    assert count(pattern, replace(context, sex=sex), areas) == expected


def test_age_spans_are_the_days_of_that_age() -> None:
    context, first, last = SPANS["age"]
    born = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    assert [age_on(day, datetime.date(2026, 3, 1)) for day in born] == [2, 2]
    assert count("431026????????0121", context, AREAS) == max(
        1, listed("431026????????0121", list(days(*born)), AREAS, "")
    )


def test_month_and_day_shown_alone() -> None:
    births = list(days(datetime.date(1954, 1, 1), datetime.date(1954, 12, 31)))
    pattern = "43102?????03??12??"
    assert count(pattern, Context(year=1954), AREAS) == listed(pattern, births, AREAS, "")


# ------------------------------------------------------------------------------ the published table


MASKS = {
    "前14 (隐后4)": "1" * 14 + "0" * 4,
    "前12后4 (隐日)": "1" * 12 + "00" + "1" * 4,
    "前10后4 (隐月日)": "1" * 10 + "0" * 4 + "1" * 4,
    "前8后4": "1" * 8 + "0" * 6 + "1" * 4,
    "前6后6": "1" * 6 + "0" * 6 + "1" * 6,
    "前6后4": "1" * 6 + "0" * 8 + "1" * 4,
    "前4后4": "1" * 4 + "0" * 10 + "1" * 4,
    "前3后4": "1" * 3 + "0" * 11 + "1" * 4,
    "前2后3": "1" * 2 + "0" * 13 + "1" * 3,
    "前3后3": "1" * 3 + "0" * 12 + "1" * 3,
    "后6": "0" * 12 + "1" * 6,
    "后4": "0" * 14 + "1" * 4,
    "前6后2": "1" * 6 + "0" * 10 + "11",
    "前6后1": "1" * 6 + "0" * 11 + "1",
    "前1后1": "1" + "0" * 16 + "1",
    "前10 (隐后8)": "1" * 10 + "0" * 8,
    "前6 (隐12)": "1" * 6 + "0" * 12,
    "前2 (隐16)": "11" + "0" * 16,
    "全隐": "0" * 18,
}
CONTEXTS = ["", "sex", "area", "area sex", "area age", "area year", "area month", "area birth"]
CONTEXTS.append("area birth sex")
PEOPLE = 60
SIZE = 6173
"""Division codes behind the table; ours has more, so what leaves the county open is scaled."""


def table_cells() -> Iterator[tuple[str, str, str]]:
    path = Path(__file__).parent / "fixtures" / "reid_table.md"
    for line in path.read_text(encoding="utf-8").splitlines()[3:]:
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        yield from ((name, context, cell) for context, cell in zip(CONTEXTS, cells, strict=True))


def bounds(cell: str) -> tuple[float, float]:
    """The range in brackets, or the number itself; two significant digits where it says so."""
    numbers = [float(number.replace(",", "")) for number in re.findall(r"[\d.,]+(?:e\+\d+)?", cell)]
    low, high = (numbers[1], numbers[2]) if len(numbers) == 3 else (numbers[0], numbers[0])
    loose = 0.06 if "e+" in cell else 0.0
    return low * (1 - loose), high * (1 + loose)


def people() -> list[tuple[str, datetime.date]]:
    rng = random.Random(5)
    current = [code for code in known_areas() if not code.endswith("00")]
    found = []
    for _ in range(PEOPLE):
        birth = datetime.date(1930, 1, 1) + datetime.timedelta(days=rng.randrange(34000))
        found.append((make_id(rng.choice(current), birth, rng.randrange(1, 1000)), birth))
    return found


def context_for(words: str, number: str, birth: datetime.date) -> Context:
    return Context(
        areas=frozenset([number[:6]]) if "area" in words else None,
        sex=("女", "男")[int(number[16]) % 2] if "sex" in words else "",
        ages=(age_on(birth, DAY),) * 2 if "age" in words else None,
        year=birth.year if "year" in words else None,
        month=(birth.year, birth.month) if "month" in words else None,
        birth=birth if "birth" in words else None,
        on=DAY,
    )


@pytest.mark.parametrize(
    ("name", "words", "cell"),
    [pytest.param(*cell, id=f"{cell[0]}+{cell[1] or 'nothing'}") for cell in table_cells()],
)
def test_the_published_table(name: str, words: str, cell: str) -> None:
    shape = MASKS[name]
    counts = []
    for number, birth in people():
        pattern = "".join(
            char if show == "1" else "?" for char, show in zip(number, shape, strict=True)
        )
        counts.append(count(pattern, context_for(words, number, birth)))
    low, high = bounds(cell)
    scale = len(known_areas()) / SIZE if "area" not in words and shape[:6] == "000000" else 1
    assert low <= round(median(counts) / scale) <= high


# -------------------------------------------------------------------------------- masks of every style

HIDDEN_DAY_AND_TAIL = "431026????????1234"


@pytest.mark.parametrize("mark", [*"*×●■＊○□?？#某·△◆▇_〇", "-", " ", "\u3000", "\u00a0"])
def test_every_mark(mark: str) -> None:
    assert visible(f"431026{mark * 8}1234") == HIDDEN_DAY_AND_TAIL
    assert visible(f"431026{mark * 12}") == "431026" + "?" * 12


@pytest.mark.parametrize(
    ("masked", "pattern"),
    [
        ("4310**1234", "4310??????????1234"),
        ("431026***", "431026????????????"),
        ("***1234", "??????????????1234"),
        ("***", "??????????????????"),
        ("431026…1234", "431026????????1234"),
        ("431026--1234", "431026????????1234"),
        ("431026****************", "431026????????????"),
        ("４３１０２６＊＊＊＊＊＊＊＊１２３４", HIDDEN_DAY_AND_TAIL),
        ("431026 **** **** 1234", HIDDEN_DAY_AND_TAIL),
        ("431026-********-1234", HIDDEN_DAY_AND_TAIL),
        ("43\u200b1026********1234", HIDDEN_DAY_AND_TAIL),
        ("'431026********1234", HIDDEN_DAY_AND_TAIL),
        ('="431026********1234"', HIDDEN_DAY_AND_TAIL),
        ("431026 1990 0307 ****", "43102619900307????"),
        ("431026********123X", "431026????????123X"),
        ("431026********123x", "431026????????123X"),
        ("431026xxxxxxxx123x", "431026????????123X"),
        ("431026XXXXXXXX123X", "431026????????123X"),
        ("431026xxxxxxxxxxxx", "431026????????????"),
        ("431026XXXXXXXXXXXX", "431026????????????"),
        ("431026xxxxxxxxxxxX", "431026???????????X"),
        ("431026***********X", "431026???????????X"),
        ("431026***********x", "431026???????????X"),
        ("四三一〇二六某某某某", "431026????????????"),
        ("431O26××××××××O234", "431026????????0234"),
        ("431026********1234（一组）", "431026????????1234"),
        ("4310xxx", "4310??????????????"),
        ("4310**X", "4310?????????????X"),
        ("431026540312***", "431026540312???"),
        ("431026540312123", "431026540312123"),
        ("431026********12", "431026??????????12"),
        ("431026", "431026????????????"),
        ("1234", "??????????????1234"),
        ("123X", "??????????????123X"),
        ("43102619900307123", "43102619900307123?"),
        ("431026199003121000", "431026199003121???"),
        ("4.31026E+17", "431026????????????"),
        ("4.3102654E14", "43102654???????"),
        ("G431026************", "G431026????????????"),
        ("g431026***", "G431026????????????"),
        ("4310**19900307**12", "4310??19900307??12"),
        ("4310*19900307*12", "4310??19900307??12"),
        ("", "??????????????????"),
    ],
)
def test_masks_are_read(masked: str, pattern: str) -> None:
    assert visible(masked) == pattern


@pytest.mark.parametrize(
    ("masked", "entity", "pattern"),
    [
        ("431026********123443", "CN_DISABILITY_CERT", "431026????????123443"),
        ("431026********123443B1", "CN_DISABILITY_CERT", "431026????????123443"),
        ("431026**************", "CN_DISABILITY_CERT", "431026??????????????"),
        ("138****5678", "CN_MOBILE", "138????5678"),
        ("138xxxx5678", "CN_MOBILE", "138????5678"),
        ("138**5678", "CN_MOBILE", "138????5678"),
        ("+86 138****5678", "CN_MOBILE", "138????5678"),
        ("", "CN_MOBILE", "???????????"),
        ("6217 **** **** 1234", "CN_BANK_CARD", "6217????????1234"),
        ("6217*********1234", "CN_BANK_CARD", "6217?????????1234"),
        ("6217***1234", "CN_BANK_CARD", "6217????????1234"),
        ("", "CN_BANK_CARD", "????????????????"),
    ],
)
def test_masks_of_other_numbers_are_read(masked: str, entity: str, pattern: str) -> None:
    assert visible(masked, entity) == pattern


@pytest.mark.parametrize(
    ("masked", "among"),
    [
        ("431026*****1234", {"431026?????1234", "431026????????1234"}),
        ("431026**********1234", {"431026????????1234", "431026??????????1234"}),
        ("4310*123456789012345*99", {"431012345678901299"}),
        ("4310*1990*12", {"4310??1990??????12", "4310?1990???????12"}),
    ],
)
def test_an_ambiguous_mask_counts_by_its_weakest_reading(masked: str, among: set[str]) -> None:
    found = readings(masked)
    assert among <= set(found)
    context = Context(on=DAY)
    assert measure(masked, context).t0 == min(count(one[:18], context) for one in found)


# -------------------------------------------------------------------------------------- properties

shapes = st.lists(st.booleans(), min_size=18, max_size=18)
ENTITIES = {"CN_RESIDENT_ID": 0, "CN_DISABILITY_CERT": 0, "CN_MOBILE": 11, "CN_BANK_CARD": 0}
odd_texts = st.text(
    st.sampled_from("0123456789xXGg*×●■○□某 -.²፩①〇９\u200b\u00a0eE+'=B、年"), max_size=30
)


@settings(max_examples=300, deadline=None)
@given(odd_texts | st.text(max_size=30), st.sampled_from(sorted(ENTITIES)))
def test_any_text_can_be_read(text: str, entity: str) -> None:
    found = readings(text, entity)
    assert found
    for pattern in found:
        assert re.fullmatch("[GJL]?[0-9?]*[0-9X?]", pattern)
        assert len(pattern) == ENTITIES[entity] or not ENTITIES[entity]
    if ENTITIES[entity] == 0:
        assert measure(text, Context(on=DAY), entity=entity).t0 >= 1
    assert mobile_candidates(text) >= 1 <= card_candidates(text)


@settings(max_examples=100, deadline=None)
@given(st.text("0123456789", min_size=18, max_size=18), shapes, st.sampled_from("*×●■○□某#"))
def test_a_mask_of_the_same_length_is_read_as_it_stands(
    number: str, shape: list[bool], mark: str
) -> None:
    pattern = shown(number, shape)
    expected = pattern if "?" in pattern else visible(number)
    assert visible(pattern.replace("?", mark)) == expected


areas_known = st.sampled_from([code for code in known_areas() if not code.endswith("00")])
births_listed = st.dates(datetime.date(1916, 1, 1), DAY)


def shown(number: str, shape: list[bool]) -> str:
    return "".join(char if show else "?" for char, show in zip(number, shape, strict=True))


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, datetime.date]:
    birth = draw(births_listed)
    return make_id(draw(areas_known), birth, draw(st.integers(1, 999))), birth


@st.composite
def contexts(draw: st.DrawFn) -> set[str]:
    return draw(st.sets(st.sampled_from(["area", "sex", "age", "year", "month", "birth"])))


@settings(max_examples=60, deadline=None)
@given(numbers(), shapes, st.integers(0, 17), contexts(), st.data())
def test_hiding_more_never_leaves_fewer(
    drawn: tuple[str, datetime.date],
    shape: list[bool],
    at: int,
    known: set[str],
    data: st.DataObject,
) -> None:
    number, birth = drawn
    before = count(shown(number, shape), context_for(" ".join(known), number, birth))
    fewer = [show and place != at for place, show in enumerate(shape)]
    less = set(data.draw(st.sets(st.sampled_from(sorted(known))))) if known else set()
    assert 1 <= before <= count(shown(number, fewer), context_for(" ".join(known), number, birth))
    assert before <= count(shown(number, shape), context_for(" ".join(less), number, birth))


@settings(max_examples=60, deadline=None)
@given(numbers(), shapes, shapes)
def test_two_masks_together_never_leave_more(
    drawn: tuple[str, datetime.date], one: list[bool], other: list[bool]
) -> None:
    number, _ = drawn
    both = [a or b for a, b in zip(one, other, strict=True)]
    context = Context(on=DAY)
    least = min(count(shown(number, one), context), count(shown(number, other), context))
    assert 1 <= count(shown(number, both), context) <= least


@settings(max_examples=60, deadline=None)
@given(numbers(), shapes, contexts())
def test_who_knows_birth_and_sex_never_has_more_to_try(
    drawn: tuple[str, datetime.date], shape: list[bool], known: set[str]
) -> None:
    number, birth = drawn
    context = context_for(" ".join(known), number, birth)
    found = measure(shown(number, shape).replace("?", "*"), context)
    exact = replace(context, birth=birth, sex=("女", "男")[int(number[16]) % 2])
    assert found.t1 <= min(found.t0, count(shown(number, shape), exact))


# ------------------------------------------------------------------------------ what contradicts


@pytest.mark.parametrize(
    ("pattern", "context", "expected"),
    [
        ("999999????????????", Context(on=DAY), 40868 * 999),  # no table knows the division
        ("99999?19900307????", Context(on=DAY), 999),
        ("43102619900307????", Context(birth=datetime.date(1991, 1, 1)), 999),
        ("43102619901332????", Context(on=DAY), 999),  # no such day: mistyped
        ("431026189901014???", Context(on=DAY), 100),
        ("43102619900307000?", Context(on=DAY), 1),
        ("11010519491231002X", Context(on=DAY), 1),
        ("110105194912310021", Context(on=DAY), 1),  # wrong check character
        ("431026????????????", Context(areas=frozenset(["440305"]), on=DAY), 40868 * 999),
        ("43102619900307??2?", Context(sex="男"), 100),
    ],
)
def test_what_contradicts_the_digits_is_left_out(
    pattern: str, context: Context, expected: int
) -> None:
    assert count(pattern, context) == expected


def test_the_arguments_of_id_candidates() -> None:
    pattern = "431026********1234"
    assert id_candidates(pattern, age=36, on=DAY) == id_candidates(
        pattern, age_range=(36, 36), on=DAY
    )
    assert (
        id_candidates("3" + "*" * 17, areas=["431026"], sex="男", on=DAY, known=AREAS)
        == 40868 * 500
    )
    assert id_candidates("431026************", month=(1990, 2)) == 28 * 999
    assert id_candidates("431026************", year=1990) == 365 * 999
    assert id_candidates("***", birth=datetime.date(1990, 3, 7), known=AREAS) == 6 * 999
    assert id_candidates("431026****", age_range=(80, 999), on=DAY) == 999 * (
        (datetime.date(1946, 11, 21) - datetime.date(1915, 1, 1)).days + 1
    )


def test_old_numbers_and_damaged_cells() -> None:
    assert count("431026540312123") == 1
    assert count("431026540312???", Context(sex="女")) == 499
    assert measure("431026199003121000", Context(on=DAY)) == Strength(100, 50, "C")
    assert measure("431026199003120000", Context(on=DAY)).t0 == 99


# ---------------------------------------------------------------------------------------- grades


@pytest.mark.parametrize(
    ("masked", "context", "expected"),
    [
        ("431026************", Context(), "A"),
        ("431026************", Context(ages=(36, 36)), "A"),
        ("431026************", Context(month=(1990, 3)), "B"),
        ("431026************", Context(birth=datetime.date(1990, 3, 7)), "B"),
        ("431026********1234", Context(), "B"),
        ("431026********1234", Context(ages=(36, 36)), "C"),
        ("431026********1234", Context(month=(1990, 3)), "D"),
        ("43102619900307****", Context(), "B"),
        ("******************", Context(), "A"),
    ],
)
def test_grades(masked: str, context: Context, expected: str) -> None:
    found = measure(masked, replace(context, on=DAY))
    assert found.grade == expected == grade(found.t0, found.t1)


def test_rows_are_graded_in_order_and_counted() -> None:
    rows = [("431026************", Context(on=DAY)), ("431026********1234", Context(on=DAY))]
    found = list(grade_rows(rows))
    assert [strength.grade for strength in found] == ["A", "B"]
    assert histogram(found) == {"A": 1, "B": 1, "C": 0, "D": 0}
    assert [measure(*row) for row in rows] == found


# --------------------------------------------------------------------------------- other numbers


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("6217*********1234", 10**8), ("6217 **** **** 1234", 10**7), ("6217000010012345678", 1)],
)
def test_cards(pattern: str, expected: int) -> None:
    assert card_candidates(pattern) == expected


def test_mobiles() -> None:
    assert mobile_candidates("138****5678") == 10_000
    assert mobile_candidates("138********") == 10**8
