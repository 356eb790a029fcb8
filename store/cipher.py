"""Secrets at rest: Fernet with key rotation, newest key first."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Mapping, Sequence

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.errors import TodokeError

_MARK_OCTETS = 4
_DIGEST_OCTETS = 32


class SecretUnreadable(TodokeError):
    """A secret, or a mail, was enciphered with a key that is not among the configured ones."""


class KeyMissing(TodokeError):
    """A digest was made with a key that is not among the configured ones: nothing can be compared with it."""


class Cipher:
    """Enciphers a message's secret data and digests job bodies.

    A digest begins with the mark of its key; the first ones that were stored do not, and are asked of every key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernets = [Fernet(key) for key in keys]
        self._fernet = MultiFernet(self._fernets)
        digest_keys = [hmac.digest(key.encode(), b"todoke job digest", "sha256") for key in keys]
        self._digest_keys = {hmac.digest(key, b"mark", "sha256")[:_MARK_OCTETS]: key for key in digest_keys}

    def encipher(self, secret: Mapping[str, str]) -> str | None:
        """Ciphertext, or None where there is nothing secret."""
        if not secret:
            return None
        return self._fernet.encrypt(orjson.dumps(dict(secret))).decode()

    def decipher(self, text: str | None) -> dict[str, str]:
        """The secret data. Raises SecretUnreadable when no configured key fits."""
        if text is None:
            return {}
        try:
            data: dict[str, str] = orjson.loads(self._fernet.decrypt(text))
        except InvalidToken as error:
            raise SecretUnreadable("no key of TODOKE_SECRET_KEYS deciphers this message's secret") from error
        return data

    def seal(self, octets: bytes) -> bytes:
        """Octets enciphered: a third longer, in ASCII."""
        return self._fernet.encrypt(octets)

    def unseal(self, sealed: bytes) -> bytes:
        """The octets. Raises SecretUnreadable when no configured key fits."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise SecretUnreadable("no key of TODOKE_SECRET_KEYS deciphers this mail") from error

    def key_of(self, text: str | bytes) -> int | None:
        """Which key deciphers a secret or a mail: 0 is the newest. None where none does."""
        for number, fernet in enumerate(self._fernets):
            with contextlib.suppress(InvalidToken):
                fernet.decrypt(text)
                return number
        return None

    def digest(self, body: bytes) -> bytes:
        """The keyed digest of a canonical job body, with the newest key."""
        mark, key = next(iter(self._digest_keys.items()))
        return mark + hmac.digest(key, body, "sha256")

    def digest_matches(self, body: bytes, digest: bytes) -> bool:
        """Whether `digest` is of this body. Raises KeyMissing where its key is not configured any more."""
        mark, rest = digest[:-_DIGEST_OCTETS], digest[-_DIGEST_OCTETS:]
        if mark and mark not in self._digest_keys:
            raise KeyMissing("no key of TODOKE_SECRET_KEYS made this digest")
        keys = [self._digest_keys[mark]] if mark else self._digest_keys.values()
        return any(hmac.compare_digest(hmac.digest(key, body, "sha256"), rest) for key in keys)
