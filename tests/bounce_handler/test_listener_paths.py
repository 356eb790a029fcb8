"""Paths of MAIL and RCPT commands."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bounce_handler.paths import NULL, read, written
from bounce_handler.tracing import with_return_path


@pytest.mark.parametrize(
    ("argument", "path"),
    [
        ("<>", ("<>", "")),
        (" <> BODY=8BITMIME SIZE=5", ("<>", "BODY=8BITMIME SIZE=5")),
        ("<a@example.jp>", ("a@example.jp", "")),
        ("<postmaster>", ("postmaster", "")),
        ("a@example.jp", ("a@example.jp", "")),
        ("a@example.jp SIZE=5", ("a@example.jp", "SIZE=5")),
        ("<@relay.example,@b.example:a@example.jp>", ("a@example.jp", "")),
        ('<"a b"@example.jp>', ("a b@example.jp", "")),
        ('<"a\\"@x>"@example.jp> X=1', ('a"@x>@example.jp', "X=1")),
        ("<a..b.@docomo.ne.jp>", ("a..b.@docomo.ne.jp", "")),
        ("<窓口@例え.jp>", ("窓口@例え.jp", "")),
    ],
)
def test_paths_are_read(argument: str, path: tuple[str, str]) -> None:
    assert read(argument) == path


@pytest.mark.parametrize("argument", ["", "<", ">", "<a@b", "<a b@c>", "<a@b>c", "<a><b>", '<"a@b>', "<a@b\n>"])
def test_what_is_no_path_is_not_guessed_at(argument: str) -> None:
    assert read(argument) is None


@given(st.from_regex(r"[A-Za-z0-9.+=_-]{1,64}@[a-z0-9.-]{1,100}", fullmatch=True))
def test_an_address_comes_out_as_it_went_in(address: str) -> None:
    assert read(f"<{address}>") == (address, "")


@given(st.text())
def test_no_text_is_too_much(text: str) -> None:
    assert read(text) is None or len(read(text) or ()) == 2


@given(st.text(min_size=1) | st.from_regex(r'[a-z"<>\\@. :;]{1,20}', fullmatch=True))
@example('a"@x>@example.jp')
@example("<>@")
@example("\ud800@x")
def test_a_written_path_is_read_again(address: str) -> None:
    path = written(address)
    path.encode()
    assert path.isprintable()
    found = read(path)
    assert found is not None
    if address.isprintable() and not set(address.rpartition("@")[2]) & set(' <>"') and address.find("@") > 0:
        assert found == (address, "")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("<>", "<>"),
        ("postmaster", "<postmaster>"),
        ("a..b.@docomo.ne.jp", "<a..b.@docomo.ne.jp>"),
        ("a b@example.jp", '<"a b"@example.jp>'),
        ("窓口@例え.jp", "<窓口@例え.jp>"),
    ],
)
def test_paths_are_written_plainly(address: str, path: str) -> None:
    assert written(address) == path


@pytest.mark.parametrize("piece", ["(", '"', '\\"', "<", '"a"', "@a,", " "])
def test_hostile_paths_take_no_time(piece: str) -> None:
    began = time.perf_counter()
    for opening in ("", "<", '<"', "<@"):
        read(opening + piece * 100_000)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    "head", [b"return-path:" + b"\n " * 5_000_000, b"A: " + b"x" * 10_000_000, b"A: 1\n" * 2_000_000]
)
def test_hostile_heads_take_no_time(head: bytes) -> None:
    began = time.perf_counter()
    assert with_return_path(head, NULL).startswith(b"Return-Path: <>\r\n")
    assert time.perf_counter() - began < 2
