"""deid/docs/policies.md: its policies are sound, its lists and days are what the program makes of them."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from deid import load_policy, mask_file
from deid.calendar import publication_dates
from deid.explain import missing
from deid.policy import check_policy
from deid.policy_files import KEYS

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "deid" / "docs" / "policies.md").read_text(encoding="utf-8")
OWN = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
SOURCE = re.search(r"```csv\n(.*?)```", TEXT, re.DOTALL)
LISTS = re.findall(
    r"`--policy (\w+) --channel (\w+) --level (\w+)`\n\n```csv\n(.*?)```", TEXT, re.DOTALL
)
DAYS = re.findall(r"\| `(\w+)` \(.*?\) \| (\S+) \| to (\S+) \| (\S+) \|", TEXT)


@pytest.mark.parametrize("content", OWN, ids=["our-linshi", "our-water"])
def test_the_examples_are_sound_and_complete(tmp_path: Path, content: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(content, encoding="utf-8")
    policy = check_policy(path)
    assert policy.name.startswith("our-")
    assert policy.verified
    assert missing(path) == []


def test_the_first_example_does_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN[0], encoding="utf-8")
    policy = load_policy(path, channel="board")
    assert (policy.due.publish, policy.due.period) == (3, 5)
    assert policy.specs["CN_ADDRESS"] == {"generalize_address": {"level": "town"}}
    assert policy.fields["age"].action == "drop"
    assert policy.elements["publisher"] == "县民政局社会救助股"
    assert policy.elements["content"] == load_policy("linshi").elements["content"]


def test_every_key_is_explained() -> None:
    table = TEXT.partition("## Every key")[2].partition("## Days")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(KEYS)


def test_three_matters_three_channels_two_levels_are_shown() -> None:
    assert [len({each[at] for each in LISTS}) for at in range(3)] == [3, 3, 2]


@pytest.mark.parametrize(
    ("name", "channel", "level", "shown"), LISTS, ids=["-".join(each[:3]) for each in LISTS]
)
def test_the_list_published_differently(
    tmp_path: Path, name: str, channel: str, level: str, shown: str
) -> None:
    assert SOURCE
    source, target = tmp_path / "名单.csv", tmp_path / "out.csv"
    source.write_text(SOURCE[1], encoding="utf-8")
    mask_file(source, target, policy=load_policy(name, channel=channel, level=level))
    assert target.read_text(encoding="utf-8") == shown


@pytest.mark.parametrize(("name", "due", "end", "down"), DAYS)
def test_the_days(name: str, due: str, end: str, down: str) -> None:
    policy = load_policy(name)
    dates = publication_dates(
        policy.due, policy.retention, datetime.date(2026, 11, 20), datetime.date(2026, 11, 24)
    )
    assert [str(day) for day in (dates.due, dates.end, dates.take_down)] == [due, end, down]


def test_the_days_are_found() -> None:
    assert len(DAYS) == 3
