"""Read models of messages and jobs: what became of what was published, for the eyes that may see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, and_, literal, literal_column, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind
from core.statuses import Status
from store.tables import events, institutions, jobs, messages, reports

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnySelect: TypeAlias = Select[*tuple[Any, ...]]

MESSAGE_COLUMNS = (
    messages.c.id,
    messages.c.job_id,
    messages.c.kind,
    messages.c.status,
    messages.c.application_id,
    messages.c.institution_code,
    messages.c.email,
    messages.c.created_at,
    messages.c.due_at,
    messages.c.ready_at,
    messages.c.sent_at,
    messages.c.settles_at,
    messages.c.attempts,
    messages.c.reason,
    messages.c.smtp_code,
    messages.c.enhanced_code,
    messages.c.diagnostic,
    messages.c.bounce_class,
    messages.c.rule,
    messages.c.expires_at,
    messages.c.waits_for,
)
"""What a reader may see of a message: neither its data nor its secret."""

_EVIDENCE_COLUMNS = (messages.c.message_id_header, messages.c.first_attempt_at, messages.c.resend_of)


Split: TypeAlias = tuple[ColumnElement[Any], Sequence[str]]
"""A column and all the values that it may have."""

PASSING = (Status.SENDING, Status.SENT)
"""Statuses that every mail goes through: `ix_messages_status_kind_created_at` leaves them out."""

IN_ORDER = (messages.c.created_at, messages.c.id)
"""The order of lists of messages."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose eyes read: everything, or one prefecture's institutions, or one publisher's jobs."""

    prefecture: str | None = None
    publisher: str | None = None


EVERYTHING = Sight()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the moment and the id of its last row."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, newest first, and where the next page begins; None at the end."""

    rows: Sequence[AnyRow]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Settled:
    """Whether the settle window of sent mails had passed at a moment (`over`), or they were anything else."""

    over: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What a list of messages is narrowed to. `since` is included, `until` is not; both are of `created_at`."""

    institution_code: str | None = None
    application_id: str | None = None
    email_key: str | None = None
    kind: str | None = None
    status: str | None = None
    settled: Settled | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message with its story, in order, and the reports that were tied to it."""

    message: AnyRow
    events: Sequence[AnyRow]
    reports: Sequence[AnyRow]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job and its messages, in the order in which they were made."""

    job: AnyRow
    messages: Sequence[AnyRow]


async def message_page(
    conn: AsyncConnection,
    wanted: MessageFilter,
    sight: Sight,
    after: Place | None,
    limit: int,
) -> Page:
    """Messages, newest first; rows that come in meanwhile move no page."""
    query = select(*MESSAGE_COLUMNS).where(*narrowed(wanted), *visible_messages(sight))
    return await page(conn, query, IN_ORDER, after, limit, split=kinds_apart(wanted, sight))


def kinds_apart(wanted: MessageFilter, sight: Sight) -> Split | None:
    """Whether a list is put together from those of each kind: the indexes by status and by prefecture are in order
    within a kind alone. Without them, the newest few of a small prefecture stand far apart in the list of all."""
    selective = (wanted.institution_code, wanted.application_id, wanted.email_key, wanted.kind, sight.publisher)
    if any(value is not None for value in selective):
        return None
    in_order = sight.prefecture is not None or wanted.status not in (None, *PASSING)
    return (messages.c.kind, tuple(Kind)) if in_order else None


def narrowed(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    """The conditions of a filter."""
    equal: Mapping[ColumnElement[Any], str | None] = {
        messages.c.institution_code: wanted.institution_code,
        messages.c.application_id: wanted.application_id,
        messages.c.email_key: wanted.email_key,
        messages.c.kind: wanted.kind,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.status is not None:
        conditions.append(has_status(wanted.status))
    if wanted.status == Status.SENDING:
        conditions.append(messages.c.lease.is_not(None))  # by its index; they are the same rows
    if wanted.settled is not None:
        conditions.append(_settled(wanted.settled))
    if wanted.since is not None:
        conditions.append(messages.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(messages.c.created_at < wanted.until)
    return conditions


def _settled(wanted: Settled) -> ColumnElement[bool]:
    """As `store.reading_views.is_settled` says of a row."""
    if wanted.over:
        return and_(has_status(Status.SENT), messages.c.settles_at <= wanted.at)
    open_still = or_(messages.c.settles_at.is_(None), messages.c.settles_at > wanted.at)
    return or_(messages.c.status != Status.SENT, open_still)


def has_status(status: str) -> ColumnElement[bool]:
    """Written out, with the partial index's own condition: what a parameter holds, a planner cannot know."""
    same = messages.c.status == literal_column(f"'{Status(status).value}'")
    if status in PASSING:
        return same
    return and_(same, messages.c.status.not_in([literal_column(f"'{one.value}'") for one in PASSING]))


def visible_messages(sight: Sight) -> list[ColumnElement[bool]]:
    """A prefecture sees its institutions' mails but for codes, a publisher those of its jobs.

    A mail without institution is of no prefecture, whatever its job said.
    """
    conditions: list[ColumnElement[bool]] = []
    if sight.prefecture is not None:
        conditions += [messages.c.prefecture == sight.prefecture, messages.c.kind != Kind.CODE]
    if sight.publisher is not None:
        own = select(jobs.c.job_id).where(jobs.c.publisher == sight.publisher)
        conditions.append(messages.c.job_id.in_(own))
    return conditions


def in_prefecture(code: ColumnElement[Any], prefecture: str) -> ColumnElement[bool]:
    """Whether the institution lies in this prefecture, by what was last said of it."""
    return code.in_(select(institutions.c.code).where(institutions.c.prefecture == prefecture))


async def page(
    conn: AsyncConnection,
    query: AnySelect,
    order: tuple[ColumnElement[Any], ColumnElement[Any]],
    after: Place | None,
    limit: int,
    *,
    split: Split | None = None,
) -> Page:
    """One page of a query by the moment and the id in `order`, newest first.

    With `split` it is put together from the first rows for each value of a column; the rows are the same.
    """
    at, identifier = order
    if after is not None:
        bound = identifier.type.python_type(after.id)
        place = tuple_(literal(after.at, at.type), literal(bound, identifier.type))
        query = query.where(tuple_(at, identifier) < place)
    ordered = query.order_by(at.desc(), identifier.desc()).limit(limit + 1)
    found = (await conn.execute(ordered if split is None else _together(ordered, order, split, limit + 1))).all()
    rows = found[:limit]
    if len(found) <= limit:
        return Page(rows, None)
    last = rows[-1]._mapping
    return Page(rows, Place(last[str(at.key)], str(last[str(identifier.key)])))


def _together(
    ordered: AnySelect, order: tuple[ColumnElement[Any], ColumnElement[Any]], split: Split, limit: int
) -> AnySelect:
    column, values = split
    parts = [select(ordered.where(column == value).subquery(f"part_{place}")) for place, value in enumerate(values)]
    merged = union_all(*parts).subquery("merged")
    at, identifier = order
    newest = (merged.c[str(at.key)].desc(), merged.c[str(identifier.key)].desc())
    return select(merged).order_by(*newest).limit(limit)


async def message_record(conn: AsyncConnection, message_id: str, sight: Sight) -> MessageRecord | None:
    """One message with its story; None where there is none that these eyes may see."""
    query = select(*MESSAGE_COLUMNS, *_EVIDENCE_COLUMNS).where(
        messages.c.id == message_id,
        *visible_messages(sight),
    )
    message = (await conn.execute(query)).one_or_none()
    if message is None:
        return None
    story = select(events).where(events.c.message_id == message_id).order_by(events.c.id)
    return MessageRecord(message, (await conn.execute(story)).all(), await _reports(conn, message_id))


async def _reports(conn: AsyncConnection, message_id: str) -> Sequence[AnyRow]:
    query = (
        select(reports.c.id, reports.c.received_at, reports.c.type, reports.c.state, reports.c.reason, reports.c.parsed)
        .where(reports.c.message_id == message_id)
        .order_by(reports.c.received_at, reports.c.id)
    )
    return (await conn.execute(query)).all()


async def job_record(conn: AsyncConnection, job_id: str, sight: Sight) -> JobRecord | None:
    """One job with its messages; None where there is none that these eyes may see."""
    query = select(
        jobs.c.job_id,
        jobs.c.kind,
        jobs.c.application_id,
        jobs.c.institution_code,
        jobs.c.created_at,
        jobs.c.note,
    ).where(jobs.c.job_id == job_id, *visible_jobs(sight))
    job = (await conn.execute(query)).one_or_none()
    if job is None:
        return None
    made = select(*MESSAGE_COLUMNS).where(messages.c.job_id == job_id).order_by(messages.c.created_at, messages.c.id)
    return JobRecord(job, (await conn.execute(made)).all())


def visible_jobs(sight: Sight) -> list[ColumnElement[bool]]:
    """As `visible_messages`; a code job is none of a prefecture's business either."""
    conditions: list[ColumnElement[bool]] = []
    if sight.prefecture is not None:
        conditions += [in_prefecture(jobs.c.institution_code, sight.prefecture), jobs.c.kind != Kind.CODE]
    if sight.publisher is not None:
        conditions.append(jobs.c.publisher == sight.publisher)
    return conditions
