"""Examples that the pattern files carry, and short strings of the nastiest kind, become tests here."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from deid import load_entities, mask_text
from deid.entities import Entity, Example
from deid.fields import header_label
from deid.scan import PROSE, Setting, scan

ENTITIES = list(load_entities().values())
STRINGS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "fixtures" / "strings.json").read_text(encoding="utf-8")
)

_SEPARATOR = re.compile("[\\s\\-‐-―−_.·•\u00a0\u00ad\u200b-\u200f\u2060\ufeff\u3000'’`\"]")


def found_in(example: Example) -> set[str]:
    setting = Setting(header_label(example.header), people=True) if example.header else PROSE
    return {finding.entity for finding in scan(example.text, setting)}


@pytest.mark.parametrize(
    ("entity", "example"),
    [(entity, example) for entity in ENTITIES for example in entity.hit],
    ids=lambda value: value.name if isinstance(value, Entity) else "",
)
def test_hits_are_found(entity: Entity, example: Example) -> None:
    assert entity.name in found_in(example)


@pytest.mark.parametrize(
    ("entity", "example"),
    [(entity, example) for entity in ENTITIES for example in entity.miss],
    ids=lambda value: value.name if isinstance(value, Entity) else "",
)
def test_misses_are_not_found(entity: Entity, example: Example) -> None:
    assert entity.name not in found_in(example)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_what_can_be_found_has_examples(entity: Entity) -> None:
    if entity.find or entity.column:
        assert entity.hit
        assert entity.miss


def plain(text: str) -> str:
    """Letters and digits in their plain form, nothing between them."""
    return _SEPARATOR.sub("", unicodedata.normalize("NFKC", text)).upper()


def readable(secret: str, output: str) -> bool:
    """Whether a secret, or five digits in a row of a long number, can still be read."""
    digits, shown = plain(secret), plain(output)
    long = len(digits) >= 8 and sum(char.isdigit() for char in digits) >= 7
    parts = (digits[at : at + 5] for at in range(len(digits) - 4)) if long else ()
    return secret in output or any(part in shown for part in parts)


# The strings are made up; a test is named by its place in the file, never by its string.
@pytest.mark.parametrize("case", STRINGS)
def test_strings(case: dict[str, Any]) -> None:
    output = mask_text(case["text"], header=case.get("header"))
    assert not [part for part in case.get("hide", ()) if readable(part, output)]
    assert not [part for part in case.get("keep", ()) if part not in output]
    if case.get("same"):
        assert output == case["text"]
    assert mask_text(output, header=case.get("header")) == output


def test_the_strings_are_many_and_of_both_kinds() -> None:
    assert sum(len(case.get("hide", ())) for case in STRINGS) >= 150
    assert sum(bool(case.get("same")) for case in STRINGS) >= 150
