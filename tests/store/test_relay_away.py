"""A relay that is away, refuses everybody, or has room for few: sending waits, and no mail pays for it."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from structlog.testing import capture_logs

from core.messages import Message
from core.ports import Candidate, Claim, Decision, Drop
from core.statuses import Status
from store.reading_relay import RelayAway, relay_away
from tests.store.test_sending import NOW, Office, Policy, Relay, fill


class Strict(Relay):
    """With a reply to MAIL, or several in turn, and one to RCPT; `asked` counts the RCPT commands."""

    at_mail = "250 2.1.0 Ok"
    at_any_rcpt: str | None = None
    asked = 0
    in_turn: Iterator[str] | None = None

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.at_mail if self.in_turn is None else next(self.in_turn)
        if reply.startswith("2"):
            envelope.mail_from = address
        return reply

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any) -> str:
        self.asked += 1
        return self.at_any_rcpt or await super().handle_RCPT(server, session, envelope, address, _)

    def refuse(self, stage: str, reply: str) -> None:
        if stage == "mail":
            self.at_mail = reply
        else:
            self.at_any_rcpt = reply

    def relent(self) -> None:
        self.at_mail, self.at_any_rcpt = "250 2.1.0 Ok", None


class Port:
    """A relay's port: opened, closed and opened again; `banner` refuses everybody, `room` all but so many."""

    def __init__(self, relay: Strict) -> None:
        self.relay = relay
        self.banner: str | None = None
        self.room = 1000
        self.open_now = 0
        self.refused = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, "127.0.0.1", self.relay.port)
        self.relay.port = self._server.sockets[0].getsockname()[1]

    def _session(self) -> asyncio.Protocol:
        banner = self.banner or ("421 4.7.0 too many connections" if self.open_now >= self.room else None)
        if banner is not None:
            self.refused.set()
            return Refusing(banner)
        return Counted(self)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


class Refusing(asyncio.Protocol):
    """Greets with a refusal."""

    def __init__(self, banner: str) -> None:
        self.banner = banner

    def connection_made(self, transport: Any) -> None:
        transport.write(self.banner.encode() + b"\r\n")
        transport.close()


class Counted(SMTP):
    """A session that counts among those that are open."""

    def __init__(self, port: Port) -> None:
        super().__init__(port.relay, hostname="relay.example")
        self.port = port

    def connection_made(self, transport: Any) -> None:
        self.port.open_now += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.port.open_now -= 1
        super().connection_lost(error)


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    port = Port(Strict())
    await port.open()
    yield port
    await port.close()


@pytest.fixture
def office(room: Any, port: Port) -> Office:
    return Office(room, port.relay)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so: a sender whose relay is away does nothing that could wake us."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def until_met(office: Office) -> None:
    """Until a mail has met the trouble."""

    async def met() -> bool:
        return (await office.count()).get("deferred", 0) >= 1

    await eventually(met)


async def until_all_sent(office: Office, count: int) -> None:
    """The clock goes on, so that what was deferred for a moment gets its turn."""

    async def sent() -> bool:
        office.room.clock.leap_to(office.room.clock.now() + timedelta(seconds=1))
        office.room.db.wake()
        return await office.count() == {"sent": count}

    await eventually(sent)


@pytest.mark.parametrize("trouble", ["refused", "554 5.7.1 go away"])
async def test_an_outage_costs_no_try_and_ends_by_itself(room: Any, port: Port, office: Office, trouble: str) -> None:
    mails = await fill(room, 60)
    if trouble == "refused":
        await port.close()
    else:
        port.banner = trouble
    with capture_logs() as logs:
        async with office.open():
            await until_met(office)
            rows = [await room.row(mail) for mail in mails]
            assert {(row.attempts, row.troubles, row.first_attempt_at) for row in rows} == {(0, 0, None)}
            assert max(row.ready_at for row in rows if row.ready_at is not None) - NOW < timedelta(minutes=1)
            port.banner = None
            if trouble == "refused":
                await port.open()
            await until_all_sent(office, 60)
    assert Counter(port.relay.taken) == Counter(mails)
    assert {row.attempts for row in [await room.row(mail) for mail in mails]} == {1}
    events = [entry["event"] for entry in logs if "relay" in entry["event"]]
    assert events == ["the relay cannot be used; sending waits for it", "the relay takes mails again"]
    assert [entry["event"] for entry in logs if entry.get("alarm")] == events[:1]


async def test_what_expires_meanwhile_is_not_sent_when_the_relay_is_back(room: Any, port: Port) -> None:
    class Expiring(Policy):
        def decide(self, candidate: Candidate, now: datetime) -> Decision:
            message: Message = candidate.message
            late = message.expires_at is not None and message.expires_at <= now
            return Drop(Status.EXPIRED, None) if late else Claim()

    office = Office(room, port.relay)
    office.outbox._policy = Expiring()
    code = await room.add(expires_at=NOW + timedelta(minutes=10))
    other = await room.add()
    await port.close()
    async with office.open():
        await until_met(office)
        room.clock.leap_to(NOW + timedelta(hours=1))
        await port.open()

        async def done() -> bool:
            room.db.wake()
            return await office.count() == {"expired": 1, "sent": 1}

        await eventually(done)
    assert port.relay.taken == [other]
    assert (await room.row(code)).attempts == 0


async def test_a_relay_with_room_for_few_connections_is_no_outage(room: Any, port: Port, office: Office) -> None:
    port.room = 1

    async def wait_for_a_refusal(message_id: str, _: Any) -> None:
        await port.refused.wait()

    port.relay.at_data = wait_for_a_refusal
    addresses = [f"soumu@{name}.example.jp" for name in ("a", "b", "c", "d")]  # whose mails may have all connections
    mails = [mail for one in addresses for mail in await fill(room, 10, email=one, email_key=one)]
    with capture_logs() as logs:
        async with office.open(office.sender(trouble_pause=0.2)):
            await until_all_sent(office, 40)
    assert Counter(port.relay.taken) == Counter(mails)
    assert [entry for entry in logs if entry.get("alarm")] == []
    assert {row.attempts for row in [await room.row(mail) for mail in mails]} == {1}


async def test_a_relay_that_greets_and_wants_a_login_raises_one_alarm(room: Any, port: Port, office: Office) -> None:
    mail = await room.add()
    port.relay.at_mail = "530 5.7.0 Authentication required"
    with capture_logs() as logs:
        async with office.open():
            for second in range(1, 6):

                async def met_again(second: int = second) -> bool:
                    told = await room.told(mail)
                    return told.count("deferred") >= second

                await eventually(met_again)
                room.clock.leap_to(room.clock.now() + timedelta(minutes=second))
                room.db.wake()
    assert (await room.row(mail)).attempts == 0
    assert len([entry for entry in logs if entry.get("alarm")]) == 1


@pytest.mark.parametrize(
    ("stage", "reply", "own"),
    [
        ("mail", "421 4.3.2 shutting down", "deferred"),
        ("mail", "452 4.3.1 no space", "deferred"),
        ("mail", "553 5.7.1 not ours", "undelivered"),
        ("rcpt", "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", "undelivered"),
        ("rcpt", "554 5.7.1 <soumu@example.jp>: Relay access denied", "undelivered"),
        ("rcpt", "530 5.7.0 Authentication required", "deferred"),
    ],
)
async def test_a_relay_that_takes_no_mail_of_ours_costs_five_of_them_something_and_raises_one_alarm(
    room: Any, port: Port, office: Office, stage: str, reply: str, own: str
) -> None:
    mails = [mail for number in range(40) for mail in await fill(room, 1, email=f"a@{number}.example.jp")]
    port.relay.refuse(stage, reply)

    async def rows() -> list[Any]:
        return [await room.row(mail) for mail in mails]

    with capture_logs() as logs:
        async with office.open():

            async def alarmed() -> bool:
                room.clock.leap_to(room.clock.now() + timedelta(seconds=1))
                room.db.wake()
                return any(entry.get("alarm") for entry in logs)

            async def five_tried() -> bool:
                return len([row for row in await rows() if row.attempts]) == 5

            await eventually(alarmed)
            await eventually(five_tried)
            touched = [row for row in await rows() if row.attempts]
            assert {(row.status, row.attempts) for row in touched} == {(own, 1)}
            port.relay.relent()

            async def over() -> bool:
                room.clock.leap_to(room.clock.now() + timedelta(minutes=2))
                room.db.wake()
                return not {row.status for row in await rows()} - {"sent", "undelivered"}

            await eventually(over)
    spared = set(mails) - {row.id for row in touched}
    assert Counter(port.relay.taken) == Counter(spared if own == "undelivered" else mails)
    assert {row.attempts for row in await rows() if row.id in spared} == {1}
    assert [entry["event"] for entry in logs if entry.get("alarm")] == [
        "the relay cannot be used; sending waits for it"
    ]
    assert [entry["event"] for entry in logs].count("the relay takes mails again") == 1


async def test_a_refusal_at_mail_among_others_that_pass_is_the_mails_own(room: Any, port: Port, office: Office) -> None:
    mails = await fill(room, 60)
    port.relay.in_turn = itertools.cycle(["451 4.3.0 not now", "250 2.1.0 Ok", "250 2.1.0 Ok"])
    with capture_logs() as logs:
        async with office.open():

            async def over() -> bool:
                room.clock.leap_to(room.clock.now() + timedelta(minutes=2))
                room.db.wake()
                return await office.count() == {"sent": 60}

            await eventually(over)
    assert [entry for entry in logs if entry.get("alarm")] == []
    assert {row.attempts for row in [await room.row(mail) for mail in mails]} >= {1, 2}


async def test_no_mail_goes_out_to_a_relay_that_is_asked_and_still_refuses_us_at_rcpt(
    room: Any, port: Port, office: Office
) -> None:
    mails = await fill(room, 40)
    port.relay.refuse("rcpt", "554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: Access denied")

    async def met() -> int:
        return sum([(await room.told(mail)).count("deferred") for mail in mails])

    with capture_logs() as logs:
        async with office.open():

            async def alarmed() -> bool:
                return any(entry.get("alarm") for entry in logs)

            async def asked_thrice() -> None:
                asked = port.relay.asked

                async def so() -> bool:
                    room.clock.leap_to(room.clock.now() + timedelta(minutes=1))
                    room.db.wake()
                    return port.relay.asked >= asked + 3

                await eventually(so)

            await eventually(alarmed)
            await asked_thrice()
            before = await met()
            await asked_thrice()
            assert await met() == before
            port.relay.relent()

            async def over() -> bool:
                room.clock.leap_to(room.clock.now() + timedelta(minutes=2))
                room.db.wake()
                return await office.count() == {"sent": 35, "undelivered": 5}

            await eventually(over)
    assert len(set(port.relay.taken)) == len(port.relay.taken) == 35


@pytest.mark.parametrize(
    "replies",
    [
        ["554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: Access denied", "550 5.1.1 User unknown"],
        ["554 5.7.1 <soumu@example.jp>: Relay access denied"],
    ],
    ids=["among others", "all of one domain"],
)
async def test_refusals_of_us_at_rcpt_that_may_be_the_mails_own(
    room: Any, port: Port, office: Office, replies: list[str]
) -> None:
    await fill(room, 30)
    in_turn = itertools.cycle(replies)

    async def refuse(message_id: str, _: Any) -> str:
        return next(in_turn)

    port.relay.at_rcpt = refuse
    with capture_logs() as logs:
        async with office.open():

            async def over() -> bool:
                return await office.count() == {"undelivered": 30}

            await eventually(over)
    assert [entry for entry in logs if entry.get("alarm")] == []


async def test_the_senders_row_says_since_when_mails_wait(room: Any, port: Port, office: Office) -> None:
    await fill(room, 8)
    await port.close()
    async with office.open():

        async def told() -> bool:
            return await trouble(room) is not None

        await eventually(told)
        room.clock.leap_to(NOW + timedelta(hours=1))
        assert await trouble(room) == RelayAway(NOW, 1, 1)
        await port.open()
        await until_all_sent(office, 8)

        async def over() -> bool:
            return await trouble(room) is None

        await eventually(over)


async def trouble(room: Any) -> RelayAway | None:
    async with room.db.read() as conn:
        return await relay_away(conn, sqlite=room.db.sqlite)
