from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.closures import Closures, Exceptions
from scheduler.calendar import BusinessCalendar, OutsideCalendar

CALENDAR = BusinessCalendar()
TOKYO = ZoneInfo("Asia/Tokyo")

days = st.dates(date(1950, 1, 1), date(2098, 12, 31))
counts = st.integers(0, 120)


def test_silver_week_of_2026_is_closed_for_five_days() -> None:
    week = [date(2026, 9, 18) + timedelta(days=passed) for passed in range(7)]
    assert [CALENDAR.is_open(day) for day in week] == [True, False, False, False, False, False, True]
    assert CALENDAR.why_closed(date(2026, 9, 22)) == ("国民の休日",)
    assert CALENDAR.nth_after(date(2026, 9, 18), 1) == date(2026, 9, 24)


def test_the_turn_of_the_year_is_closed_though_no_national_holiday() -> None:
    assert CALENDAR.nth_after(date(2026, 12, 28), 1) == date(2027, 1, 4)
    assert CALENDAR.why_closed(date(2026, 12, 29)) == ("年末年始（行政機関の休日）",)
    assert CALENDAR.why_closed(date(2027, 1, 1)) == ("元日",)
    assert CALENDAR.why_closed(date(2027, 1, 2)) == ("土曜日", "年末年始（行政機関の休日）")
    assert CALENDAR.nth_before(date(2027, 1, 4), 1) == date(2026, 12, 28)


@pytest.mark.parametrize(
    ("day", "reasons"),
    [
        (date(2026, 5, 3), ("日曜日", "憲法記念日")),
        (date(2026, 5, 6), ("振替休日",)),
        (date(2019, 5, 1), ("天皇の即位の日",)),
        (date(2021, 7, 19), ()),
        (date(2026, 12, 28), ()),
        (date(2027, 1, 4), ()),
    ],
)
def test_reasons_of_single_days(day: date, reasons: tuple[str, ...]) -> None:
    assert CALENDAR.why_closed(day) == reasons
    assert CALENDAR.is_open(day) is (not reasons)


def test_the_next_business_day_of_a_saturday_is_monday() -> None:
    saturday = date(2026, 11, 14)
    assert CALENDAR.nth_after(saturday, 1) == CALENDAR.next_open(saturday) == date(2026, 11, 16)
    assert CALENDAR.previous_open(saturday) == date(2026, 11, 13)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 9, 20, 15, 30, tzinfo=UTC),
        datetime(2026, 9, 20, 10, 30, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2026, 9, 21, 0, 30, tzinfo=TOKYO),
    ],
)
def test_a_moment_of_any_zone_is_a_day_in_tokyo(moment: datetime) -> None:
    assert CALENDAR.why_closed(moment) == ("敬老の日",)
    assert CALENDAR.nth_after(moment, 0) == date(2026, 9, 24)
    assert type(CALENDAR.nth_after(moment, 0)) is date
    assert CALENDAR.between(moment, moment + timedelta(days=3)) == 1


def test_a_naive_moment_is_refused() -> None:
    naive = datetime.fromisoformat("2026-09-21")
    for ask in (CALENDAR.is_open, CALENDAR.why_closed, CALENDAR.next_open, CALENDAR.previous_open):
        with pytest.raises(ValueError, match="offset"):
            ask(naive)
    with pytest.raises(ValueError, match="offset"):
        CALENDAR.between(date(2026, 9, 1), naive)


@pytest.mark.parametrize(
    "day",
    [date(1948, 12, 31), date(2100, 1, 11), date(2101, 1, 1), date.min, date.max, datetime.max.replace(tzinfo=UTC)],
)
def test_days_outside_the_known_years_are_refused(day: date) -> None:
    with pytest.raises(OutsideCalendar):
        CALENDAR.is_open(day)
    with pytest.raises(OutsideCalendar):
        CALENDAR.is_provisional(day)
    with pytest.raises(OutsideCalendar):
        CALENDAR.nth_after(day, 1)
    with pytest.raises(OutsideCalendar):
        CALENDAR.nth_before(day, 1)


def test_no_count_leaves_the_known_years() -> None:
    assert CALENDAR.nth_after(date(2099, 12, 27), 1) == date(2099, 12, 28)
    for start, count in ((date(2099, 12, 28), 6), (date(2026, 1, 1), 10**9), (date(2100, 1, 9), 0)):
        with pytest.raises(OutsideCalendar):
            CALENDAR.nth_after(start, count)
    assert CALENDAR.nth_before(date(1949, 1, 5), 1) == date(1949, 1, 4)
    with pytest.raises(OutsideCalendar):
        CALENDAR.nth_before(date(1949, 1, 4), 1)


@pytest.mark.parametrize("day", range(28, 32))
def test_the_last_days_of_the_last_year_have_a_next_business_day(day: int) -> None:
    last = date(2099, 12, day)
    assert CALENDAR.nth_after(last, 1) == date(2100, 1, 4)
    assert CALENDAR.nth_after(last, 5) == date(2100, 1, 8)
    assert CALENDAR.nth_before(date(2100, 1, 4), 1) == date(2099, 12, 28)
    closed = CALENDAR.closed_between(last, date(2100, 1, 4))
    assert len(closed) == 34 - day
    assert [CALENDAR.why_closed(found) for found in closed[-3:]] == [
        ("元日",),
        ("土曜日", "年末年始（行政機関の休日）"),
        ("日曜日", "年末年始（行政機関の休日）"),
    ]


def test_own_closures_and_openings_count_behind_the_last_year_too() -> None:
    own = {"35": Exceptions(closed={date(2100, 1, 5): "県の休日"}, open={date(2100, 1, 2): "県は開庁"})}
    calendar = BusinessCalendar(Closures(closed={date(2100, 1, 4): "臨時休業"}, prefectures=own))
    assert calendar.nth_after(date(2099, 12, 31), 1) == date(2100, 1, 5)
    assert [calendar.nth_after(date(2099, 12, 31), count, "35").day for count in (1, 2)] == [2, 6]


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="0 up"):
        CALENDAR.nth_after(date(2026, 1, 1), -1)
    with pytest.raises(ValueError, match="0 up"):
        CALENDAR.nth_before(date(2026, 1, 1), -1)


def test_holidays_of_computed_equinoxes_are_provisional() -> None:
    assert not CALENDAR.is_provisional(date(2027, 9, 23))
    assert CALENDAR.is_provisional(date(2029, 9, 23))
    assert CALENDAR.is_provisional(date(2029, 9, 24))
    assert CALENDAR.is_provisional(date(2032, 9, 21))
    assert not CALENDAR.is_provisional(date(2032, 9, 20)), "敬老の日 is a Monday by law"
    assert not CALENDAR.is_provisional(date(2029, 5, 4))
    assert not CALENDAR.is_provisional(date(2029, 9, 25))


WEDNESDAY, SATURDAY = date(2026, 10, 28), date(2026, 10, 31)


def test_closures_and_openings_of_country_and_prefecture() -> None:
    own = {
        "35": Exceptions(closed={SATURDAY: "県の行事"}, open={WEDNESDAY: "県の開庁日"}),
        "01": Exceptions(closed={date(2026, 10, 30): "道の記念日"}),
    }
    calendar = BusinessCalendar(Closures({WEDNESDAY: "臨時休業"}, {SATURDAY: "臨時開庁日"}, own))
    assert calendar.why_closed(WEDNESDAY) == calendar.why_closed(WEDNESDAY, "01") == ("臨時休業",)
    assert calendar.is_open(SATURDAY)
    assert calendar.is_open(SATURDAY, "01")
    assert calendar.is_open(WEDNESDAY, "35")
    assert calendar.why_closed(SATURDAY, "35") == ("県の行事",)
    assert calendar.nth_after(date(2026, 10, 27), 1, "01") == date(2026, 10, 29)
    assert calendar.nth_after(date(2026, 10, 27), 1, "35") == WEDNESDAY
    assert calendar.nth_after(date(2026, 10, 29), 1, "01") == SATURDAY
    assert calendar.nth_after(date(2026, 10, 29), 2) == SATURDAY


def test_an_extra_closure_of_a_closed_day_is_one_more_reason() -> None:
    calendar = BusinessCalendar(Closures(closed={date(2026, 11, 3): "停電"}))
    assert calendar.why_closed(date(2026, 11, 3)) == ("文化の日", "停電")


@given(days, counts)
def test_counting_forward_lands_on_an_open_day_with_so_many_in_between(start: date, count: int) -> None:
    found = CALENDAR.nth_after(start, count)
    passed = [start + timedelta(days=number) for number in range((found - start).days + 1)]
    assert CALENDAR.is_open(found)
    assert sum(CALENDAR.is_open(day) for day in passed if day > start or count == 0) == max(count, 1)
    assert CALENDAR.between(start, found) == (count or int(found > start))


@given(days, counts)
def test_counting_back_mirrors_counting_forward(start: date, count: int) -> None:
    found = CALENDAR.nth_before(start, count)
    passed = [found + timedelta(days=number) for number in range((start - found).days + 1)]
    assert CALENDAR.is_open(found)
    assert sum(CALENDAR.is_open(day) for day in passed if day < start or count == 0) == max(count, 1)


@given(days, st.integers(0, 400))
def test_days_in_between_are_open_or_closed(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    closed = CALENDAR.closed_between(start, end)
    assert all(start < day < end and CALENDAR.why_closed(day) for day in closed)
    inner = max(0, length - 1)
    last = int(length > 0 and CALENDAR.is_open(end))
    assert len(closed) + CALENDAR.between(start, end) - last == inner
    assert CALENDAR.between(end, start) == 0


@given(
    st.datetimes(datetime.fromisoformat("1952-01-01"), datetime.fromisoformat("2098-12-31")),
    st.integers(-14 * 60, 14 * 60),
)
def test_the_zone_of_a_moment_never_matters(local: datetime, offset_minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert CALENDAR.nth_after(moment, 1) == CALENDAR.nth_after(moment.astimezone(TOKYO).date(), 1)
