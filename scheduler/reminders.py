"""Reminders: the steps an institution is due, and where a directly published one belongs (contract section 5). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol

from core.era import fiscal_year_of
from core.jobs import Job, Note
from core.jst import TOKYO, tokyo_date
from core.kinds import Scheme
from core.mail import Institution
from scheduler.job_parsing import PREFECTURES

DIRECT = "direct"

AFTERWARDS = timedelta(days=30)
"""So long after its end a reporting period is still what callers and lists are about: who missed it asks then."""


class PeriodLike(Protocol):
    """A reporting period, both days included."""

    @property
    def start(self) -> date:
        """First day."""

    @property
    def end(self) -> date:
        """Last day."""


@dataclass(frozen=True, slots=True)
class ReminderStep:
    """One step of the policy: its name ("start", "L-10", …) and its day."""

    key: str
    day: date


class Season(Protocol):
    """Reporting periods and the policy's steps."""

    def period(self, scheme: Scheme, prefecture: str, fiscal_year: int) -> PeriodLike:
        """The reporting period."""

    def steps(self, scheme: Scheme, prefecture: str, fiscal_year: int) -> Sequence[ReminderStep]:
        """The policy's steps, in order, within the period."""


def step_key(scheme: Scheme, fiscal_year: int, institution_code: str, step: str) -> str:
    """What may be sent once only."""
    return f"{scheme}:{fiscal_year}:{institution_code}:{step}"


def end_of(period: PeriodLike) -> datetime:
    """The moment at which a period is over: what has not left by then is expired."""
    return datetime.combine(period.end + timedelta(days=1), time.min, TOKYO)


def season_on(day: date, period_of: Callable[[int], PeriodLike]) -> int:
    """The fiscal year whose reporting period counts on a day; `period_of` gives that of a fiscal year.

    It is the last one while its period runs, as one that was extended does in April, and for a while afterwards
    unless the next one has begun; else the one in which the day lies.
    """
    year = fiscal_year_of(day)
    last = period_of(year - 1)
    if day <= last.end:
        return year - 1
    soon_after = day <= last.end + AFTERWARDS and day < period_of(year).start
    return year - 1 if soon_after else year


class ReminderRules:
    """What the season says of single reminders."""

    def __init__(self, season: Season) -> None:
        self._season = season

    def period(self, scheme: Scheme, prefecture: str, fiscal_year: int) -> PeriodLike:
        """The reporting period."""
        return self._season.period(scheme, prefecture, fiscal_year)

    def steps(self, scheme: Scheme, prefecture: str, fiscal_year: int) -> Sequence[ReminderStep]:
        """The policy's steps, in order, within the period."""
        return self._season.steps(scheme, prefecture, fiscal_year)

    def season_on(self, day: date, scheme: Scheme, prefecture: str) -> int:
        """The fiscal year whose reporting period counts there on a day."""
        return season_on(day, lambda year: self._season.period(scheme, prefecture, year))

    def season_of_lists(self, day: date, scheme: Scheme | None, prefecture: str | None) -> int:
        """The one that lists are of (None: of all): the last one for as long as it counts for anybody on them."""
        schemes = tuple(Scheme) if scheme is None else (scheme,)
        places = PREFECTURES if prefecture is None else (prefecture,)
        return min(self.season_on(day, each, place) for each in schemes for place in places)

    def data_of(self, job: Job) -> dict[str, Any]:
        """The data column of a directly published reminder."""
        _, scheme = _of(job)
        assert job.deadline is not None
        assert job.fiscal_year is not None
        return reminder_data(scheme, job.fiscal_year, job.deadline, DIRECT)

    def notes(self, job: Job, leaves_on: date) -> Iterator[str]:
        """What is worth saying of a directly published reminder: by its deadline, and where it would not leave."""
        assert job.deadline is not None
        if not self._is_in_period(job, job.deadline):
            yield Note.DEADLINE_OUTSIDE_PERIOD
        if not self._is_in_period(job, leaves_on):
            yield Note.OUTSIDE_PERIOD

    def would_name_a_past_deadline(self, job: Job, leaves_on: date) -> bool:
        """Whether a directly published reminder would leave after its deadline; outside its period none leaves."""
        assert job.deadline is not None
        return job.deadline < leaves_on and self._is_in_period(job, leaves_on)

    def _is_in_period(self, job: Job, day: date) -> bool:
        institution, scheme = _of(job)
        assert job.fiscal_year is not None
        period = self._season.period(scheme, institution.prefecture, job.fiscal_year)
        return period.start <= day <= period.end

    def expiry_of(self, job: Job, now: datetime) -> datetime | None:
        """When a directly published reminder is too late; None where its period is over already."""
        institution, scheme = _of(job)
        assert job.fiscal_year is not None
        end = end_of(self._season.period(scheme, institution.prefecture, job.fiscal_year))
        return end if end > now else None

    def direct_step_key(self, job: Job, due_at: datetime) -> str:
        """A step of the policy on the same day, or the day itself: no institution is reminded twice for one."""
        institution, scheme = _of(job)
        assert job.fiscal_year is not None
        day = tokyo_date(due_at)
        steps = self._season.steps(scheme, institution.prefecture, job.fiscal_year)
        same_day = next((step.key for step in steps if step.day == day), f"{DIRECT}-{day.isoformat()}")
        return step_key(scheme, job.fiscal_year, institution.code, same_day)


def reminder_data(
    scheme: Scheme, fiscal_year: int, deadline: date, step: str, day: date | None = None
) -> dict[str, Any]:
    """The data column of a reminder; `day` is that of a step of the policy."""
    data = {"scheme": scheme.value, "fiscal_year": fiscal_year, "deadline": deadline.isoformat(), "step": step}
    return data if day is None else data | {"day": day.isoformat()}


def _of(job: Job) -> tuple[Institution, Scheme]:
    assert job.institution is not None
    return job.institution, job.scheme or Scheme.default_for(job.institution.type)
