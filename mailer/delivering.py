"""Mails on their way: from the queue over several connections to the record of what came of each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog

from core.clock import Clock
from core.messages import Message, Result
from mailer.discretion import of_the_mail
from mailer.gate import RelayGate
from mailer.grounds import ground_of
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
from mailer.patience import slows
from mailer.session import of_the_session
from mailer.signing import Signer
from mailer.suspicion import Suspicion
from mailer.tally import Tally
from mailer.transport import Accepted, Connection, Lost, Outcome, Refused
from mailer.turns import Place, Turns

log = structlog.get_logger("mailer")

_SPARE_PAUSE_SECONDS = 5.0
"""How long a connection is left alone that the relay refused while it kept others."""


class _LeaseLost(Exception):
    """The message is no longer ours: somebody took us for dead, or a report came first."""


class Delivering:
    """What the connections of one sender do with the mails that wait for their `turns`.

    `in_hand` counts, by id, the claims of which not all is on record yet. `suspicion` is of the relay.
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
        self.turns = Turns(len(connections), patience, pacing, self._put_off)
        self.in_hand: Counter[str] = Counter()
        self.suspicion = Suspicion()
        self._connections = connections
        self._journal = journal
        self._gate = gate
        self._pacing = pacing
        self._rules = rules
        self._clock = clock
        self._signer = signer
        self._time = asyncio.get_running_loop().time
        self._undelivered, self._unrecorded = Tally(), Tally()

    def put(self, mail: Outgoing) -> None:
        """One more to deliver."""
        self._undelivered.up()
        self.turns.put(mail)

    def forget(self) -> None:
        """What has not begun is not begun any more."""
        self._undelivered.down(self.turns.forget())

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
        place = self.turns.place()
        try:
            while True:
                mail = await place.next()
                self._journal.begin()
                begun = self._time()
                try:
                    aside = await self._attempt(mail, connection, place)
                finally:
                    self._journal.end()
                    self._done(mail)
                    self.turns.see_ended(mail, self._time() - begun, place)
                if aside:
                    await asyncio.sleep(_SPARE_PAUSE_SECONDS)
        finally:
            place.end()
            self.turns.end()
            await connection.close()

    def _put_off(self, mail: Outgoing) -> bool:
        """Whether it must not go now, for whatever sake: it goes back to the outbox then."""
        message, now = mail.message, self._clock.now()
        wait = self._pacing.held(message.recipient.email, now)
        if not self._gate.admits(message.id):
            self.record(given_back(message, mail.lease, now, "relay"), mail.lease)
        elif wait is not None:
            self.record(postponed(message, wait, mail.lease, now), mail.lease)
        elif mail.stale_at <= self._time():
            self.record(given_back(message, mail.lease, now, "stale"), mail.lease)
        else:
            return False
        self._done(mail)
        return True

    def _done(self, mail: Outgoing) -> None:
        if self._gate.trial == mail.message.id:
            self._gate.tried()
        self._pacing.done(mail.message)
        self._undelivered.down()

    async def _attempt(self, mail: Outgoing, connection: Connection, place: Place) -> bool:
        """As `_deliver`; a fault of our own that one mail or its reply brings out does not stop the others."""
        try:
            return await self._deliver(mail, connection, place)
        except Exception as error:
            log.exception("a fault; the mail is left to a person", message=mail.message.id, alarm=True)
            why = f"{type(error).__name__}: {error}"
            self.record(left_in_doubt(mail.message, why, mail.lease, self._clock.now()), mail.lease)
            return False

    async def _deliver(self, mail: Outgoing, connection: Connection, place: Place) -> bool:
        """Send a mail and have its outcome recorded while the connection turns to the next one.

        True where the connection had better rest, since the relay has no room for it.
        """
        try:
            outcome = await self._send(mail, connection, place)
        except _LeaseLost:
            log.info("lease lost", message=mail.message.id)
            self._let_go(mail.message.id)
            return False
        outcome = of_the_mail(outcome, mail.message)
        if not isinstance(outcome, Accepted):
            return self._see_not_taken(mail, outcome)
        now = self._clock.now()
        self.suspicion.accepted(mail.provider)
        self._gate.fine()
        self._pacing.taken(mail.message, mail.provider, now)
        self.record(result_of(mail.message, outcome, self._rules, mail.lease, now), mail.lease)
        return False

    def _see_not_taken(self, mail: Outgoing, outcome: Refused | Lost) -> bool:
        """As `_deliver`."""
        if of_the_relay(outcome) or self.suspicion.see(mail, outcome, ground_of(outcome, self._rules.classify)):
            return self._stand_aside(mail, outcome)
        now = self._clock.now()
        if isinstance(outcome, Refused):
            if not self.suspicion.stands:
                self._gate.fine()
            if not of_the_session(outcome) and slows(outcome, self._rules.classify):
                self._be_patient(mail.message, outcome, now)
        self.record(result_of(mail.message, outcome, self._rules, mail.lease, now), mail.lease)
        return False

    def _be_patient(self, message: Message, refused: Refused, now: datetime) -> None:
        until = self._pacing.refused(message, refused, now)
        if until is not None:
            log.info("a provider asks for patience", message=message.id, until=until.isoformat())

    def _stand_aside(self, mail: Outgoing, outcome: Refused | Lost) -> bool:
        """The mail waits for the relay; so do all others, unless another connection shows that the relay works."""
        why = outcome.detail if isinstance(outcome, Lost) else f"{outcome.code} {outcome.text}"
        spare = outcome.stage == "connect" and self.connected()
        if spare:
            log.warning("the relay has no room for another connection", why=why)
        else:
            self._gate.trouble(why, by_mail=self.suspicion.only_a_mail_can_tell)
        now = self._clock.now()
        until = now + self._gate.pause
        self.record(waits_for_relay(mail.message, outcome, self._rules, until, mail.lease, now), mail.lease)
        return spare

    def connected(self) -> bool:
        """Whether a connection to the relay stands."""
        return any(connection.usable for connection in self._connections)

    async def _send(self, mail: Outgoing, connection: Connection, place: Place) -> Outcome:
        marked = False

        async def mark() -> None:
            nonlocal marked
            marked = await self._journal.mark(mail.message.id, mail.lease)
            if not marked:
                raise _LeaseLost

        try:
            signed = mail.mail if self._signer is None else await self._signer.signed(mail.mail)
            return await connection.send(*mail.route, signed, mark, place.introduce)
        except _LeaseLost:
            raise
        except Exception as error:
            log.exception("could not send", message=mail.message.id)
            return Lost(f"{type(error).__name__}: {error}", "data" if marked else "mail", in_doubt=marked)
