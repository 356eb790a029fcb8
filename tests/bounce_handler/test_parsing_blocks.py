"""Whom a notice in plain words is about, where other addresses and Message-IDs stand beside his."""

from __future__ import annotations

import pytest

from bounce_handler.parsing import original, parse
from core.reports import BounceClass, Reason, RecipientReport

OURS = "soumu@hospital.example.jp"
THEIRS = "jimu@clinic.example.jp"
CITED = "0192f3a4b5c6@g-mis.example.jp"
SENDER = "From: MAILER-DAEMON@mx.example.jp\nSubject: Delivery failure"


def read(text: str, headers: str = SENDER) -> dict[str, RecipientReport]:
    report = parse(f"Return-Path: <>\nTo: r@bounces.example.jp\n{headers}\n\n{text}\n".encode())
    return {recipient.address: recipient for recipient in report.recipients}


@pytest.mark.parametrize(
    "text",
    [
        f"Delivery failure. If you have questions, contact\n   {THEIRS}\n\nThis recipient does not exist:\n   %s",
        f"Delivery failure.\nFor assistance:\n   {THEIRS}\n\nThese addresses do not exist:\n\n   %s",
        f"Your message could not be delivered. The mailbox does not exist:\n   %s\n\nQuestions? Contact us:\n{THEIRS}",
        f"メールを配信できませんでした。\n\n宛先が存在しません：\n  %s\n\nお問い合わせ先：\n  {THEIRS}",
        f"メールを配信できませんでした。お問い合わせ\n  {THEIRS}\n\n次の宛先が存在しません：\n  %s",
    ],
)
def test_whom_to_ask_is_no_recipient(text: str) -> None:
    found = read(text % OURS)
    assert list(found) == [OURS]
    assert found[OURS].reason is Reason.USERUNKNOWN
    assert found[OURS].bounce_class is BounceClass.HARD


def test_what_introduces_an_address_is_not_said_of_the_one_before() -> None:
    text = (
        f"Your message could not be delivered.\n\nMailbox full:\n\n  {THEIRS}\n\nThis user does not exist:\n\n  {OURS}"
    )
    found = read(text)
    assert {address: one.reason for address, one in found.items()} == {
        THEIRS: Reason.MAILBOXFULL,
        OURS: Reason.USERUNKNOWN,
    }


def test_an_introduction_ends_what_goes_on_before_it() -> None:
    text = f"Delivery failed:\n<{THEIRS}>:\n  mailbox is full\nUnknown user:\n<{OURS}>\n"
    assert {address: one.reason for address, one in read(text).items()} == {
        THEIRS: Reason.MAILBOXFULL,
        OURS: Reason.USERUNKNOWN,
    }


def test_a_reply_that_ends_in_a_colon_is_no_introduction() -> None:
    text = f"This is the mail system.\n\n<{THEIRS}>: said\n\n550 5.1.1 no user here:\n\n<{OURS}>: 552 5.2.2 full\n"
    found = read(text)
    assert (found[THEIRS].status, found[OURS].status) == ("5.1.1", "5.2.2")


def test_a_refused_address_below_advice_is_a_recipient() -> None:
    text = f"Delivery failed. For questions see below\n{THEIRS} 550 5.1.1 no such user\n{OURS} 552 5.2.2 full"
    assert set(read(text)) == {THEIRS, OURS}


CITATIONS = (
    f"Your message <{CITED}> could not be delivered: mailbox is full.",
    f"The message <{CITED}> from <info@g-mis.example.jp> could not be delivered: mailbox is full.",
    f"Message-ID: {CITED} could not be delivered.\nThe mailbox is full.",
    f"Delivery of message id <{CITED}> failed. The mailbox is full and it could not be delivered.",
    f"メッセージ<{CITED}>は、メールボックスが一杯のため配信できませんでした。",
    f"メッセージID：{CITED}\nメールボックスが一杯のため配信できませんでした。",
)


@pytest.mark.parametrize("text", CITATIONS)
def test_a_message_id_is_no_recipient(text: str) -> None:
    found = read(text)
    assert list(found) == [""]
    assert found[""].reason is Reason.MAILBOXFULL


@pytest.mark.parametrize("text", CITATIONS)
def test_the_recipient_beside_a_message_id_is_found(text: str) -> None:
    assert list(read(f"{text}\n\n{OURS}\n")) == [OURS]


@pytest.mark.parametrize("field", ["In-Reply-To", "References"])
def test_a_message_id_that_the_header_has_is_no_recipient(field: str) -> None:
    text = f"Could not be delivered: {CITED}\nThe mailbox is full."
    assert CITED not in read(text, f"{SENDER}\n{field}: <{CITED}>")


@pytest.mark.parametrize(
    "text",
    [
        f"Your message to <{OURS}> failed",
        f"did not receive your message:\n<{OURS}>",
        f"The message for {OURS}",
        f"メッセージの宛先 <{OURS}>",
        f"Login ID: {OURS}",
    ],
)
def test_addresses_of_recipients_stay(text: str) -> None:
    assert original.without_ids(text) == text
