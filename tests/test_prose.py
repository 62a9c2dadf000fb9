"""Lines of text: lists by delimiters, forms by labels, rows of persons, and the publisher's prose."""

from __future__ import annotations

import pytest

from deid.model import Finding, Text
from deid.pipeline import mask_stream
from deid.policy import load_policy
from deid.prose import merge, scan_texts

CARD, CHILD = "11010519491231002X", "110105201506150013"
HIDDEN = "110105************"

CASES = {
    "tabs": (
        f"姓名\t身份证号\t联系电话\n张三\t{CARD}\t83538966\n李四\t1101051949123100\t\n",
        f"姓名\t身份证号\t联系电话\n张三\t{HIDDEN}\t********\n李四\t110105**********\t\n",
    ),
    "bars": (f"1|张三|{CARD}\n2|李四|{CARD}\n3|王五|{CARD}", f"1|张三|{HIDDEN}\n2|李四|{HIDDEN}\n3|王五|{HIDDEN}"),
    "blanks": (f"张三  {CARD}  350\n李四  {CARD}  350\n王五  {CARD}  350\n",
               f"张三  {HIDDEN}  350\n李四  {HIDDEN}  350\n王五  {HIDDEN}  350\n"),
    "form": (f"姓名 张三\n身份证号 {CARD}\n联系电话 8353896\n金额 350\n",
             f"姓名 张三\n身份证号 {HIDDEN}\n联系电话 *******\n金额 350\n"),
    "form of a child": (f"姓名：王小明\n身份证号：{CHILD}\n联系电话：13800138000\n",
                        f"姓名：王**\n身份证号：{CHILD[:6]}************\n联系电话：138********\n"),
    "one cell a line": (f"姓名\n身份证号\n金额\n张三\n{CARD}\n350\n李四\n1101051949123100\n350\n",
                        f"姓名\n身份证号\n金额\n张三\n{HIDDEN}\n350\n李四\n110105**********\n350\n"),
    "a row among prose": (f"公示如下\n1、张三，{CARD}，红新村8组\n监督电话：0934-3538966\n",
                          f"公示如下\n1、张三，{HIDDEN}，红新村***\n监督电话：0934-3538966\n"),
    "label above": (f"说明\n身份证号\n1101051949123100\n说明\n{CARD}",
                    f"说明\n身份证号\n110105**********\n说明\n{HIDDEN}"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "masked"), CASES.values(), ids=CASES)
def test_lines(text: str, masked: str) -> None:
    assert mask_stream(text, policy=load_policy()) == masked
    assert mask_stream(masked, policy=load_policy()) == masked


NOOP = [
    "",
    "\n\n\n",
    "各村民委员会：\n现将2023年第一季度低保名单予以公示。\n监督电话：0934-3538966\n2023年5月1日\n",
    "甲\t乙\t丙\n1\t2\t3\n4\t5\t6\n",
    "姓名\t金额\t村\n张三\t350\t红新村\n李四\t1200.00\t青山村\n",
    "单位：石桥镇民政办\n办公地址：胜利路130号\n咨询电话：0934-3538966\n",
]


@pytest.mark.parametrize("text", NOOP)
def test_lines_noop(text: str) -> None:
    assert mask_stream(text, policy=load_policy()) == text


def test_each_text_comes_back_in_order() -> None:
    texts = [Text(f"L{at}", line) for at, line in enumerate(["甲", CARD, "", "乙"])]
    found = list(scan_texts(texts))
    assert [item.text for item in found] == texts
    assert [len(item.findings) for item in found] == [0, 1, 0, 0]


def test_merge_keeps_the_longer() -> None:
    long, short, other = (
        Finding(0, 18, "CN_RESIDENT_ID", 0.9, ""),
        Finding(6, 17, "CN_MOBILE", 0.95, ""),
        Finding(18, 29, "CN_MOBILE", 0.9, ""),
    )
    assert merge([other, short, long]) == [long, other]
    assert merge([]) == []


def test_pasted_rows_go_on_whose_numbers_are_written_oddly() -> None:
    titles = ["序号", "户主", "身份证号", "家庭住址", "联系电话", "救助金额"]
    rows = [
        ["1", "凌万里", "530627199405114805", "平天村5号", "19225123456", "856"],
        ["2", "单九妹", "530627.19940511.4805", "平天村59号", "1340531\u200b9072", "8980"],
        ["3", "庞解放", "５３０６２７198912145724", "平天村6号", "+86 17262231006", "13800"],
    ]
    texts = [Text("", cell) for row in [titles, *rows] for cell in row]
    found = [text for text in scan_texts(texts) if text.findings]
    assert [text.text.text for text in found if "村" in text.text.text] == [
        "平天村5号",
        "平天村59号",
        "平天村6号",
    ]
