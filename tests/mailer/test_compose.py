"""Mails to the octet: what RFC 5322, 2045 and 2047 ask, and the same mail as the standard library's slow composer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import Header, decode_header, make_header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.jst import to_tokyo
from core.kinds import Kind
from core.mail import MailContent
from mailer.compose import Envelope, compose, encode_phrase, encode_text

AT = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
MESSAGE_ID = "<abcdefghijklmnopqrstuvwxyz.234567abcdefghijklmnopqr@g-mis.net>"
SUBJECT = "【厚生労働省 G-MIS 事務局】アカウント発行前の事前確認メール（返信不要）"

# Every character that UTF-8 can carry; headers have no line ends of their own.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
ONE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=200)


def content(
    subject: str = SUBJECT, name: str = "G-MIS事務局", text: str = "本文\n", html: str = "<p>本文</p>\n"
) -> MailContent:
    return MailContent.of(subject, name, text, html)


def envelope(recipient: str = "soumu@example.jp", reply_to: str | None = "desk@pref.example.lg.jp") -> Envelope:
    return Envelope(Kind.GUIDE, "info@g-mis.net", recipient, reply_to, MESSAGE_ID, AT)


def obvious(made_of: MailContent, particulars: Envelope) -> bytes:
    """The same mail by the standard library's oldest and most trodden way."""
    mail = MIMEMultipart("alternative")
    mail["Date"] = format_datetime(to_tokyo(particulars.date))
    mail["From"] = f"{Header(made_of.sender_name, 'utf-8').encode()} <{particulars.sender_address}>"
    mail["To"] = f"<{particulars.recipient}>"
    mail["Subject"] = Header(made_of.subject, "utf-8", header_name="Subject").encode()
    mail["Message-ID"] = particulars.message_id_header
    for subtype, text in (("plain", made_of.text), ("html", made_of.html)):
        mail.attach(MIMEText(text, subtype, "utf-8"))
    return mail.as_bytes(policy=compat32.clone(linesep="\r\n", max_line_length=76))


def header(mail: Message, name: str) -> str:
    return str(make_header(decode_header(mail[name])))


def body(mail: Message, place: int) -> str:
    parts = mail.get_payload()
    assert isinstance(parts, list)
    part = parts[place]
    assert isinstance(part, Message)
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return re.sub("\r\n|\r|\n", "\n", octets.decode()).removesuffix("\n")


def bodies_agree(ours: str, theirs: str, original: str) -> bool:
    return ours == theirs == re.sub("\r\n|\r|\n", "\n", original).removesuffix("\n")


@given(subject=ONE_LINE, name=ONE_LINE.filter(str.strip), text=TEXT, html=TEXT)
@example(subject="=?utf-8?q?x?=", name='"Bcc: x" <evil@example.jp>, ', text=".\r\n.\r\n", html="")
@example(subject="🏥" * 30, name="﨑𠮷①㈱", text="https://www.g-mis.mhlw.go.jp/s/" + "x" * 1500, html="\r")
def test_parsed_it_is_the_mail_of_the_obvious_composer(subject: str, name: str, text: str, html: str) -> None:
    made_of = content(subject, name, text, html)
    ours = message_from_bytes(compose(made_of, envelope()))
    theirs = message_from_bytes(obvious(made_of, envelope()))
    assert header(ours, "Subject") == header(theirs, "Subject") == subject
    assert ours.get_content_type() == theirs.get_content_type()
    assert ours.defects == []
    for name_of_header in ("Date", "To", "Message-ID"):
        assert ours[name_of_header] == theirs[name_of_header]
    assert bodies_agree(body(ours, 0), body(theirs, 0), text)
    assert bodies_agree(body(ours, 1), body(theirs, 1), html)


@given(st.lists(st.tuples(TEXT, TEXT | st.sampled_from(["", "\n", "\r", "\r\n", "a\r"])), max_size=4), TEXT)
@example([("一行目", "二行目\r")], "\n三行目\n")
@example([("本文\n", "値")], "")
def test_in_passages_it_is_the_mail_of_the_whole_text(pairs: list[tuple[str, str]], last: str) -> None:
    passages = [piece for shared, own in pairs for piece in (shared.replace("\r", ""), own)]
    passages.append(last.replace("\r", ""))
    whole = "".join(passages)
    in_passages = content()._replace(text_passages=passages, html_passages=passages[:1])
    assert compose(in_passages, envelope()) == compose(content(text=whole, html=passages[0]), envelope())


@given(name=ONE_LINE.filter(str.strip))
@example(name='Bcc: x, "y" <evil@example.jp>')
@example(name="(comment)")
@example(name="a@b")
def test_the_display_name_is_never_taken_for_an_address(name: str) -> None:
    mail = message_from_bytes(compose(content(name=name), envelope()))
    phrase, _, address = mail["From"].replace("\r\n", "").rpartition(" ")
    assert address == "<info@g-mis.net>"
    assert str(make_header(decode_header(phrase.strip()))) == name or phrase == name
    assert re.fullmatch(r"[\w !#$%&'*+/=?^`{|}~-]*", phrase.replace("\r\n", ""), re.ASCII)


@given(subject=TEXT, name=TEXT, text=TEXT, html=TEXT)
def test_the_octets_obey_the_limits(subject: str, name: str, text: str, html: str) -> None:
    mail = compose(content(subject, name, text, html), envelope())
    mail.decode("ascii")
    assert mail.endswith(b"\r\n")
    assert b"\r" not in mail.replace(b"\r\n", b"")
    assert b"\n" not in mail.replace(b"\r\n", b"")
    head, _, rest = mail.partition(b"\r\n\r\n")
    assert all(len(line) <= 76 for line in rest.split(b"\r\n"))
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert all(len(line) <= 76 for line in head.split(b"\r\n") if b"=?" in line)
    for word in re.findall(rb"=\?utf-8\?b\?[^?]*\?=", head):
        assert len(word) <= 75


@given(TEXT)
def test_encoded_words_are_cut_between_characters(text: str) -> None:
    for word in re.findall(rb"=\?utf-8\?b\?([^?]*)\?=", encode_text(text)):
        make_header(decode_header(f"=?utf-8?b?{word.decode()}?="))  # raises UnicodeDecodeError for half a character


@given(st.text("\r\n\x00\x0b\x85\u2028 Bcc:x", max_size=60))
def test_no_text_makes_a_header_of_its_own(text: str) -> None:
    mail = message_from_bytes(compose(content(subject=text, name=text), envelope()))
    assert sorted(mail.keys()) == sorted(message_from_bytes(compose(content(), envelope())).keys())
    assert not re.search("[\r\n\0]", header(mail, "Subject"))


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d", "a b@c", "<a@b>", "a@b,c@d>", "", "a", "あ@b", "a@b\x00"])
def test_an_address_that_would_break_a_header_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a header"):
        compose(content(), envelope(recipient=address))
    with pytest.raises(ValueError, match="cannot stand in a header"):
        compose(content(), envelope(reply_to=address))


@pytest.mark.parametrize("address", ["a..b@docomo.ne.jp", "a.@docomo.ne.jp", ".a@ezweb.ne.jp", "a..b.@au.com"])
def test_old_addresses_of_carriers_stay_as_they_are(address: str) -> None:
    assert f"To: <{address}>\r\n".encode() in compose(content(), envelope(recipient=address))


@pytest.mark.parametrize("length", [70, 74, 76, 77, 500, 998, 999, 20_000])
def test_a_link_of_any_length_arrives_whole(length: int) -> None:
    link = "https://www.g-mis.mhlw.go.jp/s/".ljust(length, "x")
    mail = message_from_bytes(
        compose(content(text=f"次のURL\n{link}\n以上", html=f"<a href='{link}'>x</a>"), envelope())
    )
    assert body(mail, 0).split("\n")[1] == link
    assert f"'{link}'" in body(mail, 1)


def test_the_headers_of_a_guide() -> None:
    mail = compose(content(), envelope())
    assert mail.partition(b"\r\n--")[0].decode() == (
        "Date: Tue, 24 Nov 2026 09:00:00 +0900\r\n"
        "From: =?utf-8?b?Ry1NSVPkuovli5nlsYA=?= <info@g-mis.net>\r\n"
        "Reply-To: <desk@pref.example.lg.jp>\r\n"
        "To: <soumu@example.jp>\r\n"
        "Subject: =?utf-8?b?44CQ5Y6a55Sf5Yq05YON55yBIEctTUlTIOS6i+WLmeWxgOOAkQ==?=\r\n"
        " =?utf-8?b?44Ki44Kr44Km44Oz44OI55m66KGM5YmN44Gu5LqL5YmN56K66KqN44Oh44O8?=\r\n"
        " =?utf-8?b?44Or77yI6L+U5L+h5LiN6KaB77yJ?=\r\n"
        f"Message-ID: {MESSAGE_ID}\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "X-Auto-Response-Suppress: All\r\n"
        "X-Todoke-Kind: guide\r\n"
        "Content-Language: ja\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="=_abcdefghijklmnopqrstuvwxyz"\r\n'
    )


def test_the_same_mail_again_is_the_same_octets() -> None:
    assert compose(content(), envelope()) == compose(content(), envelope())


def test_the_date_is_told_in_japanese_time() -> None:
    date = message_from_bytes(compose(content(), envelope()))["Date"]
    assert date.endswith("+0900")
    assert parsedate_to_datetime(date) == AT


def test_without_a_desk_there_is_no_reply_to() -> None:
    assert "Reply-To" not in message_from_bytes(compose(content(), envelope(reply_to=None)))


@pytest.mark.parametrize("plain", ["", "G-MIS", "Notice 1", "a" * 39])
def test_short_plain_texts_stay_readable(plain: str) -> None:
    assert encode_text(plain) == encode_phrase(plain) == plain.encode()


@pytest.mark.parametrize("odd", [" a", "a ", "a  b", "a" * 40, "=?x?=", "é"])
def test_what_a_reader_could_take_for_something_else_is_encoded(odd: str) -> None:
    assert encode_text(odd).startswith(b"=?utf-8?b?")


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        compose(content(text="\ud83c"), envelope())
