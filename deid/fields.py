"""Words -> what they announce: column headers, and labels that stand before a value in prose.

The words are ``patterns/fields.yaml`` (headers that clerks use) and the entities' own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from deid.data import load_yaml, patterns_dir
from deid.entities import load_entities
from deid.errors import UnknownKind
from deid.later import later
from deid.text import INVISIBLE


class Label(NamedTuple):
    """What a header or a label says of the value under or behind it.

    ``field`` is the key in fields.yaml, ``entity`` what the value is when it identifies a person.
    ``public``: a number that names no person (order, amount, date). ``agency``: a contact or an
    address of the publisher. All empty: no label.
    """

    field: str = ""
    entity: str = ""
    public: bool = False
    agency: bool = False


NO_LABEL = Label()

_LONGEST = 16
_TRIM = "*:：· "
_NUMBERING = later(r"^(?:\d{1,2}[.、)]|[(]?[一二三四五六七八九十]{1,2}[)、.])")
_NOTE = later(r"[(（\[【][^()（）\[\]【】]*[)）\]】]")
_PARTS = later(r"[/、,;|]|和|及|或")
_PUNCTUATION = later(
    r"(?:[\s:()\[\]【】《》{}<>\"'“”‘’=#→\-*~|/·" + INVISIBLE + r"]|[(][^()\d]{1,10}[)])+$"
)
_FILLER = later(
    r"(?:号码|号|为|是|系|如下|分别|以下|更正|更改|变更|应|改|现|原|新|旧|已|至|成|登记|填写|本人|[,、]?(?:如|例如|比如|示例)|格式|\d*位)$"
)
_LINK = later(
    r"[\s,、;/|和及或与\-()"
    + INVISIBLE
    + r"]*$|(?:有误|错误|不符)?[\s,、;]*(?:更正|变更|应|改|现)?[为成是]?$"
)
_BLANKS = later(f"[\\s{INVISIBLE}]+")
_LAST_NUMBER = later(r"[\dX][\dX .*()+\-]*$")
_NUMBER_END = later(r"[\dX*]$")
_STOP = later(r"[。;!?\n,、()]")
_NUMBER = later(r"[0-9.,:/ +\-]+")
"""A cell of these alone is no header: most cells of a list are not looked up."""


@cache
def raw_fields() -> Mapping[str, Any]:
    """The content of ``patterns/fields.yaml``."""
    raw: Mapping[str, Any] = load_yaml(patterns_dir() / "fields.yaml")
    return raw


@lru_cache(maxsize=1 << 14)
def normal(header: str) -> str:
    """A header as the lexicon spells it: NFKC, no blanks, simplified, capitals, no numbering."""
    text = unicodedata.normalize("NFKC", header).replace(INVISIBLE, "").translate(simplified())
    text = "".join(text.split()).strip(_TRIM).upper()
    return _NUMBERING.sub("", text)


@cache
def simplified() -> dict[int, str]:
    """Characters of headers and labels in their traditional form, and 帐, as the lexicon has them."""
    before, after = raw_fields()["traditional"]
    return {ord(old): new for old, new in zip(before, after, strict=True)}


@cache
def _headers() -> Mapping[str, Label]:
    """Every word that heads a column; a field's own word goes before a label's."""
    return {**_label_words(), **_field_words(), **_entity_words()}


@cache
def _labels() -> Mapping[str, Label]:
    """Every word that stands before a value in prose; there an order number is no column."""
    words = {**_field_words(), **_label_words(), **_entity_words()}
    words.pop("ID", None)  # heads a column of serial numbers; in prose anything, an ID number too
    return words


@cache
def _entity_of() -> Mapping[str, str]:
    return {header: entity.name for entity in load_entities().values() for header in entity.headers}


@cache
def _field_words() -> Mapping[str, Label]:
    words: dict[str, Label] = {}
    fields = raw_fields()["fields"]
    for key, spec in reversed(fields.items()):  # a word of two fields is the first one's
        # The file keeps them in normal form.
        words.update(dict.fromkeys(spec["synonyms"].upper().split(), _field_label(key, spec)))
    for entity in load_entities().values():
        label = Label(field=entity.name, entity=entity.name)
        for word in entity.context:
            words.setdefault(normal(word), label)
    words.pop("", None)
    return words


@cache
def _entity_words() -> Mapping[str, Label]:
    """Headers that an entity file spells out itself: they go before every list of fields."""
    fields = raw_fields()["fields"]
    return {
        normal(word): Label(field=entity.name, entity=entity.name)
        for entity in load_entities().values()
        for word in entity.headers
        if word not in fields
    }


@cache
def _label_words() -> Mapping[str, Label]:
    return {
        word: label
        for kind, group in raw_fields()["labels"].items()
        for label in (_class_label(kind),)
        for word in group.upper().split()
    }


_NOT_NUMBERS = frozenset(
    [
        "name",
        "head_name",
        "member_names",
        "spouse_name",
        "guardian_name",
        "caregiver_name",
        "agent_name",
        "payee_name",
        "officer_name",
        "relation",
        "contact_person",
        "province",
        "city",
        "county",
        "town",
        "village",
        "bank_name",
        "sex",
        "ethnicity",
        "school",
        "employer",
        "remark",
    ]
)


def _field_label(key: str, spec: Mapping[str, Any]) -> Label:
    entity = _entity_of().get(key, "")
    agency = key.startswith("agency")
    public = not entity and not agency and _is_public(key, spec["role"])
    return Label(key, entity, public, agency)


def _is_public(key: str, role: str) -> bool:
    """Whether values under the field are numbers that name no person (a file number among them)."""
    return (role == "public" and key not in _NOT_NUMBERS) or key == "person_no"


def _class_label(kind: str) -> Label:
    if kind.startswith("agency"):
        return Label(kind, "", False, True)
    if kind == "public_number":
        return Label(kind, "", True, False)
    return Label(kind, _entity_of().get(kind, ""), False, False)


SKIP = "skip"
"""A kind of column that is neither looked at nor changed; who said so answers for it."""


@cache
def kind_label(kind: str) -> Label:
    """What a person says of a column: a field (``id_number``), an entity (``CN_MOBILE``), ``skip``.

    Raises UnknownKind.
    """
    if kind == SKIP:
        return Label(field=SKIP)
    spec = raw_fields()["fields"].get(kind)
    if spec:
        return _field_label(kind, spec)
    if kind in load_entities():
        return Label(field=kind, entity=kind)
    raise UnknownKind("没有这种列；可用 patterns/fields.yaml 里的字段、实体名或 skip")


def header_label(header: str) -> Label:
    """What a column header says: by the whole word, without its bracketed note, by its end.

    A header that names several things (身份证号/出生年月) says the one that protects most.
    """
    whole = normal(header)
    if not whole or len(whole) > 40:
        return NO_LABEL
    return _header_label(whole)


@lru_cache(maxsize=1 << 12)  # whatever stands in a title
def _header_label(whole: str) -> Label:
    words = _headers()
    if whole in words:
        return words[whole]
    short = _NOTE.sub("", whole)
    if short in words:
        return words[short]
    pieces = header_parts(whole)
    found = [words.get(piece) or _by_end(piece) for piece in pieces] or [NO_LABEL]
    return max(found, key=_protection) if len(pieces) > 1 else _by_end(short) or NO_LABEL


def header_parts(header: str) -> list[str]:
    """The things that a header names: 身份证号/出生年月 names two."""
    whole = normal(header).replace("(", "/").replace(")", "/")
    return [piece for piece in _PARTS.split(whole) if piece]


def exact_label(header: str) -> Label:
    """What a cell says that is, word for word (a bracketed note aside), a header."""
    if "***" in header or _NUMBER.fullmatch(
        header
    ):  # a label and a value that is masked already; a number
        return NO_LABEL
    words = _headers()
    whole = normal(header)
    return words.get(whole) or words.get(_NOTE.sub("", whole)) or _joined_label(whole)


def _joined_label(whole: str) -> Label:
    """What 开户名及账号 says: nothing but headers, joined."""
    if len(whole) > _JOINED or not _PARTS.search(whole):
        return NO_LABEL
    words = _headers()
    found = [words.get(piece, NO_LABEL) for piece in header_parts(whole)]
    return NO_LABEL if NO_LABEL in found else max(found, key=_protection, default=NO_LABEL)


_JOINED = 20
"""No header of two or three names is longer; a cell that is may be prose."""


@cache
def markers(kind: str) -> frozenset[str]:
    """The words of one marker list of fields.yaml, normalised."""
    return frozenset(raw_fields()[kind].upper().split())


def _by_end(word: str) -> Label:
    """The longest word of the lexicon that ends the header (户主本人身份证号码, 联系电话2)."""
    words = _headers()
    word = word.rstrip("0123456789一二三四五六")
    for start in range(max(0, len(word) - _LONGEST), len(word) - 1):
        if word[start:] in words:
            return words[word[start:]]
    return NO_LABEL


def _protection(label: Label) -> int:
    entities = load_entities()
    if label.entity:
        return 3 if entities[label.entity].kind == "direct" else 2
    return 1 if label.public or label.agency or label.field else 0


@cache
def _label_lengths() -> Mapping[str, tuple[int, ...]]:
    """Last character -> the lengths of the labels that end so, longest first."""
    lengths: dict[str, set[int]] = {}
    for word in _labels():
        if 1 < len(word) <= _LONGEST:
            lengths.setdefault(word[-1], set()).add(len(word))
    return {last: tuple(sorted(some, reverse=True)) for last, some in lengths.items()}


def _label_ending(text: str) -> Label:
    """The label that ends a squeezed text in capitals: the longest that fits."""
    words = _labels()
    for length in _label_lengths().get(text[-1:], ()):
        label = words.get(text[-length:]) if length <= len(text) else None
        if label:
            return label
    return NO_LABEL


@cache
def label_endings() -> frozenset[str]:
    """The characters with which a label ends that says of a number what it is, in either case."""
    ends = {word[-1] for word, label in _labels().items() if label.entity}
    other = (chr(code) for code, plain in simplified().items() if plain in ends)
    return frozenset({*ends, *map(str.lower, ends), *other})


def label_before(folded: str, start: int) -> Label:
    """The label that a value at ``start`` stands behind, in the same clause.

    Directly (``电话：``), with words between (``举报电话：县民政局 ``), or through another value
    of the same list (``电话138…、139…``).
    """
    if not start:
        return NO_LABEL
    window = folded[max(0, start - 48) : start].translate(simplified())
    window = _BLANKS.sub(" ", window).upper()
    for _ in range(4):
        label = _nearest(window)
        if label is not None:
            return label
        window = _LAST_NUMBER.sub("", _LINK.sub("", window))
    return NO_LABEL


def _nearest(window: str) -> Label | None:
    """The label at the end of the window; None when another value stands in between."""
    rest = window
    for _ in range(5):
        rest = _PUNCTUATION.sub("", rest)
        label = _label_ending(rest.replace(" ", ""))
        if label is not NO_LABEL:
            return label
        shorter = _FILLER.sub("", rest)
        if shorter == rest:
            break
        rest = shorter
    linked = _LINK.sub("", window)
    if _NUMBER_END.search(linked):
        return None
    clause = _STOP.split(window.rstrip(" :("))[-1].replace(" ", "")
    for cut in range(len(clause) - 1, 1, -1):
        if clause[cut - 1].isdigit():
            break
        label = _label_ending(clause[:cut])
        if label is not NO_LABEL:
            return label
    return NO_LABEL


_LIKE_A_NAME = "like_a_name"
"""The field of a column that nothing but its values tells to hold names (``deid.columns``)."""


@cache
def field_of_entity(entity: str) -> str:
    """The field that stands for an entity where no header names one: CN_MOBILE -> phone."""
    fields = raw_fields()["fields"]
    if entity == "CN_LANDLINE":
        return "phone"
    if entity == "PERSON":
        return "name"
    found = load_entities().get(entity)
    return next((key for key in found.headers if key in fields), "") if found else ""


def field_of(label: Label) -> str:
    """The field that a label names, or that its entity stands for."""
    if label.field in raw_fields()["fields"]:
        return label.field
    if label.field == _LIKE_A_NAME:
        return "name"
    return field_of_entity(label.entity)
