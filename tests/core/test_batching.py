"""Group commit: what comes up together goes together, in order, each with its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from core.batching import Batcher


class Ledger:
    """Notes what it is handed at once."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def flush(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await asyncio.sleep(0)
        if 13 in items:
            raise ValueError("thirteen")
        return [item * 10 for item in items]


async def test_what_comes_while_a_batch_runs_goes_into_the_next() -> None:
    ledger = Ledger()
    batcher: Batcher[int, int] = Batcher(ledger.flush, most=3)
    results = await asyncio.gather(*[batcher.add(number) for number in range(7)])
    assert results == [number * 10 for number in range(7)]
    assert ledger.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_a_batch_that_fails_fails_each_of_it_and_no_other() -> None:
    ledger = Ledger()
    batcher: Batcher[int, int] = Batcher(ledger.flush, most=2)
    results = await asyncio.gather(*[batcher.add(number) for number in (1, 13, 3)], return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, int]


async def test_givers_that_wait_for_their_results_come_together_where_it_lingers() -> None:
    ledger = Ledger()
    batcher: Batcher[int, int] = Batcher(ledger.flush, most=8, linger=0.05)

    async def give(first: int) -> None:
        for number in range(3):
            await batcher.add(first + number)

    async with asyncio.TaskGroup() as givers:
        givers.create_task(give(0))
        await asyncio.sleep(0)  # the second one comes after the first
        givers.create_task(give(20))
    assert [sorted(batch) for batch in ledger.batches] == [[0, 20], [1, 21], [2, 22]]


async def test_a_full_batch_does_not_linger() -> None:
    ledger = Ledger()
    batcher: Batcher[int, int] = Batcher(ledger.flush, most=2, linger=60)
    async with asyncio.timeout(5):
        assert await asyncio.gather(batcher.add(1), batcher.add(2)) == [10, 20]


async def test_who_gave_up_waiting_stops_nobody() -> None:
    ledger = Ledger()
    batcher: Batcher[int, int] = Batcher(ledger.flush)
    gone, stays = batcher.add(1), batcher.add(2)
    gone.cancel()
    assert await stays == 20
    with pytest.raises(asyncio.CancelledError):
        await gone
