"""A rejection that came after another decision of the same application."""

from core.kinds import Account, Kind
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.summary import summarise
from helpdesk.vocabulary import Symptom

REJECTED = (Kind.REJECTION, Status.SENT)
REVOKED = (Kind.REJECTION, Status.CANCELLED)
TAKEN_BACK = (Kind.EXISTING_USER_CONFIRM, Status.CANCELLED)


def applied(world, *mails, **changes):
    return world.application(*(world.message(*mail) for mail in mails), **changes)


def not_arrived(world, application):
    return advise(Symptom.NOT_ARRIVED, world.institution(application), world.yamaguchi(), world.day(30))


def test_a_rejection_after_a_decision_without_mail_decides(world):
    decided = {"account": Account.PERMITTED, "decided_rule": "no-mail-permitted"}
    for mails, told in (
        ((REJECTED,), "申請は却下され"),
        ((REVOKED,), "メールは送信していません"),
        ((), "メールは送信していません"),
    ):
        facts = world.institution(applied(world, *mails, **decided))
        assert told in summarise(facts, world.yamaguchi(), world.day(30))
    assert not_arrived(world, applied(world, REJECTED, **decided)).id == "find-existing-account"


def test_a_rejection_after_a_confirmation_that_was_withdrawn_decides(world):
    application = applied(world, TAKEN_BACK, REJECTED, account=Account.UNPERMITTED)
    assert not_arrived(world, application).id == "find-existing-account"
    revoked = applied(world, TAKEN_BACK, REVOKED, account=Account.UNPERMITTED)
    assert not_arrived(world, revoked).id == "confirm-permission"
