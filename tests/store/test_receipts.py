"""What a relay took is durable with its receipt, enters its message once, and is never lost, doubted or told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, text

from bounce_handler.classifying import classify_reply
from config.values import InDoubt
from core.kinds import Kind
from core.mail import Recipient
from core.messages import Message, Noted, Receipt, Taken
from core.ports import Candidate, Claim
from core.retry import Schedule
from core.statuses import Status
from mailer.outcomes import OutcomeRules, result_of
from mailer.transport import Accepted
from store.direct import DirectConnection
from store.leases import Leases
from store.notes import Notes, PostgresNotes
from store.notes_sqlite import SqliteNotes
from store.outbox import StoredOutbox
from store.tables import receipts

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
SENDER = "sender-1"
REPLY = "2.0.0 Ok: 'queued' \"as\" \\ 配信 {1}"


class Policy:
    def decide(self, candidate: Candidate, now: datetime) -> Claim:
        return Claim()


@pytest.fixture
def leases(room: Any) -> Leases:
    return Leases(room.db, room.ledger, room.clock, Schedule([60, 300]), InDoubt())


@pytest.fixture
async def notes(room: Any, leases: Leases) -> AsyncIterator[Notes]:
    """Of a sender that lives."""
    await leases.enter(SENDER)
    notes: Notes = SqliteNotes(room.db) if room.db.sqlite else PostgresNotes(room.db)
    yield notes
    await notes.close()


def taken(room: Any, message_id: str, kind: Kind = Kind.REJECTION) -> Taken:
    """What a sender has to say of a mail that was taken."""
    timing = room.timing
    rules = OutcomeRules(Schedule([60]), classify_reply, InDoubt().waits, timing.settles_at, timing.first_due)
    message = Message(
        message_id,
        kind,
        Status.SENDING,
        Recipient("a@example.jp"),
        None,
        {},
        "<x@y>",
        0,
        0,
        None,
        None,
        prefecture="35",
    )
    return result_of(message, Accepted(250, REPLY), rules, SENDER, NOW)


async def left(room: Any) -> list[int]:
    async with room.db.read() as conn:
        return sorted((await conn.execute(select(receipts.c.number))).scalars())


async def held(room: Any, count: int, kind: Kind = Kind.REJECTION) -> list[str]:
    return [await room.add(kind, Status.SENDING) for _ in range(count)]


async def test_a_receipt_is_noted_with_marks_and_entered_later(room: Any, notes: Notes) -> None:
    ids = await held(room, 3)
    receipt = Receipt(7, [taken(room, one) for one in ids[:2]])
    assert await notes.write(1, SENDER, [ids[2]], [ids[2]], receipt) == Noted(frozenset({ids[2]}), noted=True)
    assert [await room.status(one) for one in ids] == [Status.SENDING] * 3
    assert await room.on_wire() == {ids[2]}
    assert await left(room) == [7]
    assert await notes.enter(SENDER, [receipt]) == set(ids[:2])
    row = await room.row(ids[0])
    assert (row.status, row.lease, row.secret, row.attempts) == (Status.SENT, None, None, 1)
    assert (row.sent_at, row.first_attempt_at, row.smtp_code) == (NOW, NOW, 250)
    assert (row.enhanced_code, row.diagnostic) == ("2.0.0", REPLY)
    assert row.settles_at == room.timing.settles_at(NOW, "35")
    (event,) = await room.story(ids[0])
    assert (event.type, event.status, event.at) == ("sent", Status.SENT, NOW)
    assert event.detail == {"attempt": 1, "smtp_code": 250, "reply": REPLY}
    assert await left(room) == []


async def test_the_same_again_does_no_harm(room: Any, notes: Notes) -> None:
    """As after a commit whose answer was lost."""
    ids = await held(room, 2)
    receipts_of = [Receipt(number, [taken(room, one)]) for number, one in enumerate(ids)]
    for number, receipt in enumerate(receipts_of * 2, 1):
        assert (await notes.write(number, SENDER, [], [], receipt)).noted
    assert await left(room) == [0, 1]
    for _ in range(2):
        assert await notes.enter(SENDER, receipts_of) == set(ids)
    assert [await room.told(one) for one in ids] == [["sent"], ["sent"]]


async def test_a_note_that_comes_late_changes_nothing(room: Any, notes: Notes) -> None:
    """As one that was under way when its connection broke, and that reaches the server after newer ones."""
    first, second, third = await held(room, 3)
    receipt = Receipt(1, [taken(room, first)])
    for number in (1, 3):  # the second was lost on its way, and is tried again
        await notes.write(number, SENDER, [second], [second], receipt)
    assert await notes.enter(SENDER, [receipt]) == {first}
    await notes.write(4, SENDER, [second, third], [third], None)
    late = Noted(frozenset(), noted=False)
    assert await notes.write(2, SENDER, [second], [second], receipt) == late
    assert await notes.write(4, SENDER, [], [third], Receipt(2, [taken(room, second)])) == late
    assert await room.on_wire() == {second, third}
    assert await left(room) == []


async def test_numbers_of_notes_outlast_a_season(room: Any, notes: Notes) -> None:
    """A busy sender writes hundreds of millions of notes in a week."""
    assert (await notes.write(2**31, SENDER, [], [], None)).noted
    assert (await notes.write(2**31 + 1, SENDER, [], [], None)).noted


async def test_a_report_that_came_first_wins(room: Any, notes: Notes) -> None:
    first, other = await held(room, 2)
    receipt = Receipt(1, [taken(room, first), taken(room, other)])
    await notes.write(1, SENDER, [], [], receipt)
    assert await room.move(first, Status.UNDELIVERED, "bounced", reason="userunknown")
    assert await notes.enter(SENDER, [receipt]) == {other}
    assert await room.status(first) is Status.UNDELIVERED
    assert await room.told(first) == ["bounced"]


async def test_who_takes_over_enters_what_was_noted_and_doubts_what_was_not(
    room: Any, notes: Notes, leases: Leases
) -> None:
    noted, guide, marked, waiting = *await held(room, 1), *await held(room, 1, Kind.GUIDE), *await held(room, 2)
    receipt = Receipt(1, [taken(room, noted), taken(room, guide, Kind.GUIDE)])
    await notes.write(1, SENDER, [marked], [marked], receipt)
    assert await leases.take_over_all() == 4
    found = [await room.status(one) for one in (noted, guide, marked, waiting)]
    assert found == [Status.SENT, Status.SENT, Status.IN_DOUBT, Status.SCHEDULED]
    row = await room.row(guide)
    assert (row.secret, row.sent_at, row.diagnostic, row.attempts) == (None, NOW, REPLY, 1)
    assert row.settles_at == room.timing.settles_at(NOW, "35")
    assert await room.told(noted) == ["sent"]
    assert await left(room) == []


@pytest.mark.parametrize("locked", ["receipts WHERE number = 1", "messages WHERE id = :message"])
async def test_a_receipt_that_another_has_locked_waits_and_is_not_forgotten(postgres_room: Any, locked: str) -> None:
    """It, or one of its mails. The rest is taken over, and what it tells of is neither in doubt nor sent again."""
    room = postgres_room
    leases = Leases(room.db, room.ledger, room.clock, Schedule([60, 300]), InDoubt())
    await leases.enter(SENDER)
    first, second, other, waiting = await held(room, 4)
    notes = PostgresNotes(room.db)
    await notes.write(1, SENDER, [], [], Receipt(1, [taken(room, first), taken(room, second)]))
    await notes.write(2, SENDER, [], [], Receipt(2, [taken(room, other)]))
    await notes.close()
    async with asyncio.timeout(60), room.db.write() as conn:
        await conn.execute(text(f"SELECT FROM {locked} FOR UPDATE"), {"message": second})
        await leases.leave(SENDER)
    found = [await room.status(one) for one in (first, second, other, waiting)]
    assert found == [Status.SENDING, Status.SENDING, Status.SENT, Status.SCHEDULED]
    assert await left(room) == [1]
    assert await leases.take_over_dead() == 2
    assert [await room.told(one) for one in (first, second)] == [["sent"], ["sent"]]
    assert await left(room) == []
    assert await leases.take_over_dead() == 0


async def test_a_receipt_of_mails_that_are_held_no_more_is_not_forgotten_either(postgres_room: Any) -> None:
    room = postgres_room
    leases = Leases(room.db, room.ledger, room.clock, Schedule([60, 300]), InDoubt())
    await leases.enter(SENDER)
    (bounced,) = await held(room, 1)
    notes = PostgresNotes(room.db)
    await notes.write(1, SENDER, [], [], Receipt(1, [taken(room, bounced)]))
    await notes.close()
    await room.move(bounced, Status.UNDELIVERED, "bounced", reason="userunknown")
    async with asyncio.timeout(60), room.db.write() as conn:
        await conn.execute(text("SELECT FROM receipts FOR UPDATE"))
        await leases.leave(SENDER)
    assert await left(room) == [1]
    assert await leases.take_over_dead() == 1
    assert await room.told(bounced) == ["bounced", "outcome-late"]
    assert await left(room) == []


async def test_who_takes_over_tells_what_came_too_late(room: Any, notes: Notes, leases: Leases) -> None:
    (bounced,) = await held(room, 1)
    await notes.write(1, SENDER, [], [], Receipt(1, [taken(room, bounced)]))
    await room.move(bounced, Status.UNDELIVERED, "bounced", reason="userunknown")
    await leases.take_over_all()
    assert await room.status(bounced) is Status.UNDELIVERED
    assert await room.told(bounced) == ["bounced", "outcome-late"]
    row = await room.row(bounced)
    assert (row.attempts, row.first_attempt_at, row.sent_at, row.reason) == (1, NOW, NOW, "userunknown")
    assert await left(room) == []


async def test_what_came_too_late_uncounts_no_try_of_another(room: Any, notes: Notes, leases: Leases) -> None:
    tried, again = await held(room, 2)
    await notes.write(1, SENDER, [], [], Receipt(1, [taken(room, tried), taken(room, again)]))
    await room.move(tried, Status.UNDELIVERED, "refused", attempts=3)
    await room.set(again, status=Status.SENDING, lease="sender-2", attempts=2)
    await leases.take_over_all()
    assert (await room.row(tried)).attempts == 3
    assert "outcome-late" in await room.told(again)
    assert ((await room.row(again)).attempts, (await room.row(again)).sent_at) == (2, None)


async def test_a_sender_that_was_taken_for_dead_learns_it_and_tells_nothing_twice(
    room: Any, notes: Notes, leases: Leases
) -> None:
    first, second = await held(room, 2)
    receipt = Receipt(1, [taken(room, first)])
    await notes.write(1, SENDER, [second], [second], receipt)
    await leases.take_over_all()
    assert await notes.enter(SENDER, [receipt]) == {first}
    assert await room.told(first) == ["sent"]
    late = Receipt(2, [taken(room, second)])
    assert await notes.write(2, SENDER, [], [second], late) == Noted(frozenset(), noted=False)
    assert await left(room) == []


async def test_of_two_who_enter_one_does(postgres_room: Any) -> None:
    room = postgres_room
    leases = Leases(room.db, room.ledger, room.clock, Schedule([60, 300]), InDoubt())
    await leases.enter(SENDER)
    ids = await held(room, 40)
    notes, others = PostgresNotes(room.db), PostgresNotes(room.db)
    noted = [Receipt(number, [taken(room, one)]) for number, one in enumerate(ids)]
    for number, receipt in enumerate(noted, 1):
        await notes.write(number, SENDER, [], [], receipt)
    answers = await asyncio.gather(
        notes.enter(SENDER, noted), others.enter(SENDER, noted[::-1]), leases.take_over_all(), leases.take_over_all()
    )
    assert answers[:2] == [set(ids), set(ids)]
    assert [await room.told(one) for one in ids] == [["sent"]] * 40
    await notes.close()
    await others.close()


@pytest.fixture
async def outbox(room: Any, leases: Leases) -> AsyncIterator[StoredOutbox]:
    await leases.enter(SENDER)
    outbox = StoredOutbox(room.db, room.ledger, room.cipher, Policy(), room.clock, room.places)
    yield outbox
    await outbox.close()


async def test_each_try_of_a_note_is_newer_than_the_one_before(room: Any, outbox: StoredOutbox) -> None:
    (message,) = await held(room, 1)
    for _ in range(2):
        assert await outbox.note(SENDER, [message], [message], None) == Noted(frozenset({message}), noted=True)


async def test_what_the_database_refuses_is_put_aside_and_the_others_enter(room: Any, outbox: StoredOutbox) -> None:
    good, bad = await held(room, 2)
    refused = taken(room, bad)._replace(enhanced_code=None, attempts=None)
    receipt = Receipt(1, [taken(room, good), refused])
    assert (await outbox.note(SENDER, [], [], receipt)).noted
    assert await outbox.enter(SENDER, [receipt]) == {good}
    assert [await room.status(one) for one in (good, bad)] == [Status.SENT, Status.SENDING]
    assert await left(room) == []


async def plan_of(connection: DirectConnection) -> str:
    """How a connection means to do the one statement that it has prepared."""
    assert connection._conversation is not None
    ((statement, name),) = connection._conversation._prepared.items()
    conn = connection._conversation._conn
    await conn.execute("SET enable_bitmapscan = off")
    nulls = b", ".join([b"NULL"] * len(statement.names))
    rows = await (await conn.execute(b"EXPLAIN EXECUTE " + name + b"(" + nulls + b")")).fetchall()
    return "\n".join(row[0] for row in rows)


async def test_notes_go_by_the_ids_given(postgres_room: Any) -> None:
    """However much is held: by the index of leases, or through the table, a note would read all of it."""
    room = postgres_room
    leases = Leases(room.db, room.ledger, room.clock, Schedule([60, 300]), InDoubt())
    await leases.enter(SENDER)
    await room.add_rows([room.row_of(Kind.REJECTION, Status.SENDING) for _ in range(500)])
    ids = await held(room, 10)
    notes = PostgresNotes(room.db)
    receipt = Receipt(1, [taken(room, one) for one in ids[:5]])
    await notes.write(1, SENDER, ids[5:], ids[5:], receipt)
    await notes.enter(SENDER, [receipt])
    for connection in (notes._noting, notes._entering):
        plan = await plan_of(connection)
        assert "pk_messages" in plan, plan
        assert "ix_messages_lease" not in plan, plan
        assert "Seq Scan on messages" not in plan, plan
    await notes.close()
