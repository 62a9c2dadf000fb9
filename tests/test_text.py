"""Folding, squeezing, stars."""

from __future__ import annotations

import pytest

from deid.text import INVISIBLE, fold, is_star, squeeze


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("１３８－００１３　８０００", "138-0013 8000"),
        ("Ｘｘ＊（）：；，", "Xx*():;,"),
        ("𝟏𝟑𝟖", "138"),
        ("٠١٢३४५", "012345"),
        ("a\u00a0b\u2003c\u3000d", "a b c d"),
        ("1\u200b2\u200d3\ufeff4\u00ad5\u20606", f"1{INVISIBLE}2{INVISIBLE}3{INVISIBLE}4"
         f"{INVISIBLE}5{INVISIBLE}6"),
        ("1‐2‑3‒4–5—6―7−8﹣9－0ー1─2", "1-2-3-4-5-6-7-8-9-0-1-2"),
        ("阿•米‧娜・库∙尔", "阿·米·娜·库·尔"),
        ("1\x0b2\x0c3\x854\u20285\u20296", "1\n2\n3\n4\n5\n6"),
        ("一三八零零一三八〇〇〇", "13800138000"),
        ("壹叁捌零零壹叁捌零零零", "13800138000"),
        ("幺三八零零幺三八零零零", "13800138000"),
        ("①③⑧", "138"),
        ("¹³⁸", "138"),
        ("138〇〇138○00", "13800138000"),
        ("110105○○○○○○○○002X", "110105○○○○○○○○002X"),  # a mask, not zeros
        ("é\u0301", "é" + INVISIBLE),
    ],
)  # fmt: skip
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "张三",
        "plain ASCII 138-0013",
        "tab\tnew\r\nline",
        "一二三四五",  # nine Chinese digits or fewer are words
        "三十八号",
        "第①条",
        "见②、③",
        "〇",
        "½",
        "㈱",
        "ﬁ",  # a ligature is two characters: it keeps its place
        "㎡",
    ],
)
def test_fold_noop(text: str) -> None:
    assert fold(text) == text


@pytest.mark.parametrize(
    ("folded", "squeezed"),
    [("身 份\n证 号", "身份证号"), ("身\u200b份", "身份"), (" ", ""), ("", ""), ("号", "号")],
)
def test_squeeze(folded: str, squeezed: str) -> None:
    assert squeeze(folded) == squeezed


@pytest.mark.parametrize("char", "*＊✱﹡×●■□○")
def test_is_star(char: str) -> None:
    assert is_star(char)


@pytest.mark.parametrize("char", "xX0#-_.·口零Ｘ")
def test_is_star_noop(char: str) -> None:
    assert not is_star(char)
