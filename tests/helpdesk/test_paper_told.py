"""Who reports on paper is told what the record says, report by report; so is who asks for the first time."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.kinds import Account, Kind, Scheme
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import ReportKey, ReportPeriod
from helpdesk.resend import resend_refusal
from helpdesk.vocabulary import Desk, ReportStatus, Symptom

TODAY = date(2027, 3, 17)
MEDICAL, PRIMARY = Scheme.MEDICAL_FUNCTION, Scheme.PRIMARY_CARE
LEAVE_IT = "そのままで結構です"
NOT_PRESSED = "「報告ボタン」を押していない可能性"
DENIED = "G-MISからのメール（催促のメールを含みます）は送信されません"
ASK_IF_DONE = "紙での報告がお済みかどうか"
APPLY = "新規ユーザ登録申請を行っていただくよう"
LOG_IN = "お持ちのアカウントでログイン"
FORM = "https://www.g-mis.mhlw.go.jp/user-Registration-Form"


def reminder(world, scheme=MEDICAL):
    key = ReportKey(scheme, 2026)
    return world.message(Kind.REMINDER, Status.SENT, id=f"m-{scheme}", sent_at=world.moment(TODAY), report=key)


def reminded(world, *reports, mails=(), today=TODAY, **prefecture):
    facts = world.institution(messages=tuple(mails), reporting=reports)
    procedure = advise(Symptom.REMINDED_THOUGH_REPORTED, facts, world.yamaguchi(**prefecture), today)
    return procedure.id, "\n".join((procedure.title, *procedure.steps))


@pytest.mark.parametrize("mailed", [False, True])
@pytest.mark.parametrize("status", [None, *ReportStatus])
def test_a_report_on_paper_is_told_with_its_state_and_its_reminder(world, status, mailed):
    report = world.report(status=status, on_paper=True)
    procedure, text = reminded(world, report, mails=[reminder(world)] if mailed else [])
    done = status is ReportStatus.REPORTED
    assert procedure == "report-on-paper"
    assert f"「{(status or ReportStatus.NOT_STARTED).label}」となっています。" in text
    assert (ASK_IF_DONE in text) is not done
    assert ("調査票（紙）の入手方法や提出先は" in text) is not done
    assert ("3月17日（水）に s***@minato-hp.example.jp 宛に送信しています" in text) is mailed
    assert (DENIED in text) is not mailed
    assert ("今後の催促のメールは送信されません" in text) is mailed
    assert ("届いた連絡がどこからのものか" in text) is not mailed
    assert (LEAVE_IT in text) is (done and mailed)
    assert "ボタン" not in text


@pytest.mark.parametrize("desk", Desk)
@pytest.mark.parametrize("status", ReportStatus)
def test_a_prefecture_that_refuses_paper_tells_nobody_how_to_report_on_it(world, status, desk):
    desks = {Symptom.REMINDED_THOUGH_REPORTED: desk}
    report = world.report(status=status, on_paper=True)
    procedure, text = reminded(world, report, mails=[reminder(world)], paper_accepted=False, desks=desks)
    assert procedure == f"contact-{desk}"
    assert "山口県では、紙での報告を受け付けていません。" in text
    assert f"「{status.label}」となっています。" in text
    assert "催促のメールは、医療機能情報提供制度について3月17日（水）に" in text
    assert "調査票（紙）の入手方法" not in text
    assert "アカウントの発行状況" not in text
    assert world.yamaguchi_contact.phone in text or status is ReportStatus.REPORTED
    assert (LEAVE_IT in text) is (status is ReportStatus.REPORTED)


@pytest.mark.parametrize("online", ReportStatus)
@pytest.mark.parametrize("paper", ReportStatus)
def test_what_is_left_to_do_decides_between_paper_and_the_button(world, online, paper):
    reports = (world.report(status=online), world.report(PRIMARY, status=paper, on_paper=True))
    procedure, text = reminded(world, *reports)
    done = ReportStatus.REPORTED
    on_paper = online is done and paper is not done
    assert procedure == ("report-on-paper" if on_paper else "press-report-button")
    assert f"医療機能情報提供制度は1月8日（金）時点で「{online.label}」" in text
    assert f"かかりつけ医機能報告制度（紙での報告）は1月8日（金）時点で「{paper.label}」" in text
    assert (NOT_PRESSED in text) is (online is not done)
    assert DENIED not in text
    both_reminded = [reminder(world), reminder(world, PRIMARY)]
    assert reminded(world, *reports, mails=both_reminded)[0] == procedure


def test_a_reminder_is_answered_by_the_channel_of_its_report(world):
    reports = (world.report(), world.report(PRIMARY, on_paper=True))
    assert reminded(world, *reports, mails=[reminder(world)])[0] == "press-report-button"
    procedure, text = reminded(world, *reports, mails=[reminder(world, PRIMARY)])
    assert procedure == "report-on-paper"
    assert "今後の催促のメールは送信されません" in text
    facts = world.institution(messages=(reminder(world, PRIMARY),), reporting=reports)
    refusal = resend_refusal(Kind.REMINDER, facts, world.yamaguchi(), TODAY, message_id=f"m-{PRIMARY}")
    assert refusal is not None
    assert any("今後の催促のメールは送信されません" in step for step in refusal.steps)
    assert not any("次の回の催促のメール" in step for step in refusal.steps)


@pytest.mark.parametrize("told", [True, False])
def test_after_the_period_nobody_is_sent_to_a_button_that_cannot_be_pressed(world, told):
    reports = (world.report(status=ReportStatus.IN_PROGRESS),) if told else ()
    for days, over in ((0, False), (1, True)):
        _, text = reminded(world, *reports, today=world.period.end + timedelta(days=days))
        assert ("定期報告期間は終了しています（終了日は、令和9年3月31日（水））。" in text) is over
        assert ("画面右上の「報告」ボタンを押して" in text) is not over
    assert f"報告がお済みでない場合は、{world.yamaguchi_contact.name}" in text


def test_the_period_of_what_is_left_to_do_counts(world):
    extended = ReportPeriod(world.period.start, date(2027, 4, 9))
    for medical in ReportStatus:
        reports = (world.report(status=medical), world.report(PRIMARY, period=extended))
        assert "終了しています" not in reminded(world, *reports, today=date(2027, 4, 6))[1]
    reports = (world.report(), world.report(PRIMARY, status=ReportStatus.REPORTED, period=extended))
    assert "終了しています（終了日は、令和9年3月31日（水））" in reminded(world, *reports, today=date(2027, 4, 6))[1]
    reported = reminded(world, world.report(status=ReportStatus.REPORTED), today=date(2027, 4, 6))[1]
    assert "終了しています" not in reported
    assert LEAVE_IT in reported
    paper = reminded(world, world.report(on_paper=True), today=date(2027, 4, 6))[1]
    assert "終了しています（終了日は、令和9年3月31日（水））" in paper


def offline(world, *applications, paper_accepted=None, **facts):
    prefecture = world.yamaguchi(paper_accepted=paper_accepted)
    procedure = advise(Symptom.NO_INTERNET, world.institution(*applications, **facts), prefecture, world.day(40))
    return "\n".join((*procedure.steps, *procedure.urls))


@pytest.mark.parametrize("paper_accepted", [None, False])
def test_only_who_has_no_account_is_asked_to_apply_for_one(world, paper_accepted):
    assert APPLY in offline(world, paper_accepted=paper_accepted)
    for state in world.states():
        facts = world.in_state(state)
        text = offline(world, *facts.applications, paper_accepted=paper_accepted)
        asked = advise(Symptom.NOT_ARRIVED, facts, world.yamaguchi(), world.day(5)).id
        had = state.account in (Account.UNPERMITTED, Account.PERMITTED)
        needs_one = asked in ("reapply", "contact-prefecture") and not had
        assert (state, APPLY in text, FORM in text) == (state, needs_one, needs_one)
        assert (APPLY in text) + (LOG_IN in text) + ("もう一度申請する必要はありません" in text) == 1


def test_mails_and_reports_of_an_account_show_one_unless_it_is_lost(world):
    reset = world.message(Kind.PASSWORD_RESET, Status.SENT, created_at=world.moment(world.day(10)))
    assert LOG_IN in offline(world, messages=(reset,))
    for status in ReportStatus:
        made = status is not ReportStatus.NOT_STARTED
        assert (LOG_IN in offline(world, reporting=(world.report(status=status),))) is made
        assert APPLY in offline(world, reporting=(world.report(status=status, on_paper=True),))
    bounced = world.application(world.message(Kind.GUIDE, Status.UNDELIVERED, reason="userunknown"))
    assert APPLY in offline(world, bounced)
    changed = world.message(Kind.ADDRESS_CHANGED, Status.SENT, created_at=world.moment(world.day(10)))
    assert LOG_IN in offline(world, bounced, messages=(changed,))
