"""Mail jobs as accepted: validated, normalised, ready to be planned (contract section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from core.kinds import Account, Kind, Route, Scheme
from core.mail import Institution, Recipient


@dataclass(frozen=True, slots=True)
class Application:
    """ユーザ登録申請 (rules 42-59)."""

    id: str
    route: Route
    account: Account | None
    received_on: date
    approved_on: date | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `kind` is None for an `account-issue`: its mails follow from the rule table."""

    job_id: str
    kind: Kind | None
    recipient: Recipient
    application: Application | None = None
    institution: Institution | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    """login_id, reason: what a mail says and may be kept."""
    secret: Mapping[str, str] = field(default_factory=dict)
    """code, setup_url, reset_url: encrypted at rest, erased when the message is final."""
    expires_at: datetime | None = None
    not_before: datetime | None = None
    fiscal_year: int | None = None
    deadline: date | None = None
    scheme: Scheme | None = None

    @property
    def kind_name(self) -> str:
        """The kind as published."""
        return "account-issue" if self.kind is None else self.kind.value


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One mail that follows from a job, before it has an id."""

    kind: Kind
    rule: str
    due_at: datetime | None  # None while it waits for its gate


class Note:
    """Codes of a job's note."""

    NO_MAIL_PERMITTED = "no-mail-permitted"
    NO_MAIL_PREFECTURE_TELLS = "no-mail-prefecture-tells"
    GUIDE_ALREADY_SENT = "guide-already-sent"
    LONG_LINK = "long-link"
    GUIDE_EXPIRES_FIRST = "guide-expires-first"
    EXPIRES_FIRST = "expires-first"
    DEADLINE_OUTSIDE_PERIOD = "deadline-outside-period"
    OUTSIDE_PERIOD = "outside-period"
