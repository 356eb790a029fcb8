"""DKIM signatures (RFC 6376), for relays that do not sign themselves."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError

_LEAST_BITS = 1024
"""RFC 8301 section 3.2."""

_SIGNED = (
    b"from",
    b"from",  # twice, so that nobody can add another one (RFC 6376 section 8.15)
    b"reply-to",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"content-language",
    b"auto-submitted",
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Whose signature it is, and where its public key stands: `selector`._domainkey.`domain`."""

    domain: str
    selector: str
    pem: bytes


def read_signing_key(domain: str, selector: str, path: Path) -> SigningKey:
    """The key of a PEM file. Raises ConfigurationError that says what is wrong with it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigurationError(f"TODOKE_DKIM_KEY_FILE: cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("TODOKE_DKIM_KEY_FILE: holds no private key in PEM without a password") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < _LEAST_BITS:
        raise ConfigurationError(f"TODOKE_DKIM_KEY_FILE: must hold an RSA key of {_LEAST_BITS} bits or more")
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return SigningKey(domain, selector, pem)


class Signer:
    """Signs mails, relaxed in header and body. In a thread: a signature costs as much as a dozen mails."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dkim")

    async def signed(self, mail: bytes) -> bytes:
        """The mail with its signature before it; the mail's own octets are untouched."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.sign, mail)

    def sign(self, mail: bytes) -> bytes:
        """As `signed`, here and now."""
        import dkim

        signature: bytes = dkim.sign(
            mail,
            self._key.selector.encode(),
            self._key.domain.encode(),
            self._key.pem,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=list(_SIGNED),
        )
        return signature + mail
