"""What the exact path says of single cells of a streamed list, and what one pass over it comes to."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple, Protocol

from deid import minors, tables
from deid.address import skeleton
from deid.columns import Profile, shape
from deid.data import load_rows
from deid.divisions import _rows
from deid.fields import Label
from deid.mask import apply_edits, edits_for
from deid.model import Edit, Finding
from deid.policy import Policy
from deid.prose import merge
from deid.rows import LONG_DIGITS
from deid.scan import Setting, bare, scan
from deid.stream.memories import ASK, LONG, NOTHING, ODD, ONE_EDIT, STILL_LONG, Fate
from deid.text import STAR_LIKE, fold
from deid.verify import Residue

KNOWN = 100_000
"""Distinct texts that a column's memory, or the list of what stays, may hold."""
_ALIKE = frozenset(("generalize_address", "mask", "redact", "replace", "keep"))
_PLAIN_ADDRESS = re.compile(
    "(?:[\u4e00-\u5c80\u5c82-\u5e73\u5e75-\u9fff]|(?<![0-9])[0-9]{1,4}(?![0-9]))*"
)
_DIGIT = re.compile(r"[0-9]")
_ALNUM = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[0-9A-Z]{7,}")
_SIX = re.compile(r"[0-9]{6}")
_ODD = re.compile("[计:：︓﹕]")
"""What a total, a signature or a form has: 合计, 制表人：."""


_CROSSES = re.compile("[xX]{4}")
_MASKED_ID = re.compile(r"[\d*xX](?:[\W_]{0,3}[\d*xX]){9,}")
_SHOWN = 6
ID_ENTITIES = frozenset(("CN_RESIDENT_ID", "CN_DISABILITY_CERT", "CN_STUDENT_NO"))
"""Entities that are, or hold, an ID number: rows that show more of one than a division are graded,
which only the exact path does."""


class Unstreamable(Exception):
    """Something in the file needs the exact path over the whole of it."""


class Elsewhere(Unstreamable):
    """A value hidden in one cell stands in another as well; ``tally`` knows the hidden ones."""

    tally: Tally


@dataclass(repr=False)
class Tally:
    """What one pass over a file found. ``left``: texts that stay, as far as they were looked at."""

    found: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    columns: dict[tuple[int, Profile], int] = field(default_factory=dict)
    first: dict[tuple[int, Profile], tuple[int, int]] = field(default_factory=dict)
    """Where the first cell of each column stands."""
    hidden: Residue = field(default_factory=Residue)
    forms: Residue = field(default_factory=Residue)
    numbers: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    spared: set[str] = field(default_factory=set)
    """Cells with the name of an adult who has the name of a minor."""

    def remember(self, value: str, entity: str) -> None:
        """Note a hidden value: it must stand nowhere else."""
        self.hidden.add(value, entity)
        if entity == "CN_ADDRESS":
            self.forms.add(zeros(fold(value)), entity)
        plain = bare(fold(value))
        if entity == "PERSON":
            self.names.add(plain[:2])
        if len(plain) <= 10 and plain.isdecimal():
            self.numbers.add(int(plain))

    def refuse(self, text: str) -> None:
        """Raise Unstreamable where a hidden value stands in a text that stays."""
        if len(text) < 2:
            return
        spared = text in self.spared
        if any(not spared or entity != "PERSON" for _, _, entity in self.hidden.find(text)):
            raise Elsewhere
        if any(True for _ in self.forms.find(zeros(fold(text)))):
            raise Unstreamable

    def keep(self, text: str) -> None:
        """Note a text that stays, and its long numbers."""
        if len(text) < 2:
            return
        if len(self.left) <= KNOWN:
            self.left.add(text)
        plain = "".join(_ALNUM.findall(fold(text))).upper()
        self.kept.update(run for run in _RUN.findall(plain) if _SIX.search(run))
        if len(self.kept) > KNOWN:
            raise Unstreamable


def zeros(folded: str) -> str:
    """The text with all its digits made zero: what addresses that differ in numbers share."""
    return re.sub("[0-9]", "0", folded)


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What the exact path says of one cell's text. ``settled``: a fresh scan of what is left of it
    finds nothing, and it is told from other rows as it was. ``text`` and ``hidden`` are taken out
    when the verdict is first carried out."""

    edits: tuple[Edit, ...]
    entities: tuple[str, ...]
    hits: bool
    result: str
    settled: bool
    text: list[str]
    hidden: list[tuple[str, str]]
    minor: bool = False
    """It hides the name of a minor, and the policy wants its place told."""
    several: bool = False
    """More stands in the cell than the one number by which its row is graded: the row has to tell."""


class Ruled(Protocol):
    """What the field rules make of the cells of a column."""

    @property
    def drops(self) -> bool:
        """Whether the column goes."""

    @property
    def changes(self) -> bool:
        """Whether a cell may change in which nothing is found."""

    @property
    def masks(self) -> bool:
        """Whether its operator, if it has one, hides characters of a number by their places."""

    @property
    def name(self) -> str:
        """What its operator is called."""

    def edits(self, text: str, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of a cell, given those of its findings."""


Spans = Sequence[tuple[int, int]]
_ELSEWHERE = "同一文件别处已隐藏"


class _Model(NamedTuple):
    """An address that was judged: what is hidden of it begins at ``first``."""

    fate: Fate
    verdict: Verdict
    first: int


class Judge:
    """Asks the exact path, and notes in ``tally`` what comes of it.

    ``hidden``: what an earlier pass hid; nothing of it may stand in a text that stays. ``spread``:
    what an earlier pass hid, to be hidden wherever it stands.
    """

    def __init__(
        self, policy: Policy, codec: str, mark: bytes, hidden: Tally | None, spread: Tally | None
    ) -> None:
        self.policy = policy
        self.codec = codec
        self.hidden = hidden
        self.spread = spread
        self.tally = Tally()
        self.day = datetime.date.today()
        self._breaks = (b'"', b"\n", b"\r", mark)
        self._exceptions = re.compile("|".join(map(re.escape, sorted(set(digit_exceptions())))))
        self._models: dict[tuple[Setting, str, Ruled | None], _Model] = {}
        self._cuts = set(policy.specs.get("CN_ADDRESS", ())) == {"generalize_address"}
        self.scanner = tables._CellScanner()

    def addresses_alike(self, setting: Setting, rule: Ruled | None = None) -> bool:
        """Whether the policy cuts the addresses of a column whatever the numbers in them are."""
        return (
            setting.label.entity == "CN_ADDRESS"
            and set(self.policy.specs.get("CN_ADDRESS", {"keep": {}})) <= _ALIKE
            and (rule is None or not rule.changes or rule.name in _ALIKE)
        )

    def verdict(
        self,
        text: str,
        found: list[Finding],
        setting: Setting | None,
        adults: Spans = (),
        *,
        rule: Ruled | None = None,
        shaped: Sequence[Edit] | None = None,
    ) -> Verdict:
        """What becomes of a text that holds these findings; without a setting nothing is settled.
        ``adults``: where names stand that are adults' by their row, and stay. ``shaped``: the edits
        that the field rules make of those of the findings, where its row had to tell."""
        findings = merge(found)
        edits = own = edits_for(text, findings, self.policy)
        if shaped is not None:
            edits = list(shaped)
        elif rule:
            edits = rule.edits(text, edits)
        hidden = [item for item in findings if self.policy.hides(item.entity)]
        fresh = self._fresh(text, edits, adults)
        edits = sorted([*edits, *edits_for(text, fresh, self.policy)], key=lambda edit: edit.start)
        result = apply_edits(text, edits) if edits else text
        graded = setting is None or setting.label.entity in ID_ENTITIES
        if self.hidden is None and graded and not self.policy.reshapes and shows_more(result):
            raise Unstreamable
        several = graded and setting is not None and (len(findings) > 1 or bool(fresh))
        return Verdict(
            tuple(edits),
            tuple(item.entity for item in [*findings, *fresh]),
            bool(hidden) or "**" in text,
            result,
            not edits or (setting is not None and self._is_settled(text, result, setting)),
            [text],
            [(text[item.start : item.end], item.entity) for item in hidden],
            bool(self.policy.elements and own)
            and any(item.entity == "PERSON" for item in findings),
            several and self.policy.reshapes and self.hidden is None,
        )

    def _fresh(self, text: str, edits: Sequence[Edit], adults: Spans) -> list[Finding]:
        """What is hidden elsewhere and stands here too, outside what is edited already."""
        if self.spread is None:
            return []
        fresh = []
        for start, end, entity in self.spread.hidden.find(text):
            if any(edit.start < end and start < edit.end for edit in edits):
                continue
            if entity == "PERSON" and any(a <= start and end <= b for a, b in adults):
                self.tally.spared.add(text)
            else:
                fresh.append(Finding(start, end, entity, 0.9, _ELSEWHERE))
        return fresh

    def depends_on_row(self, text: str) -> bool:
        """Whether a name is a minor's elsewhere, so that the row has to say whose it is here."""
        if self.spread is None:
            return False
        return any(entity == "PERSON" for _, _, entity in self.spread.hidden.find(text))

    def _is_settled(self, text: str, result: str, setting: Setting) -> bool:
        return (
            not self.policy.reshapes  # then everything that is written is judged once more
            and bool(result.strip())
            and (is_odd(text) or not is_odd(result))
            and digit_cell(result) in (0, digit_cell(text))
            and self.holds_nothing(result, setting)
        )

    def holds_nothing(self, text: str, setting: Setting) -> bool:
        """Whether a fresh scan finds nothing to hide."""
        found = self.scanner(text, setting)
        return not found or not edits_for(text, merge(list(found)), self.policy)

    def fate(
        self, text: str, setting: Setting, *, alike: bool, rule: Ruled | None = None
    ) -> tuple[Fate, Verdict]:
        """What becomes of all cells like this one, and the verdict behind it."""
        bones = skeleton(text) if alike and self._cuts and self._same_for_all(text) else ""
        if not bones:
            return self._asked(text, setting, rule, alike=alike)
        model = self._models.get((setting, bones, rule))
        if model:
            return self._like(model, text)
        fate, verdict = self._asked(text, setting, rule, alike=True)
        first = _cut_to_its_end(text, fate, verdict)
        if first is not None:
            self._models[setting, bones, rule] = _Model(fate, verdict, first)
        return fate, verdict

    def _like(self, model: _Model, text: str) -> tuple[Fate, Verdict]:
        """The same for an address with the skeleton of another: it is cut at the same place."""
        (edit,), (entity,) = model.verdict.edits, model.verdict.entities
        verdict = replace(
            model.verdict,
            edits=(replace(edit, end=len(text)),),
            text=[text],
            hidden=[(text[model.first :], entity)],
        )
        return model.fate._replace(end=len(text.encode(self.codec))), verdict

    def _asked(
        self, text: str, setting: Setting, rule: Ruled | None = None, *, alike: bool
    ) -> tuple[Fate, Verdict]:
        """The same by the exact path."""
        # What is left of a cell was scanned when it was masked, by this scanner: see ``Pass.again``.
        found = scan(text, setting) if self.hidden is None else list(self.scanner(text, setting))
        verdict = self.verdict(text, found, setting, rule=rule)
        tells = minors.way_of_telling(setting.label)
        asked = Fate(
            ASK,
            marks=marks_of(text) | STILL_LONG * is_long(verdict.result),
            young=bool(tells) and minors.may_be_young(text, tells, self.day),
            hits=verdict.hits,
            digits=digit_cell(text),
            settled=verdict.settled,
            vote=VOTES.get(shape(text), 0) if votes(setting.label) else 0,
        )
        if (alike and not self._same_for_all(text)) or self.depends_on_row(text):
            return asked, verdict
        if verdict.minor or verdict.several:  # its place, or its row, has to be told
            return asked, verdict
        if not verdict.edits:
            return asked._replace(kind=NOTHING), verdict
        if len(verdict.edits) > 1:
            return asked, verdict
        (edit,) = verdict.edits
        new = self.encoded(edit)
        if new is None or (alike and _DIGIT.search(edit.replacement)):
            return asked, verdict
        start = len(text[: edit.start].encode(self.codec))
        end = start + len(text[edit.start : edit.end].encode(self.codec))
        fate = asked._replace(kind=ONE_EDIT, start=start, end=end, replacement=new)
        if alike and _DIGIT.search(verdict.result):  # others have other digits there
            fate = fate._replace(settled=False)
        return fate, verdict

    def _same_for_all(self, text: str) -> bool:
        """Whether the address is read the same whatever the values of its digits."""
        if not _DIGIT.search(text):
            return True
        if self.spread or not _PLAIN_ADDRESS.fullmatch(text):
            return False
        plain = re.sub(r"\d", "0", text)
        return not self._exceptions.search(plain)

    def encoded(self, edit: Edit) -> bytes | None:
        """What an edit writes; None where it would need quotes."""
        new = edit.replacement.encode(self.codec)
        return None if any(mark in new for mark in self._breaks) else new

    def carry_out(self, verdict: Verdict, *, alike: bool = False) -> None:
        """Note what a verdict hides and leaves, once it is applied: a cell of a row that turns out
        to be no data is judged under its column too, and to no effect. Raises Unstreamable."""
        if verdict.several:
            raise Unstreamable
        while verdict.hidden:
            value, entity = verdict.hidden.pop()
            if alike:  # one for many: which numbers stand in the others is not known
                self.tally.forms.add(zeros(fold(value)), entity)
            else:
                self.tally.remember(value, entity)
        while verdict.text:
            verdict.text.pop()
            if self.hidden is None:
                self.tally.keep(verdict.result)
            else:
                self.hidden.refuse(verdict.result)

    def count(self, verdict: Verdict, times: int = 1) -> None:
        """Add up what a verdict found and changed."""
        self.tally.changed += len(verdict.edits) * times
        for entity in verdict.entities if times else ():
            self.tally.found[entity] += times


def _cut_to_its_end(text: str, fate: Fate, verdict: Verdict) -> int | None:
    """Where what is hidden begins, if an address is cut in front of its first digit to its end and
    nothing else is found in it; else None."""
    if fate.kind != ONE_EDIT or len(verdict.hidden) != 1 or len(verdict.entities) != 1:
        return None
    if fate.young or fate.digits or fate.vote or not fate.hits:
        return None
    (edit,), ((hidden, _),) = verdict.edits, verdict.hidden
    first = len(text) - len(hidden)
    if edit.end != len(text) or not text.endswith(hidden):
        return None
    return None if _DIGIT.search(text[: max(edit.start, first)]) else first


def is_long(text: str) -> bool:
    """Whether five digits stand in a row: no header has that."""
    return bool(LONG_DIGITS.search(fold(text)))


def shows_more(text: str) -> bool:
    """Whether an ID number that somebody masked before shows more than the division: how many
    numbers fit what is left of the row is not counted here."""
    folded = fold(text)
    if not STAR_LIKE.search(folded) and not _CROSSES.search(folded):
        return False
    plain = STAR_LIKE.sub("*", folded)
    tokens = (match.group() for match in _MASKED_ID.finditer(plain))
    return any(sum(char.isdigit() for char in token) > _SHOWN for token in tokens)


def marks_of(text: str) -> int:
    """What a cell says of its row."""
    return LONG * is_long(text) | ODD * is_odd(text)


VOTES = {"id": 1, "idlike": 1, "mobile": 2, "landline": 2, "card": 3, "address": 4}
"""Shapes that make a column, by what they make of it."""


def votes(label: Label) -> bool:
    """Whether the values of a column under that label may make it one of an entity."""
    return not (label.entity or label.agency or label.public)


def is_odd(text: str) -> bool:
    """Whether a row with this cell might be a total, a note or a form."""
    return bool(_ODD.search(text)) or not text.strip()


def digit_cell(text: str) -> int:
    """How many characters a cell of a few digits has, 0 for others: an ID number may be written over
    several such cells."""
    folded = fold(text)
    if len(folded) > 60 or not tables._DIGIT_CELL.fullmatch(folded):
        return 0
    return len(folded.strip())


@cache
def digit_exceptions() -> Sequence[str]:
    """Names of villages and divisions with digits in them, the digits as zeros."""
    names = [row[0] for row in load_rows("address_exceptions")]
    divisions = _rows()[1]
    if re.search(r"\d", "".join(divisions)):  # no division's name has a digit, as it stands
        names += divisions
    return [re.sub(r"\d", "0", name) for name in names if re.search(r"\d", name)]


Minors = Mapping[int, list[Finding]]
