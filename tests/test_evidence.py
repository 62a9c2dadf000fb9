"""The words around a value: whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid import evidence, mask_text
from deid.address import find_addresses
from deid.errors import PatternError
from deid.evidence import is_agency_account, is_agency_contact, is_amount, is_home


@pytest.mark.parametrize(
    ("before", "entity", "people", "public", "expected"),
    [
        ("监督电话:", "CN_LANDLINE", False, False, True),
        ("举报电话:", "CN_MOBILE", True, False, True),
        ("举报人电话:", "CN_MOBILE", False, False, False),
        ("县民政局 ", "CN_LANDLINE", True, False, True),
        ("县民政局 ", "CN_MOBILE", True, False, False),
        ("户主张三 ", "CN_LANDLINE", False, True, False),
        ("采购人:某镇", "CN_MOBILE", False, False, True),
        ("联系人:李科长", "CN_MOBILE", False, False, True),
        ("", "CN_LANDLINE", True, False, False),
        ("", "CN_LANDLINE", False, True, True),
        ("有异议请拨打", "CN_LANDLINE", False, False, True),
        ("如有异议,请与王某联系,电话", "CN_MOBILE", False, False, True),
        ("如有异议,请与王某联系,电话", "CN_MOBILE", True, False, False),
        ("有问题请找我本人,", "CN_MOBILE", False, False, False),
        ("张某反映,其子电话", "CN_MOBILE", False, False, False),
        ("材料发送至", "EMAIL_ADDRESS", False, False, True),
        ("张三", "EMAIL_ADDRESS", False, False, False),
    ],
)
def test_whose_contact_it_is(
    before: str, entity: str, people: bool, public: bool, expected: bool
) -> None:
    text = f"{before}13800138000"
    found = is_agency_contact(entity, text, len(before), people=people, public=public)
    assert found == expected


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("家住玉麦镇红新村8组", {}, True),
        ("请到城关镇和平街道胜利路130号办理", {}, False),
        ("户主住玉麦镇红新村8组", {"public": True}, True),
        ("位于城关镇胜利路130号", {"public": True}, False),
        ("城关镇胜利路130号", {"people": True}, True),
        ("玉麦镇红新村8组", {"record": True, "people": True}, True),
    ],
)
def test_whose_address_it_is(text: str, options: dict[str, bool], expected: bool) -> None:
    (address,) = find_addresses(text)
    assert is_home(text, address, **options) == expected


def test_what_is_counted_names_nobody() -> None:
    assert is_amount("13800138000元", 11)
    assert not is_amount("13800138000元旦", 11)


def test_a_list_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evidence.yaml").write_text("org: [局]\n", encoding="utf-8")
    monkeypatch.setattr(evidence, "patterns_dir", lambda: tmp_path)
    with pytest.raises(PatternError, match="household"):
        evidence._words.__wrapped__()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("户名:某县财政局社会保障专户,账号", ",开户行:农商行", True),
        ("捐款账号:", " 户名:某县慈善总会", True),
        ("户名:张三,账号:", ",开户行:某县农商银行", False),
        ("监护人户名:某村经济合作社,账号", "", False),
        ("账号:", "", False),
    ],
)
def test_whose_account_it_is(before: str, after: str, expected: bool) -> None:
    text = f"{before}81012345678901234{after}"
    assert is_agency_account(text, len(before), len(text) - len(after)) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("代理机构:某某项目管理有限公司,地址:", False),
        ("张三,就职于某某有限公司,家庭地址:", True),
        ("张三,某某有限公司员工,地址:", True),
    ],
)
def test_whose_place_is_told_before_it(before: str, expected: bool) -> None:
    text = before + "桂阳县鹿峰街道解放路88号3楼"
    address = next(iter(find_addresses(text)))
    assert is_home(text, address) == expected


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("邮箱zhangsan@example.com", False),
        ("请发到张三的邮箱zhangsan@example.com", False),
        ("本人邮箱：zhangsan@example.com", False),
        ("他的电子邮箱：zhangsan@example.com", False),
        ("电子邮箱：zhangsan@example.com", True),
        ("材料报送至邮箱zhangsan@example.com", True),
        ("县民政局邮箱zhangsan@example.com", True),
        ("联系电话0735-8344913（镇民政办）。", True),
        ("联系电话0735-8344913（张三）。", False),
        ("公示时间2024-09-20-2024-09-26，咨询电话12345、12333，投诉96388，客服95588。", True),
    ],
)
def test_whose_contact_prose_tells(text: str, kept: bool) -> None:
    assert (mask_text(text) == text) is kept
