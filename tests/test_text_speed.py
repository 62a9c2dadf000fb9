"""What makes prose fast changes nothing: no cheap question says no where there is something to find."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deid import names, prose, text, verify
from deid.entities import class_first, load_entities
from deid.model import Finding, Text
from deid.prose import Known, scan_texts
from deid.scan import PROSE, Setting
from deid.verify import Residue

scan = importlib.import_module("deid.scan")
CARD = "11010519491231002X"
SETTINGS = [PROSE, Setting(public=True), Setting(people=True), Setting(people=True, record=True)]
STRINGS = [
    entry["text"]
    for entry in json.loads((Path(__file__).parent / "fixtures/strings.json").read_bytes())
]
ALWAYS = re.compile("")

_TEXT = (
    f"{CARD} 110105 19491231 002X 1380013 8000 13800138000 0934 3538966 6222020200112233447 2024 2019 7 "
    "16 110105491231002 1234567 4 1,250,300.50 649 豫A12345 京A·D1234 E12345678 H1234567890 wxid_abc123def "
    "zhang_san88 a1@qq.com G11010519491231002X ABC123456789012 xxxxxxxx *** ×× ●●●● 一三八〇〇一三八〇〇〇 〇 ○ "
    "１３８００１３８０００ ①③⑧ ٣٤٥٦٧٨٩ 身份证 证件号 电话 监督电话 联系方式 手机 微信 QQ 扣扣 卡号 账号 护照 证号 户号 住址 "
    "家住 地址 户籍 现居住地 住所 玉麦镇 红新村 8组 3号楼2单元 张家庄 刘家湾 和平路 胜利路130号 第649号 社区 其子 学生 儿童 "
    "未成年人 张伟 王小明 李昌 8岁 42岁 2015年6月15日 出生 2019年9月 小学三年级 女 男 长女 的 公示期为 至 元 号 字第 年 月 日 "
    ", ， 、 。 : ： ( （ ) ） ; ； . - · / ~ — \u3000 \u200b \u00a0 \t \n \x0b | x X o"
)  # fmt: skip
WORDS = [*_TEXT.split(" "), " ", "  "]
LINES = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=14).map("".join),
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=2)), max_size=8).map("".join),
)


@contextmanager
def every_rule_tried() -> Iterator[None]:
    """The exact path without the cheap questions, and without what it remembers."""
    scan._matched.cache_clear()
    with (
        patch.multiple(
            scan,
            _may_hold=lambda folded: True,
            _is_numberish=lambda folded: bool(scan._NUMBERISH.search(folded)),
            _NEEDS={},
            _TEN_DIGITS=ALWAYS,
            _labels_in=_every_label,
        ),
        patch.object(names, "_KIN_CUE", ALWAYS),
    ):
        yield
    scan._matched.cache_clear()


def _every_label(folded: str) -> set[str]:
    capitals = text.squeeze(folded).upper()
    return {
        entity.name
        for entity in load_entities().values()
        for word in entity.context
        if word in capitals
    }


def same_as_with_every_rule(line: str) -> None:
    quick = [scan.scan(line, setting) for setting in SETTINGS]
    with every_rule_tried():
        slow = [scan.scan(line, setting) for setting in SETTINGS]
    assert quick == slow


@settings(max_examples=400)
@given(LINES)
@example("学生王小明（2019年9月）就读于小学三年级")
@example("张伟（2015年6月15日出生）")
@example("×家村刘家湾●●●●●●●●●●●")
@example("电话：(0934) - 3538966")
@example("现居住地：红新村刘家大院")
def test_a_line_that_may_hold_nothing_holds_nothing(line: str) -> None:
    same_as_with_every_rule(line)


def test_a_capital_form_of_two_characters_moves_nothing() -> None:
    hidden = Residue()
    hidden.add("13800138000", "CN_MOBILE")
    assert list(hidden.find("ßß ŉ 13800138000")) == [(5, 16, "CN_MOBILE")]


FORMS = [form for entity in load_entities().values() for form in entity.find]


@settings(max_examples=300)
@given(LINES)
def test_a_form_searched_by_its_first_character_matches_the_same(line: str) -> None:
    folded = text.fold(line)
    for form in FORMS:
        plain = re.compile(form.source)
        for at in range(0, len(folded), 3):
            quick, slow = form.regex.search(folded, at), plain.search(folded, at)
            assert (quick and quick.regs) == (slow and slow.regs)


@pytest.mark.parametrize(
    ("source", "quick"),
    [
        (r"(?<!\d)\d{17}[\dXx]", r"\d(?<!\d\d)\d{16}[\dXx]"),
        (r"(?<![A-Z])(?<!\d[.])1[3-9]", r"1(?<![A-Z]1)(?<!\d[.]1)[3-9]"),
        (r"(?<!\d)\d{2,5}?x", r"\d(?<!\d\d)\d{1,4}?x"),
        *(
            (source, source)
            for source in (
                r"(?<!\d)\d+x",
                r"(?<!\d)[A-Z]{0,2}\d",
                r"(?<!\d)(?:a|b)",
                r"(?<!\d)1|2",
                r"(?<![)])1",
                r"\d{3}",
            )
        ),
    ],
)
def test_only_a_first_character_that_must_come_is_put_first(source: str, quick: str) -> None:
    assert class_first(source) == quick


def test_known_strings_give_the_same() -> None:
    for line in STRINGS:
        same_as_with_every_rule(line)


def test_every_example_of_an_entity_gives_the_same() -> None:
    for entity in load_entities().values():
        for case in (*entity.hit, *entity.miss):
            same_as_with_every_rule(case.text)


def test_some_lines_are_let_pass() -> None:
    for line in (
        "经村民代表会议评议，该户符合条件，予以公示。",
        "监督电话12345，举报电话12317。",
        "截至2024年9月20日",
    ):
        assert not scan._may_hold(text.fold(line))


@settings(max_examples=300)
@given(st.one_of(LINES, st.text(max_size=30)))
def test_usual_prose_folds_as_every_character_does(line: str) -> None:
    assert text._fold_chars(line) == line.translate(text._TABLE)


def test_characters_of_usual_prose_fold_to_themselves() -> None:
    usual = [chr(code) for code in range(0x110000) if not text._UNUSUAL.match(chr(code))]
    assert [c for c in usual if text.fold_char(ord(c)) != c] == sorted(text._WIDE)


@settings(max_examples=200)
@given(st.lists(LINES, max_size=6), LINES)
def test_hidden_values_are_found_wherever_they_stand(values: list[str], line: str) -> None:
    hidden = Residue()
    for value in values:
        hidden.add(
            value, "CN_ADDRESS" if "村" in value else "PERSON" if "张" in value else "CN_MOBILE"
        )
    where = "".join(values) + line
    quick = list(hidden.find(where))
    with patch.object(verify, "_SIX_DIGITS", ALWAYS):
        assert quick == list(hidden.find(where))


ROWS = st.lists(
    st.sampled_from(["张三", "7", "，", ",", "、", "\t", "|", " ", "  ", "\u3000", " \t "]),
    max_size=9,
).map("".join)


@settings(max_examples=300)
@given(st.lists(ROWS, max_size=8))
def test_delimiters_that_are_not_tried_make_no_list(lines: list[str]) -> None:
    texts = [Text(f"L{at}", line) for at, line in enumerate(lines)]
    quick = prose._list_rows(texts)
    with patch.object(prose, "_often_enough", lambda *_: True):
        assert quick == prose._list_rows(texts)


@settings(max_examples=60)
@given(st.lists(LINES, max_size=6))
def test_what_is_known_is_what_a_fresh_scan_finds(lines: list[str]) -> None:
    texts = [Text(f"L{at}", line) for at, line in enumerate(lines * 2)]
    known = Known()
    first = [found.findings for found in scan_texts(texts, known=known)]
    assert first == [found.findings for found in scan_texts(texts, known=known)]


def test_a_line_is_scanned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    original: Callable[..., list[Finding]] = scan.scan

    def watched(line: str, setting: Setting) -> list[Finding]:
        seen.append(line)
        return original(line, setting)

    monkeypatch.setattr(prose, "scan", watched)
    known = Known()
    texts = [Text("L0", "公示如下。"), Text("L1", "监督电话12345"), Text("L2", "公示如下。")]
    assert len([*scan_texts(texts, known=known), *scan_texts(texts, known=known)]) == 6
    assert seen == ["公示如下。", "监督电话12345"]


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prose, "_ROOM", 10)
    known = Known()
    assert [known.scan(f"电话{CARD}{at}") for at in range(3)] == [
        scan.scan(f"电话{CARD}{at}") for at in range(3)
    ]
    assert not known._found
