"""Columns taken out, values made coarser: what is written, what is left, what is told."""

from __future__ import annotations

import contextlib
import csv
import datetime
from collections.abc import Callable
from pathlib import Path

import docx as python_docx
import openpyxl
import pytest
import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

from deid.cli import run
from deid.formats import open_document
from deid.model import FileReport, Table
from deid.outcome import is_reason
from deid.pipeline import mask_file, mask_stream, scan_file
from deid.policy import Policy, load_policy
from deid.stream import LEAST

CARD, OTHER = "11010519491231002X", "110105194912310011"
RULES = """\
fields:
  disease: drop
  phone: drop
  age: age_band
  birth_date: birth_year
  birth_month: birth_year
  poverty_cause: cause_category
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return _policy(tmp_path, RULES)


def _policy(folder: Path, rules: str) -> Policy:
    folder.mkdir(exist_ok=True)
    path = folder / "试.yaml"
    path.write_text(f"policy: test\nlabel: 试\nextends: general\n{rules}", "utf-8")
    return load_policy(path)


def _masked(
    folder: Path, text: str, policy: Policy, name: str = "名单.csv"
) -> tuple[FileReport, str]:
    source, target = folder / name, folder / "out" / name
    source.write_bytes(text.encode())
    report = mask_file(source, target, policy=policy, overwrite=True)
    return report, target.read_bytes().decode() if report.output else ""


LIST = f"""某镇低保名单,,,,,,,,
填报单位：某镇民政办,,,,,单位：元,,,
序号,姓名,身份证号,年龄,出生年月,病种,致贫原因,联系电话,备注
1,张三丰,{CARD},72,1949.12,"肺癌,
晚期",患肺癌,13800138000,肺癌患者
2,李四,{OTHER},７３岁,1949年12月31日,高血压,上大学,13800138001,年龄：73
3,王五
合计,3人,,,,,,,
监督电话：0371-12345678,,,,,,,,
"""


def test_columns_go_and_values_get_coarser(tmp_path: Path, policy: Policy) -> None:
    report, text = _masked(tmp_path, LIST, policy)
    assert (
        text
        == """某镇低保名单,,,,,,
填报单位：某镇民政办,,,,,单位：元,
序号,姓名,身份证号,年龄,出生年月,致贫原因,备注
1,张三丰,110105************,70-79岁,1949年,因病,***患者
2,李四,110105************,70-79岁,1949年,因学,年龄：70-79岁
3,王五
合计,3人,,,,,
监督电话：0371-12345678,,,,,,
"""
    )
    assert report.status == "publish"
    assert report.dropped == ("病种", "联系电话")
    assert report.generalised == ("年龄", "出生年月", "致贫原因")


def test_twice_is_once(tmp_path: Path, policy: Policy) -> None:
    _, once = _masked(tmp_path, LIST, policy)
    report, twice = _masked(tmp_path, once, policy)
    assert (report.status, report.changed, twice) == ("publish", 0, once)


def test_a_phone_that_is_dropped_is_hidden_wherever_it_stands(
    tmp_path: Path, policy: Policy
) -> None:
    text = "姓名,联系电话,备注\n张三,13800138000,见13800138000\n李四,13800138001,电话13900139000\n"
    assert _masked(tmp_path, text, policy)[1] == "姓名,备注\n张三,见***\n李四,电话***\n"


def test_two_blocks_with_other_headers_in_one_column(tmp_path: Path, policy: Policy) -> None:
    text = (
        f"姓名,身份证号,病种,金额\n张三,{CARD},肺癌,300\n李四,{OTHER},高血压,200\n\n"
        f"姓名,身份证号,金额,村\n王五,{CARD},500,红星村\n赵六,{OTHER},600,红旗村\n"
    )
    report, out = _masked(tmp_path, text, policy)
    assert report.status == "publish"
    assert out.splitlines()[:2] == ["姓名,身份证号,,金额", "张三,110105************,,300"]
    assert out.splitlines()[4:6] == ["姓名,身份证号,金额,村", "王五,110105************,500,红星村"]


def test_a_column_named_twice_goes_twice(tmp_path: Path, policy: Policy) -> None:
    text = "姓名,病种,金额,病种\n张三,肺癌,300,高血压\n"
    assert _masked(tmp_path, text, policy)[1] == "姓名,金额\n张三,300\n"


def test_a_group_title_over_a_column_that_goes(tmp_path: Path, policy: Policy) -> None:
    text = f"户主信息,,家庭情况,,\n姓名,身份证号,病种,年龄,金额\n张三,{CARD},肺癌,72,300\n"
    out = _masked(tmp_path, text, policy)[1]
    assert out.splitlines() == [
        "户主信息,,家庭情况,",
        "姓名,身份证号,年龄,金额",
        "张三,110105************,70-79岁,300",
    ]


def test_a_row_with_a_stray_delimiter_shows_nothing_of_the_column(
    tmp_path: Path, policy: Policy
) -> None:
    rows = [f"张{n},南街{n}号,肺癌,30{n}" for n in range(1, 8)]
    rows[3] = "张四,南街4号,后院,肺癌,304"
    text = "\n".join(["姓名,学校,病种,金额", *rows, ""])
    report, out = _masked(tmp_path, text, policy)
    assert "肺癌" not in out
    assert report.status == "look"


def test_a_list_of_dropped_columns_only_is_refused(tmp_path: Path, policy: Policy) -> None:
    report, out = _masked(tmp_path, "病种,联系电话\n肺癌,13800138000\n", policy)
    assert (report.status, out) == ("refused", "")
    assert "每一列" in report.message


def test_an_empty_list_loses_its_column_all_the_same(tmp_path: Path, policy: Policy) -> None:
    assert _masked(tmp_path, "姓名,身份证号,病种\n", policy)[1] == "姓名,身份证号\n"


def test_a_contact_table_of_offices_keeps_its_telephones(tmp_path: Path, policy: Policy) -> None:
    text = "单位,联系电话\n某县民政局,0371-12345678\n某镇人民政府,0371-12345679\n"
    assert _masked(tmp_path, text, policy)[1] == text


def test_a_whitelist_keeps_what_it_names(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "only: [name, school, amount]\n")
    text = f"姓名,学校,身份证号,奇怪的列,金额\n张三,一中,{CARD},甲,300\n李四,二中,{OTHER},乙,200\n"
    report, out = _masked(tmp_path, text, policy)
    assert out == "姓名,学校,金额\n张三,一中,300\n李四,二中,200\n"
    assert report.status == "look"
    assert any("认不出" in item.message for item in report.items)


def test_a_whitelist_without_a_header_is_refused(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "only: [name]\n")
    report, _ = _masked(tmp_path, "甲子,a1,b\n乙丑,a2,c\n丙寅,a3,d\n", policy)
    assert report.status == "refused"


FORM = "姓名：张三\n年龄：72\n病  种：肺癌、高血压\n致困原因：患病住院\n联系电话：13800138000\n"


def test_labelled_lines_get_the_rule_of_their_label(tmp_path: Path, policy: Policy) -> None:
    out = _masked(tmp_path, FORM, policy, "表.txt")[1]
    assert out == "姓名：张三\n年龄：70-79岁\n病  种：***\n致困原因：因病\n联系电话：***\n"
    assert mask_stream(FORM, policy=policy) == out


@pytest.mark.parametrize("delimiter", ["\t", "  ", "|", ","])
def test_columns_of_lines_go(tmp_path: Path, policy: Policy, delimiter: str) -> None:
    rows = [
        ("姓名", "病种", "年龄", "金额"),
        ("张三", "肺癌", "72", "300"),
        ("李四", "高血压", "65", "200"),
    ]
    text = "低保名单\n" + "".join(
        delimiter.join(row) + "\n" for row in [*rows, ("王五", "胃癌", "80", "100")]
    )
    report, out = _masked(tmp_path, text, policy, "表.txt")
    assert report.status == "publish"
    kept = [("姓名", "年龄", "金额"), ("张三", "70-79岁", "300"), ("李四", "60-69岁", "200")]
    assert out == "低保名单\n" + "".join(
        delimiter.join(row) + "\n" for row in [*kept, ("王五", "80-89岁", "100")]
    )


def test_a_refused_matter_needs_a_reason(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "mode: refuse\nrefusal: 孤儿名单不公示\n")
    source, target = tmp_path / "a.csv", tmp_path / "out.csv"
    source.write_text(f"姓名,身份证号\n张三,{CARD}\n", "utf-8")
    for reason in ("", "   ", "。。。。", "啊啊啊啊", "同意"):
        report = mask_file(source, target, policy=policy, override=reason)
        assert report.status == "refused"
        assert "孤儿名单不公示" in report.message
        assert not target.exists()
    report = mask_file(source, target, policy=policy, override="县政府会议纪要")
    assert target.exists()
    assert [(item.rule, item.reason) for item in report.overrides] == [
        ("孤儿名单不公示", "县政府会议纪要")
    ]


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("县政府会议", True),
        ("a b", False),
        ("1234567", False),
        ("依法公开", True),
        ("。" * 9, False),
    ],
)
def test_a_reason_is_words(text: str, real: bool) -> None:
    assert is_reason(text) == real


def test_a_large_list_takes_the_exact_path(tmp_path: Path, policy: Policy) -> None:
    note = "情况属实。" * 50
    rows = [f"村民{n},{CARD},肺癌,{20 + n % 60},{note}" for n in range(2_000)]
    text = "\n".join(["姓名,身份证号,病种,年龄,备注", *rows, ""])
    assert len(text.encode()) > LEAST
    report, out = _masked(tmp_path, text, policy)
    assert report.status == "publish"
    read = list(csv.reader(out.splitlines()))
    assert read[0] == ["姓名", "身份证号", "年龄", "备注"]
    assert len(read) == 2_001
    assert read[1] == ["村民0", "110105************", "20-29岁", note]


HEAD = ("姓名", "身份证号", "病种", "年龄", "出生日期", "联系电话", "致困原因", "金额")
ROWS = (
    ("张三", CARD, "肺癌", 72, datetime.date(1949, 12, 31), 13800138000, "患肺癌", 300),
    ("李四", OTHER, "高血压", 65, datetime.date(1951, 2, 3), 13800138001, "车祸", 200),
    ("王五", OTHER, "胃癌", 66, datetime.date(1950, 2, 3), 13800138002, "上大学", 200),
)
LEFT = [
    ["姓名", "身份证号", "年龄", "出生日期", "致困原因", "金额"],
    ["张三", "110105************", "70-79岁", "1949年", "因病", "300"],
    ["李四", "110105************", "60-69岁", "1951年", "意外", "200"],
    ["王五", "110105************", "60-69岁", "1950年", "因学", "200"],
]


def _xlsx(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["某镇低保名单"])
    sheet.merge_cells("A1:H1")
    for row in (HEAD, *ROWS):
        sheet.append(row)
    book.save(path)


def _xls(path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("低保")
    sheet.write_merge(0, 0, 0, 7, "某镇低保名单")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for at, row in enumerate((HEAD, *ROWS), 1):
        for column, value in enumerate(row):
            style = (day,) if isinstance(value, datetime.date) else ()
            sheet.write(at, column, value, *style)
    book.save(str(path))


def _docx(path: Path) -> None:
    document = python_docx.Document()
    table = document.add_table(rows=5, cols=8)
    table.cell(0, 0).merge(table.cell(0, 7)).text = "某镇低保名单"
    for at, row in enumerate((HEAD, *ROWS), 1):
        for column, value in enumerate(row):
            table.cell(at, column).text = str(value)
    document.add_paragraph("病种：肺癌")
    document.save(str(path))


def _html(path: Path) -> None:
    rows = "".join(
        f"<tr>{''.join(f'<td>{value}</td>' for value in row)}</tr>" for row in (HEAD, *ROWS)
    )
    title = '<col span="3"><col span="5"><tr><th colspan="8">某镇低保名单</th></tr>'
    path.write_text(f"<table>{title}{rows}</table><p>病种：肺癌</p>", "utf-8")


def _pdf(path: Path) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    page = canvas.Canvas(str(path), pagesize=(800, 400))
    page.setFont("STSong-Light", 11)
    for at, row in enumerate((HEAD, *ROWS)):
        for left, value in zip((30, 90, 230, 300, 350, 440, 540, 640), row, strict=True):
            page.drawString(left, 340 - at * 20, str(value))
        page.line(20, 335 - at * 20, 720, 335 - at * 20)
    page.save()


def _shown(path: Path) -> list[list[str]]:
    """The rows of the first table as a reader sees them."""
    with contextlib.closing(open_document(path)) as document:
        table = next(part for part in document.parts if isinstance(part, Table))
        rows = [[row.cells[column] for column in sorted(row.cells)] for row in table.rows()]
    return [row for row in rows if len(row) > 1]


@pytest.mark.parametrize("make", [_xlsx, _xls, _docx, _html, _pdf])
def test_every_format(tmp_path: Path, policy: Policy, make: Callable[[Path], None]) -> None:
    name = f"名单.{make.__name__[1:]}"
    source, target = tmp_path / name, tmp_path / "out" / name
    make(source)
    report = mask_file(source, target, policy=policy)
    assert (report.status, [item.message for item in report.left]) == ("publish", [])
    assert report.dropped == ("病种", "联系电话")
    shown = _shown(target)
    if make is _pdf:  # the layout tells the columns, so they stay
        shown = [[cell for cell in row if cell != "***"] for row in shown]
    assert shown == LEFT
    with contextlib.closing(open_document(target)) as document:
        raw = b"".join(data for _, data in document.raw())
        for word in ("病种", "高血压", "肺癌"):
            assert make in (_docx, _html) or word.encode() not in raw
        texts = [part.text for part in document.parts if not isinstance(part, Table)]
    assert not any("肺癌" in text for text in texts)


def test_a_page_keeps_its_spans_right(tmp_path: Path, policy: Policy) -> None:
    page = (
        '<table><colgroup><col><col span="3"><col></colgroup>'
        "<tr><th colspan=5>某镇名单</tr>"
        "<tr><th rowspan=2>姓名<th rowspan=2>身份证号<th colspan='2'>家庭情况<th rowspan=2>金额</tr>"
        "<tr><th>病种<th>年龄</tr>"
        f"<tr><td>张三<td>{CARD}<td title='肺癌晚期'>肺癌<td>72<td>300</tr>"
        f"<tr><td>李四<td>{OTHER}<td>高血压<td>65<td rowspan=2>200</tr>"
        f"<tr><td>王五<td>{OTHER}<td>高血压<td>65</tr>"
        "<tr><td colspan=4>合计<td>500</tr></table>"
    )
    assert _masked(tmp_path, page, policy, "名单.html")[1] == (
        '<table><colgroup><col><col span="2"><col></colgroup>'
        "<tr><th colspan=4>某镇名单</tr>"
        "<tr><th rowspan=2>姓名<th rowspan=2>身份证号<th colspan='1'>家庭情况<th rowspan=2>金额</tr>"
        "<tr><th>年龄</tr>"
        "<tr><td>张三<td>110105************<td>70-79岁<td>300</tr>"
        "<tr><td>李四<td>110105************<td>60-69岁<td rowspan=2>200</tr>"
        "<tr><td>王五<td>110105************<td>60-69岁</tr>"
        "<tr><td colspan=3>合计<td>500</tr></table>"
    )


def test_a_table_inside_a_cell_that_goes_is_refused(tmp_path: Path, policy: Policy) -> None:
    inner = "<table><tr><td>确诊<td>肺癌</table>"
    page = (
        "<table><tr><th>姓名<th>身份证号<th>病种<th>金额</tr>"
        f"<tr><td>张三<td>{CARD}<td>{inner}<td>300</tr><tr><td>李四<td>{OTHER}<td>胃癌<td>2</tr></table>"
    )
    report, _ = _masked(tmp_path, page, policy, "名单.html")
    assert (report.status, report.output) == ("refused", "")


def test_merged_cells_of_a_document(tmp_path: Path, policy: Policy) -> None:
    document = python_docx.Document()
    table = document.add_table(rows=4, cols=4)
    rows = [("姓名", "病种", "年龄", "金额"), ("张三", "肺癌", "72", "3"), ("李四", "", "65", "2")]
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            table.cell(at, column).text = value
    table.cell(1, 1).merge(table.cell(2, 1))
    table.cell(3, 0).merge(table.cell(3, 2)).text = "合计"
    table.cell(3, 3).text = "5"
    source, target = tmp_path / "名单.docx", tmp_path / "out.docx"
    document.save(str(source))
    assert mask_file(source, target, policy=policy).status == "publish"
    (table,) = python_docx.Document(str(target)).tables
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["姓名", "年龄", "金额"],
        ["张三", "70-79岁", "3"],
        ["李四", "60-69岁", "2"],
        ["合计", "合计", "5"],
    ]
    assert len(table.columns) == 3


WEAK = """临澧县2026年低保名单,,,
姓名,身份证号,年龄,金额
张三,430724********1234,30,300
李四,430724199001011234,40,200
王五,430724********1235,,100
"""


def test_a_weak_row_gets_a_stronger_mask_and_is_graded_again(tmp_path: Path) -> None:
    report, out = _masked(tmp_path, WEAK, load_policy())
    assert out.splitlines()[2:] == [
        "张三,430724************,30,300",
        "李四,430724************,40,200",
        "王五,430724********1235,,100",
    ]
    assert report.strength == {"A": 2, "B": 1, "C": 0, "D": 0}


def test_a_weak_line_of_text_gets_a_stronger_mask(tmp_path: Path) -> None:
    text = "名单\n" + WEAK.partition("\n")[2].replace(",,", ",50,").replace(",", "\t")
    out = _masked(tmp_path, text, load_policy(), "名单.txt")[1]
    assert "张三\t430724************\t30" in out


@pytest.mark.parametrize(("step", "shown"), [("generalise", "30-39岁"), ("drop", "")])
def test_the_policy_says_how_a_weak_row_is_mended(tmp_path: Path, step: str, shown: str) -> None:
    policy = _policy(
        tmp_path, f"remedy: [{step}]\nthresholds: {{good: 100, fair: 50, block: 10}}\n"
    )
    report, out = _masked(tmp_path, WEAK, policy)
    assert out.splitlines()[2] == ",".join(
        ["张三", "430724********1234", *filter(None, [shown]), "300"]
    )
    assert report.strength["C"] == report.strength["D"] == 0


def test_a_row_that_gives_a_person_away_is_refused_with_its_place(tmp_path: Path) -> None:
    text = "姓名,身份证号,出生日期\n张三,430724********1234,1990-01-01\n李四,430724199001011234,\n"
    report, out = _masked(tmp_path, text, load_policy())
    assert (report.status, out) == ("refused", "")
    assert "推出证件号" in report.message
    assert [item.place for item in report.left] == ["R1C1"]
    assert report.strength["D"] == 1


def test_a_note_beside_a_number_is_no_part_of_it(tmp_path: Path) -> None:
    text = f"姓名,身份证号\n张三,{CARD}（有效期至2035.01.01）\n"
    report, _ = _masked(tmp_path, text, load_policy())
    assert (report.status, report.strength["A"]) == ("publish", 1)


def test_the_matter_tells_days_and_asks_about_the_title(tmp_path: Path) -> None:
    text = f"某县2026年6月城乡低保名单\n姓名,身份证号,病种\n张三,{CARD},肺癌\n"
    report, out = _masked(tmp_path, text, load_policy("dibao_confirm"))
    assert out.splitlines()[1] == "姓名,身份证号"
    assert (report.status, report.due[:5]) == ("publish", "2026年")
    assert report.retention
    report, _ = _masked(tmp_path, text, load_policy("tekun"))
    assert any("请确认 --policy" in item.message for item in report.items)


def test_a_list_that_is_never_published_is_asked_about(tmp_path: Path) -> None:
    text = f"某县2026年6月孤儿基本生活费名单\n姓名,身份证号\n张三,{CARD}\n"
    report, _ = _masked(tmp_path, text, load_policy())
    assert report.status == "look"
    assert any("--policy orphan" in item.message for item in report.items)
    report, out = _masked(tmp_path, text, load_policy("orphan"))
    assert (report.status, out) == ("refused", "")


def test_student_aid_keeps_six_columns(tmp_path: Path) -> None:
    head = "序号,姓名,身份证号,学校,院系,年级,专业,班级,家庭住址,联系电话,金额,备注"
    row = f"1,张三丰,{CARD},第一中学,理科,三年级,数学,一班,红星村3组,13800138000,500,建档立卡"
    text = f"2026年助学金受助学生名单\n{head}\n{row}\n"
    _, out = _masked(tmp_path, text, load_policy("edu_aid"))
    assert out.splitlines()[1:] == [
        "姓名,学校,院系,年级,专业,班级",
        "张三丰,第一中学,理科,三年级,数学,一班",
    ]


def test_minors_are_masked_and_listed(tmp_path: Path) -> None:
    text = (
        f"某县低保名单\n户主姓名,身份证号,村,金额\n张三丰,{CARD},红星村,300\n"
        "李小四,431026201601011234,红星村,200\n"
    )
    report, out = _masked(tmp_path, text, load_policy("dibao_confirm"))
    assert out.splitlines()[2:] == [
        "张三丰,110105************,红星村,300",
        "李**,431026************,红星村,200",
    ]
    assert [(item.place, item.message[:4]) for item in report.items] == [("R3C0", "未成年人")]


def test_namesakes_of_one_village_are_listed(tmp_path: Path) -> None:
    rows = [f"张三,{CARD},红星村,300", f"张三,{OTHER},红星村,200", f"张三,{OTHER},红旗村,200"]
    text = "\n".join(["某县低保名单", "户主姓名,身份证号,村,金额", *rows, ""])
    report, _ = _masked(tmp_path, text, load_policy("dibao_confirm"))
    assert [item.place for item in report.items if "同名" in item.message] == ["R3C0"]


PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(["王小明", "李秀英", "欧阳娜", "买买提·艾力"]),
        st.sampled_from([OTHER, "430724195001011238", "430724********1235", ""]),
        st.sampled_from(["72", "八十", "", "不详", "３０岁"]),
        st.sampled_from(["肺癌", "", "高血压，糖尿病"]),
        st.sampled_from(["患肺癌", "车祸", ""]),
        st.sampled_from(["石桥村3组", "合口镇红旗村", ""]),
        st.sampled_from(["100", "2000.50", ""]),
    ),
    max_size=8,
)
PERSON = ("张三丰", CARD, "72", "肺癌", "患肺癌住院", "石桥村3组12号")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=PEOPLE, after=PEOPLE, month=st.integers(1, 12), amount=st.sampled_from(["300", "1.5"])
)
@pytest.mark.parametrize("name", ["general", "dibao_review", "tekun"])
def test_a_person_is_masked_alike_in_every_list(
    tmp_path: Path, name: str, before: list[tuple[str, ...]], after: list[tuple[str, ...]],
    month: int, amount: str,
) -> None:  # fmt: skip
    def masked(rows: list[tuple[str, ...]], title: str) -> list[str]:
        head = "姓名,身份证号,年龄,病种,致困原因,家庭住址,金额"
        text = "\n".join([title, head, *map(",".join, rows), ""])
        out = _masked(tmp_path, text, load_policy(name))[1]
        return [row for row in out.splitlines() if row.startswith("张三丰")]

    alone = masked([(*PERSON, amount)], "某县2026年1月低保名单")
    among = masked([*before, (*PERSON, amount), *after], f"某县2026年{month}月低保名单")
    assert len(alone) == 1
    assert among == alone


def test_footers_in_a_column_that_goes_stay(tmp_path: Path, policy: Policy) -> None:
    text = (
        f"病种,姓名,身份证号,金额\n肺癌,张三,{CARD},300\n高血压,李四,{OTHER},200\n"
        "制表人：王主任,审核人：李科长,2026年6月1日,\n注：本表公示7天,,,\n"
    )
    report, out = _masked(tmp_path, text, policy)
    assert report.status == "publish"
    assert out.splitlines()[3:] == [
        "制表人：王主任,审核人：李科长,2026年6月1日",
        "注：本表公示7天,,",
    ]


def test_fields_of_paragraphs_are_starred(tmp_path: Path, policy: Policy) -> None:
    document = python_docx.Document()
    for row in (
        ("姓名", "病种", "年龄"),
        ("张三", "肺癌", "72"),
        ("李四", "胃癌", "65"),
        ("王五", "胃癌", "80"),
    ):
        document.add_paragraph("\t".join(row))
    source, target = tmp_path / "名单.docx", tmp_path / "out.docx"
    document.save(str(source))
    assert mask_file(source, target, policy=policy).status == "publish"
    lines = [paragraph.text for paragraph in python_docx.Document(str(target)).paragraphs]
    assert lines[:2] == ["姓名\t***\t年龄", "张三\t***\t70-79岁"]


def test_a_column_without_a_header_is_asked_about(tmp_path: Path, policy: Policy) -> None:
    text = f"张三,{CARD},肺癌\n李四,{OTHER},高血压\n王五,{OTHER},胃癌\n"
    report, _ = _masked(tmp_path, text, policy)
    assert any("没有表头" in item.message for item in report.items)


def test_a_form_gets_the_rule_of_each_box(tmp_path: Path, policy: Policy) -> None:
    page = (
        "<table><tr><td>姓名</td><td>张三</td><td>年龄</td><td>72</td></tr>"
        f"<tr><td>身份证号</td><td>{CARD}</td><td>病种</td><td>肺癌</td></tr></table>"
    )
    out = _masked(tmp_path, page, policy, "表.html")[1]
    assert "<td>病种</td><td>***</td>" in out
    assert "<td>年龄</td><td>70-79岁</td>" in out


def test_two_blocks_of_a_sheet(tmp_path: Path, policy: Policy) -> None:
    book = openpyxl.Workbook()
    for row in (
        ["姓名", "身份证号", "病种", "金额"], ["张三", CARD, "肺癌", 300], [],
        ["姓名", "身份证号", "金额", "村"], ["王五", CARD, 500, "红星村"],
    ):  # fmt: skip
        book.active.append(row)
    source, target = tmp_path / "名单.xlsx", tmp_path / "out.xlsx"
    book.save(source)
    assert mask_file(source, target, policy=policy).status == "publish"
    rows = list(openpyxl.load_workbook(target).active.iter_rows(values_only=True))
    assert rows[1] == ("张三", "110105************", "", 300)
    assert rows[4] == ("王五", "110105************", 500, "红星村")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_encodings(tmp_path: Path, policy: Policy, encoding: str) -> None:
    source, target = tmp_path / "名单.csv", tmp_path / "out.csv"
    source.write_bytes('姓名,病种,金额\r\n张三,"肺癌，\n尿毒症",300\r\n'.encode(encoding))
    assert mask_file(source, target, policy=policy).status == "publish"
    assert target.read_bytes() == "姓名,金额\r\n张三,300\r\n".encode(encoding)


def test_what_goes_is_not_told_again_in_the_remark(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "fields: {guardian_name: drop, payee_name: drop, disease: drop}\n")
    text = (
        "姓名,监护人姓名,户名,病种,备注\n"
        "张三丰,王小明,张三丰,肺癌、高血压,监护人王小明代领张三丰的补助，有高血压\n"
    )
    assert _masked(tmp_path, text, policy)[1] == (
        "姓名,备注\n张三丰,监护人***代领张三丰的补助，有***\n"
    )


def test_a_whitelist_hides_labelled_values(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "only: [name, school]\nfields: {name: keep}\n")
    text = "申请人：张三 年龄：72 病种：肺癌 学校：一中\n监督电话：0371-12345678\n"
    out = mask_stream(text, policy=policy)
    assert out == "申请人：张三 年龄：*** 病种：*** 学校：一中\n监督电话：0371-12345678\n"


def test_scanning_does_not_take_anything_out(tmp_path: Path, policy: Policy) -> None:
    source = tmp_path / "名单.csv"
    source.write_text("病种,联系电话\n肺癌,13800138000\n", "utf-8")
    report, found = scan_file(source, policy=policy)
    assert report.status == "refused"
    assert [item.entity for item in found if item.entity == "CN_MOBILE"] == ["CN_MOBILE"]


def test_the_command_refuses_and_lets_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "孤儿名单.csv", tmp_path / "out"
    source.write_text(f"姓名,身份证号\n张三,{CARD}\n", "utf-8")
    assert run(["mask", str(source), "-o", str(out), "--policy", "orphan"]) == 1
    assert "孤儿名单不公示" in capsys.readouterr().out
    assert not (out / source.name).exists()
    arguments = ["mask", str(source), "-o", str(out), "--policy", "orphan", "--overwrite"]
    assert run([*arguments, "--override", "县政府会议纪要要求"]) == 3
    assert (out / source.name).exists()
    assert "县政府会议纪要要求" in (out / "deid-report.json").read_text("utf-8")


def test_channel_and_level_choose_how_far_an_address_goes(tmp_path: Path) -> None:
    source = tmp_path / "名单.csv"
    source.write_text("姓名,家庭住址\n张三,合口镇石桥村3组12号\n", "utf-8")
    shown = []
    for channel, level in (("web", "county"), ("board", "village")):
        out = tmp_path / channel
        run(["mask", str(source), "-o", str(out), "--policy", "dibao_review",
             "--channel", channel, "--level", level])  # fmt: skip
        shown.append((out / source.name).read_text("utf-8").splitlines()[1])
    assert shown[0] != shown[1]
    assert all("12号" not in row for row in shown)


def test_several_lists_in_one_text(tmp_path: Path, policy: Policy) -> None:
    text = (
        "红星村|||\n姓名|身份证号|手机号|金额\n"
        f"张三|{CARD}|13800138000|300\n李四|{OTHER}|13800138001|200\n王五|{OTHER}|13800138001|200\n"
        "红旗村|||\n姓名|手机号|金额|身份证号\n"
        f"张三|13800138000|300|{CARD}\n李四|13800138001|200|{OTHER}\n王五|13800138001|200|{OTHER}\n"
    )
    report, out = _masked(tmp_path, text, policy, "名单.txt")
    assert report.status == "publish"
    assert out.splitlines()[2] == "张三|110105************|***|300"
    assert out.splitlines()[7] == "张三|***|300|110105************"


def test_a_list_pasted_cell_by_cell(tmp_path: Path, policy: Policy) -> None:
    cells = [
        "姓名",
        "身份证号",
        "病种",
        "金额",
        "张三",
        CARD,
        "肺癌",
        "300",
        "李四",
        OTHER,
        "胃癌",
        "2",
    ]
    page = "".join(f"<p>{cell}</p>" for cell in ["某镇名单", *cells])
    report, out = _masked(tmp_path, page, policy, "名单.html")
    assert (report.status, report.dropped) == ("publish", ("病种",))
    assert out.startswith("<p>某镇名单</p><p>姓名</p><p>身份证号</p><p></p><p>金额</p><p>张三</p>")
    assert "癌" not in out


def test_numbers_of_a_column_that_goes_are_not_graded(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "fields: {id_number: drop}\n")
    text = f"姓名\t身份证号\t金额\n张三\t{CARD}\t300\n李四\t{OTHER}\t200\n王五\t{OTHER}\t200\n"
    report, out = _masked(tmp_path, text, policy, "名单.txt")
    assert (report.status, out.splitlines()[1]) == ("publish", "张三\t300")
    assert not report.strength


def test_a_policy_may_keep_the_names_of_minors(tmp_path: Path) -> None:
    text = "姓名,身份证号,学校\n李小四,431026201601011234,一中\n"
    for minors, name in (("mask", "李**"), ("keep", "李小四")):
        out = _masked(tmp_path, text, _policy(tmp_path / minors, f"minors: {minors}\n"))[1]
        assert out.splitlines()[1] == f"{name},431026************,一中"


def test_what_is_not_for_the_web_may_go_on_the_board(tmp_path: Path) -> None:
    source = tmp_path / "失业保险金名单.csv"
    source.write_text(f"姓名,身份证号,金额\n张三丰,{CARD},300\n", "utf-8")
    for channel, written in (("web", False), ("board", True)):
        target = tmp_path / channel / source.name
        mask_file(source, target, policy=load_policy("unemployment", channel=channel))
        assert target.exists() == written


def test_labels_of_the_publisher_stay(tmp_path: Path) -> None:
    text = (
        "填报单位：某镇民政办　单位：元\n附件：名单\n说明：公示7天\n"
        "银行：农商行\n学校：第一中学\n病种：肺癌\n"
    )
    out = mask_stream(text, policy=load_policy("dibao_review"))
    assert out == text.replace("肺癌", "***")
