"""The documents cannot drift: the README lists what there is, and its commands are the real ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deid import commands
from deid.entities import load_entities
from deid.formats import described, not_supported
from deid.operators import OPERATORS
from deid.policy import load_policy, policy_names
from deid.report import LABELS
from tests.readme import README, blocks, section, setup_commands

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")


def rows(title: str) -> dict[str, str]:
    """The tables of a section: first cell -> the whole row."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    return {line.split("`")[1]: line for line in lines}


@pytest.mark.parametrize("command", ["", *commands.names()])
def test_help_in_the_readme_is_the_real_one(command: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "deid", *command.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    shown = [text.strip() for language, text in blocks(TEXT) if language == "text"]
    if command in ("", "mask"):
        assert run.stdout.strip() in shown
    assert max(map(len, run.stdout.splitlines())) <= 80


def test_every_command_is_listed() -> None:
    listed = {name.split()[1] for name in rows("Command line") if name.startswith("deid ")}
    assert listed == set(commands.names())


def test_every_entity_is_listed_with_its_default() -> None:
    listed = rows("Entities")
    policy = load_policy("general")
    assert set(listed) == set(load_entities())
    for name, entity in load_entities().items():
        assert entity.label in listed[name]
        assert f"| {entity.kind} |" in listed[name]
        for operator, options in policy.specs.get(name, {}).items():
            told = ", ".join(f"{key} {value}" for key, value in options.items())
            assert listed[name].endswith(f"| `{operator}`{' ' + told if told else ''} |")


def test_every_policy_is_listed() -> None:
    listed = rows("Policies")
    assert set(listed) == set(policy_names())
    for name in policy_names():
        assert load_policy(name).label in listed[name]


def test_every_operator_is_listed() -> None:
    assert set(rows("Operators")) == set(OPERATORS)


def test_every_format_is_listed_as_its_module_tells_it() -> None:
    listed = section("Formats")
    for about in described():
        names = " ".join(f"`{extension}`" for extension in about.extensions)
        told = ("；".join(items) or "无" for items in (about.keeps, about.drops, about.refuses))
        assert f"| {names} | {about.label} | {' | '.join(told)} |" in listed
    for advice, kinds in not_supported():
        assert f"| {'、'.join(kinds)} | {advice} |" in listed


def test_every_status_is_listed() -> None:
    assert all(f"`{status}`" in section("Report") for status in LABELS)
    assert all(f"| {label} |" in section("给经办人") for label in LABELS.values())


def test_every_exit_status_is_listed() -> None:
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert {0, 1, 2, 3, 130} <= listed


def test_setup_is_two_commands_of_one_line() -> None:
    commands = setup_commands()
    assert all("\n" not in command for command in commands.values())
    assert "deid mask" in commands["demo"]
    assert "pytest" in commands["tests"]


def test_the_policy_in_the_readme_loads(tmp_path: Path) -> None:
    (text,) = (text for language, text in blocks(TEXT) if language == "yaml")
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    assert load_policy(tmp_path / "own.yaml").name == "our-county"


def test_the_library_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = (text for language, text in blocks(TEXT) if language == "python")
    monkeypatch.chdir(tmp_path)
    Path("list.csv").write_text("姓名,家庭住址,联系电话\n张建国,,13800138000\n", encoding="utf-8")
    names: dict[str, object] = {}
    exec(source.partition("\n")[0], names)
    shown = 0
    for line in source.splitlines()[1:]:
        code, _, told = line.partition("  # ")
        if literal := re.match(r"'[^']*'", told.strip()):
            assert str(eval(code, names)) in told, line
            shown += bool(literal)
        else:
            exec(code, names)
    assert shown == 5


def test_changelog_has_a_place_for_the_next_change() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[", changelog, re.MULTILINE)
