"""Whether a message may leave now: asked inside the transaction that claims it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Protocol

from core.jst import tokyo_date
from core.kinds import Kind, Scheme
from core.messages import CancelReason, Message, Reminder
from core.ports import Candidate, Claim, Decision, Drop, Hold, Leave, Postpone, Respread, Wish
from core.retry import REPAIR_PAUSE
from core.statuses import FINAL, WITHDRAWN, Status
from scheduler.reminder_plans import open_days
from scheduler.reminders import DIRECT, ReminderRules
from scheduler.spreading import PART_MINUTES

_PLACE = timedelta(minutes=PART_MINUTES)
"""How long a reminder's place among the others is its own."""


class SendTiming(Protocol):
    """When mails may leave."""

    def first_due(self, kind: Kind, at: datetime, prefecture: str | None) -> datetime:
        """The first moment from `at` on at which a mail of this kind may leave."""

    def is_open(self, kind: Kind, day: date, prefecture: str | None) -> bool:
        """Whether mails of this kind leave on this day at all."""

    def guide_due(self, sent_at: datetime, prefecture: str | None) -> datetime:
        """The earliest due time of a guide whose pre-check became `sent` at this moment."""


class LeavePolicy:
    """Asked for every message at every attempt, in the transaction that claims it."""

    def __init__(
        self,
        timing: SendTiming,
        reminders: ReminderRules,
        may_mail: Callable[[str], bool],
        has_contact: Callable[[str], bool],
    ) -> None:
        self._timing = timing
        self._first_due = lru_cache(maxsize=256)(timing.first_due)  # all mails of a claim are asked of one moment
        self._days = lru_cache(maxsize=1024)(self._days_of)
        self._reminders = reminders
        self._may_mail = may_mail
        self._has_contact = has_contact

    def decide(self, candidate: Candidate, now: datetime) -> Decision:
        """The first objection, or `Claim`."""
        decision = (
            self._never(candidate, now)
            or self._gate(candidate, now)
            or self._window(candidate, now)
            or self._contact(candidate, now)
            or self._missed(candidate, now)
            or Claim()
        )
        if isinstance(decision, Drop) and candidate.message.status is Status.IN_DOUBT:
            # It may have arrived: it can be neither cancelled nor expired, but it is not sent again.
            return Leave(decision.reason or decision.status)
        return decision

    def _never(self, candidate: Candidate, now: datetime) -> Drop | None:
        message = candidate.message
        if message.expires_at is not None and message.expires_at <= now:
            return Drop(Status.EXPIRED, None)
        if not self._may_mail(message.recipient.email):
            return Drop(Status.CANCELLED, CancelReason.RECIPIENT_NOT_ALLOWED)
        if candidate.suppressed and message.kind is not Kind.PRE_CHECK:
            return Drop(Status.SUPPRESSED, "suppressed")
        return self._reminder(candidate, now) if message.kind is Kind.REMINDER else None

    def _reminder(self, candidate: Candidate, now: datetime) -> Drop | None:
        reminder, prefecture = candidate.message.reminder, candidate.prefecture
        if reminder is None or prefecture is None:
            return None
        period = self._reminders.period(reminder.scheme, prefecture, reminder.fiscal_year)
        if not period.start <= tokyo_date(now) <= period.end:
            return Drop(Status.CANCELLED, CancelReason.OUTSIDE_PERIOD)
        if candidate.reporting is not None and candidate.reporting.status == "reported":
            return Drop(Status.CANCELLED, CancelReason.ALREADY_REPORTED)
        if candidate.reporting is not None and candidate.reporting.channel == "paper":
            return Drop(Status.CANCELLED, CancelReason.WITHDRAWN)
        if self._is_superseded(candidate.steps, reminder, prefecture, tokyo_date(now)):
            return Drop(Status.CANCELLED, CancelReason.SUPERSEDED)
        return None

    def _is_superseded(self, on_record: frozenset[str], reminder: Reminder, prefecture: str, today: date) -> bool:
        """Whether a later step is due and has its reminder: nobody gets two at a time after an outage."""
        if not on_record or reminder.step == DIRECT:
            return False
        steps = self._reminders.steps(reminder.scheme, prefecture, reminder.fiscal_year)
        day = next((step.day for step in steps if step.key == reminder.step), today)
        return any(day < step.day <= today and step.key in on_record for step in steps)

    def _gate(self, candidate: Candidate, now: datetime) -> Decision | None:
        """A guide leaves only while its pre-check is `sent`, and from the business day after (rule 63).

        A pre-check leaves only while its guide may follow: it says that it will.
        """
        if candidate.guide in WITHDRAWN:
            return Drop(Status.CANCELLED, CancelReason.guide(candidate.guide))
        if candidate.message.kind is not Kind.GUIDE:
            return None
        if candidate.pre_check is not Status.SENT or candidate.pre_check_sent_at is None:
            failed = candidate.pre_check in FINAL
            reason = CancelReason.pre_check(candidate.pre_check or Status.CANCELLED)
            return Drop(Status.CANCELLED, reason) if failed else Postpone(now + REPAIR_PAUSE, "pre-check")
        due_at = self._timing.guide_due(candidate.pre_check_sent_at, candidate.prefecture)
        return Postpone(due_at, "gate") if due_at > now else None

    def _window(self, candidate: Candidate, now: datetime) -> Postpone | Respread | None:
        start = self._first_due(candidate.message.kind, now, candidate.prefecture)
        if start <= now:
            return None
        return self._another_place(candidate, start) or Postpone(start, "window")

    def _missed(self, candidate: Candidate, now: datetime) -> Respread | None:
        """A reminder that comes later than its place among the others is spread anew, whatever kept it back."""
        since = candidate.waits_since
        return None if since is None or now - since < _PLACE else self._another_place(candidate, now)

    def _another_place(self, candidate: Candidate, earliest: datetime) -> Respread | None:
        """None for what is not spread, and where no day is left on which it may leave."""
        message, reminder, prefecture = candidate.message, candidate.message.reminder, candidate.prefecture
        if reminder is None or reminder.step == DIRECT or prefecture is None or message.status is Status.IN_DOUBT:
            return None
        days = self._days(reminder.scheme, prefecture, reminder.fiscal_year, tokyo_date(earliest))
        return Respread(Wish(prefecture, message.recipient.email, days, earliest)) if days else None

    def _days_of(self, scheme: Scheme, prefecture: str, fiscal_year: int, first: date) -> Sequence[date]:
        """Business days from `first` on, before the next step begins or the period ends."""
        last = self._reminders.period(scheme, prefecture, fiscal_year).end
        for step in reversed(self._reminders.steps(scheme, prefecture, fiscal_year)):
            if step.day > first:
                last = step.day - timedelta(days=1)
        return open_days(self._timing, first, last, prefecture)

    def _contact(self, candidate: Candidate, now: datetime) -> Hold | None:
        message: Message = candidate.message
        if message.kind is Kind.CODE or candidate.prefecture is None or self._has_contact(candidate.prefecture):
            return None
        until = self._first_due(message.kind, now + REPAIR_PAUSE, candidate.prefecture)
        return Hold(until, CancelReason.NO_CONTACT)
