"""An instance of todoke to be measured: its settings, its queue, its processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from subprocess import Popen
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from benchmarks.jobs import CLOCK
from benchmarks.postgres import Watch, watching
from benchmarks.problems import Failed
from benchmarks.processes import LOOPBACK, first_line, has_ended, running, tail, wait_until
from config.settings import Settings
from store.tables import messages
from todoke.service import prepare
from todoke.wiring import Wiring

TOKEN = "benchmark"

SENT = "SELECT count(*) FROM messages WHERE status = 'sent'"
_LEFT = "SELECT count(*) FROM (SELECT 1 FROM messages WHERE status = 'scheduled' AND kind = 'reminder' LIMIT 1) AS one"
_START_SECONDS = 60

BATCH = 500
"""Jobs in one request."""


@dataclass(frozen=True, slots=True)
class Api:
    """A process that answers on a port."""

    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Instance:
    """Where an instance keeps things. The folder holds the key of the secrets in the database."""

    folder: Path
    database_url: str
    smtp_port: int = 25
    config_dir: Path | None = None
    bounce_port: int = 0

    def values(self) -> dict[str, str]:
        """The settings that differ from the defaults, by name."""
        found = {
            "data_dir": str(self.folder),
            "database_url": self.database_url.replace("postgresql://", "postgresql+psycopg://"),
            "clock": CLOCK,
            "api_token": TOKEN,
            "smtp_host": LOOPBACK,
            "smtp_port": str(self.smtp_port),
            "http_port": "0",
            "bounce_port": str(self.bounce_port),
        }
        return found if self.config_dir is None else found | {"config_dir": str(self.config_dir)}

    def wiring(self) -> Wiring:
        """The parts of this instance in this process."""
        return Wiring(Settings.model_validate(self.values()))

    def environment(self) -> dict[str, str]:
        """The environment of a process of this instance: ours, without anybody's settings of todoke."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TODOKE_")}
        return ours | {f"TODOKE_{name.upper()}": value for name, value in self.values().items()}

    @contextlib.contextmanager
    def serving(self, role: str) -> Iterator[Popen[str]]:
        """`todoke serve` with one role."""
        command = [sys.executable, "-m", "todoke", "serve", "--role", role]
        with running(command, log=self.folder / f"{role}.log", env=self.environment()) as child:
            yield child

    @contextlib.contextmanager
    def serving_api(self) -> Iterator[Api]:
        """`todoke serve --role api`, ready."""
        with self.serving("api") as child:
            line = first_line(child, self.folder / "api.log")
            yield Api(int(line.rpartition(":")[2]), child.pid)

    @contextlib.contextmanager
    def sending(self, count: int) -> Iterator[list[Popen[str]]]:
        """That many sender processes."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(self.serving("sender")) for _ in range(count)]

    @contextlib.contextmanager
    def draining(self) -> Iterator[Watch]:
        """One sender process that sends from a queue which must not run dry. Raises Failed."""
        with self.sending(1) as (sender,), watching(self.database_url) as watch:
            wait_until(lambda: has_ended(sender) or watch.number(SENT) > 0, "the sender sends", _START_SECONDS)
            if has_ended(sender):
                raise Failed(f"the sender ended:\n{tail(self.folder / 'sender.log')}")
            yield watch
            if watch.number(_LEFT) == 0:
                raise Failed("the queue ran dry: nothing was being sent in the end")

    def publish(self, jobs: Iterable[dict[str, Any]]) -> None:
        """Make the schema and hand in jobs, as the HTTP API does. Raises Failed when one is refused."""
        asyncio.run(self._publish(jobs))

    async def _publish(self, jobs: Iterable[dict[str, Any]]) -> None:
        wiring = self.wiring()
        try:
            await prepare(wiring, wiring.settings)
            for batch in batches(jobs):
                answers = await wiring.intake.accept(batch, "benchmark")
                refused = [answer.body for answer in answers if not answer.accepted]
                if refused:
                    raise Failed(f"{len(refused)} jobs were refused, the first with {refused[0]}")
        finally:
            await wiring.close()


def batches(jobs: Iterable[dict[str, Any]], size: int = BATCH) -> Iterator[list[dict[str, Any]]]:
    """The jobs in lists of `size`, the last one may be shorter."""
    rest = iter(jobs)
    while batch := list(islice(rest, size)):
        yield batch


def multiply(url: str, count: int) -> None:
    """Copy the messages of a PostgreSQL database until there are at least `count`: for queues too long to publish.

    Their ids ascend from copy to copy, as those of messages ascend with time.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute("SELECT count(*) FROM messages").fetchone()
        assert row is not None
        conn.execute(_copies(), [-(-count // row[0]) - 1])
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")  # so that a page is written whole when it is first touched, however many there are


_OWN: dict[str, LiteralString] = {
    "id": "regexp_replace(lpad(to_hex(x'019ab3c40000'::bigint + copy), 12, '0'), '(.{8})', '\\1-') || substr(m.id, 14)",
    "message_id_header": "'<' || md5(m.id || copy) || '@example.jp>'",
    "step_key": "NULL",
    "email": "'soumu' || copy || m.email",
    "email_key": "'soumu' || copy || m.email_key",
}
"""What a copy may not share with its original."""


def _copies() -> sql.Composed:
    names = [column.name for column in messages.columns]
    values = [sql.SQL(_OWN[name]) if name in _OWN else sql.Identifier("m", name) for name in names]
    copies = "INSERT INTO messages ({}) SELECT {} FROM messages m, generate_series(1, %s) copy ORDER BY copy, m.id"
    return sql.SQL(copies).format(sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(values))
