"""Verification codes while a reminder run is under way: nobody waits for a code behind a bulk of mails."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from subprocess import Popen

from benchmarks.figures import Section
from benchmarks.http import encoded
from benchmarks.instance import Instance
from benchmarks.jobs import published
from benchmarks.machine import REPOSITORY
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres, Watch
from benchmarks.processes import first_line, running, wait_until
from benchmarks.traffic import Beside, percentiles, queue_of_reminders
from core.kinds import Kind

_PER_SECOND = 20
_PREFIX = "latency"
_GRACE_SECONDS = 30
_CODES_SENT = "SELECT count(*) FROM messages WHERE status = 'sent' AND kind = 'code'"


def measure(plan: Plan) -> Iterator[Section]:
    """One table. Raises Missing."""
    server = Postgres.found()
    seconds = plan.size(10, 4)
    jobs = list(published(Kind.CODE, _PER_SECOND * seconds, _PREFIX))
    about = (
        f"`code` jobs posted singly at {_PER_SECOND} a second for {seconds} s while one sender process drains a long "
        "queue of reminders; one API process, PostgreSQL, an SMTP server that notes when it accepts each mail."
    )
    section = Section("latency: codes beside a reminder run", about)
    with server.database() as template:
        instance = queue_of_reminders(plan, server.url(template), smtp_port=25)
        rounds = []
        for _ in range(plan.repetitions):
            with server.database(template) as name:
                rounds.append(_round(replace(instance, database_url=server.url(name)), jobs))
    percentiles(section, "202 to acceptance", [one.after_answer for one in rounds])
    percentiles(section, "post due to acceptance", [one.after_due for one in rounds])
    section.add("mails sent meanwhile", "mails/s", [one.sent_per_second for one in rounds])
    yield section


@dataclass(frozen=True, slots=True)
class _Round:
    """Milliseconds of each code."""

    after_answer: list[float]
    after_due: list[float]
    sent_per_second: float


def _round(instance: Instance, jobs: list[dict[str, object]]) -> _Round:
    bodies = [encoded(job) for job in jobs]
    with _timing_sink(instance) as (sink, port):
        beside = Beside.posted(replace(instance, smtp_port=port), bodies, _PER_SECOND, _all_codes_sent(len(jobs)))
        accepted: dict[str, float] = json.loads(sink.communicate(timeout=_GRACE_SECONDS)[0])
    numbered = [(post, accepted[f"soumu{number}@{_PREFIX}.example.jp"]) for number, post in enumerate(beside.posts)]
    return _Round(
        [max(0.0, moment - post.answered) * 1000 for post, moment in numbered],
        [(moment - post.due) * 1000 for post, moment in numbered],
        beside.sent_per_second,
    )


def _all_codes_sent(count: int) -> Callable[[Watch], None]:
    def finish(watch: Watch) -> None:
        wait_until(lambda: watch.number(_CODES_SENT) >= count, "all codes are sent", _GRACE_SECONDS)

    return finish


@contextlib.contextmanager
def _timing_sink(instance: Instance) -> Iterator[tuple[Popen[str], int]]:
    command = [sys.executable, "-m", "benchmarks.timing_sink", f"@{_PREFIX}."]
    log = instance.folder / "timing-sink.log"
    with running(command, log=log, env=dict(os.environ) | {"PYTHONPATH": str(REPOSITORY)}) as child:
        yield child, int(first_line(child, log))
