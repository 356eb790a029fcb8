"""Who answers what is a prefecture's own choice (rules 115, 126, 167), and never one without effect."""

from __future__ import annotations

import pytest

from core.kinds import Kind
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.desks import FIXED, contact_text, desk_for
from helpdesk.vocabulary import Desk, Symptom

LATER = 40
S2_1 = "メールが届かないようでしたら、{} へご連絡ください。"
S2_2 = "アカウントの発行状況を確認しますので、{} へご連絡ください。"


def by_secretariat(world, **changes):
    """Yamaguchi, where the secretariat is asked for account mails that do not come, as S2-1 has it."""
    return world.yamaguchi(desks={Symptom.NOT_ARRIVED: Desk.SECRETARIAT}, **changes)


def other_desk(symptom, world):
    usual = desk_for(symptom, world.yamaguchi(desks={}))
    return Desk.PREFECTURE if usual is Desk.SECRETARIAT else Desk.SECRETARIAT


def contacts(symptom, world, desks):
    """Who is named to a caller with this symptom, in each case."""
    settings = [world.yamaguchi(desks=desks, paper_accepted=accepted) for accepted in (None, False)]
    cases = [(world.in_state(state), place) for state in world.states() for place in settings]
    days = (world.day(1), world.day(LATER))
    return [advise(symptom, facts, place, today).contact for facts, place in cases for today in days]


@pytest.mark.parametrize("symptom", Symptom)
def test_a_desk_that_is_accepted_has_an_effect_and_one_that_is_refused_has_none(world, symptom):
    usual = contacts(symptom, world, {})
    changed = contacts(symptom, world, {symptom: other_desk(symptom, world)})
    assert (usual == changed) is (symptom in FIXED)


@pytest.mark.parametrize("age", [1, LATER])
def test_the_secretariat_may_answer_for_mails_that_do_not_come(world, age):
    facts = world.institution(world.application())
    usual = advise(Symptom.NOT_ARRIVED, facts, world.yamaguchi(), world.day(age))
    chosen = advise(Symptom.NOT_ARRIVED, facts, by_secretariat(world), world.day(age))
    assert (usual.contact, chosen.contact) == (world.yamaguchi_contact, world.secretariat)
    assert usual.id == ("wait" if age == 1 else "contact-prefecture")
    assert chosen.id == ("wait" if age == 1 else "contact-secretariat")
    assert not any("山口県医療政策課" in step for step in chosen.steps)
    assert any("G-MIS事務局 (050-3355-8230" in step for step in chosen.steps)


def test_what_is_known_of_the_mails_is_told_by_either_desk(world):
    doubtful = world.application(world.message(Kind.PRE_CHECK, Status.SENT), world.message(Kind.GUIDE, Status.IN_DOUBT))
    probed = world.application(world.message(Kind.PRE_CHECK, Status.SENT))
    for facts in (*map(world.institution, (doubtful, probed, world.application())), world.institution()):
        usual = advise(Symptom.NOT_ARRIVED, facts, world.yamaguchi(desks={}), world.day(LATER))
        chosen = advise(Symptom.NOT_ARRIVED, facts, by_secretariat(world), world.day(LATER))
        asks, instead = S2_2.format(contact_text(usual.contact)), S2_1.format(contact_text(chosen.contact))
        assert sorted(chosen.steps) == sorted(instead if step == asks else step for step in usual.steps)


@pytest.mark.parametrize("symptom", [Symptom.NOT_ARRIVED, Symptom.MAILBOX_FULL])
def test_mails_that_were_withdrawn_are_asked_about_there_too(world, symptom):
    facts = world.institution(world.application(world.message(Kind.PRE_CHECK, Status.CANCELLED, reason="withdrawn")))
    procedure = advise(symptom, facts, by_secretariat(world), world.day(LATER))
    assert (procedure.id, procedure.contact) == ("contact-secretariat", world.secretariat)
    assert any("取り消されています" in step for step in procedure.steps)
    assert S2_2.format(contact_text(world.secretariat)) in procedure.steps


def test_where_paper_is_refused_the_chosen_desk_is_asked(world):
    desks = {Symptom.NO_INTERNET: Desk.SECRETARIAT}
    place = world.yamaguchi(desks=desks, paper_accepted=False)
    procedure = advise(Symptom.NO_INTERNET, world.institution(), place, world.day(1))
    assert (procedure.id, procedure.contact) == ("contact-secretariat", world.secretariat)
    assert procedure.steps[0] == "山口県では、紙での報告を受け付けていません。"


def test_what_only_the_prefecture_can_do_stays_with_it(world):
    facts = world.institution(world.application(world.message(Kind.REJECTION, Status.SENT)))
    procedure = advise(Symptom.NOT_ARRIVED, facts, by_secretariat(world), world.day(LATER))
    assert (procedure.id, procedure.contact) == ("reapply", world.yamaguchi_contact)
