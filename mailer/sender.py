"""The send loop: claim, compose, mark, send, record; several connections, one lease."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from core.clock import Clock
from core.ending import end
from core.mail import Contact, MailContent
from core.messages import Change, Message
from core.reports import Reason
from core.retry import REPAIR_PAUSE
from core.return_path import ReturnPaths
from core.unbroken import unbroken
from mailer.compose import Envelope, compose
from mailer.gate import RelayGate
from mailer.heartbeat import Heartbeat, LeaseKeeper
from mailer.journal import Journal, Records
from mailer.outcomes import (
    OutcomeRules,
    change_for,
    given_back,
    held_back,
    late,
    of_the_relay,
    postponed,
    waits_for_relay,
)
from mailer.pace import Pace
from mailer.pacing import Pacing
from mailer.patience import asked_wait, slows
from mailer.signing import Signer
from mailer.transport import Accepted, Connection, Lost, Outcome, Refused, RelaySettings

log = structlog.get_logger("mailer")

_LONGEST_WAIT_SECONDS = 30.0
_SHORTEST_WAIT_SECONDS = 0.02
_SPARE_PAUSE_SECONDS = 5.0
"""How long a connection is left alone that the relay refused while it kept others."""


class Outbox(Records, Protocol):
    """What a sender needs of the store."""

    async def claim(self, lease: str, limit: int) -> Sequence[Message]:
        """Up to `limit` messages under this lease, most urgent first."""

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


class _LeaseLost(Exception):
    """The message is no longer ours: somebody took us for dead, or a report came first."""


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


@dataclass(frozen=True, slots=True)
class _Task:
    """A message, the lease under which it was claimed, and the mail that was made of it."""

    message: Message
    lease: str
    mail: bytes


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
        self._signer = signer
        self._parked: list[_Task] = []
        self._gate = gate = RelayGate(self._probe, settings.trouble_pause, clock.now)
        self._heartbeat = Heartbeat(
            leases, settings.name, settings.heartbeat, self._pacing.share, lambda: gate.away_since
        )
        self._queue: asyncio.Queue[_Task] = asyncio.Queue()
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._journal = Journal(outbox, settings.trouble_pause)
        self._recording: set[asyncio.Future[bool]] = set()
        self._connections = [Connection(settings.relay) for _ in range(settings.connections)]

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set; then finish what is on the wire and give the rest back."""
        await self._heartbeat.start()
        working = [asyncio.create_task(self._work(connection)) for connection in self._connections]
        serving = [asyncio.create_task(part.run()) for part in (self._journal, self._heartbeat, self._gate)]
        feeding = asyncio.create_task(self._feed())
        try:
            await stop.wait()
        finally:
            await end(feeding)
            await self._drain()
            await end(*working, *serving)
            await self._heartbeat.end()
            await self._outbox.close()

    async def _drain(self) -> None:
        """Let the mails on the wire finish; what only waits in our queue is given back."""
        while not self._queue.empty():
            self._queue.get_nowait()
            self._queue.task_done()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stop_grace):
                await self._finished()

    async def _finished(self) -> None:
        await self._queue.join()
        while self._recording:
            await asyncio.gather(*self._recording)

    async def _feed(self) -> None:
        """Keep the queue filled, most urgent first, and sleep while nothing is ready."""
        pace = Pace(self._settings.connections, asyncio.get_running_loop().time)
        async with self._woken() as woken:
            while True:
                await self._wanted.wait()
                await self._gate.opened()
                woken.clear()
                try:
                    pause = 0.0 if await self._fill(pace) else await self._pause()
                except Exception:
                    log.exception("could not claim; trying again")
                    pause = self._settings.trouble_pause
                if pause > 0:
                    # Not by asyncio.wait_for: until Python 3.12 it forgets a cancellation that comes with a wake-up.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await woken.wait()

    async def _fill(self, pace: Pace) -> int:
        lease = self._heartbeat.lease
        claimed = await unbroken(self._outbox.claim(lease, pace.limit()))
        pace.claimed(len(claimed))
        self._pacing.claimed(claimed)
        for message in claimed:
            self._prepare(message, lease)
            await asyncio.sleep(0)  # the connections go on while we compose
        return len(claimed)

    async def _pause(self) -> float:
        """Seconds until the next message is ready; one that is ready already is just being looked at by another."""
        ready_at = await unbroken(self._outbox.next_ready_at())
        if ready_at is None:
            return _LONGEST_WAIT_SECONDS
        seconds = self._clock.real_seconds_until(ready_at)
        return min(seconds, _LONGEST_WAIT_SECONDS) if seconds > 0 else _SHORTEST_WAIT_SECONDS

    def _prepare(self, message: Message, lease: str) -> None:
        """Compose a mail and have it sent; one that cannot be made waits until the set-up is mended."""
        now = self._clock.now()
        try:
            mail = self._compose(message, now)
        except Exception as error:
            self._pacing.done(message)
            self._record(self._cannot_compose(message, error, lease, now), lease)
        else:
            self._queue.put_nowait(_Task(message, lease, mail))
            if not self._short_of_work():
                self._wanted.clear()

    def _cannot_compose(self, message: Message, error: Exception, lease: str, now: datetime) -> Change:
        log.error("cannot compose; mend the set-up", message=message.id, kind=message.kind, why=str(error), alarm=True)
        reason = getattr(error, "reason", Reason.CONTENTERROR.value)
        return held_back(message, str(error), reason, now + REPAIR_PAUSE, lease, now)

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

    def _short_of_work(self) -> bool:
        return self._queue.qsize() <= self._settings.connections

    async def _work(self, connection: Connection) -> None:
        try:
            while True:
                task = await self._queue.get()
                if self._short_of_work():
                    self._wanted.set()
                self._journal.begin()
                try:
                    aside = await self._handle(task, connection)
                finally:
                    self._journal.end()
                    self._queue.task_done()
                if aside:
                    await asyncio.sleep(_SPARE_PAUSE_SECONDS)
        finally:
            await connection.close()

    async def _handle(self, task: _Task, connection: Connection) -> bool:
        """See to a mail. True where the connection had better rest, since the relay has no room for it."""
        message, now = task.message, self._clock.now()
        wait = self._pacing.held(message.recipient.email, now)
        if self._gate.closed:
            self._record(given_back(message, task.lease, now), task.lease)
        elif wait is not None:
            self._record(postponed(message, wait, task.lease, now), task.lease)
        elif not self._pacing.begin(message.recipient.email):
            self._parked.append(task)
            return False
        else:
            try:
                return await self._deliver(task, connection)
            finally:
                self._pacing.end(message.recipient.email)
                self._pacing.done(message)
                self._unpark()
        self._pacing.done(message)
        return False

    def _unpark(self) -> None:
        """Mails that waited for one of their provider's to end are looked at again."""
        for task in self._parked:
            self._queue.put_nowait(task)
        self._parked.clear()

    async def _deliver(self, task: _Task, connection: Connection) -> bool:
        """Send a mail and have its outcome recorded while the connection turns to the next one."""
        try:
            outcome = await self._send(task, connection)
        except _LeaseLost:
            log.info("lease lost", message=task.message.id)
            return False
        if not isinstance(outcome, Accepted) and of_the_relay(outcome):
            return self._stand_aside(task, outcome)
        now = self._clock.now()
        if not isinstance(outcome, Lost):
            self._gate.fine()
        if isinstance(outcome, Refused) and slows(outcome):
            until = self._pacing.slow(task.message.recipient.email, now, asked_wait(outcome.text))
            log.info("a provider asks for patience", message=task.message.id, until=until.isoformat())
        self._record(change_for(task.message, outcome, self._rules, task.lease, now), task.lease)
        return False

    async def _probe(self) -> str | None:
        """What is wrong with the relay; a connection that stands is proof enough that it can be used."""
        return None if self._connected() else await Connection(self._settings.relay).probe()

    def _connected(self) -> bool:
        return any(connection.usable for connection in self._connections)

    def _stand_aside(self, task: _Task, outcome: Refused | Lost) -> bool:
        """The mail waits for the relay; so do all others, unless another connection shows that the relay works."""
        why = outcome.detail if isinstance(outcome, Lost) else f"{outcome.code} {outcome.text}"
        spare = outcome.stage == "connect" and self._connected()
        if spare:
            log.warning("the relay has no room for another connection", why=why)
        else:
            self._gate.trouble(why)
        now = self._clock.now()
        until = now + self._gate.pause
        self._record(waits_for_relay(task.message, outcome, self._rules, until, task.lease, now), task.lease)
        return spare

    async def _send(self, task: _Task, connection: Connection) -> Outcome:
        marked = False

        async def mark() -> None:
            nonlocal marked
            marked = await self._journal.mark(task.message.id, task.lease)
            if not marked:
                raise _LeaseLost

        sender = self._return_paths.address(task.message.id)
        try:
            mail = task.mail if self._signer is None else await self._signer.signed(task.mail)
            return await connection.send(sender, task.message.recipient.email, mail, mark)
        except _LeaseLost:
            raise
        except Exception as error:
            log.exception("could not send", message=task.message.id)
            return Lost(f"{type(error).__name__}: {error}", "data" if marked else "mail", in_doubt=marked)

    def _record(self, change: Change, lease: str) -> None:
        """Have an outcome recorded, or told beside the word of whoever had the message by then."""
        recorded = self._journal.outcome(change, lease)
        self._recording.add(recorded)
        recorded.add_done_callback(lambda done: self._see_recorded(done, change, lease))

    def _see_recorded(self, recorded: asyncio.Future[bool], change: Change, lease: str) -> None:
        self._recording.discard(recorded)
        if not recorded.cancelled() and not recorded.result() and change.lease is not None:
            self._record(late(change), lease)
