"""Which mails report on delivery and which do not: what looks alike on both sides."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from bounce_handler.parsing import parse
from core.reports import BounceClass, ParsedReport, Reason

OURS = "soumu@hospital.example.jp"
TABLE = Path(__file__).with_name("kinds.txt").read_text("utf-8").split("\n=== ")[1:]
FAILURES = ("bounce", "delay")


def read(headers: str, text: str) -> ParsedReport:
    return parse(f"To: r@bounces.example.jp\n{headers.strip()}\n\n{text}\n".encode())


def told(report: ParsedReport) -> tuple[str, list[str]]:
    """The kind, and of failures and delays whom they are about."""
    return str(report.type), [one.address for one in report.recipients if report.type in FAILURES]


@pytest.mark.parametrize("row", TABLE, ids=[f"{n}-{row.split()[0]}" for n, row in enumerate(TABLE)])
def test_each_mail_is_what_it_is(row: str) -> None:
    kind, _, mail = row.partition("\n")
    headers, _, text = mail.partition("\n\n")
    assert told(read(headers, text.partition("\n# ")[0])) == (kind, [OURS] if kind in FAILURES else [])


ROBOTS = ("postmaster@clinic.example.jp", '"System Administrator" <a@clinic.example.jp>', "Mdaemon@clinic.example.jp")
PEOPLE = ("田中 <tanaka@clinic.example.jp>", "noreply@clinic.example.jp")
MARKS = ("Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: auto_reply", "X-Vacation: yes")
ANSWERS = (
    "ただいま不在のため返信できません。\n\njimu@clinic.example.jp",
    "このアドレスは使用できません。下記のアドレスにお願いします。\n\njimu@clinic.example.jp",
    "田中は退職しました。次のアドレスに送信してください。\nmail: jimu@clinic.example.jp",
    "I am unable to answer until Monday. In case of an error write to\njimu@clinic.example.jp",
    "Your message to tanaka@clinic.example.jp cannot be answered. The address is unknown to the new team.",
    "返信はお受けできません。書類は郵送で返送します。\n\n宛先: jimu@clinic.example.jp",
    "本日の業務は終了しました。不明な点はこちらへ。\n\n〒550-0001 大阪市 450 号室 TEL 0555-450\njimu@clinic.example.jp",
)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("sender", [*ROBOTS, *PEOPLE])
def test_a_marked_answer_is_one_whoever_writes_it(sender: str, mark: str) -> None:
    for text, path in product(ANSWERS, ("", "\nReturn-Path: <>")):
        headers = f"From: {sender}\nSubject: Re: G-MISのご利用案内\n{mark}{path}"
        assert told(read(headers, text)) == ("auto-reply", []), text


@pytest.mark.parametrize("sender", PEOPLE)
def test_an_answer_without_marks_is_told_by_its_null_path(sender: str) -> None:
    for text in ANSWERS:
        headers = f"Return-Path: <>\nFrom: {sender}\nSubject: Re: G-MISのご利用案内"
        assert told(read(headers, text)) == ("auto-reply", []), text


REFUSALS = (
    f"<{OURS}>: host mx.example.jp said: 550 5.1.1 User unknown",
    f"{OURS}\n554 5.7.1 rejected",
    f"{OURS} 521 no",
)


@pytest.mark.parametrize("mark", ["", *MARKS, "Auto-Submitted: auto-generated (failure)"])
@pytest.mark.parametrize("sender", ROBOTS)
def test_a_quoted_refusal_is_a_failure_whatever_marks_it_carries(sender: str, mark: str) -> None:
    for text in REFUSALS:
        assert told(read(f"From: {sender}\nSubject: Re: test\n{mark}".strip(), text)) == ("bounce", [OURS]), text


SUBJECTS = (
    *(
        "メール未達通知",
        "配送エラーのお知らせ",
        "宛先不明",
        "メールを送信できませんでした",
        "配信できなかったメールがあります",
    ),
    *(
        "届かなかったメールのお知らせ",
        "配達不能通知",
        "メール送信に失敗しました",
        "返送されたメール",
        "【自動送信】配信不能のお知らせ",
    ),
    *(
        "メールが配信できませんでした",
        "送信エラー通知",
        "配信失敗: G-MIS",
        "宛先が見つかりません",
        "エラーメールの返送",
        "メール不着のご連絡",
    ),
    *(
        "Message rejected",
        "Mail delivery unsuccessful",
        "Unable to deliver: G-MIS",
        "Address not found",
        "Bounced mail",
    ),
)
GATEWAYS = ("system@gw.example.jp", "<noreply@gw.example.jp>", "メールサーバ <mail@gw.example.jp>")
REPORTED = (
    f"以下の宛先に送信できませんでした。\n\n{OURS}\n550 5.1.1 User unknown",
    f"お客様のメールは、下記の宛先にお届けできませんでした。\n\n宛先: {OURS}\nエラー内容: 550 5.1.1 User unknown",
    f"メールを配信することができませんでした。\n宛先：{OURS}\n応答：550 5.1.1 User unknown",
    f"Delivery to {OURS} failed.\n\n550 5.1.1 User unknown",
)


@pytest.mark.parametrize("more", ["", "Auto-Submitted: auto-generated", "Return-Path: <>"])
@pytest.mark.parametrize("sender", GATEWAYS)
def test_gateways_write_under_any_name_and_subject(sender: str, more: str) -> None:
    for subject, text in product(SUBJECTS, REPORTED):
        report = read(f"From: {sender}\nSubject: {subject}\n{more}".strip(), text)
        assert told(report) == ("bounce", [OURS]), (subject, text)
        assert report.recipients[0].bounce_class is BounceClass.HARD


WAITING = (
    "配信が遅延しています。再送信を試みます。",
    "メールの配送が遅れています。",
    "まだ送信されていません。自動的に再送します。",
    "サーバーは引き続き配信を試みます。",
    "現在、再送中です。",
    "配信の試行は継続されます。",
    "5日間、再試行を繰り返します。",
    "再送の必要はございません。",
    "このメールは警告のみです。",
    "Delivery has been delayed.",
    "The server will try again for up to 5 days.",
    "We keep trying; there is no need to resend.",
    "It is still in the queue and will be retried.",
    "Your message has not been delivered yet.",
    "Delivery attempts will continue.",
    "The message remains queued.",
)
SUPPOSED = (
    "",
    "5日間配信できない場合は、メールを返送します。",
    "最終的に配信できなかった場合は改めてお知らせします。",
    "送信を断念した場合は通知します。",
    "If it cannot be delivered within 5 days, it will be returned to sender.",
    "You will be told when delivery has failed permanently.",
    "This is not a permanent error.",
    "We retry for 5 days before giving up.",
)
OVER = (
    "最終的に配信できませんでした。",
    "配信を断念しました。",
    "再送は行いません。",
    "再送回数の上限に達しました。",
    "メールを返送します。",
    "恒久的なエラーです。",
    "This is a permanent error.",
    "We have given up.",
    "It will not be retried.",
    "The message has now been returned to the sender.",
    "No further attempts will be made.",
    "Delivery has been delayed for 5 days and has now failed.",
    "The message has expired.",
)


@pytest.mark.parametrize("waiting", WAITING)
@pytest.mark.parametrize("supposed", SUPPOSED)
def test_a_mail_that_is_still_tried_is_delayed(waiting: str, supposed: str) -> None:
    for reply in ("", "451 4.4.1 timed out", "connection refused"):
        text = f"{waiting}\n{supposed}\n\n<{OURS}>: {reply}"
        assert told(read("From: MAILER-DAEMON@gw.example.jp\nSubject: Mail", text)) == ("delay", [OURS]), reply


@pytest.mark.parametrize("waiting", WAITING)
def test_a_mail_that_is_tried_no_more_has_failed(waiting: str) -> None:
    for over, reply in product(OVER, ("", "451 4.4.1 timed out")):
        text = f"{waiting}\n{over}\n\n<{OURS}>: {reply}"
        assert told(read("From: MAILER-DAEMON@gw.example.jp\nSubject: Mail", text)) == ("bounce", [OURS]), over


@pytest.mark.parametrize("waiting", WAITING)
def test_a_refusal_for_good_is_no_delay(waiting: str) -> None:
    for refusal in REFUSALS:
        text = f"{waiting}\n\n{refusal}"
        assert told(read("From: MAILER-DAEMON@gw.example.jp\nSubject: Mail", text)) == ("bounce", [OURS]), refusal


def test_each_recipient_has_what_is_said_of_him() -> None:
    other = "<jimu@hospital.example.jp>: 451 4.4.1 timed out"
    text = f"The server will try again.\n\n<{OURS}>: 550 5.1.1 User unknown\n\n{other}"
    report = read("From: MAILER-DAEMON@gw.example.jp\nSubject: Mail", text)
    assert [str(one.action) for one in report.recipients] == ["failed", "delayed"]


SETTLED = (
    f"Your message to {OURS} was successfully delivered. You may still receive notifications of mail delivery errors.",
    f"Your mail to {OURS} has been delivered. No error occurred.",
    f"メールは配信されました。エラーはありません。\n\n宛先: {OURS}",
    f"メールは無事に届けられました。失敗した宛先はありません。\n{OURS}",
    f"承認されるまで配信できません（保留中）。\n\n{OURS}",
    f"次の宛先へのメールは保留されています。\n{OURS}\n理由: 添付ファイルの確認",
    f"Your message to {OURS} is being held for approval; it cannot be delivered until then.",
    f"The message to {OURS} was quarantined and can be released by the administrator. It is not rejected.",
    f"サーバーの保守のため、日曜日はメールを送信できません。\n\n連絡先: {OURS}",
    f"メールボックスの容量が一杯にならないよう、ご注意ください。\n\n窓口\n{OURS}",
)


@pytest.mark.parametrize("text", SETTLED)
@pytest.mark.parametrize("sender", ROBOTS)
def test_a_notice_of_something_else_is_no_failure(sender: str, text: str) -> None:
    assert told(read(f"From: {sender}\nSubject: メールについて", text)) == ("other", [])


def part(kind: str, text: str) -> str:
    return f"--b\nContent-Type: {kind}; charset=utf-8\n\n{text}\n"


def dsn(sender: str, notice: str, *statuses: str, boundary: str = "b") -> str:
    parts = part("text/plain", notice) + "".join(part("message/delivery-status", text) for text in statuses)
    kind = f"multipart/report; report-type=delivery-status; boundary={boundary}"
    head = f"From: {sender}\nSubject: Delivery failure\nContent-Type: {kind}"
    return f"{head}\n\n{parts}--b--\n".replace("--b", f"--{boundary}")


def status(action: str = "failed", code: str = "5.1.1", reply: str = "550 5.1.1 User unknown") -> str:
    fields = f"Final-Recipient: rfc822; {OURS}\nAction: {action}\nStatus: {code}\nDiagnostic-Code: smtp; {reply}\n"
    return f"Reporting-MTA: dns; mx.example.jp\n\n{fields}"


@pytest.mark.parametrize(
    "sender",
    [
        "noreply@gw.example.jp",
        "Mailer <noreply@spamblocker.clinic.example.jp>",
        "verify@spamarrest.example",
        "r@boxbe.com",
    ],
)
@pytest.mark.parametrize(
    "notice", ["Request to be added to the allow list.", "Please confirm that you sent it.", "Sorry."]
)
def test_a_refusal_in_fields_is_no_challenge(sender: str, notice: str) -> None:
    assert told(parse(dsn(sender, notice, status()).encode())) == ("bounce", [OURS])


def test_boxbe_s_challenge_is_none_of_failure() -> None:
    waiting = status(code="4.7.0", reply="waiting for approval")
    assert told(parse(dsn("Boxbe <verify@boxbe.com>", "Approve me.", waiting).encode())) == ("auto-reply", [])
    by_its_host = waiting.replace("mx.example.jp", "mail.boxbe.com")
    assert told(parse(dsn(f"Soumu <{OURS}>", "You were waitlisted.", by_its_host).encode())) == ("auto-reply", [])
    by_its_text = "Add yourself to my Guest List: https://www.boxbe.com/crs?tc=1"
    assert told(parse(dsn(f"Soumu <{OURS}>", by_its_text, waiting).encode())) == ("auto-reply", [])
    assert told(parse(dsn(f"Soumu <{OURS}>", by_its_text, status()).encode())) == ("bounce", [OURS])
    assert told(parse(dsn("postmaster@gw.example.jp", "Sorry.", waiting).encode())) == ("bounce", [OURS])


@pytest.mark.parametrize("first", ["delayed", "failed"])
def test_all_status_parts_are_read(first: str) -> None:
    statuses = [status(), status("delayed", "4.0.0", "451 later")]
    report = parse(
        dsn("MAILER-DAEMON@gw.example.jp", "", *(statuses if first == "failed" else statuses[::-1])).encode()
    )
    assert (told(report), report.recipients[0].reason) == (("bounce", [OURS]), Reason.USERUNKNOWN)


PREFACES = (
    "",
    "下記のとおり配信エラーが返ってきましたので転送します。",
    "メールを配信できませんでした。詳細は添付をご覧ください。\n\n連絡先: jimu@gw.example.jp",
    "A failure report came back; see below.\nHelp: desk@gw.example.jp",
)


@pytest.mark.parametrize("preface", PREFACES)
@pytest.mark.parametrize("sender", ["postmaster@gw.example.jp", "田中 <tanaka@gw.example.jp>"])
def test_a_report_is_read_inside_a_wrapper(sender: str, preface: str) -> None:
    inner = dsn("MAILER-DAEMON@mx.example.jp", "Sorry.", status(), boundary="inner")
    wrapped = part("text/plain", preface) + f"--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
    headers = (
        f"From: {sender}\nSubject: FW: Undelivered Mail Returned to Sender\nContent-Type: multipart/mixed; boundary=b"
    )
    assert told(read(headers, wrapped)) == ("bounce", [OURS])


ORIGINAL = f"From: info@g-mis.example.jp\nTo: {OURS}\nSubject: test\nMessage-ID: <1@g-mis.example.jp>\n\ntext\n"


def with_original(headers: str, text: str) -> ParsedReport:
    kind = "Content-Type: multipart/mixed; boundary=b"
    parts = part("text/plain", text) + f"--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--b--\n"
    return read(f"{headers}\n{kind}", parts)


@pytest.mark.parametrize(
    "text",
    [
        "本日は休診です。",
        "休診のため返信できません。エラーではありません。",
        "メールを受け付けました。担当者が確認いたします。",
        "お問い合わせを承りました。三日以内に返信できない場合はお電話ください。",
        "We have received your message. If something is unknown we will get back to you.",
    ],
)
@pytest.mark.parametrize("mark", ["Auto-Submitted: auto-replied", "X-Autoreply: yes"])
def test_an_answer_may_enclose_what_it_answers(mark: str, text: str) -> None:
    for sender in ROBOTS:
        report = with_original(f"From: {sender}\nSubject: 受信確認\n{mark}\nReturn-Path: <>", text)
        assert told(report) == ("auto-reply", []), sender


@pytest.mark.parametrize(
    "text", ["Unknown user.", "宛先の方は見つかりません。", "Your message could not be delivered."]
)
def test_a_report_that_is_marked_as_an_answer_encloses_it_too(text: str) -> None:
    for sender in ROBOTS:
        headers = f"From: {sender}\nSubject: test\nAuto-Submitted: auto-replied\nReturn-Path: <>"
        assert told(with_original(headers, text)) == ("bounce", [OURS]), sender


def test_a_mail_that_was_marked_and_passed_on_is_no_failure() -> None:
    text = "This message was tagged as possible spam and delivered to the recipient."
    headers = "From: filter@gw.example.jp\nSubject: [SPAM?] test\nReturn-Path: <>"
    assert told(with_original(headers, text)) == ("other", [])
