"""Labelled values in running text: 病种：肺癌, under the rule of their label."""

from __future__ import annotations

from collections.abc import Sequence

from deid.actions.grids import PERSONAL
from deid.actions.rules import KEEP, Rules, Verdict
from deid.entities import load_entities
from deid.fields import raw_fields
from deid.later import later
from deid.model import Edit
from deid.operators import REST
from deid.policy import Policy
from deid.text import fold


class LabelledValues:
    """``病种：肺癌``, wherever it stands: the value under the rule of its label."""

    def __init__(self, rules: Rules, policy: Policy) -> None:
        self._verdicts: dict[str, Verdict] = {}
        for key, spec in raw_fields()["fields"].items():
            verdict = rules.of_field(key)
            if policy.only and key not in policy.only and spec["role"] in PERSONAL:
                verdict = Verdict("drop")
            told = spec["role"] in PERSONAL and key not in _PUBLISHERS
            if verdict is KEEP or not told or field_entity(key) in FOUND:
                continue
            for word in spec["synonyms"].upper().split():
                if len(word) > 1 and word not in _GENERIC:
                    self._verdicts.setdefault(word, verdict)

    def edits(self, place: str, text: str, edits: Sequence[Edit]) -> list[Edit]:
        """The edits of the text with those of its labelled values in the place of what they cover."""
        if not self._verdicts or not (":" in text or "：" in text):
            return list(edits)
        folded = fold(text)
        found, done = list(edits), 0
        for colon in _COLON.finditer(folded):
            value = _VALUE.match(folded, colon.end()) if colon.start() >= done else None
            verdict = self._before(folded[max(0, colon.start() - _WINDOW) : colon.start()])
            if value and verdict:
                done = value.end()
                found = self._with(found, place, text, value.span(), verdict)
        return found

    def _before(self, window: str) -> Verdict | None:
        """The verdict of the label that ends a text; blanks may stand in it, and in front of it."""
        words = _LABEL_STOP.split(_NOTE.sub("", window))[-1].upper().split()
        for at in range(len(words)):
            if verdict := self._verdicts.get("".join(words[at:])):
                return verdict
        return None

    @staticmethod
    def _with(
        edits: list[Edit], place: str, text: str, span: tuple[int, int], verdict: Verdict
    ) -> list[Edit]:
        start, end = span
        value = text[start:end]
        new = REST if verdict.operator is None else verdict.operator(value)
        if new == value or any(e.start < start < e.end or e.start < end < e.end for e in edits):
            return edits
        rest = [edit for edit in edits if edit.end <= start or end <= edit.start]
        return sorted([*rest, Edit(place, start, end, new)], key=lambda edit: edit.start)


FOUND = frozenset(
    ["PERSON", "CN_RESIDENT_ID", "CN_MOBILE", "CN_BANK_CARD", "CN_ADDRESS", "EMAIL_ADDRESS"]
)
"""Entities that are found by what they look like: an agency's telephone has the same label."""


_PUBLISHERS = frozenset(
    ("employer", "school", "education", "study", "college", "grade_year", "major", "class_name")
)
"""Fields whose labels stand as often before what is the publisher's: 单位：元, 学校：第一中学."""
_GENERIC = frozenset(
    [
        "情况",
        "原因",
        "理由",
        "事由",
        "救助",
        "级别",
        "健康",
        "支出",
        "收入",
        "保险",
        "参保",
        "医院",
        "车辆",
        "住房",
        "房产",
        "基金",
        "部队",
        "贷款",
        "负债",
        "存款",
        "视频",
        "图片",
        "签字",
        "签名",
        "签收",
        "盖章",
        "签章",
        "印章",
        "工作",
        "关系",
        "城乡",
        "成员",
        "类别",
        "类型",
        "用户名",
        "证书",
        "证书号",
        "SR",
        "MZ",
        "XL",
        "WH",
        "PIC",
    ]
)
"""Words that stand before much else in a notice: a column of that name is meant, no label."""


def field_entity(key: str) -> str:
    """The entity whose values stand under a field, if any."""
    return next((name for name, e in load_entities().items() if key in e.headers), "")


_WINDOW = 60
_COLON = later(r"\s*:\s*")
_NOTE = later(r"\s*\([^()]{1,8}\)\s*$")
_LABEL_STOP = later(r"[,;。、:()\[\]|\n\t]")
_VALUE = later(
    r"(?m)[^\s,;。|()](?:[^,;。|\n\t()]*?[^\s,;。|()])?"
    r"(?=\s{2,}|\s*$|\s*[,;。|\n\t()]|\s+[^\s:]{2,10}:)",
)
