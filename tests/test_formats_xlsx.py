from __future__ import annotations

import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats import xlsx, xlsx_values
from deid.model import Edit, Table, Text

FIXTURES = Path(__file__).parent / "fixtures"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
NUMBER = re.compile(r"\d{10,18}[\dX]")


def package(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def unpacked(data: bytes) -> dict[str, str | bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def parts_of(sheet: str, strings: str | None = None, **more: str | bytes) -> dict[str, str | bytes]:
    """The smallest workbook: one sheet, perhaps shared strings."""
    links = f'<Relationship Id="rId1" Type="{RELS}/worksheet" Target="worksheets/sheet1.xml"/>'
    if strings is not None:
        links += f'<Relationship Id="rId2" Type="{RELS}/sharedStrings" Target="sharedStrings.xml"/>'
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE_RELS}"><Relationship Id="rId1" '
        f'Type="{RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELS}"><sheets>'
        '<sheet name="名单" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE_RELS}">{links}</Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
    }
    if strings is not None:
        override = '<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
        types = str(parts["[Content_Types].xml"])
        parts["[Content_Types].xml"] = types.replace("</Types>", f"{override}</Types>")
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{strings}</sst>'
    return parts | more


def sheet_xml(rows: str, before: str = "", after: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'


def opened(data: bytes) -> xlsx.Workbook:
    return xlsx.Workbook(io.BytesIO(data))


def workbook(rows: str, strings: str | None = None, **more: str | bytes) -> xlsx.Workbook:
    return opened(package(parts_of(sheet_xml(rows), strings, **more)))


def contents(document: xlsx.Workbook) -> dict[str, str]:
    """Every place and what stands there."""
    out: dict[str, str] = {}
    for part in document.parts:
        if isinstance(part, Text):
            assert part.place not in out
            out[part.place] = part.text
        else:
            for row in part.rows():
                out |= {part.place(row.index, column): text for column, text in row.cells.items()}
    return out


def replacing(document: xlsx.Workbook, pattern: re.Pattern[str] = NUMBER) -> dict[str, list[Edit]]:
    """Edits that hide every match but its first three characters."""
    edits: dict[str, list[Edit]] = {}
    for place, text in contents(document).items():
        found = [
            Edit(place, hit.start() + 3, hit.end(), "*" * (hit.end() - hit.start() - 3))
            for hit in pattern.finditer(text)
        ]
        if found:
            edits[place] = found
    return edits


def saved(document: xlsx.Workbook, edits: Mapping[str, Sequence[Edit]]) -> bytes:
    target = io.BytesIO()
    document.save(target, edits)
    return target.getvalue()


def part(data: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()


def whole(place: str, text: str, new: str) -> dict[str, list[Edit]]:
    return {place: [Edit(place, 0, len(text), new)]}


# --- planted values ----------------------------------------------------------------------------------


def planted() -> list[dict[str, str]]:
    entries: list[dict[str, str]] = json.loads((FIXTURES / "planted.xlsx.json").read_text())
    return entries


def folded(text: str) -> str:
    return re.sub(r"[\s\u00a0\u200b-]", "", unicodedata.normalize("NFKC", text))


def test_every_planted_value_is_shown() -> None:
    document = xlsx.read(FIXTURES / "planted.xlsx")
    seen = [folded(text) for text in contents(document).values()]
    for part_ in document.parts:
        if isinstance(part_, Table):
            seen += ["".join(row.cells.values()) for row in part_.rows()]
    out = saved(document, {})
    kept = [data.decode("latin-1") for _, data in opened(out).raw()]
    for entry in planted():
        value = entry["value"]
        if entry["note"] == "pixels" or "keeps 15 digits" in entry["place"]:
            continue
        shown = any(value in text for text in seen)
        dropped = "EXIF" in entry["place"] or "DataMashup" in entry["place"]
        assert shown or dropped, entry["place"]
        assert not dropped or not any(value in text for text in kept), entry["place"]
    document.close()


def test_no_planted_value_survives_its_edit() -> None:
    document = xlsx.read(FIXTURES / "planted.xlsx")
    spaced = re.compile(r"(?:\d[\s\u00a0\u200b]*){10,18}[\dX]")
    out = saved(document, replacing(document, spaced))
    again = opened(out)
    left = replacing(again, spaced)
    assert set(left) == {"xl/charts/chart1.xml#v38"}  # a chart's number stays a number: zeros
    raw = [data for _, data in again.raw()]
    for entry in planted():
        if entry["note"] != "pixels" and "18 boxes" not in entry["place"]:
            for codec in ("utf-8", "utf-16-le"):
                assert not any(entry["value"].encode(codec) in data for data in raw), entry["place"]
    document.close()


def test_places_hold_no_identifier() -> None:
    document = xlsx.read(FIXTURES / "planted.xlsx")
    assert not [place for place in contents(document) if re.search(r"\d{7}", place.split("!")[0])]
    assert not [
        table.name
        for table in document.parts
        if isinstance(table, Table) and NUMBER.search(table.name)
    ]
    document.close()


# --- reading -----------------------------------------------------------------------------------------


def test_cells_of_every_kind() -> None:
    document = workbook(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><v>4.12E+17</v></c><c r="C1"><v>13800000000</v></c>'
        '<c r="D1" t="b"><v>1</v></c><c r="E1" t="e"><v>#N/A</v></c><c r="F1" t="str"><f>A1</f><v>a&amp;b</v></c>'
        '<c r="G1" t="inlineStr"><is><r><t>12</t></r><r><t>34</t></r></is></c><c r="H1"/>'
        '<c r="I1"><v>0.30000000000000004</v></c><c r="J1" t="d"><v>2024-05-01</v></c></row>'
        '<row><c t="inlineStr"><is><t>no place</t></is></c><c><v>5</v></c></row>',
        "<si><t>_x0033__x0031_ok</t></si>",
    )
    (table,) = [p for p in document.parts if isinstance(p, Table)]
    first, second = table.rows()
    assert first.cells == {
        0: "31ok",
        1: "412000000000000000",
        2: "13800000000",
        3: "TRUE",
        4: "#N/A",
        5: "a&b",
        6: "1234",
        8: "0.3",
        9: "2024-05-01",
    }
    assert first.numbers == {1, 2, 8}
    assert first.dates == {9}
    assert second.cells == {0: "no place", 1: "5"}
    assert (second.index, table.place(1, 1)) == (1, "名单!B2")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("5", "5"),
        ("-0", "0"),
        ("0.10", "0.1"),
        ("1.5E-3", "0.0015"),
        ("12345678901234567", "12345678901234567"),
        ("13912345678.0", "13912345678"),
        ("1.1010119900307123312", "1.1010119900307123312"),
        ("1E+300", "1E+300"),
        ("not a number", "not a number"),
        ("INF", "INF"),
    ],
)
def test_numbers_are_spelled_out(raw: str, shown: str) -> None:
    assert xlsx_values.plain_number(raw) == shown


@pytest.mark.parametrize(
    ("style", "value", "shown"),
    [
        ("yyyy-mm-dd", "45413", "2024-05-01"),
        ('yyyy"年"m"月"d"日"', "45413.5", "2024-05-01 12:00:00"),
        ("h:mm", "0.25", "06:00:00"),
        ("[$-804]yyyy/m/d", "1", "1900-01-01"),
        ("[h]:mm", "45413", "45413"),
        ('"d"0', "45413", "45413"),
        ("General", "45413", "45413"),
        ("yyyy-mm-dd", "13800000000", "13800000000"),
    ],
)
def test_dates(style: str, value: str, shown: str) -> None:
    code = style.replace('"', "&quot;")
    styles = (
        f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="170" formatCode="{code}"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs></styleSheet>'
    )
    parts = parts_of(sheet_xml(f'<row r="1"><c r="A1" s="1"><v>{value}</v></c></row>'))
    rels = str(parts["xl/_rels/workbook.xml.rels"])
    link = f'<Relationship Id="rId9" Type="{RELS}/styles" Target="/xl/styles.xml"/></Relationships>'
    parts["xl/_rels/workbook.xml.rels"] = rels.replace("</Relationships>", link)
    parts["xl/styles.xml"] = styles
    assert contents(opened(package(parts)))["名单!A1"] == shown


def test_1904_dates_and_strict_names(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = datetime(1904, 1, 1)
    assert book.active is not None
    book.active["A1"] = date(2024, 5, 1)
    path = tmp_path / "a.xlsx"
    book.save(path)
    document = xlsx.read(path)
    assert contents(document)["Sheet!A1"] == "2024-05-01"
    document.close()


def test_far_corner_costs_two_cells() -> None:
    document = workbook(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>b</t></is></c></row>'
    )
    assert contents(document)["名单!XFD1048576"] == "b"


def test_a_million_rows_stream() -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 60_000))
    rows += "".join(f'<row r="{n}"/>' for n in range(60_000, 1_048_577))
    (table,) = [p for p in workbook(rows).parts if isinstance(p, Table)]
    assert sum(1 for _ in table.rows()) == 59_999
    assert next(iter(table.rows())).cells == {0: "1"}


def prefixed(xml: str) -> str:
    return re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1x:", xml).replace(
        f'xmlns="{MAIN}"', f'xmlns:x="{MAIN}"'
    )


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("change", [str, prefixed], ids=["default", "prefixed"])
def test_prefixes_and_encodings(codec: str, change: Callable[[str], str]) -> None:
    sheet = change(
        sheet_xml('<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><v>13912345678</v></c></row>')
    )
    parts = parts_of("", "")
    parts["xl/worksheets/sheet1.xml"] = sheet.encode(codec)
    strings = change(f'<sst xmlns="{MAIN}"><si><t>证件110101199003071233号</t></si></sst>')
    parts["xl/sharedStrings.xml"] = strings.encode(codec)
    document = opened(package(parts))
    assert contents(document)["名单!A1"] == "证件110101199003071233号"
    out = saved(document, replacing(document))
    cells = openpyxl.load_workbook(io.BytesIO(out))["名单"]
    assert cells["A1"].value == "证件110***************号"
    assert cells["B1"].value == "139********"


@pytest.mark.parametrize("dialect", ["backslash", "upper", "absolute", "strict"])
def test_dialects_of_exporters(dialect: str) -> None:
    parts = parts_of(sheet_xml('<row r="1"><c r="A1"><v>13912345678</v></c></row>'))
    if dialect == "backslash":
        parts = {name.replace("/", "\\"): data for name, data in parts.items()}
    elif dialect == "upper":
        parts = {name.upper() if "sheet1" in name else name: data for name, data in parts.items()}
    elif dialect == "absolute":
        name = "xl/_rels/workbook.xml.rels"
        parts[name] = str(parts[name]).replace('Target="', 'Target="/xl/')
    else:
        strict = "http://purl.oclc.org/ooxml/officeDocument/relationships"
        parts = {name: str(data).replace(RELS, strict) for name, data in parts.items()}
    document = opened(package(parts))
    assert contents(document)["名单!A1"] == "13912345678"
    assert contents(opened(saved(document, replacing(document))))["名单!A1"] == "139********"


# --- editing -----------------------------------------------------------------------------------------


def test_a_shared_string_is_edited_per_use() -> None:
    strings = "<si><r><rPr><b/></rPr><t>139123</t></r><r><t>45678</t></r></si>"
    document = workbook(
        '<row r="1"><c r="A1" t="s" s="0"><v>0</v></c><c r="B1" t="s"><v>0</v></c></row>', strings
    )
    out = saved(document, {"名单!B1": [Edit("名单!B1", 3, 11, "********")]})
    assert part(out, "xl/sharedStrings.xml") == f'<sst xmlns="{MAIN}">{strings}</sst>'
    sheet = part(out, "xl/worksheets/sheet1.xml")
    assert '<c r="A1" t="s" s="0"><v>0</v></c>' in sheet
    rich = "<is><r><rPr><b/></rPr><t>139***</t></r><r><t>*****</t></r></is>"
    assert f'<c r="B1" t="inlineStr">{rich}</c>' in sheet
    assert contents(opened(out))["名单!A1"] == "13912345678"


def test_a_shared_string_with_two_different_edits_leaves_no_original() -> None:
    document = workbook(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>0</v></c></row>',
        "<si><t>13912345678</t></si>",
    )
    edits = {"名单!A1": [Edit("", 3, 11, "*")], "名单!B1": [Edit("", 0, 11, "#")]}
    out = saved(document, edits)
    assert {k: v for k, v in contents(opened(out)).items() if "!" in k} == {
        "名单!A1": "139*",
        "名单!B1": "#",
    }
    assert b"13912345678" not in b"".join(data for _, data in opened(out).raw())


def test_all_uses_edited_alike_change_the_string_only() -> None:
    document = workbook(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>0</v></c></row>',
        '<si><t xml:space="preserve">&#x41;13912345678&amp; </t></si>',
    )
    edits = {place: [Edit(place, 4, 12, "********")] for place in ("名单!A1", "名单!B1")}
    out = saved(document, edits)
    assert '<t xml:space="preserve">&#x41;139********&amp; </t>' in part(
        out, "xl/sharedStrings.xml"
    )


def test_orphan_and_phonetic_strings() -> None:
    document = workbook(
        '<row r="1"><c r="A1" t="s"><v>1</v></c></row>',
        '<si><t>13912345678</t></si><si><t>王</t><rPh sb="0" eb="1"><t>13912345679</t></rPh></si>',
    )
    texts = contents(document)
    assert texts["xl/sharedStrings.xml#si0"] == "13912345678"
    assert texts["xl/sharedStrings.xml#si1.rPh"] == "13912345679"
    assert texts["名单!A1"] == "王"
    out = saved(document, replacing(document))
    assert not NUMBER.search(part(out, "xl/sharedStrings.xml"))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("1391234&#53;678", "13912345678"),
        ("139_x0031_2345678", "13912345678"),
        ("<![CDATA[139<12345678]]>", "139<12345678"),
        ("139<!-- x -->12345678", "13912345678"),
        ("&lt;139&#x31;2345678&gt;", "<13912345678>"),
        ("139&#10;12345678", "139\n12345678"),
        ("_x005F_x0031_39123456", "_x0031_39123456"),
    ],
)
def test_escapes_map_to_the_raw_text(raw: str, text: str) -> None:
    document = workbook(
        f'<row r="1"><c r="A1" t="inlineStr"><is><t>{raw}</t></is></c><c r="B1" t="s"><v>0</v></c></row>',
        f"<si><t>{raw}</t></si>",
    )
    assert contents(document)["名单!A1"] == contents(document)["名单!B1"] == text
    edits = {place: [Edit(place, 4, 7, "*<&")] for place in ("名单!A1", "名单!B1")}
    after = contents(opened(saved(document, edits)))
    assert after["名单!A1"] == after["名单!B1"] == f"{text[:4]}*<&{text[7:]}"


def test_a_formula_cell_becomes_text_and_leaves_the_calculation_chain() -> None:
    parts = parts_of(
        sheet_xml('<row r="1"><c r="A1" s="0" t="str" cm="1"><f>B1</f><v>13912345678</v></c></row>')
    )
    parts["xl/calcChain.xml"] = f'<calcChain xmlns="{MAIN}"><c r="A1" i="1"/></calcChain>'
    rels = str(parts["xl/_rels/workbook.xml.rels"])
    link = f'<Relationship Id="rId9" Type="{RELS}/calcChain" Target="calcChain.xml"/>'
    parts["xl/_rels/workbook.xml.rels"] = rels.replace(
        "</Relationships>", f"{link}</Relationships>"
    )
    types = str(parts["[Content_Types].xml"])
    override = '<Override PartName="/xl/calcChain.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml"/>'
    parts["[Content_Types].xml"] = types.replace("</Types>", f"{override}</Types>")
    document = opened(package(parts))
    out = saved(document, replacing(document))
    assert '<c r="A1" s="0" t="inlineStr"><is><t>139********</t></is></c>' in part(
        out, "xl/worksheets/sheet1.xml"
    )
    assert part(out, "xl/_rels/workbook.xml.rels") == rels
    assert part(out, "[Content_Types].xml") == types
    with zipfile.ZipFile(io.BytesIO(out)) as archive:
        assert "xl/calcChain.xml" not in archive.namelist()


SHARED_FORMULA = "".join(
    f'<row r="{n}"><c r="A{n}" t="str">'
    + (
        '<f t="shared" ref="A1:A3" si="0">B1&amp;$C$1&amp;"B1"&amp;D$1</f>'
        if n == 1
        else '<f t="shared" si="0"/>'
    )
    + f"<v>1391234567{n}</v></c></row>"
    for n in (1, 2, 3)
)


def test_a_shared_formula_gets_a_new_master() -> None:
    document = workbook(SHARED_FORMULA)
    out = saved(document, whole("名单!A1", "13912345671", "*"))
    cells = openpyxl.load_workbook(io.BytesIO(out))["名单"]
    assert cells["A1"].value == "*"
    assert cells["A2"].value == '=B2&$C$1&"B1"&D$1'
    assert cells["A3"].value == '=B3&$C$1&"B1"&D$1'
    assert contents(opened(out))["名单!A2"] == "13912345672"


def test_an_array_formula_ends_when_one_of_its_cells_changes() -> None:
    document = workbook(
        '<row r="1"><c r="A1"><f t="array" ref="A1:A2">B1:B2</f><v>1</v></c></row>'
        '<row r="2"><c r="A2"><v>13912345678</v></c></row>'
    )
    sheet = part(saved(document, replacing(document)), "xl/worksheets/sheet1.xml")
    assert "<f" not in sheet
    assert '<c r="A1"><v>1</v></c>' in sheet


def test_formula_literals_are_texts() -> None:
    document = workbook(
        '<row r="1"><c r="A1"><f>COUNTIF(B:B,"13912345678")</f><v>1</v></c><c r="B1"><f>A1+1</f><v>2</v></c></row>'
    )
    place = "名单!A1#formula"
    assert contents(document)[place] == 'COUNTIF(B:B,"13912345678")'
    assert "名单!B1#formula" not in contents(document)
    cells = openpyxl.load_workbook(io.BytesIO(saved(document, replacing(document))))["名单"]
    assert cells["A1"].value == '=COUNTIF(B:B,"139●●●●●●●●")'


def test_a_sheet_name_changes_everywhere() -> None:
    name = "表13912345678"
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = name
    other = book.create_sheet("汇总")
    other["A1"] = f"='{name}'!A1+COUNTIF({name}!B:B,\"{name}!x\")"
    other["A2"].hyperlink = f"#'{name}'!A1"
    book.defined_names["d"] = DefinedName("d", attr_text=f"'{name}'!$A$1")
    source = io.BytesIO()
    book.save(source)
    parts = unpacked(source.getvalue())
    parts["docProps/app.xml"] = (
        '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties">'
        f"<TitlesOfParts><lpstr>{name}</lpstr><lpstr>'{name}'!Print_Area</lpstr></TitlesOfParts></Properties>"
    )
    document = opened(package(parts))
    out = saved(document, replacing(document))
    assert not [n for n, data in opened(out).raw() if b"13912345678" in data]
    new = "表139●●●●●●●●"
    again = openpyxl.load_workbook(io.BytesIO(out))
    assert again.sheetnames == [new, "汇总"]
    assert again["汇总"]["A1"].value == f"='{new}'!A1+COUNTIF('{new}'!B:B,\"{new}!x\")"
    assert again.defined_names["d"].attr_text == f"'{new}'!$A$1"
    app = part(out, "docProps/app.xml")
    assert f"<lpstr>{new}</lpstr><lpstr>&apos;{new}&apos;!" in app.replace("'", "&apos;")


def test_sheet_names_stay_unique_and_short() -> None:
    parts = parts_of(sheet_xml(""))
    parts["xl/workbook.xml"] = str(parts["xl/workbook.xml"]).replace(
        "</sheets>", '<sheet name="名2" sheetId="2" r:id="rId3"/></sheets>'
    )
    parts["xl/_rels/workbook.xml.rels"] = str(parts["xl/_rels/workbook.xml.rels"]).replace(
        "</Relationships>",
        f'<Relationship Id="rId3" Type="{RELS}/worksheet" Target="worksheets/sheet2.xml"/></Relationships>',
    )
    parts["xl/worksheets/sheet2.xml"] = sheet_xml("")
    document = opened(package(parts))
    places = [p.place for p in document.parts if isinstance(p, Text) and "@name" in p.place]
    edits = {place: [Edit(place, 0, 2, "同" * 40)] for place in places}
    names = re.findall(r'name="([^"]*)"', part(saved(document, edits), "xl/workbook.xml"))
    assert len(set(names)) == 2
    assert all(len(name) <= 31 for name in names)


def test_comments_headers_and_merges(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = "标题"
    sheet.merge_cells("A1:C2")
    sheet["C5"] = CellRichText("a", TextBlock(InlineFont(b=True), "13912345678"))
    sheet["C5"].comment = Comment("电话13912345678", "张三")
    sheet.oddFooter.center.text = "联系13912345678"
    sheet.sheet_state = "visible"
    book.create_sheet("底册").sheet_state = "veryHidden"
    path = tmp_path / "a.xlsx"
    book.save(path)
    document = xlsx.read(path)
    tables = [p for p in document.parts if isinstance(p, Table)]
    assert [(t.name, t.hidden, t.merges) for t in tables] == [
        ("Sheet", False, ((0, 0, 1, 2),)),
        ("底册", True, ()),
    ]
    assert contents(document)["Sheet!C5#comment"] == "电话13912345678"
    out = saved(document, replacing(document))
    again = openpyxl.load_workbook(io.BytesIO(out), rich_text=True)["Sheet"]
    assert again["C5"].comment is not None
    assert again["C5"].comment.text == "电话139********"
    assert str(again["C5"].value) == "a139********"
    assert isinstance(again["C5"].value, CellRichText)
    assert again.oddFooter.center.text == "联系139********"
    document.close()


def test_an_edit_of_an_unknown_place_is_refused() -> None:
    document = workbook('<row r="1"><c r="A1"><v>5</v></c></row>')
    for place in ("名单!Z9", "别的!A1", "nowhere"):
        with pytest.raises(UnsafeEdit):
            saved(document, {place: [Edit(place, 0, 1, "*")]})


def test_embedded_workbooks_are_read_and_changed() -> None:
    inner = package(parts_of(sheet_xml('<row r="1"><c r="A1"><v>13912345678</v></c></row>')))
    document = workbook("", **{"xl/embeddings/a.xlsx": inner})
    assert contents(document)["xl/embeddings/a.xlsx/名单!A1"] == "13912345678"
    after = contents(opened(saved(document, replacing(document))))
    assert after["xl/embeddings/a.xlsx/名单!A1"] == "139********"


@pytest.mark.parametrize(
    "rows",
    [
        "<row><c r='A1' t='s'><v>0</v></c><c r='B1' t='s'><v>0</v></c></row>",
        '<row r="1"><c t="s"\n><v\n>0</v></c><c\tr="B1" t = "s" ><v> 0 </v></c ></row >',
        '<row r="1"><c r="A1" t="s"><v><![CDATA[0]]></v></c><c r="B1" t="s"><v>&#48;</v></c></row>',
        '<row r="1"><!-- c --><c r="A1" t="s"><f>B1</f><v>0</v></c><c r="b1" t="s"><v>0</v></c></row>',
    ],
    ids=["quotes", "spaces", "cdata", "formula"],
)
def test_unusual_spellings_of_cells(rows: str) -> None:
    document = workbook(rows, "<si><t>13912345678</t></si>")
    cells = {"名单!A1": "13912345678", "名单!B1": "13912345678"}
    assert contents(document) == {"xl/workbook.xml#sheet3@name": "名单"} | cells
    one = {"名单!B1": [Edit("", 3, 11, "********")]}
    assert (
        contents(opened(saved(document, one))).items()
        >= {"名单!A1": "13912345678", "名单!B1": "139********"}.items()
    )
    out = saved(document, replacing(document))
    assert not any(b"13912345678" in data for _, data in opened(out).raw())
    assert "<f" not in part(out, "xl/worksheets/sheet1.xml")


def test_rows_without_numbers_are_placed_by_their_cells() -> None:
    document = workbook(
        '<row><c r="A3"><f>"1391234567"</f><v>1</v></c></row><row><c><v>2</v></c></row>'
        '<row r="9"/><row><c r="A10"><v>3</v></c></row>'
    )
    assert contents(document).items() >= {"名单!A3": "1", "名单!A4": "2", "名单!A10": "3"}.items()
    assert "名单!A3#formula" in contents(document)


cell_raw = st.sampled_from(
    ["139", "号", "&amp;", "&#x31;", "_x0032_", "<![CDATA[<3]]>", "<!-- c -->", " ", "_", "5678"]
)
string_items = st.lists(cell_raw, max_size=4).map("".join)
items = st.one_of(
    string_items.map(lambda raw: f'<t xml:space="preserve">{raw}</t>'),
    st.lists(string_items, min_size=1, max_size=3).map(
        lambda runs: (
            "".join(f'<r><rPr><b/></rPr><t xml:space="preserve">{raw}</t></r>' for raw in runs)
            + '<rPh sb="0" eb="1"><t>ma</t></rPh>'
        )
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(items, min_size=1, max_size=3), st.data())
def test_every_use_gets_its_own_edit(strings: list[str], data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.integers(-1, len(strings) - 1), min_size=1, max_size=8))
    cells = [
        f"<c><is>{strings[0]}</is></c>".replace("<c>", '<c t="inlineStr">')
        if kind < 0
        else f'<c t="s"><v>{kind}</v></c>'
        for kind in kinds
    ]
    document = workbook(
        f'<row r="1">{"".join(cells)}</row>', "".join(f"<si>{i}</si>" for i in strings)
    )
    before = {p: t for p, t in contents(document).items() if p.startswith("名单!")}
    expected, edits = dict(before), {}
    for place, text in before.items():
        if "#" in place or not data.draw(st.booleans()):
            continue
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        new = data.draw(st.sampled_from(["", "*", "<&>", "***"]))
        edits[place] = [Edit(place, start, end, new)]
        expected[place] = text[:start] + new + text[end:]
    after = contents(opened(saved(document, edits)))
    plain = {p: t for p, t in after.items() if p.startswith("名单!") and "#" not in p}
    assert plain == {p: t for p, t in expected.items() if t and "#" not in p}


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sheet", "words"),
    [
        (sheet_xml('<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>'), "错乱"),
        (sheet_xml('<row r="2"/><row r="1"><c r="A1"><v>1</v></c></row>'), "错乱"),
        (sheet_xml('<row r="1"><c r="B2"><v>1</v></c></row>'), "错乱"),
        (sheet_xml('<row r="1"><c r="XFE1"><v>1</v></c></row>'), "错乱"),
        (sheet_xml('<row r="1"><c r="A1" t="s"><v>7</v></c></row>'), "字符串"),
        (sheet_xml('<row r="1">13912345678<c r="A1"><v>1</v></c></row>'), "无法识别"),
        (sheet_xml('<row r="1"><z>13912345678</z></row>'), "无法识别"),
        (sheet_xml('<row r="1" z="13912345678"/>'), "无法识别"),
        (sheet_xml('<row r="1" z="住在某村"/>'), "无法识别"),
        (sheet_xml('<row r="1"><!-- 13912345678 --></row>'), "无法识别"),
        (sheet_xml('<row r="1"><![CDATA[13912345678]]></row>'), "无法识别"),
        (sheet_xml('<row r="1"/>13912345678<row r="2"/>'), "无法识别"),
        (sheet_xml('<row r="1"><c r="A1">13912345678<v>1</v></c></row>'), "无法识别"),
        (sheet_xml('<c r="A1"><v>1</v></c>'), "错乱"),
        (sheet_xml('<row r="1"><c r="A1"><v>1</v></row>'), "有错误"),
        (sheet_xml("").replace("</worksheet>", ""), "有错误"),
        (f'<!DOCTYPE a [<!ENTITY b "c">]>{sheet_xml("")}', "DOCTYPE"),
        (f'<chartsheet xmlns="{MAIN}"/>', "无法识别"),
        ("", "有错误"),
        (f'<worksheet xmlns="{MAIN}"/>', "不完整"),
    ],
)
def test_faulty_sheets_are_refused(sheet: str, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        contents(opened(package(parts_of(sheet))))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("xl/vbaProject.bin", b"x", "宏"),
        ("xl/activeX/activeX1.xml", b"<a/>", "控件"),
        (
            "xl/embeddings/a.bin",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 20 + b"\xfe\xff",
            "OLE",
        ),
        ("xl/embeddings/a.bin", b"\0\0%PDF-1.4", "附件"),
        ("xl/embeddings/a.xlsx", b"PK\x03\x04broken", "损坏"),
        ("customXml/item1.xml", b"<a>", "有错误"),
        ("customXml/item1.xml", b"<!DOCTYPE a><a/>", "DOCTYPE"),
        ("customXml/item1.xml", '<?xml version="1.0" encoding="gbk"?><a/>'.encode("gbk"), "编码"),
    ],
)
def test_parts_that_cannot_be_checked_are_refused(name: str, data: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        workbook("", **{name: data})


def test_not_a_workbook() -> None:
    parts = parts_of(sheet_xml(""))
    parts["xl/workbook.xml"] = "<document/>"
    with pytest.raises(UnreadableFile, match="没有工作簿"):
        opened(package(parts))
    parts["_rels/.rels"] = "<Relationships/>"
    with pytest.raises(UnreadableFile, match="没有工作簿"):
        opened(package(parts))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="打不开"):
        xlsx.read(tmp_path / "none.xlsx")


# --- properties --------------------------------------------------------------------------------------

letters = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("0123456789&<>\"'_x\n"),
    max_size=12,
).filter(lambda text: not text.startswith("="))
values = st.one_of(letters, st.integers(-(10**14), 10**14), st.booleans(), st.none())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(values, max_size=5), max_size=6), st.data())
def test_edits_come_back_as_written(grid: list[list[object]], data: st.DataObject) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row, line in enumerate(grid, 1):
        for column, value in enumerate(line, 1):
            sheet.cell(row, column, value)  # type: ignore[arg-type]
    source = io.BytesIO()
    book.save(source)
    document = opened(source.getvalue())
    before = {
        place: text for place, text in contents(document).items() if place.startswith("Sheet!")
    }
    expected = dict(before)
    edits: dict[str, list[Edit]] = {}
    for place, text in before.items():
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        if data.draw(st.booleans()):
            new = data.draw(letters)
            edits[place] = [Edit(place, start, end, new)]
            expected[place] = text[:start] + new + text[end:]
    out = saved(document, edits)
    after = contents(opened(out))
    assert {p: t for p, t in after.items() if p.startswith("Sheet!")} == {
        p: t for p, t in expected.items() if t
    }
    again = openpyxl.load_workbook(io.BytesIO(out))["Sheet"]
    for place, text in expected.items():
        if place in edits and place.startswith("Sheet!"):
            assert (again[place.removeprefix("Sheet!")].value or "") == text


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(values, max_size=4), max_size=5))
def test_no_edits_change_nothing(grid: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in grid:
        sheet.append(line)
    source = io.BytesIO()
    book.save(source)
    out = saved(opened(source.getvalue()), {})
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(io.BytesIO(out)) as new:
        assert [(i.filename, i.date_time, i.compress_size) for i in old.infolist()] == [
            (i.filename, i.date_time, i.compress_size) for i in new.infolist()
        ]
        assert all(old.read(name) == new.read(name) for name in old.namelist())
