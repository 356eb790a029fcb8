"""Work that another process committed: LISTEN on PostgreSQL, `PRAGMA data_version` on SQLite."""

from __future__ import annotations

import asyncio

import psycopg
import structlog
from sqlalchemy import text

from core.trouble import Trouble
from store.engine import Database

log = structlog.get_logger("store")

_SQLITE_POLL_SECONDS = 0.05
_RETRY_SECONDS = 1.0


async def relay_wakeups(db: Database, retry_seconds: float = _RETRY_SECONDS) -> None:
    """Run until cancelled: wake this process's waiters when another process has committed work."""
    trouble = Trouble(log, "lost touch with the database", "in touch with the database again")
    while True:
        try:
            await (_watch_sqlite(db, trouble) if db.sqlite else _listen(db, trouble))
        except Exception:
            trouble.met()
        await asyncio.sleep(retry_seconds)


async def _watch_sqlite(db: Database, trouble: Trouble) -> None:
    # SQLite has no way to tell other processes; reading its change counter costs some 20 µs.
    async with db.watch() as conn:
        known = None
        while True:
            version = (await conn.execute(text("PRAGMA data_version"))).scalar_one()
            trouble.passed()
            if known != version:
                db.wake()
            known = version
            await asyncio.sleep(_SQLITE_POLL_SECONDS)


async def _listen(db: Database, trouble: Trouble) -> None:
    async with await psycopg.AsyncConnection.connect(db.dsn, autocommit=True) as conn:
        await conn.execute("LISTEN todoke")
        trouble.passed()
        db.wake()  # what was committed while nobody listened
        async for _ in conn.notifies():
            db.wake()
