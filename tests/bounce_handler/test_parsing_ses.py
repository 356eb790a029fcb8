"""Amazon SES notifications that are neither bounces nor complaints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bounce_handler.parsing import parse
from core.reports import ParsedReport, Reason, ReportType

OURS = "soumu@hospital.example.jp"


def read(event: dict[str, Any]) -> ParsedReport:
    mail = {"messageId": "0100", "destination": [OURS], "commonHeaders": {"messageId": "<1@g-mis.example>"}}
    text = json.dumps({"mail": mail, **event})
    head = "From: AWS Notifications <no-reply@sns.amazonaws.com>\nTo: r@bounces.example.jp\nSubject: AWS Notification"
    return parse(f"{head}\n\n{text}\n\n--\nunsubscribe\n".encode())


@pytest.mark.parametrize(
    ("kind", "recipient", "reason"),
    [
        ("MailboxFull", {"status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}, Reason.MAILBOXFULL),
        ("MailboxFull", {}, Reason.MAILBOXFULL),
        ("General", {"status": "4.4.1"}, Reason.EXPIRED),
        ("A new one", {}, Reason.EXPIRED),
    ],
)
def test_a_delay(kind: str, recipient: dict[str, str], reason: Reason) -> None:
    recipients = [{"emailAddress": OURS, **recipient}]
    report = read({"eventType": "DeliveryDelay", "deliveryDelay": {"delayType": kind, "delayedRecipients": recipients}})
    (told,) = report.recipients
    assert (report.type, told.address, told.action, told.reason) == (ReportType.DELAY, OURS, "delayed", reason)
    assert report.original_message_id == "1@g-mis.example"


def test_a_mail_that_was_taken_and_not_sent() -> None:
    report = read({"eventType": "Reject", "reject": {"reason": "Bad content"}})
    (told,) = report.recipients
    assert (report.type, told.address, told.reason) == (ReportType.BOUNCE, OURS, Reason.VIRUSDETECTED)


@pytest.mark.parametrize("delay", [None, [], {}, {"delayedRecipients": None}, {"delayedRecipients": [None, 1]}])
def test_broken_events_raise_nothing(delay: Any) -> None:
    assert isinstance(read({"eventType": "DeliveryDelay", "deliveryDelay": delay}), ParsedReport)


@pytest.mark.parametrize("kind", ["Send", "Open", "Click", "Subscription", "Rendering Failure"])
def test_events_that_tell_nothing_of_delivery(kind: str) -> None:
    assert read({"eventType": kind}).type is ReportType.OTHER
