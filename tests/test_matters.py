"""Titles: which matter they speak of, and what is asked about that."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid import mask_file
from deid.data import load_yaml, patterns_dir
from deid.matters import matter_remarks, suggest_matter
from deid.policy import load_policy, policy_names

# fmt: off
TITLES = [
    ("孤儿基本生活费发放名册", "orphan"),
    ("社会散居孤儿名单", "orphan"),
    ("事实无人抚养儿童花名册", "de_facto_orphan"),
    ("孤儿、事实无人抚养儿童基本生活费", "de_facto_orphan orphan"),
    ("严重精神障碍患者监护人以奖代补", "mental"),
    ("ｈｉｖ感染者补助表", "mental"),
    ("艾滋病人生活补助", "mental"),
    ("2026年6月城乡低保公示", "dibao_confirm"),
    ("最低生活保障审核公示", "dibao_review"),
    ("拟 新 增 低 保 户名单", "dibao_review"),
    ("低保边缘家庭名单", "monitor"),
    ("特困人员救助供养名单", "tekun"),
    ("临时救助公示", "linshi"),
    ("困难残疾人生活补贴和重度残疾人护理补贴", "liangbu"),
    ("失能老年人护理补贴", "yanglao"),
    ("高龄津贴发放表", "gaoling"),
    ("医疗救助对象", "medical_aid"),
    ("公租房配租结果公示", "housing"),
    ("农村危房改造", "weifang"),
    ("国家助学金公示", "edu_aid"),
    ("公益性岗位补贴", "employment_subsidy"),
    ("公益性岗位招聘拟聘人员公示", "recruit"),
    ("失业保险金领取人员", "unemployment"),
    ("工伤认定决定", "work_injury"),
    ("耕地地力保护补贴", "ykt"),
    ("防返贫监测对象", "monitor"),
    ("冬春救助名单", "disaster"),
    ("优抚对象抚恤金", "veteran"),
    ("计划生育特别扶助", "family_planning"),
    ("定点医疗机构名录", "org_directory"),
    ("行政处罚决定公示", "penalty"),
    ("低保、特困供养名单", "dibao_confirm tekun"),
    ("2026年第三季度资金发放表", ""),
    ("", ""),
]

NEVER = ["孤儿名单", "事实无人抚养儿童", "精神障碍患者名册", "艾滋病补助", "HIV", "失业保险金", "工伤认定"]
# fmt: on


@pytest.mark.parametrize(("title", "keys"), TITLES)
def test_a_title_tells_its_matter(title: str, keys: str) -> None:
    assert suggest_matter(title) == keys.split()


def test_headers_are_asked_where_the_title_tells_nothing() -> None:
    headers = ["姓名", "孤儿证号", "是否低保户"]
    assert suggest_matter("", headers) == ["orphan"]
    assert suggest_matter("低保名单", headers) == ["dibao_confirm"]
    assert suggest_matter("", ["姓名", "是否低保户"]) == []


@pytest.mark.parametrize("title", NEVER)
def test_what_is_never_published_is_asked_under_general_rules(title: str) -> None:
    (remark,) = matter_remarks(load_policy(), title, place="Sheet1!A1")
    assert remark.look
    assert remark.place == "Sheet1!A1"
    assert "不公示" in remark.message


@pytest.mark.parametrize(
    ("policy", "title", "messages", "look"),
    [
        ("general", "低保公示", ["--policy dibao_confirm"], False),
        ("general", "低保、特困名单", ["几类事项"], False),
        ("general", "发放表", [], False),
        ("dibao_confirm", "低保公示", [], False),
        ("dibao_confirm", "", [], False),
        ("dibao_review", "低保公示", [], False),  # the words of the other are its own as well
        ("dibao_confirm", "低保初审名单", ["初审公示"], True),
        ("dibao_confirm", "低保、特困名单", ["两类事项"], True),
        ("dibao_confirm", "临时救助公示", ["临时救助"], True),
        ("dibao_confirm", "临武县武水镇2026年第三季度资金发放表", ["看不出"], True),
        ("dibao_confirm", "2026年第三季度名单", [], False),
        ("dibao_confirm", "list_final-2\n6月发放花名册", [], False),
        ("family_planning", "计划生育特别扶助", ["失独"], True),
        ("ykt", "一卡通发放表：孤儿", ["孤儿基本生活费"], True),
        ("org_directory", "养老机构名录", [], False),
        ("aggregate", "低保汇总表", [], False),
        ("orphan", "孤儿基本生活费", [], False),
    ],
)
def test_what_is_asked(policy: str, title: str, messages: list[str], look: bool) -> None:
    remarks = matter_remarks(load_policy(policy), title)
    assert len(remarks) == len(messages)
    for remark, message in zip(remarks, messages, strict=True):
        assert message in remark.message
        assert remark.look is look


@pytest.mark.parametrize(
    ("policy", "headers", "asked"),
    [
        ("aggregate", "乡镇 户数 人数 金额", False),
        ("aggregate", "姓名 性别 年龄 金额", True),
        ("aggregate", "户主姓名 金额", True),
        ("org_directory", "机构名称 地址 联系电话 负责人 床位", False),
        ("org_directory", "姓名 身份证号 地址", True),
        ("org_directory", "姓名 残疾类别 联系电话", True),
        ("general", "姓名 身份证号 年龄", False),
    ],
)
def test_columns_that_only_people_have(policy: str, headers: str, asked: bool) -> None:
    remarks = matter_remarks(load_policy(policy), "", headers.split())
    assert [remark.look for remark in remarks] == [True] * asked


@pytest.mark.parametrize(
    ("policy", "channel", "asked"),
    [
        ("dibao_review", "web", True),
        ("dibao_review", "board", False),
        ("dibao_review", None, False),
        ("yanglao", "sms", False),
        ("unemployment", "board", True),
        ("unemployment", "web", False),  # refused there anyway
        ("orphan", "web", False),
        ("general", "sms", False),
    ],
)
def test_a_channel_where_such_a_list_is_not_posted(
    policy: str, channel: str | None, asked: bool
) -> None:
    remarks = matter_remarks(load_policy(policy, channel=channel), "")
    assert [remark.look for remark in remarks] == [True] * asked


def test_no_two_matters_claim_the_same_words() -> None:
    seen: dict[str, str] = {}
    for name in policy_names():
        raw = load_yaml(patterns_dir() / "policies" / f"{name}.yaml")
        for entry in raw.get("titles", ()):
            assert seen.setdefault(entry, name) == name
    assert seen


def _never_listed() -> list[str]:
    folder = patterns_dir() / "policies"
    refused = [name for name in policy_names() if load_policy(name).refused]
    return [entry for name in refused for entry in load_yaml(folder / f"{name}.yaml")["titles"]]


@pytest.mark.parametrize("entry", [*_never_listed(), "ｈｉｖ"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_list_never_published_is_looked_at_under_general_rules(
    tmp_path: Path, entry: str, inside: bool
) -> None:
    title = f"临澧县{''.join(entry.split())}人员花名册"
    source = tmp_path / ("list.csv" if inside else f"{title}.csv")
    source.write_text(f"{title if inside else ''},\n姓名,金额\n张惠兰,300\n", encoding="utf-8")
    report = mask_file(source, tmp_path / "out.csv")
    assert report.status == "look"
    assert any("不公示" in item.message for item in report.items)
