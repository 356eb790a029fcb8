"""Dates in the Japanese era, against arithmetic of their own."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.era import date_text, era_year, fiscal_year_of, fiscal_year_text, moment_text

DATES = st.dates(date(1873, 1, 1), date(9999, 12, 31))
FIRST_WESTERN_YEAR = {"明治": 1868, "大正": 1912, "昭和": 1926, "平成": 1989, "令和": 2019}


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(2027, 1, 4), "令和9年1月4日（月）"),
        (date(2024, 1, 5), "令和6年1月5日（金）"),
        (date(2019, 5, 1), "令和元年5月1日（水）"),
        (date(2019, 4, 30), "平成31年4月30日（火）"),
        (date(2019, 12, 31), "令和元年12月31日（火）"),
        (date(1989, 1, 8), "平成元年1月8日（日）"),
        (date(1989, 1, 7), "昭和64年1月7日（土）"),
        (date(1926, 12, 25), "昭和元年12月25日（土）"),
        (date(1926, 12, 24), "大正15年12月24日（金）"),
        (date(1912, 7, 30), "大正元年7月30日（火）"),
        (date(1912, 7, 29), "明治45年7月29日（月）"),
        (date(1900, 1, 1), "明治33年1月1日（月）"),
        (date(1873, 1, 1), "明治6年1月1日（水）"),
        (date(1872, 12, 31), "1872年12月31日（火）"),
        (date(1, 1, 1), "1年1月1日（月）"),
        (date(2028, 2, 29), "令和10年2月29日（火）"),
    ],
)
def test_days_around_the_changes_of_era(day, text):
    assert date_text(day) == text


@given(DATES)
def test_a_date_can_be_read_back(day):
    era, year, month, number, weekday = re.fullmatch(r"(..)(元|\d+)年(\d+)月(\d+)日（(.)）", date_text(day)).groups()
    western = FIRST_WESTERN_YEAR[era] + (1 if year == "元" else int(year)) - 1
    assert date(western, int(month), int(number)) == day
    assert "月火水木金土日"[day.isoweekday() - 1] == weekday


@given(DATES, DATES)
def test_eras_never_run_backwards(one, other):
    earlier, later = sorted((one, other))
    order = list(FIRST_WESTERN_YEAR)
    assert order.index(era_year(earlier)[:2]) <= order.index(era_year(later)[:2])


@given(st.integers(0, 70_000_000), st.integers(-14, 14))
def test_a_moment_is_the_same_from_every_zone(minutes, hours):
    moment = datetime(1950, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))
    assert moment_text(elsewhere) == moment_text(moment)
    assert moment_text(moment).startswith(date_text((moment + timedelta(hours=9)).date()))


def test_a_moment_stands_in_tokyo():
    assert moment_text(datetime(2027, 1, 3, 15, 5, tzinfo=UTC)) == "令和9年1月4日（月）0時05分"


def test_a_moment_without_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        moment_text(datetime(2027, 1, 4, tzinfo=UTC).replace(tzinfo=None))


def test_a_datetime_is_no_date():
    with pytest.raises(TypeError, match="moment_text"):
        date_text(datetime(2027, 1, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    ("year", "text"),
    [
        (2026, "令和8年度（2026年度）"),
        (2025, "令和7年度（2025年度）"),
        (2019, "令和元年度（2019年度）"),
        (2018, "平成30年度（2018年度）"),
        (1988, "昭和63年度（1988年度）"),
        (1925, "大正14年度（1925年度）"),
        (1873, "明治6年度（1873年度）"),
        (1872, "1872年度"),
    ],
)
def test_fiscal_years(year, text):
    assert fiscal_year_text(year) == text


@given(st.dates(date(1927, 4, 1), date(2099, 12, 31)))
def test_a_fiscal_year_begins_in_april(day):
    start = date(fiscal_year_of(day), 4, 1)
    assert start <= day < date(start.year + 1, 4, 1)
    assert fiscal_year_text(start.year).endswith(f"度（{start.year}年度）")


@given(st.dates())
def test_every_day_has_its_words(day):
    assert date_text(day).startswith(era_year(day))
    assert date_text(day).removeprefix(era_year(day)).startswith(f"{day.month}月{day.day}日")
