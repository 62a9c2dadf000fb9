"""Finds and loads what stands under ``patterns/``: in a checkout beside ``deid/``, in a wheel inside it."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

from deid.errors import PatternError

_PACKAGE = Path(__file__).resolve().parent


@cache
def patterns_dir() -> Path:
    """The folder that holds entities, policies and registries."""
    inside = _PACKAGE / "patterns"
    return inside if inside.is_dir() else _PACKAGE.parent / "patterns"


@cache
def load_rows(name: str) -> tuple[tuple[str, ...], ...]:
    """The rows of ``patterns/tables/NAME.csv``, without comment lines (``#``) and the header row."""
    lines, quoted = _lines(name)
    if not quoted:  # the csv module takes four times as long as cutting at commas
        return tuple([tuple(line.split(",")) for line in lines])
    import csv

    return tuple(map(tuple, csv.reader(lines)))


@cache
def load_keys(name: str) -> frozenset[str]:
    """What stands in the first column of a registry: most are only asked whether they know a number."""
    return frozenset([line.partition(",")[0] for line in _lines(name)[0]])


def _lines(name: str) -> tuple[list[str], bool]:
    """The lines without comments and the header, and whether a quoted field may be among them."""
    path = patterns_dir() / "tables" / f"{name}.csv"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PatternError(f"缺少登记表 {path.name}") from None
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return lines[1:], '"' in text


@cache
def _compiled() -> dict[str, bytes]:
    """Path of a YAML file -> its line of compiled.json: the checksum of its bytes, and its content.

    ``patterns/update/compiled.py`` writes one line a file: parsing 28 YAML files takes as long as
    masking a small list, and of 60 a list needs half. A file whose checksum differs is parsed, so a
    stale line costs time and nothing else.
    """
    try:
        lines = (patterns_dir() / COMPILED).read_bytes().split(b"\n")
    except OSError:
        return {}
    parts = (line.rstrip(b",").partition(b": ") for line in lines)
    return {name.strip(b'"').decode("ascii", "replace"): entry for name, _, entry in parts if entry}


def _known(name: str, source: bytes) -> Any:
    """The content of a YAML file as compiled.json has it; None where that is of another day."""
    entry = _compiled().get(name, b"")
    if entry.startswith(b"[%d, " % crc32(source)):
        with suppress(ValueError):
            return json.loads(entry)[1]
    return None


COMPILED = "compiled.json"


def load_yaml(path: Path) -> Any:
    """The content of one YAML file. Raises PatternError that names file and line, not content."""
    try:
        source = path.read_bytes()
    except OSError:
        raise PatternError(f"读不了 {path.name}") from None
    known = _known(f"{path.parent.name}/{path.name}", source)
    return parse_yaml(source, path.name) if known is None else known


def parse_yaml(source: bytes, name: str) -> Any:
    """What a YAML text says; ``name`` is what a complaint calls it."""
    import yaml

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(source.decode("utf-8"))
        node = loader.get_single_node()
        if node is None:
            return None
        _no_key_twice(node, name, "", set())
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"第 {mark.line + 1} 行" if mark else ""
        raise PatternError(f"{name}{line}不是合法的 YAML") from None
    except UnicodeDecodeError:
        raise PatternError(f"{name}: 不是 UTF-8 编码，请另存为 UTF-8") from None
    except (RecursionError, ValueError, TypeError) as error:
        if isinstance(error, PatternError):
            raise
        # A date such as 2026-13-45, a key that is a list, nesting without end.
        raise PatternError(f"{name} 不是合法的 YAML：有读不了的值") from None


def _no_key_twice(node: Any, name: str, where: str, seen: set[int]) -> None:
    """YAML lets the later of two equal keys win without a word: kept above, dropped below."""
    if id(node) in seen or not isinstance(node.value, list):
        return
    seen.add(id(node))
    keys: set[str] = set()
    for each in node.value:
        if not isinstance(each, tuple):
            _no_key_twice(each, name, where, seen)
            continue
        key, value = each
        word = str(key.value)
        here = f"{where}.{word}" if where else word
        if word in keys:
            raise PatternError(f"{name} {here}: 写了两次（第 {key.start_mark.line + 1} 行）")
        keys.add(word)
        _no_key_twice(value, name, here, seen)
