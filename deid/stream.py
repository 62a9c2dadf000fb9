"""Large csv files, masked and verified a window at a time, in memory that does not grow with the file.

The windows are those of the exact path, and so is every verdict: a window's rows are judged by
``profile_rows`` unless all of them are plain data beyond doubt; a cell that ``vector`` is not sure of
is scanned. GB18030 and UTF-16 are read as UTF-8 and written back as they were. What cannot be
streamed (lines in several encodings, quotes that only ``csv.reader`` understands, a hidden value that
stands elsewhere too) makes ``mask_csv`` return None: the exact path takes over.
"""

from __future__ import annotations

import codecs
import datetime
import hashlib
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from deid import tables
from deid.columns import NO_BLOCK, Block, Profile, View, profile_rows
from deid.data import load_rows
from deid.fields import NO_LABEL
from deid.formats import delimited, magic
from deid.formats.encoding import _MARKS, Encoding, _is_utf8_han, _wide_without_mark
from deid.mask import apply_edits, edits_for
from deid.model import Edit, Finding, Remark, Row, Table
from deid.policy import Policy
from deid.prose import merge
from deid.scan import Setting, bare, scan
from deid.tables import WINDOW, features_of, minor_names, own_date
from deid.text import fold
from deid.verify import Residue

if TYPE_CHECKING:
    from deid import vector

LEAST = 1_500_000
"""Bytes from which on numpy pays: below, loading it costs more than the exact path."""

_READ = 1 << 20
_KNOWN = 100_000
"""Distinct cells that a column's memory may hold."""
_LONG_DIGITS = re.compile(r"\d{5}")
_LONG_ROW = 50
_MANY = 1000
"""Rows of a first window that tell what the rest of the file is like."""


class Unstreamable(Exception):
    """Something in the file needs the exact path over the whole of it."""


class _Elsewhere(Unstreamable):
    """A value hidden in one cell stands in another as well; ``tally`` knows the hidden ones."""

    tally: Tally


@dataclass
class Tally:
    """What one pass over a file found."""

    found: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    columns: dict[tuple[int, Profile], int] = field(default_factory=dict)
    hidden: Residue = field(default_factory=Residue)
    forms: Residue = field(default_factory=Residue)
    numbers: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Streamed:
    """A file that was masked and verified: counts for the report, and what is left."""

    format: str
    found: Counter[str]
    changed: int
    columns: dict[tuple[int, Profile], int]
    remarks: Sequence[Remark]
    source_sha256: str
    output_sha256: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the file writes its rows."""

    encoding: Encoding
    delimiter: str
    name: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the exact path says of one cell's text."""

    edits: tuple[Edit, ...]
    entities: tuple[str, ...]
    hits: bool
    is_long: bool
    text: list[str]
    hidden: list[tuple[str, str]]


def mask_csv(source: Path, target: Path, policy: Policy) -> Streamed | None:
    """``source`` masked into ``target`` and verified, or None when the exact path has to do it."""
    if source.stat().st_size < LEAST:
        return None
    from deid import vector

    try:
        first, kind = _first_that_fits(vector, source, target, policy)
        remarks = first.remarks()
    except (Unstreamable, ValueError, OSError):
        return (
            None  # also where reading or writing fails: the exact path meets it again and says so
        )
    tally = first.tally
    return Streamed(
        kind.name,
        tally.found,
        tally.changed,
        tally.columns,
        remarks,
        first.read.hexdigest(),
        first.written.hexdigest(),
    )


def _first_that_fits(vec: Any, source: Path, target: Path, policy: Policy) -> tuple[_Pass, _Kind]:
    """The pass in the encoding that the file turns out to have: its head may fit several."""
    for name, mark in _encodings(source):
        try:
            kind = _kind(source, Encoding(name, mark))
            try:
                return _masked(vec, kind, policy, source, target, None), kind
            except _Elsewhere as error:
                return _masked(vec, kind, policy, source, target, error.tally), kind
        except UnicodeDecodeError:
            continue
    raise Unstreamable


def _masked(
    vec: Any, kind: _Kind, policy: Policy, source: Path, target: Path, spread: Tally | None
) -> _Pass:
    """Mask and verify, with what is hidden in ``spread`` hidden wherever it stands."""
    first = _Pass(vec, kind, policy, spread=spread)
    with source.open("rb") as reader, target.open("wb") as writer:
        first.run(reader, writer)
        writer.flush()
        os.fsync(writer.fileno())
    try:
        _verify(vec, kind, policy, source, target, first)
    except _Elsewhere as error:
        error.tally = first.tally
        if spread is not None:
            raise Unstreamable from None
        raise
    return first


def _verify(
    vec: Any, kind: _Kind, policy: Policy, source: Path, target: Path, first: _Pass
) -> None:
    """Open the output afresh: it is what was written, has the same cells, holds nothing to hide.

    Raises Unstreamable otherwise; the exact path then finds out what is wrong, and says so.
    """
    again = _Pass(vec, kind, policy, first.tally)
    with target.open("rb") as reader:
        again.run(reader, None)
    if again.tally.changed or again.shape != first.shape:
        raise Unstreamable
    if again.read.digest() != first.written.digest():
        raise Unstreamable
    if first.tally.kept:
        with source.open("rb") as reader:
            _Search(vec, kind, policy, first.tally.kept).run(reader, None)


def _encodings(source: Path) -> list[tuple[str, bytes]]:
    """The encodings that the file may be in, in the order in which ``detect`` tries them."""
    magic.require(source, "text", "empty")
    with source.open("rb") as stream:
        head = stream.read(delimited._SAMPLE)
    for mark, name in _MARKS:
        if head.startswith(mark) and not head.startswith(b"\xff\xfe\0\0"):
            return [(name, mark)]
    if b"\0" in head:
        name = "" if source.stat().st_size % 2 else _wide_without_mark(head)
        return [(name, b"")] if name else []
    return [("utf-8", b""), ("gb18030", b"")]


def _kind(source: Path, encoding: Encoding) -> _Kind:
    """The delimiter, as the format module tells it. Raises Unstreamable, UnicodeDecodeError."""
    with source.open("rb") as stream:
        head = stream.read(delimited._SAMPLE + 64)
    if encoding.name == "utf-8":  # else only tried
        codecs.getincrementaldecoder("utf-8")().decode(head)
    kind = source.suffix.lower().removeprefix(".") or "csv"
    sample = delimited._sample(head, encoding)
    delimiter = delimited._sniff(sample, encoding, "\t" if kind == "tsv" else ",")
    if not delimiter.isascii():
        raise Unstreamable
    return _Kind(encoding, delimiter, kind)


class _Reader:
    """The file as UTF-8, whatever it is written in, and the digest of its own bytes.

    Raises ValueError or Unstreamable where ``detect`` would not settle on that encoding.
    """

    def __init__(self, vec: Any, stream: BinaryIO, encoding: Encoding, digest: Any) -> None:
        self._vec = vec
        self._stream = stream
        self._encoding = encoding
        self._digest = digest
        self._decoder = codecs.getincrementaldecoder(encoding.name)()
        self._rest = b""
        self._proved = encoding.name != "gb18030" or bool(encoding.mark)
        self._take(len(encoding.mark))

    def read(self, size: int) -> bytes:
        """Some more of the text, nothing at its end."""
        if self._encoding.name == "utf-8":
            return self._take(size)
        text = b""
        while not text:
            raw = self._take(size)
            if self._encoding.name == "gb18030":
                text = self._narrow(raw)
            else:
                text = self._decoder.decode(raw, final=not raw).encode()
            if not raw:
                break
        if not text and not self._proved:  # well-formed UTF-8 from end to end
            raise Unstreamable
        return text

    def _take(self, size: int) -> bytes:
        raw = self._stream.read(size)
        self._digest.update(raw)
        return raw

    def _narrow(self, raw: bytes) -> bytes:
        """Whole lines of GB18030: each must be no Chinese in UTF-8, as ``detect`` demands."""
        cut = raw.rfind(b"\n") + 1 if raw else 0
        if raw and not cut:
            self._rest += raw
            return b""
        lines = self._rest + raw[:cut]
        self._rest = raw[cut:]
        if b"\0" in lines:
            raise Unstreamable
        for start, end in self._vec.maybe_utf8(lines):
            if _is_utf8_han(lines[start:end]):
                raise Unstreamable
        text = lines.decode("gb18030").encode()
        if not self._proved:
            try:
                lines.decode()
            except UnicodeDecodeError:
                self._proved = True
        return text


class _Pass:
    """One pass over a file: every window judged, its cells masked."""

    def __init__(
        self,
        vec: Any,
        kind: _Kind,
        policy: Policy,
        hidden: Tally | None = None,
        *,
        spread: Tally | None = None,
    ) -> None:
        self._vec = vec
        self._kind = kind
        self._policy = policy
        self._hidden = hidden
        self._spread = spread
        names = (hidden or spread or Tally()).names
        self._pairs = vec.pairs(names) if names else None
        self._mark = kind.delimiter.encode()
        self._block = NO_BLOCK
        self._width = 0
        self._reference: datetime.date | None = None
        self._scanner = tables._CellScanner()
        self._memories: dict[tuple[Setting, bool], tuple[vector.Memory, list[_Verdict]]] = {}
        self._quiet = vec.quiet_han(_loud())
        self._exceptions = _digit_exceptions()
        self._day = datetime.date.today()
        self._in_forms: Mapping[tuple[int, int], list[Finding]] = {}
        self.read, self.written = hashlib.sha256(), hashlib.sha256()
        self.shape = 0
        self._rows = 0
        self._wide: Counter[int] = Counter()
        self._beyond: dict[int, tuple[int, int]] = {}
        self.tally = Tally()

    # --------------------------------------------------------------------------------- the windows

    def run(self, reader: BinaryIO, writer: BinaryIO | None) -> None:
        """Mask all of ``reader`` into ``writer``."""
        encoding = self._kind.encoding
        text = _Reader(self._vec, reader, encoding, self.read)
        if writer:
            self._write(writer, encoding.mark)
        for data in self._windows(text):
            masked = self._window(data)
            if writer:
                same = encoding.name == "utf-8"
                self._write(writer, masked if same else masked.decode().encode(encoding.name))
        self._settle()

    def _write(self, writer: BinaryIO, data: bytes) -> None:
        self.written.update(data)
        writer.write(data)

    def _windows(self, reader: _Reader) -> Iterator[bytes]:
        rest, final, want = b"", False, _READ
        while True:
            end = self._vec.records(rest, self._mark[0], WINDOW, final=final) if rest else 0
            if end:
                yield rest[:end]
                want = max(_READ // 4, end - len(rest) + end + 4096)
                rest = rest[end:]
                if len(rest) >= want:
                    continue
            elif final:
                return
            if not final:
                more = reader.read(want)
                final = not more
                rest += more

    def _window(self, data: bytes) -> bytes:
        if b"\0" in data or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")):
            raise Unstreamable
        if self._kind.encoding.name == "utf-8":
            data.decode("utf-8")
        if not self._width:
            self._width = _usual_width(data, self._mark)
        grid = self._vec.Grid(data, self._mark[0], self._width)
        self.shape = zlib.crc32(grid.widths.tobytes(), self.shape)
        self._count_widths(grid)
        marks = _Marks(self._vec, grid)
        block, special = self._judge(grid, marks)
        return self._mask(grid, marks, block, special)

    # ------------------------------------------------------------------------------------ the rows

    def _judge(self, grid: Any, marks: _Marks) -> tuple[Block, dict[int, View]]:
        """The block that the window's rows stand in, and the rows that are not plainly its data."""
        if self._block is NO_BLOCK or self._may_widen(grid):
            return self._judge_all(grid)
        self._look(grid, marks, self._block)
        doubtful = marks.doubtful(self._block)
        if doubtful.sum() * 4 > len(grid):
            return self._judge_all(grid)
        special: dict[int, View] = {}
        for start, end in _clusters(self._vec.where(doubtful).tolist(), len(grid)):
            rows = [self._row(grid, at) for at in range(start, end)]
            views, _ = profile_rows(rows, (), self._block)
            if any(view.zone in ("header", "form") for view in views):
                return self._judge_all(grid)
            for at, view in enumerate(views, start):
                if view.zone != "data" or not grid.regular[at]:
                    special[at] = replace(view, block=self._block)
        for at in self._vec.where(~grid.regular).tolist():
            if at not in special:
                return self._judge_all(grid)
            if (
                len(special[at].row.cells)
                and max(special[at].row.cells) not in self._block.profiles
            ):
                return self._judge_all(grid)
        before = self._day
        self._date(list(special.values()))
        if self._day != before:
            marks.block = None
        return self._block, special

    def _judge_all(self, grid: Any) -> tuple[Block, dict[int, View]]:
        rows = [self._row(grid, at) for at in range(len(grid))]
        views, self._block = profile_rows(rows, (), self._block)
        self._date(views)
        blocks = Counter(id(view.block) for view in views if view.zone == "data")
        main = max(blocks, key=blocks.__getitem__, default=0)
        block = next((view.block for view in views if id(view.block) == main), NO_BLOCK)
        special = {
            at: view
            for at, view in enumerate(views)
            if view.zone != "data" or view.block is not block or not grid.regular[at]
        }
        return block, special

    def _date(self, views: Any) -> None:
        self._reference = self._reference or own_date(
            text
            for view in views
            if view.zone in ("note", "title")
            for text in view.row.cells.values()
        )
        day = self._reference or datetime.date.today()
        if day != self._day:
            self._settle()
            self._day = day
        self._in_forms = tables.form_minors(tables._form_values(views), self._day)

    def _row(self, grid: Any, at: int) -> Row:
        raw = grid.data[grid.row_starts[at] : grid.row_ends[at]]
        if grid.quoted[at]:
            texts = enumerate(grid.cell(at, column).decode() for column in range(self._width))
            return Row(at, {column: cell for column, cell in texts if cell})
        if b'"' in raw:
            (row,) = self._document(raw).parts[0].rows()
            return replace(row, index=at)
        cells = raw.decode().rstrip("\r\n").split(self._kind.delimiter)
        return Row(at, {column: cell for column, cell in enumerate(cells) if cell})

    def _document(self, raw: bytes) -> delimited.Delimited:
        return delimited.Delimited(raw, Encoding("utf-8"), self._kind.delimiter, self._kind.name)

    def _may_widen(self, grid: Any) -> bool:
        """Whether a column that nothing is known of could be told by its values in this window."""
        profiles = self._block.profiles
        for column in range(self._width):
            profile = profiles.get(column)
            if profile is None:
                return True
            label = profile.label
            if label.entity or label.agency or label.public:
                continue
            if self._vec.may_vote(grid, column):
                return True
        return False

    def _count_widths(self, grid: Any) -> None:
        """For the remark on rows that are wider than the rest."""
        regular = int((grid.regular & ~grid.quoted).sum())  # as for the format module
        self._wide[self._width - 1] += regular
        for at in self._vec.where(~grid.regular).tolist():
            raw = grid.data[grid.row_starts[at] : grid.row_ends[at]]
            if b'"' in raw:
                if raw.count(b"\n") >= _LONG_ROW:
                    raise Unstreamable
                continue
            self._wide[raw.count(self._mark)] += 1
            cells = raw.decode().rstrip("\r\n").split(self._kind.delimiter)
            beyond = max((n for n, cell in enumerate(cells) if cell), default=0)
            if beyond >= self._width:
                count, first = self._beyond.get(beyond, (0, self._rows + at))
                self._beyond[beyond] = (count + 1, first)
        self._rows += len(grid)

    def remarks(self) -> list[Remark]:
        """What the format module would say of rows that are wider than the rest."""
        counts = +self._wide
        usual = max(counts, key=lambda cells: (counts[cells], cells), default=0)
        if not usual or max(counts) == usual:
            return []
        if usual != self._width - 1:
            raise Unstreamable
        if not self._beyond:
            return []
        rows = sum(count for count, _ in self._beyond.values())
        first = min(first for _, first in self._beyond.values())
        return [delimited.wide_remark(first, rows)]

    # ----------------------------------------------------------------------------------- the cells

    def _look(self, grid: Any, marks: _Marks, block: Block) -> None:
        """Have every column of the plain rows told, before anything is changed."""
        for column in range(self._width):
            marks.told[column] = self._tell(grid, marks, column, self._setting(block, column))
        marks.block = block

    def _setting(self, block: Block, column: int) -> Setting:
        return tables._setting(View(Row(0, {}), "data", block), column)

    def _tell(self, grid: Any, marks: _Marks, column: int, setting: Setting) -> _Told:
        """Of each cell of a column: clean, quiet, or the number of its verdict in the memory."""
        vec = self._vec
        rows = vec.where(grid.regular)
        starts, ends = grid.starts[column], grid.ends[column]
        if len(rows) < len(starts):
            starts, ends = starts[rows], ends[rows]
        told = _Told(rows, starts, ends, setting)
        digits = vec.zeros(len(rows))
        check = _CHECKS.get(setting.label.entity) if setting.people else None
        if setting.label.agency:
            check = None
        left = ends > starts
        marks.filled[rows] += left
        if check and self._plain_mask(setting.label.entity, check[1]):
            told.clean = getattr(vec, check[0])(grid.bytes, starts, ends)
            marks.long[rows] |= told.clean
            marks.numeric[rows] += told.clean
            left &= ~told.clean
        elif setting.label.entity in _AGES:
            digits = ends - starts
        elif setting.label.entity in _QUIET or setting.label.agency:
            quiet, digits = vec.numbers(grid.bytes, starts, ends)
            if setting.record:  # a local telephone number has seven
                quiet &= digits < 7
            quiet = self._numbers(grid, starts, ends, digits, quiet)
            marks.numeric[rows] += quiet
            quiet |= vec.han(grid.bytes, starts, ends, self._quiet, self._pairs)
            if column == 0:
                marks.serial[rows] = digits == ends - starts
            left &= ~quiet
        marks.add_run(rows, starts, ends, left | (digits == ends - starts))
        told.left = vec.where(left)
        self._recall(grid, marks, told)
        return told

    def _numbers(self, grid: Any, starts: Any, ends: Any, digits: Any, quiet: Any) -> Any:
        """Of the short numbers, those that are not hidden elsewhere (a local telephone number)."""
        hidden = (self._hidden or self._spread or self.tally).numbers
        if hidden is self.tally.numbers or not hidden:
            return quiet
        places = self._vec.where(quiet & (digits >= 7))
        values = self._vec.values(grid.bytes, starts[places], ends[places])
        quiet[
            [at for at, value in zip(places.tolist(), values, strict=True) if value in hidden]
        ] = False
        return quiet

    def _plain_mask(self, entity: str, length: int) -> bool:
        return not self._policy.hides(entity) or self._hidden_part(entity, length) is not None

    def _hidden_part(self, entity: str, length: int) -> tuple[int, int] | None:
        """Which characters of ``length`` digits the policy's mask hides, where it depends on no value."""
        if not self._policy.hides(entity):
            return 0, 0
        if "mask" not in self._policy.specs[entity]:
            return None
        masked = self._policy.operators[entity]("1" * length)
        first, last = masked.find("*"), masked.rfind("*") + 1
        return (first, last) if set(masked[first:last]) == {"*"} and first < 7 else None

    def _recall(self, grid: Any, marks: _Marks, told: _Told) -> None:
        """Look up what is left; have the exact path judge what was never seen."""
        vec = self._vec
        left = told.left
        alike = told.setting.label.entity == "CN_ADDRESS" and self._addresses_alike()
        told.alike = alike
        key = (told.setting, alike)
        if key not in self._memories:
            self._memories[key] = (vec.Memory(alike=alike), [])
        told.memory, told.verdicts = self._memories[key]
        lengths = told.ends[left] - told.starts[left]
        short = lengths <= vec.WIDEST
        fits = left[short]
        words = told.memory.key(grid.bytes, told.starts[fits], told.ends[fits])
        numbers = told.memory.find(words)
        unknown = vec.where(numbers < 0)
        if len(unknown) and len(told.memory) < _KNOWN:
            cells = fits[unknown]

            def judge(at: int) -> Any:
                return self._fate(grid, told, int(cells[at]), alike)

            numbers[unknown] = told.memory.learn(words[unknown], judge)
            numbers[unknown] = told.memory.find(words[unknown])
        told.places, told.numbers = fits, numbers
        known = numbers >= 0
        if known.any():
            told.kinds = told.memory.fates(numbers)
            told.kinds[~known, 0] = vec.ASK
            marks.long[told.rows[fits[known]]] |= told.kinds[known, 3] > 0
        else:
            told.kinds = vec.asked(len(numbers))
        told.asked = [*left[~short].tolist(), *fits[told.kinds[:, 0] == vec.ASK].tolist()]

    def _addresses_alike(self) -> bool:
        """Whether the policy cuts addresses whatever the numbers in them are."""
        return set(self._policy.specs.get("CN_ADDRESS", {"keep": {}})) <= _ALIKE

    def _fate(self, grid: Any, told: _Told, at: int, alike: bool) -> Any:
        vec = self._vec
        text = grid.data[told.starts[at] : told.ends[at]].decode()
        verdict = self._verdict(text, scan(text, told.setting))
        told.verdicts.append(verdict)
        young = self._is_young(text, told.setting.label.entity)
        marks = verdict.is_long, young, verdict.hits
        asked = vec.Fate(vec.ASK, 0, 0, b"", *marks)
        if alike and not self._same_for_all(text):
            return asked
        if not verdict.edits:
            return vec.Fate(vec.NOTHING, 0, 0, b"", *marks)
        if len(verdict.edits) > 1:
            return asked
        (edit,) = verdict.edits
        new = edit.replacement.encode()
        if self._breaks(new):
            return asked
        start = len(text[: edit.start].encode())
        end = len(text[: edit.end].encode())
        return vec.Fate(vec.ONE_EDIT, start, end, new, *marks)

    def _same_for_all(self, text: str) -> bool:
        """Whether the address is read the same whatever the values of its digits."""
        if not _DIGIT.search(text):
            return True
        if self._spread or not _PLAIN_ADDRESS.fullmatch(text):
            return False
        zeros = re.sub(r"\d", "0", text)
        return not any(name in zeros for name in self._exceptions)

    def _breaks(self, new: bytes) -> bool:
        return any(mark in new for mark in (b'"', b"\n", b"\r", self._mark))

    def _verdict(self, text: str, found: list[Finding]) -> _Verdict:
        findings = merge(found)
        edits = edits_for(text, findings, self._policy)
        hidden = [item for item in findings if self._policy.hides(item.entity)]
        fresh = self._fresh(text, edits)
        edits = sorted([*edits, *edits_for(text, fresh, self._policy)], key=lambda edit: edit.start)
        values = [(text[item.start : item.end], item.entity) for item in hidden]
        entities = tuple(item.entity for item in [*findings, *fresh])
        is_long = bool(_LONG_DIGITS.search(fold(text)))
        return _Verdict(
            tuple(edits), entities, bool(hidden) or "**" in text, is_long, [text], values
        )

    def _fresh(self, text: str, edits: Sequence[Edit]) -> list[Finding]:
        """What is hidden elsewhere and stands here too, outside what is edited already."""
        if self._spread is None:
            return []
        return [
            Finding(start, end, entity, 0.9, "同一文件别处已隐藏")
            for start, end, entity in self._spread.hidden.find(text)
            if not any(edit.start < end and start < edit.end for edit in edits)
        ]

    def _apply(self, verdict: _Verdict, *, alike: bool = False) -> None:
        """Note what a verdict hides and leaves, once it is applied: a cell of a row that turns out
        to be no data is judged under its column too, and to no effect."""
        while verdict.hidden:
            value, entity = verdict.hidden.pop()
            if alike:  # one for many: which numbers stand in the others is not known
                self.tally.forms.add(_zeros(fold(value)), entity)
            else:
                self._remember(value, entity)
        while verdict.text:
            self._search(apply_edits(verdict.text.pop(), verdict.edits))

    def _remember(self, value: str, entity: str) -> None:
        """Note a hidden value: it must stand nowhere else."""
        tally = self.tally
        tally.hidden.add(value, entity)
        if entity == "CN_ADDRESS":
            tally.forms.add(_zeros(fold(value)), entity)
        plain = bare(fold(value))
        if entity == "PERSON":
            tally.names.add(plain[:2])
        if len(plain) <= 10 and plain.isdecimal():
            tally.numbers.add(int(plain))

    def _search(self, text: str) -> None:
        """Look in a text that stays for values hidden elsewhere, and note its long numbers."""
        if len(text) < 2:
            return
        plain = "".join(_ALNUM.findall(fold(text))).upper()
        if self._hidden is None:
            self.tally.kept.update(run for run in _RUN.findall(plain) if _SIX.search(run))
            if len(self.tally.kept) > _KNOWN:
                raise Unstreamable
        elif any(True for _ in self._hidden.hidden.find(text)):
            raise _Elsewhere
        elif any(True for _ in self._hidden.forms.find(_zeros(fold(text)))):
            raise Unstreamable

    # --------------------------------------------------------------------------------- the masking

    def _mask(self, grid: Any, marks: _Marks, block: Block, special: dict[int, View]) -> bytes:
        if marks.block is not block:
            self._look(grid, marks, block)
        self._bail_out(grid, marks, special)
        patch = self._vec.Patch(grid.bytes, len(grid.data))
        plain = grid.regular.copy()
        plain[list(special)] = False
        minors = self._minors(grid, marks, block, plain)
        for column in range(self._width):
            told = marks.told[column]
            hits = self._mask_column(grid, told, column, plain, minors.get(column, {}), patch)
            self._note(block, column, told, plain, hits)
        for at, view in special.items():
            self._mask_row(grid, at, view, patch)
        return bytes(patch.result())

    def _bail_out(self, grid: Any, marks: _Marks, special: dict[int, View]) -> None:
        """Leave a file that begins with cells to judge one by one to the exact path, which is
        faster at those. Raises Unstreamable."""
        if self._rows > len(grid) or len(grid) < _MANY:
            return
        alone = len(special) * self._width + sum(len(told.asked) for told in marks.told.values())
        if alone * 5 > len(grid) * self._width:
            raise Unstreamable

    def _mask_column(
        self,
        grid: Any,
        told: _Told,
        column: int,
        plain: Any,
        minors: dict[int, list[Finding]],
        patch: Any,
    ) -> int:
        """Mask the plain rows' cells of one column; how many of them held something to hide."""
        vec = self._vec
        hits = 0
        alone = plain.copy()
        alone[list(minors)] = False
        here = alone[told.rows]
        entity = told.setting.label.entity
        if told.clean is not None:
            hits += self._star(told, here, entity, patch)
        edited = here[told.places] & (told.kinds[:, 0] != vec.ASK)
        for number in told.memory.use(told.numbers[edited]):
            self._apply(told.verdicts[number], alike=told.alike)
        hits += int((told.kinds[edited, 5] > 0).sum())
        edited &= told.kinds[:, 0] == vec.ONE_EDIT
        self._cut(told, edited, patch)
        for at in told.asked:
            row = int(told.rows[at])
            if alone[row]:
                text = grid.cell(row, column).decode()
                found = self._scanner(text, told.setting)
                hits += self._splice(grid, row, column, text, found, patch)
        for row, more in minors.items():
            text = grid.cell(row, column).decode()
            found = self._scanner(text, told.setting)
            hits += self._splice(grid, row, column, text, [*found, *more], patch)
        return hits

    def _star(self, told: _Told, here: Any, entity: str, patch: Any) -> int:
        """Put the stars of clean numbers; all lengths that the check lets pass."""
        chosen = told.clean & here
        lengths = (told.ends - told.starts)[chosen]
        starts = told.starts[chosen]
        for length in set(lengths.tolist()):
            part = self._hidden_part(entity, length)
            assert part
            patch.star(starts[lengths == length], *part)
        count = int(chosen.sum())
        if count:
            self.tally.found[entity] += count
        hides = self._policy.hides(entity)
        self.tally.changed += count * hides
        return count * hides

    def _cut(self, told: _Told, edited: Any, patch: Any) -> None:
        at = told.places[edited]
        kinds, starts = told.kinds[edited], told.starts[at]
        for new, number in told.memory.replacements():
            chosen = kinds[:, 6] == number
            first, last = (starts + kinds[:, 1])[chosen], (starts + kinds[:, 2])[chosen]
            if len(first):
                patch.replace(first, last, new)

    def _settle(self) -> None:
        """Add up what the memories' verdicts came to, and forget them."""
        for memory, verdicts in self._memories.values():
            for verdict, count in zip(verdicts, memory.used.tolist(), strict=True):
                self.tally.changed += len(verdict.edits) * count
                for entity in verdict.entities if count else ():
                    self.tally.found[entity] += count
        self._memories.clear()

    def _splice(
        self, grid: Any, row: int, column: int, text: str, found: list[Finding], patch: Any
    ) -> int:
        """Mask one cell as the exact path does."""
        verdict = self._verdict(text, found)
        self._apply(verdict)
        self.tally.found.update(verdict.entities)
        self.tally.changed += len(verdict.edits)
        if verdict.edits:
            at = int(grid.starts[column, row])
            if any(self._breaks(edit.replacement.encode()) for edit in verdict.edits):
                raise Unstreamable
            for edit in verdict.edits:
                before = at + len(text[: edit.start].encode())
                behind = at + len(text[: edit.end].encode())
                patch.splice(before, behind, edit.replacement.encode())
        return verdict.hits

    def _mask_row(self, grid: Any, at: int, view: View, patch: Any) -> None:
        """Mask one row as the exact path does, by the format module."""
        table = Table("", lambda: iter(()), lambda row, column: f"R0C{column}")
        edits: dict[str, list[Edit]] = {}
        for cell in tables._scan_row(table, view, self._scanner, self._day, self._in_forms):
            verdict = self._verdict(cell.text, list(cell.findings))
            self._apply(verdict)
            self.tally.found.update(verdict.entities)
            self.tally.changed += len(verdict.edits)
            if verdict.edits:
                edits[cell.place] = [replace(edit, place=cell.place) for edit in verdict.edits]
            if cell.zone == "data" and cell.profile and cell.profile.label is not NO_LABEL:
                key = (cell.column, cell.profile)
                hits = self.tally.columns.get(key, 0)
                self.tally.columns[key] = hits + verdict.hits
        if edits:
            start, end = int(grid.row_starts[at]), int(grid.row_ends[at])
            patch.splice(start, end, self._saved(grid.data[start:end], edits))

    def _saved(self, raw: bytes, edits: dict[str, list[Edit]]) -> bytes:
        from io import BytesIO

        out = BytesIO()
        self._document(raw).save(out, edits)
        return out.getvalue()

    def _note(self, block: Block, column: int, told: _Told, plain: Any, hits: int) -> None:
        profile = block.profiles.get(column)
        if profile is None or profile.label is NO_LABEL:
            return
        key = (column, profile)
        if key in self.tally.columns:
            self.tally.columns[key] += hits
        elif (plain[told.rows] & (told.ends > told.starts)).any():
            self.tally.columns[key] = hits

    # ----------------------------------------------------------------------------------- the minors

    def _minors(
        self, grid: Any, marks: _Marks, block: Block, plain: Any
    ) -> dict[int, dict[int, list[Finding]]]:
        """Name column -> row -> the names in it that belong to minors."""
        suspects = plain & False
        reference = self._day
        for name, features in features_of(block).items():
            if name >= self._width:
                raise Unstreamable
            for profile in features:
                if profile.index < self._width:
                    suspects |= self._young(grid, marks.told[profile.index], profile, reference)
        found: dict[int, dict[int, list[Finding]]] = {}
        for row in self._vec.where(suspects & plain).tolist():
            view = View(self._row(grid, row), "data", block)
            for column, spans in minor_names(view, reference).items():
                found.setdefault(column, {})[row] = spans
        return found

    def _is_young(self, text: str, entity: str) -> bool:
        """Whether a feature, or one of several in the cell, may be a minor's."""
        if entity not in tables._FEATURES:
            return False
        values = [text, *tables._NAME_BREAK.split(fold(text))]
        return any(tables._is_minor(fold(value), entity, self._day) for value in values)

    def _young(self, grid: Any, told: _Told, profile: Profile, reference: datetime.date) -> Any:
        """Rows in which a feature does not surely belong to an adult."""
        vec = self._vec
        young = grid.regular & False
        full = told.ends > told.starts
        if told.clean is not None and profile.label.entity == "CN_RESIDENT_ID":
            _, date = vec.births(grid.bytes, told.starts + 6)
            limit = reference.year * 10000 + reference.month * 100 + reference.day - 180000
            full &= ~(told.clean & (date <= limit))
        known = told.numbers >= 0
        if known.any():
            full[told.places[known]] = told.kinds[known, 4] > 0
        young[told.rows] = full
        return young


class _Search(_Pass):
    """A pass over the source that looks for the numbers that stay among those that are hidden."""

    def __init__(self, vec: Any, kind: _Kind, policy: Policy, kept: set[str]) -> None:
        super().__init__(vec, kind, policy)
        self._windows_kept = {
            run[at : at + size]
            for run in kept
            for size in (11, 16, 17, 18, 19)
            for at in range(len(run) - size + 1)
        }

    def _star(self, told: _Told, here: Any, entity: str, patch: Any) -> int:
        chosen = told.clean & here
        grid_bytes = patch.source
        for value in self._vec.texts(grid_bytes, told.starts[chosen], told.ends[chosen]):
            if value in self._windows_kept:
                raise Unstreamable
        return 0


@dataclass
class _Told:
    """One column of a window, told."""

    rows: Any
    starts: Any
    ends: Any
    setting: Setting
    alike: bool = False
    clean: Any = None
    left: Any = None
    memory: Any = None
    verdicts: list[_Verdict] = field(default_factory=list)
    places: Any = None
    numbers: Any = None
    kinds: Any = None
    asked: list[int] = field(default_factory=list)


class _Marks:
    """What is known of the rows of a window before they are judged."""

    def __init__(self, vec: Any, grid: Any) -> None:
        self._vec = vec
        self._grid = grid
        self.told: dict[int, _Told] = {}
        self.block: Block | None = None
        self.long, self.serial = vec.none(len(grid)), vec.none(len(grid))
        self.split, self.run = vec.none(len(grid)), vec.zeros(len(grid))
        self.filled, self.numeric = vec.zeros(len(grid)), vec.zeros(len(grid))

    def add_run(self, rows: Any, starts: Any, ends: Any, maybe: Any) -> None:
        """Count the digits of cells side by side: an ID number may be written over them."""
        first = self._vec.first_bytes(self._grid.bytes, starts, ends)
        part = maybe & self._vec.may_be_digits(first) & (ends - starts <= 12)
        self.run[rows] = (self.run[rows] + (ends - starts)) * part
        self.split[rows] |= self.run[rows] >= 18

    def doubtful(self, block: Block) -> Any:
        """Rows that might be a header, a total, a note or a form."""
        vec, grid = self._vec, self._grid
        doubtful = ~grid.regular | ~self.long | (self.filled <= 2)
        doubtful |= self.filled * 3 <= block.width + 2
        doubtful |= ~self.serial & (2 * (self.filled - self.numeric) >= self.filled - 1)
        for row in vec.rows_with(grid, "计".encode()):
            doubtful[row] = True
        for colon in (b":", "：".encode(), b"\xef\xb8\x93", b"\xef\xb9\x95"):
            for row in vec.rows_with(grid, colon):
                doubtful[row] = True
        doubtful |= vec.starts_blank(grid) | self.split
        return doubtful


_CHECKS = {
    "CN_RESIDENT_ID": ("resident_ids", 18),
    "CN_MOBILE": ("mobiles", 11),
    "CN_BANK_CARD": ("cards", 19),
}
_QUIET = frozenset(("", "SEX", "HEALTH", "DISABILITY", "POVERTY_CAUSE", "PERSON"))
_AGES = frozenset(("AGE", "BIRTH_DATE"))
_ALIKE = frozenset(("generalize_address", "mask", "redact", "replace", "keep"))
_PLAIN_ADDRESS = re.compile(
    "(?:[\u4e00-\u5c80\u5c82-\u5e73\u5e75-\u9fff]|(?<![0-9])[0-9]{1,4}(?![0-9]))*"
)


def _loud() -> str:
    """Every character that the gate of the exact path names."""
    from deid.scan import _GATE

    return _GATE.pattern


def _digit_exceptions() -> list[str]:
    """Names of villages and divisions with digits in them, the digits as zeros."""
    names = [row[0] for row in load_rows("address_exceptions")]
    names += [row[1] for row in load_rows("divisions")]
    return [re.sub(r"\d", "0", name) for name in names if re.search(r"\d", name)]


_QUOTED = re.compile(rb'"[^"]*"?')


def _usual_width(data: bytes, mark: bytes) -> int:
    lines = data.split(b"\n")[: WINDOW // 2]
    counts = Counter(_QUOTED.sub(b"", line).count(mark) for line in lines)
    return max(counts, key=counts.__getitem__, default=0) + 1


def _zeros(folded: str) -> str:
    """The text with all its digits made zero: what addresses that differ in numbers share."""
    return re.sub("[0-9]", "0", folded)


_DIGIT = re.compile(r"[0-9]")
_ALNUM = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[0-9A-Z]{7,}")
_SIX = re.compile(r"[0-9]{6}")


def _clusters(rows: list[int], count: int) -> Iterator[tuple[int, int]]:
    """Runs of rows with their neighbours, by which they are judged."""
    start = end = -1
    for row in rows:
        if row - 4 > end:
            if end > 0:
                yield start, end
            start = max(0, row - 4)
        end = min(count, row + 5)
    if end > 0:
        yield start, end
