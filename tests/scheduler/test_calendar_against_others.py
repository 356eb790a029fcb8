"""The calendar against what others publish: two packages, and a table with expected dates where it is at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import holiday_jp
import jpholiday
import pytest

from scheduler.calendar import BusinessCalendar

CALENDAR = BusinessCalendar()
REPOSITORY = Path(__file__).parents[2]
YEAR_END = "年末年始（行政機関の休日）"


def all_days(first_year: int, last_year: int) -> Iterator[date]:
    first = date(first_year, 1, 1)
    return (first + timedelta(days=passed) for passed in range((date(last_year, 12, 31) - first).days + 1))


def closed_otherwise(day: date) -> bool:
    return day.weekday() >= 5 or (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)


def disagreements(first_year: int, last_year: int, national: set[date]) -> list[date]:
    return [
        day
        for day in all_days(first_year, last_year)
        if CALENDAR.is_open(day) is (day in national or closed_otherwise(day))
    ]


def test_every_day_of_1986_to_2050_is_as_jpholiday_has_it() -> None:
    national = {day for year in range(1986, 2051) for day, _ in jpholiday.year_holidays(year)}
    assert len(national) > 1000
    assert disagreements(1986, 2050, national) == []


def test_every_day_of_1955_to_2027_is_as_the_cabinet_office_has_it() -> None:
    national = {date(holiday.year, holiday.month, holiday.date) for holiday in holiday_jp.HolidayJP().all()}
    assert {day.year for day in national} == set(range(1955, 2028))
    assert disagreements(1955, 2027, national) == []


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    path = next(REPOSITORY.parent.glob("*/data/business_days.json"), None)
    if path is None:
        pytest.skip("no table of expected business days lies beside the repository")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_every_day_of_the_table_is_closed_for_its_reasons(table: dict[str, Any]) -> None:
    closed = {date.fromisoformat(day): entry["reasons"] for day, entry in table["closed_days"].items()}
    for day in all_days(min(closed).year, max(closed).year):
        expected = tuple(YEAR_END if why["kind"] == "year_end" else why["ja"] for why in closed.get(day, ()))
        assert CALENDAR.why_closed(day) == expected, day
        provisional = any(why.get("provisional_until_official_rekiyoko") for why in closed.get(day, ()))
        assert CALENDAR.is_provisional(day) is provisional, day


def test_every_case_of_the_table_gives_its_date(table: dict[str, Any]) -> None:
    assert table["cases"]
    for case in table["cases"]:
        for start in (case["start_jst"], case["start_utc"]):
            found = CALENDAR.nth_after(datetime.fromisoformat(start), case["n"])
            assert found.isoformat() == case["expected"], case


def test_two_hundred_thousand_questions_a_second() -> None:
    """The best of several rounds: a busy machine makes single rounds slow, never fast."""
    asked = list(all_days(2025, 2030))
    rounds = []
    for _ in range(20):
        started = perf_counter()
        for day in asked:
            CALENDAR.nth_after(day, 1)
        rounds.append(perf_counter() - started)
    assert len(asked) / min(rounds) >= 200_000
