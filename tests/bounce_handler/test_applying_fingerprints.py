"""The same report is known again whichever way it came, and another one is not taken for it."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bounce_handler.tracing import with_return_path
from store.fingerprints import fingerprint

REPORT = b"Received: by a\r\nFrom: MAILER-DAEMON@a\r\nSubject: no\r\nMessage-ID: <1@a>\r\n\r\nbody\r\nof it\r\n"


@pytest.mark.parametrize(
    "copy",
    [
        REPORT.replace(b"\r\n", b"\n"),
        b"Received: by b;\r\n\tfor <x>\r\n" + REPORT,
        b"Return-Path: <>\r\nDelivered-To: y@b\r\nX-Spam: no\r\n" + REPORT,
        REPORT.replace(b"From: MAILER", b"from:\r\n MAILER"),
        REPORT + b"\r\n\r\n",
    ],
)
def test_the_way_it_came_does_not_count(copy: bytes) -> None:
    assert fingerprint(copy) == fingerprint(REPORT)


@pytest.mark.parametrize(
    "other",
    [
        REPORT.replace(b"<1@a>", b"<2@a>"),
        REPORT.replace(b"body", b"bodY"),
        REPORT.replace(b"Subject: no", b"Subject: yes"),
        REPORT.replace(b"\r\nof it", b" of it"),
        REPORT.partition(b"\r\n\r\n")[0],
        b"",
    ],
)
def test_what_its_author_wrote_does(other: bytes) -> None:
    assert fingerprint(other) != fingerprint(REPORT)


FIELDS = st.sampled_from(
    [b"Return-Path: <a@b>", b"return-path :", b" folded", b"From: a", b"Subject: b", b"", b"body", b"\r"]
)
MAILS = st.lists(FIELDS, max_size=8).flatmap(
    lambda lines: st.sampled_from([b"\n", b"\r\n"]).map(lambda end: end.join(lines))
)


@given(MAILS | st.binary(), st.sampled_from(["<>", "a@b.example", 'x"y@z']))
@example(b"", "<>")
@example(b"\r\nbody", "<>")
@example(b"A: 1\r\nReturn-Path: <x>\r\n\r\nbody", "<>")
@example(b"Return-Path: <x>\n\n\nbody", "<>")
@example(b"Return-Path:" + b"x" * 99_988 + b"From: a\n\nbody", "<>")
def test_the_reverse_path_that_the_listener_adds_does_not_count(raw: bytes, reverse_path: str) -> None:
    kept = with_return_path(raw, reverse_path)
    assert fingerprint(kept) == fingerprint(raw)
    assert len(raw) > 99_000 or with_return_path(kept, reverse_path) == kept


@given(st.binary())
def test_any_octets_have_one(octets: bytes) -> None:
    assert len(fingerprint(octets)) == 32


@pytest.mark.parametrize("piece", [b"\n ", b"From:\n", b"a", b":\n\t", b"\r"])
def test_its_time_does_not_grow_with_the_square_of_a_mail(piece: bytes) -> None:
    """Which for such mails would be hours; how fast a machine is says little then."""
    began = time.process_time()
    fingerprint(b"From:" + piece * 500_000)
    assert time.process_time() - began < 60
