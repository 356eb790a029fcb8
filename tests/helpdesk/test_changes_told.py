"""A change of address that is done counts at once, whatever has become of its notice; an open request is named."""

from __future__ import annotations

from datetime import date

import pytest

from core.kinds import Account, Kind, Route
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import ChangeFacts, SuppressionFacts
from helpdesk.summary import summarise
from helpdesk.vocabulary import Desk, Symptom

DONE_ON = date(2026, 12, 28)
TODAY = date(2026, 12, 28)
NEW = "jimu@minato-hp.example.jp"
ASK = "以下の情報を都道府県窓口にご連絡し、メールアドレスの変更依頼を行っていただくようお願いいたします。"
DONE = "メールアドレスの変更が完了し"
UNREACHED = (Status.UNDELIVERED, Status.SUPPRESSED)


def notice(world, status, **changes):
    due_at = world.moment(date(2027, 1, 4)) if status is Status.SCHEDULED else None
    made = {
        "email": NEW,
        "created_at": world.moment(DONE_ON, 17),
        "due_at": due_at,
        "status_at": world.moment(DONE_ON, 17),
    }
    return world.message(Kind.ADDRESS_CHANGED, status, **made | changes)


def change(world, label="変更完了", *, notice_id="m-address-changed", **changes):
    facts = {
        "new_email": NEW,
        "label": label,
        "requested_at": world.moment(date(2026, 12, 25)),
        "due": (date(2027, 1, 4), date(2027, 1, 12)),
        "notice": notice_id,
    }
    return ChangeFacts(**facts | changes)


def guided(world, status=Status.SENT, **changes):
    return world.application(world.message(Kind.PRE_CHECK, Status.SENT), world.message(Kind.GUIDE, status, **changes))


def confirmed(world):
    return world.application(world.message(Kind.EXISTING_USER_CONFIRM, Status.SENT), account=Account.UNPERMITTED)


def told(world, symptom, facts):
    procedure = advise(Symptom(symptom), facts, world.yamaguchi(), TODAY)
    return procedure.id, "\n".join(procedure.steps)


@pytest.mark.parametrize("symptom", ["not-arrived", "lost-guide", "unknown-password", "reset-mail-not-arrived"])
@pytest.mark.parametrize("application", [guided, confirmed])
def test_a_change_that_is_done_is_told_before_its_notice_leaves(world, application, symptom):
    facts = world.institution(application(world), messages=(notice(world, Status.SCHEDULED),), changes=(change(world),))
    text = told(world, symptom, facts)[1]
    assert "メールアドレスの変更が完了しています。" in text
    assert "変更後の j***@minato-hp.example.jp 宛に、1月4日（月）にログインIDをお知らせする予定です。" in text
    summary = summarise(facts, world.yamaguchi(), TODAY)
    assert f"{DONE}、1月4日（月）に変更後のメールアドレスへお知らせする予定です" in summary


@pytest.mark.parametrize("status", [status for status in Status if status not in (*UNREACHED, Status.CANCELLED)])
def test_whatever_has_become_of_its_notice(world, status):
    facts = world.institution(guided(world), messages=(notice(world, status),))
    for symptom in ("person-left", "cannot-view"):
        procedure, text = told(world, symptom, facts)
        assert procedure == "change-address"
        assert "変更後のメールアドレスも確認できない場合は、もう一度、メールアドレスの変更依頼" in text
        assert "メールアドレスの変更が完了して" in text
    assert DONE in summarise(facts, world.yamaguchi(), TODAY)


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT, Status.SENT, Status.EXPIRED])
def test_a_guide_that_comes_back_meanwhile_takes_no_account_away(world, status):
    bounced = guided(world, Status.UNDELIVERED, reason="userunknown")
    facts = world.institution(bounced, messages=(notice(world, status),))
    assert told(world, "not-arrived", facts)[0] == "ask-login-id-and-reset-password"
    assert told(world, "person-left", facts)[0] == "change-address"


@pytest.mark.parametrize(("carried_out", "counts"), [(True, True), (False, False)])
def test_a_notice_that_was_withdrawn_counts_where_the_change_was_carried_out(world, carried_out, counts):
    changes = (change(world),) if carried_out else ()
    facts = world.institution(guided(world), messages=(notice(world, Status.CANCELLED),), changes=changes)
    assert (DONE in summarise(facts, world.yamaguchi(), TODAY)) is counts


@pytest.mark.parametrize("status", UNREACHED)
@pytest.mark.parametrize("application", [guided, confirmed])
def test_a_notice_that_came_back_is_told(world, application, status):
    facts = world.institution(
        application(world),
        messages=(notice(world, status),),
        suppressed=(SuppressionFacts(NEW),),
        changes=(change(world),),
    )
    told_as = f"変更後のメールアドレスへのお知らせは「{status.label(settled=False)}」となっています"
    summary = summarise(facts, world.yamaguchi(), TODAY)
    assert f"メールアドレスは変更されましたが、{told_as}" in summary
    assert "変更後の j***@minato-hp.example.jp 宛のログインIDのお知らせは" in told(world, "not-arrived", facts)[1]
    procedure, text = told(world, "person-left", facts)
    assert procedure == "change-address"
    assert ASK in text


@pytest.mark.parametrize("symptom", ["person-left", "cannot-view"])
@pytest.mark.parametrize("label", ["依頼受付", "承認済"])
def test_a_request_on_record_is_not_asked_for_once_more(world, symptom, label):
    pending = change(world, label, notice_id=None)
    procedure = advise(Symptom(symptom), world.institution(guided(world), changes=(pending,)), world.yamaguchi(), TODAY)
    text = "\n".join(procedure.steps)
    assert procedure.id == "change-address"
    assert procedure.title == "メールアドレスの変更依頼を受け付けています"
    assert "12月25日（金）に受け付けており（変更後のメールアドレス j***@minato-hp.example.jp）、" in text
    assert f"「{label}」となっています。変更の完了は1月4日（月）から1月12日（火）までの見込みです" in text
    assert ASK not in text
    without = told(world, symptom, world.institution(guided(world), changes=(change(world),)))[1]
    assert ASK in without
    assert "受け付けており" not in without


def test_of_several_requests_the_last_one_that_is_open_is_named(world):
    old = change(world, "依頼受付", notice_id=None, new_email="furui@example.jp", due=(TODAY, TODAY))
    new = change(world, "承認済", notice_id=None, requested_at=world.moment(TODAY), due=(TODAY, TODAY))
    for changes in ((old, new), (new, old)):
        text = told(world, "person-left", world.institution(guided(world), changes=changes))[1]
        assert "j***@minato-hp.example.jp" in text
        assert "変更の完了は12月28日（月）の見込みです" in text


def test_an_account_of_which_no_mail_was_sent_is_changed_alike(world):
    by_rule = world.application(
        account=Account.PERMITTED, route=Route.PREFECTURE, decided_rule="no-mail-prefecture-tells"
    )
    facts = world.institution(by_rule, messages=(notice(world, Status.SCHEDULED),))
    text = told(world, "not-arrived", facts)[1]
    assert "メールアドレスの変更が完了しています。" in text
    assert "宛にお知らせしたログインID" not in text


ASK_FIRST = "先に、都道府県の窓口へメールアドレスの変更をご依頼ください。"
DESKS = [{}, {Symptom.RESET_MAIL_NOT_ARRIVED: Desk.PREFECTURE}]


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("desks", DESKS)
@pytest.mark.parametrize("symptom", Symptom)
def test_nobody_is_told_to_ask_for_what_is_asked_for_already(world, symptom, desks, by_hand):
    mails = (notice(world, Status.UNDELIVERED, reason="userunknown"),)
    facts = {"messages": mails, "suppressed": (SuppressionFacts(NEW, by_hand=by_hand),)}
    pending = change(world, "依頼受付", notice_id=None, new_email="keiri@example.jp", requested_at=world.moment(TODAY))
    place = world.yamaguchi(desks=desks)

    def answer(*changes):
        return advise(symptom, world.institution(guided(world), **facts, changes=changes), place, TODAY)

    without, asked = answer(change(world)), answer(change(world), pending)
    assert asked.id == without.id
    text = "\n".join(asked.steps)
    assert ASK_FIRST not in text
    assert ASK not in text
    if ASK_FIRST in "\n".join(without.steps):
        assert (
            "12月28日（月）に受け付けたメールアドレスの変更（変更後のメールアドレス k***@example.jp、「依頼受付」）"
            in text
        )
        assert "同じ内容の変更依頼は必要ありません" in text


def test_a_dead_address_names_the_open_request_wherever_a_reset_is_advised(world):
    for symptom in ("person-left", "unknown-password", "reset-mail-not-arrived", "lost-guide", "not-arrived"):
        facts = world.institution(
            guided(world),
            messages=(notice(world, Status.UNDELIVERED),),
            suppressed=(SuppressionFacts(NEW),),
            changes=(change(world, notice_id=None),),
        )
        assert "に受け付けたメールアドレスの変更" in told(world, symptom, facts)[1]


@pytest.mark.parametrize("symptom", ["person-left", "not-arrived"])
@pytest.mark.parametrize("pre_check", [Status.SENT, Status.UNDELIVERED])
@pytest.mark.parametrize("status", [None, Status.SENT])
def test_nor_to_ask_where_the_address_takes_mail_or_an_earlier_account_is_meant(world, symptom, pre_check, status):
    first = world.application(world.message(Kind.PRE_CHECK, pre_check), world.message(Kind.GUIDE, Status.SENT))
    later = world.message(Kind.GUIDE, Status.UNDELIVERED, id="m-2", reason="userunknown")
    newer = world.application(later, id="A-2", received_on=world.day(10))
    messages = () if status is None else (notice(world, status),)
    for applications in ((first,), (first, newer)):
        facts = world.institution(*applications, messages=messages, changes=(change(world, notice_id=None),))
        text = told(world, symptom, facts)[1]
        assert not any(word in text for word in ("変更をご依頼ください", "変更を依頼してください", "変更依頼を行って"))
