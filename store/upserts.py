"""Rows that may be there already: inserted, or else written over those of the same key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, func
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import insert_from, insert_into, is_sqlite, parameter


async def upsert(
    conn: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    key: Sequence[str],
    keep: Sequence[str] = (),
    fill: Sequence[str] = (),
) -> None:
    """Insert rows or overwrite those of the same key, but for the columns of `keep`.

    In the columns of `fill` an absent value (None) does not overwrite a known one.
    """
    if not rows:
        return
    on_sqlite = is_sqlite(conn)
    statement = upsert_from(table, tuple(rows[0]), tuple(key), tuple(keep), tuple(fill), on_sqlite=on_sqlite)
    values = list(rows) if on_sqlite else {"rows": parameter(conn, rows)}
    await conn.execute(statement, values)


@cache
def upsert_from(
    table: Table,
    names: tuple[str, ...],
    key: tuple[str, ...],
    keep: tuple[str, ...],
    fill: tuple[str, ...],
    *,
    on_sqlite: bool,
    rows: str = "rows",
) -> Any:
    """The statement of `upsert`; on PostgreSQL the columns `names` come from the parameter `rows`."""
    if on_sqlite:
        statement = insert_into(table, on_sqlite=True)
    else:
        statement = insert_from(table, names, on_sqlite=False, rows=rows)
    news = {
        name: func.coalesce(statement.excluded[name], table.c[name]) if name in fill else statement.excluded[name]
        for name in names
        if name not in (*key, *keep)
    }
    return statement.on_conflict_do_update(index_elements=list(key), set_=news)
