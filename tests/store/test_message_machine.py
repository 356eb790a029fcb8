"""Whatever happens in whatever order: messages on a database do what a plain model of them does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from bounce_handler.classifying import classify_reply
from config.values import InDoubt
from core.kinds import Kind
from core.mail import Recipient
from core.messages import Change, Message, Noted, Receipt, Taken
from core.ports import Candidate, Claim
from core.retry import Schedule
from core.statuses import BOUNCEABLE, CANCELLABLE, FINAL, Status
from mailer.outcomes import OutcomeRules, result_of
from mailer.transport import Accepted, Lost, Outcome, Refused
from store import schema
from store.chores import StoredChores
from store.engine import Database
from store.leases import Leases
from store.notes import Notes, PostgresNotes
from store.notes_sqlite import SqliteNotes
from store.outbox import StoredOutbox
from store.tables import events, institutions, messages, receipts, search_terms, senders, suppressions

INTERVALS = [60, 300, 3600]
SENDERS = ["sender-1", "sender-2"]
CLAIMABLE = {Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT}
EXPIRING = {Status.HELD, Status.SCHEDULED, Status.DEFERRED}

ACCEPTED = Accepted(250, "2.0.0 Ok")
FULL = Refused(452, "4.2.2 full", "rcpt")
UNKNOWN = Refused(550, "5.1.1 user unknown", "rcpt")
CUT_EARLY = Lost("cut", "mail")
CUT_LATE = Lost("cut", "data", in_doubt=True)


@dataclass
class Mail:
    """The plain model of a message."""

    kind: Kind
    status: Status
    secret: bool
    ready_at: datetime | None
    waits_for: str | None = None
    expires_at: datetime | None = None
    lease: str | None = None
    marked: bool = False
    receipt: int | None = None  # noted as taken, and not entered yet
    attempts: int = 0
    troubles: int = 0
    first_at: datetime | None = None
    doubted: bool = False  # once in doubt: it may have arrived

    def become(self, status: Status, ready_at: datetime | None = None) -> None:
        self.status, self.ready_at = status, ready_at
        self.lease, self.marked, self.receipt = None, False, None
        if status in FINAL:
            self.secret = False

    def tried(self, now: datetime) -> None:
        self.attempts += 1
        self.first_at = self.first_at or now

    def wait(self, now: datetime) -> datetime | None:
        assert self.first_at is not None
        at = now + timedelta(seconds=INTERVALS[min(self.troubles, len(INTERVALS) - 1)])
        self.troubles += 1
        return at if at <= self.first_at + timedelta(hours=72) else None

    def doubt(self, now: datetime) -> None:
        self.tried(now)
        at: datetime | None = None
        if self.kind is not Kind.GUIDE:
            at = now if self.attempts == 1 else self.wait(now)
        self.stay_in_doubt(at)

    def stay_in_doubt(self, at: datetime | None) -> None:
        self.doubted = True
        self.secret = self.secret and at is not None
        self.become(Status.IN_DOUBT, at)


@dataclass(frozen=True)
class Note:
    """One that was written."""

    number: int
    wire: frozenset[str]
    marks: list[str]
    receipt: Receipt | None


class Policy:
    def decide(self, candidate: Candidate, now: datetime) -> Claim:
        return Claim()


class Machine(RuleBasedStateMachine):
    """Rules act on the database and on the model; the invariant compares them."""

    mails = Bundle("mails")

    def __init__(self, url: str, room_type: Any) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.db = Database(url)
        self.room = room_type(self.db)
        self.model: dict[str, Mail] = {}
        self.receipts: dict[str, list[Receipt]] = {sender: [] for sender in SENDERS}
        self.numbers = count(1)
        self.notes: Notes = SqliteNotes(self.db) if self.db.sqlite else PostgresNotes(self.db)
        self.written: dict[str, list[Note]] = {sender: [] for sender in SENDERS}
        schedule = Schedule(INTERVALS)
        self.rules_of_outcomes = OutcomeRules(
            schedule, classify_reply, InDoubt().waits, self.room.timing.settles_at, lambda kind, at, prefecture: at
        )
        self.outbox = StoredOutbox(
            self.db, self.room.ledger, self.room.cipher, Policy(), self.room.clock, self.room.places
        )
        self.leases = Leases(self.db, self.room.ledger, self.room.clock, schedule, InDoubt())
        self.chores = StoredChores(self.db, self.room.ledger)
        self.run(self.begin())

    async def begin(self) -> None:
        await schema.upgrade(self.db)
        async with self.db.write() as conn:
            for table in (events, suppressions, messages, search_terms, institutions, senders, receipts):
                await conn.execute(table.delete())
        for sender in SENDERS:
            await self.leases.enter(sender)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.notes.close())
        self.run(self.outbox.close())
        self.run(self.db.close())
        self.runner.close()

    @property
    def now(self) -> datetime:
        now: datetime = self.room.clock.now()
        return now

    def record(self, change: Change) -> bool:
        return bool(self.run(self.room.ledger.record([change]))[0])

    @rule(
        target=mails, kind=st.sampled_from([Kind.REJECTION, Kind.PASSWORD_RESET]), hours=st.none() | st.integers(1, 50)
    )
    def publish(self, kind: Kind, hours: int | None) -> str:
        expires_at = None if hours is None else self.now + timedelta(hours=hours)
        message: str = self.run(self.room.add(kind, ready_at=self.now, expires_at=expires_at))
        self.model[message] = Mail(kind, Status.SCHEDULED, secret=False, ready_at=self.now, expires_at=expires_at)
        return message

    @rule(target=mails)
    def publish_pre_check(self) -> str:
        message: str = self.run(self.room.add(Kind.PRE_CHECK, ready_at=self.now))
        self.model[message] = Mail(Kind.PRE_CHECK, Status.SCHEDULED, secret=False, ready_at=self.now)
        return message

    @rule(target=mails, pre_check=mails, hours=st.none() | st.integers(1, 50))
    def publish_guide(self, pre_check: str, hours: int | None) -> str:
        """Waits for a pre-check that is open; for any other mail it waits for good."""
        status = self.model[pre_check].status
        waits = None if status in FINAL else pre_check
        expires_at = None if hours is None else self.now + timedelta(hours=hours)
        message: str = self.run(self.room.add(Kind.GUIDE, Status.HELD, waits_for=waits, expires_at=expires_at))
        self.model[message] = Mail(Kind.GUIDE, Status.HELD, True, None, waits_for=waits, expires_at=expires_at)
        return message

    @rule(sender=st.sampled_from(SENDERS), most=st.sampled_from([1, 100]))
    def claim(self, sender: str, most: int) -> None:
        claimed = {message.id for message in self.run(self.outbox.claim(sender, most))}
        ready = {
            one
            for one, mail in self.model.items()
            if mail.status in CLAIMABLE and mail.ready_at is not None and mail.ready_at <= self.now
        }
        assert claimed <= ready
        assert len(claimed) == min(most, len(ready))
        for one in claimed:
            self.model[one] = replace(self.model[one], status=Status.SENDING, ready_at=None, lease=sender)

    @rule(one=mails, sender=st.sampled_from(SENDERS))
    def mark(self, one: str, sender: str) -> None:
        mail = self.model[one]
        if mail.receipt is not None:
            return
        marked = self.note(sender, {*self.wire(sender), one}, [one])
        assert marked == Noted(frozenset({one} if mail.lease == sender else set()), noted=True)
        if not marked.held:
            self.note(sender, self.wire(sender))
        mail.marked = mail.marked or mail.lease == sender

    def note(self, sender: str, wire: set[str], marks: Sequence[str] = (), receipt: Receipt | None = None) -> Noted:
        note = Note(next(self.numbers), frozenset(wire), list(marks), receipt)
        self.written[sender].append(note)
        return self.write(sender, note)

    def write(self, sender: str, note: Note) -> Noted:
        noted: Noted = self.run(self.notes.write(note.number, sender, note.wire, note.marks, note.receipt))
        return noted

    @rule(sender=st.sampled_from(SENDERS), age=st.integers(0, 5))
    def write_late(self, sender: str, age: int) -> None:
        """A copy of a note that was under way when its connection broke comes after the one that stood for it."""
        if age < len(self.written[sender]):
            late = self.written[sender][-1 - age]
            assert self.write(sender, late) == Noted(frozenset(), noted=False)

    def wire(self, sender: str) -> set[str]:
        return {one for one, mail in self.model.items() if mail.lease == sender and mail.marked}

    @rule(
        one=mails,
        sender=st.sampled_from(SENDERS),
        outcome=st.sampled_from([ACCEPTED, FULL, UNKNOWN, CUT_EARLY, CUT_LATE]),
        again=st.booleans(),
    )
    def end_a_try(self, one: str, sender: str, outcome: Outcome, again: bool) -> None:
        mail = self.model[one]
        if mail.receipt is not None:
            return
        result = result_of(as_message(one, mail), outcome, self.rules_of_outcomes, sender, self.now)
        if isinstance(result, Taken) and mail.lease != sender and mail.status not in FINAL:
            return  # a sender loses a mail to a report alone, or to one that takes it for dead
        if isinstance(result, Taken):
            self.note_taken(mail, result, sender, 2 if again else 1)
            return
        recorded = self.record(result)
        self.note(sender, self.wire(sender) - {one})
        assert recorded is (mail.lease == sender)
        if mail.lease != sender:
            return
        if outcome is CUT_LATE:
            mail.doubt(self.now)
            return
        mail.tried(self.now)
        if outcome in (FULL, CUT_EARLY):
            at = mail.wait(self.now)
            if mail.doubted:
                mail.stay_in_doubt(at)
            else:
                mail.become(Status.UNDELIVERED if at is None else Status.DEFERRED, at)
        else:
            mail.become(Status.SENT if outcome is ACCEPTED else Status.UNDELIVERED)
        self.ask_gates(one)

    def note_taken(self, mail: Mail, taken: Taken, sender: str, times: int) -> None:
        """A sender that did not hear of its note's commit writes it once more."""
        receipt = Receipt(next(self.numbers), [taken])
        for _ in range(times):
            wire = self.wire(sender) - {taken.message_id}
            assert self.note(sender, wire, receipt=receipt).noted
        self.receipts[sender].append(receipt)
        if mail.lease == sender:
            mail.receipt, mail.marked = receipt.number, False

    @rule(sender=st.sampled_from(SENDERS), again=st.booleans())
    def enter(self, sender: str, again: bool) -> None:
        receipts, self.receipts[sender] = self.receipts[sender], []
        if receipts:
            expected = self.see_entered(receipts)
            assert self.run(self.outbox.enter(sender, receipts)) == expected
        if receipts and again:  # it did not hear of the commit: what is gone is taken for entered
            everything = {taken.message_id for receipt in receipts for taken in receipt.taken}
            assert self.run(self.outbox.enter(sender, receipts)) == everything

    def see_entered(self, receipts: list[Receipt]) -> set[str]:
        """What becomes of the mails of these receipts; those that were still waiting for it."""
        entered = set()
        for receipt in receipts:
            for taken in receipt.taken:
                mail = self.model[taken.message_id]
                if mail.receipt == receipt.number:
                    mail.tried(taken.at)
                    mail.become(Status.SENT)
                    entered.add(taken.message_id)
        return entered

    @rule(one=mails)
    def bounce(self, one: str) -> None:
        mail = self.model[one]
        bounced = self.record(Change(one, Status.UNDELIVERED, "bounced", self.now, {}, {"reason": "userunknown"}))
        assert bounced is (mail.status in BOUNCEABLE)
        if bounced:
            mail.become(Status.UNDELIVERED)
            self.ask_gates(one)

    @rule(one=mails)
    def report_delivery(self, one: str) -> None:
        mail = self.model[one]
        sources = frozenset({Status.IN_DOUBT})
        values = {"sent_at": self.now}
        change = Change(one, Status.SENT, "delivery-reported", self.now, {}, values, sources=sources)
        assert self.record(change) is (mail.status is Status.IN_DOUBT)
        if mail.status is Status.IN_DOUBT:
            mail.become(Status.SENT)
            self.ask_gates(one)

    @rule(one=mails)
    def withdraw(self, one: str) -> None:
        mail = self.model[one]
        withdrawn = self.record(Change(one, Status.CANCELLED, "cancelled", self.now, {}, {"reason": "withdrawn"}))
        assert withdrawn is (mail.status in CANCELLABLE)
        if withdrawn:
            mail.become(Status.CANCELLED)
            self.ask_gates(one)
            self.withdraw_promise(one)

    @rule(sender=st.sampled_from(SENDERS))
    def die(self, sender: str) -> None:
        self.run(self.leases.leave(sender))
        self.run(self.leases.enter(sender))
        self.written[sender].clear()  # in earnest it has another name now
        receipts, self.receipts[sender] = self.receipts[sender], []
        entered = self.see_entered(receipts)
        for taken in (taken for receipt in receipts for taken in receipt.taken if taken.message_id not in entered):
            late = self.model[taken.message_id]
            if late.status is Status.UNDELIVERED:  # it reports on this try
                late.attempts = max(late.attempts, taken.attempts)
        for mail in self.model.values():
            if mail.lease == sender:
                self.give_back(mail)

    def give_back(self, mail: Mail) -> None:
        if mail.marked:
            mail.doubt(self.now)
        elif mail.doubted:
            mail.stay_in_doubt(self.now)
        else:
            mail.become(Status.SCHEDULED, self.now)

    @rule(minutes=st.sampled_from([1, 5, 60, 24 * 60]))
    def pass_time(self, minutes: int) -> None:
        self.room.clock.leap_to(self.now + timedelta(minutes=minutes))

    @rule()
    def expire(self) -> None:
        due = {
            one: mail
            for one, mail in self.model.items()
            if mail.status in EXPIRING and mail.expires_at is not None and mail.expires_at <= self.now
        }
        assert self.run(self.chores.expire_due(self.now)) == len(due)
        for mail in due.values():
            mail.become(Status.EXPIRED)
        for one in due:
            self.withdraw_promise(one)

    def ask_gates(self, pre_check: str) -> None:
        end = self.model[pre_check]
        if end.kind is not Kind.PRE_CHECK or end.status not in FINAL:
            return
        for mail in self.model.values():
            if mail.waits_for != pre_check or mail.status not in CANCELLABLE:
                continue
            if end.status is not Status.SENT:
                mail.become(Status.CANCELLED)
            elif mail.status is Status.HELD:
                mail.become(Status.SCHEDULED, self.room.timing.guide_due(self.now, "35"))

    def withdraw_promise(self, guide: str) -> None:
        """A guide has ended without leaving: so does the pre-check that promises it, and what else waits for that."""
        promising = self.model[guide].waits_for
        if self.model[guide].kind is not Kind.GUIDE or promising is None:
            return
        pre_check = self.model[promising]
        if pre_check.kind is Kind.PRE_CHECK and pre_check.status in CANCELLABLE:
            pre_check.become(Status.CANCELLED)
            self.ask_gates(promising)

    @invariant()
    def what_was_noted_stands(self) -> None:
        """But for mails that were lost to a report since, of which the next note says nothing any more."""
        noted, on_wire = self.run(self.noted())
        assert noted == {(sender, one.number) for sender in SENDERS for one in self.receipts[sender]}
        assert all(self.wire(sender) <= on_wire[sender] for sender in SENDERS)

    async def noted(self) -> tuple[set[tuple[str, int]], dict[str, set[str]]]:
        """Receipts that are not entered yet, and what each sender has on its wires."""
        async with self.db.read() as conn:
            found = (await conn.execute(select(receipts.c.sender, receipts.c.number))).all()
            wires = (await conn.execute(select(senders.c.id, senders.c.on_wire))).all()
        return {(row.sender, row.number) for row in found}, {row.id: set(row.on_wire) for row in wires}

    @invariant()
    def the_database_agrees(self) -> None:
        for row, last in self.run(self.rows()):
            mail = self.model[row.id]
            found = (row.status, row.ready_at, row.lease, row.attempts, row.secret is not None)
            expected = (mail.status, mail.ready_at, mail.lease, mail.attempts, mail.secret)
            assert found == expected, row.id
            assert last in (None, row.status)

    async def rows(self) -> list[Any]:
        """Each message with the status that its last event tells."""
        newest = select(events.c.status).where(events.c.message_id == messages.c.id)
        newest = newest.order_by(events.c.id.desc()).limit(1)
        async with self.db.read() as conn:
            found = (await conn.execute(select(messages, newest.scalar_subquery().label("told")))).all()
        return [(row, row.told) for row in found]


def as_message(message_id: str, mail: Mail) -> Message:
    return Message(
        id=message_id,
        kind=mail.kind,
        status=Status.IN_DOUBT if mail.doubted else Status.SCHEDULED,
        recipient=Recipient("soumu@example.jp"),
        institution=None,
        data={},
        message_id_header="<x@example.jp>",
        attempts=mail.attempts,
        troubles=mail.troubles,
        first_attempt_at=mail.first_at,
        expires_at=mail.expires_at,
    )


@pytest.mark.parametrize(("fixture", "examples"), [("sqlite_url", 40), ("postgres_url", 10)])
def test_messages_do_what_the_model_does(
    request: pytest.FixtureRequest, make_room: Any, fixture: str, examples: int
) -> None:
    url = request.getfixturevalue(fixture)
    run_state_machine_as_test(
        lambda: Machine(url, make_room),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
