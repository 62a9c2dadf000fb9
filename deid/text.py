"""Folds the many ways a clerk writes one character into one, without moving any offset."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from deid.later import later

INVISIBLE = "\u200b"
"""What every invisible character folds to: zero-width spaces, joiners, BOM, soft hyphen, accents."""

_INVISIBLE_RANGES = (
    *((0xAD, 0xAE), (0x0300, 0x0370), (0x115F, 0x1161), (0x180E, 0x180F), (0x200B, 0x2010)),
    *((0x202A, 0x202F), (0x2060, 0x2070), (0x3164, 0x3165), (0xFE00, 0xFE10), (0xFEFF, 0xFF00)),
    (0xE0000, 0xE0080),
)
_INVISIBLES = frozenset(code for first, end in _INVISIBLE_RANGES for code in range(first, end))
_DASHES = frozenset(map(ord, "‐‑‒–—―−﹘﹣－ー─━⁃➖"))
_DOTS = frozenset(map(ord, "•‧・∙⋅ꞏ᛫"))
_STARS = frozenset(map(ord, "＊✱✲✳﹡∗⁎×●■▇█◆▲○□◎"))

# Capital forms are what a cheque writes; 幺 is how a telephone number is read aloud.
_HAN_DIGITS = str.maketrans(
    "〇○零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺", "000123456789123456789" + "1"
)
_HAN_RUN = later("[〇○零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺]{10,}[xX]?")


# Circled and superscript digits number a list or a footnote; three in a row write a number.
_ODD = "[\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089\u2460-\u249b\u24ea-\u24ff\u2776-\u2793]"
_ODD_DIGITS, ODD_DIGIT = later(f"{_ODD}{{3,}}"), later(_ODD)
_HAN_ZERO = later("(?<=\\d)[〇○]{1,3}(?=\\d)")


def fold_char(code: int) -> str:
    """The one character that ``chr(code)`` folds to."""
    char = chr(code)
    if code in _INVISIBLES:
        return INVISIBLE
    if code in _DASHES:
        return "-"
    if code in _DOTS:
        return "·"
    if code in (0x0B, 0x0C, 0x85, 0x2028, 0x2029):
        return "\n"
    if char.isspace():
        return " " if char not in "\n\r\t" else char
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    if unicodedata.digit(char, None) is not None:
        return char
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 else char


class _Table(dict[int, str]):
    """A translation table that fills itself."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = fold_char(code)
        return folded


_TABLE = _Table({code: chr(code) for code in range(128)} | {0x0B: "\n", 0x0C: "\n"})


@lru_cache(maxsize=1 << 16)
def fold(text: str) -> str:
    """``text`` with every character folded to its plain form; the length stays the same.

    Full width becomes half width (NFKC where that is one character), decimal digits of any script
    become ASCII (circled ones from three in a row), spaces a space, dashes ``-``, middle dots
    ``·``, invisible characters U+200B, and ten or more Chinese digits in a row ASCII digits.

    >>> fold("１３８－００１３　８０００")
    '138-0013 8000'
    """
    if text.isascii():
        return text
    folded = _fold_chars(text)
    if _HAN_RUN.search(folded):
        folded = _HAN_RUN.sub(lambda run: run.group().translate(_HAN_DIGITS), folded)
    if _ODD_DIGITS.search(folded):
        folded = _ODD_DIGITS.sub(lambda run: "".join(map(_digit, run.group())), folded)
    if "〇" in folded or "○" in folded:
        folded = _HAN_ZERO.sub(lambda run: "0" * len(run.group()), folded)
    return folded


_PLAIN = "\t\n\r -~\u4e00-\u9fff、。“”《》"
_WIDE = "，：；（）！？"
_UNUSUAL = later(f"[^{_PLAIN}{_WIDE}]")
"""Not one of the characters that prose is made of: they fold to themselves or are in ``_WIDE``."""


def _fold_chars(text: str) -> str:
    """``text`` folded a character at a time; usual prose without a look at each of them."""
    if _UNUSUAL.search(text):
        return text.translate(_TABLE)
    for wide in _WIDE:
        text = text.replace(wide, _TABLE[ord(wide)])
    return text


def _digit(char: str) -> str:
    value = unicodedata.digit(char, None)
    return char if value is None else str(value)


def squeeze(folded: str) -> str:
    """A folded text without blanks and invisible characters, for comparing words.

    >>> squeeze("身 份\\n证 号")
    '身份证号'
    """
    return _BLANKS.sub("", folded)


_BLANKS = later(f"[\\s{INVISIBLE}]+")


STAR_LIKE = later(f"[*{''.join(map(chr, sorted(_STARS)))}]")
"""Any character that ``is_star`` knows."""


def is_star(char: str) -> bool:
    """Whether a character stands for a hidden one (``*`` and its look-alikes).

    ``x`` and ``X`` are not among them: an ID number ends in X.
    """
    return char == "*" or ord(char) in _STARS
