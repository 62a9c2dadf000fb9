"""Large workbooks, masked and verified by the column: what the exact path makes, a hundred times as fast.

Cells are told as numbers of verdicts: one for all clean ID numbers, one for each distinct text that
the exact path was asked about. Rows that might not be plain data are judged by the exact path one by
one, windows with a header in them as a whole. Where two passes are needed (a hidden value that stands
elsewhere too), the second one knows what the first one hid. Whatever is out of the ordinary (formulas,
comments between the tags, edits of a sheet's header) makes ``mask_xlsx`` return None.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from deid import tables, vector
from deid.cells import INLINE, NUMBER, OTHER, SHARED, Cells, Odd, SharedStrings, Window
from deid.columns import _TOTAL, NO_BLOCK, Block, Profile, View, _sign, profile_rows, shape
from deid.entities import load_entities
from deid.errors import DeidError
from deid.fields import NO_LABEL, exact_label, markers, normal
from deid.formats.ooxml import (
    Member,
    Package,
    XmlCheck,
    segments_text,
    spliced,
    unescape,
    worth_showing,
    xml_codec,
)
from deid.formats.opc import Parts, member_label
from deid.formats.xlsx import Quick, Workbook, item_splices
from deid.formats.xlsx_sheet import (
    Book,
    EditKey,
    Plan,
    Sheet,
    Strings,
    _merges,
    _plain,
    _retyped,
    edit_key,
    string_segments,
)
from deid.mask import apply_edits, edits_for
from deid.model import READING, Edit, Finding, Remark, Row, Table, Text
from deid.policy import Policy
from deid.prose import merge, scan_texts
from deid.scan import Setting, bare, scan
from deid.tables import WINDOW, features_of, minor_names, own_date
from deid.text import fold
from deid.vector import Bytes, Flags, Places
from deid.verify import Residue

_CACHED = 128 << 20
"""Bytes of a sheet up to which its windows are kept for the next pass."""
_MAX_WIDTH = 512
_MAX_ORPHANS = 20_000
_REMEMBERED = 50_000
"""Distinct texts of one setting that are told by their words; more than that cost more to note."""
_KNOWN = 200_000
"""Distinct texts of one setting that are remembered."""


# ----------------------------------------------------------------------------------- the workbook


class _QuickStrings(Strings):
    """The shared strings as ``SharedStrings`` has them; texts are decoded when asked for."""

    def __init__(self, data: bytes | None) -> None:
        super().__init__(None)
        if data is not None and xml_codec(data) != "utf-8":
            raise Odd
        self.found_all = SharedStrings(data if data is not None else b"<sst></sst>")
        regex = r"<si>(?:<t(?: xml:space=\"preserve\")?>([^<]*)</t>|(.*?))</si>"
        self.regex = re.compile(regex, re.S)
        self.odd: dict[int, str] = {}
        those = np.flatnonzero(~self.found_all.plain)
        if len(those) > 50_000:
            raise Odd
        for number in those.tolist():
            item = self.found_all.item(number)
            if not self.found_all.simple[number]:
                XmlCheck().feed(item.encode(), last=True)
            segments, spoken = string_segments(item, "t")
            if spoken or "<!" in item or "<?" in item:
                raise Odd
            self.odd[number] = segments_text(item, segments)

    def text(self, number: int) -> str:
        """The text of one string."""
        if number in self.odd:
            return self.odd[number]
        those = self.found_all
        return those.data[those.starts[number] : those.ends[number]].decode()

    def show(self, xml: str, key: str, label: str, parts: Parts) -> None:
        """Nothing: strings that no cell uses are refused."""


class _QuickSheet(Sheet):
    """A worksheet whose rows are cut into windows of arrays."""

    def __init__(self, package: Package, member: Member, label: str, book: Book) -> None:
        super().__init__(package, member, label, book)
        self.cells = Cells(book.dates)
        self._by_kind: list[Any] = []
        self._kept: list[Window] | None = [] if member.size <= _CACHED else None
        self._taken = False

    def take(self, other: _QuickSheet) -> None:
        """Use what was read of a sheet with the same bytes."""
        self._kept, self.cells, self._taken = other._kept, other.cells, True
        self.head, self.tail = other.head, other.tail

    def shares(self, other: _QuickSheet) -> bool:
        """Whether the windows are those of the other sheet."""
        return self._taken and self._kept is not None and self._kept is other._kept

    def drop_places(self) -> None:
        """Keep the bytes of the windows only: what is compared after saving."""
        if self._kept is not None:
            self._kept = [window.bare() for window in self._kept]

    def index(self, parts: Parts) -> None:
        """Show what stands around the rows. Nothing is said of the rows here."""
        if self._taken:
            pass
        elif self._kept is not None:
            self._kept = list(self.cells.windows(self._body(), WINDOW))
        else:
            for _ in self._body():
                pass
        if "<!--" in self.head + self.tail or "<![" in self.head + self.tail:
            raise Odd
        check = XmlCheck()
        check.feed((self.head + self.tail).removeprefix("\ufeff").encode(), last=True)
        for kind in ("head", "tail"):
            parts.show_piece(f"{self.member.key}#{kind}", getattr(self, kind), self.label)
        self.merges = tuple(_merges(self.tail))

    def windows(self) -> Iterator[Window]:
        """The rows, 4,096 that hold something at a time."""
        if self._kept is not None:
            yield from self._kept
        else:
            yield from self.cells.windows(self._body(), WINDOW)

    def _body(self) -> Iterator[bytes]:
        """The bytes between ``<sheetData>`` and its end; sets head and tail on the way."""
        pieces = self.package.chunks(self.member)
        buffer = b""
        for piece in pieces:
            buffer += piece
            hit = re.search(rb"<sheetData>", buffer)
            if hit:
                break
            if len(buffer) > 1 << 20:
                raise Odd
        else:
            raise Odd
        self._set_head(buffer[: hit.end()])
        buffer = buffer[hit.end() :]
        while True:
            end = buffer.find(b"</sheetData>")
            if end >= 0:
                break
            yield buffer[:-16]
            piece = next(pieces, b"")
            if not piece:
                raise Odd
            buffer = buffer[-16:] + piece
        if end:
            yield buffer[:end]
        tail = buffer[end:] + b"".join(pieces)
        self.tail = tail.decode()

    def _set_head(self, head: bytes) -> None:
        if not re.match(rb"(?:\xef\xbb\xbf)?(?:<\?xml [^<>]*\?>\s*)?<worksheet[ >]", head):
            raise Odd
        if xml_codec(head) != "utf-8":
            raise Odd
        self.head = head.decode()

    def text(self, window: Window, at: int) -> str:
        """What a cell shows."""
        if window.stored[at] == SHARED:
            strings = self.book.strings
            assert isinstance(strings, _QuickStrings)
            return strings.text(int(window.shared[at]))
        raw = window.data[window.first[at] : window.last[at]].decode()
        info = self._infos_of(int(window.kinds[at]))
        if info.kind == "inlineStr":
            return unescape(raw)
        return self._value(info, unescape(raw, "xml"))

    def _infos_of(self, number: int) -> Any:
        while number >= len(self._by_kind):
            rest = self.cells.kinds[len(self._by_kind)].rest
            self._by_kind.append(self._info(rest.decode()))
        return self._by_kind[number]

    def row(self, window: Window, cells_here: range) -> Row:
        """One row as the exact reader gives it."""
        out: dict[int, str] = {}
        numbers: list[int] = []
        dates: list[int] = []
        for at in cells_here:
            text = self.text(window, at)
            if not text:
                continue
            column = int(window.column[at])
            out[column] = text
            info = self._infos_of(int(window.kinds[at]))
            if info.kind == "n":
                dated = info.is_date and text[:1].isdigit() and not _plain(text)
                (dates if dated else numbers).append(column)
            elif info.kind == "d":
                dates.append(column)
        index = int(window.numbers[window.row[cells_here[0]]])
        return Row(index, out, frozenset(numbers), frozenset(dates))

    def rewritten_cell(self, window: Window, at: int, edits: Sequence[Edit], plan: Plan) -> str:
        """A cell element as the exact path writes it."""
        xml = window.data[window.start[at] : window.end[at]].decode()
        hit = self._patterns.cell.match(xml)
        assert hit
        new = self._edited_cell(xml, self._info(hit[4]), hit, edits, plan)
        assert new is not None
        return new


def _open(stream: BinaryIO, like: Workbook | None = None) -> Workbook:
    """A workbook. Sheets whose packed bytes are those of a sheet of ``like`` are not cut again."""
    known = {} if like is None else {sheet.member.key: sheet for sheet in like.sheets}

    def sheet(package: Package, member: Member, label: str, book: Book) -> Sheet:
        fresh, old = _QuickSheet(package, member, label, book), known.get(member.key)
        if isinstance(old, _QuickSheet) and _same_packed(old, fresh):
            fresh.take(old)
        return fresh

    return Workbook(stream, quick=Quick(_QuickStrings, sheet))


def _same_packed(old: _QuickSheet, new: _QuickSheet) -> bool:
    """Whether the two lie in their files byte for byte alike, to be unpacked alike."""
    a, b = old.member, new.member
    if (a.packed, a.size, a.crc) != (b.packed, b.size, b.crc):
        return False
    if a.info.compress_type != b.info.compress_type or old.book.dates != new.book.dates:
        return False
    pairs = zip(old.package.packed(a), new.package.packed(b), strict=True)
    return all(one == other for one, other in pairs)


# ----------------------------------------------------------------------------------- the verdicts


@dataclass(slots=True)
class _Verdict:
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


_EMPTY, _QUIET, _NUMBERS = 0, 1, 2
"""Verdicts that need no text: no cell; a text without anything to tell; up to nine digits (the
verdict says how many, where there is nothing else in the cell)."""
_FIRST = 12
_BY_DIGITS = -2
"""Texts alike but for their digits that the digits tell apart."""
_FLAGS = [
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
]
(
    _LONG,
    _STRONG,
    _TOTALS,
    _SIGNED,
    _MARKED,
    _BLANK,
    _DIGITS,
    _YOUNG,
    _HITS,
    _VOTE,
    _CHANGES,
    _KEY,
) = range(12)


@dataclass(slots=True)
class Tally:
    """What the passes over a workbook found."""

    found: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    columns: dict[tuple[str, int, Profile], int] = field(default_factory=dict)


class _Hidden:
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
_QUIET_HAN = re.compile(f"(?:(?![{_LOUD}])[\u4e00-\u9fff]){{1,9}}")
_LONG_DIGITS = re.compile(r"\d{5}")
_ALNUM = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[0-9A-Z]{7,}")
_SIX = re.compile(r"[0-9]{6}")
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


class _Judge:
    """Cells -> verdicts. ``before``: what an earlier pass hid; it is hidden here too."""

    def __init__(self, policy: Policy, day: datetime.date, before: _Hidden | None) -> None:
        self.policy, self.day, self.before = policy, day, before
        self.hidden = _Hidden()
        self.kept: set[str] = set()
        self.watch: set[bytes] = set()
        self.verdicts: list[_Verdict] = [_Verdict("", (), ())] * _FIRST
        self.forgot = False
        self._rows: list[tuple[int, ...]] = [self._quiet_flags(number) for number in range(_FIRST)]
        self._table = np.zeros((0, len(_FLAGS)), np.int64)
        self._keys: dict[EditKey, int] = {(): 0}
        self._known: dict[Setting, dict[bytes, int]] = {}
        self._memories: dict[Setting, vector.Memory] = {}
        self._clean: dict[tuple[str, int, bool, int], int] = {}
        self._special: dict[tuple[str, tuple[Finding, ...]], int] = {}
        self.quiet_texts: set[str] = set()
        self._exceptions = _digit_exceptions()

    @staticmethod
    def _quiet_flags(number: int) -> tuple[int, ...]:
        flags = [0] * len(_FLAGS)
        digits = number - _NUMBERS
        flags[_DIGITS] = max(digits, 0)
        flags[_LONG] = int(digits >= 5)
        return tuple(flags)

    def table(self) -> Places:
        """The flags of all verdicts, a line each."""
        if len(self._table) < len(self._rows):
            fresh = np.array(self._rows[len(self._table) :], np.int64)
            self._table = np.concatenate([self._table, fresh])
        return self._table

    def key_edits(self) -> list[EditKey]:
        """What the edits of each key are."""
        return list(self._keys)

    def forget(self, day: datetime.date) -> None:
        """Another day counts from here on."""
        self.day = day
        self._known.clear()
        self._memories.clear()
        self._clean.clear()
        self._special.clear()

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
        out[plain & (ends == starts)] = _EMPTY
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
        memory = self._memories.setdefault(setting, vector.Memory(alike=alike))
        starts, ends = spans
        fits = left[plain[left] & (ends[left] - starts[left] <= vector.WIDEST)]
        if not len(fits) or len(memory) > _REMEMBERED:
            return left
        words = memory.key(source, starts[fits], ends[fits])
        known = memory.find(words)
        unknown = np.flatnonzero(known < 0)
        if len(unknown):

            def judge(at: int) -> vector.Fate:
                cell = int(fits[unknown[at]])
                verdict = self._ask(data, spans, setting, plain, text, [cell])[0]
                raw = data[starts[cell] : ends[cell]]
                own = self._known[setting].get(raw.translate(_ZERO)) == _BY_DIGITS
                return vector.Fate(_BY_DIGITS if alike and own else verdict)

            known[unknown] = memory.learn(words[unknown], judge)
        told = np.where(known >= 0, memory.fates(np.maximum(known, 0))[:, 0], -1)
        out[fits] = told
        out[fits[told < 0]] = -1
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
            flags = [0] * len(_FLAGS)
            flags[_LONG], flags[_YOUNG], flags[_VOTE] = 1, int(young), 1
            flags[_DIGITS] = digits if digits < 19 else 0
            verdict = _Verdict("", edits, (entity,), alike=True)
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
        known = self._known.setdefault(setting, {})
        if len(known) > _KNOWN:
            known.clear()
            self.forgot = True
        cells = zip(spans[0][left].tolist(), spans[1][left].tolist(), left, strict=True)
        raws = [
            data[start:end] if fine else text(at).encode()
            for (start, end, at), fine in zip(cells, plain[left].tolist(), strict=True)
        ]
        alike = setting.label.entity == "CN_ADDRESS" and self._addresses_alike()
        keys = raws
        if alike:
            keys = [raw.translate(_ZERO) for raw in raws]
        elif self._checks(setting):
            keys = [raw.translate(_ZERO) if _MASKED.fullmatch(raw) else raw for raw in raws]
        out = [known.get(key, -1) for key in keys]
        if min(out) >= 0:
            return out
        for at, verdict in enumerate(out):
            if verdict < 0:
                out[at] = self._first_seen(raws[at], keys[at], setting, alike, known)
        return out

    def _first_seen(
        self, raw: bytes, key: bytes, setting: Setting, alike: bool, known: dict[bytes, int]
    ) -> int:
        """The verdict of a text that was not asked for before, or not in this spelling."""
        verdict = known.get(key, -1)
        shown = raw.decode()
        if verdict == -1:
            same = alike and self._same_for_all(shown)
            if same or not alike:
                verdict = self._judge(shown, scan(shown, setting), setting, same)
            else:
                verdict = _BY_DIGITS
            known[key] = verdict
        if verdict == _BY_DIGITS:
            verdict = known.get(b"=" + raw, -1)
            if verdict < 0:
                verdict = self._judge(shown, scan(shown, setting), setting, False)
                known[b"=" + raw] = verdict
        return verdict

    def _addresses_alike(self) -> bool:
        """Whether the policy cuts addresses whatever the numbers in them are."""
        return set(self.policy.specs.get("CN_ADDRESS", {"keep": {}})) <= _ALIKE

    def _same_for_all(self, text: str) -> bool:
        if not _PLAIN_ADDRESS.fullmatch(text):
            return False
        zeros = re.sub(r"\d", "0", text)
        return not any(name in zeros for name in self._exceptions)

    # ------------------------------------------------------------------------------------ one cell

    def special(self, text: str, findings: Sequence[Finding], setting: Setting) -> int:
        """The verdict of one cell with these findings."""
        if not text:
            return _EMPTY
        key = (text, tuple(findings))
        if key not in self._special:
            if len(self._special) > _KNOWN:
                self._special.clear()
            self._special[key] = self._judge(text, findings, setting, False)
        return self._special[key]

    def _judge(self, text: str, found: Sequence[Finding], setting: Setting, alike: bool) -> int:
        findings = merge(list(found))
        edits = edits_for(text, findings, self.policy)
        hidden = [item for item in findings if self.policy.hides(item.entity)]
        entities = [item.entity for item in findings]
        if self.before:
            edits, more = self._propagated(text, edits)
            entities += more
        flags = self._text_flags(text, setting)
        kept = _long_runs(apply_edits(text, edits))
        hits = bool(hidden) or "**" in text
        if not edits and not entities and not any(flags) and not kept and not hits:
            self.quiet_texts.add(text)
            if len(self.quiet_texts) > _KNOWN:
                self.quiet_texts.clear()
                self.forgot = True
            return _QUIET
        verdict = _Verdict(text, tuple(edits), tuple(entities), alike, kept=kept)
        verdict.hidden = tuple((text[item.start : item.end], item.entity) for item in hidden)
        return self._add(verdict, flags, hits=hits)

    def _propagated(self, text: str, edits: list[Edit]) -> tuple[list[Edit], list[str]]:
        """The edits with those of values that are hidden elsewhere."""
        assert self.before
        fresh = [
            Finding(start, end, entity, 0.9, "")
            for start, end, entity in self.before.find(text)
            if not any(edit.start < end and start < edit.end for edit in edits)
        ]
        if not fresh:
            return edits, []
        more = edits_for(text, fresh, self.policy)
        return sorted([*edits, *more], key=lambda edit: edit.start), [f.entity for f in fresh]

    def _text_flags(self, text: str, setting: Setting) -> list[int]:
        folded = fold(text)
        first = normal(text)
        flags = [0] * len(_FLAGS)
        flags[_LONG] = bool(_LONG_DIGITS.search(folded))
        flags[_STRONG] = len(text) <= 40 and exact_label(text) is not NO_LABEL
        flags[_TOTALS] = "计" in first and bool(_TOTAL.fullmatch(first))
        flags[_SIGNED] = ":" in folded and (text.rstrip().endswith((":", "：")) or _sign(text))
        flags[_MARKED] = first.startswith(_footers())
        flags[_BLANK] = not text.strip()
        if tables._DIGIT_CELL.fullmatch(folded):
            flags[_DIGITS] = len(folded.strip())
        if setting.label.entity in tables._FEATURES:
            flags[_YOUNG] = self._is_young(text, setting.label.entity)
        label = setting.label
        if not (label.entity or label.agency or label.public):
            flags[_VOTE] = shape(text) not in ("", "name")
        return [int(flag) for flag in flags]

    def _is_young(self, text: str, entity: str) -> bool:
        values = [text, *tables._NAME_BREAK.split(fold(text))]
        return any(tables._is_minor(fold(value), entity, self.day) for value in values)

    def used(self, number: int) -> _Verdict:
        """The verdict of that number, of which some cell made use."""
        verdict = self.verdicts[number]
        for value, entity in verdict.hidden:
            self.hidden.add(value, entity, alike=verdict.alike)
        self.kept.update(verdict.kept)
        if len(self.kept) > _KNOWN:
            raise Odd
        return verdict

    def _add(self, verdict: _Verdict, flags: list[int], *, hits: bool) -> int:
        if len(verdict.edits) == 1:
            (edit,) = verdict.edits
            verdict.start = len(verdict.text[: edit.start].encode()) if verdict.text else edit.start
            verdict.end = len(verdict.text[: edit.end].encode()) if verdict.text else edit.end
            verdict.new = edit.replacement.encode()
            verdict.single = bool(_PLAIN_NEW.fullmatch(verdict.new))
        flags[_HITS], flags[_CHANGES] = int(hits), len(verdict.edits)
        flags[_KEY] = self._keys.setdefault(edit_key(verdict.edits), len(self._keys))
        self.verdicts.append(verdict)
        self._rows.append(tuple(flags))
        return len(self.verdicts) - 1


@cache
def _footers() -> tuple[str, ...]:
    return tuple(markers("footers"))


def _long_runs(text: str) -> tuple[str, ...]:
    """Long numbers that stay: one of the clean numbers that are hidden may be among them."""
    if len(text) < 11:
        return ()
    folded = fold(text)
    if _SCIENTIFIC.search(folded):
        raise Odd
    plain = "".join(_ALNUM.findall(folded)).upper()
    return tuple(run for run in _RUN.findall(plain) if len(run) >= 11 and _SIX.search(run))


_SCIENTIFIC = re.compile(r"\d[.]\d{5,16}[Ee][+]?\d{1,2}")


def _digit_exceptions() -> list[str]:
    """Names of villages and divisions with digits in them, the digits as zeros."""
    from deid.stream import _digit_exceptions as found

    return found()


# ----------------------------------------------------------------------------------- one pass


@dataclass(slots=True)
class _Own:
    """The verdict of each cell of one window."""

    verdict: Places
    shared: Places


class _Pass:
    """One pass over all sheets of a workbook."""

    def __init__(
        self, book: Workbook, policy: Policy, reference: datetime.date | None,
        before: _Hidden | None = None, watch: set[bytes] | None = None,
    ) -> None:  # fmt: skip
        self.book, self.policy, self.reference = book, policy, reference
        day = reference or datetime.date.today()
        self.judge = _Judge(policy, day, before)
        self.judge.watch = watch or set()
        self.scanner = tables._CellScanner()
        self.tally = Tally()
        self.strings = _strings(book)
        self.size = len(self.strings.found_all)
        self.uses = np.zeros(self.size, np.int32)
        self.key = np.full(self.size, -1, np.int32)
        self.verdict = np.zeros(self.size, np.int32)
        self.differs = np.zeros(self.size, bool)
        self.own: dict[str, list[_Own]] = {}
        self._tables: dict[Setting, Places] = {}
        self._counts = np.zeros(0, np.int64)

    def run(self) -> None:
        """Judge every cell of every sheet."""
        for sheet in self.book.sheets:
            assert isinstance(sheet, _QuickSheet)
            _SheetPass(self, sheet).run()
        self._count()

    def close(self) -> None:
        """Let go of what only judging needs."""
        self._tables.clear()
        self.own.clear()
        self.judge.forget(self.judge.day)

    def count(self, verdicts: Places) -> None:
        """Count cells by their verdict."""
        fresh = np.bincount(verdicts, minlength=len(self._counts))
        fresh[: len(self._counts)] += self._counts
        self._counts = fresh

    def _count(self) -> None:
        for number in np.flatnonzero(self._counts).tolist():
            verdict, times = self.judge.used(number), int(self._counts[number])
            for entity in verdict.entities:
                self.tally.found[entity] += times
            self.tally.changed += len(verdict.edits) * times

    def shared(self, numbers: Places, setting: Setting) -> Places:
        """The verdicts of shared strings under a header."""
        if setting not in self._tables:
            if self.size * (len(self._tables) + 1) > 60_000_000:
                raise Odd
            self._tables[setting] = np.full(self.size, -1, np.int32)
        table = self._tables[setting]
        found = table[numbers]
        if (found < 0).any():
            fresh = np.unique(numbers[found < 0])
            those = self.strings.found_all
            table[fresh] = self.judge.tell(
                those.bytes, those.data, those.spans(fresh), setting,
                those.plain[fresh], lambda at: self.strings.text(int(fresh[at])),
            )  # fmt: skip
            found = table[numbers]
        return found

    def forget(self, day: datetime.date) -> None:
        """Another day counts from here on."""
        self.judge.forget(day)
        self._tables.clear()


def _strings(book: Workbook) -> _QuickStrings:
    strings = book.book.strings
    assert isinstance(strings, _QuickStrings)
    return strings


class _SheetPass:
    """One pass over one sheet: its rows judged, its cells told."""

    def __init__(self, whole: _Pass, sheet: _QuickSheet) -> None:
        self.whole, self.sheet, self.judge = whole, sheet, whole.judge
        self.block = NO_BLOCK
        self.stale = False
        self.reference = whole.reference
        self.in_forms: Mapping[tuple[int, int], list[Finding]] = {}
        self.wide = {
            top for top, left, bottom, right in sheet.merges
            if right - left >= 3 and left <= 1 and top == bottom
        }  # fmt: skip

    def run(self) -> None:
        out = self.whole.own.setdefault(self.sheet.label, [])
        day = self.reference or datetime.date.today()
        if day != self.judge.day:
            self.whole.forget(day)
        for window in self.sheet.windows():
            if len(window.row) and int(window.column.max()) >= _MAX_WIDTH:
                raise Odd
            if len(window.row):
                out.append(self._window(window))

    def _window(self, window: Window) -> _Own:
        self.window = window
        bounds = np.searchsorted(window.row, np.arange(len(window.numbers) + 1))
        self.bounds = bounds.tolist()
        self.full = np.flatnonzero(np.diff(bounds) > 0).tolist()
        special = None
        if self.block is not NO_BLOCK and self._knows_columns(window):
            block = self.block
            told = self._told(window, block)
            if not self._may_widen(told):
                special = self._doubtful(told)
        if special is None:
            block, special = self._judge_all()
            told = self._told(window, block)
        verdicts = self._finish(told, block, special)
        return self._account(window, verdicts)

    def _knows_columns(self, window: Window) -> bool:
        here = np.flatnonzero(np.bincount(window.column)).tolist()
        return all(column in self.block.profiles for column in here)

    def _row(self, at: int) -> Row:
        return self.sheet.row(self.window, range(self.bounds[at], self.bounds[at + 1]))

    def _told(self, window: Window, block: Block) -> Places:
        """The verdict of every cell as one of a plain row."""
        out = np.zeros(len(window.row), np.int64)
        for column in np.flatnonzero(np.bincount(window.column)).tolist():
            setting = tables._setting(View(Row(0, {}), "data", block), column)
            here = np.flatnonzero(window.column == column)
            stored = window.stored[here] == SHARED
            if stored.any():
                out[here[stored]] = self.whole.shared(window.shared[here[stored]], setting)
            local = here[~stored]
            if len(local):
                plain = window.plain[local] & (window.stored[local] != OTHER)
                spans = window.first[local].astype(np.int64), window.last[local].astype(np.int64)

                def text(at: int, those: Places = local) -> str:
                    return self.sheet.text(window, int(those[at]))

                out[local] = self.judge.tell(window.bytes, window.data, spans, setting, plain, text)
        self._check_rows(window, out)
        return out

    def _check_rows(self, window: Window, told: Places) -> None:
        """Every row that has cells must show something: windows are counted by that."""
        shown = np.bincount(window.row, told != _EMPTY, minlength=len(window.numbers))
        if (shown[self.full] == 0).any():
            raise Odd

    # ---------------------------------------------------------------------------------- the rows

    def _may_widen(self, told: Places, *, all_of: bool = False) -> bool:
        """Whether a column that nothing is known of could be told by its values here."""
        window, votes = self.window, self.judge.table()[:, _VOTE]
        for column, profile in self.block.profiles.items():
            label = profile.label
            if label.entity or label.agency or label.public:
                continue
            those = told[window.column == column]
            those = those[those != _EMPTY]
            those = those if all_of else those[:480]
            if len(those) and votes[those].sum() >= 0.2 * min(len(those), 480):
                return True
        return False

    def _doubtful(self, told: Places) -> dict[int, View] | None:
        """The rows that are not plain data, as the exact path judges them; None: judge them all."""
        window, count = self.window, len(self.window.numbers)
        table = self.judge.table()
        met = set(np.nonzero(table[np.flatnonzero(np.bincount(told))])[1].tolist())
        those: Flags = np.not_equal(told, _EMPTY)

        def per_row(name: int) -> Places:
            if name not in met:
                return np.zeros(count, np.int64)
            chosen = (table[told, name] > 0) & those
            return np.bincount(window.row[chosen], minlength=count).astype(np.int64)

        filled = np.bincount(window.row[those], minlength=count).astype(np.int64)
        strong, signed = per_row(_STRONG), per_row(_SIGNED)
        doubtful = (per_row(_TOTALS) > 0) | (per_row(_BLANK) > 0) | (filled <= 1)
        doubtful |= (signed * 2 >= filled) & (signed > 0)
        marked = per_row(_MARKED) > 0
        doubtful |= marked & (filled * 3 <= self.block.width + 2)
        doubtful |= (per_row(_LONG) == 0) & (strong >= 2) & (strong >= 0.4 * filled)
        doubtful |= (strong > 0) & (strong * 2 >= filled - 1)
        doubtful |= self._split(told, table[:, _DIGITS][told], count)
        if self.block.width <= 2:
            doubtful |= strong > 0
        if self.wide:
            doubtful |= np.isin(window.numbers, list(self.wide))
        rows = np.flatnonzero(doubtful & (filled > 0)).tolist()
        if len(rows) * 4 > len(self.full) or (
            len(rows) > 60 and self._may_widen(told, all_of=True)
        ):
            return None
        return self._views(rows)

    def _split(self, told: Places, digits: Places, count: int) -> Flags:
        """Rows in which an ID number is written over cells side by side."""
        window = self.window
        width = int(window.column.max()) + 1
        sizes = np.zeros((count, width), np.int64)
        sizes[window.row, window.column] = digits
        run, cells = np.zeros(count, np.int64), np.zeros(count, np.int64)
        maybe = np.zeros(count, bool)
        for column in range(width):
            here = sizes[:, column] > 0
            run, cells = (run + sizes[:, column]) * here, (cells + 1) * here
            maybe |= (run >= 18) & (cells > 1)
        rows = np.flatnonzero(maybe)
        found = np.zeros(count, bool)
        if len(rows):
            places = np.full((count, width), -1, np.int64)
            places[window.row, window.column] = np.arange(len(window.row))
            found[rows] = self._holds_id(told, places[rows], sizes[rows])
        return found

    def _holds_id(self, told: Places, places: Places, sizes: Places) -> Flags:
        """Rows whose digit cells, joined, hold an ID number that does not fill one cell."""
        count, width = places.shape
        stride = width * 18 + vector.PAD
        joined = np.full((count, stride), 10, np.uint8)
        alone = np.zeros((count, stride), bool)
        at = np.zeros(count, np.int64)
        found = np.zeros(count, bool)
        for column in range(width):
            size = sizes[:, column]
            here = np.flatnonzero(size)
            text, full = self._digit_texts(told, places[here, column])
            found[here] |= full != size[here]
            alone[here, at[here]] = (size[here] == 18) & (full == 18)
            for step in range(18):
                those = here[size[here] > step]
                joined[those, at[those] + step] = text[size[here] > step, step]
            at += np.maximum(size, 1)
        flat = joined.ravel()
        base = np.arange(count) * stride
        for start in range(int(at.max()) - 17):
            hits = vector.resident_ids(flat, base + start, base + start + 18)
            found |= hits & ~alone[:, start]
        return found

    def _digit_texts(self, told: Places, cells: Places) -> tuple[Bytes, Places]:
        """The first 18 bytes of cells and how many they have; -1 where they are not plain."""
        window, those = self.window, self.whole.strings.found_all
        stored = window.stored[cells] == SHARED
        text = np.zeros((len(cells), 18), np.uint8)
        size = np.full(len(cells), -1, np.int64)
        numbers = window.shared[cells[stored]]
        local = cells[~stored]
        spans = (
            (stored, those.bytes, *those.spans(numbers), those.plain[numbers]),
            (~stored, window.bytes, window.first[local], window.last[local], window.plain[local]),
        )
        for chosen, source, starts, ends, plain in spans:
            if len(starts):
                view: Any = np.ndarray((len(source) - 18,), "V18", source, strides=(1,))
                text[chosen] = np.frombuffer(view[starts].tobytes(), np.uint8).reshape(-1, 18)
                size[chosen] = np.where(plain, ends - starts, -1)
        return text, size

    def _views(self, rows: list[int]) -> dict[int, View] | None:
        views = {}
        for at in rows:
            row = self._row(at)
            (view,), _ = profile_rows([row], self.sheet.merges, self.block)
            if view.zone == "header":
                return None
            if view.zone != "data" or tables.split_ids(row):
                views[at] = View(view.row, view.zone, self.block, view.labels)
        self._date(list(views.values()))
        return views

    def _judge_all(self) -> tuple[Block, dict[int, View]]:
        rows = [self._row(at) for at in self.full]
        if any(not row.cells for row in rows):
            raise Odd
        views, self.block = profile_rows(rows, self.sheet.merges, self.block)
        self._date(views)
        blocks = Counter(id(view.block) for view in views if view.zone == "data")
        main = max(blocks, key=blocks.__getitem__, default=0)
        block = next((view.block for view in views if id(view.block) == main), NO_BLOCK)
        return block, {
            at: view
            for at, view in zip(self.full, views, strict=True)
            if view.zone != "data" or view.block is not block or tables.split_ids(view.row)
        }

    def _date(self, views: Sequence[View]) -> None:
        self.reference = self.reference or own_date(
            text
            for view in views
            if view.zone in ("note", "title")
            for text in view.row.cells.values()
        )
        day = self.reference or datetime.date.today()
        if day != self.judge.day:
            self.whole.forget(day)
            self.stale = True
        self.in_forms = tables.form_minors(tables._form_values(views), day)

    # --------------------------------------------------------------------------------- the cells

    def _finish(self, told: Places, block: Block, special: dict[int, View]) -> Places:
        """The verdicts with those of rows that are not plain, and of minors' names."""
        if self.stale:
            self.stale = False
            told = self._told(self.window, block)
        plain = np.ones(len(self.window.numbers), bool)
        plain[list(special)] = False
        self._minors(told, block, plain)
        self._note(told, block, plain)
        for at, view in special.items():
            self._special_row(told, at, view)
        return told

    def _minors(self, told: Places, block: Block, plain: Flags) -> None:
        window = self.window
        young = self.judge.table()[:, _YOUNG]
        suspects: set[int] = set()
        owned = features_of(block)
        for features in owned.values():
            for profile in features:
                setting = tables._setting(View(Row(0, {}), "data", block), profile.index)
                those = window.column == profile.index
                if setting.label.entity == profile.label.entity:
                    those &= young[told] > 0
                suspects.update(window.row[those].tolist())
        for at in sorted(suspects):
            if not plain[at]:
                continue
            view = View(self._row(at), "data", block)
            for column, more in minor_names(view, self.judge.day).items():
                text = view.row.cells[column]
                setting = tables._setting(view, column)
                found = [*self.whole.scanner(text, setting), *more]
                self._set(told, at, column, self.judge.special(text, found, setting))

    def _set(self, told: Places, at: int, column: int, verdict: int) -> None:
        first, last = self.bounds[at], self.bounds[at + 1]
        told[first + int(np.searchsorted(self.window.column[first:last], column))] = verdict

    def _special_row(self, told: Places, at: int, view: View) -> None:
        table = Table("", lambda: iter(()), lambda row, column: "")
        whole = self.whole
        found = tables._scan_row(table, view, whole.scanner, self.judge.day, self.in_forms)
        for cell in found:
            setting = Setting()
            verdict = self.judge.special(cell.text, cell.findings, setting)
            self._set(told, at, cell.column, verdict)
            if cell.zone == "data" and cell.profile and cell.profile.label is not NO_LABEL:
                hits = self.judge.table()[verdict, _HITS]
                self._add_hits(cell.column, cell.profile, int(hits))

    def _add_hits(self, column: int, profile: Profile, hits: int) -> None:
        key = (self.sheet.label, column, profile)
        columns = self.whole.tally.columns
        columns[key] = columns.get(key, 0) + hits

    def _note(self, told: Places, block: Block, plain: Flags) -> None:
        window = self.window
        hits = self.judge.table()[:, _HITS]
        fine = plain[window.row] & (told != _EMPTY)
        for column in np.flatnonzero(np.bincount(window.column)).tolist():
            profile = block.profiles.get(column)
            if profile is None or profile.label is NO_LABEL:
                continue
            those = told[(window.column == column) & fine]
            if len(those):
                self._add_hits(column, profile, int(hits[those].sum()))

    def _account(self, window: Window, told: Places) -> _Own:
        """Count the cells, and what is wanted of each shared string."""
        whole = self.whole
        whole.count(told)
        keys = self.judge.table()[told, _KEY]
        those = window.stored == SHARED
        numbers, wanted = window.shared[those], keys[those]
        np.add.at(whole.uses, numbers, 1)
        before = whole.key[numbers]
        whole.differs[numbers[(before >= 0) & (before != wanted)]] = True
        whole.key[numbers] = wanted
        whole.verdict[numbers] = told[those]
        whole.differs[numbers[whole.key[numbers] != wanted]] = True
        return _Own(told.astype(np.int32), window.shared)


# ----------------------------------------------------------------------------------- the file


@dataclass(frozen=True, slots=True)
class Masked:
    """A workbook that was masked and verified: counts for the report."""

    format: str
    found: Counter[str]
    changed: int
    columns: dict[tuple[str, int, Profile], int]
    remarks: Sequence[Remark]
    source_sha256: str
    output_sha256: str


def mask_xlsx(source: Path, target: Path, policy: Policy) -> Masked | None:
    """``source`` masked into ``target`` and verified, or None when the exact path has to do it."""
    try:
        with source.open("rb") as stream:
            return _Masking(stream, policy).run(target)
    except (Odd, DeidError, OSError, ValueError):
        return None


class _Masking:
    """One workbook on its way from source to target."""

    def __init__(self, stream: BinaryIO, policy: Policy) -> None:
        self.stream, self.policy = stream, policy
        self.book = _open(stream)
        self.edits: dict[str, list[Edit]] = {}
        self.spans: dict[str, list[_Spans]] = {}
        self.string_spans: list[_Spans] = []

    def run(self, target: Path) -> Masked:
        """Mask, save, verify. Raises Odd."""
        texts = self.texts = _texts(self.book)
        reference = own_date(text.text for text in texts) if len(texts) < 5000 else None
        self.text_hidden = _Hidden()
        found = self._scan_texts(texts, reference)
        done = self._passes(texts, reference, found)
        with target.open("w+b") as writer:
            self._save(done, writer)
            writer.flush()
            os.fsync(writer.fileno())
            _Check(self, done, reference).run(writer)
            digests = _digest(self.stream), _digest(writer)
        for entity, times in found.items():
            done.tally.found[entity] += times
        changed = done.tally.changed + sum(map(len, self.edits.values()))
        found, columns = +done.tally.found, done.tally.columns
        remarks, kind = self.book.remarks, self.book.format
        return Masked(kind, found, changed, columns, remarks, *digests)

    def _scan_texts(self, texts: Sequence[Text], reference: datetime.date | None) -> Counter[str]:
        found: Counter[str] = Counter()
        for item in scan_texts(texts, reference):
            text = item.text
            findings = merge(list(item.findings))
            edits = edits_for(text.text, findings, self.policy, place=text.place, star=text.star)
            if edits:
                self.edits[text.place] = edits
            found.update(finding.entity for finding in findings)
            for finding in findings:
                if self.policy.hides(finding.entity):
                    value = text.text[finding.start : finding.end]
                    self.text_hidden.add(value, finding.entity, alike=False)
        return found

    def _passes(
        self, texts: Sequence[Text], reference: datetime.date | None, found: Counter[str]
    ) -> _Pass:
        first = _Pass(self.book, self.policy, reference)
        first.judge.hidden = self.text_hidden
        first.run()
        hidden = first.judge.hidden
        self.hidden = hidden
        for text in texts:
            if _clashes(hidden, text.text, self.edits.get(text.place, ())):
                raise Odd
            first.judge.kept.update(
                _long_runs(apply_edits(text.text, self.edits.get(text.place, ())))
            )
        self.kept = set(first.judge.kept)
        if not self._needs_more(first):
            return first
        watch = {
            run[at : at + size].encode()
            for run in first.judge.kept
            for size in (11, 16, 17, 18, 19)
            for at in range(len(run) - size + 1)
        }
        if len(watch) > 2_000_000:
            raise Odd
        again = _Pass(self.book, self.policy, reference, hidden, watch)
        again.run()
        return again

    def _needs_more(self, first: _Pass) -> bool:
        """Whether a second pass has to look for hidden values in what stays."""
        judge, hidden = first.judge, first.judge.hidden
        if judge.forgot or judge.kept or hidden.numbers:
            return True
        if hidden.words:
            joined = "\n".join(judge.quiet_texts)
            if any(word in joined for word in hidden.words):
                return True
        return any(
            _clashes(hidden, verdict.text, verdict.edits)
            for verdict in judge.verdicts[_FIRST:]
            if verdict.text
        )

    # ------------------------------------------------------------------------------------- saving

    def _save(self, done: _Pass, writer: BinaryIO) -> None:
        for place in self.edits:
            if not self.book.is_inside(place):
                raise Odd
        in_place, items = self._strings_wanted(done)
        content: dict[str, Any] = {}
        for sheet in self.book.sheets:
            assert isinstance(sheet, _QuickSheet)
            saving = _SheetSaving(self, done, sheet, in_place, items)
            if saving.has_work():
                content[sheet.member.key] = saving.pieces()
        key = self.book.strings_key
        if key and (in_place > 0).any():
            content[key] = self._new_strings(done, in_place)
        self.changed_keys = set(content)
        self.book.save_with(writer, self.edits, content)

    def _strings_wanted(self, done: _Pass) -> tuple[Places, dict[int, str]]:
        """The key of the edit in place of each string, 0 for none; and the items of those that differ by use."""
        keys = np.where(done.differs, 0, done.key)
        in_place = np.maximum(keys, 0)
        items: dict[int, str] = {}
        differing = np.flatnonzero(done.differs)
        if not len(differing):
            return in_place, items
        wanted: dict[int, Counter[int]] = {int(number): Counter() for number in differing}
        table = done.judge.table()[:, _KEY]
        for owns in done.own.values():
            for own in owns:
                those = np.flatnonzero((own.shared >= 0) & done.differs[own.shared])
                for number, verdict in zip(
                    own.shared[those].tolist(), own.verdict[those].tolist(), strict=True
                ):
                    if table[verdict]:
                        wanted[number][int(table[verdict])] += 1
        for number, counts in wanted.items():
            items[number] = done.strings.found_all.item(number)
            if counts and sum(counts.values()) == done.uses[number]:
                in_place[number] = counts.most_common(1)[0][0]
        return in_place, items

    def _new_strings(self, done: _Pass, in_place: Places) -> Iterator[bytes]:
        """The shared strings with all edits in place."""
        those, verdicts = done.strings.found_all, done.judge.verdicts
        starts, plain = those.starts, those.plain
        keys = done.judge.key_edits()
        used = done.verdict
        spans = _Spans(0)
        self.string_spans = [spans]
        numbers = np.flatnonzero(in_place)
        single = np.array([verdict.single for verdict in verdicts], bool)
        begin = np.array([verdict.start for verdict in verdicts], np.int64)
        finish = np.array([verdict.end for verdict in verdicts], np.int64)
        at = 0
        for block in range(0, len(numbers), 32_768):
            here = numbers[block : block + 32_768]
            mine = used[here]
            quick = plain[here] & ~done.differs[here] & single[mine]
            first = np.where(quick, starts[here] + begin[mine], those.open[here]).tolist()
            last = np.where(quick, starts[here] + finish[mine], those.close[here]).tolist()
            news = [verdicts[number].new for number in mine.tolist()]
            for odd in np.flatnonzero(~quick).tolist():
                number = int(here[odd])
                news[odd] = self._edited_string(done, number, keys[int(in_place[number])])
            spans.extend(first, last, news)
            yield _joined(those.data, at, first, last, news)
            at = last[-1]
        yield those.data[at : those.size]

    @staticmethod
    def _edited_string(done: _Pass, number: int, key: EditKey) -> bytes:
        item = done.strings.found_all.item(number)
        hit = done.strings.regex.match(item)
        assert hit
        return spliced(item, item_splices(item, hit, key)).encode()


def _clashes(hidden: _Hidden, text: str, edits: Sequence[Edit]) -> bool:
    """Whether a hidden value stands in a text, outside what is hidden there."""
    places = [*hidden.values.find(text), *hidden.forms.find(_zeros(fold(text)))]
    return any(
        not any(edit.start < end and start < edit.end for edit in edits) for start, end, _ in places
    )


def _texts(book: Workbook) -> list[Text]:
    """The texts outside the cells. Raises Odd where workbooks lie inside the workbook."""
    texts = [part for part in book.parts if isinstance(part, Text)]
    if len(book.parts) - len(texts) != len(book.sheets):
        raise Odd
    if any(READING in text.place for text in texts):
        raise Odd
    return [*texts, *_orphans(book)]


def _orphans(book: Workbook) -> Iterator[Text]:
    """Shared strings that no cell uses."""
    strings, key = _strings(book), book.strings_key
    if key is None:
        return
    used = np.zeros(len(strings.found_all), bool)
    for sheet in book.sheets:
        assert isinstance(sheet, _QuickSheet)
        for window in sheet.windows():
            numbers = window.shared[window.stored == SHARED]
            if len(numbers) and int(numbers.max()) >= len(used):
                raise Odd
            used[numbers] = True
    left = np.flatnonzero(~used)
    if len(left) > _MAX_ORPHANS:
        raise Odd
    member = book.package.find(key)
    assert member
    for number in left.tolist():
        text = strings.text(number)
        if worth_showing(text):
            yield Text(f"{member_label(book.package, member)}#si{number}", text)


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while data := stream.read(1 << 20):
        digest.update(data)
    return digest.hexdigest()


class _Spans:
    """What was replaced in a stretch of bytes: from, to, and the size of what is there now."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._news: list[int] = []

    def extend(self, starts: list[int], ends: list[int], news: list[bytes]) -> None:
        """Note some, in order."""
        self._starts += starts
        self._ends += ends
        self._news += map(len, news)

    def same(self, old: Bytes, new: Bytes) -> bool:
        """Whether the two are equal but for what was replaced."""
        if not self._starts:
            return np.array_equal(old, new)
        starts, ends = np.array(self._starts, np.int64), np.array(self._ends, np.int64)
        news = np.array(self._news, np.int64)
        moved = starts + np.cumsum(news - (ends - starts)) - (news - (ends - starts))
        if len(new) - len(old) != int((news - (ends - starts)).sum()):
            return False
        return np.array_equal(
            old[_outside(starts, ends, len(old))], new[_outside(moved, moved + news, len(new))]
        )


def _outside(starts: Places, ends: Places, size: int) -> Flags:
    steps = np.zeros(size + 1, np.int8)
    full = ends > starts
    steps[starts[full]] += 1
    steps[ends[full]] -= 1
    found: Flags = np.cumsum(steps[:-1], dtype=np.int8) == 0
    return found


def _joined(data: bytes, at: int, starts: list[int], ends: list[int], news: list[bytes]) -> bytes:
    """The bytes from ``at`` to the last end, with the stretches replaced."""
    kept = [data[a:b] for a, b in zip([at, *ends[:-1]], starts, strict=True)]
    return b"".join([part for pair in zip(kept, news, strict=True) for part in pair])


class _SheetSaving:
    """The bytes of one sheet with the edits of its own cells."""

    def __init__(
        self, masking: _Masking, done: _Pass, sheet: _QuickSheet, in_place: Places,
        items: dict[int, str],
    ) -> None:  # fmt: skip
        self.done, self.sheet, self.in_place, self.items = done, sheet, in_place, items
        self.keys = done.judge.key_edits()
        self.table = done.judge.table()
        self.spans = masking.spans.setdefault(sheet.label, [])
        self.plan = Plan(items=items)
        self._retyped: dict[int, bytes] = {}

    def has_work(self) -> bool:
        """Whether any cell changes in the sheet itself."""
        return any(len(self._places(own)) for own in self.done.own[self.sheet.label])

    def _places(self, own: _Own) -> Places:
        """The cells that change in the sheet itself."""
        changed = self.table[own.verdict, _KEY] > 0
        local = changed & (own.shared < 0)
        if not self.items:
            return np.flatnonzero(local)
        shared = np.flatnonzero(changed & (own.shared >= 0))
        shared = shared[self.done.differs[own.shared[shared]]]
        wanted = self.table[own.verdict[shared], _KEY].tolist()
        those = [
            at
            for at, key, number in zip(
                shared.tolist(), wanted, own.shared[shared].tolist(), strict=True
            )
            if self.in_place[number] != key
        ]
        return np.sort(np.concatenate([np.flatnonzero(local), np.array(those, np.int64)]))

    def pieces(self) -> Iterator[bytes]:
        """The sheet's bytes, piece by piece."""
        yield self.sheet.head.encode()
        owns = iter(self.done.own[self.sheet.label])
        for window in self.sheet.windows():
            spans = _Spans(window.size)
            self.spans.append(spans)
            if not len(window.row):
                yield window.data[: window.size]
                continue
            own = next(owns)
            yield self._changed(window, own, self._places(own), spans)
        yield self.sheet.tail.encode()

    def _changed(self, window: Window, own: _Own, places: Places, spans: _Spans) -> bytes:
        data = window.data
        starts: list[int] = []
        stops: list[int] = []
        news: list[bytes] = []
        firsts, lasts = window.first[places].tolist(), window.last[places].tolist()
        rests, ends = window.rest[places].tolist(), window.end[places].tolist()
        stored, kinds = window.stored[places].tolist(), window.kinds[places].tolist()
        verdicts = own.verdict[places].tolist()
        quick = (window.plain & ((window.first - window.tag == 8) | (window.stored == NUMBER)))[
            places
        ]
        for index, cell in enumerate(places.tolist()):
            verdict = self.done.judge.verdicts[verdicts[index]]
            first, last = firsts[index], lasts[index]
            start = end = -1
            if verdict.single and quick[index]:
                if stored[index] == INLINE:
                    raw = data[first : first + verdict.start], data[first + verdict.end : last]
                    joined = b"".join((raw[0], verdict.new, raw[1]))
                    if _same_edges(joined):
                        start, end, new = first, last, joined
                elif stored[index] == NUMBER:
                    text = data[first : first + verdict.start] + verdict.new
                    text += data[first + verdict.end : last]
                    start, end = rests[index], ends[index]
                    new = b"%s><is><t>%s</t></is></c>" % (self._rest(kinds[index]), text)
            if start < 0:
                start, end = int(window.start[cell]), ends[index]
                new = self._exactly(window, cell, verdict)
            starts.append(start)
            stops.append(end)
            news.append(new)
        spans.extend(starts, stops, news)
        changed = _joined(data, 0, starts, stops, news)
        return changed + data[stops[-1] if stops else 0 : window.size]

    def _rest(self, kind: int) -> bytes:
        if kind not in self._retyped:
            self._retyped[kind] = _retyped(self.sheet.cells.kinds[kind].rest.decode()).encode()
        return self._retyped[kind]

    def _exactly(self, window: Window, cell: int, verdict: _Verdict) -> bytes:
        return self.sheet.rewritten_cell(window, cell, verdict.edits, self.plan).encode()


def _same_edges(text: bytes) -> bool:
    """Whether no blank, of whatever kind, stands at an end of the text."""
    return (
        text[:1] > b" "
        and text[-1:] > b" "
        and text[0] not in b"\xc2\xe1\xe2\xe3\x7f"
        and (text[-1] < 0x80 or not text[-3:].decode("utf-8", "ignore")[-1:].isspace())
    )


# ----------------------------------------------------------------------------------- verifying


class _Check:
    """The written workbook, opened afresh: nothing left to hide, nothing else changed. Raises Odd."""

    def __init__(self, masking: _Masking, done: _Pass, reference: datetime.date | None) -> None:
        self.masking, self.done, self.reference = masking, done, reference

    def run(self, stream: BinaryIO) -> None:
        """Check everything."""
        self.done.close()
        for sheet in self.masking.book.sheets:
            assert isinstance(sheet, _QuickSheet)
            if sheet.member.key in self.masking.changed_keys:
                sheet.drop_places()
        output = _open(stream, self.masking.book)
        self._members(output)
        self._texts(output)
        for old, new in zip(self.masking.book.sheets, output.sheets, strict=True):
            self._sheet(old, new)
        self._strings(output)
        masking = self.masking
        again = _Pass(output, masking.policy, self.reference, masking.hidden)
        again.run()
        if again.tally.changed or not again.judge.kept <= masking.kept:
            raise Odd
        left = [verdict for verdict in again.judge.verdicts[_FIRST:] if verdict.text]
        if any(_clashes(masking.hidden, verdict.text, verdict.edits) for verdict in left):
            raise Odd

    def _members(self, output: Workbook) -> None:
        """Parts that hold no cells: searched for hidden values; the same bytes unless edited."""
        book, hidden = self.masking.book, self.masking.hidden
        cells_of = {sheet.member.key for sheet in book.sheets} | {book.strings_key}
        before = {member.key: member for member in book.package.members}
        for member in output.package.members:
            if member.key in cells_of:
                continue
            data = output.package.read(member)
            if hidden.values.in_bytes(data):
                raise Odd
            if not self.masking.edits and not self.masking.book.remarks:
                old = before.get(member.key)
                if old is None or book.package.read(old) != data:
                    raise Odd

    def _texts(self, output: Workbook) -> None:
        """Texts outside the cells: masked as wanted, else as they were."""
        fresh = _texts(output)
        after = {text.place: text.text for text in fresh}
        edits = self.masking.edits
        for text in self.masking.texts:
            expected = apply_edits(text.text, edits.get(text.place, ()))
            if after.get(text.place) != expected and text.place in after:
                raise Odd
        found = scan_texts(fresh, self.reference)
        for item in found:
            text = item.text
            if edits_for(text.text, item.findings, self.masking.policy, star=text.star):
                raise Odd
            if any(True for _ in self.masking.hidden.values.find(text.text)):
                raise Odd

    def _sheet(self, old: Sheet, new: Sheet) -> None:
        """The rows as they were but for the cells that were edited."""
        assert isinstance(old, _QuickSheet)
        assert isinstance(new, _QuickSheet)
        if (old.head, old.tail) != (new.head, new.tail):
            raise Odd
        spans = self.masking.spans.get(old.label) or []
        if new.shares(old):
            return
        windows = zip(old.windows(), new.windows(), strict=True)
        for at, (before, after) in enumerate(windows):
            here = spans[at] if at < len(spans) else _Spans(before.size)
            if not here.same(before.bytes[: before.size], after.bytes[: after.size]):
                raise Odd

    def _strings(self, output: Workbook) -> None:
        old, new = _strings(self.masking.book).found_all, _strings(output).found_all
        spans = self.masking.string_spans or [_Spans(old.size)]
        if len(old) != len(new):
            raise Odd
        if not spans[0].same(old.bytes[: old.size], new.bytes[: new.size]):
            raise Odd
