"""Findings and a policy make edits; edits make text."""

from __future__ import annotations

import pytest

from deid import mask_text, scan_text
from deid.errors import UnknownPolicy
from deid.mask import apply_edits, edits_for, mask_spans
from deid.model import Edit, Finding
from deid.policy import load_policy

GENERAL = load_policy()


def finding(start: int, end: int, entity: str) -> Finding:
    return Finding(start, end, entity, 0.9, "here")


def test_an_edit_holds_only_what_changes() -> None:
    text = "电话13800138000。"
    (edit,) = edits_for(text, [finding(2, 13, "CN_MOBILE")], GENERAL, place="R1C2")
    assert edit == Edit("R1C2", 5, 13, "********")


def test_an_edit_leaves_the_same_end_alone() -> None:
    text = "zhang@example.com"
    (edit,) = edits_for(text, [finding(0, len(text), "EMAIL_ADDRESS")], GENERAL)
    assert edit == Edit("", 0, 5, "*****")


def test_another_star() -> None:
    (edit,) = edits_for("13800138000", [finding(0, 11, "CN_MOBILE")], GENERAL, star="x")
    assert edit.replacement == "x" * 8


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("男", [finding(0, 1, "SEX")]),  # kept by the policy
        ("13800138000", [finding(0, 11, "NO_SUCH_THING")]),
        ("138********", [finding(0, 11, "CN_MOBILE")]),  # masked already
        ("红新村***", [finding(0, 6, "CN_ADDRESS")]),
        ("", []),
    ],
)
def test_edits_noop(text: str, found: list[Finding]) -> None:
    assert edits_for(text, found, GENERAL) == []
    assert mask_spans(text, found, GENERAL) == text


def test_edits_come_in_order_whatever_the_order_of_findings() -> None:
    text = "13800138000 13900139000"
    found = [finding(12, 23, "CN_MOBILE"), finding(0, 11, "CN_MOBILE")]
    assert [edit.start for edit in edits_for(text, found, GENERAL)] == [3, 15]
    assert mask_spans(text, found, GENERAL) == "138******** 139********"


@pytest.mark.parametrize(
    ("text", "edits", "after"),
    [
        ("abc", [], "abc"),
        ("abc", [Edit("", 1, 2, "")], "ac"),
        ("abc", [Edit("", 0, 0, "x"), Edit("", 3, 3, "y")], "xabcy"),
        ("abc", [Edit("", 0, 1, "x"), Edit("", 1, 3, "***")], "x***"),
    ],
)
def test_apply_edits(text: str, edits: list[Edit], after: str) -> None:
    assert apply_edits(text, edits) == after


def test_scan_text_gives_what_mask_text_changes() -> None:
    text = "张三，身份证11010519491231002X，电话13800138000"
    found = scan_text(text)
    assert [(f.entity, text[f.start : f.end]) for f in found] == [
        ("CN_RESIDENT_ID", "11010519491231002X"),
        ("CN_MOBILE", "13800138000"),
    ]
    assert mask_text(text) == mask_spans(text, found, GENERAL)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(UnknownPolicy):
        mask_text("13800138000", policy="generel")
    with pytest.raises(UnknownPolicy):
        scan_text("13800138000", policy="generel")
