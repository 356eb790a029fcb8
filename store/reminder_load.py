"""How many reminders are planned for which part of a day: what keeps them spread, whoever plans them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import insert_into, is_sqlite
from store.tables import reminder_load

Place = tuple[date, str]
"""A day and a scope: "prefecture:35", "domain:example.jp"."""


async def take(conn: AsyncConnection, places: Iterable[Place], parts: int) -> dict[Place, list[int]]:
    """The load of these places, by the parts of the day; the transaction holds them until its end."""
    wanted = sorted(set(places))
    if not wanted:
        return {}
    empty = [{"day": day, "scope": scope, "used": [0] * parts} for day, scope in wanted]
    await conn.execute(insert_into(reminder_load, on_sqlite=is_sqlite(conn)).on_conflict_do_nothing(), empty)
    query = (
        select(reminder_load)
        .where(tuple_(reminder_load.c.day, reminder_load.c.scope).in_(wanted))
        .order_by(reminder_load.c.day, reminder_load.c.scope)
        .with_for_update()
    )
    return {(row.day, row.scope): _fitted(row.used, parts) for row in await conn.execute(query)}


def _fitted(used: list[int], parts: int) -> list[int]:
    """Where the hours were changed in between, as far as they go."""
    return (used + [0] * parts)[:parts]


async def put(conn: AsyncConnection, loads: Mapping[Place, list[int]]) -> None:
    """Write the load of places that this transaction holds."""
    if not loads:
        return
    statement = insert_into(reminder_load, on_sqlite=is_sqlite(conn))
    written = statement.on_conflict_do_update(index_elements=["day", "scope"], set_={"used": statement.excluded.used})
    await conn.execute(written, [{"day": day, "scope": scope, "used": used} for (day, scope), used in loads.items()])
