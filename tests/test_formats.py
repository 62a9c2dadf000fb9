"""What is opened by which module, and what is said of a file that none opens."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from deid import cli
from deid.errors import UnreadableFile, UnsupportedFormat
from deid.formats import described, formats, magic, not_supported, open_document
from tests.test_formats_magic import CASES, _ole2, _zip


def unknown(tmp_path: Path, name: str, content: bytes) -> str:
    """What is said of a file that is not supported."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnsupportedFormat) as caught:
        open_document(path)
    message = str(caught.value)
    assert message.endswith("。")
    assert message.count("。") == 1
    return message


REFUSALS = {
    "doc": ("旧.doc", _ole2("WordDocument"), ("Word", "另存为 .docx")),
    "wps": ("通知.wps", _ole2("WordDocument"), ("WPS 文字", "另存为 .docx")),
    "ett": ("表.ETT", _ole2("Workbook"), ("WPS 表格", "另存为 .xlsx")),
    "dps": ("演示.dps", _ole2("PowerPoint Document"), ("演示", "另存为")),
    "xlsb": ("表.xlsb", _zip("xl/workbook.bin"), ("二进制工作簿", "另存为 .xlsx")),
    "ods": ("表.ods", _zip("mimetype", "content.xml"), ("OpenDocument", "另存为 .xlsx")),
    "pptx": ("演示.pptx", _zip("ppt/presentation.xml"), ("PowerPoint", "另存为")),
    "ofd": ("公文.ofd", _zip("OFD.xml"), ("OFD", "有文字层的 .pdf")),
    "ofd-damaged": ("公文.ofd", bytes(range(256)) * 9, ("OFD", "有文字层的 .pdf")),
    "png": ("扫描.png", b"\x89PNG\r\n\x1a\n" + bytes(9), ("图片", "原电子文件")),
    "jpeg": ("照片.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", ("图片", "原电子文件")),
    "zip": ("材料.zip", _zip("名单.xlsx"), ("压缩包", "先解压")),
    "rar": ("材料.rar", b"Rar!\x1a\x07\x01\0" + bytes(9), ("压缩包", "先解压")),
    "rtf": ("旧.rtf", b"{\\rtf1\\ansi", ("RTF", "另存为 .docx")),
    "encrypted": ("密.doc", _ole2("EncryptedPackage"), ("密码", "解除密码")),
    "locked": ("密.doc", b"b\x14#e" + bytes(99), ("加密软件", "解密")),
    "empty": ("空.doc", b"", ("空的", "重新导出")),
    "binary": ("乱.dat", bytes(range(256)) * 9, ("无法识别", "另存为")),
    "renamed-workbook": ("名单.bak", _zip("xl/workbook.xml"), ("Excel", "扩展名改为 .xlsx")),
    "no-extension": ("名单", b"a,b\n1,2\n", ("没有扩展名", ".txt 或 .csv")),
    "doc-that-is-a-page": ("公示.doc", b"<html><table>", ("网页", "扩展名改为 .html")),
}


@pytest.mark.parametrize(("name", "content", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_what_it_is_and_what_to_do(
    tmp_path: Path, name: str, content: bytes, words: tuple[str, ...]
) -> None:
    message = unknown(tmp_path, name, content)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(("content", "kind"), CASES.values(), ids=CASES)
def test_there_is_a_sentence_for_every_kind(tmp_path: Path, content: bytes, kind: str) -> None:
    assert unknown(tmp_path, "文件.zzz", content)


def test_an_encrypted_file_under_a_known_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "密.xlsx").write_bytes(_ole2("EncryptedPackage"))
    with pytest.raises(UnreadableFile, match="密码"):
        open_document(tmp_path / "密.xlsx")


def test_the_command_ends_with_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        package.writestr("OFD.xml", "<ofd:OFD/>")
    (tmp_path / "公文.ofd").write_bytes(target.getvalue())
    status = cli.run(["mask", str(tmp_path / "公文.ofd"), "-o", str(tmp_path / "out")])
    assert status == 2
    assert "OFD" in capsys.readouterr().out
    assert not (tmp_path / "out" / "公文.ofd").exists()


def test_every_format_tells_what_it_does() -> None:
    told = described()
    assert sorted(name for about in told for name in about.extensions) == sorted(formats())
    for about in told:
        assert about.label
        assert about.keeps
        assert about.refuses
        for item in (*about.keeps, *about.drops, *about.refuses):
            assert isinstance(item, str)
            assert not item.endswith(("。", "；"))


def test_every_kind_is_read_or_has_its_advice() -> None:
    read = set(magic._PROPER)
    assert read | set(magic.UNSUPPORTED) | {"empty"} >= set(magic._NAMES)
    assert not read & set(magic.UNSUPPORTED)
    assert len({name for _, names in not_supported() for name in names}) == len(magic.UNSUPPORTED)


def test_the_command_shows_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["formats"]) == 0
    shown = "".join(capsys.readouterr().out.split())
    for about in described():
        for item in (about.label, *about.extensions, *about.keeps, *about.drops, *about.refuses):
            assert "".join(item.split()) in shown
    for advice, kinds in not_supported():
        for item in (advice, *kinds):
            assert "".join(item.split()) in shown
