"""The field rules of a policy on frames, batches and single values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from deid import load_policy, mask_batches, mask_table, mask_text
from deid.errors import LeftOver

ID, DONE = "11010519491231002X", "110105************"
LIST = {
    "姓名": ["张三丰", "李小四", "赵小海"],
    "身份证号": [ID, ID, "110105********002X"],
    "年龄": ["72", "73", "73"],
    "病种": ["肺癌", "高血压", "肺癌"],
    "备注": ["病种：肺癌", "", "在册"],
}
RULES = "policy: t\nlabel: 试\nextends: general\nfields: {disease: drop, age: age_band}\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "试.yaml"
    path.write_text(RULES, "utf-8")
    return path


def columns(frame: Any) -> dict[str, list[Any]]:
    if isinstance(frame, pd.DataFrame):
        return {str(name): frame[name].tolist() for name in frame.columns}
    if isinstance(frame, pl.DataFrame):
        return frame.to_dict(as_series=False)
    return frame if isinstance(frame, dict) else frame.to_pydict()


WANTED = {
    "姓名": ["张三丰", "李小四", "赵小海"],
    "身份证号": [DONE] * 3,
    "年龄": ["70-79岁"] * 3,
    "备注": ["病种：***", "", "在册"],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_columns_go_get_coarser_and_are_graded(make: Any, rules: Path) -> None:
    frame = make(LIST)
    masked = mask_table(frame, policy=rules)
    assert type(masked) is type(frame)
    assert columns(masked) == WANTED
    assert columns(frame) == LIST


def test_batches_go_by_the_same_rules(rules: Path) -> None:
    batches = pa.table(LIST).to_batches() * 2
    for batch in mask_batches(iter(batches), policy=load_policy(rules)):
        assert columns(batch) == WANTED


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_what_is_never_listed_is_refused(make: Any) -> None:
    with pytest.raises(LeftOver, match="孤儿"):
        mask_table(make(LIST), policy="orphan")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_rows_that_nothing_mends_are_refused(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "严.yaml"
    path.write_text(
        "policy: t\nlabel: 严\nextends: general\n"
        "thresholds: {good: 9000000000, fair: 8000000000, block: 7000000000}\n",
        "utf-8",
    )
    with pytest.raises(LeftOver) as caught:
        mask_table(make(LIST), policy=path)
    assert len(caught.value.report.left) == 3
    assert ID not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "header", "expected"),
    [
        ("肺癌", "病种", "***"),
        ("72", "年龄", "70-79岁"),
        ("", "病种", ""),
        ("  ", "年龄", "  "),
        (ID, "身份证号", DONE),
        ("张三丰", "姓名", "张三丰"),
        ("病种：肺癌", "备注", "病种：***"),
        ("张三丰，病种：肺癌，电话13800138000", None, "张三丰，病种：***，电话138********"),
    ],
)
def test_single_values(text: str, header: str | None, expected: str, rules: Path) -> None:
    assert mask_text(text, header=header, policy=rules) == expected


def test_a_value_that_no_whitelist_names_goes() -> None:
    assert mask_text("1000", header="资助金额", policy="edu_aid") == "***"
    assert mask_text("丙", header="怪列", policy="edu_aid") == "***"
    assert mask_text("第一中学", header="学校", policy="edu_aid") == "第一中学"


def test_without_field_rules_nothing_changes() -> None:
    assert mask_text("肺癌", header="病种") == "肺癌"
    assert mask_text("电话13800138000") == "电话138********"
