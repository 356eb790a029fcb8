"""People who sign in: made, disabled and given passwords by who runs the service; let in by name and password."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import TodokeError
from core.ids import IdSource
from store.engine import Database
from store.guesses import count_try, forget, key_of
from store.passwords import Passwords, check_password
from store.people import RESERVED, USER_COMMAND, AuditEntry, Principal, Role, write_audit
from store.search import name_key
from store.sessions import SessionLimits, close_all_of, close_session, open_session, principal_of
from store.tables import api_tokens, users

ROLES = (Role.HELPDESK, Role.PREFECTURE, Role.AUDITOR, Role.ADMIN)
"""Of people; a publisher is a registration system."""

OPERATOR = Principal(USER_COMMAND, Role.ADMIN)
"""Who acts in the audit trail when users are managed by the command."""

UNKNOWN_USER = "unknown user"
"""In the trail for a name that nobody has."""

_MAX_NAME = 100
_TOKEN_OCTETS = 32
_PREFECTURES = frozenset(f"{number:02d}" for number in range(1, 48))


class UserRefused(TodokeError, ValueError):
    """A user that cannot be made or changed so; the message says why."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in, or might once."""

    name: str
    role: Role
    prefecture: str | None
    by_password: bool
    created_at: datetime
    signed_in_at: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody at the door. `device` is set where this user has signed in before, `session` where one is open there."""

    name: str
    password: str
    peer: str
    device: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let in: the token of the new session."""

    who: Principal
    token: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Not let in. `until` is set under a lock: nothing is looked at before."""

    until: datetime | None = None


def real_now() -> datetime:
    """Signing in goes by real time, whatever the business clock says."""
    return datetime.now(UTC)


class Users:
    """All who may sign in, and their sessions."""

    def __init__(
        self,
        db: Database,
        ids: IdSource,
        passwords: Passwords,
        limits: SessionLimits,
        now: Callable[[], datetime] = real_now,
        random_text: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._db = db
        self._ids = ids
        self._passwords = passwords
        self._limits = limits
        self._now = now
        self._random_text = random_text

    async def create(self, name: str, role: Role, prefecture: str | None, password: str) -> None:
        """A new user. A disabled one of the same name, role and prefecture may come back so.

        Raises UserRefused and PasswordRefused.
        """
        _check(name, role, prefecture)
        check_password(password, name)
        kept = await self._passwords.hash(password)
        async with self._db.write() as conn:
            known = await _known(conn, name)
            values = {"password": kept, "disabled_at": None}
            if known is None:
                await _refuse_token_name(conn, name)
                named = {"id": self._ids(), "name": name, "name_key": name_key(name), "created_at": self._now()}
                await conn.execute(insert(users).values(named | {"role": role, "prefecture": prefecture} | values))
            else:
                _check_return(known, role, prefecture)
                await conn.execute(update(users).where(users.c.id == known.id).values(values))
            detail = {"role": role.value, "prefecture": prefecture}
            await write_audit(conn, OPERATOR, AuditEntry("user-created", name, detail), self._now())

    async def set_password(self, name: str, password: str) -> None:
        """Give a user another password. Open sessions end, and so do locks. Raises as `create` does."""
        check_password(password, name)
        kept = await self._passwords.hash(password)
        async with self._db.write() as conn:
            known = await self._in_force(conn, name)
            await conn.execute(update(users).where(users.c.id == known.id).values(password=kept))
            await close_all_of(conn, known.id)
            await write_audit(conn, OPERATOR, AuditEntry("user-password-set", known.name), self._now())

    async def disable(self, name: str) -> None:
        """Let a user in no more; open sessions end at once. Raises UserRefused where there is none in force."""
        async with self._db.write() as conn:
            known = await self._in_force(conn, name)
            await conn.execute(update(users).where(users.c.id == known.id).values(disabled_at=self._now()))
            await close_all_of(conn, known.id)
            await write_audit(conn, OPERATOR, AuditEntry("user-disabled", known.name), self._now())

    async def listed(self) -> Sequence[User]:
        """Everybody, by name."""
        async with self._db.read() as conn:
            rows = (await conn.execute(select(users).order_by(users.c.name_key))).all()
        return [_user(row) for row in rows]

    async def sign_in(self, attempt: Attempt) -> Admitted | TurnedAway:
        """Let somebody in who knows the password. It takes as long for a name that nobody has."""
        now = self._now()
        async with self._db.write() as conn:
            known = await _known(conn, attempt.name)
            counted = key_of(name_key(attempt.name), attempt.device, None if known is None else known.password)
            failures, until = await count_try(conn, counted, now)
        if failures == 0:
            return TurnedAway(until)
        in_force = known if known is not None and known.disabled_at is None else None
        right = await self._passwords.matches(None if in_force is None else in_force.password, attempt.password)
        if not right or in_force is None:
            await self._note_failure(known, attempt, until)
            return TurnedAway(until)
        return await self._admit(in_force, attempt, counted)

    async def _note_failure(self, known: Row[Any] | None, attempt: Attempt, until: datetime | None) -> None:
        """A name that nobody has is not written down: people type passwords there."""
        action = "sign-in-failed" if until is None else "sign-in-locked"
        detail = {"peer": attempt.peer, "known_device": attempt.device is not None}
        entry = AuditEntry(action, UNKNOWN_USER if known is None else known.name, detail)
        async with self._db.write() as conn:
            await write_audit(conn, None, entry, self._now())

    async def _admit(self, row: Row[Any], attempt: Attempt, counted: str) -> Admitted:
        renewed = {}
        if self._passwords.outdated(row.password):
            renewed = {"password": await self._passwords.hash(attempt.password)}
        async with self._db.write() as conn:
            await forget(conn, counted, self._now())
            admitted = await self.open(conn, row, attempt.peer, attempt.session)
            if renewed:
                await conn.execute(update(users).where(users.c.id == row.id).values(renewed))
        return admitted

    async def open(self, conn: AsyncConnection, row: Row[Any], peer: str, before: str | None) -> Admitted:
        """A new session for this user; the one that was open there before ends."""
        token, now = self._random_text(_TOKEN_OCTETS), self._now()
        if before is not None:
            await close_session(conn, before)
        await open_session(conn, token, row.id, now, self._limits)
        await conn.execute(update(users).where(users.c.id == row.id).values(signed_in_at=now))
        who = Principal(row.name, Role(row.role), row.prefecture)
        await write_audit(conn, who, AuditEntry("sign-in", row.name, {"peer": peer}), now)
        return Admitted(who, token)

    async def recognise(self, token: str, *, unattended: bool = False) -> Principal | None:
        """Whose session this is; None where none is open. `unattended` is what a page asks for by itself."""
        return await principal_of(self._db, token, self._now(), self._limits, unattended=unattended)

    async def sign_out(self, who: Principal, token: str) -> None:
        """End a session."""
        async with self._db.write() as conn:
            await close_session(conn, token)
            await write_audit(conn, who, AuditEntry("sign-out", who.name), self._now())

    async def _in_force(self, conn: AsyncConnection, name: str) -> Row[Any]:
        known = await _known(conn, name)
        if known is None or known.disabled_at is not None:
            raise UserRefused(f"no user {name} is in force")
        return known


async def _known(conn: AsyncConnection, name: str) -> Row[Any] | None:
    return (await conn.execute(select(users).where(users.c.name_key == name_key(name)))).one_or_none()


async def _refuse_token_name(conn: AsyncConnection, name: str) -> None:
    """In the audit trail a name stands for one alone."""
    taken = select(api_tokens.c.id).where(api_tokens.c.name == name)
    if (await conn.execute(taken)).first() is not None:
        raise UserRefused("an API token has this name; choose another")


def _user(row: Row[Any]) -> User:
    times = (row.created_at, row.signed_in_at, row.disabled_at)
    return User(row.name, Role(row.role), row.prefecture, row.password is not None, *times)


def _check(name: str, role: Role, prefecture: str | None) -> None:
    if not name_key(name) or len(name) > _MAX_NAME or not name.isprintable() or name != name.strip():
        raise UserRefused(f"a user's name has 1 to {_MAX_NAME} printable characters")
    if name in RESERVED:
        raise UserRefused(f"the name {name} is the service's own; choose another")
    if role not in ROLES:
        raise UserRefused(f"people have one of the roles {', '.join(ROLES)}")
    if (role is Role.PREFECTURE) != (prefecture is not None):
        raise UserRefused("the role prefecture, and no other, needs the number of a prefecture (01 to 47)")
    if prefecture is not None and prefecture not in _PREFECTURES:
        raise UserRefused("a prefecture is a number from 01 to 47")


def _check_return(known: Row[Any], role: Role, prefecture: str | None) -> None:
    if known.disabled_at is None:
        raise UserRefused("a user of this name is in force; `todoke user password` gives another password")
    if (known.role, known.prefecture) != (role, prefecture):
        raise UserRefused("a disabled user of this name had another role or prefecture; choose another name")
