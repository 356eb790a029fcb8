"""Facts to reasons: the table of words, the codes, hard and soft."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bounce_handler.parsing import codes, phrases, replies
from bounce_handler.parsing.findings import Finding
from bounce_handler.parsing.openings import OPENINGS
from bounce_handler.parsing.phrase_index import PhraseIndex
from bounce_handler.parsing.phrases import Unknown
from bounce_handler.parsing.reasons import class_of, reason_of
from core.reports import Action, BounceClass, Reason

TABLE = [(phrase.words, phrase.meaning) for phrase in phrases.load()]
NOT_BY_WORDS = {Reason.DELIVERED, Reason.FEEDBACK, Reason.VACATION, Reason.ONHOLD, Reason.UNDEFINED, Reason.HOSTUNKNOWN}
"""Reasons that come from the kind of report, from its silence, or from [no such host]."""


def finding(text: str, status: str = "", code: int | None = None, command: str = "") -> Finding:
    return Finding("soumu@example.jp", Action.FAILED, status=status, smtp_code=code, diagnostic=text, command=command)


def test_every_reason_has_words() -> None:
    assert {meaning for _, meaning in TABLE if isinstance(meaning, Reason)} == set(Reason) - NOT_BY_WORDS


def test_phrases_are_written_as_they_are_compared() -> None:
    assert [phrase for phrase, _ in TABLE if phrase != phrase.lower() or "  " in phrase] == []


def test_no_phrase_is_hidden_by_an_earlier_one() -> None:
    hidden = [
        (later, earlier) for number, (later, _) in enumerate(TABLE) for earlier, _ in TABLE[:number] if earlier in later
    ]
    assert hidden == []


def test_no_opening_is_hidden_by_an_earlier_one() -> None:
    assert [(b, a) for n, b in enumerate(OPENINGS) for a in OPENINGS[:n] if a in b] == []


def test_the_index_finds_what_a_plain_search_finds() -> None:
    texts = [phrase for phrase, _ in TABLE]
    index = PhraseIndex(texts)
    sentences = (*texts, "550 5.1.1 user unknown: mailbox full, blocked using spamhaus", "", "メールボックスが一杯")
    for text in (f"{before}{sentence}." for sentence in sentences for before in ("", "x", "xx", "long " * 100)):
        assert index.matches(text) == [number for number, phrase in enumerate(texts) if phrase in text]


def test_each_phrase_gives_its_reason() -> None:
    wanted = {
        Unknown.HOST: Reason.HOSTUNKNOWN,
        Unknown.USER: Reason.USERUNKNOWN,
        Unknown.MX: Reason.NOTACCEPT,
    }
    wrong = [
        (phrase, got)
        for phrase, meaning in TABLE
        if (got := reason_of(finding(phrase, command="RCPT" if meaning is Unknown.USER else "")))
        is not (wanted[meaning] if isinstance(meaning, Unknown) else meaning)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # the order of the table: each sentence holds words of a later section
        ("550 5.7.26 rejected due to domain owner's DMARC policy", Reason.AUTHFAILURE),
        ("554 Transaction failed: Duplicate header 'DKIM-Signature'.", Reason.NOTCOMPLIANTRFC),
        ("553 5.1.8 Domain of sender address does not exist", Reason.REJECTED),
        ("550 5.4.5 Daily sending quota exceeded", Reason.RATELIMITED),
        ("452 4.3.1 Insufficient system storage", Reason.SYSTEMFULL),
        ("552 5.2.2 user is over quota", Reason.MAILBOXFULL),
        ("451 4.7.650 temporarily rate limited due to IP reputation", Reason.BADREPUTATION),
        ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using b.barracudacentral.org", Reason.BLOCKED),
        ("450 4.7.1 Client host rejected: cannot find your hostname", Reason.REQUIREPTR),
        ("connect to mx.example.jp: Connection timed out", Reason.EXPIRED),
        ("mail for example.jp loops back to myself", Reason.NETWORKERROR),
        ("530 5.7.0 Must issue a STARTTLS command first", Reason.FAILEDSTARTTLS),
        ("550 5.7.1 <soumu@example.jp>: Relay access denied", Reason.NORELAYING),
        ("Amazon SES has suppressed sending to this address", Reason.SUPPRESSED),
        ("502 5.5.2 Error: command not recognized", Reason.SYNTAXERROR),
        ("550 5.6.0 improper use of 8-bit data in message header", Reason.CONTENTERROR),
        ("554 5.7.1 This message contains a virus", Reason.VIRUSDETECTED),
        ("550 Account is disabled", Reason.SUSPEND),
        ("551 User has moved; please try <new@example.jp>", Reason.HASMOVED),
        ("送信先のメールボックスが一杯のため、送信できませんでした。", Reason.MAILBOXFULL),
        # words inside names are no words
        ("550 5.1.1 <spam-policy@example.jp>: Recipient address rejected: User unknown", Reason.FILTERED),
        ("550 5.2.9 full https://example.jp/help#virus", Reason.ONHOLD),
        # words that say little
        ("550 Access was not allowed", Reason.REJECTED),
        ("550 the mail is blocked", Reason.BLOCKED),
    ],
)
def test_words_decide_in_order(text: str, reason: Reason) -> None:
    assert reason_of(finding(text, code=550)) is reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ホスト名が見つかりません: hosp.example.jp", Reason.HOSTUNKNOWN),
        ("宛先のドメイン（hosp.example.jp）が見つかりません。", Reason.HOSTUNKNOWN),
        ("宛先のメールサーバーが見つかりません。", Reason.NETWORKERROR),
        ("DNSの検索に失敗しました。", Reason.NETWORKERROR),
        ("ユーザー（soumu@hosp.example.jp）が見つかりません。", Reason.USERUNKNOWN),
        ("宛先のアドレスが無効です。", Reason.USERUNKNOWN),
        ("メールアドレスに誤りがあります。", Reason.USERUNKNOWN),
        ("登録されていないメールアドレスです。", Reason.USERUNKNOWN),
        ("そのようなユーザーはいません。", Reason.USERUNKNOWN),
        ("このアカウントは削除されました。", Reason.USERUNKNOWN),
        ("不明なエラーです。アドレスに誤りがないかご確認ください。", Reason.ONHOLD),
        ("容量超過のため受信できません。", Reason.MAILBOXFULL),
        ("サイズが上限を超えています。", Reason.EMAILTOOLARGE),
        ("添付ファイルの拡張子が許可されていません。", Reason.POLICYVIOLATION),
        ("SPF認証に失敗したため受信を拒否しました。", Reason.AUTHFAILURE),
        ("送信数の上限を超えました。", Reason.RATELIMITED),
        ("受信者の設定により拒否されました。", Reason.FILTERED),
        ("送信先サーバが応答しないため、soumu@hosp.example.jp へのメールは送信できませんでした。", Reason.EXPIRED),
        ("554 5.7.0 Blocked - see https://ipcheck.example.com/?ip=192.0.2.1", Reason.BLOCKED),
        ("550 5.7.1 Recipient has been disabled", Reason.SUSPEND),
        ("Not delivering to previously bounced address", Reason.SUPPRESSED),
        ("El buzón del destinatario está lleno.", Reason.MAILBOXFULL),
    ],
)
def test_a_notice_that_quotes_no_code_tells_why_in_words(text: str, reason: Reason) -> None:
    assert reason_of(finding(text)) is reason


def published_replies() -> Iterator[tuple[str, Finding]]:
    reason = ""
    for line in Path(__file__).with_name("replies.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            reason = line.strip("[]")
        elif line and not line.startswith("#"):
            status, code, command, text = ("" if word == "-" else word for word in line.split(maxsplit=3))
            yield reason, finding(text, status or replies.status(text), int(code) if code else None, command)


def test_replies_as_servers_word_them() -> None:
    told = list(published_replies())
    assert len(told) > 350
    assert [(said.diagnostic, got) for reason, said in told if (got := reason_of(said)) != reason] == []


@pytest.mark.parametrize(
    ("status", "code", "command", "reason"),
    [
        ("5.1.1", 550, "", Reason.USERUNKNOWN),
        ("5.0.0", 550, "RCPT", Reason.USERUNKNOWN),
        ("5.2.1", 550, "RCPT", Reason.USERUNKNOWN),
        ("5.0.0", 550, "DATA", Reason.FILTERED),
        ("5.2.0", 550, "DATA", Reason.FILTERED),
        ("5.2.1", 550, "", Reason.FILTERED),
        ("", 550, "", Reason.FILTERED),
        ("", None, "", Reason.USERUNKNOWN),
        ("5.1.0", 550, "MAIL", Reason.REJECTED),
    ],
)
def test_the_stage_tells_a_missing_mailbox_from_a_filter(
    status: str, code: int | None, command: str, reason: Reason
) -> None:
    assert reason_of(finding("user unknown", status, code, command)) is reason


@pytest.mark.parametrize("status", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4", "5.7.17", "4.1.1"])
@pytest.mark.parametrize("text", ["受付できません", "Recipient unknown", "The mailbox has moved", ""])
def test_a_refusal_of_mail_from_says_nothing_of_the_recipient(status: str, text: str) -> None:
    said = finding(text, status, 550, "MAIL")
    assert (reason_of(said), class_of(reason_of(said), said)) == (Reason.REJECTED, BounceClass.SOFT)


def test_a_missing_host_that_is_called_temporary_is_trouble_of_the_network() -> None:
    assert reason_of(finding("Domain name not found: example.jp", "4.0.0")) is Reason.NETWORKERROR
    assert reason_of(finding("Domain name not found: example.jp", "5.4.4")) is Reason.HOSTUNKNOWN


@pytest.mark.parametrize(("detail", "reason"), codes.BY_STATUS.items(), ids=list(codes.BY_STATUS))
def test_codes_decide_where_words_are_silent(detail: str, reason: Reason) -> None:
    assert reason_of(finding("", f"5.{detail}")) is reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("4.1.1", Reason.EXPIRED),
        ("4.1.3", Reason.EXPIRED),
        ("4.1.6", Reason.EXPIRED),
        ("4.1.10", Reason.EXPIRED),
        ("4.1.2", Reason.NETWORKERROR),
        ("4.4.4", Reason.NETWORKERROR),
    ],
)
@pytest.mark.parametrize("text", ["", "450 something nobody has seen"])
def test_a_code_for_now_makes_no_address_bad_by_itself(status: str, reason: Reason, text: str) -> None:
    said = finding(text, status)
    assert (reason_of(said), class_of(reason_of(said), said)) == (reason, BounceClass.SOFT)


def test_words_go_before_a_code_for_now() -> None:
    assert reason_of(finding("450 4.1.1 User unknown", "4.1.1", 450)) is Reason.USERUNKNOWN
    said = finding("", "4.1.1", 450)
    said.context = "The mailbox is full."
    assert reason_of(said) is Reason.MAILBOXFULL


@pytest.mark.parametrize(
    "text",
    [
        "450 4.1.1 <a@b.example>: Recipient address rejected: unverified address: Address verification in progress",
        "450 4.1.1 <a@b.example>: Recipient address rejected: unverified address: connect to mx: Connection refused",
        "450 4.1.1 <a@b.example>: Recipient address rejected: unverified address: host mx said: 450 user unknown",
    ],
)
def test_an_address_that_could_not_be_verified_is_not_bad(text: str) -> None:
    said = finding(text, "4.1.1", 450, "RCPT")
    assert (reason_of(said), class_of(reason_of(said), said)) == (Reason.EXPIRED, BounceClass.SOFT)


def test_an_address_that_was_verified_as_missing_is_bad() -> None:
    text = "550 5.1.1 <a@b.example>: Recipient address rejected: undeliverable address: host mx said: 550 User unknown"
    assert reason_of(finding(text, "5.1.1", 550, "RCPT")) is Reason.USERUNKNOWN


@pytest.mark.parametrize("whose", ["IP address", "DKIM domain", "SPF domain [g-mis.net 36]", "IP Netblock"])
@pytest.mark.parametrize("what", ["email", "unsolicited email", "unsolicited mail"])
def test_gmail_s_rates_are_rates_by_whatever_they_are_counted(whose: str, what: str) -> None:
    text = f"421-4.7.28 Gmail has detected an unusual rate of {what} originating from your {whose}."
    assert reason_of(finding(text, "4.7.28", 421, "DATA")) is Reason.RATELIMITED


@pytest.mark.parametrize(
    ("status", "reason"),
    [("5.1.1", Reason.USERUNKNOWN), ("5.0.0", Reason.VIRUSDETECTED), ("5.3.0", Reason.VIRUSDETECTED)],
)
def test_a_clear_code_goes_before_the_words_around_it(status: str, reason: Reason) -> None:
    said = finding("", status)
    said.context = "This report was checked for viruses."
    assert reason_of(said) is reason


def test_weak_words_come_after_codes() -> None:
    assert reason_of(finding("550 5.7.1 not allowed", "5.7.1", 550)) is Reason.SECURITYERROR
    assert reason_of(finding("550 not allowed", "5.0.0", 550)) is Reason.REJECTED


def test_words_go_before_the_code_of_giving_up() -> None:
    assert reason_of(finding("450 4.2.2 Mailbox full", "4.4.7", 450)) is Reason.MAILBOXFULL


def test_silence_is_undefined_and_unknown_words_wait_for_somebody() -> None:
    assert reason_of(finding("")) is Reason.UNDEFINED
    assert reason_of(finding("something nobody has seen")) is Reason.ONHOLD


def test_a_delay_without_words_waits_for_its_time() -> None:
    assert reason_of(Finding("a@example.jp", Action.DELAYED, status="4.5.0")) is Reason.EXPIRED


@pytest.mark.parametrize("action", [Action.DELIVERED, Action.RELAYED, Action.EXPANDED])
def test_success_is_no_failure(action: Action) -> None:
    done = Finding("a@example.jp", action, diagnostic="250 user unknown")
    assert reason_of(done) is Reason.DELIVERED
    assert class_of(Reason.DELIVERED, done) is None


@pytest.mark.parametrize("reason", [*Reason])
def test_hard_means_that_the_address_is_no_good(reason: Reason) -> None:
    hard = {Reason.USERUNKNOWN, Reason.HOSTUNKNOWN, Reason.HASMOVED, Reason.NOTACCEPT}
    none = {Reason.DELIVERED, Reason.VACATION, Reason.FEEDBACK}
    wanted = None if reason in none else BounceClass.HARD if reason in hard else BounceClass.SOFT
    assert class_of(reason, finding("", "5.0.0")) is wanted


@pytest.mark.parametrize(("status", "code"), [("4.4.4", None), ("", 450)])
def test_a_host_that_takes_no_mail_for_now_is_soft(status: str, code: int | None) -> None:
    assert class_of(Reason.NOTACCEPT, finding("", status, code)) is BounceClass.SOFT


@pytest.mark.parametrize(
    ("action", "status", "bounce_class"),
    [
        (Action.DELAYED, "4.0.0", BounceClass.HARD),
        (Action.DELAYED, "4.4.4", BounceClass.SOFT),
        (Action.FAILED, "4.0.0", BounceClass.SOFT),
        (Action.FAILED, "5.0.0", BounceClass.HARD),
    ],
)
def test_that_a_message_is_still_tried_says_nothing_of_a_domain_without_mail(
    action: Action, status: str, bounce_class: BounceClass
) -> None:
    assert class_of(Reason.NOTACCEPT, Finding("a@example.jp", action, status)) is bounce_class


@pytest.mark.parametrize(
    ("host", "status", "reason"),
    [
        ("mx.example.jp", "5.0.0", Reason.USERUNKNOWN),
        ("mx.example.jp", "5.7.1", Reason.FILTERED),
        ("mx.example.jp", "", Reason.FILTERED),
        ("192.0.2.1", "5.0.0", Reason.FILTERED),
        ("", "5.0.0", Reason.FILTERED),
    ],
)
def test_a_named_host_is_believed_about_its_users(host: str, status: str, reason: Reason) -> None:
    said = finding("550 soumu@example.jp... No such user", status, 550)
    said.host = host
    assert reason_of(said) is reason


@pytest.mark.parametrize(
    ("reporter", "reason"),
    [("x-postfix", Reason.NETWORKERROR), ("x-outbound-mail-relay", Reason.NOTACCEPT), ("", Reason.NOTACCEPT)],
)
def test_a_malformed_mx_is_a_null_mx_to_those_without_a_word_for_it(reporter: str, reason: Reason) -> None:
    said = finding("Name service error for name=example.jp type=MX: Malformed or unexpected name server reply", "5.4.4")
    said.reporter = reporter
    assert reason_of(said) is reason


@pytest.mark.parametrize(
    ("text", "output", "reason"),
    [
        ("x-unix; 75", "maildir over quota", Reason.MAILBOXFULL),
        ("x-unix; 71", "temporary failure", Reason.MAILERERROR),
        ("x-unix; procmail: cannot write", "", Reason.MAILERERROR),
    ],
)
def test_delivery_programs(text: str, output: str, reason: Reason) -> None:
    said = finding(text)
    said.context = output
    assert reason_of(said) is reason


def test_the_documentation_lists_every_reason_with_its_class() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "bounce-reasons.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE)
    classes = {None: "―", BounceClass.HARD: "hard", BounceClass.SOFT: "soft"}
    expected = {reason: classes[class_of(reason, finding("", "5.0.0"))] for reason in Reason}
    assert dict(rows) == expected | {Reason.NOTACCEPT: "5xx hard, 4xx soft"}
