"""What the final delivery adds to a mail (RFC 5321 section 4.4): the envelope's sender, which is lost otherwise."""

from __future__ import annotations

import re

from bounce_handler import paths

_MOST_OCTETS = 100_000
"""Of a head that is looked through."""

_EMPTY_LINE = re.compile(rb"(?<=\n)\r?\n")
_RETURN_PATH = re.compile(rb"^return-path[ \t]*:.*(?:\n[ \t].*)*\n?", re.IGNORECASE | re.MULTILINE)


def with_return_path(raw: bytes, reverse_path: str) -> bytes:
    """The mail with its reverse path, `<>` for the null path, in a Return-Path field before all, and in no other.

    A mail that begins with no line of a head stays as it is: behind a field it would be another one.
    """
    if not raw or raw[:1].isspace():
        return raw
    end = _end_of_head(raw)
    field = f"Return-Path: {paths.written(reverse_path)}\r\n".encode()
    return field + _RETURN_PATH.sub(b"", raw[:end]) + raw[end:]


def _end_of_head(raw: bytes) -> int:
    """Where the empty line stands; 0 for a head that is too long to be looked through."""
    empty_line = _EMPTY_LINE.search(raw, 0, _MOST_OCTETS)
    if empty_line is not None:
        return empty_line.start()
    return len(raw) if len(raw) <= _MOST_OCTETS else 0
