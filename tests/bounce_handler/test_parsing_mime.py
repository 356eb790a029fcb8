"""The MIME reader: as the standard library where mail is sound, tolerant where it is not, bounded always."""

from __future__ import annotations

import email
from email.message import EmailMessage, Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_handler.parsing import mime
from bounce_handler.parsing.mail import Mail

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\x1b", exclude_categories=["Cs", "Cc"]), max_size=200
)
ENCODINGS = st.sampled_from(["7bit", "base64", "quoted-printable"])


def composed(texts: list[str], encoding: str, attached: str | None) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "G-MIS"
    message.set_content(texts[0], cte=encoding if texts[0].isascii() or encoding != "7bit" else "base64")
    for text in texts[1:]:
        message.add_attachment(text, cte="base64")
    if attached is not None:
        inner = EmailMessage()
        inner["Subject"] = attached
        inner.set_content("inner")
        message.add_attachment(inner)
    return message


def leaves(message: Message) -> list[tuple[str, bytes]]:
    """What the standard library sees, without entering enclosed messages."""
    found: list[tuple[str, bytes]] = []
    parts = message.get_payload() if message.is_multipart() else []
    if message.get_content_maintype() == "multipart":
        for part in parts:
            assert isinstance(part, Message)
            found += leaves(part)
        return found
    payload = b"" if message.is_multipart() else message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return [(message.get_content_type(), payload)]


@given(st.lists(TEXTS, min_size=1, max_size=4), ENCODINGS, st.none() | st.just("enclosed"))
def test_sound_mail_reads_as_the_standard_library_reads_it(
    texts: list[str], encoding: str, attached: str | None
) -> None:
    raw = composed(texts, encoding, attached).as_bytes()
    ours = [
        (part.type, b"" if part.type == "message/rfc822" else part.payload.rstrip(b"\n"))
        for part in mime.read(raw).walk()
        if part.main_type != "multipart"
    ]
    theirs = [(kind, payload.rstrip(b"\n")) for kind, payload in leaves(email.message_from_bytes(raw))]
    assert ours == theirs


def test_an_enclosed_message_is_entered_on_demand() -> None:
    root = mime.read(composed(["outer"], "7bit", "enclosed").as_bytes())
    enclosing = next(part for part in root.walk() if part.type == "message/rfc822")
    assert enclosing.children[0].headers.get("subject") == "enclosed"


def report(*parts: str, declared: str = "b") -> bytes:
    lines = "".join(f"--b\n{part}\n" for part in parts)
    return f'Content-Type: multipart/mixed; boundary="{declared}"\n\n{lines}--b--\n'.encode()


def test_a_boundary_that_headers_misname_is_taken_from_the_body() -> None:
    raw = report("Content-Type: text/plain\n\nhello", declared="rewritten")
    assert Mail(mime.read(raw)).body.strip() == "hello"


def test_a_multipart_without_any_delimiter_is_text() -> None:
    assert "hello" in Mail(mime.read(report(declared="x").replace(b"--b", b"") + b"hello")).body


def test_a_missing_last_delimiter_is_forgiven() -> None:
    raw = report("Content-Type: text/plain\n\nhello").removesuffix(b"--b--\n")
    assert Mail(mime.read(raw)).body.strip() == "hello"


@pytest.mark.parametrize("padding", ["", " ", "\t "])
def test_white_space_may_follow_a_delimiter(padding: str) -> None:
    raw = report("\nhello").replace(b"--b\n", b"--b" + padding.encode() + b"\n")
    assert [part.text.strip() for part in mime.read(raw).children] == ["hello"]


def test_a_longer_boundary_is_another_one() -> None:
    assert [p.text for p in mime.read(report("\nhello\n--bb\nstill")).children] == ["hello\n--bb\nstill"]


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\r\r\n"])
def test_line_ends_are_unified(end: bytes) -> None:
    raw = report("Content-Type: text/plain\n\none\ntwo").replace(b"\n", end)
    assert Mail(mime.read(raw)).body == "one\ntwo"


def test_headers_end_where_a_line_is_no_field() -> None:
    part = mime.read(b"From: a\nthis is no field\nTo: b\n")
    assert (part.headers.get("from"), part.headers.get("to")) == ("a", "")
    assert part.text == "this is no field\nTo: b\n"


def test_an_mbox_line_before_the_headers_is_skipped() -> None:
    assert mime.read(b"From MAILER-DAEMON Sat Nov 21\nFrom: a\n\nx").headers.get("from") == "a"


def test_folded_values_are_unfolded() -> None:
    assert mime.read(b"Subject: one\n\ttwo\n three\n\n").headers.get("subject") == "one two three"


def test_broken_base64_gives_what_can_be_had() -> None:
    raw = b"Content-Transfer-Encoding: base64\n\naGVs*bG8\n"
    assert mime.read(raw).payload == b"hello"


def test_hidden_parts_of_html_are_left_out() -> None:
    raw = b"Content-Type: text/html\n\n<style>p{}</style><p>user unknown<br>&lt;a@b.example&gt;</p>"
    assert Mail(mime.read(raw)).body.split() == ["user", "unknown", "<a@b.example>"]


def test_parts_and_depth_are_bounded() -> None:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(500))
    wide = report(*["\nx"] * 5000)
    assert max(part.depth for part in mime.read(nested).walk()) == mime.MAX_DEPTH
    assert len(mime.read(wide).children) == mime.MAX_PARTS
    assert len(Mail(mime.read(wide)).parts) <= mime.MAX_ALL_PARTS
