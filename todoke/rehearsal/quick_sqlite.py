"""An SQLite database for one loop that has nothing else to do: no thread in between, and nothing made durable.

The ordinary connection hands every statement to a thread, so that a slow disk holds nobody up. A rehearsal runs a
million statements and serves nobody meanwhile; the hand-overs would take most of its time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import aiosqlite
import orjson
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.engine import Database, begin_sqlite

R = TypeVar("R")

_PRAGMAS = (
    "foreign_keys=ON",
    "journal_mode=MEMORY",
    "synchronous=OFF",
    "locking_mode=EXCLUSIVE",
    "cache_size=-600000",  # KiB
    "temp_store=MEMORY",
)
"""A rehearsal that is cut off is started anew: nothing has to survive it."""


class _DirectConnection(aiosqlite.Connection):
    """Runs what it is given at once, in the caller's thread."""

    async def _execute(self, fn: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        return fn(*args, **kwargs)


class QuickDatabase(Database):
    """A file of one process, to be thrown away."""

    def _sqlite_engine(self) -> AsyncEngine:
        path = self.url.database or ":memory:"

        def open_it() -> sqlite3.Connection:
            self._connection = sqlite3.connect(path, check_same_thread=False)
            return self._connection

        async def connect() -> aiosqlite.Connection:
            return await _DirectConnection(open_it, 64)

        engine = create_async_engine(
            self.url,
            async_creator=connect,
            pool_size=1,
            max_overflow=0,
            hide_parameters=True,
            json_deserializer=orjson.loads,
        )
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", begin_sqlite)
        return engine

    async def in_one_go(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """On the one connection, which lets no other in."""
        async with self.write():
            return work(self._connection)


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by hand, as on every SQLite database of ours
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
