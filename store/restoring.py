"""A database that was restored from a backup: of what left after that was taken it knows nothing.

A guide can never be sent again, so each that may have left meanwhile is in doubt, as if its sender had died with it on
the wire. Other kinds go on as they stand: a double of theirs does less harm than a loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, or_, select

from core.jst import tokyo_date
from core.kinds import Kind
from core.messages import Change
from core.retry import Tries, doubt
from core.statuses import Status
from store.doubts import became_sent
from store.engine import Database
from store.ledger import FollowPolicy, Ledger
from store.tables import messages

WHY = "restored from a backup: it may have left after that was taken"

_LEASE = "restored"
_TOGETHER = 500


class Restored:
    """To be used while nothing sends, once what senders held when the backup was taken is taken over."""

    def __init__(self, db: Database, ledger: Ledger, policy: FollowPolicy) -> None:
        self._db = db
        self._ledger = ledger
        self._policy = policy

    async def doubt_guides(self, taken_at: datetime, now: datetime) -> int:
        """Put in doubt the guides that may have left between the backup and now; how many. Once more does no harm."""
        async with self._db.read() as conn:
            rows = (await conn.execute(_GUIDES, {"now": now})).all()
        doubtful = [row for row in rows if self._earliest(row, taken_at) <= now]
        together = (doubtful[first : first + _TOGETHER] for first in range(0, len(doubtful), _TOGETHER))
        return sum([await self._doubt(some, now) for some in together])

    def _earliest(self, row: Row[*tuple[Any, ...]], taken_at: datetime) -> datetime:
        """The first moment after the backup at which a guide may have left, whatever its gate came to meanwhile."""
        if row.status == Status.HELD:
            return self._planned(row, self._opened(row, taken_at))
        ready_at: datetime = max(row.ready_at, taken_at)
        if row.status != Status.SCHEDULED or row.pre_check_sent_at is None:
            return ready_at
        planned = self._planned(row, max(taken_at, self._policy.guide_due(row.pre_check_sent_at, row.prefecture)))
        return planned if tokyo_date(planned) < tokyo_date(ready_at) else ready_at  # a day that opened meanwhile

    def _opened(self, row: Row[*tuple[Any, ...]], taken_at: datetime) -> datetime:
        """The first moment at which the gate may have let the guide go.

        A doubt is settled by a report or a person at any moment, and a changed calendar brings forward what waits: only
        a pre-check that was never tried is known to have stayed until its hours, or its `not_before`.
        """
        sent_at = taken_at
        if row.pre_check_status == Status.SCHEDULED and row.pre_check_tried_at is None:
            earliest = max(taken_at, row.pre_check_not_before or taken_at)
            sent_at = self._policy.first_due(Kind.PRE_CHECK, earliest, row.prefecture)
        return self._policy.guide_due(sent_at, row.prefecture)

    def _planned(self, row: Row[*tuple[Any, ...]], at: datetime) -> datetime:
        return self._policy.first_due(Kind.GUIDE, max(at, row.not_before or at), row.prefecture)

    async def _doubt(self, rows: Sequence[Row[*tuple[Any, ...]]], now: datetime) -> int:
        changes = [change for row in rows for change in _changes(row, now)]
        done = await self._ledger.record(changes)
        return len({change.message_id for change, moved in zip(changes, done, strict=True) if moved})


def _changes(row: Row[*tuple[Any, ...]], now: datetime) -> Iterator[Change]:
    """The way that a guide goes whose sender dies, of which the end alone is told: nobody saw the rest."""
    if row.status == Status.HELD:
        yield Change(row.id, Status.SCHEDULED, "", now, sources=frozenset({Status.HELD}))
    yield Change(row.id, Status.SENDING, "", now, values={"lease": _LEASE, "ready_at": None})
    tries = Tries(row.attempts, row.troubles, row.first_attempt_at)
    yield doubt(row.id, tries, None, now, of=(Kind.GUIDE, row.prefecture), why=WHY, detail={}, lease=_LEASE)


_pre_check = messages.alias("pre_check")
_GUIDES = (
    select(
        messages.c.id,
        messages.c.status,
        messages.c.prefecture,
        messages.c.ready_at,
        messages.c.not_before,
        messages.c.attempts,
        messages.c.troubles,
        messages.c.first_attempt_at,
        _pre_check.c.status.label("pre_check_status"),
        _pre_check.c.not_before.label("pre_check_not_before"),
        _pre_check.c.first_attempt_at.label("pre_check_tried_at"),
        became_sent(_pre_check.c.id, _pre_check.c.sent_at).label("pre_check_sent_at"),
    )
    .outerjoin(_pre_check, _pre_check.c.id == messages.c.waits_for)
    .where(
        messages.c.kind == Kind.GUIDE,
        or_(
            messages.c.status.in_([Status.HELD, Status.SCHEDULED]),
            messages.c.status.in_([Status.DEFERRED, Status.IN_DOUBT]) & (messages.c.ready_at <= bindparam("now")),
        ),
    )
)
"""Those that wait for their moment, or for their pre-check's."""
