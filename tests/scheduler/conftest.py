"""A season to try: a service on either database, whose clock stands still until it is moved, and which restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.jst import TOKYO, tokyo_date
from core.messages import Change, Message
from core.statuses import Status
from scheduler.intake import Answer
from scheduler.policies import LeavePolicy
from store import schema
from store.chores import StoredChores
from store.outbox import StoredOutbox
from store.tables import events, messages, reporting
from todoke.wiring import Wiring

LEASE = "sender"

DESKS = """
[prefectures]
33.contact = {name = "試験県医療課", phone = "050-0000-0000", email = "desk@example.jp"}
"""


def tokyo(text: str) -> datetime:
    """A moment in Tokyo: 2027-03-16T09:00."""
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


class Season:
    """A service that takes reporting statuses and sends reminders."""

    def __init__(self, url: str, folder: Path, start: str) -> None:
        self.clock = SimulatedClock(Anchor(tokyo(start), 0.0, 1.0), lambda: 0.0)
        self.config = folder / "config"
        self.config.mkdir()
        self.write("prefectures.toml", DESKS)
        self._settings = Settings(database_url=url, data_dir=folder / "data", config_dir=self.config)
        self.wiring = Wiring(self._settings, self.clock)

    def write(self, name: str, text: str) -> None:
        """A file of the configuration folder; it counts from the next restart on."""
        (self.config / name).write_text(text, encoding="utf-8")

    async def restart(self, **settings: Any) -> Any:
        """End the service and start it again, with settings changed; what the replanning did."""
        await self.wiring.close()
        self._settings = self._settings.model_copy(update=settings)
        self.wiring = Wiring(self._settings, self.clock)
        return await self.wiring.replanner.replan()

    def leap(self, text: str) -> None:
        """Move on to a moment in Tokyo."""
        self.clock.leap_to(tokyo(text))

    @staticmethod
    def word(code: str = "3510000001", **changes: Any) -> dict[str, Any]:
        """A reporting status as handed in; `changes` are dotted with __."""
        raw: dict[str, Any] = {
            "fiscal_year": 2026,
            "institution": {"code": code, "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
            "recipient": {"email": f"s{code}@example.jp", "department": "総務課"},
            "status": "not-started",
        }
        for path, value in changes.items():
            *parents, last = path.split("__")
            place = raw
            for key in parents:
                place = place[key]
            place[last] = value
        return raw

    async def tell(self, *words: Any) -> list[Answer]:
        """Hand in statuses."""
        return await self.wiring.reporting.accept(words, "test")

    async def told(self, *words: Any) -> None:
        """Hand in statuses that are accepted."""
        answers = await self.tell(*words)
        assert [answer.status for answer in answers] == [200] * len(words), answers

    async def publish(self, job_id: str, code: str = "3510000001", **changes: Any) -> Answer:
        """A reminder published directly."""
        word = self.word(code)
        job = {
            "job_id": job_id,
            "kind": "reminder",
            "institution": word["institution"],
            "recipient": word["recipient"],
            "data": {"fiscal_year": 2026, "deadline": "2027-03-31"},
        }
        (answer,) = await self.wiring.intake.accept([job | changes], "test")
        return answer

    def outbox(self) -> StoredOutbox:
        """What a sender claims from."""
        wiring = self.wiring
        policy = LeavePolicy(wiring.timing, wiring.reminder_rules, wiring.settings.may_mail, wiring.has_contact)
        return StoredOutbox(wiring.db, wiring.ledger, wiring.cipher, policy, wiring.clock, wiring.spreading)

    async def claim(self) -> list[Message]:
        """Everything that may leave now."""
        return list(await self.outbox().claim(LEASE, 1000))

    async def record(self, found: Sequence[Message], target: Status, **values: Any) -> None:
        """What became of claimed messages."""
        now = self.clock.now()
        changes = [Change(message.id, target, target.value, now, {}, values, LEASE) for message in found]
        assert all(await self.wiring.ledger.record(changes))

    async def send(self) -> list[str]:
        """Send everything that may leave now; the addresses."""
        found = await self.claim()
        await self.record(found, Status.SENT, sent_at=self.clock.now())
        return sorted(message.recipient.email for message in found)

    async def tick(self) -> None:
        """What the ticker does."""
        await StoredChores(self.wiring.db, self.wiring.ledger).expire_due(self.clock.now())

    def text(self, message: Message) -> str:
        """What a claimed message says."""
        return self.wiring.renderer.render(message).text

    async def reminders(self, code: str = "3510000001") -> list[Any]:
        """The reminders of an institution, in the order in which they are due."""
        query = select(messages).where(messages.c.institution_code == code).order_by(messages.c.due_at, messages.c.id)
        async with self.wiring.db.read() as conn:
            return list(await conn.execute(query))

    async def steps(self, code: str = "3510000001") -> dict[str, str]:
        """Due days of the reminders still to leave, by their step."""
        return {
            row.data["step"]: str(tokyo_date(row.due_at)) for row in await self.reminders(code) if row.status in UNSENT
        }

    async def story(self, message_id: str) -> list[tuple[str, str]]:
        """Types and statuses of a message's events."""
        query = select(events.c.type, events.c.status).where(events.c.message_id == message_id).order_by(events.c.id)
        async with self.wiring.db.read() as conn:
            return [(row.type, row.status) for row in await conn.execute(query)]

    async def statuses(self) -> list[Any]:
        """All statuses on record."""
        async with self.wiring.db.read() as conn:
            return list(await conn.execute(select(reporting).order_by(reporting.c.institution_code)))


UNSENT = (Status.SCHEDULED, Status.DEFERRED)


@pytest.fixture
async def season(database_url: str, tmp_path: Path) -> AsyncIterator[Season]:
    """December 2026: the season of the fiscal year 2026 lies ahead. On each database."""
    made = Season(database_url, tmp_path, "2026-12-10T10:00")
    await schema.upgrade(made.wiring.db)
    yield made
    await made.wiring.close()


@pytest.fixture
async def postgres_season(postgres_url: str, tmp_path: Path) -> AsyncIterator[Season]:
    """The same on PostgreSQL alone, where several processes work side by side."""
    made = Season(postgres_url, tmp_path, "2026-12-10T10:00")
    yield made
    await made.wiring.close()


@pytest.fixture(scope="session")
def season_class() -> type[Season]:
    """For tests that make seasons of their own."""
    return Season
