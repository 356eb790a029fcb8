"""Mails that a relay took, as their sender noted it, until that is entered with their messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messages import Change, Receipt, Taken
from store.engine import Database
from store.ledger import Ledger
from store.tables import receipts, senders

LIVING = select(senders.c.id).where(senders.c.dead_at.is_(None))
"""Senders that live, as far as is known."""

_LEFT_BEHIND = (
    select(receipts.c.taken)
    .where(receipts.c.sender.not_in(LIVING))
    .order_by(receipts.c.sender, receipts.c.number)
    .with_for_update()
)
_MOMENTS = ("at", "settles_at", "first_attempt_at")
_REMOVED = delete(receipts).where(receipts.c.sender.not_in(LIVING))


def packed(receipt: Receipt) -> str:
    """What is kept of a receipt: few octets, as PostgreSQL would spend time on squeezing many."""
    return orjson.dumps([tuple(taken) for taken in receipt.taken]).decode()


def _unpacked(text: str) -> Iterator[Taken]:
    for row in orjson.loads(text):
        values = dict(zip(Taken._fields, row, strict=True))
        yield Taken(**values | {name: datetime.fromisoformat(values[name]) for name in _MOMENTS})


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
    changes = [taken.change() for text in rows for taken in _unpacked(text)]
    if changes:
        left: list[Change] = changes
        while left:
            done = await ledger.apply(conn, left)
            late = [change.late() for change, moved in zip(left, done, strict=True) if not moved]
            left = [change for change in late if change is not None]
        await conn.execute(_REMOVED)
    return len(changes)
