"""`kill -9` in the middle of a run, again and again: nothing is lost, and hardly anything comes twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from config.settings import Settings
from config.values import ClockStart
from core.kinds import Kind
from core.statuses import Status
from store.tables import messages
from store.wakeups import relay_wakeups
from todoke.service import prepare
from todoke.wiring import Wiring

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SPEED = 20000
START = "2026-11-24T10:00:00+09:00"  # Tuesday
CONNECTIONS = 10
OPEN = [Status.HELD, Status.SCHEDULED, Status.SENDING, Status.DEFERRED]


class Relay:
    """Takes everything, and tells when so many mails have come. Keeps replies back from `holds_from` mails on."""

    def __init__(self, holds_from: int | None = None) -> None:
        self.port = 0
        self._holds_from = holds_from
        self._held_back: list[tuple[Any, bytes]] = []
        self.mails: Counter[tuple[str, str]] = Counter()  # by Message-ID and kind
        self._parser = BytesHeaderParser()
        self._reached: list[tuple[int, asyncio.Event]] = []

    def take(self, mail: bytes) -> None:
        headers = self._parser.parsebytes(mail)
        self.mails[headers["Message-ID"], headers["X-Todoke-Kind"]] += 1
        total = self.mails.total()
        for count, event in self._reached:
            if total >= count:
                event.set()

    def reply(self, transport: Any, reply: bytes) -> None:
        if self._holds_from is not None and self.mails.total() >= self._holds_from:
            self._held_back.append((transport, reply))
        else:
            transport.write(reply)

    def let_go(self) -> None:
        """Say what was kept back, and keep nothing back any more."""
        self._holds_from = None
        for transport, reply in self._held_back:
            transport.write(reply)

    async def reach(self, count: int) -> None:
        event = asyncio.Event()
        self._reached.append((count, event))
        if self.mails.total() < count:
            await event.wait()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Relay]:
        server = await asyncio.get_running_loop().create_server(lambda: Conversation(self), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()


class Conversation(asyncio.Protocol):
    """As little SMTP as a sender needs."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.received = b""
        self.in_data = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(b"220 relay.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            head, end, rest = self.received.partition(b"\r\n.\r\n" if self.in_data else b"\r\n")
            if not end:
                return
            self.received = rest
            self.relay.reply(self.transport, self.answer(head))

    def answer(self, head: bytes) -> bytes:
        if self.in_data:
            self.in_data = False
            self.relay.take(head)
            return b"250 2.0.0 Ok\r\n"
        if head == b"DATA":
            self.in_data = True
            return b"354 Go ahead\r\n"
        return b"250-relay.example\r\n250 PIPELINING\r\n" if head.startswith(b"EHLO") else b"250 2.0.0 Ok\r\n"


class Service:
    """`todoke serve` as a process of its own, and the database as seen from here."""

    def __init__(self, folder: Path, relay_port: int, database_url: str | None = None, speed: float = SPEED) -> None:
        self.folder = folder
        given: dict[str, Any] = {} if database_url is None else {"database_url": database_url}
        clock = ClockStart(datetime.fromisoformat(START).astimezone(UTC), speed)
        self.wiring = Wiring(Settings(data_dir=folder, smtp_port=relay_port, clock=clock, **given))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TODOKE_")} | {
            "TODOKE_DATA_DIR": str(folder),
            "TODOKE_SMTP_PORT": str(relay_port),
            "TODOKE_BOUNCE_PORT": "0",
            "TODOKE_CLOCK": f"{START}@{speed}",
            "TODOKE_SMTP_CONNECTIONS": str(CONNECTIONS),
        }
        if database_url is not None:
            self.environment["TODOKE_DATABASE_URL"] = database_url

    async def start(self, *roles: str) -> asyncio.subprocess.Process:
        """Once it returns, the service is ready."""
        with (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "todoke", "serve", *(f"--role={role}" for role in roles)),
                env=self.environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
            )
        assert process.stdout is not None
        assert b"ready" in await process.stdout.readline(), (self.folder / "log").read_text()
        return process

    async def publish(self, count: int) -> None:
        await prepare(self.wiring, self.wiring.settings)
        for first in range(0, count, 500):
            jobs = [job(number) for number in range(first, min(first + 500, count))]
            answers = await self.wiring.intake.accept(jobs, "test")
            assert [answer.status for answer in answers] == [202] * len(jobs)

    async def rows(self) -> list[Any]:
        async with self.wiring.db.read() as conn:
            return list((await conn.execute(select(messages))).all())

    async def open_count(self) -> int:
        async with self.wiring.db.read() as conn:
            query = select(func.count()).select_from(messages).where(messages.c.status.in_(OPEN))
            count: int = (await conn.execute(query)).scalar_one()
            return count

    async def held_by(self, process: asyncio.subprocess.Process) -> int:
        """How many messages this process's sender holds, dead or alive."""
        async with self.wiring.db.read() as conn:
            query = select(func.count()).select_from(messages).where(messages.c.lease.contains(f"-{process.pid}-"))
            count: int = (await conn.execute(query)).scalar_one()
            return count

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Ask whenever another process has announced work, and now and then besides."""
        relaying = asyncio.create_task(relay_wakeups(self.wiring.db))
        async with self.wiring.db.woken() as woken:
            while not await condition():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), 0.05)
                woken.clear()
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)


async def kill(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGKILL)
    await process.wait()


async def end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM ends it within 10 s."""
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0


def job(number: int) -> dict[str, Any]:
    return {
        "job_id": f"job-{number}",
        "kind": "account-issue",
        "application": {"id": f"A-{number}", "route": "self", "account": "none", "received_on": "2026-11-02"},
        "institution": {"code": f"35{number:05d}", "name": "みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": {"email": f"soumu{number}@example.jp"},
        "data": {"login_id": f"h{number}", "setup_url": "https://www.g-mis.mhlw.go.jp/s/x"},
    }


async def test_nothing_is_lost_and_few_come_twice(
    tmp_path: Path, record_testsuite_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Relay().open() as relay:
        service = Service(tmp_path, relay.port)
        await service.publish(300)
        kills = (80, 250, 450)
        for count in kills:
            process = await service.start("sender", "scheduler", "bounces")
            await relay.reach(count)
            await kill(process)
        process = await service.start("sender", "scheduler", "bounces")

        async def nothing_is_open() -> bool:
            return await service.open_count() == 0

        await service.until(nothing_is_open)
        await end(process)
        rows = await service.rows()
        await service.wiring.close()
    doubles = relay.mails.total() - len(relay.mails)
    doubtful = [row for row in rows if row.status == Status.IN_DOUBT]
    with capsys.disabled():
        print(f"\n{len(kills)} kills: {doubles} doubles, {len(doubtful)} guides in doubt")
    record_testsuite_property("doubles", doubles)
    assert len(rows) == 600
    assert {row.status for row in rows} <= {Status.SENT, Status.IN_DOUBT}
    assert all(relay.mails[row.message_id_header, row.kind] >= 1 for row in rows if row.status == Status.SENT)
    assert all(row.kind == Kind.GUIDE for row in doubtful)
    assert all(count == 1 for (_, kind), count in relay.mails.items() if kind == Kind.GUIDE)
    assert max(relay.mails.values()) <= 1 + len(kills)
    assert doubles + len(doubtful) <= CONNECTIONS * len(kills)
    assert all(row.secret is None for row in rows)


async def test_the_living_take_over_within_fifteen_seconds(tmp_path: Path, postgres_url: str) -> None:
    """Two senders on PostgreSQL; one is killed while its mails are under way, the other sends what it held."""
    async with Relay(holds_from=80).open() as relay:
        service = Service(tmp_path, relay.port, postgres_url, speed=1)
        await service.publish(1000)
        first, second = await service.start("sender"), await service.start("sender")
        await relay.reach(80)

        async def something_is_held() -> bool:
            return await service.held_by(first) > 0

        await service.until(something_is_held)
        await kill(first)
        killed_at = asyncio.get_running_loop().time()
        assert await service.held_by(first) > 0
        relay.let_go()

        async def nothing_is_held() -> bool:
            return await service.held_by(first) == 0

        await service.until(nothing_is_held)
        assert asyncio.get_running_loop().time() - killed_at < 15

        async def all_are_sent() -> bool:
            return {row.status for row in await service.rows() if row.kind == Kind.PRE_CHECK} == {Status.SENT}

        await service.until(all_are_sent)
        await end(second)
        rows = [row for row in await service.rows() if row.kind == Kind.PRE_CHECK]
        await service.wiring.close()
    assert all(relay.mails[row.message_id_header, row.kind] >= 1 for row in rows)
    assert relay.mails.total() - len(relay.mails) <= CONNECTIONS
