"""What has to reach the database: tried until it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.trouble import Trouble
from core.unbroken import unbroken

T = TypeVar("T")


async def insist(work: Callable[[], Awaitable[T]], trouble: Trouble, pause: float) -> T:
    """What `work` gives, once it succeeds. After each failure, which is the `trouble`, `pause` seconds pass."""
    while True:
        try:
            done = await unbroken(work())
        except Exception:
            trouble.met()
            await asyncio.sleep(pause)
        else:
            trouble.passed()
            return done
