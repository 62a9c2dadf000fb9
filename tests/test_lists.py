"""Lists inside texts: titles and rows, however they are parted, among lines that are none."""

from __future__ import annotations

import pytest

from deid.lists import runs, split, titled_lists
from deid.model import Text
from deid.pipeline import mask_stream
from deid.policy import load_policy
from deid.prose import scan_texts

BEFORE = """正和镇人民政府关于2026年农村低保对象的公示
根据《湖南省最低生活保障办法》，现将符合条件的对象予以公示。
公示时间：2026年3月1日至2026年3月7日。
监督电话：0735-4455667，地址：正和镇正和街3号。
文号：桂民发〔2025〕12号，资金编码4310212025000123，合计1234567.89元。
各村要认真做好公示工作，确保群众知晓。
"""
AFTER = """
特此公示。
以上名单如有遗漏，请及时反馈。
咨询热线：0735-4455668
正和镇人民政府
"""
PUBLIC = ("0735-4455667", "正和街3号", "4310212025000123", "1234567.89", "0735-4455668")
ROWS = (  # a number with a digit missing, a landline without its area code, a place without a number
    ("钱七", "43102119460806911", "8300519", "正和镇阳山村枫树塘"),
    ("孙八妹", "43102119560611220", "2677752", "正和镇阳山村荷叶塘"),
    ("周建国", "43102119490228304", "7687311", "正和镇阳山村石子冲"),
)
TITLES = ("姓名", "身份证号", "电话", "住址")


def lines(form: str, titles: str = "") -> str:
    """The titles and the rows in a form with four places."""
    rows = "".join(form.format(*row, n=n) for n, row in enumerate(ROWS, 1))
    return (titles or form.format(*TITLES, n="序号")) + rows


LISTS = {
    "blanks": lines("{}   {}   {}   {}\n"),
    "single blanks": lines("{} {} {} {}\n"),
    "wide blanks": lines("{}\u3000\u3000{}\u3000\u3000{}\u3000{}\n"),
    "tabs": lines("{}\t{}\t{}\t{}\n"),
    "commas": lines("{},{},{},{}\n"),
    "quoted": lines('"{}","{}","{}","{}","低保，五保"\n'),
    "pauses": lines("{}、{}、{}、{}\n"),
    "slashes": lines("{}/{}/{}/{}\n"),
    "markdown": lines(
        "| {} | {} | {} | {} |\n", "| 姓名 | 证件号 | 电话 | 住址 |\n|---|:-:|---|---|\n"
    ),
    "box": lines("│{}│{}│{}│{}│\n├──┼──┼──┼──┤\n"),
    "heavy box": lines("┃ {} ┃ {} ┃ {} ┃ {} ┃\n"),
    "quoted mail": lines("> {} {} {} {}\n"),
    "numbers without a title": lines("{n} {} {} {} {}\n", "姓名 身份证号 电话 住址\n"),
    "titles behind words": lines("{}，{}，{}，{}\n", "名单如下（姓名，身份证号，电话，住址）：\n"),
    "wrapped rows": lines("{n} {} {} {}\n    {}\n", "序号 姓名 身份证号 电话 住址\n"),
    "wrapped fields": lines(
        "{n}   {}   {}   {}   桂阳县\n                                   {}\n",
        "序号   姓名   身份证号   电话   住址\n",
    ),
    "groups": lines("【某村】\n{} {} {} {}\n", "姓名 身份证号 电话 住址\n"),
    "a new page": lines("{}  {}  {}  {}\n")
    + "第1页\n续表\n制表：李\n三月\n说明：无\n"
    + lines("{}  {}  {}  {}\n", " "),
    "another list": lines("{},{},{},{}\n")
    + "附：变更名单\n姓名;联系电话;身份证号;住址\n"
    + lines("{0};{2};{1};{3}\n", " "),
    "one cell a line": lines("{}\n{}\n{}\n{}\n"),
    "on its side": "".join("\t".join(column) + "\n" for column in zip(TITLES, *ROWS, strict=True)),
    "records": "----\n".join(
        f"姓名 {a}  身份证 {b}\n  电话 {c}\n住址：{d}\n" for a, b, c, d in ROWS
    ),
}


@pytest.mark.parametrize("kind", LISTS)
def test_short_lists_among_other_lines(kind: str) -> None:
    masked = mask_stream(BEFORE + LISTS[kind] + AFTER, policy=load_policy())
    left = [value for row in ROWS for value in row[1:] if value in masked]
    assert left == []
    assert [value for value in PUBLIC if value not in masked] == []


def test_a_title_that_footers_begin_with_too() -> None:
    titles = "序号\n救助对象\n身份证号\n家庭住址\n联系电话\n救助金额\n"
    rows = "".join(f"{n}\n{a}\n{b}\n{d}\n{c}\n500\n" for n, (a, b, c, d) in enumerate(ROWS, 1))
    masked = mask_stream(titles + rows + "联系电话：0735-4455667\n", policy=load_policy())
    assert not [value for row in ROWS for value in row[1:3] if value in masked]
    assert "枫树塘" not in masked
    assert "0735-4455667" in masked


def test_a_row_that_leaves_fields_out() -> None:
    titles = "序号  姓名      身份证号              电话       住址\n"
    rows = "1     钱七      43102119460806911     8300519    正和镇阳山村枫树塘\n"
    rows += "2     孙八                            2677752    正和镇阳山村荷叶塘\n"
    masked = mask_stream(BEFORE + titles + rows + AFTER, policy=load_policy())
    assert "2677752" not in masked
    assert "荷叶塘" not in masked


@pytest.mark.parametrize(
    "notice",
    [
        "需提交材料：身份证、户口本、银行卡\n办理地点：正和街3号、联系电话、0735-4412346\n",
        "单位 联系电话 地址\n桂阳县民政局 0735-4412346 蔡伦路8号\n正和镇政府 0735-4412347 正和街3号\n",
        "序号 村名 户数 金额 凭证号\n1 阳山村 12 123456.00 20250312345678\n",
        "姓名  职务  电话\n以上三项请填写完整，如有疑问请致电0735-4412346\n",
    ],
)
def test_what_is_no_list_of_persons(notice: str) -> None:
    text = BEFORE + notice + AFTER
    assert mask_stream(text, policy=load_policy()) == text


@pytest.mark.parametrize(
    ("line", "delimiter", "fields"),
    [
        ("a  b   c", "  ", ["a", "b", "c"]),
        ("| a | | c |", "|", ["a", "", "c"]),
        ('"a,b",c', ",", ["a,b", "c"]),
        ("a\t\tc", "\t", ["a", "", "c"]),
    ],
)
def test_split(line: str, delimiter: str, fields: list[str]) -> None:
    assert [line[a:b] for a, b in split(line, delimiter)] == fields


def test_rows_without_titles_stand_together() -> None:
    texts = [f"王{n} 4310211990010{n}0011 1380013800{n}" for n in range(1, 6)]
    found = list(runs(dict(enumerate(["说明", *texts, "完"]))))
    assert [len(grid) for grid in found] == [5]
    assert titled_lists(dict(enumerate(texts))) == []


def test_lists_in_a_paragraph_with_line_breaks() -> None:
    text = Text("p1", "名单如下\n" + LISTS["blanks"] + "特此公示")
    (found,) = scan_texts([text])
    hidden = [text.text[item.start : item.end] for item in found.findings]
    assert [value for row in ROWS for value in row[1:3] if value not in hidden] == []


def test_tabs_that_only_set_things_below_one_another() -> None:
    rows = "".join("{}\t{}\t{}\t\t{}\n".format(*row) for row in ROWS)
    masked = mask_stream(BEFORE + "姓名\t身份证号\t\t\t电话\t\t住址\n" + rows, policy=load_policy())
    assert [value for row in ROWS for value in row[1:] if value in masked] == []
