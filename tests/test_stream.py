"""The streamed path against the exact one, byte for byte, on generated lists with a small window."""

from __future__ import annotations

import contextlib
import datetime
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid import columns, pipeline, stream, tables
from deid.fields import header_label
from deid.formats import delimited
from deid.formats.encoding import Encoding
from deid.model import FileReport
from deid.policy import load_policy
from deid.scan import Setting
from deid.stream import grids, heads, memories, reader, recheck, verdicts, windows

POLICY = load_policy("general")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_number(chance: random.Random, *, minor: bool = False) -> str:
    years = (2013, 2020) if minor else (1940, 1999)
    day = datetime.date(chance.randrange(*years), chance.randrange(1, 13), chance.randrange(1, 29))
    body = (
        f"{chance.choice(('110105', '620102', '510107'))}{day:%Y%m%d}{chance.randrange(1000):03d}"
    )
    total = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def card(chance: random.Random) -> str:
    body = f"622848{chance.randrange(10**12):012d}"
    total = 0
    for at, digit in enumerate(reversed(body)):
        double = int(digit) * (2 - at % 2)
        total += double - 9 * (double > 9)
    return body + str(-total % 10)


ODD_CELLS = (
    "", " ", "张路", "13800138000", "1101051949123100", "电话13912345678，家住王寺村5组", "无",
    "11010519491231002x", "110105********002X", "１３８００１３８０００", "王寺村5组12号", "86571234",
    "2024-03-15", "20240315", "202403150012345678", "6228480402564890018", "合 计", "制表人：王芳",
    "其子李明（12岁）", "G110105201501012345", "a@b.cn", "京A12345", "12,5", "他说\"好\"", "两\n行",
    "0571-86571234", "=\"13800138000\"", "\t110105194912310021", "😀", "𠮷", "1", "X", "3-2-301",
)  # fmt: skip
HEADERS = ("序号", "姓名", "性别", "身份证号", "手机号", "家庭住址", "银行卡号", "金额", "备注")


def clean_row(chance: random.Random, at: int, *, minor: bool) -> list[str]:
    return [
        str(at),
        chance.choice("王李张刘") + chance.choice("伟芳娜敏") + chance.choice(("", "军", "英")),
        chance.choice("男女"),
        id_number(chance, minor=minor),
        f"138{chance.randrange(10**8):08d}",
        f"陕西省西安市长安区王寺街道{chance.choice('东西南北')}王村{chance.randrange(1, 20)}组{chance.randrange(1, 999)}号",
        card(chance),
        f"{chance.randrange(9000)}.{chance.randrange(100):02d}",
        chance.choice(("", "低保", "因病致贫", "2024年3月新增")),
    ]


def quoted(cell: str, *, always: bool = False) -> str:
    if always or any(mark in cell for mark in ',"\n\r'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


ENCODINGS = (
    (b"", "utf-8"), (b"\xef\xbb\xbf", "utf-8"), (b"", "gb18030"), (b"", "gb18030"),
    (b"\x84\x31\x95\x33", "gb18030"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
    (b"", "utf-16-le"),
)  # fmt: skip


@st.composite
def lists(draw: st.DrawFn) -> bytes:
    """A list of persons: clean rows, dirty cells, and what else stands in such files."""
    chance = random.Random(draw(st.integers(0, 10**6)))
    dirty = draw(st.sampled_from((0.0, 0.02, 0.2)))
    minors = draw(st.sampled_from((0.0, 0.0, 0.1)))
    events = draw(
        st.sampled_from(("", "header", "total", "note", "ragged", "blank", "swap", "all"))
    )
    order = draw(st.permutations(range(len(HEADERS))))
    end = draw(st.sampled_from(("\n", "\r\n")))
    always = draw(st.booleans()) and draw(st.booleans())
    header = [HEADERS[at] for at in order]
    if draw(st.booleans()) and draw(st.booleans()):
        header = ["" for _ in header]
    rows = [["2023年救助公示名单"], header] if draw(st.booleans()) else [header]
    for at in range(draw(st.integers(3, 60))):
        row = clean_row(chance, at + 1, minor=chance.random() < minors)
        row = [chance.choice(ODD_CELLS) if chance.random() < dirty else cell for cell in row]
        if events in ("swap", "all") and at > 30:
            row[3], row[8] = row[8], row[3]
        rows.append([row[at] for at in order])
        if events and chance.random() < 0.05:
            rows.append(event(chance, events, header))
    lines = [",".join(quoted(cell, always=always) for cell in row) for row in rows]
    text = end.join(lines) + draw(st.sampled_from(("", end)))
    mark, encoding = draw(st.sampled_from(ENCODINGS))
    return mark + text.encode(encoding)


def event(chance: random.Random, kind: str, header: list[str]) -> list[str]:
    if kind == "all":
        kind = chance.choice(("header", "total", "note", "ragged", "blank"))
    return {
        "header": header,
        "total": ["合计", "", "", "", "", "", "", "12345.00", ""],
        "note": ["注：以上名单公示7天，监督电话 0571-86571234，制表人：王芳 13800138000"],
        "ragged": ["1", "王芳", "女", id_number(chance), "13800138000", "", "", "", "", "多一格"],
    }.get(kind, [])


@contextlib.contextmanager
def windows_of(rows: int) -> Iterator[None]:
    """Both paths judge that many rows at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "WINDOW", rows)
        patch.setattr(reader, "WINDOW", rows)
        patch.setattr(windows, "WINDOW", rows)
        patch.setattr(stream, "LEAST", 0)
        if rows < 4096:  # the head of a small window is small
            patch.setattr(heads, "TOP", 8)
            patch.setattr(heads, "HEAD", 12)
            patch.setattr(heads, "_SPARE", 2)
            patch.setattr(heads, "_OFFICES", 4)
            patch.setattr(columns, "_SAMPLE", 6)
        yield


def exactly(source: Path, target: Path) -> FileReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "LEAST", 1 << 60)
        return pipeline.mask_file(source, target, policy=POLICY)


def check(data: bytes, folder: Path, rows: int) -> bool:
    """Whether the stream took the file; that it did what the exact path does, if so."""
    source, slow, fast = folder / "list.csv", folder / "slow.csv", folder / "fast.csv"
    source.write_bytes(data)
    for path in (slow, fast):
        path.unlink(missing_ok=True)
    with windows_of(rows):
        report = exactly(source, slow)
        done = stream.mask_csv(source, fast, POLICY)
    if done is None:
        return False
    assert fast.read_bytes() == slow.read_bytes()
    assert dict(done.found) == dict(report.found)
    assert done.changed == report.changed
    assert done.source_sha256 == report.source_sha256
    assert done.output_sha256 == report.output_sha256
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stream")


@settings(max_examples=40, deadline=None)
@given(data=lists(), rows=st.sampled_from((7, 16, 40, 60, 4096)))
def test_streamed_is_exact(folder: Path, data: bytes, rows: int) -> None:
    check(data, folder, rows)


def clean_list(rows: int) -> bytes:
    chance = random.Random(7)
    lines = [",".join(HEADERS)]
    lines += [",".join(clean_row(chance, at, minor=False)) for at in range(rows)]
    return ("\n".join(lines) + "\n").encode()


def test_a_clean_list_is_streamed(folder: Path) -> None:
    assert check(clean_list(300), folder, 64)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_in_quotes_is_streamed(folder: Path, end: str) -> None:
    cells = [line.split(",") for line in clean_list(300).decode().splitlines()]
    cells += [["300", '王"芳', "女", "", "13800138000", "王寺村\n5组", "", "1,000.00", ""]]
    cells += [["301", "王芳", "女", "", "13800138000", "王寺村5组", "", "1,000.00", "无"]]
    lines = [",".join(quoted(cell, always=True) for cell in row) for row in cells]
    assert check(end.join([*lines, ""]).encode(), folder, 64)


def test_a_list_of_cells_to_judge_one_by_one_goes_to_the_exact_path(folder: Path) -> None:
    lines = [f"{at},王芳,{'经核实，其家庭生活困难，' * 8}{at}" for at in range(300)]
    data = "\n".join(["序号,姓名,情况说明", *lines, ""]).encode()
    assert check(data, folder, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_MANY", 50)
        assert not check(data, folder, 100)


def test_cells_to_judge_one_by_one_are_met_behind_the_first_window(folder: Path) -> None:
    head = rows_of("{at}", "{phone}", "低保", "无", count=120, header="序号,手机号,类别,说明")
    prose = "经核实，其家庭生活困难，" * 8
    tail = rows_of("{at}", "{phone}", prose + "{at}", prose + "{at}", count=600, header="")
    assert check(head + tail.lstrip(), folder, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_MANY", 50)
        assert not check(head + tail.lstrip(), folder, 100)


@pytest.mark.parametrize(("mark", "encoding"), ENCODINGS[2:])
def test_other_encodings_are_streamed(folder: Path, mark: bytes, encoding: str) -> None:
    text = clean_list(300).decode() + "300,𠮷㐀娜,女,,13800138000,𠮷村5组😀夢,,1.00,联通\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_READ", 1001)  # cuts characters of two bytes and of four
        assert check(mark + text.encode(encoding), folder, 64)


def test_every_character_of_gb18030_comes_back_as_it_was() -> None:
    for plane in range(17):
        codes = range(plane << 16, (plane + 1) << 16)
        text = "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)
        assert text.encode("gb18030").decode("gb18030") == text


def test_an_encoding_that_shows_late_is_met(folder: Path) -> None:
    head = "a,b\n" + "1,13800138000\n" * 400
    tail = "2,王芳\n3,李娜\n4,钱军\n" * 20
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_READ", 1001)
        patch.setattr(delimited, "_SAMPLE", 2000)
        assert check((head + tail).encode("gb18030"), folder, 64)


def test_lines_in_two_encodings_go_to_the_exact_path(folder: Path) -> None:
    line = "300,王芳,女,,13800138000,王寺村5组,,1.00,低保\n"
    data = clean_list(300).decode().encode("gb18030")
    assert not check(data + line.encode(), folder, 64)
    assert not check(clean_list(300) + line.encode("gb18030"), folder, 64)


@pytest.mark.parametrize(
    "tail",
    [
        "300,王芳,女,110105194912310021,13800138000,,6222021001116245702,1.00,\n",
        '300,"王\n芳",女,11010519491231002X,13800138000,王寺村5组,,1.00,"他说""好"""\n',
        "合计,,,,,,,12345.00,\n",
        "制表人：王芳,,,审核人：李明,,,,,\n",
        "300,王芳,女,11010519491231002X\n",
        ",".join(HEADERS) + "\n",
    ],
    ids=["mistyped", "quoted", "total", "signed", "short", "header again"],
)
def test_what_follows_a_clean_list_is_streamed(folder: Path, tail: str) -> None:
    assert check(clean_list(300) + tail.encode(), folder, 64)


@pytest.mark.parametrize(
    "data",
    [
        "姓名,身份证号\n王芳,11010519491231002X\n".encode("utf-32"),
        "姓名,身份证号\r王芳,11010519491231002X\r".encode(),
        '姓名,身份证号\n王"芳,11010519491231002X\n"'.encode(),
        b"a,b\n\0,1\n",
    ],
    ids=["utf-32", "lone CR", "stray quotes", "NUL"],
)
def test_what_needs_the_exact_path(folder: Path, data: bytes) -> None:
    source = folder / "list.csv"
    source.write_bytes(data)
    with windows_of(64):
        assert stream.mask_csv(source, folder / "out.csv", POLICY) is None


def test_a_hidden_value_that_stands_elsewhere_goes_to_the_exact_path(folder: Path) -> None:
    data = clean_list(300)
    phone = data.splitlines()[9].split(b",")[4]
    tail = "300,王芳,女,,,,,1.00,订单号码9".encode() + phone + b"1\n"
    assert not check(data + tail, folder, 64)


def test_lists_of_prose_are_left_alone_at_once(folder: Path) -> None:
    lines = [f"{at},王芳,{'经核实，其家庭生活困难，' * 8}{at}" for at in range(300)]
    data = "\n".join(["序号,姓名,情况说明", *lines, ""])
    source = folder / "list.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream.run, "masked", lambda *_: "taken")
        for text, encoding, taken in (
            (data, "utf-8", None),
            (data, "gb18030", None),
            (clean_list(300).decode(), "utf-8", "taken"),
            ('"' + data, "utf-8", None),
        ):
            source.write_bytes(text.encode(encoding))
            assert stream.mask_csv(source, folder / "out.csv", POLICY, least=100) == taken


def test_a_glance_at_the_topmost_rows_tells_of_prose(folder: Path) -> None:
    lines = [f"{at}说明,王芳{at},{'家庭生活困难，' * 2}{at}" for at in range(600)]
    data = "\n".join(["村名,姓名,情况说明", *lines, ""]).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_MANY", 300)
        seen: list[int] = []
        learn = memories.Memory.learn
        patch.setattr(
            memories.Memory, "learn", lambda *told: seen.append(len(told[1].hashes)) or learn(*told)
        )
        assert not check(data, folder, 4096)
        assert max(seen) <= 128


def test_small_files_are_not_streamed(folder: Path) -> None:
    source = folder / "list.csv"
    source.write_bytes(clean_list(20))
    assert stream.mask_csv(source, folder / "out.csv", POLICY) is None


def test_a_large_file_has_the_same_report(tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_bytes(clean_list(300))
    slow = exactly(source, tmp_path / "slow.csv")
    with windows_of(64), pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "LEAST", 0)
        fast = pipeline.mask_file(source, tmp_path / "quick.csv", policy=POLICY)
    assert replace(fast, seconds=0.0, output="") == replace(slow, seconds=0.0, output="")


def rows_of(*cells: str, count: int, header: str) -> bytes:
    """That many rows; ``{at}`` in a cell is the row's number, ``{phone}`` a number of its own."""
    chance = random.Random(11)
    lines = [header]
    for at in range(count):
        phone = f"139{chance.randrange(10**8):08d}"
        lines.append(",".join(cells).format(at=at, phone=phone, id=id_number(chance)))
    return "\n".join([*lines, ""]).encode()


@pytest.mark.parametrize(
    "late",
    [
        "{phone}",
        "{id}",
        "长安区王寺村{at}组",
        "王寺村5组12号",
        "电话{phone}",
        "8657{at}",
        "因病致贫",
        "5组",
    ],
)
def test_a_column_that_changes_its_kind_late(folder: Path, late: str) -> None:
    head = rows_of("{at}", "王芳", "{id}", "低保", count=300, header="序号,姓名,身份证号,说明")
    tail = rows_of("{at}", "王芳", "{id}", late, count=200, header="").lstrip()
    assert check(head + tail, folder, 64)


@pytest.mark.parametrize("late", ["{phone}", "{id}", "8657{at}", "王寺村{at}组3号"])
def test_a_column_that_was_empty_for_long(folder: Path, late: str) -> None:
    head = rows_of("{at}", "王芳", "{id}", "", count=100, header="序号,姓名,身份证号,其他")
    tail = rows_of("{at}", "王芳", "{id}", late, count=100, header="").lstrip()
    assert check(head + tail, folder, 64)


@pytest.mark.parametrize("size", [7, 64, 1001])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_whatever_a_border_of_reading_cuts(folder: Path, size: int, encoding: str) -> None:
    cells = [line.split(",") for line in clean_list(90).decode().splitlines()]
    cells += [
        ["90", "王\n芳", "女", "", "13800138000", "王寺村\n\n5组", "", '"1"', "𠮷村😀\r\n"]
    ] * 3
    text = "\n".join(",".join(map(quoted, row)) for row in cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_READ", size)
        assert check(text.encode(encoding), folder, 16)


def test_a_line_of_many_megabytes_goes_to_the_exact_path(folder: Path) -> None:
    data = clean_list(90) + f"90,王芳,女,,13800138000,,,1,{'低保' * 9000}\n".encode()
    assert check(data, folder, 16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_READ", 1001)
        patch.setattr(reader, "_WIDEST", 9000)
        assert not check(data, folder, 4096)


def test_ragged_rows(folder: Path) -> None:
    lines = clean_list(200).decode().splitlines()
    lines[50] = lines[50].rpartition(",")[0]
    lines[90] += ",13800138000"
    lines[150] += ",,,"
    lines[180] = "王芳"
    assert check("\n".join(lines).encode(), folder, 64)


@pytest.mark.parametrize("cut", [(6, 14), (14,), (14, 17), (17,), (6, 10, 14)])
def test_an_id_number_over_several_cells_of_a_row(folder: Path, cut: tuple[int, ...]) -> None:
    number = "11010519491231002X"
    pieces = [number[a:b] for a, b in zip((0, *cut), (*cut, 18), strict=True)]
    pieces += [""] * (4 - len(pieces))
    header = "序号,姓名,手机号,甲,乙,丙,丁"
    lines = [header, *(f"{at},王芳,139000{at:05d},1,2,3,4" for at in range(100))]
    lines.insert(70, ",".join(["70", "王芳", "无", *pieces]))
    assert check("\n".join(lines).encode(), folder, 32)


def test_a_telephone_number_and_what_stands_beside_it_may_be_an_id_number(folder: Path) -> None:
    lines = ["姓名,手机号,编号", *(f"王芳,1381219{at:04d},061200{at % 10}" for at in range(300))]
    assert check("\n".join(lines).encode(), folder, 64)


def test_rows_whose_first_cell_is_empty(folder: Path) -> None:
    lines = ["序号,项目,姓名,金额,手机号", *(f"{at},a,王芳,{at},13900139000" for at in range(99))]
    lines[40:43] = [",姓名,王芳,手机号,13900139111", ",户主,李明,电话,13900139222", ",,姓名,李明,"]
    assert check("\n".join(lines).encode(), folder, 32)


def test_local_numbers_in_rows_without_a_header(folder: Path) -> None:
    data = rows_of("王芳", "{id}", "8657123", "86571234", "12:30", "12:", count=120, header="")
    assert check(data.lstrip(), folder, 32)


def test_an_id_number_masked_too_little_before_goes_to_the_exact_path(folder: Path) -> None:
    data = clean_list(100)
    row = "300,王芳,女,110105********002X,13800138000,,,1.00,\n"
    fine = "300,王芳,女,110105************,13800138000,,,1.00,\n"
    source = folder / "list.csv"
    for tail, taken in ((row, False), (fine, True)):
        source.write_bytes(data + tail.encode())
        with windows_of(64):
            done = stream.mask_csv(source, folder / "out.csv", POLICY)
        assert (done is not None) == taken


def nothing(*_: object) -> None:
    """What a step does that is forgotten."""


def one_less(patch: grids.Patch, starts: np.ndarray, ends: np.ndarray, new: bytes) -> None:
    """An edit that begins one byte too late."""
    grids.Patch.splice(patch, int(starts[0]) + 1, int(ends[0]), new)


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ("star", nothing),
        ("replace", nothing),
        ("replace", one_less),
        ("star", lambda patch, starts, first, last: STAR(patch, starts, first + 1, last)),
        ("star", lambda patch, starts, first, last: STAR(patch, starts[1:], first, last)),
        ("result", lambda patch: RESULT(patch).replace(b"\n", b"\n\n", 1)),
        ("result", lambda patch: RESULT(patch).replace(b"138***", b"13812345678", 1)),
        ("result", lambda patch: RESULT(patch).replace("陕西".encode(), "陕北".encode(), 1)),
    ],
)
def test_a_fault_of_the_fast_path_is_not_published(folder: Path, step: str, wrong: object) -> None:
    data = clean_list(300)
    assert check(data, folder, 64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grids.Patch, step, wrong)
        assert not check(data, folder, 64)


STAR, RESULT = grids.Patch.star, grids.Patch.result


def test_an_output_that_changes_on_its_way_is_not_published(folder: Path) -> None:
    data = clean_list(300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader.Kind, "written", lambda kind, text: text + b"\n")
        assert not check(data, folder, 64)


@pytest.fixture(scope="module")
def odd_list() -> bytes:
    """A list in which cells are masked in every way there is."""
    text = clean_list(100).decode()
    text += "100,王芳,女,110105194912310021,电话13800138000，13912345678,王寺村5组,,1.00,\n"
    text += '101,"王芳",女,,13800138000,"王寺村5组",,"1,000.00",无\n合计,,,,,,,12345.00,\n'
    text += f"102,李明,男,{id_number(random.Random(3), minor=True)},13800138000,,,1.00,\n"
    return (text + "103,王芳,女,11010519491231002X\n制表人：王芳 13800138000\n").encode()


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 10**6), flip=st.integers(1, 255), whole=st.booleans())
def test_a_byte_that_changes_is_not_published(
    folder: Path, odd_list: bytes, place: int, flip: int, whole: bool
) -> None:
    """``whole``: on the way to the file; else where the masks are put."""
    done: list[int] = []

    def changed(data: bytes) -> bytes:
        before = sum(done)
        done.append(len(data))
        at = place % 9000 - before
        if not 0 <= at < len(data):
            return data
        return data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]

    with pytest.MonkeyPatch.context() as patch:
        if whole:
            patch.setattr(reader.Kind, "written", lambda kind, text: changed(text))
        else:
            patch.setattr(grids.Patch, "result", lambda patch: changed(RESULT(patch)))
        assert not check(odd_list, folder, 64)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_every_byte_of_a_window_is_compared(folder: Path, odd_list: bytes, encoding: str) -> None:
    lines = odd_list.decode().splitlines(keepends=True)
    data = "".join([*lines[:12], *lines[-9:]]).encode(encoding)
    kind = reader.Kind(Encoding(encoding, b""), ",", "csv")
    first = windows.Pass(kind, POLICY)
    masked = first.window(data)
    again = recheck.Recheck(first)
    again.is_settled(masked, masked.data)
    assert len(masked.spliced) == 4
    for at in range(len(masked.data)):
        wrong = masked.data[:at] + bytes([masked.data[at] ^ 1]) + masked.data[at + 1 :]
        with pytest.raises(verdicts.Unstreamable):
            again.is_settled(masked, wrong)
    for wrong in (masked.data[:-1], masked.data + b"\n"):
        with pytest.raises(verdicts.Unstreamable):
            again.is_settled(masked, wrong)


def test_a_list_masked_in_every_way_is_streamed(folder: Path, odd_list: bytes) -> None:
    assert check(odd_list, folder, 64)
    assert (folder / "fast.csv").stat().st_size > 9000


PLACES = (
    "陕西省", "西安市", "长安区", "王寺街道", "东王村", "王寺", "李家河", "五里牌镇", "三原县",
    "新城小区", "解放路", "幸福苑", "十里铺", "大学城", "村委会", "派出所", "红旗农场", "二道沟",
)  # fmt: skip
UNITS = ("组", "号", "号楼", "单元", "室", "栋", "弄", "排", "户", "村", "社", "队", "层", "街", "")


@st.composite
def numbered_places(draw: st.DrawFn) -> tuple[str, str]:
    """Two addresses that differ in their numbers at most."""
    head = "".join(draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=5)))
    parts = draw(st.lists(st.sampled_from(UNITS), min_size=1, max_size=4))
    tail = draw(st.sampled_from(("", "", "", "东户", "王寺村", "附近", "之一")))
    both = []
    for _ in range(2):
        numbers = [draw(st.integers(0, 10 ** draw(st.integers(1, 4)) - 1)) for _ in parts]
        both.append(head + "".join(f"{n}{part}" for n, part in zip(numbers, parts, strict=True)))
    return both[0] + tail, both[1] + tail


ADDRESS = Setting(header_label("家庭住址"), people=True)


@settings(max_examples=40, deadline=None)
@given(pair=numbered_places(), codec=st.sampled_from(("utf-8", "gb18030")))
def test_addresses_alike_are_cut_alike(pair: tuple[str, str], codec: str) -> None:
    judge = verdicts.Judge(POLICY, codec, b",", None, None)
    for text in pair:
        fate, verdict = judge.fate(text, ADDRESS, alike=True)
        asked, exact = judge._asked(text, ADDRESS, alike=True)
        assert (fate, verdict) == (asked, exact)


def test_adults_with_the_name_of_a_minor_keep_it(folder: Path) -> None:
    chance = random.Random(3)
    lines = [",".join(HEADERS)]
    lines += [",".join(clean_row(chance, at, minor=at % 40 == 7)) for at in range(300)]
    data = ("\n".join(lines) + "\n").encode()
    assert check(data, folder, 64)
    names = [line.split(",")[1] for line in (folder / "fast.csv").read_text("utf-8").splitlines()]
    minors = {line.split(",")[1] for line in lines[8::40]}
    kept = [name for at, name in enumerate(names) if at % 40 != 8]
    assert minors & set(kept)  # adults of that name
    assert not any("*" in name for name in kept)
    assert all("*" in name for name in names[8::40])


@pytest.mark.parametrize("title", ["姓名", "幼儿姓名"])
@pytest.mark.parametrize(
    "classes", [("三年级", "1班", "大一班", ""), ("三(2)班", "2019级3班", "本科")]
)
def test_children_told_by_their_class_or_header(
    folder: Path, title: str, classes: tuple[str, ...]
) -> None:
    chance = random.Random(5)
    lines = [f"序号,{title},班级,联系电话"]
    for at in range(200):
        name = chance.choice("王李张路") + chr(0x5000 + at) + chr(0x6000 + 7 * at)
        lines.append(f"{at},{name},{chance.choice(classes)},138{chance.randrange(10**8):08d}")
    assert check("\n".join([*lines, ""]).encode(), folder, 64)
