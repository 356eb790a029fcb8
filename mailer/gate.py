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

    Where nothing less than a mail can tell, the gate is ajar once the probe finds nothing: one mail goes, and what
    comes of it opens the gate, or leaves it closed for another pause.
    """

    def __init__(self, probe: Callable[[], Awaitable[str | None]], pause: float, now: Callable[[], datetime]) -> None:
        self._probe = probe
        self._now = now
        self._first_pause = self._pause = pause
        self._usable = asyncio.Event()
        self._wanted = asyncio.Event()
        self._tried = asyncio.Event()
        self._trouble = asyncio.Event()
        self._alarmed = self._met = self._by_mail = False
        self._met_at: datetime | None = None
        self.trial: str | None = None
        """The id of the mail that was let through a closed gate."""
        self._open()

    @property
    def closed(self) -> bool:
        """Whether mails have to wait, all but one that may have been let through."""
        return not self._usable.is_set()

    @property
    def away_since(self) -> datetime | None:
        """When the first mail met the trouble for which the alarm stands; None while mails may leave."""
        return self._met_at if self._alarmed and self.closed else None

    @property
    def pause(self) -> timedelta:
        """How long until the relay is tried next."""
        return timedelta(seconds=self._pause)

    def admits(self, mail: str) -> bool:
        """Whether the mail of this id may go now."""
        return self._usable.is_set() or mail == self.trial

    async def opened(self) -> None:
        """Wait until the relay can be used, as far as is known, or one mail is wanted to see whether it can."""
        while not self._wanted.is_set():
            await self._wanted.wait()

    def try_with(self, mail: str) -> None:
        """The mail of this id is let through, if the gate is still closed."""
        if self.closed:
            self.trial = mail
            self._wanted.clear()

    def tried(self) -> None:
        """It has ended, or did not begin."""
        self.trial = None
        self._tried.set()

    def trouble(self, why: str, *, by_mail: bool = False) -> None:
        """A mail met trouble of the relay's; `by_mail`: only a mail can tell when it is over."""
        if self._met and (self.trial is not None or not self.closed):
            self._alarm(why)
        if not self._met:
            self._met_at = self._now()
        self._met = True
        self._by_mail |= by_mail
        if not self.closed:
            self._usable.clear()
            self._wanted.clear()
        self._trouble.set()

    def fine(self) -> None:
        """The relay has answered to a mail."""
        if self._met:
            if self._alarmed:
                log.info("the relay takes mails again")
            self._met = self._alarmed = self._by_mail = False
            self._pause = self._first_pause
            self._open()

    async def run(self) -> None:
        """Probe while the gate is closed, until cancelled."""
        while True:
            await self._trouble.wait()
            await asyncio.sleep(self._pause)
            if self.closed:
                self._pause = min(self._pause * 2, self._first_pause * _LONGEST_PAUSES)
                await self._see()

    async def _see(self) -> None:
        """Whether the trouble is over; a mail may have shown so meanwhile."""
        wrong = await self._probe()
        if not self.closed:
            return
        if wrong is not None:
            self._alarm(wrong)
        elif self._by_mail:
            self._tried.clear()
            self._wanted.set()
            await self._tried.wait()
        else:
            self._open()

    def _open(self) -> None:
        self._trouble.clear()
        self.trial = None
        for event in (self._usable, self._wanted, self._tried):
            event.set()

    def _alarm(self, why: str) -> None:
        if not self._alarmed:
            log.error("the relay cannot be used; sending waits for it", why=why, alarm=True)
            self._alarmed = True
