"""Mails that a relay took, as their sender noted it: rows for `store.moves`, until they are entered."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messages import Receipt
from core.statuses import Status
from store.bulk import as_text
from store.engine import Database
from store.ledger import Ledger
from store.moves import change_of, row_of
from store.tables import receipts, senders

LIVING = select(senders.c.id).where(senders.c.dead_at.is_(None))
"""Senders that live, as far as is known."""

_LEFT_BEHIND = (
    select(receipts.c.taken)
    .where(receipts.c.sender.not_in(LIVING))
    .order_by(receipts.c.sender, receipts.c.number)
    .with_for_update()
)
_REMOVED = delete(receipts).where(receipts.c.sender.not_in(LIVING))


def packed(receipt: Receipt) -> str:
    """What is kept of a receipt."""
    return as_text((row_of(change, told=True) for change in receipt.taken), on_sqlite=False)


async def remove(db: Database, lease: str, given: Sequence[Receipt]) -> None:
    """Remove receipts that were entered in another way."""
    numbers = [receipt.number for receipt in given]
    async with db.write() as conn:
        await conn.execute(delete(receipts).where(receipts.c.sender == lease, receipts.c.number.in_(numbers)))


async def enter_left_behind(conn: AsyncConnection, ledger: Ledger) -> int:
    """Enter what senders that do not live have noted; how many mails it was.

    What came after somebody else's word on its message is told beside it.
    """
    rows = (await conn.execute(_LEFT_BEHIND)).scalars()
    taken = [change_of(row, Status.SENT) for text in rows for row in orjson.loads(text)]
    if taken:
        done = await ledger.apply(conn, taken)
        await ledger.apply(conn, [change.late() for change, moved in zip(taken, done, strict=True) if not moved])
        await conn.execute(_REMOVED)
    return len(taken)
