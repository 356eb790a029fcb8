"""A verifier of DKIM signatures, written from RFC 6376 alone: relaxed/relaxed, rsa-sha256."""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_B = re.compile(rb"(\bb\s*=)[^;]*")


def verify(mail: bytes, key: RSAPublicKey) -> dict[str, str]:
    """The signature's tags. Raises InvalidSignature, or AssertionError for a body that was changed."""
    head, _, body = mail.partition(b"\r\n\r\n")
    fields = [
        (name.strip().lower(), name, value)
        for name, _, value in (line.partition(b":") for line in re.split(rb"\r\n(?![ \t])", head))
    ]
    place = next(number for number, field in enumerate(fields) if field[0] == b"dkim-signature")
    raw = fields[place][2]
    tags = {
        name.strip().decode(): re.sub(rb"\s", b"", value).decode()
        for name, _, value in (tag.partition(b"=") for tag in raw.split(b";") if tag.strip())
    }
    assert (tags["v"], tags["a"], tags["c"]) == ("1", "rsa-sha256", "relaxed/relaxed")
    assert tags["bh"] == base64.b64encode(hashlib.sha256(_body(body)).digest()).decode(), "the body was changed"
    left = fields[:place] + fields[place + 1 :]
    signed = b""
    for wanted in tags["h"].lower().split(":"):
        found = [number for number, field in enumerate(left) if field[0] == wanted.encode()]
        if found:
            signed += _header(*left.pop(found[-1])[1:]) + b"\r\n"
    signed += _header(b"dkim-signature", _B.sub(rb"\1", raw))
    key.verify(base64.b64decode(tags["b"]), signed, padding.PKCS1v15(), hashes.SHA256())
    return tags


def _header(name: bytes, value: bytes) -> bytes:
    """Section 3.4.2."""
    unfolded = value.replace(b"\r\n", b"")
    return name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", unfolded).strip(b" \t")


def _body(body: bytes) -> bytes:
    """Section 3.4.4."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)
