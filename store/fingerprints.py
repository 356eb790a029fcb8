"""What makes two kept mails the same report, whichever way each of them came."""

from __future__ import annotations

import hashlib
import re

_IDENTITY = (b"from", b"date", b"message-id", b"subject", b"content-type")
"""Fields that the author of a report writes; hosts on the way add and change others (RFC 5321 section 4.4)."""

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:((?:.*(?:\n[ \t].*)*))", re.MULTILINE)


def fingerprint(raw: bytes) -> bytes:
    """SHA-256 of a mail's body and identifying fields: trace fields and the style of line ends do not count."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    digest = hashlib.sha256()
    for name, value in sorted(_fields(head)):
        digest.update(name + b":" + b" ".join(value.split()) + b"\n")
    digest.update(b"\n" + body.rstrip())
    return digest.digest()


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    found = ((match[1].lower(), match[2]) for match in _FIELD.finditer(head))
    return [(name, value) for name, value in found if name in _IDENTITY]
