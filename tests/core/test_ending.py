from __future__ import annotations

import asyncio

from core.ending import end


async def test_all_have_ended_and_what_they_raise_is_theirs() -> None:
    async def fail() -> None:
        raise ValueError("no")

    failing, waiting = asyncio.create_task(fail()), asyncio.create_task(asyncio.Event().wait())
    await asyncio.sleep(0)
    await end(failing, waiting)
    assert isinstance(failing.exception(), ValueError)
    assert waiting.cancelled()


async def test_who_forgets_a_cancellation_is_cancelled_again() -> None:
    forgotten = 0

    async def forget() -> None:
        nonlocal forgotten
        while forgotten < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                forgotten += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(forget())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end(task, again_seconds=0.01)
    assert task.cancelled()
    assert forgotten == 2
