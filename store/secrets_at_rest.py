"""Which keys the secrets on record need, and the reports that wait."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.cipher import Cipher
from store.tables import messages, reports

_MOST = 2000
_MOST_REPORTS = 50


async def keys_needed(conn: AsyncConnection, cipher: Cipher, most: int = _MOST) -> Counter[int | None]:
    """How many of the oldest secrets each key reads: 0 is the newest key; None counts those that none reads."""
    oldest = select(messages.c.secret).where(messages.c.secret.is_not(None)).order_by(messages.c.created_at)
    return Counter(cipher.key_of(secret) for secret in (await conn.execute(oldest.limit(most))).scalars())


async def unreadable_reports(conn: AsyncConnection, cipher: Cipher, most: int = _MOST_REPORTS) -> int:
    """How many of the oldest reports that nothing was decided about no key reads."""
    waiting = reports.c.state == "new", reports.c.octets.is_not(None)
    oldest = select(reports.c.raw).where(*waiting).order_by(reports.c.received_at).limit(most)
    return sum(cipher.key_of(raw) is None for raw in (await conn.execute(oldest)).scalars())
