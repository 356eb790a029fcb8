"""What a developer should look at in a captured mail before real recipients get it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sink.archive import Mail
from sink.headers import first_value, header_block
from sink.reading import ReadMail
from sink.simulator import Misuse, read_address

MAX_LINE_OCTETS = 998
MAX_LINK_CHARACTERS = 74
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_LONG_WORD = re.compile(rb"=\?[^?\s]+\?[bBqQ]\?[^?]*\?=")
_LONG_LINE = re.compile(rb"[^\n]{%d}" % (MAX_LINE_OCTETS + 2))
_REQUIRED = (b"From", b"Date", b"Message-ID")


@dataclass(frozen=True, slots=True)
class Hint:
    """One remark. `code` is stable."""

    code: str
    text: str


def hints_for(mail: Mail, raw: bytes, read: ReadMail) -> list[Hint]:
    """The remarks on a mail, the gravest kind first."""
    return [*_addresses(mail.recipients), *_wire_format(raw), *_headers(raw), *_links(read)]


def _addresses(recipients: Iterable[str]) -> Iterator[Hint]:
    for address in recipients:
        found = read_address(address)
        if isinstance(found, Misuse):
            yield Hint("simulator-address", f"{address} was taken as an ordinary address: {found.problem}")


def _wire_format(raw: bytes) -> Iterator[Hint]:
    if _BARE_LINE_END.search(raw):
        yield Hint("bare-line-end", "a line ends in LF or CR alone; mail servers want CRLF (RFC 5321 section 2.3.8)")
    if _LONG_LINE.search(raw):
        yield Hint("long-line", f"a line is over {MAX_LINE_OCTETS} octets; relays cut it (RFC 5322 section 2.1.1)")


def _headers(raw: bytes) -> Iterator[Hint]:
    block = header_block(raw)
    for name in _REQUIRED:
        if first_value(block, name) is None:
            yield Hint("missing-header", f"{name.decode()} is missing")
    if not block.isascii():
        yield Hint("raw-header", "a header holds bytes beyond ASCII; encode them (RFC 2047)")
    if any(len(word) > 75 for word in _LONG_WORD.findall(block)):
        yield Hint("long-encoded-word", "an encoded-word is over 75 characters (RFC 2047 section 2)")


def _links(read: ReadMail) -> Iterator[Hint]:
    lines = [line.strip() for line in read.text.splitlines()]
    for link in read.links:
        if len(link) > MAX_LINK_CHARACTERS:
            yield Hint(
                "long-link", f"a link has {len(link)} characters; over {MAX_LINK_CHARACTERS} mail programs cut it"
            )
        if link in read.text and link not in lines:
            yield Hint("link-not-alone", "a link shares its line with other text; some programs then link too much")
