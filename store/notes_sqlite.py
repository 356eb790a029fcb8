"""Notes on SQLite: each a transaction in one go."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects import sqlite

from core.messages import NO_FAILURE, SENT_COLUMNS, Noted, Receipt, Taken
from core.statuses import Status, sources_of
from store.bulk import as_text, insert_plainly, sqlite_text
from store.engine import Database
from store.moves import consequences, event_of, stands_at
from store.notes import entered_before
from store.receipts import packed
from store.tables import events, messages

_ON_WIRE = (
    "UPDATE senders SET on_wire = :on_wire, note_number = :number "
    "WHERE id = :lease AND dead_at IS NULL AND note_number < :number"
)
# It may be there already, where the answer to its commit was lost.
_RECEIPT = "INSERT INTO receipts (sender, number, taken) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_HELD = "SELECT id FROM messages WHERE id IN (SELECT value FROM json_each(?)) AND lease = ?"
_GONE = "DELETE FROM receipts WHERE sender = ? AND number = ?"


class SqliteNotes:
    """Notes in a thread of the database's own."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def write(
        self, number: int, lease: str, on_wire: Collection[str], marks: Sequence[str], receipt: Receipt | None
    ) -> Noted:
        """See `store.notes.Notes`."""
        return await self._db.in_one_go(partial(_note, number, lease, on_wire, marks, receipt))

    async def enter(self, lease: str, given: Sequence[Receipt]) -> frozenset[str]:
        """See `store.notes.Notes`."""
        return await self._db.in_one_go(partial(_enter, lease, given))

    async def close(self) -> None:
        """Nothing is kept open here."""


def _note(
    number: int,
    lease: str,
    on_wire: Collection[str],
    marks: Sequence[str],
    receipt: Receipt | None,
    conn: sqlite3.Connection,
) -> Noted:
    wires = {"number": number, "lease": lease, "on_wire": as_text(on_wire, on_sqlite=True)}
    if not conn.execute(_ON_WIRE, wires).rowcount:
        return Noted(frozenset(), noted=False)
    if receipt is not None:
        conn.execute(_RECEIPT, (lease, receipt.number, packed(receipt)))
    held = conn.execute(_HELD, (as_text(marks, on_sqlite=True), lease)) if marks else ()
    return Noted(frozenset(row[0] for row in held), noted=True)


def _enter(lease: str, given: Sequence[Receipt], conn: sqlite3.Connection) -> frozenset[str]:
    found = [one for one in given if conn.execute(_GONE, (lease, one.number)).rowcount]
    statement, constants = _moving()
    moved = [
        taken.change()
        for receipt in found
        for taken in receipt.taken
        if conn.execute(statement, {**constants, **_parameters(taken)}).rowcount
    ]
    insert_plainly(conn, events, [event_of(change, Status.SENT) for change in moved])
    ids = frozenset(change.message_id for change in moved)
    return ids.union(entered_before(given, [receipt.number for receipt in found]))


def _parameters(taken: Taken) -> dict[str, str | int | None]:
    return {
        f"taken_{name}": sqlite_text(value) if isinstance(value, datetime) else value
        for name, value in zip(Taken._fields, taken, strict=True)
    }


@cache
def _moving() -> tuple[str, Mapping[str, Any]]:
    """What records a mail as sent, and those of its parameters that are always the same."""
    sent = {name: bindparam(f"taken_{field}", type_=messages.c[name].type) for name, field in SENT_COLUMNS.items()}
    statement = (
        update(messages)
        .where(messages.c.id == bindparam("taken_message_id"), messages.c.lease == bindparam("taken_lease"))
        .where(stands_at(sources_of(Status.SENT)))
        .values({**sent, **NO_FAILURE, **consequences(Status.SENT)})
    )
    given = {f"taken_{name}" for name in Taken._fields}
    whole = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    expanded = whole.construct_expanded_state(dict.fromkeys(given, ""))
    return expanded.statement, {name: value for name, value in expanded.parameters.items() if name not in given}
