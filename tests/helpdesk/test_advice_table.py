"""Every symptom in every delivery state, on both sides of day 21: answered, rightly, and fit to be read out."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from core.kinds import Account
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import InstitutionFacts
from helpdesk.summary import summarise
from helpdesk.vocabulary import Symptom

AGES = (0, 20, 21)
GONE = {Status.EXPIRED, Status.SUPPRESSED}

NAMED = {
    "mailbox-full": "free-mailbox",
    "in-spam": "check-spam-folder",
    "person-left": "change-address",
    "cannot-view": "change-address",
    "url-unreachable": "check-url-access",
    "url-shows-login": "check-url-access",
    "lost-guide": "ask-login-id-and-reset-password",
    "unknown-login-id": "ask-login-id-and-reset-password",
    "unknown-password": "reset-password",
    "no-permission": "confirm-permission",
    "reminded-though-reported": "press-report-button",
    "reset-mail-not-arrived": "contact-secretariat",
    "sso-error": "use-login-url",
    "home-screen-not-shown": "allow-popups",
    "which-system": "choose-gmis",
    "button-missing": "use-report-account",
    "report-button-greyed": "check-period",
    "unknown-institution-code": "ask-institution-code",
    "wrong-institution-code": "reapply",
    "no-mail-address": "get-mail-address",
    "no-internet": "report-on-paper",
}
"""What each symptom is answered where the mails do not matter."""


def not_arrived(state, age):
    """The line of contract section 9, read literally; below it, what it leaves open."""
    guide_gone = state.guide in GONE or state.guide_reason in ("pre-check-expired", "pre-check-suppressed")
    if state.decided:
        return "confirm-permission"
    if state.guide is Status.UNDELIVERED:
        return "reapply"
    if state.guide is Status.SENT:
        return "check-spam-folder"  # advice follows the guide, whatever its pre-check became
    if state.pre_check is Status.UNDELIVERED:
        return "reapply"
    if state.guide is not Status.IN_DOUBT and (guide_gone or state.pre_check in GONE):
        return "reapply"
    if Status.CANCELLED in (state.guide, state.pre_check) and state.guide is not Status.IN_DOUBT:
        return "contact-prefecture"
    return beside_the_guide(state) or ("wait" if age < 21 else "contact-prefecture")


def beside_the_guide(state):
    """Applications that bring no guide: an account is there already, or the application was rejected."""
    if state.rejection:
        exists = state.account in (Account.UNPERMITTED, Account.PERMITTED)
        return "find-existing-account" if exists else "reapply"
    waiting = {None, Status.HELD, Status.SCHEDULED, Status.SENDING, Status.DEFERRED, Status.IN_DOUBT}
    return None if state.confirm in waiting else "confirm-permission"


def nothing_will_come(state):
    """Room in the mailbox brings no mail: there was none, or there will be none whatever the age."""
    on_the_first_day = not_arrived(state, 0)
    return state.decided or on_the_first_day in ("reapply", "find-existing-account", "contact-prefecture")


def expected(symptom, state, age):
    address_dead = not_arrived(state, age) == "reapply" and not state.rejection
    undelivered = Status.UNDELIVERED in (state.guide, state.pre_check) and state.guide is not Status.SENT
    full = state.guide is Status.UNDELIVERED and state.guide_reason == "mailboxfull"
    match symptom:
        case Symptom.NOT_ARRIVED:
            return not_arrived(state, age)
        case Symptom.MAILBOX_FULL if not full and nothing_will_come(state):
            return not_arrived(state, age)
        case Symptom.PERSON_LEFT | Symptom.CANNOT_VIEW if undelivered:
            return "reapply"
        case Symptom.LOST_GUIDE | Symptom.UNKNOWN_LOGIN_ID | Symptom.UNKNOWN_PASSWORD if address_dead and not full:
            return "reapply"
    return NAMED[symptom]


@pytest.mark.parametrize("symptom", Symptom)
def test_every_state_gets_the_right_procedure(world, symptom):
    wrong = [
        (state, age, answer, right)
        for state in world.states()
        for age in AGES
        for right in [expected(symptom, state, age)]
        for answer in [advise(symptom, world.in_state(state), world.yamaguchi(), world.day(age)).id]
        if answer != right
    ]
    assert not wrong


@pytest.mark.parametrize("symptom", Symptom)
def test_every_answer_can_be_read_out(world, symptom):
    for state, procedure in answers(world, symptom):
        document = procedure.as_dict()
        said = [document["title"], document["who"], *document["steps"], *document["not_possible"]]
        assert document["steps"]
        assert all(text.strip() and not re.search(r"[{}]|None|datetime", text) for text in said), state
        assert document["contact"].keys() == {"name", "phone", "email"}
        assert procedure.contact in (world.yamaguchi_contact, world.secretariat)
        assert all(url.startswith("https://") for url in document["urls"])
        assert document["version"]


def answers(world, symptom):
    for state in world.states():
        for age in (20, 21):
            yield state, advise(symptom, world.in_state(state), world.yamaguchi(), world.day(age))


@pytest.mark.parametrize("symptom", Symptom)
def test_no_answer_shows_a_whole_address_or_another_prefectures_desk(world, symptom):
    elsewhere = world.elsewhere()
    for state in world.states():
        institution = world.in_state(state)
        moved = InstitutionFacts("9900000001", "架空病院", None, "99", applications=institution.applications)
        text = str(advise(symptom, moved, elsewhere, world.day(5)).as_dict())
        assert "soumu@" not in text
        assert world.yamaguchi_contact.phone not in text
        assert world.yamaguchi_contact.email not in text


ALLOWED_TO_SAY_RESENT = (
    "再送できません",
    "再送はできません",
    "メールサーバからメールが再送されます",  # rule 83: what the recipient's own server may do
)


@pytest.mark.parametrize("symptom", Symptom)
def test_no_answer_promises_the_guide_a_second_time(world, symptom):
    for state, procedure in answers(world, symptom):
        for text in (procedure.title, procedure.summary, *procedure.steps, *procedure.not_possible):
            assert promised_again(text) is None, state


def promised_again(text):
    """The words that promise to send a mail again, None where there are none."""
    for phrase in ALLOWED_TO_SAY_RESENT:
        text = text.replace(phrase, "")
    return re.search(r"再送|再配信|(再度|もう一度|改めて)[^。]*(送信|配信|お送り)(します|いたします|されます)", text)


def test_the_check_for_promises_finds_one():
    assert promised_again("G-MIS利用案内メールを再送します。")
    assert promised_again("もう一度、新しいアドレスに送信します。")
    assert promised_again("G-MIS利用案内メールは、再送できません。") is None


def test_every_state_has_one_sentence(world):
    for state in world.states():
        for age in (0, 25):
            sentence = summarise(world.in_state(state), world.yamaguchi(), world.day(age))
            assert sentence.endswith("。")
            assert sentence.count("。") == 1
            assert not re.search(r"[{}\n]|None|再送(?!できません)", sentence)


@pytest.mark.parametrize("symptom", Symptom)
def test_an_unknown_institution_is_answered_by_the_secretariat(world, symptom):
    facts = InstitutionFacts.unknown("9999999")
    procedure = advise(symptom, facts, world.nowhere(), world.day(0))
    right = {"not-arrived": "contact-prefecture"} | NAMED
    assert procedure.id == right[symptom]
    assert procedure.contact == world.secretariat


def test_within_the_period_a_grey_button_means_that_last_years_data_are_missing(world):
    as_of = world.moment(world.period.start)
    inside, last_day = world.period.start + timedelta(days=3), world.period.end
    cases = {
        (True, inside): "use-new-report",
        (False, last_day): "use-new-report",
        (False, last_day + timedelta(days=1)): "check-period",
        (False, world.period.start - timedelta(days=1)): "check-period",
    }
    for (last_year_data, today), right in cases.items():
        facts = world.institution(reporting=(world.report(as_of=as_of, last_year_data=last_year_data),))
        procedure = advise(Symptom.REPORT_BUTTON_GREYED, facts, world.yamaguchi(), today)
        assert procedure.id == right
        assert any("昨年度の報告データがG-MIS上に存在しない場合" in step for step in procedure.steps)
    nobody_said = world.institution()
    assert advise(Symptom.REPORT_BUTTON_GREYED, nobody_said, world.yamaguchi(), inside).id == "use-new-report"
    without_period = world.yamaguchi(period=None)
    assert advise(Symptom.REPORT_BUTTON_GREYED, world.institution(), without_period, inside).id == "check-period"


def test_paper_is_offered_unless_the_prefecture_refuses_it(world):
    answers = {
        accepted: advise(
            Symptom.NO_INTERNET,
            world.institution(),
            world.yamaguchi(paper_accepted=accepted),
            world.received,
        ).id
        for accepted in (True, None, False)
    }
    assert answers == {True: "report-on-paper", None: "report-on-paper", False: "contact-prefecture"}
