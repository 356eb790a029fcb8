"""What the outside does in the course of a season: institutions report and apply, the registration system tells it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from core.jst import TOKYO, rfc3339, to_tokyo
from scheduler.calendar import BusinessCalendar
from scheduler.reminders import PeriodLike, ReminderRules
from todoke.rehearsal.applying import Applying
from todoke.rehearsal.assumptions import Assumptions
from todoke.rehearsal.cast import Player
from todoke.rehearsal.draws import Draws

_BEFORE_REPORTING = timedelta(days=2)
_FIRST_BATCH = 10_000
_FIRST_BATCHES_APART = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Season:
    """What a rehearsal covers. `first` and `end` are moments of Tokyo; what falls on `end` still happens."""

    fiscal_year: int
    first: datetime
    end: datetime


@dataclass(slots=True)
class Telling:
    """What the registration system hands in at a moment: new statuses as (institution, status, since), and jobs."""

    first_words: list[Player] = field(default_factory=list)
    statuses: list[tuple[Player, str, datetime]] = field(default_factory=list)
    jobs: list[tuple[Player, dict[str, Any]]] = field(default_factory=list)


class World:
    """The agenda of everybody outside."""

    def __init__(
        self,
        season: Season,
        assumptions: Assumptions,
        draws: Draws,
        rules: ReminderRules,
        calendar: BusinessCalendar,
    ) -> None:
        self._season = season
        self._world = assumptions
        self._draws = draws
        self._rules = rules
        self._calendar = calendar
        self._moments: list[datetime] = []
        self._told: dict[datetime, Telling] = {}
        self.reported_at: dict[str, datetime] = {}  # when they report, by institution

    def enter(self, players: Sequence[Player]) -> None:
        """Have everybody's season drawn up."""
        self._first_words(players)
        applying = Applying(self._season.first, self._season.end, self._world.applications, self._draws, self._calendar)
        every = self._world.applications.told_every_minutes
        for player in players:
            self._draw_reporting(player)
            for moment, job in applying.jobs_of(player):
                if moment <= self._season.end:
                    self._at(_tick(moment, every)).jobs.append((player, job))

    def _first_words(self, players: Sequence[Player]) -> None:
        """Everybody's status before the first period begins, in large uploads of an early morning."""
        starts = [self._period(player).start for player in players[:1]] or [self._season.first.date()]
        days = timedelta(days=self._world.reporting.first_told_days_before)
        moment = max(self._season.first, datetime.combine(min(starts) - days, time(5), TOKYO))
        for place in range(0, len(players), _FIRST_BATCH):
            batch = players[place : place + _FIRST_BATCH]
            self._at(moment + place // _FIRST_BATCH * _FIRST_BATCHES_APART).first_words += batch

    def _period(self, player: Player) -> PeriodLike:
        return self._rules.period(player.scheme, player.prefecture, self._season.fiscal_year)

    def _draw_reporting(self, player: Player) -> None:
        rules, draws, code = self._world.reporting, self._draws, player.code
        days = self._days_to_report(player)
        if not days:
            return
        if draws.happens(rules.not_pressed, "not-pressed", code):
            self._report(player, "in-progress", self._some_time(days, "filled-in", code))
        elif not draws.happens(rules.never, "never", code) and draws.happens(rules.unasked, "unasked", code):
            at = self._some_time(days, "reports", code)
            if draws.happens(0.5, "slowly", code):
                self._report(player, "in-progress", max(_morning(days[0]), at - _BEFORE_REPORTING))
            self._report(player, "reported", at)

    def _days_to_report(self, player: Player) -> Sequence[date]:
        """Those of the period that are rehearsed: nobody has reported when the season begins."""
        period = self._period(player)
        first = max(period.start, self._season.first.date())
        return [first + timedelta(days=passed) for passed in range((period.end - first).days + 1)]

    def _some_time(self, days: Sequence[date], *names: str) -> datetime:
        day = days[int(self._draws.unit("day", *names) * len(days))]
        return _morning(day) + timedelta(hours=self._draws.unit("hour", *names) * 13)

    def _report(self, player: Player, status: str, at: datetime) -> None:
        """An institution's status changes, and the registration system tells it a little later."""
        if status == "reported":
            self.reported_at[player.code] = at
        self._at(_tick(at, self._world.reporting.told_every_minutes)).statuses.append((player, status, at))

    def reminded(self, player: Player, at: datetime) -> None:
        """Somebody got a reminder, and may answer it by reporting."""
        rules, draws, code = self._world.reporting, self._draws, player.code
        player.answers += 1
        if code in self.reported_at or draws.happens(rules.never, "never", code):
            return
        if not draws.happens(rules.answer, "answers", code, player.answers):
            return
        days = draws.exponential(rules.answer_days, "answer-days", code, player.answers)
        when = at + timedelta(days=days)
        period = self._period(player)
        if to_tokyo(when).date() <= period.end:
            self._report(player, "reported", max(when, at + timedelta(minutes=5)))

    def _at(self, moment: datetime) -> Telling:
        if moment not in self._told:
            self._told[moment] = Telling()
            heapq.heappush(self._moments, moment)
        return self._told[moment]

    @property
    def next_at(self) -> datetime | None:
        """When something is told next."""
        return self._moments[0] if self._moments else None

    def take(self, now: datetime) -> Iterator[Telling]:
        """What is told by now. Statuses of one institution come in the order in which they changed."""
        while self._moments and self._moments[0] <= now:
            telling = self._told.pop(heapq.heappop(self._moments))
            telling.statuses.sort(key=lambda one: (one[0].number, one[2]))
            yield telling

    def words(self, telling: Telling) -> list[dict[str, Any]]:
        """The statuses as they are handed in; the institutions are what they then are."""
        year = self._season.fiscal_year
        told = [player.word(year) for player in telling.first_words]
        for player, status, since in telling.statuses:
            player.status = status
            told.append(player.word(year, rfc3339(since)))
        return told


def _tick(at: datetime, every_minutes: int) -> datetime:
    """The first full tick after a moment."""
    step = every_minutes * 60
    return datetime.fromtimestamp((int(at.timestamp()) // step + 1) * step, TOKYO)


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(8), TOKYO)
