"""Keys that rotate: what an older key made stays readable, and comparable, as long as it is configured."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.secret_keys import generate_key
from store.cipher import Cipher, KeyMissing, SecretUnreadable

OLD, NEW, OTHER = generate_key(), generate_key(), generate_key()
BODY = b'{"job_id":"1"}'


def unmarked(key: str, body: bytes) -> bytes:
    """A digest as they were stored before they bore the mark of their key."""
    return hmac.digest(hmac.digest(key.encode(), b"todoke job digest", "sha256"), body, "sha256")


@given(st.binary(), st.binary())
def test_a_digest_is_of_its_body_alone(body: bytes, other: bytes) -> None:
    cipher = Cipher([NEW, OLD])
    assert cipher.digest_matches(body, cipher.digest(body))
    assert cipher.digest_matches(other, cipher.digest(body)) == (other == body)


def test_a_digest_stays_comparable_while_its_key_is_configured() -> None:
    digest = Cipher([OLD]).digest(BODY)
    rotated = Cipher([NEW, OLD])
    assert rotated.digest_matches(BODY, digest)
    assert not rotated.digest_matches(BODY + b" ", digest)
    assert rotated.digest(BODY) == Cipher([NEW]).digest(BODY) != digest


@pytest.mark.parametrize("body", [BODY, BODY + b" "])
def test_without_its_key_nothing_is_said_of_a_digest(body: bytes) -> None:
    with pytest.raises(KeyMissing):
        Cipher([NEW, OTHER]).digest_matches(body, Cipher([OLD]).digest(BODY))


def test_a_digest_without_a_mark_is_asked_of_every_key() -> None:
    assert Cipher([NEW, OLD]).digest_matches(BODY, unmarked(OLD, BODY))
    assert not Cipher([NEW, OLD]).digest_matches(BODY, unmarked(OLD, BODY + b" "))
    assert not Cipher([NEW]).digest_matches(BODY, unmarked(OLD, BODY))


def test_a_digest_does_not_tell_its_key() -> None:
    assert OLD.encode() not in Cipher([OLD]).digest(BODY)
    assert len(Cipher([OLD]).digest(BODY)) == 36


def test_the_key_of_a_secret_is_found() -> None:
    secret = Cipher([OLD]).encipher({"code": "123456"})
    assert secret is not None
    assert [Cipher(keys).key_of(secret) for keys in ([OLD], [NEW, OLD], [NEW])] == [0, 1, None]
    assert Cipher([NEW, OLD]).decipher(secret) == {"code": "123456"}
    with pytest.raises(SecretUnreadable):
        Cipher([NEW]).decipher(secret)
