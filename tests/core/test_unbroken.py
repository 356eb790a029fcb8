from __future__ import annotations

import asyncio

import pytest

from core.unbroken import unbroken


async def test_the_result_is_the_works_own() -> None:
    async def work() -> int:
        return 7

    assert await unbroken(work()) == 7


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await unbroken(work())


async def test_who_is_cancelled_waits_for_the_end_of_the_work() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    caller = asyncio.create_task(unbroken(work()))
    await begun.wait()
    caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


async def test_who_is_cancelled_twice_waits_no_longer() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()

    caller = asyncio.create_task(unbroken(work()))
    await begun.wait()
    caller.cancel()
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
