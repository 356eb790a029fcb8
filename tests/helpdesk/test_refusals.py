"""Who wants a mail or an account-issue a second time is told what helps instead."""

from __future__ import annotations

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
