"""The simulated relay: what it answers to a mail at a moment, how long that takes, and what comes back later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.jst import tokyo_date
from core.kinds import Kind
from core.messages import Message
from core.reports import ReportType
from mailer.transport import Accepted, Lost, Outcome, Refused
from todoke.rehearsal.assumptions import Assumptions
from todoke.rehearsal.cast import Mailbox, Mailboxes
from todoke.rehearsal.draws import Draws

_ACCEPTED = Accepted(250, "2.0.0 Ok: queued")
_UNREACHABLE = Lost("ConnectionRefusedError: the relay does not answer", "connect")
_REPLY_LOST = Lost("the connection was lost after the final dot", "data", in_doubt=True)
_UNREACHABLE_SECONDS = 1.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reported:
    """A report that will come back."""

    type: ReportType
    status: str
    after: timedelta


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a try. `kept`: the relay has the mail, whatever the sender got to know of it."""

    outcome: Outcome
    seconds: float
    kept: bool = False
    reports: Sequence[Reported] = ()


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the relay cannot be reached."""

    start: datetime
    end: datetime


@dataclass(slots=True)
class _Minute:
    """What a domain took in the minute that runs."""

    minute: int = -1
    taken: int = 0


@dataclass(slots=True)
class SimulatedRelay:
    """One relay for all domains; `outages` are in order of their start."""

    world: Assumptions
    draws: Draws
    mailboxes: Mailboxes
    outages: Sequence[Outage]
    refused_by_limit: int = 0
    _minutes: dict[str, _Minute] = field(default_factory=dict)

    def is_away(self, at: datetime) -> bool:
        """Whether nobody can reach it."""
        return any(outage.start <= at < outage.end for outage in self.outages)

    def handle(self, message: Message, at: datetime) -> Handled:
        """One try of a message."""
        if self.is_away(at):
            return Handled(_UNREACHABLE, _UNREACHABLE_SECONDS)
        attempt = message.attempts + 1
        seconds = self.draws.between(self.world.relay.reply_seconds, "reply", message.id, attempt)
        refused = self._refused(message, attempt, at)
        if refused is not None:
            return Handled(refused, seconds)
        if self.draws.happens(self.world.relay.reply_lost, "lost", message.id, attempt):
            return Handled(_REPLY_LOST, seconds, kept=self.draws.happens(0.5, "kept", message.id, attempt))
        return Handled(_ACCEPTED, seconds, kept=True, reports=self._reports(message, at))

    def _refused(self, message: Message, attempt: int, at: datetime) -> Refused | None:
        """The first of the reasons not to take it."""
        email = message.recipient.email
        if self._over_limit(email.rpartition("@")[2], at):
            self.refused_by_limit += 1
            return Refused(451, "4.7.28 Too many messages for this domain, try again later", "rcpt")
        mailbox = self.mailboxes[email]
        if self._greylisted(mailbox, message, at):
            return Refused(451, "4.7.1 Greylisted, please try again later", "rcpt")
        if self.draws.happens(self.world.relay.trouble, "trouble", message.id, attempt):
            return Refused(451, "4.3.0 Temporary failure, try again later", "data")
        if not mailbox.at_once:
            return None
        if is_closed(mailbox, at):
            text = "User unknown" if mailbox.status == "5.1.1" else "Host unknown"
            return Refused(550, f"{mailbox.status} {text}", "rcpt")
        return Refused(452, "4.2.2 The mailbox is full", "rcpt") if is_full(mailbox, at) else None

    def _over_limit(self, domain: str, at: datetime) -> bool:
        known = self.world.domains.get(domain)
        if known is None or known.per_minute == 0:
            return False
        counted = self._minutes.setdefault(domain, _Minute())
        minute = int(at.timestamp()) // 60
        if counted.minute != minute:
            counted.minute, counted.taken = minute, 0
        counted.taken += 1
        return counted.taken > known.per_minute

    def _greylisted(self, mailbox: Mailbox, message: Message, at: datetime) -> bool:
        pause = timedelta(minutes=self.world.relay.greylisting_minutes)
        first = message.first_attempt_at
        return mailbox.greylists and (first is None or at < first + pause)

    def _reports(self, message: Message, at: datetime) -> Sequence[Reported]:
        rules, draws, mailbox = self.world.mailboxes, self.draws, self.mailboxes[message.recipient.email]
        soon = timedelta(minutes=draws.between(rules.report_minutes, "report", message.id))
        if is_closed(mailbox, at):
            late = draws.happens(rules.late_report, "late", message.id)
            return (Reported(ReportType.BOUNCE, mailbox.status, soon + (_DAY * 2 if late else timedelta())),)
        if is_full(mailbox, at):
            return (Reported(ReportType.BOUNCE, "5.2.2", soon + _DAY),)
        found: list[Reported] = []
        if draws.happens(rules.delayed, "delayed", message.id):
            found.append(Reported(ReportType.DELAY, "4.4.1", soon + timedelta(hours=4)))
            found.append(Reported(ReportType.SUCCESS, "2.0.0", soon + timedelta(hours=9)))
        if mailbox.answers:
            found.append(Reported(ReportType.AUTO_REPLY, "2.0.0", timedelta(minutes=1)))
        if message.kind is Kind.REMINDER and draws.happens(rules.complaint, "complaint", message.id):
            found.append(Reported(ReportType.COMPLAINT, "2.0.0", soon + timedelta(hours=2)))
        return found


def is_closed(mailbox: Mailbox, at: datetime) -> bool:
    """Whether there is no such mailbox any more."""
    return mailbox.closed_from is not None and tokyo_date(at) >= mailbox.closed_from


def is_full(mailbox: Mailbox, at: datetime) -> bool:
    """Whether it takes no mail for now."""
    if mailbox.full_from is None:
        return False
    return 0 <= (tokyo_date(at) - mailbox.full_from).days < mailbox.full_days
