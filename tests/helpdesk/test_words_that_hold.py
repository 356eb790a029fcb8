"""No answer says what cannot be so: a day that is over, a code that nobody gave, a guide that never left."""

from __future__ import annotations

from datetime import date

import pytest

from core.kinds import Account, Kind
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import InstitutionFacts
from helpdesk.summary import summarise
from helpdesk.vocabulary import Symptom

SKIP = "この機能を希望しない場合は、「スキップする」を押してください。"
NOT_YET = "「G-MIS利用案内メール」は、まだ送信していません。"


def told(symptom, facts, prefecture, today):
    procedure = advise(Symptom(symptom), facts, prefecture, today)
    return procedure.id, "\n".join(procedure.steps)


@pytest.mark.parametrize("symptom", ["not-arrived", "no-permission"])
def test_nobody_is_told_to_wait_until_a_day_that_is_over(world, symptom):
    facts = world.institution(world.application(account=None))
    on_time = {14: True, 15: False, 20: False}  # two weeks from the application end on day 14
    for age, until in on_time.items():
        _, text = told(symptom, facts, world.yamaguchi(), world.day(age))
        assert ("12月15日（火）頃まで" in text) is until
        assert ("目安の12月15日（火）頃を過ぎていますが" in text) is not until
        assert "大幅に延びる可能性" in text or symptom == "no-permission"


def test_the_usual_time_runs_from_a_later_approval(world):
    facts = world.institution(world.application(account=None, approved_on=world.day(4)))
    assert "12月19日（土）頃まで" in told("not-arrived", facts, world.yamaguchi(), world.day(18))[1]
    assert "12月19日（土）頃を過ぎて" in told("not-arrived", facts, world.yamaguchi(), world.day(19))[1]


@pytest.mark.parametrize("symptom", Symptom)
def test_without_a_code_no_answer_speaks_of_one(world, symptom):
    procedure = advise(symptom, InstitutionFacts.unknown(""), world.yamaguchi(), world.received)
    text = "\n".join((procedure.summary, *procedure.steps, *procedure.not_possible))
    assert "（）" not in text
    assert "この機関コード" not in text
    given = advise(Symptom.NOT_ARRIVED, InstitutionFacts.unknown("3510"), world.nowhere(), world.received)
    assert any("この機関コード（3510）による申請の記録がありません。" in step for step in given.steps)


@pytest.mark.parametrize("symptom", ["person-left", "cannot-view"])
def test_whoever_wants_an_address_changed_hears_that_no_guide_was_sent_yet(world, symptom):
    cancelled = world.message(Kind.PRE_CHECK, Status.CANCELLED, reason="withdrawn")
    expired = world.message(Kind.GUIDE, Status.EXPIRED)
    rejection = world.message(Kind.REJECTION, Status.SENT)
    guide = world.message(Kind.GUIDE, Status.SENT)
    said = {
        (): NOT_YET,
        (cancelled,): "送信は取り消されていますので",
        (expired,): "は、送信されませんでした。",
        (rejection,): "却下されていますので",
    }
    for mails, words in said.items():
        facts = world.institution(world.application(*mails, account=None))
        procedure, text = told(symptom, facts, world.yamaguchi(), world.day(5))
        assert procedure == "change-address"
        assert words in text.split("\n")[0]
        earlier = world.application(guide, id="A-0", received_on=date(2025, 12, 1))
        _, with_earlier = told(
            symptom, world.institution(earlier, *facts.applications), world.yamaguchi(), world.day(5)
        )
        assert words not in with_earlier
    existing = world.institution(world.application(rejection, account=Account.PERMITTED))
    assert "送信されません" not in told(symptom, existing, world.yamaguchi(), world.day(5))[1].split("\n")[0]


@pytest.mark.parametrize(("symptom", "day"), [("which-system", 1), ("report-button-greyed", 8)])
def test_everybody_may_skip_the_insurance_number(world, symptom, day):
    _, text = told(symptom, world.institution(), world.yamaguchi(), date(2027, 1, day + 4))
    assert SKIP in text
    assert "同じく「スキップする」を押してください。" in text


@pytest.mark.parametrize("kind", [Kind.PRE_CHECK, Kind.GUIDE, Kind.EXISTING_USER_CONFIRM])
def test_nobody_is_asked_to_call_before_the_mail_was_to_leave(world, kind):
    for age, late in ((20, False), (21, False), (22, True), (40, True)):
        mail = world.message(kind, Status.SCHEDULED, due_at=world.moment(world.day(age)))
        procedure, text = told(
            "not-arrived", world.institution(world.application(mail)), world.yamaguchi(), world.day(5)
        )
        assert procedure == "wait"
        assert ("3週間が経過する12月22日（火）以降も届かない場合は" in text) is not late
        assert ("が経過した後になります。" in text) is late
    assert "1月10日（日）以降も届かない場合は、山口県医療政策課" in text


def test_of_several_mails_on_their_way_the_last_says_when_to_call(world):
    probe = world.message(Kind.PRE_CHECK, Status.SCHEDULED, due_at=world.moment(world.day(25)))
    guide = world.message(Kind.GUIDE, Status.SCHEDULED, due_at=world.moment(world.day(26)))
    _, text = told("not-arrived", world.institution(world.application(probe, guide)), world.yamaguchi(), world.day(5))
    assert "12月27日（日）以降も届かない場合は" in text
    held = world.message(Kind.GUIDE, Status.HELD, due_at=world.moment(world.day(26)))
    _, text = told("not-arrived", world.institution(world.application(held)), world.yamaguchi(), world.day(5))
    assert "12月22日（火）以降も届かない場合は" in text


NEW_ADDRESS = "もう一度新しいメールアドレスでの「新規ユーザ登録申請」を行っていただく必要がございます。"


@pytest.mark.parametrize("symptom", ["person-left", "cannot-view"])
@pytest.mark.parametrize("kind", [Kind.PRE_CHECK, Kind.GUIDE])
@pytest.mark.parametrize("reason", ["mailboxfull", "userunknown"])
def test_whom_nobody_reads_applies_with_a_new_address(world, symptom, kind, reason):
    mail = world.message(kind, Status.UNDELIVERED, reason=reason)
    taken = world.message(
        Kind.PASSWORD_RESET, Status.SENT, created_at=world.moment(world.day(29)), sent_at=world.moment(world.day(29))
    )
    for messages in ((), (taken,)):
        facts = world.institution(world.application(mail), messages=messages)
        procedure, text = told(symptom, facts, world.yamaguchi(), world.day(30))
        assert procedure == "reapply"
        assert text.count(NEW_ADDRESS) == 1
        assert "空き容量を確保" not in text
        assert "同じメールアドレス" not in text


def test_nobody_is_asked_to_call_on_a_closed_day(world):
    place = world.yamaguchi(next_open=lambda day: max(day, date(2026, 12, 24)))
    _, text = told("not-arrived", world.institution(world.application()), place, world.day(5))
    assert "3週間が経過する12月22日（火）は閉庁日です。12月24日（木）以降も届かない場合は、山口県医療政策課" in text
    assert "12月22日（火）以降" not in text


@pytest.mark.parametrize(("guide", "pre_check"), [(Status.SCHEDULED, Status.SENT), (Status.HELD, Status.SCHEDULED)])
@pytest.mark.parametrize("expires_hour", [8, 9, 10])
def test_no_day_is_promised_for_a_guide_that_expires_first(world, guide, pre_check, expires_hour):
    due = date(2026, 12, 25)
    expires_at = world.moment(due, expires_hour)
    probe = world.message(Kind.PRE_CHECK, pre_check)
    facts = world.institution(world.application(probe, world.message(Kind.GUIDE, guide, expires_at=expires_at)))
    today = date(2026, 12, 11)
    expires_first = expires_hour <= 9  # both are due at 9
    summary = summarise(facts, world.yamaguchi(), today)
    never = "期限（12月25日（金））までに送信できないため、送信されません。"
    assert (never in summary) is expires_first
    assert ("に送信する予定です" in summary) is not expires_first
    procedure, text = told(Symptom.NOT_ARRIVED, facts, world.yamaguchi(), today)
    assert procedure == ("reapply" if expires_first else "wait")
    assert (never in text) is expires_first
    for symptom in Symptom if expires_first else ():
        text = told(symptom, facts, world.yamaguchi(), today)[1]
        assert "に送信する予定です" not in text
        assert "届くまでお待ちください" not in text


def test_a_guide_whose_pre_check_is_in_doubt_is_waited_for(world):
    """No day is known then, and the doubt may be settled in time."""
    past = world.moment(date(2026, 12, 20))
    doubt = world.message(Kind.PRE_CHECK, Status.IN_DOUBT)
    facts = world.institution(world.application(doubt, world.message(Kind.GUIDE, Status.HELD, expires_at=past)))
    assert told(Symptom.NOT_ARRIVED, facts, world.yamaguchi(), date(2026, 12, 11))[0] == "wait"
