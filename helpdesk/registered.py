"""The address that an account is registered with: where the password-reset mail goes (rules 21, 38)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.kinds import Kind
from core.statuses import Status
from helpdesk.facts import InstitutionFacts, MessageFacts, SuppressionFacts


def registered_mail(facts: InstitutionFacts) -> MessageFacts | None:
    """The mail that tells the registered address best; None where none does."""
    return _newest(filter(_shows_address, _firsts(facts))) or _newest(filter(_suggests_address, _firsts(facts)))


def registered_suppression(facts: InstitutionFacts) -> SuppressionFacts | None:
    """The 送信停止 in force for the registered address; None where there is none, or the address is not known."""
    mail = registered_mail(facts)
    if mail is None:
        return None
    return next((entry for entry in facts.suppressed if entry.email.lower() == mail.email.lower()), None)


def _firsts(facts: InstitutionFacts) -> Iterator[MessageFacts]:
    """All mails but copies, which go where the first one went, however long afterwards."""
    for messages in (facts.messages, *(application.messages for application in facts.applications)):
        yield from (mail for mail in messages if mail.resend_of is None)


def _shows_address(mail: MessageFacts) -> bool:
    """Whether it went to the address of an account that can be opened, whatever became of the mail itself."""
    if mail.kind is Kind.GUIDE:
        return mail.status in (Status.SENT, Status.IN_DOUBT)
    return mail.kind in (Kind.PASSWORD_RESET, Kind.ADDRESS_CHANGED)


def _suggests_address(mail: MessageFacts) -> bool:
    """Whether it went to an address that people gave, and which is the account's as far as one can tell."""
    undelivered_guide = mail.kind is Kind.GUIDE and mail.status is Status.UNDELIVERED
    return undelivered_guide or mail.kind in (Kind.EXISTING_USER_CONFIRM, Kind.REMINDER)


def _newest(mails: Iterable[MessageFacts]) -> MessageFacts | None:
    return max(mails, key=lambda mail: mail.created_at, default=None)
