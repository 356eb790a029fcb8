"""A guide that is posted by itself in the moment in which its pre-check comes to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.messages import Change
from core.statuses import Status
from store import schema
from store.tables import messages
from todoke.wiring import Wiring

NOON = datetime(2026, 12, 28, 3, tzinfo=UTC)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
async def wiring(postgres_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    clock = SimulatedClock(Anchor(NOON, 0.0, 1), lambda: 0.0)
    made = Wiring(Settings(database_url=postgres_url, data_dir=tmp_path / "data"), clock)
    await schema.upgrade(made.db)
    yield made
    await made.close()


def job(kind: str, **data: str) -> dict[str, Any]:
    return {
        "job_id": kind,
        "kind": kind,
        "application": {"id": "A-1", "route": "self", "account": "none", "received_on": "2026-12-01"},
        "institution": {"code": "3500001", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": {"email": "soumu@example.jp"},
        "data": data,
    }


GUIDE = job("guide", login_id="h1", setup_url="https://www.g-mis.mhlw.go.jp/s/abc")


async def accepted(wiring: Wiring, raw: dict[str, Any]) -> dict[str, Any]:
    (answer,) = await wiring.intake.accept([raw], "test")
    assert answer.status == 202, answer.body
    message: dict[str, Any] = answer.body["messages"][0]
    return message


async def waiting(watch: psycopg.AsyncConnection[Any], count: int, *tasks: asyncio.Task[Any]) -> None:
    """Until so many wait for a lock, or one of the tasks is done."""
    async with asyncio.timeout(30):
        while not any(task.done() for task in tasks):
            row = await (await watch.execute(WAITING)).fetchone()
            if row is not None and row[0] >= count:
                return


@pytest.mark.parametrize(
    ("target", "expected"), [(Status.SENT, Status.SCHEDULED), (Status.UNDELIVERED, Status.CANCELLED)]
)
async def test_its_gate_is_asked_all_the_same(
    wiring: Wiring, postgres_url: str, target: Status, expected: Status
) -> None:
    pre_check = await accepted(wiring, job("pre-check"))
    dsn = postgres_url.replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as watch:
        async with await psycopg.AsyncConnection.connect(dsn) as other:
            await other.execute("SELECT FROM applications FOR UPDATE")  # the intake has read, and cannot write yet
            posting = asyncio.create_task(accepted(wiring, GUIDE))
            await waiting(watch, 1, posting)
            change = Change(pre_check["id"], Status.SENDING, "claimed", NOON, values={"lease": "test"})
            end = Change(pre_check["id"], target, target.value, NOON, values={"sent_at": NOON, "reason": "userunknown"})
            ending = asyncio.create_task(wiring.ledger.record([change, end]))
            await waiting(watch, 2, ending)
        guide = await posting
        assert await ending == [True, True]
    async with wiring.db.read() as conn:
        row = (await conn.execute(select(messages).where(messages.c.id == guide["id"]))).one()
    assert row.status == expected
    assert (row.secret is None) == (expected is Status.CANCELLED)
    assert (row.due_at is None) == (expected is Status.CANCELLED)
