"""Rows graded as masked: several numbers in a cell, masks of the source beside masks of ours."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest

from deid import pipeline, stream
from deid.formats import open_document
from deid.grading import Spot
from deid.model import Edit, FileReport, Table
from deid.pipeline import mask_file
from deid.policy import load_policy
from deid.strength import Context, measure
from deid.strength.context import whole_numbers

FIRST, SECOND = "11010519491231002X", "110105194912310011"
DONE = "110105************"
SEPARATORS = [
    " ",
    "  ",
    "、",
    ",",
    ";",
    "；",
    "，",
    "\n",
    "/",
    " / ",
    "|",
    "",
    "及",
    "（夫）",
    "\t",
]


def masked(folder: Path, text: str, name: str = "名单.csv") -> tuple[FileReport, str]:
    source, target = folder / name, folder / "out" / name
    source.write_bytes(text.encode())
    report = mask_file(source, target, policy=load_policy("general"), overwrite=True)
    return report, target.read_bytes().decode() if report.output else ""


def listed(cell: str, more: str = "") -> str:
    rows = [
        f'{number},{name},"{cell}",{age}{more}'
        for number, name, age in ((1, "张三丰", 72), (2, "李小四", 72), (3, "王五一", 73))
    ]
    return "\n".join(["序号,姓名,家庭成员身份证号,年龄", *rows, ""])


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("count", [2, 3, 5])
def test_several_numbers_in_a_cell_are_read_one_by_one(
    tmp_path: Path, separator: str, count: int
) -> None:
    numbers = [(FIRST, SECOND)[at % 2] for at in range(count)]
    report, text = masked(tmp_path, listed(separator.join(numbers)))
    assert report.status == "publish", (report.message, report.left, report.items)
    assert text == listed(separator.join([DONE] * count))
    assert report.strength["C"] == report.strength["D"] == 0


def test_names_may_stand_between_the_numbers(tmp_path: Path) -> None:
    report, text = masked(tmp_path, listed(f"赵小六{FIRST} 钱小七：{SECOND}"))
    assert report.status == "publish"
    assert text.count(DONE) == 6


@pytest.mark.parametrize("separator", SEPARATORS)
def test_weak_masks_of_the_source_are_made_stronger_one_by_one(
    tmp_path: Path, separator: str
) -> None:
    cell = f"110105******310011{separator}110105******310038"  # about 110 numbers each
    report, text = masked(tmp_path, listed(cell))
    assert report.output, report.left
    assert text == listed(f"{DONE}{separator}{DONE}")


def test_a_weak_mask_of_the_source_is_found_beside_one_of_ours(tmp_path: Path) -> None:
    report, text = masked(tmp_path, listed(f"{FIRST} 110105******310011"))
    assert report.output, report.left
    assert text == listed(f"{DONE} {DONE}")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"{DONE} {DONE}", [DONE, DONE]),
        (f"{DONE}{DONE}{DONE}", [DONE] * 3),
        ("110105××××××××××××110105×××××××××××X", ["110105××××××××××××", "110105×××××××××××X"]),
        ("110105 19491231 0***", ["110105 19491231 0***"]),
        ("110105*************", ["110105*************"]),
        ("1101 05** **** **** **", ["1101 05** **** **** **"]),
    ],
)
def test_numbers_in_a_run(text: str, parts: list[str]) -> None:
    assert whole_numbers(text) == parts


def test_an_edit_across_numbers_is_read_as_it_stands() -> None:
    spot = Spot("R1C1", f"{FIRST} {SECOND}", numbers=((0, 18), (19, 37)))
    assert spot.shown([Edit("R1C1", 0, 37, "***")]) == "***"
    inside = [Edit("R1C1", 6, 18, "*" * 12), Edit("R1C1", 25, 37, "*" * 12)]
    assert spot.shown(inside) == f"{DONE}、{DONE}"


@pytest.mark.parametrize("rules", ["", "fields: {disease: drop}\n"])
def test_beside_birth_date_and_sex_women_are_graded_as_men(tmp_path: Path, rules: str) -> None:
    path = tmp_path / "试.yaml"
    path.write_text(f"policy: t\nlabel: 试\nextends: general\n{rules}", "utf-8")
    rows = [f"张三丰,{FIRST},1949-12-31,女", f"李小四,{SECOND},1949-12-31,男"] * 2
    source, target = tmp_path / "名单.csv", tmp_path / "out.csv"
    source.write_text("\n".join(["姓名,身份证号,出生日期,性别", *rows, ""]), "utf-8")
    report = mask_file(source, target, policy=load_policy(path))
    assert report.status == "publish"
    assert report.strength == {"A": 0, "B": 4, "C": 0, "D": 0}
    assert target.read_text("utf-8").count("1949-12-31") == 4


@pytest.mark.parametrize("sex", ["男", "女"])
@pytest.mark.parametrize("masked_number", [DONE, "110105*********"])
def test_first_six_are_never_weak_beside_anything(masked_number: str, sex: str) -> None:
    context = Context(birth=datetime.date(1949, 12, 31), sex=sex, on=datetime.date(2026, 11, 21))
    assert measure(masked_number, context).grade == "B"


ROWS = 9_000


def large(number: Callable[[int], str]) -> Iterator[tuple[str, ...]]:
    yield "序号", "姓名", "身份证号", "年龄", "手机号", "说明"
    for at in range(ROWS):
        yield str(at), "张三丰", number(at), str(60 + at % 30), "138****1234", "符合条件" * 20


def weak_far_down(at: int) -> str:
    return f"110105********{at:04}" if at >= 8_000 else "110105************"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_weak_masks_in_a_large_list_are_graded(tmp_path: Path, kind: str) -> None:
    """Lists that are masked by the column show six digits at most, unless the source shows more."""
    source, target = tmp_path / f"名单.{kind}", tmp_path / f"out.{kind}"
    rows = large(weak_far_down)
    if kind == "csv":
        source.write_text("\n".join(map(",".join, rows)), "utf-8")
    else:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
        book.save(source)
    assert source.stat().st_size > stream.LEAST or kind == "xlsx"
    report = mask_file(source, target, policy=load_policy("general"))
    assert report.output, report.message
    assert sum(report.strength.values()) == ROWS
    assert report.strength["C"] == report.strength["D"] == 0
    assert report.changed == 1_000
    with contextlib.closing(open_document(target)) as document:
        table = next(part for part in document.parts if isinstance(part, Table))
        assert {row.cells[2] for row in table.rows()} == {"身份证号", DONE}


@pytest.mark.parametrize("number", [lambda at: DONE, lambda at: SECOND])
def test_large_lists_that_show_no_more_stay_on_the_fast_path(
    tmp_path: Path, number: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exact(path: Path) -> None:
        raise AssertionError

    monkeypatch.setattr(pipeline, "open_document", exact)
    source, target = tmp_path / "名单.csv", tmp_path / "out.csv"
    source.write_text("\n".join(map(",".join, large(number))), "utf-8")
    report = mask_file(source, target, policy=load_policy("general"))
    assert report.strength == {"A": ROWS, "B": 0, "C": 0, "D": 0}
