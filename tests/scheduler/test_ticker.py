"""The scheduler wakes when something falls due, also after the database was away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from core.clock import Anchor, SimulatedClock
from scheduler.ticker import Ticker

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


class Away(Exception):
    """What the database says while it is away."""


class Chores:
    """Nothing is due until `expiry` is set; nobody can be asked while `away`."""

    def __init__(self) -> None:
        self.expiry: datetime | None = None
        self.away = False
        self.asked = asyncio.Event()
        self.ticked = asyncio.Event()

    async def expire_due(self, now: datetime) -> int:
        if self.away:
            raise Away
        self.ticked.set()
        return 0

    async def next_expiry(self) -> datetime | None:
        self.asked.set()
        if self.away:
            raise Away
        return self.expiry


class Seat:
    """Always ours."""

    async def held(self) -> bool:
        return True

    async def leave(self) -> None:
        pass


class News:
    """What wakes the ticker."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    @contextlib.asynccontextmanager
    async def woken(self) -> AsyncIterator[asyncio.Event]:
        yield self.event


@contextlib.asynccontextmanager
async def ticking(chores: Chores, news: News, wall: Callable[[], float] = time.time) -> AsyncIterator[None]:
    """A ticker that has ticked once."""
    clock, stop = SimulatedClock(Anchor(NOW, 0.0, 1.0), real=lambda: 0.0), asyncio.Event()
    running = asyncio.create_task(Ticker(chores, Seat(), clock, news.woken, wall).run(stop))
    async with asyncio.timeout(20):
        await told(chores.asked)
        yield
        stop.set()
        await running


async def told(event: asyncio.Event) -> None:
    await event.wait()
    event.clear()


async def test_it_wakes_for_what_falls_due_after_the_database_was_away() -> None:
    chores, news = Chores(), News()
    with capture_logs() as logs:
        async with ticking(chores, news):
            chores.away = True
            for _ in range(3):
                news.event.set()
                await told(chores.asked)
            chores.away, chores.expiry = False, NOW + timedelta(milliseconds=5)
            chores.ticked.clear()
            news.event.set()
            await told(chores.ticked)
            await told(chores.ticked)  # and again, since something is due again
    assert [entry["event"] for entry in logs] == ["a tick failed; trying again", "ticks succeed again"]


async def test_an_outage_is_told_once_however_many_ticks_fail() -> None:
    chores, news = Chores(), News()
    with capture_logs() as logs:
        ticker = Ticker(chores, Seat(), SimulatedClock(Anchor(NOW, 0.0, 1.0), real=lambda: 0.0), news.woken)
        for away in (True, True, False, False, True):
            chores.away = away
            await ticker.tick()
    failed, again = "a tick failed; trying again", "ticks succeed again"
    assert [entry["event"] for entry in logs] == [failed, again, failed]


async def test_a_watch_that_ends_does_not_go_unnoticed() -> None:
    @contextlib.asynccontextmanager
    async def broken() -> AsyncIterator[asyncio.Event]:
        raise Away
        yield

    clock = SimulatedClock(Anchor(NOW, 0.0, 1.0), real=lambda: 0.0)
    with pytest.raises(Away):
        async with asyncio.timeout(10):
            await Ticker(Chores(), Seat(), clock, broken).run(asyncio.Event())


async def test_a_tick_under_way_ends_with_the_ticker_and_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    class Busy(Chores):
        async def expire_due(self, now: datetime) -> int:
            self.asked.set()
            return await asyncio.Event().wait()

    before = asyncio.all_tasks()
    with capture_logs() as logs:
        async with ticking(Busy(), News()):
            pass
    assert asyncio.all_tasks() == before
    assert (logs, caplog.records) == ([], [])


@pytest.mark.parametrize("step", [-3600, -2, 2, 3600])
async def test_it_ticks_when_the_clock_is_set(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.ticker._CLOCK_LOOK_SECONDS", 0.01)
    ahead, chores = 0.0, Chores()
    with capture_logs() as logs:
        async with ticking(chores, News(), lambda: time.time() + ahead):
            async with asyncio.timeout(5):  # sooner than the next tick would come
                for _ in range(2):
                    chores.ticked.clear()
                    ahead += step
                    await told(chores.ticked)
    assert [(entry["event"], entry["seconds"]) for entry in logs] == [("the clock of this machine was set", step)] * 2


async def test_a_tick_that_takes_long_is_followed_by_what_came_up_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Chores):
        def __init__(self) -> None:
            super().__init__()
            self.begun, self.go = asyncio.Event(), asyncio.Event()

        async def expire_due(self, now: datetime) -> int:
            self.begun.set()
            await told(self.go)
            return await super().expire_due(now)

    chores, news = Slow(), News()
    chores.expiry = NOW
    chores.go.set()
    async with ticking(chores, news):
        for _ in range(3):
            await told(chores.begun)
            for _ in range(3):
                news.event.set()
                await told(chores.asked)
            chores.go.set()
            await told(chores.ticked)
    assert caplog.records == []
