"""What people did about a mail that could not be delivered: telephoned, wrote a letter, or found it settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.reading import AnyRow
from store.tables import follow_ups, messages


class Channel(StrEnum):
    """How the institution was reached, as no mail reaches it."""

    PHONE = "phone"
    LETTER = "letter"
    OTHER = "other"  # a visit, a fax, a colleague

    @property
    def label(self) -> str:
        """The channel as a person reads it."""
        return _CHANNELS[self]


class Result(StrEnum):
    """What came of it."""

    TOLD = "told"  # the institution knows what to do
    AGAIN = "again"  # nobody answered, or the letter came back: to be tried again
    SETTLED = "settled"  # nothing to do: applied again already, closed down

    @property
    def label(self) -> str:
        """The result as a person reads it."""
        return _RESULTS[self]


_CHANNELS: Mapping[Channel, str] = {Channel.PHONE: "電話", Channel.LETTER: "郵送", Channel.OTHER: "その他"}
_RESULTS: Mapping[Result, str] = {
    Result.TOLD: "連絡済",
    Result.AGAIN: "つながらず（再度連絡）",
    Result.SETTLED: "対応不要",
}
CLOSING = (Result.TOLD, Result.SETTLED)
"""After these nothing is left to do, until another record says otherwise: the newest one counts."""


async def enter(conn: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Enter a record; none is ever changed."""
    await conn.execute(insert(follow_ups).values(dict(row)))


async def follow_ups_of(conn: AsyncConnection, message_ids: Iterable[str]) -> Mapping[str, Sequence[AnyRow]]:
    """The records of these messages, each in order."""
    query = select(follow_ups).where(follow_ups.c.message_id.in_(list(message_ids)))
    found: dict[str, list[AnyRow]] = defaultdict(list)
    for row in (await conn.execute(query.order_by(follow_ups.c.recorded_at, follow_ups.c.id))).all():
        found[row.message_id].append(row)
    return found


def closes(rows: Sequence[AnyRow]) -> bool:
    """Whether a message's records, in order, say that what there was to do is done."""
    return bool(rows) and rows[-1].result in CLOSING


def is_closed() -> ColumnElement[bool]:
    """The same, asked of messages in a query."""
    newest = (
        select(follow_ups.c.result)
        .where(follow_ups.c.message_id == messages.c.id)
        .order_by(follow_ups.c.recorded_at.desc(), follow_ups.c.id.desc())
        .limit(1)
        .correlate(messages)
        .scalar_subquery()
    )
    return func.coalesce(newest, "").in_(CLOSING)
