"""Messages in any status on a real database, reports about them, and what brings the two together."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import aiosmtplib
import pytest
import uvloop
from sqlalchemy import insert, select

from bounce_handler.applying import ApplierSettings, ReportApplier
from bounce_handler.listener import BounceListener, ListenerSettings
from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.reports import Arrival
from core.statuses import Status
from store import schema
from store.report_mails import opened
from store.tables import events, institutions, messages, reports, suppressions
from todoke.wiring import Wiring

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """The listener runs on uvloop where there is one, and aiosmtpd was made for asyncio's own loop: on both, then."""
    both: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    on_both = item.path.stem in ("test_listener_tls", "test_listener_hostile", "test_listener_start")
    return both if on_both else {"asyncio": both["asyncio"]}


START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # Tuesday, 10:00 in Tokyo
INSTITUTION = "3510012345"
PASSING = 5.0


class Bounces:
    """A database with messages, and everything a test does to them."""

    def __init__(self, wiring: Wiring, clock: SimulatedClock) -> None:
        self.wiring = wiring
        self.clock = clock
        self.return_paths = wiring.return_paths
        self.applier = ReportApplier(wiring.reports, clock, ApplierSettings(retry_pause=0.0, wait_pause=0.0))

    async def message(self, status: Status = Status.SENT, **columns: Any) -> str:
        """A message in this status; its id."""
        message_id = str(uuid.uuid4())
        row = {
            "id": message_id,
            "kind": "application-complete",
            "status": status.value,
            "email": "soumu@example.jp",
            "institution_code": INSTITUTION,
            "prefecture": "35",
            "recipient": {},
            "data": {},
            "message_id_header": self.return_paths.message_id_header(message_id),
            "rule": "at-once",
            "lane": 1,
            "created_at": self.clock.now(),
            "lease": "a sender" if status is Status.SENDING else None,
        } | columns
        async with self.wiring.db.write() as conn:
            await conn.execute(insert(messages).values(**row, email_key=row["email"].lower()))
        return message_id

    def return_path(self, message_id: str) -> str:
        """Where reports about this message go."""
        return self.return_paths.address(message_id)

    def header(self, message_id: str) -> str:
        """The message's Message-ID."""
        return self.return_paths.message_id_header(message_id)

    async def keep(self, raw: bytes, message_id: str | None, doubt: str | None = None) -> str:
        """Keep a mail as the listener does; its report id."""
        (report_id,) = await self.wiring.reports.keep([Arrival("192.0.2.1", "digest", message_id, raw, doubt)])
        return report_id

    async def apply(self) -> None:
        """Apply what can be applied now."""
        while await self.applier.apply_waiting():
            pass

    async def report(self, raw: bytes, message_id: str | None) -> dict[str, Any]:
        """Keep a mail and apply it; what became of it."""
        report_id = await self.keep(raw, message_id)
        await self.apply()
        return await self.outcome(report_id)

    async def outcome(self, report_id: str) -> dict[str, Any]:
        """The row of a report."""
        return next(row for row in await self.reports() if row["id"] == report_id)

    def mail(self, report: Mapping[str, Any]) -> bytes:
        """What is kept of the mail of a row of reports."""
        return opened(self.wiring.cipher, report["raw"], report["octets"])

    async def reports(self) -> list[dict[str, Any]]:
        """All rows of reports, oldest first."""
        return await self._rows(select(reports).order_by(reports.c.received_at, reports.c.id))

    async def states(self, report_ids: Collection[str]) -> dict[str, str]:
        """What became of these reports."""
        query = select(reports.c.id, reports.c.state).where(reports.c.id.in_(report_ids))
        return {row["id"]: row["state"] for row in await self._rows(query)}

    async def facts(self, message_id: str) -> dict[str, Any]:
        """The row of a message."""
        return (await self._rows(select(messages).where(messages.c.id == message_id)))[0]

    async def status(self, message_id: str) -> Status:
        """Its status."""
        return Status((await self.facts(message_id))["status"])

    async def events(self, message_id: str) -> list[dict[str, Any]]:
        """Its events, oldest first."""
        return await self._rows(select(events).where(events.c.message_id == message_id).order_by(events.c.id))

    async def told(self, message_id: str) -> list[str]:
        """The types of its events."""
        return [row["type"] for row in await self.events(message_id)]

    async def stories(self, message_ids: Collection[str]) -> dict[str, tuple[Status, list[str]]]:
        """Status and event types of these messages."""
        found: dict[str, tuple[Status, list[str]]] = {
            row["id"]: (Status(row["status"]), [])
            for row in await self._rows(select(messages).where(messages.c.id.in_(message_ids)))
        }
        query = select(events).where(events.c.message_id.in_(message_ids)).order_by(events.c.id)
        for row in await self._rows(query):
            found[row["message_id"]][1].append(row["type"])
        return found

    async def suppressions(self) -> list[tuple[str, str]]:
        """Addresses with their scopes."""
        return [(row["email"], row["scope"]) for row in await self._rows(select(suppressions))]

    async def _rows(self, query: Any) -> list[dict[str, Any]]:
        async with self.wiring.db.read() as conn:
            return [dict(row._mapping) for row in await conn.execute(query)]


@pytest.fixture
def clock() -> SimulatedClock:
    """Time that stands still."""
    return SimulatedClock(Anchor(START, 0.0, 1.0), real=lambda: 0.0)


@pytest.fixture
def open_bounces(clock: SimulatedClock) -> Callable[[str], Any]:
    """Makes a `Bounces` over a database."""

    async def opened(url: str) -> Bounces:
        settings = Settings(database_url=url, return_path_domain="bounces.example.jp", secret_keys=[KEY])
        wiring = Wiring(settings, clock)
        await schema.upgrade(wiring.db)
        async with wiring.db.write() as conn:
            if (await conn.execute(select(institutions))).first() is None:  # a database may be opened again
                await conn.execute(insert(institutions).values(**_INSTITUTION, updated_at=clock.now()))
        return Bounces(wiring, clock)

    return opened


KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
_INSTITUTION = {
    "code": INSTITUTION,
    "name": "周南みなと病院",
    "name_key": "周南みなと病院",
    "type": "hospital",
    "prefecture": "35",
}


@pytest.fixture
async def bounces(database_url: str, open_bounces: Callable[[str], Any]) -> AsyncIterator[Bounces]:
    """Messages and reports on each database."""
    made = await open_bounces(database_url)
    yield made
    await made.wiring.close()


@pytest.fixture
async def sqlite_bounces(sqlite_url: str, open_bounces: Callable[[str], Any]) -> AsyncIterator[Bounces]:
    """Messages and reports on SQLite alone, for what does not depend on the database."""
    made = await open_bounces(sqlite_url)
    yield made
    await made.wiring.close()


Compose = Callable[..., bytes]


@pytest.fixture
def compose() -> Compose:
    """Composes reports."""
    return compose_report


def compose_report(
    *,
    to: str = "",
    returned: str | None = None,
    recipients: Mapping[str, str] | None = None,
    status: str = "5.1.1",
    diagnostic: str = "550 5.1.1 User unknown",
    number: int = 1,
    text: str = "",
) -> bytes:
    """A multipart/report (RFC 3464) about recipients and their actions; `returned` is the original's Message-ID."""
    blocks = "".join(
        f"\r\nFinal-Recipient: rfc822; {address}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {diagnostic}\r\n"
        for address, action in (recipients or {"soumu@example.jp": "failed"}).items()
    )
    original = f"Message-ID: {returned}\r\nSubject: test\r\n" if returned else "Subject: test\r\n"
    return (
        f"Received: from mx.example.jp by relay.example.jp; Tue, 24 Nov 2026 10:00:00 +0900\r\n"
        f"From: MAILER-DAEMON@mx.example.jp\r\nTo: <{to}>\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        f"Date: Tue, 24 Nov 2026 10:00:00 +0900\r\nMessage-ID: <{number}@mx.example.jp>\r\nMIME-Version: 1.0\r\n"
        f'Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n'
        f"\r\n--b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system.\r\n{text}\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.jp\r\n{blocks}\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{original}\r\n--b--\r\n"
    ).encode()


class Post:
    """A running listener, and how a relay talks to it."""

    def __init__(self, listener: BounceListener) -> None:
        self.listener = listener

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.listener.port

    def client(self, **options: Any) -> aiosmtplib.SMTP:
        """A relay that is not connected yet."""
        options = {"start_tls": False} | options
        return aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, timeout=PASSING, **options)

    async def send(self, raw: bytes, *recipients: str) -> str:
        """Hand over a report with the null sender; the last reply."""
        async with self.client() as relay:
            await relay.mail("")
            for recipient in recipients:
                await relay.rcpt(recipient)
            return (await relay.data(raw)).message

    async def talk(self, octets: bytes, *, answers: int) -> list[bytes]:
        """Say these octets on a bare socket; so many lines of the answer, fewer when the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(octets)
            lines = [await asyncio.wait_for(reader.readline(), PASSING) for _ in range(answers)]
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        return [line for line in lines if line]


@pytest.fixture
async def listen() -> AsyncIterator[Callable[..., Any]]:
    """Starts listeners for a `Bounces`."""
    started: list[BounceListener] = []

    async def start(bounces: Bounces, keeper: Any = None, **settings: Any) -> Post:
        options = ListenerSettings("127.0.0.1", 0, **settings)
        listener = BounceListener(options, keeper or bounces.wiring.reports, bounces.return_paths)
        await listener.start()
        started.append(listener)
        return Post(listener)

    yield start
    for listener in started:
        await listener.stop()


@pytest.fixture
async def post(bounces: Bounces, listen: Callable[..., Any]) -> Post:
    """A listener with the usual settings."""
    started: Post = await listen(bounces)
    return started
