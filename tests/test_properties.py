"""What must hold always: over arbitrary text, and over made-up lists in random spellings."""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import tempfile
from pathlib import Path
from random import Random

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deid import mask_file, mask_text, scan_text
from deid.checks import bank_card, mobile, resident_id
from deid.model import FileReport, Finding
from deid.report import Run, to_html, to_json
from deid.sample import resident_id as made_up_id
from deid.scan import PROSE, Setting, scan
from deid.text import INVISIBLE, fold

FILES = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
TEXTS = settings(max_examples=150, deadline=None, derandomize=True)

# ------------------------------------------------------------------------------------- strategies

WORDS = [
    "身份证号",
    "身份证号码：",
    "电话",
    "联系电话:",
    "手机",
    "卡号",
    "账号：",
    "开户行",
    "住址",
    "家住",
    "青山村",
    "石桥镇",
    "村民委员会",
    "8组",
    "3号楼",
    "二单元",
    "其子",
    "其女",
    "张小明",
    "（8岁）",
    "李秀英",
    "，",
    "。",
    "、",
    "；",
    "元",
    "万元",
    "文号",
    "〔2023〕",
    "订单号",
    "监督电话",
    "民政局",
    "座机",
    "http://a.gov.cn/",
    "@",
    ".com",
    "微信",
    "QQ",
    "户主",
    "监护人",
    "*",
    "××",
    "●●",
    "xxxx",
    "X",
    "x",
    "-",
    "—",
    "(",
    ")",
    "（",
    "）",
    "[",
    "]",
    "【",
    "】",
    "+",
    "0086",
    "转",
    "#",
    "/",
    "\\",
    "|",
    "'",
    '"',
    "=",
    "<b>",
    "&nbsp;",
    "年",
    "月",
    "日",
    "岁",
    "1949年12月31日",
    "13800138000",
    "11010519491231002X",
    "0934-3538966",
    "1.38E+10",
]
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.text("0123456789０１２３一二三四五六七八九零〇①②", max_size=20),
    st.text(" \t\r\n\u3000\u00a0\u200b\ufeff\u00ad-.·_,", max_size=4),
    st.text(max_size=8),
)
NASTY = st.lists(PIECES, max_size=12).map("".join)
HEADERS = st.sampled_from(
    [None, "姓名", "身份证号", "联系电话", "银行账号", "家庭住址", "备注", "金额", "年龄", "序号"]
)

FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
BETWEEN = ["", " ", "-", "－", "\u3000", "\u00a0", "\u200b", "·", "."]


def spelt(value: str, data: st.DataObject) -> str:
    """The value as a clerk may have typed it: in groups, in full width, with a blank around it."""
    groups = {11: (3, 7), 18: (6, 14), 19: (4, 8, 12, 16)}[len(value)]
    between = data.draw(st.sampled_from(BETWEEN), label="between")
    cuts = [0, *groups, len(value)]
    text = between.join(value[a:b] for a, b in itertools.pairwise(cuts))
    if data.draw(st.booleans(), label="full width"):
        text = text.translate(FULL_WIDTH)
    elif data.draw(st.booleans(), label="small x"):
        text = text.replace("X", "x")
    return data.draw(st.sampled_from(["{}", " {}", "{} ", "'{}"])).format(text)


IDS = st.integers(0, 2**32).map(lambda seed: made_up_id(Random(seed)))
PHONES = st.from_regex(r"1(3[0-9]|5[0-35-9]|8[0-9])[0-9]{8}", fullmatch=True).filter(mobile)


def _card(seed: int) -> str:
    random = Random(seed)
    body = "622202" + "".join(random.choice("0123456789") for _ in range(12))
    return next(body + last for last in "0123456789" if bank_card(body + last))


CARDS = st.integers(0, 2**32).map(_card)
KINDS = {"id": (IDS, 6), "phone": (PHONES, 3), "card": (CARDS, 0)}


def digits_in(text: str) -> int:
    return sum(char.isdigit() for char in fold(text))


def check_spans(text: str, found: list[Finding]) -> None:
    assert all(0 <= item.start < item.end <= len(text) for item in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


# ------------------------------------------------------------------------------------------- text


@TEXTS
@given(st.one_of(NASTY, st.text()))
def test_folding_keeps_length_and_is_done_once(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert fold(folded) == folded
    for plain, char in zip(folded, text, strict=True):
        if char.isascii() and char not in "\x0b\x0c":
            assert plain == char
        if plain == INVISIBLE:
            assert not char.isalnum() or ord(char) in (0x115F, 0x1160, 0x3164)


@TEXTS
@given(NASTY, HEADERS)
def test_findings_are_in_bounds_in_order_and_never_overlap(text: str, header: str | None) -> None:
    check_spans(text, scan_text(text, header=header))
    for setting in (PROSE, Setting(people=True, record=True), Setting(public=True)):
        check_spans(text, scan(text, setting))


@TEXTS
@given(NASTY, HEADERS)
def test_masking_twice_is_masking_once(text: str, header: str | None) -> None:
    once = mask_text(text, header=header)
    assert mask_text(once, header=header) == once


@TEXTS
@given(NASTY, HEADERS)
def test_what_is_not_found_is_not_touched(text: str, header: str | None) -> None:
    at = 0
    rest = mask_text(text, header=header)
    for item in scan_text(text, header=header):
        outside = text[at : item.start]
        assert rest.startswith(outside) if at == 0 else outside in rest
        rest = rest[rest.index(outside) + len(outside) :]
        at = item.end
    assert rest.endswith(text[at:])


@TEXTS
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_nothing_hidden_survives_under_its_header(kind: str, data: st.DataObject) -> None:
    values, shown = KINDS[kind]
    value = data.draw(values)
    header = {"id": "身份证号", "phone": "联系电话", "card": "银行卡号"}[kind]
    assert digits_in(mask_text(spelt(value, data), header=header)) <= shown


@TEXTS
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_nothing_hidden_survives_behind_its_label(kind: str, data: st.DataObject) -> None:
    values, shown = KINDS[kind]
    value = spelt(data.draw(values), data)
    label = {"id": "身份证号", "phone": "电话", "card": "卡号"}[kind]
    colon = data.draw(st.sampled_from(["", "：", ":", " "]))
    before = data.draw(st.sampled_from(["", "户主张建国，", "（"]))
    after = data.draw(st.sampled_from(["", "。", "，李秀英", "）"]))
    masked = mask_text(f"{before}{label}{colon}{value}{after}")
    assert digits_in(masked) <= shown
    assert masked.startswith(f"{before}{label}")
    assert masked.endswith(after)


@TEXTS
@given(IDS, st.data())
def test_a_mistyped_id_goes_because_of_its_column(value: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 17))
    wrong = data.draw(st.sampled_from("0123456789"))
    typed = data.draw(
        st.sampled_from([value[:at] + wrong + value[at + 1 :], value[:at] + value[at + 1 :]])
    )
    assert digits_in(mask_text(typed, header="身份证号")) <= 6


UNITS = [
    *("1", "13800138000", "*", "1*", "(", "()", "（", " ", "\u200b", "\n", ".", "一", "村", "A"),
    *("a@", "X", "电话", "其女", "http://1", "8岁", "其子8岁", "[", "{", "&#49;", "0934-"),
]
SLOW_UNITS = ["1 ", "1-", "青山村8组", "身份证号：", "110105 ", "1、", "(1)", "张三，"]


@pytest.mark.parametrize(
    "text",
    [
        *(unit * (200_000 // len(unit)) for unit in UNITS),
        *(unit * (20_000 // len(unit)) for unit in SLOW_UNITS),
        "（" * 50_000 + "）" * 50_000,
        "http://" + "1" * 200_000,
        "其女" * 50_000 + "8岁",
        "家住" + "村" * 20_000 + "8组",
        "身份证号" + " " * 200_000 + "11010519491231002X",
    ],
    ids=lambda text: ascii(text[:6]),
)
def test_long_runs_of_one_thing_are_done(text: str) -> None:
    """That each ends is the test: quadratic work on 200 kB would not."""
    check_spans(text, scan_text(text))
    for header in ("身份证号", "家庭住址", "备注"):
        cell = text[:20_000]
        check_spans(cell, scan_text(cell, header=header))


# ------------------------------------------------------------------------------------------ files

PEOPLE = ("张建国", "李秀英", "欧阳桂兰", "阿米娜·库尔班", "王小满")
COLUMNS = ("序号", "姓名", "身份证号", "联系电话", "银行账号", "所在村", "补助金额（元）", "备注")
KEPT = (0, 1, 5, 6)
REMARKS = ("", "已故", "户主", "2023年第3批", "见豫民文〔2019〕230号")


@st.composite
def rows(draw: st.DrawFn) -> list[list[str]]:
    """A list of adults in random spellings."""
    people = []
    for number in range(draw(st.integers(1, 5))):
        data = draw(st.data())
        people.append(
            [
                str(number + 1),
                draw(st.sampled_from(PEOPLE)),
                spelt(draw(IDS), data),
                spelt(draw(PHONES), data),
                spelt(draw(CARDS), data),
                "石桥镇青山村",
                draw(st.sampled_from(["350", "1,200.00", "1026"])),
                draw(st.sampled_from(REMARKS)),
            ]
        )
    return people


def written(path: Path, table: list[list[str]]) -> None:
    """The table as a csv, txt or xlsx file."""
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in table:
            book.worksheets[0].append(row)
        book.save(path)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(table)
    else:
        path.write_text("\n".join("\t".join(row) for row in table), "utf-8", newline="")


def read_back(path: Path) -> list[list[str]]:
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(path).worksheets[0]
        return [[str(v or "") for v in row] for row in sheet.iter_rows(values_only=True)]
    text = path.read_bytes().decode("utf-8")
    if path.suffix == ".csv":
        return list(csv.reader(io.StringIO(text, newline="")))
    return [line.split("\t") for line in text.split("\n")]


def says_nothing(report: FileReport, table: list[list[str]]) -> None:
    """No report may hold a value, nor any part of one that the mask hides."""
    run = Run(files=[report], policy=report.policy, created=str(datetime.date(2023, 1, 1)))
    for text in (to_json(run), to_html(run), repr(report)):
        for row in table[1:]:
            for at, cell in enumerate(row):
                value = "".join(char for char in fold(cell) if char.isalnum())
                if at in (2, 3, 4) and len(value) > 10:
                    assert cell not in text
                    assert value not in text
                    assert len(value) < 16 or value[6:14] not in text
                elif at == 1:
                    assert cell not in text


@FILES
@pytest.mark.parametrize("suffix", [".csv", ".txt", ".xlsx"])
@given(people=rows(), title=st.booleans())
def test_files(suffix: str, people: list[list[str]], title: bool) -> None:
    table = [list(COLUMNS), *people]
    with tempfile.TemporaryDirectory() as folder:
        source, once, twice = (Path(folder) / f"{n}{suffix}" for n in ("名单", "一", "二"))
        heading = [["石桥镇2023年临时救助名单公示"]] if title and suffix != ".txt" else []
        written(source, heading + table)
        before = source.read_bytes()
        read = read_back(source)
        report = mask_file(source, once)
        assert report.status in ("publish", "look"), (report.message, report.left)
        assert source.read_bytes() == before
        after = read_back(once)
        says_nothing(report, table)

        assert len(after) == len(read)
        assert [len(row) for row in after] == [len(row) for row in read]
        assert after[: len(heading) + 1] == read[: len(heading) + 1]
        for old, new in zip(read[len(heading) + 1 :], after[len(heading) + 1 :], strict=True):
            assert [new[at] for at in KEPT] == [old[at] for at in KEPT]
            assert new[7:] == old[7:]
            for at, shown in ((2, 6), (3, 3), (4, 0)):
                assert digits_in(new[at]) <= shown
                assert len(new[at]) == len(old[at])

        assert mask_file(once, twice).changed == 0
        assert read_back(twice) == after
        if suffix != ".xlsx":
            assert twice.read_bytes() == once.read_bytes()
        assert sorted(path.name for path in Path(folder).iterdir()) == sorted(
            path.name for path in (source, once, twice)
        )


@FILES
@given(lines=st.lists(NASTY.map(lambda text: " ".join(text.split())), min_size=1, max_size=12))
@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_arbitrary_files_are_masked_once_or_refused(suffix: str, lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, once, twice = (Path(folder) / f"{n}{suffix}" for n in ("甲", "一", "二"))
        source.write_bytes("\n".join(lines).encode("utf-8", "replace"))
        report = mask_file(source, once)
        assume(report.status != "unreadable")
        assert report.status in ("publish", "look"), report.left
        mask_file(once, twice)
        assert twice.read_bytes() == once.read_bytes()


@FILES
@given(st.lists(PIECES, min_size=1, max_size=20))
def test_any_cells_of_a_workbook_read_back(values: list[str]) -> None:
    cells = ["".join(char for char in text if char >= " " and char not in "\ufffe\uffff")
             for text in values]  # fmt: skip
    cells = [text.encode("utf-8", "ignore").decode() for text in cells]
    with tempfile.TemporaryDirectory() as folder:
        source, once, twice = (Path(folder) / f"{n}.xlsx" for n in ("甲", "一", "二"))
        book = openpyxl.Workbook()
        for number, text in enumerate(cells):
            cell = book.worksheets[0].cell(number // 4 + 1, number % 4 + 1)
            cell.value, cell.data_type = text, "s"
        book.save(source)
        report = mask_file(source, once)
        assert report.status in ("publish", "look"), (report.message, report.left)
        old, new = read_back(source), read_back(once)
        assert len(old) == len(new)
        assert mask_file(once, twice).status in ("publish", "look")
        assert read_back(twice) == new


def test_the_made_up_numbers_are_what_they_seem() -> None:
    assert resident_id(made_up_id(Random(1)))
    assert bank_card(_card(1))
