"""Bytes to text, encoded words, addresses, SMTP replies."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_handler.parsing import addresses, replies
from bounce_handler.parsing.charsets import decode
from bounce_handler.parsing.encodedwords import decode_words
from bounce_handler.parsing.findings import MAX_DIAGNOSTIC, fold

JAPANESE = "次のあて先へのメッセージはエラーのため送信できませんでした。"
VENDOR = "①㈱髙﨑のメール"


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("iso2022_jp", "iso-2022-jp"),
        ("iso2022_jp", "us-ascii"),
        ("iso2022_jp", ""),
        ("euc_jp", "iso-2022-jp"),
        ("euc_jp", "euc-jp"),
        ("euc_jp", ""),
        ("cp932", "Shift_JIS"),
        ("cp932", "windows-31j"),
        ("cp932", "x-sjis"),
        ("cp932", "unknown-8bit"),
        ("utf-8", "utf-8"),
        ("utf-8", "iso-2022-jp"),
        ("utf-8", "us-ascii"),
        ("utf-8", "no-such-charset"),
        ("utf-8", "hex"),
    ],
)
def test_japanese_is_read_whatever_the_label(codec: str, label: str) -> None:
    assert decode(JAPANESE.encode(codec), label) == JAPANESE


@pytest.mark.parametrize("label", ["shift_jis", "windows-31j", "Shift-JIS"])
def test_shift_jis_means_windows_31j(label: str) -> None:
    assert decode(VENDOR.encode("cp932"), label) == VENDOR


def test_jis_with_vendor_characters_and_half_width_kana() -> None:
    number_one = b"\x1b$B\x2d\x21\x1b(B"  # row 13, cell 1: Python's codecs do not know it
    assert decode(number_one + b"\x1b(I\x31\x32\x1b(B!", "iso-2022-jp") == "①ｱｲ!"


@pytest.mark.parametrize("codec", ["iso2022_jp", "iso2022_jp_1", "iso2022_jp_ext"])
def test_the_whole_of_jis_x_0208_agrees_with_the_codec(codec: str) -> None:
    rows = [bytes((0xA0 + row, 0xA0 + cell)) for row in (3, 4, 5, *range(16, 47)) for cell in range(1, 95)]
    text = b"".join(rows).decode("euc_jp", "ignore")
    assert decode(text.encode(codec), "iso-2022-jp") == text


def test_a_character_cut_in_the_middle_spoils_no_more_than_itself() -> None:
    assert decode(JAPANESE.encode("utf-8")[:-1], "utf-8").startswith(JAPANESE[:-1])


def test_western_text_is_not_taken_for_japanese() -> None:
    assert decode("Empfänger unbekannt, destinataire inconnu é".encode("latin-1"), "") == (
        "Empfänger unbekannt, destinataire inconnu é"
    )


@given(st.binary(max_size=300), st.text(max_size=20))
def test_decoding_never_raises(data: bytes, label: str) -> None:
    assert isinstance(decode(data, label), str)
    assert isinstance(decode(b"\x1b$B" + data, label), str)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?UTF-8?B?6YWN5L+h5LiN6IO9?=", "配信不能"),
        ("=?iso-2022-jp?B?GyRCR1s/LklURz0bKEI=?= 1", "配信不能 1"),
        ("=?utf-8?q?caf=C3=A9?= =?utf-8?q?_au_lait?=", "café au lait"),
        ("plain", "plain"),
    ],
)
def test_encoded_words(value: str, text: str) -> None:
    assert decode_words(value) == text


def test_words_cut_inside_a_character_are_read_by_the_second_decoder() -> None:
    pytest.importorskip("flanker")
    cut = "=?utf-8?B?6YWN5L8=?= =?utf-8?B?oeS4jeiDvQ==?="
    assert decode_words(cut) == "配信不能"


@settings(deadline=None)  # the first broken word imports flanker
@given(st.text(max_size=200))
def test_headers_never_raise(value: str) -> None:
    assert isinstance(decode_words(value), str)
    assert isinstance(decode_words(f"=?iso-2022-jp?B?{value}?="), str)


WITHOUT_FLANKER = """
import sys
sys.modules["flanker"] = None
from bounce_handler.parsing.encodedwords import decode_words
print(decode_words("=?utf-8?B?6YWN5L8=?= ok"))
"""
SOUND_MAIL = """
import sys
from bounce_handler.parsing import parse
parse(b"Subject: =?UTF-8?B?6YWN5L+h5LiN6IO9?=\\nFrom: MAILER-DAEMON\\n\\nx")
print("flanker" in sys.modules)
"""


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout.strip()


def test_without_flanker_the_standard_library_answers_alone() -> None:
    assert python(WITHOUT_FLANKER).endswith("ok")


def test_sound_mail_does_not_import_flanker() -> None:
    assert python(SOUND_MAIL) == "False"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("宛先：soumu@example.jpへの送信", ["soumu@example.jp"]),
        ("<soumu@example.jp>: 550", ["soumu@example.jp"]),
        ("to 'soumu@example.jp', and jimu@example.jp.", ["soumu@example.jp", "jimu@example.jp"]),
        ("abc..def@docomo.ne.jp a.@ezweb.ne.jp", ["abc..def@docomo.ne.jp", "a.@ezweb.ne.jp"]),
        ("SOUMU@example.jp soumu@EXAMPLE.jp", ["SOUMU@example.jp"]),
        ("nobody here, @ 10:00", []),
    ],
)
def test_addresses_in_running_text(text: str, found: list[str]) -> None:
    assert addresses.find(text) == found


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822; soumu@example.jp", "soumu@example.jp"),
        ("RFC822;<soumu@example.jp>", "soumu@example.jp"),
        ("rfc822; rfc822;soumu@example.jp", "soumu@example.jp"),
        ("rfc/822;soumu@example.jp", "soumu@example.jp"),
        ("utf-8; \\x{5229}\\x{7528}@example.jp", "利用@example.jp"),
        ("utf-8; \\x{D800}@example.jp", "\ufffd@example.jp"),
        ("X400; c=jp; a= ; p=ex", "X400; c=jp; a= ; p=ex"),
        ("", ""),
    ],
)
def test_typed_addresses(value: str, address: str) -> None:
    assert addresses.typed(value) == address


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("550 5.1.1 unknown", "5.1.1", 550),
        ("550-5.7.26 Unauthenticated\n550 5.7.26 mail", "5.7.26", 550),
        ("Remote host said: 550 no mailbox (#5.1.1)", "5.1.1", 550),
        ("421: try later", "", 421),
        ("host 192.0.2.55 said 5.0.0 then 5.2.2", "5.2.2", None),
        ("550 bytes in 450 seconds", "", None),
        ("Exim 4.5.1.2", "", None),
        ("5.2.2: 552", "5.2.2", 552),
        ("エラー5.1.1（550）", "5.1.1", 550),
        ("〒500-8384 岐阜市、〒 550 大阪", "", None),
        ("TEL 0555-550 内線 452番、550-1234", "", None),
        ("450 床、550 名、500円、452号室", "", None),
        ("R5.4.1 改定、令和5.4.1、Ver. 4.2.1", "", None),
        ("550 名前がありません", "", 550),
        ("550 件名が空です", "", 550),
        ("550 件数超過", "", 550),
        ("421 通信タイムアウト", "", 421),
        ("550 階層が不明です", "", 550),
        ("550 台帳にありません", "", 550),
        ("駐車場 500台、従業員 450人、開設 500年", "", None),
        ("受付 500 messages are queued", "", None),
        ("550 Messages from 203.0.113.10 are not accepted", "", 550),
        ("550 Mails from this host rejected", "", 550),
        ("550 Secondary MX refuses", "", 550),
        ("554 Minimum TLS version is 1.2", "", 554),
        ("552 Mbox full", "", 552),
        ("550 Byte limit exceeded", "", 550),
        ("550 Hourly limit", "", 550),
        ("550 Users mailbox is full", "", 550),
        ("550/5.1.1", "5.1.1", 550),
        ("550.", "", 550),
        ("(550)", "", 550),
        ("550=no mailbox", "", 550),
        ("【550】ユーザー不明", "", 550),
        ("550：ユーザー不明", "", 550),
        ("エラー550が返されました", "", 550),
        ("第550条、約450、2026/550/12、550.5、550%", "", None),
    ],
)
def test_codes_in_running_text(text: str, status: str, code: int | None) -> None:
    assert (replies.status(text), replies.smtp_code(text)) == (status, code)


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("(in reply to RCPT TO command)", "RCPT"),
        ("(in reply to end of DATA command)", "DATA"),
        ("(in reply to DATA command)", "DATA"),
        ("SMTP error from remote mail server after MAIL FROM:<a@b.example>", "MAIL"),
        ("192.0.2.1 does not like recipient.", "RCPT"),
        ("192.0.2.1 failed after I sent the message.", "DATA"),
        ("did not like our RCPT TO:", "RCPT"),
        ("after initial connection", "CONN"),
        ("User unknown", ""),
    ],
)
def test_the_stage_of_a_refusal(text: str, stage: str) -> None:
    assert replies.command(text) == stage


@given(st.text(max_size=3000))
def test_diagnostics_are_bounded_and_folded(text: str) -> None:
    folded = fold(text)
    assert len(folded) <= MAX_DIAGNOSTIC
    assert folded == " ".join(folded.split())
