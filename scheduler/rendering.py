"""From a claimed message to its content: contacts and dates filled in at the moment of sending (rule 145)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from core.clock import Clock
from core.era import moment_text
from core.errors import TodokeError
from core.jst import tokyo_date
from core.kinds import Kind, Scheme
from core.mail import Contact, Institution, MailContent, MailContext, ReminderContext, WaitingTimes
from core.messages import Message
from scheduler.reminders import ReminderRules


class ContactMissing(TodokeError):
    """A prefecture without a contact: no mail goes out in its name (rule 132)."""

    reason = "no-contact"


class PrefectureTexts(Protocol):
    """What the data files say of prefectures."""

    @property
    def secretariat(self) -> Contact:
        """The central desk."""

    def contact(self, code: str) -> Contact | None:
        """The prefecture's desk."""


class MailRenderer(Protocol):
    """The templates."""

    def render(self, context: MailContext) -> MailContent:
        """Content. Raises MailDataMissing."""


class PrefectureTimes(Protocol):
    """What the data files say of how long things take."""

    def waiting_times(self, code: str, fiscal_year: int) -> WaitingTimes:
        """How long things take in this prefecture, and who is asked in this fiscal year."""


def waiting_in_season(
    prefectures: PrefectureTimes, rules: ReminderRules, clock: Clock
) -> Callable[[Institution], WaitingTimes]:
    """How long things take for an institution, by the season that counts now, as the helpdesk would answer."""

    def waiting(institution: Institution) -> WaitingTimes:
        scheme, prefecture = Scheme.default_for(institution.type), institution.prefecture
        season = rules.season_on(tokyo_date(clock.now()), scheme, prefecture)
        return prefectures.waiting_times(prefecture, season)

    return waiting


class MessageRenderer:
    """Renders messages."""

    def __init__(
        self,
        catalog: MailRenderer,
        prefectures: PrefectureTexts,
        waiting: Callable[[Institution], WaitingTimes],
    ) -> None:
        self._catalog = catalog
        self._prefectures = prefectures
        self._waiting = waiting

    def contact(self, message: Message) -> Contact:
        """The desk that the mail names. Raises ContactMissing."""
        if message.kind is Kind.CODE or message.institution is None:
            return self._prefectures.secretariat
        contact = self._prefectures.contact(message.institution.prefecture)
        if contact is None:
            raise ContactMissing(f"no contact is configured for prefecture {message.institution.prefecture}")
        return contact

    def render(self, message: Message) -> MailContent:
        """The mail's content. Raises ContactMissing or MailDataMissing."""
        institution = None if message.kind is Kind.CODE else message.institution
        return self._catalog.render(
            MailContext(
                kind=message.kind,
                recipient=message.recipient,
                institution=institution,
                secretariat=self._prefectures.secretariat,
                prefecture_contact=None if institution is None else self.contact(message),
                data={} if message.reminder is not None else message.data,
                reminder=_reminder(message),
                expires_text=_expiry(message.kind, message.expires_at),
                waiting=WaitingTimes() if institution is None else self._waiting(institution),
            ),
        )


def _expiry(kind: Kind, expires_at: datetime | None) -> str | None:
    return None if expires_at is None or kind is Kind.REMINDER else moment_text(expires_at)


def _reminder(message: Message) -> ReminderContext | None:
    if message.reminder is None:
        return None
    return ReminderContext(
        scheme=message.reminder.scheme,
        fiscal_year=message.reminder.fiscal_year,
        deadline=message.reminder.deadline,
        in_progress=message.reminder_in_progress,
        last_year_data=message.reminder_last_year_data,
    )
