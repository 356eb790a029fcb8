"""Whether the relay can be used: trouble with the relay itself stops all sending, a probe lets it go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger("mailer")

_LONGEST_PAUSES = 30


class RelayGate:
    """Closed while the relay cannot be used. One alarm a trouble, however many mails meet it.

    `probe` answers what is wrong, or None. The first pause before it is `pause` real seconds; each further one is
    twice as long, up to thirty times the first. A trouble that the first probe no longer finds raises no alarm,
    unless mails meet it again. A mail that the relay answers to proves that the trouble is over. `now` is business
    time.
    """

    def __init__(self, probe: Callable[[], Awaitable[str | None]], pause: float, now: Callable[[], datetime]) -> None:
        self._probe = probe
        self._now = now
        self._first_pause = self._pause = pause
        self._usable = asyncio.Event()
        self._usable.set()
        self._trouble = asyncio.Event()
        self._alarmed = self._met = False
        self._met_at: datetime | None = None

    @property
    def closed(self) -> bool:
        """Whether mails have to wait."""
        return not self._usable.is_set()

    @property
    def away_since(self) -> datetime | None:
        """When the first mail met the trouble for which the alarm stands; None while mails may leave."""
        return self._met_at if self._alarmed and self.closed else None

    @property
    def pause(self) -> timedelta:
        """How long until the relay is tried next."""
        return timedelta(seconds=self._pause)

    async def opened(self) -> None:
        """Wait until the relay can be used, as far as is known."""
        await self._usable.wait()

    def trouble(self, why: str) -> None:
        """A mail met trouble of the relay's."""
        if self._met and not self.closed:
            self._alarm(why)
        if not self._met:
            self._met_at = self._now()
        self._met = True
        self._usable.clear()
        self._trouble.set()

    def fine(self) -> None:
        """The relay has answered to a mail."""
        if self._met:
            if self._alarmed:
                log.info("the relay takes mails again")
            self._met = self._alarmed = False
            self._pause = self._first_pause
            self._open()

    async def run(self) -> None:
        """Probe while the gate is closed, until cancelled."""
        while True:
            await self._trouble.wait()
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, self._first_pause * _LONGEST_PAUSES)
            wrong = await self._probe() if self.closed else None
            if wrong is None:
                self._open()
            else:
                self._alarm(wrong)

    def _open(self) -> None:
        self._trouble.clear()
        self._usable.set()

    def _alarm(self, why: str) -> None:
        if not self._alarmed:
            log.error("the relay cannot be used; sending waits for it", why=why, alarm=True)
            self._alarmed = True
