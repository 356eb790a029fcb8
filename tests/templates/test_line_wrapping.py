"""Kinsoku: lines end where Japanese typesetting allows, and nothing but line feeds is added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates.wrapping import columns, wrap

NEVER_FIRST = "、。」』）】ー々っッャ！？・～"
NEVER_LAST = "「『（【"
PROSE = st.text(st.sampled_from("報告機関のかなカナ漢字、。「」（）ーっ髙﨑①abcXYZ019-/. 　"), max_size=300)
WIDTHS = st.integers(10, 80)


@given(PROSE, WIDTHS)
def test_only_line_feeds_are_added(text, width):
    assert wrap(text, width).replace("\n", "") == text


@given(st.text(), WIDTHS)
def test_any_text_at_all_is_kept(text, width):
    assert wrap(text, width).replace("\n", "") == text.replace("\n", "")


@given(PROSE, WIDTHS)
def test_no_line_begins_or_ends_with_what_may_not(text, width):
    lines = wrap(text, width).split("\n")
    assert not [line for line in lines[1:] if line[0] in NEVER_FIRST]
    assert not [line for line in lines[:-1] if line[-1] in NEVER_LAST]


@given(PROSE, WIDTHS)
def test_wrapped_text_is_not_wrapped_again(text, width):
    once = wrap(text, width)
    assert wrap(once, width) == once


@given(st.text(st.sampled_from("漢字かな交じり文"), max_size=200), st.integers(5, 40))
def test_plain_prose_fills_its_lines(text, half):
    lines = wrap(text, 2 * half).split("\n")
    assert all(len(line) == half for line in lines[:-1])


@given(st.integers(30, 2000), st.text(st.sampled_from("報告する、。「」"), max_size=60))
def test_a_url_is_never_broken(length, prose):
    url = "https://www.g-mis.mhlw.go.jp/".ljust(length, "a")
    assert url in wrap(f"{prose}{url}{prose}")


def test_a_date_is_never_broken():
    text = "あ" * 30 + "令和9年3月31日（水）までに"
    assert wrap(text) == "あ" * 30 + "\n令和9年3月31日（水）までに"


def test_existing_line_breaks_stay():
    assert wrap("一行目\n\n  三行目") == "一行目\n\n  三行目"


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("報告", 4), ("ｱｲｳ", 3), ("髙﨑", 4), ("𠮷", 2), ("①", 2)])
def test_columns(text, width):
    assert columns(text) == width
