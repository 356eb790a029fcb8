"""Statuses of a message and the one table of transitions (contract section 1)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache

from core.errors import TransitionRefused


class Status(StrEnum):
    """Where a message stands."""

    HELD = "held"  # waits for a gate: a guide waits for its pre-check
    SCHEDULED = "scheduled"  # has a due time
    SENDING = "sending"  # handed to one sender under a lease
    DEFERRED = "deferred"  # 4xx or connection trouble; tried again at a known time
    IN_DOUBT = "in-doubt"  # lost between the final dot and the reply: it may have arrived
    SENT = "sent"  # the receiving server took responsibility; never means "read"
    UNDELIVERED = "undelivered"  # refused, bounced later, or retries ran out
    CANCELLED = "cancelled"  # withdrawn before sending, or its gate failed
    EXPIRED = "expired"  # its expiry passed before it could be sent
    SUPPRESSED = "suppressed"  # this address is on the suppression list for this institution

    @property
    def final(self) -> bool:
        """Whether the sender is done with it. `sent` can still become `undelivered`."""
        return self in FINAL

    def label(self, *, settled: bool = False) -> str:
        """The words a person reads."""
        if self is Status.SENT:
            return "送信完了" if settled else "送信完了（確認中）"
        return _LABELS[self]


FINAL = frozenset(
    {Status.SENT, Status.UNDELIVERED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED},
)

WITHDRAWN = frozenset({Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED})
"""Ended without having left."""

_LABELS = {
    Status.HELD: "保留",
    Status.SCHEDULED: "送信予約",
    Status.SENDING: "送信中",
    Status.DEFERRED: "再送待ち",
    Status.IN_DOUBT: "送信結果不明",
    Status.UNDELIVERED: "不達",
    Status.CANCELLED: "取消",
    Status.EXPIRED: "期限切れ",
    Status.SUPPRESSED: "送信停止",
}

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.HELD: frozenset({Status.SCHEDULED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED}),
    # A mail whose first try was put off is scheduled once the sender of the next died, and may bounce all the same.
    Status.SCHEDULED: frozenset(
        {
            Status.SENDING,
            Status.DEFERRED,
            Status.UNDELIVERED,
            Status.CANCELLED,
            Status.EXPIRED,
            Status.SUPPRESSED,
        },
    ),
    Status.SENDING: frozenset(
        {Status.SENT, Status.DEFERRED, Status.IN_DOUBT, Status.UNDELIVERED, Status.SCHEDULED},
    ),
    Status.DEFERRED: frozenset(
        {Status.SENDING, Status.UNDELIVERED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED},
    ),
    Status.IN_DOUBT: frozenset({Status.SENDING, Status.SENT, Status.UNDELIVERED}),
    Status.SENT: frozenset({Status.UNDELIVERED}),
    Status.UNDELIVERED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.SUPPRESSED: frozenset(),
}
"""From each status, where a message may go. Nothing leads out of 不達."""

CANCELLABLE = frozenset(s for s, to in TRANSITIONS.items() if Status.CANCELLED in to)
"""What has not left: a person or a failed gate may withdraw it."""

BOUNCEABLE = frozenset(s for s, to in TRANSITIONS.items() if Status.UNDELIVERED in to)
"""What a failure report turns into 不達, however late."""


@cache
def sources_of(target: Status) -> frozenset[Status]:
    """The statuses from which `target` can be reached in one step."""
    return frozenset(status for status, to in TRANSITIONS.items() if target in to)


def check(current: Status, target: Status) -> None:
    """Raise `TransitionRefused` unless `current` may become `target`."""
    if target not in TRANSITIONS[current]:
        raise TransitionRefused(current, target)
