"""A sender's sign of life, and its name: a new one whenever the old one was taken for dead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Protocol

import structlog

from core.ports import Part
from core.trouble import Trouble
from core.unbroken import unbroken
from mailer.insisting import insist

log = structlog.get_logger("mailer")


class LeaseKeeper(Protocol):
    """Who is sending."""

    async def enter(self, sender: str) -> None:
        """This sender starts."""

    async def beat(self, sender: str, relay_away_since: datetime | None) -> bool:
        """It lives, and since when its relay is away. False where it was taken for dead meanwhile."""

    async def part(self, sender: str) -> Part:
        """Which of the living senders it is."""

    async def leave(self, sender: str) -> None:
        """It ends; what it holds is given back."""

    async def give_back(self, sender: str, but: Collection[str]) -> int:
        """Give back what this living sender holds but for these ids; how many messages it was."""

    async def take_over_dead(self) -> int:
        """Give back what dead senders hold; how many messages it was."""


class Heartbeat:
    """Beats for one sender. `lease` is the name under which it may claim just now.

    Who was taken for dead goes on under another name: messages claimed under the old one are another's by now, and
    an outcome recorded under it must not pass for that other's. `share` is told which of the living it is. `away_since`
    says since when the relay is away, None while it is not: the helpdesk is told by it.
    """

    def __init__(
        self,
        leases: LeaseKeeper,
        name: str,
        seconds: float,
        share: Callable[[Part], None],
        away_since: Callable[[], datetime | None],
    ) -> None:
        self.lease = name
        self._away_since = away_since
        self._leases = leases
        self._name = name
        self._seconds = seconds
        self._share = share
        self._deaths = 0
        bound = log.bind(sender=name)
        self._trouble = Trouble(bound, "could not beat", "beats again")
        self._take_over_trouble = Trouble(bound, "could not take over", "takes over again")

    async def start(self) -> None:
        """Become known, as soon as the database takes it."""
        await insist(lambda: self._leases.enter(self.lease), self._trouble, self._seconds)

    async def run(self) -> None:
        """Beat until cancelled."""
        await self._again_and_again(self._beat, self._trouble)

    async def look_after(self) -> None:
        """Take over what dead senders left, until cancelled. Beside the beats, none of which waits for it."""
        await self._again_and_again(self._take_over, self._take_over_trouble)

    async def _again_and_again(self, work: Callable[[], Awaitable[None]], trouble: Trouble) -> None:
        while True:
            try:
                await unbroken(work())
            except Exception:
                trouble.met()
            else:
                trouble.passed()
            await asyncio.sleep(self._seconds)

    async def _beat(self) -> None:
        if not await self._leases.beat(self.lease, self._away_since()):
            log.warning("taken for dead; going on under a new name", sender=self.lease)
            self._deaths += 1
            lease = f"{self._name}#{self._deaths}"
            await self._leases.enter(lease)
            self.lease = lease
        self._share(await self._leases.part(self.lease))

    async def _take_over(self) -> None:
        taken_over = await self._leases.take_over_dead()
        if taken_over:
            log.info("took over what dead senders held", messages=taken_over)

    async def give_back(self, lease: str, but: Collection[str]) -> None:
        """Give back what is held under a lease, and is not among these ids."""
        messages = await self._leases.give_back(lease, but)
        if messages:
            log.warning("gave back what a claim took whose answer was lost", sender=lease, messages=messages)

    async def end(self) -> None:
        """Give back what is held."""
        await self._leases.leave(self.lease)
