"""The reminders that everyone of a prefecture is due in a season, as seen at one moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol

from core.jst import TOKYO, tokyo_date
from core.kinds import Kind, Scheme
from scheduler.ports import Timing
from scheduler.reminders import PeriodLike, ReminderRules, ReminderStep, end_of, reminder_data

_DAY = timedelta(days=1)

Place = tuple[Scheme, str, int]
"""Whose season it is: scheme, prefecture, fiscal year."""


class OpenDays(Protocol):
    """Days on which mails leave."""

    def is_open(self, kind: Kind, day: date, prefecture: str | None) -> bool:
        """Whether mails of this kind leave on this day at all."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A step with everything that its reminders have in common."""

    step: str
    day: date
    due_at: datetime  # the earliest; its reminders are spread from there on
    days: Sequence[date]  # business days on which they may leave: from the step's until the next step or the end
    to_come: bool  # False: its hours are over, and it is not caught up
    begun: bool  # its day has come, and the period is not over
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeasonPlan:
    """What follows from a season for each institution. `slots` are in order, by the step's name."""

    period: PeriodLike
    expires_at: datetime
    slots: Mapping[str, Slot]


class SeasonPlans:
    """Plans as seen at `now`, each worked out once."""

    def __init__(self, rules: ReminderRules, timing: Timing, now: datetime) -> None:
        self.now = now
        self._rules = rules
        self._timing = timing
        self._plans: dict[Place, SeasonPlan] = {}

    def of(self, scheme: Scheme, prefecture: str, fiscal_year: int) -> SeasonPlan:
        """The plan of a season."""
        place = (scheme, prefecture, fiscal_year)
        found = self._plans.get(place)
        if found is None:
            found = self._plans[place] = self._work_out(place)
        return found

    def _work_out(self, place: Place) -> SeasonPlan:
        period = self._rules.period(*place)
        steps = self._rules.steps(*place)
        ends = [*(step.day - _DAY for step in steps[1:]), period.end]
        slots = {step.key: self._slot(place, period, step, end) for step, end in zip(steps, ends, strict=False)}
        return SeasonPlan(period, end_of(period), slots)

    def _slot(self, place: Place, period: PeriodLike, step: ReminderStep, last: date) -> Slot:
        scheme, prefecture, fiscal_year = place
        at = max(self.now, datetime.combine(step.day, time.min, TOKYO))
        due_at = self._timing.first_due(Kind.REMINDER, at, prefecture)
        to_come = tokyo_date(due_at) == step.day
        return Slot(
            step=step.key,
            day=step.day,
            due_at=due_at,
            days=open_days(self._timing, step.day, last, prefecture) if to_come else (),
            to_come=to_come,
            begun=step.day <= tokyo_date(self.now) <= period.end,
            data=reminder_data(scheme, fiscal_year, period.end, step.key, step.day),
        )


def open_days(timing: OpenDays, first: date, last: date, prefecture: str) -> Sequence[date]:
    """The days from the first to the last on which reminders leave."""
    days = (first + passed * _DAY for passed in range((last - first).days + 1))
    return tuple(day for day in days if timing.is_open(Kind.REMINDER, day, prefecture))
