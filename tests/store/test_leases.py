"""Heartbeats and take-overs: the dead leave nothing behind, and nobody living loses a lease."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, select, text, update

from config.values import InDoubt
from core.kinds import Kind
from core.messages import Change
from core.ports import Part
from core.retry import Schedule
from core.statuses import Status
from store.bulk import insert_rows
from store.leases import Leases
from store.reading_relay import RelayAway, relay_away
from store.tables import events, messages, senders

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
LEASE = 10.0


class Watch:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def leases(room: Any, watch: Watch) -> Leases:
    return new_leases(room, watch)


def new_leases(room: Any, watch: Watch) -> Leases:
    """As of another process."""
    return Leases(room.db, room.ledger, room.clock, Schedule([60, 300]), InDoubt(), LEASE, watch)


async def silence(room: Any, sender: str, seconds: float) -> None:
    """Put a sender's last beat into the past."""
    async with room.db.write() as conn:
        row = (await conn.execute(select(senders.c.beat_at).where(senders.c.id == sender))).scalar_one()
        past = update(senders).where(senders.c.id == sender).values(beat_at=row - timedelta(seconds=seconds))
        await conn.execute(past)


async def look_for(leases: Leases, watch: Watch, seconds: float) -> int:
    """Look once a second for so long; how many messages were taken over."""
    taken = 0
    for _ in range(int(seconds) + 1):
        taken += await leases.take_over_dead()
        watch.seconds += 1
    return taken


async def dead_sender(room: Any, leases: Leases, name: str = "sender-1") -> None:
    await leases.enter(name)
    await silence(room, name, LEASE + 1)


async def test_what_a_dead_sender_had_not_begun_goes_back(room: Any, leases: Leases, watch: Watch) -> None:
    await dead_sender(room, leases)
    message = await room.add(Kind.GUIDE, Status.SENDING)
    assert await look_for(leases, watch, LEASE) == 1
    row = await room.row(message)
    assert (row.status, row.lease, row.ready_at, row.attempts) == (Status.SCHEDULED, None, NOW, 0)
    assert row.secret is not None
    (event,) = await room.story(message)
    assert (event.type, event.detail) == ("taken-over", {"sender": "sender-1"})


async def test_a_guide_that_was_on_the_wire_is_in_doubt_and_waits(room: Any, leases: Leases, watch: Watch) -> None:
    await dead_sender(room, leases)
    message = await room.add(Kind.GUIDE, Status.SENDING)
    await room.put_on_wire(message)
    assert await look_for(leases, watch, LEASE) == 1
    row = await room.row(message)
    assert (row.status, row.lease) == (Status.IN_DOUBT, None)
    assert (row.ready_at, row.secret, row.attempts, row.first_attempt_at) == (None, None, 1, NOW)
    (event,) = await room.story(message)
    assert event.type == "in-doubt"
    assert event.detail["needs_person"] is True


async def test_another_mail_that_was_on_the_wire_is_tried_again(room: Any, leases: Leases, watch: Watch) -> None:
    await dead_sender(room, leases)
    first = await room.add(Kind.PRE_CHECK, Status.SENDING)
    again = await room.add(Kind.PRE_CHECK, Status.SENDING, attempts=1, first_attempt_at=NOW)
    given_up = {"attempts": 9, "troubles": 9, "first_attempt_at": NOW - timedelta(hours=72)}
    last = await room.add(Kind.PRE_CHECK, Status.SENDING, **given_up)
    await room.put_on_wire(first, again, last)
    assert await look_for(leases, watch, LEASE) == 3
    rows = [await room.row(message) for message in (first, again, last)]
    assert {row.status for row in rows} == {Status.IN_DOUBT}
    assert [row.ready_at for row in rows] == [NOW, NOW + timedelta(minutes=1), None]
    (event,) = await room.story(last)
    assert event.detail["tries"] == "exhausted"


async def test_tries_of_what_is_taken_over_end_by_the_hours_of_its_prefecture(room: Any, watch: Watch) -> None:
    closes = NOW + timedelta(hours=8)
    schedule = Schedule([60, 300], last_chance=lambda kind, at, place: closes if place == "35" else at)
    leases = Leases(room.db, room.ledger, room.clock, schedule, InDoubt(), LEASE, watch)
    await dead_sender(room, leases)
    before = {"attempts": 1, "troubles": 1, "first_attempt_at": NOW - timedelta(days=6)}
    mails = [await room.add(Kind.PRE_CHECK, Status.SENDING, prefecture=place, **before) for place in ("35", "34")]
    await room.put_on_wire(*mails)
    assert await look_for(leases, watch, LEASE) == 2
    assert [(await room.row(mail)).ready_at for mail in mails] == [NOW + timedelta(minutes=5), None]


async def test_the_living_find_the_same_order_among_them(room: Any, watch: Watch) -> None:
    leases = new_leases(room, watch)
    assert await leases.part("sender-0") == Part(0, 1)
    for sender in ("sender-2", "sender-1", "sender-3"):
        await leases.enter(sender)
    assert [await leases.part(f"sender-{number}") for number in (1, 2, 3)] == [Part(0, 3), Part(1, 3), Part(2, 3)]
    await leases.leave("sender-1")
    assert [await leases.part(f"sender-{number}") for number in (2, 3)] == [Part(0, 2), Part(1, 2)]


async def test_nobody_living_loses_a_lease(room: Any, leases: Leases, watch: Watch) -> None:
    await leases.enter("sender-1")
    message = await room.add(status=Status.SENDING)
    for _ in range(30):
        assert await leases.beat("sender-1")
        assert await leases.take_over_dead() == 0
        watch.seconds += 1
    assert await room.status(message) is Status.SENDING


async def test_a_sender_silent_for_less_than_the_lease_is_left_alone(room: Any, leases: Leases, watch: Watch) -> None:
    await leases.enter("sender-1")
    await silence(room, "sender-1", LEASE - 3)
    await room.add(status=Status.SENDING)
    assert await look_for(leases, watch, 60) == 0


async def test_take_over_comes_within_fifteen_seconds_of_a_restart(room: Any, watch: Watch) -> None:
    """A new process does not know how long the other has been silent; it watches for half the lease."""
    await dead_sender(room, new_leases(room, watch))
    await room.add(status=Status.SENDING)
    started = watch.seconds
    newcomer = new_leases(room, watch)
    while await newcomer.take_over_dead() == 0:
        watch.seconds += 1
    assert watch.seconds - started <= LEASE / 2


async def test_after_an_outage_nobody_is_buried_who_beats_again(room: Any, leases: Leases, watch: Watch) -> None:
    """Nobody could beat while the database was away: that every beat is old proves nothing."""
    for name in ("sender-1", "sender-2"):
        await leases.enter(name)
    message = await room.add(status=Status.SENDING)
    assert await look_for(leases, watch, 3) == 0
    watch.seconds += 30  # the outage: no look succeeded
    for name in ("sender-1", "sender-2"):
        await silence(room, name, 30)
    assert await look_for(leases, watch, 3) == 0
    assert await leases.beat("sender-1")
    assert await look_for(leases, watch, 20) == 0
    assert await room.status(message) is Status.SENDING


async def test_who_was_taken_for_dead_learns_it_and_cannot_record(room: Any, leases: Leases, watch: Watch) -> None:
    await dead_sender(room, leases)
    message = await room.add(status=Status.SENDING)
    await room.put_on_wire(message)
    await look_for(leases, watch, LEASE)
    assert not await leases.beat("sender-1")
    assert await room.move(message, Status.SENDING, "claimed", lease="sender-2")
    late = Change(message, Status.SENT, "sent", NOW, {}, {"sent_at": NOW}, lease="sender-1")
    assert await room.ledger.record([late]) == [False]
    assert (await room.row(message)).lease == "sender-2"


async def test_who_leaves_gives_everything_back(room: Any, leases: Leases) -> None:
    await leases.enter("sender-1")
    await leases.enter("sender-2")
    unmarked, marked = await room.add(status=Status.SENDING), await room.add(status=Status.SENDING)
    await room.put_on_wire(marked)
    another = await room.add(status=Status.SENDING, lease="sender-2")
    await leases.leave("sender-1")
    statuses = [await room.status(message) for message in (unmarked, marked, another)]
    assert statuses == [Status.SCHEDULED, Status.IN_DOUBT, Status.SENDING]
    assert not await leases.beat("sender-1")


async def test_what_is_given_back_wakes_the_senders(room: Any, leases: Leases) -> None:
    await leases.enter("sender-1")
    await room.add(status=Status.SENDING)
    async with room.db.woken() as woken:
        await leases.beat("sender-1")
        assert not woken.is_set()
        await leases.leave("sender-1")
        assert woken.is_set()


async def test_what_is_held_by_one_who_has_no_row_never_left(room: Any, leases: Leases) -> None:
    """It was taken for dead and had nothing then: it can claim, as long as it does not know, but mark nothing."""
    await leases.enter("sender-2")
    message = await room.add(Kind.GUIDE, Status.SENDING, lease="sender-1")
    assert await leases.take_over_dead() == 1
    row = await room.row(message)
    assert (row.status, row.ready_at, row.attempts) == (Status.SCHEDULED, NOW, 0)
    assert row.secret is not None


async def test_what_may_have_arrived_before_stays_in_doubt(room: Any, leases: Leases, watch: Watch) -> None:
    await dead_sender(room, leases)
    first, second = [await room.add(Kind.PRE_CHECK, Status.SENDING) for _ in range(2)]
    await room.put_on_wire(first)
    await look_for(leases, watch, LEASE)
    await dead_sender(room, leases, "sender-2")
    async with room.db.write() as conn:
        again = update(messages).where(messages.c.id.in_([first, second]))
        await conn.execute(again.values(status=Status.SENDING, lease="sender-2", ready_at=None))
    assert await look_for(leases, watch, LEASE) == 2
    assert [await room.status(message) for message in (first, second)] == [Status.IN_DOUBT, Status.SCHEDULED]
    assert (await room.row(first)).ready_at == NOW


async def test_a_living_sender_gives_back_what_it_does_not_know_of(room: Any, leases: Leases) -> None:
    for name in ("sender-1", "sender-2"):
        await leases.enter(name)
    known, unknown, doubtful = [await room.add(Kind.PRE_CHECK, Status.SENDING) for _ in range(3)]
    others = await room.add(Kind.PRE_CHECK, Status.SENDING, lease="sender-2")
    async with room.db.write() as conn:
        earlier = {"message_id": doubtful, "at": NOW, "type": "in-doubt", "status": "in-doubt", "detail": {}}
        await insert_rows(conn, events, [earlier])
    assert await leases.give_back("sender-1", {known}) == 2
    found = [await room.row(message) for message in (known, unknown, doubtful, others)]
    assert [row.status for row in found] == [Status.SENDING, Status.SCHEDULED, Status.IN_DOUBT, Status.SENDING]
    assert [row.ready_at for row in found] == [None, NOW, NOW, None]


async def test_to_enter_once_more_does_no_harm(room: Any, leases: Leases) -> None:
    """As where the answer to the first time was lost."""
    await leases.enter("sender-1")
    await leases.enter("sender-1")
    assert await leases.beat("sender-1")
    await leases.take_over_all()
    await leases.enter("sender-1")
    message = await room.add(status=Status.SENDING)
    assert await leases.take_over_dead() == 0
    assert await room.status(message) is Status.SENDING


async def test_a_single_process_that_starts_takes_everything(room: Any, leases: Leases) -> None:
    await leases.enter("sender-1")
    held = [await room.add(status=Status.SENDING) for _ in range(2)]
    await room.put_on_wire(held[1])
    assert await leases.take_over_all() == 2
    assert [await room.status(message) for message in held] == [Status.SCHEDULED, Status.IN_DOUBT]
    assert await leases.take_over_all() == 0


async def test_two_who_take_over_share_the_work(room: Any, leases: Leases, watch: Watch) -> None:
    await room.add_rows([room.row_of(status=Status.SENDING) for _ in range(20)])
    other = new_leases(room, watch)
    taken = await asyncio.gather(leases.take_over_dead(), other.take_over_dead())
    taken.append(await leases.take_over_dead())
    assert sum(taken) == 20


async def test_a_message_that_somebody_else_holds_just_now_is_taken_next_time(postgres_room: Any, watch: Watch) -> None:
    leases = new_leases(postgres_room, watch)
    begun, waiting = await postgres_room.add(status=Status.SENDING), await postgres_room.add(status=Status.SENDING)
    await postgres_room.put_on_wire(begun)
    async with postgres_room.db.write() as conn:
        await conn.execute(text("SELECT id FROM messages FOR UPDATE"))
        assert await leases.take_over_dead() == 0
    assert await leases.take_over_dead() == 2
    assert await postgres_room.status(waiting) is Status.SCHEDULED
    assert await postgres_room.status(begun) is Status.IN_DOUBT, "what its sender had marked is not forgotten"


async def test_no_transaction_of_its_own_holds_a_senders_row(postgres_room: Any, watch: Watch) -> None:
    """As one that is stopped right behind a statement would."""
    leases, statements = new_leases(postgres_room, watch), list[str]()

    def ask(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        with psycopg.connect(postgres_room.db.dsn) as other:
            assert other.execute("SELECT id FROM senders FOR UPDATE NOWAIT").fetchall() == [("sender-1",)]
        statements.append(statement.split()[0])

    event.listen(postgres_room.db.engine.sync_engine, "after_cursor_execute", ask)
    await leases.enter("sender-1")
    assert await leases.beat("sender-1")
    event.remove(postgres_room.db.engine.sync_engine, "after_cursor_execute", ask)
    assert statements == ["INSERT", "UPDATE"]


async def test_nobody_waits_for_what_another_has_locked(postgres_room: Any, watch: Watch) -> None:
    """As by the session of a sender that was stopped in a transaction: the others are buried and taken over."""
    room, leases = postgres_room, new_leases(postgres_room, watch)
    for name in ("sender-1", "sender-2", "sender-3"):
        await leases.enter(name)
    for name in ("sender-1", "sender-2"):
        await silence(room, name, LEASE + 1)
    stuck, free = await room.add(status=Status.SENDING), await room.add(status=Status.SENDING, lease="sender-2")
    await room.put_on_wire(stuck)
    async with asyncio.timeout(60), room.db.write() as conn:
        await conn.execute(text("SELECT id FROM senders WHERE id = 'sender-1' FOR UPDATE"))
        assert await look_for(leases, watch, LEASE) == 1
        assert await leases.beat("sender-3")
    assert await room.status(free) is Status.SCHEDULED
    assert await room.status(stuck) is Status.SENDING
    assert await leases.take_over_dead() == 1
    assert await room.status(stuck) is Status.IN_DOUBT


async def test_who_leaves_waits_for_nobody(postgres_room: Any, watch: Watch) -> None:
    room, leases = postgres_room, new_leases(postgres_room, watch)
    await room.put_on_wire(lease="sender-1")  # dead, and about to be forgotten
    await leases.enter("sender-2")
    message = await room.add(status=Status.SENDING, lease="sender-2")
    async with asyncio.timeout(60), room.db.write() as conn:
        await conn.execute(text("SELECT id FROM senders WHERE id = 'sender-1' FOR UPDATE"))
        await leases.leave("sender-2")
        assert (await conn.execute(select(senders.c.id))).scalars().all() == ["sender-1"]
    assert await room.status(message) is Status.SCHEDULED
    assert await leases.take_over_dead() == 0
    async with room.db.read() as conn:
        assert (await conn.execute(select(senders.c.id))).all() == []


async def test_the_dead_are_forgotten_once_they_hold_nothing(room: Any, leases: Leases, watch: Watch) -> None:
    await dead_sender(room, leases)
    await room.add(status=Status.SENDING)
    await look_for(leases, watch, LEASE)
    async with room.db.read() as conn:
        assert (await conn.execute(select(senders.c.id))).all() == []


async def test_a_failure_report_beats_the_take_over(room: Any, leases: Leases) -> None:
    message = await room.add(status=Status.SENDING)
    await room.put_on_wire(message)
    await room.move(message, Status.UNDELIVERED, "bounced", reason="userunknown")
    assert await leases.take_over_dead() == 0
    assert await room.status(message) is Status.UNDELIVERED


async def test_the_relays_trouble_is_told_of_those_who_beat(room: Any, leases: Leases) -> None:
    async def told() -> RelayAway | None:
        async with room.db.read() as conn:
            return await relay_away(conn, sqlite=room.db.sqlite)

    earlier = NOW - timedelta(minutes=5)
    assert await told() is None
    for name, since in (("sender-1", NOW), ("sender-2", earlier), ("sender-3", None)):
        await leases.enter(name)
        assert await leases.beat(name, since)
    assert await told() == RelayAway(earlier, 2, 3)
    await silence(room, "sender-2", 61)
    assert await told() == RelayAway(NOW, 1, 2)
    await leases.beat("sender-1", None)
    assert await told() is None
