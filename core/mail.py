"""What a mail is made of: who it is to, whom it names as contact, what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from core.errors import TodokeError
from core.kinds import InstitutionType, Kind, Scheme

SENDER_ADDRESS = "info@g-mis.net"
"""What all mails come from where nothing else is configured (rule 16)."""


@dataclass(frozen=True, slots=True)
class Institution:
    """報告機関; the key is its code (rule 142)."""

    code: str
    name: str
    type: InstitutionType
    prefecture: str  # "01" to "47"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One mailbox, and the person behind it as far as known (rules 146-147)."""

    email: str
    department: str | None = None
    family_name: str | None = None
    given_name: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A desk that answers questions, always with telephone and mail (rule 130)."""

    name: str
    phone: str
    email: str


@dataclass(frozen=True, slots=True)
class ReminderContext:
    """What a reminder says (contract section 5): read at the moment of sending."""

    scheme: Scheme
    fiscal_year: int  # the western year in which the fiscal year begins
    deadline: date
    in_progress: bool  # 報告中: the 報告 button has not been pressed (rule 118)
    last_year_data: bool  # False: use 新規報告 (rule 156)


@dataclass(frozen=True, slots=True)
class WaitingTimes:
    """How long things take, and who is asked after that, in Japanese; both are per prefecture (contract section 8)."""

    issuing: str = "1～2週間"  # from approval to the account (rule 51)
    enquiry: str = "3週間"  # from application to the trouble procedure (rule 64)
    desk: str = "都道府県窓口"  # who answers then (rules 126, 127)


@dataclass(frozen=True, slots=True)
class MailContext:
    """Everything a template may use. `institution` is None for `code` alone."""

    kind: Kind
    recipient: Recipient
    institution: Institution | None
    secretariat: Contact
    prefecture_contact: Contact | None
    data: Mapping[str, str] = field(default_factory=dict)
    reminder: ReminderContext | None = None
    expires_text: str | None = None  # core.era.moment_text of the expiry, where there is one
    waiting: WaitingTimes = WaitingTimes()


Passages = Sequence[str]
"""A text in pieces. Those at even places are the same in many mails, those at odd places a mail's own.

Where there are several, those at even places have no CR.
"""


class MailContent(NamedTuple):
    """A rendered mail, before MIME. Text and HTML use LF line ends."""

    subject: str
    sender_name: str
    text_passages: Passages
    html_passages: Passages

    @classmethod
    def of(cls, subject: str, sender_name: str, text: str, html: str) -> MailContent:
        """A mail of its own from end to end."""
        return cls(subject, sender_name, (text,), (html,))

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.text_passages)

    @property
    def html(self) -> str:
        """The whole HTML."""
        return "".join(self.html_passages)


class MailDataMissing(TodokeError, LookupError):
    """A template needs `field`, which the mail's data do not have."""

    def __init__(self, kind: Kind, field_name: str) -> None:
        self.kind = kind
        self.field = field_name
        super().__init__(f"a {kind} mail needs {field_name}")
