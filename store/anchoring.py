"""The simulated clock's anchor: set by the first process, kept for all roles and restarts (contract section 2)."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sqlalchemy import select

from core.clock import Anchor
from store.bulk import insert_into
from store.engine import Database
from store.tables import clock_anchor


async def known_anchor(db: Database) -> Anchor | None:
    """The anchor on record, None where this database runs on real time."""
    async with db.read() as conn:
        row = (await conn.execute(select(clock_anchor))).one_or_none()
    return None if row is None else Anchor(row.business, row.real.timestamp(), float(row.speed))


async def anchor(db: Database, start: datetime, speed: float) -> Anchor:
    """The anchor on record; where there is none, business time starts at `start` now."""
    first = {"id": 1, "business": start, "real": datetime.fromtimestamp(time.time(), UTC), "speed": repr(speed)}
    async with db.write() as conn:
        await conn.execute(insert_into(clock_anchor, on_sqlite=db.sqlite).values(first).on_conflict_do_nothing())
        row = (await conn.execute(select(clock_anchor))).one()
    return Anchor(row.business, row.real.timestamp(), float(row.speed))
