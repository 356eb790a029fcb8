"""What a person sees of a mail."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sink.reading import links_of, read_mail, with_inline_pictures

LINK = "https://www.g-mis.mhlw.go.jp/s/AbC-123_x"


def multipart(attached: bytes = b"") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "通知"
    message.set_content(f"本文です。\n{LINK}\n")
    message.add_alternative(f'<p>本文</p><a href="{LINK}?a=1&amp;b=2">開く</a><img src="cid:logo">', subtype="html")
    if attached:
        message.add_attachment(attached, maintype="application", subtype="pdf", filename="手引き.pdf")
    return message


def test_reads_text_html_links_and_attachments() -> None:
    read = read_mail(multipart(b"%PDF").as_bytes())
    assert read.headers["Subject"] == "通知"
    assert read.text == f"本文です。\n{LINK}\n"
    assert "<p>本文</p>" in read.html
    assert read.links == (LINK, f"{LINK}?a=1&b=2")
    [attachment] = read.attachments
    assert (attachment.filename, attachment.content_type, attachment.content) == (
        "手引き.pdf",
        "application/pdf",
        b"%PDF",
    )


@pytest.mark.parametrize("codec", ["iso-2022-jp", "shift_jis", "euc-jp", "utf-8"])
@pytest.mark.parametrize("labelled", [True, False])
def test_reads_japanese_text_with_and_without_a_label(codec: str, labelled: bool) -> None:
    label = f"; charset={codec}" if labelled else ""
    raw = f"Content-Type: text/plain{label}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode()
    assert read_mail(raw + "お知らせします。".encode(codec)).text == "お知らせします。"


def test_line_ends_of_the_text_are_lf() -> None:
    assert read_mail(b"\r\none\r\ntwo\nthree\r\n").text == "one\ntwo\nthree\n"


def test_a_mail_inside_a_mail_is_an_attachment() -> None:
    outer = EmailMessage()
    outer.set_content("see below")
    outer.add_attachment(multipart())
    read = read_mail(outer.as_bytes())
    assert read.text.strip() == "see below"
    assert [each.content_type for each in read.attachments] == ["message/rfc822"]
    assert b"Subject: " in read.attachments[0].content


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\r\nonly a body", "only a body"),
        (b"Content-Type: multipart/mixed\r\n\r\nno boundary", "no boundary"),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnever comes", "never comes"),
        (b"Content-Transfer-Encoding: nonsense\r\n\r\nkept", "kept"),
        (b"Content-Type: text/plain; charset=\x82\xa0\r\n\r\nkept", "kept"),
        (b"Content-Type: \xff\xfe/\x00\r\n\r\nkept", "kept"),
    ],
)
def test_broken_mails_are_shown_as_text(raw: bytes, text: str) -> None:
    read = read_mail(raw)
    assert text in (read.text or read.attachments[0].content.decode())


def test_parts_nested_too_deeply_to_parse_are_shown_as_text() -> None:
    opening = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2_000))
    assert "boundary=b1999" in read_mail(opening + b"\r\nend").text


def test_an_empty_mail_says_nothing() -> None:
    read = read_mail(b"")
    assert (read.headers, read.text, read.html, read.links, read.attachments) == ({}, "", "", (), ())


def test_bad_filenames_do_no_harm() -> None:
    names = [b"filename*=x\0y''a", b"filename*=unicode_escape''%5Cud800", b"filename*99999999999999999999=x"]
    for name in names:
        raw = b"Content-Disposition: attachment; " + name + b"\r\nContent-Type: image/png\r\n\r\nx"
        assert read_mail(raw).attachments[0].content == b"x"


@given(st.binary(max_size=400))
def test_any_bytes_are_read(raw: bytes) -> None:
    read_mail(raw)


MIME_PIECES = (
    *(b"Content-Type: multipart/", b"mixed", b"; boundary=", b"x", b"\r\n", b"--x", b"--", b"text/html", b"\xff"),
    *(b"Content-Transfer-Encoding: base64", b"; charset*0*=", b"filename=", b"%%", b"=?", b"\x1b$B", b"message/rfc822"),
)


@given(st.lists(st.sampled_from(MIME_PIECES), max_size=40))
@example([b"Content-Type: multipart/", b"; charset*0*=", b"\r\n", b"\xff"])
def test_any_heap_of_mime_is_read_and_can_be_sent_on(pieces: list[bytes]) -> None:
    read = read_mail(b"".join(pieces))
    (read.text + read.html + "".join(read.links)).encode()
    for attachment in read.attachments:
        ((attachment.filename or "") + (attachment.content_id or "") + attachment.content_type).encode()


def test_links_of_the_text_end_where_japanese_begins() -> None:
    text = f"{LINK}より申請。（{LINK}/a）<{LINK}/b>, {LINK}/c. 「{LINK}/d」　{LINK}"
    assert links_of(text, "") == [LINK, f"{LINK}/a", f"{LINK}/b", f"{LINK}/c", f"{LINK}/d"]


def test_only_web_links_count() -> None:
    page = "<a href='javascript:alert(1)'>x</a><a href=mailto:a@b.jp>y</a><area HREF = \"HTTPS://a.jp/\"><a\nhref=http://b.jp>"
    assert links_of("ftp://c.jp data:text/html,x", page) == ["HTTPS://a.jp/", "http://b.jp"]


def test_hostile_html_is_searched_in_linear_time() -> None:
    pages = ["<a " * 300_000, '<a href="' * 100_000, "<a" + " href" * 200_000, "http://" * 100_000]
    assert [links_of("", page) for page in pages[:3]] == [[], [], []]
    assert len(links_of(pages[3], "")) == 1


def test_inline_pictures_are_built_in() -> None:
    message = multipart()
    message.get_payload()[1].add_related(b"\x89PNG", maintype="image", subtype="png", cid="<logo>")
    shown = with_inline_pictures(read_mail(message.as_bytes()))
    assert "data:image/png;base64,iVBORw==" in shown
    assert "cid:logo" not in shown


def test_other_parts_are_never_built_in() -> None:
    message = multipart()
    message.get_payload()[1].add_related("<svg/>", subtype="svg+xml", cid="<logo>")
    assert "cid:logo" in with_inline_pictures(read_mail(message.as_bytes()))
