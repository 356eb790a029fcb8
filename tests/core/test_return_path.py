"""Return paths: signed, found again whatever a relay does to their case, and not to be forged."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from core.return_path import ReturnPaths

OLD, NEW = b"old key", b"new key"
IDS = st.uuids().map(str)


def paths(*keys: bytes) -> ReturnPaths:
    return ReturnPaths("Bounces.Example.JP", "g-mis.net", keys)


@given(IDS)
def test_a_return_path_leads_back(message_id: str) -> None:
    address = paths(NEW).address(message_id)
    local, _, domain = address.partition("@")
    assert domain == "bounces.example.jp"
    assert len(local) <= 64  # RFC 5321 section 4.5.3.1.1
    assert paths(NEW).verify(local) == message_id
    assert paths(NEW).verify(local.upper()) == message_id


@given(IDS, st.integers(0, 52), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_changed_character_is_a_forgery(message_id: str, place: int, character: str) -> None:
    local = paths(NEW).address(message_id).partition("@")[0]
    place %= len(local)
    forged = local[:place] + character + local[place + 1 :]
    if forged != local:
        assert paths(NEW).verify(forged) is None


@given(IDS)
def test_old_keys_go_on_verifying(message_id: str) -> None:
    local = paths(OLD).address(message_id).partition("@")[0]
    assert paths(NEW, OLD).verify(local) == message_id
    assert paths(NEW).verify(local) is None


@given(st.text(max_size=80))
def test_anything_else_is_no_return_path(text: str) -> None:
    assert paths(NEW).verify(text) is None


@given(IDS)
def test_the_message_id_cannot_be_guessed_from_the_id(message_id: str) -> None:
    ours, other = paths(NEW), paths(OLD)
    assert ours.message_id_header(message_id) != other.message_id_header(message_id)
    assert ours.message_id_header(message_id) == ours.message_id_header(message_id)


def test_the_form_is_known_without_the_key() -> None:
    local = paths(NEW).address(str(uuid.UUID(int=5))).partition("@")[0]
    assert paths(OLD).is_form(local)
    assert not paths(OLD).is_form("postmaster")


def test_addresses_on_mails_of_long_ago_stay_ours() -> None:
    known = paths(b"a key of long ago")
    message_id = "01a30736-5d13-7004-b19b-90eae5787223"
    local = "r-agrqons5cnyajmm3sdvok6dsem-vm4xkps3savfyiwgaacqkd42"
    assert known.address(message_id) == f"{local}@bounces.example.jp"
    assert known.verify(local) == message_id
    header = known.message_id_header(message_id)
    assert header == "<agrqons5cnyajmm3sdvok6dsem.6q7hc7iso3rbw7vmpka3atbf@g-mis.net>"
    assert ReturnPaths.named_in(header) == message_id
