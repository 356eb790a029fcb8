"""Links and codes that servers quote are hidden however they write them; their own words stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.quoting import secrets_in, without_pages, without_secrets

LINK = "https://www.g-mis.mhlw.go.jp/s/Ab3dE-f6hIjKl9"
HOSTS = ("www.g-mis.mhlw.go.jp", "www.med-login.mhlw.go.jp")


def test_the_secrets_among_the_data() -> None:
    data = {"login_id": "h1", "setup_url": LINK, "code": "123456", "reset_url": ""}
    assert secrets_in(data) == ["123456", LINK]
    assert secrets_in({"login_id": "h1", "reason": LINK}) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"550 5.7.1 spam: {LINK}", "550 5.7.1 spam: [...]"),
        (f"5.7.1 <{LINK}>, sorry", "5.7.1 <[...]>, sorry"),
        ("hxxps://www.g-mis[.]mhlw[.]go[.]jp/s/Ab3dE-f6hIjKl9 is listed", "[...] is listed"),
        ("URL www.g-mis.mhlw.go.jp/s/AB3DE-F6HIJKL9", "URL [...]"),
        ("blocked (token=Ab3dE-f6hIjKl9)", "blocked [...]"),
        ("https%3A%2F%2Fwww.g-mis.mhlw.go.jp%2Fs%2FAb3dE%2Df6hIjKl9", "[...]"),
        ("https://www.g-mis.mhlw.go.jp/s/Ab3dE-f6hI jKl9", "[...] jKl9"),
        (f"本文のリンク{LINK}を確認", "本文のリンク[...]を確認"),
        ("550 5.1.1 <soumu@example.jp>: User unknown", "550 5.1.1 <soumu@example.jp>: User unknown"),
        ("see https://www.g-mis.mhlw.go.jp/", "see https://www.g-mis.mhlw.go.jp/"),
    ],
)
def test_a_link_is_hidden_with_the_word_that_quotes_it(said: str, told: str) -> None:
    assert without_secrets(said, [LINK]) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("550 code 482913 refused", "550 code [...] refused"),
        ("550 '482-913'", "550 '[...]'"),
        ("550 482 913.", "550 [...]."),
        ("250 queued as 14829135", "250 queued as 14829135"),
        ("250 queued as A482913", "250 queued as A482913"),
    ],
)
def test_a_code_is_hidden_where_it_stands_alone(said: str, told: str) -> None:
    assert without_secrets(said, ["482913"]) == told


def test_what_is_too_short_to_be_known_hides_nothing_else() -> None:
    said = "550 5.7.1 x 1 https://www.g-mis.mhlw.go.jp/x"
    assert without_secrets(said, ["1", "https://www.g-mis.mhlw.go.jp/x"]) == "550 5.7.1 x 1 [...]"


@given(st.text(), st.text())
def test_whatever_stands_around_it(before: str, after: str) -> None:
    assert "Ab3dE-f6" not in without_secrets(f"{before}{LINK}{after}", [LINK])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"5.7.1 spam: {LINK}>", "5.7.1 spam: https://www.g-mis.mhlw.go.jp/[...]>"),
        (
            "hxxps://www[.]med-login[.]mhlw[.]go[.]jp:443/r?t=1 x",
            "hxxps://www[.]med-login[.]mhlw[.]go[.]jp:443/[...] x",
        ),
        ("https%3A%2F%2FWWW.G-MIS.MHLW.GO.JP%2Fs%2Fx", "https%3A%2F%2FWWW.G-MIS.MHLW.GO.JP%2F[...]"),
        (
            "https://www.g-mis.mhlw.go.jp/ https://example.jp/s/x",
            "https://www.g-mis.mhlw.go.jp/ https://example.jp/s/x",
        ),
    ],
)
def test_pages_on_our_hosts_are_cut_to_the_host(said: str, told: str) -> None:
    assert without_pages(said, HOSTS) == told


def test_without_hosts_no_page_is_ours() -> None:
    assert without_pages(LINK, ()) == LINK
