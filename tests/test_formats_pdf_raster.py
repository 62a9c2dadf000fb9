"""deid/formats/pdf_raster.py: a page that cannot be edited safely becomes an image with clean text."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from pdfminer.high_level import extract_text

from deid import cli, mask_file, scan_file
from deid.errors import UnreadableFile
from deid.formats import open_document
from tests.test_formats_pdf import cells, new, ruled, saved, show

ID, OTHER = "110105194912310023", "11010519491231002X"
PHONE = "13800138000"
ROWS = [["Name", "ID", "Phone"], ["Wang", ID, PHONE], ["Li Si", OTHER, "13800138001"]]
XS = (50, 150, 300, 420)
TAIL = show(50, 500, "Telephone of the office 12345, Wang: 13800138002")
HIDDEN = (ID, OTHER, "110105194912310031", PHONE, "13800138001", "13800138002")


def over(text: str = "110105194912310031") -> str:
    """Text on the cell of Wang's number."""
    return show(155, 660, text)


def source(
    tmp_path: Path, *, change: Callable[[pikepdf.Page, pikepdf.Pdf], None] | None = None
) -> Path:
    """A file whose second page has text over text in a cell."""
    pdf = new(ruled(ROWS, XS), ruled(ROWS, XS) + over() + TAIL)
    if change:
        change(pdf.pages[1], pdf)
    return saved(pdf, tmp_path / "in.pdf")


def rebuilt(tmp_path: Path, path: Path) -> Path:
    """The file, masked with the page as an image."""
    report = mask_file(path, tmp_path / "out.pdf", raster=True)
    assert report.status == "look", (report.message, report.left)
    assert any("第2页有 1 格文字重叠" in item.message for item in report.items)
    return tmp_path / "out.pdf"


def bytes_of(path: Path) -> bytes:
    """Every object of a file, unpacked."""
    held = io.BytesIO()
    with pikepdf.open(path) as pdf:
        pdf.save(held, stream_decode_level=pikepdf.StreamDecodeLevel.all, compress_streams=False,
                 object_stream_mode=pikepdf.ObjectStreamMode.disable)  # fmt: skip
    return held.getvalue()


def pixels(path: Path, page: int, box: tuple[float, float, float, float]) -> list[bytes]:
    """Rows of a page's pixels (1 pixel a point, from above) within a box in points."""
    document = pypdfium2.PdfDocument(path)
    bitmap = document[page].render(scale=2, grayscale=True)
    data, stride, height = bytes(bitmap.buffer), bitmap.stride, bitmap.height
    bitmap.close()
    document.close()
    left, low, right, high = (int(2 * value) for value in box)
    return [
        data[y * stride + left : y * stride + right] for y in range(height - high, height - low)
    ]


def ink(rows: list[bytes]) -> int:
    """How many dark pixels there are."""
    return sum(value < 100 for row in rows for value in row)


def test_without_it_the_page_is_refused_and_it_is_offered(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"第2页.*--pdf raster"):
        open_document(source(tmp_path))


def test_the_page_is_an_image_with_clean_text(tmp_path: Path) -> None:
    path = source(tmp_path)
    out = rebuilt(tmp_path, path)
    document = pypdfium2.PdfDocument(out)
    texts = [page.get_textpage().get_text_range() for page in document]
    document.close()
    texts += [extract_text(out), bytes_of(out).decode("latin-1")]
    assert not [value for value in HIDDEN for text in texts if value in text]
    for text in (texts[1], extract_text(out, page_numbers=[1])):
        assert "Li Si" in text
        assert "110105************" in text
        assert "12345" in text
    report, findings = scan_file(out)
    assert report.status == "look"
    assert not [
        finding for finding in findings if finding.entity in ("CN_RESIDENT_ID", "CN_MOBILE")
    ]


def test_the_cell_is_blank_and_the_rest_is_as_before(tmp_path: Path) -> None:
    path = source(tmp_path)
    out = rebuilt(tmp_path, path)
    cell = (152, 655, 298, 668)
    assert ink(pixels(path, 1, cell)) > 200
    assert ink(pixels(out, 1, cell)) == 0
    for kept in ((52, 655, 148, 672), (50, 495, 240, 515), (40, 670, 425, 730)):
        before, after = ink(pixels(path, 1, kept)), ink(pixels(out, 1, kept))
        assert abs(before - after) < 0.2 * before + 5


def test_nothing_else_of_the_page_is_kept(tmp_path: Path) -> None:
    def change(page: pikepdf.Page, pdf: pikepdf.Pdf) -> None:
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Text,
            Rect=pikepdf.Array([10, 10, 30, 30]),
            Contents=pikepdf.String(f"call {PHONE}"),
        )
        page.obj.Annots = pikepdf.Array([pdf.make_indirect(note)])
        page.obj.PieceInfo = pikepdf.Dictionary(X=pikepdf.String(ID))

    out = rebuilt(tmp_path, source(tmp_path, change=change))
    with pikepdf.open(out) as pdf:
        page = pdf.pages[1].obj
        assert set(page.keys()) <= {"/Type", "/Parent", "/MediaBox", "/Contents", "/Resources"}
        assert {str(font.Subtype) for font in page.Resources.Font.values()} == {"/Type3"}
        assert list(page.Resources.XObject.keys()) == ["/DeidPage"]
        assert "/F" in pdf.pages[0].obj.Resources.Font
    assert not [value for value in HIDDEN if value.encode() in bytes_of(out)]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_page_stays_turned(tmp_path: Path, turn: int) -> None:
    def change(page: pikepdf.Page, pdf: pikepdf.Pdf) -> None:
        page.obj.Rotate = turn

    path = source(tmp_path, change=change)
    out = rebuilt(tmp_path, path)
    for file in (path, out):
        with pikepdf.open(file) as pdf:
            assert int(pdf.pages[1].obj.Rotate) == turn
            del pdf.pages[1].obj.Rotate
            pdf.save(tmp_path / f"straight-{file.name}")
    kept = (50, 495, 240, 515)
    before = ink(pixels(tmp_path / "straight-in.pdf", 1, kept))
    after = ink(pixels(tmp_path / "straight-out.pdf", 1, kept))
    assert before > 100
    assert abs(before - after) < 0.2 * before + 5


def test_a_page_with_a_cropped_box(tmp_path: Path) -> None:
    def change(page: pikepdf.Page, pdf: pikepdf.Pdf) -> None:
        page.obj.MediaBox = pikepdf.Array([20, 30, 500, 800])
        page.obj.CropBox = pikepdf.Array([40, 480, 480, 760])

    path = source(tmp_path, change=change)
    out = rebuilt(tmp_path, path)
    shown = (0, 0, 440, 280)
    before, after = ink(pixels(path, 1, shown)), ink(pixels(out, 1, shown))
    assert abs(before - after) < 0.3 * before
    assert ink(pixels(out, 1, (112, 175, 258, 188))) == 0


def test_chinese_text_and_many_letters(tmp_path: Path) -> None:
    # more letters than one font of the layer has codes
    lines = ["".join(chr(0x4E00 + 20 * line + at) for at in range(20)) for line in range(20)]
    body = "".join(
        f"BT /H 10 Tf 1 0 0 1 50 {480 - 15 * at} Tm <{text.encode('utf-16-be').hex()}> Tj ET\n"
        for at, text in enumerate(lines)
    )
    path = saved(new("", ruled(ROWS, XS) + over() + body), tmp_path / "in.pdf")
    out = rebuilt(tmp_path, path)
    texts = "".join(text for _, text in cells(open_document(out).parts))
    assert all(line in texts for line in lines)


def test_a_page_with_little_text_is_refused(tmp_path: Path) -> None:
    path = saved(
        new(ruled([["A", ID], ["B", "C"]], (50, 90, 300)) + show(95, 690, OTHER)),
        tmp_path / "in.pdf",
    )
    report = mask_file(path, tmp_path / "out.pdf", raster=True)
    assert report.status in ("refused", "unreadable")
    assert not (tmp_path / "out.pdf").exists()


def test_other_pdfs_are_edited_as_ever(tmp_path: Path) -> None:
    path = saved(new(ruled(ROWS, XS)), tmp_path / "in.pdf")
    one = mask_file(path, tmp_path / "one.pdf")
    two = mask_file(path, tmp_path / "two.pdf", raster=True)
    assert one.status == two.status == "publish"
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()


def test_the_command_has_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = source(tmp_path)
    out = tmp_path / "out"
    assert cli.run(["mask", str(path), "-o", str(out)]) == 2
    assert "--pdf raster" in capsys.readouterr().out
    assert cli.run(["mask", str(path), "-o", str(out), "--pdf", "raster", "--overwrite"]) == 3
    assert (out / "in.pdf").exists()
    assert cli.run(["mask", str(path), "-o", str(out), "--pdf", "paint"]) == 2
    assert "edit、raster" in capsys.readouterr().err
