"""Tasks that are cancelled, and surely end."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_SECONDS = 5.0


async def end(*tasks: asyncio.Task[Any], again_seconds: float = _AGAIN_SECONDS) -> None:
    """Cancel tasks and wait until all have ended; what they raise is theirs.

    Whoever still goes on after `again_seconds` is cancelled again: until Python 3.12 `asyncio.wait_for`, which
    libraries use, forgets a cancellation that comes in the moment in which what it waits for is there.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_seconds)
    await asyncio.gather(*tasks, return_exceptions=True)
