"""Policy files -> Policy: what may be shown in one kind of publication (公示规则).

A policy says which operator each entity and each field gets, what is never listed at all, and when
and how long a list is published. ``deid.policy_files`` reads and checks the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from deid.errors import PatternError, UnknownPolicy
from deid.operators import Operator, build
from deid.policy_files import (
    CHANNELS,
    ELEMENTS,
    LEVELS,
    MASK_BY_ENTITY,
    action_of,
    find_policy,
    policy_names,
    read_policy,
    spec_of,
)

__all__ = [
    "Due", "FieldRule", "Policy", "Retention", "Thresholds", "check_policy", "load_policy",
    "policy_names",
]  # fmt: skip

_TO_CHECK = "（请核原件）"
_AS_WRITTEN = ("mode", "refusal", "verified", "minors")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class FieldRule(NamedTuple):
    """What happens to the columns of one field.

    ``action``: keep, mask, generalise, replace or drop; ``operator`` changes the whole cell (None
    for keep and drop); ``spec`` is its name and options as the file writes them.
    """

    action: str
    operator: Operator | None = None
    spec: Mapping[str, Mapping[str, object]] = _NOTHING


class Thresholds(NamedTuple):
    """How many ID numbers must fit a row for each grade (``deid.strength``).

    A: ``good`` as the list stands, ``good_known`` for one who knows birth date and sex; B: ``fair``;
    C: ``block``; fewer are D, which is not written. ``fair`` is what the first six digits leave beside
    birth date and sex: of the sequence numbers 001 to 999 men have 500 and women 499, and the same
    mask must not be fair for one and weak for the other.
    """

    good: int = 100_000
    good_known: int = 400
    fair: int = 499
    block: int = 10


class Due(NamedTuple):
    """When a list is published, and how long objections may be raised.

    ``publish``: within so many days of being made or changed; ``period``: so long, 0 where the
    matter has no fixed period. Days are ``working`` or ``calendar``. ``note``: what differs.
    """

    publish: int = 20
    publish_days: str = "working"
    period: int = 0
    period_days: str = "working"
    note: str = ""


class Retention(NamedTuple):
    """How long a list stays.

    ``until``: ``period`` (taken down when the disclosure period ends), ``days`` (``days`` calendar
    days after that end), ``renewed`` (as long as it is true; the next list replaces it), ``law``
    (as the law of the matter says).
    """

    until: str = "renewed"
    days: int = 0
    note: str = ""


_THRESHOLDS, _DUE, _RETENTION = Thresholds(), Due(), Retention()


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to each entity and each field. ``specs`` are the operators as the file writes
    them; all mappings are read-only.

    ``mode``: ``list`` (may be listed), ``refuse`` (never), ``refuse_web`` (not for everybody on the
    web), ``keep_all`` (agencies and counts: telephones and addresses stay). ``only``, when not
    empty: the fields that may be shown at all; every other column goes. ``usual``: the channels
    where such a list is customarily posted. ``ask``: words in a title -> what a person must check.
    """

    name: str
    label: str
    description: str
    basis: str
    specs: Mapping[str, Mapping[str, Mapping[str, object]]]
    operators: Mapping[str, Operator]
    mode: str = "list"
    refusal: str = ""
    elements: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    verified: bool = True
    fields: Mapping[str, FieldRule] = field(default_factory=lambda: _NOTHING)
    only: frozenset[str] = frozenset()
    channel: str = "web"
    level: str = "county"
    address: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NOTHING)
    minors: str = "mask"
    thresholds: Thresholds = _THRESHOLDS
    remedy: tuple[str, ...] = ("mask", "generalise", "drop")
    due: Due = _DUE
    retention: Retention = _RETENTION
    usual: frozenset[str] = frozenset(CHANNELS)
    titles: tuple[str, ...] = ()
    ask: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    notes: tuple[str, ...] = ()

    def hides(self, entity: str) -> bool:
        """Whether the policy changes this entity at all."""
        spec = self.specs.get(entity)
        return spec is not None and "keep" not in spec

    @property
    def reshapes(self) -> bool:
        """Whether it does more than its entities' operators: columns go or get coarser."""
        return bool(self.fields or self.only or self.minors != "mask")

    @property
    def refused(self) -> str:
        """Why no list is made for this channel; empty when one may be."""
        if self.mode == "refuse" or (self.mode == "refuse_web" and self.channel == "web"):
            return self.shown(self.refusal or f"{self.label}不公示名单")
        return ""

    @property
    def basis_shown(self) -> str:
        """The basis as a reader may see it: what was not compared with the original says so."""
        return self.shown(self.basis)

    def shown(self, text: str) -> str:
        """A text from memory, marked as such."""
        return text if self.verified or not text or text.endswith(_TO_CHECK) else text + _TO_CHECK


def load_policy(
    name: str | Path = "general", *, channel: str | None = None, level: str | None = None
) -> Policy:
    """The policy of that name, or the one that a YAML file describes, for a channel (``web``,
    ``board``, ``sms``) and a level of publication (``county``, ``town``, ``village``).

    Raises UnknownPolicy that names the policies there are, PatternError that names file and key.
    """
    return _load(find_policy(str(name), Path()).resolve(), channel, level)


def check_policy(path: Path) -> Policy:
    """The policy of a file, made for every channel and level, so that no fault waits for its day.

    Raises as ``load_policy`` does; a file that is not there is a PatternError.
    """
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        raise PatternError(f"{path.name}: 没有这个 YAML 文件（.yaml 或 .yml）")
    name = str(path.resolve())
    for channel in CHANNELS:
        for level in LEVELS:
            load_policy(name, channel=channel, level=level)
    return load_policy(name)


@cache
def _load(path: Path, channel: str | None, level: str | None) -> Policy:
    raw = read_policy(path)
    channel = _chosen(channel, raw.get("channel", "web"), CHANNELS, "渠道")
    level = _chosen(level, raw.get("level", "county"), LEVELS, "公示层级")
    address = {key: MappingProxyType(by) for key, by in raw.get("address", {}).items()}
    by_channel: Mapping[str, str] = address.get(level, MappingProxyType({}))
    keeps_to = by_channel.get(channel)
    specs, operators = _entity_rules(raw.get("operators", {}), path.name, keeps_to)
    label = str(raw.get("label", path.stem))
    given: dict[str, Any] = {key: raw[key] for key in _AS_WRITTEN if key in raw}
    given |= {key: tuple(raw[key]) for key in ("remedy", "titles", "notes") if key in raw}
    return Policy(
        name=str(raw.get("policy", path.stem)),
        label=label,
        description=str(raw.get("description", "")),
        basis=str(raw.get("basis", "")),
        specs=MappingProxyType(specs),
        operators=MappingProxyType(operators),
        channel=channel,
        level=level,
        address=MappingProxyType(address),
        fields=MappingProxyType(_field_rules(raw, path.name, specs, (channel, keeps_to))),
        elements=MappingProxyType(_elements(raw, label)),
        only=frozenset(raw.get("only", ())),
        thresholds=Thresholds(**raw.get("thresholds", {})),
        due=Due(**raw.get("due", {})),
        retention=Retention(**raw.get("retention", {})),
        usual=frozenset(raw.get("usual", CHANNELS)),
        ask=MappingProxyType(raw.get("ask", {})),
        **given,
    )


def _chosen(asked: str | None, default: str, known: Mapping[str, str], what: str) -> str:
    if asked is None:
        return default
    if asked not in known:
        listed = "、".join(f"{key}（{label}）" for key, label in known.items())
        raise UnknownPolicy(f"没有名为“{asked}”的{what}；可用：{listed}")
    return asked


_Specs = dict[str, Mapping[str, Mapping[str, object]]]


def _frozen(operator: str, options: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    return MappingProxyType({operator: MappingProxyType(dict(options))})


def _entity_rules(
    raw: Mapping[str, Any], name: str, keeps_to: str | None
) -> tuple[_Specs, dict[str, Operator]]:
    specs: _Specs = {}
    operators: dict[str, Operator] = {}
    for entity, spec in raw.items():
        where = f"{name} operators.{entity}"
        operator, options = _levelled(spec, where, keeps_to)
        specs[entity] = _frozen(operator, options)
        operators[entity] = build(operator, options, where)
    return specs, operators


def _levelled(spec: object, where: str, keeps_to: str | None) -> tuple[str, Mapping[str, object]]:
    """Operator and options; an address goes down to the level of this channel and publisher."""
    operator, options = spec_of(spec, where)
    if operator == "generalize_address" and keeps_to:
        options = {**options, "level": keeps_to}
    return operator, options


def _field_rules(
    raw: Mapping[str, Any], name: str, specs: _Specs, place: tuple[str, str | None]
) -> dict[str, FieldRule]:
    channel, keeps_to = place
    rules = {}
    here = raw.get("by_channel", {}).get(channel, {})
    for key, spec in {**raw.get("fields", {}), **here}.items():
        where = f"{name} fields.{key}"
        operator, options = _levelled(spec, where, keeps_to)
        if spec == MASK_BY_ENTITY:
            operator, options = _of_entity(key, specs)
        action = action_of(operator)
        changes = action not in ("keep", "drop")
        rules[key] = FieldRule(
            action,
            build(operator, options, where) if changes else None,
            _frozen(operator, options) if changes else _NOTHING,
        )
    return rules


def _of_entity(key: str, specs: _Specs) -> tuple[str, Mapping[str, object]]:
    """The operator of the entity that a field holds; everything is hidden where it has none."""
    from deid.fields import raw_fields

    entity: str = raw_fields()["fields"][key]["entity"] or ""
    for operator, options in specs.get(entity, {}).items():
        if operator != "keep":
            return operator, options
    return "mask", {}


def _elements(raw: Mapping[str, Any], label: str) -> dict[str, str]:
    """The nine elements; name and basis need not be written twice."""
    if "elements" not in raw:
        return {}
    given = {"name": label, "basis": raw.get("basis", ""), **raw["elements"]}
    return {key: str(given.get(key, "")) for key in ELEMENTS}
