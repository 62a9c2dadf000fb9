"""``deid mask`` on files with a value in every hidden place: not one is left, in any part or spelling.

The search here is its own: it unpacks zips in zips, streams, base64 and deflated bytes, and reads
each of them in every encoding and spelling known. What only pixels show must be listed instead.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import json
import re
import shutil
import subprocess
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from pdfminer.high_level import extract_text
from pdfminer.layout import LAParams

from deid import mask_file

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ("planted.xlsx", "planted.docx", "planted_altchunk.docx", "planted.pdf")
_TELLING = 12
"""This much of an ID number tells whose it is; the policy leaves the first six characters."""


def entries(name: str) -> list[dict[str, Any]]:
    """What was planted in a file."""
    manifest = FIXTURES / f"{name.replace('_altchunk', '')}.json"
    found: list[dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))
    return found


def needle(entry: dict[str, Any]) -> str:
    value = str(entry["value"]).upper()
    return value if len(value) < 15 else value[:_TELLING]


def masked(name: str, folder: Path) -> tuple[bytes, list[str]]:
    """The masked file, and the places that a person has to look at."""
    report = mask_file(FIXTURES / name, folder / name)
    assert report.status in ("publish", "look"), (report.message, report.left)
    told = [item.place for item in report.items] + [report.message]
    return (folder / name).read_bytes(), told


# --- unpacking ------------------------------------------------------------------------------------


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, and what is packed in them, and in that."""
    yield data
    if depth > 6:
        return
    for inner in (*_zipped(data), *_deflated(data), *_encoded(data), *_of_pdf(data)):
        yield from unpacked(inner, depth + 1)


def _zipped(data: bytes) -> Iterator[bytes]:
    start = data.find(b"PK\3\4")
    if start < 0:
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(data[start:]))
    except zipfile.BadZipFile:
        return
    with archive:
        yield archive.comment
        for info in archive.infolist():
            yield info.filename.encode() + b" " + info.comment + b" " + info.extra
            yield archive.read(info)


def _deflated(data: bytes) -> Iterator[bytes]:
    """zlib streams that stand anywhere in the bytes."""
    for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        unpacker = zlib.decompressobj()
        try:
            found = unpacker.decompress(data[start.start() :], 1 << 24)
        except zlib.error:
            continue
        if len(found) > 20:
            yield found


def _encoded(data: bytes) -> Iterator[bytes]:
    for run in re.finditer(rb"(?:[A-Za-z0-9+/]{4}\s?){10,}={0,2}", data):
        plain = re.sub(rb"\s", b"", run[0])
        try:
            yield base64.b64decode(plain[: len(plain) // 4 * 4])
        except binascii.Error:
            continue


def _of_pdf(data: bytes) -> Iterator[bytes]:
    """Every stream, string and name of a PDF, and the strings in its content."""
    if not data.startswith(b"%PDF-"):
        return
    with pikepdf.open(io.BytesIO(data)) as pdf:
        for spec in pdf.objects:
            yield "\n".join(_strings(spec)).encode("utf-8", "replace")
            if isinstance(spec, pikepdf.Stream):
                try:
                    content = spec.read_bytes()
                except pikepdf.PdfError:
                    content = spec.read_raw_bytes()
                yield content
                hexed = b"".join(re.findall(rb"<([0-9A-Fa-f\s]+)>", content))
                plain = re.sub(rb"\s", b"", hexed)
                yield bytes.fromhex(plain[: len(plain) // 2 * 2].decode())
                yield b"".join(re.findall(rb"\(((?:[^()\\]|\\.)*)\)", content))


def _strings(spec: Any) -> Iterator[str]:
    if isinstance(spec, pikepdf.String | pikepdf.Name):
        yield str(spec)
    elif isinstance(spec, pikepdf.Array):
        for item in spec:
            if not getattr(item, "is_indirect", False):
                yield from _strings(item)
    elif isinstance(spec, pikepdf.Dictionary | pikepdf.Stream):
        for key in spec.keys():  # noqa: SIM118
            yield key
            if not getattr(spec[key], "is_indirect", False):
                yield from _strings(spec[key])


# --- reading --------------------------------------------------------------------------------------


def readings(data: bytes) -> Iterator[str]:
    """The letters and digits of some bytes, in each encoding, with and without what is marked up."""
    codecs = ["utf-8", "gb18030", "latin-1"]
    codecs += ["utf-16-le", "utf-16-be"] if b"\0" in data else []
    for codec in codecs:
        for shifted in (data, data[1:]) if codec.startswith("utf-16") else (data,):
            text = shifted.decode(codec, "ignore")
            yield bare(text)
            if "<" in text:
                for pattern in _LEFT_OUT:
                    yield bare(re.sub(r"<[^>]*>", "", pattern.sub("", text)))


_LEFT_OUT = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"(?!)",
        r"<w:del [^>]*>.*?</w:del>|<w:moveFrom [^>]*>.*?</w:moveFrom>",
        r"<w:ins [^>]*>.*?</w:ins>|<w:moveTo [^>]*>.*?</w:moveTo>",
        r"<w:rt>.*?</w:rt>|<rPh[ >].*?</rPh>",
        r"<mc:Fallback>.*?</mc:Fallback>",
    )
)


def bare(text: str) -> str:
    """Letters and digits only: entities, Excel's escapes and full width undone."""
    text = re.sub(r"_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match[1], 16)), html.unescape(text))
    text = re.sub(r"%([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), text)
    text = unicodedata.normalize("NFKC", text)
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()


def rows_of(data: bytes) -> Iterator[str]:
    """Each row of each sheet as one text: one digit a cell, and shared strings, are read so."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        strings: list[str] = []
        if "xl/sharedStrings.xml" in names:
            items = re.findall(
                r"<si\b.*?</si>|<si/>", archive.read("xl/sharedStrings.xml").decode(), re.S
            )
            strings = ["".join(re.findall(r"<t\b[^>]*>([^<]*)</t>", item)) for item in items]
        for name in names:
            if not name.startswith("xl/worksheets/"):
                continue
            for row in re.findall(r"<row\b.*?</row>", archive.read(name).decode(), re.S):
                yield bare("".join(_cells(row, strings)))


def _cells(row: str, strings: list[str]) -> Iterator[str]:
    for kind, value in re.findall(r"<c\b([^>]*)>(?:<f[^>]*>[^<]*</f>)?<v>([^<]*)</v>", row):
        if 't="s"' in kind:
            yield strings[int(value)]
        else:
            yield str(int(float(value))) if re.fullmatch(r"[\d.]+E\+\d+", value) else value


def left_in(data: bytes, name: str) -> list[str]:
    """Where something planted is still to be found, by the place where it was."""
    texts = [text for part in unpacked(data) for text in readings(part)]
    if name.endswith("xlsx"):
        texts += rows_of(data)
    joined = "\n".join(texts)
    return [entry["place"] for entry in entries(name) if needle(entry) in joined]


# --- the tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_not_one_planted_value_is_left(name: str, tmp_path: Path) -> None:
    data, _ = masked(name, tmp_path)
    assert left_in(data, name) == []


@pytest.mark.parametrize(("name", "least"), [("planted.xlsx", 103), ("planted.docx", 72)])
def test_the_search_finds_them_where_they_were(name: str, least: int) -> None:
    found = left_in((FIXTURES / name).read_bytes(), name)
    drawn = [entry for entry in entries(name) if "pixels" in entry["note"]]
    assert len(found) >= least
    assert len(found) >= len(entries(name)) - len(drawn) - 4


def test_the_search_finds_them_in_the_pdf() -> None:
    data = (FIXTURES / "planted.pdf").read_bytes()
    assert len(left_in(data, "planted.pdf")) >= 50


@pytest.mark.parametrize("name", ["planted.xlsx", "planted.docx", "planted.pdf"])
def test_what_only_pixels_show_is_listed_or_gone(name: str, tmp_path: Path) -> None:
    data, told = masked(name, tmp_path)
    if name.endswith(".pdf"):
        assert "page1" in told
        with pikepdf.open(io.BytesIO(data)) as pdf:
            assert all("/Thumb" not in page.obj for page in pdf.pages)
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pictures = [
            one for one in archive.namelist() if re.search(r"\.(jpe?g|png|gif|bmp|emf)$", one)
        ]
        assert pictures
        assert set(pictures) <= set(told)
        assert not any(b"Exif" in archive.read(one) for one in pictures)
    assert "缩略图" in told[-1]


def test_no_reader_of_pdf_sees_one(tmp_path: Path) -> None:
    masked("planted.pdf", tmp_path)
    path = tmp_path / "planted.pdf"
    document = pypdfium2.PdfDocument(path)
    texts = [page.get_textpage().get_text_range() for page in document]
    document.close()
    texts += [extract_text(path, laparams=LAParams(all_texts=True, detect_vertical=True))]
    if tool := shutil.which("pdftotext"):
        for option in ("-raw", "-layout"):
            run = subprocess.run([tool, option, str(path), "-"], capture_output=True)
            texts.append(run.stdout.decode("utf-8", "replace"))
    seen = "\n".join(map(bare, texts))
    assert [entry["place"] for entry in entries("planted.pdf") if needle(entry) in seen] == []
