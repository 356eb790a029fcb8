"""The sender's part of a rehearsal: real claims, real mails, real outcome rules; only the wire is simulated.

The real send loop keeps its connections busy for as long as something is ready. So does this one, in turns of up to a
minute of simulated time: what is claimed at a moment leaves within that minute, one mail after the other on each
connection. While the relay is away nothing is claimed, and what had met it costs no try.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from core.clock import SimulatedClock
from core.kinds import Kind
from core.messages import Change, Message, Receipt, Result, Taken
from core.reports import Reason
from mailer.compose import Envelope, compose
from mailer.outcomes import OutcomeRules, held_back, of_the_relay, result_of, waits_for_relay
from mailer.sender import Outbox, Renderer
from mailer.transport import Accepted, Lost, Outcome, Refused
from todoke.rehearsal.relay import Handled, SimulatedRelay

LEASE = "rehearsal"
MINUTE = timedelta(minutes=1)
_RELAY_PAUSE = timedelta(seconds=30)
_CLAIMED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Tried:
    """A try of a message that ended at `at`."""

    message: Message
    mail: bytes
    handled: Handled
    at: datetime


@dataclass(frozen=True, slots=True)
class Postroom:
    """What mails are made with."""

    outbox: Outbox
    renderer: Renderer
    rules: OutcomeRules
    sender_address: str
    connections: int
    compose_every: int = 1  # of the reminders, one in so many is rendered and composed; of other mails, every one


class RehearsedSender:
    """Sends whatever is ready, at the pace of its connections."""

    def __init__(
        self, room: Postroom, relay: SimulatedRelay, clock: SimulatedClock, witness: Callable[[Tried], None]
    ) -> None:
        self._room = room
        self._relay = relay
        self._clock = clock
        self._witness = witness
        self._free: list[datetime] = []
        self._reminders = 0
        self._waits_for_relay = False
        self._numbers = count(1)

    async def run_until(self, moment: datetime) -> None:
        """Send until nothing is ready at the present moment, or until `moment`; the clock moves on meanwhile."""
        while (now := self._clock.now()) < moment:
            turn_ends = min(moment, _minute_after(now))
            self._waits_for_relay = self._waits_for_relay and self._relay.is_away(now)
            if not self._waits_for_relay and not await self._turn(now, turn_ends):
                return
            self._clock.leap_to(turn_ends)

    async def _turn(self, now: datetime, ends: datetime) -> bool:
        """One turn; False where nothing more is ready at its beginning."""
        self._free = [max(now, free) for free in self._free] or [now] * self._room.connections
        heapq.heapify(self._free)
        while (room := self._room_for(ends)) > 0 and not self._waits_for_relay:
            claimed = await self._room.outbox.claim(LEASE, min(room, _CLAIMED_AT_ONCE))
            await self._send(claimed)
            if len(claimed) < min(room, _CLAIMED_AT_ONCE):
                return False
        return True

    def _room_for(self, ends: datetime) -> int:
        """How many mails can leave before the turn ends, as far as one can tell."""
        least, most = self._relay.world.relay.reply_seconds
        seconds = sum((ends - free).total_seconds() for free in self._free if free < ends)
        return int(seconds / ((least + most) / 2)) + sum(free < ends for free in self._free)

    async def _send(self, claimed: Sequence[Message]) -> None:
        marks: list[str] = []
        outcomes: list[Result] = []
        for message in claimed:
            began = heapq.heappop(self._free)
            mail = self._made(message, began, outcomes)
            ended = began if mail is None else self._try(message, mail, began, marks, outcomes)
            heapq.heappush(self._free, ended)
        await self._note(marks, outcomes)

    async def _note(self, marks: Sequence[str], outcomes: Sequence[Result]) -> None:
        """In the steps of a sender's journal: marks, what has consequences, the rest."""
        outbox = self._room.outbox
        following = [result for result in outcomes if isinstance(result, Change)]
        taken = [result for result in outcomes if isinstance(result, Taken)]
        receipt = Receipt(next(self._numbers), taken) if taken else None
        if marks:
            await outbox.note(LEASE, marks, marks, None)
        if following:
            await outbox.record(following)
        if marks or receipt is not None:
            await outbox.note(LEASE, [], [], receipt)
        if receipt is not None:
            await outbox.enter(LEASE, [receipt])

    def _made(self, message: Message, now: datetime, outcomes: list[Result]) -> bytes | None:
        """The mail, empty where it is left out; None where it cannot be made."""
        if self._is_left_out(message):
            return b""
        try:
            return self._compose(message, now)
        except Exception as error:
            reason = getattr(error, "reason", Reason.CONTENTERROR.value)
            outcomes.append(held_back(message, str(error), reason, self._room.rules, LEASE, now))
            return None

    def _is_left_out(self, message: Message) -> bool:
        if message.kind is not Kind.REMINDER:
            return False
        self._reminders += 1
        return self._reminders % self._room.compose_every != 0

    def _compose(self, message: Message, now: datetime) -> bytes:
        room = self._room
        envelope = Envelope(
            kind=message.kind,
            sender_address=room.sender_address,
            recipient=message.recipient.email,
            reply_to=room.renderer.contact(message).email,
            message_id_header=message.message_id_header,
            date=now,
        )
        return compose(room.renderer.render(message), envelope)

    def _try(
        self, message: Message, mail: bytes, began: datetime, marks: list[str], outcomes: list[Result]
    ) -> datetime:
        handled = self._relay.handle(message, began)
        ended = began + timedelta(seconds=handled.seconds)
        if _reached_the_dot(handled):
            marks.append(message.id)
        outcomes.append(self._result(message, handled.outcome, ended))
        if handled.reports and not mail:
            mail = self._compose(message, began)  # a report quotes its mail
        self._witness(Tried(message, mail, handled, ended))
        return ended

    def _result(self, message: Message, outcome: Outcome, ended: datetime) -> Result:
        if isinstance(outcome, Accepted) or not of_the_relay(outcome):
            return result_of(message, outcome, self._room.rules, LEASE, ended)
        self._waits_for_relay = True
        return waits_for_relay(message, outcome, self._room.rules, ended + _RELAY_PAUSE, LEASE, ended)


def _reached_the_dot(handled: Handled) -> bool:
    match handled.outcome:
        case Accepted():
            return True
        case Refused(stage=stage) | Lost(stage=stage):
            return stage == "data"


def _minute_after(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0) + MINUTE
