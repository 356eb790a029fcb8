"""Read models of what a person goes through: suppressions, reports that no message was found for, the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.jst import rfc3339
from core.masking import mask_email
from store.cipher import Cipher
from store.reading import AnyRow, Page, Place, Sight, in_prefecture, page
from store.reading_views import shown_text
from store.report_mails import OCTETS, opened
from store.tables import audit, reports, suppressions

UNMATCHED_STATES = ("unmatched", "refused")


class SuppressionState(StrEnum):
    """Which suppressions are listed."""

    ACTIVE = "active"
    RELEASED = "released"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class SuppressionFilter:
    """What a list of suppressions is narrowed to."""

    institution_code: str | None = None
    email_key: str | None = None
    scope: str | None = None
    state: SuppressionState = SuppressionState.ACTIVE


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What the audit trail is narrowed to. `since` is included, `until` is not."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def suppression_page(
    conn: AsyncConnection,
    wanted: SuppressionFilter,
    sight: Sight,
    after: Place | None,
    limit: int,
) -> Page:
    """Suppressions, newest first."""
    query = select(suppressions).where(*_narrowed(wanted), *visible_suppressions(sight))
    return await page(conn, query, (suppressions.c.created_at, suppressions.c.id), after, limit)


def _narrowed(wanted: SuppressionFilter) -> list[ColumnElement[bool]]:
    equal: dict[ColumnElement[Any], str | None] = {
        suppressions.c.institution_code: wanted.institution_code,
        suppressions.c.email_key: wanted.email_key,
        suppressions.c.scope: wanted.scope,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.state is SuppressionState.ACTIVE:
        conditions.append(suppressions.c.released_at.is_(None))
    elif wanted.state is SuppressionState.RELEASED:
        conditions.append(suppressions.c.released_at.is_not(None))
    return conditions


def visible_suppressions(sight: Sight) -> list[ColumnElement[bool]]:
    """A prefecture sees those of its institutions."""
    if sight.prefecture is None:
        return []
    return [in_prefecture(suppressions.c.institution_code, sight.prefecture)]


def suppression_view(row: AnyRow, *, whole: bool) -> dict[str, Any]:
    """One entry."""
    return {
        "id": row.id,
        "email": row.email if whole else mask_email(row.email),
        "institution_code": row.institution_code,
        "scope": row.scope,
        "reason": row.reason,
        "message_id": row.message_id,
        "created_at": rfc3339(row.created_at),
        "released_at": rfc3339(row.released_at),
        "released_by": row.released_by,
        "released_why": row.released_why,
    }


async def unmatched_page(conn: AsyncConnection, after: Place | None, limit: int) -> Page:
    """Reports that could not be tied to a message, and refused return paths, newest first."""
    query = select(
        reports.c.id,
        reports.c.received_at,
        reports.c.peer,
        reports.c.token_digest,
        reports.c.state,
        reports.c.reason,
        reports.c.type,
        reports.c.message_id,
        reports.c.parsed,
        OCTETS.label("size"),
    ).where(reports.c.state.in_(UNMATCHED_STATES))
    return await page(conn, query, (reports.c.received_at, reports.c.id), after, limit)


def unmatched_view(row: AnyRow) -> dict[str, Any]:
    """One report, addresses masked. `size` is in octets, null for a refused return path: there was no mail."""
    recipients = (row.parsed or {}).get("recipients") or []
    return {
        "id": row.id,
        "received_at": rfc3339(row.received_at),
        "peer": row.peer,
        "token_digest": row.token_digest,
        "state": row.state,
        "reason": row.reason,
        "type": row.type,
        "message_id": row.message_id,
        "recipients": [
            told
            | {
                "address": mask_email(told["address"]) if told["address"] else None,
                "diagnostic": shown_text(told["diagnostic"], whole=False),
            }
            for told in recipients
        ],
        "size": row.size,
    }


async def unmatched_raw(conn: AsyncConnection, cipher: Cipher, report_id: str) -> bytes | None:
    """The mail as it was received; None where there is none. Raises SecretUnreadable."""
    query = select(reports.c.raw, reports.c.octets).where(
        reports.c.id == report_id, reports.c.state.in_(UNMATCHED_STATES), reports.c.raw.is_not(None)
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else opened(cipher, row.raw, row.octets)


async def audit_page(conn: AsyncConnection, wanted: AuditFilter, after: Place | None, limit: int) -> Page:
    """The audit trail, newest first."""
    equal: dict[ColumnElement[Any], str | None] = {
        audit.c.actor: wanted.actor,
        audit.c.action: wanted.action,
        audit.c.subject: wanted.subject,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.since is not None:
        conditions.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit.c.at < wanted.until)
    return await page(conn, select(audit).where(*conditions), (audit.c.at, audit.c.id), after, limit)


def audit_view(row: AnyRow) -> dict[str, Any]:
    """One line of the audit trail."""
    return {
        "id": str(row.id),
        "at": rfc3339(row.at),
        "actor": row.actor,
        "role": row.role,
        "action": row.action,
        "subject": row.subject,
        "prefecture": row.prefecture,
        "detail": row.detail,
    }
