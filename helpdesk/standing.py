"""Where an institution's account issuing stands, read from its applications and mails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial, reduce

from core.kinds import Account, Kind
from core.messages import CancelReason
from core.statuses import Status
from helpdesk.copies import UNSENT, told
from helpdesk.facts import ApplicationFacts, InstitutionFacts, MessageFacts


class Standing(StrEnum):
    """What the mails of one application came to, as far as it changes what a caller is told."""

    NOTHING_KNOWN = "nothing-known"
    IN_REVIEW = "in-review"  # applied; nothing was decided yet
    REJECTED = "rejected"
    REJECTED_ACCOUNT_EXISTS = "rejected-account-exists"  # rule 14
    ACCOUNT_KNOWN = "account-known"  # issued before: its mails tell of an account, none of an issue
    NO_MAIL = "no-mail"  # decided, and by rule no mail follows (rules 36, 57)
    WAITING = "waiting"  # pre-check or guide are on their way
    PRE_CHECK_UNDELIVERED = "pre-check-undelivered"  # the guide will never leave (rule 28)
    GUIDE_UNDELIVERED = "guide-undelivered"
    GUIDE_MAILBOX_FULL = "guide-mailbox-full"  # 不達 too, but the address is good
    SPENT = "spent"  # expired, about to, or suppressed: this application brings no guide any more
    WITHDRAWN = "withdrawn"  # the registration system took it back
    GUIDE_IN_DOUBT = "guide-in-doubt"
    GUIDE_SENT = "guide-sent"
    CONFIRM_WAITING = "confirm-waiting"
    CONFIRM_SENT = "confirm-sent"
    CONFIRM_FAILED = "confirm-failed"


BRINGS_ACCOUNT = frozenset(
    {
        Standing.GUIDE_SENT,
        Standing.GUIDE_IN_DOUBT,
        Standing.NO_MAIL,
        Standing.CONFIRM_WAITING,
        Standing.CONFIRM_SENT,
        Standing.CONFIRM_FAILED,
    },
)
"""An application that stands so has an account to it, or may have."""

UNDER_WAY = frozenset({Standing.IN_REVIEW, Standing.WAITING})
"""It is not known yet what comes of an application that stands so."""

OF_THE_ACCOUNT = frozenset({Kind.PASSWORD_RESET, Kind.ADDRESS_CHANGED})
"""Mails that are told to an account, whatever application it came from."""

TELLS_OF_ACCOUNT = BRINGS_ACCOUNT | {Standing.ACCOUNT_KNOWN}
"""The same, and where an account is known by its own mails alone."""

_HAS_ACCOUNT = TELLS_OF_ACCOUNT - {Standing.GUIDE_IN_DOUBT}
_CLOSED = frozenset({Standing.REJECTED, Standing.REJECTED_ACCOUNT_EXISTS, Standing.WITHDRAWN})
_NOT_CLOSED = frozenset(Standing) - _CLOSED

_YIELDS_TO: Mapping[Standing, frozenset[Standing]] = {
    Standing.IN_REVIEW: _HAS_ACCOUNT | {Standing.WAITING},
    Standing.SPENT: _HAS_ACCOUNT,
    Standing.ACCOUNT_KNOWN: (_HAS_ACCOUNT - {Standing.ACCOUNT_KNOWN}) | {Standing.WAITING},
    **dict.fromkeys(_CLOSED, _NOT_CLOSED),
    Standing.REJECTED_ACCOUNT_EXISTS: _NOT_CLOSED - {Standing.SPENT},
}
"""A newer application that stands so tells less than an older one that stands so. Otherwise the newest decides."""

_YIELDS_TO_PAST_REVIEW: Mapping[Standing, frozenset[Standing]] = {
    **_YIELDS_TO,
    Standing.IN_REVIEW: _NOT_CLOSED - {Standing.IN_REVIEW},
}

_SPENDING_REASONS = frozenset({CancelReason.pre_check(Status.EXPIRED), CancelReason.pre_check(Status.SUPPRESSED)})


@dataclass(frozen=True, slots=True)
class Reading:
    """How the institution stands, by the application that decides it.

    `newer` is an application received after that one, `earlier_guide` a guide that was sent for one received before.
    `account_exists_since`: an application received after the deciding one was rejected because of an account (rule 14).
    """

    standing: Standing
    application: ApplicationFacts | None = None
    newer: ApplicationFacts | None = None
    earlier_guide: MessageFacts | None = None
    account_exists_since: bool = False

    @property
    def newer_rejected(self) -> bool:
        """Whether the newer application was rejected."""
        return self.newer is not None and standing_of(self.newer) in _CLOSED - {Standing.WITHDRAWN}

    @property
    def newer_in_review(self) -> bool:
        """Whether it is not known yet what comes of the newer application."""
        return self.newer is not None and standing_of(self.newer) in UNDER_WAY

    @property
    def newer_account(self) -> bool:
        """Whether the newer application tells of an account."""
        return self.newer is not None and standing_of(self.newer) in TELLS_OF_ACCOUNT

    @property
    def newer_guide(self) -> MessageFacts | None:
        """The guide of the newer application, if it was sent."""
        guide = None if self.newer is None else latest(self.newer, Kind.GUIDE)
        return guide if guide is not None and guide.status is Status.SENT else None


def read(facts: InstitutionFacts, *, past_review: bool = False, of: str | None = None) -> Reading:
    """The institution's standing: the newest application decides, unless an older one says more.

    `past_review` asks for what came of an application that was decided, where there is one; `of` for the application
    of this id, where it is on record, whatever others there are.
    """
    newest_first = sorted(facts.applications, key=lambda a: (a.received_on, a.created_at), reverse=True)
    if not newest_first:
        return Reading(Standing.NOTHING_KNOWN)
    heaviest = _past_review if past_review else _heaviest
    asked = next((application for application in newest_first if application.id == of), None)
    deciding = asked or heaviest(newest_first)
    place = newest_first.index(deciding)
    newer, older = newest_first[:place], newest_first[place + 1 :]
    return Reading(
        standing_of(deciding),
        deciding,
        heaviest(newer) if newer else None,
        _earlier_guide(older),
        any(standing_of(application) is Standing.REJECTED_ACCOUNT_EXISTS for application in newer),
    )


def standing_of(application: ApplicationFacts) -> Standing:
    """How one application stands by itself."""
    mailing = _mailing_standing(latest(application, Kind.PRE_CHECK), latest(application, Kind.GUIDE))
    confirm = latest(application, Kind.EXISTING_USER_CONFIRM)
    rejection = latest(application, Kind.REJECTION)
    rejected = rejection is not None and rejection.status is not Status.CANCELLED
    if mailing is not None and not (rejected and mailing in (Standing.SPENT, Standing.WITHDRAWN)):
        return mailing
    if confirm is not None and not (rejected and confirm.status is Status.CANCELLED):
        return _confirm_standing(confirm)
    if application.decided_rule is not None and not rejected:
        return Standing.NO_MAIL
    if rejection is not None:
        return _rejected_standing(application)
    return Standing.ACCOUNT_KNOWN if _tells_of_account(application) else Standing.IN_REVIEW


def latest(application: ApplicationFacts, kind: Kind) -> MessageFacts | None:
    """The application's newest mail of this kind; of its copies the one that speaks."""
    found = told(application.messages, kind)
    return None if found is None else found.mail


def guide_comes_too_late(application: ApplicationFacts) -> bool:
    """Whether its guide will expire before it may leave, as far as days are known: no mail of it will come."""
    return _comes_too_late(latest(application, Kind.PRE_CHECK), latest(application, Kind.GUIDE))


def _heaviest(newest_first: Sequence[ApplicationFacts]) -> ApplicationFacts:
    return reduce(partial(_of_more_weight, _YIELDS_TO), newest_first)


def _past_review(newest_first: Sequence[ApplicationFacts]) -> ApplicationFacts:
    return reduce(partial(_of_more_weight, _YIELDS_TO_PAST_REVIEW), newest_first)


def _of_more_weight(
    yields_to: Mapping[Standing, frozenset[Standing]], newer: ApplicationFacts, older: ApplicationFacts
) -> ApplicationFacts:
    yields = standing_of(older) in yields_to.get(standing_of(newer), frozenset())
    return older if yields else newer


def _earlier_guide(older: Iterable[ApplicationFacts]) -> MessageFacts | None:
    guides = (latest(application, Kind.GUIDE) for application in older)
    sent = (guide for guide in guides if guide is not None and guide.status is Status.SENT)
    return max(sent, key=lambda guide: guide.created_at, default=None)


def _mailing_standing(pre_check: MessageFacts | None, guide: MessageFacts | None) -> Standing | None:
    """Advice follows a guide that was sent, whatever its pre-check became afterwards (contract section 1)."""
    mails = [mail for mail in (guide, pre_check) if mail is not None]
    if not mails:
        return None
    if guide is not None and guide.status in (Status.SENT, Status.UNDELIVERED):
        return _guide_outcome(guide)
    if any(_shows_pre_check_failure(mail) for mail in mails):
        return Standing.PRE_CHECK_UNDELIVERED
    if guide is not None and guide.status is Status.IN_DOUBT:
        return Standing.GUIDE_IN_DOUBT
    return Standing.SPENT if _comes_too_late(pre_check, guide) else _unsent_standing(mails)


def _comes_too_late(pre_check: MessageFacts | None, guide: MessageFacts | None) -> bool:
    if guide is None or guide.status not in (Status.HELD, Status.SCHEDULED):
        return False
    waits_for = guide if guide.status is Status.SCHEDULED else pre_check
    return waits_for is not None and waits_for.status is Status.SCHEDULED and guide.expires_by(waits_for.due_at)


def _guide_outcome(guide: MessageFacts) -> Standing:
    if guide.status is Status.SENT:
        return Standing.GUIDE_SENT
    return Standing.GUIDE_MAILBOX_FULL if guide.mailbox_full else Standing.GUIDE_UNDELIVERED


def _shows_pre_check_failure(mail: MessageFacts) -> bool:
    failed = mail.kind is Kind.PRE_CHECK and mail.status is Status.UNDELIVERED
    return failed or mail.reason == CancelReason.pre_check(Status.UNDELIVERED)


def _unsent_standing(mails: list[MessageFacts]) -> Standing:
    if any(m.status in (Status.EXPIRED, Status.SUPPRESSED) or m.reason in _SPENDING_REASONS for m in mails):
        return Standing.SPENT
    if any(mail.status is Status.CANCELLED for mail in mails):
        return Standing.WITHDRAWN
    return Standing.WAITING


def _tells_of_account(application: ApplicationFacts) -> bool:
    """Whether all its mails are such as only an account brings: one whose application is on record is in review."""
    kinds = {mail.kind for mail in application.messages}
    return bool(kinds) and kinds <= OF_THE_ACCOUNT


def _confirm_standing(confirm: MessageFacts) -> Standing:
    if confirm.status is Status.SENT:
        return Standing.CONFIRM_SENT
    on_its_way = confirm.status in UNSENT or confirm.status is Status.IN_DOUBT
    return Standing.CONFIRM_WAITING if on_its_way else Standing.CONFIRM_FAILED


def _rejected_standing(application: ApplicationFacts) -> Standing:
    has_account = application.account in (Account.UNPERMITTED, Account.PERMITTED)
    return Standing.REJECTED_ACCOUNT_EXISTS if has_account else Standing.REJECTED
