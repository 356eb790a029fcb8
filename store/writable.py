"""Whether the database takes writes: one whose disk is full, or that is read-only, may answer every question."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy import delete, insert
from sqlalchemy.exc import DBAPIError

from core.trouble import Trouble
from store.engine import Database, DatabaseUnavailable
from store.tables import guesses

log = structlog.get_logger("store")

_EVERY_SECONDS = 3.0


class Writable:
    """Tries a small write, at most every three seconds however often it is asked for."""

    def __init__(self, db: Database, ids: Callable[[], str], time: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._ids = ids
        self._time = time
        self._one_at_a_time = asyncio.Lock()
        self._tried_at: float | None = None
        self._wrong: str | None = None
        self._trouble = Trouble(log, "could not write to the database", "the database takes writes again", time)

    async def check(self) -> None:
        """Raises DatabaseUnavailable while the last try has failed."""
        async with self._one_at_a_time:
            if self._tried_at is None or self._time() - self._tried_at >= _EVERY_SECONDS:
                await self._try()
        if self._wrong is not None:
            raise DatabaseUnavailable(self._wrong)

    async def _try(self) -> None:
        try:
            await try_write(self._db, self._ids())
        except (DBAPIError, OSError) as error:
            self._wrong = f"the database takes no writes: {type(error).__name__}"
            self._trouble.met()
        else:
            self._wrong = None
            self._trouble.passed()
        self._tried_at = self._time()


async def try_write(db: Database, probe_id: str) -> None:
    """A small write that leaves nothing. Raises DBAPIError or OSError where the database takes none."""
    # A row that comes and goes is written all the same, to the file on SQLite and to the log on PostgreSQL.
    probe = {"digest": f"probe {probe_id}", "failures": 0, "last_at": datetime.fromtimestamp(0, UTC)}
    async with db.write() as conn:
        await conn.execute(insert(guesses).values(probe))
        await conn.execute(delete(guesses).where(guesses.c.digest == probe["digest"]))
