"""Tables, row by row: headers, forms, blocks, totals, agencies, minors."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

import pytest

from deid.columns import profile_rows
from deid.dates import own_date
from deid.model import Row, Table
from deid.tables import scan_table, split_ids

CARD, CHILD = "11010519491231002X", "110105201506150013"
PHONE = "13800138000"
DAY = datetime.date(2023, 6, 1)
HEAD = ["序号", "姓名", "身份证号", "联系电话"]


def rows_of(lines: Sequence[Sequence[str]]) -> list[Row]:
    return [
        Row(at, {n: cell for n, cell in enumerate(line) if cell}) for at, line in enumerate(lines)
    ]


def found(
    lines: Sequence[Sequence[str]], merges: tuple[tuple[int, int, int, int], ...] = ()
) -> dict[tuple[int, int], list[str]]:
    """(row, column) -> entities found there that a person would be known by."""

    def rows() -> Iterator[Row]:
        return iter(rows_of(lines))

    table = Table("t", rows, lambda row, column: f"R{row}C{column}", merges)
    cells = {(cell.row, cell.column): cell.findings for cell in scan_table(table, DAY)}
    shown = {
        place: [f.entity for f in items if f.entity not in ("AGE", "SEX", "BIRTH_DATE")]
        for place, items in cells.items()
    }
    return {place: names for place, names in shown.items() if names}


ID, MOBILE, LANDLINE = "CN_RESIDENT_ID", "CN_MOBILE", "CN_LANDLINE"

CASES = {
    "plain": ([HEAD, ["1", "张三", CARD, PHONE]], {(1, 2): [ID], (1, 3): [MOBILE]}),
    "below a title": (
        [["某镇低保公示名单"], ["单位：元"], HEAD, ["1", "张三", CARD, "3538966"]],
        {(3, 2): [ID]},
    ),
    "no header": (
        [["1", "张三", CARD, "x"], ["2", "李四", "110105194912310020", "x"],
         ["3", "王五", CARD, "x"]],
        {(0, 2): [ID], (1, 2): [ID], (2, 2): [ID]},
    ),
    "mistyped in its column": ([HEAD, ["1", "张三", "1101051949123100", ""]], {(1, 2): [ID]}),
    "header again, other order": (
        [HEAD, ["1", "张三", CARD, ""], ["序号", "身份证号", "姓名", "金额"],
         ["1", "1101051949123100", "李四", "350"]],
        {(1, 2): [ID], (3, 1): [ID]},
    ),
    "form": (
        [["姓名", "张三", "性别", "男"], ["身份证号", "1101051949123100", "联系电话", "83538966"],
         ["家庭住址", "红新村8组", "民族", "汉"]],
        {(1, 1): [ID], (1, 3): [MOBILE, LANDLINE], (2, 1): ["CN_ADDRESS"]},
    ),
    "two header rows": (
        [["序号", "户主", "", "金额"], ["", "姓名", "身份证号", ""], ["1", "张三", CARD[:16], "35"]],
        {(2, 2): [ID]},
    ),
    "a phone among names": ([HEAD, ["1", f"张三{PHONE}", "", ""]], {(1, 1): [MOBILE]}),
    "a minor by the number": ([HEAD, ["1", "王小明", CHILD, ""]],
                              {(1, 1): ["PERSON"], (1, 2): [ID]}),
    "a minor by the age": ([["姓名", "年龄", "金额"], ["王小明", "8", "350"],
                            ["张三", "80", "350"]], {(1, 1 - 1): ["PERSON"]}),
    "a minor by the birth date": ([["姓名", "出生日期", "金额"], ["王小明", "2015-06-15", "350"]],
                                  {(1, 0): ["PERSON"]}),
    "a minor in a form": ([["姓名", "王小明", "年龄", "8"], ["性别", "男", "民族", "汉"],
                           ["身份证号", CHILD, "备注", "无"]],
                          {(0, 1): ["PERSON"], (2, 1): [ID]}),
    "a minor by the class": (
        [["学生姓名", "年级", "监护人", "金额"], ["王小明", "三年级", "王大", "5"],
         ["张三", "2021级", "张大", "5"]], {(1, 0): ["PERSON"]}),
    "a minor by the header": ([["幼儿姓名", "家长", "金额"], ["王小明", "王大", "5"]],
                              {(1, 0): ["PERSON"]}),
    "a card without a header": ([["姓名", "金额", "收款"], ["张三", "5", "6217574723591935946"]],
                                {(1, 2): ["CN_BANK_CARD"]}),
    "a list on its side": (
        [["姓名", "张三", "王小明"], ["证件号", CARD[:16], CHILD], ["住址", "和平村1组", "和平村"],
         ["备注", "", ""]],
        {(0, 2): ["PERSON"], (1, 1): [ID], (1, 2): [ID], (2, 1): ["CN_ADDRESS"]}),
    "a row of somebody's below": ([HEAD, ["1", "张三", CARD, PHONE], ["", "", "", ""],
                                   [f"另：李四，{CARD}"]],
                                  {(1, 2): [ID], (1, 3): [MOBILE], (3, 0): [ID]}),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "wanted"), CASES.values(), ids=CASES)
def test_found(lines: list[list[str]], wanted: dict[tuple[int, int], list[str]]) -> None:
    places = found(lines)
    for place, names in wanted.items():
        assert set(names) & set(places.get(place, ())), place
    assert set(places) <= set(wanted) | {(3, 3)}


NOOP = {
    "teachers": [["教师姓名", "任教班级", "金额"], ["王小明", "三年级", "5"], ["张三", "初一", "5"]],
    "students": [["姓名", "学院", "班级", "金额"], ["王小明", "信息", "软件2班", "5"]],
    "codes of villages": [["姓名", "村组代码", "金额"], ["张三", "431021101203001", "5"],
                          ["李四", "431021101203002", "5"]],
    "sums by label": [["人口", "350", "351"], ["户数", "100", "102"], ["金额", "350", "360"]],
    "adults": [["姓名", "年龄", "村", "金额"], ["张三", "80", "红新村", "350"]],
    "agencies": [
        ["单位名称", "联系电话", "地址"],
        ["石桥镇民政办", "0934-3538966", "石桥镇政府大院1号楼"],
        ["青山镇民政办", "0934-3538967", "青山镇政府大院2号楼"],
    ],
    "totals": [["姓名", "金额"], ["张三", "350"], ["合计", "13800138000"]],
    "order numbers": [["订单号", "项目", "金额"], ["202211055060586624", "甲", "1"]],
    "footer": [
        ["姓名", "金额", "备注"], ["张三", "350", ""], ["监督电话：0934-3538966"],
        ["审核人：李四", "制表人：王五", "日期：2023年5月1日"],
    ],
    "header only": [["姓名", "身份证号", "联系电话"]],
    "nothing": [],
    "one cell": [["姓名"]],
}  # fmt: skip


@pytest.mark.parametrize("lines", NOOP.values(), ids=NOOP)
def test_found_noop(lines: list[list[str]]) -> None:
    assert found(lines) == {}


def test_merged_group_headers_speak_for_what_they_span() -> None:
    lines = [
        ["序号", "户主信息", "", "金额"],
        ["", "姓名", "身份证号码", ""],
        ["1", "张三", CARD, "1"],
    ]
    merges = ((0, 0, 1, 0), (0, 1, 0, 2), (0, 3, 1, 3))
    assert found(lines, merges) == {(2, 2): [ID]}


def test_zones_of_a_list() -> None:
    lines = [["某镇低保公示"], ["序号", "姓名", "身份证号"], ["1", "张三", CARD], ["合计", "", "1"],
             ["监督电话：12345"]]  # fmt: skip
    views, block = profile_rows(rows_of(lines))
    assert [view.zone for view in views] == ["note", "header", "data", "total", "note"]
    assert block.profiles[2].label.entity == ID


def test_a_header_is_carried_to_the_next_window() -> None:
    _, block = profile_rows(rows_of([["姓名", "身份证号"], ["张三", CARD]]))
    below = [Row(at, {0: "李四", 1: "1101051949123100"}) for at in range(2, 5)]
    views, _ = profile_rows(below, (), block)
    assert all(view.block.profiles[1].label.entity == ID for view in views)


@pytest.mark.parametrize(
    ("lines", "date"),
    [
        (["公示日期：2023年5月1日"], (2023, 5, 1)),
        (["2022年度低保名单", "2023年3月1日公示"], (2023, 3, 1)),
        (["2022年度低保名单"], (2022, 1, 1)),
        (["某镇低保名单 2021.7"], (2021, 7, 1)),
        (["张三 1949年12月31日生"], None),
        (["公示日期：2023年13月1日"], None),
        (["公示日期：2999年1月1日"], None),
        ([f"名单 {CARD} 2023年1月1日"], None),
        ([], None),
    ],
)
def test_own_date(lines: list[str], date: tuple[int, int, int] | None) -> None:
    assert own_date(lines) == (datetime.date(*date) if date else None)


@pytest.mark.parametrize(
    "pieces",
    [
        ("110105", "19491231", "002X"),
        ("１１０１０５", "１９４９１２３１", "００２Ｘ"),
        ("110105", " 19491231 ", "002ⅹ"),
        tuple(CARD),
    ],
)
def test_a_number_in_neighbouring_cells_in_whatever_script(pieces: Sequence[str]) -> None:
    lines = [["姓名", *("" for _ in pieces)], ["张三", *pieces]]
    assert "CN_RESIDENT_ID" in {name for names in found(lines).values() for name in names}


def test_columns_that_come_in_another_order_are_neighbours_too() -> None:
    row = Row(0, {2: "002X", 0: "110105", 5: "张三", 1: "19491231"})
    assert sorted(split_ids(row)) == [1, 2]
