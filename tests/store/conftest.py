"""A room with mails in it: rows written directly, the real ledger, and a clock that stands still until it leaps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Row, insert, select, update

from config.spreading import load_rates
from config.timing import load_hours
from core.clock import Anchor, SimulatedClock
from core.ids import IdSource
from core.kinds import Kind
from core.messages import Change
from core.statuses import Status
from scheduler.calendar import BusinessCalendar
from scheduler.spreading import Spreading
from scheduler.windows import Timing
from store.cipher import Cipher
from store.engine import Database
from store.ledger import Ledger
from store.tables import events, institutions, messages, senders, suppressions

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # Tuesday 10:00 in Tokyo
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
LANES = {Kind.CODE: 0, Kind.REMINDER: 2}


class Room:
    """Mails on a database."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = SimulatedClock(Anchor(NOW, 0.0, 1.0), real=lambda: 0.0)
        self.ids = IdSource(self.clock)
        self.timing = Timing(BusinessCalendar(), load_hours())
        self.cipher = Cipher([KEY])
        self.places = Spreading(load_rates(), self.timing.hours(Kind.REMINDER))
        self.ledger = Ledger(db, self.timing, self.ids)
        self._institutions: set[str] = set()

    async def add(self, kind: Kind = Kind.PRE_CHECK, status: Status = Status.SCHEDULED, **columns: Any) -> str:
        """A message of an institution in Yamaguchi, ready now where it can be claimed; its id."""
        row = self.row_of(kind, status, **columns)
        await self.add_rows([row])
        return str(row["id"])

    def row_of(self, kind: Kind = Kind.PRE_CHECK, status: Status = Status.SCHEDULED, **columns: Any) -> dict[str, Any]:
        """A row of `messages`."""
        message_id = self.ids()
        ready = status in (Status.SCHEDULED, Status.DEFERRED)
        secret = self.cipher.encipher({"setup_url": "https://www.g-mis.mhlw.go.jp/s/x"}) if kind is Kind.GUIDE else None
        email = columns.get("email", "soumu@example.jp")
        return {
            "id": message_id,
            "kind": kind,
            "status": status,
            "institution_code": "3510012345",
            "prefecture": "35",
            "email": email,
            "email_key": email.lower(),
            "recipient": {},
            "data": {"login_id": "h1"} if kind is Kind.GUIDE else {},
            "secret": None if status.final else secret,
            "message_id_header": f"<{message_id}@example.jp>",
            "rule": "business-hours",
            "lane": LANES.get(kind, 1),
            "created_at": NOW,
            "due_at": NOW if ready else None,
            "ready_at": NOW if ready else None,
            "not_before": None,
            "expires_at": None,
            "waits_for": None,
            "attempts": 0,
            "troubles": 0,
            "first_attempt_at": None,
            "sent_at": NOW if status is Status.SENT else None,
            "reason": None,
            "bounce_class": None,
            "lease": "sender-1" if status is Status.SENDING else None,
        } | columns

    async def add_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Messages, and the institutions that they name."""
        missing = {row["institution_code"] for row in rows} - self._institutions - {None}
        async with self.db.write() as conn:
            if missing:
                await conn.execute(insert(institutions), [_institution(code) for code in sorted(missing)])
            if rows:
                await conn.execute(insert(messages), rows)
        self._institutions |= missing

    async def pair(self, pre_check: Status, guide: Status = Status.HELD, **of_the_guide: Any) -> tuple[str, str]:
        """A pre-check and the guide that waits for it."""
        first = await self.add(Kind.PRE_CHECK, pre_check)
        return first, await self.add(Kind.GUIDE, guide, waits_for=first, **of_the_guide)

    async def move(self, message_id: str, target: Status | None, event: str = "moved", **values: Any) -> bool:
        """One change, now."""
        change = Change(message_id, target, event, self.clock.now(), {}, values)
        return (await self.ledger.record([change]))[0]

    async def put_on_wire(self, *message_ids: str, lease: str = "sender-1") -> None:
        """A sender that was about to hand these over when it was last heard of; it is known from then on."""
        async with self.db.write() as conn:
            changed = await conn.execute(update(senders).where(senders.c.id == lease).values(on_wire=list(message_ids)))
            if not changed.rowcount:
                long_ago = {"started_at": NOW, "beat_at": NOW - timedelta(days=365), "dead_at": NOW}
                await conn.execute(insert(senders).values(id=lease, on_wire=list(message_ids), **long_ago))

    async def on_wire(self) -> set[str]:
        """What the living are about to hand over, or have, by their own word."""
        async with self.db.read() as conn:
            found = (await conn.execute(select(senders.c.on_wire).where(senders.c.dead_at.is_(None)))).scalars()
            return {message_id for wire in found for message_id in wire}

    async def row(self, message_id: str) -> Row[Any]:
        async with self.db.read() as conn:
            return (await conn.execute(select(messages).where(messages.c.id == message_id))).one()

    async def status(self, message_id: str) -> Status:
        return Status((await self.row(message_id)).status)

    async def set(self, message_id: str, **columns: Any) -> None:
        """Change columns behind the ledger's back."""
        async with self.db.write() as conn:
            await conn.execute(update(messages).where(messages.c.id == message_id).values(**columns))

    async def story(self, message_id: str) -> list[Row[Any]]:
        """Its events, oldest first."""
        async with self.db.read() as conn:
            query = select(events).where(events.c.message_id == message_id).order_by(events.c.id)
            return list((await conn.execute(query)).all())

    async def told(self, message_id: str) -> list[str]:
        """The types of its events, oldest first."""
        return [event.type for event in await self.story(message_id)]

    async def suppressed(self) -> list[Row[Any]]:
        async with self.db.read() as conn:
            return list((await conn.execute(select(suppressions))).all())


def _institution(code: str) -> dict[str, Any]:
    return {
        "code": code,
        "name": "周南みなと病院",
        "name_key": "周南みなと病院",
        "type": "hospital",
        "prefecture": "35",
        "updated_at": NOW,
    }


@pytest.fixture
def room(db: Database) -> Room:
    """On each database in turn."""
    return Room(db)


@pytest.fixture
def make_room() -> type[Room]:
    """For a test that opens its database itself."""
    return Room


@pytest.fixture
async def postgres_room(postgres_url: str) -> AsyncIterator[Room]:
    """On PostgreSQL, where several write at a time."""
    database = Database(postgres_url)
    yield Room(database)
    await database.close()


@pytest.fixture
def another_key() -> str:
    """A key under which nothing was enciphered."""
    return Fernet.generate_key().decode()
