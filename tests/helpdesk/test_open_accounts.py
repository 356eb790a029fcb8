"""Accounts that can be opened though the guide is out of reach: a mailbox with room again, an address changed since."""

from __future__ import annotations

from datetime import date

import pytest

from core.kinds import Account, Kind, Route
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import SuppressionFacts
from helpdesk.resend import issued_refusal, resend_refusal
from helpdesk.summary import summarise
from helpdesk.vocabulary import Symptom

OLD, NEW = "soumu@minato-hp.example.jp", "jimu@minato-hp.example.jp"
CAME_BACK = date(2026, 12, 28)
TODAY = date(2027, 1, 20)
APPLY_ANEW = "もう一度新しいメールアドレスでの「新規ユーザ登録申請」"
ABOUT_THE_ACCOUNT = {
    "lost-guide": "ask-login-id-and-reset-password",
    "unknown-login-id": "ask-login-id-and-reset-password",
    "unknown-password": "reset-password",
}
TOLD = (
    "メールアドレスの変更が完了しており、1月12日（火）に変更後の j***@minato-hp.example.jp 宛に"
    "ログインIDをお知らせしています。"
)


def came_back(world, reason="mailboxfull"):
    return world.application(
        world.message(Kind.PRE_CHECK, Status.SENT),
        world.message(Kind.GUIDE, Status.UNDELIVERED, reason=reason, status_at=world.moment(CAME_BACK)),
    )


def mail(world, kind, status, day, email=OLD, **changes):
    at = world.moment(day, hour=10)
    return world.message(
        kind, status, id=f"{kind}-{day}", email=email, created_at=at, status_at=at, sent_at=at, **changes
    )


def told(world, symptom, *applications, **institution):
    return advise(Symptom(symptom), world.institution(*applications, **institution), world.yamaguchi(), TODAY)


def text(procedure):
    return "\n".join((procedure.summary, *procedure.steps, *procedure.urls, *procedure.not_possible))


@pytest.mark.parametrize("symptom", ABOUT_THE_ACCOUNT)
def test_what_a_full_mailbox_is_told_to_ask_for_is_given_when_it_asks(world, symptom):
    assert told(world, "mailbox-full", came_back(world)).id == "free-mailbox"
    procedure = told(world, symptom, came_back(world))
    assert procedure.id == ABOUT_THE_ACCOUNT[symptom]
    assert "12月28日（月）に不達になりました。先に、メールボックスの空き容量を確保してください。" in text(procedure)
    assert told(world, symptom, came_back(world, "userunknown")).id == "reapply"


def test_a_full_mailbox_may_ask_for_a_reset_before_it_applies_anew(world):
    procedure = told(world, "not-arrived", came_back(world))
    assert procedure.id == "reapply"
    assert "パスワードリセットの案内メールを受信できれば、新しい申請は不要です。" in text(procedure)
    for symptom in ("person-left", "cannot-view"):
        nobody = told(world, symptom, came_back(world))
        assert (nobody.id, "新しい申請は不要です" in text(nobody)) == ("reapply", False)
    stopped = (SuppressionFacts(OLD, by_hand=True),)
    assert "新しい申請は不要です" not in text(told(world, "not-arrived", came_back(world), suppressed=stopped))


@pytest.mark.parametrize("symptom", ["no-permission", "in-spam"])
def test_a_full_mailbox_is_nowhere_told_to_take_another_address(world, symptom):
    assert APPLY_ANEW not in text(told(world, symptom, came_back(world)))
    assert "パスワードのリセット" in text(told(world, symptom, came_back(world)))
    assert APPLY_ANEW in text(told(world, symptom, came_back(world, "userunknown")))


def test_who_wants_the_guide_again_or_issues_twice_with_a_full_mailbox_is_shown_the_reset(world):
    facts = world.institution(came_back(world))
    again = resend_refusal(Kind.GUIDE, facts, world.yamaguchi(), TODAY)
    assert again is not None
    assert again.id == "ask-login-id-and-reset-password"
    assert issued_refusal(facts, world.yamaguchi(), TODAY).id == "ask-login-id-and-reset-password"


@pytest.mark.parametrize("reason", ["mailboxfull", "userunknown"])
@pytest.mark.parametrize(
    ("kind", "email"),
    [(Kind.PASSWORD_RESET, OLD), (Kind.PASSWORD_RESET, OLD.upper()), (Kind.PASSWORD_RESET, NEW), (Kind.REMINDER, OLD)],
)
def test_an_address_that_took_a_later_mail_takes_a_reset_too(world, reason, kind, email):
    later = mail(world, kind, Status.SENT, date(2027, 1, 4), email)
    for symptom, right in (ABOUT_THE_ACCOUNT | {"mailbox-full": "free-mailbox"}).items():
        procedure = told(world, symptom, came_back(world, reason), messages=(later,))
        assert procedure.id == right
        assert f"その後の{kind.label}は、1月4日（月）に" in text(procedure)
        assert APPLY_ANEW not in text(procedure)
    facts = world.institution(came_back(world, reason), messages=(later,))
    refusal = resend_refusal(Kind.GUIDE, facts, world.yamaguchi(), TODAY)
    assert refusal is not None
    assert refusal.id == "ask-login-id-and-reset-password"
    not_arrived = told(world, "not-arrived", came_back(world, reason), messages=(later,))
    assert not_arrived.id == "reapply"
    assert "新しい申請は不要です" in text(not_arrived)
    assert APPLY_ANEW not in text(not_arrived)
    reset = told(world, "reset-mail-not-arrived", came_back(world, reason), messages=(later,))
    assert "案内メールを受信できないおそれがあります" not in text(reset)


def test_only_a_mail_that_was_taken_since_shows_that_the_address_takes_mail(world):
    taken = mail(world, Kind.PASSWORD_RESET, Status.SENT, date(2027, 1, 4))
    before = mail(world, Kind.PASSWORD_RESET, Status.SENT, date(2026, 12, 24))
    unsent = mail(world, Kind.PASSWORD_RESET, Status.SUPPRESSED, date(2027, 1, 8))
    failed = mail(world, Kind.PASSWORD_RESET, Status.UNDELIVERED, date(2027, 1, 8))
    elsewhere = mail(world, Kind.REMINDER, Status.SENT, date(2027, 1, 4), NEW)
    answers = {
        messages: told(world, "unknown-password", came_back(world, "userunknown"), messages=messages).id
        for messages in ((before,), (unsent,), (elsewhere,), (taken, failed), (taken, unsent))
    }
    assert list(answers.values()) == ["reapply"] * 4 + ["reset-password"]


def guide(world, **changes):
    return world.application(
        world.message(Kind.PRE_CHECK, changes.pop("pre_check", Status.SENT)), world.message(Kind.GUIDE, Status.SENT)
    )


def confirm(world):
    sent = world.message(Kind.EXISTING_USER_CONFIRM, Status.SENT)
    return world.application(sent, account=Account.UNPERMITTED)


def decided(world):
    return world.application(account=Account.PERMITTED, decided_rule="no-mail-permitted")


def moved(world, day=date(2027, 1, 12), status=Status.SENT):
    return mail(world, Kind.ADDRESS_CHANGED, status, day, NEW)


HISTORIES = pytest.mark.parametrize("history", [guide, confirm, decided, None])


@HISTORIES
@pytest.mark.parametrize(
    ("symptom", "right"),
    (ABOUT_THE_ACCOUNT | {"person-left": "change-address", "cannot-view": "change-address"}).items(),
)
def test_a_changed_address_is_where_the_login_id_was_told(world, history, symptom, right):
    applications = [] if history is None else [history(world)]
    procedure = told(world, symptom, *applications, messages=(moved(world),))
    assert procedure.id == right
    assert TOLD in procedure.steps
    assert "s***@" not in text(procedure)
    assert "パスワード" in procedure.steps[1]
    before = told(world, symptom, *applications, messages=(moved(world, status=Status.UNDELIVERED),))
    assert TOLD not in before.steps


@HISTORIES
@pytest.mark.parametrize("symptom", ["no-permission", "button-missing"])
def test_nobody_is_sent_to_the_old_mailbox_for_the_login_id(world, history, symptom):
    applications = [] if history is None else [history(world)]
    procedure = told(world, symptom, *applications, messages=(moved(world),))
    assert TOLD in procedure.steps
    assert not any("s***@" in step and "ログインID" in step for step in procedure.steps)
    assert not any("メールに記載されるログインID" in step for step in procedure.steps)


def test_a_change_that_is_done_is_asked_for_again_only_if_the_new_address_is_lost_too(world):
    steps = told(world, "person-left", guide(world), messages=(moved(world),)).steps
    assert steps[0] == TOLD
    assert "パスワードリセットを実施" in steps[1]
    assert steps[2].startswith("変更後のメールアドレスも確認できない場合は、もう一度")


def test_a_pre_check_that_comes_back_from_the_old_address_asks_for_no_second_change(world):
    application = guide(world, pre_check=Status.UNDELIVERED)
    without = told(world, "not-arrived", application)
    procedure = told(world, "not-arrived", application, messages=(moved(world),))
    assert procedure.id == without.id == "check-spam-folder"
    assert "メールアドレスの変更をご依頼ください" in text(without)
    assert "メールアドレスの変更をご依頼ください" not in text(procedure)
    assert TOLD in procedure.steps


def test_a_guide_that_left_after_the_change_has_its_own_address(world):
    later = world.application(mail(world, Kind.GUIDE, Status.SENT, date(2027, 1, 14)))
    procedure = told(world, "lost-guide", later, messages=(moved(world),))
    assert TOLD not in procedure.steps
    assert any("s***@" in step for step in procedure.steps)


def test_the_account_of_an_earlier_guide_is_told_of_with_its_new_address(world):
    day = date(2027, 1, 15)
    back = mail(world, Kind.GUIDE, Status.UNDELIVERED, day, reason="userunknown")
    newer = world.application(back, id="A-2", received_on=day)
    procedure = told(world, "lost-guide", guide(world), newer, messages=(moved(world),))
    assert procedure.id == "ask-login-id-and-reset-password"
    assert "変更後の j***@minato-hp.example.jp 宛にログインIDをお知らせしています" in text(procedure)
    assert "以前の申請による" not in text(procedure)
    arrived = told(world, "not-arrived", guide(world), newer, messages=(moved(world),))
    assert arrived.id == "reapply"
    assert "メールアドレスの変更が完了しているアカウントがあります" in text(arrived)


def test_an_account_whose_address_was_changed_is_open_whatever_its_pre_check_became(world):
    probe = world.message(Kind.PRE_CHECK, Status.UNDELIVERED, reason="userunknown")
    application = world.application(probe, route=Route.PREFECTURE)
    for symptom, right in ABOUT_THE_ACCOUNT.items():
        assert told(world, symptom, application).id == "reapply"
        assert told(world, symptom, application, messages=(moved(world),)).id == right
    assert told(world, "not-arrived", application, messages=(moved(world),)).id == "reapply"


@pytest.mark.parametrize("history", [guide, confirm, None])
def test_the_sentence_tells_of_the_change(world, history):
    applications = [] if history is None else [history(world)]
    facts = world.institution(*applications, messages=(moved(world),))
    sentence = summarise(facts, world.yamaguchi(), TODAY)
    assert "メールアドレスの変更が完了し、1月12日（火）に変更後のメールアドレスへお知らせしています" in sentence
