"""The path of a MAIL or RCPT command (RFC 5321 section 4.1.2), read and written: in linear time, whatever is sent."""

from __future__ import annotations

import re

NULL = "<>"

_PATH = re.compile(r'\s*<(?:@[^:<>\s]*:)?((?:"(?:[^"\\]|\\.)*"|[^<>\s"])*)>(?:\s+(.*))?', re.DOTALL)
_BARE = re.compile(r"\s*([^<>\s\"]+)(?:\s+(.*))?", re.DOTALL)
_DOT_STRING = re.compile(r'[^\s()<>\[\]:;@\\,"]+')
_TO_QUOTE = re.compile(r'["\\]')
_NO_DOMAIN = re.compile(r'[\s<>"]')
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def read(argument: str) -> tuple[str, str] | None:
    """The address, without its quotes, and the parameters after it; None for what is no path.

    The null path is `<>`. A source route is dropped, as RFC 5321 section 3.3 has it; an address without angle
    brackets is taken as it is meant.
    """
    match = _PATH.fullmatch(argument) or _BARE.fullmatch(argument)
    if match is None:
        return None
    address, parameters = match[1], match[2] or ""
    local_part, at, domain = address.rpartition("@")
    if local_part.startswith('"') and local_part.endswith('"'):
        local_part = _QUOTED_PAIR.sub(r"\1", local_part[1:-1])
    return local_part + at + domain or NULL, parameters.strip()


def written(address: str) -> str:
    """The path of an address as `read` gives it: on one line, and of characters that can be seen."""
    if address == NULL:
        return NULL
    visible = "".join(char if char.isprintable() else "?" for char in address)
    local_part, at, domain = visible.rpartition("@") if "@" in visible else (visible, "", "")
    if not _DOT_STRING.fullmatch(local_part):
        local_part = '"' + _TO_QUOTE.sub(r"\\\g<0>", local_part) + '"'
    return f"<{local_part}{at}{_NO_DOMAIN.sub('?', domain)}>"
