"""A queue in which what is urgent goes before all else, each in the order in which it came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class UrgentFirst(asyncio.Queue[T]):
    """Without a bound. `urgent` is asked of what is put in."""

    def __init__(self, urgent: Callable[[T], bool]) -> None:
        self._is_urgent = urgent
        self._at_head = False
        self._urgent: deque[T] = deque()
        self._others: deque[T] = deque()
        super().__init__()

    def _init(self, maxsize: int) -> None:
        """What a queue of another order overrides."""

    def put_first(self, item: T) -> None:
        """One that has waited already goes before all others that are as urgent."""
        self._at_head = True
        try:
            self.put_nowait(item)
        finally:
            self._at_head = False

    def _put(self, item: T) -> None:
        items = self._urgent if self._is_urgent(item) else self._others
        (items.appendleft if self._at_head else items.append)(item)

    def _get(self) -> T:
        return (self._urgent or self._others).popleft()

    def qsize(self) -> int:
        """How many there are."""
        return len(self._urgent) + len(self._others)

    def empty(self) -> bool:
        """Whether there are none."""
        return not self._urgent and not self._others
