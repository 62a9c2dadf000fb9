"""The day that a list gives itself: what it was drawn up, or published, on."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from deid.later import later
from deid.text import fold

DATE = later(r"((?:19|20)\d\d)\s*[年.\-/]\s*(\d{1,2})(?:\s*[月.\-/]\s*(\d{1,2}))?")
_YEAR = later(r"(20\d\d)\s*年")
_OWN_DATE = later(r"公示|填报|填表|制表|日期|时间|发布|截至|截止|审核")
_TITLE = later(r"名单|公示|[花名清]册|明细|一览|统计|汇总|[表单]$|年度|季度|[办局府会站]\s*\d")


def own_date(texts: Iterable[str], *, year_only: bool = True) -> datetime.date | None:
    """The day that a list gives itself: of publication or drawing up, or else of its title's year.

    The first day where only a month or a year is given, so that nobody counts as of age too early.
    ``year_only``: a year will do; it tells ages, but not when something was made. Lines that hold a
    long number are rows, not titles; a day to come is no day of publication.
    """
    best: tuple[int, datetime.date] | None = None
    for text in texts:
        folded = fold(text)
        if len(folded) > 400 or _LONG_NUMBER.search(folded):
            continue
        ranked = _dated(folded)
        if ranked and (best is None or ranked[0] > best[0]) and (ranked[0] or year_only):
            best = ranked
    return best[1] if best else None


_LONG_NUMBER = later(r"\d{11}|\d{6} ?\d{8}")


def _dated(folded: str) -> tuple[int, datetime.date] | None:
    """How good a date this line gives (3: the day of publication), and the date."""
    cue, title = _OWN_DATE.search(folded), _TITLE.search(folded)
    match = DATE.search(folded)
    if match and (cue or title):
        rank = 3 if cue and match[3] else 2 if match[3] else 1
        date = date_of(int(match[1]), int(match[2]), int(match[3] or 1))
    else:
        year = _YEAR.search(folded) if title else None
        rank, date = 0, date_of(int(year[1]), 1, 1) if year else None
    if date is None or date.year < 2000 or date > datetime.date.today():
        return None
    return rank, date


def date_of(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
