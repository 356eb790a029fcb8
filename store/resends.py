"""Mails sent again: a first mail, its copies and the copies of these are one family, by `resend_of`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind
from core.statuses import Status
from store.candidates import suppresses
from store.reading import AnyRow
from store.search import email_key
from store.tables import events, messages, suppressions

_JUST_SENT = timedelta(minutes=1)
"""So long after a copy has left, whoever asks for another one means that copy: he pressed twice, or his client lost
the answer and asks again."""


@dataclass(frozen=True, slots=True)
class Family:
    """The id of the first mail, and its copies in the order in which they were made."""

    first: str
    copies: Sequence[AnyRow]

    @property
    def ids(self) -> frozenset[str]:
        """Of all its mails."""
        return frozenset({self.first, *(copy.id for copy in self.copies)})

    @property
    def under_way(self) -> AnyRow | None:
        """The newest copy that has not come to an end."""
        return next((copy for copy in reversed(self.copies) if not Status(copy.status).final), None)

    def just_sent(self, now: datetime) -> AnyRow | None:
        """A copy that has left so lately that nobody can want another one yet."""
        return next((copy for copy in reversed(self.copies) if _has_just_left(copy, now)), None)


@dataclass(frozen=True, slots=True)
class Resent:
    """A mail that was sent again: the copy, as in a `Family`, and who had it made."""

    copy: AnyRow
    by: str | None


async def family_of(conn: AsyncConnection, message: AnyRow) -> Family:
    """The family of a message, found among the mails of its institution: what belongs to none is never sent again."""
    query = select(
        messages.c.id,
        messages.c.resend_of,
        messages.c.status,
        messages.c.created_at,
        messages.c.sent_at,
        messages.c.settles_at,
    ).where(
        messages.c.institution_code == message.institution_code,
        messages.c.kind.concat("") == message.kind,  # by the institution, never by the index on `kind`
        messages.c.resend_of.is_not(None),
    )
    # Put in order here: they are few, and a database might walk through all mails in order rather than sort.
    rows = sorted((await conn.execute(query)).all(), key=lambda row: (row.created_at, row.id))
    made_of = {row.id: row.resend_of for row in rows}

    def first_of(message_id: str) -> str:
        while message_id in made_of:
            message_id = made_of[message_id]
        return message_id

    first = first_of(message.id)
    return Family(first, [row for row in rows if first_of(row.id) == first])


async def lock_family(conn: AsyncConnection, message: AnyRow) -> Family:
    """The family as it is now; until the end of this transaction nobody else who locks it adds a copy to it."""
    first = (await family_of(conn, message)).first
    # Weak enough for the foreign keys of copies, which refer to this row.
    await conn.execute(select(messages.c.id).where(messages.c.id == first).with_for_update(key_share=True))
    return await family_of(conn, message)


async def resent(conn: AsyncConnection, copy: AnyRow) -> Resent:
    """A copy, and who had it made."""
    query = select(events.c.detail).where(events.c.message_id == copy.id, events.c.type == "accepted")
    detail = (await conn.execute(query.order_by(events.c.id).limit(1))).scalar_one_or_none() or {}
    return Resent(copy, detail.get("by"))


async def newest_other(conn: AsyncConnection, message: AnyRow) -> Resent | None:
    """The copy in a message's family, not the message itself, that is on its way, or else one made since; or None."""
    family = await family_of(conn, message)
    others = [copy for copy in reversed(family.copies) if copy.id != message.id]
    telling = (copy for copy in others if not Status(copy.status).final or copy.created_at >= message.created_at)
    copy = next(telling, None)
    return None if copy is None else await resent(conn, copy)


async def stopping(conn: AsyncConnection, message: AnyRow) -> AnyRow | None:
    """The suppression in force for which a copy of a message would not be sent."""
    query = select(suppressions).where(
        suppressions.c.email_key == email_key(message.email),
        suppressions.c.institution_code == message.institution_code,
        suppressions.c.released_at.is_(None),
    )
    rows = (await conn.execute(query.order_by(suppressions.c.scope))).all()
    return next((row for row in rows if suppresses(Kind(message.kind), frozenset({row.scope}))), None)


def _has_just_left(copy: AnyRow, now: datetime) -> bool:
    return copy.status == Status.SENT and copy.sent_at is not None and now - copy.sent_at < _JUST_SENT
