"""deid/formats/pdf.py: every place where a value stands in a PDF is read, changed, and nothing else is."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest

from deid import mask_file
from deid.errors import UnreadableFile, UnsafeEdit, UnsupportedFormat
from deid.formats import open_document
from deid.model import Edit, Table, Text

FIXTURES = Path(__file__).parent / "fixtures"
ID = "110105194912310023"  # the number of GB 11643-1999, annex A, with another sex


def test_planted_values_are_exposed_or_gone(tmp_path: Path) -> None:
    manifest = json.loads((FIXTURES / "planted.pdf.json").read_text(encoding="utf-8"))
    values = {one["value"]: one["note"] for one in manifest}
    document = open_document(FIXTURES / "planted.pdf")
    edits: dict[str, list[Edit]] = {}
    for place, text in cells(document.parts):
        found = [match for match in re.finditer(r"\d{17}[\dX]|1\d{10}", text) if match[0] in values]
        if found:
            edits[place] = [
                Edit(place, m.start() + 3, m.end(), "*" * (len(m[0]) - 3)) for m in found
            ]
    target = tmp_path / "out.pdf"
    with target.open("wb") as stream:
        document.save(stream, edits)
    output = open_document(target)
    held = [data for _, data in output.raw()]
    held += [data.decode(codec, "ignore").encode() for data in held for codec in ("utf-16-be",)]
    left = [value for value in values if any(value.encode() in data for data in held)]
    assert left == []
    assert any("图片" in remark.message and remark.look for remark in output.remarks)


def cells(parts: Sequence[Table | Text]) -> Iterator[tuple[str, str]]:
    """(place, text) of every cell and text."""
    for part in parts:
        if isinstance(part, Text):
            yield part.place, part.text
        else:
            for row in part.rows():
                for column, text in row.cells.items():
                    yield part.place(row.index, column), text


# -------------------------------------------------------------------------------- making test files


def font(pdf: pikepdf.Pdf, name: str = "/Helvetica") -> Any:
    """One of the fonts that every reader has."""
    return pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type1,
            BaseFont=pikepdf.Name(name),
            Encoding=pikepdf.Name.WinAnsiEncoding,
        )
    )


def han_font(pdf: pikepdf.Pdf, encoding: str = "/UniGB-UCS2-H") -> Any:
    """A Chinese font that is not in the file."""
    inner = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.CIDFontType0,
        BaseFont=pikepdf.Name("/STSong-Light"),
        CIDSystemInfo=pikepdf.Dictionary(Registry="Adobe", Ordering="GB1", Supplement=4),
        DW=1000,
        W=pikepdf.Array([814, 907, 500]),
        FontDescriptor=pikepdf.Dictionary(
            Type=pikepdf.Name.FontDescriptor,
            FontName=pikepdf.Name("/STSong-Light"),
            Flags=6,
            FontBBox=pikepdf.Array([-25, -254, 1000, 880]),
            ItalicAngle=0,
            Ascent=880,
            Descent=-120,
            CapHeight=880,
            StemV=93,
        ),
    )
    return pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type0,
            BaseFont=pikepdf.Name("/STSong-Light"),
            Encoding=pikepdf.Name(encoding),
            DescendantFonts=pikepdf.Array([inner]),
        )
    )


def new(*contents: str, encoding: str = "/UniGB-UCS2-H") -> pikepdf.Pdf:
    """A file with one page for each content; /F is Helvetica, /H Chinese, /V goes down."""
    pdf = pikepdf.new()
    fonts = pikepdf.Dictionary(
        F=font(pdf), H=han_font(pdf, encoding), V=han_font(pdf, "/UniGB-UCS2-V")
    )
    for content in contents:
        page = pdf.add_blank_page(page_size=(595, 842))
        page.obj.Resources = pikepdf.Dictionary(Font=fonts)
        page.obj.Contents = pdf.make_stream(content.encode("latin-1"))
    return pdf


def saved(pdf: pikepdf.Pdf, path: Path, **options: Any) -> Path:
    """The file, written and closed."""
    pdf.save(path, fix_metadata_version=False, **options)
    pdf.close()
    return path


def show(x: float, y: float, text: str, size: float = 10) -> str:
    """Operators that show a text, in Helvetica or in the Chinese font."""
    if text.isascii():
        return f"BT /F {size} Tf {x} {y} Td ({text}) Tj ET\n"
    return f"BT /H {size} Tf {x} {y} Td <{text.encode('utf-16-be').hex()}> Tj ET\n"


def ruled(rows: Sequence[Sequence[str]], xs: Sequence[int], top: int = 700, high: int = 30) -> str:
    """A table with all its rules; a line break in a cell starts a new line."""
    out = []
    for number, row in enumerate(rows):
        low = top - (number + 1) * high
        for left, right, text in zip(xs, xs[1:], row, strict=False):
            out.append(f"{left} {low} {right - left} {high} re S\n")
            for at, line in enumerate(text.split("\n")):
                out.append(show(left + 3, low + high - 12 - 12 * at, line))
    return "".join(out)


def grid_of(path: Path) -> list[dict[int, str]]:
    """The rows of the first table."""
    table = next(part for part in open_document(path).parts if isinstance(part, Table))
    return [dict(row.cells) for row in table.rows()]


def texts_of(path: Path) -> dict[str, str]:
    return dict(cells(open_document(path).parts))


def edited(path: Path, changes: Mapping[str, Sequence[tuple[int, int, str]]]) -> Path:
    """The file saved with edits: place -> (start, end, replacement)."""
    edits = {place: [Edit(place, *one) for one in many] for place, many in changes.items()}
    target = path.with_name(f"out-{path.name}")
    with target.open("wb") as stream:
        open_document(path).save(stream, edits)
    return target


def place_of(path: Path, part: str) -> tuple[str, int]:
    """The place of the text that holds ``part``, and where in it."""
    return next((place, text.index(part)) for place, text in texts_of(path).items() if part in text)


def hidden(path: Path, part: str, keep: int = 6) -> Path:
    """The file with all but the first characters of a value masked."""
    place, start = place_of(path, part)
    return edited(path, {place: [(start + keep, start + len(part), "*" * (len(part) - keep))]})


def searched(path: Path) -> str:
    """All that the file holds, as the residue search sees it, and what pdfium reads."""
    return "\n".join(data.decode("utf-8", "ignore") for _, data in open_document(path).raw())


def pixels(path: Path) -> Any:
    document = pypdfium2.PdfDocument(path)
    bitmap = document[0].render(scale=1, grayscale=True)
    data = bytes(bitmap.buffer), bitmap.stride, bitmap.height
    document.close()
    return data


# ---------------------------------------------------------------------------------- reading a page


def test_wrapped_cells_are_one_text(tmp_path: Path) -> None:
    rows = [["Name", "ID", "Phone"], ["Li", ID[:9] + "\n" + ID[9:], "13800138000\n13900139000"]]
    pdf = new(ruled(rows, (50, 90, 146, 220)))
    path = saved(pdf, tmp_path / "a.pdf")
    assert grid_of(path)[1] == {0: "Li", 1: ID, 2: "13800138000\n13900139000"}
    assert ID[6:] not in searched(hidden(path, ID))
    assert grid_of(hidden(path, ID))[1][1] == ID[:6] + "*" * 12


def test_a_table_goes_on_over_pages(tmp_path: Path) -> None:
    xs = (50, 90, 200, 300)
    first = [["No", "ID", "Phone"], ["1", ID, "13800138000"]]
    second = [["2", "110105194912310031", "13900139000"]]
    path = saved(new(ruled(first, xs), ruled(second, xs, top=800)), tmp_path / "a.pdf")
    parts = [part for part in open_document(path).parts if isinstance(part, Table)]
    assert [len(list(part.rows())) for part in parts] == [3]
    assert parts[0].place(2, 1) == "page2#r0c1"


def test_columns_without_rules_make_a_table(tmp_path: Path) -> None:
    rows = [("No", "ID", "Phone"), *((str(at), ID, f"1380013800{at}") for at in range(4))]
    lines = [
        show(x, 700 - 20 * at, text)
        for at, row in enumerate(rows)
        for x, text in zip((50, 90, 220), row, strict=True)
    ]
    late = [
        show(x, 800, text) for x, text in zip((50, 90, 220), ("9", ID, "13900139000"), strict=True)
    ]
    path = saved(new("".join(lines), "".join(late)), tmp_path / "a.pdf")
    assert grid_of(path)[0] == {0: "No", 1: "ID", 2: "Phone"}
    assert grid_of(path)[5] == {0: "9", 1: ID, 2: "13900139000"}


def test_merged_cells(tmp_path: Path) -> None:
    title = "50 670 250 30 re S\n" + show(60, 680, "Title")
    path = saved(
        new(title + ruled([["a", "b"], ["c", "d"]], (50, 150, 300), top=670)), tmp_path / "a.pdf"
    )
    table = open_document(path).parts[0]
    assert isinstance(table, Table)
    assert table.merges == ((0, 0, 0, 1),)


@pytest.mark.parametrize(
    "content",
    [
        f"BT /F 10 Tf 50 700 Td ({ID}) Tj ET",
        f"BT /F 10 Tf 12 TL 50 712 Td ({ID}) ' ET",
        f'BT /F 10 Tf 12 TL 50 712 Td 1 0.5 ({ID}) " ET',
        "BT /F 10 Tf 50 700 Td [" + " -20 ".join(f"({char})" for char in ID) + "] TJ ET",
        "BT /F 10 Tf 50 700 Td 3 Tr <" + ID.encode().hex() + "> Tj ET",
        "BT /F 10 Tf 80 Tz 2 Tc 50 700 Td (" + "".join(f"\\{ord(c):03o}" for c in ID) + ") Tj ET",
        "BT /H 10 Tf 50 700 Td <" + ID.encode("utf-16-be").hex() + "> Tj ET",
        "BT /V 10 Tf 50 700 Td <" + ID.encode("utf-16-be").hex() + "> Tj ET",
        f"BT /F 1 Tf 0 10 -10 0 300 300 Tm ({ID}) Tj ET",
        "".join(
            f"BT /F 10 Tf {50 + 6 * at} 700 Td ({ID[at]}) Tj ET\n" for at in (*range(9, 18), *range(9))
        ),
        "".join(f"BT /F 10 Tf {x} 700 Td ({ID}) Tj ET\n" for x in (50, 50.4)),
        f"q 0 0 10 10 re W n BT /F 10 Tf 700 900 Td ({ID}) Tj ET Q",
        f"/Span << /ActualText (x) >> BDC BT /F 10 Tf 50 700 Td ({ID}) Tj ET EMC",
    ],
)  # fmt: skip
def test_a_number_is_found_and_leaves(tmp_path: Path, content: str) -> None:
    after = show(50, 500, "after")
    path = saved(new(content + "\n" + after), tmp_path / "a.pdf")
    output = hidden(path, ID)
    assert ID[:6] + "*" * 12 in texts_of(output).values()
    assert "after" in texts_of(output).values()
    found = searched(output)
    assert not re.search(r"9\s*1\s*2\s*3\s*1", found)
    assert "491231".encode("utf-16-be").decode() not in found


def test_gbk_codes(tmp_path: Path) -> None:
    text = "住址：" + ID
    content = "BT /H 10 Tf 50 700 Td <" + text.encode("gb18030").hex() + "> Tj ET"
    path = saved(new(content, encoding="/GBK-EUC-H"), tmp_path / "a.pdf")
    assert "住址：" + ID[:6] + "*" * 12 in texts_of(hidden(path, ID)).values()


@pytest.mark.parametrize("text", ["*", "***", "*****", "甲乙", "", "*" * 14])
def test_other_lengths(tmp_path: Path, text: str) -> None:
    address = "江岸区大智街道解放路十二号三单元，电话见附件"
    path = saved(new(show(50, 700, address)), tmp_path / "a.pdf")
    place, start = place_of(path, "解放路")
    output = edited(path, {place: [(start, start + 9, text)]})
    expected = address[:start] + text + address[start + 9 :]
    got = texts_of(output)[place]
    assert got.replace(" ", "") == expected
    assert (got == expected) or not text


def test_what_is_not_masked_looks_as_before(tmp_path: Path) -> None:
    rows = [["序号", "证号", "备注"], ["1", ID, "无"]]
    path = saved(
        new(ruled(rows, (50, 90, 220, 300)) + show(50, 500, "页脚文字")), tmp_path / "a.pdf"
    )
    before, stride, high = pixels(path)
    after, _, _ = pixels(hidden(path, ID))
    differing = {divmod(at, stride) for at in range(len(before)) if before[at] != after[at]}
    assert differing
    assert all(92 < x < 220 and 842 - 671 < y < 842 - 640 for y, x in differing)
    assert high == 842


def test_a_form_on_every_page_is_one_text(tmp_path: Path) -> None:
    pdf = new("/X Do", "/X Do", "q 1 0 0 1 0 -50 cm /X Do Q /X Do")
    form = pdf.make_stream(show(50, 700, ID).encode())
    form.Type, form.Subtype, form.BBox = pikepdf.Name.XObject, pikepdf.Name.Form, [0, 0, 595, 842]
    form.Resources = pdf.pages[0].obj.Resources
    for page in pdf.pages:
        page.obj.Resources = pikepdf.Dictionary(
            Font=form.Resources.Font, XObject=pikepdf.Dictionary(X=form)
        )
    path = saved(pdf, tmp_path / "a.pdf")
    assert list(texts_of(path).values()) == [ID]
    assert "194912" not in searched(hidden(path, ID))


# ------------------------------------------------------------------------------- outside the pages


def test_strings_of_the_document(tmp_path: Path) -> None:
    pdf = new(show(50, 700, "text"))
    pdf.docinfo["/Title"] = f"名单 {ID}"
    with pdf.open_outline() as outline:
        outline.root.append(pikepdf.OutlineItem(f"书签 {ID}", 0))
    pdf.Root.Metadata = pdf.make_stream(
        f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a b='{ID}'>A&amp;B {ID}</a></x:xmpmeta>".encode()
    )
    path = saved(pdf, tmp_path / "a.pdf")
    texts = {place: text for place, text in texts_of(path).items() if ID in text}
    assert sorted(texts.values()) == sorted([f"名单 {ID}", f"书签 {ID}", ID, f"A&B {ID}"])
    changes = {place: [(text.index(ID), len(text), "<*>&")] for place, text in texts.items()}
    output = edited(path, changes)
    assert {texts_of(output)[place] for place in texts} == {
        "名单 <*>&",
        "书签 <*>&",
        "<*>&",
        "A&B <*>&",
    }
    assert "194912" not in searched(output)


def test_replacement_texts_go_with_what_they_replace(tmp_path: Path) -> None:
    content = f"/Span << /ActualText ({ID}) /MCID 0 >> BDC {show(50, 700, ID)} EMC"
    pdf = new(content)
    element = pdf.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.StructElem, S=pikepdf.Name.P, ActualText="二号楼", K=0)
    )
    pdf.Root.StructTreeRoot = pikepdf.Dictionary(
        K=element, ParentTree=pikepdf.Dictionary(Nums=pikepdf.Array([0, pikepdf.Array([element])]))
    )
    pdf.pages[0].obj.StructParents = 0
    path = saved(pdf, tmp_path / "a.pdf")
    assert list(texts_of(path).values()) == [ID, "二号楼"]
    assert list(texts_of(hidden(path, ID)).values()) == [ID[:6] + "*" * 12]


def test_attachments_scripts_and_signatures_are_dropped_and_told(tmp_path: Path) -> None:
    pdf = new(show(50, 700, "text"))
    pdf.attachments["list.txt"] = ID.encode()
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=f"app.alert('{ID}')")
    pdf.Root.Extra = pdf.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Sig, ByteRange=[0, 1, 2, 3], Contents=b"\0", Name=ID)
    )
    path = saved(pdf, tmp_path / "a.pdf")
    document = open_document(path)
    told = [remark.message for remark in document.remarks if not remark.look]
    look = [remark.message for remark in document.remarks if remark.look]
    assert len(told) == 2
    assert "附件" in told[0]
    assert "脚本" in told[1]
    assert len(look) == 1
    assert "签名" in look[0]
    assert ID not in searched(edited(path, {}))


# ------------------------------------------------------------------------------------- refusals


def test_password(tmp_path: Path) -> None:
    locked = saved(new(""), tmp_path / "a.pdf", encryption=pikepdf.Encryption(user="x", owner="y"))
    with pytest.raises(UnreadableFile, match="密码"):
        open_document(locked)
    limited = new(show(50, 700, ID))
    path = saved(limited, tmp_path / "b.pdf", encryption=pikepdf.Encryption(user="", owner="y"))
    assert "限制" in open_document(path).remarks[0].message
    assert "194912" not in searched(hidden(path, ID))


def picture(pdf: pikepdf.Pdf, content: bytes) -> pikepdf.Pdf:
    """Page 1 shows a picture over all of it, and ``content``."""
    image = pdf.make_stream(b"\x80")
    image.Type, image.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    image.Width, image.Height, image.BitsPerComponent = 1, 1, 8
    image.ColorSpace = pikepdf.Name.DeviceGray
    page = pdf.pages[0].obj
    page.Resources.XObject = pikepdf.Dictionary(I=image)
    page.Contents = pdf.make_stream(b"q 595 0 0 842 0 0 cm /I Do Q " + content)
    return pdf


@pytest.mark.parametrize("content", [b"", f"BT /F 9 Tf 3 Tr 50 700 Td ({ID}{ID}) Tj ET".encode()])
def test_scanned_pages(tmp_path: Path, content: bytes) -> None:
    path = saved(picture(new(""), content), tmp_path / "a.pdf")
    with pytest.raises(UnsupportedFormat, match="第1页是扫描件"):
        open_document(path)


def test_a_page_of_drawings(tmp_path: Path) -> None:
    path = saved(new("10 10 m 50 90 l 20 30 l f"), tmp_path / "a.pdf")
    with pytest.raises(UnsupportedFormat, match="没有文字层"):
        open_document(path)


def test_glyphs_under_false_names(tmp_path: Path) -> None:
    pdf = new("BT /L 10 Tf 50 700 Td (abcdefgh) Tj ET")
    procedures = {
        f"/g{char}": pdf.make_stream(f"600 0 d0 BT /F 1000 Tf ({digit}) Tj ET".encode())
        for char, digit in zip("abcdefgh", "23456789", strict=True)
    }
    page = pdf.pages[0].obj
    page.Resources.Font.L = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type3,
            FontBBox=[0, 0, 1000, 1000],
            FontMatrix=[0.001, 0, 0, 0.001, 0, 0],
            FirstChar=97,
            LastChar=104,
            Widths=[600] * 8,
            CharProcs=pikepdf.Dictionary(procedures),
            Encoding=pikepdf.Dictionary(
                Differences=[97, *(pikepdf.Name(f"/{char}") for char in "qwtyuhij")]
            ),
            Resources=pikepdf.Dictionary(Font=pikepdf.Dictionary(F=page.Resources.Font.F)),
        )
    )
    encoding = page.Resources.Font.L.Encoding
    encoding.Differences = pikepdf.Array([97, *(pikepdf.Name(f"/g{char}") for char in "abcdefgh")])
    page.Resources.Font.L.ToUnicode = pdf.make_stream(
        b"1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfrange <61> <68> <4E00> endbfrange"
    )
    path = saved(pdf, tmp_path / "a.pdf")
    with pytest.raises(UnreadableFile, match="第1页看到的数字"):
        open_document(path)


def nested(pdf: pikepdf.Pdf, depth: int) -> pikepdf.Pdf:
    """Page 1 draws a form that draws a form and so on; the last draws the first."""
    forms = [pdf.make_stream(b"/X Do " + show(50, 700, "a").encode()) for _ in range(depth)]
    for form, inner in zip(forms, [*forms[1:], forms[0]], strict=True):
        form.Subtype, form.BBox = pikepdf.Name.Form, [0, 0, 9, 9]
        form.Resources = pikepdf.Dictionary(
            Font=pdf.pages[0].obj.Resources.Font, XObject=pikepdf.Dictionary(X=inner)
        )
    pdf.pages[0].obj.Resources.XObject = pikepdf.Dictionary(X=forms[0])
    return pdf


def test_forms_that_draw_themselves(tmp_path: Path) -> None:
    assert texts_of(saved(nested(new("/X Do"), 3), tmp_path / "a.pdf"))
    with pytest.raises(UnreadableFile, match="第1页的内容过于庞大或嵌套过深"):
        open_document(saved(nested(new("/X Do"), 60), tmp_path / "b.pdf"))


def test_a_stream_that_never_ends(tmp_path: Path) -> None:
    pdf = new("")
    pdf.pages[0].obj.Contents = pdf.make_stream(b" " * (65 << 20))
    path = saved(pdf, tmp_path / "a.pdf", compress_streams=True)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UnreadableFile, match="过于庞大"):
        open_document(path)


@pytest.mark.parametrize("data", [b"%PDF-1.7\n1 0 obj\nnothing", b"%PDF-1.4\n%%EOF"])
def test_damaged_files(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile):
        open_document(path)


def test_places_that_are_not_there(tmp_path: Path) -> None:
    path = saved(new(show(50, 700, "a")), tmp_path / "a.pdf")
    for place in ("page1#l7", "page9#l0", "nowhere", "XMP#0"):
        with pytest.raises(UnsafeEdit):
            open_document(path).save(io.BytesIO(), {place: [Edit(place, 0, 1, "*")]})


def test_saving_twice_gives_the_same(tmp_path: Path) -> None:
    path = saved(new(show(50, 700, ID)), tmp_path / "a.pdf")
    document, place = open_document(path), place_of(path, ID)[0]
    first, second = io.BytesIO(), io.BytesIO()
    for target in (first, second):
        document.save(target, {place: [Edit(place, 6, 18, "*" * 12)]})
    document.close()
    assert first.getvalue() == second.getvalue()


def test_text_over_text_is_refused_by_page(tmp_path: Path) -> None:
    rows = [["ID", "Phone"], ["110105194912310023", "13800138000"]]
    over = show(55, 660, "110105194912310031")
    path = saved(
        new(ruled(rows, (50, 160, 300)), ruled(rows, (50, 160, 300)) + over), tmp_path / "a.pdf"
    )
    with pytest.raises(UnreadableFile, match="第2页有文字重叠"):
        open_document(path)


def test_fields_of_different_operators_stay_in_their_cells(tmp_path: Path) -> None:
    long = "解放路十二号三栋"
    boxes = "50 670 80 30 re S 130 670 100 30 re S\n50 640 80 30 re S 130 640 100 30 re S\n"
    text = (
        show(53, 680, "住址")
        + show(133, 680, "电话")
        + show(53, 650, long)
        + show(133, 650, "13800138000")
    )
    path = saved(new(boxes + text), tmp_path / "a.pdf")
    assert grid_of(path)[1] == {0: long, 1: "13800138000"}


def test_from_file_to_file(tmp_path: Path) -> None:
    report = mask_file(FIXTURES / "planted.pdf", tmp_path / "out.pdf")
    assert report.status == "look"
    assert report.left == ()
    assert (tmp_path / "out.pdf").exists()


def test_stars_for_glyphs_of_unlike_widths_leave_no_gap(tmp_path: Path) -> None:
    path = saved(new(show(50, 700, "At i.W.i end")), tmp_path / "a.pdf")
    place, start = place_of(path, "i.W.i")
    out = edited(path, {place: [(start, start + 5, "*****")]})
    assert texts_of(out)[place] == texts_of(path)[place].replace("i.W.i", "*****")


def test_more_pages_than_memory_holds_are_refused(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        for _ in range(1_001):
            pdf.add_blank_page()
        pdf.save(tmp_path / "long.pdf")
    with pytest.raises(UnreadableFile, match="1000 页"):
        open_document(tmp_path / "long.pdf")
