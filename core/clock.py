"""Business time as an argument: the real clock, and one that runs faster or leaps.

Leases, heartbeats and network time-outs stay on real time and do not come here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where business time comes from."""

    def now(self) -> datetime:
        """The present moment of business time, aware, UTC."""

    def real_seconds_until(self, moment: datetime) -> float:
        """How many real seconds pass until `moment`; 0.0 when it is past."""


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        return datetime.now(UTC)

    def real_seconds_until(self, moment: datetime) -> float:
        """Seconds until `moment`, never negative."""
        return max(0.0, (moment - self.now()).total_seconds())


@dataclass(frozen=True, slots=True)
class Anchor:
    """At the real moment `real` (seconds since 1970) business time was `business`; it runs `speed` times as fast."""

    business: datetime
    real: float
    speed: float


class SimulatedClock:
    """Business time from an anchor that all processes share, `speed` times as fast as real time."""

    def __init__(self, anchor: Anchor, real: Callable[[], float] = time.time) -> None:
        self._anchor = anchor
        self._real = real

    def now(self) -> datetime:
        """The simulated moment, aware, UTC. Never before the anchor, even if the real clock is set back."""
        passed = max(0.0, self._real() - self._anchor.real)
        return self._anchor.business + timedelta(seconds=passed * self._anchor.speed)

    def real_seconds_until(self, moment: datetime) -> float:
        """Real seconds until `moment`, never negative."""
        return max(0.0, (moment - self.now()).total_seconds() / self._anchor.speed)

    def leap_to(self, moment: datetime) -> None:
        """Move forward to `moment` at once; a moment in the past moves nothing."""
        self._anchor = Anchor(max(moment, self.now()), self._real(), self._anchor.speed)
