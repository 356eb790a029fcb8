"""Claims: messages come under a sender's lease, many at a time, and each is told of."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import CTE, Select, String, bindparam, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from core.statuses import Status
from store.bulk import among_these, insert_rows, is_sqlite, parameter
from store.moves import consequences, stands_at, telling
from store.tables import events, messages
from store.types import UtcTime

_EVENT = "claimed"
_DOUBLE = {"possible_double": True}
"""What is told of a message that may have arrived before."""


async def hold(
    conn: AsyncConnection, lease: str, status: Status, ids: Collection[str], now: datetime
) -> frozenset[str]:
    """Put messages of this status under a lease; ids of those that it now holds, and which stood there until now."""
    if not ids:
        return frozenset()
    if is_sqlite(conn):
        return await _hold_on_sqlite(conn, lease, status, ids, now)
    given = {"lease": lease, "ids": list(ids), "at": now}
    return frozenset((await conn.execute(_held_and_told(status), given)).scalars().all())


async def _hold_on_sqlite(
    conn: AsyncConnection, lease: str, status: Status, ids: Collection[str], now: datetime
) -> frozenset[str]:
    given = {"lease": lease, "ids": parameter(conn, ids)}
    held = (await conn.execute(_held(status, on_sqlite=True), given)).all()
    more = _DOUBLE if status is Status.IN_DOUBT else {}
    told = {"at": now, "type": _EVENT, "status": Status.SENDING.value}
    rows = [{"message_id": row.id, **told, "detail": {"attempt": row.attempts + 1, **more}} for row in held]
    await insert_rows(conn, events, rows)
    return frozenset(row.id for row in held)


@cache
def _held(status: Status, *, on_sqlite: bool) -> ReturningUpdate[Any]:
    return (
        update(messages)
        .where(among_these(messages.c.id, "ids", on_sqlite=on_sqlite), stands_at({status}))
        .values(**consequences(Status.SENDING), lease=bindparam("lease", type_=String()), ready_at=None)
        .returning(messages.c.id, messages.c.attempts)
    )


@cache
def _held_and_told(status: Status) -> Select[Any]:
    """The same and its events as one statement of PostgreSQL's."""
    held = _held(status, on_sqlite=False).cte("held")
    return select(held.c.id).add_cte(_told(held, status))


def _told(held: CTE, status: Status) -> CTE:
    more = [value for pair in _DOUBLE.items() for value in pair] if status is Status.IN_DOUBT else []
    event = {
        "message_id": held.c.id,
        "at": bindparam("at", type_=UtcTime()),
        "type": literal(_EVENT),
        "status": literal(Status.SENDING.value),
        "detail": func.jsonb_build_object("attempt", held.c.attempts + 1, *more),
    }
    return telling(event)
