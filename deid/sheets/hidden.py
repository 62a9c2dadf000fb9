"""The values that a pass hid, and where one of them still stands; long numbers that stay."""

from __future__ import annotations

import re
from collections.abc import Sequence

from deid.model import Edit
from deid.scan import bare
from deid.sheets.markup import Odd
from deid.text import fold
from deid.verify import Residue

Spans = tuple[tuple[int, int], ...]
"""Where some characters of a text begin and end."""


class Hidden:
    """The values that a pass hid, to be looked for everywhere."""

    def __init__(self) -> None:
        self.values, self.forms = Residue(), Residue()
        self.numbers: set[int] = set()
        self.words: set[str] = set()

    def add(self, value: str, entity: str, *, alike: bool) -> None:
        if alike:
            self.forms.add(_zeros(fold(value)), entity)
            return
        self.values.add(value, entity)
        plain = bare(fold(value))
        if len(plain) <= 10 and plain.isdecimal():
            self.numbers.add(int(plain))
        if not re.search(f"[0-9A-Z{_LOUD}]", plain) and plain:
            self.words.add(plain)

    def find(self, text: str) -> list[tuple[int, int, str]]:
        return list(self.values.find(text))


def _zeros(folded: str) -> str:
    return re.sub("[0-9]", "0", folded)


def _loud() -> str:
    from deid.scan import _GATE

    found = set(re.findall("[\u4e00-\u9fff]", _GATE.pattern)) | set("省市县区旗木嘎查道计")
    return "".join(sorted(found))


_LOUD = _loud()
_ALNUM = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[0-9A-Z]{7,}")
_SIX = re.compile(r"[0-9]{6}")


def long_runs(text: str) -> tuple[str, ...]:
    """Long numbers that stay: one of the clean numbers that are hidden may be among them."""
    if len(text) < 11:
        return ()
    folded = fold(text)
    if _SCIENTIFIC.search(folded):
        raise Odd
    plain = "".join(_ALNUM.findall(folded)).upper()
    return tuple(run for run in _RUN.findall(plain) if len(run) >= 11 and _SIX.search(run))


_SCIENTIFIC = re.compile(r"\d[.]\d{5,16}[Ee][+]?\d{1,2}")


def clashes(hidden: Hidden, text: str, edits: Sequence[Edit], spared: Spans = ()) -> bool:
    """Whether a hidden value stands in a text, outside what is hidden there and names that stay."""
    places = [*hidden.values.find(text), *hidden.forms.find(_zeros(fold(text)))]
    return any(
        not any(edit.start < end and start < edit.end for edit in edits)
        and (start, end) not in spared
        for start, end, _ in places
    )


def stands(forms: Residue, text: str) -> bool:
    """Whether an address of one of these forms stands in a text."""
    return any(True for _ in forms.find(_zeros(fold(text))))
