from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.retry import RetrySchedule


def test_the_default_of_the_contract() -> None:
    schedule = RetrySchedule.parse("1m, 5m*2, 15m, 1h*3, 4h*…")
    assert schedule.intervals == (60, 300, 300, 900, 3600, 3600, 3600, 14400)


@pytest.mark.parametrize("written", ["30s,1d*...", "30s , 1d*…", "30s,1d"])
def test_the_last_step_repeats_however_it_is_written(written: str) -> None:
    assert RetrySchedule.parse(written).intervals == (30, 86400)


@pytest.mark.parametrize(
    ("written", "place"),
    [("", 1), ("1m,", 2), ("1m,,2m", 2), ("0s", 1), ("1m,5m*0", 2), ("4h*…,1m", 1), ("１m", 1), ("-1m", 1), ("1w", 1)],
)
def test_a_bad_step_is_named_by_its_place(written: str, place: int) -> None:
    with pytest.raises(ValueError, match=f"step {place} "):
        RetrySchedule.parse(written)


@given(st.lists(st.integers(1, 86_400), min_size=1, max_size=20).map(tuple))
def test_what_is_written_is_read_back(intervals: tuple[int, ...]) -> None:
    assert RetrySchedule.parse(str(RetrySchedule(intervals))).intervals == intervals


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        schedule = RetrySchedule.parse(text)
    except ValueError:
        return
    assert all(seconds > 0 for seconds in schedule.intervals)
