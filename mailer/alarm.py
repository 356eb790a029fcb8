"""One timer for a deadline that is set and lifted with every mail: to make and cancel a timer each time costs more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_TICK_SECONDS = 0.001
"""Event loops keep time in milliseconds."""


class Alarm:
    """Calls `ring` when a deadline passes that was neither moved nor lifted."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def set(self, seconds: float) -> None:
        """The deadline passes in so many seconds. A timer that is set for sooner stays, and looks again then."""
        self._due = due = self._loop.time() + seconds
        if self._timer is None or due < self._timer_at:
            self._start(due)

    def lift(self) -> None:
        """There is no deadline."""
        self._due = None

    def end(self) -> None:
        """No deadline, and no timer."""
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() >= self._due - _TICK_SECONDS:
            self._due = None
            self._ring()
        else:
            self._start(self._due)
