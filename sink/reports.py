"""Mails that come back: failure, delay and success reports, auto-replies, complaints.

Written by hand as bytes, header fields of the original as they were: what a listener must cope with.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from core.reports import Action, ReportType
from sink.archive import Mail
from sink.headers import facts_of
from sink.replies import diagnosis

MAX_QUOTED_HEADER_BYTES = 32_768
_BASE64_LINE = 57  # octets that make a line of 76 characters


@dataclass(frozen=True, slots=True)
class Report:
    """One report to the envelope sender of `mail` about one recipient.

    `original_recipient` (with its address type) and `envelope_id` are DSN parameters (RFC 3461), where given.
    `headers` is the header block of the mail.
    """

    type: ReportType
    status: str  # enhanced status code
    mail: Mail
    recipient: str
    original_recipient: str | None
    envelope_id: str | None
    headers: bytes

    @property
    def id(self) -> str:
        """Tells the reports on one mail apart."""
        return f"{self.mail.id}.{self.mail.recipients.index(self.recipient)}.{self.type}"

    @property
    def to(self) -> str:
        """Where it goes."""
        return self.mail.sender


def compose(report: Report, *, hostname: str, now: datetime) -> bytes:
    """The report as a mail with CRLF line ends."""
    match report.type:
        case ReportType.AUTO_REPLY:
            return _auto_reply(report, hostname, now)
        case ReportType.COMPLAINT:
            return _complaint(report, hostname, now)
        case _:
            return _delivery_report(report, hostname, now)


def _delivery_report(report: Report, hostname: str, now: datetime) -> bytes:
    """RFC 3464, in the multipart/report of RFC 6522."""
    subject, text = _WORDING[report.type]
    facts = [
        ("Reporting-MTA", f"dns; {hostname}"),
        ("Original-Envelope-Id", report.envelope_id),
        ("Arrival-Date", format_datetime(report.mail.received_at)),
        ("", ""),
        ("Original-Recipient", report.original_recipient),
        ("Final-Recipient", typed_address(report.recipient)),
        ("Action", _ACTIONS[report.type]),
        ("Status", report.status),
        *_diagnosis(report, now),
    ]
    human = f"{text}\n\n    <{report.recipient}>\n\n{_because(report)}\n"
    headers = [
        *_common(report, hostname, now, sender=f"Mail Delivery System <MAILER-DAEMON@{hostname}>"),
        ("Subject", subject),
        ("Auto-Submitted", "auto-replied"),
    ]
    return _multipart_report(report, headers, "delivery-status", human, _field_lines(facts))


_WORDING = {
    ReportType.BOUNCE: (
        "Undelivered Mail Returned to Sender",
        "This is the mail system at the receiving site.\n\nYour message could not be delivered to the recipient"
        " below.\nIt will not be tried again.",
    ),
    ReportType.DELAY: (
        "Delayed Mail (still being retried)",
        "This is the mail system at the receiving site.\n\nTHIS IS A WARNING ONLY. You need not send your message"
        " again.\nIt has not been delivered to the recipient below yet; delivery will be tried again.",
    ),
    ReportType.SUCCESS: (
        "Successful Mail Delivery Report",
        "This is the mail system at the receiving site.\n\nYour message was delivered to the recipient below.",
    ),
}

_ACTIONS = {
    ReportType.BOUNCE: Action.FAILED,
    ReportType.DELAY: Action.DELAYED,
    ReportType.SUCCESS: Action.DELIVERED,
}


def _diagnosis(report: Report, now: datetime) -> list[tuple[str, str | None]]:
    if report.type is ReportType.SUCCESS:
        return [("Diagnostic-Code", "smtp; 250 2.0.0 Delivered to the mailbox")]
    fields: list[tuple[str, str | None]] = [
        ("Remote-MTA", f"dns; {_remote_host(report.recipient)}"),
        ("Diagnostic-Code", f"smtp; {diagnosis(report.status)}"),
        ("Last-Attempt-Date", format_datetime(now)),
    ]
    return fields


def _because(report: Report) -> str:
    if report.type is ReportType.SUCCESS:
        return "It was put into the mailbox."
    return f"The remote host {_remote_host(report.recipient)} said:\n    {diagnosis(report.status)}"


def _remote_host(recipient: str) -> str:
    return "mx." + (recipient.rpartition("@")[2] or "invalid")


def typed_address(address: str) -> str:
    """An address with its type, in ASCII whatever it holds (RFC 3464 section 2.3.2, RFC 6533 section 3)."""
    if address.isascii():
        return f"rfc822; {address}"
    encoded = "".join(char if char.isascii() else f"\\x{{{ord(char):X}}}" for char in address)
    return f"utf-8; {encoded}"


def _complaint(report: Report, hostname: str, now: datetime) -> bytes:
    """An abuse report in the Abuse Reporting Format, RFC 5965."""
    facts: list[tuple[str, str | None]] = [
        ("Feedback-Type", "abuse"),
        ("User-Agent", "todoke-sink/1"),
        ("Version", "1"),
        ("Original-Envelope-Id", report.envelope_id),
        ("Original-Mail-From", f"<{report.mail.sender}>"),
        ("Original-Rcpt-To", f"<{report.recipient}>"),
        ("Arrival-Date", format_datetime(report.mail.received_at)),
        ("Reporting-MTA", f"dns; {hostname}"),
        ("Reported-Domain", report.mail.sender.rpartition("@")[2] or None),
    ]
    headers = [
        *_common(report, hostname, now, sender=f"Feedback Loop <complaints@{hostname}>"),
        ("Subject", "Complaint about message from " + (report.mail.sender.rpartition("@")[2] or "you")),
        ("Auto-Submitted", "auto-generated"),
    ]
    human = (
        "This is an abuse report for a message received from your system.\n"
        f"The recipient <{report.recipient}> marked it as unwanted."
    )
    return _multipart_report(report, headers, "feedback-report", human, _field_lines(facts))


_VACATION = """\
※このメールは自動で返信しています。

メールをお送りいただきありがとうございます。
担当者はただいま不在にしております。
いただいたメールは、戻りしだい確認いたします。

お急ぎの場合は、代表電話までご連絡くださいますようお願いいたします。
"""


def _auto_reply(report: Report, hostname: str, now: datetime) -> bytes:
    """RFC 3834: Auto-Submitted, In-Reply-To, and a subject that says what it answers."""
    subject = _encoded_subject(f"【自動返信】不在のお知らせ Re: {report.mail.subject}")
    headers = [
        *_common(report, hostname, now, sender=f"<{report.recipient}>"),
        ("Subject", subject),
        ("Auto-Submitted", "auto-replied (vacation)"),
        ("Content-Type", 'text/plain; charset="utf-8"'),
        ("Content-Transfer-Encoding", "base64"),
    ]
    return _field_lines(headers) + b"\r\n" + _base64_lines(_VACATION.replace("\n", "\r\n").encode())


def _common(report: Report, hostname: str, now: datetime, *, sender: str) -> list[tuple[str, str | None]]:
    answered = facts_of(report.headers).message_id
    return [
        ("Date", format_datetime(now)),
        ("From", sender),
        ("To", f"<{report.to}>"),
        ("Message-ID", f"<{report.id}@{hostname}>"),
        ("In-Reply-To", answered),
        ("References", answered),
        ("MIME-Version", "1.0"),
    ]


def _multipart_report(
    report: Report, headers: Sequence[tuple[str, str | None]], report_type: str, human: str, facts: bytes
) -> bytes:
    boundary = f"=_{report.id}"
    returned = _quoted_headers(report.headers)
    content_type = f'multipart/report; report-type={report_type}; boundary="{boundary}"'
    parts = [
        _part([("Content-Type", 'text/plain; charset="utf-8"')], human.replace("\n", "\r\n").encode()),
        _part([("Content-Type", f"message/{report_type}")], facts),
        _part([("Content-Type", "text/rfc822-headers")], returned),
    ]
    separator = f"--{boundary}\r\n".encode()
    opening = _field_lines([*headers, ("Content-Type", content_type)]) + b"\r\n"
    return opening + b"".join(separator + part for part in parts) + f"--{boundary}--\r\n".encode()


def _part(headers: list[tuple[str, str | None]], body: bytes) -> bytes:
    if not body.isascii():
        headers.append(("Content-Transfer-Encoding", "8bit"))
    return _field_lines(headers) + b"\r\n" + body + b"\r\n"


def _quoted_headers(headers: bytes) -> bytes:
    """The original header fields with CRLF line ends, whole lines up to a bound."""
    lines = headers[:MAX_QUOTED_HEADER_BYTES].splitlines()
    if len(headers) > MAX_QUOTED_HEADER_BYTES:
        lines.pop()
    return b"\r\n".join(lines) + b"\r\n"


def _field_lines(fields: Sequence[tuple[str, str | None]]) -> bytes:
    """Fields as lines; one without a value is left out, the empty one separates groups (RFC 3464 section 2.1)."""
    lines = [f"{name}: {value}" if name else "" for name, value in fields if value is not None]
    return "".join(line + "\r\n" for line in lines).encode("utf-8", "replace")


def _encoded_subject(text: str) -> str:
    """RFC 2047 words of whole characters, each at most 75 long."""
    words: list[str] = []
    chunk = ""
    for char in text:
        if len((chunk + char).encode()) > 39:
            words.append(chunk)
            chunk = ""
        chunk += char
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word.encode()).decode()}?=" for word in words)


def _base64_lines(data: bytes) -> bytes:
    chunks = (data[at : at + _BASE64_LINE] for at in range(0, len(data), _BASE64_LINE))
    return b"".join(base64.b64encode(chunk) + b"\r\n" for chunk in chunks)
