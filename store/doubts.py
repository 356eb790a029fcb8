"""When a mail in doubt was handed over: the moment that is told as its sending, once the doubt is settled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.statuses import Status
from store.bulk import among
from store.tables import events

_CLAIMED, _IN_DOUBT = "claimed", "in-doubt"


async def handed_over(conn: AsyncConnection, message_ids: Collection[str]) -> Mapping[str, datetime]:
    """By message id, when the last try ended of which nobody knows whether it arrived; others are left out.

    Of a sender that died the moment of its claim: its end is only known since somebody took over, days later maybe.
    """
    if not message_ids:
        return {}
    query = select(events.c.message_id, events.c.at, events.c.type, events.c.detail).where(
        among(conn, events.c.message_id, message_ids), events.c.type.in_((_CLAIMED, _IN_DOUBT))
    )
    claimed: dict[str, datetime] = {}
    found: dict[str, datetime] = {}
    for event in (await conn.execute(query.order_by(events.c.id))).all():
        if event.type == _CLAIMED:
            claimed[event.message_id] = event.at
        else:
            died = "sender" in event.detail
            found[event.message_id] = claimed.get(event.message_id, event.at) if died else event.at
    return found


def became_sent(message_id: ColumnElement[str], sent_at: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """When a message came to be `sent`: later than its `sent_at` where it was in doubt until somebody settled that.

    The day of a pre-check's gate is the day of this moment (contract section 1). Where `sent_at` is null, so is it: a
    claim asks this of every mail, and few of them have a pre-check.
    """
    told = select(func.min(events.c.at)).where(events.c.message_id == message_id, events.c.status == Status.SENT)
    return case((sent_at.is_not(None), func.coalesce(told.scalar_subquery(), sent_at)))
