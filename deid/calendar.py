"""Days of a publication: published by, objections until, taken down on.

A term in days does not count the day on which it begins (Civil Code, art. 201), and one in calendar
days that would end on a day off ends on the next working day (art. 203). Working days are those of
the State Council's yearly notices, weekends worked in exchange (调休) included, as the package
``chinesecalendar`` has them; for a year that it does not know, Monday to Friday, and a remark says so.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cache

from deid.policy import Due, Policy, Retention

_DAY = datetime.timedelta(days=1)
_LONGEST = 3660
"""No term is longer than ten years: a mistyped number must not run for ever."""


@dataclass(frozen=True, slots=True)
class Dates:
    """When a list is to be published at the latest, how long objections may be raised, and when it
    is taken down; None where the matter has no such day. ``remarks`` say what the days rest on."""

    due: datetime.date
    posted: datetime.date
    end: datetime.date | None
    take_down: datetime.date | None
    remarks: tuple[str, ...] = ()


@cache
def known_years() -> tuple[int, int]:
    """The first and the last year whose days off are known."""
    from chinese_calendar.constants import holidays

    years = [day.year for day in holidays]
    return min(years), max(years)


def is_working_day(day: datetime.date) -> bool:
    """Whether offices work on that day.

    >>> is_working_day(datetime.date(2026, 10, 10)), is_working_day(datetime.date(2026, 10, 1))
    (True, False)
    """
    first, last = known_years()
    if not first <= day.year <= last:
        return day.weekday() < 5
    from chinese_calendar import is_workday

    return bool(is_workday(day))


def add_days(start: datetime.date, days: int, kind: str = "working") -> datetime.date:
    """The last day of a term of so many ``working`` or ``calendar`` days that begins on ``start``.

    >>> add_days(datetime.date(2026, 9, 30), 7)
    datetime.date(2026, 10, 15)
    """
    if not 0 <= days <= _LONGEST:
        raise ValueError("a term has from 0 to 3660 days")
    if kind == "calendar":
        day = start + days * _DAY
        while days and not is_working_day(day):
            day += _DAY
        return day
    day = start
    while days:
        day += _DAY
        days -= is_working_day(day)
    return day


def publication_dates(
    due: Due, retention: Retention, formed: datetime.date, posted: datetime.date | None = None
) -> Dates:
    """The days of a list made (or changed) on ``formed`` and posted on ``posted``, else on its last day.

    A list goes down on the day after the one until which it may stay.
    """
    latest = add_days(formed, due.publish, due.publish_days)
    shown = posted or latest
    end = add_days(shown, due.period, due.period_days) if due.period else None
    down = None
    if retention.until == "period" and end:
        down = end + _DAY
    elif retention.until == "days":
        down = (end or shown) + (retention.days + 1) * _DAY
    days = [day for day in (formed, latest, shown, end, down) if day]
    return Dates(latest, shown, end, down, _remarks(days))


def _remarks(days: list[datetime.date]) -> tuple[str, ...]:
    first, last = known_years()
    unknown = sorted({day.year for day in days if not first <= day.year <= last})
    return tuple(
        f"没有 {year} 年的放假和调休安排，这一年按周一至周五算工作日，请核对" for year in unknown
    )


def _chinese(day: datetime.date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def term(days: int, kind: str) -> str:
    """A term in words.

    >>> term(20, "working"), term(7, "calendar")
    ('20 个工作日', '7 天')
    """
    return f"{days} 个工作日" if kind == "working" else f"{days} 天"


def due_sentence(policy: Policy, formed: datetime.date, posted: datetime.date | None = None) -> str:
    """By when the list is to be published, for the review sheet."""
    dates = publication_dates(policy.due, policy.retention, formed, posted)
    span = term(policy.due.publish, policy.due.publish_days)
    late = ""
    if posted and posted > dates.due:
        late = "；已超过期限"
    return f"{_chinese(dates.due)}前（自 {_chinese(formed)}形成或变更起 {span}内）{late}" + "".join(
        f"；{remark}" for remark in dates.remarks
    )


def retention_sentence(
    policy: Policy, formed: datetime.date, posted: datetime.date | None = None
) -> str:
    """How long objections may be raised and when the list comes down, for the review sheet."""
    dates = publication_dates(policy.due, policy.retention, formed, posted)
    parts = []
    if dates.end:
        span = term(policy.due.period, policy.due.period_days)
        parts.append(f"公示期 {span}：{_chinese(dates.posted)}至{_chinese(dates.end)}")
    if dates.take_down:
        parts.append(f"{_chinese(dates.take_down)}撤下")
    elif policy.retention.until == "renewed":
        parts.append("长期公开，随下一次更新替换")
    elif policy.retention.until == "law":
        parts.append("按有关规定的期限撤下")
    if policy.due.note:
        parts.append(policy.shown(policy.due.note))
    return "；".join(parts)
