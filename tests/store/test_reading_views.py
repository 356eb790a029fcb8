"""Foreign servers' words, as those may read them who must not see whole addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.reading_views import shown_text

_ATOM = st.text("abcdefghijklmnopqrstuvwxyz0123456789!#$%&*+/=?^_`{|}~.-", min_size=2, max_size=20)
_AROUND = st.sampled_from(
    ["", " ", "<", ">", "(", ")", ":", "; ", ", ", '"', "'", "rcpt to:<", ">... user unknown", "\n"]
)


@given(before=_AROUND, local=_ATOM, at=st.sampled_from(["@", "＠", "%40"]), after=_AROUND)
def test_no_address_is_left_whole(before: str, local: str, at: str, after: str) -> None:
    shown = shown_text(f"550 5.1.1 {before}{local}{at}example.jp{after}", whole=False)
    assert shown is not None
    assert f"{local}@" not in shown
    assert f"{local}{at}" not in shown
    assert "***@example.jp" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, None),
        ("", ""),
        ("550 no such user", "550 no such user"),
        ('550 "taro yamada"@example.jp unknown', '550 "***@example.jp unknown'),
        ("a@b.jp c.d@e.jp", "***@b.jp c***@e.jp"),
    ],
)
def test_the_rest_stays_as_it_is(text: str | None, shown: str | None) -> None:
    assert shown_text(text, whole=False) == shown
    assert shown_text(text, whole=True) == text
