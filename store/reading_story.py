"""Read models of the helpdesk's page of an institution: what happened to its mails, and who else has its addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.reading import AnyRow, Sight, visible_messages
from store.tables import events, institutions, messages

_MOST_SHARING = 20


@dataclass(frozen=True, slots=True)
class Sharing:
    """Another institution whose mails go to the same address."""

    code: str
    name: str


async def institution_events(conn: AsyncConnection, code: str, sight: Sight) -> Mapping[str, Sequence[AnyRow]]:
    """The events of an institution's messages by message id, each in order."""
    query = (
        select(events)
        .join(messages, messages.c.id == events.c.message_id)
        .where(messages.c.institution_code == code, *visible_messages(sight))
        .order_by(events.c.id)
    )
    found: dict[str, list[AnyRow]] = defaultdict(list)
    for row in (await conn.execute(query)).all():
        found[row.message_id].append(row)
    return found


def came_to_stand(rows: Iterable[AnyRow]) -> Mapping[str, AnyRow]:
    """By message id, the event with which each came to its present status; one that changes no status moves nothing.

    `rows` are events in their order.
    """
    came: dict[str, AnyRow] = {}
    for row in rows:
        before = came.get(row.message_id)
        if before is None or before.status != row.status:
            came[row.message_id] = row
    return came


async def newest_event(conn: AsyncConnection, code: str, sight: Sight) -> int:
    """The id of the last thing that happened to an institution's messages; 0 where nothing has."""
    query = (
        select(func.max(events.c.id))
        .join(messages, messages.c.id == events.c.message_id)
        .where(messages.c.institution_code == code, *visible_messages(sight))
    )
    return (await conn.execute(query)).scalar_one() or 0


async def sharing(conn: AsyncConnection, code: str, email_keys: Iterable[str], sight: Sight) -> Sequence[Sharing]:
    """Other institutions in sight that were written to at these addresses (rule 103), by their codes; at most 20."""
    keys = sorted(set(email_keys))
    if not keys:
        return []
    others = (
        select(messages.c.institution_code)
        .where(messages.c.email_key.in_(keys), messages.c.institution_code != code, *visible_messages(sight))
        .distinct()
        .limit(_MOST_SHARING)
    )
    query = select(institutions.c.code, institutions.c.name).where(institutions.c.code.in_(others))
    rows = (await conn.execute(query.order_by(institutions.c.code))).all()
    return [Sharing(row.code, row.name) for row in rows]
