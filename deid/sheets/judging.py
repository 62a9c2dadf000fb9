"""Cells of a workbook told by the column: which verdict of the exact path belongs to each.

A verdict is a number: one for all clean ID numbers, one for each distinct text that the exact path
was asked about. Flags of every verdict say what the rows are judged by.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deid import minors, tables, vector
from deid.address import skeleton
from deid.columns import shape
from deid.entities import load_entities
from deid.fields import NO_LABEL, exact_label, normal
from deid.formats.xlsx_sheet import (
    EditKey,
    edit_key,
)
from deid.mask import apply_edits, edits_for
from deid.model import Edit, Finding
from deid.policy import Policy
from deid.prose import merge
from deid.rows import LONG_DIGITS, TOTAL, footers, is_signed
from deid.scan import Setting, scan
from deid.sheets.hidden import Hidden, Spans, clashes, long_runs
from deid.sheets.markup import Odd
from deid.stream.memories import Fate, Memory
from deid.stream.verdicts import ID_ENTITIES, digit_exceptions, shows_more
from deid.text import fold
from deid.vector import Bytes, Flags, Places

_REMEMBERED = 50_000
"""Distinct texts of one setting that are told by their words; more than that cost more to note."""
KNOWN = 200_000
"""Distinct texts of one setting that are remembered."""


@dataclass(slots=True)
class Verdict:
    """What becomes of every cell that has this verdict."""

    text: str
    edits: tuple[Edit, ...]
    entities: tuple[str, ...]
    alike: bool = False
    start: int = 0
    end: int = 0
    new: bytes = b""
    single: bool = False
    hidden: tuple[tuple[str, str], ...] = ()
    kept: tuple[str, ...] = ()
    spared: Spans = ()
    """Where names stand that minors have elsewhere, and adults here."""


EMPTY, QUIET, _NUMBERS = 0, 1, 2
"""Verdicts that need no text: no cell; a text without anything to tell; up to nine digits (the
verdict says how many, where there is nothing else in the cell)."""
FIRST = 12
_BY_DIGITS = -2
"""Texts alike but for their digits that the digits tell apart."""
FLAGS = [
    "long",
    "strong",
    "total",
    "signed",
    "marked",
    "blank",
    "digits",
    "young",
    "hits",
    "vote",
    "changes",
    "key",
    "adult",
]
(
    LONG,
    STRONG,
    TOTALS,
    SIGNED,
    MARKED,
    BLANK,
    DIGITS,
    YOUNG,
    HITS,
    VOTE,
    CHANGES,
    KEY,
    ADULT,
) = range(13)


_ANY_DIGIT = re.compile("[0-9]")
_ZERO = bytes(48 if 48 <= code < 58 else code for code in range(256))
_PLAIN_ADDRESS = re.compile(
    "(?:[\u4e00-\u5c80\u5c82-\u5e73\u5e75-\u9fff]|(?<![0-9])[0-9]{1,4}(?![0-9]))*"
)
_MASKED = re.compile(rb"[0-9]{0,6}[*]{6,}")
"""What a mask leaves: its verdict does not depend on the digits."""
_PLAIN_NEW = re.compile(rb"[^&<>_\x00-\x1f]*")
_CHECKS: Mapping[str, Callable[[Bytes, Places, Places], Flags]] = {
    "CN_RESIDENT_ID": vector.resident_ids,
    "CN_MOBILE": vector.mobiles,
    "CN_BANK_CARD": vector.cards,
}
_LENGTHS = {"CN_RESIDENT_ID": (18,), "CN_MOBILE": (11,), "CN_BANK_CARD": (16, 17, 19)}
_ALIKE = frozenset(("generalize_address", "mask", "redact", "replace", "keep"))


_DIGIT_FREE = np.array([48 if 48 <= code < 58 else code for code in range(256)], np.uint8)


def _alike(source: Bytes, starts: Places, ends: Places, first: int, size: int) -> Flags:
    """Which cells read as the one at ``first``, but for the values of their digits."""
    view: Any = np.ndarray((len(source) - size,), f"V{size}", source, strides=(1,))
    cells = _DIGIT_FREE[np.frombuffer(view[starts].tobytes(), np.uint8).reshape(-1, size)]
    wanted = _DIGIT_FREE[source[first : first + size]]
    found: Flags = (ends - starts == size) & (cells == wanted).all(axis=1)
    return found


@dataclass(slots=True)
class _Remembered:
    """What is known of texts on one day: the verdict of each, by setting; those of addresses that
    stand for all of their form; those of single cells with their findings."""

    known: dict[Setting, dict[bytes, int]] = field(default_factory=dict)
    memories: dict[Setting, Memory] = field(default_factory=dict)
    models: dict[Setting, dict[str, Verdict]] = field(default_factory=dict)
    special: dict[tuple[str, tuple[Finding, ...], Spans], int] = field(default_factory=dict)


class Judge:
    """Cells -> verdicts. ``before``: what an earlier pass hid; it is hidden here too."""

    def __init__(self, policy: Policy, day: datetime.date, before: Hidden | None) -> None:
        self.policy = policy
        self._days: dict[datetime.date, _Remembered] = {}
        self.turn_to(day)
        self.begin(before)
        self.verdicts: list[Verdict] = [Verdict("", (), ())] * FIRST
        self._rows: list[tuple[int, ...]] = [self._quiet_flags(number) for number in range(FIRST)]
        self._table = np.zeros((len(FLAGS), 1024), np.int64)
        self._tabled = 0
        self._keys: dict[EditKey, int] = {(): 0}
        self._clean: dict[tuple[str, int, bool, int], int] = {}
        names = sorted(set(digit_exceptions()))
        self._exceptions = re.compile("|".join(map(re.escape, names)) or "(?!)")
        self._cuts = set(policy.specs.get("CN_ADDRESS", ())) == {"generalize_address"} and (
            load_entities()["CN_ADDRESS"].column is None
        )

    @staticmethod
    def _quiet_flags(number: int) -> tuple[int, ...]:
        flags = [0] * len(FLAGS)
        digits = number - _NUMBERS
        flags[DIGITS] = max(digits, 0)
        flags[LONG] = int(digits >= 5)
        return tuple(flags)

    def table(self) -> Places:
        """The flags of all verdicts, a line for each flag."""
        done, count = self._tabled, len(self._rows)
        if done < count:
            if count > self._table.shape[1]:
                more = np.zeros((len(FLAGS), count), np.int64)
                self._table = np.concatenate([self._table, more], axis=1)
            self._table[:, done:count] = np.array(self._rows[done:], np.int64).T
            self._tabled = count
        return self._table[:, :count]

    def is_clean(self) -> Flags:
        """Of each verdict whether it is one of clean numbers."""
        found = np.zeros(len(self.verdicts), bool)
        found[list(self._clean.values())] = True
        return found

    def key_edits(self) -> list[EditKey]:
        """What the edits of each key are."""
        return list(self._keys)

    def turn_to(self, day: datetime.date) -> None:
        """Another day counts from here on."""
        self.day = day
        self._now = self._days.setdefault(day, _Remembered())

    def begin(self, before: Hidden | None, spared: Collection[str] = ()) -> None:
        """Begin another pass; what is known of texts stays known.

        ``spared``: names that minors have and adults kept, which may be met again.
        """
        self.before, self.spared = before, spared
        self.hidden = Hidden()
        self.kept: set[str] = set()
        self.watch: set[bytes] = set()
        self.quiet_texts: set[str] = set()
        self.forgot = False
        self.namesakes: set[int] = set()
        """Verdicts of texts with a name that is a minor's in another row."""

    # -------------------------------------------------------------------------------- whole columns

    def tell(
        self,
        source: Bytes,
        data: bytes,
        spans: tuple[Places, Places],
        setting: Setting,
        plain: Flags,
        text: Callable[[int], str],
    ) -> Places:
        """The verdict of each cell; ``text`` gives that of a cell that is not ``plain``."""
        starts, ends = spans
        out = np.full(len(starts), -1, np.int64)
        out[plain & (ends == starts)] = EMPTY
        entity = setting.label.entity
        if self._checks(setting):
            self._tell_clean(source, data, spans, entity, plain, out)
        elif self._is_open(setting):
            self._tell_numbers(source, spans, setting, plain, out, data)
        left = np.flatnonzero(out < 0)
        while len(left) and self._checks(setting):
            first, last = int(starts[left[0]]), int(ends[left[0]])
            if not plain[left[0]] or not _MASKED.fullmatch(data, first, last) or last - first > 24:
                break
            same = _alike(source, starts[left], ends[left], first, last - first) & plain[left]
            verdict = self._ask(data, spans, setting, plain, text, left[:1].tolist())
            out[left[same]] = verdict[0]
            left = left[~same]
        left = self._recall(source, data, spans, setting, plain, text, left, out)
        if len(left):
            out[left] = self._ask(data, spans, setting, plain, text, left.tolist())
        return out

    def _recall(
        self, source: Bytes, data: bytes, spans: tuple[Places, Places], setting: Setting,
        plain: Flags, text: Callable[[int], str], left: Places, out: Places,
    ) -> Places:  # fmt: skip
        """Fill in the verdicts of texts like those seen before; what is left to be asked for."""
        if len(left) < 256:
            return left
        alike = setting.label.entity == "CN_ADDRESS" and self._addresses_alike()
        memory = self._now.memories.setdefault(setting, Memory(alike=alike))
        starts, ends = spans
        fits = left[plain[left] & (ends[left] - starts[left] <= vector.WIDEST)]
        if not len(fits) or len(memory) > _REMEMBERED:
            return left
        words = memory.key(source, starts[fits], (ends - starts)[fits])
        known = memory.find(words)
        unknown = np.flatnonzero(known < 0)
        if len(unknown):
            firsts, lasts = starts[fits[unknown]].tolist(), ends[fits[unknown]].tolist()
            known_here = self._known_of(setting)

            def judge(at: int) -> Fate:
                raw = data[firsts[at] : lasts[at]]
                verdict = self._verdict_of(raw, setting, alike)
                own = alike and known_here.get(raw.translate(_ZERO)) == _BY_DIGITS
                return Fate(_BY_DIGITS if own else verdict)

            fresh = words.some(unknown)
            memory.learn(fresh, judge)
            known[unknown] = memory.find(fresh)
        told = memory.fate("kind", np.maximum(known, 0))
        told[known < 0] = -1
        out[fits] = np.maximum(told, -1)
        return left[out[left] < 0]

    def _checks(self, setting: Setting) -> bool:
        entity = setting.label.entity
        if entity not in _CHECKS or not setting.people or setting.label.agency:
            return False
        return all(self._hidden_part(entity, size) is not None for size in _LENGTHS[entity])

    def _hidden_part(self, entity: str, size: int) -> tuple[int, int] | None:
        """Which of ``size`` digits the policy's mask hides, where that depends on no value."""
        if not self.policy.hides(entity):
            return 0, 0
        if "mask" not in self.policy.specs[entity]:
            return None
        masked = self.policy.operators[entity]("1" * size)
        first, last = masked.find("*"), masked.rfind("*") + 1
        fine = set(masked[first:last]) == {"*"} and 0 <= first < 7 and len(masked) == size
        return (first, last) if fine else None

    @staticmethod
    def _is_open(setting: Setting) -> bool:
        """Whether a short number says nothing under that header."""
        entity = load_entities().get(setting.label.entity)
        if setting.label.agency:
            return True
        if setting.label.entity in ("AGE", "BIRTH_DATE"):
            return False
        return not setting.record and (
            not setting.label.entity
            or (
                setting.label.entity in ("SEX", "HEALTH", "DISABILITY", "POVERTY_CAUSE", "PERSON")
                and (entity is None or entity.column is None)
            )
        )

    def _tell_clean(
        self, source: Bytes, data: bytes, spans: tuple[Places, Places], entity: str, plain: Flags,
        out: Places,
    ) -> None:  # fmt: skip
        starts, ends = spans
        clean = _CHECKS[entity](source, starts, ends) & plain
        young = np.zeros(len(starts), bool)
        if entity == "CN_RESIDENT_ID":
            _, date = vector.births(source, starts + 6)
            limit = self.day.year * 10000 + self.day.month * 100 + self.day.day - 180000
            young = date > limit
        letter = (source[np.maximum(ends - 1, 0)] | 32) == 120
        for size in _LENGTHS[entity]:
            those = clean & (ends - starts == size)
            for minor in (False, True):
                for ends_in_x in (False, True):
                    chosen = those & (young == minor) & (letter == ends_in_x)
                    if chosen.any():
                        digits = size if size < 18 or ends_in_x else 0
                        out[chosen] = self._clean_verdict(entity, size, minor, digits)
        if self.watch:
            for at in np.flatnonzero(clean).tolist():
                if data[starts[at] : ends[at]].upper() in self.watch:
                    raise Odd

    def _clean_verdict(self, entity: str, size: int, young: bool, digits: int) -> int:
        key = (entity, size, young, digits)
        if key not in self._clean:
            part = self._hidden_part(entity, size)
            assert part
            first, last = part
            edits = (Edit("", first, last, "*" * (last - first)),) if last else ()
            flags = [0] * len(FLAGS)
            flags[LONG], flags[YOUNG], flags[VOTE] = 1, int(young), 1
            flags[DIGITS] = digits if digits < 19 else 0
            flags[ADULT] = int(entity == "CN_RESIDENT_ID" and not young)
            verdict = Verdict("", edits, (entity,), alike=True)
            self._clean[key] = self._add(verdict, flags, hits=self.policy.hides(entity))
        return self._clean[key]

    def _tell_numbers(
        self, source: Bytes, spans: tuple[Places, Places], setting: Setting, plain: Flags,
        out: Places, data: bytes,
    ) -> None:  # fmt: skip
        starts, ends = spans
        quiet, digits = vector.numbers(source, starts, ends)
        quiet &= plain & (digits > 0) & (out < 0)
        quiet &= source[np.maximum(ends - 1, 0)] != 58
        whole = np.where(digits == ends - starts, digits, 0)
        out[quiet] = _NUMBERS + whole[quiet]
        if self.before and self.before.numbers:
            for at in np.flatnonzero(quiet & (digits >= 7)).tolist():
                text = data[starts[at] : ends[at]].decode()
                if int("".join(filter(str.isdigit, text))) in self.before.numbers:
                    raise Odd

    def _ask(
        self, data: bytes, spans: tuple[Places, Places], setting: Setting, plain: Flags,
        text: Callable[[int], str], left: list[int],
    ) -> list[int]:  # fmt: skip
        """The verdicts of texts, each asked for once."""
        cells = zip(spans[0][left].tolist(), spans[1][left].tolist(), left, strict=True)
        alike = setting.label.entity == "CN_ADDRESS" and self._addresses_alike()
        self._known_of(setting)
        return [
            self._verdict_of(data[start:end] if fine else text(at).encode(), setting, alike)
            for (start, end, at), fine in zip(cells, plain[left].tolist(), strict=True)
        ]

    def _known_of(self, setting: Setting) -> dict[bytes, int]:
        """The verdicts of texts under that setting."""
        known = self._now.known.setdefault(setting, {})
        if len(known) > KNOWN:
            known.clear()
            self.forgot = True
        return known

    def _verdict_of(self, raw: bytes, setting: Setting, alike: bool) -> int:
        known = self._now.known[setting]
        key = raw
        if alike or (_MASKED.fullmatch(raw) and self._checks(setting)):
            key = raw.translate(_ZERO)
        verdict = known.get(key, -1)
        return verdict if verdict >= 0 else self._first_seen(raw, key, setting, alike, known)

    def _first_seen(
        self, raw: bytes, key: bytes, setting: Setting, alike: bool, known: dict[bytes, int]
    ) -> int:
        """The verdict of a text that was not asked for before, or not in this spelling."""
        verdict = known.get(key, -1)
        shown = raw.decode()
        if verdict == -1:
            if alike and self._same_for_all(shown):
                verdict = self._by_skeleton(shown, setting)
            elif not alike or b"0" not in key:
                verdict = self._judge(shown, scan(shown, setting), setting, False)
            else:
                verdict = _BY_DIGITS
            known[key] = verdict
        if verdict == _BY_DIGITS:
            verdict = known.get(b"=" + raw, -1)
            if verdict < 0:
                verdict = self._judge(shown, scan(shown, setting), setting, False)
                known[b"=" + raw] = verdict
        return verdict

    def _by_skeleton(self, text: str, setting: Setting) -> int:
        """The verdict of an address; one scan for all that differ in the size of their numbers."""
        bones = skeleton(text) if self._cuts and not self.before else ""
        models = self._now.models.setdefault(setting, {})
        model = models.get(bones) if bones else None
        if model:
            return self._like(model, text)
        verdict = self._judge(text, scan(text, setting), setting, True)
        if bones and verdict >= FIRST and self._may_be_model(verdict):
            models[bones] = self.verdicts[verdict]
        return verdict

    def _may_be_model(self, number: int) -> bool:
        """Whether the verdict cuts a text from in front of its first digit to its end, no more."""
        verdict, row = self.verdicts[number], self._rows[number]
        if len(verdict.edits) != 1 or len(verdict.hidden) != 1 or verdict.kept:
            return False
        text, edit, hidden = verdict.text, verdict.edits[0], verdict.hidden[0][0]
        if any(flag for at, flag in enumerate(row) if at not in (HITS, CHANGES, KEY)):
            return False
        kept = text[: edit.start] + text[: len(text) - len(hidden)]
        return edit.end == len(text) and text.endswith(hidden) and not _ANY_DIGIT.search(kept)

    def _like(self, model: Verdict, text: str) -> int:
        """The verdict of a text with the skeleton of another."""
        edit, (hidden, entity) = model.edits[0], model.hidden[0]
        edits = (Edit(edit.place, edit.start, len(text), edit.replacement),)
        verdict = Verdict(text, edits, model.entities, alike=True)
        verdict.hidden = ((text[len(model.text) - len(hidden) :], entity),)
        return self._add(verdict, [0] * len(FLAGS), hits=True)

    def _addresses_alike(self) -> bool:
        """Whether the policy cuts addresses whatever the numbers in them are."""
        return set(self.policy.specs.get("CN_ADDRESS", {"keep": {}})) <= _ALIKE

    def _same_for_all(self, text: str) -> bool:
        if not _PLAIN_ADDRESS.fullmatch(text):
            return False
        return not self._exceptions.search(re.sub(r"\d", "0", text))

    # ------------------------------------------------------------------------------------ one cell

    def special(
        self, text: str, findings: Sequence[Finding], setting: Setting, adults: Spans = ()
    ) -> int:
        """The verdict of one cell with these findings; ``adults``: where names stand that stay."""
        if not text:
            return EMPTY
        key = (text, tuple(findings), adults)
        if key not in self._now.special:
            if len(self._now.special) > KNOWN:
                self._now.special.clear()
            self._now.special[key] = self._judge(text, findings, setting, False, adults)
        return self._now.special[key]

    def _judge(
        self, text: str, found: Sequence[Finding], setting: Setting, alike: bool, adults: Spans = ()
    ) -> int:
        findings = merge(list(found))
        edits = edits_for(text, findings, self.policy)
        hidden = [item for item in findings if self.policy.hides(item.entity)]
        entities = [item.entity for item in findings]
        more: list[str] = []
        spared: Spans = ()
        if self.before:
            edits, more, spared = self._propagated(text, edits, adults)
            entities += more
            if clashes(self.before, text, edits, spared):
                raise Odd
        flags = self._text_flags(text, setting)
        left = apply_edits(text, edits)
        if setting.label.entity in ID_ENTITIES and shows_more(left):
            raise Odd
        kept = long_runs(left)
        hits = bool(hidden) or "**" in text
        said = edits or entities or kept or hits or spared
        if not said and not any(flags):
            self.quiet_texts.add(text)
            if len(self.quiet_texts) > KNOWN:
                self.quiet_texts.clear()
                self.forgot = True
            return QUIET
        verdict = Verdict(text, tuple(edits), tuple(entities), alike, kept=kept, spared=spared)
        verdict.hidden = tuple((text[item.start : item.end], item.entity) for item in hidden)
        number = self._add(verdict, flags, hits=hits)
        if "PERSON" in more:
            self.namesakes.add(number)
        return number

    def _propagated(
        self, text: str, edits: list[Edit], adults: Spans
    ) -> tuple[list[Edit], list[str], Spans]:
        """The edits with those of values that are hidden elsewhere, but for names that stay."""
        assert self.before
        fresh: list[Finding] = []
        spared: list[tuple[int, int]] = []
        for start, end, entity in self.before.find(text):
            if any(edit.start < end and start < edit.end for edit in edits):
                continue
            stays = text[start:end] in self.spared or any(
                a <= start and end <= b for a, b in adults
            )
            if entity == "PERSON" and stays:
                spared.append((start, end))
            else:
                fresh.append(Finding(start, end, entity, 0.9, ""))
        if fresh:
            more = edits_for(text, fresh, self.policy)
            edits = sorted([*edits, *more], key=lambda edit: edit.start)
        return edits, [finding.entity for finding in fresh], tuple(spared)

    def _text_flags(self, text: str, setting: Setting) -> list[int]:
        folded = fold(text)
        first = normal(text)
        flags = [0] * len(FLAGS)
        flags[LONG] = bool(LONG_DIGITS.search(folded))
        flags[STRONG] = len(text) <= 40 and exact_label(text) is not NO_LABEL
        flags[TOTALS] = "计" in first and bool(TOTAL.fullmatch(first))
        flags[SIGNED] = ":" in folded and (text.rstrip().endswith((":", "：")) or is_signed(text))
        flags[MARKED] = first.startswith(footers())
        flags[BLANK] = not text.strip()
        if tables._DIGIT_CELL.fullmatch(folded):
            flags[DIGITS] = len(folded.strip())
        if setting.label.entity in minors.FEATURES:
            flags[YOUNG] = minors.may_be_young(text, setting.label.entity, self.day)
        label = setting.label
        if not (label.entity or label.agency or label.public):
            flags[VOTE] = shape(text) not in ("", "name")
        return [int(flag) for flag in flags]

    def used(self, number: int) -> Verdict:
        """The verdict of that number, of which some cell made use."""
        verdict = self.verdicts[number]
        for value, entity in verdict.hidden:
            self.hidden.add(value, entity, alike=verdict.alike)
        self.kept.update(verdict.kept)
        if len(self.kept) > KNOWN:
            raise Odd
        return verdict

    def _add(self, verdict: Verdict, flags: list[int], *, hits: bool) -> int:
        if len(verdict.edits) == 1:
            (edit,) = verdict.edits
            verdict.start = len(verdict.text[: edit.start].encode()) if verdict.text else edit.start
            verdict.end = len(verdict.text[: edit.end].encode()) if verdict.text else edit.end
            verdict.new = edit.replacement.encode()
            verdict.single = bool(_PLAIN_NEW.fullmatch(verdict.new))
        flags[HITS], flags[CHANGES] = int(hits), len(verdict.edits)
        flags[KEY] = self._keys.setdefault(edit_key(verdict.edits), len(self._keys))
        self.verdicts.append(verdict)
        self._rows.append(tuple(flags))
        return len(self.verdicts) - 1
