"""From rows to what a reader is shown: plain data with Japanese labels, times of Asia/Tokyo, addresses masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.jst import parse_rfc3339, rfc3339
from core.masking import mask_addresses, mask_email
from core.reports import Action
from core.spellings import spelled
from core.statuses import Status
from store.reading import AnyRow, JobRecord, MessageRecord

_TRIED_AGAIN = (Status.DEFERRED, Status.IN_DOUBT)
_MOMENTS = ("due_at", "until", "next_attempt_at")


def message_view(row: AnyRow, now: datetime, *, whole: bool) -> dict[str, Any]:
    """Every key of a message (contract section 4). Without `whole`, addresses are masked wherever they stand."""
    status = Status(row.status)
    settled = is_settled(row, now)
    return {
        "id": row.id,
        "job_id": row.job_id,
        "kind": row.kind,
        "status": row.status,
        "label": status.label(settled=settled),
        "settled": settled,
        "application_id": row.application_id,
        "institution_code": row.institution_code,
        "email": row.email if whole else mask_email(row.email),
        "created_at": rfc3339(row.created_at),
        "due_at": rfc3339(row.due_at),
        "sent_at": rfc3339(row.sent_at),
        "attempts": row.attempts,
        "next_attempt_at": rfc3339(row.ready_at) if status in _TRIED_AGAIN else None,
        "reason": row.reason,
        "smtp_code": row.smtp_code,
        "enhanced_code": row.enhanced_code,
        "diagnostic": shown_text(row.diagnostic, whole=whole),
        "bounce_class": row.bounce_class,
        "rule": row.rule,
        "expires_at": rfc3339(row.expires_at),
        "waits_for": row.waits_for,
    }


def is_settled(row: AnyRow, now: datetime) -> bool:
    """Whether the settle window of a sent message has passed without a failure report."""
    return row.status == Status.SENT and row.settles_at is not None and row.settles_at <= now


def shown_text(text: str | None, *, whole: bool) -> str | None:
    """A foreign server's words; it often quotes the address. Masked as in logs."""
    return text if text is None or whole else mask_addresses(text)


def record_view(record: MessageRecord, now: datetime) -> dict[str, Any]:
    """A message with its evidence and its story, addresses whole."""
    message = record.message
    return message_view(message, now, whole=True) | {
        "delivery": _delivery(record),
        "events": [_event_view(row) for row in record.events],
    }


def _delivery(record: MessageRecord) -> dict[str, Any]:
    message = record.message
    return {
        "reason": message.reason,
        "bounce_class": message.bounce_class,
        "smtp_code": message.smtp_code,
        "enhanced_code": message.enhanced_code,
        "diagnostic": message.diagnostic,
        "attempts": message.attempts,
        "first_attempt_at": rfc3339(message.first_attempt_at),
        "sent_at": rfc3339(message.sent_at),
        "settles_at": rfc3339(message.settles_at),
        "message_id_header": message.message_id_header,
        "resend_of": message.resend_of,
        "reports": [_report_view(row, message.email) for row in record.reports],
    }


def _report_view(row: AnyRow, email: str) -> dict[str, Any]:
    ours = _ours((row.parsed or {}).get("recipients") or [], email)
    told = {key: ours.get(key) for key in ("action", "status", "smtp_code", "reason", "bounce_class", "diagnostic")}
    told["enhanced_code"] = told.pop("status")
    return {
        "id": row.id,
        "received_at": rfc3339(row.received_at),
        "type": row.type,
        "state": row.state,
        **told,
    }


def _ours(recipients: Sequence[Mapping[str, Any]], email: str) -> Mapping[str, Any]:
    """What a report says of our recipient; where a forward bounced that is another address."""
    same = spelled(email, recipients, lambda told: str(told["address"]))
    failed = (told for told in recipients if told["action"] == Action.FAILED)
    return next(iter(same), None) or next(failed, None) or next(iter(recipients), {})


def _event_view(row: AnyRow) -> dict[str, Any]:
    detail = {key: _moment(value) if key in _MOMENTS else value for key, value in row.detail.items()}
    return {"at": rfc3339(row.at), "type": row.type, "status": row.status, "detail": detail}


def _moment(value: Any) -> Any:
    return value if value is None else rfc3339(parse_rfc3339(value))


def job_view(record: JobRecord, now: datetime, *, whole: bool) -> dict[str, Any]:
    """What became of a job."""
    job = record.job
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "application_id": job.application_id,
        "institution_code": job.institution_code,
        "created_at": rfc3339(job.created_at),
        "note": job.note,
        "messages": [message_view(row, now, whole=whole) for row in record.messages],
    }
