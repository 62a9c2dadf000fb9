"""Policy files -> Policy: which operator each entity gets in one kind of publication (公示规则)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deid.data import load_yaml, patterns_dir
from deid.entities import load_entities
from deid.errors import PatternError, UnknownPolicy
from deid.operators import Operator, build

_KEYS = frozenset(("policy", "label", "description", "basis", "extends", "operators"))


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to each entity. ``specs`` are the operators as the file writes them."""

    name: str
    label: str
    description: str
    basis: str
    specs: Mapping[str, Mapping[str, Mapping[str, object]]]
    operators: Mapping[str, Operator]

    def hides(self, entity: str) -> bool:
        """Whether the policy changes this entity at all."""
        return "keep" not in self.specs.get(entity, {"keep": {}})


def policy_names() -> list[str]:
    """The names of the policies that come with deid."""
    return sorted(path.stem for path in (patterns_dir() / "policies").glob("*.yaml"))


def _spec(raw: object, where: str) -> tuple[str, Mapping[str, object]]:
    """``keep`` or ``{mask: {first: 6}}`` -> name and options."""
    if isinstance(raw, str):
        return raw, {}
    if isinstance(raw, dict) and len(raw) == 1:
        ((name, options),) = raw.items()
        if options is None or isinstance(options, dict):
            return str(name), options or {}
    raise PatternError(f"{where}: 应写成“处理方式”或“处理方式: {{选项: 值}}”")


def _read(path: Path, seen: tuple[str, ...]) -> dict[str, Any]:
    """The file with everything that it extends merged in."""
    raw = load_yaml(path)
    if not isinstance(raw, dict) or not set(raw) <= _KEYS:
        odd = sorted(map(str, set(raw) - _KEYS)) if isinstance(raw, dict) else "内容"
        raise PatternError(f"{path.name}: 不认识的键 {odd}")
    if not isinstance(raw.get("operators", {}), dict):
        raise PatternError(f"{path.name}: operators 应为“实体: 处理方式”")
    parent = raw.get("extends")
    if parent is None:
        return raw
    if parent in seen:
        raise PatternError(f"{path.name}: extends 绕成了圈（{' → '.join((*seen, parent))}）")
    base = _read(_find(parent, path.parent), (*seen, parent))
    operators = {**base.get("operators", {}), **raw.get("operators", {})}
    return {**base, **raw, "operators": operators}


def _find(name: str, folder: Path) -> Path:
    """The file of a policy: a path, a file beside the one that names it, or one of ours."""
    own = patterns_dir() / "policies" / f"{name}.yaml"
    for path in (folder / name, folder / f"{name}.yaml", own):
        if path.suffix in (".yaml", ".yml") and path.is_file():
            return path
    raise UnknownPolicy(f"没有名为“{name}”的公示规则；现有：{'、'.join(policy_names())}")


@cache
def load_policy(name: str | Path = "general") -> Policy:
    """The policy of that name, or the one that a YAML file describes.

    Raises UnknownPolicy that names the policies there are, PatternError that names file and key.
    """
    path = _find(str(name), Path())
    raw = _read(path, (path.stem,))
    entities = load_entities()
    specs, operators = {}, {}
    for entity, spec in raw.get("operators", {}).items():
        where = f"{path.name} operators.{entity}"
        if entity not in entities:
            raise PatternError(f"{where}: 没有这种实体（deid entities 列出全部）")
        operator, options = _spec(spec, where)
        specs[entity] = MappingProxyType({operator: MappingProxyType(dict(options))})
        operators[entity] = build(operator, options, where)
    return Policy(
        name=str(raw.get("policy", path.stem)),
        label=str(raw.get("label", path.stem)),
        description=str(raw.get("description", "")),
        basis=str(raw.get("basis", "")),
        specs=MappingProxyType(specs),
        operators=MappingProxyType(operators),
    )
