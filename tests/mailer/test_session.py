"""Which refusals are of us and which of one recipient, in the words of several servers."""

from __future__ import annotations

import pytest

from mailer.session import of_the_order, of_the_session, past_the_session
from mailer.transport import Accepted, Lost, Outcome, Refused

OF_US = [
    "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname",
    "450 4.7.1 <node1.example.jp>: Helo command rejected: Host not found",
    "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied",
    "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]",
    "550 5.7.1 <unknown[192.0.2.1]>: Unverified Client host rejected: Access denied",
    "553 5.7.1 <noreply@example.jp>: Sender address rejected: not owned by user x",
    "554 5.7.1 <soumu@example.jp>: Relay access denied",
    "554 5.7.1 <soumu@example.jp>: Relay access denied\n5.7.1 For assistance, call the desk.",
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example.org; see there",
    "530 5.7.0 Must issue a STARTTLS command first",
    "535 5.7.8 Authentication failed",
    "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
    "530 5.7.57 Client not authenticated to send mail",
    "550 5.7.1 Client was not authenticated",
    "550 5.7.1 Unable to relay",
    "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    "550 5.7.64 TenantAttribution; Relay Access Denied",
    "550 relay not permitted",
    "550 node1 [192.0.2.1] is currently not permitted to relay through this server",
    "550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)",
    "550 Verification failed for <r-token@bounces.example.jp>\nSender verify failed",
    "550 5.7.1 <soumu@example.jp>... Relaying denied. Proper authentication required.",
]
OF_A_RECIPIENT = [
    "550 5.1.1 <soumu@example.jp>: Recipient address rejected: User unknown",
    "450 4.2.0 <soumu@example.jp>: Recipient address rejected: Greylisted",
    "550 5.7.1 <soumu@example.jp>: Recipient address rejected: Relaying denied",
    "550 5.1.1 <soumu@example.jp>: Recipient address rejected: undeliverable address: mx.example.jp[192.0.2.9] said: "
    "554 5.7.1 <relay.example>: Helo command rejected: no (in reply to RCPT TO command)",
    '550 Callout verification failed:\nresponse to "RCPT TO:<soumu@example.jp>" was: 550 relay not permitted',
    "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required",
    "452 4.2.2 mailbox full",
    "421 4.3.2 shutting down",
    "550 no such user at relay.example",
]


def refused(reply: str, stage: str = "rcpt") -> Refused:
    return Refused(int(reply[:3]), reply[4:], stage)  # type: ignore[arg-type]


@pytest.mark.parametrize("reply", OF_US)
def test_what_is_said_of_us_at_rcpt(reply: str) -> None:
    assert of_the_session(refused(reply))
    assert not past_the_session(refused(reply))
    assert past_the_session(refused(reply, "data"))


@pytest.mark.parametrize("reply", OF_A_RECIPIENT)
def test_what_is_said_of_a_recipient(reply: str) -> None:
    assert not of_the_session(refused(reply))
    assert past_the_session(refused(reply))


@pytest.mark.parametrize("reply", [*OF_US, *OF_A_RECIPIENT])
def test_nothing_is_said_of_a_recipient_at_mail(reply: str) -> None:
    assert of_the_session(refused(reply, "mail"))
    assert not past_the_session(refused(reply, "mail"))


@pytest.mark.parametrize(
    ("outcome", "of_us", "past"),
    [
        (Accepted(250, "Ok"), False, True),
        (Lost("x", "connect"), False, False),
        (Lost("x", "mail"), True, False),
        (Lost("x", "rcpt"), False, False),
        (Lost("x", "data"), False, True),
        (Lost("x", "data", in_doubt=True), False, True),
    ],
)
def test_other_ends(outcome: Outcome, of_us: bool, past: bool) -> None:
    assert (of_the_session(outcome), past_the_session(outcome)) == (of_us, past)


@pytest.mark.parametrize(
    ("reply", "stage", "of_us"),
    [
        ("500 5.5.2 command not recognized", "rcpt", True),
        ("502 5.5.1 not implemented", "rcpt", True),
        ("503 5.5.1 Bad sequence of commands", "rcpt", True),
        ("503 5.5.1 Bad sequence of commands", "data", True),
        ("504 5.5.4 parameter not implemented", "mail", True),
        ("504 5.5.2 <soumu@example>: Recipient address rejected: need fully-qualified address", "rcpt", False),
        ("501 5.1.3 Bad recipient address syntax", "rcpt", False),
        ("553 5.1.3 invalid mailbox", "rcpt", False),
        ("500 5.0.0 Line too long", "data", False),
    ],
)
def test_a_command_that_is_not_taken_as_one_says_nothing_of_a_mail(reply: str, stage: str, of_us: bool) -> None:
    outcome = refused(reply, stage)
    assert of_the_order(outcome) is of_us
    if stage == "rcpt":
        assert of_the_session(outcome) is of_us
