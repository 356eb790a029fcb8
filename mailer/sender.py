"""The send loop: claim, compose, mark, send, record; several connections, one lease."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import structlog

from core.clock import Clock
from core.ending import end
from core.errors import TodokeError
from core.mail import Contact, MailContent
from core.messages import Change, Message
from core.reports import Reason
from core.return_path import ReturnPaths
from core.trouble import Trouble
from core.unbroken import unbroken
from mailer.compose import Envelope, compose
from mailer.delivering import Delivering
from mailer.gate import RelayGate
from mailer.heartbeat import Heartbeat, LeaseKeeper
from mailer.journal import Journal, Records
from mailer.outcomes import OutcomeRules, held_back
from mailer.outgoing import Outgoing
from mailer.pace import Pace
from mailer.pacing import Pacing
from mailer.pipelining import Pipelining
from mailer.signing import Signer
from mailer.transport import Connection, RelaySettings

log = structlog.get_logger("mailer")

_LONGEST_WAIT_SECONDS = 30.0
_SHORTEST_WAIT_SECONDS = 0.02
_NEXT_LOOK_SECONDS = 0.05
"""News may come with every commit; so much later it is worth looking again for what is urgent."""
_FRESH_SECONDS = 30.0
"""A mail that has waited so long for its turn is claimed anew: what may forbid it to leave is asked once more."""
_MADE_IN_ONE_GO = 8
"""Mails, between two turns of the connections: one at a time, the processor would forget in between how it is done."""
_LATE_COMMIT_SECONDS = 10.0
"""So long after a connection broke a server may still find a commit in what it received."""


class Outbox(Records, Protocol):
    """What a sender needs of the store."""

    async def claim(
        self, lease: str, limit: int, *, urgent_only: bool = False, passing_by: Sequence[str] = ()
    ) -> Sequence[Message]:
        """Up to `limit` messages under this lease, most urgent first; with `urgent_only` those and none else.

        Those to addresses with an ending of `passing_by` stay where they are.
        """

    async def next_ready_at(self) -> datetime | None:
        """When the next message becomes ready, None if none waits."""

    async def close(self) -> None:
        """Give back what is kept open."""


class Renderer(Protocol):
    """Content for a message."""

    def render(self, message: Message) -> MailContent:
        """Rendered content. Raises TodokeError when data or a contact are missing."""

    def contact(self, message: Message) -> Contact:
        """The desk that the mail names; replies go there."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """Times in real seconds."""

    name: str
    sender_address: str
    relay: RelaySettings
    connections: int = 10
    heartbeat: float = 1.0
    stop_grace: float = 6.0
    trouble_pause: float = 1.0
    patience: float = 1.0


class _Unanswered(NamedTuple):
    """A claim of which nobody knows what came of it: its lease, and until when it may yet come about."""

    lease: str
    until: float


class Sender:
    """One sender with its connections."""

    def __init__(
        self,
        settings: SenderSettings,
        outbox: Outbox,
        leases: LeaseKeeper,
        renderer: Renderer,
        return_paths: ReturnPaths,
        rules: OutcomeRules,
        clock: Clock,
        woken: Callable[[], contextlib.AbstractAsyncContextManager[asyncio.Event]],
        pacing: Pacing | None = None,
        signer: Signer | None = None,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._renderer = renderer
        self._return_paths = return_paths
        self._rules = rules
        self._clock = clock
        self._woken = woken
        self._pacing = pacing or Pacing()
        self._gate = gate = RelayGate(self._probe, settings.trouble_pause, clock.now)
        self._heartbeat = Heartbeat(
            leases, settings.name, settings.heartbeat, self._pacing.share, lambda: gate.away_since
        )
        self._time = asyncio.get_running_loop().time
        self._unanswered: _Unanswered | None = None
        self._journal = Journal(outbox, settings.trouble_pause)
        pipelining = Pipelining()
        self._connections = [Connection(settings.relay, pipelining) for _ in range(settings.connections)]
        self._delivering = Delivering(
            self._connections,
            self._journal,
            gate,
            self._pacing,
            rules,
            clock,
            signer,
            settings.patience,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set; then finish what is on the wire and give the rest back.

        Where a part of it fails, all of it ends so, and what failed is raised: a sender that only seems to be at work
        would keep its mails from all others.
        """
        await self._heartbeat.start()
        working = [asyncio.create_task(self._delivering.work(connection)) for connection in self._connections]
        parts = (self._journal.run, self._heartbeat.run, self._heartbeat.look_after, self._gate.run)
        serving = [asyncio.create_task(run()) for run in parts]
        feeding = asyncio.create_task(self._feed())
        try:
            await _until(stop, [*working, *serving, feeding])
        finally:
            await end(feeding)
            await self._drain()
            await end(*working, *serving)
            await self._heartbeat.end()
            await self._outbox.close()

    async def _drain(self) -> None:
        """Let the mails on the wire finish; what only waits in our queue is given back."""
        self._delivering.forget()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stop_grace):
                await self._delivering.finished()

    async def _feed(self) -> None:
        """Keep the queue filled, most urgent first, and sleep while nothing is ready.

        What is urgent is looked for at once when there is news, however long the queue.
        """
        pace = Pace(self._settings.connections, self._time)
        wanted = self._delivering.turns.wanted
        trouble = Trouble(log, "could not claim", "claims again")
        async with self._woken() as woken:
            while True:
                await _first_of(wanted, woken)
                await self._gate.opened()
                woken.clear()
                try:
                    if self._gate.closed:
                        idle = not await self._try_one()
                    elif wanted.is_set():
                        idle = not await self._fill(pace)
                    else:
                        idle = False
                        await self._take(*await self._claim(self._settings.connections, urgent_only=True))
                        await _wait(wanted, _NEXT_LOOK_SECONDS)
                    if idle:
                        await _wait(woken, await self._pause())
                except Exception:
                    trouble.met()
                    await _wait(woken, self._settings.trouble_pause)
                else:
                    trouble.passed()

    async def _try_one(self) -> int:
        """One mail shows whether the relay takes any; how many there were. Those that were refused last come last."""
        refused = self._delivering.suspicion.refused
        lease, claimed = await self._claim(1, passing_by=self._pacing.endings(set(refused)))
        if not claimed and refused:
            refused.clear()
            lease, claimed = await self._claim(1)
        for message in claimed:
            self._gate.try_with(message.id)
        await self._take(lease, claimed)
        return len(claimed)

    async def _fill(self, pace: Pace) -> int:
        limit = pace.limit()
        lease, claimed = await self._claim(limit)
        pace.claimed(len(claimed))
        self._delivering.turns.enough = max(self._settings.connections, limit // 2)
        await self._take(lease, claimed)
        return len(claimed)

    async def _claim(
        self, limit: int, *, urgent_only: bool = False, passing_by: Sequence[str] = ()
    ) -> tuple[str, Sequence[Message]]:
        """Messages, and the lease under which they were claimed.

        A claim that failed may have taken messages all the same, where the answer to its commit was lost.
        """
        await self._give_back_unanswered()
        lease = self._heartbeat.lease
        passing_by = [*self._delivering.turns.stalled(), *passing_by]
        claim = self._outbox.claim(lease, limit, urgent_only=urgent_only, passing_by=passing_by)
        try:
            return lease, await unbroken(claim)
        except Exception:
            self._unanswered = _Unanswered(lease, self._time() + _LATE_COMMIT_SECONDS)
            raise

    async def _give_back_unanswered(self) -> None:
        unanswered = self._unanswered
        if unanswered is not None:
            over = self._time() > unanswered.until
            await unbroken(self._heartbeat.give_back(unanswered.lease, self._delivering.in_hand))
            if over:
                self._unanswered = None

    async def _take(self, lease: str, claimed: Sequence[Message]) -> None:
        """Make mails of them."""
        self._pacing.claimed(claimed)
        self._delivering.in_hand.update(message.id for message in claimed)
        for first in range(0, len(claimed), _MADE_IN_ONE_GO):
            for message in claimed[first : first + _MADE_IN_ONE_GO]:
                self._prepare(message, lease)
            await asyncio.sleep(0)  # the connections go on while we compose

    async def _pause(self) -> float:
        """Seconds until the next message is ready; one that is ready already is just being looked at by another."""
        ready_at = await unbroken(self._outbox.next_ready_at())
        if ready_at is None:
            return _LONGEST_WAIT_SECONDS
        seconds = self._clock.real_seconds_until(ready_at)
        if seconds > 0:
            return min(seconds, _LONGEST_WAIT_SECONDS)
        return self._settings.patience if self._delivering.turns.stalled() else _SHORTEST_WAIT_SECONDS

    def _prepare(self, message: Message, lease: str) -> None:
        """Compose a mail and have it sent; one that cannot be made waits until the set-up is mended.

        So does one that brings out a fault of ours here: those that were claimed behind it must not stay behind.
        """
        now = self._clock.now()
        try:
            mail = self._compose(message, now)
            # Reports on a mail come back to a sender's address of its own.
            route = (self._return_paths.address(message.id), message.recipient.email)
            provider = self._pacing.provider(message.recipient.email)
            self._delivering.put(Outgoing(message, lease, mail, route, provider, self._time() + _FRESH_SECONDS))
        except Exception as error:
            self._pacing.done(message)
            if self._gate.trial == message.id:
                self._gate.tried()
            self._delivering.record(self._cannot_compose(message, error, lease, now), lease)

    def _cannot_compose(self, message: Message, error: Exception, lease: str, now: datetime) -> Change:
        about = {"message": message.id, "kind": message.kind, "why": str(error), "alarm": True}
        log.error("cannot compose; mend the set-up", exc_info=not isinstance(error, TodokeError), **about)
        reason = getattr(error, "reason", Reason.CONTENTERROR.value)
        return held_back(message, str(error), reason, self._rules, lease, now)

    def _compose(self, message: Message, now: datetime) -> bytes:
        envelope = Envelope(
            kind=message.kind,
            sender_address=self._settings.sender_address,
            recipient=message.recipient.email,
            reply_to=self._renderer.contact(message).email,
            message_id_header=message.message_id_header,
            date=now,
        )
        return compose(self._renderer.render(message), envelope)

    async def _probe(self) -> str | None:
        """What is wrong with the relay; a connection that stands is as a rule proof enough that it can be used."""
        doubted = self._delivering.suspicion.doubted
        if doubted is None and self._delivering.connected():
            return None
        return await Connection(self._settings.relay).probe(*doubted or ())


async def _until(stop: asyncio.Event, parts: Sequence[asyncio.Task[None]]) -> None:
    """Until `stop` is set, or a part ends, as none does by itself. Raises what it raised."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(stopping)
    for part in parts:
        if part in done:
            part.result()


async def _first_of(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    if any(event.is_set() for event in events):
        return
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*waiting)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Until it is set, or so long."""
    # Not by asyncio.wait_for: until Python 3.12 it forgets a cancellation that comes with a wake-up.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
