"""Every output opens in two readers that are not ours, without repair, and shows no hidden value."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from email.parser import HeaderParser
from html.parser import HTMLParser
from pathlib import Path

import docx
import lxml.etree
import lxml.html
import openpyxl
import pikepdf
import pypdfium2
import pytest
import python_calamine
import xlrd
import xlwt
from pdfminer.high_level import extract_text
from pdfminer.pdfparser import PDFSyntaxError

from deid import mask_file
from tests.test_formats_pdf import new, ruled, saved

LOOKS = Path(__file__).parent / "golden" / "looks"
HEADS = ["序号", "姓名", "身份证号码", "联系电话", "家庭住址", "金额"]
PEOPLE = [
    ["1", "张建国", "110105194912310023", "13800138000", "青山村3组8号", "800"],
    ["2", "李秀英", "11010519491231002X", "13900139001", "石桥村6组5号", "1200"],
]
HIDDEN = [person[at] for person in PEOPLE for at in (2, 3)] + ["3组8号", "6组5号"]
KEPT = ["张建国", "李秀英", "110105**", "138****", "青山村", "石桥村", "1200", "监督电话"]
NOTICE = "如有异议，请拨打监督电话0745-2331207。"


def html_page(path: Path) -> None:
    rows = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in [HEADS, *PEOPLE]
    )
    path.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><p>{NOTICE}</p><table>{rows}</table>", "utf-8"
    )


def csv_list(path: Path) -> None:
    lines = [",".join(row) for row in [HEADS, *PEOPLE, [NOTICE]]]
    path.write_bytes("\r\n".join(lines).encode("gb18030"))


def txt_list(path: Path) -> None:
    lines = [
        "　".join(f"{head}：{cell}" for head, cell in zip(HEADS, row, strict=True))
        for row in PEOPLE
    ]
    path.write_text("\n".join([*lines, NOTICE]), encoding="utf-8")


def xlsx_book(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in [HEADS, *PEOPLE, [NOTICE]]:
        sheet.append(row)
    book.save(path)


def xls_book(path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("公示")
    for at, row in enumerate([HEADS, *PEOPLE, [NOTICE]]):
        for column, cell in enumerate(row):
            sheet.write(at, column, cell)
    book.save(str(path))


def docx_notice(path: Path) -> None:
    document = docx.Document()
    document.add_paragraph(NOTICE)
    table = document.add_table(rows=0, cols=len(HEADS))
    for row in [HEADS, *PEOPLE]:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.save(str(path))


def pdf_list(path: Path) -> None:
    saved(new(ruled([HEADS, *PEOPLE, [NOTICE]], (30, 60, 130, 290, 380, 480, 560))), path)


MAKE: dict[str, Callable[[Path], None]] = {
    "csv": csv_list, "txt": txt_list, "html": html_page, "xlsx": xlsx_book, "xls": xls_book,
    "docx": docx_notice, "pdf": pdf_list,
}  # fmt: skip


# --- readers --------------------------------------------------------------------------------------


def by_openpyxl(path: Path) -> str:
    book = openpyxl.load_workbook(path)
    return "\n".join(str(cell.value) for sheet in book for row in sheet for cell in row)


def by_calamine(path: Path) -> str:
    book = python_calamine.CalamineWorkbook.from_path(path)
    rows = (row for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python())
    return "\n".join(str(cell) for row in rows for cell in row)


def by_xlrd(path: Path) -> str:
    book = xlrd.open_workbook(path, formatting_info=True)
    return "\n".join(str(cell.value) for sheet in book for row in sheet for cell in row)


def by_python_docx(path: Path) -> str:
    document = docx.Document(str(path))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def by_lxml_package(path: Path) -> str:
    """Every part parsed strictly; texts of all of them."""
    texts = []
    with zipfile.ZipFile(path) as package:
        assert package.testzip() is None
        for name in package.namelist():
            if name.endswith((".xml", ".rels")):
                texts += lxml.etree.fromstring(package.read(name)).itertext()
    return "\n".join(texts)


def by_lxml_html(path: Path) -> str:
    return "\n".join(lxml.html.fromstring(path.read_bytes().decode()).itertext())


def by_html_parser(path: Path) -> str:
    held: list[str] = []
    parser = HTMLParser()
    parser.handle_data = held.append  # type: ignore[method-assign]
    parser.feed(path.read_text("utf-8"))
    parser.close()
    return "\n".join(held)


def by_pdfium(path: Path) -> str:
    document = pypdfium2.PdfDocument(path)
    texts = [page.get_textpage().get_text_range() for page in document]
    document.close()
    return "\n".join(texts)


def by_pdfminer(path: Path) -> str:
    try:
        return str(extract_text(path))
    except PDFSyntaxError as error:  # pragma: no cover - a failing test shows it
        raise AssertionError(path.name) from error


def by_qpdf(path: Path) -> str:
    with pikepdf.open(path) as pdf:
        assert pdf.check_pdf_syntax() == []
    return by_pdfium(path)


def by_decoding(path: Path) -> str:
    return path.read_bytes().decode("gb18030" if path.suffix == ".csv" else "utf-8")


def by_calm_parser(path: Path) -> str:
    """Another reading of lines: whatever splits them must not matter."""
    return "\n".join(HeaderParser().parsestr("\n" + by_decoding(path)).get_payload().splitlines())


def by_libreoffice(path: Path) -> str:
    """What LibreOffice makes of it: a sheet as csv, a document as text."""
    tool = shutil.which("soffice")
    if not tool:
        pytest.skip("LibreOffice is not installed")
    home, out = path.parent / "home", path.parent / "converted"
    form = (
        "txt:Text (encoded):UTF8"
        if path.suffix == ".docx"
        else "csv:Text - txt - csv (StarCalc):44,34,76"
    )
    command = [tool, f"-env:UserInstallation=file://{home}", "--headless", "--convert-to", form]
    subprocess.run([*command, "--outdir", str(out), str(path)], capture_output=True)
    made = out / f"{path.stem}.{form[:3]}"
    if not made.exists():
        pytest.skip(f"this LibreOffice has no filter for {path.suffix}")
    return made.read_text("utf-8-sig")


def by_poppler(path: Path) -> str:
    tool = shutil.which("pdftotext")
    if not tool:
        pytest.skip("poppler-utils is not installed")
    run = subprocess.run([tool, "-layout", str(path), "-"], capture_output=True)
    assert run.returncode == 0
    return run.stdout.decode("utf-8")


READERS = {
    "csv": (by_decoding, by_calm_parser),
    "txt": (by_decoding, by_calm_parser),
    "html": (by_lxml_html, by_html_parser),
    "xlsx": (by_openpyxl, by_calamine, by_lxml_package, by_libreoffice),
    "xls": (by_xlrd, by_calamine, by_libreoffice),
    "docx": (by_python_docx, by_lxml_package, by_libreoffice),
    "pdf": (by_pdfium, by_pdfminer, by_qpdf, by_poppler),
}


@pytest.mark.parametrize(
    ("kind", "reader"), [(kind, reader) for kind in READERS for reader in READERS[kind]]
)
def test_an_output_opens_and_shows_nothing_hidden(
    kind: str, reader: Callable[[Path], str], tmp_path: Path
) -> None:
    MAKE[kind](tmp_path / f"in.{kind}")
    before = squeezed(reader(tmp_path / f"in.{kind}"))
    report = mask_file(tmp_path / f"in.{kind}", tmp_path / f"out.{kind}")
    assert report.status in ("publish", "look"), (report.message, report.left)
    after = squeezed(reader(tmp_path / f"out.{kind}"))
    assert all(value in before for value in HIDDEN)
    assert not [value for value in HIDDEN if value in after]
    assert not [text for text in KEPT if text not in after]


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_the_page_in_the_readme_looks_as_before_but_for_the_masked_words(tmp_path: Path) -> None:
    assert mask_file(LOOKS / "notice.pdf", tmp_path / "out.pdf").status == "publish"
    size, before = pixels(LOOKS / "notice.pdf")
    other, after = pixels(tmp_path / "out.pdf")
    assert size == other
    width, height = size
    changed = {
        (at % width / width, at // width / height)
        for at, (one, two) in enumerate(zip(before, after, strict=True))
        if one != two
    }
    assert changed
    # the columns of numbers, telephones and addresses, below their heads
    assert min(x for x, _ in changed) > 0.35
    assert max(x for x, _ in changed) < 0.76
    assert min(y for _, y in changed) > 0.31
    assert max(y for _, y in changed) < 0.66


def pixels(path: Path) -> tuple[tuple[int, int], bytes]:
    """Size of the first page and its pixels, one byte each."""
    document = pypdfium2.PdfDocument(path)
    bitmap = document[0].render(scale=1, grayscale=True)
    width, height, stride, data = bitmap.width, bitmap.height, bitmap.stride, bytes(bitmap.buffer)
    bitmap.close()
    document.close()
    rows = (data[at : at + width] for at in range(0, stride * height, stride))
    return (width, height), b"".join(rows)


def test_the_word_file_in_the_readme_keeps_every_word_that_is_not_masked(tmp_path: Path) -> None:
    assert mask_file(LOOKS / "notice.docx", tmp_path / "out.docx").status == "publish"
    before = by_python_docx(LOOKS / "notice.docx").split("\n")
    after = by_python_docx(tmp_path / "out.docx").split("\n")
    assert len(before) == len(after)
    assert sum(one != two for one, two in zip(before, after, strict=True)) == 15
    assert all("*" in two for one, two in zip(before, after, strict=True) if one != two)


def test_pictures_of_the_looks_are_small() -> None:
    pictures = sorted(LOOKS.glob("*.png"))
    assert len(pictures) == 8
    assert all(path.stat().st_size < 150_000 for path in pictures)
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"tests/golden/looks/{path.name}" in readme for path in pictures)
    assert all(io.BytesIO(path.read_bytes()).read(4) == b"\x89PNG" for path in pictures)
