"""A tolerant MIME reader for reports: lazy, bounded, and linear in the size of the mail.

The standard library's parser reads every part of the returned message, which a report's reader never needs, and
compares each line with every open boundary, so that nesting multiplies its cost. This one splits only where it is
asked to look, at most `MAX_DEPTH` deep, and decodes only the parts that are read.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator

from bounce_handler.parsing import headers
from bounce_handler.parsing.charsets import decode
from bounce_handler.parsing.lazy import Lazy

MAX_BYTES = 2 * 1024 * 1024
"""What lies behind this is the rest of a returned message: a report says its facts first."""
MAX_DEPTH = 8
MAX_PARTS = 64
"""Parts of one multipart; real reports have two to four."""
MAX_ALL_PARTS = 200
MAX_TEXT = 128 * 1024
"""Bytes of one text part that are decoded."""

_MAX_PADDING = 80
_IN_USE = re.compile(rb"^--([^\n]{1,100}?)[ \t]{0,8}\n(?=content-)", re.MULTILINE | re.IGNORECASE)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]+")


def unify_line_ends(raw: bytes) -> bytes:
    """CRLF, CR and the CRCRLF of broken gateways as LF."""
    if b"\r" not in raw:
        return raw
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class Part:
    """One entity (RFC 2045 section 2.4): a whole mail, a part of a multipart, or an enclosed message."""

    def __init__(self, raw: bytes, depth: int = 0, default_type: str = "text/plain") -> None:
        block, self._body = headers.split(raw)
        self.headers = headers.Headers(block)
        self.depth = depth
        self.type, self.parameters = headers.parse_parameters(self.headers.get("content-type"))
        if self.type.count("/") != 1:
            self.type = default_type

    @property
    def main_type(self) -> str:
        """The part of the type before the slash."""
        return self.type.partition("/")[0]

    @Lazy
    def payload(self) -> bytes:
        """The body with its transfer encoding undone."""
        encoding = self.headers.get("content-transfer-encoding").lower()
        if encoding == "quoted-printable":
            return unify_line_ends(binascii.a2b_qp(self._body))
        if encoding == "base64":
            return unify_line_ends(_base64(self._body))
        return self._body

    @Lazy
    def text(self) -> str:
        """The decoded text, cut at `MAX_TEXT` bytes."""
        return decode(self.payload[:MAX_TEXT], self.parameters.get("charset", ""))

    @Lazy
    def children(self) -> list[Part]:
        """The parts of a multipart, or the message inside a message/rfc822 or message/global."""
        if self.depth >= MAX_DEPTH:
            return []
        if self.main_type == "multipart":
            return self._split()
        if self.type in ("message/rfc822", "message/global", "message/partial"):
            return [Part(self.payload.lstrip(b"\n"), self.depth + 1)]
        return []

    def _split(self) -> list[Part]:
        default = "message/rfc822" if self.type == "multipart/digest" else "text/plain"
        declared = self.parameters.get("boundary", "").strip().encode("utf-8", "replace")
        pieces = _pieces(self.payload, declared) or _pieces(self.payload, _seen_boundary(self.payload))
        return [Part(piece, self.depth + 1, default) for piece in pieces]

    def walk(self) -> Iterator[Part]:
        """This part and those below, in document order, without entering enclosed messages."""
        yield self
        if self.main_type == "multipart":
            for child in self.children:
                yield from child.walk()


def read(raw: bytes) -> Part:
    """The mail as a tree that unfolds as it is looked at. Never raises."""
    return Part(unify_line_ends(raw[:MAX_BYTES].removeprefix(codecs.BOM_UTF8)).lstrip(b"\n"))


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """The bytes between delimiter lines (RFC 2046 section 5.1.1); a missing last delimiter is forgiven."""
    pieces: list[bytes] = []
    start = -1
    for at, end, closes in _delimiters(b"\n" + body, boundary):
        if start >= 0:
            pieces.append(body[start : max(start, at - 1)])
        start = end
        if closes or len(pieces) >= MAX_PARTS:
            return pieces
    if start >= 0:
        pieces.append(body[start:])
    return pieces


def _delimiters(text: bytes, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
    """Of each delimiter line: where it starts, where the next begins (both in the body), whether it closes.

    Found without a pattern: every mail has its own boundary, and compiling one costs more than the search.
    """
    marker = b"\n--" + boundary
    at = text.find(marker) if boundary else -1
    while at >= 0:
        after = at + len(marker)
        rest, newline, _ = text[after : after + _MAX_PADDING].partition(b"\n")
        if rest.strip(b" \t") in (b"", b"--") and (newline or after + len(rest) == len(text)):
            yield at, after + len(rest), rest.startswith(b"--")
        at = text.find(marker, after)


def _seen_boundary(body: bytes) -> bytes:
    """The boundary that is in use where the declared one is not: gateways rewrite headers, or lose them."""
    match = _IN_USE.search(body)
    return match.group(1) if match else b""


def _base64(body: bytes) -> bytes:
    """Tolerant: text around the alphabet is skipped, a cut end is forgiven."""
    clean = _NOT_BASE64.sub(b"", body)
    try:
        return binascii.a2b_base64(clean + b"==")
    except binascii.Error:
        return body
