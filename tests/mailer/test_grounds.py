"""Which ends of a mail may be the relay's doing, in the words of several relays, and of recipients' servers."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_handler.classifying import classify_reply
from mailer.grounds import Ground, ground_of
from mailer.transaction import Lost, Refused, Stage

OF_OUR_STANDING = [
    ("data", "554 Message rejected: Email address is not verified. The following identities failed: info@g-mis.net"),
    ("data", "554 Message rejected: Sending suspended for this account. For more information, please check the inbox"),
    ("data", "550 5.7.60 SMTP; Client does not have permissions to send as this sender"),
    ("data", "554 5.2.252 SendAsDenied; user@x not allowed to send as info@g-mis.net; STOREDRV.Submission.Exception"),
    ("data", "550 5.1.8 Access denied, bad outbound sender AS(42003)"),
    ("data", "550 5.7.501 Access denied, spam abuse detected from your IP"),
    ("data", "550 The from address does not match a verified Sender Identity. Mail cannot be sent until resolved."),
    ("data", "550 5.7.25 The IP address sending this message does not have a PTR record setup"),
    ("data", "550 5.7.1 Message rejected due to DMARC policy"),
    ("data", "554 5.7.7 Email not accepted: invalid DKIM signature"),
    ("data", "550 no"),
    ("rcpt", "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP."),
    ("rcpt", "550 5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address you've registered doesn't match"),
    ("rcpt", "550 5.7.27 Sender address has null MX"),
    ("rcpt", "550 <soumu@example.jp>: Recipient address rejected: Sender address has null MX"),
    ("rcpt", "550 Maximum credits exceeded"),
]
FOR_NOW = [
    ("rcpt", "451 4.3.0 <soumu@example.jp>: Temporary lookup failure"),
    ("rcpt", "451 4.3.5 <soumu@example.jp>: Recipient address rejected: Server configuration problem"),
    ("rcpt", "451 4.7.1 Service unavailable - try again later"),
    ("rcpt", "421 4.3.2 Service shutting down and closing transmission channel"),
    ("rcpt", "450-4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error."),
    ("rcpt", "451 Maximum credits exceeded"),
    ("data", "451 4.3.0 Error: queue file write error"),
    ("data", "452 4.3.1 Insufficient system storage"),
    ("data", "454 Throttling failure: Daily message quota exceeded."),
    ("data", "550 5.4.5 Daily SMTP relay limit exceeded for customer."),
    ("data", "535 5.7.8 Authentication failed"),
]
OF_ONE_MAIL = [
    ("rcpt", "550 5.1.1 <soumu@example.jp>: Recipient address rejected: User unknown"),
    ("rcpt", "550 5.1.2 <soumu@example.jp>: Recipient address rejected: Domain not found"),
    ("rcpt", "450 4.1.2 <soumu@example.jp>: Recipient address rejected: Domain not found"),
    ("rcpt", "450 4.1.1 <soumu@example.jp>: Recipient address rejected: unverified address"),
    ("rcpt", "450 4.2.0 <soumu@example.jp>: Recipient address rejected: Greylisted"),
    ("rcpt", "451 4.7.1 Greylisting in action, please come back in 00:05:00"),
    ("rcpt", "556 5.1.10 Recipient address has null MX"),
    ("rcpt", "550 5.7.1 Account disabled"),
    ("rcpt", "552 5.2.2 mailbox full"),
    ("rcpt", "452 4.2.2 mailbox full"),
    ("rcpt", "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional"),
    ("rcpt", "550 no"),
    ("data", "550 : User unknown"),
    ("data", "552 5.3.4 Error: message file too big"),
    ("data", "550 5.7.1 Our system has detected that this message is likely unsolicited mail"),
    ("data", "552 5.2.2 mailbox full"),
    (
        "data",
        "554 5.7.1 mx.example.jp[192.0.2.9] said: 554 5.7.1 Client host blocked (in reply to end of DATA command)",
    ),
]


def refused(stage: Stage, reply: str) -> Refused:
    return Refused(int(reply[:3]), reply[4:], stage)


@pytest.mark.parametrize(
    ("stage", "reply", "ground"),
    [
        *((*one, Ground.STANDING) for one in OF_OUR_STANDING),
        *((*one, Ground.FOR_NOW) for one in FOR_NOW),
        *((*one, None) for one in OF_ONE_MAIL),
        ("rcpt", "554 Transaction failed", None),
        ("rcpt", "551 User not local", None),
        ("data", "554 Transaction failed", Ground.STANDING),
        ("rcpt", "554 5.7.1 <soumu@example.jp>: Relay access denied", Ground.SESSION),
        ("mail", "550 5.1.1 User unknown", Ground.SESSION),
    ],
)
def test_refusals(stage: Stage, reply: str, ground: Ground | None) -> None:
    assert ground_of(refused(stage, reply), classify_reply) is ground


@pytest.mark.parametrize(
    ("lost", "ground"),
    [
        (Lost("x", "mail"), Ground.SESSION),
        (Lost("x", "rcpt"), Ground.FOR_NOW),
        (Lost("x", "data"), Ground.FOR_NOW),
        (Lost("x", "data", in_doubt=True), None),
    ],
)
def test_connections_that_end(lost: Lost, ground: Ground | None) -> None:
    assert ground_of(lost, classify_reply) is ground


@given(st.integers(400, 599), st.text(max_size=200), st.sampled_from(get_args(Stage)))
def test_whatever_a_relay_says_has_a_ground_or_none(code: int, text: str, stage: Stage) -> None:
    ground = ground_of(Refused(code, text, stage), classify_reply)
    assert (ground is Ground.SESSION) or stage != "mail"
    assert ground is not Ground.STANDING or code >= 500
