"""What waits for a moment to come, a page at a time, for those who ask whether the moment is still right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind
from core.statuses import Status
from store.doubts import became_sent
from store.reading import has_status
from store.tables import messages

_pre_check = messages.alias("pre_check")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that leaves by itself.

    `pre_check_sent_at` is when the pre-check of a guide became `sent`. `published`: as a job, not by the policy.
    """

    id: str
    prefecture: str | None
    created_at: datetime
    not_before: datetime | None
    ready_at: datetime
    pre_check_sent_at: datetime | None
    published: bool


async def waiting(
    conn: AsyncConnection, kind: Kind, status: Status, now: datetime, after: Waiting | None, limit: int
) -> Sequence[Waiting]:
    """The next messages of a kind and status that become ready after `now`, in the order in which they were made."""
    place = messages.c.created_at, messages.c.id
    query = (
        select(
            messages.c.id,
            messages.c.prefecture,
            messages.c.created_at,
            messages.c.not_before,
            messages.c.ready_at,
            became_sent(_pre_check.c.id, _pre_check.c.sent_at),
            messages.c.job_id.is_not(None),
        )
        .outerjoin(_pre_check, _pre_check.c.id == messages.c.waits_for)
        .where(has_status(status), messages.c.kind == literal_column(f"'{kind.value}'"), messages.c.ready_at > now)
        .order_by(*place)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*place) > (after.created_at, after.id))
    return [Waiting(*row) for row in await conn.execute(query)]
