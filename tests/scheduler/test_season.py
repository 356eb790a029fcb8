from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.closures import Closures, Exceptions
from config.periods import load_periods
from config.reminders import load_reminder_policy, read_step
from core.kinds import Scheme
from scheduler.calendar import BusinessCalendar, OutsideCalendar
from scheduler.season import Period, ReportingSeason, steps

CALENDAR = BusinessCalendar()
POLICY = tuple(read_step(step) for step in ("start", "L-10", "L-3", "L"))
MEDICAL = Scheme.MEDICAL_FUNCTION


def season(folder: Path | None = None, closures: Closures | None = None) -> ReportingSeason:
    return ReportingSeason(load_periods(folder), load_reminder_policy(folder), BusinessCalendar(closures))


def period(start: date, end: date) -> Period:
    return Period(MEDICAL, "35", 2026, start, end)


def test_the_period_of_a_fiscal_year_lies_in_the_next_calendar_year() -> None:
    found = season().period(MEDICAL, "35", 2026)
    assert (found.start, found.end) == (date(2027, 1, 5), date(2027, 3, 31))
    assert date(2027, 1, 5) in found
    assert date(2027, 3, 31) in found
    assert date(2027, 1, 4) not in found
    assert date(2027, 4, 1) not in found


def test_the_default_steps_count_business_days() -> None:
    found = season().steps(MEDICAL, "35", 2026)
    assert [(step.key, step.day) for step in found] == [
        ("start", date(2027, 1, 5)),
        ("L-10", date(2027, 3, 16)),
        ("L-3", date(2027, 3, 26)),
        ("L", date(2027, 3, 31)),
    ]


def test_start_and_end_on_closed_days_move_into_the_period() -> None:
    found = steps(period(date(2027, 1, 2), date(2027, 1, 31)), CALENDAR, POLICY)
    assert found[0].day == date(2027, 1, 4)
    assert found[-1].day == date(2027, 1, 29)


def test_a_short_period_has_no_step_twice_and_none_outside() -> None:
    found = steps(period(date(2027, 1, 6), date(2027, 1, 8)), CALENDAR, POLICY)
    assert [(step.key, step.day.day) for step in found] == [("start", 6), ("L", 8)]
    one_day = steps(period(date(2027, 1, 6), date(2027, 1, 6)), CALENDAR, POLICY)
    assert [(step.key, step.day.day) for step in one_day] == [("start", 6)]


def test_a_period_without_a_business_day_has_no_step() -> None:
    assert steps(period(date(2027, 1, 1), date(2027, 1, 3)), CALENDAR, POLICY) == ()


def test_prefectures_have_their_own_periods_steps_and_closures(tmp_path: Path) -> None:
    (tmp_path / "periods.toml").write_text('[medical-function.prefectures.36]\nend = "02-10"\n')
    (tmp_path / "reminders.toml").write_text('[medical-function.prefectures.36]\nsteps = ["start+2", "L-1"]\n')
    closures = Closures(prefectures={"36": Exceptions(closed={date(2027, 2, 10): "県の記念日"})})
    own = season(tmp_path, closures)
    assert [(step.key, step.day) for step in own.steps(MEDICAL, "36", 2026)] == [
        ("start+2", date(2027, 1, 7)),
        ("L-1", date(2027, 2, 8)),
    ]
    assert own.steps(MEDICAL, "35", 2026) == season().steps(MEDICAL, "35", 2026)


def test_a_year_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(OutsideCalendar):
        season().steps(MEDICAL, "35", 2099)


rules = st.one_of(
    st.integers(0, 60).map(lambda number: f"start+{number}"),
    st.integers(0, 60).map(lambda number: f"L-{number}"),
    st.sampled_from(["start", "L"]),
)


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)), st.integers(0, 90), st.lists(rules, max_size=8))
def test_steps_are_business_days_of_the_period_in_order(start: date, length: int, written: list[str]) -> None:
    whole = period(start, date.fromordinal(start.toordinal() + length))
    found = steps(whole, CALENDAR, [read_step(step) for step in written])
    days = [step.day for step in found]
    assert days == sorted(set(days))
    assert all(day in whole and CALENDAR.is_open(day) for day in days)
    assert {step.key for step in found} <= set(written)


def test_a_period_may_be_extended_beyond_its_fiscal_year(tmp_path: Path) -> None:
    (tmp_path / "periods.toml").write_text(
        "[medical-function.prefectures.36.years.2026]\nend = '04-07'\n"
        "[medical-function.prefectures.37]\nstart = '04-10'\nend = '06-30'\n"
    )
    own = season(tmp_path)
    assert (own.period(MEDICAL, "36", 2026).start, own.period(MEDICAL, "36", 2026).end) == (
        date(2027, 1, 5),
        date(2027, 4, 7),
    )
    assert own.period(MEDICAL, "36", 2025).end == date(2026, 3, 31)
    # One that starts in April to December is no extended one.
    assert (own.period(MEDICAL, "37", 2026).start, own.period(MEDICAL, "37", 2026).end) == (
        date(2026, 4, 10),
        date(2026, 6, 30),
    )
    assert [step.day for step in own.steps(MEDICAL, "36", 2026)][-2:] == [date(2027, 4, 2), date(2027, 4, 7)]


@given(st.sampled_from(["start", "start+3", "L-1", "L-60", "L"]), st.integers(1990, 2098))
def test_the_steps_of_an_extended_period_lie_in_it(step: str, year: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "periods.toml").write_text("[medical-function]\nend = '06-30'")
        (folder / "reminders.toml").write_text(f"[medical-function]\nsteps = ['{step}']")
        own = season(folder)
    (found,) = own.steps(MEDICAL, "35", year)
    assert found.day in own.period(MEDICAL, "35", year)
    assert found.day.year == year + 1
