"""Large text files, masked and verified by the lines that matter; the others are copied as they are.

It gives what the exact path gives, or nothing: a list, a file in several encodings, lines of several
megabytes, a policy that reshapes are left to it, and so is whatever does not come out clean.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deid.columns import Profile
from deid.examine import TITLES, Work, take
from deid.formats import magic
from deid.formats.encoding import Encoding, detect, splice
from deid.mask import apply_edits, edits_for
from deid.model import Edit, Finding, Remark, Text
from deid.notices.gates import unforeseen
from deid.notices.reading import Reading, Unfit, read
from deid.policy import Policy
from deid.prose import Known, is_pasted, scan_texts
from deid.tables import MOST_TEXTS, date_of_texts


@dataclass(frozen=True, slots=True)
class Noticed:
    """A file that was masked and verified: counts for the report."""

    work: Work
    found: Counter[str]
    changed: int
    output_sha256: str
    source_sha256: str
    remarks: Sequence[Remark] = ()
    columns: Mapping[tuple[int, Profile], int] = field(default_factory=dict)
    format: str = "txt"


def masked(source: Path, target: Path, policy: Policy) -> Noticed | None:
    """``source`` masked into ``target`` and verified, or None when the exact path has to do it."""
    if unforeseen():
        return None
    try:
        magic.require(source, "text", "empty", "html", "xml")
        return _masked(source, target, policy)
    except (Unfit, ValueError, OSError):
        return None  # where reading or writing fails the exact path meets it again and says so


def _masked(source: Path, target: Path, policy: Policy) -> Noticed:
    data = source.read_bytes()
    encoding = _encoding(data)
    known = Known(listless=True)
    reading = read(data, encoding)
    work = _examined(reading, policy, known)
    _spread(reading, work, policy)
    with target.open("wb") as stream:
        for piece in _spliced(data, encoding, work):
            stream.write(piece)
        stream.flush()
        os.fsync(stream.fileno())
    output = target.read_bytes()
    if work.edits or output != data:
        _verify(data, output, reading, work, policy, known)
    return Noticed(
        work,
        work.found,
        sum(map(len, work.edits.values())),
        hashlib.sha256(output).hexdigest(),
        hashlib.sha256(data).hexdigest(),
    )


def _encoding(data: bytes) -> Encoding:
    """The encoding of a file that has one. Raises Unfit, UnreadableFile."""
    encoding = detect(data)
    if encoding.odd or encoding.width > 1 or data.count(b"\r") != data.count(b"\r\n"):
        raise Unfit
    return encoding


def _examined(reading: Reading, policy: Policy, known: Known) -> Work:
    """Findings and edits of the lines that matter (``deid.examine`` for a file without tables)."""
    texts = reading.texts(known)
    if is_pasted(texts):
        raise Unfit
    work = Work()
    work.reference = _reference(reading)
    for found in scan_texts(texts, work.reference, known):
        part = found.text
        if part.place and found.findings:
            take(work, part.place, part.text, found.findings, policy, part.star, False)
    work.numbers.titles += [reading.lines[at] for at in reading.filled[:TITLES]]
    return work


def _reference(reading: Reading) -> datetime.date | None:
    """The day that the lines name; a long text has none (``deid.tables``)."""
    if len(reading.filled) >= MOST_TEXTS:
        return None
    return date_of_texts([Text("", reading.lines[at]) for at in reading.filled])


def _spread(reading: Reading, work: Work, policy: Policy) -> None:
    """Hide everywhere what is hidden somewhere (``deid.examine.propagate``)."""
    if not len(work.hidden):
        return
    for number in reading.filled:
        text = reading.lines[number]
        place = f"L{number}"
        edits = work.edits.get(place, [])
        fresh = [
            Finding(start, end, entity, 0.9, "同一文件别处已隐藏")
            for start, end, entity in work.hidden.find(text)
            if not any(edit.start < end and start < edit.end for edit in edits)
        ]
        if fresh:
            more = edits_for(text, fresh, policy, place=place)
            work.edits[place] = sorted([*edits, *more], key=lambda edit: edit.start)
            work.found.update(item.entity for item in fresh)


def _spliced(data: bytes, encoding: Encoding, work: Work) -> Sequence[bytes]:
    """The bytes of the file with the edits in them."""
    pieces: list[bytes] = []
    done = start = len(encoding.mark)
    pieces.append(data[:done])
    number = 0
    for at, edits in sorted((int(place[1:]), some) for place, some in work.edits.items()):
        while number < at:
            start = data.index(b"\n", start) + 1
            number += 1
        end = data.find(b"\n", start)
        raw = data[start : end if end >= 0 else len(data)]
        pieces.append(data[done:start])
        pieces += _changed(raw, encoding, edits)
        done = start + len(raw)
    pieces.append(data[done:])
    return pieces


def _changed(raw: bytes, encoding: Encoding, edits: Sequence[Edit]) -> Sequence[bytes]:
    text, codec = encoding.decode(raw)
    return list(splice(raw, text, codec, ((e.start, e.end, e.replacement) for e in edits)))


def _verify(
    data: bytes, output: bytes, before: Reading, work: Work, policy: Policy, known: Known
) -> None:
    """Raises Unfit unless the file as written, read afresh, holds nothing that goes and is else as
    it was."""
    encoding = _encoding(output)
    if encoding != _encoding(data):
        raise Unfit
    after = read(output, encoding)
    if _examined(after, policy, known).edits or len(after.lines) != len(before.lines):
        raise Unfit
    edits = {int(place[1:]): some for place, some in work.edits.items()}
    expected = list(before.lines)
    for number, some in edits.items():
        expected[number] = apply_edits(expected[number], some)
    if after.lines != expected or data.count(b"\r") != output.count(b"\r"):
        raise Unfit
    if any(next(iter(work.hidden.find(line)), None) for line in after.lines):
        raise Unfit
    if work.hidden.in_bytes(output):
        raise Unfit
