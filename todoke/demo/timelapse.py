"""A fast clock that cannot outrun the work: business time leaps to the next due moment once everything is quiet.

Between leaps it runs at its own speed. What is due at a moment is done before the next one comes, and every report is
in before the day ends, however slow the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.clock import SimulatedClock
from core.errors import TodokeError

_FIRST_POLL_SECONDS = 0.005
_LONGEST_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0


class Stalled(TodokeError):
    """Work stands due, and for a long time nothing has been done."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a service is about. `beats` grows with everything that is recorded."""

    waiting: int  # what is due, or being done, at this moment
    beats: int


class Patient(Protocol):
    """The service whose time is lapsed."""

    async def pulse(self, now: datetime) -> Pulse:
        """What stands to be done at `now`."""

    async def next_due(self) -> datetime | None:
        """When the next thing falls due; None where nothing does."""

    async def reports_gone(self) -> None:
        """Return when nothing outside is still on its way back."""

    def wake(self) -> None:
        """The time has changed: look again."""


class Timelapse:
    """Moves a simulated clock through the business time of a patient."""

    def __init__(
        self,
        clock: SimulatedClock,
        patient: Patient,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        real: Callable[[], float] = time.monotonic,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._clock = clock
        self._patient = patient
        self._sleep = sleep
        self._real = real
        self._patience = patience
        self.leaps = 0

    async def run_until(self, moment: datetime) -> None:
        """Do everything that falls due up to `moment`, and stand there. Raises Stalled."""
        while True:
            await self.quiet()
            due = await self._patient.next_due()
            if (await self._pulse()).waiting:
                continue  # fallen due since: what is being sent has no due time that could be leapt to
            if due is None or due > moment:
                break
            self._leap(due)
        self._leap(moment)

    async def quiet(self) -> None:
        """Return when nothing is due, being done, or on its way back. Raises Stalled."""
        beats, since, pause = -1, self._real(), _FIRST_POLL_SECONDS
        while True:
            pulse = await self._pulse()
            if not pulse.waiting and await self._stays(pulse):
                return
            if pulse.beats != beats:
                beats, since = pulse.beats, self._real()
            elif self._real() - since > self._patience:
                raise Stalled(f"{pulse.waiting} thing(s) are due, and nothing was done for {self._patience:g} s")
            await self._sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)

    async def _stays(self, pulse: Pulse) -> bool:
        """Whether it is as quiet once all reports have left: a mail that went meanwhile would have left a beat."""
        await self._patient.reports_gone()
        return await self._pulse() == pulse

    async def _pulse(self) -> Pulse:
        return await self._patient.pulse(self._clock.now())

    def _leap(self, moment: datetime) -> None:
        self._clock.leap_to(moment)
        self.leaps += 1
        self._patient.wake()
