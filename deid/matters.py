"""A title -> the matters it speaks of, and what a person should be asked about that.

The words are those of the policies (``titles``). An entry of several words needs all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from deid.data import load_yaml, patterns_dir
from deid.fields import header_label, raw_fields
from deid.later import later
from deid.model import Remark
from deid.policy import Policy
from deid.policy_files import CHANNELS
from deid.text import fold

_Entry = tuple[str, ...]
_PERSONAL = frozenset(
    [
        "CN_RESIDENT_ID",
        "CN_DISABILITY_CERT",
        "CN_STUDENT_NO",
        "CN_SOCIAL_SECURITY_NO",
        "CN_BENEFIT_CERT",
        "AGE",
        "BIRTH_DATE",
        "HEALTH",
        "DISABILITY",
        "head_name",
        "member_names",
        "age",
        "birth_date",
        "birth_month",
        "ethnicity",
        "marital",
    ]
)
"""Entities and fields of columns that only lists of people have."""
_REFUSED = ("refuse", "refuse_web")
_OWN = ""
_TIME = later(r"\d+|第?[一二三四]季度|[年月日第份号]|[上下]半年度?|年度")
_HAN = later("[\u4e00-\u9fff]")
_TELLING = 4


class _Matter(NamedTuple):
    label: str
    mode: str
    entries: tuple[_Entry, ...]


@cache
def _matters() -> Mapping[str, _Matter]:
    """Policies by name, those whose file has words of titles."""
    found = {}
    for path in sorted((patterns_dir() / "policies").glob("*.yaml")):
        raw = load_yaml(path)
        if isinstance(raw, dict) and raw.get("titles"):
            found[path.stem] = _Matter(
                raw.get("label", path.stem), raw.get("mode", "list"), _entries(raw["titles"])
            )
    return MappingProxyType(found)


def _entries(titles: Iterable[str]) -> tuple[_Entry, ...]:
    return tuple(tuple(entry.upper().split()) for entry in titles)


def _plain(text: str) -> str:
    return fold(text).upper()


def _squeezed(texts: Iterable[str]) -> str:
    """Texts without blanks, kept apart by line ends."""
    return "\n".join("".join(_plain(text).split()) for text in texts)


def suggest_matter(title: str, headers: Sequence[str] = ()) -> list[str]:
    """The matters that a title speaks of; the headers are asked where it names none.

    >>> suggest_matter("临澧县2026年6月孤儿基本生活费发放公示")
    ['orphan']
    >>> suggest_matter("XX镇城乡低保初审名单")
    ['dibao_review']
    """
    return list(_suggested(title, headers, {key: m.entries for key, m in _matters().items()}))


def _suggested(
    title: str, headers: Sequence[str], entries: Mapping[str, tuple[_Entry, ...]]
) -> dict[str, list[_Entry]]:
    # A column that asks whether (是否低保户) tells of a feature of the people, not of the list.
    asked = [header for header in headers if not _plain(header).startswith("是否")]
    return _hits(_squeezed(title.splitlines()), entries) or _hits(_squeezed(asked), entries)


def _hits(text: str, entries: Mapping[str, tuple[_Entry, ...]]) -> dict[str, list[_Entry]]:
    """Matter -> its entries in the text, without those that a closer one of another contains."""
    found = {
        key: [entry for entry in some if all(word in text for word in entry)]
        for key, some in entries.items()
    }
    every = [(key, entry) for key, some in found.items() for entry in some]
    return {
        key: some
        for key, some in found.items()
        if any(
            not any(other != key and _closer(than, entry) for other, than in every)
            for entry in some
        )
    }


def _closer(entry: _Entry, than: _Entry) -> bool:
    """Whether an entry says all that the other says, and more."""
    return set(entry) != set(than) and all(any(word in w for w in entry) for word in than)


def matter_remarks(
    policy: Policy, title: str, headers: Sequence[str] = (), *, place: str = ""
) -> list[Remark]:
    """What a person should know or decide before a list of that title is published so.

    ``look`` where somebody has to: a list that is not published at all, one of another matter than
    that of the policy, of two matters or of none, and a channel where such a list is not posted.
    """
    asked = (_of_title(policy, title, headers), _of_columns(policy, headers), _of_channel(policy))
    remarks = [each for some in asked for each in some]
    return [Remark(place, message, look) for message, look in remarks]


def _of_title(policy: Policy, title: str, headers: Sequence[str]) -> list[tuple[str, bool]]:
    if not policy.titles:
        return _under_no_matter(policy, title, headers)
    others = {key: m.entries for key, m in _matters().items() if key != policy.name}
    own = _entries(policy.titles)
    found = _suggested(title, headers, {_OWN: own, **others})
    strange = [
        key
        for key, some in found.items()
        if key != _OWN and not any(set(entry) <= _words(own) for entry in some)
    ]
    asked = [
        (f"标题里有“{word}”：{sentence}", True)
        for word, sentence in policy.ask.items()
        if _squeezed([word]) in _squeezed(title.splitlines())
    ]
    if strange and _OWN in found:
        return [*asked, (f"像是两类事项在一起：还有{_named(strange)}；请分开公示", True)]
    if strange:
        used = f"用的却是“{policy.label}”的规则"
        return [*asked, (f"看起来像{_named(strange)}名单，{used}；请确认 --policy", True)]
    if not found and _says_something(title):
        return [*asked, (f"从标题看不出是不是“{policy.label}”名单；请确认 --policy", True)]
    return asked


def _says_something(title: str) -> bool:
    """Whether a title says more than that it is a list (名单, 6月发放表)."""
    rest = _squeezed([title])
    for word in sorted(raw_fields()["titles"].upper().split(), key=len, reverse=True):
        rest = rest.replace(word, "")
    return len(_HAN.findall(_TIME.sub("", rest))) >= _TELLING


def _words(entries: Iterable[_Entry]) -> set[str]:
    return {word for entry in entries for word in entry}


def _under_no_matter(policy: Policy, title: str, headers: Sequence[str]) -> list[tuple[str, bool]]:
    """Under general rules a list of any matter may be made; what is never published is asked."""
    keys = suggest_matter(title, headers)
    if not keys or policy.mode != "list":
        return []
    never = [key for key in keys if _matters()[key].mode in _REFUSED]
    if never:
        option = "、".join(f"--policy {key}" for key in never)
        return [(f"看起来像{_named(never)}名单，这类名单一般不公示；请确认，或用 {option}", True)]
    if len(keys) > 1:
        return [(f"像是几类事项在一起：{_named(keys)}；不同事项请分开公示", False)]
    return [(f"看起来像{_named(keys)}名单，可以用 --policy {keys[0]}", False)]


def _of_columns(policy: Policy, headers: Sequence[str]) -> list[tuple[str, bool]]:
    """A directory of agencies or a table of counts has no columns that only people have."""
    if policy.mode != "keep_all" or not any(map(_is_personal, headers)):
        return []
    return [(f"有身份证号、年龄、病残一类的列，不像“{policy.label}”；请确认 --policy", True)]


def _is_personal(header: str) -> bool:
    label = header_label(header)
    if label.entity in _PERSONAL:
        return True
    field = raw_fields()["fields"].get(label.field, {})
    return label.field in _PERSONAL or field.get("role") == "sensitive"


def _named(keys: Iterable[str]) -> str:
    return "、".join(f"“{_matters()[key].label}”" for key in keys)


def _of_channel(policy: Policy) -> list[tuple[str, bool]]:
    if policy.channel in policy.usual or policy.refused:
        return []
    usual = "、".join(CHANNELS[key] for key in CHANNELS if key in policy.usual) or "个别告知"
    here = CHANNELS[policy.channel]
    return [(f"“{policy.label}”名单一般只在{usual}公开；发到{here}前请核对本地目录", True)]
