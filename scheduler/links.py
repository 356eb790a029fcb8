"""Links that our mails carry: https, a configured host, nothing that a reader or a mail program could cut."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

LONG_LINK = 74
"""A line of plain text mail survives readers that break at 76 (contract section 8)."""

MAX_LINK = 4096

_URL = re.compile(r"[\x21-\x7e]+")


def link_problem(text: str, hosts: Collection[str]) -> tuple[str, str] | None:
    """What is wrong with a link, as error code and sentence; None where nothing is."""
    if not text.strip():
        return "empty", "must not be empty"
    if len(text) > MAX_LINK:
        return "too-long", f"has at most {MAX_LINK} characters"
    if _URL.fullmatch(text) is None or any(char in text for char in '<>"\\^`{|}'):
        return "format", "must be a URL of printable ASCII characters without white space"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "format", "must be a URL"
    if parts.scheme != "https":
        return "scheme", "must begin with https://"
    if "@" in parts.netloc:
        return "user-part", "must not hold a user part"
    if (parts.hostname or "") not in hosts or port not in (None, 443):
        return "host", "must be on a configured host (TODOKE_LINK_HOSTS)"
    return None
