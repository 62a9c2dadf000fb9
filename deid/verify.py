"""Source parts + output parts + policy -> what is left. Nothing is published that this cannot clear.

Three questions: does a fresh scan still find what the policy hides; does any hidden value stand
anywhere, in any spelling, in any part; is every cell that was not edited as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from deid.later import later
from deid.scan import bare
from deid.text import STAR_LIKE, fold

_REMEMBERED = 1 << 16
"""How many texts are remembered that hold nothing: the cells of a list repeat themselves."""
_KEY = 6
"""Values are looked up by their first characters; shorter ones are too common to be traced."""
_WHOLE = 10
"""Up to this length digits count only as a whole run: seven digits stand inside many a number."""
_ALNUM = later(r"[^\W_]")
_OTHERS = later(r"[\W_]+")
_SCIENTIFIC = later(r"\d[.]\d{5,16}[Ee][+]?\d{1,2}")
_SIX_DIGITS = later(r"\d(?:[\W_]*\d){5}")
"""What a number of ten digits in scientific notation has as well."""
_RAW_RUN = later(r"\d[\d\s\-]{8,40}[\dXx]")


class Residue:
    """Hidden values, and where in a text one of them still stands, however it is written."""

    def __init__(self) -> None:
        # First characters -> length -> value -> entity: many addresses begin alike, so that a search
        # through all that share a beginning would cost as much as the list is long.
        self._values: dict[str, dict[int, dict[str, str]]] = {}
        self._count = 0
        self._names = self._ascii_names = False
        self._least = 1 << 30
        self.clean: set[str] = set()
        """Texts that are known to hold none of the values."""
        self.alone: set[str] = set()
        """Texts that are one of the values from end to end, and were changed for it."""
        self._cue: re.Pattern[str] | None = None

    def __len__(self) -> int:
        return self._count

    def add(self, value: str, entity: str, *, alone: bool = False) -> None:
        """Remember a hidden value (as it stood in the source). ``alone``: in a text of its own."""
        folded = fold(value)
        plain = bare(folded)
        least = 2 if entity == "PERSON" else 8 if entity == "CN_ADDRESS" else 7
        if len(plain) < least or STAR_LIKE.search(folded):
            return
        self._names |= least < _KEY
        if entity == "PERSON":
            self._ascii_names |= plain.isascii()
        elif len(plain) < self._least:
            self._least = len(plain)
        self._cue = None
        if self.clean:
            self.clean.clear()
        if alone and entity != "PERSON" and len(plain) == len(folded):  # nothing between
            self.alone.add(value)
        key = plain[: least if least < _KEY else _KEY]
        sizes = self._values.get(key) or self._values.setdefault(key, {})
        bucket = sizes.get(len(plain)) or sizes.setdefault(len(plain), {})
        old = bucket.get(plain)
        self._count += old is None
        # Hidden as two entities it goes as one of them, the same whichever cell comes first.
        if old is None or entity < old:
            bucket[plain] = entity

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        """(start, end, entity) of each hidden value that still stands in ``text``."""
        if not self._count or text in self.clean:
            return ()
        found = list(self._find(fold(text)))
        if not found and len(self.clean) < _REMEMBERED:
            self.clean.add(text)
        return found

    def _find(self, folded: str) -> Iterator[tuple[int, int, str]]:
        if not _SIX_DIGITS.search(folded) and not self._beginnings().search(folded.upper()):
            return
        plain = folded if folded.isalnum() else _OTHERS.sub("", folded)
        no_names = not self._names or (not self._ascii_names and plain.isascii())
        scientific = "." in folded and ("E" in folded or "e" in folded)
        if no_names and len(plain) < self._least and not scientific:
            return
        plain = _capitals(plain)
        begins = self._begins(plain, names=not no_names)
        if not begins and not scientific:
            return
        places: Sequence[int] = range(len(plain)) if len(plain) == len(folded) else ()
        done = 0
        for at in begins:
            match = self._at(plain, at) if at >= done else None
            if match is None:
                continue
            places = places or [match.start() for match in _ALNUM.finditer(folded)]
            span = (places[at], places[at + len(match[0]) - 1] + 1)
            if match[1] != "PERSON" or _is_the_name(folded, *span):
                yield *span, match[1]
                done = at + len(match[0])
        for number in _SCIENTIFIC.finditer(folded) if scientific else ():
            digits = str(int(float(number.group())))
            if self._at(digits, 0):
                yield number.start(), number.end(), "CN_MOBILE"

    def _beginnings(self) -> re.Pattern[str]:
        """Any character with which a value begins that does not begin with six digits."""
        if self._cue is None:
            others = {key[0] for key in self._values if not _SIX_DIGITS.match(key)}
            some = "".join(map(re.escape, sorted(others)))
            # Compiled at once: what is declared may be written down, and this is made of content.
            self._cue = re.compile(f"[{some}]" if some else "(?!)")
        return self._cue

    def _begins(self, plain: str, *, names: bool) -> list[int]:
        """Where in a text the first characters of a value stand."""
        values, places = self._values, range(len(plain))
        if names:
            return [
                at
                for at in places
                if plain[at : at + _KEY] in values or plain[at : at + 2] in values
            ]
        return [at for at in places[: 1 - _KEY] if plain[at : at + _KEY] in values]

    def _at(self, plain: str, at: int) -> tuple[str, str] | None:
        for length in (_KEY, 2):
            bucket = self._values.get(plain[at : at + length])
            if not bucket:
                continue
            for size in sorted(bucket, reverse=True):
                value = plain[at : at + size]
                entity = bucket[size].get(value)
                if entity and _whole(plain, at, value):
                    return value, entity
        return None

    def in_bytes(self, data: bytes) -> bool:
        """Whether a number of at least ten digits is left in the bytes of a part, in any encoding."""
        return self._count > 0 and any(self._in_raw(text) for text in _decodings(data))

    def _in_raw(self, text: str) -> bool:
        for run in _RAW_RUN.finditer(text):
            plain = bare(run.group())
            for at in range(len(plain) - _WHOLE + 1):
                match = self._at(plain, at)
                if match and len(match[0]) > _WHOLE:
                    return True
        return False


def _capitals(plain: str) -> str:
    """The text in capitals, a character for a character (ß stays: its capital form is two)."""
    capitals = plain.upper()
    if len(capitals) == len(plain):
        return capitals
    return "".join(char if len(char.upper()) > 1 else char.upper() for char in plain)


_HAN_CELL = later("\\s*[\u4e00-\u9fff]{2,4}\\s*")
_BEFORE_NAME = frozenset("子女孙儿童生人是为叫孤")
_AFTER_NAME = frozenset("由在就随和与的因系同及")


def _is_the_name(folded: str, start: int, end: int) -> bool:
    """Whether a minor's name stands there and not a part of another word: an adult's longer name
    (张强 in 张强国), a place. A name of two characters has to be set apart."""
    if _HAN_CELL.fullmatch(folded):
        return folded.strip() == folded[start:end]
    if end - start > 2:
        return True
    before, after = folded[start - 1 : start], folded[end : end + 1]
    return (not _is_han(before) or before in _BEFORE_NAME) and (
        not _is_han(after) or after in _AFTER_NAME
    )


def _is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _whole(plain: str, at: int, value: str) -> bool:
    """A short number counts only where no other digit touches it."""
    if len(value) > _WHOLE or not value.isdigit():
        return True
    end = at + len(value)
    before = at > 0 and plain[at - 1].isdigit()
    return not before and not (end < len(plain) and plain[end].isdigit())


def _decodings(data: bytes) -> Iterable[str]:
    yield data.decode("utf-8", "replace") if data.isascii() else data.decode("utf-8", "ignore")
    if b"\0" in data:
        for codec in ("utf-16-le", "utf-16-be"):
            yield data.decode(codec, "ignore")
            yield data[1:].decode(codec, "ignore")
