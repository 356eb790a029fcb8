"""What a claim finds: messages that are ready, with everything that decides whether they may leave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, case, exists, func, select

from core.kinds import InstitutionType, Kind, Scheme
from core.mail import Institution, Recipient
from core.messages import Message, Reminder
from core.ports import Candidate, Reporting
from core.statuses import WITHDRAWN, Status
from store.cipher import Cipher
from store.doubts import became_sent
from store.tables import institutions, messages, reporting, suppressions

_CLAIMABLE = (Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT)
COUNTING = frozenset(Status) - WITHDRAWN
"""A reminder that stands so has left as its step, or is to."""

_pre_check = messages.alias("pre_check")
_SCOPES = {
    (False, False): frozenset[str](),
    (False, True): frozenset({"reminder"}),
    (True, False): frozenset({"all"}),
    (True, True): frozenset({"all", "reminder"}),
}
"""Scopes of suppressions, by whether there is one of all kinds and one of reminders."""


class Ready(NamedTuple):
    """One message that is ready; the first columns are those of `messages`."""

    id: str
    kind: str
    status: str
    prefecture: str | None
    institution_code: str | None
    email: str
    recipient: Mapping[str, str]
    data: dict[str, Any]
    secret: str | None
    message_id_header: str
    expires_at: datetime | None
    attempts: int
    troubles: int
    first_attempt_at: datetime | None
    due_at: datetime | None
    ready_at: datetime | None
    suppressed_all: bool
    suppressed_reminder: bool
    institution_name: str
    institution_type: str
    pre_check_status: str | None
    pre_check_sent_at: datetime | None
    reporting_status: str | None
    channel: str
    last_year_data: bool
    step_keys: str | None
    guide_status: str | None

    def candidate(self, cipher: Cipher) -> Candidate:
        """What the policy is asked about. Raises SecretUnreadable."""
        kind = Kind(self.kind)
        status = Reporting(self.reporting_status, self.channel, self.last_year_data) if self.reporting_status else None
        return Candidate(
            message=self._message(kind, status, cipher),
            prefecture=self.prefecture,
            suppressed=suppresses(kind, self._scopes()),
            pre_check=None if self.pre_check_status is None else Status(self.pre_check_status),
            pre_check_sent_at=self.pre_check_sent_at,
            reporting=status,
            steps=self._steps(),
            guide=None if self.guide_status is None else Status(self.guide_status),
            waits_since=self.ready_at if self.attempts else self.due_at,
        )

    def _steps(self) -> frozenset[str]:
        """Of the reminders with those keys, the steps that are of this one's season."""
        if not self.step_keys:
            return frozenset()
        season = f"{self.data['scheme']}:{self.data['fiscal_year']}:"
        return frozenset(key.rpartition(":")[2] for key in self.step_keys.split(",") if key.startswith(season))

    def _message(self, kind: Kind, status: Reporting | None, cipher: Cipher) -> Message:
        return Message(
            id=self.id,
            kind=kind,
            status=Status(self.status),
            recipient=Recipient(self.email, **self.recipient),
            institution=self._institution(),
            data=self.data if self.secret is None else self.data | cipher.decipher(self.secret),
            message_id_header=self.message_id_header,
            attempts=self.attempts,
            troubles=self.troubles,
            first_attempt_at=self.first_attempt_at,
            expires_at=self.expires_at,
            prefecture=self.prefecture,
            reminder=_reminder(self.data) if kind is Kind.REMINDER else None,
            reminder_in_progress=status is not None and status.status == "in-progress",
            reminder_last_year_data=status is None or status.last_year_data,
        )

    def _institution(self) -> Institution | None:
        if self.institution_code is None or self.prefecture is None:
            return None
        kind = InstitutionType(self.institution_type)
        return Institution(self.institution_code, self.institution_name, kind, self.prefecture)

    def _scopes(self) -> frozenset[str]:
        return _SCOPES[self.suppressed_all, self.suppressed_reminder]


def suppresses(kind: Kind, scopes: frozenset[str]) -> bool:
    """Whether suppression entries of these scopes stop a mail of this kind; a code mail is never stopped."""
    return kind is not Kind.CODE and ("all" in scopes or (kind is Kind.REMINDER and "reminder" in scopes))


def _reminder(data: Mapping[str, Any]) -> Reminder:
    return Reminder(
        scheme=Scheme(data["scheme"]),
        fiscal_year=data["fiscal_year"],
        deadline=datetime.fromisoformat(data["deadline"]).date(),
        step=data["step"],
    )


def _ready_query() -> Select[Any]:
    joined = (
        messages.outerjoin(institutions, institutions.c.code == messages.c.institution_code)
        .outerjoin(_pre_check, _pre_check.c.id == messages.c.waits_for)
        .outerjoin(
            reporting,
            and_(
                messages.c.kind == Kind.REMINDER,
                reporting.c.institution_code == messages.c.institution_code,
                reporting.c.fiscal_year == messages.c.data["fiscal_year"].as_integer(),
                reporting.c.scheme == messages.c.data["scheme"].as_string(),
            ),
        )
    )
    return (
        select(
            *(messages.c[name] for name in _OF_MESSAGES),
            _suppressed("all"),
            _suppressed("reminder"),
            institutions.c.name.label("institution_name"),
            institutions.c.type.label("institution_type"),
            _pre_check.c.status.label("pre_check_status"),
            became_sent(_pre_check.c.id, _pre_check.c.sent_at).label("pre_check_sent_at"),
            reporting.c.status.label("reporting_status"),
            reporting.c.channel,
            reporting.c.last_year_data,
            _step_keys(),
            _guide_status(),
        )
        .select_from(joined)
        .where(
            messages.c.lane == bindparam("lane"),
            messages.c.ready_at <= bindparam("now"),
            messages.c.status.in_(_CLAIMABLE),
        )
        .order_by(messages.c.ready_at)
        .limit(bindparam("limit"))
        .with_for_update(of=messages, skip_locked=True)
    )


def _suppressed(scope: str) -> ColumnElement[bool]:
    """Whether an entry of this scope is in force for a message's address and institution."""
    entry = exists().where(
        suppressions.c.email_key == messages.c.email_key,
        suppressions.c.institution_code == messages.c.institution_code,
        suppressions.c.scope == scope,
        suppressions.c.released_at.is_(None),
    )
    return entry.label(f"suppressed_{scope}")


def _step_keys() -> ColumnElement[str]:
    """The keys of an institution's reminders that count, where a reminder comes after the day of its step (`today`)."""
    other = messages.alias("other")
    keys = select(func.aggregate_strings(other.c.step_key, ",")).where(
        other.c.institution_code == messages.c.institution_code,
        # Expressions, so that no planner takes the indexes on these for the better way in.
        other.c.kind.concat("") == Kind.REMINDER,
        func.coalesce(other.c.step_key, "") != "",
        other.c.status.concat("").in_(sorted(COUNTING)),
    )
    late = messages.c.data["day"].as_string() < bindparam("today", type_=String())
    return case((late, keys.scalar_subquery())).label("step_keys")


def _guide_status() -> ColumnElement[str]:
    """How the guide stands that waits for a pre-check."""
    guide = messages.alias("guide")
    status = select(guide.c.status).where(guide.c.waits_for == messages.c.id).limit(1)
    return case((messages.c.kind == Kind.PRE_CHECK, status.scalar_subquery())).label("guide_status")


_OF_MESSAGES = Ready._fields[: Ready._fields.index("suppressed_all")]

READY = _ready_query()
"""The messages of one lane (`lane`) that are ready (`now`), the longest waiting first (`limit`); rows are `Ready`.

`today` is the date in Tokyo, as it is written in the data of reminders.
"""
