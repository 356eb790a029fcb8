"""On what grounds a relay takes a mail from nobody, where it is not this mail's recipient that is refused. Pure."""

from __future__ import annotations

import re
from enum import Enum

from core.ports import Classified, ReplyClassifier
from core.reports import Reason
from mailer.outcomes import DEFERRED_BY_MEANING
from mailer.patience import greylists
from mailer.session import LOGIN_WANTED, PASSED_ON, of_the_session, of_the_way
from mailer.transaction import Lost, Refused
from mailer.transport import enhanced_code


class Ground(Enum):
    """What may be the relay's doing, where several mails meet it."""

    SESSION = "session"  # at MAIL, or at RCPT in words that mean no recipient
    STANDING = "standing"  # for good, over what our sender or account is, at RCPT or after
    FOR_NOW = "for now"  # at RCPT or after, or the connection was lost before the final dot


_OF_A_RECIPIENT = frozenset(
    {
        Reason.FILTERED,
        Reason.HASMOVED,
        Reason.HOSTUNKNOWN,
        Reason.MAILBOXFULL,
        Reason.NOTACCEPT,
        Reason.SUPPRESSED,
        Reason.SUSPEND,
        Reason.USERUNKNOWN,
    }
)
_OF_OUR_STANDING = frozenset(
    {
        Reason.AUTHFAILURE,
        Reason.BADREPUTATION,
        Reason.BLOCKED,
        Reason.FAILEDSTARTTLS,
        Reason.NORELAYING,
        Reason.POLICYVIOLATION,
        Reason.REJECTED,
        Reason.REQUIREPTR,
        Reason.SECURITYERROR,
    }
)
_UNTOLD = frozenset({Reason.ONHOLD, Reason.SYSTEMERROR, Reason.UNDEFINED})
"""Words that nobody knows, or a code alone: at RCPT they may be of a mailbox."""
_NOT_LOCAL = 551
"""RFC 5321 section 3.4: that the user is elsewhere."""
_OF_ONE_MAILBOX = ("4.1.", "4.2.", "5.2.")
_NAMES_US = re.compile(
    r"""
    \bsend(?:er|ing)\b | \bsend\s?as | \bfrom\s(?:address|domain|header)\b | \boutbound\b
  | \byour\s(?:account|ip|domain|tenant|subscription)\b | \bcredentials?\b | \bcredits?\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def ground_of(outcome: Refused | Lost, classify: ReplyClassifier) -> Ground | None:
    """None where it is this mail's own. What was lost after the final dot may have arrived, and is its own, too.

    Of what a mail contains (spam, a virus, its size) is its own, as long as the words do not name its sender.
    """
    if of_the_session(outcome):
        return Ground.SESSION
    if isinstance(outcome, Lost):
        return None if outcome.in_doubt else Ground.FOR_NOW
    found = classify(outcome.code, enhanced_code(outcome.text), outcome.text, outcome.stage)
    if found.reason in _OF_A_RECIPIENT or outcome.code == _NOT_LOCAL or PASSED_ON.search(outcome.text) is not None:
        return None
    if outcome.code < 500 or outcome.code in LOGIN_WANTED or found.reason in DEFERRED_BY_MEANING:
        return None if _asks_for_patience_with_one(outcome) else Ground.FOR_NOW
    return Ground.STANDING if _is_of_our_standing(outcome, found) else None


def _asks_for_patience_with_one(outcome: Refused) -> bool:
    enhanced = enhanced_code(outcome.text) or ""
    return greylists(outcome.text) or (enhanced.startswith(_OF_ONE_MAILBOX) and not of_the_way(outcome))


def _is_of_our_standing(outcome: Refused, found: Classified) -> bool:
    if found.reason in _OF_OUR_STANDING or (found.reason in _UNTOLD and outcome.stage == "data"):
        return True
    return _NAMES_US.search(outcome.text) is not None
