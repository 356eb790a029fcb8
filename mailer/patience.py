"""What a reply says of the pace at which a provider takes mails. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from mailer.transaction import Lost, Outcome, Refused
from mailer.transport import enhanced_code

LONGEST = timedelta(hours=4)
"""No reply makes us wait longer for its asking."""

_SLOWING = frozenset({421, 450, 451})
_WORDS = r"(?:again|after|in|for|wait|back|until|later|retry)"
_AMOUNT = re.compile(
    rf"\b{_WORDS}\W{{0,3}}(?:at least\s+)?(?P<number>\d{{1,6}})\s*"
    r"(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(rf"\b{_WORDS}\W{{0,3}}(?P<hours>\d{{1,3}}):(?P<minutes>\d\d):(?P<seconds>\d\d)\b", re.IGNORECASE)
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


def slows(outcome: Outcome) -> bool:
    """Whether a recipient's server asks for less: 421, 450 or 451 with 4.7.x, or with a time to wait."""
    if isinstance(outcome, Lost) or not isinstance(outcome, Refused) or outcome.stage not in ("rcpt", "data"):
        return False
    enhanced = enhanced_code(outcome.text) or ""
    return outcome.code in _SLOWING and (enhanced.startswith("4.7.") or asked_wait(outcome.text) is not None)


def asked_wait(text: str) -> timedelta | None:
    """The time that a reply asks us to wait, such as "try again in 5 minutes", "retry after 300 s" or "in 00:05:00"."""
    amount, clock = _AMOUNT.search(text), _CLOCK.search(text)
    if amount is not None:
        asked = int(amount["number"]) * _UNITS[amount["unit"][0].lower()]
    elif clock is not None:
        hours, minutes, seconds = (int(clock[part]) for part in ("hours", "minutes", "seconds"))
        asked = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    else:
        return None
    return min(asked, LONGEST)
