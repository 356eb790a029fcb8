"""From April on people still ask about last year's season: while it runs, and for a while after it."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.era import fiscal_year_of
from core.kinds import Kind, Scheme
from core.statuses import Status
from helpdesk.vocabulary import Symptom
from scheduler.reminders import season_on

EXTENDED = "[medical-function.prefectures.35.years.2026]\nend = '04-09'\n"
CODE = "3510000001"


def period(start: date, end: date) -> Any:
    return SimpleNamespace(start=start, end=end)


def usual(year: int, end: tuple[int, int] = (3, 31)) -> Any:
    return period(date(year + 1, 1, 5), date(year + 1, *end))


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2027, 3, 31), 2026),
        (date(2027, 4, 1), 2026),
        (date(2027, 4, 30), 2026),
        (date(2027, 5, 1), 2027),
        (date(2027, 12, 31), 2027),
        (date(2028, 1, 5), 2027),
    ],
)
def test_whoever_missed_the_end_asks_within_thirty_days(day: date, year: int) -> None:
    assert season_on(day, usual) == year


def test_an_extended_period_is_asked_about_for_as_long_after_its_own_end() -> None:
    def extended(year: int) -> Any:
        return usual(year, (6, 20)) if year == 2026 else usual(year)

    assert season_on(date(2027, 6, 20), extended) == 2026
    assert season_on(date(2027, 7, 20), extended) == 2026
    assert season_on(date(2027, 7, 21), extended) == 2027


def test_a_new_period_that_has_begun_is_what_counts_unless_the_old_one_still_runs() -> None:
    def in_april(year: int) -> Any:
        return period(date(year, 4, 10), date(year + 1, 4, 12))

    assert season_on(date(2027, 4, 9), in_april) == 2026
    assert season_on(date(2027, 4, 12), in_april) == 2026
    assert season_on(date(2027, 4, 13), in_april) == 2027


@given(st.dates(date(2000, 1, 1), date(2090, 12, 31)), st.integers(0, 90))
def test_a_running_period_always_counts(day: date, extension: int) -> None:
    def longer(year: int) -> Any:
        return period(date(year + 1, 1, 5), date(year + 1, 3, 31) + timedelta(days=extension))

    running = [year for year in (fiscal_year_of(day) - 1, fiscal_year_of(day)) if longer(year).start <= day]
    running = [year for year in running if day <= longer(year).end]
    assert running == [] or season_on(day, longer) in running


def test_lists_are_of_the_last_season_while_it_counts_for_anybody_on_them(season: Any) -> None:
    season.write("periods.toml", "[medical-function.prefectures.35.years.2026]\nend = '05-31'\n")
    rules = type(season.wiring)(season.wiring.settings, season.clock).reminder_rules
    day = date(2027, 6, 15)
    assert rules.season_of_lists(day, None, None) == 2026
    assert rules.season_of_lists(day, None, "35") == 2026
    assert rules.season_of_lists(day, Scheme.PHARMACY_FUNCTION, "35") == 2027
    assert rules.season_of_lists(day, None, "33") == 2027


@pytest.fixture
async def extended(season: Any) -> Any:
    """Yamaguchi has extended its period to 9 April, and it is the sixth: the day of L-3."""
    season.write("periods.toml", EXTENDED)
    await season.restart()
    season.leap("2027-04-05T18:00")
    await season.told(season.word(status="in-progress"))
    season.leap("2027-04-06T09:00")
    return season


async def test_plans_say_what_happens(extended: Any) -> None:
    assert len(await extended.send()) == 1
    plan = extended.wiring.explainer.explain(Kind.REMINDER, extended.clock.now(), "35")
    assert plan.because[0] == "山口県の報告期間は、1月5日（火）から4月9日（金）までです。（医療機能情報提供制度）"
    assert "期間の最終営業日の3営業日前の4月6日（火）" in plan.because[1]
    assert plan.because[-1] == "令和9年4月6日（火）9時00分に送信します。"
    elsewhere = extended.wiring.explainer.explain(Kind.REMINDER, extended.clock.now(), "33")
    assert "outside-period" in elsewhere.because[-1]


async def test_advice_is_that_of_the_period_that_runs(extended: Any) -> None:
    greyed = await extended.wiring.advisor.advise(Symptom.REPORT_BUTTON_GREYED, CODE)
    assert greyed["id"] == "use-new-report"
    reminded = await extended.wiring.advisor.advise(Symptom.REMINDED_THOUGH_REPORTED, CODE)
    assert any("「報告中」となっています" in step for step in reminded["steps"])
    assert "定期報告の終了日は、令和9年4月9日（金）です。" in reminded["steps"]
    on_paper = await extended.wiring.advisor.advise(Symptom.NO_INTERNET, CODE)
    assert any("令和9年4月9日（金）まで" in step for step in on_paper["steps"])


async def test_somebody_who_missed_the_end_is_told_whom_to_call(season: Any) -> None:
    season.leap("2027-04-01T10:00")
    await season.told(season.word(status="in-progress"))
    greyed = await season.wiring.advisor.advise(Symptom.REPORT_BUTTON_GREYED, CODE)
    assert greyed["id"] == "check-period"
    assert "定期報告期間は、令和9年1月5日（火）から令和9年3月31日（水）までです。" in greyed["steps"]
    assert any(step.startswith("定期報告期間は終了しています。") for step in greyed["steps"])
    season.leap("2027-05-01T10:00")
    later = await season.wiring.advisor.advise(Symptom.REPORT_BUTTON_GREYED, CODE)
    assert any(step.startswith("開始日まで、しばらくお待ちください。") for step in later["steps"])


@pytest.fixture
async def both(season: Any) -> list[str]:
    """A hospital has reported under one scheme and is reminded of the other: the ids of what was sent."""
    season.leap("2027-03-15T10:00")
    await season.told(season.word(status="reported"), season.word(scheme="primary-care"))
    season.leap("2027-03-16T10:00")
    assert len(await season.send()) == 1
    return [row.id for row in await season.reminders() if row.status == Status.SENT]


async def test_who_is_reminded_of_one_report_hears_of_that_one(season: Any, both: list[str]) -> None:
    advice = await season.wiring.advisor.advise(Symptom.REMINDED_THOUGH_REPORTED, CODE)
    refusal = await season.wiring.advisor.resend_refusal(Kind.REMINDER, CODE, both[0])
    for answer in (advice, refusal):
        text = "\n".join(answer["steps"])
        assert "かかりつけ医機能報告制度は3月15日（月）時点で「未報告」となっています。" in text
        assert "かかりつけ医機能報告制度について3月16日（火）に" in text
        assert "修正がない場合でも、報告が必要です。" in text
        assert "そのままで結構です" not in text
    season.leap("2027-03-17T10:00")
    await season.told(season.word(scheme="primary-care", status="reported"))
    advice = await season.wiring.advisor.advise(Symptom.REMINDED_THOUGH_REPORTED, CODE)
    assert any("かかりつけ医機能報告制度は3月17日（水）時点で「報告済」" in step for step in advice["steps"])
    assert any("そのままで結構です" in step for step in advice["steps"])


async def test_an_institution_heard_of_with_one_scheme_alone_is_answered_by_it(season: Any) -> None:
    season.write("periods.toml", "[primary-care.prefectures.35.years.2026]\nend = '04-09'\n")
    await season.restart()
    season.leap("2027-04-06T10:00")
    await season.told(season.word(scheme="primary-care", status="in-progress", last_year_data=False))
    reminded = await season.wiring.advisor.advise(Symptom.REMINDED_THOUGH_REPORTED, CODE)
    assert any(
        "かかりつけ医機能報告制度は4月6日（火）時点で「報告中」となっています" in step for step in reminded["steps"]
    )
    assert "定期報告の終了日は、令和9年4月9日（金）です。" in reminded["steps"]
    greyed = await season.wiring.advisor.advise(Symptom.REPORT_BUTTON_GREYED, CODE)
    assert greyed["id"] == "use-new-report"
