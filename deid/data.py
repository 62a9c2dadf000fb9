"""Finds and loads what stands under ``patterns/``: in a checkout beside ``deid/``, in a wheel inside it."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

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
    path = patterns_dir() / "tables" / f"{name}.csv"
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = tuple(map(tuple, csv.reader(line for line in lines if not line.startswith("#"))))
    except FileNotFoundError:
        raise PatternError(f"缺少登记表 {path.name}") from None
    return rows[1:]


def load_yaml(path: Path) -> Any:
    """The content of one YAML file. Raises PatternError that names file and line, not content."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"第 {mark.line + 1} 行" if mark else ""
        raise PatternError(f"{path.name}{line}不是合法的 YAML") from None
    except (OSError, UnicodeDecodeError):
        raise PatternError(f"读不了 {path.name}") from None
