"""One mailbox in the spellings that hosts on the way give it: quoted, encoded, with its domain in either form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_UNICODE_CHAR = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
# What has to be encoded in xtext, and nothing else: `taro+41@` is the address of somebody who likes numbers.
_ENCODED = r"\+(2B|3D|20|7F|[0189A-F][0-9A-F])"
_ENCODED_OCTET = re.compile(_ENCODED.encode())
_XTEXT = re.compile(rf"(?:[!-*,-<>-~]|{_ENCODED})+")


def spelled(wanted: str, items: Iterable[T], address: Callable[[T], str]) -> list[T]:
    """Those whose address is `wanted`; only where there is none, those whose address becomes it once decoded.

    So `soumu+2Bg@` stands for `soumu+g@` in a report that names no `soumu+g@`, and a mailbox that is really called
    `soumu+2Bg` is found as such.
    """
    known = list(items)
    key = spelling_key(wanted)
    as_written = [item for item in known if spelling_key(address(item)) == key]
    return as_written or [item for item in known if spelling_key(decoded(address(item))) == key]


def spelling_key(address: str) -> str:
    """For comparing: without case and quotes (RFC 5321 section 4.1.2), the domain in Unicode."""
    local, at, domain = address.strip().rpartition("@")
    bare = _QUOTED.sub(lambda quoted: _QUOTED_PAIR.sub(r"\1", quoted[1]), local)
    return unicodedata.normalize("NFC", bare.lower()) + at + _domain_key(domain)


def decoded(address: str) -> str:
    """The address without xtext (RFC 3461 section 4) and `utf-8-addr-xtext` (RFC 6533 section 3), where it has any."""
    return _UNICODE_CHAR.sub(_character, _from_xtext(address.strip()))


def _domain_key(domain: str) -> str:
    folded = unicodedata.normalize("NFKC", domain).lower().replace("\u3002", ".")
    return ".".join(map(_label_key, folded.rstrip(".").split(".")))


def _label_key(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return unicodedata.normalize("NFKC", label[4:].encode("ascii").decode("punycode")).lower()
    except UnicodeError:
        return label


def _from_xtext(text: str) -> str:
    if "+" not in text or not _XTEXT.fullmatch(text):
        return text
    octets = _ENCODED_OCTET.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return text


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else found[0]
