"""From rendered content to the octets of a mail (RFC 5322, RFC 2045-2047).

Everything is UTF-8 in base64: no relay has a reason to recode it, no line of a body is longer than 76 octets, and a
link of any length arrives whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from functools import cache, lru_cache
from struct import Struct
from typing import NamedTuple

from pybase64 import b64encode

from core.jst import to_tokyo
from core.kinds import Kind
from core.mail import MailContent, Passages

_FIRST_WORD_OCTETS = 39
_WORD_OCTETS = 45
"""Encoded-words hold at most 75 characters, and "Subject: " stands before the first (RFC 2047 section 2)."""

_HEADER_LINE = 76
"""Characters of a header's line that holds an encoded-word (RFC 2047 section 2)."""
_BASE64_LINE = 76
"""Characters of an encoded line (RFC 2045 section 6.8)."""

_CRLF = b"\r\n"
_TEXT, _HTML = (
    b"\r\nContent-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" % subtype
    for subtype in (b"plain", b"html")
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*", re.ASCII)
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+", re.ASCII)


class Envelope(NamedTuple):
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
    return b"".join(
        (
            b"Date: ",
            _date(envelope.date.replace(microsecond=0)),
            _from(content.sender_name, envelope.sender_address, envelope.reply_to),
            b"To: ",
            _angle(envelope.recipient),
            b"\r\nSubject: ",
            encode_text(content.subject),
            b"\r\nMessage-ID: ",
            envelope.message_id_header.encode(),
            _of_kind(envelope.kind),
            boundary,
            b'"\r\n\r\n--',
            boundary,
            _TEXT,
            _body(content.text_passages),
            b"\r\n--",
            boundary,
            _HTML,
            _body(content.html_passages),
            b"\r\n--",
            boundary,
            b"--\r\n",
        )
    )


@cache
def _of_kind(kind: Kind) -> bytes:
    """What stands between the Message-ID and the boundary."""
    return (
        b"\r\nAuto-Submitted: auto-generated"  # RFC 3834 section 5
        b"\r\nX-Auto-Response-Suppress: All"
        b"\r\nX-Todoke-Kind: %b"
        b"\r\nContent-Language: ja"
        b"\r\nMIME-Version: 1.0"
        b'\r\nContent-Type: multipart/alternative; boundary="' % kind.encode()
    )


@lru_cache(maxsize=16)
def _date(second: datetime) -> bytes:
    return format_datetime(to_tokyo(second)).encode()


@lru_cache(maxsize=1024)
def _from(name: str, address: str, reply_to: str | None) -> bytes:
    """From and Reply-To, behind the line before them."""
    parts = b"From: " + encode_phrase(name), _angle(address)
    line = b" ".join(parts)
    whole = line if len(line) <= _HEADER_LINE else b"\r\n ".join(parts)
    replies = b"" if reply_to is None else b"\r\nReply-To: " + _angle(reply_to)
    return b"\r\n" + whole + replies + b"\r\n"


def _body(passages: Passages) -> bytes:
    apart = len(passages) > 1 and "\r" not in "".join(passages[1::2])  # else a line end may lie across two of them
    octets = _joined(passages) if apart else _octets("".join(passages))
    encoded = b64encode(octets if octets.endswith(_CRLF) else octets + _CRLF)
    lines_of = _lines(len(encoded) // _BASE64_LINE)
    last = encoded[lines_of.size :]
    return _CRLF.join((*lines_of.unpack_from(encoded), last) if last else lines_of.unpack(encoded))


def _joined(passages: Passages) -> bytes:
    parts = [b""] * len(passages)
    parts[::2] = map(_shared_octets, passages[::2])
    parts[1::2] = map(_octets, passages[1::2])
    return b"".join(parts)


def _octets(text: str) -> bytes:
    lines = _LINE_END.sub("\n", text) if "\r" in text else text
    return lines.encode().replace(b"\n", _CRLF)


_shared_octets = lru_cache(maxsize=4096)(_octets)
"""What many mails share: to encode Japanese takes longer than everything else that is done with it."""


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
