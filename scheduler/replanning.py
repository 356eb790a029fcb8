"""Reminders brought in line with a changed season: another period, policy or closure (contract section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError, OperationalError

from core.clock import Clock
from core.era import fiscal_year_of
from core.jst import tokyo_date
from scheduler.reminder_plans import SeasonPlans
from scheduler.reminders import ReminderRules, end_of
from scheduler.season_reminders import SeasonReminders
from store import reporting
from store.engine import Database

_PAGE = 250
_TRIES = 3


@dataclass(slots=True)
class Replanned:
    """How many reminders were planned anew, changed, withdrawn, and given another expiry."""

    planned: int = 0
    changed: int = 0
    withdrawn: int = 0
    expiries: int = 0


class Replanner:
    """To be run when the service starts: what has changed in its configuration shows then. Idempotent."""

    def __init__(self, db: Database, clock: Clock, reminders: SeasonReminders, rules: ReminderRules) -> None:
        self._db = db
        self._clock = clock
        self._reminders = reminders
        self._rules = rules

    async def replan(self) -> Replanned:
        """Go through all statuses of this fiscal year, the one before and later ones, page by page."""
        plans = self._reminders.plans(self._clock.now())
        done = Replanned()
        await self._direct(plans.now, done)
        after = await self._page(None, plans, done)
        while after is not None:
            after = await self._page(after, plans, done)
        async with self._db.write(wake=done != Replanned()):
            return done

    async def _page(self, after: reporting.Key | None, plans: SeasonPlans, done: Replanned) -> reporting.Key | None:
        for left in reversed(range(_TRIES)):
            try:
                return await self._transact(after, plans, done)
            except (IntegrityError, OperationalError):  # another process was faster, or went the other way round
                if left == 0:
                    raise
        return None

    async def _transact(self, after: reporting.Key | None, plans: SeasonPlans, done: Replanned) -> reporting.Key | None:
        first_year = fiscal_year_of(tokyo_date(plans.now)) - 1
        async with self._db.write() as conn:
            page = await reporting.standings(conn, first_year, after, _PAGE)
            settled = await self._reminders.settle(conn, page, plans)
        done.planned += settled.planned
        done.changed += settled.changed
        done.withdrawn += settled.withdrawn
        return page[-1].key if page else None

    async def _direct(self, now: datetime, done: Replanned) -> None:
        """Directly published reminders keep their day and their text; what has not left when a period ends expires."""
        async with self._db.write() as conn:
            for group in await reporting.direct_groups(conn):
                period = self._rules.period(group.scheme, group.prefecture, group.fiscal_year)
                expires_at = end_of(period)
                published_after_it = group.expires_at is None and expires_at <= now
                if expires_at != group.expires_at and not published_after_it:
                    done.expiries += await reporting.set_expiry(conn, group, expires_at)
