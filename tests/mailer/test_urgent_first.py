"""What is urgent leaves before all that waits with a sender."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from mailer.urgent_first import UrgentFirst


def queue_of(items: list[tuple[str, int]]) -> UrgentFirst[tuple[str, int]]:
    queue: UrgentFirst[tuple[str, int]] = UrgentFirst(lambda item: item[0] == "code")
    for item in items:
        queue.put_nowait(item)
    return queue


@given(st.lists(st.sampled_from(["code", "reminder"]), max_size=20))
def test_urgent_first_and_each_in_its_order(kinds: list[str]) -> None:
    items = list(zip(kinds, range(20), strict=False))
    queue = queue_of(items)
    assert queue.qsize() == len(items)
    came = [queue.get_nowait() for _ in items]
    assert queue.empty()
    assert came == sorted(items, key=lambda item: (item[0] != "code", item[1]))


async def test_who_waits_gets_what_comes() -> None:
    queue = queue_of([])
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put_nowait(("reminder", 1))
    assert await waiting == ("reminder", 1)


async def test_it_is_joined_once_all_is_done() -> None:
    queue = queue_of([("reminder", 1), ("code", 2)])
    joining = asyncio.create_task(queue.join())
    for _ in range(2):
        await asyncio.sleep(0)
        assert not joining.done()
        queue.get_nowait()
        queue.task_done()
    await joining
