"""Whether a refusal is of our session (who we are, where we come from, how we greet) or of one recipient. Pure.

Many relays keep what they have against a client back until RCPT: Postfix does as a rule (smtpd_delay_reject).
"""

from __future__ import annotations

import re

from mailer.transaction import OUT_OF_ORDER, Accepted, Lost, Outcome, Refused

LOGIN_WANTED = frozenset({530, 534, 535, 538})
"""RFC 4954 section 6: the relay wants a login or TLS of us. About the session, at whatever command it comes."""

_WHO = r"(?:(?:unverified\s)?client\shost|helo\scommand|sender\saddress)"
_OF_THE_SESSION = re.compile(
    rf"""
    ^(?:[45]\.\d+\.\d+\s+)?  # Postfix
    (?: (?:<[^>\n]*>:\s)?{_WHO}\srejected: | service\sunavailable;\s{_WHO}\s\[[^\]\n]*\]\sblocked\susing )
  | \brelay(?:ing)?\s(?:access\s|is\s)?(?:denied|not\spermitted|not\sallowed|prohibited|disallowed)\b  # all of them
  | \bnot\s(?:permitted|authori[sz]ed|allowed)\sto\srelay\b
  | \bunable\sto\srelay\b  # Exchange
  | \bclient\s(?:was\s|is\s)?not\sauthenticated\b
  | \binvalid\shelo\sname\b  # Exim
  | \bsender\sverify\sfailed\b
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_RELAYING = re.compile(r"\brelay(?:ing)?\b", re.IGNORECASE)
PASSED_ON = re.compile(r"undeliverable\saddress|\bcallout\b|\bsaid:|\bin\sreply\sto\b|\bresponse\sto\b", re.IGNORECASE)
"""What the recipient's server has against the recipient, or against the relay, where the relay passes it on."""
_OF_A_RECIPIENT = re.compile(rf"recipient\saddress\srejected|{PASSED_ON.pattern}", re.IGNORECASE)


def of_the_session(outcome: Outcome) -> bool:
    """Whether it ended a mail at MAIL, or at RCPT in words that mean no recipient."""
    if isinstance(outcome, Accepted):
        return False
    if outcome.stage != "rcpt":
        return outcome.stage == "mail"
    if isinstance(outcome, Lost):
        return False
    return outcome.code in LOGIN_WANTED or of_the_order(outcome) or _means_us(outcome.text)


def of_the_order(outcome: Refused) -> bool:
    """Whether the relay did not take a command as such: whatever stood in it, that says nothing of a mail.

    Not where it names the recipient, as Postfix does with 504. Of the mail itself, 500 is said too.
    """
    commands = frozenset({503}) if outcome.stage == "data" else OUT_OF_ORDER
    return outcome.code in commands and _OF_A_RECIPIENT.search(outcome.text) is None


def of_the_way(outcome: Outcome) -> bool:
    """Whether the relay does not go between us and the recipient's domain: it may go to others."""
    return isinstance(outcome, Refused) and _RELAYING.search(outcome.text) is not None


def past_the_session(outcome: Outcome) -> bool:
    """Whether it shows that the relay has nothing against our session; what is lost at RCPT shows neither."""
    if isinstance(outcome, Accepted) or outcome.stage == "data":
        return True
    return outcome.stage == "rcpt" and not isinstance(outcome, Lost) and not of_the_session(outcome)


def _means_us(text: str) -> bool:
    return _OF_THE_SESSION.search(text) is not None and _OF_A_RECIPIENT.search(text) is None
