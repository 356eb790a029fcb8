"""The meaning of a reply that our own SMTP client was given: the parser's tables, asked without a report."""

from __future__ import annotations

from bounce_handler.parsing.findings import Finding, fold
from bounce_handler.parsing.reasons import class_of, reason_of
from core.ports import Classified
from core.reports import Action, BounceClass, Reason

_COMMANDS = {"connect": "", "mail": "MAIL", "rcpt": "RCPT", "data": "DATA"}


def classify_reply(code: int, enhanced: str | None, text: str, stage: str) -> Classified:
    """Reason and class of a 4xx or 5xx reply at a stage (connect, mail, rcpt, data).

    No recipient is named at MAIL yet, so that nothing said there is hard.
    """
    finding = Finding(
        address="",
        action=Action.FAILED,
        status=enhanced or f"{code // 100}.0.0",
        smtp_code=code,
        diagnostic=fold(f"{code} {text}"),
        command=_COMMANDS.get(stage, ""),
    )
    reason = reason_of(finding)
    bounce_class = class_of(reason, finding) or BounceClass.SOFT
    if stage == "mail" and bounce_class is BounceClass.HARD:
        return Classified(Reason.REJECTED, BounceClass.SOFT)
    return Classified(reason, bounce_class)
