"""Reporting periods as dates, and the days on which reminders are due (contract section 5, rules 66-70, 123). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from config.periods import ReportingPeriods
from config.reminders import ReminderPolicy, StepRule
from core.kinds import Scheme
from scheduler.calendar import BusinessCalendar
from scheduler.reminders import ReminderStep


@dataclass(frozen=True, slots=True)
class Period:
    """定期報告期間 of one prefecture: `start` and `end` are days of it. Its end is the deadline that reminders name."""

    scheme: Scheme
    prefecture: str
    fiscal_year: int  # 2026 begins in April 2026: its period is usually January to March 2027
    start: date
    end: date

    def __contains__(self, day: date) -> bool:
        """Whether the day lies within the period."""
        return self.start <= day <= self.end


_Place = tuple[Scheme, str, int]


class ReportingSeason:
    """Periods and reminder days of every scheme, prefecture and fiscal year; worked out when first asked for."""

    def __init__(self, periods: ReportingPeriods, policy: ReminderPolicy, calendar: BusinessCalendar) -> None:
        self._periods = periods
        self._policy = policy
        self._calendar = calendar
        self._known: dict[_Place, Period] = {}
        self._steps: dict[_Place, Sequence[ReminderStep]] = {}

    def period(self, scheme: Scheme, prefecture: str, fiscal_year: int) -> Period:
        """The reporting period. Raises ValueError for a fiscal year that no date can be in."""
        place = (scheme, prefecture, fiscal_year)
        if place not in self._known:
            self._known[place] = Period(*place, *self._periods.bounds(*place))
        return self._known[place]

    def steps(self, scheme: Scheme, prefecture: str, fiscal_year: int) -> Sequence[ReminderStep]:
        """The days on which reminders are due. Raises OutsideCalendar for a year beyond the calendar."""
        place = (scheme, prefecture, fiscal_year)
        if place not in self._steps:
            self._steps[place] = steps(self.period(*place), self._calendar, self._policy.steps(*place))
        return self._steps[place]


def steps(period: Period, calendar: BusinessCalendar, policy: Iterable[StepRule]) -> tuple[ReminderStep, ...]:
    """The policy's days that lie within the period, in order; of two on one day, the one written first."""
    days: dict[date, ReminderStep] = {}
    for rule in policy:
        day = _day(rule, period, calendar)
        if day in period:
            days.setdefault(day, ReminderStep(rule.key, day))
    return tuple(days[day] for day in sorted(days))


def _day(rule: StepRule, period: Period, calendar: BusinessCalendar) -> date:
    if rule.from_start:
        first = calendar.next_open(period.start, period.prefecture)
        return calendar.nth_after(first, rule.business_days, period.prefecture)
    last = calendar.previous_open(period.end, period.prefecture)
    return calendar.nth_before(last, rule.business_days, period.prefecture)
