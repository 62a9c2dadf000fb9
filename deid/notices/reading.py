"""A large text file -> the lines that may hold something, and those beside them.

What is left out holds nothing wherever it stands, and changes nothing for the lines that are kept:
``deid.prose`` makes of them what it makes of all. A file whose lines make a list is none of ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from deid.fields import NO_LABEL
from deid.formats.encoding import Encoding
from deid.lists import BARS, LEAST_ROWS, VISIBLE, may_begin
from deid.lists import SHARE as SHARE_OF_ALIKE
from deid.model import Text
from deid.notices.characters import BAR, SPACE
from deid.notices.gates import Ints, Lines, sort_out
from deid.prose import DELIMITERS, SHARE, Known, holds_lists, is_label, is_list, labelled
from deid.wrapped import may_go_on

BLOCK = 1 << 18
_LONGEST = 4 << 20
"""Bytes of a line from which on a block is no longer one."""
_FIRST = 40
"""So many lines in front are kept: the title is among them."""
_BESIDE = 2
_FILLER = "。" * 64
"""Stands for what is left out: no label, too long for a value, and nothing in it."""


class Unfit(Exception):
    """The exact path has to read the file."""


@dataclass
class Reading:
    """The lines of a file, and which of them are kept."""

    lines: list[str] = field(default_factory=list)
    """All of them, without their line ends."""
    starts: list[int] = field(default_factory=list)
    """The number of the first line of each block."""
    filled: list[int] = field(default_factory=list)
    """Numbers of the lines that have any character."""
    blank: list[int] = field(default_factory=list)
    """Those with nothing but blanks."""
    suspects: list[int] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """Those that end in a digit, which a number may do that goes on in the next."""
    titles: list[int] = field(default_factory=list)
    """Those that may be titles of a list."""
    numbered: list[int] = field(default_factory=list)
    """Those with a number of seven digits, and by what each is divided how often."""
    divided: list[Ints] = field(default_factory=list)
    several: int = 0
    widths: dict[str, Counter[int]] = field(default_factory=dict)

    def is_listlike(self) -> bool:
        """Whether the lines may be a list by what divides them (``deid.prose``)."""
        least = max(3, SHARE * (len(self.filled) - len(self.blank)))
        return self.several >= least or any(
            max(counts.values(), default=0) >= least for counts in self.widths.values()
        )

    def texts(self, known: Known) -> list[Text]:
        """The lines that are worth reading, a filler for each stretch that is left out."""
        order = {number: n for n, number in enumerate(self.filled)}
        close = {order[at] for at in self.suspects if known.scan(self.lines[at])}
        close.update(order[at] for at in self.begun if _may_be_labelled(self.lines[at]))
        close.update(order[at] for at in self.ends if may_go_on(*self._pair(order[at])))
        kept = {*range(min(_FIRST, len(self.filled))), *(order[at] for at in self.blank)}
        for n in close:
            kept.update(range(max(0, n - _BESIDE), min(len(self.filled), n + _BESIDE + 1)))
            kept.update(self._value_below(n))
        suspects = set(self.suspects)
        for n in kept:
            if self.filled[n] not in suspects:
                known.pass_over(self.lines[self.filled[n]])
        found: list[Text] = []
        done = -1
        for n in sorted(kept):
            if n > done + 1:
                found.append(Text("", _FILLER))
            found.append(Text(f"L{self.filled[n]}", self.lines[self.filled[n]]))
            done = n
        if done + 1 < len(self.filled):
            found.append(Text("", _FILLER))
        return found

    def _pair(self, n: int) -> tuple[str, str]:
        """A line and the next."""
        following = self.filled[n + 1] if n + 1 < len(self.filled) else self.filled[n]
        return self.lines[self.filled[n]], self.lines[following]

    def _value_below(self, n: int) -> Iterator[int]:
        """The next line that is not blank: it may hold the value of a label."""
        for at in range(n + 1, len(self.filled)):
            if not self.lines[self.filled[at]].isspace():
                yield at
                return


def blocks(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Where stretches of whole lines begin and end."""
    while start < len(data):
        end = data.find(b"\n", min(start + BLOCK, len(data))) + 1 or len(data)
        if end - start > _LONGEST:
            raise Unfit
        yield start, end
        start = end


def decoded(data: bytes, encoding: Encoding) -> str:
    """The text of a stretch of whole lines, every line end LF."""
    text, _ = encoding.decode(data)
    return text.replace("\r\n", "\n") if "\r" in text else text


def read(data: bytes, encoding: Encoding) -> Reading:
    """The lines and what they look like. Raises Unfit for what may be a list, or is odd."""
    reading = Reading()
    for start, end in blocks(data, len(encoding.mark)):
        text = decoded(data[start:end], encoding)
        lines = sort_out(text[:-1] if text.endswith("\n") else text)
        base = len(reading.lines)
        reading.starts.append(base)
        reading.lines += lines.texts
        reading.filled += (lines.filled + base).tolist()
        reading.blank += (np.flatnonzero(lines.blank) + base).tolist()
        reading.suspects += [base + at for at in lines.suspects]
        reading.begun += [base + at for at in lines.begun]
        reading.several += int((lines.words >= 3).sum())
        reading.ends += [base + at for at in lines.ends]
        reading.titles += [base + at for at in lines.titles]
        if lines.numbered.size:
            reading.numbered += (lines.numbered + base).tolist()
            reading.divided.append(_divided(lines))
        _count(reading, lines)
    if _is_list(reading):
        raise Unfit
    return reading


def _is_list(reading: Reading) -> bool:
    """Whether the lines are a list or hold one."""
    whole = reading.is_listlike()
    if whole or any(may_begin(reading.lines[at]) for at in reading.titles):
        texts = [Text("", reading.lines[at]) for at in reading.filled]
        if (whole and is_list(texts)) or holds_lists(texts):
            return True
    return any(holds_lists([Text("", line) for line in some]) for some in _alike(reading))


def _alike(reading: Reading) -> Iterator[list[str]]:
    """Lines with long numbers that stand together and are divided alike (``deid.lists.runs``)."""
    if len(reading.numbered) < LEAST_ROWS:
        return
    blank = set(reading.blank)
    order = {number: n for n, number in enumerate(at for at in reading.filled if at not in blank)}
    places = np.array([order[at] for at in reading.numbered])
    divided = np.concatenate(reading.divided)
    edges = [0, *(np.flatnonzero(np.diff(places) > 2) + 1).tolist(), places.size]
    for start, end in pairwise(edges):
        if end - start >= LEAST_ROWS and _are_alike(divided[start:end]):
            yield [reading.lines[at] for at in reading.numbered[start:end]]


def _are_alike(divided: Ints) -> bool:
    """Whether most lines have as many fields, by one of what may divide them."""
    least = max(LEAST_ROWS, SHARE_OF_ALIKE * len(divided))
    if divided[:, -1].any():  # a frame, or quotes, change how many fields there are
        return True
    for column in divided[:, :-1].T:
        counts = np.bincount(column)
        if counts[2:].max(initial=0) >= least:
            return True
    return False


def _divided(lines: Lines) -> Ints:
    """Of the lines with long numbers, how often each is divided, less one for words; and whether
    there is what makes counting unsure."""
    count = len(lines.texts)
    codes = np.frombuffer(lines.folded.encode("utf-16-le", "surrogatepass"), np.uint16)
    columns = []
    for delimiter in VISIBLE:
        if delimiter not in BARS:
            columns.append(_per_line(lines, codes == ord(delimiter), count)[lines.numbered])
    columns.append(np.maximum(lines.words[lines.numbered] - 1, 0))
    space = lines.kinds & SPACE != 0
    wide = _per_line(lines, space[:-1] & space[1:], count)[lines.numbered]
    unsure = _per_line(lines, (lines.kinds & BAR != 0) | (codes == ord('"')), count)
    columns.append(np.maximum(unsure[lines.numbered], wide))
    return np.stack(columns, axis=1).astype(np.int64)


def _per_line(lines: Lines, marks: npt.NDArray[np.bool_], count: int) -> Ints:
    places = np.flatnonzero(marks)
    return np.bincount(np.searchsorted(lines.starts, places, side="right") - 1, minlength=count)


def _count(reading: Reading, lines: Lines) -> None:
    """Count how many lines are divided how often by what may divide a list."""
    for delimiter in DELIMITERS:
        if len(delimiter) > 1 or (delimiter.isspace() and delimiter != "\t"):
            continue  # told by the number of words
        places = np.flatnonzero(lines.codes == ord(delimiter))
        if places.size:
            at = np.searchsorted(lines.starts, places, side="right") - 1
            counts = np.bincount(np.bincount(at)).tolist()
            own = reading.widths.setdefault(delimiter, Counter())
            own.update({width: many for width, many in enumerate(counts) if width >= 2})


@lru_cache(maxsize=1 << 12)
def _may_be_labelled(text: str) -> bool:
    """Whether a line begins with a label or is one."""
    return labelled(text)[0] is not NO_LABEL or is_label(text)
