"""Guessing at passwords made slow, without letting strangers lock anybody out for good.

Failures are counted under two kinds of names: a user's name, and a user's name together with a device on which that
user has signed in before. Strangers lock the first alone, so that people go on signing in where they always do; a lock
ends by itself, after a quarter of an hour at the longest; and tries under a lock are not looked at, so that they do not
prolong it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import insert_into, is_sqlite
from store.tables import guesses

FREE_FAILURES = 5
LONGEST_LOCK = timedelta(minutes=15)

_FIRST_LOCK = timedelta(minutes=1)
_FORGOTTEN_AFTER = timedelta(days=1)


def key_of(name_key: str, device: str | None, password: str | None) -> str:
    """Under which failures are counted. Names that nobody has count too: a lock does not tell them apart.

    `password` is what is kept of it: with another one all begins anew, on every device.
    """
    return hashlib.sha256("\n".join((name_key, device or "", password or "")).encode()).hexdigest()


def lock_after(failures: int) -> timedelta | None:
    """For how long so many failures lock: a minute after the fifth, twice as long after each further one."""
    if failures < FREE_FAILURES:
        return None
    doublings = min(failures - FREE_FAILURES, 10)
    return min(_FIRST_LOCK * (1 << doublings), LONGEST_LOCK)


async def count_try(conn: AsyncConnection, digest: str, at: datetime) -> tuple[int, datetime | None]:
    """Count a try as a failure before it is looked at: how many there are now, and until when it is locked.

    Under a lock nothing is counted and the first figure is 0; `forget` takes back what turned out no failure. Tries
    made side by side wait for each other here, so that none slips through.
    """
    await _enter(conn, digest, at)
    old = guesses.c.last_at < at - _FORGOTTEN_AFTER
    counted = (
        update(guesses)
        .where(guesses.c.digest == digest, or_(guesses.c.locked_until.is_(None), guesses.c.locked_until <= at))
        .values(failures=case((old, 1), else_=guesses.c.failures + 1), last_at=at)
        .returning(guesses.c.failures)
    )
    failures: int | None = (await conn.execute(counted)).scalar_one_or_none()
    if failures is None:
        return 0, await locked_until(conn, digest, at)
    lock = lock_after(failures)
    if lock is not None:
        await conn.execute(update(guesses).where(guesses.c.digest == digest).values(locked_until=at + lock))
    return failures, None if lock is None else at + lock


async def locked_until(conn: AsyncConnection, digest: str, at: datetime) -> datetime | None:
    """Until when tries are not looked at; None where they are."""
    query = select(guesses.c.locked_until).where(guesses.c.digest == digest, guesses.c.locked_until > at)
    until: datetime | None = (await conn.execute(query)).scalar_one_or_none()
    return until


async def forget(conn: AsyncConnection, digest: str, at: datetime) -> None:
    """A try was right: its failures are over. What is old goes too."""
    stale = guesses.c.last_at < at - _FORGOTTEN_AFTER
    await conn.execute(delete(guesses).where(or_(guesses.c.digest == digest, stale)))


async def _enter(conn: AsyncConnection, digest: str, at: datetime) -> None:
    row = {"digest": digest, "failures": 0, "last_at": at, "locked_until": None}
    await conn.execute(insert_into(guesses, on_sqlite=is_sqlite(conn)).values(row).on_conflict_do_nothing())
