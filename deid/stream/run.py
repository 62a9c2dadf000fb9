"""Large csv files, masked and verified a window at a time, in memory that does not grow with the file.

Every window is read back from the output as soon as it is written, in a second thread. GB18030 is
masked as it stands, UTF-16 is read as UTF-8 and written back as it was. What cannot be streamed
(lines in several encodings, quotes that only ``csv.reader`` understands, a hidden value that stands
elsewhere too) is left to the exact path.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from deid.actions import effective
from deid.columns import Profile
from deid.formats.encoding import Encoding
from deid.grading import namesakes_listed, with_rules
from deid.model import Item, Remark
from deid.policy import Policy
from deid.scan import Setting
from deid.stream.grades import Weak
from deid.stream.reader import Kind, Reader, encodings, kind_of
from deid.stream.recheck import Recheck
from deid.stream.reshape import Reshaped
from deid.stream.ruling import Shaped, place_of
from deid.stream.verdicts import KNOWN, Elsewhere, Tally, Unstreamable
from deid.stream.windows import Pass

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future


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
    notes: Sequence[str] = ()
    """The first texts around the list."""
    minors: Sequence[str] = ()
    """Where names of minors were hidden, if the policy wants that told."""
    reshaped: Reshaping | None = None


@dataclass(frozen=True, slots=True)
class Reshaping:
    """What a policy that reshapes made of a file."""

    shaped: Shaped
    grades: Counter[str]
    namesakes: Sequence[Item]


def masked(source: Path, target: Path, policy: Policy, named: str = "") -> Streamed | None:
    """``source`` masked into ``target`` and verified, or None when the exact path has to do it.
    ``named``: the name of the list, which may tell whose it is."""
    try:
        return _first_that_fits(source, target, policy, named or source.name)
    except (Unstreamable, ValueError, OSError):
        return (
            None  # also where reading or writing fails: the exact path meets it again and says so
        )


def masked_rows(
    source: Path, target: Path, policy: Policy, delimiter: str, titles: int
) -> Streamed | None:
    """The same of records in UTF-8 of which it is known what divides their cells, and that the first
    ``titles`` of them are column titles."""
    try:
        kind = Kind(Encoding("utf-8", b""), delimiter, "csv", titles)
        return _spread_too(_Run(kind, policy, source, target, source.name))
    except (Unstreamable, ValueError, OSError):
        return None


def _strong(run: _Run) -> Streamed:
    """Masked; once more with coarser columns where the rows of the list tell too much."""
    try:
        return _spread_too(run)
    except Weak as error:
        return _spread_too(run.anew(policy=with_rules(run.policy, error.fields)))


def _spread_too(run: _Run) -> Streamed:
    """Masked; once more where a value that is hidden stands elsewhere too."""
    try:
        return run.done()
    except Elsewhere as error:
        return run.anew(spread=error.tally).done()


def _first_that_fits(source: Path, target: Path, policy: Policy, named: str) -> Streamed:
    """Masked in the encoding that the file turns out to have: its head may fit several."""
    policy = effective(policy) if policy.reshapes else policy
    for name, mark in encodings(source):
        try:
            kind = kind_of(source, Encoding(name, mark))
            return _strong(_Run(kind, policy, source, target, named))
        except UnicodeDecodeError:
            continue
    raise Unstreamable


@dataclass(frozen=True, slots=True)
class _Doubtful:
    """A window of the output that has to be judged once more: where it stands, what its records look
    like, and under what its columns were scanned."""

    start: int
    size: int
    shape: int
    settings: list[Setting]


class _Output:
    """What is masked, on its way to the file: written, read back and compared in another thread,
    which adds up both files' digests too and holds no more than a few windows."""

    def __init__(self, writer: BinaryIO, back: BinaryIO, aside: Executor) -> None:
        self._writer, self._back, self._aside = writer, back, aside
        self._pending: deque[Future[None]] = deque()
        self._fresh: list[bytes] = []
        self.read, self.written = hashlib.sha256(), hashlib.sha256()

    def note(self, data: bytes) -> None:
        """Have bytes of the source added to its digest, with what is written next."""
        self._fresh.append(data)

    def write(self, raw: bytes) -> None:
        """Have the next bytes written. Raises Unstreamable where earlier ones came back as others."""
        self._pending.append(self._aside.submit(self._write, raw, self._fresh))
        self._fresh = []
        while len(self._pending) > _AHEAD:
            self._pending.popleft().result()

    def _write(self, raw: bytes, read: Sequence[bytes]) -> None:
        for data in read:
            self.read.update(data)
        self._writer.write(raw)
        again = self._back.read(len(raw))
        if again != raw:
            raise Unstreamable
        self.written.update(again)

    def finish(self) -> None:
        """Wait until everything is in the file. Raises the same."""
        self.write(b"")
        while self._pending:
            self._pending.popleft().result()


_AHEAD = 4
"""Windows that may wait for their turn."""


@dataclass
class _Run:
    """Masks, and verifies what is in the file then; with what is hidden in ``spread`` hidden
    wherever it stands."""

    kind: Kind
    policy: Policy
    source: Path
    target: Path
    named: str
    spread: Tally | None = None
    doubtful: list[_Doubtful] = field(default_factory=list)
    shape: int = 0
    size: int = 0

    def anew(self, policy: Policy | None = None, spread: Tally | None = None) -> _Run:
        """The same from the beginning, under another policy or with more to hide."""
        wanted = policy or self.policy
        return _Run(self.kind, wanted, self.source, self.target, self.named, spread)

    def done(self) -> Streamed:
        """Raises Unstreamable where the exact path has to do it, or to say what is wrong."""
        first = Pass(self.kind, self.policy, spread=self.spread, graded=True)
        from concurrent.futures import ThreadPoolExecutor

        with (
            self.source.open("rb") as reader,
            self.target.open("wb", buffering=0) as writer,
            self.target.open("rb", buffering=0) as back,
            ThreadPoolExecutor(1) as aside,
        ):
            out = _Output(writer, back, aside)
            self._mask(first, Reader(reader, self.kind, out.note), out)
            os.fsync(writer.fileno())
        try:
            self._verify(first)
        except Elsewhere as error:
            error.tally = first.tally
            if self.spread is not None:
                raise Unstreamable from None
            raise
        tally = first.tally
        return Streamed(
            self.kind.name,
            tally.found,
            tally.changed,
            {key: tally.columns[key] for key in sorted(tally.columns, key=tally.first.__getitem__)},
            first.remarks(),
            out.read.hexdigest(),
            out.written.hexdigest(),
            first.notes,
            [place_of(*at) for at in sorted(first.minors)],
            self._reshaped(first),
        )

    def _reshaped(self, first: Pass) -> Reshaping | None:
        """What the field rules came to. Raises Weak where they do not go far enough."""
        if first.shape is None or first.shape.grades is None:
            return None
        grades = first.shape.grades
        counted = grades.counted(first.notes, self.named)
        return Reshaping(first.shape.ruling.result(), counted, namesakes_listed(grades.namesakes()))

    def _mask(self, first: Pass, reader: Reader, out: _Output) -> None:
        """Mask all windows; what each should be is looked at while another thread writes it and
        reads it back."""
        recheck = Recheck(first)
        out.write(self.kind.encoding.mark)
        self.size = len(self.kind.encoding.mark)
        for data, cuts in reader.windows():
            masked = first.window(data, cuts)
            made = masked.reshaped or Reshaped(masked.data, masked.grid)
            raw = self.kind.written(made.data)
            out.write(raw)
            shape = made.grid.outline()
            self.shape = made.grid.outline(self.shape)
            shown = masked.data if masked.reshaped else self.kind.read(raw)
            if not recheck.is_settled(masked, shown) and not masked.reshaped:
                place = _Doubtful(self.size, len(raw), shape, first.settings(masked.block))
                self.doubtful.append(place)
            self.size += len(raw)
        out.finish()
        first.columns.settle()

    def _verify(self, first: Pass) -> None:
        """Open the output afresh: it has the same cells, and holds nothing to hide."""
        if self.target.stat().st_size != self.size:
            raise Unstreamable
        tally = first.tally
        told = not (tally.names or tally.numbers or len(tally.left) > KNOWN)
        if first.shape or not told or not self._verify_doubtful(first):
            self._verify_all(first)
        if told:
            for text in tally.left:
                tally.refuse(text)
        elif first.shape and first.shape.ruling.gone:
            self._verify_source(first)
        if tally.kept:
            self._seek(tally.kept)

    def _verify_doubtful(self, first: Pass) -> bool:
        """Judge once more what is not beyond doubt; False where that says nothing of the rest."""
        again = first.again()
        with self.target.open("rb") as stream:
            for place in self.doubtful:
                stream.seek(place.start)
                again.titles = 0 if place.start > len(self.kind.encoding.mark) else again.titles
                masked = again.window(self.kind.read(stream.read(place.size)))
                if masked.grid.outline() != place.shape:
                    raise Unstreamable
                if again.settings(masked.block) != place.settings:
                    return False
        again.columns.settle()
        if again.tally.changed:
            raise Unstreamable
        return True

    def _verify_all(self, first: Pass) -> None:
        """Judge the whole output once more."""
        again = first.again()
        shape = 0
        with self.target.open("rb") as stream:
            for data, cuts in Reader(stream, self.kind).windows():
                shape = again.window(data, cuts).grid.outline(shape)
        again.columns.settle()
        if again.shape and again.shape.ruling.gone:
            raise Unstreamable
        if again.tally.changed or shape != self.shape:
            raise Unstreamable

    def _verify_source(self, first: Pass) -> None:
        """Look through what is left of the source, the columns that go too: a hidden value that
        stands there is counted like any other."""
        search = Pass(self.kind, self.policy, first.tally, spread=self.spread)
        with self.source.open("rb") as stream:
            for data, cuts in Reader(stream, self.kind).windows():
                search.window(data, cuts)

    def _seek(self, kept: set[str]) -> None:
        """Look through the source for numbers that stay in one place and are hidden in another."""
        seek = frozenset(
            run[at : at + size]
            for run in kept
            for size in (11, 16, 17, 18, 19)
            for at in range(len(run) - size + 1)
        )
        if not seek:
            return
        search = Pass(self.kind, self.policy, seek=seek)
        with self.source.open("rb") as stream:
            for data, cuts in Reader(stream, self.kind).windows():
                search.window(data, cuts)
