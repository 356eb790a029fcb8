"""A password-reset mail goes to the registered address: where that is under 送信停止, callers are told so first."""

from __future__ import annotations

import pytest

from core.kinds import Account, Kind
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import SuppressionFacts
from helpdesk.resend import resend_refusal
from helpdesk.vocabulary import Desk, Symptom

OLD, NEW = "soumu@minato-hp.example.jp", "jimu@minato-hp.example.jp"
DEAD = "登録のメールアドレス（s***@minato-hp.example.jp）は不達となっています（送信停止）。"
STOPPED = "登録のメールアドレス（s***@minato-hp.example.jp）は送信停止となっています。"
ASK = "先に、都道府県の窓口へメールアドレスの変更をご依頼ください。連絡先：山口県医療政策課"
RESETTING = {
    "not-arrived": "check-spam-folder",
    "mailbox-full": "free-mailbox",
    "in-spam": "check-spam-folder",
    "url-shows-login": "check-url-access",
    "lost-guide": "ask-login-id-and-reset-password",
    "unknown-login-id": "ask-login-id-and-reset-password",
    "unknown-password": "reset-password",
    "reset-mail-not-arrived": "contact-secretariat",
}
"""The symptoms of an institution with a guide that lead to a password reset, and what each is answered."""


def entry(email=OLD, **changes):
    return SuppressionFacts(email, **changes)


def guided(world, *, pre_check=Status.UNDELIVERED, guide=Status.SENT, **changes):
    mails = [world.message(Kind.PRE_CHECK, pre_check), world.message(Kind.GUIDE, guide, **changes)]
    return world.application(*mails)


def later(world, kind, status, day, **changes):
    return world.message(kind, status, id=f"{kind}-{day}", created_at=world.moment(world.day(day)), **changes)


def told(world, symptom, *applications, desks=None, **institution):
    prefecture = world.yamaguchi() if desks is None else world.yamaguchi(desks=desks)
    return advise(Symptom(symptom), world.institution(*applications, **institution), prefecture, world.day(40))


def speaks_of_address(procedure):
    return any("登録のメールアドレス（" in step for step in procedure.steps)


@pytest.mark.parametrize("symptom", Symptom)
def test_a_dead_address_is_told_first_wherever_a_reset_is_advised(world, symptom):
    without = told(world, symptom, guided(world))
    dead = told(world, symptom, guided(world), suppressed=(entry(),))
    assert dead.id == without.id
    assert not speaks_of_address(without)
    if symptom in RESETTING:
        assert dead.id == RESETTING[symptom]
        assert dead.steps[0].startswith(DEAD)
        assert ASK in dead.steps[0]
        rest = [step for step in without.steps if not step.startswith("メールアドレスが使えなくなっている場合")]
        assert list(dead.steps[1:]) == rest
    else:
        assert dead == without


@pytest.mark.parametrize("symptom", RESETTING)
def test_an_entry_made_by_hand_is_no_failure(world, symptom):
    procedure = told(world, symptom, guided(world, pre_check=Status.SENT), suppressed=(entry(by_hand=True),))
    assert procedure.steps[0].startswith(STOPPED)
    assert ASK in procedure.steps[0]
    assert "不達" not in "".join(procedure.steps)


@pytest.mark.parametrize("symptom", ["unknown-password", "lost-guide", "reset-mail-not-arrived"])
def test_a_reset_mail_that_came_back_shows_the_registered_address(world, symptom):
    reset = later(world, Kind.PASSWORD_RESET, Status.UNDELIVERED, 35, reason="userunknown", email=NEW)
    facts = {"messages": (reset,), "suppressed": (entry(NEW),)}
    assert "j***@minato-hp.example.jp）は不達" in told(world, symptom, guided(world), **facts).steps[0]
    assert "j***@minato-hp.example.jp）は不達" in told(world, symptom, **facts).steps[0]


@pytest.mark.parametrize("symptom", RESETTING)
def test_an_address_that_was_changed_since_has_no_say(world, symptom):
    changed = later(world, Kind.ADDRESS_CHANGED, Status.SENT, 30, email=NEW)
    without = told(world, symptom, guided(world), messages=(changed,))
    assert told(world, symptom, guided(world), messages=(changed,), suppressed=(entry(),)) == without
    dead = told(world, symptom, guided(world), messages=(changed,), suppressed=(entry(NEW),))
    assert dead.steps[0].startswith("登録のメールアドレス（j***@")


MOVED = {
    "not-arrived": "ask-login-id-and-reset-password",
    "lost-guide": "ask-login-id-and-reset-password",
    "unknown-login-id": "ask-login-id-and-reset-password",
    "unknown-password": "reset-password",
    "mailbox-full": "free-mailbox",
    "person-left": "change-address",
    "cannot-view": "change-address",
}
"""What an account is answered whose guide came back only after another address had been registered."""


@pytest.mark.parametrize("reason", ["userunknown", "mailboxfull"])
@pytest.mark.parametrize("symptom", MOVED)
def test_a_guide_that_comes_back_from_an_address_changed_since_takes_no_account_away(world, symptom, reason):
    bounced = guided(world, pre_check=Status.SENT, guide=Status.UNDELIVERED, reason=reason)
    changed = later(world, Kind.ADDRESS_CHANGED, Status.SENT, 30, email=NEW)
    procedure = told(world, symptom, bounced, messages=(changed,), suppressed=(entry(),))
    assert procedure.id == MOVED[symptom]
    assert "メールアドレスの変更が完了し" in procedure.summary
    assert not speaks_of_address(procedure)
    for status, day in ((Status.UNDELIVERED, 30), (Status.SUPPRESSED, 30), (Status.SENT, -1)):
        other = later(world, Kind.ADDRESS_CHANGED, status, day, email=NEW)
        answered = told(world, symptom, bounced, messages=(other,), suppressed=(entry(),))
        assert "メールアドレスの変更が完了し" not in answered.summary
    unmoved = told(world, symptom, bounced, suppressed=(entry(),)).id
    assert unmoved == "reapply" or (reason == "mailboxfull" and unmoved == MOVED[symptom])


def test_who_wants_that_guide_again_is_shown_the_reset(world):
    bounced = guided(world, pre_check=Status.SENT, guide=Status.UNDELIVERED)
    changed = later(world, Kind.ADDRESS_CHANGED, Status.SENT, 30, email=NEW)
    facts = world.institution(bounced, messages=(changed,))
    refusal = resend_refusal(Kind.GUIDE, facts, world.yamaguchi(), world.day(40))
    assert refusal is not None
    assert refusal.id == "ask-login-id-and-reset-password"
    assert any("j***@" in step for step in refusal.steps)


def test_a_copy_of_an_earlier_notice_does_not_bring_the_earlier_address_back(world):
    first = later(world, Kind.ADDRESS_CHANGED, Status.SENT, 20)
    second = later(world, Kind.ADDRESS_CHANGED, Status.SENT, 30, email=NEW)
    copy = later(world, Kind.ADDRESS_CHANGED, Status.SUPPRESSED, 35, resend_of=first.id)
    facts = {"messages": (first, second, copy), "suppressed": (entry(),)}
    assert not speaks_of_address(told(world, "unknown-password", guided(world), **facts))


def test_whatever_the_case_of_its_letters(world):
    assert speaks_of_address(told(world, "unknown-password", guided(world), suppressed=(entry(OLD.upper()),)))
    assert not speaks_of_address(told(world, "unknown-password", guided(world), suppressed=(entry(NEW),)))


def test_a_newer_application_with_another_address_registers_nothing_before_its_guide(world):
    newer = world.application(
        later(world, Kind.PRE_CHECK, Status.SENT, 30, email=NEW),
        later(world, Kind.GUIDE, Status.HELD, 30, email=NEW),
        id="A-2",
        received_on=world.day(30),
    )
    assert speaks_of_address(told(world, "unknown-password", guided(world), newer, suppressed=(entry(),)))
    assert not speaks_of_address(told(world, "unknown-password", guided(world), newer, suppressed=(entry(NEW),)))


def test_the_account_of_an_earlier_guide_has_its_own_address(world):
    bounced = world.application(
        later(world, Kind.GUIDE, Status.UNDELIVERED, 30, email=NEW), id="A-2", received_on=world.day(30)
    )
    procedure = told(world, "lost-guide", guided(world), bounced, suppressed=(entry(NEW),))
    assert procedure.id == "ask-login-id-and-reset-password"
    assert not speaks_of_address(procedure)
    assert told(world, "lost-guide", guided(world), bounced, suppressed=(entry(),)).steps[0].startswith(DEAD)


@pytest.mark.parametrize("kind", [Kind.EXISTING_USER_CONFIRM, Kind.REMINDER])
def test_where_no_other_mail_tells_the_address_is_where_people_were_written_to(world, kind):
    mail = world.message(kind, Status.UNDELIVERED)
    application = [world.application(mail, account=Account.UNPERMITTED)] if kind is not Kind.REMINDER else []
    facts = {"messages": () if application else (mail,), "suppressed": (entry(),)}
    assert told(world, "unknown-password", *application, **facts).steps[0].startswith(DEAD)
    reset = later(world, Kind.PASSWORD_RESET, Status.SENT, 1, email=NEW)
    facts["messages"] += (reset,)
    assert not speaks_of_address(told(world, "unknown-password", *application, **facts))


@pytest.mark.parametrize("symptom", ["unknown-password", "lost-guide"])
def test_an_address_that_no_account_is_known_to_have_is_not_spoken_of(world, symptom):
    received = world.application(world.message(Kind.APPLICATION_COMPLETE, Status.UNDELIVERED))
    rejected = world.application(world.message(Kind.REJECTION, Status.UNDELIVERED), account=Account.PERMITTED)
    for application in (received, rejected):
        assert not speaks_of_address(told(world, symptom, application, suppressed=(entry(),)))


@pytest.mark.parametrize(("by_hand", "says"), [(False, DEAD), (True, STOPPED)])
def test_after_a_guide_that_came_back_an_application_helps_and_no_change(world, by_hand, says):
    facts = {"suppressed": (entry(by_hand=by_hand),)}
    full = guided(world, pre_check=Status.SENT, guide=Status.UNDELIVERED, reason="mailboxfull")
    bounced = guided(world, pre_check=Status.SENT, guide=Status.UNDELIVERED, reason="userunknown")
    for symptom, application in (("mailbox-full", full), ("url-shows-login", bounced)):
        first = told(world, symptom, application, **facts).steps[0]
        assert first.startswith(says)
        assert "「新規ユーザ登録申請」" in first
        assert "変更" not in first
    institution = world.institution(bounced, **facts)
    refusal = resend_refusal(Kind.PASSWORD_RESET, institution, world.yamaguchi(), world.day(40))
    assert refusal is not None
    assert refusal.steps[0].startswith(says)


def test_a_guide_in_doubt_and_a_prefecture_that_answers_for_resets(world):
    doubtful = guided(world, pre_check=Status.SENT, guide=Status.IN_DOUBT)
    procedure = told(world, "not-arrived", doubtful, suppressed=(entry(),))
    assert (procedure.id, procedure.steps[0].startswith(DEAD)) == ("contact-prefecture", True)
    early = world.institution(doubtful, suppressed=(entry(),))
    waiting = advise(Symptom.NOT_ARRIVED, early, world.yamaguchi(), world.day(5))
    assert (waiting.id, waiting.steps[0].startswith(DEAD)) == ("wait", True)
    desks = {Symptom.RESET_MAIL_NOT_ARRIVED: Desk.PREFECTURE}
    procedure = told(world, "reset-mail-not-arrived", guided(world), desks=desks, suppressed=(entry(),))
    assert (procedure.id, procedure.steps[0].startswith(DEAD)) == ("contact-prefecture", True)


def test_a_link_that_does_not_open_leads_to_a_reset_once_it_has_expired(world):
    for day, spoken_of in ((50, False), (39, True)):
        application = guided(world, expires_at=world.moment(world.day(day)))
        procedure = told(world, "url-unreachable", application, suppressed=(entry(),))
        assert speaks_of_address(procedure) is spoken_of


UNDER_WAY = "12月31日（木）に新しい申請を受け付けていますので、もう一度申請せず、その結果をお待ちください。"


@pytest.mark.parametrize("reason", ["userunknown", "mailboxfull"])
@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("symptom", ["unknown-password", "unknown-login-id", "lost-guide", "reset-mail-not-arrived"])
def test_who_has_applied_anew_after_a_guide_that_came_back_waits_for_the_result(world, symptom, by_hand, reason):
    bounced = guided(world, pre_check=Status.SENT, guide=Status.UNDELIVERED, reason=reason)
    facts = {"suppressed": (entry(by_hand=by_hand),)}
    probe = later(world, Kind.PRE_CHECK, Status.SCHEDULED, 30, email=NEW)
    for mails in ((), (probe,)):
        newer = world.application(*mails, id="A-2", received_on=world.day(30))
        procedure = told(world, symptom, bounced, newer, **facts)
        assert procedure.steps[0].endswith(UNDER_WAY)
        assert not any("登録のメールアドレス（" in step for step in procedure.steps[1:])
        assert "もう一度新しいメールアドレスでの" not in "".join(procedure.steps)
    rejected = world.application(
        world.message(Kind.REJECTION, Status.SENT), id="A-3", received_on=world.day(35), account=Account.PERMITTED
    )
    first = told(world, symptom, bounced, world.application(id="A-2", received_on=world.day(30)), rejected, **facts)
    assert "都道府県の窓口へお問い合わせください" in first.steps[0]


def test_an_application_in_review_leaves_an_account_that_can_be_opened_its_change_of_address(world):
    newer = world.application(id="A-2", received_on=world.day(30))
    doubtful = guided(world, pre_check=Status.SENT, guide=Status.IN_DOUBT)
    assert ASK in told(world, "unknown-password", doubtful, newer, suppressed=(entry(),)).steps[0]
