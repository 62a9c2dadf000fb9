"""Person names: the family name, the shape of a name, and minors named in a remark."""

from __future__ import annotations

import re
from functools import cache

from deid.data import load_rows

_SHAPE = re.compile("[\u4e00-\u9fff\u3400-\u4dbf]{2,4}|[\u4e00-\u9fff]{1,8}(?:[·•.][\u4e00-\u9fff]{1,8}){1,4}")


@cache
def _surnames() -> tuple[frozenset[str], frozenset[str]]:
    rows = load_rows("surnames")
    single = frozenset(row[0] for row in rows if len(row[0]) == 1)
    return single, frozenset(row[0] for row in rows if len(row[0]) > 1)


def family_name_length(name: str) -> int:
    """How many characters at the front of a name are the family name.

    A compound surname counts when a given name follows it; a name written with a dot (阿米娜·库尔班)
    has no Han family name, so its first character stands for it.
    """
    lead = len(name) - len(name.lstrip())
    bare = name[lead:]
    _, compound = _surnames()
    if len(bare.rstrip()) > 2 and bare[:2] in compound:
        return lead + 2
    return lead + 1


def is_name(text: str) -> bool:
    """Whether a folded text has the shape of one person's name with a known surname (or a dot)."""
    bare = text.replace(" ", "")
    if not _SHAPE.fullmatch(bare):
        return False
    single, compound = _surnames()
    return bare[0] in single or bare[:2] in compound or "·" in bare


# A minor in prose: kinship, name, and an age below 18 or a school word close behind.
_KIN = "(?:其|之|长|次|三|四|大|二|小|孙|外孙|养|继|侄|外甥)(?:子|女|儿|孙子|孙女|孙|甥|侄)|儿子|女儿|孙子|孙女|外孙女?|侄子|侄女|小孩|孩子|学生|儿童|孤儿|女孩|男孩|婴儿"
_MINOR = re.compile(
    f"(?:{_KIN})(?:姓名)?[:为叫是]?\\s*(?P<name>[\u4e00-\u9fff]{{2,4}}?(?:[·][\u4e00-\u9fff]{{1,8}})?)"
    "[,\\s]*[(]?[,\\s]*(?:[男女][,\\s]*)?(?:现?年(?:龄|仅|满)?:?|今年|刚满)?\\s*(?P<age>\\d{1,2})\\s*(?:周?岁)"
)
_MINOR_NAME_FIRST = re.compile(
    "(?P<name>[\u4e00-\u9fff]{2,4})\\s*[(,]\\s*(?:[男女][,\\s]*)?(?:现?年)?\\s*(?P<age>\\d{1,2})\\s*周?岁"
)


def minor_spans(folded: str) -> list[tuple[int, int]]:
    """Where a folded remark names somebody whose age, told beside the name, is below 18."""
    if "岁" not in folded:
        return []
    spans = []
    for pattern in (_MINOR, _MINOR_NAME_FIRST):
        for match in pattern.finditer(folded):
            if int(match["age"]) < 18 and is_name(match["name"]):
                spans.append(match.span("name"))
    return spans
