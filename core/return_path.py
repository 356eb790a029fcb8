"""Signed per-message return paths and Message-IDs: how a report finds its message, and a forged one does not.

The local part is `r-<message id>-<mac>`, both in lower-case base32, so that a relay that changes case or
refuses `+` and `=` does no harm (RFC 5321 section 2.4 leaves case to the receiving host).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Sequence
from functools import lru_cache

_MAC_BYTES = 15
_PAIRS = [
    first + second for first in "abcdefghijklmnopqrstuvwxyz234567" for second in "abcdefghijklmnopqrstuvwxyz234567"
]
_ID_DIGITS, _MAC_DIGITS = range(120, -1, -10), range(110, -1, -10)
"""How far right each pair of digits stands in 128 bits, to which two were added, and in 120."""
_FORM = re.compile(r"r-[a-z2-7]{26}-[a-z2-7]{24}", re.ASCII)


class ReturnPaths:
    """Signs with the newest key, verifies with all of them (key rotation)."""

    def __init__(self, domain: str, message_id_domain: str, keys: Sequence[bytes]) -> None:
        self.domain = domain.lower()
        self._message_id_domain = message_id_domain.lower()
        self._verified = lru_cache(maxsize=1000)(self._verify)
        self._keys = tuple(hashlib.sha256(b"todoke return path\0" + key).digest() for key in keys)

    def address(self, message_id: str) -> str:
        """The envelope sender of this message."""
        packed = _pack(message_id)
        return f"r-{packed}-{self._mac(self._keys[0], packed)}@{self.domain}"

    def message_id_header(self, message_id: str) -> str:
        """The Message-ID for this message, with angle brackets; unguessable from its id (RFC 5322 section 3.6.4)."""
        packed = _pack(message_id)
        mac = self._mac(self._keys[0], "header:" + packed)
        return f"<{packed}.{mac}@{self._message_id_domain}>"

    @staticmethod
    def named_in(header: str) -> str | None:
        """The id of the message that a Message-ID would be, which whoever asks compares with that message's own."""
        return _unpack(header.strip("<>").partition(".")[0])

    def is_form(self, local_part: str) -> bool:
        """Whether a local part has the form of a return path, verified or not."""
        return _FORM.fullmatch(local_part.lower()) is not None

    def verify(self, local_part: str) -> str | None:
        """The message id a return path was signed for, or None for an unknown or forged one."""
        local_part = local_part.lower()
        return self._verified(local_part) if self.is_form(local_part) else None

    def _verify(self, local_part: str) -> str | None:
        _, packed, mac = local_part.split("-")
        known = any(hmac.compare_digest(self._mac(key, packed), mac) for key in self._keys)
        return _unpack(packed) if known else None

    @staticmethod
    def _mac(key: bytes, text: str) -> str:
        # Keyed BLAKE2b (RFC 7693): as good as HMAC, at a fifth of its cost.
        digest = hashlib.blake2b(text.encode(), digest_size=_MAC_BYTES, key=key).digest()
        return _base32(int.from_bytes(digest), _MAC_DIGITS)


def _base32(bits: int, digits: Sequence[int]) -> str:
    """RFC 4648 section 6 in lower case, without padding: base64.b32encode takes several times as long."""
    return "".join([_PAIRS[bits >> shift & 1023] for shift in digits])


def _pack(message_id: str) -> str:
    return _base32(int(message_id.replace("-", ""), 16) << 2, _ID_DIGITS)


def _unpack(packed: str) -> str | None:
    try:
        return str(uuid.UUID(bytes=base64.b32decode(packed.upper() + "======")))
    except ValueError:
        return None
