from __future__ import annotations

import asyncio

import pytest

from core.ending import end, leave, part, within


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


async def test_who_is_left_is_cancelled_until_it_ends() -> None:
    cancelled = 0

    async def forget() -> None:
        nonlocal cancelled
        while cancelled < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1
        raise ValueError("nobody asks for this")

    task = asyncio.create_task(forget())
    await asyncio.sleep(0)
    leave(task, again_seconds=0.01)
    async with asyncio.timeout(10):
        await asyncio.wait([task])
    assert cancelled == 3


async def test_what_is_in_time_gives_its_result_or_raises() -> None:
    async def give() -> int:
        return 1

    async def fail() -> None:
        raise ValueError("no")

    assert await within(10, give()) == 1
    with pytest.raises(ValueError, match="no"):
        await within(10, fail())


async def test_what_is_late_is_not_waited_for() -> None:
    let_go = asyncio.Event()

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await let_go.wait()

    async with asyncio.timeout(10):
        with pytest.raises(TimeoutError):
            await within(0.01, linger())
    let_go.set()


async def test_who_is_cancelled_meanwhile_leaves_the_work() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(within(10, work()))
    await begun.wait()
    await end(waiting)
    async with asyncio.timeout(10):
        await ended.wait()
    assert waiting.cancelled()


async def holding(given_back: asyncio.Event) -> None:
    """Holds something until it is cancelled, and gives it back a moment later."""
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        given_back.set()


async def test_what_is_parted_with_gives_back_what_it_holds_first() -> None:
    given_back = asyncio.Event()
    task = asyncio.create_task(holding(given_back))
    await asyncio.sleep(0)
    await part(task)
    assert given_back.is_set()


async def test_what_takes_no_notice_is_parted_with_in_time() -> None:
    noticed, over = 0, asyncio.Event()

    async def deaf() -> None:
        nonlocal noticed
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                noticed += 1

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await part(task, 0.01)
    assert not task.done()
    assert noticed >= 1
    over.set()
    await asyncio.wait({task})


async def test_work_whose_caller_is_cancelled_gives_back_what_it_holds_first() -> None:
    given_back = asyncio.Event()
    caller = asyncio.create_task(within(30, holding(given_back)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    assert given_back.is_set()
