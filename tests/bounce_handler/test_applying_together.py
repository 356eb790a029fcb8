"""Several appliers at once, senders beside them, and the loop that runs it all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from bounce_handler.applying import ApplierSettings, ReportApplier
from core.messages import Change
from core.statuses import Status
from store.engine import Database
from store.tables import messages, reports

OURS = "soumu@example.jp"


@pytest.fixture
async def three(postgres_url: str, open_bounces: Any) -> AsyncIterator[list[Any]]:
    """Three processes, as far as the database can tell."""
    first = await open_bounces(postgres_url)
    more = [type(first)(type(first.wiring)(first.wiring.settings, first.clock), first.clock) for _ in range(2)]
    yield [first, *more]
    for one in [first, *more]:
        await one.wiring.close()


async def until_all_is_settled(bounces: Any) -> None:
    while await bounces.wiring.reports.seconds_to_next() is not None:
        await bounces.applier.apply_waiting()


async def test_no_report_is_applied_twice(three: list[Any], compose: Any) -> None:
    first = three[0]
    message_ids = [await first.message() for _ in range(40)]
    for number in range(3):  # the first failure, another one, and a copy of the first
        for message_id in message_ids:
            await first.keep(compose(number=number % 2), message_id)
    await asyncio.gather(*(until_all_is_settled(one) for one in three))
    assert all([await first.told(message_id) == ["bounced", "bounced-again"] for message_id in message_ids])
    states = [row["state"] for row in await first.reports()]
    assert (states.count("applied"), states.count("duplicate")) == (80, 40)


async def test_reports_race_with_the_senders_own_records(three: list[Any], compose: Any) -> None:
    """Whoever comes first, a failure report wins; the sender learns that its word came late."""
    first = three[0]
    message_ids = [await first.message(Status.SENDING) for _ in range(40)]
    for message_id in message_ids:
        await first.keep(compose(), message_id)
    now = first.clock.now()
    changes = [Change(one, Status.SENT, "sent", now, {}, {"sent_at": now}, "a sender") for one in message_ids]

    async def record() -> list[bool]:
        return [(await first.wiring.ledger.record([change]))[0] for change in reversed(changes)]

    recorded, *_ = await asyncio.gather(record(), *(until_all_is_settled(one) for one in three[1:]))
    for message_id, was_first in zip(reversed(message_ids), recorded, strict=True):
        assert await first.status(message_id) is Status.UNDELIVERED
        assert await first.told(message_id) == (["sent", "bounced"] if was_first else ["bounced"])


async def test_a_message_that_somebody_holds_is_left_for_later(three: list[Any], compose: Any) -> None:
    first, second, _ = three
    held, free = await first.message(), await first.message()
    for message_id in (held, free):
        await first.keep(compose(), message_id)
    async with first.wiring.db.write() as conn:
        await conn.execute(select(messages.c.id).where(messages.c.id == held).with_for_update())
        await second.apply()
        assert await second.status(free) is Status.UNDELIVERED
        assert await second.told(held) == []
    await second.apply()
    assert await second.told(held) == ["bounced"]


async def settled(db: Database, count: int) -> None:
    """Wait until so many reports are settled."""
    async with asyncio.timeout(10), db.woken() as wake:
        while True:
            wake.clear()
            async with db.read() as conn:
                states = list((await conn.execute(select(reports.c.state))).scalars())
            if sum(state != "new" for state in states) >= count:
                return
            await wake.wait()


async def test_the_loop_applies_what_comes_and_stops_when_told(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    await bounces.keep(compose(), message_id)
    stop = asyncio.Event()
    running = asyncio.create_task(bounces.applier.run(stop, bounces.wiring.db.woken))
    await settled(bounces.wiring.db, 1)
    await bounces.keep(compose(number=2), message_id)
    await settled(bounces.wiring.db, 2)
    assert await bounces.told(message_id) == ["bounced", "bounced-again"]
    stop.set()
    async with asyncio.timeout(5):  # the loop rests for half a minute when there is nothing to do
        await running


class Away:
    """The real store, of a database that cannot be reached at first."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def waiting(self, limit: int) -> Any:
        if self.refused < 3:
            self.refused += 1
            raise ConnectionError("away")
        return await self._store.waiting(limit)


async def test_the_loop_outlives_a_database_that_is_away(sqlite_bounces: Any, compose: Any) -> None:
    message_id = await sqlite_bounces.message()
    await sqlite_bounces.keep(compose(), message_id)
    away = Away(sqlite_bounces.wiring.reports)
    applier = ReportApplier(away, sqlite_bounces.clock, ApplierSettings(trouble_pause=0.001))
    stop = asyncio.Event()
    running = asyncio.create_task(applier.run(stop, sqlite_bounces.wiring.db.woken))
    await settled(sqlite_bounces.wiring.db, 1)
    stop.set()
    await running
    assert (away.refused, await sqlite_bounces.told(message_id)) == (3, ["bounced"])


async def test_a_report_that_waits_is_taken_up_by_the_loop_itself(sqlite_bounces: Any, compose: Any) -> None:
    """Nothing wakes the loop when a sender records a doubt: it looks again by itself."""
    message_id = await sqlite_bounces.message(Status.SENDING)
    delivered = compose(recipients={OURS: "delivered"}, status="2.0.0", diagnostic="250 ok")
    await sqlite_bounces.keep(delivered, message_id)
    applier = ReportApplier(sqlite_bounces.wiring.reports, sqlite_bounces.clock, ApplierSettings(wait_pause=0.01))
    stop = asyncio.Event()
    running = asyncio.create_task(applier.run(stop, sqlite_bounces.wiring.db.woken))
    doubt = Change(message_id, Status.IN_DOUBT, "in-doubt", sqlite_bounces.clock.now(), {}, {}, "a sender")
    assert await sqlite_bounces.wiring.ledger.record([doubt]) == [True]
    await settled(sqlite_bounces.wiring.db, 1)
    stop.set()
    await running
    assert await sqlite_bounces.status(message_id) is Status.SENT


async def test_large_mails_are_read_a_few_at_a_time(sqlite_bounces: Any, compose: Any) -> None:
    message_id = await sqlite_bounces.message()
    large = [compose(number=number) + b"what is returned\r\n" * 350_000 for number in range(4)]
    for raw in large:
        await sqlite_bounces.keep(raw, message_id)
    assert len(await sqlite_bounces.wiring.reports.waiting(100)) == 2
    await sqlite_bounces.apply()
    assert len(await sqlite_bounces.told(message_id)) == 4
