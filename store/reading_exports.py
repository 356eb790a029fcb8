"""Lists as a whole, page by page: bounded memory, and no transaction that stays open while somebody reads slowly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.engine import Database
from store.reading import (
    IN_ORDER,
    MESSAGE_COLUMNS,
    AnyRow,
    MessageFilter,
    Page,
    Place,
    Sight,
    kinds_apart,
    narrowed,
    page,
    visible_messages,
)
from store.tables import institutions, messages

ROWS_AT_ONCE = 1000

Fetch = Callable[[AsyncConnection, Place | None], Awaitable[Page]]
"""Gives the page after a place."""


async def all_rows(db: Database, fetch: Fetch) -> AsyncIterator[Sequence[AnyRow]]:
    """All rows of a list, newest first. What comes in meanwhile is newer than its beginning, and not among them."""
    after: Place | None = None
    while True:
        async with db.read() as conn:
            found = await fetch(conn, after)
        yield found.rows
        after = found.next
        if after is None:
            return


async def messages_with_names(
    conn: AsyncConnection, wanted: MessageFilter, sight: Sight, after: Place | None, limit: int
) -> Page:
    """As `store.reading.message_page`, with `institution_name` and `institution_prefecture`."""
    query = (
        select(
            *MESSAGE_COLUMNS,
            institutions.c.name.label("institution_name"),
            institutions.c.prefecture.label("institution_prefecture"),
        )
        .outerjoin(institutions, institutions.c.code == messages.c.institution_code)
        .where(*narrowed(wanted), *visible_messages(sight))
    )
    return await page(conn, query, IN_ORDER, after, limit, split=kinds_apart(wanted, sight))
