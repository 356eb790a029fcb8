"""A provider that takes few mails, or asks for patience, holds up nobody else's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from core.destinations import Destination
from core.kinds import Kind
from core.ports import Candidate, Claim, Postpone
from core.retry import Schedule
from mailer.pacing import PacedPolicy, Pacing
from tests.store.test_sending import NOW, Office, Policy, Relay, fill


class PacedOffice(Office):
    """With limits."""

    def __init__(self, room: Any, relay: Relay, *destinations: Destination) -> None:
        super().__init__(room, relay)
        self.pacing = pacing = Pacing(destinations)
        self.outbox._policy = PacedPolicy(Policy(), pacing)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    handler = Relay()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="relay.example"), "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    yield handler
    server.close()


async def test_a_provider_that_asks_for_patience_stalls_nobody(room: Any, relay: Relay) -> None:
    office = PacedOffice(room, relay, Destination("docomo", ("docomo.ne.jp",)))
    asked: list[str] = []

    async def ask_for_patience(message_id: str, _: Any) -> str | None:
        if message_id in slow and room.clock.now() < NOW + timedelta(minutes=5):
            asked.append(message_id)
            return "451 4.7.1 Greylisted, try again in 5 minutes"
        return None

    relay.at_rcpt = ask_for_patience
    slow = await fill(room, 100, email="a@docomo.ne.jp")
    others = await fill(room, 100, email="b@example.jp")
    async with office.open():
        await office.until_true(lambda: sent(room, others))
        assert 1 <= len(asked) <= 4
        rows = [await room.row(mail) for mail in slow if mail not in asked]
        waiting = [row for row in rows if row.ready_at is not None and row.ready_at > NOW + timedelta(minutes=5)]
        assert len(waiting) >= 50
        assert {row.attempts for row in waiting} == {0}
        told = (await room.story(waiting[0].id))[-1]
        assert (told.type, told.detail["why"]) == ("postponed", "domain-slowed")
        assert {(await room.row(mail)).ready_at for mail in asked} == {NOW + timedelta(minutes=5)}
        while not await sent(room, slow):
            room.clock.leap_to(room.clock.now() + timedelta(seconds=20))
            room.db.wake()
            await asyncio.sleep(0.02)
    assert Counter(relay.taken) == Counter(slow + others)


async def sent(room: Any, mails: list[str]) -> bool:
    return all([(await room.row(mail)).status == "sent" for mail in mails])


async def test_no_more_are_under_way_than_allowed_and_urgent_ones_go_first(room: Any, relay: Relay) -> None:
    office = PacedOffice(room, relay, Destination("docomo", ("docomo.ne.jp",), connections=1))
    under_way, most, order = 0, 0, []

    async def count(message_id: str, _: Any) -> None:
        nonlocal under_way, most
        if message_id in limited:
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.005)
            under_way -= 1
        order.append(message_id)

    relay.at_data = count
    limited = await fill(room, 30, email="a@docomo.ne.jp")
    others = await fill(room, 60, email="b@example.jp")
    urgent = await room.add(Kind.CODE, email="c@docomo.ne.jp")
    limited.append(urgent)
    async with office.open():
        while not await sent(room, limited + others):
            room.clock.leap_to(room.clock.now() + timedelta(seconds=1))
            room.db.wake()
            await asyncio.sleep(0.02)
    assert most == 1
    assert order.index(urgent) < 15
    assert Counter(relay.taken) == Counter(limited + others)


class Closing(Policy):
    """Lets mails go until it is closed."""

    closed = False

    def decide(self, candidate: Candidate, now: datetime) -> Claim | Postpone:
        return Postpone(now + timedelta(days=1), "outside-window") if self.closed else Claim()


async def test_what_waits_long_for_its_turn_is_asked_anew_whether_it_may_go(
    room: Any, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a slow provider, and beside others that nobody knows: none goes by what held when it was claimed."""
    monkeypatch.setattr("mailer.sender._FRESH_SECONDS", 0.3)
    office, policy, answers = Office(room, relay), Closing(), asyncio.Event()
    office.outbox._policy = policy
    begun: list[str] = []

    async def keep_waiting(message_id: str, _: Any) -> None:
        begun.append(message_id)
        await answers.wait()

    relay.at_rcpt = keep_waiting
    mails = await fill(room, 30, email="a@slow.example.jp")
    for number in range(30):
        mails += await fill(room, 1, email=f"a@{number}.example.jp")
    async with office.open():
        await office.until_true(lambda: some_wait_claimed(room, mails, begun))
        policy.closed = True
        await office.until_true(lambda: all_others_postponed(room, mails, begun))
        answers.set()
        await office.until_true(lambda: sent(room, begun))
    assert Counter(relay.taken) == Counter(begun)
    whys = [event.detail["why"] for mail in mails for event in await room.story(mail) if event.type == "given-back"]
    assert set(whys) == {"stale"}


async def some_wait_claimed(room: Any, mails: list[str], begun: list[str]) -> bool:
    claimed = [mail for mail in mails if (await room.row(mail)).status == "sending"]
    return bool(begun) and len(claimed) > len(begun)


async def all_others_postponed(room: Any, mails: list[str], begun: list[str]) -> bool:
    rows = [await room.row(mail) for mail in mails if mail not in begun]
    return all(row.status == "scheduled" and row.ready_at > NOW + timedelta(hours=1) for row in rows)


@pytest.mark.parametrize("drawn", [0.0, 0.5, 1.0])
def test_a_wait_is_never_shorter_than_its_interval_and_at_most_a_tenth_longer(drawn: float) -> None:
    schedule = Schedule([60, 300], 1, lambda: drawn)
    last = NOW + timedelta(hours=1)
    assert schedule.next_try(0, last, NOW) == NOW + timedelta(seconds=60 + 6 * drawn)
    assert schedule.next_try(9, last, NOW) == NOW + timedelta(seconds=300 + 30 * drawn)
    late = NOW + timedelta(minutes=55)
    assert schedule.next_try(1, last, late) == last
    assert schedule.next_try(1, last, late + timedelta(seconds=1)) is None
