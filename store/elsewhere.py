"""People whom somebody else vouches for: their users are made and kept in step when they sign in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import IdSource
from store.engine import Database
from store.people import AuditEntry, Role, write_audit
from store.search import name_key
from store.sessions import close_all_of
from store.tables import api_tokens, users
from store.users import Admitted, TurnedAway, Users, real_now


@dataclass(frozen=True, slots=True)
class Identity:
    """What an issuer says of somebody, and what that comes to here. `subject` stays theirs, the rest may change."""

    issuer: str
    subject: str
    name: str
    role: Role
    prefecture: str | None


class SignInElsewhere:
    """Lets in whom an issuer of ours knows. Whoever is refused is out also where a session was open before."""

    def __init__(self, db: Database, ids: IdSource, people: Users, now: Callable[[], datetime] = real_now) -> None:
        self._db = db
        self._ids = ids
        self._users = people
        self._now = now

    async def sign_in(self, who: Identity, peer: str, session: str | None) -> Admitted | TurnedAway:
        """Let somebody in, but for who was disabled here, and for a name that stands for somebody else."""
        async with self._db.write() as conn:
            row = await self._in_step(conn, who)
            if row is not None and row.disabled_at is None:
                return await self._users.open(conn, row, peer, session)
            known = await _known(conn, who.issuer, who.subject)
            await self._refuse(conn, known, "disabled" if row is not None else "name-taken", peer)
        return TurnedAway()

    async def turn_away(self, issuer: str, subject: str | None, why: str, peer: str) -> None:
        """A sign-in elsewhere that came to nothing; `why` is one word of ours. `subject`: see `OidcFailed`."""
        async with self._db.write() as conn:
            known = None if subject is None else await _known(conn, issuer, subject)
            await self._refuse(conn, known, why, peer)

    async def _refuse(self, conn: AsyncConnection, known: Row[Any] | None, why: str, peer: str) -> None:
        """Note it. What is open for a user whom the issuer has vouched for, and who may not come in, ends."""
        if known is not None:
            await close_all_of(conn, known.id)
        entry = AuditEntry(
            "sign-in-failed", "OpenID Connect" if known is None else known.name, {"peer": peer, "why": why}
        )
        await write_audit(conn, None, entry, self._now())

    async def _in_step(self, conn: AsyncConnection, who: Identity) -> Row[Any] | None:
        """The user with today's name and rights; None where the name stands for somebody else."""
        known = await _known(conn, who.issuer, who.subject)
        if await _taken(conn, who.name, None if known is None else known.id):
            return None
        told = {"name": who.name, "name_key": name_key(who.name), "role": who.role, "prefecture": who.prefecture}
        if known is None:
            made = {"id": self._ids(), "issuer": who.issuer, "subject": who.subject, "created_at": self._now()}
            await conn.execute(insert(users).values(told | made))
        elif any(getattr(known, key) != value for key, value in told.items()):
            await conn.execute(update(users).where(users.c.id == known.id).values(told))
            await close_all_of(conn, known.id)
        return await _known(conn, who.issuer, who.subject)


async def _known(conn: AsyncConnection, issuer: str, subject: str) -> Row[Any] | None:
    return (await conn.execute(select(users).where(users.c.issuer == issuer, users.c.subject == subject))).one_or_none()


async def _taken(conn: AsyncConnection, name: str, own: str | None) -> bool:
    """Whether a user or a token has this name: in the audit trail a name stands for one alone."""
    user = select(users.c.id).where(users.c.name_key == name_key(name), users.c.id != (own or ""))
    token = select(api_tokens.c.id).where(api_tokens.c.name == name)
    return (await conn.execute(user)).first() is not None or (await conn.execute(token)).first() is not None
