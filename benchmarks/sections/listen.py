"""Failure reports from SMTP to their committed effect: one `todoke serve --role bounces`, a relay, a database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import psycopg
from sqlalchemy import select, update

from benchmarks.figures import Section
from benchmarks.instance import Instance
from benchmarks.jobs import published
from benchmarks.machine import REPOSITORY
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres
from benchmarks.problems import Failed
from benchmarks.processes import cpu_seconds, first_line, free_port, running, tail, wait_until
from core.kinds import Kind
from core.statuses import Status
from store.tables import messages

CONNECTIONS = 20
"""What Postfix opens to one destination at most, unless told otherwise."""

WARMING_UP = 100
"""Reports that are not counted: statements are prepared and tables made by the first ones."""

_APPLIED = "SELECT count(*) FROM events WHERE type = 'bounced'"
_LIMIT_SECONDS = 300
_WAYS = ((1_000_000, "connections used again"), (1, "a connection for each"))


@dataclass(frozen=True, slots=True)
class _Round:
    """One backlog of reports."""

    answered: float  # reports/s, to the last 250
    applied: float  # reports/s, to the last committed event
    cpu: float  # ms a report, of the listener's process


def measure(plan: Plan) -> Iterator[Section]:
    """A table for PostgreSQL and one for SQLite. Raises Missing."""
    count = plan.size(5000, 1500) + WARMING_UP
    yield _on_postgres(plan, Postgres.found(), count)
    yield _on_sqlite(plan, count)


def _section(name: str, count: int, rounds: dict[str, list[_Round]]) -> Section:
    about = (
        f"{count - WARMING_UP:,} reports of unknown users as Postfix writes them, each about a message of its own, "
        f"over {CONNECTIONS} connections; from the first connection to the last committed event."
    )
    section = Section(f"listen: {name}", about)
    for way, several in rounds.items():
        section.add(f"to the committed event, {way}", "reports/s", [one.applied for one in several])
        section.add(f"to the 250, {way}", "reports/s", [one.answered for one in several])
        section.add(f"CPU of the listener, {way}", "ms/report", [one.cpu for one in several])
    return section


def _on_postgres(plan: Plan, server: Postgres, count: int) -> Section:
    folder = plan.folder / "postgres"
    folder.mkdir()
    rounds: dict[str, list[_Round]] = {way: [] for _, way in _WAYS}
    with server.database() as template:
        instance = Instance(folder, server.url(template))
        reports = _sent(instance, count)
        server.tidy(template)
        for _ in range(plan.repetitions):
            for mails, way in _WAYS:
                with server.database(template) as name:
                    copy = replace(instance, database_url=server.url(name))
                    rounds[way].append(_round(copy, reports, mails, _counting(copy.database_url)))
    return _section("PostgreSQL", count, rounds)


def _on_sqlite(plan: Plan, count: int) -> Section:
    folder = plan.folder / "sqlite"
    folder.mkdir()
    rounds: dict[str, list[_Round]] = {way: [] for _, way in _WAYS}
    path = folder / "queue.sqlite3"
    instance = Instance(folder, f"sqlite:///{path}")
    reports = _sent(instance, count)
    for number in range(plan.repetitions):
        for mails, way in _WAYS:
            copied = folder / f"copy-{number}-{mails}.sqlite3"
            copied.write_bytes(path.read_bytes())
            copy = replace(instance, database_url=f"sqlite:///{copied}")
            rounds[way].append(_round(copy, reports, mails, _counting_sqlite(str(copied))))
    return _section("SQLite", count, rounds)


def _sent(instance: Instance, count: int) -> list[list[str]]:
    """Publish messages, as if they had been sent; return path, Message-ID and recipient of each."""
    instance.publish(published(Kind.APPLICATION_COMPLETE, count))
    return asyncio.run(_mark_sent(instance))


async def _mark_sent(instance: Instance) -> list[list[str]]:
    wiring = instance.wiring()
    try:
        async with wiring.db.write() as conn:
            await conn.execute(update(messages).values(status=Status.SENT.value, sent_at=messages.c.created_at))
            rows = (await conn.execute(select(messages.c.id, messages.c.message_id_header, messages.c.email))).all()
        return [[wiring.return_paths.address(row.id), row.message_id_header, row.email] for row in rows]
    finally:
        await wiring.close()


def _round(
    instance: Instance,
    reports: list[list[str]],
    mails_a_connection: int,
    counting: contextlib.AbstractContextManager[Callable[[], int]],
) -> _Round:
    port, log = free_port(), instance.folder / "reports-source.log"
    instance = replace(instance, bounce_port=port)
    plan = {
        "port": port,
        "connections": CONNECTIONS,
        "mails_a_connection": mails_a_connection,
        "first": WARMING_UP,
        "reports": reports,
    }
    command = [sys.executable, "-m", "benchmarks.reports_source"]
    with (
        instance.serving("bounces") as child,
        running(command, log=log, env=dict(os.environ) | {"PYTHONPATH": str(REPOSITORY)}) as relay,
        counting as applied,
    ):
        first_line(child, instance.folder / "bounces.log")
        assert relay.stdin is not None
        relay.stdin.write(json.dumps(plan) + "\n")
        relay.stdin.flush()
        first_line(relay, log)
        wait_until(lambda: applied() >= WARMING_UP, "the first reports are applied", _LIMIT_SECONDS)
        before = cpu_seconds(child.pid)
        relay.stdin.write("go\n")
        relay.stdin.flush()
        moments = json.loads(first_line(relay, log))
        wait_until(lambda: applied() >= len(reports), "all reports are applied", _LIMIT_SECONDS)
        ended = time.monotonic()
        cpu = cpu_seconds(child.pid) - before
        if applied() != len(reports):
            raise Failed(f"{applied()} effects of {len(reports)} reports:\n{tail(instance.folder / 'bounces.log')}")
    count = len(reports) - WARMING_UP
    return _Round(
        count / (moments["finished"] - moments["started"]),
        count / (ended - moments["started"]),
        1000 * cpu / count,
    )


@contextlib.contextmanager
def _counting(url: str) -> Iterator[Callable[[], int]]:
    with psycopg.connect(url, autocommit=True) as conn:
        yield lambda: int((conn.execute(_APPLIED).fetchone() or (0,))[0])


@contextlib.contextmanager
def _counting_sqlite(path: str) -> Iterator[Callable[[], int]]:
    with contextlib.closing(sqlite3.connect(path)) as conn:
        yield lambda: int(conn.execute(_APPLIED).fetchone()[0])
