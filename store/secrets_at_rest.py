"""Which keys the secrets on record need."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.cipher import Cipher
from store.tables import messages

_MOST = 2000


async def keys_needed(conn: AsyncConnection, cipher: Cipher, most: int = _MOST) -> Counter[int | None]:
    """How many of the oldest secrets each key reads: 0 is the newest key; None counts those that none reads."""
    oldest = select(messages.c.secret).where(messages.c.secret.is_not(None)).order_by(messages.c.created_at)
    return Counter(cipher.key_of(secret) for secret in (await conn.execute(oldest.limit(most))).scalars())
