"""Read models of what waits for a person: mails in doubt, and mails that came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind
from core.statuses import Status
from store.follow_ups import is_closed
from store.reading import IN_ORDER, MESSAGE_COLUMNS, AnyRow, Page, Place, Sight, has_status, page, visible_messages
from store.tables import events, institutions, messages


class Work(StrEnum):
    """Which mails that came back are listed."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What a list of mails is narrowed to. `work` is asked for mails that came back alone."""

    status: Status
    prefecture: str | None = None
    kind: str | None = None
    work: Work = Work.ALL
    institution_code: str | None = None


async def mail_queue(conn: AsyncConnection, wanted: QueueFilter, sight: Sight, after: Place | None, limit: int) -> Page:
    """Mails with the institutions' names, newest first. `status_at` is when they came to their status.

    Of mails that came back, only those of institutions: nobody can be told of another one.
    """
    status_at = (
        select(func.min(events.c.at))
        .where(events.c.message_id == messages.c.id, events.c.status == wanted.status)
        .correlate(messages)
        .scalar_subquery()
    )
    query = (
        select(
            *MESSAGE_COLUMNS,
            institutions.c.name.label("institution_name"),
            institutions.c.prefecture.label("institution_prefecture"),
            status_at.label("status_at"),
        )
        .outerjoin(institutions, institutions.c.code == messages.c.institution_code)
        .where(has_status(wanted.status), *_narrowed(wanted), *visible_messages(sight))
    )
    apart = None if wanted.kind is not None else (messages.c.kind, tuple(Kind))
    return await page(conn, query, IN_ORDER, after, limit, split=apart)


def _narrowed(wanted: QueueFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.prefecture is not None:
        conditions.append(messages.c.prefecture == wanted.prefecture)
    if wanted.kind is not None:
        conditions.append(messages.c.kind == wanted.kind)
    if wanted.institution_code is not None:
        conditions.append(messages.c.institution_code == wanted.institution_code)
    if wanted.status is Status.UNDELIVERED:
        conditions.append(messages.c.institution_code.is_not(None))
    if wanted.work is Work.OPEN:
        conditions.append(not_(is_closed()))
    elif wanted.work is Work.CLOSED:
        conditions.append(is_closed())
    return conditions


async def open_by_prefecture(conn: AsyncConnection, sight: Sight) -> Mapping[str, int]:
    """How many mails that came back wait for somebody, by prefecture."""
    query = (
        select(institutions.c.prefecture, func.count())
        .select_from(messages)
        .join(institutions, institutions.c.code == messages.c.institution_code)
        .where(has_status(Status.UNDELIVERED), not_(is_closed()), *visible_messages(sight))
        .group_by(institutions.c.prefecture)
        .order_by(institutions.c.prefecture)
    )
    return {row[0]: row[1] for row in (await conn.execute(query)).all()}


async def institution_named(conn: AsyncConnection, message_id: str, sight: Sight) -> AnyRow | None:
    """A message that came back, with its institution; None where these eyes see none."""
    query: Any = select(messages.c.id, messages.c.status, messages.c.institution_code).where(
        messages.c.id == message_id, messages.c.institution_code.is_not(None), *visible_messages(sight)
    )
    row: AnyRow | None = (await conn.execute(query)).one_or_none()
    return row


async def open_work_of(conn: AsyncConnection, institution_code: str, sight: Sight) -> frozenset[str]:
    """The institution's mails that came back and wait for somebody."""
    query = select(messages.c.id).where(
        messages.c.institution_code == institution_code,
        has_status(Status.UNDELIVERED),
        not_(is_closed()),
        *visible_messages(sight),
    )
    return frozenset((await conn.execute(query)).scalars())
