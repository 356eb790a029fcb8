"""Clocks: a fast one keeps its pace, none goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.clock import Anchor, SimulatedClock, SystemClock

START = datetime(2026, 12, 28, tzinfo=UTC)


class Real:
    """A real clock that a test turns by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def test_it_runs_at_its_speed() -> None:
    real = Real()
    clock = SimulatedClock(Anchor(START, real.seconds, 20000), real)
    real.seconds += 2
    assert clock.now() == START + timedelta(seconds=40000)
    assert clock.real_seconds_until(START + timedelta(seconds=60000)) == 1.0


def test_it_does_not_go_back_with_the_real_clock() -> None:
    real = Real()
    clock = SimulatedClock(Anchor(START, real.seconds, 10), real)
    real.seconds -= 100
    assert clock.now() == START


@given(st.integers(-10_000, 10_000))
def test_a_leap_goes_forward_only(seconds: int) -> None:
    real = Real()
    clock = SimulatedClock(Anchor(START, real.seconds, 1), real)
    clock.leap_to(START + timedelta(seconds=seconds))
    assert clock.now() == START + timedelta(seconds=max(0, seconds))


def test_the_past_is_now() -> None:
    assert SystemClock().real_seconds_until(START - timedelta(days=3650)) == 0.0


def test_two_processes_with_one_anchor_agree() -> None:
    real = Real()
    anchor = Anchor(START, real.seconds, 500)
    first, second = SimulatedClock(anchor, real), SimulatedClock(anchor, real)
    real.seconds += 12.5
    assert first.now() == second.now()
