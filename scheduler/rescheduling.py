"""What waits for its day, brought in line with a changed calendar: a closure announced, or taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from core.clock import Clock
from core.jst import rfc3339, tokyo_date
from core.kinds import Kind
from core.messages import Change
from core.statuses import Status
from scheduler.calendar import OutsideCalendar
from scheduler.ports import Timing
from scheduler.rules import RULE_IMMEDIATE
from store.engine import Database
from store.ledger import Ledger
from store.waiting import Waiting, waiting

_PAGE = 500
_WAITING = (Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT)


class Rescheduler:
    """To be run when the service starts, after which its calendar stays as it is. Idempotent.

    Nothing is locked while it looks: what it moves lies ahead, where no sender claims it, and a message that has come
    to another status meanwhile stays as it is. Reminders of the policy have their own replanning, which goes first and
    gives each its place among the others.
    """

    def __init__(self, db: Database, ledger: Ledger, clock: Clock, timing: Timing) -> None:
        self._db = db
        self._ledger = ledger
        self._clock = clock
        self._timing = timing
        self._first_due = lru_cache(maxsize=1024)(timing.first_due)  # many are due at one moment
        self._guide_due = lru_cache(maxsize=1024)(timing.guide_due)

    async def reschedule(self) -> int:
        """Move what would leave outside its window, or on another day than it would be planned for; how many."""
        kinds = [kind for kind in Kind if self._timing.rule(kind) != RULE_IMMEDIATE]
        return sum([await self._go_through(kind, status) for kind in kinds for status in _WAITING])

    async def _go_through(self, kind: Kind, status: Status) -> int:
        moved, page = 0, await self._page(kind, status, None)
        while page:
            changes = list(self._changes(kind, status, page))
            moved += sum(await self._ledger.record(changes)) if changes else 0
            page = await self._page(kind, status, page[-1])
        return moved

    async def _page(self, kind: Kind, status: Status, after: Waiting | None) -> Sequence[Waiting]:
        async with self._db.read() as conn:
            return await waiting(conn, kind, status, self._clock.now(), after, _PAGE)

    def _changes(self, kind: Kind, status: Status, page: Sequence[Waiting]) -> Iterator[Change]:
        now = self._clock.now()
        for one in page:
            try:
                ready_at = self._ready_at(kind, status, one, now)
            except OutsideCalendar:
                continue
            if ready_at != one.ready_at:
                yield _change(one.id, status, ready_at, now)

    def _ready_at(self, kind: Kind, status: Status, one: Waiting, now: datetime) -> datetime:
        """Where it stands, moved on to its window; or the day on which it would be planned now, where that differs.

        What might leave at this very moment is not brought forward: something else may hold it back.
        """
        allowed = self._first_due(kind, one.ready_at, one.prefecture)
        has_its_place = kind is Kind.REMINDER and not one.published
        if status is not Status.SCHEDULED or has_its_place:
            return allowed
        planned = self._planned(kind, one, now)
        stays = planned is None or planned <= now or tokyo_date(planned) == tokyo_date(allowed)
        return allowed if planned is None or stays else planned

    def _planned(self, kind: Kind, one: Waiting, now: datetime) -> datetime | None:
        """When it would go if it were planned now, not before this moment; None for a guide whose gate is not open."""
        earliest = max(one.created_at, one.not_before or one.created_at, now)
        if kind is Kind.GUIDE:
            if one.pre_check_sent_at is None:
                return None
            earliest = max(earliest, self._guide_due(one.pre_check_sent_at, one.prefecture))
        return self._first_due(kind, earliest, one.prefecture)


def _change(message_id: str, status: Status, ready_at: datetime, now: datetime) -> Change:
    values: dict[str, Any] = {"ready_at": ready_at}
    if status is Status.SCHEDULED:
        values["due_at"] = ready_at
    told = "due_at" if status is Status.SCHEDULED else "next_attempt_at"
    detail = {told: rfc3339(ready_at), "why": "calendar"}
    return Change(message_id, None, "rescheduled", now, detail, values, sources=frozenset({status}))
