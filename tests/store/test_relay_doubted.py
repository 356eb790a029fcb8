"""A relay that greets and takes no mail of ours all the same, at RCPT or after the final dot: few mails pay for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from structlog.testing import capture_logs

from core.kinds import Kind
from core.statuses import Status
from tests.store.test_relay_away import eventually, trouble
from tests.store.test_sending import NOW, Office, Relay, fill

SES = "554 Message rejected: Email address is not verified. The following identities failed the check: info@g-mis.net"
EXCHANGE = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
EXCHANGE_ONLINE = "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP."
LOOKUP = "451 4.3.0 <soumu@example.jp>: Temporary lookup failure"
QUEUE = "451 4.3.0 Error: queue file write error"
MILTER = "451 4.7.1 Service unavailable - try again later"
CUT = "cut"

Answer = Callable[[str], str | None]


class Moody(Relay):
    """Answers at a stage by the recipient's domain; `busy` and `most` count mails that are under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.busy = self.most = 0

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        domain = address.partition("@")[2]
        self.asked.append(domain)
        answer = self._answer("rcpt", domain, server)
        return answer or await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(0.005)
        self.busy -= 1
        domain = envelope.rcpt_tos[0].partition("@")[2]
        return self._answer("data", domain, server) or await super().handle_DATA(server, session, envelope)

    def _answer(self, stage: str, domain: str, server: SMTP) -> str | None:
        answer = self.answers[stage](domain) if stage in self.answers else None
        if answer == CUT:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer

    def relent(self) -> None:
        self.answers.clear()


@pytest.fixture
async def relay() -> Any:
    handler = Moody()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="relay.example"), "127.0.0.1", 0
    )
    handler.port = server.sockets[0].getsockname()[1]
    yield handler
    server.close()


@pytest.fixture
def office(room: Any, relay: Moody) -> Office:
    return Office(room, relay)


async def to_domains(
    room: Any, count: int, kind: Kind = Kind.REJECTION, prefix: str = "h", **columns: Any
) -> list[str]:
    """One mail each."""
    addresses = [f"soumu@{prefix}{number}.example.jp" for number in range(count)]
    return [mail for one in addresses for mail in await fill(room, 1, kind, email=one, email_key=one, **columns)]


async def rows_of(room: Any, mails: list[str]) -> list[Any]:
    return [await room.row(mail) for mail in mails]


def alarms(logs: Any) -> int:
    return len([entry for entry in logs if entry.get("alarm")])


async def answered(so: bool) -> bool:
    return so


async def are(office: Office, **counts: int) -> bool:
    return await office.count() == {status: count for status, count in counts.items() if count}


def counted(office: Office, **counts: int) -> Callable[[], Awaitable[bool]]:
    return lambda: are(office, **counts)


def passing(room: Any, condition: Callable[[], Awaitable[bool]], **step: int) -> Callable[[], Awaitable[bool]]:
    """A condition that is asked while time goes on."""

    async def so() -> bool:
        room.clock.leap_to(room.clock.now() + timedelta(**step or {"seconds": 1}))
        room.db.wake()
        return await condition()

    return so


def met(room: Any, mails: list[str], attempts: int) -> Callable[[], Awaitable[bool]]:
    """Whether so many mails have paid a try."""

    async def so() -> bool:
        return len([row for row in await rows_of(room, mails) if row.attempts]) == attempts

    return so


@pytest.mark.parametrize(
    ("stage", "reply", "own"),
    [
        ("data", SES, Status.UNDELIVERED),
        ("data", EXCHANGE, Status.UNDELIVERED),
        ("rcpt", EXCHANGE_ONLINE, Status.UNDELIVERED),
        ("rcpt", LOOKUP, Status.DEFERRED),
        ("rcpt", MILTER, Status.DEFERRED),
        ("rcpt", CUT, Status.DEFERRED),
        ("data", QUEUE, Status.DEFERRED),
    ],
)
async def test_five_mails_pay_and_the_others_wait_until_one_gets_past(
    room: Any, relay: Moody, office: Office, stage: str, reply: str, own: Status
) -> None:
    mails = await to_domains(room, 20)
    relay.answers[stage] = lambda domain: reply
    with capture_logs() as logs:
        async with office.open():
            await eventually(passing(room, lambda: answered(alarms(logs) == 1)))
            await eventually(met(room, mails, 5))
            relay.most, asked = 0, len(relay.asked)
            await eventually(passing(room, lambda: answered(len(relay.asked) >= asked + 4)))
            paid = [row for row in await rows_of(room, mails) if row.attempts]
            assert {(row.status, row.attempts) for row in paid} == {(own, 1)}
            assert relay.most <= 1, "one mail at a time"
            away = await trouble(room)
            assert away is not None
            assert (away.since - NOW, away.all_wait) < (timedelta(minutes=1), True)
            relay.relent()
            lost = len(paid) if own is Status.UNDELIVERED else 0
            await eventually(passing(room, lambda: are(office, sent=20 - lost, undelivered=lost), minutes=1))
    assert len(set(relay.taken)) == len(relay.taken) == 20 - lost
    spared = set(mails) - {row.id for row in paid}
    assert {row.attempts for row in await rows_of(room, mails) if row.id in spared} == {1}
    assert [entry["event"] for entry in logs if "relay" in entry["event"]] == [
        "the relay cannot be used; sending waits for it",
        "the relay takes mails again",
    ]


async def test_codes_go_first_when_it_is_over(room: Any, relay: Moody, office: Office) -> None:
    relay.answers["data"] = lambda domain: QUEUE
    mails = await to_domains(room, 20)
    with capture_logs() as logs:
        async with office.open(office.sender(connections=1)):
            await eventually(passing(room, lambda: answered(alarms(logs) == 1)))
            codes = await to_domains(room, 5, Kind.CODE, prefix="c")
            room.db.wake()
            relay.relent()
            await eventually(passing(room, lambda: are(office, sent=25), minutes=1))
    assert set(relay.taken) == {*mails, *codes}
    assert set(codes) <= set(relay.taken[:7]), "but for one or two that were on their way"


@pytest.mark.parametrize(
    ("stage", "reply", "left"),
    [
        ("rcpt", "550 5.1.1 User unknown", {"undelivered": 20}),
        ("data", "550 : User unknown", {"undelivered": 20}),
        ("rcpt", "450 4.1.2 Recipient address rejected: Domain not found", {"deferred": 20}),
        ("data", "552 5.2.2 mailbox full", {"deferred": 20}),
        ("data", "550 5.7.1 This message is likely unsolicited mail", {"undelivered": 20}),
    ],
)
async def test_dead_mailboxes_and_full_ones_stop_nobody_however_little_there_is_to_send(
    room: Any, relay: Moody, office: Office, stage: str, reply: str, left: dict[str, int]
) -> None:
    relay.answers[stage] = lambda domain: reply if domain.startswith("h") else None
    mails = await to_domains(room, 20)
    with capture_logs() as logs:
        async with office.open():
            await eventually(lambda: are(office, **left))
            await fill(room, 1)
            room.db.wake()
            await eventually(lambda: are(office, sent=1, **left))
    assert {row.attempts for row in await rows_of(room, mails)} == {1}
    assert alarms(logs) == 0


async def test_a_relay_that_is_in_trouble_still_tells_dead_mailboxes_apart(
    room: Any, relay: Moody, office: Office
) -> None:
    relay.answers["rcpt"] = lambda domain: "550 5.1.1 User unknown" if domain.startswith("dead") else None
    relay.answers["data"] = lambda domain: SES
    await to_domains(room, 20)
    with capture_logs() as logs:
        async with office.open():
            await eventually(passing(room, lambda: answered(alarms(logs) == 1)))
            dead = await to_domains(room, 3, Kind.CODE, prefix="dead")

            async def told() -> bool:
                return {row.reason for row in await rows_of(room, dead)} == {"userunknown"}

            await eventually(passing(room, told))
            assert relay.taken == []


async def test_many_domains_that_greylist_at_once_are_no_outage_for_long(
    room: Any, relay: Moody, office: Office
) -> None:
    """In words that do not say so. Each lets a mail in a minute after it has seen it first."""
    first: dict[str, Any] = {}

    def greylist(domain: str) -> str | None:
        now = room.clock.now()
        return MILTER if now < first.setdefault(domain, now) + timedelta(seconds=55) else None

    relay.answers["rcpt"] = greylist
    mails = await to_domains(room, 12)
    async with office.open():
        await eventually(met(room, mails, 5))
        own = {row.id: row.ready_at for row in await rows_of(room, mails) if row.attempts}
        assert min(own.values()) >= NOW + timedelta(minutes=1), "what their own domains deferred keeps its wait"
        await eventually(passing(room, lambda: are(office, sent=12)))
    assert room.clock.now() < NOW + timedelta(minutes=4)
    assert {row.attempts for row in await rows_of(room, mails)} == {1, 2}
    assert {row.attempts for row in await rows_of(room, mails) if row.id not in own} == {1}


async def test_a_mail_whose_own_domain_refuses_it_does_not_keep_the_others_back(
    room: Any, relay: Moody, office: Office
) -> None:
    relay.answers["data"] = lambda domain: SES
    await to_domains(room, 10)
    with capture_logs() as logs:
        async with office.open():
            await eventually(passing(room, lambda: answered(alarms(logs) == 1)))
            urgent = await to_domains(room, 2, Kind.CODE, prefix="never")
            relay.answers["data"] = lambda domain: MILTER if domain.startswith("never") else None

            async def others_sent() -> bool:
                return len(relay.taken) == 5

            await eventually(passing(room, others_sent))
    assert {row.status for row in await rows_of(room, urgent)} == {"deferred"}


async def test_domains_in_trouble_of_their_own_are_none_of_the_relays_when_they_are_tried_again(
    room: Any, relay: Moody, office: Office
) -> None:
    relay.answers["rcpt"] = lambda domain: LOOKUP if domain.startswith("bad") else None
    with capture_logs() as logs:
        async with office.open(office.sender(connections=1)):
            for number in range(8):
                await to_domains(room, 1, prefix=f"bad{number}")
                room.db.wake()
                await eventually(counted(office, deferred=number + 1, sent=number))
                await to_domains(room, 1, prefix=f"good{number}")
                room.db.wake()
                await eventually(counted(office, deferred=number + 1, sent=number + 1))
            asked = len(relay.asked)
            await eventually(passing(room, lambda: answered(len(relay.asked) >= asked + 16), minutes=1))
    assert alarms(logs) == 0


async def test_a_mail_that_cannot_be_made_is_not_what_the_others_wait_for(
    room: Any, relay: Moody, office: Office
) -> None:
    relay.answers["data"] = lambda domain: SES
    await to_domains(room, 10)
    with capture_logs() as logs:
        async with office.open():
            await eventually(passing(room, lambda: answered(alarms(logs) == 1)))
            broken = (await to_domains(room, 1, Kind.CODE, prefix="broken"))[0]
            office.renderer.missing[broken] = ZeroDivisionError("a bad template")
            relay.relent()
            await eventually(passing(room, lambda: answered(len(relay.taken) == 5)))
    assert (await room.row(broken)).reason == "contenterror"
