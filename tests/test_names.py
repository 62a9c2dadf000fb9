"""Family names, the shape of a name, and minors named in a remark."""

from __future__ import annotations

import datetime

import pytest

from deid.names import family_name_length, is_name, minor_spans, name_before
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
        ("刘小花，系单亲家庭孩子，就读樟市中学八年级（3）班", ["刘小花"]),
        ("刘小花就读于樟市中学八年级", ["刘小花"]),
        ("其女刘小花在樟市小学读三年级", ["刘小花"]),
        ("刘小花（学生，樟市中学初三）", ["刘小花"]),
        ("刘小花，樟市中学八年级（3）班学生", ["刘小花"]),
        ("张老师，樟市小学三年级班主任", []),
        ("李四，男，樟市小学三年级教师", []),
        ("王军在樟市小学门口开店", []),
        ("高考，初一至初三", []),
        ("王家村小学三年级在校学生12人", []),
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


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("其儿子韩宇轩，就读于石桥镇中心小学三年级", ["韩宇轩"]),
        ("长女赖思雨初中在读，次子赖思远小学在读", ["赖思雨", "赖思远"]),
        ("双胞胎女儿文静怡、文静悦，均为5岁", ["文静怡", "文静悦"]),
        ("2023年其女武梦瑶出生，人口增加1人", ["武梦瑶"]),
        ("捡拾弃婴倪春", ["倪春"]),
        ("其子陈 晨（4岁）", ["陈 晨"]),
        ("女儿帕提古丽•吐尔洪，6岁", ["帕提古丽•吐尔洪"]),
        ("师建国之子隋明，年仅6岁", ["隋明"]),
        ("其子闵浩（14岁）就读于县第二中学", ["闵浩"]),
    ],
)  # fmt: skip
def test_minors_by_what_is_said_of_them(text: str, names: list[str]) -> None:
    assert [text[a:b] for a, b in sorted(minor_spans(fold(text)))] == names


@pytest.mark.parametrize(
    "text",
    [
        "孙女，8岁", "女儿在大学就读", "其女王雨就读于湖南大学", "户主王强，小学文化", "其父张三（小学）",
        "市民王建国带着8岁的儿子在公园散步", "全市孤儿基本生活费标准提高", "儿童保障", "学生安全教育",
    ],
)  # fmt: skip
def test_minors_by_what_is_said_of_them_noop(text: str) -> None:
    assert minor_spans(fold(text)) == []


def test_students_in_news_stay() -> None:
    assert minor_spans(fold("学生张明说，就读的人多了")) == []


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ("黎国强/本人/4310;黎小东/子/", "黎小东"),
        ("覃美、儿子覃浩（", "覃浩"),
        ("女儿小芳：", "小芳"),
        ("其子覃浩，身份证号", "覃浩"),
        ("姓名：覃浩 身份证号码：", "覃浩"),
        ("欧阳小明，男，汉族，公民身份号码", "欧阳小明"),
        ("户主李明之子李小明", "李小明"),
        ("古丽·买买提（", "古丽·买买提"),
        ("监护人张三 ", "张三"),
        ("村委会已核实：身份证号", ""),
        ("桂阳县民政局 ", ""),
        ("共3人：", ""),
        ("", ""),
    ],
)
def test_name_before(before: str, name: str) -> None:
    folded = fold(before) + "43102120160920717X"
    span = name_before(folded, len(before))
    assert (folded[slice(*span)] if span else "") == name
