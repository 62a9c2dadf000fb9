"""Presidio's operators on the results a client sends back, and their undoing.

The operators are presidio-anonymizer's own. Which one wins where results overlap is ours: Presidio
prints what lies inside a span that is kept, lets a partial mask show what another operator hides,
and takes a number and the next one for a single one if only blanks stand between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from presidio_anonymizer.entities import InvalidParamError
from presidio_anonymizer.operators import OperatorsFactory, OperatorType

from .dialect_engine import ALIASES, NAMES
from .dialect_models import SentItem, SentOperator, SentResult, fault
from .texts import named_policy

OWN = "deid"
"""The operator that does what a policy says: ``{"type": "deid", "policy": "general"}``."""
_FACTORY: Any = OperatorsFactory()  # type: ignore[no-untyped-call]
ANONYMIZERS = ["encrypt", "hash", "keep", "mask", "redact", "replace", OWN]
DEANONYMIZERS = ["decrypt", "deanonymize_keep"]
"""Not all that presidio-anonymizer has: one of its operators sends the text to a cloud."""

ALL, PART, NOTHING = 2, 1, 0
"""How much of what it is used on an operator shows."""


@dataclass(frozen=True, slots=True)
class Operator:
    """What a name of an operator and its parameters come to."""

    name: str
    shows: Callable[[str, int], int]
    """Of an entity and so many characters."""
    work: Callable[[str, str], str]
    """Entity, value -> what stands in its place."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text to be worked on."""

    start: int
    end: int
    entity: str
    score: float | None
    operator: Operator

    @property
    def shows(self) -> int:
        return self.operator.shows(self.entity, self.end - self.start)


# ------------------------------------------------------------------------------------- parameters


def anonymizers(sent: Mapping[str, SentOperator] | None) -> dict[str, Operator]:
    """The operator of each entity, ``DEFAULT`` among them. Raises Problem."""
    made = {entity: _anonymizer(each) for entity, each in (sent or {}).items()}
    made.setdefault("DEFAULT", _anonymizer(SentOperator(type="replace")))
    return made


def _anonymizer(sent: SentOperator) -> Operator:
    params = {key: value for key, value in (sent.model_extra or {}).items() if value is not None}
    if sent.type == "custom":
        raise fault(
            "Custom type anonymizer is not supported", "不支持 custom 类型的处理方式", "unsupported"
        )
    if sent.type == OWN:
        return _policy_operator(params)
    if sent.type == "mask":
        params.setdefault("from_end", False)
    _check(sent.type, params)
    most = params.get("chars_to_mask", 0)

    def shows(entity: str, length: int) -> int:
        if sent.type == "mask":
            return NOTHING if most >= length else PART
        return ALL if sent.type == "keep" else NOTHING

    return _presidio(sent.type, params, OperatorType.Anonymize, shows)


def _policy_operator(params: Mapping[str, Any]) -> Operator:
    given = {key: params.get(key) for key in ("policy", "channel", "level")}
    if any(value is not None and not isinstance(value, str) for value in given.values()):
        raise fault("deid: policy, channel and level are strings", "policy 等应是文字")
    policy = named_policy(given["policy"] or "general", given["channel"], given["level"])

    def ours(entity: str) -> str:
        return entity if entity in policy.specs else ALIASES.get(entity, (entity,))[0]

    def shows(entity: str, length: int) -> int:
        known = ours(entity)
        if known not in policy.specs:
            return NOTHING
        return PART if policy.hides(known) else ALL

    def work(entity: str, value: str) -> str:
        known = ours(entity)
        return policy.operators[known](value) if known in policy.specs else "*" * len(value)

    return Operator(OWN, shows, work)


def _check(kind: str, params: Mapping[str, Any]) -> None:
    """What Presidio does not ask, or answers with 500, or with the value in the message."""
    for name, wanted in (("new_value", str), ("salt", str), ("key", str), ("from_end", bool)):
        if name in params and not isinstance(params[name], wanted):
            raise fault(f"Invalid parameter value for {name}.", f"参数 {name} 的类型不对")
    if kind == "hash" and params.get("hash_type", "sha256") not in ("sha256", "sha512"):
        raise fault(
            "Parameter hash_type value is not in range of values ['sha256', 'sha512']",
            "hash_type 只能是 sha256 或 sha512",
        )
    if kind == "hash" and len(params.get("salt", "x" * 16).encode()) < 16:
        raise fault("Salt must be at least 16 bytes (128 bits).", "salt 至少 16 个字节")
    if kind == "mask":
        most = params.get("chars_to_mask")
        # Presidio masks nothing for a negative number.
        if most is not None and (type(most) is not int or most < 0):
            raise fault("Invalid parameter value for chars_to_mask.", "chars_to_mask 应是非负整数")


def _presidio(
    kind: str, params: Mapping[str, Any], of: OperatorType, shows: Callable[[str, int], int]
) -> Operator:
    known = ANONYMIZERS if of is OperatorType.Anonymize else DEANONYMIZERS
    if kind not in known:
        raise fault(
            f"Invalid operator class. Supported: {', '.join(known)}",
            f"没有这种处理方式。现有：{'、'.join(known)}",
        )
    real = _FACTORY.create_operator_class(kind, of)
    try:
        real.validate(params=dict(params))
    except InvalidParamError as error:
        raise fault(str(error.err_msg), "处理方式的参数不对") from None

    def work(entity: str, value: str) -> str:
        return str(real.operate(text=value, params={**params, "entity_type": entity}))

    return Operator(kind, shows, work)


def deanonymizers(sent: Mapping[str, SentOperator] | None) -> dict[str, Operator]:
    """The operator of each entity. Raises Problem."""
    made = {}
    for entity, each in (sent or {}).items():
        params = dict(each.model_extra or {})
        _check(each.type, params)
        made[entity] = _presidio(each.type, params, OperatorType.Deanonymize, lambda e, n: ALL)
    return made


# -------------------------------------------------------------------------------------------- work


def anonymized(
    text: str, results: Sequence[SentResult], operators: Mapping[str, Operator], most: int
) -> dict[str, Any]:
    """The text and what was done, as Presidio answers; at most so many characters of it."""
    spans = []
    for index, each in enumerate(results):
        _require_place(each.start, each.end, text, f"analyzer_results.{index}")
        operator = _operator_of(each.entity_type, operators)
        spans.append(Span(each.start, each.end, each.entity_type, each.score, operator))
    return _worked(text, settled(spans), most)


def _operator_of(entity: str, operators: Mapping[str, Operator]) -> Operator:
    """By its name, by Presidio's name for it, or the one for all."""
    return operators.get(entity) or operators.get(NAMES.get(entity, entity)) or operators["DEFAULT"]


def deanonymized(
    text: str, items: Sequence[SentItem], operators: Mapping[str, Operator], most: int
) -> dict[str, Any]:
    """The text with the items undone, as Presidio answers."""
    spans = []
    for index, each in enumerate(items):
        _require_place(each.start, each.end, text, f"anonymizer_results.{index}")
        operator = operators.get(each.entity_type) or operators.get("DEFAULT")
        if operator is None:
            raise fault(
                f"anonymizer_results.{index}: there is no deanonymizer for it, and no DEFAULT",
                f"anonymizer_results 第 {index + 1} 项没有对应的还原方式",
            )
        spans.append(Span(each.start, each.end, each.entity_type, each.score, operator))
    spans.sort(key=lambda span: span.start)
    for before, after in pairwise(spans):
        if after.start < before.end:
            raise fault("anonymizer_results overlap", "anonymizer_results 互相重叠")
    try:
        return _worked(text, spans, most)
    except ValueError:  # not base64, not whole blocks, wrong padding, not UTF-8
        raise fault("A text cannot be decrypted with this key", "用这个密钥不能解密") from None


def _require_place(start: int, end: int, text: str, where: str) -> None:
    if start >= end:
        raise fault(
            f"Invalid input, {where}: start must be smaller than end",
            f"{where}：start 应小于 end",
        )
    if end > len(text):
        raise fault(
            f"Invalid analyzer result, {where}, while text length is only {len(text)}.",
            f"{where} 超出文字长度 {len(text)}",
        )


def _worked(text: str, spans: Sequence[Span], most: int) -> dict[str, Any]:
    """The text with the spans (sorted, not overlapping) worked on; items from the end, as there."""
    pieces: list[str] = []
    items: list[dict[str, Any]] = []
    at = length = 0
    for span in spans:
        new = span.operator.work(span.entity, text[span.start : span.end])
        pieces += [text[at : span.start], new]
        length += span.start - at + len(new)
        if length > most:
            raise fault("The result is too long", "结果太长", "too-large")
        items.append(
            {
                "start": length - len(new),
                "end": length,
                "entity_type": span.entity,
                "text": new,
                "operator": span.operator.name,
                "score": span.score,
            }
        )
        at = span.end
    return {"text": "".join([*pieces, text[at:]]), "items": items[::-1]}


# --------------------------------------------------------------------------------------- overlaps


def settled(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, none overlapping another; nothing shows that one of them hides.

    What is kept yields to everything else. Of equal spans the surest counts, of one inside another
    the outer, as with Presidio; but where a mask that shows a part meets another span, the stretch
    is masked whole, since what the one shows the other may hide.
    """
    several = list(spans)
    hidden = [
        span
        for group in _groups(each for each in several if each.shows < ALL)
        for span in _one_by_one(group)
    ]
    kept = [
        span
        for group in _groups(each for each in several if each.shows == ALL)
        for span in _one_by_one(group)
    ]
    return sorted([*hidden, *_outside(kept, hidden)], key=lambda span: span.start)


def _groups(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Spans that hang together by overlapping; of equal ones the surest, the last if in doubt."""
    surest: dict[tuple[int, int], Span] = {}
    for span in spans:
        other = surest.get((span.start, span.end))
        if other is None or (span.score or 0) >= (other.score or 0):
            surest[span.start, span.end] = span
    group: list[Span] = []
    end = 0
    for place in sorted(surest, key=lambda place: (place[0], -place[1])):
        if group and place[0] >= end:
            yield group
            group = []
        group.append(surest[place])
        end = max(end, place[1])
    if group:
        yield group


def _one_by_one(group: Sequence[Span]) -> list[Span]:
    """The spans of a group without overlaps."""
    first, end = group[0], max(span.end for span in group)
    alike = len({span.entity for span in group}) == 1
    if first.end == end and (alike or first.shows != PART):
        return [first]
    if alike and first.shows != PART:
        return [replace(first, end=end, score=max(span.score or 0 for span in group))]
    done: list[Span] = []
    for span in group:
        start = max(span.start, done[-1].end if done else 0)
        if start < span.end:
            whole = _whole(span) if span.shows == PART else span
            done.append(replace(whole, start=start))
    return done


def _whole(span: Span) -> Span:
    stars = Operator("mask", lambda entity, length: NOTHING, lambda entity, value: "*" * len(value))
    return replace(span, operator=stars)


def _outside(kept: Sequence[Span], hidden: Sequence[Span]) -> Iterator[Span]:
    """What of the kept spans lies outside the hidden ones."""
    ahead = 0
    for span in kept:
        while ahead < len(hidden) and hidden[ahead].end <= span.start:
            ahead += 1
        start, index = span.start, ahead
        while index < len(hidden) and hidden[index].start < span.end:
            if hidden[index].start > start:
                yield replace(span, start=start, end=hidden[index].start)
            start = max(start, hidden[index].end)
            index += 1
        if start < span.end:
            yield replace(span, start=start)
