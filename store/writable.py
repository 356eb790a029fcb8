"""Whether the database takes writes: one whose disk is full, or that is read-only, may answer every question.

On a full disk what is small still finds its place in what the tables have already, while jobs do not. A large write,
for which they have to grow, is tried from time to time, and whenever and as long as there is reason to doubt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy import delete, insert
from sqlalchemy.exc import DBAPIError

from core.outages import outage
from core.trouble import Trouble
from store.engine import Database, DatabaseUnavailable
from store.tables import guesses

log = structlog.get_logger("store")

_EVERY_SECONDS = 3.0
_LARGE_EVERY_SECONDS = 300.0
_LARGE_ROWS = 1000
"""Some 15 pages of PostgreSQL's, and as many of their indexes; vacuuming gives them back."""


class Writable:
    """Tries a write, at most every three seconds however often it is asked for."""

    def __init__(self, db: Database, ids: Callable[[], str], time: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._ids = ids
        self._time = time
        self._one_at_a_time = asyncio.Lock()
        self._tried_at: float | None = None
        self._grew_at: float | None = None
        self._wrong: str | None = None
        self._trouble = Trouble(log, "could not write to the database", "the database takes writes again", time)

    def doubt(self) -> None:
        """Somebody's work has met trouble with the database: the next write that is tried is a large one."""
        self._grew_at = None

    async def check(self) -> None:
        """Raises DatabaseUnavailable while the last try has failed."""
        async with self._one_at_a_time:
            if self._tried_at is None or self._time() - self._tried_at >= _EVERY_SECONDS:
                await self._try()
        if self._wrong is not None:
            raise DatabaseUnavailable(self._wrong)

    async def _try(self) -> None:
        large = self._grew_at is None or self._time() - self._grew_at >= _LARGE_EVERY_SECONDS
        try:
            await try_write(self._db, self._ids(), large=large)
        except (DBAPIError, OSError) as error:
            self._wrong = f"the database takes no writes: {outage(error) or type(error).__name__}"
            self.doubt()
            self._trouble.met()
        else:
            self._wrong = None
            self._grew_at = self._time() if large else self._grew_at
            self._trouble.passed()
        self._tried_at = self._time()


async def try_write(db: Database, probe_id: str, *, large: bool) -> None:
    """A write that leaves nothing. Raises DBAPIError or OSError where the database takes none."""
    # Rows that come and go are written all the same, to the file on SQLite and to the log on PostgreSQL. They do so in
    # one statement: of several that fail in a pipeline psycopg has more to say than the error.
    probe = {"failures": 0, "last_at": datetime.fromtimestamp(0, UTC)}
    digests = [f"probe {probe_id} {number}" for number in range(_LARGE_ROWS if large else 1)]
    async with db.write() as conn:
        await conn.execute(insert(guesses).values([{"digest": digest, **probe} for digest in digests]))
        await conn.execute(delete(guesses).where(guesses.c.digest.in_(digests)))
