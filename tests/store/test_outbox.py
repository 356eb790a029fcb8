"""Claims: in order, once, by the policy's word; and the queries' indexes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from core.kinds import Kind, Scheme
from core.messages import Change, Message
from core.ports import Candidate, Claim, Decision, Drop, Hold, Leave, Postpone, Reporting
from core.retry import REPAIR_PAUSE
from core.statuses import Status
from scheduler.planning import lane
from store.cipher import Cipher
from store.outbox import LANES, StoredOutbox
from store.tables import reporting, suppressions

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

Rule = Callable[[Candidate, datetime], Decision]


class Policy:
    """Does what the test says, and remembers whom it was asked about."""

    def __init__(self, rule: Rule = lambda candidate, now: Claim()) -> None:
        self.rule = rule
        self.asked: list[Candidate] = []

    def decide(self, candidate: Candidate, now: datetime) -> Decision:
        self.asked.append(candidate)
        return self.rule(candidate, now)


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
def outbox(room: Any, policy: Policy) -> StoredOutbox:
    return StoredOutbox(room.db, room.ledger, room.cipher, policy, room.clock, room.places)


def ids(messages: Sequence[Message]) -> list[str]:
    return [message.id for message in messages]


def test_every_kind_has_a_lane_that_is_asked() -> None:
    assert {lane(kind) for kind in Kind} == set(LANES)


async def test_the_most_urgent_lane_goes_first_and_in_it_the_longest_waiting(room: Any, outbox: StoredOutbox) -> None:
    reminder = await room.add(Kind.REMINDER, data=REMINDER, ready_at=NOW - timedelta(days=1))
    young = await room.add(Kind.PRE_CHECK, ready_at=NOW - timedelta(seconds=1))
    old = await room.add(Kind.REJECTION, ready_at=NOW - timedelta(seconds=2))
    code = await room.add(Kind.CODE, ready_at=NOW)
    assert ids(await outbox.claim("s", 3)) == [code, old, young]
    assert ids(await outbox.claim("s", 3)) == [reminder]
    assert ids(await outbox.claim("s", 3)) == []


async def test_a_claim_takes_the_lease(room: Any, outbox: StoredOutbox) -> None:
    message = await room.add(due_at=NOW)
    (claimed,) = await outbox.claim("sender-7", 10)
    row = await room.row(message)
    assert (row.status, row.lease, row.ready_at, row.due_at) == (Status.SENDING, "sender-7", None, NOW)
    assert row.first_attempt_at is None
    assert await room.on_wire() == set()
    assert claimed.status is Status.SCHEDULED
    (event,) = await room.story(message)
    assert (event.type, event.status, event.detail) == ("claimed", "sending", {"attempt": 1})


async def test_a_claimed_message_has_all_that_its_mail_needs(room: Any, outbox: StoredOutbox) -> None:
    pre_check = await room.add(Kind.PRE_CHECK, Status.SENT)
    columns = {
        "recipient": {"department": "総務課", "family_name": "髙﨑"},
        "attempts": 2,
        "troubles": 1,
        "first_attempt_at": NOW,
        "expires_at": LATER,
        "waits_for": pre_check,
        "email": "Soumu@example.jp",
    }
    guide = await room.add(Kind.GUIDE, Status.DEFERRED, **columns)
    (message,) = await outbox.claim("s", 10)
    assert message.id == guide
    assert message.data == {"login_id": "h1", "setup_url": "https://www.g-mis.mhlw.go.jp/s/x"}
    assert (message.recipient.email, message.recipient.department) == ("Soumu@example.jp", "総務課")
    assert message.institution is not None
    assert (message.institution.name, message.institution.prefecture) == ("周南みなと病院", "35")
    assert (message.attempts, message.troubles, message.first_attempt_at) == (2, 1, NOW)
    assert message.expires_at == LATER


@pytest.mark.parametrize("status", [status for status in Status if status not in ("scheduled", "deferred", "in-doubt")])
async def test_what_cannot_be_sent_is_not_claimed(room: Any, outbox: StoredOutbox, status: Status) -> None:
    await room.add(status=status, ready_at=NOW)
    assert await outbox.claim("s", 10) == []


async def test_what_is_not_ready_is_not_claimed(room: Any, outbox: StoredOutbox) -> None:
    await room.add(ready_at=NOW + timedelta(seconds=1))
    await room.add(status=Status.IN_DOUBT, ready_at=None)
    assert await outbox.claim("s", 10) == []
    room.clock.leap_to(NOW + timedelta(seconds=1))
    assert len(await outbox.claim("s", 10)) == 1


async def test_another_try_of_a_doubtful_mail_may_be_a_double(room: Any, outbox: StoredOutbox) -> None:
    message = await room.add(status=Status.IN_DOUBT, ready_at=NOW, attempts=1)
    assert ids(await outbox.claim("s", 10)) == [message]
    (event,) = await room.story(message)
    assert event.detail == {"attempt": 2, "possible_double": True}


class TestWhatThePolicyIsTold:
    async def test_of_suppressions(self, room: Any, outbox: StoredOutbox, policy: Policy) -> None:
        await room.add(Kind.PRE_CHECK, email="A@example.jp")
        await room.add(Kind.PRE_CHECK, email="b@example.jp")
        await suppress(room, "a@example.jp", "all")
        await outbox.claim("s", 10)
        assert [asked.suppressed for asked in policy.asked] == [True, False]

    async def test_a_complaint_stops_reminders_alone(self, room: Any, outbox: StoredOutbox, policy: Policy) -> None:
        await room.add(Kind.REJECTION)
        await room.add(Kind.REMINDER, data=REMINDER)
        await suppress(room, "soumu@example.jp", "reminder")
        await outbox.claim("s", 10)
        assert [(asked.message.kind, asked.suppressed) for asked in policy.asked] == [
            (Kind.REJECTION, False),
            (Kind.REMINDER, True),
        ]

    async def test_a_released_entry_is_none(self, room: Any, outbox: StoredOutbox, policy: Policy) -> None:
        await room.add()
        await suppress(room, "soumu@example.jp", "all", released_at=NOW)
        await outbox.claim("s", 10)
        assert [asked.suppressed for asked in policy.asked] == [False]

    async def test_of_the_pre_check(self, room: Any, outbox: StoredOutbox, policy: Policy) -> None:
        await room.pair(Status.SENT, Status.SCHEDULED)
        await outbox.claim("s", 10)
        assert (policy.asked[0].pre_check, policy.asked[0].pre_check_sent_at) == (Status.SENT, NOW)

    async def test_of_the_report(self, room: Any, outbox: StoredOutbox, policy: Policy) -> None:
        await room.add(Kind.REMINDER, data=REMINDER)
        row = {"scheme": "medical-function", "status": "in-progress", "channel": "online", "last_year_data": False}
        others = [row | {"fiscal_year": 2025}, row | {"scheme": "primary-care"}]
        async with room.db.write() as conn:
            for one in (row, *others):
                keys = {"fiscal_year": 2026, "institution_code": "3510012345", "as_of": NOW, "updated_at": NOW}
                await conn.execute(insert(reporting).values(keys | one))
        (message,) = await outbox.claim("s", 10)
        assert policy.asked[0].reporting == Reporting("in-progress", "online", last_year_data=False)
        assert message.reminder is not None
        assert (message.reminder.scheme, message.reminder.step) == (Scheme.MEDICAL_FUNCTION, "L-3")
        assert (message.reminder_in_progress, message.reminder_last_year_data) == (True, False)

    async def test_an_institution_never_heard_of_has_no_report(
        self, room: Any, outbox: StoredOutbox, policy: Policy
    ) -> None:
        await room.add(Kind.REMINDER, data=REMINDER)
        (message,) = await outbox.claim("s", 10)
        assert policy.asked[0].reporting is None
        assert (message.reminder_in_progress, message.reminder_last_year_data) == (False, True)


REMINDER = {"scheme": "medical-function", "fiscal_year": 2026, "deadline": "2027-03-31", "step": "L-3"}


async def suppress(room: Any, email: str, scope: str, released_at: datetime | None = None) -> None:
    row = {
        "id": room.ids(),
        "email": email,
        "email_key": email,
        "institution_code": "3510012345",
        "scope": scope,
        "reason": "userunknown",
        "created_at": NOW,
        "released_at": released_at,
    }
    async with room.db.write() as conn:
        await conn.execute(insert(suppressions).values(row))


class TestWhatThePolicySays:
    @pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT])
    async def test_postpone(self, room: Any, outbox: StoredOutbox, policy: Policy, status: Status) -> None:
        policy.rule = lambda candidate, now: Postpone(LATER, "window")
        message = await room.add(status=status, ready_at=NOW, due_at=NOW)
        assert await outbox.claim("s", 10) == []
        row = await room.row(message)
        assert (row.status, row.ready_at) == (status, LATER)
        assert row.due_at == (LATER if status is Status.SCHEDULED else NOW)
        assert await room.told(message) == ["postponed"]

    @pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED])
    async def test_drop(self, room: Any, outbox: StoredOutbox, policy: Policy, status: Status) -> None:
        policy.rule = lambda candidate, now: Drop(Status.CANCELLED, "already-reported")
        message = await room.add(status=status)
        assert await outbox.claim("s", 10) == []
        row = await room.row(message)
        assert (row.status, row.reason) == (Status.CANCELLED, "already-reported")
        assert await room.told(message) == ["cancelled"]

    async def test_drop_without_a_reason_keeps_that_of_the_last_try(
        self, room: Any, outbox: StoredOutbox, policy: Policy
    ) -> None:
        policy.rule = lambda candidate, now: Drop(Status.EXPIRED, None)
        message = await room.add(Kind.REMINDER, Status.DEFERRED, reason="mailboxfull", data=REMINDER)
        assert await outbox.claim("s", 10) == []
        row = await room.row(message)
        assert (row.status, row.reason) == (Status.EXPIRED, "mailboxfull")

    async def test_leave(self, room: Any, outbox: StoredOutbox, policy: Policy) -> None:
        policy.rule = lambda candidate, now: Leave("expired")
        message = await room.add(Kind.GUIDE, Status.IN_DOUBT, ready_at=NOW)
        assert await outbox.claim("s", 10) == []
        row = await room.row(message)
        assert (row.status, row.ready_at, row.secret) == (Status.IN_DOUBT, None, None)
        (event,) = await room.story(message)
        assert (event.type, event.detail) == ("tries-ended", {"why": "expired", "needs_person": True})

    @pytest.mark.parametrize(
        ("status", "after", "reason", "event_type"),
        [
            (Status.SCHEDULED, Status.DEFERRED, "no-contact", "deferred"),
            (Status.DEFERRED, Status.DEFERRED, "no-contact", "postponed"),
            (Status.IN_DOUBT, Status.IN_DOUBT, None, "postponed"),
        ],
    )
    async def test_hold(
        self,
        room: Any,
        outbox: StoredOutbox,
        policy: Policy,
        status: Status,
        after: Status,
        reason: str | None,
        event_type: str,
    ) -> None:
        policy.rule = lambda candidate, now: Hold(LATER, "no-contact")
        message = await room.add(status=status, ready_at=NOW)
        assert await outbox.claim("s", 10) == []
        row = await room.row(message)
        assert (row.status, row.ready_at, row.reason) == (after, LATER, reason)
        (event,) = await room.story(message)
        assert (event.type, event.detail["alarm"]) == (event_type, True)

    async def test_a_batch_in_which_all_are_postponed_goes_on_to_the_next(
        self, room: Any, outbox: StoredOutbox, policy: Policy
    ) -> None:
        policy.rule = lambda candidate, now: (
            Claim() if candidate.message.kind is Kind.REJECTION else Postpone(LATER, "window")
        )
        await room.add_rows([room.row_of(ready_at=NOW - timedelta(hours=1)) for _ in range(12)])
        wanted = await room.add(Kind.REJECTION)
        assert ids(await outbox.claim("s", 5)) == [wanted]
        assert len(policy.asked) == 13


class TestWhatIsWrongWithOneMessageStopsNoOther:
    async def test_a_secret_whose_key_is_lost(self, room: Any, policy: Policy, another_key: str) -> None:
        lost = await room.add(Kind.GUIDE, ready_at=NOW - timedelta(hours=1))
        good = await room.add(Kind.REJECTION)
        outbox = StoredOutbox(room.db, room.ledger, Cipher([another_key]), policy, room.clock, room.places)
        assert ids(await outbox.claim("s", 10)) == [good]
        row = await room.row(lost)
        assert (row.status, row.reason, row.ready_at) == (Status.DEFERRED, "systemerror", NOW + REPAIR_PAUSE)
        assert row.secret is not None
        (event,) = await room.story(lost)
        assert (event.type, event.detail["alarm"]) == ("deferred", True)

    async def test_with_the_key_back_it_goes(self, room: Any, policy: Policy, another_key: str) -> None:
        lost = await room.add(Kind.GUIDE)
        await StoredOutbox(room.db, room.ledger, Cipher([another_key]), policy, room.clock, room.places).claim("s", 10)
        room.clock.leap_to(NOW + REPAIR_PAUSE)
        whole = StoredOutbox(room.db, room.ledger, room.cipher, policy, room.clock, room.places)
        assert ids(await whole.claim("s", 10)) == [lost]

    async def test_a_policy_that_fails(self, room: Any, outbox: StoredOutbox, policy: Policy) -> None:
        bad, good = await room.add(Kind.PRE_CHECK), await room.add(Kind.REJECTION)

        def rule(candidate: Candidate, now: datetime) -> Decision:
            if candidate.message.id == bad:
                raise ValueError("the calendar knows the years 1949 to 2099")
            return Claim()

        policy.rule = rule
        assert ids(await outbox.claim("s", 10)) == [good]
        assert await room.status(bad) is Status.DEFERRED

    async def test_an_outcome_that_the_database_refuses(self, room: Any, outbox: StoredOutbox) -> None:
        good, bad = await room.add(status=Status.SENDING), await room.add(status=Status.SENDING)
        impossible = Change(bad, Status.SENT, "sent", NOW, {}, {"status": "no such status"})
        changes = [impossible, Change(good, Status.SENT, "sent", NOW)]
        broken = Change(bad, None, "broken", NOW, {}, {"kind": "no such kind"})
        assert await outbox.record([broken, changes[1]]) == [False, True]
        assert await room.status(good) is Status.SENT


async def test_two_claimers_never_get_the_same_message(room: Any, outbox: StoredOutbox) -> None:
    await room.add_rows([room.row_of() for _ in range(120)])

    async def take(name: str) -> list[str]:
        taken: list[str] = []
        while claimed := await outbox.claim(name, 7):
            taken += ids(claimed)
        return taken

    taken = await asyncio.gather(*(take(f"sender-{number}") for number in range(4)))
    together = [message for one in taken for message in one]
    assert len(together) == len(set(together)) == 120


async def test_claimers_pass_by_what_others_hold(postgres_room: Any, policy: Policy) -> None:
    room = postgres_room
    outbox = StoredOutbox(room.db, room.ledger, room.cipher, policy, room.clock, room.places)
    held, free = await room.add(ready_at=NOW - timedelta(hours=1)), await room.add()
    async with room.db.write() as conn:
        await conn.execute(text("SELECT id FROM messages WHERE id = :id FOR UPDATE"), {"id": held})
        assert ids(await outbox.claim("s", 10)) == [free]


async def test_when_the_next_message_is_ready(room: Any, outbox: StoredOutbox) -> None:
    assert await outbox.next_ready_at() is None
    await room.add(Kind.REMINDER, data=REMINDER, ready_at=NOW + timedelta(hours=1))
    await room.add(Kind.CODE, ready_at=NOW + timedelta(hours=2))
    await room.add(status=Status.HELD)
    assert await outbox.next_ready_at() == NOW + timedelta(hours=1)
    await room.add(ready_at=NOW - timedelta(hours=2))
    assert await outbox.next_ready_at() == NOW - timedelta(hours=2)
