"""Rows in which an ID number is written over cells side by side, found from how many digits each has."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deid import vector
from deid.sheets.cells import SHARED, Window
from deid.sheets.strings import SharedStrings
from deid.vector import Bytes, Flags, Places


def split_ids(window: Window, strings: SharedStrings, digits: Places, count: int) -> Flags:
    """Rows in which an ID number is written over cells side by side."""
    found = np.zeros(count, bool)
    here = np.flatnonzero(digits)
    if not len(here):
        return found
    width = int(window.column.max()) + 1
    sizes = np.zeros((width, count), np.int16)
    sizes[window.column[here], window.row[here]] = digits[here]
    # Digits so far and cells so far, in neighbouring cells that hold nothing else.
    run, cells = np.zeros(count, np.int16), np.zeros(count, np.int16)
    maybe = np.zeros(count, bool)
    for line in sizes:
        full = line > 0
        run += line
        run *= full
        cells += 1
        cells *= full
        maybe |= (run >= 18) & (cells > 1)
    maybe[maybe] = _adds_up(sizes[:, maybe])
    rows = np.flatnonzero(maybe)
    if len(rows):
        among = np.full(count, -1, np.int64)
        among[rows] = np.arange(len(rows))
        here = here[maybe[window.row[here]]]
        places = np.full((len(rows), width), -1, np.int64)
        places[among[window.row[here]], window.column[here]] = here
        found[rows] = _holds_id(window, strings, places, sizes[:, rows].T.astype(np.int64))
    return found


def _holds_id(window: Window, strings: SharedStrings, places: Places, sizes: Places) -> Flags:
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
        text, full = _digit_texts(window, strings, places[here, column])
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


def _digit_texts(window: Window, strings: SharedStrings, cells: Places) -> tuple[Bytes, Places]:
    """The first 18 bytes of cells and how many they have; -1 where they are not plain."""
    stored = window.stored[cells] == SHARED
    text = np.zeros((len(cells), 18), np.uint8)
    size = np.full(len(cells), -1, np.int64)
    numbers = window.shared[cells[stored]]
    local = cells[~stored]
    spans = (
        (stored, strings.bytes, *strings.spans(numbers), strings.plain[numbers]),
        (~stored, window.bytes, window.first[local], window.last[local], window.plain[local]),
    )
    for chosen, source, starts, ends, plain in spans:
        if len(starts):
            view: Any = np.ndarray((len(source) - 18,), "V18", source, strides=(1,))
            text[chosen] = np.frombuffer(view[starts].tobytes(), np.uint8).reshape(-1, 18)
            size[chosen] = np.where(plain, ends - starts, -1)
    return text, size


def _adds_up(sizes: npt.NDArray[np.int16]) -> Flags:
    """Rows with neighbouring cells, more than one, that have 18 digits together; a line a column."""
    found = np.zeros(sizes.shape[1], bool)
    for first in range(len(sizes) - 1):
        total = sizes[first].copy()
        alive = total > 0
        for line in sizes[first + 1 : first + 18]:
            alive &= (line > 0) & (total < 18)
            if not alive.any():
                break
            total += line
            found |= alive & (total == 18)
    return found
