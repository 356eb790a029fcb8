"""Identifiers: time-ordered UUIDs (RFC 9562 section 5.7), made from a clock and a source of randomness."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable

from core.clock import Clock

_COUNTER_BITS = 12


class IdSource:
    """Makes UUIDv7 strings that sort in the order in which this process made them."""

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._last = 0

    def __call__(self) -> str:
        """A new id, e.g. "019ab3c4-…"."""
        ticks = int(self._clock.now().timestamp() * 1000) << _COUNTER_BITS
        self._last = max(ticks, self._last + 1)
        stamp, counter = divmod(self._last, 1 << _COUNTER_BITS)
        tail = int.from_bytes(self._random_bytes(8)) >> 2
        value = stamp << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | tail
        return str(uuid.UUID(int=value))
