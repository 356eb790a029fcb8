"""Transactions on both databases."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Text, cast, column, func, make_url, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from store.direct import DirectConnection, Statement
from store.engine import NOTIFYING, Database, notifies
from store.tables import senders

ADD = "INSERT INTO senders (id, started_at, beat_at) VALUES (:id, '2026-01-01', '2026-01-01')"


SETTINGS = (
    "SELECT name, setting FROM pg_settings "
    "WHERE (name = 'idle_in_transaction_session_timeout' OR name LIKE 'tcp_keepalives%')"
)


async def add(db: Database, sender: str) -> None:
    async with db.write() as conn:
        await conn.execute(text(ADD), {"id": sender})


async def names(db: Database) -> list[str]:
    async with db.read() as conn:
        return sorted((await conn.execute(select(senders.c.id))).scalars())


async def test_what_is_written_is_there_for_others(db: Database, database_url: str) -> None:
    await add(db, "a")
    other = Database(database_url)
    assert await names(other) == ["a"]
    await other.close()


async def test_a_failure_takes_everything_back(db: Database) -> None:
    async def fail() -> None:
        async with db.write() as conn:
            await conn.execute(text(ADD), {"id": "a"})
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await names(db) == []


async def test_many_writers_wait_for_each_other(db: Database, database_url: str) -> None:
    other = Database(database_url)
    await asyncio.gather(
        *(add(one, f"{number}-{place}") for place, one in enumerate((db, other)) for number in range(20))
    )
    assert len(await names(db)) == 40
    await other.close()


async def test_a_reader_sees_one_state_through_all_its_queries(db: Database) -> None:
    await add(db, "a")
    async with db.read() as conn:
        first = (await conn.execute(select(senders.c.id))).scalars().all()
        await add(db, "b")
        second = (await conn.execute(select(senders.c.id))).scalars().all()
    assert first == second == ["a"]
    assert await names(db) == ["a", "b"]


async def test_a_cancelled_writer_lets_the_next_one_in(db: Database) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with db.write() as conn:
            await conn.execute(text(ADD), {"id": "a"})
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(10):
        await add(db, "b")
    assert await names(db) == ["b"]


async def test_errors_tell_no_parameters(db: Database) -> None:
    await add(db, "a")
    with pytest.raises(IntegrityError, match="parameters hidden"):
        await add(db, "a")


async def test_an_sqlite_file_is_durable_and_forgets_what_is_erased(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    async with database.read() as conn:
        found = {
            name: (await conn.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout", "temp_store")
        }
    await database.close()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 15000,
        "temp_store": 2,
    }


MANY = """
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000)
    INSERT INTO senders (id, started_at, beat_at) SELECT hex(randomblob(16)), '2026-01-01', '2026-01-01' FROM n
"""
ALL_OTHERWISE = "UPDATE senders SET id = id || 'x'"  # to be taken back as a whole if one id is not unique


def temporary_files() -> list[str]:
    """Those of SQLite, which removes their names as soon as it has opened them."""
    opened = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    return [name for name in opened if "etilqs_" in name]


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed in /proc")
async def test_an_sqlite_file_needs_no_folder_for_temporary_files(sqlite_url: str) -> None:
    def in_one_go(conn: sqlite3.Connection) -> list[str]:
        conn.execute(ALL_OTHERWISE)
        return temporary_files()

    database = Database(sqlite_url)
    async with database.write() as conn:
        await conn.execute(text(MANY))
        await conn.execute(text(ALL_OTHERWISE))
        assert temporary_files() == []
    assert await database.in_one_go(in_one_go) == []
    await database.close()


async def test_the_folder_of_an_sqlite_file_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'new' / 'folder' / 'todoke.sqlite3'}")
    async with database.read():
        assert (tmp_path / "new" / "folder").is_dir()
    await database.close()


async def test_a_connection_that_the_server_ended_meanwhile_is_replaced_unnoticed(postgres_url: str) -> None:
    database = Database(postgres_url)
    pid = text("SELECT pg_backend_pid()")
    async with database.read() as conn:
        before = (await conn.execute(pid)).scalar_one()
    other = Database(postgres_url)
    async with other.read() as conn:
        await conn.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": before})
    async with database.read() as conn:
        assert (await conn.execute(pid)).scalar_one() != before
    await database.close()
    await other.close()


async def test_a_server_that_vanished_is_noticed_by_every_kind_of_connection(postgres_url: str) -> None:
    """By the kernel, which tells after the time-outs that it was given; an address with its own keeps them."""
    own = make_url(postgres_url).update_query_dict({"tcp_user_timeout": "7000"}).render_as_string(hide_password=False)
    for url, expected in ((postgres_url, "20000"), (own, "7000")):
        database = Database(url)
        async with database.read() as conn:
            pooled = (await conn.get_raw_connection()).driver_connection
            assert pooled is not None
            found = [pooled.info.get_parameters()]
        async with await psycopg.AsyncConnection.connect(database.dsn) as direct:
            found.append(direct.info.get_parameters())
        assert [one["tcp_user_timeout"] for one in found] == [expected, expected]
        assert [one["keepalives_idle"] for one in found] == ["10", "10"]
        await database.close()


async def test_the_server_ends_sessions_of_whoever_vanished_or_stopped(postgres_url: str) -> None:
    """Every kind of connection asks it for that, without leaving a transaction open."""
    database = Database(postgres_url)
    async with database.engine.connect() as conn:
        pooled = (await conn.get_raw_connection()).driver_connection
        assert pooled is not None
        assert pooled.info.transaction_status == TransactionStatus.IDLE
    async with database.read() as conn:
        found = [{row.name: row.setting for row in await conn.execute(text(f"{SETTINGS} AND source = 'session'"))}]
    direct = DirectConnection(database)
    settings = select(cast(func.json_object_agg(column("name"), column("setting")), Text)).select_from(
        text(f"({SETTINGS} AND source = 'session') AS found")
    )
    ((told,),) = await direct.fetch(Statement.of(settings, frozenset()), {})
    found.append(json.loads(told))
    await direct.close()
    await database.close()
    assert [one["idle_in_transaction_session_timeout"] for one in found] == ["10000", "10000"]
    kept = {"tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"}
    assert all(kept <= one.keys() for one in found)


async def test_a_session_that_rested_in_a_transaction_is_a_lost_connection(postgres_url: str) -> None:
    database, other = Database(postgres_url), Database(postgres_url)

    async def rest() -> None:
        async with database.write() as conn, other.write_at_once() as watch:
            pid = (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 1"))
            while (await watch.execute(text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid})).first():
                pass
            await conn.execute(text("SELECT 1"))

    with pytest.raises(OperationalError) as raised:  # what the server said last may be lost with the connection
        await rest()
    assert raised.value.connection_invalidated
    await add(database, "a")
    assert await names(other) == ["a"]
    await database.close()
    await other.close()


async def test_what_is_written_at_once_is_there_with_its_statement(db: Database) -> None:
    async with db.write_at_once() as conn:
        await conn.execute(text(ADD), {"id": "a"})
        if not db.sqlite:
            assert await names(db) == ["a"]
    assert await names(db) == ["a"]
    with pytest.raises(IntegrityError):
        await add(db, "a")


async def test_a_notice_that_was_taken_back_does_not_stand_for_the_next(postgres_url: str) -> None:
    database = Database(postgres_url)

    async def fail() -> None:
        async with database.write(wake=True) as conn:
            notifies(conn)
            await conn.execute(select(NOTIFYING))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    dsn = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as listener:
        await listener.execute("LISTEN todoke")
        async with database.write(wake=True) as conn:
            await conn.execute(text("SELECT 1"))
        async with database.write(wake=True) as conn:
            notifies(conn)
            await conn.execute(select(NOTIFYING))
        heard = [notice.channel async for notice in listener.notifies(timeout=30, stop_after=2)]
    assert heard == ["todoke", "todoke"]
    await database.close()


async def test_the_end_waits_for_what_was_cancelled_to_give_its_connection_back(postgres_url: str) -> None:
    database, taken = Database(postgres_url), asyncio.Event()
    found: list[Any] = []

    async def rest() -> None:
        async with database.read() as conn:
            found.append((await conn.get_raw_connection()).driver_connection)
            taken.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(rest())
    await taken.wait()
    task.cancel()
    await database.close()
    assert found[0].closed
    await asyncio.wait({task})


async def test_the_end_waits_no_longer_than_it_may_for_who_goes_on(db: Database) -> None:
    async with db.watch() as conn:
        await db.close(parting_seconds=0.01)
        assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
        await conn.invalidate()  # nobody else would close it


async def test_whoever_is_cancelled_gives_his_connection_back_wherever_he_is(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = Database(postgres_url)
    monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", 0.0)  # as in a busy loop: it then lets others run in between

    async def look() -> None:
        async with db.read() as conn:
            await conn.execute(text("SELECT 1"))
        async with db.write_at_once() as conn:
            await conn.execute(text("SELECT 1"))

    for steps in range(120):
        looking = asyncio.create_task(look())
        for _ in range(steps):
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.wait({looking})
        pool = db.engine.pool
        assert isinstance(pool, QueuePool)
        assert not pool.checkedout(), steps
    await db.close()
