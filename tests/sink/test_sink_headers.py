"""Reading headers and charsets: right for Japanese mail as it is, and never an error."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sink.charsets import decode, guess
from sink.headers import decode_value, facts_of, header_block, headers_of

TEXT = "【厚生労働省G-MIS事務局】髙﨑①㈱"


def b_word(charset: str, data: bytes) -> bytes:
    return b"=?" + charset.encode() + b"?B?" + base64.b64encode(data) + b"?="


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Hello", "Hello"),
        (b_word("utf-8", TEXT.encode()), TEXT),
        (b_word("UTF-8*ja", TEXT.encode()), TEXT),
        (b_word("shift_jis", TEXT.encode("cp932")), TEXT),
        (b_word("windows-31j", TEXT.encode("cp932")), TEXT),
        (b_word("iso-2022-jp", "通知".encode("iso-2022-jp")), "通知"),
        (b"=?iso-8859-1?q?caf=E9_?=", "caf\u00e9"),
        (b"=?utf-8?q?a_b?= =?utf-8?q?c?=", "a bc"),
        (b"=?utf-8?q?a?= plain =?utf-8?q?b?=", "a plain b"),
        (b"=?utf-8?b?44GC?= =?utf-8?b?44GE?=", "あい"),
        (b"=?utf-8?b?4?=", ""),
        (b"=?no-such-charset?b?" + base64.b64encode("通知".encode()) + b"?=", "通知"),
        (b"=?punycode?b?YWJj?=", "abc"),
        (b"=?utf-7?b?KzJBQS0=?=", "+2AA-"),
        (b"=?broken", "=?broken"),
        ("通知".encode(), "通知"),
        ("通知のお知らせ".encode("cp932"), "通知のお知らせ"),
        ("通知のお知らせ".encode("euc-jp"), "通知のお知らせ"),
        ("通知".encode("iso-2022-jp"), "通知"),
        (b"a\x00b\tc", "a b c"),
    ],
)
def test_decodes_header_values(value: bytes, expected: str) -> None:
    assert decode_value(value) == expected


def test_a_character_cut_in_two_encoded_words_is_whole_again() -> None:
    data = "通知".encode()
    assert decode_value(b_word("utf-8", data[:2]) + b"\r\n " + b_word("utf-8", data[2:])) == "通知"


def test_a_shift_state_may_run_on_into_the_next_word() -> None:
    data = "通知通知".encode("iso-2022-jp")
    assert decode_value(b_word("iso-2022-jp", data[:7]) + b" " + b_word("iso-2022-jp", data[7:])) == "通知通知"


def test_iso_2022_jp_with_vendor_characters_is_read_by_cp932() -> None:
    row_13 = b"\x1b$B" + b"-!" + b"-j" + b"DLCN" + b"\x1b(Babc"  # ①, ㈱, 通知
    assert decode(row_13, "iso-2022-jp") == "①㈱通知abc"
    assert guess(row_13) == "①㈱通知abc"


@given(st.text("【通知】髙﨑①㈱ｱｲｳABC xyz 薬局", min_size=1, max_size=30))
@pytest.mark.parametrize("codec", ["utf-8", "cp932"])
@pytest.mark.parametrize("word", [b_word, lambda charset, data: b"=?%b?Q?%b?=" % (charset.encode(), quoted(data))])
def test_encoded_words_come_back(word: Callable[[str, bytes], bytes], codec: str, text: str) -> None:
    label = {"cp932": "shift_jis"}.get(codec, codec)
    assert decode_value(word(label, text.encode(codec))) == text.strip()


def quoted(data: bytes) -> bytes:
    return b"".join(b"=%02X" % byte for byte in data)


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "iso-2022-jp", "shift_jis", "x\0y", "idna", "utf-16"]))
def test_any_bytes_become_text_that_can_be_sent_on(data: bytes, charset: str | None) -> None:
    decode(data, charset).encode()
    decode_value(data).encode()
    assert "\n" not in decode_value(data)


@given(st.binary(max_size=300))
def test_any_mail_has_facts_and_headers(data: bytes) -> None:
    facts_of(data)
    for name, value in headers_of(data).items():
        (name + value).encode()


def test_finds_the_facts_of_a_folded_header() -> None:
    raw = (
        b"Received: by x; subject: not me\r\n"
        b"X-Subject: nor me\r\n"
        b"SUBJECT: =?utf-8?b?6YCa?=\r\n\t=?utf-8?b?55+l?=\r\n"
        b"x-todoke-kind:  guide \r\n"
        b"Message-Id:\r\n <abc@example.jp>\r\n"
        b"\r\n"
        b"Subject: in the body\r\n"
    )
    facts = facts_of(raw)
    assert (facts.subject, facts.kind, facts.message_id) == ("通知", "guide", "<abc@example.jp>")


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\r\nSubject: body\r\n", b"no header at all", b"\n\nSubject: x\n"])
def test_a_mail_without_header_has_no_facts(raw: bytes) -> None:
    facts = facts_of(raw)
    assert (facts.subject, facts.kind, facts.message_id) == ("", None, None)


def test_repeated_headers_stand_on_lines_under_their_first_spelling() -> None:
    raw = b"Received: one\r\nFrom: a\r\nreceived: two\r\n three\r\n\r\nbody"
    assert headers_of(raw) == {"Received": "one\ntwo three", "From": "a"}


def test_the_header_block_ends_at_the_empty_line() -> None:
    assert header_block(b"A: 1\r\nB: 2\r\n\r\nbody\r\n\r\n") == b"A: 1\r\nB: 2"
    assert header_block(b"A: 1\n\nbody") == b"A: 1"
