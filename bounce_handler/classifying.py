"""The meaning of a reply that our own SMTP client was given: the parser's tables, asked without a report."""

from __future__ import annotations

from bounce_handler.parsing.findings import Finding, fold
from bounce_handler.parsing.reasons import class_of, reason_of
from core.ports import Classified
from core.reports import Action, BounceClass

_COMMANDS = {"connect": "", "mail": "MAIL", "rcpt": "RCPT", "data": "DATA"}


def classify_reply(code: int, enhanced: str | None, text: str, stage: str) -> Classified:
    """Reason and class of a 4xx or 5xx reply at a stage (connect, mail, rcpt, data)."""
    finding = Finding(
        address="",
        action=Action.FAILED,
        status=enhanced or f"{code // 100}.0.0",
        smtp_code=code,
        diagnostic=fold(f"{code} {text}"),
        command=_COMMANDS.get(stage, ""),
    )
    reason = reason_of(finding)
    return Classified(reason, class_of(reason, finding) or BounceClass.SOFT)
