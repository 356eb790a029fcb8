"""Hostile text made fit for a database: PostgreSQL takes no NUL, and nobody takes half a surrogate pair."""

from __future__ import annotations

from dataclasses import replace
from typing import overload

from core.reports import ParsedReport, RecipientReport

_LONGEST_STATUS = 16
_LONGEST_TEXT = 1000


def storable(report: ParsedReport) -> ParsedReport:
    """The same report, every text of it within bounds and storable."""
    return replace(
        report,
        recipients=tuple(_recipient(recipient) for recipient in report.recipients),
        original_message_id=_text(report.original_message_id),
    )


def _recipient(recipient: RecipientReport) -> RecipientReport:
    status = _text(recipient.status)
    return replace(
        recipient,
        address=_text(recipient.address),
        status=status[:_LONGEST_STATUS] if status else None,
        diagnostic=_text(recipient.diagnostic),
    )


@overload
def _text(text: str) -> str: ...


@overload
def _text(text: None) -> None: ...


def _text(text: str | None) -> str | None:
    if text is None:
        return None
    return text[:_LONGEST_TEXT].replace("\x00", "�").encode("utf-8", "replace").decode()
