"""What title, file name and other columns say about the person in a row."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from deid.strength import Context, measure
from deid.strength.context import (
    ages_of,
    areas_in,
    birth_of,
    context_of,
    sex_of,
    shown_in_row,
    title_context,
    union,
)

DAY = datetime.date(2026, 11, 21)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("湖南省汝城县2026年低保名单", "431026 432828"),
        ("汝城县卢阳镇2024年第三季度农村低保公示", "431026 432828"),
        ("泌阳县民政局", "411726 412822"),
        ("长春市朝阳区", "220104"),
        ("朝阳区高龄津贴", "110105 220104"),
        ("石家庄市桥西区", "130104"),
        ("郑州市中原区、二七区公租房", "410102 410103"),
        ("北京市昌平区", "110114 110201 110221"),
        ("东莞市", "441900 442502 442527"),
        ("海南省儋州市", "460003 460400 469003"),
        ("和县低保名单", "340523 341424 342626"),
        ("卢阳镇低保", "431026 432828"),
        ("湘西土家族苗族自治州凤凰县", "433123"),
        ("全县城乡低保名单", ""),
        ("县城区低保", ""),
        ("完成县级审核的名单", ""),
        ("低保名单2024", ""),
        ("", ""),
    ],
)
def test_counties_named_in_a_text(text: str, codes: str) -> None:
    assert sorted(areas_in(text)) == codes.split()


def test_a_prefecture_is_all_its_counties_and_those_it_had() -> None:
    found = areas_in("郴州市2024年临时救助名单")
    assert {"431002", "431026", "432801", "432828"} <= found
    assert all(code[:4] in ("4310", "4328") for code in found)
    assert all(code.startswith("37") for code in areas_in("山东省"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1954-03-12", Context(birth=datetime.date(1954, 3, 12))),
        ("1954年3月12日（72岁）", Context(birth=datetime.date(1954, 3, 12))),
        ("１９５４．３．１２", Context(birth=datetime.date(1954, 3, 12))),
        ("19540312", Context(birth=datetime.date(1954, 3, 12))),
        ("1954年3月", Context(month=(1954, 3))),
        ("195403", Context(month=(1954, 3))),
        ("1954-03-**", Context(month=(1954, 3))),
        ("1954年02月30日", Context(month=(1954, 2))),
        ("54.03", Context(month=(1954, 3))),
        ("540312", Context(birth=datetime.date(1954, 3, 12))),
        ("54年3月12日", Context(birth=datetime.date(1954, 3, 12))),
        ("19795", Context(birth=datetime.date(1954, 3, 12))),  # a spreadsheet's day
        ("9999", Context(birth=datetime.date(1927, 5, 17))),
        ("200312", Context(month=(2003, 12))),
        ("1954", Context(year=1954)),
        ("1954****", Context(year=1954)),
        ("1954-13-40", Context(year=1954)),
        ("20.3", Context()),
        ("54.13", Context(year=1954)),
        ("张三", Context()),
        ("", Context()),
    ],
)
def test_birth_dates(text: str, expected: Context) -> None:
    assert birth_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("72", (72, 72)),
        ("72.0", (72, 72)),
        ("72周岁", (72, 72)),
        ("80～89岁", (80, 89)),
        ("89-80", (80, 89)),
        ("90岁以上", (90, 111)),
        ("90+", (90, 111)),
        ("60周岁以下", (0, 60)),
        ("9个月", (0, 0)),
        ("200", None),
        ("1954", None),
        ("九十", None),
    ],
)
def test_ages(text: str, expected: tuple[int, int] | None) -> None:
    assert ages_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("男", "男"), (" 女性", "女"), ("2", "女"), ("?", "")]
)
def test_sexes(text: str, expected: str) -> None:
    assert sex_of(text) == expected


FIELDS = {0: "name", 1: "sex", 2: "age", 3: "birth_date", 4: "address", 5: "id_number"}


def test_the_context_of_a_row() -> None:
    row = {0: "张三", 1: "男", 2: "72", 3: "1954-03-12", 4: "汝城县卢阳镇", 5: "431026********1234"}
    found = context_of("郴州市2026年低保名单 公示日期：2026年11月1日", fields=FIELDS, row=row)
    assert found == Context(
        areas=frozenset(["431026", "432828"]),
        birth=datetime.date(1954, 3, 12),
        ages=(72, 72),
        on=datetime.date(2026, 11, 1),
        sex="男",
    )


def test_the_county_may_stand_in_the_file_name() -> None:
    found = title_context(["低保名单"], "汝城县_低保_2024年3月1日公示.xlsx")
    assert found.areas == frozenset(["431026", "432828"])
    assert found.on == datetime.date(2024, 3, 1)


@pytest.mark.parametrize(
    ("titles", "ages"),
    [
        (["80周岁以上高龄老人名单"], (80, 111)),
        (["80—89周岁高龄津贴"], (80, 89)),
        (["80-89岁每月50元，90周岁以上每月100元"], None),
        (["年满60周岁以上" + "的老人" * 20], None),
        (["低保名单"], None),
    ],
)
def test_a_title_may_tell_the_ages(titles: list[str], ages: tuple[int, int] | None) -> None:
    assert title_context(titles, on=DAY).ages == ages


def test_an_age_in_the_row_is_narrower_than_the_title() -> None:
    title = "80周岁以上高龄老人名单"
    told = [context_of(title, fields={0: "age"}, row={0: text}).ages for text in ("85", "72", "")]
    assert told == [(85, 85), (72, 72), (80, 111)]


def test_the_registered_address_goes_before_the_home() -> None:
    fields = {0: "address", 1: "hukou_address"}
    row = {0: "深圳市南山区", 1: "汝城县卢阳镇"}
    assert context_of(fields=fields, row=row).areas == frozenset(["431026", "432828"])
    assert context_of(fields=fields, row=row | {1: "一组"}).areas == frozenset(["440305"])


def test_a_row_from_elsewhere_has_its_own_county() -> None:
    title = title_context(["汝城县低保名单"])
    row = {4: "广东省深圳市南山区"}
    found = context_of("汝城县低保名单", fields={4: "address"}, row=row)
    assert found.areas == frozenset(["440305"])
    assert context_of("汝城县低保名单", fields={4: "address"}, row={4: "一组"}).areas == title.areas


def test_an_age_under_a_header_of_two_things() -> None:
    assert context_of(fields={0: "birth_month"}, row={0: "72岁"}).ages == (72, 72)
    assert context_of(fields={0: "age"}, row={0: "1954.3"}).month == (1954, 3)


def test_repr_shows_nothing_of_a_row() -> None:
    shown = shown_in_row(Context(), FIELDS, {2: "72", 5: "431026********1234"})
    assert "72" not in repr(shown)
    assert "1234" not in repr(shown)


def test_own_numbers_are_laid_over_each_other() -> None:
    fields = {0: "id_number", 1: "disability_cert_no", 2: "age"}
    cells = {0: "431026********1234", 1: "43102619900307******", 2: "36"}
    (found,) = shown_in_row(Context(on=DAY), fields, cells)
    assert found.columns == (0, 1)
    assert found.pattern == "431026199003071234"
    assert measure(found.pattern, found.context).grade == "D"


def test_numbers_that_contradict_stay_apart() -> None:
    fields = {0: "id_number", 1: "student_reg_no"}
    cells = {0: "431026********1234", 1: "G431027************"}
    assert len(shown_in_row(Context(), fields, cells)) == 2


def test_age_and_sex_are_the_listed_persons() -> None:
    fields = {0: "id_number", 1: "guardian_id", 2: "age", 3: "sex"}
    cells = {0: "431026************", 1: "431026********1234", 2: "12", 3: "女"}
    own, guardian = shown_in_row(Context(on=DAY), fields, cells)
    assert (own.context.ages, own.context.sex) == ((12, 12), "女")
    assert guardian.context == Context(on=DAY)


def test_ages_of_a_title_are_not_the_guardians() -> None:
    base = title_context(["80周岁以上老人名单"], on=DAY)
    cells = {0: "431026************", 1: "431026********1234"}
    own, guardian = shown_in_row(base, {0: "id_number", 1: "guardian_id"}, cells)
    assert (own.context.ages, guardian.context.ages) == ((80, 111), None)


def test_the_only_number_of_a_row_is_the_listed_persons() -> None:
    (found,) = shown_in_row(Context(), {0: "head_id", 1: "age"}, {0: "431026****", 1: "72"})
    assert found.context.ages == (72, 72)


def test_several_numbers_in_a_cell() -> None:
    cells = {0: "431026********1234、431026********5678", 1: "72"}
    found = shown_in_row(Context(), {0: "id_number", 1: "age"}, cells)
    assert [one.pattern[-4:] for one in found] == ["1234", "5678"]
    assert all(one.context == Context() for one in found)


@pytest.mark.parametrize("text", ["", "无", "见附件", "***"[:2]])
def test_a_cell_without_a_number_is_nobodys(text: str) -> None:
    assert shown_in_row(Context(), {0: "id_number"}, {0: text}) == []


def test_masks_that_contradict_have_no_union() -> None:
    assert union("431026????????1234", "431027????????????") == ""


def test_less_context_is_never_weaker() -> None:
    context = context_of("汝城县低保名单", fields=FIELDS, row={1: "男", 2: "36"}, on=DAY)
    whole = measure("43************1234", context).t0
    for less in (
        replace(context, areas=None),
        replace(context, ages=None),
        replace(context, sex=""),
    ):
        assert whole <= measure("43************1234", less).t0
