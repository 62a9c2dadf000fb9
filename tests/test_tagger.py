"""People named in remarks: where, and who they are there; and how well, on the labelled set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deid.tagger import may_name_person, person_names
from deid.text import fold

LABELLED = Path(__file__).parent / "fixtures" / "names.jsonl"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("其孙女王梓涵（8岁）随祖父李国强生活",
         [("王梓涵", "minor"), ("李国强", "third_person")]),
        ("监护人：陈桂花", [("陈桂花", "third_person")]),
        ("妻上官婉如，无业", [("上官婉如", "third_person")]),
        ("其子艾力·吐尔逊代领", [("艾力·吐尔逊", "third_person")]),
        ("配偶阿米娜．依明无收入", [("阿米娜．依明", "third_person")]),
        ("户主扎西次仁", [("扎西次仁", "adult_listed")]),
        ("由其妻王 芳代领", [("王 芳", "third_person")]),
        ("配偶高　洁已故", [("高　洁", "third_person")]),
        ("村支书蔡国民入户核查", [("蔡国民", "officer")]),
        ("参加人员：徐国强、徐文、朱小明",
         [("徐国强", "officer"), ("徐文", "officer"), ("朱小明", "officer")]),
        ("如有异议，请向镇民政办反映，联系人郁小平。", [("郁小平", "officer")]),
        ("长女王雨、次女王晴均为5岁", [("王雨", "minor"), ("王晴", "minor")]),
        ("2017年6月生一子雷小雷", [("雷小雷", "minor")]),
        ("孙子努尔兰·别克今年十一岁", [("努尔兰·别克", "minor")]),
        ("其子韩大宇（二十一岁）", [("韩大宇", "third_person")]),
        ("本人范进才死亡", [("范进才", "adult_listed")]),
    ],
)  # fmt: skip
def test_person_names(text: str, names: list[tuple[str, str]]) -> None:
    assert [(text[name.start : name.end], name.role) for name in person_names(text)] == names


@pytest.mark.parametrize(
    "text",
    [
        "", "高血压三级", "金额已核对无误", "为方便群众", "安全生产", "常年患病", "家住向阳村三组",
        "白内障手术后", "石桥村五保户", "王庄村", "李家湾组", "张公庙社区", "由其子代领",
        "代领人：本人", "经办人：同上", "户主高度近视", "其子方才毕业", "监护人：张某", "李**",
        "小王代办", "联系人：李老师", "镇民政办王主任", "喻家坳安置区", "2024-03-01", "abc",
    ],
)  # fmt: skip
def test_person_names_noop(text: str) -> None:
    assert person_names(text) == []


def test_the_gate_opens_for_shapes_only() -> None:
    assert may_name_person("王芳")
    assert may_name_person(fold("阿米娜・依明"))
    assert not any(map(may_name_person, ["", "2024", "已缴", "无", "A-1", "的是了"]))


def labelled(split: str) -> Iterator[tuple[str, set[tuple[int, int]], dict[tuple[int, int], str]]]:
    for line in LABELLED.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if case["split"] == split:
            gold = {(start, end): role for start, end, role in case["spans"]}
            yield case["text"], {name[:2] for name in person_names(case["text"])}, gold


@pytest.mark.parametrize(
    ("split", "precision", "recall"), [("dev", 0.95, 0.96), ("test", 0.88, 0.90)]
)
def test_precision_and_recall_do_not_fall(split: str, precision: float, recall: float) -> None:
    right = found = wanted = 0
    for _, spans, gold in labelled(split):
        right += len(spans & gold.keys())
        found += len(spans)
        wanted += len(gold)
    assert right / found >= precision
    assert right / wanted >= recall
