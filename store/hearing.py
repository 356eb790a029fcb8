"""Reports are heard before a doubt is met with another try: one of them may tell that the mail has arrived.

A receipt of delivery that is faster than the sender's own record waits for it, and a doubt is tried again at once: the
try would go first, and the recipient get a second mail though the proof was kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messages import Change
from core.statuses import Status
from store.bulk import among
from store.tables import reports

_HEARING = timedelta(minutes=1)
"""How long the next try waits then: reports are asked about several times a second."""


async def heard_first(conn: AsyncConnection, changes: Sequence[Change]) -> Sequence[Change]:
    """The same changes; of those that leave a message in doubt with a report on it unread, the next try comes later."""
    tried_again = {change.message_id for change in changes if _is_tried_again(change)}
    if not tried_again:
        return changes
    query = select(reports.c.message_id).where(among(conn, reports.c.message_id, tried_again), reports.c.state == "new")
    told_of = frozenset((await conn.execute(query)).scalars())
    return [
        _later(change) if change.message_id in told_of and _is_tried_again(change) else change for change in changes
    ]


def _is_tried_again(change: Change) -> bool:
    return change.target is Status.IN_DOUBT and change.values.get("ready_at") is not None


def _later(change: Change) -> Change:
    at: datetime = max(change.values["ready_at"], change.at + _HEARING)
    told = {"next_attempt_at": at.isoformat()} if "next_attempt_at" in change.detail else {}
    return replace(change, detail={**change.detail, **told}, values={**change.values, "ready_at": at})
