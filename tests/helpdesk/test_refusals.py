"""Who wants a mail or an account-issue a second time is told what helps instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.kinds import Account, Kind
from core.statuses import Status
from helpdesk.facts import InstitutionFacts
from helpdesk.resend import issued_refusal, resend_refusal

NEVER = "G-MIS利用案内メールは、再送できません。"
RESENDABLE = {Kind.APPLICATION_COMPLETE, Kind.REJECTION, Kind.EXISTING_USER_CONFIRM, Kind.ADDRESS_CHANGED}
ON_ITS_WAY = {Status.HELD, Status.SCHEDULED, Status.SENDING, Status.DEFERRED}


def refused(world, kind, *messages, **application):
    facts = world.institution(world.application(*messages, **application))
    return resend_refusal(kind, facts, world.yamaguchi(), world.day(20))


@pytest.mark.parametrize("status", Status)
def test_the_guide_is_refused_in_every_state(world, status):
    probe = world.message(Kind.PRE_CHECK, Status.SENT)
    procedure = refused(world, Kind.GUIDE, probe, world.message(Kind.GUIDE, status))
    if status in ON_ITS_WAY:
        right = "wait"
    elif status in (Status.SENT, Status.IN_DOUBT):
        right = "ask-login-id-and-reset-password"
    else:
        right = "reapply"
    assert procedure is not None
    assert procedure.id == right
    assert NEVER in procedure.not_possible


def test_the_guide_is_refused_in_every_row_of_the_table(world):
    for state in world.states():
        for refusal in (
            resend_refusal(Kind.GUIDE, world.in_state(state), world.yamaguchi(), world.day(25)),
            issued_refusal(world.in_state(state), world.yamaguchi(), world.day(25)),
        ):
            assert refusal is not None
            assert refusal.steps
            assert NEVER in refusal.not_possible


@pytest.mark.parametrize("kind", Kind)
def test_which_kinds_may_be_sent_again(world, kind):
    procedure = refused(world, kind, world.message(kind, Status.SENT))
    assert (procedure is None) is (kind in RESENDABLE)


@pytest.mark.parametrize(
    ("kind", "right", "impossible"),
    [
        (Kind.PRE_CHECK, "reapply", "事前確認メールは、再送できません。"),
        (Kind.PASSWORD_RESET, "reset-password", "パスワードリセットの案内メールは、再送できません。"),
        (Kind.REMINDER, "press-report-button", "催促のメールは、再送できません。"),
    ],
)
def test_what_helps_instead(world, kind, right, impossible):
    procedure = refused(world, kind, world.message(kind, Status.SENT))
    assert procedure is not None
    assert procedure.id == right
    assert impossible in procedure.not_possible


def test_a_new_code_comes_from_the_form(world):
    procedure = resend_refusal(Kind.CODE, InstitutionFacts.unknown(""), world.nowhere(), world.day(0))
    assert procedure is not None
    assert procedure.id == "reapply"
    assert procedure.urls == ("https://www.g-mis.mhlw.go.jp/user-Registration-Form",)
    assert procedure.contact == world.secretariat
    assert "認証コードのメールは、再送できません。" in procedure.not_possible
    assert not any("連絡先が登録されていない" in step for step in procedure.steps)


def test_whoever_wants_a_second_pre_check_is_told_to_wait_for_the_first(world):
    procedure = refused(world, Kind.PRE_CHECK, world.message(Kind.PRE_CHECK, Status.SCHEDULED))
    assert procedure is not None
    assert "届くまでお待ちください" in procedure.steps[0]


@pytest.mark.parametrize(
    ("decided", "account", "right"),
    [("no-mail-permitted", Account.PERMITTED, "confirm-permission"), (None, Account.NONE, "wait")],
)
def test_a_second_issue_is_refused_with_what_helps(world, decided, account, right):
    application = world.application(account=account, decided_rule=decided)
    procedure = issued_refusal(world.institution(application), world.yamaguchi(), world.day(3))
    assert procedure.id == right
    assert "既に" in procedure.steps[0]


def test_a_cancelled_issue_needs_a_new_application(world):
    probe = world.message(Kind.PRE_CHECK, Status.CANCELLED, reason="withdrawn")
    guide = world.message(Kind.GUIDE, Status.CANCELLED, reason="pre-check-cancelled")
    facts = world.institution(world.application(probe, guide))
    assert issued_refusal(facts, world.yamaguchi(), world.day(3)).id == "reapply"


BOUNCED = (Kind.GUIDE, Status.UNDELIVERED)
GUIDED = (Kind.GUIDE, Status.SENT)
PLANNED = (Kind.GUIDE, Status.SCHEDULED)
CONFIRMED = (Kind.EXISTING_USER_CONFIRM, Status.SENT)


def two_applications(world, first, second):
    """Received 20 days apart, each with one mail (None: no mail by rule) whose id tells where it is from."""
    applications = []
    for age, mail in ((0, first), (20, second)):
        own = [] if mail is None else [world.message(*mail, id=f"m-{age}", email=f"a{age}@example.jp")]
        day = world.day(age)
        facts = {"id": f"A-{age}", "received_on": day, "created_at": world.moment(day)}
        rule = "no-mail-permitted" if mail is None else None
        applications.append(world.application(*own, **facts, decided_rule=rule))
    return world.institution(*applications)


@pytest.mark.parametrize(
    ("first", "second", "of_first", "of_second"),
    [
        (GUIDED, PLANNED, "ask-login-id-and-reset-password", "wait"),
        (GUIDED, GUIDED, "ask-login-id-and-reset-password", "ask-login-id-and-reset-password"),
        (GUIDED, BOUNCED, "ask-login-id-and-reset-password", "reapply"),
        (BOUNCED, PLANNED, "reapply", "wait"),
        (BOUNCED, BOUNCED, "reapply", "reapply"),
        (BOUNCED, GUIDED, "ask-login-id-and-reset-password", "ask-login-id-and-reset-password"),
        (PLANNED, GUIDED, "wait", "ask-login-id-and-reset-password"),
        (CONFIRMED, PLANNED, "confirm-permission", "wait"),
        (CONFIRMED, None, "confirm-permission", "confirm-permission"),
    ],
)
def test_the_answer_is_about_the_application_that_was_asked_for(world, first, second, of_first, of_second):
    facts, place, today = two_applications(world, first, second), world.yamaguchi(), world.day(30)
    for age, mail, right in ((0, first, of_first), (20, second, of_second)):
        refusals = [issued_refusal(facts, place, today, application_id=f"A-{age}")]
        if mail is not None and mail[0] is Kind.GUIDE:
            refusals.append(resend_refusal(Kind.GUIDE, facts, place, today, message_id=f"m-{age}"))
        for refusal in refusals:
            assert refusal is not None
            assert refusal.id == right


def test_a_guide_that_was_sent_is_told_by_its_own_facts(world):
    facts = two_applications(world, GUIDED, PLANNED)
    refusal = resend_refusal(Kind.GUIDE, facts, world.yamaguchi(), world.day(30), message_id="m-0")
    assert refusal is not None
    assert "12月25日（金）に送信し" in refusal.summary
    assert not any("まだ送信していません" in step for step in refusal.steps)


def test_who_has_an_account_by_a_later_application_is_not_sent_to_apply_again(world):
    facts = two_applications(world, BOUNCED, GUIDED)
    refusal = resend_refusal(Kind.GUIDE, facts, world.yamaguchi(), world.day(30), message_id="m-0")
    assert refusal is not None
    told = "".join(refusal.steps)
    assert "その後の12月21日（月）の申請により、既にアカウントをお持ちです。" in told
    assert "不達になりました" in told


def test_who_has_applied_again_waits_for_the_outcome(world):
    facts = two_applications(world, BOUNCED, PLANNED)
    refusal = issued_refusal(facts, world.yamaguchi(), world.day(30), application_id="A-0")
    assert any("その後の12月21日（月）に、新しい申請を受け付けています。" in step for step in refusal.steps)


def test_an_application_that_is_not_on_record_is_answered_for_the_institution(world):
    facts = two_applications(world, BOUNCED, PLANNED)
    assert issued_refusal(facts, world.yamaguchi(), world.day(30), application_id="A-9").id == "wait"


ALONE = "alone"
FORM = "https://www.g-mis.mhlw.go.jp/user-Registration-Form"
LOGIN = "https://www.med-login.mhlw.go.jp/"
REJECTED = (Kind.REJECTION, Status.SENT)
DOUBTED = (Kind.GUIDE, Status.IN_DOUBT)
CLOSED = (Kind.GUIDE, Status.CANCELLED)
APPLY = (
    "新しい申請が必要",
    "再申請を行って",
    "「新規ユーザ登録申請」を再度実施",
    "行っていただく必要",
    "申請してください",
)


def pre_check_refused(world, first, second):
    """About the first of two applications, or the only one, which has a pre-check besides."""
    facts = two_applications(world, first, PLANNED if second == ALONE else second)
    mine, other = facts.applications
    probe = world.message(Kind.PRE_CHECK, Status.SENT, id="probe", email="a0@example.jp")
    own = replace(mine, messages=(probe, *mine.messages))
    facts = replace(facts, applications=(own,) if second == ALONE else (own, other))
    refusal = resend_refusal(Kind.PRE_CHECK, facts, world.yamaguchi(), world.day(30), message_id="probe")
    assert refusal is not None
    return refusal


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (GUIDED, ALONE),
        (DOUBTED, ALONE),
        *((GUIDED, second) for second in (REJECTED, BOUNCED, PLANNED, GUIDED, CONFIRMED, None)),
        *((first, second) for first in (BOUNCED, CLOSED, PLANNED) for second in (GUIDED, DOUBTED, CONFIRMED, None)),
    ],
)
def test_whoever_has_an_account_is_not_told_to_apply_for_a_pre_check(world, first, second):
    refusal = pre_check_refused(world, first, second)
    text = "\n".join((refusal.title, *refusal.steps))
    assert refusal.id == "reapply"
    assert not [words for words in APPLY if words in text]
    assert "新しいアカウントが発行できません" in text
    assert "「ログインID」をご確認の上、「パスワードのリセット」" in text
    assert refusal.urls == (LOGIN,)
    assert "事前確認メールは、再送できません。" in refusal.not_possible
    if first is GUIDED:
        assert "12月25日（金）に a***@example.jp 宛に送信し、「送信完了（確認中）」となっています。ログインIDは" in text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *((first, ALONE) for first in (BOUNCED, CLOSED, PLANNED, (Kind.GUIDE, Status.HELD))),
        (BOUNCED, REJECTED),
        (BOUNCED, BOUNCED),
        (PLANNED, REJECTED),
    ],
)
def test_a_pre_check_without_an_account_is_applied_for_anew(world, first, second):
    refusal = pre_check_refused(world, first, second)
    assert refusal.id == "reapply"
    assert refusal.title == "もう一度「新規ユーザ登録申請」を実施する"
    assert refusal.urls == (FORM,)


def test_a_pre_check_that_came_back_after_its_guide_had_left_is_told(world):
    procedure = refused(
        world, Kind.PRE_CHECK, world.message(Kind.PRE_CHECK, Status.UNDELIVERED), world.message(Kind.GUIDE, Status.SENT)
    )
    assert procedure is not None
    assert any("G-MIS利用案内メールも届いていないおそれがあります" in step for step in procedure.steps)
