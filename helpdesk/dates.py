"""Days as the helpdesk says them."""

from __future__ import annotations

from datetime import date

from core.era import date_text, era_year

_PLAIN_WITHOUT_YEAR_DAYS = 180


def day_text(day: date, today: date) -> str:
    """12月28日（月）; with its era year where the day is so far from today that the year is not plain."""
    full = date_text(day)
    near = abs((day - today).days) <= _PLAIN_WITHOUT_YEAR_DAYS
    return full.removeprefix(era_year(day)) if near else full


def span_text(days: int) -> str:
    """3週間, or 20日 where it is no whole number of weeks."""
    weeks, rest = divmod(days, 7)
    return f"{days}日" if rest else f"{weeks}週間"


def weeks_text(weeks: tuple[int, int]) -> str:
    """1～2週間, or 4週間 where both ends are the same."""
    first, last = weeks
    return f"{last}週間" if first == last else f"{first}～{last}週間"
