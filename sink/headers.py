"""Header fields of a mail, straight from its bytes: fast, and never raises.

The listing needs three fields of every mail that arrives, so they are found without parsing the whole mail. Broken
Japanese headers are read as well as they can be: raw 8-bit text, wrong charset labels, ISO-2022-JP whose shift state
runs on from one encoded-word into the next (RFC 2047 forbids it, mailers do it).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sink.charsets import decode, guess

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*)$", re.DOTALL)
_LINE_END = re.compile(rb"\r?\n(?![ \t])")
_ENCODED_WORD = re.compile(rb"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a mail as soon as it arrives. `message_id` is with its angle brackets."""

    subject: str
    kind: str | None
    message_id: str | None


def header_block(raw: bytes) -> bytes:
    """The header of a mail, without the empty line that ends it."""
    if raw.startswith((b"\r\n", b"\n")):
        return b""
    end = _END_OF_HEADERS.search(raw)
    return raw[: end.start()] if end else raw


def facts_of(raw: bytes) -> Facts:
    """Subject, X-Todoke-Kind and Message-ID of a mail."""
    block = header_block(raw)
    kind = first_value(block, b"X-Todoke-Kind")
    message_id = re.search(rb"<[^<>\s]{1,900}>", first_value(block, b"Message-ID") or b"")
    return Facts(
        subject=decode_value(first_value(block, b"Subject") or b""),
        kind=decode_value(kind) or None if kind else None,
        message_id=message_id[0].decode("utf-8", "replace") if message_id else None,
    )


def first_value(block: bytes, name: bytes) -> bytes | None:
    """The unfolded value of the first field called `name`; None without one."""
    found = re.search(rb"(?im)^" + re.escape(name) + rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", block)
    return _FOLD.sub(b"", found[1]).strip() if found else None


def fields(raw: bytes) -> Iterator[tuple[str, str]]:
    """Every header field as (name, decoded value), in order. Lines that are no field are passed over."""
    for line in _LINE_END.split(header_block(raw)):
        match = _FIELD.match(line)
        if match:
            yield match[1].decode("ascii"), decode_value(_FOLD.sub(b"", match[2]).strip())


def headers_of(raw: bytes) -> dict[str, str]:
    """Decoded fields by name, in order of first appearance; the values of a repeated field stand on lines."""
    found: dict[str, list[str]] = {}
    spelling: dict[str, str] = {}
    for name, value in fields(raw):
        found.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return {name: "\n".join(values) for name, values in found.items()}


def decode_value(value: bytes) -> str:
    """A header value as one line of text: encoded-words decoded, control characters made spaces."""
    text = "".join(_pieces(value)) if b"=?" in value else guess(value)
    return _CONTROL.sub(" ", text).strip()


def _pieces(value: bytes) -> Iterator[str]:
    """Runs of encoded-words with one charset are decoded as one, so that shift states may run across them."""
    for charset, run in groupby(_tokens(value), key=lambda token: token[0]):
        data = b"".join(part for _, part in run)
        yield guess(data) if charset is None else decode(data, charset)


def _tokens(value: bytes) -> Iterator[tuple[str | None, bytes]]:
    """(charset, decoded bytes) of each encoded-word, (None, bytes) of plain text between them."""
    end = 0
    for match in _ENCODED_WORD.finditer(value):
        between = value[end : match.start()]
        if between and (end == 0 or between.strip()):
            yield None, between
        yield match[1].decode("ascii", "replace").lower(), _word_bytes(match[2], match[3])
        end = match.end()
    if end < len(value):
        yield None, value[end:]


def _word_bytes(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"qQ":
        return _QUOTED.sub(lambda code: bytes((int(code[1], 16),)), text.replace(b"_", b" "))
    clean = _NOT_BASE64.sub(b"", text)
    usable = clean[: len(clean) - 1] if len(clean) % 4 == 1 else clean
    try:
        return base64.b64decode(usable + b"=" * (-len(usable) % 4))
    except binascii.Error:
        return text
