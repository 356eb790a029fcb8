"""The business-day calendar of government offices (行政機関の休日に関する法律, article 1; contract section 1).

Every question is one of Asia/Tokyo: an aware moment stands for its date there, and a naive one is refused.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import holidays

from config.closures import Closures, Exceptions
from core.era import date_text
from core.errors import TodokeError
from core.jst import tokyo_date

FIRST_YEAR, LAST_YEAR = 1949, 2099
"""The years for which `holidays` knows Japan's; for any other it would answer that there are none."""

_FIRST_DAY, _LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR + 1, 1, 10)
"""Every day of the last year has a next business day: up to Coming-of-Age Day there is no holiday but New Year's."""

_NEW_YEARS_DAY = "元日"

FIRST_PROVISIONAL_YEAR = 2028
"""From here on the equinoxes are computed: the Observatory announces those of a year in the February before it."""

_SATURDAY, _SUNDAY = 5, 6
_YEAR_END = "年末年始（行政機関の休日）"
_EQUINOX_MONTHS = frozenset({3, 9})
_OF_AN_EQUINOX = frozenset({"春分の日", "秋分の日", "振替休日", "国民の休日"})


class OutsideCalendar(TodokeError, ValueError):
    """A day, asked for or arrived at, of which it is not known whether it is a business day."""

    def __init__(self) -> None:
        super().__init__(f"the calendar knows the years {FIRST_YEAR} to {LAST_YEAR}, in Asia/Tokyo")


@dataclass(frozen=True, slots=True)
class _Year:
    """One year of one calendar. `open_days` are ordinals in ascending order."""

    open_days: tuple[int, ...]
    closed: Mapping[date, tuple[str, ...]]


class BusinessCalendar:
    """Which days are business days, for the country and for prefectures with closures or openings of their own.

    Years are worked out when first asked for and kept.
    """

    def __init__(self, closures: Closures | None = None) -> None:
        self._closures = closures or Closures()
        self._years: dict[tuple[int, str | None], _Year] = {}

    def is_open(self, day: date, prefecture: str | None = None) -> bool:
        """Whether it is a business day. Raises OutsideCalendar, and ValueError for a naive datetime."""
        day = _known_day(day)
        return day not in self._year(day.year, prefecture).closed

    def why_closed(self, day: date, prefecture: str | None = None) -> tuple[str, ...]:
        """Every reason in Japanese, such as 土曜日 or 振替休日; none for a business day."""
        day = _known_day(day)
        return self._year(day.year, prefecture).closed.get(day, ())

    def why_opened(self, day: date, prefecture: str | None = None) -> str | None:
        """The reason for which a day is open against the rule; None for any other day."""
        day = tokyo_day(day)
        for exceptions in (self._own(prefecture), self._closures):
            if day in exceptions.closed:
                return None
            if day in exceptions.open:
                return exceptions.open[day]
        return None

    def is_provisional(self, day: date) -> bool:
        """Whether it is a holiday that hangs on a computed equinox (春分の日, 秋分の日 and what follows from them)."""
        day = tokyo_day(day)
        computed = not _OF_AN_EQUINOX.isdisjoint(self.why_closed(day))
        return computed and day.year >= FIRST_PROVISIONAL_YEAR and day.month in _EQUINOX_MONTHS

    @property
    def published_until(self) -> date:
        """The last day whose holidays have been published; later ones are worked out, and laws may change them."""
        return date(FIRST_PROVISIONAL_YEAR - 1, 12, 31)

    def next_open(self, day: date, prefecture: str | None = None) -> date:
        """The first business day on or after the day."""
        return self.nth_after(day, 0, prefecture)

    def previous_open(self, day: date, prefecture: str | None = None) -> date:
        """The last business day on or before the day."""
        return self.nth_before(day, 0, prefecture)

    def nth_after(self, start: date, count: int, prefecture: str | None = None) -> date:
        """The `count`-th business day strictly after `start`; with 0, the first on or after it (翌営業日 is 1).

        Raises OutsideCalendar where it lies beyond the known years.
        """
        _refuse_negative(count)
        start = _known_day(start)
        year = start.year
        days = self._year(year, prefecture).open_days
        place = bisect_right(days, start.toordinal()) + count - 1 if count else bisect_left(days, start.toordinal())
        while place >= len(days):
            place -= len(days)
            year += 1
            days = self._year(year, prefecture).open_days
        return date.fromordinal(days[place])

    def nth_before(self, end: date, count: int, prefecture: str | None = None) -> date:
        """The `count`-th business day strictly before `end`; with 0, the last on or before it."""
        _refuse_negative(count)
        end = _known_day(end)
        year = end.year
        days = self._year(year, prefecture).open_days
        place = bisect_left(days, end.toordinal()) - count if count else bisect_right(days, end.toordinal()) - 1
        while place < 0:
            year -= 1
            days = self._year(year, prefecture).open_days
            place += len(days)
        return date.fromordinal(days[place])

    def between(self, start: date, end: date, prefecture: str | None = None) -> int:
        """How many business days lie strictly after `start` and up to `end`; 0 where `end` is not later."""
        start, end = _known_day(start), _known_day(end)
        years = range(start.year, end.year + 1)
        return max(0, sum(self._count(year, start, end, prefecture) for year in years))

    def closed_between(self, start: date, end: date, prefecture: str | None = None) -> list[date]:
        """The closed days strictly after `start` and before `end`, in order."""
        start, end = tokyo_day(start), tokyo_day(end)
        days = (start + timedelta(days=passed) for passed in range(1, (end - start).days))
        return [day for day in days if not self.is_open(day, prefecture)]

    def _count(self, year: int, start: date, end: date, prefecture: str | None) -> int:
        days = self._year(year, prefecture).open_days
        return bisect_right(days, end.toordinal()) - bisect_right(days, start.toordinal())

    def _year(self, year: int, prefecture: str | None) -> _Year:
        key = (year, prefecture if prefecture in self._closures.prefectures else None)
        found = self._years.get(key)
        if found is None:
            found = self._years[key] = self._work_out(*key)
        return found

    def _work_out(self, year: int, prefecture: str | None) -> _Year:
        if not _FIRST_DAY.year <= year <= _LAST_DAY.year:
            raise OutsideCalendar
        first, last = date(year, 1, 1), min(date(year, 12, 31), _LAST_DAY)
        days = [first + timedelta(days=passed) for passed in range((last - first).days + 1)]
        by_law = _closed_by_law(days)
        own = self._own(prefecture)
        reasons = {day: self._reasons(day, by_law.get(day, ()), own) for day in days}
        open_days = tuple(day.toordinal() for day in days if not reasons[day])
        return _Year(open_days, {day: why for day, why in reasons.items() if why})

    def _own(self, prefecture: str | None) -> Exceptions:
        return self._closures.prefectures.get(prefecture or "", Exceptions())

    def _reasons(self, day: date, by_law: tuple[str, ...], own: Exceptions) -> tuple[str, ...]:
        """By law, then by the country's exceptions, then by the prefecture's, each of which may overrule."""
        reasons = by_law
        for exceptions in (self._closures, own):
            if day in exceptions.open:
                reasons = ()
            elif day in exceptions.closed:
                reasons = (*reasons, exceptions.closed[day])
        return reasons


def tokyo_day(day: date) -> date:
    """The date itself, or that of an aware moment in Asia/Tokyo. Raises ValueError for a naive datetime."""
    if not isinstance(day, datetime):
        return day
    try:
        return tokyo_date(day)
    except OverflowError as error:
        raise OutsideCalendar from error


def _known_day(day: date) -> date:
    day = tokyo_day(day)
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise OutsideCalendar
    return day


def short_date(day: date) -> str:
    """12月29日（火）, for where the year is told beside it."""
    return date_text(day).partition("年")[2]


def _refuse_negative(count: int) -> None:
    if count < 0:
        raise ValueError("business days are counted from 0 up")


def _closed_by_law(days: list[date]) -> dict[date, tuple[str, ...]]:
    """Article 1 of the law: Saturdays and Sundays, national holidays, 29 December to 3 January but for those."""
    national = _national_holidays(days[0].year)
    return {day: _lawful_reasons(day, national.get(day)) for day in days}


def _national_holidays(year: int) -> Mapping[date, str]:
    if year > LAST_YEAR:
        return {date(year, 1, 1): _NEW_YEARS_DAY}
    return holidays.country_holidays("JP", years=year, language="ja")


def _lawful_reasons(day: date, holiday: str | None) -> tuple[str, ...]:
    weekend = {_SATURDAY: ("土曜日",), _SUNDAY: ("日曜日",)}.get(day.weekday(), ())
    if holiday is not None:
        return (*weekend, *holiday.split("; "))
    year_end = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return (*weekend, _YEAR_END) if year_end else weekend
