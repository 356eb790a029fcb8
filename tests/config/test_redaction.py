from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from config.redaction import redact, redact_event

LONG_NAME = "test_a_name_of_more_than_forty_characters_is_no_token"
TOKEN = "Zm9vYmFyMTIzZm9vYmFyMTIzZm9vYmFyMTIzZm9vYmFy"


def redacted(**values: object) -> dict[str, object]:
    return redact_event(None, "info", values)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("to soumu@example.jp: 550", "to s***@example.jp: 550"),
        ("RCPT TO:<soumu@example.jp>", "RCPT TO:<s***@example.jp>"),
        ('"so..umu"@docomo.ne.jp', '"***@docomo.ne.jp'),
        ("bounce+soumu=example.jp@relay.example", "b***@relay.example"),
        ("a..b.@ezweb.ne.jp", "a***@ezweb.ne.jp"),
        ("soumu＠example.jp", "s***@example.jp"),
        ("mailto:soumu%40example.jp", "mailto:s***@example.jp"),
        ("https://www.g-mis.mhlw.go.jp/s/abc?t=1 を開く", "https://www.g-mis.mhlw.go.jp/*** を開く"),
        ("https://h?t=1", "https://h/***"),
        ("https://h", "https://h"),
        ("postgresql+psycopg://user:p@ss@db:5432/todoke", "postgresql+psycopg://db:5432/***"),
        (f"Bearer {TOKEN}", "Bearer ***"),
        (f"{TOKEN[:43]}=", "***"),
        ("019ab3c4-1111-7a4a-9999-abcdefabcdef", "019ab3c4-1111-7a4a-9999-abcdefabcdef"),
        (
            "test_a_name_of_more_than_forty_characters_is_no_token",
            "test_a_name_of_more_than_forty_characters_is_no_token",
        ),
        ("550 5.1.1 no such user", "550 5.1.1 no such user"),
        ("\x1b[31mred\r", "\\x1b[31mred\\r"),
    ],
)
def test_what_is_left_of_a_text(text: str, seen: str) -> None:
    assert redact(text) == seen


@pytest.mark.parametrize("name", ["password", "TOKEN", "setup_url", "Authorization", "secret"])
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert redacted(**{name: "123456"}) == {name: "***"}
    assert redacted(data={name: ["123456"]}) == {"data": {name: "***"}}


def test_values_of_every_shape_are_searched() -> None:
    found = redacted(
        count=3,
        share=0.5,
        done=True,
        nothing=None,
        many=("a1@example.jp", ["b1@example.jp"]),
        error=ValueError("c1@example.jp"),
        key=SecretStr("hunter2"),
        inner={"d1@example.jp": {"e1@example.jp"}},
    )
    assert found == {
        "count": 3,
        "share": 0.5,
        "done": True,
        "nothing": None,
        "many": ["a***@example.jp", ["b***@example.jp"]],
        "error": "c***@example.jp",
        "key": "**********",
        "inner": {"d***@example.jp": ["e***@example.jp"]},
    }


def test_nobody_can_write_a_line_of_his_own() -> None:
    assert redacted(event="a\nb", exception="a\nb\x1b") == {"event": "a\\nb", "exception": "a\nb\\x1b"}


locals_of_addresses = st.text("abcdefghijklmnopqrstuvwxyz0123456789.+-_!#$%&/=?^`{|}~", min_size=2, max_size=64)


@given(st.text(max_size=20), locals_of_addresses, st.text(max_size=20))
@example("", "a=b", "")
def test_no_address_survives(before: str, local: str, after: str) -> None:
    found = redact(f"{before} {local}@example.jp {after}")
    assert f"{local}@example.jp" not in found
    assert "@example.jp" in found


@given(st.text())
@example("\r@0")
def test_any_text_becomes_one_that_is_redacted_and_printable(text: str) -> None:
    found = redact(text)
    assert redact(found) == found
    assert all(char.isprintable() or char in "\t\n" or not char.isascii() for char in found)


@pytest.mark.parametrize(
    "text", ["@" + "a" * 200_000, "a" * 200_000 + "://", '"@' * 100_000, "@a=" * 70_000, "%40" * 70_000]
)
def test_hostile_text_takes_no_time(text: str) -> None:
    started = perf_counter()
    redact(text)
    assert perf_counter() - started < 5
