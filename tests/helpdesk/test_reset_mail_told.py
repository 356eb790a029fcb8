"""Who waits for a password-reset mail is told what became of it, by whichever desk answers."""

from __future__ import annotations

import pytest

from core.kinds import Kind
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import SuppressionFacts
from helpdesk.vocabulary import Desk, Symptom

DESKS = {"contact-secretariat": {}, "contact-prefecture": {Symptom.RESET_MAIL_NOT_ARRIVED: Desk.PREFECTURE}}
ANEW = "もう一度、https://www.med-login.mhlw.go.jp/ の「パスワードをお忘れですか？」のリンクから"
SPAM = "迷惑メールに自動的に振り分けられる可能性もあります"
SAID = {
    Status.SENT: "12月25日（金）に s***@minato-hp.example.jp 宛に送信し、「送信完了（確認中）」となっています。",
    Status.UNDELIVERED: "12月28日（月）に s***@minato-hp.example.jp 宛で不達になりました。",
    Status.IN_DOUBT: "届いたかどうかを確認できていません（送信結果不明）。",
    Status.EXPIRED: "期限内に送信できませんでした（12月28日（月）に期限切れ）。",
    Status.CANCELLED: "宛の送信が 12月28日（月）に取り消されました。",
    Status.SUPPRESSED: "宛の送信が停止されているため、送信されませんでした。",
}
DROPPED = (Status.EXPIRED, Status.CANCELLED, Status.SUPPRESSED)


def told(world, procedure, status, *, expires_at=None, **institution):
    guided = world.application(world.message(Kind.GUIDE, Status.SENT))
    reset = world.message(Kind.PASSWORD_RESET, status, created_at=world.moment(world.day(26)), expires_at=expires_at)
    facts = world.institution(guided, messages=(reset,), **institution)
    place = world.yamaguchi(desks=DESKS[procedure])
    answer = advise(Symptom.RESET_MAIL_NOT_ARRIVED, facts, place, world.day(30))
    assert answer.id == procedure
    return "\n".join(answer.steps)


@pytest.mark.parametrize("procedure", DESKS)
@pytest.mark.parametrize("status", Status)
def test_what_became_of_it_is_told(world, procedure, status):
    text = told(world, procedure, status)
    assert SAID.get(status, "宛に送信する手続き中です。") in text
    assert (ANEW in text) is (status in (*DROPPED, Status.IN_DOUBT))
    assert (SPAM in text) is (status not in DROPPED)


@pytest.mark.parametrize("procedure", DESKS)
def test_another_one_is_not_asked_for_while_the_address_gets_no_mail(world, procedure):
    stopped = SuppressionFacts("soumu@minato-hp.example.jp")
    assert ANEW not in told(world, procedure, Status.SUPPRESSED, suppressed=(stopped,))


FORM = "https://www.g-mis.mhlw.go.jp/user-Registration-Form"


@pytest.mark.parametrize("procedure", DESKS)
@pytest.mark.parametrize("withdrawn", [False, True])
def test_of_an_application_nothing_is_said(world, procedure, withdrawn):
    reset = world.message(Kind.PASSWORD_RESET, Status.SENT)
    probe = world.message(Kind.PRE_CHECK, Status.CANCELLED, reason="withdrawn")
    facts = world.institution(*([world.application(probe)] if withdrawn else []), messages=(reset,))
    answer = advise(Symptom.RESET_MAIL_NOT_ARRIVED, facts, world.yamaguchi(desks=DESKS[procedure]), world.day(30))
    assert answer.id == procedure
    assert answer.urls == ("https://www.med-login.mhlw.go.jp/",)
    assert "申請に関するメール" not in "\n".join(answer.steps)


def test_who_has_no_internet_is_not_told_of_mails_that_were_withdrawn(world):
    facts = world.institution(world.application(world.message(Kind.PRE_CHECK, Status.CANCELLED, reason="withdrawn")))
    answer = advise(Symptom.NO_INTERNET, facts, world.yamaguchi(paper_accepted=False), world.day(30))
    assert answer.id == "contact-prefecture"
    assert "申請に関するメール" not in "\n".join(answer.steps)


@pytest.mark.parametrize("procedure", DESKS)
def test_the_day_told_of_an_expired_one_is_that_on_which_its_time_was_over(world, procedure):
    text = told(world, procedure, Status.EXPIRED)
    assert "（12月28日（月）に期限切れ）" in text
    text = told(world, procedure, Status.EXPIRED, expires_at=world.moment(world.day(25), 12))
    assert "期限内に送信できませんでした（12月26日（土）に期限切れ）。" in text
