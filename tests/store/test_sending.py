"""The sender on a real database with a real SMTP server."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any, Literal

import psycopg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import delete, func, select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from bounce_handler.classifying import classify_reply
from config.values import InDoubt
from core.errors import TodokeError
from core.jst import TOKYO
from core.kinds import Kind
from core.mail import Contact, MailContent
from core.messages import Change, Message, Noted, Receipt
from core.ports import Candidate, Claim, Postpone
from core.retry import REPAIR_PAUSE, Schedule
from core.return_path import ReturnPaths
from core.statuses import Status
from mailer.delivering import Delivering
from mailer.outcomes import OutcomeRules
from mailer.outgoing import Outgoing
from mailer.pacing import Pacing
from mailer.sender import Sender, SenderSettings
from mailer.transport import RelaySettings
from store.leases import Leases
from store.outbox import StoredOutbox
from store.tables import messages, senders

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
PATHS = ReturnPaths("bounces.example.jp", "g-mis.net", [b"key"])

Hook = Callable[[str, Envelope], Awaitable[str | None]]


class Relay:
    """An SMTP server; `at_rcpt` and `at_data` may answer in its place, given the message's id."""

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[str] = []
        self.at_rcpt: Hook | None = None
        self.at_data: Hook | None = None

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any) -> str:
        answer = None if self.at_rcpt is None else await self.at_rcpt(_id(envelope), envelope)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = None if self.at_data is None else await self.at_data(_id(envelope), envelope)
        if answer is None:
            self.taken.append(_id(envelope))
        return answer or "250 2.0.0 Kept"


def _id(envelope: Envelope) -> str:
    message_id = PATHS.verify(str(envelope.mail_from).partition("@")[0])
    assert message_id is not None
    return message_id


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    handler = Relay()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="relay.example"), "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    yield handler
    server.close()


class Policy:
    def decide(self, candidate: Candidate, now: datetime) -> Claim:
        return Claim()


class ContactGone(TodokeError):
    reason = "no-contact"


class Renderer:
    """Plain content; `missing` names messages that cannot be rendered, and why."""

    def __init__(self) -> None:
        self.missing: dict[str, Exception] = {}

    def render(self, message: Message) -> MailContent:
        if message.id in self.missing:
            raise self.missing[message.id]
        return MailContent.of("件名", "G-MIS事務局", "本文", "<p>本文</p>")

    def contact(self, message: Message) -> Contact:
        return Contact("窓口", "000", "desk@example.jp")


class Outbox(StoredOutbox):
    """Tells when something happened, counts, and fails as often as it is told, as when the database is away."""

    transactions = 0
    failing = 0
    unanswered = 0
    """Claims of which the sender hears nothing."""
    late: asyncio.Event | None = None
    """Set once the sender claims again after one that came about only then."""
    happened: asyncio.Event

    async def claim(self, lease: str, limit: int, **how: Any) -> Sequence[Message]:
        if self.late is not None and not self.late.is_set():
            self.late.set()
            raise OperationalError("commit", {}, ConnectionError("the connection broke"))
        late, self.late = self.late, None
        try:
            claimed = await super().claim(lease, limit, **how)
            if late is not None:
                return await super().claim(lease, limit, **how)
            if claimed and self.unanswered > 0:
                self.unanswered -= 1
                raise OperationalError("commit", {}, ConnectionError("the answer was lost"))
            return claimed
        finally:
            self.happened.set()

    async def record(self, changes: Sequence[Change]) -> Sequence[bool]:
        with self._counted():
            return await super().record(changes)

    async def note(self, lease: str, on_wire: Collection[str], marks: Sequence[str], receipt: Receipt | None) -> Noted:
        with self._counted():
            return await super().note(lease, on_wire, marks, receipt)

    async def enter(self, lease: str, receipts: Sequence[Receipt]) -> frozenset[str]:
        with self._counted():
            return await super().enter(lease, receipts)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self.transactions += 1
        try:
            if self.failing > 0:
                self.failing -= 1
                raise OperationalError("commit", {}, ConnectionError("the database is away"))
            yield
        finally:
            self.happened.set()


class Office:
    """What a sender needs."""

    def __init__(self, room: Any, relay: Relay) -> None:
        self.room = room
        self.relay = relay
        self.renderer = Renderer()
        self.woken = room.db.woken
        self.pacing: Pacing | None = None
        self.outbox = Outbox(room.db, room.ledger, room.cipher, Policy(), room.clock, room.places)
        self.outbox.happened = self.happened = asyncio.Event()
        self.leases = Leases(room.db, room.ledger, room.clock, Schedule([60, 300]), InDoubt())

    def sender(self, name: str = "sender-1", **changed: Any) -> Sender:
        final_timeout, command_timeout = changed.pop("final_timeout", 30.0), changed.pop("command_timeout", 30.0)
        settings = SenderSettings(
            name=name,
            sender_address="info@g-mis.net",
            relay=RelaySettings(
                "127.0.0.1", self.relay.port, command_timeout=command_timeout, final_timeout=final_timeout
            ),
            **{"connections": 4, "heartbeat": 0.02, "stop_grace": 30.0, "trouble_pause": 0.01} | changed,
        )
        room = self.room
        timing = room.timing
        schedule = Schedule([60, 300])
        rules = OutcomeRules(schedule, classify_reply, InDoubt().waits, timing.settles_at, timing.first_due)
        return Sender(
            settings, self.outbox, self.leases, self.renderer, PATHS, rules, room.clock, self.woken, self.pacing
        )

    @contextlib.asynccontextmanager
    async def open(self, *senders: Sender) -> AsyncIterator[None]:
        """While senders work; they are stopped in the end."""
        stop = asyncio.Event()
        running = [asyncio.create_task(sender.run(stop)) for sender in senders or (self.sender(),)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*running)

    async def until(self, **statuses: int) -> None:
        """Wait until so many messages have these statuses, `in_doubt` for in-doubt."""
        wanted = {name.replace("_", "-"): count for name, count in statuses.items()}

        async def reached() -> bool:
            try:
                return await self.count() == wanted
            except OperationalError:  # our own connection was cut with the others
                self.happened.set()
                return False

        await self.until_true(reached)

    async def until_true(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Ask again whenever the sender has done something."""
        self.happened.clear()
        while not await condition():
            await self.happened.wait()
            self.happened.clear()

    async def count(self) -> dict[str, int]:
        async with self.room.db.read() as conn:
            query = select(messages.c.status, func.count()).group_by(messages.c.status)
            return {row[0]: row[1] for row in await conn.execute(query)}


@pytest.fixture
def office(room: Any, relay: Relay) -> Office:
    return Office(room, relay)


async def fill(room: Any, count: int, kind: Kind = Kind.REJECTION, **columns: Any) -> list[str]:
    rows = [room.row_of(kind, **columns) for _ in range(count)]
    await room.add_rows(rows)
    return [row["id"] for row in rows]


async def test_all_that_is_ready_is_sent_once(room: Any, relay: Relay, office: Office) -> None:
    guides = await fill(room, 5, Kind.GUIDE)
    others = await fill(room, 60)
    async with office.open():
        await office.until(sent=65)
    assert Counter(relay.taken) == Counter(guides + others)
    row = await room.row(guides[0])
    assert (row.attempts, row.smtp_code, row.enhanced_code, row.sent_at) == (1, 250, "2.0.0", NOW)
    assert (row.secret, row.lease, row.first_attempt_at) == (None, None, NOW)
    assert row.settles_at == room.timing.settles_at(NOW, "35")
    assert await room.told(guides[0]) == ["claimed", "sent"]


async def test_what_is_sent_carries_the_messages_marks(room: Any, relay: Relay, office: Office) -> None:
    seen: list[Envelope] = []

    async def keep(message_id: str, envelope: Envelope) -> None:
        seen.append(envelope)

    relay.at_data = keep
    message = await room.add(Kind.GUIDE, email="a..b@docomo.ne.jp")
    async with office.open():
        await office.until(sent=1)
    assert seen[0].original_content is not None
    mail = message_from_bytes(seen[0].original_content)
    assert mail["Message-ID"] == (await room.row(message)).message_id_header
    assert mail["X-Todoke-Kind"] == "guide"
    assert (mail["Reply-To"], mail["To"]) == ("<desk@example.jp>", "<a..b@docomo.ne.jp>")
    assert seen[0].mail_from == PATHS.address(message)


async def test_a_mail_is_marked_before_its_dot_and_never_more_than_there_are_connections(
    room: Any, relay: Relay, office: Office
) -> None:
    marked: list[bool] = []
    together: list[int] = []

    async def look(message_id: str, _: Envelope) -> None:
        row = await room.row(message_id)
        on_wire = await room.on_wire()
        marked.append(message_id in on_wire and row.status == Status.SENDING)
        together.append(len(on_wire))

    relay.at_data = look
    await fill(room, 60)
    async with office.open():
        await office.until(sent=60)
    assert marked == [True] * 60
    assert max(together) <= 4


class SlowHeir(Leases):
    """Takes over for as long as it is told; whoever beats ten times meanwhile tells."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.room.db, office.room.ledger, office.room.clock, Schedule([60]), InDoubt())
        self.begun, self.may_end, self.beaten_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._beats = 0

    async def beat(self, sender: str, relay_away_since: datetime | None = None) -> bool:
        self._beats += self.begun.is_set()
        if self._beats == 10:
            self.beaten_on.set()
        return await super().beat(sender, relay_away_since)

    async def take_over_dead(self) -> int:
        self.begun.set()
        await self.may_end.wait()
        return await super().take_over_dead()


async def test_no_beat_waits_for_a_take_over(office: Office) -> None:
    office.leases = heir = SlowHeir(office)
    async with asyncio.timeout(60), office.open():
        try:
            await heir.beaten_on.wait()
        finally:
            heir.may_end.set()


async def test_marks_and_outcomes_share_transactions(room: Any, office: Office) -> None:
    await fill(room, 100)
    async with office.open(office.sender(connections=10)):
        await office.until(sent=100)
    assert office.outbox.transactions < 100  # of 200 changes


async def test_urgent_mails_do_not_wait_for_a_long_run(room: Any, relay: Relay, office: Office) -> None:
    await fill(room, 300)
    urgent: list[str] = []

    async def publish(message_id: str, _: Envelope) -> None:
        if len(relay.taken) >= 20 and not urgent:
            row = room.row_of(Kind.CODE)
            urgent.append(row["id"])
            await room.add_rows([row])

    relay.at_data = publish
    async with office.open():
        await office.until(sent=301)
    assert relay.taken.index(urgent[0]) < 270


async def test_an_urgent_mail_leaves_next_however_long_the_queue(room: Any, relay: Relay, office: Office) -> None:
    """Where a relay takes its time, what was claimed before would keep it for long."""
    gate, asked = asyncio.Event(), asyncio.Event()

    async def hesitate(_: str, __: Envelope) -> None:
        asked.set()
        await gate.wait()

    relay.at_data = hesitate
    await fill(room, 40)
    async with office.open(office.sender(connections=2)):
        await asked.wait()
        row = room.row_of(Kind.CODE)
        await room.add_rows([row])
        room.db.wake()
        while await room.status(row["id"]) is not Status.SENDING:
            office.outbox.happened.clear()
            await office.outbox.happened.wait()
        gate.set()
        await office.until(sent=41)
    assert relay.taken.index(row["id"]) <= 4, "two were being handed over, and two introduced behind them"


async def test_work_that_comes_up_later_wakes_it(room: Any, office: Office) -> None:
    async with office.open():
        await fill(room, 1)
        room.db.wake()
        await office.until(sent=1)
        await fill(room, 1, ready_at=NOW + timedelta(hours=1))
        room.db.wake()
        room.clock.leap_to(NOW + timedelta(hours=1))
        room.db.wake()
        await office.until(sent=2)


async def test_a_refusal_for_now_is_tried_again_in_time(room: Any, relay: Relay, office: Office) -> None:
    async def defer(message_id: str, _: Envelope) -> str | None:
        row = await room.row(message_id)
        return "451 4.3.0 later" if row.attempts == 0 else None

    relay.at_rcpt = defer
    message = await room.add()
    async with office.open():
        await office.until(deferred=1)
        row = await room.row(message)
        assert (row.smtp_code, row.ready_at) == (451, NOW + timedelta(minutes=1))
        room.clock.leap_to(row.ready_at)
        room.db.wake()
        await office.until(sent=1)
    assert (await room.row(message)).attempts == 2


async def test_what_is_put_off_beyond_its_hours_is_tried_as_they_begin_again(
    room: Any, relay: Relay, office: Office
) -> None:
    async def defer(message_id: str, _: Envelope) -> str | None:
        row = await room.row(message_id)
        return "451 4.3.0 later" if row.attempts == 0 else None

    relay.at_rcpt = defer
    room.clock.leap_to(datetime(2026, 12, 28, 16, 59, 49, tzinfo=TOKYO))
    message = await room.add()
    opens = datetime(2027, 1, 4, 9, 0, tzinfo=TOKYO)
    async with office.open():
        await office.until(deferred=1)
        assert (await room.row(message)).ready_at == opens
        assert (await room.story(message))[-1].detail["next_attempt_at"] == opens.isoformat()
        room.clock.leap_to(opens)
        room.db.wake()
        await office.until(sent=1)


async def test_a_lost_reply_leaves_a_guide_in_doubt_and_sends_others_again(
    room: Any, relay: Relay, office: Office
) -> None:
    seen: Counter[str] = Counter()

    async def silent_once(message_id: str, _: Envelope) -> str | None:
        seen[message_id] += 1
        if seen[message_id] == 1:
            await asyncio.Event().wait()
        return None

    relay.at_data = silent_once
    guide, other = await room.add(Kind.GUIDE), await room.add(Kind.PRE_CHECK)
    async with office.open(office.sender(final_timeout=0.05)):
        await office.until(in_doubt=1, sent=1)
    assert seen == {guide: 1, other: 2}
    assert (await room.row(guide)).secret is None
    assert await room.told(other) == ["claimed", "in-doubt", "claimed", "sent"]


class TestStopping:
    async def test_what_is_on_the_wire_is_finished_and_the_rest_given_back(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        await fill(room, 40)
        stop, reached, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def hold(message_id: str, _: Envelope) -> None:
            reached.set()
            await go_on.wait()

        relay.at_data = hold
        running = asyncio.create_task(office.sender().run(stop))
        await reached.wait()
        stop.set()
        await asyncio.sleep(0.02)
        go_on.set()
        await running
        sent = len(relay.taken)
        assert 1 <= sent <= 4
        assert await office.count() == {"sent": sent, "scheduled": 40 - sent}

    async def test_a_relay_that_does_not_answer_holds_nobody_beyond_the_grace(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        reached = asyncio.Event()

        async def never(message_id: str, _: Envelope) -> None:
            reached.set()
            await asyncio.Event().wait()

        relay.at_data = never
        await fill(room, 1, Kind.PRE_CHECK)
        async with asyncio.timeout(10), office.open(office.sender(stop_grace=0.05)):
            await reached.wait()
        assert await office.count() == {"in-doubt": 1}

    async def test_a_database_that_is_away_holds_nobody_beyond_the_grace(self, room: Any, office: Office) -> None:
        office.outbox.failing = 1_000_000
        await fill(room, 1)
        async with asyncio.timeout(10), office.open(office.sender(stop_grace=0.05)):
            await office.until_true(lambda: answer(office.outbox.transactions >= 2))
        assert await office.count() == {"scheduled": 1}

    async def test_a_wake_up_in_the_same_moment_keeps_nobody(self, room: Any, office: Office) -> None:
        resting = asyncio.Event()

        class Work(asyncio.Event):
            async def wait(self) -> Literal[True]:
                resting.set()
                return await super().wait()

        @contextlib.asynccontextmanager
        async def woken() -> AsyncIterator[asyncio.Event]:
            yield work

        work, office.woken = Work(), woken
        async with asyncio.timeout(10):
            async with office.open():
                await resting.wait()
                work.set()


class TestTrouble:
    async def test_outcomes_outlive_a_database_that_is_away(self, room: Any, relay: Relay, office: Office) -> None:
        async def fail(message_id: str, _: Envelope) -> None:
            office.outbox.failing = 2

        relay.at_data = fail
        wanted = await fill(room, 20)
        async with office.open():
            await office.until(sent=20)
        assert Counter(relay.taken) == Counter(wanted)

    async def test_all_connections_to_postgresql_break(
        self, postgres_room: Any, postgres_url: str, relay: Relay
    ) -> None:
        office = Office(postgres_room, relay)
        outages = iter((5, 15))
        next_outage = next(outages)
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"

        async def break_off(message_id: str, _: Envelope) -> None:
            nonlocal next_outage
            if len(relay.taken) >= next_outage:
                next_outage = next(outages, 1000)
                dsn = postgres_url.replace("+psycopg", "")
                async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
                    await conn.execute(f"{others} AND pid <> pg_backend_pid()".encode())

        relay.at_data = break_off
        wanted = await fill(postgres_room, 30)
        async with office.open():
            await office.until(sent=30)
        assert Counter(relay.taken) == Counter(wanted)

    async def test_a_database_that_is_away_as_it_starts_is_waited_for(self, room: Any, office: Office) -> None:
        failures = [OperationalError("connect", {}, ConnectionError("the database is away"))] * 3

        class Unsteady(Leases):
            async def enter(self, sender: str) -> None:
                if failures:
                    raise failures.pop()
                await super().enter(sender)

        office.leases = Unsteady(room.db, room.ledger, room.clock, Schedule([60, 300]), InDoubt())
        await fill(room, 3)
        async with office.open():
            await office.until(sent=3)
        assert failures == []

    async def test_a_claim_that_fails_is_made_again(
        self, room: Any, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures = iter([ConnectionError("away"), ConnectionError("away")])
        claim = office.outbox.claim

        async def failing(lease: str, limit: int, **how: Any) -> Sequence[Message]:
            for failure in failures:
                raise failure
            return await claim(lease, limit, **how)

        monkeypatch.setattr(office.outbox, "claim", failing)
        await fill(room, 1)
        async with office.open():
            await office.until(sent=1)

    async def test_a_mail_without_contact_waits_with_an_alarm_and_stops_no_other(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        gone, broken = await fill(room, 2)
        office.renderer.missing = {gone: ContactGone("no contact for 13"), broken: ZeroDivisionError("a bad template")}
        good = await fill(room, 5)
        async with office.open():
            await office.until(sent=5, deferred=2)
        assert Counter(relay.taken) == Counter(good)
        rows = [await room.row(message) for message in (gone, broken)]
        assert [row.reason for row in rows] == ["no-contact", "contenterror"]
        assert [row.diagnostic for row in rows] == ["no contact for 13", "a bad template"]
        assert [(row.ready_at, row.attempts) for row in rows] == [(NOW + REPAIR_PAUSE, 0)] * 2
        assert (await room.story(gone))[-1].detail["alarm"] is True

    async def test_a_message_taken_away_before_its_dot_is_not_sent(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        async def steal(message_id: str, _: Envelope) -> None:
            await room.set(message_id, lease="sender-2")

        relay.at_rcpt = steal
        message = await room.add(Kind.GUIDE)
        async with room.db.write() as conn:
            await conn.execute(senders.insert().values(id="sender-2", started_at=NOW, beat_at=datetime.now(UTC)))
        async with office.open():
            await office.until_true(lambda: answer(office.outbox.transactions > 0))
        row = await room.row(message)
        assert (row.status, row.lease) == (Status.SENDING, "sender-2")
        assert relay.taken == []

    async def test_an_outcome_behind_somebody_elses_word_is_kept_as_an_event(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        async def bounce(message_id: str, _: Envelope) -> None:
            await room.move(message_id, Status.UNDELIVERED, "bounced", reason="userunknown")

        relay.at_data = bounce
        message = await room.add()
        async with office.open():

            async def told() -> bool:
                return "outcome-late" in await room.told(message)

            await office.until_true(told)
        assert await room.status(message) is Status.UNDELIVERED
        last = (await room.story(message))[-1]
        assert (last.status, last.detail["outcome"], last.detail["smtp_code"]) == ("undelivered", "sent", 250)
        row = await room.row(message)
        assert (row.attempts, row.first_attempt_at, row.sent_at, row.reason) == (1, NOW, NOW, "userunknown")

    async def test_a_sender_taken_for_dead_goes_on_under_a_new_name(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        leases: list[str] = []

        async def bury_once(message_id: str, _: Envelope) -> None:
            leases.append((await room.row(message_id)).lease)
            async with room.db.write() as conn:
                await conn.execute(delete(senders).where(senders.c.id == "sender-1"))

        relay.at_data = bury_once
        mails = await fill(room, 1)
        async with office.open():
            await office.until(sent=1)
            while leases[-1] == "sender-1":
                mails += await fill(room, 1)
                room.db.wake()
                await office.until(sent=len(mails))  # not of leases: a mail in doubt is handed over once more
        assert leases[-1] == "sender-1#1"

    async def test_what_a_claim_took_whose_answer_was_lost_is_sent_once(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        mails = await fill(room, 5, Kind.GUIDE) + await fill(room, 30)
        office.outbox.unanswered = 3
        async with office.open():
            await office.until(sent=35)
        assert office.outbox.unanswered == 0
        assert Counter(relay.taken) == Counter(mails)

    @pytest.mark.parametrize("silent", [20, 300])
    async def test_a_provider_that_does_not_answer_stalls_no_other(
        self, room: Any, relay: Relay, office: Office, silent: int
    ) -> None:
        answering = asyncio.Event()

        async def keep_silent(_: str, envelope: Envelope) -> None:
            if envelope.rcpt_tos[0].endswith("@silent.example"):
                await answering.wait()

        relay.at_data = keep_silent
        address = "soumu@silent.example"
        first = NOW - timedelta(minutes=1)
        slow = await fill(room, silent, email=address, email_key=address, ready_at=first)
        others = await fill(room, 60)

        async def others_taken() -> bool:
            return Counter(relay.taken) == Counter(others)

        async with office.open(office.sender(patience=0.05)):
            await office.until_true(others_taken)
            codes = await fill(room, 5, Kind.CODE)
            others += codes
            room.db.wake()
            await office.until_true(others_taken)
            answering.set()
            await office.until(sent=silent + 65)
        assert Counter(relay.taken) == Counter(slow + others)

    async def test_many_providers_that_do_not_answer_leave_codes_a_connection(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        answering = asyncio.Event()
        waiting: set[str] = set()

        async def keep_silent(message_id: str, envelope: Envelope) -> None:
            if envelope.rcpt_tos[0].endswith(".silent.example"):
                waiting.add(message_id)
                office.happened.set()
                await answering.wait()

        relay.at_data = keep_silent

        def to(domain: str, **columns: Any) -> dict[str, Any]:
            return room.row_of(Kind.REJECTION, email=f"soumu@{domain}", email_key=f"soumu@{domain}", **columns)

        first = NOW - timedelta(minutes=1)
        silent = [to(f"{number}.silent.example", ready_at=first) for number in range(40)]
        quick = [to("quick.example") for _ in range(60)]
        codes = [room.row_of(Kind.CODE, email="user@another.example") for _ in range(5)]

        async def taken(rows: Sequence[dict[str, Any]]) -> bool:
            return Counter(relay.taken) == Counter(row["id"] for row in rows)

        async def many_wait() -> bool:
            return len(waiting) >= 5

        await room.add_rows(quick[:1])
        async with office.open(office.sender(patience=1.0, connections=10)):
            await office.until_true(lambda: taken(quick[:1]))
            await room.add_rows(silent + quick[1:])
            room.db.wake()
            await office.until_true(many_wait)
            await office.until_true(lambda: taken(quick))
            await room.add_rows(codes)
            room.db.wake()
            await office.until_true(lambda: taken(quick + codes))
            assert len(waiting) < 10
            answering.set()
            await office.until(sent=105)
        assert await taken(silent + quick + codes)

    async def test_what_a_claim_took_long_after_it_failed_is_sent_once(
        self, room: Any, relay: Relay, office: Office
    ) -> None:
        mails = await fill(room, 5, Kind.GUIDE) + await fill(room, 30)
        office.outbox.late = asyncio.Event()
        async with office.open():
            await office.until(sent=35)
        assert Counter(relay.taken) == Counter(mails)

    async def test_senders_share_the_work(self, postgres_room: Any, relay: Relay) -> None:
        office = Office(postgres_room, relay)
        wanted = await fill(postgres_room, 100)
        async with office.open(office.sender("sender-1"), office.sender("sender-2")):
            await office.until(sent=100)
        assert Counter(relay.taken) == Counter(wanted)

    async def test_what_a_dead_sender_left_is_sent_by_the_living(self, room: Any, relay: Relay, office: Office) -> None:
        left = await fill(room, 5, status=Status.SENDING, lease="sender-0", ready_at=None)
        async with office.open():
            await office.until(sent=5)
        assert Counter(relay.taken) == Counter(left)


async def answer(value: bool) -> bool:
    return value


class Faulty(Pacing):
    """A fault of our own, in the midst of sending."""

    def held(self, address: str, now: datetime) -> Postpone | None:
        raise LookupError("a fault")


async def test_a_sender_with_a_fault_ends_and_gives_everything_back(room: Any, relay: Relay, office: Office) -> None:
    office.pacing = Faulty()
    ids = await fill(room, 20)
    with pytest.raises(LookupError, match="a fault"):
        await office.sender(stop_grace=0.01).run(asyncio.Event())
    assert {await room.status(one) for one in ids} == {Status.SCHEDULED}
    assert relay.taken == []


async def test_a_mail_that_brings_out_a_fault_before_it_leaves_keeps_no_other_back(
    room: Any, relay: Relay, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = await fill(room, 12)
    put = Delivering.put

    def stumbling(self: Delivering, mail: Outgoing) -> None:
        if mail.message.id == mails[3]:
            raise LookupError("a fault")
        put(self, mail)

    monkeypatch.setattr(Delivering, "put", stumbling)
    with capture_logs() as logs:
        async with office.open():
            await office.until(sent=11, deferred=1)
    assert Counter(relay.taken) == Counter(mails) - Counter(mails[3:4])
    assert (await room.row(mails[3])).attempts == 0
    assert [(entry["event"], entry["exc_info"]) for entry in logs if entry.get("alarm")] == [
        ("cannot compose; mend the set-up", True)
    ]


async def test_a_mail_that_brings_out_a_fault_is_left_to_a_person_and_the_others_go_on(
    room: Any, relay: Relay, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = await room.add(Kind.REJECTION)
    others = await fill(room, 20)

    async def refuse(message_id: str, _: Envelope) -> str | None:
        return "550 5.1.1 odd" if message_id == odd else None

    def judge(code: int, enhanced: str | None, text: str, stage: str) -> Any:
        raise LookupError("a fault")

    relay.at_rcpt = refuse
    monkeypatch.setitem(globals(), "classify_reply", judge)
    async with office.open(office.sender(connections=1)):
        await office.until(sent=20, in_doubt=1)
    row = await room.row(odd)
    assert (row.status, row.ready_at, row.lease) == (Status.IN_DOUBT, None, None)
    event = (await room.story(odd))[-1]
    assert (event.detail["why"], event.detail["needs_person"]) == ("LookupError: a fault", True)
    assert Counter(relay.taken) == Counter(others)


LINK = "https://www.g-mis.mhlw.go.jp/s/Ab3dE-f6hIjKl9"


@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        (f"550 5.7.1 spam: {LINK}", {"undelivered": 1}),
        (f"451 4.7.1 later: {LINK}", {"deferred": 1}),
        (f"250 2.0.0 Ok: {LINK}", {"sent": 1}),
        (f"350 {LINK}", {"in_doubt": 1}),
    ],
)
async def test_a_link_that_the_relay_quotes_is_neither_recorded_nor_logged(
    room: Any, relay: Relay, office: Office, answer: str, statuses: dict[str, int]
) -> None:
    async def quote(_: str, __: Envelope) -> str:
        return answer

    relay.at_data = quote
    guide = await room.add(Kind.GUIDE, secret=room.cipher.encipher({"setup_url": LINK}))
    with capture_logs() as logs:
        async with office.open():
            await office.until(**statuses)
    row = await room.row(guide)
    assert "[...]" in row.diagnostic
    found = (row.diagnostic, [event.detail for event in await room.story(guide)], logs)
    assert "Ab3dE" not in repr(found)


async def test_a_code_that_the_relay_quotes_is_not_recorded(room: Any, relay: Relay, office: Office) -> None:
    async def quote(_: str, __: Envelope) -> str:
        return "250 2.0.0 Ok: 482913 noted"

    relay.at_data = quote
    code = await room.add(Kind.CODE, secret=room.cipher.encipher({"code": "482913"}))
    async with office.open():
        await office.until(sent=1)
    assert (await room.row(code)).diagnostic == "2.0.0 Ok: [...] noted"
