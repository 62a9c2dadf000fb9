"""Remarks -> the people they name, and what they are there: minors, third persons, officers.

A remark is read as the likeliest chain of words (jieba's dictionary and our own) and names (family
name, given name, and what stands around them: ``patterns/names.yaml``). That costs a segmenter, so
nothing is read that ``may_name_person`` does not ask for, and no list is masked by way of it.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from deid.checks import ADULT
from deid.data import load_rows, load_yaml, patterns_dir
from deid.errors import PatternError
from deid.later import later
from deid.segment import frequencies
from deid.text import fold

MINOR, THIRD_PERSON, LISTED, OFFICER = "minor", "third_person", "adult_listed", "officer"


class Name(NamedTuple):
    """One name in a text: where it stands and who it is there. It holds no content."""

    start: int
    end: int
    role: str


def person_names(text: str) -> list[Name]:
    """The people that a remark names, in order.

    ``role`` is ``minor``, ``officer`` (acts for an office), ``adult_listed`` (the entry is about
    this person) or ``third_person`` (everybody else: kin, guardians, payees, neighbours).

    >>> [name.role for name in person_names("由其子张建军代领，经办人：吕敏")]
    ['third_person', 'officer']
    """
    folded = fold(text)
    if not may_name_person(folded):
        return []
    return list(_with_roles(folded, _read(folded, _jieba())))


def minor_names(folded: str) -> list[tuple[int, int]]:
    """Where a folded text names a minor, read without jieba, which no list may wait for.

    Words of kinship and for children tell such names well enough: 40 of the 49 minors in the labelled
    remarks are found, with jieba and students of any age 46 (deid/docs/names.md).
    """
    found = []
    for sentence in _SENTENCE_OF.finditer(folded):
        if _CHILD_CUE.search(sentence.group()) and _child_gate().search(sentence.group()):
            names = _with_roles(sentence.group(), _read(sentence.group(), _BARE), strict=True)
            shift = sentence.start()
            found += [(shift + a, shift + b) for a, b, role in names if role == MINOR]
    return found


_SENTENCE_OF = later("[^。;!?\\n]{2,300}")
_CHILD_CUE = later("[岁婴孤童幼生读]|未成年|年级|小学")


def is_cue(word: str) -> bool:
    """Whether a word is one of ours, and so nobody's name."""
    return word in _own_words()


def may_name_person(folded: str) -> bool:
    """Whether a family name stands before a character of given names, or a name with a dot."""
    return bool(_gate().search(folded))


@cache
def _child_gate() -> re.Pattern[str]:
    """What every minor's name has beside it: cheap, because most texts that speak of children name
    none."""
    costs = _costs()
    heads = "".join(head for head, share in costs.single.items() if share > _RARE)
    heads = "".join({*heads, *(word[0] for word in costs.compound)})
    han = "[\u4e00-\u9fff]"
    given = f"[{''.join(costs.given)}]"
    name = f"(?:[{heads}] {{0,2}}(?:{given}{han}?|{han}?{given})|·{han}{{1,8}})"
    begun = f"(?:[{heads}] {{0,2}}{given}|{han}{{1,7}}·)"
    words = "|".join(sorted(_lists()["child"], reverse=True))
    return later(
        f"{name}(?:{_AGED}|{_BORN_THEN}|{_TAUGHT}|出生)|(?:{words})[姓名:为叫是 (]{{0,4}}{begun}"
        f"|生[下育一长次二三]{{0,2}}[子女]{begun}|岁(?:的|的?{han}{{0,3}}[子女孩孙童生]){begun}"
    )


# ------------------------------------------------------------------------------------------ words

_LISTS = frozenset(
    [
        *("kin", "short_kin", "helper", "does", "officer", "serves", "listed", "is_listed"),
        *("child", "pupil", "schooling", "grown", "before", "after", "places", "syllables"),
        *("words", "usual", "sounds", "given", "given_often", "given_seldom"),
    ]
)
_NO_WORDS = frozenset(
    ["syllables", "sounds", "places", "usual", "given", "given_often", "given_seldom"]
)


@cache
def _lists() -> Mapping[str, frozenset[str]]:
    path = patterns_dir() / "names.yaml"
    raw = load_yaml(path)
    if not isinstance(raw, dict) or set(raw) != _LISTS:
        raise PatternError(f"{path.name}: 应有且只有这些词表：{'、'.join(sorted(_LISTS))}")
    return {key: frozenset(str(words).split()) for key, words in raw.items()}


# The more a word says of what stands beside it, the more it adds to the logarithm of a name's
# likelihood. Set on the labelled remarks (tests/fixtures/names.jsonl, split "dev").
_BEFORE = {"officer": 7.0, "child": 7.0, "pupil": 6.0, "kin": 7.0, "helper": 7.0,
           "listed": 5.0, "before": 4.0, "short_kin": 3.0}  # fmt: skip
_BEHIND = {"serves": 3.0, "does": 3.0, "is_listed": 3.0, "after": 2.5}
_COLON, _SENTENCE, _CHAINED = 2.0, 1.5, 7.0
_END, _BRACKET, _MARK = 2.0, 3.0, 1.5
_OWN_WORD = -8.0
"""The logarithm of the likelihood of a word of ``names.yaml``."""
_COMMON = -11.5
"""A word from here on is read as a word unless the text shows where the name ends."""
_DOUBT = 4.0
_PLACE = 8.0
_ADJOINING = 8.0
_SURE = 3.5
_SELDOM, _FAMOUS = -13.5, 6.0
"""A word of the dictionary that is as rare as that and looks like a name is a famous person's."""


@cache
def _cues(kinds: tuple[str, ...]) -> Mapping[str, str]:
    """Word -> the first of these lists that has it."""
    found: dict[str, str] = {}
    for kind in kinds:
        for word in _lists()[kind]:
            found.setdefault(word, kind)
    return found


@cache
def _own_words() -> frozenset[str]:
    kinds = _LISTS - _NO_WORDS
    return frozenset(word for kind in kinds for word in _lists()[kind] if len(word) > 1)


class _Costs(NamedTuple):
    """Logarithms of how likely a character is in a family name and in a given name."""

    single: Mapping[str, float]
    compound: Mapping[str, float]
    given: Mapping[str, float]


_NAME = -3.0
_USUAL, _RARE, _COMPOUND = -7.5, -11.0, -8.0
_GIVEN = {"given_seldom": -8.7, "given_often": -6.9, "given": -5.8}
_OTHER_GIVEN = -12.0


@cache
def _costs() -> _Costs:
    usual = _lists()["usual"]
    single = {}
    for surname, kind, rank in load_rows("surnames"):
        if kind == "single":
            share = math.log(0.07 / (1 + int(rank) * 0.12)) if rank else 0.0
            single[surname] = share or (_USUAL if surname in usual else _RARE)
    compound = {row[0]: _COMPOUND for row in load_rows("surnames") if len(row[0]) == 2}
    given = {
        char: share for kind, share in _GIVEN.items() for part in _lists()[kind] for char in part
    }
    return _Costs(single, compound, given)


@cache
def _gate() -> re.Pattern[str]:
    costs = _costs()
    heads = "".join(head for head, share in costs.single.items() if share > _RARE)
    first, second = ("".join({word[at] for word in costs.compound}) for at in (0, 1))
    chars = "".join(costs.given)
    return later(
        f"[{heads}] {{0,2}}[{chars}]|[{first}][{second}]|[\u4e00-\u9fff][·.][\u4e00-\u9fff]|{_SYLLABIC}"
    )


_SYLLABIC = "(?:扎西|次仁|卓玛|巴特尔|其其格)"


# ---------------------------------------------------------------------------------------- reading


class _Step(NamedTuple):
    """The best chain of words up to a place: its last token began at ``start``."""

    score: float
    start: int
    cue: str
    """What a name of this token is there by the word before it; empty for a word."""


_HAN_NAME = "\u4e00-\u9fff\u3400-\u4dbf"
_DOTTED = later(f"[{_HAN_NAME}]{{1,7}}(?:[·.][{_HAN_NAME}]{{1,8}}){{1,3}}")
_SPACED = later(f"([{_HAN_NAME}]{{1,2}}) {{1,2}}[{_HAN_NAME}](?!:)")
_SOUND, _NO_SOUND = -3.5, -9.0
_SYLLABLE_CHAR = -4.0
_SEPARATORS = "、,/和与及"
_LINK = later(r"[:\s(为是叫\[]+$")


class _Lexicon(NamedTuple):
    """How often words occur; ``spare``: the logarithm of the likelihood of one that occurs once."""

    known: Mapping[str, int]
    spare: float

    def share(self, word: str) -> float:
        """The logarithm of how likely a word is."""
        return math.log(self.known.get(word) or 1) + self.spare


_BARE = _Lexicon({}, -8.0)
"""No dictionary: our own words, and characters."""


@cache
def _jieba() -> _Lexicon:
    known, total = frequencies()
    return _Lexicon(known, -math.log(total))


def _read(folded: str, lexicon: _Lexicon) -> list[tuple[int, int, str]]:
    """(start, end, cue) of each name on the likeliest chain."""
    size = len(folded)
    best: list[_Step | None] = [None] * (size + 1)
    best[0] = _Step(0.0, 0, "")
    dotted = _dotted(folded)
    for at in range(size):
        here = best[at]
        if here is None:
            continue
        for end in _words_at(folded, at, lexicon.known):
            word = folded[at:end]
            share = lexicon.share(word)
            if word in _own_words():
                share = max(share, _OWN_WORD)
            elif share < _SELDOM and end - at > 2 and _named_like(word):
                share -= _FAMOUS
            _offer(best, end, _Step(here.score + share, at, ""))
        if "\u3400" <= folded[at] <= "\u9fff":
            for end, share in _names_at(folded, at, dotted):
                bonus, cue = _before(folded, at, best)
                sure = bonus > _SURE
                bonus += _behind(folded, end)[0] - _doubt(
                    folded[at:end], folded[end:], sure, lexicon
                )
                bonus -= _ADJOINING if here.cue else 0.0
                _offer(best, end, _Step(here.score + _NAME + share + bonus, at, cue or "none"))
    return _chain(best)


def _offer(best: list[_Step | None], end: int, step: _Step) -> None:
    old = best[end]
    if old is None or step.score > old.score:
        best[end] = step


def _chain(best: list[_Step | None]) -> list[tuple[int, int, str]]:
    found = []
    end = len(best) - 1
    while end:
        step = best[end]
        assert step is not None  # one-character words lead everywhere
        if step.cue:
            found.append((step.start, end, step.cue))
        end = step.start
    return found[::-1]


_LONGEST_WORD = 12


def _words_at(folded: str, at: int, known: Mapping[str, int]) -> Iterator[int]:
    """Where the words that begin here end; jieba lists the beginnings of its words too."""
    yield at + 1
    end = at + 2
    own = _own_words()
    while end <= len(folded) and folded[at:end] in known:
        if known[folded[at:end]] and folded[at:end] not in own:
            yield end
        end += 1
    for end in range(at + 2, min(len(folded), at + _LONGEST_WORD) + 1):
        if folded[at:end] in own:
            yield end


def _names_at(
    folded: str, at: int, dotted: Mapping[int, tuple[int, ...]]
) -> Iterator[tuple[int, float]]:
    """(end, likelihood) of the names that could begin here."""
    costs = _costs()
    for head, shares in ((1, costs.single), (2, costs.compound)):
        share = shares.get(folded[at : at + head])
        if share is None:
            continue
        spaced = _SPACED.match(folded, at)
        if spaced and len(spaced[1]) == head and spaced.group()[-1] in costs.given:
            yield spaced.end(), share + costs.given.get(folded[spaced.end() - 1], _OTHER_GIVEN)
        for char in folded[at + head : at + head + 2]:
            if not "\u3400" <= char <= "\u9fff":
                break
            head += 1
            share += costs.given.get(char, _OTHER_GIVEN)
            yield at + head, share
    for end in dotted.get(at, ()):
        yield end, sum(_sounds(char) for char in folded[at:end])
    for end in _syllables_from(folded, at):
        if end - at > 2:
            yield end, (end - at) * _SYLLABLE_CHAR


@cache
def _sounds(char: str) -> float:
    return _SOUND if char in "·." or any(char in part for part in _lists()["sounds"]) else _NO_SOUND


def _syllables_from(folded: str, at: int) -> Iterator[int]:
    for size in (4, 3, 2)[max(0, 4 - (len(folded) - at)) :]:
        if folded[at : at + size] in _lists()["syllables"]:
            yield at + size
            yield from _syllables_from(folded, at + size)


def _dotted(folded: str) -> Mapping[int, tuple[int, ...]]:
    """Where names with dots could begin -> where they could end."""
    found: dict[int, tuple[int, ...]] = {}
    for match in _DOTTED.finditer(folded) if "·" in folded or "." in folded else ():
        value = match.group()
        first = min(value.find(dot) for dot in "·." if dot in value)
        last = max(value.rfind("·"), value.rfind("."))
        ends = tuple(range(match.start() + last + 2, match.end() + 1))
        for start in range(match.start(), match.start() + first):
            found[start] = ends
    return found


def _before(folded: str, at: int, best: list[_Step | None]) -> tuple[float, str]:
    """What stands before a name adds to its likelihood, and what it says of the person."""
    linked = _LINK.search(folded, max(0, at - 4), at)
    stop = linked.start() if linked else at
    if stop == 0 or (folded[stop - 1] in "。;,\n)" and stop == at):
        chained = _chained(folded, at, best)
        return chained if chained[1] else (_SENTENCE, "")
    chained = _chained(folded, at, best)
    if chained[1]:
        return chained
    cues = _cues(tuple(_BEFORE))
    for edge in (at, stop) if stop != at else (at,):
        for size in range(min(10, edge), 0, -1):
            kind = cues.get(folded[edge - size : edge])
            if kind:
                return _BEFORE[kind] + (_COLON if edge != at else 0.0), kind
    return (_MARK if linked and folded[stop:at].strip() == "(" else 0.0), ""


def _chained(folded: str, at: int, best: list[_Step | None]) -> tuple[float, str]:
    """A name behind another one and a separator is of the same kind."""
    edge = at
    while edge and folded[edge - 1] == " ":
        edge -= 1
    if not edge or folded[edge - 1] not in _SEPARATORS:
        return 0.0, ""
    previous = best[edge - 1]
    if previous is None or not previous.cue:
        return 0.0, ""
    return _CHAINED - (3.0 if folded[edge - 1] in ",与" else 0.0), previous.cue


def _behind(folded: str, end: int) -> tuple[float, str]:
    """What stands behind a name adds to its likelihood, and what it says of the person."""
    if end == len(folded):
        return _END, ""
    char = folded[end]
    if char == "(":
        return _BRACKET, ""
    if not "\u3400" <= char <= "\u9fff":
        return _MARK, ""
    cues = _cues(tuple(_BEHIND))
    for size in range(min(8, len(folded) - end), 0, -1):
        kind = cues.get(folded[end : end + size])
        if kind:
            return _BEHIND[kind], kind
    return 0.0, ""


def _doubt(name: str, behind: str, sure: bool, lexicon: _Lexicon) -> float:
    """What a name loses that may be a word, or the head of a longer one, or a place."""
    lost = 0.0
    if name in lexicon.known and lexicon.share(name) > _COMMON:
        ends = not behind or not "\u3400" <= behind[0] <= "\u9fff"
        if not ends and _behind(behind, 0)[1] not in ("does", "serves"):
            lost = _DOUBT + _behind(behind, 0)[0]
        elif not sure:
            lost = _DOUBT
    if not sure and behind.startswith(_places()):
        lost += _PLACE
    if len(name) == 3 and name[1] == "家" and name[2] in _lists()["places"]:
        lost += _PLACE
    return lost


@cache
def _places() -> tuple[str, ...]:
    return tuple(_lists()["places"])


@cache
def _named_like(word: str) -> bool:
    """Whether a word of the dictionary is somebody's name (颜如玉, 欧阳修)."""
    costs = _costs()
    if word[:2] in costs.compound:
        return all(char in costs.given for char in word[2:])
    share = costs.single.get(word[0], _RARE)
    return share > _RARE and len(word) == 3 and all(char in costs.given for char in word[1:])


# ------------------------------------------------------------------------------------------ roles

_TOLD = r"[\s,(:]*(?:(?:[男女]|[长次三四孙外]?[子女孙儿])[,、\s]+)?"
_AGED = (
    _TOLD + r"(?:现?年[仅满方]?|今年|刚满|才|仅|均为?|都是?)?:?\s*"
    r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})\s*周?岁"
)
_BORN_THEN = _TOLD + r"(?:19|20)\d\d\s*年[^。;,]{0,8}生"
_TAUGHT = (
    _TOLD + "(?:[现正尚]?(?:就?在?[读上]|才上)|初中在读|小学在读|小学[)]"
    "|[一二三四五六七八九]年级|高[一二三]|初[一二三]|尚在)"
)
_AGE, _BORN, _PUPIL = later(_AGED), later(_BORN_THEN), later(_TAUGHT)
_AGE_TOLD = later(r"(\d{1,2}|[一二三四五六七八九十]{1,3})\s*周?岁$")
_YEAR_TOLD = later(r"((?:19|20)\d\d)\s*年")
_ELDER = later("(?:[父母夫妻爷奶叔伯姑舅姨媳婿公婆爸妈]|配偶|丈夫|妻子|家长|爱人)[亲]?[:为\\s]*$")
_BORN_BEFORE = later(r"((?:19|20)\d\d)\s*年[^。;]{0,12}$")
_AGE_BEFORE = later(r"(\d{1,2})\s*周?岁(?:的|的?[^。;,()]{0,3}[子女孩孙童生])$")
_BIRTH = later("(?:出生|生下?育?[一长次二三]?[子女]婴?|生)$")
_NEXT = later("\\s*[、和与及]\\s*(?:[长次三四二大小孙][子女]|[子女])?\\s*")
_STOP = later(r"[。;\n]")
_HAN_DIGITS = "零一二三四五六七八九十"
_NO_CHILD = ("officer", "helper", "listed")


def _with_roles(
    folded: str, names: list[tuple[int, int, str]], *, strict: bool = False
) -> Iterator[Name]:
    """The names, with the part that each plays; ``strict``: a student may be of age."""
    for number, (start, end, cue) in enumerate(names):
        following = names[number + 1][0] if number + 1 < len(names) else len(folded)
        tail = folded[end:following]
        if _NEXT.fullmatch(tail) and number + 1 < len(names):
            after = names[number + 2][0] if number + 2 < len(names) else len(folded)
            tail = folded[names[number + 1][1] : after]
            tail = tail if "均" in tail or "都" in tail else ""
        tail = _STOP.split(tail, maxsplit=1)[0]
        if _is_minor(folded[:start], tail, cue, strict):
            yield Name(start, end, MINOR)
        else:
            yield Name(start, end, _adult_role(folded, start, end, cue))


def _is_minor(head: str, tail: str, cue: str, strict: bool) -> bool:
    """Whether what stands around a name says that its bearer is under 18."""
    aged, born = _AGE.match(tail), _BORN.match(tail)
    age = (aged and _AGE_TOLD.search(aged.group())) or _AGE_BEFORE.search(head)
    if age:
        return _number(age[1]) < ADULT
    year = born and _YEAR_TOLD.search(born.group())
    if not year and (tail.startswith("出生") or _BIRTH.search(head)):
        year = _BORN_BEFORE.search(head)
    if year:
        return datetime.date.today().year - int(year[1]) < ADULT
    if cue == "child":
        return True
    if cue in _NO_CHILD or any(word in tail for word in _lists()["grown"]):
        return False
    if cue == "pupil" and not strict:
        return True
    if _ELDER.search(head) or not _PUPIL.match(tail):
        return False
    return any(word in tail for word in _lists()["schooling"])


def _number(told: str) -> int:
    if told.isdecimal():
        return int(told)
    tens, ten, ones = told.rpartition("十")
    if not ten:
        return _HAN_DIGITS.index(told[-1])
    return (_HAN_DIGITS.index(tens[-1]) if tens else 1) * 10 + (
        _HAN_DIGITS.index(ones) if ones else 0
    )


_OFFICE = later("监督|异议|公示|咨询|举报|投诉|反映")
_ROLE_BEFORE = {"officer": OFFICER, "listed": LISTED}
_ROLE_BEHIND = {"serves": OFFICER, "does": THIRD_PERSON, "is_listed": LISTED}


def _adult_role(folded: str, start: int, end: int, cue: str) -> str:
    if (
        cue == "helper"
        and folded[:start].rstrip(": ").endswith("联系人")
        and _OFFICE.search(folded)
    ):
        return OFFICER
    if cue not in ("none", "before"):
        return _ROLE_BEFORE.get(cue, THIRD_PERSON)
    behind = _ROLE_BEHIND.get(_behind(folded, end)[1])
    if behind:
        return behind
    return LISTED if cue == "none" and start == 0 else THIRD_PERSON
