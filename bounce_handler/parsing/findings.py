"""What a reader found of one recipient, before it is classified."""

from __future__ import annotations

from dataclasses import dataclass

from core.reports import Action, Reason

MAX_DIAGNOSTIC = 1000
"""Characters of diagnostic text that are kept."""


@dataclass(slots=True)
class Finding:
    """Facts as the report gives them; empty where it says nothing."""

    address: str
    action: Action | None = None
    status: str = ""
    smtp_code: int | None = None
    diagnostic: str = ""
    reporter: str = ""  # the type of the diagnostic: smtp, or the mailer that speaks for itself, as x-postfix
    remark: str = ""  # what stands beside the status code
    context: str = ""  # what the human-readable text says of this recipient
    command: str = ""  # the SMTP command that was answered: RCPT, DATA ...
    host: str = ""  # the host that answered
    teller: str = ""  # the domain of the mail system that reports in words
    reason: Reason | None = None  # where the reader knows the meaning from its format


def fold(text: str) -> str:
    """Text with its white space folded, cut to what is kept."""
    return " ".join(text[: 4 * MAX_DIAGNOSTIC].split())[:MAX_DIAGNOSTIC]
