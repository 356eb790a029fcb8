"""Where an account can be opened, answers lead to a password reset; a new application is offered only elsewhere."""

from __future__ import annotations

from datetime import date

import pytest

from core.kinds import Kind
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import SuppressionFacts
from helpdesk.vocabulary import Desk, Symptom

FORM = "https://www.g-mis.mhlw.go.jp/user-Registration-Form"
OLD, NEW = "soumu@minato-hp.example.jp", "jimu@minato-hp.example.jp"
TODAY = date(2027, 1, 20)
LINK_EXPIRED = "有効期限（1月4日（月））を過ぎています"
NO_SECOND_ACCOUNT = "既にアカウントが発行されている場合、追加のアカウント発行はできません。"
ASK_AND_RESET = "「ログインID」をご確認の上、「パスワードのリセット」をお願いします"
DEAD = "は不達となっています（送信停止）。パスワードリセットの案内メールは送信されません"
PROBED = (Kind.PRE_CHECK, Status.SENT, None)
LEFT = frozenset({Status.SENT, Status.IN_DOUBT})
BESIDE = pytest.mark.parametrize("symptom", ["in-spam", "no-permission"])


def told(world, symptom, *applications, **institution):
    return advise(Symptom(symptom), world.institution(*applications, **institution), world.yamaguchi(), TODAY)


def text(procedure):
    return "\n".join((*procedure.steps, *procedure.urls))


def mail(world, kind, status, day, hour=10, **changes):
    at = world.moment(day, hour)
    return world.message(kind, status, id=f"{kind}-{day}", created_at=at, status_at=at, sent_at=at, **changes)


def moved(world, status=Status.SENT):
    return mail(world, Kind.ADDRESS_CHANGED, status, date(2027, 1, 12), email=NEW)


def applied(world, *mails, number=1, **changes):
    """An application with mails given as (kind, status, reason), each an hour after the one before it."""
    day = world.day(number)
    messages = [
        mail(world, kind, status, day, hour, reason=reason)
        for hour, (kind, status, reason) in enumerate(mails, start=9)
    ]
    return world.application(*messages, id=f"A-{number}", received_on=day, created_at=world.moment(day), **changes)


def guided(world):
    return applied(world, PROBED, (Kind.GUIDE, Status.SENT, None))


def probe_came_back(world):
    return applied(world, (Kind.PRE_CHECK, Status.UNDELIVERED, "userunknown"), number=2)


def expired(world):
    return applied(world, PROBED, (Kind.GUIDE, Status.EXPIRED, None))


def came_back(world, reason="userunknown"):
    return applied(world, PROBED, (Kind.GUIDE, Status.UNDELIVERED, reason), number=2)


def rejected(world):
    return applied(world, (Kind.REJECTION, Status.SENT, None), account=None)


def with_expired_link(world, state):
    """The institution of that state, whose guide has a link that was good until 4 January."""
    application = world.in_state(state).applications[0]
    expires = {"expires_at": world.moment(date(2027, 1, 4))}
    mails = [
        world.message(mail.kind, mail.status, reason=mail.reason, **(expires if mail.kind is Kind.GUIDE else {}))
        for mail in application.messages
    ]
    return world.application(*mails, route=state.route, account=state.account, decided_rule=state.decided)


@pytest.mark.parametrize("symptom", ["url-shows-login", "url-unreachable"])
def test_only_the_link_of_a_guide_that_left_has_expired(world, symptom):
    for state in world.states():
        procedure = told(world, symptom, with_expired_link(world, state))
        assert (LINK_EXPIRED in text(procedure)) is (state.guide in LEFT), state


def test_nobody_is_told_of_an_expired_link_beside_a_new_application(world):
    for state in world.states():
        application = with_expired_link(world, state)
        lost = told(world, "unknown-password", application).id == "reapply"
        says = LINK_EXPIRED in text(told(world, "in-spam", application))
        assert says is (state.guide in LEFT and not lost), state


@BESIDE
def test_where_no_account_is_known_a_new_application_is_still_told(world, symptom):
    procedure = told(world, symptom, probe_came_back(world))
    assert "もう一度新しいメールアドレスでの「新規ユーザ登録申請」" in text(procedure)
    assert NO_SECOND_ACCOUNT not in procedure.not_possible
    assert FORM in text(told(world, "in-spam", expired(world)))
    assert FORM in text(told(world, "in-spam", rejected(world)))
    assert FORM in told(world, "no-permission").urls


@BESIDE
@pytest.mark.parametrize("history", [probe_came_back, expired, rejected, came_back, None])
def test_whoever_changed_the_address_of_an_account_is_offered_no_second_one(world, symptom, history):
    applications = [] if history is None else [history(world)]
    procedure = told(world, symptom, *applications, messages=(moved(world),))
    assert "新規ユーザ登録" not in text(procedure)
    assert FORM not in text(procedure)
    assert NO_SECOND_ACCOUNT in procedure.not_possible
    assert any("変更後の j***@minato-hp.example.jp 宛にログインIDをお知らせしています" in s for s in procedure.steps)


@BESIDE
@pytest.mark.parametrize("newer", [probe_came_back, came_back])
def test_whoever_has_an_earlier_guide_is_offered_no_second_account(world, symptom, newer):
    procedure = told(world, symptom, guided(world), newer(world))
    assert "新規ユーザ登録" not in text(procedure)
    assert FORM not in text(procedure)
    assert NO_SECOND_ACCOUNT in procedure.not_possible
    earlier = "以前の申請によるG-MIS利用案内メールは、12月2日（水）に s***@minato-hp.example.jp 宛に送信完了"
    assert any(step.startswith(earlier) for step in procedure.steps)


def test_a_mail_in_the_spam_folder_may_be_another_one_than_the_guide_of_an_account_that_can_be_opened(world):
    for applications, messages in (
        ([guided(world), probe_came_back(world)], ()),
        ([probe_came_back(world)], (moved(world),)),
        ([expired(world)], (moved(world),)),
    ):
        assert ASK_AND_RESET in text(told(world, "in-spam", *applications, messages=messages))


def test_nothing_is_offered_anew_in_any_state_where_an_account_can_be_opened(world):
    for state in world.states():
        facts = world.in_state(state)
        for symptom in ("in-spam", "no-permission"):
            procedure = told(world, symptom, *facts.applications, messages=(moved(world),))
            assert FORM not in text(procedure), (symptom, state)
            assert "「新規ユーザ登録申請」を" not in text(procedure), (symptom, state)
            assert "再申請を行って" not in text(procedure), (symptom, state)


def test_whose_button_is_missing_in_an_account_that_moved_is_offered_no_second_one(world):
    assert FORM in told(world, "button-missing").urls
    assert FORM not in text(told(world, "button-missing", messages=(moved(world),)))


def stopped(email=NEW):
    return (SuppressionFacts(email),)


@pytest.mark.parametrize("history", [guided, probe_came_back, expired, came_back])
@pytest.mark.parametrize("symptom", ["in-spam", "no-permission", "person-left", "cannot-view"])
def test_a_changed_address_that_is_dead_is_told_before_the_reset(world, symptom, history):
    facts = {"messages": (moved(world),)}
    without = told(world, symptom, history(world), **facts)
    assert "リセット" in text(without)
    dead = told(world, symptom, history(world), suppressed=stopped(), **facts)
    assert dead.steps[0].startswith(f"登録のメールアドレス（j***@minato-hp.example.jp）{DEAD}")
    assert dead.steps[1:] == without.steps


@pytest.mark.parametrize("newer", [probe_came_back, came_back])
def test_a_dead_address_of_an_earlier_guide_is_told_before_the_reset(world, newer):
    applications = guided(world), newer(world)
    dead = told(world, "in-spam", *applications, suppressed=stopped(OLD))
    assert dead.steps[0].startswith(f"登録のメールアドレス（s***@minato-hp.example.jp）{DEAD}")
    assert "メールアドレスの変更をご依頼ください" in dead.steps[0]
    assert dead.steps[1:] == told(world, "in-spam", *applications).steps


@BESIDE
def test_a_dead_address_with_a_full_mailbox_is_told_before_the_reset(world, symptom):
    full = came_back(world, "mailboxfull")
    dead = told(world, symptom, full, suppressed=stopped(OLD))
    assert DEAD in dead.steps[0]
    assert dead.steps[1:] == told(world, symptom, full).steps


@pytest.mark.parametrize("symptom", ["person-left", "cannot-view"])
def test_a_change_whose_notice_came_back_left_a_dead_address(world, symptom):
    notice = moved(world, Status.UNDELIVERED)
    dead = told(world, symptom, guided(world), messages=(notice,), suppressed=stopped())
    assert dead.id == "change-address"
    assert dead.steps[0].startswith(f"登録のメールアドレス（j***@minato-hp.example.jp）{DEAD}")


@pytest.mark.parametrize("symptom", ["in-spam", "no-permission", "person-left"])
def test_a_dead_address_is_told_once_and_first_wherever_a_reset_is(world, symptom):
    for state in world.states():
        for messages, email in (((), OLD), ((moved(world),), NEW)):
            facts = {"messages": messages, "suppressed": stopped(email)}
            procedure = told(world, symptom, with_expired_link(world, state), **facts)
            warned = [DEAD in step for step in procedure.steps]
            if procedure.id == "reapply" or (procedure.id == "change-address" and not messages):
                assert not any(warned), state  # a reset follows the new application or the change alone
            else:
                resets = any("リセット" in step and DEAD not in step for step in procedure.steps)
                assert warned == [resets, *(False for _ in procedure.steps[1:])], state


@pytest.mark.parametrize("desk", Desk)
@pytest.mark.parametrize("dead", [False, True])
def test_an_account_that_resets_alone_tell_of_is_told(world, desk, dead):
    reset = mail(world, Kind.PASSWORD_RESET, Status.UNDELIVERED if dead else Status.SENT, date(2027, 1, 4), email=OLD)
    facts = world.institution(messages=(reset,), suppressed=(SuppressionFacts(OLD),) if dead else ())
    place = world.yamaguchi(desks={Symptom.NOT_ARRIVED: desk, Symptom.UNKNOWN_LOGIN_ID: Desk.SECRETARIAT})
    answer = advise(Symptom.NOT_ARRIVED, facts, place, TODAY)
    assert answer.id == f"contact-{desk}"
    assert "アカウントは既に発行されています。" in answer.summary
    assert ASK_AND_RESET in text(answer)
    assert (DEAD in text(answer)) is dead
    assert answer.urls == ("https://www.med-login.mhlw.go.jp/",)
    without = advise(Symptom.NOT_ARRIVED, world.institution(), place, TODAY)
    assert without.summary == "アカウントの申請についての記録はありません。"
    assert without.urls == (FORM,)
