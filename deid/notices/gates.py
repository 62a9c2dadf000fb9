"""A block of lines -> those that may hold something, by what characters stand in them and where.

A line that is passed over here holds nothing as prose (``deid.scan``), is none that begins with a
label, and is not blank. Every question is coarser than the rule it stands for; the rules themselves
have the last word on the lines that are left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deid.address import find_addresses, named_by_number, seeds
from deid.entities import load_entities
from deid.fields import NO_LABEL, Label, label_before
from deid.later import later
from deid.names import CLASS_WORDS, may_name_minor, minor_spans
from deid.notices.characters import (
    AT,
    BAR,
    BIRTH,
    BUILDING,
    CHILD,
    COLON,
    CROSS,
    CUE,
    DIGIT,
    FIRST,
    HAMLET,
    HOME,
    JOINS,
    LABEL_END,
    LETTER,
    LIKE_DIGIT,
    NUMBERED,
    NUMERAL,
    ODD,
    PARTED,
    PARTS,
    PLACE,
    PROVINCE,
    SECOND,
    SPACE,
    STAR,
    STOP,
    UNIT,
    WORD,
    Codes,
    Kinds,
    characters,
)

Ints = npt.NDArray[np.signedinteger[Any]]
Flags = npt.NDArray[np.bool_]

_LINE_END = 10
_GAP, _NARROW_GAP = 13, 4
"""So many characters lie between two digits of one number at most, one more than the patterns allow."""
_NAMED, _LONG = 6, 15
_READ_ALOUD = 10
"""Chinese numerals in a line: fewer are never read as a number."""
_WINDOW, _LABEL_WINDOW = 70, 100
"""How many characters before a house number its address, and the label before that, may begin."""
_LABEL = 20
_LABEL_REACH = 48
"""So far before a number its label is looked for (``deid.fields``)."""
_LONGEST_TITLES = 200
_SHORT = 30
"""A line with a label for all its text is shorter (``deid.prose``)."""


class Lines(NamedTuple):
    """The lines of a block, and of which of them what is worth asking."""

    texts: list[str]
    filled: Ints
    """Numbers of the lines that have any character."""
    suspects: list[int]
    begun: list[int]
    """Those that may begin with a label, or be one."""
    blank: Flags
    words: Ints
    """How many words each line has."""
    numbered: Ints
    """The lines with a number of seven digits."""
    ends: list[int]
    """Those that end in a digit, but for blanks."""
    titles: list[int]
    """Those that may be titles of a list."""
    kinds: Kinds
    starts: Ints
    codes: Codes
    folded: str


def sort_out(text: str) -> Lines:
    """The lines of a text that ends with a line end (LF alone) or with the file."""
    texts = text.split("\n")
    codes = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    kinds, folded = characters().read(codes)
    ends = np.append(np.flatnonzero(codes == _LINE_END), codes.size)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    solid = np.flatnonzero(kinds & SPACE == 0)
    first = (
        solid[np.minimum(np.searchsorted(solid, starts), solid.size - 1)] if solid.size else ends
    )
    blank = ~((first >= starts) & (first < ends)) | (lengths == 0)
    line = _Line(codes, starts)
    flags = _Suspicion(kinds, folded, codes, line)
    suspects = sorted({*flags.outright(), *flags.asked()})
    begun = _begun(kinds, starts, ends, first, blank) | (~blank & (lengths < _SHORT))
    return Lines(
        texts,
        np.flatnonzero(lengths > 0),
        suspects,
        np.flatnonzero(begun & ~blank).tolist(),
        blank & (lengths > 0),
        _words_of(kinds, line),
        flags.numbered(),
        np.flatnonzero(_end_in_digits(kinds, solid, ends) & ~blank).tolist(),
        flags.titles(lengths, begun & ~blank),
        kinds,
        starts,
        codes,
        folded,
    )


class _Line:
    """Which line a place is in."""

    def __init__(self, codes: Codes, starts: Ints) -> None:
        self._starts, self.count = starts, starts.size
        self._numbers = np.zeros(codes.size + 1, np.int32)
        np.cumsum(codes == _LINE_END, out=self._numbers[1:])

    def of(self, places: Ints) -> Ints:
        """The numbers of the lines."""
        return self._numbers[places]

    def start(self, places: Ints) -> Ints:
        """Where the lines of these places begin."""
        return self._starts[self.of(places)]

    def count_in(self, places: Ints) -> Ints:
        """How many of these places each line has."""
        return np.bincount(self.of(places), minlength=self.count)


def _begun(kinds: Kinds, starts: Ints, ends: Ints, first: Ints, blank: Flags) -> Flags:
    """Lines whose first word is short enough for a label and followed by something."""
    parted = np.flatnonzero(kinds & (SPACE | COLON))
    if not parted.size:
        return np.zeros(starts.size, bool)
    after = parted[np.minimum(np.searchsorted(parted, first), parted.size - 1)]
    return ~blank & (after >= first) & (after - first <= _LABEL) & (after < ends)


def _end_in_digits(kinds: Kinds, solid: Ints, ends: Ints) -> Flags:
    """Whether the last character before each line end that is no blank is a digit."""
    last = np.searchsorted(solid, ends) - 1
    if not solid.size:
        return np.zeros(ends.size, bool)
    found: Flags = (last >= 0) & (kinds[solid[np.maximum(last, 0)]] & DIGIT != 0)
    return found


def _words_of(kinds: Kinds, line: _Line) -> Ints:
    """How many words each line has."""
    space = kinds & SPACE != 0
    begins = ~space
    begins[1:] &= space[:-1]
    return line.count_in(np.flatnonzero(begins))


class _Suspicion:
    """The questions, each of all lines at once."""

    def __init__(self, kinds: Kinds, folded: str, codes: Codes, line: _Line) -> None:
        self._kinds, self._folded, self._line = kinds, folded, line
        self._codes = codes
        self._cut = folded.split("\n")
        self._marked: Ints = np.flatnonzero(kinds & _MARKED)
        self._marks = kinds[self._marked]
        self._digits = self._places(DIGIT)
        self._words = np.cumsum(kinds & WORD != 0, dtype=np.int32)[self._digits]
        self._values = self._read_digits()

    def _places(self, kind: int) -> Ints:
        """Where characters of a kind stand."""
        found: Ints = self._marked[self._marks & kind != 0]
        return found

    def numbered(self) -> Ints:
        """Lines with a number of seven digits in a row."""
        return np.array(_distinct(self._line.of(self._digits[self._digits_left(1) >= 7])), int)

    def titles(self, lengths: Ints, begun: Flags) -> list[int]:
        """Lines that may be titles of a list by their length, their digits and what divides them."""
        line = self._line
        may = line.count_in(np.flatnonzero(self._kinds & (PARTED | SPACE))) > 0
        may &= lengths <= _LONGEST_TITLES
        may[line.of(self._digits[self._digits_left(1) >= 5])] = False
        barred = line.count_in(self._places(BAR)) > 0
        return [int(at) for at in np.flatnonzero(may | barred | begun)]

    def outright(self) -> Iterator[int]:
        """Lines that the exact path reads without more ado."""
        yield from self._lines_with(ODD | STAR | AT)
        yield from self._numbers()
        numerals = self._line.count_in(self._places(NUMERAL))
        yield from np.flatnonzero(numerals >= _READ_ALOUD).tolist()

    def asked(self) -> Iterator[int]:
        """Lines of which a rule says that it holds there."""
        alone = _lettered()
        for at in self._lettered():
            if alone.search(self._cut[at]):
                yield at
        yield from self._named()
        for at in self._of_children():
            text = self._cut[at]
            if may_name_minor(text) and minor_spans(text):
                yield at
        for at in self._with_addresses():
            if find_addresses(self._cut[at]):
                yield at

    def _lines_with(self, kind: int) -> list[int]:
        return _distinct(self._line.of(self._places(kind)))

    def _numbers(self) -> Iterator[int]:
        """Lines with a number that may speak for itself: as long as an ID number or a card, or with
        the beginning of a telephone number."""
        breaks = np.cumsum(self._kinds & (DIGIT | PARTS) == 0, dtype=np.int32)[self._digits]
        rest = self._left(self._digits, breaks, _GAP)
        if not rest.size:
            return
        places = self._digits
        begins = np.ones(places.size, bool)
        begins[1:] = places[1:] != places[:-1] + 1
        plain = self._values
        behind = np.append(plain[1:], 10)
        told = (rest >= _LONG) | ((plain == 0) & (rest >= 10))
        told |= (plain == 1) & (behind >= 3) & (behind < 10) & (rest >= 11)
        told |= (plain == 8) & (behind == 6) & (rest >= 10)
        yield from _distinct(self._line.of(places[begins & told]))

    def _read_digits(self) -> npt.NDArray[np.int16]:
        """The digits, folded."""
        raw = self._codes[self._digits]
        values = raw.astype(np.int16) - 48
        odd = np.flatnonzero(raw > 57)
        for at in odd.tolist():
            values[at] = int(self._folded[self._digits[at]])
        return values

    def _digits_left(self, gap: int) -> Ints:
        """Of each digit, how many follow in the same number, itself included."""
        return self._left(self._digits, self._words, gap)

    def _left(self, places: Ints, words: Ints, gap: int) -> Ints:
        """Of each of these characters, how many follow that are at most ``gap`` apart with no
        letter between them; ``words``: how many letters stand before each."""
        if not places.size:
            return places
        lines = self._line.of(places)
        broken = (np.diff(places) > gap) | (np.diff(words) > 0) | (np.diff(lines) > 0)
        last = np.append(np.flatnonzero(broken), places.size - 1)
        return np.repeat(last, np.diff(last, prepend=-1)) - np.arange(places.size) + 1

    def _named(self) -> list[int]:
        """Lines with a word that announces a number, and letters or digits enough for one behind a
        label that says what it is."""
        kinds, line = self._kinds, self._line
        solid = np.flatnonzero(kinds & SPACE == 0)
        some = kinds[solid]
        pairs = solid[:-1][(some[:-1] & FIRST != 0) & (some[1:] & SECOND != 0)]
        announced = np.zeros(line.count, bool)
        announced[line.of(pairs)] = True
        rest = self._digits_left(_NARROW_GAP)
        first = np.ones(rest.size, bool)
        first[1:] = rest[:-1] == 1
        begins = [self._digits[first & (rest >= _NAMED)]]
        joins = self._places(JOINS)
        if joins.size:
            head = np.ones(joins.size, bool)
            head[1:] = joins[1:] != joins[:-1] + 1
            heads = joins[head]
            own = heads[np.searchsorted(heads, begins[0], side="right") - 1]
            begins = [own]
            lengths = np.diff(np.append(np.flatnonzero(head), joins.size))
            begins.append(heads[(lengths >= _NAMED) & (kinds[heads] & LETTER != 0)])
        places = np.concatenate(begins)
        places = places[announced[line.of(places)]]
        ends = self._count_up(LABEL_END)
        places = places[ends[places] > ends[np.maximum(places - _LABEL_REACH, line.start(places))]]
        numbers, starts = line.of(places), line.start(places)
        found: set[int] = set()
        for at, place, start in zip(
            numbers.tolist(), places.tolist(), starts.tolist(), strict=True
        ):
            if at not in found:
                window = self._folded[max(start, place - _LABEL_REACH) : place]
                if "字" in window[-4:] or _is_labelled(window):
                    found.add(at)
        return sorted(found)

    def _lettered(self) -> list[int]:
        """Lines with letters that may be part of a number that speaks for itself."""
        kinds, line, digits = self._kinds, self._line, self._digits
        letters = self._places(LETTER)
        if not letters.size:
            return []
        found = [
            np.array([line.of(np.array([at]))[0] for at in _places("wxid_", self._folded)], int)
        ]
        if digits.size:
            next_digit = np.minimum(np.searchsorted(digits, letters), digits.size - 1)
            left = self._digits_left(1)[next_digit]
            near = digits[next_digit] - letters
            found.append(line.of(letters[(near > 0) & (near <= _NARROW_GAP) & (left >= 7)]))
        for back in range(1, _NARROW_GAP + 1):
            before = kinds[np.maximum(letters - back, 0)]
            found.append(line.of(letters[before & PROVINCE != 0]))
        crosses = line.count_in(self._places(CROSS))
        found.append(np.flatnonzero(crosses >= 4))
        alike = self._places(LIKE_DIGIT | DIGIT)
        if alike.size > digits.size:
            words = np.cumsum(kinds & (WORD | DIGIT | LIKE_DIGIT) == WORD, dtype=np.int32)[alike]
            found.append(line.of(alike[self._left(alike, words, _NARROW_GAP) >= _LONG]))
        return _distinct(np.concatenate(found))

    def _of_children(self) -> list[int]:
        """Lines with a word of kinship and one for an age, or a birth year set apart."""
        line, kinds = self._line, self._kinds
        cue = line.count_in(self._places(CUE | DIGIT)) > 0
        child = line.count_in(self._places(CHILD)) > 0
        found = cue & child
        for word in ("学生", "未成年人", *CLASS_WORDS):
            found[line.of(np.array(list(_places(word, self._folded)), np.int64))] = True
        places = self._digits
        before = kinds[np.maximum(places - 1, 0)]
        plain = self._values
        behind = np.append(plain[1:], 10)
        year = ((plain == 1) & (behind == 9)) | ((plain == 2) & (behind == 0))
        apart = places[year & (before & (BIRTH | SPACE) != 0) & (places > 0)]
        found[line.of(apart)] = True
        return [int(at) for at in np.flatnonzero(found)]

    def _with_addresses(self) -> list[int]:
        """Lines with a house number or natural village that what stands before it may prove."""
        line = self._line
        scan, label = seeds()
        hits = self._house_numbers(scan)
        found = [
            np.array([at for at in self._after_homes() if _has_label(label, self._cut[at])], int)
        ]
        if hits.size:
            start = line.start(hits)
            places, homes = self._count_up(PLACE), self._count_up(HOME)
            stop = _last_before(self._places(STOP), hits)
            low = np.maximum(np.maximum(start, hits - _WINDOW), stop)
            high = np.minimum(hits + 2, places.size - 1)
            proved = places[high] > places[np.minimum(low, high)]
            proved |= homes[high] > homes[np.maximum(start, hits - _LABEL_WINDOW)]
            buildings = line.count_in(self._places(BUILDING))
            proved |= buildings[line.of(hits)] > 1
            asked = [at for at in hits[proved].tolist() if not _is_of_a_document(self._folded, at)]
            found.append(line.of(np.array(asked, np.int64)))
        if named_by_number(self._folded):
            numbered = [at for at in _distinct(line.of(hits)) if named_by_number(self._cut[at])]
            found.append(np.array(numbered, np.int64))
        return _distinct(np.concatenate(found))

    def _after_homes(self) -> list[int]:
        """Lines in which a colon or blank may follow a label for an address, or it ends in 住."""
        places, kinds = self._places(HOME), np.append(self._kinds, np.zeros(3, np.uint32))
        told = self._codes[places] == _LIVES
        for ahead in (1, 2, 3):
            told |= kinds[places + ahead] & (COLON | SPACE) != 0
        return _distinct(self._line.of(places[told]))

    def _count_up(self, kind: int) -> Ints:
        """How many characters of a kind stand before each place."""
        counts = np.zeros(self._kinds.size + 1, np.int32)
        np.cumsum(self._kinds & kind != 0, out=counts[1:])
        return counts

    def _house_numbers(self, scan: re.Pattern[str]) -> Ints:
        """Where the last character of a number stands before its unit, or that before a hamlet."""
        kinds = self._kinds
        may = kinds[:-1] & HAMLET != 0
        may |= (kinds[:-1] & NUMBERED != 0) & (kinds[1:] & UNIT != 0)
        match, folded = scan.match, self._folded
        return np.array([at for at in np.flatnonzero(may).tolist() if match(folded, at)], np.int64)


def _last_before(places: Ints, hits: Ints) -> Ints:
    """The last of ``places`` before each hit; 0 where there is none."""
    if not places.size:
        return np.zeros(hits.size, np.int64)
    at = np.searchsorted(places, hits) - 1
    return np.where(at >= 0, places[np.maximum(at, 0)], 0)


def _distinct(lines: Ints) -> list[int]:
    """Numbers in order, each once."""
    if not lines.size:
        return []
    kept = np.ones(lines.size, bool)
    lines = np.sort(lines)
    kept[1:] = lines[1:] != lines[:-1]
    return [int(at) for at in lines[kept]]


def _places(word: str, folded: str) -> Iterator[int]:
    at = folded.find(word)
    while at >= 0:
        yield at
        at = folded.find(word, at + 1)


_LIVES = ord("住")


def _has_label(label: re.Pattern[str], folded: str) -> bool:
    """Whether a label stands there behind which an address may begin without any number."""
    return any(folded[hit.end() - 1] in ":： 住" for hit in label.finditer(folded))


# ----------------------------------------------------------------------------------------- patterns

_LETTERED = (
    r"[xX]{4}|@|wxid_|[\dOoIlBSZ](?:[\W_]{0,3}[\dOoIlBSZ]){14}|[A-Za-z][\W_]{0,3}\d{7}|[A-Za-z]{3}\d{12}"
    r"|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][\W_]{0,3}[A-Za-z]"
)
_KNOWN = frozenset(
    [
        *("CN_RESIDENT_ID", "CN_DISABILITY_CERT", "CN_STUDENT_NO", "CN_BANK_CARD", "CN_MOBILE"),
        *("CN_LANDLINE", "CN_PASSPORT", "CN_TRAVEL_PERMIT", "CN_PLATE", "CN_WECHAT"),
        "EMAIL_ADDRESS",
    ]
)
"""Entities whose forms without a label the questions above stand for."""


_MARKED = ~(WORD | SPACE | COLON) & 0xFFFFFFFF


@cache
def _lettered() -> re.Pattern[str]:
    """What a number with letters in it has that speaks for itself."""
    return later(_LETTERED)


def unforeseen() -> Iterable[str]:
    """Entities with forms that speak for themselves of which this module does not know."""
    return {
        entity.name
        for entity in load_entities().values()
        if entity.name not in _KNOWN and not all(form.needs_label for form in entity.find)
    }


def _is_labelled(window: str) -> bool:
    """Whether what stands before a number ends in a label of an entity, or in another such number."""
    stop = max(window.rfind(","), window.rfind("。"), window.rfind(";"), window.rfind("、"))
    label = _label_of(window[stop + 1 :])
    return (_label_of(window) if label is NO_LABEL else label).entity != ""


@lru_cache(maxsize=1 << 14)
def _label_of(window: str) -> Label:
    return label_before(window, len(window))


_NO_HOUSE = later(r"(?:编号[A-Za-z]{0,6}[0-9-]{0,12}|令第[0-9]{0,5})$")


def _is_of_a_document(folded: str, hit: int) -> bool:
    """Whether a number is one of a document or project: 令第649号, 编号CZ-2024-0918."""
    if folded[hit + 1 : hit + 2] not in ("号", "-"):
        return False
    before = folded[max(0, hit - 20) : hit]
    return ("令第" in before or "编号" in before) and bool(_NO_HOUSE.search(before))
