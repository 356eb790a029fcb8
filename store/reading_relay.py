"""Whether the relay takes mails, as the senders tell it with every beat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.leases import real_time
from store.tables import senders

_SILENT = timedelta(minutes=1)
"""What a sender said before, nobody vouches for any more: the last one to die is buried by nobody."""


@dataclass(frozen=True, slots=True)
class RelayAway:
    """Of `senders` that beat, `away` cannot use their relay; the first of them `since` then, in business time."""

    since: datetime
    away: int
    senders: int

    @property
    def all_wait(self) -> bool:
        """Whether no mail leaves at all."""
        return self.away == self.senders


async def relay_away(conn: AsyncConnection, *, sqlite: bool) -> RelayAway | None:
    """The relay's trouble; None while all senders can use it, and where none is there to say so."""
    query = select(func.min(senders.c.relay_away_since), func.count(senders.c.relay_away_since), func.count()).where(
        senders.c.dead_at.is_(None), senders.c.beat_at > real_time(-_SILENT, sqlite=sqlite)
    )
    since, away, beating = (await conn.execute(query)).one()
    return None if since is None else RelayAway(since, away, beating)
