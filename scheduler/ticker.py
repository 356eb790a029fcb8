"""The ticker: APScheduler in this process, one fixed job that runs when something falls due, and at the latest soon.

It never holds a job a mail: what is due, and when, stands in the database alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from core.clock import Clock
from core.ending import end, part
from core.trouble import Trouble

log = structlog.get_logger("scheduler")

_LONGEST_WAIT_SECONDS = 10
_NEXT_LOOK_SECONDS = 2.0
_CLOCK_LOOK_SECONDS = 2.0
_STEP_SECONDS = 1.0
"""By so much the clock of this machine is set, and not only slewed, between two looks at it."""
_JOB = "tick"


class Chores(Protocol):
    """What has to be done when time passes."""

    async def expire_due(self, now: datetime) -> int:
        """Expire what was not sent in time; how many."""

    async def next_expiry(self) -> datetime | None:
        """When the next message expires."""


class Seat(Protocol):
    """The right to tick, which one scheduler of all has."""

    async def held(self) -> bool:
        """Whether we have it; taken where nobody has."""

    async def leave(self) -> None:
        """Give it up."""


class Ticker:
    """Runs the chores in time, while it has the seat; else it looks every other second whether the seat is free.

    `wall` is this machine's clock, in seconds, by which APScheduler goes.
    """

    def __init__(
        self,
        chores: Chores,
        seat: Seat,
        clock: Clock,
        woken: Callable[[], AbstractAsyncContextManager[asyncio.Event]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._chores = chores
        self._seat = seat
        self._seated = False
        self._trouble = Trouble(log, "a tick failed", "ticks succeed again")
        self._clock = clock
        self._woken = woken
        self._wall = wall
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._due = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop` is set. Raises what ends the watch for new work, without which ticks would come late."""
        trigger = IntervalTrigger(seconds=_LONGEST_WAIT_SECONDS, timezone=UTC)
        self._scheduler.add_job(
            self._fall_due,
            trigger,
            id=_JOB,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
            next_run_time=_soon(),
        )
        self._scheduler.start()
        watching, stopping = asyncio.create_task(self._watch()), asyncio.create_task(stop.wait())
        ticking, looking = asyncio.create_task(self._tick_on()), asyncio.create_task(self._look_at_the_clock())
        try:
            done, _ = await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if watching in done:
                watching.result()
        finally:
            await end(watching, stopping, looking)
            self._scheduler.shutdown(wait=False)
            await part(ticking)
            await self._seat.leave()

    async def _watch(self) -> None:
        """New work may expire before the next tick: look again."""
        async with self._woken() as woken:
            while True:
                await woken.wait()
                woken.clear()
                if self._seated:
                    await self._insist(self._arm)

    async def _fall_due(self) -> None:
        """All that APScheduler runs: it would tell of ticks that take long, or end with the ticker, as of failures."""
        self._due.set()

    async def _tick_on(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            await self.tick()

    async def _look_at_the_clock(self) -> None:
        """Tick when it was set: else the next tick would wait until it shows what it showed before, or come late."""
        while True:
            before = self._ahead()
            await asyncio.sleep(_CLOCK_LOOK_SECONDS)
            step = self._ahead() - before
            if abs(step) >= _STEP_SECONDS:
                log.warning("the clock of this machine was set", seconds=round(step))
                self._come_back(0)

    def _ahead(self) -> float:
        """How far the clock is ahead of one that is never set."""
        return self._wall() - time.monotonic()

    async def tick(self) -> None:
        """Do what is due, and come back when the next thing is."""
        if await self._insist(self._tick):
            self._trouble.passed()

    async def _tick(self) -> None:
        self._seated = await self._seat.held()
        if not self._seated:
            self._come_back(_NEXT_LOOK_SECONDS)
            return
        await self._chores.expire_due(self._clock.now())
        await self._arm()

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it succeeded; else a tick comes soon."""
        try:
            await work()
        except Exception:
            self._trouble.met()
            self._come_back(_NEXT_LOOK_SECONDS)
            return False
        return True

    async def _arm(self) -> None:
        expiry = await self._chores.next_expiry()
        if expiry is None:
            return
        seconds = self._clock.real_seconds_until(expiry) + 0.01
        if seconds < _LONGEST_WAIT_SECONDS:
            self._come_back(seconds)

    def _come_back(self, seconds: float) -> None:
        if self._scheduler.get_job(_JOB) is not None:
            self._scheduler.modify_job(_JOB, next_run_time=_soon(seconds))


def _soon(seconds: float = 0.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
