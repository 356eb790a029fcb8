"""Suppressions: by address and institution, since one owner's address serves many pharmacies (contract section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import among, insert_from, is_sqlite, parameter
from store.tables import suppressions

BY_HAND = "by-hand"
"""The reason of an entry that a person made; what moved them stands in the audit trail."""

ADDED = "suppression-added"
"""The action there; its subject is the entry's id, and its detail holds `why`."""

Pair = tuple[str, str]
"""An address in lower case, and an institution code."""

Entry = Mapping[str, Any]
"""A row to be."""


async def suppress(
    conn: AsyncConnection,
    entry_id: str,
    row: Row[Any],
    scope: str,
    at: datetime,
    reason: str | None = None,
) -> None:
    """Enter the address of a message's row, unless it stands there already."""
    await suppress_all(conn, [entry(entry_id, row, scope, at, reason)])


def entry(entry_id: str, row: Row[Any], scope: str, at: datetime, reason: str | None = None) -> Entry:
    """The suppression of a message's address for its institution."""
    return {
        "id": entry_id,
        "email": row.email,
        "email_key": row.email.lower(),
        "institution_code": row.institution_code,
        "scope": scope,
        "reason": reason or row.reason or "undefined",
        "message_id": row.id,
        "created_at": at,
    }


async def suppress_all(conn: AsyncConnection, entries: Iterable[Entry]) -> None:
    """Enter these, but for those that stand there already."""
    # In one order everywhere: who meets an entry that another transaction is making has to wait for it.
    ordered = sorted(entries, key=lambda entry: (entry["email_key"], entry["institution_code"], entry["scope"]))
    if ordered:
        statement = insert_from(suppressions, tuple(ordered[0]), on_sqlite=is_sqlite(conn)).on_conflict_do_nothing()
        await conn.execute(statement, {"rows": parameter(conn, ordered)})


async def active(conn: AsyncConnection, pairs: Iterable[Pair]) -> dict[Pair, frozenset[str]]:
    """The scopes in force for each of these pairs that has any."""
    wanted = set(pairs)
    found: dict[Pair, frozenset[str]] = {}
    if not wanted:
        return found
    query = select(suppressions.c.email_key, suppressions.c.institution_code, suppressions.c.scope).where(
        suppressions.c.released_at.is_(None),
        among(conn, suppressions.c.email_key, {email_key for email_key, _ in wanted}),
    )
    for email_key, code, scope in (await conn.execute(query)).all():
        if (email_key, code) in wanted:
            found[email_key, code] = found.get((email_key, code), frozenset()) | {scope}
    return found


async def stopped(conn: AsyncConnection, code: str) -> Sequence[Row[Any]]:
    """The entries in force that stop all kinds of mail for an institution, oldest first."""
    query = select(suppressions).where(
        suppressions.c.institution_code == code,
        suppressions.c.scope == "all",
        suppressions.c.released_at.is_(None),
    )
    return (await conn.execute(query.order_by(suppressions.c.created_at, suppressions.c.id))).all()


async def release(conn: AsyncConnection, pair: Pair, at: datetime, by: str, why: str) -> int:
    """Release what is in force for this pair; how many entries were."""
    statement = (
        update(suppressions)
        .where(
            suppressions.c.released_at.is_(None),
            suppressions.c.email_key == pair[0],
            suppressions.c.institution_code == pair[1],
        )
        .values(released_at=at, released_by=by, released_why=why)
    )
    return (await conn.execute(statement)).rowcount
