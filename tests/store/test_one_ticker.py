"""However many schedulers run on PostgreSQL, one ticks at a time, and another goes on where it dies."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from scheduler.ticker import Ticker
from store.engine import Database
from store.seat import Seat

_HOLDERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 7031002"


class Counted:
    """Chores that are always due soon, and who did them."""

    def __init__(self, name: str, done: list[str], room: Any) -> None:
        self.name, self.done, self.room = name, done, room
        self.ticked = asyncio.Event()

    async def expire_due(self, now: datetime) -> int:
        self.done.append(self.name)
        self.ticked.set()
        return 0

    async def next_expiry(self) -> datetime:
        moment: datetime = self.room.clock.now()
        return moment + timedelta(milliseconds=5)


async def test_two_schedulers_tick_one_after_the_other(postgres_room: Any) -> None:
    room, done = postgres_room, list[str]()
    first, second = Counted("first", done, room), Counted("second", done, room)
    stops = asyncio.Event(), asyncio.Event()
    tickers = [Ticker(chores, Seat(room.db), room.clock, room.db.woken) for chores in (first, second)]
    running = [asyncio.create_task(tickers[0].run(stops[0]))]
    await first.ticked.wait()
    running.append(asyncio.create_task(tickers[1].run(stops[1])))
    while done.count("first") < 20:
        first.ticked.clear()
        await first.ticked.wait()
    assert "second" not in done
    stops[0].set()
    await running[0]
    count = len(done)
    await second.ticked.wait()
    assert set(done[:count]) == {"first"}
    assert set(done[count:]) == {"second"}
    stops[1].set()
    await running[1]


async def test_a_seat_goes_with_the_connection_of_whoever_dies(postgres_room: Any, postgres_url: str) -> None:
    first, second = Seat(postgres_room.db), Seat(postgres_room.db)
    assert [await first.held(), await second.held(), await first.held()] == [True, False, True]
    async with await psycopg.AsyncConnection.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as conn:
        (holder,) = (await (await conn.execute(_HOLDERS)).fetchone()) or (0,)
        await conn.execute("SELECT pg_terminate_backend(%s, 5000)", [holder])
    assert await second.held()
    with pytest.raises(psycopg.Error):
        await first.held()
    assert not await first.held()
    await second.leave()
    assert await first.held()
    await first.leave()


async def test_who_holds_the_seat_without_a_word_loses_it(postgres_room: Any) -> None:
    silent, next_one = Seat(postgres_room.db, silence_seconds=0.05), Seat(postgres_room.db)
    assert await silent.held()
    async with asyncio.timeout(30):
        while not await next_one.held():
            pass
    with pytest.raises(psycopg.Error):
        await silent.held()
    assert not await silent.held()
    await silent.leave()
    await next_one.leave()


async def test_the_one_process_of_sqlite_always_ticks(sqlite_url: str) -> None:
    db = Database(sqlite_url)
    assert await Seat(db).held()
    await db.close()
