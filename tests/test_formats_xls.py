"""Excel 97-2003: read as xlrd reads it, changed in its records, everything else as it was."""

from __future__ import annotations

import datetime
import io
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from struct import pack, pack_into, unpack_from
from typing import Any

import pytest
import xlrd  # type: ignore[import-untyped]
import xlwt  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats.ole2 import Container
from deid.formats.xls import Workbook, read
from deid.model import Edit, Table, Text

ID = "510104198304210019"
PHONE = 13800138000


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# --- making workbooks --------------------------------------------------------------------------------


def record(kind: int, payload: bytes = b"") -> bytes:
    return pack("<HH", kind, len(payload)) + payload


def wide(text: str, form: str = "<H") -> bytes:
    """A string with its count, two bytes a character."""
    return pack(form, len(text)) + b"\1" + text.encode("utf-16-le")


def narrow(text: str, form: str = "<H") -> bytes:
    return pack(form, len(text)) + b"\0" + text.encode("latin-1")


BOF_GLOBALS = record(0x809, pack("<HHHHII", 0x600, 5, 0x0DBB, 0x07CC, 0, 6))
BOF_SHEET = record(0x809, pack("<HHHHII", 0x600, 0x10, 0x0DBB, 0x07CC, 0, 6))
BOF_CHART = record(0x809, pack("<HHHHII", 0x600, 0x20, 0x0DBB, 0x07CC, 0, 6))
EOF = record(0x0A)


def number(row: int, column: int, value: float) -> bytes:
    return record(0x203, pack("<HHHd", row, column, 0, value))


def shared(row: int, column: int, index: int) -> bytes:
    return record(0xFD, pack("<HHHI", row, column, 0, index))


def formula(
    row: int, column: int, result: bytes, tokens: bytes = b"\x1e\1\0", *, grouped: bool = False
) -> bytes:
    head = pack("<HHH", row, column, 0) + result + pack("<HIH", 8 * grouped, 0, len(tokens))
    return record(6, head + tokens)


TEXT_RESULT = b"\0\0\0\0\0\0\xff\xff"


def strings(*texts: str) -> bytes:
    return record(0xFC, pack("<II", len(texts), len(texts)) + b"".join(map(wide, texts)))


def stream(
    sheets: Mapping[str, bytes], inside: bytes = b"", *, state: int = 0, kind: int = 0
) -> bytes:
    """A workbook stream: global records, then one part for each sheet."""
    names = [wide(name, "B") for name in sheets]
    head = len(BOF_GLOBALS) + sum(10 + len(name) for name in names) + len(inside) + len(EOF)
    pieces, at = [], head
    for name, body in zip(names, sheets.values(), strict=True):
        pieces.append(record(0x85, pack("<IBB", at, state, kind) + name))
        at += len(BOF_SHEET) + len(body) + len(EOF)
    parts = [BOF_SHEET + body + EOF for body in sheets.values()]
    return b"".join([BOF_GLOBALS, *pieces, inside, EOF, *parts])


def _plain_xls() -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    book.add_sheet("a").write(0, 0, "x")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


PLAIN = _plain_xls()


def packed(workbook: bytes) -> bytes:
    """A compound file with that one stream."""
    container = Container(PLAIN)
    return container.written({container.entries[0].index: workbook.ljust(4096, b"\0")})


def handmade(body: bytes, inside: bytes = b"") -> Workbook:
    return Workbook(packed(stream({"Sheet1": body}, inside)))


# --- looking at workbooks ----------------------------------------------------------------------------


def cells(document: Workbook) -> dict[str, str]:
    found = {}
    for part in document.parts:
        if isinstance(part, Table):
            for row in part.rows():
                for column, text in row.cells.items():
                    found[part.place(row.index, column)] = text
    return found


def texts(document: Workbook) -> dict[str, str]:
    return {part.place: part.text for part in document.parts if isinstance(part, Text)}


def saved(document: Workbook, edits: Mapping[str, Sequence[Edit]] | None = None) -> bytes:
    target = io.BytesIO()
    document.save(target, edits or {})
    return target.getvalue()


def whole(document: Workbook, **places: str) -> dict[str, list[Edit]]:
    """Edits that replace whole cells and texts."""
    old = {**cells(document), **texts(document)}
    return {place: [Edit(place, 0, len(old[place]), new)] for place, new in places.items()}


def changed(document: Workbook, places: Mapping[str, str]) -> Workbook:
    """The workbook with cells and texts replaced, opened afresh; nothing else may change."""
    data = saved(document, whole(document, **places))
    check_pointers(data)
    after = Workbook(data)
    expected = {**cells(document), **{p: n for p, n in places.items() if p in cells(document)}}
    assert cells(after) == {place: text for place, text in expected.items() if text}
    for place, text in texts(after).items():
        assert text == places.get(place, texts(document)[place])
    return after


def workbook_stream(data: bytes) -> bytes:
    container = Container(data)
    entry = next(e for e in container.entries if e.path[0] == "Workbook")
    return container.read(entry)


def walk(data: bytes) -> Iterator[tuple[int, int, int]]:
    at = 0
    while at + 4 <= len(data):
        kind, length = unpack_from("<HH", data, at)
        if kind == 0 and length == 0:
            return
        yield at, kind, length
        at += 4 + length
    assert at == len(data)


def check_pointers(file: bytes) -> None:
    """Everything in the stream that says where something stands is right."""
    data = workbook_stream(file)
    kinds = {at: kind for at, kind, _ in walk(data)}
    for at, kind, length in walk(data):
        assert length <= 8224
        if kind == 0x85:
            assert kinds[unpack_from("<I", data, at + 4)[0]] == 0x809
        if kind == 0x20B:
            for place in range(at + 4 + 16, at + 4 + length, 4):
                assert kinds[unpack_from("<I", data, place)[0]] == 0xD7
        if kind == 0xD7:
            row = at - unpack_from("<I", data, at + 4)[0]
            assert kinds[row] == 0x208
            cell = row + 20
            for place in range(at + 8, at + 4 + length, 2):
                cell += unpack_from("<H", data, place)[0]
                assert kinds[cell] in (0xFD, 0x203, 0x27E, 0xBD, 0x201, 0xBE, 6, 0x205, 0x204)
    rd = xlrd.open_workbook(file_contents=file, on_demand=True)
    lengths = [len(text.encode("utf-16-le")) // 2 for text in rd._sharedstrings]
    for at, kind, length in walk(data):
        if kind == 0xFF:
            bucket = unpack_from("<H", data, at + 4)[0]
            assert (length - 2) // 8 == -(-len(lengths) // bucket)
            for n, place in enumerate(range(at + 6, at + 4 + length, 8)):
                where, inner = unpack_from("<IH", data, place)
                assert unpack_from("<H", data, where)[0] == lengths[n * bucket]
                assert kinds[where - inner] in (0xFC, 0x3C)


def seen_by_xlrd(data: bytes) -> dict[str, Any]:
    """Values, and everything about the looks that xlrd reads."""
    book = xlrd.open_workbook(file_contents=data, formatting_info=True)
    return {
        "values": [
            {(r, c): s.cell(r, c).value for r in range(s.nrows) for c in range(s.ncols)
             if s.cell(r, c).ctype not in (0, 6)}
            for s in book.sheets()
        ],
        "looks": [
            (
                s.name, s.visibility, s.nrows, s.ncols, s.merged_cells,
                {c: (i.width, i.hidden) for c, i in s.colinfo_map.items()},
                {r: (i.height, i.hidden) for r, i in s.rowinfo_map.items()},
                [[s.cell_xf_index(r, c) for c in range(s.row_len(r))] for r in range(s.nrows)],
            )
            for s in book.sheets()
        ],
        "styles": [(x.font_index, x.format_key, x.alignment.hor_align) for x in book.xf_list],
    }  # fmt: skip


# --- reading -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listing() -> bytes:
    """A list as a county office would make one, with everything that xlwt can write."""
    book = xlwt.Workbook(encoding="utf-8")
    bold = xlwt.easyxf("font: bold on; align: horiz center")
    date = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    sheet = book.add_sheet("名单")
    sheet.write_merge(0, 0, 0, 4, "补贴名单", bold)
    for column, name in enumerate(["姓名", "身份证号", "电话", "日期", "金额"]):
        sheet.write(1, column, name, bold)
    for row in range(2, 40):
        sheet.write(row, 0, "张三")
        sheet.write(row, 1, ID)
        sheet.write(row, 2, PHONE + row)
        sheet.write(row, 3, datetime.date(2023, 5, row % 28 + 1), date)
        sheet.write(row, 4, 100.5)
    sheet.write(40, 4, xlwt.Formula("SUM(E3:E40)"), bold)
    sheet.write(41, 0, True)
    sheet.col(1).width = 6000
    sheet.col(4).hidden = True
    sheet.header_str = b"Tel 13900139000"
    sheet.row(5).hidden = True
    hidden = book.add_sheet("底稿")
    hidden.visibility = 2
    hidden.write(0, 0, ID)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_reads_cells_as_xlrd_does(listing: bytes) -> None:
    document = Workbook(listing)
    tables = [part for part in document.parts if isinstance(part, Table)]
    assert [(t.name, t.hidden, t.merges) for t in tables] == [
        ("名单", False, ((0, 0, 0, 4),)),
        ("底稿", True, ()),
    ]
    rows = {row.index: row for row in tables[0].rows()}
    assert dict(rows[2].cells) == {0: "张三", 1: ID, 2: "13800138002", 3: "2023-05-03", 4: "100.5"}
    assert rows[2].numbers == {2, 4}
    assert rows[2].dates == {3}
    assert rows[41].cells == {0: "TRUE"}
    assert tables[0].place(2, 27) == "名单!AB3"


def test_texts_of_a_list(listing: bytes) -> None:
    found = texts(Workbook(listing))
    assert "Tel 13900139000" in found.values()
    assert found["工作簿#工作表名1"] == "名单"


def test_no_edit_no_change(listing: bytes) -> None:
    assert saved(Workbook(listing)) == listing
    assert saved(Workbook(listing), {"名单!B3": []}) == listing


def test_edits_keep_the_looks(listing: bytes) -> None:
    document = Workbook(listing)
    edits = whole(document, **{"名单!B3": "5101**", "名单!C3": "138****8002", "名单!A1": "名单"})
    edits["名单!B4"] = [Edit("", 6, 18, "*" * 12)]
    after = seen_by_xlrd(saved(document, edits))
    before = seen_by_xlrd(listing)
    before["values"][0].update(
        {(2, 1): "5101**", (2, 2): "138****8002", (0, 0): "名单", (3, 1): "510104" + "*" * 12}
    )
    assert after == before
    check_pointers(saved(document, edits))


def test_calamine_reads_what_was_written(listing: bytes) -> None:
    document = Workbook(listing)
    data = saved(document, whole(document, **{"名单!B3": "5101**", "名单!C3": "138****8002"}))
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    assert book.sheet_names == ["名单", "底稿"]
    assert book.get_sheet_by_index(0).to_python()[2][:3] == ["张三", "5101**", "138****8002"]
    assert book.get_sheet_by_index(0).to_python()[3][:3] == ["张三", ID, PHONE + 3]


def test_a_string_that_cells_share_is_edited_for_one(listing: bytes) -> None:
    document = Workbook(listing)
    data = saved(document, whole(document, **{"名单!B3": "*"}))
    assert cells(Workbook(data))["名单!B4"] == ID
    assert cells(Workbook(data))["底稿!A1"] == ID


def test_nothing_survives_when_all_uses_are_edited(listing: bytes) -> None:
    document = Workbook(listing)
    places = [place for place, text in cells(document).items() if text == ID]
    data = saved(document, whole(document, **{p: f"{n % 3}*" for n, p in enumerate(places)}))
    for codec in ("latin-1", "utf-16-le"):
        assert ID.encode(codec) not in data


# --- cells of every kind -----------------------------------------------------------------------------

RK_PHONE = pack("<HI", 0, 0x40000003)


def rk(value: int) -> int:
    return (value << 2 | 2) & 0xFFFFFFFF


def test_every_kind_of_cell() -> None:
    body = b"".join(
        [
            record(0x204, pack("<HHH", 0, 0, 0) + wide("标签")),
            record(0xD6, pack("<HHH", 0, 1, 0) + narrow("rich") + pack("<HHH", 1, 0, 1)),
            record(0x27E, pack("<HHHI", 0, 2, 0, rk(1234567) | 1)),
            record(0xBD, pack("<HH", 1, 0) + b"".join(pack("<HI", 0, rk(n)) for n in (7, 8, 9, -1))
                   + pack("<H", 3)),
            record(0x205, pack("<HHHBB", 2, 0, 0, 0x2A, 1)),
            record(0x205, pack("<HHHBB", 2, 1, 0, 0, 0)),
            formula(3, 0, pack("<d", PHONE)),
            formula(3, 1, TEXT_RESULT) + record(0x207, wide("算出来")),
            formula(3, 2, b"\1\0\1\0\0\0\xff\xff"),
            formula(3, 3, b"\2\0\7\0\0\0\xff\xff"),
            formula(3, 4, b"\3\0\0\0\0\0\xff\xff"),
        ]
    )  # fmt: skip
    document = handmade(body)
    expected = {
        "A1": "标签", "B1": "rich", "C1": "12345.67", "A2": "7", "B2": "8", "C2": "9", "D2": "-1",
        "A3": "#N/A", "B3": "FALSE", "A4": "13800138000", "B4": "算出来", "C4": "TRUE",
        "D4": "#DIV/0!",
    }  # fmt: skip
    assert cells(document) == {f"Sheet1!{cell}": text for cell, text in expected.items()}
    for place in cells(document):
        changed(document, {place: "改*后"})
        changed(document, {place: ""})
    changed(document, {place: f"{n}*" for n, place in enumerate(cells(document))})
    changed(document, {"Sheet1!B2": "*", "Sheet1!D2": "*"})


TEXTS_OF_CELLS = {"Sheet1!A1": "a", "Sheet1!A2": "b", "Sheet1!A3": "c"}


def _group(kind: int) -> bytes:
    """Three text formulas that share one."""
    exp = b"\1\0\0\0\0"
    head = pack("<HHBB", 0, 2, 0, 0) + (b"\0\3" if kind == 0x4BC else b"\0\0\0\0\0\0")
    first = formula(0, 0, TEXT_RESULT, exp, grouped=True)
    first += record(kind, head + pack("<H", 3) + b"\x1e\1\0") + record(0x207, narrow("a"))
    rest = [
        formula(row, 0, TEXT_RESULT, exp, grouped=True) + record(0x207, narrow(text))
        for row, text in ((1, "b"), (2, "c"))
    ]
    return first + b"".join(rest)


def _formulas(document: Workbook) -> int:
    return sum(kind == 6 for _, kind, _ in walk(workbook_stream(document._file)))


@pytest.mark.parametrize(
    ("kind", "place", "left"),
    [(0x4BC, "Sheet1!A2", 2), (0x4BC, "Sheet1!A1", 0), (0x221, "Sheet1!A2", 0)],
)
def test_formulas_that_cells_share(kind: int, place: str, left: int) -> None:
    document = handmade(_group(kind))
    assert cells(document) == TEXTS_OF_CELLS
    assert _formulas(changed(document, {place: "*"})) == left


def test_a_data_table_stays() -> None:
    document = handmade(_group(0x236))
    with pytest.raises(UnsafeEdit):
        saved(document, whole(document, **{"Sheet1!A1": "*"}))


def test_rich_text_keeps_its_runs() -> None:
    runs = pack("<HHHHHH", 2, 1, 8, 2, 18, 3)
    text = "电话13800138000，地址某村3组"
    item = pack("<HBH", len(text), 9, 3) + text.encode("utf-16-le") + runs
    document = handmade(shared(0, 0, 0), record(0xFC, pack("<II", 1, 1) + item))
    data = saved(document, {"Sheet1!A1": [Edit("", 2, 13, "138*")]})
    assert cells(Workbook(data)) == {"Sheet1!A1": "电话138*，地址某村3组"}
    sheet = xlrd.open_workbook(file_contents=data).sheet_by_index(0)
    assert sheet.cell_value(0, 0) == "电话138*，地址某村3组"
    stored = workbook_stream(data)
    at = stored.index("3组".encode("utf-16-le")) + 4
    assert stored[at : at + 12] == pack("<HHHHHH", 2, 1, 6, 2, 11, 3)


def test_pronunciations_are_shown_and_dropped() -> None:
    spoken = "13800138000"
    inner = pack("<IHHH", 0, 0, len(spoken), len(spoken)) + spoken.encode("utf-16-le")
    extra = pack("<HH", 1, len(inner)) + inner
    item = pack("<HBI", 1, 5, len(extra)) + "张".encode("utf-16-le") + extra
    document = handmade(shared(0, 0, 0), record(0xFC, pack("<II", 1, 1) + item))
    place = "字符串表#0#拼音"
    assert texts(document)[place] == spoken
    after = Workbook(saved(document, whole(document, **{place: "*"})))
    assert place not in texts(after)
    assert cells(after) == {"Sheet1!A1": "张"}


def test_a_string_that_no_cell_uses_is_shown() -> None:
    document = handmade(shared(0, 0, 0), strings("张三", ID))
    assert texts(document)["字符串表#1"] == ID
    changed(document, {"字符串表#1": "5101*"})


def test_cells_out_of_order() -> None:
    document = handmade(number(5, 0, 1) + number(0, 3, 2) + number(0, 1, 3))
    (table,) = [part for part in document.parts if isinstance(part, Table)]
    assert [(row.index, list(row.cells)) for row in table.rows()] == [(0, [1, 3]), (5, [0])]
    changed(document, {"Sheet1!D1": "*"})


def test_dates_of_1904() -> None:
    style = record(0xE0, pack("<HH16x", 0, 14))
    document = handmade(number(0, 0, 1), record(0x22, b"\1\0") + style)
    assert cells(document) == {"Sheet1!A1": "1904-01-02"}


def _indexed() -> bytes:
    """A stream as Excel writes it: row blocks with INDEX and DBCELL, strings with EXTSST."""
    texts_ = [f"{ID}{n}" * (n % 7 + 1) for n in range(600)]
    table = b"".join(map(wide, texts_))
    pieces, starts, at = [], [], 0
    for number_, text in enumerate(texts_):  # cut between strings, for simplicity
        item = wide(text)
        if at + len(item) > 8000:
            at = 0
            pieces.append(b"")
        if number_ % 8 == 0:
            starts.append((len(pieces), at))
        pieces = pieces or [pack("<II", 600, 600)]
        pieces[-1] += item
        at += len(item)
    assert len(b"".join(pieces)) == len(table) + 8
    sst = b"".join(record(0x3C if n else 0xFC, piece) for n, piece in enumerate(pieces))
    inside = sst + record(0xFF, pack("<H", 8) + bytes(8 * len(starts)))
    blocks, dbcells = [], []
    index = record(0x20B, pack("<IIII", 0, 0, 64, 0) + bytes(8))
    header = record(0x14, wide("&C1"))
    done = len(index) + len(header)
    for first in (0, 32):
        rows = b"".join(
            record(0x208, pack("<HHHHHHI", row, 0, 4, 255, 0, 0, 0x100))
            for row in range(first, first + 32)
        )
        steps, content, last = [], b"", 20 * 31
        for row in range(first, first + 32):
            steps.append(last)
            cells_ = shared(row, 0, row * 9) + record(
                0xBD, pack("<HH", row, 1) + pack("<HI", 0, rk(row)) * 3 + pack("<H", 3)
            )
            content += cells_
            last = len(cells_)
        block = rows + content
        dbcell = record(0xD7, pack("<I32H", len(block), *steps))
        dbcells.append(done + len(block))
        blocks.append(block + dbcell)
        done += len(block) + len(dbcell)
    body = index + header + b"".join(blocks)
    workbook = bytearray(stream({"Sheet1": body}, inside))
    bof = workbook.index(BOF_SHEET)
    for n, place in enumerate(dbcells):
        pack_into("<I", workbook, bof + 20 + 20 + 4 * n, bof + 20 + place)
    at = workbook.index(sst)
    sizes = [4 + len(piece) for piece in pieces]
    ext = workbook.index(record(0xFF, pack("<H", 8) + bytes(8 * len(starts))))
    for n, (piece, inner) in enumerate(starts):
        piece = max(piece, 1) - 1
        inner += 4 + (8 if piece == 0 else 0)
        pack_into("<IHH", workbook, ext + 6 + 8 * n, at + sum(sizes[:piece]) + inner, inner, 0)
    return packed(bytes(workbook))


def test_shortcuts_to_rows_and_strings_are_put_right() -> None:
    data = _indexed()
    check_pointers(data)
    document = Workbook(data)
    for places in (["C3"], ["A1"], ["A1", "B1", "C2", "D33", "A40"], ["B64"]):
        changed(document, {f"Sheet1!{place}": "改了*" for place in places})
    changed(document, dict.fromkeys(cells(document), "*"))
    changed(document, {"Sheet1#页眉1": "电话"})


# --- texts outside the cells -------------------------------------------------------------------------


def _comment(text: str, *, cell: tuple[int, int] = (0, 0), number: int = 1) -> bytes:
    drawing = record(0x5D, pack("<HHHHH12x", 0x15, 0x12, 0x19, number, 0) + bytes(4))
    head = pack("<HH6xHHHH", 0x212, 0, len(text), 16, 0, 0)
    runs = pack("<HHIHHI", 0, 0, 0, len(text), 0, 0)
    box = record(0x1B6, head) + record(0x3C, b"\1" + text.encode("utf-16-le")) + record(0x3C, runs)
    return drawing + box + record(0x1C, pack("<HHHH", *cell, 0, number) + wide("李四"))


URL = bytes.fromhex("e0c9ea79f9bace118c8200aa004ba90b")
LINKED = bytes.fromhex("d0c9ea79f9bace118c8200aa004ba90b")
FILE = bytes.fromhex("0303000000000000c000000000000046")


def _link(address: str) -> bytes:
    url = (address + "\0").encode("utf-16-le")
    shown = pack("<I", 3) + "邮箱\0".encode("utf-16-le")
    body = pack("<II", 2, 0x17) + shown + URL + pack("<I", len(url)) + url
    return record(0x1B8, pack("<HHHH", 0, 0, 0, 0) + LINKED + body)


def _file_link(path: str) -> bytes:
    plain = path.encode("gb18030") + b"\0"
    inner = path.encode("utf-16-le")
    size = len(inner) + 6
    body = pack("<II", 2, 1) + FILE + pack("<HI", 0, len(plain)) + plain + bytes(24)
    body += pack("<IIH", size, len(inner), 3) + inner
    return record(0x1B8, pack("<HHHH", 0, 0, 0, 0) + LINKED + body)


def _validation(text: str) -> bytes:
    listed = b"\x17" + bytes([len(text)]) + b"\0" + text.encode()
    titles = wide("提示") + wide("出错") + wide(f"例如{text}") + wide("\0")
    formulas = pack("<HH", len(listed), 0) + listed + pack("<HH", 0, 0)
    return record(0x1BE, pack("<I", 3) + titles + formulas + pack("<HHHHH", 1, 0, 9, 0, 0))


def _name(name: str, value: str) -> bytes:
    tokens = b"\x17" + bytes([len(value)]) + b"\0" + value.encode()
    head = pack("<HBBHHH4x", 0, 0, len(name), len(tokens), 0, 0)
    return record(0x18, head + b"\1" + name.encode("utf-16-le") + tokens)


def _condition(value: str) -> bytes:
    tokens = b"\x17" + bytes([len(value)]) + b"\0" + value.encode()
    return record(0x1B1, pack("<BBHHIH", 1, 3, len(tokens), 0, 0, 0) + tokens)


def _criterion(value: str) -> bytes:
    first = pack("<BBIBBH", 6, 2, 0, len(value), 0, 0)
    return record(0x9E, pack("<HH", 0, 0) + first + bytes(10) + b"\0" + value.encode())


SHEET_TEXTS = {
    "comment": (_comment(f"电话{PHONE}"), "Sheet1!A1#comment"),
    "author": (_comment("x"), "Sheet1!A1#批注作者"),
    "header": (record(0x14, wide(f"&C{PHONE}")), "Sheet1#页眉1"),
    "link": (_link("mailto:a@example.com"), "Sheet1!A1#超链接地址"),
    "link text": (_link("mailto:a@example.com"), "Sheet1!A1#超链接文字"),
    "file": (_file_link("..\\张三.doc"), "Sheet1!A1#超链接文件"),
    "file name": (_file_link("..\\张三.doc"), "Sheet1!A1#超链接文件#2"),
    "tip": (_link("mailto:a@example.com") + record(0x800, pack("<HHHHH", 0x800, 0, 0, 0, 0) + "提示\0".encode("utf-16-le")),
            "Sheet1!A1#超链接提示"),
    "prompt": (_validation(str(PHONE)), "Sheet1#有效性提示1"),
    "list": (_validation(str(PHONE)), "Sheet1#有效性公式1"),
    "condition": (_condition(ID), "Sheet1#条件格式1"),
    "filter": (_criterion(ID), "Sheet1#筛选条件1"),
    "formula": (formula(0, 1, pack("<d", 1), b"\x17\x12\0" + ID.encode()), "Sheet1!B1#formula"),
}  # fmt: skip


@pytest.mark.parametrize(
    "new", ["*", "改得比原来长很多很多很多的一段文字" * 2], ids=["short", "long"]
)
@pytest.mark.parametrize(("body", "place"), SHEET_TEXTS.values(), ids=list(SHEET_TEXTS))
def test_texts_of_a_sheet(body: bytes, place: str, new: str) -> None:
    document = handmade(number(0, 0, 1) + body)
    old = texts(document)[place]
    after = changed(document, {place: new})
    assert texts(after).get(place, new) == new
    if not any(old in text for other, text in texts(document).items() if other != place):
        assert old.encode("utf-16-le") not in saved(after)
        assert old.encode("gb18030") not in saved(after)


BOOK_TEXTS = {
    "user": (record(0x5C, wide("张三").ljust(112, b" ")), "工作簿#最后使用者1", "张*"),
    "name": (_name("户主", ID), "工作簿#名称1", "户●"),
    "constant": (_name("户主", ID), "工作簿#名称公式1", "51*"),
    "other book": (record(0x1AE, pack("<H", 1) + wide("\1张三.xls") + wide("Sheet9")),
                   "工作簿#外部文件1", "\1●.xls"),
    "other sheet": (record(0x1AE, pack("<H", 1) + wide("\1张三.xls") + wide("Sheet9")),
                    "工作簿#外部工作表1", "表"),
    "other cells": (record(0x5A, pack("<BBH", 1, 0, 0) + b"\2" + wide("a") + b"\2" + narrow(ID)),
                    "工作簿#外部单元格2", "51*"),
    "format": (record(0x41E, pack("<H", 200) + wide('"电话"0')), "工作簿#数字格式1", '"话"0'),
    "sheet name": (b"", "工作簿#工作表名1", "表一●"),
}  # fmt: skip


@pytest.mark.parametrize(("inside", "place", "new"), BOOK_TEXTS.values(), ids=list(BOOK_TEXTS))
def test_texts_of_a_workbook(inside: bytes, place: str, new: str) -> None:
    document = handmade(b"", inside)
    after = Workbook(saved(document, whole(document, **{place: new})))
    assert texts(after) == {**texts(document), place: new}


def test_unknown_records_are_overwritten_in_place() -> None:
    document = handmade(record(0x1234, b"\0\1" + ID.encode() + b"\2\3"))
    (place,) = [place for place, text in texts(document).items() if text == ID]
    changed(document, {place: "510104" + "*" * 12})
    with pytest.raises(UnsafeEdit):
        saved(document, whole(document, **{place: "*"}))


def test_a_drawing_that_goes_on_behind_a_comment() -> None:
    more = record(0x3C, b"\0\1" + ID.encode() + bytes(40))
    comment = _comment(f"电话{PHONE}")
    cut = comment.index(pack("<HH", 0x1C, 8 + 7))
    document = handmade(comment[:cut] + more + comment[cut:])
    found = texts(document)
    assert found["Sheet1!A1#comment"] == f"电话{PHONE}"
    assert found["Sheet1#记录EC.1.2"] == ID
    changed(document, {"Sheet1!A1#comment": "*", "Sheet1#记录EC.1.2": "*" * 18})


def test_a_very_long_comment() -> None:
    document = handmade(_comment("x"))
    after = changed(document, {"Sheet1!A1#comment": "电话很长" * 5000})
    changed(after, {"Sheet1!A1#comment": "短"})
    with pytest.raises(UnsafeEdit):
        saved(document, whole(document, **{"Sheet1!A1#comment": "x" * 33_000}))


def test_too_long_for_its_place() -> None:
    document = handmade(shared(0, 0, 0) + record(0x14, wide("x")), strings("x"))
    for place in ("Sheet1!A1", "Sheet1#页眉1", "工作簿#工作表名1"):
        with pytest.raises(UnsafeEdit):
            saved(document, whole(document, **{place: "x" * 33_000}))


@pytest.mark.parametrize(
    "tokens",
    [
        b"\x1d\1\x19\2\x16\0\x17\x12\0" + ID.encode() + b"\x19\x08\3\0\x22\2\1\0",
        b"\x1f" + pack("<d", PHONE),
        b"\x19\4\1\0\0\0\0\0\x17\x0b\0" + str(PHONE).encode(),
        b"\x18\x17\x12\0" + ID.encode(),
    ],
    ids=["jump", "number", "choose", "unknown token"],
)
def test_a_formula_that_cannot_be_rewritten_becomes_its_value(tokens: bytes) -> None:
    document = handmade(formula(0, 0, pack("<d", 5), tokens))
    after = changed(document, {"Sheet1!A1#formula": "*"})
    assert _formulas(after) == 0
    again = handmade(formula(0, 0, TEXT_RESULT, tokens) + record(0x207, wide("值")))
    assert cells(changed(again, {"Sheet1!A1#formula": "*"})) == {"Sheet1!A1": "值"}
    truth = handmade(formula(0, 0, b"\1\0\1\0\0\0\xff\xff", tokens))
    assert cells(changed(truth, {"Sheet1!A1#formula": "*"})) == {"Sheet1!A1": "TRUE"}


NUMBERS = {
    "filter": (record(0x9E, pack("<HHBBd", 0, 0, 4, 2, PHONE) + bytes(10)), b""),
    "name": (
        b"",
        record(0x18, pack("<HBBHHH4x", 0, 0, 1, 9, 0, 0) + b"\0a\x1f" + pack("<d", PHONE)),
    ),
}


@pytest.mark.parametrize(("body", "inside"), NUMBERS.values(), ids=list(NUMBERS))
def test_numbers_outside_the_cells_are_shown_but_stay(body: bytes, inside: bytes) -> None:
    document = handmade(body, inside)
    (place,) = [place for place, text in texts(document).items() if text == str(PHONE)]
    with pytest.raises(UnsafeEdit):
        saved(document, whole(document, **{place: "138*"}))


def test_pictures_are_to_be_looked_at() -> None:
    store = pack("<HHI", 0x2F, 0xF001, 0)
    drawing = record(0xEB, pack("<HHI", 0xF, 0xF000, len(store)) + store)
    document = handmade(record(0xE9, bytes(30)), drawing)
    assert [(remark.place, remark.look) for remark in document.remarks] == [
        ("Sheet1", True),
        ("工作簿", True),
    ]
    assert not handmade(b"", record(0xEB, pack("<HHI", 0xF, 0xF000, 0))).remarks


def test_what_a_name_is_said_to_be() -> None:
    head = pack("<HBBHHHBBBB", 0, 0, 1, 0, 0, 0, 0, 3, 0, 0)
    comment = record(
        0x894, bytes(12) + pack("<HH", 1, 3) + b"\0a" + b"\1" + "李四家".encode("utf-16-le")
    )
    document = handmade(
        b"", record(0x18, head + b"\0a" + b"\1" + "张三家".encode("utf-16-le")) + comment
    )
    assert texts(document)["工作簿#名称说明1"] == "张三家"
    changed(document, {"工作簿#名称说明1": "某户的说明", "工作簿#名称批注1": "某"})


def test_places_do_not_depend_on_what_was_masked() -> None:
    unknown = b"".join(record(0x1234, b"\0" + str(PHONE + n).encode()) for n in range(3))
    tokens = b"".join(b"\x17\x0b\0" + str(PHONE + n).encode() for n in range(3))
    document = handmade(formula(0, 0, pack("<d", 1), tokens) + unknown)
    found = [place for place, text in texts(document).items() if text.startswith("138")]
    assert len(found) == 6
    for place in found:
        changed(document, {place: "*" * 11})


def test_what_a_chart_remembers() -> None:
    chart = BOF_CHART + record(0x204, pack("<HHH", 0, 0, 0) + wide(ID)) + number(0, 1, PHONE) + EOF
    document = handmade(shared(0, 0, 0) + chart, strings("张三"))
    assert cells(document) == {"Sheet1!A1": "张三"}
    changed(document, {"Sheet1#图表数据1": "5101*"})
    after = Workbook(saved(document, whole(document, **{"Sheet1#图表数据2": "138*"})))
    assert texts(after) == {**texts(document), "Sheet1#图表数据2": "138*"}
    assert cells(after) == {"Sheet1!A1": "张三"}


def test_numbers_of_another_workbook_become_texts() -> None:
    values = b"".join(b"\1" + pack("<d", PHONE + n) for n in range(3))
    document = handmade(b"", record(0x5A, pack("<BBH", 2, 0, 0) + values))
    places = {place: text for place, text in texts(document).items() if "外部" in place}
    assert list(places.values()) == ["13800138000", "13800138001", "13800138002"]
    first, second, third = places
    changed(document, {second: "138*村"})
    changed(document, {first: "138*", third: "*"})


# --- the container -----------------------------------------------------------------------------------


def _entry(name: str, kind: int, start: int, size: int, links: tuple[int, int, int]) -> bytes:
    raw = (name + "\0").encode("utf-16-le")
    head = raw.ljust(64, b"\0") + pack("<HBBIII", len(raw), kind, 1, *links)
    return head + bytes(36) + pack("<IQ", start, size)


NONE = 0xFFFFFFFF


def compound(streams: Mapping[str, bytes], slack: bytes = b"") -> bytes:
    """A compound file; a stream ``a/b`` stands in the storage ``a``. Small ones get a sector too."""
    sectors: list[bytes] = []
    fat: list[int] = []
    entries: list[bytes] = []
    names = list(streams)
    folders = sorted({name.partition("/")[0] for name in names if "/" in name})
    mini = b""
    mini_fat: list[int] = []

    def add(data: bytes) -> int:
        count = -(-len(data) // 512)
        start = len(fat)
        fat.extend(range(start + 1, start + count))
        fat.append(0xFFFFFFFE)
        sectors.append(data.ljust(count * 512, b"\0"))
        return start

    for at, name in enumerate(names, 1):
        data = streams[name]
        if len(data) >= 4096:
            start = add(data)
        else:
            start, count = len(mini_fat), max(-(-len(data) // 64), 1)
            mini_fat += [*range(start + 1, start + count), 0xFFFFFFFE]
            mini += data.ljust(count * 64, b"\0")
        following = at + 1 if at < len(names) and "/" not in names[at] else NONE
        if following == NONE and folders and "/" not in name:
            following = len(names) + 1
        entries.append(
            _entry(name.rpartition("/")[2], 2, start, len(data), (NONE, following, NONE))
        )
    for at, folder in enumerate(folders, len(names) + 1):
        child = next(n for n, name in enumerate(names, 1) if name.startswith(f"{folder}/"))
        following = at + 1 if at - len(names) < len(folders) else NONE
        entries.append(_entry(folder, 1, 0, 0, (NONE, following, child)))
    mini_start = add(mini) if mini else 0xFFFFFFFE
    mini_table = (
        add(pack(f"<{len(mini_fat)}I", *mini_fat).ljust(512, b"\xff")) if mini else 0xFFFFFFFE
    )
    root = _entry("Root Entry", 5, mini_start, len(mini), (NONE, NONE, 1))
    directory = add(b"".join([root, *entries]))
    if slack:
        sectors.append(slack.ljust(512, b"\0"))
        fat.append(NONE)
    tables = len(fat)
    fat.append(0xFFFFFFFD)
    assert len(fat) <= 128
    sectors.append(pack("<128I", *fat, *[NONE] * (128 - len(fat))))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += pack("<HHHHH6xII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1)
    header += pack("<IIIIIII", directory, 0, 4096, mini_table, bool(mini), 0xFFFFFFFE, 0)
    header += pack("<109I", tables, *[NONE] * 108)
    return header + b"".join(sectors)


def test_slack_is_shown_and_wiped() -> None:
    data = compound(
        {"Workbook": stream({"Sheet1": number(0, 0, PHONE)}).ljust(4096, b"\0")}, ID.encode()
    )
    document = Workbook(data)
    assert texts(document)["空闲区#1"] == ID
    after = saved(document, whole(document, **{"Sheet1!A1": "138*"}))
    assert ID.encode() not in after
    assert ID.encode() not in saved(document, whole(document, **{"空闲区#1": "*"}))


def test_remains_behind_the_last_sheet_are_wiped() -> None:
    tail = bytes(40) + ID.encode("utf-16-le")
    document = Workbook(packed(stream({"Sheet1": number(0, 0, 1)}) + tail))
    assert texts(document)["空闲区#1"] == ID
    after = Workbook(saved(document, whole(document, **{"空闲区#1": "*"})))
    assert "空闲区#1" not in texts(after)
    assert cells(after) == {"Sheet1!A1": "1"}


@pytest.mark.parametrize("small", [True, False])
def test_other_streams_stay(small: bool) -> None:
    other = b"\1\2\3" * 100 if small else bytes(range(256)) * 40
    data = compound({"Workbook": stream({"Sheet1": number(0, 0, 1)}).ljust(4096, b"\0"),
                     "other": other, "empty": b"", "Folder/inner": b"abc"})  # fmt: skip
    document = Workbook(data)
    after = Container(saved(document, whole(document, **{"Sheet1!A1": "*" * 5000})))
    kept = {"/".join(entry.path): after.read(entry) for entry in after.entries}
    assert kept["other"] == other
    assert kept["Folder/inner"] == b"abc"


def test_a_large_file_gets_a_second_sector_table() -> None:
    container = Container(GOOD)
    index = next(entry.index for entry in container.entries if entry.path == ("other",))
    for size in (128 * 512 * 108, 128 * 512 * 110 + 7, 128 * 512 * 240):
        large = bytes(size - 4) + b"end."
        after = Container(container.written({index: large}))
        streams = {entry.path[0]: after.read(entry) for entry in after.entries}
        assert streams == {"Workbook": BOOK, "other": large}
        assert not b"".join(after.slack()).strip(b"\0")


def properties(values: Mapping[int, bytes]) -> bytes:
    at = 8 + 8 * len(values)
    table, body = b"", b""
    for number_, raw in values.items():
        table += pack("<II", number_, at + len(body))
        body += raw.ljust(-(-len(raw) // 4) * 4, b"\0")
    section = pack("<II", at + len(body), len(values)) + table + body
    return pack("<HHI16xI16xI", 0xFFFE, 0, 0, 1, 48) + section


def test_properties() -> None:
    def text(value: str) -> bytes:
        raw = (value + "\0").encode("gb18030")
        return pack("<II", 0x1E, len(raw)) + raw

    names = ["名单", "底稿二"]
    vector = pack("<II", 0x101E, 2)
    for name in names:
        raw = (name + "\0").encode("gb18030")
        vector += pack("<I", len(raw)) + raw
    wide_raw = "张三\0".encode("utf-16-le")
    values = {
        1: pack("<IHH", 2, 936, 0), 2: text("标题"), 4: text(f"张三{ID}"), 13: vector,
        8: pack("<II", 0x1F, 3) + wide_raw, 17: pack("<III", 0x47, 8, 0) + b"thumbnail...",
        12: pack("<IQ", 0x40, 1),
    }  # fmt: skip
    data = compound({"Workbook": stream({"Sheet1": number(0, 0, 1)}).ljust(4096, b"\0"),
                     "\x05SummaryInformation": properties(values).ljust(4096, b"\0")})  # fmt: skip
    document = Workbook(data)
    found = {place: text for place, text in texts(document).items() if "Summary" in place}
    assert list(found.values()) == ["标题", f"张三{ID}", "名单", "底稿二", "张三"]
    assert [remark.look for remark in document.remarks] == [True]
    for place in found:
        after = Workbook(saved(document, whole(document, **{place: "一段长一些的文字*"})))
        assert sorted(v for k, v in texts(after).items() if "Summary" in k) == sorted(
            {**found, place: "一段长一些的文字*"}.values()
        )
        assert b"thumbnail" not in saved(after)


@pytest.mark.parametrize("page", [936, 1200, 65001, 9999])
def test_names_of_properties(page: int) -> None:
    codec = {936: "gb18030", 1200: "utf-16-le", 65001: "utf-8"}.get(page, "latin-1")
    name = "身份证" if page != 9999 else "id-card"
    raw = (name + "\0").encode(codec)
    size = len(raw) // 2 if page == 1200 else len(raw)
    padded = raw.ljust(-(-len(raw) // 4) * 4, b"\0") if page == 1200 else raw
    value = (ID + "\0").encode(codec)
    variants = pack("<II", 0x100C, 2) + pack("<III", 0x1E, len(value), 0)[:8] + value
    variants += pack("<II", 3, 7)
    blob = pack("<II", 0x41, 40) + ID.encode("utf-16-le") + bytes(4)
    values = {1: pack("<IHH", 2, page, 0), 0: pack("<III", 1, 2, size) + padded,
              2: pack("<II", 0x1E, len(value)) + value, 3: blob, 4: variants}  # fmt: skip
    data = compound({"Workbook": BOOK, "\x05DocumentSummaryInformation": properties(values)})
    document = Workbook(data)
    found = {place: text for place, text in texts(document).items() if "Summary" in place}
    assert sorted(found.values()) == sorted([name, ID, ID, ID])
    new = "510104" + "*" * 12
    result = saved(document, whole(document, **dict.fromkeys(found, new)))
    shown = [text for place, text in texts(Workbook(result)).items() if "Summary" in place]
    assert shown == [new] * 3  # the fourth stood in bytes of unknown shape
    assert ID.encode(codec) not in result


def test_other_streams_are_searched() -> None:
    streams = {"Workbook": BOOK, "Ctls": b"\1\2" + ID.encode() + b"PK\3\4", "\x05Odd": b"abc"}
    document = Workbook(compound(streams))
    assert texts(document)["Ctls#2"].startswith(ID)
    assert [remark.place for remark in document.remarks] == ["Ctls"]
    changed_ = whole(document, **{"Ctls#2": "*" * len(texts(document)["Ctls#2"])})
    assert ID.encode() not in saved(document, changed_)
    assert {name for name, _ in document.raw()} >= {"文件", "Workbook", "Ctls", "字符串表"}
    document.close()


def test_pivot_cache() -> None:
    cache = (
        record(0xCD, wide("张三"))
        + record(0xCD, narrow(ID))
        + record(0xC9, pack("<d", PHONE))
        + EOF
    )
    data = compound({"Workbook": stream({"Sheet1": number(0, 0, 1)}).ljust(4096, b"\0"),
                     "_SX_DB_CUR/0001": cache})  # fmt: skip
    document = Workbook(data)
    (place,) = [place for place, text in texts(document).items() if text == ID]
    after = Workbook(saved(document, whole(document, **{place: "5101*"})))
    assert texts(after) == {**texts(document), place: "5101*"}
    (place,) = [place for place, text in texts(document).items() if text == str(PHONE)]
    with pytest.raises(UnsafeEdit):
        saved(document, whole(document, **{place: "138*"}))


# --- refusals ----------------------------------------------------------------------------------------

BOOK = stream({"Sheet1": number(0, 0, 1)}).ljust(4096, b"\0")


def _patched(data: bytes, *changes: tuple[int, int]) -> bytes:
    out = bytearray(data)
    for at, value in changes:
        pack_into("<I", out, at, value)
    return bytes(out)


def _directory(data: bytes) -> int:
    return 512 * (unpack_from("<I", data, 48)[0] + 1)


def _table(data: bytes) -> int:
    return 512 * (unpack_from("<I", data, 76)[0] + 1)


GOOD = compound({"Workbook": BOOK, "other": bytes(100)})
FAULTS = {
    "password": packed(stream({"a": b""}, record(0x2F, bytes(54)))),
    "macro": compound({"Workbook": BOOK, "_VBA_PROJECT_CUR/dir": b"x"}),
    "macro sheet": packed(stream({"a": b""}, kind=1)),
    "module": packed(stream({"a": b""}, kind=6)),
    "embedded": compound({"Workbook": BOOK, "MBD0001/Contents": b"x"}),
    "shared": compound({"Workbook": BOOK, "Revision Log": b"x"}),
    "both": compound({"Workbook": BOOK, "Book": b"x"}),
    "95": packed(b"\x09\x08\x08\x00\x00\x05" + bytes(20)),
    "no BOF": packed(bytes(100)),
    "no sheet": packed(stream({})),
    "same name": packed(stream({"a": b"", "A": b""})),
    "twice": packed(stream({"a": number(0, 0, 1) + number(0, 0, 2)})),
    "string missing": packed(stream({"a": shared(0, 0, 9)})),
    "many strings": packed(stream({"a": b""}, record(0xFC, pack("<IIH", 9, 1 << 31, 65535)))),
    "column": packed(stream({"a": number(0, 256, 1)})),
    "run of numbers": packed(stream({"a": record(0xBD, pack("<HHHIHIH", 0, 0, 0, 6, 0, 6, 9))})),
    "short cell": packed(stream({"a": record(0x203, b"\0\0\0\0")})),
    "cut": GOOD[:-700],
    "cut short": GOOD[:1000],
    "stream too long": _patched(GOOD, (_directory(GOOD) + 128 + 120, 1 << 30)),
    "chain loops": _patched(GOOD, (_table(GOOD) + 4, 0)),
    "directory loops": _patched(GOOD, (_table(GOOD) + 4 * unpack_from("<I", GOOD, 48)[0],
                                       unpack_from("<I", GOOD, 48)[0])),
    "tree loops": _patched(GOOD, (_directory(GOOD) + 128 + 68, 1)),
    "tree leaves": _patched(GOOD, (_directory(GOOD) + 128 + 68, 77)),
    "far sector": _patched(GOOD, (76, 0x00FFFFFF)),
    "table loops": _patched(GOOD, (68, 0)),
    "sector size": _patched(GOOD, (30, 0x00060014)),
    "sheet elsewhere": packed(stream({"a": b""}).replace(
        pack("<IBB", len(stream({"a": b""})) - 24, 0, 0), pack("<IBB", 3, 0, 0))),
}  # fmt: skip


@pytest.mark.parametrize("data", FAULTS.values(), ids=list(FAULTS))
def test_faults_are_told(data: bytes, folder: Path) -> None:
    path = folder / "坏.xls"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile) as caught:
        read(path)
    assert len(str(caught.value)) > 5
    assert str(caught.value).count("。") <= 2


def test_a_damaged_file_never_crashes() -> None:
    """Any byte may be wrong: the fault is told, or the workbook can still be saved."""
    chance = random.Random(7)
    base = bytearray(GOOD)
    for _ in range(300):
        data = bytearray(base)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice(
                (0, 1, 127, 255, chance.randrange(256))
            )
        try:
            document = Workbook(bytes(data))
            found = cells(document)
            saved(document, whole(document, **dict.fromkeys(found, "*")))
        except (UnreadableFile, UnsafeEdit):
            continue


def test_a_mislabelled_file_is_told(folder: Path) -> None:
    for name, content in (("a.xls", b"a,b\n"), ("b.et", b"PK\3\4"), ("c.xls", b"")):
        (folder / name).write_bytes(content)
        with pytest.raises(UnreadableFile):
            read(folder / name)


def test_wps_name(folder: Path) -> None:
    (folder / "a.et").write_bytes(GOOD)
    assert cells(read(folder / "a.et")) == {"Sheet1!A1": "1"}


def test_places_that_are_not_there(listing: bytes) -> None:
    for place in ("名单!Z99", "没有!A1", "x", "名单!B3#comment"):
        with pytest.raises(UnsafeEdit):
            saved(Workbook(listing), {place: [Edit(place, 0, 1, "*")]})
    with pytest.raises(UnsafeEdit):
        saved(Workbook(listing), {"名单!B3": [Edit("", 0, 99, "*")]})


# --- properties --------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(st.sampled_from("0123456789Xx 张三李四村组𠮷é*"), min_size=1, max_size=30),
    st.builds(lambda char, size: char * size, st.sampled_from("a村é"), st.integers(4000, 9000)),
    st.integers(-(10**11), 10**11),
    st.floats(-1e6, 1e6).map(lambda value: round(value, 2)),
    st.just(ID),
    st.booleans(),
)
CELLS = st.dictionaries(
    st.tuples(st.integers(0, 60), st.integers(0, 8)), VALUES, min_size=1, max_size=60
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CELLS, CELLS, st.data())
def test_random_edits(first: dict[Any, Any], second: dict[Any, Any], data: st.DataObject) -> None:
    book = xlwt.Workbook(encoding="utf-8", style_compression=2)
    style = xlwt.easyxf("font: bold on")
    for name, content in (("一", first), ("two", second)):
        sheet = book.add_sheet(name)
        for (row, column), value in content.items():
            sheet.write(
                row, column, value, style if (row + column) % 3 else xlwt.Style.default_style
            )
        sheet.col(2).width = 5000
        sheet.merge(70, 71, 0, 3)
    out = io.BytesIO()
    book.save(out)
    source = out.getvalue()
    document = Workbook(source)
    found = cells(document)
    chosen = data.draw(st.lists(st.sampled_from(sorted(found)), unique=True, max_size=20))
    edits = {}
    expected = seen_by_xlrd(source)
    for place in chosen:
        text = found[place]
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        new = data.draw(st.sampled_from(["*", "", "***", "村*", "é", "*" * (end - start)]))
        edits[place] = [Edit(place, start, end, new)]
        name, _, cell = place.partition("!")
        key = (int(cell[1:]) - 1, ord(cell[0]) - 65)
        expected["values"][name == "two"][key] = text[:start] + new + text[end:]
    result = saved(document, edits)
    actual = seen_by_xlrd(result)
    for values in (*expected["values"], *actual["values"]):
        for key in [key for key, value in values.items() if value == ""]:
            del values[key]
    assert actual == expected
    check_pointers(result)
