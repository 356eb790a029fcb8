"""Work that another process commits is noticed, and a simulated clock is shared."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.anchoring import anchor
from store.engine import Database
from store.wakeups import relay_wakeups

START = datetime(2026, 12, 28, 1, 0, tzinfo=UTC)


@contextlib.asynccontextmanager
async def relaying(db: Database) -> AsyncIterator[asyncio.Event]:
    """This process listens; the event is set whenever it is woken."""
    relay = asyncio.create_task(relay_wakeups(db, retry_seconds=0.01))
    async with db.woken() as woken:
        await asyncio.wait_for(woken.wait(), 10)  # the first one says that it listens
        woken.clear()
        yield woken
    relay.cancel()
    await asyncio.gather(relay, return_exceptions=True)


@pytest.fixture
async def other(database_url: str, db: Database) -> AsyncIterator[Database]:
    """Another process on the same database."""
    database = Database(database_url)
    yield database
    await database.close()


async def test_another_process_wakes_us(db: Database, other: Database) -> None:
    async with relaying(db) as woken:
        for _ in range(3):
            async with other.write(wake=True) as conn:
                await conn.execute(text("DELETE FROM senders"))
                await conn.execute(
                    text("INSERT INTO senders (id, started_at, beat_at) VALUES ('s', '2026-01-01', '2026-01-01')")
                )
            await asyncio.wait_for(woken.wait(), 10)
            woken.clear()


async def test_work_announced_in_the_middle_of_a_transaction_wakes_after_its_commit(
    db: Database, other: Database
) -> None:
    async with relaying(db) as woken:
        async with other.write() as conn:
            other.wake_after(conn)
            await conn.execute(
                text("INSERT INTO senders (id, started_at, beat_at) VALUES ('s', '2026-01-01', '2026-01-01')")
            )
        await asyncio.wait_for(woken.wait(), 10)


async def test_work_that_is_rolled_back_wakes_nobody(db: Database) -> None:
    async with db.woken() as woken:
        with contextlib.suppress(LookupError):
            async with db.write(wake=True) as conn:
                db.wake_after(conn)
                raise LookupError
        assert not woken.is_set()


async def test_waiters_of_this_process_are_woken_at_once(db: Database) -> None:
    async with db.woken() as one, db.woken() as two:
        async with db.write(wake=True):
            assert not one.is_set()
        assert one.is_set()
        assert two.is_set()


async def test_watching_an_sqlite_file_keeps_no_old_state_of_it(sqlite_url: str, tmp_path: Path) -> None:
    """Else its write-ahead log could never be emptied while the service runs."""
    database = Database(sqlite_url)
    await schema.upgrade(database)
    async with relaying(database) as woken:
        with contextlib.closing(sqlite3.connect(tmp_path / "test.sqlite3", isolation_level=None)) as conn:
            conn.execute("CREATE TABLE filler (x)")
            await asyncio.wait_for(woken.wait(), 10)
            conn.execute("INSERT INTO filler VALUES (zeroblob(1000000))")
            busy, *_ = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert busy == 0
    await database.close()


async def test_a_lost_listener_comes_back(postgres_url: str) -> None:
    database = Database(postgres_url)
    async with relaying(database) as woken:
        dsn = postgres_url.replace("+psycopg", "")
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN todoke'"
            assert await (await conn.execute(listeners)).fetchall() == [(True,)]
            await asyncio.wait_for(woken.wait(), 10)  # listens anew, and looks at what it missed
            woken.clear()
            await conn.execute("NOTIFY todoke")
            await asyncio.wait_for(woken.wait(), 10)
    await database.close()


async def test_whatever_ends_the_listening_it_begins_anew(sqlite_url: str) -> None:
    class Stumbling(Database):
        """Cannot be watched at first, for a reason of its own."""

        stumbled = False

        @contextlib.asynccontextmanager
        async def watch(self) -> AsyncIterator[AsyncConnection]:
            if not self.stumbled:
                self.stumbled = True
                raise RuntimeError
            async with super().watch() as conn:
                yield conn

    database = Stumbling(sqlite_url)
    async with relaying(database):
        assert database.stumbled
    await database.close()


async def test_all_processes_share_the_first_ones_anchor(db: Database, other: Database) -> None:
    first = await anchor(db, START, 20000)
    later = await anchor(other, START.replace(year=2030), 1)
    assert first == later
    assert (first.business, first.speed) == (START, 20000)


async def test_of_two_who_start_at_once_one_sets_the_anchor(db: Database, other: Database) -> None:
    one, two = await asyncio.gather(anchor(db, START, 3), anchor(other, START.replace(year=2030), 4))
    assert one == two
