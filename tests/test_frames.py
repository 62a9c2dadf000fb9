"""DataFrames: the same kind back, the same result as the command line, nothing else touched."""

from __future__ import annotations

import csv
import datetime
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deid
import deid.accessors
from deid import (
    FrameFault,
    LeftOver,
    frames_large,
    load_policy,
    mask_file,
    mask_table,
    scan_table,
)
from deid import frames as frames_module
from deid.frames import document_of, mask_document

ID, ID_MASKED = "11010519491231002X", "110105************"
PHONE, PHONE_MASKED = "13800138000", "138********"
GOLDEN = Path(__file__).parent / "golden"
LIST = {"姓名": ["张三", "李四"], "身份证号": [ID, None], "金额": [500, 600]}


def makers() -> list[Any]:
    return [
        pytest.param(pd.DataFrame, id="pandas"),
        pytest.param(pl.DataFrame, id="polars"),
        pytest.param(pa.table, id="table"),
        pytest.param(pa.RecordBatch.from_pydict, id="batch"),
    ]


def cells(frame: Any) -> list[list[Any]]:
    """The frame by columns, missing cells as None."""
    if isinstance(frame, pd.DataFrame):
        columns = [frame.iloc[:, at].tolist() for at in range(frame.shape[1])]
        return [[None if pd.isna(value) else value for value in column] for column in columns]
    if isinstance(frame, pl.DataFrame):
        return [series.to_list() for series in frame]
    return [column.to_pylist() for column in frame.columns]


@pytest.mark.parametrize("make", makers())
def test_same_kind_back(make: Any) -> None:
    frame = make(LIST)
    masked = mask_table(frame)
    assert type(masked) is type(frame)
    assert cells(masked) == [["张三", "李四"], [ID_MASKED, None], [500, 600]]
    assert cells(frame)[1] == [ID, None]  # the input is as it was


def test_plain_columns_keep_the_types_of_other_cells() -> None:
    frame = {
        "姓名": ["张三", "李四"],
        "电话": [13800138000, None],
        "金额": [500, 1.5],
        "在册": [True, False],
    }
    before = {title: list(values) for title, values in frame.items()}
    masked = mask_table(frame)
    assert masked == {**before, "电话": [PHONE_MASKED, None]}
    assert [type(value) for value in masked["金额"]] == [int, float]
    assert frame == before


def test_plain_columns_have_masked_titles() -> None:
    assert list(mask_table({f"张三{PHONE}": ["是"], "姓名": ["李四"]})) == [
        f"张三{PHONE_MASKED}",
        "姓名",
    ]


@pytest.mark.parametrize(
    "frame", [{"甲": [1], "乙": []}, {"甲": "文字"}, {1: ["a"]}, {"甲": [[1]]}, {"甲": [{}]}]
)
def test_plain_columns_that_are_none(frame: Any) -> None:
    with pytest.raises(FrameFault):
        mask_table(frame)


@pytest.mark.parametrize("frame", [{}, {"甲": []}, {"甲": [None]}, {"": [""]}])
def test_plain_columns_without_content(frame: Any) -> None:
    assert mask_table(frame) == frame


@pytest.mark.parametrize("make", makers())
def test_findings_have_places_and_no_content(make: Any) -> None:
    (found,) = scan_table(make(LIST))
    assert (found.place, found.entity, found.start, found.end) == ("R1C1", "CN_RESIDENT_ID", 0, 18)
    assert ID not in repr(found)


@pytest.mark.parametrize("make", makers())
@pytest.mark.parametrize("data", [{}, {"姓名": []}, {"姓名": ["张三"]}])
def test_nothing_to_find(make: Any, data: dict[str, list[str]]) -> None:
    frame = make(data)
    masked = mask_table(frame)
    assert cells(masked) == cells(frame)
    assert scan_table(frame) == []


# ------------------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize(
    ("values", "dtype", "masked_dtype"),
    [
        ([ID, None], "object", "object"),
        ([ID, None], "str", "str"),
        ([ID, pd.NA], "string", "string"),
        ([ID, None], pd.ArrowDtype(pa.string()), pd.ArrowDtype(pa.string())),
        ([ID, None], "category", "category"),
    ],
)
def test_texts_keep_their_dtype(values: list[Any], dtype: Any, masked_dtype: Any) -> None:
    frame = pd.DataFrame({"身份证号": pd.Series(values, dtype=dtype)})
    masked = mask_table(frame)
    assert masked["身份证号"].dtype.name == pd.Series([], dtype=masked_dtype).dtype.name
    assert cells(masked) == [[ID_MASKED, None]]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([13800138000, 13900139000]),
        pd.Series([13800138000.0, None]),
        pd.Series([13800138000, None], dtype="Int64"),
        pd.Series([13800138000, None], dtype=pd.ArrowDtype(pa.int64())),
        pd.Series([Decimal("13800138000"), None], dtype="object"),
        pd.Series([np.int64(13800138000), None], dtype="object"),
    ],
    ids=lambda series: str(series.dtype),
)
def test_numbers_become_texts_where_masked(series: Any) -> None:
    frame = pd.DataFrame({"联系电话": series, "金额": [1.5, 2.5]})
    masked = mask_table(frame)
    assert masked.iloc[0, 0] == PHONE_MASKED
    assert masked["联系电话"].dtype == object
    assert masked["金额"] is not frame["金额"]
    pd.testing.assert_series_equal(masked["金额"], frame["金额"])


UNTOUCHED = pd.DataFrame(
    {
        "金额": pd.array([1, None], dtype="Int64"),
        "标准": [1.25, float("nan")],
        "日期": pd.to_datetime(["2026-01-05", None]),
        "审批时间": pd.to_datetime(["2026-01-05T08:30:00+08:00", None], utc=True),
        "是否": [True, False],
        "等级": pd.Categorical(["甲", None], categories=["乙", "甲"], ordered=True),
        "时长": pd.to_timedelta(["1h", None]),
        "期间": pd.PeriodIndex(["2026-01", "2026-02"], freq="M"),
        "小数": [Decimal("1.10"), None],
        "空": [None, None],
    }
)


def test_what_is_not_masked_is_identical() -> None:
    frame = UNTOUCHED.assign(身份证号=[ID, ""])
    masked = mask_table(frame)
    pd.testing.assert_frame_equal(masked.drop(columns="身份证号"), UNTOUCHED)
    assert list(masked["身份证号"]) == [ID_MASKED, ""]


def test_arrow_types() -> None:
    table = pa.table(
        {
            "身份证号": pa.chunked_array([[ID], [None]], pa.large_string()),
            "电话": pa.array([13800138000, None], pa.int64()),
            "类别": pa.array(["甲", "乙"]).dictionary_encode(),
            "日期": pa.array([datetime.date(2026, 1, 5), None]),
            "金额": pa.array([Decimal("1.10"), None]),
        },
        metadata={"来源": "某表"},
    )
    masked = mask_table(table)
    assert [str(kind) for kind in masked.schema.types[:2]] == ["large_string", "string"]
    assert masked.schema.types[2:] == table.schema.types[2:]
    assert masked.column("类别") == table.column("类别")
    assert masked.schema.metadata is None  # it may name what was masked
    assert mask_table(table.select(["类别"])).schema.metadata == table.schema.metadata


def test_polars_types() -> None:
    frame = pl.DataFrame(
        {
            "身份证号": pl.Series([ID, None], dtype=pl.Categorical),
            "电话": pl.Series([13800138000, None]),
            "类别": pl.Series(["甲", None], dtype=pl.Enum(["甲", "乙"])),
            "日期": [datetime.date(2026, 1, 5), None],
        }
    )
    masked = mask_table(frame)
    assert masked.schema["身份证号"] == pl.Categorical
    assert masked.schema["电话"] == pl.String
    assert masked.select("类别", "日期").equals(frame.select("类别", "日期"))


# ------------------------------------------------------------------ places that a reader overlooks


def test_index_and_its_duplicates() -> None:
    frame = pd.DataFrame({"金额": [1, 2, 3]}, index=["乙", "甲", "甲"])
    pd.testing.assert_frame_equal(mask_table(frame), frame)
    named = pd.DataFrame({"金额": [1, 2]}, index=pd.Index([ID, ID], name="身份证号"))
    masked = mask_table(named)
    assert list(masked.index) == [ID_MASKED, ID_MASKED]
    assert masked.index.name == "身份证号"
    assert list(named.index) == [ID, ID]


def test_multi_index() -> None:
    index = pd.MultiIndex.from_tuples([("石桥村", ID), ("石桥村", ID)], names=["村", "身份证号"])
    masked = mask_table(pd.DataFrame({"金额": [1, 2]}, index=index))
    assert list(masked.index) == [("石桥村", ID_MASKED)] * 2
    assert masked.index.names == ["村", "身份证号"]


def test_columns_of_the_same_name() -> None:
    frame = pd.DataFrame([[ID, "a", PHONE]], columns=["身份证号", "备注", "身份证号"])
    masked = mask_table(frame)
    assert list(masked.columns) == ["身份证号", "备注", "身份证号"]
    assert masked.iloc[0, 0] == ID_MASKED
    assert PHONE not in masked.iloc[0, 2]


def test_columns_of_two_levels() -> None:
    columns = pd.MultiIndex.from_tuples([("户主", "姓名"), ("户主", "身份证号"), ("补贴", "金额")])
    masked = mask_table(pd.DataFrame([["张三", ID, 5]], columns=columns))
    assert masked.columns.equals(columns)
    assert masked.iloc[0].tolist() == ["张三", ID_MASKED, 5]


def test_a_frame_without_titles_is_read_like_a_sheet() -> None:
    rows = [["低保公示名单", None], ["姓名", "身份证号"], ["张三", ID], ["监督电话", "0735-12345"]]
    masked = mask_table(pd.DataFrame(rows))
    assert masked.iloc[:, 1].tolist()[1:] == ["身份证号", ID_MASKED, "0735-12345"]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_title_that_holds_a_number(make: Any) -> None:
    masked = mask_table(make({f"身份证号{ID}": ["1"], "金额": [2]}))
    names = list(masked.columns) if not isinstance(masked, pa.Table) else masked.column_names
    assert not any(ID in str(name) for name in names)


def test_categories_that_no_cell_shows() -> None:
    other = "430702193305247113"
    frame = pd.DataFrame({"身份证号": pd.Categorical([ID], categories=[ID, other])})
    assert list(mask_table(frame)["身份证号"].cat.categories) == [ID_MASKED]
    clean = pd.DataFrame({"备注": pd.Categorical(["无"], categories=["无", f"电话{PHONE}"])})
    assert list(mask_table(clean)["备注"].cat.categories) == ["无"]
    array = pa.DictionaryArray.from_arrays([0], [ID, other])
    masked = mask_table(pa.table({"身份证号": array})).column("身份证号")
    assert masked.chunk(0).dictionary.to_pylist() == [ID_MASKED]
    enum = pl.DataFrame({"身份证号": pl.Series([ID], dtype=pl.Enum([ID, other]))})
    assert mask_table(enum).schema["身份证号"] == pl.String


def test_attributes_are_dropped() -> None:
    frame = pd.DataFrame(LIST)
    frame.attrs["note"] = ID
    assert mask_table(frame).attrs == {}
    assert frame.attrs["note"] == ID


def test_views_and_slices() -> None:
    frame = pd.DataFrame({"身份证号": [ID] * 6, "金额": range(6)})
    part = frame.iloc[::2]
    assert mask_table(part)["身份证号"].tolist() == [ID_MASKED] * 3
    assert mask_table(part).index.tolist() == [0, 2, 4]
    assert frame["身份证号"].tolist() == [ID] * 6
    table = pa.Table.from_pandas(frame).slice(2, 2)
    assert cells(mask_table(table)) == [[ID_MASKED] * 2, [2, 3]]


# ------------------------------------------------------------------------------ columns by hand


@pytest.mark.parametrize("kind", ["bank_account", "CN_BANK_CARD"])
def test_a_kind_given_by_hand(kind: str) -> None:
    frame = pd.DataFrame({"x": ["62284800"], "y": ["62284801"]})
    masked = mask_table(frame, columns={"x": kind})
    assert cells(masked) == [["********"], ["62284801"]]
    assert list(masked.columns) == ["x", "y"]


def test_a_kind_for_a_frame_without_titles() -> None:
    masked = mask_table(pd.DataFrame([["62284800", "1"]]), columns={0: "bank_account"})
    assert cells(masked) == [["********"], ["1"]]


def test_a_skipped_column_is_the_callers_affair() -> None:
    frame = pd.DataFrame({"身份证号": [ID], "图": [b"\x00"], "表": [[1, 2]]})
    masked = mask_table(frame, columns={"图": "skip", "表": "skip"})
    assert masked.iloc[0].tolist() == [ID_MASKED, b"\x00", [1, 2]]


@pytest.mark.parametrize(
    ("columns", "told"),
    [({"没有": "id_number"}, "表中没有的列"), ({"姓名": "nonsense"}, "没有“nonsense”这种列")],
)
def test_columns_that_make_no_sense(columns: dict[str, str], told: str) -> None:
    with pytest.raises(FrameFault, match=told):
        mask_table(pd.DataFrame(LIST), columns=columns)


# ------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pd.Series([ID]), "不是一列"),
        (pl.Series([ID]), "不是一列"),
        (pa.array([ID]), "不是一列"),
        (pl.DataFrame(LIST).lazy(), "collect"),
        ([[ID]], "不是 list"),
        (None, "不是 NoneType"),
        (pd.DataFrame({"a": [b"x"]}), "第 1 列有二进制"),
        (pd.DataFrame({"a": [1], "b": [[1]]}), "第 2 列有 list"),
        (pl.DataFrame({"a": [[1]]}), "第 1 列有 list"),
        (pa.table({"a": [{"b": 1}]}), "第 1 列有 dict"),
        (pd.DataFrame({"a": [object()]}), "第 1 列有 object"),
        (pd.DataFrame({"a": [{1}]}), "第 1 列有 set"),
    ],
)
def test_what_cannot_be_judged_is_refused(frame: Any, told: str) -> None:
    with pytest.raises(FrameFault, match=told) as caught:
        mask_table(frame)
    assert ID not in str(caught.value)
    with pytest.raises(FrameFault):
        scan_table(frame)


def test_ten_thousand_columns() -> None:
    frame = pd.DataFrame([[ID] + ["x"] * 9_999], columns=[f"列{at}" for at in range(10_000)])
    masked = mask_table(frame)
    assert masked.iloc[0, 0] == ID_MASKED
    assert masked.shape == frame.shape


def test_what_is_left_over_comes_out_as_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from deid import frames

    rebuilt = frames._Pandas.rebuilt
    monkeypatch.setattr(
        frames._Pandas,
        "rebuilt",
        lambda self, cells, titles, drops: rebuilt(self, {}, titles, drops),
    )
    with pytest.raises(LeftOver) as caught:
        mask_table(pd.DataFrame(LIST))
    assert ID not in str(caught.value)


# --------------------------------------------------------------------------- as the command line


def sample_files() -> list[Path]:
    return sorted((GOLDEN / "lists").glob("*.csv"))


def sheet(path: Path) -> list[list[str]]:
    text = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            rows = list(csv.reader(text.decode(encoding).splitlines()))
            break
        except UnicodeDecodeError:
            continue
    width = max(map(len, rows))
    return [[*row, *[""] * (width - len(row))] for row in rows]


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.stem)
def test_a_sheet_as_the_command_line(path: Path, tmp_path: Path) -> None:
    rows = sheet(path)
    mask_file(path, tmp_path / path.name)
    expected = sheet(tmp_path / path.name)
    masked = mask_table(pd.DataFrame(rows))
    assert masked.to_numpy().tolist() == expected


@pytest.mark.parametrize("make", makers())
def test_a_list_with_titles_as_the_command_line(make: Any, tmp_path: Path) -> None:
    data = {
        "序号": ["1", "2", "3"],
        "姓名": ["张三", "李小明", "王芳"],
        "身份证号": [ID, "430702201505247114", "430702193305247113"],
        "联系电话": [PHONE, "", "0735-2345678"],
        "住址": ["云溪县石桥镇红新村8组12号", "红新村8组", "柳湾社区3栋201"],
        "金额": ["500", "1,200", "13800"],
    }
    source = tmp_path / "名单.csv"
    with source.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([list(data), *zip(*data.values(), strict=True)])
    mask_file(source, tmp_path / "out.csv")
    expected = sheet(tmp_path / "out.csv")[1:]
    masked = cells(mask_table(make(data)))
    assert [list(row) for row in zip(*masked, strict=True)] == expected


# ------------------------------------------------------------------------------------ accessors


def test_accessors() -> None:
    for frame in (pd.DataFrame(LIST), pl.DataFrame(LIST)):
        assert cells(frame.deid.mask(policy="general"))[1][0] == ID_MASKED  # type: ignore[union-attr]
        assert len(frame.deid.scan()) == 1  # type: ignore[union-attr]
    assert deid.accessors.DeidAccessor


def test_importing_deid_loads_no_frames() -> None:
    script = (
        "import sys, deid; print([n for n in ('pandas','polars','pyarrow') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout == "[]\n"


# ------------------------------------------------------------------------------------ properties


CELLS = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([ID, PHONE, "张三", "红新村8组", "2026-01-05", 13800138000.0]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["姓名", "身份证号", "电话", "金额", "备注", "x"]), CELLS, CELLS),
        min_size=1,
        max_size=6,
    )
)
def test_masking_twice_changes_nothing_more(columns: list[tuple[str, Any, Any]]) -> None:
    frame = pd.DataFrame([[c[1] for c in columns], [c[2] for c in columns]], dtype=object)
    frame.columns = pd.Index([c[0] for c in columns])
    before = frame.copy(deep=True)
    masked = mask_table(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert masked.shape == frame.shape
    assert not any(value == ID for column in cells(masked) for value in column)
    pd.testing.assert_frame_equal(mask_table(masked), masked)


# ----------------------------------------------------------------------------------- large frames


ODD = (
    "", " ", "张路", PHONE, "1101051949123100", f"电话{PHONE}，家住王寺村5组", "无", "110105********002X",
    "１３８００１３８０００", "王寺村5组12号", "86571234", "2024-03-15", "202403150012345678", "合 计",
    "6228480402564890018", "其子李明（12岁）", "12,5", '他说"好"', '"', '""', "两\n行", "\n", "回\r车", "a\tb",
    "\x1f", "\0", "\ud800", "\ufeff姓名", "姓名", "身份证号", "0571-86571234", ID, ID.lower(), "𠮷", "1",
)  # fmt: skip
TITLES = (
    "序号",
    "姓名",
    "身份证号",
    "联系电话",
    "家庭住址",
    "银行卡号",
    "金额",
    "备注",
    "x",
    "",
    f"电话{PHONE}",
)


@st.composite
def columns_of(draw: st.DrawFn, rows: int) -> list[Any]:
    """A column of one kind, mostly; rows are alike, since lists are."""
    kind = draw(st.sampled_from(("text", "text", "text", "int", "float", "mixed", "date", "bool")))
    some: st.SearchStrategy[Any] = {
        "text": st.one_of(st.none(), st.sampled_from(ODD), st.text(max_size=4)),
        "int": st.sampled_from([int(PHONE), 5, 110105194912310021]),
        "float": st.sampled_from([float(PHONE), 1.5, math.nan, math.inf]),
        "mixed": st.sampled_from([PHONE, 1, None, Decimal("13800138000"), math.nan, "姓名"]),
        "date": st.sampled_from([datetime.date(2020, 1, 5), None]),
        "bool": st.sampled_from([True, False]),
    }[kind]
    usual = (
        draw(st.sampled_from([ID, PHONE, "张路", "王寺村5组12号"]))
        if kind == "text"
        else draw(some)
    )
    odd = draw(st.dictionaries(st.integers(0, rows - 1), some, max_size=4))
    return [odd.get(at, usual) for at in range(rows)]


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.sampled_from((1, 3, 12)))
    width = draw(st.integers(1, 6))
    labels = draw(st.lists(st.sampled_from(TITLES), min_size=width, max_size=width))
    values = [draw(columns_of(rows)) for _ in range(width)]
    frame = pd.concat([pd.Series(each, dtype=object) for each in values], axis=1)
    frame.columns = pd.Index(labels)
    if draw(st.booleans()):
        groups = draw(
            st.lists(st.sampled_from(("户主", "补贴", "")), min_size=width, max_size=width)
        )
        frame.columns = pd.MultiIndex.from_arrays([groups, labels])
    if draw(st.booleans()):
        frame.index = pd.Index(draw(columns_of(rows)), dtype=object, name="证件号")
    for at in range(width):
        plain = all(v is None or (type(v) is str and v != "\ud800") for v in values[at])
        if plain and draw(st.integers(0, 4)) == 0:
            frame.isetitem(at, frame.iloc[:, at].astype(draw(st.sampled_from(("category", "str")))))
    return frame


@pytest.fixture(scope="module")
def taken() -> Iterator[Counter[bool]]:
    """How often the way of large frames was taken, and how often it was left."""
    counts: Counter[bool] = Counter()
    yield counts
    assert counts[True] > 30, counts


@settings(max_examples=100, deadline=None)
@given(frame=frames(), hand=st.sampled_from((None, "id_number", "CN_MOBILE", "skip", "address")))
def test_large_frames_as_small_ones(
    frame: pd.DataFrame, hand: str | None, taken: Counter[bool]
) -> None:
    columns = {frame.columns[0]: hand} if hand else {}
    before = frame.copy(deep=True)
    try:
        document = document_of(frame, columns, "")
        done = frames_module.mask_by_column(document, load_policy("general"))
    except UnicodeEncodeError:
        raise AssertionError("a text that is no Unicode stops the way of large frames") from None
    taken[done is not None] += 1
    pd.testing.assert_frame_equal(frame, before)
    if done is None:
        return
    masked, found = mask_document(document_of(frame, columns, ""), load_policy("general"))
    pd.testing.assert_frame_equal(done[0], masked)
    assert dict(done[1]) == dict(found)


@pytest.mark.parametrize("make", makers())
def test_a_large_frame(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "LARGE", 2)
    monkeypatch.setattr(frames_large, "_SLICE", 3)
    data = {title: [*values, *values, None] for title, values in LIST.items()}
    data["备注"] = ["一\n二", '说"好"', "a,b", "", None]
    masked = mask_table(make(data))
    names = ["张三", "李四", "张三", "李四", None]
    ids = [ID_MASKED, None, ID_MASKED, None, None]
    assert cells(masked) == [names, ids, [500, 600, 500, 600, None], data["备注"]]


def test_a_large_frame_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(frames_module, "LARGE", 2)
    monkeypatch.setattr(frames_large.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(frames_large.os, "memfd_create", raising=False)
    seen = []

    def look(source: Path, *rest: Any) -> None:
        seen.append((source.stat().st_mode & 0o077, source.parent.stat().st_mode & 0o077))

    assert cells(mask_table(pd.DataFrame(LIST)))[1] == [ID_MASKED, None]
    monkeypatch.setattr(frames_large, "mask_rows", look)
    assert cells(mask_table(pd.DataFrame(LIST)))[1] == [ID_MASKED, None]
    assert seen[0][1] == 0  # nobody else gets into the folder
    assert list(tmp_path.iterdir()) == []


def test_a_large_frame_that_is_not_what_was_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "LARGE", 2)
    rebuilt = frames_module._Pandas.rebuilt
    monkeypatch.setattr(
        frames_module._Pandas,
        "rebuilt",
        lambda self, cells, titles, drops: rebuilt(self, {}, titles, drops),
    )
    with pytest.raises(LeftOver):
        mask_table(pd.DataFrame(LIST))


@pytest.mark.parametrize("policy", ["dibao_review", "general", "matter"])
def test_a_large_frame_by_every_policy(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({**LIST, "出生日期": ["1949-12-31", "1950-01-01"]})
    small = mask_table(frame, policy=policy)
    monkeypatch.setattr(frames_module, "LARGE", 2)
    pd.testing.assert_frame_equal(mask_table(frame, policy=policy), small)
