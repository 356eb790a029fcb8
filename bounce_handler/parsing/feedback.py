"""Complaints: abuse reports (RFC 5965), and the two older forms that Hotmail and AOL send."""

from __future__ import annotations

from bounce_handler.parsing import addresses, delivery_status, original
from bounce_handler.parsing.findings import Finding
from bounce_handler.parsing.mail import Mail
from core.reports import Reason

_PART = "message/feedback-report"
_NO_COMPLAINT = frozenset({"auth-failure", "not-spam", "dkim", "dmarc"})
"""Feedback that no reader gave by complaining (RFC 6591, RFC 6430): authentication reports, and the contrary."""
_RECIPIENT_FIELDS = ("original-rcpt-to", "removal-recipient", "redacted-address", "x-original-rcpt-to")
_HOTMAIL = "x-hmxmroriginalrecipient"


def is_feedback(mail: Mail) -> bool:
    """Whether the mail is a feedback report of whatever kind."""
    return (
        mail.root.parameters.get("report-type", "").lower() == "feedback-report"
        or any(part.type == _PART for part in mail.parts)
        or (_HOTMAIL in mail.headers and "complaint" in mail.subject)
        or mail.sender.startswith("staff@hotmail.com")
        or "scomp@aol.net" in mail.sender
    )


def read(mail: Mail) -> list[Finding] | None:
    """Who complained; None where the feedback is no complaint. Reporters often hide the address."""
    fields = _fields(mail)
    if fields.get("feedback-type", "").strip().lower() in _NO_COMPLAINT:
        return None
    named = [addresses.typed(fields[name]) for name in _RECIPIENT_FIELDS if name in fields]
    found = [address for address in named if "@" in address] or original.addressees(mail.returned)
    return [Finding(address=address, reason=Reason.FEEDBACK) for address in dict.fromkeys(found)]


def _fields(mail: Mail) -> delivery_status.Fields:
    for part in mail.parts:
        if part.type == _PART:
            return delivery_status.fields(part.text)
    return {"original-rcpt-to": mail.headers.get(_HOTMAIL)} if _HOTMAIL in mail.headers else {}
