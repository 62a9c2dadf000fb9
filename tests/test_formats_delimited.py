"""CSV and TSV: read as csv.reader does, changed in place, everything else byte for byte."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats.delimited import Delimited, read
from deid.model import Edit

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"\xef\xbb\xbf",
    "gb18030": b"",
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _open(folder: Path, content: bytes, name: str = "a.csv", delimiter: str = "") -> Delimited:
    path = folder / name
    path.write_bytes(content)
    return read(path, delimiter=delimiter or None)


def _encoded(text: str, encoding: str) -> bytes:
    return ENCODINGS[encoding] + text.encode(encoding.removesuffix("-sig"))


def _cells(document: Delimited) -> list[dict[int, str]]:
    (table,) = document.parts
    rows = list(table.rows())
    assert [row.index for row in rows] == list(range(len(rows)))
    return [dict(row.cells) for row in rows]


def _reader_cells(text: str, delimiter: str) -> list[dict[int, str]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [{n: cell for n, cell in enumerate(row) if cell} for row in rows]


def _saved(document: Delimited, edits: Mapping[str, Sequence[Edit]] | None = None) -> bytes:
    target = io.BytesIO()
    document.save(target, edits or {})
    return target.getvalue()


def _edit(place: str, start: int, end: int, new: str) -> dict[str, list[Edit]]:
    return {place: [Edit(place, start, end, new)]}


# --- reading and writing nothing ------------------------------------------------------------------

_TEXT = st.text(
    st.one_of(
        st.sampled_from(list('",;\t|\r\n\n x0张汣')), st.characters(exclude_categories=["Cc", "Cs"])
    ),
    max_size=60,
)


@given(_TEXT, st.sampled_from(list(ENCODINGS)), st.sampled_from(",\t;|"))
@settings(max_examples=400, deadline=None)
def test_reads_like_csv_reader_and_saves_the_same_bytes(
    folder: Path, text: str, encoding: str, delimiter: str
) -> None:
    text = "姓名,x张三\n" + text
    content = _encoded(text, encoding)
    document = _open(folder, content, delimiter=delimiter)
    assert _cells(document) == _reader_cells(text, delimiter)
    assert _saved(document) == content
    assert list(document.raw()) == [("", content)]


@given(st.binary(max_size=80))
@settings(max_examples=400, deadline=None)
def test_any_bytes_come_back_or_are_refused(folder: Path, content: bytes) -> None:
    try:
        document = _open(folder, content)
    except UnreadableFile:
        return
    _cells(document)
    assert _saved(document) == content


_CELL = st.text(
    st.sampled_from(list("\",;\t|\r\n '=0123456789X张三李四王五号")),
    max_size=12,
)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_what_is_saved_is_what_was_edited(folder: Path, data: st.DataObject) -> None:
    delimiter = data.draw(st.sampled_from(",\t;|"))
    rows = data.draw(st.lists(st.lists(_CELL, min_size=2, max_size=4), min_size=1, max_size=5))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    target = io.StringIO()
    writer = csv.writer(
        target,
        delimiter=delimiter,
        lineterminator=end,
        quoting=data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])),
    )
    writer.writerows([["姓名", "身份证号"], *rows])
    encoding = data.draw(st.sampled_from(list(ENCODINGS)))
    document = _open(folder, _encoded(target.getvalue(), encoding), delimiter=delimiter)
    wanted = [dict(row) for row in _cells(document)]
    edits: dict[str, list[Edit]] = {}
    for row, cells in enumerate(wanted[1:], 1):
        for column, cell in list(cells.items()):
            start = data.draw(st.integers(0, len(cell)))
            stop = data.draw(st.integers(start, len(cell)))
            new = data.draw(st.sampled_from(["", "*", "***", '"', "a,b", "x\ny", "｜;|\t", "号"]))
            edits |= _edit(f"R{row}C{column}", start, stop, new)
            cells[column] = cell[:start] + new + cell[stop:]
    wanted = [{n: cell for n, cell in row.items() if cell} for row in wanted]
    once = _saved(document, edits)
    assert _saved(document, edits) == once
    assert _cells(_open(folder, once, delimiter=delimiter)) == wanted


# --- what stays, what changes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "edits", "after"),
    [
        ("a,13800138000\r\nb,2\n", _edit("R0C1", 3, 11, "*" * 8), "a,138********\r\nb,2\n"),
        ('a,"1""3"\n', _edit("R0C1", 2, 3, "*"), 'a,"1""*"\n'),
        ('"a","1"\n', _edit("R0C1", 0, 1, 'x"y'), '"a","x""y"\n'),
        ("a,1\n", _edit("R0C1", 0, 1, "x,y"), 'a,"x,y"\n'),
        ("a,1\n", _edit("R0C1", 0, 1, 'x"y'), 'a,"x""y"\n'),
        ("a,1\n", _edit("R0C1", 0, 1, "x\ny"), 'a,"x\ny"\n'),
        ('a,x"1\n', _edit("R0C1", 2, 3, "*"), 'a,x"*\n'),
        ('a,1"2\n', _edit("R0C1", 0, 1, ""), 'a,"""2"\n'),
        ('a,="13800138000"\n', _edit("R0C1", 5, 13, "*" * 8), 'a,="138********"\n'),
        ("a,'13800138000\n", _edit("R0C1", 4, 12, "*" * 8), "a,'138********\n"),
        ('a,"\t13800138000"\n', _edit("R0C1", 4, 12, "*" * 8), 'a,"\t138********"\n'),
        ('a,"12"34,5\n', _edit("R0C1", 1, 3, "**"), 'a,"1**4",5\n'),
        ('a,"12\n34', _edit("R0C1", 0, 2, "**"), 'a,"**\n34'),
        ("\n\na,1", _edit("R2C1", 0, 1, "*"), "\n\na,*"),
        ("a,1\rb,2\rc,3", _edit("R1C1", 0, 1, "*"), "a,1\rb,*\rc,3"),
        ("a\nb\n", _edit("R1C0", 0, 1, ""), 'a\n""\n'),
        ("a,\n", _edit("R0C1", 0, 0, "-"), "a,-\n"),
        (
            "甲,1,2\n乙,3,4\n",
            _edit("R1C2", 0, 1, "*") | _edit("R0C1", 0, 1, "×") | _edit("R1C0", 0, 1, "**"),
            "甲,×,2\n**,3,*\n",
        ),
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_save(
    folder: Path, before: str, edits: dict[str, list[Edit]], after: str, encoding: str
) -> None:
    document = _open(folder, _encoded(before, encoding), delimiter=",")
    assert _saved(document, edits) == _encoded(after, encoding)


def test_save_two_edits_in_a_cell(folder: Path) -> None:
    edits = {"R0C0": [Edit("R0C0", 0, 1, "**"), Edit("R0C0", 2, 3, "")]}
    assert _saved(_open(folder, b"1a2,b\n"), edits) == b"**a,b\n"


@pytest.mark.parametrize(
    "edits",
    [
        _edit("R9C0", 0, 0, "*"),
        _edit("R0C9", 0, 0, "*"),
        _edit("R0C0", 0, 9, "*"),
        _edit("R0C0", 0, 1, "\ud800"),
        _edit("L0", 0, 1, "*"),
        _edit(f"R{1 << 32}C0", 0, 0, "*"),
        {"R0C0": [Edit("R0C0", 0, 1, "*"), Edit("R0C0", 0, 1, "*")]},
    ],
)
def test_save_refuses_what_is_not_there(folder: Path, edits: dict[str, list[Edit]]) -> None:
    with pytest.raises(UnsafeEdit):
        _saved(_open(folder, b"a,b\n"), edits)


def test_close(folder: Path) -> None:
    document = _open(folder, b"a,b\n")
    document.close()
    assert list(document.parts) == []
    assert _saved(document) == b""


# --- delimiter ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("姓名,电话\n张三,1\n", ["姓名", "电话"]),
        ("姓名\t住址\n张三\t东路,1号\n李四\t西路,2号\n", ["姓名", "住址"]),
        ("姓名;金额\n张三;3,5\n李四;4,2\n", ["姓名", "金额"]),
        ("3,5;4,2\n1,5;2,25\n", ["3,5", "4,2"]),
        ("姓名|住址|账号\n张三|东路,1号,2室|1\n李四|西路,2号,3室|2\n", ["姓名", "住址", "账号"]),
        ("姓名｜电话\n张三｜1\n", ["姓名", "电话"]),
        ("姓名,电话\n张三,1;2\n李四,3;4\n", ["姓名", "电话"]),
        ("姓名,备注\n张三,a|b\n李四,c|d\n", ["姓名", "备注"]),
        ('"姓名"\t"住址"\n"张,三"\t"东,路"\n', ["姓名", "住址"]),
        ('姓名;住址\n"张;三";"a,b,c\nd"\n', ["姓名", "住址"]),
        ("电话\n1;2\n3;4\n", ["电话"]),
        ("姓名\n张三\n", ["姓名"]),
        ("姓名\n东路1号\n西路,2号\n南路3号\n北路4号\n", ["姓名"]),
        ("sep=;\n姓名;a,b,c\n", ["sep=", ""]),
        ("1,2,3\n4,5,6\n", ["1", "2", "3"]),
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_delimiter(folder: Path, text: str, cells: list[str], encoding: str) -> None:
    document = _open(folder, _encoded(text, encoding))
    assert _cells(document)[0] == {n: cell for n, cell in enumerate(cells) if cell}


def test_delimiter_below_a_title(folder: Path) -> None:
    text = "某村公示名单\n\n序号|姓名|住址\n1|张三|东路,1号,2室\n2|李四|西路,3号,4室\n"
    assert _cells(_open(folder, text.encode()))[2] == {0: "序号", 1: "姓名", 2: "住址"}


def test_delimiter_of_tsv(folder: Path) -> None:
    text = "张三,男\t1\n李四,女\t2\n"
    document = _open(folder, text.encode(), "a.tsv")
    assert document.format == "tsv"
    assert _cells(document)[0] == {0: "张三,男", 1: "1"}
    assert _cells(_open(folder, b"a,b\nc,d\n", "a.tsv"))[0] == {0: "a", 1: "b"}


def test_place(folder: Path) -> None:
    (table,) = _open(folder, b"a,b\n").parts
    assert (table.name, table.place(3, 2)) == ("", "R3C2")


# --- encodings ------------------------------------------------------------------------------------


def test_gb18030_whose_second_byte_is_a_bar(folder: Path) -> None:
    text = "姓名|住址|账号\n張|陽|1\n" + "倈|亅|3\n" * 3  # characters that end in 0x7C
    content = text.encode("gb18030")
    assert content.count(b"|") > text.count("|")
    document = _open(folder, content)
    assert _cells(document) == _reader_cells(text, "|")
    edits = _edit("R2C2", 0, 1, "*")
    assert _saved(document, edits).decode("gb18030") == text.replace("3", "*", 1)


def test_utf16_without_a_mark(folder: Path) -> None:
    for name in ("utf-16-le", "utf-16-be"):
        content = "姓名,电话\r\n丁一,13800138000\r\n".encode(name)
        document = _open(folder, content)
        assert _cells(document)[1] == {0: "丁一", 1: "13800138000"}
        saved = _saved(document, _edit("R1C1", 3, 11, "*" * 8))
        assert saved.decode(name) == "姓名,电话\r\n丁一,138********\r\n"


def test_utf16_line_end_bytes_between_two_characters(folder: Path) -> None:
    text = "\u0a61\u0041,\u0d00\u0a00\n一\u4e0a\u000aX,\u220d\u0a22\n"
    for name in ("utf-16-le", "utf-16-be"):
        assert _cells(_open(folder, _encoded(text, name))) == _reader_cells(text, ",")


def test_utf16_lone_surrogate_is_kept(folder: Path) -> None:
    content = b"\xff\xfe" + "a,\ud83d,1\n".encode("utf-16-le", "surrogatepass")
    document = _open(folder, content)
    assert _saved(document) == content
    assert _saved(document, _edit("R0C2", 0, 1, "*")) == content.replace(b"1", b"*")


def test_lines_in_two_encodings(folder: Path) -> None:
    lines = [
        "姓名,住址\n".encode(),
        *["张三,东路1号\n".encode()] * 5,
        "李四,西路2号\n".encode("gbk"),
    ]
    document = _open(folder, b"".join(lines))
    assert _cells(document)[6] == {0: "李四", 1: "西路2号"}
    assert [remark.look for remark in document.remarks] == [True]
    saved = _saved(document, _edit("R6C1", 2, 4, "**号×") | _edit("R1C1", 2, 4, "**号×"))
    assert saved.splitlines()[6] == "李四,西路**号×".encode("gb18030")
    assert saved.splitlines()[1] == "张三,东路**号×".encode()


def test_a_few_broken_bytes(folder: Path) -> None:
    for name in ("utf-8", "gb18030"):
        line = "王小明,北路3号\n".encode(name)
        cut = "张三东".encode(name)[:-1] + b",\x80,13800138000\n"
        content = line * 30 + cut + line
        document = _open(folder, content)
        assert "从第 31 行起，有 1 行" in document.remarks[0].message
        assert _saved(document) == content
        saved = _saved(document, _edit("R30C2", 3, 11, "*" * 8))
        assert saved == content.replace(b"00138000", b"*" * 8)


def test_bar_is_no_delimiter_where_encodings_differ(folder: Path) -> None:
    content = "姓名|住址|号\n张三|东路|1\n".encode("gbk") * 9 + "李小四|西路|2\n".encode()
    document = _open(folder, content)
    assert _cells(document)[-1] == {0: "李小四|西路|2"}
    assert _saved(document) == content


def test_cell_of_two_lines_in_two_encodings(folder: Path) -> None:
    content = "姓名,住址\n张三,东\n".encode("gbk") * 9 + '"1李四\n'.encode() + "王五2".encode("gbk")
    document = _open(folder, content)
    assert _saved(document) == content
    cell = _cells(document)[18][0]
    edits = {"R18C0": [Edit("", 0, 1, "*"), Edit("", len(cell) - 1, len(cell), "*")]}
    assert _saved(document, edits) == content.replace(b"1", b"*").replace(b"2", b"*")


def test_gbk_below_an_utf8_mark(folder: Path) -> None:
    content = b"\xef\xbb\xbf" + "姓名,电话\n张三,1\n".encode("gbk")
    document = _open(folder, content)
    assert _cells(document)[0] == {0: "姓名", 1: "电话"}
    assert _saved(document) == content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1\x002,3\n", "NUL"),
        (b"a,b\n" * 300 + b"\0" * 9, "NUL"),
        ("a,1\0".encode("utf-16"), "NUL"),
        ("甲\u4e00\0a".encode("utf-16"), "NUL"),
        (b"\xff\xfe" + "1一\0".encode("utf-16-le"), "NUL"),
        ("a,b\n".encode("utf-32"), "UTF-32"),
        ("a,b\n".encode("utf-16")[:-1], "UTF-16"),
        ("甲,a\n".encode() + b"\xff\xfe\xfd,\xff\xff\n" * 40, "文字编码"),
        (b"PK\x03\x04", "压缩包"),
        (b"<html><table>", "网页"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
def test_refused(folder: Path, content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        _open(folder, content)
    assert words in str(caught.value)


def test_missing_file(folder: Path) -> None:
    with pytest.raises(UnreadableFile, match="打不开"):
        read(folder / "none.csv")


# --- odd shapes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,b\nc,"d\ne,f\n', "第 2 行有一个引号"),
        ('a,b\nc,"' + "x,y\n" * 60 + '"\n', "第 2 行占了 61 个文本行"),
        ("a,b\nc,d\ne,f\ng,h,i\n", "从第 4 行起，有 1 行的列数"),
    ],
)
def test_remarks(folder: Path, text: str, message: str) -> None:
    for encoding in ENCODINGS:
        document = _open(folder, _encoded(text, encoding))
        assert [remark.message[: len(message)] for remark in document.remarks] == [message]
        assert _cells(document) == _reader_cells(text, ",")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "a,b\n",
        "a,b\nc,d,,\n",
        "a,b,c\n合计,2\n",
        'a,b\n"x\ny",2\n',
        'a,b\nc,d\ne,f\n"x",y,z\n',
        "a\nb,c\n",
    ],
)
def test_remarks_noop(folder: Path, text: str) -> None:
    assert list(_open(folder, text.encode()).remarks) == []


def test_wide_and_long(folder: Path) -> None:
    wide = ",".join(f"{n}" for n in range(16_384))
    long = "x" * 1_000_000
    text = f'{wide}\n"{long}""",{long},1\n{wide}\n'
    document = _open(folder, text.encode())
    rows = _cells(document)
    assert (len(rows[0]), len(rows[1][0]), rows[2][16_383]) == (16_384, 1_000_001, "16383")
    edits = _edit("R2C16383", 0, 5, "*") | _edit("R1C2", 0, 1, "*")
    tail = f'{long}""",{long},*\n{wide[:-5]}*\n'
    assert _saved(document, edits) == f'{wide}\n"{tail}'.encode()


@pytest.mark.parametrize(
    "text",
    ['"' * 2_000_001, '"a\n' * 300_001, 'a,"' + "b\n" * 300_000, '"",' * 300_000 + '"'],
    ids=["quotes", "quotes and line ends", "open quote", "empty quotes"],
)
def test_quotes_without_end_are_read_in_one_go(folder: Path, text: str) -> None:
    """Quadratic work would not come back from any of these."""
    document = _open(folder, text.encode())
    assert _saved(document) == text.encode()
    assert sum(1 for _ in document.parts[0].rows()) >= 1
