"""A database that was restored from a backup: of what left after that was taken it knows nothing.

A guide can never be sent again, so each that may have left meanwhile is in doubt, as if its sender had died with it on
the wire. Other kinds go on as they stand: a double of theirs does less harm than a loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, or_, select

from core.kinds import Kind
from core.messages import Change
from core.ports import GatePolicy
from core.retry import Tries, doubt
from core.statuses import Status
from store.engine import Database
from store.ledger import Ledger
from store.tables import messages

WHY = "restored from a backup: it may have left after that was taken"

_LEASE = "restored"
_TOGETHER = 500


class Restored:
    """To be used while nothing sends, once what senders held when the backup was taken is taken over."""

    def __init__(self, db: Database, ledger: Ledger, policy: GatePolicy) -> None:
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
        """The first moment after the backup at which a guide may have left."""
        if row.status != Status.HELD:
            ready_at: datetime = row.ready_at
            return max(taken_at, ready_at)
        opened = self._policy.guide_due(max(taken_at, row.pre_check_ready_at or taken_at), row.prefecture)
        return max(opened, row.not_before or opened)

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
        _pre_check.c.ready_at.label("pre_check_ready_at"),
    )
    .outerjoin(_pre_check, _pre_check.c.id == messages.c.waits_for)
    .where(
        messages.c.kind == Kind.GUIDE,
        or_(
            messages.c.status == Status.HELD,
            messages.c.status.in_([Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT])
            & (messages.c.ready_at <= bindparam("now")),
        ),
    )
)
"""Those that wait for their moment, or for their pre-check's."""
