"""Read models of institutions: everything known about one, for the helpdesk's page and its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind
from store.address_changes import ChangeState
from store.reading import MESSAGE_COLUMNS, AnyRow, Sight
from store.reading_story import came_to_stand
from store.suppressions import stopped
from store.tables import address_changes, applications, events, institutions, messages, reporting

_TRIES_RAN_OUT = "retries-exhausted"

_REMINDS_OF = (
    messages.c.data["scheme"].as_string().label("scheme"),
    messages.c.data["fiscal_year"].as_integer().label("fiscal_year"),
)
"""What a reminder is of; NULL for other kinds."""


@dataclass(frozen=True, slots=True)
class InstitutionRecord:
    """An institution, its applications and messages in the order in which they were made, its reporting statuses.

    Reporting statuses stand newest year first.
    `status_at` says, by message id, when the message came to its present status, `last_answer` for what reason its
    last try failed where tries ran out over it. `stopped` are the suppressions of all kinds in force, `changes` the
    requests to change the address but those that were rejected, in the order in which they were made.
    """

    institution: AnyRow
    applications: Sequence[AnyRow]
    messages: Sequence[AnyRow]
    reporting: Sequence[AnyRow]
    status_at: Mapping[str, datetime]
    last_answer: Mapping[str, str]
    stopped: Sequence[AnyRow]
    changes: Sequence[AnyRow]


async def prefecture_of(conn: AsyncConnection, code: str) -> str | None:
    """The prefecture of an institution; None where it is not known."""
    query = select(institutions.c.prefecture).where(institutions.c.code == code)
    return (await conn.execute(query)).scalar_one_or_none()


async def institution_record(conn: AsyncConnection, code: str, sight: Sight) -> InstitutionRecord | None:
    """One institution; None where these eyes may see none. A prefecture sees no code mails."""
    institution = (await conn.execute(select(institutions).where(institutions.c.code == code))).one_or_none()
    if institution is None or sight.prefecture not in (None, institution.prefecture):
        return None
    mails = await _messages(conn, code, sight)
    own = select(applications).where(applications.c.institution_code == code).order_by(applications.c.created_at)
    reported = (
        select(reporting)
        .where(reporting.c.institution_code == code)
        .order_by(reporting.c.fiscal_year.desc(), reporting.c.scheme)
    )
    return InstitutionRecord(
        institution,
        (await conn.execute(own)).all(),
        mails,
        (await conn.execute(reported)).all(),
        *await _told_by_events(conn, code, mails),
        await stopped(conn, code),
        await _changes(conn, code),
    )


async def _changes(conn: AsyncConnection, code: str) -> Sequence[AnyRow]:
    query = select(address_changes).where(
        address_changes.c.institution_code == code, address_changes.c.state != ChangeState.REJECTED
    )
    return (await conn.execute(query.order_by(address_changes.c.requested_at, address_changes.c.id))).all()


async def _messages(conn: AsyncConnection, code: str, sight: Sight) -> Sequence[AnyRow]:
    query = select(*MESSAGE_COLUMNS, messages.c.resend_of, *_REMINDS_OF).where(messages.c.institution_code == code)
    if sight.prefecture is not None:
        query = query.where(messages.c.kind != Kind.CODE)
    return (await conn.execute(query.order_by(messages.c.created_at, messages.c.id))).all()


async def _told_by_events(
    conn: AsyncConnection, code: str, mails: Sequence[AnyRow]
) -> tuple[Mapping[str, datetime], Mapping[str, str]]:
    """`status_at` and `last_answer` of a record."""
    query = (
        select(events.c.message_id, events.c.at, events.c.status, events.c.type, events.c.detail)
        .join(messages, messages.c.id == events.c.message_id)
        .where(messages.c.institution_code == code)
        .order_by(events.c.id)
    )
    rows = (await conn.execute(query)).all()
    since = {mail.id: mail.created_at for mail in mails} | {key: row.at for key, row in came_to_stand(rows).items()}
    ran_out = [row for row in rows if row.type == _TRIES_RAN_OUT and "reason" in row.detail]
    return since, {row.message_id: row.detail["reason"] for row in ran_out}
