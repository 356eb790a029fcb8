"""A year of the business-day calendar, for people to look over. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from core.era import era_year
from scheduler.calendar import BusinessCalendar, short_date

_WEEKEND = frozenset({("土曜日",), ("日曜日",)})


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A closed day, with every reason in Japanese."""

    day: date
    reasons: tuple[str, ...]
    provisional: bool

    @property
    def weekend_alone(self) -> bool:
        """Whether it is an ordinary Saturday or Sunday."""
        return self.reasons in _WEEKEND


@dataclass(frozen=True, slots=True)
class OpenedDay:
    """A business day that would be closed, had it not been opened."""

    day: date
    reason: str


@dataclass(frozen=True, slots=True)
class Month:
    """One month."""

    number: int
    days: int
    closed: tuple[ClosedDay, ...]
    opened: tuple[OpenedDay, ...]

    @property
    def business_days(self) -> int:
        """How many days are open."""
        return self.days - len(self.closed)


@dataclass(frozen=True, slots=True)
class Year:
    """One year of the country (`prefecture` None) or of a prefecture."""

    number: int
    prefecture: str | None
    months: tuple[Month, ...]

    @property
    def business_days(self) -> int:
        """How many days are open."""
        return sum(month.business_days for month in self.months)

    @property
    def closed(self) -> tuple[ClosedDay, ...]:
        """All closed days."""
        return tuple(day for month in self.months for day in month.closed)

    @property
    def era(self) -> str:
        """令和9年; 平成31年・令和元年 where an era begins in the year."""
        return "・".join(dict.fromkeys(era_year(date(self.number, *ends)) for ends in ((1, 1), (12, 31))))

    def as_dict(self) -> dict[str, Any]:
        """What `todoke calendar --json` prints."""
        return {
            "year": self.number,
            "prefecture": self.prefecture,
            "business_days": self.business_days,
            "closed_days": len(self.closed),
            "provisional": any(day.provisional for day in self.closed),
            "months": [_month_dict(month) for month in self.months],
        }


def year_of(calendar: BusinessCalendar, number: int, prefecture: str | None = None) -> Year:
    """A year. Raises OutsideCalendar for one that the calendar does not know."""
    return Year(number, prefecture, tuple(_month(calendar, number, month, prefecture) for month in range(1, 13)))


def _month(calendar: BusinessCalendar, year: int, number: int, prefecture: str | None) -> Month:
    days = list(_days(year, number))
    closed = tuple(
        ClosedDay(day, reasons, calendar.is_provisional(day))
        for day in days
        if (reasons := calendar.why_closed(day, prefecture))
    )
    opened = tuple(
        OpenedDay(day, reason) for day in days if (reason := calendar.why_opened(day, prefecture)) is not None
    )
    return Month(number, len(days), closed, opened)


def _days(year: int, month: int) -> Iterator[date]:
    day = date(year, month, 1)
    while day.month == month:
        yield day
        day += timedelta(days=1)


def _month_dict(month: Month) -> dict[str, Any]:
    return {
        "month": month.number,
        "business_days": month.business_days,
        "closed_days": len(month.closed),
        "closed": [
            {
                "date": day.day.isoformat(),
                "weekday": short_date(day.day)[-2],
                "reasons": list(day.reasons),
                "provisional": day.provisional,
            }
            for day in month.closed
        ],
        "opened": [
            {"date": day.day.isoformat(), "weekday": short_date(day.day)[-2], "reason": day.reason}
            for day in month.opened
        ],
    }
