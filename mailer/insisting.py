"""What has to reach the database: tried until it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from core.unbroken import unbroken

log = structlog.get_logger("mailer")

T = TypeVar("T")


async def insist(work: Callable[[], Awaitable[T]], failed: str, pause: float, **about: Any) -> T:
    """What `work` gives, once it succeeds.

    After each failure, which is logged as `failed` with what it is `about`, `pause` seconds pass.
    """
    while True:
        try:
            return await unbroken(work())
        except Exception:
            log.exception(f"{failed}; trying again", **about)
            await asyncio.sleep(pause)
