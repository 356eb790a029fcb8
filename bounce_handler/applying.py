"""From a kept mail to its effect: read, tie to a message, judge, record; nothing is dropped on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog

from bounce_handler.effects import judge
from bounce_handler.farewells import says_unused
from bounce_handler.parsing import parse
from bounce_handler.storable import storable
from core.clock import Clock
from core.outages import outage, told
from core.reports import Correlation, Judge, KeptReport, ReadReport, ReportType, Verdict
from core.trouble import Trouble

log = structlog.get_logger("bounces")

_LARGE_OCTETS = 50_000
_MAILS_A_TURN = 8


class ReportStore(Protocol):
    """What applying needs of the store."""

    async def waiting(self, limit: int) -> Sequence[KeptReport]:
        """Kept mails that nothing was decided about and whose next try is due, oldest first."""

    async def seconds_to_next(self) -> float | None:
        """Real seconds until the next try of a report is due; None when no report waits."""

    async def settle(self, read: Sequence[ReadReport], judge: Judge, pause: float) -> int:
        """Decide about reports and record it, in one transaction; how many were decided."""

    async def failed(self, report_id: str, most: int, pause: float) -> None:
        """A report could not be processed: try again, and set it aside after `most` tries."""


@dataclass(frozen=True, slots=True)
class ApplierSettings:
    """Pauses in real seconds."""

    batch: int = 200
    tries: int = 5
    retry_pause: float = 2.0  # before a report that could not be processed is tried again
    linger: float = 0.15  # for more reports to come, that are then applied together
    wait_pause: float = 0.2  # before a report that was ahead of our own record is asked about again
    trouble_pause: float = 1.0  # when the database cannot be reached
    longest_pause: float = 30.0


class ReportApplier:
    """Applies kept reports, in the order in which they came."""

    def __init__(self, store: ReportStore, clock: Clock, settings: ApplierSettings | None = None) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings or ApplierSettings()

    async def run(
        self,
        stop: asyncio.Event,
        woken: Callable[[], AbstractAsyncContextManager[asyncio.Event]],
    ) -> None:
        """Apply whatever is kept, and whatever comes, until `stop` is set; the transaction under way is finished."""
        trouble = Trouble(log, "could not apply reports", "applies reports again")
        async with woken() as wake:
            while not stop.is_set():
                wake.clear()
                try:
                    settled = await self.apply_waiting()
                    pause = self._settings.linger if settled else await self._pause()
                except Exception:
                    trouble.met()
                    settled, pause = 0, self._settings.trouble_pause
                else:
                    trouble.passed()
                if settled < self._settings.batch:
                    await _rest(pause, [stop] if settled else [stop, wake])

    async def _pause(self) -> float:
        """How long there is nothing to do unless something comes."""
        due = await self._store.seconds_to_next()
        if due is None:
            return self._settings.longest_pause
        # What is due and was not settled is in the hands of another process for a moment.
        return min(max(due, self._settings.wait_pause), self._settings.longest_pause)

    async def apply_waiting(self) -> int:
        """Apply one batch; how many reports were settled. Raises when the database cannot be reached."""
        read = await self._read_all(await self._store.waiting(self._settings.batch))
        if not read:
            return 0
        try:
            return await self._settle(read)
        except Exception as error:
            if outage(error) is None:
                log.exception("could not apply a batch of reports; trying them one by one", count=len(read))
        return sum([await self._settle_alone(report) for report in read])

    async def _settle(self, read: Sequence[ReadReport]) -> int:
        return await self._store.settle(read, self._judge, self._settings.wait_pause)

    async def _settle_alone(self, report: ReadReport) -> int:
        try:
            return await self._settle([report])
        except Exception as error:
            await self._failed(report.kept, error)
            return 0

    async def _read_all(self, waiting: Sequence[KeptReport]) -> list[ReadReport]:
        read: list[ReadReport | None] = []
        for number, kept in enumerate(waiting, 1):
            read.append(await self._read(kept))
            if number % _MAILS_A_TURN == 0:
                await asyncio.sleep(0)  # conversations of the listener go on meanwhile
        return [report for report in read if report is not None]

    async def _read(self, kept: KeptReport) -> ReadReport | None:
        """What a mail says; None where reading fails. A large one is read beside the event loop."""
        try:
            if len(kept.raw) > _LARGE_OCTETS:
                return await asyncio.to_thread(_read, kept)
            return _read(kept)
        except Exception as error:
            await self._failed(kept, error)
            return None

    async def _failed(self, kept: KeptReport, error: Exception) -> None:
        """Count it as a try, which tells a fault of the report's from an outage: that is raised, and told as such."""
        await self._store.failed(kept.id, self._settings.tries, self._settings.retry_pause)
        log.error("could not process a report", report=kept.id, **told(error))

    def _judge(self, report: ReadReport, correlation: Correlation) -> Verdict:
        return judge(report, correlation, self._clock.now())


def _read(kept: KeptReport) -> ReadReport:
    parsed = storable(parse(kept.raw))
    return ReadReport(kept, parsed, parsed.type is ReportType.AUTO_REPLY and says_unused(kept.raw))


async def _rest(seconds: float, until: Sequence[asyncio.Event]) -> None:
    """Rest for so long, or until one of these is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in until]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
