"""`todoke doctor` on the holidays of the next twelve months: published, or merely worked out."""

from __future__ import annotations

from datetime import date

import pytest

from scheduler.calendar import BusinessCalendar
from todoke.cli.doctor import Warned, holiday_coverage

CALENDAR = BusinessCalendar()


def test_twelve_months_that_are_published_are_in_order() -> None:
    told = holiday_coverage(CALENDAR, date(2026, 12, 1))
    assert told == "243 business days in the next twelve months; holidays published until 2027-12-31"


@pytest.mark.parametrize("today", [date(2027, 1, 1), date(2027, 6, 1), date(2030, 1, 1)])
def test_twelve_months_that_are_not_are_warned_of(today: date) -> None:
    with pytest.raises(Warned, match=r"published holidays until 2027-12-31 only"):
        holiday_coverage(CALENDAR, today)


def test_the_days_that_hang_on_a_prediction_are_named() -> None:
    with pytest.raises(Warned, match="predicted only: 2028-03-20"):
        holiday_coverage(CALENDAR, date(2027, 6, 1))
