"""Pattern files -> Entity: what an identifier looks like, under which headers, with which examples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from deid.checks import CHECKS
from deid.data import load_yaml, patterns_dir
from deid.errors import PatternError
from deid.later import compiled, later

# What may stand between two digits of one number, in folded text. {s}: anywhere; {g}: between
# groups; {w}: one more letter or digit of a value whose column says what it is.
_MACROS = {
    "{s}": "[ \\t\\r\\n\\-.·_\u200b]{0,3}",
    "{g}": "(?:[ \\-.·\u200b_]{1,2})",
    "{w}": "(?:[^\\u4e00-\\u9fffA-Za-z0-9\\0]{0,6}[0-9A-Za-z])",
}
_KINDS = ("direct", "quasi", "sensitive")
_KEYS = frozenset(
    ("entity", "label", "kind", "headers", "context", "public", "find", "column", "examples")
)
_FIND_KEYS = frozenset(("regex", "score", "checks", "needs_label"))


class Pattern(NamedTuple):
    """One form of an entity in folded text. ``source`` is its regex, compiled when first used."""

    source: str
    score: float
    checks: tuple[str, ...]
    needs_label: bool

    @property
    def regex(self) -> re.Pattern[str]:
        return _compiled(self.source)


class Example(NamedTuple):
    """A text (perhaps under a column header) that must, or must not, hold the entity."""

    text: str
    header: str | None


class Entity(NamedTuple):
    """A kind of identifier. ``kind`` is GB/T 37964's: direct, quasi or sensitive.

    ``public``: agencies have such a thing too, and theirs stays. ``column``: what a value that
    stands under one of the entity's headers looks like at least, however broken.
    """

    name: str
    label: str
    kind: str
    headers: tuple[str, ...]
    context: tuple[str, ...]
    public: bool
    find: tuple[Pattern, ...]
    column_source: str
    hit: tuple[Example, ...]
    miss: tuple[Example, ...]

    @property
    def column(self) -> re.Pattern[str] | None:
        return _compiled(self.column_source) if self.column_source else None


def _spelled_out(source: str) -> str:
    """A regex of a pattern file with its macros replaced."""
    for macro, meaning in _MACROS.items():
        source = source.replace(macro, meaning)
    return source


_LEAD = later(
    r"(?P<behind>(?:\(\?<!(?:\\d|\[[^\]\\]*(?:\\d[^\]\\]*)?\])+\))+)"
    r"(?P<first>\\d|\[[^\]^\\][^\]\\]*(?:\\d[^\]\\]*)?\]|[0-9A-Za-z])"
    r"(?:\{(?P<least>[1-9]\d*)(?:,(?P<most>\d+))?\}|(?![{*+?|]))"
)


def class_first(source: str) -> str:
    """The same regex with its first character before the lookbehinds: a search then skips to it.

    >>> class_first(r"(?<!\\d)\\d{17}[\\dXx]")
    '\\\\d(?<!\\\\d\\\\d)\\\\d{16}[\\\\dXx]'
    """
    lead = _LEAD.match(source)
    if not lead or _either(source) or lead["behind"].count(")") != lead["behind"].count("(?<!"):
        return source
    first, rest = lead["first"], ""
    if lead["least"]:
        most = f",{int(lead['most']) - 1}" if lead["most"] else ""
        rest = f"{first}{{{int(lead['least']) - 1}{most}}}"
    behind = lead["behind"].replace(")", f"{first})")
    return f"{first}{behind}{rest}{source[lead.end() :]}"


def _either(source: str) -> bool:
    """Whether the regex has alternatives outside of brackets."""
    depth = 0
    for char in re.sub(r"\\.|\[[^\]]*\]", "", source):
        depth += (char == "(") - (char == ")")
        if char == "|" and not depth:
            return True
    return False


@cache
def _compiled(source: str) -> re.Pattern[str]:
    """Compiling all forms would cost a small list more time than masking it."""
    try:
        return compiled(class_first(source))
    except re.error as error:
        raise PatternError(f"patterns/entities: regex 不合法（{error.msg}）") from None


def _pattern(raw: Mapping[str, Any], where: str) -> Pattern:
    if not {"regex", "score"} <= set(raw) <= _FIND_KEYS:
        raise PatternError(f"{where}: find 的键应为 {sorted(_FIND_KEYS)}")
    checks = tuple(raw.get("checks", ()))
    for check in checks:
        if check not in CHECKS:
            raise PatternError(f"{where}: 没有名为 {check} 的校验")
    return Pattern(
        _spelled_out(raw["regex"]), float(raw["score"]), checks, bool(raw.get("needs_label", False))
    )


def _example(raw: object) -> Example:
    if isinstance(raw, Mapping):
        return Example(str(raw["text"]), str(raw["header"]))
    return Example(str(raw), None)


def read_entity(path: Path) -> Entity:
    """The entity that one file describes. Raises PatternError that names file and key."""
    raw = load_yaml(path)
    where = path.name
    if not isinstance(raw, dict) or set(raw) != _KEYS:
        odd = sorted(set(raw) ^ _KEYS) if isinstance(raw, dict) else []
        raise PatternError(f"{where}: 缺少或多出的键 {odd}")
    if raw["kind"] not in _KINDS:
        raise PatternError(f"{where}: kind 应为 {'、'.join(_KINDS)} 之一")
    examples = raw["examples"]
    return Entity(
        name=raw["entity"],
        label=raw["label"],
        kind=raw["kind"],
        headers=tuple(raw["headers"]),
        context=tuple(word.upper() for word in raw["context"]),
        public=raw["public"],
        find=tuple(_pattern(item, f"{where} find") for item in raw["find"]),
        column_source=_spelled_out(raw["column"]),
        hit=tuple(map(_example, examples["hit"])),
        miss=tuple(map(_example, examples["miss"])),
    )


@cache
def load_entities() -> Mapping[str, Entity]:
    """Every entity by name, in the order of the file names."""
    paths = sorted((patterns_dir() / "entities").glob("*.yaml"))
    entities = {entity.name: entity for entity in map(read_entity, paths)}
    return MappingProxyType(entities)
