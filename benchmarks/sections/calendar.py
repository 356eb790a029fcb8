"""The next business day, beside jpholiday."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from benchmarks import peers
from benchmarks.figures import Section
from benchmarks.plan import Plan
from benchmarks.problems import Failed
from scheduler.calendar import BusinessCalendar

FIRST = date(2025, 1, 1)
DAYS = 2191
"""To the end of 2030."""

_PASSES = 50


def measure(plan: Plan) -> Iterator[Section]:
    """One table. Raises Missing, and Failed where the two disagree."""
    about = (
        f"The first business day after each of {DAYS:,} days from {FIRST} on, by CPU time of one core: asked for the "
        "first time, and once both know their years. jpholiday is asked day by day, with week-ends and 29 December to "
        "3 January added around it."
    )
    section = Section("calendar", about)
    days = [FIRST + timedelta(days=passed) for passed in range(DAYS)]
    ours, theirs = [], []
    for _ in range(plan.repetitions):
        ours.append(_asked_here(days))
        theirs.append(_asked_there(days))
    for name, when in (("first", "for the first time"), ("again", "again")):
        mine = section.add(f"todoke, {when}", "questions/s", [DAYS / seconds[name] for seconds in ours])
        other = section.add(f"jpholiday, {when}", "questions/s", [DAYS / seconds[name] for seconds in theirs])
        section.compare(f"todoke / jpholiday, {when}", mine, other)
    yield section


def _asked_here(days: list[date]) -> dict[str, float]:
    BusinessCalendar().nth_after(FIRST, 1)  # imports are not counted, neither here nor there
    calendar = BusinessCalendar()
    first = _seconds(calendar, days)
    return {"first": first, "again": sum(_seconds(calendar, days) for _ in range(_PASSES)) / _PASSES}


def _seconds(calendar: BusinessCalendar, days: list[date]) -> float:
    started = time.process_time()
    for day in days:
        calendar.nth_after(day, 1)
    return time.process_time() - started


def _asked_there(days: list[date]) -> dict[str, float]:
    answer: dict[str, Any] = peers.ask("jpholiday_days.py", given=[day.isoformat() for day in days])
    calendar = BusinessCalendar()
    if answer["found"] != [calendar.nth_after(day, 1).isoformat() for day in days]:
        raise Failed("todoke and jpholiday disagree on a business day")
    return answer
