"""The retry schedule: intervals in order, an end, and what doubt does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.kinds import Kind
from core.retry import Schedule, after_doubt, after_trouble

FIRST = datetime(2026, 11, 24, tzinfo=UTC)
SCHEDULE = Schedule([60, 300, 300, 900, 3600, 3600, 3600, 14400])
LAST = SCHEDULE.last_try(FIRST, Kind.GUIDE, None)


def test_the_default_schedule_is_walked_to_its_end() -> None:
    now, used, gaps = FIRST, 0, []
    while True:
        retry = after_trouble(SCHEDULE, used, LAST, now)
        if retry.at is None:
            break
        gaps.append((retry.at - now).total_seconds())
        now, used = retry.at, retry.used
    assert gaps[:9] == [60, 300, 300, 900, 3600, 3600, 3600, 14400, 14400]
    assert now <= FIRST + timedelta(hours=72)
    assert now + timedelta(hours=4) > FIRST + timedelta(hours=72)


def test_the_first_doubt_is_tried_again_at_once_and_uses_no_interval() -> None:
    retry = after_doubt(SCHEDULE, attempts=1, used=0, last=LAST, now=FIRST)
    assert (retry.at, retry.used) == (FIRST, 0)
    again = after_doubt(SCHEDULE, attempts=2, used=0, last=LAST, now=FIRST)
    assert (again.at, again.used) == (FIRST + timedelta(minutes=1), 1)


@given(st.integers(0, 100), st.floats(0, 100 * 3600))
def test_no_try_is_later_than_the_window(used: int, seconds: float) -> None:
    now = FIRST + timedelta(seconds=seconds)
    retry = after_trouble(SCHEDULE, used, LAST, now)
    assert retry.at is None or now < retry.at <= FIRST + timedelta(hours=72)


def test_tries_that_would_end_in_closed_hours_go_on_to_the_end_of_the_next() -> None:
    closes = FIRST + timedelta(hours=80)
    schedule = replace(SCHEDULE, last_chance=lambda kind, at, prefecture: closes if prefecture == "35" else at)
    last = schedule.last_try(FIRST, Kind.PRE_CHECK, "35")
    opens = FIRST + timedelta(hours=73)
    assert (last, schedule.last_try(FIRST, Kind.PRE_CHECK, "34")) == (closes, LAST)
    assert after_trouble(schedule, 1, last, opens).at == opens + timedelta(minutes=5)
    assert after_trouble(schedule, 1, last, closes).at is None
