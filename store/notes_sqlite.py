"""Notes on SQLite: each a transaction in one go."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy.dialects import sqlite

from core.messages import Noted, Receipt
from store.bulk import as_text, insert_plainly
from store.engine import Database
from store.moves import Shape, event_of, row_of, update_of
from store.notes import entered_before, shape_of
from store.receipts import packed
from store.tables import events

_ON_WIRE = "UPDATE senders SET on_wire = ? WHERE id = ? AND dead_at IS NULL"
# It may be there already, where the answer to its commit was lost.
_RECEIPT = "INSERT INTO receipts (sender, number, taken) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_HELD = "SELECT id FROM messages WHERE id IN (SELECT value FROM json_each(?)) AND lease = ?"
_GONE = "DELETE FROM receipts WHERE sender = ? AND number = ?"


class SqliteNotes:
    """Notes in a thread of the database's own."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def write(self, lease: str, on_wire: Collection[str], marks: Sequence[str], receipt: Receipt | None) -> Noted:
        """See `store.notes.Notes`."""
        return await self._db.in_one_go(partial(_note, lease, on_wire, marks, receipt))

    async def enter(self, lease: str, given: Sequence[Receipt]) -> frozenset[str]:
        """See `store.notes.Notes`."""
        return await self._db.in_one_go(partial(_enter, lease, given, shape_of(given)))

    async def close(self) -> None:
        """Nothing is kept open here."""


def _note(
    lease: str,
    on_wire: Collection[str],
    marks: Sequence[str],
    receipt: Receipt | None,
    conn: sqlite3.Connection,
) -> Noted:
    if not conn.execute(_ON_WIRE, (as_text(on_wire, on_sqlite=True), lease)).rowcount:
        return Noted(frozenset(), noted=False)
    if receipt is not None:
        conn.execute(_RECEIPT, (lease, receipt.number, packed(receipt)))
    held = conn.execute(_HELD, (as_text(marks, on_sqlite=True), lease)) if marks else ()
    return Noted(frozenset(row[0] for row in held), noted=True)


def _enter(lease: str, given: Sequence[Receipt], shape: Shape, conn: sqlite3.Connection) -> frozenset[str]:
    found = [one for one in given if conn.execute(_GONE, (lease, one.number)).rowcount]
    taken = {change.message_id: change for receipt in found for change in receipt.taken}
    statement, constants = _moving(shape)
    rows = as_text((row_of(change, told=False) for change in taken.values()), on_sqlite=True)
    moved: Mapping[str, str] = dict(conn.execute(statement, {**constants, "rows": rows}).fetchall())
    insert_plainly(conn, events, [event_of(taken[one], status) for one, status in moved.items()])
    return frozenset(moved).union(entered_before(given, [receipt.number for receipt in found]))


@cache
def _moving(shape: Shape) -> tuple[str, Mapping[str, Any]]:
    """UPDATE … RETURNING id, status by the parameter `rows`, and its other parameters."""
    dialect = sqlite.dialect(paramstyle="named")
    whole = update_of(shape, on_sqlite=True).compile(dialect=dialect).construct_expanded_state({"rows": ""})
    return whole.statement, {name: value for name, value in whole.parameters.items() if name != "rows"}
