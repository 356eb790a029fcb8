"""Read models of the dashboard: how many mails are where, and what has waited longest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.statuses import Status
from store.reading import (
    MESSAGE_COLUMNS,
    AnyRow,
    AnySelect,
    MessageFilter,
    Sight,
    has_status,
    narrowed,
    visible_messages,
)
from store.tables import institutions, messages

OPEN = tuple(status for status in Status if not status.final)
"""Work that waits: it has no age limit."""

_OVERDUE = (Status.SCHEDULED, Status.DEFERRED)
_MOST_WAITING = 5


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages of a kind are in a status; `settled` counts those whose settle window has passed."""

    kind: str
    status: str
    number: int
    settled: int


async def counts(conn: AsyncConnection, since: datetime, now: datetime, sight: Sight) -> Sequence[Counted]:
    """Messages by kind and status: those that are over, of those made since then; those that wait, however old."""
    found = list(await _over(conn, since, now, sight))
    for status in OPEN:
        found += await still_open(conn, status, sight)
    return found


async def _over(conn: AsyncConnection, since: datetime, now: datetime, sight: Sight) -> Sequence[Counted]:
    settled = func.count().filter(messages.c.status == Status.SENT, messages.c.settles_at <= now)
    query = (
        select(messages.c.kind, messages.c.status, func.count(), settled)
        .where(*narrowed(MessageFilter(since=since)), messages.c.status.not_in(OPEN), *visible_messages(sight))
        .group_by(messages.c.kind, messages.c.status)
    )
    return [Counted(*row) for row in (await conn.execute(query)).all()]


async def still_open(conn: AsyncConnection, status: Status, sight: Sight) -> Sequence[Counted]:
    """Messages in a status that is not final, by kind. By themselves they are counted along the status's index."""
    query = (
        select(messages.c.kind, func.count())
        .where(*narrowed(MessageFilter(status=status)), *visible_messages(sight))
        .group_by(messages.c.kind)
    )
    return [Counted(kind, status, number, 0) for kind, number in (await conn.execute(query)).all()]


async def longest_waiting(conn: AsyncConnection, now: datetime, sight: Sight) -> Sequence[AnyRow]:
    """What is due and has not left, or waits for a person, oldest first; at most five."""
    found: list[AnyRow] = []
    for status in (Status.IN_DOUBT, *_OVERDUE):  # one by one: each is a short walk along the index of its status
        found += (await conn.execute(_oldest(status, now, sight))).all()
    return sorted(found, key=lambda row: (row.created_at, row.id))[:_MOST_WAITING]


def _oldest(status: Status, now: datetime, sight: Sight) -> AnySelect:
    query = (
        select(*MESSAGE_COLUMNS, institutions.c.name.label("institution_name"))
        .outerjoin(institutions, institutions.c.code == messages.c.institution_code)
        .where(has_status(status), *visible_messages(sight))
    )
    if status is not Status.IN_DOUBT:
        query = query.where(messages.c.due_at <= now)
    return query.order_by(messages.c.created_at, messages.c.id).limit(_MOST_WAITING)
