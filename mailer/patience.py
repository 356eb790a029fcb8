"""What a reply says of the pace at which a provider takes mails. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from mailer.transaction import Lost, Outcome, Refused
from mailer.transport import enhanced_code

LONGEST = timedelta(hours=4)
"""No reply makes us wait longer for its asking."""

_SLOWING = frozenset({421, 450, 451})
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_ONE_TO_TWELVE = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_IN_WORDS = {word: number for number, word in enumerate(_ONE_TO_TWELVE, 1)} | {
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "forty-five": 45,
    "fifty": 50,
    "sixty": 60,
}
_WORDS = r"(?:again|after|in|for|wait|back|until|later|retry)"
_ABOUT = r"(?:(?:at\s+least|about|approximately|approx\.?|around|roughly|another)\s+)?"
_NUMBER = rf"(?:(?P<number>\d{{1,6}})\s*|(?P<word>{'|'.join(_IN_WORDS)})\s+)"
_AMOUNT = re.compile(
    rf"\b{_WORDS}\W{{0,3}}{_ABOUT}{_NUMBER}(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b",
    re.IGNORECASE,
)
# Only where a return is spoken of: mailboxes are also full, or unused, for so many days.
_DAYS = re.compile(
    rf"\b(?:again|retry|resend|back|wait|later)\W{{0,3}}(?:(?:in|after|for)\s+)?{_ABOUT}{_NUMBER}(?P<unit>days?)\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(rf"\b{_WORDS}\W{{0,3}}(?P<hours>\d{{1,3}}):(?P<minutes>\d\d):(?P<seconds>\d\d)\b", re.IGNORECASE)
_BARE = re.compile(
    r"\b(?:retry|try\s+again)[\s-]+(?:in|after)\W{0,3}(?P<seconds>\d{1,6})(?=\s*\Z|[.,;!?)\]\"'](?!\w|\s*\d))",
    re.IGNORECASE,
)
"""Seconds without a unit, as those of HTTP's Retry-After (RFC 9110 section 10.2.3)."""


def slows(outcome: Outcome) -> bool:
    """Whether a recipient's server asks for less: 421, 450 or 451 with 4.7.x, or with a time to wait."""
    if isinstance(outcome, Lost) or not isinstance(outcome, Refused) or outcome.stage not in ("rcpt", "data"):
        return False
    enhanced = enhanced_code(outcome.text) or ""
    return outcome.code in _SLOWING and (enhanced.startswith("4.7.") or asked_wait(outcome.text) is not None)


def asked_wait(text: str) -> timedelta | None:
    """The time that a reply asks us to wait, as in "try again in ten minutes", "retry in 300" or "in 00:05:00"."""
    if (amount := _AMOUNT.search(text) or _DAYS.search(text)) is not None:
        asked = _count(amount) * _UNITS[amount["unit"][0].lower()]
    elif (times := _CLOCK.search(text) or _BARE.search(text)) is not None:
        asked = timedelta(**{unit: int(number) for unit, number in times.groupdict().items()})
    else:
        return None
    return min(asked, LONGEST)


def _count(amount: re.Match[str]) -> int:
    return int(amount["number"]) if amount["number"] else _IN_WORDS[amount["word"].lower()]
