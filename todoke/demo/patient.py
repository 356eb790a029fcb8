"""The running service as a timelapse sees it: what is due, what is being done, what is on its way back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select

from core.statuses import Status
from sink.server import Sink
from store.engine import Database
from store.tables import events, messages, reports
from todoke.demo.timelapse import Pulse

_CLAIMABLE = (Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT)
_EXPIRING = (Status.HELD, Status.SCHEDULED, Status.DEFERRED)


class ServicePatient:
    """A service on this database, which sends to this sink."""

    def __init__(self, db: Database, sink: Sink) -> None:
        self._db = db
        self._sink = sink

    async def pulse(self, now: datetime) -> Pulse:
        """Mails to be sent or expired at `now` or being sent, reports to be read; events and reports as beats."""
        waiting = _count(messages.c.id, _busy(now)) + _count(reports.c.id, reports.c.state == "new")
        beats = func.coalesce(select(func.max(events.c.id)).scalar_subquery(), 0) + _count(reports.c.id)
        async with self._db.read() as conn:
            row = (await conn.execute(select(waiting, beats))).one()
        return Pulse(*row)

    async def next_due(self) -> datetime | None:
        """The next time of sending or of expiry."""
        ready = _earliest(messages.c.ready_at, _CLAIMABLE)
        expiry = _earliest(messages.c.expires_at, _EXPIRING)
        async with self._db.read() as conn:
            row = (await conn.execute(select(ready, expiry))).one()
        return min((moment for moment in row if moment is not None), default=None)

    async def reports_gone(self) -> None:
        """Until the sink owes no report."""
        await self._sink.idle()

    def wake(self) -> None:
        """Sender and ticker look at the clock again."""
        self._db.wake()


def _busy(now: datetime) -> ColumnElement[bool]:
    return or_(
        messages.c.status == Status.SENDING,
        messages.c.status.in_(_CLAIMABLE) & (messages.c.ready_at <= now),
        messages.c.status.in_(_EXPIRING) & (messages.c.expires_at <= now),
    )


def _count(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(func.count(column)).where(*conditions).scalar_subquery()


def _earliest(column: ColumnElement[Any], statuses: tuple[Status, ...]) -> ScalarSelect[Any]:
    return select(func.min(column)).where(messages.c.status.in_(statuses)).scalar_subquery()
