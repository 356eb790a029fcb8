"""What intake reads before it decides, and what it writes when it has: in bulk, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Row, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.jobs import Application, Job
from core.kinds import Kind
from core.mail import Institution
from core.statuses import Status
from store import suppressions
from store.bulk import among, insert_from, insert_into, insert_rows, is_sqlite, parameter, update_rows
from store.search import name_key, search_key
from store.tables import applications, events, institutions, jobs, messages, reporting

_FILLED = ("account", "approved_on")
"""Of an application: a later job that does not mention them does not take them away."""

_MESSAGE = (
    messages.c.id,
    messages.c.application_id,
    messages.c.kind,
    messages.c.status,
    messages.c.email_key,
    messages.c.sent_at,
)


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


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A pre-check or guide of an application."""

    id: str
    kind: Kind
    status: Status
    email_key: str
    sent_at: datetime | None


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


async def known(conn: AsyncConnection, batch: Sequence[Job], job_ids: Collection[str]) -> Known:
    """Everything that a batch's decisions depend on."""
    found = Known()
    application_ids = {job.application.id for job in batch if job.application}
    codes = {job.institution.code for job in batch if job.institution}
    columns = (applications.c.id, applications.c.institution_code, applications.c.issue_job_id)
    for row in await _rows(conn, columns, applications.c.id, application_ids):
        found.applications[row.id] = KnownApplication(row.institution_code, row.issue_job_id)
    for row in await _rows(conn, _MESSAGE, messages.c.application_id, application_ids):
        if row.kind in (Kind.PRE_CHECK, Kind.GUIDE):
            message = KnownMessage(row.id, Kind(row.kind), Status(row.status), row.email_key, row.sent_at)
            found.messages.setdefault(row.application_id, {})[message.kind] = message
    await _guided(conn, codes, found)
    await _reminded(
        conn, {job.institution.code for job in batch if job.institution and job.kind is Kind.REMINDER}, found
    )
    pairs = {(job.recipient.email.lower(), job.institution.code) for job in batch if job.institution}
    found.suppressed = await suppressions.active(conn, pairs)
    # Last: whoever saw an application issued by this very job, a moment ago, must see the job as well.
    for row in await _rows(conn, (jobs.c.job_id, jobs.c.digest, jobs.c.answer), jobs.c.job_id, job_ids):
        found.jobs[row.job_id] = KnownJob(row.digest, row.answer)
    return found


async def _guided(conn: AsyncConnection, codes: Collection[str], found: Known) -> None:
    """Institutions that were sent a guide; one in doubt may have arrived."""
    if not codes:
        return
    query = select(messages.c.institution_code, messages.c.application_id).where(
        among(conn, messages.c.institution_code, codes),
        messages.c.kind == Kind.GUIDE,
        messages.c.status.in_([Status.SENT, Status.IN_DOUBT]),
    )
    for code, application_id in (await conn.execute(query)).all():
        found.guided.setdefault(code, set()).add(application_id)


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


async def _rows(
    conn: AsyncConnection, columns: Sequence[Column[Any]], key: Column[Any], values: Collection[str]
) -> Sequence[Row[Any]]:
    if not values:
        return []
    return (await conn.execute(select(*columns).where(among(conn, key, values)))).all()


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
    """Write a batch. Raises IntegrityError when another process has accepted one of its jobs first."""
    # In the order of their keys: two batches that meet wait for each other, and never for ever.
    await upsert(conn, institutions, _sorted(batch.institutions), ("code",))
    await upsert(conn, applications, _sorted(batch.applications), ("id",), ("created_at",), _FILLED)
    for table, rows in ((jobs, batch.jobs), (messages, batch.messages), (events, batch.events)):
        await insert_rows(conn, table, rows)
    await _issue(conn, batch.issued)
    for pair in batch.released:
        await suppressions.release(conn, pair, at, "system", "事前確認メールを新たに送信するため")


def _sorted(rows: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for _, row in sorted(rows.items())]


async def _issue(conn: AsyncConnection, issued: Mapping[str, tuple[str, str]]) -> None:
    rows = [{"id": key, "issue_job_id": job, "decision": decision} for key, (job, decision) in sorted(issued.items())]
    if await update_rows(conn, applications, "id", rows, applications.c.issue_job_id.is_(None)) != len(rows):
        raise AlreadyIssuedError


class AlreadyIssuedError(Exception):
    """Another process has issued this application in between."""


async def upsert(
    conn: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    key: Sequence[str],
    keep: Sequence[str] = (),
    fill: Sequence[str] = (),
) -> None:
    """Insert rows or overwrite those of the same key, but for the columns of `keep`.

    In the columns of `fill` an absent value (None) does not overwrite a known one.
    """
    if not rows:
        return
    on_sqlite = is_sqlite(conn)
    statement = _upsert(table, tuple(rows[0]), tuple(key), tuple(keep), tuple(fill), on_sqlite=on_sqlite)
    values = list(rows) if on_sqlite else {"rows": parameter(conn, rows)}
    await conn.execute(statement, values)


@cache
def _upsert(
    table: Table,
    names: tuple[str, ...],
    key: tuple[str, ...],
    keep: tuple[str, ...],
    fill: tuple[str, ...],
    *,
    on_sqlite: bool,
) -> Any:
    statement = insert_into(table, on_sqlite=True) if on_sqlite else insert_from(table, names, on_sqlite=False)
    news = {
        name: func.coalesce(statement.excluded[name], table.c[name]) if name in fill else statement.excluded[name]
        for name in names
        if name not in (*key, *keep)
    }
    return statement.on_conflict_do_update(index_elements=list(key), set_=news)
