"""Mails on their way: from the queue over several connections to the record of what came of each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from operator import attrgetter

import structlog

from core.clock import Clock
from core.messages import Result
from mailer.alarm import Alarm
from mailer.at_mail import AtMail
from mailer.gate import RelayGate
from mailer.journal import Journal
from mailer.outcomes import (
    OutcomeRules,
    given_back,
    left_in_doubt,
    of_the_relay,
    postponed,
    result_of,
    waits_for_relay,
)
from mailer.outgoing import Outgoing
from mailer.pacing import Pacing
from mailer.patience import asked_wait, slows
from mailer.reserve import Reserve
from mailer.shares import Shares
from mailer.signing import Signer
from mailer.tally import Tally
from mailer.transport import Accepted, Connection, Lost, Outcome, Refused, Route
from mailer.urgent_first import UrgentFirst

log = structlog.get_logger("mailer")

_SPARE_PAUSE_SECONDS = 5.0
"""How long a connection is left alone that the relay refused while it kept others."""


class _LeaseLost(Exception):
    """The message is no longer ours: somebody took us for dead, or a report came first."""


class Delivering:
    """The queue of one sender, and what its connections do with it.

    `wanted` is set when it runs short: down to `enough` mails, which last until more are claimed. Those that wait for
    a slow provider are not among them.
    `in_hand` counts, by id, the claims of which not all is on record yet.
    `patience`: seconds that a mail waits behind one which the relay does not answer to, before another connection
    may have it; and after which a provider is slow.
    """

    def __init__(
        self,
        connections: Sequence[Connection],
        journal: Journal,
        gate: RelayGate,
        pacing: Pacing,
        rules: OutcomeRules,
        clock: Clock,
        signer: Signer | None,
        patience: float,
    ) -> None:
        self.patience = patience
        self.wanted = asyncio.Event()
        self.wanted.set()
        self.enough = len(connections)
        self.in_hand: Counter[str] = Counter()
        self._connections = connections
        self._journal = journal
        self._gate = gate
        self._pacing = pacing
        self._rules = rules
        self._clock = clock
        self._signer = signer
        self._queue: UrgentFirst[Outgoing] = UrgentFirst(attrgetter("urgent"))
        self._time = asyncio.get_running_loop().time
        self._shares: Shares[Outgoing] = Shares(
            len(connections), patience, pacing.connections, attrgetter("urgent"), self._time
        )
        self._reserve: Reserve[Outgoing] = Reserve(len(connections), self._shares)
        self._aheads: list[_Ahead] = []
        self._at_mail = AtMail()
        self._second_look = Alarm(self._look_again)
        self._undelivered, self._unrecorded = Tally(), Tally()
        self._idle = 0
        self._some_wait_for_slow = False

    def put(self, mail: Outgoing) -> None:
        """One more to deliver."""
        self._undelivered.up()
        if self._shares.full(mail.provider):
            self._wait(mail)  # nobody needs to be woken for it
        else:
            self._queue.put_nowait(mail)
        if not self._short_of_work():
            self.wanted.clear()

    def stalled(self) -> Sequence[str]:
        """How addresses end to which no more mails are wanted for now: so many wait already for who is slow."""
        return self._pacing.endings(self._shares.stalled())

    def forget(self) -> None:
        """What has not begun is not begun any more."""
        while not self._queue.empty():
            self._queue.get_nowait()
            self._undelivered.down()
        self._undelivered.down(self._shares.forget() + self._reserve.forget())

    async def finished(self) -> None:
        """Wait until all that was put is delivered and recorded."""
        await self._undelivered.none()
        await self._unrecorded.none()

    def record(self, result: Result, lease: str) -> None:
        """Have an outcome recorded, or told beside the word of whoever had the message by then."""
        self._unrecorded.up()
        self._journal.outcome(result, lease, partial(self._see_recorded, result, lease))

    def _see_recorded(self, result: Result, lease: str, recorded: bool) -> None:
        if result.lease is not None:
            self._let_go(result.message_id)
        following = None if recorded else result.late()
        if following is not None:
            self.record(following, lease)
        self._unrecorded.down()

    def _let_go(self, message_id: str) -> None:
        # Counted, since a message may be claimed anew before we hear that its last outcome is on record.
        self.in_hand[message_id] -= 1
        if self.in_hand[message_id] <= 0:
            del self.in_hand[message_id]

    async def work(self, connection: Connection) -> None:
        """Deliver over one connection until cancelled."""
        ahead = _Ahead(self)
        self._aheads.append(ahead)
        try:
            while True:
                mail = ahead.current = ahead.taken() or await self._next(ahead)
                self._journal.begin()
                begun = self._time()
                try:
                    aside = await self._attempt(mail, connection, ahead)
                finally:
                    self._journal.end()
                    self._done(mail)
                    self._see_ended(mail, self._time() - begun, ahead)
                if aside:
                    await asyncio.sleep(_SPARE_PAUSE_SECONDS)
        finally:
            ahead.end()
            self._second_look.end()
            await connection.close()

    async def _next(self, ahead: _Ahead) -> Outgoing:
        while True:
            self._idle += 1
            try:
                mail = await self._queue.get()
            finally:
                self._idle -= 1
            if self._admitted(mail, ahead):
                return mail

    def next_behind(self, ahead: _Ahead, current: Outgoing) -> Outgoing | None:
        """A mail that may go behind another over the same connection, where no other connection is free for it."""
        while (mail := self._next_at_once(current)) is not None:
            if self._admitted(mail, ahead, behind=current):
                return mail
        return None

    def _next_at_once(self, current: Outgoing) -> Outgoing | None:
        if self._idle or self._queue.empty():
            return self._shares.behind(current.provider)
        return self._queue.get_nowait()

    def give_back(self, mail: Outgoing, *, behind: Outgoing | None) -> None:
        """It has not begun after all, and any connection may have it.

        It has a place of its own, unless it shares that of a mail before it which is still under way.
        """
        self._queue.put_first(mail)
        if behind is None or mail.provider != behind.provider:
            self._end(mail, None)

    def _admitted(self, mail: Outgoing, ahead: _Ahead, *, behind: Outgoing | None = None) -> bool:
        """Whether a mail goes now over the connection that is free, or will be; if not, it is seen to here.

        One that follows another to the same provider takes no connection from others.
        """
        if self._short_of_work():
            self.wanted.set()
        message, now = mail.message, self._clock.now()
        wait = self._pacing.held(message.recipient.email, now)
        if self._gate.closed:
            self.record(given_back(message, mail.lease, now), mail.lease)
        elif wait is not None:
            self.record(postponed(message, wait, mail.lease, now), mail.lease)
        elif self._follows(mail, behind):
            return True
        elif not self._reserve.admits(mail.provider, self._holding(but=ahead), urgent=mail.urgent):
            self._set_aside(mail)
            return False
        elif self._shares.begin(mail.provider):
            return True
        else:
            self._wait(mail)
            return False
        self._done(mail)
        self._release()  # for the same is to be done with those that wait behind it
        return False

    def _done(self, mail: Outgoing) -> None:
        self._pacing.done(mail.message)
        self._undelivered.down()

    def _holding(self, but: _Ahead | None = None) -> list[str]:
        """Whose mails the connections are busy with, apart from one connection."""
        return [one.current.provider for one in self._aheads if one is not but and one.current is not None]

    def _wait(self, mail: Outgoing) -> None:
        """It waits for others to the same provider."""
        self._look_again_later()
        self._shares.wait(mail.provider, mail)

    def _set_aside(self, mail: Outgoing) -> None:
        """It waits for mails to others that nobody knows as quick, either."""
        self._look_again_later()
        self._reserve.wait(mail)

    def _look_again_later(self) -> None:
        if not self._shares.waiting and not self._reserve.waiting:
            self._second_look.set(self.patience)

    def _follows(self, mail: Outgoing, current: Outgoing | None) -> bool:
        same = current is not None and current.provider == mail.provider
        return same and self._shares.may_follow(mail.provider)

    def _see_ended(self, mail: Outgoing, seconds: float, ahead: _Ahead) -> None:
        """It took so long; the mail behind it may keep its place."""
        follows, ahead.current = ahead.follows, None
        if follows:
            self._shares.go_on(mail.provider, seconds)
        else:
            self._end(mail, seconds)

    def _end(self, mail: Outgoing, seconds: float | None) -> None:
        """One is not under way any more; those that waited for it are looked at again."""
        self._shares.end(mail.provider, seconds)
        self._release()

    def _release(self) -> None:
        released = [*self._shares.released(), *self._released_from_aside()]
        for mail in reversed(released):
            self._queue.put_first(mail)

    def _released_from_aside(self) -> Sequence[Outgoing]:
        return self._reserve.released(self._holding()) if self._reserve.waiting else ()

    def _look_again(self) -> None:
        """Who is slow is known after a while, without anything happening."""
        self._release()
        self._some_wait_for_slow = self._shares.soon() < self._shares.waiting
        if self._short_of_work():
            self.wanted.set()
        if self._shares.waiting or self._reserve.waiting:
            self._second_look.set(self.patience)

    def _short_of_work(self) -> bool:
        if self._reserve.full:
            return False
        waiting = self._shares.soon() if self._some_wait_for_slow else self._shares.waiting
        return self._queue.qsize() + waiting <= self.enough

    async def _attempt(self, mail: Outgoing, connection: Connection, ahead: _Ahead) -> bool:
        """As `_deliver`; a fault of our own that one mail or its reply brings out does not stop the others."""
        try:
            return await self._deliver(mail, connection, ahead)
        except Exception as error:
            log.exception("a fault; the mail is left to a person", message=mail.message.id, alarm=True)
            why = f"{type(error).__name__}: {error}"
            self.record(left_in_doubt(mail.message, why, mail.lease, self._clock.now()), mail.lease)
            return False

    async def _deliver(self, mail: Outgoing, connection: Connection, ahead: _Ahead) -> bool:
        """Send a mail and have its outcome recorded while the connection turns to the next one.

        True where the connection had better rest, since the relay has no room for it.
        """
        try:
            outcome = await self._send(mail, connection, ahead)
        except _LeaseLost:
            log.info("lease lost", message=mail.message.id)
            self._let_go(mail.message.id)
            return False
        if not isinstance(outcome, Accepted) and self._is_of_the_relay(mail, outcome):
            return self._stand_aside(mail, outcome)
        now = self._clock.now()
        if isinstance(outcome, Accepted) or outcome.stage != "mail":
            self._at_mail.passed()
        if not isinstance(outcome, Lost):
            self._gate.fine()
        if isinstance(outcome, Refused) and slows(outcome):
            until = self._pacing.slow(mail.message.recipient.email, now, asked_wait(outcome.text))
            log.info("a provider asks for patience", message=mail.message.id, until=until.isoformat())
        self.record(result_of(mail.message, outcome, self._rules, mail.lease, now), mail.lease)
        return False

    def _is_of_the_relay(self, mail: Outgoing, outcome: Refused | Lost) -> bool:
        if of_the_relay(outcome):
            return True
        return outcome.stage == "mail" and self._at_mail.is_of_the_relay(mail.message.id, mail.route[0])

    @property
    def doubted_sender(self) -> str | None:
        """An envelope's sender whom the relay has to take before it can be used again, where it takes none."""
        return self._at_mail.sender

    def _stand_aside(self, mail: Outgoing, outcome: Refused | Lost) -> bool:
        """The mail waits for the relay; so do all others, unless another connection shows that the relay works."""
        why = outcome.detail if isinstance(outcome, Lost) else f"{outcome.code} {outcome.text}"
        spare = outcome.stage == "connect" and self.connected()
        if spare:
            log.warning("the relay has no room for another connection", why=why)
        else:
            self._gate.trouble(why)
        now = self._clock.now()
        until = now + self._gate.pause
        self.record(waits_for_relay(mail.message, outcome, self._rules, until, mail.lease, now), mail.lease)
        return spare

    def connected(self) -> bool:
        """Whether a connection to the relay stands."""
        return any(connection.usable for connection in self._connections)

    async def _send(self, mail: Outgoing, connection: Connection, ahead: _Ahead) -> Outcome:
        marked = False

        async def mark() -> None:
            nonlocal marked
            marked = await self._journal.mark(mail.message.id, mail.lease)
            if not marked:
                raise _LeaseLost

        try:
            signed = mail.mail if self._signer is None else await self._signer.signed(mail.mail)
            return await connection.send(*mail.route, signed, mark, ahead.take)
        except _LeaseLost:
            raise
        except Exception as error:
            log.exception("could not send", message=mail.message.id)
            return Lost(f"{type(error).__name__}: {error}", "data" if marked else "mail", in_doubt=marked)


class _Ahead:
    """The mail that is introduced to the relay while its connection waits for the answer to the one before."""

    def __init__(self, delivering: Delivering) -> None:
        self.current: Outgoing | None = None
        self._delivering = delivering
        self._mail: Outgoing | None = None
        self._patience = Alarm(self._give_back)

    @property
    def follows(self) -> bool:
        """Whether it keeps the current one's place among those to their provider."""
        return self._mail is not None and self.current is not None and self._mail.provider == self.current.provider

    def take(self) -> Route | None:
        """The next mail's envelope, where there is one."""
        self._mail = None if self.current is None else self._delivering.next_behind(self, self.current)
        if self._mail is None:
            return None
        self._patience.set(self._delivering.patience)
        return self._mail.route

    def taken(self) -> Outgoing | None:
        """The mail, whose turn has come."""
        self._patience.lift()
        mail, self._mail = self._mail, None
        return mail

    def end(self) -> None:
        """Nothing more is introduced."""
        self._patience.end()

    def _give_back(self) -> None:
        mail = self.taken()
        if mail is not None:
            self._delivering.give_back(mail, behind=self.current)
