"""A policy in plain Chinese: what stays, what is masked and how, what goes, when and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from deid.calendar import term
from deid.entities import load_entities
from deid.fields import raw_fields
from deid.policy import FieldRule, Policy, load_policy
from deid.policy_files import CHANNELS, ELEMENTS, LEVELS, MODES, read_policy
from deid.report import rule

_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "keep": "保留的列",
        "mask": "遮盖的列",
        "generalise": "从粗的列",
        "replace": "换成固定文字的列",
        "drop": "删去的列（连表头一起）",
    }
)
_PLACES = {
    "province": "省", "city": "市", "county": "县（区）", "town": "乡镇（街道）",
    "village": "村（社区）", "road": "路名", "fine": "门牌",
}  # fmt: skip
_REMEDIES = {"mask": "加强遮盖", "generalise": "年龄、出生年月从粗", "drop": "删去年龄、出生年月"}

Section = tuple[str, list[str]]


def explain(name: str | Path, policy: Policy) -> Iterator[Section]:
    """Headings and lines, in the order in which a clerk asks. ``name``: as ``load_policy`` takes it."""
    yield "", [f"{policy.name}　{policy.label}", policy.description, f"性质：{_mode(policy)}"]
    if policy.elements:
        yield "九要素", [f"{ELEMENTS[key]}：{_element(policy, key)}" for key in ELEMENTS]
    else:
        yield "依据", [policy.basis_shown]
    yield "渠道和层级", list(_channels(policy))
    yield from _columns(policy)
    yield "换一个渠道", list(_other_channels(name, policy))
    if policy.address:
        yield "住址留到", list(_addresses(policy))
    yield "正文和其他列里找到的内容", _entities(policy)
    yield "未成年人", ["姓名只留姓" if policy.minors == "mask" else "姓名保留"]
    yield "还原等级", list(_grades(policy))
    yield "期限", list(_terms(policy))
    asks = [f"标题里有“{word}”时：{sentence}" for word, sentence in policy.ask.items()]
    yield "留意", [*policy.notes, *asks]


def _mode(policy: Policy) -> str:
    return f"{MODES[policy.mode]}。{policy.refused}" if policy.refused else MODES[policy.mode]


def _element(policy: Policy, key: str) -> str:
    return policy.basis_shown if key == "basis" else policy.elements[key] or "（没有写）"


def _channels(policy: Policy) -> Iterator[str]:
    usual = "、".join(label for key, label in CHANNELS.items() if key in policy.usual)
    yield f"按{CHANNELS[policy.channel]}（--channel {policy.channel}）、{LEVELS[policy.level]}公示（--level {policy.level}）说明"
    if set(policy.usual) < set(CHANNELS):
        yield f"一般只用于：{usual or '个别告知'}；发到别处前会请人核对"


def _label(key: str) -> str:
    return str(raw_fields()["fields"][key]["label"])


def field_rule(each: FieldRule) -> str:
    """What happens to a column, in a few words.

    >>> field_rule(FieldRule("drop"))
    '删去'
    """
    if each.action in ("keep", "drop"):
        return "保留" if each.action == "keep" else "删去"
    ((operator, options),) = each.spec.items()
    return rule(operator, options)


def _columns(policy: Policy) -> Iterator[Section]:
    fields = policy.fields
    if policy.only:
        listed = [_label(key) for key in raw_fields()["fields"] if key in policy.only]
        yield "只保留这几列，其余各列一律删去", ["、".join(listed)]
        fields = {key: each for key, each in fields.items() if key in policy.only}
    for action, heading in _ACTIONS.items():
        some = [key for key, each in fields.items() if each.action == action]
        if action in ("keep", "drop"):
            yield heading, ["、".join(map(_label, some))] if some else []
        else:
            yield heading, [f"{_label(key)}：{field_rule(fields[key])}" for key in some]


def _other_channels(name: str | Path, policy: Policy) -> Iterator[str]:
    for channel, label in CHANNELS.items():
        other = load_policy(name, channel=channel, level=policy.level)
        shown = [key for key in other.fields if not policy.only or key in policy.only]
        changes = [
            f"{_label(key)}{field_rule(other.fields[key])}"
            for key in shown
            if not _alike(other.fields[key], policy.fields.get(key))
        ]
        changes += [
            f"{_label(key)}不另作规定"
            for key in policy.fields
            if key not in other.fields and (not policy.only or key in policy.only)
        ]
        if channel != policy.channel and (changes or other.refused):
            yield f"{label}：{other.refused or '；'.join(changes)}"


def _alike(one: FieldRule, other: FieldRule | None) -> bool:
    return other is not None and (one.action, one.spec) == (other.action, other.spec)


def _addresses(policy: Policy) -> Iterator[str]:
    for level, by in policy.address.items():
        places = [f"{CHANNELS[key]}到{_PLACES[place]}" for key, place in by.items()]
        yield f"{LEVELS[level]}公示：{'，'.join(places)}"


def _entities(policy: Policy) -> list[str]:
    labels = {entity.name: entity.label for entity in load_entities().values()}
    return [
        f"{labels[entity]}：{rule(operator, options)}"
        for entity, spec in policy.specs.items()
        for operator, options in spec.items()
        if operator != "keep"
    ]


def _grades(policy: Policy) -> Iterator[str]:
    grades = policy.thresholds
    yield (
        f"每一行还对得上的身份证号：A 不少于 {grades.good:,} 个（知道生日和性别后不少于 "
        f"{grades.good_known:,} 个），B 不少于 {grades.fair:,} 个，C 不少于 {grades.block:,} 个，"
        "更少是 D"
    )
    yield f"C 自动补救，依次：{'、'.join(_REMEDIES[each] for each in policy.remedy)}；D 不写出"


def _terms(policy: Policy) -> Iterator[str]:
    due, retention = policy.due, policy.retention
    yield f"形成或变更之日起 {term(due.publish, due.publish_days)}内公开"
    if due.period:
        yield f"公示期 {term(due.period, due.period_days)}，张贴当日不算"
    if due.note:
        yield policy.shown(due.note)
    yield {
        "period": "公示期满次日撤下",
        "days": f"公示期满后再留 {retention.days} 天，次日撤下",
        "renewed": "长期公开，随下一次更新替换",
        "law": "按有关规定的期限撤下",
    }[retention.until]
    if retention.note:
        yield retention.note


# ------------------------------------------------------------------------- a county's own policy


def looser(name: str | Path) -> list[str]:
    """Where a policy shows more than ``general`` does: no fault, but somebody should have meant it."""
    policy, general = load_policy(name), load_policy("general")
    labels = {entity.name: entity.label for entity in load_entities().values()}
    shown = [
        f"{labels[entity]}保留，通用公示规则要遮盖"
        for entity in general.specs
        if general.hides(entity) and not policy.hides(entity)
    ]
    if policy.minors == "keep":
        shown.append("未成年人姓名保留，通用公示规则要遮盖")
    return shown


def missing(path: Path) -> list[str]:
    """What a complete policy of a matter says and this one does not."""
    raw = read_policy(path)
    told = [f"没有写 {key}" for key in ("label", "description", "basis") if not raw.get(key)]
    elements = load_policy(path).elements
    return [
        *told,
        *(
            f"九要素缺{ELEMENTS[key]}（elements.{key}）"
            for key, text in elements.items()
            if not text
        ),
    ]
