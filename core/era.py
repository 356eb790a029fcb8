"""Dates as Japanese offices write them: era years, weekdays, fiscal years (rule 175).

The machine's locale is never asked: a server without ja_JP writes the same letters.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from core.jst import to_tokyo


class _Era(NamedTuple):
    name: str
    first_day: date
    first_year: int


_ERAS = (  # newest first
    _Era("令和", date(2019, 5, 1), 2019),
    _Era("平成", date(1989, 1, 8), 1989),
    _Era("昭和", date(1926, 12, 25), 1926),
    _Era("大正", date(1912, 7, 30), 1912),
    _Era("明治", date(1873, 1, 1), 1868),  # the day from which its calendar is the western one
)

_WEEKDAYS = "月火水木金土日"


def era_year(day: date) -> str:
    """The year of `day`: 令和9年, the first one 令和元年. Before 明治6年, when Japan took over our calendar, 1868年.

    Every date has one: what is on record is shown, be it as wrong as the year 1.
    """
    for era in _ERAS:
        if day >= era.first_day:
            return f"{_year_in(era, day.year)}年"
    return f"{day.year}年"


@lru_cache(maxsize=1024)
def date_text(day: date) -> str:
    """令和9年1月4日（月）. Raises TypeError for a datetime, whose own date may not be Tokyo's."""
    if isinstance(day, datetime):
        raise TypeError("a moment is written by moment_text, which knows Asia/Tokyo")
    return f"{era_year(day)}{day.month}月{day.day}日（{_WEEKDAYS[day.weekday()]}）"


def moment_text(moment: datetime) -> str:
    """令和9年1月4日（月）9時05分, in Asia/Tokyo. Raises ValueError for a moment without offset."""
    local = to_tokyo(moment)
    return f"{date_text(local.date())}{local.hour}時{local.minute:02}分"


def fiscal_year_of(day: date) -> int:
    """The western year in which the fiscal year of `day` begins: 2024-01-05 lies in 2023."""
    return day.year if day.month >= 4 else day.year - 1


@lru_cache(maxsize=64)
def fiscal_year_text(year: int) -> str:
    """令和8年度（2026年度）. The year in which an era begins is its first one: 2019 is 令和元年度."""
    for era in _ERAS:
        if year >= era.first_day.year:
            return f"{_year_in(era, year)}年度（{year}年度）"
    return f"{year}年度"


def _year_in(era: _Era, year: int) -> str:
    count = year - era.first_year + 1
    return f"{era.name}{'元' if count == 1 else count}"
