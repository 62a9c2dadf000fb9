"""Columns taken out of workbooks: what stays is what a workbook built without them holds."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.pagebreak import Break, ColBreak
from openpyxl.worksheet.table import Table as ExcelTable
from openpyxl.worksheet.worksheet import Worksheet

from deid.errors import UnsafeEdit
from deid.formats import xlsx, xlsx_refs
from deid.model import Edit, Table

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SECRET = "肺癌晚期"
NONE: frozenset[int] = frozenset()


def saved(book: openpyxl.Workbook) -> bytes:
    """The workbook as Excel writes it: shared strings, characters as they are."""
    out = io.BytesIO()
    book.save(out)
    parts = unpacked(out.getvalue())
    items: list[str] = []
    count = 0

    def share(hit: re.Match[str]) -> str:
        nonlocal count
        count += 1
        if hit[2] not in items:
            items.append(hit[2])
        return f'<c{hit[1]} t="s"><v>{items.index(hit[2])}</v></c>'

    for name, raw in parts.items():
        if name.endswith(".xml"):
            xml = re.sub(r"&#(\d{3,});", lambda hit: chr(int(hit[1])), raw.decode())
            if "/worksheets/" in name:
                inline = r"<c([^>]*) t=\"inlineStr\"><is><t>([^<]*)</t></is></c>"
                xml = re.sub(inline, share, xml)
            parts[name] = xml.encode()
    strings = "".join(f"<si><t>{item}</t></si>" for item in items)
    start = f'<sst xmlns="{MAIN}" count="{count}" uniqueCount="{len(items)}">'
    return with_part(
        packed(parts),
        "xl/sharedStrings.xml",
        f"{start}{strings}</sst>",
        "xl/workbook.xml",
        "sharedStrings",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml",
    )


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def patched(data: bytes, part: str, change: Callable[[str], str]) -> bytes:
    parts = unpacked(data)
    new = change(parts[part].decode())
    assert new != parts[part].decode()
    return packed(parts | {part: new.encode()})


def with_part(data: bytes, name: str, xml: str, source: str, kind: str, content: str) -> bytes:
    """The package with one more part, related to ``source``."""
    parts = unpacked(data)
    folder, _, base = source.rpartition("/")
    rels = f"{folder}/_rels/{base}.rels"
    start = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    old = parts.get(rels, f"{start}</Relationships>".encode()).decode()
    link = (
        f'<Relationship Id="rId{len(parts)}n" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        f'relationships/{kind}" Target="/{name}"/></Relationships>'
    )
    types = parts["[Content_Types].xml"].decode()
    override = f'<Override PartName="/{name}" ContentType="{content}"/></Types>'
    return packed(
        parts
        | {
            name: xml.encode(),
            rels: old.replace("</Relationships>", link).encode(),
            "[Content_Types].xml": types.replace("</Types>", override).encode(),
        }
    )


def dropped(
    data: bytes,
    columns: Sequence[int],
    *,
    table: str = "名单",
    notes: frozenset[int] = NONE,
    edits: Mapping[str, Sequence[Edit]] | None = None,
) -> tuple[bytes, list[str]]:
    """The workbook without the columns, and what its remarks say."""
    book = xlsx.Workbook(io.BytesIO(data))
    before = len(book.remarks)
    out = io.BytesIO()
    book.save(out, edits or {}, {table: frozenset(columns)}, {table: notes})
    xlsx.Workbook(io.BytesIO(out.getvalue()))
    return out.getvalue(), [remark.message for remark in book.remarks[before:]]


def reopened(data: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(data))


def values(sheet: Worksheet) -> list[list[object]]:
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def is_left(data: bytes, text: str) -> list[str]:
    return [
        name
        for name, raw in unpacked(data).items()
        if name.endswith((".xml", ".rels", ".vml")) and text in html.unescape(raw.decode())
    ]


def sheet_xml(data: bytes, number: int = 1) -> str:
    return unpacked(data)[f"xl/worksheets/sheet{number}.xml"].decode()


def listed(*, formulas: bool = True) -> openpyxl.Workbook:
    """A title, a header of two rows, five rows; sums on another sheet."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "名单"
    sheet["A1"] = "某村救助公示"
    sheet.merge_cells("A1:F1")
    sheet.append(["序号", "姓名", "家庭情况", None, "金额", "合计"])
    sheet.merge_cells("C2:D2")
    sheet.append([None, None, "致贫原因", "年龄", None, None])
    for number in range(5):
        total = f"=E{number + 4}*2" if formulas else number
        sheet.append([number + 1, f"张{number}", f"{SECRET}{number}", 30, 100 * number, total])
    other = book.create_sheet("汇 总")
    other["A1"] = "=SUM(名单!E4:E8)"
    other["A2"] = '=SUM(名单!$E:$E)&"名单!C4"'
    return book


def test_list_with_group_header() -> None:
    out, remarks = dropped(saved(listed()), [2])
    book = reopened(out)
    sheet = book["名单"]
    assert values(sheet)[:4] == [
        ["某村救助公示", None, None, None, None],
        ["序号", "姓名", "家庭情况", "金额", "合计"],
        [None, None, "年龄", None, None],
        [1, "张0", 30, 0, "=D4*2"],
    ]
    assert [str(one) for one in sheet.merged_cells.ranges] == ["A1:E1"]
    assert book["汇 总"]["A1"].value == "=SUM(名单!D4:D8)"
    assert book["汇 总"]["A2"].value == '=SUM(名单!$D:$D)&"名单!C4"'
    assert not remarks
    assert not is_left(out, SECRET)
    assert not is_left(out, "致贫原因")


def test_group_header_goes_with_its_last_column() -> None:
    out, _ = dropped(saved(listed()), [2, 3])
    assert values(reopened(out)["名单"])[1] == ["序号", "姓名", "金额", "合计"]
    assert not is_left(out, "家庭情况")


def test_title_stays_when_its_first_column_goes() -> None:
    out, _ = dropped(saved(listed()), [0, 1])
    sheet = reopened(out)["名单"]
    assert sheet["A1"].value == "某村救助公示"
    assert {str(one) for one in sheet.merged_cells.ranges} == {"A1:D1", "A2:B2"}
    assert sheet["D4"].value == "=C4*2"


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        (["说明", None, None, None], 0, ["说明", None, None]),
        (["甲", None, "单位：元", None], 2, ["甲", None, "单位：元"]),
        (["甲", None, "单位：元", "乙"], 2, ["甲", None, "单位：元", "乙"]),
        ([None, None, None, "日期"], 3, [None, None, None, "日期"]),
    ],
)
def test_notes_keep_their_texts(
    row: list[str | None], column: int, expected: list[str | None]
) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "名单"
    sheet.append(row)
    sheet.append(["a", "b", "c", "d"])
    out, _ = dropped(saved(book), [column], notes=frozenset({0}))
    found = values(reopened(out)["名单"])
    assert found[0][: len(expected)] == expected
    kept = [text for at, text in enumerate("abcd") if at != column]
    assert found[1][:3] == kept
    out, _ = dropped(saved(book), [column])
    assert not is_left(out, str(row[column]))


def test_edits_come_first() -> None:
    edits = {"名单!B4": [Edit("名单!B4", 1, 2, "*")], "名单!C4": [Edit("名单!C4", 0, 2, "*")]}
    out, _ = dropped(saved(listed()), [2], edits=edits)
    assert reopened(out)["名单"]["B4"].value == "张*"
    assert not is_left(out, "晚期")


# --- what refers to the columns --------------------------------------------------------------------------


def rich() -> bytes:
    """A list with all that can hang on its columns."""
    book = listed()
    sheet = book["名单"]
    sheet["C5"].comment = Comment("批注甲", "某")
    sheet["E5"].comment = Comment("批注乙", "某")
    sheet.freeze_panes = "D4"
    sheet.auto_filter.ref = "A3:F8"
    sheet.auto_filter.add_filter_column(2, [f"{SECRET}1"])
    sheet.auto_filter.add_filter_column(4, ["100"])
    sheet.auto_filter.add_sort_condition("E4:E8")
    for place, text in (("C4:C8", '"因病,因残"'), ("B4:D8", "名单!$E$4:$E$8")):
        rule = DataValidation(type="list", formula1=text)
        rule.add(place)
        sheet.add_data_validation(rule)
    fill = PatternFill("solid", bgColor="FF0000")
    sheet.conditional_formatting.add("C4:F8", FormulaRule(formula=["$E4>1"], fill=fill))
    sheet.conditional_formatting.add("C4:C8", FormulaRule(formula=["C4=1"], fill=fill))
    sheet["B6"].hyperlink = Hyperlink(ref="B6", location="名单!E6")
    sheet["C6"].hyperlink = Hyperlink(ref="C6", location="名单!A1", tooltip="隐情")
    book.defined_names["金额"] = DefinedName("金额", attr_text="名单!$E$4:$E$8")
    book.defined_names["病因名"] = DefinedName("病因名", attr_text="名单!$C$4:$C$8")
    sheet.print_area = "A1:F8"
    sheet.print_title_cols = "A:C"
    sheet.print_title_rows = "1:3"
    sheet.column_dimensions["C"].width = 33
    sheet.column_dimensions["E"].width = 44
    sheet.column_dimensions["F"].hidden = True
    sheet.row_breaks.append(Break(id=4))
    sheet.col_breaks = ColBreak()
    sheet.col_breaks.append(Break(id=3))
    sheet["E4"].font = Font(bold=True)
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=5, min_row=4, max_row=8))
    sheet.add_chart(chart, "H3")
    book["汇 总"]["A3"] = "=SUM(金额)"
    book["汇 总"]["A4"].hyperlink = Hyperlink(ref="A4", location="名单!C4")
    return saved(book)


def test_everything_follows() -> None:
    out, remarks = dropped(rich(), [2])
    book = reopened(out)
    sheet = book["名单"]
    assert not remarks
    assert sheet["D5"].comment.text == "批注乙"
    assert sheet["C5"].comment is None
    assert sheet.freeze_panes == "C4"
    assert sheet.auto_filter.ref == "A3:E8"
    assert [(f.colId, f.filters.filter) for f in sheet.auto_filter.filterColumn] == [(3, ["100"])]
    assert sheet.auto_filter.sortState.sortCondition[0].ref == "D4:D8"
    rules = {str(one.sqref): one.formula1 for one in sheet.data_validations.dataValidation}
    assert rules == {"B4:C8": "名单!$D$4:$D$8"}
    formats = {
        str(k.sqref): v[0].formula for k, v in sheet.conditional_formatting._cf_rules.items()
    }
    assert formats == {"C4:E8": ["$D4>1"]}
    assert sheet["B6"].hyperlink.location == "名单!D6"
    assert book["汇 总"]["A4"].hyperlink.location == "名单!C4"
    assert {k: one.attr_text for k, one in book.defined_names.items()} == {"金额": "名单!$D$4:$D$8"}
    assert sheet.print_area == "'名单'!$A$1:$E$8"
    assert sheet.print_title_cols == "$A:$B"
    assert sheet.print_title_rows == "$1:$3"
    widths = {k: (one.width, one.hidden) for k, one in sheet.column_dimensions.items()}
    assert widths["D"][0] == 44
    assert widths["E"][1]
    assert "C" not in widths
    assert [one.id for one in sheet.col_breaks.brk] == [2]
    assert sheet["D4"].font.bold
    chart = unpacked(out)["xl/charts/chart1.xml"].decode()
    assert "'名单'!$D$4:$D$8" in chart
    drawing = unpacked(out)["xl/drawings/drawing1.xml"].decode()
    assert "<xdr:col>6<" in drawing or "<col>6<" in drawing
    for text in (SECRET, "批注甲", "病因名", "隐情", "因残"):
        assert not is_left(out, text), text


def test_all_columns_of_the_frozen_pane_go() -> None:
    out, _ = dropped(rich(), [0, 1, 2])
    xml = sheet_xml(out)
    pane = re.search(r"<pane [^>]*>", xml)
    assert pane
    assert "xSplit" not in pane[0]
    assert 'activePane="bottomLeft"' in pane[0]
    assert re.findall(r"<selection[^>]*pane=\"(\w+)\"", xml) == ["bottomLeft"]
    assert reopened(out)["名单"].freeze_panes == "A4"


def test_pane_of_columns_only() -> None:
    book = listed()
    book["名单"].freeze_panes = "B1"
    out, _ = dropped(saved(book), [0])
    assert "<pane" not in sheet_xml(out)
    assert 'pane="' not in sheet_xml(out)


def test_column_of_the_selection() -> None:
    data = patched(
        saved(listed()),
        "xl/worksheets/sheet1.xml",
        lambda xml: re.sub(
            r"<selection[^>]*>", '<selection activeCell="C5" sqref="B5 C5" activeCellId="1"/>', xml
        ),
    )
    out, _ = dropped(data, [2])
    assert '<selection activeCell="C5" sqref="C5"/>' in sheet_xml(out)


def table_book() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "名单"
    sheet.append(["姓名", "病因", "金额", "备注"])
    for number in range(4):
        sheet.append([f"张{number}", f"{SECRET}{number}", number, "无"])
    sheet.add_table(ExcelTable(displayName="表1", ref="A1:D5"))
    return book


def test_table() -> None:
    book = table_book()
    book.create_sheet("其他")["A1"] = "=SUM(表1[金额])"
    out, remarks = dropped(saved(book), [1])
    again = reopened(out)
    table = again["名单"].tables["表1"]
    assert table.ref == "A1:C5"
    assert table.autoFilter.ref == "A1:C5"
    assert [one.name for one in table.tableColumns] == ["姓名", "金额", "备注"]
    assert 'count="3"' in unpacked(out)["xl/tables/table1.xml"].decode()
    assert again["其他"]["A1"].value == "=SUM(表1[金额])"
    assert not remarks
    assert not is_left(out, "病因")


def test_table_of_which_nothing_is_left() -> None:
    book = table_book()
    book["名单"]["F1"] = "甲"
    out, _ = dropped(saved(book), [0, 1, 2, 3])
    assert reopened(out)["名单"]["B1"].value == "甲"
    assert not [name for name in unpacked(out) if "/tables/" in name]
    assert "tablePart" not in sheet_xml(out)


@pytest.mark.parametrize(
    "formula",
    ["=COUNTA(表1[病因])", "=COUNTA(表1[[姓名]:[金额]])", "=ROWS(表1)", "=表1[[#Totals],[病因]]"],
)
def test_column_of_a_table_that_is_read_is_blanked(formula: str) -> None:
    book = table_book()
    book.create_sheet("其他")["A1"] = formula
    out, remarks = dropped(saved(book), [1])
    again = reopened(out)
    assert [one.name for one in again["名单"].tables["表1"].tableColumns][1] == "列2"
    assert values(again["名单"])[0] == ["姓名", "列2", "金额", "备注"]
    assert values(again["名单"])[1] == ["张0", None, 0, "无"]
    assert "不能整列删去" in remarks[0]
    assert not is_left(out, SECRET)
    assert not is_left(out, "病因")


SHARED = (
    '<c r="F4"><f t="shared" ref="F4:G5" si="0">E4+$A4+C$1</f><v>1</v></c>'
    '<c r="G4"><f t="shared" si="0"/><v>2</v></c>'
)


def test_shared_formulas() -> None:
    rows = (
        '<row r="4" spans="1:7"><c r="A4"><v>1</v></c><c r="B4"><v>7</v></c>' + SHARED + "</row>"
        '<row r="5"><c r="F5"><f t="shared" si="0"/><v>3</v></c>'
        '<c r="G5"><f t="shared" si="0"/><v>4</v></c></row>'
    )
    data = patched(
        saved(openpyxl.Workbook()),
        "xl/worksheets/sheet1.xml",
        lambda xml: re.sub(r"<sheetData>", f"<sheetData>{rows}", xml),
    )
    out, remarks = dropped(data, [1], table="Sheet")
    found = values(reopened(out)["Sheet"])
    assert found[3][4:6] == ["=D4+$A4+B$1", "=E4+$A4+C$1"]
    assert found[4][4:6] == ["=D5+$A5+B$1", "=E5+$A5+C$1"]
    assert 'spans="1:6"' in sheet_xml(out)
    assert not remarks
    # the first cell of them is blanked, for the others read it, and keep what they showed
    out, remarks = dropped(data, [5], table="Sheet")
    assert values(reopened(out)["Sheet"])[3] == [1, 7, None, None, None, None, 2]
    assert len(remarks) == 2


def cached(formula: str, value: str) -> bytes:
    """The list, and a formula with what it showed last at the other sheet's A1."""
    escaped = formula.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")

    def change(xml: str) -> str:
        return re.sub(
            r"<c r=\"A1\"[^>]*>.*?</c>",
            lambda _: f'<c r="A1" t="str"><f>{escaped}</f><v>{value}</v></c>',
            xml,
            count=1,
        )

    return patched(saved(listed()), "xl/worksheets/sheet2.xml", change)


@pytest.mark.parametrize(
    "formula",
    [
        "名单!C4",
        "COUNTA(名单!B4:D4)",
        "COUNTA(名单!4:4)",
        "VLOOKUP(1,名单!$A:$F,5,0)",
        'INDIRECT("名单!E"&4)',
        "OFFSET(名单!A1,3,4)",
        'HYPERLINK("#名单!E4")',
        "SUM(名单:'汇 总'!E4)",
        "名单!A1:INDEX(名单!E:E,4)",
        "INDEX(名单!A1:F9,4,COLUMN(名单!E1))",
        "COLUMNS(名单!A1:E1)",
    ],
)
def test_a_column_that_is_needed_is_blanked(formula: str) -> None:
    data = cached(formula, "照旧")
    book = xlsx.Workbook(io.BytesIO(data))
    assert not book.removable("名单", frozenset({2}))
    out, remarks = dropped(data, [2])
    again = openpyxl.load_workbook(io.BytesIO(out))
    sheet = again["名单"]
    assert values(sheet)[3] == [1, "张0", None, 30, 0, "=E4*2"]
    assert values(sheet)[2] == [None, None, None, "年龄", None, None]
    assert sheet["C2"].value == "家庭情况"
    assert again["汇 总"]["A1"].value == "照旧"
    assert [one for one in remarks if "不能整列删去" in one]
    assert not is_left(out, SECRET)
    assert not is_left(out, "致贫")


@pytest.mark.parametrize(
    "formula",
    ['"C4"&名单!E4', "[1]名单!C4", "SUM(名单!E4:E8)+名单!$D$4", "ROW(名单!A9)", "LOG10(5)"],
)
def test_a_column_that_is_not_needed_goes(formula: str) -> None:
    book = xlsx.Workbook(io.BytesIO(cached(formula, "1")))
    assert book.removable("名单", frozenset({2}))


@pytest.mark.parametrize("shown", [f"{SECRET}0", f"患{SECRET}3者"])
def test_a_copy_of_a_blanked_cell_is_cleared(shown: str) -> None:
    out, _ = dropped(cached("名单!C4", shown), [2])
    if shown == f"{SECRET}0":
        assert not is_left(out, SECRET)
    assert reopened(out)["名单"]["C4"].value is None


def test_columns_that_only_need_each_other_go_together() -> None:
    book = listed()
    data = saved(book)
    opened = xlsx.Workbook(io.BytesIO(data))
    assert not opened.removable("名单", frozenset({5, 4}))
    assert set(opened.unremovable("名单", frozenset({4, 5}))) == {4}
    del book["汇 总"]
    opened = xlsx.Workbook(io.BytesIO(saved(book)))
    assert opened.removable("名单", frozenset({4, 5}))
    assert not opened.removable("名单", frozenset({4}))
    assert not opened.removable("没有", frozenset({4}))


def test_one_column_goes_and_another_is_blanked() -> None:
    out, remarks = dropped(saved(listed()), [2, 4])
    sheet = reopened(out)["名单"]
    assert values(sheet)[3] == [1, "张0", 30, None, None]
    assert len([one for one in remarks if "不能整列删去" in one]) == 1
    assert values(sheet)[1] == ["序号", "姓名", "家庭情况", None, "合计"]


def test_unknown_table() -> None:
    with pytest.raises(UnsafeEdit):
        dropped(saved(listed()), [1], table="没有")


def test_conditional_format_that_compares_neighbours() -> None:
    book = listed(formulas=False)
    fill = PatternFill("solid", bgColor="FF0000")
    book["名单"].conditional_formatting.add("A4:F8", FormulaRule(formula=["A4=B4"], fill=fill))
    assert not xlsx.Workbook(io.BytesIO(saved(book))).removable("名单", frozenset({2}))


def test_conditional_format_moves_its_anchor() -> None:
    book = listed(formulas=False)
    fill = PatternFill("solid", bgColor="FF0000")
    book["名单"].conditional_formatting.add("C4:D8", FormulaRule(formula=["C4>$E4"], fill=fill))
    out, _ = dropped(saved(book), [2])
    found = reopened(out)["名单"].conditional_formatting._cf_rules
    assert [(str(k.sqref), v[0].formula) for k, v in found.items()] == [("C4:C8", ["C4>$D4"])]


def test_chart_that_shows_the_column() -> None:
    book = listed()
    sheet = book["名单"]
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=4, min_row=3, max_row=8), titles_from_data=True)
    sheet.add_chart(chart, "H3")
    data = patched(
        saved(book),
        "xl/charts/chart1.xml",
        lambda xml: re.sub(
            r"(<(?:c:)?f>[^<]*\$D\$4[^<]*</(?:c:)?f>)",
            r'\1<numCache><ptCount val="1"/><pt idx="0"><v>987654</v></pt></numCache>',
            xml,
        ),
    )
    out, remarks = dropped(data, [3])
    assert "图表" in remarks[0]
    assert not is_left(out, "987654")
    assert values(reopened(out)["名单"])[3][3] is None


PIVOT = (
    '<pivotCacheDefinition xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<cacheSource type="worksheet"><worksheetSource ref="A3:F8" sheet="名单"/></cacheSource>'
    '<cacheFields count="3"><cacheField name="序号"><sharedItems/></cacheField>'
    '<cacheField name="姓名"><sharedItems count="1"><s v="张0"/></sharedItems></cacheField>'
    f'<cacheField name="致贫原因"><sharedItems count="2"><s v="{SECRET}0"/><s v="{SECRET}1"/>'
    "</sharedItems></cacheField></cacheFields></pivotCacheDefinition>"
)


def test_pivot_cache_is_cleaned() -> None:
    data = with_part(
        saved(listed()),
        "xl/pivotCache/pivotCacheDefinition1.xml",
        PIVOT,
        "xl/workbook.xml",
        "pivotCacheDefinition",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.pivotCacheDefinition+xml",
    )
    records = f"<pivotCacheRecords><r><s v='{SECRET}0'/></r></pivotCacheRecords>"
    data = with_part(
        data,
        "xl/pivotCache/pivotCacheRecords1.xml",
        records,
        "xl/pivotCache/pivotCacheDefinition1.xml",
        "pivotCacheRecords",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.pivotCacheRecords+xml",
    )
    out, remarks = dropped(data, [2])
    assert "透视" in remarks[0]
    assert not is_left(out, SECRET)
    assert not is_left(out, "致贫原因")
    definition = unpacked(out)["xl/pivotCache/pivotCacheDefinition1.xml"].decode()
    assert 'v="张0"' in definition
    assert 'refreshOnLoad="1"' in definition


@pytest.mark.parametrize(
    "extra",
    [
        '<scenarios current="0"><scenario name="一"><inputCells r="C4" val="肺癌"/></scenario></scenarios>',
        '<webPublishItems count="1"><webPublishItem id="1" sourceType="range"/></webPublishItems>',
    ],
)
def test_what_is_not_understood_is_blanked(extra: str) -> None:
    data = patched(
        saved(listed()),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace("</sheetData>", f"</sheetData>{extra}"),
    )
    out, remarks = dropped(data, [2])
    assert "不能确定" in remarks[0]
    assert not is_left(out, "肺癌")


def test_comments_links_and_rules_go_with_blanked_cells() -> None:
    data = patched(
        rich(),
        "xl/worksheets/sheet2.xml",
        lambda xml: xml.replace("名单!E4:E8", "名单!C4:C8"),
    )
    out, _ = dropped(data, [2])
    sheet = reopened(out)["名单"]
    assert sheet["C5"].comment is None
    assert sheet["E5"].comment.text == "批注乙"
    assert sheet["C6"].hyperlink is None
    assert sheet["B6"].hyperlink.location == "名单!E6"
    rules = {str(one.sqref) for one in sheet.data_validations.dataValidation}
    assert rules == {"B4:B8 D4:D8"}
    for text in (SECRET, "批注甲", "隐情", "因残"):
        assert not is_left(out, text), text


def test_edits_that_blank_a_column_that_may_not_go_take_its_notes_along() -> None:
    data = patched(
        rich(),
        "xl/worksheets/sheet2.xml",
        lambda xml: xml.replace("名单!E4:E8", "名单!C4:C8"),
    )
    book = xlsx.Workbook(io.BytesIO(data))
    assert not book.removable("名单", frozenset({2}))
    table = next(part for part in book.parts if isinstance(part, Table))
    places = [
        (table.place(row.index, 2), row.cells[2])
        for row in table.rows()
        if row.index > 1 and 2 in row.cells
    ]
    out = io.BytesIO()
    book.save(out, {place: [Edit(place, 0, len(text), "")] for place, text in places})
    sheet = reopened(out.getvalue())["名单"]
    assert sheet["C2"].value == "家庭情况"
    assert sheet["C5"].comment is None
    assert sheet["C6"].hyperlink is None
    assert not is_left(out.getvalue(), "批注甲")
    assert not is_left(out.getvalue(), SECRET)
    assert any("不能整列删去" in remark.message for remark in book.remarks)


def test_edits_that_blank_the_header_of_a_table() -> None:
    book = table_book()
    book.create_sheet("其他")["A1"] = "=COUNTA(表1[病因])+SUM(表1[金额])"
    opened = xlsx.Workbook(io.BytesIO(saved(book)))
    assert not opened.removable("名单", frozenset({1}))
    table = next(part for part in opened.parts if isinstance(part, Table))
    places = [(table.place(row.index, 1), row.cells[1]) for row in table.rows()]
    out = io.BytesIO()
    opened.save(out, {place: [Edit(place, 0, len(text), "")] for place, text in places})
    sheet = reopened(out.getvalue())["名单"]
    assert values(sheet)[0] == ["姓名", "", "金额", "备注"]
    assert sheet.tables["表1"].ref == "A2:D5"
    assert sheet.tables["表1"].headerRowCount == 0
    assert not is_left(out.getvalue(), "病因")


def test_strings_used_elsewhere_stay() -> None:
    book = listed()
    book["名单"]["B9"] = f"{SECRET}1"
    out, _ = dropped(saved(book), [2])
    assert reopened(out)["名单"]["B9"].value == f"{SECRET}1"
    assert not is_left(out, f"{SECRET}2")
    strings = unpacked(out)["xl/sharedStrings.xml"].decode()
    assert strings.count("<si>") == unpacked(saved(book))["xl/sharedStrings.xml"].decode().count(
        "<si>"
    )


def test_cells_without_a_place() -> None:
    rows = "<row><c><v>1</v></c><c><v>2</v></c><c t='inlineStr'><is><t>三</t></is></c></row>"
    data = patched(
        saved(openpyxl.Workbook()),
        "xl/worksheets/sheet1.xml",
        lambda xml: re.sub(r"<sheetData>", f"<sheetData>{rows}", xml),
    )
    out, _ = dropped(data, [1], table="Sheet")
    assert values(reopened(out)["Sheet"]) == [[1, "三"]]


def test_threaded_comments_and_note_shapes() -> None:
    data = with_part(
        rich(),
        "xl/threadedComments/threadedComment1.xml",
        "<ThreadedComments><threadedComment ref='C5' id='1'><text>线索甲</text></threadedComment>"
        "<threadedComment ref='E5' id='2'><text>线索乙</text></threadedComment></ThreadedComments>",
        "xl/worksheets/sheet1.xml",
        "threadedComment",
        "application/vnd.ms-excel.threadedcomments+xml",
    )
    out, _ = dropped(data, [2])
    assert not is_left(out, "线索甲")
    parts = unpacked(out)
    threads = parts["xl/threadedComments/threadedComment1.xml"].decode()
    assert 'ref="D5"' in threads
    shapes = next(raw.decode() for name, raw in parts.items() if name.endswith(".vml"))
    assert re.findall(r"Column>(\d+)<", shapes) == ["3"]


# --- any small workbook ----------------------------------------------------------------------------------

WIDTH, HEIGHT = 6, 5


@dataclass(frozen=True)
class Ref:
    """A reference that a formula makes: a sheet or none, corners, which parts are fixed."""

    sheet: str
    box: tuple[int, int, int, int]
    fixed: tuple[bool, bool, bool, bool]

    def text(self, column: Callable[[int], int]) -> str:
        top, left, bottom, right = self.box
        a, b, c, d = ("$" if one else "" for one in self.fixed)
        first = f"{a}{get_column_letter(column(left) + 1)}{b}{top + 1}"
        last = f"{c}{get_column_letter(column(right) + 1)}{d}{bottom + 1}"
        return f"{self.sheet}{first}" if first == last else f"{self.sheet}{first}:{last}"


@st.composite
def refs(draw: st.DrawFn) -> Ref:
    rows = sorted(draw(st.tuples(*[st.integers(0, HEIGHT - 1)] * 2)))
    columns = sorted(draw(st.tuples(*[st.integers(0, WIDTH - 1)] * 2)))
    single = draw(st.booleans())
    box = (
        rows[0],
        columns[0],
        rows[0] if single else rows[1],
        columns[0] if single else columns[1],
    )
    fixed = draw(st.tuples(*[st.booleans()] * 4))
    if single:
        fixed = (fixed[0], fixed[1], fixed[0], fixed[1])
    return Ref(draw(st.sampled_from(["", "名单!", "'名单'!", "'其 他'!"])), box, fixed)


Content = tuple[str, tuple[Ref, ...]]
contents = st.one_of(
    st.just(("", ())),
    st.tuples(st.sampled_from(["值", "B2", "=A1"]), st.just(())),
    st.tuples(
        st.sampled_from(["=SUM({})", '="C1"&{}', "=IF({}>1,LOG10(2),\"'x'!A1\")"]),
        st.tuples(refs()),
    ),
    st.tuples(st.just("={}+{}"), st.tuples(refs(), refs())),
)


def spelled(content: Content, column: Callable[[str, int], int], home: str) -> str | None:
    text, found = content
    if not found:
        return f"'{text}" if text.startswith("=") else text or None
    done = [
        one.text(lambda c, one=one: column(one.sheet.strip("'!") or home, c))  # type: ignore[misc]
        for one in found
    ]
    return text.format(*done)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    grids=st.lists(
        st.lists(contents, min_size=WIDTH * HEIGHT, max_size=WIDTH * HEIGHT), min_size=2, max_size=2
    ),
    away=st.sets(st.integers(0, WIDTH - 1), min_size=1, max_size=3),
    merges=st.lists(refs(), max_size=2),
)
def test_what_stays_means_the_same(
    grids: list[list[Content]], away: set[int], merges: list[Ref]
) -> None:
    staying = [column for column in range(WIDTH + 1) if column not in away]

    def needed(content: Content, home: str) -> bool:
        return any(
            (one.sheet.strip("'!") or home) == "名单"
            and away & set(range(one.box[1], one.box[3] + 1))
            for one in content[1]
        )

    def at(sheet: str, column: int) -> int:
        return staying.index(column) if sheet == "名单" else column

    book, expected = openpyxl.Workbook(), openpyxl.Workbook()
    for one in (book, expected):
        one.active.title = "名单"
        one.create_sheet("其 他")
    boxes = [merges[0].box] if merges else []
    covered = {
        (row, column)
        for top, left, bottom, right in boxes
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
        if (row, column) != (top, left)
    }
    unsafe = False
    for name, grid in zip(("名单", "其 他"), grids, strict=True):
        for number, content in enumerate(grid):
            row, column = divmod(number, WIDTH)
            if name == "名单" and (row, column) in covered:
                continue
            book[name].cell(row + 1, column + 1).value = spelled(content, lambda _, c: c, name)
            place = column
            if name == "名单" and column in away:
                box = next((b for b in boxes if b[:2] == (row, column)), None)
                beyond = box and [c for c in range(box[1], box[3] + 1) if c not in away]
                if not beyond:
                    continue
                place = beyond[0]
            if needed(content, name):
                unsafe = True
                continue
            text = spelled(content, at, name)
            expected[name].cell(row + 1, at(name, place) + 1).value = text
    for top, left, bottom, right in boxes:
        if (top, left) != (bottom, right):
            book["名单"].merge_cells(
                start_row=top + 1, start_column=left + 1, end_row=bottom + 1, end_column=right + 1
            )
    data = saved(book)
    opened = xlsx.Workbook(io.BytesIO(data))
    assert opened.removable("名单", frozenset(away)) != unsafe
    if unsafe:
        return
    out, remarks = dropped(data, sorted(away))
    assert not remarks
    again = reopened(out)
    for name in ("名单", "其 他"):
        for row in range(1, HEIGHT + 1):
            for column in range(1, WIDTH + 1):
                found = again[name].cell(row, column).value
                assert found == expected[name].cell(row, column).value
    left_over = [
        (top, [c for c in range(left, right + 1) if c not in away], bottom)
        for top, left, bottom, right in boxes
    ]
    wanted = {
        (top + 1, staying.index(columns[0]) + 1, bottom + 1, staying.index(columns[-1]) + 1)
        for top, columns, bottom in left_over
        if columns and (len(columns) > 1 or top != bottom)
    }
    ranges = again["名单"].merged_cells.ranges
    assert {(r.min_row, r.min_col, r.max_row, r.max_col) for r in ranges} == wanted


# --- formulas --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SUM(A1:D4)", "SUM(A1:C4)"),
        ("$D$4+D4", "$C$4+C4"),
        ('"D4"&D4', '"D4"&C4'),
        ("D4:C1", "C4:B1"),
        ("LOG10(D1)", "LOG10(C1)"),
        ("D:D", "C:C"),
        ("$A:$D", "$A:$C"),
        ("4:4", "4:4"),
        ("'D1'!D1", "'D1'!D1"),
        ("[1]Sheet1!D1", "[1]Sheet1!D1"),
        ('{1,2;"D1",4}+D1', '{1,2;"D1",4}+C1'),
        ("B1", "#REF!"),
        ("A1:XFD1", "A1:XFD1"),
        ("表D1[D1]", "表D1[D1]"),
        ("D1.x+D1", "D1.x+C1"),
        ("_xlfn.ABC(D1)", "_xlfn.ABC(C1)"),
        ("1E5+D1", "1E5+C1"),
        ("XFE1", "XFE1"),
    ],
)
def test_rewritten(text: str, expected: str) -> None:
    going = xlsx_refs.gone([1])
    assert xlsx_refs.rewritten(text, lambda sheet: None if sheet else going) == expected


@given(st.text(alphabet="ABD$1:2!'\"[](),+#{}; 表_.", max_size=25))
def test_any_text_can_be_parsed(text: str) -> None:
    going = xlsx_refs.gone([1])
    assert xlsx_refs.rewritten(text, lambda _: xlsx_refs.gone([])) is not None
    xlsx_refs.rewritten(text, lambda _: going)
    xlsx_refs.shifted(text, 1, 1)
    world = xlsx_refs.World({"": going}, {}, {})
    xlsx_refs.reached(text, "", world)


@given(st.sets(st.integers(0, 30), max_size=8), st.integers(0, 30), st.integers(0, 30))
def test_gone(columns: set[int], one: int, other: int) -> None:
    going = xlsx_refs.gone(columns)
    staying = [column for column in range(40) if column not in columns]
    assert going.at(one) == (None if one in columns else staying.index(one))
    first, last = sorted((one, other))
    left = [staying.index(c) for c in range(first, last + 1) if c not in columns]
    assert going.span(first, last) == ((left[0], left[-1]) if left else None)
    assert going.near(one) == staying.index(going.first_left(one))


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("", ([], False)),
        ("#All", ([], False)),
        ("年龄", (["年龄"], False)),
        ("@年龄", (["年龄"], False)),
        ("[#This Row],[年龄]", (["年龄"], False)),
        ("[甲]:[乙]", (["甲", "乙"], True)),
        ("[甲']乙]", (["甲]乙"], False)),
        ("[甲]x[乙]", None),
    ],
)
def test_bracket_columns(inner: str, expected: object) -> None:
    assert xlsx_refs.bracket_columns(inner) == expected


# --- pictures, shapes, other holders ---------------------------------------------------------------------

SHEET = "xl/worksheets/sheet1.xml"
DRAWING_TYPE = "application/vnd.openxmlformats-officedocument.drawing+xml"


def picture(left: int, right: int, link: str, edge: int = 0) -> str:
    corners = "".join(
        f"<xdr:{name}><xdr:col>{column}</xdr:col><xdr:colOff>{offset}</xdr:colOff>"
        f"<xdr:row>3</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:{name}>"
        for name, column, offset in (("from", left, 5), ("to", right, edge))
    )
    return (
        f"<xdr:twoCellAnchor>{corners}<xdr:pic><xdr:blipFill><a:blip r:embed='{link}'/>"
        "</xdr:blipFill></xdr:pic><xdr:clientData/></xdr:twoCellAnchor>"
    )


def with_pictures(data: bytes, drawing: str, names: Sequence[str], source: str) -> bytes:
    """The drawing with its pictures; their ids are rIdP0, rIdP1 …"""
    data = with_part(data, source, drawing, SHEET, "drawing", DRAWING_TYPE)
    rels = "".join(
        f'<Relationship Id="rIdP{number}" Type="http://schemas.openxmlformats.org/officeDocument/'
        f'2006/relationships/image" Target="/xl/media/{name}"/>'
        for number, name in enumerate(names)
    )
    start = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    folder, _, base = source.rpartition("/")
    parts = unpacked(data)
    parts[f"{folder}/_rels/{base}.rels"] = f"{start}{rels}</Relationships>".encode()
    for name in names:
        parts[f"xl/media/{name}"] = b"\x89PNG\r\n\x1a\n" + name.encode()
    return packed(parts)


def test_pictures_go_with_their_column() -> None:
    shapes = (
        picture(2, 3, "rIdP0", 9)
        + picture(3, 4, "rIdP1", 900_000)
        + picture(2, 4, "rIdP2", 900_000)
    )
    link = "<xdr:sp textlink='名单!$E$4'></xdr:sp>"
    drawing = f"<xdr:wsDr xmlns:xdr='x' xmlns:a='a' xmlns:r='r'>{shapes}{link}</xdr:wsDr>"
    names = ["a.png", "b.png", "c.png"]
    data = with_pictures(saved(listed()), drawing, names, "xl/drawings/drawing9.xml")
    out, _ = dropped(data, [2])
    parts = unpacked(out)
    assert [name for name in parts if "media" in name] == ["xl/media/b.png", "xl/media/c.png"]
    left = parts["xl/drawings/drawing9.xml"].decode()
    assert re.findall(r"<xdr:col>(\d+)<", left) == ["2", "3", "2", "3"]
    assert 'textlink="名单!$D$4"' in left
    assert "a.png" not in parts["xl/drawings/_rels/drawing9.xml.rels"].decode()


def test_pictures_in_cells_go_with_the_last_formula_that_shows_them() -> None:
    formula = '<f>_xlfn.DISPIMG("{0}",1)</f><v>=DISPIMG("{0}",1)</v>'
    cells = [("C", "ID_A"), ("C", "ID_B"), ("E", "ID_B")]
    rows = "".join(
        f'<row r="{20 + at}"><c r="{letter}{20 + at}" t="str">{formula.format(name)}</c></row>'
        for at, (letter, name) in enumerate(cells)
    )
    data = patched(
        saved(listed()), SHEET, lambda xml: xml.replace("</sheetData>", f"{rows}</sheetData>")
    )
    images = "".join(
        f"<etc:cellImage><xdr:pic><xdr:cNvPr name='{name}'/><a:blip r:embed='rIdP{at}'/></xdr:pic>"
        "</etc:cellImage>"
        for at, name in enumerate(("ID_A", "ID_B"))
    )
    xml = f"<etc:cellImages xmlns:etc='e' xmlns:xdr='x' xmlns:a='a' xmlns:r='r'>{images}</etc:cellImages>"
    data = with_pictures(data, xml, ["a.png", "b.png"], "xl/cellimages.xml")
    parts = unpacked(data)
    rels = "xl/worksheets/_rels/sheet1.xml.rels"
    parts[rels] = parts[rels].replace(b"relationships/drawing", b"relationships/image")
    out, remarks = dropped(packed(parts), [2])
    assert not remarks
    left = unpacked(out)
    assert "ID_A" not in left["xl/cellimages.xml"].decode()
    assert "ID_B" in left["xl/cellimages.xml"].decode()
    assert [name for name in left if "media" in name] == ["xl/media/b.png"]


@pytest.mark.parametrize("mention", ["名单!$E$4", "'名单'!A1"])
def test_a_part_that_mentions_the_sheet_is_not_understood(mention: str) -> None:
    data = with_part(
        saved(listed()),
        "xl/odd/odd1.xml",
        f'<odd ref="{mention}"/>',
        "xl/workbook.xml",
        "odd",
        "a/b",
    )
    assert not xlsx.Workbook(io.BytesIO(data)).removable("名单", frozenset({2}))
    assert xlsx.Workbook(io.BytesIO(data)).removable("汇 总", frozenset({0}))


@pytest.mark.parametrize(
    ("reference", "safe"),
    [
        ("名单!$C$4:$C$8", True),
        ("名单!$C$4:$E$8", True),
        ("名单!C4", False),
        ("OFFSET(名单!$A$1,0,0,9,1)", False),
        ('INDIRECT("名单!A1")', False),
        ("名单!$E$4", True),
    ],
)
def test_names(reference: str, safe: bool) -> None:
    book = listed()
    book.defined_names["名字"] = DefinedName("名字", attr_text=reference)
    assert xlsx.Workbook(io.BytesIO(saved(book))).removable("名单", frozenset({2})) is safe
    if safe:
        out, _ = dropped(saved(book), [2])
        names = {key: one.attr_text for key, one in reopened(out).defined_names.items()}
        assert names == ({"名字": "名单!$D$4"} if "$E$4" in reference else {})
        if "$C" in reference:
            book["汇 总"]["A5"] = "=COUNTA(名字)"
            assert not xlsx.Workbook(io.BytesIO(saved(book))).removable("名单", frozenset({2}))


def sparklines(cell: str, data: str) -> str:
    return (
        '<extLst><ext xmlns:x14="x14" uri="{05C60535-1F16-4fd2-B633-F4F36F0B64E0}">'
        '<x14:sparklineGroups xmlns:xm="xm"><x14:sparklineGroup><x14:sparklines><x14:sparkline>'
        f"<xm:f>{data}</xm:f><xm:sqref>{cell}</xm:sqref></x14:sparkline></x14:sparklines>"
        "</x14:sparklineGroup></x14:sparklineGroups></ext></extLst></worksheet>"
    )


@pytest.mark.parametrize(
    ("cell", "data", "expected"),
    [
        ("G4", "名单!E4:F4", ("名单!D4:E4", "F4")),
        ("C4", "名单!E4:F4", None),
        ("C4", "名单!C4:F4", None),
        ("G4", "名单!C4:F4", ("名单!C4:F4", "G4")),
    ],
)
def test_sparklines(cell: str, data: str, expected: tuple[str, str] | None) -> None:
    made = patched(
        saved(listed()), SHEET, lambda xml: xml.replace("</worksheet>", sparklines(cell, data))
    )
    out, _ = dropped(made, [2])
    xml = sheet_xml(out)
    found = re.search(r"<xm:f>(.*?)</xm:f><xm:sqref>(.*?)</xm:sqref>", xml)
    assert (found.groups() if found else None) == expected
    assert ("extLst" in xml) == (expected is not None)


def test_rules_of_the_extension() -> None:
    rules = (
        '<extLst><ext xmlns:x14="x14" uri="{78C0D931-6437-407d-A8EE-F0AAD7539E65}">'
        '<x14:conditionalFormattings xmlns:xm="xm"><x14:conditionalFormatting>'
        "<x14:cfRule type=\"expression\"><xm:f>'汇 总'!$A$1&gt;E4</xm:f></x14:cfRule>"
        "<xm:sqref>E4:E8</xm:sqref></x14:conditionalFormatting><x14:conditionalFormatting>"
        '<x14:cfRule type="expression"><xm:f>C4=1</xm:f></x14:cfRule><xm:sqref>C4:C8</xm:sqref>'
        "</x14:conditionalFormatting></x14:conditionalFormattings></ext></extLst></worksheet>"
    )
    out, remarks = dropped(
        patched(saved(listed()), SHEET, lambda xml: xml.replace("</worksheet>", rules)), [2]
    )
    assert not remarks
    assert re.findall(r"<xm:\w+>(.*?)</xm", sheet_xml(out)) == ["'汇 总'!$A$1&gt;D4", "D4:D8"]


@pytest.mark.parametrize(
    ("formula", "safe"),
    [
        ('<f t="array" ref="F4:F5">E4:E5*2</f>', True),
        ('<f t="array" ref="B4:F4">E4*2</f>', False),
        ('<f t="dataTable" ref="F4:F5" r1="A1"/>', False),
        ('<f t="shared" si="7"/>', False),
    ],
)
def test_formulas_over_several_cells(formula: str, safe: bool) -> None:
    data = patched(
        saved(listed()),
        SHEET,
        lambda xml: re.sub(r"(<c r=\"F4\"[^>]*>)<f>.*?</f>", rf"\1{formula}", xml),
    )
    assert xlsx.Workbook(io.BytesIO(data)).removable("名单", frozenset({2})) is safe
    out, _ = dropped(data, [2])
    if safe:
        assert '<f t="array" ref="E4:E5">D4:D5*2</f>' in sheet_xml(out)


@pytest.mark.parametrize("kind", ["pivotTable", "slicer", "control", "queryTable"])
def test_what_hangs_on_the_sheet_and_cannot_follow(kind: str) -> None:
    data = with_part(saved(listed()), "xl/odd/odd1.xml", "<odd/>", SHEET, kind, "a/b")
    opened = xlsx.Workbook(io.BytesIO(data))
    assert "透视" in opened.unremovable("名单", frozenset({2}))[2]


def test_log_of_a_shared_workbook_goes() -> None:
    log = f"<revisions><rcc><nc><is><t>{SECRET}</t></is></nc></rcc></revisions>"
    data = with_part(
        saved(listed()), "xl/revisions/revisionLog1.xml", log, "xl/workbook.xml", "log", "a/b"
    )
    out, remarks = dropped(data, [2])
    assert "修订记录" in remarks[0]
    assert not is_left(out, SECRET)


def test_columns_of_two_sheets_go_at_once() -> None:
    book = listed(formulas=False)
    other = book["汇 总"]
    other.append(["甲", "乙", "=名单!E4"])
    opened = xlsx.Workbook(io.BytesIO(saved(book)))
    out = io.BytesIO()
    opened.save(out, {}, {"名单": frozenset({2, 3}), "汇 总": frozenset({1})})
    again = reopened(out.getvalue())
    assert values(again["汇 总"])[2] == ["甲", "=名单!C4"]
    assert not is_left(out.getvalue(), "乙")


def test_a_masked_sheet_name_keeps_its_columns_apart() -> None:
    book = listed()
    book["名单"].title = "名单13800138000"
    book["汇 总"]["A1"] = "=SUM(名单13800138000!E4:E8)"
    opened = xlsx.Workbook(io.BytesIO(saved(book)))
    table = next(part for part in opened.parts if isinstance(part, Table))
    place = next(
        part.place for part in opened.parts if not isinstance(part, Table) and "1380" in part.text
    )
    out = io.BytesIO()
    edits = {place: [Edit(place, 2, 13, "*" * 11)]}
    opened.save(out, edits, {table.name: frozenset({2})})
    again = reopened(out.getvalue())
    assert again.worksheets[0]["C3"].value == "年龄"
    assert "D4:D8" in str(again["汇 总"]["A1"].value)
    assert not is_left(out.getvalue(), SECRET)


EXTRAS = (
    '<protectedRanges><protectedRange sqref="B4:E8" name="甲"/><protectedRange sqref="C1" name="乙"/>'
    '</protectedRanges><cellWatches><cellWatch r="C4"/><cellWatch r="E4"/></cellWatches>'
    '<ignoredErrors><ignoredError sqref="C4:C8 E4" numberStoredAsText="1"/></ignoredErrors>'
    '<conditionalFormatting sqref="E4:E8"><cfRule type="colorScale" priority="9"><colorScale>'
    '<cfvo type="formula" val="$E$4"/><cfvo type="max"/></colorScale></cfRule></conditionalFormatting>'
    '<colBreaks count="3" manualBreakCount="3"><brk id="1" man="1"/><brk id="2" man="1"/>'
    '<brk id="3" man="1"/></colBreaks>'
)


def test_ranges_of_all_sorts() -> None:
    data = patched(
        saved(listed()), SHEET, lambda xml: xml.replace("</sheetData>", f"</sheetData>{EXTRAS}")
    )
    out, remarks = dropped(data, [2])
    assert not remarks
    xml = sheet_xml(out)
    assert re.findall(r'<protectedRange sqref="(.*?)"', xml) == ["B4:D8"]
    assert re.findall(r'<cellWatch r="(.*?)"', xml) == ["D4"]
    assert re.findall(r'<ignoredError sqref="(.*?)"', xml) == ["D4"]
    assert re.findall(r'type="formula" val="(.*?)"', xml) == ["$D$4"]
    assert '<colBreaks count="2" manualBreakCount="2">' in xml
    assert re.findall(r'<brk id="(.)"', xml) == ["1", "2"]


def test_all_breaks_go() -> None:
    breaks = '<colBreaks count="1" manualBreakCount="1"><brk id="1" man="1"/></colBreaks>'
    data = patched(
        saved(listed()), SHEET, lambda xml: xml.replace("</sheetData>", f"</sheetData>{breaks}")
    )
    out, _ = dropped(data, [0])
    assert "colBreaks" not in sheet_xml(out)


def test_views_of_single_people() -> None:
    view = (
        '<customSheetViews><customSheetView guid="{1}" topLeftCell="C1"><pane xSplit="3" ySplit="1"'
        ' topLeftCell="D2" state="frozen"/><selection activeCell="E4" sqref="E4:F4"/>'
        '<autoFilter ref="C3:C8"/></customSheetView></customSheetViews>'
    )
    data = patched(
        saved(listed()), SHEET, lambda xml: xml.replace("</sheetData>", f"</sheetData>{view}")
    )
    out, _ = dropped(data, [2])
    xml = sheet_xml(out)
    assert 'topLeftCell="C1"><pane xSplit="2" ySplit="1" topLeftCell="C2"' in xml
    assert '<selection activeCell="D4" sqref="D4:E4"/></customSheetView>' in xml


@pytest.mark.parametrize("state", ["split", "frozen"])
def test_panes_without_sense_stay(state: str) -> None:
    pane = (
        f'<pane xSplit="{"1200" if state == "split" else "x"}" topLeftCell="D1" state="{state}"/>'
    )
    data = patched(
        saved(listed()), SHEET, lambda xml: re.sub("<selection", f"{pane}<selection", xml, count=1)
    )
    out, _ = dropped(data, [2])
    assert 'topLeftCell="C1"' in sheet_xml(out)


def test_sorted_by_the_column() -> None:
    book = listed()
    sheet = book["名单"]
    sheet.auto_filter.ref = "C3:F8"
    sheet.auto_filter.add_sort_condition("C4:C8")
    out, _ = dropped(saved(book), [2])
    assert "sort" not in sheet_xml(out)
    assert reopened(out)["名单"].auto_filter.ref == "C3:E8"
    del book["汇 总"]
    out, _ = dropped(saved(book), [2, 3, 4, 5])
    assert "autoFilter" not in sheet_xml(out)


def test_filter_and_sorting_of_a_table() -> None:
    book = table_book()
    table = book["名单"].tables["表1"]
    table._initialise_columns()
    table.autoFilter.add_filter_column(1, [f"{SECRET}1"])
    table.autoFilter.add_filter_column(2, ["1"])
    table.autoFilter.add_sort_condition("B2:B5")
    out, _ = dropped(saved(book), [1])
    again = reopened(out)["名单"].tables["表1"]
    assert [(one.colId, one.filters.filter) for one in again.autoFilter.filterColumn] == [
        (1, ["1"])
    ]
    assert not is_left(out, SECRET)
    book.create_sheet("其他")["A1"] = "=COUNTA(表1[病因])"
    out, _ = dropped(saved(book), [1])
    assert not is_left(out, SECRET)


def test_formulas_of_a_table_column() -> None:
    book = table_book()
    table = book["名单"].tables["表1"]
    table._initialise_columns()
    for column, name in zip(table.tableColumns, ["姓名", "病因", "金额", "备注"], strict=True):
        column.name = name

    def calculated(reading: str) -> bytes:
        formula = f"<calculatedColumnFormula>{reading}</calculatedColumnFormula>"
        return patched(
            saved(book),
            "xl/tables/table1.xml",
            lambda xml: re.sub(
                r'(<tableColumn [^>]*name="备注"[^>]*?)\s*/>', rf"\1>{formula}</tableColumn>", xml
            ),
        )

    out, _ = dropped(calculated("C2*2"), [1])
    assert "<calculatedColumnFormula>B2*2<" in unpacked(out)["xl/tables/table1.xml"].decode()
    assert not xlsx.Workbook(io.BytesIO(calculated("表1[[#This Row],[病因]]"))).removable(
        "名单", frozenset({1})
    )
    assert xlsx.Workbook(io.BytesIO(calculated("表1[[#This Row],[病因]]"))).removable(
        "名单", frozenset({1, 3})
    )


def test_notes_and_links_of_a_text_that_moves() -> None:
    book = listed()
    sheet = book["名单"]
    sheet["A1"].comment = Comment("标题的批注", "某")
    sheet["A9"] = "注：已核对"
    sheet["A9"].comment = Comment("脚注的批注", "某")
    sheet["A9"].hyperlink = Hyperlink(ref="A9", location="名单!A1")
    out, _ = dropped(saved(book), [0], notes=frozenset({8}))
    again = reopened(out)["名单"]
    assert again["A1"].comment.text == "标题的批注"
    assert again["A9"].value == "注：已核对"
    assert again["A9"].comment.text == "脚注的批注"
    assert again["A9"].hyperlink.location == "名单!A1"


def test_names_of_one_sheet() -> None:
    book = listed()
    book["名单"].defined_names["本表"] = DefinedName("本表", attr_text="名单!$C$4:$C$8")
    assert xlsx.Workbook(io.BytesIO(saved(book))).removable("名单", frozenset({2}))
    book["汇 总"]["A5"] = "=COUNTA(本表)"
    assert xlsx.Workbook(io.BytesIO(saved(book))).removable("名单", frozenset({2}))
    book["汇 总"]["A5"] = "=COUNTA(名单!本表)"
    assert not xlsx.Workbook(io.BytesIO(saved(book))).removable("名单", frozenset({2}))


def test_a_chain_of_copies_is_cleared() -> None:
    data = patched(
        cached("名单!C4", f"{SECRET}0"),
        "xl/worksheets/sheet2.xml",
        lambda xml: xml.replace(
            "</sheetData>",
            f'<row r="9"><c r="A9" t="str"><f>A1&amp;""</f><v>{SECRET}0</v></c>'
            '<c r="B9" t="str"><f>SUM(A1:A9)</f><v>照旧</v></c></row></sheetData>',
        ),
    )
    out, _ = dropped(data, [2])
    assert not is_left(out, SECRET)
    assert reopened(out)["汇 总"]["B9"].value == "=SUM(A1:A9)"


def test_pivot_cache_by_the_name_of_a_table() -> None:
    pivot = PIVOT.replace('ref="A3:F8" sheet="名单"', 'name="表1"').replace("致贫原因", "病因")
    data = with_part(
        saved(table_book()),
        "xl/pivotCache/pivotCacheDefinition1.xml",
        pivot,
        "xl/workbook.xml",
        "pivotCacheDefinition",
        "application/xml",
    )
    out, _ = dropped(data, [2])
    definition = unpacked(out)["xl/pivotCache/pivotCacheDefinition1.xml"].decode()
    assert f"{SECRET}0" not in definition
    assert 'v="张0"' in definition


def test_titles_of_parts_do_not_tell_a_name_that_went() -> None:
    parts = unpacked(rich())
    app = parts["docProps/app.xml"].decode()
    titles = "<HeadingPairs/><TitlesOfParts><lpstr>病因名</lpstr></TitlesOfParts></Properties>"
    parts["docProps/app.xml"] = app.replace("</Properties>", titles).encode()
    out, _ = dropped(packed(parts), [2])
    assert not is_left(out, "病因名")


def test_form_controls_are_not_understood() -> None:
    data = with_part(
        saved(listed()),
        "xl/drawings/vmlDrawing7.vml",
        '<xml><v:shape><x:ClientData ObjectType="Checkbox"/></v:shape></xml>',
        SHEET,
        "vmlDrawing",
        "a/b",
    )
    assert not xlsx.Workbook(io.BytesIO(data)).removable("名单", frozenset({2}))


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_prefix_of_the_elements(prefix: str) -> None:
    def prefixed(xml: str) -> str:
        xml = re.sub(r"<(/?)(?=[A-Za-z])", rf"<\1{prefix}", xml)
        return xml.replace(f'xmlns="{MAIN}"', f'xmlns{":x" if prefix else ""}="{MAIN}"') + " "

    data = rich()
    for part in (SHEET, "xl/worksheets/sheet2.xml", "xl/sharedStrings.xml", "xl/workbook.xml"):
        data = patched(data, part, prefixed)
    out, remarks = dropped(data, [2])
    expected, _ = dropped(rich(), [2])
    assert not remarks
    assert values(reopened(out)["名单"]) == values(reopened(expected)["名单"])
    out, remarks = dropped(data, [4])
    assert values(reopened(out)["名单"])[3][4] is None
    assert len(remarks) == 2


def test_the_target_of_a_link_goes_with_its_cell() -> None:
    book = listed()
    book["名单"]["C6"].hyperlink = "http://example.org/secret"
    book["名单"]["E6"].hyperlink = "http://example.org/other"
    out, _ = dropped(saved(book), [2])
    assert not is_left(out, "secret")
    assert reopened(out)["名单"]["D6"].hyperlink.target == "http://example.org/other"


def test_a_long_chain_of_formulas_is_followed() -> None:
    rows = "".join(
        f'<row r="{20 + at}"><c r="A{20 + at}" t="str"><f>A{21 + at}</f><v>{SECRET}0</v></c></row>'
        for at in range(30)
    )
    data = patched(
        cached("名单!C4", f"{SECRET}0"),
        "xl/worksheets/sheet2.xml",
        lambda xml: xml.replace(
            "</sheetData>",
            f'{rows}<row r="50"><c r="A50" t="str"><f>A1</f><v>{SECRET}0</v></c></row></sheetData>',
        ),
    )
    out, _ = dropped(data, [2])
    assert not is_left(out, SECRET)


def test_escapes_in_formulas_stay() -> None:
    data = cached('名单!E4&"_x005F_x0041_"', "照旧")
    out, _ = dropped(data, [2])
    assert '名单!D4&amp;"_x005F_x0041_"' in sheet_xml(out, 2)


def test_a_rule_on_a_blanked_column_does_not_read_one_that_went() -> None:
    book = listed(formulas=False)
    fill = PatternFill("solid", bgColor="FF0000")
    sheet = book["名单"]
    sheet.conditional_formatting.add("E4:E8", FormulaRule(formula=["$C4=1"], fill=fill))
    out, remarks = dropped(saved(book), [2, 4])
    assert len(remarks) == 2
    assert "conditionalFormatting" not in sheet_xml(out)
    assert values(reopened(out)["名单"])[3] == [1, "张0", 30, None, 0]


def test_one_column_goes_and_edits_blank_another() -> None:
    book = listed()
    book["名单"]["E5"].comment = Comment("批注乙", "某")
    book["名单"]["B5"].comment = Comment("批注丙", "某")
    opened = xlsx.Workbook(io.BytesIO(saved(book)))
    assert not opened.removable("名单", frozenset({2, 4}))
    assert opened.removable("名单", frozenset({2}))
    table = next(part for part in opened.parts if isinstance(part, Table))
    places = [(table.place(row.index, 4), row.cells[4]) for row in table.rows() if 4 in row.cells]
    out = io.BytesIO()
    edits = {place: [Edit(place, 0, len(text), "")] for place, text in places}
    opened.save(out, edits, {"名单": frozenset({2})})
    sheet = reopened(out.getvalue())["名单"]
    assert values(sheet)[3] == [1, "张0", 30, "", None]
    assert sheet["D5"].comment is None
    assert sheet["B5"].comment.text == "批注丙"
    assert not is_left(out.getvalue(), SECRET)
