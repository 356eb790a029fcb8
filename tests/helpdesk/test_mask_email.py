"""Addresses that any reader may see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.masking import mask_email


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("soumu@example.jp", "s***@example.jp"),
        ("a..b.@docomo.ne.jp", "a***@docomo.ne.jp"),
        ('"a@b"@example.jp', '"***@example.jp'),
        ("somu@xn--r8jz45g.jp", "s***@xn--r8jz45g.jp"),
        ("somu@[192.0.2.1]", "s***@[192.0.2.1]"),
        (" soumu@example.jp\n", "s***@example.jp"),
        ("s@example.jp", "***@example.jp"),  # its first letter is all of it
        ("@example.jp", "***@example.jp"),
        ("soumu", "***"),
        ("soumu@", "***"),
        ("", "***"),
        ("soumu@example.jp>, <x", "***"),
        ("soumu@example.jp\r\nBcc: x", "***"),
        ("\x00soumu@example.jp", "***@example.jp"),
    ],
)
def test_what_is_shown(address, masked):
    assert mask_email(address) == masked


@given(st.text())
def test_any_string_becomes_one_line(text):
    masked = mask_email(text)
    assert "***" in masked
    assert len(masked.splitlines()) == 1


@given(
    local=st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789.+_-", min_size=2, max_size=64),
    domain=st.from_regex(r"[A-Z]{1,20}\.(JP|COM)", fullmatch=True),
)
def test_the_local_part_is_never_shown(local, domain):
    masked = mask_email(f"{local}@{domain}")
    assert masked == f"{local[0]}***@{domain}"
