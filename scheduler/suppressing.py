"""Stopping mail to an address by hand: somebody asked for it, or it is known to be another's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import Clock
from core.errors import FieldError
from core.ids import IdSource
from core.masking import mask_email
from core.problems import Problem, field_problem
from scheduler.commands import Actor, CommandRefused
from scheduler.fields import Reader
from scheduler.job_parsing import parse_address
from store.address_changes import institution_of
from store.engine import Database
from store.people import AuditEntry, write_audit
from store.search import email_key
from store.suppressions import ADDED, BY_HAND, active
from store.tables import suppressions

SCOPES = ("all", "reminder")
MAX_WHY = 1000


@dataclass(frozen=True, slots=True)
class _Asked:
    institution_code: str
    email: str
    scope: str
    why: str


class Suppressing:
    """Enters addresses. Raises CommandRefused."""

    def __init__(self, db: Database, clock: Clock, ids: IdSource, carrier_domains: Collection[str]) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids
        self._carrier_domains = carrier_domains

    async def add(self, reader: Reader, by: Actor) -> str:
        """Stop mail to an address of an institution; the entry's id.

        Reads `institution_code`, `email`, `scope` ("all" or "reminder") and `why`. Refused with `invalid`, also for
        an institution that these eyes cannot see, and with `already-suppressed`.
        """
        asked = self._read(reader)
        now, entry_id = self._clock.now(), self._ids()
        async with self._db.write() as conn:
            if await institution_of(conn, asked.institution_code, by.sight) is None:
                raise CommandRefused(field_problem([FieldError("institution_code", "unknown", "is not known")]))
            await self._refuse_known(conn, asked)
            row = {
                "id": entry_id,
                "email": asked.email,
                "email_key": email_key(asked.email),
                "institution_code": asked.institution_code,
                "scope": asked.scope,
                "reason": BY_HAND,
                "created_at": now,
            }
            await conn.execute(insert(suppressions).values(row))
            detail = {
                "institution_code": asked.institution_code,
                "email": mask_email(asked.email),
                "scope": asked.scope,
                "why": asked.why,
            }
            await write_audit(conn, by.who, AuditEntry(ADDED, entry_id, detail), now)
        return entry_id

    def _read(self, reader: Reader) -> _Asked:
        code = reader.institution_code("institution_code")
        email = parse_address(reader, "email", self._carrier_domains)
        scope = reader.one_of("scope", SCOPES, required=True)
        why = reader.line("why", required=True, most=MAX_WHY, several=True)
        reader.unknown()
        if reader.errors or code is None or email is None or scope is None or why is None:
            raise CommandRefused(field_problem(reader.errors))
        return _Asked(code, email, scope, why)

    async def _refuse_known(self, conn: AsyncConnection, asked: _Asked) -> None:
        pair = (email_key(asked.email), asked.institution_code)
        if asked.scope in (await active(conn, [pair])).get(pair, frozenset()):
            raise CommandRefused(Problem("already-suppressed"))
