"""Large csv files under policies that take columns out and make values coarser, against the exact
path: the bytes and the report, on generated lists with a small window and on the sample lists."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid import grading, pipeline, stream
from deid.model import FileReport
from deid.policy import Policy, Thresholds, load_policy
from deid.stream import grids, narrow, ruling, run
from tests.test_stream import ODD_CELLS, card, id_number, quoted, windows_of

Chance = random.Random
POLICIES = (
    ("dibao_confirm", "web", "county"),
    ("linshi", "board", "village"),
    ("linshi", "sms", "county"),
    ("gaoling", "board", "county"),
    ("matter", "board", "town"),
    ("ykt", "web", "county"),
    ("tekun", "board", "county"),
    ("edu_aid", "web", "county"),
    ("recruit", "web", "county"),
    ("medical_aid", "web", "county"),
    ("aggregate", "web", "county"),
)


def _pick(*words: str) -> Callable[[Chance, int, bool], str]:
    return lambda chance, at, minor: chance.choice(words)


def _day(chance: Chance) -> str:
    return (
        f"{chance.randrange(1940, 2000)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    )


COLUMNS: dict[str, Callable[[Chance, int, bool], str]] = {
    "序号": lambda chance, at, minor: str(at),
    "姓名": lambda chance, at, minor: chance.choice("王李张") + chance.choice("伟芳娜军"),
    "户主姓名": lambda chance, at, minor: chance.choice("赵钱孙") + chance.choice("明红军"),
    "性别": _pick("男", "女"),
    "年龄": lambda chance, at, minor: chance.choice((str(chance.randrange(20, 99)), "7岁", "60-69岁")),
    "出生日期": lambda chance, at, minor: _day(chance),
    "出生年月": lambda chance, at, minor: f"{chance.randrange(1940, 2000)}年{chance.randrange(1, 13)}月",
    "身份证号": lambda chance, at, minor: id_number(chance, minor=minor),
    "身份证号/出生年月": lambda chance, at, minor: id_number(chance, minor=minor),
    "户主身份证号": lambda chance, at, minor: id_number(chance),
    "残疾证号": lambda chance, at, minor: id_number(chance) + chance.choice(("44", "11B1")),
    "联系电话": lambda chance, at, minor: f"138{chance.randrange(10**8):08}",
    "银行账号": lambda chance, at, minor: card(chance),
    "村": _pick("东王村", "西王村", "南王村"),
    "家庭住址": lambda chance, at, minor: (
        f"陕西省西安市长安区王寺街道{chance.choice('东西')}王村{chance.randrange(1, 20)}组{chance.randrange(1, 99)}号"
    ),
    "家庭人口": lambda chance, at, minor: str(chance.randrange(1, 7)),
    "救助金额（元）": lambda chance, at, minor: str(chance.randrange(100, 900)),
    "救助事由": _pick("患肺癌手术", "孩子上大学", "因病", ""),
    "病种": _pick("肺癌", "尿毒症", "高血压、糖尿病", ""),
    "民族": _pick("汉", "苗"),
    "学校": _pick("第一中学", "第二小学"),
    "班级": _pick("1班", "2班"),
    "说明": _pick("", "正常", "患肺癌", "病种：肺癌", "3", "高血压 家庭困难"),
    "备注": _pick("", "无", "低保户", "电话13912345678"),
    "": _pick("", "甲", "3", "正常"),
}  # fmt: skip
ODD = (*ODD_CELLS, "病种：肺癌", "肺癌", "78岁", "431026********1234", "431026195407****43")
AROUND = ["公示期7天，监督电话：0735-1234567"]


@st.composite
def matters(draw: st.DrawFn) -> bytes:
    """A list of a matter: columns that go, stay and get coarser, and what else stands in files."""
    chance = Chance(draw(st.integers(0, 10**6)))
    header = [key for key in COLUMNS if key and chance.random() < 0.4] or ["姓名"]
    header += [""] * (chance.random() < 0.1)
    if chance.random() < 0.5:
        chance.shuffle(header)
    dirty, minors = chance.choice((0.0, 0.0, 0.003, 0.03)), chance.choice((0.0, 0.0, 0.1))
    event = chance.choice(("", "", "header", "total", "note", "ragged", "blank"))
    rows = [["汝城县2026年6月临时救助名单", *[""] * (len(header) - 1)]] * (chance.random() < 0.6)
    rows += [header] * (chance.random() < 0.95)
    for at in range(1, chance.randrange(5, 60)):
        minor = chance.random() < minors
        row = [COLUMNS[key](chance, at, minor) for key in header]
        rows.append([chance.choice(ODD) if chance.random() < dirty else cell for cell in row])
        if event and chance.random() < 0.05:
            rows.append(_odd_row(event, header, row))
    rows += [AROUND] * (chance.random() < 0.3)
    always, end = chance.random() < 0.1, chance.choice(("\n", "\r\n"))
    text = end.join(",".join(quoted(cell, always=always) for cell in row) for row in rows) + end
    return text.encode(chance.choice(("utf-8", "utf-8-sig", "gb18030", "utf-16")))


def _odd_row(event: str, header: list[str], row: list[str]) -> list[str]:
    odd = {
        "header": header,
        "total": ["合计", "", *(["9900"] * (len(header) - 2))],
        "note": ["病种：肺癌"],
        "ragged": row[:-2],
    }
    return odd.get(event, [""] * len(header))


def reports(
    data: bytes, policy: Policy, folder: Path, rows: int = 4096
) -> tuple[FileReport | None, FileReport]:
    """What the stream says of a list, None where it leaves it to the exact path; what that says."""
    source, fast, slow = folder / "list.csv", folder / "fast.csv", folder / "slow.csv"
    source.write_bytes(data)
    for path in (fast, slow):
        path.unlink(missing_ok=True)
    with windows_of(rows), pytest.MonkeyPatch.context() as patch:
        order = pipeline._Order(source, fast, False, False, False, {}, None, 0)
        streamed = None if policy.refused else pipeline._mask_large(order, policy, 0.0)
        patch.setattr(pipeline, "_mask_large", lambda *_: None)
        exact = pipeline.mask_file(source, slow, policy=policy)
    return streamed, exact


def check(data: bytes, policy: Policy, folder: Path, rows: int = 4096) -> FileReport | None:
    """The stream's report, if it took the list: the same as the exact one, as are the bytes."""
    streamed, exact = reports(data, policy, folder, rows)
    if streamed is None:
        return None
    for key in (one.name for one in fields(FileReport)):
        if key not in ("output", "seconds"):
            assert getattr(streamed, key) == getattr(exact, key), key
    assert (folder / "fast.csv").read_bytes() == (folder / "slow.csv").read_bytes()
    return streamed


def lines_of(folder: Path) -> list[str]:
    return (folder / "fast.csv").read_text("utf-8").splitlines()


def policy_of(name: str, channel: str = "web", level: str = "county") -> Policy:
    return load_policy(name, channel=channel, level=level)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reshape")


@settings(max_examples=60, deadline=None)
@given(data=matters(), which=st.sampled_from(POLICIES), rows=st.sampled_from((7, 16, 40, 4096)))
def test_streamed_is_exact(
    folder: Path, data: bytes, which: tuple[str, str, str], rows: int
) -> None:
    check(data, policy_of(*which), folder, rows)


def matter_list(count: int, *columns: str, title: str = "", last: str = "") -> bytes:
    """A clean list with those columns."""
    chance = Chance(7)
    lines = [title] if title else []
    lines.append(",".join(columns))
    lines += [",".join(COLUMNS[key](chance, at, False) for key in columns) for at in range(count)]
    return ("\n".join([*lines, *([last] if last else [])]) + "\n").encode()


USUAL = (
    "序号", "姓名", "性别", "年龄", "出生日期", "身份证号", "村", "家庭住址", "家庭人口", "救助事由",
    "救助金额（元）", "联系电话", "备注",
)  # fmt: skip


@pytest.mark.parametrize("which", POLICIES[:7], ids="-".join)
def test_a_usual_list_is_streamed(folder: Path, which: tuple[str, str, str]) -> None:
    data = matter_list(300, *USUAL, title="汝城县2026年6月名单")
    report = check(data, policy_of(*which), folder, 64)
    assert report
    assert report.dropped
    shown = "身份证号" in (folder / "fast.csv").read_text("utf-8")
    assert report.strength == ({"A": 300, "B": 0, "C": 0, "D": 0} if shown else {})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_bytes_are_streamed(folder: Path, encoding: str, end: str) -> None:
    text = matter_list(100, *USUAL).decode().replace("\n", end)
    assert check(text.encode(encoding), policy_of("linshi", "board"), folder, 40)


def test_cells_in_quotes_go_with_their_quotes(folder: Path) -> None:
    rows = [line.split(",") for line in matter_list(60, *USUAL).decode().splitlines()]
    text = "".join(",".join(quoted(c, always=True) for c in row) + "\n" for row in rows)
    assert check(text.encode(), policy_of("dibao_confirm"), folder, 16)


def test_first_and_last_columns_may_go(folder: Path) -> None:
    columns = ("联系电话", "银行账号", "姓名", "病种", "村", "身份证号", "备注", "民族")
    assert check(matter_list(60, *columns), policy_of("dibao_confirm"), folder, 16)


@pytest.mark.parametrize("name", ["", "张路"])
def test_only_one_column_stays(folder: Path, name: str) -> None:
    data = matter_list(40, "姓名", "联系电话", "民族")
    more = data.replace(b"\n", f"\n{name},13800138000,汉\n".encode(), 1)
    check(more, policy_of("dibao_confirm"), folder, 16)


def test_a_text_that_stays_in_a_column_that_goes(folder: Path) -> None:
    data = matter_list(
        60, "联系电话", *USUAL[:8], title="2026年6月临时救助名单,,", last="制表人：王芳"
    )
    assert check(data, policy_of("linshi", "board"), folder, 16)


def test_what_goes_is_not_told_again(folder: Path) -> None:
    columns = ("序号", "姓名", "身份证号", "村", "病种", "说明")
    data = matter_list(200, *columns)
    other = replace(policy_of("dibao_confirm"), fields={
        key: rule for key, rule in policy_of("dibao_confirm").fields.items() if key != "remark"
    })  # fmt: skip
    assert check(data, other, folder, 64)
    told = [line.rpartition(",")[2] for line in lines_of(folder)]
    assert "患肺癌" in told  # in a row of somebody else
    assert "患***" in told


def test_names_of_minors_are_told(folder: Path) -> None:
    chance = Chance(3)
    lines = [",".join(("序号", "姓名", "身份证号", "村", "联系电话"))]
    for at in range(200):
        cells = (str(at), f"张{chance.choice('伟芳娜军')}{chance.choice('一二三四五六七')}")
        lines.append(",".join((*cells, id_number(chance, minor=at % 50 == 7), "东王村", "1")))
    report = check(("\n".join(lines) + "\n").encode(), policy_of("dibao_confirm"), folder, 64)
    assert report
    assert sum("未成年" in item.message for item in report.items) >= 4


def test_namesakes_are_told(folder: Path) -> None:
    data = matter_list(400, "序号", "姓名", "身份证号", "村", "联系电话")
    report = check(data, policy_of("dibao_confirm"), folder, 64)
    assert report
    assert sum("同名" in item.message for item in report.items) > 50


def test_weak_rows_make_columns_coarser(folder: Path) -> None:
    """What a policy shows besides a number may be too much: the age goes in the whole list."""
    policy = policy_of("linshi", "board")
    shown = {key: rule for key, rule in policy.fields.items() if key not in ("birth_date", "age")}
    loose = replace(policy, fields=shown, remedy=("generalise", "drop"))
    data = matter_list(80, *USUAL[:8], title="汝城县2026年6月名单")
    report = check(data, loose, folder, 32)
    assert report
    assert report.generalised


def test_rows_that_tell_too_much_go_to_the_exact_path(folder: Path) -> None:
    strict = Thresholds(10**15, 10**14, 10**13, 10**12)
    policy = replace(policy_of("dibao_confirm"), thresholds=strict)
    streamed, exact = reports(matter_list(40, *USUAL), policy, folder, 16)
    assert streamed is None
    assert exact.status == "refused"


def test_rows_that_only_the_row_can_tell(folder: Path) -> None:
    """More cells than the header, and more values than one where a number stands."""
    lines = matter_list(60, "序号", "姓名", "联系电话", "身份证号", "村").decode().splitlines()
    lines[9] += ",多一格"
    two = id_number(Chance(1)), id_number(Chance(2))
    lines[20] = f"20,张路,13800138000,{two[0]} {two[1]},东王村"
    data = ("\n".join(lines) + "\n").encode()
    report = check(data, policy_of("dibao_confirm"), folder, 16)
    assert report
    assert any("错了列" in item.message for item in report.items)


def test_many_namesakes_are_counted(folder: Path) -> None:
    data = matter_list(4000, "序号", "姓名", "身份证号", "村")
    report = check(data, policy_of("dibao_confirm"), folder)
    assert report
    told = [item.message for item in report.items if "同名" in item.message]
    assert len(told) == grading.MOST_NAMESAKES + 1
    assert told[-1].startswith("另有 ")


def test_a_column_of_which_later_rows_say_otherwise(folder: Path) -> None:
    first = matter_list(60, "序号", "姓名", "身份证号", "联系电话")
    second = matter_list(60, "序号", "姓名", "身份证号", "村")
    assert check(first + second, policy_of("dibao_confirm"), folder, 32) is None


def test_a_hidden_value_in_a_column_that_goes(folder: Path) -> None:
    lines = matter_list(60, "序号", "姓名", "身份证号", "民族").decode().splitlines()
    data = "\n".join(lines).replace("汉", lines[9].split(",")[2], 1).encode()
    check(data, policy_of("dibao_confirm"), folder, 16)


def test_a_list_of_which_nothing_may_be_shown(folder: Path) -> None:
    data = matter_list(40, "村", "身份证号", "联系电话")
    streamed, exact = reports(data, policy_of("edu_aid"), folder, 16)
    assert streamed is None
    assert exact.status == "refused"


def test_a_fault_in_taking_columns_out_is_not_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = narrow.Narrower.narrowed

    def wrong(
        self: narrow.Narrower, grid: grids.Grid, odd: dict[int, bool], *, first: bool
    ) -> bytes:
        return right(self, grid, odd, first=first).replace("东王村".encode(), "西王村".encode(), 1)

    monkeypatch.setattr(narrow.Narrower, "narrowed", wrong)
    source = folder / "list.csv"
    source.write_bytes(matter_list(60, *USUAL))
    with windows_of(16):
        assert run.masked(source, folder / "out.csv", policy_of("dibao_confirm")) is None


def test_a_column_that_was_not_taken_out_is_not_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruling.Ruling, "gone", property(lambda self: frozenset()))
    source = folder / "list.csv"
    source.write_bytes(matter_list(60, *USUAL))
    with windows_of(16):
        assert run.masked(source, folder / "out.csv", policy_of("dibao_confirm")) is None


@pytest.mark.parametrize("which", POLICIES[:6], ids="-".join)
def test_the_golden_lists(folder: Path, which: tuple[str, str, str]) -> None:
    lists = sorted((Path(__file__).parent / "golden").rglob("*.csv"))
    assert lists
    for path in lists:
        check(path.read_bytes(), policy_of(*which), folder, 40)


def test_small_files_are_not_streamed(folder: Path) -> None:
    source = folder / "list.csv"
    source.write_bytes(matter_list(20, *USUAL))
    assert stream.mask_csv(source, folder / "out.csv", policy_of("linshi", "board")) is None
