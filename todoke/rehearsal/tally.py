"""Counts of what left, by hour, kind, prefecture and domain; and the telephone calls that follow from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.jst import TOKYO, rfc3339, to_tokyo
from core.kinds import Kind
from mailer.transport import Accepted, Lost, Refused
from scheduler.calendar import BusinessCalendar
from todoke.rehearsal.assumptions import Calling, Calls
from todoke.rehearsal.cast import Player
from todoke.rehearsal.sending import Tried

Hour = datetime
"""The full hour in which something happened, in Tokyo."""

_HOURS = range(9, 17)
NOWHERE = "-"
"""The prefecture of a mail that is of none: a verification code."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What mails are counted by."""

    hour: Hour
    kind: Kind
    prefecture: str
    domain: str


@dataclass(slots=True)
class Tally:
    """Counts. `taken` are mails that the relay took, `failed` those known as 不達, by hour and prefecture."""

    own_domain: str
    limited: frozenset[str]
    taken: Counter[Cell] = field(default_factory=Counter)
    failed: Counter[tuple[Hour, str]] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)  # by what came of them

    def tried(self, tried: Tried) -> None:
        """A try has ended."""
        message, outcome = tried.message, tried.handled.outcome
        self.tries[_outcome(outcome)] += 1
        hour = hour_of(tried.at)
        prefecture = message.institution.prefecture if message.institution else NOWHERE
        if tried.handled.kept:
            domain = message.recipient.email.rpartition("@")[2]
            self.taken[Cell(hour, message.kind, prefecture, domain if domain in self.limited else self.own_domain)] += 1
        if isinstance(outcome, Refused) and outcome.code >= 500:
            self.failed[hour, prefecture] += 1

    def returned(self, player: Player | None, at: datetime) -> None:
        """A failure report was handed in."""
        self.failed[hour_of(at), player.prefecture if player else NOWHERE] += 1

    def by(self, key: Callable[[Cell], Any], only: Callable[[Cell], bool] = lambda _cell: True) -> Counter[Any]:
        """The mails taken, counted by something else."""
        counted: Counter[Any] = Counter()
        for cell, count in self.taken.items():
            if only(cell):
                counted[key(cell)] += count
        return counted


def hour_of(at: datetime) -> Hour:
    """The full hour of a moment."""
    return to_tokyo(at).replace(minute=0, second=0, microsecond=0)


def _outcome(outcome: Accepted | Refused | Lost) -> str:
    match outcome:
        case Accepted():
            return "accepted"
        case Refused(code=code):
            return "refused-for-now" if code < 500 else "refused"
        case Lost(in_doubt=True):
            return "reply-lost"
        case Lost():
            return "unreachable"


def peak(counted: Mapping[Hour, float]) -> dict[str, Any]:
    """The hour with most; the first of several."""
    if not counted:
        return {"hour": None, "count": 0}
    hour = min(counted, key=lambda hour: (-counted[hour], hour))
    return {"hour": rfc3339(hour), "count": round(counted[hour])}


def calls(tally: Tally, assumed: Calls, calendar: BusinessCalendar) -> dict[str, dict[Hour, float]]:
    """The calls to be expected at each desk (a prefecture, or "secretariat"), by hour.

    Whoever calls does so in the business hours after the mail, by the shares that are assumed.
    """
    found: dict[str, dict[Hour, float]] = {}
    later = _Later(calendar)
    for (hour, prefecture, calling), mails in _causes(tally, assumed).items():
        desk = prefecture if calling.desk == "prefecture" else "secretariat"
        at_desk = found.setdefault(desk, defaultdict(float))
        for share, when in zip(assumed.hours, later.hours(hour, prefecture, len(assumed.hours)), strict=True):
            at_desk[when] += mails * calling.percent / 100 * share
    return found


def _causes(tally: Tally, assumed: Calls) -> Counter[tuple[Hour, str, Calling]]:
    by_kind = {Kind.REMINDER: assumed.reminder, Kind.GUIDE: assumed.guide, Kind.PRE_CHECK: assumed.pre_check}
    causes: Counter[tuple[Hour, str, Calling]] = Counter()
    for cell, count in tally.taken.items():
        if cell.kind in by_kind:
            causes[cell.hour, cell.prefecture, by_kind[cell.kind]] += count
    for (hour, prefecture), count in tally.failed.items():
        if prefecture != NOWHERE:
            causes[hour, prefecture, assumed.undelivered] += count
    return causes


class _Later:
    """Business hours after a moment, each list worked out once."""

    def __init__(self, calendar: BusinessCalendar) -> None:
        self._calendar = calendar
        self._known: dict[tuple[Hour, str, int], list[Hour]] = {}

    def hours(self, hour: Hour, prefecture: str, count: int) -> Iterable[Hour]:
        """The hour itself, if it is one, and those that follow."""
        key = (hour, prefecture, count)
        if key not in self._known:
            self._known[key] = self._work_out(hour, prefecture, count)
        return self._known[key]

    def _work_out(self, hour: Hour, prefecture: str, count: int) -> list[Hour]:
        own = None if prefecture == NOWHERE else prefecture
        found: list[Hour] = []
        while len(found) < count:
            if hour.hour in _HOURS and self._calendar.is_open(hour.date(), own):
                found.append(hour)
            hour = (hour + timedelta(hours=1)).astimezone(TOKYO)
        return found
