"""Mails sent again: no copy hides what became of the first one, whatever became of either."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import permutations, product

import pytest

from core.kinds import Account, Kind
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.case import open_case
from helpdesk.copies import UNSENT
from helpdesk.vocabulary import Symptom

LATER = date(2027, 1, 2)
DUE = date(2027, 1, 4)
NEVER_LEFT = (Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED)
LEFT = (Status.SENT, Status.UNDELIVERED, Status.IN_DOUBT)
PAIRS = list(product(Status, Status))
KINDS = [
    (Kind.EXISTING_USER_CONFIRM, Account.UNPERMITTED),
    (Kind.REJECTION, Account.NONE),
    (Kind.REJECTION, Account.PERMITTED),
    (Kind.APPLICATION_COMPLETE, None),
]
EACH = pytest.mark.parametrize(("kind", "account"), KINDS)


def line_of(world, kind, *statuses):
    """A mail, its copy, the copy's copy, and so on; each made a day after the one before."""
    mails = []
    for number, status in enumerate(statuses):
        made = {"id": f"m-{number}", "resend_of": f"m-{number - 1}" if number else None}
        made |= {"created_at": world.moment(world.day(20 + number))}
        if number:
            made |= {"due_at": world.moment(DUE), "sent_at": world.moment(LATER), "status_at": world.moment(LATER)}
        mails.append(world.message(kind, status, **made))
    return mails


def answer(world, mails, account, symptom=Symptom.NOT_ARRIVED):
    """What is told on the tenth day of such an application."""
    facts = world.institution(world.application(*mails, account=account))
    return advise(symptom, facts, world.yamaguchi(), world.day(10))


def words(procedure):
    return "".join((procedure.summary, *procedure.steps))


@EACH
@pytest.mark.parametrize("symptom", Symptom)
def test_no_answer_says_unsent_of_what_was_sent_or_forgets_what_came_back(world, kind, account, symptom):
    lies = []
    for statuses in PAIRS:
        told = words(answer(world, line_of(world, kind, *statuses), account, symptom))
        denied = [word for word in ("送信されていません", "送信されませんでした", "取消", "期限切れ") if word in told]
        outcome = next((status for status in reversed(statuses) if status in (Status.SENT, Status.UNDELIVERED)), None)
        if (Status.SENT in statuses and denied) or (outcome is Status.UNDELIVERED and "不達" not in told):
            lies.append((statuses, told))
    assert lies == []


@EACH
@pytest.mark.parametrize("symptom", Symptom)
def test_a_copy_that_never_left_changes_no_word_and_no_procedure(world, kind, account, symptom):
    for first, copy in product((*LEFT, *UNSENT), NEVER_LEFT):
        mails = line_of(world, kind, first, copy)
        alone = answer(world, mails[:1], account, symptom)
        assert answer(world, mails, account, symptom) == alone, (first, copy)
        assert answer(world, mails[::-1], account, symptom) == alone, (first, copy)


@EACH
@pytest.mark.parametrize("symptom", Symptom)
def test_while_a_copy_is_on_its_way_the_procedure_is_that_of_the_first_one(world, kind, account, symptom):
    for first, copy in product(LEFT, (*UNSENT, Status.IN_DOUBT)):
        mails = line_of(world, kind, first, copy)
        assert answer(world, mails, account, symptom).id == answer(world, mails[:1], account, symptom).id


@EACH
@pytest.mark.parametrize("first", [Status.SENT, Status.UNDELIVERED])
@pytest.mark.parametrize("copy", [*sorted(UNSENT), Status.IN_DOUBT])
def test_both_are_told_while_a_copy_is_on_its_way(world, kind, account, first, copy):
    procedure = answer(world, line_of(world, kind, first, copy), account)
    became = "12月28日（月）" if first is Status.UNDELIVERED else "12月25日（金）"
    goes = "1月4日（月）" if copy is Status.SCHEDULED else f"「{copy.label(settled=False)}」"
    again = "もう一度送信する予定です" if copy is Status.SCHEDULED else "もう一度の送信は"
    told = words(procedure)
    outcome = "不達" if first is Status.UNDELIVERED else "宛に送信し"
    assert all(word in told for word in (became, goes, again, outcome))


@EACH
def test_the_sentence_tells_both_where_it_speaks_of_the_mail(world, kind, account):
    for first, copy in product((Status.SENT, Status.UNDELIVERED), (*UNSENT, Status.IN_DOUBT)):
        sentence = answer(world, line_of(world, kind, first, copy), account).summary
        spoken_of = {Status.UNDELIVERED: "不達", Status.SENT: "送信完了"}[first] in sentence
        assert spoken_of is ("もう一度" in sentence), sentence
        assert sentence.count("。") == 1
        assert first is Status.SENT or spoken_of


@EACH
def test_a_mail_that_came_back_stays_so_until_a_copy_is_sent(world, kind, account):
    for copies in product(Status, repeat=2):
        mails = line_of(world, kind, Status.UNDELIVERED, *copies)
        newest = next((copy for copy in reversed(copies) if copy in (Status.SENT, Status.UNDELIVERED)), None)
        assert ("不達" in words(answer(world, mails, account))) is (newest is not Status.SENT), copies


@EACH
def test_of_a_copys_copies_the_newest_that_left_speaks(world, kind, account):
    mails = line_of(world, kind, Status.UNDELIVERED, Status.SENT, Status.SUPPRESSED, Status.CANCELLED)
    assert answer(world, mails, account) == answer(world, mails[:2], account)


@EACH
def test_a_copy_made_in_the_same_moment_comes_after_its_original(world, kind, account):
    mails = [replace(mail, created_at=world.moment(world.day(20))) for mail in line_of(world, kind, *LEFT[:2])]
    assert answer(world, mails, account) == answer(world, mails[::-1], account)
    assert "不達" in words(answer(world, mails, account))


@EACH
def test_a_second_mail_of_an_application_that_was_withdrawn_hides_the_first_as_little(world, kind, account):
    for first, second in product(LEFT, NEVER_LEFT):
        mails = [replace(mail, resend_of=None) for mail in line_of(world, kind, first, second)]
        assert answer(world, mails, account) == answer(world, mails[:1], account)


def test_the_sentence_of_a_confirmation_that_was_sent_while_its_copy_waits(world):
    mails = line_of(world, Kind.EXISTING_USER_CONFIRM, Status.SENT, Status.SCHEDULED)
    procedure = answer(world, mails, Account.UNPERMITTED)
    assert procedure.id == "confirm-permission"
    assert procedure.summary == (
        "G-MIS利用案内既存のご利用者確認依頼メールは 12月25日（金）に送信し、送信完了（確認中）となっています"
        "（1月4日（月）にもう一度送信する予定です）。"
    )
    assert any("1月4日（月）に s***@minato-hp.example.jp 宛にもう一度送信する予定" in step for step in procedure.steps)


def test_a_second_application_is_told_by_itself(world):
    first, second = line_of(world, Kind.EXISTING_USER_CONFIRM, Status.SENT, Status.CANCELLED)
    applications = [
        world.application(first, id="A-1", account=Account.UNPERMITTED),
        world.application(
            replace(second, resend_of=None), id="A-2", account=Account.UNPERMITTED, received_on=world.day(15)
        ),
    ]
    procedure = advise(Symptom.NOT_ARRIVED, world.institution(*applications), world.yamaguchi(), world.day(16))
    assert "送信されませんでした（取消）" in procedure.summary


def newest(world, kind, *mails):
    case = open_case(world.institution(messages=mails), world.yamaguchi(), world.day(30))
    return case.message(kind), case.again(kind)


@pytest.mark.parametrize("kind", [Kind.PASSWORD_RESET, Kind.CODE])
def test_of_mails_that_repeat_none_the_newest_is_told(world, kind):
    for statuses in PAIRS:
        mails = [replace(mail, resend_of=None) for mail in line_of(world, kind, *statuses)]
        assert newest(world, kind, *mails) == (mails[1], None)


def test_of_reminders_planned_together_the_last_one_sent_is_told(world):
    def step(number, status, day):
        sent_at = world.moment(world.day(day)) if status is Status.SENT else None
        return world.message(Kind.REMINDER, status, id=f"r-{number}", sent_at=sent_at)

    first, second = step(1, Status.SENT, 10), step(2, Status.SENT, 20)
    cancelled, planned = step(3, Status.CANCELLED, 0), step(4, Status.SCHEDULED, 0)
    own = replace(step(5, Status.SCHEDULED, 0), created_at=world.moment(world.day(21)))
    for order in permutations((first, second, cancelled, planned, own)):
        assert newest(world, Kind.REMINDER, *order) == (second, None)
    assert newest(world, Kind.REMINDER, cancelled, own) == (own, None)


def test_each_change_of_address_is_a_mail_of_its_own(world):
    kind = Kind.ADDRESS_CHANGED
    first, second, copy = line_of(world, kind, Status.SENT, Status.CANCELLED, Status.SCHEDULED)
    second, copy = replace(second, resend_of=None), replace(copy, resend_of=first.id)
    assert newest(world, kind, first, second, copy) == (second, None)
    assert newest(world, kind, first, copy) == (first, copy)
    assert newest(world, kind, first, replace(copy, status=Status.SUPPRESSED)) == (first, None)
