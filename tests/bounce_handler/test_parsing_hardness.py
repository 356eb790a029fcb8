"""Who says that a mailbox is missing: a system about its own, or about what another one told it."""

from __future__ import annotations

import pytest

from bounce_handler.parsing import parse

OWN = (
    "<{0}>: 550 User unknown",
    "Your message could not be delivered:\n\n{0}\n    550 No such user here",
    "以下の宛先に配信できませんでした。\n{0}\n550 メールアドレスが存在しません",
)


@pytest.mark.parametrize("text", OWN)
@pytest.mark.parametrize(
    ("reporter", "hardness"),
    [
        ("hospital.example.jp", "hard"),
        ("mx1.hospital.example.jp", "hard"),
        ("example.jp", "hard"),
        ("relay.example.net", "soft"),
        ("other-hospital.example.jp", "soft"),
        ("jp", "soft"),
    ],
)
def test_a_system_is_believed_about_its_own_mailboxes(text: str, reporter: str, hardness: str) -> None:
    headers = f"From: MAILER-DAEMON@{reporter}\nReturn-Path: <>\nTo: r@g-mis.net\nSubject: Undeliverable"
    (one,) = parse(f"{headers}\n\n{text.format('soumu@hospital.example.jp')}\n".encode()).recipients
    assert (one.smtp_code, one.bounce_class) == (550, hardness)


def test_an_answer_is_no_system() -> None:
    headers = "From: soumu@hospital.example.jp\nAuto-Submitted: auto-replied\nSubject: Undeliverable\nReturn-Path: <>"
    text = "The mail could not be delivered.\n\n<b.hara@hospital.example.jp>: 550 User unknown"
    assert {one.bounce_class for one in parse(f"{headers}\n\n{text}\n".encode()).recipients} <= {"soft", None}


@pytest.mark.parametrize(
    "text",
    [
        "<{0}>: remote host said: 550 User unknown",
        "{0}\n   ----- Transcript of session follows -----\n550 User unknown",
        "<{0}>: 550 User unknown (in reply to end of DATA command)",
        "{0}\n相手サーバーの応答: 550 User unknown",
    ],
)
def test_what_another_server_told_a_system_is_not_about_its_own(text: str) -> None:
    headers = "From: MAILER-DAEMON@hospital.example.jp\nReturn-Path: <>\nTo: r@g-mis.net\nSubject: Undeliverable"
    (one,) = parse(f"{headers}\n\n{text.format('soumu@hospital.example.jp')}\n".encode()).recipients
    assert one.reason == "filtered"
