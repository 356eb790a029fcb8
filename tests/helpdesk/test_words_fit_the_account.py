"""Where an account can be opened, answers lead to a password reset; a new application is offered only elsewhere."""

from __future__ import annotations

from datetime import date

import pytest

from core.kinds import Kind
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.vocabulary import Symptom

TODAY = date(2027, 1, 20)
LINK_EXPIRED = "有効期限（1月4日（月））を過ぎています"
LEFT = frozenset({Status.SENT, Status.IN_DOUBT})


def told(world, symptom, *applications, **institution):
    return advise(Symptom(symptom), world.institution(*applications, **institution), world.yamaguchi(), TODAY)


def text(procedure):
    return "\n".join((*procedure.steps, *procedure.urls))


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
