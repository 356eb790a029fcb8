"""What an application was decided by: its mails of an approval, or its rejection, as long as they stand.

A mail stands from its acceptance on, whatever becomes of it, unless it is cancelled: then it never left. No application
has both sorts standing (rules 60 and 78).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import BY_TABLE, DECIDING, Kind
from core.statuses import Status
from store.bulk import among, is_sqlite
from store.tables import applications, messages


class DecidedError(Exception):
    """Another process has decided an application in between."""


def contradicts_itself(application_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether both a rejection and a mail of an approval of an application stand."""
    return and_(_stands(application_id, [Kind.REJECTION]), _stands(application_id, BY_TABLE))


async def opposed(conn: AsyncConnection, application_id: str | None, kind: Kind) -> bool:
    """Whether the application was decided otherwise than a mail of this kind tells."""
    if application_id is None or kind not in DECIDING:
        return False
    other = BY_TABLE if kind is Kind.REJECTION else [Kind.REJECTION]
    query = select(applications.c.id).where(applications.c.id == application_id, _stands(applications.c.id, other))
    return (await conn.execute(query)).first() is not None


async def refuse_contradictions(
    conn: AsyncConnection, rows: Sequence[Mapping[str, Any]], issued: Collection[str]
) -> None:
    """Look again, once the applications of these new messages are held against others. Raises DecidedError.

    Those that were `issued` have been looked at. SQLite's writers queue up, and have read what they decided by.
    """
    decided = {row["application_id"] for row in rows if row["kind"] in DECIDING} - set(issued)
    if not decided or is_sqlite(conn):
        return
    both = among(conn, applications.c.id, decided), contradicts_itself(applications.c.id)
    if (await conn.execute(select(applications.c.id).where(*both).limit(1))).first() is not None:
        raise DecidedError


def _stands(application_id: ColumnElement[str], kinds: Collection[Kind]) -> ColumnElement[bool]:
    # One after the other: with a list PostgreSQL might go by the index on `kind`.
    either = or_(*(messages.c.kind == kind for kind in sorted(kinds)))
    return exists().where(messages.c.application_id == application_id, either, messages.c.status != Status.CANCELLED)
