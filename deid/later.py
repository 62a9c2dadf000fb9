"""Regular expressions that are made when they are first used: read where they can be, else compiled.

A small list uses one rule in three, and compiling those takes a quarter of the whole run: in Python
up to 3.13 each class of Han characters alone costs most of a millisecond. So what ``re`` makes of our
expressions stands in ``patterns/expressions.json``, written by ``patterns/update/expressions.py``, with
the versions of its engine that run just these words. Nothing depends on it: an expression that is not
there, or a Python that is not named there, compiles as ever, and the tests compare every entry with
what ``re`` makes of it.
"""

from __future__ import annotations

import json
import re
import sys
from binascii import a2b_base64
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, cast
from zlib import decompress, error

from deid.data import patterns_dir
from deid.errors import PatternError

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub")
EXPRESSIONS = "expressions.json"
DECLARED: set[str] = set()
"""Every expression that was declared so far: what ``patterns/update/expressions.py`` writes down."""


class _Later:
    """Becomes its pattern at the first touch: from then on the methods are the pattern's own."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            pattern = compiled(self._source)
        except re.error as error:
            raise PatternError(f"patterns/ 里有不合法的表达式（{error.msg}）") from None
        self.__dict__.update({method: getattr(pattern, method) for method in _METHODS})
        return getattr(pattern, name)


def later(source: str) -> re.Pattern[str]:
    """The pattern, made when it is first used. Never for an expression made of a list's content.

    >>> later(r"[0-9]+").search("室201").group()
    '201'
    """
    DECLARED.add(source)
    return cast("re.Pattern[str]", _Later(source))


def compiled(source: str) -> re.Pattern[str]:
    """What ``re.compile`` makes of the expression, read where it is known. Raises re.error."""
    entry = _known().get(json.dumps(source, ensure_ascii=False).encode("utf-8", "replace"))
    if entry:
        # Words that the engine would not run (it checks them), or a damaged line.
        with suppress(ValueError, TypeError, RuntimeError, error):
            return _read(source, entry)
    return re.compile(source)


@cache
def _known() -> dict[bytes, bytes]:
    """Expression, as JSON writes it -> the rest of its line; nothing for another engine."""
    try:
        head, *lines = (patterns_dir() / EXPRESSIONS).read_bytes().split(b",\n")
        engines = json.loads(head.partition(b": ")[2])
    except (OSError, ValueError):
        return {}
    engine = cast("Any", sys.modules["_sre"])
    if engine.MAGIC not in engines or engine.CODESIZE != 4 or sys.byteorder != "little":
        return {}
    parts = (line.partition(b": [") for line in lines)
    return {source: entry.rpartition(b"]")[0] for source, _, entry in parts}


def _read(source: str, entry: bytes) -> re.Pattern[str]:
    flags, groups, names, packed = json.loads(b"[%b]" % entry)
    words = memoryview(decompress(a2b_base64(packed))).cast("I").tolist()
    named: list[str | None] = [None] * (groups + 1)
    for name, group in names.items():
        named[group] = name
    make = cast("Callable[..., re.Pattern[str]]", sys.modules["_sre"].compile)
    return make(source, flags, words, groups, names, tuple(named))
