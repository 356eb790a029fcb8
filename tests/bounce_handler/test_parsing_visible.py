"""Text as a reader sees it: HTML, characters without width, full-width letters, escape sequences that were lost."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_handler.parsing import addresses, mime, parse, visible
from bounce_handler.parsing.charsets import decode
from core.reports import Reason, RecipientReport, ReportType

OURS = "soumu@hospital.example.jp"


@pytest.mark.parametrize(
    "written",
    [
        "soumu@hospital.example.jp",
        "soumu&#64;hospital.example.jp",
        "soumu&#x40;hospital&period;example.jp",
        "soumu@<wbr>hospital.<wbr/>example.jp",
        "<b>soumu</b>@hospital.example.jp",
        "soumu@hospital.<span class='x'>example</span>.jp",
        "soumu\u200b@hospital.\u200bexample.jp",
        "so&shy;umu@&#8203;hospital.example.jp",
        "<font color=red>soumu</font>@<i>hospital</i>.example.jp",
        '<a href="mailto:soumu@hospital.example.jp">soumu@hospital.example.jp</a>',
        '<a href="mailto:soumu@hospital.example.jp?subject=x">総務課</a>',
        "<a class=x href='mailto:soumu%40hospital.example.jp'><b>Somu</b> desk</a>",
        "&lt;soumu@hospital.example.jp&gt;",
        "<td>x</td><td>soumu@hospital.example.jp</td>",
        "<!-- jimu@hospital.example.jp -->soumu@hospital.example.jp<!-- a > b -->",
    ],
)
def test_an_address_in_html_is_the_one_that_is_seen(written: str) -> None:
    assert addresses.find(visible.of_html(f"<div><p>宛先 {written} です</p></div>")) == [OURS]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("couldn&#39;t be&nbsp;found", "couldn't be found"),
        ("&#12513;&#12540;&#12523;&#x30DC;", "メールボ"),
        ("<p>a</p><p>b</p>c<br>d", "\na\n\nb\nc\nd"),
        ("<td>a</td><td>b</td>", " a  b "),
        ("<style>p > b { x: '<p>' }</style>a<script>1 < 2</script>b", "  a  b"),
        ("a<!--[if mso]><p>b</p><![endif]-->c", "a c"),
        ("1 < 2 &amp; 3", "1 < 2 & 3"),
        ("a<!-- never closed", "a "),
    ],
)
def test_html_as_text(source: str, text: str) -> None:
    assert visible.of_html(source) == text


@given(st.text(st.characters(exclude_characters=visible.UNSEEN + "\u00a0＠@\r", exclude_categories=["Cs", "Cc"])))
def test_escaped_text_is_seen_as_it_is(text: str) -> None:
    assert visible.of_html(html.escape(text)) == text
    numeric = "".join(f"&#{ord(char)};" for char in text)
    assert visible.of_html(numeric) == html.unescape(numeric)


@pytest.mark.parametrize(
    "piece",
    ["<a href=mailto:", "<a ", "<!--", "<!-", "&#", "<b", "mailto:a@b", "<a href=mailto:a@b>", "</a", "Ａ@", "＠"],
)
def test_hostile_html_takes_no_more_time_than_its_size(piece: str) -> None:
    assert isinstance(visible.of_html(piece * (mime.MAX_TEXT // len(piece))), str)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("宛先：soumu＠hospital.example.jp へ", OURS),
        ("宛先：ｓｏｕｍｕ＠ｈｏｓｐｉｔａｌ．ｅｘａｍｐｌｅ．ｊｐ へ", OURS),
        ("（ｓｏｕｍｕ@hospital.example.jp）", OURS),
        ("「soumu@hospital．example．jp」", OURS),
        ("ｙａｍａ－ｄａ＿１＠example.jp", "yama-da_1@example.jp"),
        ("yama\u2212da＠example.jp", "yama-da@example.jp"),
    ],
)
def test_full_width_addresses(written: str, address: str) -> None:
    assert addresses.find(addresses.narrow(written)) == [address]


def test_other_full_width_letters_stay() -> None:
    text = "ＦＡＸ：０３－１２３４－５６７８　info@example.jp"
    assert addresses.narrow(text) == text


def test_typed_addresses_are_narrowed_too() -> None:
    assert addresses.typed("rfc822; soumu＠hospital.example.jp") == OURS


JAPANESE = "宛先のユーザーが存在しません。ＡＢＣ①亜熙"


@pytest.mark.parametrize("label", ["iso-2022-jp", "ISO-2022-JP", "csISO2022JP"])
def test_escape_sequences_without_their_first_octet_are_understood(label: str) -> None:
    lost = f"a\n{JAPANESE.replace('①', '')}\nb $100".encode("iso2022_jp").replace(b"\x1b", b"")
    assert decode(lost, label) == f"a\n{JAPANESE.replace('①', '')}\nb $100"


def test_what_only_looks_like_one_elsewhere_stays() -> None:
    assert decode(b"$BASE (B) is $BAD(B", "us-ascii") == "$BASE (B) is $BAD(B"


def one(headers: str, body: str, charset: str = "utf-8") -> RecipientReport:
    report = parse(f"Return-Path: <>\nTo: r@bounces.example.jp\n{headers}\n\n{body}\n".encode(charset))
    assert report.type is ReportType.BOUNCE
    (recipient,) = report.recipients
    return recipient


HTML = "From: postmaster@mx.example.jp\nSubject: Undeliverable\nContent-Type: text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "&#12518;&#12540;&#12470;&#12540;&#12364;&#23384;&#22312;&#12375;&#12414;&#12379;&#12435;",
            Reason.USERUNKNOWN,
        ),
        ("The address couldn&#39;t be&nbsp;found", Reason.USERUNKNOWN),
        ("mailbox is <b>full</b>", Reason.MAILBOXFULL),
    ],
)
def test_reasons_are_read_in_html(words: str, reason: Reason) -> None:
    told = one(
        HTML, f"<p>Your message could not be delivered to:</p><p>soumu&#64;hospital.example.jp</p><p>{words}</p>"
    )
    assert (told.address, told.reason) == (OURS, reason)


def test_a_word_in_another_script_is_no_local_part() -> None:
    report = parse(f"Return-Path: <>\n{HTML}\n\n<p>Could not be delivered to:</p>\n  総務課\n".encode())
    assert "総務課" not in "".join(recipient.address for recipient in report.recipients)


def test_a_byte_order_mark_before_the_header_is_skipped() -> None:
    mail = f"From: MAILER-DAEMON@mx.example.jp\nSubject: failure\n\n<{OURS}>: 550 5.1.1 User unknown\n".encode()
    assert parse(b"\xef\xbb\xbf" + mail) == parse(mail)
    assert parse(mail).type is ReportType.BOUNCE
