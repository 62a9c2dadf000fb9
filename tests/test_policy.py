"""Policy files: how they are found, extended and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid import mask_text
from deid.entities import load_entities
from deid.errors import PatternError, UnknownPolicy
from deid.policy import load_policy, policy_names

CARD = "110105194912310" + "02X"


def write(folder: Path, content: str, name: str = "county.yaml") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_general_speaks_of_every_entity() -> None:
    assert set(load_policy("general").specs) == set(load_entities())


@pytest.mark.parametrize("name", policy_names())
def test_what_comes_with_deid_loads(name: str) -> None:
    policy = load_policy(name)
    assert policy.label
    assert policy.description
    assert policy.basis
    assert set(policy.operators) == set(policy.specs)


def test_general_keeps_features_and_hides_the_rest() -> None:
    policy = load_policy()
    kept = {name for name in load_entities() if not policy.hides(name)}
    assert kept == {"BIRTH_DATE", "AGE", "SEX", "HEALTH", "DISABILITY", "POVERTY_CAUSE"}


def test_what_a_policy_does_not_name_stays() -> None:
    assert not load_policy().hides("NO_SUCH_THING")


def test_a_county_overrides_two_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "extends: general\nlabel: 本县规则\noperators:\n"
        "  CN_RESIDENT_ID: {mask: {first: 3}}\n  CN_MOBILE: keep\n",
    )
    policy = load_policy(path)
    assert (policy.label, policy.name) == ("本县规则", "general")
    assert not policy.hides("CN_MOBILE")
    text = f"身份证号{CARD}，电话13800138000"
    assert mask_text(text, policy=path) == "身份证号110***************，电话13800138000"
    assert mask_text(text, policy=str(path)) == mask_text(text, policy=policy)


def test_a_policy_may_extend_one_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "extends: general\noperators: {CN_MOBILE: redact}\n", "city.yaml")
    path = write(tmp_path, "extends: city\noperators: {CN_QQ:}\n".replace("CN_QQ:", "CN_QQ: mask"))
    assert mask_text("电话13800138000", policy=path) == "电话"


def test_a_policy_without_operators_hides_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "label: 空\n")
    assert load_policy(path).name == "county"
    assert mask_text(CARD, policy=path) == CARD


def test_options_may_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "operators: {CN_MOBILE: {mask: }}\n")
    assert mask_text("电话13800138000", policy=path) == "电话***********"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("operator: {CN_MOBILE: mask}\n", "operator"),
        ("- mask\n", "county"),
        ("", "county"),
        ("operators: [CN_MOBILE]\n", "operators"),
        ("operators: {CN_MOBILF: mask}\n", "CN_MOBILF"),
        ("operators: {CN_MOBILE: blur}\n", "blur"),
        ("operators: {CN_MOBILE: {mask: {frist: 3}}}\n", "frist"),
        ("operators: {CN_MOBILE: {mask: 3}}\n", "CN_MOBILE"),
        ("operators: {CN_MOBILE: {mask: {}, keep: {}}}\n", "CN_MOBILE"),
        ("operators: {CN_MOBILE: [mask]}\n", "CN_MOBILE"),
        ("extends: county\n", "county → county"),
        ("extends: other\n", "county → other → county"),
        ("operators: {CN_MOBILE: mask\n", "第"),
    ],
)
def test_a_broken_policy_is_refused_by_name_and_key(
    tmp_path: Path, content: str, named: str
) -> None:
    write(tmp_path, "extends: county\n", "other.yaml")
    with pytest.raises(PatternError) as caught:
        load_policy(write(tmp_path, content))
    assert named in str(caught.value)


@pytest.mark.parametrize("name", ["generel", "", "../general", "general.txt", "no/such.yaml"])
def test_an_unknown_policy_names_those_there_are(name: str) -> None:
    with pytest.raises(UnknownPolicy, match="general"):
        load_policy(name)


def test_an_unknown_parent_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownPolicy, match="general"):
        load_policy(write(tmp_path, "extends: province\n"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "county.yaml"
    path.write_bytes(b"label: \xff\xfe\n")
    with pytest.raises(PatternError, match=r"county\.yaml"):
        load_policy(path)
