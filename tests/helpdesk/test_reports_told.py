"""Who was reminded is told of the report that the reminder was of, scheme by scheme."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core.kinds import Kind, Scheme
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import ReportKey, ReportPeriod
from helpdesk.resend import resend_refusal
from helpdesk.vocabulary import ReportStatus, Symptom

LATER = date(2027, 3, 17)
LEAVE_IT = "そのままで結構です"
STILL_NEEDED = "昨年度の報告時点から修正がない場合でも、報告が必要です。"
MEDICAL, PRIMARY = Scheme.MEDICAL_FUNCTION, Scheme.PRIMARY_CARE


def reminder(world, scheme=MEDICAL, day=date(2027, 3, 16), year=2026, status=Status.SENT):
    sent_at = world.moment(day)
    key = ReportKey(scheme, year)
    return world.message(Kind.REMINDER, status, id=f"{scheme}-{day}", sent_at=sent_at, report=key)


def told(world, *mails, reporting=(), today=LATER):
    facts = world.institution(messages=mails, reporting=tuple(reporting))
    procedure = advise(Symptom.REMINDED_THOUGH_REPORTED, facts, world.yamaguchi(), today)
    assert procedure.id == "press-report-button"
    return "\n".join(procedure.steps)


def test_the_report_is_told_with_its_state(world):
    states = {status: told(world, reminder(world), reporting=[world.report(status=status)]) for status in ReportStatus}
    for status, label in zip(ReportStatus, ("未報告", "報告中", "報告済"), strict=True):
        assert f"医療機能情報提供制度は1月8日（金）時点で「{label}」となっています。" in states[status]
    assert [LEAVE_IT in text for text in states.values()] == [False, False, True]
    assert [STILL_NEEDED in text for text in states.values()] == [True, True, False]


@pytest.mark.parametrize("told_of", [None, ReportStatus.NOT_STARTED, ReportStatus.IN_PROGRESS])
def test_of_two_reports_the_one_that_was_reminded_of_counts(world, told_of):
    done = world.report(status=ReportStatus.REPORTED)
    as_of = None if told_of is None else world.moment(LATER)
    text = told(world, reminder(world, PRIMARY), reporting=[done, world.report(PRIMARY, status=told_of, as_of=as_of)])
    label = (told_of or ReportStatus.NOT_STARTED).label
    assert "かかりつけ医機能報告制度は" in text
    assert f"「{label}」となっています。" in text
    assert "かかりつけ医機能報告制度について3月16日（火）に s***@minato-hp.example.jp 宛に送信しています" in text
    assert STILL_NEEDED in text
    assert LEAVE_IT not in text
    assert "医療機能情報提供制度は" not in text


@pytest.mark.parametrize("other", ReportStatus)
def test_a_caller_reminded_of_both_hears_of_both(world, other):
    reports = [world.report(PRIMARY, status=other), world.report(status=ReportStatus.REPORTED)]
    text = told(world, reminder(world), reminder(world, PRIMARY, date(2027, 3, 15)), reporting=reports)
    own = f"かかりつけ医機能報告制度は1月8日（金）時点で「{other.label}」となっています。"
    assert f"医療機能情報提供制度は1月8日（金）時点で「報告済」、{own}" in text
    assert (LEAVE_IT in text) is (other is ReportStatus.REPORTED)
    assert (STILL_NEEDED in text) is (other is not ReportStatus.REPORTED)


def test_of_each_report_the_last_reminder_is_named(world):
    mails = [reminder(world, day=day) for day in (date(2027, 3, 16), date(2027, 3, 26), date(2027, 1, 5))]
    unsent = reminder(world, day=date(2027, 3, 31), status=Status.CANCELLED)
    text = told(world, *mails, unsent, reporting=[world.report()], today=date(2027, 3, 29))
    assert "医療機能情報提供制度について3月26日（金）に" in text
    assert "3月16日" not in text
    assert "3月31日（水）に s***" not in text


def test_without_a_reminder_all_reports_of_the_season_are_told(world):
    assert "かかりつけ医機能報告制度は" in told(world, reporting=[world.report(PRIMARY)])
    both = told(world, reporting=[world.report(PRIMARY), world.report(status=ReportStatus.REPORTED)])
    assert "医療機能情報提供制度は1月8日（金）時点で「報告済」、かかりつけ医機能報告制度は" in both
    assert LEAVE_IT not in both
    assert "となっています" not in told(world)


def test_reminders_and_reports_of_an_earlier_season_have_no_say(world):
    last = replace(world.report(status=ReportStatus.REPORTED), key=ReportKey(MEDICAL, 2025), current=False)
    text = told(world, reminder(world, year=2025), reporting=[last, world.report(PRIMARY)])
    assert "かかりつけ医機能報告制度は1月8日（金）時点で「未報告」となっています。" in text
    assert "医療機能情報提供制度は" not in text


def test_each_report_ends_on_its_own_day(world):
    extended = ReportPeriod(world.period.start, date(2027, 4, 9))
    reports = [world.report(), world.report(PRIMARY, period=extended)]
    mails = [reminder(world), reminder(world, PRIMARY)]
    usual = "定期報告の終了日は、令和9年3月31日（水）です。"
    assert usual in told(world, *mails, reporting=[world.report(), world.report(PRIMARY)])
    assert usual in told(world)
    assert (
        "定期報告の終了日は、医療機能情報提供制度は令和9年3月31日（水）、かかりつけ医機能報告制度は令和9年4月9日（金）です。"
        in told(world, *mails, reporting=reports)
    )
    after = told(world, *mails, reporting=reports, today=date(2027, 4, 6))
    assert "定期報告の終了日は、令和9年4月9日（金）です。" in after


def test_a_reminder_that_is_wanted_again_is_answered_with_its_own_report(world):
    reports = (
        world.report(status=ReportStatus.REPORTED),
        world.report(PRIMARY),
        replace(world.report(status=ReportStatus.REPORTED), key=ReportKey(PRIMARY, 2025), current=False),
    )
    mails = (reminder(world), reminder(world, PRIMARY), reminder(world, PRIMARY, date(2026, 3, 12), 2025))
    facts = world.institution(messages=mails, reporting=reports)
    answers = []
    for mail in mails:
        refusal = resend_refusal(Kind.REMINDER, facts, world.yamaguchi(), LATER, message_id=mail.id)
        assert refusal is not None
        answers.append("\n".join(refusal.steps))
    medical, primary, last_year = answers
    assert "医療機能情報提供制度は1月8日（金）時点で「報告済」となっています。" in medical
    assert "かかりつけ医機能報告制度は1月8日（金）時点で「未報告」となっています。" in primary
    assert "かかりつけ医機能報告制度について3月16日（火）に" in primary
    assert [LEAVE_IT in text for text in answers] == [True, False, True]
    assert "かかりつけ医機能報告制度について令和8年3月12日（木）に" in last_year


BEFORE = date(2026, 12, 15)
PRESS = "画面右上の「報告」ボタンを押して"
CLOSED = "定期報告期間外は、定期報告ボタンを押すことができません。"


def answered(world, *mails, reporting=(), today=LATER, **prefecture):
    facts = world.institution(messages=mails, reporting=tuple(reporting))
    return advise(Symptom.REMINDED_THOUGH_REPORTED, facts, world.yamaguchi(**prefecture), today)


@pytest.mark.parametrize("status", [None, ReportStatus.NOT_STARTED, ReportStatus.IN_PROGRESS])
@pytest.mark.parametrize("today", [BEFORE, date(2027, 1, 4)])
def test_before_the_period_nobody_is_told_to_press_at_once(world, status, today):
    answers = [answered(world, today=today), answered(world, reporting=[world.report(status=status)], today=today)]
    for procedure in answers:
        text = "\n".join(procedure.steps)
        assert procedure.title == "定期報告期間が始まってから、「報告」ボタンを押して、報告を完了する"
        begins = "定期報告期間は、まだ始まっていません（開始日は、令和9年1月5日（火））。"
        assert begins in text
        assert text.index(begins) < text.index(PRESS)
        assert CLOSED in procedure.not_possible


def test_in_the_period_and_where_it_is_not_known_the_button_is_pressed(world):
    for period in (world.period, None):
        procedure = answered(world, reporting=[world.report(period=period)], today=world.period.start, period=period)
        assert PRESS in "\n".join(procedure.steps)
        assert CLOSED not in procedure.not_possible


def test_of_two_periods_one_that_runs_is_enough(world):
    later = ReportPeriod(date(2027, 2, 1), date(2027, 3, 31))
    today = date(2027, 1, 20)
    both = answered(world, reporting=[world.report(), world.report(PRIMARY, period=later)], today=today)
    assert "まだ始まっていません" not in "\n".join(both.steps)
    done = world.report(status=ReportStatus.REPORTED)
    left = answered(world, reporting=[done, world.report(PRIMARY, period=later)], today=today)
    assert "開始日は、令和9年2月1日（月）" in "\n".join(left.steps)


def test_after_the_season_the_last_reminder_is_still_told(world):
    next_period = ReportPeriod(date(2028, 1, 5), date(2028, 3, 31))
    for status, title in (
        (ReportStatus.IN_PROGRESS, "定期報告期間の終了後の報告について、窓口へ確認する"),
        (ReportStatus.REPORTED, "報告は完了しています"),
    ):
        last = world.report(status=status, current=False)
        procedure = answered(world, reminder(world), reporting=[last], today=date(2027, 5, 13), period=next_period)
        text = "\n".join(procedure.steps)
        assert procedure.title == title
        assert "催促のメールは、医療機能情報提供制度について3月16日（火）に" in text
        assert f"「{status.label}」となっています。" in text
        assert PRESS not in text


@pytest.mark.parametrize("today", [BEFORE, LATER, date(2027, 4, 6)])
def test_who_has_reported_has_nothing_to_press(world, today):
    procedure = answered(world, reminder(world), reporting=[world.report(status=ReportStatus.REPORTED)], today=today)
    text = "\n".join(procedure.steps)
    assert procedure.title == "報告は完了しています"
    assert LEAVE_IT in text
    assert "ボタン" not in text
