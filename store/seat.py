"""The right to tick: one scheduler at a time, by an advisory lock on a PostgreSQL connection of its own.

The lock goes with the connection, so that whoever dies leaves the seat to the next one; whoever holds it without a word
for half a minute loses it, too (PostgreSQL 14 and newer): a process that was stopped, or that hangs.
"""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
import structlog

from core.ending import within
from store.engine import NOTICE_OUR_DEATH, Database

log = structlog.get_logger("store")

_LOCK = "SELECT pg_try_advisory_lock(7031002)"
_UNLOCK = "SELECT pg_advisory_unlock(7031002)"
_NOTICE_SILENCE = "SET idle_session_timeout = {:.0f}"
_KNOWS_SILENCE = 140000
_SILENCE_SECONDS = 30.0
"""Three times as long as scheduler.ticker goes without a tick, each of which asks for the seat."""

_LEAVE_SECONDS = 2.0
"""How long a server may take to free the seat of a scheduler that ends: the end of the connection frees it, too."""


class Seat:
    """Held by one scheduler of all. SQLite is for one process, which always holds it."""

    def __init__(self, db: Database, silence_seconds: float = _SILENCE_SECONDS) -> None:
        self._silence = silence_seconds
        self._dsn = None if db.sqlite else db.dsn
        self._conn: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._ours = False

    async def held(self) -> bool:
        """Whether it is ours, and still; taken where it is free. Raises psycopg.Error."""
        if self._dsn is None:
            return True
        try:
            return await self._take(self._dsn)
        except psycopg.Error:
            await self.leave()
            raise

    async def _take(self, dsn: str) -> bool:
        if self._conn is None:
            self._conn = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
            await self._conn.execute(NOTICE_OUR_DEATH)
            if self._conn.info.server_version >= _KNOWS_SILENCE:
                await self._conn.execute(_NOTICE_SILENCE.format(self._silence * 1000))
        row = await (await self._conn.execute("SELECT true" if self._ours else _LOCK)).fetchone()
        had, self._ours = self._ours, row is not None and bool(row[0])
        if self._ours and not had:
            log.info("this scheduler ticks")
        return self._ours

    async def leave(self) -> None:
        """Give it up."""
        conn, self._conn, ours, self._ours = self._conn, None, self._ours, False
        if conn is not None:
            with contextlib.suppress(psycopg.Error, TimeoutError):
                if ours:  # the server may notice the end of the connection a little later
                    await within(_LEAVE_SECONDS, conn.execute(_UNLOCK))
            await conn.close()
