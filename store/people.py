"""Who may ask: API tokens, of which only digests are kept, and the audit trail of what was done and shown."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import TodokeError
from core.ids import IdSource
from core.jst import rfc3339
from store.engine import Database
from store.search import name_key
from store.tables import api_tokens, audit, users

PREFIX = "tdk_"
LOCAL_ADMIN = "local"
"""The name under which the fixed token of the settings acts."""

COMMAND_LINE = "command line"
"""The publisher of what is handed in by commands."""

USER_COMMAND = "todoke user"
"""Who acts in the audit trail when users are managed by the command."""

TOKENS_COMMAND = "todoke token"
"""Who acts in the audit trail when API tokens are managed by the command."""

NOBODY = "-"
"""Actor and role, in the audit trail, of who was not recognised."""

RESERVED = frozenset({LOCAL_ADMIN, COMMAND_LINE, USER_COMMAND, TOKENS_COMMAND, NOBODY})
"""The service's own names: no token and no user may have them, whose jobs and lines would pass for its own."""

_TOKEN_OCTETS = 32
_MAX_NAME = 200
_MAX_SUBJECT = 250


class Role(StrEnum):
    """What somebody may do (contract section 4)."""

    PUBLISHER = "publisher"  # a registration system
    HELPDESK = "helpdesk"  # the secretariat
    PREFECTURE = "prefecture"  # a prefecture office, for its own institutions
    AUDITOR = "auditor"  # the audit trail alone
    ADMIN = "admin"  # everything


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose token was recognised. `prefecture` ("01" to "47") is set for the role `prefecture` alone."""

    name: str
    role: Role
    prefecture: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What was done or shown. `subject` is an id or a path, and `detail` holds no whole address."""

    action: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Token:
    """An API token without its secret. `revoked_at` is None while it is in force."""

    name: str
    role: Role
    prefecture: str | None
    created_at: datetime
    revoked_at: datetime | None


class TokenRefused(TodokeError, ValueError):
    """A token that cannot be made or revoked; the message says why."""


_OPERATOR = Principal(TOKENS_COMMAND, Role.ADMIN)


def _real_now() -> datetime:
    return datetime.now(UTC)


class People:
    """API tokens. They live on real time, whatever the business clock says."""

    def __init__(
        self,
        db: Database,
        ids: IdSource,
        now: Callable[[], datetime] = _real_now,
        random_text: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._db = db
        self._ids = ids
        self._now = now
        self._random_text = random_text

    async def create(self, name: str, role: Role, prefecture: str | None = None) -> str:
        """A new token, to be shown once. A revoked name may be used again for the same role and prefecture.

        Raises TokenRefused for a name that is taken or is none, and for a prefecture that does not fit the role.
        """
        _check(name, role, prefecture)
        token, now = PREFIX + self._random_text(_TOKEN_OCTETS), self._now()
        async with self._db.write() as conn:
            known = (await conn.execute(select(api_tokens).where(api_tokens.c.name == name))).one_or_none()
            values = {"digest": _digest(token), "created_at": now, "revoked_at": None}
            if known is None:
                await _refuse_user_name(conn, name)
                named = {"id": self._ids(), "name": name, "role": role, "prefecture": prefecture}
                await conn.execute(insert(api_tokens).values(**named, **values))
            else:
                _check_renewal(known, role, prefecture)
                await conn.execute(update(api_tokens).where(api_tokens.c.id == known.id).values(**values))
            await write_audit(conn, _OPERATOR, _entry("token-created", name, role, prefecture), now)
        return token

    async def authenticate(self, token: str) -> Principal | None:
        """Whose token this is; None for an unknown or revoked one."""
        query = select(api_tokens.c.name, api_tokens.c.role, api_tokens.c.prefecture).where(
            api_tokens.c.digest == _digest(token),
            api_tokens.c.revoked_at.is_(None),
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        return None if row is None else Principal(row.name, Role(row.role), row.prefecture)

    async def revoke(self, name: str) -> None:
        """End a token: whoever comes with it is refused from now on, in all processes.

        Raises TokenRefused where there is none of this name, or where it was revoked already.
        """
        mine, now = api_tokens.c.name == name, self._now()
        statement = update(api_tokens).where(mine, api_tokens.c.revoked_at.is_(None)).values(revoked_at=now)
        async with self._db.write() as conn:
            ended = (await conn.execute(statement)).rowcount
            known = (await conn.execute(select(api_tokens).where(mine))).one_or_none()
            if known is None:
                raise TokenRefused(f"there is no token named {name}; `todoke token list` tells all")
            if not ended:
                raise TokenRefused(f"the token {name} was revoked already, at {rfc3339(known.revoked_at)}")
            await write_audit(conn, _OPERATOR, _entry("token-revoked", name, known.role, known.prefecture), now)

    async def listed(self) -> Sequence[Token]:
        """All tokens that were ever made, by name; of a name that was used again, the last."""
        query = select(
            api_tokens.c.name,
            api_tokens.c.role,
            api_tokens.c.prefecture,
            api_tokens.c.created_at,
            api_tokens.c.revoked_at,
        ).order_by(api_tokens.c.name)
        async with self._db.read() as conn:
            rows = (await conn.execute(query)).all()
        return [Token(row.name, Role(row.role), *row[2:]) for row in rows]


async def write_audit(conn: AsyncConnection, who: Principal | None, entry: AuditEntry, at: datetime) -> None:
    """Add to the audit trail, within the caller's transaction. None: somebody who was not recognised."""
    values = {
        "at": at,
        "actor": NOBODY if who is None else who.name,
        "role": NOBODY if who is None else who.role,
        "action": entry.action,
        "subject": entry.subject[:_MAX_SUBJECT],
        "prefecture": None if who is None else who.prefecture,
        "detail": dict(entry.detail),
    }
    await conn.execute(insert(audit).values(values))


def _entry(action: str, name: str, role: str, prefecture: str | None) -> AuditEntry:
    return AuditEntry(action, name, {"role": str(role), "prefecture": prefecture})


async def _refuse_user_name(conn: AsyncConnection, name: str) -> None:
    """In the audit trail a name stands for one alone."""
    taken = select(users.c.id).where(users.c.name_key == name_key(name))
    if (await conn.execute(taken)).first() is not None:
        raise TokenRefused("a user has this name; choose another")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _check(name: str, role: Role, prefecture: str | None) -> None:
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise TokenRefused(f"a token's name has 1 to {_MAX_NAME} printable characters")
    if name.strip() in RESERVED:
        raise TokenRefused(f"the name {name.strip()} is the service's own; choose another")
    if (role is Role.PREFECTURE) != (prefecture is not None):
        raise TokenRefused("the role prefecture, and no other, needs the number of a prefecture (01 to 47)")
    if prefecture is not None and prefecture not in {f"{number:02d}" for number in range(1, 48)}:
        raise TokenRefused("a prefecture is a number from 01 to 47")


def _check_renewal(known: Row[Any], role: Role, prefecture: str | None) -> None:
    if known.revoked_at is None:
        raise TokenRefused("a token of this name is in force; revoke it first or choose another name")
    if (known.role, known.prefecture) != (role, prefecture):
        raise TokenRefused("a token of this name had another role or prefecture; choose another name")
