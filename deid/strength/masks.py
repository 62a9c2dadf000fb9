"""A masked number as published -> a pattern: the digits that it still shows, ``?`` for the rest.

Every office masks in its own way: ``*``, ``×``, ``●``, ``■``, ``□``, 某, blanks, the letter x, and often
fewer marks than digits (``4310**1234``). Where a mask can be read in several ways, every reading is
given; the one that leaves the fewest numbers counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice

from deid.checks import mod11_2
from deid.data import load_rows
from deid.later import later
from deid.text import INVISIBLE, fold

ID_LENGTH = 18
_OLD_LENGTH = 15
_MOBILE_LENGTH = 11
_CARD_LENGTHS = range(12, 22)
_SHORTEST_CARD = 16
_MOST_READINGS = 24

STUDENT_LETTERS = "GJL"
DISABILITY = "CN_DISABILITY_CERT"
_MARKS = "*＊✱✲✳﹡∗⁎×✕✖╳●○◯■□▇█▆◆◇▲△◎•∙・·⋅?？#＃某_＿~～…^&%$@¤☆★〇"
_TO_STAR = {ord(mark): "*" for mark in _MARKS}
_HAN_DIGIT, _ASCII_DIGIT = later("[一二三四五六七八九]"), later("[0-9]")
_FROM_HAN = str.maketrans("〇零一二三四五六七八九", "00123456789")
_LETTER_O = later(r"(?<=[\d*])[Oo](?=\d)|(?<=\d)[Oo](?=[\d*])")
_GAPS = " -.\t\n"
_WIDE_GAP = later(f"[{re.escape(_GAPS)}]{{2,}}")
_SCIENTIFIC = later(r"(?a)(\d)(?:\.(\d+))?[Ee]\+?(\d{1,2})")
_COUNTRY = later(r"^(?:\+|0\s?0)?86[ -]?(?=1)")
_DAMAGED = later(r"\d{15}000")
_USUAL = later(r"(?a)(?=.*[*?])[\d*?]{17}[\d*?X]")
_RUNS = later(r"\d+X?|X|\*+")


def visible(masked: str, entity: str = "CN_RESIDENT_ID") -> str:
    """The likeliest pattern of a masked number: ``?`` where a character is hidden.

    18 characters for an ID number (15 for one of the first generation), 20 for a disability
    certificate, a letter and 18 for a student number, 11 for a mobile number.

    >>> visible("4310**1234"), visible("431026×××××××××××X")
    ('4310??????????1234', '431026???????????X')
    """
    return readings(masked, entity)[0]


@lru_cache(maxsize=1 << 16)
def readings(masked: str, entity: str = "CN_RESIDENT_ID") -> tuple[str, ...]:
    """Every pattern that a masked number can be read as, the likeliest first; never empty."""
    if _USUAL.fullmatch(masked) and entity == "CN_RESIDENT_ID":
        return (masked.replace("*", "?"),)
    if entity == "CN_MOBILE":
        return (_mobile(_plain(masked)),)
    if entity in ("CN_BANK_CARD", "CN_SOCIAL_SECURITY_CARD"):
        return (_card(_plain(masked)),)
    scientific = _SCIENTIFIC.fullmatch(fold(masked).strip())
    if scientific:
        return (_from_scientific(scientific),)
    return tuple(dict.fromkeys(islice(_id_readings(_plain(masked), entity), _MOST_READINGS)))


def _plain(masked: str) -> str:
    """Digits as ASCII, every mark as ``*``, no invisible characters, no quotes; x and X as they are.

    The marks go first: between digits ○ would otherwise be folded to a zero.
    """
    text = "".join(char for char in masked if fold(char) != INVISIBLE).strip().strip("'\"=`")
    if _HAN_DIGIT.search(text) and not _ASCII_DIGIT.search(fold(text)):
        text = text.translate(_FROM_HAN)
    starred = unicodedata.normalize("NFKC", fold(text.translate(_TO_STAR))).translate(_TO_STAR)
    return _LETTER_O.sub("0", starred).strip()


def _from_scientific(match: re.Match[str]) -> str:
    """4.31026E+17: the spreadsheet shows the first digits and hides the rest."""
    digits = match[1] + (match[2] or "")
    length = int(match[3]) + 1
    return digits[:length].ljust(length, "?")


def _id_readings(plain: str, entity: str) -> Iterator[str]:
    letter = ""
    if plain[:1].upper() in STUDENT_LETTERS and len(plain) > 1:
        letter, plain = plain[0].upper(), plain[1:].lstrip()
    marked = _gaps(_check_letter(plain), (ID_LENGTH, _OLD_LENGTH, 20))
    if _DAMAGED.fullmatch(marked) and not mod11_2(marked):
        yield letter + marked[:15] + "???"  # a spreadsheet keeps 15 digits of a number
        return
    length = len(marked)
    pattern = marked.replace("*", "?")
    if length == ID_LENGTH or (length == _OLD_LENGTH and "X" not in marked):
        yield letter + pattern
        if length == ID_LENGTH or "*" not in marked or letter:
            return
    if length == 20 or (entity == DISABILITY and length > ID_LENGTH):
        yield pattern[:20]
        if entity == DISABILITY or "*" not in marked:
            return
    for spread in _spread(marked, ID_LENGTH):
        yield letter + spread


def _check_letter(plain: str) -> str:
    """X only where it is the check character, ``*`` where x stands for a hidden one.

    A last X behind a digit, behind marks of another kind, or in the other case is the check
    character; a last x in a row of the same x is one mark more.
    """
    head, last = plain[:-1], plain[-1:]
    if last in ("x", "X"):
        before = head.rstrip(_GAPS)[-1:]
        check = before.isdigit() or before == "*" or (before in ("x", "X") and before != last)
        return head.replace("x", "*").replace("X", "*") + ("X" if check else "*")
    return plain.replace("x", "*").replace("X", "*")


def _gaps(text: str, lengths: tuple[int, ...]) -> str:
    """Blanks and dashes out where they divide, and as marks where they stand for hidden digits."""
    kept = _bare(text)
    if len(kept) == len(text) or len(kept) in lengths:
        return kept
    blank = "".join("*" if char in _GAPS else char for char in text)
    if len(blank) in lengths:
        return _bare(blank)
    return _bare(_WIDE_GAP.sub("*", text))


def _bare(text: str) -> str:
    return "".join(char for char in text if char in "0123456789*X")


def _spread(marked: str, length: int) -> Iterator[str]:
    """A mask of any length over ``length`` characters: what stands first stays first, last last.

    Digits between two masks may stand at several places; each is a reading, dates first.
    """
    runs = _RUNS.findall(marked)
    if "*" not in marked:
        yield _unmarked(marked, length)
        return
    head = runs.pop(0) if runs[0][0] != "*" else ""
    tail = runs.pop() if runs and runs[-1][0] != "*" else ""
    head = head[:length]
    tail = tail[len(tail) - min(len(tail), length - len(head)) :]
    inner = [run for run in runs if run[0] != "*"]
    middle = length - len(head) - len(tail)
    for filled in _place(inner, middle, len(head)):
        yield head + filled + tail


def _unmarked(digits: str, length: int) -> str:
    """A number cut short without a mask: up to five digits are its last ones, six a division."""
    division = len(digits) > 5 and digits[:2] in _provinces() and not digits.endswith("X")
    if division or len(digits) > 8:
        return digits[:length].ljust(length, "?")
    return digits.rjust(length, "?")


@cache
def _provinces() -> frozenset[str]:
    return frozenset(row[0][:2] for row in load_rows("area_codes"))


def _place(inner: list[str], room: int, start: int) -> Iterator[str]:
    """The digits between masks at every place where they fit."""
    if not inner:
        yield "?" * room
        return
    run, rest = inner[0], inner[1:]
    spare = room - len(run)
    if spare < 0:  # more than an ID number holds: nothing of it counts as hidden
        yield run[:room]
        return
    birth = 6 - start
    places = sorted(range(spare + 1), key=lambda place: place != birth)
    for place in places:
        for filled in _place(rest, spare - place, start + place + len(run)):
            yield "?" * place + run + filled


def _mobile(plain: str) -> str:
    text = _COUNTRY.sub("", plain).replace("x", "*").replace("X", "*")
    marked = _gaps(text, (_MOBILE_LENGTH,))
    if len(marked) == _MOBILE_LENGTH:
        return marked.replace("*", "?")
    return next(_spread(marked, _MOBILE_LENGTH)) if marked else "?" * _MOBILE_LENGTH


def _card(plain: str) -> str:
    marked = _gaps(plain.replace("x", "*").replace("X", "*"), tuple(_CARD_LENGTHS))
    if len(marked) in _CARD_LENGTHS:
        return marked.replace("*", "?")
    return next(_spread(marked, _SHORTEST_CARD)) if marked else "?" * _SHORTEST_CARD


def embedded(pattern: str) -> str:
    """The 18 characters of the ID number inside a pattern of any ID-like number.

    One of the first generation is written out as the second: the century is 19, the check character
    follows from the rest.

    >>> embedded("431026540312123")
    '43102619540312123?'
    """
    if pattern[:1].upper() in STUDENT_LETTERS:
        pattern = pattern[1:]
    if len(pattern) == _OLD_LENGTH:
        return f"{pattern[:6]}19{pattern[6:]}?"
    return pattern[:ID_LENGTH].ljust(ID_LENGTH, "?")
