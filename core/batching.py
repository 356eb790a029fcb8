"""Group commit: items that come up while one transaction runs go together into the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Hands items in batches to `flush`, one batch at a time, in the order in which they were added.

    `linger`: seconds to wait for more. Where every giver waits for its result before it gives again, half of them
    would else come up while the other half's batch runs, and the batches would stay half as large as they could be.
    """

    def __init__(
        self, flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]], most: int = 200, linger: float = 0.0
    ) -> None:
        self._flush = flush
        self._most = most
        self._linger = linger
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._runner: asyncio.Task[None] | None = None

    def add(self, item: T) -> asyncio.Future[R]:
        """The item's own result, once its batch is through, or what the flush raised."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return done

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._linger and len(self._waiting) < self._most:
                    await asyncio.sleep(self._linger)
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._run_batch(batch)
        finally:
            self._runner = None

    async def _run_batch(self, batch: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
        except Exception as error:
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in zip(batch, results, strict=True):
            if not done.done():
                done.set_result(result)
