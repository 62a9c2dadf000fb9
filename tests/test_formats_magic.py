"""What a file really is, whatever its name says."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from deid.errors import UnreadableFile
from deid.formats.magic import describe, kind_of, require


def _zip(*names: str, comment: bytes = b"") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        package.comment = comment
        for name in names:
            package.writestr(name, "x")
    return target.getvalue()


def _ole2(*names: str) -> bytes:
    """A compound file: header, one sector table, as many directory sectors as the names need."""
    entries = ["Root Entry", *names]
    sectors = -(-len(entries) // 4)
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<H", header, 30, 9)
    struct.pack_into("<I", header, 48, 1)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    table = [0xFFFFFFFD, *range(2, sectors + 1), 0xFFFFFFFE]
    table += [0xFFFFFFFF] * (128 - len(table))
    body = bytearray(sectors * 512)
    for number, name in enumerate(entries):
        raw = name.encode("utf-16-le")
        body[number * 128 : number * 128 + len(raw)] = raw
        struct.pack_into("<H", body, number * 128 + 64, len(raw) + 2)
    return bytes(header) + struct.pack("<128I", *table) + bytes(body)


CASES = {
    "empty": (b"", "empty"),
    "text": ("姓名,电话\n".encode(), "text"),
    "text-gbk": ("姓名,电话\n".encode("gb18030"), "text"),
    "text-utf16": ("姓名,电话\n".encode("utf-16"), "text"),
    "text-utf16-no-mark": ("name,phone\n张三,1\n".encode("utf-16-be"), "text"),
    "text-starting-like-a-bitmap": (b"BMW,1\n2,3\n", "text"),
    "text-starting-like-a-zip": (b"PK,1\n", "text"),
    "text-starting-with-less-than": (b"<5,>6\n", "text"),
    "text-one-nul": (b"a,b\n" * 50 + b"\x00", "text"),
    "text-naming-pdf": (b"type,%PDF-1.4\n", "text"),
    "html": (b"\n <!DOCTYPE html><p>", "html"),
    "html-excel": (b'<html xmlns:x="urn:schemas-microsoft-com:office:excel">', "html"),
    "html-table": (b"\xef\xbb\xbf<table border=1><tr>", "html"),
    "html-utf16": ("<HTML><body>".encode("utf-16"), "html"),
    "html-comment": (b"<!-- x --><html>", "html"),
    "text-many-comments": (b"<!---->" * 1000 + b"x", "text"),
    "xhtml": (b'<?xml version="1.0"?>\n<html>', "html"),
    "xml": (b'<?xml version="1.0"?><a/>', "xml"),
    "xml-excel": (
        b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
        "xml-excel",
    ),
    "xml-word": (
        b'<?xml version="1.0"?><w:wordDocument'
        b' xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">',
        "xml-word",
    ),
    "mht": (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n", "mht"),
    "mht-from": (b"From: <saved>\r\nSubject: x\r\nMIME-Version: 1.0\r\n", "mht"),
    "rtf": (b"{\\rtf1\\ansi", "rtf"),
    "pdf": (b"%PDF-1.7\n", "pdf"),
    "pdf-after-junk": (b"\xef\xbb\xbf\n%PDF-1.4\n1 0 obj\n", "pdf"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00", "png"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpeg"),
    "bmp": (b"BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00", "bmp"),
    "webp": (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
    "gzip": (b"\x1f\x8b\x08\x00", "gzip"),
    "locked": (b"b\x14#e\x09\x03\x00\x00E-SafeNet", "locked"),
    "biff": (b"\x09\x08\x08\x00\x00\x05\x10\x00", "biff"),
    "binary": (bytes(range(256)) * 4, "binary"),
    "binary-no-nul": (bytes(range(1, 256)) * 4, "binary"),
    "zip": (_zip("list.csv"), "zip"),
    "zip-none": (_zip(), "zip"),
    "xlsx": (_zip("[Content_Types].xml", "xl/workbook.xml"), "zip-xlsx"),
    "xlsx-comment": (_zip("xl/workbook.xml", comment=b"x" * 60_000), "zip-xlsx"),
    "xlsx-backslash": (_zip("XL\\Workbook.xml"), "zip-xlsx"),
    "xlsx-cut-off": (_zip("[Content_Types].xml", "xl/workbook.xml")[:100], "zip-xlsx"),
    "xlsx-late": (_zip(*[f"media/{n}" for n in range(900)], "xl/workbook.xml"), "zip-xlsx"),
    "xlsm": (_zip("xl/workbook.xml", "xl/vbaProject.bin"), "zip-xlsm"),
    "xlsb": (_zip("xl/workbook.bin"), "zip-xlsb"),
    "docx": (_zip("[Content_Types].xml", "word/document.xml"), "zip-docx"),
    "docm": (_zip("word/document.xml", "word/vbaProject.bin"), "zip-docm"),
    "pptx": (_zip("ppt/presentation.xml"), "zip-pptx"),
    "ofd": (_zip("OFD.xml", "Doc_0/Document.xml"), "zip-ofd"),
    "ods": (_zip("mimetype", "content.xml"), "zip-odf"),
    "xls": (_ole2("Workbook"), "ole2-xls"),
    "xls-5": (_ole2("Book"), "ole2-xls"),
    "xls-late": (_ole2(*"abcdefgh", "Workbook"), "ole2-xls"),
    "doc": (_ole2("1Table", "WordDocument"), "ole2-doc"),
    "ppt": (_ole2("PowerPoint Document"), "ole2-ppt"),
    "encrypted": (_ole2("EncryptionInfo", "EncryptedPackage"), "ole2-encrypted"),
    "ole2": (_ole2("Contents"), "ole2"),
    "ole2-cut-off": (_ole2("Workbook")[:40], "ole2"),
    "ole2-no-table": (_ole2("Contents")[:520], "ole2"),
    "ole2-bad-shift": (_ole2("Workbook")[:30] + bytes(2) + bytes(600), "ole2"),
}


@pytest.mark.parametrize(("content", "kind"), CASES.values(), ids=CASES)
def test_kind_of(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    assert kind_of(path) == kind
    assert describe(kind) != describe("binary") or kind == "binary"


def test_kind_of_ole2_that_runs_in_circles(tmp_path: Path) -> None:
    content = bytearray(_ole2("Contents"))
    struct.pack_into("<I", content, 512 + 4, 1)
    path = tmp_path / "a.xls"
    path.write_bytes(content)
    assert kind_of(path) == "ole2"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_zip("xl/workbook.xml"), ".csv，内容其实是Excel 工作簿 (.xlsx)"),
        (b"", "空的"),
        (_ole2("EncryptedPackage"), "密码"),
        (bytes(range(256)) * 4, "损坏"),
    ],
)
def test_require_says_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile) as caught:
        require(path, "text")
    assert words in str(caught.value)


def test_require_lets_pass(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"a,b\n")
    assert require(path, "text", "empty") == "text"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="打不开"):
        kind_of(tmp_path / "none.csv")
