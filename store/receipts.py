"""Mails that a relay took, as their sender noted it, until that is entered with their messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from sqlalchemy import Row, Select, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messages import Change, Receipt, Taken
from store.bulk import among
from store.engine import Database
from store.ledger import Ledger
from store.tables import messages, receipts, senders

LIVING = select(senders.c.id).where(senders.c.dead_at.is_(None))
"""Senders that live, as far as is known."""

_MOMENTS = ("at", "settles_at", "first_attempt_at")


class LeftBehind(NamedTuple):
    """What became of receipts that the dead have left: how many mails were entered, and the ids of those that wait."""

    entered: int
    waiting: frozenset[str]


class _Found(NamedTuple):
    sender: str
    number: int
    taken: Sequence[Taken]


def packed(receipt: Receipt) -> str:
    """What is kept of a receipt: few octets, as PostgreSQL would spend time on squeezing many."""
    return orjson.dumps([tuple(taken) for taken in receipt.taken]).decode()


def _found(row: Row[tuple[str, int, str]]) -> _Found:
    return _Found(row.sender, row.number, list(_unpacked(row.taken)))


def _unpacked(text: str) -> Iterator[Taken]:
    for row in orjson.loads(text):
        values = dict(zip(Taken._fields, row, strict=True))
        yield Taken(**values | {name: datetime.fromisoformat(values[name]) for name in _MOMENTS})


async def remove(db: Database, lease: str, given: Sequence[Receipt]) -> None:
    """Remove receipts that were entered in another way."""
    async with db.write() as conn:
        await _remove(conn, lease, [receipt.number for receipt in given])


async def _remove(conn: AsyncConnection, sender: str, numbers: Collection[int]) -> None:
    await conn.execute(delete(receipts).where(receipts.c.sender == sender, receipts.c.number.in_(numbers)))


async def enter_left_behind(conn: AsyncConnection, ledger: Ledger, dead: Collection[str]) -> LeftBehind:
    """Enter what senders have noted that do not live, and so note no more.

    What came after somebody else's word on its message is told beside it. What somebody else has locked, a receipt or
    one of its mails, waits for the next time: it must not be taken for mails that are in doubt meanwhile.
    """
    left = [_found(row) for row in (await conn.execute(_of(dead))).all()]
    if not left:
        return LeftBehind(0, frozenset())
    ours = [_found(row) for row in (await conn.execute(_of(dead).with_for_update(skip_locked=True))).all()]
    locked = await _locked(conn, [taken.message_id for found in ours for taken in found.taken])
    free = [found for found in ours if all(taken.message_id in locked for taken in found.taken)]
    entered = [taken for found in free for taken in found.taken]
    await _enter(conn, ledger, [taken.change() for taken in entered])
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for found in free:
        numbers[found.sender].append(found.number)
    for sender, of_sender in numbers.items():
        await _remove(conn, sender, of_sender)
    everything = {taken.message_id for found in left for taken in found.taken}
    return LeftBehind(len(entered), frozenset(everything.difference(taken.message_id for taken in entered)))


def _of(dead: Collection[str]) -> Select[tuple[str, int, str]]:
    query = select(receipts.c.sender, receipts.c.number, receipts.c.taken)
    return query.where(receipts.c.sender.in_(dead)).order_by(receipts.c.sender, receipts.c.number)


async def _locked(conn: AsyncConnection, ids: Sequence[str]) -> frozenset[str]:
    """Those of these messages that nobody else has locked; they are locked from now on."""
    query = select(messages.c.id).where(among(conn, messages.c.id, ids)).with_for_update(skip_locked=True)
    return frozenset((await conn.execute(query)).scalars())


async def _enter(conn: AsyncConnection, ledger: Ledger, changes: Sequence[Change]) -> None:
    while changes:
        done = await ledger.apply(conn, changes)
        late = [change.late() for change, moved in zip(changes, done, strict=True) if not moved]
        changes = [change for change in late if change is not None]
