"""A PostgreSQL connection past SQLAlchemy, for the few statements that run for every handful of mails.

SQLAlchemy's share of such a statement is several times the statement's own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from store.engine import Database

_SESSION = sql.SQL(
    """
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off
    """
)
"""Every statement goes by the index from a few given ids; statistics older than a large intake say otherwise."""


class DirectConnection:
    """One connection of its user's own, in autocommit: opened when needed, and anew after it broke."""

    def __init__(self, db: Database) -> None:
        self._dsn = db.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._conn: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._opening = asyncio.Lock()

    async def fetch(self, statement: bytes, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Execute one statement; its rows. Raises psycopg.Error: it is done in whole or not at all."""
        conn = await self._opened()
        try:
            return await (await conn.execute(statement, parameters, prepare=True)).fetchall()
        except psycopg.OperationalError:
            await self.close()
            raise

    async def _opened(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        async with self._opening:
            if self._conn is None or self._conn.closed:
                self._conn = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
                await self._conn.execute(_SESSION)
            return self._conn

    async def close(self) -> None:
        """Give it back."""
        conn, self._conn = self._conn, None
        if conn is not None:
            with contextlib.suppress(psycopg.Error):
                await conn.close()
