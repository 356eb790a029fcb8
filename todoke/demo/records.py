"""What is on record at the end: every message with its story, as the API would show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind
from core.statuses import Status
from store.engine import Database
from store.reading import AnyRow, MessageRecord
from store.reading_views import record_view
from store.tables import applications, events, institutions, jobs, messages, reporting, reports


@dataclass(frozen=True, slots=True)
class Record:
    """A message, with what it belongs to. `view` is the answer of `GET /v1/messages/{id}`."""

    view: Mapping[str, Any]
    institution: str | None  # its name
    route: str | None
    account: str | None
    secret_held: bool

    @property
    def kind(self) -> Kind:
        """Which mail it is."""
        return Kind(self.view["kind"])

    @property
    def status(self) -> Status:
        """Where it stands."""
        return Status(self.view["status"])

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.view["id"])

    @property
    def header(self) -> str:
        """Its Message-ID."""
        return str(self.view["delivery"]["message_id_header"])

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """Its story, in order."""
        found: Sequence[Mapping[str, Any]] = self.view["events"]
        return found


@dataclass(frozen=True, slots=True)
class Decision:
    """An application after which no mail follows, and by which rule."""

    application: str
    institution: str
    route: str
    account: str | None
    rule: str


@dataclass(frozen=True, slots=True)
class Books:
    """All that is on record. Messages in the order in which they were made; `unmatched` counts reports."""

    records: Sequence[Record]
    decisions: Sequence[Decision]
    jobs: int
    unmatched: int
    reported: frozenset[str]  # codes of institutions that have reported, or report on paper


async def read_books(db: Database, now: datetime) -> Books:
    """Everything, in one snapshot."""
    async with db.read() as conn:
        told = _grouped(await conn.execute(select(events).order_by(events.c.id)))
        kept = (await conn.execute(select(reports).order_by(reports.c.received_at, reports.c.id))).all()
        rows = (await conn.execute(_messages())).all()
        by_message = _grouped(report for report in kept if report.message_id is not None)
        return Books(
            records=[_record(row, told[row.id], by_message[row.id], now) for row in rows],
            decisions=await _decisions(conn),
            jobs=(await conn.execute(select(func.count(jobs.c.job_id)))).scalar_one(),
            unmatched=sum(report.state in ("unmatched", "refused", "new") for report in kept),
            reported=await _reported(conn),
        )


def _messages() -> Any:
    joined = messages.outerjoin(institutions, institutions.c.code == messages.c.institution_code).outerjoin(
        applications, applications.c.id == messages.c.application_id
    )
    columns = (institutions.c.name.label("institution_name"), applications.c.route, applications.c.account)
    return select(messages, *columns).select_from(joined).order_by(messages.c.created_at, messages.c.id)


def _record(row: AnyRow, told: Sequence[AnyRow], kept: Sequence[AnyRow], now: datetime) -> Record:
    view = record_view(MessageRecord(row, told, kept), now)
    return Record(view, row.institution_name, row.route, row.account, row.secret is not None)


def _grouped(rows: Iterable[AnyRow]) -> Mapping[str, list[AnyRow]]:
    found: defaultdict[str, list[AnyRow]] = defaultdict(list)
    for row in rows:
        found[row.message_id].append(row)
    return found


async def _decisions(conn: AsyncConnection) -> list[Decision]:
    query = (
        select(applications, institutions.c.name)
        .join(institutions, institutions.c.code == applications.c.institution_code)
        .where(applications.c.decision.is_not(None), applications.c.decision != "mail")
        .order_by(applications.c.id)
    )
    rows = (await conn.execute(query)).all()
    return [Decision(row.id, row.name, row.route, row.account, row.decision) for row in rows]


async def _reported(conn: AsyncConnection) -> frozenset[str]:
    no_reminder = or_(reporting.c.status == "reported", reporting.c.channel == "paper")
    return frozenset((await conn.execute(select(reporting.c.institution_code).where(no_reminder))).scalars())
