"""Identifiers: version 7, in order, unique."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from core.clock import Anchor, SimulatedClock
from core.ids import IdSource


def test_ids_sort_as_they_were_made_within_one_millisecond() -> None:
    clock = SimulatedClock(Anchor(datetime(2026, 11, 24, tzinfo=UTC), 0.0, 1), lambda: 0.0)
    source = IdSource(clock)
    made = [source() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {uuid.UUID(one).version for one in made} == {7}
