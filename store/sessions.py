"""Sessions of people who signed in: kept here, known by a random token of which only the digest is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.engine import Database
from store.people import Principal, Role
from store.tables import sessions, users

_NOTED_EVERY = timedelta(minutes=1)
_NOTED_TIMES = 60


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """When a session ends by itself: after `idle` without a request, and `longest` after signing in."""

    idle: timedelta
    longest: timedelta

    @property
    def noted_every(self) -> timedelta:
        """How old the note of a session's last request may be: not every one has to write. It ends by so much early."""
        return min(_NOTED_EVERY, self.idle / _NOTED_TIMES)


def digest_of(token: str) -> str:
    """What is kept of a session's token."""
    return hashlib.sha256(token.encode()).hexdigest()


async def open_session(conn: AsyncConnection, token: str, user_id: str, at: datetime, limits: SessionLimits) -> None:
    """A new session; those that have ended by themselves go."""
    over = or_(sessions.c.created_at <= at - limits.longest, sessions.c.seen_at <= at - limits.idle)
    await conn.execute(delete(sessions).where(over))
    row = {"digest": digest_of(token), "user_id": user_id, "created_at": at, "seen_at": at}
    await conn.execute(insert(sessions).values(row))


async def close_session(conn: AsyncConnection, token: str) -> None:
    """End one session, if there is one."""
    await conn.execute(delete(sessions).where(sessions.c.digest == digest_of(token)))


async def close_all_of(conn: AsyncConnection, user_id: str) -> None:
    """End all sessions of a user."""
    await conn.execute(delete(sessions).where(sessions.c.user_id == user_id))


async def principal_of(
    db: Database, token: str, at: datetime, limits: SessionLimits, *, unattended: bool = False
) -> Principal | None:
    """Whose session this is; None for one that is unknown or over, or whose user was disabled.

    What a page asks for by itself, `unattended`, keeps no session open.
    """
    digest = digest_of(token)
    query = (
        select(users.c.name, users.c.role, users.c.prefecture, sessions.c.seen_at)
        .join(users, users.c.id == sessions.c.user_id)
        .where(
            sessions.c.digest == digest,
            sessions.c.created_at > at - limits.longest,
            sessions.c.seen_at > at - limits.idle,
            users.c.disabled_at.is_(None),
        )
    )
    async with db.read() as conn:
        row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    if not unattended and row.seen_at <= at - limits.noted_every:
        async with db.write() as conn:
            await conn.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=at))
    return Principal(row.name, Role(row.role), row.prefecture)
