"""Characters of a block of text -> what each of them is, and its folded form, by a table look-up.

The tables are filled when a character is first seen: a text uses some thousands of them.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import numpy.typing as npt

from deid.data import load_yaml, patterns_dir
from deid.divisions import town_endings
from deid.entities import load_entities
from deid.fields import label_endings
from deid.lists import BARS, VISIBLE
from deid.text import INVISIBLE, ODD_DIGIT, STAR_LIKE, fold_char

Codes = npt.NDArray[np.uint16]
Kinds = npt.NDArray[np.uint32]

DIGIT, LETTER, WORD, SPACE = 1, 2, 4, 8
COLON, STAR, AT, NUMERAL = 16, 32, 64, 128
ODD, CHILD, CUE, PLACE = 256, 512, 1024, 2048
HOME, STOP, BIRTH, BUILDING = 1 << 12, 1 << 13, 1 << 14, 1 << 15
FIRST, SECOND, PROVINCE, LIKE_DIGIT = 1 << 16, 1 << 17, 1 << 18, 1 << 19
JOINS, CROSS, LABEL_END = 1 << 20, 1 << 21, 1 << 22
NUMBERED, UNIT, HAMLET, PARTS = 1 << 23, 1 << 24, 1 << 25, 1 << 26
PARTED, BAR = 1 << 27, 1 << 28
"""``ODD``: one whose line is read by the exact path whatever else stands in it. ``CHILD``, ``CUE``,
``BIRTH``: in a word of kinship, in a word for a child's age, before a birth year. ``PLACE``, ``HOME``:
ends a place that proves an address; in a word that says that somebody lives there. ``STOP``: no
address goes on over it. ``FIRST``, ``SECOND``: of a word that announces a number. ``JOINS``: goes on
in an account name or a number with letters. ``PARTS``: stands between two digits of one number. ``PARTED``: may divide a line of titles, ``BAR``: as a table's frame does."""

_NUMERALS = frozenset("〇○零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺")
_CHILD = frozenset("子女儿孙甥侄孩弟妹岁婴孤")
_CUE = frozenset("岁未孤儿婴学级初读幼遗")
_BUILDING = frozenset("栋幢楼元室")
_PROVINCE = frozenset("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼")
_LIKE_DIGIT = frozenset("OoIlBSZ")
_BIRTH = frozenset("(),男女儿子孙都均")
_HOME = frozenset("址地所籍住")
_STOP = frozenset(",，。;；:：、【】[]*＊\"'“”‘’<>《》〔〕!?！？|/=\n")
_NEWLINE_LIKE = frozenset("\x0b\x0c\x85\u2028\u2029")


class Characters:
    """The tables. One for a process."""

    def __init__(self) -> None:
        self._kinds: Kinds = np.zeros(1 << 16, np.uint32)
        self._plain: Codes = np.zeros(1 << 16, np.uint16)
        self._known = np.zeros(1 << 16, bool)
        self._marks = _marks()

    def read(self, codes: Codes) -> tuple[Kinds, str]:
        """What each character is, and the text folded but for what only its neighbours tell."""
        known = self._known[codes]
        if not known.all():
            for code in np.unique(codes[~known]).tolist():
                self._add(code)
        plain = self._plain[codes]
        return self._kinds[codes], plain.tobytes().decode("utf-16-le", "surrogatepass")

    def _add(self, code: int) -> None:
        self._known[code] = True
        char = chr(code)
        if 0xD800 <= code < 0xE000:
            self._kinds[code], self._plain[code] = ODD | WORD, ord("�")
            return
        folded = fold_char(code)
        if char in _NEWLINE_LIKE:
            self._kinds[code], self._plain[code] = ODD | SPACE, ord(" ")
            return
        self._plain[code] = ord(folded)
        self._kinds[code] = self._kind(char, folded)

    def _kind(self, char: str, folded: str) -> int:
        kind = 0
        if folded.isdecimal():
            kind |= DIGIT
        elif folded.isalnum():
            kind |= WORD
            if folded.isascii():
                kind |= LETTER
        if char.isspace():
            kind |= SPACE
        if folded == ":":
            kind |= COLON
        if STAR_LIKE.match(folded):
            kind |= STAR
        if folded == "@":
            kind |= AT
        if ODD_DIGIT.match(char) or char in "〇○":
            kind |= ODD
        for mark, chars in self._marks:
            if folded in chars:
                kind |= mark
        if "0" <= folded <= "9" or kind & LETTER or folded in "_-":
            kind |= JOINS
        if folded == INVISIBLE:
            kind |= ODD
        return kind


@cache
def characters() -> Characters:
    """The tables of this process."""
    return Characters()


def _marks() -> tuple[tuple[int, frozenset[str]], ...]:
    """What a character is by a list that has it, in its folded form."""
    words = {word for entity in load_entities().values() for word in entity.context}
    heads = [[word[at] for word in words] for at in (0, 1)]
    both = [frozenset([*some, *map(str.lower, some)]) for some in heads]
    return (
        (NUMERAL, _NUMERALS),
        (CHILD, _CHILD),
        (CUE, _CUE),
        (BIRTH, _BIRTH),
        (PLACE, _place_endings()),
        (HOME, _HOME),
        (STOP, _STOP),
        (BUILDING, _BUILDING),
        (FIRST, both[0]),
        (SECOND, both[1]),
        (PROVINCE, _PROVINCE),
        (LIKE_DIGIT, _LIKE_DIGIT),
        (CROSS, frozenset("xX")),
        (LABEL_END, label_endings()),
        (NUMBERED, _numbered()),
        (
            UNIT,
            frozenset(unit[0] for unit in load_yaml(patterns_dir() / "address.yaml")["unit"])
            | set("米-－"),
        ),
        (PARTED, frozenset(VISIBLE)),
        (BAR, frozenset(BARS)),
        (PARTS, frozenset(" \t-.·_()+")),
        (HAMLET, frozenset("村区")),
    )


def _numbered() -> frozenset[str]:
    """What a house number can end in."""
    letters = {chr(code) for code in range(ord("A"), ord("z") + 1) if chr(code).isalpha()}
    return frozenset(
        {*"0123456789甲乙丙丁", *letters, *load_yaml(patterns_dir() / "address.yaml")["numerals"]}
    )


_SAID = ("village", "village_soft", "community", "town", "zone", "road", "road_weak", "office")


def _place_endings() -> frozenset[str]:
    """The characters with which the name of a town, village or road can end, and some more."""
    raw = load_yaml(patterns_dir() / "address.yaml")
    found: set[str] = set(town_endings())
    for key in _SAID:
        for word in raw[key]:
            plain = re.sub(r"\(\?[!=<](?:[^()]|\([^()]*\))*\)", "", word)
            optional = re.search(r"^(.*?)\((?:\?:)?([^()]*)\)\?$", plain)
            ends = [plain] if not optional else [optional[1], *optional[2].split("|")]
            for end in ends:
                rest = end.rstrip(")]）")
                if rest:
                    found.add(rest[-1])
    return frozenset(found)
