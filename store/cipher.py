"""Secrets at rest: Fernet with key rotation, newest key first."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.errors import TodokeError


class SecretUnreadable(TodokeError):
    """A secret was enciphered with a key that is not among the configured ones."""


class Cipher:
    """Enciphers a message's secret data and digests job bodies."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._digest_keys = [hmac.digest(key.encode(), b"todoke job digest", "sha256") for key in keys]

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

    def digest(self, body: bytes) -> bytes:
        """The keyed digest of a canonical job body, with the newest key."""
        return hmac.digest(self._digest_keys[0], body, "sha256")

    def digest_matches(self, body: bytes, digest: bytes) -> bool:
        """Whether `digest` is of this body under any configured key."""
        return any(hmac.compare_digest(hmac.digest(key, body, "sha256"), digest) for key in self._digest_keys)
