"""Days of a publication, with the days off of 2026 (State Council notice of 2025-11-04)."""

from __future__ import annotations

import dataclasses
import datetime
import subprocess
import sys

import pytest

from deid.calendar import (
    add_days,
    due_sentence,
    is_working_day,
    known_years,
    publication_dates,
    retention_sentence,
)
from deid.policy import Due, Retention, load_policy


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("date", "works"),
    [
        ("2026-11-20", True),
        ("2026-11-21", False),
        ("2026-10-01", False),
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", True),  # a Saturday worked in exchange
        ("2026-09-20", True),  # a Sunday worked in exchange
        ("2026-02-14", True),
        ("2026-02-23", False),
        ("2027-01-01", True),  # not known: Monday to Friday
        ("2027-01-02", False),
        ("1999-01-01", True),
    ],
)
def test_working_days(date: str, works: bool) -> None:
    assert is_working_day(day(date)) is works


@pytest.mark.parametrize(
    ("start", "days", "kind", "end"),
    [
        ("2026-11-20", 20, "working", "2026-12-18"),  # the seeds' four terms
        ("2026-11-20", 10, "working", "2026-12-04"),
        ("2026-11-20", 7, "working", "2026-12-01"),
        ("2026-11-20", 3, "working", "2026-11-25"),
        ("2026-09-30", 7, "working", "2026-10-15"),  # over the long holiday, 10-10 is worked
        ("2026-09-18", 1, "working", "2026-09-20"),
        ("2026-11-21", 1, "working", "2026-11-23"),  # begins on a Saturday
        ("2026-11-20", 7, "calendar", "2026-11-27"),
        ("2026-11-21", 7, "calendar", "2026-11-30"),  # would end on a Saturday
        ("2026-09-25", 7, "calendar", "2026-10-08"),  # would end in the holiday
        ("2026-11-20", 0, "calendar", "2026-11-20"),
        ("2026-11-21", 0, "working", "2026-11-21"),
    ],
)
def test_terms(start: str, days: int, kind: str, end: str) -> None:
    assert add_days(day(start), days, kind) == day(end)


@pytest.mark.parametrize("days", [-1, 3661])
def test_no_term_runs_for_ever(days: int) -> None:
    with pytest.raises(ValueError, match="3660"):
        add_days(day("2026-11-20"), days)


@pytest.mark.parametrize(
    ("due", "retention", "posted", "expected"),
    [
        (Due(10, period=7), Retention("period"), "2026-11-24",
         ("2026-12-04", "2026-11-24", "2026-12-03", "2026-12-04")),
        (Due(10, period=7), Retention("period"), None,
         ("2026-12-04", "2026-12-04", "2026-12-15", "2026-12-16")),
        (Due(20, period=5), Retention("days", 30), "2026-11-23",
         ("2026-12-18", "2026-11-23", "2026-11-30", "2026-12-31")),
        (Due(20), Retention("days", 10), "2026-11-23",
         ("2026-12-18", "2026-11-23", None, "2026-12-04")),
        (Due(20), Retention("renewed"), None, ("2026-12-18", "2026-12-18", None, None)),
        (Due(20, period=7), Retention("law"), None,
         ("2026-12-18", "2026-12-18", "2026-12-29", None)),
    ],
)  # fmt: skip
def test_publication(
    due: Due, retention: Retention, posted: str | None, expected: tuple[str | None, ...]
) -> None:
    dates = publication_dates(due, retention, day("2026-11-20"), day(posted) if posted else None)
    found = (dates.due, dates.posted, dates.end, dates.take_down)
    assert found == tuple(day(each) if each else None for each in expected)
    assert dates.remarks == ()


def test_a_year_without_data_is_told() -> None:
    dates = publication_dates(Due(20, period=7), Retention("period"), day("2026-12-20"))
    assert dates.due == day("2027-01-15")
    assert dates.remarks == ("没有 2027 年的放假和调休安排，这一年按周一至周五算工作日，请核对",)
    assert known_years()[0] <= 2010
    assert known_years()[1] >= 2026


@pytest.mark.parametrize(
    ("name", "posted", "due", "retention"),
    [
        ("dibao_review", "2026-11-24",
         "2026年12月4日前（自 2026年11月20日形成或变更起 10 个工作日内）",
         "公示期 7 个工作日：2026年11月24日至2026年12月3日；2026年12月4日撤下；"),
        ("dibao_review", "2026-12-11", "；已超过期限", "2026年12月23日撤下"),
        ("dibao_confirm", None, "2026年12月4日前", "长期公开，随下一次更新替换"),
        ("edu_aid", "2026-11-24", "2026年12月18日前", "2026年12月2日撤下"),
        ("penalty", None, "2026年12月1日前", "按有关规定的期限撤下"),
        ("general", None, "2026年12月18日前", "长期公开"),
    ],
)  # fmt: skip
def test_sentences(name: str, posted: str | None, due: str, retention: str) -> None:
    policy = load_policy(name)
    shown = day(posted) if posted else None
    assert due in due_sentence(policy, day("2026-11-20"), shown)
    assert retention in retention_sentence(policy, day("2026-11-20"), shown)


def test_a_list_kept_for_some_days_says_until_when() -> None:
    policy = dataclasses.replace(
        load_policy("general"), due=Due(20, period=7), retention=Retention("days", 30)
    )
    shown = retention_sentence(policy, day("2026-11-20"), day("2026-11-23"))
    assert shown == "公示期 7 个工作日：2026年11月23日至2026年12月2日；2027年1月2日撤下"
    later = dataclasses.replace(policy, due=Due(20), retention=Retention("period"))
    assert retention_sentence(later, day("2026-11-20")) == ""


def test_the_package_of_days_off_is_loaded_when_asked() -> None:
    script = "import sys, deid, deid.calendar; print('chinese_calendar' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("False\n", "")
