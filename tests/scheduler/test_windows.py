from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.closures import Closures, Exceptions
from config.timing import load_hours
from core.era import moment_text
from core.jst import TOKYO
from core.kinds import Kind
from scheduler.calendar import BusinessCalendar, OutsideCalendar
from scheduler.windows import BusinessHours, Immediate, Timing, Window

CALENDAR = BusinessCalendar()
HOURS = BusinessHours(CALENDAR)
TIMING = Timing(CALENDAR, load_hours())

AT_ONCE = {Kind.CODE, Kind.APPLICATION_COMPLETE, Kind.PASSWORD_RESET}

moments = st.datetimes(
    datetime.fromisoformat("1949-01-10"),
    datetime.fromisoformat("2099-12-10"),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


def jst(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("at", "start"),
    [
        ("2026-11-20T08:59:59.999999", "2026-11-20T09:00"),
        ("2026-11-20T09:00", "2026-11-20T09:00"),
        ("2026-11-20T16:59:59.999999", "2026-11-20T16:59:59.999999"),
        ("2026-11-20T17:00", "2026-11-24T09:00"),
        ("2026-11-21T10:00", "2026-11-24T09:00"),
        ("2026-11-24T00:00", "2026-11-24T09:00"),
        ("2026-12-28T17:00", "2027-01-04T09:00"),
        ("2027-01-01T00:00", "2027-01-04T09:00"),
    ],
)
def test_business_hours_begin_at_nine_and_end_before_five(at: str, start: str) -> None:
    assert HOURS.next_start(jst(at)) == jst(start)
    assert HOURS.contains(jst(at)) is (at == start)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-11-20T09:00", "2026-11-20T09:00"),
        ("2026-11-20T16:59:59.999999", "2026-11-20T16:59:59.999999"),
        ("2026-11-20T08:59:59.999999", "2026-11-20T17:00"),
        ("2026-11-20T17:00", "2026-11-24T17:00"),
        ("2026-12-31T16:59:40", "2027-01-04T17:00"),
    ],
)
def test_a_last_chance_outside_the_hours_is_their_next_end(at: str, end: str) -> None:
    assert TIMING.last_chance(Kind.PRE_CHECK, jst(at)) == jst(end)
    assert TIMING.last_chance(Kind.CODE, jst(at)) == jst(at)


def test_every_moment_is_one_of_tokyo() -> None:
    assert HOURS.next_start(datetime(2026, 11, 20, 7, 59, tzinfo=UTC)) == jst("2026-11-20T16:59")
    late = HOURS.next_start(datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    assert late == jst("2026-11-24T09:00")
    assert late.utcoffset() == timedelta(hours=9)


def test_hours_may_be_others() -> None:
    hours = BusinessHours(CALENDAR, time(10), time(10, 30))
    assert hours.next_start(jst("2026-11-20T10:30")) == jst("2026-11-24T10:00")


@given(moments)
def test_a_start_is_the_first_moment_within_the_hours(at: datetime) -> None:
    start = HOURS.next_start(at)
    assert start >= at
    assert HOURS.contains(start)
    assert HOURS.contains(at) is (start == at)
    assert start.utcoffset() == timedelta(hours=9)
    if start != at:
        assert start.time() == time(9)
        assert not HOURS.contains(start - timedelta(microseconds=1))
        assert CALENDAR.between(at, start) <= 1
    assert HOURS.next_start(start) == start


@given(moments)
def test_the_immediate_kinds_wait_for_nothing(at: datetime) -> None:
    assert Immediate().next_start(at) == at
    assert Immediate().contains(at)


@pytest.mark.parametrize("window", [Immediate(), HOURS])
def test_naive_and_unknown_moments_are_refused(window: Window) -> None:
    with pytest.raises(ValueError, match="offset"):
        window.next_start(datetime.fromisoformat("2026-01-05"))
    for at in ("1948-12-31T23:59:59+09:00", "2100-01-01T00:00:00+09:00", "2099-12-31T15:00:00+00:00"):
        with pytest.raises(OutsideCalendar):
            window.next_start(datetime.fromisoformat(at))
    with pytest.raises(OutsideCalendar):
        window.contains(datetime.max.replace(tzinfo=UTC))
    assert Immediate().next_start(jst("2099-12-31T23:59:59")) == jst("2099-12-31T23:59:59")
    assert HOURS.next_start(jst("2099-12-28T17:00")) == jst("2100-01-04T09:00")


@pytest.mark.parametrize("kind", [*Kind])
def test_kinds_keep_their_windows(kind: Kind) -> None:
    night = jst("2026-11-20T23:00")
    assert TIMING.first_due(kind, night) == (night if kind in AT_ONCE else jst("2026-11-24T09:00"))
    assert TIMING.may_leave(kind, night) is (kind in AT_ONCE)
    expected = "immediate" if kind in AT_ONCE else "business-hours"
    assert TIMING.rule(kind) == ("next-business-day-after-pre-check" if kind is Kind.GUIDE else expected)


def test_a_kind_may_be_given_other_hours(tmp_path: Path) -> None:
    (tmp_path / "timing.toml").write_text(
        '[kinds]\nreminder = "immediate"\nguide = { start = "13:00", end = "14:00" }\n'
    )
    timing = Timing(CALENDAR, load_hours(tmp_path))
    assert timing.rule(Kind.REMINDER) == "immediate"
    assert timing.guide_due(jst("2026-11-20T13:30")) == jst("2026-11-24T13:00")


@pytest.mark.parametrize(
    ("sent_at", "due_at"),
    [
        ("2026-11-19T09:00", "2026-11-20T09:00"),
        ("2026-11-19T16:59", "2026-11-20T09:00"),
        ("2026-11-20T09:00", "2026-11-24T09:00"),
        ("2026-11-20T23:59:59", "2026-11-24T09:00"),
        ("2026-11-21T00:00", "2026-11-24T09:00"),
        ("2026-12-28T16:00", "2027-01-04T09:00"),
    ],
)
def test_a_guide_is_due_on_the_business_day_after(sent_at: str, due_at: str) -> None:
    assert TIMING.guide_due(jst(sent_at)) == jst(due_at)
    assert TIMING.guide_due(jst(sent_at).astimezone(UTC)) == jst(due_at)


def test_the_first_round_waited_nine_business_days() -> None:
    sent_at, due_at = jst("2023-10-23T10:00"), jst("2023-11-06T09:00")
    assert TIMING.guide_due(sent_at, business_days=9) == due_at
    assert Timing(CALENDAR, load_hours(), guide_business_days=9).guide_due(sent_at) == due_at


def test_a_guide_never_follows_on_the_same_day() -> None:
    with pytest.raises(ValueError, match="day of its pre-check"):
        TIMING.guide_due(jst("2026-11-20T10:00"), business_days=0)


@given(moments, st.integers(1, 5))
def test_guides_are_due_within_their_own_window_on_a_later_day(sent_at: datetime, count: int) -> None:
    due_at = TIMING.guide_due(sent_at, business_days=count)
    assert TIMING.first_due(Kind.GUIDE, due_at) == due_at
    assert due_at.date() > sent_at.astimezone(TOKYO).date()
    assert CALENDAR.between(sent_at, due_at) == count


def test_a_prefecture_counts_by_its_own_calendar() -> None:
    closed = Exceptions(closed={date(2026, 11, 24): "県庁舎の移転"})
    timing = Timing(BusinessCalendar(Closures(prefectures={"35": closed})), load_hours())
    sent_at = jst("2026-11-20T10:00")
    assert timing.guide_due(sent_at) == timing.guide_due(sent_at, "01") == jst("2026-11-24T09:00")
    assert timing.guide_due(sent_at, "35") == jst("2026-11-25T09:00")
    assert timing.first_due(Kind.REMINDER, jst("2026-11-24T10:00"), "35") == jst("2026-11-25T09:00")
    assert not timing.may_leave(Kind.REMINDER, jst("2026-11-24T10:00"), "35")
    assert "11月24日（火）は県庁舎の移転のため閉庁日です。" in timing.explain(Kind.GUIDE, sent_at, "35").because


def test_a_mail_settles_three_business_days_later_at_the_same_time() -> None:
    assert TIMING.settles_at(jst("2026-11-20T10:15")) == jst("2026-11-26T10:15")
    assert TIMING.settles_at(jst("2026-11-21T03:00").astimezone(UTC)) == jst("2026-11-26T03:00")
    one = Timing(CALENDAR, load_hours(), settle_business_days=1)
    assert one.settles_at(jst("2026-12-28T10:00")) == jst("2027-01-04T10:00")


def test_the_plan_of_a_guide_tells_every_closed_day() -> None:
    plan = TIMING.explain(Kind.GUIDE, jst("2026-12-28T16:59"))
    assert plan.as_dict() == {
        "due_at": "2027-01-04T09:00:00+09:00",
        "rule": "next-business-day-after-pre-check",
        "because": [
            "G-MIS利用案内メールは、事前確認メールが送信完了となった日の翌営業日以降に送信します。",
            "事前確認メールが令和8年12月28日（月）16時59分に送信完了となった場合の予定です。",
            "12月29日（火）は年末年始（行政機関の休日）のため閉庁日です。",
            "12月30日（水）は年末年始（行政機関の休日）のため閉庁日です。",
            "12月31日（木）は年末年始（行政機関の休日）のため閉庁日です。",
            "1月1日（金）は元日のため閉庁日です。",
            "1月2日（土）は土曜日・年末年始（行政機関の休日）のため閉庁日です。",
            "1月3日（日）は日曜日・年末年始（行政機関の休日）のため閉庁日です。",
            "翌営業日は令和9年1月4日（月）です。",
            "令和9年1月4日（月）9時00分に送信します。",
        ],
    }


@pytest.mark.parametrize(
    ("at", "between"),
    [
        ("2026-11-19T08:00", "令和8年11月19日（木）8時00分は、送信を始める時刻の前です。"),
        (
            "2026-11-19T17:00",
            "令和8年11月19日（木）17時00分は、送信を終える時刻を過ぎているため、翌営業日に送信します。",
        ),
        ("2026-11-23T10:00", "11月23日（月）は勤労感謝の日のため閉庁日です。"),
        ("2026-11-19T10:00", None),
    ],
)
def test_the_plan_of_office_hours_tells_what_stands_in_the_way(at: str, between: str | None) -> None:
    plan = TIMING.explain(Kind.PRE_CHECK, jst(at))
    assert plan.rule == "business-hours"
    assert plan.because == tuple(
        filter(
            None,
            (
                "事前確認メールは、営業日の9時00分から17時00分までの間に送信します。",
                between,
                f"{moment_text(TIMING.first_due(Kind.PRE_CHECK, jst(at)))}に送信します。",
            ),
        ),
    )


def test_the_plan_of_an_immediate_kind_ignores_business_days() -> None:
    plan = TIMING.explain(Kind.CODE, jst("2027-01-01T03:04:05"), business_days=9)
    assert plan.as_dict() == {
        "due_at": "2027-01-01T03:04:05+09:00",
        "rule": "immediate",
        "because": [
            "認証コードのメールは、営業日かどうか、また時刻にかかわらず、直ちに送信します。",
            "令和9年1月1日（金）3時04分に送信します。",
        ],
    }


def test_a_plan_says_where_a_holiday_is_not_certain() -> None:
    sentences = TIMING.explain(Kind.GUIDE, jst("2032-09-17T10:00")).because
    assert "9月21日（火）は国民の休日のため閉庁日です。暦要項の公表前のため、変わることがあります。" in sentences
    assert "9月20日（月）は敬老の日のため閉庁日です。" in sentences


def test_a_long_wait_is_told_in_short() -> None:
    because = TIMING.explain(Kind.GUIDE, jst("2026-12-28T16:59"), business_days=200).because
    assert "この間の閉庁日は103日です。" in because
    assert "200営業日後は令和9年10月27日（水）です。" in because
    assert len(because) == 5


@given(moments, st.sampled_from(Kind))
def test_a_plan_says_what_the_timing_does(at: datetime, kind: Kind) -> None:
    plan = TIMING.explain(kind, at)
    assert plan.due_at == (TIMING.guide_due(at) if kind is Kind.GUIDE else TIMING.first_due(kind, at))
    assert plan.rule == TIMING.rule(kind)
    assert all(sentence.endswith("。") for sentence in plan.because)


@pytest.mark.parametrize("kind", [*Kind])
def test_every_moment_of_the_last_year_has_a_plan(kind: Kind) -> None:
    at = jst("2099-12-31T12:00")
    plan = TIMING.explain(kind, at)
    assert plan.due_at == (at if kind in AT_ONCE else jst("2100-01-04T09:00"))
    assert any("1月1日（金）は元日のため" in sentence for sentence in plan.because) is (kind not in AT_ONCE)


@pytest.mark.parametrize("kind", [*Kind])
def test_plans_outside_the_known_years_are_refused(kind: Kind) -> None:
    for at in ("1948-12-31T23:59:59+09:00", "2100-01-01T00:00:00+09:00"):
        with pytest.raises(OutsideCalendar):
            TIMING.explain(kind, datetime.fromisoformat(at))
    with pytest.raises(OutsideCalendar):
        TIMING.explain(Kind.GUIDE, jst("2026-01-05T12:00"), business_days=10**9)
