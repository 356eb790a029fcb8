"""jpholiday on the days given on stdin: the next business day after each; prints {"first", "again", "found"}."""

import json
import sys
import time
from datetime import date, timedelta

import jpholiday

ONE_DAY = timedelta(days=1)
PASSES = 20


def is_closed(day: date) -> bool:
    """Saturday, Sunday, national holiday, or 29 December to 3 January."""
    year_end = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return day.weekday() >= 5 or year_end or jpholiday.is_holiday(day)


def next_business_day(day: date) -> date:
    """The first day after this one that is not closed."""
    day += ONE_DAY
    while is_closed(day):
        day += ONE_DAY
    return day


days = [date.fromisoformat(text) for text in json.load(sys.stdin)]
started = time.process_time()
found = [next_business_day(day) for day in days]
first = time.process_time() - started
started = time.process_time()
for _ in range(PASSES):
    for day in days:
        next_business_day(day)
again = (time.process_time() - started) / PASSES
print(json.dumps({"first": first, "again": again, "found": [day.isoformat() for day in found]}))
