"""SMTP replies, and the words that fit a code: what real servers of the field would say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply line. `status` is the enhanced status code (RFC 3463), None where the reply has none."""

    code: int
    status: str | None
    text: str

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.status, self.text) if part)


SERVICE_CLOSING = 421
"""The one reply after which the server itself hangs up (RFC 5321 section 3.8)."""

FULL = Reply(452, "4.2.2", "The mailbox is full: over quota")
DEFERRED = Reply(451, "4.3.0", "Mail server temporarily not available, try again later")
NOT_KEPT = Reply(452, "4.3.1", "The sink could not keep this mail; see its log")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients in one transaction")


def rejection(code: int, status: str | None) -> Reply:
    """The reply that `reject-<CODE>[-<X.Y.Z>]` gives."""
    return Reply(code, status, status_text(status) if status else _code_text(code))


def diagnosis(status: str) -> Reply:
    """The reply of a remote server that would lead to a report with this status."""
    return Reply(_code_for(status), status, status_text(status))


def status_text(status: str) -> str:
    """What an enhanced status code means, in the words of a mail server."""
    _, subject, detail = status.split(".")
    return _DETAILS.get(f"{subject}.{detail}") or _SUBJECTS.get(subject, "Delivery failed")


def _code_text(code: int) -> str:
    return _CODES.get(code) or ("Temporary failure, try again later" if code < 500 else "Transaction failed")


def _code_for(status: str) -> int:
    """The basic code that goes with an enhanced one (after the tables of RFC 5248)."""
    status_class, _, rest = status.partition(".")
    if status_class == "4":
        return _TEMPORARY.get(rest, 451)
    return _PERMANENT.get(rest) or (554 if rest.startswith(("0.", "3.", "4.", "5.", "6.")) else 550)


_TEMPORARY: Mapping[str, int] = {"2.1": 450, "2.2": 452, "3.1": 452, "3.2": 421, "7.1": 450, "4.5": 452}
_PERMANENT: Mapping[str, int] = {"1.3": 553, "1.6": 551, "1.10": 556, "2.2": 552, "2.3": 552, "3.4": 552}

_DETAILS: Mapping[str, str] = {
    "1.1": "User unknown: no mailbox of that name here",
    "1.2": "Host unknown: the domain does not exist",
    "1.3": "Bad destination mailbox address syntax",
    "1.4": "Destination mailbox address is ambiguous",
    "1.6": "The mailbox has moved and left no forwarding address",
    "1.8": "Sender address rejected: its domain was not found",
    "1.10": "The recipient domain takes no mail: null MX",
    "2.1": "The mailbox is disabled and accepts no messages",
    "2.2": "The mailbox is full: over quota",
    "2.3": "Message too large: it exceeds the size limit of this mailbox",
    "2.4": "Mailing list expansion failed",
    "3.1": "Insufficient system storage: the mail system is full",
    "3.2": "The system is not accepting messages now",
    "3.4": "Message size exceeds the fixed maximum of this system",
    "4.1": "Connection timed out: no answer from the destination host",
    "4.2": "The connection was lost in mid-transfer",
    "4.3": "Name service error: the directory server did not answer",
    "4.4": "Unable to route: no mail host for the domain",
    "4.5": "Mail system congestion",
    "4.6": "Routing loop detected: too many hops",
    "4.7": "Delivery time expired: retry time limit exceeded",
    "5.2": "Syntax error in a command",
    "5.3": "Too many recipients",
    "6.1": "Media type not supported",
    "7.1": "Message refused by policy: delivery not authorized",
    "7.20": "No DKIM signature passed",
    "7.23": "SPF validation failed",
    "7.25": "The client host has no reverse DNS record",
    "7.26": "The message failed several authentication checks: SPF, DKIM and DMARC",
    "7.28": "Mail flood: too many messages from this sender",
}

_SUBJECTS: Mapping[str, str] = {
    "1": "Address rejected",
    "2": "The mailbox cannot take this message",
    "3": "Mail system error",
    "4": "Network or routing error",
    "5": "Mail protocol error",
    "6": "Message content rejected",
    "7": "Message refused by policy",
}

_CODES: Mapping[int, str] = {
    421: "Service not available, closing the transmission channel",
    450: "Mailbox unavailable: busy or blocked for a while",
    451: "Local error in processing",
    452: "Insufficient system storage",
    550: "Mailbox unavailable: no such user here",
    551: "User not local",
    552: "Mailbox full: exceeded storage allocation",
    553: "Mailbox name not allowed",
    554: "Transaction failed",
    556: "The domain takes no mail",
}
