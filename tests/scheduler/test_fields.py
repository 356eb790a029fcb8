"""Text as people are to read it: something is seen of it, and it turns nothing round beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.fields import TURNING, Reader

UNSEEN = (
    " \t\u3000\u2003\u00ad\u034f\u061c\u115f\u1160\u180b\u200b\u200c\u200d\u200e"
    "\u2060\u2800\u3164\ufe0f\ufeff\uffa0\U000e0100"
)


def read(text: str, *, several: bool = False) -> tuple[str | None, list[str]]:
    """What is taken of a text, and what is wrong with it."""
    reader = Reader({"name": text})
    taken = reader.line("name", required=True, several=several)
    return taken, [error.code for error in reader.errors]


@given(st.text(UNSEEN, min_size=1, max_size=8), st.booleans())
def test_a_text_of_which_nothing_is_seen_is_empty(text: str, several: bool) -> None:
    assert read(text, several=several) == (None, ["empty"])


def test_one_that_need_not_be_there_is_absent_then() -> None:
    reader = Reader({"name": "\u200b"})
    assert (reader.line("name", required=False), reader.errors) == (None, [])
    assert (reader.name("name", required=False), [error.code for error in reader.errors]) == (None, ["empty"])


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("char", TURNING)
def test_no_text_turns_round_what_stands_beside_it(char: str, several: bool) -> None:
    assert read(f"周南{char}病院", several=several) == (None, ["control-character"])


@pytest.mark.parametrize(
    "name",
    [
        "渡\U000e0100辺",
        "祇\ufe00園",
        "\u0915\u094d\u200d\u0937",
        "周南\u200b病院",
        "\u200eみなと",
        "\ue000",
        "\u0301",
    ],
)
def test_what_joins_letters_or_chooses_a_variant_is_part_of_a_name(name: str) -> None:
    assert read(name) == (name, [])
