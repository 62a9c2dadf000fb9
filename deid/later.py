"""Regular expressions that are compiled when they are first used.

A small list uses one rule in three, and compiling them all takes longer than masking it.
"""

from __future__ import annotations

import re
from typing import cast

from deid.errors import PatternError

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub")


class _Later:
    """Becomes its pattern at the first touch: from then on the methods are the pattern's own."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            pattern = re.compile(self._source)
        except re.error as error:
            raise PatternError(f"patterns/ 里有不合法的表达式（{error.msg}）") from None
        self.__dict__.update({method: getattr(pattern, method) for method in _METHODS})
        return getattr(pattern, name)


def later(source: str) -> re.Pattern[str]:
    """The pattern, compiled when it is first used.

    >>> later(r"[0-9]+").search("室201").group()
    '201'
    """
    return cast("re.Pattern[str]", _Later(source))
