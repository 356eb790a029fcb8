"""Transitions, their events and what follows from them, on both databases."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.kinds import Kind
from core.messages import Change
from core.statuses import CANCELLABLE, FINAL, TRANSITIONS, Status

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # Tuesday 10:00 in Tokyo
NEXT_MORNING = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)

FAILED = sorted(FINAL - {Status.SENT})


def leading_to(target: Status) -> list[Status]:
    return [status for status, targets in TRANSITIONS.items() if target in targets]


async def test_a_message_moves_by_the_table_and_tells_it(room: Any) -> None:
    for status, target in itertools.product(Status, Status):
        message = await room.add(Kind.APPLICATION_COMPLETE, status)
        values = {"lease": "sender-2"} if target is Status.SENDING else {}
        allowed = target in TRANSITIONS[status]
        assert await room.move(message, target, "stepped", **values) is allowed
        assert await room.status(message) is (target if allowed else status)
        story = await room.story(message)
        assert [(event.type, event.status) for event in story] == ([("stepped", target)] if allowed else [])


async def test_a_change_narrowed_to_some_sources_keeps_to_them(room: Any) -> None:
    message = await room.add(status=Status.DEFERRED)
    narrow = Change(message, Status.CANCELLED, "x", NOW, sources=frozenset({Status.SCHEDULED, Status.SENT}))
    assert await room.ledger.record([narrow]) == [False]
    wide = Change(message, Status.CANCELLED, "x", NOW, sources=CANCELLABLE)
    assert await room.ledger.record([wide]) == [True]


async def test_a_change_under_a_lease_holds_under_that_lease_only(room: Any) -> None:
    message = await room.add(status=Status.SENDING, lease="sender-1")
    strange = Change(message, Status.SENT, "sent", NOW, lease="sender-2")
    assert await room.ledger.record([strange]) == [False]
    own = Change(message, Status.SENT, "sent", NOW, lease="sender-1")
    assert await room.ledger.record([own]) == [True]


async def test_an_event_alone_changes_nothing_else(room: Any) -> None:
    message = await room.add(status=Status.SENT)
    before = await room.row(message)
    assert await room.ledger.record([Change(message, None, "auto-reply", NOW, {"report": "r"})]) == [True]
    assert await room.row(message) == before
    (event,) = await room.story(message)
    assert (event.at, event.type, event.status, event.detail) == (NOW, "auto-reply", "sent", {"report": "r"})


async def test_a_message_that_does_not_exist_does_not_move(room: Any) -> None:
    assert await room.ledger.record([Change("nobody", Status.CANCELLED, "x", NOW)]) == [False]


async def test_the_end_erases_secret_lease_and_next_attempt(room: Any) -> None:
    for target, status in [(end, status) for end in sorted(FINAL) for status in leading_to(end)]:
        message = await room.add(Kind.GUIDE, status, ready_at=NOW if status is not Status.SENDING else None)
        assert await room.move(message, target)
        row = await room.row(message)
        assert (row.secret, row.ready_at, row.lease) == (None, None, None)


async def test_all_kinds_of_values_arrive_as_they_are(room: Any) -> None:
    message = await room.add(status=Status.SENDING)
    moment = NOW + timedelta(microseconds=123456)
    values = {
        "attempts": 3,
        "ready_at": moment,
        "first_attempt_at": None,
        "smtp_code": None,
        "diagnostic": "日本語 🏥 \"'\\ \n %s :x",
        "reason": "networkerror",
        "data": {"a": [1, None]},
    }
    assert await room.move(message, Status.DEFERRED, **values)
    row = await room.row(message)
    assert {name: getattr(row, name) for name in values} == values


async def test_many_changes_of_many_shapes_go_in_one_transaction(room: Any) -> None:
    sent = [await room.add(Kind.REMINDER, Status.SENDING) for _ in range(30)]
    deferred = [await room.add(Kind.REMINDER, Status.SENDING) for _ in range(30)]
    strange = await room.add(Kind.REMINDER, Status.CANCELLED)
    changes = [Change(one, Status.SENT, "sent", NOW, values={"sent_at": NOW}, lease="sender-1") for one in sent]
    changes += [Change(one, Status.DEFERRED, "deferred", NOW, values={"ready_at": NOW, "attempts": n})
                for n, one in enumerate(deferred)]  # fmt: skip
    changes.insert(7, Change(strange, Status.SENT, "sent", NOW))
    done = await room.ledger.record(changes)
    assert [place for place, moved in enumerate(done) if not moved] == [7]
    assert {await room.status(one) for one in sent} == {Status.SENT}
    assert [(await room.row(one)).attempts for one in deferred] == list(range(30))
    assert [await room.told(one) for one in (sent[0], deferred[0], strange)] == [["sent"], ["deferred"], []]


async def test_changes_of_one_message_are_made_in_their_order(room: Any) -> None:
    message = await room.add(status=Status.SENDING)
    steps = [
        Change(message, None, "noted", NOW, values={"attempts": 7}),
        Change(message, Status.IN_DOUBT, "in-doubt", NOW),
        Change(message, Status.DEFERRED, "impossible", NOW),
        Change(message, Status.SENT, "resolved", NOW),
    ]
    assert await room.ledger.record(steps) == [True, True, False, True]
    assert await room.told(message) == ["noted", "in-doubt", "resolved"]
    assert [event.status for event in await room.story(message)] == ["sending", "in-doubt", "sent"]


async def test_a_failing_transaction_leaves_neither_change_nor_event(room: Any) -> None:
    message = await room.add()
    async with room.db.engine.connect() as conn:
        transaction = await conn.begin()
        assert await room.ledger.apply(conn, [Change(message, Status.CANCELLED, "cancelled", NOW)]) == [True]
        await transaction.rollback()
    assert await room.status(message) is Status.SCHEDULED
    assert await room.told(message) == []


async def test_of_many_who_race_for_one_message_one_wins(room: Any) -> None:
    message = await room.add(status=Status.SENDING)

    async def step(target: Status) -> bool:
        return bool(await room.move(message, target, f"to {target}"))

    targets = [Status.SENT, Status.DEFERRED, Status.IN_DOUBT, Status.UNDELIVERED, Status.SCHEDULED]
    done = await asyncio.gather(*(step(target) for target in targets))
    story = await room.told(message)
    # Several may succeed one after the other, but only along the table.
    assert len(story) == sum(done)
    statuses = [Status.SENDING, *(Status(name.removeprefix("to ")) for name in story)]
    assert all(after in TRANSITIONS[before] for before, after in itertools.pairwise(statuses))
    assert await room.status(message) is statuses[-1]


async def test_a_withdrawal_and_a_claim_cannot_both_win(room: Any) -> None:
    for _ in range(10):
        message = await room.add()
        claim = room.move(message, Status.SENDING, "claimed", lease="sender-1")
        withdrawal = room.move(message, Status.CANCELLED, "cancelled", reason="withdrawn")
        assert sorted(await asyncio.gather(claim, withdrawal)) == [False, True]
        assert len(await room.told(message)) == 1


async def test_what_was_sent_settles_after_three_business_days(room: Any) -> None:
    message = await room.add(Kind.APPLICATION_COMPLETE, Status.SENDING)
    await room.move(message, Status.SENT, sent_at=NOW)
    assert (await room.row(message)).settles_at == NOW + timedelta(days=3)


async def test_a_late_failure_moves_what_was_sent(room: Any) -> None:
    message = await room.add(status=Status.SENT)
    assert await room.move(message, Status.UNDELIVERED, "bounced", reason="userunknown", bounce_class="hard")
    assert not await room.move(message, Status.SENT)
    assert await room.status(message) is Status.UNDELIVERED


class TestGates:
    async def test_a_sent_pre_check_lets_its_guide_go_on_the_next_business_day(self, room: Any) -> None:
        pre_check, guide = await room.pair(Status.SENDING)
        await room.move(pre_check, Status.SENT, sent_at=NOW)
        row = await room.row(guide)
        assert (row.status, row.due_at, row.ready_at) == (Status.SCHEDULED, NEXT_MORNING, NEXT_MORNING)
        (event,) = await room.story(guide)
        assert event.type == "gate-opened"
        assert event.detail == {"pre_check": pre_check, "due_at": "2026-11-25T09:00:00+09:00"}

    async def test_the_day_counts_from_the_end_of_a_doubt(self, room: Any) -> None:
        pre_check, guide = await room.pair(Status.SENDING)
        await room.move(pre_check, Status.IN_DOUBT)
        assert await room.status(guide) is Status.HELD
        room.clock.leap_to(NOW + timedelta(days=3))  # Friday
        await room.move(pre_check, Status.SENT, "delivery-reported", sent_at=room.clock.now())
        assert (await room.row(guide)).due_at == datetime(2026, 11, 30, 0, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("not_before", "due_at"),
        [
            (NOW - timedelta(days=1), NEXT_MORNING),
            (NEXT_MORNING + timedelta(hours=3), NEXT_MORNING + timedelta(hours=3)),
            (datetime(2026, 12, 5, 3, 0, tzinfo=UTC), datetime(2026, 12, 7, 0, 0, tzinfo=UTC)),
        ],
    )
    async def test_a_guide_goes_not_before_its_own_time(
        self, room: Any, not_before: datetime, due_at: datetime
    ) -> None:
        pre_check, guide = await room.pair(Status.SENDING, not_before=not_before)
        await room.move(pre_check, Status.SENT, sent_at=NOW)
        row = await room.row(guide)
        assert (row.due_at, row.ready_at) == (due_at, due_at)

    async def test_a_failed_pre_check_cancels_a_guide_that_has_not_left(self, room: Any) -> None:
        for end, guide_status in itertools.product(FAILED, sorted(CANCELLABLE)):
            pre_check, guide = await room.pair(leading_to(end)[0], guide_status)
            assert await room.move(pre_check, end)
            row = await room.row(guide)
            assert (row.status, row.reason, row.secret) == (Status.CANCELLED, f"pre-check-{end}", None)
            assert await room.told(guide) == ["gate-closed"]

    async def test_a_failed_pre_check_leaves_a_guide_that_has_left_as_it_is(self, room: Any) -> None:
        for end, guide_status in itertools.product(FAILED, sorted(set(Status) - CANCELLABLE)):
            pre_check, guide = await room.pair(leading_to(end)[0], guide_status)
            before = await room.row(guide)
            assert await room.move(pre_check, end)
            assert await room.row(guide) == before
            assert await room.told(guide) == []

    async def test_a_pre_check_that_bounces_late_still_stops_its_guide(self, room: Any) -> None:
        pre_check, guide = await room.pair(Status.SENDING)
        await room.move(pre_check, Status.SENT, sent_at=NOW)
        await room.move(pre_check, Status.UNDELIVERED, "bounced", reason="userunknown", bounce_class="hard")
        assert (await room.row(guide)).reason == "pre-check-undelivered"
        assert await room.told(guide) == ["gate-opened", "gate-closed"]

    async def test_a_pre_check_on_its_way_leaves_the_gate_shut(self, room: Any) -> None:
        for target in (Status.IN_DOUBT, Status.DEFERRED, Status.SCHEDULED):
            pre_check, guide = await room.pair(Status.SENDING)
            assert await room.move(pre_check, target)
            assert await room.status(guide) is Status.HELD

    async def test_other_mails_open_no_gates(self, room: Any) -> None:
        other = await room.add(Kind.EXISTING_USER_CONFIRM, Status.SENDING)
        guide = await room.add(Kind.GUIDE, Status.HELD, waits_for=other)
        await room.move(other, Status.SENT, sent_at=NOW)
        assert await room.status(guide) is Status.HELD

    async def test_withdrawn_together_each_is_withdrawn_itself(self, room: Any) -> None:
        for order in (slice(None), slice(None, None, -1)):
            both = await room.pair(Status.SCHEDULED)
            changes = [Change(one, Status.CANCELLED, "cancelled", NOW, values={"reason": "withdrawn"}) for one in both]
            assert await room.ledger.record(changes[order]) == [True, True]
            assert [(await room.row(one)).reason for one in both] == ["withdrawn", "withdrawn"]
            assert [await room.told(one) for one in both] == [["cancelled"], ["cancelled"]]

    async def test_whoever_works_on_a_pre_check_is_not_waited_for_by_the_end_of_its_guide(
        self, postgres_room: Any
    ) -> None:
        room = postgres_room
        pre_check, guide = await room.pair(Status.SENDING)
        async with room.db.write() as conn:
            await room.ledger.apply(conn, [Change(pre_check, Status.DEFERRED, "deferred", NOW, {}, {"ready_at": NOW})])
            async with asyncio.timeout(5):
                assert await room.move(guide, Status.EXPIRED)
        assert (await room.status(pre_check), await room.status(guide)) == (Status.DEFERRED, Status.EXPIRED)

    async def test_many_gates_open_at_once(self, room: Any) -> None:
        pairs = [await room.pair(Status.SENDING) for _ in range(20)]
        sent = [Change(one, Status.SENT, "sent", NOW, values={"sent_at": NOW}) for one, _ in pairs[:10]]
        refused = [Change(one, Status.UNDELIVERED, "refused", NOW) for one, _ in pairs[10:]]
        assert all(await room.ledger.record(sent + refused))
        statuses = [await room.status(guide) for _, guide in pairs]
        assert statuses == [Status.SCHEDULED] * 10 + [Status.CANCELLED] * 10

    async def test_an_opened_gate_wakes_the_senders(self, room: Any) -> None:
        pre_check, _ = await room.pair(Status.SENDING)
        alone = await room.add(Kind.APPLICATION_COMPLETE, Status.SENDING)
        async with room.db.woken() as woken:
            await room.move(alone, Status.SENT, sent_at=NOW)
            assert not woken.is_set()
            await room.move(pre_check, Status.SENT, sent_at=NOW)
            assert woken.is_set()

    async def test_a_deferral_wakes_the_senders_to_look_at_the_time(self, room: Any) -> None:
        message = await room.add(status=Status.SENDING)
        async with room.db.woken() as woken:
            await room.move(message, Status.DEFERRED, ready_at=NOW + timedelta(minutes=1))
            assert woken.is_set()


class TestSuppressions:
    async def test_a_hard_failure_enters_the_address_for_the_institution_once(self, room: Any) -> None:
        for _ in range(2):
            message = await room.add(status=Status.SENDING, email="Soumu@Example.jp")
            await room.move(message, Status.UNDELIVERED, "refused", reason="userunknown", bounce_class="hard")
        (entry,) = await room.suppressed()
        assert (entry.email, entry.email_key, entry.institution_code) == (
            "Soumu@Example.jp",
            "soumu@example.jp",
            "3510012345",
        )
        assert (entry.scope, entry.reason, entry.released_at) == ("all", "userunknown", None)

    async def test_another_institution_has_an_entry_of_its_own(self, room: Any) -> None:
        for code in ("1", "2"):
            message = await room.add(status=Status.SENT, institution_code=code)
            await room.move(message, Status.UNDELIVERED, "bounced", reason="hostunknown", bounce_class="hard")
        assert sorted(entry.institution_code for entry in await room.suppressed()) == ["1", "2"]

    async def test_a_soft_failure_enters_nothing(self, room: Any) -> None:
        message = await room.add(status=Status.SENDING)
        await room.move(message, Status.UNDELIVERED, "refused", reason="mailboxfull", bounce_class="soft")
        assert await room.suppressed() == []

    async def test_a_mail_without_institution_enters_nothing(self, room: Any) -> None:
        message = await room.add(Kind.CODE, Status.SENDING, institution_code=None, prefecture=None)
        await room.move(message, Status.UNDELIVERED, "refused", reason="userunknown", bounce_class="hard")
        assert await room.suppressed() == []

    async def test_a_change_that_does_not_hold_enters_nothing(self, room: Any) -> None:
        message = await room.add(status=Status.CANCELLED, bounce_class="hard")
        assert not await room.move(message, Status.UNDELIVERED, bounce_class="hard")
        assert await room.suppressed() == []
