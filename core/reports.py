"""Delivery reports: what a mail that came back says, as facts kept apart.

Three facts per recipient: the action (RFC 3464 section 2.3.3), the codes as given, and the reason in one
closed vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.messages import Change
from core.statuses import Status


class ReportType(StrEnum):
    """What a mail that came to the bounce listener is."""

    BOUNCE = "bounce"  # a final failure for at least one recipient
    DELAY = "delay"  # still being tried
    SUCCESS = "success"  # delivered, relayed or expanded
    AUTO_REPLY = "auto-reply"  # RFC 3834, challenge, read receipt
    COMPLAINT = "complaint"  # RFC 5965
    OTHER = "other"


class Action(StrEnum):
    """RFC 3464 section 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


class BounceClass(StrEnum):
    """hard: the address is no good; soft: it may be good another day or for another mail."""

    HARD = "hard"
    SOFT = "soft"


class Reason(StrEnum):
    """Why delivery failed: the closed vocabulary, after Sisimai 5.6's 34 reasons."""

    AUTHFAILURE = "authfailure"
    BADREPUTATION = "badreputation"
    BLOCKED = "blocked"
    CONTENTERROR = "contenterror"
    DELIVERED = "delivered"
    EMAILTOOLARGE = "emailtoolarge"
    EXPIRED = "expired"
    FAILEDSTARTTLS = "failedstarttls"
    FEEDBACK = "feedback"
    FILTERED = "filtered"
    HASMOVED = "hasmoved"
    HOSTUNKNOWN = "hostunknown"
    MAILBOXFULL = "mailboxfull"
    MAILERERROR = "mailererror"
    NETWORKERROR = "networkerror"
    NORELAYING = "norelaying"
    NOTACCEPT = "notaccept"
    NOTCOMPLIANTRFC = "notcompliantrfc"
    ONHOLD = "onhold"
    POLICYVIOLATION = "policyviolation"
    RATELIMITED = "ratelimited"
    REJECTED = "rejected"
    REQUIREPTR = "requireptr"
    SECURITYERROR = "securityerror"
    SPAMDETECTED = "spamdetected"
    SUPPRESSED = "suppressed"
    SUSPEND = "suspend"
    SYNTAXERROR = "syntaxerror"
    SYSTEMERROR = "systemerror"
    SYSTEMFULL = "systemfull"
    UNDEFINED = "undefined"
    USERUNKNOWN = "userunknown"
    VACATION = "vacation"
    VIRUSDETECTED = "virusdetected"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What a report says of one recipient. Codes are None where the report gives none, the address is empty."""

    address: str
    action: Action | None
    status: str | None  # enhanced status code, RFC 3463: "5.1.1"
    smtp_code: int | None
    reason: Reason | None
    bounce_class: BounceClass | None
    diagnostic: str | None  # bounded text that led to the reason; untrusted


@dataclass(frozen=True, slots=True)
class ParsedReport:
    """A mail read as a report. `original_message_id` is from the returned part, without angle brackets."""

    type: ReportType
    recipients: tuple[RecipientReport, ...] = ()
    original_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail for one return path, as the listener or a file brought it.

    `message_id` is what the return path was signed for, None without a signed one; `doubt` says what was wrong
    with a return path that is none of ours.
    """

    peer: str  # address of the host that brought it, or "file"
    token_digest: str
    message_id: str | None
    raw: bytes
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A kept mail that nothing was decided about yet. `message_id` is of a message on record."""

    id: str
    message_id: str | None
    token_digest: str
    doubt: str | None
    fingerprint: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class ReadReport:
    """A kept mail and what it says; `address_unused`: an auto-reply tells that nobody uses the address any more."""

    kept: KeptReport
    parsed: ParsedReport
    address_unused: bool = False


def without_quotations(report: ReadReport, hide: Callable[[str], str]) -> ReadReport:
    """The same report, with `hide` applied to all that it quotes of servers."""
    if not any(recipient.diagnostic for recipient in report.parsed.recipients):
        return report
    recipients = tuple(
        replace(recipient, diagnostic=recipient.diagnostic and hide(recipient.diagnostic))
        for recipient in report.parsed.recipients
    )
    return replace(report, parsed=replace(report.parsed, recipients=recipients))


@dataclass(frozen=True, slots=True)
class ReportTarget:
    """The message that a report was tied to.

    `handed_over_at` is of the try that left it in doubt, where it is; `reached`: an earlier report tells that it came
    to its own recipient.
    """

    message_id: str
    status: Status
    email: str
    handed_over_at: datetime | None = None
    reached: bool = False


@dataclass(frozen=True, slots=True)
class Correlation:
    """What a report was tied to, and the message of ours that the returned mail is by its Message-ID."""

    target: ReportTarget | None
    returned: str | None


@dataclass(frozen=True, slots=True)
class Effect:
    """The report is recorded with this change; a complaint also stops reminders."""

    change: Change
    complaint: bool = False


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The report has no effect and is kept for a person to look at; `note` says so in its message's story."""

    reason: str
    note: Change | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The report is ahead of our own record of the sending: ask again in a moment."""


DELIVERY_REPORTED = "delivery-reported"
"""The event of a report that somebody took the mail over."""

_AT_ITS_END = (Action.DELIVERED, Action.EXPANDED)


def reaches(event: str, detail: Mapping[str, Any]) -> bool:
    """Whether an event tells that the mail came to its own recipient (RFC 3464 section 2.3.3).

    `relayed` leaves that open, and `delivered` to an address behind ours says nothing of the others there.
    """
    return event == DELIVERY_REPORTED and detail.get("action") in _AT_ITS_END and "forwarded_to" not in detail


Verdict = Effect | Unmatched | Wait

Judge = Callable[[ReadReport, Correlation], Verdict]
