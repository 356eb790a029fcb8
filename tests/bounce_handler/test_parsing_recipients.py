"""Whom a notice in plain words is about, however it lists, numbers and labels its recipients."""

from __future__ import annotations

from itertools import product

import pytest

from bounce_handler.parsing import parse
from core.reports import RecipientReport

OURS = "soumu@hospital.example.jp"
OTHER = "b.hara@hospital.example.jp"
SENDER = "no-reply@g-mis.example.jp"


def recipients(text: str, subject: str = "Undeliverable", content: str = "text/plain") -> list[RecipientReport]:
    mail = (
        "Return-Path: <>\nFrom: MAILER-DAEMON@hospital.example.jp\nTo: r@bounces.example.jp\n"
        f"Subject: {subject}\nMIME-Version: 1.0\nContent-Type: {content}; charset=UTF-8\n\n{text}\n"
    )
    return list(parse(mail.encode()).recipients)


def named(text: str, subject: str = "Undeliverable", content: str = "text/plain") -> list[str]:
    return [one.address for one in recipients(text, subject, content)]


OPENINGS = ("以下の宛先に配信できませんでした。", "Your message could not be delivered to the following recipients:")
TABLES = (
    *("  1  {}  550 5.1.1 User unknown", "  TO  {}  550", "  No1  {}", "  RCPT  {}\n  CODE  550 5.1.1"),
    "  No.  宛先  結果\n  1  {}  550 5.1.1",
)


@pytest.mark.parametrize(("opening", "table"), list(product(OPENINGS, TABLES)))
def test_first_columns_are_no_names(opening: str, table: str) -> None:
    assert named(f"{opening}\n\n{table.format(OURS)}") == [OURS]


def test_tables_of_html_neither() -> None:
    rows = f"<table><tr><td>TO</td><td>{OURS}</td></tr><tr><td>CODE</td><td>550 5.1.1</td></tr></table>"
    assert named(f"<p>{OPENINGS[0]}</p>{rows}", content="text/html") == [OURS]


def test_bare_names_are_names_all_the_same() -> None:
    text = "The following addresses had permanent fatal errors:\n    tanaka   (user unknown)\n    CODE 550 5.1.1"
    assert named(text) == ["tanaka@hospital.example.jp"]


LEADS = (
    *("[{}]", "【{}】", "・{}：", "{}: ", "{}："),
    *("1. ", "(1) ", "1) ", "①", "１．", "No.1 ", "| 1 | ", "  1  ", "■ ", "To="),
)


@pytest.mark.parametrize(("opening", "lead"), list(product(OPENINGS, LEADS)))
def test_numbers_and_codes_lead_to_a_recipient(opening: str, lead: str) -> None:
    first, second = lead.format(550), lead.format(552).replace("1", "2").replace("１", "２").replace("①", "②")
    found = recipients(f"{opening}\n\n{first}{OURS} (User unknown)\n{second}{OTHER} (mailbox full)")
    assert [(one.address, str(one.reason)) for one in found][1:] == [(OTHER, "mailboxfull")]
    assert found[0].address == OURS


AGAIN = (
    ("Failed to deliver to '{}'\nLOCAL module reports:\n {}\n", ("unknown user", "account is full (quota exceeded)")),
    ("Could not deliver message to {}\n  {}\n", ("550 5.1.1 User unknown", "552 5.2.2 Mailbox full")),
    ("Your message to {} failed: {}", ("user unknown", "mailbox full")),
    ("次の宛先に送信できませんでした: {}（{}）", ("宛先不明", "メールボックスが一杯")),
    ("{}に配信できませんでした。{}", ("宛先不明です。", "メールボックスが一杯です。")),
    ("宛先 {} へ配信できませんでした。{}", ("宛先不明です。", "メールボックスが一杯です。")),
)


@pytest.mark.parametrize(("sentence", "why"), AGAIN)
def test_a_sentence_said_anew_is_of_another_recipient(sentence: str, why: tuple[str, str]) -> None:
    unknown, full = sentence.format(OURS, why[0]), sentence.format(OTHER, why[1])
    for text, told in ((f"{unknown}\n{full}", [OURS, OTHER]), (f"{full}\n{unknown}", [OTHER, OURS])):
        assert [one.address for one in recipients(text)] == told
        assert {one.address: str(one.reason) for one in recipients(text)}[OTHER] == "mailboxfull"
        assert {one.address: str(one.reason) for one in recipients(text)}[OURS] != "mailboxfull"


def test_advice_that_repeats_the_sentence_names_nobody() -> None:
    advice = "If mail could not be delivered to you either, contact us or write to helpdesk@hospital.example.jp."
    assert named(f"Your message could not be delivered to {OURS}: no such user\n{advice}") == [OURS]


@pytest.mark.parametrize(
    "text",
    [
        f"{SENDER} 様より {OURS} 宛にお送りいただいたメールは、宛先のアドレスが存在しないため配信できませんでした。",
        f"{SENDER} から {OURS} へのメールは、宛先が存在しないため配信できませんでした。",
        f"{SENDER}からのメールは{OURS}に配信できませんでした。",
        f"{SENDER} 様からお送りいただいた {OURS} 宛のメールは配信できませんでした。",
        f"<{SENDER}>より<{OURS}>へのメールは配信できませんでした。",
        f"差出人 {SENDER}、宛先 {OURS} のメールは配信できませんでした。",
        f"送信者（{SENDER}）のメールは {OURS} に配信できませんでした。",
        f"{SENDER} 様\n\n{OURS} 宛のメールは配信できませんでした。",
        f"The mail sent by {SENDER} to {OURS} could not be delivered.",
        f"Mail of the sender {SENDER} to {OURS} could not be delivered.",
        f"送信元：{SENDER}\n送信先：{OURS}\n上記のメールは配信できませんでした。",
    ],
)
def test_whose_mail_it_was_is_not_who_failed(text: str) -> None:
    assert named(text) == [OURS]


LABELS = (
    *(
        "宛先",
        "　受信者　",
        "・宛先アドレス",
        "お届け先",
        "届け先",
        "配信先",
        "■送信先メールアドレス",
        "宛先（To）",
        "宛先1",
    ),
    *("エラーアドレス", "●不達アドレス", "受取人", "対象のメールアドレス", "宛て先", "Recipient "),
)


@pytest.mark.parametrize(("label", "colon"), list(product(LABELS, (":", "：", " : ", "　：　", "="))))
def test_labels_name_the_recipient(label: str, colon: str) -> None:
    fields = f"送信者{colon}{SENDER}\n{label}{colon}{OURS}"
    assert named(f"以下のメールは配送できませんでした。\n\n{fields}\n\n■元のメール\n> ご担当: {OTHER}") == [OURS]


def test_labels_in_brackets() -> None:
    assert named(f"配信できませんでした。\n【差出人】{SENDER}\n【宛先】{OURS}\n【理由】宛先不明") == [OURS]


@pytest.mark.parametrize("name", ["to", "To", "rcpt", "rcpt_to", "orcpt", "recipient", "user"])
def test_parameters_of_log_lines_are_no_part_of_the_address(name: str) -> None:
    assert named(f"以下の宛先に配信できませんでした。\n\n{name}={OURS}\n550 5.1.1 User unknown") == [OURS]
    assert named(f"配信できませんでした。\n\nqueue 4X: {name}={OURS}, status=bounced") == [OURS]
