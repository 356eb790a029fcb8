"""What a claim costs with a short and with a long queue behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from benchmarks.figures import Figure, Section
from benchmarks.instance import Instance, multiply
from benchmarks.jobs import published
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres
from benchmarks.problems import Failed
from core.kinds import Kind
from scheduler.policies import LeavePolicy
from store.outbox import StoredOutbox
from todoke.service import prepare
from todoke.wiring import Wiring

_BATCH = 100
_CLAIMS = 20
_SHORT = 10_000
_LONG = 1_000_000


def measure(plan: Plan) -> Iterator[Section]:
    """One table. Raises Missing."""
    about = (
        f"Claims of {_BATCH} `reminder` messages in one transaction each, PostgreSQL, with that many queued: the "
        "gates, windows and suppressions of each message are asked, and its event is recorded. Each value is the mean "
        f"of {_CLAIMS} claims."
    )
    section = Section("claim", about)
    server = Postgres.found()
    short = _queued(plan, server, section, _SHORT)
    if plan.million:
        section.compare("1,000,000 queued / 10,000 queued", _queued(plan, server, section, _LONG), short)
    else:
        section.notes.append("Not measured here: a queue of 1,000,000 (`--million`, takes some minutes).")
    yield section


def _queued(plan: Plan, server: Postgres, section: Section, count: int) -> Figure:
    folder = plan.folder / str(count)
    folder.mkdir()
    with server.database() as name:
        instance = Instance(folder, server.url(name))
        instance.publish(published(Kind.REMINDER, 500))
        multiply(instance.database_url, count)
        values = [asyncio.run(_claim(instance, number)) for number in range(plan.repetitions)]
    return section.add(f"{count:,} queued", "ms/message", values)


async def _claim(instance: Instance, number: int) -> float:
    wiring = instance.wiring()
    try:
        await prepare(wiring, wiring.settings)
        lease = f"benchmark-{number}"
        await wiring.leases.enter(lease)
        outbox = _outbox(wiring)
        await _claim_batch(outbox, lease)  # connections are opened and statements prepared by the first one
        started = time.perf_counter()
        for _ in range(_CLAIMS):
            await _claim_batch(outbox, lease)
        return (time.perf_counter() - started) * 1000 / (_CLAIMS * _BATCH)
    finally:
        await wiring.close()


async def _claim_batch(outbox: StoredOutbox, lease: str) -> None:
    claimed = len(await outbox.claim(lease, _BATCH))
    if claimed != _BATCH:
        raise Failed(f"{claimed} of {_BATCH} messages were claimed")


def _outbox(wiring: Wiring) -> StoredOutbox:
    policy = LeavePolicy(wiring.timing, wiring.reminder_rules, wiring.settings.may_mail, wiring.has_contact)
    return StoredOutbox(wiring.db, wiring.ledger, wiring.cipher, policy, wiring.clock, wiring.spreading)
