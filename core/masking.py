"""Mail addresses made fit for eyes that need not see them whole."""

from __future__ import annotations

import re

_HIDDEN = "***"
_AT = re.compile("＠|%40")
_ADDRESS = re.compile(r"(?:\"[^\"\n]{1,256}\"|[^\s<>()\[\]\\,;:\"'@]{1,256})@[^\s<>()\[\]\\,;:\"'@]+")
_PLAIN_DOMAIN = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]")


def mask_email(address: str) -> str:
    """`soumu@example.jp` becomes `s***@example.jp`; the domain stays, as it is what goes wrong most often.

    Any string is accepted: without a local part of two characters and a domain that looks like one, more is
    hidden, and what comes back is always one line.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not _PLAIN_DOMAIN.fullmatch(domain):
        return _HIDDEN
    shown = local[0] if len(local) > 1 and local[0].isprintable() else ""
    return f"{shown}{_HIDDEN}@{domain}"


def mask_addresses(text: str) -> str:
    """A text with every address in it masked, also one whose @ is written ＠ or %40, as servers and links have it."""
    text = _AT.sub("@", text)
    return _ADDRESS.sub(_masked, text) if "@" in text else text


def _masked(match: re.Match[str]) -> str:
    already = match[0].startswith(f"{_HIDDEN}@")
    return match[0] if already else mask_email(match[0])
