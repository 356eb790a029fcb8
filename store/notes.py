"""What a sender notes for every handful of mails: which it is about to hand over, and which were taken.

A sender's row holds the ids of the mails that are on its wires, so that a mark costs no row of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import (
    String,
    Text,
    bindparam,
    cast,
    func,
    literal,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from core.messages import Change
from store.bulk import as_text
from store.direct import DirectConnection, Statement
from store.engine import Database
from store.ledger import Ledger
from store.moves import Shape, lease_of_message, moved_and_told, row_of
from store.tables import messages, senders


class Notes:
    """Writes what one sender notes."""

    def __init__(self, db: Database, ledger: Ledger) -> None:
        self._db = db
        self._ledger = ledger
        self._direct = None if db.sqlite else DirectConnection(db)

    async def write(
        self,
        lease: str,
        on_wire: Collection[str],
        marks: Sequence[str],
        sent: Sequence[Change],
    ) -> frozenset[str]:
        """Marks and mails that were taken; ids of those that still were under the lease. See `mailer.sender.Outbox`."""
        shapes = {Shape.of(change) for change in sent}
        if self._direct is None or len(shapes) > 1:
            return await self._step_by_step(lease, on_wire, marks, sent)
        given = {
            "lease": lease,
            "on_wire": as_text(on_wire, on_sqlite=False),
            "marks": f"{{{','.join(marks)}}}",
        }
        if sent:
            given["rows"] = as_text((row_of(change, told=True) for change in sent), on_sqlite=False)
        rows = await self._direct.fetch(_at_once(next(iter(shapes), None)), given)
        return frozenset(row[0] for row in rows)

    async def _step_by_step(
        self,
        lease: str,
        on_wire: Collection[str],
        marks: Sequence[str],
        sent: Sequence[Change],
    ) -> frozenset[str]:
        living = update(senders).where(senders.c.id == lease, senders.c.dead_at.is_(None))
        ours = select(messages.c.id).where(messages.c.id.in_(marks), messages.c.lease == lease)
        async with self._db.write() as conn:
            done = await self._ledger.apply(conn, sent)
            held = {change.message_id for change, moved in zip(sent, done, strict=True) if moved}
            if (await conn.execute(living.values(on_wire=list(on_wire)))).rowcount and marks:
                held |= set((await conn.execute(ours)).scalars())
        return frozenset(held)

    async def close(self) -> None:
        """Give the connection back."""
        if self._direct is not None:
            await self._direct.close()


@cache
def _at_once(shape: Shape | None) -> Statement:
    """All of it as one statement of PostgreSQL's, and so in one transaction and one round trip."""
    lease = bindparam("lease", type_=String())
    wires = update(senders).where(senders.c.id == lease, senders.c.dead_at.is_(None))
    written = cast(bindparam("on_wire", type_=Text()), JSONB)
    wire = wires.values(on_wire=written).returning(literal(1).label("noted")).cte("wire")
    marked = (
        select(messages.c.id)
        .join(wire, true())
        .where(messages.c.id == func.any(bindparam("marks", type_=ARRAY(Text()))), lease_of_message() == lease)
    )
    if shape is None:
        return Statement.of(marked, frozenset({"lease", "on_wire", "marks"}))
    moved, told = moved_and_told(shape)
    whole = union_all(select(moved.c.id), marked).add_cte(told)
    return Statement.of(whole, frozenset({"rows", "lease", "on_wire", "marks"}))
