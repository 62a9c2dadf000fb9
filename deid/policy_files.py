"""Policy files: found, merged with what they extend, and checked. Every complaint names file and key.

What is written is data: this module never builds an operator, so that a fault in a file is told
before anything is masked. ``deid.policy`` makes a Policy of what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deid.address import LEVELS as ADDRESS_LEVELS
from deid.data import load_yaml, patterns_dir
from deid.entities import load_entities
from deid.errors import PatternError, UnknownPolicy
from deid.operators import OPERATORS, build

MODES: Mapping[str, str] = MappingProxyType(
    {
        "list": "可以公示名单",
        "refuse": "不公示名单",
        "refuse_web": "不面向全社会公示名单",
        "keep_all": "机构名录或汇总表",
    }
)
CHANNELS: Mapping[str, str] = MappingProxyType(
    {"web": "政府网站", "board": "村（社区）公示栏", "sms": "手机短信"}
)
LEVELS: Mapping[str, str] = MappingProxyType({"county": "县级", "town": "乡级", "village": "村级"})
MASK_BY_ENTITY = "mask"
"""A field rule without options: what the policy does with the entity that the field holds."""

_ENDINGS = (".yaml", ".yml")
_DAYS = ("working", "calendar")
_LONGEST = 3650
ELEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "name": "名称",
        "content": "内容",
        "basis": "依据",
        "time_limit": "时限",
        "publisher": "主体",
        "method": "方式",
        "channels": "渠道",
        "audience": "对象",
        "levels": "层级",
    }
)
"""The nine elements of a catalogue of disclosure, in its order."""
_ACTIONS = {"keep": "keep", "drop": "drop", "mask": "mask", "redact": "replace"}
_MERGED = ("operators", "fields", "elements", "thresholds", "due", "retention", "ask")
_NESTED = ("address", "by_channel")
_GRADES = ("block", "fair", "good")


def action_of(operator: str) -> str:
    """What an operator does to a field: keep, mask, generalise, replace or drop.

    >>> action_of("mask_email"), action_of("generalize_address")
    ('mask', 'generalise')
    """
    if operator.startswith("mask"):
        return "mask"
    return _ACTIONS.get(operator, "replace" if operator.startswith("replace") else "generalise")


def policy_names() -> list[str]:
    """The names of the policies that come with deid."""
    return sorted(path.stem for path in (patterns_dir() / "policies").glob("*.yaml"))


def find_policy(name: str, folder: Path, where: str = "") -> Path:
    """The file of a policy: one of ours, or else a file of that name, with or without its ending.

    Ours go first, so that a file that happens to lie in the folder changes no rules; whoever means
    the file writes its ending. ``where``: what a complaint begins with.
    """
    own = patterns_dir() / "policies" / f"{name}.yaml"
    ours = [own] if name.isidentifier() else []
    for path in (*ours, folder / name, folder / f"{name}.yaml", folder / f"{name}.yml"):
        if path.suffix in _ENDINGS and path.is_file():
            return path
    near = _near(name, policy_names())
    listed = "、".join(policy_names())
    raise UnknownPolicy(f"{where}没有名为“{name}”的公示规则{near}；现有：{listed}")


def read_policy(path: Path) -> dict[str, Any]:
    """The file with everything that it extends merged in, checked."""
    own, merged = _merged(path, (path,))
    _no_contradiction(own, merged, path.name)
    return merged


def spec_of(raw: object, where: str) -> tuple[str, Mapping[str, object]]:
    """``keep`` or ``{mask: {first: 6}}`` -> name and options."""
    if isinstance(raw, str):
        return raw, {}
    if isinstance(raw, dict) and len(raw) == 1:
        ((name, options),) = raw.items()
        if options is None or isinstance(options, dict):
            return str(name), options or {}
    raise PatternError(f"{where}: 应写成“处理方式”或“处理方式: {{选项: 值}}”")


def _merged(path: Path, seen: tuple[Path, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the file itself says, and that with its parents under it."""
    own = load_yaml(path)
    _check(own, path.name)
    parent = own.get("extends")
    if parent is None:
        return own, own
    found = find_policy(parent, path.parent, f"{path.name} extends: ")
    if any(found.resolve() == each.resolve() for each in seen):
        names = " → ".join(each.stem for each in (*seen, found))
        raise PatternError(f"{path.name} extends: 绕成了圈（{names}）")
    _, base = _merged(found, (*seen, found))
    both = {**base, **own}
    for key in _MERGED:
        if key in base and key in own:
            both[key] = {**base[key], **own[key]}
    for key in _NESTED:
        if key in base and key in own:
            inner = {each: {**base[key].get(each, {}), **by} for each, by in own[key].items()}
            both[key] = {**base[key], **inner}
    return own, both


# ------------------------------------------------------------------------------ one file, one key


def _near(word: object, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only a fault needs it

    close = get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"（是不是 {close[0]}？）" if close else ""


def _one_of(value: object, known: Collection[str], where: str) -> None:
    if not isinstance(value, str) or value not in known:
        shown = value if isinstance(value, str | int | float) else type(value).__name__
        raise PatternError(f"{where}: 没有“{shown}”{_near(value, known)}；可用：{'、'.join(known)}")


def _mapping(value: object, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise PatternError(f"{where}: 应写成“名称: 值”，一行一个")
    return value


def _text(value: object, where: str) -> None:
    if not isinstance(value, str):
        raise PatternError(f"{where}: 应为文字")


def _flag(value: object, where: str) -> None:
    if not isinstance(value, bool):
        raise PatternError(f"{where}: 应为 true 或 false")


def _texts(value: object, where: str) -> None:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise PatternError(f"{where}: 应为文字的列表")
    if len(set(value)) < len(value):
        raise PatternError(f"{where}: 有重复的项")


def _number(value: object, where: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise PatternError(f"{where}: 应为不小于 0 的整数")


def _days(value: object, where: str) -> None:
    _number(value, where)
    if value > _LONGEST:  # type: ignore[operator]
        raise PatternError(f"{where}: 不能超过 {_LONGEST} 天")


def _among(known: Collection[str]) -> Callable[[object, str], None]:
    return lambda value, where: _one_of(value, known, where)


def _all_among(known: Collection[str]) -> Callable[[object, str], None]:
    def check(value: object, where: str) -> None:
        _texts(value, where)
        for each in value:  # type: ignore[attr-defined]
            _one_of(each, known, where)

    return check


def _table(checks: Mapping[str, Callable[[object, str], None]]) -> Callable[[object, str], None]:
    def check(value: object, where: str) -> None:
        for key, each in _mapping(value, where).items():
            _one_of(key, checks, where)
            checks[key](each, f"{where}.{key}")

    return check


def _rules(
    known: Callable[[], Collection[str]], more: Collection[str]
) -> Callable[[object, str], None]:
    def check(value: object, where: str) -> None:
        for key, spec in _mapping(value, where).items():
            _one_of(key, known(), where)
            operator, options = spec_of(spec, f"{where}.{key}")
            if operator in more:
                if options:
                    raise PatternError(f"{where}.{key}: {operator} 没有选项")
                continue
            _one_of(operator, (*OPERATORS, *more), f"{where}.{key}")
            build(operator, options, f"{where}.{key}")

    return check


def _fields() -> Mapping[str, Any]:
    from deid.fields import raw_fields

    fields: Mapping[str, Any] = raw_fields()["fields"]
    return fields


def _asked(value: object, where: str) -> None:
    for word, sentence in _mapping(value, where).items():
        _text(word, where)
        _text(sentence, f"{where}.{word}")


_CHECKS: Mapping[str, Callable[[object, str], None]] = {
    "policy": _text,
    "label": _text,
    "description": _text,
    "basis": _text,
    "verified": _flag,
    "extends": _text,
    "mode": _among(MODES),
    "refusal": _text,
    "operators": _rules(load_entities, ()),
    "fields": _rules(_fields, ("drop",)),
    "by_channel": _table(dict.fromkeys(CHANNELS, _rules(_fields, ("drop",)))),
    "only": lambda value, where: _all_among(_fields())(value, where),
    "elements": _table(dict.fromkeys(ELEMENTS, _text)),
    "channel": _among(CHANNELS),
    "level": _among(LEVELS),
    "address": _table(
        dict.fromkeys(LEVELS, _table(dict.fromkeys(CHANNELS, _among(ADDRESS_LEVELS))))
    ),
    "minors": _among(("mask", "keep")),
    "thresholds": _table(dict.fromkeys((*_GRADES, "good_known"), _number)),
    "remedy": _all_among(("mask", "generalise", "drop")),
    "due": _table(
        {
            "publish": _days,
            "publish_days": _among(_DAYS),
            "period": _days,
            "period_days": _among(_DAYS),
            "note": _text,
        }
    ),
    "retention": _table(
        {"until": _among(("period", "days", "renewed", "law")), "days": _days, "note": _text}
    ),
    "usual": _all_among(CHANNELS),
    "titles": _texts,
    "ask": _asked,
    "notes": _texts,
}

KEYS = frozenset(_CHECKS)
"""The keys of a policy file."""


def _check(raw: object, name: str) -> None:
    if not isinstance(raw, dict):
        raise PatternError(f"{name}: 应为“键: 值”，可用的键：{'、'.join(_CHECKS)}")
    for key, value in raw.items():
        if key not in _CHECKS:
            raise PatternError(f"{name}: 不认识的键 {key}{_near(key, _CHECKS)}")
        _CHECKS[key](value, f"{name} {key}")


# ------------------------------------------------------------------------- keys against each other


def _no_contradiction(own: Mapping[str, Any], merged: Mapping[str, Any], name: str) -> None:
    _no_rules_for_what_is_refused(own, merged, name)
    _grades_in_order(merged, name)
    _only_against_rules(own, merged, name)
    _kept_against_entities(own, merged, name)
    retention = merged.get("retention", {})
    if retention.get("days") and retention.get("until", "renewed") != "days":
        raise PatternError(f"{name} retention.days: 只有 until: days 时才写天数")
    if retention.get("until") == "days" and not retention.get("days"):
        raise PatternError(f"{name} retention.days: until: days 时要写天数")
    if retention.get("until") == "period" and not merged.get("due", {}).get("period"):
        raise PatternError(
            f"{name} retention.until: 写了 period（公示期满），due.period 却没有天数"
        )


def _no_rules_for_what_is_refused(
    own: Mapping[str, Any], merged: Mapping[str, Any], name: str
) -> None:
    mode = merged.get("mode", "list")
    if mode == "refuse":
        for key in ("operators", "fields", "by_channel", "usual"):
            if own.get(key):
                raise PatternError(f"{name} {key}: mode 是 refuse（不公示名单），不应再写 {key}")
    if mode == "keep_all":
        dropped = [key for key, spec in merged.get("fields", {}).items() if spec == "drop"]
        if dropped or merged.get("only"):
            key = f"fields.{dropped[0]}" if dropped else "only"
            raise PatternError(f"{name} {key}: mode 是 keep_all（保留各列），不应再删列")
    if merged.get("refusal") and mode not in ("refuse", "refuse_web"):
        raise PatternError(f"{name} refusal: mode 是 {mode}，不拒绝，不应写拒绝的理由")


def _grades_in_order(merged: Mapping[str, Any], name: str) -> None:
    given = merged.get("thresholds", {})
    values = {"block": 10, "fair": 499, "good": 100_000, **given}
    for lower, higher in pairwise(_GRADES):
        if values[lower] > values[higher]:
            raise PatternError(
                f"{name} thresholds.{lower}: {values[lower]} 大于 {higher} 的 {values[higher]}；"
                f"应为 {' ≤ '.join(_GRADES)}"
            )


def _only_against_rules(own: Mapping[str, Any], merged: Mapping[str, Any], name: str) -> None:
    only = merged.get("only", ())
    if not only:
        return
    for key, spec in merged.get("fields", {}).items():
        if spec == "drop" and key in only:
            raise PatternError(f"{name} fields.{key}: only 里列了 {key}，这里又删去")
    for where, key, spec in _own_field_rules(own):
        if spec != "drop" and key not in only:
            raise PatternError(f"{name} {where}: only 里没有 {key}，这一列会删去，这里又保留")


def _own_field_rules(own: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Where in the file, field and rule: those for all channels, then those for one."""
    for key, spec in own.get("fields", {}).items():
        yield f"fields.{key}", key, spec
    for channel, rules in own.get("by_channel", {}).items():
        for key, spec in rules.items():
            yield f"by_channel.{channel}.{key}", key, spec


def _kept_against_entities(own: Mapping[str, Any], merged: Mapping[str, Any], name: str) -> None:
    """A field cannot be shown while what it holds is hidden: names of adults aside."""
    for where, key, spec in _own_field_rules(own):
        entity = _fields()[key]["entity"]
        if spec != "keep" or not entity or entity == "PERSON":
            continue
        operator = merged.get("operators", {}).get(entity, "keep")
        if operator != "keep":
            raise PatternError(f"{name} {where}: 这里保留，operators.{entity} 却要遮盖；两处应一致")
