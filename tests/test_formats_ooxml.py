from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid.errors import UnreadableFile
from deid.formats import media, ooxml
from deid.formats.ooxml import Change, Package, Rules, Segment, Slot
from deid.model import Edit


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10)), data, method)
    return out.getvalue()


def read_all(data: bytes) -> dict[str, bytes]:
    package = Package(io.BytesIO(data))
    return {member.name: package.read(member) for member in package.members}


# --- the zip layer -----------------------------------------------------------------------------------

GOOD = zipped(("a.xml", b"<a/>" * 50), ("文件.xml", b"<b/>"))


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def encrypted(data: bytes) -> bytes:
    """The flag in the central directory says encrypted."""
    at = data.index(b"PK\x01\x02") + 8
    return data[:at] + bytes([data[at] | 1]) + data[at + 1 :]


def lying_size(data: bytes) -> bytes:
    """The directory promises less than the member unpacks to."""
    at = data.index(b"PK\x01\x02") + 24
    return data[:at] + struct.pack("<L", 10) + data[at + 4 :]


def overlapping() -> bytes:
    """Two directory entries for the same bytes, under two names of the same length."""
    data = zipped(("a.xml", b"<a/>"))
    at = data.index(b"PK\x01\x02")
    entry, end = data[at : data.index(b"PK\x05\x06")], bytearray(data[data.index(b"PK\x05\x06") :])
    directory = entry + entry.replace(b"a.xml", b"b.xml")
    end[8:16] = struct.pack("<HHL", 2, 2, len(directory))
    return data[:at] + directory + bytes(end)


def hidden_after_stream() -> bytes:
    """More packed bytes than the deflate stream has."""
    name, body = b"a.xml", zlib.compress(b"<a/>", wbits=-15) + b"13912345678"
    head = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 33, zlib.crc32(b"<a/>"), len(body), 4, 5, 0)
    local = b"PK\x03\x04" + head + name + body
    central = (
        b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + name
    )
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "空", id="empty"),
        pytest.param(GOOD[:-30], "损坏", id="cut end"),
        pytest.param(GOOD[: len(GOOD) // 2], "损坏", id="cut half"),
        pytest.param("姓名,电话\n".encode(), "不是 Office", id="csv"),
        pytest.param(b"\xef\xbb\xbf<html><table>", "不是 Office", id="html"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "不是 Office", id="xls"),
        pytest.param(encrypted(GOOD), "密码", id="encrypted member"),
        pytest.param(lying_size(GOOD), "炸弹|损坏", id="lying size"),
        pytest.param(zipped(("a.xml", b"0" * (20 << 20))), "炸弹", id="ratio"),
        pytest.param(overlapping(), "重叠|不一致", id="overlap"),
        pytest.param(hidden_after_stream(), "损坏", id="bytes after the stream"),
        pytest.param(
            zipped(("a.xml", b"1"), ("A.XML", b"2")), "重名", id="names that differ by case"
        ),
        pytest.param(zipped(("../a.xml", b"1")), "指向外面", id="dots"),
        pytest.param(zipped(("x/..\\a.xml", b"1")), "指向外面", id="backslash dots"),
        pytest.param(zipped(("/a.xml", b"1")), "文件名", id="absolute"),
        pytest.param(zipped(("C:/a.xml", b"1")), "文件名", id="drive"),
        pytest.param(zipped(("a.xml", b"1"), method=zipfile.ZIP_BZIP2), "压缩方法", id="bzip2"),
        pytest.param(patched(GOOD, b"PK\x03\x04", b"PK\x03\x05"), "Office|损坏", id="local header"),
        pytest.param(
            GOOD.replace(b"a.xml", b"b.xml", 1),
            "不一致",
            id="names differ between header and directory",
        ),
    ],
)
def test_faulty_packages_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        read_all(data)


def test_damaged_content_is_refused() -> None:
    data = bytearray(zipped(("a.xml", b"<a>123</a>"), method=zipfile.ZIP_STORED))
    data[data.index(b"123")] = ord("9")
    with pytest.raises(UnreadableFile, match="损坏"):
        read_all(bytes(data))


@pytest.mark.parametrize("limit", ["MAX_MEMBERS", "MAX_UNPACKED"])
def test_limits(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(ooxml, limit, 1)
    with pytest.raises(UnreadableFile, match="不予处理"):
        read_all(GOOD)


def test_unchanged_members_are_copied_packed() -> None:
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.comment = b"note"
        info = zipfile.ZipInfo("a.xml", (2001, 2, 3, 4, 5, 6))
        info.comment, info.external_attr = b"own", 0o644 << 16
        info.extra = b"\x99\x99\x04\x00name"
        archive.writestr(info, b"x" * 99, zipfile.ZIP_DEFLATED, compresslevel=1)
        archive.writestr("目录/b.xml", b"y", zipfile.ZIP_STORED)
    package = Package(source)
    target = io.BytesIO()
    package.write(target, Change(content={"目录/b.xml": [b"new", b"er"]}))
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert archive.comment == b"note"
        first, second = archive.infolist()
        assert (first.filename, first.date_time, first.comment) == (
            "a.xml",
            (2001, 2, 3, 4, 5, 6),
            b"own",
        )
        assert (first.external_attr, first.extra) == (0o644 << 16, b"")
        assert archive.read(second) == b"newer"
    again = Package(target)
    old, new = package.members[0], again.members[0]
    assert b"".join(package.packed(old)) == b"".join(again.packed(new))


def test_streamed_and_zip64_headers_are_written_plain() -> None:
    source = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return source.write(data)  # type: ignore[arg-type]

    with (
        zipfile.ZipFile(Pipe(), "w") as archive,
        archive.open("a.xml", "w", force_zip64=True) as file,
    ):
        file.write(b"<a/>")
    target = io.BytesIO()
    Package(source).write(target, Change())
    with zipfile.ZipFile(target) as archive:
        (info,) = archive.infolist()
        assert (archive.read(info), info.flag_bits, info.extra) == (b"<a/>", 0, b"")


# --- XML ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_codecs(codec: str) -> None:
    data = '<?xml version="1.0"?><a>身份</a>'.encode(codec)
    text, found = ooxml.decode_xml(data)
    assert "身份" in text
    assert text.encode(found) == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<a>", "有错误"),
        (b"<a>\xff</a>", "编码"),
        ("<a/>".encode("utf-32"), "编码"),
        (b"<!DOCTYPE a><a/>", "DOCTYPE"),
        (b'<?xml version="1.0" encoding="gb2312"?><a/>', "编码"),
        (b"<a>&b;</a>", "有错误"),
    ],
)
def test_bad_xml_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        ooxml.decode_xml(data)


RULES = Rules(groups=frozenset({"p"}), breaks={"br": "\n"}, star=lambda path, attr: "*")


def shown(xml: str) -> dict[str, str]:
    return {slot.place: text for slot, text in ooxml.scan_texts(xml, "x", RULES)}


@pytest.mark.parametrize(
    ("xml", "texts"),
    [
        ("<d><a:p><r><t>139</t></r><r><t>12345678</t></r></a:p></d>", {"x#p2": "13912345678"}),
        ("<p>13912<br/>345678</p>", {"x#p1": "13912\n345678"}),
        ("<p>外13912345678<p>内</p>层</p>", {"x#p1": "外13912345678层"}),
        (
            "<a b='13912345678' c=\"1&#51;912345679\"/>",
            {"x#a1@b": "13912345678", "x#a1@c": "13912345679"},
        ),
        ("<a><!-- 13912345678 --></a>", {"x#注释2": " 13912345678 "}),
        ("<a><![CDATA[139<&12345678]]></a>", {"x#a1": "139<&12345678"}),
        ("<a>139<b/>12345678</a>", {"x#a1": "13912345678"}),
        ("<a b='x>y 13912345678'/>", {"x#a1@b": "x>y 13912345678"}),
        ("<div><br>电话<b>13912345678</div>", {"x#br2": "电话", "x#b3": "13912345678"}),
        ("<a guid='{22222222-2222-2222-2222-222222222222}' c='FF001122' d='1390'/>", {}),
    ],
)
def test_texts_of_a_part(xml: str, texts: dict[str, str]) -> None:
    assert shown(xml) == texts


@pytest.mark.parametrize(
    ("xml", "edit", "result"),
    [
        ("<p><t>139</t><t>12345678</t></p>", (2, 5, "***"), "<p><t>13*</t><t>**345678</t></p>"),
        ("<p><t>139</t><t>12345678</t></p>", (0, 11, "[号]"), "<p><t>[号]</t><t></t></p>"),
        (
            "<p><t>139</t><t>12345678</t></p>",
            (2, 4, "a&b<"),
            "<p><t>13a</t><t>&amp;b&lt;2345678</t></p>",
        ),
        ("<p>13912<br/>345678</p>", (3, 8, "*****"), "<p>139**<br/>**5678</p>"),
        (
            "<p>139<![CDATA[12345678]]></p>",
            (3, 11, "<*>"),
            "<p>139<![CDATA[]]>&lt;*&gt;<![CDATA[]]></p>",
        ),
        ("<p>139123&#52;5678</p>", (5, 7, "**"), "<p>13912**5678</p>"),
    ],
)
def test_edits_touch_only_their_range(xml: str, edit: tuple[int, int, str], result: str) -> None:
    ((slot, _),) = ooxml.scan_texts(xml, "x", RULES)
    assert ooxml.spliced(xml, ooxml.splices(xml, slot, [Edit("", *edit)])) == result


@pytest.mark.parametrize(
    ("raw", "text", "edit", "result"),
    [
        ("tel:139%31%32345678", "tel:13912345678", (7, 15, "xxxxxxxx"), "tel:139xxxxxxxx"),
        ("/%E7%94%B5/1?a=1&amp;b", "/电/1?a=1&b", (1, 2, "x"), "/x/1?a=1&amp;b"),
        ("%FF%zz", "%FF%zz", (0, 1, "x"), "xFF%zz"),
    ],
)
def test_addresses_are_read_decoded(
    raw: str, text: str, edit: tuple[int, int, str], result: str
) -> None:
    slot = Slot("", (Segment(0, len(raw), "attr"),), "x", "url")
    assert ooxml.slot_text(raw, slot) == text
    assert ooxml.spliced(raw, ooxml.splices(raw, slot, [Edit("", *edit)])) == result


@pytest.mark.parametrize(
    ("star", "new", "legal"),
    [("*", "a*", "a*"), ("●", "a*", "a●"), ("0", "a*1", "001"), ("x", "*", "x")],
)
def test_each_place_has_its_mask_character(star: str, new: str, legal: str) -> None:
    assert ooxml.legal(new, star) == legal


raw_pieces = st.lists(
    st.sampled_from(
        ["1", "9", "号", "&amp;", "&#x31;", "&#49;", "_x0031_", "_x005F_", "_", "x", "\r\n", "]"]
    ),
    max_size=12,
).map("".join)


@given(raw_pieces, st.data())
def test_exact_and_quick_edits_agree(raw: str, data: st.DataObject) -> None:
    slot = Slot("", (Segment(0, len(raw)),))
    text = ooxml.slot_text(raw, slot)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    new = data.draw(st.text("*&<1_x0031]\n", max_size=8))
    edits = [Edit("", start, end, new)]
    exact = ooxml.spliced(raw, ooxml.splices(raw, slot, edits))
    assert ooxml.unescape(exact) == text[:start] + new + text[end:]
    quick = ooxml.quick_edit(raw, edits)
    assert quick is None or ooxml.unescape(quick) == text[:start] + new + text[end:]


# --- pictures and bytes ------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def marker(number: int, data: bytes) -> bytes:
    return bytes([0xFF, number]) + struct.pack(">H", len(data) + 2) + data


PNG_HEAD = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13))
PNG_END = chunk(b"IDAT", b"pixels") + chunk(b"IEND", b"")
JPEG_HEAD = b"\xff\xd8" + marker(0xE0, b"JFIF\0" + bytes(9))
JPEG_END = marker(0xDB, b"q") + marker(0xDA, b"s") + b"\x01\xff\x00\x02\xff\xd0\x03" + b"\xff\xd9"
NUMBER = b"13912345678"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PNG_HEAD + chunk(b"tEXt", NUMBER) + chunk(b"eXIf", NUMBER) + PNG_END, PNG_HEAD + PNG_END),
        (PNG_HEAD + PNG_END + NUMBER, PNG_HEAD + PNG_END),
        (JPEG_HEAD + marker(0xE1, b"Exif" + NUMBER) + JPEG_END, JPEG_HEAD + JPEG_END),
        (JPEG_HEAD + marker(0xED, NUMBER) + marker(0xFE, NUMBER) + JPEG_END, JPEG_HEAD + JPEG_END),
        (JPEG_HEAD + marker(0xE0, b"JFXX" + NUMBER) + JPEG_END + NUMBER, JPEG_HEAD + JPEG_END),
        (JPEG_HEAD + marker(0xE2, b"ICC_PROFILE\0") + JPEG_END, None),
        (PNG_HEAD[:20], None),
        (JPEG_HEAD, None),
        (b"GIF89a", None),
    ],
)
def test_picture_metadata_goes(before: bytes, after: bytes | None) -> None:
    assert media.without_metadata(before) == (before if after is None else after)


@pytest.mark.parametrize("codec", ["latin-1", "utf-16-le", "utf-16-be"])
def test_texts_in_bytes_keep_their_length(codec: str) -> None:
    data = b"\x01\x02\x03\x04" + "No 13912345678".encode(codec) + b"\xff\x00\xff"
    ((spot, text),) = media.byte_texts(data)
    at = text.index("139")
    out = media.with_byte_edits(data, [(spot, [Edit("", at + 3, at + 11, "****号***********")])])
    assert out == data.replace("12345678".encode(codec), "********".encode(codec))


@pytest.mark.parametrize("parse", [Package, zipfile.ZipFile])
def test_good_package_is_good(parse: Callable[[io.BytesIO], object]) -> None:
    assert parse(io.BytesIO(GOOD))
