"""Reports that name nobody: whose they are, and which mails are none all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from bounce_handler.parsing import parse
from bounce_handler.parsing.lines import lines
from core.reports import Action, BounceClass, ParsedReport, Reason, RecipientReport, ReportType

OURS = "soumu@hospital.example.jp"
RECIPIENTS = (
    *("Final-Recipient: LOCAL;<soumu>", "Final-Recipient: rfc822; soumu", "Final-Recipient: x-notes; CN=soumu/O=h"),
    *("Final-Recipient: X400; c=jp; a= ; s=soumu", "Final-Recipient: rfc822; <redacted>", "X-Comment: no recipient"),
)
TYPES = {
    "failed": ReportType.BOUNCE,
    "delayed": ReportType.DELAY,
    "delivered": ReportType.SUCCESS,
    "relayed": ReportType.SUCCESS,
    "expanded": ReportType.SUCCESS,
}
SUBJECTS = ("Notification", "Delivery Status Notification", "Undelivered Mail Returned to Sender")
ORIGINAL = f"""\
--b
Content-Type: message/rfc822

From: G-MIS <info@g-mis.net>
To: {OURS}
Subject: test

body
"""


def dsn(fields: str, words: str = "This is a report of your message.", returned: str = "", subject: str = "x") -> bytes:
    return f"""\
Return-Path: <>
From: MAILER-DAEMON@mx.example.jp
To: r@bounces.example.jp
Subject: {subject}
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

{words}
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.jp

{fields}

{returned}--b--
""".encode()


def text(words: str, headers: str = "From: MAILER-DAEMON@mx.example.jp\nReturn-Path: <>", subject: str = "x") -> bytes:
    return f"{headers}\nTo: r@bounces.example.jp\nSubject: {subject}\n\n{words}\n".encode()


def one(report: ParsedReport) -> RecipientReport:
    (recipient,) = report.recipients
    return recipient


@pytest.mark.parametrize("action", TYPES)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_machine_readable_part_decides_of_whom_the_returned_mail_names(action: str, subject: str) -> None:
    for recipient in RECIPIENTS:
        report = parse(dsn(f"{recipient}\nAction: {action}\nStatus: 4.4.1", returned=ORIGINAL, subject=subject))
        told = one(report)
        assert (report.type, told.address, told.action) == (TYPES[action], OURS, Action(action)), recipient
        assert told.status == "4.4.1"


@pytest.mark.parametrize("action", TYPES)
def test_it_decides_where_nobody_is_named_at_all(action: str) -> None:
    for recipient in RECIPIENTS:
        report = parse(dsn(f"{recipient}\nAction: {action}\nStatus: 4.4.1"))
        assert (report.type, one(report).address, one(report).action) == (TYPES[action], "", Action(action)), recipient


@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_what_it_says_of_the_failure_is_kept(recipient: str) -> None:
    words = f"<{OURS}>: no mailbox of this name. The message could not be delivered."
    for mail in (
        dsn(f"{recipient}\nAction: failed\nStatus: 5.1.1", returned=ORIGINAL),
        dsn(f"{recipient}\nAction: failed\nStatus: 5.1.1", words),
    ):
        told = one(parse(mail))
        assert (told.address, told.status, told.reason) == (OURS, "5.1.1", Reason.USERUNKNOWN)
        assert told.bounce_class is BounceClass.HARD


TEXTS = (
    ("Your message could not be delivered.\n550 5.1.1 User unknown", ReportType.BOUNCE, Reason.USERUNKNOWN),
    ("お送りいただいたメールは、宛先不明のため配信できませんでした。", ReportType.BOUNCE, Reason.USERUNKNOWN),
    ("The mail could not be delivered: mailbox is full.", ReportType.BOUNCE, Reason.MAILBOXFULL),
    ("メールボックスが一杯のため、メールを配信できませんでした。", ReportType.BOUNCE, Reason.MAILBOXFULL),
    ("Your message has been delayed. We will keep trying for 5 days.", ReportType.DELAY, Reason.EXPIRED),
    ("メールの配送が遅れています。再送を続けています。", ReportType.DELAY, Reason.EXPIRED),
)


@pytest.mark.parametrize(("words", "kind", "reason"), TEXTS)
def test_a_notice_without_any_address_is_of_the_mail_it_came_back_to(
    words: str, kind: ReportType, reason: Reason
) -> None:
    report = parse(text(words))
    assert (report.type, one(report).address, one(report).reason) == (kind, "", reason)


@pytest.mark.parametrize(
    "headers",
    [
        "From: tanaka@clinic.example.jp\nReturn-Path: <>",
        "From: postmaster@clinic.example.jp\nReturn-Path: <postmaster@clinic.example.jp>",
        "From: postmaster@clinic.example.jp\nReturn-Path: <>\nAuto-Submitted: auto-replied",
    ],
    ids=["a person", "no null path", "an auto-reply"],
)
def test_it_takes_a_mail_system_and_the_null_path_to_be_believed(headers: str) -> None:
    for words, _, _ in TEXTS:
        assert one_or_none(parse(text(words, headers))) != "", words


def one_or_none(report: ParsedReport) -> str | None:
    return report.recipients[0].address if report.recipients else None


@pytest.mark.parametrize(
    "words",
    [
        "本日は休診です。明日以降にご返信いたします。",
        "The mail system will be down for maintenance on Sunday.",
        "メールを受け付けました。担当者が確認いたします。",
        "Your message was delivered.",
        "Your message was successfully delivered. If another could not be delivered, you will be told.",
        "A message could not be delivered: your mailbox is full. Click https://mail.example.com/ to mend it.",
        "Messages that have not been delivered are being held for review.",
    ],
)
def test_a_mail_system_that_tells_of_no_failure_reports_none(words: str) -> None:
    assert parse(text(words)).type in (ReportType.OTHER, ReportType.AUTO_REPLY)


@pytest.mark.parametrize(
    ("subject", "words", "kind"),
    [
        ("Delivery Status Notification (Failure)", "It could not be delivered after 5 days. Giving up.", "bounce"),
        ("Undelivered Mail Returned to Sender", "Your message could not be delivered.", "bounce"),
        ("Notice", "The message was not delivered within 5 days and is returned. No further attempts.", "bounce"),
        ("配信できませんでした", "5日間再送しましたが、メールを配信できませんでした。再送を断念しました。", "bounce"),
        ("Delivery Status Notification (Delay)", "Delivery has been delayed. We will keep trying.", "delay"),
        ("Warning: could not send message for past 4 hours", "We will keep trying until it is 5 days old.", "delay"),
        ("Notice", "See below.", "delay"),
    ],
)
def test_a_temporary_code_without_an_action_is_read_by_the_words(subject: str, words: str, kind: str) -> None:
    report = parse(dsn(f"Final-Recipient: rfc822; {OURS}\nStatus: 4.4.7", words, subject=subject))
    assert (report.type, one(report).address) == (kind, OURS)


def test_a_refusal_for_good_without_an_action_is_a_failure() -> None:
    fields = f"Final-Recipient: rfc822; {OURS}\nDiagnostic-Code: smtp; 550 no mailbox"
    assert parse(dsn(fields)).type is ReportType.BOUNCE


def test_a_line_of_output_has_no_address_then(tmp_path: Path) -> None:
    file = tmp_path / "1.eml"
    file.write_bytes(text("Your message could not be delivered."))
    (line,) = lines([file])
    assert [(told["address"], told["action"]) for told in line["recipients"]] == [(None, "failed")]
