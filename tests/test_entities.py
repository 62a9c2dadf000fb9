"""Entity files: what they must hold, and how a broken one is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deid.data import patterns_dir
from deid.entities import load_entities, read_entity
from deid.errors import PatternError

GOOD = """\
entity: CN_TEST
label: 测试号
kind: direct
headers: [测试号码]
context: [测试号, test no]
public: false
find:
  - {regex: '(?<!\\d)9{s}9(?!\\d)', score: 0.8, checks: [luhn]}
column: '\\d{w}*'
examples:
  hit: ['99', {text: '9', header: 测试号码}]
  miss: ['98']
"""


def write(folder: Path, content: str) -> Path:
    path = folder / "cn_test.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_a_good_file(tmp_path: Path) -> None:
    entity = read_entity(write(tmp_path, GOOD))
    assert (entity.name, entity.label, entity.kind) == ("CN_TEST", "测试号", "direct")
    assert entity.context == ("测试号", "TEST NO")
    assert entity.find[0].regex.search("9 - 9")
    assert not entity.find[0].needs_label
    assert entity.column is not None
    assert entity.column.fullmatch("1 2-3")
    assert [(e.text, e.header) for e in entity.hit] == [("99", None), ("9", "测试号码")]


def test_a_file_without_a_column_form(tmp_path: Path) -> None:
    assert read_entity(write(tmp_path, re.sub("column: .*", "column: ''", GOOD))).column is None


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("public: false\n", "", "public"),
        ("public: false", "public: false\nsecret: 1", "secret"),
        ("kind: direct", "kind: odd", "kind"),
        ("checks: [luhn]", "checks: [lunh]", "lunh"),
        (", score: 0.8", "", "find"),
        ("score: 0.8", "score: 0.8, colour: red", "find"),
        ("entity: CN_TEST", "entity: [CN_TEST", "第"),
        (GOOD, "- 1\n", "cn_test"),
        (GOOD, "", "cn_test"),
    ],
)
def test_a_broken_file_is_refused_by_name_and_key(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    assert old in GOOD
    with pytest.raises(PatternError, match=r"cn_test\.yaml") as caught:
        read_entity(write(tmp_path, GOOD.replace(old, new)))
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"), [("(?<!\\d)9", "(?<!\\d+)9"), ("column: '\\d", "column: '(\\d")]
)
def test_a_broken_form_is_refused_at_its_first_use(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    entity = read_entity(write(tmp_path, GOOD.replace(old, new)))
    with pytest.raises(PatternError, match="regex"):
        assert (entity.find[0].regex, entity.column) == ()


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PatternError, match=r"cn_test\.yaml"):
        read_entity(tmp_path / "cn_test.yaml")


def test_entities_are_known_by_name_and_frozen() -> None:
    entities = load_entities()
    assert all(name == entity.name for name, entity in entities.items())
    assert len(entities) == len(list((patterns_dir() / "entities").glob("*.yaml")))
    with pytest.raises(TypeError):
        entities["CN_TEST"] = entities["CN_MOBILE"]  # type: ignore[index]


@pytest.mark.parametrize("entity", load_entities().values(), ids=lambda entity: entity.name)
def test_forms_are_sound(entity: object) -> None:
    """A form without a check scores 0.5 at most unless a label vouches for it or no digit does;
    a Unicode word border fails beside Han."""
    for form in entity.find:  # type: ignore[attr-defined]
        assert 0 < form.score <= 1
        assert "\\b" not in form.regex.pattern.replace("(?a:\\b)", "")
        assert not form.regex.search("")
        if form.score >= 0.95:
            assert form.checks
