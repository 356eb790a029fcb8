"""How many messages a sender claims: soon many from a quick relay, never many from a slow one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mailer.pace import Pace

LEAST = 10


class Times:
    """Seconds, as a test lets them pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def claims(seconds_between: list[float]) -> list[int]:
    """Limits of claims that all find as many as they may, and how long each took to go out."""
    times = Times()
    pace = Pace(LEAST, times)
    limits = []
    for seconds in seconds_between:
        limits.append(pace.limit())
        pace.claimed(limits[-1])
        times.now += seconds
    return limits


def test_a_quick_relay_soon_gets_many() -> None:
    assert claims([0.001] * 8) == [10, 20, 40, 80, 160, 320, 500, 500]


def test_of_a_relay_that_nothing_is_known_of_few_are_claimed() -> None:
    """The second claim follows the first at once, before a mail has left."""
    assert claims([0.0, 1.0, 1.0, 1.0]) == [10, 20, 10, 10]


def test_a_tenth_of_a_second_is_claimed_ahead() -> None:
    times = Times()
    pace = Pace(LEAST, times)
    for _ in range(20):  # a thousand a second
        count = pace.limit()
        pace.claimed(count)
        times.now += count / 1000
    assert pace.limit() in {99, 100}


def test_a_relay_that_becomes_slow_gets_few_at_once() -> None:
    assert claims([0.001] * 7 + [5.0, 5.0])[-2:] == [500, 10]


@given(st.lists(st.floats(0, 10), max_size=30))
def test_it_never_more_than_doubles(seconds: list[float]) -> None:
    limits = claims(seconds)
    assert all(LEAST <= limit <= 500 for limit in limits)
    assert all(after <= 2 * before for before, after in pairwise(limits))
