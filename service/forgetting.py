"""What the library remembers of texts, forgotten: its memories are bounded by their number, one
client's texts may be long, and nobody's should stay longer than the work on them."""

from __future__ import annotations

import sys
from collections.abc import Callable

_known: list[Callable[[], None]] = []
_seen = 0


def forget() -> None:
    """Clear what the library remembers of texts. What it remembers of its own data has no bound, and
    stays."""
    global _seen
    if len(sys.modules) != _seen:  # a library that is loaded late brings memories of its own
        _seen = len(sys.modules)
        _known[:] = _memories()
    for clear in _known:
        clear()


def _memories() -> list[Callable[[], None]]:
    found: dict[int, Callable[[], None]] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "deid":
            for each in list(vars(module).values()):
                told = getattr(each, "cache_parameters", None)
                if told is not None and told()["maxsize"]:
                    found[id(each)] = each.cache_clear
    tables = sys.modules.get("deid.tables")
    return [*found.values(), *([tables.forget_cells] if tables else [])]
