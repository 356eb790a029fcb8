"""From rendered content to the octets of a mail (RFC 5322, RFC 2045-2047).

Everything is UTF-8 in base64: no relay has a reason to recode it, no line of a body is longer than 76 octets, and a
link of any length arrives whole.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from struct import Struct

from core.jst import to_tokyo
from core.kinds import Kind
from core.mail import MailContent

_FIRST_WORD_OCTETS = 39
_WORD_OCTETS = 45
"""Encoded-words hold at most 75 characters, and "Subject: " stands before the first (RFC 2047 section 2)."""

_HEADER_LINE = 76
"""Characters of a header's line that holds an encoded-word (RFC 2047 section 2)."""
_BASE64_LINE = 76
"""Characters of an encoded line (RFC 2045 section 6.8)."""

_CRLF = b"\r\n"
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*", re.ASCII)
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is particular to one mail besides its content."""

    kind: Kind
    sender_address: str
    recipient: str
    reply_to: str | None
    message_id_header: str
    date: datetime


def compose(content: MailContent, envelope: Envelope) -> bytes:
    """The mail, with CRLF line ends throughout and no bare CR or LF. The same input gives the same octets.

    Raises ValueError for an address that cannot stand in a header.
    """
    boundary = b"=_" + envelope.message_id_header.strip("<>").partition(".")[0].encode()
    lines = [*_headers(content, envelope, boundary), b""]
    for subtype, text in ((b"plain", content.text), (b"html", content.html)):
        lines += [b"--" + boundary, *_part(subtype, text)]
    lines += [b"--" + boundary + b"--", b""]
    return _CRLF.join(lines)


def _headers(content: MailContent, envelope: Envelope, boundary: bytes) -> Iterator[bytes]:
    yield b"Date: " + _date(envelope.date.replace(microsecond=0))
    yield _from(content.sender_name, envelope.sender_address)
    if envelope.reply_to is not None:
        yield b"Reply-To: " + _angle(envelope.reply_to)
    yield b"To: " + _angle(envelope.recipient)
    yield b"Subject: " + encode_text(content.subject)
    yield b"Message-ID: " + envelope.message_id_header.encode()
    yield b"Auto-Submitted: auto-generated"  # RFC 3834 section 5
    yield b"X-Auto-Response-Suppress: All"
    yield b"X-Todoke-Kind: " + envelope.kind.encode()
    yield b"Content-Language: ja"
    yield b"MIME-Version: 1.0"
    yield b'Content-Type: multipart/alternative; boundary="' + boundary + b'"'


@lru_cache(maxsize=16)
def _date(second: datetime) -> bytes:
    return format_datetime(to_tokyo(second)).encode()


def _from(name: str, address: str) -> bytes:
    parts = b"From: " + encode_phrase(name), _angle(address)
    line = b" ".join(parts)
    return line if len(line) <= _HEADER_LINE else b"\r\n ".join(parts)


def _part(subtype: bytes, text: str) -> Iterator[bytes]:
    yield b"Content-Type: text/" + subtype + b"; charset=utf-8"
    yield b"Content-Transfer-Encoding: base64"
    yield b""
    whole = text if text.endswith(("\r", "\n")) else text + "\n"
    lines = _LINE_END.sub("\n", whole) if "\r" in whole else whole
    octets = lines.replace("\n", "\r\n").encode()
    encoded = b64encode(octets)
    lines_of = _lines(len(encoded) // _BASE64_LINE)
    yield _CRLF.join(filter(None, (*lines_of.unpack_from(encoded), encoded[lines_of.size :])))


@lru_cache(maxsize=1024)
def _lines(count: int) -> Struct:
    """Takes whole lines apart at once: half of what a mail costs would be slicing them one by one."""
    return Struct(f"{_BASE64_LINE}s" * count)


def _angle(address: str) -> bytes:
    """An address as it is: old ones such as a..b@docomo.ne.jp reach their mailbox in no other spelling."""
    if _ADDRESS.fullmatch(address) is None:
        raise ValueError("an address with characters that cannot stand in a header")
    return f"<{address}>".encode("ascii")


@lru_cache(maxsize=1024)
def encode_text(text: str) -> bytes:
    """Unstructured text as a header value: as it is where it is short and plain ASCII, else as encoded-words.

    Control characters, line breaks among them, become a space: a header has one line.
    """
    return _encode(text, _PLAIN)


@lru_cache(maxsize=64)
def encode_phrase(text: str) -> bytes:
    """A display name (RFC 5322 section 3.2.5): as it is where it is short and of atoms, else as encoded-words."""
    return _encode(text, _ATOMS)


def _encode(text: str, as_it_is: re.Pattern[str]) -> bytes:
    text = _CONTROLS.sub(" ", text)
    short = len(text) <= _FIRST_WORD_OCTETS and "=?" not in text
    if short and (not text or as_it_is.fullmatch(text)):
        return text.encode()
    return b"\r\n ".join(b"=?utf-8?b?" + b64encode(chunk) + b"?=" for chunk in _chunks(text))


def _chunks(text: str) -> Iterator[bytes]:
    """Pieces of whole characters, each for one encoded-word (RFC 2047 section 5)."""
    chunk, room = b"", _FIRST_WORD_OCTETS
    for character in text:
        octets = character.encode()
        if len(chunk) + len(octets) > room:
            yield chunk
            chunk, room = b"", _WORD_OCTETS
        chunk += octets
    yield chunk
