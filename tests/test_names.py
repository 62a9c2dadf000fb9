"""Family names, the shape of a name, and minors named in a remark."""

from __future__ import annotations

import datetime

import pytest

from deid.names import family_name_length, is_name, minor_spans
from deid.text import fold

YEAR = datetime.date.today().year


@pytest.mark.parametrize(
    ("name", "length"),
    [("于皓汐", 1), ("王五", 1), ("欧阳娜娜", 2), ("欧阳", 1), (" 王五", 2), ("阿米娜·库尔班", 1),
     ("司马光", 2), ("", 1)],
)  # fmt: skip
def test_family_name_length(name: str, length: int) -> None:
    assert family_name_length(name) == length


@pytest.mark.parametrize("text", ["张三", "李秀英", "欧阳桂兰", "王 五", "阿米娜·库尔班"])
def test_is_name(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize(
    "text", ["", "王", "合计", "已故", "13800138000", "王五4", "张三李四王", "村委会", "Zhang San"]
)
def test_is_name_noop(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("其女于皓汐（8岁）由其代领", ["于皓汐"]),
        ("儿子：王小明，男，12周岁", ["王小明"]),
        (f"其子李子涵（{YEAR - 9}年出生）", ["李子涵"]),
        ("未成年人王梓涵由祖母照料", ["王梓涵"]),
        ("孤儿张小雨，", ["张小雨"]),
        ("王梓涵（10岁）", ["王梓涵"]),
    ],
)
def test_minors(text: str, names: list[str]) -> None:
    assert [text[a:b] for a, b in minor_spans(fold(text))] == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "其子李昌（42岁）代领",
        "户主董林满，68岁",
        f"其子李子涵（{YEAR - 30}年出生）",
        "儿童福利院",
        "孤儿基本生活费",
        "年满18岁",
        "未成年人保护工作委员会",
        "2023年12月公示",
    ],
)
def test_minors_noop(text: str) -> None:
    assert minor_spans(fold(text)) == []
