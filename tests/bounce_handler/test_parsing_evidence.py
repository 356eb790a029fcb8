"""Mails that differ in a few words and report different things: failures, delays, and what only sounds like them."""

from __future__ import annotations

import pytest

from bounce_handler.parsing import parse
from core.reports import ParsedReport, Reason

OURS = "soumu@hospital.example.jp"
OTHER = "jimu@hospital.example.jp"
DAEMON = "MAILER-DAEMON@hospital.example.jp"
DESK = "postmaster@hospital.example.jp"
PERSON = "田中 <tanaka@hospital.example.jp>"
MARKED = "Auto-Submitted: auto-replied"
ORIGINAL = f"From: info@g-mis.example.jp\nTo: {OURS}\nSubject: test\nMessage-ID: <1@g-mis.example.jp>\n"


def read(text: str, sender: str = DAEMON, subject: str = "Mail notice", more: str = "") -> ParsedReport:
    fields = [f"From: {sender}", f"Subject: {subject}", "Return-Path: <>", *([more] if more else [])]
    if "Content-Type" not in more:
        fields.append("Content-Type: text/plain; charset=utf-8")
    return parse("\n".join([*fields, "", text]).encode())


def enclosing(text: str, sender: str, more: str = "") -> ParsedReport:
    said = f"--b\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    parts = f"{said}--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--b--\n"
    return read(parts, sender, "お知らせ", f"{more}\nContent-Type: multipart/mixed; boundary=b".strip())


def told(report: ParsedReport) -> tuple[str, list[str | None]]:
    return str(report.type), [one.address for one in report.recipients if one.reason is not Reason.VACATION]


FAILED = (
    f"{OURS} は登録されていないメールアドレスです。",
    f"{OURS} は存在しないアドレスのため、お送りできませんでした。",
    f"{OURS} 宛のメールが戻ってまいりました。",
    f"{OURS} 宛のメールは受信サーバーで受け取りを断られました。",
    f"{OURS} は無効なアドレスのため、送信処理を中断しました。",
    f"{OURS} 宛のメールはサイズ超過により受信できませんでした。",
    f"{OURS} 宛のメールを受け取ることができませんでした。",
    f"{OURS} 宛のメールは受信者側で受け取れませんでした。",
    f"{OURS} 宛のメールはお届けできかねました。",
    f"{OURS} は配信停止中のため届けることができません。",
    f"{OURS} 宛のメールはウイルスと判定され、削除されました。受信者には届いていません。",
    f"{OURS} 宛のメールは、相手先サーバーが応答しないため再送を終了し、破棄しました。",
    f"The message to {OURS} was discarded after 5 days in queue.",
    f"Mail for {OURS} has been dropped.",
    f"The message for {OURS} has expired.",
    f"{OURS}: mailbox unavailable",
    f"The address {OURS} does not exist.",
    f"The mailbox {OURS} is not known here. Your mail was not accepted.",
    f"We have no user {OURS}. Mail destroyed.",
    f"There is no mailbox {OURS} here.",
    "The recipient refused to accept your message.\n" + OURS,
    f"Relaying to <{OURS}> prohibited by administrator",
    f"We were unable to relay your mail to {OURS}.",
    f"To......: {OURS}\nDetail..: BAD DESTINATION MAILBOX ADDRESS",
)


@pytest.mark.parametrize("text", FAILED)
def test_a_sentence_tells_of_a_failure_without_a_code(text: str) -> None:
    assert told(read(text)) == ("bounce", [OURS])
    assert told(read(f"{text}\n\n{ORIGINAL}")) == ("bounce", [OURS])


@pytest.mark.parametrize(
    "text",
    [
        "アンケートのご返信が届いておりません。",
        "サーバーの保守のため、日曜日はメールを受信できません。",
        "ファイルを受信できませんでした。FAX でお送りください。",
        "メールマガジンの配信を停止しました。",
        "11月30日、メールサーバー障害により一部のメールが配信できませんでした。現在は復旧しています。",
        "Some mails could not be delivered this morning. All systems work again.",
        "アンケートの回答を受け取れませんでした。もう一度お願いします。",
        "ワクチンの配送を中断しています。",
        "ウイルス定義を更新しました。ウイルスと判定されたファイルは削除されました。",
        "次回の配信は12月1日です。",
        "This account is not valid for replies.",
        "There is no user interaction needed.",
        "The new user has been created.",
        "Mail statistics: 550 rejected, 421 deferred. Top recipient:",
    ],
)
def test_a_sentence_of_something_else_is_no_failure(text: str) -> None:
    assert told(read(f"{text}\n{OURS}", DESK)) == ("other", [])


MOVED = (
    f"旧アドレス宛のメールは配信されず、550 User unknown のエラーになります。新アドレス {OTHER} へ。",
    f"このアドレスへのメールは受信されません(550 User unknown エラー)になります。新アドレスは {OTHER} です。",
    f"アドレスを変更しました。旧アドレスに送ると 550 User unknown で戻ります。\n新しいアドレス: {OTHER}",
    f"担当者の変更のお知らせ。旧担当者のアドレスは無効です。今後は {OTHER} へお願いします。",
    f"My address has changed. Mails to the old one bounce with 550 User unknown. New address: {OTHER}",
)


@pytest.mark.parametrize("text", MOVED)
def test_an_answer_with_a_new_address_is_no_failure_of_that(text: str) -> None:
    for sender in (PERSON, DESK):
        assert told(read(text, sender, "自動返信: アドレス変更", MARKED)) == ("auto-reply", []), sender
        assert told(enclosing(text, sender, MARKED)) == ("auto-reply", []), sender
    assert told(read(text, PERSON, "Re: G-MIS"))[0] in ("auto-reply", "other")


@pytest.mark.parametrize(
    "text", ["年末年始休業中のお問い合わせは1月4日以降となります。", "ただいま不在です。", MOVED[3]]
)
def test_a_mail_system_s_refusal_counts_beside_its_announcements(text: str) -> None:
    for refusal in (f"<{OURS}>: 550 5.1.1 User unknown", f"{OURS}\n550 5.1.1 User unknown"):
        whole = f"{text.replace(OTHER, 'その人')}\n\n{refusal}"
        assert told(read(whole, subject="メールシステムより", more=MARKED)) == ("bounce", [OURS]), refusal


@pytest.mark.parametrize(
    "text",
    [
        "当院は移転しました。配信エラーになる場合は電話ください。",
        "電話: 011-222-3333\nエラー: なし",
        "エラーはありません。",
        "If an error occurs, call us.",
    ],
)
@pytest.mark.parametrize("more", ["", MARKED])
def test_a_word_of_failure_that_is_no_fact_makes_no_failure_of_an_enclosed_mail(text: str, more: str) -> None:
    assert enclosing(text, DESK, more).type != "bounce"


@pytest.mark.parametrize("text", ["配信時にエラーが発生しました。", "An error occurred when sending it on 1 May 2026."])
def test_one_that_is_a_fact_does(text: str) -> None:
    assert told(enclosing(text, DESK)) == ("bounce", [OURS])


def test_a_mailbox_that_nobody_reads_is_no_failure() -> None:
    text = "This mailbox is not monitored. If you cannot reach us, call ext 550."
    assert enclosing(text, "noreply@hospital.example.jp").type != "bounce"


def test_an_answer_to_a_talk_about_failures_is_none() -> None:
    text = f"配信エラーの件、承知しました。今後は {OTHER} 宛にお願いします。\n{OURS} は使っておりません。"
    report = read(text, PERSON, "Re: [G-MIS] 配信エラーの件", "In-Reply-To: <x@example.jp>")
    assert report.type in ("auto-reply", "other")


ARRIVED = (
    f"添付ファイルは送信できませんでした。本文は {OURS} に配信しました。",
    f"添付ファイル a.exe は配信できませんでした。メール本文は {OURS} に正常に配信されました。",
    f"The attachment could not be delivered; the message was delivered to {OURS}.",
    f"Attachments were blocked. The message was delivered to {OURS}.",
    f"{OURS} へのメールの遅延は解消し、配信されました。",
    f"障害により遅れておりましたが、復旧し、{OURS} 宛のメールは配信されました。",
    f"The delay is over. Your delayed messages have now been delivered to {OURS}.",
)


@pytest.mark.parametrize("text", ARRIVED)
def test_a_mail_that_came_late_or_without_attachment_came(text: str) -> None:
    assert told(read(text, DESK, "お知らせ")) == ("other", [])


def test_a_delay_that_is_over_is_none_whatever_its_title() -> None:
    for text in ARRIVED[-3:]:
        assert told(read(text, DESK, "【復旧】配信遅延")) == ("other", []), text


@pytest.mark.parametrize(
    "text",
    [
        f"添付ファイルのサイズが超過しているため、{OURS} 宛のメールを配信できませんでした。",
        f"The message with an attachment could not be delivered to {OURS}.",
        f"遅延は解消しましたが、{OURS} 宛のメールは配信できませんでした。",
    ],
)
def test_a_mail_that_did_not_come_for_its_attachment_failed(text: str) -> None:
    assert told(read(text, DESK, "お知らせ")) == ("bounce", [OURS])


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "配信失敗: 未受信メッセージ",
            "{} 宛の 4 件の受信メッセージの配信に失敗しました。エラー 550。\nhttps://x.example/ に移動する",
        ),
        ("【重要】未受信メール", "{} 宛の受信メール 4 件が配信できませんでした。こちらから確認 https://x.example/"),
        ("Mail delivery failed", "You have 5 undelivered messages for {}. Error 550. Click https://x.example/"),
    ],
)
def test_bait_with_a_code_is_no_failure(subject: str, text: str) -> None:
    assert told(read(text.format(OURS), "Mail <admin@x.example>", subject)) == ("other", [])


def test_a_full_mailbox_is_no_bait() -> None:
    text = f"<{OURS}>: 552 5.2.2 受信メールボックスの上限 1000 件を超えています。 https://x.example/help"
    assert told(read(text)) == ("bounce", [OURS])


@pytest.mark.parametrize("body", ["DMARC failure: 550 5.7.1 counts 12", '{"total-failure-session-count":550}'])
def test_a_domain_s_report_on_many_mails_is_no_failure(body: str) -> None:
    subject = "Report Domain: g-mis.example.jp Submitter: mx.example Report-ID: <505.511@mx.example>"
    assert told(read(body, "report@mx.example", subject)) == ("other", [])
    assert told(read(body, DESK, "Report", "TLS-Report-Domain: g-mis.example.jp")) == ("other", [])


@pytest.mark.parametrize(
    "counts",
    [
        "Delivered: 0\nFailed: 1",
        "Delivered: 0  Failed: 1",
        "送信成功：0件\n送信失敗：1件",
        "送信件数：1件\n送信失敗：1件",
    ],
)
def test_the_outcome_of_one_mail_is_no_summary(counts: str) -> None:
    text = f"{counts}\n\n<{OURS}>: 550 5.1.1 User unknown"
    assert told(read(text, subject="送信結果")) == ("bounce", [OURS])


@pytest.mark.parametrize(
    "counts", ["Delivered: 51 Failed: 1", "送信成功：120件\n送信失敗：1件", "配信：1件\n不達：0件"]
)
def test_a_summary_is_no_failure_though_it_quotes_a_code(counts: str) -> None:
    assert told(read(f"{counts}\n\n<{OURS}>: 550 5.1.1 User unknown", DESK, "日報")) == ("other", [])


TITLES = ("Mail delay notice", "Delayed: G-MIS", "Delay notification", "配信遅延のお知らせ", "Warning: delayed mail")
WAITS = (f"{OURS}: 4.4.1 connection timed out", f"<{OURS}>: connection refused", f"{OURS}\t4.4.1\ttimed out")


@pytest.mark.parametrize("title", TITLES)
def test_a_delay_in_the_title_is_one(title: str) -> None:
    for text in WAITS:
        assert told(read(text, subject=title)) == ("delay", [OURS]), text
    for text in (f"<{OURS}>: 550 5.1.1 User unknown", f"<{OURS}>: delivery has failed permanently."):
        assert told(read(text, subject=title)) == ("bounce", [OURS]), text


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "Returned mail: warning: cannot send message for last 4 hours",
            "The following addresses had transient non-fatal errors\n<{}>\nWill keep trying until it is 5 days old",
        ),
        ("Mail", "{}: connection timed out; next try in 2h"),
        ("Mail", "{} has not been reached in 6 hours (connection refused). Retrying."),
        ("送信エラー（一時的）", "宛先：{}\n状態：一時エラー(451)\n次回再送：12/01 11:00"),
        (
            "Warning From uucp",
            "We are unable to contact your machine.\n{}\nAttempts will continue for a few more days.",
        ),
    ],
)
def test_a_mail_that_is_tried_again_is_delayed(subject: str, text: str) -> None:
    assert told(read(text.format(OURS), subject=subject)) == ("delay", [OURS])


def gateway(subject: str, text: str, more: str = "") -> ParsedReport:
    address = "gw@hospital.example.jp"
    fields = (
        f"Return-Path: <{address}>\nFrom: {address}\nSubject: {subject}\n{more}Content-Type: text/plain; charset=utf-8"
    )
    return parse(f"{fields}\n\n{text}".encode())


def test_a_gateway_may_be_polite() -> None:
    said = f"{OURS} 宛のメールは 550 5.1.1 User unknown というエラーのため配信できませんでした。"
    title = "メール配信エラーのお知らせ"
    generated = gateway(title, f"お世話になっております。\n{said}", "Auto-Submitted: auto-generated\n")
    assert told(generated) == ("bounce", [OURS])
    by_its_words = gateway(title, f"お世話になっております。北病院メールサーバーです。\n{said}")
    assert told(by_its_words) == ("bounce", [OURS])
    assert told(gateway(title, f"お世話になっております。\n{said}")) == ("other", [])


def test_a_person_may_report_a_failure() -> None:
    text = f"{OURS} への案内が未達です。配信できませんでしたとエラーが返りました。再送お願いします。"
    assert told(gateway("メール未達", text)) == ("other", [])


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ('User account "soumu" unknown.', Reason.USERUNKNOWN),
        ('No user "soumu" on this server', Reason.USERUNKNOWN),
        (f"Recipient {OURS} was not recognised", Reason.USERUNKNOWN),
        ("ユーザー soumu は Domino ディレクトリに登録されていません", Reason.USERUNKNOWN),
        ("結果：ユーザ不明", Reason.USERUNKNOWN),
        ("そのアドレスは当院にはございません", Reason.USERUNKNOWN),
        ('Reply-Code=550 Text="no mailbox"', Reason.USERUNKNOWN),
        ("2026年3月31日をもって廃止されました。", Reason.HASMOVED),
        ("このアドレスは廃止されています。", Reason.HASMOVED),
    ],
)
def test_more_words_for_a_mailbox_that_is_not_there(reply: str, reason: Reason) -> None:
    report = read(f"The following address failed:\n\n<{OURS}>: {reply}", subject="Undelivered Mail")
    assert [(one.address, one.reason) for one in report.recipients] == [(OURS, reason)]
