"""Bad input: each fault gets one sentence and its exit status, nothing partial stays, and the other
files of the run are done. Every case runs the command line over the bad file and a good list.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from deid import cli
from deid.formats import ooxml
from deid.sample import resident_id

ROOT = Path(__file__).resolve().parent.parent
CARD, OTHER = resident_id(Random(11)), resident_id(Random(12))
PHONE = "13800138000"
LIST = f"姓名,身份证号,联系电话\r\n张建国,{CARD},{PHONE}\r\n李秀英,{OTHER},\r\n"
MASKED = LIST.replace(CARD[6:], "*" * 12).replace(OTHER[6:], "*" * 12).replace("00138000", "*" * 8)

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def sheet(*rows: str) -> str:
    return f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'


def people() -> str:
    """A header and one person."""
    head = "".join(map(text_cell, ("A1", "B1", "C1"), ("姓名", "身份证号", "联系电话")))
    cells = "".join(map(text_cell, ("A2", "B2", "C2"), ("张建国", CARD, PHONE)))
    return f'<row r="1">{head}</row><row r="2">{cells}</row>'


def workbook(content: str, *more: tuple[str, bytes]) -> bytes:
    """An xlsx package of one sheet."""
    parts = {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_TYPES}">'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEET_TYPE}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_RELS}"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_RELS}"><Relationship '
        f'Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": content,
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(name, part)
        for name, data in more:
            package.writestr(name, data)
    return target.getvalue()


def compound(*names: str) -> bytes:
    """An OLE2 file: header, sector table, one directory sector."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<H", header, 30, 9)
    struct.pack_into("<I", header, 48, 1)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    table = [0xFFFFFFFD, 0xFFFFFFFE] + [0xFFFFFFFF] * 126
    body = bytearray(512)
    for number, name in enumerate(["Root Entry", *names]):
        raw = name.encode("utf-16-le")
        body[number * 128 : number * 128 + len(raw)] = raw
        struct.pack_into("<H", body, number * 128 + 64, len(raw) + 2)
    return bytes(header) + struct.pack("<128I", *table) + bytes(body)


Outcome = tuple[int, str, str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "好名单.csv").write_bytes(LIST.encode())
    return tmp_path


@pytest.fixture
def deid_(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def call(*arguments: str) -> Outcome:
        capfd.readouterr()
        status = cli.run(arguments)
        sys.stdout.flush()
        out, err = capfd.readouterr()
        for secret in (CARD, PHONE, CARD[6:14]):
            assert secret not in out + err
        assert "Traceback" not in err
        return status, out, err

    return call


def good_is_done(folder: Path) -> bool:
    return (folder / "好名单.csv").read_bytes() == MASKED.encode()


def left_behind(folder: Path) -> list[str]:
    """Temporary files, hidden ones too."""
    return [path.name for path in folder.rglob(".*")]


def told_of(name: str, out: str) -> str:
    """The one line of the result list that speaks of a file."""
    (line,) = [line for line in out.splitlines() if name in line]
    return line


# ---------------------------------------------------------------------------- files that are refused

BOMB = b"<a>" + b" " * (40 << 20) + b"</a>"
ENTITIES = sheet(people()).replace(
    "<worksheet", '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;&b;">]><worksheet'
)
REFUSED = {
    "xlsx-empty": ("坏.xlsx", b"", 2, "空"),
    "xlsx-is-csv": ("坏.xlsx", LIST.encode(), 2, "纯文本"),
    "xlsx-is-html": ("坏.xlsx", b"<html><table><tr><td>1</td></tr></table></html>", 2, "网页"),
    "xlsx-is-xls": ("坏.xlsx", compound("Workbook"), 2, "xls"),
    "xlsx-is-pdf": ("坏.xlsx", b"%PDF-1.7\n", 2, "PDF"),
    "csv-is-xlsx": ("坏.csv", workbook(sheet(people())), 2, "Excel"),
    "csv-is-picture": ("坏.csv", b"\x89PNG\r\n\x1a\n" + bytes(99), 2, "图片"),
    "xlsx-encrypted": ("坏.xlsx", compound("EncryptionInfo", "EncryptedPackage"), 2, "密码"),
    "xlsx-cut": ("坏.xlsx", workbook(sheet(people()))[:-200], 2, "损坏|不完整"),
    "xlsx-cut-early": ("坏.xlsx", workbook(sheet(people()))[:300], 2, "损坏|不完整"),
    "xlsx-bomb": ("坏.xlsx", workbook(sheet(people()), ("xl/a.xml", BOMB)), 2, "压缩"),
    "xlsx-entities": ("坏.xlsx", workbook(ENTITIES), 2, "DOCTYPE|DTD|实体"),
    "xlsx-macro": ("坏.xlsx", workbook(sheet(people()), ("xl/vbaProject.bin", b"x")), 2, "宏"),
    "xlsx-bad-xml": ("坏.xlsx", workbook(sheet(people())[:-30]), 2, "损坏|XML|不完整"),
    "binary": ("坏.csv", bytes(range(256)) * 20, 2, "无法识别|损坏"),
    "unknown": ("坏.et2", b"x", 2, "不支持"),
    "no-extension": ("坏", b"x", 2, "扩展名"),
}


@pytest.mark.parametrize(("name", "content", "status", "words"), REFUSED.values(), ids=REFUSED)
def test_a_bad_file_is_named_and_the_others_are_done(
    here: Path, deid_: Callable[..., Outcome], name: str, content: bytes, status: int, words: str
) -> None:
    (here / "in" / name).write_bytes(content)
    got, out, _ = deid_("mask", f"in/{name}", "in/好名单.csv", "-o", "out")
    assert got == status
    line = told_of(name, out)
    assert any(word in line for word in words.split("|")), line
    assert not (here / "out" / name).exists()
    assert good_is_done(here / "out")
    assert not left_behind(here / "out")


@pytest.mark.parametrize("limit", ["MAX_MEMBERS", "MAX_UNPACKED"])
def test_a_package_over_a_limit(
    here: Path, deid_: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    (here / "in" / "大.xlsx").write_bytes(workbook(sheet(people())))
    monkeypatch.setattr(ooxml, limit, 1)
    status, out, _ = deid_("mask", "in", "-o", "out")
    assert status == 2
    assert "不予处理" in told_of("大.xlsx", out)
    assert good_is_done(here / "out")


def test_a_missing_file(here: Path, deid_: Callable[..., Outcome]) -> None:
    status, out, _ = deid_("mask", "没有.csv", "in/好名单.csv", "-o", "out")
    assert status == 2
    assert told_of("没有.csv", out).startswith("读不了")
    assert good_is_done(here / "out")


def test_a_folder_named_like_a_file_is_walked(here: Path, deid_: Callable[..., Outcome]) -> None:
    (here / "文件夹.csv").mkdir()
    (here / "文件夹.csv" / "内.csv").write_bytes(LIST.encode())
    status, _, _ = deid_("mask", "文件夹.csv", "-o", "out")
    assert status == 0
    assert (here / "out" / "内.csv").read_bytes() == MASKED.encode()


# --------------------------------------------------------------------- odd files that just work

JUST_WORK = {
    "empty": (b"", {}),
    "header-only": ("姓名,身份证号,联系电话\n".encode(), {}),
    "one-row": (f"姓名,身份证号\n张建国,{CARD}\n".encode(), {CARD: 12}),
    "one-row-no-header": (f"张建国,{CARD},{PHONE}\n".encode(), {CARD: 12, PHONE: 8}),
    "one-cell": (PHONE.encode(), {PHONE: 8}),
    "blank-lines": (f"\n\n\r\n姓名,电话\n\n张建国,{PHONE}\n\n\n".encode(), {PHONE: 8}),
    "ragged": (
        f"姓名,身份证号,电话\n张建国,{CARD}\n李秀英,,{PHONE},多,出,来\n,\n王五\n".encode(),
        {CARD: 12, PHONE: 8},
    ),
    "mixed-ends": (f"姓名,电话\r\n张建国,{PHONE}\n李秀英,\r王五,{PHONE}\r\n".encode(), {PHONE: 8}),
    "gb18030": (LIST.encode("gb18030"), {CARD: 12, OTHER: 12, PHONE: 8}),
    "utf-16": (LIST.encode("utf-16"), {CARD: 12, OTHER: 12, PHONE: 8}),
    "bom": (LIST.encode("utf-8-sig"), {CARD: 12, OTHER: 12, PHONE: 8}),
    "megabyte-cell": (
        f"姓名,身份证号,备注\n张建国,{CARD},{'甲' * 350_000}\n".encode(),
        {CARD: 12},
    ),
    "many-columns": (
        (",".join(f"列{n}" for n in range(16_384)) + "\n" + f"建国,{PHONE}," * 8192).encode(),
        {PHONE: 8},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "hidden"), JUST_WORK.values(), ids=JUST_WORK)
def test_odd_lists_just_work(
    here: Path, deid_: Callable[..., Outcome], content: bytes, hidden: dict[str, int]
) -> None:
    (here / "in" / "怪.csv").write_bytes(content)
    status, out, err = deid_("mask", "in", "-o", "out")
    assert status in (0, 3), err
    for codec in ("utf-8", "gb18030", "utf-16-le"):
        for value, stars in hidden.items():
            shown = value[:-stars] + "*" * stars
            content = content.replace(value.encode(codec), shown.encode(codec))
    assert (here / "out" / "怪.csv").read_bytes() == content
    assert told_of("怪.csv", out).startswith("可发布" if status == 0 else "需人工查看")
    assert good_is_done(here / "out")


@pytest.mark.parametrize(
    "content",
    [
        LIST.encode()[:-2] + b"\x00\x00\r\n",
        LIST.encode() + "王五,,\n".encode("gb18030"),
        LIST.encode("gb18030") + "王五,,\n".encode(),
        LIST.encode() + b"\xff\xfe\xff,,\n",
    ],
    ids=["nul", "gbk-below-utf8", "utf8-below-gbk", "broken-bytes"],
)
def test_bytes_of_several_kinds_are_masked_and_told_or_refused(
    here: Path, deid_: Callable[..., Outcome], content: bytes
) -> None:
    (here / "in" / "怪.csv").write_bytes(content)
    status, out, _ = deid_("mask", "in", "-o", "out")
    written = here / "out" / "怪.csv"
    assert status == (3 if written.exists() else 2)
    assert not told_of("怪.csv", out).startswith("可发布")
    if written.exists():
        assert CARD.encode() not in written.read_bytes()
        assert len(written.read_bytes()) == len(content)
    assert good_is_done(here / "out")
    assert not left_behind(here / "out")


def test_the_last_row_and_the_last_column_of_a_sheet(
    here: Path, deid_: Callable[..., Outcome]
) -> None:
    far = text_cell("XFD1048576", f"电话{PHONE}")
    rows = f'{people()}<row r="1048576">{far}</row>'
    (here / "in" / "大.xlsx").write_bytes(workbook(sheet(rows)))
    status, _, err = deid_("mask", "in", "-o", "out")
    assert status in (0, 3), err
    with zipfile.ZipFile(here / "out" / "大.xlsx") as package:
        data = package.read("xl/worksheets/sheet1.xml").decode()
    assert "XFD1048576" in data
    assert CARD not in data
    assert PHONE not in data


# --------------------------------------------------------------------------------- the output folder


def test_the_output_folder_is_the_input_folder(here: Path, deid_: Callable[..., Outcome]) -> None:
    for overwrite in ((), ("--overwrite",)):
        status, out, err = deid_("mask", "in", "-o", "in", *overwrite)
        assert (status, out) == (2, "")
        assert "-o" in err
    assert (here / "in" / "好名单.csv").read_bytes() == LIST.encode()


def test_an_output_that_exists(here: Path, deid_: Callable[..., Outcome]) -> None:
    (here / "in" / "旧.csv").write_bytes(LIST.encode())
    (here / "out").mkdir()
    (here / "out" / "旧.csv").write_bytes(b"old")
    status, out, _ = deid_("mask", "in", "-o", "out")
    assert status == 1
    assert "--overwrite" in told_of("旧.csv", out)
    assert (here / "out" / "旧.csv").read_bytes() == b"old"
    assert good_is_done(here / "out")


def test_an_output_folder_below_a_file(here: Path, deid_: Callable[..., Outcome]) -> None:
    (here / "文件").write_bytes(b"x")
    status, _, err = deid_("mask", "in", "-o", "文件/out")
    assert status in (1, 2)
    assert err
    assert (here / "文件").read_bytes() == b"x"


FAULTS = {
    "read-only": (errno.EROFS, "只读"),
    "denied": (errno.EACCES, "权限"),
    "full": (errno.ENOSPC, "磁盘"),
    "quota": (errno.EDQUOT, "配额"),
    "input-output": (errno.EIO, "出错"),
}


@pytest.mark.parametrize(("number", "words"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_disk_that_fails_once(
    here: Path,
    deid_: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    words: str,
) -> None:
    failed: list[str] = []
    owner: object = {"fsync": os, "replace": Path, "open": os}[call]
    real = getattr(owner, call)

    def faulty(*arguments: object, **options: object) -> object:
        if not failed and _is_first(call, arguments):
            failed.append(call)
            raise OSError(number, os.strerror(number), str(here / "out"))
        return real(*arguments, **options)

    monkeypatch.setattr(owner, call, faulty)
    (here / "in" / "又一份.csv").write_bytes(LIST.encode())
    status, out, _ = deid_("mask", "in/又一份.csv", "in/好名单.csv", "-o", "out")
    assert failed
    assert status == 1
    assert words in told_of("又一份.csv", out)
    assert not (here / "out" / "又一份.csv").exists()
    assert good_is_done(here / "out")
    assert not left_behind(here / "out")


def _is_first(call: str, arguments: tuple[object, ...]) -> bool:
    return call == "fsync" or str(arguments[0]).endswith(".csv")


def test_a_full_disk_does_not_lose_the_older_output(
    here: Path, deid_: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "out").mkdir()
    (here / "out" / "好名单.csv").write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    status, out, _ = deid_("mask", "in", "-o", "out", "--overwrite", "--report", "json")
    assert status == 1
    assert "磁盘" in told_of("好名单.csv", out)
    assert (here / "out" / "好名单.csv").read_bytes() == b"old"
    assert not left_behind(here / "out")


# ------------------------------------------------------------------------------------------- signals

# Stops inside the writing of a file: os.fsync comes when the temporary file is complete.
STUCK = """
import os, signal
def fsync(number):
    os.write(2, b"ready\\n")
    while True:
        signal.pause()
os.fsync = fsync
"""


def stuck(here: Path) -> subprocess.Popen[bytes]:
    """A run that waits with a temporary file open."""
    (here / "sitecustomize.py").write_text(STUCK, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "deid", "mask", "in", "-o", "out"],
        cwd=here,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(ROOT)])},
    )
    assert process.stderr
    assert process.stderr.readline() == b"ready\n"
    return process


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(here: Path, number: int) -> None:
    process = stuck(here)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 130
    assert "已中断" in err.decode()
    assert CARD.encode() not in out + err
    assert not list((here / "out").iterdir())


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="POSIX signals")
def test_a_killed_run_leaves_a_hidden_file_at_most_and_the_next_run_removes_it(
    here: Path, deid_: Callable[..., Outcome]
) -> None:
    process = stuck(here)
    process.kill()
    process.communicate()
    assert all(name.startswith(".deid-") for name in left_behind(here / "out"))
    assert not (here / "out" / "好名单.csv").exists()
    assert deid_("mask", "in", "-o", "out")[0] == 0
    assert good_is_done(here / "out")
    assert not left_behind(here / "out")
