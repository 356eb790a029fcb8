"""Which keys the secrets on record need, and the mails that failure reports came in."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.cipher import Cipher
from store.tables import messages, reports

_MOST = 2000
_MOST_REPORTS = 50
"""Of each state; the oldest ones need the oldest keys. Each may be of some MiB."""


async def keys_needed(conn: AsyncConnection, cipher: Cipher, most: int = _MOST) -> Counter[int | None]:
    """How many of the oldest secrets each key reads: 0 is the newest key; None counts those that none reads."""
    oldest = select(messages.c.secret).where(messages.c.secret.is_not(None)).order_by(messages.c.created_at)
    return Counter(cipher.key_of(secret) for secret in (await conn.execute(oldest.limit(most))).scalars())


async def keys_of_reports(
    conn: AsyncConnection, cipher: Cipher, state: str, most: int = _MOST_REPORTS
) -> Counter[int | None]:
    """The same of the oldest mails that failure reports in a state came in: what waits is `new`."""
    kept = reports.c.state == state, reports.c.octets.is_not(None), reports.c.raw.is_not(None)
    oldest = select(reports.c.raw).where(*kept).order_by(reports.c.received_at).limit(most)
    return Counter(cipher.key_of(raw) for raw in (await conn.execute(oldest)).scalars())
