"""The rule table: which mails follow from a job, and why none does (contract section 3, rule 60). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.jobs import Job, Note
from core.kinds import BY_TABLE, Account, Kind, Route

RULE_IMMEDIATE = "immediate"
RULE_BUSINESS_HOURS = "business-hours"
RULE_GUIDE = "next-business-day-after-pre-check"
RULES = (RULE_IMMEDIATE, RULE_BUSINESS_HOURS, RULE_GUIDE)


@dataclass(frozen=True, slots=True)
class Follow:
    """The mails that follow from an account-issue, or the note that says why none does."""

    kinds: tuple[Kind, ...]
    note: str | None = None


_PRE_CHECK_THEN_GUIDE = Follow((Kind.PRE_CHECK, Kind.GUIDE))
_PREFECTURE_TELLS = Follow((), Note.NO_MAIL_PREFECTURE_TELLS)

RULE_TABLE: Mapping[tuple[Route, Account], Follow] = {
    (Route.SELF, Account.NONE): _PRE_CHECK_THEN_GUIDE,
    (Route.SELF, Account.UNPERMITTED): Follow((Kind.EXISTING_USER_CONFIRM,)),
    (Route.SELF, Account.PERMITTED): Follow((), Note.NO_MAIL_PERMITTED),
    (Route.PREFECTURE, Account.NONE): _PRE_CHECK_THEN_GUIDE,
    (Route.PREFECTURE, Account.UNPERMITTED): _PREFECTURE_TELLS,
    (Route.PREFECTURE, Account.PERMITTED): _PREFECTURE_TELLS,
}

_NOT_BY_PREFECTURE = frozenset({Kind.CODE, Kind.APPLICATION_COMPLETE, Kind.REJECTION})


def follow(job: Job) -> Follow:
    """What follows from a job; a job of one kind is that mail."""
    if job.kind is not None:
        return Follow((job.kind,))
    application = job.application
    if application is None or application.account is None:
        raise ValueError("an account-issue without application and account is not a valid job")
    return RULE_TABLE[application.route, application.account]


def rule_violation(job: Job) -> tuple[str, str, str] | None:
    """Field, code and sentence where a mail of this kind may not be sent by the table; None where it may."""
    application = job.application
    if application is None or job.kind is None:
        return None
    if job.kind in _NOT_BY_PREFECTURE and application.route is Route.PREFECTURE:
        return "application.route", "not-for-this-route", "the prefecture route sends no such mail to the institution"
    if job.kind in BY_TABLE and application.account is not None:
        expected = RULE_TABLE[application.route, application.account].kinds
        if job.kind not in expected:
            return "application.account", "not-by-rule", "the rule table sends no such mail for this route and account"
    return None


def decides_otherwise(job: Job, *, approved: bool, rejected: bool) -> tuple[str, str, str] | None:
    """The same, where the application is approved or rejected already and the job says the other (rules 60 and 78)."""
    if rejected and (job.kind is None or job.kind in BY_TABLE):
        return "application.id", "not-by-rule", _REJECTED
    if approved and job.kind is Kind.REJECTION:
        return "application.id", "not-by-rule", _APPROVED
    return None


_REJECTED = (
    "this application was rejected: apply anew under a new application id, "
    "or withdraw the job of the rejection before its mail leaves"
)
_APPROVED = (
    "this application was approved: withdraw the job of its account-issue before any of its mails leaves, "
    "and reject the application then"
)


def contradiction(job: Job, route: Route, account: Account) -> tuple[str, str, str] | None:
    """The same, by the route and the account by which the application was decided before, whatever the job says."""
    application = job.application
    if application is None:
        return None
    if job.kind in _NOT_BY_PREFECTURE and route is Route.PREFECTURE:
        return "application.route", "not-for-this-route", "this application was decided as one of the prefecture route"
    decided = RULE_TABLE[route, account].kinds
    if any(kind in BY_TABLE and kind not in decided for kind in follow(job).kinds):
        field = "application.route" if application.account is account else "application.account"
        return field, "not-by-rule", "the rule table sends no such mail for the route and account it was decided by"
    return None
