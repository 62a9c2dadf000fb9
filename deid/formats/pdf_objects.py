"""Small safe reads of PDF objects: what kind a value is, numbers, dictionaries that may be absent."""

from __future__ import annotations

from typing import Any


def kind(value: Any) -> str:
    """``dict``, ``array``, ``stream``, ``name``, ``string`` or ``plain`` (number, truth value, null)."""
    import pikepdf

    if isinstance(value, pikepdf.Stream):
        return "stream"
    if isinstance(value, pikepdf.Dictionary):
        return "dict"
    if isinstance(value, pikepdf.Array):
        return "array"
    if isinstance(value, pikepdf.Name):
        return "name"
    return "string" if isinstance(value, pikepdf.String) else "plain"


def number(value: Any, default: float) -> float:
    """A number object as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def items(value: Any) -> list[Any]:
    """The items of an array; nothing for any other value."""
    return list(value) if kind(value) == "array" else []


def fields(value: Any) -> Any:
    """A dictionary, or that of a stream; an empty one for any other value."""
    if kind(value) in ("dict", "stream"):
        return value
    return {}


def numbers(value: Any, count: int, default: tuple[float, ...]) -> tuple[float, ...]:
    """An array of ``count`` numbers, or the default."""
    found = items(value)
    if len(found) != count:
        return default
    return tuple(number(item, other) for item, other in zip(found, default, strict=True))
