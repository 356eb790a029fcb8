"""Mails over a kept connection to the relay, one after the other, and what came of each.

A connection that the relay has closed meanwhile, as relays do with idle ones, costs a mail nothing: it begins anew.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from mailer.pipelining import Pipelining
from mailer.relay import Relay, RelaySettings, RelayTrouble
from mailer.session import of_the_session
from mailer.transaction import (
    CLOSING,
    Accepted,
    Ended,
    Introduction,
    Lost,
    Outcome,
    Parcel,
    Refused,
    Stage,
    Transaction,
)
from mailer.wire import Wire, WireError

__all__ = ["Accepted", "Connection", "Lost", "Outcome", "Refused", "RelaySettings", "enhanced_code"]

MESSAGES_PER_CONNECTION = 200

Route = tuple[str, str]
"""The envelope's sender and recipient."""

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_NOT_BEGUN = Ended(Lost("no connection", "connect"), unheard=True)
_PARTING_SECONDS = 2.0
_CLEARING_SECONDS = 3.0
"""For each answer that a refusal leaves open: a mail that waits for longer is better off with a new connection."""


def enhanced_code(text: str) -> str | None:
    """The enhanced status code of a reply text (RFC 2034), which stands at its head unless a server is sloppy."""
    match = _ENHANCED.search(text)
    return match[1] if match else None


class Connection:
    """A connection to the relay: opened when needed, kept, opened anew when the relay has closed it.

    `pipelining` is shared by all connections to the same.
    """

    def __init__(self, settings: RelaySettings, pipelining: Pipelining | None = None) -> None:
        self._settings = settings
        self._relay = Relay(settings)
        self._wire: Wire | None = None
        self._used = 0
        self._ahead: Route | None = None
        """Whose introduction stands behind the mail that was sent last."""
        self._pipelining = pipelining or Pipelining()
        self._clearing: asyncio.Task[None] | None = None
        """What makes the connection ready again after a refusal, which is told before that."""

    @property
    def usable(self) -> bool:
        """Whether a connection stands that the relay has not given up."""
        if self._wire is None:
            return False
        answers_are_due = self._ahead is not None or (self._clearing is not None and not self._clearing.done())
        return self._wire.open if answers_are_due else self._wire.fresh

    async def send(
        self,
        sender: str,
        recipient: str,
        mail: bytes,
        before_dot: Callable[[], Awaitable[None]],
        following: Callable[[], Route | None] = lambda: None,
    ) -> Outcome:
        """Send one mail; `before_dot` is awaited once the recipient is accepted, before the mail itself goes out.

        `following` may be asked, as the mail leaves, for the one that will be sent next over this connection. What
        `before_dot` raises is raised, and the mail is not sent then. Raises ValueError for an address that cannot
        stand in a command.
        """
        route = (sender, recipient)
        parcel = Parcel(Introduction(*route), mail, before_dot, lambda: self._introduce(following))
        await self._cleared()
        introduced, ended = False, _NOT_BEGUN
        if self._wire is not None and self._goes_on(route):
            introduced = self._ahead is not None
            ended = await self._converse(self._wire, parcel)
        if ended.unheard:
            if ended.deaf:
                self._pipelining.introduce_no_more()
            introduced, ended = False, await self._anew(parcel)
        return await self._again(ended, parcel, introduced=introduced) if ended.together else ended.outcome

    async def _anew(self, parcel: Parcel, *, stepwise: bool = False) -> Ended:
        """Over a new connection."""
        try:
            wire = await self._open()
        except RelayTrouble as trouble:
            return Ended(_no_relay(trouble))
        return await self._converse(wire, parcel, stepwise=stepwise)

    async def _again(self, ended: Ended, parcel: Parcel, *, introduced: bool) -> Outcome:
        """Step by step, where that the commands were sent together may be to blame for how a mail has ended."""
        outcome = ended.outcome
        if isinstance(outcome, Accepted) or not self._pipelining.suspect(outcome):
            return outcome
        self._drop()
        again = (await self._anew(parcel, stepwise=True)).outcome
        self._pipelining.judge(outcome, again, introduced=introduced)
        return again

    def _goes_on(self, route: Route) -> bool:
        """Whether a mail can go over the connection that stands."""
        if self._ahead is not None:
            return self._ahead == route
        return self.usable and self._used < MESSAGES_PER_CONNECTION

    def _introduce(self, following: Callable[[], Route | None]) -> Introduction | None:
        if not self._pipelining.introduces or self._used >= MESSAGES_PER_CONNECTION:
            return None
        route = following()
        if route is None:
            return None
        try:
            introduction = Introduction(*route)
        except ValueError:  # which is said of that mail, in its own turn
            return None
        self._ahead = route
        return introduction

    async def probe(self, sender: str | None = None, recipient: str | None = None) -> str | None:
        """Connect, greet, ask whether a mail in this envelope is taken, and part: what went wrong, or None.

        What the relay has against the recipient alone is not wrong. No mail is sent.
        """
        try:
            wire = await self._open()
            return None if sender is None else await self._ask_about(wire, sender, recipient)
        except (RelayTrouble, WireError) as trouble:
            return str(trouble)
        finally:
            await self.close()

    async def _ask_about(self, wire: Wire, sender: str, recipient: str | None) -> str | None:
        stages: Sequence[Stage] = ("mail",) if recipient is None else ("mail", "rcpt")
        commands = Introduction(sender, recipient or "").commands
        for stage in stages:
            wire.write(commands[stage])
            reply = await wire.reply(self._settings.command_timeout)
            if reply.code // 100 != 2:
                return f"{reply.code} {reply.text}" if of_the_session(Refused(reply.code, reply.text, stage)) else None
        return None

    async def close(self) -> None:
        """Say QUIT where somebody still listens, and does not wait for a mail."""
        await self._cleared(_PARTING_SECONDS)
        if self._ahead is not None:
            self._drop()
        wire, self._wire = self._wire, None
        if wire is None:
            return
        try:
            wire.write(b"QUIT\r\n")
            await wire.reply(_PARTING_SECONDS)
            wire.close()
        except WireError:
            wire.abort()

    async def _open(self) -> Wire:
        await self.close()
        self._used = 0
        self._wire = await self._relay.open()
        return self._wire

    async def _converse(self, wire: Wire, parcel: Parcel, *, stepwise: bool = False) -> Ended:
        self._used += 1
        settings, introduced = self._settings, self._ahead is not None
        together = "pipelining" in wire.extensions and self._pipelining.usable and not stepwise
        self._ahead = None
        transaction = Transaction(
            wire,
            parcel,
            settings.command_timeout,
            settings.final_timeout,
            together=together,
            introduced=introduced,
        )
        try:
            ended = await transaction.run()
        except BaseException:
            self._drop()
            raise
        if not isinstance(ended.outcome, Accepted):
            self._recover(transaction, ended.outcome)
        elif together:
            self._pipelining.proven = True
        return ended

    def _recover(self, transaction: Transaction, outcome: Refused | Lost) -> None:
        """Begin to make the connection ready for the next mail, or give it up."""
        if isinstance(outcome, Lost) or outcome.code == CLOSING:
            self._drop()
        elif self._ahead is None:  # else it was refused after its dot, and nothing of it is left
            seconds = min(self._settings.command_timeout, _CLEARING_SECONDS)
            self._clearing = asyncio.create_task(transaction.clear(seconds))

    async def _cleared(self, seconds: float | None = None) -> None:
        """Wait until the connection is ready, or given up; after so many seconds it is given up here."""
        if self._clearing is None:
            return
        done, _ = await asyncio.wait({self._clearing}, timeout=seconds)
        if not done:
            self._drop()  # which ends the clearing, too
        self._clearing = None

    def _drop(self) -> None:
        """Give the connection up; what has not left never will."""
        self._ahead = None
        if self._wire is not None:
            self._wire.abort()
            self._wire = None


def _no_relay(trouble: RelayTrouble) -> Refused | Lost:
    if trouble.code is None:
        return Lost(trouble.text, "connect")
    return Refused(trouble.code, trouble.text, "connect")
