"""A mailbox is known in each spelling of it, and another one is not taken for it."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from core.spellings import decoded, spelled, spelling_key

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True) | st.sampled_from(["病院", "みなと"])
DOMAINS = st.lists(LABELS, min_size=2, max_size=3).map(".".join)
CHARACTERS = st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"], exclude_characters='"\\@')
ATOMS = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}", fullmatch=True)
LOCAL_PARTS = ATOMS | st.text(CHARACTERS, min_size=1, max_size=12).filter(lambda text: text == text.strip())


def known(ours: str, written: str) -> bool:
    return spelled(ours, [written], str) == [written]


def quoted(local_part: str, pairs: frozenset[int]) -> str:
    told = (f"\\{char}" if place in pairs or char in '"\\' else char for place, char in enumerate(local_part))
    return f'"{"".join(told)}"'


def xtext(text: str) -> str:
    """RFC 3461 section 4."""
    octets = (chr(octet) if 33 <= octet <= 126 and octet not in b"+=" else f"+{octet:02X}" for octet in text.encode())
    return "".join(octets)


def addr_xtext(text: str) -> str:
    """RFC 6533 section 3."""
    return "".join(char if "!" <= char <= "~" and char not in "\\+=" else f"\\x{{{ord(char):02X}}}" for char in text)


def a_labels(domain: str) -> str:
    return domain.encode("idna").decode()


@given(local_part=LOCAL_PARTS, domain=DOMAINS, pairs=st.frozensets(st.integers(0, 19)))
@example("a..b", "docomo.ne.jp", frozenset())
@example("a.", "docomo.ne.jp", frozenset({0, 1}))
def test_every_spelling_is_known(local_part: str, domain: str, pairs: frozenset[int]) -> None:
    ours = f"{local_part}@{domain}"
    spellings = [
        f"{quoted(local_part, pairs)}@{domain}",
        ours.replace(domain, domain.upper()),
        f"{local_part}@{a_labels(domain)}",
        f"{local_part}@{a_labels(domain).upper()}.",
        f"{local_part}@{domain.replace('.', '。')}",
        xtext(ours),
        addr_xtext(ours),
        xtext(f"{quoted(local_part, pairs)}@{domain}"),
    ]
    for written in spellings:
        assert known(ours, written), written
    ascii_ours = f"{local_part}@{a_labels(domain)}"
    assert all(known(ascii_ours, written) for written in spellings)


@given(one=LOCAL_PARTS, other=LOCAL_PARTS, domain=DOMAINS)
def test_another_mailbox_is_another(one: str, other: str, domain: str) -> None:
    assume(spelling_key(f"{one}@x") != spelling_key(f"{other}@x") and "+" not in one + other)
    assert not known(f"{one}@{domain}", f"{quoted(other, frozenset())}@{domain}")
    assert not known(f"{one}@{domain}", f"{one}@other.{domain}")
    assert not known(f"{one}@{domain}", xtext(f"{other}@{domain}"))


@pytest.mark.parametrize(
    ("ours", "written"),
    [
        ("soumua@example.jp", "soumu+41@example.jp"),  # what needs no code is not decoded
        ("taro-1@example.jp", "taro+2D1@example.jp"),
        ("soumu+g@example.jp", "soumu+2bg@example.jp"),  # xtext is in upper case
        ("soumu+g@example.jp", "+soumu+2Bg@example.jp"),  # not xtext as a whole
        ("soumu@example.jp", "soumu+tag@example.jp"),
        ("ab@example.jp", 'a"b"@example.com'),
        ("a@b", "a"),
    ],
)
def test_an_address_that_only_looks_so_is_another(ours: str, written: str) -> None:
    assert not known(ours, written)


def test_an_address_as_it_is_written_goes_before_its_decoded_form() -> None:
    both = ["soumu+2Bg@example.jp", "soumu+g@example.jp"]
    assert spelled("soumu+g@example.jp", both, str) == ["soumu+g@example.jp"]
    assert spelled("soumu+2bg@example.jp", both, str) == ["soumu+2Bg@example.jp"]
    assert spelled("soumu+g@example.jp", both[:1], str) == both[:1]


@given(st.text(max_size=60) | st.from_regex(re.compile(r"[a\"\\+2B@.x{}n-]{0,40}"), fullmatch=True))
@example("a@xn--\x80.jp")
@example("a@xn--99999999999.jp")
@example(r"\x{110000}@x")
@example("+FF@x")
def test_any_text_has_a_spelling(text: str) -> None:
    assert spelling_key(decoded(text)) is not None
    assert known(text, text)
