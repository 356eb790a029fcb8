"""Mutated reports: none raises, each in bounded time, and what is given back is within its bounds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bounce_handler.parsing import parse
from bounce_handler.parsing.delivery_status import MAX_RECIPIENTS
from bounce_handler.parsing.encodedwords import decode_words
from bounce_handler.parsing.findings import MAX_DIAGNOSTIC
from bounce_handler.parsing.parser import read
from core.reports import ParsedReport, ReportType

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "data").glob("*.eml"))]
INJECTED = [
    b"Content-Type: multipart/mixed; boundary=x\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"Subject: =?iso-2022-jp?B?GyRC?= =?utf-8?B?44?=\n",
    b"charset=iso-2022-jp",
    b"charset=shift_jis",
    b"charset=zlib",
    b"\x1b$B",
    b"\x1b(I",
    b"\0\0\0",
    b"\r",
    b"\n\n",
    b"\n--=_x1\n",
    b"<" * 50,
    b"(" * 50,
    b"@" * 50,
    b"Final-Recipient: rfc822;\n",
    b'{"notificationType":"Bounce","bounce":[',
    b">>> RCPT To:<",
    b"550 5.1.1 ",
]
BUDGET_SECONDS_PER_100KB = 0.05


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A sample with bytes flipped, cut, doubled, moved, or fields and escapes put in."""
    mail = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(mail)))
        end = min(len(mail), start + draw(st.sampled_from([1, 3, 20, 200, 2000])))
        match draw(st.sampled_from(["flip", "cut", "truncate", "double", "inject", "splice"])):
            case "flip":
                mail[start:end] = bytes(byte ^ draw(st.integers(1, 255)) for byte in mail[start:end][:20])
            case "cut":
                del mail[start:end]
            case "truncate":
                del mail[start:]
            case "double":
                mail[start:start] = mail[start:end]
            case "inject":
                mail[start:start] = draw(st.sampled_from(INJECTED)) * draw(st.sampled_from([1, 2, 50]))
            case _:
                mail[start:end] = draw(st.sampled_from(SAMPLES))[start:end]
    return bytes(mail)


def assert_bounded(report: ParsedReport) -> None:
    assert len(report.recipients) <= MAX_RECIPIENTS
    for recipient in report.recipients:
        assert recipient.diagnostic is None or len(recipient.diagnostic) <= MAX_DIAGNOSTIC
        assert recipient.reason is not None
    assert report.original_message_id is None or len(report.original_message_id) <= 250


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutated())
def test_no_mutation_raises(mail: bytes) -> None:
    assert_bounded(read(mail))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_raise(mail: bytes) -> None:
    assert_bounded(read(mail))


HEAD = b"From: MAILER-DAEMON@x.example\nReturn-Path: <>\nSubject: failure notice\n"
REPORT = HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\ntext\n--b\n"
OPENING = b"\nunable to deliver your message to the following address\n"
NESTED = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(500))
HOSTILE = {
    "500 nested parts in 15 MB": HEAD + NESTED + b"\n" + (b"y" * 70 + b"\n") * 210_000,
    "100,000 header lines": HEAD + b"X-A: b\n" * 100_000 + b"\nbody",
    "a header folded 300,000 times": HEAD + b"X-A: b\n" + b" \n" * 300_000,
    "parentheses": HEAD + b"X: " + b"(" * 10_000 + b"\n\n" + b"(" * 500_000,
    "carriage returns": HEAD + b"\n" + b"\r" * 1_000_000,
    "one word": HEAD + b"\n" + b"a" * 1_000_000,
    "at signs": HEAD + OPENING + b"a@" * 300_000,
    "a Japanese opening": HEAD + b"\n" + "soumu@b.example に配信できませんでした。".encode() * 10_000,
    "Japanese openings": HEAD + b"\n" + "次の宛先に a@b.example 送信できませんでした\n".encode() * 8_000,
    "digits": HEAD + b"\n" + b"550" * 150_000,
    "the same recipient": HEAD + OPENING + b"<a@b.example>\n" * 50_000,
    "many recipients": HEAD + OPENING + b"".join(b"<a%d@b.example>:\n550 no\n" % n for n in range(30_000)),
    "bare names": HEAD + b"\nunable to deliver to the following\n" + b"   name\n" * 100_000,
    "quotation marks": HEAD + b"\n" + b"> \n" * 200_000,
    "arrows": HEAD + b"\n" + b">>> RCPT To:<a@b.example>\n<<< 550 no\n" * 15_000,
    "separators": HEAD + b"\n" + b"x original message " * 40_000,
    "spaces after a Message-ID": REPORT + b"Content-Type: message/rfc822\n\nMessage-ID:" + b" \n" * 300_000,
    "delimiters": REPORT + b"--b\n" * 200_000,
    "almost delimiters": REPORT + b"--bX\n" * 200_000,
    "recipients in a delivery status": REPORT
    + b"Content-Type: message/delivery-status\n\n"
    + b"".join(b"Final-Recipient: rfc822;a%d@b.example\nStatus: 5.1.1\n\n" % n for n in range(15_000)),
    "open angle brackets": HEAD + b"Content-Type: text/html\n\n" + b"<" * 500_000,
    "open tags": HEAD + b"Content-Type: text/html\n\n" + b"<style " * 100_000,
    "escapes": HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\n\n" + b"\x1b$B%a\x1b(B" * 60_000,
    "open brackets": HEAD + b'\n{"notificationType":' + b"[" * 500_000,
    "parameters": HEAD + b"Content-Type: multipart/mixed" + b'; a="b' * 100_000 + b"\n\n",
    "encoded words": b"From: " + b"=?utf-8?b?44Gn44GZ?= " * 20_000 + b"\n\n",
}


@pytest.mark.parametrize("mail", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_mail_costs_no_more_than_its_size(mail: bytes) -> None:
    decode_words("=?utf-8?b?44?=")  # imports the second decoder, which is no cost of the mail
    start = time.process_time()
    assert_bounded(read(mail))
    assert time.process_time() - start < BUDGET_SECONDS_PER_100KB * max(1.0, len(mail) / 100_000)


def test_the_listener_is_kept_from_whatever_else_goes_wrong(caplog: pytest.LogCaptureFixture) -> None:
    not_bytes = cast(bytes, memoryview(b"From: soumu@example.jp\n"))
    assert parse(not_bytes) == ParsedReport(ReportType.OTHER)
    assert "soumu" not in caplog.text
    assert "AttributeError" in caplog.text
