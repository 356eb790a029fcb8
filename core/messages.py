"""A message on its way, what may become of it, and what changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from core.kinds import Kind, Scheme
from core.mail import Institution, Recipient
from core.statuses import Status


@dataclass(frozen=True, slots=True)
class Reminder:
    """What a reminder is for."""

    scheme: Scheme
    fiscal_year: int
    deadline: date
    step: str  # "start", "L-10", … of the policy; "direct" when published as a job


class Message(NamedTuple):
    """A message as its sender sees it: claimed, with everything needed to compose and send it."""

    id: str
    kind: Kind
    status: Status
    recipient: Recipient
    institution: Institution | None
    data: Mapping[str, str]  # with the secret, deciphered
    message_id_header: str
    attempts: int
    troubles: int  # intervals of the retry schedule used up
    first_attempt_at: datetime | None
    expires_at: datetime | None
    reminder: Reminder | None = None
    reminder_in_progress: bool = False
    reminder_last_year_data: bool = True
    prefecture: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one message: a guarded UPDATE and its event, in one transaction.

    `values` are further columns to set. With `lease`, the change holds only while that sender has the lease.
    A `target` of None records an event and sets columns without a change of status.
    """

    message_id: str
    target: Status | None
    event: str  # past tense: "sent", "deferred", "bounced", …
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    lease: str | None = None
    sources: frozenset[Status] | None = None  # narrower than the transition table, where that is meant

    def late(self) -> Change | None:
        """What is told of an outcome that could not be recorded, since somebody else's word on the message came first.

        It changes no status. Where that word was a report, the try that it reports on was this one, and becomes part
        of the message's evidence; else it is told alone. None where that was tried, too.
        """
        if self.lease is not None:
            detail = {**self.detail, "outcome": str(self.target)}
            values = {name: self.values[name] for name in _EVIDENCE if name in self.values}
            behind_a_report = frozenset({Status.UNDELIVERED})
            return Change(self.message_id, None, "outcome-late", self.at, detail, values, sources=behind_a_report)
        return None if self.sources is None else replace(self, values={}, sources=None)


_EVIDENCE = ("attempts", "first_attempt_at", "sent_at", "settles_at")
"""Columns that tell of a try, whatever came of it."""

SENT_COLUMNS = {
    "sent_at": "at",
    "settles_at": "settles_at",
    "attempts": "attempts",
    "first_attempt_at": "first_attempt_at",
    "smtp_code": "smtp_code",
    "enhanced_code": "enhanced_code",
    "diagnostic": "reply",
}
"""Columns of a message that was taken, and the fields of `Taken` that they get."""

NO_FAILURE = {"reason": None, "bounce_class": None}
"""What an earlier try met is no more, once a mail was taken."""


class Taken(NamedTuple):
    """A mail that the relay took, and all that is recorded of it: nothing follows, as from a pre-check it would."""

    message_id: str
    lease: str
    at: datetime
    settles_at: datetime
    attempts: int
    first_attempt_at: datetime
    smtp_code: int
    enhanced_code: str | None
    reply: str

    def change(self) -> Change:
        """As one step of its message."""
        values = {column: getattr(self, field) for column, field in SENT_COLUMNS.items()} | NO_FAILURE
        detail = {"attempt": self.attempts, "smtp_code": self.smtp_code, "reply": self.reply}
        return Change(self.message_id, Status.SENT, "sent", self.at, detail, values, self.lease)

    def late(self) -> Change | None:
        """See `Change.late`."""
        return self.change().late()


Result = Change | Taken
"""What came of a claim, as it is recorded."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Mails that the relay took: noted durably under a number of their sender's, then entered with their messages."""

    number: int
    taken: Sequence[Taken]


@dataclass(frozen=True, slots=True)
class Noted:
    """What came of a note: ids of its marks that still were under the lease; False where the lease was lost."""

    held: frozenset[str]
    noted: bool


class CancelReason:
    """Reasons besides the closed vocabulary of failures (contract section 1)."""

    ALREADY_REPORTED = "already-reported"
    OUTSIDE_PERIOD = "outside-period"
    SUPERSEDED = "superseded"  # a reminder whose season's next step is due
    WITHDRAWN = "withdrawn"
    RECIPIENT_NOT_ALLOWED = "recipient-not-allowed"
    NO_CONTACT = "no-contact"
    RETRIES_EXHAUSTED = "retries-exhausted"

    @staticmethod
    def pre_check(status: Status) -> str:
        """Why a guide was cancelled: its pre-check ended so."""
        return f"pre-check-{status}"

    @staticmethod
    def guide(status: Status) -> str:
        """Why a pre-check was cancelled: the guide that it promises has ended so, without having left."""
        return f"guide-{status}"
