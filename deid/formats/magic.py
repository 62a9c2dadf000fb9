"""What a file really is, told by its content and not by its name.

Kinds: ``empty``, ``text``, ``html``, ``xml``, ``xml-excel``, ``xml-word``, ``mht``, ``rtf``, ``pdf``,
``zip``, ``zip-xlsx``, ``zip-xlsm``, ``zip-xlsb``, ``zip-docx``, ``zip-docm``, ``zip-pptx``,
``zip-ofd``, ``zip-odf``, ``ole2``, ``ole2-xls``, ``ole2-doc``, ``ole2-ppt``, ``ole2-encrypted``,
``biff``, ``png``, ``jpeg``, ``gif``, ``bmp``, ``tiff``, ``webp``, ``gzip``, ``7z``, ``rar``,
``sqlite``, ``locked``, ``binary``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from
from typing import BinaryIO

from deid.errors import UnreadableFile
from deid.later import later

_HEAD = 8192
_TAIL = 65_557  # the end record of a zip (22 bytes) and its longest comment
_DIRECTORY = 4 << 20  # as much of a zip's directory as is looked at: names, never content
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"SQLite format 3\x00", "sqlite"),
    # BIFF2 to BIFF5 without a container: the BOF record, [MS-XLS] 2.4.21 and its forerunners
    (b"\x09\x00\x04\x00", "biff"),
    (b"\x09\x02\x06\x00", "biff"),
    (b"\x09\x04\x06\x00", "biff"),
    (b"\x09\x08\x08\x00", "biff"),
    # transparent file encryption that offices in China use; opens only on the owner's machines
    (b"b\x14#e", "locked"),
)

_NAMES = {
    "empty": "空文件",
    "text": "纯文本",
    "html": "网页 (.html)",
    "xml": "XML 文件",
    "xml-excel": "Excel 2003 XML 表格",
    "xml-word": "Word 2003 XML 文档",
    "mht": "单个文件网页 (.mht)",
    "rtf": "RTF 文档 (.rtf)",
    "pdf": "PDF 文件 (.pdf)",
    "zip": "压缩包 (.zip)",
    "zip-xlsx": "Excel 工作簿 (.xlsx)",
    "zip-xlsm": "带宏的 Excel 工作簿 (.xlsm)",
    "zip-xlsb": "Excel 二进制工作簿 (.xlsb)",
    "zip-docx": "Word 文档 (.docx)",
    "zip-docm": "带宏的 Word 文档 (.docm)",
    "zip-pptx": "PowerPoint 演示文稿 (.pptx)",
    "zip-ofd": "OFD 版式文件 (.ofd)",
    "zip-odf": "OpenDocument 文件 (.ods/.odt)",
    "ole2": "旧版 Office 或 WPS 文件",
    "ole2-xls": "旧版 Excel 工作簿 (.xls)",
    "ole2-doc": "旧版 Word 文档 (.doc)",
    "ole2-ppt": "旧版 PowerPoint 演示文稿 (.ppt)",
    "ole2-encrypted": "加了密码的 Office 文件",
    "biff": "早期的 Excel 工作簿 (.xls)",
    "png": "图片 (.png)",
    "jpeg": "图片 (.jpg)",
    "gif": "图片 (.gif)",
    "bmp": "图片 (.bmp)",
    "tiff": "图片 (.tif)",
    "webp": "图片 (.webp)",
    "gzip": "压缩包 (.gz)",
    "7z": "压缩包 (.7z)",
    "rar": "压缩包 (.rar)",
    "sqlite": "SQLite 数据库",
    "locked": "被文件加密软件加密的文件",
    "binary": "无法识别的二进制文件",
}


_NAMED = {
    ".wps": "WPS 文字文档 (.wps)",
    ".wpt": "WPS 文字模板 (.wpt)",
    ".ett": "WPS 表格模板 (.ett)",
    ".dps": "WPS 演示文稿 (.dps)",
    ".ofd": "OFD 版式文件 (.ofd)",
}
"""What the name tells better than the content, which is a container like any other."""

_EMPTY = "文件是空的（0 字节），请重新导出。"
_AS_DOCX = "请用 Word 或 WPS 打开，另存为 .docx，再处理"
_AS_XLSX = "请用 Excel 或 WPS 打开，另存为 .xlsx，再处理"
_AS_PDF = "请用原电子文件另存为 .docx、.xlsx 或导出有文字层的 .pdf，再处理"
_UNPACK = "请先解压，再处理里面的文件"
_DECRYPT = "请先解除密码或解密，再处理"

UNSUPPORTED = {
    ".wps": _AS_DOCX,
    ".wpt": _AS_DOCX,
    ".ett": _AS_XLSX,
    ".dps": _AS_PDF,
    "ole2-doc": _AS_DOCX,
    "rtf": _AS_DOCX,
    "xml-word": _AS_DOCX,
    "mht": "请用浏览器或 Word 打开，另存为 .html 或 .docx，再处理",
    "biff": _AS_XLSX,
    "zip-xlsb": _AS_XLSX,
    "xml-excel": _AS_XLSX,
    "zip-odf": "请用 WPS 或 LibreOffice 打开，另存为 .xlsx 或 .docx，再处理",
    "zip-ofd": _AS_PDF,
    "zip-pptx": _AS_PDF,
    "ole2-ppt": _AS_PDF,
    "png": _AS_PDF,
    "jpeg": _AS_PDF,
    "gif": _AS_PDF,
    "bmp": _AS_PDF,
    "tiff": _AS_PDF,
    "webp": _AS_PDF,
    "zip": _UNPACK,
    "gzip": _UNPACK,
    "7z": _UNPACK,
    "rar": _UNPACK,
    "sqlite": "请从原系统导出为 .xlsx 或 .csv，再处理",
    "xml": "请从原系统导出为 .xlsx 或 .csv，再处理",
    "ole2-encrypted": _DECRYPT,
    "locked": _DECRYPT,
    "ole2": "请用原来的软件打开，另存为 .docx 或 .xlsx，再处理",
    "binary": "可能已损坏或加密，请用原来的软件另存为 .docx、.xlsx 或 .pdf，再处理",
}
"""Kind, or extension where the name tells more -> what a clerk can do about it."""

_PROPER = {
    "text": ".txt 或 .csv",
    "html": ".html",
    "pdf": ".pdf",
    "zip-xlsx": ".xlsx",
    "zip-xlsm": ".xlsx（先另存为不带宏的）",
    "zip-docx": ".docx",
    "zip-docm": ".docx（先另存为不带宏的）",
    "ole2-xls": ".xls",
}
"""Kinds that are read, under these names only."""


def unsupported() -> list[tuple[str, str]]:
    """What is not read, with what to do instead: (name, advice), for people."""
    return [(_NAMED.get(kind) or describe(kind), advice) for kind, advice in UNSUPPORTED.items()]


def refusal(path: Path) -> str:
    """One sentence on a file whose extension no format has: what it is, and what to do."""
    suffix = path.suffix.lower()
    kind = kind_of(path)
    if kind == "empty":
        return _EMPTY
    if kind in ("ole2", "zip", "binary", "zip-ofd", "ole2-doc", "ole2-xls") and suffix in _NAMED:
        advice = UNSUPPORTED[suffix if suffix in UNSUPPORTED else "zip-ofd"]
        return f"这是{_NAMED[suffix]}，暂不支持；{advice}。"
    if kind in UNSUPPORTED:
        return f"这是{describe(kind)}，暂不支持；{UNSUPPORTED[kind]}。"
    told = f"扩展名是 {path.suffix}" if path.suffix else "文件没有扩展名"
    return f"不支持：{told}，内容是{describe(kind)}；请把扩展名改为 {_PROPER[kind]}，再处理。"


def describe(kind: str) -> str:
    """The Chinese name of a kind, as a clerk would say it.

    >>> describe("zip-xlsx")
    'Excel 工作簿 (.xlsx)'
    """
    return _NAMES.get(kind, _NAMES["binary"])


def require(path: Path, *kinds: str) -> str:
    """The file's kind, one of ``kinds``. Raises UnreadableFile that says what the file really is."""
    kind = kind_of(path)
    if kind in kinds:
        return kind
    if kind == "empty":
        raise UnreadableFile(_EMPTY)
    if kind in ("ole2-encrypted", "locked"):
        raise UnreadableFile(f"这是{describe(kind)}，请先解除密码或解密，再处理。")
    if kind == "binary":
        raise UnreadableFile("文件内容无法识别，可能已损坏或加密，请重新导出。")
    raise UnreadableFile(
        f"扩展名是 {path.suffix or '（无）'}，内容其实是{describe(kind)}。"
        "请用原来的软件打开，另存为正确的格式，再处理。"
    )


def kind_of(path: Path) -> str:
    """The kind of the file at ``path`` (see the list above); reads its two ends only."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                return _kind_of_zip(set(_zip_names(file, head)))
            if head.startswith(_OLE2):
                return _kind_of_ole2(set(_ole2_names(file, head)))
    except OSError:
        raise UnreadableFile("文件打不开：不存在、没有权限，或正被其他软件占用。") from None
    return _kind_of_head(head)


def _kind_of_head(head: bytes) -> str:
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "bmp"
    if b"%PDF-" in head[:1024] and b"\x00" not in head[: head.index(b"%PDF-")]:
        return "pdf" if b" obj" in head else _kind_of_text(head)
    return _kind_of_text(head) if head else "empty"


# --- zip ------------------------------------------------------------------------------------------


def _zip_names(file: BinaryIO, head: bytes) -> Iterator[str]:
    """Member names from the directory at the end, or from the start of a damaged package."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    end = tail.rfind(b"PK\x05\x06")
    if end >= 0 and len(tail) - end >= 22:
        length = unpack_from("<I", tail, end + 12)[0]
        start = size - len(tail) + end - length
        if start >= 0:
            file.seek(start)
            yield from _names_in(file.read(min(length, _DIRECTORY)), b"PK\x01\x02", 28, 46)
    yield from _names_in(head, b"PK\x03\x04", 26, 30)


def _names_in(block: bytes, signature: bytes, length_at: int, name_at: int) -> Iterator[str]:
    at = block.find(signature)
    while at >= 0 and at + name_at <= len(block):
        length = unpack_from("<H", block, at + length_at)[0]
        name = block[at + name_at : at + name_at + length]
        yield name.decode("utf-8", "replace").replace("\\", "/").lower()
        at = block.find(signature, at + name_at + length)


def _kind_of_zip(names: set[str]) -> str:
    """Part names in a package do not heed case (ECMA-376 part 2, 6.2.2)."""
    folders = {name.partition("/")[0] for name in names if "/" in name}
    macros = any(name.endswith("vbaproject.bin") for name in names)
    if "xl" in folders:
        if "xl/workbook.bin" in names:
            return "zip-xlsb"
        return "zip-xlsm" if macros else "zip-xlsx"
    if "word" in folders:
        return "zip-docm" if macros else "zip-docx"
    if "ppt" in folders:
        return "zip-pptx"
    if "ofd.xml" in names:
        return "zip-ofd"
    return "zip-odf" if {"mimetype", "content.xml"} <= names else "zip"


# --- OLE2 -----------------------------------------------------------------------------------------


def _ole2_names(file: BinaryIO, head: bytes) -> Iterator[str]:
    """Entry names of the directory, followed through the sector table ([MS-CFB] 2.2 to 2.6)."""
    if len(head) < 512:
        return
    shift = unpack_from("<H", head, 30)[0]
    if shift not in (9, 12):
        return
    size = 1 << shift
    tables = unpack_from("<109I", head, 76)
    sector, seen = unpack_from("<I", head, 48)[0], 0
    while sector < 0xFFFFFFFA and seen < 256:
        seen += 1
        block = _sector(file, sector, size)
        for at in range(0, len(block) - 127, 128):
            length = min(unpack_from("<H", block, at + 64)[0], 64)
            yield block[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
        table, slot = divmod(sector, size // 4)
        if table >= len(tables):
            return
        chain = _sector(file, tables[table], size)
        if len(chain) < size:
            return
        sector = unpack_from("<I", chain, slot * 4)[0]


def _sector(file: BinaryIO, number: int, size: int) -> bytes:
    file.seek((number + 1) * size)
    return file.read(size)


def _kind_of_ole2(names: set[str]) -> str:
    for name, kind in (
        ("EncryptedPackage", "ole2-encrypted"),
        ("Workbook", "ole2-xls"),
        ("Book", "ole2-xls"),
        ("WordDocument", "ole2-doc"),
        ("PowerPoint Document", "ole2-ppt"),
    ):
        if name in names:
            return kind
    return "ole2"


# --- text -----------------------------------------------------------------------------------------

_HTML = later(
    r"(?is)\s*(?:<!--(?>.*?-->)\s*)*+<(?:!doctype\s+html|(?:html|head|body|meta|title|table|style|script)\b)",
)
_XML = later(r"(?i)\s*<\?xml\b")
_MHT = later(r"(?i)\s*(?:From:[^\n]*\n(?:[^\n]+\n){0,8}?)?MIME-Version:\s*1\.0")
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x19\x1c-\x1f\x7f]")


def _kind_of_text(head: bytes) -> str:
    text = _as_text(head)
    if text is None:
        return "binary"
    if _XML.match(text):
        if "urn:schemas-microsoft-com:office:spreadsheet" in text:
            return "xml-excel"
        if "schemas.microsoft.com/office/word/2003/wordml" in text:
            return "xml-word"
        return "html" if re.search(r"<(?:!doctype\s+)?html\b", text, re.I) else "xml"
    if _HTML.match(text):
        return "html"
    return "mht" if _MHT.match(text) else "text"


def _as_text(head: bytes) -> str | None:
    """The head, decoded only so far that tags can be read; None if it is no text at all."""
    for mark, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(name, "replace")
    even, odd = head[::2].count(0), head[1::2].count(0)
    if (
        even + odd > len(head) // 50
    ):  # UTF-16 without a mark: the zeros stand on one side, but for 一
        if min(even, odd) * 2 > max(even, odd):
            return None
        return head.decode("utf-16-le" if odd > even else "utf-16-be", "replace")
    if len(_CONTROL.findall(head)) > len(head) // 50 + 4:
        return None
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
