"""What is told fits the case: nobody is sent round in a circle, left waiting for nothing, or told what is not known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.kinds import Account, InstitutionType, Kind, Route, Scheme
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import InstitutionFacts, ReportingFacts, ReportKey, SuppressionFacts
from helpdesk.resend import issued_refusal, resend_refusal
from helpdesk.summary import summarise
from helpdesk.vocabulary import Desk, Symptom

FORM = "https://www.g-mis.mhlw.go.jp/user-Registration-Form"
ON_PAPER = (ReportingFacts(ReportKey(Scheme.MEDICAL_FUNCTION, 2026), on_paper=True),)
ONCE_MORE = "もう一度新しいメールアドレス"
BOUNCED = (Kind.GUIDE, Status.UNDELIVERED)
UNPROBED = (Kind.PRE_CHECK, Status.UNDELIVERED)


def applied(world, *mails, age=0, number=1, **changes):
    messages = [world.message(kind, status) for kind, status in mails]
    day = world.day(age)
    return world.application(*messages, id=f"A-{number}", received_on=day, created_at=world.moment(day), **changes)


def answer(world, symptom, *applications, today=None, prefecture=None, **changes):
    facts = world.institution(*applications, **changes)
    return advise(Symptom(symptom), facts, prefecture or world.yamaguchi(), today or world.day(30))


def told(procedure):
    return "\n".join((procedure.title, *procedure.steps, *procedure.urls))


def refused_for_an_account(world, account=Account.PERMITTED, age=20):
    return applied(world, (Kind.REJECTION, Status.SENT), age=age, number=2, account=account)


@pytest.mark.parametrize("failed", [BOUNCED, UNPROBED])
@pytest.mark.parametrize("account", [Account.PERMITTED, Account.UNPERMITTED])
@pytest.mark.parametrize("symptom", ["not-arrived", "unknown-login-id", "lost-guide", "person-left", "in-spam"])
def test_nobody_applies_again_and_again_where_an_account_exists(world, failed, account, symptom):
    first = applied(world, failed)
    assert ONCE_MORE in told(answer(world, symptom, first))
    procedure = answer(world, symptom, first, refused_for_an_account(world, account))
    assert ONCE_MORE not in told(procedure)
    assert "再申請を行ってください" not in told(procedure)
    assert FORM not in procedure.urls
    assert any("追加のアカウント発行ができ" in step for step in procedure.steps)


def test_the_one_way_out_of_a_circle_is_the_account_that_exists(world):
    histories = [
        (applied(world, BOUNCED), refused_for_an_account(world)),
        (applied(world, BOUNCED), refused_for_an_account(world), applied(world, (Kind.REJECTION, Status.SENT), age=25)),
    ]
    for history in histories:
        procedure = answer(world, "not-arrived", *history)
        assert procedure.id == "reapply"  # the contract's, for a guide that came back
        assert "既存のアカウント" in procedure.title
        assert any("既存のアカウント" in step and "機関内でご確認" in step for step in procedure.steps)
        assert any(world.yamaguchi_contact.phone in step for step in procedure.steps)
        for refusal in (
            issued_refusal(world.institution(*history), world.yamaguchi(), world.day(30)),
            resend_refusal(Kind.GUIDE, world.institution(*history), world.yamaguchi(), world.day(30)),
        ):
            assert refusal is not None
            assert FORM not in told(refusal)


def test_a_wrong_institution_code_needs_a_new_application_whatever_account_there_is(world):
    procedure = answer(world, "wrong-institution-code", applied(world, BOUNCED), refused_for_an_account(world))
    assert FORM in procedure.urls
    assert procedure.title == "もう一度「新規ユーザ登録申請」を実施する"


def test_an_application_that_brings_no_mail_any_more_leaves_the_word_to_the_account_that_exists(world):
    spent = applied(world, (Kind.PRE_CHECK, Status.SENT), (Kind.GUIDE, Status.EXPIRED))
    assert answer(world, "not-arrived", spent, refused_for_an_account(world)).id == "find-existing-account"


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_dead_registered_address_leads_to_the_desk_where_an_account_exists(world, by_hand):
    stopped = (SuppressionFacts("soumu@minato-hp.example.jp", by_hand=by_hand),)
    history = (applied(world, BOUNCED), refused_for_an_account(world))
    procedure = answer(world, "url-shows-login", *history, suppressed=stopped)
    assert ONCE_MORE not in told(procedure)
    assert "先に、都道府県の窓口へお問い合わせください" in procedure.steps[0]


def test_who_reports_on_paper_is_told_that_no_mail_is_sent(world):
    for symptom, right in (("not-arrived", "contact-prefecture"), ("reminded-though-reported", "report-on-paper")):
        procedure = answer(world, symptom, reporting=ON_PAPER)
        assert procedure.id == right
        assert any("調査票（紙）で報告することとなっているため、G-MISからのメール" in step for step in procedure.steps)
        assert not any("迷惑メール" in step or "ボタン" in step for step in procedure.steps)
        assert "調査票（紙）" in procedure.summary
    assert answer(world, "reminded-though-reported").id == "press-report-button"


def test_who_reports_on_paper_is_told_so_by_the_secretariat_too(world):
    prefecture = world.yamaguchi(desks={Symptom.NOT_ARRIVED: Desk.SECRETARIAT})
    procedure = answer(world, "not-arrived", reporting=ON_PAPER, prefecture=prefecture)
    assert procedure.id == "contact-secretariat"
    assert any("調査票（紙）で報告することとなっている" in step for step in procedure.steps)
    assert not any("迷惑メール" in step or "記録がありません" in step for step in procedure.steps)


def test_who_reports_one_scheme_online_does_not_report_on_paper(world):
    online = ReportingFacts(ReportKey(Scheme.PRIMARY_CARE, 2026))
    assert answer(world, "reminded-though-reported", reporting=(*ON_PAPER, online)).id == "press-report-button"


def test_mails_that_are_on_their_way_are_told_to_who_reports_on_paper_as_to_anybody(world):
    procedure = answer(world, "not-arrived", applied(world, (Kind.GUIDE, Status.SENT)), reporting=ON_PAPER)
    assert procedure.id == "check-spam-folder"
    assert "紙" not in told(procedure)


@pytest.mark.parametrize("symptom", Symptom)
def test_where_the_prefecture_is_not_known_nothing_is_told_of_its_desk(world, symptom):
    procedure = advise(symptom, InstitutionFacts.unknown(""), world.nowhere(), world.day(0))
    assert not any("登録されていない" in step for step in procedure.steps)
    told_to = [step for step in procedure.steps if "都道府県窓口" in step or "都道府県の窓口" in step]
    assert not any(world.secretariat.phone in step for step in told_to)
    if symptom in (Symptom.LOST_GUIDE, Symptom.UNKNOWN_LOGIN_ID):
        assert not any("都道府県窓口に「ログインID」" in step for step in procedure.steps)


def test_why_the_secretariats_contact_is_given_is_told_truly(world):
    unknown = advise(Symptom.NOT_ARRIVED, InstitutionFacts.unknown(""), world.nowhere(), world.day(0))
    assert unknown.steps[-1].startswith("都道府県が分からないため、")
    no_contact = answer(world, "not-arrived", prefecture=world.yamaguchi(contact=None))
    assert no_contact.steps[-1].startswith("都道府県窓口の連絡先が登録されていないため、")


def test_a_grey_button_is_explained_also_where_the_period_is_not_known(world):
    procedure = advise(Symptom.REPORT_BUTTON_GREYED, InstitutionFacts.unknown(""), world.nowhere(), world.day(40))
    assert procedure.id == "check-period"
    assert any("都道府県毎に異なります" in step for step in procedure.steps)
    assert any("「新規報告」" in step for step in procedure.steps)


@pytest.mark.parametrize(
    ("mails", "account", "said"),
    [
        ([(Kind.APPLICATION_COMPLETE, Status.SENT)], None, "「ユーザ登録申請完了メール」の場合"),
        ([(Kind.REJECTION, Status.SENT)], None, "却下のメールの場合"),
        ([(Kind.REJECTION, Status.SENT)], Account.PERMITTED, "既存のアカウント"),
        ([(Kind.PRE_CHECK, Status.SENT), (Kind.GUIDE, Status.SCHEDULED)], Account.NONE, "「事前確認メール」の場合"),
        ([(Kind.PRE_CHECK, Status.SENT), (Kind.GUIDE, Status.EXPIRED)], Account.NONE, "再度実施"),
        ([(Kind.PRE_CHECK, Status.CANCELLED)], Account.NONE, "取り消されています"),
        ([UNPROBED], Account.NONE, ONCE_MORE),
    ],
)
def test_a_mail_in_the_spam_folder_is_no_guide_where_none_has_left(world, mails, account, said):
    procedure = answer(world, "in-spam", applied(world, *mails, account=account), today=world.day(5))
    assert procedure.id == "check-spam-folder"
    assert not any("パスワード設定を実施" in step for step in procedure.steps)
    assert any(said in step for step in procedure.steps)
    assert [step[0] for step in procedure.steps if step[0] in "①②③④"] == ["①", "②"]


def test_a_mail_in_the_spam_folder_may_be_the_guide_of_an_earlier_application(world):
    earlier = applied(world, (Kind.GUIDE, Status.SENT))
    later = applied(world, (Kind.PRE_CHECK, Status.SCHEDULED), age=20, number=2)
    assert any("パスワード設定を実施" in step for step in answer(world, "in-spam", earlier, later).steps)


@pytest.mark.parametrize("route", Route)
def test_nobody_waits_for_a_guide_in_doubt(world, route):
    doubtful = applied(world, (Kind.PRE_CHECK, Status.SENT), (Kind.GUIDE, Status.IN_DOUBT), route=route)
    procedure = answer(world, "not-arrived", doubtful, today=world.day(10))
    assert procedure.id == "wait"
    assert not any(
        word in told(procedure) for word in ("お待ちください", "お待ちの間", "程度かかります", "以降も届かない")
    )
    assert any("自動的にもう一度送信されることはありません" in step for step in procedure.steps)
    assert any("「パスワードのリセット」" in step for step in procedure.steps)
    waiting = applied(world, (Kind.PRE_CHECK, Status.SENT), (Kind.GUIDE, Status.SCHEDULED), route=route)
    assert answer(world, "not-arrived", waiting, today=world.day(10)).title == "メールが届くまでお待ちください"


@pytest.mark.parametrize(
    "kinds", [[Kind.ADDRESS_CHANGED], [Kind.PASSWORD_RESET], [Kind.PASSWORD_RESET, Kind.ADDRESS_CHANGED]]
)
@pytest.mark.parametrize("status", [Status.SENT, Status.SCHEDULED, Status.UNDELIVERED])
def test_a_mail_that_only_an_account_brings_tells_that_there_is_one(world, kinds, status):
    known = applied(world, *((kind, status) for kind in kinds), account=None)
    procedure = answer(world, "not-arrived", known, today=world.day(2))
    assert procedure.id == "ask-login-id-and-reset-password"
    assert "アカウントは既に発行されて" in procedure.summary
    assert answer(world, "mailbox-full", known).id == "free-mailbox"
    assert not any("まだ送信していません" in step for step in answer(world, "in-spam", known).steps)


def test_an_application_on_record_is_in_review_whatever_else_was_mailed(world):
    asked = applied(world, (Kind.APPLICATION_COMPLETE, Status.SENT), (Kind.PASSWORD_RESET, Status.SENT), account=None)
    assert answer(world, "not-arrived", asked, today=world.day(2)).id == "wait"


def test_what_became_of_an_issue_tells_more_than_a_later_reset(world):
    reset = applied(world, (Kind.PASSWORD_RESET, Status.SENT), age=5, number=2, account=None)
    for outcome, right in ((Status.SENT, "check-spam-folder"), (Status.SCHEDULED, "wait")):
        first = applied(world, (Kind.PRE_CHECK, Status.SENT), (Kind.GUIDE, outcome))
        assert answer(world, "not-arrived", first, reset, today=world.day(9)).id == right
    review = applied(world, (Kind.APPLICATION_COMPLETE, Status.SENT), age=8, number=3, account=None)
    assert "既に発行されて" in summarise(world.institution(reset, review), world.yamaguchi(), world.day(9))


@pytest.mark.parametrize("symptom", Symptom)
@pytest.mark.parametrize("login_ids_at", Desk)
def test_the_desk_beside_an_answer_is_one_that_its_steps_send_to(world, symptom, login_ids_at):
    prefecture = world.yamaguchi(desks={Symptom.UNKNOWN_LOGIN_ID: login_ids_at})
    for state in world.states():
        for today in (world.day(20), world.day(21), world.period.start):
            procedure = advise(symptom, world.in_state(state), prefecture, today)
            assert any(procedure.contact.phone in step for step in procedure.steps), (procedure.id, state)


def test_the_password_is_no_prefectures_business_whatever_it_is_called(world):
    steps = answer(world, "unknown-password").steps
    assert any("（都道府県では確認や設定ができません。）" in step for step in steps)


@pytest.mark.parametrize("symptom", ["button-missing", "no-permission"])
def test_pharmacies_are_told_of_their_own_scheme(world, symptom):
    procedure = answer(world, symptom, type=InstitutionType.PHARMACY)
    assert not any("医療機能情報" in step for step in procedure.steps)
    assert any("薬局機能情報" in step for step in procedure.steps)
    assert any("医療機能情報の報告を行えません" in step for step in answer(world, symptom).steps)


def test_the_day_by_which_an_account_is_usual_is_no_closed_day(world):
    closed = date(2027, 1, 1)
    prefecture = world.yamaguchi(next_open=lambda day: date(2027, 1, 4) if day == closed else day)
    application = applied(world, approved_on=closed - timedelta(weeks=2))
    steps = answer(world, "not-arrived", application, today=world.day(17), prefecture=prefecture).steps
    assert any("目安は1月4日（月）頃まで" in step for step in steps)
