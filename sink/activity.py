"""What the sink did lately, for the page; and in the log, where no whole address appears."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.masking import mask_email

_log = logging.getLogger("todoke.sink")

_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")

KEPT_EVENTS = 1_000


class EventType(StrEnum):
    """What may happen besides a mail simply being kept."""

    REFUSED = "refused"  # an SMTP reply of 4xx or 5xx, simulated or not
    SLOWED = "slowed"  # an answer was held back
    DROPPED = "dropped"  # the connection was cut after the final dot
    REPORT_SENT = "report-sent"
    REPORT_RETRIED = "report-retried"
    REPORT_FAILED = "report-failed"
    REPORT_NOT_SENT = "report-not-sent"  # nobody to send it to


_WARNINGS = frozenset({EventType.REPORT_FAILED, EventType.REPORT_NOT_SENT})


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `address` is the recipient it happened to."""

    at: datetime
    type: EventType
    address: str
    detail: str
    mail_id: str | None


class Activity:
    """The latest events."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)

    def record(self, event_type: EventType, address: str, detail: str, mail_id: str | None = None) -> None:
        """Note an event. `detail` must hold no address: it is logged."""
        self._events.append(Event(self._now(), event_type, address, detail, mail_id))
        level = logging.WARNING if event_type in _WARNINGS else logging.INFO
        _log.log(level, "%s recipient=%s mail=%s detail=%r", event_type, mask_email(address), mail_id or "-", detail)

    def latest(self) -> list[Event]:
        """The events, newest first."""
        return list(reversed(self._events))


def mask_all(text: str) -> str:
    """A text with every address in it masked."""
    return _ADDRESS.sub(lambda found: mask_email(found[0]), text)
