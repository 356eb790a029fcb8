"""What is known when somebody calls, apart from where it is kept.

Moments are aware; days are those of Asia/Tokyo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from core.errors import TodokeError
from core.kinds import Account, InstitutionType, Kind, Route, Scheme
from core.mail import SENDER_ADDRESS, Contact
from core.masking import mask_email
from core.reports import Reason
from core.statuses import Status
from helpdesk.vocabulary import Desk, ReportStatus, Symptom

_MAILBOX_FULL_CODES = frozenset({"4.2.2", "5.2.2"})  # RFC 3463 section 3.3


class ReportKey(NamedTuple):
    """Which of an institution's reports (contract section 5)."""

    scheme: Scheme
    fiscal_year: int


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """One mail. `status_at` is when it came to its present status, `resend_of` the id of the mail that it repeats.

    `last_answer` is the reason of its last try's failure where tries ran out over it, `report` what a reminder is of.
    """

    id: str
    kind: Kind
    status: Status
    email: str
    created_at: datetime
    status_at: datetime
    settled: bool = False
    due_at: datetime | None = None
    sent_at: datetime | None = None
    expires_at: datetime | None = None
    reason: str | None = None
    enhanced_code: str | None = None
    last_answer: str | None = None
    resend_of: str | None = None
    report: ReportKey | None = None

    @property
    def email_masked(self) -> str:
        """The address as every reader may see it."""
        return mask_email(self.email)

    @property
    def waits_for_its_day(self) -> bool:
        """Whether a day can be named: it waits for its due time, no gate or retry, and does not expire before that."""
        return self.status is Status.SCHEDULED and self.due_at is not None and not self.expires_by(self.due_at)

    def expires_by(self, moment: datetime | None) -> bool:
        """Whether its time is over by then."""
        return self.expires_at is not None and moment is not None and self.expires_at <= moment

    @property
    def mailbox_full(self) -> bool:
        """Whether a full mailbox stands in its way (rule 82), also when retries ran out over it."""
        told = Reason.MAILBOXFULL in (self.reason, self.last_answer)
        return told or self.enhanced_code in _MAILBOX_FULL_CODES


@dataclass(frozen=True, slots=True)
class ApplicationFacts:
    """One ユーザ登録申請. `decided_rule` is the note of an account-issue from which no mail follows."""

    id: str
    route: Route
    account: Account | None
    received_on: date
    created_at: datetime
    approved_on: date | None = None
    decided_rule: str | None = None
    messages: tuple[MessageFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class SuppressionFacts:
    """送信停止 of an address for all kinds of mail. `by_hand`: a person entered it, no mail came back."""

    email: str
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """メールアドレスの変更依頼. `label` is its state as people read it; `due` are the days it is expected between.

    `notice` is the id of the mail that tells of it once it is done, None before.
    """

    new_email: str
    label: str
    requested_at: datetime
    due: tuple[date, date]
    notice: str | None = None

    @property
    def email_masked(self) -> str:
        """The new address as every reader may see it."""
        return mask_email(self.new_email)


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """定期報告期間, both days included (rules 66, 70)."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class ReportingFacts:
    """One report. `status` and `as_of` are None where nobody said: it counts as 未報告, `last_year_data` is True.

    `period` is its own reporting period; `current`: its fiscal year is the one that counts today. `on_paper`: its
    channel is paper.
    """

    key: ReportKey
    status: ReportStatus | None = None
    as_of: datetime | None = None
    last_year_data: bool = True
    period: ReportPeriod | None = None
    current: bool = True
    on_paper: bool = False


@dataclass(frozen=True, slots=True)
class InstitutionFacts:
    """報告機関 as far as known. `messages` are those that belong to no application, such as reminders.

    `reporting` are the reports on record and those reminded of; `suppressed` are the addresses to which nothing is
    sent for this institution; `changes` are the requests to change its address that were not rejected.
    """

    code: str
    name: str | None
    type: InstitutionType | None
    prefecture: str | None  # "01" to "47"
    known: bool = True
    applications: tuple[ApplicationFacts, ...] = ()
    messages: tuple[MessageFacts, ...] = ()
    reporting: tuple[ReportingFacts, ...] = ()
    suppressed: tuple[SuppressionFacts, ...] = ()
    changes: tuple[ChangeFacts, ...] = ()

    @property
    def on_paper(self) -> bool:
        """Whether its reports of this season are all made on paper, of which no mail reminds (rule 7)."""
        return {report.on_paper for report in self.reporting if report.current} == {True}

    @property
    def all_messages(self) -> Sequence[MessageFacts]:
        """Its mails, whatever they belong to."""
        return [mail for mails in (self.messages, *(own.messages for own in self.applications)) for mail in mails]

    @classmethod
    def unknown(cls, code: str) -> InstitutionFacts:
        """An institution of which no job and no report was ever heard."""
        return cls(code, name=None, type=None, prefecture=None, known=False)


@dataclass(frozen=True, slots=True)
class PrefectureFacts:
    """What differs between prefectures (section T of the rules).

    `code`, `contact` and `period` are None where the prefecture is not known: the secretariat answers then. `desks`
    says which desk answers a symptom, where it is not the usual one (rule 115). `paper_accepted` is None where nobody
    said. `next_open` gives the first business day on or after a day. `sender_address` is what mails come from, the same
    everywhere.
    """

    code: str | None
    name: str | None
    contact: Contact | None
    secretariat: Contact
    desks: Mapping[Symptom, Desk] = field(default_factory=dict)
    issue_weeks: tuple[int, int] = (1, 2)
    trouble_day: int = 21
    address_change_weeks: tuple[int, int] = (1, 2)
    paper_accepted: bool | None = None
    insurance_prefix: str | None = None
    period: ReportPeriod | None = None
    next_open: Callable[[date], date] = field(default=lambda day: day, compare=False)
    notice: str | None = None  # a sentence of its own under every procedure (rule 170)
    sender_address: str = SENDER_ADDRESS


class WrongPrefecture(TodokeError, ValueError):
    """The settings of one prefecture were handed in for another's institution (rule 132)."""

    def __init__(self, institution: str, settings: str | None) -> None:
        self.institution = institution
        self.settings = settings
        super().__init__(f"an institution of prefecture {institution} is not answered with the settings of {settings}")
