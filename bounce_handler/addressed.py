"""A mail from a file has no envelope any more: the return path that it came to is read from its header fields."""

from __future__ import annotations

import re

from bounce_handler.reception import token_digest
from core.reports import Arrival
from core.return_path import ReturnPaths

_MOST_OCTETS = 262_144
_FIELDS = (
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "to",
    "received",
)
"""Where the hosts on the way name an envelope recipient, the last host's word first."""

_FIELD = re.compile(r"^([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_LOCAL_PART = r"([a-z0-9-]{1,64})@"
_TRACED = re.compile(r"\sfor\s+<?" + _LOCAL_PART, re.IGNORECASE)
_ADDRESS = re.compile(_LOCAL_PART, re.IGNORECASE)


def arrival_of(raw: bytes, return_paths: ReturnPaths) -> Arrival:
    """The mail with the message that its return path was signed for; only a signature that verifies counts."""
    candidates = _candidates(raw, return_paths)
    for local_part in candidates:
        message_id = return_paths.verify(local_part)
        if message_id is not None:
            return Arrival("file", token_digest(local_part), message_id, raw)
    if candidates:
        return Arrival("file", token_digest(candidates[0]), None, raw, "bad-token")
    return Arrival("file", token_digest(""), None, raw)


def _candidates(raw: bytes, return_paths: ReturnPaths) -> list[str]:
    """Local parts of the return path's form at our domain, the most trustworthy field's first."""
    found: dict[str, list[str]] = {name: [] for name in _FIELDS}
    for name, value in _FIELD.findall(_head(raw)):
        if name.lower() in found:
            found[name.lower()] += _local_parts(name.lower(), value, return_paths)
    return [local_part for name in _FIELDS for local_part in found[name]]


def _head(raw: bytes) -> str:
    text = raw[:_MOST_OCTETS].decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    return text.partition("\n\n")[0]


def _local_parts(name: str, value: str, return_paths: ReturnPaths) -> list[str]:
    pattern = _TRACED if name == "received" else _ADDRESS
    return [
        match[1]
        for match in pattern.finditer(value)
        if return_paths.is_form(match[1]) and value[match.end() :].lower().startswith(return_paths.domain)
    ]
