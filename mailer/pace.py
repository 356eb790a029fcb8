"""How many messages to claim at a time."""

from __future__ import annotations

from collections.abc import Callable

_AHEAD_SECONDS = 0.1
_MOST = 500


class Pace:
    """As many as went out in the last tenth of a second, but never fewer than `least`.

    Few enough that a mail leaves soon after its window was asked, and that an urgent one soon gets its turn. `time`
    gives seconds of a clock that never goes back.
    """

    def __init__(self, least: int, time: Callable[[], float]) -> None:
        self._least = least
        self._time = time
        self._count = 0
        self._at = time()

    def limit(self) -> int:
        """For the claim that is made now."""
        passed = max(self._time() - self._at, 0.001)
        return max(self._least, min(_MOST, int(self._count / passed * _AHEAD_SECONDS)))

    def claimed(self, count: int) -> None:
        """So many came of it."""
        self._count = count
        self._at = self._time()
