"""Jobs handed in over HTTP: in batches, and one by one while mails are being sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.figures import Section
from benchmarks.http import Poster, encoded
from benchmarks.instance import BATCH, Instance, batches
from benchmarks.jobs import published
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres
from benchmarks.processes import cpu_seconds
from benchmarks.relay import smtp_sink
from benchmarks.traffic import Beside, percentiles, queue_of_reminders
from core.kinds import Kind

_PER_SECOND = 100
_CLIENTS = (1, 4)


def measure(plan: Plan) -> Iterator[Section]:
    """Two tables. Raises Missing."""
    server = Postgres.found()
    yield _batches(plan, server)
    yield _single_posts(plan, server)


def _batches(plan: Plan, server: Postgres) -> Section:
    about = (
        f"`POST /v1/jobs` in batches of {BATCH}, one API process, PostgreSQL: jobs a second that were answered with "
        "202, that is, are durable. An `account-issue` job makes two messages."
    )
    section = Section("intake: batches", about)
    with server.database() as template:
        instance = Instance(plan.folder, server.url(template))
        instance.publish([])
        for kind in ("application-complete", "account-issue"):
            for clients in _CLIENTS:
                label = f"{kind}, {clients} client{'s' if clients > 1 else ''}"
                taken = [_hand_in(plan, server, instance, template, kind, clients) for _ in range(plan.repetitions)]
                section.add(label, "jobs/s", [one.rate for one in taken])
                section.add(f"{label}: CPU of the API", "ms/job", [one.cpu_milliseconds for one in taken])
    return section


@dataclass(frozen=True, slots=True)
class _Taken:
    """Jobs a second, and CPU time of the API process for each."""

    rate: float
    cpu_milliseconds: float


def _hand_in(plan: Plan, server: Postgres, instance: Instance, template: str, kind: str, clients: int) -> _Taken:
    count = plan.size(5000, 2000)
    bodies = [encoded(batch) for batch in batches(published(kind, count))]
    with server.database(template) as name, replace(instance, database_url=server.url(name)).serving_api() as api:
        poster = Poster(api.port)
        poster.post(encoded(list(published(kind, 10, "warm"))), 207)
        cpu = cpu_seconds(api.pid)
        rate = count / poster.together(bodies, clients)
        return _Taken(rate, 1000 * (cpu_seconds(api.pid) - cpu) / count)


def _single_posts(plan: Plan, server: Postgres) -> Section:
    seconds = plan.size(10, 4)
    about = (
        f"Single `application-complete` jobs at {_PER_SECOND} a second for {seconds} s, one API process, PostgreSQL: "
        "from the moment when a post is due to its 202. By itself, and while one sender process drains a long queue of "
        "reminders to smtp-sink."
    )
    section = Section("intake: single posts", about)
    bodies = [encoded(job) for job in published(Kind.APPLICATION_COMPLETE, _PER_SECOND * seconds, "single")]
    with server.database() as template, smtp_sink(plan.folder) as relay:
        instance = queue_of_reminders(plan, server.url(template), relay.port)
        alone = [_alone(server, instance, template, bodies) for _ in range(plan.repetitions)]
        beside = [_beside(server, instance, template, bodies) for _ in range(plan.repetitions)]
    percentiles(section, "alone", alone)
    percentiles(section, "beside a drain", [one.milliseconds() for one in beside])
    section.add("mails sent meanwhile", "mails/s", [one.sent_per_second for one in beside])
    return section


def _alone(server: Postgres, instance: Instance, template: str, bodies: list[bytes]) -> list[float]:
    with server.database(template) as name, replace(instance, database_url=server.url(name)).serving_api() as api:
        return [post.milliseconds for post in Poster(api.port).paced(bodies, _PER_SECOND)]


def _beside(server: Postgres, instance: Instance, template: str, bodies: list[bytes]) -> Beside:
    with server.database(template) as name:
        return Beside.posted(replace(instance, database_url=server.url(name)), bodies, _PER_SECOND)
