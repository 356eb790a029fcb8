"""What intake reads before it decides, and what it writes when it has: in bulk, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    cast,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from core.jobs import Application, Job
from core.kinds import DECIDING, Account, Kind, Route
from core.mail import Institution
from core.statuses import Status
from store import suppressions
from store.bulk import among, among_these, as_text, insert_from, insert_rows, is_sqlite, parameter, update_rows
from store.decisions import DecidedError, contradicts_itself, refuse_contradictions
from store.doubts import became_sent
from store.engine import NOTIFYING, notifies
from store.search import name_key, search_key
from store.tables import applications, events, institutions, jobs, messages, reporting
from store.tables import suppressions as suppressed
from store.types import UtcTime
from store.upserts import upsert, upsert_from

_FILLED = ("account", "approved_on")
"""Of an application: a later job that does not mention them does not take them away."""


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job that is on record: the keyed digest of its body, and what it was answered."""

    digest: bytes
    answer: dict[str, Any]


@dataclass(slots=True)
class KnownApplication:
    """An application that is on record."""

    institution_code: str
    issue_job_id: str | None
    route: Route
    account: Account | None


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A pre-check, guide, existing-user-confirm or rejection of an application."""

    id: str
    kind: Kind
    status: Status
    email_key: str
    became_sent_at: datetime | None


@dataclass(slots=True)
class Known:
    """What is on record about a batch of jobs; intake keeps it up to date while it goes through the batch."""

    jobs: dict[str, KnownJob] = field(default_factory=dict)
    applications: dict[str, KnownApplication] = field(default_factory=dict)
    messages: dict[str, dict[Kind, KnownMessage]] = field(default_factory=dict)  # by application id
    guided: dict[str, set[str]] = field(default_factory=dict)  # institution code -> application ids sent a guide
    suppressed: dict[suppressions.Pair, frozenset[str]] = field(default_factory=dict)
    step_keys: set[str] = field(default_factory=set)  # of reminders planned for these institutions
    on_paper: set[tuple[str, int, str]] = field(default_factory=set)  # institution, fiscal year, scheme
    approved: set[str] = field(default_factory=set)  # applications whose mail of an approval stands
    rejected: set[str] = field(default_factory=set)  # applications whose rejection stands

    def add(self, row: Row[Any]) -> None:
        """Learn what a row of `_on_record` says."""
        match row.what:
            case "application":
                account = None if row.d is None else Account(row.d)
                self.applications[row.key] = KnownApplication(row.a, row.b, Route(row.c), account)
            case "message":
                self.add_message(row.key, KnownMessage(row.a, Kind(row.b), Status(row.c), row.d, row.at))
            case "guided":
                self.guided.setdefault(row.key, set()).add(row.a)
            case "suppressed":
                pair = row.key, row.a
                self.suppressed[pair] = self.suppressed.get(pair, frozenset()) | {row.b}
            case "job":
                self.jobs[row.key] = KnownJob(row.digest, row.answer)

    def add_message(self, application_id: str, message: KnownMessage) -> None:
        """Learn of a mail by which the application was decided."""
        if message.kind is not Kind.REJECTION:
            self.messages.setdefault(application_id, {})[message.kind] = message
        if message.status is not Status.CANCELLED:
            decided = self.rejected if message.kind is Kind.REJECTION else self.approved
            decided.add(application_id)


async def known(conn: AsyncConnection, batch: Sequence[Job], job_ids: Collection[str]) -> Known:
    """Everything that a batch's decisions depend on."""
    await _hold_pre_checks(conn, {job.application.id for job in batch if job.application and job.kind is Kind.GUIDE})
    placed = [job for job in batch if job.institution]
    given = {
        _APPLICATIONS: {job.application.id for job in batch if job.application},
        _INSTITUTIONS: {job.institution.code for job in placed if job.institution},
        _ADDRESSES: {job.recipient.email.lower() for job in placed},
        _JOBS: set(job_ids),
    }
    found = Known()
    on_sqlite = is_sqlite(conn)
    values = {name: as_text(those, on_sqlite=True) if on_sqlite else list(those) for name, those in given.items()}
    for row in await conn.execute(_on_record(on_sqlite=on_sqlite), values):
        found.add(row)
    await _reminded(
        conn, {job.institution.code for job in placed if job.institution and job.kind is Kind.REMINDER}, found
    )
    return found


async def _hold_pre_checks(conn: AsyncConnection, application_ids: Collection[str]) -> None:
    """What guides posted by themselves wait for must not end before these are there: nobody would ask their gate.

    SQLite's writers queue up anyhow.
    """
    if application_ids and not is_sqlite(conn):
        of_these = among(conn, messages.c.application_id, application_ids), messages.c.kind == Kind.PRE_CHECK
        await conn.execute(select(messages.c.id).where(*of_these).order_by(messages.c.id).with_for_update(read=True))


_APPLICATIONS, _INSTITUTIONS, _ADDRESSES, _JOBS = "application_ids", "institution_codes", "email_keys", "job_ids"


@cache
def _on_record(*, on_sqlite: bool) -> CompoundSelect[Any]:
    """What is on record, each kind of row under its name (`what`): one turn with the database, and one moment."""

    def among_given(column: Column[Any], name: str) -> ColumnElement[bool]:
        return among_these(column, name, on_sqlite=on_sqlite)

    a, m, s = applications.c, messages.c, suppressed.c
    deciding = m.kind.in_(sorted(DECIDING))
    sent_since = became_sent(m.id, m.sent_at)
    arrived = m.status.in_([Status.SENT, Status.IN_DOUBT])  # one in doubt may have
    return union_all(
        _rows_of("application", a.id, a.institution_code, a.issue_job_id, a.route, a.account).where(
            among_given(a.id, _APPLICATIONS)
        ),
        _rows_of("message", m.application_id, m.id, m.kind, m.status, m.email_key, at=sent_since).where(
            among_given(m.application_id, _APPLICATIONS), deciding
        ),
        _rows_of("guided", m.institution_code, m.application_id).where(
            among_given(m.institution_code, _INSTITUTIONS), m.kind == Kind.GUIDE, arrived
        ),
        _rows_of("suppressed", s.email_key, s.institution_code, s.scope).where(
            among_given(s.email_key, _ADDRESSES),
            among_given(s.institution_code, _INSTITUTIONS),
            s.released_at.is_(None),
        ),
        _rows_of("job", jobs.c.job_id, digest=jobs.c.digest, answer=jobs.c.answer).where(
            among_given(jobs.c.job_id, _JOBS)
        ),
    )


def _rows_of(what: str, key: Column[Any], *texts: Column[Any], **more: ColumnElement[Any]) -> Select[Any]:
    """Rows of one form: what, key, four texts, a moment, octets, JSON; what a kind of row lacks is null."""
    padded = [*texts, *[null()] * (4 - len(texts))]
    columns = [cast(column, Text).label(name) for name, column in zip("abcd", padded, strict=True)]
    kept: Mapping[str, TypeEngine[Any]] = {"at": UtcTime(), "digest": LargeBinary(), "answer": jobs.c.answer.type}
    rest = [(more[name] if name in more else cast(null(), type_)).label(name) for name, type_ in kept.items()]
    named: list[ColumnElement[Any]] = [literal(what, Text).label("what"), cast(key, Text).label("key"), *columns, *rest]
    return select(*named)


async def _reminded(conn: AsyncConnection, codes: Collection[str], found: Known) -> None:
    """Reminders on record, and who reports on paper."""
    if not codes:
        return
    keys = select(messages.c.step_key).where(
        among(conn, messages.c.institution_code, codes), messages.c.step_key.is_not(None)
    )
    found.step_keys |= set((await conn.execute(keys)).scalars())
    paper = select(reporting.c.institution_code, reporting.c.fiscal_year, reporting.c.scheme).where(
        among(conn, reporting.c.institution_code, codes), reporting.c.channel == "paper"
    )
    found.on_paper |= {(row[0], row[1], row[2]) for row in await conn.execute(paper)}


@dataclass(slots=True)
class Batch:
    """Rows to be written for the accepted jobs of a batch."""

    institutions: dict[str, dict[str, Any]] = field(default_factory=dict)
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)
    issued: dict[str, tuple[str, str]] = field(default_factory=dict)  # application id -> job id, decision
    jobs: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    released: list[suppressions.Pair] = field(default_factory=list)

    def add_institution(self, institution: Institution, at: datetime) -> None:
        """The newest job's word on an institution counts."""
        self.institutions[institution.code] = institution_row(institution, at)

    def add_application(self, application: Application, institution_code: str, at: datetime) -> None:
        """The newest job's word on an application counts."""
        self.applications[application.id] = {
            "id": application.id,
            "institution_code": institution_code,
            "route": application.route,
            "account": application.account,
            "received_on": application.received_on,
            "approved_on": application.approved_on,
            "created_at": at,
        }


def institution_row(institution: Institution, at: datetime) -> dict[str, Any]:
    """An institution's row."""
    return {
        "code": institution.code,
        "name": institution.name,
        "name_key": name_key(institution.name),
        "search_key": search_key(institution.name),
        "type": institution.type,
        "prefecture": institution.prefecture,
        "updated_at": at,
    }


async def save(conn: AsyncConnection, batch: Batch, at: datetime) -> None:
    """Write a batch.

    Raises IntegrityError when another process has accepted one of its jobs first, DecidedError when it has decided one
    of its applications.
    """
    # In the order of their keys: two batches that meet wait for each other, and never for ever.
    rows: dict[Table, Sequence[Mapping[str, Any]]] = {
        institutions: _sorted(batch.institutions),
        applications: _sorted(batch.applications),
        jobs: batch.jobs,
        messages: batch.messages,
        events: batch.events,
    }
    await _write(conn, {table: those for table, those in rows.items() if those})
    await _issue(conn, batch.issued)
    await refuse_contradictions(conn, batch.messages, batch.issued)
    for pair in batch.released:
        await suppressions.release(conn, pair, at, "system", "事前確認メールを新たに送信するため")


async def _write(conn: AsyncConnection, rows: Mapping[Table, Sequence[Mapping[str, Any]]]) -> None:
    """On PostgreSQL in one statement: whoever posts a single job waits for every turn with the database."""
    if is_sqlite(conn):
        for table, those in rows.items():
            await (
                upsert(conn, table, those, *_KNOWN_BY[table]) if table in _KNOWN_BY else insert_rows(conn, table, those)
            )
    elif rows:
        statement = _all_at_once(tuple((table, tuple(those[0])) for table, those in rows.items()))
        notifies(conn)
        await conn.execute(statement, {table.name: parameter(conn, those) for table, those in rows.items()})


_KNOWN_BY: Mapping[Table, tuple[Sequence[str], Sequence[str], Sequence[str]]] = {
    institutions: (("code",), (), ()),
    applications: (("id",), ("created_at",), _FILLED),
}
"""Tables whose rows may be there already: `key`, `keep` and `fill` of `upsert`."""


@cache
def _all_at_once(parts: tuple[tuple[Table, tuple[str, ...]], ...]) -> Select[Any]:
    """Rows of several tables, each the parameter of its table's name."""
    # PostgreSQL executes the last one first.
    return select(NOTIFYING).add_cte(*(_part(*part).cte(f"new_{part[0].name}") for part in reversed(parts)))


def _part(table: Table, names: tuple[str, ...]) -> Any:
    if table in _KNOWN_BY:
        return upsert_from(table, names, *map(tuple, _KNOWN_BY[table]), on_sqlite=False, rows=table.name)
    return insert_from(table, names, on_sqlite=False, rows=table.name)


def _sorted(rows: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for _, row in sorted(rows.items())]


async def _issue(conn: AsyncConnection, issued: Mapping[str, tuple[str, str]]) -> None:
    rows = [{"id": key, "issue_job_id": job, "decision": decision} for key, (job, decision) in sorted(issued.items())]
    free = applications.c.issue_job_id.is_(None), ~contradicts_itself(applications.c.id)
    if await update_rows(conn, applications, "id", rows, *free) != len(rows):
        raise DecidedError
