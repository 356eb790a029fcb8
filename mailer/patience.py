"""What a reply says of the pace at which a provider takes mails. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from core.ports import ReplyClassifier
from core.reports import Reason
from mailer.transaction import CLOSING, Outcome, Refused
from mailer.transport import enhanced_code

LONGEST = timedelta(hours=4)
"""No reply makes us wait longer for its asking."""

_SLOWING = frozenset({421, 450, 451})
_OF_ONE_MAILBOX = ("4.1.", "4.2.")
_REASONS_OF_ONE_MAILBOX = frozenset({Reason.HASMOVED, Reason.MAILBOXFULL, Reason.SUSPEND, Reason.USERUNKNOWN})
_GREYLISTING = re.compile(r"\bgr[ae]y[\s-]?list", re.IGNORECASE)
_OF_THE_RATE = re.compile(
    r"\brat(?:e|es|ed|ing)\b|too\s(?:many|much|fast|frequent|often)|limit|volume|connection|throttl|exceed|excess|quota"
    r"|flood|burst|busy|overload|slow\s?down|frequen|制限|上限|大量|多すぎ|混雑",
    re.IGNORECASE,
)
_LATER = re.compile(r"\b(?:later|again|retry|come\sback)\b", re.IGNORECASE)
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


def slows(outcome: Outcome, classify: ReplyClassifier) -> bool:
    """Whether a recipient's server asks for less: 421, 450 or 451 with 4.7.x, or with a time to wait.

    Not where that is about this mail's address or mailbox (RFC 3463 sections 3.2 and 3.3).
    """
    if not isinstance(outcome, Refused) or not _is_for_now(outcome):
        return False
    enhanced = enhanced_code(outcome.text)
    if enhanced is not None and enhanced.startswith("4.7."):
        return True
    if asked_wait(outcome.text) is None or (enhanced is not None and enhanced.startswith(_OF_ONE_MAILBOX)):
        return False
    return classify(outcome.code, enhanced, outcome.text, outcome.stage).reason not in _REASONS_OF_ONE_MAILBOX


def greylists(text: str) -> bool:
    """Whether it is greylisting, which each mail gets over only by having been tried itself (RFC 6647)."""
    return _GREYLISTING.search(text) is not None


def limits(outcome: Refused) -> bool:
    """Whether it says that too much comes from us at a time."""
    return outcome.code == CLOSING or _OF_THE_RATE.search(outcome.text) is not None


def may_greylist(outcome: Refused) -> bool:
    """Whether it might be greylisting that is not called so: come again, the recipient is told, as of rspamd."""
    enhanced = enhanced_code(outcome.text) or ""
    asks = outcome.stage == "rcpt" and enhanced.startswith("4.7.") and _LATER.search(outcome.text) is not None
    return asks and not limits(outcome)


def own_wait(outcome: Refused) -> timedelta | None:
    """How long a refused mail itself is asked to wait."""
    return asked_wait(outcome.text) if _is_for_now(outcome) else None


def _is_for_now(outcome: Refused) -> bool:
    return outcome.stage in ("rcpt", "data") and outcome.code in _SLOWING


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
