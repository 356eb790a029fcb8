"""Narrow ports, named by what their users need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

from core.kinds import Kind
from core.messages import Message
from core.reports import BounceClass, Reason
from core.statuses import Status


class GatePolicy(Protocol):
    """When things follow from a mail that became `sent`."""

    def guide_due(self, pre_check_sent_at: datetime, prefecture: str | None) -> datetime:
        """The earliest due time of the guide behind this pre-check (rule 63)."""

    def settles_at(self, sent_at: datetime, prefecture: str | None) -> datetime:
        """When 送信完了（確認中） becomes 送信完了 unless a failure report comes."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """An institution's reporting status for one scheme and fiscal year."""

    status: str  # not-started, in-progress, reported
    channel: str  # online, paper
    last_year_data: bool


class Candidate(NamedTuple):
    """A message that is ready to be claimed, with what its claim depends on."""

    message: Message
    prefecture: str | None
    suppressed: bool
    pre_check: Status | None  # of the message it waits for
    pre_check_sent_at: datetime | None
    reporting: Reporting | None
    steps: frozenset[str] = frozenset()  # of the season's reminders that count; told from the day after its own on
    guide: Status | None = None  # of the guide that waits for it
    waits_since: datetime | None = None  # when it could have left for the first time, or been tried again


@dataclass(frozen=True, slots=True)
class Claim:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class Postpone:
    """Not now: ask again at `until`."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Never: it ends as `status` for this reason; None leaves the one that its last try was answered."""

    status: Status
    reason: str | None


@dataclass(frozen=True, slots=True)
class Leave:
    """It stays as it is and is not tried again by itself: a person's matter."""

    why: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Not before somebody mends the set-up: deferred with an alarm until `until`."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """A reminder to be placed: not before `earliest`, on the first of the `days` that has room. At least one day."""

    prefecture: str
    email: str
    days: Sequence[date]
    earliest: datetime


@dataclass(frozen=True, slots=True)
class Granted:
    """When a reminder is due; `spread` where it would have been earlier but for the others."""

    due_at: datetime
    spread: bool


@dataclass(frozen=True, slots=True)
class Respread:
    """It has missed its place among the others: it gets another one, which may be now."""

    wish: Wish


Decision = Claim | Postpone | Drop | Leave | Hold | Respread


class ClaimPolicy(Protocol):
    """Asked at every attempt, in the transaction that claims the message."""

    def decide(self, candidate: Candidate, now: datetime) -> Decision:
        """Whether this message may leave at `now`."""


@dataclass(frozen=True, slots=True)
class Classified:
    """What an SMTP reply means."""

    reason: Reason
    bounce_class: BounceClass


class Part(NamedTuple):
    """One of several that share something: its number among them, from 0 on, and how many they are."""

    number: int
    of: int


class ReplyClassifier(Protocol):
    """Reads an SMTP reply: code class and meaning are two facts."""

    def __call__(self, code: int, enhanced: str | None, text: str, stage: str) -> Classified:
        """`stage` is "connect", "mail", "rcpt" or "data"."""


class InDoubtPolicy(Protocol):
    """What happens to a message in doubt, per kind."""

    def waits(self, kind: Kind) -> bool:
        """True: never sent again by itself."""
