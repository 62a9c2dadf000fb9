"""Replaced stretches of bytes: written as asked for, and nothing else is ever taken for the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deid.sheets.splices import Spans, Splices, joined, merged, splice


@st.composite
def cases(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    data = draw(st.binary(max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=10)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return data, [(a, b, draw(st.binary(max_size=4))) for a, b in pairs]


def arrays(edits: list[tuple[int, int, bytes]]) -> Splices:
    news = sorted({new for _, _, new in edits})
    return Splices(
        np.array([a for a, _, _ in edits], np.int64),
        np.array([b for _, b, _ in edits], np.int64),
        np.array([news.index(new) for _, _, new in edits], np.int64),
        news,
    )


def expected(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for a, b, new in reversed(edits):
        data = data[:a] + new + data[b:]
    return data


@given(cases())
def test_splice(case: tuple[bytes, list[tuple[int, int, bytes]]]) -> None:
    data, edits = case
    splices = arrays(edits)
    out = splice(data, splices)
    assert out == expected(data, edits)
    assert splices.spans().same(data, out)


@given(cases(), st.integers(0, 80), st.integers(1, 255))
def test_any_other_change_is_told(
    case: tuple[bytes, list[tuple[int, int, bytes]]], at: int, by: int
) -> None:
    data, edits = case
    splices = arrays(edits)
    out = bytearray(splice(data, splices))
    sizes = [len(new) for _, _, new in edits]
    inside, moved = set(), 0
    for (a, b, _), size in zip(edits, sizes, strict=True):
        inside |= set(range(a + moved, a + moved + size))
        moved += size - (b - a)
    if at < len(out) and at not in inside:
        out[at] ^= by
        assert not splices.spans().same(data, bytes(out))
    assert not splices.spans().same(data, bytes(out) + b"x")


def test_spans_out_of_order_are_never_the_same() -> None:
    spans = Spans(np.array([4, 1]), np.array([5, 2]), np.array([1, 1]))
    assert not spans.same(b"abcdefg", b"abcdefg")


def test_parts_are_put_in_order() -> None:
    one, two = arrays([(0, 1, b"x"), (4, 5, b"yy")]), arrays([(2, 3, b"")])
    whole = merged([one, two])
    assert splice(b"abcdefg", whole) == b"xbdyyfg"
    assert joined([]).same(b"a", b"a")
    assert joined([one.spans()]).same(b"abcdefg", b"xbcdyyfg")
