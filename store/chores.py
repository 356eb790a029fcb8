"""What has to be done when time passes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, bindparam, func, literal_column, select, text

from core.messages import Change
from core.statuses import Status
from store.engine import Database
from store.ledger import Ledger
from store.tables import messages
from store.types import UtcTime

_BATCH = 500

_EXPIRING: tuple[ColumnElement[str], ...] = tuple(
    literal_column(f"'{status}'") for status in (Status.HELD, Status.SCHEDULED, Status.DEFERRED)
)
"""Written out as in the partial index: what a parameter holds, a planner cannot know."""

_WAITING = f"status IN ({', '.join(str(status) for status in _EXPIRING)}) AND expires_at IS NOT NULL"
_BY_EXPIRY = f"FROM messages INDEXED BY ix_messages_expires_at WHERE {_WAITING}"
"""For SQLite, which has no statistics and would go through everything that waits, by the index on `status`."""

EXPIRED: Mapping[bool, Executable] = {
    False: select(messages.c.id)
    .where(messages.c.status.in_(_EXPIRING), messages.c.expires_at <= bindparam("now"))
    .limit(_BATCH)
    .with_for_update(skip_locked=True),
    True: text(f"SELECT id {_BY_EXPIRY} AND expires_at <= :now LIMIT {_BATCH}").bindparams(
        bindparam("now", type_=UtcTime())
    ),
}
"""What has not been sent in time (`now`); by whether it is for SQLite."""

NEXT_EXPIRY: Mapping[bool, Executable] = {
    False: select(func.min(messages.c.expires_at)).where(
        messages.c.status.in_(_EXPIRING), messages.c.expires_at.is_not(None)
    ),
    True: text(f"SELECT expires_at {_BY_EXPIRY} ORDER BY expires_at LIMIT 1").columns(expires_at=UtcTime()),
}
"""When the next message expires; by whether it is for SQLite."""


class StoredChores:
    """Chores on the database."""

    def __init__(self, db: Database, ledger: Ledger) -> None:
        self._db = db
        self._ledger = ledger

    async def expire_due(self, now: datetime) -> int:
        """Expire what was not sent in time; how many."""
        total = 0
        while count := await self._expire_batch(now):
            total += count
        return total

    async def _expire_batch(self, now: datetime) -> int:
        async with self._db.write() as conn:
            ids = (await conn.execute(EXPIRED[self._db.sqlite], {"now": now})).scalars().all()
            changes = [Change(message_id, Status.EXPIRED, "expired", now) for message_id in ids]
            return sum(await self._ledger.apply(conn, changes))

    async def next_expiry(self) -> datetime | None:
        """When the next message expires; None if none does."""
        async with self._db.read() as conn:
            expiry: datetime | None = (await conn.execute(NEXT_EXPIRY[self._db.sqlite])).scalar_one_or_none()
        return expiry
