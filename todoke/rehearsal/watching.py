"""A witness at the relay: sees every try, and holds it against what the service promises and was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from core.jst import to_tokyo
from core.kinds import Kind
from core.messages import Message
from mailer.transport import Accepted, Lost, Refused
from scheduler.calendar import BusinessCalendar
from scheduler.reminders import ReminderRules
from todoke.rehearsal.cast import Player
from todoke.rehearsal.promises import Promise, Promises
from todoke.rehearsal.returning import Returned, is_failure
from todoke.rehearsal.sending import Tried

_IMMEDIATE = frozenset({Kind.CODE, Kind.APPLICATION_COMPLETE, Kind.PASSWORD_RESET})
_OPENS, _CLOSES = time(9), time(17)
_GRACE = timedelta(minutes=2)
"""A mail that is claimed within the hours may leave a moment later."""

_FULL = "5.2.2"


@dataclass(frozen=True, slots=True)
class Known:
    """What the witness compares with."""

    players: Mapping[str, Player]
    calendar: BusinessCalendar
    rules: ReminderRules
    reported_at: Mapping[str, datetime]


class Watch:
    """What the relay saw, and what follows from it."""

    def __init__(self, known: Known, promises: Promises, reminded: Callable[[Player, datetime], None]) -> None:
        self._known = known
        self._promises = promises
        self._reminded = reminded
        self.kept: Counter[str] = Counter()  # mails that the relay has, by message id: how often
        self.doubted: set[str] = set()  # messages whose reply was lost once
        self.failed: dict[str, str] = {}  # messages refused for good or reported as failed -> institution
        self.crossed = 0  # reminders that met a report which the service had not been told yet
        self._pre_checks: dict[str, datetime] = {}
        self._pre_checks_failed: set[str] = set()
        self._once: dict[tuple[str, ...], str] = {}
        self._dead: set[tuple[str, str]] = set()  # address, institution: known to the service as 不達

    def applied(self, player: Player) -> None:
        """An application was issued: its pre-check is a new probe of the address."""
        self._dead.discard((player.email or "", player.code))

    def tried(self, tried: Tried) -> None:
        """A try has ended."""
        message = tried.message
        if isinstance(tried.handled.outcome, Lost) and tried.handled.outcome.in_doubt:
            self.doubted.add(message.id)
        self._refusal(message, tried)
        if tried.handled.kept:
            self.kept[message.id] += 1
            self._judge(message, tried.at)
        if isinstance(tried.handled.outcome, Accepted) and message.kind is Kind.PRE_CHECK:
            self._pre_checks[_code(message)] = tried.at

    def _refusal(self, message: Message, tried: Tried) -> None:
        outcome = tried.handled.outcome
        if isinstance(outcome, Refused) and outcome.code >= 500:
            self._fail(message, hard=True)

    def returned(self, returned: Returned) -> None:
        """The service has been handed a report."""
        if is_failure(returned.reported):
            self._fail(returned.message, hard=returned.reported.status != _FULL)

    def _fail(self, message: Message, *, hard: bool) -> None:
        code = _code(message)
        self.failed[message.id] = code
        if message.kind is Kind.PRE_CHECK:
            self._pre_checks_failed.add(code)
        if hard:
            self._dead.add((message.recipient.email, code))

    def _judge(self, message: Message, at: datetime) -> None:
        """Everything that is promised of a mail that leaves."""
        test = self._promises.test
        doubles = self.kept[message.id] == 1 or message.id in self.doubted
        test(Promise.ONCE, doubles, f"{message.kind} {message.id} twice", at)
        if message.kind not in _IMMEDIATE:
            test(Promise.OPEN_HOURS, self._is_open(message, at), f"{message.kind} {message.id}", at)
        if message.kind is Kind.GUIDE:
            self._judge_guide(message, at)
        if message.kind is Kind.REMINDER:
            self._judge_reminder(message, at)

    def _is_open(self, message: Message, at: datetime) -> bool:
        local = to_tokyo(at)
        prefecture = message.institution.prefecture if message.institution else None
        in_hours = local.time() >= _OPENS and (local - _GRACE).time() < _CLOSES
        return in_hours and self._known.calendar.is_open(local.date(), prefecture)

    def _judge_guide(self, message: Message, at: datetime) -> None:
        code = _code(message)
        sent_at = self._pre_checks.get(code)
        sound = sent_at is not None and code not in self._pre_checks_failed
        self._promises.test(Promise.GUIDE_NEEDS_PRE_CHECK, sound, f"guide {message.id}", at)
        earliest = None if sent_at is None else self._next_business_morning(sent_at, message)
        self._promises.test(
            Promise.GUIDE_NEXT_DAY, earliest is not None and at >= earliest, f"guide {message.id} of {earliest}", at
        )
        self._only_one(("guide", code), message, at)

    def _next_business_morning(self, sent_at: datetime, message: Message) -> datetime:
        """Day by day, unlike the calendar's own arithmetic."""
        prefecture = message.institution.prefecture if message.institution else None
        day: date = to_tokyo(sent_at).date() + timedelta(days=1)
        while not self._known.calendar.is_open(day, prefecture):
            day += timedelta(days=1)
        return datetime.combine(day, _OPENS, to_tokyo(sent_at).tzinfo)

    def _judge_reminder(self, message: Message, at: datetime) -> None:
        test, player, reminder = self._promises.test, self._known.players[_code(message)], message.reminder
        assert reminder is not None
        what = f"reminder {message.id} ({reminder.step}) to {player.code}"
        test(Promise.NOT_REPORTED, player.said != "reported", what, at)
        test(Promise.NOT_ON_PAPER, not player.paper, what, at)
        test(Promise.NOT_TO_FAILED, (message.recipient.email, player.code) not in self._dead, what, at)
        period = self._known.rules.period(reminder.scheme, player.prefecture, reminder.fiscal_year)
        test(Promise.IN_PERIOD, period.start <= to_tokyo(at).date() <= period.end, what, at)
        self._only_one(("reminder", player.code, reminder.scheme, reminder.step), message, at)
        reported_at = self._known.reported_at.get(player.code)
        self.crossed += reported_at is not None and reported_at <= at
        self._reminded(player, at)

    def _only_one(self, key: tuple[str, ...], message: Message, at: datetime) -> None:
        first = self._once.setdefault(key, message.id)
        self._promises.test(Promise.ONCE, first == message.id, f"{' '.join(key)}: {first} and {message.id}", at)


def _code(message: Message) -> str:
    return message.institution.code if message.institution else ""
