"""Transactions in one go on SQLite: whole or not at all, in turn with all others, and durable."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy import text

from store.engine import Database


@pytest.fixture
async def database(sqlite_url: str) -> Database:
    database = Database(sqlite_url)
    async with database.write() as conn:
        await conn.execute(text("CREATE TABLE counted (number INTEGER NOT NULL)"))
    return database


def count_up(conn: sqlite3.Connection) -> int:
    conn.execute("INSERT INTO counted SELECT count(*) FROM counted")
    return int(conn.execute("SELECT max(number) FROM counted").fetchone()[0])


async def test_what_fails_leaves_nothing(database: Database) -> None:
    def fail(conn: sqlite3.Connection) -> None:
        count_up(conn)
        conn.execute("INSERT INTO counted VALUES (NULL)")

    with pytest.raises(sqlite3.IntegrityError):
        await database.in_one_go(fail)
    assert await database.in_one_go(count_up) == 0
    await database.close()


async def test_it_takes_turns_with_other_transactions(database: Database) -> None:
    async def the_other_way() -> int:
        async with database.write() as conn:
            await conn.execute(text("INSERT INTO counted SELECT count(*) FROM counted"))
            return int((await conn.execute(text("SELECT max(number) FROM counted"))).scalar_one())

    both = [work for _ in range(20) for work in (database.in_one_go(count_up), the_other_way())]
    assert sorted(await asyncio.gather(*both)) == list(range(40))
    await database.close()


async def test_it_is_as_durable_as_every_other(database: Database) -> None:
    def pragmas(conn: sqlite3.Connection) -> list[object]:
        return [
            conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode", "foreign_keys")
        ]

    found = await database.in_one_go(pragmas)
    assert found == [2, "wal", 1]
    await database.close()
    assert await database.in_one_go(count_up) == 0  # opened anew
    await database.close()
