"""The audit at the end of a rehearsal: a breach of each promise is seen. What it does not see, no rehearsal would."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Settings
from core.jst import TOKYO
from core.kinds import InstitutionType, Kind
from core.statuses import Status
from store.tables import events, jobs, messages
from todoke.rehearsal.applying import MARK
from todoke.rehearsal.assumptions import Assumptions, load_assumptions
from todoke.rehearsal.audit import audit_record
from todoke.rehearsal.draws import Draws
from todoke.rehearsal.office import open_office
from todoke.rehearsal.play import Stage, play, set_stage
from todoke.rehearsal.promises import Promise, Promises
from todoke.rehearsal.world import Season

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEASON = Season(2026, datetime(2027, 1, 4, tzinfo=TOKYO), datetime(2027, 1, 19, tzinfo=TOKYO))
PLAYERS = 24


def world() -> Assumptions:
    """Hospitals of two prefectures that all apply; many mailboxes do not exist."""
    own = load_assumptions(None).world
    hospitals = {InstitutionType.HOSPITAL: 1.0}
    applications = replace(own.applications, share=1.0, approval_days=(1, 1), issue_days=(1, 2))
    return replace(
        own,
        institutions=replace(own.institutions, prefectures={"13": 1.0, "35": 1.0}, types=hospitals, paper=0.1),
        mailboxes=replace(own.mailboxes, unknown=0.3, late_report=0.0),
        reporting=replace(own.reporting, told_every_minutes=240),
        applications=replace(applications, told_every_minutes=240),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Two weeks that were played to their end."""
    draws, folder = Draws(1), tmp_path_factory.mktemp("season")
    async with open_office(Settings(data_dir=folder), folder, SEASON.first, draws) as wiring:
        stage = set_stage(SEASON, wiring, PLAYERS, world(), draws)
        await play(stage, lambda _moment, _mails: None)
        yield stage


@dataclass(frozen=True, slots=True)
class Record:
    """What is on record at the end of a season, in a transaction that comes to nothing: it may be falsified."""

    stage: Stage
    conn: AsyncConnection

    async def one(self, kind: Kind, status: Status, column: Any = messages.c.id) -> str:
        """Some message's id, or another of its columns."""
        query = select(column).where(messages.c.kind == kind, messages.c.status == status).order_by(messages.c.id)
        return str((await self.conn.execute(query)).scalars().first())

    async def falsify(self, kind: Kind, was: Status, **values: Any) -> str:
        """Change some message past all rules; its id."""
        identifier = await self.one(kind, was)
        await self.conn.execute(update(messages).where(messages.c.id == identifier).values(**values))
        return identifier

    async def audited(self) -> Promises:
        """What an audit finds."""
        await audit_record(self.conn, self.stage)
        return self.stage.promises


@pytest_asyncio.fixture(loop_scope="module")
async def record(played: Stage) -> AsyncIterator[Record]:
    watch = played.watch
    kept, failed, played.promises = Counter(watch.kept), dict(watch.failed), Promises()
    async with played.wiring.db.engine.connect() as conn:
        yield Record(played, conn)
        await conn.execute(text("PRAGMA ignore_check_constraints = OFF"))
    watch.kept, watch.failed = kept, failed


async def test_a_season_that_was_played_keeps_every_promise(record: Record) -> None:
    found = await record.audited()
    assert found.told == {}
    ends = (Promise.NONE_LOST, Promise.TRUE_RECORD, Promise.ERASED, Promise.VISIBLE)
    assert all(found.tested[promise] > 0 for promise in ends)


async def due_and_forgotten(record: Record) -> str:
    return await record.falsify(Kind.REMINDER, Status.SCHEDULED, ready_at=SEASON.end - timedelta(days=1))


async def never_ready(record: Record) -> str:
    return await record.falsify(Kind.REMINDER, Status.SCHEDULED, ready_at=None)


async def held_behind_an_open_gate(record: Record) -> str:
    return await record.falsify(Kind.GUIDE, Status.SENT, status=Status.HELD)


async def step_never_planned(record: Record) -> str:
    code = await record.one(Kind.REMINDER, Status.SCHEDULED, messages.c.institution_code)
    identifier = await record.one(Kind.REMINDER, Status.SCHEDULED)
    await record.conn.execute(delete(messages).where(messages.c.id == identifier))
    return code


async def step_planned_twice(record: Record) -> str:
    identifier = await record.one(Kind.REMINDER, Status.SCHEDULED)
    row = (await record.conn.execute(select(messages).where(messages.c.id == identifier))).mappings().one()
    other = {**row, "id": "another", "step_key": f"{row['step_key']}-again"}
    await record.conn.execute(insert(messages).values(**other))
    return str(row["institution_code"])


async def sent_but_on_record_as_cancelled(record: Record) -> str:
    return await record.falsify(Kind.GUIDE, Status.SENT, status=Status.CANCELLED)


async def on_record_as_sent_but_never_seen(record: Record) -> str:
    identifier = await record.one(Kind.GUIDE, Status.SENT)
    del record.stage.watch.kept[identifier]
    return identifier


async def failed_but_on_record_as_sent(record: Record) -> str:
    return await record.falsify(Kind.PRE_CHECK, Status.UNDELIVERED, status=Status.SENT)


async def secret_kept(record: Record) -> str:
    # The database would refuse it by itself.
    await record.conn.execute(text("PRAGMA ignore_check_constraints = ON"))
    return await record.falsify(Kind.GUIDE, Status.SENT, secret="enciphered")


async def link_in_data(record: Record) -> str:
    return await record.falsify(Kind.GUIDE, Status.SENT, data={"setup_url": f"https://example.jp/{MARK}g1"})


async def link_in_a_diagnostic(record: Record) -> str:
    return await record.falsify(Kind.GUIDE, Status.SENT, diagnostic=f"550 https://example.jp/{MARK}g1")


async def link_in_an_event(record: Record) -> str:
    identifier = await record.one(Kind.GUIDE, Status.SENT)
    told = update(events).where(events.c.message_id == identifier).values(detail={"link": f"/{MARK}g1"})
    await record.conn.execute(told)
    return identifier


async def link_in_an_answer(record: Record) -> str:
    job_id = await record.one(Kind.GUIDE, Status.SENT, messages.c.job_id)
    await record.conn.execute(update(jobs).where(jobs.c.job_id == job_id).values(answer={"link": f"/{MARK}g1"}))
    return job_id


async def failure_on_nobodys_list(record: Record) -> str:
    return await record.falsify(Kind.PRE_CHECK, Status.UNDELIVERED, prefecture=None)


async def failure_on_another_list(record: Record) -> str:
    own = await record.one(Kind.PRE_CHECK, Status.UNDELIVERED, messages.c.prefecture)
    identifier = await record.falsify(Kind.PRE_CHECK, Status.UNDELIVERED, prefecture="35" if own == "13" else "13")
    del record.stage.watch.failed[identifier]  # that its own list lacks it is another breach
    return identifier


@pytest.mark.parametrize(
    ("breach", "promise"),
    [
        (due_and_forgotten, Promise.NONE_LOST),
        (never_ready, Promise.NONE_LOST),
        (held_behind_an_open_gate, Promise.NONE_LOST),
        (step_never_planned, Promise.NONE_LOST),
        (step_planned_twice, Promise.NONE_LOST),
        (sent_but_on_record_as_cancelled, Promise.TRUE_RECORD),
        (on_record_as_sent_but_never_seen, Promise.TRUE_RECORD),
        (failed_but_on_record_as_sent, Promise.TRUE_RECORD),
        (secret_kept, Promise.ERASED),
        (link_in_data, Promise.ERASED),
        (link_in_a_diagnostic, Promise.ERASED),
        (link_in_an_event, Promise.ERASED),
        (link_in_an_answer, Promise.ERASED),
        (failure_on_nobodys_list, Promise.VISIBLE),
        (failure_on_another_list, Promise.VISIBLE),
    ],
)
async def test_a_breach_is_seen(record: Record, breach: Callable[[Record], Awaitable[str]], promise: Promise) -> None:
    about = await breach(record)
    found = await record.audited()
    assert found.broken[promise] > 0
    assert any(about in told for told in found.told[promise])
