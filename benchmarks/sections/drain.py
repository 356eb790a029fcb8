"""The outbox drained: todoke, the peer and the ceiling, in turns within each repetition."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from psycopg import sql

from benchmarks.draining import Backlog, Drained, drain
from benchmarks.figures import Figure, Section
from benchmarks.instance import SENT, Instance
from benchmarks.jobs import published
from benchmarks.mails import Mail, octets, short_templates
from benchmarks.plan import Plan
from benchmarks.post_office import PostOffice
from benchmarks.postgres import Postgres
from benchmarks.processes import tool, wait_until
from benchmarks.relay import CONNECTIONS, Relay, ceiling, smtp_sink
from core.kinds import Kind

PROCESSES = (1, 2)

_LOCK = sql.SQL("LOCK TABLE messages IN EXCLUSIVE MODE")
_RECORDED = SENT
_SPAN = """
    SELECT count(*), (julianday(max(sent_at)) - julianday(min(first_attempt_at))) * 86400 FROM messages
    WHERE status = 'sent'
"""


def measure(plan: Plan) -> Iterator[Section]:
    """One table a mail on PostgreSQL, then SQLite. Raises Missing."""
    tool("smtp-source", "postfix")
    with smtp_sink(plan.folder) as relay:
        rates: dict[Kind, _Rates] = {}
        for mail in _mails(plan):
            drains = _OnPostgres(plan, Postgres.found(), relay, mail)
            weights, rates[mail.kind] = drains.measure()
            yield drains.section(rates[mail.kind], weights)
        yield _on_sqlite(plan, relay, rates[Kind.CODE])


def _mails(plan: Plan) -> list[Mail]:
    code = Mail("code", Kind.CODE)
    if plan.quick:
        return [code]
    short = Mail("short", Kind.APPLICATION_COMPLETE, short_templates(plan.folder))
    return [short, code, Mail("reminder", Kind.REMINDER)]


@dataclass(slots=True)
class _Rates:
    """What the repetitions gave, by number of processes."""

    ours: dict[int, list[Drained]] = field(default_factory=lambda: {count: [] for count in PROCESSES})
    theirs: dict[int, list[Drained]] = field(default_factory=lambda: {count: [] for count in PROCESSES})
    untuned: list[Drained] = field(default_factory=list)
    """The peer with its own defaults, with as many processes as there are at most."""
    ceiling: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _OnPostgres:
    """One mail on PostgreSQL."""

    plan: Plan
    server: Postgres
    relay: Relay
    mail: Mail

    @property
    def count(self) -> int:
        """Mails in a backlog."""
        return self.plan.size(12_000, 6000)

    def measure(self) -> tuple[tuple[int, int], _Rates]:
        """What a mail weighs, ours and theirs, and the rates. Both queues are filled once and copied each time."""
        folder = self.plan.folder / self.mail.name
        folder.mkdir()
        rates = _Rates()
        with self.server.database() as ours, self.server.database() as theirs:
            instance = Instance(folder, self.server.url(ours), self.relay.port, self.mail.config_dir)
            instance.publish(published(self.mail.kind, self.count))
            peer = PostOffice(folder, self.server.url(theirs), self.relay.port)
            weights = octets(self.mail), peer.fill(self.mail, self.count)
            for name in (ours, theirs):
                self.server.tidy(name)
            for _ in range(self.plan.repetitions):
                rates.ceiling.append(ceiling(self.relay, weights[0], self.plan.size(20_000, 10_000)))
                for processes in PROCESSES:
                    rates.ours[processes].append(self._ours(instance, ours, processes))
                    rates.theirs[processes].append(self._theirs(peer, theirs, processes))
                rates.untuned.append(self._theirs(replace(peer, tuned=False), theirs, PROCESSES[-1]))
        return weights, rates

    def _ours(self, instance: Instance, template: str, processes: int) -> Drained:
        with self.server.database(template) as name:
            copy = replace(instance, database_url=self.server.url(name))
            backlog = Backlog(copy.database_url, _LOCK, _RECORDED, self.count, copy.folder)
            return drain(backlog, copy.sending(processes), waiters=processes)

    def _theirs(self, peer: PostOffice, template: str, processes: int) -> Drained:
        with self.server.database(template) as name:
            copy = replace(peer, database_url=self.server.url(name))
            return drain(copy.backlog(self.count), copy.sending(processes), waiters=1)

    def section(self, rates: _Rates, weights: tuple[int, int]) -> Section:
        """The table of these."""
        about = (
            f"{self.count:,} mails, text and HTML, PostgreSQL, to the same smtp-sink. One mail weighs {weights[0]:,} "
            f"octets from todoke (base64) and {weights[1]:,} from django-post-office (the same text, as Django encodes "
            f"it); smtp-source sends {weights[0]:,}."
        )
        section = Section(f"drain: {self.mail.name} mails", about)
        top = section.add(f"smtp-source, {CONNECTIONS} sessions (ceiling)", "mails/s", rates.ceiling)
        for processes in PROCESSES:
            ours = _add(section, "todoke", processes, rates.ours[processes])
            theirs = _add(section, "django-post-office", processes, rates.theirs[processes])
            section.compare(f"todoke / django-post-office, {_shown(processes)}", ours, theirs)
            section.compare(f"todoke / smtp-source, {_shown(processes)}", ours, top)
        untuned = _add(section, "django-post-office as it comes", processes, rates.untuned)
        section.compare(f"todoke / django-post-office as it comes, {_shown(processes)}", ours, untuned)
        return section


def _add(section: Section, who: str, processes: int, drained: list[Drained]) -> Figure:
    rate = section.add(f"{who}, {_shown(processes)}", "mails/s", [one.rate for one in drained])
    cpu = [one.cpu_milliseconds for one in drained]
    section.add(f"{who}, {_shown(processes)}: CPU of the senders", "ms/mail", cpu)
    return rate


def _shown(processes: int) -> str:
    return f"{processes} process{'es' if processes > 1 else ''}"


def _on_sqlite(plan: Plan, relay: Relay, on_postgresql: _Rates) -> Section:
    count = plan.size(12_000, 4000)
    about = f"{count:,} `code` mails, one process, from the first claim to the last mail recorded as sent."
    section = Section("drain: SQLite", about)
    with _published(plan, relay, count) as instance:
        rates = [count / _seconds(instance, number, count) for number in range(plan.repetitions)]
    ours = section.add("todoke, 1 process", "mails/s", rates)
    for processes, drained in on_postgresql.theirs.items():
        who = f"django-post-office on PostgreSQL, {_shown(processes)}"
        theirs = section.add(f"{who}, as above", "mails/s", [one.rate for one in drained])
        section.compare(f"todoke / {who}", ours, theirs)
    return section


@contextlib.contextmanager
def _published(plan: Plan, relay: Relay, count: int) -> Iterator[Instance]:
    folder = plan.folder / "sqlite"
    folder.mkdir()
    instance = Instance(folder, f"sqlite:///{folder / 'queue.sqlite3'}", relay.port)
    instance.publish(published(Kind.CODE, count))
    yield instance


def _seconds(instance: Instance, number: int, count: int) -> float:
    path = instance.folder / f"copy-{number}.sqlite3"
    path.write_bytes((instance.folder / "queue.sqlite3").read_bytes())
    copy = replace(instance, database_url=f"sqlite:///{path}")
    with copy.sending(1), contextlib.closing(sqlite3.connect(path)) as conn:
        wait_until(lambda: _span(conn)[0] >= count, "the SQLite queue is drained", 300)
        return _span(conn)[1]


def _span(conn: sqlite3.Connection) -> tuple[int, float]:
    sent, seconds = conn.execute(_SPAN).fetchone()
    return int(sent), float(seconds or 0)
