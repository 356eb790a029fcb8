"""Amazon SES notifications: JSON in the text of a mail from SNS (the SES developer guide's notification contents)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bounce_handler.parsing import addresses, replies
from bounce_handler.parsing.findings import Finding
from bounce_handler.parsing.mail import Mail
from core.reports import Action, Reason

MAX_JSON = 128 * 1024
_SUBTYPES = {
    "Suppressed": Reason.SUPPRESSED,
    "OnAccountSuppressionList": Reason.SUPPRESSED,
    "NoEmail": Reason.USERUNKNOWN,
    "MailboxFull": Reason.MAILBOXFULL,
    "MessageTooLarge": Reason.EMAILTOOLARGE,
    "ContentRejected": Reason.CONTENTERROR,
    "AttachmentRejected": Reason.POLICYVIOLATION,
}
_DELAYS = {
    "MailboxFull": Reason.MAILBOXFULL,
    "SpamDetected": Reason.SPAMDETECTED,
    "TransientCommunicationFailure": Reason.NETWORKERROR,
    "RecipientServerError": Reason.SYSTEMERROR,
}


def read(mail: Mail) -> list[Finding]:
    """The recipients of a notification; none where the mail is no notification."""
    notification = _notification(mail)
    kind = str(_part(notification, "notificationType") or _part(notification, "eventType"))
    readers = {
        "Bounce": _bounced,
        "Complaint": _complained,
        "Delivery": _delivered,
        "DeliveryDelay": _delayed,
        "Reject": _rejected,
    }
    return readers[kind](notification) if kind in readers else []


def message_id(mail: Mail) -> str | None:
    """The Message-ID of the mail that the notification speaks of, without angle brackets."""
    headers = _part(_part(_notification(mail), "mail"), "commonHeaders")
    return str(_part(headers, "messageId") or "").strip("<>") or None


def _notification(mail: Mail) -> Any:
    text = mail.body[:MAX_JSON].lstrip()
    if not text.startswith("{") or ("otificationType" not in text and "eventType" not in text):
        return None
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _bounced(notification: Any) -> list[Finding]:
    bounce = _part(notification, "bounce")
    subtype = _SUBTYPES.get(str(_part(bounce, "bounceSubType")))
    return [_failure(recipient, subtype) for recipient in _rows(bounce, "bouncedRecipients")]


def _delayed(notification: Any) -> list[Finding]:
    delay = _part(notification, "deliveryDelay")
    kind = _DELAYS.get(str(_part(delay, "delayType")))
    rows = _rows(delay, "delayedRecipients")
    return [replace(_failure(recipient, kind), action=Action.DELAYED) for recipient in rows]


def _rejected(notification: Any) -> list[Finding]:
    """SES took the mail and did not send it, as it holds malware."""
    rows = _rows(_part(notification, "mail"), "destination")
    return [Finding(_address(row), Action.FAILED, reason=Reason.VIRUSDETECTED) for row in rows]


def _failure(recipient: Any, subtype: Reason | None) -> Finding:
    diagnostic = str(_part(recipient, "diagnosticCode") or "").removeprefix("smtp; ")
    return Finding(
        address=_address(_part(recipient, "emailAddress")),
        action=Action.DELAYED if _part(recipient, "action") == "delayed" else Action.FAILED,
        status=replies.status(str(_part(recipient, "status") or "")) or replies.status(diagnostic),
        smtp_code=replies.smtp_code(diagnostic),
        diagnostic=diagnostic,
        command=replies.command(diagnostic),
        reason=subtype if subtype is Reason.SUPPRESSED or not diagnostic else None,
    )


def _complained(notification: Any) -> list[Finding]:
    rows = _rows(_part(notification, "complaint"), "complainedRecipients")
    return [Finding(_address(_part(row, "emailAddress")), reason=Reason.FEEDBACK) for row in rows]


def _delivered(notification: Any) -> list[Finding]:
    rows = _rows(_part(notification, "delivery"), "recipients")
    return [Finding(_address(row), Action.DELIVERED) for row in rows]


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _rows(value: Any, key: str) -> list[Any]:
    rows = _part(value, key)
    return rows if isinstance(rows, list) else []


def _address(value: Any) -> str:
    return addresses.typed(str(value or ""))
