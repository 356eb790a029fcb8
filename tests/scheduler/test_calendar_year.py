"""A year to look over, and `todoke calendar`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from config.closures import Closures, Exceptions
from scheduler.calendar import FIRST_YEAR, LAST_YEAR, BusinessCalendar, OutsideCalendar
from scheduler.calendar_year import year_of
from todoke.cli.calendar import show_calendar

CALENDAR = BusinessCalendar()
OWN = BusinessCalendar(
    Closures(
        closed={date(2027, 6, 10): "特別な休日"},
        open={date(2027, 5, 15): "臨時開庁日"},
        prefectures={
            "35": Exceptions(
                closed={date(2027, 8, 13): "県庁舎の移転", date(2027, 5, 15): "県の休日"},
                open={date(2027, 6, 10): "県は開庁"},
            )
        },
    )
)


@given(st.integers(FIRST_YEAR + 1, LAST_YEAR))
def test_every_day_is_counted_once(number: int) -> None:
    year = year_of(CALENDAR, number)
    days = 366 if number % 4 == 0 and (number % 100 or number % 400 == 0) else 365
    assert year.business_days + len(year.closed) == days
    assert year.business_days == CALENDAR.between(date(number - 1, 12, 31), date(number, 12, 31))
    assert [day.day for day in year.closed] == sorted({day.day for day in year.closed})
    assert all(day.reasons for day in year.closed)


def test_the_first_year_and_none_before_it() -> None:
    assert year_of(CALENDAR, FIRST_YEAR).months[0].closed[0].day == date(FIRST_YEAR, 1, 1)
    for number in (FIRST_YEAR - 1, LAST_YEAR + 1):
        with pytest.raises(OutsideCalendar):
            year_of(CALENDAR, number)


def test_ordinary_weekends_are_told_from_the_rest() -> None:
    january = year_of(CALENDAR, 2027).months[0]
    assert [(day.day.day, day.reasons) for day in january.closed if not day.weekend_alone] == [
        (1, ("元日",)),
        (2, ("土曜日", "年末年始（行政機関の休日）")),
        (3, ("日曜日", "年末年始（行政機関の休日）")),
        (11, ("成人の日",)),
    ]
    assert [day.day.day for day in january.closed if day.weekend_alone] == [9, 10, 16, 17, 23, 24, 30, 31]


@pytest.mark.parametrize(("number", "provisional"), [(2027, 0), (2028, 2), (2032, 3)])
def test_computed_equinoxes_are_marked(number: int, provisional: int) -> None:
    assert sum(day.provisional for day in year_of(CALENDAR, number).closed) == provisional


@pytest.mark.parametrize(("number", "era"), [(2027, "令和9年"), (2019, "平成31年・令和元年"), (1950, "昭和25年")])
def test_the_era(number: int, era: str) -> None:
    assert year_of(CALENDAR, number).era == era


def test_exceptions_of_the_country_and_of_a_prefecture() -> None:
    country, prefecture = year_of(OWN, 2027), year_of(OWN, 2027, "35")
    assert [day.reason for month in country.months for day in month.opened] == ["臨時開庁日"]
    assert [day.reason for month in prefecture.months for day in month.opened] == ["県は開庁"]
    closed = {day.day: day.reasons for day in prefecture.closed}
    assert closed[date(2027, 8, 13)] == ("県庁舎の移転",)
    assert "県の休日" in closed[date(2027, 5, 15)]
    assert date(2027, 6, 10) not in closed
    assert (date(2027, 6, 10), ("特別な休日",)) in [(day.day, day.reasons) for day in country.closed]


def test_the_command_prints_a_year(capsys: pytest.CaptureFixture[str]) -> None:
    show_calendar(2032, None, as_json=False)
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        "2032年（令和14年）の営業日　全国",
        "営業日 242日　閉庁日 124日（土曜日・日曜日 102日、そのほか 22日）",
    ]
    assert "9月　営業日 19日　閉庁日 11日" in told
    assert "   9月21日（火）　国民の休日※" in told
    assert told[-1].startswith("※ 春分の日")
    show_calendar(2026, None, as_json=False)
    assert "※" not in capsys.readouterr().out


def test_the_command_knows_the_closures_that_are_configured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "[prefectures.35]\nopen.2027-05-15 = '臨時開庁日'\nclosed.2027-08-13 = '県庁舎の移転'"
    (tmp_path / "closures.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("TODOKE_CONFIG_DIR", str(tmp_path))
    show_calendar(2027, "35", as_json=False)
    told = capsys.readouterr().out
    assert told.startswith("2027年（令和9年）の営業日　山口県\n")
    assert "5月15日（土）　営業日（臨時開庁日）" in told
    assert "8月13日（金）　県庁舎の移転" in told
    show_calendar(2027, "34", as_json=False)
    assert "県庁舎" not in capsys.readouterr().out


def test_the_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_calendar(2028, "35", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["year"], found["prefecture"], found["provisional"]) == (2028, "35", True)
    assert found["business_days"] + found["closed_days"] == 366
    assert found["months"][2]["closed"][-3] == {
        "date": "2028-03-20",
        "weekday": "月",
        "reasons": ["春分の日"],
        "provisional": True,
    }


@pytest.mark.parametrize(("year", "prefecture"), [(1948, None), (2100, None), (2027, "48"), (2027, "1")])
def test_wrong_usage(capsys: pytest.CaptureFixture[str], year: int, prefecture: str | None) -> None:
    with pytest.raises(typer.Exit) as ended:
        show_calendar(year, prefecture, as_json=False)
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err


def test_without_a_year_it_is_this_one(capsys: pytest.CaptureFixture[str]) -> None:
    show_calendar(None, None, as_json=True)
    year = json.loads(capsys.readouterr().out)["year"]
    assert FIRST_YEAR <= year <= LAST_YEAR
