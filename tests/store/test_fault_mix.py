"""A bad day: refusals, cuts and stalls at every stage, and every mail ends where it belongs."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import or_, select

from core.kinds import Kind
from core.statuses import Status
from store.tables import messages
from tests.store.test_sending import PATHS, Office, Relay, fill

STAGES = ("mail", "rcpt", "dot")
FAULTS = {"4xx": 20, "cut": 5, "stall": 2, "5xx": 3, "none": 70}
"""Of a hundred mails that reach a stage for the first time."""


class BadDay(Relay):
    """Answers a mail's first tries by lot: each stage has its own, drawn once."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.fates: dict[tuple[str, str], str] = {}
        self.kept: Counter[str] = Counter()

    async def met(self, message_id: str, stage: str, server: SMTP) -> str | None:
        """A reply that is none of the good ones."""
        if (message_id, stage) in self.fates:
            return None
        (fate,) = self.chance.choices(list(FAULTS), list(FAULTS.values()))
        self.fates[message_id, stage] = fate
        if fate in ("cut", "stall") and stage == "dot":
            self.kept[message_id] += 1
        if fate == "cut" and server.transport is not None:
            server.transport.abort()
        if fate == "stall":
            await asyncio.Event().wait()
        return {"4xx": "451 4.3.0 later", "5xx": "554 5.6.0 no", "cut": "421 gone"}.get(fate)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        message_id = PATHS.verify(address.partition("@")[0])
        assert message_id is not None
        answer = await self.met(message_id, "mail", server)
        if answer is None:
            envelope.mail_from = address
        return answer or "250 2.1.0 Ok"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any) -> str:
        answer = await self.met(_id(envelope), "rcpt", server)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await self.met(_id(envelope), "dot", server)
        if answer is None:
            self.kept[_id(envelope)] += 1
        return answer or "250 2.0.0 Kept"

    def fate(self, message_id: str) -> set[str]:
        """What a mail met."""
        return {self.fates.get((message_id, stage), "none") for stage in STAGES}

    def at_dot(self, message_id: str) -> str:
        return self.fates.get((message_id, "dot"), "none")


def _id(envelope: Envelope) -> str:
    message_id = PATHS.verify(str(envelope.mail_from).partition("@")[0])
    assert message_id is not None
    return message_id


@pytest.fixture
async def relay() -> AsyncIterator[BadDay]:
    handler = BadDay(7)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="relay.example"), "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    yield handler
    server.close()


async def test_every_mail_ends_where_it_belongs(room: Any, relay: BadDay) -> None:
    office = Office(room, relay)
    guides, others = await fill(room, 40, Kind.GUIDE), await fill(room, 120)
    async with office.open(office.sender(connections=10, command_timeout=0.5, final_timeout=0.5)):
        while not await all_over(room):
            room.clock.leap_to(room.clock.now() + timedelta(minutes=1))
            room.db.wake()
            await asyncio.sleep(0.02)
    for mail in guides + others:
        row = await room.row(mail)
        doubtful = relay.at_dot(mail) in ("cut", "stall")
        if "5xx" in relay.fate(mail):
            assert (row.status, relay.kept[mail]) == (Status.UNDELIVERED, 0), relay.fate(mail)
        elif doubtful and mail in guides:
            assert (row.status, relay.kept[mail]) == (Status.IN_DOUBT, 1)
        else:
            assert (row.status, relay.kept[mail]) == (Status.SENT, 2 if doubtful else 1)
            assert not doubtful or "in-doubt" in await room.told(mail)
    assert {fate for fate in FAULTS if fate in relay.fates.values()} == set(FAULTS)


async def all_over(room: Any) -> bool:
    """Whether nothing is under way or will be."""
    under_way = or_(messages.c.ready_at.is_not(None), messages.c.status == Status.SENDING)
    async with room.db.read() as conn:
        return (await conn.execute(select(messages.c.id).where(under_way))).first() is None
