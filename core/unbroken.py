"""Work that is not broken off in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def unbroken(work: Awaitable[T]) -> T:
    """Let `work` come to its end even where the caller is cancelled meanwhile; the caller is cancelled after it then.

    For turns with a database: a transaction that is broken off keeps its locks until somebody finds its connection.
    Who is cancelled twice does not wait any longer.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
