"""How many messages to claim at a time."""

from __future__ import annotations

from collections.abc import Callable

_AHEAD_SECONDS = 0.1
_MOST = 500


class Pace:
    """As many as went out in the last tenth of a second: at least `least`, and at most twice as many as before.

    Few enough that a mail leaves soon after its window was asked, and that an urgent one soon gets its turn: a relay
    is not known to be quick before it has taken mails, and the first claims follow one another at once. `time` gives
    seconds of a clock that never goes back.
    """

    def __init__(self, least: int, time: Callable[[], float]) -> None:
        self._least = least
        self._time = time
        self._count = 0
        self._at = time()
        self._limit = 0

    def limit(self) -> int:
        """For the claim that is made now."""
        passed = max(self._time() - self._at, 0.001)
        most = min(_MOST, 2 * self._limit, int(self._count / passed * _AHEAD_SECONDS))
        self._limit = max(self._least, most)
        return self._limit

    def claimed(self, count: int) -> None:
        """So many came of it."""
        self._count = count
        self._at = self._time()
