"""Institutions with a past: several applications, late news, mails of their own; and which desk answers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.errors import TodokeError
from core.kinds import Account, InstitutionType, Kind, Route
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import WrongPrefecture
from helpdesk.summary import summarise
from helpdesk.vocabulary import Desk, Symptom

LATER = date(2027, 1, 12)


def applied(world, *mails, age=0, number=1, **changes):
    """An application with mails given as (kind, status) or (kind, status, reason)."""
    messages = [world.message(mail[0], mail[1], reason=mail[2] if len(mail) > 2 else None) for mail in mails]
    day = world.day(age)
    return world.application(*messages, id=f"A-{number}", received_on=day, created_at=world.moment(day), **changes)


def answer(world, symptom, *applications, today=None, **changes):
    facts = world.institution(*applications, **changes)
    return advise(Symptom(symptom), facts, world.yamaguchi(), today or world.day(30))


SENT = (Kind.GUIDE, Status.SENT)
BOUNCED = (Kind.GUIDE, Status.UNDELIVERED, "userunknown")
PROBED = (Kind.PRE_CHECK, Status.SENT)
REJECTED = (Kind.REJECTION, Status.SENT)


def test_after_a_bounce_the_new_application_decides(world):
    first = applied(world, PROBED, BOUNCED)
    second = applied(world, PROBED, (Kind.GUIDE, Status.SCHEDULED), age=29, number=2)
    assert answer(world, "not-arrived", first).id == "reapply"
    assert answer(world, "not-arrived", first, second).id == "wait"
    assert answer(world, "not-arrived", second, first).id == "wait"  # whatever their order


def test_the_age_is_that_of_the_application_that_decides(world):
    first = applied(world, PROBED, BOUNCED)
    second = applied(world, age=20, number=2)
    days = {age: answer(world, "not-arrived", first, second, today=world.day(age)).id for age in (40, 41)}
    assert days == {40: "wait", 41: "contact-prefecture"}


WITHDRAWN = (Kind.PRE_CHECK, Status.CANCELLED, "withdrawn")
EXPIRED = (Kind.GUIDE, Status.EXPIRED)


@pytest.mark.parametrize("newer", [(), (REJECTED,), (WITHDRAWN,), (PROBED, EXPIRED)])
def test_a_guide_that_was_sent_counts_more_than_a_newer_application_without_outcome(world, newer):
    first = applied(world, PROBED, SENT)
    second = applied(world, *newer, age=25, number=2, account=None)
    assert answer(world, "not-arrived", first, second).id == "check-spam-folder"


@pytest.mark.parametrize("newer", [(), (REJECTED,), (WITHDRAWN,)])
def test_mails_on_their_way_count_more_than_a_newer_application_without_outcome(world, newer):
    first = applied(world, PROBED, (Kind.GUIDE, Status.SCHEDULED))
    second = applied(world, *newer, age=15, number=2, account=None)
    procedure = answer(world, "not-arrived", first, second, today=world.day(18))
    assert procedure.id == "wait"
    assert any("12月1日（火）の申請から3週間" in step for step in procedure.steps)


def test_the_newest_is_the_one_received_last_not_the_one_recorded_last(world):
    late_record = {"created_at": world.moment(world.day(28)), "received_on": world.day(0)}
    first = world.application(world.message(Kind.GUIDE, Status.UNDELIVERED), **late_record)
    second = applied(world, PROBED, SENT, age=20, number=2)
    assert answer(world, "not-arrived", first, second).id == "check-spam-folder"


def test_who_waits_lets_the_mails_of_the_configured_sender_through(world):
    facts = world.institution(applied(world, PROBED))
    for changes, named in (({}, "info@g-mis.net"), ({"sender_address": "tsuchi@example.jp"}, "tsuchi@example.jp")):
        waiting = advise(Symptom.NOT_ARRIVED, facts, world.yamaguchi(**changes), world.day(1))
        assert waiting.id == "wait"
        assert any(f"送信元メールアドレス ({named}) からの" in step for step in waiting.steps)


def test_a_guide_whose_gate_closed_tells_of_the_bounce_by_itself(world):
    guide = (Kind.GUIDE, Status.CANCELLED, "pre-check-undelivered")
    assert answer(world, "not-arrived", applied(world, guide), today=world.day(1)).id == "reapply"


def test_a_rejection_after_the_guide_is_told(world):
    first = applied(world, PROBED, SENT)
    second = applied(world, REJECTED, age=25, number=2, account=None)
    procedure = answer(world, "not-arrived", first, second)
    assert any("12月26日（土）の申請は却下" in step for step in procedure.steps)
    assert "その後の 12月26日（土）の申請は却下" in procedure.summary


def test_a_newer_application_on_its_way_is_waited_for_and_the_earlier_guide_is_named(world):
    first = applied(world, PROBED, SENT)
    second = applied(world, PROBED, (Kind.GUIDE, Status.HELD), age=25, number=2)
    procedure = answer(world, "not-arrived", first, second)
    assert procedure.id == "wait"
    assert any("以前の申請" in step and "12月25日（金）" in step for step in procedure.steps)


def test_a_newer_bounce_decides_and_warns_that_an_account_may_be_there(world):
    first = applied(world, PROBED, SENT)
    second = applied(world, (Kind.PRE_CHECK, Status.UNDELIVERED), age=25, number=2)
    procedure = answer(world, "not-arrived", first, second)
    assert procedure.id == "reapply"
    assert any("新しい申請ではアカウントが発行されません" in step for step in procedure.steps)


@pytest.mark.parametrize(
    ("symptom", "right"),
    [
        ("lost-guide", "ask-login-id-and-reset-password"),
        ("unknown-login-id", "ask-login-id-and-reset-password"),
        ("unknown-password", "reset-password"),
    ],
)
def test_the_account_of_an_earlier_guide_can_still_be_opened_after_a_newer_bounce(world, symptom, right):
    second = applied(world, PROBED, BOUNCED, age=25, number=2)
    assert answer(world, symptom, second).id == "reapply"
    assert answer(world, symptom, applied(world, PROBED, SENT), second).id == right


UNPROBED = (Kind.PRE_CHECK, Status.UNDELIVERED, "userunknown")
GATED = (Kind.GUIDE, Status.CANCELLED, "pre-check-undelivered")
RECEIVED = (Kind.APPLICATION_COMPLETE, Status.SENT)
NOBODY_READS = pytest.mark.parametrize("symptom", ["person-left", "cannot-view"])


@NOBODY_READS
@pytest.mark.parametrize("failed", [(PROBED, BOUNCED), (UNPROBED, GATED), (GATED,)])
def test_an_application_in_review_brings_no_account_whose_address_could_be_changed(world, symptom, failed):
    first = applied(world, *failed)
    second = applied(world, RECEIVED, age=25, number=2, account=None)
    procedure = answer(world, symptom, first, second)
    assert procedure.id == "reapply"
    assert "不達" in procedure.summary
    assert any("12月26日（土）に、新しい申請を受け付けています" in step for step in procedure.steps)
    assert answer(world, "not-arrived", first, second).id == "wait"


@NOBODY_READS
def test_a_newer_application_that_was_decided_counts_more_than_an_earlier_bounce(world, symptom):
    first = applied(world, PROBED, BOUNCED)
    review = applied(world, RECEIVED, age=28, number=3, account=None)
    for newer in (
        applied(world, PROBED, (Kind.GUIDE, Status.HELD), age=25, number=2),
        applied(world, PROBED, SENT, age=25, number=2),
        applied(world, age=25, number=2, account=Account.PERMITTED, decided_rule="no-mail-permitted"),
    ):
        assert answer(world, symptom, first, newer).id == "change-address"
        assert answer(world, symptom, first, newer, review).id == "change-address"


@NOBODY_READS
@pytest.mark.parametrize("failed", [(PROBED, BOUNCED), (UNPROBED, GATED)])
def test_the_account_of_an_earlier_guide_changes_its_address_after_a_newer_bounce(world, symptom, failed):
    first = applied(world, PROBED, SENT)
    second = applied(world, *failed, age=25, number=2)
    review = applied(world, RECEIVED, age=28, number=3, account=None)
    for history in ((first, second), (first, second, review)):
        procedure = answer(world, symptom, *history)
        assert procedure.id == "change-address"
        assert any("以前の申請による" in step and "12月25日（金）" in step for step in procedure.steps)


def test_a_decision_without_mail_after_a_guide_decides(world):
    first = applied(world, PROBED, SENT)
    second = applied(world, age=25, number=2, account=Account.PERMITTED, decided_rule="no-mail-permitted")
    assert answer(world, "not-arrived", first, second).id == "confirm-permission"


def test_a_rejection_that_was_reversed_no_longer_counts(world):
    application = applied(world, REJECTED, PROBED, SENT)
    assert answer(world, "not-arrived", application).id == "check-spam-folder"
    taken_back = applied(world, REJECTED, (Kind.PRE_CHECK, Status.CANCELLED, "withdrawn"))
    assert answer(world, "not-arrived", taken_back).id == "reapply"


def test_of_two_confirmations_the_resent_one_counts(world):
    first = world.message(Kind.EXISTING_USER_CONFIRM, Status.UNDELIVERED)
    again = world.message(
        Kind.EXISTING_USER_CONFIRM,
        Status.SENT,
        created_at=world.moment(LATER),
        sent_at=world.moment(LATER),
    )
    application = world.application(again, first, account=Account.UNPERMITTED)
    assert "1月12日（火）に送信" in summarise(world.institution(application), world.yamaguchi(), LATER)


def test_a_pre_check_that_bounced_after_the_guide_left_is_warned_of_in_the_sentence(world):
    application = applied(world, (Kind.PRE_CHECK, Status.UNDELIVERED), SENT)
    sentence = summarise(world.institution(application), world.yamaguchi(), LATER)
    assert sentence == (
        "G-MIS利用案内メールは 12月25日（金）に送信し、送信完了（確認中）となっていますが、"
        "事前確認メールが 12月28日（月）に不達になったため、届いていないおそれがあります。"
    )


def test_the_sentence_for_a_guide_that_bounced(world):
    facts = world.institution(applied(world, PROBED, BOUNCED))
    assert summarise(facts, world.yamaguchi(), LATER) == "G-MIS利用案内メールは 12月28日（月）に不達になりました。"


def test_an_old_date_is_said_with_its_year(world):
    facts = world.institution(applied(world, PROBED, BOUNCED))
    sentence = summarise(facts, world.yamaguchi(), LATER + timedelta(days=365))
    assert "令和8年12月28日（月）に不達" in sentence


def test_a_full_mailbox_is_freed_if_that_was_why_the_guide_bounced(world):
    full = applied(world, PROBED, (Kind.GUIDE, Status.UNDELIVERED, "mailboxfull"))
    procedure = answer(world, "mailbox-full", full)
    assert procedure.id == "free-mailbox"
    room, login_id, reset = (
        next(i for i, step in enumerate(procedure.steps) if word in step)
        for word in ("空き容量を増やす方法", "「ログインID」をご確認", "パスワードリセットを実施")
    )
    assert room < login_id < reset
    assert not any("メールサーバから" in step for step in procedure.steps)  # it was returned, nothing is kept
    assert answer(world, "not-arrived", full).id == "reapply"
    assert answer(world, "mailbox-full", applied(world, PROBED, BOUNCED)).id == "reapply"


def test_retries_that_ran_out_over_a_full_mailbox_are_a_full_mailbox(world):
    guide = world.message(Kind.GUIDE, Status.UNDELIVERED, reason="retries-exhausted", enhanced_code="4.2.2")
    assert answer(world, "mailbox-full", world.application(guide)).id == "free-mailbox"


def test_a_cut_link_is_mended_in_the_order_of_the_contract(world):
    procedure = answer(world, "url-shows-login", applied(world, PROBED, SENT))
    assert procedure.id == "check-url-access"
    places = [
        next(i for i, step in enumerate(procedure.steps) if word in step)
        for word in ("URLすべてをコピー", "グループアドレス", "パスワードのリセット")
    ]
    assert places == sorted(places)


def test_an_expired_link_is_told_from_the_day_after(world):
    expires = world.moment(date(2027, 1, 4), hour=23)
    guide = world.message(Kind.GUIDE, Status.SENT, expires_at=expires)
    for today, told in ((date(2027, 1, 4), False), (date(2027, 1, 5), True)):
        procedure = answer(world, "url-unreachable", world.application(guide), today=today)
        assert any("有効期限（1月4日（月））" in step for step in procedure.steps) is told


def test_a_reset_mail_that_bounced_is_named(world):
    reset = world.message(Kind.PASSWORD_RESET, Status.UNDELIVERED)
    procedure = answer(world, "reset-mail-not-arrived", messages=(reset,))
    assert procedure.id == "contact-secretariat"
    assert "s***@minato-hp.example.jp 宛で不達" in procedure.steps[0]


def test_who_answers_for_the_login_id_is_the_prefectures_choice(world):
    symptom = Symptom.UNKNOWN_LOGIN_ID
    facts = world.institution(applied(world, PROBED, SENT))
    by_secretariat = advise(symptom, facts, world.yamaguchi(), LATER)
    by_prefecture = advise(symptom, facts, world.yamaguchi(desks={}), LATER)
    assert by_secretariat.contact == world.secretariat
    assert by_prefecture.contact == world.yamaguchi_contact
    lost = advise(Symptom.LOST_GUIDE, facts, world.yamaguchi(), LATER)
    assert lost.contact == world.secretariat  # the question to the desk is the same


def test_a_prefecture_may_answer_for_missing_reset_mails_itself(world):
    settings = world.yamaguchi(desks={Symptom.RESET_MAIL_NOT_ARRIVED: Desk.PREFECTURE})
    procedure = advise(Symptom.RESET_MAIL_NOT_ARRIVED, world.institution(), settings, LATER)
    assert (procedure.id, procedure.contact) == ("contact-prefecture", world.yamaguchi_contact)


def test_the_prefectures_figures_are_used(world):
    settings = world.yamaguchi(trouble_day=30, issue_weeks=(4, 4), notice="県からのお知らせです。")
    facts = world.institution(applied(world, approved_on=world.day(3)))
    waiting = advise(Symptom.NOT_ARRIVED, facts, settings, world.day(29))
    text = "".join(waiting.steps)
    assert waiting.id == "wait"
    assert "通常4週間程度" in text
    assert "1月1日（金）頃まで" in text  # four weeks from the approval on 4 December
    assert "30日が経過する12月31日（木）以降" in text
    assert waiting.steps[-1] == "県からのお知らせです。"
    assert advise(Symptom.NOT_ARRIVED, facts, settings, world.day(30)).id == "contact-prefecture"


def test_without_approval_the_weeks_run_from_the_application(world):
    procedure = answer(world, "not-arrived", applied(world), today=world.day(1))
    assert any("12月15日（火）頃まで" in step for step in procedure.steps)


def test_a_prefecture_without_contact_is_stood_in_for_and_that_is_said(world):
    facts = world.institution(applied(world, PROBED, BOUNCED))
    procedure = advise(Symptom.NOT_ARRIVED, facts, world.yamaguchi(contact=None), LATER)
    assert procedure.contact == world.secretariat
    assert "連絡先が登録されていない" in procedure.steps[-1]


def test_settings_of_another_prefecture_are_refused(world):
    with pytest.raises(WrongPrefecture) as refusal:
        advise(Symptom.NOT_ARRIVED, world.institution(), world.elsewhere(), LATER)
    assert isinstance(refusal.value, TodokeError)
    assert (refusal.value.institution, refusal.value.settings) == ("35", "99")


def test_a_pharmacy_reads_of_its_own_scheme(world):
    application = applied(world, account=Account.PERMITTED, decided_rule="no-mail-permitted")
    procedure = answer(world, "no-permission", application, type=InstitutionType.PHARMACY)
    assert any("「薬局機能情報提供制度ボタン」" in step for step in procedure.steps)


def test_a_proxy_application_is_told_that_there_is_nothing_to_do(world):
    procedure = answer(world, "not-arrived", applied(world, PROBED, route=Route.PREFECTURE), today=world.day(2))
    assert procedure.steps[0].startswith("都道府県が代理で申請する場合には")


def test_names_and_notices_are_never_read_as_placeholders(world):
    facts = world.institution(name="{contact}病院")
    procedure = advise(Symptom.UNKNOWN_INSTITUTION_CODE, facts, world.yamaguchi(notice="{received_on}"), LATER)
    assert any("{contact}病院" in step for step in procedure.steps)
    assert procedure.steps[-1] == "{received_on}"
