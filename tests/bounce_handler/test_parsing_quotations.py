"""Numbers in running text: which are the replies of servers, and which are extensions, rooms and versions."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from bounce_handler.parsing import parse, quotations, replies

OURS = "soumu@hospital.example.jp"
REPLIES = [
    line.split(None, 3)[3]
    for line in Path(__file__).with_name("replies.txt").read_text("utf-8").splitlines()
    if line and line[0] not in "[#"
]
PLACES = (
    "(reason: {})",
    "host mx.example.jp said: {}",
    f"<{OURS}>: {{}}",
    f"{OURS}\n    {{}}",
    "エラー内容：{}",
    "<<< {}",
    "The server returned '{}'",
)
NUMBERS = (
    *(
        "総務課 内線 511",
        "内線：511",
        "内線：511 不明な点はお問い合わせください",
        "Ext. 550",
        "Ext: 550 (no voicemail)",
    ),
    *("病床数: 450", "第二ビル 501", "駐車場 500 台", "会員番号: 511", "受付番号: 550", "PHS 450", "会議室 501 / 502"),
    *("Powered by WordPress 5.2.1", "Android 5.1.1 から送信", "Exim 4.94.2 #2", "MailServer Pro 5.1.1", "IP 4.2.2.1"),
    *("バージョン：5.1.1", "FAQ 5.1.1 を参照", "5.1.1 節をご覧ください。", "第5.1.2項", "2026.4.1 5.1.2 4.4.1"),
    *("550 Main Street, Room 5.2.1", "(内) 450", "500 messages are queued.", "お問い合わせ番号 511-550"),
    *(
        "内線550",
        "事務局（内線550）",
        "代表（511）",
        "病床数450床",
        "従業員は450人です",
        "会議室 501/502",
        "本館550号室",
        "E550 会議室",
    ),
    *(
        "PHS（450）",
        "受付時間外（501）",
        "〒550－0001",
        "第550回",
        "約500通",
        "Room (511)",
        "内線：５１１",
        "ＦＡＸ（５５０）",
    ),
    *(f"{OURS}（511）", f"{OURS} (550)", f"{OURS} | 550 | 総務課", f"担当 {OURS} [511]", "ご連絡できませんでした(550)"),
)


@pytest.mark.parametrize("place", PLACES)
def test_what_a_server_answered_is_found_wherever_reports_print_it(place: str) -> None:
    for reply in REPLIES:
        text = place.format(reply)
        assert (quotations.status(text), quotations.smtp_code(text)) == (
            replies.status(text),
            replies.smtp_code(text),
        ), text


@pytest.mark.parametrize("number", NUMBERS)
def test_other_numbers_are_no_replies(number: str) -> None:
    for text in (number, f"総務課\n{number}\n{OURS}", f"{OURS} {number}" if not number[0].isdigit() else number):
        assert (quotations.status(text), quotations.smtp_code(text)) == ("", None), text


TOLD = (
    *(
        "応答コードは550です。",
        "エラーコード（550）",
        "エラー550",
        "エラー番号：550",
        "配信できませんでした（550）。",
        "結果: NG(550)",
    ),
    *(
        "User unknown (550)",
        "550：ユーザー不明",
        "【550】ユーザー不明",
        "[550] No such user",
        "550. User unknown",
        "rc=550",
    ),
    *(
        "550→ユーザー不明",
        "**550** user unknown",
        "<<550>> user unknown",
        "E550 No such user",
        "SMTP応答：550、ユーザー不明",
    ),
    *(f"・550：{OURS}", f"[550]{OURS}", f"550: {OURS}", f"宛先\n【550】 <{OURS}>"),
    *(f"{OURS} (550 user unknown)", f"{OURS}：550", f"{OURS} [550] No such user", f"{OURS}（550）宛先不明です"),
)


@pytest.mark.parametrize("text", TOLD)
def test_codes_are_read_in_every_bracket_and_beside_japanese(text: str) -> None:
    assert (quotations.status(text), quotations.smtp_code(text)) == ("", 550)


@pytest.mark.parametrize(
    "text", ["550/5.1.1 user unknown", "550\n5.1.1\nunknown", "    550\n    5.1.1\n    unknown user"]
)
def test_a_code_and_its_status_are_joined_over_lines_and_strokes(text: str) -> None:
    assert (quotations.status(text), quotations.smtp_code(text)) == ("5.1.1", 550)


@pytest.mark.parametrize(
    "told", ["５５０ ５．１．１ ユーザー不明", "（５５０ ５．１．１）", "550 ５.１.１ User unknown"]
)
def test_codes_in_full_width_digits(told: str) -> None:
    headers = "From: MAILER-DAEMON@mx.example.jp\nReturn-Path: <>\nTo: r@g-mis.example.jp\nSubject: Mail notice"
    (one,) = parse(f"{headers}\n\n宛先：{OURS}\n結果：{told}\n".encode()).recipients
    assert (one.address, one.status, one.smtp_code, one.bounce_class) == (OURS, "5.1.1", 550, "hard")


@pytest.mark.parametrize(
    "number", ["電話 ０３−４５０−５５１２", "電話 ５５０－１２３４", "内線５５０", "令和５．１．１"]
)
def test_other_numbers_in_full_width_digits_are_no_codes(number: str) -> None:
    headers = "From: gw@mx.example.jp\nReturn-Path: <>\nTo: r@g-mis.example.jp\nSubject: Mail notice"
    assert parse(f"{headers}\n\n{OURS}\n{number}\n".encode()).type == "other"


ANSWERS = (
    f"From: {OURS}\nSubject: Re: G-MIS\nReturn-Path: <>",
    f"From: {OURS}\nSubject: Re: G-MIS\nReturn-Path: <>\nAuto-Submitted: auto-generated",
    f"From: {OURS}\nSubject: Re: G-MIS\nReturn-Path: <>\nPrecedence: bulk",
    f"From: {OURS}\nSubject: 自動応答\nAuto-Submitted: auto-replied\nReturn-Path: <>",
    "From: postmaster@hospital.example.jp\nSubject: 自動応答\nAuto-Submitted: auto-replied\nReturn-Path: <>",
)


@pytest.mark.parametrize("number", NUMBERS)
def test_an_answer_stays_one_whatever_numbers_stand_below_it(number: str) -> None:
    for headers, told in product(ANSWERS, ("本日は休診日です。", "送信できませんでした場合は再送ください。")):
        text = f"{headers}\nTo: r@g-mis.example.jp\n\n{told}\n\n{number}\njimu@hospital.example.jp\n"
        assert parse(text.encode()).type == "auto-reply", text


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("delay", f"以下の宛先へのメールの配信が遅れています。引き続き再送します。\n{OURS}"),
        ("other", f"{OURS} に配信されました。"),
        ("other", f"メールは隔離されました。管理者が確認後に配信されます。\n{OURS}"),
    ],
)
def test_a_notice_keeps_its_meaning_beside_such_numbers(kind: str, text: str, number: str) -> None:
    mail = f"From: postmaster@mx.example.jp\nTo: r@g-mis.example.jp\nSubject: お知らせ\n\n{text}\n\n{number}\n"
    assert parse(mail.encode()).type == kind
