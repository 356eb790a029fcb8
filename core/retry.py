"""The retry schedule: intervals, a window of hours from the first try, what doubt does (contract section 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.kinds import Kind
from core.messages import Change
from core.statuses import Status

REPAIR_PAUSE = timedelta(minutes=10)
"""How long a mail waits that cannot be sent before somebody mends the set-up."""

_SPREAD = 0.1


def _itself(_kind: Kind, at: datetime, _prefecture: str | None) -> datetime:
    return at


@dataclass(frozen=True, slots=True)
class Schedule:
    """`intervals` in seconds; the last one repeats. Tries end `hours` after the first.

    `spread` (0 to 1) draws how much of a tenth each wait is longer than its interval, so that what failed together
    does not come back together. `last_chance` moves an end at which mails of a kind may not leave to the end of the
    next hours in which they may: else a mail first tried before a long holiday would have no further try but one.
    """

    intervals: Sequence[float]
    hours: float = 72
    spread: Callable[[], float] = lambda: 0.0
    last_chance: Callable[[Kind, datetime, str | None], datetime] = _itself

    def last_try(self, first: datetime, kind: Kind, prefecture: str | None) -> datetime:
        """No try of a mail that was first tried at `first` is planned for later."""
        return self.last_chance(kind, first + timedelta(hours=self.hours), prefecture)

    def next_try(self, used: int, last: datetime, now: datetime) -> datetime | None:
        """When to try again after `used` intervals were waited for; None when tries have run out, by `last_try`."""
        wait = timedelta(seconds=self.intervals[min(used, len(self.intervals) - 1)])
        if now + wait > last:
            return None
        return min(now + wait * (1 + _SPREAD * self.spread()), last)


@dataclass(frozen=True, slots=True)
class Retry:
    """The next try, and how many intervals are used up then."""

    at: datetime | None
    used: int


def after_trouble(schedule: Schedule, used: int, last: datetime, now: datetime) -> Retry:
    """A 4xx reply or a lost connection: wait for the next interval."""
    return Retry(schedule.next_try(used, last, now), used + 1)


def after_doubt(schedule: Schedule, attempts: int, used: int, last: datetime, now: datetime) -> Retry:
    """A lost reply: at once where it was the first try's, else the next interval, beginning with the first."""
    if attempts <= 1:
        return Retry(now, used)
    return after_trouble(schedule, used, last, now)


@dataclass(frozen=True, slots=True)
class Tries:
    """The tries of a message until now: how many, how many intervals they used up, and when the first was."""

    attempts: int
    troubles: int
    first_at: datetime | None

    def one_more(self, now: datetime) -> Tries:
        """With the try that ends now."""
        return Tries(self.attempts + 1, self.troubles, self.first_at or now)

    def columns(self) -> dict[str, Any]:
        """As a message's columns."""
        return {"attempts": self.attempts, "troubles": self.troubles, "first_attempt_at": self.first_at}


def _after_doubt(schedule: Schedule, tries: Tries, of: tuple[Kind, str | None], now: datetime) -> Retry:
    last = schedule.last_try(tries.first_at or now, *of)
    return after_doubt(schedule, tries.attempts, tries.troubles, last, now)


_FORGOTTEN = {"reason": None, "bounce_class": None, "smtp_code": None, "enhanced_code": None}
"""What an earlier try was answered says nothing about a message in doubt."""


def doubt(
    message_id: str,
    before: Tries,
    schedule: Schedule | None,
    now: datetime,
    *,
    of: tuple[Kind, str | None],
    why: str,
    detail: Mapping[str, Any],
    lease: str,
) -> Change:
    """A message may have arrived: it is tried again by the schedule, or waits for a report or a person.

    Without a schedule, or once tries have run out, nothing but the word of a person or a report ends the doubt;
    the secret is erased then, since it will not be sent again. `of` is its kind and its institution's prefecture.
    """
    tries = before.one_more(now)
    retry = None if schedule is None else _after_doubt(schedule, tries, of, now)
    values = tries.columns() | _FORGOTTEN | {"diagnostic": why}
    told = {"attempt": tries.attempts, "why": why, **detail}
    if retry is None or retry.at is None:
        values |= {"ready_at": None, "secret": None}
        told |= {"needs_person": True, "tries": "none" if retry is None else "exhausted"}
    else:
        values |= {"ready_at": retry.at, "troubles": retry.used}
        told["next_attempt_at"] = retry.at.isoformat()
    return Change(message_id, Status.IN_DOUBT, "in-doubt", now, told, values, lease)
