"""A backlog of queued mails and the time it takes to be sent and recorded; the same way for todoke and for the peer."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from psycopg import sql

from benchmarks.postgres import Watch, held_back, watching
from benchmarks.problems import Failed
from benchmarks.processes import cpu_seconds, has_ended, tail, wait_until

_START_SECONDS = 60.0
_MOST_SECONDS = 300.0
_SHORTEST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.01, 0.5
_SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Backlog:
    """Mails that are due. Senders wait for `lock`; `recorded` asks how many mails are sent and on record."""

    url: str
    lock: sql.SQL
    recorded: str
    count: int
    logs: Path


@dataclass(frozen=True, slots=True)
class Drained:
    """How a backlog went."""

    count: int
    seconds: float
    cpu_seconds: float  # of the sender processes; the database's is not in it

    @property
    def rate(self) -> float:
        """Mails a second."""
        return self.count / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """CPU time of the sender processes, for each mail."""
        return 1000 * self.cpu_seconds / self.count


def drain(backlog: Backlog, senders: AbstractContextManager[list[Popen[str]]], waiters: int) -> Drained:
    """From the moment when all senders are up and let loose to the moment when the last mail is on record.

    `waiters` is how many sessions wait for the lock once all senders are up. Raises Failed.
    """
    with watching(backlog.url) as watch, held_back(backlog.url, backlog.lock) as barrier, senders as children:
        wait_until(lambda: watch.waiting() >= waiters, "the senders are ready", _START_SECONDS)
        time.sleep(_SETTLE_SECONDS)
        cpu = sum(cpu_seconds(child.pid) for child in children)
        started = time.perf_counter()
        barrier.rollback()
        _wait(backlog, watch, children)
        seconds = time.perf_counter() - started
        return Drained(backlog.count, seconds, sum(cpu_seconds(child.pid) for child in children) - cpu)


def _wait(backlog: Backlog, watch: Watch, children: list[Popen[str]]) -> None:
    started = time.monotonic()
    while (recorded := watch.number(backlog.recorded)) < backlog.count:
        passed = time.monotonic() - started
        if passed > _MOST_SECONDS or all(has_ended(child) for child in children):
            logs = "\n".join(tail(path) for path in sorted(backlog.logs.glob("*.log")))
            raise Failed(f"{recorded} of {backlog.count} mails were sent, then nothing came:\n{logs}")
        time.sleep(_pause(recorded / backlog.count, passed))


def _pause(share: float, passed: float) -> float:
    """Seconds until it is worth asking again: to count takes the database's time, and knowing late costs precision."""
    left = passed * (1 - share) / share if share else 0.0
    return min(_LONGEST_POLL_SECONDS, max(_SHORTEST_POLL_SECONDS, left / 4))
